/* SPDX-License-Identifier: MIT */
/*
 * Trees of pages beside a naive list of what is in them: random insertions,
 * deletions and tags at indices where the tree's height changes.
 */
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "mmcore/mm/filemap.h"
#include "mmcore/mm/slab.h"
#include "tests/lib/files.h"

#define STEPS 4000

static struct space sp;
static struct host_step hs;
static struct step *s;
static mapping_ref mapping;

/* Around the borders of nodes and of heights, some of them near each other. */
static const uint64_t indices[] = {
	0, 1, 2, 62, 63, 64, 65, 127, 128, 130, 4095, 4096, 4097, 4160, 8191,
	262143, 262144, 262145, 266240, 16777215, 16777216, 1ULL << 30,
	(1ULL << 30) + 63, (1ULL << 36) - 1, 1ULL << 36, (1ULL << 52) - 1,
};

#define NR (sizeof(indices) / sizeof(indices[0]))

/* The list. */
static struct {
	pfn_t pfn;		/* 0: not there */
	bool tag[NR_RADIX_TAGS];
} there[NR];

static void setup(void)
{
	space_open(&sp);
	host_step_init(&hs, sp.m, sp.pid);
	s = &hs.s;
	mapping = inode_mapping(iget(s, fs_make(&sp, "/f", 0, 0, 0)));
	memset(there, 0, sizeof(there));
}

static void teardown(void)
{
	space_close(&sp);
}

static bool list_tagged(int tag)
{
	for (size_t i = 0; i < NR; i++)
		if (there[i].tag[tag])
			return true;
	return false;
}

/* The first entry at or after index @from; with that tag, unless @tag is -1. */
static size_t list_next(uint64_t from, int tag)
{
	size_t i = 0;

	while (i < NR && (indices[i] < from || !there[i].pfn ||
			  (tag >= 0 && !there[i].tag[tag])))
		i++;
	return i;
}

static void compare_next(uint64_t from)
{
	for (int tag = -1; tag < NR_RADIX_TAGS; tag++) {
		const size_t want = list_next(from, tag);
		uint64_t index = from;
		pfn_t pfn = 0;
		const bool found = tag < 0
			? radix_tree_next(sp.m, mapping, &index, &pfn)
			: radix_tree_next_tagged(sp.m, mapping, &index, &pfn,
						 (enum radix_tag)tag);

		ck_assert_int_eq(found, want < NR);
		if (!found)
			continue;
		ck_assert_uint_eq(index, indices[want]);
		ck_assert_uint_eq(pfn, there[want].pfn);
	}
}

static void compare(void)
{
	for (size_t i = 0; i < NR; i++) {
		ck_assert_uint_eq(radix_tree_lookup(sp.m, mapping, indices[i]),
				  there[i].pfn);
		for (int tag = 0; tag < NR_RADIX_TAGS; tag++)
			ck_assert_int_eq(radix_tree_tag_get(sp.m, mapping,
							    indices[i],
							    (enum radix_tag)tag),
					 there[i].tag[tag]);
		compare_next(indices[i]);
		compare_next(indices[i] + 1);
	}
	for (int tag = 0; tag < NR_RADIX_TAGS; tag++)
		ck_assert_int_eq(radix_tree_tagged(sp.m, mapping,
						   (enum radix_tag)tag),
				 list_tagged(tag));
}

static void insert_or_delete(size_t i)
{
	if (there[i].pfn) {
		ck_assert_uint_eq(radix_tree_delete(s, mapping, indices[i]),
				  there[i].pfn);
		memset(&there[i], 0, sizeof(there[i]));
		return;
	}
	there[i].pfn = (pfn_t)(i + 100);
	ck_assert_int_eq(radix_tree_insert(s, mapping, indices[i],
					   there[i].pfn), 0);
}

static void set_or_clear(size_t i, enum radix_tag tag, bool on)
{
	if (on)
		radix_tree_tag_set(s, mapping, indices[i], tag);
	else
		radix_tree_tag_clear(s, mapping, indices[i], tag);
	there[i].tag[tag] = on && there[i].pfn;
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

START_TEST(a_tree_is_what_a_list_is)
{
	uint32_t seed = 1;

	for (int step = 0; step < STEPS; step++) {
		const size_t i = next_random(&seed) % NR;
		const uint32_t what = next_random(&seed);

		if (what % 3 == 0)
			insert_or_delete(i);
		else
			set_or_clear(i, (enum radix_tag)(what / 3 %
							 NR_RADIX_TAGS),
				     what / 7 % 2);
		if (step % 16 == 0)
			compare();
	}
	for (size_t i = 0; i < NR; i++)
		if (there[i].pfn)
			insert_or_delete(i);
	compare();
	ck_assert_uint_eq(mapping_at(sp.m, mapping)->height, 0);
	ck_assert_uint_eq(mapping_at(sp.m, mapping)->page_tree, 0);
	iput(s, mapping_at(sp.m, mapping)->host);
}
END_TEST

/* An empty span is skipped as a whole, so the end of it comes soon. */
START_TEST(nothing_behind_the_last_one)
{
	uint64_t index = 1;
	pfn_t pfn;

	ck_assert_int_eq(radix_tree_insert(s, mapping, 0, 5), 0);
	ck_assert(!radix_tree_next(sp.m, mapping, &index, &pfn));
	ck_assert_int_eq(radix_tree_insert(s, mapping, 1ULL << 40, 6), 0);
	index = 1;
	ck_assert(radix_tree_next(sp.m, mapping, &index, &pfn));
	ck_assert_uint_eq(index, 1ULL << 40);
	ck_assert_uint_eq(pfn, 6);
	index = (1ULL << 40) + 1;
	ck_assert(!radix_tree_next(sp.m, mapping, &index, &pfn));
	radix_tree_delete(s, mapping, 1ULL << 40);
	ck_assert_uint_eq(mapping_at(sp.m, mapping)->height, 1);
	radix_tree_delete(s, mapping, 0);
	iput(s, mapping_at(sp.m, mapping)->host);
}
END_TEST

/* lib/radix-tree.c, radix_tree_extend(): an empty tree only becomes higher. */
START_TEST(a_first_page_far_out_takes_one_node_a_level)
{
	const struct kmem_cache *cache = &kernel_at(sp.m)->caches[CACHE_RADIX];
	const uint64_t nodes = cache->nr_active;

	ck_assert_int_eq(radix_tree_insert(s, mapping, 1ULL << 40, 6), 0);
	ck_assert_uint_eq(mapping_at(sp.m, mapping)->height, 7);
	ck_assert_uint_eq(cache->nr_active, nodes + 7);
	radix_tree_delete(s, mapping, 1ULL << 40);
	ck_assert_uint_eq(cache->nr_active, nodes);
	iput(s, mapping_at(sp.m, mapping)->host);
}
END_TEST

/* A walk keeps its path on the host's stack: a wild height must not choose how long. */
START_TEST(a_wild_height_is_refused)
{
	const uint32_t height[] = { 10, 20, UINT32_MAX };

	ck_assert_int_eq(radix_tree_insert(s, mapping, 5, 6), 0);
	mapping_mut(s, mapping)->height = height[_i];
	radix_tree_tag_get(s->m, mapping, 5, PAGECACHE_TAG_DIRTY);
	_exit(0);	/* or the check of the whole machine behind each test would abort, too */
}
END_TEST

START_TEST(an_entry_that_its_neighbours_deny_is_not_unlinked)
{
	const uint64_t head = kmem_cache_alloc(s, CACHE_ANON_VMA);
	const uint64_t entry = kmem_cache_alloc(s, CACHE_ANON_VMA);

	INIT_LIST_HEAD(s, head);
	list_add(s, entry, head);
	list_mut(s, head)->prev = head;
	list_del(s, entry);
	_exit(0);	/* or the check of the whole machine behind each test would abort, too */
}
END_TEST

Suite *suite_radix(void);
Suite *suite_radix(void)
{
	Suite *suite = suite_create("radix");
	TCase *tc = tcase_create("trees");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_tree_is_what_a_list_is);
	tcase_add_test(tc, nothing_behind_the_last_one);
	tcase_add_test(tc, a_first_page_far_out_takes_one_node_a_level);
	tcase_add_loop_test_raise_signal(tc, a_wild_height_is_refused, SIGABRT, 0, 3);
	tcase_add_test_raise_signal(tc, an_entry_that_its_neighbours_deny_is_not_unlinked,
				    SIGABRT);
	suite_add_tcase(suite, tc);
	return suite;
}
