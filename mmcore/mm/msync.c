/* SPDX-License-Identifier: MIT */
/* msync: shared mappings reach their file. */
#include "mmcore/fs/fs.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/vma.h"

/*
 * [@start, @end), which lies in the VMA. 0, or a negative errno, told. MS_ASYNC
 * does nothing since Linux 2.6.17: dirty pages are known to be dirty, and the
 * flusher takes them in its time.
 */
static int64_t msync_vma(struct step *s, const struct vm_area_struct *vma,
			 uint64_t start, uint64_t end, uint64_t flags)
{
	if (flags & MS_INVALIDATE && vma->vm_flags & VM_LOCKED)
		return refuse(s, EBUSY, "MS_INVALIDATE: a mapping in the range is locked");
	if (!(flags & MS_SYNC) || file_none(vma->vm_file) ||
	    !(vma->vm_flags & VM_SHARED))
		return 0;
	return vfs_fsync_range(s, vma->vm_file, linear_page_index(vma, start),
			       linear_page_index(vma, end));
}

/*
 * Order of checks: mm/msync.c sys_msync(), 6.18. A hole is told at the end,
 * unless MS_ASYNC stands alone: then it ends the walk.
 */
int64_t sys_msync(struct step *s, const struct op_msync *a)
{
	static const char hole[] = "nothing is mapped in a part of the range";
	const uint64_t len = ulong_of(s->m, PAGE_ALIGN(a->len));
	const uint64_t end = ulong_of(s->m, a->addr + len);
	const mm_ref mm = current_mm(s);
	uint64_t at = a->addr;
	bool holes = false;

	if (a->flags & ~(uint64_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC))
		return refuse(s, EINVAL, "flags has an unknown bit");
	if (a->addr & ~PAGE_MASK)
		return refuse(s, EINVAL, "addr is not a multiple of the page size");
	if (a->flags & MS_ASYNC && a->flags & MS_SYNC)
		return refuse(s, EINVAL, "MS_ASYNC and MS_SYNC exclude each other");
	if (end < a->addr)
		return refuse(s, ENOMEM, "addr + len wraps around");
	while (at < end) {
		vma_ref ref = vma_lookup(s->m, mm, at);
		const struct vm_area_struct *vma;
		int64_t err;

		mm_poll(s->m, 1);
		if (vma_none(ref))
			return refuse(s, ENOMEM, hole);
		vma = vma_at(s->m, ref);
		if (at < vma->vm_start) {
			if (a->flags == MS_ASYNC || vma->vm_start >= end)
				return refuse(s, ENOMEM, hole);
			holes = true;
			at = vma->vm_start;
		}
		err = msync_vma(s, vma, at, end < vma->vm_end ? end : vma->vm_end, a->flags);
		if (err)
			return err;
		at = vma->vm_end;
	}
	return holes ? refuse(s, ENOMEM, hole) : 0;
}
