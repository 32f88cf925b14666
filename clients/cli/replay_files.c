/* SPDX-License-Identifier: MIT */
/*
 * The files of a recording. What is in them is not known, so that they are made
 * by their size alone and are holes to the disk, which nobody sees but who asks
 * lseek(2) where data or holes are. Files of which that is asked are made with
 * bytes, as far as a request is long.
 */
#include <stdlib.h>
#include <string.h>

#include "clients/cli/replay_state.h"

#define FILLED_MAX	(3 << 20)	/* of the 4 MiB that a request may have */

static json_t *arg(const json_t *event, size_t nr)
{
	return json_array_get(json_object_get(event, "args"), nr);
}

static bool asks_for_holes(const json_t *event)
{
	const char *whence = json_string_value(arg(event, 2));

	return whence && (!strcmp(whence, "0x3") || !strcmp(whence, "0x4") ||
			  !strcmp(whence, "SEEK_DATA") ||
			  !strcmp(whence, "SEEK_HOLE"));
}

/* @paths: what the descriptors of each number were last opened as. */
static void look_at_call(struct replay *r, json_t *paths, const json_t *event)
{
	const char *name = json_string_value(json_object_get(event, "call"));
	const json_t *fd = json_object_get(event, "ret");
	char key[24];
	json_t *path;

	if (!strncmp(name, "open", 4)) {
		snprintf(key, sizeof(key), "%lld", json_integer_value(fd));
		path = arg(event, strcmp(name, "open") ? 1 : 0);
		if (path)
			json_object_set(paths, key, path);
	} else if (!strcmp(name, "lseek") && asks_for_holes(event)) {
		snprintf(key, sizeof(key), "%lld",
			 json_integer_value(arg(event, 0)));
		path = json_object_get(paths, key);
		if (json_is_string(path))
			json_object_set_new(r->filled, json_string_value(path),
					    json_true());
	}
}

void find_filled_files(struct replay *r, const json_t *events)
{
	json_t *paths = json_object(), *event, *fd;
	size_t i, n;
	char key[24];

	json_array_foreach(events, i, event) {
		json_array_foreach(json_object_get(event, "fds"), n, fd) {
			snprintf(key, sizeof(key), "%lld", json_integer_value(
				json_object_get(fd, "fd")));
			json_object_set(paths, key, json_object_get(fd, "path"));
		}
		if (json_object_get(event, "call"))
			look_at_call(r, paths, event);
	}
	json_decref(paths);
}

void replay_file(struct replay *r, json_t *event)
{
	const json_t *mode = json_object_get(event, "mode");
	const char *path = json_string_value(json_object_get(event, "file"));
	const json_int_t size =
		json_integer_value(json_object_get(event, "size"));
	json_t *params = json_pack("{s:s, s:I, s:i}", "path", path, "size", size,
				   "mode", mode ? (int)json_integer_value(mode)
						: 0644);
	char *bytes = NULL;

	if (json_object_get(r->filled, path) && size > 0 && size <= FILLED_MAX)
		bytes = malloc((size_t)size);
	if (bytes) {
		memset(bytes, '.', (size_t)size);
		json_object_set_new(params, "data",
				    json_stringn(bytes, (size_t)size));
		json_object_del(params, "size");
		free(bytes);
		run_ops(r);
	}
	add_op(r, NULL, CHECK_SETUP, event, "file.create", params);
	if (bytes)
		run_ops(r);
}
