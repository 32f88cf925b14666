/* SPDX-License-Identifier: MIT */
/* The files of /proc: who prints what. Internal to procfs*.c. */
#ifndef MMCORE_PROCFS_H
#define MMCORE_PROCFS_H

#include "mmcore/text.h"

struct proc_file {
	const char *name;
	void (*show)(const struct machine *m, struct text *t);
};

struct proc_pid_file {
	const char *name;
	void (*show)(const struct machine *m, task_ref task, struct text *t);
};

/* procfs_machine.c: files of the machine. Ends with { NULL, NULL }. */
extern const struct proc_file proc_files[];

/* procfs_task.c: files of a process. Ends with { NULL, NULL }. */
extern const struct proc_pid_file proc_pid_files[];

#endif
