/* SPDX-License-Identifier: MIT */
#include "clients/cli/params.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "clients/cli/elf.h"
#include "clients/cli/help.h"
#include "clients/cli/words.h"

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

json_t *load_image(const char *path)
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

static bool unknown_param(const struct cli_method *m, const char *arg,
			  size_t len)
{
	char typed[64];
	struct nearest near = { .typed = typed };

	snprintf(typed, sizeof(typed), "%.*s", (int)len, arg);
	for (const struct cli_param *p = m->params; p->name; p++)
		nearest_try(&near, p->name);
	fprintf(stderr, "mmapctl: %s has no parameter %.*s", m->name, (int)len,
		arg);
	if (near.word)
		fprintf(stderr, "; did you mean %s?", near.word);
	fprintf(stderr, "\nTry: mmapctl help %s\n", m->name);
	return false;
}

static bool add_param(const struct cli_method *m, json_t *params,
		      const char *arg)
{
	const char *equals = strchr(arg, '=');
	const struct cli_param *p;

	if (equals) {
		p = find_param(m, arg, (size_t)(equals - arg));
		return p ? set_param(params, p, equals + 1)
			 : unknown_param(m, arg, (size_t)(equals - arg));
	}
	if (!strncmp(arg, "--", 2))
		return unknown_option(arg), false;
	p = next_positional(m, params);
	if (p)
		return set_param(params, p, arg);
	fprintf(stderr, "mmapctl: %s takes no more parameters: %s\n"
			"Try: mmapctl help %s\n", m->name, arg, m->name);
	return false;
}

static bool add_params(const struct cli_method *m, json_t *params, char **args)
{
	for (; *args; args++)
		if (!add_param(m, params, *args))
			return false;
	return true;
}

/* A machine is a default that "machine=" overrules. */
static bool names_machine(char **args)
{
	for (; *args; args++)
		if (!strncmp(*args, "machine=", 8))
			return true;
	return false;
}

/* Whether @m takes nothing but a machine, so that a word must be its name. */
static bool takes_machine_alone(const struct cli_method *m)
{
	for (const struct cli_param *p = m->params; p->name; p++)
		if (strcmp(p->name, "machine"))
			return false;
	return true;
}

json_t *collect_params(const struct cli *cli, const struct cli_method *m,
		       char **args)
{
	const struct cli_param *machine = find_param(m, "machine", 7);
	json_t *params = json_object();

	if (machine && cli->machine &&
	    (cli->machine_typed ||
	     !(names_machine(args) || takes_machine_alone(m))))
		json_object_set_new(params, "machine",
				    json_string(cli->machine));
	if (!add_params(m, params, args)) {
		json_decref(params);
		return NULL;
	}
	if (!machine || !machine->required || json_object_get(params, "machine"))
		return params;
	if (cli->machine) {
		json_object_set_new(params, "machine",
				    json_string(cli->machine));
		return params;
	}
	fprintf(stderr, "mmapctl: %s needs a machine: -m NAME, or export "
			"MMAPD_MACHINE=NAME\n", m->name);
	json_decref(params);
	return NULL;
}
