/* SPDX-License-Identifier: MIT */
/*
 * Blocks are cut off the thread's own memory one behind the other, and nothing
 * is given back before the end. What does not fit comes from malloc(), so that
 * a large body costs no more than it would without this. Where an allocator
 * watches its blocks (--enable-sanitize), all of them are left to it.
 */
#include "server/json_memory.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ALLOCATOR_WATCHES 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ALLOCATOR_WATCHES 1
#endif

#define ALIGNMENT	16UL

#ifdef ALLOCATOR_WATCHES
#define ROOM		0UL
#else
#define ROOM		((size_t)JSON_MEMORY_BYTES)
#endif

static _Thread_local struct {
	_Alignas(ALIGNMENT) char bytes[JSON_MEMORY_BYTES];
	size_t used;
	bool open;
	bool spilled;		/* some came from malloc() */
} memory;

static bool installed;

static void *allocate(size_t size)
{
	size_t at = memory.used;

	if (memory.open && size <= ROOM - at) {
		memory.used = (at + size + ALIGNMENT - 1) & -ALIGNMENT;
		return memory.bytes + at;
	}
	memory.spilled = true;
	return malloc(size);
}

static void let_go(void *block)
{
	if ((uintptr_t)block - (uintptr_t)memory.bytes >= JSON_MEMORY_BYTES)
		free(block);
}

void json_memory_install(void)
{
	json_set_alloc_funcs(allocate, let_go);
	installed = true;
}

void json_memory_begin(void)
{
	memory.used = 0;
	memory.open = true;
	memory.spilled = false;
}

bool json_memory_end(void)
{
	memory.open = false;
	return installed && !memory.spilled;
}
