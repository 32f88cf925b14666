/* SPDX-License-Identifier: MIT */
/*
 * Keyframes: why all that the history still holds can be gone back to.
 *
 * A state of the past is had by running operations again from a state that is at
 * hand (past.c). That the machine was booted is always known; but the history is
 * bounded, and once its first operation is dropped, nothing leads from there to
 * anywhere. So each time half of what the history may hold has been written, the
 * machine's state is kept: a point like that of a snapshot, without a name, which
 * costs what changes (snapshot.c). When the history is full, it gives up everything
 * before the next keyframe, and begins there.
 *
 *	keyframe                keyframe                now
 *	   | entries of the history |   entries            |
 *	   '------- dropped --------'
 *
 * Three things would still be missing, and each has a keyframe of its own:
 *
 * - What came after an operation whose data was too long to be kept.
 * - What came after a revert to a state from before the newest keyframe: the way
 *   leads through operations that will be dropped first. The keyframe is taken right
 *   after the revert, and is the state that was gone back to, under that number.
 * - What came after a revert to a snapshot that has been let go since: its point stays,
 *   as a keyframe, until the history has dropped the revert.
 *
 * A keyframe is never worth a failure: where quotas or the host's memory forbid it,
 * the history just cannot be gone back to so far, and says so when asked.
 */
#include "server/hosted.h"

/* With more of them the history gives way, too: who reverts to ever other operations
 * needs one for each. */
#define KEYFRAMES_MAX	256

static bool is_keyframe(const struct point *p)
{
	return p->kind == POINT_KEYFRAME || p->kind == POINT_ORIGIN;
}

static bool may_be_beginning(const struct point *p)
{
	return p->kind == POINT_KEYFRAME && p->beginning;
}

static uint32_t count(const struct snapshots *snaps)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < snaps->nr; i++)
		nr += is_keyframe(&snaps->point[i]);
	return nr;
}

/* ---- which are of use ---- */

static bool note_revert(const struct history_entry *e, void *ctx)
{
	struct snapshots *snaps = ctx;
	uint32_t i;

	if (e->op)
		return true;
	i = snapshots_at(snaps, e->to_seq);
	if (i != NO_POINT)
		snaps->point[i].wanted = true;
	return true;
}

/* Sets point->wanted: some revert that the history holds leads there. */
static void find_wanted(struct hosted *h)
{
	struct snapshots *snaps = &h->snapshots;

	for (uint32_t i = 0; i < snaps->nr; i++)
		snaps->point[i].wanted = false;
	history_visit(&h->history, 0, UINT64_MAX, UINT64_MAX, note_revert,
		      snaps);
}

/* The last state that the history may come to begin with. */
static uint64_t last_beginning(const struct snapshots *snaps)
{
	uint64_t last = 0;

	for (uint32_t i = 0; i < snaps->nr; i++)
		if (may_be_beginning(&snaps->point[i]) &&
		    snaps->point[i].seq > last)
			last = snaps->point[i].seq;
	return last;
}

/* The history begins with what followed this state, which no boot would give. */
static bool is_beginning(const struct hosted *h, const struct point *p)
{
	return p->seq + 1 == h->history.first_seq && (p->seq || h->forked);
}

static void let_go(struct hosted *h)
{
	struct snapshots *snaps = &h->snapshots;
	uint32_t last = NO_POINT;

	find_wanted(h);
	for (uint32_t i = 0; i < snaps->nr; i++) {
		const struct point *p = &snaps->point[i];

		if (!is_keyframe(p) || p->wanted || is_beginning(h, p) ||
		    p->seq >= h->history.first_seq)
			continue;
		snaps->point[i].kind = POINT_DEAD;
		last = i;
	}
	if (last != NO_POINT)
		snapshots_kill(h, last);
}

/* May the history come to begin after this state, and still hold a revert to it?
 * O(1) for what is recent. */
static bool will_be_missed(struct hosted *h, const struct point *p)
{
	if (p->seq >= last_beginning(&h->snapshots))
		return false;
	find_wanted(h);
	return p->wanted;
}

void keyframes_point_goes(struct hosted *h, uint32_t index)
{
	struct point *p = &h->snapshots.point[index];

	p->shadowed = false;
	p->name[0] = 0;
	p->kind = POINT_KEYFRAME;
	if (!is_beginning(h, p) && !will_be_missed(h, p))
		snapshots_kill(h, index);
}

/* ---- the history gives way ---- */

/* The first keyframe from which on the history has at most @limit bytes, and an
 * operation; 0: none. */
static uint64_t next_beginning(const struct hosted *h, size_t limit)
{
	const struct snapshots *snaps = &h->snapshots;
	uint64_t best = 0;

	for (uint32_t i = 0; i < snaps->nr; i++) {
		const struct point *p = &snaps->point[i];

		if (!may_be_beginning(p) || p->seq < h->history.first_seq ||
		    p->seq >= h->seq || (best && p->seq >= best))
			continue;
		if (history_bytes_after(&h->history, p->seq) <= limit)
			best = p->seq;
	}
	return best;
}

static void give_way(struct hosted *h, size_t limit)
{
	const uint64_t seq = next_beginning(h, limit);

	if (seq)
		history_drop(&h->history, seq);
	else
		history_drop_oldest(&h->history);
	let_go(h);
}

/* ---- taking them ---- */

/* While a quarter of what the host may hold for all machines is free. */
static bool host_has_room(const struct hosted *h)
{
	struct rpc_error no_matter;

	return hosted_room(h, machines_limits(h->all)->total_resident_frames / 4,
			   &no_matter);
}

/* The state now, under the number @seq. */
static void take(struct hosted *h, uint64_t seq, bool beginning)
{
	struct rpc_error no_matter;
	struct point *p;

	if (count(&h->snapshots) >= KEYFRAMES_MAX && !h->history.hold)
		give_way(h, SIZE_MAX);
	if (count(&h->snapshots) >= KEYFRAMES_MAX || !host_has_room(h) ||
	    !snapshots_open(h, POINT_KEYFRAME, "", &no_matter))
		return;
	p = &h->snapshots.point[h->snapshots.nr - 1];
	p->seq = seq;
	p->beginning = beginning;
}

void keyframes_reverted(struct hosted *h, uint64_t to_seq)
{
	if (to_seq < last_beginning(&h->snapshots) &&
	    snapshots_at(&h->snapshots, to_seq) == NO_POINT)
		take(h, to_seq, false);
}

void keyframes_tend(struct hosted *h, bool lost)
{
	struct history *past = &h->history;

	/* A run that may be taken back is one operation to what follows. */
	if (lost || (past->allocated - h->keyframe_at > past->limit / 2 &&
		     !past->hold)) {
		h->keyframe_at = past->allocated;
		take(h, h->seq, true);
		history_cut(past);
	}
	if (history_is_full(past))
		give_way(h, past->limit);
}
