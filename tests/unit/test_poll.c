/* SPDX-License-Identifier: MIT */
/*
 * The host is asked wherever much may be done (mmcore/ram.h). An operation that is
 * left at any poll and undone has never been; and what looks cost grows with what
 * they find, counted in polls and not in time.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/space.h"
#include "tests/lib/undo.h"

#define RAM	(12ULL << 20)
#define PLACES	24		/* where mappings lie, sixteen pages apart */
#define TASKS	5

static uint64_t seed;

static uint64_t rnd(uint64_t n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (seed >> 33) % n;
}

static struct machine *small_machine(void)
{
	struct mm_config config = host_config();

	config.ram = RAM;
	config.disk = RAM;
	return host_machine_new(&config);
}

/* ---- random operations ---- */

static uint8_t bytes[1 << 16];

static uint64_t place(void)
{
	return ARENA + rnd(PLACES) * 16 * PAGE_SIZE + rnd(4) * PAGE_SIZE;
}

static uint64_t some_pages(void)
{
	return (1 + rnd(64)) * PAGE_SIZE;
}

static const char *const paths[] = { "/a", "/b", "/d/c" };

static void random_file_op(struct op *op)
{
	static const enum op_code codes[] = {
		OP_OPEN, OP_OPEN, OP_FILE_CREATE, OP_UNLINK, OP_READ, OP_WRITE,
		OP_WRITE, OP_FTRUNCATE, OP_FSYNC, OP_MEMFD_CREATE, OP_PIPE,
		OP_SENDFILE, OP_SPLICE, OP_CLOSE, OP_DUP,
	};

	op->code = codes[rnd(sizeof(codes) / sizeof(codes[0]))];
	if (op_has_path(op)) {
		op->path = paths[rnd(3)];
		op->path_len = strlen(op->path);
	}
	switch (op->code) {
	case OP_OPEN:
		op->open.flags = O_RDWR | O_CREAT;
		break;
	case OP_FILE_CREATE:
		op->file_create = (struct op_file_create){ some_pages() * 2, 0644, rnd(2) };
		op->data_len = rnd(sizeof(bytes));
		break;
	case OP_READ:
		op->read = (struct op_read){ (int64_t)rnd(8), rnd(sizeof(bytes)),
					     rnd(2) ? NO_BUFFER : place() };
		break;
	case OP_WRITE:
		op->data_len = rnd(sizeof(bytes));
		op->write = (struct op_write){ (int64_t)rnd(8),
					       rnd(2) ? NO_BUFFER : place(), op->data_len };
		break;
	case OP_FTRUNCATE:
		op->ftruncate = (struct op_ftruncate){ (int64_t)rnd(8), rnd(1 << 18) };
		break;
	case OP_SENDFILE:
		op->sendfile = (struct op_sendfile){ (int64_t)rnd(8), (int64_t)rnd(8),
						     NO_OFFSET, rnd(1 << 18) };
		break;
	case OP_SPLICE:
		op->splice = (struct op_splice){ (int64_t)rnd(8), NO_OFFSET,
						 (int64_t)rnd(8), NO_OFFSET, rnd(1 << 18),
						 SPLICE_F_NONBLOCK };
		break;
	default:
		op->close.fd = (int64_t)rnd(8);
		break;
	}
}

static void random_memory_op(struct op *op)
{
	static const enum op_code codes[] = {
		OP_MMAP, OP_MMAP, OP_MMAP, OP_MUNMAP, OP_MPROTECT, OP_MADVISE, OP_MLOCK,
		OP_MUNLOCK, OP_MSYNC, OP_MEM_FILL, OP_MEM_FILL, OP_MEM_TOUCH,
		OP_MEM_READ, OP_MINCORE, OP_MREMAP, OP_MSEAL,
	};

	op->code = codes[rnd(sizeof(codes) / sizeof(codes[0]))];
	/* An address and a length come first in all of them. */
	op->munmap = (struct op_munmap){ place(), some_pages() };
	switch (op->code) {
	case OP_MMAP:
		op->mmap.prot = rnd(4) ? RW : PROT_READ;
		op->mmap.flags = MAP_FIXED | (rnd(4) ? MAP_PRIVATE : MAP_SHARED) |
				 (rnd(4) ? 0 : MAP_POPULATE);
		op->mmap.fd = (int64_t)rnd(8);
		if (rnd(2))
			op->mmap.flags |= MAP_ANONYMOUS;
		break;
	case OP_MPROTECT:
		op->mprotect.prot = rnd(2) ? RW : PROT_READ;
		break;
	case OP_MADVISE:
		op->madvise.advice = (uint32_t)rnd(26);
		break;
	case OP_MSYNC:
		op->msync.flags = MS_SYNC;
		break;
	case OP_MEM_FILL:
		op->mem_fill.byte = (uint8_t)rnd(256);
		break;
	case OP_MEM_TOUCH:
		op->mem_touch.access = (uint32_t)rnd(2);
		break;
	case OP_MEM_READ:
		op->mem_read.len %= sizeof(bytes);
		break;
	case OP_MREMAP:
		op->mremap = (struct op_mremap){ place(), some_pages(), some_pages(),
						 MREMAP_MAYMOVE, 0 };
		break;
	case OP_MSEAL:
		op->mseal.len = rnd(40) ? 0 : PAGE_SIZE;
		break;
	default:
		break;
	}
}

static struct op random_op(const struct machine *m)
{
	struct op op = { .data = bytes, .buf = bytes };
	task_ref t = mm_first_task(m);

	for (uint64_t i = rnd(TASKS); i && !task_none(mm_next_task(m, t)); i--)
		t = mm_next_task(m, t);
	op.pid = (uint32_t)task_at(m, t)->pid;
	switch (rnd(16)) {
	case 0:
		op.code = kernel_at(m)->nr_tasks < TASKS ? OP_FORK : OP_EXIT;
		if (op.code == OP_EXIT && op.pid == 1)
			op.code = OP_TICK;
		break;
	case 1:
		op.code = OP_TICK;
		op.tick.jiffies = rnd(5000);
		break;
	case 2:
		op.code = OP_SYSCTL;
		op.sysctl = (struct op_sysctl){ SYSCTL_drop_caches, 1 + rnd(3) };
		break;
	case 3: case 4: case 5: case 6: case 7:
		random_file_op(&op);
		break;
	default:
		random_memory_op(&op);
		break;
	}
	return op;
}

static bool same_result(const struct op_result *a, const struct op_result *b)
{
	return a->outcome == b->outcome && a->ret == b->ret && a->err == b->err &&
	       a->signo == b->signo && a->minor == b->minor && a->major == b->major &&
	       a->done == b->done;
}

/*
 * Two machines live the same life. One of them is told to stop in the middle of
 * each operation, and goes back, before it runs it.
 */
START_TEST(an_operation_that_is_cancelled_has_never_been)
{
	struct machine *tried = small_machine(), *plain = small_machine();
	uint64_t cancelled = 0, half_done = 0, before, bound, polls;
	struct op_result res, twin;
	struct undo u;

	seed = 15;
	host_spawn_as(tried, "init", true);
	host_spawn_as(plain, "init", true);
	undo_open(&u, tried);
	/* Polls in front of the first change do not count. */
	while (half_done < 1000) {
		const struct op op = random_op(plain);

		before = host_digest(plain);
		bound = mm_op_bound(plain, &op) + plain->nr_resident;
		polls = undo_polls(plain, &op, &twin);
		ck_assert_msg(plain->nr_resident <= bound, "%d takes more than it said",
			      (int)op.code);
		undo_mark(&u);
		if (polls) {
			const uint64_t written = tried->nr_written;

			ck_assert(undo_cancel_at(tried, &op, &res, rnd(polls)));
			half_done += ram_next_frame(tried, 0, FRAME_DIRTY) !=
				     UINT64_MAX;
			undo_back(&u);
			/* What was zero all the time need not count. */
			ck_assert_uint_le(tried->nr_written, written);
			ck_assert_uint_eq(host_digest(tried), before);
			if (cancelled++ % 16 == 0)
				host_check(tried);
		}
		mm_step(tried, &op, &res, NULL);
		ck_assert(same_result(&res, &twin));
		ck_assert_uint_eq(host_digest(tried), host_digest(plain));
	}
	host_check(tried);
	undo_close(&u);
	host_machine_free(tried);
	host_machine_free(plain);
}
END_TEST

/* ---- looks cost what they find ---- */

#define FEW	1000
#define MANY	10000

static struct machine *large_machine(void)
{
	struct mm_config config = host_config();

	config.ram = 1ULL << 30;
	return host_machine_new(&config);
}

/* A machine of @n of something, and the frame that a look is at. */
struct sight {
	struct machine *m;
	uint32_t pid;
	pfn_t pfn;
	char path[32];
};

static struct sight one_page(void)
{
	struct sight s = { .m = large_machine() };

	s.pid = host_spawn(s.m);
	host_mmap(s.m, s.pid, ARENA, PAGE_SIZE, RW, MAP_FIXED | PRIVATE);
	host_store(s.m, s.pid, ARENA, 1);
	s.pfn = mm_pagemap_entry(s.m, task_at(s.m, mm_find_task(s.m, s.pid))->mm,
				 ARENA).pfn;
	return s;
}

static struct sight processes(unsigned int n)
{
	struct sight s = one_page();

	while (--n)
		ck_assert_int_gt(host_fork(s.m, s.pid, 0), 0);
	return s;
}

/* Half of them have nothing to do with it; the others share one address space. */
static struct sight threads(unsigned int n)
{
	struct sight s = processes(n / 2);
	const uint32_t last = host_spawn(s.m);

	host_mmap(s.m, last, ARENA, PAGE_SIZE, RW, MAP_FIXED | PRIVATE | MAP_LOCKED);
	for (n /= 2; n; n--)
		ck_assert_int_gt(host_fork(s.m, last, CLONE_VM), 0);
	s.pfn = mm_pagemap_entry(s.m, task_at(s.m, mm_find_task(s.m, last))->mm,
				 ARENA).pfn;
	return s;
}

/* One process maps the same page of shared memory @n times. */
static struct sight mappings(unsigned int n)
{
	struct sight s = one_page();
	struct op op = { .code = OP_MEMFD_CREATE, .pid = s.pid };
	int64_t fd, at = 0;

	fd = host_run(s.m, &op).ret;
	op = (struct op){ .code = OP_FTRUNCATE, .pid = s.pid };
	op.ftruncate = (struct op_ftruncate){ fd, PAGE_SIZE };
	host_run(s.m, &op);
	op = (struct op){ .code = OP_MMAP, .pid = s.pid };
	op.mmap = (struct op_mmap){ 0, PAGE_SIZE, RW, MAP_SHARED, fd, 0 };
	while (n--) {
		at = host_run(s.m, &op).ret;
		ck_assert_int_gt(at, 0);
		host_store(s.m, s.pid, (uint64_t)at, 1);
	}
	s.pfn = mm_pagemap_entry(s.m, task_at(s.m, mm_find_task(s.m, s.pid))->mm,
				 (uint64_t)at).pfn;
	return s;
}

static void look_rmap(const struct machine *m, void *ctx)
{
	const struct sight *s = ctx;
	static struct mm_mapping found[MANY + 1];

	ck_assert_uint_le(mm_rmap_room(m, s->pfn), MANY + 1);
	ck_assert_uint_ge(mm_rmap(m, s->pfn, found), 1);
}

static void look_check(const struct machine *m, void *ctx)
{
	(void)ctx;
	host_check(m);
}

static void look_proc(const struct machine *m, void *ctx)
{
	char *text = host_proc(m, ((struct sight *)ctx)->path);

	ck_assert_ptr_nonnull(text);
	free(text);
}

static void look_tasks(const struct machine *m, void *ctx)
{
	(void)ctx;
	for (task_ref t = mm_first_task(m); !task_none(t); t = mm_next_task(m, t))
		;
}

static const struct {
	const char *name;
	struct sight (*make)(unsigned int n);
	void (*look)(const struct machine *m, void *ctx);
	const char *path;
} looks[] = {
	{ "rmap of a page of processes", processes, look_rmap, "" },
	{ "rmap of a page of threads", threads, look_rmap, "" },
	{ "rmap of a page mapped often", mappings, look_rmap, "" },
	{ "check of processes", processes, look_check, "" },
	{ "check of threads", threads, look_check, "" },
	{ "check of mappings", mappings, look_check, "" },
	{ "list of processes", processes, look_tasks, "" },
	{ "meminfo of threads", threads, look_proc, "/proc/meminfo" },
	{ "zoneinfo of threads", threads, look_proc, "/proc/zoneinfo" },
	{ "stat of processes", processes, look_proc, "/proc/1/stat" },
	{ "status of threads", threads, look_proc, "/proc/1/status" },
	{ "maps of mappings", mappings, look_proc, "/proc/1/maps" },
	{ "smaps of mappings", mappings, look_proc, "/proc/1/smaps" },
	{ "folder of processes", processes, look_proc, "/proc" },
};

static uint64_t work_at(int i, unsigned int n)
{
	struct sight s = looks[i].make(n);
	uint64_t work;

	strcpy(s.path, looks[i].path);
	work = undo_work(s.m, looks[i].look, &s);
	host_machine_free(s.m);
	return work;
}

START_TEST(what_is_ten_times_as_much_is_ten_times_the_work)
{
	const uint64_t few = work_at(_i, FEW), many = work_at(_i, MANY);

	ck_assert_msg(many <= 11 * few, "%s: %lu of %u, %lu of %u", looks[_i].name,
		      few, FEW, many, MANY);
}
END_TEST

Suite *suite_poll(void);
Suite *suite_poll(void)
{
	Suite *s = suite_create("poll");
	TCase *tc = tcase_create("cancelling");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, an_operation_that_is_cancelled_has_never_been);
	suite_add_tcase(s, tc);
	tc = tcase_create("looks");
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, what_is_ten_times_as_much_is_ten_times_the_work, 0,
			    sizeof(looks) / sizeof(looks[0]));
	suite_add_tcase(s, tc);
	return s;
}
