/* SPDX-License-Identifier: MIT */
/*
 * A tree of 64-way nodes, as high as its largest index needs (2.6.17
 * lib/radix-tree.c). A leaf's slots hold frame numbers, an inner node's the
 * addresses of nodes; 0 is empty.
 */
#include "mmcore/lib/radix.h"
#include "mmcore/mm/slab.h"
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

	mm_poll(m, 1);
	if (!fits(index, as->height))
		return 0;
	for (uint32_t above = as->height; at && above-- > 0;)
		at = node_at(m, at)->slots[slot_of(index, above)];
	return (pfn_t)at;
}

/* An empty tree is as high as @index needs at once: no node is without a slot. */
static int plant(struct step *s, mapping_ref mapping, uint64_t index)
{
	struct address_space *as = mapping_mut(s, mapping);

	as->page_tree = kmem_cache_alloc(s, CACHE_RADIX);
	if (!as->page_tree)
		return -ENOMEM;
	for (as->height = 1; !fits(index, as->height);)
		as->height++;
	return 0;
}

/* Put a new top over the tree until @index fits. */
static int extend(struct step *s, mapping_ref mapping, uint64_t index)
{
	struct address_space *as = mapping_mut(s, mapping);

	if (!as->page_tree)
		return plant(s, mapping, index);
	while (!fits(index, as->height)) {
		uint64_t top = kmem_cache_alloc(s, CACHE_RADIX);

		if (!top)
			return -ENOMEM;
		node_mut(s, top)->slots[0] = as->page_tree;
		node_mut(s, top)->count = 1;
		for (int tag = 0; tag < NR_RADIX_TAGS; tag++)
			node_mut(s, top)->tags[tag] =
				node_at(s->m, as->page_tree)->tags[tag] != 0;
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
	for (int tag = 0; tag < NR_RADIX_TAGS; tag++)
		radix_tree_tag_clear(s, mapping, index, tag);
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

		mm_poll(m, 1);
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

/* ---- tags ---- */

/* The nodes from the top to the leaf of @index; false: a slot is empty. */
static bool find_path(const struct machine *m, mapping_ref mapping,
		      uint64_t index, uint64_t path[MAX_HEIGHT + 2])
{
	const struct address_space *as = mapping_at(m, mapping);
	uint64_t at = as->page_tree;

	if (!at || !fits(index, as->height))
		return false;
	for (uint32_t above = as->height; above-- > 0;) {
		path[above] = at;
		at = node_at(m, at)->slots[slot_of(index, above)];
		if (!at)
			return false;
	}
	return true;
}

void radix_tree_tag_set(struct step *s, mapping_ref mapping, uint64_t index,
			enum radix_tag tag)
{
	const uint32_t height = mapping_at(s->m, mapping)->height;
	uint64_t path[MAX_HEIGHT + 2];

	if (!find_path(s->m, mapping, index, path))
		return;
	for (uint32_t above = 0; above < height; above++)
		node_mut(s, path[above])->tags[tag] |=
			1ULL << slot_of(index, above);
}

void radix_tree_tag_clear(struct step *s, mapping_ref mapping, uint64_t index,
			  enum radix_tag tag)
{
	const uint32_t height = mapping_at(s->m, mapping)->height;
	uint64_t path[MAX_HEIGHT + 2];

	if (!find_path(s->m, mapping, index, path))
		return;
	for (uint32_t above = 0; above < height; above++) {
		const uint64_t bit = 1ULL << slot_of(index, above);

		if (!(node_at(s->m, path[above])->tags[tag] & bit))
			return;
		node_mut(s, path[above])->tags[tag] &= ~bit;
		if (node_at(s->m, path[above])->tags[tag])
			return;
	}
}

bool radix_tree_tag_get(const struct machine *m, mapping_ref mapping,
			uint64_t index, enum radix_tag tag)
{
	uint64_t path[MAX_HEIGHT + 2];

	return find_path(m, mapping, index, path) &&
	       node_at(m, path[0])->tags[tag] >> slot_of(index, 0) & 1;
}

bool radix_tree_tagged(const struct machine *m, mapping_ref mapping,
		       enum radix_tag tag)
{
	const struct address_space *as = mapping_at(m, mapping);

	return as->page_tree && node_at(m, as->page_tree)->tags[tag];
}

bool radix_tree_next_tagged(const struct machine *m, mapping_ref mapping,
			    uint64_t *index, pfn_t *pfn, enum radix_tag tag)
{
	const struct address_space *as = mapping_at(m, mapping);

	while (as->height && fits(*index, as->height)) {
		uint64_t at = as->page_tree;
		uint32_t above = as->height;

		mm_poll(m, 1);
		while (above-- > 0) {
			const uint32_t slot = slot_of(*index, above);

			if (!(node_at(m, at)->tags[tag] >> slot & 1))
				break;
			at = node_at(m, at)->slots[slot];
			if (above == 0) {
				*pfn = (pfn_t)at;
				return true;
			}
		}
		*index = (*index & ~((1ULL << (above * RADIX_TREE_MAP_SHIFT)) - 1)) +
			 (1ULL << (above * RADIX_TREE_MAP_SHIFT));
	}
	return false;
}
