/* SPDX-License-Identifier: MIT */
/*
 * Tables of descriptors: how they grow, what a child has of them, what exec
 * closes. Sizes are those that FDSize shows on Linux 6.18.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/fs/fs.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/swap.h"
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

static int64_t dup_fd_of(uint32_t pid, int64_t fd)
{
	struct op op = { .code = OP_DUP, .pid = pid, .dup = { fd } };

	return host_run(sp.m, &op).ret;
}

/* F_DUPFD: of 0, the first free one from @first on. */
static int64_t dup_fd_from(uint64_t first)
{
	struct op op = { .code = OP_FCNTL, .pid = sp.pid };

	op.fcntl = (struct op_fcntl){ 0, first, F_DUPFD };
	return host_run(sp.m, &op).ret;
}

static int64_t close_fd(int64_t fd)
{
	struct op op = { .code = OP_CLOSE, .pid = sp.pid, .close = { fd } };

	return host_run(sp.m, &op).ret;
}

static files_ref files_of(int64_t pid)
{
	return task_at(sp.m, mm_find_task(sp.m, (uint32_t)pid))->files;
}

static uint32_t fdsize(int64_t pid)
{
	return files_at(sp.m, files_of(pid))->max_fds;
}

static void set_nofile(uint64_t soft)
{
	struct op op = { .code = OP_SETRLIMIT, .pid = sp.pid };

	op.setrlimit = (struct op_setrlimit){ RLIMIT_NOFILE, soft, 1048576 };
	ck_assert_int_eq(host_run(sp.m, &op).ret, 0);
}

/* Descriptors up to @last are open. */
static void open_up_to(int64_t last)
{
	int64_t fd;

	do {
		fd = dup_fd_of(sp.pid, 0);
		ck_assert_int_ge(fd, 0);
	} while (fd < last);
}

START_TEST(a_table_doubles_when_it_is_full)
{
	ck_assert_uint_eq(fdsize(sp.pid), 64);
	open_up_to(63);
	ck_assert_uint_eq(fdsize(sp.pid), 64);
	open_up_to(64);
	ck_assert_uint_eq(fdsize(sp.pid), 128);
	open_up_to(127);
	ck_assert_uint_eq(fdsize(sp.pid), 128);
	open_up_to(128);
	ck_assert_uint_eq(fdsize(sp.pid), 256);
	open_up_to(512);
	ck_assert_uint_eq(fdsize(sp.pid), 1024);
	host_check(sp.m);
}
END_TEST

START_TEST(the_limit_of_a_login_is_1024)
{
	open_up_to(1023);
	ck_assert_int_eq(dup_fd_of(sp.pid, 0), -EMFILE);
	ck_assert_uint_eq(fdsize(sp.pid), 1024);
	ck_assert_int_eq(close_fd(100), 0);
	ck_assert_int_eq(close_fd(700), 0);
	ck_assert_int_eq(dup_fd_of(sp.pid, 0), 100);
	ck_assert_int_eq(dup_fd_of(sp.pid, 0), 700);
	ck_assert_int_eq(dup_fd_of(sp.pid, 0), -EMFILE);
	set_nofile(1025);
	ck_assert_int_eq(dup_fd_of(sp.pid, 0), 1024);
	ck_assert_uint_eq(fdsize(sp.pid), 2048);
}
END_TEST

/* The last descriptor that there can be: two frames of leaves. */
START_TEST(the_hard_limit_can_be_reached)
{
#define FIRST (1048576 - 100)
	struct host_totals before = host_totals(sp.m);

	set_nofile(1048576);
	for (int64_t fd = FIRST; fd < 1048576; fd++)
		ck_assert_int_eq(dup_fd_from(FIRST), fd);
	ck_assert_int_eq(dup_fd_from(FIRST), -EMFILE);
	ck_assert_int_eq(dup_fd_from(1048576), -EINVAL);
	ck_assert_uint_eq(fdsize(sp.pid), 1048576);
	ck_assert_uint_eq(before.free_pages - host_totals(sp.m).free_pages,
			  1048576 / 512 + 2);
	ck_assert_int_eq(close_fd(1048575), 0);
	ck_assert_int_eq(dup_fd_from(FIRST), 1048575);
#undef FIRST
}
END_TEST

START_TEST(a_child_has_room_for_what_is_open)
{
	open_up_to(600);
	for (int64_t fd = 100; fd <= 600; fd++)
		ck_assert_int_eq(close_fd(fd), 0);
	ck_assert_uint_eq(fdsize(sp.pid), 1024);
	ck_assert_uint_eq(fdsize(host_fork(sp.m, sp.pid, 0)), 128);
	for (int64_t fd = 64; fd < 100; fd++)
		ck_assert_int_eq(close_fd(fd), 0);
	ck_assert_uint_eq(fdsize(host_fork(sp.m, sp.pid, 0)), 64);
	open_up_to(128);
	ck_assert_uint_eq(fdsize(host_fork(sp.m, sp.pid, 0)), 256);
}
END_TEST

START_TEST(a_table_gives_its_frames_back)
{
	const int64_t child = host_fork(sp.m, sp.pid, 0);
	struct host_totals before, after;

	host_exit(sp.m, (uint32_t)child);
	before = host_totals(sp.m);
	open_up_to(900);
	host_exit(sp.m, (uint32_t)host_fork(sp.m, sp.pid, 0));
	host_exit(sp.m, (uint32_t)host_fork(sp.m, sp.pid, CLONE_FILES));
	for (int64_t fd = 3; fd <= 900; fd++)
		ck_assert_int_eq(close_fd(fd), 0);
	after = host_totals(sp.m);
	ck_assert_uint_eq(before.objects[CACHE_FILE], after.objects[CACHE_FILE]);
	/* two leaves and their top stay with the table */
	ck_assert_uint_eq(before.free_pages - after.free_pages, 3);
}
END_TEST

START_TEST(shared_tables_are_one_table)
{
	const int64_t child = host_fork(sp.m, sp.pid, CLONE_FILES);

	ck_assert_int_eq(dup_fd_of((uint32_t)child, 0), 3);
	ck_assert_int_eq(dup_fd_of(sp.pid, 0), 4);
	ck_assert_int_eq(close_fd(3), 0);
	ck_assert_int_eq(dup_fd_of((uint32_t)child, 0), 3);
}
END_TEST

/* One frame more each time: first none fits, then the top alone, then all. */
START_TEST(without_ram_the_table_stays_as_it_is)
{
	struct mm_config config = mm_config_default();
	struct host_step hs;
	pfn_t held[2048];
	int nr = 0, refused = 0;
	int64_t fd;

	space_close(&sp);
	config.ram = 4 << 20;
	space_open_with(&sp, &config, false);
	open_up_to(63);
	host_totals(sp.m);
	host_step_init(&hs, sp.m, sp.pid);
	while ((held[nr] = alloc_page(&hs.s, GFP_ATOMIC)))
		nr++;
	for (;; refused++) {
		const struct host_totals before = host_totals(sp.m);
		struct host_totals after;

		fd = dup_fd_of(sp.pid, 0);
		if (fd >= 0)
			break;
		ck_assert_int_eq(fd, -ENOMEM);
		ck_assert_uint_eq(fdsize(sp.pid), 64);
		after = host_totals(sp.m);
		ck_assert_mem_eq(&before, &after, sizeof(before));
		put_page(&hs.s, held[--nr]);
	}
	ck_assert_int_ge(refused, 2);
	ck_assert_int_eq(fd, 64);
	ck_assert_uint_eq(fdsize(sp.pid), 128);
	while (nr)
		put_page(&hs.s, held[--nr]);
}
END_TEST

START_TEST(what_exec_closes)
{
	struct host_step hs;

	open_up_to(70);
	host_step_init(&hs, sp.m, sp.pid);
	set_close_on_exec(&hs.s, 2, true);
	set_close_on_exec(&hs.s, 69, true);
	set_close_on_exec(&hs.s, 70, true);
	set_close_on_exec(&hs.s, 70, false);
	ck_assert(close_on_exec(sp.m, files_of(sp.pid), 69));
	ck_assert(!close_on_exec(sp.m, files_of(sp.pid), 70));
	/* a copy of the descriptor is not closed, a child's is */
	ck_assert(close_on_exec(sp.m, files_of(host_fork(sp.m, sp.pid, 0)), 69));
	ck_assert_int_eq(dup_fd_of(sp.pid, 69), 71);
	ck_assert(!close_on_exec(sp.m, files_of(sp.pid), 71));
	do_close_on_exec(&hs.s);
	ck_assert(file_none(mm_fd_file(sp.m, files_of(sp.pid), 2)));
	ck_assert(file_none(mm_fd_file(sp.m, files_of(sp.pid), 69)));
	ck_assert(!file_none(mm_fd_file(sp.m, files_of(sp.pid), 70)));
	ck_assert_int_eq(dup_fd_of(sp.pid, 0), 2);
	ck_assert_int_eq(dup_fd_of(sp.pid, 0), 69);
}
END_TEST

Suite *suite_fdtable(void);
Suite *suite_fdtable(void)
{
	Suite *suite = suite_create("fdtable");
	TCase *t = tcase_create("fdtable");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_table_doubles_when_it_is_full);
	tcase_add_test(t, the_limit_of_a_login_is_1024);
	tcase_add_test(t, the_hard_limit_can_be_reached);
	tcase_add_test(t, a_child_has_room_for_what_is_open);
	tcase_add_test(t, a_table_gives_its_frames_back);
	tcase_add_test(t, shared_tables_are_one_table);
	tcase_add_test(t, without_ram_the_table_stays_as_it_is);
	tcase_add_test(t, what_exec_closes);
	suite_add_tcase(suite, t);
	return suite;
}
