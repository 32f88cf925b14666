/* SPDX-License-Identifier: MIT */
/* The words of a command line become the parameters of a method. */
#ifndef CLIENTS_CLI_PARAMS_H
#define CLIENTS_CLI_PARAMS_H

#include <jansson.h>

#include "clients/cli/cli_table.h"
#include "clients/cli/options.h"

/**
 * collect_params - key=value, and values in the order of the parameters
 * @cli:  names the machine, where the words do not
 * @m:    the method
 * @args: the words, ended by NULL
 *
 * The value of a parameter that is text is taken as it stands; any other is JSON
 * where it parses as JSON, else a string. image=@FILE is the exec image of an ELF
 * file. A machine of -m, or of MMAPD_MACHINE, is left out of the order. Where the
 * method takes nothing but a machine, a word is its name and overrules MMAPD_MACHINE,
 * so that "rm NAME" removes NAME.
 *
 * Returns: an object, a new reference; NULL having said on standard error what is
 * wrong: an unknown key (and the one that is near it), one that is given twice, one
 * word too many, no machine.
 */
json_t *collect_params(const struct cli *cli, const struct cli_method *m,
		       char **args);

/* The exec image of an ELF file, a new reference; NULL having said why not. */
json_t *load_image(const char *path);

#endif
