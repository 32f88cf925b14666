/* SPDX-License-Identifier: MIT */
/*
 * core_bench: what the core costs, beside the host's kernel doing the same.
 * Figures of both sides are medians of samples taken in turn, in one run.
 */
#include <stddef.h>

#include "tests/bench/report.h"
#include "tests/bench/subject.h"

#define MAX_SAMPLES 31

struct race {
	const char *name;
	const struct subject *ours, *reference;
	uint64_t arg;
	enum bar_kind kind;
	double bar;
	size_t samples, quick;
};

#define PAIR(subject) &ours_##subject, &reference_##subject

static const struct race races[] = {
	{ "core/mmap_munmap", PAIR(mmap_munmap), 0, BAR_AT_MOST, .15, 31, 5 },
	{ "core/mmap_munmap_getppid", &ours_mmap_munmap, &reference_getppid, 0,
	  BAR_AT_MOST, 2, 31, 5 },
	{ "core/mmap_touch_munmap", PAIR(mmap_touch_munmap), 0,
	  BAR_AT_MOST, .15, 31, 5 },
	{ "core/mmap_write_munmap", PAIR(mmap_write_munmap), 0,
	  BAR_AT_MOST, .15, 31, 5 },
	{ "core/fault_touch", PAIR(touch), 0, BAR_AT_MOST, .15, 31, 5 },
	{ "core/fault_write", PAIR(write), 0, BAR_AT_MOST, .15, 31, 5 },
	{ "core/fault_zero_read", PAIR(zero_read), 0, BAR_AT_MOST, .15, 31, 5 },
	{ "core/cow_zero", PAIR(cow_zero), 0, BAR_AT_MOST, .15, 31, 5 },
	{ "core/cow_content_recycled", PAIR(cow_content), 0,
	  BAR_AT_MOST, .25, 31, 5 },
	{ "core/cow_content_fresh", PAIR(cow_fresh), 0, BAR_NONE, 0, 11, 3 },
	{ "core/fork_exit_1m", PAIR(fork_exit), 1, BAR_AT_MOST, .15, 31, 5 },
	{ "core/fork_exit_64m", PAIR(fork_exit), 64, BAR_AT_MOST, .15, 31, 5 },
	{ "core/fork_exit_1g", PAIR(fork_exit), 1024, BAR_AT_MOST, .15, 11, 3 },
	{ "core/mprotect_split_merge", PAIR(mprotect), 0,
	  BAR_AT_MOST, .15, 31, 5 },
	{ "core/mremap_move", PAIR(mremap), 0, BAR_AT_MOST, .2, 31, 5 },
	{ "core/mlock_munlock", PAIR(mlock), 0, BAR_AT_MOST, .2, 31, 5 },
	{ "core/brk_up_down", PAIR(brk), 0, BAR_AT_MOST, .15, 31, 5 },
	{ "core/mmap_munmap_60000", PAIR(mmap_munmap_comb), MANY_VMAS,
	  BAR_AT_MOST, .15, 31, 5 },
	{ "core/mprotect_flip_60000", PAIR(flip), MANY_VMAS,
	  BAR_AT_MOST, .15, 31, 5 },
	{ "core/mprotect_flip_60000_floor", &ours_flip_floor, &reference_flip,
	  MANY_VMAS, BAR_NONE, 0, 31, 5 },
	{ "core/maps_1000", PAIR(maps), 1000, BAR_AT_MOST, .3, 31, 5 },
	{ "core/maps_60000", PAIR(maps), MANY_VMAS, BAR_AT_MOST, .3, 11, 3 },
	{ "core/smaps", PAIR(smaps), MANY_VMAS, BAR_AT_MOST, .2, 11, 3 },
	{ "core/file_fault", PAIR(file_fault), 0, BAR_AT_MOST, .2, 31, 5 },
	{ "core/msync", PAIR(msync), 0, BAR_AT_MOST, .2, 31, 5 },
	{ "core/msync_memfd", PAIR(msync), 1, BAR_AT_MOST, .2, 31, 5 },
	{ "core/madvise_dontneed_refault", PAIR(refault), 0,
	  BAR_AT_MOST, .2, 31, 5 },
	{ "core/splice_64k", PAIR(splice), 0, BAR_AT_MOST, .2, 31, 5 },
	{ "core/tee_64k", PAIR(tee), 0, BAR_AT_MOST, .2, 31, 5 },
	{ "core/vmsplice_64k", PAIR(vmsplice), 0, BAR_AT_MOST, .2, 31, 5 },
	{ "core/pipe_4k", PAIR(pipe), 0, BAR_AT_MOST, .8, 31, 5 },
	{ "core/fork_exit_60000", PAIR(fork_exit_comb), MANY_VMAS,
	  BAR_AT_MOST, .15, 11, 3 },
};

/* The reference's process first: it inherits no machine. */
static void run_race(const struct race *race, size_t samples)
{
	double ours[MAX_SAMPLES], theirs[MAX_SAMPLES];
	struct reference *reference = reference_start(race->reference,
						      race->arg);
	struct line line = {
		.name = race->name, .unit = "ns",
		.kind = race->kind, .bar = race->bar,
	};

	if (race->ours->begin)
		race->ours->begin(race->arg);
	race->ours->sample(race->arg);		/* both once, to warm up */
	reference_sample(reference);
	for (size_t i = 0; i < samples; i++) {
		ours[i] = race->ours->sample(race->arg);
		theirs[i] = reference_sample(reference);
	}
	if (race->ours->end)
		race->ours->end(race->arg);
	reference_stop(reference);
	line.ours = median(ours, samples);
	line.reference = median(theirs, samples);
	report_line(&line);
}

int main(int argc, char **argv)
{
	struct bench_options o = bench_options(argc, argv);

	for (size_t i = 0; i < sizeof(races) / sizeof(races[0]); i++)
		if (bench_wanted(&o, races[i].name))
			run_race(&races[i], o.quick ? races[i].quick :
				 races[i].samples);
	report_table();
	return 0;
}
