/* SPDX-License-Identifier: MIT */
/*
 * The system calls that a recording tells of: one table for what records them,
 * for what reads logs of strace, and for what replays them.
 */
#ifndef CLIENTS_CLI_CALLS_H
#define CLIENTS_CLI_CALLS_H

#include <stdbool.h>
#include <stddef.h>

/* How a call is replayed. */
enum call_kind {
	CALL_PLAIN,		/* the method, with the arguments as they are */
	CALL_FD,		/* likewise; the member fd must be a simulated one */
	CALL_MMAP,		/* fd matters unless MAP_ANONYMOUS */
	CALL_OPEN,
	CALL_CLOSE,
	CALL_CLOSE_RANGE,
	CALL_DUP,		/* the result is a descriptor like the first */
	CALL_DUP2,
	CALL_FCNTL,
	CALL_PIPE,
	CALL_VECTOR,		/* one read or write for each piece */
	CALL_TWO_FDS,		/* splice and its like: fd_in and fd_out */
	CALL_NEW_FD,		/* a descriptor of a kind that is not simulated */
	CALL_NEW_PAIR,		/* two of them */
	CALL_FORK,
	CALL_EXIT,
	CALL_LIMIT,
};

#define CALL_ARGS 6

/**
 * struct call - one system call
 * @name:   as strace has it
 * @nr:     its number on x86-64
 * @method: what replays it; NULL: @kind does it alone
 * @args:   a letter each: x a number without sign, d a signed int, l a signed
 *          long, f flags, p a path, n another string, v an iovec (the next
 *          argument is its length), o a pointer to an offset, 2 a pointer to
 *          two descriptors, r a pointer to a struct rlimit64, - not kept
 * @params: the method's parameter for each argument; "" is none
 * @blocks: may sleep until another process does something
 */
struct call {
	const char *name;
	int nr;
	enum call_kind kind;
	const char *method;
	const char *args;
	const char *params[CALL_ARGS];
	bool blocks;
};

extern const struct call calls[];
extern const size_t nr_calls;

/* The call of that name or number; NULL: outside the simulation. */
const struct call *call_by_name(const char *name, size_t len);
const struct call *call_by_nr(long nr);

/* "ENOENT" for 2; "" for a number that has no name. */
const char *errno_name(int number);

#endif
