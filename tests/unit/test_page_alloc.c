/* SPDX-License-Identifier: MIT */
/*
 * The buddy allocator against a dumber model: one byte a frame says who has it.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/arch/arch.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/swap.h"
#include "tests/lib/host.h"

#define FRAMES (64ULL << 20 >> PAGE_SHIFT)

/* Free frames counted by the lists must be those the model has as free. */
static void compare(const struct machine *m, const uint8_t *taken)
{
	const struct kernel *k = kernel_at(m);
	uint64_t listed = 0, owned = 0;

	for (int type = 0; type < MAX_NR_ZONES; type++)
		for (int order = 0; order < MAX_ORDER; order++)
			listed += k->zones[type].free_area[order].nr_free << order;
	for (uint64_t pfn = 0; pfn < FRAMES; pfn++)
		owned += taken[pfn] || page_is_boot_reserved(m, (pfn_t)pfn);
	ck_assert_uint_eq(listed, FRAMES - owned);
	ck_assert_uint_eq(nr_free_pages(m), listed);
	for (uint64_t pfn = 0; pfn < FRAMES; pfn++) {
		struct page page = page_read(m, (pfn_t)pfn);

		if (!(page.flags >> PG_buddy & 1))
			continue;
		for (uint64_t i = 0; i < 1ULL << page.private; i++)
			ck_assert(!taken[pfn + i]);
	}
}

static void take(uint8_t *taken, pfn_t pfn, unsigned int order)
{
	for (pfn_t p = pfn; p < pfn + (1u << order); p++) {
		ck_assert(!taken[p]);
		taken[p] = 1;
	}
}

START_TEST(no_frame_is_given_twice_and_all_come_back)
{
	struct machine *m = host_machine_small();
	struct { pfn_t pfn; unsigned int order; } held[600];
	uint8_t *taken = calloc(FRAMES, 1);
	struct host_step hs;
	int nr = 0;

	srand(5);
	host_step_init(&hs, m, 0);
	for (int round = 0; round < 20000; round++) {
		unsigned int order = (unsigned int)rand() % 6;

		if (nr < 600 && rand() % 2) {
			pfn_t pfn = alloc_pages(&hs.s, GFP_KERNEL, order);

			if (!pfn)
				continue;
			ck_assert_uint_eq(pfn & ((1u << order) - 1), 0);
			take(taken, pfn, order);
			held[nr].pfn = pfn;
			held[nr++].order = order;
		} else if (nr) {
			int i = rand() % nr;

			__free_pages(&hs.s, held[i].pfn, held[i].order);
			memset(taken + held[i].pfn, 0, 1u << held[i].order);
			held[i] = held[--nr];
		}
		if (round % 500 == 0)
			compare(m, taken);
	}
	while (nr--)
		__free_pages(&hs.s, held[nr].pfn, held[nr].order);
	memset(taken, 0, FRAMES);
	compare(m, taken);
	free(taken);
	host_machine_free(m);
}
END_TEST

/* All have PG_compound and know the head (seed.txt); the head alone is counted. */
START_TEST(a_compound_page_is_one_page)
{
	struct machine *m = host_machine_small();
	const struct kernel before = *kernel_at(m);
	struct host_step hs;
	pfn_t head;

	host_step_init(&hs, m, 0);
	head = alloc_pages(&hs.s, GFP_KERNEL | __GFP_COMP, 3);
	for (pfn_t pfn = head; pfn < head + 8; pfn++) {
		const struct page page = page_read(m, pfn);

		ck_assert_uint_eq(page.flags, 1u << PG_compound);
		ck_assert_uint_eq(lru_to_pfn(m, page.lru.next), head);
		ck_assert_uint_eq(compound_head(m, pfn), head);
		ck_assert_uint_eq(compound_order(m, pfn), 3);
		ck_assert_int_eq(page._count, pfn == head);
		ck_assert_int_eq(page._mapcount, -1);
	}
	__free_pages(&hs.s, head, 3);
	ck_assert_int_eq(memcmp(before.zones, kernel_at(m)->zones,
				sizeof(before.zones)), 0);
	ck_assert_uint_eq(page_read(m, head + 1).lru.next, 0);
	/* One frame is no compound page, and who did not ask gets none. */
	ck_assert(!page_has(m, alloc_pages(&hs.s, __GFP_COMP | GFP_KERNEL, 0),
			    PG_compound));
	ck_assert(!page_has(m, alloc_pages(&hs.s, GFP_KERNEL, 3),
			    PG_compound));
	host_machine_free(m);
}
END_TEST

START_TEST(one_page_taken_and_given_back_leaves_the_frames_as_they_were)
{
	struct machine *m = host_machine_small();
	struct kernel before = *kernel_at(m);
	struct host_step hs;
	pfn_t pfn;

	host_step_init(&hs, m, 0);
	pfn = alloc_page(&hs.s, GFP_KERNEL);
	memset(ram_mut(&hs.s, pfn_to_pa(pfn)), 0xff, PAGE_SIZE);
	put_page(&hs.s, pfn);
	ck_assert_int_eq(memcmp(before.zones, kernel_at(m)->zones,
				sizeof(before.zones)), 0);
	ck_assert_int_eq(*(const uint8_t *)ram_at(m, pfn_to_pa(pfn)), 0);
	host_machine_free(m);
}
END_TEST

/* Linux 6.18: the highest block goes first, its frames ascending. */
START_TEST(single_pages_ascend_from_the_highest_block)
{
	struct mm_config config = host_config();
	struct machine *m = host_machine_new(&config);
	struct host_step hs;

	/* 256 MiB: mem_map is the last block of 1,024, so no pieces are left. */
	host_step_init(&hs, m, 0);
	/* Sv39's first zone begins with the rest of frame 0's block. */
	while (host_arch == ARCH_RISCV64_SV39 &&
	       alloc_page(&hs.s, GFP_KERNEL) < 1023)
		;
	for (pfn_t i = 0; i < 2000; i++) {
		pfn_t block = 65536 - 2048 - i / 1024 * 1024;

		ck_assert_uint_eq(alloc_page(&hs.s, GFP_KERNEL), block + i % 1024);
	}
	host_machine_free(m);
}
END_TEST

/* Linux 6.18 whose zones manage 3840 and 58532 pages. */
START_TEST(watermarks_are_those_of_a_real_kernel)
{
	struct machine *m = host_machine_small();
	struct host_step hs;
	struct kernel *k;

	host_step_init(&hs, m, 0);
	k = kernel_mut(&hs.s);
	k->zones[ZONE_DMA].managed_pages = 3840;
	k->zones[ZONE_DMA32].managed_pages = 58532;
	k->zones[ZONE_NORMAL].managed_pages = 0;
	k->totalram_pages = 3840 + 58532;
	k->min_free_kbytes = 4096;
	setup_per_zone_pages_min(&hs.s);
	ck_assert_uint_eq(k->zones[ZONE_DMA].pages_min, 63);
	ck_assert_uint_eq(k->zones[ZONE_DMA].pages_low, 78);
	ck_assert_uint_eq(k->zones[ZONE_DMA].pages_high, 93);
	ck_assert_uint_eq(k->zones[ZONE_DMA32].pages_min, 960);
	ck_assert_uint_eq(k->zones[ZONE_DMA32].pages_low, 1200);
	ck_assert_uint_eq(k->zones[ZONE_DMA32].pages_high, 1440);
	host_machine_free(m);
}
END_TEST

START_TEST(memory_ends_at_the_watermark_and_not_before)
{
	struct machine *m = host_machine_small();
	const struct kernel *k = kernel_at(m);
	struct host_step hs;
	uint64_t taken = 0;

	host_step_init(&hs, m, 0);
	while (alloc_page(&hs.s, GFP_KERNEL))
		taken++;
	for (int type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone *z = &k->zones[type];

		if (z->managed_pages)
			ck_assert_uint_eq(z->free_pages, z->pages_min +
					  z->lowmem_reserve[ZONE_NORMAL]);
	}
	ck_assert_uint_eq(taken + nr_free_pages(m), k->totalram_pages);
	host_machine_free(m);
}
END_TEST

START_TEST(every_size_of_machine_boots_with_all_frames_accounted_for)
{
	static const uint64_t sizes[] = {
		4ULL << 20, (4ULL << 20) + 4096, 16ULL << 20, 17ULL << 20,
		100ULL << 20, 1ULL << 30, 4ULL << 30, (4ULL << 30) + (5 << 20),
		5ULL << 30, 1ULL << 40, 4ULL << 40,
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct mm_config config = host_config();
		struct machine *m;
		const struct kernel *k;
		uint64_t present = 0;

		if (sizes[i] > arch_find(host_arch)->ram_max)
			continue;
		config.ram = sizes[i];
		m = host_machine_new(&config);
		k = kernel_at(m);
		for (int type = 0; type < MAX_NR_ZONES; type++)
			present += k->zones[type].present_pages;
		ck_assert_uint_eq(present, sizes[i] >> PAGE_SHIFT);
		ck_assert_uint_eq(nr_free_pages(m), k->totalram_pages);
		ck_assert_uint_eq(k->totalram_pages + k->zero_pfn + 1 +
				  k->mem_map_end - k->mem_map_pfn,
				  k->ram_frames);
		ck_assert_uint_le(m->nr_resident, 32);
		host_machine_free(m);
	}
}
END_TEST

Suite *suite_page_alloc(void);
Suite *suite_page_alloc(void)
{
	Suite *suite = suite_create("page_alloc");
	TCase *tc = tcase_create("buddy");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, no_frame_is_given_twice_and_all_come_back);
	tcase_add_test(tc, a_compound_page_is_one_page);
	tcase_add_test(tc, one_page_taken_and_given_back_leaves_the_frames_as_they_were);
	tcase_add_test(tc, single_pages_ascend_from_the_highest_block);
	tcase_add_test(tc, watermarks_are_those_of_a_real_kernel);
	tcase_add_test(tc, memory_ends_at_the_watermark_and_not_before);
	tcase_add_test(tc, every_size_of_machine_boots_with_all_frames_accounted_for);
	suite_add_tcase(suite, tc);
	return suite;
}
