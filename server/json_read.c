/* SPDX-License-Identifier: MIT */
/*
 * jansson's parser asks for one character at a time, through two calls and a
 * check of its UTF-8, and gathers what it gets in a buffer, again one at a time:
 * a hundred instructions a byte, which made half of what a request cost us.
 * Nearly all requests are plain, though, and what is plain is read in a few.
 *
 * There are still not two opinions on what is JSON: the quick reader makes the
 * tree that jansson would make or none at all, and where it made none, jansson
 * reads the text from its start and finds the words for what is wrong.
 */
#include "server/json_read.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "server/json_scan.h"

#define DIGITS_MAX	18		/* of these, all fit into 64 bits */

struct reader {
	const char *p, *end;
	uint32_t depth;
};

struct piece {
	const char *at;
	size_t len;
};

/* Bytes that stand for themselves in a string. */
static const bool plain[256] = {
	[' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true,
};

static json_t *read_value(struct reader *r);

static void skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' ||
				 *r->p == '\r' || *r->p == '\t'))
		r->p++;
}

/* Is @c what comes next? */
static bool take(struct reader *r, char c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* Behind the opening quote. */
static bool read_text(struct reader *r, struct piece *text)
{
	const char *p = r->p;

	while (p < r->end && plain[(unsigned char)*p])
		p++;
	if (p == r->end || *p != '"')
		return false;
	*text = (struct piece){ r->p, (size_t)(p - r->p) };
	r->p = p + 1;
	return true;
}

static json_t *read_string(struct reader *r)
{
	struct piece text;

	r->p++;
	return read_text(r, &text) ? json_stringn_nocheck(text.at, text.len)
				   : NULL;
}

static bool is_digit(const struct reader *r)
{
	return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static bool is_fraction(const struct reader *r)
{
	return r->p < r->end && (*r->p == '.' || *r->p == 'e' || *r->p == 'E');
}

static json_t *read_integer(struct reader *r)
{
	bool negative = *r->p == '-';
	const char *first = r->p += negative;
	json_int_t value = 0;
	size_t digits;

	while (is_digit(r) && r->p - first < DIGITS_MAX)
		value = value * 10 + (*r->p++ - '0');
	digits = (size_t)(r->p - first);
	if (!digits || (*first == '0' && digits > 1) || is_digit(r) ||
	    is_fraction(r))
		return NULL;
	return json_integer(negative ? -value : value);
}

static json_t *read_word(struct reader *r, const char *word, json_t *value)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len))
		return NULL;
	r->p += len;
	return value;
}

static bool read_element(struct reader *r, json_t *array)
{
	json_t *value = read_value(r);

	return value && !json_array_append_new(array, value);
}

/* A key that was there already leaves the object as large as it was. */
static bool read_member(struct reader *r, json_t *object)
{
	size_t before = json_object_size(object);
	struct piece key;
	json_t *value;

	if (!take(r, '"') || !read_text(r, &key) || !take(r, ':'))
		return false;
	value = read_value(r);
	return value &&
	       !json_object_setn_new_nocheck(object, key.at, key.len, value) &&
	       json_object_size(object) > before;
}

static json_t *read_container(struct reader *r, json_t *container, char close,
			      bool (*read_one)(struct reader *r, json_t *to))
{
	bool good = ++r->depth <= JSON_SCAN_DEPTH && container;

	r->p++;
	if (good && !take(r, close)) {
		do
			good = read_one(r, container);
		while (good && take(r, ','));
		good = good && take(r, close);
	}
	r->depth--;
	if (good)
		return container;
	json_decref(container);
	return NULL;
}

static json_t *read_value(struct reader *r)
{
	skip_space(r);
	if (r->p == r->end)
		return NULL;
	switch (*r->p) {
	case '"':
		return read_string(r);
	case '{':
		return read_container(r, json_object(), '}', read_member);
	case '[':
		return read_container(r, json_array(), ']', read_element);
	case 't':
		return read_word(r, "true", json_true());
	case 'f':
		return read_word(r, "false", json_false());
	case 'n':
		return read_word(r, "null", json_null());
	default:
		return read_integer(r);
	}
}

json_t *json_read_plain(const char *text, size_t len)
{
	struct reader r = { .p = text, .end = text + len };
	json_t *value = read_value(&r);

	skip_space(&r);
	if (value && r.p == r.end &&
	    (json_is_object(value) || json_is_array(value)))
		return value;
	json_decref(value);
	return NULL;
}

json_t *json_read(const char *text, size_t len, json_error_t *e)
{
	json_t *value = json_read_plain(text, len);

	return value ? value : json_loadb(text, len, JSON_REJECT_DUPLICATES |
					  JSON_DECODE_ANY, e);
}
