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
 * Returns: the address of a zeroed object, or 0 when RAM is gone. O(1).
 * Linux: mm/slab.c kmem_cache_alloc(), 2.6.17, without the per-CPU arrays
 * (D-001).
 */
uint64_t kmem_cache_alloc(struct step *s, enum kmem_cache_id cache);

/* Give an object back; it is zeroed. One free slab a cache is kept. O(1). */
void kmem_cache_free(struct step *s, enum kmem_cache_id cache, uint64_t pa);

/* Give the free slabs of every cache back; returns how many frames that were. */
uint64_t kmem_cache_shrink_all(struct step *s);

const char *kmem_cache_name(enum kmem_cache_id cache);

/* Walk the objects of a cache that are handed out. 0: the end. O(objects). */
uint64_t kmem_cache_next(const struct machine *m, enum kmem_cache_id cache,
			 uint64_t pa);

#endif
