/* SPDX-License-Identifier: MIT */
/*
 * smaps and smaps_rollup. What the numbers must be is said in three ways: as
 * text for areas whose pages we know, as sums that hold whatever happened, and
 * beside the real kernel by tests/oracle.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static struct mem_size_stats stats_of(const struct space *space, unsigned int n)
{
	struct mem_size_stats mss = { 0 };

	smap_gather_stats(space->m,
			  vma_lookup(space->m,
				     task_at(space->m, space_task(space))->mm,
				     page_addr(n)), &mss);
	return mss;
}

/* ---- the format ---- */

/* Lines of kilobytes, and those that are none; by printf() once more. */
static void expect_line(const char *line)
{
	char label[32], out[64];
	uint64_t kb;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &kb, &kb) == 2)
		return;
	if (sscanf(line, "%31[^ ]%" SCNu64, label, &kb) != 2)
		return;
	snprintf(out, sizeof(out), "%-16s%8" PRIu64 "%s", label, kb,
		 !strcmp(label, "THPeligible:") ||
		 !strcmp(label, "ProtectionKey:") ? "" : " kB");
	if (!strcmp(label, "Private_Hugetlb:"))
		snprintf(out, sizeof(out), "%s %7" PRIu64 " kB", label, kb);
	ck_assert_str_eq(line, out);
}

START_TEST(lines_are_printed_as_the_host_prints_them)
{
	each_line(proc_host_text("/proc/self/smaps"), expect_line);
	each_line(proc_host_text("/proc/self/smaps_rollup"), expect_line);
	space_map(&sp, 0, 2, RW);
	host_mmap(sp.m, sp.pid, 0x200000000000, 1ULL << 40, PROT_NONE,
		  PRIVATE | MAP_FIXED);
	each_line(proc_text(&sp, "./smaps"), expect_line);
	each_line(proc_text(&sp, "./smaps_rollup"), expect_line);
}
END_TEST

/* ---- an area that we know ---- */

static const char known[] =
	"100000000000-100000006000 rw-p 00000000 00:00 0 \n"
	"Size:                 24 kB\n"
	"KernelPageSize:        4 kB\n"
	"MMUPageSize:           4 kB\n"
	"Rss:                  16 kB\n"
	"Pss:                  12 kB\n"	/* two alone, two by halves */
	"Pss_Dirty:            12 kB\n"
	"Shared_Clean:          0 kB\n"
	"Shared_Dirty:          8 kB\n"
	"Private_Clean:         0 kB\n"
	"Private_Dirty:         8 kB\n"
	"Referenced:           16 kB\n"
	"Anonymous:            16 kB\n"
	"KSM:                   0 kB\n"
	"LazyFree:              0 kB\n"
	"AnonHugePages:         0 kB\n"
	"ShmemPmdMapped:        0 kB\n"
	"FilePmdMapped:         0 kB\n"
	"Shared_Hugetlb:        0 kB\n"
	"Private_Hugetlb:       0 kB\n"
	"Swap:                  0 kB\n"
	"SwapPss:               0 kB\n"
	"Locked:               12 kB\n"
	"THPeligible:           0\n"
	"VmFlags: rd wr mr mw me lo lf ac \n";

static const char known_rollup[] =
	"100000000000-7ffffffff000 ---p 00000000 00:00 0 "
	"                         [rollup]\n"
	"Rss:                  16 kB\n"
	"Pss:                  12 kB\n"
	"Pss_Dirty:            12 kB\n"
	"Pss_Anon:             12 kB\n"
	"Pss_File:              0 kB\n"
	"Pss_Shmem:             0 kB\n"
	"Shared_Clean:          0 kB\n"
	"Shared_Dirty:          8 kB\n"
	"Private_Clean:         0 kB\n"
	"Private_Dirty:         8 kB\n"
	"Referenced:           16 kB\n"
	"Anonymous:            16 kB\n"
	"KSM:                   0 kB\n"
	"LazyFree:              0 kB\n"
	"AnonHugePages:         0 kB\n"
	"ShmemPmdMapped:        0 kB\n"
	"FilePmdMapped:         0 kB\n"
	"Shared_Hugetlb:        0 kB\n"
	"Private_Hugetlb:       0 kB\n"
	"Swap:                  0 kB\n"
	"SwapPss:               0 kB\n"
	"Locked:               12 kB\n";

/* Two pages shared with a child, two of its own, the zero page, and nothing. */
START_TEST(smaps_is_this_text_for_an_area_we_know)
{
	struct op op = { .code = OP_MLOCK2, .pid = sp.pid };
	char *text;

	space_map(&sp, 0, 6, RW);
	host_touch(sp.m, sp.pid, page_addr(0), 3 * PAGE_SIZE, ACCESS_WRITE);
	host_fork(sp.m, sp.pid, 0);
	space_write(&sp, 2);
	space_write(&sp, 3);
	host_load(sp.m, sp.pid, page_addr(4));
	op.mlock2 = (struct op_mlock2){ ARENA, 6 * PAGE_SIZE, MLOCK_ONFAULT };
	host_run(sp.m, &op);
	text = proc_text(&sp, "./smaps");
	text[sizeof(known) - 1] = 0;
	ck_assert_str_eq(text, known);
	free(text);
	text = proc_text(&sp, "./smaps_rollup");
	ck_assert_str_eq(text, known_rollup);
	free(text);
}
END_TEST

START_TEST(the_gate_is_the_last_area_and_empty)
{
	char *text = proc_text(&sp, "./smaps"), *gate;

	gate = strstr(text, "ffffffffff600000-ffffffffff601000 --xp ");
	ck_assert_ptr_nonnull(gate);
	ck_assert_ptr_nonnull(strstr(gate, "[vsyscall]\nSize:                  4 kB\n"));
	ck_assert_ptr_nonnull(strstr(gate, "Rss:                   0 kB\n"));
	ck_assert_str_eq(strstr(gate, "VmFlags:"), "VmFlags: ex \n");
	free(text);
}
END_TEST

/* ---- kinds of pages ---- */

/* What only read faults brought in is clean until somebody writes. */
START_TEST(shared_memory_is_dirty_where_it_was_written)
{
	struct mem_size_stats mss;
	struct space child;

	space_mmap(&sp, 0, 4, RW, SHARED | MAP_FIXED);
	host_load(sp.m, sp.pid, page_addr(0));
	host_store(sp.m, sp.pid, page_addr(1), 1);
	mss = stats_of(&sp, 0);
	ck_assert_uint_eq(mss.private_clean, PAGE_SIZE);
	ck_assert_uint_eq(mss.private_dirty, PAGE_SIZE);
	ck_assert_uint_eq(mss.pss_shmem, 2 * PAGE_SIZE << PSS_SHIFT);
	ck_assert_uint_eq(mss.anonymous, 0);
	child = space_of(&sp, host_fork(sp.m, sp.pid, 0));
	ck_assert_uint_eq(stats_of(&child, 0).resident, 0);
	host_load(child.m, child.pid, page_addr(1));
	mss = stats_of(&child, 0);	/* fault-around brought page 0, too */
	ck_assert_uint_eq(mss.shared_clean, PAGE_SIZE);
	ck_assert_uint_eq(mss.shared_dirty, PAGE_SIZE);	/* the page knows */
	ck_assert_uint_eq(mss.pss, PAGE_SIZE << PSS_SHIFT);
	ck_assert_uint_eq(mss.pss_dirty, PAGE_SIZE << PSS_SHIFT >> 1);
	host_store(sp.m, sp.pid, page_addr(0), 1);	/* by the CPU alone */
	ck_assert_uint_eq(stats_of(&sp, 0).shared_dirty, 2 * PAGE_SIZE);
	ck_assert_uint_eq(stats_of(&child, 0).shared_dirty, PAGE_SIZE);
}
END_TEST

START_TEST(a_child_has_referenced_nothing_yet)
{
	struct space child;

	space_map(&sp, 0, 4, RW);
	host_touch(sp.m, sp.pid, ARENA, 4 * PAGE_SIZE, ACCESS_WRITE);
	child = space_of(&sp, host_fork(sp.m, sp.pid, 0));
	ck_assert_uint_eq(stats_of(&sp, 0).referenced, 4 * PAGE_SIZE);
	ck_assert_uint_eq(stats_of(&child, 0).referenced, 0);
	ck_assert_uint_eq(stats_of(&child, 0).resident, 4 * PAGE_SIZE);
	host_load(child.m, child.pid, page_addr(2));
	ck_assert_uint_eq(stats_of(&child, 0).referenced, PAGE_SIZE);
}
END_TEST

/* {lazyfree}: anonymous, no longer backed by swap, and clean. */
START_TEST(lazily_free_is_what_lost_its_backing_and_is_clean)
{
	struct step s = { .m = sp.m };
	struct mm_walk_level level[MM_WALK_LEVELS];
	uint64_t pte_pa;
	pfn_t pfn;

	space_map(&sp, 0, 1, RW);
	space_write(&sp, 0);
	mm_walk(sp.m, task_at(sp.m, space_task(&sp))->mm, ARENA, level, &pfn);
	pte_pa = level[3].entry_at;
	page_mut(&s, pfn)->flags &= ~(1ULL << PG_swapbacked);
	ck_assert_uint_eq(stats_of(&sp, 0).lazyfree, 0);
	*(uint64_t *)ram_mut(&s, pte_pa) &= ~0x40ULL;	/* D */
	ck_assert_uint_eq(stats_of(&sp, 0).lazyfree, PAGE_SIZE);
	ck_assert_uint_eq(stats_of(&sp, 0).private_clean, PAGE_SIZE);
	page_mut(&s, pfn)->flags |= 1ULL << PG_swapbacked;
	*(uint64_t *)ram_mut(&s, pte_pa) |= 0x40ULL;
}
END_TEST

START_TEST(the_vdso_is_a_files_page_and_its_data_is_none)
{
	struct op op = { .code = OP_SPAWN };
	struct mem_size_stats data = { 0 }, code = { 0 };
	const struct mm_struct *mm;

	memcpy(op.spawn.name, "prog", 5);
	op.spawn.image = IMAGE_DEMO;
	sp.pid = (uint32_t)host_run(sp.m, &op).ret;
	mm = space_mm(&sp);
	host_load(sp.m, sp.pid, mm->vdso);
	host_load(sp.m, sp.pid, mm->vdso - 6 * PAGE_SIZE);
	smap_gather_stats(sp.m, vma_lookup(sp.m, task_at(sp.m, space_task(&sp))->mm,
					   mm->vdso), &code);
	smap_gather_stats(sp.m, vma_lookup(sp.m, task_at(sp.m, space_task(&sp))->mm,
					   mm->vdso - 6 * PAGE_SIZE), &data);
	ck_assert_uint_eq(code.resident, PAGE_SIZE);
	ck_assert_uint_eq(code.pss_file, PAGE_SIZE << PSS_SHIFT);
	ck_assert_uint_eq(code.private_clean, PAGE_SIZE);
	ck_assert_uint_eq(data.resident, 0);
}
END_TEST

/* ---- files of the disk ---- */

/* Four pages of sevens on the disk, not in memory; open for both. */
static int64_t open_file(void)
{
	static uint8_t sevens[4 * PAGE_SIZE];
	static const char path[] = "/data";
	struct op op = { .code = OP_FILE_CREATE, .path = path,
			 .path_len = sizeof(path) - 1, .data = sevens,
			 .data_len = sizeof(sevens) };

	memset(sevens, 7, sizeof(sevens));
	op.file_create = (struct op_file_create){ sizeof(sevens), 0644, false };
	ck_assert_int_eq(host_run(sp.m, &op).ret, 0);
	op = (struct op){ .code = OP_OPEN, .pid = sp.pid, .path = path,
			  .path_len = sizeof(path) - 1, .open = { O_RDWR, 0 } };
	return host_run(sp.m, &op).ret;
}

static void map_file(unsigned int n, int64_t fd, uint64_t flags)
{
	struct op op = { .code = OP_MMAP, .pid = sp.pid };

	op.mmap = (struct op_mmap){ page_addr(n), 4 * PAGE_SIZE, RW,
				    flags | MAP_FIXED, fd, 0 };
	ck_assert_int_eq(host_run(sp.m, &op).ret, (int64_t)page_addr(n));
}

/* In pages: Rss, Shared_Clean, Shared_Dirty, Private_Clean, Private_Dirty. */
static void expect_pages(unsigned int n, const char *expected)
{
	const struct mem_size_stats mss = stats_of(&sp, n);
	char got[64];

	snprintf(got, sizeof(got), "%u: %u %u %u %u",
		 (unsigned int)(mss.resident / PAGE_SIZE),
		 (unsigned int)(mss.shared_clean / PAGE_SIZE),
		 (unsigned int)(mss.shared_dirty / PAGE_SIZE),
		 (unsigned int)(mss.private_clean / PAGE_SIZE),
		 (unsigned int)(mss.private_dirty / PAGE_SIZE));
	ck_assert_str_eq(got, expected);
	ck_assert_uint_eq(mss.pss_shmem, 0);
}

/* What 6.18 showed for the same calls on ext4. */
START_TEST(pages_of_a_file_are_dirty_until_they_are_written)
{
	const int64_t fd = open_file();
	static const uint8_t byte[] = { 'x' };
	struct op op;

	map_file(0, fd, MAP_SHARED);
	host_load(sp.m, sp.pid, page_addr(0));
	expect_pages(0, "4: 0 0 4 0");
	host_store(sp.m, sp.pid, page_addr(0), 1);
	expect_pages(0, "4: 0 0 3 1");
	op = (struct op){ .code = OP_FSYNC, .pid = sp.pid, .fsync = { fd } };
	ck_assert_int_eq(host_run(sp.m, &op).ret, 0);
	expect_pages(0, "4: 0 0 4 0");
	op = (struct op){ .code = OP_PWRITE, .pid = sp.pid, .data = byte,
			  .data_len = 1 };
	op.pwrite = (struct op_pwrite){ fd, PAGE_SIZE, NO_BUFFER, 0 };
	ck_assert_int_eq(host_run(sp.m, &op).ret, 1);
	expect_pages(0, "4: 0 0 3 1");
	op = (struct op){ .code = OP_FSYNC, .pid = sp.pid, .fsync = { fd } };
	ck_assert_int_eq(host_run(sp.m, &op).ret, 0);
	expect_pages(0, "4: 0 0 4 0");
	map_file(8, fd, MAP_PRIVATE);
	host_load(sp.m, sp.pid, page_addr(8));
	expect_pages(8, "4: 4 0 0 0");
	host_store(sp.m, sp.pid, page_addr(8), 1);
	expect_pages(8, "4: 3 0 0 1");
	ck_assert_uint_eq(stats_of(&sp, 8).anonymous, PAGE_SIZE);
	ck_assert_uint_eq(stats_of(&sp, 8).pss >> PSS_SHIFT, 10 << 10);
	expect_pages(0, "4: 3 0 1 0");
}
END_TEST

/* ---- sums ---- */

static void churn(const struct space *space, uint64_t *state)
{
	for (int i = 0; i < 60; i++) {
		*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
		host_touch(space->m, space->pid,
			   page_addr((unsigned int)(*state >> 58)), 1,
			   *state >> 57 & 1 ? ACCESS_WRITE : ACCESS_READ);
	}
}

/* Each area's ways of counting agree, and so do areas, rollup and counters. */
static void check_sums(const struct space *space, uint64_t *pss)
{
	const struct mm_struct *mm = space_mm(space);
	struct mem_size_stats all = { 0 };

	for (vma_ref v = mm->mmap; !vma_none(v);
	     v = vma_at(space->m, v)->vm_next) {
		struct mem_size_stats one = { 0 };

		smap_gather_stats(space->m, v, &one);
		smap_gather_stats(space->m, v, &all);
		ck_assert_uint_eq(one.resident, one.shared_clean +
				  one.shared_dirty + one.private_clean +
				  one.private_dirty);
		ck_assert_uint_eq(one.pss, one.pss_anon + one.pss_file +
				  one.pss_shmem);
		ck_assert_uint_le(one.pss_dirty, one.pss);
		ck_assert_uint_le(one.referenced, one.resident);
	}
	ck_assert_uint_eq(all.resident >> PAGE_SHIFT,
			  mm->_anon_rss + mm->_file_rss + mm->_shmem_rss);
	ck_assert_uint_eq(all.anonymous >> PAGE_SHIFT, mm->_anon_rss);
	ck_assert_uint_eq(proc_number(space, "./smaps_rollup", "Rss:"),
			  all.resident >> 10);
	ck_assert_uint_eq(proc_number(space, "./smaps_rollup", "Pss:"),
			  all.pss >> PSS_SHIFT >> 10);
	*pss += all.pss;
}

/* What all processes have by Pss is what there is: no page twice, none lost. */
START_TEST(pss_of_all_processes_is_the_memory_they_map)
{
	struct space other[3];
	uint64_t state = 42, pss = 0, there;

	space_map(&sp, 0, 30, RW);
	space_mmap(&sp, 30, 34, RW, SHARED | MAP_FIXED);
	churn(&sp, &state);
	for (int i = 0; i < 3; i++) {
		other[i] = space_of(i ? &other[i - 1] : &sp,
				    host_fork(sp.m, i ? other[i - 1].pid : sp.pid, 0));
		churn(&other[i], &state);
	}
	churn(&sp, &state);
	check_sums(&sp, &pss);
	for (int i = 0; i < 3; i++)
		check_sums(&other[i], &pss);
	there = (kernel_at(sp.m)->nr_anon_pages + kernel_at(sp.m)->nr_file_mapped)
		<< PAGE_SHIFT << PSS_SHIFT;
	ck_assert_uint_le(pss, there);
	ck_assert_uint_lt(there - pss, 4 * 64);	/* thirds do not add up */
}
END_TEST

Suite *suite_procfs_smaps(void);
Suite *suite_procfs_smaps(void)
{
	Suite *suite = suite_create("procfs_smaps");
	TCase *t = tcase_create("procfs_smaps");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, lines_are_printed_as_the_host_prints_them);
	tcase_add_test(t, smaps_is_this_text_for_an_area_we_know);
	tcase_add_test(t, the_gate_is_the_last_area_and_empty);
	tcase_add_test(t, shared_memory_is_dirty_where_it_was_written);
	tcase_add_test(t, a_child_has_referenced_nothing_yet);
	tcase_add_test(t, lazily_free_is_what_lost_its_backing_and_is_clean);
	tcase_add_test(t, the_vdso_is_a_files_page_and_its_data_is_none);
	tcase_add_test(t, pages_of_a_file_are_dirty_until_they_are_written);
	tcase_add_test(t, pss_of_all_processes_is_the_memory_they_map);
	suite_add_tcase(suite, t);
	return suite;
}
