/* SPDX-License-Identifier: MIT */
/* Paths to inodes of the disk: the walk along a path, and the permissions on the way.
 * An error is "reported" as fs.h defines it. */
#ifndef MMCORE_NAMEI_H
#define MMCORE_NAMEI_H

#include "mmcore/fs/disk.h"
#include "mmcore/uapi.h"

#define MAY_EXEC	1	/* for a directory: search it */
#define MAY_WRITE	2
#define MAY_READ	4

enum last_type { LAST_NORM, LAST_ROOT, LAST_DOT, LAST_DOTDOT };

/* The place that a walk has reached before the last component of a path. */
struct nameidata {
	uint64_t dir;		/* the directory that the last component is in */
	const char *last;	/* the component, not NUL-terminated */
	size_t last_len;
	enum last_type last_type;
	bool slashes;		/* the component is followed by slashes */
};

static inline bool ino_is(const struct machine *m, uint64_t ino, uint32_t type)
{
	return (disk_inode_at(m, ino)->i_mode & S_IFMT) == type;
}

/* Check the length of a path in bytes. Returns 0, -ENOENT if it is empty, or
 * -ENAMETOOLONG; not reported. Linux: getname(), fs/namei.c, 6.18. */
int64_t check_path(size_t len);

/* Return the user who owns the files that the current process makes. 0 is privileged. */
uint32_t current_fsuid(const struct step *s);

/* Return whether @uid has every permission in @mask (MAY_*) for inode @ino. 0 is
 * privileged. Linux: fs/namei.c, 6.18. */
bool inode_permission(const struct machine *m, uint64_t ino, uint32_t uid,
		      unsigned int mask);

/* Return whether the current process is privileged or owns @file. Devices belong to
 * root; an object without an inode on the disk counts as the process's own.
 * Linux: fs/inode.c, 6.18. */
bool inode_owner_or_capable(const struct step *s, file_ref file);

/* Return whether the current process owns @file or may write to it. A process that may
 * do neither must not learn from a mapping which pages others have in memory (mincore),
 * nor take these pages away from them (madvise). */
bool owns_or_may_write(const struct step *s, file_ref file);

/**
 * path_parent - walk along all components of a path but the last
 * @uid:  user who walks; 0 is privileged
 * @path: path from the root, with or without a leading slash
 * @len:  bytes of @path, which check_path() accepted
 * @nd:   filled in
 *
 * The walk follows "." and ".."; the root is its own parent. Returns: 0, -ENOENT,
 * -ENOTDIR, -ENAMETOOLONG or -EACCES, not reported. Cost: O(entries of the
 * directories). Linux: link_path_walk(), fs/namei.c, 6.18.
 */
int64_t path_parent(const struct machine *m, uint32_t uid, const char *path,
		    size_t len, struct nameidata *nd);

/* Look the last component up: *@ino becomes the inode's number, or 0 if there is none.
 * Returns 0 or -ENAMETOOLONG, not reported. O(entries of the directory). */
int64_t path_last(const struct machine *m, const struct nameidata *nd,
		  uint64_t *ino);

/* Walk along a whole path. Returns the inode's number, or an error of path_parent(). */
int64_t path_lookup(const struct machine *m, uint32_t uid, const char *path,
		    size_t len);

/* Return a sentence that explains an error of path_parent(). */
const char *path_why(int64_t err);

#endif
