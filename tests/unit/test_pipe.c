/* SPDX-License-Identifier: MIT */
/*
 * Pipes: rings counted in slots, bytes in order, ends that close. The names in
 * braces are the facts of Linux 6.18 that a test repeats.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/fs/pipe.h"
#include "tests/lib/space.h"

#define CAPACITY (16 * PAGE_SIZE)

static struct space sp;
static uint8_t out[2 * CAPACITY], in[2 * CAPACITY];
static int64_t fds[2];
static struct op_result last;

static int64_t run_op(struct op op)
{
	op.pid = sp.pid;
	op.buf = in;
	last = host_run(sp.m, &op);
	return last.ret;
}

static void make_pipe(uint64_t flags)
{
	ck_assert_int_eq(run_op((struct op){ .code = OP_PIPE,
					     .pipe = { flags } }), 0);
	fds[0] = last.fds[0];
	fds[1] = last.fds[1];
}

static void setup(void)
{
	space_open(&sp);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 251);
	make_pipe(O_NONBLOCK);
}

static void teardown(void)
{
	space_close(&sp);
}

static int64_t put(uint64_t n)
{
	return run_op((struct op){ .code = OP_WRITE,
		.write = { fds[1], NO_BUFFER, 0 },
		.data = out, .data_len = n });
}

static int64_t get(uint64_t n)
{
	memset(in, 0xee, n);
	return run_op((struct op){ .code = OP_READ,
				   .read = { fds[0], n, NO_BUFFER } });
}

static int64_t put_from(uint64_t addr, uint64_t n)
{
	return run_op((struct op){ .code = OP_WRITE,
				   .write = { fds[1], addr, n } });
}

static int64_t get_to(uint64_t addr, uint64_t n)
{
	return run_op((struct op){ .code = OP_READ,
				   .read = { fds[0], n, addr } });
}

static int64_t close_fd(int64_t fd)
{
	return run_op((struct op){ .code = OP_CLOSE, .close = { fd } });
}

static int64_t control(int64_t fd, uint32_t cmd, uint64_t arg)
{
	return run_op((struct op){ .code = OP_FCNTL,
				   .fcntl = { fd, arg, cmd } });
}

static const struct pipe_inode_info *ring(void)
{
	return pipe_at(sp.m, mm_pipe(sp.m, space_task(&sp), fds[1]));
}

static const struct pipe_buffer *buffer(uint32_t i)
{
	return mm_pipe_buffer(sp.m, mm_pipe(sp.m, space_task(&sp), fds[1]), i);
}

/* ---- slots and bytes ---- */

/* {pipe.1-3}: capacity is 16 pages; a full one takes no byte more. */
START_TEST(sixteen_pages_fill_it)
{
	ck_assert_int_eq(put(sizeof(out)), (int64_t)CAPACITY);
	ck_assert_int_eq(put(1), -EAGAIN);
	ck_assert_uint_eq(ring()->nrbufs, 16);
	ck_assert_int_eq(get(sizeof(in)), (int64_t)CAPACITY);
	ck_assert_mem_eq(in, out, CAPACITY);
	ck_assert_int_eq(get(1), -EAGAIN);
}
END_TEST

/* {pipe.4,5}: a slot is free when all of it was read. */
START_TEST(a_byte_read_frees_no_slot)
{
	put(CAPACITY);
	ck_assert_int_eq(get(1), 1);
	ck_assert_int_eq(put(1), -EAGAIN);
	ck_assert_int_eq(get(PAGE_SIZE - 1), (int64_t)PAGE_SIZE - 1);
	ck_assert_int_eq(put(1), 1);
}
END_TEST

/* {pipe.6, 6c, 7}: what does not merge takes a slot of its own. */
START_TEST(sixteen_writes_of_2049_bytes_fill_it_and_2047_still_merge)
{
	for (int i = 0; i < 16; i++)
		ck_assert_int_eq(put(2049), 2049);
	ck_assert_int_eq(put(2049), -EAGAIN);
	ck_assert_int_eq(put(2047), 2047);
	ck_assert_int_eq(put(1), -EAGAIN);
	ck_assert_int_eq(get(sizeof(in)), 16 * 2049 + 2047);
}
END_TEST

START_TEST(small_writes_share_a_page)
{
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(put(40), 40);
	ck_assert_uint_eq(ring()->nrbufs, 1);
	ck_assert_uint_eq(buffer(0)->len, 4000);
	ck_assert_uint_eq(buffer(0)->flags, PIPE_BUF_FLAG_CAN_MERGE);
	ck_assert_int_eq(put(97), 97);
	ck_assert_uint_eq(ring()->nrbufs, 2);
	ck_assert_uint_eq(buffer(1)->len, 97);
}
END_TEST

/* {pipe.8-10}: at most 4096 bytes go as one; more may go in part. */
START_TEST(a_page_is_all_or_nothing_and_more_may_be_cut)
{
	for (int i = 0; i < 15; i++)
		put(PAGE_SIZE);
	ck_assert_int_eq(put(100), 100);
	ck_assert_int_eq(put(4000), -EAGAIN);
	ck_assert_int_eq(put(5000), 904);	/* its last bytes merge first */
	ck_assert_uint_eq(ring()->nrbufs, 16);
	ck_assert_int_eq(put(5000), 904);
	ck_assert_int_eq(put(PAGE_SIZE), -EAGAIN);
	get(PAGE_SIZE);
	ck_assert_int_eq(put(3 * PAGE_SIZE), (int64_t)PAGE_SIZE);
}
END_TEST

/* The ring against a queue of bytes. */
START_TEST(bytes_come_out_in_the_order_they_went_in)
{
	uint64_t chance = (uint64_t)_i + 1, written = 0, taken = 0;

	for (int i = 0; i < 2000; i++) {
		uint64_t n;
		int64_t ret;

		chance = chance * 6364136223846793005ULL + 1442695040888963407ULL;
		n = 1 + (chance >> 33) % 9000;
		for (uint64_t j = 0; j < n; j++)
			out[j] = (uint8_t)((written + j) * 13);
		ret = chance >> 63 ? put(n) : get(n);
		if (ret == -EAGAIN)
			continue;
		ck_assert_int_gt(ret, 0);
		if (chance >> 63) {
			written += (uint64_t)ret;
			/* A write in part put its last bytes first. */
			if ((uint64_t)ret < n) {
				written = taken = 0;
				while (get(CAPACITY) > 0)
					;
			}
			continue;
		}
		for (int64_t j = 0; j < ret; j++)
			ck_assert_uint_eq(in[j], (uint8_t)((taken + (uint64_t)j) * 13));
		taken += (uint64_t)ret;
	}
	host_check(sp.m);
}
END_TEST

/* {pkt.1}: each write is a packet; what a read leaves of one is lost. */
START_TEST(packets_keep_their_ends)
{
	ck_assert_int_eq(control(fds[1], F_SETFL, O_NONBLOCK | O_DIRECT), 0);
	ck_assert_int_eq(put(4), 4);
	ck_assert_int_eq(put(2), 2);
	ck_assert_uint_eq(ring()->nrbufs, 2);
	ck_assert_uint_eq(buffer(0)->ops, PIPE_BUF_OPS_PACKET);
	ck_assert_int_eq(get(3), 3);
	ck_assert_mem_eq(in, out, 3);
	ck_assert_int_eq(get(30), 2);
	ck_assert_int_eq(get(30), -EAGAIN);
	/* However much is asked for, it is one packet. */
	put(10);
	put(10);
	ck_assert_int_eq(get(100), 10);
	ck_assert_int_eq(get(100), 10);
	/* A packet may merge into what is no packet. */
	control(fds[1], F_SETFL, O_NONBLOCK);
	put(3);
	control(fds[1], F_SETFL, O_NONBLOCK | O_DIRECT);
	put(4);
	ck_assert_int_eq(get(100), 7);
}
END_TEST

/* ---- ends ---- */

/* {pipe.11,12}: SIGPIPE and EPIPE, but nothing to write is no matter. */
START_TEST(nobody_reads)
{
	ck_assert_int_eq(close_fd(fds[0]), 0);
	ck_assert_int_eq(put(0), 0);
	ck_assert_int_eq(put(1), -EPIPE);
	ck_assert_int_eq(last.signo, SIGPIPE);
	ck_assert_int_eq(last.outcome, OUT_ERRNO);
	ck_assert(!task_none(mm_find_task(sp.m, sp.pid)));
}
END_TEST

START_TEST(a_signal_that_is_delivered_ends_the_process)
{
	struct op op = { .code = OP_WRITE, .pid = sp.pid, .deliver = true,
			 .write = { fds[1], NO_BUFFER, 0 },
			 .data = out, .data_len = 1 };

	close_fd(fds[0]);
	host_run(sp.m, &op);
	ck_assert(task_none(mm_find_task(sp.m, sp.pid)));
	ck_assert_uint_eq(kernel_at(sp.m)->caches[CACHE_PIPE].nr_active, 0);
}
END_TEST

/* {pipe.13,14}: empty with a writer: EAGAIN; without one: the end. */
START_TEST(nobody_writes)
{
	put(10);
	ck_assert_int_eq(close_fd(fds[1]), 0);
	ck_assert_int_eq(get(100), 10);
	ck_assert_int_eq(get(100), 0);
}
END_TEST

START_TEST(an_end_is_open_while_anybody_has_it)
{
	int64_t twin = run_op((struct op){ .code = OP_DUP, .dup = { fds[0] } });
	const uint32_t child = (uint32_t)host_fork(sp.m, sp.pid, 0);

	ck_assert_int_ge(twin, 0);
	close_fd(fds[0]);
	ck_assert_int_eq(put(1), 1);
	close_fd(twin);
	ck_assert_int_eq(put(1), 1);
	host_exit(sp.m, child);
	ck_assert_int_eq(put(1), -EPIPE);
}
END_TEST

START_TEST(nothing_stays_of_a_pipe_that_was_full)
{
	struct host_totals before, after;

	close_fd(fds[0]);
	close_fd(fds[1]);
	before = host_totals(sp.m);
	make_pipe(O_NONBLOCK);
	ck_assert_int_eq(control(fds[1], F_SETPIPE_SZ, 1 << 20), 1 << 20);
	while (put(CAPACITY) > 0)
		;
	if (_i) {
		get(5000);
		close_fd(fds[0]);
		close_fd(fds[1]);
	} else {
		uint32_t child = (uint32_t)host_fork(sp.m, sp.pid, 0);

		close_fd(fds[1]);
		close_fd(fds[0]);
		host_exit(sp.m, child);
		before.last_pid++;
	}
	after = host_totals(sp.m);
	ck_assert_mem_eq(&after, &before, sizeof(after));
}
END_TEST

/* ---- what would sleep ---- */

START_TEST(a_reader_would_wait_for_a_writer)
{
	uint64_t digest;

	make_pipe(0);
	digest = host_digest(sp.m);
	get(10);
	ck_assert_int_eq(last.outcome, OUT_BLOCKED);
	ck_assert_str_eq(last.why, "pipe is empty");
	ck_assert_uint_eq(last.room, 0);
	ck_assert_uint_eq(host_digest(sp.m), digest);
}
END_TEST

START_TEST(a_writer_moves_nothing_that_would_not_all_fit)
{
	uint64_t digest;

	make_pipe(0);
	ck_assert_int_eq(put(100), 100);
	digest = host_digest(sp.m);
	put(CAPACITY + 100);
	ck_assert_int_eq(last.outcome, OUT_BLOCKED);
	ck_assert_str_eq(last.why, "pipe is full");
	ck_assert_uint_eq(last.room, 100 + 15 * PAGE_SIZE);
	ck_assert_uint_eq(host_digest(sp.m), digest);
	ck_assert_int_eq(put(100 + 15 * PAGE_SIZE), 100 + 15 * (int64_t)PAGE_SIZE);
	put(5000);
	ck_assert_int_eq(last.outcome, OUT_BLOCKED);
	ck_assert_uint_eq(last.room, 0);
}
END_TEST

/* Where the program's memory ends before the ring does, it does not sleep. */
START_TEST(a_writer_whose_memory_ends_fails_before_it_sleeps)
{
	make_pipe(0);
	space_map(&sp, 0, 2, RW);
	ck_assert_int_eq(put_from(page_addr(0), CAPACITY + 1),
			 2 * (int64_t)PAGE_SIZE);
	ck_assert_int_eq(last.outcome, OUT_OK);
	ck_assert_int_eq(put_from(page_addr(2), CAPACITY + 1), -EFAULT);
	ck_assert_int_eq(last.outcome, OUT_ERRNO);
}
END_TEST

/* ---- the program's memory ---- */

/* {bus.13}: nothing is queued of a page that cannot be read. */
START_TEST(a_fault_in_the_first_page_queues_nothing)
{
	ck_assert_int_eq(put_from(page_addr(0), 10), -EFAULT);
	ck_assert_uint_eq(ring()->nrbufs, 0);
	space_map(&sp, 0, 1, RW);
	space_write(&sp, 0);
	ck_assert_int_eq(put_from(page_addr(0), 2 * PAGE_SIZE),
			 (int64_t)PAGE_SIZE);
	ck_assert_int_eq(put_from(page_addr(0) + PAGE_SIZE - 1, 2), -EFAULT);
	ck_assert_uint_eq(ring()->nrbufs, 1);
}
END_TEST

START_TEST(a_buffer_that_cannot_be_written_consumes_nothing)
{
	put(100);
	ck_assert_int_eq(get_to(page_addr(0), 10), -EFAULT);
	ck_assert_uint_eq(buffer(0)->len, 100);
	space_map(&sp, 0, 1, RW);
	ck_assert_int_eq(get_to(page_addr(0) + PAGE_SIZE - 50, 100), -EFAULT);
	ck_assert_uint_eq(buffer(0)->len, 100);
	ck_assert_int_eq(get_to(page_addr(0) + 10, 100), 100);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(0) + 10), out[0]);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(0) + 109), out[99]);
}
END_TEST

/* {pipe.16}: a pipe has no positions. */
START_TEST(a_pipe_has_no_positions_and_no_size)
{
	ck_assert_int_eq(run_op((struct op){ .code = OP_LSEEK,
			.lseek = { fds[0], 0, SEEK_SET } }), -ESPIPE);
	ck_assert_int_eq(run_op((struct op){ .code = OP_LSEEK,
			.lseek = { fds[0], 0, 77 } }), -EINVAL);
	ck_assert_int_eq(run_op((struct op){ .code = OP_PREAD,
			.pread = { fds[1], 1, 0, NO_BUFFER } }), -ESPIPE);
	ck_assert_int_eq(run_op((struct op){ .code = OP_FTRUNCATE,
			.ftruncate = { fds[1], 0 } }), -EINVAL);
	ck_assert_int_eq(run_op((struct op){ .code = OP_FSYNC,
			.fsync = { fds[1] } }), -EINVAL);
	ck_assert_int_eq(run_op((struct op){ .code = OP_READ,
			.read = { fds[1], 1, NO_BUFFER } }), -EBADF);
	ck_assert_int_eq(run_op((struct op){ .code = OP_MMAP,
			.mmap = { 0, PAGE_SIZE, PROT_READ, MAP_SHARED, fds[0],
				  0 } }), -ENODEV);
}
END_TEST

START_TEST(flags_of_a_new_pipe)
{
	ck_assert_int_eq(run_op((struct op){ .code = OP_PIPE, .pipe = { 4 } }),
			 -EINVAL);
	ck_assert_int_eq(run_op((struct op){ .code = OP_PIPE,
			.pipe = { O_NOTIFICATION_PIPE } }), -ENOPKG);
	make_pipe(O_DIRECT | O_CLOEXEC);
	ck_assert_int_eq(control(fds[0], F_GETFL, 0), O_RDONLY);
	ck_assert_int_eq(control(fds[1], F_GETFL, 0), O_WRONLY | O_DIRECT);
	ck_assert_int_eq(control(fds[0], F_GETFD, 0), FD_CLOEXEC);
	host_setrlimit(sp.m, sp.pid, RLIMIT_NOFILE, (uint64_t)fds[1] + 2);
	ck_assert_int_eq(run_op((struct op){ .code = OP_PIPE }), -EMFILE);
}
END_TEST

/* ---- sizes ---- */

/* {psz.*} */
START_TEST(sizes_are_rounded_and_bounded)
{
	static const struct { uint64_t arg; int64_t ret; } sizes[] = {
		{ 0, 4096 }, { 1, 4096 }, { 4096, 4096 }, { 4097, 8192 },
		{ 5000, 8192 }, { 65537, 131072 }, { 1 << 20, 1 << 20 },
		{ (1 << 20) + 1, -EPERM }, { 1u << 31, -EPERM },
		{ (1u << 31) + 1, -EINVAL }, { UINT32_MAX, -EINVAL },
		{ 1ULL << 32, 4096 },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ck_assert_int_eq(control(fds[i & 1], F_SETPIPE_SZ,
					 sizes[i].arg), sizes[i].ret);
		if (sizes[i].ret > 0)
			ck_assert_int_eq(control(fds[0], F_GETPIPE_SZ, 0),
					 sizes[i].ret);
	}
	ck_assert_int_eq(control(0, F_GETPIPE_SZ, 0), -EBADF);
	ck_assert_int_eq(control(99, F_GETPIPE_SZ, 0), -EBADF);
}
END_TEST

/* {psz.6}: what is in it must fit, and stays as it is. */
START_TEST(a_ring_in_use_moves_to_its_new_place)
{
	static const uint64_t way[] = {
		1 << 20, 65536, 32768, 524288, 16384, 65536, 32768,
	};

	put(PAGE_SIZE);
	for (int i = 0; i < 13; i++) {
		get(PAGE_SIZE);
		put(PAGE_SIZE);
	}
	put(2 * PAGE_SIZE + 5);	/* around the end of the ring */
	ck_assert_int_eq(control(fds[0], F_SETPIPE_SZ, 8192), -EBUSY);
	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		ck_assert_int_eq(control(fds[0], F_SETPIPE_SZ, way[i]),
				 (int64_t)way[i]);
		ck_assert_uint_eq(ring()->nrbufs, 4);
		host_check(sp.m);
	}
	ck_assert_int_eq(get(sizeof(in)), 3 * (int64_t)PAGE_SIZE + 5);
	ck_assert_mem_eq(in, out, PAGE_SIZE);
	ck_assert_mem_eq(in + PAGE_SIZE, out, 2 * PAGE_SIZE + 5);
}
END_TEST

START_TEST(a_large_ring_takes_more)
{
	ck_assert_int_eq(control(fds[0], F_SETPIPE_SZ, 131072), 131072);
	ck_assert_int_eq(put(sizeof(out)), 131072);
	ck_assert_int_eq(get(sizeof(in)), 131072);
	ck_assert_mem_eq(in, out, 131072);
}
END_TEST

/* All of a user's pipes together: 16384 slots, then two are what is left. */
START_TEST(who_has_many_slots_gets_few)
{
	for (int i = 0; i < 63; i++) {
		make_pipe(0);
		ck_assert_int_eq(control(fds[0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
	}
	make_pipe(0);
	ck_assert_int_eq(control(fds[0], F_SETPIPE_SZ, 1 << 20), -EPERM);
	ck_assert_int_eq(control(fds[0], F_SETPIPE_SZ, 1 << 19), 1 << 19);
	for (int i = 0; i < 7; i++)	/* 63 * 256 + 16 + 128 + 7 * 16 */
		make_pipe(0);
	ck_assert_int_eq(control(fds[0], F_GETPIPE_SZ, 0), 16 * 4096);
	make_pipe(0);
	ck_assert_int_eq(control(fds[0], F_GETPIPE_SZ, 0), 2 * 4096);
	ck_assert_int_eq(control(fds[0], F_SETPIPE_SZ, 4096), 4096);
}
END_TEST

/* Neither limit is for who has CAP_SYS_RESOURCE; what cannot be had stays so. */
START_TEST(a_capable_process_has_slots_without_limit)
{
	struct mm_config config = host_config();

	config.ram = 256ULL << 20;
	space_close(&sp);
	space_open_with(&sp, &config, true);
	make_pipe(0);
	ck_assert_int_eq(control(fds[0], F_SETPIPE_SZ, 2 << 20), 2 << 20);
	ck_assert_int_eq(control(fds[0], F_SETPIPE_SZ, 256 << 20), 256 << 20);
	ck_assert_int_eq(control(fds[0], F_SETPIPE_SZ, 512 << 20), -ENOMEM);
	ck_assert_int_eq(control(fds[0], F_GETPIPE_SZ, 0), 256 << 20);
	/* And the next pipe is as large as any. */
	make_pipe(0);
	ck_assert_int_eq(control(fds[0], F_GETPIPE_SZ, 0), 16 * 4096);
}
END_TEST

START_TEST(the_largest_size_is_a_knob)
{
	space_sysctl(&sp, SYSCTL_pipe_max_size, 30000);
	ck_assert_uint_eq(kernel_at(sp.m)->pipe_max_size, 32768);
	ck_assert_int_eq(control(fds[0], F_SETPIPE_SZ, 131072), -EPERM);
	make_pipe(0);
	ck_assert_int_eq(control(fds[0], F_GETPIPE_SZ, 0), 32768);
}
END_TEST

/* ---- fcntl ---- */

/* What a command does not look at promises nothing. */
START_TEST(fcntl_costs_what_its_command_takes)
{
	struct op op = { .code = OP_FCNTL, .pid = sp.pid };
	uint64_t least;

	op.fcntl = (struct op_fcntl){ fds[0], 0, F_GETFD };
	least = mm_op_bound(sp.m, &op);
	op.fcntl.arg = UINT64_MAX;
	ck_assert_uint_eq(mm_op_bound(sp.m, &op), least);
	op.fcntl.cmd = F_DUPFD;
	ck_assert_uint_gt(mm_op_bound(sp.m, &op), least);
	ck_assert_uint_lt(mm_op_bound(sp.m, &op), least + 10000);
	op.fcntl = (struct op_fcntl){ fds[0], 1 << 20, F_SETPIPE_SZ };
	ck_assert_uint_gt(mm_op_bound(sp.m, &op), least);
}
END_TEST

START_TEST(flags_of_open_files)
{
	struct op memfd = { .code = OP_MEMFD_CREATE };
	int64_t fd = run_op(memfd);

	ck_assert_int_eq(control(fds[0], F_SETFL,
				 O_DIRECT | O_APPEND | O_RDWR | O_EXCL), 0);
	ck_assert_int_eq(control(fds[0], F_GETFL, 0), O_DIRECT | O_APPEND);
	ck_assert_int_eq(control(fds[0], F_SETFL, FASYNC), 0);
	ck_assert_int_eq(control(fds[0], F_GETFL, 0), FASYNC);
	ck_assert_int_eq(control(fd, F_GETFL, 0), O_RDWR | O_LARGEFILE);
	ck_assert_int_eq(control(fd, F_SETFL, O_DIRECT), -EINVAL);
	ck_assert_int_eq(control(fd, F_SETFL, O_APPEND | FASYNC), 0);
	ck_assert_int_eq(control(fd, F_GETFL, 0),
			 O_RDWR | O_LARGEFILE | O_APPEND);
	ck_assert_int_eq(control(0, F_SETFL, O_DIRECT), -EINVAL);
	ck_assert_int_eq(control(fd, 9999, 0), -EINVAL);
	ck_assert_int_eq(control(99, 9999, 0), -EBADF);
}
END_TEST

START_TEST(descriptors_from_a_number_on)
{
	ck_assert_int_eq(control(fds[0], F_DUPFD, 0), 5);
	ck_assert_int_eq(control(fds[0], F_DUPFD, 50), 50);
	ck_assert_int_eq(control(fds[0], F_DUPFD_CLOEXEC, 50), 51);
	ck_assert_int_eq(control(50, F_GETFD, 0), 0);
	ck_assert_int_eq(control(51, F_GETFD, 0), FD_CLOEXEC);
	ck_assert_int_eq(control(51, F_SETFD, 6), 0);
	ck_assert_int_eq(control(51, F_GETFD, 0), 0);
	ck_assert_int_eq(control(51, F_SETFD, 7), 0);
	close_fd(51);
	ck_assert_int_eq(control(fds[0], F_DUPFD, 51), 51);
	ck_assert_int_eq(control(51, F_GETFD, 0), 0);
	ck_assert_int_eq(control(fds[0], F_DUPFD, UINT64_MAX), -EINVAL);
	host_setrlimit(sp.m, sp.pid, RLIMIT_NOFILE, 52);
	ck_assert_int_eq(control(fds[0], F_DUPFD, 52), -EINVAL);
	ck_assert_int_eq(control(fds[0], F_DUPFD, 50), -EMFILE);
}
END_TEST

/* ---- what it shows ---- */

START_TEST(pages_of_a_pipe_are_seen_in_the_picture_of_ram)
{
	enum frame_use use;
	char path[MM_PATH_MAX];

	put(2 * PAGE_SIZE);
	mm_frame_run(sp.m, buffer(1)->page, buffer(1)->page + 1, &use);
	ck_assert_int_eq(use, FRAME_PIPE);
	ck_assert_uint_eq(mm_pipe_buffers(sp.m, (pfn_t)buffer(1)->page), 1);
	ck_assert_str_eq(mm_pipe_ops_name(buffer(1)->ops), "anon_pipe_buf_ops");
	mm_file_path(sp.m, mm_fd_file(sp.m, task_at(sp.m, space_task(&sp))->files,
				      (uint32_t)fds[0]), path);
	ck_assert_int_eq(strncmp(path, "pipe:[", 6), 0);
	ck_assert(pipe_none(mm_pipe(sp.m, space_task(&sp), 0)));
	ck_assert(pipe_none(mm_pipe(sp.m, space_task(&sp), -1)));
}
END_TEST

/* {2.6.17} The page of the last buffer read is there for the next write. */
START_TEST(an_empty_page_is_kept_for_the_next_write)
{
	uint64_t page;

	put(10);
	page = buffer(0)->page;
	get(10);
	ck_assert_uint_eq(ring()->tmp_page, page);
	put(10);
	ck_assert_uint_eq(buffer(0)->page, page);
	ck_assert_uint_eq(ring()->tmp_page, 0);
}
END_TEST

START_TEST(without_ram_there_is_no_page_to_write_to)
{
	struct mm_config config = mm_config_default();
	int64_t n, total = 0;

	space_close(&sp);
	config.ram = MM_RAM_MIN;
	space_open_with(&sp, &config, true);
	for (;;) {
		if (run_op((struct op){ .code = OP_PIPE,
					.pipe = { O_NONBLOCK } }) < 0)
			break;
		fds[0] = last.fds[0];
		fds[1] = last.fds[1];
		n = put(CAPACITY);
		if (n < 0) {
			ck_assert_int_eq(n, -ENOMEM);
			break;
		}
		total += n;
	}
	ck_assert_int_gt(total, 0);
	host_check(sp.m);
}
END_TEST

Suite *suite_pipe(void);

Suite *suite_pipe(void)
{
	Suite *suite = suite_create("pipe");
	TCase *tc = tcase_create("pipe");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, sixteen_pages_fill_it);
	tcase_add_test(tc, a_byte_read_frees_no_slot);
	tcase_add_test(tc, sixteen_writes_of_2049_bytes_fill_it_and_2047_still_merge);
	tcase_add_test(tc, small_writes_share_a_page);
	tcase_add_test(tc, a_page_is_all_or_nothing_and_more_may_be_cut);
	tcase_add_loop_test(tc, bytes_come_out_in_the_order_they_went_in, 0, 4);
	tcase_add_test(tc, packets_keep_their_ends);
	tcase_add_test(tc, nobody_reads);
	tcase_add_test(tc, a_signal_that_is_delivered_ends_the_process);
	tcase_add_test(tc, nobody_writes);
	tcase_add_test(tc, an_end_is_open_while_anybody_has_it);
	tcase_add_loop_test(tc, nothing_stays_of_a_pipe_that_was_full, 0, 2);
	tcase_add_test(tc, a_reader_would_wait_for_a_writer);
	tcase_add_test(tc, a_writer_moves_nothing_that_would_not_all_fit);
	tcase_add_test(tc, a_writer_whose_memory_ends_fails_before_it_sleeps);
	tcase_add_test(tc, a_fault_in_the_first_page_queues_nothing);
	tcase_add_test(tc, a_buffer_that_cannot_be_written_consumes_nothing);
	tcase_add_test(tc, a_pipe_has_no_positions_and_no_size);
	tcase_add_test(tc, flags_of_a_new_pipe);
	tcase_add_test(tc, sizes_are_rounded_and_bounded);
	tcase_add_test(tc, a_ring_in_use_moves_to_its_new_place);
	tcase_add_test(tc, a_large_ring_takes_more);
	tcase_add_test(tc, who_has_many_slots_gets_few);
	tcase_add_test(tc, the_largest_size_is_a_knob);
	tcase_add_test(tc, a_capable_process_has_slots_without_limit);
	tcase_add_test(tc, fcntl_costs_what_its_command_takes);
	tcase_add_test(tc, flags_of_open_files);
	tcase_add_test(tc, descriptors_from_a_number_on);
	tcase_add_test(tc, pages_of_a_pipe_are_seen_in_the_picture_of_ram);
	tcase_add_test(tc, an_empty_page_is_kept_for_the_next_write);
	tcase_add_test(tc, without_ram_there_is_no_page_to_write_to);
	suite_add_tcase(suite, tc);
	return suite;
}
