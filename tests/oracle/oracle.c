/* SPDX-License-Identifier: MIT */
/*
 * oracle: does the simulation answer as Linux does? Random deeds on both, or
 * recorded answers; see --help.
 *
 * Exits with 0 when all agree, 1 on a difference, 77 when this host cannot be
 * asked, 99 when something else went wrong.
 */
#include "tests/lib/host.h"	/* before <signal.h>, which defines si_addr */
#include "tests/oracle/contest.h"
#include "tests/oracle/record.h"
#include "tests/oracle/scratch.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
	uint64_t seed, runs, deeds, seconds;
	const char *record, *play;
	bool replay, check;
};

static const char usage[] =
"oracle [--seed N] [--runs N] [--deeds N] [--seconds N] [--check]\n"
"	random deeds, N a run, on both sides; each run has a seed of its own,\n"
"	from --seed up. --check looks at all invariants after every deed.\n"
"oracle --record FILE [--seed N] [--deeds N | --play FILE]\n"
"	write one run's deeds and the kernel's answers to a file; --play: the\n"
"	deeds of a file, which may be that very file\n"
"oracle --replay FILE...\n"
"	compare the simulation with recorded answers; works on every host\n"
"oracle --play FILE\n"
"	the deeds of a file (lines \"> ...\" as a report has them) on both sides\n";

/* What is being played, for the handler of SIGABRT. */
static const struct deeds *playing;
static uint64_t playing_seed;

static void on_abort(int signo)
{
	char line[DEED_LINE];

	(void)signo;
	printf("seed %" PRIu64 ": aborted after\n", playing_seed);
	for (size_t i = 0; playing && i < playing->count; i++) {
		deed_print(&playing->list[i], line);
		printf("> %s\n", line);
	}
	fflush(stdout);
}

/*
 * One run: does it end without a difference? The deeds are those that are there
 * already; where there are none, random ones are made as it goes.
 */
static bool run_agrees(struct deeds *deeds, uint64_t seed,
		       const struct options *o, struct recorder *rec)
{
	const size_t given = deeds->count, nr = given ? given : o->deeds;
	struct dice dice = dice_new(seed);
	struct contest c;
	bool agree;

	dice.disk = scratch_is_ext4();
	contest_begin(&c);
	agree = contest_do(&c, NULL);
	if (rec->file)
		record_begin(rec, rec->file, puppets_mmap_min_addr(),
			     scratch_read_ahead_kb(),
			     &c.their_answer);
	for (size_t i = 0; agree && i < nr; i++) {
		struct deed deed = given ? deeds->list[i] :
			generate(&dice, simulated_machine(c.ours));

		if (!given)
			deeds_add(deeds, &deed);
		agree = contest_do(&c, &deed);
		if (rec->file)
			record_deed(rec, &deed, &c.their_answer);
		if (o->check || i + 1 == nr)
			host_check(simulated_machine(c.ours));
	}
	contest_end(&c);
	return agree;
}

static void report(struct deeds *deeds, uint64_t seed)
{
	printf("seed %" PRIu64 ": different after %zu deeds; shrinking\n",
	       seed, deeds->count);
	fflush(stdout);
	contest_shrink(deeds);
	contest_report(deeds, stdout);
	fflush(stdout);
}

/* Returns the number of runs that ended in a difference. */
static uint64_t campaign(const struct options *o)
{
	time_t end = time(NULL) + (time_t)o->seconds;
	uint64_t done = 0, different = 0, run;

	for (run = 0; o->seconds ? time(NULL) < end : run < o->runs; run++) {
		struct recorder none = { .file = NULL };
		struct deeds deeds = { .count = 0 };

		playing = &deeds;
		playing_seed = o->seed + run;
		if (!run_agrees(&deeds, o->seed + run, o, &none)) {
			report(&deeds, o->seed + run);
			different++;
		}
		done += deeds.count;
		playing = NULL;
		deeds_free(&deeds);
	}
	printf("%" PRIu64 " runs from seed %" PRIu64 ", %" PRIu64
	       " deeds, %" PRIu64 " runs with a difference\n",
	       run, o->seed, done, different);
	return different;
}

/* The deeds of a file; false: it cannot be read. */
static bool read_deeds(const char *path, struct deeds *deeds)
{
	FILE *file = fopen(path, "r");
	char line[512];
	struct deed deed;

	if (!file) {
		perror(path);
		return false;
	}
	while (fgets(line, sizeof(line), file))
		if (line[0] == '>' && deed_parse(&deed, line + 1))
			deeds_add(deeds, &deed);
	fclose(file);
	return true;
}

static int record(const struct options *o)
{
	struct deeds deeds = { .count = 0 };
	struct recorder rec = { .file = NULL };
	bool agree;

	if (o->play && !read_deeds(o->play, &deeds))
		return 99;
	rec.file = fopen(o->record, "w");
	if (!rec.file) {
		perror(o->record);
		deeds_free(&deeds);
		return 99;
	}
	agree = run_agrees(&deeds, o->seed, o, &rec);
	if (!agree)
		report(&deeds, o->seed);
	record_end(&rec);
	deeds_free(&deeds);
	return fclose(rec.file) ? 99 : agree ? 0 : 1;
}

static int play(const char *path)
{
	struct deeds deeds = { .count = 0 };
	size_t differ;

	if (!read_deeds(path, &deeds))
		return 99;
	differ = contest_play(&deeds);
	if (differ)
		deeds.count = differ;
	contest_report(&deeds, stdout);
	printf("%s\n", differ ? "different" : "the same");
	deeds_free(&deeds);
	return differ ? 1 : 0;
}

static int replay_all(char **paths)
{
	uint64_t nr = 0;
	int worst = 0;

	for (; *paths; paths++) {
		int code = replay(*paths, &nr);

		worst = code > worst ? code : worst;
	}
	printf("%" PRIu64 " recorded deeds\n", nr);
	return worst;
}

static bool parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "runs", required_argument, NULL, 'n' },
		{ "deeds", required_argument, NULL, 'd' },
		{ "seconds", required_argument, NULL, 't' },
		{ "record", required_argument, NULL, 'r' },
		{ "play", required_argument, NULL, 'p' },
		{ "replay", no_argument, NULL, 'R' },
		{ "check", no_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1)
		switch (option) {
		case 's': o->seed = strtoull(optarg, NULL, 0); break;
		case 'n': o->runs = strtoull(optarg, NULL, 0); break;
		case 'd': o->deeds = strtoull(optarg, NULL, 0); break;
		case 't': o->seconds = strtoull(optarg, NULL, 0); break;
		case 'r': o->record = optarg; break;
		case 'p': o->play = optarg; break;
		case 'R': o->replay = true; break;
		case 'c': o->check = true; break;
		default: return false;
		}
	return o->replay == (optind < argc);
}

int main(int argc, char **argv)
{
	struct options o = { .seed = 1, .runs = 40, .deeds = 200 };
	const char *why;

	if (!parse(argc, argv, &o)) {
		fputs(usage, stderr);
		return 99;
	}
	signal(SIGABRT, on_abort);
	if (o.replay)
		return replay_all(argv + optind);
	why = puppets_unsupported();
	if (why) {
		printf("skipped: %s\n", why);
		return 77;
	}
	if (o.record)
		return record(&o);
	if (o.play)
		return play(o.play);
	return campaign(&o) ? 1 : 0;
}
