/* SPDX-License-Identifier: MIT */
/* Recordings, logs of strace and traces of lackey, and files that are none. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/recording.h"

#define HEAD "{\"format\": \"mmapd recording\", \"version\": 1}\n"

static char why[RECORDING_WHY_MAX];

/* The events without their line numbers, as compact JSON, from the second on. */
static void expect_events(const char *text, const char *events)
{
	json_t *array = recording_parse(text, why), *event;
	char all[4096] = "";
	size_t i;

	ck_assert_msg(array != NULL, "%s", why);
	json_array_foreach(array, i, event) {
		char *line;

		if (!i)
			continue;
		json_object_del(event, "line");
		line = json_dumps(event, JSON_COMPACT);
		ck_assert_uint_lt(strlen(all) + strlen(line), sizeof(all) - 2);
		strcat(strcat(all, line), "\n");
		free(line);
	}
	ck_assert_str_eq(all, events);
	json_decref(array);
}

static void expect_refused(const char *text, const char *reason)
{
	json_t *array = recording_parse(text, why);

	ck_assert_msg(!array, "taken: %s", text);
	ck_assert_msg(strstr(why, reason) != NULL, "\"%s\" lacks \"%s\"", why,
		      reason);
}

/* ---- recordings ---- */

START_TEST(a_recording_is_lines_of_json)
{
	expect_events(HEAD
		      "{\"p\": 1, \"call\": \"brk\", \"args\": [\"0x0\"], \"ret\": 1}\n"
		      "{\"end\": {}}\n",
		      "{\"p\":1,\"call\":\"brk\",\"args\":[\"0x0\"],\"ret\":1}\n"
		      "{\"end\":{}}\n");
}
END_TEST

START_TEST(what_is_no_recording_says_its_line)
{
	expect_refused("{\"version\": 1}\n", "line 1: it is no");
	expect_refused("{\"format\": \"mmapd recording\", \"version\": 2}\n",
		       "only version 1");
	expect_refused(HEAD "{\"p\": 0, \"call\": \"brk\"}\n", "line 2");
	expect_refused(HEAD "{\"p\": 1, \"call\": \"brk\", \"ret\": 0}\n", "line 2");
	expect_refused(HEAD "{\"p\": 1, \"maps\": 7}\n", "line 2");
	expect_refused(HEAD "{\"file\": \"/x\", \"size\": \"big\"}\n", "line 2");
	expect_refused(HEAD "{\"p\": 1,\n", "line 2");
	expect_refused(HEAD "[1]\n", "line 2");
	expect_refused(HEAD "{\"p\": 99999999, \"touch\": []}\n", "line 2");
}
END_TEST

/* ---- strace ---- */

START_TEST(calls_of_strace)
{
	expect_events(
		"brk(NULL)                               = 0x55555555b000\n"
		"mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_A"
		"NONYMOUS, -1, 0) = 0x7ffff7fc2000\n"
		"openat(AT_FDCWD, \"/none such\\n\", O_RDONLY) = -1 ENOEN"
		"T (No such file or directory)\n"
		"read(3, \"\\177ELF\\2, \\\")\"..., 832) = 832\n"
		"pread64(3, \"\"..., 784, 64)             = 784\n"
		"prlimit64(0, RLIMIT_STACK, {rlim_cur=8192*1024, rlim_max"
		"=RLIM64_INFINITY}, NULL) = 0\n"
		"pipe2([3, 4], O_CLOEXEC)                = 0\n"
		"writev(1, [{iov_base=\"ab\", iov_len=2}, {iov_base=\"c\""
		", iov_len=1}], 2) = 3\n"
		"getpid()                                = 7\n"
		"--- SIGCHLD {si_signo=SIGCHLD} ---\n"
		"exit_group(3)                           = ?\n"
		"+++ exited with 3 +++\n",
		"{\"p\":1,\"call\":\"brk\",\"args\":[\"0x0\"],\"ret\":\"0x55555555b000\"}\n"
		"{\"p\":1,\"call\":\"mmap\",\"args\":[\"0x0\",\"0x2000\","
		"\"PROT_READ|PROT_WRITE\",\"MAP_PRIVATE|MAP_ANONYMOUS\",-"
		"1,\"0x0\"],\"ret\":\"0x7ffff7fc2000\"}\n"
		"{\"p\":1,\"call\":\"openat\",\"errno\":\"ENOENT\",\"args"
		"\":[0,\"/none such\\n\",\"O_RDONLY\"],\"ret\":-2}\n"
		"{\"p\":1,\"call\":\"read\",\"args\":[3,{},\"0x340\"],\"ret\":832}\n"
		"{\"p\":1,\"call\":\"pread64\",\"args\":[3,{},\"0x310\",64],\"ret\":784}\n"
		"{\"p\":1,\"call\":\"prlimit64\",\"args\":[0,\"RLIMIT_STA"
		"CK\",[\"0x800000\",\"0xffffffffffffffff\"],null],\"ret\""
		":0}\n"
		"{\"p\":1,\"call\":\"pipe2\",\"args\":[[3,4],\"O_CLOEXEC\"],\"ret\":0}\n"
		"{\"p\":1,\"call\":\"writev\",\"args\":[1,[[null,2],[null"
		",1]],\"0x2\"],\"ret\":3}\n"
		"{\"p\":1,\"call\":\"exit_group\",\"args\":[3],\"ret\":0}\n");
}
END_TEST

START_TEST(halves_of_calls_are_put_together)
{
	expect_events(
		"10 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD <unfinished ...>\n"
		"11 read(3,  <unfinished ...>\n"
		"10 <... clone resumed>, child_tidptr=0x7fff) = 11\n"
		"10 12:00:01.5 munmap(0x1000, 4096) = 0\n"
		"[pid 11] <... read resumed>\"x\", 1) = 1\n",
		"{\"p\":1,\"call\":\"clone\",\"args\":[\"\"],\"ret\":2}\n"
		"{\"p\":1,\"call\":\"munmap\",\"args\":[\"0x1000\",\"0x1000\"],\"ret\":0}\n"
		"{\"p\":2,\"call\":\"read\",\"args\":[3,{},\"0x1\"],\"ret\":1}\n");
}
END_TEST

START_TEST(lines_that_are_cut_off_are_passed_over)
{
	static const char line[] =
		"mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3, 0) = 0x7ffff7fc2000";
	char text[sizeof(line) + 64];

	for (size_t len = 0; len < sizeof(line) - 1; len++) {
		json_t *events;

		snprintf(text, sizeof(text), "close(3) = 0\n%.*s\n", (int)len,
			 line);
		events = recording_parse(text, why);
		ck_assert(events != NULL);
		json_decref(events);
	}
	expect_refused("", "no recording");
	expect_refused("hello\n", "no recording");
	expect_refused("read(3, \"never ends\n", "no recording");
	expect_refused("execve(\"/no such program\", [\"x\"], 0x7ff) = 0\n",
		       "line 1");
}
END_TEST

/* ---- lackey ---- */

START_TEST(accesses_of_lackey)
{
	expect_events("==12== Lackey, an example Valgrind tool\n"
		      "I  0401ab70,3\n"
		      "I  0401ab73,5\n"
		      " S 1fff000ffc,8\n"
		      " M 0401b000,1\n"
		      "something else\n",
		"{\"p\":1,\"exec\":\"none\"}\n"
		"{\"p\":1,\"call\":\"mmap\",\"args\":[\"0x401a000\",8192,"
		"\"PROT_READ|PROT_WRITE|PROT_EXEC\",\"MAP_PRIVATE|MAP_ANO"
		"NYMOUS|MAP_FIXED_NOREPLACE|MAP_NORESERVE\",-1,0],\"ret\""
		":\"0x401a000\"}\n"
		"{\"p\":1,\"call\":\"mmap\",\"args\":[\"0x1fff000000\",81"
		"92,\"PROT_READ|PROT_WRITE|PROT_EXEC\",\"MAP_PRIVATE|MAP_"
		"ANONYMOUS|MAP_FIXED_NOREPLACE|MAP_NORESERVE\",-1,0],\"re"
		"t\":\"0x1fff000000\"}\n"
		"{\"p\":1,\"access\":\"exec\",\"addr\":\"0x401a000\",\"times\":2}\n"
		"{\"p\":1,\"access\":\"write\",\"addr\":\"0x1fff000000\",\"times\":1}\n"
		"{\"p\":1,\"access\":\"write\",\"addr\":\"0x1fff001000\",\"times\":1}\n"
		"{\"p\":1,\"access\":\"write\",\"addr\":\"0x401b000\",\"times\":1}\n");
	expect_refused("==1== Lackey\n", "no accesses");
}
END_TEST

Suite *suite_recording(void);

Suite *suite_recording(void)
{
	Suite *s = suite_create("recording");
	TCase *t = tcase_create("recording");

	tcase_add_test(t, a_recording_is_lines_of_json);
	tcase_add_test(t, what_is_no_recording_says_its_line);
	tcase_add_test(t, calls_of_strace);
	tcase_add_test(t, halves_of_calls_are_put_together);
	tcase_add_test(t, lines_that_are_cut_off_are_passed_over);
	tcase_add_test(t, accesses_of_lackey);
	suite_add_tcase(s, t);
	return s;
}
