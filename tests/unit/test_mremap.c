/* SPDX-License-Identifier: MIT */
/*
 * mremap: the order of its checks, what moves and what stays. The numbers in
 * braces are the facts of Linux 6.18 that a test repeats.
 */
#include <check.h>

#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/space.h"

#define MAYMOVE		1
#define FIXED		3	/* MREMAP_FIXED needs MREMAP_MAYMOVE */
#define DONTUNMAP	5

static struct space sp;

static void setup(void)
{
	space_open(&sp);
}

static void teardown(void)
{
	space_close(&sp);
}

static int64_t remap(uint64_t addr, uint64_t old_len, uint64_t new_len,
		     uint64_t flags, uint64_t new_addr)
{
	struct op op = { .code = OP_MREMAP, .pid = sp.pid };

	op.mremap = (struct op_mremap){ addr, old_len, new_len, flags,
					new_addr };
	return host_run(sp.m, &op).ret;
}

static int64_t move(unsigned int from, unsigned int pages, unsigned int to,
		    unsigned int new_pages)
{
	return remap(page_addr(from), pages * PAGE_SIZE,
		     new_pages * PAGE_SIZE, FIXED, page_addr(to));
}

static pfn_t frame(uint64_t addr)
{
	return mm_pagemap_entry(sp.m, task_at(sp.m, space_task(&sp))->mm,
				addr).pfn;
}

/* Pages 0 to 3 are rw, 4 and 5 are not mapped, 6 is shared. */
static const struct {
	uint64_t addr, old_len, new_len, flags, new_addr;
	int64_t ret;
} answers[] = {
	{ ARENA, 4096, 4096, 8, 0, -EINVAL },			/* {1} */
	{ ARENA + 1, 4096, 4096, 0, 0, -EINVAL },
	{ ARENA, 4096, 0, 0, 0, -EINVAL },
	{ ARENA, 4096, 1ULL << 57, 0, 0, -EINVAL },
	{ ARENA, 4096, 4096, 2, ARENA + 0x8000, -EINVAL },
	{ ARENA, 4096, 8192, DONTUNMAP, 0, -EINVAL },
	{ ARENA, 4096, 4096, FIXED, ARENA, -EINVAL },		/* {9} */
	{ ARENA, 8192, 4096, FIXED, ARENA + 4096, -EINVAL },
	{ ARENA, 4096, 4096, FIXED, ARENA + 0x8001, -EINVAL },
	{ ARENA, 4096, 4096, FIXED, ~0xfffULL, -EINVAL },
	{ ARENA + 4 * 4096, 4096, 4096, 0, 0, -EFAULT },	/* {12} */
	{ ARENA, 4096, 4096, 0, 0, (int64_t)ARENA },
	{ ARENA, 10 * 4096, 10 * 4096, 0, 0, (int64_t)ARENA },	/* {14} */
	{ ARENA, 10 * 4096, 11 * 4096, MAYMOVE, 0, -EFAULT },	/* {15} */
	{ ARENA, 4096, 8192, 0, 0, -ENOMEM },			/* {18} */
	{ ARENA, 0, 4096, MAYMOVE, 0, -EINVAL },		/* {41} */
	{ ARENA + 6 * 4096, 0, 4096, 0, 0, -ENOMEM },		/* {40b} */
};

START_TEST(the_first_check_that_fails_gives_the_errno)
{
	uint64_t digest;

	space_map(&sp, 0, 4, RW);
	space_mmap(&sp, 6, 1, RW, SHARED | MAP_FIXED);
	digest = host_digest(sp.m);
	ck_assert_int_eq(remap(answers[_i].addr, answers[_i].old_len,
			       answers[_i].new_len, answers[_i].flags,
			       answers[_i].new_addr), answers[_i].ret);
	ck_assert_uint_eq(host_digest(sp.m), digest);
}
END_TEST

START_TEST(a_move_takes_the_frames_along)
{
	pfn_t frames[3];

	space_map(&sp, 0, 3, RW);
	for (unsigned int n = 0; n < 3; n++) {
		host_store(sp.m, sp.pid, page_addr(n) + n, (uint8_t)(n + 7));
		frames[n] = frame(page_addr(n));
	}
	ck_assert_int_eq(move(0, 3, 20, 3), (int64_t)page_addr(20));
	for (unsigned int n = 0; n < 3; n++) {
		ck_assert_uint_eq(frame(page_addr(20 + n)), frames[n]);
		ck_assert_uint_eq(host_load(sp.m, sp.pid,
					    page_addr(20 + n) + n), n + 7);
		ck_assert_uint_eq(frame(page_addr(n)), 0);
	}
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 3);
	/* and back: one more family member, the same place in it */
	ck_assert_int_eq(move(20, 3, 0, 3), (int64_t)page_addr(0));
	expect_space(&sp, "AAA");
}
END_TEST

START_TEST(a_piece_of_a_mapping_can_be_moved)
{
	space_map(&sp, 0, 6, RW);
	space_write(&sp, 2);
	ck_assert_int_eq(move(2, 2, 10, 2), (int64_t)page_addr(10));
	expect_space(&sp, "AA..BB....CC");
}
END_TEST

START_TEST(it_grows_in_place_where_there_is_room)
{
	space_map(&sp, 0, 2, RW);
	ck_assert_int_eq(remap(page_addr(0), 2 * PAGE_SIZE, 5 * PAGE_SIZE, 0, 0),
			 (int64_t)page_addr(0));
	expect_space(&sp, "AAAAA");
	/* {70}: up to a neighbour that it then is one with */
	space_map(&sp, 8, 2, RW);
	ck_assert_int_eq(remap(page_addr(0), 5 * PAGE_SIZE, 8 * PAGE_SIZE, 0, 0),
			 (int64_t)page_addr(0));
	expect_space(&sp, "AAAAAAAAAA");
}
END_TEST

/* vma_merge_extend() has no middle, so case 1 of is_mergeable_anon_vma() asks nobody. */
START_TEST(what_was_forked_grows_into_one_with_what_is_not_touched)
{
	space_map(&sp, 0, 2, RW);
	space_write(&sp, 0);
	sp.pid = (uint32_t)host_fork(sp.m, sp.pid, 0);
	space_map(&sp, 2, 1, RW);
	expect_space(&sp, "AAB");
	ck_assert_int_eq(space_unmap(&sp, 2, 1), 0);
	space_map(&sp, 5, 2, RW);
	ck_assert_int_eq(remap(page_addr(0), 2 * PAGE_SIZE, 5 * PAGE_SIZE, 0, 0),
			 (int64_t)page_addr(0));
	expect_space(&sp, "AAAAAAA");
}
END_TEST

START_TEST(a_smaller_size_unmaps_the_tail_even_of_others)
{
	space_map(&sp, 0, 2, RW);
	space_map(&sp, 2, 2, PROT_READ);
	/* {39b} */
	ck_assert_int_eq(remap(page_addr(0), 4 * PAGE_SIZE, PAGE_SIZE, 0, 0),
			 (int64_t)page_addr(0));
	expect_space(&sp, "A");
}
END_TEST

START_TEST(several_mappings_move_with_their_gaps)
{
	space_map(&sp, 0, 2, RW);
	space_map(&sp, 3, 1, PROT_READ);
	space_map(&sp, 6, 2, RW);
	ck_assert_int_eq(move(0, 7, 20, 7), (int64_t)page_addr(20)); /* {34} */
	expect_space(&sp, ".......A............BB.C..D");
	ck_assert_int_eq(move(1, 7, 40, 7), -EFAULT);		/* {36} */
}
END_TEST

START_TEST(shared_memory_can_be_had_twice)
{
	int64_t twin;

	space_mmap(&sp, 0, 2, RW, SHARED | MAP_FIXED);
	host_store(sp.m, sp.pid, page_addr(1), 5);
	twin = remap(page_addr(0), 0, 2 * PAGE_SIZE, MAYMOVE, 0); /* {40} */
	ck_assert_int_gt(twin, 0);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, (uint64_t)twin + PAGE_SIZE),
			  5);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(1)), 5);
}
END_TEST

START_TEST(the_new_tail_of_a_shared_object_is_beyond_it)
{
	int64_t at;

	space_mmap(&sp, 0, 1, RW, SHARED | MAP_FIXED);
	at = remap(page_addr(0), PAGE_SIZE, 2 * PAGE_SIZE, MAYMOVE, 0);
	ck_assert_int_eq(host_touch(sp.m, sp.pid, (uint64_t)at + PAGE_SIZE, 1,
				    ACCESS_READ).signo, SIGBUS);	/* {42} */
}
END_TEST

START_TEST(dontunmap_leaves_an_empty_mapping_behind)
{
	pfn_t pfn;
	int64_t at;

	space_map(&sp, 0, 2, RW);
	space_write(&sp, 0);
	pfn = frame(page_addr(0));
	at = remap(page_addr(0), 2 * PAGE_SIZE, 2 * PAGE_SIZE, DONTUNMAP, 0);
	ck_assert_int_gt(at, 0);
	ck_assert_uint_eq(frame((uint64_t)at), pfn);		/* {50} */
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(0)), 0);
	host_munmap(sp.m, sp.pid, (uint64_t)at, 2 * PAGE_SIZE);
}
END_TEST

START_TEST(whole_tables_change_their_place)
{
	const uint64_t big = 4 << 20, to = ARENA + (64 << 20);
	uint64_t tables;

	host_mmap(sp.m, sp.pid, ARENA, big, RW, PRIVATE | MAP_FIXED);
	host_touch(sp.m, sp.pid, ARENA, big, ACCESS_WRITE);
	tables = space_mm(&sp)->nr_tables;
	ck_assert_int_eq(remap(ARENA, big, big, FIXED, to), (int64_t)to);
	ck_assert_uint_eq(space_mm(&sp)->nr_tables, tables);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, big >> PAGE_SHIFT);
	host_check(sp.m);
	host_munmap(sp.m, sp.pid, to, big);
}
END_TEST

START_TEST(what_is_locked_stays_locked_and_grows_resident)
{
	struct op op = { .code = OP_MLOCK, .pid = sp.pid };
	int64_t at;

	space_map(&sp, 0, 2, RW);
	op.mlock = (struct op_mlock){ page_addr(0), 2 * PAGE_SIZE };
	host_run(sp.m, &op);
	space_map(&sp, 2, 1, PROT_READ);
	at = remap(page_addr(0), 2 * PAGE_SIZE, 4 * PAGE_SIZE, MAYMOVE, 0);
	ck_assert_uint_eq(space_mm(&sp)->locked_vm, 4);
	ck_assert_uint_ne(frame((uint64_t)at + 3 * PAGE_SIZE), 0); /* {60} */
	host_munmap(sp.m, sp.pid, (uint64_t)at, 4 * PAGE_SIZE);
}
END_TEST

START_TEST(promises_and_sizes_are_what_they_were_after_a_move)
{
	const uint64_t total = space_mm(&sp)->total_vm;
	const uint64_t committed = space_committed(&sp);

	space_map(&sp, 0, 6, RW);
	move(1, 3, 20, 3);
	move(20, 3, 30, 8);
	ck_assert_uint_eq(space_mm(&sp)->total_vm, total + 11);
	ck_assert_uint_eq(space_committed(&sp), committed + 11);
	space_unmap(&sp, 0, 64);
	ck_assert_uint_eq(space_mm(&sp)->total_vm, total);
	ck_assert_uint_eq(space_committed(&sp), committed);
}
END_TEST

START_TEST(a_sealed_mapping_stays_where_it_is)
{
	struct op op = { .code = OP_MSEAL, .pid = sp.pid };

	space_map(&sp, 0, 2, RW);
	op.mseal = (struct op_mseal){ page_addr(0), PAGE_SIZE, 0 };
	host_run(sp.m, &op);
	ck_assert_int_eq(move(0, 1, 20, 1), -EPERM);
	ck_assert_int_eq(move(1, 1, 0, 1), -EPERM);
	expect_space(&sp, "AB");
}
END_TEST

Suite *suite_mremap(void);
Suite *suite_mremap(void)
{
	Suite *suite = suite_create("mremap");
	TCase *tc = tcase_create("mremap");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, the_first_check_that_fails_gives_the_errno, 0,
			    sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(tc, a_move_takes_the_frames_along);
	tcase_add_test(tc, a_piece_of_a_mapping_can_be_moved);
	tcase_add_test(tc, it_grows_in_place_where_there_is_room);
	tcase_add_test(tc,
		       what_was_forked_grows_into_one_with_what_is_not_touched);
	tcase_add_test(tc, a_smaller_size_unmaps_the_tail_even_of_others);
	tcase_add_test(tc, several_mappings_move_with_their_gaps);
	tcase_add_test(tc, shared_memory_can_be_had_twice);
	tcase_add_test(tc, the_new_tail_of_a_shared_object_is_beyond_it);
	tcase_add_test(tc, dontunmap_leaves_an_empty_mapping_behind);
	tcase_add_test(tc, whole_tables_change_their_place);
	tcase_add_test(tc, what_is_locked_stays_locked_and_grows_resident);
	tcase_add_test(tc, promises_and_sizes_are_what_they_were_after_a_move);
	tcase_add_test(tc, a_sealed_mapping_stays_where_it_is);
	suite_add_tcase(suite, tc);
	return suite;
}
