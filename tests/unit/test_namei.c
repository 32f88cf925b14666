/* SPDX-License-Identifier: MIT */
/* The walk itself: where it stands before the last component, who may pass. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/fs/namei.h"
#include "tests/lib/host.h"

static struct machine *m;
static struct host_step hs;

static uint64_t create(const char *path)
{
	struct op op = { .code = OP_FILE_CREATE, .path = path,
			 .path_len = strlen(path) };

	op.file_create.mode = 0644;
	ck_assert_int_eq(host_run(m, &op).ret, 0);
	return (uint64_t)path_lookup(m, 0, path, strlen(path));
}

static uint64_t file;

static void setup(void)
{
	m = host_machine_small();
	host_step_init(&hs, m, 0);
	file = create("/a/b/f");
}

static void teardown(void)
{
	host_machine_free(m);
}

static int64_t walk(const char *path, struct nameidata *nd)
{
	return path_parent(m, DISK_USER, path, strlen(path), nd);
}

static int64_t find(uint32_t uid, const char *path)
{
	return path_lookup(m, uid, path, strlen(path));
}

START_TEST(the_walk_stops_before_the_last_component)
{
	struct nameidata nd;

	ck_assert_int_eq(walk("/a/b/new", &nd), 0);
	ck_assert_uint_eq(nd.dir, (uint64_t)find(0, "/a/b"));
	ck_assert_int_eq(nd.last_type, LAST_NORM);
	ck_assert_uint_eq(nd.last_len, 3);
	ck_assert_mem_eq(nd.last, "new", 3);
	ck_assert(!nd.slashes);
	ck_assert_int_eq(walk("a///b//", &nd), 0);
	ck_assert_uint_eq(nd.dir, (uint64_t)find(0, "/a"));
	ck_assert_uint_eq(nd.last_len, 1);
	ck_assert(nd.slashes);
	ck_assert_int_eq(walk("a/..", &nd), 0);
	ck_assert_int_eq(nd.last_type, LAST_DOTDOT);
	ck_assert_int_eq(walk("a/.", &nd), 0);
	ck_assert_int_eq(nd.last_type, LAST_DOT);
	ck_assert_int_eq(walk("///", &nd), 0);
	ck_assert_int_eq(nd.last_type, LAST_ROOT);
	ck_assert_int_eq(walk("a/...", &nd), 0);
	ck_assert_int_eq(nd.last_type, LAST_NORM);
}
END_TEST

START_TEST(many_ways_lead_to_one_file)
{
	static const char *const ways[] = {
		"/a/b/f", "a/b/f", "//a//b//f", "/./a/./b/./f", "/../a/b/f",
		"/a/../a/b/../b/f", "/a/b/../../a/b/f", "../../../a/b/f",
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		ck_assert_int_eq(find(DISK_USER, ways[i]), (int64_t)file);
	ck_assert_int_eq(find(0, "/a/b/f/"), -ENOTDIR);
	ck_assert_int_eq(find(0, "/a/b/f/.."), -ENOTDIR);
	ck_assert_int_eq(find(0, "/a/x/../b/f"), -ENOENT);
	ck_assert_int_eq(find(0, "/.."), DISK_ROOT_INO);
	ck_assert_int_eq(find(0, ""), -ENOENT);
}
END_TEST

START_TEST(a_name_ends_where_the_path_does)
{
	ck_assert_int_eq(path_lookup(m, 0, "/a/b/fxyz", 6), (int64_t)file);
	ck_assert_int_eq(path_lookup(m, 0, "/a/b/f", 4),
			 find(0, "/a/b"));
}
END_TEST

/* Owner, everybody else, and who may do everything. */
START_TEST(what_a_mode_allows)
{
	struct disk_inode *inode = disk_inode_mut(&hs.s, file);

	inode->i_mode = S_IFREG | 0640;
	ck_assert(inode_permission(m, file, DISK_USER, MAY_READ | MAY_WRITE));
	ck_assert(!inode_permission(m, file, DISK_USER, MAY_EXEC));
	ck_assert(!inode_permission(m, file, 77, MAY_READ));
	ck_assert(inode_permission(m, file, 0, MAY_READ | MAY_WRITE));
	inode->i_mode = S_IFREG | 0077;
	ck_assert(!inode_permission(m, file, DISK_USER, MAY_READ));
	ck_assert(inode_permission(m, file, 77, MAY_READ | MAY_WRITE | MAY_EXEC));
	ck_assert(inode_permission(m, file, 77, 0));
}
END_TEST

START_TEST(a_directory_that_may_not_be_searched)
{
	const uint64_t dir = (uint64_t)find(0, "/a");

	disk_inode_mut(&hs.s, dir)->i_mode = S_IFDIR | 0600;
	ck_assert_int_eq(find(DISK_USER, "/a"), (int64_t)dir);
	ck_assert_int_eq(find(DISK_USER, "/a/b"), -EACCES);
	ck_assert_int_eq(find(DISK_USER, "/a/nx"), -EACCES);
	ck_assert_int_eq(find(DISK_USER, "/a/.."), -EACCES);
	ck_assert_int_eq(find(0, "/a/b/f"), (int64_t)file);
}
END_TEST

START_TEST(names_have_a_longest)
{
	char path[600];

	memset(path, 'x', sizeof(path));
	memcpy(path, "/a/", 3);
	ck_assert_int_eq(path_lookup(m, 0, path, 3 + 255), -ENOENT);
	ck_assert_int_eq(path_lookup(m, 0, path, 3 + 256), -ENAMETOOLONG);
	memcpy(path + 3 + 256, "/f", 2);
	ck_assert_int_eq(path_lookup(m, 0, path, 3 + 256 + 2), -ENAMETOOLONG);
	ck_assert_int_eq(check_path(4095), 0);
	ck_assert_int_eq(check_path(4096), -ENAMETOOLONG);
}
END_TEST

Suite *suite_namei(void);
Suite *suite_namei(void)
{
	Suite *suite = suite_create("namei");
	TCase *t = tcase_create("namei");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_walk_stops_before_the_last_component);
	tcase_add_test(t, many_ways_lead_to_one_file);
	tcase_add_test(t, a_name_ends_where_the_path_does);
	tcase_add_test(t, what_a_mode_allows);
	tcase_add_test(t, a_directory_that_may_not_be_searched);
	tcase_add_test(t, names_have_a_longest);
	suite_add_tcase(suite, t);
	return suite;
}
