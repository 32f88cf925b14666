/* SPDX-License-Identifier: MIT */
/* Results held against what was recorded, and what is told of them. */
#include <stdlib.h>
#include <string.h>

#include "clients/cli/replay_state.h"

#define TEXT_MAX 512

/* What an event is of, in a word. */
static const char *event_name(const json_t *event)
{
	static const char *const kinds[] = { "exec", "touch", "access", "maps",
					     "file" };
	const char *call = json_string_value(json_object_get(event, "call"));

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !call; i++)
		if (json_object_get(event, kinds[i]))
			call = kinds[i];
	return call ? call : "event";
}

void differ(struct replay *r, const json_t *event, const char *recorded,
	    const char *here)
{
	json_t *args = json_object_get(event, "args");
	char *text = args ? json_dumps(args, JSON_COMPACT) : NULL;
	json_t *line = json_object_get(event, "line");
	json_t *p = json_object_get(event, "p");

	r->differ++;
	if (json_array_size(r->differences) < SHOWN_MAX)
		json_array_append_new(r->differences, json_pack(
			"{s:I, s:I, s:s, s:s, s:s, s:s}",
			"line", json_integer_value(line),
			"process", json_integer_value(p),
			"what", event_name(event), "args", text ? text : "",
			"recorded", recorded, "here", here));
	free(text);
}

/* ---- results ---- */

static int64_t number(const json_t *value)
{
	if (json_is_string(value))
		return (int64_t)strtoull(json_string_value(value), NULL, 0);
	return json_integer_value(value);
}

/* A result in words. */
static void tell_result(const json_t *result, char *text)
{
	const json_t *error = json_object_get(result, "error");
	const char *why = json_string_value(json_object_get(result, "why"));
	char *ret;

	if (error)
		why = json_string_value(json_object_get(
			json_object_get(error, "data"), "why"));
	if (json_object_get(result, "blocked"))
		why = json_string_value(json_object_get(result, "blocked"));
	if (json_object_get(result, "signal"))
		why = json_string_value(json_object_get(result, "signal"));
	ret = json_object_get(result, "ret")
		      ? json_dumps(json_object_get(result, "ret"), JSON_ENCODE_ANY)
		      : strdup(error ? "error" : "-");
	snprintf(text, TEXT_MAX, "%s%s%.400s%s", ret ? ret : "",
		 why ? " (" : "", why ? why : "", why ? ")" : "");
	free(ret);
}

static void tell_recorded(const json_t *event, char *text)
{
	const char *name = json_string_value(json_object_get(event, "errno"));
	char *ret = json_dumps(json_object_get(event, "ret"), JSON_ENCODE_ANY);

	snprintf(text, TEXT_MAX, "%s%s%.64s%s", ret ? ret : "success", name ? " (" : "",
		 name ? name : "", name ? ")" : "");
	free(ret);
}

static void results_differ(struct replay *r, const json_t *event,
			   const json_t *result)
{
	char recorded[TEXT_MAX], here[TEXT_MAX];

	tell_recorded(event, recorded);
	tell_result(result, here);
	differ(r, event, recorded, here);
}

/* pipe, pipe2: the two descriptors as well. */
static bool same_pair(const json_t *event, const json_t *result)
{
	const json_t *fds = json_object_get(result, "fds");
	const json_t *pair = json_array_get(json_object_get(event, "args"), 0);

	return !fds || !json_is_array(pair) || json_equal(fds, pair);
}

static void hold_result(struct replay *r, const json_t *event,
			const json_t *result)
{
	const json_t *ret = json_object_get(result, "ret");
	const int64_t sum = r->sum;
	const bool parts_failed = r->sum_failed;
	bool same;

	r->sum = 0;
	r->sum_failed = false;
	r->calls++;
	same = ret && !json_object_get(result, "blocked") &&
	       (parts_failed || number(ret) < 0
			? (parts_failed || sum ? sum : number(ret))
			: number(ret) + sum) ==
		       number(json_object_get(event, "ret")) &&
	       same_pair(event, result);
	if (same)
		r->agree++;
	else
		results_differ(r, event, result);
}

static void hold_part(struct replay *r, const json_t *result)
{
	const int64_t ret = number(json_object_get(result, "ret"));

	if (r->sum_failed)
		return;
	if (ret < 0) {
		r->sum_failed = true;
		if (!r->sum)
			r->sum = ret;
	} else {
		r->sum += ret;
	}
}

/* ---- maps ---- */

/* A line without device and inode: "range perms offset path". */
static void plain_line(const char *line, size_t len, char *to)
{
	char range[64], perms[8], offset[32];
	int path = 0;
	char whole[TEXT_MAX];

	snprintf(whole, sizeof(whole), "%.*s", (int)(len < 500 ? len : 500), line);
	*to = '\0';
	if (sscanf(whole, "%63s %7s %31s %*s %*s %n", range, perms, offset,
		   &path) == 3)
		snprintf(to, TEXT_MAX, "%s %s %s %.380s", range, perms, offset,
			 path ? whole + path : "");
}

static bool maps_differ(struct replay *r, const json_t *event, size_t nr,
			const char *was, const char *is)
{
	json_t *copy = json_pack("{s:O, s:O, s:s, s:[i]}", "line",
				 json_object_get(event, "line"), "p",
				 json_object_get(event, "p"), "call",
				 "maps, line", "args", (int)nr + 1);

	differ(r, copy, *was ? was : "no such line", *is ? is : "no such line");
	json_decref(copy);
	return false;
}

static bool same_maps(struct replay *r, const json_t *event, const char *text)
{
	const json_t *lines = json_object_get(event, "maps");
	const size_t nr = json_array_size(lines);
	char was[TEXT_MAX], is[TEXT_MAX];

	for (size_t i = 0; i < nr || *text; i++) {
		const char *line = json_string_value(json_array_get(lines, i));
		const size_t len = strcspn(text, "\n");

		plain_line(line ? line : "", line ? strlen(line) : 0, was);
		plain_line(text, len, is);
		if (strcmp(was, is))
			return maps_differ(r, event, i, was, is);
		text += len + (text[len] == '\n');
	}
	return true;
}

static void hold_maps(struct replay *r, const json_t *event,
		      const json_t *result)
{
	const char *text = json_string_value(json_object_get(result, "text"));

	r->processes++;
	if (!text)
		results_differ(r, event, result);
	else if (same_maps(r, event, text))
		r->maps_agree++;
}

/* ---- all of them ---- */

static void hold_touch(struct replay *r, const json_t *event,
		       const json_t *result)
{
	r->touches++;
	if (json_is_true(json_object_get(result, "ok")))
		r->touched++;
	else
		results_differ(r, event, result);
}

static void hold_access(struct replay *r, const json_t *event,
			const json_t *result)
{
	const json_t *times = json_object_get(event, "times");

	r->accesses += (unsigned long)json_integer_value(times);
	r->faults += (unsigned long)(
		json_integer_value(json_object_get(result, "minor")) +
		json_integer_value(json_object_get(result, "major")));
	if (!json_is_true(json_object_get(result, "ok")))
		results_differ(r, event, result);
}

static void hold_fork(struct replay *r, const json_t *event,
		      const json_t *result)
{
	const json_int_t nr = json_integer_value(json_object_get(event, "ret"));

	r->calls++;
	if (!json_is_true(json_object_get(result, "ok")) || nr < 1 ||
	    nr >= PROCS_MAX) {
		results_differ(r, event, result);
		return;
	}
	r->agree++;
	r->procs[nr].pid = json_integer_value(json_object_get(result, "ret"));
}

void hold_against(struct replay *r, const struct check *check,
		  const json_t *result)
{
	switch (check->kind) {
	case CHECK_NOTHING:
		break;
	case CHECK_SETUP:
		if (json_is_true(json_object_get(result, "ok")))
			break;
		results_differ(r, check->event, result);
		r->stop = true;
		break;
	case CHECK_PART:
		hold_part(r, result);
		break;
	case CHECK_RESULT:
		hold_result(r, check->event, result);
		break;
	case CHECK_FORK:
		hold_fork(r, check->event, result);
		break;
	case CHECK_TOUCH:
		hold_touch(r, check->event, result);
		break;
	case CHECK_ACCESS:
		hold_access(r, check->event, result);
		break;
	case CHECK_MAPS:
		hold_maps(r, check->event, result);
		break;
	}
}

/* ---- the report ---- */

bool all_agree(const struct replay *r)
{
	return !r->stop && !r->differ && r->calls == r->agree &&
	       r->processes == r->maps_agree;
}

static void report_json(const struct replay *r)
{
	json_t *report = json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O, s:O, s:b}",
		"calls", (json_int_t)r->calls, "agree", (json_int_t)r->agree,
		"touches", (json_int_t)r->touches,
		"touched", (json_int_t)r->touched,
		"accesses", (json_int_t)r->accesses,
		"faults", (json_int_t)r->faults,
		"processes", (json_int_t)r->processes,
		"maps_agree", (json_int_t)r->maps_agree,
		"skipped", (json_int_t)r->skipped, "skips", r->skips,
		"differences", r->differences, "equal", all_agree(r));

	json_dumpf(report, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(report);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static void report_differences(const struct replay *r)
{
	json_t *d;
	size_t i;

	json_array_foreach(r->differences, i, d)
		printf("line %lld, process %lld: %s %.200s\n"
		       "  recorded  %s\n  here      %s\n",
		       json_integer_value(json_object_get(d, "line")),
		       json_integer_value(json_object_get(d, "process")),
		       text_of(d, "what"), text_of(d, "args"),
		       text_of(d, "recorded"), text_of(d, "here"));
	if (r->differ > SHOWN_MAX)
		printf("… and %lu more\n", r->differ - SHOWN_MAX);
}

void report_replay(const struct replay *r, bool json)
{
	const char *name;
	json_t *times;

	if (json) {
		report_json(r);
		return;
	}
	printf("calls      %lu replayed, %lu agree\n", r->calls, r->agree);
	if (r->touches)
		printf("touches    %lu replayed, %lu succeed\n", r->touches,
		       r->touched);
	if (r->accesses)
		printf("accesses   %lu, %lu page faults\n", r->accesses,
		       r->faults);
	printf("maps       %lu of %lu processes agree\n", r->maps_agree,
	       r->processes);
	printf("skipped    %lu", r->skipped);
	json_object_foreach(r->skips, name, times)
		printf(", %s %lld", name, json_integer_value(times));
	putchar('\n');
	report_differences(r);
}
