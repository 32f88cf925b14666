/* SPDX-License-Identifier: MIT */
#include "clients/cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SERVER "http://127.0.0.1:8642"

struct option {
	char letter;
	const char *name;
	bool value;		/* a value follows */
};

static const struct option options[] = {
	{ 's', "--server", true },
	{ 'm', "--machine", true },
	{ 'j', "--json", false },
	{ 'h', "--help", false },
	{ 'V', "--version", false },
};

#define NR_OPTIONS (sizeof(options) / sizeof(options[0]))

/* The option that a word is, and the value where it is part of the word. */
static const struct option *find_option(const char *word, const char **value)
{
	*value = NULL;
	for (size_t i = 0; i < NR_OPTIONS; i++) {
		const struct option *o = &options[i];
		const size_t len = strlen(o->name);

		if (word[0] == '-' && word[1] == o->letter &&
		    (!word[2] || o->value)) {
			*value = word[2] ? word + 2 : NULL;
			return o;
		}
		if (!strncmp(word, o->name, len) &&
		    (!word[len] || (o->value && word[len] == '='))) {
			*value = word[len] ? word + len + 1 : NULL;
			return o;
		}
	}
	return NULL;
}

static void set_option(struct cli *cli, const struct option *o,
		       const char *value)
{
	switch (o->letter) {
	case 's':
		cli->server = value;
		break;
	case 'm':
		cli->machine = value;
		cli->machine_typed = true;
		break;
	case 'j':
		cli->json = true;
		break;
	case 'h':
		cli->help = true;
		break;
	default:
		cli->version = true;
		break;
	}
}

/* An empty variable says nothing, as one that is not there. */
static const char *from_environment(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	return value && *value ? value : fallback;
}

bool take_options(struct cli *cli, char **args)
{
	const char *command = NULL, *value;
	char **kept = args;

	*cli = (struct cli){ .server = NULL };
	for (; *args && strcmp(*args, "--"); args++) {
		const struct option *o = find_option(*args, &value);

		if (o && o->value && !value && !(value = *++args)) {
			fprintf(stderr, "mmapctl: %s needs a value\n", o->name);
			return false;
		}
		if (o) {
			set_option(cli, o, value);
			continue;
		}
		if (command && !strcmp(command, "record")) {
			if (**args != '-')
				break;
			*kept++ = *args;
			if (!strcmp(*args, "-o") && args[1])
				*kept++ = *++args;
			continue;
		}
		if (!command)
			command = *args;
		*kept++ = *args;
	}
	while (*args)
		*kept++ = *args++;
	*kept = NULL;
	if (!cli->server)
		cli->server = from_environment("MMAPD_SERVER", DEFAULT_SERVER);
	if (!cli->machine)
		cli->machine = from_environment("MMAPD_MACHINE", NULL);
	return true;
}
