/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/undo.h"

void undo_open(struct undo *u, struct machine *m)
{
	const uint64_t frames = machine_frames(m);

	*u = (struct undo){ m, { malloc(frames << PAGE_SHIFT),
				 malloc(frames * sizeof(uint32_t)), 0, frames } };
	if (!u->saved.bytes || !u->saved.pfn)
		abort();
	undo_mark(u);
}

void undo_mark(struct undo *u)
{
	u->saved.nr = 0;
	ram_clear_dirty(u->m);
	u->m->saved = &u->saved;
}

void undo_back(struct undo *u)
{
	struct step s = { .m = u->m };
	uint64_t pfn = ram_next_frame(u->m, 0, FRAME_DIRTY);

	u->m->saved = NULL;
	/* What changed and was not saved had been blank. */
	for (; pfn != UINT64_MAX; pfn = ram_next_frame(u->m, pfn + 1, FRAME_DIRTY))
		ram_clear_frame(&s, (pfn_t)pfn);
	for (uint64_t i = 0; i < u->saved.nr; i++)
		memcpy(frame_mut(&s, u->saved.pfn[i]),
		       u->saved.bytes + (i << PAGE_SHIFT), PAGE_SIZE);
	undo_mark(u);
}

void undo_close(struct undo *u)
{
	u->m->saved = NULL;
	free(u->saved.bytes);
	free(u->saved.pfn);
}

/* ---- polls ---- */

struct cancel {
	struct mm_poll poll;	/* due at every poll: nothing is left, ever */
	uint64_t polls, at;
	jmp_buf env;
};

static void due(struct mm_poll *poll)
{
	struct cancel *c = (struct cancel *)poll;

	poll->left = 0;
	if (c->polls++ == c->at)
		longjmp(c->env, 1);
}

bool undo_cancel_at(struct machine *m, const struct op *op, struct op_result *res,
		    uint64_t at)
{
	struct cancel c = { .poll = { 0, due }, .at = at };
	bool cancelled = true;

	m->poll = &c.poll;
	if (!setjmp(c.env)) {
		mm_step(m, op, res, NULL);
		cancelled = false;
	}
	m->poll = NULL;
	return cancelled;
}

static void count(struct mm_poll *poll)
{
	((struct cancel *)poll)->polls++;
	poll->left = 0;
}

uint64_t undo_polls(struct machine *m, const struct op *op, struct op_result *res)
{
	struct cancel c = { .poll = { 0, count } };

	m->poll = &c.poll;
	mm_step(m, op, res, NULL);
	m->poll = NULL;
	return c.polls;
}

uint64_t undo_work(struct machine *m, void (*look)(const struct machine *m, void *ctx),
		   void *ctx)
{
	struct mm_poll poll = { INT64_MAX, NULL };

	m->poll = &poll;
	look(m, ctx);
	m->poll = NULL;
	return (uint64_t)(INT64_MAX - poll.left);
}
