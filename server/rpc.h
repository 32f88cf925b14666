/* SPDX-License-Identifier: MIT */
/*
 * JSON-RPC 2.0: the envelope, and what a method looks like to it. Knows
 * nothing of machines and never includes mmcore.h.
 *
 * A method is described by a constant table generated from schema/ (one
 * struct rpc_method each, in the order of their names): its parameters decode
 * into a plain struct, and a handler writes the result through the writer.
 */
#ifndef SERVER_RPC_H
#define SERVER_RPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "server/error.h"
#include "server/json_writer.h"
#include "server/may_wait.h"

enum param_type {
	PARAM_BOOL,	/* bool */
	PARAM_UINT,	/* uint64_t, within [min, max] */
	PARAM_U32,	/* uint32_t, within [min, max] */
	PARAM_U8,	/* uint8_t, within [min, max] */
	PARAM_WORD,	/* uint64_t: any 64-bit pattern; negative: two's complement */
	PARAM_OFFSET,	/* uint64_t: the same, but 64 bits on every machine */
	PARAM_INT,	/* int64_t, within [(int64_t)min, (int64_t)max] */
	PARAM_I32,	/* int32_t, the same */
	PARAM_FLAGS,	/* uint64_t: an integer, or names of @names joined by | */
	PARAM_ENUM,	/* uint32_t: a name of @names or its number; where max is
			 * not 0, any number up to it (the kernel judges) */
	PARAM_STRING,	/* struct rpc_bytes: UTF-8, min … max bytes, borrowed */
	PARAM_PATH,	/* struct rpc_bytes: the same, and no NUL in it */
	PARAM_FILE_PATH,/* the same, and absolute */
	PARAM_NAME,	/* char[max + 1]: copied, min … max bytes */
	PARAM_CUT_NAME,	/* the same; of a longer one its first max bytes, for a
			 * kernel that takes fewer and so refuses it */
	PARAM_MACHINE,	/* char[65]: 1-64 of a-z 0-9 - _ */
	PARAM_BYTES,	/* struct rpc_bytes: "data" by "encoding", decoded */
	PARAM_ENCODING,	/* uint32_t: enum rpc_encoding */
	PARAM_RANGES,	/* struct rpc_ranges: [{"base", "len"}, …], decoded */
	PARAM_JSON,	/* const json_t *: the handler looks itself */
};

/* How a parameter's value is shown again, in machine.history. */
enum param_show { SHOW_INTEGER, SHOW_HEX, SHOW_SIGNED };

enum rpc_encoding { ENCODING_UTF8, ENCODING_HEX, ENCODING_BASE64 };

struct rpc_bytes {
	const uint8_t *bytes;
	size_t len;
};

/* Pairs of words: base and len of each range. */
struct rpc_ranges {
	const uint64_t *words;
	uint64_t nr;		/* pairs */
};

struct param_name {
	const char *name;
	uint64_t value;
};

struct rpc_param {
	const char *name;
	enum param_type type;
	bool required;
	uint32_t offset;	/* in the args struct */
	uint32_t given_bit;	/* args->given |= 1 << this where it was given */
	uint64_t min, max;
	uint64_t fallback;	/* the default; a string's is in fallback_text */
	const char *fallback_text;
	const struct param_name *names;	/* ends with { NULL, 0 } */
	enum param_show show;
	bool nullable;		/* null: not given, and fallback says so to who reads it */
};

struct rpc_call;

struct rpc_method {
	const char *name;
	const struct rpc_param *params;
	uint32_t nr_params;
	uint32_t args_size;	/* bytes of the args struct */
	uint32_t given_offset;	/* of its uint32_t given */
	uint32_t flags;		/* RPC_* below */
	/*
	 * Writes exactly one JSON value, the result, to call->out; or returns
	 * false with call->error filled in (what it wrote is taken back).
	 */
	bool (*exec)(struct rpc_call *call);
	uint32_t op_code;	/* enum op_code for methods that are operations */
};

/* Runs call->method->exec(call), guarded by whoever knows what it may break; set once,
 * before there are threads. */
extern bool (*rpc_guard)(struct rpc_call *call);

#define RPC_METHOD_OPERATION	1	/* runs as one struct op: op_code */
#define RPC_METHOD_MUTATES	2
#define RPC_METHOD_SLOW		4	/* may need the thread pool */
#define RPC_METHOD_IN_RUN	8	/* machine.run may call it */

struct rpc_call {
	void *server;			/* struct server * */
	const struct rpc_method *method;
	void *args;			/* decoded, args_size bytes */
	struct json_writer *out;
	struct rpc_error error;
};

/* Generated: every method, sorted by name. */
extern const struct rpc_method rpc_methods[];
extern const uint32_t nr_rpc_methods;
/* Generated from schema/errors.json: every code; { 0, NULL } ends it. */
struct rpc_error_kind {
	int code;
	const char *message;	/* the error's "message" */
};

extern const struct rpc_error_kind rpc_error_kinds[];
/* Generated: the OpenRPC document. */
extern const char openrpc_document[];
extern const size_t openrpc_document_len;
/* Generated: the result of server.capabilities. */
extern const char coverage_statement[];
extern const size_t coverage_statement_len;

/* Binary search; NULL if there is none. */
const struct rpc_method *rpc_find_method(const char *name);

/* "4096", "0x1000", "4K", "-1", whole and nothing else, as 64 bits; a negative
 * number is its two's complement. */
bool rpc_parse_word(const char *text, uint64_t *word);

/* A string's text; NULL: it is no string, or has a NUL in it, which would end it
 * early for whoever compares or copies it. */
static inline const char *rpc_text(const json_t *value)
{
	const char *text = json_string_value(value);

	return text && strlen(text) == json_string_length(value) ? text : NULL;
}

/**
 * rpc_decode - parameters into an args struct (server/decode.c)
 * @method: whose
 * @params: object, array (positional, in the order of the table) or NULL
 * @args:   args_size bytes, filled in completely: defaults included. Borrows
 *          from @params and, for decoded bytes, from @scratch
 * @scratch: freed by rpc_scratch_free() after the call
 * Returns: false with *error = -32602 naming the parameter.
 */
struct rpc_scratch {
	void *blocks[4];
	int nr;
};

bool rpc_decode(const struct rpc_method *method, const json_t *params,
		void *args, struct rpc_scratch *scratch,
		struct rpc_error *error);
/**
 * rpc_fit_words - decoded words, for a machine whose own are narrower
 * @args: as rpc_decode() left them; PARAM_WORD and PARAM_RANGES that were given
 *        are looked at
 * @most: the machine's largest unsigned long
 * What fits stays. What is negative in 64 bits becomes the negative number of
 * the machine's width. All else no program on that machine could pass:
 * Returns: false with *error = -32602 naming the parameter.
 */
bool rpc_fit_words(const struct rpc_method *method, void *args, uint64_t most,
		   struct rpc_error *error);
void rpc_scratch_free(struct rpc_scratch *scratch);

/**
 * rpc_call_method - one call inside the process (batches, machine.run)
 * Decodes, runs, and writes the result value to @out, or leaves @out as it was
 * and returns false with *error filled in.
 */
bool rpc_call_method(void *server, const char *name, const json_t *params,
		     struct json_writer *out, struct rpc_error *error);

enum rpc_outcome {
	RPC_ANSWER,		/* the answer is complete */
	RPC_SILENCE,		/* nothing to answer: notifications alone */
	RPC_LATER,		/* not on a loop: call again where waiting is fine */
};

/* How far a body has come; zero to begin with. */
struct rpc_progress {
	uint32_t done;		/* requests of the batch that are finished */
};

/**
 * rpc_handle - one HTTP body
 * @server:   passed on to the methods
 * @body:     the bytes of the request
 * @len:      how many
 * @out:      the answer's bytes; its limit is set here
 * @progress: where the last call stopped; kept with @out until the next
 * @may_wait: on a thread that may wait
 *
 * Returns: RPC_LATER only where @may_wait is false.
 */
enum rpc_outcome rpc_handle(void *server, const char *body, size_t len,
			    struct json_writer *out,
			    struct rpc_progress *progress, bool may_wait);
#define RPC_ANSWER_MAX	(32U << 20)	/* bytes; then -32004 */

/* Writes {"code", "message", "data"?} as one value. */
void rpc_write_error(struct json_writer *out, const struct rpc_error *error);

#endif
