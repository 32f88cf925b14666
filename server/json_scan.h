/* SPDX-License-Identifier: MIT */
/*
 * The scan in front of jansson: one pass over a body's bytes that refuses what
 * would cost the parser out of proportion to its size. It does not validate;
 * what it lets through may still be no JSON.
 */
#ifndef SERVER_JSON_SCAN_H
#define SERVER_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>

#define JSON_SCAN_DEPTH		32	/* [ and { open at once */
#define JSON_SCAN_VALUES	131072	/* values in a body, containers too */
#define JSON_SCAN_BATCH		10000	/* elements of a top-level array */
#define JSON_SCAN_MEMBERS	1024	/* of one object */

enum json_scan_fault {
	JSON_SCAN_FINE,
	JSON_SCAN_NUL,			/* a zero byte: no JSON has one */
	JSON_SCAN_DEEP,
	JSON_SCAN_MANY_VALUES,
	JSON_SCAN_LONG_BATCH,
	JSON_SCAN_MANY_MEMBERS,
};

struct json_scan {
	enum json_scan_fault fault;
	size_t at;			/* the byte where it was found */
	uint32_t values;
	uint32_t batch;			/* elements, where the body is an array */
};

/**
 * json_scan - look over a body before it is parsed
 * @text: bytes
 * @len:  how many
 *
 * Depth and counts are exact for well-formed JSON; for anything else they are
 * what brackets and commas outside strings suggest.
 *
 * Returns: the first fault, or JSON_SCAN_FINE with the counts.
 * Cost:    O(len), about a nanosecond a byte at most.
 */
struct json_scan json_scan(const char *text, size_t len);

/* A sentence about a fault that is not JSON_SCAN_FINE. */
const char *json_scan_why(enum json_scan_fault fault);

#endif
