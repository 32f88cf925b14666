/* SPDX-License-Identifier: MIT */
/*
 * fork and clone: what the child has, what it does not, and that a fork that
 * cannot be finished was never begun. The words in braces name the facts of
 * Linux 6.18 that a test repeats.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/kernel/task.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/evil.h"
#include "tests/lib/space.h"

static struct space sp, kid;

static void setup(void)
{
	space_open(&sp);
}

static void teardown(void)
{
	space_close(&sp);
}

static void fork_kid(uint64_t flags)
{
	kid = space_of(&sp, host_fork(sp.m, sp.pid, flags));
	ck_assert_int_gt((int32_t)kid.pid, 0);
}

static void store(struct space *who, unsigned int n, uint8_t byte)
{
	host_store(who->m, who->pid, page_addr(n), byte);
}

static unsigned int load(struct space *who, unsigned int n)
{
	return host_load(who->m, who->pid, page_addr(n));
}

static struct vm_area_struct *vma_to_change(struct host_step *hs,
					    unsigned int n)
{
	host_step_init(hs, sp.m, sp.pid);
	return vma_mut(&hs->s, find_vma(&hs->s,
					task_at(sp.m, space_task(&sp))->mm,
					page_addr(n)));
}

static void expect_same_maps(uint32_t a, uint32_t b)
{
	char path[2][32];
	char *text[2];

	snprintf(path[0], sizeof(path[0]), "/proc/%u/maps", a);
	snprintf(path[1], sizeof(path[1]), "/proc/%u/maps", b);
	for (int i = 0; i < 2; i++)
		text[i] = host_proc(sp.m, path[i]);
	ck_assert_str_eq(text[0], text[1]);
	free(text[0]);
	free(text[1]);
}

static void map_something_of_everything(void)
{
	space_map(&sp, 0, 4, RW);
	space_map(&sp, 4, 2, PROT_READ);
	space_map(&sp, 7, 1, PROT_NONE);
	space_mmap(&sp, 8, 4, RW, SHARED | MAP_FIXED);
	space_mmap(&sp, 16, 2, RW, PRIVATE | MAP_FIXED | MAP_GROWSDOWN);
	space_mmap(&sp, 20, 2, RW, PRIVATE | MAP_FIXED | MAP_LOCKED);
	store(&sp, 1, 11);
	store(&sp, 3, 13);
	store(&sp, 9, 19);
}

/* {fork.1} */
START_TEST(the_childs_maps_are_the_parents)
{
	map_something_of_everything();
	host_brk(sp.m, sp.pid, space_mm(&sp)->brk + 3 * PAGE_SIZE);
	fork_kid(0);
	expect_same_maps(sp.pid, kid.pid);
	expect_space(&kid, "AAAABB.CDDDD....EE..FF");
	ck_assert_int_eq(space_mm(&kid)->map_count, space_mm(&sp)->map_count);
	ck_assert_uint_eq(space_mm(&kid)->total_vm, space_mm(&sp)->total_vm);
	ck_assert_uint_eq(space_mm(&kid)->data_vm, space_mm(&sp)->data_vm);
	ck_assert_uint_eq(space_mm(&kid)->stack_vm, space_mm(&sp)->stack_vm);
	ck_assert_uint_eq(space_mm(&kid)->brk, space_mm(&sp)->brk);
	ck_assert_uint_eq(space_mm(&kid)->mmap_base, space_mm(&sp)->mmap_base);
}
END_TEST

START_TEST(the_child_maps_where_the_parent_would)
{
	map_something_of_everything();
	fork_kid(0);
	ck_assert_int_eq(host_mmap(sp.m, kid.pid, 0, PAGE_SIZE, RW, PRIVATE),
			 host_mmap(sp.m, sp.pid, 0, PAGE_SIZE, RW, PRIVATE));
	expect_same_maps(sp.pid, kid.pid);
	space_unmap(&kid, 0, 2);
	expect_space(&kid, "..AABB.CDDDD....EE..FF");
	expect_space(&sp, "AAAABB.CDDDD....EE..FF");
}
END_TEST

/* {fork.2}, {12}: no lock is inherited, nor the wish for locks to come. */
START_TEST(locks_stay_with_the_parent)
{
	struct op op = { .code = OP_MLOCKALL, .pid = sp.pid };

	op.mlockall.flags = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
	space_map(&sp, 0, 2, RW);
	ck_assert_int_eq(host_run(sp.m, &op).ret, 0);
	ck_assert_uint_gt(space_mm(&sp)->locked_vm, 2);
	fork_kid(0);
	ck_assert_uint_eq(space_mm(&kid)->locked_vm, 0);
	ck_assert_uint_eq(space_vma(&kid, 0)->vm_flags & VM_LOCKED_MASK, 0);
	space_map(&kid, 4, 2, RW);
	ck_assert_uint_eq(space_vma(&kid, 4)->vm_flags & VM_LOCKED_MASK, 0);
	ck_assert_uint_eq(space_vma(&sp, 0)->vm_flags & VM_LOCKED_MASK,
			  VM_LOCKED_MASK);
}
END_TEST

START_TEST(counters_start_afresh)
{
	const struct mm_struct *mm;

	map_something_of_everything();
	for (unsigned int n = 0; n < 4; n++)
		store(&sp, n, 1);
	space_unmap(&sp, 2, 2);
	fork_kid(0);
	mm = space_mm(&kid);
	ck_assert_uint_eq(task_at(sp.m, space_task(&kid))->min_flt, 0);
	ck_assert_uint_eq(task_at(sp.m, space_task(&kid))->maj_flt, 0);
	/* two pages of 0-1, two that were locked in; the shared one waits */
	ck_assert_uint_eq(mm->_anon_rss, 4);
	ck_assert_uint_eq(mm->_shmem_rss, 0);
	ck_assert_uint_eq(mm->hiwater_rss, 4);
	ck_assert_uint_gt(space_mm(&sp)->hiwater_rss, 4);
	ck_assert_uint_eq(mm->hiwater_vm, mm->total_vm);
	ck_assert_int_eq(mm->mm_users, 1);
	ck_assert_int_eq(mm->mm_count, 1);
	ck_assert(vma_none(mm->mmap_cache));
	ck_assert_uint_eq(mm->free_area_cache, mm->mmap_base);
	ck_assert_uint_eq(mm->cached_hole_size, ~0ULL);
	ck_assert_uint_ne(mm->id, space_mm(&sp)->id);
}
END_TEST

/* Both entries lose the write bit, the child's also its age. */
START_TEST(a_private_page_is_shared_read_only_by_two)
{
	struct mm_pagemap mine, its;

	space_map(&sp, 0, 1, RW);
	store(&sp, 0, 5);
	fork_kid(0);
	mine = space_page(&sp, 0);
	its = space_page(&kid, 0);
	ck_assert_uint_eq(mine.pfn, its.pfn);
	ck_assert(!mine.writable && !its.writable);
	ck_assert(mine.accessed && !its.accessed);
	ck_assert(mine.dirty && its.dirty);
	ck_assert(!mine.exclusive && !its.exclusive);
	ck_assert_int_eq(page_counts_at(sp.m, mine.pfn)->_count, 2);
	ck_assert_int_eq(page_counts_at(sp.m, mine.pfn)->_mapcount, 1);
}
END_TEST

/* {cow.3-6}: who writes first gets the copy, whoever is left reuses. */
START_TEST(whoever_writes_first_gets_the_new_frame)
{
	struct space *first = _i ? &sp : &kid, *last = _i ? &kid : &sp;
	pfn_t old, copy;

	space_map(&sp, 0, 1, RW);
	store(&sp, 0, 5);
	old = space_page(&sp, 0).pfn;
	fork_kid(0);
	store(first, 0, 6);
	copy = space_page(first, 0).pfn;
	ck_assert_uint_ne(copy, old);
	ck_assert_uint_eq(load(last, 0), 5);
	store(last, 0, 7);
	ck_assert_uint_eq(space_page(last, 0).pfn, old);
	ck_assert_uint_eq(space_page(first, 0).pfn, copy);
	ck_assert_uint_eq(load(first, 0), 6);
	ck_assert_uint_eq(load(last, 0), 7);
}
END_TEST

/* {cow.7} */
START_TEST(alone_again_the_parent_keeps_its_frame_for_one_fault)
{
	struct op_result res;
	pfn_t old;

	space_map(&sp, 0, 1, RW);
	store(&sp, 0, 5);
	old = space_page(&sp, 0).pfn;
	fork_kid(0);
	host_exit(sp.m, kid.pid);
	res = host_touch(sp.m, sp.pid, ARENA, 1, ACCESS_WRITE);
	ck_assert_uint_eq(res.minor, 1);
	ck_assert_uint_eq(space_page(&sp, 0).pfn, old);
	ck_assert(space_page(&sp, 0).exclusive);
}
END_TEST

/* {cow.8-10}: what a fault can bring back is left to fault. */
START_TEST(entries_are_copied_only_where_there_is_an_anon_vma)
{
	space_map(&sp, 0, 2, RW);
	host_touch(sp.m, sp.pid, page_addr(0), 2 * PAGE_SIZE, ACCESS_READ);
	space_map(&sp, 4, 2, RW);
	host_touch(sp.m, sp.pid, page_addr(4), PAGE_SIZE, ACCESS_READ);
	store(&sp, 5, 1);
	space_mmap(&sp, 8, 1, RW, SHARED | MAP_FIXED);
	store(&sp, 8, 42);
	fork_kid(0);
	ck_assert(!space_page(&kid, 0).present && !space_page(&kid, 1).present);
	ck_assert_uint_eq(space_page(&kid, 4).pfn, kernel_at(sp.m)->zero_pfn);
	ck_assert(space_page(&kid, 5).present);
	ck_assert(!space_page(&kid, 8).present);
	ck_assert_uint_eq(space_mm(&kid)->_anon_rss, 1);
	ck_assert_uint_eq(load(&kid, 8), 42);
	ck_assert_uint_eq(space_page(&kid, 8).pfn, space_page(&sp, 8).pfn);
	store(&kid, 8, 43);
	ck_assert_uint_eq(load(&sp, 8), 43);
}
END_TEST

START_TEST(a_child_without_copied_entries_has_no_tables)
{
	space_mmap(&sp, 0, 8, RW, SHARED | MAP_FIXED);
	for (unsigned int n = 0; n < 8; n++)
		store(&sp, n, 1);
	fork_kid(0);
	ck_assert_uint_gt(space_mm(&sp)->nr_ptes, 0);
	ck_assert_uint_eq(space_mm(&kid)->nr_ptes, 0);
	ck_assert_uint_eq(space_mm(&kid)->nr_tables, host_born_tables());
}
END_TEST

/* One page in each of two 512 GiB slots: three tables for each, in both. */
START_TEST(private_pages_far_apart_need_the_same_tables_again)
{
	const uint64_t slot = 1ULL << 39;

	if (host_arch != ARCH_X86_64)
		return;
	for (uint64_t i = 0; i < 2; i++) {
		host_mmap(sp.m, sp.pid, ARENA + i * slot, PAGE_SIZE, RW,
			  PRIVATE | MAP_FIXED);
		host_store(sp.m, sp.pid, ARENA + i * slot, 1);
	}
	fork_kid(0);
	ck_assert_uint_eq(space_mm(&sp)->nr_ptes, 2);
	ck_assert_uint_eq(space_mm(&kid)->nr_ptes, 2);
	ck_assert_uint_eq(space_mm(&kid)->nr_tables, 6);
	/* and a pgd each */
	ck_assert_uint_eq(kernel_at(sp.m)->nr_page_table_pages, 2 * (6 + 1));
}
END_TEST

/* {40}: MADV_DONTFORK */
START_TEST(what_says_dontcopy_is_not_there)
{
	struct host_step hs;

	space_map(&sp, 0, 2, RW);
	space_map(&sp, 2, 2, PROT_READ);
	vma_to_change(&hs, 0)->vm_flags |= VM_DONTCOPY;
	fork_kid(0);
	expect_space(&kid, "..AA");
	expect_space(&sp, "AABB");
}
END_TEST

/* {41-43}: MADV_WIPEONFORK; here MAP_DROPPABLE says it. */
START_TEST(what_is_wiped_on_fork_reads_zero_in_the_child)
{
	space_mmap(&sp, 0, 2, RW, MAP_DROPPABLE | MAP_ANONYMOUS | MAP_FIXED);
	store(&sp, 0, 9);
	ck_assert(space_vma(&sp, 0)->vm_flags & VM_WIPEONFORK);
	fork_kid(0);
	expect_space(&kid, "AA");
	ck_assert(!space_page(&kid, 0).present);
	ck_assert(anon_vma_none(space_vma(&kid, 0)->anon_vma));
	ck_assert_uint_eq(load(&kid, 0), 0);
	ck_assert_uint_eq(load(&sp, 0), 9);
}
END_TEST

START_TEST(the_child_is_the_parents_and_has_its_limits)
{
	const struct task_struct *task;

	host_setrlimit(sp.m, sp.pid, RLIMIT_MEMLOCK, 4096);
	fork_kid(0);
	task = task_at(sp.m, space_task(&kid));
	ck_assert_int_eq(task->ppid, (int32_t)sp.pid);
	ck_assert_str_eq(task->comm, "init");
	ck_assert_mem_eq(task->rlim, task_at(sp.m, space_task(&sp))->rlim,
			 sizeof(task->rlim));
	ck_assert_int_eq(space_mmap(&kid, 0, 2, RW, PRIVATE | MAP_LOCKED),
			 -EAGAIN);
	/* what it is given later is its own */
	host_setrlimit(sp.m, sp.pid, RLIMIT_MEMLOCK, 0);
	ck_assert_uint_eq(task->rlim[RLIMIT_MEMLOCK].rlim_cur, 4096);
}
END_TEST

START_TEST(rights_are_inherited)
{
	struct mm_config config = host_config();
	struct space root;

	space_open_with(&root, &config, true);
	kid = space_of(&root, host_fork(root.m, root.pid, 0));
	ck_assert(task_at(root.m, space_task(&kid))->flags & PF_PRIVILEGED);
	space_close(&root);
}
END_TEST

/* {50-52} */
START_TEST(an_inherited_written_area_does_not_grow_by_mmap)
{
	space_map(&sp, 0, 1, RW);
	space_map(&sp, 8, 1, RW);
	store(&sp, 0, 1);
	fork_kid(0);
	space_map(&kid, 1, 1, RW);
	space_map(&kid, 9, 1, RW);
	expect_space(&kid, "AB......CC");
	space_map(&sp, 1, 1, RW);
	expect_space(&sp, "AA......B");
}
END_TEST

/* ---- many generations ---- */

#define FAMILY 6

/* A byte a page and process, in a plain array, forked and written at random. */
START_TEST(a_family_sees_what_an_array_says)
{
	unsigned char model[FAMILY][8] = { { 0 } };
	struct space who[FAMILY] = { sp };
	uint32_t seed = 12345;
	int nr = 1;

	space_map(&sp, 0, 8, RW);
	for (int i = 0; i < 400; i++) {
		const int p = (int)(seed >> 16) % nr;
		const unsigned int n = seed >> 8 & 7;

		if (i % 60 == 30 && nr < FAMILY) {
			memcpy(model[nr], model[p], sizeof(model[nr]));
			who[nr++] = space_of(&sp, host_fork(sp.m, who[p].pid, 0));
		}
		model[p][n] = (unsigned char)(i + 1);
		store(&who[p], n, (uint8_t)(i + 1));
		seed = seed * 1664525 + 1013904223;
	}
	ck_assert_int_eq(nr, FAMILY);
	for (int p = 0; p < nr; p++)
		for (unsigned int n = 0; n < 8; n++)
			ck_assert_uint_eq(load(&who[p], n), model[p][n]);
}
END_TEST

START_TEST(a_page_counts_each_of_its_mappers)
{
	struct space child[FAMILY];
	pfn_t pfn;

	space_map(&sp, 0, 1, RW);
	store(&sp, 0, 1);
	pfn = space_page(&sp, 0).pfn;
	for (int i = 0; i < FAMILY; i++) {
		child[i] = space_of(&sp, host_fork(sp.m, sp.pid, 0));
		ck_assert_int_eq(page_counts_at(sp.m, pfn)->_count, i + 2);
		ck_assert_int_eq(page_counts_at(sp.m, pfn)->_mapcount, i + 1);
	}
	for (int i = 0; i < FAMILY; i++) {
		store(&child[i], 0, 2);
		ck_assert_int_eq(page_counts_at(sp.m, pfn)->_count, FAMILY - i);
	}
	ck_assert_uint_eq(kernel_at(sp.m)->nr_anon_pages, FAMILY + 1);
}
END_TEST

/* ---- clone ---- */

START_TEST(with_clone_vm_there_is_one_space)
{
	space_map(&sp, 0, 2, RW);
	fork_kid(CLONE_VM);
	ck_assert_ptr_eq(space_mm(&kid), space_mm(&sp));
	ck_assert_int_eq(space_mm(&sp)->mm_users, 2);
	ck_assert_int_eq(space_mm(&sp)->mm_count, 1);
	store(&kid, 0, 77);
	ck_assert_uint_eq(load(&sp, 0), 77);
	space_map(&kid, 4, 2, PROT_READ);
	expect_space(&sp, "AA..BB");
	space_unmap(&sp, 0, 1);
	expect_space(&kid, ".A..BB");
	host_exit(sp.m, kid.pid);
	ck_assert_int_eq(space_mm(&sp)->mm_users, 1);
	expect_space(&sp, ".A..BB");
}
END_TEST

/* {vfork.1}: mm_users + 1; vfork is CLONE_VM | CLONE_VFORK. */
START_TEST(a_vforked_child_is_marked_until_it_has_gone)
{
	fork_kid(CLONE_VM | CLONE_VFORK);
	ck_assert_ptr_eq(space_mm(&kid), space_mm(&sp));
	ck_assert(task_at(sp.m, space_task(&kid))->flags & PF_VFORK);
	ck_assert(!(task_at(sp.m, space_task(&sp))->flags & PF_VFORK));
	kid = space_of(&sp, host_fork(sp.m, kid.pid, 0));
	ck_assert(!(task_at(sp.m, space_task(&kid))->flags & PF_VFORK));
}
END_TEST

START_TEST(descriptors_are_shared_only_with_clone_files)
{
	const files_ref mine = task_at(sp.m, space_task(&sp))->files;
	const file_ref null = mm_fd_file(sp.m, mine, 0);
	int32_t opened = file_at(sp.m, null)->f_count;

	fork_kid(CLONE_FILES);
	ck_assert(files_same(task_at(sp.m, space_task(&kid))->files, mine));
	ck_assert_int_eq(files_at(sp.m, mine)->count, 2);
	ck_assert_int_eq(file_at(sp.m, null)->f_count, opened);
	fork_kid(0);
	ck_assert(!files_same(task_at(sp.m, space_task(&kid))->files, mine));
	ck_assert_int_eq(files_at(sp.m, mine)->count, 2);
	ck_assert_int_eq(files_at(sp.m, task_at(sp.m, space_task(&kid))->files)
			 ->count, 1);
	ck_assert_int_eq(file_at(sp.m, null)->f_count, opened + 3);
}
END_TEST

/* ---- refusals ---- */

START_TEST(a_refused_fork_changes_nothing)
{
	static const uint64_t flags[] = {
		CLONE_FS, 1, CLONE_VM | 0x10000, 1ULL << 63,
	};
	uint64_t digest;

	map_something_of_everything();
	digest = host_digest(sp.m);
	ck_assert_int_eq(host_fork(sp.m, sp.pid, flags[_i]), -EINVAL);
	ck_assert_uint_eq(host_digest(sp.m), digest);
}
END_TEST

START_TEST(after_the_last_pid_there_are_no_more)
{
	struct host_step hs;
	uint64_t digest;

	host_step_init(&hs, sp.m, 0);
	kernel_mut(&hs.s)->last_pid = MAX_PID - 1;
	ck_assert_int_eq(host_fork(sp.m, sp.pid, 0), MAX_PID);
	digest = host_digest(sp.m);
	ck_assert_int_eq(host_fork(sp.m, sp.pid, 0), -EAGAIN);
	ck_assert_int_eq(host_fork(sp.m, sp.pid, CLONE_VM), -EAGAIN);
	ck_assert_uint_eq(host_digest(sp.m), digest);
}
END_TEST

/* {oc.10}: every promise is made once more, and given back if one cannot be. */
START_TEST(a_fork_promises_again_what_its_parent_promised)
{
	uint64_t committed, pages;
	struct host_totals before, after;

	space_map(&sp, 0, 8, RW);
	committed = space_committed(&sp);
	fork_kid(0);
	ck_assert_uint_eq(space_committed(&sp), 2 * committed);
	host_exit(sp.m, kid.pid);
	ck_assert_uint_eq(space_committed(&sp), committed);
	fork_kid(CLONE_VM);
	ck_assert_uint_eq(space_committed(&sp), committed);
	host_exit(sp.m, kid.pid);

	pages = vm_commit_limit(sp.m) * 2 / 3;
	host_mmap(sp.m, sp.pid, page_addr(16), pages * PAGE_SIZE, RW,
		  PRIVATE | MAP_FIXED);
	space_sysctl(&sp, SYSCTL_overcommit_memory, 2);
	before = host_totals(sp.m);
	ck_assert_int_eq(host_fork(sp.m, sp.pid, 0), -ENOMEM);
	after = host_totals(sp.m);
	ck_assert_mem_eq(&after, &before, sizeof(after));
	ck_assert_int_gt(host_fork(sp.m, sp.pid, CLONE_VM), 0);
	space_sysctl(&sp, SYSCTL_overcommit_memory, 1);
	ck_assert_int_gt(host_fork(sp.m, sp.pid, 0), 0);
}
END_TEST

/* ---- when RAM runs out in the middle ---- */

/* 40 areas with written pages, a 2 MiB table each. */
static void build_a_parent(void)
{
	for (uint64_t i = 0; i < 40; i++) {
		const uint64_t at = ARENA + (i << 21);

		host_mmap(sp.m, sp.pid, at, 4 * PAGE_SIZE, RW,
			  PRIVATE | MAP_FIXED);
		host_store(sp.m, sp.pid, at, (uint8_t)(i + 1));
	}
}

/* Another process takes all frames there are and gives @nr back. */
static void leave_frames(struct machine *m, uint64_t nr)
{
	const uint64_t len = 128ULL << 20;
	const uint32_t hog = host_spawn(m);
	struct op_result res;

	ck_assert_int_gt(host_mmap(m, hog, ARENA, len, RW,
				   PRIVATE | MAP_FIXED | MAP_NORESERVE), 0);
	res = host_touch(m, hog, ARENA, len, ACCESS_WRITE);
	ck_assert_int_ne(res.outcome, OUT_OK);
	host_munmap(m, hog, ARENA, nr * PAGE_SIZE);
}

static void expect_contents(struct machine *m, uint32_t pid)
{
	for (uint64_t i = 0; i < 40; i++)
		ck_assert_uint_eq(host_load(m, pid, ARENA + (i << 21)), i + 1);
}

/* The fork of a machine with @nr frames to spare; true: it succeeded. */
static bool fork_with_frames(uint64_t nr)
{
	struct machine *m = host_machine_copy(sp.m);
	struct host_totals before, after;
	int64_t pid;

	leave_frames(m, nr);
	before = host_totals(m);
	pid = host_fork(m, sp.pid, 0);
	if (pid < 0) {
		ck_assert_int_eq(pid, -ENOMEM);
		after = host_totals(m);
		ck_assert_mem_eq(&after, &before, sizeof(after));
	} else {
		expect_contents(m, (uint32_t)pid);
		host_exit(m, (uint32_t)pid);
	}
	expect_contents(m, sp.pid);
	host_check(m);
	host_machine_free(m);
	return pid > 0;
}

START_TEST(without_ram_for_all_of_it_there_is_no_child)
{
	uint64_t nr = 0;

	if (evil_is_on())	/* using up all RAM takes minutes */
		return;
	build_a_parent();
	while (!fork_with_frames(nr)) {
		nr += nr < 6 ? 1 : 5;
		ck_assert_uint_lt(nr, 100);
	}
	/* at least 40 tables were needed, or half as many twice as large */
	ck_assert_uint_gt(nr, host_arch == ARCH_I386 ? 20 : 40);
}
END_TEST

Suite *suite_fork(void);
Suite *suite_fork(void)
{
	Suite *suite = suite_create("fork");
	TCase *t = tcase_create("fork");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_childs_maps_are_the_parents);
	tcase_add_test(t, the_child_maps_where_the_parent_would);
	tcase_add_test(t, locks_stay_with_the_parent);
	tcase_add_test(t, counters_start_afresh);
	tcase_add_test(t, a_private_page_is_shared_read_only_by_two);
	tcase_add_loop_test(t, whoever_writes_first_gets_the_new_frame, 0, 2);
	tcase_add_test(t, alone_again_the_parent_keeps_its_frame_for_one_fault);
	tcase_add_test(t, entries_are_copied_only_where_there_is_an_anon_vma);
	tcase_add_test(t, a_child_without_copied_entries_has_no_tables);
	tcase_add_test(t, private_pages_far_apart_need_the_same_tables_again);
	tcase_add_test(t, what_says_dontcopy_is_not_there);
	tcase_add_test(t, what_is_wiped_on_fork_reads_zero_in_the_child);
	tcase_add_test(t, the_child_is_the_parents_and_has_its_limits);
	tcase_add_test(t, rights_are_inherited);
	tcase_add_test(t, an_inherited_written_area_does_not_grow_by_mmap);
	tcase_add_test(t, a_family_sees_what_an_array_says);
	tcase_add_test(t, a_page_counts_each_of_its_mappers);
	tcase_add_test(t, with_clone_vm_there_is_one_space);
	tcase_add_test(t, a_vforked_child_is_marked_until_it_has_gone);
	tcase_add_test(t, descriptors_are_shared_only_with_clone_files);
	tcase_add_loop_test(t, a_refused_fork_changes_nothing, 0, 4);
	tcase_add_test(t, after_the_last_pid_there_are_no_more);
	tcase_add_test(t, a_fork_promises_again_what_its_parent_promised);
	tcase_add_test(t, without_ram_for_all_of_it_there_is_no_child);
	suite_add_tcase(suite, t);
	return suite;
}
