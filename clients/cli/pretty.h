/* SPDX-License-Identifier: MIT */
/* Results as people read them: tables, words, and bytes as a hexdump. */
#ifndef CLIENTS_CLI_PRETTY_H
#define CLIENTS_CLI_PRETTY_H

#include <jansson.h>

/**
 * print_result - print a result to standard output
 * @method: the method whose result it is
 * @params: what it was called with: says where the bytes of "data" lie
 * @result: any JSON value
 *
 * An array of objects is a table with a column for every member that any row has.
 * Flags are joined by |, other arrays by commas; an object inside a value is a row
 * of key=value. Bytes in hex are a hexdump, as hexdump -C prints it; the text of a
 * file of /proc is printed as it is.
 */
void print_result(const char *method, const json_t *params,
		  const json_t *result);

#endif
