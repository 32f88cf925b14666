/* SPDX-License-Identifier: MIT */
/* The frame map: which frames hold bytes, and which changed. See ram.h. */
#include <string.h>

#include "mmcore/ram.h"

/* The frame is about to change for the first time since ram_clear_dirty(). */
static void save_frame(struct machine *m, uint64_t pfn)
{
	struct ram_saved *saved = m->saved;

	MM_ASSERT(saved->nr < saved->capacity);
	memcpy(saved->bytes + (saved->nr << PAGE_SHIFT),
	       m->ram + (pfn << PAGE_SHIFT), PAGE_SIZE);
	saved->pfn[saved->nr++] = (uint32_t)pfn;
}

void ram_note_write(struct machine *m, uint64_t pfn)
{
	const uint8_t state = m->frame_map[pfn];

	if (!(state & FRAME_RESIDENT))
		m->nr_resident++;
	if (!(state & FRAME_WRITTEN))
		m->nr_written++;
	else if (m->saved && !(state & FRAME_DIRTY))
		save_frame(m, pfn);
	m->frame_map[pfn] = FRAME_HOT;
	m->chunk_map[pfn >> FRAMES_PER_CHUNK_SHIFT] = 1;
}

void ram_clear_frame(struct step *s, pfn_t pfn)
{
	uint8_t *state = &s->m->frame_map[pfn];

	if (!(*state & FRAME_WRITTEN))
		return;
	if (s->m->saved && !(*state & FRAME_DIRTY))
		save_frame(s->m, pfn);
	memset(s->m->ram + ((uint64_t)pfn << PAGE_SHIFT), 0, PAGE_SIZE);
	*state = FRAME_RESIDENT | FRAME_DIRTY;
	s->m->nr_written--;
}

#ifdef MM_CHECKS
static bool frame_is_zero(const struct machine *m, pfn_t pfn)
{
	const uint64_t *word = frame_at(m, pfn);

	for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*word); i++)
		if (word[i])
			return false;
	return true;
}
#endif

void ram_forget_frame(struct step *s, pfn_t pfn)
{
	uint8_t *state = &s->m->frame_map[pfn];

	MM_CHECK(frame_is_zero(s->m, pfn));
	if (!(*state & FRAME_WRITTEN))
		return;
	*state = FRAME_RESIDENT | FRAME_DIRTY;
	s->m->nr_written--;
}

void ram_copy_frame(struct step *s, pfn_t to, pfn_t from)
{
	if (ram_frame_is_blank(s->m, from)) {
		ram_clear_frame(s, to);
		return;
	}
	memcpy(frame_mut(s, to), frame_at(s->m, from), PAGE_SIZE);
}

/* First frame in [pfn, end) with a mark of @mask, or @end; eight at a time. */
static uint64_t scan_map(const uint8_t *map, uint64_t pfn, uint64_t end,
			 uint8_t mask)
{
	const uint64_t marks = 0x0101010101010101ULL * mask;
	uint64_t word;

	while (pfn < end) {
		if ((pfn & 7) == 0 && end - pfn >= 8) {
			memcpy(&word, map + pfn, sizeof(word));
			if (!(word & marks)) {
				pfn += 8;
				continue;
			}
		}
		if (map[pfn] & mask)
			return pfn;
		pfn++;
	}
	return end;
}

uint64_t ram_next_frame(const struct machine *m, uint64_t pfn, uint8_t mask)
{
	const uint64_t nr = machine_frames(m);

	while (pfn < nr) {
		uint64_t chunk = pfn >> FRAMES_PER_CHUNK_SHIFT;
		uint64_t end = (chunk + 1) << FRAMES_PER_CHUNK_SHIFT;

		if (end > nr)
			end = nr;
		if (m->chunk_map[chunk]) {
			pfn = scan_map(m->frame_map, pfn, end, mask);
			if (pfn < end)
				return pfn;
		}
		pfn = end;
	}
	return UINT64_MAX;
}

void ram_clear_dirty(struct machine *m)
{
	for (uint64_t pfn = ram_next_frame(m, 0, FRAME_DIRTY);
	     pfn != UINT64_MAX;
	     pfn = ram_next_frame(m, pfn + 1, FRAME_DIRTY))
		m->frame_map[pfn] &= (uint8_t)~FRAME_DIRTY;
}

static bool is_idle(const struct machine *m, uint64_t pfn)
{
	return (m->frame_map[pfn] & (FRAME_RESIDENT | FRAME_WRITTEN)) ==
	       FRAME_RESIDENT;
}

uint64_t ram_release_run(struct machine *m, uint64_t pfn, uint64_t *nr)
{
	const uint64_t end = machine_frames(m);
	uint64_t first = ram_next_frame(m, pfn, FRAME_RESIDENT);

	while (first != UINT64_MAX && !is_idle(m, first))
		first = ram_next_frame(m, first + 1, FRAME_RESIDENT);
	if (first == UINT64_MAX)
		return first;
	for (pfn = first; pfn < end && is_idle(m, pfn); pfn++)
		m->frame_map[pfn] &= (uint8_t)~FRAME_RESIDENT;
	*nr = pfn - first;
	m->nr_resident -= *nr;
	return first;
}
