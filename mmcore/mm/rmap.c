/* SPDX-License-Identifier: MIT */
/*
 * Reverse mapping: from a frame to the PTEs that map it.
 *
 * An anonymous page points to its family's anon_vma, and that lists every VMA
 * that may map the page: the one it was made in, the halves of a split, the
 * copies in forked children (2.6.17 mm/rmap.c). page->index is the page's place
 * in the family's linear numbering, vm_pgoff + offset, which all those VMAs
 * share; so each VMA gives one address to look at, and the PTE there says
 * whether the page is still mapped.
 *
 * Today's Linux gives each process an anon_vma of its own. Whether two VMAs
 * merge depends on that, so a VMA also remembers which one it would be: see
 * anon_vma_ident and chain_multi in mm_types.h (D-005).
 */
#include "mmcore/kernel/task.h"
#include "mmcore/lib/interval_tree.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/slab.h"

static uint64_t anon_node_pa(vma_ref vma)
{
	return vma.pa + offsetof(struct vm_area_struct, anon_vma_node);
}

static uint64_t anon_head_pa(anon_vma_ref av)
{
	return av.pa + offsetof(struct anon_vma, head);
}

void anon_vma_link(struct step *s, vma_ref vma)
{
	anon_vma_ref av = vma_at(s->m, vma)->anon_vma;

	list_add_tail(s, anon_node_pa(vma), anon_head_pa(av));
	anon_vma_mut(s, av)->nr_vmas++;
}

void anon_vma_unlink(struct step *s, vma_ref ref)
{
	struct vm_area_struct *vma = vma_mut(s, ref);
	anon_vma_ref av = vma->anon_vma;

	MM_ASSERT(anon_vma_at(s->m, av)->nr_vmas > 0);
	list_del(s, anon_node_pa(ref));
	vma->anon_vma = anon_vma_make(0);
	vma->anon_vma_ident = 0;
	vma->chain_multi = 0;
	if (--anon_vma_mut(s, av)->nr_vmas == 0)
		kmem_cache_free(s, CACHE_ANON_VMA, av.pa);
}

void anon_vma_fork(struct step *s, vma_ref child, vma_ref parent)
{
	anon_vma_ref av = vma_at(s->m, parent)->anon_vma;
	struct vm_area_struct *vma = vma_mut(s, child);

	if (anon_vma_none(av))
		return;
	vma->anon_vma = av;
	vma->anon_vma_ident = ++anon_vma_mut(s, av)->next_ident;
	vma->chain_multi = 1;
}

/* Could @left and @right be one VMA but for their access rights? */
static bool nearly_mergeable(const struct vm_area_struct *left,
			     const struct vm_area_struct *right)
{
	return left->vm_end == right->vm_start &&
	       file_same(left->vm_file, right->vm_file) &&
	       !((left->vm_flags ^ right->vm_flags) &
		 ~(VM_ACCESS_FLAGS | VM_STICKY)) &&
	       right->vm_pgoff == left->vm_pgoff + vma_pages(left);
}

/*
 * find_mergeable_anon_vma(): sharing a neighbour's anon_vma now lets the two
 * VMAs merge later. The next one is asked first.
 */
static vma_ref find_mergeable_anon_vma(const struct machine *m, vma_ref ref)
{
	const struct vm_area_struct *vma = vma_at(m, ref), *near;

	if (!vma_none(vma->vm_next)) {
		near = vma_at(m, vma->vm_next);
		if (!anon_vma_none(near->anon_vma) && !near->chain_multi &&
		    nearly_mergeable(vma, near))
			return vma->vm_next;
	}
	if (!vma_none(vma->vm_prev)) {
		near = vma_at(m, vma->vm_prev);
		if (!anon_vma_none(near->anon_vma) && !near->chain_multi &&
		    nearly_mergeable(near, vma))
			return vma->vm_prev;
	}
	return vma_make(0);
}

static anon_vma_ref anon_vma_alloc(struct step *s)
{
	anon_vma_ref av = anon_vma_make(kmem_cache_alloc(s, CACHE_ANON_VMA));

	if (anon_vma_none(av))
		return av;
	INIT_LIST_HEAD(s, anon_head_pa(av));
	anon_vma_mut(s, av)->next_ident = 1;
	return av;
}

int64_t anon_vma_prepare(struct step *s, vma_ref ref)
{
	struct vm_area_struct *vma;
	vma_ref near;

	if (likely(!anon_vma_none(vma_at(s->m, ref)->anon_vma)))
		return 0;
	near = find_mergeable_anon_vma(s->m, ref);
	vma = vma_mut(s, ref);
	if (!vma_none(near)) {
		vma->anon_vma = vma_at(s->m, near)->anon_vma;
		vma->anon_vma_ident = vma_at(s->m, near)->anon_vma_ident;
	} else {
		anon_vma_ref av = anon_vma_alloc(s);

		if (anon_vma_none(av))
			return refuse(s, ENOMEM, "no memory for an anon_vma");
		vma->anon_vma = av;
		vma->anon_vma_ident = 1;
	}
	anon_vma_link(s, ref);
	trace_event(s, anon_vma_prepare, vma->vm_start, vma->anon_vma.pa,
		    !vma_none(near));
	return 0;
}

void page_add_new_anon_rmap(struct step *s, pfn_t pfn, vma_ref ref,
			    uint64_t addr)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	struct page_rest *page = page_mut(s, pfn);

	MM_ASSERT(!anon_vma_none(vma->anon_vma) && !page->mapping);
	/* What may be dropped at any time needs no place in swap. */
	page->flags |= (uint64_t)!(vma->vm_flags & VM_DROPPABLE)
			       << PG_swapbacked |
		       1ULL << PG_uptodate;
	page->mapping = vma->anon_vma.pa | PAGE_MAPPING_ANON;
	page->index = linear_page_index(vma, addr);
	page_counts_mut(s, pfn)->_mapcount = 0;
	kernel_mut(s)->nr_anon_pages++;
	lru_cache_add_active(s, pfn);
}

void page_add_file_rmap(struct step *s, pfn_t pfn)
{
	if (++page_counts_mut(s, pfn)->_mapcount == 0)
		kernel_mut(s)->nr_file_mapped++;
}

void page_remove_rmap(struct step *s, pfn_t pfn)
{
	struct page_counts *counts = page_counts_mut(s, pfn);

	MM_ASSERT(counts->_mapcount >= 0);
	if (--counts->_mapcount >= 0)
		return;
	if (page_at(s->m, pfn)->mapping & PAGE_MAPPING_ANON)
		kernel_mut(s)->nr_anon_pages--;
	else
		kernel_mut(s)->nr_file_mapped--;
}

/* The PTE of one mapping becomes clean and read-only. Returns: was there one? */
static bool page_mkclean_one(struct step *s, const struct vm_area_struct *vma,
			     pfn_t pfn)
{
	const uint64_t index = page_at(s->m, pfn)->index;
	const uint64_t marks = s->m->arch->write | s->m->arch->dirty;
	uint64_t pte_pa;
	pte_t pte;

	if (!(vma->vm_flags & VM_SHARED))
		return false;
	pte_pa = pte_lookup(s->m, mm_at(s->m, vma->vm_mm), vma->vm_start +
			    ((index - vma->vm_pgoff) << PAGE_SHIFT));
	pte = pte_pa ? entry_read(s->m, pte_pa) : 0;
	if (!pte_present(s->m, pte) || pte_pfn(s->m, pte) != pfn ||
	    !(pte & marks))
		return false;
	set_pte(s, pte_pa, pte & ~marks);
	return true;
}

void page_mkclean(struct step *s, pfn_t pfn)
{
	const uint64_t index = page_at(s->m, pfn)->index;
	uint64_t cleaned = 0;
	vma_ref vma;

	if (page_counts_at(s->m, pfn)->_mapcount < 0)
		return;
	vma_interval_tree_foreach(s->m, vma,
				  mapping_make(page_at(s->m, pfn)->mapping),
				  index, index)
		cleaned += page_mkclean_one(s, vma_at(s->m, vma), pfn);
	if (cleaned)
		trace_event(s, page_mkclean, pfn, cleaned);
}

/* The PTE of one mapping goes, and tells the page what it knew. */
static void try_to_unmap_one(struct step *s, const struct vm_area_struct *vma,
			     pfn_t pfn)
{
	const uint64_t index = page_at(s->m, pfn)->index;
	const uint64_t pte_pa = pte_lookup(s->m, mm_at(s->m, vma->vm_mm),
		vma->vm_start + ((index - vma->vm_pgoff) << PAGE_SHIFT));
	const pte_t pte = pte_pa ? entry_read(s->m, pte_pa) : 0;

	if (!pte_present(s->m, pte) || pte_pfn(s->m, pte) != pfn)
		return;
	set_pte(s, pte_pa, 0);
	if (pte & s->m->arch->dirty)
		set_page_dirty(s, pfn);
	update_hiwater_rss(s, vma->vm_mm);
	--*rss_counter(s, vma->vm_mm, pfn);
	page_remove_rmap(s, pfn);
	put_page(s, pfn);
}

void try_to_unmap(struct step *s, pfn_t pfn)
{
	const pfn_t folio = page_folio(s->m, pfn);
	const mapping_ref mapping = mapping_make(page_at(s->m, folio)->mapping);
	const uint64_t mapped = folio_mapcount(s->m, folio);
	vma_ref vma;

	for (uint32_t i = 0; mapped && i < folio_nr_pages(s->m, folio); i++) {
		const uint64_t index = page_at(s->m, folio + i)->index;

		if (page_counts_at(s->m, folio + i)->_mapcount < 0)
			continue;
		vma_interval_tree_foreach(s->m, vma, mapping, index, index)
			try_to_unmap_one(s, vma_at(s->m, vma), folio + i);
	}
	if (mapped)
		trace_event(s, try_to_unmap, folio, mapped);
}

/* ---- who maps this frame? ---- */

bool page_mapped_in_vma(const struct machine *m, const struct vm_area_struct *vma,
			pfn_t pfn, uint64_t index, uint64_t *addr)
{
	uint64_t pte_pa;
	pte_t pte;

	if (index < vma->vm_pgoff || index - vma->vm_pgoff >= vma_pages(vma))
		return false;
	*addr = vma->vm_start + ((index - vma->vm_pgoff) << PAGE_SHIFT);
	pte_pa = pte_lookup(m, mm_at(m, vma->vm_mm), *addr);
	if (!pte_pa)
		return false;
	pte = entry_read(m, pte_pa);
	return pte_present(m, pte) && pte_pfn(m, pte) == pfn;
}

bool vma_maps_page(const struct machine *m, const struct vm_area_struct *vma,
		   pfn_t pfn)
{
	uint64_t addr;

	return page_mapped_in_vma(m, vma, pfn, page_at(m, pfn)->index, &addr);
}

/* The VMA that is linked into an anon_vma's list at @pos. */
static vma_ref anon_vma_entry(uint64_t pos)
{
	return vma_make(pos - offsetof(struct vm_area_struct, anon_vma_node));
}

static uint64_t page_anon_head(const struct page_rest *page)
{
	return (page->mapping & ~PAGE_MAPPING_ANON) +
	       offsetof(struct anon_vma, head);
}

bool page_anon_exclusive(const struct machine *m, pfn_t pfn)
{
	const struct page_rest *page = page_at(m, pfn);
	uint64_t pos, addr;

	if (page_counts_at(m, pfn)->_mapcount != 0)
		return false;
	list_for_each_pa(m, pos, page_anon_head(page)) {
		const struct vm_area_struct *vma =
			vma_at(m, anon_vma_entry(pos));

		if (page_mapped_in_vma(m, vma, pfn, page->index, &addr))
			return entry_read(m, pte_lookup(m, mm_at(m, vma->vm_mm),
							addr)) &
			       m->arch->exclusive;
	}
	return false;
}

static bool locks_page(const struct machine *m, vma_ref ref, pfn_t pfn)
{
	uint64_t addr;

	return vma_at(m, ref)->vm_flags & VM_LOCKED &&
	       page_mapped_in_vma(m, vma_at(m, ref), pfn, page_at(m, pfn)->index, &addr);
}

vma_ref first_locked_vma(const struct machine *m, pfn_t pfn)
{
	const struct page_rest *page = page_at(m, pfn);
	uint64_t pos;
	vma_ref ref;

	if (!page->mapping || page_counts_at(m, pfn)->_mapcount < 0)
		return vma_make(0);
	if (page->mapping & PAGE_MAPPING_ANON) {
		list_for_each_pa(m, pos, page_anon_head(page))
			if (locks_page(m, anon_vma_entry(pos), pfn))
				return anon_vma_entry(pos);
		return vma_make(0);
	}
	vma_interval_tree_foreach(m, ref, mapping_make(page->mapping),
				  page->index, page->index)
		if (locks_page(m, ref, pfn))
			return ref;
	return vma_make(0);
}

void rmap_walk(const struct machine *m, pfn_t pfn,
	       void (*rmap_one)(void *ctx, vma_ref vma), void *ctx)
{
	const struct page_rest *page = page_at(m, pfn);
	uint64_t pos;
	vma_ref vma;

	if (page->mapping & PAGE_MAPPING_ANON) {
		list_for_each_pa(m, pos, page_anon_head(page))
			rmap_one(ctx, anon_vma_entry(pos));
		return;
	}
	vma_interval_tree_foreach(m, vma, mapping_make(page->mapping), page->index,
				  page->index)
		rmap_one(ctx, vma);
}
