/* SPDX-License-Identifier: MIT */
/*
 * The envelope: JSON-RPC 2.0 by the letter, from bytes to bytes. What is
 * answered is compared as JSON, so that the order of members does not matter.
 */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/machines.h"
#include "server/rpc.h"
#include "server/server.h"

static struct server server;
static struct json_writer out;

static void setup(void)
{
	struct machine_limits limits = machine_limits_default();

	server.machines = machines_new(&limits);
	json_writer_init(&out, 0);
}

static void teardown(void)
{
	json_writer_free(&out);
	machines_free(server.machines);
}

static enum rpc_outcome handle(const char *body)
{
	struct rpc_progress progress = { 0 };

	json_writer_reset(&out);
	return rpc_handle(&server, body, strlen(body), &out, &progress, true);
}

/* NULL: silence. */
static json_t *answer(const char *body)
{
	json_t *tree;

	if (handle(body) != RPC_ANSWER)
		return NULL;
	tree = json_loadb(out.buf, out.len, 0, NULL);
	ck_assert_msg(tree, "not JSON: %.*s", (int)out.len, out.buf);
	return tree;
}

static int error_code(const json_t *one)
{
	const json_t *e = json_object_get(one, "error");

	ck_assert_str_eq(json_string_value(json_object_get(one, "jsonrpc")),
			 "2.0");
	if (!e) {
		ck_assert_ptr_nonnull(json_object_get(one, "result"));
		return 0;
	}
	ck_assert_ptr_null(json_object_get(one, "result"));
	ck_assert_ptr_nonnull(json_string_value(json_object_get(e, "message")));
	return (int)json_integer_value(json_object_get(e, "code"));
}

static const struct {
	const char *body;
	int code;			/* 0: a result */
	const char *id;			/* as JSON */
} singles[] = {
	/* The examples of the specification, with our methods' names. */
	{ "{\"jsonrpc\": \"2.0\", \"method\": \"server.info\", \"params\": [], \"id\": 3}",
	  0, "3" },
	{ "{\"jsonrpc\": \"2.0\", \"method\": \"foobar\", \"id\": \"1\"}",
	  RPC_METHOD_NOT_FOUND, "\"1\"" },
	{ "{\"jsonrpc\": \"2.0\", \"method\": \"foobar, \"params\": \"bar\", \"baz]",
	  RPC_PARSE_ERROR, "null" },
	{ "{\"jsonrpc\": \"2.0\", \"method\": 1, \"params\": \"bar\"}",
	  RPC_INVALID_REQUEST, "null" },
	{ "[\n{\"jsonrpc\": \"2.0\", \"method\": \"sum\","
	  " \"params\": [1,2,4], \"id\": \"1\"},\n{\"jsonrpc\": \"2.0\", \"method\"\n]",
	  RPC_PARSE_ERROR, "null" },
	{ "[]", RPC_INVALID_REQUEST, "null" },
	/* And what it says in words. */
	{ "1", RPC_INVALID_REQUEST, "null" },
	{ "\"x\"", RPC_INVALID_REQUEST, "null" },
	{ "", RPC_PARSE_ERROR, "null" },
	{ "{}", RPC_INVALID_REQUEST, "null" },
	{ "{\"method\": \"server.info\", \"id\": 7}", RPC_INVALID_REQUEST, "7" },
	{ "{\"jsonrpc\": \"1.0\", \"method\": \"server.info\", \"id\": 7}",
	  RPC_INVALID_REQUEST, "7" },
	{ "{\"jsonrpc\": 2.0, \"method\": \"server.info\", \"id\": 7}",
	  RPC_INVALID_REQUEST, "7" },
	{ "{\"jsonrpc\": \"2.0\", \"method\": \"server.info\", \"id\": null}", 0,
	  "null" },
	{ "{\"jsonrpc\": \"2.0\", \"method\": \"server.info\", \"id\": \"\"}", 0,
	  "\"\"" },
	{ "{\"jsonrpc\": \"2.0\", \"method\": \"server.info\", \"id\": [1]}",
	  RPC_INVALID_REQUEST, "null" },
	{ "{\"jsonrpc\": \"2.0\", \"method\": \"server.info\", \"params\": 1, \"id\": 7}",
	  RPC_INVALID_REQUEST, "7" },
	{ "{\"jsonrpc\": \"2.0\", \"method\": \"server.info\", \"params\": {\"a\": 1}, \"id\": 7}",
	  RPC_INVALID_PARAMS, "7" },
	{ "{\"jsonrpc\": \"2.0\", \"method\": \"machine.info\","
	  " \"params\": {\"machine\": \"m\"}, \"id\": 7}",
	  RPC_NO_SUCH_MACHINE, "7" },
	{ "{\"jsonrpc\": \"2.0\", \"method\": \"\", \"id\": 7}",
	  RPC_METHOD_NOT_FOUND, "7" },
};

START_TEST(one_request_has_one_answer)
{
	json_t *one = answer(singles[_i].body);
	json_t *id = json_loads(singles[_i].id, JSON_DECODE_ANY, NULL);

	ck_assert_ptr_nonnull(one);
	ck_assert_msg(error_code(one) == singles[_i].code, "%s: %d",
		      singles[_i].body, error_code(one));
	ck_assert(json_equal(json_object_get(one, "id"), id));
	json_decref(id);
	json_decref(one);
}
END_TEST

START_TEST(notifications_are_not_answered)
{
	static const char *const silent[] = {
		"{\"jsonrpc\": \"2.0\", \"method\": \"server.info\"}",
		"{\"jsonrpc\": \"2.0\", \"method\": \"foobar\"}",
		"{\"jsonrpc\": \"2.0\", \"method\": \"machine.info\", \"params\": {}}",
		"[{\"jsonrpc\": \"2.0\", \"method\": \"server.info\"},"
		"{\"jsonrpc\": \"2.0\", \"method\": \"server.info\", \"params\": [7]}]",
	};

	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++)
		ck_assert_int_eq(handle(silent[i]), RPC_SILENCE);
}
END_TEST

START_TEST(but_they_run)
{
	json_t *one;

	ck_assert_int_eq(handle("{\"jsonrpc\": \"2.0\", \"method\": \"machine.create\","
				"\"params\": {\"name\": \"quiet\"}}"),
			 RPC_SILENCE);
	one = answer("{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"machine.info\","
		     "\"params\": [\"quiet\"]}");
	ck_assert_int_eq(error_code(one), 0);
	json_decref(one);
}
END_TEST

START_TEST(a_batch_is_answered_in_order_without_its_notifications)
{
	static const int codes[] = {
		0, RPC_INVALID_REQUEST, RPC_METHOD_NOT_FOUND,
		RPC_INVALID_REQUEST, 0,
	};
	json_t *all = answer(
		"[{\"jsonrpc\": \"2.0\", \"method\": \"server.info\", \"id\": \"1\"},"
		"{\"jsonrpc\": \"2.0\", \"method\": \"server.info\"},"
		"{\"foo\": \"boo\"},"
		"{\"jsonrpc\": \"2.0\", \"method\": \"foo.get\","
		" \"params\": {\"name\": \"myself\"}, \"id\": \"5\"},"
		"1,"
		"{\"jsonrpc\": \"2.0\", \"method\": \"machine.list\", \"id\": \"9\"}]");
	json_t *one;
	size_t i;

	ck_assert_uint_eq(json_array_size(all), 5);
	json_array_foreach(all, i, one)
		ck_assert_int_eq(error_code(one), codes[i]);
	ck_assert_str_eq(json_string_value(json_object_get(
		json_array_get(all, 4), "id")), "9");
	json_decref(all);
}
END_TEST

/* The same bytes: of a string those that the writer chooses. */
static const struct {
	const char *sent, *back;
} ids[] = {
	{ "0", "0" }, { "-0", "-0" }, { "-1", "-1" }, { "1.0", "1.0" },
	{ "1.5", "1.5" }, { "1.50", "1.50" }, { "0.0", "0.0" }, { "-0.0", "-0.0" },
	{ "1E2", "1E2" }, { "1e+2", "1e+2" }, { "1e-2", "1e-2" },
	{ "1.0000000000000002", "1.0000000000000002" },
	{ "0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827" },
	{ "9007199254740993", "9007199254740993" },
	{ "9223372036854775807", "9223372036854775807" },
	{ "9223372036854775808", "9223372036854775808" },
	{ "-9223372036854775808", "-9223372036854775808" },
	{ "-9223372036854775809", "-9223372036854775809" },
	{ "12345678901234567890", "12345678901234567890" },
	{ "123456789012345678901234567890", "123456789012345678901234567890" },
	{ "1e300", "1e300" }, { "1e400", "1e400" }, { "-1e400", "-1e400" },
	{ "1e-400", "1e-400" },
	{ "null", "null" }, { "\"\"", "\"\"" }, { "\"1e400\"", "\"1e400\"" },
	{ "\"9007199254740993\"", "\"9007199254740993\"" },
	{ "\"\\u0061\\/\\n\\\"\"", "\"a/\\n\\\"\"" },
	{ "\"\\u00e9\\ud83d\\ude00\"", "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
	{ "\"\\u0000\"", "\"\\u0000\"" },
};

#define NR_IDS	(sizeof(ids) / sizeof(ids[0]))

/* What follows @begin in the answer from @from on; NULL: it is not there. */
static const char *answer_behind(const char *from, const char *begin)
{
	const char *at = memmem(from, (size_t)(out.buf + out.len - from), begin,
				strlen(begin));

	return at ? at + strlen(begin) : NULL;
}

/* Returns where the id ends. */
static const char *expect_id(const char *from, const char *id)
{
	const char *at = answer_behind(from, "\"jsonrpc\":\"2.0\",\"id\":");

	ck_assert_ptr_nonnull(at);
	ck_assert_msg(!memcmp(at, id, strlen(id)) && at[strlen(id)] == ',',
		      "%s: %.*s", id, (int)(out.buf + out.len - at), at);
	return at + strlen(id);
}

START_TEST(ids_come_back_exactly)
{
	static const char *const around[][2] = {
		{ "{\"jsonrpc\":\"2.0\",\"method\":\"machine.list\",\"id\":", "}" },
		{ " {\n\"id\" : ", " , \"method\":\"id\", \"jsonrpc\":\"2.0\" }" },
		{ "{\"params\":{\"id\":1.5},\"\\u0069\\u0064\":",
		  ",\"jsonrpc\":\"2.0\",\"method\":\"machine.list\"}" },
		{ "{\"id\":", "}" },
	};

	for (size_t i = 0; i < NR_IDS * 4; i++) {
		char body[240];

		snprintf(body, sizeof(body), "%s%s%s", around[i % 4][0],
			 ids[i / 4].sent, around[i % 4][1]);
		ck_assert_int_eq(handle(body), RPC_ANSWER);
		expect_id(out.buf, ids[i / 4].back);
	}
}
END_TEST

/* Between them are notifications, and one call that a loop leaves to a thread. */
START_TEST(ids_come_back_exactly_from_a_batch)
{
	struct rpc_progress progress = { 0 };
	static char body[16384];
	const char *at;
	int len = sprintf(body, "[");

	for (size_t i = 0; i < NR_IDS; i++)
		len += sprintf(body + len,
			       "{\"jsonrpc\":\"2.0\",\"params\":[{\"id\":7.5}],"
			       "\"method\":\"no.such\"},\n"
			       "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"id\":%s},",
			       i == 9 ? "machine.digest" : "machine.list",
			       ids[i].sent);
	sprintf(body + len, "{\"id\":1e999}]");
	json_writer_reset(&out);
	ck_assert_int_eq(rpc_handle(&server, body, strlen(body), &out, &progress,
				    false), RPC_LATER);
	ck_assert_uint_eq(progress.done, 19);
	ck_assert_int_eq(rpc_handle(&server, body, strlen(body), &out, &progress,
				    true), RPC_ANSWER);
	at = out.buf;
	for (size_t i = 0; i < NR_IDS; i++)
		at = expect_id(at, ids[i].back);
	at = expect_id(at, "1e999");
	ck_assert_ptr_null(answer_behind(at, "\"jsonrpc\""));
}
END_TEST

/* Beside a number too large for anything, what is none stays none. */
START_TEST(what_only_looks_like_a_number_is_no_json)
{
	static const char *const wrong[] = {
		"1e400e5", "1.e400", "1e", "-", "01e400", "--1", "01",
		"99999999999999999999-5", "2.e999", "+1e400", "1e4.00", ".5e400",
	};
	char body[160];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		json_t *one;

		snprintf(body, sizeof(body), "{\"jsonrpc\": \"2.0\", \"method\":"
			 " \"machine.list\", \"params\": [1e400], \"id\": %s}", wrong[i]);
		one = answer(body);
		ck_assert_msg(error_code(one) == RPC_PARSE_ERROR, "%s: %.*s", body,
			      (int)out.len, out.buf);
		json_decref(one);
	}
}
END_TEST

START_TEST(an_id_has_256_bytes_at_most)
{
	static const char begin[] =
		"{\"jsonrpc\": \"2.0\", \"method\": \"machine.list\", \"id\": \"";
	char body[512];

	for (size_t len = 255; len <= 257; len++) {
		json_t *one;

		memcpy(body, begin, sizeof(begin) - 1);
		memset(body + sizeof(begin) - 1, 'i', len);
		strcpy(body + sizeof(begin) - 1 + len, "\"}");
		one = answer(body);
		ck_assert_int_eq(error_code(one), len > 256 ? RPC_INVALID_REQUEST
							    : 0);
		ck_assert_int_eq(json_is_null(json_object_get(one, "id")), len > 256);
		json_decref(one);
		/* A number of as many digits, without quotes. */
		memset(body + sizeof(begin) - 2, '1', len);
		strcpy(body + sizeof(begin) - 2 + len, "}");
		ck_assert_int_eq(handle(body), RPC_ANSWER);
		if (len <= 256)
			body[sizeof(begin) - 2 + len] = '\0';
		expect_id(out.buf, len > 256 ? "null" : body + sizeof(begin) - 2);
	}
}
END_TEST

START_TEST(an_empty_batch_is_told_from_a_request_that_is_none)
{
	json_t *one = answer("[]");
	const json_t *data = json_object_get(json_object_get(one, "error"), "data");

	ck_assert_str_eq(json_string_value(json_object_get(data, "why")),
			 "an empty batch");
	json_decref(one);
}
END_TEST

/* What has happened is told, however long the answer is by now; no more is looked at. */
START_TEST(an_answer_has_a_largest_size)
{
	char *filling = malloc(RPC_ANSWER_MAX);
	struct rpc_error error = { 0 };
	json_t *params = json_pack("{s:s}", "name", "late"), *none = json_object();

	ck_assert(filling && params && none);
	memset(filling, ' ', RPC_ANSWER_MAX);
	json_writer_reset(&out);
	json_put_raw(&out, filling, RPC_ANSWER_MAX - 8);
	out.limit = 2UL * RPC_ANSWER_MAX;	/* as rpc_handle() has it */
	ck_assert(!rpc_call_method(&server, "server.info", none, &out, &error));
	ck_assert_int_eq(error.code, RPC_LIMIT);
	ck_assert_uint_eq(out.len, RPC_ANSWER_MAX - 8);
	ck_assert_msg(rpc_call_method(&server, "machine.create", params, &out,
				      &error), "%d %s", error.code, error.why);
	ck_assert_uint_gt(out.len, RPC_ANSWER_MAX);
	/* Behind it nothing is run, whatever it is. */
	ck_assert(!rpc_call_method(&server, "machine.create", params, &out, &error));
	ck_assert_int_eq(error.code, RPC_LIMIT);
	json_decref(params);
	json_decref(none);
	free(filling);
}
END_TEST

/* A body that takes long to read, or many calls, are not for the event loop. */
START_TEST(a_long_batch_is_left_for_a_thread_that_may_wait)
{
	static const char call[] =
		"{\"jsonrpc\":\"2.0\",\"method\":\"machine.list\",\"id\":1}";
	static char body[70000];

	for (int nr = 64; nr <= 65; nr++) {
		struct rpc_progress progress = { 0 };

		strcpy(body, "[");
		for (int i = 0; i < nr; i++) {
			strcat(body, i ? "," : "");
			strcat(body, call);
		}
		strcat(body, "]");
		json_writer_reset(&out);
		ck_assert_int_eq(rpc_handle(&server, body, strlen(body), &out,
					    &progress, false),
				 nr > 64 ? RPC_LATER : RPC_ANSWER);
		ck_assert_uint_eq(progress.done, nr > 64 ? 0 : nr);
	}
	for (size_t len = 65536; len <= 65537; len++) {
		struct rpc_progress progress = { 0 };

		memset(body, ' ', sizeof(body));
		memcpy(body, call, sizeof(call) - 1);
		json_writer_reset(&out);
		ck_assert_int_eq(rpc_handle(&server, body, len, &out, &progress,
					    false),
				 len > 65536 ? RPC_LATER : RPC_ANSWER);
	}
}
END_TEST

START_TEST(a_call_that_would_wait_is_left_for_a_thread_that_may)
{
	static const char body[] =
		"[{\"jsonrpc\": \"2.0\", \"method\": \"server.info\", \"id\": 1},"
		"{\"jsonrpc\": \"2.0\", \"method\": \"machine.check\","
		" \"params\": [\"m\"], \"id\": 2}]";
	struct rpc_progress progress = { 0 };
	const size_t len = sizeof(body) - 1;
	enum rpc_outcome outcome;
	json_t *all;

	handle("{\"jsonrpc\": \"2.0\", \"method\": \"machine.create\","
	       "\"params\": {\"name\": \"m\"}}");
	json_writer_reset(&out);
	outcome = rpc_handle(&server, body, len, &out, &progress, false);
	if (outcome == RPC_LATER) {
		ck_assert_uint_eq(progress.done, 1);
		outcome = rpc_handle(&server, body, len, &out, &progress, true);
	}
	ck_assert_int_eq(outcome, RPC_ANSWER);
	all = json_loadb(out.buf, out.len, 0, NULL);
	ck_assert_uint_eq(json_array_size(all), 2);
	ck_assert_int_eq(error_code(json_array_get(all, 0)), 0);
	ck_assert_int_eq(error_code(json_array_get(all, 1)), 0);
	json_decref(all);
}
END_TEST

START_TEST(the_methods_are_sorted_and_found)
{
	for (uint32_t i = 0; i < nr_rpc_methods; i++) {
		ck_assert(!i || strcmp(rpc_methods[i - 1].name,
				       rpc_methods[i].name) < 0);
		ck_assert_ptr_eq(rpc_find_method(rpc_methods[i].name),
				 &rpc_methods[i]);
	}
	ck_assert_ptr_null(rpc_find_method("zzz"));
	ck_assert_ptr_null(rpc_find_method(""));
}
END_TEST

Suite *suite_rpc(void);
Suite *suite_rpc(void)
{
	Suite *suite = suite_create("rpc");
	TCase *tc = tcase_create("envelope");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, one_request_has_one_answer, 0,
			    sizeof(singles) / sizeof(singles[0]));
	tcase_add_test(tc, notifications_are_not_answered);
	tcase_add_test(tc, but_they_run);
	tcase_add_test(tc, a_batch_is_answered_in_order_without_its_notifications);
	tcase_add_test(tc, ids_come_back_exactly);
	tcase_add_test(tc, ids_come_back_exactly_from_a_batch);
	tcase_add_test(tc, what_only_looks_like_a_number_is_no_json);
	tcase_add_test(tc, an_id_has_256_bytes_at_most);
	tcase_add_test(tc, an_empty_batch_is_told_from_a_request_that_is_none);
	tcase_add_test(tc, an_answer_has_a_largest_size);
	tcase_add_test(tc, a_long_batch_is_left_for_a_thread_that_may_wait);
	tcase_add_test(tc, a_call_that_would_wait_is_left_for_a_thread_that_may);
	tcase_add_test(tc, the_methods_are_sorted_and_found);
	suite_add_tcase(suite, tc);
	return suite;
}
