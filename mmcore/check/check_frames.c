/* SPDX-License-Identifier: MIT */
/* Laws D, E and G: frames, zones, buddy lists, LRU lists. */
#include "mmcore/check/check.h"

/* @n is a multiple of 8. */
static bool all_zero(const void *bytes, size_t n)
{
	const uint64_t *word = bytes;
	uint64_t any = 0;

	for (size_t i = 0; i < n / sizeof(*word); i++)
		any |= word[i];
	return !any;
}

/* The struct pages of [pfn, end) are blank; a group at a time. */
static bool pages_are_blank(const struct machine *m, uint64_t pfn, uint64_t end)
{
	while (pfn < end) {
		const uint64_t pa = page_group_pa(m, (pfn_t)pfn);
		const struct page_group *group = ram_at(m, pa);
		const uint64_t first = pfn % PAGES_PER_GROUP;
		uint64_t nr = PAGES_PER_GROUP - first;

		if (nr > end - pfn)
			nr = end - pfn;
		pfn += nr;
		if (ram_frame_is_blank(m, (pfn_t)(pa >> PAGE_SHIFT)))
			continue;
		if (nr == PAGES_PER_GROUP
			    ? !all_zero(group, PAGE_SIZE)
			    : !all_zero(&group->counts[first],
					nr * sizeof(struct page_counts)) ||
			      !all_zero(&group->rest[first],
					nr * sizeof(struct page_rest)))
			return false;
	}
	return true;
}

/* A look at each frame: the next written one may lie far beyond the block. */
static bool block_is_unwritten(const struct machine *m, uint64_t pfn,
			       uint64_t end)
{
	while (pfn < end && ram_frame_is_blank(m, (pfn_t)pfn))
		pfn++;
	return pfn == end;
}

static bool is_free_block(const struct machine *m, uint64_t pfn,
			  unsigned int order)
{
	return pfn < kernel_at(m)->ram_frames &&
	       page_has(m, (pfn_t)pfn, PG_buddy) &&
	       page_at(m, (pfn_t)pfn)->private == order;
}

static bool on_frontier(const struct zone *z, uint64_t pfn)
{
	return pfn >= z->frontier_start && pfn < z->frontier_end;
}

static void check_block(struct check *c, const struct zone *z, uint64_t pfn,
			unsigned int order)
{
	const uint64_t end = pfn + (1ULL << order);

	check_law(c, LAW_buddy_block,
		  pfn % (1ULL << order) == 0 && pfn >= z->zone_start_pfn &&
		  end <= z->zone_start_pfn + z->spanned_pages &&
		  page_is_managed(c->m, end - 1) &&
		  is_free_block(c->m, pfn, order) && !on_frontier(z, pfn));
	if (order < MAX_ORDER - 1)
		check_law(c, LAW_buddy_coalesced,
			  !is_free_block(c->m, pfn ^ (1ULL << order), order));
	check_law(c, LAW_frame_free, block_is_unwritten(c->m, pfn, end) &&
		  all_zero(page_counts_at(c->m, (pfn_t)pfn),
			   sizeof(struct page_counts)) &&
		  pages_are_blank(c->m, pfn + 1, end));
}

/* Walk one free list; returns the number of blocks on it. */
static uint64_t check_free_list(struct check *c, const struct zone *z,
				uint64_t head, unsigned int order)
{
	const uint64_t max = z->free_area[order].nr_free;
	uint64_t pos = list_next_pa(c->m, head), back = head, nr = 0;

	for (; pos != head && nr <= max; nr++) {
		uint64_t pfn;

		if (!check_law(c, LAW_buddy_block,
			       check_has(c, pos, sizeof(struct list_head)) &&
			       pa_in_mem_map(c->m, pos) &&
			       list_at(c->m, pos)->prev == back))
			break;
		pfn = lru_to_pfn(c->m, pos);
		if (!check_law(c, LAW_buddy_block,
			       page_is_managed(c->m, pfn) &&
			       page_lru_pa(c->m, (pfn_t)pfn) == pos))
			break;
		check_block(c, z, pfn, order);
		back = pos;
		pos = list_next_pa(c->m, pos);
	}
	return nr;
}

static void check_zone(struct check *c, int type)
{
	const struct zone *z = &kernel_at(c->m)->zones[type];
	const uint64_t base = KERNEL_MEMBER(zones) +
			      (uint64_t)type * sizeof(struct zone);
	uint64_t free = 0;

	check_law(c, LAW_watermarks, z->pages_min <= z->pages_low &&
				     z->pages_low <= z->pages_high);
	check_law(c, LAW_zone_pages, z->managed_pages <= z->present_pages &&
				     z->present_pages <= z->spanned_pages);
	for (unsigned int order = 0; order < MAX_ORDER; order++) {
		uint64_t nr = check_free_list(c, z, base +
			offsetof(struct zone, free_area) +
			order * sizeof(struct free_area), order);

		if (order == MAX_ORDER - 1)
			nr += (z->frontier_end - z->frontier_start) >> order;
		check_law(c, LAW_zone_free, nr == z->free_area[order].nr_free);
		free += nr << order;
	}
	check_law(c, LAW_zone_free, free == z->free_pages);
	check_law(c, LAW_frame_free, z->frontier_start <= z->frontier_end &&
		  ram_next_frame(c->m, z->frontier_start, FRAME_WRITTEN) >=
			  z->frontier_end &&
		  pages_are_blank(c->m, z->frontier_start, z->frontier_end));
}

/* A frame that some block or user must own; adds up what its page says. */
static void check_page(struct check *c, pfn_t pfn)
{
	const struct page_counts *counts = page_counts_at(c->m, pfn);
	const struct page_rest *page = page_at(c->m, pfn);

	if (!check_law(c, LAW_frame_state,
		       counts->_count > 0 && counts->_mapcount >= -1))
		return;
	c->refs_held += (uint64_t)counts->_count * check_mix(pfn);
	c->maps_held += (uint64_t)(counts->_mapcount + 1) * check_mix(pfn);
	if (page->flags >> PG_lru & 1)
		c->lru_flagged += check_nr_pages(c->m, pfn);
	c->slab_flagged += page->flags >> PG_slab & 1;
	c->kernel_pages += page->flags >> PG_kernel & 1;
	if (page->flags >> PG_pipe & 1)
		check_law(c, LAW_pipe_page, counts->_mapcount == -1 &&
			  !page->mapping && !(page->flags >> PG_lru & 1));
	if (counts->_mapcount < 0)
		return;
	if (page->mapping & PAGE_MAPPING_ANON)
		c->anon_mapped++;
	else
		c->file_mapped++;
}

/* A part of a compound page: it knows the head, and only mappings are counted. */
static void check_tail(struct check *c, pfn_t head, pfn_t pfn)
{
	const struct page_rest *page = page_at(c->m, pfn);
	const struct page_counts *counts = page_counts_at(c->m, pfn);

	check_law(c, LAW_compound, page->lru.next == page_lru_pa(c->m, head) &&
		  counts->_count == 0 && counts->_mapcount >= -1 &&
		  page->mapping == page_at(c->m, head)->mapping &&
		  (!page->mapping ||
		   page->index == page_at(c->m, head)->index + (pfn - head)));
	c->maps_held += (uint64_t)(counts->_mapcount + 1) * check_mix(pfn);
	c->file_mapped += counts->_mapcount >= 0;
	c->kernel_pages += page->flags >> PG_kernel & 1;
}

/*
 * Law E of compound pages; returns how many frames it has. A
 * block of one is dirty only if the whole is, and the other way round.
 */
static uint64_t check_compound(struct check *c, pfn_t head)
{
	const uint64_t order = page_at(c->m, head + 1)->lru.prev;
	const uint64_t nr = order && order < MAX_ORDER ? 1ULL << order : 1;
	bool dirty = false;

	check_law(c, LAW_compound, nr > 1 && !(head & (nr - 1)) &&
		  page_is_managed(c->m, head + nr - 1) &&
		  !(page_at(c->m, head)->index & (nr - 1)));
	for (pfn_t pfn = head; pfn < head + nr; pfn++) {
		const struct page_rest *page = page_at(c->m, pfn);

		check_law(c, LAW_compound, page->flags >> PG_compound & 1 &&
					   page->private == head);
		if (pfn != head)
			check_tail(c, head, pfn);
		dirty |= page->flags >> PG_block_dirty & 1;
	}
	check_law(c, LAW_compound, !page_at(c->m, head)->mapping ||
		  dirty == page_has(c->m, head, PG_dirty));
	check_page(c, head);
	return nr;
}

static void check_all_pages(struct check *c)
{
	const struct kernel *k = kernel_at(c->m);
	uint64_t pfn = k->zero_pfn + 1, free = 0, used = 0;

	while (pfn < k->ram_frames) {
		const struct zone *z = &k->zones[page_zone(c->m, (pfn_t)pfn)];

		if (pfn == k->mem_map_pfn) {
			pfn = k->mem_map_end;
		} else if (on_frontier(z, pfn)) {
			free += z->frontier_end - pfn;
			pfn = z->frontier_end;
		} else if (page_has(c->m, (pfn_t)pfn, PG_buddy) &&
			   page_at(c->m, (pfn_t)pfn)->private < MAX_ORDER) {
			free += 1ULL << page_at(c->m, (pfn_t)pfn)->private;
			pfn += 1ULL << page_at(c->m, (pfn_t)pfn)->private;
		} else if (page_has(c->m, (pfn_t)pfn, PG_compound)) {
			const uint64_t nr = check_compound(c, (pfn_t)pfn);

			used += nr;
			pfn += nr;
		} else {
			check_page(c, (pfn_t)pfn);
			used++;
			pfn++;
		}
	}
	check_law(c, LAW_frame_state, free == nr_free_pages(c->m) &&
				      free + used == k->totalram_pages);
}

void check_frames(struct check *c)
{
	const struct kernel *k = kernel_at(c->m);
	uint64_t managed = 0, at = 0;

	for (int type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone *z = &k->zones[type];

		check_zone(c, type);
		managed += z->managed_pages;
		if (!z->spanned_pages)
			continue;
		check_law(c, LAW_zone_pages, z->zone_start_pfn == at);
		at += z->spanned_pages;
	}
	check_law(c, LAW_zone_pages, managed == k->totalram_pages &&
				     at == k->ram_frames);
	check_law(c, LAW_zero_page,
		  ram_frame_is_blank(c->m, (pfn_t)k->zero_pfn));
	check_all_pages(c);
}

static uint64_t check_lru_list(struct check *c, uint64_t head, bool active,
			       int type, uint64_t max, uint64_t nr_file)
{
	uint64_t pos = list_next_pa(c->m, head), nr = 0, files = 0;

	while (pos != head && nr <= max) {
		pfn_t pfn;

		if (!check_law(c, LAW_lru_lists,
			       check_has(c, pos, sizeof(struct list_head)) &&
			       pa_in_mem_map(c->m, pos)))
			break;
		pfn = lru_to_pfn(c->m, pos);
		if (!check_law(c, LAW_lru_lists, page_is_managed(c->m, pfn)))
			break;
		check_law(c, LAW_lru_lists,
			  page_has(c->m, pfn, PG_lru) &&
			  page_has(c->m, pfn, PG_active) == active &&
			  (int)page_zone(c->m, pfn) == type &&
			  page_at(c->m, pfn)->mapping != 0);
		if (!page_has(c->m, pfn, PG_swapbacked))
			files += check_nr_pages(c->m, pfn);
		nr += check_nr_pages(c->m, pfn);
		pos = list_next_pa(c->m, pos);
	}
	check_law(c, LAW_lru_lists, files == nr_file);
	return nr;
}

void check_lru(struct check *c)
{
	for (int type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone *z = &kernel_at(c->m)->zones[type];
		const uint64_t base = KERNEL_MEMBER(zones) +
				      (uint64_t)type * sizeof(struct zone);
		uint64_t active, inactive;

		active = check_lru_list(c, base + offsetof(struct zone,
				active_list), true, type, z->nr_active,
				z->nr_active_file);
		inactive = check_lru_list(c, base + offsetof(struct zone,
				inactive_list), false, type, z->nr_inactive,
				z->nr_inactive_file);
		check_law(c, LAW_lru_lists, active == z->nr_active &&
					    inactive == z->nr_inactive);
		c->lru_listed += active + inactive;
	}
}
