/* SPDX-License-Identifier: MIT */
#include "clients/cli/grade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/batch.h"
#include "clients/cli/transport.h"

json_t *load_ops(const char *path)
{
	json_error_t error;
	json_t *ops = strcmp(path, "-") ? json_load_file(path, 0, &error)
					: json_loadf(stdin, 0, &error);

	if (!ops)
		fprintf(stderr, "mmapctl: %s:%d: %s\n", path, error.line,
			error.text);
	else if (!json_is_array(ops))
		fprintf(stderr, "mmapctl: %s: it is no JSON array of operations\n",
			path);
	if (json_is_array(ops))
		return ops;
	json_decref(ops);
	return NULL;
}

/* As machine.run matches: every member of @expect, at any depth. */
static bool meets(const json_t *expect, const json_t *got)
{
	json_t *expected = (json_t *)expect, *value;	/* only read */
	const char *key;
	size_t i;

	if (json_typeof(expect) != (got ? json_typeof(got) : JSON_NULL))
		return false;
	if (json_is_array(expect) &&
	    json_array_size(expect) != json_array_size(got))
		return false;
	json_object_foreach(expected, key, value)
		if (!meets(value, json_object_get(got, key)))
			return false;
	json_array_foreach(expected, i, value)
		if (!meets(value, json_array_get(got, i)))
			return false;
	return json_is_object(expect) || json_is_array(expect) ||
	       json_equal(expect, got);
}

static bool passes(const json_t *op, const json_t *result)
{
	const json_t *expect = json_object_get(op, "expect");

	if (expect)
		return meets(expect, result);
	return !json_object_get(result, "error") &&
	       !json_is_false(json_object_get(result, "ok"));
}

static void print_failure(size_t nr, const json_t *op, const json_t *result)
{
	const char *method = json_string_value(json_object_get(op, "method"));
	const json_t *expect = json_object_get(op, "expect");
	char *wanted = json_dumps(expect, JSON_COMPACT | JSON_ENCODE_ANY);
	char *got = json_dumps(result, JSON_COMPACT | JSON_ENCODE_ANY);

	printf("FAIL %zu: %s\n  expected  %s\n  got       %s\n", nr,
	       method ? method : "?", wanted ? wanted : "success", got ? got : "-");
	free(wanted);
	free(got);
}

static int verdict(const json_t *ops, const json_t *results, bool json)
{
	const size_t nr = json_array_size(ops);
	size_t passed = 0;
	json_t *op, *list = json_array();
	size_t i;

	json_array_foreach(ops, i, op) {
		const json_t *result = json_array_get(results, i);
		const bool good = result && passes(op, result);

		passed += good;
		json_array_append_new(list, json_boolean(good));
		if (!json && !good)
			print_failure(i + 1, op, result);
	}
	if (json) {
		json_t *all = json_pack("{s:I, s:I, s:O, s:b}", "passed",
			(json_int_t)passed, "failed", (json_int_t)(nr - passed),
			"verdicts", list, "good", passed == nr);

		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(all);
	} else {
		printf("%s: %zu of %zu operations\n",
		       passed == nr ? "PASS" : "FAIL", passed, nr);
	}
	json_decref(list);
	return passed == nr ? CLI_OK : CLI_REFUSED;
}

static int run_on(const char *server, const char *machine, const json_t *ops,
		  bool json)
{
	json_t *answer = ask(server, "machine.run",
			     json_pack("{s:s, s:O}", "machine", machine, "ops",
				       ops));
	const int status = answer ? verdict(ops, json_object_get(answer,
								 "results"),
					    json) : CLI_ERROR;

	json_decref(answer);
	return status;
}

static int run_on_new(const char *server, const json_t *ops, bool json)
{
	json_t *machine = ask(server, "machine.create",
			      json_pack("{s:b}", "durable", 0));
	const char *name = json_string_value(json_object_get(machine, "name"));
	const int status = name ? run_on(server, name, ops, json) : CLI_ERROR;

	if (name)
		json_decref(ask(server, "machine.destroy",
				json_pack("{s:s}", "machine", name)));
	json_decref(machine);
	return status;
}

int grade_command(const char *server, const char *machine, bool json,
		  char **args)
{
	json_t *ops;
	int status;

	if (!args[0] || args[1]) {
		fprintf(stderr, "usage: mmapctl [-m MACHINE] grade FILE\n");
		return CLI_USAGE;
	}
	ops = load_ops(args[0]);
	if (!ops)
		return CLI_USAGE;
	status = machine ? run_on(server, machine, ops, json)
			 : run_on_new(server, ops, json);
	json_decref(ops);
	return status;
}
