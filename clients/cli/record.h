/* SPDX-License-Identifier: MIT */
/* mmapctl record: a program's life as one file. */
#ifndef CLIENTS_CLI_RECORD_H
#define CLIENTS_CLI_RECORD_H

/**
 * record_command - run a program and write what it asks of its memory
 * @args: "[-o FILE] [--] COMMAND [ARGUMENT]…"; the file is mmapd.recording
 *        unless told
 *
 * Standard input, output and error are the program's. The format is told in
 * docs/recording.md. Returns: CLI_OK whatever the program's status was,
 * CLI_USAGE, or CLI_ERROR where it cannot be traced, having said why.
 */
int record_command(char **args);

#endif
