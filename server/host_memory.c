/* SPDX-License-Identifier: MIT */
#include "server/host_memory.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The number in a file; UINT64_MAX where it has none ("max"), or is not there. */
static uint64_t number_in(const char *path)
{
	unsigned long long value;
	FILE *f = fopen(path, "re");
	bool got = f && fscanf(f, "%llu", &value) == 1;

	if (f)
		fclose(f);
	return got ? value : UINT64_MAX;
}

/* The least of @file's numbers in the group's folder and in those above it. */
static uint64_t least_upward(const char *root, const char *mount,
			     const char *group, const char *file)
{
	char at[PATH_MAX], path[2 * PATH_MAX];
	uint64_t least = UINT64_MAX;
	char *slash;

	snprintf(at, sizeof(at), "%s", group);
	for (;;) {
		snprintf(path, sizeof(path), "%s%s%s/%s", root, mount, at, file);
		least = lesser(least, number_in(path));
		slash = strrchr(at, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

/* Is "memory" one of the words, which commas separate? */
static bool names_memory(const char *words)
{
	const size_t len = strlen("memory");

	for (; words; words = strchr(words, ',')) {
		words += *words == ',';
		if (!strncmp(words, "memory", len) &&
		    (!words[len] || words[len] == ','))
			return true;
	}
	return false;
}

/* A line of /proc/self/cgroup: "0::/path", or "4:memory:/path". */
static uint64_t limit_of_line(const char *root, char *line)
{
	char *controllers = strchr(line, ':'), *group;

	if (!controllers)
		return UINT64_MAX;
	*controllers++ = '\0';
	group = strchr(controllers, ':');
	if (!group)
		return UINT64_MAX;
	*group++ = '\0';
	group[strcspn(group, "\n")] = '\0';
	if (!*controllers)
		return least_upward(root, "/sys/fs/cgroup", group, "memory.max");
	return names_memory(controllers)
		? least_upward(root, "/sys/fs/cgroup/memory", group,
			       "memory.limit_in_bytes") : UINT64_MAX;
}

static uint64_t group_limit(const char *root)
{
	char path[PATH_MAX], line[PATH_MAX];
	uint64_t least = UINT64_MAX;
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		least = lesser(least, limit_of_line(root, line));
	if (f)
		fclose(f);
	return least;
}

uint64_t host_memory(const char *root)
{
	uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) *
			 (uint64_t)sysconf(_SC_PAGESIZE);
	struct rlimit space;

	if (!getrlimit(RLIMIT_AS, &space) && space.rlim_cur != RLIM_INFINITY)
		bytes = lesser(bytes, space.rlim_cur);
	return lesser(bytes, group_limit(root));
}
