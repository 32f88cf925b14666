/* SPDX-License-Identifier: MIT */
/*
 * mmcore: simulated machines with Linux's memory manager, as a pure library.
 * It does no I/O, allocates nothing, reads no clock and has no globals; the
 * host gives it memory, operations and the time of day. This is the one header
 * that other parts of the project include.
 *
 * A host reserves three zero-filled ranges (sparse, no-reserve): RAM and disk,
 * and two maps. It puts their addresses into a struct machine, boots it, and then
 * only ever calls mm_step() to change it. Everything else here reads.
 */
#ifndef MMCORE_MMCORE_H
#define MMCORE_MMCORE_H

#include "mmcore/kernel/kernel.h"
#include "mmcore/op.h"
#include "mmcore/trace.h"

enum arch_id {
	ARCH_X86_64,
	ARCH_X86_64_LA57,
	ARCH_I386,
	ARCH_I386_PAE,
	ARCH_RISCV64_SV39,
	NR_ARCHS,
};

/* A machine to be made; machine.create's parameters. */
struct mm_config {
	uint64_t ram, swap, disk;	/* bytes */
	uint32_t arch;			/* enum arch_id */
	uint32_t cpus;
	bool aslr;
	uint64_t seed;
	uint64_t overcommit_memory, overcommit_ratio, swappiness;
	uint64_t max_map_count, mmap_min_addr, hugepages;
	uint64_t min_free_kbytes;	/* 0: computed */
};

#define MM_RAM_MIN	(4ULL << 20)
#define MM_RAM_MAX	(4ULL << 40)
#define MM_DISK_MIN	(1ULL << 20)
#define MM_DISK_MAX	(4ULL << 40)

/* Defaults of machine.create: 256 MiB, one CPU, no ASLR. */
struct mm_config mm_config_default(void);

/**
 * mm_config_check - can this machine be made?
 * @c:     configuration
 * @param: set to the name of the parameter that is wrong
 *
 * Returns: NULL if it can, else a sentence that says why not.
 */
const char *mm_config_check(const struct mm_config *c, const char **param);

/* Bytes of the two host maps of a machine with @bytes of RAM and disk. */
uint64_t mm_frame_map_bytes(uint64_t bytes);
uint64_t mm_chunk_map_bytes(uint64_t bytes);

/**
 * mm_boot - make a machine
 * @m: ram, the maps, ram_bytes and disk_bytes set by the host; all bytes zero
 * @c: a configuration that mm_config_check() accepted
 *
 * Writes a handful of frames, whatever the size of the RAM.
 */
void mm_boot(struct machine *m, const struct mm_config *c);

/* The bytes were filled in from an image: find the geometry again. */
void mm_attach(struct machine *m);

enum mm_status {
	MM_OK,			/* it ran; the result says what the kernel did */
	MM_NO_SUCH_PROCESS,	/* op->pid names nobody; nothing changed */
	MM_BAD_OPERATION,	/* not an operation, or its data is missing */
};

/**
 * mm_step - run one operation
 * @m:     machine
 * @op:    operation
 * @res:   its result; always filled in
 * @trace: where the kernel narrates, or NULL
 *
 * The one door into the core. Anything but MM_OK has changed nothing.
 * Deterministic: the same machine bytes and operation give the same bytes,
 * result and trace, on every host.
 */
enum mm_status mm_step(struct machine *m, const struct op *op,
		       struct op_result *res, struct trace *trace);

/**
 * mm_op_bound - what an operation may cost in host memory
 * @m:  machine
 * @op: operation
 *
 * Returns: an upper bound of the frames that the host may have to provide for
 * it; hosts compare it with a quota before they run the operation. What is there
 * already is taken for missing, so that it can be high for memory that is in use; for
 * memory that is not it is at most twice what comes. O(areas that are meant).
 */
uint64_t mm_op_bound(const struct machine *m, const struct op *op);

/* Bytes that @op->buf must have room for: what the operation may bring out. */
uint64_t mm_op_room(const struct machine *m, const struct op *op);

/* About how many frames or page-table entries it may have to look at: hosts
 * hand an operation above some thousands to a thread of its own. O(areas meant). */
uint64_t mm_op_work(const struct machine *m, const struct op *op);

/* "EINVAL" for 22; NULL for a number without a name. */
const char *mm_errno_name(int err);
const char *mm_signal_name(int signo);
/* "SEGV_MAPERR" for SIGSEGV, 1; "OOM" for SIGKILL, 0. */
const char *mm_si_code_name(int signo, int code);

int mm_sysctl_id(const char *name);	/* -1: no such sysctl */
const char *mm_sysctl_name(int id);
uint64_t mm_sysctl_read(const struct machine *m, int id);
/* NULL if @value may be written to @id, else why not. */
const char *mm_sysctl_check(int id, uint64_t value);

/* ---- looking inside: nothing below changes anything ---- */

/* The largest unsigned long of the machine's architecture. */
uint64_t mm_ulong_max(const struct machine *m);

/* The process with that pid, or none. O(log processes). */
task_ref mm_find_task(const struct machine *m, uint32_t pid);
task_ref mm_first_task(const struct machine *m);
task_ref mm_next_task(const struct machine *m, task_ref t);

/* The first VMA that ends above @addr (it may start above it), or none. */
vma_ref vma_lookup(const struct machine *m, mm_ref mm, uint64_t addr);

/* What a descriptor stands for; none: it is not open. */
file_ref mm_fd_file(const struct machine *m, files_ref files, uint32_t fd);
/* The first number from @fd on that is open, or UINT32_MAX. */
uint32_t mm_next_fd(const struct machine *m, files_ref files, uint32_t fd);

/* F_SEAL_* of shared memory; -1: files of that kind take no seals. */
int64_t mm_file_seals(const struct machine *m, file_ref file);

/* The longest path of a file: PATH_MAX, and " (deleted)" behind it. */
#define MM_PATH_MAX (4096 + 10)

/**
 * mm_file_path - where an open file is, as maps and fd/ show it
 * @buf: MM_PATH_MAX bytes; NUL-terminated
 *
 * Returns: the length. An unlinked file has " (deleted)" behind the path that it
 * had. O(directories). Linux: fs/d_path.c d_path(), 6.18.
 */
size_t mm_file_path(const struct machine *m, file_ref file,
		    char buf[MM_PATH_MAX]);

/* What maps shows at the end of a VMA's line, in @buf where it is the path of a
 * file; "" if it has no name. */
const char *mm_vma_name(const struct machine *m, vma_ref vma,
			char buf[MM_PATH_MAX]);
/* Device and inode number as maps shows them; both 0 without a file. */
void mm_vma_backing(const struct machine *m, vma_ref vma, uint32_t *major,
		    uint32_t *minor, uint64_t *ino);

/*
 * What the pages of VMAs are, in bytes; those called pss are multiplied by
 * 1 << PSS_SHIFT. Linux: fs/proc/task_mmu.c, 6.18.
 */
struct mem_size_stats {
	uint64_t resident;
	uint64_t shared_clean, shared_dirty, private_clean, private_dirty;
	uint64_t referenced, anonymous, lazyfree, swap;
	uint64_t pss, pss_anon, pss_file, pss_shmem, pss_locked, pss_dirty;
	uint64_t swap_pss;
};

#define PSS_SHIFT 12

/* Adds the pages of a VMA to @mss. O(its page tables and pages). */
void smap_gather_stats(const struct machine *m, vma_ref vma,
		       struct mem_size_stats *mss);

struct mm_walk_level {
	const char *level;	/* "pgd", "pud", "pmd", "pte" */
	uint32_t index;		/* entry within the table */
	uint64_t entry_at;	/* its physical address */
	uint64_t entry;		/* its value */
};

#define MM_WALK_LEVELS 5

/**
 * mm_walk - follow an address through the page tables
 * @m:    machine
 * @mm:   address space
 * @addr: any user address
 * @out:  filled from the top level down to the first entry that is none, not
 *        present or a leaf
 * @pfn:  set to the frame mapped, or 0
 *
 * Returns: levels filled in. Changes nothing: no fault, no accessed bit.
 */
int mm_walk(const struct machine *m, mm_ref mm, uint64_t addr,
	    struct mm_walk_level out[MM_WALK_LEVELS], pfn_t *pfn);

/* Names of the bits set in an entry, from "P" up; NULL-terminated. */
void mm_entry_flags(const struct machine *m, uint64_t entry,
		    const char *names[16]);

struct mm_pagemap {
	bool present, swapped, dirty, accessed, writable, file, exclusive;
	bool soft_dirty, guard;
	pfn_t pfn;
	uint64_t swap;
};

struct mm_pagemap mm_pagemap_entry(const struct machine *m, mm_ref mm,
				   uint64_t addr);

/* A PTE that maps a frame: in the address space that @pid is the first to have. */
struct mm_mapping {
	uint64_t addr;
	uint64_t mm_id;		/* small number of the address space, from 1 */
	uint32_t pid;
};

/* Room that mm_rmap() needs for a frame, in entries. O(1). */
uint64_t mm_rmap_room(const struct machine *m, pfn_t pfn);

/**
 * mm_rmap - the PTEs that map a frame
 * @pfn: any frame of the RAM
 * @out: mm_rmap_room() entries; filled in by pid, then by address
 *
 * Returns: how many there are. O(n log n) for the n VMAs that may map it, and
 * O(processes), if n is not 0.
 */
uint64_t mm_rmap(const struct machine *m, pfn_t pfn, struct mm_mapping *out);

struct page page_read(const struct machine *m, pfn_t pfn);

/* The pipe behind a descriptor of a process; none: it is none, or not open. */
pipe_ref mm_pipe(const struct machine *m, task_ref task, int64_t fd);
/* Its buffer @i of nrbufs, the oldest first, and the name of its kind. */
const struct pipe_buffer *mm_pipe_buffer(const struct machine *m,
					 pipe_ref pipe, uint32_t i);
const char *mm_pipe_ops_name(uint32_t ops);
/* In how many buffers of all pipes a frame lies. O(pipes, their buffers). */
uint64_t mm_pipe_buffers(const struct machine *m, pfn_t pfn);

enum frame_use {
	FRAME_FREE, FRAME_ANON, FRAME_FILE, FRAME_SLAB, FRAME_PGTABLE,
	FRAME_PIPE, FRAME_RESERVED, FRAME_SWAPCACHE, FRAME_HUGE, FRAME_KERNEL,
	NR_FRAME_USES,
};

const char *mm_frame_use_name(enum frame_use use);

/**
 * mm_frame_run - the use of a frame and of those like it that follow
 * @m:     machine
 * @first: frame
 * @end:   where to stop, at most the frames of the machine
 * @use:   set to the use of @first
 *
 * Returns: the length of the run within [first, end). Untouched memory is
 * skipped without being looked at.
 */
uint64_t mm_frame_run(const struct machine *m, uint64_t first, uint64_t end,
		      enum frame_use *use);

/* ---- files of the disk ---- */

struct mm_file_info {
	uint64_t ino;
	uint64_t size;		/* bytes */
	uint64_t blocks;	/* that it owns on the disk */
	uint64_t cached;	/* pages in the page cache */
	uint64_t count;		/* references to the inode in memory; 0: none */
	uint32_t mode;		/* S_IF* and permission bits */
	uint32_t uid, nlink;
	uint32_t rdev;		/* of a device: major << 20 | minor */
};

#define MM_ROOT_INO 2

/* The number of what a path from the root names, or a negative errno. */
int64_t mm_file_find(const struct machine *m, const char *path, size_t len);
/* @ino: what mm_file_find() or mm_dir_next() gave. */
struct mm_file_info mm_file_info(const struct machine *m, uint64_t ino);

/* What a directory lists, in the order on the disk. */
struct mm_dir_entry {
	uint64_t ino;
	const char *name;	/* not NUL-terminated */
	size_t len;
};

/* The entry at or after *pos, which moves on; false: there is none. */
bool mm_dir_next(const struct machine *m, uint64_t dir, uint64_t *pos,
		 struct mm_dir_entry *entry);
/* The page of a file in the page cache at or after *index; false: none. */
bool mm_file_next_page(const struct machine *m, uint64_t ino, uint64_t *index,
		       pfn_t *pfn);

/* ---- /proc ---- */

/*
 * Where text goes. The core writes at buf + len and asks more() for room: it
 * must leave at least @need bytes free at buf + len, or return false (then
 * nothing more is written).
 */
struct mm_sink {
	char *buf;
	size_t len, cap;
	bool (*more)(struct mm_sink *sink, size_t need);
	void *ctx;
};

enum mm_proc_kind { MM_PROC_NONE, MM_PROC_FILE, MM_PROC_DIR, MM_PROC_BINARY };

/**
 * mm_proc_read - the text of a file below /proc
 * @m:    machine
 * @path: absolute, "/proc/1/maps"; a folder gives its entries, one a line
 * @sink: where the bytes go; NULL only asks whether it exists
 *
 * Returns: what it is. Text as Linux 6.18 prints it; nothing of a binary file.
 */
enum mm_proc_kind mm_proc_read(const struct machine *m, const char *path,
			       struct mm_sink *sink);

/* About how many areas and pages mm_proc_read() will look at. O(tasks). */
uint64_t mm_proc_work(const struct machine *m, const char *path);

/* Bytes of a binary file below /proc (pagemap, kpageflags, kpagecount); 0: there
 * is none of that name. A pagemap is as long as the address space is wide. */
uint64_t mm_proc_size(const struct machine *m, const char *path);

/**
 * mm_proc_pread - bytes of a binary file below /proc
 * @offset, @len: any, within mm_proc_size()
 * @buf:          @len bytes
 *
 * Returns: false if there is no such file, or it does not reach so far.
 * Cost: the page tables and pages that are there, not the length.
 */
bool mm_proc_pread(const struct machine *m, const char *path, uint64_t offset,
		   void *buf, size_t len);

/* ---- invariants ---- */

/**
 * mm_check - every law of the model
 * @m:      machine
 * @report: called for each violation: the law's name, and a sentence
 *
 * Returns: the number of violations. Reads everything: O(frames in use).
 */
uint64_t mm_check(const struct machine *m,
		  void (*report)(void *ctx, const char *law, const char *what),
		  void *ctx);

#endif
