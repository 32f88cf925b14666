/* SPDX-License-Identifier: MIT */
/* Reclaim: memory is taken back from those who can do without it (2.6.17 mm/vmscan.c). */
#include "mmcore/mm/slab.h"
#include "mmcore/upcall.h"

bool try_to_free_pages(struct step *s, unsigned int gfp, unsigned int order)
{
	(void)gfp;
	(void)order;
	return kmem_cache_shrink_all(s);
}
