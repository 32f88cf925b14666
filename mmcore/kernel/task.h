/* SPDX-License-Identifier: MIT */
/* Processes: the pid tree, limits, capabilities. */
#ifndef MMCORE_TASK_H
#define MMCORE_TASK_H

#include "mmcore/kernel/kernel.h"
#include "mmcore/uapi.h"

#define MAX_PID (1u << 22)	/* the largest pid; pids are not used again */

/* A new task with the next pid, in the pid tree; no mm, no files. None: no RAM. */
task_ref alloc_task(struct step *s, const char comm[TASK_COMM_LEN]);
/* The task alloc_task() just made is not wanted after all: its pid as well. */
void undo_alloc_task(struct step *s, task_ref t);
/* Unlink and free it; its children become pid 1's, or nobody's. */
void free_task(struct step *s, task_ref t);

/* Make @child a child of @parent (none: nobody's), wherever it was before. */
void set_parent_task(struct step *s, task_ref child, task_ref parent);

/* The current process's soft limit, in bytes (or as the resource counts). */
static inline uint64_t rlimit(const struct step *s, unsigned int resource)
{
	return task_at(s->m, s->current)->rlim[resource].rlim_cur;
}

/* capable(): has the current process the kernel's special rights? */
static inline bool capable(const struct step *s)
{
	return task_at(s->m, s->current)->flags & PF_PRIVILEGED;
}

/* A pair of limits as the machine's words can say it. */
struct rlimit rlimit_of(const struct machine *m, uint64_t soft, uint64_t hard);

/* A Debian login's defaults (design of machine.create). */
void init_rlimits(struct rlimit rlim[RLIM_NLIMITS]);

static inline mm_ref current_mm(const struct step *s)
{
	return task_at(s->m, s->current)->mm;
}

#endif
