/* SPDX-License-Identifier: MIT */
/*
 * madvise: which advice is taken where, what it does to VMAs, to pages and to
 * page tables, and what is told of holes. The numbers in braces are the facts of
 * Linux 6.18 that a test repeats.
 */
#include <check.h>
#include <string.h>

#include "mmcore/mm/memory.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/files.h"

static struct space sp;

static void setup(void)
{
	space_open(&sp);
}

static void teardown(void)
{
	space_close(&sp);
}

static struct op_result advise_range(uint32_t pid, uint64_t addr, uint64_t len,
				     uint32_t advice)
{
	const struct op op = { .code = OP_MADVISE, .pid = pid,
			       .madvise = { addr, len, advice } };

	return host_run(sp.m, &op);
}

static int64_t advise(unsigned int n, unsigned int pages, uint32_t advice)
{
	return advise_range(sp.pid, page_addr(n), pages * PAGE_SIZE,
			    advice).ret;
}

static bool present(unsigned int n)
{
	return space_page(&sp, n).present;
}

static struct op_result touch(const struct space *in, unsigned int n,
			      enum access_kind kind)
{
	return host_touch(in->m, in->pid, page_addr(n), 1, kind);
}

static uint8_t load(unsigned int n)
{
	return host_load(sp.m, sp.pid, page_addr(n));
}

static void store(unsigned int n, uint8_t byte)
{
	host_store(sp.m, sp.pid, page_addr(n), byte);
}

/* ---- what comes first ---- */

static const struct check {
	uint64_t addr, len;
	uint32_t advice;
	int64_t ret;
} checks[] = {
	{ ARENA + 1, 0, 5, -EINVAL },			/* {madv.1} */
	{ ARENA, 0, 99, -EINVAL },
	{ ARENA, 4096, MADV_GUARD_REMOVE + 1, -EINVAL },
	{ ARENA, 4096, 100, -EINVAL },			/* {madv.56} */
	{ ARENA, 4096, 101, -EINVAL },
	{ ARENA, 4096, 6, -EINVAL },
	{ ARENA + 1, 0, MADV_NORMAL, -EINVAL },
	{ ARENA, ~0ULL, MADV_NORMAL, -EINVAL },		/* {madv.5} */
	{ ~0ULL - 4095, 8192, MADV_NORMAL, -EINVAL },
	{ 1ULL << 62, 0, MADV_NORMAL, 0 },
	{ 1ULL << 62, 0, MADV_COLLAPSE, 0 },
	{ 1ULL << 62, 4096, MADV_NORMAL, -ENOMEM },
	{ ARENA, 4096, MADV_COLLAPSE, -EINVAL },
	{ ARENA + 8192, 4096, MADV_COLLAPSE, -ENOMEM },
	{ ARENA, 1, MADV_DONTFORK, 0 },
};

START_TEST(checks_come_in_the_order_of_linux)
{
	const struct check *c = &checks[_i];
	struct op_result res;

	space_map(&sp, 0, 2, RW);
	res = advise_range(sp.pid, c->addr, c->len, c->advice);
	ck_assert_msg(res.ret == c->ret, "%lld: %s", (long long)res.ret,
		      res.why);
}
END_TEST

START_TEST(holes_are_told_at_the_end_and_a_refusal_at_once)
{
	space_map(&sp, 0, 1, RW);
	space_map(&sp, 2, 1, RW);
	space_write(&sp, 0);
	space_write(&sp, 2);
	ck_assert_int_eq(advise(0, 3, MADV_DONTNEED), -ENOMEM); /* {madv.6} */
	ck_assert(!present(0) && !present(2));
	space_mmap(&sp, 4, 1, RW, SHARED | MAP_FIXED);
	space_write(&sp, 0);
	space_write(&sp, 2);
	/* of the kind of the second VMA nothing is freed: it stops there */
	space_mmap(&sp, 1, 1, RW, SHARED | MAP_FIXED);
	ck_assert_int_eq(advise(0, 5, MADV_FREE), -EINVAL);
	ck_assert(!space_page(&sp, 0).dirty && space_page(&sp, 2).dirty);
}
END_TEST

/* ---- who takes what ---- */

enum kind { ANON, READONLY, SHARED_MEM, SHARED_RO, LOCKED, SEALED_RO, DROP };

static const struct taking {
	enum kind kind;
	uint32_t advice;
	int64_t ret;
} takings[] = {
	{ LOCKED, MADV_DONTNEED, -EINVAL },		/* {madv.14} */
	{ LOCKED, MADV_DONTNEED_LOCKED, 0 },		/* {madv.15} */
	{ LOCKED, MADV_FREE, -EINVAL },			/* {madv.22} */
	{ LOCKED, MADV_REMOVE, -EINVAL },
	{ LOCKED, MADV_COLD, -EINVAL },			/* {madv.82} */
	{ LOCKED, MADV_PAGEOUT, -EINVAL },
	{ LOCKED, MADV_GUARD_INSTALL, -EINVAL },	/* {madv.92} */
	{ LOCKED, MADV_GUARD_REMOVE, 0 },
	{ LOCKED, MADV_DONTFORK, 0 },
	{ SHARED_MEM, MADV_FREE, -EINVAL },		/* {madv.23} */
	{ SHARED_MEM, MADV_WIPEONFORK, -EINVAL },	/* {madv.45} */
	{ SHARED_MEM, MADV_WILLNEED, 0 },		/* {madv.60} */
	{ SHARED_MEM, MADV_REMOVE, 0 },
	{ SHARED_RO, MADV_REMOVE, 0 },		/* it may become writable */
	{ SHARED_RO, MADV_POPULATE_WRITE, -EINVAL },
	{ ANON, MADV_REMOVE, -EINVAL },			/* {madv.32} */
	{ ANON, MADV_MERGEABLE, 0 },			/* {madv.55} */
	{ ANON, MADV_UNMERGEABLE, 0 },
	{ READONLY, MADV_POPULATE_READ, 0 },		/* {madv.70} */
	{ READONLY, MADV_POPULATE_WRITE, -EINVAL },	/* {madv.73} */
	{ READONLY, MADV_GUARD_INSTALL, 0 },
	{ SEALED_RO, MADV_DONTNEED, -EPERM },		/* {mseal.4} */
	{ SEALED_RO, MADV_FREE, -EPERM },
	{ SEALED_RO, MADV_REMOVE, -EPERM },
	{ SEALED_RO, MADV_DONTFORK, -EPERM },
	{ SEALED_RO, MADV_WIPEONFORK, -EPERM },
	{ SEALED_RO, MADV_GUARD_INSTALL, -EPERM },
	{ SEALED_RO, MADV_DONTNEED_LOCKED, -EPERM },
	{ SEALED_RO, MADV_GUARD_REMOVE, 0 },
	{ SEALED_RO, MADV_COLD, 0 },
	{ SEALED_RO, MADV_RANDOM, 0 },
	{ DROP, MADV_DODUMP, -EINVAL },
	{ DROP, MADV_KEEPONFORK, -EINVAL },
	{ DROP, MADV_DONTDUMP, 0 },
};

static void map_kind(enum kind kind)
{
	const struct op lock = { .code = OP_MLOCK, .pid = sp.pid,
				 .mlock = { ARENA, 2 * PAGE_SIZE } };
	const struct op seal = { .code = OP_MSEAL, .pid = sp.pid,
				 .mseal = { ARENA, 2 * PAGE_SIZE, 0 } };

	switch (kind) {
	case SHARED_MEM:
	case SHARED_RO:
		space_mmap(&sp, 0, 2, kind == SHARED_RO ? PROT_READ : RW,
			   SHARED | MAP_FIXED);
		break;
	case DROP:
		space_mmap(&sp, 0, 2, RW,
			   MAP_DROPPABLE | MAP_ANONYMOUS | MAP_FIXED);
		break;
	default:
		space_map(&sp, 0, 2, kind == READONLY || kind == SEALED_RO
					     ? PROT_READ : RW);
	}
	if (kind == LOCKED)
		host_run(sp.m, &lock);
	else if (kind == SEALED_RO)
		host_run(sp.m, &seal);
}

START_TEST(each_mapping_takes_what_suits_it)
{
	const struct taking *t = &takings[_i];
	struct op_result res;

	map_kind(t->kind);
	res = advise_range(sp.pid, ARENA, PAGE_SIZE, t->advice);
	ck_assert_msg(res.ret == t->ret, "%lld: %s", (long long)res.ret,
		      res.why);
}
END_TEST

START_TEST(special_mappings_take_little)
{
	const struct op op = { .code = OP_SPAWN, .spawn.image = IMAGE_DEMO };
	const uint32_t demo = (uint32_t)host_run(sp.m, &op).ret;
	const mm_ref mm = task_at(sp.m, mm_find_task(sp.m, demo))->mm;
	const uint64_t vdso = mm_at(sp.m, mm)->vdso, len = 2 * PAGE_SIZE;
	const uint64_t vvar = vdso - len;	/* [vvar_vclock] */

	host_touch(sp.m, demo, vdso, 1, ACCESS_READ);
	ck_assert_int_eq(advise_range(demo, vdso, len, MADV_DONTNEED).ret, 0);
	ck_assert(!mm_pagemap_entry(sp.m, mm, vdso).present);
	ck_assert_int_eq(advise_range(demo, vvar, len, MADV_DONTNEED).ret,
			 -EINVAL);
	ck_assert_int_eq(advise_range(demo, vvar, len, MADV_COLD).ret, -EINVAL);
	ck_assert_int_eq(advise_range(demo, vdso, len, MADV_PAGEOUT).ret, 0);
	ck_assert_int_eq(advise_range(demo, vvar, len, MADV_DOFORK).ret, -EINVAL);
	ck_assert_int_eq(advise_range(demo, vdso, len, MADV_DOFORK).ret, 0);
	ck_assert_int_eq(advise_range(demo, vdso, len, MADV_DODUMP).ret, -EINVAL);
	ck_assert_int_eq(advise_range(demo, vdso, len, MADV_GUARD_REMOVE).ret,
			 -EINVAL);
	ck_assert_int_eq(advise_range(demo, vdso, len, MADV_FREE).ret, -EINVAL);
	/* they are not cut, and that is no lack of memory */
	ck_assert_int_eq(advise_range(demo, vdso, PAGE_SIZE, MADV_RANDOM).ret,
			 -EINVAL);
	ck_assert_int_eq(advise_range(demo, vdso, len, MADV_MERGEABLE).ret, 0);
	ck_assert(!(vma_at(sp.m, vma_lookup(sp.m, mm, vdso))->vm_flags &
		    VM_MERGEABLE));
}
END_TEST

/* ---- flags ---- */

static const struct {
	uint32_t advice;
	uint64_t sets, clears;
} flags[] = {
	{ MADV_RANDOM, VM_RAND_READ, VM_SEQ_READ },
	{ MADV_SEQUENTIAL, VM_SEQ_READ, VM_RAND_READ },
	{ MADV_NORMAL, 0, VM_SEQ_READ | VM_RAND_READ },
	{ MADV_DONTFORK, VM_DONTCOPY, 0 },		/* {madv.40} */
	{ MADV_DOFORK, 0, VM_DONTCOPY },
	{ MADV_DONTDUMP, VM_DONTDUMP, 0 },		/* {madv.50} */
	{ MADV_DODUMP, 0, VM_DONTDUMP },
	{ MADV_HUGEPAGE, VM_HUGEPAGE, VM_NOHUGEPAGE },	/* {madv.53} */
	{ MADV_NOHUGEPAGE, VM_NOHUGEPAGE, VM_HUGEPAGE },	/* {madv.54} */
	{ MADV_WIPEONFORK, VM_WIPEONFORK, 0 },
	{ MADV_KEEPONFORK, 0, VM_WIPEONFORK },
	{ MADV_MERGEABLE, VM_MERGEABLE, 0 },
	{ MADV_UNMERGEABLE, 0, VM_MERGEABLE },
};

START_TEST(advice_is_a_flag_that_stays)
{
	space_map(&sp, 0, 2, RW);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		uint64_t vm_flags;

		ck_assert_int_eq(advise(0, 2, flags[i].advice), 0);
		vm_flags = space_vma(&sp, 0)->vm_flags;
		ck_assert_uint_eq(vm_flags & flags[i].sets, flags[i].sets);
		ck_assert_uint_eq(vm_flags & flags[i].clears, 0);
	}
}
END_TEST

START_TEST(a_flag_splits_and_its_opposite_merges)
{
	space_map(&sp, 0, 6, RW);
	ck_assert_int_eq(advise(2, 2, MADV_RANDOM), 0);	/* {merge.62} */
	expect_space(&sp, "AABBCC");
	ck_assert_int_eq(advise(0, 6, MADV_RANDOM), 0);
	expect_space(&sp, "AAAAAA");
	ck_assert_int_eq(advise(1, 1, MADV_NORMAL), 0);
	ck_assert_int_eq(advise(0, 6, MADV_NORMAL), 0);	/* {merge.64} */
	expect_space(&sp, "AAAAAA");
}
END_TEST

START_TEST(a_split_too_many_may_be_tried_again)
{
	space_map(&sp, 0, 6, RW);
	space_sysctl(&sp, SYSCTL_max_map_count,
		     (uint64_t)space_mm(&sp)->map_count);
	ck_assert_int_eq(advise(2, 2, MADV_RANDOM), -EAGAIN); /* {mapcount.12} */
	ck_assert_int_eq(advise(0, 6, MADV_RANDOM), 0);
}
END_TEST

START_TEST(a_child_gets_what_it_should)
{
	struct space child;

	space_map(&sp, 0, 3, RW);
	for (unsigned int n = 0; n < 3; n++)
		store(n, 7);
	advise(0, 1, MADV_DONTFORK);
	advise(1, 1, MADV_WIPEONFORK);
	child = space_of(&sp, host_fork(sp.m, sp.pid, 0));
	expect_space(&child, ".AB");
	ck_assert_uint_eq(host_load(sp.m, child.pid, page_addr(1)), 0);
	ck_assert_uint_eq(host_load(sp.m, child.pid, page_addr(2)), 7);
	ck_assert_uint_eq(load(1), 7);			/* {madv.41} */
	/* the wish is inherited with the mapping {madv.43} */
	ck_assert(space_vma(&child, 1)->vm_flags & VM_WIPEONFORK);
}
END_TEST

/* ---- pages taken away ---- */

START_TEST(dontneed_takes_pages_and_leaves_objects)
{
	space_map(&sp, 0, 2, RW);
	space_mmap(&sp, 4, 2, RW, SHARED | MAP_FIXED);
	store(0, 1);
	store(4, 2);
	ck_assert_int_eq(advise(0, 2, MADV_DONTNEED), 0);
	ck_assert_int_eq(advise(4, 2, MADV_DONTNEED), 0);
	ck_assert(!present(0) && !present(4));
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 0);
	ck_assert_uint_eq(space_mm(&sp)->_shmem_rss, 0);
	ck_assert_uint_eq(space_mm(&sp)->hiwater_rss, 2);
	ck_assert_uint_eq(load(0), 0);			/* {madv.10} */
	ck_assert_uint_eq(load(4), 2);			/* {madv.13} */
}
END_TEST

#define MIB2 (2ULL << 20)

START_TEST(an_emptied_table_goes_if_the_range_has_all_of_it)
{
	const uint64_t base = ARENA + (1ULL << 30);
	uint64_t tables;

	host_mmap(sp.m, sp.pid, base, 3 * MIB2, RW, PRIVATE | MAP_FIXED);
	host_touch(sp.m, sp.pid, base, 3 * MIB2, ACCESS_WRITE);
	tables = space_mm(&sp)->nr_ptes;
	advise_range(sp.pid, base, MIB2 - PAGE_SIZE, MADV_DONTNEED);
	advise_range(sp.pid, base + MIB2 - PAGE_SIZE, PAGE_SIZE, MADV_DONTNEED);
	ck_assert_uint_eq(space_mm(&sp)->nr_ptes, tables);
	/* {pt.4}: what was emptied before goes as well */
	advise_range(sp.pid, base, 2 * MIB2, MADV_DONTNEED);
	ck_assert_uint_eq(space_mm(&sp)->nr_ptes, tables - 2);
	/* a guard page is something left */
	advise_range(sp.pid, base + 2 * MIB2, PAGE_SIZE, MADV_GUARD_INSTALL);
	advise_range(sp.pid, base + 2 * MIB2, MIB2, MADV_DONTNEED);
	ck_assert_uint_eq(space_mm(&sp)->nr_ptes, tables - 2);
}
END_TEST

START_TEST(remove_punches_a_hole_that_private_copies_survive)
{
	const struct op memfd = { .code = OP_MEMFD_CREATE, .pid = sp.pid,
				  .memfd_create.name = "m" };
	struct op op = { .code = OP_FTRUNCATE, .pid = sp.pid };
	const int64_t fd = host_run(sp.m, &memfd).ret;

	op.ftruncate = (struct op_ftruncate){ fd, 4 * PAGE_SIZE };
	host_run(sp.m, &op);
	op.code = OP_MMAP;
	op.mmap = (struct op_mmap){ page_addr(0), 4 * PAGE_SIZE, RW,
				    MAP_SHARED | MAP_FIXED, fd, 0 };
	host_run(sp.m, &op);
	op.mmap.addr = page_addr(8);
	op.mmap.flags = MAP_PRIVATE | MAP_FIXED;
	host_run(sp.m, &op);
	for (unsigned int n = 0; n < 4; n++)
		store(n, 5);
	store(8, 6);
	load(9);
	ck_assert_int_eq(advise(0, 2, MADV_REMOVE), 0);	/* {madv.30} */
	ck_assert(!present(0) && !present(1) && present(2));
	ck_assert(present(8) && !present(9));
	ck_assert_uint_eq(load(0), 0);
	ck_assert_uint_eq(load(2), 5);
	ck_assert_uint_eq(load(8), 6);
	ck_assert_uint_eq(load(9), 0);
	ck_assert_int_eq(advise(8, 1, MADV_REMOVE), -EACCES); /* {madv.33} */
}
END_TEST

/* ---- content let go ---- */

START_TEST(what_is_freed_lasts_until_it_is_wanted)
{
	pfn_t pfn;

	space_map(&sp, 0, 3, RW);
	store(0, 1);
	store(1, 2);
	load(2);
	pfn = space_page(&sp, 0).pfn;
	ck_assert_int_eq(advise(0, 3, MADV_FREE), 0);
	ck_assert(!space_page(&sp, 0).dirty && !space_page(&sp, 0).accessed);
	ck_assert(!page_has(sp.m, pfn, PG_swapbacked));
	ck_assert(!page_has(sp.m, pfn, PG_active));
	ck_assert_uint_eq(load(0), 1);			/* {madv.20} */
	ck_assert_uint_eq(touch(&sp, 1, ACCESS_WRITE).minor, 0);
	ck_assert(space_page(&sp, 1).dirty);		/* {madv.21} */
	ck_assert_int_eq(advise(0, 3, MADV_PAGEOUT), 0);
	ck_assert(!present(0) && present(1) && present(2));
	ck_assert(page_has(sp.m, space_page(&sp, 1).pfn, PG_swapbacked));
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 1);
	ck_assert_uint_eq(load(0), 0);
	ck_assert_uint_eq(load(1), 2);
}
END_TEST

START_TEST(what_others_map_is_not_dropped)
{
	struct space child;

	space_map(&sp, 0, 1, RW);
	store(0, 9);
	child = space_of(&sp, host_fork(sp.m, sp.pid, 0));
	advise(0, 1, MADV_FREE);
	advise(0, 1, MADV_PAGEOUT);
	ck_assert(present(0));
	host_exit(sp.m, child.pid);
	advise(0, 1, MADV_PAGEOUT);
	ck_assert(!present(0));
}
END_TEST

START_TEST(what_somebody_locked_is_not_lazily_free)
{
	struct space child;

	space_mmap(&sp, 0, 1, RW, PRIVATE | MAP_FIXED | MAP_LOCKED);
	child = space_of(&sp, host_fork(sp.m, sp.pid, 0));
	ck_assert_int_eq(advise_range(child.pid, ARENA, PAGE_SIZE,
				      MADV_FREE).ret, 0);
	ck_assert(page_has(sp.m, space_page(&sp, 0).pfn, PG_swapbacked));
}
END_TEST

START_TEST(without_swap_only_what_has_a_copy_is_paged_out)
{
	pfn_t clean, dirty;

	space_map(&sp, 0, 1, RW);
	space_mmap(&sp, 4, 3, RW, SHARED | MAP_FIXED);
	store(0, 1);
	load(4);
	store(5, 2);
	clean = space_page(&sp, 4).pfn;
	dirty = space_page(&sp, 5).pfn;
	ck_assert_int_eq(advise(0, 1, MADV_PAGEOUT), 0); /* {madv.81} */
	ck_assert(present(0));
	ck_assert_int_eq(advise(4, 3, MADV_PAGEOUT), 0);
	ck_assert(!present(4) && !present(5));
	ck_assert_int_eq(page_counts_at(sp.m, clean)->_count, 0);
	ck_assert_int_eq(page_counts_at(sp.m, dirty)->_count, 1);
	ck_assert_uint_eq(load(5), 2);
}
END_TEST

/* root's file, 0644, shared and private: pages of others are not its reader's to
 * take. A private copy is. */
START_TEST(pages_of_a_file_that_the_caller_could_not_write_stay)
{
	struct space root = space_of(&sp, host_spawn_as(sp.m, "root", true));
	int64_t fd = fs_open(&root, "/theirs", O_RDWR | O_CREAT);
	struct op op;

	ck_assert_int_eq(fs_write(&root, fd, 0, PAGE_SIZE, 1), PAGE_SIZE);
	ck_assert_int_eq(fs_truncate(&root, fd, 2 * PAGE_SIZE), 0);
	ck_assert_int_eq(fs_sync(&root, fd), 0);
	fd = fs_open(&sp, "/theirs", O_RDONLY);
	fs_map(&sp, 0, 2, _i ? RW : PROT_READ, _i ? MAP_PRIVATE : MAP_SHARED, fd, 0);
	load(0);
	if (_i)
		store(1, 2);
	ck_assert_int_eq(advise(0, 2, MADV_PAGEOUT), 0);
	ck_assert(present(0) && space_page(&sp, 0).accessed);
	ck_assert(!page_has(sp.m, space_page(&sp, 0).pfn, PG_active));
	if (_i)
		ck_assert(page_has(sp.m, space_page(&sp, 1).pfn, PG_active));
	/* To be cold takes nothing from anybody. */
	ck_assert_int_eq(advise(0, 1, MADV_COLD), 0);
	ck_assert(present(0) && !space_page(&sp, 0).accessed);
	/* Its owner may, and then the file has left the memory. */
	ck_assert_int_eq(space_unmap(&sp, 0, 2), 0);
	fd = fs_open(&root, "/theirs", O_RDONLY);
	fs_map(&root, 0, 2, PROT_READ, MAP_SHARED, fd, 0);
	host_load(root.m, root.pid, page_addr(0));
	op = (struct op){ .code = OP_MADVISE, .madvise = { page_addr(0),
			  2 * PAGE_SIZE, MADV_PAGEOUT } };
	ck_assert_int_eq(fs_op(&root, op).ret, 0);
	ck_assert(!space_page(&root, 0).present);
}
END_TEST

/* What was not dropped is wanted: it is active from then on. */
START_TEST(a_page_that_stays_in_memory_is_active)
{
	uint64_t rss;
	pfn_t dirty;

	space_mmap(&sp, 4, 3, RW, SHARED | MAP_FIXED);
	store(5, 2);
	load(4);
	dirty = space_page(&sp, 5).pfn;
	rss = space_mm(&sp)->_shmem_rss + space_mm(&sp)->_anon_rss +
	      space_mm(&sp)->_file_rss;
	ck_assert(!page_has(sp.m, dirty, PG_active));
	ck_assert_int_eq(advise(4, 3, MADV_PAGEOUT), 0);
	ck_assert(page_has(sp.m, dirty, PG_active));
	/* VmHWM remembers how much there was. */
	ck_assert_uint_eq(space_mm(&sp)->_shmem_rss, 0);
	ck_assert_uint_ge(space_mm(&sp)->hiwater_rss, rss);
}
END_TEST

START_TEST(what_somebody_else_maps_or_holds_is_not_paged_out)
{
	const struct op_iovec vec = { page_addr(0), PAGE_SIZE };
	struct op op = { .code = OP_PIPE, .pid = sp.pid };
	struct op_result pipe;
	struct space child;

	space_mmap(&sp, 4, 1, RW, SHARED | MAP_FIXED);
	load(4);
	child = space_of(&sp, host_fork(sp.m, sp.pid, 0));
	touch(&child, 4, ACCESS_READ);
	ck_assert_int_eq(advise(4, 1, MADV_PAGEOUT), 0);
	ck_assert(present(4));
	/* Lazily free, but a pipe has it, too. */
	space_map(&sp, 0, 1, RW);
	store(0, 1);
	pipe = host_run(sp.m, &op);
	op = (struct op){ .code = OP_VMSPLICE, .pid = sp.pid,
			  .vmsplice = { pipe.fds[1], 0 }, .iov = { &vec, 1 } };
	ck_assert_int_eq(host_run(sp.m, &op).ret, PAGE_SIZE);
	ck_assert_int_eq(advise(0, 1, MADV_FREE), 0);
	ck_assert_int_eq(advise(0, 1, MADV_PAGEOUT), 0);
	ck_assert(present(0));
	ck_assert_uint_eq(load(0), 1);
}
END_TEST

/* The kernel wrote to it, and then a child came to share it. */
START_TEST(a_dirty_page_of_several_is_not_lazily_free)
{
	const struct op_iovec from = { page_addr(1), 1 }, to = { page_addr(0), 1 };
	struct op op = { .code = OP_PROCESS_VM_WRITEV, .pid = sp.pid,
			 .iov = { &from, 1 }, .remote_iov = { &to, 1 } };

	space_map(&sp, 0, 2, RW);
	store(0, 1);
	store(1, 2);
	op.process_vm_writev.remote_pid = sp.pid;
	ck_assert_int_eq(host_run(sp.m, &op).ret, 1);
	ck_assert(page_has(sp.m, space_page(&sp, 0).pfn, PG_dirty));
	ck_assert_int_gt(host_fork(sp.m, sp.pid, 0), 0);
	ck_assert_int_eq(advise(0, 2, MADV_FREE), 0);
	ck_assert(space_page(&sp, 0).dirty && !space_page(&sp, 1).dirty);
	ck_assert(page_has(sp.m, space_page(&sp, 0).pfn, PG_dirty));
}
END_TEST

/* Bringing a page in to be written to is as good as writing, once it was freed. */
START_TEST(populating_for_writing_keeps_what_was_lazily_free)
{
	space_map(&sp, 0, 1, RW);
	store(0, 1);
	ck_assert_int_eq(advise(0, 1, MADV_FREE), 0);
	ck_assert_int_eq(advise(0, 1, MADV_POPULATE_WRITE), 0);
	ck_assert(page_has(sp.m, space_page(&sp, 0).pfn, PG_dirty));
	ck_assert_int_eq(advise(0, 1, MADV_PAGEOUT), 0);
	ck_assert(present(0));
	ck_assert_uint_eq(load(0), 1);
}
END_TEST

/* {mseal}: only what nothing else keeps is protected, on Linux 6.18. */
START_TEST(sealed_memory_with_an_object_behind_it_may_be_dropped)
{
	const struct op seal = { .code = OP_MSEAL, .pid = sp.pid,
				 .mseal = { page_addr(0), PAGE_SIZE, 0 } };

	space_mmap(&sp, 0, 1, PROT_READ, SHARED | MAP_FIXED);
	ck_assert_int_eq(host_run(sp.m, &seal).ret, 0);
	ck_assert_int_eq(advise(0, 1, MADV_DONTNEED), 0);
	ck_assert_int_eq(advise(0, 1, MADV_DONTFORK), 0);
	ck_assert_int_eq(advise(0, 1, MADV_GUARD_INSTALL), 0);
}
END_TEST

START_TEST(random_and_sequential_exclude_each_other)
{
	const uint64_t both = VM_RAND_READ | VM_SEQ_READ;

	space_map(&sp, 0, 1, RW);
	advise(0, 1, MADV_SEQUENTIAL);
	ck_assert_uint_eq(space_vma(&sp, 0)->vm_flags & both, VM_SEQ_READ);
	advise(0, 1, MADV_RANDOM);
	ck_assert_uint_eq(space_vma(&sp, 0)->vm_flags & both, VM_RAND_READ);
	advise(0, 1, MADV_SEQUENTIAL);
	ck_assert_uint_eq(space_vma(&sp, 0)->vm_flags & both, VM_SEQ_READ);
	advise(0, 1, MADV_NORMAL);
	ck_assert_uint_eq(space_vma(&sp, 0)->vm_flags & both, 0);
}
END_TEST

START_TEST(droppable_memory_goes_even_if_written)
{
	space_mmap(&sp, 0, 1, RW, MAP_DROPPABLE | MAP_ANONYMOUS | MAP_FIXED);
	store(0, 1);
	ck_assert_int_eq(advise(0, 1, MADV_PAGEOUT), 0);
	ck_assert(!present(0));
}
END_TEST

START_TEST(cold_pages_are_old_and_inactive)
{
	pfn_t pfn;

	space_map(&sp, 0, 1, RW);
	store(0, 1);
	pfn = space_page(&sp, 0).pfn;
	ck_assert(page_has(sp.m, pfn, PG_active));
	ck_assert_int_eq(advise(0, 1, MADV_COLD), 0);
	ck_assert(!space_page(&sp, 0).accessed && space_page(&sp, 0).dirty);
	ck_assert(!page_has(sp.m, pfn, PG_active));
}
END_TEST

/* ---- populate ---- */

START_TEST(populate_ends_where_it_cannot_go_on)
{
	struct op_result res;

	space_map(&sp, 0, 2, RW);
	space_map(&sp, 3, 1, RW);
	res = advise_range(sp.pid, ARENA, 4 * PAGE_SIZE, MADV_POPULATE_WRITE);
	ck_assert_int_eq(res.ret, -ENOMEM);		/* {madv.74} */
	ck_assert_uint_eq(res.minor, 2);
	ck_assert(present(0) && present(1) && !present(3));
	ck_assert_int_eq(advise(3, 1, MADV_POPULATE_READ), 0);
	ck_assert_uint_eq(space_page(&sp, 3).pfn, kernel_at(sp.m)->zero_pfn);
	advise(3, 1, MADV_GUARD_INSTALL);
	ck_assert_int_eq(advise(3, 1, MADV_POPULATE_READ), -EFAULT);
	space_map(&sp, 5, 1, PROT_WRITE);
	ck_assert_int_eq(advise(5, 1, MADV_POPULATE_READ), -EINVAL);
	ck_assert_int_eq(advise(5, 1, MADV_POPULATE_WRITE), 0);
}
END_TEST

/* ---- guard pages ---- */

START_TEST(a_guard_page_is_as_if_nothing_were_mapped)
{
	struct op_result res;

	space_map(&sp, 0, 4, RW);
	store(1, 1);
	ck_assert_int_eq(advise(1, 2, MADV_GUARD_INSTALL), 0);
	expect_space(&sp, "AAAA");
	res = touch(&sp, 1, ACCESS_READ);
	ck_assert_int_eq(res.signo, SIGSEGV);		/* {madv.90} */
	ck_assert_int_eq(res.si_code, SEGV_MAPERR);
	ck_assert_uint_eq(res.minor, 0);
	ck_assert(space_page(&sp, 1).guard && !present(1));
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 0);
	/* the mapping is asked first */
	space_protect(&sp, 1, 1, PROT_READ);
	ck_assert_int_eq(touch(&sp, 1, ACCESS_WRITE).si_code, SEGV_ACCERR);
	ck_assert_int_eq(touch(&sp, 1, ACCESS_READ).si_code, SEGV_MAPERR);
	ck_assert_int_eq(advise(1, 2, MADV_GUARD_REMOVE), 0);
	ck_assert_uint_eq(load(1), 0);
}
END_TEST

START_TEST(guard_pages_outlast_everything_but_the_mapping)
{
	const struct op move = { .code = OP_MREMAP, .pid = sp.pid,
		.mremap = { page_addr(0), PAGE_SIZE, PAGE_SIZE, 3,
			    page_addr(8) } };
	struct space child;

	space_map(&sp, 0, 1, RW);
	advise(0, 1, MADV_GUARD_INSTALL);
	advise(0, 1, MADV_DONTNEED);			/* {madv.93} */
	advise(0, 1, MADV_FREE);
	advise(0, 1, MADV_PAGEOUT);
	space_protect(&sp, 0, 1, PROT_READ);
	ck_assert(space_page(&sp, 0).guard);
	child = space_of(&sp, host_fork(sp.m, sp.pid, 0));
	ck_assert(space_page(&child, 0).guard);		/* {madv.94} */
	ck_assert_int_eq(host_run(sp.m, &move).ret, (int64_t)page_addr(8));
	ck_assert(space_page(&sp, 8).guard && !space_page(&sp, 0).guard);
	space_map(&sp, 8, 1, RW);
	ck_assert(!space_page(&sp, 8).guard);
	ck_assert_uint_eq(load(8), 0);
}
END_TEST

START_TEST(guard_pages_of_an_object_outlast_its_pages)
{
	struct space child;

	space_mmap(&sp, 0, 2, RW, SHARED | MAP_FIXED);
	store(0, 1);
	store(1, 2);
	ck_assert_int_eq(advise(0, 1, MADV_GUARD_INSTALL), 0);
	ck_assert(anon_vma_none(space_vma(&sp, 0)->anon_vma));
	ck_assert_int_eq(advise(0, 2, MADV_REMOVE), 0);
	ck_assert(space_page(&sp, 0).guard && !present(1));
	store(1, 3);
	/* a child's tables are copied, pages of the object and all */
	child = space_of(&sp, host_fork(sp.m, sp.pid, 0));
	ck_assert(space_page(&child, 0).guard);
	ck_assert(space_page(&child, 1).present);
}
END_TEST

START_TEST(the_mark_of_guard_pages_sticks_and_does_not_part)
{
	space_map(&sp, 0, 2, RW);
	advise(0, 1, MADV_GUARD_INSTALL);
	advise(0, 1, MADV_GUARD_REMOVE);
	space_map(&sp, 2, 2, RW);
	expect_space(&sp, "AAAA");
	ck_assert(space_vma(&sp, 3)->vm_flags & VM_MAYBE_GUARD);
	space_unmap(&sp, 1, 1);
	space_protect(&sp, 0, 1, PROT_READ);
	space_protect(&sp, 0, 1, RW);
	ck_assert(space_vma(&sp, 0)->vm_flags & VM_MAYBE_GUARD);
	/* also to one that had none, when its flags make it join */
	space_map(&sp, 1, 1, PROT_READ);
	ck_assert(!(space_vma(&sp, 1)->vm_flags & VM_MAYBE_GUARD));
	space_protect(&sp, 1, 1, RW);
	expect_space(&sp, "AAAA");
	ck_assert(space_vma(&sp, 1)->vm_flags & VM_MAYBE_GUARD);
}
END_TEST

Suite *suite_madvise(void);
Suite *suite_madvise(void)
{
	Suite *suite = suite_create("madvise");
	TCase *tc = tcase_create("advice");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, checks_come_in_the_order_of_linux, 0,
			    sizeof(checks) / sizeof(checks[0]));
	tcase_add_test(tc, holes_are_told_at_the_end_and_a_refusal_at_once);
	tcase_add_loop_test(tc, each_mapping_takes_what_suits_it, 0,
			    sizeof(takings) / sizeof(takings[0]));
	tcase_add_test(tc, special_mappings_take_little);
	tcase_add_test(tc, advice_is_a_flag_that_stays);
	tcase_add_test(tc, a_flag_splits_and_its_opposite_merges);
	tcase_add_test(tc, a_split_too_many_may_be_tried_again);
	tcase_add_test(tc, a_child_gets_what_it_should);
	tcase_add_test(tc, dontneed_takes_pages_and_leaves_objects);
	tcase_add_test(tc, an_emptied_table_goes_if_the_range_has_all_of_it);
	tcase_add_test(tc, remove_punches_a_hole_that_private_copies_survive);
	tcase_add_test(tc, what_is_freed_lasts_until_it_is_wanted);
	tcase_add_test(tc, what_others_map_is_not_dropped);
	tcase_add_test(tc, what_somebody_locked_is_not_lazily_free);
	tcase_add_test(tc, without_swap_only_what_has_a_copy_is_paged_out);
	tcase_add_loop_test(tc, pages_of_a_file_that_the_caller_could_not_write_stay,
			    0, 2);
	tcase_add_test(tc, droppable_memory_goes_even_if_written);
	tcase_add_test(tc, a_page_that_stays_in_memory_is_active);
	tcase_add_test(tc, what_somebody_else_maps_or_holds_is_not_paged_out);
	tcase_add_test(tc, a_dirty_page_of_several_is_not_lazily_free);
	tcase_add_test(tc, populating_for_writing_keeps_what_was_lazily_free);
	tcase_add_test(tc, sealed_memory_with_an_object_behind_it_may_be_dropped);
	tcase_add_test(tc, random_and_sequential_exclude_each_other);
	tcase_add_test(tc, cold_pages_are_old_and_inactive);
	tcase_add_test(tc, populate_ends_where_it_cannot_go_on);
	tcase_add_test(tc, a_guard_page_is_as_if_nothing_were_mapped);
	tcase_add_test(tc, guard_pages_outlast_everything_but_the_mapping);
	tcase_add_test(tc, guard_pages_of_an_object_outlast_its_pages);
	tcase_add_test(tc, the_mark_of_guard_pages_sticks_and_does_not_part);
	suite_add_tcase(suite, tc);
	return suite;
}
