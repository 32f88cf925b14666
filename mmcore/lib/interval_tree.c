/* SPDX-License-Identifier: MIT */
#include "mmcore/lib/interval_tree.h"

static vma_ref node_vma(uint64_t node)
{
	return vma_make(node ? node - offsetof(struct vm_area_struct,
					       shared.linear.rb) : 0);
}

static uint64_t vma_node(vma_ref vma)
{
	return vma.pa + offsetof(struct vm_area_struct, shared.linear.rb);
}

static uint64_t root_pa(mapping_ref mapping)
{
	return mapping.pa + offsetof(struct address_space, i_mmap);
}

static uint64_t subtree_last(const struct machine *m, uint64_t node)
{
	return vma_at(m, node_vma(node))->shared.linear.rb_subtree_last;
}

uint64_t vma_compute_subtree_last(const struct machine *m, vma_ref ref)
{
	const struct vm_area_struct *vma = vma_at(m, ref);
	const struct rb_node *rb = &vma->shared.linear.rb;
	uint64_t last = vma_last_pgoff(vma);

	if (rb->rb_left && subtree_last(m, rb->rb_left) > last)
		last = subtree_last(m, rb->rb_left);
	if (rb->rb_right && subtree_last(m, rb->rb_right) > last)
		last = subtree_last(m, rb->rb_right);
	return last;
}

static bool update(struct step *s, uint64_t node)
{
	const vma_ref vma = node_vma(node);
	const uint64_t last = vma_compute_subtree_last(s->m, vma);

	if (vma_at(s->m, vma)->shared.linear.rb_subtree_last == last)
		return false;
	vma_mut(s, vma)->shared.linear.rb_subtree_last = last;
	return true;
}

static const struct rb_augment augment = { update };

void vma_interval_tree_insert(struct step *s, vma_ref vma, mapping_ref mapping)
{
	const uint64_t start = vma_start_pgoff(vma_at(s->m, vma));
	uint64_t parent = 0, link = root_pa(mapping);

	while (*(const uint64_t *)ram_at(s->m, link)) {
		parent = *(const uint64_t *)ram_at(s->m, link);
		link = parent + (start < vma_start_pgoff(vma_at(s->m,
								node_vma(parent)))
				 ? offsetof(struct rb_node, rb_left)
				 : offsetof(struct rb_node, rb_right));
	}
	/* 0 changes to what it is, or is no news to those above. */
	vma_mut(s, vma)->shared.linear.rb_subtree_last = 0;
	rb_link_node(s, vma_node(vma), parent, link);
	rb_insert_color(s, vma_node(vma), root_pa(mapping), &augment);
}

void vma_interval_tree_remove(struct step *s, vma_ref vma, mapping_ref mapping)
{
	rb_erase(s, vma_node(vma), root_pa(mapping), &augment);
}

/* The leftmost VMA at or below @node that reaches @first and begins by @last. */
static uint64_t subtree_search(const struct machine *m, uint64_t node,
			       uint64_t first, uint64_t last)
{
	while (node) {
		const struct vm_area_struct *vma = vma_at(m, node_vma(node));
		const struct rb_node *rb = &vma->shared.linear.rb;

		mm_poll(m, 1);
		if (rb->rb_left && subtree_last(m, rb->rb_left) >= first) {
			node = rb->rb_left;
			continue;
		}
		if (vma_start_pgoff(vma) > last)
			return 0;
		if (vma_last_pgoff(vma) >= first)
			return node;
		node = rb->rb_right && subtree_last(m, rb->rb_right) >= first
			       ? rb->rb_right : 0;
	}
	return 0;
}

vma_ref vma_interval_tree_iter_first(const struct machine *m,
				     mapping_ref mapping, uint64_t first,
				     uint64_t last)
{
	const uint64_t root = mapping_at(m, mapping)->i_mmap.rb_node;

	if (!root || subtree_last(m, root) < first)
		return vma_make(0);
	return node_vma(subtree_search(m, root, first, last));
}

vma_ref vma_interval_tree_iter_next(const struct machine *m, vma_ref ref,
				    uint64_t first, uint64_t last)
{
	uint64_t node = vma_node(ref), prev;
	const struct rb_node *rb = rb_at(m, node);

	for (;;) {
		mm_poll(m, 1);
		/* What is to the right of it begins no earlier. */
		if (rb->rb_right && subtree_last(m, rb->rb_right) >= first) {
			const uint64_t found =
				subtree_search(m, rb->rb_right, first, last);

			return node_vma(found);
		}
		do {
			mm_poll(m, 1);
			prev = node;
			node = rb_parent(rb);
			if (!node)
				return vma_make(0);
			rb = rb_at(m, node);
		} while (prev == rb->rb_right);
		if (vma_start_pgoff(vma_at(m, node_vma(node))) > last)
			return vma_make(0);
		if (vma_last_pgoff(vma_at(m, node_vma(node))) >= first)
			return node_vma(node);
	}
}
