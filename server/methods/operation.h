/* SPDX-License-Identifier: MIT */
/*
 * Methods that are operations: one struct op each. The generated tables decode
 * their parameters straight into it, so one function runs them all.
 */
#ifndef SERVER_METHODS_OPERATION_H
#define SERVER_METHODS_OPERATION_H

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

struct hosted;

/**
 * run_operation - run call->args, a struct op_args, and write its result
 * Looks the machine up, applies the operation under its lock, and answers as
 * api.md section 3 has it, with steps where explain was given.
 */
bool run_operation(struct rpc_call *call);

#endif
