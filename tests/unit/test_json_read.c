/* SPDX-License-Identifier: MIT */
/*
 * The quick reader against jansson's parser: texts, and each of them with each
 * byte taken out, doubled, or changed into each that matters to JSON. And where
 * the values live.
 */
#include <check.h>
#include <jansson.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "server/json_memory.h"
#include "server/json_read.h"

#define TEXT_MAX 512

static const char *const plain_texts[] = {
	"{}", "[]", " [ ] ", "\t{\r\n}\n", "[[],{},[[{}]]]",
	"{\"a\":1,\"b\":-2,\"\":0}", "[true,false,null]", "[-0,0,10]",
	"[999999999999999999,-999999999999999999]",
	"[\"\",\" !#$%&'()*+,-./:;<=>?@[]^_`{|}~\"]",
	"{ \"x\" : [ 1 , \"two\" , { \"y\" : null } ] }",
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sys.mmap\",\"params\":"
	"{\"machine\":\"m\",\"pid\":1,\"len\":\"2M\",\"explain\":true}}",
};

static const char *const other_texts[] = {
	"", " ", "1", "\"text\"", "null", "[1] 2", "[1][", "{\"a\":1,\"a\":2}",
	"[1.0]", "[1e2]", "[1E2]", "[-]", "[01]", "[-01]", "[+1]",
	"[1000000000000000000]", "[9223372036854775807]",
	"[9223372036854775808]", "[\"a\\nb\"]", "[\"\xc3\xa9\"]",
	"[\"\x1f\"]", "[\"\x7f\"]", "{\"\\u0061\":1}", "[truE]", "[nul]",
	"[truefalse]", "[1,]", "{\"a\":1,}", "{,}", "{\"a\"}", "{1:2}",
	"[\"open", "[", "{\"a\":", "\xef\xbb\xbf[]", "[NaN]", "['a']",
};

#define NR(texts) (sizeof(texts) / sizeof((texts)[0]))

static json_t *by_jansson(const char *text, size_t len, json_error_t *e)
{
	return json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
			  e);
}

/* Equal, and in the same order. */
static void assert_same(const json_t *ours, const json_t *theirs,
			const char *text, size_t len)
{
	char *a = json_dumps(ours, JSON_COMPACT | JSON_ENCODE_ANY);
	char *b = json_dumps(theirs, JSON_COMPACT | JSON_ENCODE_ANY);

	ck_assert_msg(a && b && !strcmp(a, b), "%.*s: %s, not %s", (int)len,
		      text, a, b);
	ck_assert(json_equal(ours, theirs));
	free(a);
	free(b);
}

/* Returns whether the quick reader took it. */
static bool compare(const char *text, size_t len)
{
	json_t *ours = json_read_plain(text, len), *theirs;

	if (!ours)
		return false;
	theirs = by_jansson(text, len, NULL);
	ck_assert_msg(theirs, "jansson refuses %.*s", (int)len, text);
	assert_same(ours, theirs, text, len);
	json_decref(theirs);
	json_decref(ours);
	return true;
}

START_TEST(a_plain_text_is_read_without_jansson_and_as_jansson_does)
{
	const char *text = plain_texts[_i];

	ck_assert_msg(compare(text, strlen(text)), "left to jansson: %s", text);
}
END_TEST

START_TEST(a_text_that_is_not_plain_is_left_to_jansson)
{
	const char *text = other_texts[_i];
	json_error_t ours, theirs;
	json_t *a, *b;

	ck_assert_msg(!json_read_plain(text, strlen(text)), "%s", text);
	a = json_read(text, strlen(text), &ours);
	b = by_jansson(text, strlen(text), &theirs);
	ck_assert_int_eq(!a, !b);
	if (a)
		assert_same(a, b, text, strlen(text));
	else
		ck_assert_str_eq(ours.text, theirs.text);
	json_decref(a);
	json_decref(b);
}
END_TEST

/* ---- near each plain text ---- */

static const char interesting[] =
	"{}[],:\"\\ \t\n0189-+.eEtrufalsnxX/'\x01\x1f\x7f\x80\xc3\xff";

static uint32_t taken;

/* @text with the byte at @at replaced by the @nr bytes at @with. */
static void compare_changed(const char *text, size_t at, const char *with,
			    size_t nr)
{
	size_t len = strlen(text);
	char changed[TEXT_MAX];

	memcpy(changed, text, at);
	memcpy(changed + at, with, nr);
	memcpy(changed + at + nr, text + at + 1, len - at - 1);
	taken += compare(changed, len - 1 + nr);
}

START_TEST(whatever_is_taken_is_read_as_jansson_does)
{
	const char *text = plain_texts[_i];

	for (size_t at = 0; text[at]; at++) {
		char two[2] = { 0, text[at] };

		compare_changed(text, at, "", 0);
		for (size_t i = 0; i < sizeof(interesting); i++) {
			two[0] = interesting[i];
			compare_changed(text, at, two, 1);
			compare_changed(text, at, two, 2);
		}
		taken += compare(text, at);
	}
	ck_assert_uint_gt(taken, 0);
}
END_TEST

static char *nested(size_t depth)
{
	char *text = malloc(2 * depth);

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	return text;
}

START_TEST(what_is_nested_deeper_than_the_scan_allows_is_not_plain)
{
	char *text = nested(33);

	ck_assert(compare(text + 1, 64));
	ck_assert_ptr_null(json_read_plain(text, 66));
	free(text);
}
END_TEST

/* ---- where the values live ---- */

static char *long_array(size_t nr)
{
	char *text = malloc(2 * nr + 1);

	for (size_t i = 0; i < nr; i++)
		memcpy(text + 2 * i, i ? ",1" : "[1", 2);
	memcpy(text + 2 * nr, "]", 1);
	return text;
}

/* As a request does it; returns whether malloc() was spared. */
static bool read_and_forget(const char *text, size_t len)
{
	json_t *value;
	bool all;

	json_memory_begin();
	value = json_read(text, len, NULL);
	ck_assert_ptr_nonnull(value);
	all = json_memory_end();
	if (!all)
		json_decref(value);
	return all;
}

START_TEST(values_that_do_not_fit_come_from_malloc_and_go_back)
{
	char *text = long_array(4096);
	size_t before;

	json_memory_install();
	ck_assert(!read_and_forget(text, 2 * 4096 + 1));
	before = mallinfo2().uordblks;
	for (int i = 0; i < 20; i++)
		ck_assert(!read_and_forget(text, 2 * 4096 + 1));
	/* Its caches hold a little; one array forgotten would be more. */
	ck_assert_uint_lt(mallinfo2().uordblks, before + 65536);
	free(text);
}
END_TEST

START_TEST(a_request_after_another_finds_its_memory_empty)
{
	const char *text = plain_texts[NR(plain_texts) - 1];
	bool first;

	json_memory_install();
	first = read_and_forget(text, strlen(text));
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(read_and_forget(text, strlen(text)), first);
}
END_TEST

START_TEST(values_made_outside_a_request_stay)
{
	json_t *kept;

	json_memory_install();
	kept = json_string("kept");
	read_and_forget("[\"one\"]", 7);
	ck_assert_str_eq(json_string_value(kept), "kept");
	json_memory_begin();
	json_decref(kept);
	json_memory_end();
}
END_TEST

Suite *suite_json_read(void);
Suite *suite_json_read(void)
{
	Suite *suite = suite_create("json_read");
	TCase *reads = tcase_create("reads"), *memory = tcase_create("memory");

	tcase_add_loop_test(reads,
		a_plain_text_is_read_without_jansson_and_as_jansson_does, 0,
		NR(plain_texts));
	tcase_add_loop_test(reads, a_text_that_is_not_plain_is_left_to_jansson,
			    0, NR(other_texts));
	tcase_add_loop_test(reads, whatever_is_taken_is_read_as_jansson_does,
			    0, NR(plain_texts));
	tcase_add_test(reads,
		       what_is_nested_deeper_than_the_scan_allows_is_not_plain);
	tcase_add_test(memory,
		       values_that_do_not_fit_come_from_malloc_and_go_back);
	tcase_add_test(memory, a_request_after_another_finds_its_memory_empty);
	tcase_add_test(memory, values_made_outside_a_request_stay);
	suite_add_tcase(suite, reads);
	suite_add_tcase(suite, memory);
	return suite;
}
