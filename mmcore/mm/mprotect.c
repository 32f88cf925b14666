/* SPDX-License-Identifier: MIT */
/*
 * mprotect: other permissions for a range, VMA by VMA. The range is changed
 * from below until something refuses; what was changed by then stays changed.
 */
#include "mmcore/mm/memory.h"
#include "mmcore/mm/vma.h"

/* A private mapping that becomes writable is a promise, charged here. */
static int64_t charge_writable(struct step *s, mm_ref mm, uint64_t old_flags,
			       uint64_t *new_flags, uint64_t pages)
{
	int64_t err;

	if (!may_expand_vm(s, mm, *new_flags, pages) &&
	    may_expand_vm(s, mm, old_flags, pages))
		return refuse(s, ENOMEM, "writable data would exceed RLIMIT_DATA");
	if (old_flags & (VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED |
			 VM_NORESERVE))
		return 0;
	err = security_vm_enough_memory(s, mm, pages);
	if (err)
		return err;
	*new_flags |= VM_ACCOUNT;
	return 0;
}

/* Could a written page be in it? Only then must the promise outlive VM_WRITE. */
static bool never_written(const struct vm_area_struct *vma)
{
	return vma->vm_ops == VM_OPS_NONE && anon_vma_none(vma->anon_vma);
}

/* The flags are decided and paid for: merge or split, and rewrite the PTEs. */
static int64_t apply_flags(struct step *s, vma_ref ref, uint64_t start,
			   uint64_t end, uint64_t new_flags)
{
	const uint64_t old_flags = vma_at(s->m, ref)->vm_flags;
	const mm_ref mm = vma_at(s->m, ref)->vm_mm;
	const int64_t pages = (int64_t)((end - start) >> PAGE_SHIFT);
	struct vm_area_struct *vma;
	int64_t err = 0;

	ref = vma_modify_flags(s, mm, ref, start, end, new_flags, &err);
	if (err)
		return err;
	trace_event(s, mprotect_fixup, start, end, old_flags, new_flags);
	vma = vma_mut(s, ref);
	vm_flags_reset(vma, new_flags);
	vma->vm_page_prot = vma_page_prot(s->m, vma);
	change_protection(s, ref, start, end, vma->vm_page_prot);
	vm_stat_account(s, mm, old_flags, vma->vm_file, -pages);
	vm_stat_account(s, mm, new_flags, vma->vm_file, pages);
	/* Locked memory that becomes writable gets its own pages at once. */
	if ((old_flags & (VM_WRITE | VM_SHARED | VM_LOCKED)) == VM_LOCKED &&
	    new_flags & VM_WRITE)
		populate_vma_in_place(s, mm, ref, start, end);
	return 0;
}

/* New flags for the part [start, end) of one VMA. */
static int64_t mprotect_fixup(struct step *s, vma_ref ref, uint64_t start,
			      uint64_t end, uint64_t new_flags)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	const uint64_t old_flags = vma->vm_flags;
	const uint64_t pages = (end - start) >> PAGE_SHIFT;
	uint64_t charged = 0;
	int64_t err;

	if (old_flags & VM_SEALED)
		return refuse(s, EPERM, "a mapping in the range is sealed");
	if (new_flags == old_flags)
		return 0;
	if (new_flags & VM_WRITE) {
		err = charge_writable(s, vma->vm_mm, old_flags, &new_flags,
				      pages);
		if (err)
			return err;
		if (new_flags & ~old_flags & VM_ACCOUNT)
			charged = pages;
	} else if (old_flags & VM_ACCOUNT && never_written(vma)) {
		new_flags &= ~VM_ACCOUNT;
	}
	err = apply_flags(s, ref, start, end, new_flags);
	if (err && charged)
		vm_unacct_memory(s, charged);
	if (!err && old_flags & ~new_flags & VM_ACCOUNT)
		vm_unacct_memory(s, pages);
	return err;
}

/* The VM_ flags of a VMA once it has the permissions @prot. */
static uint64_t flags_with_prot(uint64_t vm_flags, uint64_t prot)
{
	vm_flags &= ~VM_ACCESS_FLAGS;
	if (prot & PROT_READ)
		vm_flags |= VM_READ;
	if (prot & PROT_WRITE)
		vm_flags |= VM_WRITE;
	if (prot & PROT_EXEC)
		vm_flags |= VM_EXEC;
	return vm_flags;
}

static bool may_have(uint64_t vm_flags)
{
	return !(vm_flags & ~(vm_flags >> 4) & VM_ACCESS_FLAGS);
}

_Static_assert(VM_MAYREAD >> 4 == VM_READ && VM_MAYWRITE >> 4 == VM_WRITE &&
	       VM_MAYEXEC >> 4 == VM_EXEC, "VM_MAY bits shift onto their own");

/* From the VMA @ref, which contains @start, up to @end. */
static int64_t protect_range(struct step *s, mm_ref mm, vma_ref ref,
			     uint64_t start, uint64_t end, uint64_t prot)
{
	while (start < end) {
		const struct vm_area_struct *vma;
		uint64_t stop, flags;
		int64_t err;

		mm_poll(s->m, 1);
		if (vma_none(ref) || vma_at(s->m, ref)->vm_start > start)
			return refuse(s, ENOMEM, "nothing is mapped in a part of the range");
		vma = vma_at(s->m, ref);
		flags = flags_with_prot(vma->vm_flags, prot);
		if (!may_have(flags))
			return refuse(s, EACCES, "the mapping may never have this permission");
		stop = vma->vm_end < end ? vma->vm_end : end;
		err = mprotect_fixup(s, ref, start, stop, flags);
		if (err)
			return err;
		start = stop;
		if (start < end)
			ref = vma_lookup(s->m, mm, start);
	}
	return 0;
}

/* Where the range begins: PROT_GROWSDOWN takes a stack from its start. */
static int64_t find_start(struct step *s, vma_ref ref, uint64_t *start,
			  uint64_t end, uint64_t grows)
{
	const struct vm_area_struct *vma;

	if (vma_none(ref) || vma_at(s->m, ref)->vm_start >= end)
		return refuse(s, ENOMEM, "nothing is mapped in the range");
	vma = vma_at(s->m, ref);
	if (grows & PROT_GROWSDOWN) {
		*start = vma->vm_start;
		if (!(vma->vm_flags & VM_GROWSDOWN))
			return refuse(s, EINVAL, "PROT_GROWSDOWN: the mapping does not grow down");
		return 0;
	}
	if (vma->vm_start > *start)
		return refuse(s, ENOMEM, "nothing is mapped at addr");
	if (grows & PROT_GROWSUP)
		return refuse(s, EINVAL, "PROT_GROWSUP: the mapping does not grow up");
	return 0;
}

/*
 * Order of checks and partial effects: mm/mprotect.c do_mprotect_pkey(), 6.18.
 * Finding the range is O(log n), each VMA in it another O(log n).
 */
int64_t sys_mprotect(struct step *s, const struct op_mprotect *a)
{
	const uint64_t grows = a->prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	const uint64_t prot = a->prot & ~grows;
	const mm_ref mm = current_mm(s);
	uint64_t start = a->addr;
	uint64_t end = ulong_of(s->m, start + PAGE_ALIGN(a->len));
	vma_ref vma;
	int64_t err;

	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP))
		return refuse(s, EINVAL, "PROT_GROWSDOWN and PROT_GROWSUP exclude each other");
	if (start & ~PAGE_MASK)
		return refuse(s, EINVAL, "addr is not a multiple of the page size");
	if (!a->len)
		return 0;
	if (end <= start)
		return refuse(s, ENOMEM, "the range is not in user space");
	if (prot & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return refuse(s, EINVAL, "prot has an unknown bit");
	pte_prefetch(s->m, mm_at(s->m, mm), start);
	vma = vma_lookup(s->m, mm, start);
	err = find_start(s, vma, &start, end, grows);
	if (err)
		return err;
	return protect_range(s, mm, vma, start, end, prot);
}
