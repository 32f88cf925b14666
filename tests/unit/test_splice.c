/* SPDX-License-Identifier: MIT */
/*
 * splice, tee, vmsplice, sendfile: what goes over by reference is shared, and
 * what follows from that is true. The names in braces are the facts of Linux
 * 6.18 that a test repeats.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/fs/pipe.h"
#include "mmcore/mm/pgtable.h"
#include "tests/lib/space.h"

#define CAPACITY (16 * PAGE_SIZE)
#define NR_EVENTS 4096

static struct space sp;
static uint8_t out[4 * CAPACITY], in[4 * CAPACITY];
static int64_t p[2], q[2], memfd;
static struct op_result last;
static struct trace_event events[NR_EVENTS];
static struct trace trace;

static int64_t run_op(struct op op)
{
	op.pid = op.pid ? op.pid : sp.pid;
	op.buf = in;
	trace = (struct trace){ .events = events, .capacity = NR_EVENTS };
	ck_assert_int_eq(mm_step(sp.m, &op, &last, &trace), MM_OK);
	return last.ret;
}

/* Events of a kind that the last operation told; *copied: bytes, all kinds. */
static uint64_t told(enum trace_id id, uint64_t *copied)
{
	uint64_t nr = 0;

	*copied = 0;
	for (uint64_t i = 0; i < trace.nr; i++) {
		const char *spec = trace_kinds[events[i].id].args, *at;
		unsigned int arg = 0;

		nr += events[i].id == id && !events[i].note;
		at = strstr(spec, "copied:d");
		for (const char *c = spec; at && c < at; c++)
			arg += *c == ' ';
		if (at && !events[i].note)
			*copied += events[i].arg[arg];
	}
	return nr;
}

static void make_pipe(int64_t fds[2], uint64_t flags)
{
	ck_assert_int_eq(run_op((struct op){ .code = OP_PIPE,
					     .pipe = { flags } }), 0);
	fds[0] = last.fds[0];
	fds[1] = last.fds[1];
}

static int64_t make_memfd(uint64_t bytes)
{
	struct op op = { .code = OP_MEMFD_CREATE };
	int64_t fd = run_op(op);

	op = (struct op){ .code = OP_PWRITE,
			  .pwrite = { fd, 0, NO_BUFFER, 0 },
			  .data = out, .data_len = bytes };
	if (bytes)
		ck_assert_int_eq(run_op(op), (int64_t)bytes);
	return fd;
}

static void setup(void)
{
	space_open(&sp);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 251);
	make_pipe(p, O_NONBLOCK);
	make_pipe(q, O_NONBLOCK);
	memfd = make_memfd(2 * CAPACITY);
}

static void teardown(void)
{
	space_close(&sp);
}

static int64_t put(int64_t fd, uint64_t n)
{
	return run_op((struct op){ .code = OP_WRITE,
		.write = { fd, NO_BUFFER, 0 }, .data = out, .data_len = n });
}

static int64_t get(int64_t fd, uint64_t n)
{
	memset(in, 0xee, n < sizeof(in) ? n : sizeof(in));
	return run_op((struct op){ .code = OP_READ,
				   .read = { fd, n, NO_BUFFER } });
}

static int64_t pread_fd(int64_t fd, uint64_t n, uint64_t at)
{
	return run_op((struct op){ .code = OP_PREAD,
				   .pread = { fd, n, at, NO_BUFFER } });
}

static int64_t close_fd(int64_t fd)
{
	return run_op((struct op){ .code = OP_CLOSE, .close = { fd } });
}

static int64_t setfl(int64_t fd, uint64_t flags)
{
	return run_op((struct op){ .code = OP_FCNTL,
				   .fcntl = { fd, flags, F_SETFL } });
}

static int64_t splice(int64_t from, int64_t off_in, int64_t to,
		      int64_t off_out, uint64_t len, uint64_t flags)
{
	return run_op((struct op){ .code = OP_SPLICE,
		.splice = { from, off_in, to, off_out, len, flags } });
}

#define splice_plain(from, to, len) \
	splice(from, NO_OFFSET, to, NO_OFFSET, len, 0)

static int64_t tee(int64_t from, int64_t to, uint64_t len)
{
	return run_op((struct op){ .code = OP_TEE,
				   .tee = { from, to, len, 0 } });
}

static int64_t vmsplice(int64_t fd, uint64_t base, uint64_t len, uint64_t flags)
{
	const struct op_iovec vec = { base, len };

	return run_op((struct op){ .code = OP_VMSPLICE,
				   .vmsplice = { fd, flags },
				   .iov = { &vec, 1 } });
}

static int64_t sendfile(int64_t to, int64_t from, int64_t offset, uint64_t n)
{
	return run_op((struct op){ .code = OP_SENDFILE,
				   .sendfile = { to, from, offset, n } });
}

static const struct pipe_buffer *buffer(int64_t fd, uint32_t i)
{
	return mm_pipe_buffer(sp.m, mm_pipe(sp.m, space_task(&sp), fd), i);
}

static uint32_t buffers(int64_t fd)
{
	return pipe_at(sp.m, mm_pipe(sp.m, space_task(&sp), fd))->nrbufs;
}

/* ---- arguments ---- */

/* {splice.1-11}: what is looked at first. */
START_TEST(splice_looks_in_the_kernels_order)
{
	const int64_t none = NO_OFFSET;
	static const struct {
		int from, at, to, out_at;	/* 0-5: p, q, memfd, /dev/null */
		int64_t off_in, off_out;
		uint64_t len, flags;
		int64_t ret;
	} cases[] = {
#define NONE NO_OFFSET
		{ 9, 0, 9, 0, NONE, NONE, 0, ~0ULL, 0 },
		{ 9, 0, 9, 0, NONE, NONE, 1, 16, -EINVAL },
		{ 9, 0, 1, 0, NONE, NONE, 1, 0, -EBADF },
		{ 4, 0, 9, 0, NONE, NONE, 1, 0, -EBADF },
		{ 0, 0, 4, 0, 0, NONE, 1, 0, -ESPIPE },
		{ 1, 0, 4, 0, 0, NONE, 1, 0, -ESPIPE },	/* before the mode */
		{ 4, 0, 1, 0, NONE, 0, 1, 0, -ESPIPE },
		{ 1, 0, 4, 0, NONE, NONE, 1, 0, -EBADF },
		{ 4, 0, 0, 0, NONE, NONE, 1, 0, -EBADF },
		{ 0, 0, 1, 0, NONE, NONE, 1, 0, -EINVAL },
		{ 4, 0, 4, 0, NONE, NONE, 1, 0, -EINVAL },
		{ 4, 0, 1, 0, -1, NONE, 1, 0, -EINVAL },
		{ 0, 0, 4, 0, NONE, -1, 1, 0, -EINVAL },
		{ 4, 0, 1, 0, NONE, NONE, ~0ULL, 0, -EINVAL },
		{ 4, 0, 1, 0, INT64_MAX, NONE, 1, 0, -EINVAL },
		{ 5, 0, 1, 0, NONE, NONE, 1, 0, -EINVAL },
		{ 0, 0, 4, 0, NONE, NONE, 1, 0, -EAGAIN },
	};
	const int64_t fds[] = { p[0], p[1], q[0], q[1], memfd, 0, 99, 99, 99, 99 };

	(void)none;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		splice(fds[cases[i].from], cases[i].off_in, fds[cases[i].to],
		       cases[i].off_out, cases[i].len, cases[i].flags);
		ck_assert_msg(last.ret == cases[i].ret, "case %zu: %lld: %s", i,
			      (long long)last.ret, last.why);
	}
	setfl(memfd, O_APPEND);
	put(p[1], 5);
	ck_assert_int_eq(splice_plain(p[0], memfd, 5), -EINVAL);
	ck_assert_int_eq(sendfile(memfd, memfd, NO_OFFSET, 5), -EINVAL);
}
END_TEST

/* {tee.3-5} {vms.10-12} {sf.1-6} */
START_TEST(the_others_look_in_theirs)
{
	struct op_iovec many[1];

	ck_assert_int_eq(run_op((struct op){ .code = OP_TEE,
			.tee = { 99, 99, 0, 16 } }), -EINVAL);
	ck_assert_int_eq(tee(99, 99, 0), 0);
	ck_assert_int_eq(tee(99, q[1], 1), -EBADF);
	ck_assert_int_eq(tee(p[1], q[1], 1), -EBADF);
	ck_assert_int_eq(tee(p[0], memfd, 1), -EINVAL);
	ck_assert_int_eq(tee(p[0], p[1], 1), -EINVAL);
	ck_assert_int_eq(tee(p[0], q[1], 1), -EAGAIN);
	ck_assert_int_eq(vmsplice(99, 0, 0, 16), -EINVAL);
	ck_assert_int_eq(vmsplice(99, 0, 0, 0), -EBADF);
	ck_assert_int_eq(vmsplice(memfd, page_addr(0), 0, 0), 0);
	ck_assert_int_eq(vmsplice(memfd, page_addr(0), 1, 0), -EBADF);
	ck_assert_int_eq(vmsplice(memfd, ~0ULL, 1, 0), -EFAULT);
	ck_assert_int_eq(vmsplice(p[1], page_addr(0), ~0ULL, 0), -EINVAL);
	ck_assert_int_eq(vmsplice(p[1], page_addr(0), 1, 0), -EFAULT);
	ck_assert_int_eq(vmsplice(p[0], page_addr(0), 1,
				  SPLICE_F_NONBLOCK), -EAGAIN);
	ck_assert_int_eq(run_op((struct op){ .code = OP_VMSPLICE,
			.vmsplice = { p[1], 0 }, .iov = { many, 1025 } }),
			 -EINVAL);
	ck_assert_int_eq(sendfile(0, 99, NO_OFFSET, 1), -EBADF);
	ck_assert_int_eq(sendfile(0, p[0], 0, 1), -ESPIPE);
	ck_assert_int_eq(sendfile(0, p[0], NO_OFFSET, 1), -EINVAL);
	ck_assert_int_eq(sendfile(q[1], p[0], NO_OFFSET, 1), -EINVAL);
	ck_assert_int_eq(sendfile(0, memfd, -1, 1), -EINVAL);
	ck_assert_int_eq(sendfile(p[0], memfd, 0, 1), -EBADF);
	ck_assert_int_eq(sendfile(memfd, 0, NO_OFFSET, 1), -EINVAL);
}
END_TEST

/* ---- file to pipe ---- */

/* {splice.20}: an unaligned start fills one slot less than a page. */
START_TEST(pages_of_the_file_enter_the_ring)
{
	uint64_t copied;

	ck_assert_int_eq(splice(memfd, 100, p[1], NO_OFFSET, 1 << 20, 0), 65436);
	ck_assert_uint_eq(last.offset, 65536);
	ck_assert_uint_eq(told(TRACE_splice_page, &copied), 16);
	ck_assert_uint_eq(copied, 0);
	ck_assert_uint_eq(buffer(p[0], 0)->offset, 100);
	ck_assert_int_eq(buffer(p[0], 0)->ops, PIPE_BUF_OPS_PAGE_CACHE);
	ck_assert_int_eq(page_read(sp.m, (pfn_t)buffer(p[0], 3)->page)._count, 2);
	host_check(sp.m);
	ck_assert_int_eq(splice(memfd, 0, p[1], NO_OFFSET, 1, 0), -EAGAIN);
	ck_assert_int_eq(get(p[0], sizeof(in)), 65436);
	ck_assert_mem_eq(in, out + 100, 65436);
}
END_TEST

/* {splice.13-16}: the position moves on where no offset is given. */
START_TEST(positions_and_offsets)
{
	ck_assert_int_eq(splice_plain(memfd, p[1], 100), 100);
	ck_assert_int_eq(splice(memfd, 5000, p[1], NO_OFFSET, 100, 0), 100);
	ck_assert_uint_eq(last.offset, 5100);
	ck_assert_int_eq(splice_plain(memfd, p[1], 100), 100);
	ck_assert_int_eq(get(p[0], 1000), 300);
	ck_assert_mem_eq(in, out, 100);
	ck_assert_mem_eq(in + 100, out + 5000, 100);
	ck_assert_mem_eq(in + 200, out + 100, 100);
	ck_assert_int_eq(splice(memfd, 2 * CAPACITY, p[1], NO_OFFSET, 1, 0), 0);
	ck_assert_int_eq(splice(memfd, 2 * CAPACITY - 5, p[1], NO_OFFSET, 100,
				0), 5);
}
END_TEST

/* {splice.21}: sixteen bytes are enough. */
START_TEST(sixteen_splices_of_a_byte_fill_a_pipe)
{
	for (int i = 0; i < 16; i++)
		ck_assert_int_eq(splice_plain(memfd, p[1], 1), 1);
	ck_assert_int_eq(splice_plain(memfd, p[1], 1), -EAGAIN);
	ck_assert_int_eq(put(p[1], 1), -EAGAIN);
	ck_assert_int_eq(get(p[0], 100), 16);
	ck_assert_mem_eq(in, out, 16);
}
END_TEST

/* {splice.22-25}: the file's page is in the pipe, not a copy of its bytes. */
START_TEST(a_later_write_shows_and_a_truncation_takes_nothing_back)
{
	struct op op = { .code = OP_PWRITE,
			 .pwrite = { memfd, 10, NO_BUFFER, 0 },
			 .data = (const uint8_t *)"changed", .data_len = 7 };

	splice(memfd, 0, p[1], NO_OFFSET, 5000, 0);
	ck_assert_int_eq(put(p[1], 3), 3);	/* not appended to the file's page */
	ck_assert_uint_eq(buffers(p[0]), 3);
	run_op(op);
	ck_assert_int_eq(run_op((struct op){ .code = OP_FTRUNCATE,
				.ftruncate = { memfd, 0 } }), 0);
	host_check(sp.m);
	ck_assert_int_eq(mm_pipe_buffers(sp.m, (pfn_t)buffer(p[0], 0)->page), 1);
	ck_assert_int_eq(page_has(sp.m, (pfn_t)buffer(p[0], 0)->page, PG_pipe), 1);
	ck_assert_int_eq(get(p[0], 6000), 5003);
	ck_assert_mem_eq(in, out, 10);
	ck_assert_mem_eq(in + 10, "changed", 7);
	ck_assert_mem_eq(in + 17, out + 17, 4983);
	host_check(sp.m);
}
END_TEST

START_TEST(a_hole_is_the_zero_page)
{
	const int64_t fd = make_memfd(0);
	uint64_t copied;

	run_op((struct op){ .code = OP_FTRUNCATE, .ftruncate = { fd, 9000 } });
	ck_assert_int_eq(splice(fd, 0, p[1], NO_OFFSET, 10000, 0), 9000);
	ck_assert_uint_eq(buffer(p[0], 0)->page, kernel_at(sp.m)->zero_pfn);
	ck_assert_int_eq(tee(p[0], q[1], 9000), 9000);
	host_check(sp.m);
	ck_assert_int_eq(splice(q[0], NO_OFFSET, memfd, 0, 4096,
				SPLICE_F_MOVE), 4096);
	ck_assert_uint_eq(told(TRACE_splice_move, &copied), 0);
	ck_assert_int_eq(get(p[0], 10000), 9000);
	for (int i = 0; i < 9000; i++)
		ck_assert_uint_eq(in[i], 0);
	ck_assert_int_eq(pread_fd(memfd, 4097, 0), 4097);
	ck_assert_uint_eq(in[4095], 0);
	ck_assert_uint_eq(in[4096], out[4096]);
}
END_TEST

/* ---- pipe to file ---- */

START_TEST(bytes_are_copied_into_the_file_and_the_position_moves)
{
	uint64_t copied;

	put(p[1], 10000);
	ck_assert_int_eq(splice(p[0], NO_OFFSET, memfd, 77, 6000, 0), 6000);
	ck_assert_uint_eq(last.offset, 6077);
	ck_assert_uint_eq(told(TRACE_splice_write, &copied), 2);
	ck_assert_uint_eq(copied, 6000);
	ck_assert_int_eq(splice_plain(p[0], memfd, 100000), 4000);
	ck_assert_int_eq(splice_plain(p[0], memfd, 100000), -EAGAIN);
	ck_assert_int_eq(pread_fd(memfd, 10000, 0), 10000);
	ck_assert_mem_eq(in, out + 6000, 4000);
	ck_assert_mem_eq(in + 4000, out + 3923, 2077);
	close_fd(p[1]);
	ck_assert_int_eq(splice_plain(p[0], memfd, 100), 0);
}
END_TEST

/* The page of a write becomes the file's: nothing is copied. */
START_TEST(a_whole_page_moves_where_the_file_has_none)
{
	const int64_t fd = make_memfd(0);
	uint64_t copied, page;

	put(p[1], 2 * PAGE_SIZE + 10);
	page = buffer(p[0], 0)->page;
	ck_assert_int_eq(splice(p[0], NO_OFFSET, fd, 0, CAPACITY, SPLICE_F_MOVE),
			 2 * (int64_t)PAGE_SIZE + 10);
	ck_assert_uint_eq(told(TRACE_splice_move, &copied), 2);
	ck_assert_uint_eq(copied, 10);
	host_check(sp.m);
	ck_assert_uint_eq(page_read(sp.m, (pfn_t)page).flags >> PG_pipe & 1, 0);
	ck_assert_int_eq(pread_fd(fd, CAPACITY, 0), 2 * (int64_t)PAGE_SIZE + 10);
	ck_assert_mem_eq(in, out, 2 * PAGE_SIZE + 10);
	/* The file has pages there now; these are copied. */
	put(p[1], PAGE_SIZE);
	splice(p[0], NO_OFFSET, fd, 0, PAGE_SIZE, SPLICE_F_MOVE);
	ck_assert_uint_eq(told(TRACE_splice_move, &copied), 0);
	ck_assert_uint_eq(copied, PAGE_SIZE);
}
END_TEST

START_TEST(what_somebody_else_has_is_copied)
{
	const int64_t fd = make_memfd(0);
	uint64_t copied;

	put(p[1], PAGE_SIZE);
	tee(p[0], q[1], PAGE_SIZE);
	splice(p[0], NO_OFFSET, fd, 0, PAGE_SIZE, SPLICE_F_MOVE);
	ck_assert_uint_eq(told(TRACE_splice_move, &copied), 0);
	splice(memfd, 0, p[1], NO_OFFSET, PAGE_SIZE, 0);
	splice(p[0], NO_OFFSET, fd, 4096, PAGE_SIZE, SPLICE_F_MOVE);
	ck_assert_uint_eq(told(TRACE_splice_move, &copied), 0);
	space_map(&sp, 0, 1, RW);
	space_write(&sp, 0);
	vmsplice(p[1], page_addr(0), PAGE_SIZE, 0);
	space_unmap(&sp, 0, 1);
	splice(p[0], NO_OFFSET, fd, 8192, PAGE_SIZE, SPLICE_F_MOVE);
	ck_assert_uint_eq(told(TRACE_splice_move, &copied), 0);
	ck_assert_uint_eq(copied, PAGE_SIZE);
	/* The other pipe's buffer is alone now. */
	splice(q[0], NO_OFFSET, fd, 3 * 4096, PAGE_SIZE, SPLICE_F_MOVE);
	ck_assert_uint_eq(told(TRACE_splice_move, &copied), 1);
}
END_TEST

START_TEST(a_gift_that_nobody_maps_any_more_moves)
{
	const int64_t fd = make_memfd(0);
	uint64_t copied;

	space_map(&sp, 0, 1, RW);
	space_write(&sp, 0);
	vmsplice(p[1], page_addr(0), PAGE_SIZE, SPLICE_F_GIFT);
	ck_assert_uint_eq(buffer(p[0], 0)->flags, PIPE_BUF_FLAG_GIFT);
	if (_i)
		space_unmap(&sp, 0, 1);
	splice(p[0], NO_OFFSET, fd, 0, PAGE_SIZE, SPLICE_F_MOVE);
	ck_assert_int_eq(told(TRACE_splice_move, &copied), _i);
	ck_assert_uint_eq(copied, _i ? 0 : PAGE_SIZE);
	host_check(sp.m);
}
END_TEST

START_TEST(the_limit_of_file_sizes_cuts_and_signals)
{
	const int64_t fd = make_memfd(0);

	host_setrlimit(sp.m, sp.pid, RLIMIT_FSIZE, 5000);
	put(p[1], 3 * PAGE_SIZE);
	ck_assert_int_eq(splice(p[0], NO_OFFSET, fd, 0, CAPACITY,
				SPLICE_F_MOVE), 5000);
	ck_assert_int_eq(last.signo, SIGXFSZ);
	ck_assert_int_eq(last.outcome, OUT_OK);
	ck_assert_int_eq(splice(p[0], NO_OFFSET, fd, 5000, 1, 0), -EFBIG);
	ck_assert_int_eq(last.signo, SIGXFSZ);
	ck_assert_int_eq(get(p[0], CAPACITY), 3 * (int64_t)PAGE_SIZE - 5000);
}
END_TEST

/* /dev/null takes all and copies nothing. */
START_TEST(null_forgets_without_a_look)
{
	uint64_t copied;

	splice(memfd, 0, p[1], NO_OFFSET, CAPACITY, 0);
	ck_assert_int_eq(splice_plain(p[0], 0, CAPACITY), (int64_t)CAPACITY);
	ck_assert_uint_eq(told(TRACE_splice_null, &copied), 16);
	ck_assert_uint_eq(copied, 0);
	ck_assert_uint_eq(buffers(p[0]), 0);
	put(p[1], 10);
	ck_assert_int_eq(splice(p[0], NO_OFFSET, 0, 7, 4, 0), 4);
	ck_assert_uint_eq(last.offset, 7);
	/* What is left is what comes behind it. */
	ck_assert_int_eq(get(p[0], 100), 6);
	ck_assert_mem_eq(in, out + 4, 6);
}
END_TEST

/* A whole page that would begin in the middle of one of the file's. */
START_TEST(a_page_for_an_odd_place_is_copied)
{
	const int64_t fd = make_memfd(0);
	uint64_t copied;

	put(p[1], PAGE_SIZE);
	ck_assert_int_eq(splice(p[0], NO_OFFSET, fd, 100, PAGE_SIZE,
				SPLICE_F_MOVE), PAGE_SIZE);
	ck_assert_uint_eq(told(TRACE_splice_write, &copied), 1);
	ck_assert_uint_eq(copied, PAGE_SIZE);
	ck_assert_int_eq(pread_fd(fd, PAGE_SIZE, 100), PAGE_SIZE);
	ck_assert_mem_eq(in, out, PAGE_SIZE);
}
END_TEST

START_TEST(nothing_goes_to_a_pipe_that_nobody_reads)
{
	put(p[1], 10);
	ck_assert_int_eq(close_fd(q[0]), 0);
	ck_assert_int_eq(splice_plain(p[0], q[1], 10), -EPIPE);
	ck_assert_int_eq(last.signo, SIGPIPE);
	ck_assert_int_eq(tee(p[0], q[1], 10), -EPIPE);
	ck_assert_int_eq(get(p[0], 100), 10);
}
END_TEST

START_TEST(tee_takes_what_the_other_pipe_has_slots_for)
{
	for (int i = 0; i < 15; i++) {
		put(p[1], PAGE_SIZE);
		put(q[1], PAGE_SIZE);
	}
	ck_assert_int_eq(tee(p[0], q[1], 3 * PAGE_SIZE), PAGE_SIZE);
	ck_assert_uint_eq(buffers(q[0]), 16);
	ck_assert_uint_eq(buffers(p[0]), 15);
}
END_TEST

/* O_DIRECT: the page cache is not for it, so pages of the pipe's own are filled. */
START_TEST(a_direct_file_fills_pages)
{
	struct op op = { .code = OP_FILE_CREATE, .path = "/d", .path_len = 2,
			 .data = out, .data_len = 2 * PAGE_SIZE };
	uint64_t copied;
	int64_t fd;

	op.file_create.mode = 0644;
	run_op(op);
	fd = run_op((struct op){ .code = OP_OPEN, .path = "/d", .path_len = 2,
				 .open = { O_RDONLY | O_DIRECT, 0 } });
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(splice(fd, 0, p[1], NO_OFFSET, 2 * PAGE_SIZE, 0),
			 2 * PAGE_SIZE);
	ck_assert_uint_eq(told(TRACE_splice_fill, &copied), 2);
	ck_assert_uint_eq(copied, 2 * PAGE_SIZE);
	ck_assert_int_eq(buffer(p[0], 0)->ops, PIPE_BUF_OPS_DEFAULT);
	ck_assert_int_eq(get(p[0], CAPACITY), 2 * PAGE_SIZE);
	ck_assert_mem_eq(in, out, 2 * PAGE_SIZE);
}
END_TEST

/*
 * Consecutive entries are found from the one before, but for the first of a
 * table. The frame behind a table is the page that was made with it, whose bytes
 * look like entries here.
 */
START_TEST(pages_on_both_sides_of_a_table_are_found)
{
	const uint64_t border = page_addr(0) + (4ULL << 20);
	const uint64_t at = border - PAGE_SIZE;
	const mm_ref mm = task_at(sp.m, space_task(&sp))->mm;
	uint64_t words[PAGE_SIZE / 8];

	/* The caches of what a first store needs have their frames. */
	host_mmap(sp.m, sp.pid, page_addr(8), PAGE_SIZE, RW, PRIVATE | MAP_FIXED);
	host_store(sp.m, sp.pid, page_addr(8), 1);
	for (size_t i = 0; i < PAGE_SIZE / 8; i++)
		words[i] = kernel_at(sp.m)->zero_pfn << PAGE_SHIFT | 0x27;
	host_mmap(sp.m, sp.pid, at, 2 * PAGE_SIZE, RW, PRIVATE | MAP_FIXED);
	for (uint64_t addr = at; addr <= border; addr += PAGE_SIZE)
		run_op((struct op){ .code = OP_MEM_WRITE, .mem_write = { addr },
				    .data = (const uint8_t *)words,
				    .data_len = PAGE_SIZE });
	if (host_arch == ARCH_X86_64)
		ck_assert_uint_eq(mm_pagemap_entry(sp.m, mm, at).pfn,
				  (pte_lookup(sp.m, mm_at(sp.m, mm), at) >>
				   PAGE_SHIFT) + 1);
	ck_assert_int_eq(vmsplice(p[1], at, 2 * PAGE_SIZE, 0), 2 * PAGE_SIZE);
	for (uint32_t i = 0; i < 2; i++)
		ck_assert_uint_eq(buffer(p[0], i)->page,
				  mm_pagemap_entry(sp.m, mm,
						   at + i * PAGE_SIZE).pfn);
}
END_TEST

START_TEST(zero_fills_pages)
{
	struct op op = { .code = OP_OPEN, .path = "/dev/zero", .path_len = 9,
			 .open = { O_RDWR, 0 } };
	const int64_t fd = run_op(op);
	uint64_t copied;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(splice(fd, 5, p[1], NO_OFFSET, 10000, 0), 10000);
	ck_assert_uint_eq(last.offset, 5);
	ck_assert_uint_eq(told(TRACE_splice_fill, &copied), 3);
	ck_assert_int_eq(buffer(p[0], 0)->ops, PIPE_BUF_OPS_DEFAULT);
	ck_assert_int_eq(splice_plain(p[0], fd, 4000), 4000);
	ck_assert_int_eq(get(p[0], 10000), 6000);
	ck_assert_int_eq(sendfile(memfd, fd, NO_OFFSET, 100000), 100000);
	ck_assert_int_eq(pread_fd(memfd, 1, 99999), 1);
	ck_assert_uint_eq(in[0], 0);
}
END_TEST

START_TEST(files_of_the_disk)
{
	struct op op = { .code = OP_OPEN, .path = "/f", .path_len = 2,
			 .open = { O_RDWR | O_CREAT, 0600 } };
	const int64_t fd = run_op(op);
	uint64_t copied;

	put(p[1], PAGE_SIZE);
	ck_assert_int_eq(splice(p[0], NO_OFFSET, fd, 0, PAGE_SIZE,
				SPLICE_F_MOVE), (int64_t)PAGE_SIZE);
	ck_assert_uint_eq(told(TRACE_splice_move, &copied), 1);
	ck_assert_uint_eq(copied, 0);
	put(p[1], 5000);
	ck_assert_int_eq(splice(p[0], NO_OFFSET, fd, 4096, 5000, 0), 5000);
	host_check(sp.m);
	ck_assert_int_eq(run_op((struct op){ .code = OP_FSYNC,
					     .fsync = { fd } }), 0);
	ck_assert_int_eq(splice(fd, 10, p[1], NO_OFFSET, CAPACITY, 0), 9086);
	ck_assert_uint_eq(told(TRACE_splice_page, &copied), 3);
	ck_assert_uint_eq(copied, 0);
	run_op((struct op){ .code = OP_FTRUNCATE, .ftruncate = { fd, 0 } });
	host_check(sp.m);
	ck_assert_int_eq(get(p[0], CAPACITY), 9086);
	ck_assert_mem_eq(in, out + 10, 4086);
	ck_assert_mem_eq(in + 4086, out, 5000);
}
END_TEST

/* ---- pipe to pipe, tee ---- */

/* {splice.19,30}: whole buffers move, the last one is shared. */
START_TEST(buffers_go_from_ring_to_ring)
{
	uint64_t copied, page;

	put(p[1], 3 * PAGE_SIZE);
	page = buffer(p[0], 1)->page;
	ck_assert_int_eq(splice_plain(p[0], q[1], 5000), 5000);
	ck_assert_uint_eq(told(TRACE_splice_pipe, &copied), 2);
	ck_assert_uint_eq(copied, 0);
	ck_assert_uint_eq(buffer(q[0], 1)->page, page);
	ck_assert_uint_eq(buffer(p[0], 0)->page, page);
	ck_assert_int_eq(page_read(sp.m, (pfn_t)page)._count, 2);
	ck_assert_uint_eq(buffer(q[0], 1)->flags, 0);
	host_check(sp.m);
	ck_assert_int_eq(splice_plain(p[0], q[1], CAPACITY), 7288);
	ck_assert_int_eq(splice_plain(p[0], q[1], CAPACITY), -EAGAIN);
	ck_assert_int_eq(get(q[0], CAPACITY), 3 * (int64_t)PAGE_SIZE);
	ck_assert_mem_eq(in, out, 3 * PAGE_SIZE);
	/* A buffer that moved whole can still be appended to. */
	put(p[1], 5);
	splice_plain(p[0], q[1], 5);
	put(q[1], 5);
	ck_assert_uint_eq(buffers(q[0]), 1);
}
END_TEST

START_TEST(a_full_ring_and_a_closed_one)
{
	put(q[1], CAPACITY);
	put(p[1], 10);
	ck_assert_int_eq(splice_plain(p[0], q[1], 10), -EAGAIN);
	ck_assert_int_eq(tee(p[0], q[1], 10), -EAGAIN);
	close_fd(q[0]);
	ck_assert_int_eq(splice_plain(p[0], q[1], 10), -EPIPE);
	ck_assert_int_eq(last.signo, SIGPIPE);
	ck_assert_int_eq(tee(p[0], q[1], 10), -EPIPE);
	ck_assert_int_eq(splice(memfd, 0, q[1], NO_OFFSET, 10, 0), -EPIPE);
	ck_assert_int_eq(vmsplice(q[1], page_addr(0), 10, 0), -EPIPE);
	ck_assert_int_eq(get(p[0], 100), 10);
}
END_TEST

/* {tee.1-10} */
START_TEST(tee_consumes_nothing_and_copies_nothing)
{
	uint64_t copied;

	put(p[1], 5000);
	ck_assert_int_eq(tee(p[0], q[1], 4500), 4500);
	ck_assert_uint_eq(told(TRACE_tee, &copied), 2);
	ck_assert_uint_eq(copied, 0);
	ck_assert_uint_eq(buffer(q[0], 0)->page, buffer(p[0], 0)->page);
	ck_assert_uint_eq(buffer(q[0], 1)->len, 404);
	host_check(sp.m);
	ck_assert_int_eq(put(p[1], 50), 50);	/* the source may still grow */
	ck_assert_uint_eq(buffers(p[0]), 2);
	put(q[1], 3);				/* the copy may not */
	ck_assert_uint_eq(buffers(q[0]), 3);
	ck_assert_int_eq(get(q[0], 10000), 4503);
	ck_assert_mem_eq(in, out, 4500);
	ck_assert_int_eq(get(p[0], 10000), 5050);
	ck_assert_mem_eq(in, out, 5000);
	close_fd(p[1]);
	ck_assert_int_eq(tee(p[0], q[1], 10), 0);
}
END_TEST

/* ---- vmsplice ---- */

static void map_and_fill(unsigned int n, unsigned int pages)
{
	struct op op = { .code = OP_MEM_WRITE, .data = out,
			 .data_len = pages * PAGE_SIZE };

	space_map(&sp, n, pages, RW);
	op.mem_write.addr = page_addr(n);
	run_op(op);
}

/* {vms.2}: what the program stores later the reader gets. */
START_TEST(a_store_after_vmsplice_is_seen)
{
	uint64_t copied;

	map_and_fill(0, 2);
	ck_assert_int_eq(vmsplice(p[1], page_addr(0) + 10, 5000, 0), 5000);
	ck_assert_uint_eq(told(TRACE_vmsplice, &copied), 2);
	ck_assert_uint_eq(copied, 0);
	host_store(sp.m, sp.pid, page_addr(0) + 10, 0x5a);
	host_check(sp.m);
	ck_assert_int_eq(get(p[0], 10000), 5000);
	ck_assert_uint_eq(in[0], 0x5a);
	ck_assert_mem_eq(in + 1, out + 11, 4999);
}
END_TEST

/* gup_fast(), 6.18: also a page that was cold, and that nobody has touched since. */
START_TEST(a_page_taken_by_reference_was_referenced)
{
	pfn_t pfn;

	map_and_fill(0, 1);
	pfn = (pfn_t)space_page(&sp, 0).pfn;
	ck_assert_int_eq(run_op((struct op){ .code = OP_MADVISE,
		.madvise = { page_addr(0), PAGE_SIZE, MADV_COLD } }), 0);
	ck_assert(!page_has(sp.m, pfn, PG_referenced));
	ck_assert_int_eq(vmsplice(p[1], page_addr(0), 1, 0), 1);
	ck_assert(page_has(sp.m, pfn, PG_referenced));
}
END_TEST

/* {vms.3}: after a fork the store goes to a copy. */
START_TEST(a_store_after_fork_is_not_seen)
{
	uint32_t child;

	map_and_fill(0, 1);
	vmsplice(p[1], page_addr(0), 100, 0);
	child = (uint32_t)host_fork(sp.m, sp.pid, 0);
	if (_i)		/* the pipe's reference alone is enough */
		host_exit(sp.m, child);
	host_store(sp.m, sp.pid, page_addr(0), 0x5a);
	host_check(sp.m);
	ck_assert_int_eq(get(p[0], 100), 100);
	ck_assert_uint_eq(in[0], out[0]);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(0)), 0x5a);
}
END_TEST

/* {vms.4}: munmap leaves the pipe its page. */
START_TEST(munmap_leaves_the_pipe_its_page)
{
	enum frame_use use;
	pfn_t pfn;

	map_and_fill(0, 1);
	vmsplice(p[1], page_addr(0), PAGE_SIZE, 0);
	pfn = (pfn_t)buffer(p[0], 0)->page;
	mm_frame_run(sp.m, pfn, (uint64_t)pfn + 1, &use);
	ck_assert_int_eq(use, FRAME_ANON);
	space_unmap(&sp, 0, 1);
	mm_frame_run(sp.m, pfn, (uint64_t)pfn + 1, &use);
	ck_assert_int_eq(use, FRAME_PIPE);
	host_check(sp.m);
	ck_assert_int_eq(get(p[0], PAGE_SIZE), (int64_t)PAGE_SIZE);
	ck_assert_mem_eq(in, out, PAGE_SIZE);
}
END_TEST

/* {vms.13,14,17,18}: what cannot be read ends it, the untouched is zero. */
START_TEST(pages_that_are_not_there)
{
	space_map(&sp, 0, 2, RW);
	ck_assert_int_eq(vmsplice(p[1], page_addr(0), 4 * PAGE_SIZE, 0),
			 2 * (int64_t)PAGE_SIZE);
	ck_assert_uint_eq(buffer(p[0], 0)->page, kernel_at(sp.m)->zero_pfn);
	ck_assert_uint_eq(last.minor, 2);
	host_check(sp.m);
	space_protect(&sp, 0, 1, PROT_NONE);
	ck_assert_int_eq(vmsplice(p[1], page_addr(0), PAGE_SIZE, 0), -EFAULT);
	ck_assert_int_eq(vmsplice(p[1], page_addr(3), PAGE_SIZE, 0), -EFAULT);
	ck_assert_int_eq(get(p[0], CAPACITY), 2 * (int64_t)PAGE_SIZE);
}
END_TEST

START_TEST(a_full_pipe_takes_what_fits)
{
	map_and_fill(0, 20);
	ck_assert_int_eq(vmsplice(p[1], page_addr(0) + 1, 20 * PAGE_SIZE - 1,
				  SPLICE_F_NONBLOCK), (int64_t)CAPACITY - 1);
	ck_assert_int_eq(vmsplice(p[1], page_addr(0), 1, SPLICE_F_NONBLOCK),
			 -EAGAIN);
	host_check(sp.m);
	/* O_NONBLOCK of the descriptor does not count. */
	vmsplice(p[1], page_addr(0), 1, 0);
	ck_assert_int_eq(last.outcome, OUT_BLOCKED);
	ck_assert_int_eq(get(p[0], CAPACITY), (int64_t)CAPACITY - 1);
	ck_assert_mem_eq(in, out + 1, CAPACITY - 1);
}
END_TEST

/* Pages are brought in by the batch, and those without a slot let go again. */
START_TEST(pages_that_do_not_fit_were_touched_all_the_same)
{
	space_map(&sp, 0, 40, RW);
	ck_assert_int_eq(vmsplice(p[1], page_addr(0), 40 * PAGE_SIZE, 0),
			 (int64_t)CAPACITY);
	ck_assert_uint_eq(last.minor, 32);
	map_and_fill(40, 20);
	get(p[0], PAGE_SIZE);
	ck_assert_int_eq(vmsplice(p[1], page_addr(40), 20 * PAGE_SIZE, 0),
			 (int64_t)PAGE_SIZE);
	host_check(sp.m);
}
END_TEST

/* {vms.15,16}: from the pipe into the program's memory by copying. */
START_TEST(the_other_way_bytes_are_copied)
{
	struct op_iovec vec[3];
	struct op op = { .code = OP_VMSPLICE, .vmsplice = { p[0], 0 },
			 .iov = { vec, 3 } };
	uint64_t copied;

	space_map(&sp, 0, 3, RW);
	put(p[1], 5000);
	vec[0] = (struct op_iovec){ page_addr(0) + 4000, 200 };
	vec[1] = (struct op_iovec){ page_addr(1), 0 };
	vec[2] = (struct op_iovec){ page_addr(2), 4096 };
	ck_assert_int_eq(run_op(op), 4296);
	told(TRACE_pipe_to_user, &copied);
	ck_assert_uint_eq(copied, 4296);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(0) + 4199), out[199]);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(2)), out[200]);
	ck_assert_int_eq(vmsplice(p[0], page_addr(9), 10, 0), -EFAULT);
	ck_assert_int_eq(get(p[0], 1000), 704);
	ck_assert_mem_eq(in, out + 4296, 704);
}
END_TEST

/* ---- sendfile ---- */

START_TEST(sendfile_goes_through_a_pipe_of_its_own)
{
	const int64_t fd = make_memfd(0);
	struct host_totals before = host_totals(sp.m), after;

	ck_assert_int_eq(sendfile(fd, memfd, 100, 100000), 100000);
	ck_assert_uint_eq(last.offset, 100100);
	ck_assert_int_eq(sendfile(fd, memfd, NO_OFFSET, 50), 50);
	ck_assert_int_eq(pread_fd(fd, 200000, 0), 100050);
	ck_assert_mem_eq(in, out + 100, 100000);
	ck_assert_mem_eq(in + 100000, out, 50);
	after = host_totals(sp.m);
	ck_assert_uint_eq(after.objects[CACHE_PIPE], before.objects[CACHE_PIPE]);
	ck_assert_int_eq(sendfile(p[1], memfd, 0, 1 << 20), (int64_t)CAPACITY);
	ck_assert_int_eq(sendfile(p[1], memfd, 0, 1), -EAGAIN);
	host_setrlimit(sp.m, sp.pid, RLIMIT_FSIZE, 100060);
	ck_assert_int_eq(sendfile(fd, memfd, 0, 100), 10);
	ck_assert_uint_eq(last.offset, 10);
	ck_assert_int_eq(sendfile(fd, memfd, 0, 100), -EFBIG);
	host_check(sp.m);
}
END_TEST

/* Nothing to send is 0 once somebody could take it, whatever it is from. */
/* As the host does: byte by byte, upwards, whatever it overwrites on its way. */
static void expect_upwards(uint64_t from, uint64_t to, uint64_t n)
{
	uint8_t page[PAGE_SIZE];

	memcpy(page, out, sizeof(page));
	for (uint64_t i = 0; i < n; i++)
		page[to + i] = page[from + i];
	ck_assert_int_eq(pread_fd(memfd, PAGE_SIZE, 0), PAGE_SIZE);
	ck_assert_mem_eq(in, page, PAGE_SIZE);
	ck_assert_int_eq(run_op((struct op){ .code = OP_PWRITE,
		.pwrite = { memfd, 0, NO_BUFFER, 0 }, .data = out,
		.data_len = PAGE_SIZE }), PAGE_SIZE);
}

START_TEST(a_page_copied_onto_itself_goes_upwards)
{
	static const struct { uint64_t from, to; } at[] = {
		{ 0, 1024 }, { 1024, 0 }, { 0, 8 }, { 0, 100 }, { 5, 5 },
	};
	const uint64_t from = at[_i].from, to = at[_i].to, n = 2048;

	ck_assert_int_eq(splice(memfd, (int64_t)from, p[1], NO_OFFSET, n, 0), (int64_t)n);
	ck_assert_int_eq(splice(p[0], NO_OFFSET, memfd, (int64_t)to, n, 0), (int64_t)n);
	expect_upwards(from, to, n);
	ck_assert_int_eq(run_op((struct op){ .code = OP_MMAP, .mmap = { ARENA,
		PAGE_SIZE, RW, MAP_SHARED | MAP_FIXED, memfd, 0 } }), (int64_t)ARENA);
	ck_assert_int_eq(run_op((struct op){ .code = OP_PWRITE,
		.pwrite = { memfd, to, ARENA + from, n } }), (int64_t)n);
	expect_upwards(from, to, n);
	ck_assert_int_eq(run_op((struct op){ .code = OP_PREAD,
		.pread = { memfd, n, from, ARENA + to } }), (int64_t)n);
	expect_upwards(from, to, n);
}
END_TEST

START_TEST(sendfile_of_nothing)
{
	ck_assert_int_eq(sendfile(p[1], q[0], NO_OFFSET, 0), 0);
	ck_assert_int_eq(sendfile(p[1], 0, NO_OFFSET, 0), 0);
	ck_assert_int_eq(sendfile(p[1], memfd, NO_OFFSET, 0), 0);
	ck_assert_int_eq(sendfile(0, memfd, 3, 0), 0);
	ck_assert_uint_eq(last.offset, 3);
	ck_assert_int_eq(sendfile(memfd, 0, NO_OFFSET, 0), 0);
	ck_assert_int_eq(sendfile(0, q[0], NO_OFFSET, 0), -EINVAL);
	put(p[1], CAPACITY);
	ck_assert_int_eq(sendfile(p[1], q[0], NO_OFFSET, 0), -EAGAIN);
	close_fd(q[0]);
	ck_assert_int_eq(sendfile(q[1], memfd, NO_OFFSET, 0), -EPIPE);
}
END_TEST

/* ---- what would sleep ---- */

START_TEST(nothing_changes_where_it_would_sleep)
{
	uint64_t digest;
	int64_t a[2], b[2];

	make_pipe(a, 0);
	make_pipe(b, 0);
	put(b[1], CAPACITY);
	space_map(&sp, 0, 1, RW);
	digest = host_digest(sp.m);
	splice_plain(a[0], memfd, 10);
	ck_assert_str_eq(last.why, "pipe is empty");
	splice_plain(a[0], 0, 10);
	ck_assert_int_eq(last.outcome, OUT_BLOCKED);
	splice_plain(memfd, b[1], 10);
	ck_assert_str_eq(last.why, "pipe is full");
	tee(a[0], b[1], 10);
	ck_assert_str_eq(last.why, "pipe is empty");
	tee(b[0], b[1], 10);
	ck_assert_int_eq(last.outcome, OUT_ERRNO);
	vmsplice(b[1], page_addr(0), 10, 0);
	ck_assert_int_eq(last.outcome, OUT_BLOCKED);
	vmsplice(a[0], page_addr(0), 10, 0);
	ck_assert_int_eq(last.outcome, OUT_BLOCKED);
	sendfile(b[1], memfd, NO_OFFSET, 10);
	ck_assert_int_eq(last.outcome, OUT_BLOCKED);
	splice_plain(b[0], p[1], 0);
	ck_assert_uint_eq(host_digest(sp.m), digest);
	/* One O_NONBLOCK of the two is enough. */
	ck_assert_int_eq(splice_plain(a[0], p[1], 10), -EAGAIN);
	ck_assert_int_eq(splice(a[0], NO_OFFSET, memfd, NO_OFFSET, 10,
				SPLICE_F_NONBLOCK), -EAGAIN);
}
END_TEST

/* ---- nothing stays ---- */

/* {inv.38}: in flight when both ends close, or when the process dies. */
START_TEST(no_frame_stays_of_what_was_in_flight)
{
	struct host_totals before, after;
	uint32_t child;

	close_fd(q[0]);
	close_fd(q[1]);
	close_fd(p[0]);
	close_fd(p[1]);
	before = host_totals(sp.m);
	child = (uint32_t)host_fork(sp.m, sp.pid, 0);
	{
		const uint32_t parent = sp.pid;

		sp.pid = child;
		make_pipe(p, O_NONBLOCK);
		make_pipe(q, O_NONBLOCK);
		map_and_fill(0, 4);
		put(p[1], 5000);
		vmsplice(p[1], page_addr(0), 3 * PAGE_SIZE, SPLICE_F_GIFT);
		splice(memfd, 0, p[1], NO_OFFSET, 3 * PAGE_SIZE, 0);
		tee(p[0], q[1], CAPACITY);
		if (_i) {
			close_fd(p[0]);
			close_fd(p[1]);
			host_check(sp.m);
		}
		host_exit(sp.m, child);
		sp.pid = parent;
	}
	before.last_pid++;
	after = host_totals(sp.m);
	ck_assert_mem_eq(&after, &before, sizeof(after));
}
END_TEST

Suite *suite_splice(void);

Suite *suite_splice(void)
{
	Suite *suite = suite_create("splice");
	TCase *tc = tcase_create("splice");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, splice_looks_in_the_kernels_order);
	tcase_add_test(tc, the_others_look_in_theirs);
	tcase_add_test(tc, pages_of_the_file_enter_the_ring);
	tcase_add_test(tc, positions_and_offsets);
	tcase_add_test(tc, sixteen_splices_of_a_byte_fill_a_pipe);
	tcase_add_test(tc, a_later_write_shows_and_a_truncation_takes_nothing_back);
	tcase_add_test(tc, a_hole_is_the_zero_page);
	tcase_add_test(tc, bytes_are_copied_into_the_file_and_the_position_moves);
	tcase_add_test(tc, a_whole_page_moves_where_the_file_has_none);
	tcase_add_test(tc, what_somebody_else_has_is_copied);
	tcase_add_loop_test(tc, a_gift_that_nobody_maps_any_more_moves, 0, 2);
	tcase_add_test(tc, the_limit_of_file_sizes_cuts_and_signals);
	tcase_add_test(tc, null_forgets_without_a_look);
	tcase_add_test(tc, zero_fills_pages);
	tcase_add_test(tc, a_page_for_an_odd_place_is_copied);
	tcase_add_test(tc, nothing_goes_to_a_pipe_that_nobody_reads);
	tcase_add_test(tc, tee_takes_what_the_other_pipe_has_slots_for);
	tcase_add_test(tc, a_direct_file_fills_pages);
	tcase_add_test(tc, pages_on_both_sides_of_a_table_are_found);
	tcase_add_test(tc, files_of_the_disk);
	tcase_add_test(tc, buffers_go_from_ring_to_ring);
	tcase_add_test(tc, a_full_ring_and_a_closed_one);
	tcase_add_test(tc, tee_consumes_nothing_and_copies_nothing);
	tcase_add_test(tc, a_store_after_vmsplice_is_seen);
	tcase_add_test(tc, a_page_taken_by_reference_was_referenced);
	tcase_add_loop_test(tc, a_store_after_fork_is_not_seen, 0, 2);
	tcase_add_test(tc, munmap_leaves_the_pipe_its_page);
	tcase_add_test(tc, pages_that_are_not_there);
	tcase_add_test(tc, a_full_pipe_takes_what_fits);
	tcase_add_test(tc, pages_that_do_not_fit_were_touched_all_the_same);
	tcase_add_test(tc, the_other_way_bytes_are_copied);
	tcase_add_test(tc, sendfile_goes_through_a_pipe_of_its_own);
	tcase_add_loop_test(tc, a_page_copied_onto_itself_goes_upwards, 0, 5);
	tcase_add_test(tc, sendfile_of_nothing);
	tcase_add_test(tc, nothing_changes_where_it_would_sleep);
	tcase_add_loop_test(tc, no_frame_stays_of_what_was_in_flight, 0, 2);
	suite_add_tcase(suite, tc);
	return suite;
}
