/* SPDX-License-Identifier: MIT */
/*
 * Getting at a program's pages without running it: populating a range, and
 * holding on to the frames behind one.
 *
 * Who holds a frame looks at it without the page tables, and would go on
 * seeing it while the program's next write goes to a copy. A page of private
 * memory that others may still share is therefore made the program's own before
 * it is handed out, even for reading: see do_unshare_page().
 */
#include "mmcore/kernel/task.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/vma.h"

/* FOLL_TOUCH: the page was used, and perhaps will be written to. */
static void touch_page(struct step *s, pte_t pte, bool write)
{
	const pfn_t pfn = pte_pfn(s->m, pte);

	if (pte_special(s->m, pte) || !folio_has(s->m, pfn, PG_lru))
		return;
	if (write && !(pte & s->m->arch->dirty))
		set_page_dirty(s, pfn);
	mark_page_accessed(s, pfn);
}

/*
 * The page at @addr is there, its entry in @entry. 0, -EFAULT or -ENOMEM, not told;
 * *waited: MAJOR or RETRIED, and not counted; else MINOR.
 */
static int64_t fault_page(struct step *s, mm_ref mm, vma_ref vma, uint64_t addr,
			  bool write, pte_t *entry, vm_fault_t *waited)
{
	struct vm_fault vmf = { .mm = mm, .vma = vma, .addr = addr,
				.flags = write ? FAULT_FLAG_WRITE : 0 };
	pte_t pte;

	mm_poll(s->m, 1);
	*waited = VM_FAULT_MINOR;
	vmf.pte_pa = pte_lookup(s->m, mm_at(s->m, mm), addr);
	pte = vmf.pte_pa ? entry_read(s->m, vmf.pte_pa) : 0;
	/* Again where an allocation took the page away that the fault was about. */
	while (!(pte & s->m->arch->present) || (write && !pte_write(s->m, pte))) {
		const vm_fault_t fault = handle_mm_fault(s, &vmf);

		if (fault == VM_FAULT_SIGBUS || fault == VM_FAULT_SIGSEGV)
			return -EFAULT;
		if (fault == VM_FAULT_OOM)
			return -ENOMEM;
		if (fault == VM_FAULT_MINOR)
			count_fault(s, fault, vmf.flags);
		else
			*waited = fault;
		pte = entry_read(s->m, vmf.pte_pa);
	}
	*entry = pte;
	return 0;
}

static int64_t faultin_page(struct step *s, mm_ref mm, vma_ref vma,
			    uint64_t addr, bool write, pte_t *entry)
{
	vm_fault_t waited;
	const int64_t err = fault_page(s, mm, vma, addr, write, entry, &waited);

	/* __get_user_pages_locked() tries again with FOLL_TRIED. */
	if (waited != VM_FAULT_MINOR)
		count_tried_fault(s, waited);
	return err;
}

/* 0, -EFAULT or -ENOMEM, not told. */
static int64_t populate_page(struct step *s, mm_ref mm, vma_ref vma,
			     uint64_t addr, bool write)
{
	pte_t pte;
	const int64_t err = faultin_page(s, mm, vma, addr, write, &pte);

	if (!err)
		touch_page(s, pte, write);
	return err;
}

/* A fault of a walk that waited. Where it could let go of the address space meanwhile,
 * the wait ended the walk, and the next one found the page there. */
static void count_populate_fault(struct step *s, vm_fault_t fault, bool in_place)
{
	if (!in_place)
		count_waited_fault(s, fault);
	else
		count_fault(s, fault, 0);
}

/* populate_vma_page_range(): what MLOCK_ONFAULT locked is left to its faults. */
static int64_t populate_vma(struct step *s, mm_ref mm, vma_ref ref,
			    uint64_t start, uint64_t end, bool in_place)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	const bool write = (vma->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE;
	uint64_t addr = vma->vm_start > start ? vma->vm_start : start;
	vm_fault_t waited;
	int64_t err = 0;
	pte_t pte;

	if (vma->vm_flags & (VM_PFNMAP | VM_IO | VM_LOCKONFAULT))
		return 0;
	if (!(vma->vm_flags & VM_ACCESS_FLAGS))
		return -EFAULT;
	for (; !err && addr < end && addr < vma->vm_end; addr += PAGE_SIZE) {
		err = fault_page(s, mm, ref, addr, write, &pte, &waited);
		if (!err)
			touch_page(s, pte, write);
		if (waited != VM_FAULT_MINOR)
			count_populate_fault(s, waited, in_place);
	}
	return err;
}

int64_t __mm_populate(struct step *s, mm_ref mm, uint64_t start, uint64_t end,
		      bool ignore_errors)
{
	const uint64_t before = s->res->minor + s->res->major;
	int64_t err = 0;

	for (vma_ref ref = vma_lookup(s->m, mm, start);
	     start < end && !vma_none(ref) &&
	     vma_at(s->m, ref)->vm_start < end;
	     ref = vma_next(s->m, ref)) {
		err = populate_vma(s, mm, ref, start, end, false);
		if (err && !ignore_errors)
			break;
		err = 0;
	}
	trace_event(s, populate, start, end,
		    s->res->minor + s->res->major - before);
	return err;
}

void populate_vma_in_place(struct step *s, mm_ref mm, vma_ref vma,
			   uint64_t start, uint64_t end)
{
	const uint64_t before = s->res->minor + s->res->major;

	populate_vma(s, mm, vma, start, end, true);
	trace_event(s, populate, start, end,
		    s->res->minor + s->res->major - before);
}

void make_pages_present(struct step *s, mm_ref mm, uint64_t start,
			uint64_t end)
{
	__mm_populate(s, mm, start, end, true);
}

/* ---- holding frames ---- */

/* check_vma_flags(): without FOLL_FORCE a VMA is read and written as it says. */
static bool vma_permits(const struct vm_area_struct *vma, bool write)
{
	return !(vma->vm_flags & (VM_IO | VM_PFNMAP)) &&
	       vma->vm_flags & (write ? VM_WRITE : VM_READ);
}

/* A guard page is no page; without memory there is none either. */
int64_t faultin_page_range(struct step *s, mm_ref mm, uint64_t start,
			   uint64_t end, bool write)
{
	vma_ref ref = vma_make(0);
	int64_t err = 0;

	for (; !err && start < end; start += PAGE_SIZE) {
		if (vma_none(ref) || start >= vma_at(s->m, ref)->vm_end)
			ref = vma_lookup(s->m, mm, start);
		if (vma_none(ref) || start < vma_at(s->m, ref)->vm_start)
			return -ENOMEM;
		if (!vma_permits(vma_at(s->m, ref), write))
			return -EINVAL;
		err = populate_page(s, mm, ref, start, write);
	}
	return err;
}

/* gup_must_unshare(): it is private memory, and not known to be ours alone. */
static bool must_unshare(const struct machine *m, pte_t pte)
{
	return !(pte & (m->arch->special | m->arch->exclusive)) &&
	       page_at(m, pte_pfn(m, pte))->mapping & PAGE_MAPPING_ANON;
}

/* The frame behind @addr, brought in; 0: it cannot be. */
static pfn_t get_user_page(struct step *s, mm_ref mm, vma_ref vma,
			   uint64_t addr, bool write)
{
	struct vm_fault vmf = { .mm = mm, .vma = vma, .addr = addr,
				.flags = FAULT_FLAG_UNSHARE };
	pte_t pte;

	for (;;) {
		vm_fault_t fault;

		if (faultin_page(s, mm, vma, addr, write, &pte))
			return 0;
		if (write || !must_unshare(s->m, pte))
			break;
		vmf.pte_pa = pte_lookup(s->m, mm_at(s->m, mm), addr);
		fault = handle_mm_fault(s, &vmf);
		if (fault == VM_FAULT_OOM)
			return 0;
		count_fault(s, fault, vmf.flags);
	}
	touch_page(s, pte, write);
	return pte_pfn(s->m, pte);
}

/* The zero page is nobody's to count. */
static bool is_counted(const struct machine *m, pfn_t pfn)
{
	return pfn != kernel_at(m)->zero_pfn;
}

uint64_t pin_user_pages_remote(struct step *s, mm_ref mm, uint64_t addr,
			       uint64_t nr, bool write, pfn_t *pages)
{
	vma_ref ref = vma_make(0);
	uint64_t got = 0;

	for (; got < nr; got++, addr += PAGE_SIZE) {
		if (vma_none(ref) || addr >= vma_at(s->m, ref)->vm_end)
			ref = vma_lookup(s->m, mm, addr);
		if (vma_none(ref) || addr < vma_at(s->m, ref)->vm_start ||
		    !vma_permits(vma_at(s->m, ref), write))
			break;
		pages[got] = get_user_page(s, mm, ref, addr, write);
		if (!pages[got])
			break;
		if (is_counted(s->m, pages[got]))
			get_page(s, pages[got]);
	}
	return got;
}

void unpin_user_pages(struct step *s, const pfn_t *pages, uint64_t nr,
		      bool written)
{
	for (uint64_t i = 0; i < nr; i++) {
		if (!is_counted(s->m, pages[i]))
			continue;
		if (written)
			set_page_dirty(s, pages[i]);
		put_page(s, pages[i]);
	}
}

/*
 * The entry of @addr, given that of the page before it, or 0; likely its
 * neighbour. 0: there is no table.
 */
static uint64_t next_pte_pa(const struct machine *m, mm_ref mm, uint64_t addr,
			    uint64_t before)
{
	const struct arch *a = m->arch;
	const struct arch_level *last = &a->level[a->nr_levels - 1];

	if (before && addr >> last->shift & ((1ULL << last->bits) - 1))
		return before + (1ULL << a->entry_shift);
	return addr < a->task_size ? pte_lookup(m, mm_at(m, mm), addr) : 0;
}

/* gup_fast(): what the CPU itself could read now is taken as it is, and was
 * referenced. */
static pfn_t gup_fast(struct step *s, uint64_t pte_pa)
{
	const struct arch *a = s->m->arch;
	const pte_t pte = pte_pa ? entry_read(s->m, pte_pa) : 0;
	pfn_t pfn;

	if ((pte & (a->present | a->user)) != (a->present | a->user) ||
	    pte & a->special)
		return 0;
	pfn = pte_pfn(s->m, pte);
	if (!folio_has(s->m, pfn, PG_referenced))
		folio_set(s, pfn, PG_referenced);
	return pfn;
}

/* Faulted in as the VMA permits. 0, or -EFAULT or -ENOMEM. */
static int64_t gup_slow(struct step *s, mm_ref mm, uint64_t addr, pfn_t *pfn)
{
	const vma_ref ref = vma_lookup(s->m, mm, addr);
	int64_t err;

	if (vma_none(ref) || addr < vma_at(s->m, ref)->vm_start ||
	    !vma_permits(vma_at(s->m, ref), false))
		return -EFAULT;
	err = populate_page(s, mm, ref, addr, false);
	if (!err)
		*pfn = pte_pfn(s->m, entry_read(s->m, pte_lookup(s->m,
						mm_at(s->m, mm), addr)));
	return err;
}

int64_t get_user_pages(struct step *s, uint64_t addr, uint64_t nr,
		       pfn_t *pages)
{
	const mm_ref mm = current_mm(s);
	uint64_t got = 0, pte_pa = 0;
	int64_t err = 0;

	for (; got < nr; got++, addr += PAGE_SIZE) {
		mm_poll(s->m, 1);
		pte_pa = next_pte_pa(s->m, mm, addr, pte_pa);
		pages[got] = gup_fast(s, pte_pa);
		if (!pages[got])
			err = gup_slow(s, mm, addr, &pages[got]);
		if (err)
			break;
		if (is_counted(s->m, pages[got]))
			get_page(s, pages[got]);
	}
	return got ? (int64_t)got : err;
}

void put_user_page(struct step *s, pfn_t page)
{
	if (is_counted(s->m, page))
		put_page(s, page);
}
