/* SPDX-License-Identifier: MIT */
/* The table of event kinds, and the one function that records an event. */
#include "mmcore/trace.h"

const struct trace_kind trace_kinds[NR_TRACE_IDS] = {
#define TRACE(id, fn, step, n, args) { #id, fn, step, n, args },
#include "mmcore/trace.def"
#undef TRACE
};

void trace_record(struct trace *t, enum trace_id id, const char *note,
		  const uint64_t *arg, unsigned int nr)
{
	struct trace_event *e;

	MM_ASSERT(nr <= TRACE_ARGS_MAX);
	if (t->nr == t->capacity) {
		t->lost++;
		return;
	}
	e = &t->events[t->nr++];
	*e = (struct trace_event){ .id = (uint16_t)id, .note = note };
	for (unsigned int i = 0; i < nr; i++)
		e->arg[i] = arg[i];
}

void trace_refusal(struct trace *t, int err, const char *why, const char *fn)
{
	const uint64_t arg = (uint64_t)err;

	trace_record(t, TRACE_refused, why, &arg, 1);
	if (!t->lost)
		t->events[t->nr - 1].fn = fn;
}
