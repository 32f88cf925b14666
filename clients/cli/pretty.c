/* SPDX-License-Identifier: MIT */
#include "clients/cli/pretty.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A value as one word or so; the caller frees it. */
static char *cell(const json_t *value)
{
	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (!value || json_is_null(value))
		return strdup("-");
	return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* ---- tables ---- */

static bool is_table(const json_t *value)
{
	return json_is_array(value) && json_array_size(value) > 0 &&
	       json_is_object(json_array_get(value, 0));
}

static size_t column_width(const json_t *rows, const char *key)
{
	size_t width = strlen(key), i;
	json_t *row;

	json_array_foreach(rows, i, row) {
		char *text = cell(json_object_get(row, key));
		size_t len = text ? strlen(text) : 0;

		free(text);
		if (len > width)
			width = len;
	}
	return width;
}

#define COLUMNS_MAX 32

static void print_table(const json_t *rows)
{
	size_t width[COLUMNS_MAX] = { 0 }, nr = 0, i;
	const char *keys[COLUMNS_MAX], *key;
	json_t *first = json_array_get(rows, 0), *row, *value;

	json_object_foreach(first, key, value) {
		if (nr == COLUMNS_MAX)
			break;
		keys[nr] = key;
		width[nr] = column_width(rows, key);
		printf("%s%-*s", nr ? "  " : "", (int)width[nr], key);
		nr++;
	}
	putchar('\n');
	json_array_foreach(rows, i, row) {
		for (size_t c = 0; c < nr; c++) {
			char *text = cell(json_object_get(row, keys[c]));

			printf("%s%-*s", c ? "  " : "", (int)width[c],
			       text ? text : "");
			free(text);
		}
		putchar('\n');
	}
}

/* ---- everything else ---- */

static void print_members(const json_t *object)
{
	json_t *members = (json_t *)object, *value;	/* only read */
	size_t width = 0;
	const char *key;

	json_object_foreach(members, key, value)
		if (!is_table(value) && strlen(key) > width)
			width = strlen(key);
	json_object_foreach(members, key, value) {
		char *text;

		if (is_table(value)) {
			printf("%s\n", key);
			print_table(value);
			continue;
		}
		text = cell(value);
		printf("%-*s  %s\n", (int)width, key, text ? text : "");
		free(text);
	}
}

static const char *member(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* mm.maps as /proc/PID/maps has it. */
static void print_maps(const json_t *result)
{
	json_t *vma;
	size_t i;

	json_array_foreach(json_object_get(result, "vmas"), i, vma) {
		const char *path = member(vma, "path");
		int n = printf("%08llx-%08llx %s %08llx %s %lld ",
			       strtoull(member(vma, "start"), NULL, 16),
			       strtoull(member(vma, "end"), NULL, 16),
			       member(vma, "perms"),
			       strtoull(member(vma, "offset"), NULL, 16),
			       member(vma, "dev"), (long long)
			       json_integer_value(json_object_get(vma, "inode")));

		if (*path)
			printf("%*s%s", n < 73 ? 73 - n : 0, "", path);
		putchar('\n');
	}
}

void print_result(const char *method, const json_t *result)
{
	if (!strcmp(method, "mm.maps"))
		print_maps(result);
	else if (!strcmp(method, "proc.read"))
		fputs(member(result, "text"), stdout);
	else if (json_is_object(result))
		print_members(result);
	else
		json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
}
