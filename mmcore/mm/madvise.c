/* SPDX-License-Identifier: MIT */
/*
 * madvise: what a program knows of its memory and the kernel does not.
 *
 * Three kinds of advice. Some set flags of VMAs, which may split and merge for
 * it. Some act on the pages there are: take them away, let go of their content
 * when it will be convenient (lazily free), make them the next to be reclaimed,
 * punch a hole into the object behind. And guard pages are entries of the page
 * table, not of the list of VMAs: a marker stands where a page would be, the
 * VMA is as it was, and whoever touches the page is told that nothing is mapped.
 *
 * A range with holes is advice for what is mapped in it; that something is not
 * is told at the end. A VMA that refuses ends the walk.
 */
#include "mmcore/fs/namei.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/vma.h"

/* The part of one VMA that the advice is about. */
struct advised {
	mm_ref mm;
	vma_ref vma;
	uint64_t start, end;
	uint32_t advice;	/* MADV_* */
};

static bool is_known(uint32_t advice)
{
	return advice <= MADV_DONTNEED ||
	       (advice >= MADV_FREE && advice <= MADV_COLLAPSE) ||
	       advice == MADV_GUARD_INSTALL || advice == MADV_GUARD_REMOVE;
}

/* is_discard(): what takes content away, from the program or its child. */
static bool is_discard(uint32_t advice)
{
	return advice == MADV_DONTNEED || advice == MADV_DONTNEED_LOCKED ||
	       advice == MADV_FREE || advice == MADV_REMOVE ||
	       advice == MADV_DONTFORK || advice == MADV_WIPEONFORK ||
	       advice == MADV_GUARD_INSTALL;
}

/* can_madvise_modify(): sealed memory without a file, and not to be written. */
static bool is_sealed_against(const struct vm_area_struct *vma,
			      uint32_t advice)
{
	return vma->vm_flags & VM_SEALED && is_discard(advice) &&
	       vma_is_anonymous(vma) && !(vma->vm_flags & VM_WRITE);
}

/* ---- flags ---- */

/* ksm_madvise(): memory that may never be merged stays as it is, silently. */
static bool may_be_merged(uint64_t vm_flags)
{
	return !(vm_flags & (VM_SHARED | VM_MAYSHARE | VM_SPECIAL | VM_HUGETLB |
			     VM_DROPPABLE));
}

/* 0, or -EINVAL, told; @flags become those that the advice asks for. */
static int64_t new_flags(struct step *s, const struct vm_area_struct *vma,
			 uint32_t advice, uint64_t *flags)
{
	switch (advice) {
	case MADV_NORMAL:
		*flags &= ~(VM_RAND_READ | VM_SEQ_READ);
		return 0;
	case MADV_RANDOM:
		*flags = (*flags & ~VM_SEQ_READ) | VM_RAND_READ;
		return 0;
	case MADV_SEQUENTIAL:
		*flags = (*flags & ~VM_RAND_READ) | VM_SEQ_READ;
		return 0;
	case MADV_DONTFORK:
		*flags |= VM_DONTCOPY;
		return 0;
	case MADV_DOFORK:
		*flags &= ~VM_DONTCOPY;
		return *flags & VM_IO ? refuse(s, EINVAL, "device memory is not for children") : 0;
	case MADV_MERGEABLE:
		if (may_be_merged(*flags))
			*flags |= VM_MERGEABLE;
		return 0;
	case MADV_UNMERGEABLE:
		*flags &= ~VM_MERGEABLE;
		return 0;
	case MADV_HUGEPAGE:
		*flags = (*flags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE;
		return 0;
	case MADV_NOHUGEPAGE:
		*flags = (*flags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE;
		return 0;
	case MADV_DONTDUMP:
		*flags |= VM_DONTDUMP;
		return 0;
	case MADV_DODUMP:
		*flags &= ~VM_DONTDUMP;
		return *flags & (VM_SPECIAL | VM_DROPPABLE)
			? refuse(s, EINVAL, "the mapping is never dumped") : 0;
	case MADV_WIPEONFORK:
		*flags |= VM_WIPEONFORK;
		return file_none(vma->vm_file) && !(vma->vm_flags & VM_SHARED)
			? 0 : refuse(s, EINVAL, "the mapping is not private anonymous memory");
	default:	/* MADV_KEEPONFORK */
		*flags &= ~VM_WIPEONFORK;
		return *flags & VM_DROPPABLE
			? refuse(s, EINVAL, "droppable memory is always wiped") : 0;
	}
}

/* The VMA is split or merged for its new flags; a split that fails: -EAGAIN. */
static int64_t advise_flags(struct step *s, struct advised *a)
{
	const struct vm_area_struct *vma = vma_at(s->m, a->vma);
	uint64_t flags = vma->vm_flags;
	int64_t err = new_flags(s, vma, a->advice, &flags);
	vma_ref ref;

	if (err || flags == vma->vm_flags)
		return err;
	ref = vma_modify_flags(s, a->mm, a->vma, a->start, a->end, flags, &err);
	if (err)
		return err == -ENOMEM ? -EAGAIN : err;
	a->vma = ref;
	vm_flags_reset(vma_mut(s, ref), flags);
	return 0;
}

/* ---- pages ---- */

/* Entries of a range that map a counted page; ends with false. */
struct pte_walk {
	uint64_t at, end;
	struct pte_run run;
	uint32_t i;
	uint64_t addr, pte_pa;	/* of the entry found */
};

static struct pte_walk walk_range(const struct advised *a)
{
	return (struct pte_walk){ .at = a->start, .end = a->end };
}

static bool next_page(const struct machine *m, mm_ref mm, struct pte_walk *w)
{
	for (;;) {
		for (; w->i < w->run.nr; w->i++) {
			const uint64_t pa = w->run.pte_pa +
				((uint64_t)w->i << m->arch->entry_shift);
			const pte_t pte = entry_read(m, pa);

			if (!pte_present(m, pte) || pte_special(m, pte))
				continue;
			w->addr = w->run.addr + ((uint64_t)w->i << PAGE_SHIFT);
			w->pte_pa = pa;
			w->i++;
			return true;
		}
		w->i = 0;
		if (!next_pte_run(m, mm_at(m, mm), &w->at, w->end, &w->run))
			return false;
	}
}

/* folio_mark_lazyfree(): from now on its content need not be kept. */
static void mark_lazyfree(struct step *s, pfn_t pfn)
{
	if (!page_has(s->m, pfn, PG_swapbacked) ||
	    (page_counts_at(s->m, pfn)->_mapcount > 0 &&
	     !vma_none(first_locked_vma(s->m, pfn))))
		return;
	del_page_from_lru(s, pfn);
	page_mut(s, pfn)->flags &= ~(1ULL << PG_swapbacked |
				     1ULL << PG_referenced);
	lru_cache_add(s, pfn);
}

/*
 * madvise_free_pte_range(): the entries become clean. A store makes one dirty
 * again, and whoever wants to drop the page looks at that.
 */
static int64_t advise_free(struct step *s, const struct advised *a)
{
	const pte_t marks = s->m->arch->accessed | s->m->arch->dirty;
	struct pte_walk w = walk_range(a);
	uint64_t pages = 0;

	if (!vma_is_anonymous(vma_at(s->m, a->vma)))
		return refuse(s, EINVAL, "the mapping is not private anonymous memory");
	update_hiwater_rss(s, a->mm);
	while (next_page(s->m, a->mm, &w)) {
		const pte_t pte = entry_read(s->m, w.pte_pa);
		const pfn_t pfn = pte_pfn(s->m, pte);

		if (page_has(s->m, pfn, PG_dirty)) {
			if (page_counts_at(s->m, pfn)->_mapcount)
				continue;
			page_mut(s, pfn)->flags &= ~(1ULL << PG_dirty);
		}
		if (pte & marks)
			set_pte(s, w.pte_pa, pte & ~marks);
		mark_lazyfree(s, pfn);
		pages++;
	}
	trace_event(s, madvise_lazyfree, a->start, a->end, pages);
	return 0;
}

static int64_t advise_dontneed(struct step *s, const struct advised *a)
{
	zap_page_range(s, a->vma, a->start, a->end, ZAP_RECLAIM_TABLES);
	return 0;
}

static int64_t advise_dontneed_free(struct step *s, const struct advised *a)
{
	const uint64_t vm_flags = vma_at(s->m, a->vma)->vm_flags;

	if (vm_flags & VM_PFNMAP)
		return refuse(s, EINVAL, "the mapping has no pages of its own");
	if (vm_flags & VM_LOCKED && a->advice != MADV_DONTNEED_LOCKED)
		return refuse(s, EINVAL, "a mapping in the range is locked");
	return a->advice == MADV_FREE ? advise_free(s, a)
				      : advise_dontneed(s, a);
}

/* On a list of the reclaimer's, and no page mapped twice? Of a folio of several
 * pages it is known that all of them are mapped here. */
static bool is_reclaimable(const struct machine *m, pfn_t pfn)
{
	return folio_has(m, pfn, PG_lru) &&
	       folio_mapcount(m, pfn) == folio_nr_pages(m, pfn);
}

static bool is_anon_page(const struct machine *m, pfn_t pfn)
{
	return page_at(m, pfn)->mapping & PAGE_MAPPING_ANON;
}

/* There is no swap: only what is lazily free, and still is, can go. */
static bool pageout_anon(struct step *s, const struct advised *a,
			 const struct pte_walk *w, pfn_t pfn)
{
	const pte_t pte = entry_read(s->m, w->pte_pa);
	const bool dirty = pte & s->m->arch->dirty ||
			   page_has(s->m, pfn, PG_dirty);
	const bool droppable = vma_at(s->m, a->vma)->vm_flags & VM_DROPPABLE;

	if (page_has(s->m, pfn, PG_swapbacked) ||
	    page_counts_at(s->m, pfn)->_count != 1)
		return false;
	if (dirty && !droppable) {
		del_page_from_lru(s, pfn);
		page_mut(s, pfn)->flags |= 1ULL << PG_swapbacked;
		lru_cache_add(s, pfn);
		return false;
	}
	set_pte(s, w->pte_pa, 0);
	--*rss_counter(s, a->mm, pfn);
	page_remove_rmap(s, pfn);
	put_page(s, pfn);
	return true;
}

/*
 * A file's folio is unmapped; a clean one leaves the file's memory, too. A dirty one
 * is to go as soon as it is written: PG_reclaim, which to 6.18 is the same bit as
 * PG_readahead, and stops faults and brings windows as that does.
 */
static bool pageout_file(struct step *s, pfn_t folio)
{
	try_to_unmap(s, folio);
	if (page_has(s->m, folio, PG_dirty) && !page_has(s->m, folio, PG_swapbacked))
		folio_set(s, folio, PG_readahead);
	if (folio_ref_count(s->m, folio) != (int32_t)folio_nr_pages(s->m, folio) ||
	    page_at(s->m, folio)->flags &
		    (1ULL << PG_dirty | 1ULL << PG_writeback))
		return false;
	if (page_has(s->m, folio, PG_swapbacked))
		shmem_release_page(s, folio);
	else
		remove_from_page_cache(s, folio);
	return true;
}

/* reclaim_pages(): what cannot go is active from then on. */
static void pageout_page(struct step *s, const struct advised *a,
			 const struct pte_walk *w, pfn_t pfn)
{
	const pfn_t folio = page_folio(s->m, pfn);
	const bool dropped = is_anon_page(s->m, pfn)
				     ? pageout_anon(s, a, w, pfn)
				     : pageout_file(s, folio);

	if (!dropped)
		activate_page(s, folio);
	trace_event(s, madvise_pageout, w->addr, pfn, dropped);
}

/* can_do_file_pageout(): who could not write to a file does not take its pages
 * away from others. */
static bool can_do_file_pageout(const struct step *s,
				const struct vm_area_struct *vma)
{
	return !file_none(vma->vm_file) && owns_or_may_write(s, vma->vm_file);
}

/*
 * The walk stands at a page of a folio of several, of which @nr entries follow each
 * other in the range. Unless these are all of it, it is split, if nobody else maps it;
 * its pages are mapped nowhere then, and the walk goes on. True: all of it is there.
 */
static bool takes_folio(struct step *s, const struct advised *a,
			struct pte_walk *w, pfn_t pfn, uint32_t nr, bool anon_only)
{
	if (nr == folio_nr_pages(s->m, pfn))
		return true;
	if (folio_mapped_elsewhere(s->m, pfn, a->mm) || anon_only ||
	    folio_split(s, pfn, 0))
		w->i += nr - 1;
	return false;
}

/* clear_young_dirty_ptes(): @nr entries from @pte_pa on. */
static void clear_young(struct step *s, uint64_t pte_pa, uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		const uint64_t at = pte_pa + ((uint64_t)i << s->m->arch->entry_shift);
		const pte_t pte = entry_read(s->m, at);

		if (pte & s->m->arch->accessed)
			set_pte(s, at, pte & ~s->m->arch->accessed);
	}
}

/* One folio, or what of it there is in the range. */
static void reclaim_folio(struct step *s, const struct advised *a,
			  struct pte_walk *w, bool anon_only)
{
	const pfn_t pfn = pte_pfn(s->m, entry_read(s->m, w->pte_pa));
	const pfn_t folio = page_folio(s->m, pfn);
	pte_t bits;
	const uint32_t nr = folio_pte_batch(s->m, ram_at(s->m, w->run.pte_pa),
					    w->i - 1, w->run.nr, &bits);

	if (!takes_folio(s, a, w, pfn, nr, anon_only))
		return;
	w->i += nr - 1;
	if (!is_reclaimable(s->m, pfn) ||
	    (anon_only && !is_anon_page(s->m, pfn)))
		return;
	folio_clear(s, folio, PG_referenced);
	if (a->advice == MADV_PAGEOUT) {
		pageout_page(s, a, w, pfn);
		return;
	}
	clear_young(s, w->pte_pa, nr);
	if (page_has(s->m, folio, PG_active))
		deactivate_page(s, folio);
}

/* madvise_cold_or_pageout_pte_range() */
static int64_t advise_reclaim(struct step *s, const struct advised *a)
{
	const struct vm_area_struct *vma = vma_at(s->m, a->vma);
	const bool anon_only = a->advice == MADV_PAGEOUT &&
			       !vma_is_anonymous(vma) &&
			       !can_do_file_pageout(s, vma);
	struct pte_walk w = walk_range(a);

	if (vma->vm_flags & (VM_LOCKED | VM_PFNMAP))
		return refuse(s, EINVAL,
			      "a mapping is locked, or has no pages of its own");
	if (anon_only && vma->vm_flags & VM_MAYSHARE)
		return 0;
	if (a->advice == MADV_PAGEOUT)
		update_hiwater_rss(s, a->mm);
	while (next_page(s->m, a->mm, &w))
		reclaim_folio(s, a, &w, anon_only);
	return 0;
}

/* What would have to be read: nothing of memory that has no disk below. */
static int64_t advise_willneed(struct step *s, const struct advised *a)
{
	const struct vm_area_struct *vma = vma_at(s->m, a->vma);
	const file_ref file = vma->vm_file;

	if (!file_none(file) &&
	    mapping_can_writeback(s->m, file_at(s->m, file)->f_mapping))
		force_page_cache_readahead(s, file, linear_page_index(vma, a->start),
					   (a->end - a->start) >> PAGE_SHIFT);
	return 0;
}

static int64_t advise_remove(struct step *s, const struct advised *a)
{
	const struct vm_area_struct *vma = vma_at(s->m, a->vma);
	const uint64_t wanted = VM_SHARED | VM_MAYWRITE;
	const file_ref file = vma->vm_file;

	if (vma->vm_flags & VM_LOCKED)
		return refuse(s, EINVAL, "a mapping in the range is locked");
	if (file_none(file) || inode_none(file_at(s->m, file)->f_inode))
		return refuse(s, EINVAL, "there is no object behind the mapping");
	if ((vma->vm_flags & wanted) != wanted)
		return refuse(s, EACCES, "the mapping is not shared, or may not write");
	if (!fops(s->m, file)->punch_hole)
		return refuse(s, EOPNOTSUPP, "the file cannot have holes");
	if (linear_page_index(vma, a->end) << PAGE_SHIFT >
	    file_maxbytes(s->m, file))
		return refuse(s, EFBIG, "no file can be that long");
	return fops(s->m, file)->punch_hole(s, file, linear_page_index(vma, a->start),
					    linear_page_index(vma, a->end));
}

/* ---- guard pages ---- */

/*
 * One pass: -ENOMEM, told, or how many markers were set; *populated tells that
 * a page stood in the way, and then the pass ended there.
 */
static int64_t set_guards(struct step *s, const struct advised *a,
			  bool *populated)
{
	const pte_t guard = make_guard_pte(s->m);
	const uint8_t shift = s->m->arch->entry_shift;
	uint64_t at = a->start, set = 0;
	struct pte_run run;

	*populated = false;
	while (at < a->end) {
		uint64_t next = at;

		if (!pte_alloc_map(s, a->mm, at))
			return refuse(s, ENOMEM, "no memory for a page table");
		next_pte_run(s->m, mm_at(s->m, a->mm), &next, a->end, &run);
		for (uint32_t i = 0; i < run.nr; i++) {
			const uint64_t pa = run.pte_pa + ((uint64_t)i << shift);
			const pte_t pte = entry_read(s->m, pa);

			*populated = pte_present(s->m, pte);
			if (*populated)
				return (int64_t)set;
			set += pte != guard;
			set_pte(s, pa, guard);
		}
		at = next;
	}
	return (int64_t)set;
}

/* is_valid_guard_vma() */
static int64_t check_guard_vma(struct step *s, const struct advised *a)
{
	const uint64_t vm_flags = vma_at(s->m, a->vma)->vm_flags;

	if (vm_flags & (VM_SPECIAL | VM_HUGETLB))
		return refuse(s, EINVAL, "the mapping has no pages to guard");
	if (vm_flags & VM_LOCKED && a->advice == MADV_GUARD_INSTALL)
		return refuse(s, EINVAL, "a mapping in the range is locked");
	return 0;
}

static int64_t advise_guard_install(struct step *s, const struct advised *a)
{
	int64_t err = check_guard_vma(s, a), set;
	bool populated;

	if (err)
		return err;
	/* So that fork copies the tables. */
	vma_mut(s, a->vma)->vm_flags |= VM_MAYBE_GUARD;
	if (vma_is_anonymous(vma_at(s->m, a->vma)))
		err = anon_vma_prepare(s, a->vma);
	if (err)
		return err;
	set = set_guards(s, a, &populated);
	if (populated) {
		zap_page_range(s, a->vma, a->start, a->end, 0);
		set = set_guards(s, a, &populated);
	}
	trace_event(s, guard_install, a->start, a->end, (uint64_t)set);
	return set < 0 ? set : 0;
}

static int64_t advise_guard_remove(struct step *s, const struct advised *a)
{
	const pte_t guard = make_guard_pte(s->m);
	const uint8_t shift = s->m->arch->entry_shift;
	int64_t err = check_guard_vma(s, a);
	uint64_t at = a->start, pages = 0;
	struct pte_run run;

	if (err)
		return err;
	while (next_pte_run(s->m, mm_at(s->m, a->mm), &at, a->end, &run))
		for (uint32_t i = 0; i < run.nr; i++) {
			const uint64_t pa = run.pte_pa + ((uint64_t)i << shift);

			if (entry_read(s->m, pa) != guard)
				continue;
			set_pte(s, pa, 0);
			pages++;
		}
	trace_event(s, guard_remove, a->start, a->end, pages);
	return 0;
}

/* ---- the walk ---- */

/* madvise_vma_behavior() */
static int64_t advise_vma(struct step *s, struct advised *a)
{
	if (is_sealed_against(vma_at(s->m, a->vma), a->advice))
		return refuse(s, EPERM, "a mapping in the range is sealed");
	trace_event(s, madvise, a->start, a->end, a->advice);
	switch (a->advice) {
	case MADV_WILLNEED:
		return advise_willneed(s, a);
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
		return advise_dontneed_free(s, a);
	case MADV_COLD:
	case MADV_PAGEOUT:
		return advise_reclaim(s, a);
	case MADV_REMOVE:
		return advise_remove(s, a);
	case MADV_COLLAPSE:
		return refuse(s, EINVAL, "transparent huge pages are off");
	case MADV_GUARD_INSTALL:
		return advise_guard_install(s, a);
	case MADV_GUARD_REMOVE:
		return advise_guard_remove(s, a);
	default:
		return advise_flags(s, a);
	}
}

/* madvise_walk_vmas() */
static int64_t advise_range(struct step *s, uint64_t start, uint64_t end,
			    uint32_t advice)
{
	static const char hole[] = "nothing is mapped in a part of the range";
	const mm_ref mm = current_mm(s);
	bool holes = false;

	while (start < end) {
		struct advised a = { .mm = mm, .advice = advice };
		const struct vm_area_struct *vma;
		int64_t err;

		mm_poll(s->m, 1);
		a.vma = vma_lookup(s->m, mm, start);
		if (vma_none(a.vma))
			return refuse(s, ENOMEM, hole);
		vma = vma_at(s->m, a.vma);
		holes |= start < vma->vm_start;
		if (vma->vm_start >= end)
			break;
		a.start = start < vma->vm_start ? vma->vm_start : start;
		a.end = vma->vm_end < end ? vma->vm_end : end;
		err = advise_vma(s, &a);
		if (err)
			return err;
		start = vma_at(s->m, a.vma)->vm_end;
	}
	return holes ? refuse(s, ENOMEM, hole) : 0;
}

static int64_t populate(struct step *s, uint64_t start, uint64_t end,
			bool write)
{
	switch (faultin_page_range(s, current_mm(s), start, end, write)) {
	case -EINVAL:
		return refuse(s, EINVAL, "a mapping in the range does not permit it");
	case -EFAULT:
		return refuse(s, EFAULT, "a page of the range cannot be brought in");
	case -ENOMEM:
		return refuse(s, ENOMEM,
			      "a part is not mapped, or no free frame is left");
	default:
		return 0;
	}
}

/* Order of checks: mm/madvise.c do_madvise(), 6.18. */
int64_t sys_madvise(struct step *s, const struct op_madvise *a)
{
	const uint64_t len = PAGE_ALIGN(a->len), end = a->addr + len;

	if (!is_known(a->advice))
		return refuse(s, EINVAL, "advice is none that this kernel takes");
	if (a->addr & ~PAGE_MASK)
		return refuse(s, EINVAL, "addr is not a multiple of the page size");
	if ((a->len && !len) || end < a->addr)
		return refuse(s, EINVAL, "addr + len wraps around");
	if (a->advice == MADV_POPULATE_READ || a->advice == MADV_POPULATE_WRITE)
		return populate(s, a->addr, end,
				a->advice == MADV_POPULATE_WRITE);
	return advise_range(s, a->addr, end, a->advice);
}
