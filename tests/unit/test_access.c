/* SPDX-License-Identifier: MIT */
/*
 * The simulated CPU: bytes go where the page tables say, over page borders, up
 * to the byte where it ends. A plain array is the other side.
 */
#include <check.h>
#include <string.h>

#include "tests/lib/space.h"

#define PAGES 6

static struct space sp;
static uint8_t array[PAGES * PAGE_SIZE], bytes[PAGES * PAGE_SIZE];

static void setup(void)
{
	space_open(&sp);
	memset(array, 0, sizeof(array));
}

static void teardown(void)
{
	space_close(&sp);
}

static struct op_result mem_op(enum op_code code, uint64_t at, uint64_t len,
			       uint8_t byte)
{
	struct op op = { .code = code, .pid = sp.pid, .buf = bytes,
			 .data = bytes, .data_len = len };

	op.mem_fill = (struct op_mem_fill){ ARENA + at, len, byte };
	return host_run(sp.m, &op);
}

static uint32_t below(uint64_t *chance, uint32_t n)
{
	*chance = *chance * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*chance >> 33) % n;
}

START_TEST(reads_writes_and_fills_are_those_of_an_array)
{
	uint64_t chance = 1;

	space_map(&sp, 0, PAGES, RW);
	for (int i = 0; i < 3000; i++) {
		uint32_t at = below(&chance, sizeof(array));
		uint32_t len = 1 + below(&chance, 3 * 4096);
		uint8_t byte = (uint8_t)below(&chance, 4);
		struct op_result res;

		if (len > sizeof(array) - at)
			len = (uint32_t)sizeof(array) - at;
		switch (below(&chance, 3)) {
		case 0:
			res = mem_op(OP_MEM_FILL, at, len, byte);
			memset(array + at, byte, len);
			break;
		case 1:
			memset(bytes, i, len);
			memset(array + at, i, len);
			res = mem_op(OP_MEM_WRITE, at, len, 0);
			break;
		default:
			res = mem_op(OP_MEM_READ, at, len, 0);
			ck_assert_mem_eq(bytes, array + at, len);
		}
		ck_assert_int_eq(res.outcome, OUT_OK);
		ck_assert_uint_eq(res.done, len);
	}
}
END_TEST

START_TEST(what_came_before_a_fatal_fault_has_happened)
{
	struct op_result res;

	space_map(&sp, 0, 2, RW);
	space_map(&sp, 2, 1, PROT_READ);
	res = mem_op(OP_MEM_FILL, 4096 - 100, 8192, 5);
	ck_assert_int_eq(res.outcome, OUT_SIGNAL);
	ck_assert_uint_eq(res.done, 4096 + 100);
	ck_assert_uint_eq(res.fault_addr, page_addr(2));
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(2) - 1), 5);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(2)), 0);
	res = mem_op(OP_MEM_READ, 2 * 4096 + 10, 8192, 0);
	ck_assert_uint_eq(res.done, 4096 - 10);
	ck_assert_int_eq(res.si_code, SEGV_MAPERR);
}
END_TEST

START_TEST(a_touch_is_one_access_a_page)
{
	struct op_result res;

	space_map(&sp, 0, 4, RW);
	host_store(sp.m, sp.pid, page_addr(1) + 7, 99);
	res = host_touch(sp.m, sp.pid, page_addr(0) + 4095, 4096 + 2,
			 ACCESS_WRITE);
	ck_assert_uint_eq(res.minor, 2);
	ck_assert_uint_eq(res.done, 4096 + 2);
	/* and leaves what is there */
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(1) + 7), 99);
}
END_TEST

START_TEST(accesses_of_nothing_do_nothing)
{
	ck_assert_int_eq(mem_op(OP_MEM_READ, 0, 0, 0).outcome, OUT_OK);
	ck_assert_int_eq(mem_op(OP_MEM_FILL, 0, 0, 1).outcome, OUT_OK);
	ck_assert_int_eq(mem_op(OP_MEM_WRITE, 0, 0, 0).outcome, OUT_OK);
}
END_TEST

START_TEST(the_range_that_wraps_around_ends_with_a_signal)
{
	struct op_result res = host_touch(sp.m, sp.pid, ~0ULL - 10, 100,
					  ACCESS_READ);

	ck_assert_int_eq(res.outcome, OUT_SIGNAL);
	ck_assert_uint_eq(res.done, 0);
}
END_TEST

static const struct {
	uint64_t addr, size;
	int64_t ret;
} ranges[] = {
	{ 0, 0, 1 },
	{ 0, 4096, 1 },			/* mapped or not: nobody looks */
	{ 0x7fffffffefff, 1, 1 },
	{ 0x7ffffffff000, 0, 1 },
	{ 0x7ffffffff000, 1, 0 },
	{ 0x7fffffffe000, 4097, 0 },
	{ 0xffff888000000000, 8, 0 },
	{ 4096, ~0ULL, 0 },		/* wraps around */
	{ ~0ULL, 1, 0 },
};

START_TEST(access_ok_looks_at_the_bounds_alone)
{
	struct op op = { .code = OP_ACCESS_OK, .pid = sp.pid };

	if (host_arch != ARCH_X86_64)
		return;		/* test_arch.c has the others' */
	op.access_ok.addr = ranges[_i].addr;
	op.access_ok.size = ranges[_i].size;
	ck_assert_int_eq(host_run(sp.m, &op).ret, ranges[_i].ret);
	op.access_ok.type = 1;
	ck_assert_int_eq(host_run(sp.m, &op).ret, ranges[_i].ret);
}
END_TEST

Suite *suite_access(void);
Suite *suite_access(void)
{
	Suite *suite = suite_create("access");
	TCase *tc = tcase_create("access");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, reads_writes_and_fills_are_those_of_an_array);
	tcase_add_test(tc, what_came_before_a_fatal_fault_has_happened);
	tcase_add_test(tc, a_touch_is_one_access_a_page);
	tcase_add_test(tc, accesses_of_nothing_do_nothing);
	tcase_add_test(tc, the_range_that_wraps_around_ends_with_a_signal);
	tcase_add_loop_test(tc, access_ok_looks_at_the_bounds_alone, 0,
			    sizeof(ranges) / sizeof(ranges[0]));
	suite_add_tcase(suite, tc);
	return suite;
}
