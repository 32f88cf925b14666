/* SPDX-License-Identifier: MIT */
/* Reading a stopped process that is being traced. */
#ifndef CLIENTS_CLI_TRACEE_H
#define CLIENTS_CLI_TRACEE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes of its memory; false where not all of them can be read. */
bool tracee_read(pid_t pid, uint64_t addr, void *to, size_t len);

/* A string of its memory, at most PATH_MAX; false where it cannot be read. */
bool tracee_string(pid_t pid, uint64_t addr, char *to);

/* Text as a JSON string; what is not valid UTF-8 becomes as many "?". */
json_t *json_text(const char *text, size_t len);

/* A file of /proc/PID whole, NUL-terminated, its length at *len; NULL: none. */
char *tracee_file(pid_t pid, const char *name, size_t *len);

/* The NUL-separated strings of a file of /proc/PID, as an array. */
json_t *tracee_strings(pid_t pid, const char *name);

/* The lines of its maps file, as an array. */
json_t *tracee_maps(pid_t pid);

/* R, S, D, t, Z … of its stat file; X: it is gone. */
char tracee_state(pid_t pid);

/* Where a link of /proc/PID leads; "" where it cannot be read. */
void tracee_link(pid_t pid, const char *name, char *to);

/* A path of the process as an absolute one, its links not followed. */
void tracee_path(pid_t pid, int dirfd, const char *path, char *to);

/* Runs of pages, ascending, none touching the next. */
struct page_set {
	struct page_run {
		uint64_t start, end;
	} *runs;
	size_t nr;
};

/**
 * tracee_anon_pages - the anonymous pages that it has in memory or in swap
 * @set: emptied, then filled in; free() its runs
 *
 * Pages of the zero page are none: reading alone changes no VMA. Needs
 * PAGEMAP_SCAN of Linux 6.7. Returns: false, @set empty, where there is none.
 */
bool tracee_anon_pages(pid_t pid, struct page_set *set);

/* What @now has and @then has not, as [["0x…", bytes], …]; NULL: nothing. */
json_t *pages_gained(const struct page_set *then, const struct page_set *now);

#endif
