/* SPDX-License-Identifier: MIT */
/*
 * What the daemon does where an invariant of ours breaks (mmcore/lib/assert.h):
 * leave the core by a jump to whoever guards the current thread. Nothing in
 * the core owns memory or locks, so nothing is lost by it but the operation.
 * A panic that nobody guards ends the daemon.
 */
#ifndef SERVER_PANIC_H
#define SERVER_PANIC_H

#include <setjmp.h>
#include <stdbool.h>

struct panic_report {
	char expr[96];
	char file[48];
	int line;
};

struct panic_guard {
	jmp_buf env;
	struct panic_guard *outer;	/* guards nest */
	struct panic_report report;
};

/*
 *	struct panic_guard guard;
 *
 *	panic_guard_enter(&guard);
 *	if (_setjmp(guard.env))
 *		… it panicked: guard.report; the guard is gone …
 *	else
 *		… run, then panic_guard_leave(&guard) …
 *
 * _setjmp() saves no signal mask: it must not cost a system call.
 */
void panic_guard_enter(struct panic_guard *guard);
void panic_guard_leave(struct panic_guard *guard);

#endif
