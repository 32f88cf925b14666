/* SPDX-License-Identifier: MIT */
/*
 * The one way out for JSON: a streaming writer that appends to a growing
 * buffer. No tree is built. Commas and nesting are the writer's business; a
 * caller alternates keys and values. Memory running out is remembered and
 * makes all further calls do nothing: check once, at the end.
 */
#ifndef SERVER_JSON_WRITER_H
#define SERVER_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_WRITER_DEPTH 32

struct json_writer {
	char *buf;		/* owned; NUL is not appended */
	size_t len, cap;
	size_t limit;		/* most bytes it may grow to; 0: no limit */
	bool failed;		/* out of memory, or past the limit */
	uint8_t depth;
	bool comma[JSON_WRITER_DEPTH + 1];	/* something precedes at this depth */
};

void json_writer_init(struct json_writer *w, size_t limit);
/* Forget the text, keep the buffer. */
void json_writer_reset(struct json_writer *w);
void json_writer_free(struct json_writer *w);
/* Undo everything written after @len (a mark taken from w->len earlier, at the
 * same depth), so that an error can replace a half-written result. */
void json_writer_rewind(struct json_writer *w, size_t len, uint8_t depth,
			bool comma);
/* Room for @need more bytes at w->buf + w->len; false: failed. */
bool json_writer_room(struct json_writer *w, size_t need);

void json_object_begin(struct json_writer *w);
void json_object_close(struct json_writer *w);
void json_array_begin(struct json_writer *w);
void json_array_close(struct json_writer *w);
/* @key: plain ASCII that needs no escaping. */
void json_key(struct json_writer *w, const char *key);

void json_put_null(struct json_writer *w);
void json_put_bool(struct json_writer *w, bool value);
/* A JSON integer, or a hex string from 2^53 up (docs/api.md section 2). */
void json_put_uint(struct json_writer *w, uint64_t value);
void json_put_int(struct json_writer *w, int64_t value);
/* A JSON integer, however large: for numbers that are a client's. */
void json_put_digits(struct json_writer *w, int64_t value);
/* "0x…", lower case, no leading zeros. */
void json_put_hex(struct json_writer *w, uint64_t value);
/* A string, escaped; invalid UTF-8 bytes become U+FFFD. */
void json_put_string(struct json_writer *w, const char *text);
void json_put_stringn(struct json_writer *w, const char *text, size_t len);
/* Text that already is one JSON value (an echoed id). */
void json_put_raw(struct json_writer *w, const char *text, size_t len);

/* key and value in one. */
void json_pair_uint(struct json_writer *w, const char *key, uint64_t value);
void json_pair_int(struct json_writer *w, const char *key, int64_t value);
void json_pair_hex(struct json_writer *w, const char *key, uint64_t value);
void json_pair_bool(struct json_writer *w, const char *key, bool value);
void json_pair_string(struct json_writer *w, const char *key,
		      const char *text);

#endif
