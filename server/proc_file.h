/* SPDX-License-Identifier: MIT */
/* A file of a simulated /proc as bytes; what GET /machines/{m}/proc/… gives. */
#ifndef SERVER_PROC_FILE_H
#define SERVER_PROC_FILE_H

#include "server/rpc.h"
#include "server/server.h"

/**
 * proc_file_text - read a file or a folder below /proc
 * @server:  whose machines
 * @machine: its name, well-formed or not
 * @path:    absolute, "/proc/1/maps"
 * @out:     gets the bytes as they are; a folder's entries, one a line
 * @error:   RPC_NO_SUCH_MACHINE, RPC_NO_SUCH_THING, RPC_LIMIT, RPC_INVALID_PARAMS
 *           for a binary file (machine_bytes.h reads those), or deferred
 *
 * Returns: false with *error filled in; then @out is as it was.
 */
bool proc_file_text(struct server *server, const char *machine,
		    const char *path, struct json_writer *out,
		    struct rpc_error *error);

#endif
