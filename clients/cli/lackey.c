/* SPDX-License-Identifier: MIT */
/*
 * Traces of valgrind --tool=lackey --trace-mem=yes: " S addr,size" and the like,
 * every access of a program, and none of its calls. What was mapped is not told,
 * so each run of pages that the trace touches becomes an anonymous mapping of
 * its own, then the accesses follow: faults are what there is to see.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/recording.h"

#define PAGE_BITS	12
#define SPACE_END	0x7ffffffff000ULL
#define STACK_AREA	0x7ff000000000ULL	/* what "none" has is above */

struct access {
	uint64_t page;
	unsigned int times;
	char kind;		/* I, L, S; M is an L and an S */
	size_t line;
};

struct trace {
	struct access *list;
	size_t nr, room;
};

static bool add_access(struct trace *t, uint64_t page, char kind, size_t line)
{
	struct access *last = t->nr ? &t->list[t->nr - 1] : NULL;

	if (last && last->page == page && last->kind == kind) {
		last->times++;
		return true;
	}
	if (t->nr == t->room) {
		t->room = t->room ? 2 * t->room : 4096;
		last = realloc(t->list, t->room * sizeof(*last));
		if (!last)
			return false;
		t->list = last;
	}
	t->list[t->nr++] = (struct access){ page, 1, kind, line };
	return true;
}

static bool take_line(struct trace *t, const char *start, size_t len,
		      size_t line)
{
	unsigned long long addr;
	unsigned int size;
	char kind, text[64];

	len = len < sizeof(text) - 1 ? len : sizeof(text) - 1;
	memcpy(text, start, len);
	text[len] = '\0';
	if (sscanf(text, " %c %llx,%u", &kind, &addr, &size) != 3 || !size ||
	    !strchr("ILSM", kind) || addr >= SPACE_END || size > 4096)
		return true;
	for (uint64_t page = addr >> PAGE_BITS;
	     page <= (addr + size - 1) >> PAGE_BITS; page++)
		if (!add_access(t, page, kind == 'M' ? 'S' : kind, line))
			return false;
	return true;
}

/* ---- mappings ---- */

static int by_page(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void add_mapping(json_t *events, uint64_t first, uint64_t pages)
{
	char addr[24];

	snprintf(addr, sizeof(addr), "0x%llx",
		 (unsigned long long)(first << PAGE_BITS));
	json_array_append_new(events, json_pack(
		"{s:i, s:s, s:[s, I, s, s, i, i], s:s, s:i}", "p", 1, "call",
		"mmap", "args", addr, (json_int_t)(pages << PAGE_BITS),
		"PROT_READ|PROT_WRITE|PROT_EXEC",
		"MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE|MAP_NORESERVE", -1,
		0, "ret", addr, "line", 1));
}

static bool add_mappings(json_t *events, const struct trace *t)
{
	uint64_t *pages = malloc((t->nr + 1) * sizeof(*pages));
	size_t first = 0;

	if (!pages)
		return false;
	for (size_t i = 0; i < t->nr; i++)
		pages[i] = t->list[i].page;
	qsort(pages, t->nr, sizeof(*pages), by_page);
	for (size_t i = 1; i <= t->nr; i++) {
		if (i < t->nr && pages[i] - pages[i - 1] <= 1)
			continue;
		if (pages[first] < STACK_AREA >> PAGE_BITS)
			add_mapping(events, pages[first],
				    pages[i - 1] - pages[first] + 1);
		first = i;
	}
	free(pages);
	return true;
}

static json_t *access_event(const struct access *a)
{
	char addr[24];

	snprintf(addr, sizeof(addr), "0x%llx",
		 (unsigned long long)(a->page << PAGE_BITS));
	return json_pack("{s:i, s:s, s:s, s:i, s:I}", "p", 1, "access",
			 a->kind == 'I' ? "exec" : a->kind == 'L' ? "read" : "write",
			 "addr", addr, "times", (int)a->times, "line",
			 (json_int_t)a->line);
}

json_t *lackey_parse(const char *text, char *why)
{
	struct trace t = { NULL, 0, 0 };
	json_t *events = json_array();
	bool good = true;

	for (size_t line = 1; *text && good; line++) {
		const size_t len = strcspn(text, "\n");

		good = take_line(&t, text, len, line);
		text += len + (text[len] == '\n');
	}
	json_array_append_new(events, json_pack("{s:s}", "format", "lackey"));
	json_array_append_new(events, json_pack("{s:i, s:s}", "p", 1, "exec",
						"none"));
	good = good && t.nr && add_mappings(events, &t);
	for (size_t i = 0; i < t.nr && good; i++)
		json_array_append_new(events, access_event(&t.list[i]));
	free(t.list);
	if (good)
		return events;
	snprintf(why, RECORDING_WHY_MAX, "%s", t.nr ? "out of memory"
						    : "it has no accesses");
	json_decref(events);
	return NULL;
}
