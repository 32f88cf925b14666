/* SPDX-License-Identifier: MIT */
/*
 * Points a machine can go back to. A point owns no copy of the machine: it
 * holds, for every frame that changed between it and the next point, what the
 * frame was at the point. See the essay in snapshot.c.
 */
#ifndef SERVER_SNAPSHOT_H
#define SERVER_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "mmcore/ram.h"
#include "server/machines.h"

enum point_kind {
	POINT_DEAD,		/* nobody wants it: merged away in time */
	POINT_NAMED,		/* a snapshot */
	POINT_ORIGIN,		/* what a forked machine began with */
	POINT_ATOMIC,		/* hosted_begin() */
	POINT_KEYFRAME,		/* for the history's sake (keyframes.c) */
};

/* A block of saved frames; freed with the last of its users. */
struct frame_block;

/* What one frame was at a point. */
struct kept_frame {
	uint32_t pfn;
	const uint8_t *bytes;		/* NULL: all zero */
	struct frame_block *block;	/* that holds the bytes */
};

/* By pfn, ascending. */
struct delta {
	struct kept_frame *frame;
	uint64_t nr;
};

struct point {
	enum point_kind kind;
	bool shadowed;		/* its name moved on in an atomic run */
	char name[MACHINE_NAME_MAX + 1];
	uint64_t seq;		/* after which operation the machine was so */
	bool wanted, beginning;	/* for keyframes.c alone */
	struct delta delta;	/* empty in the newest: that is being saved */
};

struct snapshots {
	struct point *point;	/* oldest first */
	uint32_t nr, cap;
	struct ram_saved saved;	/* since the newest point */
	uint64_t held;		/* frames in blocks */
};

struct hosted;

#define NO_POINT UINT32_MAX

/* Frames of host memory that the points take. */
uint64_t snapshots_frames(const struct snapshots *snaps);
void snapshots_free(struct hosted *h);

/**
 * snapshots_open - a point: the state now
 * Returns: false with -32004, nothing changed. O(frames that changed since the
 * point before).
 */
bool snapshots_open(struct hosted *h, enum point_kind kind, const char *name,
		    struct rpc_error *error);

/* Nobody wants these any more; drops or merges what can be. */
void snapshots_kill(struct hosted *h, uint32_t index);

/* The index of a snapshot, of any live point at @seq; NO_POINT. */
uint32_t snapshots_find(const struct snapshots *snaps, const char *name);
uint32_t snapshots_at(const struct snapshots *snaps, uint64_t seq);

/**
 * snapshots_restore - make the machine what it was at a point
 * Writes the frames that differ, as an operation would: later points stay.
 * Returns: false with -32004, nothing changed.
 */
bool snapshots_restore(struct hosted *h, uint32_t index,
		       struct rpc_error *error);

/* The state at a point, into an empty machine of the same size. */
bool snapshots_copy(const struct hosted *h, uint32_t index,
		    struct machine *to);

#endif
