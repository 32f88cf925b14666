/* SPDX-License-Identifier: MIT */
/*
 * JSON as it was written, for what jansson does not tell (how a number was
 * written) and for what it refuses (a number that no int64 and no double holds).
 * Looked at where that matters, which is rare.
 */
#ifndef SERVER_JSON_TEXT_H
#define SERVER_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A walk along the members called id of a request or of a batch's requests. */
struct json_ids {
	const char *at, *end;	/* bytes that have not been walked */
	uint32_t element;	/* of the batch, the one that @at is in */
	uint32_t depth;		/* containers open at @at */
	bool batch;
};

/* @text: @len bytes that jansson has accepted, or has after json_text_tame(). */
struct json_ids json_ids_begin(const char *text, size_t len);

/**
 * json_ids_find - how a request's id was written
 * @ids:     where the last search ended; goes on from there
 * @element: of the batch, behind that of the last search; 0 where there is none
 * @len:     bytes of the id
 *
 * Returns: the text of the id, within that of the body; NULL: there is no id.
 * Cost:    O(bytes between two searches), so one pass for a whole body.
 */
const char *json_ids_find(struct json_ids *ids, uint32_t element, size_t *len);

/**
 * json_text_tame - JSON with numbers that jansson takes
 * @text:  @len bytes, JSON or not
 * @tamed: length of what is returned
 * Each number that no int64 and no double holds becomes one that is merely too
 * large for everything: who it is for then says so by name. What only looks like a
 * number is none in the copy either.
 *
 * Returns: a text of its own, to be freed; NULL: no memory.
 */
char *json_text_tame(const char *text, size_t len, size_t *tamed);

#endif
