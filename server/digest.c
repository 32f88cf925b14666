/* SPDX-License-Identifier: MIT */
/*
 * The digest of a machine: XXH3-128 over its geometry and then, ascending, the
 * number and the bytes of each frame that is not all zero. Whether a zero
 * frame was ever written, where the bytes lie and how they came about does not
 * enter. The numbers are little-endian, as the frames' contents are.
 */
#include <stdio.h>
#include <string.h>

#define XXH_STATIC_LINKING_ONLY	/* the state on the stack */
#include <xxhash.h>

#include "mmcore/arch/arch.h"
#include "server/hosted.h"

static bool is_zero(const uint8_t *frame)
{
	uint64_t word;

	memcpy(&word, frame, sizeof(word));
	return !word && !memcmp(frame, frame + sizeof(word),
				PAGE_SIZE - sizeof(word));
}

static void add_number(XXH3_state_t *state, uint64_t value)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	XXH3_128bits_update(state, bytes, sizeof(bytes));
}

static void add_frames(XXH3_state_t *state, const struct machine *m)
{
	uint64_t pfn = ram_next_frame(m, 0, FRAME_WRITTEN);

	for (; pfn != UINT64_MAX;
	     pfn = ram_next_frame(m, pfn + 1, FRAME_WRITTEN)) {
		const uint8_t *frame = frame_at(m, pfn);

		if (is_zero(frame))
			continue;
		add_number(state, pfn);
		XXH3_128bits_update(state, frame, PAGE_SIZE);
	}
}

void hosted_digest(const struct hosted *h, char hex[33])
{
	const char *arch = h->m.arch->name;
	XXH3_state_t state;
	XXH128_hash_t hash;

	XXH3_INITSTATE(&state);
	XXH3_128bits_reset(&state);
	add_number(&state, h->m.ram_bytes);
	add_number(&state, h->m.disk_bytes);
	XXH3_128bits_update(&state, arch, strlen(arch) + 1);
	add_frames(&state, &h->m);
	hash = XXH3_128bits_digest(&state);
	snprintf(hex, 33, "%016llx%016llx", (unsigned long long)hash.high64,
		 (unsigned long long)hash.low64);
}
