/* SPDX-License-Identifier: MIT */
/*
 * mlock and its kind, mseal, mincore, msync, remap_file_pages: what each call
 * leaves behind, and which check comes first. The numbers in braces are the
 * facts of Linux 6.18 that a test repeats.
 */
#include <check.h>
#include <string.h>

#include "mmcore/mm/vma.h"
#include "tests/lib/files.h"

static struct space sp;
static uint8_t vec[64];

static void setup(void)
{
	space_open(&sp);
	memset(vec, 0xaa, sizeof(vec));
}

static void teardown(void)
{
	space_close(&sp);
}

/* All these calls have 64-bit arguments and nothing else. */
static struct op_result call(enum op_code code, uint64_t a, uint64_t b,
			     uint64_t c)
{
	struct op op = { .code = code, .pid = sp.pid, .buf = vec };

	op.mlock2 = (struct op_mlock2){ a, b, c };
	return host_run(sp.m, &op);
}

static int64_t pages_call(enum op_code code, unsigned int n,
			  unsigned int pages, uint64_t flags)
{
	return call(code, page_addr(n), pages * PAGE_SIZE, flags).ret;
}

static int64_t lock(unsigned int n, unsigned int pages)
{
	return pages_call(OP_MLOCK, n, pages, 0);
}

static uint64_t locked(void)
{
	return space_mm(&sp)->locked_vm;
}

static bool is_present(unsigned int n)
{
	const mm_ref mm = task_at(sp.m, space_task(&sp))->mm;

	return mm_pagemap_entry(sp.m, mm, page_addr(n)).present;
}

START_TEST(a_lock_is_a_flag_that_splits_and_an_unlock_merges_again)
{
	space_map(&sp, 0, 6, RW);
	ck_assert_int_eq(lock(2, 2), 0);
	expect_space(&sp, "AABBCC");
	ck_assert_uint_eq(locked(), 2);
	ck_assert(is_present(2) && is_present(3) && !is_present(1));
	ck_assert_int_eq(lock(2, 2), 0);	/* {mlock.4}: no nesting */
	ck_assert_int_eq(pages_call(OP_MUNLOCK, 2, 2, 0), 0);
	ck_assert_uint_eq(locked(), 0);
	ck_assert(is_present(3));
}
END_TEST

START_TEST(a_range_that_begins_inside_a_page_locks_the_whole_of_it)
{
	space_map(&sp, 0, 4, RW);
	/* {mlock.3} */
	ck_assert_int_eq(call(OP_MLOCK, page_addr(1) + 4095, 2, 0).ret, 0);
	ck_assert_uint_eq(locked(), 2);
	ck_assert(is_present(1) && is_present(2));
}
END_TEST

START_TEST(what_lies_before_a_hole_is_locked_but_not_brought_in)
{
	space_map(&sp, 0, 2, RW);
	space_map(&sp, 3, 2, RW);
	ck_assert_int_eq(lock(0, 5), -ENOMEM);	/* {mlock.5} */
	ck_assert_uint_eq(locked(), 2);
	ck_assert(!is_present(0));
	ck_assert_int_eq(lock(2, 1), -ENOMEM);
	ck_assert_int_eq(lock(2, 0), 0);
}
END_TEST

START_TEST(a_lock_without_access_is_refused_and_stays)
{
	space_map(&sp, 0, 2, PROT_NONE);
	ck_assert_int_eq(lock(0, 2), -ENOMEM);	/* {mlock.6} */
	ck_assert_uint_eq(locked(), 2);
}
END_TEST

START_TEST(onfault_locks_and_brings_nothing_in)
{
	space_map(&sp, 0, 2, RW);
	ck_assert_int_eq(pages_call(OP_MLOCK2, 0, 2, 2), -EINVAL);
	ck_assert_int_eq(pages_call(OP_MLOCK2, 0, 2, 1), 0); /* {mlock.7} */
	ck_assert_uint_eq(locked(), 2);
	ck_assert(!is_present(0));
	ck_assert_uint_eq(space_vma(&sp, 0)->vm_flags & VM_LOCKED_MASK,
			  VM_LOCKED_MASK);
	/* another kind of lock is not another lock */
	ck_assert_int_eq(lock(0, 2), 0);
	ck_assert_uint_eq(locked(), 2);
	ck_assert(is_present(0));
}
END_TEST

START_TEST(the_limit_counts_pages_once)
{
	host_setrlimit(sp.m, sp.pid, RLIMIT_MEMLOCK, 4 * PAGE_SIZE);
	space_map(&sp, 0, 8, RW);
	ck_assert_int_eq(lock(0, 3), 0);
	ck_assert_int_eq(lock(1, 3), 0);	/* two of the three are locked */
	ck_assert_int_eq(lock(4, 1), -ENOMEM);
	host_setrlimit(sp.m, sp.pid, RLIMIT_MEMLOCK, 0);
	ck_assert_int_eq(lock(0, 1), -EPERM);
	ck_assert_int_eq(call(OP_MLOCKALL, 1, 0, 0).ret, -EPERM);
	ck_assert_int_eq(pages_call(OP_MUNLOCK, 0, 4, 0), 0);
}
END_TEST

START_TEST(mlockall_knows_now_and_later_apart)
{
	static const uint64_t wrong[] = { 0, 4, 8, 9 };

	space_map(&sp, 0, 2, RW);
	for (size_t i = 0; i < 4; i++)	/* {mlock.11} */
		ck_assert_int_eq(call(OP_MLOCKALL, wrong[i], 0, 0).ret,
				 -EINVAL);
	ck_assert_int_eq(call(OP_MLOCKALL, 2, 0, 0).ret, 0);
	ck_assert_uint_eq(locked(), 0);
	space_map(&sp, 4, 1, RW);
	ck_assert_uint_eq(locked(), 1);
	ck_assert(is_present(4));
	ck_assert_int_eq(call(OP_MLOCKALL, 1, 0, 0).ret, 0); /* {mlock.14} */
	ck_assert_uint_eq(locked(), space_mm(&sp)->total_vm);
	ck_assert_uint_eq(space_mm(&sp)->def_flags, 0);
	ck_assert_int_eq(call(OP_MUNLOCKALL, 0, 0, 0).ret, 0);
	ck_assert_uint_eq(locked(), 0);
}
END_TEST

START_TEST(locks_are_not_inherited)
{
	const struct mm_struct *child;
	int64_t pid;

	space_map(&sp, 0, 2, RW);
	call(OP_MLOCKALL, 3, 0, 0);
	pid = host_fork(sp.m, sp.pid, 0);	/* {mlock.12} */
	child = mm_at(sp.m, task_at(sp.m, mm_find_task(sp.m,
						       (uint32_t)pid))->mm);
	ck_assert_uint_eq(child->locked_vm, 0);
	ck_assert_uint_eq(child->def_flags, 0);
	host_exit(sp.m, (uint32_t)pid);
}
END_TEST

START_TEST(what_is_sealed_cannot_be_changed)
{
	space_map(&sp, 0, 6, RW);
	ck_assert_int_eq(pages_call(OP_MSEAL, 2, 2, 1), -EINVAL);
	ck_assert_int_eq(call(OP_MSEAL, page_addr(2) + 1, 4096, 0).ret,
			 -EINVAL);
	ck_assert_int_eq(pages_call(OP_MSEAL, 4, 4, 0), -ENOMEM);
	expect_space(&sp, "AAAAAA");
	ck_assert_int_eq(pages_call(OP_MSEAL, 2, 0, 0), 0);
	ck_assert_int_eq(pages_call(OP_MSEAL, 2, 2, 0), 0);
	expect_space(&sp, "AABBCC");
	ck_assert_int_eq(space_unmap(&sp, 0, 6), -EPERM);	/* {mseal.3} */
	ck_assert_int_eq(space_protect(&sp, 2, 1, PROT_READ), -EPERM);
	ck_assert_int_eq(space_map(&sp, 3, 1, RW), -EPERM);
	ck_assert_int_eq(space_unmap(&sp, 0, 2), 0);
	expect_space(&sp, "..AABB");
}
END_TEST

START_TEST(mincore_tells_what_is_there_up_to_the_first_hole)
{
	struct op_result res;

	space_map(&sp, 0, 4, RW);
	space_write(&sp, 1);
	host_touch(sp.m, sp.pid, page_addr(2), 1, ACCESS_READ);
	ck_assert_int_eq(pages_call(OP_MINCORE, 0, 4, 0), 0);
	/* {mincore.3}: the zero page counts */
	ck_assert_mem_eq(vec, ((uint8_t[]){ 0, 1, 1, 0, 0xaa }), 5);
	res = call(OP_MINCORE, page_addr(3), 3 * PAGE_SIZE, 0);
	ck_assert_int_eq(res.ret, -ENOMEM);
	ck_assert_uint_eq(res.done, 1);
	ck_assert_int_eq(call(OP_MINCORE, page_addr(0) + 1, 1, 0).ret,
			 -EINVAL);
	ck_assert_int_eq(call(OP_MINCORE, page_addr(0), 1ULL << 47, 0).ret,
			 -ENOMEM);
	ck_assert_int_eq(call(OP_MINCORE, page_addr(9), 0, 0).ret, 0);
	/* a part of a page is a page */
	res = call(OP_MINCORE, page_addr(0), 4097, 0);
	ck_assert_uint_eq(res.done, 2);
}
END_TEST

START_TEST(mincore_looks_for_shared_memory_in_its_object)
{
	int64_t child;

	space_mmap(&sp, 0, 2, RW, SHARED | MAP_FIXED);
	child = host_fork(sp.m, sp.pid, 0);
	host_store(sp.m, (uint32_t)child, page_addr(1), 7);
	ck_assert(!is_present(1));
	ck_assert_int_eq(pages_call(OP_MINCORE, 0, 2, 0), 0);
	ck_assert_mem_eq(vec, ((uint8_t[]){ 0, 1 }), 2);
	host_exit(sp.m, (uint32_t)child);
}
END_TEST

/* root's file, 0644: its reader is not to learn who else has read what. */
START_TEST(mincore_of_a_file_that_the_caller_could_not_write_says_nothing)
{
	struct space root = space_of(&sp, host_spawn_as(sp.m, "root", true));
	int64_t fd = fs_open(&root, "/theirs", O_RDWR | O_CREAT);
	struct op op;

	ck_assert_int_eq(fs_truncate(&root, fd, 2 * PAGE_SIZE), 0);
	fs_map(&root, 0, 2, PROT_READ, MAP_SHARED, fd, 0);
	fd = fs_open(&sp, "/theirs", O_RDONLY);
	fs_map(&sp, 0, 2, PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_int_eq(pages_call(OP_MINCORE, 0, 2, 0), 0);
	ck_assert_mem_eq(vec, ((uint8_t[]){ 1, 1 }), 2);
	op = (struct op){ .code = OP_MINCORE, .buf = vec,
			  .mincore = { page_addr(0), 2 * PAGE_SIZE } };
	ck_assert_int_eq(fs_op(&root, op).ret, 0);
	ck_assert_mem_eq(vec, ((uint8_t[]){ 0, 0 }), 2);
}
END_TEST

/* Page 0 and 1 are shared, 2 is not mapped, 3 is locked. */
static const struct {
	uint64_t addr, len, flags;
	int64_t ret;
} syncs[] = {
	{ ARENA, 4096, 8, -EINVAL },
	{ ARENA + 1, 4096, 4, -EINVAL },
	{ ARENA, 4096, 1 | 4, -EINVAL },
	{ ARENA, 4096, 0, 0 },			/* {msync.6} */
	{ ARENA, UINT64_MAX - 4096, 4, -ENOMEM },
	{ ARENA, 0, 4, 0 },
	{ ARENA, 2 * 4096, 4, 0 },
	{ ARENA, 2 * 4096, 1 | 2, 0 },
	{ ARENA, 4 * 4096, 4, -ENOMEM },
	{ ARENA, 4 * 4096, 1, -ENOMEM },
	{ ARENA, 4 * 4096, 4 | 2, -EBUSY },
	{ ARENA + 3 * 4096, 4096, 2, -EBUSY },	/* {msync.8} */
};

START_TEST(msync_checks_in_the_order_of_linux)
{
	space_mmap(&sp, 0, 2, RW, SHARED | MAP_FIXED);
	space_map(&sp, 3, 1, RW);
	lock(3, 1);
	ck_assert_int_eq(call(OP_MSYNC, syncs[_i].addr, syncs[_i].len,
			      syncs[_i].flags).ret, syncs[_i].ret);
}
END_TEST

static int64_t remap(unsigned int n, unsigned int pages, uint64_t pgoff)
{
	struct op op = { .code = OP_REMAP_FILE_PAGES, .pid = sp.pid };

	op.remap_file_pages = (struct op_remap_file_pages){
		page_addr(n), pages * PAGE_SIZE, 0, pgoff, 0 };
	return host_run(sp.m, &op).ret;
}

START_TEST(remap_file_pages_shows_the_same_page_twice)
{
	space_mmap(&sp, 0, 4, RW, SHARED | MAP_FIXED);
	host_store(sp.m, sp.pid, page_addr(3), 42);
	ck_assert_int_eq(remap(1, 1, 3), 0);	/* {rfp.1} */
	expect_space(&sp, "ABCC");
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(1)), 42);
	ck_assert_int_eq(remap(1, 1, 1), 0);
	expect_space(&sp, "AAAA");
}
END_TEST

START_TEST(what_is_locked_stays_so_when_remapped)
{
	const struct op lock = { .code = OP_MLOCK, .pid = sp.pid,
				 .mlock = { page_addr(0), 4 * PAGE_SIZE } };

	space_mmap(&sp, 0, 4, RW, SHARED | MAP_FIXED);
	ck_assert_int_eq(host_run(sp.m, &lock).ret, 0);
	ck_assert_int_eq(remap(1, 1, 3), 0);
	ck_assert(space_vma(&sp, 1)->vm_flags & VM_LOCKED);
	ck_assert_uint_eq(space_mm(&sp)->locked_vm, 4);
}
END_TEST

START_TEST(remap_file_pages_wants_one_shared_mapping)
{
	space_map(&sp, 0, 2, RW);
	ck_assert_int_eq(remap(0, 1, 0), -EINVAL);
	ck_assert_int_eq(remap(4, 1, 0), -EINVAL);
	space_mmap(&sp, 4, 2, RW, SHARED | MAP_FIXED);
	space_mmap(&sp, 6, 2, RW, SHARED | MAP_FIXED);
	ck_assert_int_eq(remap(4, 4, 0), -EINVAL);
	ck_assert_int_eq(remap(7, 2, 0), -EINVAL);
	ck_assert_int_eq(remap(4, 0, 0), -EINVAL);
	ck_assert_int_eq(remap(4, 1, ~0ULL), -EINVAL);
}
END_TEST

Suite *suite_mlock(void);
Suite *suite_mlock(void)
{
	Suite *suite = suite_create("mlock");
	TCase *tc = tcase_create("calls");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_lock_is_a_flag_that_splits_and_an_unlock_merges_again);
	tcase_add_test(tc, a_range_that_begins_inside_a_page_locks_the_whole_of_it);
	tcase_add_test(tc, what_lies_before_a_hole_is_locked_but_not_brought_in);
	tcase_add_test(tc, a_lock_without_access_is_refused_and_stays);
	tcase_add_test(tc, onfault_locks_and_brings_nothing_in);
	tcase_add_test(tc, the_limit_counts_pages_once);
	tcase_add_test(tc, mlockall_knows_now_and_later_apart);
	tcase_add_test(tc, locks_are_not_inherited);
	tcase_add_test(tc, what_is_sealed_cannot_be_changed);
	tcase_add_test(tc, mincore_tells_what_is_there_up_to_the_first_hole);
	tcase_add_test(tc, mincore_of_a_file_that_the_caller_could_not_write_says_nothing);
	tcase_add_test(tc, mincore_looks_for_shared_memory_in_its_object);
	tcase_add_loop_test(tc, msync_checks_in_the_order_of_linux, 0,
			    sizeof(syncs) / sizeof(syncs[0]));
	tcase_add_test(tc, remap_file_pages_shows_the_same_page_twice);
	tcase_add_test(tc, what_is_locked_stays_so_when_remapped);
	tcase_add_test(tc, remap_file_pages_wants_one_shared_mapping);
	suite_add_tcase(suite, tc);
	return suite;
}
