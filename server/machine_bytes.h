/* SPDX-License-Identifier: MIT */
/*
 * What of a machine is bytes rather than text, and may be larger than any
 * answer: its RAM, and the files of its /proc that are 64-bit numbers. They are
 * read in pieces. Each piece is of one moment, taken under the machine's lock;
 * between two pieces operations may run, as they may while a program reads
 * /dev/mem.
 */
#ifndef SERVER_MACHINE_BYTES_H
#define SERVER_MACHINE_BYTES_H

#include "server/rpc.h"
#include "server/server.h"

/**
 * machine_bytes_size - how much there is
 * @machine: its name, well-formed or not
 * @path:    "/ram", or as in "/proc/1/pagemap"
 * @error:   RPC_NO_SUCH_MACHINE, RPC_NO_SUCH_THING (a text is no such thing), or
 *           deferred
 */
bool machine_bytes_size(struct server *server, const char *machine,
			const char *path, uint64_t *size,
			struct rpc_error *error);

/* The @len bytes at @offset; the errors are the same. */
bool machine_bytes_read(struct server *server, const char *machine,
			const char *path, uint64_t offset, void *buf,
			size_t len, struct rpc_error *error);

#endif
