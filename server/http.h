/* SPDX-License-Identifier: MIT */
/*
 * HTTP: routes, statuses and headers. One of these runs in each worker's loop.
 * Knows bytes, paths and the envelope's rpc_handle(); nothing of machines.
 */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include "server/http_head.h"
#include "server/loop.h"
#include "server/server.h"

struct http;

struct http_setup {
	struct server *server;
	const struct http_rules *rules;
	struct loop *loop;	/* to be initialised with *client */
	int listen_fd;		/* owned from here on */
	uint32_t connections;	/* at most, at a time */
};

/**
 * http_new - the HTTP side of one worker
 * @client: filled in: what its loop is to drive
 *
 * Returns: NULL where memory or descriptors ran out.
 */
struct http *http_new(const struct http_setup *setup,
		      struct loop_client *client);
/* After its loop has returned. */
void http_free(struct http *h);

/* Version of the HTTP library at run time. */
const char *http_library_version(void);

#endif
