/* SPDX-License-Identifier: MIT */
#include "server/json_text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool starts_number(char c)
{
	return (c >= '0' && c <= '9') || c == '-';
}

static bool is_in_number(char c)
{
	return starts_number(c) || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* How many characters from @at on are one string, one number, or one of neither. */
static size_t token_length(const char *at, const char *end)
{
	const char *to = at + 1;

	if (*at == '"') {
		while (to < end && *to != '"')
			to += *to == '\\' && to + 1 < end ? 2 : 1;
		return (size_t)(to < end ? to + 1 - at : to - at);
	}
	if (!starts_number(*at))
		return 1;
	while (to < end && is_in_number(*to))
		to++;
	return (size_t)(to - at);
}

/* ---- ids ---- */

static const char *skip_spaces(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

struct json_ids json_ids_begin(const char *text, size_t len)
{
	struct json_ids ids = { .at = text, .end = text + len };

	ids.at = skip_spaces(ids.at, ids.end);
	ids.batch = ids.at < ids.end && *ids.at == '[';
	return ids;
}

/* Is a string "id"? Each character may be escaped, and in one way alone. */
static bool is_id(const char *string, const char *end)
{
	static const char *const escaped[] = { "\\u0069", "\\u0064" };

	string++;
	for (int i = 0; i < 2; i++) {
		if (*string == "id"[i])
			string++;
		else if (end - string > 6 && !memcmp(string, escaped[i], 6))
			string += 6;
		else
			return false;
	}
	return *string == '"';
}

/* The value of the key that ends at @at; NULL: that string is no key. */
static const char *value_behind(const char *at, const char *end)
{
	at = skip_spaces(at, end);
	if (at == end || *at != ':')
		return NULL;
	at = skip_spaces(at + 1, end);
	return at < end ? at : NULL;
}

/* Opens, closes or parts what the character opens, closes or parts. */
static void count(struct json_ids *ids, char c)
{
	if (c == '{' || c == '[')
		ids->depth++;
	else if (c == '}' || c == ']')
		ids->depth--;
	else if (c == ',' && ids->batch && ids->depth == 1)
		ids->element++;
}

const char *json_ids_find(struct json_ids *ids, uint32_t element, size_t *len)
{
	const uint32_t inside = ids->batch ? 2 : 1;

	while (ids->at < ids->end) {
		const char *token = ids->at, *value;

		ids->at += token_length(token, ids->end);
		count(ids, *token);
		if (*token != '"' || ids->element != element ||
		    ids->depth != inside || !is_id(token, ids->at))
			continue;
		value = value_behind(ids->at, ids->end);
		if (!value)
			continue;
		*len = token_length(value, ids->end);
		return value;
	}
	return NULL;
}

/* ---- numbers too large ---- */

static bool is_too_large(const char *number)
{
	errno = 0;
	if (strpbrk(number, ".eE"))
		return isinf(strtod(number, NULL));
	return strtoll(number, NULL, 10), errno == ERANGE;
}

static const char *skip_digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

/* Is it one by the grammar of RFC 8259, section 6? */
static bool is_number(const char *at, size_t len)
{
	const char *end = at + len, *digits;

	at += at < end && *at == '-';
	digits = at;
	at = skip_digits(at, end);
	if (at == digits || (*digits == '0' && at > digits + 1))
		return false;
	if (at < end && *at == '.') {
		digits = ++at;
		at = skip_digits(at, end);
		if (at == digits)
			return false;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		at++;
		at += at < end && (*at == '+' || *at == '-');
		digits = at;
		at = skip_digits(at, end);
		if (at == digits)
			return false;
	}
	return at == end;
}

/* What looks like a number of @len characters; returns how many it has become. */
static size_t put_number(char *to, const char *text, size_t len)
{
	char number[320];	/* longer ones have no double either */
	const size_t n = len < sizeof(number) ? len : sizeof(number) - 1;

	if (!is_number(text, len)) {
		*to = '-';	/* jansson looks at the size of 1e400e5 first */
		return 1;
	}
	memcpy(number, text, n);
	number[n] = '\0';
	if (n == len && !is_too_large(number)) {
		memcpy(to, text, len);
		return len;
	}
	if (n < len || strpbrk(number, ".eE"))
		return (size_t)sprintf(to, "1e300");
	return (size_t)sprintf(to, "%se0", number);
}

char *json_text_tame(const char *text, size_t len, size_t *tamed)
{
	const char *end = text + len;
	char *copy = malloc(2 * len + 16), *to = copy;

	if (!copy)
		return NULL;
	while (text < end) {
		const size_t n = token_length(text, end);

		if (starts_number(*text)) {
			to += put_number(to, text, n);
		} else {
			memcpy(to, text, n);
			to += n;
		}
		text += n;
	}
	*tamed = (size_t)(to - copy);
	return copy;
}
