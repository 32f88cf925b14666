/* SPDX-License-Identifier: MIT */
/*
 * The guard in front of libmicrohttpd: sees each byte of a connection before
 * the library does and lets through only what can be read in one way. Also
 * keeps the connection's absolute deadlines.
 */
#ifndef SERVER_HTTP_GUARD_H
#define SERVER_HTTP_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/http_head.h"
#include "server/http_outbox.h"

#define GUARD_ARRIVE_MS		10000	/* a request, first byte to last */
#define GUARD_IDLE_MS		30000	/* between two requests */
#define GUARD_ANSWER_MS		60000	/* an answer, to be taken */
#define GUARD_BEGIN_MS		90000	/* a request, to be asked for */

#define GUARD_LINGER_MS		2000	/* a refused client may finish */
#define GUARD_LINGERING		32	/* such clients at a time */

/* The connections of one worker; only its thread touches them. */
struct guard_list {
	const struct http_rules *rules;
	struct guard *first;
	uint32_t count;
	uint64_t now_ms;	/* the loop's clock, kept by its owner */
	bool in_turn;
	struct outbox outbox;	/* answers of this turn */
	struct guard_lingering {
		int fd;
		uint64_t until_ms;	/* 0: a free slot */
	} lingering[GUARD_LINGERING];
};

struct guard;

/* What a handler is told of a request. */
struct guard_request {
	enum http_fault fault;
	enum http_method method;
	uint16_t path_len;
	int16_t origin;		/* see struct http_head */
	bool json, coded, expects, ends;
};

/**
 * guard_open - a connection was accepted
 * @list: whose
 * @fd:   its socket
 *
 * From now on recv() on @fd goes through the guard.
 * Returns: NULL where memory or the table of descriptors ran out.
 */
struct guard *guard_open(struct guard_list *list, int fd);
/* It is about to be closed. */
void guard_close(struct guard *g);

/**
 * guard_begin - the library hands a request to us
 *
 * Returns: what the guard saw of it; NULL if it saw none: then nothing about
 * the request can be trusted. Valid until guard_done().
 */
const struct guard_request *guard_begin(struct guard *g);
/* What is wrong with the request begun, also if it showed up in its body. */
enum http_fault guard_fault(const struct guard *g);
/* Its answer is being sent; @usual: it is nothing special, and may wait for
 * the end of the turn where it is short. It has been sent. */
void guard_answering(struct guard *g, bool usual);
void guard_done(struct guard *g);

/* Around each turn of the library. At the end, answers that waited are sent. */
void guard_turn_begin(struct guard_list *list);
void guard_turn_end(struct guard_list *list);

/* Between two requests, with nothing of the next one here. */
bool guard_idle(const struct guard *g);

/* Several times a second: ends what has passed its deadline, by shutdown().
 * Returns: false if there is nothing to watch. */
bool guard_sweep(struct guard_list *list);
/* Ends what is idle. */
void guard_end_idle(struct guard_list *list);

/**
 * guard_recv - what recv() does on a guarded socket
 * @g:   connection
 * @buf: where the library wants bytes
 * @len: how many at most
 *
 * Returns: as recv(2): whole heads, chunk lines and body bytes only. In the
 * place of a head that is refused stands a harmless one, whose request's
 * guard_fault() is what was wrong.
 */
ssize_t guard_recv(struct guard *g, void *buf, size_t len);

/**
 * guard_send - what sendmsg() does on a guarded socket
 * @g:       connection
 * @message: bytes of an answer, in pieces
 * @flags:   as sendmsg(2)
 *
 * Returns: as sendmsg(2); all of it where the answer waits for the turn's end.
 */
ssize_t guard_send(struct guard *g, const struct msghdr *message, int flags);

#endif
