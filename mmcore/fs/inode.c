/* SPDX-License-Identifier: MIT */
/*
 * Inodes in memory (2.6.17 fs/inode.c). One exists for each file of the disk that
 * is open or mapped, that has pages in the page cache, or that lies on the way to
 * one that does: an inode holds a reference to its directory, so that the path of
 * an open file can be read upward, also after it was unlinked.
 *
 * What the disk's inode knows as well is written through at once: the two never
 * differ, and an inode that nobody needs can be dropped without being written.
 */
#include <string.h>

#include "mmcore/fs/disk.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/uio.h"

/* ---- found by number ---- */

static inode_ref node_inode(uint64_t node)
{
	if (!node)
		return inode_make(0);
	return inode_make(node - offsetof(struct inode, i_hash));
}

static uint64_t inode_node(inode_ref inode)
{
	return inode.pa + offsetof(struct inode, i_hash);
}

/* The inode with that number, or none with the place where it belongs. */
static inode_ref search(const struct machine *m, uint64_t ino,
			uint64_t *parent, uint64_t *link)
{
	*parent = 0;
	*link = KERNEL_MEMBER(inodes);
	while (*(const uint64_t *)ram_at(m, *link)) {
		const struct inode *inode;

		mm_poll(m, 1);
		*parent = *(const uint64_t *)ram_at(m, *link);
		inode = inode_at(m, node_inode(*parent));
		if (inode->i_ino == ino)
			return node_inode(*parent);
		*link = *parent + (ino < inode->i_ino
				   ? offsetof(struct rb_node, rb_left)
				   : offsetof(struct rb_node, rb_right));
	}
	return inode_make(0);
}

inode_ref find_inode(const struct machine *m, uint64_t ino)
{
	uint64_t parent, link;

	return search(m, ino, &parent, &link);
}

/* ---- brought in ---- */

/* What O_TMPFILE's files are called: "#12". */
static void put_number(char *name, uint64_t ino)
{
	char digits[20];
	int nr = 0;

	*name++ = '#';
	for (; ino; ino /= 10)
		digits[nr++] = (char)('0' + ino % 10);
	while (nr)
		*name++ = digits[--nr];
}

/* The component's name, kept beside the inode; 0: no RAM. */
static uint64_t keep_name(struct step *s, uint64_t ino)
{
	const struct disk_inode *inode = disk_inode_at(s->m, ino);
	const uint64_t pa = kmem_cache_alloc(s, CACHE_NAME);
	const struct disk_dirent *entry;
	uint64_t pos = 0;

	if (!pa)
		return 0;
	if (!inode->i_nlink) {
		put_number(ram_mut(s, pa), ino);
		return pa;
	}
	do {
		entry = disk_next_entry(s->m, inode->i_dir, &pos);
		MM_ASSERT(entry);
	} while (entry->ino != ino);
	memcpy(ram_mut(s, pa), entry->name, entry->name_len);
	return pa;
}

static void fill_inode(struct step *s, inode_ref ref, uint64_t ino)
{
	const struct disk_inode *from = disk_inode_at(s->m, ino);
	struct inode *inode = inode_mut(s, ref);

	inode->i_ino = ino;
	inode->i_size = from->i_size;
	inode->i_count = 1;
	inode->i_dev = (from->i_mode & S_IFMT) == S_IFCHR ? DEVTMPFS_DEV
							  : DISK_DEV;
	inode->i_sb = SUPER_DISK;
	inode->i_mode = from->i_mode;
	inode->i_nlink = from->i_nlink;
	inode->i_rdev = from->i_rdev;
	inode->i_blocks = from->i_blocks;
	inode->i_data.host = ref;
	inode->i_data.a_ops = A_OPS_DISK;
	INIT_LIST_HEAD(s, inode_mapping(ref).pa +
			  offsetof(struct address_space, i_mmap_nonlinear));
}

/* One inode of the disk, without its directory. None: no RAM. */
static inode_ref read_inode(struct step *s, uint64_t ino)
{
	const inode_ref ref = inode_make(kmem_cache_alloc(s, CACHE_INODE));
	uint64_t parent, link, name = 0;

	if (inode_none(ref))
		return ref;
	if (ino != DISK_ROOT_INO) {
		name = keep_name(s, ino);
		if (!name) {
			kmem_cache_free(s, CACHE_INODE, ref.pa);
			return inode_make(0);
		}
	}
	fill_inode(s, ref, ino);
	inode_mut(s, ref)->i_name = name;
	search(s->m, ino, &parent, &link);
	rb_link_node(s, inode_node(ref), parent, link);
	rb_insert_color(s, inode_node(ref), KERNEL_MEMBER(inodes), NULL);
	return ref;
}

inode_ref iget(struct step *s, uint64_t ino)
{
	const inode_ref cached = find_inode(s->m, ino);
	inode_ref inode, at, dir;

	MM_ASSERT(disk_ino_used(s->m, ino));
	if (!inode_none(cached)) {
		igrab(s, cached);
		return cached;
	}
	inode = read_inode(s, ino);
	/* Upward to the first directory that is in memory already. */
	for (at = inode; !inode_none(at) && ino != DISK_ROOT_INO; at = dir) {
		mm_poll(s->m, 1);
		ino = disk_inode_at(s->m, ino)->i_dir;
		dir = find_inode(s->m, ino);
		if (!inode_none(dir)) {
			igrab(s, dir);
			inode_mut(s, at)->i_parent = dir;
			break;
		}
		dir = read_inode(s, ino);
		if (inode_none(dir)) {
			iput(s, inode);
			return dir;
		}
		inode_mut(s, at)->i_parent = dir;
	}
	return inode;
}

/* ---- kept the same as on the disk ---- */

void refresh_inode(struct step *s, uint64_t ino)
{
	const inode_ref ref = find_inode(s->m, ino);
	const struct disk_inode *from = disk_inode_at(s->m, ino);
	struct inode *inode;

	if (inode_none(ref))
		return;
	inode = inode_mut(s, ref);
	inode->i_mode = from->i_mode;
	inode->i_size = from->i_size;
	inode->i_nlink = from->i_nlink;
	inode->i_blocks = from->i_blocks;
}

void mark_inode_dirty(struct step *s, inode_ref ref)
{
	const struct inode *inode = inode_at(s->m, ref);
	struct disk_inode *to;

	if (inode->i_sb != SUPER_DISK)
		return;
	to = disk_inode_mut(s, inode->i_ino);
	to->i_mode = inode->i_mode;
	to->i_size = inode->i_size;
	to->i_nlink = inode->i_nlink;
}

void i_size_write(struct step *s, inode_ref inode, uint64_t size)
{
	inode_mut(s, inode)->i_size = size;
	mark_inode_dirty(s, inode);
}

void file_remove_privs(struct step *s, inode_ref ref)
{
	struct inode *inode = inode_mut(s, ref);
	uint32_t lost = inode->i_mode & S_ISUID;

	/* Without group execution the bit means something else. */
	if (inode->i_mode & S_IXGRP)
		lost |= inode->i_mode & S_ISGID;
	if (!lost || capable(s))
		return;
	inode->i_mode &= ~lost;
	mark_inode_dirty(s, ref);
}

/* ---- truncate ---- */

int64_t disk_truncate(struct step *s, inode_ref ref, uint64_t size)
{
	const uint64_t ino = inode_at(s->m, ref)->i_ino;
	const uint64_t old = inode_at(s->m, ref)->i_size;
	const int64_t err = vmtruncate(s, ref, size);

	if (err)
		return err;
	file_remove_privs(s, ref);
	/* Growing, the blocks of a write that failed behind the end become the file's. */
	if (size <= old)
		disk_free_range(s, ino, PAGE_ALIGN(size) >> PAGE_SHIFT,
				UINT64_MAX);
	refresh_inode(s, ino);
	return 0;
}

int64_t disk_file_truncate(struct step *s, file_ref file, uint64_t size)
{
	return disk_truncate(s, file_at(s->m, file)->f_inode, size);
}

/* As ext4 with its delayed blocks: data is what has a block. */
uint64_t disk_seek_data(const struct machine *m, file_ref file, uint64_t at,
			bool data)
{
	const uint64_t index = disk_next(m, inode_at(m, file_at(m, file)->f_inode)
					 ->i_ino, at >> PAGE_SHIFT, data);

	if (index == UINT64_MAX)
		return UINT64_MAX;
	return index << PAGE_SHIFT > at ? index << PAGE_SHIFT : at;
}

uint64_t dir_seek_data(const struct machine *m, file_ref file, uint64_t at,
		       bool data)
{
	(void)m, (void)file;
	return data ? at : INT64_MAX;
}

int64_t disk_punch_hole(struct step *s, file_ref file, uint64_t first,
			uint64_t end)
{
	const inode_ref inode = file_at(s->m, file)->f_inode;
	const uint64_t ino = inode_at(s->m, inode)->i_ino;
	const uint64_t pages = size_pages(inode_at(s->m, inode)->i_size);

	file_remove_privs(s, inode);
	/* ext4_punch_hole(): there is nothing behind the end. */
	end = least(end, pages);
	if (first >= end)
		return 0;
	truncate_inode_pages_range(s, inode_mapping(inode), first, end);
	disk_free_range(s, ino, first, end);
	refresh_inode(s, ino);
	return 0;
}

int64_t generic_read_dir(struct step *s, file_ref file, struct user_buffer *to,
			 uint64_t *pos, uint64_t count)
{
	(void)file, (void)to, (void)pos, (void)count;
	return refuse(s, EISDIR, "it is a directory");
}

/* ---- let go ---- */

/* The structure goes. Returns: the directory, whose reference it held. */
static inode_ref destroy_inode(struct step *s, inode_ref ref)
{
	const struct inode *inode = inode_at(s->m, ref);
	const inode_ref dir = inode->i_parent;

	MM_ASSERT(!inode->i_count && !inode->i_data.nrpages);
	rb_erase(s, inode_node(ref), KERNEL_MEMBER(inodes), NULL);
	if (inode->i_name)
		kmem_cache_free(s, CACHE_NAME, inode->i_name);
	kmem_cache_free(s, CACHE_INODE, ref.pa);
	return dir;
}

/* Nobody will ever find it again: the file goes from the disk. */
static void delete_inode(struct step *s, inode_ref ref)
{
	const uint64_t ino = inode_at(s->m, ref)->i_ino;

	truncate_inode_pages(s, inode_mapping(ref), 0);
	disk_free_range(s, ino, 0, UINT64_MAX);
	disk_free_inode(s, ino);
}

/* A directory that only this file kept in memory goes with it, and so on up. */
void disk_drop_inode(struct step *s, inode_ref ref)
{
	while (!inode_none(ref)) {
		const struct inode *inode = inode_at(s->m, ref);

		mm_poll(s->m, 1);
		if (inode->i_count || (inode->i_nlink && inode->i_data.nrpages))
			return;
		if (!inode->i_nlink)
			delete_inode(s, ref);
		ref = destroy_inode(s, ref);
		if (!inode_none(ref))
			inode_mut(s, ref)->i_count--;
	}
}

/* ---- what the page cache asks of the disk ---- */

static uint64_t mapping_ino(const struct machine *m, mapping_ref mapping)
{
	return inode_at(m, mapping_at(m, mapping)->host)->i_ino;
}

int64_t disk_readpage(struct step *s, mapping_ref mapping, pfn_t page)
{
	const uint64_t block = disk_bmap(s->m, mapping_ino(s->m, mapping),
					 page_at(s->m, page)->index);

	if (block) {
		ram_copy_frame(s, page, disk_frame(s->m, block));
		page_mut(s, page)->flags |= 1ULL << PG_mappedtodisk;
		kernel_mut(s)->pgpgin += PAGE_SIZE >> 10;
	}
	return 0;
}

/* What a program stored behind the end of the file is not part of it. */
static void zero_tail(struct step *s, mapping_ref mapping, pfn_t page)
{
	const uint64_t size =
		inode_at(s->m, mapping_at(s->m, mapping)->host)->i_size;
	const uint64_t from = size & ~PAGE_MASK;

	if (size >> PAGE_SHIFT != page_at(s->m, page)->index ||
	    ram_frame_is_blank(s->m, page))
		return;
	memset((uint8_t *)ram_mut(s, pfn_to_pa(page)) + from, 0,
	       PAGE_SIZE - from);
}

int64_t disk_writepage(struct step *s, mapping_ref mapping, pfn_t page)
{
	const uint64_t block = disk_bmap(s->m, mapping_ino(s->m, mapping),
					 page_at(s->m, page)->index);

	MM_ASSERT(block);
	zero_tail(s, mapping, page);
	ram_copy_frame(s, disk_frame(s->m, block), page);
	kernel_mut(s)->pgpgout += PAGE_SIZE >> 10;
	return 0;
}

bool disk_has_block(const struct machine *m, mapping_ref mapping, uint64_t index)
{
	return disk_bmap(m, mapping_ino(m, mapping), index) != 0;
}

int64_t disk_page_block(struct step *s, mapping_ref mapping, uint64_t index)
{
	const uint64_t ino = mapping_ino(s->m, mapping);
	const int64_t err = disk_get_block(s, ino, index);

	if (err)
		return err;
	inode_mut(s, mapping_at(s->m, mapping)->host)->i_blocks =
		disk_inode_at(s->m, ino)->i_blocks;
	return 0;
}
