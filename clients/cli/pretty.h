/* SPDX-License-Identifier: MIT */
/* Results for people: tables for lists, one member a line for the rest. */
#ifndef CLIENTS_CLI_PRETTY_H
#define CLIENTS_CLI_PRETTY_H

#include <jansson.h>

/* Print the result of @method on standard output. */
void print_result(const char *method, const json_t *result);

#endif
