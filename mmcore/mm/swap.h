/* SPDX-License-Identifier: MIT */
/* References to pages, and the LRU lists that they age on (2.6.17 mm/swap.c). */
#ifndef MMCORE_SWAP_H
#define MMCORE_SWAP_H

#include "mmcore/mm/mm.h"

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

/**
 * mark_page_accessed - a page of a file or of shared memory was used by a call
 * @pfn: any page of the folio
 *
 * The first use sets PG_referenced, the second moves the folio to the active list
 * unless a locked VMA maps it. Linux: 2.6.17 and 6.18 mm/swap.c.
 */
void mark_page_accessed(struct step *s, pfn_t pfn);

#endif
