/* SPDX-License-Identifier: MIT */
/*
 * Snapshots that cost what changes.
 *
 * A machine's points form a line, oldest first; the machine itself is its end.
 * Taking a point copies nothing. It says "from here on, keep": before a frame
 * changes for the first time after the newest point, the core saves its bytes
 * (mmcore/ram.h). When the next point is taken, what was saved is sealed into
 * the delta of the one before it: for each frame that changed in between, its
 * bytes at that point, or "all zero".
 *
 *	point 0 --delta 0--> point 1 --delta 1--> point 2 --being saved--> now
 *
 * The state at a point is the machine now, overlaid with the deltas from the
 * point on; where several have a frame, the oldest is right. Going back writes
 * the frames that differ *as an operation would*: their present bytes are
 * saved for the newest point like those of any change. So a revert undoes no
 * point, later ones included, and the line never becomes a tree.
 *
 * A point that nobody wants gives its delta to the one before it (where both
 * have a frame, the earlier one's is kept), or just drops it if there is none
 * before. The newest point cannot do so, since its delta is still being saved;
 * it is left dead, and merged when the next one is taken.
 */
#include <stdlib.h>
#include <string.h>

#include "server/hosted.h"

/* Saved frames that stay provided while nobody needs them. */
#define SAVED_KEEP	64
/* Blocks from this many frames on are mappings of their own. */
#define BLOCK_MAPPED	32

struct frame_block {
	uint8_t *bytes;
	uint64_t nr;		/* frames allocated */
	uint64_t users;		/* kept_frames that point into it */
};

/* ---- blocks ---- */

static struct frame_block *block_new(uint64_t nr)
{
	struct frame_block *b = malloc(sizeof(*b));

	if (!b)
		return NULL;
	*b = (struct frame_block){ .nr = nr };
	b->bytes = nr >= BLOCK_MAPPED ? hostmem_map(nr << PAGE_SHIFT)
				      : malloc(nr << PAGE_SHIFT);
	if (!b->bytes) {
		free(b);
		return NULL;
	}
	return b;
}

static void block_free(struct frame_block *b)
{
	if (b->nr >= BLOCK_MAPPED)
		hostmem_unmap(b->bytes, b->nr << PAGE_SHIFT);
	else
		free(b->bytes);
	free(b);
}

static void kept_drop(struct snapshots *snaps, struct kept_frame *kept)
{
	struct frame_block *b = kept->block;

	if (!b || --b->users)
		return;
	snaps->held -= b->nr;
	block_free(b);
}

static void delta_free(struct snapshots *snaps, struct delta *d)
{
	for (uint64_t i = 0; i < d->nr; i++)
		kept_drop(snaps, &d->frame[i]);
	free(d->frame);
	*d = (struct delta){ 0 };
}

/* ---- deltas ---- */

/*
 * Both deltas in one; where both have a frame, @early is right. @losers, if
 * given, is called with the others. False: the host is out of memory.
 */
static bool delta_merge(const struct delta *early, const struct delta *late,
			struct delta *out, struct snapshots *losers)
{
	uint64_t i = 0, j = 0, n = 0;
	struct kept_frame *f = malloc((early->nr + late->nr + 1) * sizeof(*f));

	if (!f)
		return false;
	while (i < early->nr || j < late->nr) {
		const uint64_t a = i < early->nr ? early->frame[i].pfn
						 : UINT64_MAX;
		const uint64_t b = j < late->nr ? late->frame[j].pfn
						: UINT64_MAX;

		if (a == b && losers)
			kept_drop(losers, &late->frame[j]);
		f[n++] = a <= b ? early->frame[i] : late->frame[j];
		i += a <= b;
		j += b <= a;
	}
	*out = (struct delta){ f, n };
	return true;
}

/* A saved frame by number, to be sorted: pfn << 32 | its index. */
static int by_number(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t *sorted_saved(const struct ram_saved *saved)
{
	uint64_t *order = malloc((saved->nr + 1) * sizeof(*order));

	if (!order)
		return NULL;
	for (uint64_t i = 0; i < saved->nr; i++)
		order[i] = (uint64_t)saved->pfn[i] << 32 | i;
	qsort(order, saved->nr, sizeof(*order), by_number);
	order[saved->nr] = UINT64_MAX;
	return order;
}

static uint64_t count_marked(const struct machine *m, uint8_t mask)
{
	uint64_t nr = 0, pfn = ram_next_frame(m, 0, mask);

	for (; pfn != UINT64_MAX; pfn = ram_next_frame(m, pfn + 1, mask))
		nr++;
	return nr;
}

/*
 * What changed since the newest point, less what @except has already. Bytes
 * still point into the saved area. Returns the frames that have bytes.
 */
static uint64_t gather(const struct hosted *h, const uint64_t *order,
		       const struct delta *except, struct delta *out)
{
	const struct ram_saved *saved = &h->snapshots.saved;
	uint64_t pfn = ram_next_frame(&h->m, 0, FRAME_DIRTY);
	uint64_t next = 0, with_bytes = 0;

	for (; pfn != UINT64_MAX;
	     pfn = ram_next_frame(&h->m, pfn + 1, FRAME_DIRTY)) {
		struct kept_frame kept = { .pfn = (uint32_t)pfn };

		if (*order >> 32 == pfn)
			kept.bytes = saved->bytes +
				     ((*order++ & UINT32_MAX) << PAGE_SHIFT);
		while (next < except->nr && except->frame[next].pfn < pfn)
			next++;
		if (next < except->nr && except->frame[next].pfn == pfn)
			continue;
		with_bytes += kept.bytes != NULL;
		out->frame[out->nr++] = kept;
	}
	return with_bytes;
}

/* Move the bytes of a gathered delta from the saved area to a block. */
static bool settle(struct snapshots *snaps, struct delta *d,
		   uint64_t with_bytes)
{
	struct frame_block *b;
	uint8_t *to;

	if (!with_bytes)
		return true;
	b = block_new(with_bytes);
	if (!b)
		return false;
	to = b->bytes;
	for (uint64_t i = 0; i < d->nr; i++) {
		if (!d->frame[i].bytes)
			continue;
		memcpy(to, d->frame[i].bytes, PAGE_SIZE);
		d->frame[i].bytes = to;
		d->frame[i].block = b;
		to += PAGE_SIZE;
	}
	b->users = with_bytes;
	snaps->held += with_bytes;
	return true;
}

/* The delta of the newest point, as far as @except does not have it. */
static bool collect(struct hosted *h, const struct delta *except,
		    struct delta *out)
{
	uint64_t *order = sorted_saved(&h->snapshots.saved);
	bool done = false;

	*out = (struct delta){ 0 };
	if (!order)
		return false;
	out->frame = malloc((count_marked(&h->m, FRAME_DIRTY) + 1) *
			    sizeof(*out->frame));
	if (out->frame)
		done = settle(&h->snapshots, out,
			      gather(h, order, except, out));
	if (!done) {
		free(out->frame);
		*out = (struct delta){ 0 };
	}
	free(order);
	return done;
}

/* ---- the line of points ---- */

uint64_t snapshots_frames(const struct snapshots *snaps)
{
	return snaps->held + snaps->saved.nr;
}

static void stop_saving(struct hosted *h)
{
	struct ram_saved *saved = &h->snapshots.saved;

	h->m.saved = NULL;
	if (saved->nr > SAVED_KEEP)
		hostmem_discard(saved->bytes, saved->capacity << PAGE_SHIFT);
	saved->nr = 0;
}

static void free_saved(struct ram_saved *saved)
{
	hostmem_unmap(saved->bytes, saved->capacity << PAGE_SHIFT);
	hostmem_unmap(saved->pfn, saved->capacity * sizeof(*saved->pfn));
	*saved = (struct ram_saved){ 0 };
}

static bool reserve_saved(struct ram_saved *saved, uint64_t capacity)
{
	*saved = (struct ram_saved){
		.bytes = hostmem_map(capacity << PAGE_SHIFT),
		.pfn = hostmem_map(capacity * sizeof(*saved->pfn)),
		.capacity = capacity,
	};
	if (saved->bytes && saved->pfn)
		return true;
	free_saved(saved);
	return false;
}

static void remove_point(struct snapshots *snaps, uint32_t index)
{
	snaps->nr--;
	memmove(&snaps->point[index], &snaps->point[index + 1],
		(snaps->nr - index) * sizeof(snaps->point[0]));
}

/* Give the delta of a dead, sealed point to the one before it. */
static bool merge_back(struct snapshots *snaps, uint32_t index)
{
	struct delta *early = &snaps->point[index - 1].delta;
	struct delta *late = &snaps->point[index].delta;
	struct delta both;

	if (!delta_merge(early, late, &both, snaps))
		return false;
	free(early->frame);
	free(late->frame);
	*early = both;
	return true;
}

/* Without memory a dead point just stays until another time. */
static void collapse(struct hosted *h)
{
	struct snapshots *snaps = &h->snapshots;

	for (uint32_t i = 0; i + 1 < snaps->nr;) {
		if (snaps->point[i].kind != POINT_DEAD ||
		    (i && !merge_back(snaps, i))) {
			i++;
			continue;
		}
		if (!i)
			delta_free(snaps, &snaps->point[0].delta);
		remove_point(snaps, i);
	}
	if (snaps->nr == 1 && snaps->point[0].kind == POINT_DEAD) {
		snaps->nr = 0;
		stop_saving(h);
	}
}

void snapshots_kill(struct hosted *h, uint32_t index)
{
	h->snapshots.point[index].kind = POINT_DEAD;
	h->snapshots.point[index].name[0] = 0;
	collapse(h);
}

void snapshots_free(struct hosted *h)
{
	struct snapshots *snaps = &h->snapshots;

	for (uint32_t i = 0; i < snaps->nr; i++)
		delta_free(snaps, &snaps->point[i].delta);
	free(snaps->point);
	free_saved(&snaps->saved);
	*snaps = (struct snapshots){ 0 };
	h->m.saved = NULL;
}

/*
 * End the saving for the newest point. Its delta is its own, or, where the
 * point is dead, what the one before it has not got.
 */
static bool seal(struct hosted *h)
{
	static const struct delta nothing;
	struct snapshots *snaps = &h->snapshots;
	struct point *newest, *before;
	struct delta delta, both;

	if (!snaps->nr)
		return true;
	newest = &snaps->point[snaps->nr - 1];
	if (newest->kind != POINT_DEAD || snaps->nr == 1)
		return collect(h, &nothing, &newest->delta);
	before = newest - 1;
	if (!collect(h, &before->delta, &delta))
		return false;
	if (!delta_merge(&before->delta, &delta, &both, NULL)) {
		delta_free(snaps, &delta);
		return false;
	}
	free(delta.frame);
	free(before->delta.frame);
	before->delta = both;
	return true;
}

static bool grow_line(struct snapshots *snaps)
{
	const uint32_t cap = snaps->cap ? snaps->cap * 2 : 4;
	struct point *p;

	if (snaps->nr < snaps->cap)
		return true;
	p = realloc(snaps->point, cap * sizeof(*p));
	if (!p)
		return false;
	snaps->point = p;
	snaps->cap = cap;
	return true;
}

/* What is written now may all have to be saved; frames that points hold count. */
static bool within_quota(const struct hosted *h, struct rpc_error *error)
{
	const uint64_t max = machines_limits(h->all)->snapshot_frames;
	const uint64_t need = snapshots_frames(&h->snapshots) + h->m.nr_written;

	if (need <= max)
		return hosted_room(h, h->m.nr_written, error);
	return rpc_fail(error, RPC_LIMIT, "",
			"snapshots of this machine may come to hold %llu "
			"frames, and the limit is %llu",
			(unsigned long long)need, (unsigned long long)max);
}

static bool out_of_memory(struct rpc_error *error)
{
	return rpc_fail(error, RPC_LIMIT, "",
			"the host has no memory for another snapshot");
}

static bool swap_saved(struct hosted *h, struct ram_saved *fresh)
{
	struct ram_saved *saved = &h->snapshots.saved;

	*fresh = *saved;
	if (saved->capacity >= h->m.nr_written && saved->capacity)
		return true;
	return reserve_saved(fresh, h->m.nr_written + h->m.nr_written / 4 + 64);
}

bool snapshots_open(struct hosted *h, enum point_kind kind, const char *name,
		    struct rpc_error *error)
{
	struct snapshots *snaps = &h->snapshots;
	struct ram_saved fresh;
	struct point *p;

	/* Going back must not fail for a quota; what it saves is bounded by
	 * what the points before it were granted. */
	if (kind != POINT_DEAD && !within_quota(h, error))
		return false;
	if (!grow_line(snaps) || !swap_saved(h, &fresh))
		return out_of_memory(error);
	if (!seal(h)) {
		if (fresh.bytes != snaps->saved.bytes)
			free_saved(&fresh);
		return out_of_memory(error);
	}
	stop_saving(h);
	if (fresh.bytes != snaps->saved.bytes) {
		free_saved(&snaps->saved);
		snaps->saved = fresh;
	}
	snaps->saved.nr = 0;
	if (snaps->nr && snaps->point[snaps->nr - 1].kind == POINT_DEAD)
		delta_free(snaps, &snaps->point[--snaps->nr].delta);
	p = &snaps->point[snaps->nr++];
	*p = (struct point){ .kind = kind, .seq = h->seq };
	memcpy(p->name, name, strlen(name));
	ram_clear_dirty(&h->m);
	h->m.saved = &snaps->saved;
	collapse(h);
	return true;
}

/* ---- finding ---- */

uint32_t snapshots_find(const struct snapshots *snaps, const char *name)
{
	for (uint32_t i = 0; i < snaps->nr; i++)
		if (snaps->point[i].kind == POINT_NAMED &&
		    !snaps->point[i].shadowed &&
		    !strcmp(snaps->point[i].name, name))
			return i;
	return NO_POINT;
}

uint32_t snapshots_at(const struct snapshots *snaps, uint64_t seq)
{
	for (uint32_t i = 0; i < snaps->nr; i++)
		if (snaps->point[i].kind != POINT_DEAD &&
		    snaps->point[i].seq == seq)
			return i;
	return NO_POINT;
}

/* ---- going back ---- */

/* The frames to lay over the machine for the state at a point: sealed deltas
 * from it on. The view owns no frames. */
static bool overlay(const struct snapshots *snaps, uint32_t index,
		    struct delta *view)
{
	static const struct delta nothing;
	struct delta next;

	if (!delta_merge(&snaps->point[index].delta, &nothing, view, NULL))
		return false;
	for (uint32_t i = index + 1; i < snaps->nr; i++) {
		if (!delta_merge(view, &snaps->point[i].delta, &next, NULL)) {
			free(view->frame);
			return false;
		}
		free(view->frame);
		*view = next;
	}
	return true;
}

static void lay_over(struct machine *m, const struct delta *view)
{
	struct step s = { .m = m };

	for (uint64_t i = 0; i < view->nr; i++) {
		const struct kept_frame *kept = &view->frame[i];

		if (!kept->bytes)
			ram_clear_frame(&s, kept->pfn);
		else if (memcmp(frame_at(m, kept->pfn), kept->bytes, PAGE_SIZE))
			memcpy(frame_mut(&s, kept->pfn), kept->bytes, PAGE_SIZE);
	}
}

bool snapshots_restore(struct hosted *h, uint32_t index,
		       struct rpc_error *error)
{
	struct delta view;

	/* Seals what was saved so far; @index is not dead, so it stays. */
	if (!snapshots_open(h, POINT_DEAD, "", error))
		return false;
	if (!overlay(&h->snapshots, index, &view))
		return out_of_memory(error);
	lay_over(&h->m, &view);
	free(view.frame);
	return true;
}

/* What is being saved, as a delta whose bytes lie in the saved area. */
static bool peek_saved(const struct hosted *h, struct delta *out)
{
	static const struct delta nothing;
	uint64_t *order = sorted_saved(&h->snapshots.saved);

	*out = (struct delta){ 0 };
	if (order)
		out->frame = malloc((count_marked(&h->m, FRAME_DIRTY) + 1) *
				    sizeof(*out->frame));
	if (out->frame)
		gather(h, order, &nothing, out);
	free(order);
	return out->frame;
}

bool snapshots_copy(const struct hosted *h, uint32_t index,
		    struct machine *to)
{
	struct delta sealed, saved, view = { 0 };
	bool done;

	if (!peek_saved(h, &saved))
		return false;
	done = overlay(&h->snapshots, index, &sealed);
	if (done) {
		done = delta_merge(&sealed, &saved, &view, NULL);
		free(sealed.frame);
	}
	free(saved.frame);
	if (!done)
		return false;
	hostmem_copy(to, &h->m);
	lay_over(to, &view);
	free(view.frame);
	return true;
}
