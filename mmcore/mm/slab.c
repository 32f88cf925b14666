/* SPDX-License-Identifier: MIT */
/*
 * The slab allocator (2.6.17 mm/slab.c): each kind of object has a cache, each
 * cache cuts whole frames into objects. A slab's descriptor and its free list
 * lie in the frame itself, before the objects; a frame belongs to the cache's
 * full, partial or free list according to how many of its objects are out.
 *
 * Objects are zero when handed out because they are zeroed when given back:
 * what a freed object held can reach neither a digest nor an image.
 */
#include <string.h>

#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/slab.h"
#include "mmcore/trace.h"

#define CACHE_LINE 64u

static const struct {
	const char *name;
	uint32_t size;
} cache_kinds[NR_KMEM_CACHES] = {
#define X(id, name, type) { name, sizeof(type) },
	KMEM_CACHES(X)
#undef X
};

const char *kmem_cache_name(enum kmem_cache_id cache)
{
	return cache_kinds[cache].name;
}

static uint64_t cache_pa(enum kmem_cache_id id)
{
	return KERNEL_MEMBER(caches) + id * sizeof(struct kmem_cache);
}

static struct kmem_cache *cache_mut(struct step *s, enum kmem_cache_id id)
{
	return &kernel_mut(s)->caches[id];
}

static uint64_t full_list(enum kmem_cache_id id)
{
	return cache_pa(id) + offsetof(struct kmem_cache, slabs_full);
}

static uint64_t partial_list(enum kmem_cache_id id)
{
	return cache_pa(id) + offsetof(struct kmem_cache, slabs_partial);
}

static uint64_t free_list(enum kmem_cache_id id)
{
	return cache_pa(id) + offsetof(struct kmem_cache, slabs_free);
}

static struct slab *slab_mut(struct step *s, uint64_t slab)
{
	return ram_mut(s, slab);
}

static uint32_t *bufctl(struct slab *slab)
{
	return (uint32_t *)(slab + 1);
}

/* Align to a cache line, or to the half of it that still holds the object. */
static uint32_t object_align(uint32_t size)
{
	uint32_t align = CACHE_LINE;

	while (align > 8 && size <= align / 2)
		align /= 2;
	return align;
}

static uint32_t first_object(uint32_t num, uint32_t align)
{
	uint32_t head = (uint32_t)sizeof(struct slab) + num * 4;

	return (head + align - 1) / align * align;
}

void kmem_cache_init(struct step *s)
{
	for (int i = 0; i < NR_KMEM_CACHES; i++) {
		enum kmem_cache_id id = (enum kmem_cache_id)i;
		struct kmem_cache *c = cache_mut(s, id);
		uint32_t align = object_align(cache_kinds[i].size);
		uint32_t num = 1;

		c->objsize = (cache_kinds[i].size + align - 1) / align * align;
		while (first_object(num + 1, align) + (num + 1) * c->objsize <=
		       PAGE_SIZE)
			num++;
		c->num = num;
		INIT_LIST_HEAD(s, full_list(id));
		INIT_LIST_HEAD(s, partial_list(id));
		INIT_LIST_HEAD(s, free_list(id));
	}
}

/* cache_grow(): a fresh frame, all of its objects free. 0: no RAM. */
static uint64_t cache_grow(struct step *s, enum kmem_cache_id id)
{
	struct kmem_cache *c = cache_mut(s, id);
	pfn_t pfn = alloc_page(s, GFP_KERNEL);
	uint64_t pa = pfn_to_pa(pfn);
	struct slab *slab;

	if (!pfn)
		return 0;
	page_mut(s, pfn)->flags |= 1ULL << PG_slab;
	slab = slab_mut(s, pa);
	slab->cache = id;
	slab->s_mem = first_object(c->num, object_align(cache_kinds[id].size));
	for (uint32_t i = 0; i < c->num; i++)
		bufctl(slab)[i] = i + 1 < c->num ? i + 1 : BUFCTL_END;
	list_add(s, pa, free_list(id));
	c->nr_slabs++;
	c->nr_free_slabs++;
	trace_event(s, cache_grow, (uint64_t)id, pfn);
	return pa;
}

/* slab_destroy(): an empty slab's frame goes back to the buddy lists. */
static void slab_destroy(struct step *s, enum kmem_cache_id id, uint64_t pa)
{
	struct kmem_cache *c = cache_mut(s, id);
	pfn_t pfn = (pfn_t)(pa >> PAGE_SHIFT);

	MM_ASSERT(page_has(s->m, pfn, PG_slab) && !slab_mut(s, pa)->inuse);
	list_del(s, pa);
	c->nr_slabs--;
	c->nr_free_slabs--;
	page_mut(s, pfn)->flags &= ~(1ULL << PG_slab);
	trace_event(s, slab_destroy, (uint64_t)id, pfn);
	__free_pages(s, pfn, 0);
}

/* A slab with a free object: partial first, then free, then a new one. */
static uint64_t find_slab(struct step *s, enum kmem_cache_id id)
{
	const struct kmem_cache *c = &kernel_at(s->m)->caches[id];

	if (c->slabs_partial.next != partial_list(id))
		return c->slabs_partial.next;
	if (c->slabs_free.next != free_list(id))
		return c->slabs_free.next;
	return cache_grow(s, id);
}

uint64_t kmem_cache_alloc(struct step *s, enum kmem_cache_id id)
{
	struct kmem_cache *c = cache_mut(s, id);
	struct slab *slab;
	uint32_t object;
	uint64_t pa;

	might_reclaim(s);
	pa = find_slab(s, id);
	if (!pa)
		return 0;
	slab = slab_mut(s, pa);
	object = slab->free;
	MM_ASSERT(slab->cache == (uint32_t)id && object < c->num);
	slab->free = bufctl(slab)[object];
	bufctl(slab)[object] = BUFCTL_ACTIVE;
	if (slab->inuse++ == 0)
		c->nr_free_slabs--;
	c->nr_active++;
	if (slab->inuse == c->num)
		list_move(s, pa, full_list(id));
	else if (slab->inuse == 1)
		list_move(s, pa, partial_list(id));
	return pa + slab->s_mem + (uint64_t)object * c->objsize;
}

void kmem_cache_free(struct step *s, enum kmem_cache_id id, uint64_t pa)
{
	uint64_t slab_pa = pa & PAGE_MASK;
	struct kmem_cache *c = cache_mut(s, id);
	struct slab *slab = slab_mut(s, slab_pa);
	uint32_t object = (uint32_t)((pa & ~PAGE_MASK) - slab->s_mem) / c->objsize;

	MM_ASSERT(slab->cache == (uint32_t)id && object < c->num);
	MM_ASSERT(slab->s_mem + object * c->objsize == (uint32_t)(pa & ~PAGE_MASK));
	MM_ASSERT(bufctl(slab)[object] == BUFCTL_ACTIVE);
	memset(ram_mut(s, pa), 0, c->objsize);
	bufctl(slab)[object] = slab->free;
	slab->free = object;
	c->nr_active--;
	slab->inuse--;
	if (slab->inuse == 0) {
		c->nr_free_slabs++;
		if (c->nr_free_slabs > 1)
			slab_destroy(s, id, slab_pa);
		else
			list_move(s, slab_pa, free_list(id));
	} else if (slab->inuse + 1 == c->num) {
		list_move(s, slab_pa, partial_list(id));
	}
}

uint64_t kmem_cache_shrink_all(struct step *s)
{
	uint64_t freed = 0;

	for (int i = 0; i < NR_KMEM_CACHES; i++) {
		enum kmem_cache_id id = (enum kmem_cache_id)i;

		while (!list_empty(s->m, free_list(id))) {
			slab_destroy(s, id, list_next_pa(s->m, free_list(id)));
			freed++;
		}
	}
	return freed;
}

/* The first object handed out in this slab at or after number @i; 0: none. */
static uint64_t slab_scan(const struct machine *m, const struct kmem_cache *c,
			  uint64_t slab_pa, uint32_t i)
{
	const struct slab *slab = ram_at(m, slab_pa);
	const uint32_t *ctl = (const uint32_t *)(slab + 1);

	for (; i < c->num; i++)
		if (ctl[i] == BUFCTL_ACTIVE)
			return slab_pa + slab->s_mem + (uint64_t)i * c->objsize;
	return 0;
}

uint64_t kmem_cache_next(const struct machine *m, enum kmem_cache_id id,
			 uint64_t pa)
{
	const struct kmem_cache *c = &kernel_at(m)->caches[id];
	uint64_t slab_pa, found;

	mm_poll(m, 1);
	if (pa) {
		const struct slab *slab = ram_at(m, pa & PAGE_MASK);
		uint32_t i = (uint32_t)((pa & ~PAGE_MASK) - slab->s_mem) /
			     c->objsize;

		found = slab_scan(m, c, pa & PAGE_MASK, i + 1);
		if (found)
			return found;
		slab_pa = slab->list.next;
	} else {
		slab_pa = c->slabs_full.next;
	}
	for (;;) {
		mm_poll(m, 1);
		if (slab_pa == full_list(id))
			slab_pa = c->slabs_partial.next;
		if (slab_pa == partial_list(id))
			return 0;
		found = slab_scan(m, c, slab_pa, 0);
		if (found)
			return found;
		slab_pa = list_at(m, slab_pa)->next;
	}
}
