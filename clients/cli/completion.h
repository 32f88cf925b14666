/* SPDX-License-Identifier: MIT */
/* Completion for bash: commands, methods, parameters, their names, machines. */
#ifndef CLIENTS_CLI_COMPLETION_H
#define CLIENTS_CLI_COMPLETION_H

#include "clients/cli/options.h"

/* Print the script to standard output: "source <(mmapctl completion)". The names of
 * machines are asked of the daemon while somebody completes.
 * Returns: CLI_OK, or CLI_USAGE where @args has words. */
int completion_command(const struct cli *cli, char **args);

#endif
