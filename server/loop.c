/* SPDX-License-Identifier: MIT */
/*
 * The client's descriptor is an epoll instance inside libuv's epoll. Three
 * things the library behind it needs are easily forgotten: its sockets are
 * edge-triggered, so it must be run again until it has no timeout of zero; its
 * timeout must be honoured even when no event comes; and what other threads
 * finish for it shows on no descriptor, so completions ask for a run. These are
 * gathered: one run answers all that finished in one turn of the loop.
 */
#include "server/loop.h"
#include "server/pool.h"

#include <string.h>

#define RUNS_MAX 64		/* in a row, before others get their turn */

static struct loop *loop_of(uv_handle_t *handle)
{
	return handle->loop->data;
}

static void rearm_timeout(struct loop *l)
{
	int64_t ms = l->client.timeout(l->client.ctx);

	if (ms < 0)
		uv_timer_stop(&l->timeout);
	else
		uv_timer_start(&l->timeout, l->timeout.timer_cb, (uint64_t)ms,
			       0);
}

static void on_tick(uv_timer_t *timer);

static void run_client(struct loop *l)
{
	int runs = 0;

	l->wanted = false;
	do {
		l->client.run(l->client.ctx, uv_now(&l->uv));
	} while (l->client.timeout(l->client.ctx) == 0 && ++runs < RUNS_MAX);
	rearm_timeout(l);
	if (!uv_is_active((uv_handle_t *)&l->tick))
		uv_timer_start(&l->tick, on_tick, LOOP_SWEEP_MS,
			       LOOP_SWEEP_MS);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	run_client(loop_of((uv_handle_t *)poll));
}

static void on_timeout(uv_timer_t *timer)
{
	run_client(loop_of((uv_handle_t *)timer));
}

static void on_check(uv_check_t *check)
{
	struct loop *l = loop_of((uv_handle_t *)check);

	if (l->wanted)
		run_client(l);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void on_tick(uv_timer_t *timer)
{
	struct loop *l = loop_of((uv_handle_t *)timer);

	if (!l->client.sweep(l->client.ctx, uv_now(&l->uv)) && !l->draining)
		uv_timer_stop(&l->tick);
	if (l->draining && (l->client.drained(l->client.ctx) ||
			    uv_now(&l->uv) > l->drain_until_ms))
		uv_walk(&l->uv, close_handle, NULL);
}

static void on_stop(uv_async_t *async)
{
	struct loop *l = loop_of((uv_handle_t *)async);

	if (l->draining)
		return;
	l->draining = true;
	l->drain_until_ms = uv_now(&l->uv) + LOOP_DRAIN_MS;
	uv_timer_start(&l->tick, on_tick, 0, LOOP_SWEEP_MS / 10);
}

static void start_handles(struct loop *l)
{
	uv_timer_init(&l->uv, &l->timeout);
	uv_timer_init(&l->uv, &l->tick);
	uv_check_init(&l->uv, &l->check);
	uv_timer_start(&l->timeout, on_timeout, 0, 0);
	uv_timer_start(&l->tick, on_tick, LOOP_SWEEP_MS, LOOP_SWEEP_MS);
	uv_check_start(&l->check, on_check);
}

int loop_init(struct loop *l, const struct loop_client *client)
{
	int err;

	memset(l, 0, sizeof(*l));
	l->client = *client;
	err = uv_loop_init(&l->uv);
	if (err)
		return err;
	l->uv.data = l;
	start_handles(l);
	err = uv_async_init(&l->uv, &l->stop, on_stop);
	if (!err)
		err = uv_poll_init(&l->uv, &l->poll, client->fd);
	if (!err)
		err = uv_poll_start(&l->poll, UV_READABLE, on_readable);
	if (err) {
		uv_walk(&l->uv, close_handle, NULL);
		loop_run(l);
		loop_free(l);
	}
	return err;
}

void loop_run(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_free(struct loop *l)
{
	uv_loop_close(&l->uv);
}

void loop_stop(struct loop *l)
{
	uv_async_send(&l->stop);
}

void loop_want_run(struct loop *l)
{
	l->wanted = true;
}

static void do_work(uv_work_t *uv)
{
	struct loop_job *job = uv->data;

	pool_give_way();
	job->work(job);
}

static void work_done(uv_work_t *uv, int status)
{
	struct loop_job *job = uv->data;

	(void)status;
	job->after(job);
	loop_want_run(job->loop);
}

bool loop_submit(struct loop *l, struct loop_job *job)
{
	job->loop = l;
	job->uv.data = job;
	return !uv_queue_work(&l->uv, &job->uv, do_work, work_done);
}
