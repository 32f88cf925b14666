/* SPDX-License-Identifier: MIT */
/*
 * brk: the end of the heap. The break is any byte; the heap's pages reach to
 * the page boundary above it. The call answers with the break as it then is,
 * moved or not, and never with an errno: why it was not moved is told.
 */
#include "mmcore/mm/memory.h"
#include "mmcore/mm/vma.h"

#define VM_DATA_FLAGS	(VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | \
			 VM_MAYEXEC | VM_ACCOUNT)

/* The limits of @pages more of data, and their charge. */
static int64_t charge_data(struct step *s, mm_ref mm, uint64_t vm_flags,
			   uint64_t pages)
{
	if (!may_expand_vm(s, mm, vm_flags, pages))
		return refuse(s, ENOMEM, exceeded_limit(s, mm, pages));
	if ((uint64_t)mm_at(s->m, mm)->map_count >
	    kernel_at(s->m)->max_map_count)
		return refuse(s, ENOMEM, "map_count exceeds vm.max_map_count");
	return security_vm_enough_memory(s, mm, pages);
}

static int64_t new_data_vma(struct step *s, const struct vma_merge *mg)
{
	vma_ref ref = vm_area_alloc(s, mg->mm, mg->start);
	struct vm_area_struct *vma;

	if (vma_none(ref))
		return refuse(s, ENOMEM, "no memory for a vm_area_struct");
	vma = vma_mut(s, ref);
	vma->vm_mm = mg->mm;
	vma->vm_start = mg->start;
	vma->vm_end = mg->end;
	vma->vm_flags = mg->vm_flags;
	vma->vm_page_prot = vm_get_page_prot(s->m, mg->vm_flags);
	vma->vm_pgoff = mg->pgoff;
	vma_link(s, mg->mm, ref);
	return 0;
}

/*
 * Linux: mm/vma.c do_brk_flags(), 6.18. Only the VMA before may grow over the
 * range, and only a piece of the heap: one that ends above start_brk.
 */
int64_t do_brk(struct step *s, mm_ref mm, uint64_t addr, uint64_t len,
	       uint64_t vm_flags)
{
	const struct mm_struct *mms = mm_at(s->m, mm);
	const uint64_t pages = len >> PAGE_SHIFT;
	struct vma_merge mg = {
		.mm = mm, .start = addr, .end = addr + len,
		.pgoff = addr >> PAGE_SHIFT,
		.vm_flags = vm_flags | VM_DATA_FLAGS | mms->def_flags,
	};
	int64_t err = charge_data(s, mm, mg.vm_flags, pages);

	if (err)
		return err;
	find_vma_prev(s->m, mm, addr, &mg.prev);
	if (addr <= mms->start_brk)
		mg.prev = vma_make(0);
	if (vma_none(vma_merge_new_range(s, &mg))) {
		err = new_data_vma(s, &mg);
		if (err) {
			vm_unacct_memory(s, pages);
			return err;
		}
	}
	vm_stat_account(s, mm, mg.vm_flags, file_make(0), (int64_t)pages);
	if (mg.vm_flags & VM_LOCKED)
		mm_mut(s, mm)->locked_vm += pages;
	return 0;
}

/* Heap and data segment together, against RLIMIT_DATA. */
static bool data_limit_ok(const struct step *s, const struct mm_struct *mm,
			  uint64_t brk)
{
	uint64_t limit = rlimit(s, RLIMIT_DATA);

	return limit == RLIM_INFINITY ||
	       brk - mm->start_brk + (mm->end_data - mm->start_data) <= limit;
}

static int64_t shrink(struct step *s, mm_ref mm, uint64_t from, uint64_t to)
{
	if (vma_none(find_vma_intersection(s->m, mm, to, from)))
		return refuse(s, EINVAL, "nothing is mapped between the new break and the old");
	return do_munmap(s, mm, to, from - to);
}

/* Above the heap a page must stay free, and the guard gap of a stack. */
static bool hits_mapping(const struct machine *m, mm_ref mm, uint64_t from,
			 uint64_t to)
{
	vma_ref next = vma_lookup(m, mm, from);

	return !vma_none(next) &&
	       vm_start_gap(m, vma_at(m, next)) < to + PAGE_SIZE;
}

/* check_brk_limits(): may there be heap in [@from, @to)? */
static int64_t check_brk_limits(struct step *s, mm_ref mm, uint64_t from,
				uint64_t to)
{
	const uint64_t def_flags = mm_at(s->m, mm)->def_flags;
	int64_t at = get_unmapped_area(s, mm, file_make(0), from, to - from, 0,
				       MAP_FIXED);

	if (at < 0)
		return at;
	if (!mlock_future_ok(s, mm, def_flags, to - from))
		return refuse(s, EAGAIN, "locked memory would exceed RLIMIT_MEMLOCK");
	return 0;
}

int64_t vm_brk_flags(struct step *s, uint64_t addr, uint64_t len,
		     uint64_t vm_flags)
{
	const mm_ref mm = current_mm(s);
	int64_t err = check_brk_limits(s, mm, addr, addr + len);

	if (!err)
		err = do_munmap(s, mm, addr, len);
	return err ? err : do_brk(s, mm, addr, len, vm_flags);
}

static int64_t grow(struct step *s, mm_ref mm, uint64_t from, uint64_t to)
{
	int64_t err = check_brk_limits(s, mm, from, to);

	if (err)
		return err;
	if (hits_mapping(s->m, mm, from, to))
		return refuse(s, ENOMEM, "another mapping is in the way of the heap");
	return do_brk(s, mm, from, to - from, 0);
}

/* Moves the pages; the break itself is the caller's to store. */
static int64_t move_break(struct step *s, mm_ref mm, uint64_t brk)
{
	const struct mm_struct *mms = mm_at(s->m, mm);
	uint64_t from = PAGE_ALIGN(mms->brk), to = PAGE_ALIGN(brk);

	if (brk < mms->start_brk)
		return refuse(s, ENOMEM, "the break cannot be below start_brk");
	if (!data_limit_ok(s, mms, brk))
		return refuse(s, ENOMEM, "heap and data would exceed RLIMIT_DATA");
	if (to == from)
		return 0;
	if (brk <= mms->brk)
		return shrink(s, mm, from, to);
	return grow(s, mm, from, to);
}

/* Linux: mm/mmap.c brk(), 6.18. Address 0, below any heap, only asks. */
int64_t sys_brk(struct step *s, const struct op_brk *a)
{
	const mm_ref mm = current_mm(s);
	const uint64_t was = mm_at(s->m, mm)->brk;

	if (!a->addr)
		return (int64_t)was;
	if (move_break(s, mm, a->addr))
		return (int64_t)was;
	trace_event(s, brk, was, a->addr);
	if (a->addr != was)
		mm_mut(s, mm)->brk = a->addr;
	if (mm_at(s->m, mm)->def_flags & VM_LOCKED &&
	    PAGE_ALIGN(a->addr) > PAGE_ALIGN(was))
		make_pages_present(s, mm, PAGE_ALIGN(was), PAGE_ALIGN(a->addr));
	return (int64_t)a->addr;
}
