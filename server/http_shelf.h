/* SPDX-License-Identifier: MIT */
/* Responses of the library's that are used again: those of short answers. */
#ifndef SERVER_HTTP_SHELF_H
#define SERVER_HTTP_SHELF_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#define SHELF_LONGEST	255		/* bytes of an answer that is kept */

/* A response and the bytes it sends. */
struct http_kept {
	struct MHD_Response *response;
	size_t len;
	char bytes[];
};

/* The idle ones of one worker, at most one of each length. */
struct http_shelf {
	struct http_kept *idle[SHELF_LONGEST + 1];
};

/**
 * http_shelf_take - a response that says @text
 * @shelf: where to look for one that is idle
 * @text:  is copied
 * @len:   its length, at most SHELF_LONGEST
 * @fresh: set to true where the response has just been made: then it has no
 *         headers yet. All on one shelf are given the same ones
 *
 * Returns: the caller's until http_shelf_put(); NULL: out of memory.
 */
struct http_kept *http_shelf_take(struct http_shelf *shelf, const char *text,
				  size_t len, bool *fresh);
/* The library has sent it, or never will. */
void http_shelf_put(struct http_shelf *shelf, struct http_kept *kept);
void http_shelf_free(struct http_shelf *shelf);

#endif
