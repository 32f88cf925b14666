/* SPDX-License-Identifier: MIT */
/* What jansson does not tell of a text, and what it is given instead of some. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/json_text.h"

/* Returns the id's text as a string of its own; NULL: none was found. */
static const char *find(struct json_ids *ids, uint32_t element)
{
	static char found[400];
	size_t len;
	const char *at = json_ids_find(ids, element, &len);

	if (!at)
		return NULL;
	snprintf(found, sizeof(found), "%.*s", (int)len, at);
	return found;
}

static const struct {
	const char *text, *id;		/* NULL: it has none */
} requests[] = {
	{ "{\"id\":1.0}", "1.0" },
	{ " \n{ \"id\" \t:\r 1E2 } ", "1E2" },
	{ "{\"method\":\"id\",\"id\":-0}", "-0" },
	{ "{\"params\":{\"id\":2.5},\"id\":1e400}", "1e400" },
	{ "{\"params\":[\"id\",{\"id\":2}],\"id\":3}", "3" },
	{ "{\"a\\\"id\":4,\"id\":5}", "5" },
	{ "{\"a\":\"\\\\\",\"id\":6,\"b\":\"\\\"\"}", "6" },
	{ "{\"\\u0069d\":7}", "7" },
	{ "{\"i\\u0064\":8.}", "8." },
	{ "{\"\\u0069\\u0064\":9}", "9" },
	{ "{\"id\\u0064\":1,\"ix\":2,\"i\":3,\"\":4,\"idx\":5,\"\\u0064\":6}", NULL },
	{ "{\"params\":{\"id\":1}}", NULL },
	{ "{\"params\":[\"id\",1]}", NULL },
	{ "{\"id\":\"a \\\" b\"}", "\"a \\\" b\"" },
	{ "{}", NULL },
	{ "", NULL },
	{ "{\"id\"", NULL },
	{ "{\"id\":", NULL },
	{ "\"id", NULL },
};

START_TEST(an_id_is_found_as_it_was_written)
{
	const char *text = requests[_i].text;
	struct json_ids ids = json_ids_begin(text, strlen(text));
	const char *id = find(&ids, 0);

	ck_assert_int_eq(!id, !requests[_i].id);
	if (id)
		ck_assert_str_eq(id, requests[_i].id);
}
END_TEST

START_TEST(of_a_batch_each_id_is_its_requests)
{
	static const char text[] =
		"[{\"id\":0.0,\"params\":[1,2,{\"id\":9}]}, 7, [\"id\", 1, {\"id\":8}],"
		"{\"method\":\"a, b\"}, {\"id\":4e0}\n,{}, {\"params\":{},\"id\":6.}]";
	static const char *const want[] = { "0.0", NULL, NULL, NULL, "4e0", NULL,
					    "6." };

	/* All of them; and any of them alone, or any two. */
	for (unsigned int asked = 0; asked < 1u << 7; asked++) {
		struct json_ids ids = json_ids_begin(text, sizeof(text) - 1);

		for (uint32_t i = 0; i < 7; i++) {
			const char *id;

			if (!(asked >> i & 1) || !want[i])
				continue;
			id = find(&ids, i);
			ck_assert_ptr_nonnull(id);
			ck_assert_str_eq(id, want[i]);
		}
	}
}
END_TEST

START_TEST(numbers_are_tamed_and_nothing_else_is)
{
	static const char text[] =
		"[1, -2.5e3, 9223372036854775807, \"1e999\", 9223372036854775808,"
		" 1e999, -1e999, \"a\\\"18446744073709551616\", true]";
	size_t len;
	char *tame = json_text_tame(text, sizeof(text) - 1, &len);
	json_t *value = json_loadb(tame, len, 0, NULL);
	json_t *want = json_pack("[i, f, I, s, f, f, f, s, b]", 1, -2.5e3, INT64_MAX,
				 "1e999", 9223372036854775808e0, 1e300, 1e300,
				 "a\"18446744073709551616", 1);

	ck_assert(json_equal(value, want));
	json_decref(want);
	json_decref(value);
	free(tame);
}
END_TEST

Suite *suite_json_text(void);
Suite *suite_json_text(void)
{
	Suite *suite = suite_create("json_text");
	TCase *tc = tcase_create("text");

	tcase_add_loop_test(tc, an_id_is_found_as_it_was_written, 0,
			    sizeof(requests) / sizeof(requests[0]));
	tcase_add_test(tc, of_a_batch_each_id_is_its_requests);
	tcase_add_test(tc, numbers_are_tamed_and_nothing_else_is);
	suite_add_tcase(suite, tc);
	return suite;
}
