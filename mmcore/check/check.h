/* SPDX-License-Identifier: MIT */
/*
 * The state of one mm_check(), shared by the files that know a part of the
 * laws each. Nothing is trusted: what a handle names is looked at only after
 * check_has() said that it lies in RAM, and every walk is bounded.
 *
 * Counts of references and mappings are compared without a table of counters:
 * each reference found adds mix(pfn) to a sum, each page adds count * mix(pfn)
 * to another, and where all counts are right the sums are equal. (That a wrong
 * pair of counts keeps 64 mixed bits equal by chance is left to chance.)
 */
#ifndef MMCORE_CHECK_H
#define MMCORE_CHECK_H

#include "mmcore/mm/pgtable.h"
#include "mmcore/mm/slab.h"

enum law {
#define LAW(id, what) LAW_##id,
#include "mmcore/check/invariants.def"
#undef LAW
	NR_LAWS,
};

struct check {
	const struct machine *m;
	void (*report)(void *ctx, const char *law, const char *what);
	void *ctx;
	uint64_t violations;
	uint64_t limit;		/* no walk is longer */
	/* sums of mix(pfn), see above */
	uint64_t refs_found, refs_held;
	uint64_t maps_found, maps_held;
	uint64_t users_found, users_held;	/* of address spaces, by mix(pa) */
	/* recounts */
	uint64_t vmas, anon_vmas_linked, file_refs, fd_refs, accounted;
	uint64_t tables, anon_mapped, file_mapped, shmem, file_pages, kernel_pages;
	uint64_t dirty, writeback, dirty_inodes, radix_nodes;
	uint64_t pipe_readers, pipe_writers, pipe_bufs;
	uint64_t lru_flagged, lru_listed, slab_frames, slab_flagged;
};

/* Report @id unless @ok. Returns @ok. */
bool check_law(struct check *c, enum law id, bool ok);

/* Do @bytes at @pa lie in one frame of RAM, aligned to 4? */
static inline bool check_has(const struct check *c, uint64_t pa, uint64_t bytes)
{
	return pa >= PAGE_SIZE && pa < c->m->ram_bytes && !(pa & 3) &&
	       (pa & ~PAGE_MASK) + bytes <= PAGE_SIZE;
}

/* Is @pa an object that this cache handed out? */
bool check_object(const struct check *c, uint64_t pa, enum kmem_cache_id id);

static inline uint64_t check_mix(uint64_t pfn)
{
	pfn = (pfn + 1) * 0x9e3779b97f4a7c15ULL;
	pfn = (pfn ^ pfn >> 30) * 0xbf58476d1ce4e5b9ULL;
	return pfn ^ pfn >> 31;
}

/* page_folio() and folio_nr_pages() of a frame of RAM that may say anything. */
static inline pfn_t check_folio(const struct machine *m, pfn_t pfn)
{
	const uint64_t head = page_at(m, pfn)->private;

	return page_has(m, pfn, PG_compound) && head <= pfn &&
	       pfn - head < 1ULL << (MAX_ORDER - 1) ? (pfn_t)head : pfn;
}

static inline uint64_t check_nr_pages(const struct machine *m, pfn_t pfn)
{
	const pfn_t head = check_folio(m, pfn);
	uint64_t order = 0;

	if (page_has(m, head, PG_compound) && page_is_managed(m, head + 1ULL))
		order = page_at(m, head + 1)->lru.prev;
	return order < MAX_ORDER ? 1ULL << order : 1;
}

void check_frames(struct check *c);		/* check_frames.c */
void check_lru(struct check *c);
void check_slabs(struct check *c);		/* check_objects.c */
void check_objects(struct check *c);
void check_tasks(struct check *c);
void check_page_cache(struct check *c, mapping_ref mapping);	/* check_cache.c */
void check_file_pages(struct check *c, inode_ref inode);	/* the disk is sound */
void check_writeback(struct check *c);
void check_disk(struct check *c);		/* check_disk.c */
void check_pipes(struct check *c);		/* check_pipes.c */
void check_spaces(struct check *c);		/* check_space.c */
void check_tables(struct check *c, mm_ref mm);	/* check_tables.c */

#endif
