/* SPDX-License-Identifier: MIT */
/*
 * Which VMAs map a range of a file? mapping->i_mmap, in the part that 2.6's prio
 * tree played (mm/prio_tree.c): a red-black tree of the VMAs by the first page of the
 * file that they map, each node knowing the last page that any VMA below it maps.
 * Contracts as in 6.18 mm/interval_tree.c.
 */
#ifndef MMCORE_INTERVAL_TREE_H
#define MMCORE_INTERVAL_TREE_H

#include "mmcore/mm/mm_types.h"

/* First and last page of its file that a VMA maps. */
static inline uint64_t vma_start_pgoff(const struct vm_area_struct *vma)
{
	return vma->vm_pgoff;
}

static inline uint64_t vma_last_pgoff(const struct vm_area_struct *vma)
{
	return vma->vm_pgoff + vma_pages(vma) - 1;
}

/* Link a VMA whose range is final, or unlink it before its range changes. O(log n). */
void vma_interval_tree_insert(struct step *s, vma_ref vma, mapping_ref mapping);
void vma_interval_tree_remove(struct step *s, vma_ref vma, mapping_ref mapping);

/* The VMAs that map any of the pages [@first, @last], by vm_pgoff; none: no more.
 * O(log n) each. */
vma_ref vma_interval_tree_iter_first(const struct machine *m,
				     mapping_ref mapping, uint64_t first,
				     uint64_t last);
vma_ref vma_interval_tree_iter_next(const struct machine *m, vma_ref vma,
				    uint64_t first, uint64_t last);

/* What a node should know of the VMAs below it, recomputed; for checks. */
uint64_t vma_compute_subtree_last(const struct machine *m, vma_ref vma);

#define vma_interval_tree_foreach(m, vma, mapping, first, last)		\
	for (vma = vma_interval_tree_iter_first(m, mapping, first, last);	\
	     !vma_none(vma);						\
	     vma = vma_interval_tree_iter_next(m, vma, first, last))

#endif
