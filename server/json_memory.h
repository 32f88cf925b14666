/* SPDX-License-Identifier: MIT */
/*
 * Where jansson's values live while a request is served. Its tree is made of
 * some thirty small blocks that all go at the same time.
 */
#ifndef SERVER_JSON_MEMORY_H
#define SERVER_JSON_MEMORY_H

#include <stdbool.h>

#define JSON_MEMORY_BYTES	32768	/* of each thread */

/* Once, before there are threads and before jansson allocates anything. */
void json_memory_install(void);

/* From here on to the end, this thread's values come from its own memory as
 * far as that goes, and from malloc() then. Does not nest. */
void json_memory_begin(void);

/**
 * json_memory_end - no value made since json_memory_begin() is used any more
 *
 * Returns: true if all of them are gone with this; otherwise they must be let
 * go with json_decref(), now.
 */
bool json_memory_end(void);

#endif
