/* SPDX-License-Identifier: MIT */
/* mmapctl replay: a recorded program lives again on a machine. */
#ifndef CLIENTS_CLI_REPLAY_H
#define CLIENTS_CLI_REPLAY_H

#include <stdbool.h>

/**
 * replay_command - replay a recording, a log of strace or a trace of lackey
 * @server:  the daemon's URL
 * @machine: the name of the machine to make; NULL: one is made up
 * @json:    report as JSON
 * @args:    "[--keep] [--ram SIZE] FILE"
 *
 * Returns: CLI_OK where every result and every process' maps agree, CLI_REFUSED
 * where one does not, CLI_USAGE, CLI_ERROR or CLI_UNREACHABLE having said why.
 */
int replay_command(const char *server, const char *machine, bool json,
		   char **args);

#endif
