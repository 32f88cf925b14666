/* SPDX-License-Identifier: MIT */
/*
 * Parameters into a plain struct, by a table of our own: every spelling that
 * docs/api.md section 2 promises, and a named refusal for what is none.
 */
#include <check.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/rpc.h"

struct args {
	uint32_t given;
	uint64_t size, word, flags;
	int64_t number;
	uint32_t small, kind, encoding;
	bool yes;
	char name[9];
	struct rpc_bytes data, text;
	struct rpc_ranges ranges;
};

static const struct param_name flag_names[] = {
	{ "A_READ", 1 }, { "A_WRITE", 2 }, { "A_BOTH", 3 }, { "A_TOP", 1ULL << 63 },
	{ NULL, 0 },
};

static const struct param_name kind_names[] = {
	{ "first", 0 }, { "second", 7 }, { NULL, 0 },
};

#define AT(member) .offset = offsetof(struct args, member)

/* Their order is that of positional parameters. */
static const struct rpc_param params[] = {
	{ .name = "size", .type = PARAM_UINT, .required = true, AT(size),
	  .given_bit = 0, .min = 1, .max = 1ULL << 40 },
	{ .name = "word", .type = PARAM_WORD, AT(word), .given_bit = 1 },
	{ .name = "flags", .type = PARAM_FLAGS, AT(flags), .given_bit = 2,
	  .names = flag_names },
	{ .name = "number", .type = PARAM_INT, AT(number), .given_bit = 3,
	  .fallback = (uint64_t)-1 },
	{ .name = "small", .type = PARAM_U32, AT(small), .given_bit = 4,
	  .max = 4194304 },
	{ .name = "kind", .type = PARAM_ENUM, AT(kind), .given_bit = 5,
	  .names = kind_names, .fallback = 7 },
	{ .name = "yes", .type = PARAM_BOOL, AT(yes), .given_bit = 6 },
	{ .name = "name", .type = PARAM_NAME, AT(name), .given_bit = 7,
	  .min = 1, .max = 8, .fallback_text = "init" },
	{ .name = "data", .type = PARAM_BYTES, AT(data), .given_bit = 8 },
	{ .name = "encoding", .type = PARAM_ENCODING, AT(encoding),
	  .given_bit = 9 },
	{ .name = "ranges", .type = PARAM_RANGES, AT(ranges), .given_bit = 10 },
};

static const struct rpc_method method = {
	.name = "try", .params = params,
	.nr_params = sizeof(params) / sizeof(params[0]),
	.args_size = sizeof(struct args),
	.given_offset = offsetof(struct args, given),
};

static struct args args;
static struct rpc_scratch scratch;
static struct rpc_error error;
static json_t *tree;

static bool decode(const char *text)
{
	json_decref(tree);
	rpc_scratch_free(&scratch);
	memset(&scratch, 0, sizeof(scratch));
	memset(&error, 0, sizeof(error));
	memset(&args, 0xa5, sizeof(args));
	tree = json_loads(text, 0, NULL);
	ck_assert_msg(tree, "not JSON: %s", text);
	return rpc_decode(&method, tree, &args, &scratch, &error);
}

static void teardown(void)
{
	json_decref(tree);
	tree = NULL;
	rpc_scratch_free(&scratch);
}

START_TEST(what_is_not_given_has_its_default)
{
	ck_assert(decode("{\"size\": 1}"));
	ck_assert_uint_eq(args.size, 1);
	ck_assert_uint_eq(args.word, 0);
	ck_assert_uint_eq(args.flags, 0);
	ck_assert_int_eq(args.number, -1);
	ck_assert_uint_eq(args.kind, 7);
	ck_assert(!args.yes);
	ck_assert_str_eq(args.name, "init");
	ck_assert_uint_eq(args.given, 1);
}
END_TEST

static const struct {
	const char *spelling;
	uint64_t value;
} integers[] = {
	{ "4096", 4096 }, { "\"4096\"", 4096 }, { "\"0x1000\"", 4096 },
	{ "\"0xABCdef\"", 0xabcdef }, { "\"4K\"", 4096 },
	{ "\"2M\"", 2 << 20 }, { "\"1G\"", 1 << 30 },
	{ "\"1T\"", 1ULL << 40 }, { "1", 1 }, { "1099511627776", 1ULL << 40 },
};

START_TEST(an_integer_may_be_spelled_in_many_ways)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"size\": %s}", integers[_i].spelling);
	ck_assert_msg(decode(text), "%s: %s", text, error.why);
	ck_assert_uint_eq(args.size, integers[_i].value);
}
END_TEST

static const struct {
	const char *text, *param;
} wrong[] = {
	{ "{}", "size" },
	{ "{\"size\": 1, \"ranges\": {}}", "ranges" },
	{ "{\"size\": 1, \"ranges\": [1]}", "ranges" },
	{ "{\"size\": 1, \"ranges\": [{\"base\": 1}]}", "ranges" },
	{ "{\"size\": 1, \"ranges\": [{\"base\": 1, \"len\": \"x\"}]}", "ranges" },
	{ "{\"size\": 1, \"ranges\": [{\"base\": 1, \"len\": 1, \"b\": 1}]}",
	  "ranges" },
	{ "{\"size\": 0}", "size" },
	{ "{\"size\": -1}", "size" },
	{ "{\"size\": 1099511627777}", "size" },
	{ "{\"size\": \"2T\"}", "size" },
	{ "{\"size\": \"18014398509481985K\"}", "size" },	/* 2^64 + 1024 */
	{ "{\"size\": 1, \"word\": \"-9223372036854775809\"}", "word" },
	{ "{\"size\": 1, \"flags\": \"-9223372036854775809\"}", "flags" },
	{ "{\"size\": \"\"}", "size" },
	{ "{\"size\": \"0x\"}", "size" },
	{ "{\"size\": \"0x1g\"}", "size" },
	{ "{\"size\": \"010\"}", "size" },
	{ "{\"size\": \"4k\"}", "size" },
	{ "{\"size\": \"4KB\"}", "size" },
	{ "{\"size\": \" 4\"}", "size" },
	{ "{\"size\": \"4 \"}", "size" },
	{ "{\"size\": \"18446744073709551616\"}", "size" },
	{ "{\"size\": \"18014398509481984K\"}", "size" },
	{ "{\"size\": 1.0}", "size" },
	{ "{\"size\": true}", "size" },
	{ "{\"size\": null}", "size" },
	{ "{\"size\": [1]}", "size" },
	{ "{\"size\": 1, \"word\": \"-\"}", "word" },
	{ "{\"size\": 1, \"word\": \"0x10000000000000000\"}", "word" },
	{ "{\"size\": 1, \"flags\": \"A_NONE\"}", "flags" },
	{ "{\"size\": 1, \"flags\": \"a_read\"}", "flags" },
	{ "{\"size\": 1, \"flags\": \"A_READ|\"}", "flags" },
	{ "{\"size\": 1, \"flags\": \"A_READ,A_WRITE\"}", "flags" },
	{ "{\"size\": 1, \"flags\": [\"A_READ\"]}", "flags" },
	{ "{\"size\": 1, \"small\": 4194305}", "small" },
	{ "{\"size\": 1, \"small\": -1}", "small" },
	{ "{\"size\": 1, \"kind\": \"third\"}", "kind" },
	{ "{\"size\": 1, \"kind\": 1}", "kind" },
	{ "{\"size\": 1, \"yes\": 1}", "yes" },
	{ "{\"size\": 1, \"yes\": \"true\"}", "yes" },
	{ "{\"size\": 1, \"name\": \"\"}", "name" },
	{ "{\"size\": 1, \"name\": \"123456789\"}", "name" },
	{ "{\"size\": 1, \"data\": 5}", "data" },
	{ "{\"size\": 1, \"data\": \"abc\", \"encoding\": \"hex\"}", "data" },
	{ "{\"size\": 1, \"data\": \"xy\", \"encoding\": \"hex\"}", "data" },
	{ "{\"size\": 1, \"data\": \"YQ=\", \"encoding\": \"base64\"}", "data" },
	{ "{\"size\": 1, \"data\": \"Y?==\", \"encoding\": \"base64\"}", "data" },
	{ "{\"size\": 1, \"encoding\": \"latin1\"}", "encoding" },
	{ "{\"size\": 1, \"Size\": 1}", "Size" },
	{ "{\"size\": 1, \"more\": null}", "more" },
};

START_TEST(what_is_wrong_is_named)
{
	ck_assert_msg(!decode(wrong[_i].text), "%s", wrong[_i].text);
	ck_assert_int_eq(error.code, RPC_INVALID_PARAMS);
	ck_assert_msg(!strcmp(error.param, wrong[_i].param), "%s: %s, %s",
		      wrong[_i].text, error.param, error.why);
	ck_assert_str_ne(error.why, "");
}
END_TEST

static const struct {
	const char *spelling;
	uint64_t value;
} patterns[] = {
	{ "-1", UINT64_MAX }, { "\"-4096\"", (uint64_t)-4096 },
	{ "-9223372036854775808", 1ULL << 63 },
	{ "\"0xffffffffffffffff\"", UINT64_MAX },
	{ "\"18446744073709551615\"", UINT64_MAX }, { "0", 0 },
};

START_TEST(an_unsigned_long_takes_any_64_bit_pattern)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"size\": 1, \"word\": %s}",
		 patterns[_i].spelling);
	ck_assert_msg(decode(text), "%s: %s", text, error.why);
	ck_assert_uint_eq(args.word, patterns[_i].value);
}
END_TEST

static const struct {
	const char *spelling;
	uint64_t value;
} flags[] = {
	{ "\"A_READ\"", 1 }, { "\"A_READ|A_WRITE\"", 3 }, { "\"A_BOTH\"", 3 },
	{ "\"A_READ|0x10\"", 0x11 }, { "\"8|A_WRITE\"", 10 }, { "9", 9 },
	{ "\"A_TOP|A_READ\"", 1ULL << 63 | 1 }, { "0", 0 }, { "\"\"", 0 },
};

START_TEST(flags_are_names_and_numbers_joined)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"size\": 1, \"flags\": %s}",
		 flags[_i].spelling);
	ck_assert_msg(decode(text), "%s: %s", text, error.why);
	ck_assert_uint_eq(args.flags, flags[_i].value);
}
END_TEST

START_TEST(bytes_are_the_same_in_every_encoding)
{
	static const char *const spellings[] = {
		"{\"size\": 1, \"data\": \"h\\u00e9\\u0001!\"}",
		"{\"size\": 1, \"data\": \"68c3A90121\", \"encoding\": \"hex\"}",
		"{\"encoding\": \"base64\", \"data\": \"aMOpASE=\", \"size\": 1}",
	};

	for (size_t i = 0; i < 3; i++) {
		ck_assert_msg(decode(spellings[i]), "%s", error.why);
		ck_assert_uint_eq(args.data.len, 5);
		ck_assert_mem_eq(args.data.bytes, "h\xc3\xa9\1!", 5);
	}
	ck_assert(decode("{\"size\": 1, \"data\": \"\", \"encoding\": \"hex\"}"));
	ck_assert_uint_eq(args.data.len, 0);
}
END_TEST

START_TEST(ranges_are_pairs_of_words)
{
	static const uint64_t words[] = { 4096, 1024, UINT64_MAX, 0 };

	ck_assert_msg(decode("{\"size\": 1, \"ranges\": ["
			     "{\"base\": \"0x1000\", \"len\": \"1K\"},"
			     "{\"len\": 0, \"base\": -1}]}"), "%s", error.why);
	ck_assert_uint_eq(args.ranges.nr, 2);
	ck_assert_mem_eq(args.ranges.words, words, sizeof(words));
	ck_assert(decode("{\"size\": 1, \"ranges\": []}"));
	ck_assert_uint_eq(args.ranges.nr, 0);
	ck_assert(decode("{\"size\": 1}"));
	ck_assert_uint_eq(args.ranges.nr, 0);
}
END_TEST

/* What a machine of 32 bits can pass; 0 where nothing can be meant. */
static const struct {
	uint64_t given, fits;
	bool ok;
} narrow[] = {
	{ 0, 0, true }, { 0xffffffff, 0xffffffff, true },
	{ 0x100000000, 0, false }, { UINT64_MAX, 0xffffffff, true },
	{ 0xfffffffffffff000, 0xfffff000, true },
	{ 0xffffffff80000000, 0x80000000, true },
	{ 0xffffffff7fffffff, 0, false }, { 1ULL << 63, 0, false },
};

START_TEST(words_are_fitted_to_a_narrower_machine)
{
	char text[128];

	snprintf(text, sizeof(text), "{\"size\": 1099511627776, \"word\": \"%#llx\"}",
		 (unsigned long long)narrow[_i].given);
	ck_assert(decode(text));
	ck_assert(rpc_fit_words(&method, &args, UINT64_MAX, &error));
	ck_assert_uint_eq(args.word, narrow[_i].given);
	ck_assert_int_eq(rpc_fit_words(&method, &args, UINT32_MAX, &error),
			 narrow[_i].ok);
	if (narrow[_i].ok) {
		ck_assert_uint_eq(args.word, narrow[_i].fits);
	} else {
		ck_assert_int_eq(error.code, RPC_INVALID_PARAMS);
		ck_assert_str_eq(error.param, "word");
	}
	ck_assert_uint_eq(args.size, 1ULL << 40);	/* no word */
	snprintf(text, sizeof(text),
		 "{\"size\": 1, \"ranges\": [{\"base\": 0, \"len\": \"%#llx\"}]}",
		 (unsigned long long)narrow[_i].given);
	ck_assert(decode(text));
	ck_assert_int_eq(rpc_fit_words(&method, &args, UINT32_MAX, &error),
			 narrow[_i].ok);
	if (narrow[_i].ok)
		ck_assert_uint_eq(args.ranges.words[1], narrow[_i].fits);
	else
		ck_assert_str_eq(error.param, "ranges");
}
END_TEST

START_TEST(positional_parameters_come_in_the_order_of_the_table)
{
	ck_assert(decode("[\"4K\", -1, \"A_WRITE\", -5, 6, \"first\", true, \"sh\"]"));
	ck_assert_uint_eq(args.size, 4096);
	ck_assert_uint_eq(args.word, UINT64_MAX);
	ck_assert_uint_eq(args.flags, 2);
	ck_assert_int_eq(args.number, -5);
	ck_assert_uint_eq(args.small, 6);
	ck_assert_uint_eq(args.kind, 0);
	ck_assert(args.yes);
	ck_assert_str_eq(args.name, "sh");
	ck_assert_uint_eq(args.given, 0xff);
	ck_assert(!decode("[]"));
	ck_assert_str_eq(error.param, "size");
	ck_assert(!decode("[1, 0, 0, 0, 0, 0, false, \"a\", \"\", \"hex\", [],"
			  " 1]"));
	ck_assert_int_eq(error.code, RPC_INVALID_PARAMS);
}
END_TEST

Suite *suite_decode(void);
Suite *suite_decode(void)
{
	Suite *suite = suite_create("decode");
	TCase *tc = tcase_create("decode");

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, what_is_not_given_has_its_default);
	tcase_add_loop_test(tc, an_integer_may_be_spelled_in_many_ways, 0,
			    sizeof(integers) / sizeof(integers[0]));
	tcase_add_loop_test(tc, what_is_wrong_is_named, 0,
			    sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_loop_test(tc, an_unsigned_long_takes_any_64_bit_pattern, 0,
			    sizeof(patterns) / sizeof(patterns[0]));
	tcase_add_loop_test(tc, flags_are_names_and_numbers_joined, 0,
			    sizeof(flags) / sizeof(flags[0]));
	tcase_add_test(tc, bytes_are_the_same_in_every_encoding);
	tcase_add_test(tc, ranges_are_pairs_of_words);
	tcase_add_loop_test(tc, words_are_fitted_to_a_narrower_machine, 0,
			    sizeof(narrow) / sizeof(narrow[0]));
	tcase_add_test(tc, positional_parameters_come_in_the_order_of_the_table);
	suite_add_tcase(suite, tc);
	return suite;
}
