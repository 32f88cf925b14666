/* SPDX-License-Identifier: MIT */
/* Seals of memfds. What is expected is what the same calls give on Linux 6.18. */
#include <check.h>

#include "tests/lib/files.h"

#define SHRINK	F_SEAL_SHRINK
#define GROW	F_SEAL_GROW
#define FUTURE	F_SEAL_FUTURE_WRITE

static struct space sp;
static int64_t fd;

static int64_t create(uint64_t flags)
{
	return fs_op(&sp, (struct op){ .code = OP_MEMFD_CREATE,
					.memfd_create = { "m", flags } }).ret;
}

static int64_t seals_of(int64_t file)
{
	return fs_op(&sp, (struct op){ .code = OP_FCNTL,
		.fcntl = { file, 0, F_GET_SEALS } }).ret;
}

static int64_t seal(int64_t file, uint64_t seals)
{
	return fs_op(&sp, (struct op){ .code = OP_FCNTL,
		.fcntl = { file, seals, F_ADD_SEALS } }).ret;
}

static int64_t map(unsigned int n, uint64_t prot, uint64_t flags)
{
	return fs_op(&sp, (struct op){ .code = OP_MMAP,
		.mmap = { page_addr(n), PAGE_SIZE, prot, flags | MAP_FIXED, fd,
			  0 } }).ret;
}

static void setup(void)
{
	space_open(&sp);
	fd = create(MFD_ALLOW_SEALING);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fs_truncate(&sp, fd, 0x2800), 0);
}

static void teardown(void)
{
	host_check(sp.m);
	space_close(&sp);
}

START_TEST(who_does_not_ask_gets_none)
{
	const int64_t plain = create(0), exec = create(MFD_EXEC);

	ck_assert_int_eq(seals_of(plain), F_SEAL_SEAL);
	ck_assert_int_eq(seal(plain, GROW), -EPERM);
	ck_assert_int_eq(seal(plain, 0x100), -EINVAL);
	ck_assert_int_eq(seals_of(exec), F_SEAL_SEAL);
	ck_assert_int_eq(seals_of(fd), 0);
	ck_assert_int_eq(seals_of(create(MFD_NOEXEC_SEAL)), F_SEAL_EXEC);
}
END_TEST

START_TEST(only_a_memfd_that_can_be_written_to_takes_seals)
{
	struct op_result pipe = fs_op(&sp, (struct op){ .code = OP_PIPE });
	int64_t null;

	fs_make(&sp, "/f", PAGE_SIZE, 0, 0);
	null = fs_open(&sp, "/f", O_RDONLY);
	ck_assert_int_eq(seal(null, 0), -EPERM);
	ck_assert_int_eq(seals_of(null), -EINVAL);
	ck_assert_int_eq(seal(fs_open(&sp, "/f", O_RDWR), 0), -EINVAL);
	ck_assert_int_eq(seal(pipe.fds[0], 0), -EPERM);
	ck_assert_int_eq(seal(pipe.fds[1], 0), -EINVAL);
	ck_assert_int_eq(seals_of(pipe.fds[1]), -EINVAL);
	ck_assert_int_eq(seal(99, 0), -EBADF);
}
END_TEST

START_TEST(the_last_seal_is_the_seal_of_seals)
{
	ck_assert_int_eq(seal(fd, GROW | SHRINK), 0);
	ck_assert_int_eq(seal(fd, 0x40), -EINVAL);
	ck_assert_int_eq(seal(fd, F_SEAL_SEAL), 0);
	ck_assert_int_eq(seal(fd, 0), -EPERM);
	ck_assert_int_eq(seals_of(fd), F_SEAL_SEAL | GROW | SHRINK);
	/* Of arg 32 bits count. */
	ck_assert_int_eq(seal(create(MFD_ALLOW_SEALING), 1ULL << 32 | 2), 0);
}
END_TEST

START_TEST(a_sealed_size_is_kept)
{
	ck_assert_int_eq(seal(fd, GROW), 0);
	ck_assert_int_eq(fs_truncate(&sp, fd, 0x2801), -EPERM);
	ck_assert_int_eq(fs_truncate(&sp, fd, 0x2800), 0);
	/* Page by page: what lies before the end is written. */
	ck_assert_int_eq(fs_write(&sp, fd, 0x1000, 0x1801, 1), 0x1000);
	ck_assert_int_eq(fs_write(&sp, fd, 0x2000, 0x800, 1), 0x800);
	ck_assert_int_eq(fs_write(&sp, fd, 0x2000, 0x801, 1), -EPERM);
	ck_assert_int_eq(fs_write(&sp, fd, 0x10000, 1, 1), -EPERM);
	ck_assert_int_eq(fs_truncate(&sp, fd, 0x2700), 0);
	ck_assert_int_eq(seal(fd, SHRINK), 0);
	ck_assert_int_eq(fs_truncate(&sp, fd, 0x26ff), -EPERM);
	ck_assert_int_eq(fs_truncate(&sp, fd, 0x2700), 0);
}
END_TEST

START_TEST(a_mapping_that_may_write_prevents_the_seal_of_writes)
{
	ck_assert_int_gt(map(0, PROT_READ, MAP_SHARED), 0);
	ck_assert_int_eq(seal(fd, F_SEAL_WRITE), -EBUSY);
	/* Which is implied for what can be run. */
	ck_assert_int_eq(seal(fd, F_SEAL_EXEC), -EBUSY);
	ck_assert_int_eq(seals_of(fd), 0);
	space_unmap(&sp, 0, 1);
	ck_assert_int_gt(map(0, RW, MAP_PRIVATE), 0);
	ck_assert_int_eq(seal(fd, F_SEAL_EXEC), 0);
	ck_assert_int_eq(seals_of(fd), F_ALL_SEALS & ~F_SEAL_SEAL);
	fd = create(MFD_NOEXEC_SEAL);
	ck_assert_int_eq(seal(fd, F_SEAL_EXEC), 0);
	ck_assert_int_eq(seals_of(fd), F_SEAL_EXEC);
}
END_TEST

START_TEST(what_is_sealed_against_writing_is_not_written)
{
	fs_write(&sp, fd, 0, 1, 7);
	ck_assert_int_eq(seal(fd, F_SEAL_WRITE), 0);
	ck_assert_int_eq(fs_write(&sp, fd, 0, 1, 1), -EPERM);
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_PWRITE,
		.pwrite = { fd, 0, page_addr(9), 0 } }).ret, 0);
	ck_assert_int_eq(map(0, RW, MAP_SHARED), -EPERM);
	ck_assert_int_gt(map(0, PROT_READ, MAP_SHARED), 0);
	ck_assert_int_eq(space_protect(&sp, 0, 1, RW), -EACCES);
	ck_assert_int_eq(host_load(sp.m, sp.pid, page_addr(0)), 7);
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_MADVISE,
		.madvise = { page_addr(0), PAGE_SIZE, MADV_REMOVE } }).ret, -EACCES);
	/* Private copies are nobody else's. */
	ck_assert_int_gt(map(2, RW, MAP_PRIVATE), 0);
	host_store(sp.m, sp.pid, page_addr(2), 9);
	ck_assert_int_eq(host_load(sp.m, sp.pid, page_addr(0)), 7);
}
END_TEST

START_TEST(future_writes_are_sealed_for_others)
{
	ck_assert_int_gt(map(0, RW, MAP_SHARED), 0);
	ck_assert_int_eq(seal(fd, FUTURE), 0);
	host_store(sp.m, sp.pid, page_addr(0), 5);
	ck_assert_int_eq(fs_write(&sp, fd, 0, 1, 1), -EPERM);
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_MADVISE,
		.madvise = { page_addr(0), PAGE_SIZE, MADV_REMOVE } }).ret, -EPERM);
	ck_assert_int_eq(map(1, RW, MAP_SHARED), -EPERM);
	ck_assert_int_gt(map(1, PROT_READ, MAP_SHARED), 0);
	ck_assert_int_eq(space_protect(&sp, 1, 1, RW), -EACCES);
	/* The old mapping may still do what it could. */
	ck_assert_int_eq(space_protect(&sp, 0, 1, PROT_READ), 0);
	ck_assert_int_eq(space_protect(&sp, 0, 1, RW), 0);
	ck_assert_int_eq(seal(fd, F_SEAL_WRITE), -EBUSY);
	space_unmap(&sp, 0, 1);
	ck_assert_int_eq(seal(fd, F_SEAL_WRITE), 0);
}
END_TEST

static int64_t splice(int64_t in, int64_t off_in, int64_t out, int64_t off_out,
		      uint64_t len, uint64_t flags)
{
	return fs_op(&sp, (struct op){ .code = OP_SPLICE,
		.splice = { in, off_in, out, off_out, len, flags } }).ret;
}

/* It is true already: nothing is in the way of saying it again. */
START_TEST(what_is_sealed_may_be_held)
{
	struct op_result pipe = fs_op(&sp, (struct op){ .code = OP_PIPE });

	fs_write(&sp, fd, 0, PAGE_SIZE, 1);
	ck_assert_int_eq(seal(fd, F_SEAL_WRITE), 0);
	ck_assert_int_eq(splice(fd, 0, pipe.fds[1], NO_OFFSET, PAGE_SIZE, 0),
			 PAGE_SIZE);
	ck_assert_int_eq(seal(fd, F_SEAL_WRITE), 0);
}
END_TEST

START_TEST(a_page_that_a_pipe_has_may_change_yet)
{
	struct op_result pipe = fs_op(&sp, (struct op){ .code = OP_PIPE });

	fs_write(&sp, fd, 0, PAGE_SIZE, 1);
	ck_assert_int_eq(splice(fd, 0, pipe.fds[1], NO_OFFSET, PAGE_SIZE, 0),
			 PAGE_SIZE);
	ck_assert_int_eq(seal(fd, F_SEAL_WRITE), -EBUSY);
	fs_op(&sp, (struct op){ .code = OP_CLOSE, .close = { pipe.fds[0] } });
	fs_op(&sp, (struct op){ .code = OP_CLOSE, .close = { pipe.fds[1] } });
	ck_assert_int_eq(seal(fd, F_SEAL_WRITE), 0);
}
END_TEST

static int64_t splice_to_end(int64_t from, uint64_t at, uint64_t len,
			     uint64_t flags)
{
	return splice(from, NO_OFFSET, fd, (int64_t)at, len, flags);
}

static int64_t put(int64_t to, size_t n)
{
	static const uint8_t bytes[3000];

	return fs_op(&sp, (struct op){ .code = OP_WRITE,
		.write = { to, NO_BUFFER, 0 }, .data = bytes, .data_len = n }).ret;
}

/* Two buffers of 100 bytes and one of 3,000, in a pipe of which @fds are the ends. */
static void fill_pipe(int64_t fds[2])
{
	struct op_result in = fs_op(&sp, (struct op){ .code = OP_PIPE });
	struct op_result out = fs_op(&sp, (struct op){ .code = OP_PIPE });

	put(out.fds[1], 100);
	for (int i = 0; i < 2; i++) {
		put(in.fds[1], i ? 3000 : 100);
		ck_assert_int_gt(splice(in.fds[0], NO_OFFSET, out.fds[1],
					NO_OFFSET, 3000, 0), 0);
	}
	fds[0] = out.fds[0];
	fds[1] = out.fds[1];
}

START_TEST(a_splice_is_one_write_of_many_buffers)
{
	int64_t fds[2];

	fill_pipe(fds);
	fs_truncate(&sp, fd, 0x1000 + 150);
	seal(fd, GROW);
	ck_assert_int_eq(splice_to_end(fds[0], 0x1000, 200, 0), -EPERM);
	ck_assert_int_eq(splice_to_end(fds[0], 0x1000, 150, 0), 150);
	ck_assert_int_eq(splice_to_end(fds[0], 0x1000 + 101, 50, 0), -EPERM);
	ck_assert_int_eq(splice_to_end(fds[0], 0x1000 + 101, 49, 0), 49);
	/* What lies before the page that would grow goes. */
	ck_assert_int_eq(splice_to_end(fds[0], 3000, 2000, 0), 1096);
	ck_assert_int_eq(splice_to_end(fds[0], 0x1000, 0, 0), 0);
	ck_assert_int_eq(splice_to_end(fds[0], 0x1000, PAGE_SIZE, SPLICE_F_MOVE),
			 -EPERM);
	fs_truncate(&sp, fd, 0x1000);	/* a whole page, and nothing of the next */
	ck_assert_int_eq(splice_to_end(fds[0], 0x1000 - 100, 200, 0), 100);
}
END_TEST

/* A buffer may end behind what the write as a whole is allowed. */
START_TEST(a_splice_ends_within_a_buffer)
{
	int64_t fds[2];

	fill_pipe(fds);
	fs_truncate(&sp, fd, 0x1000 + 150);
	seal(fd, GROW);
	ck_assert_int_eq(splice_to_end(fds[0], 0x1000 - 150, 401, 0), 150);
	ck_assert_int_eq(splice_to_end(fds[0], 0x1000, 150, 0), 150);
}
END_TEST

/* What the limit leaves does not make the file longer. */
START_TEST(the_limit_of_sizes_comes_before_the_seal)
{
	int64_t fds[2];

	fill_pipe(fds);
	fs_truncate(&sp, fd, 6000);
	seal(fd, GROW);
	host_setrlimit(sp.m, sp.pid, RLIMIT_FSIZE, 5000);
	ck_assert_int_eq(splice_to_end(fds[0], 4500, 3000, 0), 500);
	ck_assert_int_eq(splice_to_end(fds[0], 5500, 3000, 0), -EFBIG);
}
END_TEST

START_TEST(sendfile_ends_where_a_write_does)
{
	const int64_t from = create(0);
	struct op op = { .code = OP_SENDFILE, .sendfile = { fd, from, 0, 9000 } };

	fs_write(&sp, from, 0, 9000, 1);
	fs_truncate(&sp, fd, 5000);
	seal(fd, GROW);
	ck_assert_int_eq(fs_op(&sp, op).ret, 4096);
	ck_assert_int_eq(fs_op(&sp, op).ret, -EPERM);
	op.sendfile.count = 100;
	ck_assert_int_eq(fs_op(&sp, op).ret, 100);
}
END_TEST

/* A page that nobody else has could become the file's. */
START_TEST(no_page_goes_over_to_what_is_sealed)
{
	static const uint8_t bytes[PAGE_SIZE];
	struct op_result pipe = fs_op(&sp, (struct op){ .code = OP_PIPE });

	ck_assert_int_eq(seal(fd, FUTURE), 0);
	fs_op(&sp, (struct op){ .code = OP_WRITE, .data = bytes,
		.data_len = sizeof(bytes), .write = { pipe.fds[1], NO_BUFFER, 0 } });
	ck_assert_int_eq(splice(pipe.fds[0], NO_OFFSET, fd, 0x10000, PAGE_SIZE,
				SPLICE_F_MOVE), -EPERM);
	ck_assert_int_eq(splice(pipe.fds[0], NO_OFFSET, create(MFD_ALLOW_SEALING),
				0x10000, PAGE_SIZE, SPLICE_F_MOVE), PAGE_SIZE);
}
END_TEST

Suite *suite_memfd(void);
Suite *suite_memfd(void)
{
	Suite *suite = suite_create("memfd");
	TCase *tc = tcase_create("seals");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, who_does_not_ask_gets_none);
	tcase_add_test(tc, only_a_memfd_that_can_be_written_to_takes_seals);
	tcase_add_test(tc, the_last_seal_is_the_seal_of_seals);
	tcase_add_test(tc, a_sealed_size_is_kept);
	tcase_add_test(tc, a_mapping_that_may_write_prevents_the_seal_of_writes);
	tcase_add_test(tc, what_is_sealed_against_writing_is_not_written);
	tcase_add_test(tc, future_writes_are_sealed_for_others);
	tcase_add_test(tc, what_is_sealed_may_be_held);
	tcase_add_test(tc, a_page_that_a_pipe_has_may_change_yet);
	tcase_add_test(tc, a_splice_is_one_write_of_many_buffers);
	tcase_add_test(tc, a_splice_ends_within_a_buffer);
	tcase_add_test(tc, the_limit_of_sizes_comes_before_the_seal);
	tcase_add_test(tc, sendfile_ends_where_a_write_does);
	tcase_add_test(tc, no_page_goes_over_to_what_is_sealed);
	suite_add_tcase(suite, tc);
	return suite;
}
