/* SPDX-License-Identifier: MIT */
/* Reading JSON: jansson's values, of plain texts without jansson's parser. */
#ifndef SERVER_JSON_READ_H
#define SERVER_JSON_READ_H

#include <jansson.h>
#include <stddef.h>

/**
 * json_read - a body's bytes as a tree
 * @text: bytes that json_scan() let through
 * @len:  how many
 * @e:    filled in where NULL is returned
 *
 * Returns: what json_loadb() does with JSON_REJECT_DUPLICATES and
 * JSON_DECODE_ANY; the caller's, to be let go with json_decref().
 */
json_t *json_read(const char *text, size_t len, json_error_t *e);

/**
 * json_read_plain - the same for plain texts alone
 *
 * Plain is an object or an array in which strings are ASCII without escapes,
 * numbers are integers of at most 18 digits, and no key stands twice.
 *
 * Returns: NULL for anything else, JSON or not; or if memory ran out.
 */
json_t *json_read_plain(const char *text, size_t len);

#endif
