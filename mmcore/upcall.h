/* SPDX-License-Identifier: MIT */
/*
 * The calls that go up against the layers, all of them. Below stands who may not know
 * what happens above: the allocator needs memory and enters reclaim, which walks the
 * page cache and the reverse mappings, which stand above the allocator. Everywhere else
 * a file calls its own layer and those below (mmcore/layers.txt), and reaches what lies
 * above only through the tables of tables.c.
 */
#ifndef MMCORE_UPCALL_H
#define MMCORE_UPCALL_H

#include <stdbool.h>

#include "mmcore/ram.h"

/**
 * try_to_free_pages - make room for an allocation that found none
 * @gfp:   __GFP_* of the allocation
 * @order: of it
 *
 * Called by alloc_pages() alone. Gives empty slabs back to the buddy allocator. The
 * rule over alloc_pages() says what else it may take away.
 * Returns: whether a frame was freed, so that it is worth trying again. O(slabs).
 * Linux: mm/vmscan.c, 2.6.17 and 6.18.
 */
bool try_to_free_pages(struct step *s, unsigned int gfp, unsigned int order);

#endif
