/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/slab.h"
#include "tests/lib/host.h"

START_TEST(objects_are_zeroed_apart_and_counted)
{
	struct machine *m = host_machine_small();
	uint64_t held[2000];
	struct host_step hs;
	int nr = 0;

	srand(3);
	host_step_init(&hs, m, 0);
	for (int round = 0; round < 30000; round++) {
		const uint32_t size = kernel_at(m)->caches[CACHE_VMA].objsize;

		if (nr < 2000 && rand() % 2) {
			uint64_t pa = kmem_cache_alloc(&hs.s, CACHE_VMA);
			uint8_t *object = ram_mut(&hs.s, pa);

			for (uint32_t i = 0; i < size; i++)
				ck_assert_int_eq(object[i], 0);
			memset(object, 0xa5, size);
			held[nr++] = pa;
		} else if (nr) {
			int i = rand() % nr;

			kmem_cache_free(&hs.s, CACHE_VMA, held[i]);
			held[i] = held[--nr];
		}
		ck_assert_uint_eq(kernel_at(m)->caches[CACHE_VMA].nr_active, nr);
	}
	while (nr--)
		kmem_cache_free(&hs.s, CACHE_VMA, held[nr]);
	ck_assert_uint_eq(kernel_at(m)->caches[CACHE_VMA].nr_slabs, 1);
	kmem_cache_shrink_all(&hs.s);
	ck_assert_uint_eq(nr_free_pages(m), kernel_at(m)->totalram_pages);
	host_machine_free(m);
}
END_TEST

START_TEST(the_walk_finds_each_object_handed_out_once)
{
	struct machine *m = host_machine_small();
	uint64_t held[100], sum = 0, found = 0;
	struct host_step hs;
	int nr = 0;

	host_step_init(&hs, m, 0);
	for (int i = 0; i < 100; i++)
		held[i] = kmem_cache_alloc(&hs.s, CACHE_MM);
	for (int i = 0; i < 100; i++) {
		if (i % 3 == 0)
			kmem_cache_free(&hs.s, CACHE_MM, held[i]);
		else
			sum += held[i], nr++;
	}
	for (uint64_t pa = kmem_cache_next(m, CACHE_MM, 0); pa;
	     pa = kmem_cache_next(m, CACHE_MM, pa)) {
		found += pa;
		nr--;
	}
	ck_assert_int_eq(nr, 0);
	ck_assert_uint_eq(found, sum);
	host_machine_free(m);
}
END_TEST

START_TEST(without_ram_there_is_no_object_and_free_slabs_are_given_up_first)
{
	struct machine *m = host_machine_small();
	struct host_step hs;
	uint64_t pa;

	host_step_init(&hs, m, 0);
	pa = kmem_cache_alloc(&hs.s, CACHE_MM);
	kmem_cache_free(&hs.s, CACHE_MM, pa);
	ck_assert_uint_eq(kernel_at(m)->caches[CACHE_MM].nr_slabs, 1);
	while (kmem_cache_alloc(&hs.s, CACHE_VMA))
		;
	ck_assert_uint_eq(kernel_at(m)->caches[CACHE_MM].nr_slabs, 0);
	ck_assert_uint_eq(kmem_cache_alloc(&hs.s, CACHE_MM), 0);
	host_machine_free(m);
}
END_TEST

Suite *suite_slab(void);
Suite *suite_slab(void)
{
	Suite *suite = suite_create("slab");
	TCase *tc = tcase_create("caches");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, objects_are_zeroed_apart_and_counted);
	tcase_add_test(tc, the_walk_finds_each_object_handed_out_once);
	tcase_add_test(tc, without_ram_there_is_no_object_and_free_slabs_are_given_up_first);
	suite_add_tcase(suite, tc);
	return suite;
}
