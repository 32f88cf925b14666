/* SPDX-License-Identifier: MIT */
/*
 * The page cache: the pages of files in memory. A page of it has page->mapping
 * and page->index set, one reference by the cache itself, and lies in the
 * mapping's radix tree.
 */
#ifndef MMCORE_FILEMAP_H
#define MMCORE_FILEMAP_H

#include "mmcore/fs.h"
#include "mmcore/radix.h"

/* What kinds of files do differently below the page cache; by a_ops. */
struct address_space_operations {
	const char *name;
	/*
	 * Fill a page that was just added to the cache: from the disk, or with
	 * zeros where the file has a hole. 0, or -EIO.
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

/* The page at @index, or 0; no reference is taken. O(height). */
static inline pfn_t find_get_page(const struct machine *m, mapping_ref mapping,
				  uint64_t index)
{
	return radix_tree_lookup(m, mapping, index);
}

#endif
