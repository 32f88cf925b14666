/* SPDX-License-Identifier: MIT */
/*
 * Settings, from four places: the command line, MMAPD_… in the environment, a
 * file, and the defaults, in this order of strength.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include "server/server.h"

/* Where the settings are read from if --config does not say. */
#define CONFIG_FILE	"/etc/mmapd/mmapd.conf"

/**
 * config_read - all settings of this process
 * @config: filled in; owns its strings
 * @argc, @argv: as main() got them
 *
 * Answers --help and --version itself, and ends the process with EX_USAGE and a
 * sentence on standard error where a setting is wrong.
 */
void config_read(struct server_config *config, int argc, char **argv);
void config_free(struct server_config *config);

/**
 * config_token - the token of --token-file
 *
 * Returns: allocated, without surrounding blanks; NULL where the file cannot be
 * read or holds none, with the reason logged.
 */
char *config_token(const char *file);

/* Whether @host is an address that only this machine reaches. */
bool config_is_loopback(const char *host);

#endif
