/* SPDX-License-Identifier: MIT */
/*
 * A B+ tree of the VMAs of one address space. Its leaves hold their borders,
 * in order; each node above holds, for each of its children, the last border
 * below it and the largest gap below it. So a look-up reads a few dense nodes
 * where mm_rb, whose nodes are the VMAs themselves, would read a dozen VMAs
 * from all over the RAM; and the search for free memory skips what has no gap
 * that is long enough. It plays the part of today's maple tree (mm_mt), from
 * which it takes the idea and nothing else; mm_rb is kept beside it.
 *
 *	end		      40	  90
 *	largest gap	      16	  25
 *			     /		    \
 *	start	       10   36		   55   85
 *	end	       20   40		   60   90
 *	(gap before)   10   16		   15   25
 *
 * Nodes are split on the way down to a place where an entry will be added, at
 * that place: mappings that come in order, up or down, leave full nodes
 * behind. A split changes nothing that can be seen, so running out of memory
 * half way needs no undoing. A node goes when it is empty; it is not merged
 * with others before, so the depth is bounded by the most VMAs there were.
 */
#include <string.h>

#include "mmcore/mm/slab.h"
#include "mmcore/mm/vma_index.h"

#define SLOTS		VMA_INDEX_SLOTS
#define MAX_DEPTH	16

typedef struct vma_index_node node_t;

/* A way down: node and slot at each level, [0] the root, [depth - 1] a leaf. */
struct path {
	uint32_t depth;
	uint32_t slot[MAX_DEPTH];
	uint64_t node[MAX_DEPTH];
	uint64_t low[MAX_DEPTH];	/* end of the last VMA before the node */
};

static const node_t *node_at(const struct machine *m, uint64_t pa)
{
	return ram_at(m, pa);
}

static node_t *node_mut(struct step *s, uint64_t pa)
{
	return ram_mut(s, pa);
}

static bool is_leaf(const node_t *n)
{
	return n->height == 0;
}

static uint64_t root_of(const struct machine *m, mm_ref mm)
{
	return mm_at(m, mm)->vma_index;
}

/* The first slot whose end lies above @addr; nr if there is none. */
static uint32_t slot_above(const node_t *n, uint64_t addr)
{
	uint32_t slot = 0, len = n->nr;

	if (len && n->end[len - 1] <= addr)
		return len;
	while (len) {
		uint32_t half = len / 2;
		bool below = n->end[slot + half] <= addr;

		slot = below ? slot + half + 1 : slot;
		len = below ? len - half - 1 : half;
	}
	return slot;
}

static uint64_t end_before(const node_t *n, uint32_t slot, uint64_t low)
{
	return slot ? n->end[slot - 1] : low;
}

/* The gap before an entry of a leaf; in a node above, the largest of many. */
static uint64_t gap_of(const node_t *n, uint32_t slot, uint64_t low)
{
	if (!is_leaf(n))
		return n->start[slot];
	return n->start[slot] - end_before(n, slot, low);
}

static uint64_t largest_gap(const node_t *n, uint64_t low)
{
	uint64_t largest = 0, gap;

	if (!is_leaf(n)) {
		for (uint32_t i = 0; i < n->nr; i++)
			largest = n->start[i] > largest ? n->start[i] : largest;
		return largest;
	}
	for (uint32_t i = 0; i < n->nr; i++) {
		gap = n->start[i] - low;
		largest = gap > largest ? gap : largest;
		low = n->end[i];
	}
	return largest;
}

static void descend_from(const struct machine *m, uint64_t pa, uint64_t addr,
			 struct path *p)
{
	uint64_t low = 0;

	for (p->depth = 0;; p->depth++) {
		const node_t *n = node_at(m, pa);
		uint32_t slot = slot_above(n, addr);

		MM_ASSERT(p->depth < MAX_DEPTH);
		p->node[p->depth] = pa;
		p->low[p->depth] = low;
		if (is_leaf(n)) {
			p->slot[p->depth++] = slot;
			return;
		}
		slot = slot < n->nr ? slot : n->nr - 1;
		p->slot[p->depth] = slot;
		low = end_before(n, slot, low);
		pa = n->ref[slot];
	}
}

/*
 * Down to the leaf of the first entry above @addr, else of the last entry. Most
 * processes have one leaf and nothing else.
 */
static inline void descend(const struct machine *m, mm_ref mm, uint64_t addr,
			   struct path *p)
{
	const uint64_t root = root_of(m, mm);

	p->depth = 0;
	if (!root)
		return;
	if (!is_leaf(node_at(m, root))) {
		descend_from(m, root, addr, p);
		return;
	}
	p->depth = 1;
	p->node[0] = root;
	p->low[0] = 0;
	p->slot[0] = slot_above(node_at(m, root), addr);
}

/* Gaps of a leaf that are other than they were: the largest before and now. */
struct change {
	uint64_t was, now;
};

static const struct change unknown = { UINT64_MAX, 0 };

/*
 * What the nodes above say of a leaf that was changed, as far as it changed. A
 * node is looked through only if it lost what was its largest gap.
 */
static void refresh(struct step *s, const struct path *p, struct change c)
{
	for (uint32_t level = p->depth; level-- > 1;) {
		const node_t *n = node_at(s->m, p->node[level]);
		const node_t *up = node_at(s->m, p->node[level - 1]);
		uint32_t slot = p->slot[level - 1];
		uint64_t end = n->end[n->nr - 1], was = up->start[slot];

		if (c.now <= was)
			c.now = c.was < was ? was
					    : largest_gap(n, p->low[level]);
		c.was = was;
		if (up->end[slot] == end && c.now == was)
			return;
		node_mut(s, p->node[level - 1])->end[slot] = end;
		node_mut(s, p->node[level - 1])->start[slot] = c.now;
	}
}

/* A border has moved at the end of a leaf: the next leaf's first gap is new. */
static void refresh_next(struct step *s, mm_ref mm, uint64_t end)
{
	struct path p;

	if (node_at(s->m, root_of(s->m, mm))->height == 0 ||
	    mm_at(s->m, mm)->highest_vm_end <= end)
		return;
	descend(s->m, mm, end, &p);
	refresh(s, &p, unknown);
}

/*
 * The borders of a node lie in five cache lines, which a binary search would
 * wait for one after another.
 */
static void fetch_borders(const node_t *n)
{
	for (uint32_t i = 0; i < SLOTS; i += 8)
		__builtin_prefetch(&n->end[i]);
	for (uint32_t i = 0; i < SLOTS; i += 8)
		__builtin_prefetch(&n->ref[i]);
}

/* Whoever found a VMA looks at all of it next, and at the bounds of those beside
 * it: all misses in one. */
static void fetch_neighbours(const struct machine *m, const node_t *n,
			     uint32_t slot)
{
	for (uint32_t i = slot ? slot - 1 : 0; i <= slot + 1 && i < n->nr; i++)
		__builtin_prefetch(ram_at(m, n->ref[i]));
	if (slot == n->nr)
		return;
	for (size_t at = 64; at < sizeof(struct vm_area_struct); at += 64)
		__builtin_prefetch(ram_at(m, n->ref[slot] + at));
}

/*
 * slot_above() for addresses that come by chance: counted, not searched, so nothing
 * waits for what came before, neither for a branch that was guessed wrong nor for
 * one cache line after another.
 */
static uint32_t count_up_to(const node_t *n, uint64_t addr)
{
	const uint32_t nr = n->nr;
	uint32_t slot = 0;

	for (uint32_t i = 0; i < nr; i++)
		slot += n->end[i] <= addr;
	return slot;
}

vma_ref vma_index_find(const struct machine *m, mm_ref mm, uint64_t addr,
		       vma_ref *prev)
{
	uint64_t pa = root_of(m, mm);
	const node_t *n;
	uint32_t slot;

	*prev = vma_make(0);
	if (!pa)
		return vma_make(0);
	for (n = node_at(m, pa); !is_leaf(n); n = node_at(m, n->ref[slot])) {
		slot = count_up_to(n, addr);
		if (slot == n->nr)
			slot--;
		fetch_borders(node_at(m, n->ref[slot]));
	}
	slot = count_up_to(n, addr);
	fetch_neighbours(m, n, slot);
	if (slot)
		*prev = vma_make(n->ref[slot - 1]);
	if (slot == n->nr)
		return vma_make(0);
	if (!slot)
		*prev = vma_at(m, vma_make(n->ref[0]))->vm_prev;
	return vma_make(n->ref[slot]);
}

/* ---- adding ---- */

static void move_slots(node_t *to, uint32_t at, const node_t *from,
		       uint32_t slot, uint32_t nr)
{
	memmove(to->end + at, from->end + slot, nr * sizeof(uint64_t));
	memmove(to->start + at, from->start + slot, nr * sizeof(uint64_t));
	memmove(to->ref + at, from->ref + slot, nr * sizeof(uint64_t));
}

static void insert_slot(node_t *n, uint32_t slot, uint64_t end, uint64_t start,
			uint64_t ref)
{
	uint32_t i = n->nr++;

	MM_ASSERT(i < SLOTS && slot <= i);
	for (; i > slot; i--) {
		n->end[i] = n->end[i - 1];
		n->start[i] = n->start[i - 1];
		n->ref[i] = n->ref[i - 1];
	}
	n->end[slot] = end;
	n->start[slot] = start;
	n->ref[slot] = ref;
}

static void erase_slot(node_t *n, uint32_t slot)
{
	uint32_t i = slot, last = --n->nr;

	for (; i < last; i++) {
		n->end[i] = n->end[i + 1];
		n->start[i] = n->start[i + 1];
		n->ref[i] = n->ref[i + 1];
	}
	n->end[last] = 0;
	n->start[last] = 0;
	n->ref[last] = 0;
}

static uint64_t new_node(struct step *s, uint32_t height)
{
	uint64_t pa = kmem_cache_alloc(s, CACHE_VMA_INDEX);

	if (pa)
		node_mut(s, pa)->height = height;
	return pa;
}

/* A root above the root, so that the root can be split like any other. */
static bool grow_root(struct step *s, mm_ref mm)
{
	uint64_t old = root_of(s->m, mm);
	const node_t *n = node_at(s->m, old);
	uint64_t pa = new_node(s, n->height + 1);

	if (!pa)
		return false;
	insert_slot(node_mut(s, pa), 0, n->end[n->nr - 1], largest_gap(n, 0),
		    old);
	mm_mut(s, mm)->vma_index = pa;
	return true;
}

/*
 * Cut the child in @slot of the node @up, which is full, where @addr belongs:
 * its lower part moves to a new child before it.
 */
static bool split_child(struct step *s, uint64_t up, uint32_t slot,
			uint64_t low, uint64_t addr)
{
	uint64_t child = node_at(s->m, up)->ref[slot];
	node_t *n = node_mut(s, child), *lower;
	uint32_t at = slot_above(n, addr);
	uint64_t pa = new_node(s, n->height);

	if (!pa)
		return false;
	at = at < 1 ? 1 : at;
	at = at > SLOTS - 1 ? SLOTS - 1 : at;
	lower = node_mut(s, pa);
	move_slots(lower, 0, n, 0, at);
	lower->nr = at;
	move_slots(n, 0, n, at, SLOTS - at);
	n->nr = SLOTS - at;
	for (uint32_t i = n->nr; i < SLOTS; i++)
		n->end[i] = n->start[i] = n->ref[i] = 0;
	insert_slot(node_mut(s, up), slot, lower->end[at - 1],
		    largest_gap(lower, low), pa);
	node_mut(s, up)->start[slot + 1] = largest_gap(n, lower->end[at - 1]);
	return true;
}

bool vma_index_prealloc(struct step *s, mm_ref mm, uint64_t addr)
{
	uint64_t pa = root_of(s->m, mm), low = 0;

	if (!pa) {
		pa = new_node(s, 0);
		mm_mut(s, mm)->vma_index = pa;
		return pa;
	}
	if (node_at(s->m, pa)->nr < SLOTS && is_leaf(node_at(s->m, pa)))
		return true;
	if (node_at(s->m, pa)->nr == SLOTS && !grow_root(s, mm))
		return false;
	for (pa = root_of(s->m, mm); !is_leaf(node_at(s->m, pa));) {
		const node_t *n = node_at(s->m, pa);
		uint32_t slot = slot_above(n, addr);

		slot = slot < n->nr ? slot : n->nr - 1;
		low = end_before(n, slot, low);
		if (node_at(s->m, n->ref[slot])->nr == SLOTS) {
			if (!split_child(s, pa, slot, low, addr))
				return false;
			slot += n->end[slot] <= addr;
			low = end_before(n, slot, low);
		}
		pa = n->ref[slot];
	}
	return true;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The entry goes where its successor is, so that only one leaf changes. */
void vma_index_insert(struct step *s, mm_ref mm, vma_ref ref)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	struct change c = { 0, 0 };
	struct path p;
	uint64_t before;
	uint32_t slot;
	node_t *leaf;

	descend(s->m, mm, vma->vm_start, &p);
	slot = p.slot[p.depth - 1];
	leaf = node_mut(s, p.node[p.depth - 1]);
	before = end_before(leaf, slot, p.low[p.depth - 1]);
	c.now = vma->vm_start - before;
	if (slot < leaf->nr) {
		c.was = leaf->start[slot] - before;
		c.now = max_u64(c.now, leaf->start[slot] - vma->vm_end);
	}
	insert_slot(leaf, slot, vma->vm_end, vma->vm_start, ref.pa);
	refresh(s, &p, c);
}

/* ---- changing and taking away ---- */

/* Down to the entry that ends at @end; it must be there. */
static void descend_to(const struct machine *m, mm_ref mm, uint64_t end,
		       struct path *p)
{
	const node_t *leaf;

	descend(m, mm, end - 1, p);
	MM_ASSERT(p->depth);
	leaf = node_at(m, p->node[p->depth - 1]);
	MM_ASSERT(p->slot[p->depth - 1] < leaf->nr);
	MM_ASSERT(leaf->end[p->slot[p->depth - 1]] == end);
}

void vma_index_move(struct step *s, mm_ref mm, uint64_t old_end,
		    uint64_t start, uint64_t end)
{
	struct path p;
	uint32_t slot;
	node_t *leaf;

	descend_to(s->m, mm, old_end, &p);
	slot = p.slot[p.depth - 1];
	leaf = node_mut(s, p.node[p.depth - 1]);
	leaf->start[slot] = start;
	leaf->end[slot] = end;
	refresh(s, &p, unknown);
	if (slot == leaf->nr - 1 && end != old_end)
		refresh_next(s, mm, end);
}

void vma_index_split(struct step *s, mm_ref mm, vma_ref lower, vma_ref upper,
		     uint64_t addr)
{
	const struct vm_area_struct *vma = vma_at(s->m, lower);
	struct path p;
	uint32_t slot;
	node_t *leaf;

	descend_to(s->m, mm, vma->vm_end, &p);
	slot = p.slot[p.depth - 1];
	leaf = node_mut(s, p.node[p.depth - 1]);
	insert_slot(leaf, slot, addr, leaf->start[slot], lower.pa);
	leaf->start[slot + 1] = addr;
	leaf->ref[slot + 1] = upper.pa;
	refresh(s, &p, (struct change){ 0, 0 });
}

/* Empty nodes go, and so does a root with nothing beside what is below. */
static void prune(struct step *s, mm_ref mm, struct path *p, struct change c)
{
	while (p->depth && !node_at(s->m, p->node[p->depth - 1])->nr) {
		kmem_cache_free(s, CACHE_VMA_INDEX, p->node[p->depth - 1]);
		p->depth--;
		if (p->depth)
			erase_slot(node_mut(s, p->node[p->depth - 1]),
				   p->slot[p->depth - 1]);
		c = unknown;
	}
	if (!p->depth) {
		mm_mut(s, mm)->vma_index = 0;
		return;
	}
	if (p->depth == 1 && is_leaf(node_at(s->m, p->node[0])))
		return;
	refresh(s, p, c);
	for (;;) {
		uint64_t root = root_of(s->m, mm);
		const node_t *n = node_at(s->m, root);

		if (is_leaf(n) || n->nr > 1)
			break;
		mm_mut(s, mm)->vma_index = n->ref[0];
		kmem_cache_free(s, CACHE_VMA_INDEX, root);
	}
}

void vma_index_erase(struct step *s, mm_ref mm, uint64_t end)
{
	struct change c = unknown;
	struct path p;
	uint32_t slot;
	node_t *leaf;
	bool last;

	descend_to(s->m, mm, end, &p);
	slot = p.slot[p.depth - 1];
	leaf = node_mut(s, p.node[p.depth - 1]);
	last = slot == leaf->nr - 1;
	if (!last) {
		/* Two gaps become one, which is larger than both. */
		c.was = 0;
		c.now = leaf->start[slot + 1] -
			end_before(leaf, slot, p.low[p.depth - 1]);
	}
	erase_slot(leaf, slot);
	prune(s, mm, &p, c);
	if (last && root_of(s->m, mm))
		refresh_next(s, mm, end);
}

static void free_nodes(struct step *s, uint64_t pa)
{
	const node_t *n = node_at(s->m, pa);

	if (!is_leaf(n))
		for (uint32_t i = 0; i < n->nr; i++)
			free_nodes(s, n->ref[i]);
	kmem_cache_free(s, CACHE_VMA_INDEX, pa);
}

void vma_index_free(struct step *s, mm_ref mm)
{
	uint64_t root = root_of(s->m, mm);

	if (!root)
		return;
	mm_mut(s, mm)->vma_index = 0;
	free_nodes(s, root);
}

/* ---- searching ---- */

static bool fits(uint64_t start, uint64_t end, uint64_t len)
{
	return start < end && end - start >= len;
}

/* Down from @level to the last (or first) entry with a gap of @len. */
static void descend_to_gap(const struct machine *m, struct path *p,
			   uint32_t level, uint64_t len, bool last)
{
	for (;; level++) {
		const node_t *n = node_at(m, p->node[level]);
		uint64_t low = p->low[level];
		uint32_t slot = last ? n->nr - 1 : 0;

		while (gap_of(n, slot, low) < len)
			slot = last ? slot - 1 : slot + 1;
		p->slot[level] = slot;
		if (is_leaf(n))
			return;
		p->node[level + 1] = n->ref[slot];
		p->low[level + 1] = end_before(n, slot, low);
	}
}

/* Into @slot of @level, whose gaps are large enough, and down from there. */
static void enter_gap(const struct machine *m, struct path *p, uint32_t level,
		      uint32_t slot, uint64_t len, bool last)
{
	const node_t *n = node_at(m, p->node[level]);

	p->slot[level] = slot;
	if (is_leaf(n))
		return;
	p->node[level + 1] = n->ref[slot];
	p->low[level + 1] = end_before(n, slot, p->low[level]);
	descend_to_gap(m, p, level + 1, len, last);
}

/* From the path's entry on, backwards: the first with a gap of @len. */
static bool gap_at_or_before(const struct machine *m, struct path *p,
			     uint64_t len)
{
	uint32_t level = p->depth - 1, slot = p->slot[level] + 1;

	for (;;) {
		const node_t *n = node_at(m, p->node[level]);

		while (slot--) {
			if (gap_of(n, slot, p->low[level]) < len)
				continue;
			enter_gap(m, p, level, slot, len, true);
			return true;
		}
		if (!level)
			return false;
		slot = p->slot[--level];
	}
}

/* After the path's entry, forwards. */
static bool gap_after(const struct machine *m, struct path *p, uint64_t len)
{
	uint32_t level = p->depth - 1;

	for (;;) {
		const node_t *n = node_at(m, p->node[level]);
		uint32_t slot = p->slot[level] + 1;

		for (; slot < n->nr; slot++) {
			if (gap_of(n, slot, p->low[level]) < len)
				continue;
			enter_gap(m, p, level, slot, len, false);
			return true;
		}
		if (!level)
			return false;
		level--;
	}
}

uint64_t vma_index_highest_gap(const struct machine *m, mm_ref mm,
			       uint64_t low, uint64_t high, uint64_t len,
			       vma_ref *above)
{
	struct path p;
	const node_t *leaf;
	uint32_t slot, level;
	uint64_t before;

	*above = vma_make(0);
	descend(m, mm, high, &p);
	if (!p.depth)
		return fits(low, high, len) ? high : 0;
	level = p.depth - 1;
	leaf = node_at(m, p.node[level]);
	slot = p.slot[level];
	if (slot == leaf->nr || leaf->start[slot] >= high) {
		/* The gap that @high is in, or just above. */
		if (slot < leaf->nr)
			*above = vma_make(leaf->ref[slot]);
		before = end_before(leaf, slot, p.low[level]);
		if (fits(before > low ? before : low, high, len))
			return high;
		p.slot[level]--;	/* wraps: the leaf has none before */
	}
	if (!gap_at_or_before(m, &p, len))
		return 0;
	leaf = node_at(m, p.node[level]);
	slot = p.slot[level];
	before = end_before(leaf, slot, p.low[level]);
	if (!fits(before > low ? before : low, leaf->start[slot], len))
		return 0;
	*above = vma_make(leaf->ref[slot]);
	return leaf->start[slot];
}

uint64_t vma_index_lowest_gap(const struct machine *m, mm_ref mm, uint64_t low,
			      uint64_t high, uint64_t len, vma_ref *above)
{
	struct path p;
	const node_t *leaf;
	uint32_t slot, level;
	uint64_t start = mm_at(m, mm)->highest_vm_end;

	*above = vma_make(0);
	descend(m, mm, low, &p);
	if (p.depth) {
		level = p.depth - 1;
		leaf = node_at(m, p.node[level]);
		slot = p.slot[level];
		if (slot < leaf->nr &&
		    (fits(low, leaf->start[slot], len) ||
		     gap_after(m, &p, len))) {
			leaf = node_at(m, p.node[level]);
			slot = p.slot[level];
			start = end_before(leaf, slot, p.low[level]);
			*above = vma_make(leaf->ref[slot]);
		}
	}
	start = start > low ? start : low;
	return fits(start, high, len) ? start : 0;
}

/* ---- checking ---- */

/* What is found below a node, as its parent should have it. */
struct below {
	uint64_t low;		/* in: end of what came before; out: its end */
	uint64_t gap;
	vma_ref next;		/* the list's next VMA */
};

static const char *check_leaf(const struct machine *m, const node_t *n,
			      struct below *b)
{
	for (uint32_t i = 0; i < n->nr; i++) {
		const struct vm_area_struct *vma;

		if (vma_none(b->next) || b->next.pa != n->ref[i])
			return "the index lists other VMAs than the list";
		vma = vma_at(m, b->next);
		if (vma->vm_start != n->start[i] || vma->vm_end != n->end[i])
			return "the index has another border of a VMA";
		if (n->start[i] - b->low > b->gap)
			b->gap = n->start[i] - b->low;
		b->low = n->end[i];
		b->next = vma->vm_next;
	}
	return NULL;
}

static const char *check_node(const struct machine *m, uint64_t pa,
			      struct below *b)
{
	const node_t *n = node_at(m, pa);

	if (!n->nr || n->nr > SLOTS)
		return "a node of the index is empty or overfull";
	if (is_leaf(n))
		return check_leaf(m, n, b);
	for (uint32_t i = 0; i < n->nr; i++) {
		struct below child = { .low = b->low, .next = b->next };
		const char *what = check_node(m, n->ref[i], &child);

		if (what)
			return what;
		if (node_at(m, n->ref[i])->height != n->height - 1)
			return "the leaves of the index are not equally deep";
		if (n->end[i] != child.low || n->start[i] != child.gap)
			return "the index has a wrong end or gap of a subtree";
		b->gap = child.gap > b->gap ? child.gap : b->gap;
		b->low = child.low;
		b->next = child.next;
	}
	return NULL;
}

const char *vma_index_check(const struct machine *m, mm_ref mm)
{
	struct below all = { .next = mm_at(m, mm)->mmap };
	const uint64_t root = root_of(m, mm);
	const char *what = NULL;

	/* An empty root may wait for an entry that was not made after all. */
	if (root && (node_at(m, root)->nr || !is_leaf(node_at(m, root))))
		what = check_node(m, root, &all);
	if (!what && !vma_none(all.next))
		return "the index lacks VMAs of the list";
	return what;
}
