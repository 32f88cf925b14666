/* SPDX-License-Identifier: MIT */
/*
 * Dirty pages and their way to the disk (2.6.17 mm/page-writeback.c,
 * fs/fs-writeback.c).
 *
 * A folio is dirty when its bytes differ from the disk's: PG_dirty, and a tag in
 * the mapping's tree, so that the dirty ones among a million are found at once. Of a
 * folio of several pages those are written whose own blocks differ (in Linux the
 * dirty ones of its buffer heads). An
 * inode with dirty pages stands on kernel->dirty_inodes since the moment that the
 * first of them became so. Stores of programs would go unseen; so a shared mapping
 * of a file is read-only until the first store to each page, which faults and
 * makes the page dirty (page_mkwrite), and writing a page takes the write
 * permission away again.
 *
 * Time passes only in machine.tick, so the flusher runs there: data older than
 * dirty_expire_centisecs is written at each multiple of dirty_writeback_centisecs,
 * and as much as it takes to come below the background limit. Who dirties more than
 * dirty_ratio permits writes it out itself. Writing takes no time: a page is under
 * PG_writeback only for the length of a step.
 */
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/page_alloc.h"

#define DIRTY_INODES_PA	KERNEL_MEMBER(dirty_inodes)

static inode_ref inode_of_list(uint64_t pos)
{
	return inode_make(pos - offsetof(struct inode, i_list));
}

static uint64_t inode_list_pa(inode_ref inode)
{
	return inode.pa + offsetof(struct inode, i_list);
}

/* ---- dirty and clean ---- */

/* __mark_inode_dirty(I_DIRTY_PAGES): from now on it is waited for. */
static void mark_inode_dirty_pages(struct step *s, inode_ref ref)
{
	struct inode *inode = inode_mut(s, ref);

	if (inode->i_state & I_DIRTY_PAGES)
		return;
	inode->i_state |= I_DIRTY_PAGES;
	inode->dirtied_when = kernel_at(s->m)->jiffies;
	list_add_tail(s, inode_list_pa(ref), DIRTY_INODES_PA);
}

/* The last dirty page was written or went. */
static void inode_is_clean(struct step *s, mapping_ref mapping)
{
	const inode_ref ref = mapping_at(s->m, mapping)->host;

	if (!(inode_at(s->m, ref)->i_state & I_DIRTY_PAGES) ||
	    radix_tree_tagged(s->m, mapping, PAGECACHE_TAG_DIRTY))
		return;
	inode_mut(s, ref)->i_state &= ~(uint32_t)I_DIRTY_PAGES;
	list_del(s, inode_list_pa(ref));
}

/* Has it a disk that will want its bytes? */
static bool has_disk(const struct machine *m, const struct page_rest *page)
{
	return page->mapping && !(page->mapping & PAGE_MAPPING_ANON) &&
	       mapping_can_writeback(m, mapping_make(page->mapping));
}

/* Each page of the folio has the tag, or none has. */
static void tag_folio(struct step *s, pfn_t folio, unsigned int tag, bool on)
{
	const mapping_ref mapping = mapping_make(page_at(s->m, folio)->mapping);
	const uint64_t first = page_at(s->m, folio)->index;

	for (uint64_t i = 0; i < folio_nr_pages(s->m, folio); i++)
		if (on)
			radix_tree_tag_set(s, mapping, first + i, tag);
		else
			radix_tree_tag_clear(s, mapping, first + i, tag);
}

static void folio_is_dirty(struct step *s, pfn_t folio)
{
	struct page_rest *page = page_mut(s, folio);
	uint32_t nr;

	if (page->flags >> PG_dirty & 1)
		return;
	page->flags |= 1ULL << PG_dirty;
	if (!has_disk(s->m, page))
		return;
	nr = folio_nr_pages(s->m, folio);
	tag_folio(s, folio, PAGECACHE_TAG_DIRTY, true);
	kernel_mut(s)->nr_dirty += nr;
	kernel_mut(s)->nr_dirtied += nr;
	mark_inode_dirty_pages(s, mapping_at(s->m, mapping_make(page->mapping))->host);
}

void mark_block_dirty(struct step *s, pfn_t pfn)
{
	if (page_has(s->m, pfn, PG_compound))
		page_mut(s, pfn)->flags |= 1ULL << PG_block_dirty;
	folio_is_dirty(s, page_folio(s->m, pfn));
}

/* block_dirty_folio(): a page without a block lies in a hole, or behind the end. */
static void dirty_blocks(struct step *s, pfn_t folio)
{
	const struct page_rest *page = page_at(s->m, folio);
	const mapping_ref mapping = mapping_make(page->mapping);
	const uint32_t nr = folio_nr_pages(s->m, folio);

	if (!has_disk(s->m, page))
		return;
	for (uint32_t i = 0; i < nr; i++)
		if (!page_has(s->m, folio + i, PG_block_dirty) &&
		    aops(s->m, mapping)->has_block(s->m, mapping, page->index + i))
			page_mut(s, folio + i)->flags |= 1ULL << PG_block_dirty;
}

void set_page_dirty(struct step *s, pfn_t pfn)
{
	const pfn_t folio = page_folio(s->m, pfn);
	struct page_rest *page = page_mut(s, folio);

	page->flags &= ~(1ULL << PG_readahead);
	if (page->flags >> PG_compound & 1)
		dirty_blocks(s, folio);
	folio_is_dirty(s, folio);
}

void clear_page_dirty(struct step *s, pfn_t pfn)
{
	const pfn_t folio = page_folio(s->m, pfn);
	struct page_rest *page = page_mut(s, folio);
	const uint32_t nr = folio_nr_pages(s->m, folio);

	if (!(page->flags >> PG_dirty & 1))
		return;
	page->flags &= ~(1ULL << PG_dirty);
	if (!has_disk(s->m, page))
		return;
	for (uint32_t i = 0; i < nr; i++)
		page_mut(s, folio + i)->flags &= ~(1ULL << PG_block_dirty);
	tag_folio(s, folio, PAGECACHE_TAG_DIRTY, false);
	kernel_mut(s)->nr_dirty -= nr;
	inode_is_clean(s, mapping_make(page->mapping));
}

void clear_block_dirty(struct step *s, pfn_t pfn)
{
	const pfn_t folio = page_folio(s->m, pfn);

	page_mut(s, pfn)->flags &= ~(1ULL << PG_block_dirty);
	for (uint32_t i = 0; i < folio_nr_pages(s->m, folio); i++)
		if (page_has(s->m, folio + i, PG_block_dirty))
			return;
	clear_page_dirty(s, folio);
}

/* ---- writing ---- */

/* Those blocks of a folio that differ, behind the end of the file, too (D-013). 0 or
 * -EIO. */
static int64_t write_blocks(struct step *s, mapping_ref mapping, pfn_t folio)
{
	const uint64_t ino =
		inode_at(s->m, mapping_at(s->m, mapping)->host)->i_ino;
	int64_t err = 0;

	for (uint32_t i = 0; !err && i < folio_nr_pages(s->m, folio); i++) {
		if (!block_is_dirty(s->m, folio + i))
			continue;
		err = aops(s->m, mapping)->writepage(s, mapping, folio + i);
		trace_event(s, writepage, ino, page_at(s->m, folio + i)->index,
			    folio + i);
	}
	return err;
}

static int64_t write_folio(struct step *s, mapping_ref mapping, pfn_t folio)
{
	const uint32_t nr = folio_nr_pages(s->m, folio);
	int64_t err;

	for (uint32_t i = 0; i < nr; i++)
		page_mkclean(s, folio + i);
	page_mut(s, folio)->flags |= 1ULL << PG_writeback;
	tag_folio(s, folio, PAGECACHE_TAG_WRITEBACK, true);
	kernel_mut(s)->nr_writeback += nr;
	err = write_blocks(s, mapping, folio);
	clear_page_dirty(s, folio);
	page_mut(s, folio)->flags &= ~(1ULL << PG_writeback | 1ULL << PG_readahead);
	tag_folio(s, folio, PAGECACHE_TAG_WRITEBACK, false);
	kernel_mut(s)->nr_writeback -= nr;
	kernel_mut(s)->nr_written += nr;
	return err;
}

int64_t filemap_fdatawrite_range(struct step *s, mapping_ref mapping,
				 uint64_t first, uint64_t end)
{
	int64_t err = 0;
	pfn_t pfn;

	while (!err && radix_tree_next_tagged(s->m, mapping, &first, &pfn,
					      PAGECACHE_TAG_DIRTY) &&
	       first < end) {
		err = write_folio(s, mapping, page_folio(s->m, pfn));
		first++;
	}
	return err;
}

/* Dirty data of the oldest inodes, until no more than @keep pages are left. */
static void write_back_down_to(struct step *s, uint64_t keep)
{
	while (kernel_at(s->m)->nr_dirty > keep) {
		const inode_ref inode =
			inode_of_list(list_next_pa(s->m, DIRTY_INODES_PA));

		if (filemap_fdatawrite_range(s, inode_mapping(inode), 0,
					     UINT64_MAX))
			return;
	}
}

/*
 * global_dirtyable_memory(): pages that may be dirty at all, which are those
 * free, but for a reserve, and those of files.
 */
static uint64_t dirtyable_pages(const struct machine *m)
{
	const uint64_t reserve = totalreserve_pages(m);
	uint64_t pages = nr_free_pages(m);

	pages = pages > reserve ? pages - reserve : 0;
	for (int type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone *z = &kernel_at(m)->zones[type];

		pages += z->nr_active_file + z->nr_inactive_file;
	}
	return pages + 1;
}

uint64_t global_dirty_limit(const struct machine *m, uint64_t percent)
{
	return percent * PAGE_SIZE / 100 * dirtyable_pages(m) / PAGE_SIZE;
}

static uint64_t background_limit(const struct machine *m)
{
	return global_dirty_limit(m, kernel_at(m)->dirty_background_ratio);
}

void balance_dirty_pages(struct step *s)
{
	const uint64_t limit = global_dirty_limit(s->m,
						  kernel_at(s->m)->dirty_ratio);

	if (kernel_at(s->m)->nr_dirty > limit)
		write_back_down_to(s, background_limit(s->m));
}

/* ---- the flusher ---- */

/* wb_kupdate(): what became dirty at or before @then. */
static void write_older(struct step *s, uint64_t then)
{
	while (!list_empty(s->m, DIRTY_INODES_PA)) {
		const inode_ref inode =
			inode_of_list(list_next_pa(s->m, DIRTY_INODES_PA));

		if (inode_at(s->m, inode)->dirtied_when > then ||
		    filemap_fdatawrite_range(s, inode_mapping(inode), 0,
					     UINT64_MAX))
			return;
	}
}

void pdflush(struct step *s, uint64_t from)
{
	const struct kernel *k = kernel_at(s->m);
	const uint64_t interval = k->dirty_writeback_centisecs * HZ / 100;
	const uint64_t expire = k->dirty_expire_centisecs * HZ / 100;
	uint64_t last;

	/* Between two runs nothing else happens: the last one is all of them. */
	if (!interval || k->jiffies / interval == from / interval)
		return;
	last = k->jiffies - k->jiffies % interval;
	if (last >= expire)
		write_older(s, last - expire);
	if (k->nr_dirty > background_limit(s->m))
		write_back_down_to(s, background_limit(s->m));
}
