/* SPDX-License-Identifier: MIT */
/*
 * struct page, one for each frame, in mem_map.
 *
 * mem_map lies in reserved frames at the top of the highest directly mapped
 * zone. One frame of it describes 64 frames. Inside such a group the two
 * counts of all 64 pages come first, then the 64 remaining parts: fork and
 * exit raise and lower counts of pages by the hundred thousand and touch
 * nothing else of them, so the counts are dense (8 bytes a page) and the rest
 * stays out of the cache. Whoever wants to see a page whole reads it with
 * page_read(), which gives the struct page of 2.6.17 by value.
 *
 * A struct page whose bytes are all zero has never been used or is free again;
 * it is presented as initialised (_mapcount -1), see page_read(). Boot writes
 * none of them, which is why a 1 TiB machine costs nothing to create. The
 * frames the machine reserves at boot (frame 0, the kernel's own, mem_map) are
 * known by number and presented as PG_reserved with one reference.
 */
#ifndef MMCORE_PAGE_H
#define MMCORE_PAGE_H

#include "mmcore/lib/list.h"
#include "mmcore/ram.h"

/* page->flags: bit numbers. 0-19 are 2.6.17's; 20 and up are ours (D-002). */
#define PG_locked	 0	/* the page is locked */
#define PG_error	 1
#define PG_referenced	 2
#define PG_uptodate	 3
#define PG_dirty	 4
#define PG_lru		 5
#define PG_active	 6
#define PG_slab		 7
#define PG_checked	 8
#define PG_arch_1	 9
#define PG_reserved	10
#define PG_private	11
#define PG_writeback	12
#define PG_nosave	13
#define PG_compound	14	/* part of a compound page: compound_head() */
#define PG_swapcache	15
#define PG_mappedtodisk	16
#define PG_reclaim	17
#define PG_nosave_free	18
#define PG_buddy	19
#define PG_pgtable	20	/* a page-table frame */
#define PG_swapbacked	21	/* anonymous or shared memory (as today's Linux) */
#define PG_kernel	22	/* another frame of the kernel's own (vdso, …) */
#define PG_readahead	23	/* who meets it reads the next window; in 6.18 it has
				 * the bit of PG_reclaim, and both meanings */
#define PG_pipe		24	/* only pipes refer to the page */
#define PG_block_dirty	25	/* set on a frame of a compound page whose own block is
				 * to be written; PG_dirty is the whole page's */
#define NR_PAGE_FLAGS	26

#define PAGE_MAPPING_ANON 1ULL	/* page->mapping is an anon_vma | 1 */

struct page_counts {
	int32_t _count;		/* references; 0 when free (2.6.17) */
	int32_t _mapcount;	/* PTEs mapping the page, less 1 */
};

struct page_rest {
	uint64_t flags;		/* 1 << PG_* */
	uint64_t private;	/* order (PG_buddy), swap entry, head pfn */
	uint64_t mapping;	/* address_space, or anon_vma | 1; 0 if none */
	uint64_t index;		/* offset within mapping, in pages */
	struct list_head lru;	/* buddy list, LRU list, slab list */
};

#define PAGES_PER_GROUP 64

struct page_group {
	struct page_counts counts[PAGES_PER_GROUP];
	struct page_rest rest[PAGES_PER_GROUP];
};

_Static_assert(sizeof(struct page_group) <= PAGE_SIZE,
	       "one frame of mem_map describes one group of pages");

/* A page as 2.6.17 declares it: the value that page_read() makes. */
struct page {
	uint64_t flags;
	int32_t _count;
	int32_t _mapcount;
	union {
		struct {
			uint64_t private;
			uint64_t mapping;
		};
	};
	uint64_t index;
	struct list_head lru;
};

#endif
