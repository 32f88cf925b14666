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

bool proc_file_text(struct server *server, const char *machine,
		    const char *path, struct json_writer *out,
		    struct rpc_error *error)
{
	struct mm_sink sink = {
		.buf = out->buf, .len = out->len, .cap = out->cap,
		.more = more_room, .ctx = out,
	};
	size_t before = out->len;
	enum mm_proc_kind kind;
	struct hosted *h;

	h = machines_lock(server->machines, machine, error);
	if (!h)
		return false;
	kind = mm_proc_read(hosted_machine(h), path, &sink);
	machines_unlock(h);
	out->len = sink.len;
	if (kind != MM_PROC_NONE && !out->failed)
		return true;
	json_writer_rewind(out, before, out->depth, out->comma[out->depth]);
	if (kind == MM_PROC_NONE)
		return rpc_fail(error, RPC_NO_SUCH_THING, "path",
				"there is no %s", path);
	return rpc_fail(error, RPC_LIMIT, "path",
			"%s is larger than an answer may be", path);
}
