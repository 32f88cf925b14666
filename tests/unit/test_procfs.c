/* SPDX-License-Identifier: MIT */
/*
 * /proc, byte for byte. Each format stands here once, as a format of printf();
 * it must print the lines of the host's own /proc again, and those of the
 * simulated machine from the numbers that the structures hold.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/vma.h"
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

/* ---- texts, line by line ---- */

static char *sim(const char *name)
{
	return proc_text(&sp, name);
}

static uint64_t number_of(const char *name, const char *label)
{
	return proc_number(&sp, name, label);
}

/* ---- maps ---- */

#define MAPS_LINE "%08" PRIx64 "-%08" PRIx64 " %s %08" PRIx64		\
		  " %02" PRIx64 ":%02" PRIx64 " %" PRIu64 " "

static void print_maps_line(char *out, size_t size, const uint64_t number[6],
			    const char *perms, const char *name)
{
	int n = snprintf(out, size, MAPS_LINE, number[0], number[1], perms,
			 number[2], number[3], number[4], number[5]);

	if (*name)
		snprintf(out + n, size - (size_t)n, "%*s%s",
			 n < 73 ? 73 - n : 0, "", name);
}

static void expect_maps_line(const char *line)
{
	uint64_t number[6];
	char perms[5], out[4096];
	int name = 0;

	ck_assert_int_eq(sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64
				" %" SCNx64 ":%" SCNx64 " %" SCNu64 " %n",
				&number[0], &number[1], perms, &number[2],
				&number[3], &number[4], &number[5], &name), 7);
	print_maps_line(out, sizeof(out), number, perms, line + name);
	ck_assert_str_eq(out, line);
}

START_TEST(a_line_of_maps_is_a_line_of_the_hosts)
{
	ck_assert_uint_gt(each_line(proc_host_text("/proc/self/maps"), expect_maps_line),
			  5);
	space_map(&sp, 0, 2, RW);
	space_mmap(&sp, 4, 2, RW, SHARED | MAP_FIXED);
	host_brk(sp.m, sp.pid, space_mm(&sp)->brk + PAGE_SIZE);
	ck_assert_uint_eq(each_line(sim("./maps"), expect_maps_line), 5);
}
END_TEST

/* Low addresses have 8 digits, anonymous memory offset 0 wherever it is. */
START_TEST(maps_says_what_the_areas_are)
{
	char *text, expected[1024];
	const struct vm_area_struct *shared;

	host_mmap(sp.m, sp.pid, 0x10000, PAGE_SIZE, PROT_NONE,
		  PRIVATE | MAP_FIXED);
	host_mmap(sp.m, sp.pid, 0xffffe000, 2 * PAGE_SIZE, PROT_READ | PROT_EXEC,
		  PRIVATE | MAP_FIXED);
	space_map(&sp, 0, 1, PROT_READ);
	space_mmap(&sp, 1, 2, PROT_WRITE, SHARED | MAP_FIXED);
	space_mmap(&sp, 3, 4, PROT_READ | PROT_WRITE | PROT_EXEC,
		   SHARED | MAP_FIXED);
	space_unmap(&sp, 3, 2);		/* what is left begins at 0x2000 */
	shared = space_vma(&sp, 1);
	snprintf(expected, sizeof(expected),
		 "00010000-00011000 ---p 00000000 00:00 0 \n"
		 "ffffe000-100000000 r-xp 00000000 00:00 0 \n"
		 "100000000000-100000001000 r--p 00000000 00:00 0 \n"
		 "100000001000-100000003000 -w-s 00000000 00:01 %-27" PRIu64
		 "/dev/zero (deleted)\n"
		 "100000005000-100000007000 rwxs 00002000 00:01 %-27" PRIu64
		 "/dev/zero (deleted)\n"
		 "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 "
		 "                         [stack]\n"
		 "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 "
		 "                 [vsyscall]\n",
		 inode_at(sp.m, file_at(sp.m, shared->vm_file)->f_inode)->i_ino,
		 inode_at(sp.m, file_at(sp.m, space_vma(&sp, 5)->vm_file)
			  ->f_inode)->i_ino);
	text = sim("./maps");
	ck_assert_str_eq(text, expected);
	free(text);
}
END_TEST

/* {name.1}, {name.2}: every area that meets the heap, the one of the stack. */
START_TEST(names_follow_heap_and_stack)
{
	const uint64_t heap = space_mm(&sp)->start_brk;
	char *text;

	host_brk(sp.m, sp.pid, heap + 4 * PAGE_SIZE);
	host_mprotect(sp.m, sp.pid, heap + PAGE_SIZE, PAGE_SIZE, PROT_READ);
	host_mprotect(sp.m, sp.pid, 0x7fffffff0000, PAGE_SIZE, PROT_READ);
	text = sim("./maps");
	ck_assert_ptr_nonnull(strstr(text, "555555559000-55555555a000 rw-p 00000000 00:00 0 "
			      "                         [heap]\n"
			      "55555555a000-55555555b000 r--p 00000000 00:00 0 "
			      "                         [heap]\n"
			      "55555555b000-55555555d000 rw-p 00000000 00:00 0 "
			      "                         [heap]\n"));
	ck_assert_ptr_nonnull(strstr(text, "7ffffffde000-7fffffff0000 rw-p 00000000 00:00 0 \n"
			      "7fffffff0000-7fffffff1000 r--p 00000000 00:00 0 \n"
			      "7fffffff1000-7ffffffff000 rw-p 00000000 00:00 0 "
			      "                         [stack]\n"));
	free(text);
}
END_TEST

#define MANY 4000

static uint64_t last_end, bytes_mapped;

static void next_in_order(const char *line)
{
	uint64_t start, end;

	ck_assert_int_eq(sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end), 2);
	ck_assert_uint_ge(start, last_end);
	ck_assert_uint_gt(end, start);
	last_end = end;
	bytes_mapped += end - start;
}

START_TEST(maps_of_many_areas_is_complete_and_in_order)
{
	const uint64_t step = 7919;	/* coprime to MANY: all, in no order */

	for (uint64_t i = 0; i < MANY; i++)
		host_mmap(sp.m, sp.pid, ARENA + i * step % MANY * PAGE_SIZE,
			  PAGE_SIZE, i * step % MANY & 1 ? RW : PROT_READ,
			  PRIVATE | MAP_FIXED);
	last_end = 0;
	bytes_mapped = 0;
	ck_assert_uint_eq(each_line(sim("./maps"), next_in_order), MANY + 2);
	ck_assert_int_eq(space_mm(&sp)->map_count, MANY + 1);
	/* [vsyscall] is in neither count */
	ck_assert_uint_eq(bytes_mapped - PAGE_SIZE,
			  number_of("./status", "VmSize:\t") << 10);
}
END_TEST

/* ---- status ---- */

static const char status_labels[] =
	"Name Umask State Tgid Ngid Pid PPid TracerPid Uid Gid FDSize Groups "
	"NStgid NSpid NSpgid NSsid Kthread VmPeak VmSize VmLck VmPin VmHWM "
	"VmRSS RssAnon RssFile RssShmem VmData VmStk VmExe VmLib VmPTE VmSwap "
	"HugetlbPages CoreDumping THP_enabled untag_mask Threads SigQ SigPnd "
	"ShdPnd SigBlk SigIgn SigCgt CapInh CapPrm CapEff CapBnd CapAmb "
	"NoNewPrivs Seccomp Seccomp_filters Speculation_Store_Bypass "
	"SpeculationIndirectBranch Cpus_allowed Cpus_allowed_list Mems_allowed "
	"Mems_allowed_list voluntary_ctxt_switches nonvoluntary_ctxt_switches ";

static char labels[4096];

static void add_label(const char *line)
{
	const size_t n = strcspn(line, ":"), len = strlen(labels);

	ck_assert_int_eq(line[n], ':');
	snprintf(labels + len, sizeof(labels) - len, "%.*s ", (int)n, line);
}

START_TEST(status_has_the_lines_of_6_18)
{
	labels[0] = 0;
	each_line(sim("./status"), add_label);
	ck_assert_str_eq(labels, status_labels);
}
END_TEST

/* Lines of sizes: "Label:\t%8lu kB". */
static void expect_status_size(const char *line)
{
	char label[32], out[64];
	uint64_t kb;

	if (strncmp(line, "Vm", 2) && strncmp(line, "Rss", 3))
		return;
	ck_assert_int_eq(sscanf(line, "%31[^:]:%" SCNu64, label, &kb), 2);
	snprintf(out, sizeof(out), "%s:\t%8" PRIu64 " kB", label, kb);
	ck_assert_str_eq(line, out);
}

START_TEST(sizes_are_printed_as_the_host_prints_them)
{
	each_line(proc_host_text("/proc/self/status"), expect_status_size);
	each_line(sim("./status"), expect_status_size);
}
END_TEST

START_TEST(status_is_this_text_for_a_process_we_know)
{
	char *text, *vm;

	space_map(&sp, 0, 16, RW);
	host_touch(sp.m, sp.pid, ARENA, 8 * PAGE_SIZE, ACCESS_WRITE);
	space_unmap(&sp, 4, 12);
	space_mmap(&sp, 16, 2, RW, SHARED | MAP_FIXED | MAP_LOCKED);
	space_map(&sp, 20, 3, PROT_READ | PROT_EXEC);
	text = sim("./status");
	vm = strstr(text, "VmPeak:");
	ck_assert_ptr_nonnull(vm);
	*strstr(vm, "CoreDumping:") = 0;
	ck_assert_str_eq(vm,
		"VmPeak:\t     196 kB\n"	/* 33 + 16 */
		"VmSize:\t     168 kB\n"	/* 33 + 4 + 2 + 3 */
		"VmLck:\t       8 kB\n"
		"VmPin:\t       0 kB\n"
		"VmHWM:\t      32 kB\n"
		"VmRSS:\t      24 kB\n"		/* 4 + 2 */
		"RssAnon:\t      16 kB\n"
		"RssFile:\t       0 kB\n"
		"RssShmem:\t       8 kB\n"
		"VmData:\t      16 kB\n"
		"VmStk:\t     132 kB\n"
		"VmExe:\t       0 kB\n"
		"VmLib:\t      12 kB\n"
		"VmPTE:\t      12 kB\n"
		"VmSwap:\t       0 kB\n"
		"HugetlbPages:\t       0 kB\n");
	free(text);
}
END_TEST

START_TEST(the_head_of_status_says_who_it_is)
{
	struct op op = { .code = OP_SPAWN };
	char *text;

	memcpy(op.spawn.name, "a\\b\nc d", 8);
	op.spawn.image = IMAGE_NONE;
	op.spawn.privileged = true;
	sp.pid = (uint32_t)host_run(sp.m, &op).ret;
	sp.pid = (uint32_t)host_fork(sp.m, sp.pid, 0);
	text = sim("./status");
	*strstr(text, "VmPeak:") = 0;
	/* proc_task_name(): a line break and a backslash are escaped */
	ck_assert_str_eq(text,
		"Name:\ta\\\\b\\nc d\nUmask:\t0022\nState:\tS (sleeping)\n"
		"Tgid:\t3\nNgid:\t0\nPid:\t3\nPPid:\t2\nTracerPid:\t0\n"
		"Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t64\n"
		"Groups:\t \nNStgid:\t3\nNSpid:\t3\nNSpgid:\t3\nNSsid:\t3\n"
		"Kthread:\t0\n");
	free(text);
	text = sim("./comm");
	ck_assert_str_eq(text, "a\\b\nc d\n");
	free(text);
}
END_TEST

/* ---- statm, stat, limits ---- */

START_TEST(statm_is_seven_numbers_of_pages)
{
	char *text, expected[128];

	space_map(&sp, 0, 8, RW);
	host_touch(sp.m, sp.pid, ARENA, 5 * PAGE_SIZE, ACCESS_WRITE);
	space_mmap(&sp, 16, 2, RW, SHARED | MAP_FIXED | MAP_LOCKED);
	/* {acct.13}: size resident shared text 0 data+stack 0 */
	snprintf(expected, sizeof(expected), "%d %d %d 0 0 %d 0\n",
		 33 + 8 + 2, 5 + 2, 2, 8 + 33);
	text = sim("./statm");
	ck_assert_str_eq(text, expected);
	free(text);
}
END_TEST

START_TEST(statm_counts_the_text_of_the_demo)
{
	struct op op = { .code = OP_SPAWN };
	unsigned int text_pages;
	char *text;

	memcpy(op.spawn.name, "prog", 5);
	op.spawn.image = IMAGE_DEMO;
	sp.pid = (uint32_t)host_run(sp.m, &op).ret;
	text = sim("./statm");
	ck_assert_int_eq(sscanf(text, "%*u %*u %*u %u", &text_pages), 1);
	ck_assert_uint_eq(text_pages, 2);
	ck_assert_uint_eq(number_of("./status", "VmExe:\t"), 8);
	ck_assert_uint_eq(number_of("./status", "VmLib:\t"), 8);	/* [vdso] */
	free(text);
}
END_TEST

/* The fields of stat by their numbers in proc(5), from the end of (comm). */
static uint64_t stat_field(int wanted)
{
	char *text = sim("./stat"), *save, *field;
	uint64_t value;
	int nr = 3;

	field = strtok_r(strrchr(text, ')') + 2, " \n", &save);
	while (nr++ < wanted)
		field = strtok_r(NULL, " \n", &save);
	ck_assert_ptr_nonnull(field);
	value = strtoull(field, NULL, 10);
	free(text);
	return value;
}

START_TEST(stat_has_52_fields_where_proc_5_has_them)
{
	char *text;
	unsigned int spaces = 0;

	space_map(&sp, 0, 8, RW);
	host_touch(sp.m, sp.pid, ARENA, 5 * PAGE_SIZE, ACCESS_WRITE);
	text = sim("./stat");
	ck_assert_int_eq(strncmp(text, "1 (init) S 0 1 1 0 -1 0 5 0 0 0 ", 32), 0);
	for (const char *p = text; *p; p++)
		spaces += *p == ' ';
	ck_assert_uint_eq(spaces, 51);
	ck_assert_int_eq(text[strlen(text) - 1], '\n');
	free(text);
	ck_assert_uint_eq(stat_field(20), 1);
	ck_assert_uint_eq(stat_field(23), (33 + 8) * PAGE_SIZE);
	ck_assert_uint_eq(stat_field(24), 5);
	ck_assert_uint_eq(stat_field(25), RLIM_INFINITY);
	ck_assert_uint_eq(stat_field(28), space_mm(&sp)->start_stack);
	ck_assert_uint_eq(stat_field(38), 17);
	ck_assert_uint_eq(stat_field(47), space_mm(&sp)->start_brk);
}
END_TEST

/* With the host's limits it is the host's file. */
START_TEST(limits_is_the_hosts_file)
{
	struct host_step hs;
	char *ours, *theirs = proc_host_text("/proc/self/limits");

	if (*theirs) {
		host_step_init(&hs, sp.m, sp.pid);
		for (int r = 0; r < RLIM_NLIMITS; r++) {
			struct rlimit *to =
				&task_mut(&hs.s, space_task(&sp))->rlim[r];

			/* its struct rlimit64 is ours */
			ck_assert_int_eq(syscall(SYS_prlimit64, 0, r, NULL, to),
					 0);
		}
		ours = sim("./limits");
		ck_assert_str_eq(ours, theirs);
		free(ours);
	}
	free(theirs);
}
END_TEST

/* The bytes of cmdline, NULs and all, are @expected. */
static void expect_cmdline(const char *expected, size_t len)
{
	char path[32], buf[64];
	struct mm_sink sink = { .buf = buf, .cap = sizeof(buf) };

	snprintf(path, sizeof(path), "/proc/%u/cmdline", sp.pid);
	ck_assert_int_eq(mm_proc_read(sp.m, path, &sink), MM_PROC_FILE);
	ck_assert_uint_eq(sink.len, len);
	ck_assert_mem_eq(buf, expected, len);
}

/* As fs/proc/base.c get_mm_cmdline() has it. */
START_TEST(cmdline_is_what_the_program_left_there)
{
	struct op op = { .code = OP_SPAWN };
	struct host_step hs;
	struct mm_struct *mm;
	uint64_t stack;

	memcpy(op.spawn.name, "prog", 5);
	op.spawn.image = IMAGE_DEMO;
	sp.pid = (uint32_t)host_run(sp.m, &op).ret;
	host_step_init(&hs, sp.m, sp.pid);
	mm = mm_mut(&hs.s, task_at(sp.m, space_task(&sp))->mm);
	stack = mm->arg_start & PAGE_MASK;
	expect_cmdline("/demo", 6);
	host_store(sp.m, sp.pid, mm->arg_end - 1, '!');
	expect_cmdline("/demo!", 6);	/* no environment follows */
	mm->env_end += 8;
	host_store(sp.m, sp.pid, mm->arg_end, '?');
	host_store(sp.m, sp.pid, mm->arg_end + 1, 0);
	expect_cmdline("/demo!?", 8);	/* to its NUL */
	host_store(sp.m, sp.pid, mm->arg_end - 2, 0);
	expect_cmdline("/dem", 5);
	host_mprotect(sp.m, sp.pid, stack, PAGE_SIZE, PROT_NONE);
	expect_cmdline("", 0);
	host_munmap(sp.m, sp.pid, stack, PAGE_SIZE);
	expect_cmdline("", 0);
	mm->arg_start = mm->start_brk;	/* never touched, but there */
	mm->arg_end = mm->env_start = mm->env_end = mm->start_brk + 3;
	expect_cmdline("\0\0", 3);
	host_mmap(sp.m, sp.pid, mm->start_brk, PAGE_SIZE, RW, SHARED | MAP_FIXED);
	expect_cmdline("", 0);		/* not anonymous */
}
END_TEST

/* ---- meminfo ---- */

/* 6.18 on x86-64 without the optional HardwareCorrupted and Cma lines. */
static const char meminfo_labels[] =
	"MemTotal MemFree MemAvailable Buffers Cached SwapCached Active Inactive "
	"Active(anon) Inactive(anon) Active(file) Inactive(file) Unevictable "
	"Mlocked SwapTotal SwapFree Zswap Zswapped Dirty Writeback AnonPages "
	"Mapped Shmem KReclaimable Slab SReclaimable SUnreclaim KernelStack "
	"PageTables SecPageTables NFS_Unstable Bounce WritebackTmp CommitLimit "
	"Committed_AS VmallocTotal VmallocUsed VmallocChunk Percpu AnonHugePages "
	"ShmemHugePages ShmemPmdMapped FileHugePages FilePmdMapped Balloon "
	"HugePages_Total HugePages_Free HugePages_Rsvd HugePages_Surp "
	"Hugepagesize Hugetlb DirectMap4k DirectMap2M DirectMap1G ";

static void expect_meminfo_line(const char *line)
{
	char label[64], out[128];
	uint64_t kb;
	const bool bare = !strncmp(line, "HugePages_", 10);

	ck_assert_int_eq(sscanf(line, "%63s %" SCNu64, label, &kb), 2);
	snprintf(out, sizeof(out), "%-16s%8" PRIu64 "%s", label, kb,
		 bare ? "" : " kB");
	ck_assert_str_eq(line, out);
}

START_TEST(meminfo_has_the_lines_of_6_18)
{
	each_line(proc_host_text("/proc/meminfo"), expect_meminfo_line);
	each_line(sim("meminfo"), expect_meminfo_line);
	labels[0] = 0;
	each_line(sim("meminfo"), add_label);
	ck_assert_str_eq(labels, meminfo_labels);
}
END_TEST

START_TEST(meminfo_counts_what_was_done)
{
	const struct kernel *k = kernel_at(sp.m);
	uint64_t before[4];

	space_map(&sp, 0, 8, RW);
	space_mmap(&sp, 8, 8, RW, SHARED | MAP_FIXED);
	before[0] = number_of("meminfo", "Active(anon):");
	before[1] = number_of("meminfo", "MemFree:");
	before[2] = number_of("meminfo", "PageTables:");
	before[3] = number_of("meminfo", "Committed_AS:");
	host_touch(sp.m, sp.pid, ARENA, 3 * PAGE_SIZE, ACCESS_WRITE);
	host_touch(sp.m, sp.pid, page_addr(8), 5 * PAGE_SIZE, ACCESS_WRITE);
	ck_assert_uint_eq(number_of("meminfo", "AnonPages:"), 12);
	ck_assert_uint_eq(number_of("meminfo", "Shmem:"), 20);
	ck_assert_uint_eq(number_of("meminfo", "Mapped:"), 20);
	ck_assert_uint_eq(number_of("meminfo", "Cached:"), 20);
	ck_assert_uint_eq(number_of("meminfo", "Active(anon):") +
			  number_of("meminfo", "Inactive(anon):"),
			  before[0] + 12 + 20);
	ck_assert_uint_eq(number_of("meminfo", "PageTables:"), before[2] + 12);
	ck_assert_uint_eq(number_of("meminfo", "Committed_AS:"), before[3]);
	ck_assert_uint_eq(before[3], (33 + 8 + 8) * 4);
	/* 8 pages, 3 tables, and what slabs they needed */
	ck_assert_uint_ge(before[1] - number_of("meminfo", "MemFree:"), 44);
	ck_assert_uint_eq(number_of("meminfo", "MemFree:"),
			  nr_free_pages(sp.m) * 4);
	ck_assert_uint_eq(number_of("meminfo", "MemTotal:"),
			  k->totalram_pages * 4);
	ck_assert_uint_eq(number_of("meminfo", "CommitLimit:"),
			  k->totalram_pages / 2 * 4);
	ck_assert_uint_eq(number_of("meminfo", "Slab:"),
			  number_of("meminfo", "SReclaimable:") +
			  number_of("meminfo", "SUnreclaim:"));
	ck_assert_uint_lt(number_of("meminfo", "MemAvailable:"),
			  number_of("meminfo", "MemFree:"));
}
END_TEST

/* ---- buddyinfo, slabinfo ---- */

static uint64_t pages_in_buddyinfo;

static void expect_buddyinfo_line(const char *line)
{
	uint64_t nr[MAX_ORDER];
	char zone[16], out[256];
	int node, at, n;

	ck_assert_int_eq(sscanf(line, "Node %d, zone %15s %n", &node, zone, &at), 2);
	n = snprintf(out, sizeof(out), "Node %d, zone %8s ", node, zone);
	for (int order = 0; order < MAX_ORDER; order++) {
		char *end;

		nr[order] = strtoull(line + at, &end, 10);
		at = (int)(end - line);
		pages_in_buddyinfo += nr[order] << order;
		n += snprintf(out + n, sizeof(out) - (size_t)n, "%6" PRIu64 " ",
			      nr[order]);
	}
	ck_assert_str_eq(line, out);
}

START_TEST(buddyinfo_is_the_hosts_format_and_all_that_is_free)
{
	each_line(proc_host_text("/proc/buddyinfo"), expect_buddyinfo_line);
	space_map(&sp, 0, 60, RW);
	host_touch(sp.m, sp.pid, ARENA, 60 * PAGE_SIZE, ACCESS_WRITE);
	for (unsigned int n = 0; n < 60; n += 2)
		space_unmap(&sp, n, 1);
	pages_in_buddyinfo = 0;
	/* 64 MiB: DMA and the rest; empty zones are not shown */
	ck_assert_uint_eq(each_line(sim("buddyinfo"), expect_buddyinfo_line), 2);
	ck_assert_uint_eq(pages_in_buddyinfo, nr_free_pages(sp.m));
}
END_TEST

static const char slabinfo_head[] =
	"slabinfo - version: 2.1\n"
	"# name            <active_objs> <num_objs> <objsize> <objperslab> "
	"<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : "
	"slabdata <active_slabs> <num_slabs> <sharedavail>\n";

static uint64_t slab_pages;

static void expect_slabinfo_line(const char *line)
{
	uint64_t n[11];
	char name[64], out[256];

	if (!strncmp(line, "slabinfo", 8) || *line == '#')
		return;
	ck_assert_int_eq(sscanf(line, "%63s %" SCNu64 " %" SCNu64 " %" SCNu64
		" %" SCNu64 " %" SCNu64 " : tunables %" SCNu64 " %" SCNu64
		" %" SCNu64 " : slabdata %" SCNu64 " %" SCNu64 " %" SCNu64,
		name, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7],
		&n[8], &n[9], &n[10]), 12);
	snprintf(out, sizeof(out), "%-17s %6" PRIu64 " %6" PRIu64 " %6" PRIu64
		" %4" PRIu64 " %4" PRIu64 " : tunables %4" PRIu64 " %4" PRIu64
		" %4" PRIu64 " : slabdata %6" PRIu64 " %6" PRIu64 " %6" PRIu64,
		name, n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8],
		n[9], n[10]);
	ck_assert_str_eq(line, out);
	ck_assert_uint_le(n[0], n[1]);
	ck_assert_uint_le(n[8], n[9]);
	slab_pages += n[9] * n[4];
}

START_TEST(slabinfo_is_the_hosts_format)
{
	char *text;

	each_line(proc_host_text("/proc/slabinfo"), expect_slabinfo_line);
	for (unsigned int n = 0; n < 60; n += 2)
		space_map(&sp, n, 1, RW);
	text = sim("slabinfo");
	ck_assert_int_eq(strncmp(text, slabinfo_head, sizeof(slabinfo_head) - 1), 0);
	slab_pages = 0;
	ck_assert_uint_eq(each_line(text, expect_slabinfo_line),
			  NR_KMEM_CACHES + 2);
	ck_assert_uint_eq(slab_pages * 4, number_of("meminfo", "Slab:"));
	/* 30 and the stack */
	ck_assert_uint_eq(number_of("slabinfo", "vm_area_struct"), 31);
	ck_assert_uint_eq(number_of("slabinfo", "mm_struct"), 1);
	ck_assert_uint_eq(number_of("slabinfo", "task_struct"), 1);
}
END_TEST

/* ---- the small ones ---- */

START_TEST(small_files_say_little)
{
	static const struct { const char *name, *text; } small[] = {
		{ "swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n" },
		{ "uptime", "10.50 10.50\n" },
		{ "loadavg", "0.00 0.00 0.00 1/1 1\n" },
		{ "sys/vm/overcommit_ratio", "50\n" },
		{ "sys/vm/max_map_count", "65530\n" },
		{ ".", "cmdline\ncomm\nlimits\nmaps\npagemap\nsmaps\nsmaps_rollup\n"
		  "stat\nstatm\nstatus\nfd\ntask\n" },
		{ "./comm", "init\n" },
		{ "./fd", "0\n1\n2\n" },
		{ "./fd/0", "/dev/null\n" },
		{ "./task/1/fd/2", "/dev/null\n" },
		{ "./task", "1\n" },
		{ "./cmdline", "" },
		{ "sys", "fs\nvm\n" },
		{ "sys/fs", "pipe-max-size\n" },
		{ "sys/fs/pipe-max-size", "1048576\n" },
	};
	struct op op = { .code = OP_TICK };
	char *text;

	op.tick.jiffies = 10 * 250 + 125;	/* HZ is 250 */
	host_run(sp.m, &op);
	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
		text = sim(small[i].name);
		ck_assert_str_eq(text, small[i].text);
		free(text);
	}
}
END_TEST

/* ---- paths ---- */

static const struct {
	const char *path;
	enum mm_proc_kind kind;
} paths[] = {
	{ "", MM_PROC_NONE }, { "proc", MM_PROC_NONE }, { "/", MM_PROC_NONE },
	{ "/proc", MM_PROC_DIR }, { "/proc/", MM_PROC_DIR },
	{ "/proc//1//maps", MM_PROC_FILE }, { "/process", MM_PROC_NONE },
	{ "/proc/1", MM_PROC_DIR }, { "/proc/1/", MM_PROC_DIR },
	{ "/proc/01", MM_PROC_NONE }, { "/proc/0", MM_PROC_NONE },
	{ "/proc/2", MM_PROC_NONE }, { "/proc/1x", MM_PROC_NONE },
	{ "/proc/-1", MM_PROC_NONE }, { "/proc/+1", MM_PROC_NONE },
	{ "/proc/4294967297", MM_PROC_NONE },
	{ "/proc/18446744073709551617", MM_PROC_NONE },
	{ "/proc/1/map", MM_PROC_NONE }, { "/proc/1/mapsx", MM_PROC_NONE },
	{ "/proc/1/maps/x", MM_PROC_NONE },
	{ "/proc/1/task/1", MM_PROC_DIR },
	{ "/proc/1/fd/0", MM_PROC_FILE }, { "/proc/1/fd/3", MM_PROC_NONE },
	{ "/proc/1/fd/00", MM_PROC_NONE }, { "/proc/1/fd/248", MM_PROC_NONE },
	{ "/proc/1/fd/4294967296", MM_PROC_NONE },
	{ "/proc/1/fd/0/x", MM_PROC_NONE },
	{ "/proc/1/pagemap", MM_PROC_BINARY },
	{ "/proc/kpageflags", MM_PROC_BINARY },
	{ "/proc/kpageflags/x", MM_PROC_NONE },
	{ "/proc/1/task/1/maps", MM_PROC_FILE },
	{ "/proc/1/task/2", MM_PROC_NONE },
	{ "/proc/1/task/1/task", MM_PROC_NONE },
	{ "/proc/meminfo", MM_PROC_FILE }, { "/proc/meminfo/x", MM_PROC_NONE },
	{ "/proc/sys/vm", MM_PROC_DIR }, { "/proc/sys/kernel", MM_PROC_NONE },
	{ "/proc/sys/vm/swappiness", MM_PROC_FILE },
	{ "/proc/sys/vm/swappines", MM_PROC_NONE },
	{ "/proc/sys/vm/swappiness/x", MM_PROC_NONE },
	{ "/proc/../proc", MM_PROC_NONE }, { "/proc/1/../1", MM_PROC_NONE },
};

START_TEST(a_path_is_a_file_a_folder_or_nothing)
{
	ck_assert_msg(mm_proc_read(sp.m, paths[_i].path, NULL) == paths[_i].kind,
		      "%s", paths[_i].path);
}
END_TEST

/* What a folder lists is there. */
static void walk_folder(const char *folder, int depth)
{
	char *text = host_proc(sp.m, folder), *save, *name;
	char path[256];

	for (name = strtok_r(text, "\n", &save); name;
	     name = strtok_r(NULL, "\n", &save)) {
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		switch (mm_proc_read(sp.m, path, NULL)) {
		case MM_PROC_NONE:
			ck_abort_msg("%s is listed and not there", path);
			break;
		case MM_PROC_DIR:
			walk_folder(path, depth + 1);
			break;
		case MM_PROC_BINARY:
			ck_assert_uint_gt(mm_proc_size(sp.m, path), 0);
			break;
		case MM_PROC_FILE:
			break;
		}
	}
	ck_assert_int_lt(depth, 6);
	free(text);
}

START_TEST(everything_listed_can_be_read_and_reading_changes_nothing)
{
	const uint64_t digest = host_digest(sp.m);

	walk_folder("/proc", 0);
	ck_assert_uint_eq(host_digest(sp.m), digest);
}
END_TEST

/* ---- sinks with little room ---- */

static unsigned int asked;

static bool no_more(struct mm_sink *sink, size_t need)
{
	(void)sink;
	(void)need;
	asked++;
	return false;
}

static void read_with_room(const char *path, const char *whole, size_t cap)
{
	char *buf = malloc(cap + 16);
	struct mm_sink sink = { .buf = buf, .cap = cap, .more = no_more };

	memset(buf, 0x5a, cap + 16);
	asked = 0;
	ck_assert_int_eq(mm_proc_read(sp.m, path, &sink), MM_PROC_FILE);
	ck_assert_uint_le(sink.len, cap);
	ck_assert_uint_le(asked, 1);
	ck_assert_int_eq(memcmp(buf, whole, sink.len), 0);
	ck_assert(asked || sink.len == strlen(whole));
	for (size_t i = cap; i < cap + 16; i++)
		ck_assert_int_eq(buf[i], 0x5a);
	free(buf);
}

static const char *const cut_files[] = {
	"/proc/1/maps", "/proc/1/smaps", "/proc/1/smaps_rollup",
	"/proc/1/status", "/proc/1/stat", "/proc/1/statm",
	"/proc/1/limits", "/proc/meminfo", "/proc/buddyinfo", "/proc/slabinfo",
	"/proc/uptime", "/proc/loadavg", "/proc/version", "/proc/1/cmdline",
};

/* A text that finds no room is a beginning of itself and writes nowhere else. */
START_TEST(a_sink_without_room_is_asked_once_and_never_overrun)
{
	char *whole;

	space_map(&sp, 0, 2, RW);
	space_map(&sp, 4, 2, PROT_READ);
	whole = host_proc(sp.m, cut_files[_i]);
	for (size_t cap = 0; cap < strlen(whole) + 700; cap++)
		read_with_room(cut_files[_i], whole, cap);
	free(whole);
}
END_TEST

static void add_maps(TCase *t)
{
	tcase_add_test(t, a_line_of_maps_is_a_line_of_the_hosts);
	tcase_add_test(t, maps_says_what_the_areas_are);
	tcase_add_test(t, names_follow_heap_and_stack);
	tcase_add_test(t, maps_of_many_areas_is_complete_and_in_order);
}

static void add_task_files(TCase *t)
{
	tcase_add_test(t, status_has_the_lines_of_6_18);
	tcase_add_test(t, sizes_are_printed_as_the_host_prints_them);
	tcase_add_test(t, status_is_this_text_for_a_process_we_know);
	tcase_add_test(t, the_head_of_status_says_who_it_is);
	tcase_add_test(t, statm_is_seven_numbers_of_pages);
	tcase_add_test(t, statm_counts_the_text_of_the_demo);
	tcase_add_test(t, stat_has_52_fields_where_proc_5_has_them);
	tcase_add_test(t, limits_is_the_hosts_file);
	tcase_add_test(t, cmdline_is_what_the_program_left_there);
}

Suite *suite_procfs(void);
Suite *suite_procfs(void)
{
	Suite *suite = suite_create("procfs");
	TCase *t = tcase_create("procfs");

	tcase_add_checked_fixture(t, setup, teardown);
	add_maps(t);
	add_task_files(t);
	tcase_add_test(t, meminfo_has_the_lines_of_6_18);
	tcase_add_test(t, meminfo_counts_what_was_done);
	tcase_add_test(t, buddyinfo_is_the_hosts_format_and_all_that_is_free);
	tcase_add_test(t, slabinfo_is_the_hosts_format);
	tcase_add_test(t, small_files_say_little);
	tcase_add_loop_test(t, a_path_is_a_file_a_folder_or_nothing, 0,
			    sizeof(paths) / sizeof(paths[0]));
	tcase_add_test(t, everything_listed_can_be_read_and_reading_changes_nothing);
	tcase_add_loop_test(t, a_sink_without_room_is_asked_once_and_never_overrun,
			    0, sizeof(cut_files) / sizeof(cut_files[0]));
	suite_add_tcase(suite, t);
	return suite;
}
