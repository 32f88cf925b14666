/* SPDX-License-Identifier: MIT */
/* What a running daemon is made of; passed to every method as call->server. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

struct machines;

struct server_config {
	char listen_host[64];		/* "127.0.0.1" */
	uint16_t listen_port;		/* 8642; 0 picks a free one */
	uint32_t workers;		/* loops; default: the cores */
	uint64_t memory;		/* bytes of all machines; 0: half of the host's */
	bool ephemeral;
	const char *data_dir, *store, *port_file, *token_file, *config_file;
	const char *dump_dir;		/* of machines that we broke; NULL: none */
	char **allow_host, **allow_origin;	/* NULL-terminated */
};

struct server {
	struct server_config config;
	struct machines *machines;
	uint64_t started_ns;		/* monotonic clock */
	uint16_t port;			/* the one in use */
};

#endif
