/* SPDX-License-Identifier: MIT */
/* Formatting for /proc: straight into the sink's buffer, no printf. */
#ifndef MMCORE_TEXT_H
#define MMCORE_TEXT_H

#include "mmcore/mmcore.h"

/*
 * A sink that refused room is not asked again: all further text is dropped.
 * Lines are written between text_room() and text_done() with the put_*()
 * functions, which advance a pointer and check nothing.
 */
struct text {
	struct mm_sink *sink;	/* NULL: everything is dropped */
};

/* Room for @need bytes, or NULL. */
static inline char *text_room(struct text *t, size_t need)
{
	struct mm_sink *sink = t->sink;

	if (!sink)
		return NULL;
	if (sink->cap - sink->len < need && !sink->more(sink, need)) {
		t->sink = NULL;
		return NULL;
	}
	return sink->buf + sink->len;
}

/* @end: one past the last byte written into the room. */
static inline void text_done(struct text *t, const char *end)
{
	t->sink->len = (size_t)(end - t->sink->buf);
}

static inline size_t text_length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static inline char *put_text(char *p, const char *s)
{
	while (*s)
		*p++ = *s++;
	return p;
}

static inline char *put_spaces(char *p, size_t n)
{
	while (n--)
		*p++ = ' ';
	return p;
}

/* %0*lx: lower-case hex, at least @digits. */
static inline char *put_hex(char *p, uint64_t value, unsigned int digits)
{
	static const char digit[] = "0123456789abcdef";
	unsigned int need = value ? (67 - (unsigned int)__builtin_clzll(value)) / 4
				  : 1;

	if (need < digits)
		need = digits;
	for (unsigned int i = need; i-- > 0; value >>= 4)
		p[i] = digit[value & 15];
	return p + need;
}

/* %*lu: decimal, right-aligned to @width. */
char *put_dec(char *p, uint64_t value, unsigned int width);

/* @s left-aligned to @width. */
static inline char *put_padded(char *p, const char *s, size_t width)
{
	char *end = put_text(p, s);

	while (end < p + width)
		*end++ = ' ';
	return end;
}

/* A whole line or text at once. */
void text_put(struct text *t, const char *s);

#endif
