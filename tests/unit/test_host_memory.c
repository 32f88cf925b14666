/* SPDX-License-Identifier: MIT */
/* Limits as control groups tell them, in a folder that looks like a host. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/host_memory.h"

static char root[64];

static void put(const char *path, const char *text)
{
	char command[512];
	FILE *f;

	snprintf(command, sizeof(command), "mkdir -p $(dirname %s%s)", root, path);
	ck_assert_int_eq(system(command), 0);
	snprintf(command, sizeof(command), "%s%s", root, path);
	f = fopen(command, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void make_host(void)
{
	strcpy(root, "/tmp/mmapd-host-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_host(void)
{
	char command[80];

	snprintf(command, sizeof(command), "rm -r %s", root);
	ck_assert_int_eq(system(command), 0);
}

#define MIB (1ULL << 20)

START_TEST(a_group_of_version_2_limits)
{
	put("/proc/self/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/b/memory.max", "314572800\n");
	ck_assert_uint_eq(host_memory(root), 300 * MIB);
}
END_TEST

START_TEST(a_group_above_limits_more)
{
	put("/proc/self/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/b/memory.max", "max\n");
	put("/sys/fs/cgroup/a/memory.max", "209715200\n");
	ck_assert_uint_eq(host_memory(root), 200 * MIB);
}
END_TEST

START_TEST(the_root_of_a_namespace_limits)
{
	put("/proc/self/cgroup", "0::/\n");
	put("/sys/fs/cgroup/memory.max", "104857600\n");
	ck_assert_uint_eq(host_memory(root), 100 * MIB);
}
END_TEST

START_TEST(a_group_of_version_1_limits)
{
	put("/proc/self/cgroup", "7:cpu,cpuacct:/c\n4:memory:/m\n1:name=systemd:/s\n");
	put("/sys/fs/cgroup/memory/m/memory.limit_in_bytes", "52428800\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	ck_assert_uint_eq(host_memory(root), 50 * MIB);
}
END_TEST

START_TEST(without_groups_the_ram_is_all)
{
	const uint64_t all = host_memory(root);

	ck_assert_uint_gt(all, 0);
	put("/proc/self/cgroup", "no line\n5\n:\n");
	ck_assert_uint_eq(host_memory(root), all);
	put("/proc/self/cgroup", "0::/gone\n");
	ck_assert_uint_eq(host_memory(root), all);
}
END_TEST

Suite *suite_host_memory(void);
Suite *suite_host_memory(void)
{
	Suite *suite = suite_create("host_memory");
	TCase *tc = tcase_create("groups");

	tcase_add_checked_fixture(tc, make_host, remove_host);
	tcase_add_test(tc, a_group_of_version_2_limits);
	tcase_add_test(tc, a_group_above_limits_more);
	tcase_add_test(tc, the_root_of_a_namespace_limits);
	tcase_add_test(tc, a_group_of_version_1_limits);
	tcase_add_test(tc, without_groups_the_ram_is_all);
	suite_add_tcase(suite, tc);
	return suite;
}
