/* SPDX-License-Identifier: MIT */
/*
 * vmstat, zoneinfo and pagetypeinfo: the counters of the allocator and of what
 * it gave out. Each counter stands once, in the order of 6.18's files, with
 * where its value comes from; what the simulation does not have is 0.
 */
#include "mmcore/arch/arch.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/proc/procfs.h"

#define PAGEBLOCK_ORDER 9	/* a huge page: 2 MiB */

/* ---- the zones that Linux lists, populated or not ---- */

struct listed_zone {
	const char *name, *lower;
	int type;		/* enum zone_type; negative: never populated */
};

static const struct listed_zone all_zones[] = {
	{ "DMA", "dma", ZONE_DMA },
	{ "DMA32", "dma32", ZONE_DMA32 },
	{ "Normal", "normal", ZONE_NORMAL },
	{ "HighMem", "high", ZONE_HIGHMEM },
	{ "Movable", "movable", -1 },
	{ "Device", "device", -2 },	/* 64 bits only */
};

#define NR_ALL_ZONES (sizeof(all_zones) / sizeof(all_zones[0]))

static bool is_listed(const struct arch *a, const struct listed_zone *l)
{
	if (l->type < 0)
		return l->type == -1 || arch_word(a) == 8;
	return a->zone_end[l->type] > (l->type ? a->zone_end[l->type - 1] : 0);
}

/* The zone listed after @l (NULL: the first); NULL: there is none. */
static const struct listed_zone *next_zone(const struct machine *m,
					   const struct listed_zone *l)
{
	for (l = l ? l + 1 : all_zones; l < all_zones + NR_ALL_ZONES; l++)
		if (is_listed(m->arch, l))
			return l;
	return NULL;
}

#define for_each_listed_zone(m, l)					\
	for (const struct listed_zone *l = next_zone(m, NULL); l;	\
	     l = next_zone(m, l))

/* NULL where it has no frames. */
static const struct zone *populated(const struct machine *m,
				    const struct listed_zone *l)
{
	const struct zone *z = l->type < 0 ? NULL
					   : &kernel_at(m)->zones[l->type];

	return z && z->present_pages ? z : NULL;
}

/* ---- counters of a zone ---- */

static uint64_t free_in_blocks(const struct zone *z)
{
	uint64_t pages = 0;

	for (int order = PAGEBLOCK_ORDER; order < MAX_ORDER; order++)
		pages += z->free_area[order].nr_free << order;
	return pages;
}

#define ZONE_COUNTERS(X)						\
	X(nr_free_pages, z->free_pages)					\
	X(nr_free_pages_blocks, free_in_blocks(z))			\
	X(nr_zone_inactive_anon, lru->list[type][0][0])	\
	X(nr_zone_active_anon, lru->list[type][1][0])	\
	X(nr_zone_inactive_file, lru->list[type][0][1])			\
	X(nr_zone_active_file, lru->list[type][1][1])			\
	X(nr_zone_unevictable, lru->mlocked[type])			\
	X(nr_zone_write_pending, 0)					\
	X(nr_mlock, lru->mlocked[type])			\
	X(nr_zspages, 0)						\
	X(nr_free_cma, 0)						\
	X(numa_hit, k->pgalloc[type])						\
	X(numa_miss, 0)							\
	X(numa_foreign, 0)						\
	X(numa_interleave, 0)						\
	X(numa_local, k->pgalloc[type])					\
	X(numa_other, 0)

static const char *const zone_counters[] = {
#define X(name, value) #name,
	ZONE_COUNTERS(X)
#undef X
};

#define NR_ZONE_COUNTERS (sizeof(zone_counters) / sizeof(zone_counters[0]))

static void add_zone_counters(const struct kernel *k,
			      const struct lru_counts *lru, int type,
			      uint64_t sum[NR_ZONE_COUNTERS])
{
	const struct zone *z = &k->zones[type];

#define X(name, value) *sum++ += (value);
	ZONE_COUNTERS(X)
#undef X
}

/* ---- counters of the node: all zones together ---- */

#define NODE_COUNTERS(X)						\
	X(nr_inactive_anon, lru_pages(lru, false, false))			\
	X(nr_active_anon, lru_pages(lru, true, false))			\
	X(nr_inactive_file, lru_pages(lru, false, true))			\
	X(nr_active_file, lru_pages(lru, true, true))			\
	X(nr_unevictable, mlocked_pages(lru))			\
	X(nr_slab_reclaimable, slab_pages(k, true))			\
	X(nr_slab_unreclaimable, slab_pages(k, false))			\
	X(nr_isolated_anon, 0)						\
	X(nr_isolated_file, 0)						\
	X(workingset_nodes, 0)						\
	X(workingset_refault_anon, 0)					\
	X(workingset_refault_file, 0)					\
	X(workingset_activate_anon, 0)					\
	X(workingset_activate_file, 0)					\
	X(workingset_restore_anon, 0)					\
	X(workingset_restore_file, 0)					\
	X(workingset_nodereclaim, 0)					\
	X(nr_anon_pages, k->nr_anon_pages)				\
	X(nr_mapped, k->nr_file_mapped)					\
	X(nr_file_pages, k->nr_file_pages)				\
	X(nr_dirty, k->nr_dirty)					\
	X(nr_writeback, k->nr_writeback)				\
	X(nr_shmem, k->nr_shmem)					\
	X(nr_shmem_hugepages, 0)					\
	X(nr_shmem_pmdmapped, 0)					\
	X(nr_file_hugepages, 0)						\
	X(nr_file_pmdmapped, 0)						\
	X(nr_anon_transparent_hugepages, 0)				\
	X(nr_vmscan_write, 0)						\
	X(nr_vmscan_immediate_reclaim, 0)				\
	X(nr_dirtied, k->nr_dirtied)					\
	X(nr_written, k->nr_written)					\
	X(nr_throttled_written, 0)					\
	X(nr_kernel_misc_reclaimable, 0)				\
	X(nr_foll_pin_acquired, 0)					\
	X(nr_foll_pin_released, 0)					\
	X(nr_kernel_stack, 0)						\
	X(nr_page_table_pages, k->nr_page_table_pages)			\
	X(nr_sec_page_table_pages, 0)					\
	X(nr_iommu_pages, 0)						\
	X(nr_swapcached, 0)						\
	X(pgpromote_success, 0)						\
	X(pgpromote_candidate, 0)					\
	X(pgpromote_candidate_nrl, 0)					\
	X(pgdemote_kswapd, 0)						\
	X(pgdemote_direct, 0)						\
	X(pgdemote_khugepaged, 0)					\
	X(pgdemote_proactive, 0)					\
	X(nr_hugetlb, 0)						\
	X(nr_balloon_pages, 0)						\
	X(nr_kernel_file_pages, 0)

static const char *const node_counters[] = {
#define X(name, value) #name,
	NODE_COUNTERS(X)
#undef X
};

#define NR_NODE_COUNTERS (sizeof(node_counters) / sizeof(node_counters[0]))

static void get_node_counters(const struct kernel *k,
			      const struct lru_counts *lru,
			      uint64_t value[NR_NODE_COUNTERS])
{
#define X(name, of) *value++ = (of);
	NODE_COUNTERS(X)
#undef X
}

/* ---- limits and events ---- */

#define LIMITS(X)							\
	X(nr_dirty_threshold, global_dirty_limit(m, k->dirty_ratio))	\
	X(nr_dirty_background_threshold,				\
	  global_dirty_limit(m, k->dirty_background_ratio))		\
	X(nr_memmap_pages, 0)						\
	X(nr_memmap_boot_pages, k->mem_map_end - k->mem_map_pfn)		\
	X(pgpgin, k->pgpgin)						\
	X(pgpgout, k->pgpgout)						\
	X(pswpin, 0)							\
	X(pswpout, 0)

#define EVENTS(X)							\
	X(pgfree, k->pgfree)						\
	X(pgactivate, 0) X(pgdeactivate, 0) X(pglazyfree, 0)		\
	X(pgfault, k->pgfault)						\
	X(pgmajfault, k->pgmajfault)					\
	X(pglazyfreed, 0) X(pgrefill, 0)				\
	X(pgreuse, k->pgreuse)						\
	X(pgsteal_kswapd, 0) X(pgsteal_direct, 0)			\
	X(pgsteal_khugepaged, 0) X(pgsteal_proactive, 0)		\
	X(pgscan_kswapd, 0) X(pgscan_direct, 0)				\
	X(pgscan_khugepaged, 0) X(pgscan_proactive, 0)			\
	X(pgscan_direct_throttle, 0)					\
	X(pgscan_anon, 0) X(pgscan_file, 0)				\
	X(pgsteal_anon, 0) X(pgsteal_file, 0)				\
	X(zone_reclaim_success, 0) X(zone_reclaim_failed, 0)		\
	X(pginodesteal, 0) X(slabs_scanned, 0) X(kswapd_inodesteal, 0)	\
	X(kswapd_low_wmark_hit_quickly, 0)				\
	X(kswapd_high_wmark_hit_quickly, 0)				\
	X(pageoutrun, 0) X(pgrotated, 0)				\
	X(drop_pagecache, 0) X(drop_slab, 0) X(oom_kill, 0)		\
	X(numa_pte_updates, 0) X(numa_huge_pte_updates, 0)		\
	X(numa_hint_faults, 0) X(numa_hint_faults_local, 0)		\
	X(numa_pages_migrated, 0)					\
	X(pgmigrate_success, 0) X(pgmigrate_fail, 0)			\
	X(thp_migration_success, 0) X(thp_migration_fail, 0)		\
	X(thp_migration_split, 0)					\
	X(compact_migrate_scanned, 0) X(compact_free_scanned, 0)	\
	X(compact_isolated, 0) X(compact_stall, 0) X(compact_fail, 0)	\
	X(compact_success, 0) X(compact_daemon_wake, 0)			\
	X(compact_daemon_migrate_scanned, 0)				\
	X(compact_daemon_free_scanned, 0)				\
	X(htlb_buddy_alloc_success, 0) X(htlb_buddy_alloc_fail, 0)	\
	X(unevictable_pgs_culled, 0) X(unevictable_pgs_scanned, 0)	\
	X(unevictable_pgs_rescued, 0) X(unevictable_pgs_mlocked, 0)	\
	X(unevictable_pgs_munlocked, 0) X(unevictable_pgs_cleared, 0)	\
	X(unevictable_pgs_stranded, 0)					\
	X(thp_fault_alloc, 0) X(thp_fault_fallback, 0)			\
	X(thp_fault_fallback_charge, 0)					\
	X(thp_collapse_alloc, 0) X(thp_collapse_alloc_failed, 0)	\
	X(thp_file_alloc, 0) X(thp_file_fallback, 0)			\
	X(thp_file_fallback_charge, 0) X(thp_file_mapped, 0)		\
	X(thp_split_page, 0) X(thp_split_page_failed, 0)		\
	X(thp_deferred_split_page, 0) X(thp_underused_split_page, 0)	\
	X(thp_split_pmd, 0) X(thp_scan_exceed_none_pte, 0)		\
	X(thp_scan_exceed_swap_pte, 0) X(thp_scan_exceed_share_pte, 0)	\
	X(thp_split_pud, 0) X(thp_zero_page_alloc, 0)			\
	X(thp_zero_page_alloc_failed, 0)				\
	X(thp_swpout, 0) X(thp_swpout_fallback, 0)			\
	X(balloon_inflate, 0) X(balloon_deflate, 0)			\
	X(balloon_migrate, 0)						\
	X(swap_ra, 0) X(swap_ra_hit, 0)					\
	X(swpin_zero, 0) X(swpout_zero, 0)				\
	X(ksm_swpin_copy, 0) X(cow_ksm, 0)				\
	X(zswpin, 0) X(zswpout, 0) X(zswpwb, 0)				\
	X(direct_map_level2_splits, 0) X(direct_map_level3_splits, 0)	\
	X(direct_map_level2_collapses, 0)				\
	X(direct_map_level3_collapses, 0)				\
	X(nr_unstable, 0)

/* ---- vmstat ---- */

static void counter(struct text *t, const char *name, const char *rest,
		    uint64_t value)
{
	char *p = text_room(t, 96);

	if (!p)
		return;
	p = put_text(put_text(p, name), rest);
	*p++ = ' ';
	p = put_dec(p, value, 0);
	*p++ = '\n';
	text_done(t, p);
}

/* One line a zone: pages taken from it; the other two are reclaim's. */
static void zone_events(const struct machine *m, struct text *t)
{
	for_each_listed_zone(m, l)
		counter(t, "pgalloc_", l->lower,
			l->type < 0 ? 0 : kernel_at(m)->pgalloc[l->type]);
	for_each_listed_zone(m, l)
		counter(t, "allocstall_", l->lower, 0);
	for_each_listed_zone(m, l)
		counter(t, "pgskip_", l->lower, 0);
}

static void show_limits_and_events(const struct machine *m, struct text *t)
{
	const struct kernel *k = kernel_at(m);

#define X(name, value) counter(t, #name, "", value);
	LIMITS(X)
	zone_events(m, t);
	EVENTS(X)
#undef X
}

void show_vmstat(const struct machine *m, struct text *t)
{
	const struct kernel *k = kernel_at(m);
	uint64_t zone[NR_ZONE_COUNTERS] = { 0 }, node[NR_NODE_COUNTERS];
	struct lru_counts lru;

	get_lru_counts(m, &lru);
	for (int type = 0; type < MAX_NR_ZONES; type++)
		add_zone_counters(k, &lru, type, zone);
	get_node_counters(k, &lru, node);
	for (size_t i = 0; i < NR_ZONE_COUNTERS; i++)
		counter(t, zone_counters[i], "", zone[i]);
	for (size_t i = 0; i < NR_NODE_COUNTERS; i++)
		counter(t, node_counters[i], "", node[i]);
	show_limits_and_events(m, t);
}

/* ---- zoneinfo ---- */

static void zone_line(struct text *t, const char *label, uint64_t value)
{
	char *p = text_room(t, 96);

	if (!p)
		return;
	p = put_text(p, label);
	p = put_dec(p, value, 0);
	*p++ = '\n';
	text_done(t, p);
}

static void zone_counter(struct text *t, const char *name, uint64_t value)
{
	char *p = text_room(t, 96);

	if (!p)
		return;
	p = put_text(p, "      ");
	p = put_padded(p, name, 12);
	*p++ = ' ';
	p = put_dec(p, value, 0);
	*p++ = '\n';
	text_done(t, p);
}

/* "Node 0, zone      DMA" and what follows the name. */
static void zone_head(struct text *t, const char *name, const char *after)
{
	char *p = text_room(t, 96);

	if (!p)
		return;
	p = put_text(p, "Node 0, zone ");
	p = put_spaces(p, 8 - text_length(name));
	p = put_text(p, name);
	text_done(t, put_text(p, after));
}

static void show_node(const struct machine *m, const struct lru_counts *lru,
		      struct text *t)
{
	uint64_t value[NR_NODE_COUNTERS];

	get_node_counters(kernel_at(m), lru, value);
	text_put(t, "  per-node stats\n");
	for (size_t i = 0; i < NR_NODE_COUNTERS; i++)
		zone_counter(t, node_counters[i], value[i]);
}

/* Frames that allocations for a zone further down the list leave alone here. */
static void show_protection(const struct machine *m, const struct zone *z,
			    struct text *t)
{
	char *p = text_room(t, 160);
	uint64_t reserve = 0;
	bool first = true;

	if (!p)
		return;
	p = put_text(p, "        protection: (");
	for_each_listed_zone(m, l) {
		if (z && l->type >= 0)
			reserve = z->lowmem_reserve[l->type];
		if (!first)
			p = put_text(p, ", ");
		p = put_dec(p, reserve, 0);
		first = false;
	}
	text_done(t, put_text(p, ")\n"));
}

/* Nothing is batched per CPU (D-001), and nothing is counted per CPU. */
static void show_pagesets(const struct machine *m, struct text *t)
{
	text_put(t, "  pagesets\n");
	for (uint32_t cpu = 0; cpu < kernel_at(m)->cpus; cpu++) {
		zone_line(t, "    cpu: ", cpu);
		text_put(t, "              count:    0\n"
			    "              high:     0\n"
			    "              batch:    1\n"
			    "              high_min: 0\n"
			    "              high_max: 0\n"
			    "  vm stats threshold: 0\n");
	}
}

static void show_zone_pages(const struct zone *z, struct text *t)
{
	zone_line(t, "  pages free     ", z->free_pages);
	zone_line(t, "        boost    ", 0);
	zone_line(t, "        min      ", z->pages_min);
	zone_line(t, "        low      ", z->pages_low);
	zone_line(t, "        high     ", z->pages_high);
	zone_line(t, "        promo    ", 2 * z->pages_high - z->pages_low);
	zone_line(t, "        spanned  ", z->spanned_pages);
	zone_line(t, "        present  ", z->present_pages);
	zone_line(t, "        managed  ", z->managed_pages);
	zone_line(t, "        cma      ", 0);
}

static void show_zone(const struct machine *m, const struct lru_counts *lru,
		      int type, struct text *t)
{
	const struct zone *z = &kernel_at(m)->zones[type];
	uint64_t value[NR_ZONE_COUNTERS] = { 0 };

	show_zone_pages(z, t);
	show_protection(m, z, t);
	add_zone_counters(kernel_at(m), lru, type, value);
	for (size_t i = 0; i < NR_ZONE_COUNTERS; i++)
		zone_counter(t, zone_counters[i], value[i]);
	show_pagesets(m, t);
	zone_line(t, "  node_unreclaimable:  ", 0);
	zone_line(t, "  start_pfn:           ", z->zone_start_pfn);
}

void show_zoneinfo(const struct machine *m, struct text *t)
{
	const struct zone nothing = { 0 };
	struct lru_counts lru;
	bool first = true;

	get_lru_counts(m, &lru);
	for_each_listed_zone(m, l) {
		const struct zone *z = populated(m, l);

		zone_head(t, l->name, "\n");
		if (z && first)
			show_node(m, &lru, t);
		if (z) {
			show_zone(m, &lru, l->type, t);
			first = false;
		} else {
			show_zone_pages(&nothing, t);
			show_protection(m, NULL, t);
		}
	}
}

/* ---- pagetypeinfo ---- */

static const char *const migrate_types[] = {
	"Unmovable", "Movable", "Reclaimable", "HighAtomic", "Isolate",
};

#define NR_MIGRATE_TYPES 5

static char *put_right(char *p, const char *s, size_t width)
{
	return put_text(put_spaces(p, width - text_length(s)), s);
}

static void free_by_type(const struct listed_zone *l, const struct zone *z,
			 int type, struct text *t)
{
	char *p = text_room(t, 192);

	if (!p)
		return;
	p = put_text(p, "Node    0, zone ");
	p = put_right(p, l->name, 8);
	p = put_text(p, ", type ");
	p = put_right(p, migrate_types[type], 12);
	*p++ = ' ';
	for (int order = 0; order < MAX_ORDER; order++) {
		p = put_dec(p, type ? 0 : z->free_area[order].nr_free, 6);
		*p++ = ' ';
	}
	*p++ = '\n';
	text_done(t, p);
}

/* Blocks of pages that begin in the zone. */
static uint64_t pageblocks(const struct zone *z)
{
	const uint64_t size = 1ULL << PAGEBLOCK_ORDER;
	const uint64_t start = z->zone_start_pfn & ~(size - 1);
	const uint64_t end = z->zone_start_pfn + z->spanned_pages;

	return (end - start + size - 1) / size;
}

static void blocks_by_type(const struct machine *m, struct text *t)
{
	char *p = text_room(t, 160);

	if (!p)
		return;
	p = put_padded(put_text(p, "\n"), "Number of blocks type", 23);
	for (int type = 0; type < NR_MIGRATE_TYPES; type++) {
		p = put_right(p, migrate_types[type], 12);
		*p++ = ' ';
	}
	*p++ = '\n';
	text_done(t, p);
	for_each_listed_zone(m, l) {
		const struct zone *z = populated(m, l);

		if (!z)
			continue;
		zone_head(t, l->name, " ");
		p = text_room(t, 160);
		if (!p)
			return;
		for (int type = 0; type < NR_MIGRATE_TYPES; type++) {
			p = put_dec(p, type ? 0 : pageblocks(z), 12);
			*p++ = ' ';
		}
		*p++ = '\n';
		text_done(t, p);
	}
}

/*
 * The allocator does not group pages by mobility; Linux without grouping (where
 * memory is little) has all of them as the first type.
 */
void show_pagetypeinfo(const struct machine *m, struct text *t)
{
	char *p;

	text_put(t, "Page block order: 9\nPages per block:  512\n\n");
	p = text_room(t, 160);
	if (!p)
		return;
	p = put_padded(p, "Free pages count per migrate type at order", 43);
	*p++ = ' ';
	for (uint64_t order = 0; order < MAX_ORDER; order++) {
		p = put_dec(p, order, 6);
		*p++ = ' ';
	}
	*p++ = '\n';
	text_done(t, p);
	for_each_listed_zone(m, l) {
		const struct zone *z = populated(m, l);

		for (int type = 0; z && type < NR_MIGRATE_TYPES; type++)
			free_by_type(l, z, type, t);
	}
	blocks_by_type(m, t);
}
