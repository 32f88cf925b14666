/* SPDX-License-Identifier: MIT */
/*
 * A host that can change its mind: it marks a state, runs an operation up to some
 * poll of the core, leaves it there by a jump, and puts back what has changed.
 */
#ifndef TESTS_LIB_UNDO_H
#define TESTS_LIB_UNDO_H

#include "mmcore/mmcore.h"

struct undo {
	struct machine *m;
	struct ram_saved saved;
};

/* From here on what frames had is kept. The machine must outlive @u. */
void undo_open(struct undo *u, struct machine *m);
/* The state to go back to is the present one. */
void undo_mark(struct undo *u);
/* The machine is what it was at the mark, byte for byte, and marked anew. */
void undo_back(struct undo *u);
void undo_close(struct undo *u);

/* All polls that an operation makes when it runs to its end. */
uint64_t undo_polls(struct machine *m, const struct op *op, struct op_result *res);
/* Runs an operation up to its poll number @at, from 0, and leaves it half done.
 * False: it ended before. */
bool undo_cancel_at(struct machine *m, const struct op *op, struct op_result *res,
		    uint64_t at);

/* Work that a look counts, from beginning to end. */
uint64_t undo_work(struct machine *m, void (*look)(const struct machine *m, void *ctx),
		   void *ctx);

#endif
