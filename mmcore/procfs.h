/* SPDX-License-Identifier: MIT */
/* The files of /proc: who prints what. Internal to procfs*.c. */
#ifndef MMCORE_PROCFS_H
#define MMCORE_PROCFS_H

#include "mmcore/arch.h"
#include "mmcore/text.h"

struct proc_file {
	const char *name;
	void (*show)(const struct machine *m, struct text *t);
};

struct proc_pid_file {
	const char *name;
	void (*show)(const struct machine *m, task_ref task, struct text *t);
};

/* ---- one line of maps (procfs_task.c) ---- */

#define NAME_COLUMN_MAX 73	/* where a name begins at most */

struct map_prefix {
	uint64_t start, end, vm_flags;
	uint64_t offset, ino;	/* bytes */
	uint32_t major, minor;
	uint32_t column;	/* where a name begins */
};

static inline uint32_t name_column(const struct machine *m)
{
	return m->arch->task_size > UINT32_MAX ? 25 + 8 * 6 : 25 + 4 * 6;
}

/* The line, at most NAME_COLUMN_MAX + 64 bytes and @name ("": none), into @line. */
char *put_map_prefix(char *line, const struct map_prefix *map,
		     const char *name);
void show_map_vma(const struct machine *m, vma_ref vma, struct text *t);
/* [vsyscall], which belongs to no process. False: the architecture has none. */
bool show_gate_vma(const struct machine *m, struct text *t);

/* ---- files ---- */

/* procfs_smaps.c */
void show_smaps(const struct machine *m, task_ref task, struct text *t);
void show_smaps_rollup(const struct machine *m, task_ref task, struct text *t);

/* procfs_machine.c: files of the machine. Ends with { NULL, NULL }. */
extern const struct proc_file proc_files[];

/* procfs_task.c: files of a process. Ends with { NULL, NULL }. */
extern const struct proc_pid_file proc_pid_files[];

#endif
