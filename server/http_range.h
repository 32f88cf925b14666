/* SPDX-License-Identifier: MIT */
/*
 * Ranges of bytes: the Range field of a GET, and Content-Range of its answer
 * (RFC 9110, section 14). Pure: text in, numbers out.
 */
#ifndef SERVER_HTTP_RANGE_H
#define SERVER_HTTP_RANGE_H

#include <stdint.h>

/* Bytes [first, first + length) of what was asked for. */
struct http_range {
	uint64_t first, length;
};

enum http_selection {
	RANGE_WHOLE,		/* 200: all of it */
	RANGE_PART,		/* 206 */
	RANGE_UNSATISFIABLE,	/* 416 */
};

/**
 * http_range_select - which bytes a Range asks for
 * @field: the field's value; NULL: there was none
 * @size:  bytes of the whole
 * @range: the bytes to send; all of them, or none, where it is not a part
 *
 * What is no range of bytes is ignored, as the RFC tells; so is more than one
 * range, as it allows: the answer is then the whole.
 */
enum http_selection http_range_select(const char *field, uint64_t size,
				      struct http_range *range);

#define CONTENT_RANGE_MAX 80

/* "bytes 0-99/1234", or "bytes" and "*" for the first part where unsatisfiable. */
void http_content_range(char text[CONTENT_RANGE_MAX],
			enum http_selection selection,
			const struct http_range *range, uint64_t size);

#endif
