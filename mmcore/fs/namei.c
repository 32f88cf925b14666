/* SPDX-License-Identifier: MIT */
/*
 * The path walk. It reads directories on the disk and brings no inode into
 * memory; there are no links of either kind, so a path has one meaning.
 */
#include <string.h>

#include "mmcore/fs/namei.h"
#include "mmcore/kernel/task.h"
#include "mmcore/uapi.h"

int64_t check_path(size_t len)
{
	if (!len)
		return -ENOENT;
	return len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

uint32_t current_fsuid(const struct step *s)
{
	return task_none(s->current) || capable(s) ? 0 : DISK_USER;
}

bool inode_permission(const struct machine *m, uint64_t ino, uint32_t uid,
		      unsigned int mask)
{
	const struct disk_inode *inode = disk_inode_at(m, ino);
	/* The owner is the only member of the group. */
	const unsigned int shift = uid == inode->i_uid ? 6 : 0;

	if (!uid)
		return true;
	return !(mask & ~(inode->i_mode >> shift));
}

static uint64_t file_ino(const struct machine *m, const struct file *file)
{
	return inode_at(m, file->f_inode)->i_ino;
}

bool inode_owner_or_capable(const struct step *s, file_ref ref)
{
	const struct file *file = file_at(s->m, ref);
	const uint32_t uid = current_fsuid(s);

	switch (file->f_op) {
	case FILE_OPS_NULL:
	case FILE_OPS_ZERO:
		return !uid;
	case FILE_OPS_DISK:
	case FILE_OPS_DIR:
		return !uid ||
		       uid == disk_inode_at(s->m, file_ino(s->m, file))->i_uid;
	default:
		return true;
	}
}

bool owns_or_may_write(const struct step *s, file_ref ref)
{
	const struct file *file = file_at(s->m, ref);

	return inode_owner_or_capable(s, ref) || file->f_op != FILE_OPS_DISK ||
	       inode_permission(s->m, file_ino(s->m, file), current_fsuid(s),
				MAY_WRITE);
}

static const char *skip_slashes(const char *at, const char *end)
{
	while (at < end && *at == '/')
		at++;
	return at;
}

static enum last_type type_of(const char *name, size_t len)
{
	if (name[0] != '.' || len > 2)
		return LAST_NORM;
	if (len == 1)
		return LAST_DOT;
	return name[1] == '.' ? LAST_DOTDOT : LAST_NORM;
}

int64_t path_last(const struct machine *m, const struct nameidata *nd,
		  uint64_t *ino)
{
	switch (nd->last_type) {
	case LAST_DOTDOT:
		*ino = disk_inode_at(m, nd->dir)->i_dir;
		return 0;
	case LAST_NORM:
		break;
	default:
		*ino = nd->dir;
		return 0;
	}
	if (nd->last_len > NAME_MAX)
		return -ENAMETOOLONG;
	*ino = disk_lookup(m, nd->dir, nd->last, nd->last_len);
	return 0;
}

/* Through a component that is not the last: nd->dir is what it names. */
static int64_t step_into(const struct machine *m, struct nameidata *nd)
{
	uint64_t ino = 0;
	int64_t err = path_last(m, nd, &ino);

	if (err)
		return err;
	if (!ino)
		return -ENOENT;
	if (!ino_is(m, ino, S_IFDIR))
		return -ENOTDIR;
	nd->dir = ino;
	return 0;
}

int64_t path_parent(const struct machine *m, uint32_t uid, const char *path,
		    size_t len, struct nameidata *nd)
{
	const char *const end = path + len;
	const char *at = skip_slashes(path, end), *next;

	*nd = (struct nameidata){ .dir = DISK_ROOT_INO, .last = at,
				  .last_type = LAST_ROOT };
	for (;;) {
		int64_t err;

		if (at == end)
			return 0;
		if (!inode_permission(m, nd->dir, uid, MAY_EXEC))
			return -EACCES;
		for (next = at; next < end && *next != '/';)
			next++;
		nd->last = at;
		nd->last_len = (size_t)(next - at);
		nd->last_type = type_of(at, nd->last_len);
		nd->slashes = next < end;
		at = skip_slashes(next, end);
		if (at == end)
			return 0;
		err = step_into(m, nd);
		if (err)
			return err;
	}
}

int64_t path_lookup(const struct machine *m, uint32_t uid, const char *path,
		    size_t len)
{
	struct nameidata nd;
	uint64_t ino = 0;
	int64_t err = check_path(len);

	if (!err)
		err = path_parent(m, uid, path, len, &nd);
	if (!err)
		err = path_last(m, &nd, &ino);
	if (err)
		return err;
	if (!ino)
		return -ENOENT;
	if (nd.slashes && !ino_is(m, ino, S_IFDIR))
		return -ENOTDIR;
	return (int64_t)ino;
}

const char *path_why(int64_t err)
{
	switch (err) {
	case -ENOENT:
		return "there is no such file or directory";
	case -ENOTDIR:
		return "a component of the path is no directory";
	case -ENAMETOOLONG:
		return "the path has 4,096 bytes or more, or a component 256";
	case -EACCES:
		return "a directory of the path may not be searched";
	default:
		return "the path cannot be followed";
	}
}
