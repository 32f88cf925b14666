/* SPDX-License-Identifier: MIT */
/*
 * The disk's file system: a format of our own, small enough to be looked at.
 *
 *	block 0		struct disk_super
 *	then		one bit for each data block: in use
 *	then		one bit for each inode: in use
 *	then		inodes, 256 bytes each, one for every 16 KiB of the disk
 *	then		data blocks
 *
 * The blocks before the data are not in the first bitmap, so that a disk can be
 * formatted without marking them: a blank disk is nearly one that has its format.
 *
 * A file's block map is a radix tree of block numbers, 1,024 of 32 bits to a block
 * of it. Its height is in the inode. Height 0: i_map is the block at index 0,
 * and there is no other. Height h: i_map is a node whose slots cover
 * 1024^(h-1) blocks each. A missing block is a hole, and no node is empty. The
 * map is as high as its highest index ever made necessary until the file is cut.
 *
 * Free blocks are blank: who gets one knows that it reads as zeros, and the host
 * keeps no memory for it. Blocks are searched for from where the last one was
 * found, so a file that grows lies in one piece.
 *
 * There is one name to an inode at most. The inode knows the directory it is in,
 * so that it can be opened by its number alone, with its whole path.
 */
#include <string.h>

#include "mmcore/fs/disk.h"
#include "mmcore/uapi.h"

#define MAP_SHIFT	10
#define MAP_SLOTS	(1u << MAP_SHIFT)
#define BITS_PER_BLOCK	(PAGE_SIZE * 8)
#define BLOCKS_PER_INODE 4

/* ---- bitmaps ---- */

static uint64_t *bitmap_word(struct step *s, uint64_t start, uint64_t bit)
{
	uint64_t *words = disk_mut(s, start + bit / BITS_PER_BLOCK);

	return &words[bit % BITS_PER_BLOCK / 64];
}

static bool test_bit(const struct machine *m, uint64_t start, uint64_t bit)
{
	const uint64_t *words = disk_at(m, start + bit / BITS_PER_BLOCK);

	return words[bit % BITS_PER_BLOCK / 64] >> bit % 64 & 1;
}

static void set_bit(struct step *s, uint64_t start, uint64_t bit)
{
	*bitmap_word(s, start, bit) |= 1ULL << bit % 64;
}

static void clear_bit(struct step *s, uint64_t start, uint64_t bit)
{
	*bitmap_word(s, start, bit) &= ~(1ULL << bit % 64);
}

/* The first clear bit in [@bit, @end), or @end. */
static uint64_t next_zero_bit(const struct machine *m, uint64_t start,
			      uint64_t bit, uint64_t end)
{
	while (bit < end) {
		const uint64_t block = start + bit / BITS_PER_BLOCK;
		const uint64_t *words = disk_at(m, block);
		uint64_t word;

		mm_poll(m, 1);
		if (ram_frame_is_blank(m, disk_frame(m, block)))
			return bit;
		word = ~words[bit % BITS_PER_BLOCK / 64] >> bit % 64;
		if (word) {
			bit += (unsigned int)__builtin_ctzll(word);
			return bit < end ? bit : end;
		}
		bit = (bit | 63) + 1;
	}
	return end;
}

/* ---- blocks ---- */

static uint32_t alloc_block(struct step *s)
{
	struct disk_super *super = disk_super_mut(s);
	const uint64_t first = super->s_first_data;
	const uint64_t end = super->s_blocks - first;
	uint64_t goal = super->s_goal - first, bit;

	MM_ASSERT(super->s_free_blocks > 0);
	bit = next_zero_bit(s->m, super->s_block_bitmap, goal, end);
	if (bit == end)
		bit = next_zero_bit(s->m, super->s_block_bitmap, 0, goal);
	MM_ASSERT(!test_bit(s->m, super->s_block_bitmap, bit));
	set_bit(s, super->s_block_bitmap, bit);
	super->s_free_blocks--;
	super->s_goal = first + (bit + 1 == end ? 0 : bit + 1);
	return (uint32_t)(first + bit);
}

static void free_block(struct step *s, uint64_t block)
{
	struct disk_super *super = disk_super_mut(s);
	const uint64_t bit = block - super->s_first_data;

	MM_ASSERT(test_bit(s->m, super->s_block_bitmap, bit));
	clear_bit(s, super->s_block_bitmap, bit);
	super->s_free_blocks++;
	ram_clear_frame(s, disk_frame(s->m, block));
}

/* ---- block maps ---- */

static const uint32_t *node_at(const struct machine *m, uint64_t block)
{
	return disk_at(m, block);
}

static uint32_t slot_of(uint64_t index, uint32_t height)
{
	return index >> (height - 1) * MAP_SHIFT & (MAP_SLOTS - 1);
}

/* The levels a map must have to reach @index. */
static uint32_t height_for(uint64_t index)
{
	uint32_t height = 0;

	for (; index; index >>= MAP_SHIFT)
		height++;
	return height;
}

uint64_t disk_bmap(const struct machine *m, uint64_t ino, uint64_t index)
{
	const struct disk_inode *inode = disk_inode_at(m, ino);
	uint64_t block = inode->i_map;

	if (height_for(index) > inode->i_height)
		return 0;
	for (uint32_t h = inode->i_height; block && h > 0; h--)
		block = node_at(m, block)[slot_of(index, h)];
	return block;
}

/* The blocks to be had before @index has one: its own and the map's. */
static uint64_t blocks_missing(const struct machine *m, uint64_t ino,
			       uint64_t index)
{
	const struct disk_inode *inode = disk_inode_at(m, ino);
	const uint32_t need = height_for(index);
	uint64_t block = inode->i_map;

	if (!block)
		return need + 1;
	if (need > inode->i_height)
		return need - inode->i_height + need;
	for (uint32_t h = inode->i_height; h > 0; h--) {
		block = node_at(m, block)[slot_of(index, h)];
		if (!block)
			return h;
	}
	return 0;
}

uint64_t disk_blocks_for(uint64_t pages)
{
	uint64_t all = pages;

	while (pages > 1) {
		pages = (pages + MAP_SLOTS - 1) >> MAP_SHIFT;
		all += pages;
	}
	return all;
}

/* A map high enough for @index, its old root in the first slots. */
static void raise_map(struct step *s, struct disk_inode *inode, uint64_t index)
{
	const uint32_t need = height_for(index);

	for (; inode->i_map && inode->i_height < need; inode->i_height++) {
		uint32_t top = alloc_block(s);

		((uint32_t *)disk_mut(s, top))[0] = inode->i_map;
		inode->i_map = top;
	}
	if (!inode->i_map) {
		inode->i_height = need;
		inode->i_map = alloc_block(s);
	}
}

int64_t disk_get_block(struct step *s, uint64_t ino, uint64_t index)
{
	const uint64_t missing = blocks_missing(s->m, ino, index);
	struct disk_inode *inode;
	uint64_t block;

	if (!missing)
		return 0;
	if (missing > disk_super_at(s->m)->s_free_blocks)
		return -ENOSPC;
	inode = disk_inode_mut(s, ino);
	inode->i_blocks += missing;
	raise_map(s, inode, index);
	block = inode->i_map;
	for (uint32_t h = inode->i_height; h > 0; h--) {
		const uint32_t slot = slot_of(index, h);
		uint32_t child = node_at(s->m, block)[slot];

		if (!child) {
			child = alloc_block(s);
			((uint32_t *)disk_mut(s, block))[slot] = child;
		}
		block = child;
	}
	return 0;
}

static bool node_is_empty(const struct machine *m, uint64_t block)
{
	const uint32_t *slots = node_at(m, block);

	for (uint32_t i = 0; i < MAP_SLOTS; i++)
		if (slots[i])
			return false;
	return true;
}

/* What a subtree frees of [first, end), counted from where it begins. */
struct cut {
	uint64_t first, end;
	uint64_t freed;
};

/* Returns: whether the subtree at @block is gone, itself included. */
static bool cut_map(struct step *s, uint32_t block, uint32_t height,
		    uint64_t base, struct cut *cut)
{
	const uint32_t shift = (height - 1) * MAP_SHIFT;

	mm_poll(s->m, height ? MAP_SLOTS : 1);
	for (uint32_t i = 0; height && i < MAP_SLOTS; i++) {
		const uint64_t from = base + ((uint64_t)i << shift);
		const uint32_t child = node_at(s->m, block)[i];

		if (!child || from + (1ULL << shift) <= cut->first ||
		    from >= cut->end)
			continue;
		if (cut_map(s, child, height - 1, from, cut))
			((uint32_t *)disk_mut(s, block))[i] = 0;
	}
	if (height && !node_is_empty(s->m, block))
		return false;
	free_block(s, block);
	cut->freed++;
	return true;
}

void disk_free_range(struct step *s, uint64_t ino, uint64_t first, uint64_t end)
{
	struct disk_inode *inode;
	struct cut cut = { .first = first, .end = end };

	if (!disk_inode_at(s->m, ino)->i_map || first >= end)
		return;
	inode = disk_inode_mut(s, ino);
	if (inode->i_height == 0 && first > 0)
		return;
	if (cut_map(s, inode->i_map, inode->i_height, 0, &cut)) {
		inode->i_map = 0;
		inode->i_height = 0;
	}
	inode->i_blocks -= cut.freed;
}

uint64_t disk_next(const struct machine *m, uint64_t ino, uint64_t index,
		   bool data)
{
	const struct disk_inode *inode = disk_inode_at(m, ino);

	while (height_for(index) <= inode->i_height && inode->i_map) {
		uint64_t block = inode->i_map;
		uint32_t h = inode->i_height;

		mm_poll(m, 1);
		for (; block && h > 0; h--)
			block = node_at(m, block)[slot_of(index, h)];
		if (!block != data)
			return index;
		/* Skip all that the empty slot spans; a block is just one. */
		index = ((index >> h * MAP_SHIFT) + 1) << h * MAP_SHIFT;
	}
	return data ? UINT64_MAX : index;
}

/* ---- inodes ---- */

static uint64_t inode_block(const struct machine *m, uint64_t ino)
{
	MM_ASSERT(ino && ino <= disk_super_at(m)->s_inodes);
	return disk_super_at(m)->s_inode_table + (ino - 1) / INODES_PER_BLOCK;
}

const struct disk_inode *disk_inode_at(const struct machine *m, uint64_t ino)
{
	const struct disk_inode *table = disk_at(m, inode_block(m, ino));

	return &table[(ino - 1) % INODES_PER_BLOCK];
}

struct disk_inode *disk_inode_mut(struct step *s, uint64_t ino)
{
	struct disk_inode *table = disk_mut(s, inode_block(s->m, ino));

	return &table[(ino - 1) % INODES_PER_BLOCK];
}

bool disk_ino_used(const struct machine *m, uint64_t ino)
{
	const struct disk_super *super = disk_super_at(m);

	return ino && ino <= super->s_inodes &&
	       test_bit(m, super->s_inode_bitmap, ino - 1);
}

uint64_t disk_new_inode(struct step *s, uint32_t mode, uint32_t uid)
{
	struct disk_super *super = disk_super_mut(s);
	struct disk_inode *inode;
	uint64_t ino;

	if (!super->s_free_inodes)
		return 0;
	ino = next_zero_bit(s->m, super->s_inode_bitmap,
			    super->s_first_free - 1, super->s_inodes) + 1;
	MM_ASSERT(ino <= super->s_inodes);
	super->s_first_free = ino + 1;
	super->s_free_inodes--;
	set_bit(s, super->s_inode_bitmap, ino - 1);
	inode = disk_inode_mut(s, ino);
	inode->i_mode = mode;
	inode->i_uid = uid;
	return ino;
}

void disk_free_inode(struct step *s, uint64_t ino)
{
	struct disk_super *super = disk_super_mut(s);
	struct disk_inode *inode = disk_inode_mut(s, ino);

	MM_ASSERT(disk_ino_used(s->m, ino) && !inode->i_blocks);
	memset(inode, 0, sizeof(*inode));
	clear_bit(s, super->s_inode_bitmap, ino - 1);
	super->s_free_inodes++;
	if (ino < super->s_first_free)
		super->s_first_free = ino;
}

/* ---- directories ---- */

#define DIRENT_HEAD	offsetof(struct disk_dirent, name)

/* What an entry with such a name takes. */
static uint32_t dirent_size(size_t name_len)
{
	return (uint32_t)(DIRENT_HEAD + name_len + 7) & ~7u;
}

static const struct disk_dirent *dirent_at(const struct machine *m,
					   uint64_t dir, uint64_t pos)
{
	const uint8_t *block = disk_at(m, disk_bmap(m, dir, pos >> PAGE_SHIFT));

	return (const struct disk_dirent *)(block + (pos & ~PAGE_MASK));
}

static struct disk_dirent *dirent_mut(struct step *s, uint64_t dir,
				      uint64_t pos)
{
	uint8_t *block = disk_mut(s, disk_bmap(s->m, dir, pos >> PAGE_SHIFT));

	return (struct disk_dirent *)(block + (pos & ~PAGE_MASK));
}

const struct disk_dirent *disk_next_entry(const struct machine *m,
					  uint64_t dir, uint64_t *pos)
{
	const uint64_t size = disk_inode_at(m, dir)->i_size;

	while (*pos < size) {
		const struct disk_dirent *entry = dirent_at(m, dir, *pos);

		mm_poll(m, 1);
		*pos += entry->rec_len;
		if (entry->ino)
			return entry;
	}
	return NULL;
}

static bool has_name(const struct disk_dirent *entry, const char *name,
		     size_t len)
{
	return entry->name_len == len && !memcmp(entry->name, name, len);
}

uint64_t disk_lookup(const struct machine *m, uint64_t dir, const char *name,
		     size_t len)
{
	const struct disk_dirent *entry;
	uint64_t pos = 0;

	while ((entry = disk_next_entry(m, dir, &pos)))
		if (has_name(entry, name, len))
			return entry->ino;
	return 0;
}

/* The bytes behind an entry that another one could have. */
static uint32_t dirent_room(const struct disk_dirent *entry)
{
	return entry->rec_len - (entry->ino ? dirent_size(entry->name_len) : 0);
}

/* One more block, a single free entry. 0, or -ENOSPC. */
static int64_t grow_directory(struct step *s, uint64_t dir)
{
	const uint64_t size = disk_inode_at(s->m, dir)->i_size;
	int64_t err = disk_get_block(s, dir, size >> PAGE_SHIFT);

	if (err)
		return err;
	dirent_mut(s, dir, size)->rec_len = PAGE_SIZE;
	disk_inode_mut(s, dir)->i_size = size + PAGE_SIZE;
	return 0;
}

/* The first entry with such a name's room behind it, or the end. */
static uint64_t find_room(const struct machine *m, uint64_t dir, size_t len)
{
	const uint64_t size = disk_inode_at(m, dir)->i_size;
	const uint32_t need = dirent_size(len);
	uint64_t pos = 0;

	while (pos < size && dirent_room(dirent_at(m, dir, pos)) < need) {
		mm_poll(m, 1);
		pos += dirent_at(m, dir, pos)->rec_len;
	}
	return pos;
}

uint64_t disk_entry_blocks(const struct machine *m, uint64_t dir, size_t len)
{
	const uint64_t size = disk_inode_at(m, dir)->i_size;

	return find_room(m, dir, len) < size
		? 0 : blocks_missing(m, dir, size >> PAGE_SHIFT);
}

int64_t disk_add_entry(struct step *s, uint64_t dir, const char *name,
		       size_t len, uint64_t ino)
{
	const uint64_t pos = find_room(s->m, dir, len);
	struct disk_dirent *entry;

	if (pos == disk_inode_at(s->m, dir)->i_size) {
		int64_t err = grow_directory(s, dir);

		if (err)
			return err;
	}
	entry = dirent_mut(s, dir, pos);
	if (entry->ino) {
		const uint32_t room = dirent_room(entry);

		entry->rec_len = (uint16_t)(entry->rec_len - room);
		entry = dirent_mut(s, dir, pos + entry->rec_len);
		entry->rec_len = (uint16_t)room;
	}
	entry->ino = (uint32_t)ino;
	entry->name_len = (uint16_t)len;
	memcpy(entry->name, name, len);
	return 0;
}

void disk_remove_entry(struct step *s, uint64_t dir, const char *name,
		       size_t len)
{
	struct disk_dirent *before = NULL, *entry;
	uint64_t pos = 0;

	for (;; pos += entry->rec_len) {
		mm_poll(s->m, 1);
		MM_ASSERT(pos < disk_inode_at(s->m, dir)->i_size);
		entry = dirent_mut(s, dir, pos);
		if (!(pos & ~PAGE_MASK))
			before = NULL;
		if (entry->ino && has_name(entry, name, len))
			break;
		before = entry;
	}
	entry->ino = 0;
	memset(entry->name, 0, entry->name_len);
	entry->name_len = 0;
	if (!before)
		return;
	before->rec_len = (uint16_t)(before->rec_len + entry->rec_len);
	entry->rec_len = 0;
}

/* ---- a new disk ---- */

static uint64_t blocks_for(uint64_t nr, uint64_t per_block)
{
	return (nr + per_block - 1) / per_block;
}

static void write_super(struct step *s)
{
	struct disk_super *super = disk_super_mut(s);
	const uint64_t blocks = s->m->disk_bytes >> PAGE_SHIFT;
	const uint64_t inodes = blocks / BLOCKS_PER_INODE;

	super->s_magic = DISK_MAGIC;
	super->s_blocks = blocks;
	super->s_inodes = inodes;
	super->s_block_bitmap = 1;
	super->s_inode_bitmap = 1 + blocks_for(blocks, BITS_PER_BLOCK);
	super->s_inode_table = super->s_inode_bitmap +
			       blocks_for(inodes, BITS_PER_BLOCK);
	super->s_first_data = super->s_inode_table +
			      blocks_for(inodes, INODES_PER_BLOCK);
	super->s_free_blocks = blocks - super->s_first_data;
	super->s_free_inodes = inodes;
	super->s_goal = super->s_first_data;
	super->s_first_free = DISK_FIRST_INO;
}

/* What a new disk holds, directories before what is in them. */
static const struct made {
	uint64_t dir, ino;
	uint32_t mode, uid, rdev;
	uint32_t len;
	char name[5];
} made[] = {
	{ DISK_ROOT_INO, DISK_ROOT_INO, S_IFDIR | 0755, DISK_USER, 0, 0, "" },
	{ DISK_ROOT_INO, DISK_DEV_INO, S_IFDIR | 0755, 0, 0, 3, "dev" },
	{ DISK_DEV_INO, DISK_NULL_INO, S_IFCHR | 0666, 0, 1 << 20 | 3, 4, "null" },
	{ DISK_DEV_INO, DISK_ZERO_INO, S_IFCHR | 0666, 0, 1 << 20 | 5, 4, "zero" },
	{ DISK_ROOT_INO, DISK_TMP_INO, S_IFDIR | 01777, 0, 0, 3, "tmp" },
};

static void make(struct step *s, const struct made *what)
{
	const bool directory = (what->mode & S_IFMT) == S_IFDIR;
	struct disk_inode *inode = disk_inode_mut(s, what->ino);
	int64_t err;

	inode->i_mode = what->mode;
	inode->i_uid = what->uid;
	inode->i_rdev = what->rdev;
	inode->i_dir = what->dir;
	inode->i_nlink = directory ? 2 : 1;
	if (!what->len)
		return;
	err = disk_add_entry(s, what->dir, what->name, what->len, what->ino);
	MM_ASSERT(!err);
	if (directory)
		disk_inode_mut(s, what->dir)->i_nlink++;
}

void disk_format(struct step *s)
{
	struct disk_super *super;

	write_super(s);
	super = disk_super_mut(s);
	for (uint64_t ino = 1; ino < DISK_FIRST_INO; ino++) {
		set_bit(s, super->s_inode_bitmap, ino - 1);
		super->s_free_inodes--;
	}
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		make(s, &made[i]);
}
