/* SPDX-License-Identifier: MIT */
/*
 * Red-black trees over simulated addresses. A node lies inside its object and
 * is named by its own address; 0 is the empty leaf. Contracts as in Linux's
 * lib/rbtree.c (2.6.17) and, for augmented trees, include/linux/rbtree_augmented.h.
 *
 * The insertion point is found by the caller, who knows the order: it links
 * the node with rb_link_node() and then restores the colours.
 */
#ifndef MMCORE_RBTREE_H
#define MMCORE_RBTREE_H

#include "mmcore/ram.h"

#define RB_RED		0
#define RB_BLACK	1

struct rb_node {
	uint64_t rb_parent_color;	/* parent's address | colour */
	uint64_t rb_right;
	uint64_t rb_left;
};

struct rb_root {
	uint64_t rb_node;		/* address of the top node, or 0 */
};

/*
 * An augmented tree keeps in each object a value computed from its subtree.
 * @update recomputes the value of one node from its own and its children's;
 * it returns false when the value did not change (an upward walk may stop).
 */
struct rb_augment {
	bool (*update)(struct step *s, uint64_t node);
};

static inline const struct rb_node *rb_at(const struct machine *m, uint64_t pa)
{
	return ram_at(m, pa);
}

static inline uint64_t rb_parent(const struct rb_node *n)
{
	return n->rb_parent_color & ~1ULL;
}

static inline bool rb_is_black(const struct rb_node *n)
{
	return n->rb_parent_color & RB_BLACK;
}

/**
 * rb_link_node - hang a new red node below its parent
 * @s:      step
 * @node:   address of the new node
 * @parent: address of its parent, 0 for the first node
 * @link:   address of the rb_left, rb_right or rb_root word that points to it
 */
void rb_link_node(struct step *s, uint64_t node, uint64_t parent,
		  uint64_t link);

/* Rebalance after rb_link_node(). @root: address of the rb_root. O(log n). */
void rb_insert_color(struct step *s, uint64_t node, uint64_t root,
		     const struct rb_augment *aug);

/* Unlink a node and rebalance. O(log n). */
void rb_erase(struct step *s, uint64_t node, uint64_t root,
	      const struct rb_augment *aug);

/* Recompute the augmented values from @node to the root, as far as needed. */
void rb_augment_path(struct step *s, uint64_t node,
		     const struct rb_augment *aug);

/* In-order neighbours and ends; 0 where there is none. */
uint64_t rb_first(const struct machine *m, uint64_t root);
uint64_t rb_last(const struct machine *m, uint64_t root);
uint64_t rb_next(const struct machine *m, uint64_t node);
uint64_t rb_prev(const struct machine *m, uint64_t node);

#endif
