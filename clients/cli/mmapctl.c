/* SPDX-License-Identifier: MIT */
/*
 * mmapctl: every method of mmapd from a shell, by name.
 *
 *	mmapctl [--server URL] [-m MACHINE] [--json] METHOD [key=value | value]…
 *
 * The value of a parameter that is text is taken as it stands; any other is
 * JSON if it parses as JSON, else a string. A value without a key is the next
 * positional parameter; the image @FILE is that of an ELF file. Short forms and
 * commands that are no methods: see "mmapctl help".
 */
#ifdef HAVE_CONFIG_H
#include <config.h>		/* the one that configure makes: VERSION */
#else
#define VERSION "unreleased"
#endif

#include <curl/curl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clients/cli/batch.h"
#include "clients/cli/cli_table.h"
#include "clients/cli/elf.h"
#include "clients/cli/grade.h"
#include "clients/cli/live.h"
#include "clients/cli/pretty.h"
#include "clients/cli/record.h"
#include "clients/cli/replay.h"
#include "clients/cli/transport.h"

#define DEFAULT_SERVER "http://127.0.0.1:8642"

struct cli {
	const char *server, *machine;
	bool json;		/* print the answer as it came */
};

/* What is no method, or more than one. */
static int run_file(const struct cli *cli, char **args);
static int elf_command(const struct cli *cli, char **args);
static int maps_command(const struct cli *cli, char **args);

static int record_it(const struct cli *cli, char **args)
{
	(void)cli;
	return record_command(args);
}

static int replay_it(const struct cli *cli, char **args)
{
	return replay_command(cli->server, cli->machine, cli->json, args);
}

static int grade_it(const struct cli *cli, char **args)
{
	return grade_command(cli->server, cli->machine, cli->json, args);
}

static int top_it(const struct cli *cli, char **args)
{
	return top_command(cli->server, cli->machine, args);
}

static int watch_it(const struct cli *cli, char **args)
{
	return watch_command(cli->server, cli->machine, args);
}

static const struct {
	const char *word;
	int (*run)(const struct cli *cli, char **args);
	const char *usage;
} commands[] = {
	{ "maps", maps_command, "maps PID: its /proc/PID/maps; with --json, mm.maps" },
	{ "run", run_file, "run FILE [stop_on=…]: the operations of a JSON array" },
	{ "grade", grade_it, "grade FILE: run it, and judge every expect" },
	{ "record", record_it, "record [-o FILE] -- COMMAND …: a program's life" },
	{ "replay", replay_it, "replay [--keep] [--ram SIZE] FILE: live it again" },
	{ "elf", elf_command, "elf FILE: the exec image of a program" },
	{ "top", top_it, "top [-n TIMES] [-d SECONDS]: the processes" },
	{ "watch", watch_it, "watch [-n TIMES] [-d SECONDS] [SEQ]: operations "
			     "as they come" },
	{ NULL, NULL, NULL },
};

static const struct {
	const char *word, *method, *usage;
} short_forms[] = {
	{ "create", "machine.create", "create [NAME] [ram=SIZE] …" },
	{ "ls", "machine.list", "ls" },
	{ "rm", "machine.destroy", "rm NAME" },
	{ "spawn", "process.spawn", "spawn [NAME] [image=none | image=@FILE] …" },
	{ "walk", "mm.walk", "walk PID ADDRESS" },
	{ NULL, NULL, NULL },
};

/* ---- help ---- */

static const struct cli_method *find_method(const char *name)
{
	for (const struct cli_method *m = cli_methods; m->name; m++)
		if (!strcmp(m->name, name))
			return m;
	return NULL;
}

static int smallest(int a, int b, int c)
{
	int least = a < b ? a : b;

	return least < c ? least : c;
}

/* Levenshtein distance of two short names. */
static int distance(const char *a, const char *b)
{
	int row[64], before, above;
	int len = (int)strlen(b);

	if (len >= 64)
		return 64;
	for (int j = 0; j <= len; j++)
		row[j] = j;
	for (int i = 1; a[i - 1]; i++) {
		before = row[0];
		row[0] = i;
		for (int j = 1; j <= len; j++) {
			above = row[j];
			row[j] = smallest(above + 1, row[j - 1] + 1,
					  before + (a[i - 1] != b[j - 1]));
			before = above;
		}
	}
	return row[len];
}

static int unknown_method(const char *name)
{
	const char *near = NULL;
	int best = 4;

	for (const struct cli_method *m = cli_methods; m->name; m++) {
		int d = distance(name, m->name);

		if (d < best) {
			best = d;
			near = m->name;
		}
	}
	fprintf(stderr, "mmapctl: there is no command %s", name);
	if (near)
		fprintf(stderr, "; did you mean %s?", near);
	fprintf(stderr, "\nTry: mmapctl help\n");
	return CLI_USAGE;
}

static void usage(FILE *to)
{
	int width = 0;

	fprintf(to, "mmapctl [--server URL] [-m MACHINE] [--json] COMMAND …\n\n"
		    "  help [COMMAND | METHOD]\n");
	for (int i = 0; short_forms[i].word; i++)
		fprintf(to, "  %s\n", short_forms[i].usage);
	for (int i = 0; commands[i].word; i++)
		fprintf(to, "  %s\n", commands[i].usage);
	fprintf(to, "  METHOD [key=value | value] …\n\nMethods:\n");
	for (const struct cli_method *m = cli_methods; m->name; m++)
		if ((int)strlen(m->name) > width)
			width = (int)strlen(m->name);
	for (const struct cli_method *m = cli_methods; m->name; m++)
		fprintf(to, "  %-*s  %s\n", width, m->name, m->summary);
	fprintf(to, "\nThe server is " DEFAULT_SERVER " unless --server or "
		    "MMAPD_SERVER says otherwise; MMAPD_TOKEN\nis the token "
		    "that one with --token-file wants. --version tells this "
		    "program's.\nExit status: 0 done, 1 the simulated kernel "
		    "said no, 2 usage, 3 a JSON-RPC\nerror, 4 the daemon "
		    "cannot be reached.\n");
}

static void help_method(const struct cli_method *m)
{
	int width = 0;

	printf("%s: %s\n\n", m->name, m->summary);
	for (const struct cli_param *p = m->params; p->name; p++)
		if ((int)strlen(p->name) > width)
			width = (int)strlen(p->name);
	for (const struct cli_param *p = m->params; p->name; p++)
		printf("  %-*s  %-10s %s\n", width, p->name,
		       p->required ? "required" : p->fallback, p->about);
}

static int help(const char *name)
{
	if (!name) {
		usage(stdout);
		return CLI_OK;
	}
	for (int i = 0; commands[i].word; i++)
		if (!strcmp(commands[i].word, name)) {
			printf("mmapctl %s\n", commands[i].usage);
			return CLI_OK;
		}
	for (int i = 0; short_forms[i].word; i++)
		if (!strcmp(short_forms[i].word, name)) {
			printf("mmapctl %s\n\n", short_forms[i].usage);
			name = short_forms[i].method;
		}
	if (!find_method(name))
		return unknown_method(name);
	help_method(find_method(name));
	return CLI_OK;
}

/* ---- parameters ---- */

static const struct cli_param *find_param(const struct cli_method *m,
					  const char *name, size_t len)
{
	for (const struct cli_param *p = m->params; p->name; p++)
		if (!strncmp(p->name, name, len) && !p->name[len])
			return p;
	return NULL;
}

/* The next parameter that is not given yet. */
static const struct cli_param *next_positional(const struct cli_method *m,
					       const json_t *params)
{
	for (const struct cli_param *p = m->params; p->name; p++)
		if (!json_object_get(params, p->name))
			return p;
	return NULL;
}

/* The exec image of an ELF file; NULL having said why not. */
static json_t *load_image(const char *path)
{
	char why[ELF_WHY_MAX];
	json_t *image = elf_image_of_file(path, why);

	if (!image)
		fprintf(stderr, "mmapctl: %s: %s\n", path, why);
	return image;
}

static json_t *parse_value(const struct cli_param *p, const char *text)
{
	json_t *value = NULL;

	if (!strcmp(p->name, "image") && *text == '@')
		return load_image(text + 1);
	if (!p->text)
		value = json_loads(text, JSON_DECODE_ANY, NULL);
	if (!value)
		value = json_string(text);
	if (!value)
		fprintf(stderr, "mmapctl: %s is not valid UTF-8\n", p->name);
	return value;
}

static bool set_param(json_t *params, const struct cli_param *p,
		      const char *text)
{
	json_t *value;

	if (json_object_get(params, p->name)) {
		fprintf(stderr, "mmapctl: %s is given twice\n", p->name);
		return false;
	}
	value = parse_value(p, text);
	return value && !json_object_set_new(params, p->name, value);
}

static bool add_param(const struct cli_method *m, json_t *params,
		      const char *arg)
{
	const char *equals = strchr(arg, '=');
	const struct cli_param *p;

	if (equals) {
		p = find_param(m, arg, (size_t)(equals - arg));
		if (p)
			return set_param(params, p, equals + 1);
		fprintf(stderr, "mmapctl: %s has no parameter %.*s\n", m->name,
			(int)(equals - arg), arg);
		return false;
	}
	p = next_positional(m, params);
	if (p)
		return set_param(params, p, arg);
	fprintf(stderr, "mmapctl: %s takes no more parameters: %s\n", m->name,
		arg);
	return false;
}

/* An object of the arguments; NULL having said what is wrong. */
static json_t *collect_params(const struct cli *cli,
			      const struct cli_method *m, char **args)
{
	json_t *params = json_object();

	if (cli->machine && find_param(m, "machine", 7))
		json_object_set_new(params, "machine",
				    json_string(cli->machine));
	for (; *args; args++)
		if (!add_param(m, params, *args)) {
			json_decref(params);
			return NULL;
		}
	return params;
}

/* ---- calls ---- */

static int report(const struct cli *cli, const char *method,
		  const json_t *answer)
{
	const json_t *result = json_object_get(answer, "result");
	const json_t *error = json_object_get(answer, "error"), *data;

	if (cli->json) {
		json_dumpf(result ? result : error, stdout,
			   JSON_INDENT(2) | JSON_ENCODE_ANY);
		putchar('\n');
	} else if (result) {
		print_result(method, result);
	}
	if (result)
		return json_is_false(json_object_get(result, "ok"))
			       ? CLI_REFUSED : CLI_OK;
	data = json_object_get(error, "data");
	fprintf(stderr, "mmapctl: %s: %s", method,
		json_string_value(json_object_get(error, "message")));
	if (json_object_get(data, "param"))
		fprintf(stderr, ": %s",
			json_string_value(json_object_get(data, "param")));
	if (json_object_get(data, "why"))
		fprintf(stderr, ": %s",
			json_string_value(json_object_get(data, "why")));
	fprintf(stderr, "\n");
	return CLI_ERROR;
}

static int call(const struct cli *cli, const struct cli_method *m,
		json_t *params)
{
	json_t *answer;
	int status = call_method(cli->server, m->name, params, &answer);

	if (status == CLI_OK)
		status = report(cli, m->name, answer);
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

static int command(const struct cli *cli, char **args)
{
	const struct cli_method *m;
	const char *name = args[0];
	json_t *params;

	if (!strcmp(name, "help"))
		return help(args[1]);
	for (int i = 0; commands[i].word; i++)
		if (!strcmp(commands[i].word, name))
			return commands[i].run(cli, args + 1);
	for (int i = 0; short_forms[i].word; i++)
		if (!strcmp(short_forms[i].word, name))
			name = short_forms[i].method;
	m = find_method(name);
	if (!m)
		return unknown_method(name);
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
	static const struct option options[] = {
		{ "server", required_argument, NULL, 's' },
		{ "machine", required_argument, NULL, 'm' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	struct cli cli = { .server = getenv("MMAPD_SERVER") };
	int option, status;

	while ((option = getopt_long(argc, argv, "+s:m:jhV", options, NULL)) != -1)
		switch (option) {
		case 's':
			cli.server = optarg;
			break;
		case 'm':
			cli.machine = optarg;
			break;
		case 'j':
			cli.json = true;
			break;
		case 'h':
			usage(stdout);
			return CLI_OK;
		case 'V':
			puts("mmapctl " VERSION);
			return CLI_OK;
		default:
			return CLI_USAGE;
		}
	if (!cli.server)
		cli.server = DEFAULT_SERVER;
	if (optind == argc) {
		usage(stderr);
		return CLI_USAGE;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	status = command(&cli, argv + optind);
	curl_global_cleanup();
	return status;
}
