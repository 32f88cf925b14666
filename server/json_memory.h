/* SPDX-License-Identifier: MIT */
/*
 * Where jansson's values live while a request is served: in memory that is
 * reused for the next request and never asked back block by block.
 */
#ifndef SERVER_JSON_MEMORY_H
#define SERVER_JSON_MEMORY_H

#include <jansson.h>
#include <stdbool.h>

#define JSON_MEMORY_BYTES	32768	/* of each thread, its own */

/* Once, before there are threads and before jansson allocates anything. */
void json_memory_install(void);

/* From here on to the end, this thread's values come from memory kept for them,
 * as far as that goes, and from malloc() then. Does not nest. */
void json_memory_begin(void);

/**
 * json_memory_end - no value made since json_memory_begin() is used any more
 * @tree: the one that all of them belong to; NULL: there are none. Stolen
 */
void json_memory_end(json_t *tree);

#endif
