/* SPDX-License-Identifier: MIT */
/*
 * Logs of strace, line by line. A line is "[PID] CALL(ARGUMENTS) = RESULT"; what
 * stands in parentheses is C as strace prints it: numbers, names joined by |,
 * strings, {members}, [lists]. Where two processes' lines cross, a call is told
 * in two halves, "… <unfinished ...>" and "<... CALL resumed>…", put together
 * here. Lines that tell of no call (signals, exits, messages) are passed over.
 */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clients/cli/calls.h"
#include "clients/cli/elf.h"
#include "clients/cli/recording.h"

#define PIDS_MAX	512
#define ERRNO_MAX	134

/* A process of the log. */
struct pid {
	long pid;
	char *half;		/* of a call that is not finished */
	bool ended;
};

struct log {
	json_t *events, *files;
	struct pid pids[PIDS_MAX];
	int nr_pids;		/* the n-th is process n + 1 */
	size_t line;
};

static struct pid *pid_of(struct log *log, long pid)
{
	for (int i = 0; i < log->nr_pids; i++)
		if (log->pids[i].pid == pid)
			return &log->pids[i];
	if (log->nr_pids == PIDS_MAX)
		return NULL;
	log->pids[log->nr_pids] = (struct pid){ .pid = pid };
	return &log->pids[log->nr_pids++];
}

static void add_event(struct log *log, json_t *event)
{
	json_object_set_new(event, "line", json_integer((json_int_t)log->line));
	json_array_append_new(log->events, event);
}

/* ---- arguments ---- */

/* Past a string literal; @at is behind its first quote. */
static const char *past_string(const char *at)
{
	while (*at && *at != '"')
		at += *at == '\\' && at[1] ? 2 : 1;
	return at + (*at == '"');
}

/* The end of an argument: the comma or parenthesis that is not inside it. */
static const char *end_of_argument(const char *at)
{
	int depth = 0;

	while (*at && (depth || (*at != ',' && *at != ')'))) {
		if (*at == '"') {
			at = past_string(at + 1);
			continue;
		}
		if (!strncmp(at, "/*", 2) && strstr(at, "*/")) {
			at = strstr(at, "*/") + 2;
			continue;
		}
		depth += (*at == '(' || *at == '[' || *at == '{') -
			 (*at == ')' || *at == ']' || *at == '}');
		at++;
	}
	return at;
}

static char escaped(const char **at)
{
	static const char letters[] = "nrtvf\\\"", means[] = "\n\r\t\v\f\\\"";
	const char *c = strchr(letters, **at);
	int value = 0, digits = 0;

	if (c && *c) {
		++*at;
		return means[c - letters];
	}
	if (**at == 'x') {
		sscanf(*at + 1, "%2x%n", (unsigned int *)&value, &digits);
		*at += 1 + digits;
		return (char)value;
	}
	for (; digits < 3 && **at >= '0' && **at <= '7'; digits++)
		value = value * 8 + *(*at)++ - '0';
	return (char)value;
}

/* A literal's bytes as a JSON string; what is not UTF-8 becomes "?". */
static json_t *literal(const char *at)
{
	const char *end = past_string(++at);
	char *text = calloc(1, (size_t)(end - at) + 1), *to = text;
	json_t *string;

	if (!text)
		return json_null();
	while (at < end && *at != '"')
		if (*at == '\\') {
			at++;
			*to++ = escaped(&at);
		} else {
			*to++ = *at++;
		}
	string = json_string(text);
	for (char *c = text; !string && *c; c++)
		if (*c & 0x80)
			*c = '?';
	if (!string)
		string = json_string(text);
	free(text);
	return string;
}

/* The value of "name=…" inside a structure; 0: none. Products are worked out. */
static uint64_t member(const char *at, const char *end, const char *name)
{
	const char *found = strstr(at, name);
	char *rest;
	uint64_t value;

	if (!found || found >= end)
		return 0;
	found += strlen(name);
	if (!strncmp(found, "RLIM", 4))
		return UINT64_MAX;
	value = strtoull(found, &rest, 0);
	while (*rest == '*')
		value *= strtoull(rest + 1, &rest, 0);
	return value;
}

static json_t *hex(uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	return json_string(text);
}

static json_t *limits(const char *at, const char *end)
{
	return json_pack("[o, o]", hex(member(at, end, "rlim_cur=")),
			 hex(member(at, end, "rlim_max=")));
}

/* [r, w] */
static json_t *pair(const char *at)
{
	int fds[2];

	return sscanf(at, "[%d, %d]", &fds[0], &fds[1]) == 2
		       ? json_pack("[i, i]", fds[0], fds[1]) : json_null();
}

/* The lengths of the pieces; where they are is not told. */
static json_t *pieces(const char *at, const char *end)
{
	json_t *array = json_array();

	for (; (at = strstr(at, "iov_len=")) && at < end; at += 8)
		json_array_append_new(array, json_pack("[n, I]", (json_int_t)
			strtoll(at + 8, NULL, 0)));
	return array;
}

/* One argument as the letter of the call's table wants it. */
static json_t *argument(char letter, const char *at, const char *end)
{
	char text[512];

	snprintf(text, sizeof(text), "%.*s", (int)(end - at), at);
	if (*at == '"')
		return letter == 'p' || letter == 'n' ? literal(at)
						      : json_object();
	if (letter == 'r' && *at == '{')
		return limits(at, end);
	if (letter == '2')
		return pair(at);
	if (letter == 'v')
		return pieces(at, end);
	if (letter == 'o')
		return *at == '[' ? json_integer(strtoll(at + 1, NULL, 0))
				  : json_null();
	if (!strncmp(at, "NULL", 4))
		return letter == 'x' ? json_string("0x0") : json_null();
	if (letter == 'd' || letter == 'l')
		return json_integer(strtoll(text, NULL, 0));
	if (isdigit((unsigned char)*at))
		return hex(strtoull(text, NULL, 0));
	return *at == '-' ? json_integer(strtoll(text, NULL, 0))
			  : json_string(text);
}

/* ---- calls ---- */

static int errno_number(const char *name, size_t len)
{
	for (int i = 1; i < ERRNO_MAX; i++)
		if (strlen(errno_name(i)) == len &&
		    !strncmp(errno_name(i), name, len))
			return i;
	return 0;
}

/* "= 3", "= 0x7f…", "= -1 ENOENT (…)"; NULL: "= ?". */
static json_t *result(const char *at, json_t *event)
{
	const char *name;
	size_t len;

	if (!isdigit((unsigned char)*at) && *at != '-')
		return NULL;
	if (*at != '-')
		return !strncmp(at, "0x", 2) ? hex(strtoull(at, NULL, 16))
					     : json_integer(strtoll(at, NULL, 10));
	name = at + strcspn(at, " \n");
	name += *name == ' ';
	len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
	if (!len)
		return json_integer(strtoll(at, NULL, 10));
	json_object_set_new(event, "errno", json_stringn(name, len));
	return json_integer(-errno_number(name, len));
}

static json_t *clone_flags(const char *args, const char *end)
{
	static const char *const names[] = { "CLONE_VM", "CLONE_VFORK",
					     "CLONE_FILES" };
	char text[64] = "";

	for (int i = 0; i < 3; i++) {
		const char *found = strstr(args, names[i]);

		if (found && found < end)
			snprintf(text + strlen(text), sizeof(text) - strlen(text),
				 "%s%s", *text ? "|" : "", names[i]);
	}
	return json_pack("[s]", text);
}

static json_t *arguments(const struct call *call, const char *at,
			 const char *end)
{
	json_t *array = json_array();

	if (call->kind == CALL_FORK) {
		json_decref(array);
		if (!strcmp(call->name, "vfork"))
			return json_pack("[s]", "CLONE_VM|CLONE_VFORK");
		return clone_flags(at, end);
	}
	for (int i = 0; call->args[i] && at < end; i++) {
		const char *stop = end_of_argument(at);

		json_array_append_new(array, argument(call->args[i], at, stop));
		at = stop + (*stop == ',');
		at += *at == ' ';
	}
	return array;
}

/* A file that was opened: as long as it is on this host. */
static void tell_file(struct log *log, const char *path)
{
	struct stat st;

	if (!path || *path != '/' || json_object_get(log->files, path) ||
	    stat(path, &st) || !S_ISREG(st.st_mode))
		return;
	json_object_set_new(log->files, path, json_true());
	add_event(log, json_pack("{s:s, s:I, s:i}", "file", path, "size",
				 (json_int_t)st.st_size, "mode",
				 (int)(st.st_mode & 07777)));
}

/* What it led to: a link's end, a kind that no machine has. */
static void look_at_opened(struct log *log, json_t *args, size_t at, int64_t ret)
{
	const size_t kind = at + 3;	/* behind path, flags and mode */
	const char *path = json_string_value(json_array_get(args, at));
	char *real = path ? realpath(path, NULL) : NULL;
	struct stat st;
	bool other = real && !strncmp(real, "/proc/", 6);

	if (real && !stat(real, &st) && !S_ISREG(st.st_mode))
		other = strcmp(real, "/dev/null") && strcmp(real, "/dev/zero");
	while (other && json_array_size(args) < kind)
		json_array_append_new(args, json_null());
	if (other)
		json_array_append_new(args, json_string("other"));
	else if (real && ret >= 0)
		json_array_set_new(args, at, json_string(real));
	tell_file(log, real);
	free(real);
}

static void tell_image_files(struct log *log, const json_t *image)
{
	tell_file(log, json_string_value(json_object_get(image, "path")));
	if (json_object_get(image, "interp"))
		tell_image_files(log, json_object_get(image, "interp"));
}

/* The strings of ["…", "…"]. */
static json_t *list(const char *at, const char *end)
{
	json_t *array = json_array();

	for (; at < end && (at = strchr(at, '"')) && at < end;
	     at = past_string(at + 1))
		json_array_append_new(array, literal(at));
	return array;
}

/* execve("path", ["arg", …], …) = 0: the program as it is on this host. */
static bool add_exec(struct log *log, int nr, const char *at, char *why)
{
	const char *end = end_of_argument(at), *env;
	json_t *path = literal(at), *image, *args;
	char reason[ELF_WHY_MAX];

	image = elf_image_of_file(json_string_value(path), reason);
	json_decref(path);
	if (!image) {
		snprintf(why, RECORDING_WHY_MAX, "line %zu: the program is read "
			 "from this host: %s", log->line, reason);
		return false;
	}
	at = end + (*end == ',') + 1;
	end = end_of_argument(at);
	args = list(at, end);
	json_object_set_new(image, "args", args);
	env = *end ? end + 2 : end;
	if (*env == '[')
		json_object_set_new(image, "env", list(env, end_of_argument(env)));
	tell_image_files(log, image);
	add_event(log, json_pack("{s:i, s:o}", "p", nr, "exec", image));
	return true;
}

static void add_call(struct log *log, int nr, const struct call *call,
		     const char *at, const char *end, const char *ret)
{
	json_t *event = json_pack("{s:i, s:s}", "p", nr, "call", call->name);
	json_t *args = arguments(call, at, end), *value = result(ret, event);
	const size_t path = call->args[0] == 'd';
	int64_t number = json_integer_value(value);

	if (call->kind == CALL_EXIT)
		value = json_integer(0);
	if (value && call->kind == CALL_FORK && number > 0) {
		json_decref(value);
		value = pid_of(log, number)
				? json_integer(pid_of(log, number) - log->pids + 1)
				: NULL;
	}
	if (value && call->kind == CALL_OPEN)
		look_at_opened(log, args, path, number);
	json_object_set_new(event, "args", args);
	if (value) {
		json_object_set_new(event, "ret", value);
		add_event(log, event);
	} else {
		json_decref(event);
	}
}

/* The last ") = " of a line that is outside strings. */
static const char *end_of_call(const char *at)
{
	const char *stop = end_of_argument(at);

	while (*stop == ',')
		stop = end_of_argument(stop + 1);
	return stop;
}

/* A whole "call(args) = result". */
static bool take_call(struct log *log, struct pid *pid, const char *text,
		      char *why)
{
	const size_t len = strcspn(text, "(");
	const struct call *call = call_by_name(text, len);
	const int nr = (int)(pid - log->pids) + 1;
	const char *end, *ret;

	if (!text[len])
		return true;
	end = end_of_call(text + len + 1);
	ret = strstr(end, "= ");
	if (!ret)
		return true;
	if (len == 6 && !strncmp(text, "execve", 6) && !strncmp(ret, "= 0", 3))
		return add_exec(log, nr, text + 7, why);
	if (call && !pid->ended)
		add_call(log, nr, call, text + len + 1, end, ret + 2);
	pid->ended |= call && call->kind == CALL_EXIT;
	return true;
}

/* ---- lines ---- */

/* Past "[pid 12] ", "12 ", and a time stamp; the process is told in *pid. */
static const char *past_prefix(const char *line, long *pid)
{
	char *rest;
	int used = 0;

	*pid = 0;
	if (sscanf(line, "[pid %ld] %n", pid, &used) == 1 && used)
		line += used;
	else if (isdigit((unsigned char)*line)) {
		*pid = strtol(line, &rest, 10);
		if (*rest != ' ') {
			*pid = 0;	/* a time stamp, and no process */
			rest = (char *)line;
		}
		line = rest;
	}
	line += strspn(line, " ");
	if (isdigit((unsigned char)*line))
		line += strspn(line, "0123456789:.");
	return line + strspn(line, " ");
}

static bool take_line(struct log *log, char *line, char *why)
{
	long number;
	const char *text = past_prefix(line, &number);
	struct pid *pid = pid_of(log, number);
	char *cut = strstr(line, " <unfinished ...>"), *whole;
	bool good;

	if (!pid) {
		snprintf(why, RECORDING_WHY_MAX, "line %zu: more than %d "
			 "processes", log->line, PIDS_MAX);
		return false;
	}
	if (cut) {
		*cut = '\0';
		free(pid->half);
		pid->half = strdup(text);
		return strncmp(text, "exit", 4) ||
		       take_call(log, pid, strcat(line, ") = ?"), why);
	}
	if (strncmp(text, "<... ", 5))
		return !islower((unsigned char)*text) ||
		       take_call(log, pid, text, why);
	text = strstr(text, "resumed>");
	if (!text || !pid->half || asprintf(&whole, "%s%s", pid->half, text + 8) < 0)
		return true;
	good = take_call(log, pid, whole, why);
	free(whole);
	free(pid->half);
	pid->half = NULL;
	return good;
}

static bool take_lines(struct log *log, const char *text, char *why)
{
	bool good = true;

	while (*text && good) {
		const size_t len = strcspn(text, "\n");
		char *line = calloc(1, len + 16);

		if (!line)
			return false;
		log->line++;
		memcpy(line, text, len);
		good = take_line(log, line, why);
		free(line);
		text += len + (text[len] == '\n');
	}
	return good;
}

json_t *strace_parse(const char *text, char *why)
{
	struct log log = { .events = json_array(), .files = json_object() };

	json_array_append_new(log.events, json_pack("{s:s, s:b}", "format",
						    "strace", "privileged", 0));
	*why = '\0';
	if (!take_lines(&log, text, why) || json_array_size(log.events) < 2) {
		if (!*why)
			snprintf(why, RECORDING_WHY_MAX, "it is no recording, no "
				 "log of strace and no trace of lackey");
		json_decref(log.events);
		log.events = NULL;
	}
	for (int i = 0; i < log.nr_pids; i++)
		free(log.pids[i].half);
	json_decref(log.files);
	return log.events;
}
