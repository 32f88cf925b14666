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

	MM_ASSERT(as->height <= MAX_HEIGHT);
	if (!fits(index, as->height))
		return 0;
	for (uint32_t above = as->height; at && above-- > 0;)
		at = node_at(m, at)->slots[slot_of(index, above)];
	return (pfn_t)at;
}

/*
 * Nodes for an insertion, allocated before the tree is touched: an allocation may take
 * pages of this very tree away, and with them nodes on the way (the rule over
 * alloc_pages()).
 */
struct spare_nodes {
	uint64_t pa[2 * MAX_HEIGHT];
	uint32_t nr, used;
};

static uint64_t take_node(struct spare_nodes *spare)
{
	MM_ASSERT(spare->used < spare->nr);
	return spare->pa[spare->used++];
}

/* The height of a tree that has room for @index. */
static uint32_t height_for(uint64_t index, uint32_t height)
{
	while (!fits(index, height))
		height++;
	return height;
}

/* How many nodes the way to @index lacks, new tops included. */
static uint32_t nodes_missing(const struct machine *m, mapping_ref mapping,
			      uint64_t index)
{
	const struct address_space *as = mapping_at(m, mapping);
	uint64_t at = as->page_tree;
	uint32_t above = as->height;

	MM_ASSERT(above <= MAX_HEIGHT);	/* spare_nodes has room for as many */
	if (!at)
		return height_for(index, 1);
	/* A new top leads to the old tree by its first slot, to @index by another. */
	if (!fits(index, as->height))
		return 2 * height_for(index, as->height) - as->height - 1;
	while (above > 1) {
		at = node_at(m, at)->slots[slot_of(index, --above)];
		if (!at)
			return above;
	}
	return 0;
}

/* Put new tops over the tree until @index fits. */
static void extend(struct step *s, mapping_ref mapping, uint64_t index,
		   struct spare_nodes *spare)
{
	struct address_space *as = mapping_mut(s, mapping);

	/* An empty tree is as high as @index needs: no node is without a slot. */
	if (!as->page_tree) {
		as->page_tree = take_node(spare);
		as->height = height_for(index, 1);
		return;
	}
	while (!fits(index, as->height)) {
		const uint64_t top = take_node(spare);

		node_mut(s, top)->slots[0] = as->page_tree;
		node_mut(s, top)->count = 1;
		for (int tag = 0; tag < NR_RADIX_TAGS; tag++)
			node_mut(s, top)->tags[tag] =
				node_at(s->m, as->page_tree)->tags[tag] != 0;
		as->page_tree = top;
		as->height++;
	}
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

/* Room for all nodes that the way to @index lacks. False: no RAM. */
static bool preload(struct step *s, mapping_ref mapping, uint64_t index,
		    struct spare_nodes *spare)
{
	while (spare->nr < nodes_missing(s->m, mapping, index)) {
		const uint64_t node = kmem_cache_alloc(s, CACHE_RADIX);

		if (!node)
			return false;
		spare->pa[spare->nr++] = node;
	}
	return true;
}

static void free_spare(struct step *s, struct spare_nodes *spare)
{
	while (spare->used < spare->nr)
		kmem_cache_free(s, CACHE_RADIX, take_node(spare));
}

int radix_tree_insert(struct step *s, mapping_ref mapping, uint64_t index,
		      pfn_t pfn)
{
	struct spare_nodes spare;
	const struct address_space *as;
	uint64_t at, *slot;

	spare.nr = spare.used = 0;
	if (!preload(s, mapping, index, &spare)) {
		free_spare(s, &spare);
		return -ENOMEM;
	}
	extend(s, mapping, index, &spare);
	as = mapping_at(s->m, mapping);
	at = as->page_tree;
	for (uint32_t above = as->height - 1;; above--) {
		slot = &node_mut(s, at)->slots[slot_of(index, above)];
		if (above == 0)
			break;
		if (!*slot) {
			*slot = take_node(&spare);
			node_mut(s, at)->count++;
		}
		at = *slot;
	}
	MM_ASSERT(!*slot);
	*slot = pfn;
	node_mut(s, at)->count++;
	free_spare(s, &spare);
	return 0;
}

pfn_t radix_tree_delete(struct step *s, mapping_ref mapping, uint64_t index)
{
	const struct address_space *as = mapping_at(s->m, mapping);
	uint64_t path[MAX_HEIGHT + 2], at = as->page_tree;
	const uint32_t height = as->height;
	uint32_t depth = 0;
	pfn_t pfn = 0;

	MM_ASSERT(height <= MAX_HEIGHT);
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

	MM_ASSERT(as->height <= MAX_HEIGHT);	/* @path has room for as many */
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
