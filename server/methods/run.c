/* SPDX-License-Identifier: MIT */
/*
 * machine.run: operations in order, under one lock, each with what the caller
 * expects of it. With atomic, a run that stops takes everything back.
 */
#include <string.h>

#include "schema/generated/args.h"
#include "server/machines.h"
#include "server/server.h"

#define RUN_MAX 10000

enum stop_on { STOP_NEVER, STOP_FAILURE, STOP_MISMATCH };

struct run {
	struct rpc_call *call;
	const char *machine;
	enum stop_on stop_on;
	uint64_t passed, failed;
	bool stopped;
};

/* ---- expectations ---- */

/* An integer, or a string that is one in any of the forms that parameters have. */
static bool number_of(const json_t *value, uint64_t *word)
{
	if (json_is_integer(value)) {
		*word = (uint64_t)json_integer_value(value);
		return true;
	}
	return rpc_text(value) && rpc_parse_word(rpc_text(value), word);
}

/*
 * Member by member; what is not expected may be there. A number is expected in
 * whichever form, as parameters are given.
 */
static bool matches(const json_t *expected, const json_t *got)
{
	uint64_t wanted, word;

	const char *key;
	json_t *member;
	size_t i;

	if (json_is_object(expected)) {
		json_object_foreach((json_t *)expected, key, member)
			if (!matches(member, json_object_get(got, key)))
				return false;
		return json_is_object(got);
	}
	if (json_is_array(expected)) {
		if (json_array_size(expected) != json_array_size(got))
			return false;
		json_array_foreach(expected, i, member)
			if (!matches(member, json_array_get(got, i)))
				return false;
		return json_is_array(got);
	}
	return json_equal(expected, got) ||
	       (number_of(expected, &wanted) && number_of(got, &word) &&
		wanted == word);
}

/* ---- one operation ---- */

/* The op's params with the machine filled in; a new reference, or NULL. */
static json_t *params_of(const struct run *run, const json_t *op,
			 struct rpc_error *error)
{
	const json_t *given = json_object_get(op, "params");
	const json_t *machine;
	json_t *params;

	if (given && !json_is_object(given)) {
		rpc_fail(error, RPC_INVALID_PARAMS, "ops",
			 "an operation's params must be an object");
		return NULL;
	}
	params = given ? json_copy((json_t *)given) : json_object();
	machine = json_object_get(params, "machine");
	if (!machine) {
		json_object_set_new(params, "machine", json_string(run->machine));
	} else if (!rpc_text(machine) ||
		   strcmp(rpc_text(machine), run->machine)) {
		rpc_fail(error, RPC_INVALID_PARAMS, "ops",
			 "an operation names another machine");
		json_decref(params);
		return NULL;
	}
	return params;
}

static bool runnable(const char *name, struct rpc_error *error)
{
	const struct rpc_method *method = name ? rpc_find_method(name) : NULL;

	if (!name)
		return rpc_fail(error, RPC_INVALID_PARAMS, "ops",
				"an operation needs a method");
	if (!method)
		return rpc_fail(error, RPC_METHOD_NOT_FOUND, "ops",
				"there is no method %.64s", name);
	return method->flags & RPC_METHOD_IN_RUN ||
	       rpc_fail(error, RPC_INVALID_PARAMS, "ops",
			"%s cannot be part of a run", name);
}

static bool run_op(struct run *run, const json_t *op, struct rpc_error *error)
{
	const char *name = rpc_text(json_object_get(op, "method"));
	json_t *params;
	bool done;

	if (!runnable(name, error))
		return false;
	params = params_of(run, op, error);
	if (!params)
		return false;
	done = rpc_call_method(run->call->server, name, params, run->call->out,
			       error);
	json_decref(params);
	return done;
}

/* Count the operation by what it answered, in [from, out->len). */
static void judge(struct run *run, const json_t *op, size_t from, bool answered)
{
	const json_t *expect = json_object_get(op, "expect");
	const struct json_writer *out = run->call->out;
	json_t *got = NULL;
	bool failure, met = true;

	if (!out->failed)
		got = json_loadb(out->buf + from, out->len - from,
				 JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	failure = !answered || json_is_false(json_object_get(got, "ok"));
	if (expect)
		met = matches(expect, got);
	if (expect ? met : !failure)
		run->passed++;
	else
		run->failed++;
	if ((run->stop_on == STOP_FAILURE && failure) ||
	    (run->stop_on == STOP_MISMATCH && !met))
		run->stopped = true;
	json_decref(got);
}

/* False: the machine was destroyed, or the daemon stops. */
static bool run_all(struct run *run, struct hosted *h, const json_t *ops)
{
	struct json_writer *out = run->call->out;
	json_t *op;
	size_t i;

	json_array_foreach(ops, i, op) {
		struct rpc_error error = { .code = 0 };
		size_t from = out->len + (i > 0);	/* past the comma */
		bool answered = hosted_go_on(h, &run->call->error) &&
				run_op(run, op, &error);

		if (!answered && !hosted_go_on(h, &run->call->error))
			return false;
		if (!answered) {
			json_object_begin(out);
			json_key(out, "error");
			rpc_write_error(out, &error);
			json_object_close(out);
		}
		judge(run, op, from, answered);
		if (run->stopped || out->failed)
			break;
	}
	return true;
}

/* Whatever is wrong with its shape is wrong with the run: nothing of it is done. */
static bool check_op(json_t *op, size_t i, struct rpc_error *error)
{
	const json_t *expect = json_object_get(op, "expect");
	const char *key;
	json_t *value;

	if (!json_is_object(op))
		return rpc_fail(error, RPC_INVALID_PARAMS, "ops",
				"operation %zu is not an object", i);
	if (expect && !json_is_object(expect))
		return rpc_fail(error, RPC_INVALID_PARAMS, "ops",
				"expect of operation %zu is not an object", i);
	json_object_foreach(op, key, value)
		if (strcmp(key, "method") && strcmp(key, "params") &&
		    strcmp(key, "expect"))
			return rpc_fail(error, RPC_INVALID_PARAMS, "ops",
					"operation %zu has a member \"%.64s\"; "
					"known are method, params, expect",
					i, key);
	return true;
}

static bool check_ops(const json_t *ops, struct rpc_error *error)
{
	json_t *op;
	size_t i;

	if (!json_is_array(ops))
		return rpc_fail(error, RPC_INVALID_PARAMS, "ops",
				"must be an array of operations");
	if (json_array_size(ops) > RUN_MAX)
		return rpc_fail(error, RPC_LIMIT, "ops",
				"more than %d operations", RUN_MAX);
	json_array_foreach(ops, i, op)
		if (!check_op(op, i, error))
			return false;
	return true;
}

bool exec_machine_run(struct rpc_call *call)
{
	const struct args_machine_run *a = call->args;
	struct server *server = call->server;
	struct run run = {
		.call = call, .machine = a->machine,
		.stop_on = (enum stop_on)a->stop_on,
	};
	struct hosted *h;

	if (!check_ops(a->ops, &call->error))
		return false;
	h = machines_lock(server->machines, a->machine, &call->error);
	if (!h)
		return false;
	if (a->atomic && !hosted_begin(h, &call->error)) {
		machines_unlock(h);
		return false;
	}
	json_object_begin(call->out);
	json_key(call->out, "results");
	json_array_begin(call->out);
	if (!run_all(&run, h, a->ops)) {
		machines_unlock(h);
		return false;
	}
	json_array_close(call->out);
	if (a->atomic && run.stopped)
		hosted_rollback(h);
	else if (a->atomic)
		hosted_commit(h);
	json_pair_uint(call->out, "passed", run.passed);
	json_pair_uint(call->out, "failed", run.failed);
	json_pair_bool(call->out, "stopped", run.stopped);
	json_pair_uint(call->out, "seq", hosted_seq(h));
	json_object_close(call->out);
	machines_unlock(h);
	return true;
}
