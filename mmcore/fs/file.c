/* SPDX-License-Identifier: MIT */
/* Open files and inodes: references to them, and what they are (2.6.17
 * fs/file_table.c, fs/inode.c). */
#include <string.h>

#include "mmcore/arch/arch.h"
#include "mmcore/fs/disk.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/slab.h"

uint32_t file_type(const struct machine *m, file_ref file)
{
	const inode_ref inode = file_at(m, file)->f_inode;

	return inode_none(inode) ? S_IFCHR : inode_at(m, inode)->i_mode & S_IFMT;
}

uint64_t file_maxbytes(const struct machine *m, file_ref file)
{
	const uint64_t lfs = m->arch->max_lfs_filesize;

	switch (file_type(m, file)) {
	case S_IFREG:
		return file_at(m, file)->f_op == FILE_OPS_DISK &&
		       lfs > DISK_MAXBYTES ? DISK_MAXBYTES : lfs;
	case S_IFDIR:
		return INT64_MAX;
	default:
		return m->arch->ulong_max == UINT64_MAX ? UINT64_MAX : lfs;
	}
}

uint64_t file_size(const struct machine *m, file_ref file)
{
	if (file_type(m, file) == S_IFDIR)
		return INT64_MAX;
	return inode_at(m, file_at(m, file)->f_inode)->i_size;
}

void get_file(struct step *s, file_ref file)
{
	MM_ASSERT(file_at(s->m, file)->f_count > 0);
	file_mut(s, file)->f_count++;
}

void fput(struct step *s, file_ref ref)
{
	struct file *file = file_mut(s, ref);

	MM_ASSERT(file->f_count > 0);
	if (--file->f_count)
		return;
	if (fops(s->m, ref)->release)
		fops(s->m, ref)->release(s, ref);
	if (!inode_none(file->f_inode))
		iput(s, file->f_inode);
	kmem_cache_free(s, CACHE_FILE, ref.pa);
}

void iput(struct step *s, inode_ref ref)
{
	struct inode *inode = inode_mut(s, ref);

	MM_ASSERT(inode->i_count > 0);
	if (--inode->i_count == 0)
		super_ops(s->m, ref)->drop_inode(s, ref);
}

file_ref alloc_file(struct step *s, inode_ref inode, enum file_ops_id f_op,
		    uint32_t f_flags)
{
	const file_ref file = file_make(kmem_cache_alloc(s, CACHE_FILE));

	if (file_none(file))
		return file;
	*file_mut(s, file) = (struct file){
		.f_op = f_op,
		.f_count = 1,
		.f_flags = f_flags,
		.f_mode = OPEN_FMODE(f_flags),
		.f_mapping = inode_none(inode) ? mapping_make(0)
					       : inode_mapping(inode),
		.f_inode = inode,
		.f_ra = {
			.ra_pages = (uint32_t)(kernel_at(s->m)->read_ahead_kb >>
					       (PAGE_SHIFT - 10)),
			.prev_pos = -1,
		},
	};
	return file;
}

int64_t sys_close(struct step *s, const struct op_close *a)
{
	const file_ref file = fd_remove(s, a->fd);

	if (file_none(file))
		return refuse(s, EBADF, "fd is not open");
	trace_event(s, filp_close, (uint64_t)a->fd);
	fput(s, file);
	return 0;
}

int64_t sys_dup(struct step *s, const struct op_dup *a)
{
	const file_ref file = fget_raw(s, a->fd);
	int64_t fd;

	if (file_none(file))
		return refuse(s, EBADF, "fd is not open");
	fd = get_unused_fd(s);
	if (fd < 0)
		return fd;
	get_file(s, file);
	fd_install(s, fd, file);
	return fd;
}
