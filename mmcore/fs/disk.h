/* SPDX-License-Identifier: MIT */
/*
 * The file system on the disk. Its form is described in disk.c. Functions here
 * know numbers of blocks and of inodes, nothing of memory: what is open, cached
 * or named by a path is the business of inode.c and namei.c above.
 */
#ifndef MMCORE_DISK_H
#define MMCORE_DISK_H

#include "mmcore/kernel/kernel.h"

#define DISK_HEIGHT_MAX	4	/* of a block map */
#define DISK_MAGIC	0x6d6d667300000001ULL

/* Block 0. Numbers of blocks count from the start of the disk. */
struct disk_super {
	uint64_t s_magic;
	uint64_t s_blocks;		/* of the disk */
	uint64_t s_inodes;		/* numbers 1 … s_inodes exist */
	uint64_t s_block_bitmap;	/* where each part begins */
	uint64_t s_inode_bitmap;
	uint64_t s_inode_table;
	uint64_t s_first_data;
	uint64_t s_free_blocks;
	uint64_t s_free_inodes;
	uint64_t s_goal;	/* where the next search for a block begins */
	uint64_t s_first_free;	/* no inode with a lower number is free */
};

/* Numbers of inodes. 1 … 11 are no file's, as ext4's; 11 is lost+found there. */
#define DISK_ROOT_INO	2
#define DISK_NULL_INO	3
#define DISK_ZERO_INO	4
#define DISK_DEV_INO	5
#define DISK_TMP_INO	6
#define DISK_FIRST_INO	12

/* Who files belong to: the user that processes run as, unless privileged. */
#define DISK_USER	1000

#define DISK_INODE_SIZE	256
#define INODES_PER_BLOCK (PAGE_SIZE / DISK_INODE_SIZE)

struct disk_inode {
	uint32_t i_mode;	/* S_IF* and permission bits; 0: free */
	uint32_t i_nlink;
	uint64_t i_size;	/* bytes */
	uint64_t i_blocks;	/* blocks it owns, those of its map included */
	uint32_t i_uid;		/* owner; the group is the same number */
	uint32_t i_rdev;	/* of a device: major << 20 | minor */
	uint32_t i_map;		/* root of the block map; 0: no block at all */
	uint32_t i_height;	/* levels of the map above the data */
	uint64_t i_dir;		/* the directory with its name; root: itself */
	uint8_t reserved[DISK_INODE_SIZE - 48];
};

_Static_assert(sizeof(struct disk_inode) == DISK_INODE_SIZE, "16 to a block");

#define DISK_NAME_MAX	255

/* A block of a directory is a chain of these, each as long as rec_len. */
struct disk_dirent {
	uint32_t ino;		/* 0: free space */
	uint16_t rec_len;	/* to the next one, a multiple of 8 */
	uint16_t name_len;
	char name[];		/* not NUL-terminated */
};

/* s_maxbytes of ext4 with blocks of 4 KiB: block 2^32 - 1 does not exist. */
#define DISK_MAXBYTES	0xffffffff000ULL

static inline const struct disk_super *disk_super_at(const struct machine *m)
{
	return disk_at(m, 0);
}

static inline struct disk_super *disk_super_mut(struct step *s)
{
	return disk_mut(s, 0);
}

const struct disk_inode *disk_inode_at(const struct machine *m, uint64_t ino);
struct disk_inode *disk_inode_mut(struct step *s, uint64_t ino);

/**
 * disk_format - an empty file system with /dev/null, /dev/zero and /tmp
 * The disk is blank. Writes some six blocks, whatever its size.
 */
void disk_format(struct step *s);

/* ---- block maps ---- */

/* The block at @index of a file, or 0: a hole. O(height). */
uint64_t disk_bmap(const struct machine *m, uint64_t ino, uint64_t index);

/**
 * disk_get_block - the file has a block at @index from now on
 * @index: below DISK_MAXBYTES / PAGE_SIZE
 * Returns: 0, or -ENOSPC, and then nothing has changed. A new block is blank.
 * Cost: O(height), and the search for free blocks.
 */
int64_t disk_get_block(struct step *s, uint64_t ino, uint64_t index);

/* The blocks of a file whose first @pages pages have one, its map included. */
uint64_t disk_blocks_for(uint64_t pages);

/* Give the blocks at [@first, @end) back, and what the map no longer needs. */
void disk_free_range(struct step *s, uint64_t ino, uint64_t first,
		     uint64_t end);

/**
 * disk_next - the first index at or after @index that has a block, or has none
 * @data: which of the two is looked for
 * Returns: the index; UINT64_MAX: all of the rest is a hole (@data). O(blocks).
 */
uint64_t disk_next(const struct machine *m, uint64_t ino, uint64_t index,
		   bool data);

/* ---- inodes ---- */

/* A free number, its inode zeroed but for what is given; 0: all are in use. */
uint64_t disk_new_inode(struct step *s, uint32_t mode, uint32_t uid);
/* The number is free again. Its blocks were freed before. */
void disk_free_inode(struct step *s, uint64_t ino);
/* May @ino be the number of an inode in use? O(1). */
bool disk_ino_used(const struct machine *m, uint64_t ino);

/* ---- directories ---- */

/* The inode of that name in a directory, or 0. O(entries). */
uint64_t disk_lookup(const struct machine *m, uint64_t dir, const char *name,
		     size_t len);
/* A new name, which the directory does not have. 0, or -ENOSPC. */
int64_t disk_add_entry(struct step *s, uint64_t dir, const char *name,
		       size_t len, uint64_t ino);
/* The blocks that one more name of that length takes: 0, mostly. O(entries). */
uint64_t disk_entry_blocks(const struct machine *m, uint64_t dir, size_t len);
/* The name goes; it is there. */
void disk_remove_entry(struct step *s, uint64_t dir, const char *name,
		       size_t len);

/**
 * disk_next_entry - walk a directory
 * @pos: where to begin, in bytes; set to what follows the entry found
 * Returns: an entry in use, or NULL at the end.
 */
const struct disk_dirent *disk_next_entry(const struct machine *m,
					  uint64_t dir, uint64_t *pos);

#endif
