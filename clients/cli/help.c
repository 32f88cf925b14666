/* SPDX-License-Identifier: MIT */
#include "clients/cli/help.h"

#include <stdbool.h>
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/transport.h"
#include "clients/cli/words.h"

static int name_width(void)
{
	size_t width = 0;

	for (const struct cli_method *m = cli_methods; m->name; m++)
		if (strlen(m->name) > width)
			width = strlen(m->name);
	return (int)width;
}

void usage(FILE *to)
{
	const int width = name_width();

	fprintf(to, "mmapctl [--server URL] [-m MACHINE] [--json] COMMAND …\n\n"
		    "  help [COMMAND | METHOD]\n");
	for (int i = 0; short_forms[i].word; i++)
		fprintf(to, "  %s\n", short_forms[i].usage);
	for (int i = 0; commands[i].word; i++)
		fprintf(to, "  %s\n", commands[i].usage);
	fprintf(to, "  METHOD [key=value | value] …\n\nMethods:\n");
	for (const struct cli_method *m = cli_methods; m->name; m++)
		fprintf(to, "  %-*s  %s\n", width, m->name, m->summary);
	fprintf(to,
		"\nA system call's name alone will do: munmap is sys.munmap.\n"
		"Options may stand anywhere. MMAPD_SERVER is the server where --server\n"
		"names none (http://127.0.0.1:8642 where neither does), MMAPD_MACHINE\n"
		"the machine where -m names none, MMAPD_TOKEN the token that a server\n"
		"with --token-file wants. --version tells this program's.\n"
		"Exit status: 0 done, 1 the simulated kernel said no or an expectation\n"
		"was not met, 2 usage, 3 a JSON-RPC error, 4 the daemon cannot be\n"
		"reached.\n");
}

static void help_method(const struct cli_method *m)
{
	size_t width = 0;

	printf("%s: %s\n\n", m->name, m->summary);
	for (const struct cli_param *p = m->params; p->name; p++)
		if (strlen(p->name) > width)
			width = strlen(p->name);
	for (const struct cli_param *p = m->params; p->name; p++)
		printf("  %-*s  %-10s %s\n", (int)width, p->name,
		       p->required ? "required" : p->fallback, p->about);
}

int help(const char *word)
{
	const struct command *command = word ? find_command(word) : NULL;
	const struct cli_method *method = word ? find_method(word) : NULL;

	if (!word) {
		usage(stdout);
		return CLI_OK;
	}
	if (command) {
		printf("mmapctl %s\n", command->usage);
		return CLI_OK;
	}
	if (!method)
		return unknown_command(word);
	for (int i = 0; short_forms[i].word; i++)
		if (!strcmp(short_forms[i].word, word))
			printf("mmapctl %s\n\n", short_forms[i].usage);
	help_method(method);
	return CLI_OK;
}

/* ---- unknown words ---- */

static const char *last_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

/* Where several methods end in @word: say which. */
static bool tell_ambiguous(const char *word)
{
	int nr = 0;

	for (const struct cli_method *m = cli_methods; m->name; m++)
		if (!strcmp(last_part(m->name), word))
			fprintf(stderr, nr++ ? ", %s"
				: "mmapctl: several methods end like that: %s",
				m->name);
	if (nr)
		fprintf(stderr, "\nTry: mmapctl help\n");
	return nr > 0;
}

int unknown_command(const char *word)
{
	struct nearest near = { .typed = word };

	if (*word == '-')
		return unknown_option(word);
	if (tell_ambiguous(word))
		return CLI_USAGE;
	for (int i = 0; short_forms[i].word; i++)
		nearest_try(&near, short_forms[i].word);
	for (int i = 0; commands[i].word; i++)
		nearest_try(&near, commands[i].word);
	nearest_try(&near, "help");
	for (const struct cli_method *m = cli_methods; m->name; m++) {
		nearest_try(&near, m->name);
		if (!strncmp(m->name, "sys.", 4))
			nearest_try(&near, m->name + 4);
	}
	fprintf(stderr, "mmapctl: there is no command %s", word);
	if (near.word)
		fprintf(stderr, "; did you mean %s?", near.word);
	fprintf(stderr, "\nTry: mmapctl help\n");
	return CLI_USAGE;
}

int unknown_option(const char *word)
{
	static const char *const known[] = {
		"--server", "--machine", "--json", "--help", "--version",
	};
	struct nearest near = { .typed = word };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		nearest_try(&near, known[i]);
	fprintf(stderr, "mmapctl: there is no option %s", word);
	if (near.word)
		fprintf(stderr, "; did you mean %s?", near.word);
	fprintf(stderr, "\nTry: mmapctl help\n");
	return CLI_USAGE;
}
