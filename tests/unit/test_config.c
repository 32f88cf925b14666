/* SPDX-License-Identifier: MIT */
/*
 * Settings: the command line beats the environment, that beats the file, and
 * what is wrong ends the process with a sentence, before anything is served.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "server/config.h"

static char file[] = "/tmp/mmapd-config-XXXXXX";

static void setup(void)
{
	int fd = mkstemp(file);

	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void teardown(void)
{
	unlink(file);
	memcpy(strrchr(file, '-'), "-XXXXXX", 7);
}

static void write_file(const char *text)
{
	FILE *f = fopen(file, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

/* With --config and the file in front of the arguments, which NULL ends. */
static struct server_config read_with(char *first, char *second)
{
	char name[] = "mmapd", option[] = "--config";
	char *argv[] = { name, option, file, first, second, NULL };
	struct server_config config;
	int argc = 3;

	while (argv[argc])
		argc++;
	memset(&config, 0, sizeof(config));
	config_read(&config, argc, argv);
	return config;
}

START_TEST(the_defaults_are_those_of_the_contract)
{
	struct server_config config = read_with(NULL, NULL);

	ck_assert_str_eq(config.listen_host, "127.0.0.1");
	ck_assert_uint_eq(config.listen_port, 8642);
	ck_assert_uint_ge(config.workers, 1);
	config_free(&config);
}
END_TEST

START_TEST(the_command_line_beats_the_environment_beats_the_file)
{
	char option[] = "--listen=127.0.0.1:3";
	struct server_config config;

	write_file("# a comment\n[mmapd]\nlisten = 127.0.0.1:1\nworkers=7\n");
	config = read_with(NULL, NULL);
	ck_assert_uint_eq(config.listen_port, 1);
	ck_assert_uint_eq(config.workers, 7);
	config_free(&config);
	setenv("MMAPD_LISTEN", "[::1]:2", 1);
	config = read_with(NULL, NULL);
	ck_assert_uint_eq(config.listen_port, 2);
	ck_assert_uint_eq(config.workers, 7);
	config_free(&config);
	config = read_with(option, NULL);
	ck_assert_uint_eq(config.listen_port, 3);
	config_free(&config);
	unsetenv("MMAPD_LISTEN");
}
END_TEST

static const char *const wrong_files[] = {
	"workers = 0\n", "workers = many\n", "workers = 257\n",
	"workers = -1\n", "workers =\n", "listen = 8642\n",
	"listen = 127.0.0.1:65536\n", "listen = :8642\n",
	"no such setting = 1\n", "workers\n", "ephemeral = perhaps\n",
};

/* Ends with EX_USAGE, or EX_CONFIG for a file. */
START_TEST(a_wrong_file_is_refused)
{
	write_file(wrong_files[_i]);
	read_with(NULL, NULL);
}
END_TEST

static const char *const wrong_options[] = {
	"--workers=0", "--listen=localhost", "--no-such=1", "--listen", "stray",
};

START_TEST(a_wrong_option_is_refused)
{
	char option[64];

	strcpy(option, wrong_options[_i]);
	read_with(option, NULL);
}
END_TEST

START_TEST(loopback_is_what_only_this_machine_reaches)
{
	static const char *const ours[] = { "127.0.0.1", "127.9.9.9", "[::1]" };
	static const char *const others[] = {
		"0.0.0.0", "::", "192.168.0.1", "128.0.0.1", "", "evil.example",
	};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		ck_assert_msg(config_is_loopback(ours[i]), "%s", ours[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert_msg(!config_is_loopback(others[i]), "%s", others[i]);
}
END_TEST

START_TEST(a_token_is_read_without_its_surroundings)
{
	char *token;

	write_file("\n  0123456789abcdef0123 \r\n");
	token = config_token(file);
	ck_assert_str_eq(token, "0123456789abcdef0123");
	free(token);
	write_file("short\n");
	ck_assert_ptr_null(config_token(file));
	write_file("");
	ck_assert_ptr_null(config_token(file));
	ck_assert_ptr_null(config_token("/nowhere/at/all"));
}
END_TEST

Suite *suite_config(void);
Suite *suite_config(void)
{
	Suite *suite = suite_create("config");
	TCase *tc = tcase_create("settings");
	const int files = sizeof(wrong_files) / sizeof(wrong_files[0]);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_defaults_are_those_of_the_contract);
	tcase_add_test(tc, the_command_line_beats_the_environment_beats_the_file);
	tcase_add_loop_exit_test(tc, a_wrong_file_is_refused, EX_USAGE, 0,
				 files);
	tcase_add_loop_exit_test(tc, a_wrong_option_is_refused, EX_USAGE, 0,
				 sizeof(wrong_options) / sizeof(wrong_options[0]));
	tcase_add_test(tc, loopback_is_what_only_this_machine_reaches);
	tcase_add_test(tc, a_token_is_read_without_its_surroundings);
	suite_add_tcase(suite, tc);
	return suite;
}
