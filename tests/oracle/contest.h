/* SPDX-License-Identifier: MIT */
/* The same deeds on both sides, compared after each; and what to do on a
 * difference: find the fewest deeds that still show one. */
#ifndef TESTS_ORACLE_CONTEST_H
#define TESTS_ORACLE_CONTEST_H

#include "tests/oracle/generate.h"
#include "tests/oracle/sides.h"

struct contest {
	struct simulated *ours;
	struct puppets *theirs;
	struct answer our_answer, their_answer;
};

void contest_begin(struct contest *c);
void contest_end(struct contest *c);

/**
 * contest_do - one deed on both sides
 * @deed: NULL only compares the states
 * Returns: do they agree? A deed of a process that is not there is skipped.
 */
bool contest_do(struct contest *c, const struct deed *deed);

/* Plays deeds from the beginning: those up to the first difference, or 0. */
size_t contest_play(const struct deeds *deeds);

/* Drops deeds (and flags of mmap) that the difference does not need. */
void contest_shrink(struct deeds *deeds);

/* Prints deeds that end in a difference, and both answers to the last one. */
void contest_report(const struct deeds *deeds, FILE *out);

#endif
