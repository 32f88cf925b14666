/* SPDX-License-Identifier: MIT */
/* Reverse mapping: from a page to the PTEs that map it (2.6.17 and 6.18 mm/rmap.c). */
#ifndef MMCORE_RMAP_H
#define MMCORE_RMAP_H

#include "mmcore/mm/mm.h"

/**
 * anon_vma_prepare - a VMA is about to get its first anonymous page
 * @vma: any VMA; one that has an anon_vma already is left as it is
 *
 * Gives it the anon_vma of a neighbour with which it could merge but for the access
 * rights, else a new one. May reclaim (see alloc_pages()).
 * Returns: 0, or -ENOMEM by refuse(), and nothing has changed. O(1).
 * Linux: mm/rmap.c __anon_vma_prepare(), 6.18.
 */
int64_t anon_vma_prepare(struct step *s, vma_ref vma);
/* Put the VMA on the list of the anon_vma that it has. O(1). */
void anon_vma_link(struct step *s, vma_ref vma);
/* Take it off that list; the last VMA frees the anon_vma. O(1). */
void anon_vma_unlink(struct step *s, vma_ref vma);
/* fork(): @child gets @parent's anon_vma, a new anon_vma_ident and chain_multi. It is not
 * linked yet. Does nothing where the parent has none. O(1). */
void anon_vma_fork(struct step *s, vma_ref child, vma_ref parent);
/* A new anonymous page is about to be mapped at @addr of @vma, which has an anon_vma: sets
 * mapping and index, counts it as mapped once, puts it on the active list. O(1).
 * Linux: mm/rmap.c, 2.6.17. */
void page_add_new_anon_rmap(struct step *s, pfn_t pfn, vma_ref vma,
			    uint64_t addr);
/* One more PTE maps @pfn, a page of a file, of shared memory or of the kernel. The
 * reference is the caller's to take. O(1). Linux: mm/rmap.c, 2.6.17. */
void page_add_file_rmap(struct step *s, pfn_t pfn);
/*
 * Does one PTE alone map this anonymous page, with the mark that it is that address
 * space's own? Linux: PageAnonExclusive(), 6.18. O(VMAs on the list of its anon_vma).
 */
bool page_anon_exclusive(const struct machine *m, pfn_t pfn);
/* The first VMA with VM_LOCKED that maps the page, or none: then the page may be
 * evicted. O(VMAs of its anon_vma or file). */
vma_ref first_locked_vma(const struct machine *m, pfn_t pfn);
/**
 * rmap_walk - call a function for each VMA that may map a page
 * @pfn:      a page that has a mapping
 * @rmap_one: is called with @ctx and each VMA, in the order of the list or tree;
 *            page_mapped_in_vma() tells whether the VMA does map the page
 * @ctx:      is handed on
 *
 * O(VMAs of its anon_vma, or VMAs that cover its place in the file). Linux: mm/rmap.c,
 * 6.18.
 */
void rmap_walk(const struct machine *m, pfn_t pfn,
	       void (*rmap_one)(void *ctx, vma_ref vma), void *ctx);
/* Does the VMA map frame @pfn as page @index of its object? Sets *@addr to the address at
 * which it does or would. O(levels). Linux: mm/page_vma_mapped.c, 6.18. */
bool page_mapped_in_vma(const struct machine *m, const struct vm_area_struct *vma,
			pfn_t pfn, uint64_t index, uint64_t *addr);
/* The same where the page knows its index itself. O(levels). */
bool vma_maps_page(const struct machine *m, const struct vm_area_struct *vma,
		   pfn_t pfn);
/* Remove every PTE that maps a page of the folio that @pfn lies in, a folio of a file,
 * also from locked VMAs. Where a PTE was dirty the folio becomes dirty. Cannot fail.
 * O(its pages * VMAs that cover them). Linux: mm/rmap.c, 6.18. */
void try_to_unmap(struct step *s, pfn_t pfn);
/* Take the permission to write, and the dirty bit, from every shared mapping of a
 * file's page. Linux: mm/rmap.c, 2.6.18. O(mappings of that page). */
void page_mkclean(struct step *s, pfn_t pfn);
/* One PTE fewer maps @pfn, which some PTE maps. The reference is the caller's to drop.
 * O(1). Linux: mm/rmap.c, 2.6.17. */
void page_remove_rmap(struct step *s, pfn_t pfn);

#endif
