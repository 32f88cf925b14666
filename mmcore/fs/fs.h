/* SPDX-License-Identifier: MIT */
/*
 * Files. As in Linux a descriptor names a struct file, the file names an inode, and
 * the inode owns its pages (struct address_space). Kinds of files differ by constant
 * tables, which small ids in these structures index: file_operations[f_op],
 * super_operations[i_sb], and for the page cache address_space_operations[a_ops]
 * (filemap.h).
 *
 * An error is "reported" when refuse() has recorded the errno together with the
 * reason. An error that is not reported is a bare negative errno, which the caller
 * reports or handles.
 */
#ifndef MMCORE_FS_H
#define MMCORE_FS_H

#include "mmcore/kernel/calls.h"

struct user_buffer;	/* mm/uio.h: the bytes that a call moves */

/* The methods of an open file. A method is NULL where the kind of file lacks it.
 * Linux: include/linux/fs.h. */
struct file_operations {
	const char *name;
	bool seeks;	/* it has positions, so lseek, pread and pwrite work */
	bool rewinds;	/* every position is 0, as in /dev/null */
	bool direct;	/* O_DIRECT may be set */
	bool fasync;	/* O_ASYNC is kept */
	/*
	 * Both return the number of bytes moved, or a negative errno, reported. The
	 * caller has checked the mode and the buffer. @pos is the position in the
	 * file in bytes; it grows by the bytes moved.
	 */
	int64_t (*read)(struct step *s, file_ref file, struct user_buffer *to,
			uint64_t *pos, uint64_t count);
	int64_t (*write)(struct step *s, file_ref file,
			 struct user_buffer *from, uint64_t *pos, uint64_t count);
	/*
	 * splice_read puts at most @len bytes of the file, from @pos on, into a pipe
	 * that has a free slot. splice_write takes at most @len bytes out of a pipe;
	 * @flags are the call's SPLICE_F_*. Both return what read and write return.
	 */
	int64_t (*splice_read)(struct step *s, file_ref file, uint64_t *pos,
			       pipe_ref pipe, uint64_t len);
	int64_t (*splice_write)(struct step *s, pipe_ref pipe, file_ref file,
				uint64_t *pos, uint64_t len, uint64_t flags);
	/* The file takes over @page, which nobody else refers to, at @index, where
	 * it has no page, and grows to the end of that page where it was shorter.
	 * Returns 0, or a negative errno, not reported. */
	int64_t (*adopt_page)(struct step *s, file_ref file, uint64_t index,
			      pfn_t page);
	/* A new mapping: the method gives @vma, which is not linked yet, its vm_ops
	 * and whatever else the kind needs. Returns 0, or a negative errno,
	 * reported. */
	int64_t (*mmap)(struct step *s, file_ref file, struct vm_area_struct *vma);
	/* The dirty pages in [@first, @end) are written to the disk. Returns 0, or a
	 * negative errno, reported. NULL: no disk lies below the file. */
	int64_t (*fsync)(struct step *s, file_ref file, uint64_t first,
			 uint64_t end);
	/* The file gets another size, in bytes. Returns 0, or a negative errno,
	 * reported. */
	int64_t (*truncate)(struct step *s, file_ref file, uint64_t size);
	/*
	 * Returns the first position at or after @at that holds data (@data), or
	 * that lies in a hole; UINT64_MAX if there is none. @at lies before the end
	 * of the file. Only kinds of files with holes have the method.
	 */
	uint64_t (*seek_data)(const struct machine *m, file_ref file,
			      uint64_t at, bool data);
	/* Returns how many of the @count bytes at @pos a write may touch before a
	 * seal of the file's size forbids it. NULL: the kind has no seals. */
	uint64_t (*write_room)(const struct machine *m, file_ref file,
			       uint64_t pos, uint64_t count);
	/* The pages [@first, @end) become a hole and the size stays. Returns 0, or a
	 * negative errno, reported. Linux: fallocate with FALLOC_FL_PUNCH_HOLE. */
	int64_t (*punch_hole)(struct step *s, file_ref file, uint64_t first,
			      uint64_t end);
	/* fput() calls this when it drops the last reference to the open file. */
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

/* The methods of the file system that an inode belongs to, by i_sb. */
struct super_operations {
	const char *name;
	/* iput() calls this when it has dropped the last reference: the method frees
	 * the inode, or keeps it for later. */
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
 * generic_write_checks - find where and how much a write may write
 * @file:  regular file; if it is open with O_APPEND, @pos becomes its end
 * @pos:   position in bytes
 * @count: bytes; shortened to what RLIMIT_FSIZE and the file system leave
 *
 * Returns: 0, or -EFBIG, reported, with SIGXFSZ where RLIMIT_FSIZE is the reason.
 * Linux: fs/read_write.c, 6.18.
 */
int64_t generic_write_checks(struct step *s, file_ref file, uint64_t *pos,
			     uint64_t *count);

/* ---- descriptors (file.c) ---- */

/* Return the file that @fd names in the current process, without a reference of its
 * own. None: @fd is not open; fget() also returns none for an O_PATH file. O(1). */
file_ref fget(const struct step *s, int64_t fd);
file_ref fget_raw(const struct step *s, int64_t fd);
/* Return the lowest free descriptor (from @first on) and see to it that the table has
 * room for it; -EMFILE or -ENOMEM, reported. The descriptor stays free until
 * fd_install(). */
int64_t get_unused_fd(struct step *s);
int64_t get_unused_fd_from(struct step *s, uint64_t first);
/* @fd, which get_unused_fd() returned, names @file from now on and takes over the
 * caller's reference. */
void fd_install(struct step *s, int64_t fd, file_ref file);
/* Set whether exec closes @fd, which is open. A new descriptor survives exec. */
void set_close_on_exec(struct step *s, int64_t fd, bool on);
/* Free the descriptor and return its file; the caller takes over the reference.
 * None: @fd was not open. */
file_ref fd_remove(struct step *s, int64_t fd);
/* Close every descriptor that is marked close-on-exec. */
void do_close_on_exec(struct step *s);
bool close_on_exec(const struct machine *m, files_ref files, uint32_t fd);
/* Make a table of descriptors with one reference. alloc_files() opens @standard (unless
 * it is none) as 0, 1 and 2; dup_fd() copies the descriptors of @from. Both return none
 * where there is no RAM. */
files_ref alloc_files(struct step *s, file_ref standard);
files_ref dup_fd(struct step *s, files_ref from);
/* Drop a reference to a table. Dropping the last one closes every descriptor. */
void put_files_struct(struct step *s, files_ref files);

void get_file(struct step *s, file_ref file);
/* Drop a reference. Dropping the last one releases the file, and its inode's
 * reference with it. */
void fput(struct step *s, file_ref file);

/**
 * alloc_file - open an inode
 * @inode:   the file takes over the caller's reference; none for a file without one
 * @f_op:    enum file_ops_id
 * @f_flags: O_*; the access mode in it decides FMODE_*
 *
 * Returns: the file with one reference. None: there is no RAM, and the caller keeps
 * the reference to @inode.
 */
file_ref alloc_file(struct step *s, inode_ref inode, enum file_ops_id f_op,
		    uint32_t f_flags);

static inline void igrab(struct step *s, inode_ref inode)
{
	inode_mut(s, inode)->i_count++;
}

/* Drop a reference to an inode. After the last one drop_inode() of its file system
 * decides whether the inode stays in memory. */
void iput(struct step *s, inode_ref inode);

/* ---- inodes of the disk (inode.c) ---- */

#define DISK_DEV	(8u << 20 | 1)	/* 08:01 */
#define DEVTMPFS_DEV	6		/* 00:06, the device number that files of /dev show */

/**
 * iget - get the inode in memory of a file on the disk
 * @ino: number of an inode in use
 *
 * Reads it in where it is not in memory, and the directories above it. Returns: the
 * inode with a reference for the caller. None: there is no RAM, and nothing has
 * changed. Cost: O(entries of the directories). Linux: fs/inode.c, 2.6.17.
 */
inode_ref iget(struct step *s, uint64_t ino);
/* Return the inode if it is in memory, without a reference for the caller; else none. */
inode_ref find_inode(const struct machine *m, uint64_t ino);

/* Copy inode @ino of the disk to the one in memory, if there is one. */
void refresh_inode(struct step *s, uint64_t ino);
/* Copy mode, size and link count of an inode in memory to the disk. Inodes that are not
 * of the disk are left alone. */
void mark_inode_dirty(struct step *s, inode_ref inode);
/* Set i_size, in bytes. Every change of it goes through this function. */
void i_size_write(struct step *s, inode_ref inode, uint64_t size);

/*
 * Free an inode that has become useless: it has no reference, and either no page in the
 * cache or no name any more. A file without a name is freed on the disk, too. Else
 * nothing changes. iput() calls this, and so does the function that removes the last
 * page of an inode from the page cache. The directories above the inode may follow.
 */
void disk_drop_inode(struct step *s, inode_ref inode);

/* Clear the set-user-ID bit of a file that is about to be written or truncated, and the
 * set-group-ID bit of one that its group may execute. A privileged process leaves them.
 * Linux: fs/inode.c, 6.18. */
void file_remove_privs(struct step *s, inode_ref inode);

/* Give a regular file another size, in bytes. Returns 0, or a negative errno, reported.
 * Linux: vmtruncate(), mm/memory.c, 2.6.17. */
int64_t disk_truncate(struct step *s, inode_ref inode, uint64_t size);

int64_t disk_punch_hole(struct step *s, file_ref file, uint64_t first,
			uint64_t end);

/* The methods of A_OPS_DISK in address_space_operations[] (filemap.h). */
int64_t disk_readpage(struct step *s, mapping_ref mapping, pfn_t page);
int64_t disk_writepage(struct step *s, mapping_ref mapping, pfn_t page);
int64_t disk_page_block(struct step *s, mapping_ref mapping, uint64_t index);
bool disk_has_block(const struct machine *m, mapping_ref mapping, uint64_t index);

static inline mapping_ref inode_mapping(inode_ref inode)
{
	return mapping_make(inode.pa + offsetof(struct inode, i_data));
}

/* Return S_IF*. A file without an inode is S_IFCHR. */
uint32_t file_type(const struct machine *m, file_ref file);

/* Return the largest size of a regular file of that kind in bytes (s_maxbytes), and for
 * other files the largest offset. */
uint64_t file_maxbytes(const struct machine *m, file_ref file);
/* Return the size that SEEK_END counts from; a directory's is its largest position. */
uint64_t file_size(const struct machine *m, file_ref file);

/* Turn the access mode of open(2) (O_RDONLY 0, O_WRONLY 1, O_RDWR 2) into FMODE_*. */
#define OPEN_FMODE(flags) (((flags) + 1) & O_ACCMODE)

/* After a write of @done bytes that ended at position @end: if the file is open with
 * O_DSYNC, write them to the disk. Returns @done, or -EIO, reported. */
int64_t generic_write_sync(struct step *s, file_ref file, uint64_t end,
			   int64_t done);

static inline uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Return how many of the @count bytes at @pos lie in the page of @pos. */
static inline uint64_t in_page(uint64_t pos, uint64_t count)
{
	return least(PAGE_SIZE - (pos & ~PAGE_MASK), count);
}

/*
 * Write the dirty pages in [@first, @end) of a file to the disk. Returns 0, or a
 * negative errno, reported; -EINVAL where the file has no fsync method. Linux:
 * fs/sync.c, 6.18.
 */
int64_t vfs_fsync_range(struct step *s, file_ref file, uint64_t first,
			uint64_t end);

/* ---- shared memory, memfds (shmem.c) ---- */

/*
 * Make an object of tmpfs of @bytes and open it for reading and writing. @accounted:
 * the caller has charged the whole object; else each page is charged when it comes.
 * Returns none where there is no RAM.
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
/* Remove a clean page that nobody maps from its object, which then reads as zeros
 * there. */
void shmem_release_page(struct step *s, pfn_t pfn);

/* ---- memfd.c ---- */

/* fcntl(F_ADD_SEALS). Returns 0, or -EPERM, -EINVAL or -EBUSY, reported, and then the
 * seals have not changed. */
int64_t memfd_add_seals(struct step *s, file_ref file, uint32_t seals);
/* fcntl(F_GET_SEALS). Returns F_SEAL_*, or -EINVAL, reported. */
int64_t memfd_get_seals(struct step *s, file_ref file);
/* Check a new mapping with *@vm_flags against the seals of its file. Returns 0 (a seal
 * may have cleared VM_MAYWRITE in *@vm_flags), or -EPERM, reported. A kind of file
 * without seals permits everything. */
int64_t memfd_check_seals_mmap(struct step *s, file_ref file, uint64_t *vm_flags);
int64_t noop_fsync(struct step *s, file_ref file, uint64_t first, uint64_t end);
void shmem_drop_inode(struct step *s, inode_ref inode);

/* ---- files and directories of the disk (inode.c) ---- */

int64_t disk_file_truncate(struct step *s, file_ref file, uint64_t size);
uint64_t disk_seek_data(const struct machine *m, file_ref file, uint64_t at,
			bool data);
uint64_t dir_seek_data(const struct machine *m, file_ref file, uint64_t at,
		       bool data);
/* The read method of directories. Returns -EISDIR, reported. */
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
/* mmap of /dev/zero. A private mapping is anonymous memory that keeps its file, which
 * gives it its name and decides with which neighbours it merges. */
int64_t zero_mmap(struct step *s, file_ref file, struct vm_area_struct *vma);

#endif
