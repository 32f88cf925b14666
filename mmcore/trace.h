/* SPDX-License-Identifier: MIT */
/*
 * What the kernel did, in order: the steps of `explain` and, later, the event
 * stream. Each kind of event stands once in trace.def. The core only records;
 * the host gives the room, so nothing is allocated and no step can fail for
 * lack of it: what does not fit is counted.
 */
#ifndef MMCORE_TRACE_H
#define MMCORE_TRACE_H

#include "mmcore/ram.h"

#define TRACE_ARGS_MAX 6

enum trace_id {
#define TRACE(id, fn, step, n, args) TRACE_##id,
#include "mmcore/trace.def"
#undef TRACE
	NR_TRACE_IDS,
};

struct trace_event {
	uint16_t id;			/* enum trace_id */
	uint16_t reserved[3];
	const char *note;		/* why the step did not apply; or NULL */
	const char *fn;			/* where, unless it is trace_kinds[id].fn */
	uint64_t arg[TRACE_ARGS_MAX];	/* as trace_kinds[id].args names them */
};

struct trace {
	struct trace_event *events;
	uint64_t capacity;		/* events there is room for */
	uint64_t nr;			/* events recorded */
	uint64_t lost;			/* events that did not fit */
};

struct trace_kind {
	const char *name;	/* lower-case id: the event's name */
	const char *fn;		/* the kernel function */
	const char *step;	/* what it did there */
	int n;			/* the step of do_mmap_pgoff(), 1 … 11, or 0 */
	/* Space separated NAME:FORMAT; the formats are listed in trace.def. */
	const char *args;
};

extern const struct trace_kind trace_kinds[NR_TRACE_IDS];

void trace_record(struct trace *t, enum trace_id id, const char *note,
		  const uint64_t *arg, unsigned int nr);

/* The last step of a call that is refused: -@err by the function @fn, which may yet
 * be overruled by what called it. */
void trace_refusal(struct trace *t, int err, const char *why, const char *fn);

/*
 * trace_event(s, ID, arg…) narrates a step; trace_skip(s, ID, "why") one that
 * did not apply. Both cost one predictable branch where nobody listens.
 */
#define trace_event(s, id, ...)						\
	do {								\
		if (unlikely((s)->trace)) {				\
			const uint64_t trace_arg_[] = { 0, ##__VA_ARGS__ }; \
			trace_record((s)->trace, TRACE_##id, NULL,	\
				     trace_arg_ + 1,			\
				     sizeof(trace_arg_) / 8 - 1);	\
		}							\
	} while (0)

#define trace_skip(s, id, why)						\
	do {								\
		if (unlikely((s)->trace))				\
			trace_record((s)->trace, TRACE_##id, (why), NULL, 0); \
	} while (0)

#endif
