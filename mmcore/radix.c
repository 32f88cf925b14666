/* SPDX-License-Identifier: MIT */
/*
 * A tree of 64-way nodes, as high as its largest index needs (2.6.17
 * lib/radix-tree.c). A leaf's slots hold frame numbers, an inner node's the
 * addresses of nodes; 0 is empty.
 */
#include "mmcore/radix.h"
#include "mmcore/slab.h"
#include "mmcore/uapi.h"

#define MAX_HEIGHT 9	/* enough for a 52-bit index */

static const struct radix_tree_node *node_at(const struct machine *m,
					     uint64_t pa)
{
	return ram_at(m, pa);
}

static struct radix_tree_node *node_mut(struct step *s, uint64_t pa)
{
	return ram_mut(s, pa);
}

static bool fits(uint64_t index, uint32_t height)
{
	const uint32_t bits = height * RADIX_TREE_MAP_SHIFT;

	return bits >= 64 || index >> bits == 0;
}

/* The slot for @index in a node @above levels over the leaves. */
static uint32_t slot_of(uint64_t index, uint32_t above)
{
	return index >> (above * RADIX_TREE_MAP_SHIFT) &
	       (RADIX_TREE_MAP_SIZE - 1);
}

pfn_t radix_tree_lookup(const struct machine *m, mapping_ref mapping,
			uint64_t index)
{
	const struct address_space *as = mapping_at(m, mapping);
	uint64_t at = as->page_tree;

	if (!fits(index, as->height))
		return 0;
	for (uint32_t above = as->height; at && above-- > 0;)
		at = node_at(m, at)->slots[slot_of(index, above)];
	return (pfn_t)at;
}

/* Put a new top over the tree until @index fits. */
static int extend(struct step *s, mapping_ref mapping, uint64_t index)
{
	struct address_space *as = mapping_mut(s, mapping);

	while (as->height == 0 || !fits(index, as->height)) {
		uint64_t top = kmem_cache_alloc(s, CACHE_RADIX);

		if (!top)
			return -ENOMEM;
		if (as->page_tree) {
			node_mut(s, top)->slots[0] = as->page_tree;
			node_mut(s, top)->count = 1;
		}
		as->page_tree = top;
		as->height++;
	}
	return 0;
}

/* Take away tops that only lead to their first slot, and an empty tree. */
static void shrink(struct step *s, mapping_ref mapping)
{
	struct address_space *as = mapping_mut(s, mapping);

	while (as->height > 0) {
		uint64_t top = as->page_tree;
		const struct radix_tree_node *node = node_at(s->m, top);

		if (node->count > 1 || (node->count == 1 &&
					(as->height == 1 || !node->slots[0])))
			return;
		as->page_tree = node->count ? node->slots[0] : 0;
		as->height = node->count ? as->height - 1 : 0;
		kmem_cache_free(s, CACHE_RADIX, top);
	}
}

int radix_tree_insert(struct step *s, mapping_ref mapping, uint64_t index,
		      pfn_t pfn)
{
	const struct address_space *as;
	uint64_t at, *slot;

	if (extend(s, mapping, index)) {
		shrink(s, mapping);
		return -ENOMEM;
	}
	as = mapping_at(s->m, mapping);
	at = as->page_tree;
	for (uint32_t above = as->height - 1;; above--) {
		slot = &node_mut(s, at)->slots[slot_of(index, above)];
		if (above == 0)
			break;
		if (!*slot) {
			uint64_t child = kmem_cache_alloc(s, CACHE_RADIX);

			if (!child) {
				radix_tree_delete(s, mapping, index);
				return -ENOMEM;
			}
			*slot = child;
			node_mut(s, at)->count++;
		}
		at = *slot;
	}
	MM_ASSERT(!*slot);
	*slot = pfn;
	node_mut(s, at)->count++;
	return 0;
}

pfn_t radix_tree_delete(struct step *s, mapping_ref mapping, uint64_t index)
{
	const struct address_space *as = mapping_at(s->m, mapping);
	uint64_t path[MAX_HEIGHT + 2], at = as->page_tree;
	const uint32_t height = as->height;
	uint32_t depth = 0;
	pfn_t pfn = 0;

	if (!at || !fits(index, height))
		return 0;
	for (; at && depth < height; depth++) {
		path[depth] = at;
		at = node_at(s->m, at)->slots[slot_of(index, height - 1 - depth)];
	}
	if (at && depth == height) {
		struct radix_tree_node *leaf = node_mut(s, path[depth - 1]);

		pfn = (pfn_t)at;
		leaf->slots[slot_of(index, 0)] = 0;
		leaf->count--;
	}
	/* Nodes below the top that have become empty. */
	while (--depth > 0 && node_at(s->m, path[depth])->count == 0) {
		struct radix_tree_node *up = node_mut(s, path[depth - 1]);

		kmem_cache_free(s, CACHE_RADIX, path[depth]);
		up->slots[slot_of(index, height - depth)] = 0;
		up->count--;
	}
	shrink(s, mapping);
	return pfn;
}

bool radix_tree_next(const struct machine *m, mapping_ref mapping,
		     uint64_t *index, pfn_t *pfn)
{
	const struct address_space *as = mapping_at(m, mapping);

	while (as->height && fits(*index, as->height)) {
		uint64_t at = as->page_tree;
		uint32_t above = as->height;

		while (at && above-- > 0)
			at = node_at(m, at)->slots[slot_of(*index, above)];
		if (at) {
			*pfn = (pfn_t)at;
			return true;
		}
		/* Skip the whole span of the slot that was empty. */
		at = 1ULL << (above * RADIX_TREE_MAP_SHIFT);
		*index = (*index & ~(at - 1)) + at;
	}
	return false;
}
