/* SPDX-License-Identifier: MIT */
/*
 * One worker's event loop: libuv, driving one client (HTTP) that has a
 * descriptor of its own to poll and its own idea of the next timeout.
 */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct loop;

/* What runs in a loop. All of it is called on the loop's thread. */
struct loop_client {
	void *ctx;
	int fd;			/* readable where there is something to do */
	/* Does what can be done without waiting. */
	void (*run)(void *ctx, uint64_t now_ms);
	/* Milliseconds until run() must be called at the latest; -1: never. */
	int64_t (*timeout)(void *ctx);
	/* Called ten times a second until it says false: nothing to watch.
	 * After a run() it is called again. */
	bool (*sweep)(void *ctx, uint64_t now_ms);
	/* Take no new work; true once the last is done. Called repeatedly. */
	bool (*drained)(void *ctx);
};

/* Work for the thread pool. */
struct loop_job {
	void (*work)(struct loop_job *job);	/* on a thread of the pool */
	void (*after)(struct loop_job *job);	/* back on the loop's thread */
	struct loop *loop;			/* set by loop_submit() */
	uv_work_t uv;
};

struct loop {
	uv_loop_t uv;
	struct loop_client client;
	uv_poll_t poll;
	uv_timer_t timeout;
	uv_timer_t tick;
	uv_check_t check;
	uv_async_t stop;
	bool wanted;		/* run() has been asked for */
	bool draining;
	uint64_t drain_until_ms;
};

#define LOOP_SWEEP_MS	100
#define LOOP_DRAIN_MS	5000	/* then what is left is cut off */

/* Returns: 0, or a libuv error. */
int loop_init(struct loop *l, const struct loop_client *client);
/* Serves until loop_stop() and the drain that follows. */
void loop_run(struct loop *l);
void loop_free(struct loop *l);

/* From any thread. */
void loop_stop(struct loop *l);

/* The client has something to do that its descriptor does not show: run() is
 * called before the loop sleeps. On the loop's thread. */
void loop_want_run(struct loop *l);

/* Returns: false where the pool does not take it. */
bool loop_submit(struct loop *l, struct loop_job *job);

#endif
