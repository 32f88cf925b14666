/* SPDX-License-Identifier: MIT */
/* mmapctl top and watch: a machine while it is used. Each gives an exit status. */
#ifndef CLIENTS_CLI_LIVE_H
#define CLIENTS_CLI_LIVE_H

/**
 * top_command - the table of processes, again and again
 * @machine: its name
 * @args:    "[-n TIMES] [-d SECONDS]"; for ever and 2 unless told
 */
int top_command(const char *server, const char *machine, char **args);

/**
 * watch_command - each operation of a machine, one a line, as they come
 * @args: "[-n TIMES] [-d SECONDS] [SEQ]": ask so often, so far apart; first
 *        those after SEQ (what is to come unless told)
 */
int watch_command(const char *server, const char *machine, char **args);

#endif
