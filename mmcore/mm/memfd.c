/* SPDX-License-Identifier: MIT */
/*
 * Memory with a descriptor, and what can be promised of it (mm/memfd.c, 6.18).
 *
 * Who is handed a memfd by somebody it does not trust wants to know that it will not
 * change: that it does not become shorter under a mapping, nor its bytes others once
 * they were checked. A seal is such a promise, kept for as long as the object lives,
 * whoever has it open. Each call that would break one is refused: writes and changes
 * of size in shmem.c, mappings here.
 */
#include <string.h>

#include "mmcore/fs/fs.h"
#include "mmcore/kernel/task.h"
#include "mmcore/lib/cstring.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/slab.h"

int64_t mm_file_seals(const struct machine *m, file_ref file)
{
	const inode_ref inode = file_at(m, file)->f_inode;

	if (inode_none(inode) || inode_at(m, inode)->i_sb != SUPER_TMPFS)
		return -1;
	return inode_at(m, inode)->i_seals;
}

/* memfd_wait_for_pins(): somebody who holds a page may write to it, or a pipe shows
 * what it becomes. Nobody lets go while a call waits here. */
static bool is_pinned(const struct machine *m, mapping_ref mapping)
{
	uint64_t index = 0;
	pfn_t pfn;

	for (; radix_tree_next(m, mapping, &index, &pfn); index++)
		if (folio_ref_count(m, pfn) != page_counts_at(m, pfn)->_mapcount + 2)
			return true;
	return false;
}

/* F_SEAL_WRITE is to be true from now on. */
static int64_t deny_writable(struct step *s, mapping_ref mapping)
{
	if (mapping_at(s->m, mapping)->i_mmap_writable)
		return refuse(s, EBUSY, "a shared mapping of it may be written to");
	if (is_pinned(s->m, mapping))
		return refuse(s, EBUSY, "somebody holds a page of it");
	return 0;
}

/* Order of checks: mm/memfd.c memfd_add_seals(), 6.18. */
int64_t memfd_add_seals(struct step *s, file_ref file, uint32_t seals)
{
	struct inode *inode;
	int64_t err = 0;

	if (!(file_at(s->m, file)->f_mode & FMODE_WRITE))
		return refuse(s, EPERM, "the file is not open for writing");
	if (seals & ~(uint32_t)F_ALL_SEALS)
		return refuse(s, EINVAL, "arg has an unknown seal");
	if (mm_file_seals(s->m, file) < 0)
		return refuse(s, EINVAL, "the file is no memfd");
	inode = inode_mut(s, file_at(s->m, file)->f_inode);
	if (inode->i_seals & F_SEAL_SEAL)
		return refuse(s, EPERM, "F_SEAL_SEAL is set: it takes no more seals");
	/* What can be run and is not to be made so again must not change either. */
	if (seals & F_SEAL_EXEC && inode->i_mode & 0111)
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
			 F_SEAL_FUTURE_WRITE;
	if (seals & F_SEAL_WRITE && !(inode->i_seals & F_SEAL_WRITE))
		err = deny_writable(s, file_at(s->m, file)->f_mapping);
	if (!err)
		inode->i_seals |= seals;
	return err;
}

int64_t memfd_get_seals(struct step *s, file_ref file)
{
	const int64_t seals = mm_file_seals(s->m, file);

	return seals < 0 ? refuse(s, EINVAL, "the file is no memfd") : seals;
}

int64_t memfd_check_seals_mmap(struct step *s, file_ref file, uint64_t *vm_flags)
{
	const uint32_t sealed = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	const int64_t seals = mm_file_seals(s->m, file);

	if (seals < 0 || !(*vm_flags & VM_SHARED) || !(seals & sealed))
		return 0;
	if (*vm_flags & VM_WRITE)
		return refuse(s, EPERM, "the memfd is sealed against writing");
	*vm_flags &= ~VM_MAYWRITE;
	return 0;
}

/* ---- memfd_create ---- */

/* "/memfd:NAME (deleted)", as it will be shown; 0: no RAM. */
static uint64_t memfd_name(struct step *s, const char *name, size_t len)
{
	static const char before[] = "/memfd:", after[] = " (deleted)";
	const uint64_t pa = kmem_cache_alloc(s, CACHE_NAME);
	char *text;

	if (!pa)
		return 0;
	text = ram_mut(s, pa);
	memcpy(text, before, sizeof(before) - 1);
	memcpy(text + sizeof(before) - 1, name, len);
	memcpy(text + sizeof(before) - 1 + len, after, sizeof(after));
	return pa;
}

_Static_assert(FILE_NAME_LEN >= 7 + MFD_NAME_MAX + 10 + 1,
	       "the longest name fits");

/* What may still be done to it. Without MFD_ALLOW_SEALING it takes no seal, nor does
 * any other shared memory. */
static void set_up_memfd(struct step *s, inode_ref ref, uint64_t name,
			 uint64_t flags)
{
	struct inode *inode = inode_mut(s, ref);

	inode->i_name = name;
	inode->i_mode = S_IFREG | (flags & MFD_NOEXEC_SEAL ? 0666 : 0777);
	if (flags & MFD_NOEXEC_SEAL)
		inode->i_seals = F_SEAL_EXEC;
	else if (flags & MFD_ALLOW_SEALING)
		inode->i_seals = 0;
}

/* Order of checks: mm/memfd.c sys_memfd_create(), 6.18. */
int64_t sys_memfd_create(struct step *s, const struct op_memfd_create *a)
{
	const size_t len = string_length(a->name);
	uint64_t name;
	file_ref file;
	int64_t fd;

	if (a->flags & ~(uint64_t)MFD_ALL_FLAGS)
		return refuse(s, EINVAL, "flags has an unknown bit");
	if ((a->flags & (MFD_EXEC | MFD_NOEXEC_SEAL)) ==
	    (MFD_EXEC | MFD_NOEXEC_SEAL))
		return refuse(s, EINVAL, "MFD_EXEC and MFD_NOEXEC_SEAL exclude each other");
	if (len > MFD_NAME_MAX)
		return refuse(s, EINVAL, "name is longer than 249 bytes");
	fd = get_unused_fd(s);
	if (fd < 0)
		return fd;
	name = memfd_name(s, a->name, len);
	file = name ? shmem_file_setup(s, 0, false) : file_make(0);
	if (file_none(file)) {
		if (name)
			kmem_cache_free(s, CACHE_NAME, name);
		return refuse(s, ENOMEM, "no memory for a file");
	}
	set_up_memfd(s, file_at(s->m, file)->f_inode, name, a->flags);
	fd_install(s, fd, file);
	set_close_on_exec(s, fd, a->flags & MFD_CLOEXEC);
	return fd;
}
