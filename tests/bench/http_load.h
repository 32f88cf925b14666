/* SPDX-License-Identifier: MIT */
/* A load on one HTTP server: keep-alive connections that wait for each answer. */
#ifndef TESTS_BENCH_HTTP_LOAD_H
#define TESTS_BENCH_HTTP_LOAD_H

#include <stddef.h>
#include <stdint.h>

/* An answer's body, and the whole of it with its head. */
struct answer {
	char *bytes;		/* ends with a zero byte; the caller frees it */
	const char *body;	/* inside bytes */
	size_t body_len;
};

/* POST one body to /rpc on a connection of its own; exits where it cannot. */
struct answer http_post(uint16_t port, const char *body, size_t len);

/*
 * Open @connections and send @requests in all, the bodies of a connection
 * taking turns: body(connection, turn) names them. Every status must be 200,
 * else the program ends. Returns: requests per second.
 */
double http_load(uint16_t port, unsigned int connections, uint64_t requests,
		 const char *(*body)(unsigned int connection, uint64_t turn));

double seconds_now(void);

#endif
