/* SPDX-License-Identifier: MIT */
/* Recorded calls as operations of a machine. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "clients/cli/replay_state.h"

#define COPY_MAX	(1 << 20)	/* of data that only its length is known of */

static json_t *arg(const json_t *event, size_t nr)
{
	return json_array_get(json_object_get(event, "args"), nr);
}

/* A number, however it was written; names are 0. */
static int64_t number(const json_t *value)
{
	if (json_is_string(value))
		return (int64_t)strtoull(json_string_value(value), NULL, 0);
	return json_integer_value(value);
}

static int64_t result_of(const json_t *event)
{
	return number(json_object_get(event, "ret"));
}

static bool starts_as_number(const json_t *value)
{
	const char *text = json_string_value(value);

	return text && *text >= '0' && *text <= '9';
}

/* The argument that has this parameter; -1: the call has none. */
static int position(const struct call *call, const char *param)
{
	for (int i = 0; i < CALL_ARGS && call->args[i]; i++)
		if (call->params[i] && !strcmp(call->params[i], param))
			return i;
	return -1;
}

/* ---- parameters ---- */

static json_t *ranges(const json_t *pieces)
{
	json_t *array = json_array(), *piece;
	size_t i;

	json_array_foreach(pieces, i, piece)
		json_array_append_new(array, json_pack("{s:O, s:O}",
			"base", json_array_get(piece, 0),
			"len", json_array_get(piece, 1)));
	return array;
}

/* An argument as a parameter; NULL: it is left out. */
static json_t *parameter(const struct call *call, int nr, json_t *value)
{
	if (!value || json_is_null(value) || json_is_object(value))
		return NULL;
	if (call->args[nr] == 'v')
		return ranges(value);
	if (call->args[nr] == 'f' && starts_as_number(value))
		return json_integer(number(value));
	return json_incref(value);
}

/* All parameters that are arguments. */
static json_t *parameters(const struct call *call, const struct proc *proc,
			  const json_t *event)
{
	json_t *params = json_pack("{s:i}", "pid", (int)proc->pid), *value;

	for (int i = 0; i < CALL_ARGS && call->args[i]; i++) {
		if (!call->params[i] || !*call->params[i])
			continue;
		value = parameter(call, i, arg(event, (size_t)i));
		if (value)
			json_object_set_new(params, call->params[i], value);
	}
	return params;
}

/* A write whose bytes only their count is known of: as many, all the same. */
static void invent_data(json_t *params)
{
	const int64_t count = number(json_object_get(params, "count"));
	char *data;

	if (json_object_get(params, "buf") || count < 0 || count > COPY_MAX)
		return;
	data = malloc((size_t)count + 1);
	if (!data)
		return;
	memset(data, '.', (size_t)count);
	json_object_set_new(params, "data", json_stringn(data, (size_t)count));
	json_object_del(params, "count");
	free(data);
}

static void plain(struct replay *r, struct proc *proc, const struct call *call,
		  json_t *event)
{
	json_t *params = parameters(call, proc, event);

	if (!strcmp(call->method, "sys.write") ||
	    !strcmp(call->method, "sys.pwrite"))
		invent_data(params);
	add_op(r, proc, CHECK_RESULT, event, call->method, params);
}

/* ---- what may have to wait ---- */

static enum fd_kind kind_of(const struct proc *proc, const struct call *call,
			    const json_t *event, const char *param)
{
	const int at = position(call, param);

	return at < 0 ? FD_NONE
		      : fds_get(proc->fds, (long)number(arg(event, (size_t)at)));
}

/* What is left of a write to a pipe, part of which went through. */
static void rest_of_write(struct proc *proc, json_t *params)
{
	const json_t *buf = json_object_get(params, "buf");
	char text[24];

	if (!proc->done)
		return;
	snprintf(text, sizeof(text), "0x%llx",
		 (unsigned long long)(number(buf) + proc->done));
	json_object_set_new(params, "buf", json_string(text));
	json_object_set_new(params, "count", json_integer(
		number(json_object_get(params, "count")) - proc->done));
}

/* As much of a write as there is room for; what the sum lacks comes later. */
static void write_part(struct replay *r, struct proc *proc,
		       const struct call *call, json_t *event, int64_t room)
{
	json_t *params = parameters(call, proc, event);

	rest_of_write(proc, params);
	json_object_set_new(params, "count", json_integer(room));
	proc->done += room;
	add_op(r, proc, CHECK_NOTHING, event, call->method, params);
	run_ops(r);
}

/* Alone in its request: whether it blocks is to be known before the next. */
static void on_pipe(struct replay *r, struct proc *proc,
		    const struct call *call, json_t *event)
{
	json_t *params = parameters(call, proc, event);
	const bool writes = !strcmp(call->method, "sys.write");

	run_ops(r);
	if (writes && json_object_get(params, "buf"))
		rest_of_write(proc, params);
	else if (writes)
		invent_data(params);
	r->sum = proc->done;
	add_op(r, proc, CHECK_RESULT, event, call->method, params);
	run_ops(r);
	r->sum = 0;
	if (r->blocked && writes && r->room_left > 0) {
		write_part(r, proc, call, event, r->room_left);
		r->blocked = true;
	}
}

static void on_fd(struct replay *r, struct proc *proc, const struct call *call,
		  json_t *event)
{
	const enum fd_kind kind = kind_of(proc, call, event, "fd");

	if (kind == FD_OTHER)
		skip(r, call->name);
	else if (kind == FD_PIPE && call->blocks)
		on_pipe(r, proc, call, event);
	else
		plain(r, proc, call, event);
}

static void on_two_fds(struct replay *r, struct proc *proc,
		       const struct call *call, json_t *event)
{
	const enum fd_kind in = kind_of(proc, call, event, "fd_in");
	const enum fd_kind out = kind_of(proc, call, event, "fd_out");
	const bool copies = !strcmp(call->name, "copy_file_range");

	if (in == FD_OTHER || out == FD_OTHER || (copies && result_of(event) <= 0))
		skip(r, call->name);
	else if (in == FD_PIPE || out == FD_PIPE)
		on_pipe(r, proc, call, event);
	else
		plain(r, proc, call, event);
}

static int64_t piece_length(const json_t *event, size_t nr)
{
	return number(json_array_get(json_array_get(arg(event, 1), nr), 1));
}

static json_t *piece_params(const struct proc *proc, const struct call *call,
			    const json_t *event, size_t nr)
{
	const json_t *piece = json_array_get(arg(event, 1), nr);
	json_t *buf = json_array_get(piece, 0);
	json_t *params = json_pack("{s:i, s:O, s:O}", "pid", (int)proc->pid,
				   "fd", arg(event, 0), "count",
				   json_array_get(piece, 1));

	if (json_is_string(buf))
		json_object_set(params, "buf", buf);
	else if (!strcmp(call->method, "sys.write") ||
		 !strcmp(call->method, "sys.pwrite"))
		invent_data(params);
	return params;
}

/* Piece by piece, as far as the pipe lets it. */
static void pieces_of_pipe(struct replay *r, struct proc *proc,
			   const struct call *call, json_t *event)
{
	const size_t nr = json_array_size(arg(event, 1));
	json_t *result;

	run_ops(r);
	for (; proc->begun < nr; proc->begun++) {
		json_t *params = piece_params(proc, call, event, proc->begun);
		const int64_t count = piece_length(event, proc->begun);

		add_op(r, proc, CHECK_NOTHING, event, call->method, params);
		run_ops(r);
		if (r->blocked && (!proc->done || !strcmp(call->method, "sys.write")))
			return;
		if (r->blocked || r->last < 0) {
			proc->done = proc->done ? proc->done : r->last;
			break;
		}
		proc->done += r->last;
		if (r->last < count)
			break;
	}
	r->blocked = false;
	result = json_pack("{s:I}", "ret", (json_int_t)proc->done);
	hold_against(r, &(struct check){ CHECK_RESULT, event, proc }, result);
	json_decref(result);
}

/* One read or write a piece: what they move adds up. */
static void on_vector(struct replay *r, struct proc *proc,
		      const struct call *call, json_t *event)
{
	const size_t nr = json_array_size(arg(event, 1));
	const enum fd_kind kind = kind_of(proc, call, event, "fd");
	int64_t offset = number(arg(event, 3));

	if (kind == FD_OTHER || !nr || kind == FD_NONE) {
		skip(r, call->name);
		return;
	}
	if (kind == FD_PIPE) {
		pieces_of_pipe(r, proc, call, event);
		return;
	}
	for (size_t i = 0; i < nr; i++) {
		json_t *params = piece_params(proc, call, event, i);

		if (position(call, "offset") >= 0)
			json_object_set_new(params, "offset",
					    json_integer(offset));
		offset += piece_length(event, i);
		add_op(r, proc, i + 1 < nr ? CHECK_PART : CHECK_RESULT, event,
		       call->method, params);
	}
}

static void on_mmap(struct replay *r, struct proc *proc,
		    const struct call *call, json_t *event)
{
	const char *names = json_string_value(arg(event, 3));
	const bool anonymous = starts_as_number(arg(event, 3))
				       ? number(arg(event, 3)) & MAP_ANONYMOUS
				       : names && strstr(names, "MAP_ANON");

	if (!anonymous && kind_of(proc, call, event, "fd") == FD_OTHER)
		skip(r, "mmap of what is not simulated");
	else
		plain(r, proc, call, event);
}

/* ---- descriptors ---- */

/* /dev/null instead, closed by an exec where the other was. */
static void placeholder(struct replay *r, struct proc *proc, json_t *event,
			enum check_kind kind, const json_t *flags)
{
	const char *names = json_string_value(flags);
	const bool cloexec = starts_as_number(flags)
				     ? number(flags) & O_CLOEXEC
				     : names && strstr(names, "O_CLOEXEC");

	add_op(r, proc, kind, event, "sys.open",
	       json_pack("{s:i, s:s, s:i}", "pid", (int)proc->pid, "path",
			 "/dev/null", "flags",
			 cloexec ? O_RDWR | O_CLOEXEC : O_RDWR));
}

static bool creates(const json_t *flags)
{
	const char *names = json_string_value(flags);

	return names && !starts_as_number(flags) ? strstr(names, "O_CREAT") != NULL
						 : number(flags) & O_CREAT;
}

/* A folder that a file was made in: a file beside it, made once. */
static void make_folder(struct replay *r, struct proc *proc, json_t *event,
			const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	char beside[PATH_MAX];

	if (!slash || slash == path ||
	    snprintf(beside, sizeof(beside), "%.*s/.folder", (int)(slash - path),
		     path) >= (int)sizeof(beside) ||
	    json_object_get(r->folders, beside))
		return;
	json_object_set_new(r->folders, beside, json_true());
	add_op(r, proc, CHECK_NOTHING, event, "file.create",
	       json_pack("{s:s}", "path", beside));
}

static void on_open(struct replay *r, struct proc *proc,
		    const struct call *call, json_t *event)
{
	const int64_t fd = result_of(event);
	const size_t nr = strlen(call->args);
	const char *kind = json_string_value(arg(event, nr));
	json_t *params;

	if (kind && !strcmp(kind, "other")) {
		skip(r, "open of what is not simulated");
		if (fd < 0)
			return;
		placeholder(r, proc, event, CHECK_RESULT,
			    arg(event, (size_t)position(call, "path") + 1));
		fds_set(proc->fds, fd, FD_OTHER);
		return;
	}
	params = parameters(call, proc, event);
	if (!strcmp(call->name, "creat"))
		json_object_set_new(params, "flags", json_integer(
			O_CREAT | O_WRONLY | O_TRUNC));
	if (fd >= 0 && creates(json_object_get(params, "flags")))
		make_folder(r, proc, event, json_string_value(
			json_object_get(params, "path")));
	add_op(r, proc, CHECK_RESULT, event, call->method, params);
	if (fd >= 0)
		fds_set(proc->fds, fd, FD_FILE);
}

static void close_fd(struct replay *r, struct proc *proc, json_t *event, long fd)
{
	add_op(r, proc, CHECK_NOTHING, event, "sys.close",
	       json_pack("{s:i, s:i}", "pid", (int)proc->pid, "fd", (int)fd));
	fds_set(proc->fds, fd, FD_NONE);
}

static void on_close(struct replay *r, struct proc *proc,
		     const struct call *call, json_t *event)
{
	plain(r, proc, call, event);
	if (!result_of(event))
		fds_set(proc->fds, (long)number(arg(event, 0)), FD_NONE);
}

/* What is open of a range; its flags leave it open. */
static void on_close_range(struct replay *r, struct proc *proc, json_t *event)
{
	const int64_t last = number(arg(event, 1)) & UINT32_MAX;
	long fd = fds_next(proc->fds, (long)number(arg(event, 0)));

	skip(r, "close_range");
	if (number(arg(event, 2)) || result_of(event))
		return;
	for (; fd >= 0 && fd <= last; fd = fds_next(proc->fds, fd + 1))
		close_fd(r, proc, event, fd);
}

static void on_dup(struct replay *r, struct proc *proc, const struct call *call,
		   json_t *event)
{
	const enum fd_kind kind = kind_of(proc, call, event, "fd");

	plain(r, proc, call, event);
	if (result_of(event) >= 0)
		fds_set(proc->fds, (long)result_of(event),
			kind == FD_NONE ? FD_FILE : kind);
}

/* dup2, dup3: close what is there, then the lowest number not below it. */
static void on_dup2(struct replay *r, struct proc *proc, json_t *event)
{
	const long from = (long)number(arg(event, 0));
	const long to = (long)number(arg(event, 1));
	const enum fd_kind kind = fds_get(proc->fds, from);
	const json_t *flags = arg(event, 2);
	const char *names = json_string_value(flags);
	const bool cloexec = starts_as_number(flags)
				     ? number(flags) & O_CLOEXEC
				     : names && strstr(names, "O_CLOEXEC");

	if (from == to || (result_of(event) < 0 && kind != FD_NONE)) {
		skip(r, "dup2");
		return;
	}
	if (result_of(event) >= 0)
		close_fd(r, proc, event, to);
	add_op(r, proc, CHECK_RESULT, event, "sys.fcntl",
	       json_pack("{s:i, s:i, s:i, s:i}", "pid", (int)proc->pid, "fd",
			 (int)from, "cmd", cloexec ? F_DUPFD_CLOEXEC : F_DUPFD,
			 "arg", (int)to));
	if (result_of(event) >= 0)
		fds_set(proc->fds, to, kind == FD_NONE ? FD_FILE : kind);
}

/* The commands of fcntl that a machine has. */
static int fcntl_command(const json_t *value)
{
	static const struct {
		const char *name;
		int number;
	} commands[] = {
		{ "F_DUPFD", F_DUPFD }, { "F_GETFD", F_GETFD },
		{ "F_SETFD", F_SETFD }, { "F_GETFL", F_GETFL },
		{ "F_SETFL", F_SETFL }, { "F_DUPFD_CLOEXEC", F_DUPFD_CLOEXEC },
		{ "F_SETPIPE_SZ", F_SETPIPE_SZ },
		{ "F_GETPIPE_SZ", F_GETPIPE_SZ },
		{ "F_ADD_SEALS", F_ADD_SEALS }, { "F_GET_SEALS", F_GET_SEALS },
	};
	const char *name = json_string_value(value);

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (name && !starts_as_number(value)
			    ? !strcmp(name, commands[i].name)
			    : number(value) == commands[i].number)
			return commands[i].number;
	return -1;
}

static void on_fcntl(struct replay *r, struct proc *proc,
		     const struct call *call, json_t *event)
{
	const int command = fcntl_command(arg(event, 1));
	const bool dups = command == F_DUPFD || command == F_DUPFD_CLOEXEC;

	if (command < 0 || (kind_of(proc, call, event, "fd") == FD_OTHER &&
			    !dups && command != F_GETFD && command != F_SETFD))
		skip(r, "fcntl");
	else if (dups)
		on_dup(r, proc, call, event);
	else
		plain(r, proc, call, event);
}

static void on_pipe_made(struct replay *r, struct proc *proc,
			 const struct call *call, json_t *event)
{
	const json_t *pair = arg(event, 0);

	plain(r, proc, call, event);
	for (size_t i = 0; !result_of(event) && i < json_array_size(pair); i++)
		fds_set(proc->fds, (long)number(json_array_get(pair, i)),
			FD_PIPE);
}

static void on_new_fd(struct replay *r, struct proc *proc,
		      const struct call *call, json_t *event)
{
	skip(r, call->name);
	if (result_of(event) < 0)
		return;
	placeholder(r, proc, event, CHECK_RESULT, arg(event, 0));
	fds_set(proc->fds, (long)result_of(event), FD_OTHER);
}

static void on_new_pair(struct replay *r, struct proc *proc,
			const struct call *call, json_t *event)
{
	const json_t *pair = arg(event, strlen(call->args) - 1);

	skip(r, call->name);
	for (size_t i = 0; !result_of(event) && i < json_array_size(pair); i++) {
		placeholder(r, proc, event, CHECK_SETUP, NULL);
		fds_set(proc->fds, (long)number(json_array_get(pair, i)),
			FD_OTHER);
	}
}

void replay_descriptors(struct replay *r, struct proc *proc, json_t *event)
{
	json_t *fd;
	size_t i;

	for (long n = 0; n < 3; n++)
		fds_set(proc->fds, n, FD_FILE);
	json_array_foreach(json_object_get(event, "fds"), i, fd) {
		const json_t *path = json_object_get(fd, "path");
		const char *kind = json_string_value(json_object_get(fd, "kind"));
		const long nr = (long)number(json_object_get(fd, "fd"));
		const int64_t flags = number(json_object_get(fd, "flags"));

		if (kind && !strcmp(kind, "other")) {
			fds_set(proc->fds, nr, FD_OTHER);
			continue;
		}
		if (!json_is_string(path) ||
		    !strcmp(json_string_value(path), "/dev/null"))
			continue;
		close_fd(r, proc, event, nr);
		add_op(r, proc, CHECK_SETUP, event, "sys.open",
		       json_pack("{s:i, s:O, s:I}", "pid", (int)proc->pid,
				 "path", path, "flags", (json_int_t)(flags &
				 ~(int64_t)(O_CREAT | O_EXCL | O_TRUNC))));
		fds_set(proc->fds, nr, FD_FILE);
	}
}

/* ---- processes ---- */

static void on_fork(struct replay *r, struct proc *proc,
		    const struct call *call, json_t *event)
{
	const char *flags = json_string_value(arg(event, 0));
	const int64_t nr = result_of(event);
	struct proc *child = nr > 0 && nr < PROCS_MAX ? &r->procs[nr] : NULL;

	if (!child || child->pid || child->fds) {
		skip(r, call->name);
		return;
	}
	add_op(r, proc, CHECK_FORK, event, call->method,
	       json_pack("{s:i, s:s}", "pid", (int)proc->pid, "flags",
			 flags ? flags : ""));
	child->fds = flags && strstr(flags, "CLONE_FILES")
			     ? fds_share(proc->fds) : fds_copy(proc->fds);
	if ((size_t)nr > r->last_proc)
		r->last_proc = (size_t)nr;
	run_ops(r);
}

static void on_exit_call(struct replay *r, struct proc *proc,
			 const struct call *call, json_t *event)
{
	add_op(r, proc, CHECK_RESULT, event, call->method,
	       json_pack("{s:i, s:O}", "pid", (int)proc->pid, "status",
			 arg(event, 0)));
	run_ops(r);
	proc->pid = -1;
	fds_put(proc->fds);
	proc->fds = NULL;
}

/* Only where it sets limits of the caller. */
static void on_limit(struct replay *r, struct proc *proc,
		     const struct call *call, json_t *event)
{
	const bool short_form = call->args[0] == 'f';
	const json_t *limits = arg(event, short_form ? 1 : 2);
	json_t *params;

	if (!json_is_array(limits) || (!short_form && number(arg(event, 0)))) {
		skip(r, call->name);
		return;
	}
	params = parameters(call, proc, event);
	json_object_set(params, "soft", json_array_get(limits, 0));
	json_object_set(params, "hard", json_array_get(limits, 1));
	add_op(r, proc, CHECK_RESULT, event, call->method, params);
}

void replay_call(struct replay *r, struct proc *proc, json_t *event)
{
	const char *name = json_string_value(json_object_get(event, "call"));
	const struct call *call = call_by_name(name, strlen(name));

	if (!call) {
		skip(r, name);
		return;
	}
	switch (call->kind) {
	case CALL_PLAIN:
		plain(r, proc, call, event);
		break;
	case CALL_FD:
		on_fd(r, proc, call, event);
		break;
	case CALL_MMAP:
		on_mmap(r, proc, call, event);
		break;
	case CALL_OPEN:
		on_open(r, proc, call, event);
		break;
	case CALL_CLOSE:
		on_close(r, proc, call, event);
		break;
	case CALL_CLOSE_RANGE:
		on_close_range(r, proc, event);
		break;
	case CALL_DUP:
		on_dup(r, proc, call, event);
		break;
	case CALL_DUP2:
		on_dup2(r, proc, event);
		break;
	case CALL_FCNTL:
		on_fcntl(r, proc, call, event);
		break;
	case CALL_PIPE:
		on_pipe_made(r, proc, call, event);
		break;
	case CALL_VECTOR:
		on_vector(r, proc, call, event);
		break;
	case CALL_TWO_FDS:
		on_two_fds(r, proc, call, event);
		break;
	case CALL_NEW_FD:
		on_new_fd(r, proc, call, event);
		break;
	case CALL_NEW_PAIR:
		on_new_pair(r, proc, call, event);
		break;
	case CALL_FORK:
		on_fork(r, proc, call, event);
		break;
	case CALL_EXIT:
		on_exit_call(r, proc, call, event);
		break;
	case CALL_LIMIT:
		on_limit(r, proc, call, event);
		break;
	}
}
