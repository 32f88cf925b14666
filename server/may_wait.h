/* SPDX-License-Identifier: MIT */
/* May the code that runs now wait? It depends on the thread that runs it. */
#ifndef SERVER_MAY_WAIT_H
#define SERVER_MAY_WAIT_H

#include "server/error.h"

/*
 * A loop serves many connections and must not wait. While rpc_may_wait() is
 * false, whoever finds that a call would take long (a lock that is held, an
 * operation on many frames) changes nothing and says "return rpc_defer(error)"
 * instead; the envelope then stops in front of that call, and the rest of the
 * body runs in the thread pool, where rpc_may_wait() is true. A method flagged
 * RPC_METHOD_SLOW is only ever run there.
 */
bool rpc_may_wait(void);
/* Fills in an error that no client ever sees; returns false. */
bool rpc_defer(struct rpc_error *error);
#define RPC_DEFERRED	1	/* error->code of that */
/* Says for this thread what rpc_may_wait() returns from now on; true at first.
 * Returns what it was. */
bool rpc_set_may_wait(bool may_wait);
/* Runs @work with rpc_may_wait() as given, and then sets it back. Returns what
 * @work returned. */
bool rpc_run(bool may_wait, bool (*work)(void *ctx), void *ctx);

#endif
