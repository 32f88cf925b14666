/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a file a read or a fault brings in. What is expected is what
 * mincore() says after the same calls on Linux 6.18, ext4, read_ahead_kb 8192: so
 * the largest window is 2,048 pages.
 */
#include <check.h>
#include <string.h>

#include "mmcore/mm/filemap.h"
#include "tests/lib/space.h"

#define FILE_PAGES 16384

static struct space sp;
static uint64_t ino;
static int64_t fd;

static struct op_result run_op(struct op op)
{
	op.pid = sp.pid;
	return host_run(sp.m, &op);
}

static int64_t open_file(void)
{
	return run_op((struct op){ .code = OP_OPEN, .path = "/f", .path_len = 2,
				   .open = { O_RDONLY, 0 } }).ret;
}

/* All clean pages go, and the file is opened by somebody who has read nothing. */
static void fresh(void)
{
	run_op((struct op){ .code = OP_CLOSE, .close = { fd } });
	space_sysctl(&sp, SYSCTL_drop_caches, 1);
	fd = open_file();
	ck_assert_int_ge(fd, 0);
}

static void setup(void)
{
	struct mm_config config = host_config();

	config.ram = 256ULL << 20;
	space_open_with(&sp, &config, false);
	space_sysctl(&sp, SYSCTL_read_ahead_kb, 8192);
	run_op((struct op){ .code = OP_FILE_CREATE, .path = "/f", .path_len = 2,
		.file_create = { FILE_PAGES * PAGE_SIZE, 0644, false } });
	ino = (uint64_t)mm_file_find(sp.m, "/f", 2);
	fd = open_file();
	ck_assert_int_ge(fd, 0);
}

static void teardown(void)
{
	space_close(&sp);
}

static void read_at(uint64_t offset, uint64_t len)
{
	static uint8_t bytes[PAGE_SIZE * 2049];

	ck_assert_uint_le(len, sizeof(bytes));
	ck_assert_int_eq(run_op((struct op){ .code = OP_PREAD, .buf = bytes,
		.pread = { fd, len, offset, NO_BUFFER } }).ret, (int64_t)len);
}

static void read_pages(uint64_t page, uint64_t nr)
{
	read_at(page * PAGE_SIZE, nr * PAGE_SIZE);
}

static void map_file(uint64_t prot, uint64_t flags, uint64_t page, uint64_t nr)
{
	const uint64_t at = page_addr(0) + page * PAGE_SIZE;

	ck_assert_int_eq(run_op((struct op){ .code = OP_MMAP,
		.mmap = { at, nr * PAGE_SIZE, prot, flags | MAP_FIXED, fd,
			  page * PAGE_SIZE } }).ret, (int64_t)at);
}

static void touch(uint64_t page, enum access_kind kind)
{
	struct op_result res = run_op((struct op){ .code = OP_MEM_TOUCH,
		.mem_touch = { page_addr(0) + page * PAGE_SIZE, 1, kind } });

	ck_assert_int_eq(res.outcome, OUT_OK);
}

/* Where each run of pages that are there begins, and where it ends. */
static void expect_runs(const uint64_t *expected, size_t nr)
{
	uint64_t index = 0;
	pfn_t pfn;

	for (size_t i = 0; i + 1 < nr; i += 2)
		for (uint64_t page = expected[i]; page < expected[i + 1]; page++) {
			ck_assert(mm_file_next_page(sp.m, ino, &index, &pfn));
			ck_assert_uint_eq(index, page);
			index++;
		}
	ck_assert_msg(!mm_file_next_page(sp.m, ino, &index, &pfn),
		      "page %llu is there", (unsigned long long)index);
}

#define expect_cached(...)						\
	expect_runs((const uint64_t[]){ __VA_ARGS__ },			\
		    sizeof((const uint64_t[]){ __VA_ARGS__ }) /		\
			    sizeof(uint64_t))

START_TEST(the_first_window_grows_with_what_is_asked_for)
{
	static const struct { uint64_t asked, read; } first[] = {
		{ 1, 4 }, { 2, 8 }, { 5, 32 }, { 9, 64 }, { 40, 256 },
		{ 64, 256 },
	};

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		fresh();
		read_pages(0, first[i].asked);
		expect_cached(0, first[i].read);
	}
	fresh();
	read_pages(0, 2048);
	expect_cached(0, 4096);
}
END_TEST

/* A page that carries the mark says that the guess was right. */
START_TEST(the_mark_brings_the_next_window_which_is_larger)
{
	read_pages(0, 1);
	expect_cached(0, 4);
	read_pages(1, 1);
	expect_cached(0, 20);
	read_pages(2, 1);
	read_pages(3, 1);
	expect_cached(0, 20);
	/* Of folios of 16 pages now: it ends with one. */
	read_pages(4, 1);
	expect_cached(0, 80);
	read_pages(5, 3);
	read_pages(16, 1);
	expect_cached(0, 80);
	/* A mark that was met is gone. */
	read_pages(1, 1);
	read_pages(4, 1);
	expect_cached(0, 80);
	fresh();
	read_pages(0, 128);
	expect_cached(0, 256);
	read_pages(128, 1);
	expect_cached(0, 768);
	read_pages(256, 1);
	expect_cached(0, 1792);
	read_pages(768, 1);
	expect_cached(0, 3840);
}
END_TEST

START_TEST(a_window_is_never_larger_than_the_largest)
{
	read_pages(0, 513);
	expect_cached(0, 2048);
	read_pages(513, 1);
	expect_cached(0, 4096);
}
END_TEST

/* One page of the middle is one page; the next one makes it a stream. */
START_TEST(a_step_further_than_last_time_is_the_beginning_of_a_stream)
{
	read_pages(100, 1);
	expect_cached(100, 101);
	read_pages(101, 1);
	expect_cached(100, 105);
	read_pages(300, 1);
	expect_cached(100, 105, 300, 301);
	/* The read ended where page 301 begins: 302 is a step from there. */
	read_pages(302, 1);
	expect_cached(100, 105, 300, 301, 302, 306);
	fresh();
	read_pages(300, 1);
	read_pages(303, 1);
	expect_cached(300, 301, 303, 304);
	fresh();
	read_pages(300, 1);
	read_pages(301, 2);
	expect_cached(300, 309);
	fresh();
	read_at(300 * PAGE_SIZE, 100);
	read_at(301 * PAGE_SIZE + 50, 100);
	expect_cached(300, 305);
	fresh();
	read_at(300 * PAGE_SIZE, 100);
	read_at(302 * PAGE_SIZE + 50, 100);
	expect_cached(300, 301, 302, 303);
	fresh();
	read_pages(100, 8);
	expect_cached(100, 108);
}
END_TEST

/* Who reads here for the first time may have been preceded by others. */
START_TEST(what_is_cached_before_it_tells_of_a_stream)
{
	read_pages(0, 1);
	read_pages(4, 1);
	expect_cached(0, 13);
	fresh();
	read_pages(8, 4);
	read_pages(0, 1);
	expect_cached(0, 4, 8, 12);
	fresh();
	read_pages(0, 4);
	read_pages(10, 1);
	expect_cached(0, 16);
	read_pages(20, 1);
	expect_cached(0, 16, 20, 21);
	/* Not from the beginning on: as many as there are, and those asked for. */
	fresh();
	read_pages(100, 4);
	read_pages(104, 1);
	read_pages(500, 1);
	read_pages(108, 1);
	expect_cached(100, 117, 500, 501);
}
END_TEST

/* Read one page after another by @file, from the first on. */
static void read_on(int64_t file, const uint64_t *pages, size_t nr, uint64_t len)
{
	static uint8_t bytes[PAGE_SIZE * 3];

	for (size_t i = 0; i < nr; i++)
		ck_assert_int_eq(run_op((struct op){ .code = OP_PREAD, .buf = bytes,
			.pread = { file, len * PAGE_SIZE, pages[i] * PAGE_SIZE,
				   NO_BUFFER } }).ret, (int64_t)(len * PAGE_SIZE));
}

#define read_from(file, len, ...)					\
	read_on(file, (const uint64_t[]){ __VA_ARGS__ },		\
		sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t), len)

/* Whose stream a mark is not of looks for the first page that is not there; in a
 * folio of several 6.18 miscounts. */
START_TEST(the_mark_of_another_stream_is_counted_from_as_linux_does)
{
	read_from(fd, 1, 0, 1);
	read_from(open_file(), 1, 4);
	expect_cached(0, 20, 21, 92);
	fresh();
	read_from(fd, 1, 0, 1);
	read_from(open_file(), 2, 5);
	expect_cached(0, 20, 21, 100);
}
END_TEST

static void write_from(uint64_t page, uint64_t nr)
{
	static uint8_t bytes[PAGE_SIZE * 48];
	const int64_t file = run_op((struct op){ .code = OP_OPEN, .path = "/f",
		.path_len = 2, .open = { O_RDWR, 0 } }).ret;

	ck_assert_int_eq(run_op((struct op){ .code = OP_PWRITE, .data = bytes,
		.data_len = nr * PAGE_SIZE,
		.pwrite = { file, page * PAGE_SIZE, NO_BUFFER, 0 } }).ret,
			 (int64_t)(nr * PAGE_SIZE));
	run_op((struct op){ .code = OP_FSYNC, .fsync = { file } });
	run_op((struct op){ .code = OP_CLOSE, .close = { file } });
}

START_TEST(what_is_cached_before_it_is_counted_as_linux_does)
{
	write_from(0, 8);
	write_from(8, 16);
	read_from(fd, 1, 24);
	expect_cached(0, 42);
	fresh();
	write_from(16, 32);
	read_from(fd, 1, 48);
	expect_cached(16, 66);
	fresh();
	write_from(48, 48);
	read_from(fd, 3, 96);
	expect_cached(48, 99);
	fresh();
	write_from(40, 24);
	write_from(64, 16);
	read_from(fd, 2, 80);
	expect_cached(40, 82);
}
END_TEST

START_TEST(no_window_leaves_the_file)
{
	read_pages(FILE_PAGES - 4, 1);
	read_pages(FILE_PAGES - 3, 1);
	expect_cached(FILE_PAGES - 4, FILE_PAGES);
}
END_TEST

/* As in a file of seven pages: 0x4000 and 0x5000 read, the mark is on the last. */
START_TEST(a_window_that_the_file_clips_has_its_mark_where_it_was)
{
	static const bool marked[] = { false, false, true };
	uint64_t index = FILE_PAGES - 3;
	pfn_t pfn;

	read_pages(FILE_PAGES - 3, 1);
	read_pages(FILE_PAGES - 2, 1);
	for (unsigned int i = 0; i < 3; i++, index++) {
		ck_assert(mm_file_next_page(sp.m, ino, &index, &pfn));
		ck_assert_uint_eq(index, FILE_PAGES - 3 + i);
		ck_assert_int_eq(page_has(sp.m, pfn, PG_readahead), marked[i]);
	}
}
END_TEST

/* From the first page on that is there the window is one range that ends with the
 * file, and so is its mark: 512 pages before that. */
START_TEST(a_window_goes_round_what_is_there)
{
	uint64_t index = FILE_PAGES - 600;
	pfn_t pfn;

	read_pages(index, 1);
	map_file(PROT_READ, MAP_SHARED, FILE_PAGES - 1024, 1024);
	touch(FILE_PAGES - 700, ACCESS_READ);
	expect_cached(FILE_PAGES - 1724, FILE_PAGES);
	for (; index < FILE_PAGES; index++) {
		ck_assert(mm_file_next_page(sp.m, ino, &index, &pfn));
		ck_assert_int_eq(page_has(sp.m, pfn, PG_readahead),
				 index == FILE_PAGES - 512);
	}
}
END_TEST

/* Four pages from the beginning of a file count twice: ten from the fifth on. */
START_TEST(a_read_goes_by_where_the_one_before_it_ended)
{
	read_at(0, 9);
	read_at(0x37ea, 0x2628);
	expect_cached(0, 14);
}
END_TEST

static void advise(uint32_t advice)
{
	ck_assert_int_eq(run_op((struct op){ .code = OP_MADVISE,
		.madvise = { page_addr(0), FILE_PAGES * PAGE_SIZE,
			     advice } }).ret, 0);
}

START_TEST(a_fault_reads_around_it_and_its_mark_reads_on)
{
	map_file(PROT_READ, MAP_SHARED, 0, FILE_PAGES);
	touch(5000, ACCESS_READ);
	expect_cached(3976, 6024);
	touch(5511, ACCESS_READ);
	expect_cached(3976, 6024);
	touch(5512, ACCESS_READ);
	expect_cached(3976, 8072);
	touch(100, ACCESS_READ);
	expect_cached(0, 2048, 3976, 8072);
}
END_TEST

START_TEST(a_fault_reads_as_the_program_says_it_will)
{
	map_file(PROT_READ, MAP_SHARED, 0, FILE_PAGES);
	advise(MADV_RANDOM);
	touch(5000, ACCESS_READ);
	touch(5001, ACCESS_READ);
	expect_cached(5000, 5002);
	advise(MADV_SEQUENTIAL);
	touch(7000, ACCESS_READ);
	expect_cached(5000, 5002, 7000, 9048);
}
END_TEST

START_TEST(code_is_read_forward_and_within_its_mapping)
{
	map_file(PROT_READ | PROT_EXEC, MAP_PRIVATE, 2000, 1000);
	touch(2010, ACCESS_READ);
	expect_cached(2010, 3000);
}
END_TEST

/* do_sync_mmap_readahead(): it is taken as read at random anyway. */
START_TEST(code_is_read_forward_whatever_the_program_says)
{
	map_file(PROT_READ | PROT_EXEC, MAP_PRIVATE, 2000, 1000);
	ck_assert_int_eq(run_op((struct op){ .code = OP_MADVISE,
		.madvise = { page_addr(2000), 1000 * PAGE_SIZE,
			     MADV_RANDOM } }).ret, 0);
	touch(2010, ACCESS_READ);
	expect_cached(2010, 3000);
}
END_TEST

/* A store to a private mapping finds nothing by looking around it. */
START_TEST(a_file_that_is_missed_a_hundred_times_is_read_page_by_page)
{
	map_file(RW, MAP_PRIVATE, 8000, 1);
	for (int miss = 1; miss <= 101; miss++) {
		touch(8000, ACCESS_WRITE);
		if (miss <= 100)
			expect_cached(6976, 9024);
		else
			expect_cached(8000, 8001);
		run_op((struct op){ .code = OP_MADVISE, .madvise = {
			page_addr(0) + 8000 * PAGE_SIZE, PAGE_SIZE,
			MADV_DONTNEED } });
		space_sysctl(&sp, SYSCTL_drop_caches, 1);
	}
}
END_TEST

START_TEST(a_pipe_reads_ahead_as_a_program_does)
{
	static const uint64_t pages[] = { 0, 1, 300, 302 };
	struct op_result pipe = run_op((struct op){ .code = OP_PIPE });

	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(run_op((struct op){ .code = OP_SPLICE,
			.splice = { fd, (int64_t)(pages[i] * PAGE_SIZE),
				    pipe.fds[1], NO_OFFSET, PAGE_SIZE, 0 } }).ret,
				 PAGE_SIZE);
	expect_cached(0, 20, 300, 301, 302, 306);
}
END_TEST

START_TEST(a_pipe_asks_for_what_it_has_room_for)
{
	const struct op_result pipe = run_op((struct op){ .code = OP_PIPE });

	ck_assert_int_eq(run_op((struct op){ .code = OP_SPLICE,
		.splice = { fd, 0, pipe.fds[1], NO_OFFSET, 1 << 20, 0 } }).ret,
			 16 * PAGE_SIZE);
	expect_cached(0, 64);
}
END_TEST

START_TEST(without_a_window_one_page_is_read)
{
	space_sysctl(&sp, SYSCTL_read_ahead_kb, 0);
	fresh();
	read_pages(0, 1);
	read_pages(1, 1);
	expect_cached(0, 2);
	map_file(PROT_READ, MAP_SHARED, 0, FILE_PAGES);
	touch(9, ACCESS_READ);
	expect_cached(0, 2, 9, 10);
}
END_TEST

Suite *suite_readahead(void);
Suite *suite_readahead(void)
{
	Suite *suite = suite_create("readahead");
	TCase *tc = tcase_create("windows");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_first_window_grows_with_what_is_asked_for);
	tcase_add_test(tc, the_mark_brings_the_next_window_which_is_larger);
	tcase_add_test(tc, a_window_is_never_larger_than_the_largest);
	tcase_add_test(tc, a_step_further_than_last_time_is_the_beginning_of_a_stream);
	tcase_add_test(tc, what_is_cached_before_it_tells_of_a_stream);
	tcase_add_test(tc, the_mark_of_another_stream_is_counted_from_as_linux_does);
	tcase_add_test(tc, what_is_cached_before_it_is_counted_as_linux_does);
	tcase_add_test(tc, no_window_leaves_the_file);
	tcase_add_test(tc, a_window_that_the_file_clips_has_its_mark_where_it_was);
	tcase_add_test(tc, a_window_goes_round_what_is_there);
	tcase_add_test(tc, a_read_goes_by_where_the_one_before_it_ended);
	tcase_add_test(tc, a_fault_reads_around_it_and_its_mark_reads_on);
	tcase_add_test(tc, a_fault_reads_as_the_program_says_it_will);
	tcase_add_test(tc, code_is_read_forward_and_within_its_mapping);
	tcase_add_test(tc, code_is_read_forward_whatever_the_program_says);
	tcase_add_test(tc, a_file_that_is_missed_a_hundred_times_is_read_page_by_page);
	tcase_add_test(tc, a_pipe_reads_ahead_as_a_program_does);
	tcase_add_test(tc, a_pipe_asks_for_what_it_has_room_for);
	tcase_add_test(tc, without_a_window_one_page_is_read);
	suite_add_tcase(suite, tc);
	return suite;
}
