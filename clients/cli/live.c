/* SPDX-License-Identifier: MIT */
#include "clients/cli/live.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clients/cli/batch.h"
#include "clients/cli/transport.h"

#define LIMIT		1000	/* operations of one answer */

struct pace {
	long times;		/* -1: for ever */
	double seconds;
	const char *rest;	/* the argument that is no option */
};

static bool take_pace(struct pace *pace, char **args, bool rest,
		      const char *usage)
{
	bool good = true;
	char *end;

	*pace = (struct pace){ -1, 2, NULL };
	for (; args[0] && good; args++) {
		if (!strcmp(args[0], "-n") && args[1]) {
			pace->times = strtol(*++args, &end, 10);
			good = !*end && pace->times > 0;
		} else if (!strcmp(args[0], "-d") && args[1]) {
			pace->seconds = strtod(*++args, &end);
			good = !*end;
		} else if (rest && *args[0] != '-' && !pace->rest) {
			pace->rest = args[0];
		} else {
			good = false;
		}
	}
	if (good && pace->seconds >= 0 && pace->seconds < 1e6)
		return true;
	fprintf(stderr, "usage: mmapctl -m MACHINE %s\n", usage);
	return false;
}

static bool has_machine(const char *machine, const char *command)
{
	if (!machine)
		fprintf(stderr, "mmapctl: %s needs -m MACHINE\n", command);
	return machine != NULL;
}

/* Whether there is to be another time; waits until then. */
static bool again(struct pace *pace)
{
	struct timespec time = { (time_t)pace->seconds, 0 };

	time.tv_nsec = (long)((pace->seconds - (double)time.tv_sec) * 1e9);
	if (pace->times > 0 && !--pace->times)
		return false;
	fflush(stdout);
	nanosleep(&time, NULL);
	return true;
}

/* ---- top ---- */

static long long count(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static int by_rss(const void *a, const void *b)
{
	const long long x = count(*(json_t *const *)a, "rss");
	const long long y = count(*(json_t *const *)b, "rss");

	return (x < y) - (x > y);
}

static void print_processes(json_t *processes, long long page_kb)
{
	const size_t nr = json_array_size(processes);
	json_t **sorted = calloc(nr + 1, sizeof(json_t *));

	if (!sorted)
		return;
	for (size_t i = 0; i < nr; i++)
		sorted[i] = json_array_get(processes, i);
	qsort(sorted, nr, sizeof(json_t *), by_rss);
	printf("%7s %7s %10s %10s %6s %8s %8s  %s\n", "PID", "PPID", "VIRT KB",
	       "RES KB", "VMAS", "MINFLT", "MAJFLT", "NAME");
	for (size_t i = 0; i < nr; i++) {
		const char *name =
			json_string_value(json_object_get(sorted[i], "name"));

		printf("%7lld %7lld %10lld %10lld %6lld %8lld %8lld  %s\n",
		       count(sorted[i], "pid"), count(sorted[i], "ppid"),
		       count(sorted[i], "total_vm") * page_kb,
		       count(sorted[i], "rss") * page_kb,
		       count(sorted[i], "vmas"), count(sorted[i], "min_flt"),
		       count(sorted[i], "maj_flt"), name ? name : "");
	}
	free(sorted);
}

/* One table; false: no such machine, or no daemon. */
static bool show_machine(const char *server, const char *machine)
{
	json_t *info = ask(server, "machine.info",
			   json_pack("{s:s}", "machine", machine));
	json_t *list = info ? ask(server, "process.list",
				  json_pack("{s:s}", "machine", machine)) : NULL;

	if (list) {
		if (isatty(STDOUT_FILENO))
			printf("\033[H\033[2J");
		printf("%s: %lld operations, %lld processes, %lld of %lld "
		       "frames free\n\n", machine, count(info, "seq"),
		       count(info, "processes"), count(info, "free_frames"),
		       count(info, "frames"));
		print_processes(json_object_get(list, "processes"),
				count(info, "page_size") / 1024);
	}
	json_decref(info);
	json_decref(list);
	return list != NULL;
}

int top_command(const char *server, const char *machine, char **args)
{
	struct pace pace;

	if (!take_pace(&pace, args, false, "top [-n TIMES] [-d SECONDS]") ||
	    !has_machine(machine, "top"))
		return CLI_USAGE;
	do {
		if (!show_machine(server, machine))
			return CLI_ERROR;
	} while (again(&pace));
	return CLI_OK;
}

/* ---- watch ---- */

static void print_member(const json_t *object, const char *key)
{
	char *text = json_dumps(json_object_get(object, key),
				JSON_COMPACT | JSON_ENCODE_ANY);

	printf(" %s", text ? text : "-");
	free(text);
}

/* The operations after *since; false: no answer. */
static bool show_operations(const char *server, const char *machine,
			    long long *since, size_t *nr)
{
	json_t *answer = ask(server, "machine.history",
			     json_pack("{s:s, s:I, s:i}", "machine", machine,
				       "since", (json_int_t)*since, "limit",
				       LIMIT));
	const json_t *ops = json_object_get(answer, "ops");
	json_t *op;
	size_t i;

	json_array_foreach(ops, i, op) {
		const char *method =
			json_string_value(json_object_get(op, "method"));

		*since = count(op, "seq");
		printf("%lld %s", *since, method ? method : "?");
		print_member(op, "params");
		printf(" →");
		print_member(op, "result");
		putchar('\n');
	}
	*nr = json_array_size(ops);
	json_decref(answer);
	return answer != NULL;
}

/* What is to come begins after now. */
static bool find_since(const char *server, const char *machine,
		       const char *text, long long *since)
{
	json_t *info;
	char *end;

	if (text) {
		*since = strtoll(text, &end, 10);
		if (!*end && *since >= 0)
			return true;
		fprintf(stderr, "mmapctl: watch: %s is no operation's number\n",
			text);
		return false;
	}
	info = ask(server, "machine.info", json_pack("{s:s}", "machine", machine));
	*since = count(info, "seq");
	json_decref(info);
	return info != NULL;
}

int watch_command(const char *server, const char *machine, char **args)
{
	struct pace pace;
	long long since;
	size_t nr;

	if (!take_pace(&pace, args, true,
		       "watch [-n TIMES] [-d SECONDS] [SEQ]") ||
	    !has_machine(machine, "watch"))
		return CLI_USAGE;
	if (!find_since(server, machine, pace.rest, &since))
		return CLI_ERROR;
	do {
		do {
			if (!show_operations(server, machine, &since, &nr))
				return CLI_ERROR;
		} while (nr == LIMIT);
	} while (again(&pace));
	return CLI_OK;
}
