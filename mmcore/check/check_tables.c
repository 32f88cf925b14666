/* SPDX-License-Identifier: MIT */
/* Law B: the page tables of an address space against its VMAs and pages. */
#include "mmcore/check/check.h"

struct table_walk {
	struct check *c;
	const struct mm_struct *mm;
	vma_ref vma;		/* first VMA that ends above the walk's place */
	uint64_t nr_tables, nr_ptes, nr_p4ds;
	uint64_t anon, file, shmem;
};

/* The VMA that contains @addr, or NULL; addresses only grow. */
static const struct vm_area_struct *vma_here(struct table_walk *w,
					     uint64_t addr)
{
	const struct machine *m = w->c->m;

	while (!vma_none(w->vma) && vma_at(m, w->vma)->vm_end <= addr)
		w->vma = vma_next(m, w->vma);
	if (vma_none(w->vma) || vma_at(m, w->vma)->vm_start > addr)
		return NULL;
	return vma_at(m, w->vma);
}

static bool is_special_frame(const struct machine *m, pfn_t pfn)
{
	return page_has(m, pfn, PG_kernel);
}

static void check_special(struct table_walk *w,
			  const struct vm_area_struct *vma, pte_t pte, pfn_t pfn)
{
	const struct machine *m = w->c->m;

	check_law(w->c, LAW_pte_special, !pte_write(m, pte) &&
		  (vma->vm_ops == VM_OPS_SPECIAL
			   ? is_special_frame(m, pfn)
			   : pfn == kernel_at(m)->zero_pfn));
}

static void check_anon_page(struct table_walk *w,
			    const struct vm_area_struct *vma, uint64_t addr,
			    pte_t pte, pfn_t pfn)
{
	const struct machine *m = w->c->m;
	const struct page_rest *page = page_at(m, pfn);
	const bool exclusive = pte & m->arch->exclusive;

	w->anon++;
	check_law(w->c, LAW_anon_rmap,
		  page->mapping == (vma->anon_vma.pa | PAGE_MAPPING_ANON) &&
		  page->index == linear_page_index(vma, addr));
	check_law(w->c, LAW_pte_write, !pte_write(m, pte) || exclusive);
	check_law(w->c, LAW_pte_exclusive,
		  !exclusive || page_counts_at(m, pfn)->_mapcount == 0);
}

static void check_file_page(struct table_walk *w,
			    const struct vm_area_struct *vma, uint64_t addr,
			    pte_t pte, pfn_t pfn)
{
	const struct machine *m = w->c->m;
	const struct page_rest *page = page_at(m, pfn);

	check_law(w->c, LAW_pte_exclusive, !(pte & m->arch->exclusive));
	check_law(w->c, LAW_pte_write,
		  !pte_write(m, pte) || vma->vm_flags & VM_SHARED);
	if (page_has(m, check_folio(m, pfn), PG_swapbacked))
		w->shmem++;
	else
		w->file++;
	if (file_none(vma->vm_file))
		return;
	check_law(w->c, LAW_file_rmap,
		  page->mapping == file_at(m, vma->vm_file)->f_mapping.pa &&
		  page->index == linear_page_index(vma, addr));
}

/* Bits that an entry that maps a page may have. */
static uint64_t known_bits(const struct arch *a)
{
	return a->pfn_mask | a->present | a->protnone | a->read | a->write |
	       a->exec | a->noexec | a->user | a->accessed | a->dirty |
	       a->special | a->exclusive;
}

static void check_pte(struct table_walk *w, uint64_t addr, pte_t pte)
{
	struct check *c = w->c;
	const struct vm_area_struct *vma = vma_here(w, addr);
	const pfn_t pfn = pte_pfn(c->m, pte);

	if (!pte_present(c->m, pte)) {
		check_law(c, LAW_pte_marker,
			  is_guard_pte(c->m, pte) && vma &&
			  (vma->vm_flags & (VM_MAYBE_GUARD | VM_SPECIAL)) ==
				  VM_MAYBE_GUARD);
		return;
	}
	if (!check_law(c, LAW_pte_vma, vma && pte_present(c->m, pte) &&
		       (page_is_managed(c->m, pfn) ||
			pfn == kernel_at(c->m)->zero_pfn)))
		return;
	check_law(c, LAW_pte_bits, !(pte & ~known_bits(c->m->arch)) &&
		  (!pte_write(c->m, pte) ||
		   (pte & c->m->arch->read) == c->m->arch->read));
	check_law(c, LAW_pte_write,
		  !pte_write(c->m, pte) || vma->vm_flags & VM_WRITE);
	if (pte_special(c->m, pte)) {
		check_special(w, vma, pte, pfn);
		return;
	}
	c->maps_found += check_mix(pfn);
	c->refs_found += check_mix(check_folio(c->m, pfn));
	if (page_at(c->m, pfn)->mapping & PAGE_MAPPING_ANON)
		check_anon_page(w, vma, addr, pte, pfn);
	else
		check_file_page(w, vma, addr, pte, pfn);
}

static bool check_table_frame(struct check *c, uint64_t pfn)
{
	if (!check_law(c, LAW_table_frame, page_is_managed(c->m, pfn) &&
		       page_zone(c->m, (pfn_t)pfn) <= c->m->arch->kernel_zone &&
		       page_has(c->m, (pfn_t)pfn, PG_pgtable)))
		return false;
	c->tables++;
	c->refs_found += check_mix(pfn);
	return check_law(c, LAW_table_frame, c->tables <= c->limit);
}

/* The first entry in [i, nr) that is not none, or @nr. Most are none. */
static uint32_t next_entry(const void *entries, uint32_t i, uint32_t nr,
			   uint8_t shift)
{
	while (i < nr) {
		pte_t any = 0;

		for (uint32_t j = 0; j < 8; j++)
			any |= table_load(entries, (i & ~7U) + j, shift);
		if (!any)
			i = (i & ~7U) + 8;
		else if (table_load(entries, i, shift))
			return i;
		else
			i++;
	}
	return nr;
}

/* Do entries of @level keep their tables while the address space lives? */
static bool is_kept(const struct arch *a, int level)
{
	return level == 0 && a->top_is_full;
}

/* A full top table is full; whatever lies behind a small one is 0. */
static bool top_is_complete(const struct machine *m, uint64_t pgd)
{
	const struct arch *a = m->arch;
	const uint32_t nr = 1U << a->level[0].bits;
	const void *entries = ram_at(m, pgd);

	for (uint32_t i = 0; a->top_is_full && i < nr; i++)
		if (!table_load(entries, i, a->entry_shift))
			return false;
	for (uint32_t i = nr; i < PAGE_SIZE >> a->entry_shift; i++)
		if (table_load(entries, i, a->entry_shift))
			return false;
	return true;
}

static void check_table(struct table_walk *w, int level, uint64_t table,
			uint64_t base)
{
	const struct arch *a = w->c->m->arch;
	const struct arch_level *l = &a->level[level];
	const bool leaf = level == a->nr_levels - 1;
	const uint32_t nr = 1U << l->bits;
	const void *entries;

	if (ram_frame_is_blank(w->c->m, (pfn_t)(table >> PAGE_SHIFT)))
		return;
	entries = ram_at(w->c->m, table);
	for (uint32_t i = next_entry(entries, 0, nr, a->entry_shift); i < nr;
	     i = next_entry(entries, i + 1, nr, a->entry_shift)) {
		pte_t entry = table_load(entries, i, a->entry_shift);
		uint64_t addr = base + ((uint64_t)i << l->shift);
		pfn_t pfn;

		if (leaf) {
			check_pte(w, addr, entry);
			continue;
		}
		pfn = pte_pfn(w->c->m, entry);
		if (!check_table_frame(w->c, pfn))
			continue;
		w->nr_tables++;
		w->nr_ptes += level == a->nr_levels - 2;
		w->nr_p4ds += level < a->nr_levels - 1 - COUNTED_LEVELS;
		check_law(w->c, LAW_table_entry, entry ==
			  pfn_pte(w->c->m, pfn, l->table));
		vma_here(w, addr);
		check_law(w->c, LAW_table_span, is_kept(a, level) ||
			  (!vma_none(w->vma) &&
			   vma_at(w->c->m, w->vma)->vm_start <
			   addr + (1ULL << l->shift)));
		check_table(w, level + 1, pfn_to_pa(pfn), addr);
	}
}

void check_tables(struct check *c, mm_ref mm)
{
	const struct mm_struct *mms = mm_at(c->m, mm);
	struct table_walk w = { .c = c, .mm = mms, .vma = mms->mmap };

	if (!check_table_frame(c, mms->pgd >> PAGE_SHIFT))
		return;
	check_table(&w, 0, mms->pgd, 0);
	check_law(c, LAW_table_count, w.nr_tables == mms->nr_tables &&
				      w.nr_ptes == mms->nr_ptes &&
				      w.nr_p4ds == mms->nr_p4ds);
	check_law(c, LAW_table_entry, top_is_complete(c->m, mms->pgd));
	check_law(c, LAW_rss, w.anon == mms->_anon_rss &&
			      w.file == mms->_file_rss &&
			      w.shmem == mms->_shmem_rss);
}
