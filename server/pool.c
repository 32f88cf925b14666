/* SPDX-License-Identifier: MIT */
#include "server/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "server/log.h"

#define THREADS		16	/* they mostly wait for each other */
#define SPARE		3	/* threads that the workers and the loops need beside it */
#define NICENESS	10

/* ---- how many can there be? ---- */

static void *wait_for_the_rest(void *arg)
{
	pthread_mutex_t *all_made = arg;

	pthread_mutex_lock(all_made);
	pthread_mutex_unlock(all_made);
	return NULL;
}

/* Threads that can be there at the same time, up to @most; *err says why no more. */
static uint32_t try_threads(uint32_t most, int *err)
{
	pthread_mutex_t all_made = PTHREAD_MUTEX_INITIALIZER;
	pthread_t thread[THREADS + SPARE];
	uint32_t nr = 0;

	*err = 0;
	pthread_mutex_lock(&all_made);
	while (nr < most && !*err) {
		*err = pthread_create(&thread[nr], NULL, wait_for_the_rest,
				      &all_made);
		nr += !*err;
	}
	pthread_mutex_unlock(&all_made);
	for (uint32_t i = 0; i < nr; i++)
		pthread_join(thread[i], NULL);
	return nr;
}

/* ---- the pool ---- */

static void nothing(uv_work_t *work)
{
	(void)work;
	pool_give_way();
}

static void no_more(uv_work_t *work, int status)
{
	(void)work;
	(void)status;
}

/* libuv makes all threads of its pool for the first piece of work. */
static bool make_pool(void)
{
	uv_loop_t loop;
	uv_work_t work;
	bool made;

	if (uv_loop_init(&loop))
		return false;
	made = !uv_queue_work(&loop, &work, nothing, no_more);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return made;
}

uint32_t pool_start(void)
{
	const char *asked = getenv("UV_THREADPOOL_SIZE");
	char text[16];
	uint32_t nr;
	int err;

	nr = try_threads(THREADS + SPARE, &err);
	if (nr <= SPARE) {
		log_error("the host gives no threads: %s (ulimit -v, ulimit -u, or "
			  "pids.max of the control group)", strerror(err));
		return 0;
	}
	nr -= SPARE;
	if (nr < THREADS)
		log_warning("the host gives %u threads for long work, %d are usual", nr,
			    THREADS);
	snprintf(text, sizeof(text), "%u", nr);
	if (!asked || atoi(asked) > (int)nr)
		setenv("UV_THREADPOOL_SIZE", text, 1);
	return make_pool() ? nr : 0;
}

void pool_give_way(void)
{
	static _Thread_local bool gave;

	if (gave)
		return;
	gave = true;
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
}
