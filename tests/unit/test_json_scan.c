/* SPDX-License-Identifier: MIT */
/*
 * The scan in front of jansson. For well-formed texts its counts are compared
 * with a walk over the tree that jansson makes of them.
 */
#include <check.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/json_scan.h"

static struct json_scan scan(const char *text)
{
	return json_scan(text, strlen(text));
}

/* ---- texts by chance, and what jansson sees in them ---- */

struct text {
	char bytes[65536];
	size_t len;
	uint64_t chance;
};

static uint32_t below(struct text *t, uint32_t n)
{
	t->chance = t->chance * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(t->chance >> 33) % n;
}

static void put(struct text *t, const char *piece)
{
	size_t len = strlen(piece);

	memcpy(t->bytes + t->len, piece, len + 1);
	t->len += len;
}

static void put_value(struct text *t, int depth);

static void put_members(struct text *t, int depth, bool object)
{
	uint32_t nr = below(t, 5);

	put(t, object ? "{ " : "[\n");
	for (uint32_t i = 0; i < nr; i++) {
		char key[16] = { '"', (char)('a' + i), '"', ':', 0 };

		put(t, i ? "," : "");
		put(t, object ? key : " ");
		put_value(t, depth + 1);
	}
	put(t, object ? "}" : "]");
}

static void put_value(struct text *t, int depth)
{
	static const char *const plain[] = {
		"1", "-2.5e3", "true", "null", "\"\"", "\"a,b]}\\\"[{\"",
		"\"\\\\\"", "\"\xc3\xa9:,\"",
	};

	if (depth < 8 && below(t, 3))
		put_members(t, depth, below(t, 2));
	else
		put(t, plain[below(t, sizeof(plain) / sizeof(plain[0]))]);
}

static uint32_t count_values(const json_t *value)
{
	const char *key;
	const json_t *member;
	uint32_t nr = 1;
	size_t i;

	if (json_is_array(value))
		json_array_foreach(value, i, member)
			nr += count_values(member);
	if (json_is_object(value))
		json_object_foreach((json_t *)value, key, member)
			nr += count_values(member);
	return nr;
}

START_TEST(it_counts_what_jansson_finds)
{
	static struct text t;

	for (uint64_t seed = 1; seed <= 400; seed++) {
		json_t *tree;
		struct json_scan found;

		t.len = 0;
		t.chance = seed;
		put_members(&t, 0, seed & 1);
		tree = json_loads(t.bytes, 0, NULL);
		ck_assert_msg(tree, "%s", t.bytes);
		found = scan(t.bytes);
		ck_assert_int_eq(found.fault, JSON_SCAN_FINE);
		ck_assert_msg(found.values == count_values(tree),
			      "%u values, not %u: %s", found.values,
			      count_values(tree), t.bytes);
		if (json_is_array(tree))
			ck_assert_uint_eq(found.batch, json_array_size(tree));
		json_decref(tree);
	}
}
END_TEST

/* ---- limits, each at its edge ---- */

/* @nr times @piece between two ends. */
static char *many(const char *begin, const char *piece, size_t nr,
		  const char *end)
{
	size_t len = strlen(piece);
	char *text = malloc(strlen(begin) + nr * len + strlen(end) + 1), *at;

	at = stpcpy(text, begin);
	for (size_t i = 0; i < nr; i++)
		at = stpcpy(at, piece);
	strcpy(at, end);
	return text;
}

static const struct {
	const char *begin, *piece, *end;
	size_t fits;
	enum json_scan_fault fault;
} limits[] = {
	{ "", "[", "", JSON_SCAN_DEPTH, JSON_SCAN_DEEP },
	{ "", "{\"a\":", "", JSON_SCAN_DEPTH, JSON_SCAN_DEEP },
	/* The elements, the array and the object around it. */
	{ "{\"a\":[1", ",1", "]}", JSON_SCAN_VALUES - 3,
	  JSON_SCAN_MANY_VALUES },
	{ "[1", ",1", "]", JSON_SCAN_BATCH - 1, JSON_SCAN_LONG_BATCH },
	{ "{\"a\":1", ",\"a\":1", "}", JSON_SCAN_MEMBERS - 1,
	  JSON_SCAN_MANY_MEMBERS },
};

START_TEST(each_limit_holds_to_the_last_one_that_fits)
{
	char *fits = many(limits[_i].begin, limits[_i].piece, limits[_i].fits,
			  limits[_i].end);
	char *more = many(limits[_i].begin, limits[_i].piece,
			  limits[_i].fits + 1, limits[_i].end);

	ck_assert_int_eq(scan(fits).fault, JSON_SCAN_FINE);
	ck_assert_int_eq(scan(more).fault, limits[_i].fault);
	ck_assert_str_ne(json_scan_why(limits[_i].fault), "");
	free(fits);
	free(more);
}
END_TEST

START_TEST(brackets_and_commas_in_strings_do_not_count)
{
	char *text = many("[\"", "[{,\\\"", 5000, "\"]");
	struct json_scan found = scan(text);

	ck_assert_int_eq(found.fault, JSON_SCAN_FINE);
	ck_assert_uint_eq(found.values, 2);
	ck_assert_uint_eq(found.batch, 1);
	free(text);
}
END_TEST

START_TEST(a_zero_byte_is_found_where_it_stands)
{
	static const char inside[] = "{\"a\":\"b\0c\"}", after[] = "[1]\0";
	struct json_scan found = json_scan(inside, sizeof(inside) - 1);

	ck_assert_int_eq(found.fault, JSON_SCAN_NUL);
	ck_assert_uint_eq(found.at, 7);
	ck_assert_int_eq(json_scan(after, 4).fault, JSON_SCAN_NUL);
}
END_TEST

START_TEST(what_is_no_json_does_no_harm)
{
	static const char *const odd[] = {
		"", " ", "]", "}}}}", "[", "\"", "\"\\", "{,,,", "[[]", ",",
		"tru", "\xff\xfe",
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		ck_assert_int_eq(scan(odd[i]).fault, JSON_SCAN_FINE);
}
END_TEST

Suite *suite_json_scan(void);
Suite *suite_json_scan(void)
{
	Suite *suite = suite_create("json_scan");
	TCase *tc = tcase_create("scan");

	tcase_add_test(tc, it_counts_what_jansson_finds);
	tcase_add_loop_test(tc, each_limit_holds_to_the_last_one_that_fits, 0,
			    sizeof(limits) / sizeof(limits[0]));
	tcase_add_test(tc, brackets_and_commas_in_strings_do_not_count);
	tcase_add_test(tc, a_zero_byte_is_found_where_it_stands);
	tcase_add_test(tc, what_is_no_json_does_no_harm);
	suite_add_tcase(suite, tc);
	return suite;
}
