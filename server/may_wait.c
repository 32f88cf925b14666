/* SPDX-License-Identifier: MIT */
#include "server/may_wait.h"

static _Thread_local bool may_wait_here = true;

bool rpc_may_wait(void)
{
	return may_wait_here;
}

bool rpc_set_may_wait(bool may_wait)
{
	const bool before = may_wait_here;

	may_wait_here = may_wait;
	return before;
}

bool rpc_defer(struct rpc_error *error)
{
	error->code = RPC_DEFERRED;
	return false;
}

bool rpc_run(bool may_wait, bool (*work)(void *ctx), void *ctx)
{
	const bool before = rpc_set_may_wait(may_wait);
	const bool done = work(ctx);

	rpc_set_may_wait(before);
	return done;
}
