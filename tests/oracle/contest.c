/* SPDX-License-Identifier: MIT */
/* Playing deeds on both sides, and shrinking what makes them differ. */
#include <stdlib.h>
#include <string.h>

#include "mmcore/mmcore.h"
#include "tests/oracle/contest.h"
#include "tests/oracle/scratch.h"

void contest_begin(struct contest *c)
{
	*c = (struct contest){
		.ours = simulated_start(puppets_mmap_min_addr(),
					scratch_read_ahead_kb()),
		.theirs = puppets_start(),
	};
}

void contest_end(struct contest *c)
{
	simulated_stop(c->ours);
	puppets_stop(c->theirs);
	answer_clear(&c->our_answer);
	answer_clear(&c->their_answer);
}

bool contest_do(struct contest *c, const struct deed *deed)
{
	if (deed && task_none(mm_find_task(simulated_machine(c->ours),
					   deed->op.pid)))
		return true;
	simulated_do(c->ours, deed, &c->our_answer);
	puppets_do(c->theirs, deed, &c->their_answer);
	return answers_equal(&c->our_answer, &c->their_answer);
}

size_t contest_play(const struct deeds *deeds)
{
	struct contest c;
	size_t differ = 0;

	contest_begin(&c);
	for (size_t i = 0; i < deeds->count && !differ; i++)
		if (!contest_do(&c, &deeds->list[i]))
			differ = i + 1;
	contest_end(&c);
	return differ;
}

/* Takes over @trial if it still makes a difference; else forgets it. */
static bool accept(struct deeds *deeds, struct deeds *trial)
{
	size_t differ = contest_play(trial);

	if (!differ) {
		deeds_free(trial);
		return false;
	}
	deeds_free(deeds);
	*deeds = *trial;
	deeds->count = differ;
	return true;
}

static bool try_without(struct deeds *deeds, size_t from, size_t n)
{
	struct deeds trial = { .count = 0 };

	for (size_t i = 0; i < deeds->count; i++)
		if (i < from || i >= from + n)
			deeds_add(&trial, &deeds->list[i]);
	return accept(deeds, &trial);
}

static bool try_flags(struct deeds *deeds, size_t at, uint64_t flags)
{
	struct deeds trial = { .count = 0 };

	for (size_t i = 0; i < deeds->count; i++)
		deeds_add(&trial, &deeds->list[i]);
	trial.list[at].op.mmap.flags = flags;
	return accept(deeds, &trial);
}

/* The last deed stays: it is where they differ. */
static void drop_deeds(struct deeds *deeds)
{
	for (size_t n = deeds->count / 2; n; n /= 2)
		for (size_t from = 0; from + n < deeds->count;)
			if (!try_without(deeds, from, n))
				from += n;
}

static void drop_flags(struct deeds *deeds)
{
	for (size_t i = 0; i < deeds->count; i++)
		for (uint64_t bit = 0x40; bit <= 0x100000; bit <<= 1)
			if (i < deeds->count &&
			    deeds->list[i].op.code == OP_MMAP &&
			    deeds->list[i].op.mmap.flags & bit)
				try_flags(deeds, i,
					  deeds->list[i].op.mmap.flags & ~bit);
}

void contest_shrink(struct deeds *deeds)
{
	size_t before;

	do {
		before = deeds->count;
		drop_deeds(deeds);
	} while (deeds->count < before);
	drop_flags(deeds);
}

static void print_difference(void *out, char sign, const char *line)
{
	fprintf(out, "  %s %s\n", sign == '-' ? "Linux:" : "ours: ", line);
}

void contest_report(const struct deeds *deeds, FILE *out)
{
	struct contest c;
	char line[DEED_LINE];

	contest_begin(&c);
	for (size_t i = 0; i < deeds->count; i++) {
		contest_do(&c, &deeds->list[i]);
		deed_print(&deeds->list[i], line);
		fprintf(out, "> %s\n", line);
	}
	fprintf(out, "  Linux: %s\n  ours:  %s\n", c.their_answer.outcome,
		c.our_answer.outcome);
	answers_differ(&c.their_answer, &c.our_answer, print_difference, out);
	contest_end(&c);
}
