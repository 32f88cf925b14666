/* SPDX-License-Identifier: MIT */
/* Frames: zones and watermarks, the buddy allocator. */
#ifndef MMCORE_PAGE_ALLOC_H
#define MMCORE_PAGE_ALLOC_H

#include "mmcore/mm/mm.h"

/* Allocation flags, with the values of 2.6.17. The first three choose zones. */
#define __GFP_DMA	0x01u
#define __GFP_HIGHMEM	0x02u
#define __GFP_DMA32	0x04u
#define __GFP_WAIT	0x10u
#define __GFP_HIGH	0x20u
#define __GFP_IO	0x40u
#define __GFP_FS	0x80u
#define __GFP_COMP	0x4000u
#define GFP_KERNEL	(__GFP_WAIT | __GFP_IO | __GFP_FS)
#define GFP_ATOMIC	(__GFP_HIGH)
#define GFP_HIGHUSER	(GFP_KERNEL | __GFP_HIGHMEM | 0x20000u)

/* Sets up zones, free lists and watermarks of a machine at boot. */
void mem_init(struct step *s);

/* Compute the watermarks of all zones anew from min_free_kbytes. O(zones). Linux:
 * mm/page_alloc.c, 2.6.17. */
void setup_per_zone_pages_min(struct step *s);

/*
 * THE RULE: an allocation may take things away. Where memory is short, an allocation
 * with __GFP_WAIT reclaims before it answers, in the middle of whatever its caller is
 * doing. Every kmem_cache_alloc() is such an allocation, and so is everything that makes
 * a page table, a node of a tree or an anon_vma.
 *
 * After it may be gone:
 *  - the entries (PTEs) of pages that can be evicted, and with them what a caller read
 *    from them: an entry may be none, or name another frame;
 *  - pages of a file's cache, and of shared memory, to which nobody holds a reference but
 *    the cache itself and the entries that map them; dirty ones are written first;
 *  - an anonymous page that only entries map;
 *  - an inode that nobody refers to, with the last of its pages;
 *  - slabs without an object in use.
 *
 * Never gone are: VMAs, address spaces, tasks, open files; page tables that are linked,
 * emptied though they may be; pages with another reference, locked pages, pages under
 * writeback, pages that a locked VMA maps; objects that a caller has allocated.
 *
 * So a caller that needs a page over an allocation takes a reference (get_page()), or
 * allocates first, or looks again: pte_same() for an entry, find_get_page() for a page
 * of a cache. Tests take all of this away at every n-th allocation (tests/lib/evil.h).
 */
/* The place at which tests take things away; else it costs one comparison. */
static inline void might_reclaim(struct step *s)
{
	if (unlikely(s->m->evil != NULL))
		s->m->evil->take(s, s->m->evil);
}

/**
 * alloc_pages - take 2^order frames from the buddy allocator
 * @gfp:   __GFP_*: which zones, which reserves, and whether it may wait (the rule above)
 * @order: 0 … 10
 *
 * The frames read as zero; the first has _count 1 and _mapcount -1. With __GFP_COMP
 * and an order above 0 they are one compound page, see compound_head().
 *
 * Returns: the first frame, or 0 when no zone has a block above its watermark and
 * try_to_free_pages() found nothing: the caller answers ENOMEM.
 * Cost: O(MAX_ORDER). Linux: mm/page_alloc.c __alloc_pages(), 2.6.17.
 */
pfn_t alloc_pages(struct step *s, unsigned int gfp, unsigned int order);

/* alloc_pages() of one frame. Returns: the frame, or 0. */
static inline pfn_t alloc_page(struct step *s, unsigned int gfp)
{
	return alloc_pages(s, gfp, 0);
}

/**
 * split_compound - one compound page becomes several
 * @head: first frame of the compound page, whose order is at least 1 and which is on
 *        no list
 * @at:   a frame of it that shall be alone: the half that contains it is halved again
 *        and again, the other halves stay whole (6.18 folio_split()); 0: every frame
 *        shall be alone
 *
 * Afterwards the parts have no references, which the caller sets; all else that was
 * stored for a frame is unchanged. Cannot fail. O(frames).
 */
void split_compound(struct step *s, pfn_t head, pfn_t at);

/* Give 2^@order frames back to the buddy allocator, with the order that they were taken
 * with. The frames are cleared, and merged with free buddies. @pfn is on no list and
 * mapped nowhere. O(frames + MAX_ORDER). Linux: mm/page_alloc.c, 2.6.17. */
void __free_pages(struct step *s, pfn_t pfn, unsigned int order);

/* __free_pages() of one frame whose bytes are zero already, such as an empty table. */
void free_zeroed_page(struct step *s, pfn_t pfn);

/* How many frames are free in all zones together. O(zones). Linux: 2.6.17. */
uint64_t nr_free_pages(const struct machine *m);

/* How many frames are kept from programs and from the page cache. O(zones). Linux:
 * mm/page_alloc.c calculate_totalreserve_pages(), 6.18. */
uint64_t totalreserve_pages(const struct machine *m);

#endif
