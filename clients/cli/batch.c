/* SPDX-License-Identifier: MIT */
#include "clients/cli/batch.h"

#include <stdio.h>

#include "clients/cli/transport.h"

#define OPS_MAX		1000	/* of 10,000, far below 131,072 JSON values */

void batch_init(struct batch *b, const char *server, const char *machine)
{
	*b = (struct batch){ server, machine, json_array(), false };
}

void batch_free(struct batch *b)
{
	json_decref(b->ops);
}

bool batch_add(struct batch *b, const char *method, json_t *params)
{
	json_array_append_new(b->ops, json_pack("{s:s, s:o}", "method", method,
						"params", params));
	return json_array_size(b->ops) >= OPS_MAX;
}

json_t *ask(const char *server, const char *method, json_t *params)
{
	json_t *answer, *result, *error;

	if (call_method(server, method, params, &answer) != CLI_OK)
		return NULL;
	result = json_incref(json_object_get(answer, "result"));
	error = json_object_get(answer, "error");
	if (!result) {
		const json_t *why =
			json_object_get(json_object_get(error, "data"), "why");
		const char *text = json_string_value(why);

		fprintf(stderr, "mmapctl: %s: %s%s%s\n", method,
			json_string_value(json_object_get(error, "message")),
			text ? ": " : "", text ? text : "");
	}
	json_decref(answer);
	return result;
}

json_t *batch_run(struct batch *b)
{
	const size_t nr = json_array_size(b->ops);
	json_t *answer, *results;

	if (!nr || b->failed)
		return NULL;
	answer = ask(b->server, "machine.run",
		     json_pack("{s:s, s:O}", "machine", b->machine, "ops",
			       b->ops));
	json_array_clear(b->ops);
	results = json_incref(json_object_get(answer, "results"));
	json_decref(answer);
	if (json_array_size(results) == nr)
		return results;
	json_decref(results);
	b->failed = true;
	return NULL;
}
