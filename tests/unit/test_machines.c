/* SPDX-License-Identifier: MIT */
/*
 * The hosted machines. What snapshots, reverts, forks and replays give is
 * compared with something dumber: the digest each state had when it was the
 * present.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/uapi.h"
#include "server/hosted.h"

#define MIB (1ULL << 20)

static struct machines *all;
static struct rpc_error error;

static void open_registry_with(const struct machine_limits *limits)
{
	all = machines_new(limits);
	ck_assert_ptr_nonnull(all);
	memset(&error, 0, sizeof(error));
}

static void open_registry(void)
{
	struct machine_limits limits = machine_limits_default();

	open_registry_with(&limits);
}

static void close_registry(void)
{
	machines_free(all);
}

static struct hosted *create_with(const char *name, uint64_t ram)
{
	struct mm_config config = mm_config_default();

	config.ram = ram;
	return machines_create(all, name, &config, &error);
}

static struct hosted *create(const char *name)
{
	struct hosted *h = create_with(name, 32 * MIB);

	ck_assert_msg(h, "%s", error.why);
	return h;
}

/* ---- operations ---- */

static struct op_result apply(struct hosted *h, const struct op *op)
{
	struct op_result res;

	ck_assert_msg(hosted_apply(h, op, &res, NULL, &error), "%s",
		      error.why);
	return res;
}

static int64_t spawn(struct hosted *h)
{
	struct op op = { .code = OP_SPAWN };

	memcpy(op.spawn.name, "init", 5);
	op.spawn.image = IMAGE_NONE;
	return apply(h, &op).ret;
}

static struct op mmap_op(uint32_t pid, uint64_t addr, uint64_t len)
{
	struct op op = { .code = OP_MMAP, .pid = pid };

	op.mmap = (struct op_mmap){ addr, len, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS |
				    (addr ? MAP_FIXED : 0), -1, 0 };
	return op;
}

static uint64_t map(struct hosted *h, uint32_t pid, uint64_t addr, uint64_t len)
{
	struct op op = mmap_op(pid, addr, len);

	return (uint64_t)apply(h, &op).ret;
}

static struct op_result fill(struct hosted *h, uint32_t pid, uint64_t addr,
			     uint64_t len, uint8_t byte)
{
	struct op op = { .code = OP_MEM_FILL, .pid = pid };

	op.mem_fill = (struct op_mem_fill){ addr, len, byte };
	return apply(h, &op);
}

static void unmap(struct hosted *h, uint32_t pid, uint64_t addr, uint64_t len)
{
	struct op op = { .code = OP_MUNMAP, .pid = pid };

	op.munmap = (struct op_munmap){ addr, len };
	apply(h, &op);
}

static void complain(void *ctx, const char *law, const char *what)
{
	(void)ctx;
	fprintf(stderr, "violated: %s: %s\n", law, what);
}

static void check(const struct hosted *h)
{
	ck_assert_uint_eq(mm_check(hosted_machine(h), complain, NULL), 0);
}

#define ck_digest_eq(h, expected)					\
	do {								\
		char now_[33];						\
									\
		hosted_digest((h), now_);				\
		ck_assert_str_eq(now_, (expected));			\
	} while (0)

/* ---- the registry ---- */

START_TEST(a_name_is_made_up_where_none_is_given)
{
	struct hosted *h;

	open_registry();
	machines_unlock(create("m1"));
	h = create("");
	ck_assert_str_eq(hosted_name(h), "m2");
	machines_unlock(h);
	ck_assert_uint_eq(machines_count(all), 2);
	close_registry();
}
END_TEST

START_TEST(what_cannot_be_created_says_why)
{
	struct machine_limits limits = machine_limits_default();

	limits.machines = 2;
	open_registry_with(&limits);
	machines_unlock(create("a"));
	ck_assert_ptr_null(create_with("a", 32 * MIB));
	ck_assert_int_eq(error.code, RPC_MACHINE_EXISTS);
	ck_assert_ptr_null(create_with("A", 32 * MIB));
	ck_assert_int_eq(error.code, RPC_INVALID_PARAMS);
	ck_assert_str_eq(error.param, "name");
	ck_assert_ptr_null(create_with("b", 12345));
	ck_assert_int_eq(error.code, RPC_INVALID_PARAMS);
	ck_assert_str_eq(error.param, "ram");
	machines_unlock(create("b"));
	ck_assert_ptr_null(create_with("c", 32 * MIB));
	ck_assert_int_eq(error.code, RPC_LIMIT);
	ck_assert_uint_eq(machines_count(all), 2);
	close_registry();
}
END_TEST

static void append_name(struct hosted *h, void *ctx)
{
	strcat(ctx, hosted_name(h));
	strcat(ctx, " ");
}

START_TEST(machines_are_listed_by_name_without_those_destroyed)
{
	static const char *const names[] = { "pear", "apple", "fig", "date" };
	char list[100] = "";
	struct hosted *h;

	open_registry();
	for (int i = 0; i < 4; i++)
		machines_unlock(create(names[i]));
	h = machines_lock(all, "fig", &error);
	machines_destroy(h);
	machines_unlock(h);
	ck_assert(machines_each(all, append_name, list, &error));
	ck_assert_str_eq(list, "apple date pear ");
	ck_assert_ptr_null(machines_lock(all, "fig", &error));
	ck_assert_int_eq(error.code, RPC_NO_SUCH_MACHINE);
	close_registry();
}
END_TEST

START_TEST(the_lock_is_recursive_and_a_run_can_destroy_its_machine)
{
	struct hosted *h, *again;

	open_registry();
	h = create("a");
	again = machines_lock(all, "a", &error);
	ck_assert_ptr_eq(h, again);
	machines_destroy(again);
	machines_destroy(again);
	machines_unlock(again);
	ck_assert_ptr_null(machines_lock(all, "a", &error));
	ck_assert_uint_eq(hosted_seq(h), 0);
	machines_unlock(h);
	ck_assert_uint_eq(machines_frames(all), 0);
	close_registry();
}
END_TEST

static void *wait_for_a(void *got)
{
	struct rpc_error mine = { 0 };
	struct hosted *h = machines_lock(all, "a", &mine);

	*(int *)got = mine.code;
	if (h)
		machines_unlock(h);
	return NULL;
}

static void *try_a(void *got)
{
	struct rpc_error mine = { 0 };
	bool busy;
	struct hosted *h = machines_trylock(all, "a", &busy, &mine);

	*(int *)got = busy ? 1 : mine.code;
	if (h)
		machines_unlock(h);
	return NULL;
}

static bool lock_a(void *ctx)
{
	struct hosted *h = machines_lock(all, "a", ctx);

	if (h)
		machines_unlock(h);
	return h;
}

static void *lock_a_on_a_loop(void *got)
{
	struct rpc_error mine = { 0 };

	rpc_run(false, lock_a, &mine);
	*(int *)got = mine.code;
	return NULL;
}

static int on_another_thread(void *(*run)(void *got))
{
	pthread_t thread;
	int got = -1;

	pthread_create(&thread, NULL, run, &got);
	pthread_join(thread, NULL);
	return got;
}

START_TEST(a_machine_that_is_held_is_busy_and_a_loop_defers)
{
	struct hosted *h;

	open_registry();
	h = create("a");
	ck_assert_int_eq(on_another_thread(try_a), 1);
	ck_assert_int_eq(on_another_thread(lock_a_on_a_loop), RPC_DEFERRED);
	machines_unlock(h);
	ck_assert_int_eq(on_another_thread(try_a), 0);
	ck_assert_int_eq(on_another_thread(lock_a_on_a_loop), 0);
	close_registry();
}
END_TEST

START_TEST(those_who_wait_for_a_machine_that_is_destroyed_are_told_so)
{
	pthread_t threads[8];
	int got[8];
	struct hosted *h;

	open_registry();
	h = create("a");
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, wait_for_a, &got[i]);
	while (h->refs < 10)
		sched_yield();
	machines_destroy(h);
	machines_unlock(create("a"));
	machines_unlock(h);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(got[i], RPC_NO_SUCH_MACHINE);
	}
	ck_assert_int_eq(on_another_thread(wait_for_a), 0);
	close_registry();
}
END_TEST

static void *work_on_all(void *arg)
{
	static const char *const names[] = { "a", "b", "c" };
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	for (int i = 0; i < 300; i++) {
		struct rpc_error mine = { 0 };
		struct hosted *h =
			machines_lock(all, names[rand_r(&seed) % 3], &mine);

		if (!h)
			continue;
		map(h, 1, 0, 4096);
		if (rand_r(&seed) % 100 == 0) {
			machines_destroy(h);
			machines_unlock(h);
			h = create_with(names[rand_r(&seed) % 3], 32 * MIB);
			if (!h)
				continue;
			spawn(h);
		}
		machines_unlock(h);
	}
	return NULL;
}

START_TEST(threads_share_machines_without_losing_an_operation)
{
	pthread_t threads[4];
	uint64_t frames = 0;

	open_registry();
	for (const char *name = "abc"; *name; name++) {
		const char text[2] = { *name, 0 };
		struct hosted *h = create(text);

		spawn(h);
		machines_unlock(h);
	}
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, work_on_all, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (const char *name = "abc"; *name; name++) {
		const char text[2] = { *name, 0 };
		struct hosted *h = machines_lock(all, text, &error);

		if (!h)
			continue;
		check(h);
		frames += hosted_frames(h);
		machines_unlock(h);
	}
	ck_assert_uint_eq(machines_frames(all), frames);
	close_registry();
}
END_TEST

/* ---- host memory ---- */

/* RSS and page tables of this process, bytes. */
static uint64_t host_memory(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[200];
	unsigned long long kib, sum = 0;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %llu", &kib) == 1 ||
		    sscanf(line, "VmPTE: %llu", &kib) == 1)
			sum += kib << 10;
	fclose(f);
	return sum;
}

START_TEST(a_terabyte_costs_less_than_a_mebibyte)
{
	struct hosted *h;
	uint64_t before;

	open_registry();
	machines_unlock(create("warm-up"));
	before = host_memory();
	h = create_with("big", 1ULL << 40);
	ck_assert_ptr_nonnull(h);
	ck_assert_uint_lt(hosted_bytes(h), MIB);
	ck_assert_uint_lt(host_memory() - before, MIB);
	machines_unlock(h);
	close_registry();
}
END_TEST

START_TEST(freed_frames_go_back_to_the_host)
{
	struct hosted *h;
	char before[33];
	uint64_t held;

	open_registry();
	h = create_with("a", 128 * MIB);
	spawn(h);
	map(h, 1, MIB, 64 * MIB);
	hosted_digest(h, before);
	held = hosted_frames(h);
	unmap(h, 1, MIB, 64 * MIB);
	map(h, 1, MIB, 64 * MIB);
	fill(h, 1, MIB, 64 * MIB, 7);
	ck_assert_uint_ge(hosted_frames(h), held + 16384);
	unmap(h, 1, MIB, 64 * MIB);
	ck_assert_uint_lt(hosted_frames(h), held + 4096);
	check(h);
	/* Taken back, they are still zero, and can be used again. */
	map(h, 1, MIB, 64 * MIB);
	fill(h, 1, MIB, 64 * MIB, 9);
	check(h);
	machines_unlock(h);
	close_registry();
}
END_TEST

START_TEST(a_touch_of_what_was_never_written_needs_no_quota)
{
	struct machine_limits limits = machine_limits_default();
	struct op op = { .code = OP_MEM_TOUCH, .pid = 1 };
	struct op_result res;
	struct hosted *h;

	limits.resident_frames = 4096;
	open_registry_with(&limits);
	h = create_with("a", 256 * MIB);
	spawn(h);
	map(h, 1, MIB, 128 * MIB);
	op.mem_touch = (struct op_mem_touch){ MIB, 128 * MIB, ACCESS_WRITE };
	ck_assert_uint_eq(apply(h, &op).done, 128 * MIB);
	op.code = OP_MEM_FILL;
	op.mem_fill = (struct op_mem_fill){ MIB, 128 * MIB, 1 };
	ck_assert(!hosted_apply(h, &op, &res, NULL, &error));
	ck_assert_int_eq(error.code, RPC_LIMIT);
	ck_assert_ptr_nonnull(strstr(error.why, "limit is 4096"));
	machines_unlock(h);
	close_registry();
}
END_TEST

START_TEST(quotas_refuse_before_anything_runs)
{
	struct machine_limits limits = machine_limits_default();
	struct op op = { .code = OP_MEM_FILL, .pid = 1 };
	struct op_result res;
	struct hosted *h;
	char before[33];

	limits.op_frames = 1000;
	open_registry_with(&limits);
	h = create("a");
	spawn(h);
	map(h, 1, MIB, 8 * MIB);
	hosted_digest(h, before);
	op.mem_fill = (struct op_mem_fill){ MIB, 8 * MIB, 1 };
	ck_assert(!hosted_apply(h, &op, &res, NULL, &error));
	ck_assert_int_eq(error.code, RPC_LIMIT);
	op.pid = 7;
	op.mem_fill.len = 1;
	ck_assert(!hosted_apply(h, &op, &res, NULL, &error));
	ck_assert_int_eq(error.code, RPC_NO_SUCH_PROCESS);
	ck_assert_uint_eq(hosted_seq(h), 2);
	ck_digest_eq(h, before);
	machines_unlock(h);
	close_registry();
}
END_TEST

/* ---- digest ---- */

START_TEST(equal_operations_give_equal_digests_whatever_the_name)
{
	struct hosted *a, *b, *c;
	char digest[33];

	open_registry();
	a = create("a");
	b = create("b");
	c = create_with("c", 64 * MIB);
	hosted_digest(a, digest);
	ck_digest_eq(b, digest);
	spawn(a);
	spawn(b);
	fill(a, 1, map(a, 1, 0, 8192), 10, 1);
	fill(b, 1, map(b, 1, 0, 8192), 10, 1);
	hosted_digest(a, digest);
	ck_digest_eq(b, digest);
	map(b, 1, 0, 4096);
	hosted_digest(b, digest);
	hosted_digest(c, digest);
	ck_assert_str_ne(digest, "");
	machines_unlock(a);
	machines_unlock(b);
	machines_unlock(c);
	close_registry();
}
END_TEST

START_TEST(the_digest_tells_states_and_geometries_apart)
{
	struct hosted *a, *b;
	char empty[33], other[33];

	open_registry();
	a = create("a");
	b = create_with("b", 64 * MIB);
	hosted_digest(a, empty);
	hosted_digest(b, other);
	ck_assert_str_ne(empty, other);
	spawn(a);
	hosted_digest(a, other);
	ck_assert_str_ne(empty, other);
	machines_unlock(a);
	machines_unlock(b);
	close_registry();
}
END_TEST

START_TEST(a_frame_that_was_written_and_is_zero_counts_as_never_written)
{
	struct hosted *h;
	struct step s;
	char before[33];

	open_registry();
	h = create("a");
	hosted_digest(h, before);
	s = (struct step){ .m = &h->m };
	*(uint8_t *)ram_mut(&s, 3000 * PAGE_SIZE) = 1;
	*(uint8_t *)ram_mut(&s, 3000 * PAGE_SIZE) = 0;
	ck_digest_eq(h, before);
	machines_unlock(h);
	close_registry();
}
END_TEST

/* ---- history ---- */

struct seen {
	uint64_t nr, first, last;
	struct op op;
	struct op_result res;
	char method[40], snapshot[65];
	uint64_t to_seq;
	uint8_t data[64];
	uint64_t data_dropped;
};

static void see(const struct history_entry *e, void *ctx)
{
	struct seen *seen = ctx;

	if (!seen->nr++)
		seen->first = e->seq;
	else
		ck_assert_uint_eq(e->seq, seen->last + 1);
	seen->last = e->seq;
	snprintf(seen->method, sizeof(seen->method), "%s", e->method);
	seen->data_dropped = e->data_dropped;
	seen->to_seq = e->to_seq;
	if (e->snapshot)
		snprintf(seen->snapshot, sizeof(seen->snapshot), "%s",
			 e->snapshot);
	if (!e->op)
		return;
	seen->op = *e->op;
	seen->res = *e->res;
	if (e->op->data_len && e->op->data_len < sizeof(seen->data))
		memcpy(seen->data, e->op->data, e->op->data_len);
}

START_TEST(the_history_gives_operations_and_results_back)
{
	static const uint8_t hello[] = "hello";
	struct op op = { .code = OP_MEM_WRITE, .pid = 1, .deliver = true };
	struct seen seen = { 0 };
	struct hosted *h;
	uint64_t addr;

	open_registry();
	h = create("a");
	spawn(h);
	addr = map(h, 1, 0, 4096);
	op.mem_write.addr = addr;
	op.data = hello;
	op.data_len = 6;
	apply(h, &op);
	ck_assert_uint_eq(hosted_history(h, 2, 10, see, &seen), 1);
	ck_assert_uint_eq(seen.nr, 1);
	ck_assert_uint_eq(seen.first, 3);
	ck_assert_str_eq(seen.method, "mem.write");
	ck_assert_uint_eq(seen.op.pid, 1);
	ck_assert(seen.op.deliver);
	ck_assert_uint_eq(seen.op.mem_write.addr, addr);
	ck_assert_str_eq((const char *)seen.data, "hello");
	ck_assert_uint_eq(seen.res.done, 6);
	ck_assert_uint_eq(seen.res.minor, 1);

	op.mem_write.addr = 0x1000;
	op.deliver = false;
	apply(h, &op);
	hosted_history(h, 3, 10, see, &seen);
	ck_assert_int_eq(seen.res.outcome, OUT_SIGNAL);
	ck_assert_int_eq(seen.res.signo, SIGSEGV);
	ck_assert_uint_eq(seen.res.fault_addr, 0x1000);
	ck_assert_ptr_nonnull(seen.res.why);
	machines_unlock(h);
	close_registry();
}
END_TEST

START_TEST(the_history_is_bounded_and_loses_its_oldest_entries)
{
	struct machine_limits limits = machine_limits_default();
	struct seen seen = { 0 };
	struct hosted *h;
	uint64_t first;

	limits.history_bytes = 100000;
	open_registry_with(&limits);
	h = create("a");
	spawn(h);
	for (int i = 0; i < 20000; i++) {
		struct op op = { .code = OP_TICK };

		op.tick.jiffies = (uint64_t)i;
		apply(h, &op);
	}
	first = hosted_history(h, 0, UINT64_MAX, see, &seen);
	ck_assert_uint_gt(first, 1);
	ck_assert_uint_lt(first, 19000);
	ck_assert_uint_eq(seen.first, first);
	ck_assert_uint_eq(seen.last, 20001);
	ck_assert_uint_eq(seen.nr, 20002 - first);
	ck_assert_uint_eq(seen.op.tick.jiffies, 19999);
	ck_assert_uint_lt(h->history.bytes, 200000);
	seen = (struct seen){ 0 };
	hosted_history(h, first + 99, 5, see, &seen);
	ck_assert_uint_eq(seen.first, first + 100);
	ck_assert_uint_eq(seen.last, first + 104);
	seen = (struct seen){ 0 };
	hosted_history(h, UINT64_MAX, 5, see, &seen);
	ck_assert_uint_eq(seen.nr, 0);
	machines_unlock(h);
	close_registry();
}
END_TEST

START_TEST(data_that_would_crowd_out_the_history_is_not_kept)
{
	struct machine_limits limits = machine_limits_default();
	static uint8_t bytes[40000];
	struct op op = { .code = OP_MEM_WRITE, .pid = 1 };
	struct seen seen = { 0 };
	struct hosted *h;
	char after[33];

	limits.history_bytes = 100000;
	open_registry_with(&limits);
	h = create("a");
	spawn(h);
	op.mem_write.addr = map(h, 1, 0, 65536);
	op.data = bytes;
	op.data_len = sizeof(bytes);
	apply(h, &op);
	hosted_history(h, 0, 10, see, &seen);
	ck_assert_uint_eq(seen.nr, 3);
	ck_assert_uint_eq(seen.data_dropped, sizeof(bytes));
	ck_assert_uint_eq(seen.op.data_len, 0);
	map(h, 1, 0, 4096);
	/* What came before and after can be had again all the same. */
	hosted_digest(h, after);
	ck_assert(hosted_revert(h, "", 2, &error));
	ck_assert(hosted_revert(h, "", 4, &error));
	ck_digest_eq(h, after);
	ck_assert(hosted_revert(h, "", 3, &error));
	machines_unlock(h);
	close_registry();
}
END_TEST

START_TEST(iov_arrays_are_kept_and_run_again)
{
	struct machine_limits limits = machine_limits_default();
	struct op_iovec local[2], remote[1], many[2000] = { { 0, 0 } };
	struct op op = {
		.code = OP_PROCESS_VM_WRITEV, .pid = 1,
		.process_vm_writev.remote_pid = 1,
		.iov = { local, 2 }, .remote_iov = { remote, 1 },
	};
	struct seen seen = { 0 };
	char after[33];
	struct hosted *h;
	uint64_t addr;

	limits.history_bytes = 100000;
	open_registry_with(&limits);
	h = create("a");
	spawn(h);
	addr = map(h, 1, 0, 65536);
	local[0] = (struct op_iovec){ addr, 100 };
	local[1] = (struct op_iovec){ addr + 4096, 200 };
	remote[0] = (struct op_iovec){ addr + 8192, 300 };
	apply(h, &op);
	hosted_digest(h, after);
	memset(local, 0, sizeof(local));
	hosted_history(h, 2, 10, see, &seen);
	ck_assert_uint_eq(seen.op.iov.nr, 2);
	ck_assert_uint_eq(seen.op.iov.vec[0].base, addr);
	ck_assert_uint_eq(seen.op.iov.vec[1].len, 200);
	ck_assert_uint_eq(seen.op.remote_iov.nr, 1);
	ck_assert_uint_eq(seen.op.remote_iov.vec[0].base, addr + 8192);
	ck_assert_int_eq(seen.res.ret, 300);
	ck_assert_uint_eq(seen.res.minor, 3);
	map(h, 1, 0, 4096);
	ck_assert(hosted_revert(h, "", 3, &error));
	ck_digest_eq(h, after);
	/* Arrays that would crowd out everything else are not kept. */
	op.iov = (struct op_iov){ many, 2000 };
	apply(h, &op);
	seen = (struct seen){ 0 };
	hosted_history(h, 5, 10, see, &seen);
	ck_assert_uint_eq(seen.data_dropped, 2001 * sizeof(many[0]));
	ck_assert_int_eq(seen.res.err, EINVAL);
	ck_assert_uint_eq(seen.op.iov.nr, 0);
	machines_unlock(h);
	close_registry();
}
END_TEST

/* ---- snapshots ---- */

START_TEST(a_revert_brings_the_state_back_and_is_an_operation)
{
	struct seen seen = { 0 };
	char before[33], after[33];
	struct hosted *h;
	uint64_t addr, seq;

	open_registry();
	h = create("a");
	spawn(h);
	addr = map(h, 1, 0, 1 * MIB);
	fill(h, 1, addr, 100000, 1);
	hosted_digest(h, before);
	ck_assert(hosted_snapshot(h, "s", &error));
	ck_assert_uint_eq(hosted_seq(h), 3);
	fill(h, 1, addr, 200000, 2);
	hosted_digest(h, after);
	ck_assert(hosted_snapshot(h, "t", &error));
	ck_assert(hosted_revert(h, "s", 0, &error));
	ck_assert_uint_eq(hosted_seq(h), 5);
	ck_digest_eq(h, before);
	check(h);
	ck_assert(hosted_revert(h, "t", 0, &error));
	ck_digest_eq(h, after);
	ck_assert(hosted_revert(h, "s", 0, &error));
	ck_digest_eq(h, before);
	hosted_history(h, 6, 9, see, &seen);
	ck_assert_str_eq(seen.method, "machine.revert");
	ck_assert_str_eq(seen.snapshot, "s");
	ck_assert_uint_eq(seen.to_seq, 3);
	ck_assert(hosted_snapshot_seq(h, "t", &seq));
	ck_assert_uint_eq(seq, 4);
	ck_assert(!hosted_revert(h, "u", 0, &error));
	ck_assert_int_eq(error.code, RPC_NO_SUCH_THING);
	machines_unlock(h);
	close_registry();
}
END_TEST

START_TEST(snapshots_share_what_did_not_change)
{
	struct hosted *h;
	char name[] = "a";
	uint64_t addr, frames;

	open_registry();
	h = create("a");
	spawn(h);
	addr = map(h, 1, 0, 16 * MIB);
	fill(h, 1, addr, 16 * MIB, 1);
	frames = hosted_frames(h);
	for (; *name <= 'z'; ++*name) {
		ck_assert(hosted_snapshot(h, name, &error));
		fill(h, 1, addr + (uint64_t)(*name - 'a') * 4096, 1, 3);
	}
	/* A page each, and what the kernel wrote to fault it in. */
	ck_assert_uint_lt(hosted_frames(h), frames + 26 * 8);
	machines_unlock(h);
	close_registry();
}
END_TEST

START_TEST(snapshots_are_bounded)
{
	struct machine_limits limits = machine_limits_default();
	struct hosted *h;

	limits.snapshots = 2;
	limits.snapshot_frames = 1000;
	open_registry_with(&limits);
	h = create("a");
	spawn(h);
	ck_assert(hosted_snapshot(h, "s", &error));
	ck_assert(hosted_snapshot(h, "t", &error));
	ck_assert(hosted_snapshot(h, "t", &error));
	ck_assert(!hosted_snapshot(h, "u", &error));
	ck_assert_int_eq(error.code, RPC_LIMIT);
	fill(h, 1, map(h, 1, 0, 8 * MIB), 8 * MIB, 1);
	ck_assert(!hosted_snapshot(h, "t", &error));
	ck_assert_int_eq(error.code, RPC_LIMIT);
	machines_unlock(h);
	close_registry();
}
END_TEST

/* ---- random lives ---- */

#define LIFE_OPS	400
#define LIFE_NAMES	5

/* What is known of a machine's past: each state's digest, by seq. */
struct life {
	struct hosted *h;
	unsigned int seed;
	char digest[LIFE_OPS + 2][33];
	uint64_t snapshot[LIFE_NAMES];	/* its seq + 1; 0: none */
	uint64_t run_snapshot[LIFE_NAMES];	/* as they were at begin */
	uint64_t run_seq;
	bool forgetful;		/* its history is short */
};

static unsigned int pick(struct life *l, unsigned int below)
{
	return (unsigned int)rand_r(&l->seed) % below;
}

/* Some state that it must be possible to go back to. */
static uint64_t random_past(struct life *l)
{
	const uint64_t from = l->forgetful ? l->h->history.first_seq - 1 : 0;

	return from + pick(l, (unsigned int)(hosted_seq(l->h) - from) + 1);
}

static void random_operation(struct life *l)
{
	const uint64_t addr = MIB + pick(l, 64) * 4096ULL;
	const uint32_t pid = 1 + pick(l, 3);
	struct op op = { .code = OP_MEM_FILL, .pid = pid };
	struct op_result res;

	op.mem_fill = (struct op_mem_fill){ addr, 1 + pick(l, 20000),
					    (uint8_t)pick(l, 3) };
	switch (pick(l, 6)) {
	case 0:
		op = mmap_op(pid, addr, (1 + pick(l, 32)) * 4096ULL);
		break;
	case 1:
		op.code = OP_MUNMAP;
		op.munmap = (struct op_munmap){
			addr, (1 + pick(l, 32)) * 4096ULL };
		break;
	case 2:
		op.code = OP_FORK;
		op.fork.flags = 0;
		break;
	case 3:
		op.code = pick(l, 4) ? OP_MEM_FILL : OP_EXIT;
		break;
	default:
		break;
	}
	if (!hosted_apply(l->h, &op, &res, NULL, &error))
		ck_assert_int_eq(error.code, RPC_NO_SUCH_PROCESS);
}

static void random_snapshot(struct life *l)
{
	char name[] = "a";
	unsigned int i = pick(l, LIFE_NAMES);

	*name = (char)('a' + i);
	ck_assert_msg(hosted_snapshot(l->h, name, &error), "%s", error.why);
	l->snapshot[i] = hosted_seq(l->h) + 1;
}

static void random_revert(struct life *l)
{
	const uint64_t to = random_past(l);
	unsigned int i = pick(l, LIFE_NAMES);
	char name[] = "a";

	*name = (char)('a' + i);
	if (pick(l, 2)) {
		ck_assert_msg(hosted_revert(l->h, "", to, &error), "%s",
			      error.why);
		ck_digest_eq(l->h, l->digest[to]);
		return;
	}
	ck_assert(hosted_revert(l->h, name, 0, &error) == !!l->snapshot[i]);
	if (l->snapshot[i])
		ck_digest_eq(l->h, l->digest[l->snapshot[i] - 1]);
}

static void random_run(struct life *l)
{
	if (!l->h->in_run) {
		ck_assert_msg(hosted_begin(l->h, &error), "%s", error.why);
		l->run_seq = hosted_seq(l->h);
		memcpy(l->run_snapshot, l->snapshot, sizeof(l->snapshot));
	} else if (pick(l, 2)) {
		hosted_commit(l->h);
	} else {
		hosted_rollback(l->h);
		ck_assert_uint_eq(hosted_seq(l->h), l->run_seq);
		ck_digest_eq(l->h, l->digest[l->run_seq]);
		memcpy(l->snapshot, l->run_snapshot, sizeof(l->snapshot));
	}
}

static void fork_and_compare(struct life *l)
{
	const uint64_t at = random_past(l);
	struct hosted *fork = hosted_fork(l->h, "", true, at, &error);

	ck_assert_msg(fork, "%s", error.why);
	ck_digest_eq(fork, l->digest[at]);
	ck_assert_uint_eq(hosted_seq(fork), at);
	check(fork);
	machines_destroy(fork);
	machines_unlock(fork);
}

static void live(struct life *l)
{
	while (hosted_seq(l->h) < LIFE_OPS) {
		switch (pick(l, 40)) {
		case 0: case 1:
			random_snapshot(l);
			break;
		case 2: case 3:
			random_revert(l);
			break;
		case 4: case 5: case 6:
			random_run(l);
			break;
		case 7:
			fork_and_compare(l);
			break;
		default:
			random_operation(l);
			break;
		}
		hosted_digest(l->h, l->digest[hosted_seq(l->h)]);
		if (!pick(l, 16))
			check(l->h);
	}
}

START_TEST(every_state_of_a_random_life_can_be_had_again)
{
	static struct life l;

	open_registry();
	memset(&l, 0, sizeof(l));
	l.seed = 100 + (unsigned int)_i;
	l.h = create("a");
	hosted_digest(l.h, l.digest[0]);
	spawn(l.h);
	hosted_digest(l.h, l.digest[1]);
	live(&l);
	if (l.h->in_run)
		hosted_commit(l.h);
	for (uint64_t seq = 0; seq <= LIFE_OPS; seq += 37) {
		struct hosted *fork = hosted_fork(l.h, "f", true, seq, &error);

		ck_assert_msg(fork, "%s", error.why);
		ck_digest_eq(fork, l.digest[seq]);
		machines_destroy(fork);
		machines_unlock(fork);
	}
	ck_assert_uint_eq(machines_frames(all), hosted_frames(l.h));
	machines_unlock(l.h);
	close_registry();
}
END_TEST

START_TEST(a_fork_of_a_machine_has_its_state_and_its_own_future)
{
	struct hosted *h, *fork;
	char digest[33];
	uint64_t addr;

	open_registry();
	h = create("a");
	spawn(h);
	addr = map(h, 1, 0, MIB);
	fill(h, 1, addr, MIB, 1);
	hosted_digest(h, digest);
	fork = hosted_fork(h, "b", false, 0, &error);
	ck_assert_ptr_nonnull(fork);
	ck_digest_eq(fork, digest);
	fill(fork, 1, addr, MIB, 2);
	ck_digest_eq(h, digest);
	fill(h, 1, addr, 100, 3);
	ck_assert(hosted_revert(fork, "", 3, &error));
	ck_digest_eq(fork, digest);
	ck_assert(!hosted_revert(fork, "", 2, &error));
	ck_assert_int_eq(error.code, RPC_NO_SUCH_THING);
	ck_assert_ptr_null(hosted_fork(h, "b", false, 0, &error));
	ck_assert_int_eq(error.code, RPC_MACHINE_EXISTS);
	machines_unlock(fork);
	machines_unlock(h);
	close_registry();
}
END_TEST

START_TEST(the_past_is_out_of_reach_once_the_history_dropped_it)
{
	struct machine_limits limits = machine_limits_default();
	struct hosted *h, *fork;

	limits.history_bytes = 20000;
	open_registry_with(&limits);
	h = create("a");
	spawn(h);
	fork = hosted_fork(h, "b", false, 0, &error);
	for (int i = 0; i < 2000; i++) {
		map(h, 1, MIB, 4096);
		map(fork, 1, MIB, 4096);
	}
	ck_assert(!hosted_revert(h, "", 1000, &error));
	ck_assert_int_eq(error.code, RPC_NO_SUCH_THING);
	ck_assert(!hosted_revert(fork, "", 1, &error));
	ck_assert(hosted_revert(h, "", 0, &error));
	ck_assert(!hosted_revert(h, "", 5000, &error));
	ck_assert_int_eq(error.code, RPC_NO_SUCH_THING);
	machines_unlock(fork);
	machines_unlock(h);
	close_registry();
}
END_TEST

static void no_matter(const struct history_entry *e, void *ctx)
{
	(void)e;
	(void)ctx;
}

/* Quotas that forbid keyframes cost nothing but the way back. */
START_TEST(without_room_for_keyframes_all_goes_on)
{
	struct machine_limits limits = machine_limits_default();
	struct hosted *h;
	uint64_t first;

	limits.history_bytes = 100000;
	limits.snapshot_frames = 8;
	open_registry_with(&limits);
	h = create("a");
	spawn(h);
	for (int i = 0; i < 5000; i++)
		map(h, 1, MIB, 4096);
	ck_assert_uint_eq(h->snapshots.nr, 0);
	ck_assert_uint_lt(h->history.bytes, 200000);
	first = hosted_history(h, 0, 1, no_matter, NULL);
	ck_assert_uint_gt(first, 1000);
	ck_assert(!hosted_revert(h, "", first, &error));
	ck_assert_int_eq(error.code, RPC_NO_SUCH_THING);
	ck_assert(hosted_revert(h, "", 0, &error));
	machines_unlock(h);
	close_registry();
}
END_TEST

/*
 * With a history so short that it begins anew many times in a life: from what it
 * holds, and from the state before that, every state can be had.
 */
START_TEST(what_the_history_holds_can_be_gone_back_to)
{
	struct machine_limits limits = machine_limits_default();
	static struct life l;
	uint64_t first;

	limits.history_bytes = 20000 - 5000 * (uint64_t)(_i % 3);
	limits.snapshots = LIFE_NAMES;
	open_registry_with(&limits);
	memset(&l, 0, sizeof(l));
	l.seed = 500 + (unsigned int)_i;
	l.h = create("a");
	l.forgetful = true;
	hosted_digest(l.h, l.digest[0]);
	spawn(l.h);
	hosted_digest(l.h, l.digest[1]);
	live(&l);
	if (l.h->in_run)
		hosted_commit(l.h);
	first = hosted_history(l.h, 0, 1, no_matter, NULL);
	ck_assert_uint_gt(first, 1);
	ck_assert_uint_lt(first, LIFE_OPS);
	for (uint64_t seq = first - 1; seq <= LIFE_OPS; seq += 3) {
		struct hosted *fork = hosted_fork(l.h, "f", true, seq, &error);

		ck_assert_msg(fork, "%s", error.why);
		ck_digest_eq(fork, l.digest[seq]);
		machines_destroy(fork);
		machines_unlock(fork);
	}
	machines_unlock(l.h);
	close_registry();
}
END_TEST

START_TEST(an_atomic_run_alone_leaves_nothing_behind)
{
	struct hosted *h;
	uint64_t addr, frames;
	char before[33];

	open_registry();
	h = create("a");
	spawn(h);
	addr = map(h, 1, 0, MIB);
	fill(h, 1, addr, MIB, 1);
	hosted_digest(h, before);
	frames = hosted_frames(h);
	for (int i = 0; i < 100; i++) {
		ck_assert(hosted_begin(h, &error));
		ck_assert(!hosted_begin(h, &error));
		fill(h, 1, addr, 100000, (uint8_t)i);
		if (i & 1)
			hosted_commit(h);
		else
			hosted_rollback(h);
	}
	ck_assert_uint_eq(h->snapshots.nr, 0);
	ck_assert_uint_eq(hosted_frames(h), frames);
	ck_assert_uint_eq(hosted_seq(h), 53);
	fill(h, 1, addr, 100000, 1);
	ck_digest_eq(h, before);
	machines_unlock(h);
	close_registry();
}
END_TEST

/* ---- our own mistakes ---- */

/* As a stray pointer of ours would: the page tables of pid 1 lead nowhere. */
static void corrupt(struct hosted *h)
{
	struct step s = { .m = &h->m };
	task_ref t = mm_find_task(&h->m, 1);

	mm_mut(&s, task_at(&h->m, t)->mm)->pgd = h->m.ram_bytes + 8;
}

static bool walk(void *ctx)
{
	struct mm_walk_level levels[MM_WALK_LEVELS];
	struct hosted *h = ctx;
	task_ref t = mm_find_task(&h->m, 1);
	pfn_t pfn;

	return mm_walk(&h->m, task_at(&h->m, t)->mm, MIB, levels, &pfn);
}

START_TEST(a_broken_invariant_quarantines_one_machine)
{
	struct op op;
	struct op_result res;
	struct hosted *h, *other, *saved;
	char digest[33];

	open_registry();
	h = create("a");
	other = create("b");
	spawn(h);
	spawn(other);
	map(h, 1, MIB, MIB);
	hosted_digest(h, digest);
	corrupt(h);
	op = (struct op){ .code = OP_MEM_FILL, .pid = 1 };
	op.mem_fill = (struct op_mem_fill){ MIB, 1, 1 };
	ck_assert(!hosted_apply(h, &op, &res, NULL, &error));
	ck_assert_int_eq(error.code, RPC_INTERNAL_ERROR);
	ck_assert_ptr_nonnull(strstr(hosted_read_only(h), "mem.fill"));
	ck_assert_uint_eq(hosted_seq(h), 2);

	ck_assert(!hosted_apply(h, &op, &res, NULL, &error));
	ck_assert_int_eq(error.code, RPC_READ_ONLY);
	ck_assert_ptr_nonnull(strstr(error.why, "was not true"));
	ck_assert(!hosted_snapshot(h, "s", &error));
	ck_assert_int_eq(error.code, RPC_READ_ONLY);
	ck_assert(!hosted_revert(h, "", 1, &error));
	ck_assert_int_eq(error.code, RPC_READ_ONLY);
	ck_assert(!hosted_begin(h, &error));
	ck_assert_ptr_null(hosted_fork(h, "c", false, 0, &error));
	ck_assert_int_eq(error.code, RPC_READ_ONLY);

	/* It can be looked at, even where that panics too. */
	ck_assert(!task_none(mm_find_task(hosted_machine(h), 1)));
	ck_assert(!hosted_read(h, walk, h, &error));
	ck_assert_int_eq(error.code, RPC_INTERNAL_ERROR);
	/* Its last good state can be forked: it is made again. */
	saved = hosted_fork(h, "c", true, 2, &error);
	ck_assert_msg(saved, "%s", error.why);
	ck_digest_eq(saved, digest);
	ck_assert_uint_eq(apply(other, &op).minor + 1, 1);
	machines_unlock(saved);
	machines_unlock(other);
	machines_unlock(h);
	close_registry();
}
END_TEST

START_TEST(a_quarantined_machine_is_dumped)
{
	char dir[] = "/tmp/mmapd-dump-XXXXXX", path[100], line[100];
	struct op op = { .code = OP_MEM_FILL, .pid = 1 };
	struct op_result res;
	struct hosted *h;
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	open_registry();
	machines_set_dump_dir(all, dir);
	h = create("a");
	spawn(h);
	map(h, 1, MIB, MIB);
	corrupt(h);
	op.mem_fill = (struct op_mem_fill){ MIB, 1, 1 };
	ck_assert(!hosted_apply(h, &op, &res, NULL, &error));
	snprintf(path, sizeof(path), "%s/a-2.txt", dir);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	ck_assert_str_eq(line, "machine a\n");
	fclose(f);
	remove(path);
	snprintf(path, sizeof(path), "%s/a-2.ram", dir);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	fseek(f, 0, SEEK_END);
	ck_assert_int_eq(ftell(f), (long)(32 * MIB + (1ULL << 30)));
	fclose(f);
	remove(path);
	remove(dir);
	machines_unlock(h);
	close_registry();
}
END_TEST

static void add_registry_tests(Suite *suite)
{
	TCase *tc = tcase_create("registry");

	tcase_add_test(tc, a_name_is_made_up_where_none_is_given);
	tcase_add_test(tc, what_cannot_be_created_says_why);
	tcase_add_test(tc, machines_are_listed_by_name_without_those_destroyed);
	tcase_add_test(tc, the_lock_is_recursive_and_a_run_can_destroy_its_machine);
	tcase_add_test(tc, a_machine_that_is_held_is_busy_and_a_loop_defers);
	tcase_add_test(tc, those_who_wait_for_a_machine_that_is_destroyed_are_told_so);
	tcase_add_test(tc, threads_share_machines_without_losing_an_operation);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
}

static void add_memory_tests(Suite *suite)
{
	TCase *tc = tcase_create("memory, quotas, digest");

	tcase_add_test(tc, a_terabyte_costs_less_than_a_mebibyte);
	tcase_add_test(tc, freed_frames_go_back_to_the_host);
	tcase_add_test(tc, a_touch_of_what_was_never_written_needs_no_quota);
	tcase_add_test(tc, quotas_refuse_before_anything_runs);
	tcase_add_test(tc, equal_operations_give_equal_digests_whatever_the_name);
	tcase_add_test(tc, the_digest_tells_states_and_geometries_apart);
	tcase_add_test(tc, a_frame_that_was_written_and_is_zero_counts_as_never_written);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(suite, tc);
}

static void add_past_tests(Suite *suite)
{
	TCase *tc = tcase_create("history, snapshots, the past");

	tcase_add_test(tc, the_history_gives_operations_and_results_back);
	tcase_add_test(tc, the_history_is_bounded_and_loses_its_oldest_entries);
	tcase_add_test(tc, data_that_would_crowd_out_the_history_is_not_kept);
	tcase_add_test(tc, iov_arrays_are_kept_and_run_again);
	tcase_add_test(tc, a_revert_brings_the_state_back_and_is_an_operation);
	tcase_add_test(tc, snapshots_share_what_did_not_change);
	tcase_add_test(tc, snapshots_are_bounded);
	tcase_add_loop_test(tc, every_state_of_a_random_life_can_be_had_again, 0, 8);
	tcase_add_test(tc, a_fork_of_a_machine_has_its_state_and_its_own_future);
	tcase_add_test(tc, the_past_is_out_of_reach_once_the_history_dropped_it);
	tcase_add_test(tc, without_room_for_keyframes_all_goes_on);
	tcase_add_loop_test(tc, what_the_history_holds_can_be_gone_back_to, 0, 60);
	tcase_add_test(tc, an_atomic_run_alone_leaves_nothing_behind);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(suite, tc);
}

static void add_panic_tests(Suite *suite)
{
	TCase *tc = tcase_create("panic");

	tcase_add_test(tc, a_broken_invariant_quarantines_one_machine);
	tcase_add_test(tc, a_quarantined_machine_is_dumped);
	suite_add_tcase(suite, tc);
}

Suite *suite_machines(void);
Suite *suite_machines(void)
{
	Suite *suite = suite_create("machines");

	add_registry_tests(suite);
	add_memory_tests(suite);
	add_past_tests(suite);
	add_panic_tests(suite);
	return suite;
}
