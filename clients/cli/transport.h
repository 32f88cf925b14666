/* SPDX-License-Identifier: MIT */
/* One JSON-RPC call over HTTP. */
#ifndef CLIENTS_CLI_TRANSPORT_H
#define CLIENTS_CLI_TRANSPORT_H

#include <jansson.h>

/* Exit statuses of mmapctl. */
enum {
	CLI_OK,			/* the method answered, the kernel agreed */
	CLI_REFUSED,		/* the simulated kernel said no: "ok": false */
	CLI_USAGE,		/* the command line makes no sense */
	CLI_ERROR,		/* a JSON-RPC error */
	CLI_UNREACHABLE,	/* no daemon, or no JSON-RPC from it */
};

/**
 * call_method - ask the daemon
 * @server: its URL, "http://127.0.0.1:8642"
 * @method: name
 * @params: an object; the reference is consumed
 * @answer: the whole JSON-RPC response, a new reference
 *
 * Returns: CLI_OK with *answer set, or CLI_UNREACHABLE, having said why on
 * standard error. A token is taken from the environment, MMAPD_TOKEN.
 */
int call_method(const char *server, const char *method, json_t *params,
		json_t **answer);

#endif
