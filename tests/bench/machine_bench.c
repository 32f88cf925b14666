/* SPDX-License-Identifier: MIT */
/*
 * machine_bench: what machines cost. There is no kernel to compare with: the
 * "reference" is the limit that was set, and the ratio how much of it is used;
 * for the cost of operations it is the smaller (or lonelier) machine's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/uapi.h"
#include "tests/bench/report.h"
#include "tests/bench/subject.h"
#include "tests/lib/host.h"

#define MAX_SAMPLES 31
#define TIB (1ULL << 40)
#define MIB (1ULL << 20)
#define MANY_MACHINES 500

static struct machine *make_machine(uint64_t ram)
{
	struct mm_config config = mm_config_default();

	config.ram = ram;
	return host_machine_new(&config);
}

static void check_only(const char *name, double ours, double limit,
		       const char *unit)
{
	report_line(&(struct line){
		.name = name, .unit = unit, .ours = ours, .reference = limit,
		.kind = BAR_AT_MOST, .bar = 1,
	});
}

/* ---- creation ---- */

static void bench_create(size_t samples)
{
	double ms[MAX_SAMPLES];

	for (size_t i = 0; i < samples; i++) {
		double start = now_ns();
		struct machine *m = make_machine(TIB);

		ms[i] = (now_ns() - start) / 1e6;
		host_machine_free(m);
	}
	check_only("machine/create_1tib", median(ms, samples), 5, "ms");
}

/* ---- memory: what is resident of its ranges, and their page tables ---- */

static uint64_t number_after(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	uint64_t n = 0;

	if (at)
		sscanf(at + strlen(key), "%" SCNu64, &n);
	return n;
}

static uint64_t page_tables_kib(void)
{
	static char text[8192];
	FILE *f = fopen("/proc/self/status", "r");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	return number_after(text, "VmPTE:");
}

static bool overlaps(const void *range, uint64_t bytes, uint64_t start,
		     uint64_t end)
{
	uint64_t at = (uint64_t)(uintptr_t)range;

	return start < at + bytes && end > at;
}

/* Rss of the three ranges, from smaps. */
static uint64_t resident_kib(const struct machine *m)
{
	const uint64_t bytes = machine_frames(m) << PAGE_SHIFT;
	FILE *f = fopen("/proc/self/smaps", "r");
	uint64_t start, end, sum = 0;
	bool ours = false;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) == 2)
			ours = overlaps(m->ram, bytes, start, end) ||
			       overlaps(m->frame_map,
					mm_frame_map_bytes(bytes),
					start, end) ||
			       overlaps(m->chunk_map,
					mm_chunk_map_bytes(bytes),
					start, end);
		else if (ours && !strncmp(line, "Rss:", 4))
			sum += number_after(line, "Rss:");
	}
	if (f)
		fclose(f);
	return sum;
}

static void bench_memory(const char *name, uint64_t ram, double limit_kib)
{
	uint64_t tables = page_tables_kib();
	struct machine *m = make_machine(ram);

	tables = page_tables_kib() - tables;
	check_only(name, (double)(resident_kib(m) + tables), limit_kib, "KiB");
	host_machine_free(m);
}

/* ---- the cost of an operation ---- */

/* A page mapped, touched, unmapped. */
static double cycle_ns(struct machine *m)
{
	double start = now_ns();

	for (int i = 0; i < PAIRS; i++) {
		uint64_t addr = (uint64_t)host_mmap(m, 1, 0, PAGE_SIZE,
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);

		host_touch(m, 1, addr, 1, ACCESS_WRITE);
		host_munmap(m, 1, addr, PAGE_SIZE);
	}
	return (now_ns() - start) / PAIRS;
}

static struct machine *machine_with_process(uint64_t ram)
{
	struct machine *m = make_machine(ram);

	host_spawn(m);
	cycle_ns(m);
	return m;
}

static void report_growth(const char *name, double *ours, double *reference,
			  size_t samples)
{
	report_line(&(struct line){
		.name = name, .unit = "ns",
		.ours = median(ours, samples),
		.reference = median(reference, samples),
		.kind = BAR_AT_MOST, .bar = 1.2,
	});
}

static void bench_ram_size(size_t samples)
{
	struct machine *small = machine_with_process(64 * MIB);
	struct machine *large = machine_with_process(TIB);
	double ours[MAX_SAMPLES], reference[MAX_SAMPLES];

	for (size_t i = 0; i < samples; i++) {
		ours[i] = cycle_ns(large);
		reference[i] = cycle_ns(small);
	}
	report_growth("machine/op_1tib_vs_64mib", ours, reference, samples);
	host_machine_free(small);
	host_machine_free(large);
}

static struct machine *lonely;

static void lonely_begin(uint64_t ram)
{
	lonely = machine_with_process(ram);
}

static double lonely_sample(uint64_t ram)
{
	(void)ram;
	return cycle_ns(lonely);
}

static const struct subject one_machine = {
	lonely_begin, lonely_sample, NULL
};

/* Each sample on another of many machines; beside it, a process with one. */
static void bench_many(size_t samples)
{
	static struct machine *many[MANY_MACHINES];
	double ours[MAX_SAMPLES], reference[MAX_SAMPLES];
	struct reference *one = reference_start(&one_machine, 256 * MIB);

	for (size_t i = 0; i < MANY_MACHINES; i++)
		many[i] = machine_with_process(256 * MIB);
	for (size_t i = 0; i < samples; i++) {
		ours[i] = cycle_ns(many[i * 37 % MANY_MACHINES]);
		reference[i] = reference_sample(one);
	}
	report_growth("machine/op_500_vs_1", ours, reference, samples);
	for (size_t i = 0; i < MANY_MACHINES; i++)
		host_machine_free(many[i]);
	reference_stop(one);
}

/* ---- who maps a frame ---- */

#define FEW_MAPPERS	5000
#define MANY_MAPPERS	50000

static pfn_t frame_at_addr(struct machine *m, uint64_t addr)
{
	return mm_pagemap_entry(m, task_at(m, mm_find_task(m, 1))->mm, addr).pfn;
}

/* A page that @n processes map, or one process so often. */
static struct machine *machine_with_mappers(unsigned int n, bool forks, pfn_t *pfn)
{
	struct machine *m = make_machine(TIB / 256);
	struct op op = { .code = OP_MMAP, .pid = host_spawn(m) };
	const uint64_t flags = forks ? MAP_PRIVATE : MAP_SHARED;
	int64_t at = host_mmap(m, 1, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			       flags | MAP_ANONYMOUS);

	host_store(m, 1, (uint64_t)at, 1);
	*pfn = frame_at_addr(m, (uint64_t)at);
	if (!forks) {
		op.code = OP_MREMAP;
		/* An old length of 0: the same pages once more. */
		op.mremap = (struct op_mremap){ (uint64_t)at, 0, PAGE_SIZE,
						MREMAP_MAYMOVE, 0 };
	}
	while (--n) {
		if (forks)
			host_fork(m, 1, 0);
		else
			host_store(m, 1, (uint64_t)host_run(m, &op).ret, 1);
	}
	return m;
}

static double mapper_ns(const struct machine *m, pfn_t pfn, uint64_t expected)
{
	static struct mm_mapping found[MANY_MAPPERS];
	const double start = now_ns();

	if (mm_rmap(m, pfn, found) != expected)
		abort();
	return (now_ns() - start) / (double)expected;
}

static void bench_rmap(const char *name, bool forks, size_t samples)
{
	double ours[MAX_SAMPLES], reference[MAX_SAMPLES];
	pfn_t many_pfn, few_pfn;
	struct machine *many = machine_with_mappers(MANY_MAPPERS, forks, &many_pfn);
	struct machine *few = machine_with_mappers(FEW_MAPPERS, forks, &few_pfn);

	for (size_t i = 0; i < samples; i++) {
		ours[i] = mapper_ns(many, many_pfn, MANY_MAPPERS);
		reference[i] = mapper_ns(few, few_pfn, FEW_MAPPERS);
	}
	report_line(&(struct line){
		.name = name, .unit = "ns",
		.ours = median(ours, samples),
		.reference = median(reference, samples),
		.kind = BAR_AT_MOST, .bar = 1.3,
	});
	host_machine_free(many);
	host_machine_free(few);
}

int main(int argc, char **argv)
{
	struct bench_options o = bench_options(argc, argv);
	size_t samples = o.quick ? 5 : 31;

	if (bench_wanted(&o, "machine/create_1tib"))
		bench_create(samples);
	if (bench_wanted(&o, "machine/memory_1tib"))
		bench_memory("machine/memory_1tib", TIB, 1024);
	if (bench_wanted(&o, "machine/idle_256mib"))
		bench_memory("machine/idle_256mib", 256 * MIB, 128);
	if (bench_wanted(&o, "machine/op_1tib_vs_64mib"))
		bench_ram_size(samples);
	if (bench_wanted(&o, "machine/op_500_vs_1"))
		bench_many(samples);
	if (bench_wanted(&o, "machine/rmap_processes"))
		bench_rmap("machine/rmap_processes", true, samples);
	if (bench_wanted(&o, "machine/rmap_mappings"))
		bench_rmap("machine/rmap_mappings", false, samples);
	report_table();
	return 0;
}
