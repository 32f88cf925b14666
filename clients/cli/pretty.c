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
	if (!value || json_is_null(value) ||
	    (json_is_object(value) && !json_object_size(value)))
		return strdup("-");
	return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

/* ---- tables ---- */

static bool is_table(const json_t *value)
{
	return json_is_array(value) && json_array_size(value) > 0 &&
	       json_is_object(json_array_get(value, 0));
}

/* Characters of UTF-8, each taken to be one column wide. */
static size_t columns_of(const char *text)
{
	size_t nr = 0;

	for (; *text; text++)
		nr += (*text & 0xc0) != 0x80;
	return nr;
}

static size_t column_width(const json_t *rows, const char *key)
{
	size_t width = columns_of(key), i;
	json_t *row;

	json_array_foreach(rows, i, row) {
		char *text = cell(json_object_get(row, key));
		size_t len = text ? columns_of(text) : 0;

		free(text);
		if (len > width)
			width = len;
	}
	return width;
}

/* The members of all rows, as they first appear; each with its width. */
static json_t *find_columns(const json_t *rows)
{
	json_t *columns = json_object(), *row, *value;
	const char *key;
	size_t i;

	json_array_foreach(rows, i, row)
		json_object_foreach(row, key, value)
			if (!json_object_get(columns, key))
				json_object_set_new(columns, key, json_integer(
					(json_int_t)column_width(rows, key)));
	return columns;
}

/* The row, or the columns' names where there is none. */
static void print_row(json_t *columns, const json_t *row)
{
	size_t blanks = 0;
	json_t *width;
	const char *key;

	json_object_foreach(columns, key, width) {
		char *text = row ? cell(json_object_get(row, key)) : strdup(key);

		printf("%*s%s", (int)blanks, "", text ? text : "");
		blanks = (size_t)json_integer_value(width) + 2 -
			 (text ? columns_of(text) : 0);
		free(text);
	}
	putchar('\n');
}

static void print_table(const json_t *rows)
{
	json_t *columns = find_columns(rows), *row;
	size_t i;

	print_row(columns, NULL);
	json_array_foreach(rows, i, row)
		print_row(columns, row);
	json_decref(columns);
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

void print_result(const char *method, const json_t *result)
{
	if (!strcmp(method, "proc.read"))
		fputs(member(result, "text"), stdout);
	else if (json_is_object(result))
		print_members(result);
	else
		json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
}
