/* SPDX-License-Identifier: MIT */
/* mmapctl grade: operations, and what they are expected to answer. */
#ifndef CLIENTS_CLI_GRADE_H
#define CLIENTS_CLI_GRADE_H

#include <jansson.h>
#include <stdbool.h>

/* The operations of a file, "-" standard input; NULL having said what is wrong. */
json_t *load_ops(const char *path);

/**
 * grade_command - run operations and judge the answers
 * @machine: where; NULL: on a new machine, destroyed afterwards
 * @json:    the verdict as JSON
 * @args:    "FILE", a JSON array of {method, params, expect?}
 *
 * An operation with expect passes where every member of it is in the answer;
 * one without passes where it succeeds. Returns: CLI_OK if all pass, CLI_REFUSED
 * if not, CLI_USAGE or CLI_ERROR having said why.
 */
int grade_command(const char *server, const char *machine, bool json,
		  char **args);

#endif
