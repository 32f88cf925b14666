/* SPDX-License-Identifier: MIT */
#include "server/proc_file.h"

#include "mmcore/mmcore.h"
#include "server/machines.h"

/* The core writes into the writer's own buffer. */
static bool more_room(struct mm_sink *sink, size_t need)
{
	struct json_writer *out = sink->ctx;

	out->len = sink->len;
	if (!json_writer_room(out, need))
		return false;
	sink->buf = out->buf;
	sink->cap = out->cap;
	return true;
}

struct reading {
	const struct machine *m;
	const char *path;
	struct mm_sink sink;
	enum mm_proc_kind kind;
};

static bool read_file(void *ctx)
{
	struct reading *r = ctx;

	r->kind = mm_proc_read(r->m, r->path, &r->sink);
	return true;
}

/* Deferred where it would keep a loop busy. */
static bool read_locked(struct hosted *h, struct reading *r,
			struct rpc_error *error)
{
	r->m = hosted_machine(h);
	if (!rpc_may_wait() && mm_proc_work(r->m, r->path) > LOOP_WORK_MAX)
		return rpc_defer(error);
	return hosted_read(h, read_file, r, error);
}

bool proc_file_text(struct server *server, const char *machine,
		    const char *path, struct json_writer *out,
		    struct rpc_error *error)
{
	struct reading r = {
		.path = path,
		.sink = {
			.buf = out->buf, .len = out->len, .cap = out->cap,
			.more = more_room, .ctx = out,
		},
	};
	size_t before = out->len;
	struct hosted *h;
	bool done;

	h = machines_lock(server->machines, machine, error);
	if (!h)
		return false;
	done = read_locked(h, &r, error);
	machines_unlock(h);
	out->len = r.sink.len;
	if (done && (r.kind == MM_PROC_FILE || r.kind == MM_PROC_DIR) &&
	    !out->failed)
		return true;
	json_writer_rewind(out, before, out->depth, out->comma[out->depth]);
	if (!done)
		return false;
	if (r.kind == MM_PROC_BINARY)
		return rpc_fail(error, RPC_INVALID_PARAMS, "path",
				"%s is binary: GET it, with a Range", path);
	if (r.kind == MM_PROC_NONE)
		return rpc_fail(error, RPC_NO_SUCH_THING, "path",
				"there is no %s", path);
	return rpc_fail(error, RPC_LIMIT, "path",
			"%s is larger than an answer may be", path);
}
