/* SPDX-License-Identifier: MIT */
/* Frames: struct page accessors, zones and watermarks, the buddy allocator. */
#ifndef MMCORE_PAGE_ALLOC_H
#define MMCORE_PAGE_ALLOC_H

#include "mmcore/kernel/kernel.h"

/* Allocation flags (2.6.17's values). */
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

static inline uint64_t pfn_to_pa(pfn_t pfn)
{
	return (uint64_t)pfn << PAGE_SHIFT;
}

static inline uint64_t page_group_pa(const struct machine *m, pfn_t pfn)
{
	return (kernel_at(m)->mem_map_pfn + pfn / PAGES_PER_GROUP) << PAGE_SHIFT;
}

static inline uint64_t page_counts_pa(const struct machine *m, pfn_t pfn)
{
	return page_group_pa(m, pfn) + offsetof(struct page_group, counts) +
	       pfn % PAGES_PER_GROUP * sizeof(struct page_counts);
}

static inline uint64_t page_rest_pa(const struct machine *m, pfn_t pfn)
{
	return page_group_pa(m, pfn) + offsetof(struct page_group, rest) +
	       pfn % PAGES_PER_GROUP * sizeof(struct page_rest);
}

/* The stored parts of a page that is in use (allocated or heading a block). */
static inline const struct page_counts *page_counts_at(const struct machine *m,
						       pfn_t pfn)
{
	return ram_at(m, page_counts_pa(m, pfn));
}

static inline struct page_counts *page_counts_mut(struct step *s, pfn_t pfn)
{
	return ram_mut(s, page_counts_pa(s->m, pfn));
}

static inline const struct page_rest *page_at(const struct machine *m,
					      pfn_t pfn)
{
	return ram_at(m, page_rest_pa(m, pfn));
}

static inline struct page_rest *page_mut(struct step *s, pfn_t pfn)
{
	return ram_mut(s, page_rest_pa(s->m, pfn));
}

/* The address of page->lru, and the page a list entry belongs to. */
static inline uint64_t page_lru_pa(const struct machine *m, pfn_t pfn)
{
	return page_rest_pa(m, pfn) + offsetof(struct page_rest, lru);
}

pfn_t lru_to_pfn(const struct machine *m, uint64_t lru_pa);

static inline bool page_has(const struct machine *m, pfn_t pfn, int bit)
{
	return page_at(m, pfn)->flags >> bit & 1;
}

/*
 * Compound pages: 2^order frames that are one page. Each of them has PG_compound, its
 * lru.next is the head's list head (the seed), its private the head's number
 * (2.6.17); the second one's lru.prev is the order. Only the head is counted, and
 * only it lies on an LRU list, where its lru is the list's.
 * Both want a page with PG_compound.
 */
static inline pfn_t compound_head(const struct machine *m, pfn_t pfn)
{
	return (pfn_t)page_at(m, pfn)->private;
}

static inline unsigned int compound_order(const struct machine *m, pfn_t pfn)
{
	return (unsigned int)page_at(m, compound_head(m, pfn) + 1)->lru.prev;
}

/*
 * A folio (6.18): a page that is not a part of another, alone or the head of a
 * compound one. page_folio() is the folio that any page lies in; its references and
 * its PG_ flags are the folio's. O(1).
 */
static inline pfn_t page_folio(const struct machine *m, pfn_t pfn)
{
	return page_has(m, pfn, PG_compound) ? compound_head(m, pfn) : pfn;
}

static inline unsigned int folio_order(const struct machine *m, pfn_t pfn)
{
	return page_has(m, pfn, PG_compound) ? compound_order(m, pfn) : 0;
}

static inline uint32_t folio_nr_pages(const struct machine *m, pfn_t pfn)
{
	return 1u << folio_order(m, pfn);
}

/* What the folio that @pfn lies in knows. */
static inline const struct page_rest *folio_at(const struct machine *m, pfn_t pfn)
{
	const struct page_rest *page = page_at(m, pfn);

	return unlikely(page->flags >> PG_compound & 1)
		       ? page_at(m, (pfn_t)page->private) : page;
}

static inline bool folio_has(const struct machine *m, pfn_t pfn, int bit)
{
	return folio_at(m, pfn)->flags >> bit & 1;
}

static inline void folio_set(struct step *s, pfn_t pfn, int bit)
{
	page_mut(s, page_folio(s->m, pfn))->flags |= 1ULL << bit;
}

static inline void folio_clear(struct step *s, pfn_t pfn, int bit)
{
	page_mut(s, page_folio(s->m, pfn))->flags &= ~(1ULL << bit);
}

/* Of a page without a count of its own, the head's; of a free page, its own. */
const struct page_counts *head_counts_at(const struct machine *m, pfn_t pfn);
struct page_counts *head_counts_mut(struct step *s, pfn_t pfn);

/*
 * The count of references of a page in use, which is its folio's. A tail has none of
 * its own: so it is known by that, and the dense counts are all that is looked at of
 * other pages.
 */
static inline struct page_counts *folio_counts_mut(struct step *s, pfn_t pfn)
{
	struct page_counts *counts = page_counts_mut(s, pfn);

	return likely(counts->_count) ? counts : head_counts_mut(s, pfn);
}

/* References to the folio that @pfn lies in; 0: the page is free. */
static inline int32_t folio_ref_count(const struct machine *m, pfn_t pfn)
{
	const int32_t count = page_counts_at(m, pfn)->_count;

	return likely(count) ? count : head_counts_at(m, pfn)->_count;
}

/* One more reference to the folio that @pfn lies in. */
static inline void get_page(struct step *s, pfn_t pfn)
{
	folio_counts_mut(s, pfn)->_count++;
}

/* Drop a reference; the last one frees the folio (put_page, 2.6.17 mm/swap.c). */
void put_page(struct step *s, pfn_t pfn);

/*
 * put_page() of a page that others hold, too. False: this was the last reference,
 * or the last that keeps it on its LRU list, and nothing has been done.
 */
static inline bool put_shared_page(struct step *s, pfn_t pfn)
{
	struct page_counts *counts = folio_counts_mut(s, pfn);
	const struct page_rest *page = folio_at(s->m, pfn);

	if (counts->_count == 1 ||
	    (counts->_mapcount < 0 && page->flags >> PG_lru & 1 &&
	     (!page->mapping || page->mapping & PAGE_MAPPING_ANON)))
		return false;
	counts->_count--;
	return true;
}

/**
 * page_read - a page as struct page
 * @m:   machine
 * @pfn: any frame of it
 *
 * Returns: the page by value; what boot left untouched is presented as
 * initialised (free: _count 0, _mapcount -1; a frontier block's head carries
 * PG_buddy and its order; reserved frames: PG_reserved, _count 1). O(1).
 */
struct page page_read(const struct machine *m, pfn_t pfn);

/* True for frame 0, the kernel's own, the zero page and mem_map. */
bool page_is_boot_reserved(const struct machine *m, uint64_t pfn);

/* A frame of the machine that boot did not reserve: some zone's, in use or not. */
bool page_is_managed(const struct machine *m, uint64_t pfn);

/* Does this address lie in mem_map, in a struct page? */
bool pa_in_mem_map(const struct machine *m, uint64_t pa);

/* The zone a frame belongs to. */
enum zone_type page_zone(const struct machine *m, pfn_t pfn);
const char *zone_name(enum zone_type type);

/* Sets up zones, free lists and watermarks of a machine at boot. */
void mem_init(struct step *s);

/* Recompute the watermarks from min_free_kbytes (setup_per_zone_pages_min). */
void setup_per_zone_pages_min(struct step *s);

/**
 * alloc_pages - take 2^order frames from the buddy allocator
 * @s:     step
 * @gfp:   __GFP_*: which zones, which reserves
 * @order: 0 … 10
 *
 * The frames read as zero; the first has _count 1 and _mapcount -1. With __GFP_COMP
 * and an order above 0 they are one compound page, see compound_head().
 *
 * Returns: the first frame, or 0 when no zone has a block above its watermark
 * (there is no reclaim yet: the caller answers ENOMEM).
 * Cost: O(MAX_ORDER). Linux: mm/page_alloc.c __alloc_pages(), 2.6.17.
 */
pfn_t alloc_pages(struct step *s, unsigned int gfp, unsigned int order);

static inline pfn_t alloc_page(struct step *s, unsigned int gfp)
{
	return alloc_pages(s, gfp, 0);
}

/**
 * split_compound - one compound page becomes several
 * @head: of it; of its order and above 0
 * @at:   a frame of it: the halves that it lies in are halved again until it is
 *        alone (folio_split(), 6.18); or 0, and all frames are alone
 * It is on no list. The parts have no references; what else each frame had, it
 * still has. O(frames).
 */
void split_compound(struct step *s, pfn_t head, pfn_t at);

/* Give 2^order frames back, as they were taken: cleared, merged with free buddies. */
void __free_pages(struct step *s, pfn_t pfn, unsigned int order);

/* The same for one frame whose bytes are known to be zero (an empty table). */
void free_zeroed_page(struct step *s, pfn_t pfn);

/* Free frames over all zones (nr_free_pages(), 2.6.17). O(zones). */
uint64_t nr_free_pages(const struct machine *m);

/* Frames that allocations for programs and for the page cache leave alone
 * (calculate_totalreserve_pages(), 6.18). O(zones). */
uint64_t totalreserve_pages(const struct machine *m);

/*
 * LRU lists, of folios; a zone counts their pages. New anonymous pages start on the
 * active list (2.6.17's lru_cache_add_active), without the pagevec that would delay
 * it. The zone counts pages without PG_swapbacked apart: it is set before, and does
 * not change while the page is on a list.
 */
void lru_cache_add_active(struct step *s, pfn_t pfn);
void lru_cache_add(struct step *s, pfn_t pfn);
/* Of a page on a list: to the head of the other, or of the same. */
void activate_page(struct step *s, pfn_t pfn);
void deactivate_page(struct step *s, pfn_t pfn);
void del_page_from_lru(struct step *s, pfn_t pfn);

#endif
