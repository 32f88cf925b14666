/* SPDX-License-Identifier: MIT */
/*
 * The file system on the disk; disk.c describes its form. The functions here know the
 * numbers of blocks and of inodes and nothing of memory: inode.c and namei.c, which lie
 * above, deal with open files, cached pages and paths. No error here is reported
 * (fs.h defines the word).
 */
#ifndef MMCORE_DISK_H
#define MMCORE_DISK_H

#include "mmcore/kernel/kernel.h"

#define DISK_HEIGHT_MAX	4	/* the most levels of a block map */
#define DISK_MAGIC	0x6d6d667300000001ULL

/* Block 0. Numbers of blocks count from the start of the disk. */
struct disk_super {
	uint64_t s_magic;
	uint64_t s_blocks;		/* size of the disk in blocks */
	uint64_t s_inodes;		/* numbers 1 … s_inodes exist */
	uint64_t s_block_bitmap;	/* this and the next three: where a part begins */
	uint64_t s_inode_bitmap;
	uint64_t s_inode_table;
	uint64_t s_first_data;
	uint64_t s_free_blocks;
	uint64_t s_free_inodes;
	uint64_t s_goal;	/* where the next search for a block begins */
	uint64_t s_first_free;	/* no inode with a lower number is free */
};

/* Numbers of inodes. As in ext4 files get none of 1 … 11; 11 is lost+found there. */
#define DISK_ROOT_INO	2
#define DISK_NULL_INO	3
#define DISK_ZERO_INO	4
#define DISK_DEV_INO	5
#define DISK_TMP_INO	6
#define DISK_FIRST_INO	12

/* The user that processes run as, unless they are privileged, and who owns files. */
#define DISK_USER	1000

#define DISK_INODE_SIZE	256
#define INODES_PER_BLOCK (PAGE_SIZE / DISK_INODE_SIZE)

struct disk_inode {
	uint32_t i_mode;	/* S_IF* and permission bits; 0: free */
	uint32_t i_nlink;
	uint64_t i_size;	/* bytes */
	uint64_t i_blocks;	/* blocks it owns, those of its map included */
	uint32_t i_uid;		/* owner; the group is the same number */
	uint32_t i_rdev;	/* for a device: major << 20 | minor */
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

/* Return the block at page @index of a file, or 0 for a hole. O(height). */
uint64_t disk_bmap(const struct machine *m, uint64_t ino, uint64_t index);

/**
 * disk_get_block - give a file a block at @index
 * @ino:   number of the file's inode
 * @index: page of the file, below DISK_MAXBYTES / PAGE_SIZE
 *
 * A new block is blank. Returns: 0, or -ENOSPC, and then nothing has changed. Cost:
 * O(height), and the search for free blocks.
 */
int64_t disk_get_block(struct step *s, uint64_t ino, uint64_t index);

/* Return how many blocks a file owns whose first @pages pages have one each, with its
 * block map. */
uint64_t disk_blocks_for(uint64_t pages);

/* Free the blocks of the pages [@first, @end), and blocks that the map no longer needs. */
void disk_free_range(struct step *s, uint64_t ino, uint64_t first,
		     uint64_t end);

/**
 * disk_next - find data or a hole
 * @index: page of the file where the search begins
 * @data:  whether the search is for a page that has a block, or for one that has none
 *
 * Returns: the first such page at or after @index. UINT64_MAX: the search was for data,
 * and all of the rest is a hole. Cost: O(blocks of the file).
 */
uint64_t disk_next(const struct machine *m, uint64_t ino, uint64_t index,
		   bool data);

/* ---- inodes ---- */

/* Take a free inode, set its mode and owner and zero the rest. Returns its number; 0
 * where all are in use. */
uint64_t disk_new_inode(struct step *s, uint32_t mode, uint32_t uid);
/* Free an inode whose blocks have been freed. */
void disk_free_inode(struct step *s, uint64_t ino);
/* Return whether @ino is the number of an inode in use. O(1). */
bool disk_ino_used(const struct machine *m, uint64_t ino);

/* ---- directories ---- */

/* Return the inode of that name in a directory, or 0. O(entries). */
uint64_t disk_lookup(const struct machine *m, uint64_t dir, const char *name,
		     size_t len);
/* Add a name that the directory does not have. Returns 0 or -ENOSPC. */
int64_t disk_add_entry(struct step *s, uint64_t dir, const char *name,
		       size_t len, uint64_t ino);
/* Return how many blocks one more name of @len bytes takes; it is mostly 0. O(entries). */
uint64_t disk_entry_blocks(const struct machine *m, uint64_t dir, size_t len);
/* Remove a name that the directory has. */
void disk_remove_entry(struct step *s, uint64_t dir, const char *name,
		       size_t len);

/**
 * disk_next_entry - walk along the entries of a directory
 * @dir: number of the directory's inode
 * @pos: where to begin, in bytes; becomes the position behind the entry found
 *
 * Returns: an entry in use, or NULL at the end.
 */
const struct disk_dirent *disk_next_entry(const struct machine *m,
					  uint64_t dir, uint64_t *pos);

#endif
