/* SPDX-License-Identifier: MIT */
/* mprotect: the order of its checks, how far it comes, what it charges. */
#include <check.h>

#include "mmcore/mm/vma.h"
#include "tests/lib/space.h"

#define ALL (RW | PROT_EXEC)

static struct space sp;

static void setup(void)
{
	space_open(&sp);
}

static void teardown(void)
{
	space_close(&sp);
}

static int64_t protect(uint64_t addr, uint64_t len, uint64_t prot)
{
	return host_mprotect(sp.m, sp.pid, addr, len, prot);
}

/* Pages 0-3 are rw, 4 and 5 are not mapped, 6 and 7 are r. */
static const struct {
	uint64_t addr, len, prot;
	int64_t ret;
} answers[] = {
	{ ARENA + 1, 4096, PROT_GROWSDOWN | PROT_GROWSUP, -EINVAL },
	{ ARENA + 1, 0, PROT_READ, -EINVAL },
	{ ARENA + 4 * 4096, 0, PROT_READ, 0 },
	{ ARENA, 0, 0x100, 0 },
	{ ARENA, UINT64_MAX, PROT_READ, -ENOMEM },
	{ ARENA, UINT64_MAX - 4095, 0x100, -ENOMEM },
	{ ARENA, 4096, 0x10, -EINVAL },
	{ ARENA, 4096, 1ULL << 40, -EINVAL },
	{ ARENA, 4096, RW | PROT_SEM, 0 },
	{ ARENA + 4 * 4096, 4096, PROT_READ, -ENOMEM },
	{ ARENA + 5 * 4096, 8192, PROT_NONE, -ENOMEM },
	{ ARENA, 4096, PROT_READ | PROT_GROWSDOWN, -EINVAL },
	{ ARENA, 4096, PROT_READ | PROT_GROWSUP, -EINVAL },
	{ ARENA + 4 * 4096, 4096, PROT_READ | PROT_GROWSUP, -ENOMEM },
	{ ARENA + 4 * 4096, 8192, PROT_READ | PROT_GROWSDOWN, -ENOMEM },
	{ 0x7ffffffff000, 4096, PROT_READ, -ENOMEM },
};

START_TEST(the_first_check_that_fails_gives_the_errno)
{
	uint64_t digest;

	space_map(&sp, 0, 4, RW);
	space_map(&sp, 6, 2, PROT_READ);
	digest = host_digest(sp.m);
	ck_assert_int_eq(protect(answers[_i].addr, answers[_i].len,
				 answers[_i].prot), answers[_i].ret);
	ck_assert_uint_eq(host_digest(sp.m), digest);
	expect_space(&sp, "AAAA..BB");
}
END_TEST

START_TEST(a_hole_ends_it_and_what_came_before_stays_changed)
{
	space_map(&sp, 0, 2, RW);
	space_map(&sp, 2, 2, ALL);
	space_map(&sp, 6, 2, RW);
	ck_assert_int_eq(space_protect(&sp, 1, 6, PROT_READ), -ENOMEM);
	expect_space(&sp, "ABBB..CC");
	ck_assert_uint_eq(space_vma(&sp, 3)->vm_flags & VM_ACCESS_FLAGS, VM_READ);
	ck_assert_uint_eq(space_vma(&sp, 6)->vm_flags & VM_ACCESS_FLAGS,
			  VM_READ | VM_WRITE);
}
END_TEST

START_TEST(a_forbidden_permission_ends_it_likewise)
{
	struct host_step hs;
	vma_ref vma;

	space_map(&sp, 0, 2, PROT_READ);
	space_map(&sp, 2, 2, PROT_NONE);
	host_step_init(&hs, sp.m, sp.pid);
	vma = find_vma(&hs.s, task_at(sp.m, space_task(&sp))->mm, page_addr(2));
	vma_mut(&hs.s, vma)->vm_flags &= ~VM_MAYWRITE;
	ck_assert_int_eq(space_protect(&sp, 0, 4, RW), -EACCES);
	ck_assert_uint_eq(space_vma(&sp, 0)->vm_flags & VM_ACCESS_FLAGS,
			  VM_READ | VM_WRITE);
	ck_assert_uint_eq(space_vma(&sp, 2)->vm_flags & VM_ACCESS_FLAGS, 0);
}
END_TEST

START_TEST(growsdown_starts_where_the_stack_starts)
{
	space_mmap(&sp, 2, 4, RW, PRIVATE | MAP_FIXED | MAP_GROWSDOWN);
	ck_assert_int_eq(space_protect(&sp, 4, 1, PROT_READ | PROT_GROWSDOWN),
			 0);
	expect_space(&sp, "..AAAB");
}
END_TEST

START_TEST(areas_across_the_range_become_one)
{
	space_map(&sp, 0, 2, RW);
	space_map(&sp, 2, 2, ALL);
	space_map(&sp, 4, 2, PROT_NONE);
	space_map(&sp, 6, 2, PROT_READ);
	ck_assert_int_eq(space_protect(&sp, 0, 6, PROT_READ), 0);
	expect_space(&sp, "AAAAAAAA");
}
END_TEST

/* Equal flags are skipped, so nothing is joined that was apart. */
START_TEST(unchanged_permissions_change_nothing)
{
	space_map(&sp, 0, 2, RW);
	space_write(&sp, 0);
	space_map(&sp, 4, 2, RW);
	space_write(&sp, 4);
	space_map(&sp, 2, 2, RW);
	expect_space(&sp, "AAAABB");
	ck_assert_int_eq(space_protect(&sp, 0, 6, RW), 0);
	expect_space(&sp, "AAAABB");
}
END_TEST

START_TEST(a_failed_tail_split_leaves_the_front_split)
{
	space_map(&sp, 0, 6, RW);
	space_sysctl(&sp, SYSCTL_max_map_count,
		     (uint64_t)space_mm(&sp)->map_count + 1);
	ck_assert_int_eq(space_protect(&sp, 2, 2, PROT_READ), -ENOMEM);
	expect_space(&sp, "AABBBB");
	ck_assert_uint_eq(space_vma(&sp, 2)->vm_flags & VM_ACCESS_FLAGS,
			  VM_READ | VM_WRITE);
}
END_TEST

START_TEST(memory_that_becomes_writable_is_a_promise)
{
	uint64_t before = space_committed(&sp);

	space_map(&sp, 0, 8, PROT_READ);
	ck_assert_uint_eq(space_committed(&sp), before);
	space_protect(&sp, 2, 4, RW);
	ck_assert_uint_eq(space_committed(&sp), before + 4);
	/* untouched: the promise is given back */
	space_protect(&sp, 2, 2, PROT_READ);
	ck_assert_uint_eq(space_committed(&sp), before + 2);
	/* touched: it is kept, and not asked twice */
	space_write(&sp, 4);
	space_protect(&sp, 4, 2, PROT_READ);
	ck_assert_uint_eq(space_committed(&sp), before + 2);
	space_protect(&sp, 4, 2, RW);
	ck_assert_uint_eq(space_committed(&sp), before + 2);
	space_unmap(&sp, 0, 8);
	ck_assert_uint_eq(space_committed(&sp), before);
}
END_TEST

START_TEST(noreserve_and_shared_memory_are_never_charged)
{
	uint64_t before;

	space_mmap(&sp, 0, 2, PROT_READ, PRIVATE | MAP_NORESERVE | MAP_FIXED);
	space_mmap(&sp, 4, 2, PROT_READ, SHARED | MAP_FIXED);
	before = space_committed(&sp);
	ck_assert_int_eq(space_protect(&sp, 0, 2, RW), 0);
	ck_assert_int_eq(space_protect(&sp, 4, 2, RW), 0);
	ck_assert_uint_eq(space_committed(&sp), before);
}
END_TEST

START_TEST(a_promise_that_cannot_be_made_changes_nothing)
{
	uint64_t pages = kernel_at(sp.m)->totalram_pages + 1;

	host_mmap(sp.m, sp.pid, ARENA, pages * PAGE_SIZE, PROT_READ,
		  PRIVATE | MAP_FIXED);
	ck_assert_int_eq(protect(ARENA, pages * PAGE_SIZE, RW), -ENOMEM);
	ck_assert_uint_eq(space_vma(&sp, 0)->vm_flags & VM_ACCESS_FLAGS, VM_READ);
	ck_assert_int_eq(protect(ARENA, (pages - 1) * PAGE_SIZE, RW), 0);
	space_verify(&sp);
}
END_TEST

/* 6.18 gives a page of one's own its write bit back at once. */
START_TEST(read_only_and_back_costs_no_fault)
{
	struct op_result res;

	space_map(&sp, 0, 1, RW);
	space_write(&sp, 0);
	space_protect(&sp, 0, 1, _i ? PROT_NONE : PROT_READ);
	ck_assert_int_eq(host_touch(sp.m, sp.pid, ARENA, 1, ACCESS_WRITE).outcome,
			 OUT_SIGNAL);
	space_protect(&sp, 0, 1, RW);
	res = host_touch(sp.m, sp.pid, ARENA, 1, ACCESS_WRITE);
	ck_assert_int_eq(res.outcome, OUT_OK);
	ck_assert_uint_eq(res.minor, 0);
}
END_TEST

START_TEST(locked_memory_that_becomes_writable_gets_its_pages)
{
	space_mmap(&sp, 0, 4, PROT_READ, PRIVATE | MAP_FIXED | MAP_LOCKED);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 0);
	space_protect(&sp, 0, 4, RW);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 4);
}
END_TEST

Suite *suite_mprotect(void);
Suite *suite_mprotect(void)
{
	Suite *suite = suite_create("mprotect");
	TCase *t = tcase_create("mprotect");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, the_first_check_that_fails_gives_the_errno, 0,
			    sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(t, a_hole_ends_it_and_what_came_before_stays_changed);
	tcase_add_test(t, a_forbidden_permission_ends_it_likewise);
	tcase_add_test(t, growsdown_starts_where_the_stack_starts);
	tcase_add_test(t, areas_across_the_range_become_one);
	tcase_add_test(t, unchanged_permissions_change_nothing);
	tcase_add_test(t, a_failed_tail_split_leaves_the_front_split);
	tcase_add_test(t, memory_that_becomes_writable_is_a_promise);
	tcase_add_test(t, noreserve_and_shared_memory_are_never_charged);
	tcase_add_test(t, a_promise_that_cannot_be_made_changes_nothing);
	tcase_add_loop_test(t, read_only_and_back_costs_no_fault, 0, 2);
	tcase_add_test(t, locked_memory_that_becomes_writable_gets_its_pages);
	suite_add_tcase(suite, t);
	return suite;
}
