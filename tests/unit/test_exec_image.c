/* SPDX-License-Identifier: MIT */
/*
 * Exec images: from JSON to the bytes that the core reads and back again, and a
 * named refusal for everything that is none. The core's own look at the bytes
 * is tried with every cut and with lengths that lie.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/fs/binfmts.h"
#include "server/exec_image.h"

#define SEGMENT "{\"vaddr\": \"0x400000\", \"offset\": 0, \"filesz\": \"4K\", " \
	"\"memsz\": 8192, \"prot\": \"PROT_READ|PROT_EXEC\"}"
#define SMALLEST "{\"path\": \"/a\", \"segments\": [" SEGMENT "]}"

static struct rpc_bytes bytes;
static struct rpc_error error;

static void teardown(void)
{
	free((void *)bytes.bytes);
	bytes = (struct rpc_bytes){ .len = 0 };
}

static bool decode(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);
	bool done;

	ck_assert_msg(json, "not JSON: %s", text);
	teardown();
	memset(&error, 0, sizeof(error));
	done = exec_image_decode(json, &bytes, &error);
	json_decref(json);
	return done;
}

/* Refused, naming "image"; the sentence holds @part. */
static void expect_refused(const char *text, const char *part)
{
	ck_assert_msg(!decode(text), "accepted: %s", text);
	ck_assert_int_eq(error.code, RPC_INVALID_PARAMS);
	ck_assert_str_eq(error.param, "image");
	ck_assert_msg(strstr(error.why, part), "\"%s\" lacks \"%s\"", error.why, part);
}

static struct linux_binprm parsed(void)
{
	struct linux_binprm bprm;

	ck_assert(exec_image_parse(bytes.bytes, bytes.len, &bprm));
	return bprm;
}

START_TEST(the_smallest_image_has_its_defaults)
{
	struct linux_binprm bprm;

	ck_assert_msg(decode(SMALLEST), "%s", error.why);
	bprm = parsed();
	ck_assert_str_eq(bprm.path, "/a");
	ck_assert_str_eq(bprm.interp_path, "");
	ck_assert_uint_eq(bprm.image->argc, 1);
	ck_assert_str_eq(bprm.strings, "/a");
	ck_assert_uint_eq(bprm.image->envc, 0);
	ck_assert_uint_eq(bprm.image->program.nr_segments, 1);
	ck_assert_uint_eq(bprm.image->program.phnum, 1);
	ck_assert_uint_eq(bprm.image->program.phdr_offset, 64);
	ck_assert(!bprm.image->program.pie && !bprm.image->stack_exec);
	ck_assert_uint_eq(bprm.segments[0].vaddr, 0x400000);
	ck_assert_uint_eq(bprm.segments[0].filesz, 4096);
	ck_assert_uint_eq(bprm.segments[0].memsz, 8192);
	ck_assert_uint_eq(bprm.segments[0].prot, 5);
	ck_assert_uint_eq(bprm.segments[0].align, 4096);
}
END_TEST

START_TEST(everything_that_can_be_said_arrives)
{
	struct linux_binprm bprm;

	ck_assert_msg(decode("{\"path\": \"/bin/p\", \"entry\": 16, \"args\": [\"p\", \"\"],"
			     " \"env\": [\"A=b\"], \"segments\": [" SEGMENT ", " SEGMENT
			     "], \"pie\": true, \"phdr_offset\": 128, \"phnum\": 9,"
			     " \"stack_exec\": true,"
			     " \"interp\": {\"path\": \"/lib/ld\", \"segments\": [" SEGMENT
			     "], \"entry\": \"0x20\"}}"), "%s", error.why);
	bprm = parsed();
	ck_assert_uint_eq(bprm.image->program.entry, 16);
	ck_assert_uint_eq(bprm.image->program.phdr_offset, 128);
	ck_assert_uint_eq(bprm.image->program.phnum, 9);
	ck_assert(bprm.image->program.pie && bprm.image->stack_exec);
	ck_assert_uint_eq(bprm.image->program.nr_segments, 2);
	ck_assert_uint_eq(bprm.image->argc, 2);
	ck_assert_uint_eq(bprm.args_len, 3);
	ck_assert_uint_eq(bprm.envs_len, 4);
	ck_assert_mem_eq(bprm.strings, "p\0\0A=b", 7);
	ck_assert_str_eq(bprm.interp_path, "/lib/ld");
	ck_assert_uint_eq(bprm.image->interp.entry, 32);
	/* What relocates itself need not say so. */
	ck_assert(bprm.image->interp.pie);
}
END_TEST

START_TEST(a_program_always_has_an_argument)
{
	struct linux_binprm bprm;

	ck_assert(decode("{\"path\": \"/a\", \"args\": [], \"segments\": [" SEGMENT "]}"));
	bprm = parsed();
	ck_assert_uint_eq(bprm.image->argc, 1);
	ck_assert_str_eq(bprm.strings, "");
}
END_TEST

START_TEST(what_is_no_image_is_refused_by_name)
{
	expect_refused("[]", "must be an object");
	expect_refused("{\"segments\": [" SEGMENT "]}", "path");
	expect_refused("{\"path\": \"a\", \"segments\": [" SEGMENT "]}", "absolute");
	expect_refused("{\"path\": \"/a\"}", "segments");
	expect_refused("{\"path\": \"/a\", \"segments\": []}", "segments");
	expect_refused("{\"path\": \"/a\", \"segments\": [7]}", "segments[0]");
	expect_refused("{\"path\": \"/a\", \"segments\": [" SEGMENT ", {\"vaddr\": 1}]}",
		       "segments[1].offset");
	expect_refused("{\"path\": \"/a\", \"segments\": [{\"vaddr\": -1, \"offset\": 0,"
		       " \"filesz\": 0, \"memsz\": 1, \"prot\": 1}]}", "segments[0].vaddr");
	expect_refused("{\"path\": \"/a\", \"segments\": [{\"vaddr\": 1, \"offset\": 0,"
		       " \"filesz\": 0, \"memsz\": 1, \"prot\": \"MAP_FIXED\"}]}",
		       "segments[0].prot");
	expect_refused("{\"path\": \"/a\", \"colour\": 1, \"segments\": [" SEGMENT "]}",
		       "colour");
	expect_refused("{\"path\": \"/a\", \"args\": \"x\", \"segments\": [" SEGMENT "]}",
		       "args");
	expect_refused("{\"path\": \"/a\", \"env\": [\"A=1\", 2], \"segments\": [" SEGMENT
		       "]}", "env[1]");
	expect_refused("{\"path\": \"/a\", \"interp\": 3, \"segments\": [" SEGMENT "]}",
		       "interp");
	expect_refused("{\"path\": \"/a\", \"interp\": {\"path\": \"/b\", \"segments\":"
		       " [{}]}, \"segments\": [" SEGMENT "]}", "interp.segments[0]");
}
END_TEST

START_TEST(too_many_segments_are_refused)
{
	char text[128 * (EXEC_SEGMENTS_MAX + 2)] = "{\"path\": \"/a\", \"segments\": [";

	for (int i = 0; i < EXEC_SEGMENTS_MAX; i++)
		strcat(strcat(text, i ? "," : ""), SEGMENT);
	strcat(text, "]}");
	ck_assert_msg(decode(text), "%s", error.why);
	text[strlen(text) - 2] = '\0';
	strcat(text, "," SEGMENT "]}");
	expect_refused(text, "1 to 64");
}
END_TEST

/* Decode, view, decode: the same bytes. */
static void expect_same_again(const char *text)
{
	struct json_writer out;
	struct rpc_bytes first;

	ck_assert_msg(decode(text), "%s", error.why);
	first = bytes;
	bytes = (struct rpc_bytes){ .len = 0 };
	json_writer_init(&out, 1 << 20);
	exec_image_view(&out, first.bytes, first.len);
	ck_assert(json_writer_room(&out, 1));
	out.buf[out.len] = '\0';
	ck_assert_msg(decode(out.buf), "%s: %s", out.buf, error.why);
	ck_assert_uint_eq(bytes.len, first.len);
	ck_assert_mem_eq(bytes.bytes, first.bytes, first.len);
	json_writer_free(&out);
	free((void *)first.bytes);
}

START_TEST(an_image_shown_is_the_image)
{
	expect_same_again(SMALLEST);
	expect_same_again("{\"path\": \"/a\", \"args\": [], \"segments\": [" SEGMENT "]}");
	expect_same_again("{\"path\": \"/a\", \"pie\": true, \"env\": [\"\\u00e9=\\\"\"],"
			  " \"interp\": {\"path\": \"/b\", \"pie\": false, \"phnum\": 3,"
			  " \"segments\": [" SEGMENT "]}, \"segments\": [" SEGMENT "]}");
}
END_TEST

START_TEST(bytes_that_are_cut_are_no_image)
{
	struct linux_binprm bprm;

	ck_assert(decode(SMALLEST));
	for (size_t len = 0; len < bytes.len; len++) {
		uint8_t *cut = malloc(len + 1);	/* a sanitizer sees a step too far */

		memcpy(cut, bytes.bytes, len);
		ck_assert(!exec_image_parse(cut, len, &bprm));
		free(cut);
	}
}
END_TEST

START_TEST(lengths_that_lie_are_found_out)
{
	struct linux_binprm bprm;
	struct exec_image *image;

	ck_assert(decode(SMALLEST));
	image = (struct exec_image *)bytes.bytes;
	for (int bad = 0; bad < 6; bad++) {
		struct exec_image good = *image;

		image->program.nr_segments = bad == 0 ? 0 : bad == 1 ? UINT32_MAX : 1;
		image->interp.nr_segments = bad == 2 ? 1 : 0;
		image->argc = bad == 3 ? 2 : good.argc;
		image->envc = bad == 4 ? UINT32_MAX : 0;
		image->strings_len = bad == 5 ? UINT64_MAX : good.strings_len;
		ck_assert_msg(!exec_image_parse(bytes.bytes, bytes.len, &bprm),
			      "lie %d", bad);
		*image = good;
	}
	ck_assert(exec_image_parse(bytes.bytes, bytes.len, &bprm));
}
END_TEST

Suite *suite_exec_image(void);

Suite *suite_exec_image(void)
{
	Suite *suite = suite_create("exec_image");
	TCase *tc = tcase_create("image");

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, the_smallest_image_has_its_defaults);
	tcase_add_test(tc, everything_that_can_be_said_arrives);
	tcase_add_test(tc, a_program_always_has_an_argument);
	tcase_add_test(tc, what_is_no_image_is_refused_by_name);
	tcase_add_test(tc, too_many_segments_are_refused);
	tcase_add_test(tc, an_image_shown_is_the_image);
	tcase_add_test(tc, bytes_that_are_cut_are_no_image);
	tcase_add_test(tc, lengths_that_lie_are_found_out);
	suite_add_tcase(suite, tc);
	return suite;
}
