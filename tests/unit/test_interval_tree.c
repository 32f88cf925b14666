/* SPDX-License-Identifier: MIT */
/*
 * The VMAs of a file by the pages they map, beside the plain list of them:
 * mappings of all kinds come and go, and every range of pages is asked for.
 */
#include <check.h>

#include "mmcore/lib/interval_tree.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/files.h"

#define FILE_PAGES 24
#define STEPS 300

static struct space sp;
static uint64_t ino;
static int64_t fd;

static void setup(void)
{
	space_open(&sp);
	ino = fs_make(&sp, "/f", FILE_PAGES * PAGE_SIZE, 0, 0);
	fd = fs_open(&sp, "/f", O_RDWR);
	ck_assert_int_ge(fd, 0);
}

static void teardown(void)
{
	host_check(sp.m);
	space_close(&sp);
}

static bool maps(const struct vm_area_struct *vma, uint64_t first, uint64_t last)
{
	return !file_none(vma->vm_file) && vma->vm_pgoff <= last &&
	       vma->vm_pgoff + vma_pages(vma) > first;
}

/* VMAs of the process that map pages of [@first, @last]. */
static unsigned int listed(uint64_t first, uint64_t last)
{
	unsigned int nr = 0;

	for (vma_ref v = space_mm(&sp)->mmap; !vma_none(v);
	     v = vma_at(sp.m, v)->vm_next)
		nr += maps(vma_at(sp.m, v), first, last);
	return nr;
}

/* As many in the tree, in the order of the pages they begin with. */
static void expect_range(mapping_ref mapping, uint64_t first, uint64_t last)
{
	unsigned int nr = 0;
	uint64_t before = 0;
	vma_ref v;

	vma_interval_tree_foreach(sp.m, v, mapping, first, last) {
		const struct vm_area_struct *vma = vma_at(sp.m, v);

		ck_assert(maps(vma, first, last));
		ck_assert_uint_ge(vma->vm_pgoff, before);
		before = vma->vm_pgoff;
		nr++;
	}
	ck_assert_uint_eq(nr, listed(first, last));
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

START_TEST(a_tree_finds_what_a_list_has)
{
	const mapping_ref mapping = inode_mapping(find_inode(sp.m, ino));
	uint32_t seed = 1;

	for (int step = 0; step < STEPS; step++) {
		const unsigned int n = next_random(&seed) % (ARENA_PAGES - 8);
		const unsigned int pages = 1 + next_random(&seed) % 8;

		if (next_random(&seed) % 3)
			fs_map(&sp, n, pages, RW, next_random(&seed) % 2
				 ? MAP_SHARED : MAP_PRIVATE, fd,
				 next_random(&seed) % (FILE_PAGES - 8));
		else
			space_unmap(&sp, n, pages);
		for (uint64_t first = 0; first < FILE_PAGES; first += 3)
			for (uint64_t last = first; last < FILE_PAGES; last += 4)
				expect_range(mapping, first, last);
		expect_range(mapping, 0, UINT64_MAX);
	}
	space_unmap(&sp, 0, ARENA_PAGES);
	expect_range(mapping, 0, UINT64_MAX);
	ck_assert_uint_eq(mapping_at(sp.m, mapping)->i_mmap.rb_node, 0);
}
END_TEST

Suite *suite_interval_tree(void);
Suite *suite_interval_tree(void)
{
	Suite *suite = suite_create("interval_tree");
	TCase *tc = tcase_create("trees");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_tree_finds_what_a_list_has);
	suite_add_tcase(suite, tc);
	return suite;
}
