/* SPDX-License-Identifier: MIT */
/*
 * Files: what stands behind a descriptor. As in Linux a descriptor names a
 * struct file, a file an inode, an inode its pages (struct address_space). What
 * kinds of them do differently stands in constant tables that their small ids
 * index: file_operations[f_op], super_operations[i_sb], and for the page cache
 * address_space_operations[a_ops] (filemap.h).
 */
#ifndef MMCORE_FS_H
#define MMCORE_FS_H

#include "mmcore/kernel/calls.h"

struct user_buffer;	/* the bytes of a call: mm/uio.h */

/* What an open file can do; NULL: it cannot. Linux: include/linux/fs.h. */
struct file_operations {
	const char *name;
	bool seeks;	/* has positions: lseek, pread and pwrite mean something */
	bool rewinds;	/* but they are all the same one, 0 */
	bool direct;	/* O_DIRECT may be set */
	bool fasync;	/* O_ASYNC is kept */
	/*
	 * Bytes moved, or a negative errno, told. The caller checked the mode and
	 * the buffer. @pos is where in the file; it moves on by the bytes moved.
	 */
	int64_t (*read)(struct step *s, file_ref file, struct user_buffer *to,
			uint64_t *pos, uint64_t count);
	int64_t (*write)(struct step *s, file_ref file,
			 struct user_buffer *from, uint64_t *pos, uint64_t count);
	/*
	 * Put at most @len bytes from @pos on into a pipe that has a free slot;
	 * take as many out of one (SPLICE_F_* of the call). Likewise.
	 */
	int64_t (*splice_read)(struct step *s, file_ref file, uint64_t *pos,
			       pipe_ref pipe, uint64_t len);
	int64_t (*splice_write)(struct step *s, pipe_ref pipe, file_ref file,
				uint64_t *pos, uint64_t len, uint64_t flags);
	/* A page nobody else has becomes the file's at @index, where it has none;
	 * the file grows to its end. 0, or a negative errno, not told. */
	int64_t (*adopt_page)(struct step *s, file_ref file, uint64_t index,
			      pfn_t page);
	/* A new mapping: gives the VMA, not yet linked, its vm_ops (and what else
	 * the kind wants). 0, or a negative errno, told. */
	int64_t (*mmap)(struct step *s, file_ref file, struct vm_area_struct *vma);
	/* What was written to the pages [@first, @end) is on the disk. 0, or a
	 * negative errno, told. NULL: there is nothing below. */
	int64_t (*fsync)(struct step *s, file_ref file, uint64_t first,
			 uint64_t end);
	/* Another size. 0, or a negative errno, told. */
	int64_t (*truncate)(struct step *s, file_ref file, uint64_t size);
	/*
	 * The first byte from @at on, which is before the end, that is data, or
	 * in a hole; UINT64_MAX: none. Of files with holes.
	 */
	uint64_t (*seek_data)(const struct machine *m, file_ref file,
			      uint64_t at, bool data);
	/* Of a write of @count bytes at @pos, those that no seal of the size is
	 * against. NULL: files of that kind have no seals. */
	uint64_t (*write_room)(const struct machine *m, file_ref file,
			       uint64_t pos, uint64_t count);
	/* Pages [@first, @end) become a hole, the size stays. 0, or a negative
	 * errno, told. Linux: fallocate with FALLOC_FL_PUNCH_HOLE. */
	int64_t (*punch_hole)(struct step *s, file_ref file, uint64_t first,
			      uint64_t end);
	/* The last reference to the open file goes. */
	void (*release)(struct step *s, file_ref file);
};

extern const struct file_operations file_operations[NR_FILE_OPS];

static inline const struct file_operations *fops(const struct machine *m,
						 file_ref file)
{
	const uint32_t f_op = file_at(m, file)->f_op;

	MM_ASSERT(f_op < NR_FILE_OPS);
	return &file_operations[f_op];
}

/* The object an inode is of; super_operations[i_sb]. */
struct super_operations {
	const char *name;
	/* The last reference to the inode goes: free it, or keep it for later. */
	void (*drop_inode)(struct step *s, inode_ref inode);
};

extern const struct super_operations super_operations[NR_SUPERS];

static inline const struct super_operations *super_ops(const struct machine *m,
						       inode_ref inode)
{
	const uint32_t i_sb = inode_at(m, inode)->i_sb;

	MM_ASSERT(i_sb > SUPER_NONE && i_sb < NR_SUPERS);
	return &super_operations[i_sb];
}

/**
 * generic_write_checks - where and how much may be written to a regular file
 * @file:  O_APPEND moves @pos to its end
 * @count: bytes; shortened to what RLIMIT_FSIZE leaves
 * Returns: 0, or -EFBIG, told (with SIGXFSZ where it is the limit's). Linux:
 * fs/read_write.c, 6.18.
 */
int64_t generic_write_checks(struct step *s, file_ref file, uint64_t *pos,
			     uint64_t *count);

/* ---- descriptors (file.c) ---- */

file_ref fget(const struct step *s, int64_t fd);	/* none: not open, or O_PATH */
file_ref fget_raw(const struct step *s, int64_t fd);	/* O_PATH as well */
/* The lowest free number, or the lowest from @first on, for which there is room;
 * -EMFILE or -ENOMEM, told. */
int64_t get_unused_fd(struct step *s);
int64_t get_unused_fd_from(struct step *s, uint64_t first);
/* The descriptor, from one of these, takes the caller's reference over. */
void fd_install(struct step *s, int64_t fd, file_ref file);
/* Of a descriptor that is open; a new one is not closed on exec. */
void set_close_on_exec(struct step *s, int64_t fd, bool on);
/* The descriptor is free; its file, with the reference, is the caller's. None:
 * it was not open. */
file_ref fd_remove(struct step *s, int64_t fd);
/* exec: close what is to be closed. */
void do_close_on_exec(struct step *s);
bool close_on_exec(const struct machine *m, files_ref files, uint32_t fd);
/* A table with @standard (none: nothing) at 0, 1 and 2, or with what @from has;
 * none: no RAM. */
files_ref alloc_files(struct step *s, file_ref standard);
files_ref dup_fd(struct step *s, files_ref from);
/* Drop a reference to a table; the last one closes everything. */
void put_files_struct(struct step *s, files_ref files);

void get_file(struct step *s, file_ref file);
/* Drop a reference; the last one releases the file and its inode. */
void fput(struct step *s, file_ref file);

/**
 * alloc_file - an open file of an inode
 * @inode:   whose reference it takes over; none for a file without one
 * @f_op:    enum file_ops_id
 * @f_flags: O_*; FMODE_* follows from its access mode
 *
 * Returns: the file with one reference; none: no RAM, and the inode's reference
 * is still the caller's.
 */
file_ref alloc_file(struct step *s, inode_ref inode, enum file_ops_id f_op,
		    uint32_t f_flags);

static inline void igrab(struct step *s, inode_ref inode)
{
	inode_mut(s, inode)->i_count++;
}

/* Drop a reference to an inode; super_operations say what the last one does. */
void iput(struct step *s, inode_ref inode);

/* ---- inodes of the disk (inode.c) ---- */

#define DISK_DEV	(8u << 20 | 1)	/* 08:01 */
#define DEVTMPFS_DEV	6		/* 00:06: what /dev's files show */

/**
 * iget - the inode in memory of a file of the disk
 * @ino: its number, of an inode in use
 * Brings it in, and the directories above it. Returns: a reference; none: no RAM,
 * and nothing has changed. Linux: fs/inode.c, 2.6.17. O(entries of directories).
 */
inode_ref iget(struct step *s, uint64_t ino);
/* The same if it is in memory already, without a reference; else none. */
inode_ref find_inode(const struct machine *m, uint64_t ino);

/* The disk's inode changed: the one in memory, if there is one, learns of it. */
void refresh_inode(struct step *s, uint64_t ino);
/* Size or number of names changed: the disk's inode learns of it. Any inode. */
void mark_inode_dirty(struct step *s, inode_ref inode);
/* Every change of i_size goes through here. */
void i_size_write(struct step *s, inode_ref inode, uint64_t size);

/*
 * The inode may be of no more use: no reference is left, or its last page went
 * from the page cache (whoever takes that away calls this). Frees it then, and if
 * it is unlinked the file; else does nothing.
 */
void disk_drop_inode(struct step *s, inode_ref inode);

/* A file that is written or cut is not set-user-ID any longer, unless by who may
 * do everything. Linux: fs/inode.c file_remove_privs(), 6.18. */
void file_remove_privs(struct step *s, inode_ref inode);

/* Another size of a regular file: vmtruncate(). 0, or a negative errno, told. */
int64_t disk_truncate(struct step *s, inode_ref inode, uint64_t size);

int64_t disk_punch_hole(struct step *s, file_ref file, uint64_t first,
			uint64_t end);

/* Methods of A_OPS_DISK: readpage, writepage, get_block. */
int64_t disk_readpage(struct step *s, mapping_ref mapping, pfn_t page);
int64_t disk_writepage(struct step *s, mapping_ref mapping, pfn_t page);
int64_t disk_page_block(struct step *s, mapping_ref mapping, uint64_t index);
bool disk_has_block(const struct machine *m, mapping_ref mapping, uint64_t index);

static inline mapping_ref inode_mapping(inode_ref inode)
{
	return mapping_make(inode.pa + offsetof(struct inode, i_data));
}

/* S_IF*: of a file without an inode S_IFCHR. */
uint32_t file_type(const struct machine *m, file_ref file);

/* What a file of that kind can have at most, bytes: s_maxbytes, or for what is no
 * regular file all that an offset can say. */
uint64_t file_maxbytes(const struct machine *m, file_ref file);
/* Its size as lseek sees it: a directory's is the largest position. */
uint64_t file_size(const struct machine *m, file_ref file);

/* Access mode of open(2) to FMODE_*: O_RDONLY 0, O_WRONLY 1, O_RDWR 2. */
#define OPEN_FMODE(flags) (((flags) + 1) & O_ACCMODE)

/* Of @done bytes that were written and end at @end: who wants them on the disk at once
 * (O_DSYNC) has them there. @done, or -EIO, told. */
int64_t generic_write_sync(struct step *s, file_ref file, uint64_t end,
			   int64_t done);

static inline uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Up to the end of the page that @pos lies in. */
static inline uint64_t in_page(uint64_t pos, uint64_t count)
{
	return least(PAGE_SIZE - (pos & ~PAGE_MASK), count);
}

/*
 * The pages [@first, @end) of a file reach what lies below it. 0, or a negative
 * errno, told: EINVAL where nothing does. Linux: fs/sync.c, 6.18.
 */
int64_t vfs_fsync_range(struct step *s, file_ref file, uint64_t first,
			uint64_t end);

/* ---- shared memory, memfds (shmem.c) ---- */

/*
 * An object of tmpfs, open for reading and writing. @accounted: all of it is
 * charged already, else each page will be. None: no RAM.
 */
file_ref shmem_file_setup(struct step *s, uint64_t bytes, bool accounted);

int64_t shmem_file_read(struct step *s, file_ref file, struct user_buffer *to,
			uint64_t *pos, uint64_t count);
int64_t shmem_file_write(struct step *s, file_ref file,
			 struct user_buffer *from, uint64_t *pos,
			 uint64_t count);
int64_t shmem_mmap(struct step *s, file_ref file, struct vm_area_struct *vma);
int64_t shmem_truncate(struct step *s, file_ref file, uint64_t size);
uint64_t shmem_seek_data(const struct machine *m, file_ref file, uint64_t at,
			 bool data);
int64_t shmem_punch_hole(struct step *s, file_ref file, uint64_t first,
			 uint64_t end);
uint64_t shmem_write_room(const struct machine *m, file_ref file, uint64_t pos,
			  uint64_t count);
/* A clean page that nobody maps leaves its object: it reads as zeros again. */
void shmem_release_page(struct step *s, pfn_t pfn);

/* ---- memfd.c ---- */

/* fcntl(F_ADD_SEALS): 0, or -EPERM, -EINVAL, -EBUSY, told; then nothing is sealed. */
int64_t memfd_add_seals(struct step *s, file_ref file, uint32_t seals);
/* F_GET_SEALS: F_SEAL_*, or -EINVAL, told. */
int64_t memfd_get_seals(struct step *s, file_ref file);
/* What the seals say of a mapping with *vm_flags: 0, and perhaps no VM_MAYWRITE any
 * more, or -EPERM, told. Files that have no seals: 0. */
int64_t memfd_check_seals_mmap(struct step *s, file_ref file, uint64_t *vm_flags);
int64_t noop_fsync(struct step *s, file_ref file, uint64_t first, uint64_t end);
void shmem_drop_inode(struct step *s, inode_ref inode);

/* ---- files and directories of the disk (inode.c) ---- */

int64_t disk_file_truncate(struct step *s, file_ref file, uint64_t size);
uint64_t disk_seek_data(const struct machine *m, file_ref file, uint64_t at,
			bool data);
uint64_t dir_seek_data(const struct machine *m, file_ref file, uint64_t at,
		       bool data);
/* Directories cannot be read: -EISDIR, told. */
int64_t generic_read_dir(struct step *s, file_ref file, struct user_buffer *to,
			 uint64_t *pos, uint64_t count);

/* ---- between files and pipes (splice.c) ---- */

int64_t shmem_splice_read(struct step *s, file_ref file, uint64_t *pos,
			  pipe_ref pipe, uint64_t len);
int64_t generic_file_splice_read(struct step *s, file_ref file, uint64_t *pos,
				 pipe_ref pipe, uint64_t len);
int64_t copy_splice_read(struct step *s, file_ref file, uint64_t *pos,
			 pipe_ref pipe, uint64_t len);
int64_t generic_file_splice_write(struct step *s, pipe_ref pipe, file_ref file,
				  uint64_t *pos, uint64_t len, uint64_t flags);
int64_t splice_write_null(struct step *s, pipe_ref pipe, file_ref file,
			  uint64_t *pos, uint64_t len, uint64_t flags);
int64_t shmem_adopt_page(struct step *s, file_ref file, uint64_t index,
			 pfn_t page);

/* ---- pipes (pipe.c) ---- */

#define PIPE_DEV 14	/* 00:0e */

int64_t pipe_read(struct step *s, file_ref file, struct user_buffer *to,
		  uint64_t *pos, uint64_t count);
int64_t pipe_write(struct step *s, file_ref file, struct user_buffer *from,
		   uint64_t *pos, uint64_t count);
void pipe_release(struct step *s, file_ref file);
void pipe_drop_inode(struct step *s, inode_ref inode);

/* ---- devices of memory (2.6.17 drivers/char/mem.c) ---- */

int64_t null_read(struct step *s, file_ref file, struct user_buffer *to,
		  uint64_t *pos, uint64_t count);
int64_t null_write(struct step *s, file_ref file, struct user_buffer *from,
		   uint64_t *pos, uint64_t count);
int64_t zero_read(struct step *s, file_ref file, struct user_buffer *to,
		  uint64_t *pos, uint64_t count);
/* Private: anonymous memory that has a file, by which it is named and merges. */
int64_t zero_mmap(struct step *s, file_ref file, struct vm_area_struct *vma);

#endif
