/* SPDX-License-Identifier: MIT */
/* Range and Content-Range, RFC 9110 section 14. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "server/http_range.h"

#define SIZE 10000
#define PART(first, last) RANGE_PART, first, (last) - (first) + 1
#define WHOLE RANGE_WHOLE, 0, SIZE
#define NONE RANGE_UNSATISFIABLE, 0, 0

static const struct {
	const char *field;
	enum http_selection selection;
	uint64_t first, length;
} rows[] = {
	/* the RFC's own examples, of 10000 bytes (14.1.2) */
	{ "bytes=0-499", PART(0, 499) },
	{ "bytes=500-999", PART(500, 999) },
	{ "bytes=-500", PART(9500, 9999) },
	{ "bytes=9500-", PART(9500, 9999) },
	{ "bytes=0-0,-1", WHOLE },			/* more than one */
	{ "bytes= 0-999, 4500-5499, -1000", WHOLE },
	/* edges */
	{ "bytes=0-", PART(0, 9999) },
	{ "bytes=0-0", PART(0, 0) },
	{ "bytes=9999-9999", PART(9999, 9999) },
	{ "bytes=9999-10000", PART(9999, 9999) },
	{ "bytes=-1", PART(9999, 9999) },
	{ "bytes=-10000", PART(0, 9999) },
	{ "bytes=-10001", PART(0, 9999) },
	{ "bytes=1-18446744073709551615", PART(1, 9999) },
	{ "bytes=1-99999999999999999999999", PART(1, 9999) },
	{ "bytes=-99999999999999999999999", PART(0, 9999) },
	{ "bytes=-18446744073709551617", PART(0, 9999) },
	/* nothing of it is there */
	{ "bytes=10000-", NONE },
	{ "bytes=10000-10000", NONE },
	{ "bytes=18446744073709551615-", NONE },
	{ "bytes=99999999999999999999999-", NONE },
	{ "bytes=99999999999999999999999-99999999999999999999999", NONE },
	{ "bytes=18446744073709551617-", NONE },		/* 2^64 + 1 */
	{ "bytes=-0", NONE },
	{ "bytes=-000", NONE },
	/* a list may have empty elements and spaces */
	{ "bytes=,,5-6", PART(5, 6) },
	{ "bytes=5-6,", PART(5, 6) },
	{ "bytes= \t 5-6 \t ", PART(5, 6) },
	{ "BYTES=5-6", PART(5, 6) },
	{ "bytes=005-006", PART(5, 6) },
	/* no range of bytes: ignored */
	{ NULL, WHOLE }, { "", WHOLE }, { "bytes", WHOLE }, { "bytes=", WHOLE },
	{ "bytes=,", WHOLE }, { "bytes=-", WHOLE }, { "bytes=--1", WHOLE },
	{ "bytes=1", WHOLE }, { "bytes=2-1", WHOLE }, { "bytes=1-2-3", WHOLE },
	{ "bytes=1-2 3", WHOLE }, { "bytes=1 -2", WHOLE }, { "bytes=1- 2", WHOLE },
	{ "bytes =1-2", WHOLE }, { " bytes=1-2", WHOLE }, { "bytes:1-2", WHOLE },
	{ "bytes=+1-2", WHOLE }, { "bytes=0x1-2", WHOLE }, { "bytes=1-2;", WHOLE },
	{ "bytes=1-2,x", WHOLE }, { "bytes=x,1-2", WHOLE },
	{ "lines=1-2", WHOLE }, { "bytess=1-2", WHOLE },
	{ "bytes=5-4,0-1", WHOLE },
};

START_TEST(a_range_selects_these_bytes)
{
	struct http_range range = { 77, 77 };

	ck_assert_msg(http_range_select(rows[_i].field, SIZE, &range) ==
		      rows[_i].selection, "%s", rows[_i].field);
	ck_assert_msg(range.first == rows[_i].first, "%s", rows[_i].field);
	ck_assert_msg(range.length == rows[_i].length, "%s", rows[_i].field);
}
END_TEST

/* Of nothing there is no part. */
START_TEST(nothing_has_no_ranges)
{
	struct http_range range;

	ck_assert_int_eq(http_range_select("bytes=0-", 0, &range),
			 RANGE_UNSATISFIABLE);
	ck_assert_int_eq(http_range_select("bytes=-1", 0, &range),
			 RANGE_UNSATISFIABLE);
	ck_assert_int_eq(http_range_select(NULL, 0, &range), RANGE_WHOLE);
	ck_assert_uint_eq(range.length, 0);
}
END_TEST

/* Any first and last: what is sent lies within what is there. */
START_TEST(every_small_range_lies_within)
{
	struct http_range range;
	char field[64];

	for (unsigned int size = 1; size < 6; size++)
		for (unsigned int i = 0; i < 7; i++)
			for (unsigned int j = 0; j < 7; j++) {
				enum http_selection s;

				snprintf(field, sizeof(field), "bytes=%u-%u", i, j);
				s = http_range_select(field, size, &range);
				ck_assert_int_eq(s, j < i ? RANGE_WHOLE :
					i < size ? RANGE_PART : RANGE_UNSATISFIABLE);
				if (s != RANGE_PART)
					continue;
				ck_assert_uint_eq(range.first, i);
				ck_assert_uint_eq(range.length,
						  (j < size ? j : size - 1) - i + 1);
			}
}
END_TEST

START_TEST(content_range_says_what_was_sent_of_how_much)
{
	char text[CONTENT_RANGE_MAX];
	struct http_range range = { 500, 500 };

	http_content_range(text, RANGE_PART, &range, 1234);
	ck_assert_str_eq(text, "bytes 500-999/1234");
	http_content_range(text, RANGE_UNSATISFIABLE, &range, 47022);
	ck_assert_str_eq(text, "bytes */47022");
	range = (struct http_range){ UINT64_MAX - 2, 2 };
	http_content_range(text, RANGE_PART, &range, UINT64_MAX);
	ck_assert_str_eq(text, "bytes 18446744073709551613-18446744073709551614"
			 "/18446744073709551615");
	ck_assert_uint_lt(strlen(text), CONTENT_RANGE_MAX - 1);
}
END_TEST

Suite *suite_http_range(void);
Suite *suite_http_range(void)
{
	Suite *suite = suite_create("http_range");
	TCase *t = tcase_create("http_range");

	tcase_add_loop_test(t, a_range_selects_these_bytes, 0,
			    sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(t, nothing_has_no_ranges);
	tcase_add_test(t, every_small_range_lies_within);
	tcase_add_test(t, content_range_says_what_was_sent_of_how_much);
	suite_add_tcase(suite, t);
	return suite;
}
