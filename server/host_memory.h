/* SPDX-License-Identifier: MIT */
/* How much memory this process may use. */
#ifndef SERVER_HOST_MEMORY_H
#define SERVER_HOST_MEMORY_H

#include <stdint.h>

/**
 * host_memory - the bytes that the host leaves this process, at most
 * @root: "" for this host's files; a folder in front of /proc and /sys, for tests
 *
 * The least of the RAM, RLIMIT_AS, and the limits of the memory control group and of
 * those above it, of version 2 (memory.max) and of version 1 (memory.limit_in_bytes).
 * What cannot be read limits nothing. Linux: Documentation/admin-guide/cgroup-v2.rst,
 * cgroup-v1/memory.rst.
 */
uint64_t host_memory(const char *root);

#endif
