/* SPDX-License-Identifier: MIT */
/*
 * The page cache: the pages of files in memory. A page of it has page->mapping
 * and page->index set, one reference by the cache itself, and lies in the
 * mapping's radix tree. Disks here answer at once, so it is PG_uptodate
 * between two operations; but as in ext4 a page whose tail alone was zeroed becomes
 * so only when somebody wants its bytes.
 */
#ifndef MMCORE_FILEMAP_H
#define MMCORE_FILEMAP_H

#include "mmcore/fs.h"
#include "mmcore/memory.h"
#include "mmcore/radix.h"

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
};

extern const struct address_space_operations
	address_space_operations[NR_A_OPS];

static inline const struct address_space_operations *
aops(const struct machine *m, mapping_ref mapping)
{
	return &address_space_operations[mapping_at(m, mapping)->a_ops];
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

/**
 * add_to_page_cache - a page becomes the file's
 * @pfn: freshly allocated; its one reference is the cache's from now on
 * Sets mapping and index, puts it on the inactive list. Returns: 0, or -ENOMEM,
 * and then nothing has changed. Linux: mm/filemap.c, 2.6.17.
 */
int64_t add_to_page_cache(struct step *s, mapping_ref mapping, uint64_t index,
			  pfn_t pfn);

/* A page leaves its file, dirty or not; the cache's reference is dropped. The
 * inode may go with its last page, unless the caller holds a reference. */
void remove_from_page_cache(struct step *s, pfn_t pfn);

/**
 * read_cache_page - the page at @index, brought in if need be
 * @pfn: set to it
 * Returns: 0, -ENOMEM or -EIO, not told. Reads nothing else ahead.
 */
int64_t read_cache_page(struct step *s, mapping_ref mapping, uint64_t index,
			pfn_t *pfn);

/**
 * filemap_get_page - the page at @index for a reader of the file
 * @last: the first index that is not wanted
 * Also reads ahead. Returns: 0, -ENOMEM or -EIO, not told.
 */
int64_t filemap_get_page(struct step *s, file_ref file, uint64_t index,
			 uint64_t last, pfn_t *pfn);
int64_t generic_adopt_page(struct step *s, file_ref file, uint64_t index,
			   pfn_t page);

/* A page was used: unreferenced, referenced, active (mm/swap.c, 2.6.17). */
void mark_page_accessed(struct step *s, pfn_t pfn);

/* ---- read, write, truncate ---- */

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

/**
 * vmtruncate - another size for a file with a page cache
 * @inode: of the disk; its i_size and the pages beyond it change, in mappings and
 *         private copies too; the rest of the last page becomes zero
 * The blocks beyond are the caller's to give back, afterwards. 0, or -ENOMEM or
 * -ENOSPC, told, and then nothing has changed. Linux: mm/memory.c, 2.6.17.
 */
int64_t vmtruncate(struct step *s, inode_ref inode, uint64_t size);

/* All pages at or after @first leave the cache. They are mapped nowhere. */
void truncate_inode_pages(struct step *s, mapping_ref mapping, uint64_t first);
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
enum vm_fault filemap_fault(struct step *s, mm_ref mm, vma_ref vma,
			    uint64_t addr, uint64_t pte_pa, bool write);
enum vm_fault filemap_nopage(struct step *s, vma_ref vma, uint64_t addr,
			     pfn_t *pfn);
/* The first store to a page of a shared mapping: the file has a block there and
 * the page is dirty. False: the disk is full. */
bool filemap_page_mkwrite(struct step *s, vma_ref vma, pfn_t pfn);

/*
 * do_fault_around(): a read fault also maps the pages near it that are already
 * there; see memory.h for its window. Linux: mm/filemap.c filemap_map_pages().
 */
void filemap_map_pages(struct step *s, mm_ref mm, vma_ref vma, uint64_t addr,
		       uint64_t pte_pa);

/* ---- readahead.c ---- */

/* Linux: mm/readahead.c, 6.18. @index: wanted now; @count: pages wanted. */
void page_cache_sync_ra(struct step *s, file_ref file, uint64_t index,
			uint64_t count);
/* A page with PG_readahead was met: the next window is due. */
void page_cache_async_ra(struct step *s, file_ref file, pfn_t page,
			 uint64_t count);
/* A fault found nothing: read around it, as the VMA advises. */
void do_sync_mmap_readahead(struct step *s, const struct vm_area_struct *vma,
			    uint64_t index);
/* A fault found the page. True: a window was read meanwhile, so the fault starts
 * again. */
bool do_async_mmap_readahead(struct step *s, const struct vm_area_struct *vma,
			     pfn_t page);
/* Read [@first, @first + @count) of a file in, as MADV_WILLNEED does. */
void force_page_cache_readahead(struct step *s, file_ref file, uint64_t first,
				uint64_t count);

/* ---- writeback.c ---- */

/* The page's bytes differ from the disk's. Any page; idempotent. */
void set_page_dirty(struct step *s, pfn_t pfn);
/* They do not any more, or nobody will ask. */
void clear_page_dirty(struct step *s, pfn_t pfn);
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
