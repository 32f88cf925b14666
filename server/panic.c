/* SPDX-License-Identifier: MIT */
/*
 * The daemon's mm_panic(): to the guard of this thread, or the end.
 *
 * A fault of the host's kind takes the same way. The handler runs on a stack of its own,
 * of each thread that ever entered a guard; it touches nothing but the guard and jumps.
 * A jump out of a handler is safe here because what was interrupted holds no lock and
 * owns no memory: it is the core (core_only), or somebody who was reading a machine's
 * memory (panic_region()). Any other fault is the daemon's own and ends it as it would
 * without us, with a core file.
 */
#include "server/panic.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/lib/assert.h"
#include "server/log.h"

#define FAULT_STACK	65536
#define NEAR_BYTES	(64UL << 20)	/* a member of what a wild pointer points to */

static _Thread_local struct panic_guard *innermost;
static _Thread_local struct { uintptr_t start; size_t bytes; } region;
static _Thread_local bool has_stack;
static _Thread_local char fault_stack[FAULT_STACK];

static void use_own_stack(void)
{
	const stack_t stack = { .ss_sp = fault_stack, .ss_size = FAULT_STACK };

	sigaltstack(&stack, NULL);
	has_stack = true;
}

void panic_guard_enter(struct panic_guard *guard, bool core_only)
{
	if (unlikely(!has_stack))
		use_own_stack();
	guard->core_only = core_only;
	guard->report.later = false;
	guard->outer = innermost;
	innermost = guard;
}

void panic_guard_leave(struct panic_guard *guard)
{
	innermost = guard->outer;
}

void panic_region(const void *start, size_t bytes)
{
	region.start = (uintptr_t)start;
	region.bytes = bytes;
}

_Noreturn void mm_panic(const char *expr, const char *file, int line)
{
	struct panic_guard *guard = innermost;

	log_error("assertion failed: %s (%s:%d)", expr, file, line);
	if (!guard)
		abort();
	innermost = guard->outer;
	snprintf(guard->report.expr, sizeof(guard->report.expr), "%s", expr);
	snprintf(guard->report.file, sizeof(guard->report.file), "%s", file);
	guard->report.line = line;
	_longjmp(guard->env, 1);
}

_Noreturn void panic_later(void)
{
	struct panic_guard *guard = innermost;

	MM_ASSERT(guard);
	innermost = guard->outer;
	guard->report.later = true;
	_longjmp(guard->env, 1);
}

/* ---- faults ---- */

static bool near_region(uintptr_t addr)
{
	return region.bytes && addr + NEAR_BYTES >= region.start &&
	       addr < region.start + region.bytes + NEAR_BYTES;
}

/* "0x7f… can be accessed", without stdio: this is a signal handler. */
static void report_fault(struct panic_report *report, int signo, uintptr_t addr)
{
	static const char after[] = " can be accessed", divisor[] = "a divisor is not 0";
	char *to = report->expr;

	memcpy(report->file, "a wild value", 13);
	report->line = 0;
	if (signo == SIGFPE) {
		memcpy(to, divisor, sizeof(divisor));
		return;
	}

	*to++ = '0';
	*to++ = 'x';
	for (int shift = 60; shift >= 0; shift -= 4)
		if (addr >> shift || !shift)
			*to++ = "0123456789abcdef"[addr >> shift & 15];
	memcpy(to, after, sizeof(after));
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
	struct panic_guard *guard = innermost;
	const uintptr_t addr = (uintptr_t)info->si_addr;

	(void)context;
	if (!guard || !(guard->core_only || signo == SIGFPE || near_region(addr))) {
		signal(signo, SIG_DFL);	/* the access comes again, and ends us */
		return;
	}
	innermost = guard->outer;
	report_fault(&guard->report, signo, addr);
	_longjmp(guard->env, 1);
}

void panic_catch_faults(void)
{
	struct sigaction action = {
		.sa_sigaction = on_fault,
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};

	sigemptyset(&action.sa_mask);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGFPE, &action, NULL);
}
