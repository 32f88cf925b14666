/* SPDX-License-Identifier: MIT */
/*
 * The index with thousands of VMAs: whatever order they come and go in, it
 * says what the list says (space_verify()), finds what a walk would find, and
 * gives all its nodes back.
 */
#include <check.h>
#include <stdlib.h>

#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/swap.h"
#include "mmcore/mm/vma.h"
#include "mmcore/mm/vma_index.h"
#include "tests/lib/space.h"

#define TEETH 3000		/* every other page of a comb is mapped */

static struct space sp;
static uint32_t order[TEETH];
static uint64_t rng;

static void setup(void)
{
	space_open(&sp);
}

static void teardown(void)
{
	space_close(&sp);
}

static uint64_t draw(uint64_t below)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (rng >> 33) % below;
}

enum direction { UPWARDS, DOWNWARDS, ANY_ORDER, NR_DIRECTIONS };

static void choose_order(enum direction direction)
{
	for (uint32_t i = 0; i < TEETH; i++)
		order[i] = direction == DOWNWARDS ? TEETH - 1 - i : i;
	for (uint32_t i = TEETH - 1; direction == ANY_ORDER && i; i--) {
		uint32_t other = (uint32_t)draw(i + 1), tooth = order[i];

		order[i] = order[other];
		order[other] = tooth;
	}
}

static uint64_t tooth_addr(uint32_t tooth)
{
	return ARENA + tooth * 2 * PAGE_SIZE;
}

static void map_tooth(uint32_t tooth)
{
	ck_assert_int_eq(host_mmap(sp.m, sp.pid, tooth_addr(tooth), PAGE_SIZE,
				   RW, PRIVATE | MAP_FIXED),
			 tooth_addr(tooth));
}

static void map_comb(enum direction direction)
{
	choose_order(direction);
	for (uint32_t i = 0; i < TEETH; i++) {
		map_tooth(order[i]);
		if (i % 256 == 0)
			space_verify(&sp);
	}
	space_verify(&sp);
}

static uint64_t nodes(void)
{
	return kernel_at(sp.m)->caches[CACHE_VMA_INDEX].nr_active;
}

static mm_ref mm(void)
{
	return task_at(sp.m, space_task(&sp))->mm;
}

START_TEST(vmas_come_and_go_in_any_order)
{
	rng = (uint64_t)_i + 1;
	map_comb(_i / NR_DIRECTIONS);
	choose_order(_i % NR_DIRECTIONS);
	for (uint32_t i = 0; i < TEETH; i++) {
		host_munmap(sp.m, sp.pid, tooth_addr(order[i]), PAGE_SIZE);
		if (i % 256 == 0)
			space_verify(&sp);
	}
	expect_space(&sp, "");
	ck_assert_uint_eq(nodes(), 1);
}
END_TEST

/* What comes in order leaves full nodes behind. */
START_TEST(an_ordered_comb_takes_few_nodes)
{
	map_comb(_i);
	ck_assert_uint_le(nodes(), TEETH / (VMA_INDEX_SLOTS - 1) + 16);
}
END_TEST

START_TEST(every_address_finds_its_vma_and_the_one_before)
{
	rng = 7;
	map_comb(ANY_ORDER);
	for (uint32_t tooth = 1; tooth + 1 < TEETH; tooth++) {
		vma_ref prev, vma;

		vma = vma_index_find(sp.m, mm(), tooth_addr(tooth), &prev);
		ck_assert_uint_eq(vma_at(sp.m, vma)->vm_start, tooth_addr(tooth));
		ck_assert(vma_same(prev, vma_at(sp.m, vma)->vm_prev));
		vma = vma_index_find(sp.m, mm(),
				     tooth_addr(tooth) + PAGE_SIZE, &prev);
		ck_assert_uint_eq(vma_at(sp.m, vma)->vm_start,
				  tooth_addr(tooth + 1));
		ck_assert_uint_eq(vma_at(sp.m, prev)->vm_start, tooth_addr(tooth));
	}
}
END_TEST

/* A missing tooth is the only gap of three pages between two ends. */
START_TEST(the_one_gap_that_is_long_enough_is_found)
{
	const uint64_t end = tooth_addr(TEETH);
	vma_ref above;

	rng = 3;
	map_comb(ANY_ORDER);
	for (int i = 0; i < 200; i++) {
		uint32_t tooth = 1 + (uint32_t)draw(TEETH - 2);
		uint64_t gap = tooth_addr(tooth) - PAGE_SIZE;

		host_munmap(sp.m, sp.pid, tooth_addr(tooth), PAGE_SIZE);
		ck_assert_uint_eq(vma_index_lowest_gap(sp.m, mm(), ARENA, end,
						       3 * PAGE_SIZE, &above),
				  gap);
		ck_assert_uint_eq(vma_at(sp.m, above)->vm_start,
				  tooth_addr(tooth + 1));
		ck_assert_uint_eq(vma_index_highest_gap(sp.m, mm(), ARENA, end,
							3 * PAGE_SIZE, &above),
				  gap + 3 * PAGE_SIZE);
		ck_assert_uint_eq(vma_index_highest_gap(sp.m, mm(), ARENA, end,
							4 * PAGE_SIZE, &above),
				  0);
		map_tooth(tooth);
	}
}
END_TEST

START_TEST(borders_move_inside_large_nodes)
{
	rng = 11;
	map_comb(ANY_ORDER);
	for (int i = 0; i < 2000; i++) {
		uint64_t addr = ARENA + draw(TEETH * 2) * PAGE_SIZE;
		uint64_t len = (1 + draw(3)) * PAGE_SIZE;

		if (draw(2))
			host_mprotect(sp.m, sp.pid, addr, len,
				      draw(2) ? RW : PROT_READ);
		else
			host_mmap(sp.m, sp.pid, addr, len,
				  draw(2) ? RW : PROT_READ, PRIVATE | MAP_FIXED);
		if (i % 64 == 0)
			space_verify(&sp);
	}
}
END_TEST

/* Frames are taken away until VMAs, then nodes, cannot be had. */
START_TEST(without_memory_for_a_node_nothing_changes)
{
	struct host_step hs;
	unsigned int refused = 0;
	pfn_t pfn, kept = 0;

	host_step_init(&hs, sp.m, sp.pid);
	map_comb(ANY_ORDER);
	while ((pfn = alloc_page(&hs.s, GFP_KERNEL)))
		kept = pfn;
	for (int i = 0; i < 600; i++) {
		uint64_t addr = tooth_addr(TEETH) + draw(4000) * PAGE_SIZE;
		int32_t count = space_mm(&sp)->map_count;
		int64_t ret = host_mmap(sp.m, sp.pid, addr, PAGE_SIZE,
					draw(2) ? RW : PROT_READ,
					PRIVATE | MAP_FIXED_NOREPLACE);

		if (ret == -ENOMEM) {
			refused++;
			ck_assert_int_eq(space_mm(&sp)->map_count, count);
		}
		if (refused == 20 && kept) {
			put_page(&hs.s, kept);	/* for one of the two */
			kept = 0;
		}
		space_verify(&sp);
	}
	ck_assert_uint_gt(refused, 20);
	/* The frames are nobody's: skip the laws. */
	host_machine_free(sp.m);
	space_open(&sp);
}
END_TEST

Suite *suite_vma_index(void);
Suite *suite_vma_index(void)
{
	Suite *suite = suite_create("vma_index");
	TCase *t = tcase_create("vma_index");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, vmas_come_and_go_in_any_order, 0,
			    NR_DIRECTIONS * NR_DIRECTIONS);
	tcase_add_loop_test(t, an_ordered_comb_takes_few_nodes, UPWARDS,
			    ANY_ORDER);
	tcase_add_test(t, every_address_finds_its_vma_and_the_one_before);
	tcase_add_test(t, the_one_gap_that_is_long_enough_is_found);
	tcase_add_test(t, borders_move_inside_large_nodes);
	tcase_add_test(t, without_memory_for_a_node_nothing_changes);
	suite_add_tcase(suite, t);
	return suite;
}
