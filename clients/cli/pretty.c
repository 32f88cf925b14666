/* SPDX-License-Identifier: MIT */
#include "clients/cli/pretty.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ---- */

static void put_value(FILE *out, const json_t *value);

/* Names are joined as they are in C, all else by commas. */
static void put_array(FILE *out, const json_t *array)
{
	const bool names = json_is_string(json_array_get(array, 0));
	json_t *item;
	size_t i;

	if (!json_array_size(array))
		fputc('-', out);
	json_array_foreach(array, i, item) {
		if (i)
			fputs(names ? "|" : json_is_object(item) ? "; " : ",",
			      out);
		put_value(out, item);
	}
}

static void put_object(FILE *out, const json_t *object)
{
	json_t *members = (json_t *)object, *value;	/* only read */
	const char *key, *between = "";

	if (!json_object_size(object))
		fputc('-', out);
	json_object_foreach(members, key, value) {
		fprintf(out, json_is_object(value) ? "%s%s={" : "%s%s=", between,
			key);
		put_value(out, value);
		if (json_is_object(value))
			fputc('}', out);
		between = " ";
	}
}

/* Words that a terminal would act on are shown, not obeyed. */
static void put_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		if (c < ' ' || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		else
			fputc(c, out);
	}
}

static void put_value(FILE *out, const json_t *value)
{
	if (json_is_string(value))
		put_text(out, json_string_value(value));
	else if (json_is_array(value))
		put_array(out, value);
	else if (json_is_object(value))
		put_object(out, value);
	else if (!value || json_is_null(value))
		fputc('-', out);
	else
		json_dumpf(value, out, JSON_ENCODE_ANY);
}

/* A value on one line; the caller frees it. */
static char *cell(const json_t *value)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	put_value(out, value);
	fclose(out);
	return text;
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

/* ---- bytes ---- */

static int digit(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* One row of a dump: the address, 16 bytes, and those that are ASCII. */
static void dump_row(uint64_t addr, const char *hex, size_t nr)
{
	printf("%08" PRIx64 " ", addr);
	for (size_t i = 0; i < 16; i++) {
		if (i == 8)
			putchar(' ');
		if (i < nr)
			printf(" %.2s", hex + 2 * i);
		else
			printf("   ");
	}
	printf("  |");
	for (size_t i = 0; i < nr; i++) {
		const int c = digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]);

		putchar(c >= ' ' && c < 0x7f ? c : '.');
	}
	printf("|\n");
}

/* A number as parameters have it: an integer, or a string in any base. */
static uint64_t number(const json_t *value)
{
	return json_is_string(value)
		? strtoull(json_string_value(value), NULL, 0)
		: (uint64_t)json_integer_value(value);
}

/* Where the bytes of a result lie: in memory, or in a file. */
static uint64_t first_address(const json_t *params)
{
	const json_t *addr = json_object_get(params, "addr");

	return number(addr ? addr : json_object_get(params, "offset"));
}

static void print_bytes(const json_t *params, const char *hex)
{
	const size_t nr = strlen(hex) / 2;

	for (size_t i = 0; i < nr; i += 16)
		dump_row(first_address(params) + i, hex + 2 * i,
			 nr - i < 16 ? nr - i : 16);
}

/* Did the call leave "data" in hex, the encoding where none is asked for? */
static bool is_hex(const json_t *params)
{
	const char *encoding =
		json_string_value(json_object_get(params, "encoding"));

	return !encoding || !strcmp(encoding, "hex");
}

/* ---- everything else ---- */

/* What has lines of its own, below the others. */
static bool is_block(const char *key, const json_t *params,
		     const json_t *value)
{
	return is_table(value) ||
	       (!strcmp(key, "data") && json_string_length(value) &&
		is_hex(params));
}

static void print_line(const char *key, size_t width, const json_t *value)
{
	char *text = cell(value);

	printf("%-*s  %s\n", (int)width, key, text ? text : "");
	free(text);
}

static void print_members(const json_t *params, const json_t *object)
{
	json_t *members = (json_t *)object, *value;	/* only read */
	size_t width = 0;
	const char *key;

	json_object_foreach(members, key, value)
		if (!is_block(key, params, value) && strlen(key) > width)
			width = strlen(key);
	json_object_foreach(members, key, value) {
		if (!is_block(key, params, value)) {
			print_line(key, width, value);
			continue;
		}
		printf("%s\n", key);
		if (is_table(value))
			print_table(value);
		else
			print_bytes(params, json_string_value(value));
	}
}

static const char *member(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

void print_result(const char *method, const json_t *params,
		  const json_t *result)
{
	if (!strcmp(method, "proc.read"))
		fputs(member(result, "text"), stdout);
	else if (json_is_object(result))
		print_members(params, result);
	else
		json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
}
