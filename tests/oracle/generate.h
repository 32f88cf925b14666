/* SPDX-License-Identifier: MIT */
/* Random deeds, a function of a seed and of the simulated machine alone. */
#ifndef TESTS_ORACLE_GENERATE_H
#define TESTS_ORACLE_GENERATE_H

#include "mmcore/mmcore.h"
#include "tests/oracle/deed.h"

struct dice {
	uint64_t state;
	bool pipes;		/* half of the deeds are about files and pipes */
	bool maps_files;	/* most mappings are of files of the disk */
	bool long_files;	/* of which much is read and written at a time */
	bool seals;		/* much about memfds and what is sealed of them */
	bool disk;		/* deeds about names as well */
};

struct dice dice_new(uint64_t seed);
/* A number below @n, which is not 0. */
uint64_t dice_below(struct dice *dice, uint64_t n);

/**
 * generate - the next deed
 * @dice: chance
 * @m:    the simulated machine as it stands: deeds aim at what is mapped there
 *
 * What it never makes: anything that touches the stub page; the exit of the
 * last process; more than four processes at once or MAX_PROCESSES ever; more
 * than some MiB of resident memory in one deed; sizes between 1 GiB and 1 TiB,
 * where the answer depends on how much memory the host has; MAP_HUGETLB.
 */
struct deed generate(struct dice *dice, const struct machine *m);

#endif
