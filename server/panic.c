/* SPDX-License-Identifier: MIT */
/* The daemon's mm_panic(): to the guard of this thread, or the end. */
#include <stdio.h>
#include <stdlib.h>

#include "mmcore/lib/assert.h"
#include "server/log.h"
#include "server/panic.h"

static _Thread_local struct panic_guard *innermost;

void panic_guard_enter(struct panic_guard *guard)
{
	guard->outer = innermost;
	innermost = guard;
}

void panic_guard_leave(struct panic_guard *guard)
{
	innermost = guard->outer;
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
