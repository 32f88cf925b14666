/* SPDX-License-Identifier: MIT */
/*
 * Why responses are kept
 * ----------------------
 *
 * To the library a response is an object with a buffer and a list of headers.
 * One is made for each answer, each header costs three allocations, and all of
 * them are freed as soon as the answer has been sent. Nearly all our answers
 * are short, differ in a few digits, and have the same five headers; for them
 * this was a third of what we add to the library's own time.
 *
 * A response cannot be given other bytes, or another length, but it only refers
 * to its buffer, and it reads that while it is being sent and at no other time.
 * So a response whose buffer is ours is put back when its answer is out, and
 * the next answer of that length is written over the last one. Nothing of what
 * was said is used again, only the envelope it went in.
 *
 * One idle response of each length is enough, since an answer normally leaves
 * before the next request is looked at; where a client is slow to take its
 * answer, others of that length are made, and freed when they come back. A full
 * shelf takes about 400 KiB.
 */
#include "server/http_shelf.h"

#include <stdlib.h>
#include <string.h>

static void kept_free(struct http_kept *kept)
{
	MHD_destroy_response(kept->response);
	free(kept);
}

static struct http_kept *kept_new(size_t len)
{
	struct http_kept *kept = malloc(sizeof(*kept) + len);

	if (!kept)
		return NULL;
	kept->len = len;
	kept->response = MHD_create_response_from_buffer(
		len, kept->bytes, MHD_RESPMEM_PERSISTENT);
	if (kept->response)
		return kept;
	free(kept);
	return NULL;
}

struct http_kept *http_shelf_take(struct http_shelf *shelf, const char *text,
				  size_t len, bool *fresh)
{
	struct http_kept *kept = shelf->idle[len];

	shelf->idle[len] = NULL;
	*fresh = !kept;
	if (!kept)
		kept = kept_new(len);
	if (kept)
		memcpy(kept->bytes, text, len);
	return kept;
}

void http_shelf_put(struct http_shelf *shelf, struct http_kept *kept)
{
	if (shelf->idle[kept->len])
		kept_free(kept);
	else
		shelf->idle[kept->len] = kept;
}

void http_shelf_free(struct http_shelf *shelf)
{
	for (size_t len = 0; len <= SHELF_LONGEST; len++)
		if (shelf->idle[len])
			kept_free(shelf->idle[len]);
}
