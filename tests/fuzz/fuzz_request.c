/* SPDX-License-Identifier: MIT */
/*
 * Bytes as the body of POST /rpc, against a registry with one machine in it:
 * the scan, the parser, the decoder, the methods, the writer. A loop has it first,
 * which may not wait; what it leaves is done where waiting is fine, as in the daemon.
 */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/machines.h"
#include "server/rpc.h"
#include "server/server.h"

static struct server server;

static void make_machine(void)
{
	struct mm_config config = mm_config_default();
	struct op op = { .code = OP_SPAWN };
	struct op_result res;
	struct rpc_error error;
	struct hosted *h;

	config.ram = 32ULL << 20;
	h = machines_create(server.machines, "m", &config, &error);
	if (!h)
		abort();
	hosted_apply(h, &op, &res, NULL, &error);
	machines_unlock(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpc_progress progress = { 0 };
	struct json_writer out;
	enum rpc_outcome outcome;
	struct machine_limits limits = machine_limits_default();

	limits.resident_frames = 16384;
	limits.machines = 16;
	json_object_seed(1);
	/* An input finds what every other one finds. */
	server.machines = machines_new(&limits);
	make_machine();
	json_writer_init(&out, 0);
	outcome = rpc_handle(&server, (const char *)data, size, &out,
			     &progress, false);
	if (outcome == RPC_LATER)
		outcome = rpc_handle(&server, (const char *)data, size, &out,
				     &progress, true);
	if (outcome == RPC_LATER)
		abort();
	/* What is answered is JSON, if with an id that jansson has no number for. */
	if (outcome == RPC_ANSWER) {
		json_error_t e;
		json_t *answer = json_loadb(out.buf, out.len,
					    JSON_ALLOW_NUL, &e);

		if (!answer && json_error_code(&e) != json_error_numeric_overflow)
			abort();
		json_decref(answer);
	}
	json_writer_free(&out);
	machines_free(server.machines);
	return 0;
}
