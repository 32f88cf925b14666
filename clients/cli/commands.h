/* SPDX-License-Identifier: MIT */
/* What mmapctl can be told to do beside calling a method by its name. */
#ifndef CLIENTS_CLI_COMMANDS_H
#define CLIENTS_CLI_COMMANDS_H

#include "clients/cli/cli_table.h"
#include "clients/cli/options.h"

/* A command that is no method, or more than one. */
struct command {
	const char *word;
	int (*run)(const struct cli *cli, char **args);	/* an exit status */
	const char *usage;	/* the command line, and what it does */
};

/* A word that people type for a method. */
struct short_form {
	const char *word, *method, *usage;
};

extern const struct command commands[];		/* ends with a NULL word */
extern const struct short_form short_forms[];	/* ends with a NULL word */

/* The command of that word; NULL: there is none. */
const struct command *find_command(const char *word);

/**
 * find_method - the method that a word stands for
 * @word: a method's whole name, a short form, or the last part of a name: of a
 *        system call first ("munmap", "read"), else where one method alone has it
 *
 * Returns: the method, or NULL where the word stands for none or for several.
 */
const struct cli_method *find_method(const char *word);

#endif
