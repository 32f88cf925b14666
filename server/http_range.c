/* SPDX-License-Identifier: MIT */
/*
 *	Range          = "bytes" "=" range-set		any case
 *	range-set      = 1#range-spec			a list: OWS, empty elements
 *	range-spec     = first-pos "-" [ last-pos ] / "-" suffix-length
 */
#include "server/http_range.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* One range-spec as it stands there. */
struct spec {
	bool has_first, has_last;
	uint64_t first, last;	/* without a first, last is a suffix's length */
};

/* Digits, any number of them: more than 64 bits hold are as many as they do. */
static bool read_number(const char **p, uint64_t *number)
{
	const char *s = *p;

	*number = 0;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(*number, 10, number) ||
		    __builtin_add_overflow(*number, (uint64_t)(*s - '0'),
					   number)) {
			*number = UINT64_MAX;
			s += strspn(s, "0123456789");
			break;
		}
	if (s == *p)
		return false;
	*p = s;
	return true;
}

static void skip_spaces(const char **p)
{
	*p += strspn(*p, " \t");
}

static bool read_spec(const char **p, struct spec *spec)
{
	spec->has_first = read_number(p, &spec->first);
	if (*(*p)++ != '-')
		return false;
	spec->has_last = read_number(p, &spec->last);
	if (spec->has_first && spec->has_last)
		return spec->first <= spec->last;
	return spec->has_first || spec->has_last;
}

/* The list after "bytes=": how many ranges it has, 0 if it is none. */
static unsigned int read_set(const char *p, struct spec *only)
{
	unsigned int nr = 0;

	for (;;) {
		struct spec spec;

		skip_spaces(&p);
		if (*p && *p != ',') {
			if (!read_spec(&p, &spec))
				return 0;
			*only = spec;
			nr++;
			skip_spaces(&p);
		}
		if (!*p)
			return nr;
		if (*p++ != ',')
			return 0;
	}
}

static enum http_selection clip(const struct spec *spec, uint64_t size,
				struct http_range *range)
{
	uint64_t first = spec->first, end = size;

	if (!spec->has_first)
		first = spec->last < size ? size - spec->last : 0;
	else if (spec->has_last && spec->last < size)
		end = spec->last + 1;
	if (first >= size || (!spec->has_first && !spec->last)) {
		*range = (struct http_range){ 0, 0 };
		return RANGE_UNSATISFIABLE;
	}
	*range = (struct http_range){ first, end - first };
	return RANGE_PART;
}

enum http_selection http_range_select(const char *field, uint64_t size,
				      struct http_range *range)
{
	struct spec spec = { 0 };

	*range = (struct http_range){ 0, size };
	if (!field || strncasecmp(field, "bytes=", 6) ||
	    read_set(field + 6, &spec) != 1)
		return RANGE_WHOLE;
	return clip(&spec, size, range);
}

void http_content_range(char text[CONTENT_RANGE_MAX],
			enum http_selection selection,
			const struct http_range *range, uint64_t size)
{
	if (selection == RANGE_UNSATISFIABLE)
		snprintf(text, CONTENT_RANGE_MAX, "bytes */%" PRIu64, size);
	else
		snprintf(text, CONTENT_RANGE_MAX,
			 "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
			 range->first, range->first + range->length - 1, size);
}
