/* SPDX-License-Identifier: MIT */
/* What the model tests have in common: chance from a seed, and shrinking. */
#ifndef TESTS_MODEL_DEEDS_H
#define TESTS_MODEL_DEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void pick_seed(uint64_t seed);
/* Below @n, which is not 0. The same after the same seed, everywhere. */
uint32_t pick(uint32_t n);

/* Does a machine do as the model in each of @nr deeds? */
typedef bool (*agree_fn)(const void *deeds, int nr);

/**
 * shrink - leave out whatever is not needed for a difference
 * @deeds: deeds that do not agree; left in front: those that are needed
 * @nr:    how many
 * @size:  bytes of one
 *
 * Returns: how many are left. Runs @agree once for each deed.
 */
int shrink(void *deeds, int nr, size_t size, agree_fn agree);

#endif
