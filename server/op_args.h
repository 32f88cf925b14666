/* SPDX-License-Identifier: MIT */
/*
 * The parameters of a method that is an operation. The generated tables decode
 * them straight into a struct op, and the history reads them back from one.
 */
#ifndef SERVER_OP_ARGS_H
#define SERVER_OP_ARGS_H

#include "mmcore/mmcore.h"
#include "server/rpc.h"

struct op_args {
	uint32_t given;			/* bit i: parameter i was given */
	char machine[65];
	bool explain;
	uint32_t encoding;		/* of data, in or out */
	struct rpc_bytes data;		/* mem.write */
	struct rpc_bytes path;		/* sys.open */
	struct rpc_ranges iov, remote_iov;	/* op's arrays of these names */
	const json_t *image, *rlimits;	/* process.spawn */
	struct op op;
};

/* The path and ranges that came with the parameters are the operation's. */
void op_args_attach(struct op_args *args);
/* And back, to show them. */
void op_args_show(struct op_args *args);

#endif
