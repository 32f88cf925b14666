/* SPDX-License-Identifier: MIT */
/* Reclaim: freeing memory that can be done without (2.6.17 mm/vmscan.c). Only slabs yet. */
#include "mmcore/mm/slab.h"
#include "mmcore/upcall.h"

bool try_to_free_pages(struct step *s, unsigned int gfp, unsigned int order)
{
	(void)gfp;
	(void)order;
	return kmem_cache_shrink_all(s);
}
