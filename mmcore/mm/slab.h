/* SPDX-License-Identifier: MIT */
/* The slab allocator: one cache per kind of kernel object. */
#ifndef MMCORE_SLAB_H
#define MMCORE_SLAB_H

#include "mmcore/kernel/kernel.h"

/*
 * Lies at the start of a PG_slab frame, followed by one bufctl word an object
 * (the index of the next free one) and then by the objects.
 */
struct slab {
	struct list_head list;	/* in the cache's full, partial or free list */
	uint32_t cache;		/* enum kmem_cache_id */
	uint32_t inuse;		/* objects handed out */
	uint32_t free;		/* index of the first free object, or BUFCTL_END */
	uint32_t s_mem;		/* offset of the first object in the frame */
};

#define BUFCTL_END	0xffffffffu
#define BUFCTL_ACTIVE	0xfffffffeu	/* handed out */

/* Sets up every cache; takes no frames. */
void kmem_cache_init(struct step *s);

/**
 * kmem_cache_alloc - take an object
 * @s:     step
 * @cache: CACHE_*
 *
 * Takes from the partial slabs first, then the free ones, else a new frame.
 *
 * Returns: the physical address of a zeroed object, or 0 when no frame can be had.
 * May reclaim (see alloc_pages()). O(1).
 * Linux: mm/slab.c kmem_cache_alloc(), 2.6.17, without the per-CPU arrays
 * (D-001).
 */
uint64_t kmem_cache_alloc(struct step *s, enum kmem_cache_id cache);

/* Give back the object at @pa, which kmem_cache_alloc() gave out of the same cache. It is
 * zeroed. A cache keeps one slab without objects and frees others. O(1). Linux: mm/slab.c,
 * 2.6.17. */
void kmem_cache_free(struct step *s, enum kmem_cache_id cache, uint64_t pa);

/* Free the slabs without objects of every cache. Returns: how many frames that were.
 * O(caches). */
uint64_t kmem_cache_shrink_all(struct step *s);

/* The name of a cache as /proc/slabinfo writes it. */
const char *kmem_cache_name(enum kmem_cache_id cache);

/* The object in use that follows the one at @pa; @pa 0: the first one. Returns: its
 * physical address, or 0 at the end. A whole walk is O(objects of the cache's slabs). */
uint64_t kmem_cache_next(const struct machine *m, enum kmem_cache_id cache,
			 uint64_t pa);

#endif
