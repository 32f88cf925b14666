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

/* What kinds of files do differently below the page cache; by a_ops. */
struct address_space_operations {
	const char *name;
	/*
	 * Fill a page that was just added to the cache: from the disk, or with
	 * zeros where the file has a hole. 0, or -EIO. NULL: there is no disk.
	 */
	int64_t (*readpage)(struct step *s, mapping_ref mapping, pfn_t page);
	/* The page's bytes go to the disk; its block is there. 0, or -EIO. */
	int64_t (*writepage)(struct step *s, mapping_ref mapping, pfn_t page);
	/* Before a page becomes dirty: the file has a block at @index from now
	 * on. 0, -ENOSPC or -EDQUOT. */
	int64_t (*get_block)(struct step *s, mapping_ref mapping,
			     uint64_t index);
	bool (*has_block)(const struct machine *m, mapping_ref mapping,
			  uint64_t index);
};

extern const struct address_space_operations
	address_space_operations[NR_A_OPS];

static inline const struct address_space_operations *
aops(const struct machine *m, mapping_ref mapping)
{
	const uint32_t a_ops = mapping_at(m, mapping)->a_ops;

	MM_ASSERT(a_ops > A_OPS_NONE && a_ops < NR_A_OPS);
	return &address_space_operations[a_ops];
}

/* Is what is written to its pages to reach a disk? */
static inline bool mapping_can_writeback(const struct machine *m,
					 mapping_ref mapping)
{
	return aops(m, mapping)->writepage != NULL;
}

/* Pages that a file of @size bytes has, the last one perhaps in part. */
static inline uint64_t size_pages(uint64_t size)
{
	return (size >> PAGE_SHIFT) + !!(size & ~PAGE_MASK);
}

/* The page at @index, or 0; no reference is taken. O(height). */
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

/* That of the page behind it. */
static inline uint64_t folio_next_index(const struct machine *m, pfn_t pfn)
{
	return folio_index(m, pfn) + folio_nr_pages(m, pfn);
}

/**
 * add_to_page_cache - a folio becomes the file's
 * @index: of its first page
 * @pfn: freshly allocated; its one reference is the cache's from now on, which has
 *       one for each page. None of the indices is taken
 * Sets mapping and index, puts it on the inactive list. Returns: 0, or -ENOMEM,
 * and then nothing has changed. Linux: mm/filemap.c, 2.6.17; filemap_add_folio(), 6.18.
 */
int64_t add_to_page_cache(struct step *s, mapping_ref mapping, uint64_t index,
			  pfn_t pfn);

/* The folio that @pfn lies in leaves its file, dirty or not; the cache's references
 * are dropped. The inode may go with its last page, unless the caller holds a
 * reference. */
void remove_from_page_cache(struct step *s, pfn_t pfn);

/**
 * read_cache_page - the page at @index, brought in alone if need be
 * @pfn: set to it
 * Returns: 0, -ENOMEM or -EIO, not told. Reads nothing else ahead.
 */
int64_t read_cache_page(struct step *s, mapping_ref mapping, uint64_t index,
			pfn_t *pfn);

/* The same for a folio of 2^@order pages at @index, where nothing is cached. */
int64_t read_cache_folio(struct step *s, mapping_ref mapping, uint64_t index,
			 unsigned int order, pfn_t *pfn);

/* Bring a folio up to date: what is not newer than its block is read. 0 or -EIO. */
int64_t read_folio(struct step *s, pfn_t pfn);

/* ---- folio.c ---- */

#define MAX_PAGECACHE_ORDER 9	/* 2 MiB */

/* The order of the folio for @pages pages at @index, as large as may be: what
 * is aligned, not above @max, and free of cached pages. */
unsigned int filemap_folio_order(const struct machine *m, mapping_ref mapping,
				 uint64_t index, uint64_t pages);

/* How many PTEs map its pages, all together. O(pages). */
uint64_t folio_mapcount(const struct machine *m, pfn_t pfn);

/* Does any other address space than @mm map a folio of a file? O(its mappings). */
bool folio_mapped_elsewhere(const struct machine *m, pfn_t pfn, mm_ref mm);

/**
 * folio_split - a folio of a file becomes several
 * @pfn: in it; it has more than one page
 * @at:  a page of it, which becomes a folio alone, and its surroundings as few as
 *       there can be; or 0: each page becomes a folio
 * It is unmapped everywhere. Parts behind the end of the file leave the cache.
 *
 * Returns: 0; -EBUSY (a block of it is to be written) or -EAGAIN (somebody else has
 * a reference), not told, and then nothing has changed. Linux: mm/huge_memory.c
 * __folio_split(), 6.18, on ext4.
 */
int64_t folio_split(struct step *s, pfn_t pfn, pfn_t at);

/**
 * filemap_read_page - a page of a file for read() and splice(), its bytes there
 * @index: the page
 * @last:  the index behind the last page that the call wants
 * @end:   the index behind the batch that the last call found; 0 to begin with
 * @pfn:   set to the page, which comes without a reference
 *
 * Reads ahead as the window says, a batch of up to 31 folios at a time.
 * Returns: 0, -ENOMEM or -EIO, not told. Linux: filemap_get_pages(), mm/filemap.c, 6.18.
 */
int64_t filemap_read_page(struct step *s, file_ref file, uint64_t index,
			  uint64_t last, uint64_t *end, pfn_t *pfn);
int64_t generic_adopt_page(struct step *s, file_ref file, uint64_t index,
			   pfn_t page);

/* A page was used: unreferenced, referenced, active (mm/swap.c, 2.6.17). What a locked
 * mapping maps is on no list that would order it by use: it stays referenced. */
void mark_page_accessed(struct step *s, pfn_t pfn);

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
 * vmtruncate - another size for a file with a page cache
 * @inode: of the disk; its i_size and the pages beyond it change, in mappings and
 *         private copies too; the rest of the last page becomes zero
 * The blocks beyond are the caller's to give back, afterwards. 0, or -ENOMEM or
 * -ENOSPC, told, and then nothing has changed. Linux: mm/memory.c, 2.6.17.
 */
int64_t vmtruncate(struct step *s, inode_ref inode, uint64_t size);

/*
 * The file grows to @size and has zeros from its old end up to @pos: what programs
 * stored behind the end is not part of it. As in Linux nobody is told when there is no
 * memory to say so on the disk.
 */
void extend_file(struct step *s, inode_ref inode, uint64_t pos, uint64_t size);

/* All pages from the byte @lstart on leave the cache. They are mapped nowhere, and
 * what a folio keeps of them is zero. */
void truncate_inode_pages(struct step *s, mapping_ref mapping, uint64_t lstart);
/* Those in [@first, @end), also from mappings; private copies stay. A hole. */
void truncate_inode_pages_range(struct step *s, mapping_ref mapping,
				uint64_t first, uint64_t end);

/* Drop what nobody needs: clean, not mapped, not referenced by others. Returns
 * how many pages went. Linux: mm/truncate.c, 2.6.17. */
uint64_t invalidate_mapping_pages(struct step *s, mapping_ref mapping,
				  uint64_t first, uint64_t end);
/* The same for every file of the disk (fs/drop_caches.c). */
void drop_pagecache(struct step *s);

/* ---- faults ---- */

/* vm_operations[VM_OPS_FILE]. */
vm_fault_t filemap_fault(struct step *s, const struct vm_fault *vmf);
vm_fault_t filemap_nopage(struct step *s, const struct vm_fault *vmf, pfn_t *pfn);
/* The first store to a page of a shared mapping: the file has a block there and
 * the page is dirty. False: the disk is full. */
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

/* Linux: mm/readahead.c, 6.18. @index: wanted now; @count: pages wanted. */
void page_cache_sync_ra(struct step *s, file_ref file, uint64_t index,
			uint64_t count);
/* The folio @pfn has PG_readahead and was met at @index: the next window is due. */
void page_cache_async_ra(struct step *s, file_ref file, pfn_t pfn, uint64_t index,
			 uint64_t count);
/* A fault found nothing: read around it, as the VMA advises. */
void do_sync_mmap_readahead(struct step *s, const struct vm_area_struct *vma,
			    uint64_t index);
/* A fault found the page. True: a window was read meanwhile, so the fault starts
 * again. */
bool do_async_mmap_readahead(struct step *s, const struct vm_area_struct *vma,
			     pfn_t page, uint64_t index);
/* Read [@first, @first + @count) of a file in, as MADV_WILLNEED does. */
void force_page_cache_readahead(struct step *s, file_ref file, uint64_t first,
				uint64_t count);

/* ---- writeback.c ---- */

/* The bytes of the folio that @pfn lies in differ from the disk's: all of its blocks
 * are to be written. Any page; idempotent. folio_mark_dirty(), 6.18. */
void set_page_dirty(struct step *s, pfn_t pfn);
/* The same of the page's own block alone (mark_buffer_dirty()). It has one. */
void mark_block_dirty(struct step *s, pfn_t pfn);
/* Is the page's own block to be written? */
static inline bool block_is_dirty(const struct machine *m, pfn_t pfn)
{
	return page_has(m, pfn, page_has(m, pfn, PG_compound) ? PG_block_dirty
							      : PG_dirty);
}
/* The folio's bytes do not differ any more, or nobody will ask. */
void clear_page_dirty(struct step *s, pfn_t pfn);
/* Nobody will ask for the page's own (discard_buffer()). */
void clear_block_dirty(struct step *s, pfn_t pfn);
/* Write the dirty pages of [@first, @end) to the disk. 0, or -EIO. */
int64_t filemap_fdatawrite_range(struct step *s, mapping_ref mapping,
				 uint64_t first, uint64_t end);
/* Pages were dirtied: where there are too many, some are written. */
void balance_dirty_pages(struct step *s);
/* Pages that @percent of what may be dirty are (domain_dirty_limits(), 6.18). */
uint64_t global_dirty_limit(const struct machine *m, uint64_t percent);
/* What the flusher does when jiffies went from @from to now. */
void pdflush(struct step *s, uint64_t from);

#endif
