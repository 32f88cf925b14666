/* SPDX-License-Identifier: MIT */
/*
 * vmstat, zoneinfo, pagetypeinfo, stat, cpuinfo. Where the host is Linux 6.18
 * with the same zones, each of our lines must have the shape of one of its own,
 * and each of its one of ours; the numbers must be what the structures say.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "mmcore/arch/arch.h"
#include "mmcore/mm/page_alloc.h"
#include "tests/lib/proc_text.h"

static struct space sp;

/* 8 GiB: three zones have frames, as a host's have. */
static void setup(void)
{
	struct mm_config config = mm_config_default();

	config.ram = 8ULL << 30;
	config.cpus = 2;
	space_open_with(&sp, &config, false);
}

static void teardown(void)
{
	space_close(&sp);
}

/* ---- shapes ---- */

#define SHAPES 600

struct shapes {
	char *of[SHAPES];
	size_t nr;
};

static struct shapes ours, theirs, *adding;

/* A line without its numbers, the columns as they are. */
static void add_shape(const char *line)
{
	char *shape = strdup(line);
	size_t len = strlen(shape);

	for (char *p = shape; *p; p++)
		if (*p >= '0' && *p <= '9')
			*p = ' ';
	if (len && line[len - 1] != ' ')
		while (len && shape[len - 1] == ' ')
			shape[--len] = 0;
	if (strchr(shape, '('))
		*strchr(shape, '(') = 0;
	for (size_t i = 0; i < adding->nr; i++)
		if (!strcmp(adding->of[i], shape)) {
			free(shape);
			return;
		}
	ck_assert_uint_lt(adding->nr, SHAPES);
	adding->of[adding->nr++] = shape;
}

static const char *lacks(const struct shapes *a, const struct shapes *b)
{
	for (size_t i = 0; i < b->nr; i++) {
		size_t k = 0;

		while (k < a->nr && strcmp(a->of[k], b->of[i]))
			k++;
		if (k == a->nr)
			return b->of[i];
	}
	return NULL;
}

/* Its kernel is 6.18, and it has the zones that we have. */
static bool host_is_alike(void)
{
	char *zones = proc_host_text("/proc/buddyinfo");
	struct utsname host;
	bool alike = !uname(&host) && !strncmp(host.release, "6.18.", 5) &&
		     strstr(zones, "zone      DMA ") &&
		     strstr(zones, "zone    DMA32 ") &&
		     strstr(zones, "zone   Normal ");

	free(zones);
	return alike;
}

static const char *const shaped[] = { "vmstat", "zoneinfo", "pagetypeinfo" };

START_TEST(lines_have_the_shapes_of_the_hosts)
{
	char path[32];
	char *text;

	snprintf(path, sizeof(path), "/proc/%s", shaped[_i]);
	text = proc_host_text(path);
	if (!host_is_alike() || !*text) {
		free(text);
		return;
	}
	adding = &theirs;
	each_line(text, add_shape);
	adding = &ours;
	each_line(proc_text(&sp, shaped[_i]), add_shape);
	ck_assert_msg(!lacks(&theirs, &ours), "no such line there: %s",
		      lacks(&theirs, &ours));
	ck_assert_msg(!lacks(&ours, &theirs), "we have no line: %s",
		      lacks(&ours, &theirs));
}
END_TEST

/* In the same order, too: a reader may count lines. */
START_TEST(vmstat_has_the_hosts_names_in_its_order)
{
	char *there = proc_host_text("/proc/vmstat");
	char *here = proc_text(&sp, "vmstat"), *a, *b, *save_a, *save_b;

	if (host_is_alike()) {
		a = strtok_r(there, "\n", &save_a);
		b = strtok_r(here, "\n", &save_b);
		for (; a && b; a = strtok_r(NULL, "\n", &save_a),
			       b = strtok_r(NULL, "\n", &save_b)) {
			*strchr(a, ' ') = 0;
			*strchr(b, ' ') = 0;
			ck_assert_str_eq(a, b);
		}
		ck_assert(!a && !b);
	}
	free(there);
	free(here);
}
END_TEST

/* ---- numbers ---- */

static uint64_t vmstat(const char *name)
{
	return proc_number(&sp, "vmstat", name);
}

START_TEST(vmstat_counts_what_was_done)
{
	const struct kernel *k = kernel_at(sp.m);
	const uint64_t faults = vmstat("pgfault "), reused = vmstat("pgreuse ");
	const uint64_t taken = vmstat("pgalloc_normal ");
	const uint64_t given = vmstat("pgfree ");

	space_map(&sp, 0, 8, RW);
	space_mmap(&sp, 8, 8, RW, SHARED | MAP_FIXED);
	host_touch(sp.m, sp.pid, page_addr(0), 16 * PAGE_SIZE, ACCESS_WRITE);
	ck_assert_uint_eq(vmstat("pgfault ") - faults, 16);
	ck_assert_uint_eq(vmstat("nr_anon_pages "), 8);
	ck_assert_uint_eq(vmstat("nr_mapped "), 8);
	ck_assert_uint_eq(vmstat("nr_shmem "), 8);
	ck_assert_uint_eq(vmstat("nr_file_pages "), 8);
	ck_assert_uint_eq(vmstat("nr_active_anon ") +
			  vmstat("nr_inactive_anon "), 16);
	ck_assert_uint_eq(vmstat("nr_active_file ") +
			  vmstat("nr_inactive_file "), 0);
	ck_assert_uint_eq(vmstat("nr_free_pages "), nr_free_pages(sp.m));
	ck_assert_uint_eq(vmstat("nr_page_table_pages "),
			  k->nr_page_table_pages);
	ck_assert_uint_ge(vmstat("pgalloc_normal ") - taken, 16);
	ck_assert_uint_eq(vmstat("numa_hit "), vmstat("pgalloc_dma ") +
			  vmstat("pgalloc_dma32 ") + vmstat("pgalloc_normal "));
	ck_assert_uint_eq(vmstat("pgreuse "), reused);
	host_exit(sp.m, (uint32_t)host_fork(sp.m, sp.pid, 0));
	space_write(&sp, 3);	/* read-only since the fork, and ours alone */
	ck_assert_uint_eq(vmstat("pgreuse ") - reused, 1);
	space_unmap(&sp, 0, 16);
	ck_assert_uint_ge(vmstat("pgfree ") - given, 16);
	/* what is out is what was taken less what came back */
	ck_assert_uint_eq(vmstat("numa_hit ") - vmstat("pgfree "),
			  k->totalram_pages - nr_free_pages(sp.m));
}
END_TEST

/* What 6.18 counts: whatever a VMA permits, also for a call, also in vain. */
START_TEST(pgfault_is_what_came_as_far_as_a_vma_that_permits_it)
{
	static const struct {
		enum access_kind kind;
		uint64_t page, faults;
	} accesses[] = {
		{ ACCESS_READ, 9, 0 },	/* nothing is mapped */
		{ ACCESS_READ, 0, 0 },	/* PROT_NONE */
		{ ACCESS_WRITE, 1, 0 },	/* PROT_READ */
		{ ACCESS_READ, 2, 1 },	/* a guard page */
		{ ACCESS_READ, 3, 1 },	/* behind the object's end: SIGBUS */
	};
	struct op op = { .code = OP_MADVISE, .pid = sp.pid, .madvise =
			 { page_addr(2), PAGE_SIZE, MADV_GUARD_INSTALL } };
	uint64_t faults;

	space_map(&sp, 0, 1, PROT_NONE);
	space_map(&sp, 1, 1, PROT_READ);
	space_map(&sp, 2, 1, RW);
	ck_assert_int_eq(host_run(sp.m, &op).ret, 0);
	op = (struct op){ .code = OP_MEMFD_CREATE, .pid = sp.pid,
			  .path = "m", .path_len = 1 };
	op = (struct op){ .code = OP_MMAP, .pid = sp.pid, .mmap = {
		page_addr(3), PAGE_SIZE, RW, MAP_SHARED | MAP_FIXED,
		host_run(sp.m, &op).ret, 0 } };
	ck_assert_int_eq(host_run(sp.m, &op).ret, (int64_t)page_addr(3));
	for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
		faults = vmstat("pgfault ");
		host_touch(sp.m, sp.pid, page_addr((unsigned int)accesses[i].page),
			   1, accesses[i].kind);
		ck_assert_uint_eq(vmstat("pgfault ") - faults, accesses[i].faults);
	}
	faults = vmstat("pgfault ");
	space_mmap(&sp, 4, 3, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE);
	ck_assert_uint_eq(vmstat("pgfault ") - faults, 3);
	space_map(&sp, 4, 4, RW);
	op = (struct op){ .code = OP_MADVISE, .pid = sp.pid, .madvise =
			  { page_addr(4), 4 * PAGE_SIZE, MADV_POPULATE_WRITE } };
	ck_assert_int_eq(host_run(sp.m, &op).ret, 0);
	ck_assert_int_eq(host_run(sp.m, &op).ret, 0);	/* they are there */
	ck_assert_uint_eq(vmstat("pgfault ") - faults, 3 + 4);
}
END_TEST

/* A file's way: read in, made dirty, written out when its time has come. */
START_TEST(the_disks_traffic_is_counted)
{
	static const uint8_t data[3 * PAGE_SIZE] = { 1 };
	static const char path[] = "/data";
	struct op op = { .code = OP_FILE_CREATE, .path = path,
			 .path_len = sizeof(path) - 1, .data = data,
			 .data_len = sizeof(data) };
	uint64_t pgin, pgout;
	int64_t fd;

	op.file_create = (struct op_file_create){ sizeof(data), 0644, false };
	host_run(sp.m, &op);
	op = (struct op){ .code = OP_OPEN, .pid = sp.pid, .path = path,
			  .path_len = sizeof(path) - 1, .open = { O_RDWR, 0 } };
	fd = host_run(sp.m, &op).ret;
	pgin = vmstat("pgpgin ");
	pgout = vmstat("pgpgout ");
	op = (struct op){ .code = OP_MMAP, .pid = sp.pid };
	op.mmap = (struct op_mmap){ ARENA, sizeof(data), RW,
				    MAP_SHARED | MAP_FIXED, fd, 0 };
	host_run(sp.m, &op);
	host_load(sp.m, sp.pid, ARENA);
	ck_assert_uint_eq(vmstat("pgpgin ") - pgin, 12);
	ck_assert_uint_eq(vmstat("nr_file_pages "), 3);
	ck_assert_uint_eq(vmstat("nr_active_file ") +
			  vmstat("nr_inactive_file "), 3);
	ck_assert_uint_eq(proc_number(&sp, "meminfo", "Active(file):") +
			  proc_number(&sp, "meminfo", "Inactive(file):"), 12);
	ck_assert_uint_eq(proc_number(&sp, "meminfo", "Cached:"), 12);
	ck_assert_uint_eq(vmstat("nr_dirty "), 0);
	host_store(sp.m, sp.pid, ARENA, 2);
	host_store(sp.m, sp.pid, ARENA + PAGE_SIZE, 2);
	ck_assert_uint_eq(vmstat("nr_dirty "), 2);
	ck_assert_uint_eq(vmstat("nr_dirtied "), 2);
	ck_assert_uint_eq(proc_number(&sp, "meminfo", "Dirty:"), 8);
	ck_assert_uint_eq(vmstat("pgpgout "), pgout);
	op = (struct op){ .code = OP_TICK };
	op.tick.jiffies = HZ * 60;
	host_run(sp.m, &op);
	ck_assert_uint_eq(vmstat("nr_dirty "), 0);
	ck_assert_uint_eq(vmstat("nr_written "), 2);
	ck_assert_uint_eq(vmstat("pgpgout ") - pgout, 8);
	ck_assert_uint_eq(proc_number(&sp, "meminfo", "Dirty:"), 0);
}
END_TEST

/* A host's own files agree with each other in the same way. */
START_TEST(the_dirty_limits_are_those_of_what_may_be_dirty)
{
	const struct kernel *k = kernel_at(sp.m);
	const uint64_t pages = nr_free_pages(sp.m) - totalreserve_pages(sp.m) +
			       vmstat("nr_active_file ") +
			       vmstat("nr_inactive_file ") + 1;

	ck_assert_uint_eq(k->dirty_ratio, 20);
	ck_assert_uint_eq(vmstat("nr_dirty_threshold "), pages * 819 / 4096);
	ck_assert_uint_eq(vmstat("nr_dirty_background_threshold "),
			  pages * 409 / 4096);
}
END_TEST

static uint64_t sum;

static void add_free(const char *line)
{
	uint64_t pages;

	if (sscanf(line, "  pages free %" SCNu64, &pages) == 1)
		sum += pages;
}

START_TEST(zoneinfo_adds_up)
{
	char *text = proc_text(&sp, "zoneinfo"), expected[256];
	const struct zone *z = &kernel_at(sp.m)->zones[ZONE_DMA32];

	snprintf(expected, sizeof(expected),
		 "        min      %" PRIu64 "\n        low      %" PRIu64
		 "\n        high     %" PRIu64 "\n        promo    %" PRIu64
		 "\n        spanned  %" PRIu64 "\n", z->pages_min, z->pages_low,
		 z->pages_high, z->pages_high + (z->pages_high - z->pages_low),
		 z->spanned_pages);
	ck_assert_ptr_nonnull(strstr(text, expected));
	/* the node's counters stand once, in the first zone that has frames */
	ck_assert_ptr_nonnull(strstr(text, "Node 0, zone      DMA\n  per-node stats\n"));
	ck_assert_ptr_null(strstr(strstr(text, "per-node") + 1, "per-node"));
	ck_assert_ptr_nonnull(strstr(text, "    cpu: 1\n"));
	ck_assert_ptr_null(strstr(text, "    cpu: 2\n"));
	free(text);
	sum = 0;
	each_line(proc_text(&sp, "zoneinfo"), add_free);
	ck_assert_uint_eq(sum, nr_free_pages(sp.m));
}
END_TEST

static void add_orders(const char *line)
{
	const char *at = strstr(line, "type");
	int order = 0;

	if (strncmp(line, "Node    0", 9))
		return;
	at += strspn(at + 5, " ") + 5;
	at += strcspn(at, " ");
	for (char *end; order < MAX_ORDER; order++, at = end)
		sum += strtoull(at, &end, 10) << order;
}

static void add_blocks(const char *line)
{
	uint64_t blocks;

	if (!strncmp(line, "Node 0,", 7)) {
		ck_assert_int_eq(sscanf(line, "Node 0, zone %*s %" SCNu64,
					&blocks), 1);
		sum += blocks;
	}
}

START_TEST(pagetypeinfo_has_every_free_page_and_block)
{
	sum = 0;
	each_line(proc_text(&sp, "pagetypeinfo"), add_orders);
	ck_assert_uint_eq(sum, nr_free_pages(sp.m));
	sum = 0;
	each_line(proc_text(&sp, "pagetypeinfo"), add_blocks);
	ck_assert_uint_eq(sum, kernel_at(sp.m)->ram_frames / 512);
}
END_TEST

START_TEST(stat_has_idle_cpus)
{
	struct op op = { .code = OP_TICK };
	char *text;

	op.tick.jiffies = 250 * 7;	/* seven seconds */
	host_run(sp.m, &op);
	text = proc_text(&sp, "stat");
	ck_assert_str_eq(text, "cpu  0 0 0 1400 0 0 0 0 0 0\n"
			 "cpu0 0 0 0 700 0 0 0 0 0 0\n"
			 "cpu1 0 0 0 700 0 0 0 0 0 0\n"
			 "intr 0\nctxt 0\nbtime 0\nprocesses 1\n"
			 "procs_running 1\nprocs_blocked 0\n"
			 "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
	free(text);
	text = proc_text(&sp, "cpuinfo");
	ck_assert_ptr_nonnull(strstr(text, "processor\t: 1\nvendor_id\t: mmapd\n"));
	ck_assert_ptr_nonnull(strstr(text, "address sizes\t: 44 bits physical, "
				     "48 bits virtual\n\n"));
	free(text);
}
END_TEST

/* ---- other architectures ---- */

static const struct {
	uint32_t arch;
	const char *zones;	/* as zoneinfo lists them */
	const char *events;	/* as vmstat calls them */
	unsigned int column;	/* where a name begins in maps */
} archs[] = {
	{ ARCH_X86_64, "DMA DMA32 Normal Movable Device ",
	  "dma dma32 normal movable device ", 73 },
	{ ARCH_I386, "DMA Normal HighMem Movable ",
	  "dma normal high movable ", 49 },
	{ ARCH_RISCV64_SV39, "DMA32 Normal Movable Device ",
	  "dma32 normal movable device ", 73 },
};

static char listed[128];

static void add_zone(const char *line)
{
	char name[32];

	if (sscanf(line, "Node 0, zone %31s", name) == 1 ||
	    sscanf(line, "pgalloc_%31s", name) == 1) {
		strcat(listed, name);
		strcat(listed, " ");
	}
}

START_TEST(zones_and_columns_are_those_of_the_architecture)
{
	struct mm_config config = mm_config_default();
	struct space other;
	char *text, *name;

	config.arch = archs[_i].arch;
	space_open_with(&other, &config, false);
	listed[0] = 0;
	each_line(proc_text(&other, "zoneinfo"), add_zone);
	ck_assert_str_eq(listed, archs[_i].zones);
	listed[0] = 0;
	each_line(proc_text(&other, "vmstat"), add_zone);
	ck_assert_str_eq(listed, archs[_i].events);
	text = proc_text(&other, "./smaps_rollup");
	name = strstr(text, "[rollup]");
	ck_assert_uint_eq((unsigned int)(name - text), archs[_i].column);
	free(text);
	ck_assert_uint_eq(mm_proc_size(other.m, "/proc/1/pagemap"),
			  other.m->arch->task_size / PAGE_SIZE * 8);
	space_close(&other);
}
END_TEST

Suite *suite_procfs_vmstat(void);
Suite *suite_procfs_vmstat(void)
{
	Suite *suite = suite_create("procfs_vmstat");
	TCase *t = tcase_create("procfs_vmstat");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, lines_have_the_shapes_of_the_hosts, 0,
			    sizeof(shaped) / sizeof(shaped[0]));
	tcase_add_test(t, vmstat_has_the_hosts_names_in_its_order);
	tcase_add_test(t, vmstat_counts_what_was_done);
	tcase_add_test(t, pgfault_is_what_came_as_far_as_a_vma_that_permits_it);
	tcase_add_test(t, the_disks_traffic_is_counted);
	tcase_add_test(t, the_dirty_limits_are_those_of_what_may_be_dirty);
	tcase_add_test(t, zoneinfo_adds_up);
	tcase_add_test(t, pagetypeinfo_has_every_free_page_and_block);
	tcase_add_test(t, stat_has_idle_cpus);
	tcase_add_loop_test(t, zones_and_columns_are_those_of_the_architecture,
			    0, sizeof(archs) / sizeof(archs[0]));
	suite_add_tcase(suite, t);
	return suite;
}
