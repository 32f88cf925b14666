/* SPDX-License-Identifier: MIT */
/*
 * Pages on the LRU lists, as /proc shows them. Today's Linux takes a page that
 * an mlock'ed area maps off the two lists and keeps it on a third, of unevictable
 * pages. Here it stays where it is (2.6.17), and /proc counts it as Linux would:
 * the areas that are locked are looked through, and a page that several of them
 * map is counted with the first that its reverse mapping names.
 */
#include "mmcore/mm/memory.h"
#include "mmcore/mm/slab.h"
#include "mmcore/proc/procfs.h"

static void take_out(const struct machine *m, pfn_t pfn, struct lru_counts *c)
{
	const uint64_t flags = folio_at(m, pfn)->flags;
	const enum zone_type zone = page_zone(m, pfn);

	if (!(flags >> PG_lru & 1))
		return;
	c->list[zone][flags >> PG_active & 1][!(flags >> PG_swapbacked & 1)]--;
	c->mlocked[zone]++;
}

static void locked_area(const struct machine *m, vma_ref ref,
			struct lru_counts *c)
{
	const struct vm_area_struct *vma = vma_at(m, ref);
	uint64_t addr = vma->vm_start;
	struct pte_run run;

	while (next_pte_run(m, mm_at(m, vma->vm_mm), &addr, vma->vm_end, &run)) {
		const void *ptes = ram_at(m, run.pte_pa);

		for (uint32_t i = 0; i < run.nr; i++) {
			pte_t pte = table_load(ptes, i, m->arch->entry_shift);
			pfn_t pfn = pte_pfn(m, pte);

			if (!pte_present(m, pte) || pte_special(m, pte))
				continue;
			if (page_counts_at(m, pfn)->_mapcount == 0 ||
			    vma_same(first_locked_vma(m, pfn), ref))
				take_out(m, pfn, c);
		}
	}
}

void get_lru_counts(const struct machine *m, struct lru_counts *c)
{
	const struct kernel *k = kernel_at(m);

	*c = (struct lru_counts){ 0 };
	for (int type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone *z = &k->zones[type];

		c->list[type][0][0] = z->nr_inactive - z->nr_inactive_file;
		c->list[type][0][1] = z->nr_inactive_file;
		c->list[type][1][0] = z->nr_active - z->nr_active_file;
		c->list[type][1][1] = z->nr_active_file;
	}
	for (uint64_t pa = kmem_cache_next(m, CACHE_MM, 0); pa;
	     pa = kmem_cache_next(m, CACHE_MM, pa)) {
		const struct mm_struct *mm = mm_at(m, mm_make(pa));

		for (vma_ref v = mm->locked_vm ? mm->mmap : vma_make(0);
		     !vma_none(v); v = vma_next(m, v))
			if (vma_at(m, v)->vm_flags & VM_LOCKED)
				locked_area(m, v, c);
	}
}

uint64_t lru_pages(const struct lru_counts *c, bool active, bool file)
{
	uint64_t pages = 0;

	for (int type = 0; type < MAX_NR_ZONES; type++)
		pages += c->list[type][active][file];
	return pages;
}

uint64_t mlocked_pages(const struct lru_counts *c)
{
	uint64_t pages = 0;

	for (int type = 0; type < MAX_NR_ZONES; type++)
		pages += c->mlocked[type];
	return pages;
}
