/* SPDX-License-Identifier: MIT */
/* brk: answers with the break, moved or not. */
#include <check.h>

#include "mmcore/mm/vma.h"
#include "tests/lib/space.h"

#define HEAP 0x555555559000ULL	/* start_brk */

static struct space sp;

static void setup(void)
{
	space_open(&sp);
	ck_assert_uint_eq(space_mm(&sp)->start_brk, HEAP);
}

static void teardown(void)
{
	space_close(&sp);
}

static uint64_t sys(uint64_t addr)
{
	return (uint64_t)host_brk(sp.m, sp.pid, addr);
}

static struct op_result full(uint64_t addr)
{
	struct op op = { .code = OP_BRK, .pid = sp.pid };

	op.brk.addr = addr;
	return host_run(sp.m, &op);
}

static int32_t map_count(void)
{
	return space_mm(&sp)->map_count;
}

START_TEST(brk_0_asks_and_below_the_heap_nothing_moves)
{
	ck_assert_uint_eq(sys(0), HEAP);
	ck_assert_ptr_null(full(0).why);
	ck_assert_uint_eq(sys(HEAP - 1), HEAP);
	ck_assert_ptr_nonnull(full(HEAP - 1).why);
	ck_assert_int_eq(full(HEAP - 1).outcome, OUT_OK);
}
END_TEST

START_TEST(the_break_is_any_byte_and_the_heap_is_whole_pages)
{
	int32_t count = map_count();
	uint64_t total = space_mm(&sp)->total_vm;

	ck_assert_uint_eq(sys(HEAP + 1), HEAP + 1);
	ck_assert_uint_eq(space_mm(&sp)->total_vm, total + 1);
	ck_assert_uint_eq(sys(HEAP + 4096), HEAP + 4096);
	ck_assert_uint_eq(space_mm(&sp)->total_vm, total + 1);
	ck_assert_uint_eq(sys(HEAP + 4097), HEAP + 4097);
	ck_assert_uint_eq(space_mm(&sp)->total_vm, total + 2);
	ck_assert_int_eq(map_count(), count + 1);
	ck_assert_uint_eq(sys(HEAP), HEAP);
	ck_assert_uint_eq(space_mm(&sp)->total_vm, total);
	ck_assert_int_eq(map_count(), count);
}
END_TEST

START_TEST(what_was_given_up_reads_zero_when_it_grows_again)
{
	sys(HEAP + 2 * 4096);
	host_store(sp.m, sp.pid, HEAP + 4096, 7);
	sys(HEAP + 4096);
	sys(HEAP + 2 * 4096);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, HEAP + 4096), 0);
}
END_TEST

START_TEST(a_free_page_stays_below_the_next_mapping)
{
	host_mmap(sp.m, sp.pid, HEAP + 8 * 4096, 4096, PROT_READ,
		  PRIVATE | MAP_FIXED);
	ck_assert_uint_eq(sys(HEAP + 8 * 4096), HEAP);
	ck_assert_uint_eq(sys(HEAP + 7 * 4096 + 1), HEAP);
	ck_assert_uint_eq(sys(HEAP + 7 * 4096), HEAP + 7 * 4096);
	ck_assert_uint_eq(sys(HEAP + 20 * 4096), HEAP + 7 * 4096);
	space_verify(&sp);
}
END_TEST

START_TEST(a_stack_above_keeps_its_guard_gap)
{
	host_mmap(sp.m, sp.pid, HEAP + 300 * 4096, 4096, RW,
		  PRIVATE | MAP_FIXED | MAP_GROWSDOWN);
	ck_assert_uint_eq(sys(HEAP + 44 * 4096), HEAP);
	ck_assert_uint_eq(sys(HEAP + 43 * 4096), HEAP + 43 * 4096);
}
END_TEST

START_TEST(the_heap_does_not_join_what_ends_where_it_starts)
{
	int32_t count = map_count();

	host_mmap(sp.m, sp.pid, HEAP - 4096, 4096, RW, PRIVATE | MAP_FIXED);
	sys(HEAP + 4096);
	ck_assert_int_eq(map_count(), count + 2);
	sys(HEAP + 2 * 4096);
	ck_assert_int_eq(map_count(), count + 2);
}
END_TEST

START_TEST(a_protected_end_of_the_heap_is_not_extended_but_followed)
{
	int32_t count = map_count();

	sys(HEAP + 4 * 4096);
	host_mprotect(sp.m, sp.pid, HEAP + 2 * 4096, 2 * 4096, PROT_READ);
	sys(HEAP + 6 * 4096);
	ck_assert_int_eq(map_count(), count + 3);
	/* shrinking goes across all of it */
	ck_assert_uint_eq(sys(HEAP + 4096), HEAP + 4096);
	ck_assert_int_eq(map_count(), count + 1);
}
END_TEST

START_TEST(an_unmapped_heap_cannot_shrink)
{
	sys(HEAP + 4 * 4096);
	host_munmap(sp.m, sp.pid, HEAP + 2 * 4096, 2 * 4096);
	ck_assert_uint_eq(sys(HEAP + 2 * 4096), HEAP + 4 * 4096);
	ck_assert_uint_eq(sys(HEAP + 4096), HEAP + 4096);
	space_verify(&sp);
}
END_TEST

START_TEST(limits_leave_the_break_where_it_is)
{
	uint64_t pages = space_mm(&sp)->total_vm;

	host_setrlimit(sp.m, sp.pid, RLIMIT_DATA, 2 * 4096);
	ck_assert_uint_eq(sys(HEAP + 2 * 4096 + 1), HEAP);
	ck_assert_uint_eq(sys(HEAP + 2 * 4096), HEAP + 2 * 4096);
	host_setrlimit(sp.m, sp.pid, RLIMIT_DATA, RLIM_INFINITY);
	host_setrlimit(sp.m, sp.pid, RLIMIT_AS, (pages + 3) * 4096);
	ck_assert_uint_eq(sys(HEAP + 4 * 4096), HEAP + 2 * 4096);
	ck_assert_uint_eq(sys(HEAP + 3 * 4096), HEAP + 3 * 4096);
}
END_TEST

START_TEST(the_heap_is_a_promise)
{
	uint64_t before = space_committed(&sp);
	uint64_t ram = kernel_at(sp.m)->totalram_pages * PAGE_SIZE;

	sys(HEAP + 4 * 4096);
	ck_assert_uint_eq(space_committed(&sp), before + 4);
	ck_assert_uint_eq(sys(HEAP + 5 * 4096 + ram), HEAP + 4 * 4096);
	ck_assert_uint_eq(space_committed(&sp), before + 4);
	sys(HEAP);
	ck_assert_uint_eq(space_committed(&sp), before);
}
END_TEST

START_TEST(the_far_end_of_memory_is_refused)
{
	ck_assert_uint_eq(sys(UINT64_MAX), HEAP);
	ck_assert_uint_eq(sys(UINT64_MAX - 5000), HEAP);
	ck_assert_uint_eq(sys(0x7ffffffff000), HEAP);
	space_sysctl(&sp, SYSCTL_max_map_count, 0);
	ck_assert_uint_eq(sys(HEAP + 4096), HEAP);
}
END_TEST

Suite *suite_brk(void);
Suite *suite_brk(void)
{
	Suite *suite = suite_create("brk");
	TCase *t = tcase_create("brk");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, brk_0_asks_and_below_the_heap_nothing_moves);
	tcase_add_test(t, the_break_is_any_byte_and_the_heap_is_whole_pages);
	tcase_add_test(t, what_was_given_up_reads_zero_when_it_grows_again);
	tcase_add_test(t, a_free_page_stays_below_the_next_mapping);
	tcase_add_test(t, a_stack_above_keeps_its_guard_gap);
	tcase_add_test(t, the_heap_does_not_join_what_ends_where_it_starts);
	tcase_add_test(t, a_protected_end_of_the_heap_is_not_extended_but_followed);
	tcase_add_test(t, an_unmapped_heap_cannot_shrink);
	tcase_add_test(t, limits_leave_the_break_where_it_is);
	tcase_add_test(t, the_heap_is_a_promise);
	tcase_add_test(t, the_far_end_of_memory_is_refused);
	suite_add_tcase(suite, t);
	return suite;
}
