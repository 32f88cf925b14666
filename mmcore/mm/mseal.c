/* SPDX-License-Identifier: MIT */
/* mseal: mappings that may no longer be changed. There is no way back. */
#include "mmcore/mm/memory.h"
#include "mmcore/mm/vma.h"

static bool is_mapped(const struct machine *m, mm_ref mm, uint64_t start,
		      uint64_t end)
{
	while (start < end) {
		vma_ref ref = vma_lookup(m, mm, start);

		mm_poll(m, 1);
		if (vma_none(ref) || vma_at(m, ref)->vm_start > start)
			return false;
		start = vma_at(m, ref)->vm_end;
	}
	return true;
}

/* Order of checks: mm/mseal.c do_mseal(), 6.18. */
int64_t sys_mseal(struct step *s, const struct op_mseal *a)
{
	const uint64_t len = ulong_of(s->m, PAGE_ALIGN(a->len));
	const uint64_t end = ulong_of(s->m, a->addr + len);
	const mm_ref mm = current_mm(s);
	uint64_t at = a->addr;

	if (a->flags)
		return refuse(s, EINVAL, "flags is not 0");
	if (a->addr & ~PAGE_MASK)
		return refuse(s, EINVAL, "addr is not a multiple of the page size");
	if ((a->len && !len) || end < a->addr)
		return refuse(s, EINVAL, "addr + len wraps around");
	if (!is_mapped(s->m, mm, at, end))
		return refuse(s, ENOMEM, "nothing is mapped in a part of the range");
	while (at < end) {
		vma_ref ref = vma_lookup(s->m, mm, at);
		const struct vm_area_struct *vma = vma_at(s->m, ref);
		const uint64_t flags = vma->vm_flags | VM_SEALED;
		const uint64_t stop = vma->vm_end < end ? vma->vm_end : end;
		int64_t err = 0;

		mm_poll(s->m, 1);
		if (flags != vma->vm_flags) {
			ref = vma_modify_flags(s, mm, ref, at, stop, flags,
					       &err);
			if (err)
				return err;
			vm_flags_reset(vma_mut(s, ref), flags);
			trace_event(s, mseal, at, stop);
		}
		at = stop;
	}
	return 0;
}
