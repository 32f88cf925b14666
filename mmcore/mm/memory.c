/* SPDX-License-Identifier: MIT */
/*
 * Faults, and the page-table side of mapping, protecting and unmapping.
 *
 * Copy on write. A private writable mapping starts with a read-only PTE. A
 * page that fork shares is read-only in both address spaces and marked
 * exclusive in neither. Whoever writes faults and must decide between taking
 * the page over and copying it: it may be taken over when nobody else can see
 * its bytes, that is, when the PTE says "exclusive" or when ours is the only
 * reference. References, not mappings, are counted: a pipe that holds the page
 * must keep the old bytes as much as a sibling's PTE must. So after a fork the
 * first writer copies, and the last one left finds a single reference and
 * reuses the frame (Linux 6.18 mm/memory.c do_wp_page()).
 */
#include "mmcore/kernel/task.h"
#include "mmcore/lib/interval_tree.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/vma.h"

/* ---- counters ---- */

void map_file_pages(struct step *s, mm_ref mm, const struct vm_area_struct *vma,
		    uint64_t pte_pa, pfn_t pfn, uint32_t nr, uint64_t bits)
{
	bits |= vma->vm_page_prot | s->m->arch->accessed;
	folio_counts_mut(s, pfn)->_count += (int32_t)nr;
	*rss_counter(s, mm, pfn) += nr;
	for (uint32_t i = 0; i < nr; i++) {
		page_add_file_rmap(s, pfn + i);
		set_pte(s, pte_pa + ((uint64_t)i << s->m->arch->entry_shift),
			pfn_pte(s->m, pfn + i, bits));
	}
}

/* ---- faults ---- */

static pte_t mk_pte(const struct machine *m, const struct vm_area_struct *vma,
		    pfn_t pfn)
{
	return pfn_pte(m, pfn, vma->vm_page_prot | m->arch->accessed);
}

/* A page that only this PTE maps: writable if the VMA is. */
static pte_t mk_exclusive_pte(const struct machine *m,
			      const struct vm_area_struct *vma, pfn_t pfn)
{
	pte_t pte = mk_pte(m, vma, pfn) | m->arch->exclusive | m->arch->dirty;

	return vma->vm_flags & VM_WRITE ? pte | m->arch->write : pte;
}

static vm_fault_t do_anonymous_page(struct step *s, const struct vm_fault *vmf)
{
	const struct vm_area_struct *vma = vma_at(s->m, vmf->vma);
	pfn_t pfn;

	if (!(vmf->flags & FAULT_FLAG_WRITE)) {
		pfn = (pfn_t)kernel_at(s->m)->zero_pfn;
		set_pte(s, vmf->pte_pa,
			mk_pte(s->m, vma, pfn) | s->m->arch->special);
		trace_event(s, zero_page, vmf->addr, pfn);
		return VM_FAULT_MINOR;
	}
	if (anon_vma_prepare(s, vmf->vma))
		return VM_FAULT_OOM;
	pfn = alloc_page(s, GFP_HIGHUSER);
	if (!pfn)
		return VM_FAULT_OOM;
	page_add_new_anon_rmap(s, pfn, vmf->vma, vmf->addr);
	mm_mut(s, vmf->mm)->_anon_rss++;
	set_pte(s, vmf->pte_pa, mk_exclusive_pte(s->m, vma, pfn));
	trace_event(s, anonymous_page, vmf->addr, pfn);
	return VM_FAULT_MINOR;
}

/* Is this PTE's page ours alone, so that no copy is needed? */
static bool can_reuse(const struct machine *m, pte_t pte, pfn_t pfn)
{
	if (pte_special(m, pte) ||
	    !(page_at(m, pfn)->mapping & PAGE_MAPPING_ANON))
		return false;
	return pte & m->arch->exclusive || page_counts_at(m, pfn)->_count == 1;
}

/* The PTE of a copy: a reader from outside gets it as it is, unwritten. */
static pte_t mk_copy_pte(const struct machine *m,
			 const struct vm_area_struct *vma, pfn_t pfn,
			 bool unshare)
{
	return unshare ? mk_pte(m, vma, pfn) | m->arch->exclusive
		       : mk_exclusive_pte(m, vma, pfn);
}

/* Is the entry still as the fault found it? An allocation may have taken the page
 * away, and the access has to begin again. */
static bool pte_same(const struct machine *m, const struct vm_fault *vmf)
{
	return entry_read(m, vmf->pte_pa) == vmf->orig_pte;
}

/* wp_page_copy(): the write goes to a copy, the old page loses a mapper. */
static vm_fault_t wp_page_copy(struct step *s, const struct vm_fault *vmf)
{
	const struct machine *m = s->m;
	const pte_t pte = vmf->orig_pte;
	const pfn_t old = pte_pfn(m, pte);
	pfn_t new;

	if (anon_vma_prepare(s, vmf->vma))
		return VM_FAULT_OOM;
	new = alloc_page(s, GFP_HIGHUSER);
	if (!new)
		return VM_FAULT_OOM;
	if (!pte_same(s->m, vmf)) {
		put_page(s, new);
		return VM_FAULT_MINOR;
	}
	trace_event(s, wp_copy, vmf->addr, old, new,
		    pte_special(m, pte) ? 0
				: (uint64_t)page_counts_at(m, old)->_count);
	if (!pte_special(m, pte)) {
		ram_copy_frame(s, new, old);
		update_hiwater_rss(s, vmf->mm);
		--*rss_counter(s, vmf->mm, old);
		page_remove_rmap(s, old);
		put_page(s, old);
	}
	page_add_new_anon_rmap(s, new, vmf->vma, vmf->addr);
	mm_mut(s, vmf->mm)->_anon_rss++;
	set_pte(s, vmf->pte_pa, mk_copy_pte(m, vma_at(m, vmf->vma), new,
					    vmf->flags & FAULT_FLAG_UNSHARE));
	return VM_FAULT_MINOR;
}

/* do_cow_fault(): a store to a page of a private file mapping not yet seen. */
static vm_fault_t do_cow_fault(struct step *s, const struct vm_fault *vmf)
{
	const struct vm_area_struct *vma = vma_at(s->m, vmf->vma);
	vm_fault_t fault;
	pfn_t new, page;

	if (anon_vma_prepare(s, vmf->vma))
		return VM_FAULT_OOM;
	new = alloc_page(s, GFP_HIGHUSER);
	if (!new)
		return VM_FAULT_OOM;
	fault = vma_ops(vma)->nopage(s, vmf, &page);
	if (fault == VM_FAULT_SIGBUS || fault == VM_FAULT_OOM) {
		put_page(s, new);
		return fault;
	}
	ram_copy_frame(s, new, page);
	page_add_new_anon_rmap(s, new, vmf->vma, vmf->addr);
	mm_mut(s, vmf->mm)->_anon_rss++;
	set_pte(s, vmf->pte_pa, mk_exclusive_pte(s->m, vma, new));
	trace_event(s, cow_fault, vmf->addr, page, new);
	return fault;
}

/* wp_page_shared() and wp_pfn_shared(): a store through a shared mapping. */
static vm_fault_t wp_page_shared(struct step *s, const struct vm_fault *vmf,
				 const struct vm_area_struct *vma)
{
	const struct arch *a = s->m->arch;
	const pfn_t pfn = pte_pfn(s->m, vmf->orig_pte);

	if (!vma_ops(vma)->page_mkwrite)
		set_page_dirty(s, pfn);
	else if (!vma_ops(vma)->page_mkwrite(s, vmf, pfn))
		return VM_FAULT_SIGBUS;
	kernel_mut(s)->pgreuse++;
	set_pte(s, vmf->pte_pa,
		vmf->orig_pte | a->write | a->dirty | a->accessed);
	return VM_FAULT_MINOR;
}

/* The page is ours alone already: an outsider's to read, or ours to write. */
static vm_fault_t wp_page_reuse(struct step *s, const struct vm_fault *vmf,
				pfn_t pfn)
{
	const struct arch *a = s->m->arch;
	const pte_t pte = vmf->orig_pte | a->exclusive;

	if (vmf->flags & FAULT_FLAG_UNSHARE) {
		set_pte(s, vmf->pte_pa, pte);
		trace_event(s, wp_unshare, vmf->addr, pfn);
		return VM_FAULT_MINOR;
	}
	kernel_mut(s)->pgreuse++;
	set_pte(s, vmf->pte_pa, pte | a->write | a->dirty | a->accessed);
	trace_event(s, wp_reuse, vmf->addr, pfn);
	return VM_FAULT_MINOR;
}

static vm_fault_t do_wp_page(struct step *s, const struct vm_fault *vmf)
{
	const struct vm_area_struct *vma = vma_at(s->m, vmf->vma);
	const pfn_t pfn = pte_pfn(s->m, vmf->orig_pte);

	if (vma->vm_flags & VM_SHARED && vmf->flags & FAULT_FLAG_WRITE)
		return wp_page_shared(s, vmf, vma);
	return can_reuse(s->m, vmf->orig_pte, pfn) ? wp_page_reuse(s, vmf, pfn)
						   : wp_page_copy(s, vmf);
}

/* A none entry is filled by whoever the VMA's pages come from. */
static vm_fault_t do_pte_missing(struct step *s, const struct vm_fault *vmf,
				 const struct vm_area_struct *vma)
{
	if (vma_is_anonymous(vma))
		return do_anonymous_page(s, vmf);
	if (vmf->flags & FAULT_FLAG_WRITE && !(vma->vm_flags & VM_SHARED) &&
	    vma_ops(vma)->nopage)
		return do_cow_fault(s, vmf);
	return vma_ops(vma)->fault(s, vmf);
}

/* The tables are there, and vmf is complete. */
static vm_fault_t handle_pte_fault(struct step *s, const struct vm_fault *vmf)
{
	const struct arch *a = s->m->arch;
	const struct vm_area_struct *vma = vma_at(s->m, vmf->vma);
	const pte_t pte = vmf->orig_pte;
	const bool write = vmf->flags & FAULT_FLAG_WRITE;

	MM_ASSERT(vma->vm_start <= vmf->addr && vmf->addr < vma->vm_end);
	if (pte_none(pte))
		return do_pte_missing(s, vmf, vma);
	if (is_guard_pte(s->m, pte))
		return VM_FAULT_SIGSEGV;
	MM_ASSERT(pte_present(s->m, pte));
	if ((write && !pte_write(s->m, pte)) || vmf->flags & FAULT_FLAG_UNSHARE)
		return do_wp_page(s, vmf);
	set_pte(s, vmf->pte_pa, pte | a->accessed | (write ? a->dirty : 0));
	return VM_FAULT_MINOR;
}

static uint32_t pte_entries(const struct arch *a)
{
	return 1U << a->level[a->nr_levels - 1].bits;
}

/* Are all entries of a run none? */
static bool is_empty(const struct machine *m, const struct pte_run *run)
{
	const void *ptes = ram_at(m, run->pte_pa);

	for (uint32_t i = 0; i < run->nr; i++)
		if (!pte_none(table_load(ptes, i, m->arch->entry_shift)))
			return false;
	return true;
}

/*
 * Linux takes a PTE table only once it has a page to put there, which an object
 * that ends before the address does not give. The tables above it stay.
 */
static void drop_unused_table(struct step *s, mm_ref mm, uint64_t addr)
{
	const struct arch *a = s->m->arch;
	const uint64_t span = 1ULL << a->level[a->nr_levels - 2].shift;
	const uint64_t first = addr & ~(span - 1);
	uint64_t at = first;
	struct pte_run run;

	if (!next_pte_run(s->m, mm_at(s->m, mm), &at, first + span, &run) ||
	    !is_empty(s->m, &run))
		return;
	free_pgtables(s, mm, addr, addr + PAGE_SIZE, first, first + span);
}

/* mm_account_fault(): whatever came of it, and whoever wanted the page. What no
 * VMA permits is no fault of this kind. */
static void count_pgfault(struct step *s)
{
	kernel_mut(s)->pgfault++;
}

vm_fault_t handle_mm_fault(struct step *s, struct vm_fault *vmf)
{
	const uint64_t tables = mm_at(s->m, vmf->mm)->nr_ptes;
	const bool was_missing = !vmf->pte_pa;
	vm_fault_t fault;

	count_pgfault(s);
	vmf->addr &= PAGE_MASK;
	if (was_missing)
		vmf->pte_pa = pte_alloc_map(s, vmf->mm, vmf->addr);
	if (!vmf->pte_pa)
		return VM_FAULT_OOM;
	vmf->fresh_table = mm_at(s->m, vmf->mm)->nr_ptes != tables;
	vmf->orig_pte = entry_read(s->m, vmf->pte_pa);
	fault = handle_pte_fault(s, vmf);
	if (was_missing && fault == VM_FAULT_SIGBUS)
		drop_unused_table(s, vmf->mm, vmf->addr);
	return fault;
}

void count_waited_fault(struct step *s, vm_fault_t fault)
{
	kernel_mut(s)->pgmajfault += fault == VM_FAULT_MAJOR;
	count_fault(s, VM_FAULT_MINOR, 0);
}

void count_tried_fault(struct step *s, vm_fault_t fault)
{
	task_mut(s, s->current)->maj_flt++;
	s->res->major++;
	kernel_mut(s)->pgmajfault += fault == VM_FAULT_MAJOR;
}

void count_fault(struct step *s, vm_fault_t fault, unsigned int flags)
{
	if (fault == VM_FAULT_MAJOR ||
	    (fault == VM_FAULT_RETRIED && flags & FAULT_FLAG_KERNEL_COPY)) {
		count_tried_fault(s, fault);
		return;
	}
	task_mut(s, s->current)->min_flt++;
	s->res->minor++;
}

static struct access_fault bad_area(struct step *s, uint64_t addr, int signo,
				    int code, const char *why)
{
	trace_event(s, fault_fatal, addr, (uint64_t)signo, (uint64_t)code);
	return (struct access_fault){ signo, code,
				      code == SI_KERNEL ? 0 : addr, why };
}

/* A page that the object has, and still no access: a store that wanted a block. */
static const char *why_sigbus(const struct machine *m,
			      const struct vm_area_struct *vma, uint64_t addr)
{
	if (!file_none(vma->vm_file) &&
	    linear_page_index(vma, addr) <
		    size_pages(inode_at(m, file_at(m, vma->vm_file)->f_inode)->i_size))
		return "the file system has no room for the page";
	return "the mapped object ends before the address";
}

/* Where the CPU tells a fetch from a load (arch/riscv/mm/fault.c). */
static const char *access_error_by_kind(const struct vm_area_struct *vma,
					unsigned int flags)
{
	if (flags & FAULT_FLAG_INSTRUCTION)
		return vma->vm_flags & VM_EXEC
			? NULL : "the VMA does not permit execution";
	return vma->vm_flags & (VM_READ | VM_WRITE)
		? NULL : "the VMA does not permit reading";
}

/* access_error(): may this VMA be accessed so? NULL if it may. */
static const char *access_error(const struct machine *m,
				const struct vm_area_struct *vma,
				unsigned int flags, pte_t pte)
{
	if (flags & FAULT_FLAG_WRITE)
		return vma->vm_flags & VM_WRITE
			? NULL : "the VMA does not permit writing";
	if (m->arch->exec)
		return access_error_by_kind(vma, flags);
	if (pte & m->arch->present)
		return flags & FAULT_FLAG_INSTRUCTION
			? "the page is present and not executable"
			: "the page is present and not readable";
	return vma->vm_flags & VM_ACCESS_FLAGS
		? NULL : "the VMA permits no access (PROT_NONE)";
}

/* The VMA to fault in, the stack grown if need be; none: *why says it. */
static vma_ref fault_vma(struct step *s, mm_ref mm, uint64_t addr,
			 const char **why)
{
	vma_ref ref = find_vma(s, mm, addr);
	const struct vm_area_struct *vma;
	int64_t err;

	*why = "no VMA contains the address";
	if (vma_none(ref))
		return ref;
	vma = vma_at(s->m, ref);
	if (vma->vm_start <= addr)
		return ref;
	if (!(vma->vm_flags & VM_GROWSDOWN))
		return vma_make(0);
	err = expand_stack(s, mm, ref, addr & PAGE_MASK, why);
	if (err && unlikely(s->trace))
		trace_refusal(s->trace, (int)-err, *why, "expand_stack");
	return err ? vma_make(0) : ref;
}

/* The signal that a fault which could not be repaired ends in. */
static struct access_fault fault_failed(struct step *s, const struct vm_fault *vmf,
					uint64_t addr, vm_fault_t fault)
{
	if (fault == VM_FAULT_SIGBUS)
		return bad_area(s, addr, SIGBUS, BUS_ADRERR,
				why_sigbus(s->m, vma_at(s->m, vmf->vma), addr));
	if (fault == VM_FAULT_SIGSEGV)
		return bad_area(s, addr, SIGSEGV, SEGV_MAPERR,
				"the page is a guard page");
	return bad_area(s, addr, SIGKILL, 0, "no free frame is left");
}

static bool is_failure(vm_fault_t fault)
{
	return fault == VM_FAULT_SIGBUS || fault == VM_FAULT_SIGSEGV ||
	       fault == VM_FAULT_OOM;
}

struct access_fault do_page_fault(struct step *s, uint64_t addr,
				  unsigned int flags)
{
	const struct arch *a = s->m->arch;
	const uint64_t upper = a->canonical_max;
	struct vm_fault vmf = { .mm = current_mm(s), .addr = addr, .flags = flags };
	const char *why;
	vm_fault_t fault;
	pte_t pte;

	if (addr > upper && ~addr > upper)
		return bad_area(s, addr, SIGSEGV, SI_KERNEL,
				"the address is not canonical");
	if (addr >= a->task_size)
		return bad_area(s, addr, SIGSEGV, SEGV_MAPERR,
				"the address lies above user space");
	vmf.pte_pa = pte_lookup(s->m, mm_at(s->m, vmf.mm), addr);
	pte = vmf.pte_pa ? entry_read(s->m, vmf.pte_pa) : 0;
	trace_event(s, page_fault, addr, (flags & FAULT_FLAG_WRITE) != 0,
		    (flags & FAULT_FLAG_INSTRUCTION) != 0,
		    (pte & a->present) != 0);
	vmf.vma = fault_vma(s, vmf.mm, addr, &why);
	if (vma_none(vmf.vma))
		return bad_area(s, addr, SIGSEGV, SEGV_MAPERR, why);
	why = access_error(s->m, vma_at(s->m, vmf.vma), flags, pte);
	if (why)
		return bad_area(s, addr, SIGSEGV, SEGV_ACCERR, why);
	fault = handle_mm_fault(s, &vmf);
	if (is_failure(fault))
		return fault_failed(s, &vmf, addr, fault);
	count_fault(s, fault, flags);
	return (struct access_fault){ 0 };
}

/* ---- unmapping ---- */

/*
 * The counts of consecutive pages tend to lie in one group: its address is
 * worked out once per group, not once per page.
 */
struct counts_cursor {
	uint64_t group;
	struct page_counts *counts;
};

static inline struct page_counts *cursor_counts(struct step *s,
						struct counts_cursor *c,
						pfn_t pfn)
{
	if (unlikely(c->group != pfn / PAGES_PER_GROUP || !c->counts)) {
		c->group = pfn / PAGES_PER_GROUP;
		c->counts = ram_mut(s, page_group_pa(s->m, pfn));
	}
	return &c->counts[pfn % PAGES_PER_GROUP];
}

/* The last PTE of an anonymous page is gone: free it unless it is held. */
static void drop_last_anon_map(struct step *s, pfn_t pfn)
{
	page_remove_rmap(s, pfn);
	put_page(s, pfn);
}

static uint64_t zap_anon_run(struct step *s, const struct pte_run *run,
			     unsigned int zap_flags)
{
	const struct arch *a = s->m->arch;
	const uint8_t shift = a->entry_shift;
	struct counts_cursor cursor = { 0 };
	void *ptes = ram_mut(s, run->pte_pa);
	uint64_t zapped = 0;

	for (uint32_t i = 0; i < run->nr; i++) {
		pte_t pte = table_load(ptes, i, shift);
		struct page_counts *counts;
		pfn_t pfn;

		if (!pte || (is_guard_pte(s->m, pte) &&
			     !(zap_flags & ZAP_DROP_MARKERS)))
			continue;
		table_store(ptes, i, shift, 0);
		if (!pte_present(s->m, pte) || pte & a->special)
			continue;
		zapped++;
		pfn = pte_pfn(s->m, pte);
		counts = cursor_counts(s, &cursor, pfn);
		if (counts->_mapcount > 0) {
			counts->_mapcount--;
			counts->_count--;
		} else {
			drop_last_anon_map(s, pfn);
		}
	}
	return zapped;
}

/* Entries of a folio of a file go: the folio takes over their dirty and accessed bits. */
static void note_pte_bits(struct step *s, const struct vm_area_struct *vma,
			  pte_t bits, pfn_t pfn)
{
	if (bits & s->m->arch->dirty)
		set_page_dirty(s, pfn);
	if (bits & s->m->arch->accessed &&
	    !(vma->vm_flags & (VM_SEQ_READ | VM_RAND_READ)))
		mark_page_accessed(s, pfn);
}

uint32_t folio_pte_batch(const struct machine *m, const void *ptes, uint32_t i,
			 uint32_t end, pte_t *bits)
{
	const struct arch *a = m->arch;
	const pte_t ignored = a->dirty | a->accessed | a->write;
	const pte_t first = table_load(ptes, i, a->entry_shift);
	const pfn_t pfn = pte_pfn(m, first);
	uint32_t left, nr = 1;

	*bits = first;
	if (likely(!page_has(m, pfn, PG_compound)))
		return 1;
	left = folio_nr_pages(m, pfn) - (pfn - compound_head(m, pfn));
	for (; nr < left && i + nr < end; nr++) {
		const pte_t pte = table_load(ptes, i + nr, a->entry_shift);

		if (!pte_present(m, pte) || pte_pfn(m, pte) != pfn + nr ||
		    (pte ^ first) & ~(ignored | a->pfn_mask))
			break;
		*bits |= pte & ignored;
	}
	return nr;
}

/* Does zapping leave this entry as it is? */
static bool is_kept(const struct machine *m, pte_t pte, unsigned int zap_flags)
{
	if (!pte_present(m, pte))
		return !(zap_flags & ZAP_DROP_MARKERS);
	return zap_flags & ZAP_KEEP_COWS && !pte_special(m, pte) &&
	       page_at(m, pte_pfn(m, pte))->mapping & PAGE_MAPPING_ANON;
}

/* zap_present_folio_ptes(): the pages of one folio, that so many entries map. */
static void zap_batch(struct step *s, const struct vm_area_struct *vma,
		      void *ptes, uint32_t i, uint32_t nr, pte_t bits)
{
	const pfn_t pfn = pte_pfn(s->m, bits);

	if (!(page_at(s->m, pfn)->mapping & PAGE_MAPPING_ANON))
		note_pte_bits(s, vma, bits, pfn);
	*rss_counter(s, vma->vm_mm, pfn) -= nr;
	for (uint32_t k = 0; k < nr; k++) {
		table_store(ptes, i + k, s->m->arch->entry_shift, 0);
		page_remove_rmap(s, pfn + k);
	}
	/* One reference each; the last one may be the folio's last. */
	if (nr > 1)
		folio_counts_mut(s, pfn)->_count -= (int32_t)(nr - 1);
	put_page(s, pfn);
}

static uint64_t zap_file_run(struct step *s, const struct vm_area_struct *vma,
			     const struct pte_run *run, unsigned int zap_flags)
{
	const struct arch *a = s->m->arch;
	void *ptes = ram_mut(s, run->pte_pa);
	uint64_t zapped = 0;
	uint32_t nr;

	for (uint32_t i = 0; i < run->nr; i += nr) {
		pte_t pte = table_load(ptes, i, a->entry_shift);

		nr = 1;
		if (!pte || is_kept(s->m, pte, zap_flags))
			continue;
		if (!pte_present(s->m, pte) || pte & a->special) {
			table_store(ptes, i, a->entry_shift, 0);
			continue;
		}
		if (unlikely(page_has(s->m, pte_pfn(s->m, pte), PG_compound)))
			nr = folio_pte_batch(s->m, ptes, i, run->nr, &pte);
		zap_batch(s, vma, ptes, i, nr, pte);
		zapped += nr;
	}
	return zapped;
}

/*
 * zap_pte_range() with reclaim_pt: nothing is left in a PTE table of which the
 * range takes all.
 */
static void reclaim_table(struct step *s, mm_ref mm, const struct pte_run *run)
{
	const uint64_t end = run->addr + ((uint64_t)run->nr << PAGE_SHIFT);

	if (run->nr == pte_entries(s->m->arch) && is_empty(s->m, run))
		free_pgtables(s, mm, run->addr, end, run->addr, end);
}

void zap_page_range(struct step *s, vma_ref ref, uint64_t start, uint64_t end,
		    unsigned int zap_flags)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	const mm_ref mm = vma->vm_mm;
	const bool anon = vma_is_anonymous(vma);
	struct pte_run run;
	uint64_t addr = start, zapped = 0, n;

	update_hiwater_rss(s, mm);
	while (next_pte_run(s->m, mm_at(s->m, mm), &addr, end, &run)) {
		n = anon ? zap_anon_run(s, &run, zap_flags)
			 : zap_file_run(s, vma, &run, zap_flags);
		if (anon)
			mm_mut(s, mm)->_anon_rss -= n;
		zapped += n;
		if (zap_flags & ZAP_RECLAIM_TABLES)
			reclaim_table(s, mm, &run);
	}
	trace_event(s, zap, start, end, zapped);
}

static void unmap_mapping_vma(struct step *s, vma_ref ref, uint64_t begin,
			      uint64_t end, unsigned int zap_flags)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	const uint64_t first = vma->vm_pgoff;
	const uint64_t last = first + vma_pages(vma);

	if (begin < first)
		begin = first;
	if (end > last)
		end = last;
	if (begin >= end)
		return;
	zap_page_range(s, ref, vma->vm_start + ((begin - first) << PAGE_SHIFT),
		       vma->vm_start + ((end - first) << PAGE_SHIFT),
		       zap_flags);
}

void unmap_mapping_pages(struct step *s, mapping_ref mapping, uint64_t begin,
			 uint64_t end, bool even_cows)
{
	const uint64_t count = ++mapping_mut(s, mapping)->truncate_count;
	vma_ref vma;

	vma_interval_tree_foreach(s->m, vma, mapping, begin, end - 1) {
		unmap_mapping_vma(s, vma, begin, end,
				  even_cows ? 0 : ZAP_KEEP_COWS);
		vma_mut(s, vma)->vm_truncate_count = count;
	}
}

/* ---- mprotect ---- */

/* pte_modify(): the new rights; frame, accessed, dirty and marks stay. */
static pte_t pte_modify(const struct arch *a, pte_t pte, uint64_t newprot)
{
	const uint64_t keep = a->pfn_mask | a->accessed | a->dirty | a->special |
			      a->exclusive;

	return (pte & keep) | (newprot & ~keep);
}

void change_protection(struct step *s, vma_ref ref, uint64_t start,
		       uint64_t end, uint64_t newprot)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	const struct arch *a = s->m->arch;
	/*
	 * Neither a private page that is ours alone nor a page of a file that is
	 * dirty already needs a fault to be written to.
	 */
	const uint64_t upgrade = !(vma->vm_flags & VM_WRITE) ? 0
			       : vma->vm_flags & VM_SHARED ? a->dirty : a->exclusive;
	struct pte_run run;
	uint64_t addr = start, changed = 0;

	while (next_pte_run(s->m, mm_at(s->m, vma->vm_mm), &addr, end, &run)) {
		for (uint32_t i = 0; i < run.nr; i++) {
			uint64_t at = run.pte_pa + ((uint64_t)i << a->entry_shift);
			pte_t old = entry_read(s->m, at), pte;

			if (!pte_present(s->m, old))
				continue;
			pte = pte_modify(a, old, newprot);
			if (pte & upgrade)
				pte |= a->write;
			if (pte != old)
				set_pte(s, at, pte);
			changed++;
		}
	}
	trace_event(s, change_protection, start, end, changed);
}

/* ---- fork ---- */

struct copy {
	mm_ref dst;
	bool cow;	/* private and may be written: share read-only */
	bool shared;
	bool anon;	/* all of its counted pages are anonymous */
	uint64_t copied;
};

/* copy_pte_range(): the entries of one table; both tables are there. */
static void copy_run(struct step *s, struct copy *c, const struct pte_run *run,
		     uint64_t dst_pa)
{
	const struct arch *a = s->m->arch;
	const uint8_t shift = a->entry_shift;
	const uint64_t shed = c->cow ? a->write | a->exclusive : 0;
	const uint64_t child_shed = a->accessed | (c->shared ? a->dirty : 0);
	void *src = ram_mut(s, run->pte_pa), *dst = ram_mut(s, dst_pa);
	struct counts_cursor cursor = { 0 };

	for (uint32_t i = 0; i < run->nr; i++) {
		pte_t pte = table_load(src, i, shift);
		struct page_counts *counts;

		if (!pte)
			continue;
		if (is_guard_pte(s->m, pte)) {
			table_store(dst, i, shift, pte);
			continue;
		}
		if (pte & shed) {
			pte &= ~shed;
			table_store(src, i, shift, pte);
		}
		table_store(dst, i, shift, pte & ~child_shed);
		if (pte & a->special)
			continue;
		counts = cursor_counts(s, &cursor, pte_pfn(s->m, pte));
		counts->_mapcount++;
		c->copied++;
		if (c->anon) {
			counts->_count++;
			continue;
		}
		get_page(s, pte_pfn(s->m, pte));
		++*rss_counter(s, c->dst, pte_pfn(s->m, pte));
	}
}

int64_t copy_page_range(struct step *s, mm_ref dst, mm_ref src, vma_ref ref)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	struct copy c = {
		.dst = dst,
		.cow = (vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE,
		.shared = vma->vm_flags & VM_SHARED,
		.anon = vma_is_anonymous(vma),
	};
	uint64_t addr = vma->vm_start, dst_pa;
	bool failed = false;
	struct pte_run run;

	/*
	 * What a fault can bring back is left to fault. Else the child's upper
	 * tables become as deep as the parent's, even above nothing.
	 */
	if (anon_vma_none(vma->anon_vma) && !(vma->vm_flags & VM_COPY_ON_FORK)) {
		trace_event(s, dup_mmap, vma->vm_start, vma->vm_end, 0);
		return 0;
	}
	while (!failed && next_table_span(s->m, mm_at(s->m, src), &addr,
					  vma->vm_end, &run)) {
		if (!run.nr) {
			failed = !upper_tables_alloc(s, dst, run.addr,
						     run.depth);
			continue;
		}
		dst_pa = pte_alloc_map(s, dst, run.addr);
		failed = !dst_pa;
		if (!failed)
			copy_run(s, &c, &run, dst_pa);
	}
	if (c.anon)
		mm_mut(s, dst)->_anon_rss += c.copied;
	trace_event(s, dup_mmap, vma->vm_start, vma->vm_end, c.copied);
	return failed ? refuse(s, ENOMEM, "no memory for the child's page tables")
		      : 0;
}
