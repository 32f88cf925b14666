/* SPDX-License-Identifier: MIT */
/*
 * Methods that are operations, one struct op each: one function runs them all.
 */
#ifndef SERVER_METHODS_OPERATION_H
#define SERVER_METHODS_OPERATION_H

#include "server/op_args.h"

/**
 * run_operation - run call->args, a struct op_args, and write its result
 * Looks the machine up, applies the operation under its lock, and answers as
 * docs/api.md section 3 has it, with steps where explain was given.
 */
bool run_operation(struct rpc_call *call);

#endif
