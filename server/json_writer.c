/* SPDX-License-Identifier: MIT */
/*
 * The streaming writer: digits by hand, one capacity check a value, and
 * strings copied in runs of bytes that need no escape.
 */
#include "server/json_writer.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAP	512
#define MAX_EXACT	(1ULL << 53)	/* where doubles stop being exact */
#define DECIMAL_MAX	21		/* "-9223372036854775808" and one more */

static const char hex_digits[] = "0123456789abcdef";

/* Two digits at a time: 00, 01, … 99. */
static const char decimal_pairs[] =
	"00010203040506070809101112131415161718192021222324"
	"25262728293031323334353637383940414243444546474849"
	"50515253545556575859606162636465666768697071727374"
	"75767778798081828384858687888990919293949596979899";

void json_writer_init(struct json_writer *w, size_t limit)
{
	memset(w, 0, sizeof(*w));
	w->limit = limit;
}

void json_writer_reset(struct json_writer *w)
{
	w->len = 0;
	w->failed = false;
	w->depth = 0;
	w->comma[0] = false;
}

void json_writer_free(struct json_writer *w)
{
	free(w->buf);
	json_writer_init(w, w->limit);
}

void json_writer_rewind(struct json_writer *w, size_t len, uint8_t depth,
			bool comma)
{
	w->len = len;
	w->depth = depth;
	w->comma[depth] = comma;
	w->failed = false;
}

/* Out of line: the buffer is too small for @need more bytes. */
static bool __attribute__((noinline)) grow(struct json_writer *w, size_t need)
{
	size_t want = w->len + need, cap = w->cap ? w->cap : FIRST_CAP;
	char *buf;

	if (w->failed || want < need || (w->limit && want > w->limit))
		goto failed;
	while (cap < want)
		cap += cap / 2;
	buf = realloc(w->buf, cap);
	if (!buf)
		goto failed;
	w->buf = buf;
	w->cap = cap;
	return true;
failed:
	w->failed = true;
	return false;
}

bool json_writer_room(struct json_writer *w, size_t need)
{
	if (!w->failed && need <= w->cap - w->len &&
	    (!w->limit || w->len + need <= w->limit))
		return true;
	return grow(w, need);
}

/* Room for a value of @need bytes, with the comma before it. */
static inline char *value_begin(struct json_writer *w, size_t need)
{
	if (!json_writer_room(w, need + 1))
		return NULL;
	if (w->comma[w->depth])
		w->buf[w->len++] = ',';
	w->comma[w->depth] = true;
	return w->buf + w->len;
}

static void open_container(struct json_writer *w, char c)
{
	char *p = value_begin(w, 1);

	if (!p)
		return;
	if (w->depth == JSON_WRITER_DEPTH) {
		w->failed = true;
		return;
	}
	*p = c;
	w->len++;
	w->comma[++w->depth] = false;
}

static void close_container(struct json_writer *w, char c)
{
	if (!json_writer_room(w, 1))
		return;
	w->buf[w->len++] = c;
	w->depth--;
}

void json_object_begin(struct json_writer *w)
{
	open_container(w, '{');
}

void json_object_close(struct json_writer *w)
{
	close_container(w, '}');
}

void json_array_begin(struct json_writer *w)
{
	open_container(w, '[');
}

void json_array_close(struct json_writer *w)
{
	close_container(w, ']');
}

void json_key(struct json_writer *w, const char *key)
{
	size_t len = strlen(key);
	char *p = value_begin(w, len + 3);

	if (!p)
		return;
	*p++ = '"';
	memcpy(p, key, len);
	p[len] = '"';
	p[len + 1] = ':';
	w->len += len + 3;
	w->comma[w->depth] = false;	/* its value follows */
}

void json_put_raw(struct json_writer *w, const char *text, size_t len)
{
	char *p = value_begin(w, len);

	if (!p)
		return;
	memcpy(p, text, len);
	w->len += len;
}

void json_put_null(struct json_writer *w)
{
	json_put_raw(w, "null", 4);
}

void json_put_bool(struct json_writer *w, bool value)
{
	if (value)
		json_put_raw(w, "true", 4);
	else
		json_put_raw(w, "false", 5);
}

/* Writes @value's digits so that they end at @end; returns where they start. */
static char *digits_before(char *end, uint64_t value)
{
	while (value >= 100) {
		end -= 2;
		memcpy(end, decimal_pairs + value % 100 * 2, 2);
		value /= 100;
	}
	if (value >= 10) {
		end -= 2;
		memcpy(end, decimal_pairs + value * 2, 2);
	} else {
		*--end = (char)('0' + value);
	}
	return end;
}

static void put_decimal(struct json_writer *w, uint64_t value, bool negative)
{
	char digits[DECIMAL_MAX], *end = digits + DECIMAL_MAX;
	char *start = digits_before(end, value);

	if (negative)
		*--start = '-';
	json_put_raw(w, start, (size_t)(end - start));
}

void json_put_uint(struct json_writer *w, uint64_t value)
{
	if (value >= MAX_EXACT)
		json_put_hex(w, value);
	else
		put_decimal(w, value, false);
}

void json_put_int(struct json_writer *w, int64_t value)
{
	if (value >= 0)
		json_put_uint(w, (uint64_t)value);
	else if (value > -(int64_t)MAX_EXACT)
		put_decimal(w, 0 - (uint64_t)value, true);
	else
		json_put_hex(w, (uint64_t)value);
}

void json_put_digits(struct json_writer *w, int64_t value)
{
	const bool negative = value < 0;

	put_decimal(w, negative ? 0 - (uint64_t)value : (uint64_t)value,
		    negative);
}

void json_put_hex(struct json_writer *w, uint64_t value)
{
	unsigned int nibbles = (67 - (unsigned int)__builtin_clzll(value | 1)) / 4;
	char *p = value_begin(w, nibbles + 4);

	if (!p)
		return;
	memcpy(p, "\"0x", 3);
	for (unsigned int i = 0; i < nibbles; i++)
		p[3 + i] = hex_digits[value >> 4 * (nibbles - 1 - i) & 15];
	p[3 + nibbles] = '"';
	w->len += nibbles + 4;
}

/*
 * The length of the well-formed UTF-8 sequence at @s, or 0: overlong forms,
 * surrogates and code points above U+10FFFF are not well-formed.
 */
static size_t utf8_sequence(const unsigned char *s, size_t left)
{
	size_t len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] < 0xc2 || s[0] > 0xf4 || left < len)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* Bytes at @s that stand for themselves in a JSON string. */
static size_t plain_run(const unsigned char *s, size_t left)
{
	size_t n = 0;

	while (n < left) {
		size_t more = 1;

		if (s[n] >= 0x80)
			more = utf8_sequence(s + n, left - n);
		else if (s[n] < 0x20 || s[n] == '"' || s[n] == '\\')
			break;
		if (!more)
			break;
		n += more;
	}
	return n;
}

/* Writes the escape for the byte @c to @p; returns its length, at most 6. */
static size_t escape(char *p, unsigned char c)
{
	static const char shorts[32] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
		['\r'] = 'r',
	};

	if (c >= 0x80) {		/* not UTF-8 */
		memcpy(p, "\\ufffd", 6);
		return 6;
	}
	p[0] = '\\';
	if (c >= 0x20) {		/* " or \ */
		p[1] = (char)c;
		return 2;
	}
	if (shorts[c]) {
		p[1] = shorts[c];
		return 2;
	}
	memcpy(p + 1, "u00", 3);
	p[4] = hex_digits[c >> 4];
	p[5] = hex_digits[c & 15];
	return 6;
}

void json_put_stringn(struct json_writer *w, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;

	if (!value_begin(w, len + 2))
		return;
	w->buf[w->len++] = '"';
	while (len) {
		size_t run = plain_run(s, len);

		/* The run, one escape, and the closing quote. */
		if (!json_writer_room(w, run + 7))
			return;
		memcpy(w->buf + w->len, s, run);
		w->len += run;
		s += run;
		len -= run;
		if (len) {
			w->len += escape(w->buf + w->len, *s++);
			len--;
		}
	}
	if (json_writer_room(w, 1))
		w->buf[w->len++] = '"';
}

void json_put_string(struct json_writer *w, const char *text)
{
	json_put_stringn(w, text, strlen(text));
}

void json_pair_uint(struct json_writer *w, const char *key, uint64_t value)
{
	json_key(w, key);
	json_put_uint(w, value);
}

void json_pair_int(struct json_writer *w, const char *key, int64_t value)
{
	json_key(w, key);
	json_put_int(w, value);
}

void json_pair_hex(struct json_writer *w, const char *key, uint64_t value)
{
	json_key(w, key);
	json_put_hex(w, value);
}

void json_pair_bool(struct json_writer *w, const char *key, bool value)
{
	json_key(w, key);
	json_put_bool(w, value);
}

void json_pair_string(struct json_writer *w, const char *key,
		      const char *text)
{
	json_key(w, key);
	json_put_string(w, text);
}
