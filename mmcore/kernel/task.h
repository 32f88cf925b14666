/* SPDX-License-Identifier: MIT */
/* Processes: the pid tree, limits, capabilities. */
#ifndef MMCORE_TASK_H
#define MMCORE_TASK_H

#include "mmcore/kernel/kernel.h"
#include "mmcore/uapi.h"

#define MAX_PID (1u << 22)	/* the largest pid; pids are not used again */

/**
 * alloc_task - make a task
 * @comm: its name, NUL-terminated and padded with NULs
 *
 * It has the next pid and is in the tree of pids; it has no address space, no files and
 * no parent yet. Returns: the task, or none when no frame can be had. O(log tasks).
 * Linux: kernel/fork.c dup_task_struct() and alloc_pid(), 6.18.
 */
task_ref alloc_task(struct step *s, const char comm[TASK_COMM_LEN]);
/* Undo the last alloc_task(), and give its pid back. O(log tasks). */
void undo_alloc_task(struct step *s, task_ref t);
/* Take the task out of the tree and of its parent's children, and free it. Its own
 * children become those of pid 1, or nobody's where pid 1 is gone. The caller has let go of
 * its address space and files. O(children + log tasks). */
void free_task(struct step *s, task_ref t);

/* @parent becomes the parent of @child, whoever was before; none: nobody is. O(1). */
void set_parent_task(struct step *s, task_ref child, task_ref parent);

/* The soft limit of the current process, in the unit of the resource (mostly bytes).
 * @resource: RLIMIT_*, below RLIM_NLIMITS. */
static inline uint64_t rlimit(const struct step *s, unsigned int resource)
{
	return task_at(s->m, s->current)->rlim[resource].rlim_cur;
}

/* Does the current process have all capabilities? Here a process has all or none. */
static inline bool capable(const struct step *s)
{
	return task_at(s->m, s->current)->flags & PF_PRIVILEGED;
}

/* Limits as the architecture's words can hold them: on 32 bits what does not fit is
 * RLIM_INFINITY. */
struct rlimit rlimit_of(const struct machine *m, uint64_t soft, uint64_t hard);

/* Fill in the limits that a login on Debian begins with. */
void init_rlimits(struct rlimit rlim[RLIM_NLIMITS]);

/* The address space of the current process. */
static inline mm_ref current_mm(const struct step *s)
{
	return task_at(s->m, s->current)->mm;
}

#endif
