/* SPDX-License-Identifier: MIT */
/*
 * Parameters into an args struct, as a method's generated table says: what a
 * client may write for each type, and the sentence for what it may not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/rpc.h"

#define MACHINE_MAX	64
#define INTEGER_FORMS	"must be an integer, or a string such as " \
			"\"4096\", \"0x1000\" or \"4K\""

/* One value on its way into its place. */
struct place {
	const struct rpc_param *param;
	void *at;
	struct rpc_error *error;
};

struct number {
	uint64_t magnitude;
	bool negative;
};

static bool refuse(const struct place *p, const char *why)
{
	return rpc_fail(p->error, RPC_INVALID_PARAMS, p->param->name, "%s",
			why);
}

/* ---- integers ---- */

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* Digits of @base up to the first that is none; NULL: none, or too large. */
static const char *parse_digits(const char *s, unsigned int base,
				uint64_t *value)
{
	const char *start = s;

	for (*value = 0; (unsigned int)digit_value(*s) < base; s++)
		if (__builtin_mul_overflow(*value, base, value) ||
		    __builtin_add_overflow(*value, digit_value(*s), value))
			return NULL;
	return s == start ? NULL : s;
}

/* The power of 1024 that a letter stands for, as a shift; -1: none. */
static int suffix_shift(char c)
{
	switch (c) {
	case 'K': return 10;
	case 'M': return 20;
	case 'G': return 30;
	case 'T': return 40;
	default: return -1;
	}
}

/* "4096", "0x1000", "4K", "-1", whole and nothing else. */
static bool parse_integer(const char *s, struct number *n)
{
	int shift;

	n->negative = *s == '-';
	s += n->negative;
	if (s[0] == '0' && s[1] == 'x') {
		s = parse_digits(s + 2, 16, &n->magnitude);
		return s && !*s;
	}
	if (s[0] == '0' && s[1])	/* octal to some, decimal to others */
		return false;
	s = parse_digits(s, 10, &n->magnitude);
	if (!s || !*s)
		return s != NULL;
	shift = suffix_shift(*s);
	if (shift < 0 || s[1] || n->magnitude > UINT64_MAX >> shift)
		return false;
	n->magnitude <<= shift;
	return true;
}

bool rpc_parse_word(const char *text, uint64_t *word)
{
	struct number n;

	if (!parse_integer(text, &n) ||
	    (n.negative && n.magnitude > 1ULL << 63))
		return false;
	*word = n.negative ? 0 - n.magnitude : n.magnitude;
	return true;
}

static bool get_number(const struct place *p, const json_t *v,
		       struct number *n)
{
	const char *text = rpc_text(v);
	json_int_t i;

	if (json_is_real(v) && (json_real_value(v) >= 0x1p63 ||
				json_real_value(v) <= -0x1p63))
		return refuse(p, "is out of range; above 2^63 it must be a string");
	if (!json_is_integer(v) && text && parse_integer(text, n))
		return true;
	if (text && text[0] == '0' && text[1] >= '0' && text[1] <= '9')
		return refuse(p, "begins with 0, which is octal to some and decimal "
				 "to others; 0644 is 420 or \"0x1a4\"");
	if (!json_is_integer(v))
		return refuse(p, INTEGER_FORMS);
	i = json_integer_value(v);
	n->negative = i < 0;
	n->magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
	return true;
}

/* A table that gives no range takes every value of its type. */
static bool ranged(const struct rpc_param *param)
{
	return param->min || param->max;
}

static bool get_unsigned(const struct place *p, const json_t *v,
			 uint64_t type_max, uint64_t *value)
{
	uint64_t max = ranged(p->param) ? p->param->max : type_max;
	struct number n;

	if (!get_number(p, v, &n))
		return false;
	if (n.negative && n.magnitude)
		return refuse(p, "must not be negative");
	if (n.magnitude < p->param->min || n.magnitude > max)
		return rpc_fail(p->error, RPC_INVALID_PARAMS, p->param->name,
				"must be between %llu and %llu",
				(unsigned long long)p->param->min,
				(unsigned long long)max);
	*value = n.magnitude;
	return true;
}

static bool get_signed(const struct place *p, const json_t *v,
		       int64_t type_min, int64_t type_max, int64_t *value)
{
	bool r = ranged(p->param);
	int64_t min = r ? (int64_t)p->param->min : type_min;
	int64_t max = r ? (int64_t)p->param->max : type_max;
	struct number n;

	if (!get_number(p, v, &n))
		return false;
	*value = n.negative ? (int64_t)(0 - n.magnitude) : (int64_t)n.magnitude;
	if (n.magnitude > (uint64_t)INT64_MAX + n.negative ||
	    *value < min || *value > max)
		return rpc_fail(p->error, RPC_INVALID_PARAMS, p->param->name,
				"must be between %lld and %lld",
				(long long)min, (long long)max);
	return true;
}

/* Any pattern of 64 bits; a negative number is its two's complement. */
static bool to_word(const struct place *p, const struct number *n,
		    uint64_t *word)
{
	if (n->negative && n->magnitude > 1ULL << 63)
		return refuse(p, "does not fit into 64 bits");
	*word = n->negative ? 0 - n->magnitude : n->magnitude;
	return true;
}

static bool get_word(const struct place *p, const json_t *v, uint64_t *word)
{
	struct number n;

	return get_number(p, v, &n) && to_word(p, &n, word);
}

/* ---- names ---- */

static const struct param_name *find_name(const struct param_name *names,
					  const char *text, size_t len)
{
	if (!names)
		return NULL;
	for (; names->name; names++)
		if (!strncmp(names->name, text, len) && !names->name[len])
			return names;
	return NULL;
}

static bool is_number_text(const char *text)
{
	return (*text >= '0' && *text <= '9') || *text == '-';
}

/* One name or number of a flags string, [text, text + len). */
static bool flag_bits(const struct place *p, const char *text, size_t len,
		      uint64_t *bits)
{
	const struct param_name *name;
	char copy[32];
	struct number n;

	if (len && is_number_text(text) && len < sizeof(copy)) {
		memcpy(copy, text, len);
		copy[len] = '\0';
		if (!parse_integer(copy, &n))
			return refuse(p, INTEGER_FORMS);
		return to_word(p, &n, bits);
	}
	name = find_name(p->param->names, text, len);
	if (!name)
		return rpc_fail(p->error, RPC_INVALID_PARAMS, p->param->name,
				"\"%.*s\" is not one of its flags",
				(int)(len < 64 ? len : 64), text);
	*bits = name->value;
	return true;
}

static bool parse_flags(const struct place *p, const char *text,
			uint64_t *flags)
{
	uint64_t bits = 0;

	*flags = 0;
	text += strspn(text, " ");
	if (!*text)
		return true;
	for (;;) {
		size_t len = strcspn(text, "|"), trimmed = len;

		while (trimmed && text[trimmed - 1] == ' ')
			trimmed--;
		if (!flag_bits(p, text, trimmed, &bits))
			return false;
		*flags |= bits;
		if (!text[len])
			return true;
		text += len + 1;
		text += strspn(text, " ");
	}
}

static bool get_flags(const struct place *p, const json_t *v, uint64_t *flags)
{
	struct number n;

	if (json_is_string(v))
		return parse_flags(p, json_string_value(v), flags);
	if (!json_is_integer(v))
		return refuse(p, "must be an integer, or names joined by |");
	return get_number(p, v, &n) && to_word(p, &n, flags);
}

/* A number for a name's place: where the kernel judges, also a negative int. */
static bool enum_number(const struct rpc_param *param, const struct number *n,
			uint32_t *value)
{
	const uint64_t most = n->negative ? 1ULL << 31 : UINT32_MAX;

	if (n->magnitude > most)
		return false;
	*value = n->negative ? 0 - (uint32_t)n->magnitude
			     : (uint32_t)n->magnitude;
	if (param->max)
		return *value <= param->max;
	for (const struct param_name *name = param->names; name && name->name;
	     name++)
		if (name->value == *value)
			return true;
	return false;
}

/* "must be one of A, B, …": as many as fit. */
static bool refuse_choice(const struct place *p)
{
	char list[sizeof(p->error->why)] = "";
	size_t len = 0;

	for (const struct param_name *n = p->param->names; n && n->name; n++) {
		size_t more = strlen(n->name) + 2;

		if (len + more >= sizeof(list) - 24)
			break;
		len += (size_t)sprintf(list + len, "%s%s", len ? ", " : "",
				       n->name);
	}
	return rpc_fail(p->error, RPC_INVALID_PARAMS, p->param->name,
			"must be one of %s", list);
}

static bool get_enum(const struct place *p, const json_t *v, uint32_t *value)
{
	const struct param_name *name;
	struct number n;

	if (json_is_string(v)) {
		name = find_name(p->param->names, json_string_value(v),
				 json_string_length(v));
		if (name) {
			*value = (uint32_t)name->value;
			return true;
		}
		if (!parse_integer(json_string_value(v), &n))
			return refuse_choice(p);
	} else if (!json_is_integer(v)) {
		return refuse(p, "must be a name or a number");
	} else if (!get_number(p, v, &n)) {
		return false;
	}
	if (!enum_number(p->param, &n, value))
		return refuse_choice(p);
	return true;
}

/* ---- text ---- */

static bool length_fits(const struct place *p, size_t len)
{
	const struct rpc_param *param = p->param;

	if (len >= param->min && (!param->max || len <= param->max))
		return true;
	return rpc_fail(p->error, RPC_INVALID_PARAMS, param->name,
			"must be %llu to %llu bytes long",
			(unsigned long long)param->min,
			(unsigned long long)param->max);
}

static bool get_string(const struct place *p, const json_t *v,
		       struct rpc_bytes *text)
{
	if (!json_is_string(v))
		return refuse(p, "must be a string");
	text->bytes = (const uint8_t *)json_string_value(v);
	text->len = json_string_length(v);
	return length_fits(p, text->len);
}

static bool get_file_path(const struct place *p, const json_t *v)
{
	struct rpc_bytes *path = p->at;

	return get_string(p, v, path) &&
	       ((path->len && path->bytes[0] == '/') ||
		refuse(p, "must be absolute"));
}

/* So many of the bytes as whole characters of UTF-8 fit into @max bytes. */
static size_t cut_text(const struct rpc_bytes *text, size_t max)
{
	size_t len = text->len < max ? text->len : max;

	while (len < text->len && (text->bytes[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static bool get_name(const struct place *p, const json_t *v)
{
	struct rpc_bytes text = { NULL, 0 };

	if (!json_is_string(v))
		return refuse(p, "must be a string");
	text.bytes = (const uint8_t *)json_string_value(v);
	text.len = json_string_length(v);
	if (p->param->type == PARAM_CUT_NAME)
		text.len = cut_text(&text, p->param->max);
	if (!length_fits(p, text.len))
		return false;
	if (text.len > p->param->max)
		return refuse(p, "is too long");
	memcpy(p->at, text.bytes, text.len);
	((char *)p->at)[text.len] = '\0';
	return true;
}

static bool is_machine_name(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') ||
		      (name[i] >= '0' && name[i] <= '9') ||
		      name[i] == '-' || name[i] == '_'))
			return false;
	return len && len <= MACHINE_MAX;
}

static bool get_machine(const struct place *p, const json_t *v)
{
	const char *name = json_string_value(v);
	size_t len = json_string_length(v);

	if (!name || !is_machine_name(name, len))
		return refuse(p, "must be 1 to 64 of a-z 0-9 - _");
	memcpy(p->at, name, len + 1);
	return true;
}

/* ---- bytes ---- */

static void *scratch_alloc(const struct place *p, struct rpc_scratch *scratch,
			   size_t len)
{
	const int most = (int)(sizeof(scratch->blocks) /
			       sizeof(scratch->blocks[0]));
	void *block = scratch->nr < most ? malloc(len + 1) : NULL;

	if (!block) {
		rpc_fail(p->error, RPC_INTERNAL_ERROR, p->param->name,
			 "out of memory");
		return NULL;
	}
	scratch->blocks[scratch->nr++] = block;
	return block;
}

static bool decode_hex(const struct place *p, const char *text, size_t len,
		       struct rpc_scratch *scratch, struct rpc_bytes *out)
{
	uint8_t *to;

	if (len % 2)
		return refuse(p, "is hex: two digits a byte");
	to = scratch_alloc(p, scratch, len / 2);
	if (!to)
		return false;
	for (size_t i = 0; i < len / 2; i++) {
		int high = digit_value(text[2 * i]);
		int low = digit_value(text[2 * i + 1]);

		if (high > 15 || low > 15)
			return refuse(p, "is not hex");
		to[i] = (uint8_t)(high << 4 | low);
	}
	out->bytes = to;
	out->len = len / 2;
	return true;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters to @n bytes, 1 to 3; bits that no byte takes must be zero. */
static bool base64_group(const char *s, int n, uint8_t *to)
{
	uint32_t bits = 0;

	for (int i = 0; i < 4; i++) {
		int value = i <= n ? base64_value(s[i]) : 0;

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
	}
	for (int i = 0; i < n; i++)
		to[i] = (uint8_t)(bits >> (16 - 8 * i));
	return !(bits & (0xffffffU >> 8 * n));
}

static bool decode_base64(const struct place *p, const char *text, size_t len,
			  struct rpc_scratch *scratch, struct rpc_bytes *out)
{
	uint8_t *to;

	if (len % 4)
		return refuse(p, "is base64: a multiple of 4 characters");
	to = scratch_alloc(p, scratch, len / 4 * 3);
	if (!to)
		return false;
	out->bytes = to;
	for (size_t i = 0; i < len; i += 4) {
		int n = 3;

		if (i + 4 == len)
			n -= (text[i + 3] == '=') +
			     (text[i + 3] == '=' && text[i + 2] == '=');
		if (!base64_group(text + i, n, to))
			return refuse(p, "is not base64");
		to += n;
	}
	out->len = (size_t)(to - out->bytes);
	return true;
}

static bool get_bytes(const struct place *p, const json_t *v,
		      enum rpc_encoding encoding, struct rpc_scratch *scratch)
{
	struct rpc_bytes *out = p->at;
	const char *text = json_string_value(v);
	size_t len = json_string_length(v);
	bool good = true;

	if (!text)
		return refuse(p, "must be a string");
	switch (encoding) {
	case ENCODING_HEX:
		good = decode_hex(p, text, len, scratch, out);
		break;
	case ENCODING_BASE64:
		good = decode_base64(p, text, len, scratch, out);
		break;
	default:
		out->bytes = (const uint8_t *)text;
		out->len = len;
	}
	return good && length_fits(p, out->len);
}

/* ---- ranges ---- */

/* One {"base", "len"}, and nothing else. */
static bool get_range(const struct place *p, const json_t *v, uint64_t *words)
{
	const json_t *base = json_object_get(v, "base");
	const json_t *len = json_object_get(v, "len");

	if (!base || !len || json_object_size(v) != 2)
		return refuse(p, "must be an array of {\"base\", \"len\"}");
	return get_word(p, base, &words[0]) && get_word(p, len, &words[1]);
}

static bool get_ranges(const struct place *p, const json_t *v,
		       struct rpc_scratch *scratch)
{
	struct rpc_ranges *out = p->at;
	const size_t nr = json_array_size(v);
	uint64_t *words;

	if (!json_is_array(v))
		return refuse(p, "must be an array of {\"base\", \"len\"}");
	words = scratch_alloc(p, scratch, nr * 2 * sizeof(*words));
	if (!words)
		return false;
	for (size_t i = 0; i < nr; i++)
		if (!get_range(p, json_array_get(v, i), &words[2 * i]))
			return false;
	*out = (struct rpc_ranges){ words, nr };
	return true;
}

/* ---- by type ---- */

static const struct param_name encodings[] = {
	{ "utf8", ENCODING_UTF8 },
	{ "hex", ENCODING_HEX },
	{ "base64", ENCODING_BASE64 },
	{ NULL, 0 },
};

static bool get_encoding(const struct place *p, const json_t *v, uint32_t *to)
{
	const struct param_name *name = NULL;

	if (json_is_string(v))
		name = find_name(encodings, json_string_value(v),
				 json_string_length(v));
	if (!name)
		return refuse(p, "must be \"utf8\", \"hex\" or \"base64\"");
	*to = (uint32_t)name->value;
	return true;
}

static bool get_integer(const struct place *p, const json_t *v)
{
	uint64_t u;
	int64_t i;

	switch (p->param->type) {
	case PARAM_UINT:
		return get_unsigned(p, v, UINT64_MAX, p->at);
	case PARAM_U32:
		if (!get_unsigned(p, v, UINT32_MAX, &u))
			return false;
		*(uint32_t *)p->at = (uint32_t)u;
		return true;
	case PARAM_U8:
		if (!get_unsigned(p, v, UINT8_MAX, &u))
			return false;
		*(uint8_t *)p->at = (uint8_t)u;
		return true;
	case PARAM_INT:
		return get_signed(p, v, INT64_MIN, INT64_MAX, p->at);
	default:	/* PARAM_I32 */
		if (!get_signed(p, v, INT32_MIN, INT32_MAX, &i))
			return false;
		*(int32_t *)p->at = (int32_t)i;
		return true;
	}
}

static bool get_bool(const struct place *p, const json_t *v)
{
	if (!json_is_boolean(v))
		return refuse(p, "must be true or false");
	*(bool *)p->at = json_is_true(v);
	return true;
}

/* Everything but what needs room: PARAM_BYTES, which waits for the encoding,
 * too, and PARAM_RANGES. */
static bool get_value(const struct place *p, const json_t *v)
{
	switch (p->param->type) {
	case PARAM_BOOL:
		return get_bool(p, v);
	case PARAM_WORD:
	case PARAM_OFFSET:
		return get_word(p, v, p->at);
	case PARAM_FLAGS:
		return get_flags(p, v, p->at);
	case PARAM_ENUM:
		return get_enum(p, v, p->at);
	case PARAM_STRING:
	case PARAM_PATH:
		return get_string(p, v, p->at);
	case PARAM_FILE_PATH:
		return get_file_path(p, v);
	case PARAM_NAME:
	case PARAM_CUT_NAME:
		return get_name(p, v);
	case PARAM_MACHINE:
		return get_machine(p, v);
	case PARAM_ENCODING:
		return get_encoding(p, v, p->at);
	case PARAM_JSON:
		*(const json_t **)p->at = v;
		return true;
	case PARAM_BYTES:
	case PARAM_RANGES:
		return true;
	default:
		return get_integer(p, v);
	}
}

static void put_text(const struct rpc_param *param, void *at)
{
	const char *text = param->fallback_text ? param->fallback_text : "";

	if (param->type == PARAM_STRING || param->type == PARAM_PATH ||
	    param->type == PARAM_FILE_PATH || param->type == PARAM_BYTES)
		*(struct rpc_bytes *)at = (struct rpc_bytes){
			(const uint8_t *)text, strlen(text)
		};
	else
		strcpy(at, text);
}

static void put_fallback(const struct rpc_param *param, void *at)
{
	switch (param->type) {
	case PARAM_BOOL:
		*(bool *)at = param->fallback != 0;
		break;
	case PARAM_U8:
		*(uint8_t *)at = (uint8_t)param->fallback;
		break;
	case PARAM_U32:
	case PARAM_ENUM:
	case PARAM_ENCODING:
		*(uint32_t *)at = (uint32_t)param->fallback;
		break;
	case PARAM_I32:
		*(int32_t *)at = (int32_t)param->fallback;
		break;
	case PARAM_UINT:
	case PARAM_WORD:
	case PARAM_OFFSET:
	case PARAM_INT:
	case PARAM_FLAGS:
		*(uint64_t *)at = param->fallback;
		break;
	case PARAM_STRING:
	case PARAM_PATH:
	case PARAM_FILE_PATH:
	case PARAM_BYTES:
	case PARAM_NAME:
	case PARAM_CUT_NAME:
	case PARAM_MACHINE:
		put_text(param, at);
		break;
	case PARAM_RANGES:
		*(struct rpc_ranges *)at = (struct rpc_ranges){ NULL, 0 };
		break;
	case PARAM_JSON:
		*(const json_t **)at = NULL;
		break;
	}
}

/* ---- narrower words ---- */

static bool fit_word(const struct place *p, uint64_t *word, uint64_t most)
{
	if (*word > most && *word < ~(most / 2))
		return refuse(p, "does not fit in an unsigned long of this machine");
	*word &= most;
	return true;
}

static bool fit_ranges(const struct place *p, uint64_t most)
{
	const struct rpc_ranges *ranges = p->at;
	uint64_t *words = (uint64_t *)ranges->words;	/* the scratch's */

	for (uint64_t i = 0; i < 2 * ranges->nr; i++)
		if (!fit_word(p, &words[i], most))
			return false;
	return true;
}

bool rpc_fit_words(const struct rpc_method *method, void *args, uint64_t most,
		   struct rpc_error *error)
{
	const uint32_t given = *(const uint32_t *)((const char *)args +
						   method->given_offset);

	for (uint32_t i = 0; most != UINT64_MAX && i < method->nr_params; i++) {
		const struct rpc_param *param = &method->params[i];
		const struct place p = { param, (char *)args + param->offset,
					 error };

		if (!(given >> param->given_bit & 1))
			continue;
		if (param->type == PARAM_WORD ? !fit_word(&p, p.at, most)
		    : param->type == PARAM_RANGES && !fit_ranges(&p, most))
			return false;
	}
	return true;
}

/* ---- a whole method ---- */

#define PARAMS_MAX 32

struct decoding {
	const struct rpc_method *method;
	char *args;
	uint32_t given;			/* bit i: params[i] was */
	const json_t *values[PARAMS_MAX];	/* of those that were */
	struct rpc_error *error;
};

static struct place place_of(const struct decoding *d, uint32_t i)
{
	const struct rpc_param *param = &d->method->params[i];

	return (struct place){ param, d->args + param->offset, d->error };
}

/*
 * A word may be the very pattern that says "not given". Then it becomes its
 * neighbour, which no more than itself is an address of a program.
 */
static bool keep_apart(const struct place *p)
{
	if (p->param->nullable && p->param->type == PARAM_WORD &&
	    *(uint64_t *)p->at == p->param->fallback)
		--*(uint64_t *)p->at;
	return true;
}

static bool take(struct decoding *d, uint32_t i, const json_t *value)
{
	const struct place p = place_of(d, i);

	if (json_is_null(value) && p.param->nullable)
		return true;
	d->given |= 1U << i;
	d->values[i] = value;
	*(uint32_t *)(d->args + d->method->given_offset) |=
		1U << p.param->given_bit;
	if (json_is_string(value) && !rpc_text(value) &&
	    p.param->type != PARAM_BYTES)
		return refuse(&p, "must not contain a NUL");
	return get_value(&p, value) && keep_apart(&p);
}

/* The parameter called @key, looked for from number @i on and around: most
 * clients name them in the order of the table. nr_params: there is none. */
static uint32_t param_named(const struct rpc_method *method, const char *key,
			    uint32_t i)
{
	const uint32_t nr = method->nr_params;

	for (uint32_t tried = 0; tried < nr; tried++, i++) {
		if (i >= nr)
			i = 0;
		if (!strcmp(method->params[i].name, key))
			return i;
	}
	return nr;
}

static bool take_named(struct decoding *d, const json_t *params)
{
	json_t *object = (json_t *)params;	/* iterating changes nothing */
	void *it = json_object_iter(object);
	uint32_t next = 0;

	for (; it; it = json_object_iter_next(object, it)) {
		const char *key = json_object_iter_key(it);
		const uint32_t i = param_named(d->method, key, next);

		if (i == d->method->nr_params)
			return rpc_fail(d->error, RPC_INVALID_PARAMS, key,
					"is not a parameter of %s",
					d->method->name);
		if (!take(d, i, json_object_iter_value(it)))
			return false;
		next = i + 1;
	}
	return true;
}

static bool take_positional(struct decoding *d, const json_t *params)
{
	size_t n = json_array_size(params);

	if (n > d->method->nr_params)
		return rpc_fail(d->error, RPC_INVALID_PARAMS, "",
				"%s takes at most %u parameters",
				d->method->name, d->method->nr_params);
	for (uint32_t i = 0; i < n; i++)
		if (!take(d, i, json_array_get(params, i)))
			return false;
	return true;
}

static bool fill_in_defaults(const struct decoding *d)
{
	for (uint32_t i = 0; i < d->method->nr_params; i++) {
		const struct place p = place_of(d, i);

		if (d->given & 1U << i)
			continue;
		if (p.param->required)
			return refuse(&p, "is required");
		put_fallback(p.param, p.at);
	}
	return true;
}

static enum rpc_encoding encoding_of(const struct decoding *d)
{
	for (uint32_t i = 0; i < d->method->nr_params; i++)
		if (d->method->params[i].type == PARAM_ENCODING &&
		    d->given & 1U << i)
			return *(uint32_t *)place_of(d, i).at;
	return ENCODING_UTF8;
}

/* What is decoded into memory of its own. */
static bool take_long(const struct decoding *d, struct rpc_scratch *scratch)
{
	for (uint32_t i = 0; i < d->method->nr_params; i++) {
		const struct place p = place_of(d, i);

		if (!(d->given & 1U << i))
			continue;
		if (p.param->type == PARAM_BYTES &&
		    !get_bytes(&p, d->values[i], encoding_of(d), scratch))
			return false;
		if (p.param->type == PARAM_RANGES &&
		    !get_ranges(&p, d->values[i], scratch))
			return false;
	}
	return true;
}

bool rpc_decode(const struct rpc_method *method, const json_t *params,
		void *args, struct rpc_scratch *scratch,
		struct rpc_error *error)
{
	struct decoding d = { .method = method, .args = args, .error = error };

	memset(args, 0, method->args_size);
	if (method->nr_params > PARAMS_MAX)
		return rpc_fail(error, RPC_INTERNAL_ERROR, "",
				"%s has too many parameters", method->name);
	if (json_is_array(params)) {
		if (!take_positional(&d, params))
			return false;
	} else if (params && !take_named(&d, params)) {
		return false;
	}
	return fill_in_defaults(&d) && take_long(&d, scratch);
}

void rpc_scratch_free(struct rpc_scratch *scratch)
{
	while (scratch->nr)
		free(scratch->blocks[--scratch->nr]);
}
