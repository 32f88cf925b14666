/* SPDX-License-Identifier: MIT */
/* Operations for a machine, many in one request. */
#ifndef CLIENTS_CLI_BATCH_H
#define CLIENTS_CLI_BATCH_H

#include <jansson.h>
#include <stdbool.h>

struct batch {
	const char *server, *machine;
	json_t *ops;		/* of the next request */
	bool failed;		/* the daemon no longer answers; said so */
};

void batch_init(struct batch *b, const char *server, const char *machine);
void batch_free(struct batch *b);

/* One more operation; @params: consumed. Whether it is time to run them. */
bool batch_add(struct batch *b, const char *method, json_t *params);

/**
 * batch_run - run what was added, in order
 *
 * Returns: an array of as many results, a new reference: each the method's
 * result or {"error": {…}}; NULL where nothing was added or the daemon gave no
 * such answer, @b->failed then.
 */
json_t *batch_run(struct batch *b);

/* A method's result alone, a new reference; NULL having said what is wrong. */
json_t *ask(const char *server, const char *method, json_t *params);

#endif
