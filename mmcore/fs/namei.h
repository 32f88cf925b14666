/* SPDX-License-Identifier: MIT */
/* Paths to inodes of the disk: the walk, and who may do what on the way. */
#ifndef MMCORE_NAMEI_H
#define MMCORE_NAMEI_H

#include "mmcore/fs/disk.h"
#include "mmcore/uapi.h"

#define MAY_EXEC	1	/* of a directory: to search it */
#define MAY_WRITE	2
#define MAY_READ	4

enum last_type { LAST_NORM, LAST_ROOT, LAST_DOT, LAST_DOTDOT };

/* Where a walk stands in front of the last component of a path. */
struct nameidata {
	uint64_t dir;		/* the directory that the last component is in */
	const char *last;	/* the component, not NUL-terminated */
	size_t last_len;
	enum last_type last_type;
	bool slashes;		/* there are some behind it */
};

static inline bool ino_is(const struct machine *m, uint64_t ino, uint32_t type)
{
	return (disk_inode_at(m, ino)->i_mode & S_IFMT) == type;
}

/* What getname() says of a path: 0, -ENOENT (empty), -ENAMETOOLONG. */
int64_t check_path(size_t len);

/* Whose files they are that the current process makes; 0: it may do everything. */
uint32_t current_fsuid(const struct step *s);

/* May @uid (0: everything) do all of MAY_* to it? Linux: fs/namei.c, 6.18. */
bool inode_permission(const struct machine *m, uint64_t ino, uint32_t uid,
		      unsigned int mask);

/* Is the current process the owner of what is open, or privileged? Devices are
 * root's, what has no inode on the disk is of who made it. Linux: fs/inode.c, 6.18. */
bool inode_owner_or_capable(const struct step *s, file_ref file);

/* Owns it, or may write to it: who can neither is not to learn from a mapping
 * what others have in memory, nor to take it away from them. */
bool owns_or_may_write(const struct step *s, file_ref file);

/**
 * path_parent - walk all but the last component
 * @uid:  who walks; 0 may do everything
 * @path: from the root, with or without its slash
 * @len:  check_path() accepted it
 *
 * "." and ".." are followed; the root is its own parent. Returns: 0, -ENOENT,
 * -ENOTDIR, -ENAMETOOLONG, -EACCES, not told. Linux: link_path_walk(), 6.18.
 */
int64_t path_parent(const struct machine *m, uint32_t uid, const char *path,
		    size_t len, struct nameidata *nd);

/* What the last component names: *ino, 0 if nothing. 0, or -ENAMETOOLONG. */
int64_t path_last(const struct machine *m, const struct nameidata *nd,
		  uint64_t *ino);

/* The whole walk: the inode's number, or a negative errno. */
int64_t path_lookup(const struct machine *m, uint32_t uid, const char *path,
		    size_t len);

/* A sentence for what a walk can answer. */
const char *path_why(int64_t err);

#endif
