/* SPDX-License-Identifier: MIT */
/* The writer: what it writes, jansson reads back as the same values. */
#include <check.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/json_writer.h"

static struct json_writer w;

static void setup(void)
{
	json_writer_init(&w, 0);
}

static void teardown(void)
{
	json_writer_free(&w);
}

static const char *text(void)
{
	ck_assert(!w.failed && json_writer_room(&w, 1));
	w.buf[w.len] = '\0';
	return w.buf;
}

static json_t *read_back(void)
{
	json_t *value = json_loadb(w.buf, w.len, JSON_DECODE_ANY, NULL);

	ck_assert_msg(value, "not JSON: %s", text());
	return value;
}

START_TEST(commas_stand_between_and_nowhere_else)
{
	json_object_begin(&w);
	json_pair_uint(&w, "a", 1);
	json_key(&w, "b");
	json_array_begin(&w);
	json_array_begin(&w);
	json_array_close(&w);
	json_object_begin(&w);
	json_object_close(&w);
	json_put_null(&w);
	json_array_close(&w);
	json_pair_bool(&w, "c", false);
	json_object_close(&w);
	ck_assert_str_eq(text(), "{\"a\":1,\"b\":[[],{},null],\"c\":false}");
}
END_TEST

/* Around every power of two, and what is next to it. */
START_TEST(integers_are_exact_or_hex_strings)
{
	for (int bit = 0; bit < 64; bit++)
		for (int64_t off = -1; off <= 1; off++) {
			uint64_t value = (1ULL << bit) + (uint64_t)off;
			char hex[32];
			json_t *back;

			json_writer_reset(&w);
			json_put_uint(&w, value);
			back = read_back();
			snprintf(hex, sizeof(hex), "0x%" PRIx64, value);
			if (value < 1ULL << 53)
				ck_assert_int_eq(json_integer_value(back),
						 (json_int_t)value);
			else
				ck_assert_str_eq(json_string_value(back), hex);
			json_decref(back);
			json_writer_reset(&w);
			json_put_hex(&w, value);
			back = read_back();
			ck_assert_str_eq(json_string_value(back), hex);
			json_decref(back);
		}
}
END_TEST

START_TEST(negative_integers_come_out_as_they_are)
{
	static const int64_t some[] = { 0, -1, -4096, -38, 77,
					-((1LL << 53) - 1), (1LL << 53) - 1 };

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		json_t *back;

		json_writer_reset(&w);
		json_put_int(&w, some[i]);
		back = read_back();
		ck_assert_int_eq(json_integer_value(back), some[i]);
		json_decref(back);
	}
}
END_TEST

START_TEST(a_clients_integers_stay_digits)
{
	static const int64_t values[] = {
		0, -1, INT64_MAX, INT64_MIN, (1LL << 53) + 1, -(1LL << 53) - 1,
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char digits[32];

		json_writer_reset(&w);
		json_put_digits(&w, values[i]);
		snprintf(digits, sizeof(digits), "%" PRId64, values[i]);
		ck_assert_str_eq(text(), digits);
	}
}
END_TEST

START_TEST(every_ascii_character_survives)
{
	char all[128];
	json_t *back;

	for (int c = 1; c < 128; c++)
		all[c - 1] = (char)c;
	json_put_stringn(&w, all, 127);
	for (size_t i = 0; i < w.len; i++)
		ck_assert_int_ge(w.buf[i], 0x20);	/* RFC 8259, 7 */
	back = read_back();
	ck_assert_uint_eq(json_string_length(back), 127);
	ck_assert_mem_eq(json_string_value(back), all, 127);
	json_decref(back);
}
END_TEST

/* Bytes by chance: always JSON; what is UTF-8 comes back as it was. */
START_TEST(any_bytes_make_a_string)
{
	uint64_t chance = 88172645463325252ULL;

	for (int round = 0; round < 2000; round++) {
		char bytes[40];
		json_t *valid, *back;
		size_t len = (size_t)round % sizeof(bytes);

		for (size_t i = 0; i < len; i++) {
			chance ^= chance << 13;
			chance ^= chance >> 7;
			chance ^= chance << 17;
			bytes[i] = chance & 3 ? (char)(chance >> 8)
					      : (char)(chance >> 8 & 127);
			if (!bytes[i])
				bytes[i] = 'x';
		}
		json_writer_reset(&w);
		json_put_stringn(&w, bytes, len);
		back = read_back();
		valid = json_stringn(bytes, len);	/* NULL: not UTF-8 */
		if (valid)
			ck_assert(json_equal(valid, back));
		else
			ck_assert_ptr_nonnull(strstr(json_string_value(back),
						     "\xef\xbf\xbd"));
		json_decref(valid);
		json_decref(back);
	}
}
END_TEST

static const struct {
	const char *bytes, *shown;
} broken[] = {
	{ "a\xffz", "a\xef\xbf\xbdz" },
	{ "\xc3", "\xef\xbf\xbd" },
	{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },	/* overlong */
	{ "\xed\xa0\x80", "\xef\xbf\xbd" },		/* a surrogate */
	{ "\xf4\x90\x80\x80", "\xef\xbf\xbd" },		/* above U+10FFFF */
	{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
};

START_TEST(what_is_not_utf8_is_replaced_and_the_rest_stays)
{
	json_t *back;
	const char *got;

	json_put_string(&w, broken[_i].bytes);
	back = read_back();
	got = json_string_value(back);
	/* One mark or one for each byte: both are good practice. */
	ck_assert_int_eq(strncmp(got, broken[_i].shown,
				 strlen(broken[_i].shown)) &&
			 strcmp(broken[_i].shown, got), 0);
	ck_assert_int_eq(got[strlen(got) - 1],
			 broken[_i].shown[strlen(broken[_i].shown) - 1]);
	json_decref(back);
}
END_TEST

START_TEST(a_limit_fails_once_and_for_all_and_leaves_the_text_short)
{
	json_writer_free(&w);
	json_writer_init(&w, 64);
	json_array_begin(&w);
	for (int i = 0; i < 100; i++)
		json_put_string(&w, "0123456789");
	ck_assert(w.failed);
	ck_assert_uint_le(w.len, 64);
	json_put_uint(&w, 1);
	ck_assert_uint_le(w.len, 64);
}
END_TEST

START_TEST(a_rewind_takes_a_half_written_result_back)
{
	size_t mark;
	uint8_t depth;
	bool comma;

	json_object_begin(&w);
	json_pair_uint(&w, "id", 1);
	mark = w.len;
	depth = w.depth;
	comma = w.comma[w.depth];
	json_key(&w, "result");
	json_array_begin(&w);
	json_put_uint(&w, 5);
	json_writer_rewind(&w, mark, depth, comma);
	json_pair_string(&w, "error", "no");
	json_object_close(&w);
	ck_assert_str_eq(text(), "{\"id\":1,\"error\":\"no\"}");
}
END_TEST

Suite *suite_json_writer(void);
Suite *suite_json_writer(void)
{
	Suite *suite = suite_create("json_writer");
	TCase *tc = tcase_create("writer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, commas_stand_between_and_nowhere_else);
	tcase_add_test(tc, integers_are_exact_or_hex_strings);
	tcase_add_test(tc, negative_integers_come_out_as_they_are);
	tcase_add_test(tc, a_clients_integers_stay_digits);
	tcase_add_test(tc, every_ascii_character_survives);
	tcase_add_test(tc, any_bytes_make_a_string);
	tcase_add_loop_test(tc, what_is_not_utf8_is_replaced_and_the_rest_stays,
			    0, sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(tc, a_limit_fails_once_and_for_all_and_leaves_the_text_short);
	tcase_add_test(tc, a_rewind_takes_a_half_written_result_back);
	suite_add_tcase(suite, tc);
	return suite;
}
