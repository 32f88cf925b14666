/* SPDX-License-Identifier: MIT */
/* mincore: which pages would be had without a wait. */
#include "mmcore/fs/namei.h"
#include "mmcore/lib/radix.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/vma.h"

/* mincore_unmapped_range(): no PTE. What has a file may be in its cache. */
static uint8_t in_cache(const struct machine *m,
			const struct vm_area_struct *vma, uint64_t addr)
{
	pfn_t pfn;

	if (file_none(vma->vm_file))
		return 0;
	pfn = radix_tree_lookup(m, file_at(m, vma->vm_file)->f_mapping,
				linear_page_index(vma, addr));
	return pfn && folio_has(m, pfn, PG_uptodate);
}

static uint8_t page_in_core(const struct machine *m,
			    const struct vm_area_struct *vma, uint64_t addr)
{
	const uint64_t pte_pa = pte_lookup(m, mm_at(m, vma->vm_mm), addr);
	const pte_t pte = pte_pa ? entry_read(m, pte_pa) : 0;

	if (pte_none(pte) || is_guard_pte(m, pte))
		return in_cache(m, vma, addr);
	return pte_present(m, pte);
}

/* can_do_mincore(): what the caller could not write says nothing of itself. */
static bool can_do_mincore(const struct step *s,
			   const struct vm_area_struct *vma)
{
	if (vma_is_anonymous(vma))
		return true;
	return !file_none(vma->vm_file) && owns_or_may_write(s, vma->vm_file);
}

static bool in_user_space(const struct machine *m, const struct op_mincore *a)
{
	const uint64_t max = m->arch->user_ptr_max;

	return a->addr <= max && a->len <= max - a->addr;
}

uint64_t mincore_pages(const struct machine *m, const struct op_mincore *a)
{
	if (a->addr & ~PAGE_MASK || !in_user_space(m, a))
		return 0;
	return (a->len >> PAGE_SHIFT) + !!(a->len & ~PAGE_MASK);
}

/* Order of checks: mm/mincore.c sys_mincore(), 6.18. */
int64_t sys_mincore(struct step *s, const struct op_mincore *a, uint8_t *vec)
{
	const uint64_t pages = mincore_pages(s->m, a);
	const mm_ref mm = current_mm(s);
	const struct vm_area_struct *vma = NULL;
	uint64_t present = 0;

	if (a->addr & ~PAGE_MASK)
		return refuse(s, EINVAL, "addr is not a multiple of the page size");
	if (!in_user_space(s->m, a))
		return refuse(s, ENOMEM, "the range is not in user space");
	for (; s->res->done < pages; s->res->done++) {
		const uint64_t addr = a->addr + (s->res->done << PAGE_SHIFT);

		mm_poll(s->m, 1);
		if (!vma || addr >= vma->vm_end) {
			vma_ref ref = vma_lookup(s->m, mm, addr);

			vma = vma_none(ref) ? NULL : vma_at(s->m, ref);
		}
		if (!vma || addr < vma->vm_start)
			return refuse(s, ENOMEM, "nothing is mapped in a part of the range");
		vec[s->res->done] = can_do_mincore(s, vma)
					    ? page_in_core(s->m, vma, addr) : 1;
		present += vec[s->res->done];
	}
	trace_event(s, mincore, a->addr, pages, present);
	return 0;
}
