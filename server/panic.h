/* SPDX-License-Identifier: MIT */
/*
 * What the daemon does where an invariant of ours breaks (mmcore/lib/assert.h), or a
 * wild pointer leaves the memory of a machine: leave by a jump to whoever guards the
 * current thread. Nothing in the core owns memory or locks, so nothing is lost by it but
 * the operation. A panic that nobody guards ends the daemon.
 */
#ifndef SERVER_PANIC_H
#define SERVER_PANIC_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

struct panic_report {
	bool later;		/* nothing is wrong: it takes too long here */
	char expr[96];
	char file[48];
	int line;
};

struct panic_guard {
	jmp_buf env;
	struct panic_guard *outer;	/* guards nest */
	/* Nothing but the core runs under it, so that any SIGSEGV is the core's; under
	 * others only one at an address of panic_region() is. */
	bool core_only;
	struct panic_report report;
};

/*
 *	struct panic_guard guard;
 *
 *	panic_guard_enter(&guard, core_only);
 *	if (_setjmp(guard.env))
 *		… it panicked: guard.report; the guard is gone …
 *	else
 *		… run, then panic_guard_leave(&guard) …
 *
 * _setjmp() saves no signal mask: it must not cost a system call.
 */
void panic_guard_enter(struct panic_guard *guard, bool core_only);
void panic_guard_leave(struct panic_guard *guard);

/* Leave for the guard of this thread: what runs takes longer than it may here. Nothing
 * may have been changed. */
_Noreturn void panic_later(void);

/* Where this thread may come upon wild pointers: a machine's memory, and what lies near
 * it. @bytes is 0 where it looks at none. */
void panic_region(const void *start, size_t bytes);

/* Take SIGSEGV, SIGBUS and SIGFPE, for the whole process. Once, before there are threads. */
void panic_catch_faults(void);

#endif
