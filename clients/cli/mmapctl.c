/* SPDX-License-Identifier: MIT */
/*
 * mmapctl: every method of mmapd from a shell, by name.
 *
 *	mmapctl [--server URL] [-m MACHINE] [--json] METHOD [key=value | value]…
 *
 * params.h says how words become parameters. Short forms and commands that are no
 * methods stand in two tables below; "mmapctl help" prints them.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>		/* the one that configure makes: VERSION */
#else
#define VERSION "unreleased"
#endif

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clients/cli/batch.h"
#include "clients/cli/commands.h"
#include "clients/cli/completion.h"
#include "clients/cli/grade.h"
#include "clients/cli/help.h"
#include "clients/cli/live.h"
#include "clients/cli/params.h"
#include "clients/cli/pretty.h"
#include "clients/cli/quiz.h"
#include "clients/cli/record.h"
#include "clients/cli/replay.h"
#include "clients/cli/transport.h"

/* ---- calls ---- */

/* Of a run: an expectation that was not met; of others: the kernel's no. */
static bool is_refusal(const json_t *result)
{
	return json_is_false(json_object_get(result, "ok")) ||
	       json_integer_value(json_object_get(result, "failed")) > 0;
}

static void tell_error(const char *method, const json_t *error)
{
	const json_t *data = json_object_get(error, "data");
	const char *param = json_string_value(json_object_get(data, "param"));
	const char *why = json_string_value(json_object_get(data, "why"));

	fprintf(stderr, "mmapctl: %s: %s%s%s%s%s\n", method,
		json_string_value(json_object_get(error, "message")),
		param ? ": " : "", param ? param : "", why ? ": " : "",
		why ? why : "");
}

/* A word that nobody meant as a machine may have become one. */
static void tell_machine(const struct cli *cli, const json_t *params)
{
	const char *machine =
		json_string_value(json_object_get(params, "machine"));

	if (machine && !cli->machine)
		fprintf(stderr, "mmapctl: the machine was taken to be \"%s\"; -m "
				"NAME or MMAPD_MACHINE names one\n", machine);
}

static int report(const struct cli *cli, const char *method,
		  const json_t *params, const json_t *answer)
{
	const json_t *result = json_object_get(answer, "result");
	const json_t *error = json_object_get(answer, "error");

	if (cli->json) {
		json_dumpf(result ? result : error, stdout,
			   JSON_INDENT(2) | JSON_ENCODE_ANY);
		putchar('\n');
	} else if (result) {
		print_result(method, params, result);
	}
	if (result)
		return is_refusal(result) ? CLI_REFUSED : CLI_OK;
	tell_error(method, error);
	tell_machine(cli, params);
	return CLI_ERROR;
}

static int call(const struct cli *cli, const struct cli_method *m,
		json_t *params)
{
	json_t *answer;
	int status = call_method(cli->server, m->name, json_incref(params),
				 &answer);

	if (status == CLI_OK)
		status = report(cli, m->name, params, answer);
	json_decref(params);
	json_decref(answer);
	return status;
}

/* maps PID: the text of /proc, which has [vsyscall], too; --json: mm.maps. */
static int maps_command(const struct cli *cli, char **args)
{
	const struct cli_method *maps = find_method("mm.maps");
	json_t *params = collect_params(cli, maps, args), *pid;
	char path[64];

	if (!params)
		return CLI_USAGE;
	pid = json_object_get(params, "pid");
	if (cli->json || !json_is_integer(pid))	/* which says what is wrong */
		return call(cli, maps, params);
	snprintf(path, sizeof(path), "/proc/%lld/maps",
		 (long long)json_integer_value(pid));
	json_object_del(params, "pid");
	json_object_set_new(params, "path", json_string(path));
	return call(cli, find_method("proc.read"), params);
}

/* run FILE: the operations of a file. */
static int run_file(const struct cli *cli, char **args)
{
	const struct cli_method *m = find_method("machine.run");
	json_t *params, *ops;

	if (!args[0]) {
		fprintf(stderr, "usage: mmapctl -m MACHINE run FILE [stop_on=…] "
				"[atomic=true]\n");
		return CLI_USAGE;
	}
	ops = load_ops(args[0]);
	if (!ops)
		return CLI_USAGE;
	params = collect_params(cli, m, args + 1);
	if (!params) {
		json_decref(ops);
		return CLI_USAGE;
	}
	json_object_set_new(params, "ops", ops);
	return call(cli, m, params);
}

/* elf FILE: the exec image of a program. */
static int elf_command(const struct cli *cli, char **args)
{
	json_t *image;

	(void)cli;
	if (!args[0] || args[1]) {
		fprintf(stderr, "usage: mmapctl elf FILE\n");
		return CLI_USAGE;
	}
	image = load_image(args[0]);
	if (!image)
		return CLI_ERROR;
	json_dumpf(image, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(image);
	return CLI_OK;
}

/* Whether one of the arguments is image=@FILE. */
static bool brings_files(char **args)
{
	for (; *args; args++)
		if (!strncmp(*args, "image=@", 7))
			return true;
	return false;
}

/* The machine has the files of an image, as long as they are here. */
static bool put_files(const struct cli *cli, const json_t *params,
		      const json_t *image)
{
	json_t *machine = json_object_get(params, "machine"), *done, *params_of;
	json_t *path = json_object_get(image, "path");
	struct stat st;

	if (!json_is_object(image) || !machine ||
	    stat(json_string_value(path), &st))
		return true;
	params_of = json_pack("{s:O, s:O, s:I, s:i}", "machine", machine, "path",
			      path, "size", (json_int_t)st.st_size, "mode",
			      (int)(st.st_mode & 07777));
	done = ask(cli->server, "file.create", params_of);
	json_decref(done);
	return done && put_files(cli, params, json_object_get(image, "interp"));
}

/* ---- what can be told ---- */

static int record_it(const struct cli *cli, char **args)
{
	(void)cli;
	return record_command(args);
}

static int replay_it(const struct cli *cli, char **args)
{
	const char *machine = cli->machine_typed ? cli->machine : NULL;

	return replay_command(cli->server, machine, cli->json, args);
}

static int grade_it(const struct cli *cli, char **args)
{
	const char *machine = cli->machine_typed ? cli->machine : NULL;

	return grade_command(cli->server, machine, cli->json, args);
}

static int quiz_it(const struct cli *cli, char **args)
{
	return quiz_command(cli->server, args);
}

static int top_it(const struct cli *cli, char **args)
{
	return top_command(cli->server, cli->machine, args);
}

static int watch_it(const struct cli *cli, char **args)
{
	return watch_command(cli->server, cli->machine, args);
}

const struct command commands[] = {
	{ "maps", maps_command, "maps PID: its /proc/PID/maps; with --json, mm.maps" },
	{ "run", run_file, "run FILE [stop_on=…]: the operations of a JSON array" },
	{ "grade", grade_it, "grade FILE: run it, and judge every expect" },
	{ "record", record_it, "record [-o FILE] -- COMMAND …: a program's life" },
	{ "replay", replay_it, "replay [--keep] [--ram SIZE] FILE: live it again" },
	{ "elf", elf_command, "elf FILE: the exec image of a program" },
	{ "top", top_it, "top [-n TIMES] [-d SECONDS]: the processes" },
	{ "watch", watch_it, "watch [-n TIMES] [-d SECONDS] [SEQ]: operations "
			     "as they come" },
	{ "quiz", quiz_it, "quiz translate|faults|cow|maps [--seed N] [-c]: a "
	  "question; -c: with its answers" },
	{ "completion", completion_command, "completion: the script that bash "
	  "completes with; source <(mmapctl completion)" },
	{ NULL, NULL, NULL },
};

const struct short_form short_forms[] = {
	{ "create", "machine.create", "create [NAME] [ram=SIZE] …" },
	{ "ls", "machine.list", "ls" },
	{ "rm", "machine.destroy", "rm NAME" },
	{ "spawn", "process.spawn", "spawn [NAME] [image=none | image=@FILE] …" },
	{ "fork", "process.fork", "fork PID" },
	{ "walk", "mm.walk", "walk PID ADDRESS" },
	{ NULL, NULL, NULL },
};

const struct command *find_command(const char *word)
{
	for (const struct command *c = commands; c->word; c++)
		if (!strcmp(c->word, word))
			return c;
	return NULL;
}

static const struct cli_method *method_named(const char *name)
{
	for (const struct cli_method *m = cli_methods; m->name; m++)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

/* The method that ends in @word: the system call, or the only one. */
static const struct cli_method *method_ending(const char *word)
{
	const struct cli_method *found = NULL;

	for (const struct cli_method *m = cli_methods; m->name; m++) {
		const char *dot = strchr(m->name, '.');

		if (strcmp(dot + 1, word))
			continue;
		if (!strncmp(m->name, "sys.", 4))
			return m;
		if (found)
			return NULL;
		found = m;
	}
	return found;
}

const struct cli_method *find_method(const char *word)
{
	const struct cli_method *method = method_named(word);

	for (const struct short_form *f = short_forms; f->word; f++)
		if (!strcmp(f->word, word))
			return method_named(f->method);
	return method ? method : method_ending(word);
}

static int command(const struct cli *cli, char **args)
{
	const struct command *command = find_command(args[0]);
	const struct cli_method *m;
	json_t *params;

	if (!strcmp(args[0], "help"))
		return help(args[1]);
	if (cli->help)
		return help(args[0]);
	if (command)
		return command->run(cli, args + 1);
	m = find_method(args[0]);
	if (!m)
		return unknown_command(args[0]);
	params = collect_params(cli, m, args + 1);
	if (params && brings_files(args + 1) &&
	    !put_files(cli, params, json_object_get(params, "image"))) {
		json_decref(params);
		return CLI_ERROR;
	}
	return params ? call(cli, m, params) : CLI_USAGE;
}

int main(int argc, char **argv)
{
	struct cli cli;
	int status;

	(void)argc;
	if (!take_options(&cli, argv + 1))
		return CLI_USAGE;
	if (cli.version) {
		puts("mmapctl " VERSION);
		return CLI_OK;
	}
	if (!argv[1]) {
		usage(cli.help ? stdout : stderr);
		return cli.help ? CLI_OK : CLI_USAGE;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	status = command(&cli, argv + 1);
	curl_global_cleanup();
	return status;
}
