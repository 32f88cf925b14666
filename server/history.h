/* SPDX-License-Identifier: MIT */
/*
 * What was done to a machine, packed: one entry for each seq, in blocks, oldest
 * first. It grows until it is told what to drop (keyframes.c).
 */
#ifndef SERVER_HISTORY_H
#define SERVER_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mmcore/op.h"
#include "server/machines.h"

struct history_block;

struct history {
	struct history_block *first, *last;
	size_t bytes;		/* of all blocks */
	size_t limit;		/* of bytes: then it is full */
	uint64_t allocated;	/* bytes of blocks, ever */
	uint64_t first_seq;	/* of the oldest entry held, or the next one */
	bool hold;		/* drop nothing for now (an atomic run) */
	bool cut;		/* the next entry begins a block */
};

/* How far the history reached; for history_truncate(). */
struct history_mark {
	struct history_block *block;
	size_t used;
	uint32_t nr;
	bool cut;
};

/* A history that begins with operation @seq. */
void history_init(struct history *h, size_t limit, uint64_t seq);
void history_free(struct history *h);

/*
 * history_reserve - room for an entry, before the operation runs
 * Afterwards the append cannot fail. Returns: false where the host is out of
 * memory.
 */
bool history_reserve(struct history *h, const struct op *op);
bool history_reserve_revert(struct history *h, const char *snapshot);

/* Under 50 ns. Returns true where the entry cannot be run again: its data was too
 * long to be kept. */
bool history_append(struct history *h, const struct op *op,
		    const struct op_result *res);
void history_append_revert(struct history *h, const char *snapshot,
			   uint64_t to_seq);

/* ---- dropping: whole blocks, never the one that is being written ---- */

/* There is more than the limit, and something may be dropped. */
static inline bool history_is_full(const struct history *h)
{
	return unlikely(h->bytes > h->limit) && !h->hold;
}

/* The next entry begins a block: so it can come to be the oldest one. */
void history_cut(struct history *h);
/* Drop the blocks that end at or before @seq. */
void history_drop(struct history *h, uint64_t seq);
/* What would be left after that; SIZE_MAX where @seq is not the end of a block. */
size_t history_bytes_after(const struct history *h, uint64_t seq);
/* Drop the oldest ones until it is within the limit. */
void history_drop_oldest(struct history *h);

/* Between a mark and its truncation or release nothing is dropped. */
struct history_mark history_mark(struct history *h);
void history_truncate(struct history *h, const struct history_mark *mark);
void history_unhold(struct history *h);

/*
 * Entries with seq in (since, until], oldest first, at most @limit. What a
 * visitor is given is only valid during the visit, but for the entry's data.
 * A visitor that returns false ends it.
 */
void history_visit(const struct history *h, uint64_t since, uint64_t until,
		   uint64_t limit,
		   bool (*visit)(const struct history_entry *e, void *ctx),
		   void *ctx);

#endif
