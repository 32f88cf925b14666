/* SPDX-License-Identifier: MIT */
/*
 * JSON-RPC 2.0: the envelope. Answers are written as they come about: the
 * members before the result first, then the method writes its result behind
 * them, and where it fails instead the writer goes back to that mark and an
 * error takes the result's place. No tree is built on the way out.
 */
#include "server/rpc.h"

#include <stdlib.h>
#include <string.h>

#include "server/json_memory.h"
#include "server/json_scan.h"
#include "server/json_text.h"

#define ARGS_MAX	4096		/* bytes of a method's args struct */
#define ID_MAX		256		/* bytes of an id */
#define LOOP_BODY_MAX	65536		/* bytes a loop parses itself */
#define LOOP_BATCH_MAX	64		/* requests it runs itself */
/* Errors still fit where results no longer do: a full batch of them. */
#define ANSWER_HARD_MAX	(2UL * RPC_ANSWER_MAX)

const struct rpc_method *rpc_find_method(const char *name)
{
	uint32_t low = 0, high = nr_rpc_methods;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(name, rpc_methods[middle].name);

		if (!order)
			return &rpc_methods[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* ---- errors ---- */

static const char *message_of(int code)
{
	for (const struct rpc_error_kind *k = rpc_error_kinds; k->message; k++)
		if (k->code == code)
			return k->message;
	return "Server error";
}

void rpc_write_error(struct json_writer *out, const struct rpc_error *error)
{
	json_object_begin(out);
	json_pair_int(out, "code", error->code);
	json_pair_string(out, "message", message_of(error->code));
	if (error->why[0]) {
		json_key(out, "data");
		json_object_begin(out);
		if (error->param[0])
			json_pair_string(out, "param", error->param);
		json_pair_string(out, "why", error->why);
		json_object_close(out);
	}
	json_object_close(out);
}

/* ---- one call ---- */

static void clear_error(struct rpc_error *error)
{
	error->code = 0;
	error->param[0] = '\0';
	error->why[0] = '\0';
}

/* A place in the answer to go back to. */
struct mark {
	size_t len;
	uint8_t depth;
	bool comma;
};

static struct mark mark_of(const struct json_writer *w)
{
	return (struct mark){ w->len, w->depth, w->comma[w->depth] };
}

static void back_to(struct json_writer *w, const struct mark *m)
{
	json_writer_rewind(w, m->len, m->depth, m->comma);
}

static bool too_large(struct rpc_error *error)
{
	return rpc_fail(error, RPC_LIMIT, "",
			"the answer would be larger than %u bytes",
			RPC_ANSWER_MAX);
}

static bool guard_nothing(struct rpc_call *call)
{
	return call->method->exec(call);
}

bool (*rpc_guard)(struct rpc_call *call) = guard_nothing;

static bool decode_and_run(struct rpc_call *call, const json_t *params)
{
	struct rpc_scratch scratch = { .nr = 0 };
	bool done;

	done = rpc_decode(call->method, params, call->args, &scratch,
			  &call->error) &&
	       rpc_guard(call);
	rpc_scratch_free(&scratch);
	return done;
}

static bool run_method(void *server, const struct rpc_method *method,
		       const json_t *params, struct json_writer *out,
		       struct rpc_error *error)
{
	_Alignas(16) char args[ARGS_MAX];
	struct rpc_call call;
	struct mark before = mark_of(out);
	size_t limit = out->limit;
	bool done;

	if (method->flags & RPC_METHOD_SLOW && !rpc_may_wait())
		return rpc_defer(error);
	if (out->len > RPC_ANSWER_MAX)
		return too_large(error);
	if (method->args_size > ARGS_MAX)
		return rpc_fail(error, RPC_INTERNAL_ERROR, "",
				"%s has too many parameters", method->name);
	call.server = server;
	call.method = method;
	call.args = args;
	call.out = out;
	clear_error(&call.error);
	/* What has happened is told; what was only looked at may not fit. */
	if (!(method->flags & RPC_METHOD_MUTATES))
		out->limit = RPC_ANSWER_MAX;
	done = decode_and_run(&call, params);
	out->limit = limit;
	if (done && out->failed)
		done = too_large(&call.error);
	if (!done) {
		back_to(out, &before);
		*error = call.error;
	}
	return done;
}

bool rpc_call_method(void *server, const char *name, const json_t *params,
		     struct json_writer *out, struct rpc_error *error)
{
	const struct rpc_method *method = rpc_find_method(name);

	if (!method)
		return rpc_fail(error, RPC_METHOD_NOT_FOUND, "",
				"there is no method %.64s", name);
	return run_method(server, method, params, out, error);
}

/* ---- one request ---- */

/* Goes back as it came, so of some numbers the body's own text is needed. */
struct id {
	const json_t *value;		/* NULL: a notification */
	const char *text;		/* a number's, or NULL: its digits will do */
	size_t len;			/* bytes of @text */
};

static const struct id no_id;

/* A request as its envelope says; members point into the body, parsed or not. */
struct request {
	struct id id;
	const char *method;
	const json_t *params;		/* may be NULL */
};

static bool invalid(struct rpc_error *error, const char *why)
{
	return rpc_fail(error, RPC_INVALID_REQUEST, "", "%s", why);
}

/* Fractions, exponents and what is too large are gone, and the sign of -0 is. */
static bool is_written_otherwise(const json_t *id)
{
	return json_is_real(id) ||
	       (json_is_integer(id) && !json_integer_value(id));
}

static bool read_id(const json_t *value, struct json_ids *ids, uint32_t element,
		    struct id *id, struct rpc_error *error)
{
	struct id found = { .value = value };

	if (value && !json_is_string(value) && !json_is_number(value) &&
	    !json_is_null(value))
		return invalid(error, "id must be a string, a number or null");
	if (is_written_otherwise(value))
		found.text = json_ids_find(ids, element, &found.len);
	if (json_string_length(value) > ID_MAX || found.len > ID_MAX)
		return invalid(error, "id is longer than 256 bytes");
	*id = found;
	return true;
}

static bool read_request(const json_t *value, struct json_ids *ids,
			 uint32_t element, struct request *r,
			 struct rpc_error *error)
{
	const char *version;

	memset(r, 0, sizeof(*r));
	if (!json_is_object(value))
		return invalid(error, "a request is an object");
	if (!read_id(json_object_get(value, "id"), ids, element, &r->id, error))
		return false;
	version = rpc_text(json_object_get(value, "jsonrpc"));
	if (!version || strcmp(version, "2.0"))
		return invalid(error, "jsonrpc must be \"2.0\"");
	r->method = rpc_text(json_object_get(value, "method"));
	if (!r->method)
		return invalid(error, "method must be a string, without a NUL");
	r->params = json_object_get(value, "params");
	if (r->params && !json_is_object(r->params) &&
	    !json_is_array(r->params))
		return invalid(error, "params must be an object or an array");
	return true;
}

/* Numbers go back as they were written, also where our own results would not. */
static void write_id(struct json_writer *out, const struct id *id)
{
	json_key(out, "id");
	if (id->text)
		json_put_raw(out, id->text, id->len);
	else if (json_is_integer(id->value))
		json_put_digits(out, json_integer_value(id->value));
	else if (json_is_string(id->value))
		json_put_stringn(out, json_string_value(id->value),
				 json_string_length(id->value));
	else
		json_put_null(out);
}

static void response_begin(struct json_writer *out, const struct id *id)
{
	json_object_begin(out);
	json_pair_string(out, "jsonrpc", "2.0");
	write_id(out, id);
}

static void answer_error(struct json_writer *out, const struct id *id,
			 const struct rpc_error *error)
{
	response_begin(out, id);
	json_key(out, "error");
	rpc_write_error(out, error);
	json_object_close(out);
}

/* Returns false if the call was deferred: then it left no trace. */
static bool run_request(void *server, const struct request *r,
			struct json_writer *out)
{
	struct mark before = mark_of(out);
	struct rpc_error error;
	bool done;

	clear_error(&error);
	response_begin(out, &r->id);
	json_key(out, "result");
	done = rpc_call_method(server, r->method, r->params, out, &error);
	if (done && r->id.value) {
		json_object_close(out);
		return true;
	}
	back_to(out, &before);
	if (done)
		return true;
	if (error.code == RPC_DEFERRED)
		return false;
	if (r->id.value)
		answer_error(out, &r->id, &error);
	return true;
}

static bool handle_request(void *server, const json_t *value,
			   struct json_ids *ids, uint32_t element,
			   struct json_writer *out)
{
	struct rpc_error error;
	struct request r;

	if (read_request(value, ids, element, &r, &error))
		return run_request(server, &r, out);
	answer_error(out, &r.id, &error);
	return true;
}

/* ---- one body ---- */

static bool refuse_body(struct json_writer *out, int code, const char *why,
			size_t at)
{
	struct rpc_error error;

	rpc_fail(&error, code, "", "%.128s, at byte %zu", why, at);
	answer_error(out, &no_id, &error);
	return false;
}

static bool scan_body(const char *body, size_t len, struct json_writer *out,
		      struct json_scan *scan)
{
	*scan = json_scan(body, len);
	if (scan->fault == JSON_SCAN_FINE)
		return true;
	return refuse_body(out, scan->fault == JSON_SCAN_NUL ?
			   RPC_PARSE_ERROR : RPC_LIMIT,
			   json_scan_why(scan->fault), scan->at);
}

/* What jansson refuses although it is JSON is an invalid request. */
static int code_of_parse_error(const json_error_t *e)
{
	switch (json_error_code(e)) {
	case json_error_numeric_overflow:
	case json_error_duplicate_key:
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return RPC_INVALID_REQUEST;
	case json_error_out_of_memory:
		return RPC_INTERNAL_ERROR;
	default:
		return RPC_PARSE_ERROR;
	}
}

static json_t *load(const char *body, size_t len, json_error_t *e)
{
	return json_loadb(body, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY |
			  JSON_ALLOW_NUL, e);
}

/*
 * Numbers that no int64 and no double holds are JSON, and yet jansson refuses the
 * whole body for one of them. So such a body is read once more without them.
 */
static json_t *load_huge_numbers(const char *body, size_t len, json_error_t *e)
{
	char *tame = json_text_tame(body, len, &len);
	json_t *value = tame ? load(tame, len, e) : NULL;

	free(tame);
	return value;
}

static json_t *parse_body(const char *body, size_t len,
			  struct json_writer *out)
{
	json_error_t e;
	json_t *value = load(body, len, &e);

	if (!value && json_error_code(&e) == json_error_numeric_overflow)
		value = load_huge_numbers(body, len, &e);
	if (!value)
		refuse_body(out, code_of_parse_error(&e), e.text,
			    e.position < 0 ? 0 : (size_t)e.position);
	return value;
}

static enum rpc_outcome run_batch(void *server, const json_t *batch,
				  struct json_ids *ids, struct json_writer *out,
				  struct rpc_progress *progress)
{
	uint32_t n = (uint32_t)json_array_size(batch);

	if (!out->depth)		/* not begun by an earlier call */
		json_array_begin(out);
	while (progress->done < n) {
		if (!handle_request(server,
				    json_array_get(batch, progress->done), ids,
				    progress->done, out))
			return RPC_LATER;
		progress->done++;
	}
	if (!out->comma[out->depth])	/* notifications alone */
		return RPC_SILENCE;
	json_array_close(out);
	return RPC_ANSWER;
}

static enum rpc_outcome run_body(void *server, const json_t *value,
				 struct json_ids *ids, struct json_writer *out,
				 struct rpc_progress *progress)
{
	struct rpc_error error;

	if (json_array_size(value))
		return run_batch(server, value, ids, out, progress);
	if (json_is_array(value)) {
		invalid(&error, "an empty batch");
		answer_error(out, &no_id, &error);
		return RPC_ANSWER;
	}
	if (!handle_request(server, value, ids, 0, out))
		return RPC_LATER;
	return out->len ? RPC_ANSWER : RPC_SILENCE;
}

enum rpc_outcome rpc_handle(void *server, const char *body, size_t len,
			    struct json_writer *out,
			    struct rpc_progress *progress, bool may_wait)
{
	enum rpc_outcome outcome;
	struct json_scan scan;
	struct json_ids ids;
	json_t *value;

	out->limit = ANSWER_HARD_MAX;
	if (!scan_body(body, len, out, &scan))
		return RPC_ANSWER;
	if (!may_wait && (len > LOOP_BODY_MAX || scan.batch > LOOP_BATCH_MAX))
		return RPC_LATER;
	json_memory_begin();
	value = parse_body(body, len, out);
	ids = json_ids_begin(body, len);
	rpc_set_may_wait(may_wait);
	outcome = value ? run_body(server, value, &ids, out, progress) : RPC_ANSWER;
	rpc_set_may_wait(true);
	json_memory_end(value);
	return outcome;
}
