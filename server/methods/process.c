/* SPDX-License-Identifier: MIT */
/* process.*: what is not one plain operation. */
#include <string.h>

#include <stdlib.h>

#include "schema/generated/args.h"
#include "server/exec_image.h"
#include "server/machines.h"
#include "server/methods/operation.h"
#include "server/server.h"
#include "server/view/view.h"

/* ---- process.spawn ---- */

/* @program: set to what exec_image_decode() made, or empty. */
static bool take_image(const json_t *image, struct op_spawn *spawn,
		       struct rpc_bytes *program, struct rpc_error *error)
{
	const char *name = rpc_text(image);

	if (!image || (name && !strcmp(name, "demo")))
		spawn->image = IMAGE_DEMO;
	else if (name && !strcmp(name, "none"))
		spawn->image = IMAGE_NONE;
	else if (json_is_object(image))
		spawn->image = IMAGE_EXEC;
	else
		return rpc_fail(error, RPC_INVALID_PARAMS, "image",
				"must be \"demo\", \"none\" or an object {path, segments, …}");
	return spawn->image != IMAGE_EXEC ||
	       exec_image_decode(image, program, error);
}

struct limit_args {
	uint32_t given;
	uint64_t soft, hard;
};

/* A limit is one value for both, or {"soft": …, "hard": …}. */
static bool take_limit(const json_t *value, struct limit_args *limit,
		       struct rpc_error *error)
{
	static const struct rpc_param params[] = {
		{ "soft", PARAM_FLAGS, true, offsetof(struct limit_args, soft),
		  0, 0, 0, 0, NULL, names_rlim, SHOW_INTEGER },
		{ "hard", PARAM_FLAGS, true, offsetof(struct limit_args, hard),
		  1, 0, 0, 0, NULL, names_rlim, SHOW_INTEGER },
	};
	static const struct rpc_method shape = {
		.name = "a limit", .params = params, .nr_params = 2,
		.args_size = sizeof(struct limit_args),
		.given_offset = offsetof(struct limit_args, given),
	};
	struct rpc_scratch scratch = { .nr = 0 };
	json_t *pair;
	bool done;

	if (json_is_object(value))
		return rpc_decode(&shape, value, limit, &scratch, error);
	pair = json_pack("[OO]", value, value);
	if (!pair)
		return rpc_fail(error, RPC_INTERNAL_ERROR, "", "out of memory");
	done = rpc_decode(&shape, pair, limit, &scratch, error);
	json_decref(pair);
	return done;
}

static int resource_of(const char *name)
{
	for (const struct param_name *r = names_rlimit; r->name; r++)
		if (!strcmp(r->name, name))
			return (int)r->value;
	return -1;
}

static bool take_rlimits(const json_t *rlimits, struct op_spawn *spawn,
			 struct rpc_error *error)
{
	json_t *object = (json_t *)rlimits;	/* iterating changes nothing */
	struct limit_args limit;
	void *it;

	if (rlimits && !json_is_object(rlimits))
		return rpc_fail(error, RPC_INVALID_PARAMS, "rlimits",
				"must be an object: {\"RLIMIT_STACK\": \"8M\"}");
	for (it = json_object_iter(object); it;
	     it = json_object_iter_next(object, it)) {
		int r = resource_of(json_object_iter_key(it));

		if (r < 0)
			return rpc_fail(error, RPC_INVALID_PARAMS, "rlimits",
					"there is no resource %.64s",
					json_object_iter_key(it));
		if (!take_limit(json_object_iter_value(it), &limit, error)) {
			strcpy(error->param, "rlimits");
			return false;
		}
		if (limit.soft > limit.hard)
			return rpc_fail(error, RPC_INVALID_PARAMS, "rlimits",
					"soft exceeds hard");
		spawn->rlimit_set |= 1u << r;
		spawn->rlim[r].soft = limit.soft;
		spawn->rlim[r].hard = limit.hard;
	}
	return true;
}

bool exec_process_spawn(struct rpc_call *call)
{
	struct op_args *args = call->args;
	struct rpc_bytes program = { .len = 0 };
	bool done = take_image(args->image, &args->op.spawn, &program,
			       &call->error) &&
		    take_rlimits(args->rlimits, &args->op.spawn, &call->error);

	args->op.data = program.bytes;
	args->op.data_len = program.len;
	done = done && run_operation(call);
	free((void *)program.bytes);
	return done;
}

/* ---- process.exec ---- */

bool exec_process_exec(struct rpc_call *call)
{
	struct op_args *args = call->args;
	struct rpc_bytes program = { .len = 0 };
	bool done;

	if (!json_is_object(args->image))
		return rpc_fail(&call->error, RPC_INVALID_PARAMS, "image",
				"must be an object {path, segments, …}");
	if (!exec_image_decode(args->image, &program, &call->error))
		return false;
	args->op.data = program.bytes;
	args->op.data_len = program.len;
	done = run_operation(call);
	free((void *)program.bytes);
	return done;
}

/* ---- looking ---- */

bool exec_process_list(struct rpc_call *call)
{
	const struct args_process_list *a = call->args;
	struct server *server = call->server;
	struct hosted *h = machines_lock(server->machines, a->machine,
					 &call->error);
	const struct machine *m;

	if (!h)
		return false;
	m = hosted_machine(h);
	json_object_begin(call->out);
	json_key(call->out, "processes");
	json_array_begin(call->out);
	for (task_ref t = mm_first_task(m); !task_none(t);
	     t = mm_next_task(m, t))
		view_task_line(call->out, m, t);
	json_array_close(call->out);
	json_object_close(call->out);
	machines_unlock(h);
	return true;
}
