/* SPDX-License-Identifier: MIT */
/*
 * remap_file_pages: other pages of the object behind a shared mapping. Linux
 * 2.6 kept one VMA and stored file offsets in PTEs (VM_NONLINEAR,
 * i_mmap_nonlinear); today's kernel maps anew, so VMAs split where anybody can
 * see it, and so do we.
 */
#include "mmcore/mm/memory.h"
#include "mmcore/mm/vma.h"

/* Does [.., end) continue as pieces of the same mapping from @ref on? */
static bool is_one_mapping(const struct machine *m, vma_ref ref, uint64_t end)
{
	const struct vm_area_struct *first = vma_at(m, ref), *prev = first;

	while (prev->vm_end < end) {
		const struct vm_area_struct *vma;

		mm_poll(m, 1);
		if (vma_none(prev->vm_next))
			return false;
		vma = vma_at(m, prev->vm_next);
		if (vma->vm_start != prev->vm_end ||
		    !file_same(vma->vm_file, first->vm_file) ||
		    vma->vm_flags != first->vm_flags)
			return false;
		prev = vma;
	}
	return true;
}

static uint64_t prot_of(uint64_t vm_flags)
{
	return (vm_flags & VM_READ ? PROT_READ : 0) |
	       (vm_flags & VM_WRITE ? PROT_WRITE : 0) |
	       (vm_flags & VM_EXEC ? PROT_EXEC : 0);
}

/* Order of checks: mm/mmap.c sys_remap_file_pages(), 6.18. */
int64_t sys_remap_file_pages(struct step *s, const struct op_remap_file_pages *a)
{
	const uint64_t start = a->addr & PAGE_MASK, size = a->size & PAGE_MASK;
	uint64_t flags = MAP_SHARED | MAP_FIXED | MAP_POPULATE |
			 (a->flags & MAP_NONBLOCK);
	const struct vm_area_struct *vma;
	file_ref file;
	vma_ref ref;
	int64_t ret;

	if (a->prot)
		return refuse(s, EINVAL, "prot is not 0");
	if (ulong_of(s->m, start + size) <= start)
		return refuse(s, EINVAL, "size is less than a page, or addr + size wraps around");
	if (ulong_of(s->m, a->pgoff + (size >> PAGE_SHIFT)) < a->pgoff)
		return refuse(s, EINVAL, "pgoff + size wraps around");
	ref = vma_lookup(s->m, current_mm(s), start);
	if (vma_none(ref) || vma_at(s->m, ref)->vm_start > start)
		return refuse(s, EINVAL, "nothing is mapped at addr");
	vma = vma_at(s->m, ref);
	if (!(vma->vm_flags & VM_SHARED))
		return refuse(s, EINVAL, "the mapping is not shared");
	if (!is_one_mapping(s->m, ref, start + size))
		return refuse(s, EINVAL, "the range is not all of one mapping");
	if (vma->vm_flags & VM_LOCKED)
		flags |= MAP_LOCKED;
	file = vma->vm_file;
	get_file(s, file);
	ret = do_mmap_pgoff(s, file, start, size, prot_of(vma->vm_flags), flags,
			    a->pgoff);
	fput(s, file);
	return ret < 0 ? ret : 0;
}
