/* SPDX-License-Identifier: MIT */
/*
 * A subject is something whose cost is measured, on either side. Ours runs in
 * the bench program; the reference runs in a process of its own that was forked
 * before any machine existed, so its address space is a small one, and does
 * the same with raw system calls. Samples of the two alternate.
 */
#ifndef TESTS_BENCH_SUBJECT_H
#define TESTS_BENCH_SUBJECT_H

#include <stdint.h>

struct subject {
	void (*begin)(uint64_t arg);	/* may be NULL */
	double (*sample)(uint64_t arg);	/* nanoseconds a unit of work */
	void (*end)(uint64_t arg);	/* may be NULL */
};

/* The work that both sides do in one sample. */
#define PAIRS		2000		/* calls of mmap and munmap, … */
#define REGION_PAGES	4096		/* pages faulted in */
#define MANY_VMAS	60000
#define FLIPS		20000
#define PIPE_BYTES	65536
#define FAULT_AROUND	16		/* pages that a read fault of a file maps */
#define ADVISED		16		/* pages of a range synced or dropped */
#define SYNCS		50		/* to the host's disk: slow */
#define MAPPED		0x100000000000ULL	/* where the region lies */

/*
 * A VMA of one page every second page, from here: none can merge. Each page is
 * resident, as are those of programs that have so many VMAs.
 */
#define COMB_START	0x100000000000ULL

/* A page of the comb, by chance; the same sequence on both sides. */
static inline uint64_t comb_page(uint64_t *state, uint64_t nr_vmas)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return COMB_START + (*state % nr_vmas) * 0x2000;
}

/* ours.c and reference.c: the same names, the same work. */
#define SUBJECTS(X)							\
	X(mmap_munmap)		/* a page; a pair */			\
	X(mmap_touch_munmap)	/* a page, touched between */		\
	X(mmap_write_munmap)	/* a page, bytes written between */	\
	X(touch)		/* demand-zero faults; one */		\
	X(write)		/* with bytes really written */		\
	X(zero_read)		/* read faults; one */			\
	X(cow_zero)		/* stores to pages so read; one */	\
	X(cow_content)		/* stores to pages shared with a child */ \
	X(cow_fresh)		/* the same into frames never used */	\
	X(fork_exit)		/* arg: MiB resident */			\
	X(mprotect)		/* a split and a merge */		\
	X(mremap)		/* 16 pages moved to and fro; one */	\
	X(mlock)		/* 16 resident pages, and munlock */	\
	X(brk)			/* up and down */			\
	X(mmap_munmap_comb)	/* arg: VMAs; mmap and munmap of a page */ \
	X(flip)			/* arg: VMAs; mprotect of a random one */ \
	X(maps)			/* arg: VMAs; printing maps once */	\
	X(smaps)		/* arg: VMAs; printing smaps once */	\
	X(fork_exit_comb)	/* arg: VMAs */				\
	X(file_fault)		/* read faults of a cached file; one */	\
	X(msync)		/* arg: a memfd? A store, MS_SYNC of 16 pages */ \
	X(refault)		/* stores to 16 pages, MADV_DONTNEED */	\
	X(splice)		/* PIPE_BYTES, file to pipe to /dev/null */ \
	X(tee)			/* the same, pipe to pipe to /dev/null */ \
	X(vmsplice)		/* the same, memory to pipe to /dev/null */ \
	X(pipe)			/* a write and a read of 4 KiB */

#define X(name) extern const struct subject ours_##name, reference_##name;
SUBJECTS(X)
#undef X
extern const struct subject reference_getppid, ours_flip_floor;

/* A reference in its own process. */
struct reference;
struct reference *reference_start(const struct subject *subject, uint64_t arg);
double reference_sample(struct reference *reference);
void reference_stop(struct reference *reference);

/* CLOCK_MONOTONIC in nanoseconds. */
double now_ns(void);

#endif
