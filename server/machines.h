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
#include "server/rpc.h"

#define MACHINE_NAME_MAX 64

struct machines;		/* the registry */
struct hosted;			/* one machine, as the daemon holds it */

/* Bounds; each is an error that says so (-32004). */
struct machine_limits {
	uint32_t machines;		/* hosted at once: 1024 */
	uint64_t resident_frames;	/* host memory of one machine: 262144 (1 GiB) */
	uint64_t total_resident_frames;	/* of all: half of the host's RAM */
	uint64_t history_bytes;		/* of one machine: 4 MiB, oldest goes */
	uint32_t snapshots;		/* of one machine: 64 */
	uint64_t snapshot_frames;	/* held by one machine's snapshots: 262144 */
	uint64_t op_frames;		/* one operation's bound: 1048576 */
};

struct machine_limits machine_limits_default(void);

struct machines *machines_new(const struct machine_limits *limits);
void machines_free(struct machines *all);

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
 * Returns: NULL with *error = -32001 if there is none. A machine is never
 * freed while somebody holds it. The lock is recursive: machine.run holds it
 * around the methods it calls.
 */
struct hosted *machines_lock(struct machines *all, const char *name,
			     struct rpc_error *error);
void machines_unlock(struct hosted *h);

/* Remove from the registry; freed when the last holder lets go. */
void machines_destroy(struct hosted *h);

/* Calls @visit with each machine, by name, holding its lock. */
void machines_each(struct machines *all,
		   void (*visit)(struct hosted *h, void *ctx), void *ctx);

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
 * operation ran raises seq and appends it to the history.
 */
bool hosted_apply(struct hosted *h, const struct op *op,
		  struct op_result *res, struct trace *trace,
		  struct rpc_error *error);

/* The digest: XXH3-128 over the frames in use, 32 hex digits and a NUL. */
void hosted_digest(const struct hosted *h, char hex[33]);

/* Snapshots, by name (or "" with a seq: the state at that seq, if held). */
bool hosted_snapshot(struct hosted *h, const char *name,
		     struct rpc_error *error);
/* An operation of its own: seq grows. @name or, if "", @seq. */
bool hosted_revert(struct hosted *h, const char *name, uint64_t seq,
		   struct rpc_error *error);
/* A new machine with this one's state (now, or at @seq); locked. */
struct hosted *hosted_fork(struct hosted *h, const char *name, bool at_seq,
			   uint64_t seq, struct rpc_error *error);

/* An unnamed snapshot for machine.run's atomic: taken, dropped, or restored
 * with seq and history as they were. */
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
};

/* Entries with seq > @since, oldest first, at most @limit. Returns the first
 * seq still held (older entries have been dropped). */
uint64_t hosted_history(const struct hosted *h, uint64_t since,
			uint64_t limit,
			void (*visit)(const struct history_entry *e, void *ctx),
			void *ctx);

#endif
