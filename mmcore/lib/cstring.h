/* SPDX-License-Identifier: MIT */
/* Strings that end with NUL. The core links no libc: mem*() is all there is. */
#ifndef MMCORE_CSTRING_H
#define MMCORE_CSTRING_H

#include <stddef.h>

/* Bytes before the NUL. O(length). */
static inline size_t string_length(const char *text)
{
	size_t len = 0;

	while (text[len])
		len++;
	return len;
}

#endif
