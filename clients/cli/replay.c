/* SPDX-License-Identifier: MIT */
/*
 * The events of a recording, in their order, as operations of a machine. No
 * address is forced: what mmap, brk and mremap are asked is what the program
 * asked, and where they put it is the simulated kernel's business; the results
 * are held against those recorded.
 *
 * Operations go in batches. Those that may have to wait go alone: where one
 * would block, its process waits, its later events with it, until another has
 * done something; a recorder sees when a call came back, not when the kernel
 * did it, so that of a write and of the read that it woke either may be told
 * first.
 */
#include "clients/cli/replay.h"

#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#include "clients/cli/recording.h"
#include "clients/cli/replay_state.h"
#include "clients/cli/transport.h"

#define RAM	"4G"
#define DISK	"64G"

void add_op(struct replay *r, struct proc *proc, enum check_kind kind,
	    json_t *event, const char *method, json_t *params)
{
	if (!params) {
		differ(r, event, "a call", "arguments that make no sense");
		return;
	}
	if (r->nr_checks == r->room) {
		r->room = r->room ? 2 * r->room : 256;
		r->checks = realloc(r->checks, r->room * sizeof(*r->checks));
		if (!r->checks)
			abort();
	}
	r->checks[r->nr_checks++] = (struct check){ kind, event, proc };
	batch_add(&r->batch, method, params);
}

/* A call by itself that would block: it is not held against anything yet. */
static bool would_block(struct replay *r, const json_t *result)
{
	const json_t *room = json_object_get(result, "room");

	r->blocked = json_object_get(result, "blocked") != NULL;
	r->room_left = json_integer_value(room);
	r->last = json_integer_value(json_object_get(result, "ret"));
	return r->blocked;
}

void run_ops(struct replay *r)
{
	const size_t nr = r->nr_checks;
	json_t *results, *result;
	size_t i;

	r->blocked = false;
	if (!nr)
		return;
	r->nr_checks = 0;
	results = batch_run(&r->batch);
	if (!results) {
		r->stop = true;
		return;
	}
	json_array_foreach(results, i, result)
		if (nr > 1 || !would_block(r, result))
			hold_against(r, &r->checks[i], result);
	json_decref(results);
}

void skip(struct replay *r, const char *name)
{
	const json_t *times = json_object_get(r->skips, name);

	r->skipped++;
	json_object_set_new(r->skips, name,
			    json_integer(json_integer_value(times) + 1));
}

/* ---- events ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The first program of the recording; the others come by fork. */
static void spawn(struct replay *r, struct proc *proc, json_t *event)
{
	json_t *image = json_object_get(event, "exec");
	json_t *limits = json_object_get(event, "limits"), *params;
	const char *path = json_string_value(json_object_get(image, "path"));
	char comm[16];

	snprintf(comm, sizeof(comm), "%.15s", base_name(path ? path : ""));
	params = json_pack("{s:s, s:O, s:b}", "name", *comm ? comm : "program",
			   "image", image, "privileged", r->privileged);
	if (limits)
		json_object_set(params, "rlimits", limits);
	run_ops(r);
	add_op(r, proc, CHECK_SETUP, event, "process.spawn", params);
	run_ops(r);
	proc->pid = r->last;
	proc->fds = fds_new();
	replay_descriptors(r, proc, event);
}

static void replay_exec(struct replay *r, struct proc *proc, json_t *event)
{
	if (proc->pid) {
		add_op(r, proc, CHECK_SETUP, event, "process.exec",
		       json_pack("{s:i, s:O}", "pid", (int)proc->pid, "image",
				 json_object_get(event, "exec")));
		return;
	}
	spawn(r, proc, event);
}

static void replay_touch(struct replay *r, struct proc *proc, json_t *event)
{
	json_t *run;
	size_t i;

	json_array_foreach(json_object_get(event, "touch"), i, run)
		add_op(r, proc, CHECK_TOUCH, event, "mem.touch",
		       json_pack("{s:i, s:O, s:O, s:s}", "pid", (int)proc->pid,
				 "addr", json_array_get(run, 0), "len",
				 json_array_get(run, 1), "access", "write"));
}

static void replay_access(struct replay *r, struct proc *proc, json_t *event)
{
	add_op(r, proc, CHECK_ACCESS, event, "mem.touch",
	       json_pack("{s:i, s:O, s:O}", "pid", (int)proc->pid, "addr",
			 json_object_get(event, "addr"), "access",
			 json_object_get(event, "access")));
}

static void replay_maps(struct replay *r, struct proc *proc, json_t *event)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%ld/maps", proc->pid);
	add_op(r, proc, CHECK_MAPS, event, "proc.read",
	       json_pack("{s:s}", "path", path));
}

static void replay_event(struct replay *r, struct proc *proc, json_t *event)
{
	if (json_object_get(event, "exec"))
		replay_exec(r, proc, event);
	else if (json_object_get(event, "touch"))
		replay_touch(r, proc, event);
	else if (json_object_get(event, "access"))
		replay_access(r, proc, event);
	else if (json_object_get(event, "maps"))
		replay_maps(r, proc, event);
	else if (json_object_get(event, "call"))
		replay_call(r, proc, event);
}

/* ---- who waits ---- */

static void wait_with(struct replay *r, struct proc *proc, json_t *event)
{
	if (!proc->waiting) {
		proc->waiting = json_array();
		proc->next = 0;
		r->waiting++;
	}
	json_array_append(proc->waiting, event);
}

/*
 * The first event that waits, and no more: the others that wait have their turn
 * before the next one. Whether anything went through.
 */
static bool go_on(struct replay *r, struct proc *proc)
{
	const int64_t done = proc->done;
	const size_t begun = proc->begun;

	r->blocked = false;
	replay_event(r, proc, json_array_get(proc->waiting, proc->next));
	if (r->blocked)
		return proc->done != done || proc->begun != begun;
	proc->done = 0;
	proc->begun = 0;
	if (++proc->next == json_array_size(proc->waiting) || proc->pid < 0) {
		json_decref(proc->waiting);
		proc->waiting = NULL;
		r->waiting--;
	}
	return true;
}

static void wake(struct replay *r)
{
	bool progress = true;

	while (progress && r->waiting && !r->stop) {
		progress = false;
		run_ops(r);
		for (size_t i = 1; i <= r->last_proc && r->waiting; i++)
			if (r->procs[i].waiting && r->procs[i].pid > 0)
				progress |= go_on(r, &r->procs[i]);
	}
}

static void next_event(struct replay *r, json_t *event)
{
	const json_int_t p = json_integer_value(json_object_get(event, "p"));
	struct proc *proc = p > 0 && p < PROCS_MAX ? &r->procs[p] : NULL;

	if (proc && (size_t)p > r->last_proc)
		r->last_proc = (size_t)p;
	if (json_object_get(event, "file")) {
		replay_file(r, event);
	} else if (proc && proc->pid >= 0) {
		if (proc->waiting || (!proc->pid && (p > 1 || !json_object_get(
						event, "exec")))) {
			wait_with(r, proc, event);
		} else {
			r->blocked = false;
			replay_event(r, proc, event);
			if (r->blocked)
				wait_with(r, proc, event);
			else
				proc->done = (int64_t)(proc->begun = 0);
		}
	}
	if (r->nr_checks >= 1000)
		run_ops(r);
	if (r->waiting)
		wake(r);
}

/* Those that wait in vain: one difference each. */
static void tell_waiting(struct replay *r)
{
	for (size_t i = 1; i <= r->last_proc; i++) {
		struct proc *proc = &r->procs[i];

		if (proc->waiting && !r->stop)
			differ(r, json_array_get(proc->waiting, proc->next),
			       "goes on", "waits for ever");
		json_decref(proc->waiting);
		fds_put(proc->fds);
	}
}

static void replay_events(struct replay *r, const json_t *events)
{
	json_t *event;
	size_t i;

	json_array_foreach(events, i, event) {
		if (r->stop)
			break;
		next_event(r, event);
	}
	if (!r->stop)
		run_ops(r);
	wake(r);
	tell_waiting(r);
}

/* ---- the machine ---- */

struct options {
	const char *machine, *ram, *file;
	bool keep, json;
};

static json_t *machine_params(const struct options *o, const json_t *head)
{
	json_t *params = json_pack("{s:s, s:s, s:b}", "ram", o->ram, "disk",
				   DISK, "durable", false), *value;
	const char *key;

	if (o->machine)
		json_object_set_new(params, "name", json_string(o->machine));
	json_object_foreach(json_object_get(head, "vm"), key, value)
		json_object_set(params, key, value);
	return params;
}

static int replay_on(const char *server, const char *machine,
		     const struct options *o, const json_t *events)
{
	const json_t *head = json_array_get(events, 0);
	struct replay r = {
		.privileged = json_is_true(json_object_get(head, "privileged")),
		.skips = json_object(), .differences = json_array(),
		.filled = json_object(), .folders = json_object(),
		.procs = calloc(PROCS_MAX, sizeof(struct proc)),
	};
	int status;

	batch_init(&r.batch, server, machine);
	find_filled_files(&r, events);
	replay_events(&r, events);
	report_replay(&r, o->json);
	status = r.batch.failed ? CLI_ERROR : all_agree(&r) ? CLI_OK : CLI_REFUSED;
	batch_free(&r.batch);
	json_decref(r.skips);
	json_decref(r.filled);
	json_decref(r.folders);
	json_decref(r.differences);
	free(r.checks);
	free(r.procs);
	return status;
}

static int replay(const char *server, const struct options *o)
{
	char why[RECORDING_WHY_MAX];
	json_t *events = recording_load(o->file, why), *machine, *gone;
	const char *name;
	int status = CLI_ERROR;

	if (!events) {
		fprintf(stderr, "mmapctl: %s: %s\n", o->file, why);
		return CLI_USAGE;
	}
	machine = ask(server, "machine.create",
		      machine_params(o, json_array_get(events, 0)));
	name = json_string_value(json_object_get(machine, "name"));
	if (name) {
		status = replay_on(server, name, o, events);
		gone = o->keep ? NULL : ask(server, "machine.destroy",
					    json_pack("{s:s}", "machine", name));
		if (o->keep && !o->json)
			printf("machine    %s\n", name);
		json_decref(gone);
	}
	json_decref(machine);
	json_decref(events);
	return status;
}

int replay_command(const char *server, const char *machine, bool json,
		   char **args)
{
	struct options o = { .machine = machine, .ram = RAM, .json = json };

	for (; args[0] && !strncmp(args[0], "--", 2); args++) {
		if (!strcmp(args[0], "--keep"))
			o.keep = true;
		else if (!strcmp(args[0], "--ram") && args[1])
			o.ram = *++args;
		else
			break;
	}
	if (!args[0] || args[1] || !strncmp(args[0], "--", 2)) {
		fprintf(stderr, "usage: mmapctl replay [--keep] [--ram SIZE] FILE\n");
		return CLI_USAGE;
	}
	o.file = args[0];
	return replay(server, &o);
}
