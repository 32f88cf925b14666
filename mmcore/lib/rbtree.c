/* SPDX-License-Identifier: MIT */
/*
 * Red-black trees: the textbook's five laws, kept by rotations. A root is
 * black, no red node has a red child, and every path from a node to a leaf
 * passes equally many black nodes. Where a tree is augmented, a rotation
 * recomputes the two nodes it turned, lower one first, and whoever changes
 * the shape walks once to the root.
 */
#include "mmcore/lib/rbtree.h"

static struct rb_node *node_mut(struct step *s, uint64_t pa)
{
	return ram_mut(s, pa);
}

static bool is_red(const struct machine *m, uint64_t n)
{
	return n && !rb_is_black(rb_at(m, n));
}

static void set_colour(struct step *s, uint64_t n, uint64_t colour)
{
	struct rb_node *node = node_mut(s, n);

	node->rb_parent_color = (node->rb_parent_color & ~1ULL) | colour;
}

static void set_parent(struct step *s, uint64_t n, uint64_t parent)
{
	struct rb_node *node = node_mut(s, n);

	node->rb_parent_color = (node->rb_parent_color & 1ULL) | parent;
}

/* Let whatever pointed to @was point to @now. */
static void replace_child(struct step *s, uint64_t root, uint64_t parent,
			  uint64_t was, uint64_t now)
{
	if (!parent)
		((struct rb_root *)ram_mut(s, root))->rb_node = now;
	else if (rb_at(s->m, parent)->rb_left == was)
		node_mut(s, parent)->rb_left = now;
	else
		node_mut(s, parent)->rb_right = now;
}

/* @left: turn @n down to the left (its right child rises), else mirrored. */
static void rotate(struct step *s, uint64_t n, bool left, uint64_t root,
		   const struct rb_augment *aug)
{
	struct rb_node *node = node_mut(s, n);
	uint64_t parent = rb_parent(node);
	uint64_t up = left ? node->rb_right : node->rb_left;
	struct rb_node *riser = node_mut(s, up);
	uint64_t inner = left ? riser->rb_left : riser->rb_right;

	if (left) {
		node->rb_right = inner;
		riser->rb_left = n;
	} else {
		node->rb_left = inner;
		riser->rb_right = n;
	}
	if (inner)
		set_parent(s, inner, n);
	set_parent(s, up, parent);
	set_parent(s, n, up);
	replace_child(s, root, parent, n, up);
	if (aug) {
		aug->update(s, n);
		aug->update(s, up);
	}
}

void rb_link_node(struct step *s, uint64_t node, uint64_t parent,
		  uint64_t link)
{
	struct rb_node *n = node_mut(s, node);

	n->rb_parent_color = parent | RB_RED;
	n->rb_left = 0;
	n->rb_right = 0;
	*(uint64_t *)ram_mut(s, link) = node;
}

void rb_augment_path(struct step *s, uint64_t node,
		     const struct rb_augment *aug)
{
	while (node && aug->update(s, node))
		node = rb_parent(rb_at(s->m, node));
}

void rb_insert_color(struct step *s, uint64_t node, uint64_t root,
		     const struct rb_augment *aug)
{
	const struct machine *m = s->m;
	uint64_t parent;

	if (aug)
		rb_augment_path(s, node, aug);
	while ((parent = rb_parent(rb_at(m, node))) && is_red(m, parent)) {
		uint64_t grand = rb_parent(rb_at(m, parent));
		bool on_left = rb_at(m, grand)->rb_left == parent;
		uint64_t uncle = on_left ? rb_at(m, grand)->rb_right
					 : rb_at(m, grand)->rb_left;

		if (is_red(m, uncle)) {
			set_colour(s, uncle, RB_BLACK);
			set_colour(s, parent, RB_BLACK);
			set_colour(s, grand, RB_RED);
			node = grand;
			continue;
		}
		/* An inner grandchild is first turned into an outer one. */
		if (node == (on_left ? rb_at(m, parent)->rb_right
				     : rb_at(m, parent)->rb_left)) {
			rotate(s, parent, on_left, root, aug);
			parent = node;
		}
		set_colour(s, parent, RB_BLACK);
		set_colour(s, grand, RB_RED);
		rotate(s, grand, !on_left, root, aug);
		break;
	}
	set_colour(s, ((const struct rb_root *)ram_at(m, root))->rb_node,
		   RB_BLACK);
}

/* One black node is missing on the paths through @node (may be 0). */
static void erase_color(struct step *s, uint64_t node, uint64_t parent,
			uint64_t root, const struct rb_augment *aug)
{
	const struct machine *m = s->m;

	while (parent && !is_red(m, node)) {
		bool on_left = rb_at(m, parent)->rb_left == node;
		uint64_t sib = on_left ? rb_at(m, parent)->rb_right
				       : rb_at(m, parent)->rb_left;
		uint64_t near, far;

		if (is_red(m, sib)) {
			set_colour(s, sib, RB_BLACK);
			set_colour(s, parent, RB_RED);
			rotate(s, parent, on_left, root, aug);
			sib = on_left ? rb_at(m, parent)->rb_right
				      : rb_at(m, parent)->rb_left;
		}
		near = on_left ? rb_at(m, sib)->rb_left : rb_at(m, sib)->rb_right;
		far = on_left ? rb_at(m, sib)->rb_right : rb_at(m, sib)->rb_left;
		if (!is_red(m, near) && !is_red(m, far)) {
			set_colour(s, sib, RB_RED);
			node = parent;
			parent = rb_parent(rb_at(m, node));
			continue;
		}
		if (!is_red(m, far)) {
			set_colour(s, near, RB_BLACK);
			set_colour(s, sib, RB_RED);
			rotate(s, sib, !on_left, root, aug);
			far = sib;
			sib = near;
		}
		set_colour(s, sib, rb_at(m, parent)->rb_parent_color & 1);
		set_colour(s, parent, RB_BLACK);
		set_colour(s, far, RB_BLACK);
		rotate(s, parent, on_left, root, aug);
		return;
	}
	if (node)
		set_colour(s, node, RB_BLACK);
}

/* @heir takes the place, the colour and the children of @node. */
static void take_place(struct step *s, uint64_t node, uint64_t heir,
		       uint64_t root)
{
	const struct rb_node *old = rb_at(s->m, node);
	struct rb_node *h = node_mut(s, heir);

	*h = *old;
	if (old->rb_left)
		set_parent(s, old->rb_left, heir);
	if (old->rb_right)
		set_parent(s, old->rb_right, heir);
	replace_child(s, root, rb_parent(old), node, heir);
}

void rb_erase(struct step *s, uint64_t node, uint64_t root,
	      const struct rb_augment *aug)
{
	const struct machine *m = s->m;
	const struct rb_node *n = rb_at(m, node);
	uint64_t out = node, child, parent;
	bool black;

	/* With two children, the successor leaves its place and becomes us. */
	if (n->rb_left && n->rb_right)
		for (out = n->rb_right; rb_at(m, out)->rb_left;)
			out = rb_at(m, out)->rb_left;
	child = rb_at(m, out)->rb_left ? rb_at(m, out)->rb_left
				       : rb_at(m, out)->rb_right;
	parent = rb_parent(rb_at(m, out));
	black = rb_is_black(rb_at(m, out));
	if (child)
		set_parent(s, child, parent);
	replace_child(s, root, parent, out, child);
	if (out != node) {
		take_place(s, node, out, root);
		if (parent == node)
			parent = out;
	}
	if (aug) {
		for (uint64_t p = parent; p; p = rb_parent(rb_at(m, p)))
			aug->update(s, p);
	}
	if (black)
		erase_color(s, child, parent, root, aug);
}

uint64_t rb_first(const struct machine *m, uint64_t root)
{
	uint64_t n = ((const struct rb_root *)ram_at(m, root))->rb_node;

	for (; n && rb_at(m, n)->rb_left; n = rb_at(m, n)->rb_left)
		mm_poll(m, 1);
	return n;
}

uint64_t rb_last(const struct machine *m, uint64_t root)
{
	uint64_t n = ((const struct rb_root *)ram_at(m, root))->rb_node;

	for (; n && rb_at(m, n)->rb_right; n = rb_at(m, n)->rb_right)
		mm_poll(m, 1);
	return n;
}

uint64_t rb_next(const struct machine *m, uint64_t node)
{
	uint64_t up;

	mm_poll(m, 1);
	if (rb_at(m, node)->rb_right) {
		node = rb_at(m, node)->rb_right;
		for (; rb_at(m, node)->rb_left; node = rb_at(m, node)->rb_left)
			mm_poll(m, 1);
		return node;
	}
	for (; (up = rb_parent(rb_at(m, node))) && rb_at(m, up)->rb_right == node;
	     node = up)
		mm_poll(m, 1);
	return up;
}

uint64_t rb_prev(const struct machine *m, uint64_t node)
{
	uint64_t up;

	mm_poll(m, 1);
	if (rb_at(m, node)->rb_left) {
		node = rb_at(m, node)->rb_left;
		for (; rb_at(m, node)->rb_right; node = rb_at(m, node)->rb_right)
			mm_poll(m, 1);
		return node;
	}
	for (; (up = rb_parent(rb_at(m, node))) && rb_at(m, up)->rb_left == node;
	     node = up)
		mm_poll(m, 1);
	return up;
}
