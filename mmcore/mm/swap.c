/* SPDX-License-Identifier: MIT */
/*
 * References to pages, and the LRU lists (2.6.17 mm/swap.c). There are no pagevecs:
 * a page is on its list at once (D-001).
 */
#include "mmcore/mm/swap.h"

#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/rmap.h"

/* Add @change pages, which may be a negative number, to the counters of a list. */
static void count_lru(struct zone *z, const struct page_rest *page,
		      bool active, uint64_t change)
{
	*(active ? &z->nr_active : &z->nr_inactive) += change;
	if (!(page->flags >> PG_swapbacked & 1))
		*(active ? &z->nr_active_file : &z->nr_inactive_file) += change;
}

static void add_to_lru(struct step *s, pfn_t pfn, bool active)
{
	const enum zone_type type = page_zone(s->m, pfn);
	struct page_rest *page = page_mut(s, pfn);
	struct zone *z = zone_mut(s, type);

	MM_ASSERT(!(page->flags & (1ULL << PG_lru)));
	page->flags |= 1ULL << PG_lru | (uint64_t)active << PG_active;
	list_add(s, page_lru_pa(s->m, pfn), lru_list_pa(type, active));
	count_lru(z, page, active, folio_nr_pages(s->m, pfn));
}

void lru_cache_add_active(struct step *s, pfn_t pfn)
{
	add_to_lru(s, pfn, true);
}

void lru_cache_add(struct step *s, pfn_t pfn)
{
	add_to_lru(s, pfn, false);
}

void del_page_from_lru(struct step *s, pfn_t pfn)
{
	struct zone *z = zone_mut(s, page_zone(s->m, pfn));
	struct page_rest *page = page_mut(s, pfn);
	const bool active = page->flags >> PG_active & 1;

	MM_ASSERT(page->flags >> PG_lru & 1);
	list_del(s, page_lru_pa(s->m, pfn));
	count_lru(z, page, active, -(uint64_t)folio_nr_pages(s->m, pfn));
	page->flags &= ~(1ULL << PG_lru | 1ULL << PG_active);
}

void activate_page(struct step *s, pfn_t pfn)
{
	del_page_from_lru(s, pfn);
	lru_cache_add_active(s, pfn);
}

void deactivate_page(struct step *s, pfn_t pfn)
{
	del_page_from_lru(s, pfn);
	lru_cache_add(s, pfn);
}

void mark_page_accessed(struct step *s, pfn_t pfn)
{
	const pfn_t folio = page_folio(s->m, pfn);
	struct page_rest *page = page_mut(s, folio);

	if (!(page->flags >> PG_referenced & 1)) {
		page->flags |= 1ULL << PG_referenced;
	} else if ((page->flags >> PG_lru & 1) && !(page->flags >> PG_active & 1) &&
		   vma_none(first_locked_vma(s->m, pfn))) {
		del_page_from_lru(s, folio);
		lru_cache_add_active(s, folio);
		page->flags &= ~(1ULL << PG_referenced);
	}
}

/* ---- references ---- */

/*
 * A reference to a page that no PTE maps went. Where neither an object nor the
 * swap cache has it any more, those left are pipes': it will not age.
 */
static void orphan_page(struct step *s, pfn_t pfn)
{
	const uint64_t kept = 1ULL << PG_uptodate | 1ULL << PG_dirty |
			      1ULL << PG_compound;
	struct page_rest *page;

	if (!page_has(s->m, pfn, PG_lru))
		return;
	page = page_mut(s, pfn);
	if (page->flags >> PG_swapcache & 1 ||
	    (page->mapping && !(page->mapping & PAGE_MAPPING_ANON)))
		return;
	del_page_from_lru(s, pfn);
	page->flags = (page->flags & kept) | 1ULL << PG_pipe;
	page->mapping = 0;
	page->index = 0;
}

void put_page(struct step *s, pfn_t pfn)
{
	struct page_counts *counts = page_counts_mut(s, pfn);

	if (unlikely(!counts->_count)) {
		pfn = page_folio(s->m, pfn);
		counts = page_counts_mut(s, pfn);
	}

	MM_ASSERT(counts->_count > 0);
	if (counts->_count > 1) {
		counts->_count--;
		if (counts->_mapcount < 0)
			orphan_page(s, pfn);
		return;
	}
	if (page_has(s->m, pfn, PG_lru))
		del_page_from_lru(s, pfn);
	__free_pages(s, pfn, folio_order(s->m, pfn));
}
