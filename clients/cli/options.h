/* SPDX-License-Identifier: MIT */
/* What stands on mmapctl's command line for every command alike. */
#ifndef CLIENTS_CLI_OPTIONS_H
#define CLIENTS_CLI_OPTIONS_H

#include <stdbool.h>

struct cli {
	const char *server;	/* URL of the daemon */
	const char *machine;	/* of -m, or of MMAPD_MACHINE; NULL: none was named */
	bool machine_typed;	/* @machine was typed: it is no default */
	bool json;		/* print the answer as it came */
	bool help;		/* --help: say what the command does, and no more */
	bool version;
};

/**
 * take_options - take the options that every command knows out of a command line
 * @cli:  filled in; what is not given comes from MMAPD_SERVER and MMAPD_MACHINE
 * @args: the words after the program's name, ended by NULL; the options are taken
 *        out of it, all others stay in their order
 *
 * Options may stand anywhere before a "--". The words after "record" that do not
 * begin with "-", and all that follow them, are another program's and stay.
 *
 * Returns: false where an option lacks its value, having said so on standard error.
 */
bool take_options(struct cli *cli, char **args);

#endif
