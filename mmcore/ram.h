/* SPDX-License-Identifier: MIT */
/*
 * The machine is its RAM. Everything the simulated kernel knows lies in one
 * flat range of bytes, addressed by simulated physical addresses [0, ram_bytes).
 *
 * Behind it, in the same reservation of the host, lies the machine's disk, in
 * blocks as large as a frame: block b is frame ram_bytes / PAGE_SIZE + b. To the
 * simulated kernel these are two worlds, ram_at() and disk_at(); to the host
 * they are one row of frames, with the same marks, the same way of saving what
 * changes and the same walk, so that a snapshot or a digest is of both.
 *
 * Beside it the host keeps one byte a frame, the frame map, which is *not* part
 * of the simulated state. It says whether the host has had to provide memory
 * for the frame (RESIDENT), whether its bytes may be other than zero (WRITTEN),
 * and whether they changed since the last snapshot point (DIRTY). A frame that
 * was never written reads as zero without costing anything, so an all-zero
 * page can be allocated, mapped and freed without the host being asked.
 * A second, coarser map (one byte per 4,096 frames) lets a walk over the
 * frames of a 1 TiB machine skip what was never used.
 *
 * A frame that holds memory although it is all zero (RESIDENT, not WRITTEN: it
 * was freed) may be taken back by the host between two operations; the frame
 * reads the same. ram_release_run() names such frames.
 *
 * A host that wants to return to a state marks it with ram_clear_dirty() and
 * gives the machine room for saved frames. From then on the first change of a
 * frame that was not blank saves its bytes there. A frame that is DIRTY and was
 * not saved was blank, so bytes and marks together tell the whole difference.
 * Each frame is saved once at most: room for nr_written frames is room enough.
 *
 * Every write goes through ram_mut(), directly or through a KIND_mut().
 */
#ifndef MMCORE_RAM_H
#define MMCORE_RAM_H

#include <stddef.h>
#include <stdint.h>

#include "mmcore/lib/assert.h"
#include "mmcore/lib/handle.h"

#define PAGE_SHIFT	12
#define PAGE_SIZE	(1ULL << PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define PAGE_ALIGN(x)	(((x) + PAGE_SIZE - 1) & PAGE_MASK)

#define FRAME_RESIDENT	1	/* the host has memory for it */
#define FRAME_WRITTEN	2	/* its bytes may be other than zero */
#define FRAME_DIRTY	4	/* changed since ram_clear_dirty() */
#define FRAME_HOT	(FRAME_RESIDENT | FRAME_WRITTEN | FRAME_DIRTY)

#define FRAMES_PER_CHUNK_SHIFT 12
#define FRAMES_PER_CHUNK (1ULL << FRAMES_PER_CHUNK_SHIFT)

struct arch;
struct evil;
struct step;
struct trace;
struct op_result;

/* Bytes that frames had when ram_clear_dirty() was called, in the order in
 * which they changed. The memory is the host's. */
struct ram_saved {
	uint8_t *bytes;		/* capacity frames */
	uint32_t *pfn;		/* whose bytes; capacity entries */
	uint64_t nr, capacity;
};

/*
 * Work is counted where it is done: an entry of a table, a link of a list or of a
 * tree, a page looked at is one, about. When so much of it is done as the host
 * allowed, it is asked: due() sets left anew and returns, or leaves the core by a
 * jump, as mm_panic() does. A jump out of a look leaves nothing behind. A step left
 * so is half done, and the host restores the frames that it saved. A step may leave
 * at any poll: what lies outside of the frames is on its stack.
 */
struct mm_poll {
	int64_t left;		/* due() is called when it falls below 0 */
	void (*due)(struct mm_poll *poll);
};

/*
 * A machine as its host holds it: where the bytes are. Nothing in it is
 * simulated state; copy the RAM and you have copied the machine.
 */
struct machine {
	uint8_t *ram;		/* RAM, then disk: zero where never written */
	uint8_t *frame_map;	/* one byte a frame: FRAME_* */
	uint8_t *chunk_map;	/* one byte per 4,096 frames: any byte set? */
	uint64_t ram_bytes;	/* a multiple of PAGE_SIZE */
	uint64_t disk_bytes;	/* likewise; may be 0 */
	uint64_t nr_resident;	/* frames with FRAME_RESIDENT */
	uint64_t nr_written;	/* frames with FRAME_WRITTEN */
	struct ram_saved *saved;	/* NULL: nobody wants to go back */
	const struct arch *arch;	/* geometry of its page tables */
	struct mm_poll *poll;	/* NULL: nobody asks how long it takes */
	struct evil *evil;	/* takes memory away in tests; NULL: as it is */
};

/*
 * A test's stand-in for reclaim at its worst: called before each allocation that may
 * wait, it may take away all that the rule over alloc_pages() allows.
 */
struct evil {
	void (*take)(struct step *s, struct evil *evil);
};

/* So much work was done, or is about to be. Looks poll like steps. O(1). */
static inline void mm_poll(const struct machine *m, uint64_t work)
{
	struct mm_poll *poll = m->poll;

	if (poll && unlikely((poll->left -= (int64_t)work) < 0))
		poll->due(poll);
}

/* Exists while one operation runs: the right to change, and to narrate. */
struct step {
	struct machine *m;
	struct trace *trace;	/* NULL: nobody listens */
	struct op_result *res;	/* what the caller will be told; never NULL */
	task_ref current;	/* the calling process; may be none */
};

/* Frames of the RAM and blocks of the disk together. */
static inline uint64_t machine_frames(const struct machine *m)
{
	return (m->ram_bytes + m->disk_bytes) >> PAGE_SHIFT;
}

/* Slow path of ram_mut(): a frame is written for the first time. */
void ram_note_write(struct machine *m, uint64_t pfn);

static inline const void *ram_at(const struct machine *m, uint64_t pa)
{
	MM_ASSERT(pa < m->ram_bytes);
	return m->ram + pa;
}

/* The range written must lie inside the frame that @pa is in. */
static inline void *ram_mut(struct step *s, uint64_t pa)
{
	struct machine *m = s->m;

	MM_ASSERT(pa < m->ram_bytes);
	if (unlikely(m->frame_map[pa >> PAGE_SHIFT] != FRAME_HOT))
		ram_note_write(m, pa >> PAGE_SHIFT);
	return m->ram + pa;
}

/* A frame of RAM or disk, for hosts; the simulated kernel uses the two below. */
static inline const void *frame_at(const struct machine *m, uint64_t frame)
{
	MM_ASSERT(frame < machine_frames(m));
	return m->ram + (frame << PAGE_SHIFT);
}

static inline void *frame_mut(struct step *s, uint64_t frame)
{
	MM_ASSERT(frame < machine_frames(s->m));
	if (unlikely(s->m->frame_map[frame] != FRAME_HOT))
		ram_note_write(s->m, frame);
	return s->m->ram + (frame << PAGE_SHIFT);
}

/* The frame that a block of the disk is, for the functions below. */
static inline pfn_t disk_frame(const struct machine *m, uint64_t block)
{
	MM_ASSERT(block < m->disk_bytes >> PAGE_SHIFT);
	return (pfn_t)((m->ram_bytes >> PAGE_SHIFT) + block);
}

/* The bytes of a block of the disk. */
static inline const void *disk_at(const struct machine *m, uint64_t block)
{
	return frame_at(m, disk_frame(m, block));
}

static inline void *disk_mut(struct step *s, uint64_t block)
{
	return frame_mut(s, disk_frame(s->m, block));
}

/* Make a whole frame zero again; free when it was never written. */
void ram_clear_frame(struct step *s, pfn_t pfn);

/* The caller knows the frame to be all zero already (an emptied table). */
void ram_forget_frame(struct step *s, pfn_t pfn);

/* Copy the bytes of a frame; a source never written costs nothing. */
void ram_copy_frame(struct step *s, pfn_t to, pfn_t from);

static inline bool ram_frame_is_blank(const struct machine *m, pfn_t pfn)
{
	MM_ASSERT(pfn < machine_frames(m));
	return !(m->frame_map[pfn] & FRAME_WRITTEN);
}

/**
 * ram_next_frame - walk the frames that carry one of some marks
 * @m:    machine
 * @pfn:  where to begin looking
 * @mask: FRAME_* bits; a frame is found when it carries any of them
 *
 * Returns: the lowest such frame number at or above @pfn, or UINT64_MAX.
 * Cost: proportional to the chunks ever used, not to the RAM.
 */
uint64_t ram_next_frame(const struct machine *m, uint64_t pfn, uint8_t mask);

/* A snapshot was taken: from here on FRAME_DIRTY means "changed since". */
void ram_clear_dirty(struct machine *m);

/**
 * ram_release_run - find memory that the host may take back
 * @m:   machine, between two operations
 * @pfn: where to begin looking
 * @nr:  set to the length of the run
 *
 * The run found is no longer marked resident: the host now takes its memory
 * away, after which the frames still read as zero. They stay DIRTY where they
 * were.
 *
 * Returns: the first frame of the run, or UINT64_MAX.
 */
uint64_t ram_release_run(struct machine *m, uint64_t pfn, uint64_t *nr);

#define DEFINE_OBJECT(kind, type)					\
	static inline const type *kind##_at(const struct machine *m,	\
					    kind##_ref r)		\
	{								\
		MM_ASSERT(r.pa <= m->ram_bytes - sizeof(type));		\
		return (const type *)(const void *)(m->ram + r.pa);	\
	}								\
	static inline type *kind##_mut(struct step *s, kind##_ref r)	\
	{								\
		MM_ASSERT((r.pa & ~PAGE_MASK) <= PAGE_SIZE - sizeof(type)); \
		return ram_mut(s, r.pa);				\
	}								\
	typedef type kind##_object_defined

#endif
