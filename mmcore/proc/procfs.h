/* SPDX-License-Identifier: MIT */
/* The files of /proc: who prints what. Internal to procfs*.c. */
#ifndef MMCORE_PROCFS_H
#define MMCORE_PROCFS_H

#include "mmcore/arch/arch.h"
#include "mmcore/lib/text.h"

/* A file of 64-bit numbers. */
struct proc_binary {
	uint64_t (*entries)(const struct machine *m);
	/* Entries [@first, @first + @nr) into @out. @task: whose pagemap. */
	void (*fill)(const struct machine *m, task_ref task, uint64_t first,
		     uint64_t nr, uint64_t *out);
};

/* show is NULL for a binary file. */
struct proc_file {
	const char *name;
	void (*show)(const struct machine *m, struct text *t);
	/* A handful of numbers, or every page that is locked. */
	enum { LOOKS_AT_ONCE, LOOKS_AT_LOCKED } looks_at;
	const struct proc_binary *binary;
};

struct proc_pid_file {
	const char *name;
	void (*show)(const struct machine *m, task_ref task, struct text *t);
	enum { LOOKS_AT_TASK, LOOKS_AT_AREAS, LOOKS_AT_PAGES } looks_at;
	const struct proc_binary *binary;
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
	return 25 + arch_word(m->arch) * 6;
}

/* The line, at most NAME_COLUMN_MAX + 64 bytes and @name ("": none), into @line. */
char *put_map_prefix(char *line, const struct map_prefix *map,
		     const char *name);
void show_map_vma(const struct machine *m, vma_ref vma, struct text *t);
/* [vsyscall], which belongs to no process. False: the architecture has none. */
bool show_gate_vma(const struct machine *m, struct text *t);

/* ---- files ---- */

/* procfs.c: the binary file at @path and whose it is, or NULL. */
const struct proc_binary *find_proc_binary(const struct machine *m,
					   const char *path, task_ref *task);

/* procfs_pagemap.c */
extern const struct proc_binary proc_pagemap, proc_kpageflags, proc_kpagecount;
/* inspect.c: what pagemap says of a PTE. */
struct mm_pagemap pagemap_of(const struct machine *m, pte_t pte);

/* procfs_smaps.c */
void show_smaps(const struct machine *m, task_ref task, struct text *t);
void show_smaps_rollup(const struct machine *m, task_ref task, struct text *t);

/* procfs_vmstat.c */
void show_vmstat(const struct machine *m, struct text *t);
void show_zoneinfo(const struct machine *m, struct text *t);
void show_pagetypeinfo(const struct machine *m, struct text *t);

/* ---- numbers that several files show ---- */

/* procfs_lru.c: pages of each zone that may be evicted, by active and file; and
 * those that may not. */
struct lru_counts {
	uint64_t list[MAX_NR_ZONES][2][2];
	uint64_t mlocked[MAX_NR_ZONES];
};

/* O(tasks, and pages of locked areas). */
void get_lru_counts(const struct machine *m, struct lru_counts *c);
uint64_t lru_pages(const struct lru_counts *c, bool active, bool file);
uint64_t mlocked_pages(const struct lru_counts *c);

/* procfs_machine.c */
uint64_t slab_pages(const struct kernel *k, bool reclaimable);

/* procfs_machine.c: files of the machine. Ends with { NULL, NULL }. */
extern const struct proc_file proc_files[];

/* procfs_task.c: files of a process. Ends with { NULL, NULL }. */
extern const struct proc_pid_file proc_pid_files[];

#endif
