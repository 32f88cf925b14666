/* SPDX-License-Identifier: MIT */
#include "tests/lib/evil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/lib/interval_tree.h"
#include "mmcore/lib/radix.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/slab.h"

#define PAGES_MAX	1024	/* looked at in one go */
#define MAPPINGS_MAX	64	/* of a page that changes its frame */

struct taker {
	struct evil evil;	/* first: what the machine knows of it */
	unsigned int every, count;
	uint64_t state;
	bool at_work;
};

static unsigned int every;
static uint64_t seed = 1;

static void read_environment(void)
{
	static bool done;
	const char *text = getenv("MMAPD_EVIL");

	if (!done && text && *text &&
	    sscanf(text, "%u:%lu", &every, &seed) < 1) {
		fprintf(stderr, "MMAPD_EVIL must be N or N:SEED: %s\n", text);
		abort();
	}
	done = true;
}

bool evil_is_on(void)
{
	read_environment();
	return every > 0;
}

/* splitmix64 */
static uint64_t next_word(struct taker *t)
{
	uint64_t z = t->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* ---- who may go ---- */

/* Folios on the LRU lists of all zones. */
static uint64_t collect(const struct machine *m, pfn_t *pages)
{
	uint64_t nr = 0, pos;

	for (int type = 0; type < MAX_NR_ZONES; type++)
		for (int active = 0; active < 2; active++)
			list_for_each_pa(m, pos, lru_list_pa((enum zone_type)type,
							     active))
				if (nr < PAGES_MAX)
					pages[nr++] = lru_to_pfn(m, pos);
	return nr;
}

/* A page that may have gone with one before it, or that somebody holds or locks. */
static bool is_kept(const struct machine *m, pfn_t pfn)
{
	const uint64_t busy = 1ULL << PG_locked | 1ULL << PG_writeback;
	const struct page_rest *page = page_at(m, pfn);
	const uint32_t nr = folio_nr_pages(m, pfn);
	int64_t refs = page->mapping & PAGE_MAPPING_ANON ? 0 : nr;

	if (!(page->flags >> PG_lru & 1) || page->flags & busy || !page->mapping)
		return true;
	for (uint32_t i = 0; i < nr; i++) {
		refs += page_counts_at(m, pfn + i)->_mapcount + 1;
		if (!vma_none(first_locked_vma(m, pfn + i)))
			return true;
	}
	return refs != page_counts_at(m, pfn)->_count;
}

/* ---- a page of a file leaves the cache ---- */

static void drop_file_page(struct step *s, pfn_t pfn)
{
	const mapping_ref mapping = mapping_make(page_at(s->m, pfn)->mapping);
	const uint64_t index = page_at(s->m, pfn)->index;

	try_to_unmap(s, pfn);
	if (page_has(s->m, pfn, PG_dirty) &&
	    filemap_fdatawrite_range(s, mapping, index,
				     index + folio_nr_pages(s->m, pfn)))
		return;
	remove_from_page_cache(s, pfn);
}

/* ---- a swappable page comes back in another frame ---- */

/* The entries that map a page, found as reclaim would find them: by its VMAs. */
struct mappings {
	uint64_t pte_pa[MAPPINGS_MAX];
	int32_t nr;
};

static void note_vma(const struct machine *m, vma_ref ref, pfn_t pfn,
		     struct mappings *maps)
{
	const struct vm_area_struct *vma = vma_at(m, ref);
	const uint64_t addr = vma->vm_start + ((page_at(m, pfn)->index -
						vma->vm_pgoff) << PAGE_SHIFT);

	if (!vma_maps_page(m, vma, pfn))
		return;
	if (maps->nr < MAPPINGS_MAX)
		maps->pte_pa[maps->nr] = pte_lookup(m, mm_at(m, vma->vm_mm), addr);
	maps->nr++;
}

static void find_mappings(const struct machine *m, pfn_t pfn,
			  struct mappings *maps)
{
	const struct page_rest *page = page_at(m, pfn);
	const uint64_t anon_vma = page->mapping & ~PAGE_MAPPING_ANON;
	uint64_t pos;
	vma_ref vma;

	maps->nr = 0;
	if (page->mapping & PAGE_MAPPING_ANON) {
		list_for_each_pa(m, pos, anon_vma + offsetof(struct anon_vma, head))
			note_vma(m, vma_make(pos - offsetof(struct vm_area_struct,
							    anon_vma_node)),
				 pfn, maps);
		return;
	}
	vma_interval_tree_foreach(m, vma, mapping_make(page->mapping), page->index,
				  page->index)
		note_vma(m, vma, pfn, maps);
}

/* What the struct page of @from says is @to's from now on. */
static void move_struct_page(struct step *s, pfn_t from, pfn_t to)
{
	const bool active = page_has(s->m, from, PG_active);
	struct page_rest *old = page_mut(s, from), *new = page_mut(s, to);
	struct page_counts *counts = page_counts_mut(s, from);

	del_page_from_lru(s, from);
	new->flags = old->flags;
	new->mapping = old->mapping;
	new->index = old->index;
	*page_counts_mut(s, to) = *counts;
	*counts = (struct page_counts){ 1, -1 };
	old->flags = old->mapping = old->index = 0;
	if (active)
		lru_cache_add_active(s, to);
	else
		lru_cache_add(s, to);
}

/* The cache of shared memory names the new frame; the tags stay, there are none. */
static void move_cache_entry(struct step *s, pfn_t pfn, pfn_t to)
{
	const struct page_rest *page = page_at(s->m, pfn);
	const mapping_ref mapping = mapping_make(page->mapping);

	if (page->mapping & PAGE_MAPPING_ANON)
		return;
	radix_tree_delete(s, mapping, page->index);
	if (radix_tree_insert(s, mapping, page->index, to))
		abort();	/* the node that it lay in is there */
}

static void exchange_frame(struct step *s, pfn_t pfn)
{
	struct mappings maps;
	const struct page_rest *page = page_at(s->m, pfn);
	pfn_t to;

	/* Removing the last page of a tree frees its nodes; that page stays. */
	if (!(page->mapping & PAGE_MAPPING_ANON) &&
	    mapping_at(s->m, mapping_make(page->mapping))->nrpages < 2)
		return;
	find_mappings(s->m, pfn, &maps);
	if (maps.nr != page_counts_at(s->m, pfn)->_mapcount + 1) {
		fprintf(stderr, "frame %u has %d mappings, and %d were found\n", pfn,
			page_counts_at(s->m, pfn)->_mapcount + 1, maps.nr);
		abort();
	}
	if (maps.nr > MAPPINGS_MAX)
		return;
	to = alloc_page(s, GFP_HIGHUSER & ~__GFP_WAIT);
	if (!to)
		return;
	ram_copy_frame(s, to, pfn);
	for (int32_t i = 0; i < maps.nr; i++) {
		const pte_t pte = entry_read(s->m, maps.pte_pa[i]);
		const pte_t bits = pte & ~pfn_pte(s->m, pfn, 0);

		set_pte(s, maps.pte_pa[i], pfn_pte(s->m, to, bits));
	}
	move_cache_entry(s, pfn, to);
	move_struct_page(s, pfn, to);
	put_page(s, pfn);
}

/* ---- at an allocation ---- */

/* Is it of a file, so that the disk has its bytes or can get them? */
static bool is_of_file(const struct machine *m, pfn_t pfn)
{
	return !(page_at(m, pfn)->mapping & PAGE_MAPPING_ANON) &&
	       !page_has(m, pfn, PG_swapbacked);
}

static void take_page(struct step *s, pfn_t pfn)
{
	if (is_kept(s->m, pfn))
		return;
	if (is_of_file(s->m, pfn))
		drop_file_page(s, pfn);
	else if (folio_nr_pages(s->m, pfn) == 1)
		exchange_frame(s, pfn);
}

static void take(struct step *s, struct evil *evil)
{
	static pfn_t pages[PAGES_MAX];
	struct taker *t = (struct taker *)evil;
	struct op_result nobody = { .outcome = OUT_OK };
	struct step own = { .m = s->m, .res = &nobody, .current = s->current };
	uint64_t nr;

	if (t->at_work || ++t->count % t->every)
		return;
	t->at_work = true;
	nr = collect(s->m, pages);
	for (uint64_t i = 0; i < nr; i++)
		if (next_word(t) & 1)
			take_page(&own, pages[i]);
	kmem_cache_shrink_all(&own);
	t->at_work = false;
}

void evil_attach(struct machine *m)
{
	struct taker *t;

	if (!evil_is_on())
		return;
	t = calloc(1, sizeof(*t));
	if (!t)
		abort();
	*t = (struct taker){ .evil.take = take, .every = every, .state = seed };
	m->evil = &t->evil;
}

void evil_detach(struct machine *m)
{
	free(m->evil);
	m->evil = NULL;
}
