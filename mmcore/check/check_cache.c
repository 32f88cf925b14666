/* SPDX-License-Identifier: MIT */
/*
 * Law H, the page cache: the tree of an object, its tags, and what its pages hold.
 *
 * A page that is neither dirty nor under writeback may be dropped and read again at
 * any time without anybody noticing, so its bytes are the disk's. Behind the end of
 * the file the disk holds zeros, which a later, longer file shows; a dirty page may
 * hold what programs stored there until it is written.
 */
#include <string.h>

#include "mmcore/check/check.h"
#include "mmcore/fs/disk.h"
#include "mmcore/mm/filemap.h"

/* ---- the tree ---- */

#define MAX_HEIGHT	9	/* of a tree for 52-bit indices */

/*
 * A node @above levels over the leaves: its count and its tags are what its slots
 * say. Returns: may the tree be walked?
 */
static bool check_node(struct check *c, uint64_t pa, uint32_t above)
{
	const struct radix_tree_node *node, *child;
	uint32_t used = 0;

	if (!check_law(c, LAW_page_tree, check_object(c, pa, CACHE_RADIX)))
		return false;
	c->radix_nodes++;
	node = ram_at(c->m, pa);
	for (uint32_t i = 0; i < RADIX_TREE_MAP_SIZE; i++) {
		used += node->slots[i] != 0;
		if (!above || !node->slots[i]) {
			check_law(c, LAW_page_tags, node->slots[i] ||
				  !((node->tags[0] | node->tags[1]) >> i & 1));
			continue;
		}
		if (!check_node(c, node->slots[i], above - 1))
			return false;
		child = ram_at(c->m, node->slots[i]);
		for (int tag = 0; tag < NR_RADIX_TAGS; tag++)
			check_law(c, LAW_page_tags, (node->tags[tag] >> i & 1) ==
						    (child->tags[tag] != 0));
	}
	return check_law(c, LAW_page_tree, used > 0 && used == node->count);
}

/* ---- a page ---- */

/* Its tags are its flags, where the object has a disk; else it has no tags. */
static void check_tags(struct check *c, mapping_ref mapping, uint64_t index,
		       pfn_t pfn)
{
	const bool disk = mapping_can_writeback(c->m, mapping);
	const bool dirty = disk && page_has(c->m, check_folio(c->m, pfn), PG_dirty);
	const bool writeback = disk && page_has(c->m, check_folio(c->m, pfn), PG_writeback);

	check_law(c, LAW_page_tags,
		  radix_tree_tag_get(c->m, mapping, index,
				     PAGECACHE_TAG_DIRTY) == dirty &&
		  radix_tree_tag_get(c->m, mapping, index,
				     PAGECACHE_TAG_WRITEBACK) == writeback);
	c->dirty += dirty;
	c->writeback += writeback;
}

/* Does the page hold what the block does? */
static bool same_bytes(const struct machine *m, pfn_t pfn, uint64_t block)
{
	if (ram_frame_is_blank(m, pfn) &&
	    ram_frame_is_blank(m, disk_frame(m, block)))
		return true;
	return !memcmp(ram_at(m, pfn_to_pa(pfn)), disk_at(m, block), PAGE_SIZE);
}

/* Is it zeros? Frames that were never written cost nothing. */
static bool is_zero(const struct machine *m, pfn_t pfn)
{
	const uint64_t *words = ram_at(m, pfn_to_pa(pfn));
	uint64_t any = 0;

	if (ram_frame_is_blank(m, pfn))
		return true;
	for (uint64_t i = 0; i < PAGE_SIZE / sizeof(*words); i++)
		any |= words[i];
	return !any;
}

/* A page that is not dirty is its block, or zeros where the file has a hole. */
static void check_clean(struct check *c, const struct inode *inode,
			uint64_t index, pfn_t pfn)
{
	uint64_t block;

	if (page_has(c->m, check_folio(c->m, pfn), PG_writeback) ||
	    !page_has(c->m, check_folio(c->m, pfn), PG_uptodate))
		return;
	block = disk_bmap(c->m, inode->i_ino, index);
	check_law(c, LAW_page_clean, block ? same_bytes(c->m, pfn, block)
					   : is_zero(c->m, pfn));
}

/* Behind its end a file has zeros, unless they are still to be written. */
static void check_tail(struct check *c, mapping_ref mapping,
		       const struct inode *inode)
{
	const uint64_t index = inode->i_size >> PAGE_SHIFT;
	const uint64_t from = inode->i_size & ~PAGE_MASK;
	const pfn_t pfn = find_get_page(c->m, mapping, index);
	const uint64_t block = from ? disk_bmap(c->m, inode->i_ino, index) : 0;
	const uint8_t *bytes;
	uint8_t any = 0;

	if (!block || (pfn && block_is_dirty(c->m, pfn)) ||
	    ram_frame_is_blank(c->m, disk_frame(c->m, block)))
		return;
	bytes = disk_at(c->m, block);
	for (uint64_t i = from; i < PAGE_SIZE; i++)
		any |= bytes[i];
	check_law(c, LAW_page_tail, !any);
}

/* ---- an object ---- */

static void check_pages(struct check *c, mapping_ref mapping)
{
	const struct address_space *as = mapping_at(c->m, mapping);
	const struct inode *inode = inode_at(c->m, as->host);
	uint64_t index = 0, nr = 0;
	pfn_t pfn;

	for (; radix_tree_next(c->m, mapping, &index, &pfn); index++, nr++) {
		if (!check_law(c, LAW_page_tree, nr <= as->nrpages &&
			       page_is_managed(c->m, pfn)))
			return;
		check_law(c, LAW_page_tree,
			  page_at(c->m, pfn)->mapping == mapping.pa &&
			  page_at(c->m, pfn)->index == index &&
			  page_at(c->m, check_folio(c->m, pfn))->index
					  << PAGE_SHIFT <=
				  PAGE_ALIGN(inode->i_size));
		check_law(c, LAW_page_end,
			  page_counts_at(c->m, pfn)->_mapcount < 0 ||
			  index < size_pages(inode->i_size));
		check_tags(c, mapping, index, pfn);
		c->refs_found += check_mix(check_folio(c->m, pfn));
	}
	check_law(c, LAW_page_tree, nr == as->nrpages);
	c->file_pages += nr;
	if (inode->i_sb == SUPER_TMPFS)
		c->shmem += nr;
}

void check_page_cache(struct check *c, mapping_ref mapping)
{
	const struct address_space *as = mapping_at(c->m, mapping);
	const struct inode *inode = inode_at(c->m, as->host);

	if (!check_law(c, LAW_page_tree, as->height <= MAX_HEIGHT &&
		       !as->height == !as->page_tree) ||
	    (as->height && !check_node(c, as->page_tree, as->height - 1)))
		return;
	check_pages(c, mapping);
	check_law(c, LAW_dirty_inodes, !(inode->i_state & I_DIRTY_PAGES) ==
		  !radix_tree_tagged(c->m, mapping, PAGECACHE_TAG_DIRTY));
	c->dirty_inodes += inode->i_state & I_DIRTY_PAGES ? 1 : 0;
}

void check_file_pages(struct check *c, inode_ref ref)
{
	const mapping_ref mapping = inode_mapping(ref);
	const struct inode *inode = inode_at(c->m, ref);
	uint64_t index = 0;
	pfn_t pfn;

	for (; radix_tree_next(c->m, mapping, &index, &pfn); index++) {
		if (!block_is_dirty(c->m, pfn))
			check_clean(c, inode, index, pfn);
		else
			check_law(c, LAW_dirty_block,
				  disk_bmap(c->m, inode->i_ino, index));
	}
	check_tail(c, mapping, inode);
}

/* What the whole cache adds up to, after each object was looked at. */
void check_writeback(struct check *c)
{
	const struct kernel *k = kernel_at(c->m);
	const uint64_t head = KERNEL_MEMBER(dirty_inodes);
	uint64_t pos = list_next_pa(c->m, head), nr = 0, before = 0;

	check_law(c, LAW_counters, c->dirty == k->nr_dirty &&
				   c->writeback == k->nr_writeback);
	check_law(c, LAW_slab_objects,
		  c->radix_nodes == k->caches[CACHE_RADIX].nr_active);
	for (; pos != head && nr <= c->dirty_inodes; nr++) {
		const uint64_t pa = pos - offsetof(struct inode, i_list);
		const struct inode *inode;

		if (!check_law(c, LAW_dirty_inodes,
			       check_object(c, pa, CACHE_INODE)))
			return;
		inode = inode_at(c->m, inode_make(pa));
		check_law(c, LAW_dirty_inodes,
			  inode->i_state & I_DIRTY_PAGES &&
			  inode->dirtied_when >= before &&
			  inode->dirtied_when <= k->jiffies);
		before = inode->dirtied_when;
		pos = list_next_pa(c->m, pos);
	}
	check_law(c, LAW_dirty_inodes, nr == c->dirty_inodes);
}
