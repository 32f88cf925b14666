/* SPDX-License-Identifier: MIT */
/*
 * Looking inside: walks, pagemap, names of areas, the picture of RAM. Each is
 * compared with a slower way to the same answer, and none changes anything.
 */
#include <check.h>
#include <string.h>

#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/pgtable.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/space.h"

static struct space sp;
static uint64_t digest;

/* Something of everything; then nobody changes it. */
static void setup(void)
{
	space_open(&sp);
	space_map(&sp, 0, 8, RW);
	space_write(&sp, 0);
	space_write(&sp, 3);
	host_touch(sp.m, sp.pid, page_addr(5), 1, ACCESS_READ);
	space_map(&sp, 10, 2, PROT_NONE);
	space_mmap(&sp, 16, 8, RW, SHARED | MAP_FIXED);
	space_write(&sp, 17);
	space_map(&sp, 24, 4, RW);
	space_write(&sp, 24);
	space_protect(&sp, 24, 1, PROT_READ);
	space_map(&sp, 30, 1, RW | PROT_EXEC);
	space_write(&sp, 30);
	host_fork(sp.m, sp.pid, 0);
	space_write(&sp, 3);
	digest = host_digest(sp.m);
}

static void teardown(void)
{
	ck_assert_uint_eq(host_digest(sp.m), digest);
	space_close(&sp);
}

static mm_ref mm_of_space(void)
{
	return task_at(sp.m, space_task(&sp))->mm;
}

static uint64_t word_at(uint64_t pa)
{
	uint64_t word;

	memcpy(&word, sp.m->ram + pa, sizeof(word));
	return word;
}

/* ---- walks ---- */

static const unsigned int shifts[] = { 39, 30, 21, 12 };

/* The Intel manual's walk, on the bytes of RAM: levels; the frame in *pfn. */
static int walk_by_hand(uint64_t addr, uint64_t entry[4], uint64_t at[4],
			uint64_t *pfn)
{
	uint64_t table = mm_at(sp.m, mm_of_space())->pgd;

	*pfn = 0;
	for (int level = 0; level < 4; level++) {
		at[level] = table + (addr >> shifts[level] & 511) * 8;
		entry[level] = word_at(at[level]);
		/* present to the kernel: P, or G alone (PROT_NONE) */
		if (!(entry[level] & 0x101))
			return level + 1;
		table = entry[level] & 0x000ffffffffff000ULL;
	}
	*pfn = table >> 12;
	return 4;
}

static const uint64_t walked[] = {
	0, 0x1000, 0x400000, ARENA, ARENA + 0x5fff, ARENA + 3 * 4096 + 17,
	ARENA + 6 * 4096, ARENA + 10 * 4096, ARENA + 17 * 4096,
	ARENA + 24 * 4096, ARENA + 30 * 4096, ARENA + (1 << 21),
	ARENA + (1 << 30), ARENA + (1ULL << 39), 0x7ffffffff000 - 1,
	0x7fffffffffff,
};

START_TEST(a_walk_reads_the_tables_as_the_manual_says)
{
	static const char *const names[] = { "pgd", "pud", "pmd", "pte" };
	struct mm_walk_level out[MM_WALK_LEVELS];
	uint64_t entry[4], at[4], expected;
	const uint64_t addr = walked[_i];
	int levels;
	pfn_t pfn;

	levels = mm_walk(sp.m, mm_of_space(), addr, out, &pfn);
	ck_assert_int_eq(levels, walk_by_hand(addr, entry, at, &expected));
	ck_assert_uint_eq(pfn, expected);
	for (int i = 0; i < levels; i++) {
		ck_assert_str_eq(out[i].level, names[i]);
		ck_assert_uint_eq(out[i].index, addr >> shifts[i] & 511);
		ck_assert_uint_eq(out[i].entry_at, at[i]);
		ck_assert_uint_eq(out[i].entry, entry[i]);
	}
}
END_TEST

START_TEST(a_walk_ends_where_nothing_is_present)
{
	struct mm_walk_level out[MM_WALK_LEVELS];
	pfn_t pfn;

	ck_assert_int_eq(mm_walk(sp.m, mm_of_space(), 0, out, &pfn), 1);
	ck_assert_uint_eq(pfn, 0);
	/* another 1 GiB of the same 512; another page of the same table */
	ck_assert_int_eq(mm_walk(sp.m, mm_of_space(), ARENA + (1 << 30), out,
				 &pfn), 2);
	ck_assert_int_eq(mm_walk(sp.m, mm_of_space(), ARENA + (1 << 21), out,
				 &pfn), 3);
	ck_assert_int_eq(mm_walk(sp.m, mm_of_space(), page_addr(1), out, &pfn),
			 4);
	ck_assert_uint_eq(pfn, 0);
	ck_assert_uint_eq(out[3].entry, 0);
}
END_TEST

/* ---- flags ---- */

static const char *flags_of(uint64_t entry)
{
	static char text[64];
	const char *names[16];

	mm_entry_flags(sp.m, entry, names);
	text[0] = 0;
	for (int i = 0; names[i]; i++) {
		strcat(text, i ? " " : "");
		strcat(text, names[i]);
	}
	return text;
}

static const char *flags_of_page(unsigned int n)
{
	struct mm_walk_level out[MM_WALK_LEVELS];
	pfn_t pfn;

	ck_assert_int_eq(mm_walk(sp.m, mm_of_space(), page_addr(n), out, &pfn),
			 4);
	return flags_of(out[3].entry);
}

START_TEST(entry_flags_are_those_of_the_manual_from_p_up)
{
	ck_assert_str_eq(flags_of(0), "");
	ck_assert_str_eq(flags_of(1), "P");
	ck_assert_str_eq(flags_of(1ULL << 63 | 0x1ff),
			 "P RW US PWT PCD A D PS G NX");
	ck_assert_str_eq(flags_of(0x000ffffffffff000ULL), "");
	ck_assert_str_eq(flags_of_page(3), "P RW US A D NX");
	ck_assert_str_eq(flags_of_page(0), "P US A D NX");	/* shared by fork */
	ck_assert_str_eq(flags_of_page(5), "P US A NX");	/* zero page */
	ck_assert_str_eq(flags_of_page(30), "P US A D");
	ck_assert_str_eq(flags_of_page(1), "");
}
END_TEST

/* ---- pagemap ---- */

/* {flt}: the zero page is neither a file's nor exclusive, 8.5. */
START_TEST(pagemap_says_what_the_entry_and_the_page_are)
{
	static const struct { unsigned int n; const char *says; } pages[] = {
		{ 0, "P-DA---" }, { 1, "-------" }, { 3, "P-DAW-X" },
		{ 5, "P--A---" }, { 10, "-------" }, { 17, "P-DAWFX" },
		{ 24, "P-DA---" }, { 63, "-------" },
	};

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		const struct mm_pagemap p = space_page(&sp, pages[i].n);
		const char says[] = {
			p.present ? 'P' : '-', p.swapped ? 'S' : '-',
			p.dirty ? 'D' : '-', p.accessed ? 'A' : '-',
			p.writable ? 'W' : '-', p.file ? 'F' : '-',
			p.exclusive ? 'X' : '-', 0,
		};

		ck_assert_msg(!strcmp(says, pages[i].says), "page %u: %s, not %s",
			      pages[i].n, says, pages[i].says);
	}
	ck_assert_uint_eq(space_page(&sp, 5).pfn, kernel_at(sp.m)->zero_pfn);
}
END_TEST

START_TEST(pagemap_finds_the_frame_that_a_walk_finds)
{
	const mm_ref mm = mm_of_space();

	for (size_t i = 0; i < sizeof(walked) / sizeof(walked[0]); i++) {
		struct mm_walk_level out[MM_WALK_LEVELS];
		pfn_t pfn;

		mm_walk(sp.m, mm, walked[i], out, &pfn);
		ck_assert_uint_eq(mm_pagemap_entry(sp.m, mm, walked[i]).pfn, pfn);
	}
	/* above user space there is nothing to look up */
	ck_assert(!mm_pagemap_entry(sp.m, mm, 0x7ffffffff000).present);
	ck_assert(!mm_pagemap_entry(sp.m, mm, UINT64_MAX).present);
	ck_assert(!mm_pagemap_entry(sp.m, mm, ARENA + (1ULL << 48)).present);
}
END_TEST

/* ---- areas ---- */

static uint64_t rss_of(vma_ref vma)
{
	struct mem_size_stats mss = { 0 };

	smap_gather_stats(sp.m, vma, &mss);
	return mss.resident >> PAGE_SHIFT;
}

START_TEST(the_rss_of_the_areas_is_that_of_the_space)
{
	const struct mm_struct *mm = space_mm(&sp);
	uint64_t sum = 0;

	for (vma_ref v = mm->mmap; !vma_none(v); v = vma_at(sp.m, v)->vm_next)
		sum += rss_of(v);
	ck_assert_uint_eq(sum, mm->_anon_rss + mm->_shmem_rss + mm->_file_rss);
	ck_assert_uint_eq(sum, 2 + 1 + 1 + 1);
	/* the zero page is not resident memory */
	ck_assert_uint_eq(rss_of(vma_lookup(sp.m, mm_of_space(), ARENA)), 2);
}
END_TEST

START_TEST(areas_have_names_and_what_stands_behind_them)
{
	uint32_t major = 9, minor = 9;
	uint64_t ino = 9;
	char path[MM_PATH_MAX];
	vma_ref v = vma_lookup(sp.m, mm_of_space(), ARENA);

	ck_assert_str_eq(mm_vma_name(sp.m, v, path), "");
	mm_vma_backing(sp.m, v, &major, &minor, &ino);
	ck_assert(!major && !minor && !ino);
	v = vma_lookup(sp.m, mm_of_space(), page_addr(16));
	ck_assert_str_eq(mm_vma_name(sp.m, v, path), "/dev/zero (deleted)");
	mm_vma_backing(sp.m, v, &major, &minor, &ino);
	ck_assert_uint_eq(major, 0);
	ck_assert_uint_eq(minor, 1);
	ck_assert_uint_gt(ino, 0);
	v = vma_lookup(sp.m, mm_of_space(), space_mm(&sp)->start_stack);
	ck_assert_str_eq(mm_vma_name(sp.m, v, path), "[stack]");
	ck_assert(vma_none(vma_lookup(sp.m, mm_of_space(), 0x7ffffffff000)));
}
END_TEST

/* ---- the picture of RAM ---- */

/* One frame, from its struct page alone. */
static enum frame_use use_by_page(pfn_t pfn)
{
	const struct page page = page_read(sp.m, pfn);

	if (page.flags >> PG_reserved & 1)
		return FRAME_RESERVED;
	if (!page._count)
		return FRAME_FREE;
	if (page.flags >> PG_slab & 1)
		return FRAME_SLAB;
	if (page.flags >> PG_pgtable & 1)
		return FRAME_PGTABLE;
	if (page.mapping & PAGE_MAPPING_ANON)
		return FRAME_ANON;
	return page.mapping ? FRAME_FILE : FRAME_KERNEL;
}

START_TEST(runs_cover_ram_and_are_what_each_page_says)
{
	const struct kernel *k = kernel_at(sp.m);
	uint64_t total[NR_FRAME_USES] = { 0 }, pfn = 0, slabs = 0;
	enum frame_use use, last = NR_FRAME_USES;

	while (pfn < k->ram_frames) {
		const uint64_t len = mm_frame_run(sp.m, pfn, k->ram_frames,
						  &use);

		ck_assert_uint_gt(len, 0);
		ck_assert_int_ne(use, last);	/* runs are as long as can be */
		for (uint64_t i = 0; i < len; i++)
			ck_assert_int_eq(use_by_page((pfn_t)(pfn + i)), use);
		total[use] += len;
		last = use;
		pfn += len;
	}
	for (int i = 0; i < NR_KMEM_CACHES; i++)
		slabs += k->caches[i].nr_slabs;
	ck_assert_uint_eq(pfn, k->ram_frames);
	ck_assert_uint_eq(total[FRAME_ANON], k->nr_anon_pages);
	ck_assert_uint_eq(total[FRAME_FILE], k->nr_file_pages);
	ck_assert_uint_eq(total[FRAME_PGTABLE], k->nr_page_table_pages);
	ck_assert_uint_eq(total[FRAME_SLAB], slabs);
	ck_assert_uint_eq(total[FRAME_FREE], nr_free_pages(sp.m));
	ck_assert_uint_eq(total[FRAME_RESERVED],
			  k->ram_frames - k->totalram_pages);
}
END_TEST

START_TEST(a_run_ends_where_it_is_told_to)
{
	const uint64_t end = kernel_at(sp.m)->ram_frames;
	enum frame_use use;
	uint64_t whole;

	for (uint64_t first = 0; first < end; first += 37) {
		enum frame_use again;

		whole = mm_frame_run(sp.m, first, end, &use);
		ck_assert_uint_le(first + whole, end);
		ck_assert_uint_eq(mm_frame_run(sp.m, first, first + 1, &again), 1);
		ck_assert_int_eq(again, use);
		if (whole > 2)
			ck_assert_uint_eq(mm_frame_run(sp.m, first, first + 2,
						       &again), 2);
	}
}
END_TEST

START_TEST(every_use_has_a_name_of_its_own)
{
	for (int i = 0; i < NR_FRAME_USES; i++) {
		ck_assert_ptr_nonnull(mm_frame_use_name((enum frame_use)i));
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(mm_frame_use_name((enum frame_use)i),
					 mm_frame_use_name((enum frame_use)j));
	}
}
END_TEST

/* A terabyte is looked at in a few steps: the frontier is one run. */
START_TEST(untouched_memory_is_one_run)
{
	struct mm_config config = host_config();
	struct machine *m;
	uint64_t pfn = 0, end;
	enum frame_use use;
	int runs = 0;

	config.ram = 1ULL << 40;
	m = host_machine_new(&config);
	end = kernel_at(m)->ram_frames;
	for (; pfn < end; runs++)
		pfn += mm_frame_run(m, pfn, end, &use);
	ck_assert_int_le(runs, 3);	/* reserved, free, mem_map */
	host_machine_free(m);
}
END_TEST

Suite *suite_inspect(void);
Suite *suite_inspect(void)
{
	Suite *suite = suite_create("inspect");
	TCase *t = tcase_create("inspect");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_walk_reads_the_tables_as_the_manual_says, 0,
			    sizeof(walked) / sizeof(walked[0]));
	tcase_add_test(t, a_walk_ends_where_nothing_is_present);
	tcase_add_test(t, entry_flags_are_those_of_the_manual_from_p_up);
	tcase_add_test(t, pagemap_says_what_the_entry_and_the_page_are);
	tcase_add_test(t, pagemap_finds_the_frame_that_a_walk_finds);
	tcase_add_test(t, the_rss_of_the_areas_is_that_of_the_space);
	tcase_add_test(t, areas_have_names_and_what_stands_behind_them);
	tcase_add_test(t, runs_cover_ram_and_are_what_each_page_says);
	tcase_add_test(t, a_run_ends_where_it_is_told_to);
	tcase_add_test(t, every_use_has_a_name_of_its_own);
	tcase_add_test(t, untouched_memory_is_one_run);
	suite_add_tcase(suite, t);
	return suite;
}
