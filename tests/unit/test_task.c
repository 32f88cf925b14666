/* SPDX-License-Identifier: MIT */
#include <check.h>

#include "mmcore/kernel/calls.h"
#include "mmcore/kernel/task.h"
#include "tests/lib/host.h"

static const char comm[TASK_COMM_LEN] = "init";

START_TEST(pids_count_up_and_are_never_used_again)
{
	struct machine *m = host_machine_small();
	struct host_step hs;
	task_ref t[3];

	host_step_init(&hs, m, 0);
	for (int i = 0; i < 3; i++)
		t[i] = alloc_task(&hs.s, comm);
	free_task(&hs.s, t[1]);
	ck_assert_int_eq(task_at(m, alloc_task(&hs.s, comm))->pid, 4);
	ck_assert(task_none(mm_find_task(m, 2)));
	ck_assert(task_same(mm_find_task(m, 3), t[2]));
	host_machine_free(m);
}
END_TEST

START_TEST(orphans_become_pid_1s_and_nobodys_once_it_is_gone)
{
	struct machine *m = host_machine_small();
	struct host_step hs;
	task_ref init, middle, child;

	host_step_init(&hs, m, 0);
	init = alloc_task(&hs.s, comm);
	middle = alloc_task(&hs.s, comm);
	child = alloc_task(&hs.s, comm);
	set_parent_task(&hs.s, middle, init);
	set_parent_task(&hs.s, child, middle);
	free_task(&hs.s, middle);
	ck_assert_int_eq(task_at(m, child)->ppid, 1);
	free_task(&hs.s, init);
	ck_assert_int_eq(task_at(m, child)->ppid, 0);
	host_machine_free(m);
}
END_TEST

/* getrlimit(2): EINVAL above the hard limit, EPERM to raise it unprivileged. */
START_TEST(limits_are_raised_only_by_those_who_may)
{
	struct machine *m = host_machine_small();
	struct host_step hs;
	struct op_setrlimit a = { RLIMIT_MEMLOCK, 9 << 20, 9 << 20 };

	host_step_init(&hs, m, 0);
	hs.s.current = alloc_task(&hs.s, comm);
	init_rlimits(task_mut(&hs.s, hs.s.current)->rlim);
	ck_assert_int_eq(sys_setrlimit(&hs.s, &a), -EPERM);
	a.hard = 4096;
	ck_assert_int_eq(sys_setrlimit(&hs.s, &a), -EINVAL);
	a.soft = 0;
	ck_assert_int_eq(sys_setrlimit(&hs.s, &a), 0);
	ck_assert_uint_eq(rlimit(&hs.s, RLIMIT_MEMLOCK), 0);
	task_mut(&hs.s, hs.s.current)->flags |= PF_PRIVILEGED;
	a.hard = RLIM_INFINITY;
	ck_assert_int_eq(sys_setrlimit(&hs.s, &a), 0);
	host_machine_free(m);
}
END_TEST

Suite *suite_task(void);
Suite *suite_task(void)
{
	Suite *suite = suite_create("task");
	TCase *tc = tcase_create("tasks");

	tcase_add_test(tc, pids_count_up_and_are_never_used_again);
	tcase_add_test(tc, orphans_become_pid_1s_and_nobodys_once_it_is_gone);
	tcase_add_test(tc, limits_are_raised_only_by_those_who_may);
	suite_add_tcase(suite, tc);
	return suite;
}
