/* SPDX-License-Identifier: MIT */
/*
 * The machines a daemon hosts: registry, locks, quotas, history, snapshots.
 * The only caller of mm_step().
 */
#ifndef SERVER_MACHINES_H
#define SERVER_MACHINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mmcore/mmcore.h"
#include "server/may_wait.h"

#define MACHINE_NAME_MAX 64

struct machines;		/* the registry */
struct hosted;			/* one machine, as the daemon holds it */

/* Bounds; each is an error that says so (-32004). */
struct machine_limits {
	uint32_t machines;		/* hosted at once: 1024 */
	uint64_t resident_frames;	/* host memory of one machine: 262144 (1 GiB) */
	uint64_t total_resident_frames;	/* of all: half of host_memory() */
	uint64_t history_bytes;		/* of one machine: 4 MiB, oldest goes */
	uint32_t snapshots;		/* of one machine: 64 */
	uint64_t snapshot_frames;	/* held by one machine's snapshots: 262144 */
	uint64_t op_frames;		/* one operation's bound: 1048576 */
	uint64_t walk_at_least;		/* entries that any look or operation may meet, a
					 * ring of pointers included: 2^26 */
};

/* An operation that may visit more frames than this is not run on a loop. */
#define LOOP_WORK_MAX	4096

struct machine_limits machine_limits_default(void);

struct machines *machines_new(const struct machine_limits *limits);
/* Nobody may hold a machine any more. */
void machines_free(struct machines *all);
const struct machine_limits *machines_limits(const struct machines *all);
/* Hosted now; frames of host memory that all of them hold. */
uint32_t machines_count(struct machines *all);
uint64_t machines_frames(const struct machines *all);
/* Where a quarantined machine's RAM and history are written for us; NULL (the
 * default): only the log tells. Borrowed. */
void machines_set_dump_dir(struct machines *all, const char *dir);

/**
 * machines_create - make and boot a machine
 * @name: valid; "" makes one up ("m1", "m2", …)
 * Returns: the machine, locked; NULL with *error (-32003, -32004, -32602).
 */
struct hosted *machines_create(struct machines *all, const char *name,
			       const struct mm_config *config,
			       struct rpc_error *error);

/**
 * machines_lock - find a machine and hold its lock
 * Returns: NULL with *error = -32001 if there is none, or deferred where it is
 * held and rpc_may_wait() is false. A machine is never freed while somebody
 * holds it. The lock is recursive: machine.run holds it around the methods it
 * calls.
 */
struct hosted *machines_lock(struct machines *all, const char *name,
			     struct rpc_error *error);
/* Never waits: NULL with *busy true where another thread holds it, else with
 * *error = -32001. */
struct hosted *machines_trylock(struct machines *all, const char *name,
				bool *busy, struct rpc_error *error);
void machines_unlock(struct hosted *h);

/**
 * machines_guard - run a method so that a broken machine costs no other
 * @method: does the work; what it locks above what is held already is let go of
 *          where it panics
 * @what:   its name
 * @look:   it changes nothing: on a loop it is deferred where it turns out to be long
 *
 * Where an invariant breaks, or a wild pointer leaves a machine's memory, the machine
 * locked last is quarantined. What @method had allocated is lost then.
 * Returns: what @method returned; false with *error = -32603 where it panicked.
 */
bool machines_guard(bool (*method)(void *ctx), void *ctx, const char *what,
		    bool look, struct rpc_error *error);

/* Remove from the registry; @h stays locked, and is freed when the last holder
 * lets go. Whoever waits for its lock is told -32001. */
void machines_destroy(struct hosted *h);

/**
 * machines_destroy_named - destroy a machine, whoever works on it
 *
 * A run, an operation or a look that is under way is left at its next poll, and what
 * waits for the machine is told that there is none.
 * Returns: false with *error = -32001, or deferred until the machine has been left.
 */
bool machines_destroy_named(struct machines *all, const char *name,
			    struct rpc_error *error);

/* From here on whatever takes long is left, and told -32008 "stopping". Any thread. */
void machines_stop(struct machines *all);

/* May work on @h, which is locked, go on? False with *error where it was destroyed or
 * the daemon stops meanwhile: then nobody touches the machine again. */
bool hosted_go_on(struct hosted *h, struct rpc_error *error);

/* Calls @visit with each machine, by name, holding its lock (one at a time).
 * False: deferred, one was held and rpc_may_wait() is false. */
bool machines_each(struct machines *all,
		   void (*visit)(struct hosted *h, void *ctx), void *ctx,
		   struct rpc_error *error);

const char *hosted_name(const struct hosted *h);
const struct machine *hosted_machine(const struct hosted *h);
uint64_t hosted_seq(const struct hosted *h);
/* NULL, or why it is read-only (an invariant broke: quarantined). */
const char *hosted_read_only(const struct hosted *h);
const struct mm_config *hosted_config(const struct hosted *h);
/* Host memory of it, bytes. */
uint64_t hosted_bytes(const struct hosted *h);

/**
 * hosted_apply - run one operation
 * @h:     locked
 * @op:    operation
 * @res:   result
 * @trace: where to narrate, or NULL
 * @error: filled in where it returns false; then nothing has changed
 *
 * Checks quotas, runs mm_step() guarded against our own panics, and where the
 * operation ran raises seq and appends it to the history. A panic quarantines
 * the machine: this operation answers -32603, each later one -32005 with the
 * reason; what was done before can still be looked at.
 *
 * Errors: -32002 no such process, -32004 a quota, -32005, -32602, -32603; or
 * deferred: more than LOOP_WORK_MAX frames where rpc_may_wait() is false.
 */
bool hosted_apply(struct hosted *h, const struct op *op,
		  struct op_result *res, struct trace *trace,
		  struct rpc_error *error);

/**
 * hosted_read - look inside, guarded
 * @look: only reads the machine; it must own nothing that a longjmp() past it
 *        would leak, and hold no other lock
 *
 * Returns: false with *error = -32603 where it ran into a broken invariant (the
 * machine is quarantined then), else what @look returned.
 */
bool hosted_read(struct hosted *h, bool (*look)(void *ctx), void *ctx,
		 struct rpc_error *error);

/* The digest: XXH3-128 over the frames in use, 32 hex digits and a NUL. */
void hosted_digest(const struct hosted *h, char hex[33]);

/*
 * A snapshot of the state now. @name: not empty; a name that is in use moves
 * here. Costs what changed since the snapshot before; what it will hold is
 * copied as it changes. Fails with -32004.
 */
bool hosted_snapshot(struct hosted *h, const char *name,
		     struct rpc_error *error);
/* Names and seqs, oldest first. */
void hosted_snapshots(const struct hosted *h,
		      void (*visit)(const char *name, uint64_t seq, void *ctx),
		      void *ctx);
/* The seq a snapshot was taken at; false: there is none of that name. */
bool hosted_snapshot_seq(const struct hosted *h, const char *name,
			 uint64_t *seq);
/*
 * Back to a snapshot: an operation of its own, so seq grows. @name or, if "",
 * the state at @seq: a snapshot taken there, or replayed from the nearest
 * state before it through the history. -32006: no such snapshot, or the
 * history needed has been dropped.
 */
bool hosted_revert(struct hosted *h, const char *name, uint64_t seq,
		   struct rpc_error *error);
/* A new machine with this one's state and seq (now, or at @seq as above), its
 * own history and future; locked. */
struct hosted *hosted_fork(struct hosted *h, const char *name, bool at_seq,
			   uint64_t seq, struct rpc_error *error);

/* An unnamed snapshot for machine.run's atomic: taken, dropped, or restored
 * with seq, history and snapshots as they were. Does not nest. */
bool hosted_begin(struct hosted *h, struct rpc_error *error);
void hosted_commit(struct hosted *h);
void hosted_rollback(struct hosted *h);

/* One entry of the history, as it is given to a visitor. */
struct history_entry {
	uint64_t seq;
	const char *method;	/* "sys.mmap", "machine.revert", … */
	const struct op *op;	/* NULL for a revert */
	const struct op_result *res;
	const char *snapshot;	/* revert: what was restored */
	uint64_t to_seq;
	uint64_t data_dropped;	/* bytes of op->data or of its arrays that were
				 * too long to be kept; 0: nothing was */
};

/* Entries with seq > @since, oldest first, at most @limit. Returns the first
 * seq still held (older entries have been dropped). */
uint64_t hosted_history(const struct hosted *h, uint64_t since,
			uint64_t limit,
			void (*visit)(const struct history_entry *e, void *ctx),
			void *ctx);

#endif
