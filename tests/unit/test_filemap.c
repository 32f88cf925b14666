/* SPDX-License-Identifier: MIT */
/*
 * The page cache of the disk's files: what a read, a write, a fault, a truncate
 * and who drops caches do to its pages. Where something is surprising, so it is
 * with the same calls on Linux 6.18 and ext4. Windows: test_readahead.c. When
 * dirty pages reach the disk: test_writeback.c.
 */
#include <check.h>

#include "mmcore/arch/arch.h"
#include "mmcore/fs/disk.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/page_alloc.h"
#include "tests/lib/files.h"

#define FILE_PAGES 40

static struct space sp;
static uint64_t ino;
static int64_t fd;

static void setup(void)
{
	space_open(&sp);
	ino = fs_make(&sp, "/f", FILE_PAGES * PAGE_SIZE,
			FILE_PAGES * PAGE_SIZE, 1);
	fd = fs_open(&sp, "/f", O_RDWR);
	ck_assert_int_ge(fd, 0);
}

static void teardown(void)
{
	host_check(sp.m);
	space_close(&sp);
}

static struct op_result touch(uint64_t addr, enum access_kind kind)
{
	return fs_op(&sp, (struct op){ .code = OP_MEM_TOUCH,
					 .mem_touch = { addr, 1, kind } });
}

static void store(unsigned int n, uint8_t byte)
{
	host_store(sp.m, sp.pid, page_addr(n), byte);
}

static uint8_t load(unsigned int n)
{
	return host_load(sp.m, sp.pid, page_addr(n));
}

/* ---- read ---- */

START_TEST(a_read_ends_where_the_file_does)
{
	const uint64_t end = FILE_PAGES * PAGE_SIZE;

	ck_assert_int_eq(fs_read(&sp, fd, end - 10, 100), 10);
	ck_assert_int_eq(fs_read(&sp, fd, end, 100), 0);
	ck_assert_int_eq(fs_read(&sp, fd, end + PAGE_SIZE, 100), 0);
	ck_assert_int_eq(fs_read(&sp, fd, end + 5, 0), 0);
	ck_assert_uint_eq(fs_page(&sp, ino, FILE_PAGES + 1), 0);
}
END_TEST

/* Reading on in a page is one use of it; coming back to it is another. */
/* ext4's: what replaces a file's bytes reaches the disk with the first close. */
START_TEST(closing_a_file_that_was_emptied_writes_it)
{
	ck_assert_int_eq(fs_truncate(&sp, fd, 0), 0);
	fs_write(&sp, fd, 0, 100, 7);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 1);
	fs_op(&sp, (struct op){ .code = OP_CLOSE, .close = { fd } });
	ck_assert_uint_eq(fs_nr_dirty(&sp), 0);
	ck_assert_uint_eq(fs_disk_byte(&sp, ino, 0), 7);
	fd = fs_open(&sp, "/f", O_RDWR);
	fs_write(&sp, fd, 0, 100, 8);
	fs_op(&sp, (struct op){ .code = OP_CLOSE, .close = { fd } });
	ck_assert_uint_eq(fs_nr_dirty(&sp), 1);
}
END_TEST

START_TEST(a_file_that_grows_has_its_tail_in_memory_but_nobody_can_tell)
{
	pfn_t tail;

	ck_assert_int_eq(fs_truncate(&sp, fd, 100), 0);
	fs_sync(&sp, fd);
	fs_drop_caches(&sp);
	ck_assert_uint_eq(fs_page(&sp, ino, 0), 0);
	ck_assert_int_eq(fs_truncate(&sp, fd, 3 * PAGE_SIZE), 0);
	tail = fs_page(&sp, ino, 0);
	ck_assert_uint_ne(tail, 0);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 1);
	ck_assert(!page_has(sp.m, tail, PG_uptodate));
	ck_assert_uint_eq(fs_byte(&sp, fd, 99), 1);
	ck_assert_uint_eq(fs_byte(&sp, fd, 100), 0);
	ck_assert(page_has(sp.m, tail, PG_uptodate));
}
END_TEST

START_TEST(a_map_that_must_be_synchronous_needs_memory_for_a_disk)
{
	const struct op op = { .code = OP_MMAP,
		.mmap = { 0, PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_SYNC, fd, 0 } };

	ck_assert_int_eq(fs_op(&sp, op).ret, -EOPNOTSUPP);
}
END_TEST

START_TEST(a_page_used_twice_is_active)
{
	const uint64_t flags[] = { 1ULL << PG_referenced, 1ULL << PG_active };
	pfn_t pfn;

	fs_read(&sp, fd, 0, 100);
	pfn = fs_page(&sp, ino, 0);
	ck_assert_uint_eq(page_at(sp.m, pfn)->flags & (flags[0] | flags[1]),
			  flags[0]);
	fs_read(&sp, fd, 100, 100);
	ck_assert_uint_eq(page_at(sp.m, pfn)->flags & (flags[0] | flags[1]),
			  flags[0]);
	fs_read(&sp, fd, PAGE_SIZE, 100);
	fs_read(&sp, fd, 0, 100);
	ck_assert_uint_eq(page_at(sp.m, pfn)->flags & (flags[0] | flags[1]),
			  flags[1]);
}
END_TEST

/* ---- write ---- */

/* On no list that would order it by use. */
START_TEST(a_locked_page_stays_referenced)
{
	pfn_t pfn;

	fs_map(&sp, 0, 1, PROT_READ, MAP_SHARED, fd, 0);
	touch(page_addr(0), ACCESS_READ);
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_MLOCK,
		.mlock = { page_addr(0), PAGE_SIZE } }).ret, 0);
	for (int i = 0; i < 3; i++)
		fs_read(&sp, fs_open(&sp, "/f", O_RDONLY), 0, 1);
	pfn = fs_page(&sp, ino, 0);
	ck_assert(page_has(sp.m, pfn, PG_referenced));
	ck_assert(!page_has(sp.m, pfn, PG_active));
}
END_TEST

START_TEST(a_write_of_a_part_keeps_the_rest_of_the_page)
{
	ck_assert_int_eq(fs_write(&sp, fd, 100, 10, 2), 10);
	ck_assert_uint_eq(fs_byte(&sp, fd, 99), 1);
	ck_assert_uint_eq(fs_byte(&sp, fd, 100), 2);
	ck_assert_uint_eq(fs_byte(&sp, fd, 110), 1);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 1);
	ck_assert_uint_eq(mm_file_info(sp.m, ino).size, FILE_PAGES * PAGE_SIZE);
}
END_TEST

/* What a program stored behind the end of the file is not part of it. */
START_TEST(a_write_behind_the_end_finds_zeros_before_it)
{
	ck_assert_int_eq(fs_truncate(&sp, fd, 100), 0);
	fs_map(&sp, 0, 1, RW, MAP_SHARED, fd, 0);
	host_store(sp.m, sp.pid, page_addr(0) + 200, 9);
	ck_assert_int_eq(fs_write(&sp, fd, 300, 1, 2), 1);
	ck_assert_uint_eq(fs_byte(&sp, fd, 99), 1);
	ck_assert_uint_eq(fs_byte(&sp, fd, 200), 0);
	ck_assert_uint_eq(fs_byte(&sp, fd, 300), 2);
	/* The same where the write is far behind. */
	host_store(sp.m, sp.pid, page_addr(0) + 400, 9);
	ck_assert_int_eq(fs_write(&sp, fd, 2 * PAGE_SIZE, 1, 3), 1);
	ck_assert_uint_eq(fs_byte(&sp, fd, 400), 0);
}
END_TEST

static int64_t write_from(uint64_t at, unsigned int n, uint64_t count)
{
	return fs_op(&sp, (struct op){ .code = OP_PWRITE,
		.pwrite = { fd, at, page_addr(n), count } }).ret;
}

/*
 * ext4: the file has grown to where the write would have been, and has a block
 * there; the page of that block, zeros, is to be written.
 */
START_TEST(a_write_from_nowhere_writes_zeros)
{
	ck_assert_int_eq(fs_truncate(&sp, fd, 100), 0);
	fs_sync(&sp, fd);
	ck_assert_int_eq(write_from(0, 0, PAGE_SIZE), -EFAULT);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 0);
	ck_assert_int_eq(write_from(3 * PAGE_SIZE, 0, PAGE_SIZE), -EFAULT);
	ck_assert_uint_eq(mm_file_info(sp.m, ino).size, 3 * PAGE_SIZE);
	ck_assert_uint_eq(mm_file_info(sp.m, ino).blocks,
			  disk_blocks_for(4) - 2);
	ck_assert_uint_ne(fs_page(&sp, ino, 3), 0);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 2);	/* and the old tail, zeroed */
	host_check(sp.m);
	ck_assert_uint_eq(fs_byte(&sp, fd, 3 * PAGE_SIZE - 1), 0);
	fs_sync(&sp, fd);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 0);
}
END_TEST

/* A folio of four pages was prepared before the second page's bytes failed. */
START_TEST(a_write_that_fails_half_way_has_blocks_for_its_folio)
{
	space_map(&sp, 0, 1, RW);
	store(0, 7);
	ck_assert_int_eq(fs_truncate(&sp, fd, 0), 0);
	ck_assert_int_eq(write_from(0, 0, 4 * PAGE_SIZE), PAGE_SIZE);
	ck_assert_uint_eq(mm_file_info(sp.m, ino).size, PAGE_SIZE);
	ck_assert_uint_eq(mm_file_info(sp.m, ino).blocks, disk_blocks_for(4));
	ck_assert_uint_eq(fs_byte(&sp, fd, 0), 7);
}
END_TEST

START_TEST(a_page_that_comes_from_a_pipe_is_dirty)
{
	const struct op_result pipe = fs_op(&sp, (struct op){ .code = OP_PIPE });

	ck_assert_int_eq(fs_truncate(&sp, fd, 0), 0);
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_SPLICE,
		.splice = { pipe.fds[0], NO_OFFSET, fd, 0, PAGE_SIZE,
			    SPLICE_F_NONBLOCK } }).ret, -EAGAIN);
	space_map(&sp, 0, 1, RW);
	store(0, 6);
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_WRITE,
		.write = { pipe.fds[1], page_addr(0), PAGE_SIZE } }).ret,
			 PAGE_SIZE);
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_SPLICE,
		.splice = { pipe.fds[0], NO_OFFSET, fd, 0, PAGE_SIZE,
			    SPLICE_F_MOVE } }).ret, PAGE_SIZE);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 1);
	fs_sync(&sp, fd);
	ck_assert_uint_eq(fs_disk_byte(&sp, ino, 0), 6);
	fs_drop_caches(&sp);
	ck_assert_uint_eq(fs_byte(&sp, fd, 0), 6);
}
END_TEST

/* Whose blocks were looked up one by one as it was written does not know it. */
START_TEST(a_page_that_was_read_knows_its_block)
{
	const uint64_t mapped_to_disk = 1ULL << PG_mappedtodisk;

	fs_read(&sp, fd, 0, 1);
	ck_assert(page_at(sp.m, fs_page(&sp, ino, 0))->flags & mapped_to_disk);
	ck_assert_int_eq(fs_truncate(&sp, fd, 0), 0);
	fs_write(&sp, fd, 0, PAGE_SIZE, 2);
	fs_sync(&sp, fd);
	ck_assert(!(page_at(sp.m, fs_page(&sp, ino, 0))->flags & mapped_to_disk));
	fs_drop_caches(&sp);
	fs_read(&sp, fd, 0, 1);
	ck_assert(page_at(sp.m, fs_page(&sp, ino, 0))->flags & mapped_to_disk);
}
END_TEST

/* ---- truncate ---- */

START_TEST(what_is_cut_off_is_no_longer_dirty)
{
	for (uint64_t i = 0; i < 4; i++)	/* folios of one page each */
		fs_write(&sp, fd, i * PAGE_SIZE, PAGE_SIZE, 2);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 4);
	ck_assert_int_eq(fs_truncate(&sp, fd, 2 * PAGE_SIZE), 0);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 2);
	ck_assert_uint_eq(fs_page(&sp, ino, 2), 0);
	ck_assert_uint_ne(fs_page(&sp, ino, 1), 0);
	host_check(sp.m);
	ck_assert_int_eq(fs_truncate(&sp, fd, 0), 0);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 0);
}
END_TEST

START_TEST(the_last_page_keeps_only_what_the_file_keeps)
{
	fs_map(&sp, 0, 4, RW, MAP_SHARED, fd, 0);
	touch(page_addr(1), ACCESS_READ);
	ck_assert_int_eq(fs_truncate(&sp, fd, PAGE_SIZE + 100), 0);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(1) + 99), 1);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(1) + 100), 0);
	fs_sync(&sp, fd);
	ck_assert_uint_eq(fs_disk_byte(&sp, ino, PAGE_SIZE + 99), 1);
	ck_assert_uint_eq(fs_disk_byte(&sp, ino, PAGE_SIZE + 100), 0);
}
END_TEST

/* A truncate takes private copies, too; a hole leaves them. */
START_TEST(private_copies_go_with_the_end_and_survive_a_hole)
{
	fs_map(&sp, 0, 4, RW, MAP_SHARED, fd, 0);
	fs_map(&sp, 8, 4, RW, MAP_PRIVATE, fd, 0);
	store(9, 7);
	store(11, 8);
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_MADVISE,
		.madvise = { page_addr(0), 3 * PAGE_SIZE, MADV_REMOVE } }).ret, 0);
	ck_assert_uint_eq(load(1), 0);
	ck_assert_uint_eq(load(8), 0);
	ck_assert_uint_eq(load(9), 7);
	ck_assert_int_eq(fs_truncate(&sp, fd, 3 * PAGE_SIZE), 0);
	ck_assert_int_eq(touch(page_addr(11), ACCESS_READ).signo, SIGBUS);
	ck_assert_int_eq(fs_truncate(&sp, fd, 4 * PAGE_SIZE), 0);
	ck_assert_uint_eq(load(11), 0);
	ck_assert_uint_eq(load(9), 7);
	/* The end within a page takes no copy of that page. */
	store(10, 9);
	ck_assert_int_eq(fs_truncate(&sp, fd, 3 * PAGE_SIZE - 100), 0);
	ck_assert_uint_eq(load(10), 9);
}
END_TEST

/* ---- who stays when caches are dropped ---- */

START_TEST(dropping_caches_leaves_what_is_used_or_dirty)
{
	const struct op_result pipe = fs_op(&sp, (struct op){ .code = OP_PIPE });

	fs_read(&sp, fd, 0, 8 * PAGE_SIZE);
	fs_write(&sp, fd, 0, 1, 2);
	fs_map(&sp, 0, 1, PROT_READ, MAP_SHARED, fd, 2);
	touch(page_addr(0), ACCESS_READ);
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_SPLICE,
		.splice = { fd, 4 * PAGE_SIZE, pipe.fds[1], NO_OFFSET,
			    PAGE_SIZE, 0 } }).ret, PAGE_SIZE);
	fs_drop_caches(&sp);
	for (uint64_t index = 0; index < FILE_PAGES; index++)
		ck_assert_int_eq(fs_page(&sp, ino, index) != 0,
				 index == 0 || index == 2 || index == 4);
	ck_assert_uint_eq(fs_byte(&sp, fd, 0), 2);
	fs_sync(&sp, fd);
	fs_drop_caches(&sp);
	ck_assert_uint_eq(fs_page(&sp, ino, 0), 0);
}
END_TEST

/* ---- faults ---- */

START_TEST(behind_the_last_page_is_a_bus_error)
{
	struct op_result res;

	ck_assert_int_eq(fs_truncate(&sp, fd, 3 * PAGE_SIZE + 1), 0);
	fs_map(&sp, 0, 6, RW, MAP_SHARED, fd, 0);
	fs_map(&sp, 8, 6, RW, MAP_PRIVATE, fd, 0);
	for (unsigned int n = 0; n <= 8; n += 8)
		for (enum access_kind kind = ACCESS_READ; kind <= ACCESS_WRITE;
		     kind++) {
			ck_assert_int_eq(touch(page_addr(n + 3) + 4095, kind)
						 .outcome, OUT_OK);
			res = touch(page_addr(n + 4), kind);
			ck_assert_int_eq(res.outcome, OUT_SIGNAL);
			ck_assert_int_eq(res.signo, SIGBUS);
			ck_assert_int_eq(res.si_code, BUS_ADRERR);
		}
}
END_TEST

static unsigned int mapped(unsigned int from, unsigned int to)
{
	unsigned int nr = 0;

	for (unsigned int n = from; n < to; n++)
		nr += space_page(&sp, n).present;
	return nr;
}

/* A fault maps sixteen pages around it that are there, and no others. */
START_TEST(pages_around_a_fault_are_mapped_within_the_mapping)
{
	fs_read(&sp, fd, 0, FILE_PAGES * PAGE_SIZE);
	fs_map(&sp, 2, FILE_PAGES - 2, PROT_READ, MAP_SHARED, fd, 2);
	touch(page_addr(5), ACCESS_READ);
	ck_assert_uint_eq(mapped(0, 2), 0);
	ck_assert_uint_eq(mapped(2, 18), 16);
	ck_assert_uint_eq(mapped(18, FILE_PAGES), 0);
	touch(page_addr(33), ACCESS_READ);
	ck_assert_uint_eq(mapped(18, 32), 0);
	ck_assert_uint_eq(mapped(32, FILE_PAGES), FILE_PAGES - 32);
	ck_assert_uint_eq(mapped(FILE_PAGES, ARENA_PAGES), 0);
	/* Stores stay faults: each page has to be told that it is dirty. */
	ck_assert(!space_page(&sp, 5).writable);
}
END_TEST

/* The window is of the entries of one table. */
START_TEST(pages_around_a_fault_are_of_one_table)
{
	const struct arch *a = sp.m->arch;
	const uint64_t span = 1ULL << a->level[a->nr_levels - 2].shift;
	const uint64_t at = ((page_addr(0) + span) & ~(span - 1)) -
			    3 * PAGE_SIZE;

	fs_read(&sp, fd, 0, FILE_PAGES * PAGE_SIZE);
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_MMAP,
		.mmap = { at, 16 * PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED,
			  fd, 0 } }).ret, (int64_t)at);
	touch(at + PAGE_SIZE, ACCESS_READ);
	ck_assert_uint_eq(space_mm(&sp)->_file_rss, 3);
	touch(at + 3 * PAGE_SIZE, ACCESS_READ);
	ck_assert_uint_eq(space_mm(&sp)->_file_rss, 16);
}
END_TEST

START_TEST(a_fault_that_reads_is_major_and_one_that_meets_the_mark_is_not)
{
	const uint64_t window = 32, mark = window - window / 4;
	struct op_result res;

	ck_assert_uint_eq(kernel_at(sp.m)->read_ahead_kb, window * 4);
	fs_map(&sp, 0, FILE_PAGES, PROT_READ, MAP_SHARED, fd, 0);
	res = touch(page_addr(0), ACCESS_READ);
	ck_assert_uint_eq(res.major, 1);
	ck_assert_uint_eq(res.minor, 0);
	ck_assert_uint_eq(mapped(0, 16), 16);
	res = touch(page_addr(16), ACCESS_READ);
	ck_assert_uint_eq(res.minor, 1);
	/* Not mapped with its neighbours: it has to be met. */
	ck_assert_uint_eq(mapped(16, 32), 15);
	ck_assert(!space_page(&sp, (unsigned int)mark).present);
	res = touch(page_addr((unsigned int)mark), ACCESS_READ);
	ck_assert_uint_eq(res.minor, 1);
	ck_assert_uint_ne(fs_page(&sp, ino, FILE_PAGES - 1), 0);
	ck_assert_uint_eq(kernel_at(sp.m)->pgmajfault, 1);
}
END_TEST

START_TEST(a_store_makes_the_page_dirty_whichever_fault_maps_it)
{
	fs_map(&sp, 0, 4, RW, MAP_SHARED, fd, 0);
	store(0, 2);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 1);
	touch(page_addr(1), ACCESS_READ);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 1);
	store(1, 3);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 2);
	fs_sync(&sp, fd);
	ck_assert_uint_eq(fs_disk_byte(&sp, ino, 0), 2);
	ck_assert_uint_eq(fs_disk_byte(&sp, ino, PAGE_SIZE), 3);
	store(1, 4);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 1);
}
END_TEST

Suite *suite_filemap(void);
Suite *suite_filemap(void)
{
	Suite *suite = suite_create("filemap");
	TCase *tc = tcase_create("pages");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_read_ends_where_the_file_does);
	tcase_add_test(tc, a_page_used_twice_is_active);
	tcase_add_test(tc, a_locked_page_stays_referenced);
	tcase_add_test(tc, a_write_of_a_part_keeps_the_rest_of_the_page);
	tcase_add_test(tc, a_write_behind_the_end_finds_zeros_before_it);
	tcase_add_test(tc, a_write_from_nowhere_writes_zeros);
	tcase_add_test(tc, closing_a_file_that_was_emptied_writes_it);
	tcase_add_test(tc, a_file_that_grows_has_its_tail_in_memory_but_nobody_can_tell);
	tcase_add_test(tc, a_map_that_must_be_synchronous_needs_memory_for_a_disk);
	tcase_add_test(tc, a_write_that_fails_half_way_has_blocks_for_its_folio);
	tcase_add_test(tc, a_page_that_comes_from_a_pipe_is_dirty);
	tcase_add_test(tc, a_page_that_was_read_knows_its_block);
	tcase_add_test(tc, what_is_cut_off_is_no_longer_dirty);
	tcase_add_test(tc, the_last_page_keeps_only_what_the_file_keeps);
	tcase_add_test(tc, private_copies_go_with_the_end_and_survive_a_hole);
	tcase_add_test(tc, dropping_caches_leaves_what_is_used_or_dirty);
	tcase_add_test(tc, behind_the_last_page_is_a_bus_error);
	tcase_add_test(tc, pages_around_a_fault_are_mapped_within_the_mapping);
	tcase_add_test(tc, pages_around_a_fault_are_of_one_table);
	tcase_add_test(tc, a_fault_that_reads_is_major_and_one_that_meets_the_mark_is_not);
	tcase_add_test(tc, a_store_makes_the_page_dirty_whichever_fault_maps_it);
	suite_add_tcase(suite, tc);
	return suite;
}
