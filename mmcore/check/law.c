/* SPDX-License-Identifier: MIT */
/* A law of the model by its name, and the question that all laws begin with. The laws
 * stand in invariants.def. */
#include "mmcore/check/check.h"

static const struct {
	const char *id, *what;
} laws[NR_LAWS] = {
#define LAW(id, what) { #id, what },
#include "mmcore/check/invariants.def"
#undef LAW
};

bool check_law(struct check *c, enum law id, bool ok)
{
	mm_poll(c->m, 1);
	if (likely(ok))
		return true;
	c->violations++;
	if (c->report)
		c->report(c->ctx, laws[id].id, laws[id].what);
	return false;
}

bool check_object(const struct check *c, uint64_t pa, enum kmem_cache_id id)
{
	const struct kmem_cache *cache = &kernel_at(c->m)->caches[id];
	const struct slab *slab;
	uint64_t offset, i;

	if (!check_has(c, pa, cache->objsize) ||
	    !page_is_managed(c->m, pa >> PAGE_SHIFT) ||
	    !page_has(c->m, (pfn_t)(pa >> PAGE_SHIFT), PG_slab))
		return false;
	slab = ram_at(c->m, pa & PAGE_MASK);
	offset = pa & ~PAGE_MASK;
	if (slab->cache != (uint32_t)id || offset < slab->s_mem ||
	    (offset - slab->s_mem) % cache->objsize)
		return false;
	i = (offset - slab->s_mem) / cache->objsize;
	return i < cache->num &&
	       ((const uint32_t *)(slab + 1))[i] == BUFCTL_ACTIVE;
}
