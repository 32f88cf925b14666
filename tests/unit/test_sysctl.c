/* SPDX-License-Identifier: MIT */
/*
 * /proc/sys/vm: names and limits, the three overcommit modes to the page,
 * max_map_count, and the passing of time. The words in braces name the facts
 * of Linux 6.18 that a test repeats.
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
}

static void teardown(void)
{
	space_close(&sp);
}

static int64_t map_pages(int64_t pages, uint64_t flags)
{
	return host_mmap(sp.m, sp.pid, 0, (uint64_t)pages * PAGE_SIZE, RW,
			 PRIVATE | flags);
}

static int64_t ram_pages(void)
{
	return (int64_t)kernel_at(sp.m)->totalram_pages;
}

/* ---- names and values ---- */

static const struct {
	const char *name;
	uint64_t initial, low, high;	/* 0, 0: computed at boot */
} knobs[] = {
	{ "vm.overcommit_memory", 0, 0, 2 },
	{ "vm.overcommit_ratio", 50, 0, INT32_MAX },
	{ "vm.overcommit_kbytes", 0, 0, 1ULL << 50 },
	{ "vm.swappiness", 60, 0, 200 },
	{ "vm.max_map_count", 65530, 0, INT32_MAX },
	{ "vm.mmap_min_addr", 65536, 0, 1ULL << 46 },
	{ "vm.dirty_ratio", 20, 0, 100 },
	{ "vm.dirty_background_ratio", 10, 0, 100 },
	{ "vm.dirty_expire_centisecs", 3000, 0, 1ULL << 32 },
	{ "vm.dirty_writeback_centisecs", 500, 0, 1ULL << 32 },
	{ "vm.read_ahead_kb", 128, 0, 1 << 20 },
	{ "vm.drop_caches", 0, 1, 4 },
	{ "fs.pipe-max-size", 1 << 20, 0, 1ULL << 31 },
	{ "vm.min_free_kbytes", UINT64_MAX, 0, 262144 },
	{ "vm.admin_reserve_kbytes", UINT64_MAX, 0, 1ULL << 50 },
	{ "vm.user_reserve_kbytes", UINT64_MAX, 0, 1ULL << 50 },
};

START_TEST(each_knob_has_a_name_a_first_value_and_bounds)
{
	const int id = mm_sysctl_id(knobs[_i].name);

	ck_assert_int_ge(id, 0);
	ck_assert_str_eq(mm_sysctl_name(id), knobs[_i].name);
	if (knobs[_i].initial != UINT64_MAX)
		ck_assert_uint_eq(mm_sysctl_read(sp.m, id), knobs[_i].initial);
	ck_assert_ptr_null(mm_sysctl_check(id, knobs[_i].low));
	ck_assert_ptr_null(mm_sysctl_check(id, knobs[_i].high));
	ck_assert_ptr_nonnull(mm_sysctl_check(id, knobs[_i].high + 1));
	ck_assert_ptr_nonnull(mm_sysctl_check(id, UINT64_MAX));
	if (knobs[_i].low)
		ck_assert_ptr_nonnull(mm_sysctl_check(id, knobs[_i].low - 1));
}
END_TEST

START_TEST(a_value_written_is_read_and_is_what_proc_shows)
{
	const int id = mm_sysctl_id(knobs[_i].name);
	/* A size of pipes is rounded. */
	const uint64_t value = id == SYSCTL_pipe_max_size ? PAGE_SIZE
							  : knobs[_i].low + 1;
	char path[64], expected[32], *text;

	space_sysctl(&sp, id, value);
	ck_assert_uint_eq(mm_sysctl_read(sp.m, id), value);
	snprintf(path, sizeof(path), "/proc/sys/%.2s/%s", knobs[_i].name,
		 knobs[_i].name + 3);
	snprintf(expected, sizeof(expected), "%llu\n",
		 (unsigned long long)value);
	text = host_proc(sp.m, path);
	ck_assert_str_eq(text, expected);
	free(text);
}
END_TEST

START_TEST(there_are_no_other_knobs)
{
	ck_assert_uint_eq(sizeof(knobs) / sizeof(knobs[0]), NR_SYSCTLS);
	ck_assert_int_eq(mm_sysctl_id(""), -1);
	ck_assert_int_eq(mm_sysctl_id("overcommit_memory"), -1);
	ck_assert_int_eq(mm_sysctl_id("vm.overcommit"), -1);
	ck_assert_int_eq(mm_sysctl_id("vm.overcommit_memory2"), -1);
}
END_TEST

START_TEST(a_value_out_of_bounds_is_not_written)
{
	struct op op = { .code = OP_SYSCTL };
	const uint64_t digest = host_digest(sp.m);
	struct op_result res;

	op.sysctl = (struct op_sysctl){ SYSCTL_overcommit_memory, 3 };
	ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL), MM_BAD_OPERATION);
	op.sysctl = (struct op_sysctl){ NR_SYSCTLS, 0 };
	ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL), MM_BAD_OPERATION);
	op.sysctl = (struct op_sysctl){ UINT32_MAX, 0 };
	ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL), MM_BAD_OPERATION);
	ck_assert_uint_eq(host_digest(sp.m), digest);
}
END_TEST

/* ---- overcommit ---- */

/* {oc.1-3}: one request above all RAM is too much, many below are not. */
START_TEST(mode_0_refuses_what_alone_exceeds_ram)
{
	const uint64_t before = space_committed(&sp);

	ck_assert_int_eq(map_pages(ram_pages() + 1, 0), -ENOMEM);
	ck_assert_uint_eq(space_committed(&sp), before);
	for (int i = 0; i < 5; i++)
		ck_assert_int_gt(map_pages(ram_pages(), 0), 0);
	ck_assert_uint_eq(space_committed(&sp),
			  before + 5 * (uint64_t)ram_pages());
	ck_assert_int_gt(map_pages(ram_pages() + 1, MAP_NORESERVE), 0);
}
END_TEST

START_TEST(mode_1_refuses_nothing)
{
	space_sysctl(&sp, SYSCTL_overcommit_memory, 1);
	ck_assert_int_gt(map_pages(1000 * ram_pages(), 0), 0);
	ck_assert_int_gt(map_pages(1LL << 33, 0), 0);	/* 32 TiB */
}
END_TEST

/* {G:oc.3,4,14}: committed after it < limit - reserves, to the page. */
static int64_t strict_room(bool root)
{
	const struct kernel *k = kernel_at(sp.m);
	int64_t limit = k->overcommit_kbytes
		? (int64_t)k->overcommit_kbytes / 4
		: ram_pages() * (int64_t)k->overcommit_ratio / 100;
	int64_t user = (int64_t)k->user_reserve_kbytes / 4;
	int64_t share = (int64_t)space_mm(&sp)->total_vm / 32;

	if (!root)
		limit -= (int64_t)k->admin_reserve_kbytes / 4;
	limit -= share < user ? share : user;
	return limit - (int64_t)k->vm_committed_space - 1;
}

static void expect_room(int64_t room)
{
	int64_t at;

	ck_assert_int_gt(room, 0);
	ck_assert_int_eq(map_pages(room + 1, 0), -ENOMEM);
	/* {G:oc.5} */
	ck_assert_int_eq(map_pages(room + 1, MAP_NORESERVE), -ENOMEM);
	at = map_pages(room, MAP_NORESERVE);
	ck_assert_int_gt(at, 0);
	ck_assert_int_eq(map_pages(1, 0), -ENOMEM);
	host_munmap(sp.m, sp.pid, (uint64_t)at, (uint64_t)room * PAGE_SIZE);
}

START_TEST(mode_2_is_exact_to_the_page)
{
	space_sysctl(&sp, SYSCTL_overcommit_memory, 2);
	expect_room(strict_room(false));
	space_sysctl(&sp, SYSCTL_overcommit_ratio, 80);
	expect_room(strict_room(false));
	space_sysctl(&sp, SYSCTL_overcommit_kbytes, 20000);
	expect_room(strict_room(false));
	space_sysctl(&sp, SYSCTL_admin_reserve_kbytes, 4000);
	expect_room(strict_room(false));
	/* now the process is large: a 32nd of it, but not above the reserve */
	host_mmap(sp.m, sp.pid, 0, 800 * PAGE_SIZE, PROT_READ, PRIVATE);
	expect_room(strict_room(false));
	space_sysctl(&sp, SYSCTL_user_reserve_kbytes, 40);
	expect_room(strict_room(false));
}
END_TEST

START_TEST(root_may_use_the_administrators_reserve)
{
	struct mm_config config = host_config();

	space_close(&sp);
	config.ram = 64ULL << 20;
	config.overcommit_memory = 2;
	space_open_with(&sp, &config, true);
	ck_assert_uint_gt(kernel_at(sp.m)->admin_reserve_kbytes, 0);
	expect_room(strict_room(true));
}
END_TEST

/* {G:oc.8,11-13}: each way to make a promise asks. */
START_TEST(mode_2_hears_of_every_promise)
{
	const uint64_t brk = space_mm(&sp)->brk;
	int64_t at;

	space_map(&sp, 0, 4, PROT_READ);
	space_map(&sp, 8, 4, RW);
	space_sysctl(&sp, SYSCTL_overcommit_memory, 2);
	space_sysctl(&sp, SYSCTL_overcommit_ratio, 100);
	space_sysctl(&sp, SYSCTL_user_reserve_kbytes, 0);
	at = map_pages(strict_room(false), 0);
	ck_assert_int_gt(at, 0);
	ck_assert_int_eq(space_protect(&sp, 0, 1, RW), -ENOMEM);
	ck_assert_uint_eq((uint64_t)host_brk(sp.m, sp.pid, brk + 1), brk);
	ck_assert_int_eq(host_fork(sp.m, sp.pid, 0), -ENOMEM);
	ck_assert_int_eq(host_touch(sp.m, sp.pid, space_mm(&sp)->start_stack -
				    40 * PAGE_SIZE, 1, ACCESS_WRITE).outcome,
			 OUT_SIGNAL);
	ck_assert_int_eq(space_mmap(&sp, 20, 1, RW, SHARED), -ENOMEM);
	/* reading is no promise, and one in place of another is none more */
	ck_assert_int_gt(space_map(&sp, 20, 4, PROT_READ), 0);
	ck_assert_int_gt(space_map(&sp, 8, 4, RW), 0);
	ck_assert_int_eq(space_protect(&sp, 8, 2, PROT_READ), 0);
	ck_assert_int_eq(space_protect(&sp, 8, 1, RW), 0);
}
END_TEST

START_TEST(ratio_and_kbytes_replace_each_other)
{
	ck_assert_uint_eq(vm_commit_limit(sp.m), (uint64_t)ram_pages() / 2);
	space_sysctl(&sp, SYSCTL_overcommit_kbytes, 4096);
	ck_assert_uint_eq(mm_sysctl_read(sp.m, SYSCTL_overcommit_ratio), 0);
	ck_assert_uint_eq(vm_commit_limit(sp.m), 1024);
	space_sysctl(&sp, SYSCTL_overcommit_ratio, 33);
	ck_assert_uint_eq(mm_sysctl_read(sp.m, SYSCTL_overcommit_kbytes), 0);
	ck_assert_uint_eq(vm_commit_limit(sp.m),
			  (uint64_t)ram_pages() * 33 / 100);
	space_sysctl(&sp, SYSCTL_overcommit_ratio, 200);
	ck_assert_uint_eq(vm_commit_limit(sp.m), (uint64_t)ram_pages() * 2);
}
END_TEST

/* {1.7}: min(free / 32, 8 MiB) and min(free / 32, 128 MiB). */
START_TEST(the_reserves_are_a_32nd_of_what_is_free_at_boot)
{
	static const struct { uint64_t ram, admin, user; } sizes[] = {
		{ 128ULL << 20, 0, 0 }, { 1ULL << 30, 8192, 0 },
		{ 16ULL << 30, 8192, 131072 },
	};
	struct mm_config config = host_config();

	for (int i = 0; i < 3; i++) {
		struct machine *m;
		uint64_t share, admin, user;

		config.ram = sizes[i].ram;
		m = host_machine_new(&config);
		share = nr_free_pages(m) / 32 * 4;
		admin = kernel_at(m)->admin_reserve_kbytes;
		user = kernel_at(m)->user_reserve_kbytes;
		ck_assert_uint_eq(admin, sizes[i].admin ? sizes[i].admin : share);
		ck_assert_uint_eq(user, sizes[i].user ? sizes[i].user : share);
		host_machine_free(m);
	}
}
END_TEST

/* ---- max_map_count ---- */

static int32_t map_count(void)
{
	return space_mm(&sp)->map_count;
}

/* A process reaches limit + 1 areas by mmap; a split is refused at the limit. */
START_TEST(mmap_reaches_one_more_than_max_map_count)
{
	unsigned int n = 0;

	space_sysctl(&sp, SYSCTL_max_map_count, 10);
	while (space_map(&sp, n, 1, RW) > 0)
		n += 2;
	ck_assert_int_eq(map_count(), 11);
	ck_assert_int_eq(space_map(&sp, n, 1, RW), -ENOMEM);
	/* not even what would merge: the count comes first */
	ck_assert_int_eq(space_map(&sp, 1, 1, RW), -ENOMEM);
	ck_assert_int_eq(space_unmap(&sp, 0, 1), 0);
	ck_assert_int_gt(space_map(&sp, 3, 1, RW), 0);
	ck_assert_int_eq(map_count(), 9);
}
END_TEST

START_TEST(a_split_is_refused_at_max_map_count)
{
	space_map(&sp, 0, 9, RW);
	space_sysctl(&sp, SYSCTL_max_map_count, 3);
	ck_assert_int_eq(space_unmap(&sp, 4, 1), 0);
	ck_assert_int_eq(map_count(), 3);
	ck_assert_int_eq(space_unmap(&sp, 2, 1), -ENOMEM);
	ck_assert_int_eq(space_protect(&sp, 2, 1, PROT_READ), -ENOMEM);
	expect_space(&sp, "AAAA.BBBB");
	/* an edge needs no split */
	ck_assert_int_eq(space_unmap(&sp, 0, 1), 0);
	ck_assert_int_eq(space_unmap(&sp, 8, 1), 0);
	expect_space(&sp, ".AAA.BBB");
}
END_TEST

START_TEST(a_limit_below_what_is_there_takes_nothing_away)
{
	for (unsigned int n = 0; n < 20; n += 2)
		space_map(&sp, n, 1, RW);
	space_sysctl(&sp, SYSCTL_max_map_count, 2);
	ck_assert_int_eq(map_count(), 11);
	ck_assert_int_eq(space_map(&sp, 30, 1, RW), -ENOMEM);
	ck_assert_int_eq(space_unmap(&sp, 0, 20), 0);
	ck_assert_int_gt(space_map(&sp, 30, 1, RW), 0);
}
END_TEST

/* ---- the others ---- */

START_TEST(mmap_min_addr_is_the_lowest_address)
{
	space_sysctl(&sp, SYSCTL_mmap_min_addr, 0x8000);
	ck_assert_int_eq(host_mmap(sp.m, sp.pid, 0x7000, PAGE_SIZE, RW,
				   PRIVATE | MAP_FIXED), -EPERM);
	ck_assert_int_eq(host_mmap(sp.m, sp.pid, 0x8000, PAGE_SIZE, RW,
				   PRIVATE | MAP_FIXED), 0x8000);
}
END_TEST

START_TEST(min_free_kbytes_moves_the_watermarks)
{
	const struct kernel *k = kernel_at(sp.m);
	uint64_t min = 0;

	space_sysctl(&sp, SYSCTL_min_free_kbytes, 4096);
	for (int type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone *z = &k->zones[type];

		min += z->pages_min;
		ck_assert_uint_le(z->pages_min, z->pages_low);
		ck_assert_uint_le(z->pages_low, z->pages_high);
	}
	/* shared out by size; each share is rounded down */
	ck_assert_uint_le(min, 1024);
	ck_assert_uint_gt(min, 1024 - MAX_NR_ZONES);
}
END_TEST

START_TEST(drop_caches_gives_spare_slabs_back)
{
	uint64_t before, after, spare = 0;

	for (unsigned int n = 0; n < 60; n += 2)
		space_map(&sp, n, 1, RW);
	space_unmap(&sp, 0, 60);
	for (int i = 0; i < NR_KMEM_CACHES; i++)
		spare += kernel_at(sp.m)->caches[i].nr_free_slabs;
	ck_assert_uint_gt(spare, 0);
	before = nr_free_pages(sp.m);
	space_sysctl(&sp, SYSCTL_drop_caches, 2);
	after = nr_free_pages(sp.m);
	ck_assert_uint_eq(after, before + spare);
}
END_TEST

START_TEST(time_passes_when_it_is_told_to)
{
	struct op op = { .code = OP_TICK };

	op.tick.jiffies = 1000;
	host_run(sp.m, &op);
	op.tick.jiffies = 0;
	host_run(sp.m, &op);
	ck_assert_uint_eq(kernel_at(sp.m)->jiffies, 1000);
	sp.pid = (uint32_t)host_fork(sp.m, sp.pid, 0);
	ck_assert_uint_eq(task_at(sp.m, space_task(&sp))->start_time, 1000);
}
END_TEST

static void add_overcommit(TCase *t)
{
	tcase_add_test(t, mode_0_refuses_what_alone_exceeds_ram);
	tcase_add_test(t, mode_1_refuses_nothing);
	tcase_add_test(t, mode_2_is_exact_to_the_page);
	tcase_add_test(t, root_may_use_the_administrators_reserve);
	tcase_add_test(t, mode_2_hears_of_every_promise);
	tcase_add_test(t, ratio_and_kbytes_replace_each_other);
	tcase_add_test(t, the_reserves_are_a_32nd_of_what_is_free_at_boot);
}

Suite *suite_sysctl(void);
Suite *suite_sysctl(void)
{
	const int nr = sizeof(knobs) / sizeof(knobs[0]);
	Suite *suite = suite_create("sysctl");
	TCase *t = tcase_create("sysctl");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, each_knob_has_a_name_a_first_value_and_bounds, 0, nr);
	tcase_add_loop_test(t, a_value_written_is_read_and_is_what_proc_shows, 0, nr);
	tcase_add_test(t, there_are_no_other_knobs);
	tcase_add_test(t, a_value_out_of_bounds_is_not_written);
	add_overcommit(t);
	tcase_add_test(t, mmap_reaches_one_more_than_max_map_count);
	tcase_add_test(t, a_split_is_refused_at_max_map_count);
	tcase_add_test(t, a_limit_below_what_is_there_takes_nothing_away);
	tcase_add_test(t, mmap_min_addr_is_the_lowest_address);
	tcase_add_test(t, min_free_kbytes_moves_the_watermarks);
	tcase_add_test(t, drop_caches_gives_spare_slabs_back);
	tcase_add_test(t, time_passes_when_it_is_told_to);
	suite_add_tcase(suite, t);
	return suite;
}
