/* SPDX-License-Identifier: MIT */
/*
 * Reverse mapping against the dumb way: every page table of every process is
 * searched for the frame. And the anon_vmas that a life of forks, splits and
 * exits leaves behind: none.
 */
#include <check.h>

#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/program.h"
#include "tests/lib/space.h"

#define MAX_FOUND 64

static struct space sp;

struct found {
	unsigned int nr;
	struct { uint32_t pid; uint64_t addr; } at[MAX_FOUND];
};

static void setup(void)
{
	space_open(&sp);
}

static void teardown(void)
{
	space_close(&sp);
}

static void note(struct found *f, uint32_t pid, uint64_t addr)
{
	ck_assert_uint_lt(f->nr, MAX_FOUND);
	f->at[f->nr].pid = pid;
	f->at[f->nr++].addr = addr;
}

/* Has nobody with a lower pid its address space? */
static bool is_first(task_ref t)
{
	task_ref u = mm_first_task(sp.m);

	while (!mm_same(task_at(sp.m, u)->mm, task_at(sp.m, t)->mm))
		u = mm_next_task(sp.m, u);
	return task_same(u, t);
}

/* Only the arena is looked at: everything below happens in it. */
static struct found search(pfn_t pfn)
{
	struct found f = { 0 };

	for (task_ref t = mm_first_task(sp.m); !task_none(t);
	     t = mm_next_task(sp.m, t))
		for (unsigned int n = 0; n < ARENA_PAGES; n++)
			if (is_first(t) &&
			    mm_pagemap_entry(sp.m, task_at(sp.m, t)->mm,
					     page_addr(n)).pfn == pfn)
				note(&f, (uint32_t)task_at(sp.m, t)->pid,
				     page_addr(n));
	return f;
}

static struct found ask(pfn_t pfn)
{
	struct mm_mapping out[MAX_FOUND];
	struct found f = { 0 };
	uint64_t nr;

	ck_assert_uint_le(mm_rmap_room(sp.m, pfn), MAX_FOUND);
	nr = mm_rmap(sp.m, pfn, out);
	for (uint64_t i = 0; i < nr; i++)
		note(&f, out[i].pid, out[i].addr);
	return f;
}

static void expect_same(pfn_t pfn)
{
	struct found dumb = search(pfn), ours = ask(pfn);

	ck_assert_uint_eq(ours.nr, dumb.nr);
	for (unsigned int i = 0; i < dumb.nr; i++) {
		ck_assert_uint_eq(ours.at[i].pid, dumb.at[i].pid);
		ck_assert_uint_eq(ours.at[i].addr, dumb.at[i].addr);
	}
	ck_assert_int_eq(page_counts_at(sp.m, pfn)->_mapcount + 1,
			 (int)dumb.nr);
}

static void expect_all_the_same(void)
{
	for (task_ref t = mm_first_task(sp.m); !task_none(t);
	     t = mm_next_task(sp.m, t))
		for (unsigned int n = 0; n < ARENA_PAGES; n++) {
			pfn_t pfn = mm_pagemap_entry(sp.m,
				task_at(sp.m, t)->mm, page_addr(n)).pfn;

			if (pfn && pfn != kernel_at(sp.m)->zero_pfn)
				expect_same(pfn);
		}
}

static uint32_t below(uint64_t *chance, uint32_t n)
{
	*chance = *chance * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*chance >> 33) % n;
}

/* Up to six processes that map, split, write, fork and exit by chance. */
static void live(uint64_t seed)
{
	uint32_t pids[6] = { sp.pid }, nr = 1;
	uint64_t chance = seed;

	for (int i = 0; i < 250; i++) {
		uint32_t who = below(&chance, nr);
		uint64_t addr = page_addr(below(&chance, 24));
		uint64_t len = (1 + below(&chance, 8)) * PAGE_SIZE;

		switch (below(&chance, 10)) {
		case 0:
			host_mmap(sp.m, pids[who], addr, len, RW,
				  (below(&chance, 3) ? PRIVATE : SHARED) |
				  MAP_FIXED);
			break;
		case 1:
			host_munmap(sp.m, pids[who], addr, len);
			break;
		case 2:
			host_mprotect(sp.m, pids[who], addr, len,
				      below(&chance, 2) ? PROT_READ : RW);
			break;
		case 3:
			if (nr < 6)
				pids[nr++] = (uint32_t)host_fork(sp.m, pids[who],
					below(&chance, 4) ? 0 : CLONE_VM);
			break;
		case 4:
			if (who) {
				host_exit(sp.m, pids[who]);
				pids[who] = pids[--nr];
			}
			break;
		default:
			host_touch(sp.m, pids[who], addr, len, ACCESS_WRITE);
		}
		if (i % 10 == 9)
			expect_all_the_same();
	}
	while (nr > 1)
		host_exit(sp.m, pids[--nr]);
}

START_TEST(rmap_finds_what_a_search_of_all_tables_finds)
{
	const struct vm_area_struct *stack;

	live((uint64_t)_i + 1);
	host_check(sp.m);
	host_munmap(sp.m, sp.pid, ARENA, ARENA_PAGES * PAGE_SIZE);
	/*
	 * What is left is the stack's, if it has one: an access below a stack
	 * prepares it, even one that then is too far away (6.18).
	 */
	stack = vma_at(sp.m, space_mm(&sp)->mmap);
	ck_assert(vma_none(stack->vm_next));
	ck_assert_uint_eq(kernel_at(sp.m)->caches[CACHE_ANON_VMA].nr_active,
			  !anon_vma_none(stack->anon_vma));
}
END_TEST

START_TEST(two_mappers_before_the_write_and_one_each_after)
{
	struct found f;
	uint32_t child;
	pfn_t pfn;

	space_map(&sp, 0, 1, RW);
	space_write(&sp, 0);
	pfn = search(0).nr ? mm_pagemap_entry(sp.m,
		task_at(sp.m, space_task(&sp))->mm, page_addr(0)).pfn : 0;
	child = (uint32_t)host_fork(sp.m, sp.pid, 0);
	f = ask(pfn);
	ck_assert_uint_eq(f.nr, 2);
	host_store(sp.m, child, page_addr(0), 2);
	f = ask(pfn);
	ck_assert_uint_eq(f.nr, 1);
	ck_assert_uint_eq(f.at[0].pid, sp.pid);
	host_exit(sp.m, child);
}
END_TEST

START_TEST(neighbours_written_one_after_the_other_share_an_anon_vma)
{
	space_map(&sp, 0, 1, RW);
	space_map(&sp, 1, 1, PROT_READ);
	space_write(&sp, 0);
	space_protect(&sp, 1, 1, RW);
	expect_space(&sp, "AA");
	space_write(&sp, 1);
	ck_assert_uint_eq(space_vma(&sp, 0)->anon_vma.pa,
			  space_vma(&sp, 1)->anon_vma.pa);
}
END_TEST

/* A program of its own, in a new address space: behind those of others. */
static void execute(uint32_t pid)
{
	struct op op = { .code = OP_FILE_CREATE, .path = "/p", .path_len = 2 };
	struct program p;

	op.file_create = (struct op_file_create){ 2 * PAGE_SIZE, 0755, false };
	host_run(sp.m, &op);
	program_begin(&p, "/p", "");
	program_argument(&p, "p");
	op = program_op(&p, pid);
	ck_assert_int_eq(host_run(sp.m, &op).ret, 0);
	program_end(&p);
}

/* Families come in the order of forks; who maps a file comes in any order. */
START_TEST(a_page_of_a_file_that_processes_map_in_any_order)
{
	struct op op = { .code = OP_MEMFD_CREATE, .pid = sp.pid };
	uint32_t pids[6] = { sp.pid };
	uint64_t chance = (uint64_t)_i;
	pfn_t pfn = 0;
	int64_t fd;

	fd = host_run(sp.m, &op).ret;
	op = (struct op){ .code = OP_FTRUNCATE, .pid = sp.pid };
	op.ftruncate = (struct op_ftruncate){ fd, PAGE_SIZE };
	host_run(sp.m, &op);
	for (int i = 1; i < 6; i++)
		pids[i] = (uint32_t)host_fork(sp.m, sp.pid, i == 3 ? CLONE_VM : 0);
	execute(pids[1]);
	execute(pids[4]);
	for (int i = 0; i < 40; i++) {
		const uint64_t addr = page_addr(below(&chance, ARENA_PAGES));

		op = (struct op){ .code = OP_MMAP, .pid = pids[below(&chance, 6)] };
		op.mmap = (struct op_mmap){ addr, PAGE_SIZE, RW,
					    MAP_SHARED | MAP_FIXED, fd, 0 };
		host_run(sp.m, &op);
		host_store(sp.m, op.pid, addr, 1);
		pfn = mm_pagemap_entry(sp.m, task_at(sp.m, mm_find_task(sp.m,
						op.pid))->mm, addr).pfn;
		expect_same(pfn);
	}
	for (int i = 1; i < 6; i++)
		host_exit(sp.m, pids[i]);
	ck_assert_uint_gt(search(pfn).nr, 1);
	expect_same(pfn);
}
END_TEST

Suite *suite_rmap(void);
Suite *suite_rmap(void)
{
	Suite *suite = suite_create("rmap");
	TCase *tc = tcase_create("rmap");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, rmap_finds_what_a_search_of_all_tables_finds,
			    0, 6);
	tcase_add_test(tc, two_mappers_before_the_write_and_one_each_after);
	tcase_add_loop_test(tc, a_page_of_a_file_that_processes_map_in_any_order, 1, 9);
	tcase_add_test(tc, neighbours_written_one_after_the_other_share_an_anon_vma);
	suite_add_tcase(suite, tc);
	return suite;
}
