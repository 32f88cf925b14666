/* SPDX-License-Identifier: MIT */
/*
 * msync of mappings of a disk's file: which pages are on the disk afterwards,
 * byte by byte, and which still wait. Shared memory, holes and the order of
 * checks: test_mlock.c.
 */
#include <check.h>
#include <string.h>

#include "mmcore/fs/disk.h"
#include "tests/lib/space.h"

#define FILE_PAGES 8
/* The file lies at page @n of the arena, page for page. */
#define AT 4

static struct space sp;
static uint64_t ino;
static int64_t fd;

static struct op_result run_op(struct op op)
{
	op.pid = sp.pid;
	return host_run(sp.m, &op);
}

static int64_t open_file(uint64_t flags)
{
	return run_op((struct op){ .code = OP_OPEN, .path = "/f", .path_len = 2,
				   .open = { flags, 0 } }).ret;
}

static void setup(void)
{
	space_open(&sp);
	run_op((struct op){ .code = OP_FILE_CREATE, .path = "/f", .path_len = 2,
		.file_create = { FILE_PAGES * PAGE_SIZE, 0644, false } });
	ino = (uint64_t)mm_file_find(sp.m, "/f", 2);
	fd = open_file(O_RDWR);
	ck_assert_int_ge(fd, 0);
}

static void teardown(void)
{
	space_close(&sp);
}

static void map(uint64_t flags)
{
	ck_assert_int_eq(run_op((struct op){ .code = OP_MMAP,
		.mmap = { page_addr(AT), FILE_PAGES * PAGE_SIZE, RW,
			  flags | MAP_FIXED, fd, 0 } }).ret,
			 (int64_t)page_addr(AT));
}

static void store(unsigned int page, uint8_t byte)
{
	host_store(sp.m, sp.pid, page_addr(AT + page), byte);
}

static int64_t sync_range(unsigned int page, unsigned int pages, uint64_t flags)
{
	return run_op((struct op){ .code = OP_MSYNC,
		.msync = { page_addr(AT + page), pages * PAGE_SIZE,
			   flags } }).ret;
}

/* The first byte of a page as the disk has it: 0 where it has none. */
static uint8_t on_disk(unsigned int page)
{
	const uint64_t block = disk_bmap(sp.m, ino, page);

	return block ? *(const uint8_t *)disk_at(sp.m, block) : 0;
}

static uint64_t nr_dirty(void)
{
	return kernel_at(sp.m)->nr_dirty;
}

START_TEST(sync_writes_the_pages_of_the_range_and_no_others)
{
	map(MAP_SHARED);
	for (unsigned int page = 0; page < FILE_PAGES; page++)
		store(page, (uint8_t)(10 + page));
	ck_assert_uint_eq(nr_dirty(), FILE_PAGES);
	ck_assert_int_eq(sync_range(2, 3, MS_SYNC), 0);
	for (unsigned int page = 0; page < FILE_PAGES; page++)
		ck_assert_uint_eq(on_disk(page),
				  page >= 2 && page < 5 ? 10 + page : 0);
	ck_assert_uint_eq(nr_dirty(), FILE_PAGES - 3);
	/* A store after that makes the page dirty again. */
	store(3, 99);
	ck_assert_uint_eq(nr_dirty(), FILE_PAGES - 2);
	ck_assert_uint_eq(on_disk(3), 13);
	ck_assert_int_eq(sync_range(3, 1, MS_SYNC | MS_INVALIDATE), 0);
	ck_assert_uint_eq(on_disk(3), 99);
}
END_TEST

START_TEST(what_is_not_a_sync_of_a_shared_mapping_writes_nothing)
{
	map(MAP_SHARED);
	store(0, 7);
	ck_assert_int_eq(sync_range(0, 1, MS_ASYNC), 0);
	ck_assert_int_eq(sync_range(0, 1, MS_INVALIDATE), 0);
	ck_assert_int_eq(sync_range(0, 1, 0), 0);
	ck_assert_uint_eq(on_disk(0), 0);
	/* The file's dirty page is not this private mapping's to write. */
	map(MAP_PRIVATE);
	store(1, 8);
	ck_assert_int_eq(sync_range(0, FILE_PAGES, MS_SYNC), 0);
	ck_assert_uint_eq(on_disk(0), 0);
	ck_assert_uint_eq(on_disk(1), 0);
	ck_assert_uint_eq(nr_dirty(), 1);
}
END_TEST

/* Opened for reading, MAP_SHARED is without VM_SHARED: do_mmap(), 6.18. */
START_TEST(a_mapping_that_cannot_be_written_writes_nothing)
{
	const int64_t writer = fd;

	run_op((struct op){ .code = OP_PWRITE, .data = (const uint8_t *)"w",
		.data_len = 1, .pwrite = { writer, 0, NO_BUFFER, 0 } });
	fd = open_file(O_RDONLY);
	ck_assert_int_eq(run_op((struct op){ .code = OP_MMAP,
		.mmap = { page_addr(AT), PAGE_SIZE, PROT_READ,
			  MAP_SHARED | MAP_FIXED, fd, 0 } }).ret,
			 (int64_t)page_addr(AT));
	ck_assert_int_eq(sync_range(0, 1, MS_SYNC), 0);
	ck_assert_uint_eq(on_disk(0), 0);
	ck_assert_uint_eq(nr_dirty(), 1);
}
END_TEST

/* The hole is told at the end, what is mapped is written all the same. */
START_TEST(a_hole_does_not_keep_the_rest_from_the_disk)
{
	map(MAP_SHARED);
	store(0, 5);
	store(4, 6);
	ck_assert_int_eq(space_unmap(&sp, AT + 1, 2), 0);
	ck_assert_int_eq(sync_range(0, FILE_PAGES, MS_SYNC), -ENOMEM);
	ck_assert_uint_eq(on_disk(0), 5);
	ck_assert_uint_eq(on_disk(4), 6);
	/* From inside the hole on: the first VMA's first page counts. */
	store(3, 77);
	ck_assert_int_eq(sync_range(1, 3, MS_SYNC), -ENOMEM);
	ck_assert_uint_eq(on_disk(3), 77);
	store(3, 78);
	store(4, 79);
	ck_assert_int_eq(sync_range(2, 2, MS_SYNC), -ENOMEM);
	ck_assert_uint_eq(on_disk(3), 78);
	ck_assert_uint_eq(on_disk(4), 6);
}
END_TEST

Suite *suite_msync(void);
Suite *suite_msync(void)
{
	Suite *suite = suite_create("msync");
	TCase *tc = tcase_create("files");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, sync_writes_the_pages_of_the_range_and_no_others);
	tcase_add_test(tc, what_is_not_a_sync_of_a_shared_mapping_writes_nothing);
	tcase_add_test(tc, a_mapping_that_cannot_be_written_writes_nothing);
	tcase_add_test(tc, a_hole_does_not_keep_the_rest_from_the_disk);
	suite_add_tcase(suite, tc);
	return suite;
}
