/* SPDX-License-Identifier: MIT */
/*
 * Pages leave the cache: the file ends earlier, has a hole, or nobody needs them
 * (2.6.17 mm/truncate.c and vmtruncate(); results as 6.18's on ext4).
 *
 * The last page of a file has a tail behind the file's end. It is zero when the
 * page comes in; programs may store there, which nobody else should ever see: it
 * does not reach the disk, and is zeroed whenever the file's end moves.
 *
 * A cut may run through a folio. A clean one is split, and what lies behind the cut
 * goes. One that still has something to be written before the cut cannot be split:
 * it stays whole, the rest of it is zero, and no PTE maps it any more, so that each
 * access asks again how long the file is. Such pages lie in the cache behind the end
 * of the file, and are there when it grows.
 */
#include <string.h>

#include "mmcore/fs/disk.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/vma.h"

/* ---- the tail ---- */

/* The bytes of the page that holds @from, from there to its end: zero. */
static void zero_from(struct step *s, mapping_ref mapping, uint64_t from)
{
	const pfn_t pfn = find_get_page(s->m, mapping, from >> PAGE_SHIFT);

	if (from & ~PAGE_MASK && pfn && !ram_frame_is_blank(s->m, pfn))
		memset((uint8_t *)ram_mut(s, pfn_to_pa(pfn)) +
		       (from & ~PAGE_MASK), 0, PAGE_SIZE - (from & ~PAGE_MASK));
}

/* The page that @size ends in is in the cache; *fresh: for no other reason. 0 or
 * -ENOMEM, not told. */
static int64_t get_tail_page(struct step *s, mapping_ref mapping, uint64_t size,
			     pfn_t *pfn, bool *fresh)
{
	const uint64_t index = size >> PAGE_SHIFT;

	*pfn = find_get_page(s->m, mapping, index);
	*fresh = !*pfn;
	if (!*pfn)
		return read_cache_page(s, mapping, index, pfn);
	if (folio_has(s->m, *pfn, PG_uptodate) || block_is_dirty(s->m, *pfn))
		return 0;
	return aops(s->m, mapping)->readpage(s, mapping, *pfn);
}

/*
 * ext4_block_truncate_page(): behind @size its page is zero, in memory and, when
 * it is written, on the disk; it is read for that. A hole has nothing to zero, but
 * its page is in the cache, too.
 * 0 or -ENOMEM, not told.
 */
static int64_t block_truncate_page(struct step *s, inode_ref inode, uint64_t size)
{
	const mapping_ref mapping = inode_mapping(inode);
	bool fresh;
	pfn_t pfn;
	int64_t err;

	if (!(size & ~PAGE_MASK))
		return 0;
	err = get_tail_page(s, mapping, size, &pfn, &fresh);
	if (err)
		return err;
	if (fresh)
		folio_clear(s, pfn, PG_uptodate);
	mark_page_accessed(s, pfn);
	if (!disk_has_block(s->m, mapping, size >> PAGE_SHIFT))
		return 0;
	zero_from(s, mapping, size);
	mark_block_dirty(s, pfn);
	return 0;
}

void extend_file(struct step *s, inode_ref inode, uint64_t pos, uint64_t size)
{
	const uint64_t old = inode_at(s->m, inode)->i_size;

	if (old < pos && block_truncate_page(s, inode, old))
		zero_from(s, inode_mapping(inode), old);
	i_size_write(s, inode, size);
}

/* ---- folios that a cut runs through ---- */

/* What is cut: pages [first, end); the cut is made in the page @at. */
struct cut {
	mapping_ref mapping;
	uint64_t at, first, end;
};

/* The pages that go from a folio that may stay: zero, and not to be written. */
static void forget_pages(struct step *s, const struct cut *cut, pfn_t folio)
{
	const uint64_t base = folio_index(s->m, folio);

	for (uint32_t i = 0; i < folio_nr_pages(s->m, folio); i++) {
		if (base + i < cut->first || base + i >= cut->end)
			continue;
		ram_clear_frame(s, folio + i);
		if (page_has(s->m, folio + i, PG_block_dirty))
			clear_block_dirty(s, folio + i);
		page_mut(s, folio + i)->flags &= ~(1ULL << PG_mappedtodisk);
	}
}

/* try_folio_split_or_unmap() */
static int64_t split_or_unmap(struct step *s, pfn_t folio, pfn_t at)
{
	const int64_t err = folio_split(s, folio, at);

	if (err)
		try_to_unmap(s, folio);
	return err;
}

/* Behind a hole: what @pfn lies in begins with it from now on. */
static void split_behind(struct step *s, pfn_t pfn)
{
	if (pfn && folio_nr_pages(s->m, pfn) > 1)
		split_or_unmap(s, page_folio(s->m, pfn), pfn);
}

/*
 * truncate_inode_partial_folio(): the folio that @pfn lies in, where the cut takes a
 * part of it. False: it stays as it is, and the cut has to leave it out.
 */
static bool cut_folio(struct step *s, const struct cut *cut, pfn_t pfn)
{
	const pfn_t folio = page_folio(s->m, pfn);
	const uint64_t nr = folio_nr_pages(s->m, folio);
	const uint64_t base = folio_index(s->m, folio);
	const uint64_t at = cut->at > base ? cut->at - base : 0;

	if (nr == 1 || (cut->first <= base && cut->end >= base + nr))
		return true;
	forget_pages(s, cut, folio);
	if (!split_or_unmap(s, folio, folio + (pfn_t)at)) {
		if (cut->end < base + nr)
			split_behind(s, find_get_page(s->m, cut->mapping, cut->end));
		return true;
	}
	/* What the PTEs knew concerns no page that goes. */
	forget_pages(s, cut, folio);
	if (page_has(s->m, folio, PG_dirty))
		return false;
	remove_from_page_cache(s, folio);
	return true;
}

/* Folios that lie in [@first, @end) leave the cache. The inode stays. */
static void remove_folios(struct step *s, mapping_ref mapping, uint64_t first,
			  uint64_t end)
{
	pfn_t pfn;

	while (first < end && radix_tree_next(s->m, mapping, &first, &pfn) &&
	       first < end) {
		const uint64_t next = folio_next_index(s->m, pfn);

		if (next <= end && folio_index(s->m, pfn) == first)
			remove_from_page_cache(s, pfn);
		first = next;
	}
}

/* truncate_inode_pages_range(), 6.18. */
static void cut_pages(struct step *s, struct cut cut)
{
	const inode_ref inode = mapping_at(s->m, cut.mapping)->host;
	const pfn_t at = find_get_page(s->m, cut.mapping, cut.at);
	const uint64_t next = at ? folio_next_index(s->m, at) : cut.at;
	const bool same = cut.end <= next;
	pfn_t last;

	inode_mut(s, inode)->i_count++;
	if (at && !cut_folio(s, &cut, at)) {
		cut.first = next;
		if (same)
			cut.end = next;
	}
	last = same || cut.end == UINT64_MAX
		       ? 0 : find_get_page(s->m, cut.mapping, cut.end - 1);
	if (last && !cut_folio(s, &cut, last))
		cut.end = folio_index(s->m, last);
	remove_folios(s, cut.mapping, cut.first, cut.end);
	inode_mut(s, inode)->i_count--;
}

void truncate_inode_pages(struct step *s, mapping_ref mapping, uint64_t lstart)
{
	cut_pages(s, (struct cut){ mapping, lstart >> PAGE_SHIFT,
				   size_pages(lstart), UINT64_MAX });
}

void truncate_inode_pages_range(struct step *s, mapping_ref mapping,
				uint64_t first, uint64_t end)
{
	pfn_t pfn;

	if (first >= end)
		return;
	if (radix_tree_next(s->m, mapping, &(uint64_t){ first }, &pfn))
		unmap_mapping_pages(s, mapping, first, end, false);
	cut_pages(s, (struct cut){ mapping, first, first, end });
}

/* ---- another size ---- */

/* The tail of the last page is zero, even where its page has left the cache. @fresh:
 * the page is there for that alone. */
static void zero_tail(struct step *s, inode_ref inode, uint64_t size, bool fresh)
{
	const uint64_t index = size >> PAGE_SHIFT, from = size & ~PAGE_MASK;
	const uint64_t block = disk_bmap(s->m, inode_at(s->m, inode)->i_ino, index);

	if (block_truncate_page(s, inode, size) && block)
		memset((uint8_t *)disk_mut(s, block) + from, 0, PAGE_SIZE - from);
	else if (fresh)
		folio_clear(s, find_get_page(s->m, inode_mapping(inode), index),
			    PG_uptodate);
}

int64_t vmtruncate(struct step *s, inode_ref inode, uint64_t size)
{
	const mapping_ref mapping = inode_mapping(inode);
	const uint64_t old = inode_at(s->m, inode)->i_size;
	const uint64_t first = size_pages(size);
	bool fresh = false;
	int64_t err = 0;
	pfn_t pfn;

	trace_event(s, truncate, old, size);
	if (size > old)
		extend_file(s, inode, size, size);
	else if (size & ~PAGE_MASK)
		err = get_tail_page(s, mapping, size, &pfn, &fresh);
	if (err)
		return refuse(s, (int)-err, "no memory for the file's last page");
	i_size_write(s, inode, size);
	if (!size)
		inode_mut(s, inode)->i_state |= I_DA_ALLOC_CLOSE;
	if (old > first << PAGE_SHIFT)
		unmap_mapping_pages(s, mapping, first, UINT64_MAX, true);
	truncate_inode_pages(s, mapping, size);
	if (size <= old)
		zero_tail(s, inode, size, fresh);
	return 0;
}

/* ---- what nobody needs ---- */

/* mapping_evict_folio(): is it busy? */
static bool is_busy(const struct machine *m, pfn_t folio)
{
	const uint64_t busy = 1ULL << PG_dirty | 1ULL << PG_writeback |
			      1ULL << PG_locked;

	return page_at(m, folio)->flags & busy ||
	       folio_ref_count(m, folio) > (int32_t)folio_nr_pages(m, folio);
}

uint64_t invalidate_mapping_pages(struct step *s, mapping_ref mapping,
				  uint64_t first, uint64_t end)
{
	const inode_ref inode = mapping_at(s->m, mapping)->host;
	uint64_t gone = 0, next;
	pfn_t pfn;

	igrab(s, inode);
	for (; radix_tree_next(s->m, mapping, &first, &pfn) && first < end;
	     first = next) {
		next = folio_next_index(s->m, pfn);
		if (next > end || folio_index(s->m, pfn) < first ||
		    is_busy(s->m, pfn))
			continue;
		remove_from_page_cache(s, pfn);
		gone += next - first;
	}
	iput(s, inode);
	return gone;
}

/* The inode after @node by number, found anew: the tree has changed. */
static inode_ref next_cached_inode(const struct machine *m, uint64_t ino)
{
	uint64_t at = kernel_at(m)->inodes.rb_node, best = 0;

	while (at) {
		const struct inode *inode = inode_at(m, inode_make(at -
			offsetof(struct inode, i_hash)));
		const bool right = inode->i_ino <= ino;

		mm_poll(m, 1);
		if (!right)
			best = at;
		at = right ? inode->i_hash.rb_right : inode->i_hash.rb_left;
	}
	return inode_make(best ? best - offsetof(struct inode, i_hash) : 0);
}

void drop_pagecache(struct step *s)
{
	uint64_t ino = 0;

	for (;;) {
		const inode_ref inode = next_cached_inode(s->m, ino);

		if (inode_none(inode))
			return;
		ino = inode_at(s->m, inode)->i_ino;
		invalidate_mapping_pages(s, inode_mapping(inode), 0, UINT64_MAX);
	}
}
