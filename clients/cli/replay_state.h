/* SPDX-License-Identifier: MIT */
/* A replay on its way: what replay.c, replay_calls.c and report.c share. */
#ifndef CLIENTS_CLI_REPLAY_STATE_H
#define CLIENTS_CLI_REPLAY_STATE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "clients/cli/batch.h"
#include "clients/cli/calls.h"
#include "clients/cli/fds.h"

#define PROCS_MAX	65537
#define SHOWN_MAX	10	/* differences that are told */

/* A recorded process. */
struct proc {
	long pid;		/* on the machine; 0: not there yet; -1: gone */
	struct fds *fds;
	json_t *waiting;	/* events it has still to do; the first one would block */
	size_t next;		/* of waiting */
	int64_t done;		/* bytes of the first one that went through */
	size_t begun;		/* and pieces of it */
};

/* What an operation's result is held against. */
enum check_kind {
	CHECK_NOTHING,		/* it makes room for the next: must only run */
	CHECK_SETUP,		/* must be ok, else the replay cannot go on */
	CHECK_PART,		/* its result is added to the next one's */
	CHECK_RESULT,		/* equals the recorded one */
	CHECK_FORK,
	CHECK_TOUCH,
	CHECK_ACCESS,
	CHECK_MAPS,
};

struct check {
	enum check_kind kind;
	json_t *event;		/* borrowed */
	struct proc *proc;
};

struct replay {
	struct batch batch;
	struct check *checks;
	size_t nr_checks, room;
	struct proc *procs;	/* by recorded number */
	size_t last_proc;	/* the highest so far */
	json_t *filled;		/* paths of files that are to have bytes */
	json_t *folders;	/* those that were made */
	bool privileged, stop;
	int64_t sum;		/* of CHECK_PART */
	bool sum_failed;
	/* what is told at the end */
	unsigned long calls, agree, skipped, touches, touched, accesses, faults;
	unsigned long processes, maps_agree;
	json_t *skips;		/* name: how often */
	json_t *differences;	/* of the first ones */
	unsigned long differ;
	size_t waiting;		/* processes with something to do */
	bool blocked;		/* the operation just run would block */
	int64_t room_left;	/* and how much of it could be done */
	int64_t last;		/* what the last operation returned */
};

/* ---- replay.c ---- */

/* One more operation for the batch; @params: consumed. */
void add_op(struct replay *r, struct proc *proc, enum check_kind kind,
	    json_t *event, const char *method, json_t *params);

/* Run all of the batch, and hold results against what was recorded. */
void run_ops(struct replay *r);

/* What the simulation has not: counted by name. */
void skip(struct replay *r, const char *name);

/* ---- replay_calls.c ---- */

/**
 * replay_call - a recorded call as operations
 *
 * Sets r->blocked where it would block; nothing is counted then, and the event
 * is to come again. Follows what the descriptors are.
 */
void replay_call(struct replay *r, struct proc *proc, json_t *event);

/* What is open when a program begins. */
void replay_descriptors(struct replay *r, struct proc *proc, json_t *event);

/* ---- replay_files.c ---- */

/* Which files the recording asks holes of: r->filled. */
void find_filled_files(struct replay *r, const json_t *events);

/* A file as it was before the program used it. */
void replay_file(struct replay *r, json_t *event);

/* ---- replay_report.c ---- */

/* A difference of @event: what was recorded, and what came. */
void differ(struct replay *r, const json_t *event, const char *recorded,
	    const char *here);

/* One result of the machine. */
void hold_against(struct replay *r, const struct check *check,
		  const json_t *result);

/* What came of it all, as JSON or as text. */
void report_replay(const struct replay *r, bool json);

/* Whether nothing differs. */
bool all_agree(const struct replay *r);

#endif
