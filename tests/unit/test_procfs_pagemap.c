/* SPDX-License-Identifier: MIT */
/* pagemap, kpageflags, kpagecount: numbers, whatever bytes are asked for. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/mm/page_alloc.h"
#include "tests/lib/files.h"

static struct space sp;
static char pagemap_path[32];

static void setup(void)
{
	space_open(&sp);
	snprintf(pagemap_path, sizeof(pagemap_path), "/proc/%u/pagemap", sp.pid);
}

static void teardown(void)
{
	space_close(&sp);
}

static uint64_t number_at(const char *path, uint64_t index)
{
	uint64_t number;

	ck_assert(mm_proc_pread(sp.m, path, index * 8, &number, 8));
	return number;
}

/* Of page @n of the arena. */
static uint64_t pagemap(unsigned int n)
{
	return number_at(pagemap_path, page_addr(n) >> PAGE_SHIFT);
}

static uint64_t kpageflags(unsigned int n)
{
	return number_at("/proc/kpageflags", space_page(&sp, n).pfn);
}

#define PRESENT		(1ULL << 63)
#define IS_FILE		(1ULL << 61)
#define EXCLUSIVE	(1ULL << 56)

static void populate(void)
{
	space_map(&sp, 0, 8, RW);
	space_mmap(&sp, 8, 8, RW, SHARED | MAP_FIXED);
	host_touch(sp.m, sp.pid, page_addr(0), 2 * PAGE_SIZE, ACCESS_WRITE);
	host_fork(sp.m, sp.pid, 0);
	space_write(&sp, 1);
	host_load(sp.m, sp.pid, page_addr(3));
	space_write(&sp, 9);
	host_brk(sp.m, sp.pid, space_mm(&sp)->brk + PAGE_SIZE);
	host_store(sp.m, sp.pid, space_mm(&sp)->start_brk, 1);
	host_store(sp.m, sp.pid, 0x7fffffffe000, 1);	/* the very last page */
}

/* As many frames as there are, whatever number of them that is. */
START_TEST(kpagecount_ends_with_the_ram)
{
	struct mm_config config = host_config();
	uint64_t bytes, *all;

	space_close(&sp);
	config.ram = 65ULL << 20;
	space_open_with(&sp, &config, false);
	bytes = mm_proc_size(sp.m, "/proc/kpagecount");
	ck_assert_uint_eq(bytes, (65ULL << 20) / PAGE_SIZE * 8);
	all = malloc(bytes);
	ck_assert(mm_proc_pread(sp.m, "/proc/kpagecount", 0, all, bytes));
	ck_assert(mm_proc_pread(sp.m, "/proc/kpageflags", 0, all, bytes));
	ck_assert(!mm_proc_pread(sp.m, "/proc/kpageflags", 8, all, bytes));
	free(all);
}
END_TEST

#define KPF_UPTODATE		(1ULL << 3)
#define KPF_MAPPEDTODISK	(1ULL << 34)

START_TEST(kpageflags_of_a_files_page_that_was_read)
{
	const uint64_t ino = fs_make(&sp, "/f", PAGE_SIZE, PAGE_SIZE, 1);
	const int64_t fd = fs_open(&sp, "/f", O_RDONLY);
	uint64_t flags;

	fs_read(&sp, fd, 0, 1);
	flags = number_at("/proc/kpageflags", fs_page(&sp, ino, 0));
	ck_assert_uint_eq(flags & (KPF_UPTODATE | KPF_MAPPEDTODISK),
			  KPF_UPTODATE | KPF_MAPPEDTODISK);
}
END_TEST

/* ---- pagemap ---- */

START_TEST(pagemap_has_the_bits_of_6_18)
{
	populate();
	ck_assert_uint_eq(pagemap(0), PRESENT | space_page(&sp, 0).pfn);
	ck_assert_uint_eq(pagemap(1), PRESENT | EXCLUSIVE |
			  space_page(&sp, 1).pfn);
	ck_assert_uint_eq(pagemap(2), 0);
	/* the zero page is nobody's */
	ck_assert_uint_eq(pagemap(3), PRESENT | kernel_at(sp.m)->zero_pfn);
	ck_assert_uint_eq(pagemap(9), PRESENT | EXCLUSIVE | IS_FILE |
			  space_page(&sp, 9).pfn);
	ck_assert_uint_eq(pagemap(20), 0);
}
END_TEST

/* A guard page is a marker in place of a page: what 6.18 says of one. */
START_TEST(pagemap_of_a_guard_page)
{
	const struct op guard = { .code = OP_MADVISE, .pid = sp.pid,
		.madvise = { page_addr(1), PAGE_SIZE, MADV_GUARD_INSTALL } };

	space_map(&sp, 0, 3, RW);
	ck_assert_int_eq(host_run(sp.m, &guard).ret, 0);
	ck_assert_uint_eq(pagemap(0), 0);
	ck_assert_uint_eq(pagemap(1), 0x440000000000009fULL);
	ck_assert_uint_eq(pagemap(2), 0);
}
END_TEST

/* As wide as user space, to the last page of it, and not a byte more. */
START_TEST(pagemap_is_as_long_as_user_space_is_wide)
{
	const uint64_t size = mm_proc_size(sp.m, pagemap_path);
	uint64_t last;
	char byte;

	populate();
	ck_assert_uint_eq(size, ((1ULL << 47) - PAGE_SIZE) / PAGE_SIZE * 8);
	ck_assert(mm_proc_pread(sp.m, pagemap_path, size - 8, &last, 8));
	ck_assert_uint_eq(last >> 63, 1);
	ck_assert(mm_proc_pread(sp.m, pagemap_path, size - 1, &byte, 1));
	ck_assert_int_eq((unsigned char)byte, last >> 56);
	ck_assert(mm_proc_pread(sp.m, pagemap_path, size, &byte, 0));
	ck_assert(!mm_proc_pread(sp.m, pagemap_path, size, &byte, 1));
	ck_assert(!mm_proc_pread(sp.m, pagemap_path, size - 1, &last, 2));
	ck_assert(!mm_proc_pread(sp.m, pagemap_path, UINT64_MAX, &last, 8));
	ck_assert(!mm_proc_pread(sp.m, pagemap_path, 0, &last, SIZE_MAX));
}
END_TEST

/* The byte at an offset, from the entry of one page alone. */
static uint8_t byte_at(uint64_t offset)
{
	const struct mm_pagemap e = mm_pagemap_entry(sp.m,
		task_at(sp.m, space_task(&sp))->mm, offset / 8 * PAGE_SIZE);
	const uint64_t bits = e.pfn | (e.present ? PRESENT : 0) |
		(e.file ? IS_FILE : 0) | (e.exclusive ? EXCLUSIVE : 0);

	return (uint8_t)(bits >> offset % 8 * 8);
}

START_TEST(any_bytes_of_it_are_those_of_its_pages)
{
	static const uint64_t around[] = {
		ARENA, ARENA - 2 * PAGE_SIZE, 0x555555559000, 0x7ffffffe0000,
		0x100001fe000,	/* two tables, none of them there */
	};
	uint8_t buf[9000];

	populate();
	for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++)
		for (uint64_t len = 0; len < 120; len += 7)
			for (uint64_t skip = 0; skip < 24; skip += 5) {
				const uint64_t at = around[i] / 512 + skip;

				memset(buf, 0xee, len + 1);
				ck_assert(mm_proc_pread(sp.m, pagemap_path, at,
							buf, len));
				for (uint64_t k = 0; k < len; k++)
					ck_assert_uint_eq(buf[k], byte_at(at + k));
				ck_assert_uint_eq(buf[len], 0xee);
			}
	ck_assert(mm_proc_pread(sp.m, pagemap_path, ARENA / 512 - 4001, buf,
				sizeof(buf)));
	for (uint64_t k = 0; k < sizeof(buf); k++)
		ck_assert_uint_eq(buf[k], byte_at(ARENA / 512 - 4001 + k));
}
END_TEST

/* ---- of frames ---- */

START_TEST(kpageflags_of_an_anonymous_page_follow_who_has_it)
{
	const uint64_t lru = 1ULL << 5 | 1ULL << 6, owner = 1ULL << 34;
	int64_t child;

	space_map(&sp, 0, 2, RW);
	space_write(&sp, 0);
	/* {flt.8b}; and on the LRU at once, the active list (D-001) */
	ck_assert_uint_eq(kpageflags(0), 0x400005808 | lru);
	child = host_fork(sp.m, sp.pid, 0);
	ck_assert_uint_eq(kpageflags(0), (0x400005808 | lru) & ~owner);
	host_exit(sp.m, (uint32_t)child);
	ck_assert_uint_eq(kpageflags(0), (0x400005808 | lru) & ~owner);
	space_write(&sp, 0);
	ck_assert_uint_eq(kpageflags(0), 0x400005808 | lru);
	host_load(sp.m, sp.pid, page_addr(1));
	ck_assert_uint_eq(kpageflags(1), 1ULL << 24 | 1ULL << 32);
}
END_TEST

START_TEST(kpageflags_count_what_the_kernel_counts)
{
	const struct kernel *k = kernel_at(sp.m);
	uint64_t count[64] = { 0 }, slabs = 0;

	populate();
	for (uint64_t pfn = 0; pfn < k->ram_frames; pfn++) {
		const uint64_t flags = number_at("/proc/kpageflags", pfn);

		for (int bit = 0; bit < 64; bit++)
			count[bit] += flags >> bit & 1;
	}
	for (int i = 0; i < NR_KMEM_CACHES; i++)
		slabs += k->caches[i].nr_slabs;
	ck_assert_uint_eq(count[10], nr_free_pages(sp.m));	/* BUDDY */
	ck_assert_uint_eq(count[7], slabs);
	ck_assert_uint_eq(count[12], k->nr_anon_pages);
	ck_assert_uint_eq(count[11], k->nr_anon_pages + k->nr_file_mapped);
	ck_assert_uint_eq(count[26], k->nr_page_table_pages);
	ck_assert_uint_eq(count[32], k->ram_frames - k->totalram_pages);
	ck_assert_uint_eq(count[20], 0);	/* NOPAGE: RAM has no holes */
}
END_TEST

START_TEST(kpagecount_is_how_many_entries_map_a_frame)
{
	const struct kernel *k = kernel_at(sp.m);
	uint64_t sum = 0, rss = 0;

	populate();
	ck_assert_uint_eq(mm_proc_size(sp.m, "/proc/kpagecount"),
			  k->ram_frames * 8);
	for (uint64_t pfn = 0; pfn < k->ram_frames; pfn++)
		sum += number_at("/proc/kpagecount", pfn);
	for (task_ref t = mm_first_task(sp.m); !task_none(t);
	     t = mm_next_task(sp.m, t)) {
		const struct mm_struct *mm = mm_at(sp.m, task_at(sp.m, t)->mm);

		rss += mm->_anon_rss + mm->_file_rss + mm->_shmem_rss;
	}
	ck_assert_uint_eq(sum, rss);
	ck_assert_uint_eq(number_at("/proc/kpagecount", space_page(&sp, 0).pfn), 2);
	ck_assert_uint_eq(number_at("/proc/kpagecount", k->zero_pfn), 0);
}
END_TEST

START_TEST(what_is_text_or_nothing_has_no_bytes)
{
	static const char *const paths[] = {
		"/proc/1/maps", "/proc", "/proc/1", "/proc/9/pagemap",
		"/proc/pagemap", "/proc/1/kpageflags", "", "/ram",
		"/proc/1/pagemap/x", "/proc/kpagecount/",
	};
	uint64_t word;

	for (size_t i = 0; i + 1 < sizeof(paths) / sizeof(paths[0]); i++) {
		ck_assert_uint_eq(mm_proc_size(sp.m, paths[i]), 0);
		ck_assert(!mm_proc_pread(sp.m, paths[i], 0, &word, 8));
	}
	ck_assert_uint_gt(mm_proc_size(sp.m, "/proc/1/task/1/pagemap"), 0);
	ck_assert_int_eq(mm_proc_read(sp.m, "/proc/1/pagemap", NULL),
			 MM_PROC_BINARY);
}
END_TEST

Suite *suite_procfs_pagemap(void);
Suite *suite_procfs_pagemap(void)
{
	Suite *suite = suite_create("procfs_pagemap");
	TCase *t = tcase_create("procfs_pagemap");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, pagemap_has_the_bits_of_6_18);
	tcase_add_test(t, pagemap_of_a_guard_page);
	tcase_add_test(t, kpagecount_ends_with_the_ram);
	tcase_add_test(t, kpageflags_of_a_files_page_that_was_read);
	tcase_add_test(t, pagemap_is_as_long_as_user_space_is_wide);
	tcase_add_test(t, any_bytes_of_it_are_those_of_its_pages);
	tcase_add_test(t, kpageflags_of_an_anonymous_page_follow_who_has_it);
	tcase_add_test(t, kpageflags_count_what_the_kernel_counts);
	tcase_add_test(t, kpagecount_is_how_many_entries_map_a_frame);
	tcase_add_test(t, what_is_text_or_nothing_has_no_bytes);
	suite_add_tcase(suite, t);
	return suite;
}
