/* SPDX-License-Identifier: MIT */
/*
 * A loop of ptrace(2) around a program: every call that the table of calls.c
 * knows becomes a line with its arguments and its result. strace tells as much
 * of the calls; what only a tracer of our own can add is between them: which
 * anonymous pages were touched since the last call that changes the layout
 * (they decide how VMAs merge, and how far the stack grows), and the maps of
 * a process at its very end.
 *
 * Processes run side by side, their calls as lines one after another: so a call
 * begins only when no other is on its way but those that sleep, and the order of
 * the lines is the order in which the kernel began them. A line is known when its
 * call comes back, so lines queue up behind those of calls that sleep.
 */
#include "clients/cli/record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clients/cli/calls.h"
#include "clients/cli/elf.h"
#include "clients/cli/tracee.h"
#include "clients/cli/transport.h"

#define TASKS_MAX	512
#define VECTOR_MAX	1024
#define ERESTARTSYS	512	/* to 516: the call begins again, or not at all */
#define OPTIONS		(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |		\
			 PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |		\
			 PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT |		\
			 PTRACE_O_EXITKILL)

/* An address space, and the anonymous pages that are told already. */
struct space {
	struct page_set pages;
	int users;
};

struct task {
	pid_t pid;		/* 0: the slot is free */
	int nr;			/* its number in the file; 0: parent not told */
	struct space *space;
	bool stopped;		/* a new one, whose parent is not told yet */
	bool on_its_way;	/* in a call of the table, or in its exit */
	bool parked, at_exit;	/* waits to begin a call, or to end */
	const struct call *call;
	uint64_t args[CALL_ARGS];
	json_t *told;		/* the arguments as the line will have them */
	struct stat before;	/* of the file that is being opened */
	bool existed;
	size_t place;		/* of its line in the queue; 0: none is kept */
};

/* Lines in the order of their calls. */
struct queue {
	struct place {
		json_t *lines;
		bool known;
	} *places;
	size_t first, end, room;	/* of places, counted from 1 */
};

struct recorder {
	FILE *out;
	struct queue queue;
	struct place *into;	/* where lines go; NULL: behind all others */
	struct task tasks[TASKS_MAX];
	int nr_parked;
	json_t *files;		/* paths whose size is told */
	int nr_tasks;		/* numbers given so far */
	unsigned long skipped;
	bool begun, failed;
};

/* ---- lines ---- */

static struct place *place_at(struct recorder *r, size_t nr)
{
	return &r->queue.places[nr - 1];
}

static size_t new_place(struct recorder *r, bool known)
{
	struct queue *q = &r->queue;

	if (q->end == q->room) {
		q->room = q->room ? 2 * q->room : 1024;
		q->places = realloc(q->places, q->room * sizeof(*q->places));
		if (!q->places)
			abort();
	}
	q->places[q->end++] = (struct place){ json_array(), known };
	return q->end;
}

static void write_place(struct recorder *r, struct place *place)
{
	json_t *line;
	size_t i;

	json_array_foreach(place->lines, i, line) {
		if (json_dumpf(line, r->out, JSON_COMPACT))
			r->failed = true;
		fputc('\n', r->out);
	}
	json_decref(place->lines);
}

/* What no unknown line stands before. */
static void write_known(struct recorder *r)
{
	struct queue *q = &r->queue;

	while (q->first < q->end && q->places[q->first].known)
		write_place(r, &q->places[q->first++]);
	if (q->first == q->end)
		q->first = q->end = 0;
}

static void emit(struct recorder *r, json_t *line)
{
	struct place *place = r->into ? r->into
				      : place_at(r, new_place(r, true));

	if (!line || json_array_append_new(place->lines, line))
		r->failed = true;
	if (!r->into)
		write_known(r);
}

/* Lines of @t's call go where it began. */
static void go_to_place(struct recorder *r, struct task *t)
{
	r->into = t->place ? place_at(r, t->place) : NULL;
}

static void leave_place(struct recorder *r, struct task *t)
{
	r->into = NULL;
	if (!t->place)
		return;
	place_at(r, t->place)->known = true;
	t->place = 0;
	write_known(r);
}

static json_t *hex(uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	return json_string(text);
}

/* ---- tasks and spaces ---- */

static struct task *task_of(struct recorder *r, pid_t pid)
{
	struct task *unused = NULL;

	for (int i = 0; i < TASKS_MAX; i++) {
		if (r->tasks[i].pid == pid)
			return &r->tasks[i];
		if (!r->tasks[i].pid && !unused)
			unused = &r->tasks[i];
	}
	if (unused)
		*unused = (struct task){ .pid = pid };
	else
		r->failed = true;
	return unused;
}

static void drop_space(struct space *space)
{
	if (!space || --space->users)
		return;
	free(space->pages.runs);
	free(space);
}

/* A space with the pages of @from, or with none. */
static struct space *new_space(const struct space *from)
{
	struct space *space = calloc(1, sizeof(*space));

	if (!space)
		abort();
	space->users = 1;
	if (!from || !from->pages.nr)
		return space;
	space->pages.runs = calloc(from->pages.nr, sizeof(struct page_run));
	if (!space->pages.runs)
		abort();
	memcpy(space->pages.runs, from->pages.runs,
	       from->pages.nr * sizeof(struct page_run));
	space->pages.nr = from->pages.nr;
	return space;
}

/* Look at the pages again; @tell: a line of those that are new. */
static void look_at_pages(struct recorder *r, struct task *t, bool tell)
{
	struct page_set now = { NULL, 0 };
	json_t *gained = NULL;

	if (!tracee_anon_pages(t->pid, &now)) {
		free(now.runs);
		return;
	}
	if (tell)
		gained = pages_gained(&t->space->pages, &now);
	if (gained)
		emit(r, json_pack("{s:i, s:o}", "p", t->nr, "touch", gained));
	free(t->space->pages.runs);
	t->space->pages = now;
}

/* ---- files ---- */

static void tell_file(struct recorder *r, const char *path,
		      const struct stat *st)
{
	json_t *name = json_text(path, strlen(path));

	if (!json_object_get(r->files, json_string_value(name))) {
		json_object_set_new(r->files, json_string_value(name),
				    json_true());
		emit(r, json_pack("{s:O, s:I, s:i}", "file", name, "size",
				  (json_int_t)st->st_size, "mode",
				  (int)(st->st_mode & 07777)));
	}
	json_decref(name);
}

static void tell_image_file(struct recorder *r, const json_t *image)
{
	const char *path = json_string_value(json_object_get(image, "path"));
	struct stat st;

	if (path && !stat(path, &st))
		tell_file(r, path, &st);
	if (json_object_get(image, "interp"))
		tell_image_file(r, json_object_get(image, "interp"));
}

/* Whether the machine has files of that kind. */
static bool is_simulated(const char *path, const struct stat *st)
{
	return !strcmp(path, "/dev/null") || !strcmp(path, "/dev/zero") ||
	       (S_ISREG(st->st_mode) && strncmp(path, "/proc/", 6) &&
		strncmp(path, "/sys/", 5));
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* {fd, path, kind, flags} of an open descriptor; NULL: there is none. */
static json_t *tell_descriptor(pid_t pid, int fd, struct stat *st)
{
	char name[32], path[PATH_MAX], file[64];
	bool simulated;
	size_t len;
	char *info, *flags;
	json_t *line;

	snprintf(name, sizeof(name), "fd/%d", fd);
	tracee_link(pid, name, path);
	snprintf(file, sizeof(file), "/proc/%d/%s", (int)pid, name);
	if (!*path || stat(file, st))
		return NULL;
	simulated = is_simulated(path, st);
	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	info = tracee_file(pid, name, &len);
	flags = info ? strstr(info, "flags:") : NULL;
	line = json_pack("{s:i, s:o, s:s, s:o}", "fd", fd, "path",
			 json_text(path, strlen(path)), "kind",
			 simulated ? "file" : "other", "flags",
			 hex(flags ? strtoull(flags + 6, NULL, 8) : 0));
	free(info);
	return line;
}

/* ---- exec ---- */

static json_t *tell_limits(pid_t pid)
{
	static const struct {
		const char *name;
		int resource;
	} limits[] = {
		{ "RLIMIT_STACK", RLIMIT_STACK }, { "RLIMIT_AS", RLIMIT_AS },
		{ "RLIMIT_DATA", RLIMIT_DATA }, { "RLIMIT_FSIZE", RLIMIT_FSIZE },
		{ "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
		{ "RLIMIT_NOFILE", RLIMIT_NOFILE },
	};
	json_t *object = json_object();
	struct rlimit limit;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (!prlimit(pid, limits[i].resource, NULL, &limit))
			json_object_set_new(object, limits[i].name,
				json_pack("{s:o, s:o}", "soft",
					  hex(limit.rlim_cur), "hard",
					  hex(limit.rlim_max)));
	return object;
}

/* What a program finds when it begins. */
static void tell_beginning(struct recorder *r, struct task *t, json_t *line)
{
	json_t *fds = json_array(), *fd;
	struct stat st;

	for (int i = 0; i < 3; i++) {
		fd = tell_descriptor(t->pid, i, &st);
		if (!fd)
			continue;
		json_array_append_new(fds, fd);
		if (!strcmp(text_of(fd, "kind"), "file") && S_ISREG(st.st_mode))
			tell_file(r, text_of(fd, "path"), &st);
	}
	json_object_set_new(line, "limits", tell_limits(t->pid));
	json_object_set_new(line, "fds", fds);
}

static void on_exec(struct recorder *r, struct task *t)
{
	char path[PATH_MAX], why[ELF_WHY_MAX];
	json_t *image, *line;

	tracee_link(t->pid, "exe", path);
	image = elf_image_of_file(path, why);
	if (!image) {
		fprintf(stderr, "mmapctl: %s: %s\n", path, why);
		r->failed = true;
		return;
	}
	if (!r->begun)
		t->nr = ++r->nr_tasks;
	json_object_set_new(image, "args", tracee_strings(t->pid, "cmdline"));
	json_object_set_new(image, "env", tracee_strings(t->pid, "environ"));
	tell_image_file(r, image);
	line = json_pack("{s:i, s:o}", "p", t->nr, "exec", image);
	if (!r->begun)
		tell_beginning(r, t, line);
	emit(r, line);
	drop_space(t->space);
	t->space = new_space(NULL);
	look_at_pages(r, t, false);
	r->begun = true;
}

/* ---- arguments ---- */

static json_t *tell_vector(pid_t pid, uint64_t addr, uint64_t nr)
{
	struct iovec pieces[VECTOR_MAX];
	json_t *array = json_array();

	if (nr > VECTOR_MAX || !tracee_read(pid, addr, pieces, nr * sizeof(*pieces)))
		return array;
	for (uint64_t i = 0; i < nr; i++)
		json_array_append_new(array, json_pack("[o, I]",
			hex((uintptr_t)pieces[i].iov_base),
			(json_int_t)pieces[i].iov_len));
	return array;
}

static json_t *tell_path(struct task *t, int nr)
{
	const bool at = nr && t->call->args[nr - 1] == 'd';
	const int dirfd = at ? (int)t->args[nr - 1] : AT_FDCWD;
	char path[PATH_MAX + 1], whole[PATH_MAX];

	if (!tracee_string(t->pid, t->args[nr], path))
		return json_null();
	tracee_path(t->pid, dirfd, path, whole);
	t->existed = !stat(whole, &t->before);
	return json_text(whole, strlen(whole));
}

static json_t *tell_pair(pid_t pid, uint64_t addr, char letter)
{
	int64_t offset;
	uint64_t limit[2];
	int fds[2];

	if (letter == 'o' && addr && tracee_read(pid, addr, &offset, 8))
		return json_integer(offset);
	if (letter == '2' && tracee_read(pid, addr, fds, sizeof(fds)))
		return json_pack("[i, i]", fds[0], fds[1]);
	if (letter == 'r' && addr && tracee_read(pid, addr, limit, sizeof(limit)))
		return json_pack("[o, o]", hex(limit[0]), hex(limit[1]));
	return json_null();
}

static json_t *tell_argument(struct task *t, int nr)
{
	const uint64_t value = t->args[nr];
	char text[PATH_MAX + 1];

	switch (t->call->args[nr]) {
	case 'x':
		return hex(value);
	case 'f':
		return hex(value & UINT32_MAX);
	case 'd':
		return json_integer((int)value);
	case 'l':
		return json_integer((json_int_t)value);
	case 'p':
		return tell_path(t, nr);
	case 'n':
		return tracee_string(t->pid, value, text)
			       ? json_text(text, strlen(text)) : json_null();
	case 'v':
		return tell_vector(t->pid, value, t->args[nr + 1]);
	case 'o':
	case 'r':
		return tell_pair(t->pid, value, t->call->args[nr]);
	default:
		return json_null();
	}
}

/* fork, vfork, clone, clone3: the flags that the machine knows, by name. */
static json_t *tell_clone_flags(struct task *t)
{
	uint64_t flags = 0;
	char names[64];

	if (!strcmp(t->call->name, "vfork"))
		flags = CLONE_VM | CLONE_VFORK;
	else if (!strcmp(t->call->name, "clone"))
		flags = t->args[0];
	else if (!strcmp(t->call->name, "clone3"))
		tracee_read(t->pid, t->args[0], &flags, sizeof(flags));
	snprintf(names, sizeof(names), "%s%s%s",
		 flags & CLONE_VM ? "CLONE_VM|" : "",
		 flags & CLONE_VFORK ? "CLONE_VFORK|" : "",
		 flags & CLONE_FILES ? "CLONE_FILES|" : "");
	if (*names)
		names[strlen(names) - 1] = '\0';
	return json_pack("[s]", names);
}

/* ---- calls ---- */

/* Whether it matters to the call which pages are there. */
static bool changes_layout(const struct call *call)
{
	return call && (call->kind == CALL_FORK || call->kind == CALL_MMAP ||
			call->kind == CALL_EXIT || call->args[0] == 'x' ||
			!strncmp(call->name, "mlock", 5));
}

static void resume(struct recorder *r, struct task *t, int signal)
{
	t->stopped = false;
	if (ptrace(PTRACE_SYSCALL, t->pid, NULL, (void *)(intptr_t)signal) &&
	    errno != ESRCH)
		r->failed = true;
}

static void begin_call(struct recorder *r, struct task *t)
{
	if (changes_layout(t->call))
		look_at_pages(r, t, true);
	if (t->call) {
		t->on_its_way = true;
		t->existed = false;
		t->place = t->call->blocks ? new_place(r, false) : 0;
		t->told = t->call->kind == CALL_FORK ? tell_clone_flags(t)
						     : json_array();
		for (int i = 0; t->call->kind != CALL_FORK && t->call->args[i]; i++)
			json_array_append_new(t->told, tell_argument(t, i));
	}
	resume(r, t, 0);
}

/* The last of a process: its maps, while nobody changes them. */
static void tell_end(struct recorder *r, struct task *t)
{
	unsigned long status = 0;

	ptrace(PTRACE_GETEVENTMSG, t->pid, NULL, &status);
	leave_place(r, t);
	t->on_its_way = true;
	if (t->nr) {
		look_at_pages(r, t, true);
		emit(r, json_pack("{s:i, s:o}", "p", t->nr, "maps",
				  tracee_maps(t->pid)));
		emit(r, json_pack("{s:i, s:s, s:[i], s:i}", "p", t->nr, "call",
				  "exit_group", "args", (int)(status >> 8) & 255,
				  "ret", 0));
	}
	resume(r, t, 0);
}

/* ---- one after the other ---- */

/* Whether any call is on its way that does not sleep. */
static bool is_busy(struct recorder *r)
{
	for (int i = 0; i < TASKS_MAX; i++) {
		const struct task *t = &r->tasks[i];

		if (!t->pid || !t->on_its_way || t->parked)
			continue;
		switch (tracee_state(t->pid)) {
		case 'Z':
		case 'X':
			break;
		case 'S':
			if (t->call && t->call->blocks)
				break;
			return true;
		default:
			return true;
		}
	}
	return false;
}

static void start(struct recorder *r, struct task *t)
{
	if (t->at_exit)
		tell_end(r, t);
	else
		begin_call(r, t);
}

/* Begin it, or let it wait until it may. */
static void start_or_park(struct recorder *r, struct task *t)
{
	if (!is_busy(r)) {
		start(r, t);
		return;
	}
	t->parked = true;
	r->nr_parked++;
}

static void start_parked(struct recorder *r)
{
	for (int i = 0; i < TASKS_MAX && r->nr_parked && !is_busy(r); i++) {
		struct task *t = &r->tasks[i];

		if (!t->pid || !t->parked)
			continue;
		t->parked = false;
		r->nr_parked--;
		start(r, t);
	}
}

static void enter_call(struct recorder *r, struct task *t,
		       const struct __ptrace_syscall_info *info)
{
	if (info->arch != AUDIT_ARCH_X86_64) {
		fprintf(stderr, "mmapctl: only 64-bit programs can be recorded\n");
		r->failed = true;
	}
	for (int i = 0; i < CALL_ARGS; i++)
		t->args[i] = info->entry.args[i];
	t->call = r->begun && t->nr ? call_by_nr((long)info->entry.nr) : NULL;
	r->skipped += r->begun && !t->call;
	if (t->call)
		start_or_park(r, t);
	else
		begin_call(r, t);
}

static void emit_call(struct recorder *r, struct task *t, json_t *result,
		      const char *error)
{
	json_t *line = json_pack("{s:i, s:s, s:o, s:o}", "p", t->nr, "call",
				 t->call->name, "args", t->told, "ret", result);

	t->told = NULL;
	if (error)
		json_object_set_new(line, "errno", json_string(error));
	emit(r, line);
}

/* What an open led to, or might have: the file's own path, or its kind. */
static void tell_opened(struct recorder *r, struct task *t, int64_t ret)
{
	const size_t at = t->call->args[0] == 'd';
	const char *asked = json_string_value(json_array_get(t->told, at));
	struct stat st;
	json_t *opened = ret < 0 ? NULL : tell_descriptor(t->pid, (int)ret, &st);
	const char *path = text_of(opened, "path");

	if (opened ? strcmp(text_of(opened, "kind"), "file")
		   : asked && t->existed && !is_simulated(asked, &t->before)) {
		json_array_append_new(t->told, json_string("other"));
	} else if (*path && !strstr(path, " (deleted)")) {
		json_array_set(t->told, at, json_object_get(opened, "path"));
		json_object_set_new(r->files, path, json_true());
	}
	json_decref(opened);
}

/* A descriptor of a kind that no machine has: its flags. */
static void tell_new_fd(struct task *t, int fd)
{
	struct stat st;
	json_t *opened = tell_descriptor(t->pid, fd, &st);

	if (opened)
		json_array_append(t->told, json_object_get(opened, "flags"));
	json_decref(opened);
}

/* The size of a file that is about to be opened, cut or made. */
static void tell_before(struct recorder *r, struct task *t)
{
	const json_t *told = json_array_get(t->told, t->call->args[0] == 'd');
	const bool unlinks = !strcmp(t->call->method, "sys.unlink");
	char path[PATH_MAX];
	const char *real;

	if (!t->existed || !S_ISREG(t->before.st_mode) || !json_is_string(told))
		return;
	real = unlinks ? json_string_value(told)
		       : realpath(json_string_value(told), path);
	if (real && is_simulated(real, &t->before))
		tell_file(r, real, &t->before);
	if (unlinks)
		json_object_del(r->files, real);
}

static void told_result(struct recorder *r, struct task *t, int64_t ret)
{
	const bool address = t->call->kind == CALL_MMAP ||
			     !strcmp(t->call->name, "mremap") ||
			     !strcmp(t->call->name, "brk");

	if (t->call->args[0] == 'p' || t->call->args[1] == 'p')
		tell_before(r, t);
	if (t->call->kind == CALL_OPEN)
		tell_opened(r, t, ret);
	if (t->call->kind == CALL_NEW_FD && ret >= 0)
		tell_new_fd(t, (int)ret);
	for (int i = 0; ret >= 0 && t->call->args[i]; i++)
		if (t->call->args[i] == '2')
			json_array_set_new(t->told, (size_t)i,
					   tell_pair(t->pid, t->args[i], '2'));
	if (ret < 0 && ret >= -4095)
		emit_call(r, t, json_integer(ret), errno_name((int)-ret));
	else
		emit_call(r, t, address ? hex((uint64_t)ret) : json_integer(ret),
			  NULL);
}

static void leave_call(struct recorder *r, struct task *t, int64_t ret)
{
	const bool restarts = ret <= -ERESTARTSYS && ret >= -ERESTARTSYS - 4;

	t->on_its_way = false;
	go_to_place(r, t);
	if (t->call && t->told && !restarts &&
	    (t->call->kind != CALL_FORK || ret < 0))
		told_result(r, t, ret);
	leave_place(r, t);
	json_decref(t->told);
	t->told = NULL;
	if (changes_layout(t->call))
		look_at_pages(r, t, false);
	resume(r, t, 0);
}

static void on_syscall(struct recorder *r, struct task *t)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, (void *)sizeof(info), &info) < 0)
		return;		/* killed meanwhile; its end is told next */
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		enter_call(r, t, &info);
	else
		leave_call(r, t, info.exit.rval);
}

/* ---- beginnings and ends ---- */

static void on_fork(struct recorder *r, struct task *t)
{
	unsigned long pid;
	struct task *child;
	bool shares;

	if (ptrace(PTRACE_GETEVENTMSG, t->pid, NULL, &pid) || !t->nr)
		return;
	child = task_of(r, (pid_t)pid);
	if (!child)
		return;
	child->nr = ++r->nr_tasks;
	shares = t->told && strstr(json_string_value(json_array_get(t->told, 0)),
				   "CLONE_VM");
	if (shares)
		t->space->users++;
	child->space = shares ? t->space : new_space(t->space);
	if (t->told)
		emit_call(r, t, json_integer(child->nr), NULL);
	t->on_its_way = false;	/* vfork comes back when the child lets it */
	if (child->stopped)
		resume(r, child, 0);
}

static void on_exit_event(struct recorder *r, struct task *t)
{
	t->at_exit = true;
	t->on_its_way = false;
	start_or_park(r, t);
}

static void forget(struct recorder *r, struct task *t)
{
	json_decref(t->told);
	drop_space(t->space);
	leave_place(r, t);
	r->nr_parked -= t->parked;
	*t = (struct task){ .pid = 0 };
}

static void on_event(struct recorder *r, struct task *t, int event)
{
	switch (event) {
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		on_fork(r, t);
		break;
	case PTRACE_EVENT_EXEC:
		on_exec(r, t);
		break;
	case PTRACE_EVENT_EXIT:
		on_exit_event(r, t);
		return;
	default:
		break;
	}
	resume(r, t, 0);
}

static void on_stop(struct recorder *r, struct task *t, int status)
{
	const int signal = WSTOPSIG(status), event = status >> 16;

	if (signal == (SIGTRAP | 0x80))
		on_syscall(r, t);
	else if (event)
		on_event(r, t, event);
	else if (signal == SIGSTOP && !t->space && r->begun) {
		t->stopped = true;	/* a new one: its parent is told first */
		if (t->nr)
			resume(r, t, 0);
	} else {
		resume(r, t, signal == SIGSTOP || signal == SIGTRAP ? 0 : signal);
	}
}

/* The next that stopped or ended; 0: none of them, but some may begin. */
static pid_t next_stop(struct recorder *r, int *status)
{
	const struct timespec moment = { 0, 50000 };
	const pid_t pid = waitpid(-1, status, __WALL | (r->nr_parked ? WNOHANG : 0));

	if (pid)
		return pid < 0 && errno == EINTR ? 0 : pid;
	nanosleep(&moment, NULL);
	start_parked(r);
	return 0;
}

/* Until none is left. */
static void trace(struct recorder *r)
{
	struct task *t;
	int status;
	pid_t pid;

	while ((pid = next_stop(r, &status)) >= 0 && !r->failed) {
		t = pid ? task_of(r, pid) : NULL;
		if (!t)
			continue;
		if (WIFSTOPPED(status))
			on_stop(r, t, status);
		else
			forget(r, t);
		if (r->nr_parked)
			start_parked(r);
	}
}

/* ---- the command ---- */

static long sysctl_value(const char *name)
{
	char path[96], text[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/vm/%s", name);
	file = fopen(path, "re");
	if (file) {
		if (!fgets(text, sizeof(text), file))
			*text = '\0';
		fclose(file);
	}
	return strtol(text, NULL, 10);
}

static void tell_head(struct recorder *r, char **command)
{
	static const char *const sysctls[] = {
		"overcommit_memory", "overcommit_ratio", "max_map_count",
		"mmap_min_addr",
	};
	json_t *words = json_array(), *values = json_object();
	struct utsname host;

	uname(&host);
	for (int i = 0; command[i]; i++)
		json_array_append_new(words, json_text(command[i],
						       strlen(command[i])));
	for (int i = 0; i < 4; i++)
		json_object_set_new(values, sysctls[i],
				    json_integer(sysctl_value(sysctls[i])));
	emit(r, json_pack("{s:s, s:i, s:s, s:s, s:b, s:o, s:o}", "format",
			  "mmapd recording", "version", 1, "kernel",
			  host.release, "arch", "x86_64", "privileged",
			  geteuid() == 0, "vm", values, "command", words));
}

static void become(char **command)
{
	personality(ADDR_NO_RANDOMIZE);
	close_range(3, ~0U, 0);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	execvp(command[0], command);
	fprintf(stderr, "mmapctl: %s: %s\n", command[0], strerror(errno));
	_exit(127);
}

static int record(struct recorder *r, char **command)
{
	const pid_t pid = fork();
	int status;

	if (!pid)
		become(command);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)OPTIONS)) {
		fprintf(stderr, "mmapctl: record: this host forbids ptrace\n");
		if (pid > 0)
			kill(pid, SIGKILL);
		return CLI_ERROR;
	}
	tell_head(r, command);
	resume(r, task_of(r, pid), 0);
	trace(r);
	emit(r, json_pack("{s:{s:I}}", "end", "skipped",
			  (json_int_t)r->skipped));
	if (!r->begun || r->failed)
		fprintf(stderr, "mmapctl: record: %s was not recorded\n",
			command[0]);
	return r->begun && !r->failed ? CLI_OK : CLI_ERROR;
}

int record_command(char **args)
{
	const char *path = "mmapd.recording";
	static struct recorder r;
	int status;

	if (args[0] && !strcmp(args[0], "-o") && args[1]) {
		path = args[1];
		args += 2;
	}
	if (args[0] && !strcmp(args[0], "--"))
		args++;
	if (!args[0] || *args[0] == '-') {
		fprintf(stderr, "usage: mmapctl record [-o FILE] -- COMMAND "
				"[ARGUMENT]…\n");
		return CLI_USAGE;
	}
	r.out = fopen(path, "we");
	if (!r.out) {
		fprintf(stderr, "mmapctl: %s: %s\n", path, strerror(errno));
		return CLI_ERROR;
	}
	r.files = json_object();
	status = record(&r, args);
	json_decref(r.files);
	free(r.queue.places);
	if (fclose(r.out)) {
		fprintf(stderr, "mmapctl: %s: %s\n", path, strerror(errno));
		status = CLI_ERROR;
	}
	return status;
}
