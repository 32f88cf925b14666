/* SPDX-License-Identifier: MIT */
/* The thread pool: libuv's, made before anybody is served. */
#ifndef SERVER_POOL_H
#define SERVER_POOL_H

#include <stdbool.h>
#include <stdint.h>

/**
 * pool_start - make the threads that long work runs on
 *
 * libuv makes its pool at the first long call, and ends the process where the host gives
 * no thread (ulimit -v, pids.max). So the threads are tried first, as many as can be had
 * up to 16 (UV_THREADPOOL_SIZE overrules that), and the pool is made at once.
 *
 * Returns: how many threads it has; 0 where the host gives none, logged. Once.
 */
uint32_t pool_start(void);

/* The thread that calls it gives way to the loops, which others wait for. Cheap after
 * the first time. */
void pool_give_way(void);

#endif
