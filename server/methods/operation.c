/* SPDX-License-Identifier: MIT */
#include "server/methods/operation.h"

#include <stdlib.h>
#include <string.h>

#include "schema/generated/args.h"
#include "server/machines.h"
#include "server/server.h"
#include "server/view/view.h"

#define DATA_BYTES (8U << 20)	/* of one read */
#define VEC_ENTRIES 131072	/* pages that one mincore may ask about */
#define EXPLAIN_EVENTS 65536	/* steps an answer may hold */

/* Room for what the kernel narrates; NULL where nobody asked. */
static bool begin_trace(const struct op_args *args, struct trace *trace,
			struct rpc_error *error)
{
	*trace = (struct trace){ .capacity = EXPLAIN_EVENTS };
	if (!args->explain)
		return true;
	trace->events = malloc(EXPLAIN_EVENTS * sizeof(*trace->events));
	return trace->events ||
	       rpc_fail(error, RPC_INTERNAL_ERROR, "", "out of memory");
}

/* Are bytes part of the answer? */
static bool gives_data(const struct op *op)
{
	return op->code == OP_MEM_READ ||
	       (op->code == OP_READ && op->read.buf == NO_BUFFER) ||
	       (op->code == OP_PREAD && op->pread.buf == NO_BUFFER);
}

static bool given(const struct rpc_call *call, const char *name)
{
	const struct rpc_method *method = call->method;
	const struct op_args *args = call->args;

	for (uint32_t i = 0; i < method->nr_params; i++)
		if (!strcmp(method->params[i].name, name))
			return args->given >> method->params[i].given_bit & 1;
	return false;
}

/* sys.write and sys.pwrite: data, or buf and count. */
static bool check_source(struct rpc_call *call)
{
	const struct op_args *args = call->args;
	const bool data = given(call, "data"), buf = given(call, "buf");

	if (args->op.code != OP_WRITE && args->op.code != OP_PWRITE)
		return true;
	if (!data && !buf)
		return rpc_fail(&call->error, RPC_INVALID_PARAMS, "data",
				"is required, or buf and count");
	if (data && (buf || given(call, "count")))
		return rpc_fail(&call->error, RPC_INVALID_PARAMS, "data",
				"excludes buf and count");
	if (buf && !given(call, "count"))
		return rpc_fail(&call->error, RPC_INVALID_PARAMS, "count",
				"is required with buf");
	return true;
}

/* The bytes mem.write brings, the room that what comes out needs. */
static bool attach_data(struct op_args *args, const struct hosted *h,
			struct rpc_error *error)
{
	const uint64_t room = mm_op_room(hosted_machine(h), &args->op);

	if (op_brings_data(&args->op)) {
		args->op.data = args->data.bytes;
		args->op.data_len = args->data.len;
	}
	if (!gives_data(&args->op) && args->op.code != OP_MINCORE)
		return true;
	if (args->op.code == OP_MINCORE && room > VEC_ENTRIES)
		return rpc_fail(error, RPC_LIMIT, "len",
				"vec would have more than 131,072 entries");
	if (args->op.code != OP_MINCORE && room > DATA_BYTES)
		return rpc_fail(error, RPC_LIMIT,
				args->op.code == OP_MEM_READ ? "len" : "count",
				"data would be longer than 8 MiB");
	args->op.buf = malloc(room + 1);
	return args->op.buf ||
	       rpc_fail(error, RPC_INTERNAL_ERROR, "", "out of memory");
}

static void write_answer(struct rpc_call *call, const struct op_args *args,
			 const struct hosted *h, const struct op_result *res,
			 const struct trace *trace)
{
	struct json_writer *out = call->out;

	json_object_begin(out);
	view_outcome(out, &args->op, res);
	if (gives_data(&args->op)) {
		json_key(out, "data");
		view_bytes(out, args->op.buf,
			   args->op.code == OP_MEM_READ ? res->done
			   : res->ret > 0 ? (uint64_t)res->ret : 0,
			   (enum rpc_encoding)args->encoding);
	}
	if (args->op.code == OP_MINCORE)
		view_vec(out, args->op.buf, res->done);
	if (args->op.code == OP_TICK)
		json_pair_uint(out, "jiffies",
			       kernel_at(hosted_machine(h))->jiffies);
	json_pair_uint(out, "seq", hosted_seq(h));
	if (trace->events)
		view_steps(out, hosted_machine(h), trace);
	json_object_close(out);
}

bool run_operation(struct rpc_call *call)
{
	struct op_args *args = call->args;
	struct server *server = call->server;
	struct op_result res;
	struct trace trace;
	struct hosted *h;
	bool done = false;

	args->op.code = (enum op_code)call->method->op_code;
	if (!check_source(call))
		return false;
	h = machines_lock(server->machines, args->machine, &call->error);
	if (!h)
		return false;
	if (!rpc_fit_words(call->method, args,
			   mm_ulong_max(hosted_machine(h)), &call->error)) {
		machines_unlock(h);
		return false;
	}
	op_args_attach(args);
	if (attach_data(args, h, &call->error) &&
	    begin_trace(args, &trace, &call->error)) {
		done = hosted_apply(h, &args->op, &res,
				    trace.events ? &trace : NULL, &call->error);
		if (done)
			write_answer(call, args, h, &res, &trace);
		free(trace.events);
	}
	machines_unlock(h);
	free(args->op.buf);
	return done;
}

bool exec_operation(struct rpc_call *call)
{
	return run_operation(call);
}
