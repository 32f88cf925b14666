/* SPDX-License-Identifier: MIT */
/*
 * What jansson would do with hostile bytes, and how this prevents it: a
 * megabyte of "[{},{},…]" becomes eighty of heap, and a nesting that it
 * accepts is too deep for the stack of whoever walks it. Counting brackets and
 * commas outside strings bounds both before anything is allocated. An object's
 * members are bounded too, so that colliding keys stay harmless whatever the
 * hash seed.
 */
#include "server/json_scan.h"

#include <stdbool.h>
#include <string.h>

/* What a byte means outside strings; all other bytes mean nothing. */
enum meaning { NOTHING, QUOTE, OPEN, CLOSE, COMMA };

static const uint8_t meaning_of[256] = {
	['"'] = QUOTE, [','] = COMMA,
	['['] = OPEN, ['{'] = OPEN, [']'] = CLOSE, ['}'] = CLOSE,
};

struct scanner {
	const unsigned char *p, *end;
	struct json_scan found;
	uint32_t depth;
	uint32_t children[JSON_SCAN_DEPTH + 1];	/* so far, by depth */
	bool array[JSON_SCAN_DEPTH + 1];	/* [ rather than { */
};

#define ONES	0x0101010101010101ULL
#define HIGHS	0x8080808080808080ULL

/* Nonzero if one of the eight bytes of @x is zero. */
static inline uint64_t has_zero(uint64_t x)
{
	return (x - ONES) & ~x & HIGHS;
}

/* The first byte at or after @p that is a quote, a backslash or zero. */
static const unsigned char *string_stop(const unsigned char *p,
					const unsigned char *end)
{
	uint64_t x;

	for (; end - p >= 8; p += 8) {
		memcpy(&x, p, 8);
		if (has_zero(x) | has_zero(x ^ ONES * '"') |
		    has_zero(x ^ ONES * '\\'))
			break;
	}
	while (p < end && *p != '"' && *p != '\\' && *p)
		p++;
	return p;
}

/* @p is behind an opening quote; returns what follows the closing one. */
static const unsigned char *skip_string(const unsigned char *p,
					const unsigned char *end)
{
	while (p < end) {
		p = string_stop(p, end);
		if (p == end || *p == 0)
			return p;
		if (*p++ == '"')
			return p;
		if (p < end && *p)	/* whatever a backslash escapes */
			p++;
	}
	return p;
}

static bool is_space(unsigned char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool fault(struct scanner *s, enum json_scan_fault what)
{
	s->found.fault = what;
	return false;
}

/* One more value directly inside the container that is open. */
static bool count_child(struct scanner *s)
{
	uint32_t n = ++s->children[s->depth];

	if (++s->found.values > JSON_SCAN_VALUES)
		return fault(s, JSON_SCAN_MANY_VALUES);
	if (!s->array[s->depth])
		return n <= JSON_SCAN_MEMBERS || s->depth == 0 ||
		       fault(s, JSON_SCAN_MANY_MEMBERS);
	if (s->depth != 1)
		return true;
	s->found.batch = n;
	return n <= JSON_SCAN_BATCH || fault(s, JSON_SCAN_LONG_BATCH);
}

/* A container opened at s->p[-1]: its first child counts unless it is empty. */
static bool open_container(struct scanner *s)
{
	bool array = s->p[-1] == '[';

	if (s->depth == JSON_SCAN_DEPTH)
		return fault(s, JSON_SCAN_DEEP);
	s->depth++;
	s->children[s->depth] = 0;
	s->array[s->depth] = array;
	while (s->p < s->end && is_space(*s->p))
		s->p++;
	if (s->p < s->end && *s->p == (array ? ']' : '}'))
		return true;
	return count_child(s);
}

static bool step(struct scanner *s, unsigned char c)
{
	switch (meaning_of[c]) {
	case QUOTE:
		s->p = skip_string(s->p, s->end);
		return true;
	case OPEN:
		return open_container(s);
	case CLOSE:
		s->depth -= s->depth != 0;
		return true;
	case COMMA:
		return count_child(s);
	default:
		return c || fault(s, JSON_SCAN_NUL);
	}
}

struct json_scan json_scan(const char *text, size_t len)
{
	const unsigned char *start = (const unsigned char *)text;
	struct scanner s = { .p = start, .end = start + len };

	s.found.values = 1;
	while (s.p < s.end)
		if (!step(&s, *s.p++))
			break;
	s.found.at = (size_t)(s.p - start);
	if (s.found.fault != JSON_SCAN_FINE)
		s.found.at--;
	return s.found;
}

const char *json_scan_why(enum json_scan_fault fault)
{
	switch (fault) {
	case JSON_SCAN_NUL:
		return "a zero byte";
	case JSON_SCAN_DEEP:
		return "nested deeper than 32";
	case JSON_SCAN_MANY_VALUES:
		return "more than 131072 values";
	case JSON_SCAN_LONG_BATCH:
		return "more than 10000 operations in a batch";
	case JSON_SCAN_MANY_MEMBERS:
		return "more than 1024 members in an object";
	default:
		return "fine";
	}
}
