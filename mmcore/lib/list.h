/* SPDX-License-Identifier: MIT */
/*
 * Linux's circular doubly linked list, with simulated physical addresses for
 * pointers. A head or an entry is named by the address of its list_head.
 * Contracts as in Linux's include/linux/list.h.
 */
#ifndef MMCORE_LIST_H
#define MMCORE_LIST_H

#include "mmcore/ram.h"

struct list_head {
	uint64_t next, prev;	/* addresses of list_heads */
};

#define list_entry_pa(pa, type, member) ((pa) - offsetof(type, member))

static inline const struct list_head *list_at(const struct machine *m,
					      uint64_t pa)
{
	return ram_at(m, pa);
}

static inline struct list_head *list_mut(struct step *s, uint64_t pa)
{
	return ram_mut(s, pa);
}

static inline void INIT_LIST_HEAD(struct step *s, uint64_t pa)
{
	struct list_head *h = list_mut(s, pa);

	h->next = pa;
	h->prev = pa;
}

static inline bool list_empty(const struct machine *m, uint64_t head)
{
	return list_at(m, head)->next == head;
}

static inline void list_insert(struct step *s, uint64_t entry, uint64_t prev,
			       uint64_t next)
{
	struct list_head *e = list_mut(s, entry);

	list_mut(s, next)->prev = entry;
	e->next = next;
	e->prev = prev;
	list_mut(s, prev)->next = entry;
}

/* Insert right after @head: a stack. */
static inline void list_add(struct step *s, uint64_t entry, uint64_t head)
{
	list_insert(s, entry, head, list_at(s->m, head)->next);
}

/* Insert right before @head: a queue. */
static inline void list_add_tail(struct step *s, uint64_t entry, uint64_t head)
{
	list_insert(s, entry, list_at(s->m, head)->prev, head);
}

/* Unlink; the entry's own links become none (0), where Linux poisons them. */
static inline void list_del(struct step *s, uint64_t entry)
{
	struct list_head *e = list_mut(s, entry);
	struct list_head *next = list_mut(s, e->next), *prev = list_mut(s, e->prev);

	MM_ASSERT(next->prev == entry && prev->next == entry);
	next->prev = e->prev;
	prev->next = e->next;
	e->next = 0;
	e->prev = 0;
}

static inline void list_move(struct step *s, uint64_t entry, uint64_t head)
{
	list_del(s, entry);
	list_add(s, entry, head);
}

/* The entry behind @pos: a step of a walk. */
static inline uint64_t list_next_pa(const struct machine *m, uint64_t pos)
{
	mm_poll(m, 1);
	return list_at(m, pos)->next;
}

#define list_for_each_pa(m, pos, head)					\
	for ((pos) = list_next_pa((m), (head)); (pos) != (head);		\
	     (pos) = list_next_pa((m), (pos)))

#endif
