/* SPDX-License-Identifier: MIT */
/* Random insertions and removals against a plain array, laws checked each time. */
#include <check.h>
#include <stdlib.h>

#include "mmcore/lib/rbtree.h"
#include "tests/lib/host.h"

#define NODES 300
#define BASE (4000 * PAGE_SIZE)
#define ROOT (3999 * PAGE_SIZE)

/* The augmented value is the largest weight in the subtree. */
struct item {
	struct rb_node node;
	uint64_t weight, heaviest;
};

static uint64_t item_pa(unsigned int key)
{
	return BASE + key * PAGE_SIZE;
}

static const struct item *item_at(const struct machine *m, uint64_t pa)
{
	return ram_at(m, pa);
}

static uint64_t heaviest_of(const struct machine *m, uint64_t pa)
{
	const struct item *it = item_at(m, pa);
	uint64_t best = it->weight;

	if (it->node.rb_left && item_at(m, it->node.rb_left)->heaviest > best)
		best = item_at(m, it->node.rb_left)->heaviest;
	if (it->node.rb_right && item_at(m, it->node.rb_right)->heaviest > best)
		best = item_at(m, it->node.rb_right)->heaviest;
	return best;
}

static bool update(struct step *s, uint64_t pa)
{
	struct item *it = ram_mut(s, pa);
	uint64_t best = heaviest_of(s->m, pa);

	if (it->heaviest == best)
		return false;
	it->heaviest = best;
	return true;
}

static const struct rb_augment augment = { update };

/* Black height of a subtree; checks colours, order and the augmented value. */
static int check_subtree(const struct machine *m, uint64_t pa, uint64_t parent,
			 uint64_t low, uint64_t high)
{
	const struct item *it;
	int left, right;

	if (!pa)
		return 1;
	it = item_at(m, pa);
	ck_assert(pa > low && pa < high);
	ck_assert_uint_eq(rb_parent(&it->node), parent);
	if (!rb_is_black(&it->node))
		ck_assert(parent && rb_is_black(rb_at(m, parent)));
	left = check_subtree(m, it->node.rb_left, pa, low, pa);
	right = check_subtree(m, it->node.rb_right, pa, pa, high);
	ck_assert_int_eq(left, right);
	ck_assert_uint_eq(it->heaviest, heaviest_of(m, pa));
	return left + rb_is_black(&it->node);
}

static void insert(struct step *s, uint64_t pa)
{
	uint64_t link = ROOT, parent = 0, at;

	while ((at = *(const uint64_t *)ram_at(s->m, link))) {
		parent = at;
		link = at + (pa < at ? offsetof(struct rb_node, rb_left)
				     : offsetof(struct rb_node, rb_right));
	}
	rb_link_node(s, pa, parent, link);
	rb_insert_color(s, pa, ROOT, &augment);
}

static void check_walk(const struct machine *m, const bool *in)
{
	uint64_t pa = rb_first(m, ROOT), back = 0;

	for (unsigned int key = 0; key < NODES; key++) {
		if (!in[key])
			continue;
		ck_assert_uint_eq(pa, item_pa(key));
		ck_assert_uint_eq(rb_prev(m, pa), back);
		back = pa;
		pa = rb_next(m, pa);
	}
	ck_assert_uint_eq(pa, 0);
	ck_assert_uint_eq(rb_last(m, ROOT), back);
}

START_TEST(any_order_of_insertions_and_removals_keeps_the_laws)
{
	struct machine *m = host_machine_small();
	struct host_step hs;
	bool in[NODES] = { false };

	srand(17);
	host_step_init(&hs, m, 0);
	for (int round = 0; round < 6000; round++) {
		unsigned int key = (unsigned int)rand() % NODES;
		uint64_t top;

		if (in[key]) {
			rb_erase(&hs.s, item_pa(key), ROOT, &augment);
		} else {
			struct item *it = ram_mut(&hs.s, item_pa(key));

			it->weight = (uint64_t)rand() % 1000;
			it->heaviest = 0;
			insert(&hs.s, item_pa(key));
		}
		in[key] = !in[key];
		top = *(const uint64_t *)ram_at(m, ROOT);
		ck_assert(!top || rb_is_black(rb_at(m, top)));
		check_subtree(m, top, 0, 0, UINT64_MAX);
		if (round % 64 == 0)
			check_walk(m, in);
	}
	host_machine_free(m);
}
END_TEST

Suite *suite_rbtree(void);
Suite *suite_rbtree(void)
{
	Suite *suite = suite_create("rbtree");
	TCase *tc = tcase_create("laws");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, any_order_of_insertions_and_removals_keeps_the_laws);
	suite_add_tcase(suite, tc);
	return suite;
}
