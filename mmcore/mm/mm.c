/* SPDX-License-Identifier: MIT */
/* A struct page as a whole, and the zone that it lies in. */
#include "mmcore/arch/arch.h"
#include "mmcore/mm/mm.h"

enum zone_type page_zone(const struct machine *m, pfn_t pfn)
{
	const uint64_t *end = m->arch->zone_end;

	if (pfn < end[ZONE_DMA32])
		return pfn < end[ZONE_DMA] ? ZONE_DMA : ZONE_DMA32;
	return pfn < end[ZONE_NORMAL] ? ZONE_NORMAL : ZONE_HIGHMEM;
}

const char *zone_name(enum zone_type type)
{
	static const char *const names[MAX_NR_ZONES] = {
		"DMA", "DMA32", "Normal", "HighMem",
	};

	return names[type];
}

pfn_t lru_to_pfn(const struct machine *m, uint64_t lru_pa)
{
	const uint64_t group = (lru_pa >> PAGE_SHIFT) - kernel_at(m)->mem_map_pfn;
	const uint64_t offset = (lru_pa & ~PAGE_MASK) -
				offsetof(struct page_group, rest) -
				offsetof(struct page_rest, lru);

	return (pfn_t)(group * PAGES_PER_GROUP +
		       offset / sizeof(struct page_rest));
}

bool page_is_boot_reserved(const struct machine *m, uint64_t pfn)
{
	const struct kernel *k = kernel_at(m);

	return pfn <= k->zero_pfn ||
	       (pfn >= k->mem_map_pfn && pfn < k->mem_map_end);
}

bool page_is_managed(const struct machine *m, uint64_t pfn)
{
	return pfn < kernel_at(m)->ram_frames && !page_is_boot_reserved(m, pfn);
}

bool pa_in_mem_map(const struct machine *m, uint64_t pa)
{
	const struct kernel *k = kernel_at(m);

	return pa >> PAGE_SHIFT >= k->mem_map_pfn &&
	       pa >> PAGE_SHIFT < k->mem_map_end &&
	       (pa & ~PAGE_MASK) < sizeof(struct page_group);
}

static bool in_frontier(const struct machine *m, pfn_t pfn)
{
	const struct zone *z = &kernel_at(m)->zones[page_zone(m, pfn)];

	return pfn >= z->frontier_start && pfn < z->frontier_end;
}

struct page page_read(const struct machine *m, pfn_t pfn)
{
	const struct page_counts *counts = page_counts_at(m, pfn);
	const struct page_rest *rest = page_at(m, pfn);
	struct page page = { ._mapcount = -1 };

	if (page_is_boot_reserved(m, pfn)) {
		page.flags = 1ULL << PG_reserved;
		page._count = 1;
		return page;
	}
	if (in_frontier(m, pfn)) {
		if (pfn % MAX_BLOCK == 0) {
			page.flags = 1ULL << PG_buddy;
			page.private = MAX_ORDER - 1;
		}
		return page;
	}
	page.flags = rest->flags;
	page._count = counts->_count;
	if (counts->_count || counts->_mapcount ||
	    rest->flags >> PG_compound & 1)
		page._mapcount = counts->_mapcount;
	page.private = rest->private;
	page.mapping = rest->mapping;
	page.index = rest->index;
	page.lru = rest->lru;
	return page;
}

const struct page_counts *head_counts_at(const struct machine *m, pfn_t pfn)
{
	return page_counts_at(m, page_folio(m, pfn));
}

struct page_counts *head_counts_mut(struct step *s, pfn_t pfn)
{
	return page_counts_mut(s, page_folio(s->m, pfn));
}

uint64_t folio_mapcount(const struct machine *m, pfn_t pfn)
{
	const pfn_t folio = page_folio(m, pfn);
	uint64_t mapped = 0;

	for (uint32_t i = 0; i < folio_nr_pages(m, folio); i++)
		mapped += (uint64_t)(page_counts_at(m, folio + i)->_mapcount + 1);
	return mapped;
}
