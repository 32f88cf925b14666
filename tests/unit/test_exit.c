/* SPDX-License-Identifier: MIT */
/*
 * exit: everything comes back. Whatever a process did, the machine's totals
 * are afterwards what they were before it was spawned.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/mm/page_alloc.h"
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

static uint32_t spawn(uint32_t image)
{
	struct op op = { .code = OP_SPAWN };
	struct op_result res;

	memcpy(op.spawn.name, "worker", 7);
	op.spawn.image = image;
	res = host_run(sp.m, &op);
	ck_assert_int_gt(res.ret, 0);
	return (uint32_t)res.ret;
}

static void expect_totals(const struct host_totals *before)
{
	struct host_totals after = host_totals(sp.m);

	after.last_pid = before->last_pid;	/* pids are not used again */
	ck_assert_mem_eq(&after, before, sizeof(after));
	host_check(sp.m);
}

/* ---- lives ---- */

static void does_nothing(struct space *who)
{
	(void)who;
}

static void writes_here_and_there(struct space *who)
{
	for (unsigned int n = 0; n < 60; n += 3) {
		space_map(who, n, 2, RW);
		space_write(who, n);
	}
}

static void reads_zeros(struct space *who)
{
	space_map(who, 0, 32, RW);
	host_touch(who->m, who->pid, ARENA, 32 * PAGE_SIZE, ACCESS_READ);
}

static void spreads_over_many_tables(struct space *who)
{
	for (uint64_t shift = 21; shift < 46 &&
	     ARENA + (1ULL << shift) < space_mm(who)->mmap_base; shift++) {
		const uint64_t at = ARENA + (1ULL << shift);

		host_mmap(who->m, who->pid, at, PAGE_SIZE, RW,
			  PRIVATE | MAP_FIXED);
		host_store(who->m, who->pid, at, 1);
	}
}

static void grows_heap_and_stack(struct space *who)
{
	const uint64_t top = space_mm(who)->start_stack;

	host_brk(who->m, who->pid, space_mm(who)->brk + 9 * PAGE_SIZE + 5);
	host_store(who->m, who->pid, space_mm(who)->brk - 1, 1);
	host_store(who->m, who->pid, top - 200 * PAGE_SIZE, 1);
}

static void locks_memory(struct space *who)
{
	space_mmap(who, 0, 16, RW, PRIVATE | MAP_FIXED | MAP_LOCKED);
}

static void makes_shared_memory(struct space *who)
{
	space_mmap(who, 0, 16, RW, SHARED | MAP_FIXED);
	for (unsigned int n = 0; n < 16; n += 2)
		space_write(who, n);
}

static void protects_and_unmaps(struct space *who)
{
	space_map(who, 0, 32, RW);
	host_touch(who->m, who->pid, ARENA, 32 * PAGE_SIZE, ACCESS_WRITE);
	space_protect(who, 4, 4, PROT_READ);
	space_protect(who, 12, 4, PROT_NONE);
	space_unmap(who, 20, 3);
}

static void maps_thousands(struct space *who)
{
	for (uint64_t i = 0; i < 3000; i++)
		host_mmap(who->m, who->pid, ARENA + i * 2 * PAGE_SIZE,
			  PAGE_SIZE, i & 1 ? RW : PROT_READ,
			  PRIVATE | MAP_FIXED);
}

static void has_a_child_that_goes_first(struct space *who)
{
	struct space kid;

	writes_here_and_there(who);
	kid = space_of(who, host_fork(who->m, who->pid, 0));
	space_write(&kid, 0);
	space_write(who, 3);
	host_exit(who->m, kid.pid);
}

static void touches_its_vdso(struct space *who)
{
	const uint64_t vdso = space_mm(who)->vdso;

	if (!vdso)
		return;
	host_touch(who->m, who->pid, vdso - 6 * PAGE_SIZE, 8 * PAGE_SIZE,
		   ACCESS_READ);
}

static void (*const lives[])(struct space *who) = {
	does_nothing, writes_here_and_there, reads_zeros,
	spreads_over_many_tables, grows_heap_and_stack, locks_memory,
	makes_shared_memory, protects_and_unmaps, maps_thousands,
	has_a_child_that_goes_first, touches_its_vdso,
};

#define NR_LIVES (sizeof(lives) / sizeof(lives[0]))

static void live(size_t life, uint32_t image)
{
	struct space who = space_of(&sp, spawn(image));

	lives[life](&who);
	host_check(sp.m);
	host_exit(sp.m, who.pid);
}

START_TEST(a_process_leaves_nothing_behind)
{
	const uint32_t image = _i % 2 ? IMAGE_NONE : IMAGE_DEMO;
	struct host_totals before;

	/* what the kernel makes once and keeps: the vdso's frames */
	live(NR_LIVES - 1, IMAGE_DEMO);
	before = host_totals(sp.m);
	live((size_t)_i / 2, image);
	expect_totals(&before);
}
END_TEST

START_TEST(all_lives_at_once_end_in_any_order)
{
	struct space who[NR_LIVES];
	struct host_totals before = host_totals(sp.m);

	for (size_t i = 0; i < NR_LIVES; i++) {
		who[i] = space_of(&sp, spawn(IMAGE_NONE));
		lives[i](&who[i]);
	}
	host_check(sp.m);
	for (size_t i = 0; i < NR_LIVES; i++)	/* 5 and 11 are coprime */
		host_exit(sp.m, who[i * 5 % NR_LIVES].pid);
	expect_totals(&before);
}
END_TEST

START_TEST(the_last_process_may_go_as_well)
{
	struct machine *m = host_machine_small();
	const uint64_t free_pages = host_totals(m).free_pages;
	const uint32_t pid = host_spawn(m);
	struct host_totals after;

	host_exit(m, pid);
	after = host_totals(m);
	ck_assert_uint_eq(after.tasks, 0);
	ck_assert_uint_eq(after.committed, 0);
	ck_assert_uint_eq(after.tables, 0);
	/* but for the slab of the one open /dev/null */
	ck_assert_uint_eq(after.free_pages, free_pages - 1);
	host_check(m);
	host_machine_free(m);
}
END_TEST

/* ---- who else is there ---- */

START_TEST(frames_come_back_as_zeros)
{
	struct space who = space_of(&sp, spawn(IMAGE_NONE));
	pfn_t pfn;

	space_map(&who, 0, 1, RW);
	space_write(&who, 0);
	pfn = space_page(&who, 0).pfn;
	host_exit(sp.m, who.pid);
	ck_assert_int_eq(page_read(sp.m, pfn)._count, 0);
	ck_assert_int_eq(page_read(sp.m, pfn)._mapcount, -1);
	for (uint64_t i = 0; i < PAGE_SIZE; i += 8)
		ck_assert_uint_eq(*(const uint64_t *)ram_at(sp.m,
					pfn_to_pa(pfn) + i), 0);
}
END_TEST

START_TEST(shared_memory_outlives_who_made_it)
{
	struct space who = space_of(&sp, spawn(IMAGE_NONE)), kid;
	struct host_totals before = host_totals(sp.m);

	space_mmap(&who, 0, 4, RW, SHARED | MAP_FIXED);
	space_write(&who, 2);
	kid = space_of(&sp, host_fork(sp.m, who.pid, 0));
	host_exit(sp.m, who.pid);
	ck_assert_uint_eq(kernel_at(sp.m)->nr_shmem, 1);
	ck_assert_uint_eq(host_load(sp.m, kid.pid, page_addr(2)), 1);
	host_exit(sp.m, kid.pid);
	ck_assert_uint_eq(kernel_at(sp.m)->nr_shmem, 0);
	ck_assert_uint_gt(host_totals(sp.m).free_pages, before.free_pages);
}
END_TEST

START_TEST(of_several_users_the_last_one_unmaps)
{
	uint32_t thread[3];

	space_map(&sp, 0, 2, RW);
	space_write(&sp, 1);
	for (int i = 0; i < 3; i++)
		thread[i] = (uint32_t)host_fork(sp.m, sp.pid,
						CLONE_VM | CLONE_FILES);
	host_exit(sp.m, sp.pid);
	sp.pid = thread[1];
	host_exit(sp.m, thread[0]);
	host_exit(sp.m, thread[2]);
	ck_assert_int_eq(space_mm(&sp)->mm_users, 1);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(1)), 1);
	expect_space(&sp, "AA");
}
END_TEST

START_TEST(orphans_go_to_pid_1)
{
	const uint32_t parent = spawn(IMAGE_NONE);
	const uint32_t child = (uint32_t)host_fork(sp.m, parent, 0);

	host_exit(sp.m, parent);
	ck_assert_int_eq(task_at(sp.m, mm_find_task(sp.m, child))->ppid, 1);
	host_exit(sp.m, 1);
	ck_assert_int_eq(task_at(sp.m, mm_find_task(sp.m, child))->ppid, 0);
	sp.pid = child;
}
END_TEST

START_TEST(the_dead_are_not_found_and_their_pid_stays_theirs)
{
	struct op op = { .code = OP_BRK, .pid = spawn(IMAGE_NONE) };
	struct op_result res;
	uint64_t digest;

	host_exit(sp.m, op.pid);
	digest = host_digest(sp.m);
	ck_assert(task_none(mm_find_task(sp.m, op.pid)));
	ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL), MM_NO_SUCH_PROCESS);
	op.code = OP_EXIT;
	ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL), MM_NO_SUCH_PROCESS);
	ck_assert_uint_eq(host_digest(sp.m), digest);
	ck_assert_uint_eq(spawn(IMAGE_NONE), op.pid + 1);
}
END_TEST

START_TEST(a_fatal_signal_ends_a_process_only_if_it_is_delivered)
{
	struct op op = { .code = OP_MEM_TOUCH, .pid = spawn(IMAGE_NONE) };
	struct host_totals before = host_totals(sp.m), after;

	op.mem_touch = (struct op_mem_touch){ ARENA, 1, ACCESS_WRITE };
	ck_assert_int_eq(host_run(sp.m, &op).outcome, OUT_SIGNAL);
	ck_assert(!task_none(mm_find_task(sp.m, op.pid)));
	op.deliver = true;
	ck_assert_int_eq(host_run(sp.m, &op).signo, SIGSEGV);
	ck_assert(task_none(mm_find_task(sp.m, op.pid)));
	after = host_totals(sp.m);
	ck_assert_uint_eq(after.tasks, before.tasks - 1);
	/* an access that succeeds delivers nothing */
	space_map(&sp, 0, 1, RW);
	op.pid = sp.pid;
	ck_assert_int_eq(host_run(sp.m, &op).outcome, OUT_OK);
	ck_assert(!task_none(space_task(&sp)));
}
END_TEST

START_TEST(the_end_is_told_with_areas_and_pages)
{
	struct trace_event events[64];
	struct trace trace = { events, 64, 0, 0 };
	struct space who = space_of(&sp, spawn(IMAGE_NONE));
	struct op op = { .code = OP_EXIT, .pid = who.pid };
	struct op_result res;
	const struct trace_event *last = NULL;

	space_map(&who, 0, 4, RW);
	space_map(&who, 8, 4, PROT_READ);
	ck_assert_int_eq(mm_step(sp.m, &op, &res, &trace), MM_OK);
	for (uint64_t i = 0; i < trace.nr; i++)
		if (events[i].id == TRACE_exit_mmap)
			last = &events[i];
	ck_assert_int_eq(events[0].id, TRACE_exit_mm);
	ck_assert_uint_eq(events[0].arg[0], 0);
	ck_assert_ptr_nonnull(last);
	ck_assert_uint_eq(last->arg[0], 3);	/* and the stack's 33 pages */
	ck_assert_uint_eq(last->arg[1], 4 + 4 + 33);
}
END_TEST

Suite *suite_exit(void);
Suite *suite_exit(void)
{
	Suite *suite = suite_create("exit");
	TCase *t = tcase_create("exit");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_process_leaves_nothing_behind, 0,
			    (int)NR_LIVES * 2);
	tcase_add_test(t, all_lives_at_once_end_in_any_order);
	tcase_add_test(t, the_last_process_may_go_as_well);
	tcase_add_test(t, frames_come_back_as_zeros);
	tcase_add_test(t, shared_memory_outlives_who_made_it);
	tcase_add_test(t, of_several_users_the_last_one_unmaps);
	tcase_add_test(t, orphans_go_to_pid_1);
	tcase_add_test(t, the_dead_are_not_found_and_their_pid_stays_theirs);
	tcase_add_test(t, a_fatal_signal_ends_a_process_only_if_it_is_delivered);
	tcase_add_test(t, the_end_is_told_with_areas_and_pages);
	suite_add_tcase(suite, t);
	return suite;
}
