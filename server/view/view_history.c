/* SPDX-License-Identifier: MIT */
/*
 * The history shows operations as they could be sent again: parameters are
 * read back from the packed operation by the very tables that decoded them.
 */
#include <string.h>

#include "server/exec_image.h"
#include "server/op_args.h"
#include "server/view/view.h"

static void view_enum(struct json_writer *out, const struct rpc_param *param,
		      uint32_t value)
{
	for (const struct param_name *n = param->names; n && n->name; n++)
		if (n->value == value) {
			json_put_string(out, n->name);
			return;
		}
	json_put_uint(out, value);
}

static void view_integer(struct json_writer *out, enum param_show show,
			 uint64_t value)
{
	if (show == SHOW_HEX)
		json_put_hex(out, value);
	else if (show == SHOW_SIGNED)
		json_put_int(out, (int64_t)value);
	else
		json_put_uint(out, value);
}

static void view_ranges(struct json_writer *out,
			const struct rpc_ranges *ranges)
{
	json_array_begin(out);
	for (uint64_t i = 0; i < ranges->nr; i++) {
		json_object_begin(out);
		json_pair_hex(out, "base", ranges->words[2 * i]);
		json_pair_hex(out, "len", ranges->words[2 * i + 1]);
		json_object_close(out);
	}
	json_array_close(out);
}

static void view_param(struct json_writer *out, const struct rpc_param *param,
		       const void *at)
{
	const struct rpc_bytes *text;

	switch (param->type) {
	case PARAM_BOOL:
		json_put_bool(out, *(const bool *)at);
		break;
	case PARAM_U8:
		json_put_uint(out, *(const uint8_t *)at);
		break;
	case PARAM_U32:
		json_put_uint(out, *(const uint32_t *)at);
		break;
	case PARAM_I32:
		json_put_int(out, *(const int32_t *)at);
		break;
	case PARAM_ENUM:
		view_enum(out, param, *(const uint32_t *)at);
		break;
	case PARAM_FLAGS:
		view_flag_text(out, *(const uint64_t *)at, param->names);
		break;
	case PARAM_NAME:
	case PARAM_CUT_NAME:
		json_put_string(out, at);
		break;
	case PARAM_PATH:
	case PARAM_FILE_PATH:
		text = at;
		json_put_stringn(out, (const char *)text->bytes, text->len);
		break;
	case PARAM_RANGES:
		view_ranges(out, at);
		break;
	default:
		view_integer(out, param->show, *(const uint64_t *)at);
	}
}

/* Parameters that are not a plain value of the operation. */
static bool is_apart(const struct rpc_param *param)
{
	return param->type == PARAM_MACHINE || param->type == PARAM_JSON ||
	       param->type == PARAM_BYTES || param->type == PARAM_ENCODING ||
	       !strcmp(param->name, "explain");
}

/*
 * Not given; or not kept; or the count of bytes at no address, which the data has
 * itself.
 */
static bool is_absent(const struct rpc_param *param, const struct history_entry *e,
		      const void *at)
{
	if (param->nullable)
		return *(const uint64_t *)at == param->fallback;
	if (param->type == PARAM_RANGES)
		return e->data_dropped != 0;
	return op_brings_data(e->op) && !strcmp(param->name, "count");
}

static void view_spawn(struct json_writer *out, const struct op_spawn *spawn)
{
	if (spawn->image != IMAGE_EXEC)
		json_pair_string(out, "image",
				 spawn->image == IMAGE_NONE ? "none" : "demo");
	if (!spawn->rlimit_set)
		return;
	json_key(out, "rlimits");
	json_object_begin(out);
	for (const struct param_name *r = names_rlimit; r->name; r++) {
		if (!(spawn->rlimit_set >> r->value & 1))
			continue;
		json_key(out, r->name);
		json_object_begin(out);
		json_pair_hex(out, "soft", spawn->rlim[r->value].soft);
		json_pair_hex(out, "hard", spawn->rlim[r->value].hard);
		json_object_close(out);
	}
	json_object_close(out);
}

/* The program that a spawn or an exec brought along. */
static void view_program(struct json_writer *out, const struct history_entry *e)
{
	if (!op_brings_program(e->op))
		return;
	json_key(out, "image");
	exec_image_view(out, e->op->data, e->op->data_len);
}

static void view_sysctl(struct json_writer *out, const struct op_sysctl *a)
{
	json_pair_string(out, "name", mm_sysctl_name((int)a->id));
	json_pair_uint(out, "value", a->value);
}

static void view_op_params(struct json_writer *out,
			   const struct rpc_method *method,
			   const struct history_entry *e)
{
	struct op_args args = { .op = *e->op };

	op_args_show(&args);
	for (uint32_t i = 0; i < method->nr_params; i++) {
		const struct rpc_param *param = &method->params[i];

		if (is_apart(param) ||
		    is_absent(param, e, (const char *)&args + param->offset))
			continue;
		json_key(out, param->name);
		view_param(out, param, (const char *)&args + param->offset);
	}
	if (e->op->code == OP_SPAWN)
		view_spawn(out, &e->op->spawn);
	if (e->data_dropped) {
		json_pair_uint(out, "data_dropped", e->data_dropped);
		return;
	}
	view_program(out, e);
	if (!op_brings_data(e->op))
		return;
	json_key(out, "data");
	view_bytes(out, e->op->data, e->op->data_len, ENCODING_HEX);
	json_pair_string(out, "encoding", "hex");
}

static void view_params(struct json_writer *out, const struct history_entry *e)
{
	const struct rpc_method *method = rpc_find_method(e->method);

	json_object_begin(out);
	if (e->op && e->op->code == OP_SYSCTL) {
		view_sysctl(out, &e->op->sysctl);
	} else if (e->op && method) {
		view_op_params(out, method, e);
	} else if (!e->op) {
		if (e->snapshot && *e->snapshot)
			json_pair_string(out, "snapshot", e->snapshot);
		json_pair_uint(out, "seq", e->to_seq);
	}
	json_object_close(out);
}

void view_history_entry(struct json_writer *out, const struct history_entry *e)
{
	json_object_begin(out);
	json_pair_uint(out, "seq", e->seq);
	json_pair_string(out, "method", e->method);
	json_key(out, "params");
	view_params(out, e);
	json_key(out, "result");
	json_object_begin(out);
	if (e->op)
		view_outcome(out, e->op, e->res);
	else
		json_pair_bool(out, "ok", true);
	json_object_close(out);
	json_object_close(out);
}
