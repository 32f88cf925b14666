/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "tests/model/deeds.h"

static uint64_t rng;

void pick_seed(uint64_t seed)
{
	rng = seed;
}

uint32_t pick(uint32_t n)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(rng >> 33) % n;
}

int shrink(void *deeds, int nr, size_t size, agree_fn agree)
{
	char *kept = malloc(size);

	if (!kept)
		abort();
	for (int i = nr - 1; i >= 0; i--) {
		char *deed = (char *)deeds + (size_t)i * size;
		const size_t behind = (size_t)(nr - i - 1) * size;

		memcpy(kept, deed, size);
		memmove(deed, deed + size, behind);
		if (!agree(deeds, nr - 1)) {
			nr--;
			continue;
		}
		memmove(deed + size, deed, behind);
		memcpy(deed, kept, size);
	}
	free(kept);
	return nr;
}
