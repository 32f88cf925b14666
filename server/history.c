/* SPDX-License-Identifier: MIT */
/*
 * The packed history. An entry is a fixed head, then the operation's own bytes
 * (the member of struct op's union that its code names), then, only where they
 * say something, its path, its iov arrays, the rest of the result and the bytes written:
 *
 *	head | operation or snapshot name | path | iov | refusal | faults | killed | data
 *
 * Everything starts on eight bytes. The seq of an entry is not stored: entries
 * are numbered from the first of their block.
 */
#include <stdlib.h>
#include <string.h>

#include "server/hosted.h"

#define BLOCK_MIN	4096u
#define BLOCK_MAX	65536u

struct history_block {
	struct history_block *next;
	uint64_t first_seq;
	uint32_t nr;		/* entries */
	size_t used, cap;	/* of bytes */
	uint8_t bytes[];
};

enum entry_flags {
	HAS_REFUSAL = 1,
	HAS_FAULTS = 2,
	HAS_DATA = 4,
	DATA_DROPPED = 8,	/* too long to be kept */
	DELIVER = 16,
	HAS_IOV = 32,
};

struct entry_head {
	uint32_t size;		/* of the whole entry */
	uint8_t code;		/* enum op_code; OP_NONE: a revert */
	uint8_t outcome;
	uint8_t flags;
	uint8_t nr_killed;
	uint32_t pid;
	uint32_t data_len;	/* kept or dropped; a revert: of the name, its
				 * NUL included */
	int64_t ret;		/* a revert: to_seq */
};

/* Before the entries of op->iov, then of op->remote_iov. */
struct entry_iov {
	uint64_t nr, nr_remote;
};

struct entry_refusal {
	int32_t err, signo, si_code, reserved;
	uint64_t fault_addr;
	const char *why;	/* constant sentences, valid while we run */
};

struct entry_faults {
	uint64_t minor, major, done;
};

static const uint16_t op_bytes[NR_OPS] = {
#define OP(code, member, method, shape, function, flags) [OP_##code] = sizeof(struct op_##member),
#include "mmcore/op.def"
#undef OP
};

static size_t padded(size_t bytes)
{
	return (bytes + 7) & ~(size_t)7;
}

/* Where the members of struct op's union begin. */
static const void *op_args(const struct op *op)
{
	return &op->spawn;
}

void history_init(struct history *h, size_t limit, uint64_t seq)
{
	*h = (struct history){ .limit = limit, .first_seq = seq };
}

static void free_blocks(struct history_block *b)
{
	while (b) {
		struct history_block *next = b->next;

		free(b);
		b = next;
	}
}

void history_free(struct history *h)
{
	free_blocks(h->first);
	h->first = NULL;
	h->last = NULL;
	h->bytes = 0;
}

/* ---- writing ---- */

static uint64_t next_seq(const struct history *h)
{
	return h->last ? h->last->first_seq + h->last->nr : h->first_seq;
}

static size_t block_bytes(const struct history_block *b)
{
	return sizeof(*b) + b->cap;
}

static bool reserve(struct history *h, size_t need)
{
	struct history_block *b = h->last;
	size_t cap = b ? b->cap * 2 : BLOCK_MIN;

	if (likely(b && b->cap - b->used >= need && !h->cut))
		return true;
	if (cap > BLOCK_MAX)
		cap = BLOCK_MAX;
	if (cap > h->limit / 8)
		cap = h->limit / 8;
	if (cap < need)
		cap = need;
	b = malloc(sizeof(*b) + cap);
	if (!b)
		return false;
	*b = (struct history_block){ .first_seq = next_seq(h), .cap = cap };
	*(h->last ? &h->last->next : &h->first) = b;
	h->last = b;
	h->bytes += block_bytes(b);
	h->allocated += block_bytes(b);
	h->cut = false;
	return true;
}

/* Is there data that the operation cannot run again without? */
static bool needs_data(const struct op *op)
{
	return op_brings_data(op) || op_brings_program(op);
}

/* Data that would crowd out everything else is not kept. */
static size_t data_kept(const struct history *h, const struct op *op)
{
	return op->data_len <= h->limit / 4 ? op->data_len : 0;
}

static uint64_t iov_bytes(const struct op *op)
{
	return (op->iov.nr + op->remote_iov.nr) * sizeof(struct op_iovec);
}

static size_t iov_kept(const struct history *h, const struct op *op)
{
	const uint64_t bytes = iov_bytes(op);

	return op_brings_iov(op) && bytes <= h->limit / 4 ? bytes : 0;
}

bool history_reserve(struct history *h, const struct op *op)
{
	return reserve(h, sizeof(struct entry_head) + sizeof(struct op) +
				  sizeof(uint64_t) + padded(op->path_len) +
				  sizeof(struct entry_refusal) +
				  sizeof(struct entry_faults) +
				  sizeof(uint32_t[OP_MAX_KILLED]) +
				  sizeof(struct entry_iov) + iov_kept(h, op) +
				  padded(data_kept(h, op)));
}

bool history_reserve_revert(struct history *h, const char *snapshot)
{
	return reserve(h, sizeof(struct entry_head) +
				  padded(strlen(snapshot) + 1));
}

static uint8_t *put(uint8_t *at, const void *what, size_t bytes)
{
	memcpy(at, what, bytes);
	return at + padded(bytes);
}

static uint8_t *put_array(uint8_t *at, const struct op_iov *iov)
{
	return iov->nr ? put(at, iov->vec, iov->nr * sizeof(*iov->vec)) : at;
}

/* No operation has both data and arrays. */
static void drop(struct entry_head *head, uint64_t bytes)
{
	head->flags |= DATA_DROPPED;
	head->data_len = (uint32_t)bytes;
}

static uint8_t *put_iov(uint8_t *at, const struct history *h,
			struct entry_head *head, const struct op *op)
{
	const struct entry_iov counts = { op->iov.nr, op->remote_iov.nr };

	if (!op_brings_iov(op))
		return at;
	if (iov_kept(h, op) != iov_bytes(op)) {
		drop(head, iov_bytes(op));
		return at;
	}
	head->flags |= HAS_IOV;
	at = put(at, &counts, sizeof(counts));
	at = put_array(at, &op->iov);
	return put_array(at, &op->remote_iov);
}

/* Its length, then its bytes. */
static uint8_t *put_path(uint8_t *at, const struct op *op)
{
	const uint64_t len = op->path_len;

	if (!op_has_path(op))
		return at;
	at = put(at, &len, sizeof(len));
	return put(at, op->path, len);
}

static uint8_t *put_result(uint8_t *at, struct entry_head *head,
			   const struct op_result *res)
{
	const struct entry_refusal refusal = {
		res->err, res->signo, res->si_code, 0, res->fault_addr,
		res->why,
	};
	const struct entry_faults faults = { res->minor, res->major,
					     res->done };

	if (res->outcome != OUT_OK || res->why) {
		head->flags |= HAS_REFUSAL;
		at = put(at, &refusal, sizeof(refusal));
	}
	if (res->minor | res->major | res->done) {
		head->flags |= HAS_FAULTS;
		at = put(at, &faults, sizeof(faults));
	}
	if (unlikely(res->nr_killed)) {
		head->nr_killed = (uint8_t)res->nr_killed;
		at = put(at, res->killed, res->nr_killed * sizeof(uint32_t));
	}
	return at;
}

static void finish(struct history *h, struct entry_head *head, uint8_t *at)
{
	struct history_block *b = h->last;
	uint8_t *start = b->bytes + b->used;

	head->size = (uint32_t)(at - start);
	memcpy(start, head, sizeof(*head));
	b->used += head->size;
	b->nr++;
}

bool history_append(struct history *h, const struct op *op,
		    const struct op_result *res)
{
	const size_t data = needs_data(op) ? data_kept(h, op) : 0;
	struct entry_head head = {
		.code = (uint8_t)op->code,
		.outcome = (uint8_t)res->outcome,
		.flags = op->deliver ? DELIVER : 0,
		.pid = op->pid,
		.data_len = (uint32_t)data,
		.ret = res->ret,
	};
	uint8_t *at = h->last->bytes + h->last->used + sizeof(head);

	at = put(at, op_args(op), op_bytes[op->code]);
	at = put_path(at, op);
	at = put_iov(at, h, &head, op);
	at = put_result(at, &head, res);
	if (data) {
		head.flags |= HAS_DATA;
		at = put(at, op->data, data);
	} else if (needs_data(op) && op->data_len) {
		drop(&head, op->data_len);
	}
	finish(h, &head, at);
	return head.flags & DATA_DROPPED;
}

void history_append_revert(struct history *h, const char *snapshot,
			   uint64_t to_seq)
{
	struct entry_head head = {
		.code = OP_NONE,
		.data_len = (uint32_t)strlen(snapshot) + 1,
		.ret = (int64_t)to_seq,
	};
	uint8_t *at = h->last->bytes + h->last->used + sizeof(head);

	at = put(at, snapshot, head.data_len);
	finish(h, &head, at);
}

/* ---- dropping ---- */

void history_cut(struct history *h)
{
	h->cut = true;
}

static void drop_first(struct history *h)
{
	struct history_block *b = h->first;

	h->first = b->next;
	h->first_seq = h->first->first_seq;
	h->bytes -= block_bytes(b);
	free(b);
}

static bool ends_by(const struct history_block *b, uint64_t seq)
{
	return b->first_seq + b->nr <= seq + 1;
}

void history_drop(struct history *h, uint64_t seq)
{
	while (h->first != h->last && ends_by(h->first, seq))
		drop_first(h);
}

size_t history_bytes_after(const struct history *h, uint64_t seq)
{
	const struct history_block *b = h->first;
	size_t left = h->bytes;

	for (; b != h->last && ends_by(b, seq); b = b->next)
		left -= block_bytes(b);
	return b && b->first_seq == seq + 1 ? left : SIZE_MAX;
}

void history_drop_oldest(struct history *h)
{
	while (history_is_full(h) && h->first != h->last)
		drop_first(h);
}

/* ---- marks ---- */

struct history_mark history_mark(struct history *h)
{
	h->hold = true;
	if (!h->last)
		return (struct history_mark){ 0 };
	return (struct history_mark){ h->last, h->last->used, h->last->nr,
				      h->cut };
}

void history_truncate(struct history *h, const struct history_mark *mark)
{
	struct history_block *b = mark->block;

	h->hold = false;
	if (!b) {
		history_free(h);
		return;
	}
	for (struct history_block *gone = b->next; gone; gone = gone->next)
		h->bytes -= block_bytes(gone);
	free_blocks(b->next);
	b->next = NULL;
	b->used = mark->used;
	b->nr = mark->nr;
	h->cut = mark->cut;
	h->last = b;
}

void history_unhold(struct history *h)
{
	h->hold = false;
}

/* ---- reading ---- */

static const uint8_t *take(void *to, const uint8_t *at, size_t bytes)
{
	memcpy(to, at, bytes);
	return at + padded(bytes);
}

static const uint8_t *take_result(struct op_result *res, const uint8_t *at,
				  const struct entry_head *head)
{
	struct entry_refusal refusal = { 0 };
	struct entry_faults faults = { 0 };

	if (head->flags & HAS_REFUSAL)
		at = take(&refusal, at, sizeof(refusal));
	if (head->flags & HAS_FAULTS)
		at = take(&faults, at, sizeof(faults));
	*res = (struct op_result){
		.outcome = head->outcome,
		.ret = head->ret,
		.err = refusal.err,
		.signo = refusal.signo,
		.si_code = refusal.si_code,
		.fault_addr = refusal.fault_addr,
		.why = refusal.why,
		.minor = faults.minor,
		.major = faults.major,
		.done = faults.done,
		.nr_killed = head->nr_killed,
	};
	if (head->nr_killed)
		at = take(res->killed, at,
			  head->nr_killed * sizeof(uint32_t));
	return at;
}

static const uint8_t *take_array(struct op_iov *iov, const uint8_t *at,
				 uint64_t nr)
{
	*iov = (struct op_iov){ (const struct op_iovec *)at, nr };
	return at + nr * sizeof(*iov->vec);
}

static const uint8_t *take_iov(struct op *op, const uint8_t *at)
{
	struct entry_iov counts = { 0 };

	at = take(&counts, at, sizeof(counts));
	at = take_array(&op->iov, at, counts.nr);
	return take_array(&op->remote_iov, at, counts.nr_remote);
}

static const uint8_t *take_path(struct op *op, const uint8_t *at)
{
	uint64_t len;

	if (!op_has_path(op))
		return at;
	at = take(&len, at, sizeof(len));
	op->path = (const char *)at;
	op->path_len = len;
	return at + padded(len);
}

static void take_op(struct op *op, struct op_result *res, const uint8_t *at,
		    const struct entry_head *head)
{
	memset(op, 0, sizeof(*op));
	op->code = head->code;
	op->pid = head->pid;
	op->deliver = head->flags & DELIVER;
	at = take(&op->spawn, at, op_bytes[head->code]);
	at = take_path(op, at);
	if (head->flags & HAS_IOV)
		at = take_iov(op, at);
	at = take_result(res, at, head);
	if (head->flags & HAS_DATA) {
		op->data = at;
		op->data_len = head->data_len;
	}
}

static bool visit_entry(const uint8_t *at, uint64_t seq,
			bool (*visit)(const struct history_entry *e, void *ctx),
			void *ctx)
{
	struct history_entry e = { .seq = seq };
	struct entry_head head;
	struct op_result res;
	struct op op;

	at = take(&head, at, sizeof(head));
	if (head.code == OP_NONE) {
		e.method = "machine.revert";
		e.snapshot = (const char *)at;
		e.to_seq = (uint64_t)head.ret;
		return visit(&e, ctx);
	}
	take_op(&op, &res, at, &head);
	e.method = op_method(op.code);
	e.op = &op;
	e.res = &res;
	e.data_dropped = head.flags & DATA_DROPPED ? head.data_len : 0;
	return visit(&e, ctx);
}

void history_visit(const struct history *h, uint64_t since, uint64_t until,
		   uint64_t limit,
		   bool (*visit)(const struct history_entry *e, void *ctx),
		   void *ctx)
{
	for (const struct history_block *b = h->first; b; b = b->next) {
		const uint8_t *at = b->bytes;
		struct entry_head head;

		if (b->first_seq + b->nr <= since + 1)
			continue;
		for (uint32_t i = 0; i < b->nr; i++, at += head.size) {
			memcpy(&head, at, sizeof(head));
			if (b->first_seq + i <= since)
				continue;
			if (b->first_seq + i > until || !limit--)
				return;
			if (!visit_entry(at, b->first_seq + i, visit, ctx))
				return;
		}
	}
}
