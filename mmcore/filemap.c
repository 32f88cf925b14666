/* SPDX-License-Identifier: MIT */
/*
 * The page cache (2.6.17 mm/filemap.c, mm/truncate.c; results as 6.18's).
 *
 * One page stands for 4 KiB of a file, whoever looks: read and write copy from and
 * to it, shared mappings map it, private ones map it until the first store. So all
 * of them see the same bytes at once, and the disk learns of them later.
 *
 * The last page of a file has a tail behind the file's end. It is zero when the
 * page comes in; programs may store there, which nobody else should ever see: it
 * does not reach the disk, and is zeroed whenever the file's end moves.
 */
#include <string.h>

#include "mmcore/filemap.h"
#include "mmcore/disk.h"
#include "mmcore/page_alloc.h"
#include "mmcore/pgtable.h"
#include "mmcore/task.h"
#include "mmcore/vma.h"

const struct address_space_operations address_space_operations[NR_A_OPS] = {
	[A_OPS_SHMEM] = { .name = "shmem" },
	[A_OPS_DISK] = {
		.name = "disk",
		.readpage = disk_readpage,
		.writepage = disk_writepage,
		.get_block = disk_page_block,
	},
};

/* ---- pages come and go ---- */

int64_t add_to_page_cache(struct step *s, mapping_ref mapping, uint64_t index,
			  pfn_t pfn)
{
	struct page_rest *page = page_mut(s, pfn);

	if (radix_tree_insert(s, mapping, index, pfn))
		return -ENOMEM;
	page->mapping = mapping.pa;
	page->index = index;
	mapping_mut(s, mapping)->nrpages++;
	kernel_mut(s)->nr_file_pages++;
	lru_cache_add(s, pfn);
	return 0;
}

void remove_from_page_cache(struct step *s, pfn_t pfn)
{
	struct page_rest *page = page_mut(s, pfn);
	const mapping_ref mapping = mapping_make(page->mapping);
	const inode_ref inode = mapping_at(s->m, mapping)->host;

	MM_ASSERT(page_counts_at(s->m, pfn)->_mapcount < 0);
	clear_page_dirty(s, pfn);
	radix_tree_delete(s, mapping, page->index);
	page->mapping = 0;
	mapping_mut(s, mapping)->nrpages--;
	kernel_mut(s)->nr_file_pages--;
	put_page(s, pfn);
	if (!mapping_at(s->m, mapping)->nrpages &&
	    !inode_at(s->m, inode)->i_count &&
	    inode_at(s->m, inode)->i_sb == SUPER_DISK)
		disk_drop_inode(s, inode);
}

int64_t read_cache_page(struct step *s, mapping_ref mapping, uint64_t index,
			pfn_t *pfn)
{
	int64_t err;

	*pfn = find_get_page(s->m, mapping, index);
	if (*pfn)
		return 0;
	*pfn = alloc_page(s, GFP_HIGHUSER);
	if (!*pfn)
		return -ENOMEM;
	err = add_to_page_cache(s, mapping, index, *pfn);
	if (err) {
		put_page(s, *pfn);
		return err;
	}
	return aops(s->m, mapping)->readpage(s, mapping, *pfn);
}

void mark_page_accessed(struct step *s, pfn_t pfn)
{
	struct page_rest *page = page_mut(s, pfn);

	if (!(page->flags >> PG_referenced & 1)) {
		page->flags |= 1ULL << PG_referenced;
	} else if ((page->flags >> PG_lru & 1) && !(page->flags >> PG_active & 1)) {
		del_page_from_lru(s, pfn);
		lru_cache_add_active(s, pfn);
		page->flags &= ~(1ULL << PG_referenced);
	}
}

/* ---- read ---- */

/* Its bytes are wanted. Was a folio of Linux's not PG_uptodate until now? */
static bool bring_up(struct step *s, pfn_t pfn)
{
	if (page_has(s->m, pfn, PG_uptodate))
		return false;
	page_mut(s, pfn)->flags |= 1ULL << PG_uptodate;
	return true;
}

int64_t filemap_get_page(struct step *s, file_ref file, uint64_t index,
			 uint64_t last, pfn_t *pfn)
{
	const mapping_ref mapping = file_at(s->m, file)->f_mapping;

	*pfn = find_get_page(s->m, mapping, index);
	if (!*pfn)
		page_cache_sync_ra(s, file, index, last - index);
	else if (page_has(s->m, *pfn, PG_readahead))
		page_cache_async_ra(s, file, *pfn, last - index);
	if (*pfn)
		bring_up(s, *pfn);
	return read_cache_page(s, mapping, index, pfn);
}

int64_t generic_file_read(struct step *s, file_ref ref, struct user_buffer *to,
			  uint64_t *pos, uint64_t count)
{
	const struct file *file = file_at(s->m, ref);
	const uint64_t size = inode_at(s->m, file->f_inode)->i_size;
	int64_t last_pos = file->f_ra.prev_pos, err = 0;
	uint64_t done = 0, left = 0, n;

	if (*pos >= size || !count)
		return 0;
	if (count > size - *pos)
		count = size - *pos;
	while (done < count && !left) {
		const uint64_t index = *pos >> PAGE_SHIFT;
		pfn_t pfn;

		err = filemap_get_page(s, ref, index,
				       size_pages(*pos + count - done), &pfn);
		if (err)
			break;
		/* Its last byte, not the first one behind it: pos_same_folio(). */
		if (done || last_pos < 0 ||
		    (uint64_t)(last_pos - 1) >> PAGE_SHIFT != index)
			mark_page_accessed(s, pfn);
		n = in_page(*pos, count - done);
		left = buffer_put(s, to, (const uint8_t *)
				  ram_at(s->m, pfn_to_pa(pfn)) +
				  (*pos & ~PAGE_MASK), n);
		done += n - left;
		*pos += n - left;
		last_pos = (int64_t)*pos;
	}
	/* Only now: this read's windows go by where the one before ended. */
	file_mut(s, ref)->f_ra.prev_pos = last_pos;
	if (done)
		return (int64_t)done;
	return err ? refuse(s, (int)-err, "no memory for a page of the file")
		   : refuse(s, EFAULT, "the buffer cannot be written");
}

/* ---- write ---- */

/* The bytes of the page that holds @from, from there to its end: zero. */
static void zero_from(struct step *s, mapping_ref mapping, uint64_t from)
{
	const pfn_t pfn = find_get_page(s->m, mapping, from >> PAGE_SHIFT);

	if (from & ~PAGE_MASK && pfn && !ram_frame_is_blank(s->m, pfn))
		memset((uint8_t *)ram_mut(s, pfn_to_pa(pfn)) +
		       (from & ~PAGE_MASK), 0, PAGE_SIZE - (from & ~PAGE_MASK));
}

/*
 * ext4_block_truncate_page(): behind @size its page is zero, in memory and, when
 * it is written, on the disk; it is read for that. A hole has nothing to zero, but
 * its page is in the cache, too.
 * 0 or -ENOMEM, not told.
 */
static int64_t zero_tail(struct step *s, inode_ref inode, uint64_t size)
{
	const mapping_ref mapping = inode_mapping(inode);
	const uint64_t index = size >> PAGE_SHIFT;
	pfn_t pfn;
	int64_t err;

	if (!(size & ~PAGE_MASK))
		return 0;
	pfn = find_get_page(s->m, mapping, index);
	if (!pfn) {
		err = read_cache_page(s, mapping, index, &pfn);
		if (err)
			return err;
		page_mut(s, pfn)->flags &= ~(1ULL << PG_uptodate);
	}
	if (!disk_bmap(s->m, inode_at(s->m, inode)->i_ino, index))
		return 0;
	zero_from(s, mapping, size);
	set_page_dirty(s, pfn);
	return 0;
}

/*
 * The file grows and has zeros up to @pos: what programs stored behind its end is
 * not part of it. As in Linux nobody is told when there is no memory to say so on
 * the disk.
 */
static void extend_file(struct step *s, inode_ref inode, uint64_t pos,
			uint64_t size)
{
	const uint64_t old = inode_at(s->m, inode)->i_size;

	if (old < pos && zero_tail(s, inode, old))
		zero_from(s, inode_mapping(inode), old);
	i_size_write(s, inode, size);
}

/*
 * prepare_write: a block for the page (*made: it had none), and the page itself,
 * read from the disk unless all of it will be overwritten. 0, or a negative
 * errno, not told.
 */
static int64_t prepare_write(struct step *s, mapping_ref mapping, uint64_t pos,
			     uint64_t n, pfn_t *pfn, bool *made)
{
	const struct inode *inode =
		inode_at(s->m, mapping_at(s->m, mapping)->host);
	const uint64_t index = pos >> PAGE_SHIFT, blocks = inode->i_blocks;
	int64_t err = aops(s->m, mapping)->get_block(s, mapping, index);

	if (err)
		return err;
	*made = inode->i_blocks != blocks;
	*pfn = find_get_page(s->m, mapping, index);
	if (*pfn)
		return 0;
	if (n < PAGE_SIZE && index < size_pages(inode->i_size))
		return read_cache_page(s, mapping, index, pfn);
	*pfn = alloc_page(s, GFP_HIGHUSER);
	if (!*pfn)
		return -ENOMEM;
	err = add_to_page_cache(s, mapping, index, *pfn);
	if (err)
		put_page(s, *pfn);
	else
		page_mut(s, *pfn)->flags |= 1ULL << PG_uptodate;
	return err;
}

/* One page's worth: bytes written, or a negative errno, told. */
static int64_t write_one_page(struct step *s, inode_ref inode,
			      struct user_buffer *from, uint64_t pos, uint64_t n)
{
	const mapping_ref mapping = inode_mapping(inode);
	uint64_t got;
	bool made;
	pfn_t pfn;
	int64_t err = prepare_write(s, mapping, pos, n, &pfn, &made);

	if (err)
		return refuse(s, (int)-err, err == -ENOSPC
			      ? "the disk is full"
			      : "no memory for a page of the file");
	/* As in shmem.c: the file has grown to @pos before the buffer is read. */
	if (pos > inode_at(s->m, inode)->i_size)
		extend_file(s, inode, pos, pos);
	got = buffer_get_some(s, from, (uint8_t *)ram_mut(s, pfn_to_pa(pfn)) +
				       (pos & ~PAGE_MASK), n);
	/* folio_zero_new_buffers(): a block that is new is zeros, and written. */
	/* block_commit_write(): where a block is begun in its middle it is written. */
	if (got || made || pos & ~PAGE_MASK)
		set_page_dirty(s, pfn);
	if (!got)
		return refuse(s, EFAULT, "the buffer cannot be read");
	if (pos + got > inode_at(s->m, inode)->i_size)
		i_size_write(s, inode, pos + got);
	bring_up(s, pfn);
	return (int64_t)got;
}

/*
 * ext4 writes by folios, as large as what is written allows where nothing is
 * cached yet: the page behind the one that @pos begins.
 */
static uint64_t folio_end(const struct machine *m, mapping_ref mapping,
			  uint64_t pos, uint64_t bytes)
{
	const uint64_t index = pos >> PAGE_SHIFT;
	uint64_t next = index, pages = 1;
	pfn_t pfn;

	while (pages * 2 <= bytes >> PAGE_SHIFT && !(index & (pages * 2 - 1)))
		pages *= 2;
	if (radix_tree_next(m, mapping, &next, &pfn))
		while (pages > 1 && next < index + pages)
			pages /= 2;
	return index + pages;
}

/* A write that faulted had blocks for all of its folio. */
static void reserve_blocks(struct step *s, mapping_ref mapping, uint64_t pos,
			   uint64_t bytes, uint64_t end)
{
	const uint64_t last = (pos + bytes - 1) >> PAGE_SHIFT;
	uint64_t index = (pos >> PAGE_SHIFT) + 1;

	for (; index < end && index <= last; index++)
		if (aops(s->m, mapping)->get_block(s, mapping, index))
			return;
}

int64_t generic_file_write(struct step *s, file_ref ref,
			   struct user_buffer *from, uint64_t *pos,
			   uint64_t count)
{
	const inode_ref inode = file_at(s->m, ref)->f_inode;
	const mapping_ref mapping = inode_mapping(inode);
	uint64_t done = 0, end = 0;
	int64_t n = generic_write_checks(s, ref, pos, &count);

	if (n)
		return n;
	while (done < count) {
		if (*pos >> PAGE_SHIFT >= end)
			end = folio_end(s->m, mapping, *pos, count - done);
		n = write_one_page(s, inode, from, *pos,
				   in_page(*pos, count - done));
		if (n == -EFAULT)
			reserve_blocks(s, mapping, *pos, count - done, end);
		if (n < 0)
			break;
		done += (uint64_t)n;
		*pos += (uint64_t)n;
	}
	balance_dirty_pages(s);
	if (n < 0 && !done)
		return n;
	s->res->why = NULL;
	return (int64_t)done;
}

int64_t generic_adopt_page(struct step *s, file_ref file, uint64_t index,
			   pfn_t pfn)
{
	const inode_ref inode = file_at(s->m, file)->f_inode;
	const mapping_ref mapping = inode_mapping(inode);
	const uint64_t end = (index + 1) << PAGE_SHIFT;
	int64_t err = aops(s->m, mapping)->get_block(s, mapping, index);

	page_mut(s, pfn)->flags = 1ULL << PG_uptodate;
	if (!err)
		err = add_to_page_cache(s, mapping, index, pfn);
	if (err) {
		page_mut(s, pfn)->flags |= 1ULL << PG_pipe;
		return err;
	}
	set_page_dirty(s, pfn);
	if (end > inode_at(s->m, inode)->i_size)
		extend_file(s, inode, index << PAGE_SHIFT, end);
	mark_page_accessed(s, pfn);
	return 0;
}

int64_t generic_file_fsync(struct step *s, file_ref file, uint64_t first,
			   uint64_t end)
{
	return filemap_fdatawrite_range(s, file_at(s->m, file)->f_mapping, first,
					end);
}

void generic_file_release(struct step *s, file_ref file)
{
	const inode_ref inode = file_at(s->m, file)->f_inode;

	if (!(inode_at(s->m, inode)->i_state & I_DA_ALLOC_CLOSE))
		return;
	inode_mut(s, inode)->i_state &= ~(uint32_t)I_DA_ALLOC_CLOSE;
	filemap_fdatawrite_range(s, inode_mapping(inode), 0, UINT64_MAX);
}

/* ---- truncate, invalidate ---- */

void truncate_inode_pages_range(struct step *s, mapping_ref mapping,
				uint64_t first, uint64_t end)
{
	const inode_ref inode = mapping_at(s->m, mapping)->host;
	pfn_t pfn;

	if (radix_tree_next(s->m, mapping, &(uint64_t){ first }, &pfn))
		unmap_mapping_pages(s, mapping, first, end, false);
	igrab(s, inode);
	while (radix_tree_next(s->m, mapping, &first, &pfn) && first < end) {
		remove_from_page_cache(s, pfn);
		first++;
	}
	inode_mut(s, inode)->i_count--;
}

void truncate_inode_pages(struct step *s, mapping_ref mapping, uint64_t first)
{
	const inode_ref inode = mapping_at(s->m, mapping)->host;
	pfn_t pfn;

	inode_mut(s, inode)->i_count++;
	while (radix_tree_next(s->m, mapping, &first, &pfn)) {
		remove_from_page_cache(s, pfn);
		first++;
	}
	inode_mut(s, inode)->i_count--;
}

/* The last page keeps only what the file keeps. */
static int64_t truncate_tail(struct step *s, inode_ref inode, uint64_t size)
{
	const int64_t err = zero_tail(s, inode, size);

	return err ? refuse(s, (int)-err, "no memory for the file's last page") : 0;
}

int64_t vmtruncate(struct step *s, inode_ref inode, uint64_t size)
{
	const mapping_ref mapping = inode_mapping(inode);
	const uint64_t old = inode_at(s->m, inode)->i_size;
	const uint64_t first = size_pages(size);
	int64_t err;

	trace_event(s, truncate, old, size);
	if (size > old) {
		extend_file(s, inode, size, size);
		return 0;
	}
	err = truncate_tail(s, inode, size);
	if (err)
		return err;
	i_size_write(s, inode, size);
	if (!size)
		inode_mut(s, inode)->i_state |= I_DA_ALLOC_CLOSE;
	if (old > first << PAGE_SHIFT)
		unmap_mapping_pages(s, mapping, first, UINT64_MAX, true);
	truncate_inode_pages(s, mapping, first);
	return 0;
}

uint64_t invalidate_mapping_pages(struct step *s, mapping_ref mapping,
				  uint64_t first, uint64_t end)
{
	const inode_ref inode = mapping_at(s->m, mapping)->host;
	const uint64_t busy = 1ULL << PG_dirty | 1ULL << PG_writeback |
			      1ULL << PG_locked;
	uint64_t gone = 0;
	pfn_t pfn;

	igrab(s, inode);
	for (; radix_tree_next(s->m, mapping, &first, &pfn) && first < end;
	     first++) {
		const struct page_counts *counts = page_counts_at(s->m, pfn);

		if (page_at(s->m, pfn)->flags & busy || counts->_mapcount >= 0 ||
		    counts->_count > 1)
			continue;
		remove_from_page_cache(s, pfn);
		gone++;
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

/* ---- mappings ---- */

int64_t generic_file_mmap(struct step *s, file_ref file,
			  struct vm_area_struct *vma)
{
	(void)s;
	(void)file;
	vma->vm_ops = VM_OPS_FILE;
	return 0;
}

static bool beyond_end(const struct machine *m,
		       const struct vm_area_struct *vma, uint64_t index)
{
	const struct file *file = file_at(m, vma->vm_file);

	return index >= size_pages(inode_at(m, file->f_inode)->i_size);
}

#define FAULT_AROUND_PAGES 16	/* fault_around_bytes, 64 KiB */

/* The entries [*from, *to) of the PTE table around entry @at. */
static void around_window(const struct machine *m,
			  const struct vm_area_struct *vma, uint64_t addr,
			  uint64_t *from, uint64_t *to)
{
	const struct arch_level *last = &m->arch->level[m->arch->nr_levels - 1];
	const uint64_t at = addr >> PAGE_SHIFT & ((1ULL << last->bits) - 1);
	const uint64_t in_vma = (addr - vma->vm_start) >> PAGE_SHIFT;

	*from = at & ~(uint64_t)(FAULT_AROUND_PAGES - 1);
	if (at - *from > in_vma)
		*from = at - in_vma;
	*to = *from + FAULT_AROUND_PAGES;
	if (*to > 1ULL << last->bits)
		*to = 1ULL << last->bits;
	if (*to - at > vma_pages(vma) - in_vma)
		*to = at + vma_pages(vma) - in_vma;
	*from -= at;
	*to -= at;
}

/* Pages that were there when they were wanted speak for reading ahead. */
static void note_hits(struct step *s, file_ref file, uint32_t hits)
{
	struct file_ra_state *ra = &file_mut(s, file)->f_ra;

	ra->mmap_miss = ra->mmap_miss > hits ? ra->mmap_miss - hits : 0;
}

/*
 * Where there was no PTE table, Linux makes one on the way to a huge entry, which
 * it does not try with a file's last page.
 */
static bool has_no_table(const struct step *s, const struct vm_area_struct *vma,
			 uint64_t pte_pa, uint64_t index)
{
	return s->fresh_table == (pte_pa & PAGE_MASK) &&
	       vma->vm_ops == VM_OPS_FILE && beyond_end(s->m, vma, index + 1);
}

void filemap_map_pages(struct step *s, mm_ref mm, vma_ref ref, uint64_t addr,
		       uint64_t pte_pa)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	const mapping_ref mapping = file_at(s->m, vma->vm_file)->f_mapping;
	const uint8_t shift = s->m->arch->entry_shift;
	uint64_t from, to;
	uint32_t hits = 0;

	around_window(s->m, vma, addr, &from, &to);
	for (uint64_t i = from; i != to; i++) {
		const uint64_t entry = pte_pa + (i << shift);
		const uint64_t index = linear_page_index(vma, addr) + i;
		pfn_t pfn;

		if (beyond_end(s->m, vma, index) ||
		    !pte_none(entry_read(s->m, entry)))
			continue;
		pfn = find_get_page(s->m, mapping, index);
		if (!pfn || page_has(s->m, pfn, PG_readahead) ||
		    !page_has(s->m, pfn, PG_uptodate))
			continue;
		if (!hits && has_no_table(s, vma, pte_pa, index))
			break;
		map_file_page(s, mm, vma, entry, pfn, 0);
		trace_event(s, fault_around, addr + (i << PAGE_SHIFT), index, pfn);
		hits++;
	}
	if (hits && mapping_can_writeback(s->m, mapping))
		note_hits(s, vma->vm_file, hits);
}

/* ---- faults ---- */

/* The page at @index, and whether the disk was asked. */
static enum vm_fault find_page(struct step *s, const struct vm_area_struct *vma,
			       uint64_t index, pfn_t *pfn)
{
	const mapping_ref mapping = file_at(s->m, vma->vm_file)->f_mapping;

	if (beyond_end(s->m, vma, index))
		return VM_FAULT_SIGBUS;
	*pfn = find_get_page(s->m, mapping, index);
	if (*pfn) {
		const bool waited = do_async_mmap_readahead(s, vma, *pfn);

		return bring_up(s, *pfn) || waited ? VM_FAULT_RETRIED
						   : VM_FAULT_MINOR;
	}
	do_sync_mmap_readahead(s, vma, index);
	switch (read_cache_page(s, mapping, index, pfn)) {
	case 0:
		return VM_FAULT_MAJOR;
	case -ENOMEM:
		return VM_FAULT_OOM;
	default:
		return VM_FAULT_SIGBUS;
	}
}

enum vm_fault filemap_nopage(struct step *s, vma_ref vma, uint64_t addr,
			     pfn_t *pfn)
{
	return find_page(s, vma_at(s->m, vma), linear_page_index(vma_at(s->m, vma), addr),
			 pfn);
}

bool filemap_page_mkwrite(struct step *s, vma_ref vma, pfn_t pfn)
{
	const mapping_ref mapping =
		file_at(s->m, vma_at(s->m, vma)->vm_file)->f_mapping;

	if (aops(s->m, mapping)->get_block(s, mapping, page_at(s->m, pfn)->index))
		return false;
	set_page_dirty(s, pfn);
	trace_event(s, page_mkwrite, page_at(s->m, pfn)->index, pfn);
	return true;
}

enum vm_fault filemap_fault(struct step *s, mm_ref mm, vma_ref ref,
			    uint64_t addr, uint64_t pte_pa, bool write)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	enum vm_fault fault;
	pfn_t pfn;

	if (!write)
		filemap_map_pages(s, mm, ref, addr, pte_pa);
	if (!pte_none(entry_read(s->m, pte_pa)))
		return VM_FAULT_MINOR;
	fault = find_page(s, vma, linear_page_index(vma, addr), &pfn);
	if (fault == VM_FAULT_SIGBUS || fault == VM_FAULT_OOM)
		return fault;
	/* After a wait for the disk the fault begins anew, its neighbours first. */
	if (!write && fault != VM_FAULT_MINOR) {
		trace_event(s, filemap_retry, addr,
			    linear_page_index(vma, addr));
		filemap_map_pages(s, mm, ref, addr, pte_pa);
	}
	trace_event(s, filemap_fault, addr, linear_page_index(vma, addr), pfn,
		    fault == VM_FAULT_MAJOR);
	if (!pte_none(entry_read(s->m, pte_pa)))
		return fault;
	if (write && !filemap_page_mkwrite(s, ref, pfn))
		return VM_FAULT_SIGBUS;
	map_file_page(s, mm, vma, pte_pa, pfn, write
		      ? s->m->arch->dirty | s->m->arch->write : 0);
	return fault;
}
