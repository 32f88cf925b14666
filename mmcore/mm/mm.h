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

/* The stored parts of a page that is in use (allocated or heading a block), to read
 * and to write. Any frame of the machine; O(1). */
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

/* The physical address of the page's lru, by which it is linked into lists. */
static inline uint64_t page_lru_pa(const struct machine *m, pfn_t pfn)
{
	return page_rest_pa(m, pfn) + offsetof(struct page_rest, lru);
}

/* The reverse of page_lru_pa(): the frame whose lru lies at @lru_pa, which must be one
 * (pa_in_mem_map()). O(1). */
pfn_t lru_to_pfn(const struct machine *m, uint64_t lru_pa);

/* Does the page itself have the flag @bit (PG_*)? Its folio may have others. */
static inline bool page_has(const struct machine *m, pfn_t pfn, int bit)
{
	return page_at(m, pfn)->flags >> bit & 1;
}

/*
 * Compound pages: 2^order frames that are one page. Each of them has PG_compound, its
 * lru.next is the address of the head's lru, its private the number of the head
 * (2.6.17); the lru.prev of the second frame is the order. References are counted at
 * the head alone, and only the head lies on an LRU list, linked by its lru.
 * Both functions take any frame that has PG_compound.
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

/* The stored part of the folio that @pfn lies in: its flags, mapping and index. */
static inline const struct page_rest *folio_at(const struct machine *m, pfn_t pfn)
{
	const struct page_rest *page = page_at(m, pfn);

	return unlikely(page->flags >> PG_compound & 1)
		       ? page_at(m, (pfn_t)page->private) : page;
}

/* Does the folio that @pfn lies in have the flag @bit (PG_*)? */
static inline bool folio_has(const struct machine *m, pfn_t pfn, int bit)
{
	return folio_at(m, pfn)->flags >> bit & 1;
}

/* Set, or clear, the flag @bit of the folio that @pfn lies in. */
static inline void folio_set(struct step *s, pfn_t pfn, int bit)
{
	page_mut(s, page_folio(s->m, pfn))->flags |= 1ULL << bit;
}

static inline void folio_clear(struct step *s, pfn_t pfn, int bit)
{
	page_mut(s, page_folio(s->m, pfn))->flags &= ~(1ULL << bit);
}

/* The counts of the head of the compound page that @pfn is a tail of; where the page is
 * free, its own counts, which are 0. */
const struct page_counts *head_counts_at(const struct machine *m, pfn_t pfn);
struct page_counts *head_counts_mut(struct step *s, pfn_t pfn);

/*
 * The count of references of a page in use, which is its folio's. A tail is recognised
 * by its own count of 0, so that of other pages nothing but the dense counts is read.
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

/* Is it frame 0, the kernel's own, the zero page or mem_map? @pfn may be any number. */
bool page_is_boot_reserved(const struct machine *m, uint64_t pfn);

/* Does a zone manage the frame, in use or free? False for what boot reserved and for
 * numbers behind the RAM. */
bool page_is_managed(const struct machine *m, uint64_t pfn);

/* Does @pa lie in mem_map, inside a struct page? @pa may be any number. */
bool pa_in_mem_map(const struct machine *m, uint64_t pa);

/* The zone that a frame of the machine belongs to. O(zones). */
enum zone_type page_zone(const struct machine *m, pfn_t pfn);
/* Its name as /proc/zoneinfo writes it: "DMA", "DMA32", "Normal", "HighMem". */
const char *zone_name(enum zone_type type);

/* How many PTEs map pages of the folio that @pfn lies in, added up. O(its pages). */
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

/* Raises hiwater_rss to the present sum, which is about to fall. Linux:
 * include/linux/mm.h update_hiwater_rss(), 6.18. O(1). */
static inline void update_hiwater_rss(struct step *s, mm_ref mm)
{
	const uint64_t rss = get_mm_rss(mm_at(s->m, mm));

	if (mm_at(s->m, mm)->hiwater_rss < rss)
		mm_mut(s, mm)->hiwater_rss = rss;
}

#endif
