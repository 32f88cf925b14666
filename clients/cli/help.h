/* SPDX-License-Identifier: MIT */
/* What mmapctl says of itself, and of words that it does not know. */
#ifndef CLIENTS_CLI_HELP_H
#define CLIENTS_CLI_HELP_H

#include <stdio.h>

#include "clients/cli/cli_table.h"

/* Print every command and every method, one a line, to @to. */
void usage(FILE *to);

/* Print what the command or method @word does and takes; NULL: usage().
 * Returns: CLI_OK, or CLI_USAGE having said that there is none. */
int help(const char *word);

/* Say that there is no command @word, and which one is near it.
 * Returns: CLI_USAGE. */
int unknown_command(const char *word);

/* Say that there is no option @word, and which one is near it.
 * Returns: CLI_USAGE. */
int unknown_option(const char *word);

#endif
