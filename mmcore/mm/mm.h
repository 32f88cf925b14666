/* SPDX-License-Identifier: MIT */
/*
 * What everybody asks of a page: where its struct page lies, which folio it is a part
 * of, who holds it (2.6.17 and 6.18 include/linux/mm.h). Allocating is page_alloc.h's,
 * the LRU lists and the last reference are swap.h's.
 */
#ifndef MMCORE_MM_H
#define MMCORE_MM_H

#include "mmcore/kernel/kernel.h"

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

/* PTEs that map the pages of the folio that @pfn lies in. O(pages of the folio). */
uint64_t folio_mapcount(const struct machine *m, pfn_t pfn);

/* ---- an address space's resident pages ---- */

/* The counter of @mm that a mapped page belongs to (mm_counter(), 6.18). */
static inline uint64_t *rss_counter(struct step *s, mm_ref mm, pfn_t pfn)
{
	const struct page_rest *page = page_at(s->m, pfn);

	if (page->mapping & PAGE_MAPPING_ANON)
		return &mm_mut(s, mm)->_anon_rss;
	if (page->flags >> PG_swapbacked & 1)
		return &mm_mut(s, mm)->_shmem_rss;
	return &mm_mut(s, mm)->_file_rss;
}

/* The most that was ever resident is kept before pages go (6.18). */
static inline void update_hiwater_rss(struct step *s, mm_ref mm)
{
	const uint64_t rss = get_mm_rss(mm_at(s->m, mm));

	if (mm_at(s->m, mm)->hiwater_rss < rss)
		mm_mut(s, mm)->hiwater_rss = rss;
}

#endif
