/* SPDX-License-Identifier: MIT */
/*
 * When dirty pages reach the disk: what has been dirty for thirty seconds, at the
 * next multiple of five; what is above the background limit, then as well; what
 * is above the limit of those who write, at once (fs/fs-writeback.c and
 * mm/page-writeback.c, 6.18). Ticks are 1/250 s, and the clock begins at 0.
 */
#include <check.h>

#include "mmcore/fs/disk.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/page_alloc.h"
#include "tests/lib/files.h"

#define SECOND 250ULL

static struct space sp;
static uint64_t ino[2];
static int64_t fd[2];

static void setup(void)
{
	space_open(&sp);
	ino[0] = fs_make(&sp, "/a", 0, 0, 0);
	ino[1] = fs_make(&sp, "/b", 0, 0, 0);
	fd[0] = fs_open(&sp, "/a", O_RDWR);
	fd[1] = fs_open(&sp, "/b", O_RDWR);
	ck_assert_int_ge(fd[1], 0);
	/* To a multiple of the flusher's interval. */
	fs_tick(&sp, 5 * SECOND - kernel_at(sp.m)->jiffies % (5 * SECOND));
}

static void teardown(void)
{
	host_check(sp.m);
	space_close(&sp);
}

static void write_page(int which, uint64_t index, uint8_t byte)
{
	ck_assert_int_eq(fs_write(&sp, fd[which], index * PAGE_SIZE,
				    PAGE_SIZE, byte), PAGE_SIZE);
}

static uint8_t on_disk(int which, uint64_t index)
{
	return fs_disk_byte(&sp, ino[which], index * PAGE_SIZE);
}

START_TEST(data_is_written_when_it_is_old_and_the_flusher_comes_by)
{
	fs_tick(&sp, 1 * SECOND);
	write_page(0, 0, 1);
	/* Nobody runs between two multiples, whatever has come of age. */
	fs_tick(&sp, 29 * SECOND);
	ck_assert_uint_eq(on_disk(0, 0), 0);
	fs_tick(&sp, 5 * SECOND - 1);
	ck_assert_uint_eq(on_disk(0, 0), 0);
	fs_tick(&sp, 1);
	ck_assert_uint_eq(on_disk(0, 0), 1);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 0);
}
END_TEST

START_TEST(thirty_seconds_to_the_tick_are_old_enough)
{
	write_page(0, 0, 1);
	fs_tick(&sp, 25 * SECOND);
	ck_assert_uint_eq(on_disk(0, 0), 0);
	fs_tick(&sp, 5 * SECOND);
	ck_assert_uint_eq(on_disk(0, 0), 1);
}
END_TEST

/* The flusher looked at the multiple, though the clock went on to behind it. */
START_TEST(age_is_counted_where_the_flusher_came_by)
{
	fs_tick(&sp, 1 * SECOND);
	write_page(0, 0, 1);
	fs_tick(&sp, 28 * SECOND);
	fs_tick(&sp, 3 * SECOND);
	ck_assert_uint_eq(on_disk(0, 0), 0);
	fs_tick(&sp, 3 * SECOND);
	ck_assert_uint_eq(on_disk(0, 0), 1);
}
END_TEST

/* An age is a file's: since its first page became dirty. */
START_TEST(older_files_go_before_younger_ones_with_all_their_pages)
{
	write_page(0, 0, 1);
	fs_tick(&sp, 10 * SECOND);
	write_page(1, 0, 2);
	fs_tick(&sp, 10 * SECOND);
	write_page(0, 1, 3);
	fs_tick(&sp, 10 * SECOND);
	ck_assert_uint_eq(on_disk(0, 0), 1);
	ck_assert_uint_eq(on_disk(0, 1), 3);
	ck_assert_uint_eq(on_disk(1, 0), 0);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 1);
	fs_tick(&sp, 10 * SECOND);
	ck_assert_uint_eq(on_disk(1, 0), 2);
}
END_TEST

START_TEST(a_file_stays_in_line_until_its_last_dirty_page_is_written)
{
	write_page(0, 0, 1);
	write_page(0, 1, 2);
	fs_map(&sp, 0, 2, RW, MAP_SHARED, fd[0], 0);
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_MSYNC,
		.msync = { page_addr(0), PAGE_SIZE, MS_SYNC } }).ret, 0);
	ck_assert_uint_eq(on_disk(0, 0), 1);
	ck_assert_uint_eq(on_disk(0, 1), 0);
	fs_tick(&sp, 30 * SECOND);
	ck_assert_uint_eq(on_disk(0, 1), 2);
}
END_TEST

START_TEST(what_was_written_is_not_written_again)
{
	uint64_t written;

	ck_assert_uint_eq(kernel_at(sp.m)->nr_dirtied, 0);
	write_page(0, 0, 1);
	write_page(0, 0, 1);
	ck_assert_uint_eq(kernel_at(sp.m)->nr_dirtied, 1);
	fs_sync(&sp, fd[0]);
	written = kernel_at(sp.m)->nr_written;
	fs_sync(&sp, fd[0]);
	ck_assert_uint_eq(kernel_at(sp.m)->nr_written, written);
	write_page(0, 1, 1);
	fs_sync(&sp, fd[0]);
	ck_assert_uint_eq(kernel_at(sp.m)->nr_written, written + 1);
	/* Its age begins anew with the next dirty page. */
	fs_tick(&sp, 25 * SECOND);
	write_page(0, 0, 2);
	fs_tick(&sp, 10 * SECOND);
	ck_assert_uint_eq(on_disk(0, 0), 1);
	fs_tick(&sp, 20 * SECOND);
	ck_assert_uint_eq(on_disk(0, 0), 2);
}
END_TEST

static void write_pages(uint64_t nr)
{
	for (uint64_t index = 0; index < nr; index++)
		write_page(0, index, 1);
}

START_TEST(above_the_background_limit_the_flusher_does_not_wait)
{
	uint64_t limit;

	space_sysctl(&sp, SYSCTL_dirty_background_ratio, 1);
	limit = global_dirty_limit(sp.m, 1);
	write_pages(limit + 20);
	ck_assert_uint_eq(fs_nr_dirty(&sp), limit + 20);
	fs_tick(&sp, SECOND);
	ck_assert_uint_eq(fs_nr_dirty(&sp), limit + 20);
	fs_tick(&sp, 4 * SECOND);
	ck_assert_uint_le(fs_nr_dirty(&sp), global_dirty_limit(sp.m, 1));
}
END_TEST

START_TEST(who_writes_above_the_limit_writes_back_at_once)
{
	uint64_t limit;

	space_sysctl(&sp, SYSCTL_dirty_background_ratio, 1);
	space_sysctl(&sp, SYSCTL_dirty_ratio, 2);
	limit = global_dirty_limit(sp.m, 2);
	for (uint64_t index = 0; index < 2 * limit; index++) {
		write_page(0, index, 1);
		ck_assert_uint_le(fs_nr_dirty(&sp),
				  global_dirty_limit(sp.m, 2));
	}
	ck_assert_uint_gt(kernel_at(sp.m)->nr_written, 0);
}
END_TEST

/* What is free and what files have, whether it was used once or twice. */
START_TEST(the_limit_is_a_share_of_what_could_be_dirty)
{
	uint64_t pages = nr_free_pages(sp.m) - totalreserve_pages(sp.m) +
			 kernel_at(sp.m)->nr_file_pages + 1;

	ck_assert_uint_eq(global_dirty_limit(sp.m, 100), pages);
	ck_assert_uint_eq(global_dirty_limit(sp.m, 25),
			  25 * PAGE_SIZE / 100 * pages / PAGE_SIZE);
	write_pages(200);
	pages = nr_free_pages(sp.m) - totalreserve_pages(sp.m) +
		kernel_at(sp.m)->nr_file_pages + 1;
	ck_assert_uint_ge(kernel_at(sp.m)->nr_file_pages, 200);
	ck_assert_uint_eq(global_dirty_limit(sp.m, 100), pages);
}
END_TEST

Suite *suite_writeback(void);
Suite *suite_writeback(void)
{
	Suite *suite = suite_create("writeback");
	TCase *tc = tcase_create("flusher");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, data_is_written_when_it_is_old_and_the_flusher_comes_by);
	tcase_add_test(tc, thirty_seconds_to_the_tick_are_old_enough);
	tcase_add_test(tc, age_is_counted_where_the_flusher_came_by);
	tcase_add_test(tc, older_files_go_before_younger_ones_with_all_their_pages);
	tcase_add_test(tc, a_file_stays_in_line_until_its_last_dirty_page_is_written);
	tcase_add_test(tc, what_was_written_is_not_written_again);
	tcase_add_test(tc, above_the_background_limit_the_flusher_does_not_wait);
	tcase_add_test(tc, who_writes_above_the_limit_writes_back_at_once);
	tcase_add_test(tc, the_limit_is_a_share_of_what_could_be_dirty);
	suite_add_tcase(suite, tc);
	return suite;
}
