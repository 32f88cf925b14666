/* SPDX-License-Identifier: MIT */
/* The page cache's index: pgoff -> pfn, 64 slots a node (2.6.17 lib/radix-tree.c). */
#ifndef MMCORE_RADIX_H
#define MMCORE_RADIX_H

#include "mmcore/kernel/kernel.h"

/* The frame at @index, or 0. O(height). */
pfn_t radix_tree_lookup(const struct machine *m, mapping_ref mapping,
			uint64_t index);
/* 0, or -ENOMEM; the slot must be empty. */
int radix_tree_insert(struct step *s, mapping_ref mapping, uint64_t index,
		      pfn_t pfn);
/* Removes and returns what was there (0: nothing); empty nodes are freed. */
pfn_t radix_tree_delete(struct step *s, mapping_ref mapping, uint64_t index);
/* The lowest index >= @index that is in use; false: none. */
bool radix_tree_next(const struct machine *m, mapping_ref mapping,
		     uint64_t *index, pfn_t *pfn);

/*
 * Each slot carries tags; an inner node's slot has one where any slot below it
 * has, so that what is tagged is found without looking at all the rest.
 */
enum radix_tag { PAGECACHE_TAG_DIRTY, PAGECACHE_TAG_WRITEBACK, NR_RADIX_TAGS };

/* The slot is in use. O(height). */
void radix_tree_tag_set(struct step *s, mapping_ref mapping, uint64_t index,
			enum radix_tag tag);
void radix_tree_tag_clear(struct step *s, mapping_ref mapping, uint64_t index,
			  enum radix_tag tag);
bool radix_tree_tag_get(const struct machine *m, mapping_ref mapping,
			uint64_t index, enum radix_tag tag);
/* The lowest index >= @index with the tag; false: none. O(height). */
bool radix_tree_next_tagged(const struct machine *m, mapping_ref mapping,
			    uint64_t *index, pfn_t *pfn, enum radix_tag tag);
/* Is anything tagged? O(1). */
bool radix_tree_tagged(const struct machine *m, mapping_ref mapping,
		       enum radix_tag tag);

#endif
