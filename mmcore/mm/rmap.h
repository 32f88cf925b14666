/* SPDX-License-Identifier: MIT */
/* Reverse mapping: from a page to the PTEs that map it (2.6.17 and 6.18 mm/rmap.c). */
#ifndef MMCORE_RMAP_H
#define MMCORE_RMAP_H

#include "mmcore/mm/mm.h"

/* The VMA gets an anon_vma, its neighbour's if 6.18 would share. 0/-ENOMEM. */
int64_t anon_vma_prepare(struct step *s, vma_ref vma);
void anon_vma_link(struct step *s, vma_ref vma);	/* vma->anon_vma is set */
void anon_vma_unlink(struct step *s, vma_ref vma);	/* last one frees it */
/* Fork: a new identity for the child's VMA, chain_multi set. */
void anon_vma_fork(struct step *s, vma_ref child, vma_ref parent);
/* A page just made is mapped for the first time: rmap, LRU, counters. */
void page_add_new_anon_rmap(struct step *s, pfn_t pfn, vma_ref vma,
			    uint64_t addr);
/* One more PTE maps a page of a file (or of the kernel's). */
void page_add_file_rmap(struct step *s, pfn_t pfn);
/*
 * Is an anonymous page marked as its only PTE's own (Linux: PageAnonExclusive)?
 * O(VMAs of its family).
 */
bool page_anon_exclusive(const struct machine *m, pfn_t pfn);
/* The first VMA of those that map the page and are locked, or none: then the
 * page may be evicted. O(VMAs of its family or file). */
vma_ref first_locked_vma(const struct machine *m, pfn_t pfn);
/**
 * rmap_walk - each VMA that may map a page, in the order of the lists
 * @pfn:      a page that has a mapping
 * @rmap_one: is called for each; page_mapped_in_vma() says whether it does
 *
 * O(VMAs of its family or, of a file, that cover it). Linux: mm/rmap.c, 6.18.
 */
void rmap_walk(const struct machine *m, pfn_t pfn,
	       void (*rmap_one)(void *ctx, vma_ref vma), void *ctx);
/* Does the VMA map the frame, as the page @index of its object? *addr: where it does,
 * or would. O(tables). Linux: mm/page_vma_mapped.c, 6.18. */
bool page_mapped_in_vma(const struct machine *m, const struct vm_area_struct *vma,
			pfn_t pfn, uint64_t index, uint64_t *addr);
/* Does the VMA map the page? O(tables). */
bool vma_maps_page(const struct machine *m, const struct vm_area_struct *vma,
		   pfn_t pfn);
/* No PTE maps any page of the folio of a file that @pfn lies in any more, locked or
 * not; what was stored through them is dirty. Linux: mm/rmap.c, 6.18. */
void try_to_unmap(struct step *s, pfn_t pfn);
/* Take the permission to write, and the dirty bit, from every shared mapping of a
 * file's page. Linux: mm/rmap.c, 2.6.18. O(mappings of that page). */
void page_mkclean(struct step *s, pfn_t pfn);
/* One PTE fewer maps the page; the reference is the caller's to drop. */
void page_remove_rmap(struct step *s, pfn_t pfn);

#endif
