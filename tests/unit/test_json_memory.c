/* SPDX-License-Identifier: MIT */
/*
 * The memory of requests: whatever the size of a tree, and whoever reads one
 * at the same time, it says what its text says.
 */
#include <check.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/json_memory.h"

#define THREADS 4
#define ROUNDS 40

/* [{"n":0,"who":1},{"n":1,"who":1},…] */
static char *text_of(unsigned int nr, unsigned int who)
{
	char *text = malloc(nr * 40UL + 3), *p = text;

	ck_assert_ptr_nonnull(text);
	*p++ = '[';
	for (unsigned int i = 0; i < nr; i++)
		p += sprintf(p, "%s{\"n\":%u,\"who\":%u}", i ? "," : "", i,
			     who);
	strcpy(p, "]");
	return text;
}

static bool says(const json_t *tree, unsigned int nr, unsigned int who)
{
	if (json_array_size(tree) != nr)
		return false;
	for (unsigned int i = 0; i < nr; i++) {
		const json_t *one = json_array_get(tree, i);

		if (json_integer_value(json_object_get(one, "n")) != i ||
		    json_integer_value(json_object_get(one, "who")) != who)
			return false;
	}
	return true;
}

/* Reads one text; false: the tree says something else. */
static bool reads_well(unsigned int nr, unsigned int who)
{
	char *text = text_of(nr, who);
	json_t *tree;
	bool good;

	json_memory_begin();
	tree = json_loads(text, 0, NULL);
	good = says(tree, nr, who);
	json_memory_end(tree);
	free(text);
	return good;
}

/* The thread's own piece holds fifty, a chunk two hundred, all of them 13,000.
 */
static const unsigned int sizes[] = {0, 1, 50, 300, 2000, 30000};

START_TEST(a_tree_of_any_size_says_what_its_text_says)
{
	json_memory_install();
	for (int i = 0; i < 3; i++)
		ck_assert(reads_well(sizes[_i], 7));
	ck_assert(reads_well(1, 7));
}
END_TEST

static void *read_often(void *arg)
{
	const unsigned int who = *(unsigned int *)arg;

	for (unsigned int i = 0; i < ROUNDS; i++)
		if (!reads_well(i % 4 ? 2000 : 6000, who))
			return arg;
	return NULL;
}

/* Together they need more than there is: some of it comes from malloc(). */
START_TEST(threads_do_not_see_each_others_trees)
{
	unsigned int who[THREADS];
	pthread_t thread[THREADS];
	void *wrong;

	json_memory_install();
	for (unsigned int i = 0; i < THREADS; i++) {
		who[i] = i;
		ck_assert(
			!pthread_create(&thread[i], NULL, read_often, &who[i]));
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &wrong);
		ck_assert_msg(!wrong, "a tree changed under its reader");
	}
}
END_TEST

START_TEST(what_is_made_outside_is_let_go_as_usual)
{
	json_t *before, *tree;

	json_memory_install();
	before = json_string("before");
	json_memory_begin();
	tree = json_pack("[s, [i, i]]", "inside", 1, 2);
	ck_assert_ptr_nonnull(tree);
	json_memory_end(tree);
	ck_assert_str_eq(json_string_value(before), "before");
	json_decref(before);
	json_memory_begin();
	json_memory_end(NULL);
}
END_TEST

Suite *suite_json_memory(void);
Suite *suite_json_memory(void)
{
	Suite *suite = suite_create("json_memory");
	TCase *tc = tcase_create("memory");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_tree_of_any_size_says_what_its_text_says, 0,
			    sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_test(tc, threads_do_not_see_each_others_trees);
	tcase_add_test(tc, what_is_made_outside_is_let_go_as_usual);
	suite_add_tcase(suite, tc);
	return suite;
}
