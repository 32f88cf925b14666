/* SPDX-License-Identifier: MIT */
/*
 * open, unlink, and file.create: what makes and takes away names. Order of checks
 * is 6.18's (fs/open.c, fs/namei.c), the file system's behaviour ext4's.
 */
#include <string.h>

#include "mmcore/fs/namei.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/filemap.h"

#define UMASK		022
/* What an open file does not remember of how it was opened. */
#define O_ONCE		(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC)
#define O_PATH_FLAGS	(O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC)
#define O_TMPFILE_MASK	(__O_TMPFILE | O_DIRECTORY)

/* An open, as its flags and mode say. */
struct open_flags {
	uint32_t flags;
	uint32_t mode;		/* S_IF* and bits of a file that is made */
	unsigned int acc_mode;	/* MAY_* */
	uint32_t uid;
};

/* build_open_flags(): bits that open(2) does not know are ignored. */
static int64_t build_open_flags(struct step *s, const struct op_open *a,
				struct open_flags *op)
{
	static const uint8_t acc_mode[] = {
		MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE,
	};
	uint32_t flags = (uint32_t)a->flags;

	if (flags & O_PATH)
		flags &= O_PATH_FLAGS;
	op->flags = flags;
	op->mode = S_IFREG | ((uint32_t)a->mode & S_IALLUGO & ~UMASK);
	op->uid = current_fsuid(s);
	op->acc_mode = acc_mode[flags & O_ACCMODE];
	if ((flags & (O_DIRECTORY | O_CREAT)) == (O_DIRECTORY | O_CREAT))
		return refuse(s, EINVAL, "O_DIRECTORY and O_CREAT exclude each other");
	if (flags & __O_TMPFILE && !(flags & O_DIRECTORY))
		return refuse(s, EINVAL, "O_TMPFILE includes O_DIRECTORY");
	if (flags & __O_TMPFILE && !(op->acc_mode & MAY_WRITE))
		return refuse(s, EINVAL, "O_TMPFILE needs O_WRONLY or O_RDWR");
	if (flags & O_PATH)
		op->acc_mode = 0;
	if (flags & O_TRUNC)
		op->acc_mode |= MAY_WRITE;
	return 0;
}

static int64_t refuse_path(struct step *s, int64_t err)
{
	return refuse(s, (int)-err, path_why(err));
}

/* ---- names made and taken away ---- */

/* An inode without a name; 0: told. */
static uint64_t new_inode(struct step *s, uint64_t dir, uint32_t mode,
			  uint32_t uid)
{
	const uint64_t ino = disk_new_inode(s, mode, uid);

	if (!ino) {
		refuse(s, ENOSPC, "the disk has no inode left");
		return 0;
	}
	disk_inode_mut(s, ino)->i_dir = dir;
	return ino;
}

/* A new file or directory with a name that @dir lacks; 0: -ENOSPC, told. */
static uint64_t make_inode(struct step *s, uint64_t dir, const char *name,
			   size_t len, uint32_t mode, uint32_t uid)
{
	const uint64_t ino = new_inode(s, dir, mode, uid);

	if (!ino)
		return 0;
	if (disk_add_entry(s, dir, name, len, ino)) {
		disk_free_inode(s, ino);
		refuse(s, ENOSPC, "the disk has no block left for the directory");
		return 0;
	}
	disk_inode_mut(s, ino)->i_nlink = 1;
	if ((mode & S_IFMT) == S_IFDIR) {
		disk_inode_mut(s, ino)->i_nlink = 2;
		disk_inode_mut(s, dir)->i_nlink++;
	}
	refresh_inode(s, dir);
	trace_event(s, create, ino, dir);
	return ino;
}

/* The name goes; with it the file, unless somebody still needs it. */
static void remove_name(struct step *s, const struct nameidata *nd, uint64_t ino)
{
	const inode_ref inode = find_inode(s->m, ino);

	disk_remove_entry(s, nd->dir, nd->last, nd->last_len);
	refresh_inode(s, nd->dir);
	disk_inode_mut(s, ino)->i_nlink--;
	trace_event(s, unlink, ino, nd->dir);
	if (inode_none(inode)) {
		disk_free_range(s, ino, 0, UINT64_MAX);
		disk_free_inode(s, ino);
		return;
	}
	refresh_inode(s, ino);
	disk_drop_inode(s, inode);
}

/* ---- open ---- */

static enum file_ops_id file_ops_of(const struct disk_inode *inode)
{
	switch (inode->i_mode & S_IFMT) {
	case S_IFDIR:
		return FILE_OPS_DIR;
	case S_IFCHR:
		return inode->i_rdev == (1 << 20 | 3) ? FILE_OPS_NULL
						      : FILE_OPS_ZERO;
	default:
		return FILE_OPS_DISK;
	}
}

/* may_open(): what this kind of file, and its mode, say to the access. */
static int64_t may_open(struct step *s, const struct open_flags *op,
			uint64_t ino)
{
	const struct disk_inode *inode = disk_inode_at(s->m, ino);

	if (ino_is(s->m, ino, S_IFDIR) && op->acc_mode & MAY_WRITE)
		return refuse(s, EISDIR, "a directory cannot be written");
	if (!inode_permission(s->m, ino, op->uid, op->acc_mode))
		return refuse(s, EACCES, "the file's mode does not allow that");
	if (op->flags & O_NOATIME && op->uid && op->uid != inode->i_uid)
		return refuse(s, EPERM, "O_NOATIME is for the file's owner");
	/* do_dentry_open() */
	if (op->flags & O_DIRECT && !file_operations[file_ops_of(inode)].direct)
		return refuse(s, EINVAL, "the file cannot do O_DIRECT");
	return 0;
}

/* The file is of that inode from now on: its reference goes over. */
static void attach_inode(struct step *s, file_ref ref, inode_ref inode,
			 const struct open_flags *op)
{
	struct file *file = file_mut(s, ref);
	const uint64_t ino = inode_at(s->m, inode)->i_ino;

	file->f_inode = inode;
	file->f_mapping = inode_mapping(inode);
	file->f_mode = OPEN_FMODE(op->flags);
	if (op->flags & O_PATH) {
		file->f_mode = FMODE_PATH;
		return;
	}
	file->f_op = file_ops_of(disk_inode_at(s->m, ino));
}

/* do_open() of what is there: may it be opened that way? */
static int64_t check_existing(struct step *s, const struct open_flags *op,
			      const struct nameidata *nd, uint64_t ino)
{
	const bool directory = ino_is(s->m, ino, S_IFDIR);

	if (op->flags & O_CREAT && op->flags & O_EXCL)
		return refuse(s, EEXIST, "the file exists");
	if (op->flags & O_CREAT && directory)
		return refuse(s, EISDIR, "it is a directory");
	if ((op->flags & O_DIRECTORY || nd->slashes) && !directory)
		return refuse(s, ENOTDIR, "it is no directory");
	return op->flags & O_PATH ? 0 : may_open(s, op, ino);
}

static int64_t check_writable(struct step *s, const struct open_flags *op,
			      uint64_t dir)
{
	if (!inode_permission(s->m, dir, op->uid, MAY_WRITE | MAY_EXEC))
		return refuse(s, EACCES, "the directory may not be written");
	return 0;
}

/* do_tmpfile(): the directory that a file without a name will be in. */
static int64_t check_tmpfile(struct step *s, const struct open_flags *op,
			     struct nameidata *nd)
{
	uint64_t dir;
	int64_t err = path_last(s->m, nd, &dir);

	if (!err && !dir)
		err = -ENOENT;
	if (!err && !ino_is(s->m, dir, S_IFDIR))
		err = -ENOTDIR;
	if (err)
		return refuse_path(s, err);
	nd->dir = dir;
	return check_writable(s, op, dir);
}

/* open_last_lookups(): all that can be said before anything changes. *ino is 0
 * where a file is to be made. */
static int64_t find_file(struct step *s, const char *path, size_t len,
			 const struct open_flags *op, struct nameidata *nd,
			 uint64_t *ino)
{
	int64_t err = path_parent(s->m, op->uid, path, len, nd);

	*ino = 0;
	if (err)
		return refuse_path(s, err);
	if (op->flags & __O_TMPFILE)
		return check_tmpfile(s, op, nd);
	if (op->flags & O_CREAT && nd->slashes && nd->last_type == LAST_NORM)
		return refuse(s, EISDIR, "a file's path cannot end in a slash");
	err = path_last(s->m, nd, ino);
	if (!err && !*ino && !(op->flags & O_CREAT))
		err = -ENOENT;
	if (err)
		return refuse_path(s, err);
	return *ino ? check_existing(s, op, nd, *ino)
		    : check_writable(s, op, nd->dir);
}

static void unmake(struct step *s, const struct open_flags *op,
		   const struct nameidata *nd, uint64_t ino)
{
	if (op->flags & __O_TMPFILE)
		disk_free_inode(s, ino);
	else
		remove_name(s, nd, ino);
}

/* The inode of what was found, or of the file that is made. */
static int64_t open_inode(struct step *s, const struct open_flags *op,
			  const struct nameidata *nd, uint64_t ino,
			  inode_ref *inode)
{
	const bool made = !ino;

	if (made && op->flags & __O_TMPFILE)
		ino = new_inode(s, nd->dir, op->mode, op->uid);
	else if (made)
		ino = make_inode(s, nd->dir, nd->last, nd->last_len, op->mode,
				 op->uid);
	if (!ino)
		return -ENOSPC;
	*inode = iget(s, ino);
	if (!inode_none(*inode))
		return 0;
	if (made)
		unmake(s, op, nd, ino);
	return refuse(s, ENOMEM, "no memory for an inode");
}

static int64_t open_file(struct step *s, const struct open_flags *op,
			 const struct nameidata *nd, uint64_t ino, file_ref file)
{
	inode_ref inode;
	int64_t err = open_inode(s, op, nd, ino, &inode);

	if (err)
		return err;
	attach_inode(s, file, inode, op);
	if (ino && op->flags & O_TRUNC && ino_is(s->m, ino, S_IFREG))
		return disk_truncate(s, inode, 0);
	return 0;
}

int64_t sys_open(struct step *s, const struct op_open *a, const char *path,
		 size_t len)
{
	struct open_flags op;
	struct nameidata nd;
	uint64_t ino;
	file_ref file;
	int64_t fd, err = build_open_flags(s, a, &op);

	if (err)
		return err;
	err = check_path(len);
	if (err)
		return refuse_path(s, err);
	fd = get_unused_fd(s);
	if (fd < 0)
		return fd;
	err = find_file(s, path, len, &op, &nd, &ino);
	if (err)
		return err;
	file = alloc_file(s, inode_make(0), FILE_OPS_NONE,
			  op.flags & ~(uint32_t)O_ONCE);
	if (file_none(file))
		return refuse(s, ENOMEM, "no memory for a file");
	err = open_file(s, &op, &nd, ino, file);
	if (err) {
		fput(s, file);
		return err;
	}
	fd_install(s, fd, file);
	set_close_on_exec(s, fd, op.flags & O_CLOEXEC);
	return fd;
}

/* ---- unlink ---- */

/* may_delete(), and what no file system lets go. */
static int64_t may_unlink(struct step *s, const struct nameidata *nd,
			  uint64_t ino)
{
	const struct disk_inode *dir = disk_inode_at(s->m, nd->dir);
	const uint32_t uid = current_fsuid(s);

	if (!inode_permission(s->m, nd->dir, uid, MAY_WRITE | MAY_EXEC))
		return refuse(s, EACCES, "the directory may not be written");
	if (dir->i_mode & S_ISVTX && uid && uid != dir->i_uid &&
	    uid != disk_inode_at(s->m, ino)->i_uid)
		return refuse(s, EPERM, "the directory is sticky and the file another's");
	if (ino_is(s->m, ino, S_IFDIR))
		return refuse(s, EISDIR, "it is a directory");
	return 0;
}

int64_t sys_unlink(struct step *s, const struct op_unlink *a, const char *path,
		   size_t len)
{
	struct nameidata nd;
	uint64_t ino = 0;
	int64_t err = check_path(len);

	(void)a;	/* unlink takes a path alone */
	if (!err)
		err = path_parent(s->m, current_fsuid(s), path, len, &nd);
	if (err)
		return refuse_path(s, err);
	if (nd.last_type != LAST_NORM)
		return refuse(s, EISDIR, "it is a directory");
	err = path_last(s->m, &nd, &ino);
	if (!err && !ino)
		err = -ENOENT;
	if (err)
		return refuse_path(s, err);
	if (nd.slashes)
		return ino_is(s->m, ino, S_IFDIR)
			? refuse(s, EISDIR, "it is a directory")
			: refuse(s, ENOTDIR, "it is no directory");
	err = may_unlink(s, &nd, ino);
	if (err)
		return err;
	remove_name(s, &nd, ino);
	return 0;
}

/* ---- file.create: from outside of the machine ---- */

/* The way to a file that is to be made. */
struct plan {
	uint64_t dir;		/* the last directory that exists */
	const char *rest;	/* names to be made in it, slashes between */
	const char *end;
	uint64_t inodes, blocks;	/* what that takes */
};

static const char *component_end(const char *at, const char *end)
{
	while (at < end && *at != '/')
		at++;
	return at;
}

static const char *next_component(const char *at, const char *end)
{
	while (at < end && *at == '/')
		at++;
	return at;
}

static bool is_dots(const char *name, size_t len)
{
	return name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'));
}

/* What the names from plan->rest on take; 0, or a negative errno, told. */
static int64_t count_names(struct step *s, struct plan *plan)
{
	const char *at = plan->rest, *next;

	plan->blocks = disk_entry_blocks(s->m, plan->dir, (size_t)
					 (component_end(at, plan->end) - at));
	for (;; at = next_component(next, plan->end)) {
		if (at == plan->end)
			return refuse(s, EISDIR, "a file's path cannot end in a slash");
		next = component_end(at, plan->end);
		if (is_dots(at, (size_t)(next - at)))
			return refuse(s, ENOENT, "behind a new name there can be no . or ..");
		if (next - at > NAME_MAX)
			return refuse_path(s, -ENAMETOOLONG);
		plan->inodes++;
		if (next == plan->end)
			return 0;
		plan->blocks++;		/* the first of the new directory */
	}
}

/* How far the path leads already. */
static int64_t find_start(struct step *s, const char *path, size_t len,
			  struct plan *plan)
{
	const char *at = path;

	*plan = (struct plan){ .dir = DISK_ROOT_INO, .rest = path,
			       .end = path + len };
	for (;;) {
		int64_t ino;

		plan->rest = next_component(at, plan->end);
		if (plan->rest == plan->end)
			return refuse(s, EISDIR, "a file's path cannot end in a slash");
		at = component_end(plan->rest, plan->end);
		ino = path_lookup(s->m, 0, path, (size_t)(at - path));
		if (ino == -ENOENT)
			return count_names(s, plan);
		if (ino < 0)
			return refuse_path(s, ino);
		if (at == plan->end)
			return refuse(s, EEXIST, "there is a file with this path already");
		if (!ino_is(s->m, (uint64_t)ino, S_IFDIR))
			return refuse_path(s, -ENOTDIR);
		plan->dir = (uint64_t)ino;
	}
}

/* Directories as needed, and the file. There is room. */
static uint64_t make_names(struct step *s, const struct plan *plan,
			   uint32_t mode)
{
	const char *at = plan->rest, *next;
	uint64_t dir = plan->dir;

	for (;; at = next_component(next, plan->end)) {
		const bool last = (next = component_end(at, plan->end)) == plan->end;
		const uint64_t ino = make_inode(s, dir, at, (size_t)(next - at),
						last ? S_IFREG | mode
						     : S_IFDIR | 0755, DISK_USER);

		MM_ASSERT(ino);
		if (last)
			return ino;
		dir = ino;
	}
}

/* The bytes, on the disk. There is room. */
static void fill_file(struct step *s, uint64_t ino, const uint8_t *data,
		      size_t len)
{
	for (size_t at = 0; at < len; at += PAGE_SIZE) {
		const size_t n = len - at < PAGE_SIZE ? len - at : PAGE_SIZE;
		int64_t err = disk_get_block(s, ino, at >> PAGE_SHIFT);

		mm_poll(s->m, 1);
		MM_ASSERT(!err);
		memcpy(disk_mut(s, disk_bmap(s->m, ino, at >> PAGE_SHIFT)),
		       data + at, n);
	}
}

/* What others have of the RAM stays theirs. */
static bool ram_holds(const struct machine *m, uint64_t bytes)
{
	return size_pages(bytes) + totalreserve_pages(m) <= nr_free_pages(m);
}

/* As if somebody had read it all. */
static void cache_file(struct step *s, uint64_t ino)
{
	const inode_ref inode = iget(s, ino);
	uint64_t index, pages;
	int64_t err = 0;
	pfn_t pfn;

	if (inode_none(inode))
		return;
	pages = size_pages(inode_at(s->m, inode)->i_size);
	for (index = 0; index < pages && !err; index++) {
		mm_poll(s->m, 1);
		err = read_cache_page(s, inode_mapping(inode), index, &pfn);
	}
	iput(s, inode);
}

int64_t file_create(struct step *s, const struct op_file_create *a,
		    const char *path, size_t path_len, const uint8_t *data,
		    size_t len)
{
	const struct disk_super *super = disk_super_at(s->m);
	struct plan plan;
	uint64_t ino;
	int64_t err = check_path(path_len);

	if (err)
		return refuse_path(s, err);
	if (a->size && a->size < len)
		return refuse(s, EINVAL, "size is less than the length of data");
	if (a->size > DISK_MAXBYTES)
		return refuse(s, EFBIG, "no file can be that long");
	err = find_start(s, path, path_len, &plan);
	if (err)
		return err;
	plan.blocks += disk_blocks_for(PAGE_ALIGN(len) >> PAGE_SHIFT);
	if (plan.inodes > super->s_free_inodes)
		return refuse(s, ENOSPC, "the disk has no inode left");
	if (plan.blocks > super->s_free_blocks)
		return refuse(s, ENOSPC, "the disk has not enough free blocks");
	if (a->cached && !ram_holds(s->m, a->size ? a->size : len))
		return refuse(s, ENOMEM, "the free RAM does not hold the file's pages");
	ino = make_names(s, &plan, (uint32_t)a->mode & S_IALLUGO);
	fill_file(s, ino, data, len);
	disk_inode_mut(s, ino)->i_size = a->size ? a->size : len;
	if (a->cached)
		cache_file(s, ino);
	return 0;
}
