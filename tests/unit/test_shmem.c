/* SPDX-License-Identifier: MIT */
/*
 * Shared anonymous memory and the radix tree its pages hang in: the tree
 * against an array, the object against what processes see.
 */
#include <check.h>
#include <string.h>

#include "mmcore/lib/radix.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/space.h"

static struct space sp;

static void setup(void)
{
	space_open(&sp);
}

static void teardown(void)
{
	space_close(&sp);
}

static uint32_t below(uint64_t *chance, uint32_t n)
{
	*chance = *chance * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*chance >> 33) % n;
}

/* ---- the tree ---- */

#define KEYS 48

/* Indexes that make the tree grow and shrink through all of its heights. */
static uint64_t key(unsigned int i)
{
	return i < 24 ? i * 3 : (1ULL << (i - 17)) + i;
}

struct tree {
	struct host_step hs;
	file_ref file;
	mapping_ref mapping;
	pfn_t held[KEYS];
};

static void compare_tree(const struct tree *t)
{
	uint64_t index = 0, before = 0;
	unsigned int nr = 0, walked = 0;
	pfn_t pfn;

	for (unsigned int i = 0; i < KEYS; i++) {
		ck_assert_uint_eq(radix_tree_lookup(sp.m, t->mapping, key(i)),
				  t->held[i]);
		nr += t->held[i] != 0;
	}
	for (; radix_tree_next(sp.m, t->mapping, &index, &pfn); index++) {
		ck_assert(walked == 0 || index > before);
		ck_assert_uint_eq(radix_tree_lookup(sp.m, t->mapping, index),
				  pfn);
		before = index;
		walked++;
	}
	ck_assert_uint_eq(walked, nr);
}

START_TEST(the_tree_is_a_sparse_array)
{
	uint64_t chance = (uint64_t)_i + 5;
	struct tree t = { .file = { 0 } };
	uint64_t nodes;

	host_step_init(&t.hs, sp.m, sp.pid);
	t.file = shmem_file_setup(&t.hs.s, 1ULL << 40, false);
	t.mapping = file_at(sp.m, t.file)->f_mapping;
	nodes = kernel_at(sp.m)->caches[CACHE_RADIX].nr_active;
	for (int i = 0; i < 400; i++) {
		unsigned int k = below(&chance, KEYS);

		host_step_init(&t.hs, sp.m, sp.pid);
		if (t.held[k]) {
			ck_assert_uint_eq(radix_tree_delete(&t.hs.s, t.mapping,
							    key(k)), t.held[k]);
			t.held[k] = 0;
		} else {
			t.held[k] = 1 + below(&chance, 9999);
			ck_assert_int_eq(radix_tree_insert(&t.hs.s, t.mapping,
				key(k), t.held[k]), 0);
		}
		compare_tree(&t);
	}
	for (unsigned int k = 0; k < KEYS; k++)
		radix_tree_delete(&t.hs.s, t.mapping, key(k));
	ck_assert_uint_eq(kernel_at(sp.m)->caches[CACHE_RADIX].nr_active,
			  nodes);
	fput(&t.hs.s, t.file);
}
END_TEST

/* ---- the object ---- */

static int64_t share(unsigned int n, unsigned int pages)
{
	return space_mmap(&sp, n, pages, RW, SHARED | MAP_FIXED);
}

START_TEST(what_one_process_stores_the_other_loads)
{
	uint32_t child;

	share(0, 4);
	child = (uint32_t)host_fork(sp.m, sp.pid, 0);
	host_store(sp.m, child, page_addr(2) + 5, 77);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(2) + 5), 77);
	host_store(sp.m, sp.pid, page_addr(2) + 5, 78);
	ck_assert_uint_eq(host_load(sp.m, child, page_addr(2) + 5), 78);
	ck_assert_uint_eq(kernel_at(sp.m)->nr_shmem, 1);
	host_exit(sp.m, child);
}
END_TEST

START_TEST(pages_live_as_long_as_the_last_mapping_of_the_object)
{
	uint32_t child;

	share(0, 4);
	child = (uint32_t)host_fork(sp.m, sp.pid, 0);
	host_touch(sp.m, sp.pid, page_addr(0), 4 * PAGE_SIZE, ACCESS_WRITE);
	host_store(sp.m, sp.pid, page_addr(3), 9);
	space_unmap(&sp, 0, 4);
	ck_assert_uint_eq(kernel_at(sp.m)->nr_shmem, 4);
	ck_assert_uint_eq(host_load(sp.m, child, page_addr(3)), 9);
	host_exit(sp.m, child);
	ck_assert_uint_eq(kernel_at(sp.m)->nr_shmem, 0);
	ck_assert_uint_eq(kernel_at(sp.m)->caches[CACHE_INODE].nr_active, 0);
}
END_TEST

START_TEST(a_read_maps_what_is_near_and_there_already)
{
	uint32_t child;

	share(0, 40);
	host_touch(sp.m, sp.pid, page_addr(0), 40 * PAGE_SIZE, ACCESS_WRITE);
	child = (uint32_t)host_fork(sp.m, sp.pid, 0);
	/* sixteen at a time, from a multiple of sixteen {file.1, tmpfs.1} */
	ck_assert_uint_eq(host_touch(sp.m, child, page_addr(0), 40 * PAGE_SIZE,
				     ACCESS_READ).minor, 3);
	host_exit(sp.m, child);
	child = (uint32_t)host_fork(sp.m, sp.pid, 0);
	ck_assert_uint_eq(host_touch(sp.m, child, page_addr(0), 40 * PAGE_SIZE,
				     ACCESS_WRITE).minor, 40);
	host_exit(sp.m, child);
}
END_TEST

START_TEST(beyond_the_end_of_the_object_there_is_a_bus_error)
{
	struct op op = { .code = OP_REMAP_FILE_PAGES, .pid = sp.pid };
	struct op_result res;

	share(0, 4);
	op.remap_file_pages = (struct op_remap_file_pages){
		page_addr(0), PAGE_SIZE, 0, 4, 0 };
	ck_assert_int_eq(host_run(sp.m, &op).ret, 0);
	res = host_touch(sp.m, sp.pid, page_addr(0), 1, ACCESS_READ);
	ck_assert_int_eq(res.signo, SIGBUS);
	ck_assert_int_eq(res.si_code, BUS_ADRERR);
	ck_assert_uint_eq(res.fault_addr, page_addr(0));
}
END_TEST

START_TEST(the_object_is_promised_as_a_whole_and_until_it_is_gone)
{
	const uint64_t before = space_committed(&sp);

	share(0, 10);
	ck_assert_uint_eq(space_committed(&sp), before + 10);
	space_unmap(&sp, 0, 9);
	ck_assert_uint_eq(space_committed(&sp), before + 10);
	space_unmap(&sp, 9, 1);
	ck_assert_uint_eq(space_committed(&sp), before);
}
END_TEST

START_TEST(what_is_resident_of_it_counts_as_shared)
{
	share(0, 4);
	host_touch(sp.m, sp.pid, page_addr(0), 2 * PAGE_SIZE, ACCESS_WRITE);
	ck_assert_uint_eq(space_mm(&sp)->_shmem_rss, 2);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 0);
	ck_assert_uint_eq(space_mm(&sp)->_file_rss, 0);
}
END_TEST

Suite *suite_shmem(void);
Suite *suite_shmem(void)
{
	Suite *suite = suite_create("shmem");
	TCase *tc = tcase_create("shmem");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, the_tree_is_a_sparse_array, 0, 4);
	tcase_add_test(tc, what_one_process_stores_the_other_loads);
	tcase_add_test(tc, pages_live_as_long_as_the_last_mapping_of_the_object);
	tcase_add_test(tc, a_read_maps_what_is_near_and_there_already);
	tcase_add_test(tc, beyond_the_end_of_the_object_there_is_a_bus_error);
	tcase_add_test(tc, the_object_is_promised_as_a_whole_and_until_it_is_gone);
	tcase_add_test(tc, what_is_resident_of_it_counts_as_shared);
	suite_add_tcase(suite, tc);
	return suite;
}
