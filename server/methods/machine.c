/* SPDX-License-Identifier: MIT */
/* machine.*: making, looking at and rewinding whole machines. */
#include <string.h>

#include "schema/generated/args.h"
#include "server/machines.h"
#include "server/server.h"
#include "server/view/view.h"

static struct machines *machines_of(const struct rpc_call *call)
{
	return ((struct server *)call->server)->machines;
}

/* The machine of a call, locked; every args struct here begins alike. */
static struct hosted *lock_machine(struct rpc_call *call, const char *name)
{
	return machines_lock(machines_of(call), name, &call->error);
}

static void put_snapshot(const char *name, uint64_t seq, void *ctx)
{
	struct json_writer *out = ctx;

	json_object_begin(out);
	json_pair_string(out, "snapshot", name);
	json_pair_uint(out, "seq", seq);
	json_object_close(out);
}

static void view_info(struct json_writer *out, const struct hosted *h)
{
	const struct machine *m = hosted_machine(h);
	const struct kernel *k = kernel_at(m);
	uint64_t free = 0;

	for (int type = 0; type < MAX_NR_ZONES; type++)
		free += k->zones[type].free_pages;
	json_object_begin(out);
	json_pair_string(out, "name", hosted_name(h));
	json_pair_string(out, "arch", names_arch[k->arch].name);
	json_pair_uint(out, "page_size", PAGE_SIZE);
	json_pair_uint(out, "ram", m->ram_bytes);
	json_pair_uint(out, "swap", k->swap_bytes);
	json_pair_uint(out, "disk", k->disk_bytes);
	json_pair_uint(out, "cpus", k->cpus);
	json_pair_uint(out, "seed", k->seed);
	json_pair_uint(out, "seq", hosted_seq(h));
	json_pair_uint(out, "processes", k->nr_tasks);
	json_pair_uint(out, "jiffies", k->jiffies);
	json_pair_uint(out, "frames", k->ram_frames);
	json_pair_uint(out, "free_frames", free);
	json_pair_uint(out, "host_bytes", hosted_bytes(h));
	json_pair_bool(out, "durable", false);
	json_key(out, "read_only");
	if (hosted_read_only(h))
		json_put_string(out, hosted_read_only(h));
	else
		json_put_null(out);
	json_key(out, "snapshots");
	json_array_begin(out);
	hosted_snapshots(h, put_snapshot, out);
	json_array_close(out);
	json_object_close(out);
}

bool exec_machine_create(struct rpc_call *call)
{
	const struct args_machine_create *a = call->args;
	struct mm_config config = mm_config_default();
	const char *param, *why;
	struct hosted *h;

	if (a->durable)
		return rpc_fail(&call->error, RPC_INVALID_PARAMS, "durable",
				"this daemon has no store: nothing is kept");
	config.ram = a->ram;
	config.swap = a->swap;
	config.disk = a->disk;
	config.arch = a->arch;
	config.cpus = a->cpus;
	config.aslr = a->aslr;
	config.seed = a->seed;
	config.overcommit_memory = a->overcommit_memory;
	config.overcommit_ratio = a->overcommit_ratio;
	config.swappiness = a->swappiness;
	config.max_map_count = a->max_map_count;
	config.mmap_min_addr = a->mmap_min_addr;
	config.hugepages = a->hugepages;
	config.min_free_kbytes = a->min_free_kbytes;
	why = mm_config_check(&config, &param);
	if (why)
		return rpc_fail(&call->error, RPC_INVALID_PARAMS, param, "%s",
				why);
	h = machines_create(machines_of(call), a->name, &config, &call->error);
	if (!h)
		return false;
	view_info(call->out, h);
	machines_unlock(h);
	return true;
}

bool exec_machine_destroy(struct rpc_call *call)
{
	const struct args_machine_destroy *a = call->args;
	struct server *server = call->server;

	if (!machines_destroy_named(server->machines, a->machine, &call->error))
		return false;
	json_object_begin(call->out);
	json_pair_string(call->out, "destroyed", a->machine);
	json_object_close(call->out);
	return true;
}

bool exec_machine_info(struct rpc_call *call)
{
	const struct args_machine_info *a = call->args;
	struct hosted *h = lock_machine(call, a->machine);

	if (!h)
		return false;
	view_info(call->out, h);
	machines_unlock(h);
	return true;
}

static void put_info(struct hosted *h, void *ctx)
{
	view_info(ctx, h);
}

bool exec_machine_list(struct rpc_call *call)
{
	bool done;

	json_object_begin(call->out);
	json_key(call->out, "machines");
	json_array_begin(call->out);
	done = machines_each(machines_of(call), put_info, call->out,
			     &call->error);
	json_array_close(call->out);
	json_object_close(call->out);
	return done;
}

bool exec_machine_snapshot(struct rpc_call *call)
{
	const struct args_machine_snapshot *a = call->args;
	struct hosted *h = lock_machine(call, a->machine);
	char name[65];
	bool done;

	if (!h)
		return false;
	memcpy(name, a->snapshot.bytes, a->snapshot.len);
	name[a->snapshot.len] = '\0';
	done = hosted_snapshot(h, name, &call->error);
	if (done)
		put_snapshot(name, hosted_seq(h), call->out);
	machines_unlock(h);
	return done;
}

/* Which state a revert asks for; exactly one of name and seq. */
static bool revert_target(struct rpc_call *call, const struct hosted *h,
			  char name[65], uint64_t *seq)
{
	const struct args_machine_revert *a = call->args;
	const bool named = a->given & 1u << 1, numbered = a->given & 1u << 2;

	if (named == numbered)
		return rpc_fail(&call->error, RPC_INVALID_PARAMS, "snapshot",
				"give either snapshot or seq");
	memcpy(name, a->snapshot.bytes, a->snapshot.len);
	name[a->snapshot.len] = '\0';
	*seq = a->seq;
	if (named && !hosted_snapshot_seq(h, name, seq))
		return rpc_fail(&call->error, RPC_NO_SUCH_THING, "snapshot",
				"there is no snapshot %s", name);
	return true;
}

bool exec_machine_revert(struct rpc_call *call)
{
	const struct args_machine_revert *a = call->args;
	struct hosted *h = lock_machine(call, a->machine);
	struct json_writer *out = call->out;
	char name[65];
	uint64_t seq;
	bool done;

	if (!h)
		return false;
	done = revert_target(call, h, name, &seq) &&
	       hosted_revert(h, name, seq, &call->error);
	if (done) {
		json_object_begin(out);
		json_key(out, "snapshot");
		if (*name)
			json_put_string(out, name);
		else
			json_put_null(out);
		json_pair_uint(out, "seq", hosted_seq(h));
		json_pair_uint(out, "to_seq", seq);
		json_object_close(out);
	}
	machines_unlock(h);
	return done;
}

bool exec_machine_fork(struct rpc_call *call)
{
	const struct args_machine_fork *a = call->args;
	struct hosted *h = lock_machine(call, a->machine), *branch;

	if (!h)
		return false;
	branch = hosted_fork(h, a->name, a->given & 1u << 2, a->seq,
			     &call->error);
	machines_unlock(h);
	if (!branch)
		return false;
	view_info(call->out, branch);
	machines_unlock(branch);
	return true;
}

static void put_entry(const struct history_entry *e, void *ctx)
{
	view_history_entry(ctx, e);
}

bool exec_machine_history(struct rpc_call *call)
{
	const struct args_machine_history *a = call->args;
	struct hosted *h = lock_machine(call, a->machine);
	uint64_t first;

	if (!h)
		return false;
	json_object_begin(call->out);
	json_key(call->out, "ops");
	json_array_begin(call->out);
	first = hosted_history(h, a->since, a->limit, put_entry, call->out);
	json_array_close(call->out);
	json_pair_uint(call->out, "first", first);
	json_object_close(call->out);
	machines_unlock(h);
	return true;
}

bool exec_machine_digest(struct rpc_call *call)
{
	const struct args_machine_digest *a = call->args;
	struct hosted *h = lock_machine(call, a->machine);
	char hex[33];

	if (!h)
		return false;
	hosted_digest(h, hex);
	json_object_begin(call->out);
	json_pair_uint(call->out, "seq", hosted_seq(h));
	json_pair_string(call->out, "digest", hex);
	json_object_close(call->out);
	machines_unlock(h);
	return true;
}

#define VIOLATIONS_SHOWN 1000

struct violations {
	struct json_writer *out;
	uint64_t shown;
};

static void put_violation(void *ctx, const char *law, const char *what)
{
	struct violations *v = ctx;

	if (v->shown++ >= VIOLATIONS_SHOWN)
		return;
	json_object_begin(v->out);
	json_pair_string(v->out, "law", law);
	json_pair_string(v->out, "what", what);
	json_object_close(v->out);
}

bool exec_machine_check(struct rpc_call *call)
{
	const struct args_machine_check *a = call->args;
	struct hosted *h = lock_machine(call, a->machine);
	struct violations v = { .out = call->out };
	uint64_t nr;

	if (!h)
		return false;
	json_object_begin(call->out);
	json_key(call->out, "violations");
	json_array_begin(call->out);
	nr = mm_check(hosted_machine(h), put_violation, &v);
	json_array_close(call->out);
	json_pair_bool(call->out, "ok", nr == 0);
	json_pair_uint(call->out, "seq", hosted_seq(h));
	json_object_close(call->out);
	machines_unlock(h);
	return true;
}

/* ---- machine.sysctl ---- */

static bool sysctl_id(struct rpc_call *call, int *id)
{
	const struct args_machine_sysctl *a = call->args;
	const char *why;
	char name[65];

	memcpy(name, a->name.bytes, a->name.len);
	name[a->name.len] = '\0';
	*id = mm_sysctl_id(name);
	if (*id < 0)
		return rpc_fail(&call->error, RPC_INVALID_PARAMS, "name",
				"there is no sysctl %s", name);
	why = a->given & 1u << 2 ? mm_sysctl_check(*id, a->value) : NULL;
	return !why || rpc_fail(&call->error, RPC_INVALID_PARAMS, "value", "%s",
				why);
}

bool exec_machine_sysctl(struct rpc_call *call)
{
	const struct args_machine_sysctl *a = call->args;
	struct op op = { .code = OP_SYSCTL };
	const bool write = a->given & 1u << 2;
	struct op_result res;
	struct hosted *h;
	bool done = true;
	int id;

	if (!sysctl_id(call, &id))
		return false;
	h = lock_machine(call, a->machine);
	if (!h)
		return false;
	op.sysctl = (struct op_sysctl){ (uint32_t)id, a->value };
	if (write)
		done = hosted_apply(h, &op, &res, NULL, &call->error);
	if (done) {
		json_object_begin(call->out);
		json_pair_string(call->out, "name", mm_sysctl_name(id));
		json_pair_uint(call->out, "value",
			       mm_sysctl_read(hosted_machine(h), id));
		if (write)
			json_pair_uint(call->out, "seq", hosted_seq(h));
		json_object_close(call->out);
	}
	machines_unlock(h);
	return done;
}
