/* SPDX-License-Identifier: MIT */
/*
 * Faults: the decision tree, the zero page, demand zero, copy on write with its
 * reuse rule, and what each costs in faults and resident pages. The numbers in
 * braces are the facts of Linux 6.18 that a test repeats.
 */
#include <check.h>

#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/swap.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/evil.h"
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

static struct op_result touch(unsigned int n, enum access_kind kind)
{
	return host_touch(sp.m, sp.pid, page_addr(n), 1, kind);
}

static struct mm_pagemap look_of(uint32_t pid, unsigned int n)
{
	const task_ref t = mm_find_task(sp.m, pid);

	return mm_pagemap_entry(sp.m, task_at(sp.m, t)->mm, page_addr(n));
}

static struct mm_pagemap look(unsigned int n)
{
	return look_of(sp.pid, n);
}

static const struct page_counts *counts(pfn_t pfn)
{
	return page_counts_at(sp.m, pfn);
}

START_TEST(a_read_maps_the_zero_page_and_a_write_replaces_it)
{
	const uint64_t zero = kernel_at(sp.m)->zero_pfn;

	space_map(&sp, 0, 2, RW);
	ck_assert_uint_eq(touch(0, ACCESS_READ).minor, 1);
	ck_assert_uint_eq(look(0).pfn, zero);
	ck_assert(!look(0).writable);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 0);
	ck_assert_uint_eq(touch(0, ACCESS_READ).minor, 0);
	ck_assert_uint_eq(touch(0, ACCESS_WRITE).minor, 1);
	ck_assert_uint_ne(look(0).pfn, zero);
	ck_assert(look(0).writable && look(0).dirty && look(0).exclusive);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 1);
}
END_TEST

START_TEST(a_first_write_gets_a_page_of_zeros_at_once)
{
	space_map(&sp, 0, 1, RW);
	ck_assert_uint_eq(touch(0, ACCESS_WRITE).minor, 1);
	ck_assert(look(0).dirty && look(0).accessed && look(0).exclusive);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(0) + 4095), 0);
	ck_assert_int_eq(counts(look(0).pfn)->_count, 1);
	ck_assert_int_eq(counts(look(0).pfn)->_mapcount, 0);
}
END_TEST

START_TEST(pages_that_are_reused_do_not_remember)
{
	space_map(&sp, 0, 8, RW);
	for (unsigned int n = 0; n < 8; n++)
		host_store(sp.m, sp.pid, page_addr(n) + 8 * n, 0xee);
	space_unmap(&sp, 0, 8);
	space_map(&sp, 0, 8, RW);
	for (unsigned int n = 0; n < 8; n++) {
		touch(n, ACCESS_WRITE);
		ck_assert_uint_eq(host_load(sp.m, sp.pid,
					    page_addr(n) + 8 * n), 0);
	}
}
END_TEST

/* Pages: 0 rw, 1 r, 2 none, 3 w, 4 x, 5 not mapped, 6 rx. */
static const struct {
	unsigned int page;
	enum access_kind kind;
	int si_code;			/* 0: goes on */
} tree[] = {
	{ 0, ACCESS_READ, 0 }, { 0, ACCESS_WRITE, 0 },
	{ 0, ACCESS_EXEC, SEGV_ACCERR },
	{ 1, ACCESS_READ, 0 }, { 1, ACCESS_WRITE, SEGV_ACCERR },
	{ 2, ACCESS_READ, SEGV_ACCERR }, { 2, ACCESS_WRITE, SEGV_ACCERR },
	/* x86 has no way to forbid reading what may be written or run {prot} */
	{ 3, ACCESS_READ, 0 }, { 3, ACCESS_WRITE, 0 },
	{ 4, ACCESS_READ, 0 }, { 4, ACCESS_EXEC, 0 },
	{ 4, ACCESS_WRITE, SEGV_ACCERR },
	{ 5, ACCESS_READ, SEGV_MAPERR }, { 5, ACCESS_EXEC, SEGV_MAPERR },
	{ 6, ACCESS_EXEC, 0 }, { 6, ACCESS_WRITE, SEGV_ACCERR },
};

/* Without NX what can be read can be run; Sv39 can forbid to read it. */
static int si_code_here(int i)
{
	if (host_arch == ARCH_I386 && tree[i].page == 0)
		return 0;
	if (host_arch == ARCH_RISCV64_SV39 && tree[i].page == 4 &&
	    tree[i].kind == ACCESS_READ)
		return SEGV_ACCERR;
	return tree[i].si_code;
}

START_TEST(what_is_not_permitted_is_a_signal_with_its_reason)
{
	static const uint64_t prot[] = {
		RW, PROT_READ, PROT_NONE, PROT_WRITE, PROT_EXEC, 0,
		PROT_READ | PROT_EXEC,
	};
	const int si_code = si_code_here(_i);
	struct op_result res;

	for (unsigned int n = 0; n < 7; n++)
		if (n != 5)
			space_map(&sp, n, 1, prot[n]);
	res = touch(tree[_i].page, tree[_i].kind);
	ck_assert_int_eq(res.outcome == OUT_SIGNAL, si_code != 0);
	if (!si_code)
		return;
	ck_assert_int_eq(res.signo, SIGSEGV);
	ck_assert_int_eq(res.si_code, si_code);
	ck_assert_uint_eq(res.fault_addr, page_addr(tree[_i].page));
	ck_assert_ptr_nonnull(res.why);
}
END_TEST

START_TEST(addresses_that_no_program_has)
{
	struct op_result res = host_touch(sp.m, sp.pid, 0x7ffffffff000, 1,
					  ACCESS_READ);

	ck_assert_int_eq(res.si_code, SEGV_MAPERR);
	if (host_arch != ARCH_X86_64)
		return;		/* test_arch.c has the others' */
	/* not canonical: the CPU gives no address */
	res = host_touch(sp.m, sp.pid, 1ULL << 60, 1, ACCESS_READ);
	ck_assert_int_eq(res.si_code, SI_KERNEL);
	ck_assert_uint_eq(res.fault_addr, 0);
	res = host_touch(sp.m, sp.pid, 0xffffffff81000000, 1, ACCESS_READ);
	ck_assert_int_eq(res.si_code, SEGV_MAPERR);
}
END_TEST

START_TEST(after_a_fork_the_first_writer_copies_and_the_last_one_reuses)
{
	pfn_t shared;
	uint32_t child;

	space_map(&sp, 0, 1, RW);
	host_store(sp.m, sp.pid, page_addr(0), 7);
	shared = look(0).pfn;
	child = (uint32_t)host_fork(sp.m, sp.pid, 0);
	ck_assert_uint_eq(look_of(child, 0).pfn, shared);
	ck_assert(!look(0).writable && !look_of(child, 0).writable);
	ck_assert_int_eq(counts(shared)->_mapcount, 1);
	host_store(sp.m, child, page_addr(0), 8);	/* {cow.1} */
	ck_assert_uint_ne(look_of(child, 0).pfn, shared);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(0)), 7);
	ck_assert_int_eq(counts(shared)->_mapcount, 0);
	host_store(sp.m, sp.pid, page_addr(0), 9);	/* {cow.5} */
	ck_assert_uint_eq(look(0).pfn, shared);
	ck_assert_uint_eq(host_load(sp.m, child, page_addr(0)), 8);
	host_exit(sp.m, child);
}
END_TEST

START_TEST(whoever_else_holds_the_page_makes_the_writer_copy)
{
	struct host_step hs;
	pfn_t pfn;

	if (evil_is_on())	/* the test keeps a frame over allocations */
		return;
	space_map(&sp, 0, 1, RW);
	space_write(&sp, 0);
	pfn = look(0).pfn;
	host_exit(sp.m, (uint32_t)host_fork(sp.m, sp.pid, 0));
	host_step_init(&hs, sp.m, sp.pid);
	get_page(&hs.s, pfn);			/* as a pipe would */
	space_write(&sp, 0);
	ck_assert_uint_ne(look(0).pfn, pfn);
	host_step_init(&hs, sp.m, sp.pid);
	put_page(&hs.s, pfn);
}
END_TEST

START_TEST(a_zero_page_that_fork_shared_is_copied_from_nothing)
{
	uint32_t child;

	space_map(&sp, 0, 1, RW);
	touch(0, ACCESS_READ);
	child = (uint32_t)host_fork(sp.m, sp.pid, 0);
	host_store(sp.m, child, page_addr(0), 1);
	ck_assert_uint_eq(look(0).pfn, kernel_at(sp.m)->zero_pfn);
	host_exit(sp.m, child);
}
END_TEST

START_TEST(protecting_and_unprotecting_a_page_of_ours_costs_no_fault)
{
	space_map(&sp, 0, 2, RW);
	space_write(&sp, 0);
	touch(1, ACCESS_READ);
	space_protect(&sp, 0, 2, PROT_READ);
	space_protect(&sp, 0, 2, RW);
	ck_assert_uint_eq(touch(0, ACCESS_WRITE).minor, 0);	/* {flt.10} */
	ck_assert_uint_eq(touch(1, ACCESS_WRITE).minor, 1);	/* {flt.12} */
}
END_TEST

START_TEST(faults_are_counted_where_they_were_taken)
{
	const struct task_struct *task = task_at(sp.m, space_task(&sp));
	uint64_t before = task->min_flt;

	space_map(&sp, 0, 16, RW);
	ck_assert_uint_eq(host_touch(sp.m, sp.pid, page_addr(0),
				     16 * PAGE_SIZE, ACCESS_WRITE).minor, 16);
	ck_assert_uint_eq(task->min_flt, before + 16);
	ck_assert_uint_eq(task->maj_flt, 0);
	touch(20, ACCESS_READ);			/* fatal: not counted */
	ck_assert_uint_eq(task->min_flt, before + 16);
}
END_TEST

START_TEST(the_peak_of_what_was_resident_is_remembered)
{
	space_map(&sp, 0, 10, RW);
	host_touch(sp.m, sp.pid, page_addr(0), 10 * PAGE_SIZE, ACCESS_WRITE);
	space_unmap(&sp, 0, 10);
	ck_assert_uint_eq(space_mm(&sp)->hiwater_rss, 10);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 0);
}
END_TEST

START_TEST(when_ram_is_gone_the_access_dies_and_nothing_leaks)
{
	struct mm_config config = host_config();
	struct op_result res;
	uint64_t free_pages;

	space_close(&sp);
	config.ram = 8ULL << 20;
	config.overcommit_memory = 1;
	space_open_with(&sp, &config, false);
	free_pages = nr_free_pages(sp.m);
	host_mmap(sp.m, sp.pid, ARENA, 16 << 20, RW, PRIVATE | MAP_FIXED);
	res = host_touch(sp.m, sp.pid, ARENA, 16 << 20, ACCESS_WRITE);
	ck_assert_int_eq(res.outcome, OUT_ERRNO);
	ck_assert_int_eq(res.err, ENOMEM);
	ck_assert_uint_eq(res.done & ~PAGE_MASK, 0);
	ck_assert_uint_gt(res.done, 6 << 20);
	host_check(sp.m);
	ck_assert_int_eq(host_munmap(sp.m, sp.pid, ARENA, 16 << 20), 0);
	/* The slabs that became empty may keep a frame each. */
	ck_assert_uint_ge(nr_free_pages(sp.m) + 8, free_pages);
}
END_TEST

Suite *suite_memory(void);
Suite *suite_memory(void)
{
	Suite *suite = suite_create("memory");
	TCase *tc = tcase_create("faults");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_read_maps_the_zero_page_and_a_write_replaces_it);
	tcase_add_test(tc, a_first_write_gets_a_page_of_zeros_at_once);
	tcase_add_test(tc, pages_that_are_reused_do_not_remember);
	tcase_add_loop_test(tc, what_is_not_permitted_is_a_signal_with_its_reason,
			    0, sizeof(tree) / sizeof(tree[0]));
	tcase_add_test(tc, addresses_that_no_program_has);
	tcase_add_test(tc, after_a_fork_the_first_writer_copies_and_the_last_one_reuses);
	tcase_add_test(tc, whoever_else_holds_the_page_makes_the_writer_copy);
	tcase_add_test(tc, a_zero_page_that_fork_shared_is_copied_from_nothing);
	tcase_add_test(tc, protecting_and_unprotecting_a_page_of_ours_costs_no_fault);
	tcase_add_test(tc, faults_are_counted_where_they_were_taken);
	tcase_add_test(tc, the_peak_of_what_was_resident_is_remembered);
	tcase_add_test(tc, when_ram_is_gone_the_access_dies_and_nothing_leaks);
	suite_add_tcase(suite, tc);
	return suite;
}
