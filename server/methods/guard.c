/* SPDX-License-Identifier: MIT */
#include "server/methods/guard.h"

#include "server/machines.h"
#include "server/panic.h"
#include "server/rpc.h"

static bool run(void *ctx)
{
	struct rpc_call *call = ctx;

	return call->method->exec(call);
}

static bool run_guarded(struct rpc_call *call)
{
	return machines_guard(run, call, call->method->name,
			      !(call->method->flags & RPC_METHOD_MUTATES),
			      &call->error);
}

void methods_guard(void)
{
	panic_catch_faults();
	rpc_guard = run_guarded;
}
