/* SPDX-License-Identifier: MIT */
/*
 * Folios: pages of a file that are kept together (6.18).
 *
 * A page of 4 KiB is what a PTE maps and what a file is measured in. But much of what
 * the cache knows of its pages it knows of many at a time, and a folio is what it
 * knows it of: 2^order frames in one piece of RAM, a compound page, for as many pages
 * of the file, both numbers divisible by their count. It is on one place of an LRU
 * list, is referenced, dirty, marked for readahead, written back and dropped as a
 * whole; its head has the flags and the references of all. What belongs to one page
 * alone: the PTEs that map it (_mapcount), its place (mapping and index, in tails
 * too, where Linux has them only in the head), and whether its own block is to be
 * written (PG_block_dirty, in Linux a bit of a buffer head).
 *
 * Where folios of several pages come from: a write brings in as large ones as what it
 * writes, where nothing is cached; a window of readahead that a mark brought, ever
 * larger ones (readahead.c). Faults for single pages, read-around and truncate bring in
 * single pages. What one sees of them: a fault maps all pages of a folio that it can;
 * a store to one page of a shared mapping reserves blocks for all and makes all of
 * them dirty in smaps; MADV_COLD of one page, or a cut of the file, splits it.
 *
 * Memory of tmpfs and anonymous memory have folios of one page, as where transparent
 * huge pages are off.
 */
#include "mmcore/lib/interval_tree.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/page_alloc.h"

unsigned int filemap_folio_order(const struct machine *m, mapping_ref mapping,
				 uint64_t index, uint64_t pages)
{
	uint64_t next = index;
	unsigned int order = 0;
	pfn_t pfn;

	while (order < MAX_PAGECACHE_ORDER && 2ULL << order <= pages &&
	       !(index & ((2ULL << order) - 1)))
		order++;
	if (radix_tree_next(m, mapping, &next, &pfn))
		while (order && next < index + (1ULL << order))
			order--;
	return order;
}

bool folio_mapped_elsewhere(const struct machine *m, pfn_t pfn, mm_ref mm)
{
	const pfn_t folio = page_folio(m, pfn);
	const struct page_rest *page = page_at(m, folio);
	const uint32_t nr = folio_nr_pages(m, folio);
	vma_ref ref;

	vma_interval_tree_foreach(m, ref, mapping_make(page->mapping), page->index,
				  page->index + nr - 1) {
		if (mm_same(vma_at(m, ref)->vm_mm, mm))
			continue;
		for (uint32_t i = 0; i < nr; i++)
			if (vma_maps_page(m, vma_at(m, ref), folio + i))
				return true;
	}
	return false;
}

/* The parts of @nr frames get what the whole had, and their references. */
static void share_out(struct step *s, pfn_t folio, uint32_t nr, bool active)
{
	const uint64_t shared = page_at(s->m, folio)->flags &
				(1ULL << PG_referenced | 1ULL << PG_uptodate);

	for (uint32_t i = 0; i < nr; i += folio_nr_pages(s->m, folio + i)) {
		const pfn_t part = folio + i;

		page_mut(s, part)->flags |= shared;
		page_counts_mut(s, part)->_count =
			(int32_t)folio_nr_pages(s->m, part);
		if (active)
			lru_cache_add_active(s, part);
		else
			lru_cache_add(s, part);
	}
}

/* Nothing behind the end of the file stays. Some part of it does. */
static void drop_behind_end(struct step *s, pfn_t folio, uint32_t nr,
			    uint64_t pages)
{
	for (uint32_t i = 0, next; i < nr; i = next) {
		next = i + folio_nr_pages(s->m, folio + i);
		if (folio_index(s->m, folio + i) >= pages)
			remove_from_page_cache(s, folio + i);
	}
}

int64_t folio_split(struct step *s, pfn_t pfn, pfn_t at)
{
	const pfn_t folio = page_folio(s->m, pfn);
	const uint32_t nr = folio_nr_pages(s->m, folio);
	const mapping_ref mapping = mapping_make(page_at(s->m, folio)->mapping);
	const inode_ref inode = mapping_at(s->m, mapping)->host;
	const bool active = page_has(s->m, folio, PG_active);

	if (page_has(s->m, folio, PG_dirty))
		return -EBUSY;
	if ((uint64_t)folio_ref_count(s->m, folio) !=
	    nr + folio_mapcount(s->m, folio))
		return -EAGAIN;
	try_to_unmap(s, folio);
	if (page_has(s->m, folio, PG_dirty))
		return -EBUSY;
	trace_event(s, folio_split, folio, page_at(s->m, folio)->index, nr,
		    at ? page_at(s->m, at)->index : 0, at == 0);
	del_page_from_lru(s, folio);
	split_compound(s, folio, at);
	share_out(s, folio, nr, active);
	inode_mut(s, inode)->i_count++;
	drop_behind_end(s, folio, nr, size_pages(inode_at(s->m, inode)->i_size));
	inode_mut(s, inode)->i_count--;
	return 0;
}
