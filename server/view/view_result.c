/* SPDX-License-Identifier: MIT */
/* What an operation led to, as docs/api.md section 3 shows it. */
#include <stdlib.h>
#include <string.h>

#include "mmcore/arch/arch.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/slab.h"
#include "server/op_args.h"
#include "server/view/view.h"

/* Is the value of this call an address? */
static bool returns_address(enum op_code code)
{
	return code == OP_MMAP || code == OP_MMAP2 ||
	       code == OP_MREMAP || code == OP_BRK;
}

static bool is_access(enum op_code code)
{
	return code >= OP_MEM_READ && code <= OP_MEM_TOUCH;
}

static void view_ret(struct json_writer *out, const struct op *op,
		     const struct op_result *res)
{
	if (res->outcome == OUT_OK && returns_address(op->code))
		json_pair_hex(out, "ret", (uint64_t)res->ret);
	else
		json_pair_int(out, "ret", res->ret);
}

static void view_signal(struct json_writer *out, const struct op_result *res)
{
	json_pair_string(out, "signal", mm_signal_name(res->signo));
	json_pair_string(out, "code", mm_si_code_name(res->signo, res->si_code));
	json_pair_hex(out, "addr", res->fault_addr);
}

/* What a call that went well gives beside its value. */
static void view_beside(struct json_writer *out, const struct op *op,
			const struct op_result *res)
{
	if (res->signo)
		json_pair_string(out, "signal", mm_signal_name(res->signo));
	if (op->code == OP_SPLICE && op->splice.off_in != NO_OFFSET)
		json_pair_uint(out, "off_in", res->offset);
	else if (op->code == OP_SPLICE && op->splice.off_out != NO_OFFSET)
		json_pair_uint(out, "off_out", res->offset);
	else if (op->code == OP_SENDFILE && op->sendfile.offset != NO_OFFSET)
		json_pair_uint(out, "offset", res->offset);
	if (op->code != OP_PIPE)
		return;
	json_key(out, "fds");
	json_array_begin(out);
	json_put_int(out, res->fds[0]);
	json_put_int(out, res->fds[1]);
	json_array_close(out);
}

void view_outcome(struct json_writer *out, const struct op *op,
		  const struct op_result *res)
{
	json_pair_bool(out, "ok", res->outcome == OUT_OK);
	switch (res->outcome) {
	case OUT_OK:
		view_ret(out, op, res);
		view_beside(out, op, res);
		break;
	case OUT_ERRNO:
		view_ret(out, op, res);
		json_pair_string(out, "errno", mm_errno_name(res->err));
		if (res->signo)
			json_pair_string(out, "signal",
					 mm_signal_name(res->signo));
		break;
	case OUT_SIGNAL:
		view_signal(out, res);
		break;
	case OUT_BLOCKED:
		json_pair_string(out, "blocked", res->why);
		json_pair_uint(out, "room", res->room);
		break;
	}
	if (res->why && res->outcome != OUT_BLOCKED)
		json_pair_string(out, "why", res->why);
	if (op->code == OP_SPAWN && res->outcome == OUT_OK)
		json_pair_int(out, "pid", res->ret);
	if (is_access(op->code))
		json_pair_uint(out, "done", res->done);
	if (is_access(op->code) || res->minor || res->major) {
		json_pair_uint(out, "minor", res->minor);
		json_pair_uint(out, "major", res->major);
	}
	if (!res->nr_killed)
		return;
	json_key(out, "killed");
	json_array_begin(out);
	for (uint32_t i = 0; i < res->nr_killed; i++)
		json_put_uint(out, res->killed[i]);
	json_array_close(out);
}

/* ---- steps ---- */

static void put_enum(struct json_writer *out, const struct param_name *names,
		     uint64_t value)
{
	for (; names->name; names++)
		if (names->value == value) {
			json_put_string(out, names->name);
			return;
		}
	json_put_uint(out, value);
}

static void view_step_arg(struct json_writer *out, const struct machine *m,
			  char format, uint64_t value)
{
	switch (format) {
	case 'e':
		json_put_string(out, mm_errno_name((int)value));
		break;
	case 's':
		json_put_string(out, mm_signal_name((int)value));
		break;
	case 'a':
		put_enum(out, names_advice, value);
		break;
	case 'r':
		put_enum(out, names_rlimit, value);
		break;
	case 'z':
		json_put_string(out, zone_name((enum zone_type)value));
		break;
	case 'k':
		json_put_string(out, kmem_cache_name((enum kmem_cache_id)value));
		break;
	case 'l':
		json_put_string(out, m->arch->level[value].name);
		break;
	case 'x':
		json_put_hex(out, value);
		break;
	case 'v':
		view_vm_flags(out, value);
		break;
	case 'p':
		view_flags(out, value, names_prot);
		break;
	case 'b':
		json_put_bool(out, value != 0);
		break;
	default:
		json_put_int(out, (int64_t)value);
	}
}

/* "addr:x len:d": the names and formats of an event's arguments. */
static void view_detail(struct json_writer *out, const struct machine *m,
			const char *spec, const uint64_t *arg)
{
	json_object_begin(out);
	while (*spec) {
		size_t len = strcspn(spec, ":");
		char name[48];

		memcpy(name, spec, len < sizeof(name) ? len : sizeof(name) - 1);
		name[len < sizeof(name) ? len : sizeof(name) - 1] = '\0';
		json_key(out, name);
		view_step_arg(out, m, spec[len + 1], *arg++);
		spec += len + 2;
		spec += *spec == ' ';
	}
	json_object_close(out);
}

static void view_step(struct json_writer *out, const struct machine *m,
		      const struct trace_event *e)
{
	const struct trace_kind *kind = &trace_kinds[e->id];
	const bool refused = e->id == TRACE_refused;

	json_object_begin(out);
	json_pair_string(out, "fn", e->fn ? e->fn : kind->fn);
	json_pair_string(out, "step", kind->step);
	if (kind->n)
		json_pair_int(out, "n", kind->n);
	if (e->note)
		json_pair_string(out, refused ? "why" : "skipped", e->note);
	json_key(out, "detail");
	view_detail(out, m, e->note && !refused ? "" : kind->args, e->arg);
	json_object_close(out);
}

void view_steps(struct json_writer *out, const struct machine *m,
		const struct trace *trace)
{
	json_key(out, "steps");
	json_array_begin(out);
	for (uint64_t i = 0; i < trace->nr; i++)
		view_step(out, m, &trace->events[i]);
	json_array_close(out);
	if (trace->lost)
		json_pair_uint(out, "steps_lost", trace->lost);
}

/* ---- bytes ---- */

void view_vec(struct json_writer *out, const uint8_t *vec, uint64_t len)
{
	json_key(out, "vec");
	json_array_begin(out);
	for (uint64_t i = 0; i < len; i++)
		json_put_uint(out, vec[i]);
	json_array_close(out);
}

static void put_hex_bytes(char *to, const uint8_t *bytes, size_t len)
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		to[2 * i] = digit[bytes[i] >> 4];
		to[2 * i + 1] = digit[bytes[i] & 15];
	}
}

static void put_base64(char *to, const uint8_t *bytes, size_t len)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		const size_t n = len - i < 3 ? len - i : 3;
		uint32_t bits = (uint32_t)bytes[i] << 16;

		bits |= n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
		bits |= n > 2 ? bytes[i + 2] : 0;
		*to++ = digit[bits >> 18];
		*to++ = digit[bits >> 12 & 63];
		*to++ = n > 1 ? digit[bits >> 6 & 63] : '=';
		*to++ = n > 2 ? digit[bits & 63] : '=';
	}
}

void view_bytes(struct json_writer *out, const uint8_t *bytes, size_t len,
		enum rpc_encoding encoding)
{
	size_t room = encoding == ENCODING_HEX ? 2 * len : (len + 2) / 3 * 4;
	char *text;

	if (encoding == ENCODING_UTF8) {
		json_put_stringn(out, (const char *)bytes, len);
		return;
	}
	text = malloc(room + 1);
	if (!text) {
		out->failed = true;
		return;
	}
	if (encoding == ENCODING_HEX)
		put_hex_bytes(text, bytes, len);
	else
		put_base64(text, bytes, len);
	json_put_stringn(out, text, room);
	free(text);
}
