/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and memfds: bytes against an array, mappings against read and
 * write, sizes against what may be touched. The numbers in braces are the facts
 * of Linux 6.18 that a test repeats.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/mm/filemap.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/space.h"

#define ROOM (8 * PAGE_SIZE)

static struct space sp;
static uint8_t bytes[ROOM];

static void setup(void)
{
	space_open(&sp);
}

static void teardown(void)
{
	space_close(&sp);
}

static struct op_result run_op(struct op op)
{
	op.pid = sp.pid;
	op.buf = bytes;
	return host_run(sp.m, &op);
}

static int64_t memfd(const char *name)
{
	struct op op = { .code = OP_MEMFD_CREATE };

	strncpy(op.memfd_create.name, name, sizeof(op.memfd_create.name) - 1);
	return run_op(op).ret;
}

static int64_t close_fd(int64_t fd)
{
	return run_op((struct op){ .code = OP_CLOSE, .close = { fd } }).ret;
}

static int64_t truncate_fd(int64_t fd, uint64_t len)
{
	return run_op((struct op){ .code = OP_FTRUNCATE,
				   .ftruncate = { fd, len } }).ret;
}

static int64_t seek(int64_t fd, int64_t offset, uint32_t whence)
{
	return run_op((struct op){ .code = OP_LSEEK,
		.lseek = { fd, (uint64_t)offset, whence } }).ret;
}

static int64_t pwrite_fd(int64_t fd, const void *data, size_t len,
			 uint64_t offset)
{
	return run_op((struct op){ .code = OP_PWRITE,
		.pwrite = { fd, offset, NO_BUFFER, 0 },
		.data = data, .data_len = len }).ret;
}

static int64_t pread_fd(int64_t fd, uint64_t count, uint64_t offset)
{
	return run_op((struct op){ .code = OP_PREAD,
		.pread = { fd, count, offset, NO_BUFFER } }).ret;
}

static int64_t map_fd(unsigned int n, unsigned int pages, uint64_t flags,
		      int64_t fd)
{
	return run_op((struct op){ .code = OP_MMAP,
		.mmap = { page_addr(n), pages * PAGE_SIZE, RW,
			  flags | MAP_FIXED, fd, 0 } }).ret;
}

static struct op_result touch(unsigned int n, enum access_kind kind)
{
	return host_touch(sp.m, sp.pid, page_addr(n), 1, kind);
}

static uint32_t below(uint64_t *chance, uint32_t n)
{
	*chance = *chance * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*chance >> 33) % n;
}

START_TEST(reads_and_writes_are_those_of_a_growing_array)
{
	static uint8_t array[ROOM];
	const int64_t fd = memfd("array");
	uint64_t chance = 3, size = 0;

	memset(array, 0, sizeof(array));
	for (int i = 0; i < 600; i++) {
		uint64_t at = below(&chance, ROOM), len = below(&chance, 9000);
		uint64_t want;

		if (len > ROOM - at)
			len = ROOM - at;
		switch (below(&chance, 4)) {
		case 0:
			ck_assert_int_eq(truncate_fd(fd, at), 0);
			if (at < size)
				memset(array + at, 0, size - at);
			size = at;
			break;
		case 1:
			memset(bytes, i, len);
			ck_assert_int_eq(pwrite_fd(fd, bytes, len, at),
					 (int64_t)len);
			memset(array + at, i, len);
			if (len && at + len > size)
				size = at + len;
			break;
		default:
			want = at >= size ? 0
			     : len < size - at ? len : size - at;
			ck_assert_int_eq(pread_fd(fd, len, at), (int64_t)want);
			ck_assert_mem_eq(bytes, array + at, want);
		}
		ck_assert_int_eq(seek(fd, 0, SEEK_END), (int64_t)size);
	}
	ck_assert_int_eq(close_fd(fd), 0);
	ck_assert_uint_eq(kernel_at(sp.m)->nr_shmem, 0);
}
END_TEST

START_TEST(the_lowest_free_number_is_given)
{
	ck_assert_int_eq(memfd("a"), 3);
	ck_assert_int_eq(memfd("b"), 4);
	ck_assert_int_eq(close_fd(3), 0);
	ck_assert_int_eq(close_fd(3), -EBADF);
	ck_assert_int_eq(run_op((struct op){ .code = OP_DUP,
					     .dup = { 4 } }).ret, 3);
	ck_assert_int_eq(close_fd(-1), -EBADF);
	ck_assert_int_eq(close_fd(1 << 30), -EBADF);
	host_setrlimit(sp.m, sp.pid, RLIMIT_NOFILE, 5);
	ck_assert_int_eq(memfd("c"), -EMFILE);
}
END_TEST

START_TEST(a_name_has_its_limit_and_is_shown)
{
	char name[256];
	char *maps;

	memset(name, 'n', sizeof(name));
	name[250] = '\0';
	ck_assert_int_eq(memfd(name), -EINVAL);
	name[249] = '\0';
	ck_assert_int_eq(memfd(name), 3);
	ck_assert_int_eq(memfd(""), 4);
	truncate_fd(4, PAGE_SIZE);
	map_fd(0, 1, MAP_SHARED, 4);
	maps = host_proc(sp.m, "/proc/1/maps");
	ck_assert_ptr_nonnull(strstr(maps, " /memfd: (deleted)\n"));
	free(maps);
}
END_TEST

START_TEST(a_dup_shares_the_position_and_a_fork_as_well)
{
	const int64_t fd = memfd("shared");
	struct op op = { .code = OP_DUP, .dup = { fd } };
	uint32_t child;

	pwrite_fd(fd, "0123456789", 10, 0);
	ck_assert_int_eq(run_op(op).ret, 4);
	ck_assert_int_eq(seek(fd, 3, SEEK_SET), 3);
	ck_assert_int_eq(seek(4, 0, SEEK_CUR), 3);
	child = (uint32_t)host_fork(sp.m, sp.pid, 0);
	op = (struct op){ .code = OP_READ, .pid = child, .buf = bytes,
			  .read = { fd, 2, NO_BUFFER } };
	ck_assert_int_eq(host_run(sp.m, &op).ret, 2);
	ck_assert_mem_eq(bytes, "34", 2);
	ck_assert_int_eq(seek(4, 0, SEEK_CUR), 5);
	host_exit(sp.m, child);
}
END_TEST

/* A file of three pages, the second of them a hole, its size 2.5 pages. */
static const struct {
	int64_t offset;
	uint32_t whence;
	int64_t ret;
} seeks[] = {
	{ 7, SEEK_SET, 7 }, { -1, SEEK_SET, -EINVAL }, { 5, SEEK_CUR, 5 },
	{ -1, SEEK_CUR, -EINVAL }, { 0, SEEK_END, 10240 },
	{ -10240, SEEK_END, 0 }, { -10241, SEEK_END, -EINVAL },
	{ 1 << 30, SEEK_SET, 1 << 30 }, { INT64_MAX, SEEK_END, -EINVAL },
	{ 0, SEEK_DATA, 0 }, { 4096, SEEK_DATA, 8192 },
	{ 100, SEEK_HOLE, 4096 }, { 5000, SEEK_HOLE, 5000 },
	{ 8192, SEEK_HOLE, 10240 }, { 10240, SEEK_DATA, -ENXIO },
	{ -1, SEEK_HOLE, -ENXIO }, { 0, 5, -EINVAL },
};

START_TEST(lseek_finds_places_data_and_holes)
{
	const int64_t fd = memfd("holes");

	pwrite_fd(fd, "x", 1, 0);
	pwrite_fd(fd, "x", 1, 8192);
	truncate_fd(fd, 10240);
	ck_assert_int_eq(seek(fd, seeks[_i].offset, seeks[_i].whence),
			 seeks[_i].ret);
}
END_TEST

START_TEST(a_shared_mapping_and_the_file_are_the_same_bytes)
{
	const int64_t fd = memfd("m");

	truncate_fd(fd, 2 * PAGE_SIZE);
	map_fd(0, 2, MAP_SHARED, fd);
	host_store(sp.m, sp.pid, page_addr(1) + 3, 0x41);
	ck_assert_int_eq(pread_fd(fd, 1, PAGE_SIZE + 3), 1);
	ck_assert_uint_eq(bytes[0], 0x41);
	pwrite_fd(fd, "B", 1, PAGE_SIZE + 3);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(1) + 3), 'B');
	close_fd(fd);				/* the mapping holds it */
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(1) + 3), 'B');
}
END_TEST

START_TEST(a_private_mapping_copies_what_it_writes)
{
	const int64_t fd = memfd("m");

	pwrite_fd(fd, "A", 1, 0);
	pwrite_fd(fd, "C", 1, PAGE_SIZE);
	map_fd(0, 2, MAP_PRIVATE, fd);
	/* {file.5}: one fault reads and copies; {file.6}: two, one after */
	ck_assert_uint_eq(touch(0, ACCESS_WRITE).minor, 1);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(0)), 'A');
	ck_assert_uint_eq(touch(1, ACCESS_READ).minor, 1);
	ck_assert_uint_eq(touch(1, ACCESS_WRITE).minor, 1);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 2);
	ck_assert_uint_eq(space_mm(&sp)->_shmem_rss, 0);
	host_store(sp.m, sp.pid, page_addr(0), 'Z');
	pread_fd(fd, 1, 0);
	ck_assert_uint_eq(bytes[0], 'A');
	pwrite_fd(fd, "D", 1, 0);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(0)), 'Z');
}
END_TEST

START_TEST(until_it_is_written_a_private_mapping_shows_the_file)
{
	const int64_t fd = memfd("m");

	pwrite_fd(fd, "A", 1, 0);
	map_fd(0, 1, MAP_PRIVATE, fd);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(0)), 'A');
	pwrite_fd(fd, "B", 1, 0);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(0)), 'B');
}
END_TEST

START_TEST(truncate_takes_pages_out_of_every_mapping)
{
	const int64_t fd = memfd("m");
	struct op_result res;

	truncate_fd(fd, 4 * PAGE_SIZE);
	map_fd(0, 4, MAP_SHARED, fd);
	map_fd(8, 4, MAP_PRIVATE, fd);
	for (unsigned int n = 0; n < 4; n++) {
		host_store(sp.m, sp.pid, page_addr(n), 1);
		host_store(sp.m, sp.pid, page_addr(n + 8), 2);
	}
	host_store(sp.m, sp.pid, page_addr(1) + 100, 7);
	ck_assert_int_eq(truncate_fd(fd, PAGE_SIZE + 50), 0);
	/* {bus.5, bus.7}: private copies go as well; the partial one stays {8} */
	ck_assert_uint_eq(space_mm(&sp)->_shmem_rss, 2);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 2);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(1) + 100), 0);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(9)), 2);
	res = touch(2, ACCESS_READ);
	ck_assert_int_eq(res.signo, SIGBUS);
	ck_assert_int_eq(res.si_code, BUS_ADRERR);
	ck_assert_int_eq(touch(10, ACCESS_WRITE).signo, SIGBUS);
	/* what is beyond the end reads as zeros when the file grows again */
	truncate_fd(fd, 4 * PAGE_SIZE);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(2)), 0);
}
END_TEST

START_TEST(buffers_in_the_program_are_checked_and_faulted_in)
{
	const int64_t fd = memfd("m");
	struct op op = { .code = OP_PWRITE,
			 .pwrite = { fd, 0, page_addr(0), 100 } };

	ck_assert_int_eq(run_op(op).ret, -EFAULT);
	space_map(&sp, 0, 1, RW);
	ck_assert_int_eq(run_op(op).ret, 100);
	/* half of it is there */
	op.pwrite.buf = page_addr(1) - 40;
	ck_assert_int_eq(run_op(op).ret, 40);
	op.pwrite.buf = 0xffff800000000000;
	ck_assert_int_eq(run_op(op).ret, -EFAULT);
	op = (struct op){ .code = OP_PREAD,
			  .pread = { fd, 100, 0, page_addr(1) - 60 } };
	ck_assert_int_eq(run_op(op).ret, 60);
	space_protect(&sp, 0, 1, PROT_READ);
	ck_assert_int_eq(run_op(op).ret, -EFAULT);
}
END_TEST

START_TEST(a_file_may_be_written_from_its_own_mapping)
{
	const int64_t fd = memfd("m");
	struct op op = { .code = OP_PWRITE,
			 .pwrite = { fd, 2 * PAGE_SIZE, page_addr(0), 10 } };

	map_fd(0, 1, MAP_SHARED, fd);
	/* the file is empty, but has grown before its mapping is looked at */
	ck_assert_int_eq(run_op(op).ret, 10);
	ck_assert_int_eq(seek(fd, 0, SEEK_END), 2 * (int64_t)PAGE_SIZE + 10);
}
END_TEST

START_TEST(a_file_has_limits)
{
	const int64_t fd = memfd("m");
	struct op_result res;

	ck_assert_int_eq(truncate_fd(fd, ~0ULL), -EINVAL);
	ck_assert_int_eq(truncate_fd(0, 1), -EINVAL);
	ck_assert_int_eq(truncate_fd(77, 1), -EBADF);
	host_setrlimit(sp.m, sp.pid, RLIMIT_FSIZE, 100);
	ck_assert_int_eq(pwrite_fd(fd, bytes, 200, 50), 50);
	res = run_op((struct op){ .code = OP_PWRITE,
		.pwrite = { fd, 100, NO_BUFFER, 0 },
		.data = bytes, .data_len = 1 });
	ck_assert_int_eq(res.ret, -EFBIG);
	ck_assert_int_eq(res.signo, SIGXFSZ);
	ck_assert_int_eq(truncate_fd(fd, 101), -EFBIG);
	ck_assert_int_eq(truncate_fd(fd, 99), 0);
}
END_TEST

START_TEST(dev_null_takes_all_and_gives_nothing)
{
	struct op op = { .code = OP_WRITE, .write = { 1, NO_BUFFER, 0 },
			 .data = bytes, .data_len = 5 };

	ck_assert_int_eq(run_op(op).ret, 5);
	ck_assert_int_eq(pread_fd(0, 10, 0), 0);
	ck_assert_int_eq(seek(0, 77, SEEK_SET), 0);
	ck_assert_int_eq(run_op((struct op){ .code = OP_FSYNC,
					     .fsync = { 0 } }).ret, -EINVAL);
	ck_assert_int_eq(map_fd(0, 1, MAP_SHARED, 0), -ENODEV);
}
END_TEST

START_TEST(pages_are_promised_one_by_one)
{
	const uint64_t before = space_committed(&sp);
	const int64_t fd = memfd("m");

	truncate_fd(fd, 100 * PAGE_SIZE);
	ck_assert_uint_eq(space_committed(&sp), before);
	pwrite_fd(fd, "x", 1, 50 * PAGE_SIZE);
	ck_assert_uint_eq(space_committed(&sp), before + 1);
	truncate_fd(fd, 0);
	ck_assert_uint_eq(space_committed(&sp), before);
}
END_TEST

/* Of page @n of the file: 1 referenced, 2 active. */
static int accesses(int64_t fd, uint64_t n)
{
	const file_ref file = mm_fd_file(sp.m, task_at(sp.m, space_task(&sp))->files,
					 (uint32_t)fd);
	const pfn_t pfn = find_get_page(sp.m, file_at(sp.m, file)->f_mapping, n);

	return page_has(sp.m, pfn, PG_referenced) +
	       2 * page_has(sp.m, pfn, PG_active);
}

/* /proc/kpageflags of 6.18. A fault does not count, nor a read within a page. */
START_TEST(what_calls_read_and_write_they_have_accessed)
{
	const int64_t fd = memfd("m");

	truncate_fd(fd, ROOM);
	map_fd(0, 8, MAP_SHARED, fd);
	for (unsigned int n = 0; n < 3; n++)
		space_write(&sp, n);
	ck_assert_int_eq(accesses(fd, 0), 0);
	pread_fd(fd, 10, 1);
	ck_assert_int_eq(accesses(fd, 0), 0);
	pread_fd(fd, 10, 0);
	ck_assert_int_eq(accesses(fd, 0), 1);
	pread_fd(fd, PAGE_SIZE + 1, 0);
	ck_assert_int_eq(accesses(fd, 0), 2);
	ck_assert_int_eq(accesses(fd, 1), 1);
	pwrite_fd(fd, "x", 1, 2 * PAGE_SIZE + 5);
	ck_assert_int_eq(accesses(fd, 2), 1);
	pwrite_fd(fd, "x", 1, 2 * PAGE_SIZE + 5);
	ck_assert_int_eq(accesses(fd, 2), 2);
	pwrite_fd(fd, "x", 1, 3 * PAGE_SIZE + 5);	/* makes the page */
	ck_assert_int_eq(accesses(fd, 3), 1);
}
END_TEST

/* The page is begun twice where its bytes have to be faulted in. */
START_TEST(a_fault_for_the_buffer_is_another_access)
{
	const int64_t fd = memfd("m");
	struct op op = { .code = OP_PWRITE,
			 .pwrite = { fd, 0, page_addr(9), 10 } };

	space_map(&sp, 9, 1, RW);
	ck_assert_int_eq(run_op(op).ret, 10);
	ck_assert_int_eq(accesses(fd, 0), 2);
	op.pwrite.offset = PAGE_SIZE;
	ck_assert_int_eq(run_op(op).ret, 10);
	ck_assert_int_eq(accesses(fd, 1), 1);
	op.pwrite = (struct op_pwrite){ fd, 2 * PAGE_SIZE, page_addr(20), 10 };
	ck_assert_int_eq(run_op(op).ret, -EFAULT);
	ck_assert_int_eq(accesses(fd, 2), 1);
}
END_TEST

Suite *suite_file(void);
Suite *suite_file(void)
{
	Suite *suite = suite_create("file");
	TCase *tc = tcase_create("files");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, reads_and_writes_are_those_of_a_growing_array);
	tcase_add_test(tc, the_lowest_free_number_is_given);
	tcase_add_test(tc, a_name_has_its_limit_and_is_shown);
	tcase_add_test(tc, a_dup_shares_the_position_and_a_fork_as_well);
	tcase_add_loop_test(tc, lseek_finds_places_data_and_holes, 0,
			    sizeof(seeks) / sizeof(seeks[0]));
	tcase_add_test(tc, a_shared_mapping_and_the_file_are_the_same_bytes);
	tcase_add_test(tc, a_private_mapping_copies_what_it_writes);
	tcase_add_test(tc, until_it_is_written_a_private_mapping_shows_the_file);
	tcase_add_test(tc, truncate_takes_pages_out_of_every_mapping);
	tcase_add_test(tc, buffers_in_the_program_are_checked_and_faulted_in);
	tcase_add_test(tc, a_file_may_be_written_from_its_own_mapping);
	tcase_add_test(tc, a_file_has_limits);
	tcase_add_test(tc, dev_null_takes_all_and_gives_nothing);
	tcase_add_test(tc, pages_are_promised_one_by_one);
	tcase_add_test(tc, what_calls_read_and_write_they_have_accessed);
	tcase_add_test(tc, a_fault_for_the_buffer_is_another_access);
	suite_add_tcase(suite, tc);
	return suite;
}
