/* SPDX-License-Identifier: MIT */
/* References to pages, and the LRU lists that they age on (2.6.17 mm/swap.c). */
#ifndef MMCORE_SWAP_H
#define MMCORE_SWAP_H

#include "mmcore/mm/mm.h"

/* Drop one reference to the folio that @pfn lies in. With the last one the folio leaves
 * its LRU list and its frames are free; an anonymous page that nothing maps any more and
 * that pipes still hold leaves the list too (PG_pipe). O(1), or O(frames) where it frees.
 * Linux: mm/swap.c, 2.6.17. */
void put_page(struct step *s, pfn_t pfn);

/*
 * put_page() where that is no more than to count down. Returns: false where the
 * reference is the last one, or the last that keeps the page on its LRU list; then
 * nothing has been done.
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
 * Put a folio on its zone's active or inactive list, at the head. It is given by its
 * first frame and is on no list. New anonymous pages begin on the active list, pages of
 * files on the inactive one. The lists hold folios, a zone counts their pages, and those
 * without PG_swapbacked once more; so the caller sets that flag before, and it does not
 * change while the folio is on a list. O(1). Linux: mm/swap.c, 2.6.17.
 */
void lru_cache_add_active(struct step *s, pfn_t pfn);
void lru_cache_add(struct step *s, pfn_t pfn);
/* Move a folio that is on a list to the head of the active or of the inactive list, also
 * where it is on that list already. O(1). */
void activate_page(struct step *s, pfn_t pfn);
void deactivate_page(struct step *s, pfn_t pfn);
/* Take a folio off the list that it is on; clears PG_lru and PG_active. O(1). */
void del_page_from_lru(struct step *s, pfn_t pfn);

/**
 * mark_page_accessed - a call has used a page of a file or of shared memory
 * @pfn: any page of the folio
 *
 * The first use sets PG_referenced, the second moves the folio to the active list
 * unless a locked VMA maps it: locked pages are on no list that use would order.
 * O(1); where the folio may be activated, O(VMAs that cover the page).
 * Linux: mm/swap.c, 2.6.17 and 6.18.
 */
void mark_page_accessed(struct step *s, pfn_t pfn);

#endif
