/* SPDX-License-Identifier: MIT */
/*
 * The page cache: the pages of files in memory. A page of it has page->mapping
 * and page->index set, one reference by the cache itself, and lies in the
 * mapping's radix tree, alone or as a part of a folio (folio.c). Disks here answer
 * at once, so it is PG_uptodate between two operations; but as in ext4 a page whose
 * tail alone was zeroed, or a folio that a write began and did not fill, becomes so
 * only when somebody wants its bytes.
 */
#ifndef MMCORE_FILEMAP_H
#define MMCORE_FILEMAP_H

#include "mmcore/fs/fs.h"
#include "mmcore/lib/radix.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/page_alloc.h"

/* The functions that differ between kinds of files, below the page cache. mapping->a_ops
 * picks the entry. Errors are returned without refuse(). */
struct address_space_operations {
	const char *name;
	/*
	 * Fill a page that was just added to the cache: from the disk, or with
	 * zeros where the file has a hole. 0, or -EIO. NULL: there is no disk.
	 */
	int64_t (*readpage)(struct step *s, mapping_ref mapping, pfn_t page);
	/* Write the page to its block of the disk, which exists. 0, or -EIO. NULL: the
	 * pages have no place on a disk. */
	int64_t (*writepage)(struct step *s, mapping_ref mapping, pfn_t page);
	/* Give the file a block for its page @index, before that page becomes dirty.
	 * 0, -ENOSPC or -EDQUOT. */
	int64_t (*get_block)(struct step *s, mapping_ref mapping,
			     uint64_t index);
	/* Has the file a block for its page @index, or a hole? */
	bool (*has_block)(const struct machine *m, mapping_ref mapping,
			  uint64_t index);
};

extern const struct address_space_operations
	address_space_operations[NR_A_OPS];

/* The functions of a mapping, which must have a valid a_ops. O(1). */
static inline const struct address_space_operations *
aops(const struct machine *m, mapping_ref mapping)
{
	const uint32_t a_ops = mapping_at(m, mapping)->a_ops;

	MM_ASSERT(a_ops > A_OPS_NONE && a_ops < NR_A_OPS);
	return &address_space_operations[a_ops];
}

/* Do dirty pages of the mapping have to be written to a disk? */
static inline bool mapping_can_writeback(const struct machine *m,
					 mapping_ref mapping)
{
	return aops(m, mapping)->writepage != NULL;
}

/* How many pages a file of @size bytes has; the last one may be a part of a page. */
static inline uint64_t size_pages(uint64_t size)
{
	return (size >> PAGE_SHIFT) + !!(size & ~PAGE_MASK);
}

/* The page with number @index of the mapping, or 0 where none is cached. The caller gets
 * no reference. O(height of the radix tree). Linux: mm/filemap.c, 2.6.17. */
static inline pfn_t find_get_page(const struct machine *m, mapping_ref mapping,
				  uint64_t index)
{
	return radix_tree_lookup(m, mapping, index);
}

/* The index of the first page of the folio that @pfn lies in. */
static inline uint64_t folio_index(const struct machine *m, pfn_t pfn)
{
	return folio_at(m, pfn)->index;
}

/* The index of the page that follows that folio. */
static inline uint64_t folio_next_index(const struct machine *m, pfn_t pfn)
{
	return folio_index(m, pfn) + folio_nr_pages(m, pfn);
}

/**
 * add_to_page_cache - put a new folio into the page cache of a file
 * @mapping: the file's pages, none of which has an index of the folio's
 * @index:   index of the folio's first page
 * @pfn:     first frame of the folio, just allocated. The cache takes over its one
 *           reference and adds one for each further page
 *
 * Sets mapping and index and puts the folio on the inactive list. May reclaim.
 * Returns: 0, or -ENOMEM without refuse(), and nothing has changed.
 * O(pages * height). Linux: mm/filemap.c, 2.6.17; filemap_add_folio(), 6.18.
 */
int64_t add_to_page_cache(struct step *s, mapping_ref mapping, uint64_t index,
			  pfn_t pfn);

/* Remove the folio that @pfn lies in from the page cache, dirty or not, and drop the
 * cache's references. Without a reference of the caller's the inode may be freed together
 * with its last page. Cannot fail. O(pages * height). Linux: mm/filemap.c, 2.6.17. */
void remove_from_page_cache(struct step *s, pfn_t pfn);

/**
 * read_cache_page - get one page of a file, and read it where it is not cached
 * @mapping: the file's pages
 * @index:   number of the page
 * @pfn:     set to the page, without a reference for the caller
 *
 * Does not read ahead. Returns: 0, -ENOMEM or -EIO, without refuse().
 * Linux: mm/filemap.c, 2.6.17.
 */
int64_t read_cache_page(struct step *s, mapping_ref mapping, uint64_t index,
			pfn_t *pfn);

/* read_cache_page() of a folio of 2^@order pages from @index on. None of them is cached,
 * and @index is a multiple of their number. */
int64_t read_cache_folio(struct step *s, mapping_ref mapping, uint64_t index,
			 unsigned int order, pfn_t *pfn);

/* Make the folio that @pfn lies in PG_uptodate: read each page of it that has not newer
 * bytes than its block. Returns: 0, or -EIO without refuse(). O(pages). */
int64_t read_folio(struct step *s, pfn_t pfn);

/* ---- folio.c ---- */

#define MAX_PAGECACHE_ORDER 9	/* 2 MiB */

/* The largest order of a folio that begins at @index, is aligned, has at most @pages pages
 * and covers no cached page; at most MAX_PAGECACHE_ORDER. O(height). */
unsigned int filemap_folio_order(const struct machine *m, mapping_ref mapping,
				 uint64_t index, uint64_t pages);

/* Does an address space other than @mm map a page of the folio that @pfn lies in, a folio
 * of a file? O(VMAs that cover it). */
bool folio_mapped_elsewhere(const struct machine *m, pfn_t pfn, mm_ref mm);

/**
 * folio_split - cut a folio of a file into several
 * @pfn: any page of the folio, which has at least two
 * @at:  a page of it that becomes a folio of one page, the rest as few folios as
 *       possible; 0: each page becomes a folio
 *
 * Removes all PTEs that map it. Parts behind the end of the file leave the cache.
 * Returns: 0; -EAGAIN where somebody but the cache and PTEs has a reference; -EBUSY where
 * the folio is dirty, or became so as a dirty PTE was removed. Both are without refuse();
 * the folio is whole then, but in the last case its PTEs are gone.
 * O(pages * VMAs that cover it). Linux: mm/huge_memory.c __folio_split(), 6.18, as ext4
 * uses it.
 */
int64_t folio_split(struct step *s, pfn_t pfn, pfn_t at);

/**
 * filemap_read_page - get an up-to-date page of a file for read() and splice()
 * @file:  open file, whose window of readahead is used and moved
 * @index: number of the page
 * @last:  the index behind the last page that the call wants
 * @end:   the index behind the batch that the last call found; 0 to begin with
 * @pfn:   set to the page, which comes without a reference
 *
 * Reads ahead as the window says, a batch of up to 31 folios at a time.
 * Returns: 0, -ENOMEM or -EIO, without refuse(). Linux: mm/filemap.c
 * filemap_get_pages(), 6.18.
 */
int64_t filemap_read_page(struct step *s, file_ref file, uint64_t index,
			  uint64_t last, uint64_t *end, pfn_t *pfn);
int64_t generic_adopt_page(struct step *s, file_ref file, uint64_t index,
			   pfn_t page);

/* ---- read and write ---- */

/* file_operations of files with a page cache and a disk (mm/filemap.c). */
int64_t generic_file_read(struct step *s, file_ref file, struct user_buffer *to,
			  uint64_t *pos, uint64_t count);
int64_t generic_file_write(struct step *s, file_ref file,
			   struct user_buffer *from, uint64_t *pos,
			   uint64_t count);
int64_t generic_file_mmap(struct step *s, file_ref file,
			  struct vm_area_struct *vma);
/* ext4_release_file(): whoever replaces a file by truncating it wants the new bytes
 * on the disk soon, so the first close writes them. */
void generic_file_release(struct step *s, file_ref file);
int64_t generic_file_fsync(struct step *s, file_ref file, uint64_t first,
			   uint64_t end);

/* ---- truncate.c ---- */

/**
 * vmtruncate - give a file of the disk another size
 * @inode: the file
 * @size:  its new i_size, in bytes
 *
 * Pages behind the new end leave the cache and every mapping, private copies included,
 * and the rest of the last page becomes zero. The caller frees the blocks behind the
 * end afterwards. Returns: 0; -ENOMEM or -ENOSPC by refuse(), and nothing has changed.
 * Linux: mm/memory.c, 2.6.17; mm/truncate.c truncate_setsize(), 6.18.
 */
int64_t vmtruncate(struct step *s, inode_ref inode, uint64_t size);

/*
 * A write at byte @pos makes the file grow to @size bytes. The bytes from the old end to
 * @pos become zero, since what programs stored there through mappings is no part of the
 * file. As in Linux no error is returned where there is no memory to do so.
 */
void extend_file(struct step *s, inode_ref inode, uint64_t pos, uint64_t size);

/* Remove all pages from byte @lstart on from the cache. The caller has unmapped them. Where
 * a folio cannot be split at @lstart its bytes behind it become zero. Linux: mm/truncate.c,
 * 2.6.17 and 6.18. */
void truncate_inode_pages(struct step *s, mapping_ref mapping, uint64_t lstart);
/* Remove the pages [@first, @end) (page numbers) from the cache and from mappings; private
 * copies stay. This is how a hole is punched. */
void truncate_inode_pages_range(struct step *s, mapping_ref mapping,
				uint64_t first, uint64_t end);

/* Remove the pages [@first, @end) that are clean, mapped nowhere and referenced by nobody
 * but the cache. Returns: how many pages went. Linux: mm/truncate.c, 2.6.17. */
uint64_t invalidate_mapping_pages(struct step *s, mapping_ref mapping,
				  uint64_t first, uint64_t end);
/* invalidate_mapping_pages() for every file of the disk. Linux: fs/drop_caches.c. */
void drop_pagecache(struct step *s);

/* ---- faults ---- */

/* vm_operations[VM_OPS_FILE]. */
vm_fault_t filemap_fault(struct step *s, const struct vm_fault *vmf);
vm_fault_t filemap_nopage(struct step *s, const struct vm_fault *vmf, pfn_t *pfn);
/* A shared mapping stores to page @pfn for the first time: gives the file a block there and
 * makes the page dirty. Returns: false where the disk is full. */
bool filemap_page_mkwrite(struct step *s, const struct vm_fault *vmf, pfn_t pfn);

/**
 * filemap_map_pages - a read fault also maps the pages near it that are cached
 * @vmf: the fault, complete
 *
 * The window is the 64 KiB aligned ones around the address, within the VMA and the
 * table; of a large folio all that fits. Nothing is read. O(pages of the window).
 * Linux: mm/filemap.c, 6.18 (do_fault_around()).
 */
void filemap_map_pages(struct step *s, const struct vm_fault *vmf);

/* ---- readahead.c ---- */

/* Page @index is wanted, with @count pages in all, and is not cached: read what the window
 * says. No errors are returned; whoever needs a page looks for it again. Linux:
 * mm/readahead.c, 6.18. */
void page_cache_sync_ra(struct step *s, file_ref file, uint64_t index,
			uint64_t count);
/* A reader met the folio @pfn, which has PG_readahead, at page @index and wants @count
 * pages: read the next window. Linux: mm/readahead.c, 6.18. */
void page_cache_async_ra(struct step *s, file_ref file, pfn_t pfn, uint64_t index,
			 uint64_t count);
/* A fault found page @index not cached: read pages around it, as the VMA's advice says.
 * Linux: mm/filemap.c, 6.18. */
void do_sync_mmap_readahead(struct step *s, const struct vm_area_struct *vma,
			    uint64_t index);
/* A fault found page @index cached as @page. Returns: true where it had PG_readahead and
 * the next window was read, so that the fault begins again. Linux: mm/filemap.c, 6.18. */
bool do_async_mmap_readahead(struct step *s, const struct vm_area_struct *vma,
			     pfn_t page, uint64_t index);
/* Read @count pages from page @first on that are not cached, as MADV_WILLNEED does.
 * O(pages). Linux: mm/readahead.c, 6.18. */
void force_page_cache_readahead(struct step *s, file_ref file, uint64_t first,
				uint64_t count);

/* ---- writeback.c ---- */

/* Mark the folio that @pfn lies in dirty: all of its blocks are to be written. Any page may
 * be given, also of a dirty folio. O(pages). Linux: folio_mark_dirty(), 6.18. */
void set_page_dirty(struct step *s, pfn_t pfn);
/* Mark the block of page @pfn alone, which has one, as to be written. O(height). Linux:
 * fs/buffer.c mark_buffer_dirty(), 6.18. */
void mark_block_dirty(struct step *s, pfn_t pfn);
/* Is the page's own block to be written? */
static inline bool block_is_dirty(const struct machine *m, pfn_t pfn)
{
	return page_has(m, pfn, page_has(m, pfn, PG_compound) ? PG_block_dirty
							      : PG_dirty);
}
/* Make the folio that @pfn lies in clean: it was written, or its bytes will never be asked
 * for. O(pages). */
void clear_page_dirty(struct step *s, pfn_t pfn);
/* The block of page @pfn need not be written any more. Linux: fs/buffer.c
 * discard_buffer(), 6.18. */
void clear_block_dirty(struct step *s, pfn_t pfn);
/* Write the dirty pages of [@first, @end) (page numbers) to the disk. Returns: 0, or -EIO
 * without refuse(). Linux: mm/filemap.c, 6.18. */
int64_t filemap_fdatawrite_range(struct step *s, mapping_ref mapping,
				 uint64_t first, uint64_t end);
/* The caller has made pages dirty: where more are dirty than vm.dirty_ratio permits, write
 * some. Linux: mm/page-writeback.c, 6.18. */
void balance_dirty_pages(struct step *s);
/* How many pages are @percent of those that could be dirty. O(zones). Linux:
 * mm/page-writeback.c domain_dirty_limits(), 6.18. */
uint64_t global_dirty_limit(const struct machine *m, uint64_t percent);
/* The time went from @from (jiffies) to now: write what the kernel's flusher would have
 * written in between. Linux: mm/pdflush.c, 2.6.17; fs/fs-writeback.c, 6.18. */
void pdflush(struct step *s, uint64_t from);

#endif
