/* SPDX-License-Identifier: MIT */
/*
 * One machine from the inside: shared by the files behind machines.h, included
 * by nobody else. All of it is guarded by the machine's lock but the members
 * that the registry owns.
 */
#ifndef SERVER_HOSTED_H
#define SERVER_HOSTED_H

#include <pthread.h>

#include "server/history.h"
#include "server/machines.h"
#include "server/panic.h"
#include "server/snapshot.h"

struct hosted {
	/* the registry's, under its lock */
	struct hosted *next;		/* in its hash chain */
	_Atomic uint32_t refs;		/* holders and waiters; the registry's one */
	/* constant */
	struct machines *all;
	char name[MACHINE_NAME_MAX + 1];
	struct mm_config config;
	uint64_t born_seq;		/* seq it began with: 0, or a fork's */
	bool forked;			/* its first state is not a boot's */
	/* under the machine's lock */
	pthread_mutex_t lock;		/* recursive */
	bool gone;			/* destroyed: whoever waited is told so */
	_Atomic bool unwanted;		/* set without the lock: to be destroyed as soon as
					 * whoever works on it has left */
	struct machine m;
	uint64_t seq;
	char read_only[192];		/* why; "" if it is not */
	uint64_t charged;		/* frames counted in the registry's sum */
	struct history history;
	struct snapshots snapshots;
	uint64_t keyframe_at;		/* history.allocated at the last regular one */
	bool in_run;			/* between begin and commit or rollback */
	struct mm_poll work;		/* what the core may do in one go, see hosted.c */
	int64_t allowed;		/* work, until it is a walk without an end */
	struct history_mark run_mark;	/* where the run began */
};

/* ---- hostmem.c: the host's memory of a machine ---- */

/* Reserve the ranges of a machine, sizes in bytes; false: the host refuses. */
bool hostmem_reserve(struct machine *m, uint64_t ram, uint64_t disk);
void hostmem_release(struct machine *m);
/* Give freed frames back to the host, when there are enough to be worth it. */
void hostmem_trim(struct machine *m);
/* Sparse memory of its own, zero; NULL: the host refuses. */
void *hostmem_map(uint64_t bytes);
void hostmem_unmap(void *p, uint64_t bytes);
/* Zero again, and no memory behind it. */
void hostmem_discard(void *p, uint64_t bytes);
/* Make @to, freshly reserved, equal to @from. */
void hostmem_copy(struct machine *to, const struct machine *from);
/* Make @m equal to @from, writing only the frames that differ. */
void hostmem_become(struct machine *m, const struct machine *from);
/* Chunks of the maps that are in use: host pages, about. */
uint64_t hostmem_map_frames(const struct machine *m);

/* ---- hosted.c ---- */

/* False with -32005 on a quarantined machine. */
bool hosted_writable(const struct hosted *h, struct rpc_error *error);
/* Frames of host memory: RAM and what snapshots hold. */
uint64_t hosted_frames(const struct hosted *h);
/* Bring the registry's sum up to date. */
void hosted_charge(struct hosted *h);
/* May the host hold @frames more for this machine? -32004. */
bool hosted_room(const struct hosted *h, uint64_t frames,
		 struct rpc_error *error);
/* Read-only from here on; logged, and dumped. */
void hosted_quarantine(struct hosted *h, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
const char *op_method(enum op_code code);
/* From here on whoever looks inside is watched: a walk without an end is a panic, and
 * on a loop a long one is left (panic_later()). Until hosted_end_look(). */
void hosted_watch_look(struct hosted *h);
void hosted_end_look(struct hosted *h);
/* A method that held @h panicked: quarantine it, and say so in @error (-32603). */
void hosted_panicked(struct hosted *h, const struct panic_report *report,
		     const char *what, struct rpc_error *error);

/* ---- past.c ---- */

/**
 * past_state - the machine as it was after operation @seq
 * @h:   locked
 * @out: reserved and filled in; hostmem_release() it
 * Returns: false with -32006 or -32004.
 */
bool past_state(struct hosted *h, uint64_t seq, struct machine *out,
		struct rpc_error *error);

/* ---- keyframes.c ---- */

/**
 * keyframes_tend - keep the history within its bounds, and what it holds in reach
 * @lost: the last operation cannot be run again
 * After each operation. Takes a keyframe now and then, which costs a walk over the
 * frames changed since the last point. Never fails.
 */
void keyframes_tend(struct hosted *h, bool lost);
/* The machine became again what it was at @to_seq, which is in the history now. */
void keyframes_reverted(struct hosted *h, uint64_t to_seq);
/* A point that is live: nobody wants it any more, unless the history does. */
void keyframes_point_goes(struct hosted *h, uint32_t index);

/* ---- dump.c ---- */

/* Write what is needed to find our mistake to the dump folder. */
void dump_machine(const struct hosted *h, const char *dir);

/* ---- machines.c ---- */

const char *machines_dump_dir(const struct machines *all);
/* Fills in why nobody works on @h any more: -32008 where the daemon stops, else -32001.
 * Returns false. */
bool hosted_no_more(const struct hosted *h, struct rpc_error *error);
bool machines_stopping(const struct machines *all);
void machines_charge(struct machines *all, int64_t frames);
/* An empty machine, listed and locked; machines_destroy() takes it back. */
struct hosted *machines_add(struct machines *all, const char *name,
			    const struct mm_config *config,
			    struct rpc_error *error);

#endif
