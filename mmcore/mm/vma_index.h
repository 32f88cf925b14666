/* SPDX-License-Identifier: MIT */
/* The index of an address space: a B+ tree of its VMAs and of the gaps between them. */
#ifndef MMCORE_VMA_INDEX_H
#define MMCORE_VMA_INDEX_H

#include "mmcore/mm/mm_types.h"

/**
 * vma_index_find - the first VMA that ends above @addr
 * @prev: set to the VMA before it, or the last one if there is none
 *
 * Returns: that VMA, which may start above @addr, or none. O(log VMAs).
 */
vma_ref vma_index_find(const struct machine *m, mm_ref mm, uint64_t addr,
		       vma_ref *prev);

/**
 * vma_index_prealloc - make room for an entry at @addr
 *
 * Returns: false when RAM is gone. After true, the next vma_index_insert() of
 * a VMA that starts at @addr cannot fail, if nothing else came between.
 */
bool vma_index_prealloc(struct step *s, mm_ref mm, uint64_t addr);

/* Enter a VMA, whose range is free and whose place vma_index_prealloc() has made. Cannot
 * fail. O(log VMAs). */
void vma_index_insert(struct step *s, mm_ref mm, vma_ref vma);

/*
 * Cut the entry of @lower at @addr; the part above becomes the entry of @upper. A place at
 * the start of the entry has been preallocated. Cannot fail. O(log VMAs).
 */
void vma_index_split(struct step *s, mm_ref mm, vma_ref lower, vma_ref upper,
		     uint64_t addr);

/* Remove the entry that ends at @end. O(log VMAs). */
void vma_index_erase(struct step *s, mm_ref mm, uint64_t end);

/* The entry that ends at @old_end becomes [@start, @end), with the same neighbours.
 * O(log VMAs). */
void vma_index_move(struct step *s, mm_ref mm, uint64_t old_end,
		    uint64_t start, uint64_t end);

/* Free all nodes, when an address space goes (exit_mmap()). O(VMAs). */
void vma_index_free(struct step *s, mm_ref mm);

/**
 * vma_index_highest_gap - the highest free range within [low, high)
 * @len:   bytes, not 0
 * @above: set to the VMA after the gap, none if that is the last
 *
 * Returns: the end of the highest gap that has @len bytes in [low, high), not
 * above @high; or 0. The lowest one's start likewise. O(log n).
 */
uint64_t vma_index_highest_gap(const struct machine *m, mm_ref mm,
			       uint64_t low, uint64_t high, uint64_t len,
			       vma_ref *above);
uint64_t vma_index_lowest_gap(const struct machine *m, mm_ref mm, uint64_t low,
			      uint64_t high, uint64_t len, vma_ref *above);

/*
 * Compare the index with the list of VMAs. Returns: NULL, or a sentence that says what is
 * wrong. O(VMAs).
 */
const char *vma_index_check(const struct machine *m, mm_ref mm);

#endif
