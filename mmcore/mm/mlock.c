/* SPDX-License-Identifier: MIT */
/*
 * mlock, munlock and their mlockall kind: memory that stays resident. A lock is
 * a flag of the VMA, so locks do not nest and a lock may split or merge VMAs;
 * locked_vm counts the pages of locked address space, resident or not. Setting
 * the flag and faulting the pages in are two passes, and a failure of the second
 * leaves the flags where they are.
 */
#include "mmcore/mm/memory.h"
#include "mmcore/mm/vma.h"

/* can_do_mlock(): somebody with a limit of 0 and no capability may not at all. */
static bool can_do_mlock(const struct step *s)
{
	return rlimit(s, RLIMIT_MEMLOCK) || capable(s);
}

/* Can the VMA be locked? mlock() silently leaves others as they are (6.18 mlock_fixup()). */
static bool vma_supports_mlock(const struct vm_area_struct *vma)
{
	return !(vma->vm_flags & (VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE));
}

/**
 * mlock_fixup - give [start, end) of one VMA other lock flags
 * @next: set to where what follows begins: the end of the VMA that now covers
 *        the range
 *
 * Returns: 0, or -ENOMEM, told: the VMA had to be split and could not be.
 */
static int64_t mlock_fixup(struct step *s, mm_ref mm, vma_ref ref,
			   uint64_t start, uint64_t end, uint64_t new_flags,
			   uint64_t *next)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	const uint64_t old_flags = vma->vm_flags;
	const uint64_t pages = (end - start) >> PAGE_SHIFT;
	int64_t err = 0;

	*next = vma->vm_end;
	if (new_flags == old_flags || !vma_supports_mlock(vma))
		return 0;
	ref = vma_modify_flags(s, mm, ref, start, end, new_flags, &err);
	if (err)
		return err;
	*next = vma_at(s->m, ref)->vm_end;
	vm_flags_reset(vma_mut(s, ref), new_flags);
	if (!(new_flags & VM_LOCKED))
		mm_mut(s, mm)->locked_vm -= pages;
	else if (!(old_flags & VM_LOCKED))
		mm_mut(s, mm)->locked_vm += pages;
	trace_event(s, mlock_fixup, start, end, old_flags, new_flags);
	return 0;
}

/* apply_vma_lock_flags(): VMA by VMA; what came before a failure stays. */
static int64_t apply_vma_lock_flags(struct step *s, uint64_t start,
				    uint64_t len, uint64_t flags)
{
	const mm_ref mm = current_mm(s);
	const uint64_t end = ulong_of(s->m, start + len);
	uint64_t at = start;

	if (end < start)
		return refuse(s, EINVAL, "addr + len wraps around");
	while (at < end) {
		vma_ref ref = vma_lookup(s->m, mm, at);
		const struct vm_area_struct *vma;
		int64_t err;

		mm_poll(s->m, 1);
		if (vma_none(ref) || vma_at(s->m, ref)->vm_start > at)
			return refuse(s, ENOMEM, "nothing is mapped in a part of the range");
		vma = vma_at(s->m, ref);
		err = mlock_fixup(s, mm, ref, at,
				  vma->vm_end < end ? vma->vm_end : end,
				  (vma->vm_flags & ~VM_LOCKED_MASK) | flags,
				  &at);
		if (err)
			return err;
	}
	return 0;
}

/* count_mm_mlocked_page_nr(): pages of the range that are locked already. */
static uint64_t locked_pages(const struct machine *m, mm_ref mm,
			     uint64_t start, uint64_t len)
{
	const uint64_t end = UINT64_MAX - len < start ? UINT64_MAX
						      : start + len;
	const struct vm_area_struct *vma;
	uint64_t bytes = 0;

	for (vma_ref ref = vma_lookup(m, mm, start);
	     !vma_none(ref) && vma_at(m, ref)->vm_start < end;
	     ref = vma_next(m, ref)) {
		vma = vma_at(m, ref);
		if (vma->vm_flags & VM_LOCKED)
			bytes += (vma->vm_end < end ? vma->vm_end : end) -
				 (vma->vm_start > start ? vma->vm_start : start);
	}
	return bytes >> PAGE_SHIFT;
}

/* RLIMIT_MEMLOCK; pages of the range that are locked do not count twice. */
static bool may_lock(const struct step *s, uint64_t start, uint64_t len)
{
	const mm_ref mm = current_mm(s);
	const uint64_t limit = rlimit(s, RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	uint64_t pages = (len >> PAGE_SHIFT) + mm_at(s->m, mm)->locked_vm;

	return pages <= limit || capable(s) ||
	       pages - locked_pages(s->m, mm, start, len) <= limit;
}

/* mlock(2) has its own errno for what populating says. */
static int64_t populate_locked(struct step *s, uint64_t start, uint64_t len)
{
	switch (__mm_populate(s, current_mm(s), start, start + len, false)) {
	case -EFAULT:
		return refuse(s, ENOMEM, "locked, but a page of the range cannot be brought in");
	case -ENOMEM:
		return refuse(s, EAGAIN, "locked, but no free frame is left for all of it");
	default:
		return 0;
	}
}

/* Order of checks: mm/mlock.c do_mlock(), 6.18. */
static int64_t do_mlock(struct step *s, uint64_t start, uint64_t len,
			uint64_t flags)
{
	int64_t err;

	if (!can_do_mlock(s))
		return refuse(s, EPERM, "RLIMIT_MEMLOCK is 0");
	len = ulong_of(s->m, PAGE_ALIGN(len + (start & ~PAGE_MASK)));
	start &= PAGE_MASK;
	if (!may_lock(s, start, len))
		return refuse(s, ENOMEM, "locked memory would exceed RLIMIT_MEMLOCK");
	err = apply_vma_lock_flags(s, start, len, flags);
	return err ? err : populate_locked(s, start, len);
}

int64_t sys_mlock(struct step *s, const struct op_mlock *a)
{
	return do_mlock(s, a->addr, a->len, VM_LOCKED);
}

int64_t sys_mlock2(struct step *s, const struct op_mlock2 *a)
{
	if (a->flags & ~(uint64_t)MLOCK_ONFAULT)
		return refuse(s, EINVAL, "flags has a bit besides MLOCK_ONFAULT");
	return do_mlock(s, a->addr, a->len,
			a->flags ? VM_LOCKED_MASK : VM_LOCKED);
}

int64_t sys_munlock(struct step *s, const struct op_munlock *a)
{
	return apply_vma_lock_flags(s, a->addr & PAGE_MASK,
				    ulong_of(s->m, PAGE_ALIGN(a->len +
						(a->addr & ~PAGE_MASK))), 0);
}

/* Every VMA; one that cannot be split is no reason to stop. */
static void lock_all(struct step *s, uint64_t flags)
{
	const mm_ref mm = current_mm(s);
	vma_ref ref = mm_at(s->m, mm)->mmap;

	while (!vma_none(ref)) {
		const struct vm_area_struct *vma = vma_at(s->m, ref);
		uint64_t next;

		mm_poll(s->m, 1);
		mlock_fixup(s, mm, ref, vma->vm_start, vma->vm_end,
			    (vma->vm_flags & ~VM_LOCKED_MASK) | flags, &next);
		ref = vma_lookup(s->m, mm, next);
	}
	s->res->why = NULL;
}

static uint64_t lock_flags(uint64_t mcl)
{
	return mcl & MCL_ONFAULT ? VM_LOCKED_MASK : VM_LOCKED;
}

/* Order of checks: mm/mlock.c sys_mlockall(), 6.18. */
int64_t sys_mlockall(struct step *s, const struct op_mlockall *a)
{
	const uint64_t limit = rlimit(s, RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	const mm_ref mm = current_mm(s);

	if (!a->flags || a->flags == MCL_ONFAULT ||
	    a->flags & ~(uint64_t)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		return refuse(s, EINVAL,
			      "flags names neither MCL_CURRENT nor MCL_FUTURE");
	if (!can_do_mlock(s))
		return refuse(s, EPERM, "RLIMIT_MEMLOCK is 0");
	if (a->flags & MCL_CURRENT && mm_at(s->m, mm)->total_vm > limit &&
	    !capable(s))
		return refuse(s, ENOMEM, "the address space exceeds RLIMIT_MEMLOCK");
	mm_mut(s, mm)->def_flags &= ~VM_LOCKED_MASK;
	if (a->flags & MCL_FUTURE)
		mm_mut(s, mm)->def_flags |= lock_flags(a->flags);
	if (a->flags & MCL_CURRENT) {
		lock_all(s, lock_flags(a->flags));
		make_pages_present(s, mm, 0, mm_at(s->m, mm)->task_size);
	}
	return 0;
}

int64_t sys_munlockall(struct step *s, const struct op_munlockall *a)
{
	(void)a;
	mm_mut(s, current_mm(s))->def_flags &= ~VM_LOCKED_MASK;
	lock_all(s, 0);
	return 0;
}
