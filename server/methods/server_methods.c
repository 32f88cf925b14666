/* SPDX-License-Identifier: MIT */
/* server.info, proc.read, rpc.discover. */
#include <string.h>
#include <time.h>

#include "schema/generated/args.h"
#include "server/http_head.h"
#include "server/json_scan.h"
#include "server/machines.h"
#include "server/proc_file.h"
#include "server/server.h"
#include "server/version.h"

static uint64_t seconds_since(uint64_t started_ns)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec -
		started_ns) / 1000000000;
}

static void view_limits(struct json_writer *out, const struct machine_limits *l)
{
	json_key(out, "limits");
	json_object_begin(out);
	json_pair_uint(out, "machines", l->machines);
	json_pair_uint(out, "resident_frames", l->resident_frames);
	json_pair_uint(out, "total_resident_frames", l->total_resident_frames);
	json_pair_uint(out, "history_bytes", l->history_bytes);
	json_pair_uint(out, "snapshots", l->snapshots);
	json_pair_uint(out, "snapshot_frames", l->snapshot_frames);
	json_pair_uint(out, "op_frames", l->op_frames);
	json_pair_uint(out, "body_bytes", HTTP_BODY_MAX);
	json_pair_uint(out, "nesting", JSON_SCAN_DEPTH);
	json_pair_uint(out, "json_values", JSON_SCAN_VALUES);
	json_pair_uint(out, "batch", JSON_SCAN_BATCH);
	json_pair_uint(out, "answer_bytes", RPC_ANSWER_MAX);
	json_object_close(out);
}

bool exec_server_info(struct rpc_call *call)
{
	struct server *server = call->server;
	struct json_writer *out = call->out;

	json_object_begin(out);
	json_pair_string(out, "version", MMAPD_VERSION);
	json_pair_uint(out, "uptime", seconds_since(server->started_ns));
	json_pair_uint(out, "workers", server->config.workers);
	json_pair_uint(out, "machines", machines_count(server->machines));
	view_limits(out, machines_limits(server->machines));
	json_key(out, "store");
	json_put_null(out);
	json_object_close(out);
	return true;
}

bool exec_server_capabilities(struct rpc_call *call)
{
	json_put_raw(call->out, coverage_statement, coverage_statement_len);
	return true;
}

bool exec_proc_read(struct rpc_call *call)
{
	const struct args_proc_read *a = call->args;
	struct json_writer text;
	char path[257];
	bool done;

	memcpy(path, a->path.bytes, a->path.len);
	path[a->path.len] = '\0';
	json_writer_init(&text, RPC_ANSWER_MAX);
	done = proc_file_text(call->server, a->machine, path, &text,
			      &call->error);
	if (done) {
		json_object_begin(call->out);
		json_key(call->out, "text");
		json_put_stringn(call->out, text.buf, text.len);
		json_object_close(call->out);
	}
	json_writer_free(&text);
	return done;
}

bool exec_rpc_discover(struct rpc_call *call)
{
	json_put_raw(call->out, openrpc_document, openrpc_document_len);
	return true;
}
