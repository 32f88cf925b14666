/* SPDX-License-Identifier: MIT */
/*
 * mm_step(): what is refused changes nothing, what is narrated changes nothing
 * either, the eleven steps of mmap are told in order, and no operation costs
 * the host more frames than mm_op_bound() said before.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/space.h"

static struct space sp;

static void setup(void)
{
	space_open(&sp);
	space_map(&sp, 0, 4, RW);
	space_write(&sp, 1);
	space_map(&sp, 8, 4, PROT_READ);
	space_mmap(&sp, 16, 4, RW, SHARED | MAP_FIXED);
	space_write(&sp, 17);
}

static void teardown(void)
{
	space_close(&sp);
}

#define CALL(CODE, member, ...)						\
	{ .code = OP_##CODE, .member = { __VA_ARGS__ } }
#define PAGE(n) (ARENA + (n) * 4096ULL)
#define FIXED (PRIVATE | MAP_FIXED)

static const struct op_iovec here[] = { { PAGE(1), 100 } };
static const struct op_iovec nowhere[] = { { PAGE(5), 100 } };

/* ---- refusals ---- */

static const struct {
	struct op op;
	int err;
} refused[] = {
	{ CALL(MMAP, mmap, 0, 0, RW, PRIVATE, -1, 0), EINVAL },
	{ CALL(MMAP, mmap, 0, 1ULL << 47, RW, PRIVATE, -1, 0), ENOMEM },
	{ CALL(MMAP, mmap, 0, UINT64_MAX, RW, PRIVATE, -1, 0), ENOMEM },
	{ CALL(MMAP, mmap, PAGE(0) + 1, 4096, RW, FIXED, -1, 0), EINVAL },
	{ CALL(MMAP, mmap, 0, 4096, RW, MAP_ANONYMOUS, -1, 0), EINVAL },
	{ CALL(MMAP, mmap, 0, 4096, RW, PRIVATE, -1, 1), EINVAL },
	{ CALL(MMAP, mmap, 0, 4096, RW, MAP_PRIVATE, -1, 0), EBADF },
	{ CALL(MMAP, mmap, 0, 4096, RW, MAP_PRIVATE, 99, 0), EBADF },
	{ CALL(MMAP, mmap, 0, 4096, RW, MAP_PRIVATE, 0, 0), ENODEV },
	{ CALL(MMAP, mmap, 4096, 4096, RW, FIXED, -1, 0), EPERM },
	{ CALL(MMAP, mmap, PAGE(0), 4096, RW, PRIVATE | MAP_FIXED_NOREPLACE,
	       -1, 0), EEXIST },
	{ CALL(MMAP, mmap, 0, 16 << 20, RW, PRIVATE | MAP_LOCKED, -1, 0), EAGAIN },
	{ CALL(MMAP, mmap, 0, 1 << 30, RW, PRIVATE, -1, 0), ENOMEM },
	{ CALL(MMAP, mmap, PAGE(0), 1 << 30, RW, FIXED, -1, 0), ENOMEM },
	{ CALL(MMAP2, mmap2, 0, 0, RW, PRIVATE, -1, 0), EINVAL },
	{ CALL(MUNMAP, munmap, PAGE(0), 0), EINVAL },
	{ CALL(MUNMAP, munmap, PAGE(0) + 1, 4096), EINVAL },
	{ CALL(MUNMAP, munmap, 1ULL << 47, 4096), EINVAL },
	{ CALL(MPROTECT, mprotect, PAGE(0) + 1, 4096, RW), EINVAL },
	{ CALL(MPROTECT, mprotect, PAGE(4), 4096, RW), ENOMEM },
	{ CALL(MPROTECT, mprotect, PAGE(0), 4096, 0x10), EINVAL },
	{ CALL(MLOCK, mlock, PAGE(4), 4096), ENOMEM },
	{ CALL(MLOCK, mlock, PAGE(0), 16 << 20), ENOMEM },
	{ CALL(MLOCK2, mlock2, PAGE(0), 4096, 2), EINVAL },
	{ CALL(MUNLOCK, munlock, PAGE(4), 4096), ENOMEM },
	{ CALL(MLOCKALL, mlockall, 8), EINVAL },
	{ CALL(MSEAL, mseal, PAGE(0), 4096, 1), EINVAL },
	{ CALL(MSEAL, mseal, PAGE(2), 8 * 4096, 0), ENOMEM },
	{ CALL(MSYNC, msync, PAGE(0), 4096, MS_SYNC | MS_ASYNC), EINVAL },
	{ CALL(SETRLIMIT, setrlimit, RLIMIT_MEMLOCK, 2, 1), EINVAL },
	{ CALL(SETRLIMIT, setrlimit, RLIMIT_MEMLOCK, 0, RLIM_INFINITY), EPERM },
	{ CALL(SETRLIMIT, setrlimit, RLIM_NLIMITS, 0, 0), EINVAL },
	{ CALL(FORK, fork, CLONE_FS), EINVAL },
	{ CALL(CLOSE, close, 99), EBADF },
	{ CALL(DUP, dup, 99), EBADF },
	{ { .code = OP_PROCESS_VM_READV, .process_vm_readv = { 9 },
	    .iov = { here, 1 }, .remote_iov = { here, 1 } }, ESRCH },
	{ { .code = OP_PROCESS_VM_READV, .process_vm_readv = { 1 },
	    .iov = { here, 1 }, .remote_iov = { nowhere, 1 } }, EFAULT },
	{ { .code = OP_PROCESS_VM_WRITEV, .process_vm_writev = { 1 },
	    .iov = { here, 1025 }, .remote_iov = { here, 1 } }, EINVAL },
	{ CALL(MADVISE, madvise, PAGE(0), 4096, 5), EINVAL },
	{ CALL(MADVISE, madvise, PAGE(4), 4096, MADV_DONTNEED), ENOMEM },
	{ CALL(MADVISE, madvise, PAGE(0), 4096, MADV_REMOVE), EINVAL },
	{ CALL(MADVISE, madvise, PAGE(16), 4096, MADV_FREE), EINVAL },
	{ CALL(MADVISE, madvise, PAGE(8), 4096, MADV_POPULATE_WRITE), EINVAL },
	{ CALL(MREMAP, mremap, PAGE(4), 4096, 8192, 0, 0), EFAULT },
	{ CALL(MREMAP, mremap, PAGE(0), 4096, 0, 0, 0), EINVAL },
};

#define NR_REFUSED ((int)(sizeof(refused) / sizeof(refused[0])))

START_TEST(a_refused_call_says_why_and_changes_nothing)
{
	struct op op = refused[_i].op;
	struct op_result res;
	uint64_t digest;

	op.pid = sp.pid;
	host_run(sp.m, &op);	/* lookups may leave mmap_cache elsewhere */
	digest = host_digest(sp.m);
	res = host_run(sp.m, &op);
	ck_assert_int_eq(res.outcome, OUT_ERRNO);
	ck_assert_msg(res.err == refused[_i].err, "%s, not %s: %s",
		      mm_errno_name(res.err), mm_errno_name(refused[_i].err),
		      res.why);
	ck_assert_int_eq(res.ret, -res.err);
	ck_assert_ptr_nonnull(res.why);
	ck_assert_uint_gt(strlen(res.why), 4);
	ck_assert_uint_eq(host_digest(sp.m), digest);
	expect_space(&sp, "AAAA....BBBB....CCCC");
}
END_TEST

/* The first refusal of a fresh machine moves at most where it last looked. */
START_TEST(a_refusal_takes_no_frame_and_makes_no_promise)
{
	struct op op = refused[_i].op;
	struct host_totals before, after;

	op.pid = sp.pid;
	before = host_totals(sp.m);
	host_run(sp.m, &op);
	after = host_totals(sp.m);
	ck_assert_mem_eq(&after, &before, sizeof(after));
}
END_TEST

/* {flt.20,21}: no VMA permits it, so it counts as no fault, of nobody's. */
START_TEST(a_fatal_access_changes_nothing)
{
	static const struct { unsigned int n; enum access_kind kind; int code; }
	access[] = {
		{ 4, ACCESS_READ, SEGV_MAPERR }, { 8, ACCESS_WRITE, SEGV_ACCERR },
		{ 0, ACCESS_EXEC, SEGV_ACCERR },
	};
	struct op_result res;
	uint64_t digest;

	host_touch(sp.m, sp.pid, page_addr(access[_i].n), 1, access[_i].kind);
	digest = host_digest(sp.m);
	res = host_touch(sp.m, sp.pid, page_addr(access[_i].n), 1,
			 access[_i].kind);
	ck_assert_int_eq(res.outcome, OUT_SIGNAL);
	ck_assert_int_eq(res.signo, SIGSEGV);
	ck_assert_int_eq(res.si_code, access[_i].code);
	ck_assert_uint_eq(res.fault_addr, page_addr(access[_i].n));
	ck_assert_uint_eq(res.minor, 0);
	ck_assert_uint_eq(host_digest(sp.m), digest);
}
END_TEST

/* ---- what cannot be run ---- */

static const struct op senseless[] = {
	{ .code = OP_NONE },
	{ .code = NR_OPS },
	{ .code = (enum op_code)1000000 },
	CALL(MEM_TOUCH, mem_touch, ARENA, 1, ACCESS_EXEC + 1),
	CALL(MEM_READ, mem_read, ARENA, 1),
	CALL(MINCORE, mincore, ARENA, 4096),
	{ .code = OP_MEM_WRITE, .mem_write = { ARENA }, .data_len = 1 },
	CALL(SYSCTL, sysctl, NR_SYSCTLS, 0),
	CALL(SYSCTL, sysctl, SYSCTL_swappiness, 201),
	CALL(SPAWN, spawn, .image = 7),
	{ .code = OP_PROCESS_VM_READV, .iov = { NULL, 1 } },
	{ .code = OP_PROCESS_VM_WRITEV, .remote_iov = { NULL, 1 } },
};

START_TEST(what_makes_no_sense_is_not_run)
{
	struct op op = senseless[_i];
	const uint64_t digest = host_digest(sp.m);
	struct op_result res, zero;

	op.pid = sp.pid;
	memset(&res, 0xff, sizeof(res));
	memset(&zero, 0, sizeof(zero));
	ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL), MM_BAD_OPERATION);
	ck_assert_int_eq(res.outcome, zero.outcome);
	ck_assert_ptr_null(res.why);
	ck_assert_uint_eq(res.done, 0);
	ck_assert_uint_eq(host_digest(sp.m), digest);
}
END_TEST

START_TEST(a_process_that_is_not_there_does_nothing)
{
	static const uint32_t pids[] = { 0, 2, 7, UINT32_MAX };
	const uint64_t digest = host_digest(sp.m);
	struct op_result res;

	for (int i = 0; i < NR_REFUSED; i++) {
		struct op op = refused[i].op;

		op.pid = pids[_i];
		ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL),
				 MM_NO_SUCH_PROCESS);
	}
	ck_assert_uint_eq(host_digest(sp.m), digest);
}
END_TEST

/* ---- a day in the life: used by narration and by bounds ---- */

#define LOCKED_FIXED (FIXED | MAP_LOCKED)
#define FAR(n) (ARENA + ((uint64_t)(n) << 30))
#define MANY_PAGES (1500 * 4096ULL)

static const struct op_iovec far_from[] = {
	{ FAR(42), 1000 * 4096ULL }, { FAR(42) + 1000 * 4096ULL, 4096 },
};
static const struct op_iovec far_to[] = { { FAR(43), MANY_PAGES } };

static const struct op day[] = {
	CALL(MMAP, mmap, FAR(1), MANY_PAGES, RW, FIXED, -1, 0),
	CALL(MEM_TOUCH, mem_touch, FAR(1), MANY_PAGES, ACCESS_READ),
	CALL(MEM_FILL, mem_fill, FAR(1), MANY_PAGES, 0x11),
	CALL(FORK, fork, 0),
	CALL(MEM_FILL, mem_fill, FAR(1), MANY_PAGES, 0x22),
	CALL(MMAP, mmap, FAR(2), MANY_PAGES, RW, FIXED | MAP_POPULATE, -1, 0),
	CALL(MMAP, mmap, FAR(3), MANY_PAGES, RW, LOCKED_FIXED, -1, 0),
	CALL(MUNMAP, munmap, FAR(3), MANY_PAGES),
	CALL(MMAP, mmap, FAR(4), MANY_PAGES, PROT_READ, LOCKED_FIXED, -1, 0),
	CALL(MPROTECT, mprotect, FAR(4), MANY_PAGES, RW),
	CALL(MUNMAP, munmap, FAR(4), MANY_PAGES),
	CALL(MMAP, mmap, FAR(5), MANY_PAGES, RW, FIXED, -1, 0),
	CALL(MLOCK, mlock, FAR(5), MANY_PAGES),
	CALL(MUNMAP, munmap, FAR(5), MANY_PAGES),
	CALL(FORK, fork, 0),
	CALL(MLOCK, mlock, FAR(1), MANY_PAGES),	/* copies all of it */
	CALL(MUNLOCK, munlock, FAR(1), MANY_PAGES),
	CALL(MMAP, mmap, FAR(6), MANY_PAGES, RW, FIXED, -1, 0),
	CALL(MEM_WRITE, mem_write, FAR(6)),
	CALL(MPROTECT, mprotect, FAR(6) + 4096, 4096, PROT_READ),
	CALL(MUNMAP, munmap, FAR(6) + 3 * 4096, 4096),
	CALL(SETRLIMIT, setrlimit, RLIMIT_MEMLOCK, 8 << 20, 8 << 20),
	CALL(MLOCKALL, mlockall, MCL_FUTURE),
	CALL(MMAP, mmap, FAR(7), MANY_PAGES, RW, FIXED, -1, 0),
	CALL(MUNLOCKALL, munlockall, 0),
	CALL(MUNMAP, munmap, FAR(7), MANY_PAGES),
	CALL(MLOCKALL, mlockall, MCL_FUTURE),
	CALL(BRK, brk, 0x555555559000 + MANY_PAGES),
	CALL(MUNLOCKALL, munlockall, 0),
	CALL(MREMAP, mremap, FAR(1), MANY_PAGES, MANY_PAGES, 3, FAR(40)),
	CALL(MMAP, mmap, FAR(41), 4096, RW, LOCKED_FIXED, -1, 0),
	CALL(MREMAP, mremap, FAR(41), 4096, MANY_PAGES, 1, 0),
	CALL(MMAP, mmap, FAR(42), MANY_PAGES, RW, FIXED, -1, 0),
	CALL(MMAP, mmap, FAR(43), MANY_PAGES, RW, FIXED, -1, 0),
	{ .code = OP_PROCESS_VM_WRITEV, .process_vm_writev = { 1 },
	  .iov = { far_from, 2 }, .remote_iov = { far_to, 1 } },
	CALL(MADVISE, madvise, FAR(43), MANY_PAGES, MADV_DONTNEED),
	CALL(MADVISE, madvise, FAR(43), MANY_PAGES, MADV_POPULATE_READ),
	CALL(MADVISE, madvise, FAR(43), MANY_PAGES, MADV_POPULATE_WRITE),
	CALL(FORK, fork, 0),
	CALL(MADVISE, madvise, FAR(43), MANY_PAGES, MADV_FREE),
	CALL(MADVISE, madvise, FAR(43) + 4096, 4096, MADV_RANDOM),
	CALL(MADVISE, madvise, FAR(43), MANY_PAGES, MADV_PAGEOUT),
	CALL(MADVISE, madvise, FAR(1), FAR(50) - FAR(1), MADV_GUARD_INSTALL),
	CALL(MADVISE, madvise, FAR(43), MANY_PAGES, MADV_GUARD_REMOVE),
	CALL(TICK, tick, 5),
	CALL(SYSCTL, sysctl, SYSCTL_drop_caches, 3),
	CALL(SPAWN, spawn, .image = IMAGE_DEMO),
	CALL(FORK, fork, CLONE_VM),
};

#define NR_DAY ((int)(sizeof(day) / sizeof(day[0])))

static struct op hour(int i)
{
	static const uint8_t bytes[5000] = { 1 };
	struct op op = day[i];

	op.pid = sp.pid;
	if (op.code == OP_MEM_WRITE) {
		op.data = bytes;
		op.data_len = sizeof(bytes);
	}
	return op;
}

/* ---- narration ---- */

static struct trace_event events[4096];

START_TEST(who_listens_changes_nothing)
{
	struct machine *quiet = host_machine_copy(sp.m);
	struct op_result a, b;

	for (int i = 0; i < NR_DAY; i++) {
		const struct op op = hour(i);
		struct trace trace = { events, 16, 0, 0 };

		ck_assert_int_eq(mm_step(sp.m, &op, &a, &trace), MM_OK);
		ck_assert_int_eq(mm_step(quiet, &op, &b, NULL), MM_OK);
		ck_assert_int_eq(a.ret, b.ret);
		ck_assert_uint_eq(a.minor, b.minor);
		ck_assert_uint_le(trace.nr, 16);
		ck_assert_msg(host_digest(sp.m) == host_digest(quiet),
			      "after operation %d", i);
	}
	host_machine_free(quiet);
}
END_TEST

START_TEST(events_that_do_not_fit_are_counted)
{
	struct op op = CALL(MMAP, mmap, FAR(1), MANY_PAGES, RW,
			    FIXED | MAP_POPULATE, -1, 0);
	struct machine *copy = host_machine_copy(sp.m);
	struct trace all = { events, 4096, 0, 0 };
	struct trace_event few_events[5];
	struct trace few = { few_events, 4, 0, 0 };
	struct op_result res;

	op.pid = sp.pid;
	few_events[4].id = 12345;
	mm_step(sp.m, &op, &res, &all);
	mm_step(copy, &op, &res, &few);
	ck_assert_uint_eq(few.nr, 4);
	ck_assert_uint_eq(few.nr + few.lost, all.nr + all.lost);
	ck_assert_uint_gt(few.lost, 1000);
	ck_assert_uint_eq(few_events[4].id, 12345);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(few_events[i].id, events[i].id);
	host_machine_free(copy);
}
END_TEST

/* The numbered events in order, "3" told, "-3" passed over. */
static void steps_of(const struct op *op, char *out, size_t size)
{
	struct trace trace = { events, 4096, 0, 0 };
	struct op_result res;
	size_t len = 0;

	out[0] = 0;
	ck_assert_int_eq(mm_step(sp.m, op, &res, &trace), MM_OK);
	for (uint64_t i = 0; i < trace.nr; i++) {
		const struct trace_kind *kind = &trace_kinds[events[i].id];

		if (!kind->n)
			continue;
		len += (size_t)snprintf(out + len, size - len, "%s%s%d",
					len ? " " : "",
					events[i].note ? "-" : "", kind->n);
		ck_assert_uint_lt(len, size);
	}
}

/*
 * The eleven steps in the order in which 6.18 takes them: the place is found
 * before the file and the flags are looked at, the file's mmap operation runs
 * before the area is linked. "-": the step had nothing to do.
 */
static const struct {
	struct op op;
	const char *steps;
} told[] = {
	{ CALL(MMAP, mmap, 0, 4096, PROT_EXEC, PRIVATE, -1, 0),
	  "2 3 4 5 -1 6 -7 8 -10 9 11" },
	{ CALL(MMAP, mmap, PAGE(1), 8192, PROT_EXEC, FIXED, -1, 0),
	  "2 3 4 5 -1 6 7 8 -10 9 11" },
	{ CALL(MMAP, mmap, PAGE(12), 4096, PROT_READ, FIXED, -1, 0),
	  "2 3 4 5 -1 6 -7 -8 -10 -9 11" },
	{ CALL(MMAP, mmap, PAGE(30), 4096, RW, SHARED | MAP_FIXED, -1, 0),
	  "2 3 4 5 -1 6 -7 8 10 9 11" },
	/* a refusal ends the story where it happened */
	{ CALL(MMAP, mmap, 0, 1ULL << 47, RW, PRIVATE, -1, 0), "2 3 4" },
	{ CALL(MMAP, mmap, 4096, 4096, RW, FIXED, -1, 0), "2 3 4" },
	{ CALL(MUNMAP, munmap, PAGE(0), 4096), "" },
};

START_TEST(the_eleven_steps_of_mmap_are_told)
{
	struct op op = told[_i].op;
	char steps[128];

	op.pid = sp.pid;
	steps_of(&op, steps, sizeof(steps));
	ck_assert_str_eq(steps, told[_i].steps);
}
END_TEST

START_TEST(every_event_has_words_and_its_arguments_names)
{
	for (int id = 0; id < NR_TRACE_IDS; id++) {
		const struct trace_kind *kind = &trace_kinds[id];
		int nr = 0;

		ck_assert_uint_gt(strlen(kind->name), 0);
		ck_assert_uint_gt(strlen(kind->fn), 0);
		ck_assert_uint_gt(strlen(kind->step), 0);
		for (const char *p = kind->args; (p = strchr(p, ':')); p++) {
			ck_assert_ptr_nonnull(strchr("xdvpbesazklr", p[1]));
			ck_assert(p[2] == ' ' || p[2] == 0);
			nr++;
		}
		ck_assert_int_ge(nr, 1);
		ck_assert_int_le(nr, TRACE_ARGS_MAX);
	}
}
END_TEST

/* ---- what an operation may cost ---- */

/* A frame of the host's is one that was not resident before. */
static void expect_within_bound(const struct op *op, int which)
{
	const uint64_t bound = mm_op_bound(sp.m, op);
	const uint64_t before = sp.m->nr_resident;
	uint64_t cost;

	host_run(sp.m, op);
	cost = sp.m->nr_resident - before;
	ck_assert_msg(cost <= bound, "operation %d (%d): %llu frames, not %llu",
		      which, (int)op->code, (unsigned long long)cost,
		      (unsigned long long)bound);
}

START_TEST(no_operation_costs_more_than_it_said)
{
	for (int i = 0; i < NR_DAY; i++) {
		const struct op op = hour(i);

		expect_within_bound(&op, i);
	}
}
END_TEST

/* Hundreds of tables, and what describes their frames. */
START_TEST(a_fork_of_many_tables_costs_no_more_than_it_said)
{
	struct op op = CALL(FORK, fork, 0);

	op.pid = sp.pid;
	space_sysctl(&sp, SYSCTL_overcommit_memory, 1);
	host_mmap(sp.m, sp.pid, FAR(1), 3ULL << 30, RW, FIXED);
	for (uint64_t at = 0; at < 3ULL << 30; at += 2 << 20)
		host_store(sp.m, sp.pid, FAR(1) + at, 1);
	expect_within_bound(&op, 0);
}
END_TEST

START_TEST(a_fork_of_many_areas_costs_no_more_than_it_said)
{
	struct op op = CALL(FORK, fork, 0);

	op.pid = sp.pid;
	for (uint64_t i = 0; i < 20000; i++)
		host_mmap(sp.m, sp.pid, FAR(1) + i * 8192, 4096, RW, FIXED);
	expect_within_bound(&op, 0);
}
END_TEST

/* Nothing can be moved table by table: it goes to an odd page. */
START_TEST(a_move_of_many_tables_costs_no_more_than_it_said)
{
	struct op op = CALL(MREMAP, mremap, FAR(1), 1ULL << 30, 1ULL << 30, 3,
			    FAR(9) + 4096);

	op.pid = sp.pid;
	space_sysctl(&sp, SYSCTL_overcommit_memory, 1);
	host_mmap(sp.m, sp.pid, FAR(1), 1ULL << 30, RW, FIXED);
	for (uint64_t at = 0; at < 1ULL << 30; at += 2 << 20)
		host_store(sp.m, sp.pid, FAR(1) + at, 1);
	expect_within_bound(&op, 0);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, FAR(9) + 4096), 1);
}
END_TEST

START_TEST(locking_what_lies_far_apart_costs_no_more_than_it_said)
{
	struct op op = CALL(MLOCKALL, mlockall, MCL_CURRENT);

	op.pid = sp.pid;
	for (uint64_t i = 0; i < 100; i++)
		host_mmap(sp.m, sp.pid, (i + 1) << 39, 4096, RW, FIXED);
	expect_within_bound(&op, 0);
	ck_assert_uint_ge(space_mm(&sp)->_anon_rss, 100);
}
END_TEST

/* On frames never used before: each needs its struct page as well. */
START_TEST(a_heap_that_is_locked_costs_no_more_than_it_said)
{
	struct op lock = CALL(MLOCKALL, mlockall, MCL_FUTURE);
	struct op op = CALL(BRK, brk, 0x555555559000 + MANY_PAGES);

	lock.pid = op.pid = sp.pid;
	ck_assert_int_eq(host_run(sp.m, &lock).ret, 0);
	expect_within_bound(&op, 0);
	ck_assert_uint_ge(space_mm(&sp)->_anon_rss, 1500);
}
END_TEST

#define MEGABYTES(n)	((uint64_t)(n) << 20)

static uint8_t many_bytes[4 << 20];

static void many_areas(void)
{
	for (uint64_t i = 0; i < 20000; i++)
		host_mmap(sp.m, sp.pid, FAR(3) + i * 8192, 4096, RW, FIXED);
}

static void an_area(void)
{
	many_areas();
	host_mmap(sp.m, sp.pid, FAR(1), MEGABYTES(16), RW, FIXED);
}

static void an_area_in_use(void)
{
	an_area();
	host_touch(sp.m, sp.pid, FAR(1), MEGABYTES(16), ACCESS_WRITE);
}

static void a_memfd(void)
{
	struct op op = { .code = OP_MEMFD_CREATE, .pid = sp.pid };

	many_areas();
	ck_assert_int_eq(host_run(sp.m, &op).ret, 3);
}

/* On the disk, and not in the page cache. */
static void a_file(void)
{
	struct op op = { .code = OP_FILE_CREATE, .path = "/f", .path_len = 2,
			 .data = many_bytes, .data_len = sizeof(many_bytes) };

	many_areas();
	op.file_create = (struct op_file_create){ sizeof(many_bytes), 0644, false };
	host_run(sp.m, &op);
	op = (struct op){ .code = OP_OPEN, .pid = sp.pid, .path = "/f", .path_len = 2 };
	op.open.flags = O_RDWR;
	ck_assert_int_eq(host_run(sp.m, &op).ret, 3);
}

static void a_file_mapped(void)
{
	struct op op = { .code = OP_MMAP, .pid = sp.pid };

	a_file();
	op.mmap = (struct op_mmap){ FAR(1), sizeof(many_bytes), RW,
				    MAP_PRIVATE | MAP_FIXED, 3, 0 };
	host_run(sp.m, &op);
}

/* Sixteen pages far from each other in the file, beside each other in memory. */
static void pages_of_a_file(void)
{
	struct op op = { .code = OP_MMAP, .pid = sp.pid };

	a_file();
	for (uint64_t i = 0; i < 16; i++) {
		op.mmap = (struct op_mmap){ FAR(1) + i * PAGE_SIZE, PAGE_SIZE, RW,
					    MAP_PRIVATE | MAP_FIXED, 3, i << 18 };
		host_run(sp.m, &op);
	}
}

#define AREA FAR(1), MEGABYTES(16)

static const struct {
	void (*before)(void);
	struct op op;
} fresh[] = {
	{ an_area, CALL(MEM_FILL, mem_fill, AREA, 1) },
	{ an_area, CALL(MLOCK, mlock, FAR(1), MEGABYTES(4)) },
	{ an_area, CALL(MADVISE, madvise, AREA, MADV_POPULATE_WRITE) },
	{ an_area, CALL(MADVISE, madvise, AREA, MADV_DONTNEED) },
	{ an_area, CALL(MPROTECT, mprotect, AREA, PROT_READ) },
	{ an_area_in_use, CALL(MADVISE, madvise, AREA, MADV_WIPEONFORK) },
	{ an_area_in_use, CALL(MADVISE, madvise, 0, 1ULL << 46, MADV_COLD) },
	{ an_area_in_use, CALL(MUNMAP, munmap, AREA) },
	{ an_area_in_use, CALL(MREMAP, mremap, AREA, MEGABYTES(16), 1, 0) },
	{ an_area_in_use, CALL(FORK, fork, 0) },
	{ many_areas, CALL(MMAP, mmap, AREA, RW, PRIVATE | MAP_POPULATE, -1, 0) },
	{ many_areas, { .code = OP_FILE_CREATE, .path = "/c", .path_len = 2,
			.data = many_bytes, .data_len = sizeof(many_bytes),
			.file_create = { sizeof(many_bytes), 0644, true } } },
	{ many_areas, { .code = OP_FILE_CREATE, .path = "/s", .path_len = 2,
			.file_create = { MEGABYTES(32), 0644, true } } },
	{ many_areas, CALL(EXIT, exit, 0) },
	{ a_memfd, { .code = OP_WRITE, .data = many_bytes,
		     .data_len = sizeof(many_bytes),
		     .write = { 3, NO_BUFFER, sizeof(many_bytes) } } },
	{ a_file, { .code = OP_READ, .buf = many_bytes,
		    .read = { 3, 1ULL << 40, NO_BUFFER } } },
	{ a_file_mapped, CALL(MEM_FILL, mem_fill, FAR(1), sizeof(many_bytes), 2) },
	{ pages_of_a_file, CALL(MEM_TOUCH, mem_touch, FAR(1), 16 * PAGE_SIZE, 0) },
	{ a_file, CALL(MMAP, mmap, FAR(1), sizeof(many_bytes), RW,
		       MAP_PRIVATE | MAP_POPULATE, 3, 0) },
};

/* Who asks for little beside much else is not refused for it. */
START_TEST(a_bound_is_at_most_twice_what_comes)
{
	struct op op = fresh[_i].op;
	uint64_t bound, before, free, cost;

	memset(many_bytes, 1, sizeof(many_bytes));
	fresh[_i].before();
	op.pid = sp.pid;
	bound = mm_op_bound(sp.m, &op);
	before = sp.m->nr_resident;
	free = nr_free_pages(sp.m);
	host_run(sp.m, &op);
	cost = sp.m->nr_resident - before;
	ck_assert_uint_le(cost, bound);
	/* What is mapped and still zero is taken, though the host does not feel it. */
	if (nr_free_pages(sp.m) < free && free - nr_free_pages(sp.m) > cost)
		cost = free - nr_free_pages(sp.m);
	ck_assert_msg(bound <= 2 * cost + 128,
		      "operation %d: %llu frames, it said %llu", (int)op.code,
		      (unsigned long long)cost, (unsigned long long)bound);
}
END_TEST

/* Reading, it brings out what it says; the others bring nothing. */
START_TEST(room_is_needed_for_what_is_read)
{
	for (int i = 0; i < NR_DAY; i++) {
		const struct op op = hour(i);

		ck_assert_uint_eq(mm_op_room(sp.m, &op), 0);
	}
	ck_assert_uint_eq(mm_op_room(sp.m, &(struct op)
		CALL(MEM_READ, mem_read, ARENA, 12345)), 12345);
	ck_assert_uint_eq(mm_op_room(sp.m, &(struct op){ .code = OP_MINCORE,
		.pid = sp.pid, .mincore = { ARENA, 3 * 4096 + 1 } }), 4);
}
END_TEST

static struct op own(struct op op)
{
	op.pid = sp.pid;
	return op;
}

/* Long work leaves the loop: what touches many pages must say so. */
START_TEST(work_grows_with_the_pages_there_are)
{
	const struct op many[] = {
		own((struct op)CALL(FORK, fork, 0)),
		own((struct op)CALL(MLOCK, mlock, FAR(1), MANY_PAGES)),
		own((struct op)CALL(MPROTECT, mprotect, FAR(1), MANY_PAGES, 1)),
		own((struct op)CALL(MUNMAP, munmap, FAR(1), MANY_PAGES)),
		own((struct op)CALL(MEM_TOUCH, mem_touch, FAR(1), MANY_PAGES, 0)),
		own((struct op)CALL(MMAP, mmap, FAR(2), MANY_PAGES, RW,
				    LOCKED_FIXED, -1, 0)),
		own((struct op)CALL(MLOCKALL, mlockall, MCL_CURRENT)),
		own((struct op)CALL(EXIT, exit, 0)),
	};
	struct op op = own(day[0]);

	host_run(sp.m, &op);
	ck_assert_uint_eq(mm_op_work(sp.m, &op), 0);
	host_touch(sp.m, sp.pid, FAR(1), MANY_PAGES, ACCESS_WRITE);
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		ck_assert_msg(mm_op_work(sp.m, &many[i]) >= 1500,
			      "operation %zu", i);
	op = own((struct op)CALL(MUNMAP, munmap, PAGE(0), 8192));
	ck_assert_uint_le(mm_op_work(sp.m, &op), 2);
	/* whatever it names, there is no more than there is */
	op = own((struct op)CALL(MUNMAP, munmap, 0, 1ULL << 46));
	ck_assert_uint_lt(mm_op_work(sp.m, &op), 2000);
}
END_TEST

static void add_refusals(TCase *t)
{
	tcase_add_loop_test(t, a_refused_call_says_why_and_changes_nothing, 0,
			    NR_REFUSED);
	tcase_add_loop_test(t, a_refusal_takes_no_frame_and_makes_no_promise, 0,
			    NR_REFUSED);
	tcase_add_loop_test(t, a_fatal_access_changes_nothing,
			    0, 3);
	tcase_add_loop_test(t, what_makes_no_sense_is_not_run, 0,
			    sizeof(senseless) / sizeof(senseless[0]));
	tcase_add_loop_test(t, a_process_that_is_not_there_does_nothing, 0, 4);
}

Suite *suite_step(void);
Suite *suite_step(void)
{
	Suite *suite = suite_create("step");
	TCase *t = tcase_create("step");

	tcase_add_checked_fixture(t, setup, teardown);
	add_refusals(t);
	tcase_add_test(t, who_listens_changes_nothing);
	tcase_add_test(t, events_that_do_not_fit_are_counted);
	tcase_add_loop_test(t, the_eleven_steps_of_mmap_are_told, 0,
			    sizeof(told) / sizeof(told[0]));
	tcase_add_test(t, every_event_has_words_and_its_arguments_names);
	tcase_add_test(t, no_operation_costs_more_than_it_said);
	tcase_add_test(t, a_fork_of_many_tables_costs_no_more_than_it_said);
	tcase_add_test(t, a_fork_of_many_areas_costs_no_more_than_it_said);
	tcase_add_test(t, a_move_of_many_tables_costs_no_more_than_it_said);
	tcase_add_test(t, locking_what_lies_far_apart_costs_no_more_than_it_said);
	tcase_add_test(t, a_heap_that_is_locked_costs_no_more_than_it_said);
	tcase_add_loop_test(t, a_bound_is_at_most_twice_what_comes, 0,
			    sizeof(fresh) / sizeof(fresh[0]));
	tcase_add_test(t, room_is_needed_for_what_is_read);
	tcase_add_test(t, work_grows_with_the_pages_there_are);
	suite_add_tcase(suite, t);
	return suite;
}
