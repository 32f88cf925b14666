/* SPDX-License-Identifier: MIT */
#include "clients/cli/recording.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION		1
#define FORMAT		"mmapd recording"

static json_t *wrong(char *why, json_t *drop, const char *text, size_t line)
{
	snprintf(why, RECORDING_WHY_MAX, "line %zu: %.200s", line, text);
	json_decref(drop);
	return NULL;
}

static bool good_head(const json_t *head, char *why)
{
	const char *format = json_string_value(json_object_get(head, "format"));
	const json_t *version = json_object_get(head, "version");

	if (!format || strcmp(format, FORMAT))
		wrong(why, NULL, "it is no \"" FORMAT "\"", 1);
	else if (json_integer_value(version) != VERSION)
		wrong(why, NULL, "only version 1 is understood", 1);
	else
		return true;
	return false;
}

/* Whether an event has the members that its kind must have. */
static bool good_event(const json_t *e)
{
	const json_t *p = json_object_get(e, "p");

	if (json_object_get(e, "end"))
		return true;
	if (json_object_get(e, "file"))
		return json_is_string(json_object_get(e, "file")) &&
		       json_is_integer(json_object_get(e, "size"));
	if (!json_is_integer(p) || json_integer_value(p) < 1 ||
	    json_integer_value(p) > 65536)
		return false;
	if (json_object_get(e, "call"))
		return json_is_string(json_object_get(e, "call")) &&
		       json_is_array(json_object_get(e, "args")) &&
		       json_object_get(e, "ret");
	return json_is_object(json_object_get(e, "exec")) ||
	       json_is_array(json_object_get(e, "touch")) ||
	       json_is_array(json_object_get(e, "maps"));
}

static json_t *parse_lines(const char *text, char *why)
{
	json_t *events = json_array(), *event;
	json_error_t error;
	size_t line = 0;

	while (*text) {
		const size_t len = strcspn(text, "\n");

		line++;
		event = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
		if (!event)
			return wrong(why, events, error.text, line);
		json_object_set_new(event, "line", json_integer((json_int_t)line));
		json_array_append_new(events, event);
		if (line == 1 && !good_head(event, why)) {
			json_decref(events);
			return NULL;
		}
		if (line > 1 && !good_event(event))
			return wrong(why, events, "it is no event", line);
		text += len + (text[len] == '\n');
	}
	return events;
}

/* " S 1fff000708,8", "I  0401ab70,3", or what valgrind says before them. */
static bool is_lackey(const char *text)
{
	unsigned long long addr;
	unsigned int size;
	char kind;
	int ended = 0;

	if (!strncmp(text, "==", 2))
		return strstr(text, "Lackey") || strstr(text, "Valgrind");
	sscanf(text, " %c %llx,%u%n", &kind, &addr, &size, &ended);
	return ended && strchr("ILSM", kind) &&
	       (text[ended] == '\n' || !text[ended]);
}

json_t *recording_parse(const char *text, char *why)
{
	if (*text == '{')
		return parse_lines(text, why);
	return is_lackey(text) ? lackey_parse(text, why)
			       : strace_parse(text, why);
}

/* A whole file as text; NULL with errno set. */
static char *slurp(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t len = 0, room = 0, got;

	if (!file)
		return NULL;
	do {
		if (room - len < 65536) {
			char *more = realloc(text, room = 2 * room + 131072);

			if (!more)
				break;
			text = more;
		}
		got = fread(text + len, 1, room - len - 1, file);
		len += got;
	} while (got);
	if (text)
		text[len] = '\0';
	if (ferror(file) || (text && memchr(text, 0, len))) {
		errno = ferror(file) ? EIO : EINVAL;
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

json_t *recording_load(const char *path, char *why)
{
	char *text = slurp(path);
	json_t *events;

	if (!text) {
		snprintf(why, RECORDING_WHY_MAX, "%s", strerror(errno));
		return NULL;
	}
	events = recording_parse(text, why);
	free(text);
	return events;
}
