/* SPDX-License-Identifier: MIT */
/* Looking at the disk from outside. Nothing here changes it, or caches. */
#include "mmcore/fs/namei.h"
#include "mmcore/mm/filemap.h"

_Static_assert(MM_ROOT_INO == DISK_ROOT_INO, "one root");

int64_t mm_file_find(const struct machine *m, const char *path, size_t len)
{
	return path_lookup(m, 0, path, len);
}

struct mm_file_info mm_file_info(const struct machine *m, uint64_t ino)
{
	const struct disk_inode *on_disk = disk_inode_at(m, ino);
	const inode_ref inode = find_inode(m, ino);
	struct mm_file_info info = {
		.ino = ino,
		.size = on_disk->i_size,
		.blocks = on_disk->i_blocks,
		.mode = on_disk->i_mode,
		.uid = on_disk->i_uid,
		.nlink = on_disk->i_nlink,
		.rdev = on_disk->i_rdev,
	};

	if (inode_none(inode))
		return info;
	info.cached = inode_at(m, inode)->i_data.nrpages;
	info.count = (uint64_t)inode_at(m, inode)->i_count;
	return info;
}

bool mm_dir_next(const struct machine *m, uint64_t dir, uint64_t *pos,
		 struct mm_dir_entry *entry)
{
	const struct disk_dirent *found = disk_next_entry(m, dir, pos);

	if (!found)
		return false;
	*entry = (struct mm_dir_entry){ found->ino, found->name,
					found->name_len };
	return true;
}

bool mm_file_next_page(const struct machine *m, uint64_t ino, uint64_t *index,
		       pfn_t *pfn)
{
	const inode_ref inode = find_inode(m, ino);

	return !inode_none(inode) &&
	       radix_tree_next(m, inode_mapping(inode), index, pfn);
}
