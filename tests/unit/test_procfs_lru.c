/* SPDX-License-Identifier: MIT */
/* What /proc says of pages that are locked: once each, and on no other list. */
#include <inttypes.h>
#include <stdlib.h>

#include "mmcore/mm/page_alloc.h"
#include "tests/lib/proc_text.h"

static struct space sp;

static void setup(void)
{
	space_open(&sp);
}

static void teardown(void)
{
	space_close(&sp);
}

static void lock(const struct space *space, unsigned int n, unsigned int pages)
{
	struct op op = { .code = OP_MLOCK, .pid = space->pid };

	op.mlock = (struct op_mlock){ page_addr(n), pages * PAGE_SIZE };
	ck_assert_int_eq(host_run(space->m, &op).ret, 0);
}

static void unlock(const struct space *space, unsigned int n,
		   unsigned int pages)
{
	struct op op = { .code = OP_MUNLOCK, .pid = space->pid };

	op.munlock = (struct op_munlock){ page_addr(n), pages * PAGE_SIZE };
	ck_assert_int_eq(host_run(space->m, &op).ret, 0);
}

#define FRAMES (64 << 20 >> PAGE_SHIFT)

static uint64_t kpageflags[FRAMES];

static uint64_t flags_counted(int bit)
{
	uint64_t nr = 0;

	for (int pfn = 0; pfn < FRAMES; pfn++)
		nr += kpageflags[pfn] >> bit & 1;
	return nr;
}

/* So many pages are locked, of those on the lists: all files agree on it. */
static void expect(uint64_t locked, uint64_t on_lists)
{
	ck_assert_uint_eq(proc_number(&sp, "meminfo", "Mlocked:"), locked * 4);
	ck_assert_uint_eq(proc_number(&sp, "meminfo", "Unevictable:"),
			  locked * 4);
	ck_assert_uint_eq(proc_number(&sp, "meminfo", "Active:") +
			  proc_number(&sp, "meminfo", "Inactive:"),
			  (on_lists - locked) * 4);
	ck_assert_uint_eq(proc_number(&sp, "vmstat", "nr_mlock "), locked);
	ck_assert_uint_eq(proc_number(&sp, "vmstat", "nr_unevictable "), locked);
	ck_assert_uint_eq(proc_number(&sp, "vmstat", "nr_zone_unevictable "),
			  locked);
	ck_assert_uint_eq(proc_number(&sp, "vmstat", "nr_active_anon ") +
			  proc_number(&sp, "vmstat", "nr_inactive_anon "),
			  on_lists - locked);
	ck_assert_uint_eq(kernel_at(sp.m)->ram_frames, FRAMES);
	ck_assert(mm_proc_pread(sp.m, "/proc/kpageflags", 0, kpageflags,
				sizeof(kpageflags)));
	ck_assert_uint_eq(flags_counted(33), locked);
	ck_assert_uint_eq(flags_counted(18), locked);
	ck_assert_uint_eq(flags_counted(6),
			  proc_number(&sp, "vmstat", "nr_active_anon "));
}

START_TEST(locked_pages_are_on_a_list_of_their_own)
{
	space_map(&sp, 0, 8, RW);
	host_touch(sp.m, sp.pid, page_addr(0), 4 * PAGE_SIZE, ACCESS_WRITE);
	expect(0, 4);
	lock(&sp, 2, 4);	/* two were there, two come */
	expect(4, 6);
	unlock(&sp, 2, 2);
	expect(2, 6);
	space_unmap(&sp, 4, 1);
	expect(1, 5);
}
END_TEST

/* A page is locked as long as one of those that map it has it locked. */
START_TEST(a_page_that_several_have_locked_counts_once)
{
	struct space child, thread;

	space_mmap(&sp, 0, 4, RW, SHARED | MAP_FIXED);
	lock(&sp, 0, 3);
	expect(3, 3);
	child = space_of(&sp, host_fork(sp.m, sp.pid, 0));
	expect(3, 3);		/* a lock is not inherited */
	lock(&child, 1, 3);
	expect(4, 4);
	thread = space_of(&child, host_fork(sp.m, child.pid, CLONE_VM));
	expect(4, 4);		/* one address space, looked at once */
	unlock(&sp, 0, 3);
	expect(3, 4);
	unlock(&thread, 1, 1);
	expect(2, 4);
	host_exit(sp.m, child.pid);
	expect(2, 4);
	host_exit(sp.m, thread.pid);
	expect(0, 4);
}
END_TEST

/* Copy on write gives a child a page of its own, which nobody locked. */
START_TEST(a_childs_copy_is_not_locked)
{
	struct space child;

	space_map(&sp, 0, 2, RW);
	lock(&sp, 0, 2);
	child = space_of(&sp, host_fork(sp.m, sp.pid, 0));
	expect(2, 2);
	host_store(child.m, child.pid, page_addr(0), 1);
	expect(2, 3);
	space_unmap(&sp, 0, 2);
	expect(0, 2);
}
END_TEST

Suite *suite_procfs_lru(void);
Suite *suite_procfs_lru(void)
{
	Suite *suite = suite_create("procfs_lru");
	TCase *t = tcase_create("procfs_lru");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, locked_pages_are_on_a_list_of_their_own);
	tcase_add_test(t, a_page_that_several_have_locked_counts_once);
	tcase_add_test(t, a_childs_copy_is_not_locked);
	suite_add_tcase(suite, t);
	return suite;
}
