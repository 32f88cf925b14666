/* SPDX-License-Identifier: MIT */
#include "server/exec_image.h"

#include <stdlib.h>
#include <string.h>

#include "mmcore/fs/binfmts.h"
#include "server/view/view.h"

#define PHDR_OFFSET	64	/* right behind a 64-bit ELF header */

/* One object as JSON has it: the program, or its interpreter. */
struct object_args {
	uint32_t given;
	struct rpc_bytes path;
	uint64_t entry, phdr_offset;
	uint32_t phnum;
	bool pie, stack_exec;
	const json_t *args, *env, *segments, *interp;
};

#define MEMBER(what, kind, must, bit, least, most, otherwise, nm)	\
	{ #what, kind, must, offsetof(struct object_args, what), bit, least, \
	  most, otherwise, NULL, nm, SHOW_INTEGER }

static const struct rpc_param object_params[] = {
	MEMBER(path, PARAM_STRING, true, 0, 1, 4095, 0, NULL),
	MEMBER(entry, PARAM_UINT, false, 1, 0, UINT64_MAX, 0, NULL),
	MEMBER(args, PARAM_JSON, false, 2, 0, 0, 0, NULL),
	MEMBER(env, PARAM_JSON, false, 3, 0, 0, 0, NULL),
	MEMBER(segments, PARAM_JSON, true, 4, 0, 0, 0, NULL),
	MEMBER(interp, PARAM_JSON, false, 5, 0, 0, 0, NULL),
	MEMBER(pie, PARAM_BOOL, false, 6, 0, 0, 0, NULL),
	MEMBER(phdr_offset, PARAM_UINT, false, 7, 0, UINT64_MAX, PHDR_OFFSET, NULL),
	MEMBER(phnum, PARAM_U32, false, 8, 0, 65535, 0, NULL),
	MEMBER(stack_exec, PARAM_BOOL, false, 9, 0, 0, 0, NULL),
};

static const struct rpc_method object_shape = {
	.name = "an exec image", .params = object_params,
	.nr_params = sizeof(object_params) / sizeof(object_params[0]),
	.args_size = sizeof(struct object_args),
	.given_offset = offsetof(struct object_args, given),
};

struct segment_args {
	uint32_t given;
	struct exec_segment seg;
};

#define SEGMENT(what, kind, must, bit, otherwise, nm)			\
	{ #what, kind, must, offsetof(struct segment_args, seg.what), bit, 0, \
	  UINT64_MAX, otherwise, NULL, nm, SHOW_INTEGER }

static const struct rpc_param segment_params[] = {
	SEGMENT(vaddr, PARAM_UINT, true, 0, 0, NULL),
	SEGMENT(offset, PARAM_UINT, true, 1, 0, NULL),
	SEGMENT(filesz, PARAM_UINT, true, 2, 0, NULL),
	SEGMENT(memsz, PARAM_UINT, true, 3, 0, NULL),
	SEGMENT(prot, PARAM_FLAGS, true, 4, 0, names_prot),
	SEGMENT(align, PARAM_UINT, false, 5, PAGE_SIZE, NULL),
};

static const struct rpc_method segment_shape = {
	.name = "a segment", .params = segment_params,
	.nr_params = sizeof(segment_params) / sizeof(segment_params[0]),
	.args_size = sizeof(struct segment_args),
	.given_offset = offsetof(struct segment_args, given),
};

/* ---- bytes that grow ---- */

struct growing {
	uint8_t *bytes;
	size_t len, cap;
};

/* False: the host is out of memory, or the image is too long. */
static bool grow(struct growing *g, const void *from, size_t len,
		 struct rpc_error *error)
{
	size_t cap = g->cap ? g->cap : 4096;
	uint8_t *bytes;

	if (g->len + len > EXEC_IMAGE_MAX)
		return rpc_fail(error, RPC_INVALID_PARAMS, "image",
				"is longer than 8 MiB");
	while (cap < g->len + len)
		cap *= 2;
	if (cap > g->cap) {
		bytes = realloc(g->bytes, cap);
		if (!bytes)
			return rpc_fail(error, RPC_INTERNAL_ERROR, "",
					"out of memory");
		g->bytes = bytes;
		g->cap = cap;
	}
	if (len)
		memcpy(g->bytes + g->len, from, len);
	g->len += len;
	return true;
}

/* "image", saying where inside it: rpc_decode() named the member alone. */
static bool inside(struct rpc_error *error, const char *where)
{
	char why[sizeof(error->why)], member[sizeof(error->param)];

	if (error->code != RPC_INVALID_PARAMS || !strcmp(error->param, "image"))
		return false;
	memcpy(why, error->why, sizeof(why));
	memcpy(member, error->param, sizeof(member));
	return rpc_fail(error, RPC_INVALID_PARAMS, "image", "%s%s%s: %.120s",
			where, *where && *member ? "." : "", member, why);
}

/* ---- from JSON ---- */

/* One member object of the image; @where names it. */
static bool take_object(const json_t *json, const char *where,
			struct object_args *args, struct rpc_error *error)
{
	struct rpc_scratch scratch = { .nr = 0 };

	if (!json_is_object(json))
		return rpc_fail(error, RPC_INVALID_PARAMS, "image",
				"%s must be an object {path, segments, …}",
				*where ? where : "it");
	if (!rpc_decode(&object_shape, json, args, &scratch, error))
		return inside(error, where);
	if (args->path.bytes[0] != '/')
		return rpc_fail(error, RPC_INVALID_PARAMS, "image",
				"%s%spath must be absolute", where,
				*where ? "." : "");
	return true;
}

static bool take_segments(const struct object_args *args, const char *where,
			  struct exec_object *object, struct growing *g,
			  struct rpc_error *error)
{
	const size_t nr = json_array_size(args->segments);
	struct rpc_scratch scratch = { .nr = 0 };
	char name[96];

	if (!json_is_array(args->segments) || !nr || nr > EXEC_SEGMENTS_MAX)
		return rpc_fail(error, RPC_INVALID_PARAMS, "image",
				"%s%ssegments must be an array of 1 to %d objects",
				where, *where ? "." : "", EXEC_SEGMENTS_MAX);
	for (size_t i = 0; i < nr; i++) {
		const json_t *json = json_array_get(args->segments, i);
		struct segment_args seg;

		snprintf(name, sizeof(name), "%s%ssegments[%zu]", where,
			 *where ? "." : "", i);
		if (!json_is_object(json))
			return rpc_fail(error, RPC_INVALID_PARAMS, "image",
					"%s must be an object", name);
		if (!rpc_decode(&segment_shape, json, &seg, &scratch, error))
			return inside(error, name);
		if (seg.seg.prot & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC))
			return rpc_fail(error, RPC_INVALID_PARAMS, "image",
					"%s.prot: must be of PROT_READ, PROT_WRITE, "
					"PROT_EXEC", name);
		if (!grow(g, &seg.seg, sizeof(seg.seg), error))
			return false;
	}
	object->nr_segments = (uint32_t)nr;
	object->entry = args->entry;
	object->phdr_offset = args->phdr_offset;
	object->phnum = args->phnum ? args->phnum : (uint32_t)nr;
	object->pie = args->pie;
	return true;
}

/* An array of strings without NUL; NULL is an empty one. */
static bool take_strings(const json_t *json, const char *name, uint32_t *count,
			 struct growing *g, struct rpc_error *error)
{
	const size_t nr = json ? json_array_size(json) : 0;

	if (json && !json_is_array(json))
		return rpc_fail(error, RPC_INVALID_PARAMS, "image",
				"%s must be an array of strings", name);
	for (size_t i = 0; i < nr; i++) {
		const json_t *item = json_array_get(json, i);
		const char *text = json_string_value(item);

		if (!text || strlen(text) != json_string_length(item))
			return rpc_fail(error, RPC_INVALID_PARAMS, "image",
					"%s[%zu] must be a string without NUL",
					name, i);
		if (!grow(g, text, strlen(text) + 1, error))
			return false;
	}
	*count = (uint32_t)nr;
	return true;
}

static bool take_path(const struct rpc_bytes *path, struct growing *g,
		      struct rpc_error *error)
{
	static const char nul[1];

	if (path->len && memchr(path->bytes, 0, path->len))
		return rpc_fail(error, RPC_INVALID_PARAMS, "image",
				"path must not contain NUL");
	return grow(g, path->bytes, path->len, error) &&
	       grow(g, nul, 1, error);
}

/* As execve(2) does it: a program always has an argument. */
static bool take_arguments(const struct object_args *program, uint32_t *argc,
			   struct growing *g, struct rpc_error *error)
{
	const struct rpc_bytes none = { .len = 0 };

	if (program->args && json_array_size(program->args))
		return take_strings(program->args, "args", argc, g, error);
	*argc = 1;
	if (!program->args)
		return take_path(&program->path, g, error);
	return take_strings(program->args, "args", argc, g, error) &&
	       (*argc = 1) && take_path(&none, g, error);
}

static bool take_all(const json_t *json, struct growing *g,
		     struct rpc_error *error)
{
	struct object_args program, interp = { .given = 0 };
	struct exec_image head = { .argc = 0 };
	size_t strings;

	if (!grow(g, &head, sizeof(head), error) ||
	    !take_object(json, "", &program, error) ||
	    !take_segments(&program, "", &head.program, g, error))
		return false;
	if (program.interp &&
	    (!take_object(program.interp, "interp", &interp, error) ||
	     !take_segments(&interp, "interp", &head.interp, g, error)))
		return false;
	/* An interpreter is what relocates itself, unless it says otherwise. */
	if (program.interp && !(interp.given & 1U << 6))
		head.interp.pie = true;
	head.stack_exec = program.stack_exec;
	strings = g->len;
	if (!take_path(&program.path, g, error) ||
	    !take_path(&interp.path, g, error) ||
	    !take_arguments(&program, &head.argc, g, error) ||
	    !take_strings(program.env, "env", &head.envc, g, error))
		return false;
	head.strings_len = g->len - strings;
	memcpy(g->bytes, &head, sizeof(head));
	return true;
}

bool exec_image_decode(const json_t *image, struct rpc_bytes *out,
		       struct rpc_error *error)
{
	struct growing g = { .len = 0 };

	if (!take_all(image, &g, error)) {
		free(g.bytes);
		return false;
	}
	*out = (struct rpc_bytes){ g.bytes, g.len };
	return true;
}

/* ---- to JSON ---- */

static void view_segments(struct json_writer *out,
			  const struct exec_segment *segments, uint32_t nr)
{
	json_key(out, "segments");
	json_array_begin(out);
	for (uint32_t i = 0; i < nr; i++) {
		json_object_begin(out);
		json_pair_hex(out, "vaddr", segments[i].vaddr);
		json_pair_hex(out, "offset", segments[i].offset);
		json_pair_hex(out, "filesz", segments[i].filesz);
		json_pair_hex(out, "memsz", segments[i].memsz);
		json_pair_uint(out, "prot", segments[i].prot);
		json_pair_hex(out, "align", segments[i].align);
		json_object_close(out);
	}
	json_array_close(out);
}

static const char *view_strings(struct json_writer *out, const char *key,
				const char *text, uint32_t nr)
{
	json_key(out, key);
	json_array_begin(out);
	for (uint32_t i = 0; i < nr; i++) {
		json_put_string(out, text);
		text += strlen(text) + 1;
	}
	json_array_close(out);
	return text;
}

static void view_object(struct json_writer *out, const char *path,
			const struct exec_object *object,
			const struct exec_segment *segments)
{
	json_pair_string(out, "path", path);
	json_pair_hex(out, "entry", object->entry);
	json_pair_hex(out, "phdr_offset", object->phdr_offset);
	json_pair_uint(out, "phnum", object->phnum);
	json_pair_bool(out, "pie", object->pie != 0);
	view_segments(out, segments, object->nr_segments);
}

void exec_image_view(struct json_writer *out, const uint8_t *data, size_t len)
{
	struct linux_binprm bprm;
	const char *text;

	if (!exec_image_parse(data, len, &bprm)) {
		json_put_null(out);
		return;
	}
	json_object_begin(out);
	view_object(out, bprm.path, &bprm.image->program, bprm.segments);
	json_pair_bool(out, "stack_exec", bprm.image->stack_exec != 0);
	text = view_strings(out, "args", bprm.strings, bprm.image->argc);
	view_strings(out, "env", text, bprm.image->envc);
	if (bprm.image->interp.nr_segments) {
		json_key(out, "interp");
		json_object_begin(out);
		view_object(out, bprm.interp_path, &bprm.image->interp,
			    bprm.interp_segments);
		json_object_close(out);
	}
	json_object_close(out);
}
