/* SPDX-License-Identifier: MIT */
/*
 * Recorded answers: deeds and what the kernel said to them, as a text file that
 * any host can compare the simulation with.
 *
 *	# a comment
 *	mmap_min_addr 4096		the sysctl of the kernel that was asked; then,
 *					if not 128, "read_ahead_kb 8192" of its disk
 *	+ 1 maps 00010000-…		a line of the state, from here on
 *	> brk 1 0x55555555a123		a deed
 *	= ret 0x55555555a123		its outcome
 *	- 1 VmSize:	     136 kB	a line that is gone
 *	+ 1 VmSize:	     144 kB
 */
#ifndef TESTS_ORACLE_RECORD_H
#define TESTS_ORACLE_RECORD_H

#include "tests/oracle/answer.h"
#include "tests/oracle/deed.h"

struct recorder {
	FILE *file;
	struct answer last;
};

/* The state before the first deed. */
void record_begin(struct recorder *r, FILE *file, uint64_t mmap_min_addr,
		  uint64_t read_ahead_kb,
		  const struct answer *start);
void record_deed(struct recorder *r, const struct deed *deed,
		 const struct answer *a);
void record_end(struct recorder *r);

/**
 * replay - compare the simulation with a file of recorded answers
 * @path: the file
 * @nr:   the deeds compared are added to it
 * Prints the first difference. Returns: 0 if there is none, 1, or 99 if the
 * file cannot be read.
 */
int replay(const char *path, uint64_t *nr);

#endif
