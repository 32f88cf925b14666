/* SPDX-License-Identifier: MIT */
/*
 * Zones and the buddy allocator (2.6.17 mm/page_alloc.c).
 *
 * The frontier. Linux frees all memory into the order-10 lists at boot, lowest
 * block first, so that the highest ends at the head and is used first. Here
 * those blocks need no list entries: a zone remembers the range
 * [frontier_start, frontier_end) of its untouched blocks, which stands for the
 * tail of the order-10 list, highest block first. A block is taken from the
 * frontier's top when the list proper is empty, and given back to it when it
 * lies just above and the list proper is empty: in both cases exactly what the
 * list would have done. So a machine of any size boots by writing the few
 * struct pages of the pieces at the ends of its zones.
 *
 * Order-0 requests go to the buddy lists directly (D-001). Linux's per-CPU lists
 * would have to be drained at the end of every operation, and then show nothing.
 */
#include <string.h>

#include "mmcore/arch/arch.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/trace.h"
#include "mmcore/upcall.h"

static uint64_t free_list_pa(enum zone_type type, unsigned int order)
{
	return KERNEL_MEMBER(zones) + type * sizeof(struct zone) +
	       offsetof(struct zone, free_area) +
	       order * sizeof(struct free_area);
}

/* ---- free lists ---- */

static void push_block(struct step *s, enum zone_type type, pfn_t pfn,
		       unsigned int order)
{
	struct page_rest *page = page_mut(s, pfn);

	page->flags = 1ULL << PG_buddy;
	page->private = order;
	list_add(s, page_lru_pa(s->m, pfn), free_list_pa(type, order));
	zone_mut(s, type)->free_area[order].nr_free++;
}

/* Take a block that heads no allocation any more off its list. */
static void unlink_block(struct step *s, enum zone_type type, pfn_t pfn,
			 unsigned int order)
{
	struct page_rest *page = page_mut(s, pfn);

	list_del(s, page_lru_pa(s->m, pfn));
	page->flags = 0;
	page->private = 0;
	zone_mut(s, type)->free_area[order].nr_free--;
}

/* The block the list of this order would give next; it is taken off. */
static pfn_t pop_block(struct step *s, enum zone_type type, unsigned int order)
{
	struct zone *z = zone_mut(s, type);
	const uint64_t head = free_list_pa(type, order);
	pfn_t pfn;

	if (list_empty(s->m, head)) {
		MM_ASSERT(order == MAX_ORDER - 1 &&
			  z->frontier_end > z->frontier_start);
		z->frontier_end -= MAX_BLOCK;
		z->free_area[order].nr_free--;
		return (pfn_t)z->frontier_end;
	}
	pfn = lru_to_pfn(s->m, list_at(s->m, head)->next);
	unlink_block(s, type, pfn, order);
	return pfn;
}

/* __rmqueue(): the smallest block that will do; upper halves go back. */
static pfn_t rmqueue(struct step *s, enum zone_type type, unsigned int order)
{
	const struct zone *z = &kernel_at(s->m)->zones[type];
	unsigned int have = order;
	pfn_t pfn;

	while (have < MAX_ORDER && z->free_area[have].nr_free == 0)
		have++;
	if (have == MAX_ORDER)
		return 0;
	pfn = pop_block(s, type, have);
	while (have > order) {
		have--;
		push_block(s, type, pfn + (1u << have), have);
	}
	zone_mut(s, type)->free_pages -= 1ULL << order;
	return pfn;
}

/* zone_watermark_ok(), 2.6.17: would enough be left, and not in crumbs? */
static bool zone_watermark_ok(const struct zone *z, unsigned int order,
			      uint64_t mark, enum zone_type classzone,
			      bool high)
{
	int64_t min = (int64_t)mark;
	int64_t left = (int64_t)z->free_pages - (1LL << order) + 1;

	if (high)
		min -= min / 2;
	if (left <= min + (int64_t)z->lowmem_reserve[classzone])
		return false;
	for (unsigned int o = 0; o < order; o++) {
		left -= (int64_t)z->free_area[o].nr_free << o;
		min >>= 1;
		if (left <= min)
			return false;
	}
	return true;
}

/* get_page_from_freelist(): the zones allowed, highest first. */
static pfn_t get_page_from_freelist(struct step *s, unsigned int gfp,
				    unsigned int order, bool at_low)
{
	const struct kernel *k = kernel_at(s->m);
	const enum zone_type highest =
		gfp & __GFP_DMA ? ZONE_DMA : gfp & __GFP_DMA32 ? ZONE_DMA32
		: gfp & __GFP_HIGHMEM ? s->m->arch->user_zone
				      : s->m->arch->kernel_zone;

	for (int type = (int)highest; type >= 0; type--) {
		const struct zone *z = &k->zones[type];
		uint64_t mark = at_low ? z->pages_low : z->pages_min;
		pfn_t pfn;

		if (!zone_watermark_ok(z, order, mark, highest,
				       !at_low && (gfp & __GFP_HIGH)))
			continue;
		pfn = rmqueue(s, (enum zone_type)type, order);
		if (!pfn)
			continue;
		trace_event(s, alloc_pages, pfn, order, (uint64_t)type);
		return pfn;
	}
	return 0;
}

/* A fresh page: one reference to the first, none mapped. */
static void prep_new_page(struct step *s, pfn_t pfn, unsigned int order)
{
	for (pfn_t p = pfn; p < pfn + (1u << order); p++)
		*page_counts_mut(s, p) = (struct page_counts){ p == pfn, -1 };
	kernel_mut(s)->pgalloc[page_zone(s->m, pfn)] += 1ULL << order;
}

static void prep_compound_page(struct step *s, pfn_t head, unsigned int order)
{
	for (pfn_t p = head; p < head + (1u << order); p++) {
		struct page_rest *page = page_mut(s, p);

		page->flags |= 1ULL << PG_compound;
		page->private = head;
		page->lru.next = page_lru_pa(s->m, head);
	}
	page_mut(s, head + 1)->lru.prev = order;
}

/* The parts of [@first, @first + 2^@order), which is to be halved for @at. */
static void split_parts(struct step *s, pfn_t first, unsigned int order, pfn_t at)
{
	const pfn_t size = 1u << order;

	if (order && (!at || (at >= first && at < first + size))) {
		split_parts(s, first, order - 1, at);
		split_parts(s, first + size / 2, order - 1, at);
	} else if (order) {
		prep_compound_page(s, first, order);
	}
}

void split_compound(struct step *s, pfn_t head, pfn_t at)
{
	const unsigned int order = compound_order(s->m, head);

	MM_ASSERT(!page_has(s->m, head, PG_lru));
	page_counts_mut(s, head)->_count = 0;
	for (pfn_t p = head; p < head + (1u << order); p++) {
		struct page_rest *page = page_mut(s, p);

		page->flags &= ~(1ULL << PG_compound);
		page->private = 0;
		page->lru = (struct list_head){ 0, 0 };
	}
	split_parts(s, head, order, at);
}

pfn_t alloc_pages(struct step *s, unsigned int gfp, unsigned int order)
{
	pfn_t pfn;

	MM_ASSERT(order < MAX_ORDER);
	if (gfp & __GFP_WAIT)
		might_reclaim(s);
	pfn = get_page_from_freelist(s, gfp, order, true);
	if (!pfn)
		pfn = get_page_from_freelist(s, gfp, order, false);
	if (!pfn && try_to_free_pages(s, gfp, order))
		pfn = get_page_from_freelist(s, gfp, order, false);
	if (!pfn) {
		trace_event(s, alloc_failed, order, nr_free_pages(s->m));
		return 0;
	}
	prep_new_page(s, pfn, order);
	if (gfp & __GFP_COMP && order)
		prep_compound_page(s, pfn, order);
	return pfn;
}

static bool page_is_buddy(const struct machine *m, pfn_t pfn,
			  unsigned int order)
{
	const struct page_rest *page = page_at(m, pfn);

	return (page->flags >> PG_buddy & 1) && page->private == order;
}

/* __free_pages_bulk(): merge with free buddies as far as it goes. */
static void free_block(struct step *s, pfn_t pfn, unsigned int order)
{
	const enum zone_type type = page_zone(s->m, pfn);
	struct zone *z = zone_mut(s, type);
	const uint64_t zone_end = z->zone_start_pfn + z->spanned_pages;
	const unsigned int freed = order;
	const pfn_t first = pfn;

	z->free_pages += 1ULL << order;
	for (; order < MAX_ORDER - 1; order++) {
		pfn_t buddy = pfn ^ (1u << order);

		if (buddy + (1ULL << order) > zone_end ||
		    page_is_boot_reserved(s->m, buddy) ||
		    !page_is_buddy(s->m, buddy, order))
			break;
		unlink_block(s, type, buddy, order);
		pfn &= ~(1u << order);
	}
	trace_event(s, free_pages, first, freed, order);
	if (order == MAX_ORDER - 1 && pfn == z->frontier_end &&
	    list_empty(s->m, free_list_pa(type, order))) {
		z->frontier_end += MAX_BLOCK;
		z->free_area[order].nr_free++;
		return;
	}
	push_block(s, type, pfn, order);
}

/* Check that a page may be freed (free_pages_check(), 2.6.17), and reset it. */
static void reset_page(struct step *s, pfn_t pfn, int32_t count)
{
	const uint64_t bad = 1ULL << PG_lru | 1ULL << PG_private |
			     1ULL << PG_locked | 1ULL << PG_active |
			     1ULL << PG_reclaim | 1ULL << PG_swapcache |
			     1ULL << PG_writeback | 1ULL << PG_reserved |
			     1ULL << PG_buddy;
	struct page_counts *counts = page_counts_mut(s, pfn);
	struct page_rest *page = page_mut(s, pfn);

	MM_ASSERT(counts->_mapcount == -1);
	MM_ASSERT(counts->_count == count);
	MM_ASSERT(!(page->flags & bad));
	*counts = (struct page_counts){ 0, 0 };
	memset(page, 0, sizeof(*page));
}

void __free_pages(struct step *s, pfn_t pfn, unsigned int order)
{
	MM_ASSERT(!page_has(s->m, pfn, PG_compound) ||
		  (compound_head(s->m, pfn) == pfn &&
		   compound_order(s->m, pfn) == order));
	for (pfn_t p = pfn; p < pfn + (1u << order); p++) {
		reset_page(s, p, p == pfn);
		ram_clear_frame(s, p);
	}
	kernel_mut(s)->pgfree += 1ULL << order;
	free_block(s, pfn, order);
}

void free_zeroed_page(struct step *s, pfn_t pfn)
{
	reset_page(s, pfn, 1);
	ram_forget_frame(s, pfn);
	kernel_mut(s)->pgfree++;
	free_block(s, pfn, 0);
}

uint64_t nr_free_pages(const struct machine *m)
{
	const struct kernel *k = kernel_at(m);
	uint64_t free = 0;

	for (int type = 0; type < MAX_NR_ZONES; type++)
		free += k->zones[type].free_pages;
	return free;
}

uint64_t totalreserve_pages(const struct machine *m)
{
	const struct kernel *k = kernel_at(m);
	uint64_t total = 0;

	for (int type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone *z = &k->zones[type];
		uint64_t reserve = 0;

		for (int j = type; j < MAX_NR_ZONES; j++)
			if (z->lowmem_reserve[j] > reserve)
				reserve = z->lowmem_reserve[j];
		reserve += z->pages_high;
		total += reserve < z->managed_pages ? reserve
						    : z->managed_pages;
	}
	return total;
}

/* ---- boot ---- */

/* Free [start, end) in the largest aligned blocks, lowest first. */
static void free_boot_pieces(struct step *s, enum zone_type type,
			     uint64_t start, uint64_t end)
{
	while (start < end) {
		unsigned int order = 0;

		while (order < MAX_ORDER - 1 &&
		       !(start & ((2ULL << order) - 1)) &&
		       start + (2ULL << order) <= end)
			order++;
		push_block(s, type, (pfn_t)start, order);
		start += 1ULL << order;
	}
}

static void init_zone_lists(struct step *s, enum zone_type type)
{
	for (unsigned int order = 0; order < MAX_ORDER; order++)
		INIT_LIST_HEAD(s, free_list_pa(type, order));
	INIT_LIST_HEAD(s, lru_list_pa(type, true));
	INIT_LIST_HEAD(s, lru_list_pa(type, false));
}

/* The zone is [start, end); of it, [from, to) is free. */
static void init_zone(struct step *s, enum zone_type type, uint64_t start,
		      uint64_t end, uint64_t from, uint64_t to)
{
	struct zone *z = zone_mut(s, type);
	uint64_t low, high;

	init_zone_lists(s, type);
	z->prev_priority = 12;
	z->temp_priority = 12;
	if (start >= end)
		return;
	z->zone_start_pfn = start;
	z->spanned_pages = end - start;
	z->present_pages = end - start;
	from = from > start ? from : start;
	to = to < end ? to : end;
	if (from >= to)
		return;
	z->managed_pages = to - from;
	z->free_pages = to - from;
	low = (from + MAX_BLOCK - 1) / MAX_BLOCK * MAX_BLOCK;
	high = to / MAX_BLOCK * MAX_BLOCK;
	if (low >= high) {
		free_boot_pieces(s, type, from, to);
		return;
	}
	free_boot_pieces(s, type, from, low);
	z->frontier_start = low;
	z->frontier_end = high;
	z->free_area[MAX_ORDER - 1].nr_free += (high - low) / MAX_BLOCK;
	free_boot_pieces(s, type, high, to);
}

static void setup_per_zone_lowmem_reserve(struct step *s)
{
	static const uint64_t ratio[MAX_NR_ZONES] = { 256, 256, 32, 0 };
	struct kernel *k = kernel_mut(s);

	for (int j = 0; j < MAX_NR_ZONES; j++) {
		uint64_t above = 0;

		k->zones[j].lowmem_reserve[j] = 0;
		for (int i = j; i > 0; i--) {
			above += k->zones[i].managed_pages;
			k->zones[i - 1].lowmem_reserve[j] = above / ratio[i - 1];
		}
	}
}

/* What the kernel can use for itself. */
static uint64_t lowmem_pages(const struct machine *m)
{
	const struct kernel *k = kernel_at(m);

	return k->totalram_pages - k->zones[ZONE_HIGHMEM].managed_pages;
}

/* floor(sqrt(x)) */
static uint64_t int_sqrt(uint64_t x)
{
	uint64_t root = 0;

	for (uint64_t bit = 1ULL << 31; bit; bit >>= 1)
		if ((root + bit) * (root + bit) <= x)
			root += bit;
	return root;
}

/* HighMem keeps a little for itself: the kernel needs none of it. */
static uint64_t highmem_pages_min(const struct zone *z)
{
	const uint64_t min = z->managed_pages / 1024;

	return !z->managed_pages ? 0 : min < 32 ? 32 : min > 128 ? 128 : min;
}

void setup_per_zone_pages_min(struct step *s)
{
	struct kernel *k = kernel_mut(s);
	const uint64_t pages_min = k->min_free_kbytes >> (PAGE_SHIFT - 10);
	const uint64_t lowmem = lowmem_pages(s->m);

	if (!lowmem)
		return;
	for (int type = 0; type < MAX_NR_ZONES; type++) {
		struct zone *z = &k->zones[type];
		uint64_t min = pages_min * z->managed_pages / lowmem;
		uint64_t step = z->managed_pages * 10 / 10000;

		if (step < min / 4)
			step = min / 4;
		z->pages_min = type == ZONE_HIGHMEM ? highmem_pages_min(z) : min;
		z->pages_low = z->pages_min + step;
		z->pages_high = z->pages_min + 2 * step;
	}
}

/* Where mem_map lies: it ends where the kernel's view of the RAM does. */
static void place_mem_map(struct kernel *k, const struct arch *a)
{
	const uint64_t seen = a->zone_end[a->kernel_zone];

	k->zero_pfn = 1 + KERNEL_FRAMES;
	k->mem_map_end = seen < k->ram_frames ? seen : k->ram_frames;
	k->mem_map_pfn = k->mem_map_end -
			 (k->ram_frames + PAGES_PER_GROUP - 1) / PAGES_PER_GROUP;
}

static void init_zones(struct step *s)
{
	const struct arch *a = s->m->arch;
	const struct kernel *k = kernel_at(s->m);
	uint64_t start = 0;

	for (int type = 0; type < MAX_NR_ZONES; type++) {
		uint64_t end = a->zone_end[type] < k->ram_frames
				       ? a->zone_end[type] : k->ram_frames;

		init_zone(s, (enum zone_type)type, start, end, k->zero_pfn + 1,
			  type > (int)a->kernel_zone ? end : k->mem_map_pfn);
		start = end;
	}
}

void mem_init(struct step *s)
{
	struct kernel *k = kernel_mut(s);

	place_mem_map(k, s->m->arch);
	init_zones(s);
	for (int type = 0; type < MAX_NR_ZONES; type++)
		k->totalram_pages += k->zones[type].managed_pages;
	if (!k->min_free_kbytes) {
		uint64_t kb = int_sqrt(16 * (lowmem_pages(s->m) * 4));

		k->min_free_kbytes = kb < 128 ? 128 : kb > 262144 ? 262144 : kb;
	}
	setup_per_zone_lowmem_reserve(s);
	setup_per_zone_pages_min(s);
}
