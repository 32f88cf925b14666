/* SPDX-License-Identifier: MIT */
/*
 * open, unlink, file.create: names on the disk and what they lead to. The answers
 * are what a Linux 6.18 gave on ext4 for the same calls.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/fs/disk.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/page_alloc.h"
#include "tests/lib/space.h"

#define O_TMPFILE	(__O_TMPFILE | O_DIRECTORY)

static struct space sp, root;

static void setup(void)
{
	space_open(&sp);
	root = space_of(&sp, host_spawn_as(sp.m, "root", true));
}

static void teardown(void)
{
	space_close(&sp);
}

static struct op_result open_by(uint32_t pid, const char *path, uint64_t flags,
				uint64_t mode)
{
	struct op op = { .code = OP_OPEN, .pid = pid, .open = { flags, mode } };

	op.path = path;
	op.path_len = strlen(path);
	return host_run(sp.m, &op);
}

static int64_t open_path(const char *path, uint64_t flags)
{
	return open_by(sp.pid, path, flags, 0644).ret;
}

static int64_t unlink_by(uint32_t pid, const char *path)
{
	struct op op = { .code = OP_UNLINK, .pid = pid, .path = path };

	op.path_len = strlen(path);
	return host_run(sp.m, &op).ret;
}

static int64_t create_file(const char *path, uint64_t size, const char *data)
{
	struct op op = { .code = OP_FILE_CREATE, .path = path,
			 .data = (const uint8_t *)data };

	op.path_len = strlen(path);
	op.data_len = strlen(data);
	op.file_create = (struct op_file_create){ .size = size, .mode = 0644 };
	return host_run(sp.m, &op).ret;
}

static int64_t close_fd(int64_t fd)
{
	struct op op = { .code = OP_CLOSE, .pid = sp.pid, .close = { fd } };

	return host_run(sp.m, &op).ret;
}

static int64_t dup_of(int64_t fd)
{
	struct op op = { .code = OP_DUP, .pid = sp.pid, .dup = { fd } };

	return host_run(sp.m, &op).ret;
}

static const struct inode *inode_of(int64_t fd)
{
	const files_ref files = task_at(sp.m, space_task(&sp))->files;

	return inode_at(sp.m, file_at(sp.m, mm_fd_file(sp.m, files,
					(uint32_t)fd))->f_inode);
}

static const char *path_of(int64_t fd)
{
	static char path[MM_PATH_MAX];
	const files_ref files = task_at(sp.m, space_task(&sp))->files;

	mm_file_path(sp.m, mm_fd_file(sp.m, files, (uint32_t)fd), path);
	return path;
}

static struct mm_file_info info_of(const char *path)
{
	const int64_t ino = mm_file_find(sp.m, path, strlen(path));

	ck_assert_int_gt(ino, 0);
	return mm_file_info(sp.m, (uint64_t)ino);
}

static bool exists(const char *path)
{
	return mm_file_find(sp.m, path, strlen(path)) > 0;
}

/* ---- the walk ---- */

static const struct answer {
	const char *path;
	uint64_t flags;
	int64_t err;	/* 0: it opens */
} answers[] = {
	{ "", 0, -ENOENT },
	{ "f/", 0, -ENOTDIR },
	{ "f/x", 0, -ENOTDIR },
	{ "f/.", 0, -ENOTDIR },
	{ "f/..", 0, -ENOTDIR },
	{ "nx", 0, -ENOENT },
	{ "nx/..", 0, -ENOENT },
	{ "nx/x", O_CREAT | O_RDWR, -ENOENT },
	{ "new/", O_CREAT | O_RDWR, -EISDIR },
	{ "f/", O_CREAT | O_RDWR, -EISDIR },
	{ "d/", O_CREAT | O_RDWR, -EISDIR },
	{ "d", O_CREAT | O_RDWR, -EISDIR },
	{ "d", O_CREAT, -EISDIR },
	{ "d", O_RDWR, -EISDIR },
	{ "d", O_WRONLY, -EISDIR },
	{ "d", O_TRUNC, -EISDIR },
	{ "d", O_CREAT | O_EXCL, -EEXIST },
	{ "f", O_CREAT | O_EXCL, -EEXIST },
	{ ".", O_CREAT, -EISDIR },
	{ ".", O_CREAT | O_EXCL, -EEXIST },
	{ "..", O_RDWR, -EISDIR },
	{ "/", O_RDWR, -EISDIR },
	{ "/", O_CREAT, -EISDIR },
	{ "f", O_DIRECTORY, -ENOTDIR },
	{ "d", O_DIRECTORY | O_CREAT, -EINVAL },
	{ "n2", O_DIRECTORY | O_CREAT, -EINVAL },
	{ "nx", O_PATH, -ENOENT },
	{ "f", O_PATH | O_DIRECTORY, -ENOTDIR },
	{ "n3", O_PATH | O_CREAT, -ENOENT },
	{ ".", O_TMPFILE, -EINVAL },
	{ "f", O_TMPFILE | O_RDWR, -ENOTDIR },
	{ "nx", O_TMPFILE | O_RDWR, -ENOENT },
	{ ".", __O_TMPFILE | O_RDWR, -EINVAL },
	{ ".", O_TMPFILE | O_RDWR | O_CREAT, -EINVAL },
	{ "d", O_DIRECTORY, 0 },
	{ "d/", 0, 0 },
	{ "d/.", 0, 0 },
	{ "/..", 0, 0 },
	{ "/", 0, 0 },
	{ ".", 0, 0 },
	{ "f", 3, 0 },
	{ "f", O_RDWR | O_DIRECT, 0 },
	{ "f", O_RDWR | O_NOFOLLOW, 0 },
	{ "f", O_RDWR | 0x80000000, 0 },
	{ "f", O_PATH | O_TRUNC | O_RDWR, 0 },
	{ "./d/../f", 0, 0 },
	{ "//d//../f", 0, 0 },
	{ "d/../d/../../f", 0, 0 },
	{ ".", O_TMPFILE | O_RDWR, 0 },
	{ "d", O_TMPFILE | O_WRONLY | O_EXCL, 0 },
	{ "/dev/null", O_RDWR, 0 },
	{ "/dev/zero", O_RDWR | O_TRUNC, 0 },
	{ "/dev/null", O_RDWR | O_CREAT, 0 },
	{ "/dev/x", O_RDWR | O_CREAT, -EACCES },
	{ "/dev/null/", 0, -ENOTDIR },
};

START_TEST(what_open_says)
{
	ck_assert_int_eq(create_file("/f", 0, "hello"), 0);
	ck_assert_int_eq(create_file("/d/in", 0, ""), 0);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		const uint64_t digest = host_digest(sp.m);
		const int64_t fd = open_path(answers[i].path, answers[i].flags);

		if (!answers[i].err) {
			ck_assert_msg(fd == 3, "%s gave %lld", answers[i].path,
				      (long long)fd);
			close_fd(fd);
		} else {
			ck_assert_msg(fd == answers[i].err, "%s gave %lld",
				      answers[i].path, (long long)fd);
			ck_assert_uint_eq(host_digest(sp.m), digest);
		}
		host_check(sp.m);
	}
	ck_assert_uint_eq(info_of("/f").size, 5);
}
END_TEST

START_TEST(long_names)
{
	char name[5000];

	memset(name, 'a', sizeof(name));
	name[4096] = '\0';
	ck_assert_int_eq(open_path(name, 0), -ENAMETOOLONG);
	name[256] = '\0';
	ck_assert_int_eq(open_path(name, 0), -ENAMETOOLONG);
	ck_assert_int_eq(open_path(name, O_CREAT | O_RDWR), -ENAMETOOLONG);
	ck_assert_int_eq(unlink_by(sp.pid, name), -ENAMETOOLONG);
	name[255] = '\0';
	ck_assert_int_eq(open_path(name, 0), -ENOENT);
	ck_assert_int_eq(open_path(name, O_CREAT | O_RDWR), 3);
	ck_assert_uint_eq(strlen(path_of(3)), 256);
	ck_assert_int_eq(unlink_by(sp.pid, name), 0);
	memset(name, '/', sizeof(name));
	name[4095] = '\0';
	ck_assert_int_eq(open_path(name, 0), 4);
	ck_assert_str_eq(path_of(4), "/");
	name[4095] = '/';
	name[4096] = '\0';
	ck_assert_int_eq(open_path(name, 0), -ENAMETOOLONG);
}
END_TEST

/* ---- files made and unmade ---- */

START_TEST(a_new_file_has_the_next_number_and_the_callers_owner)
{
	ck_assert_int_eq(open_by(sp.pid, "/tmp/new", O_CREAT | O_RDWR, 0666).ret, 3);
	ck_assert_uint_eq(inode_of(3)->i_ino, 12);
	ck_assert_uint_eq(inode_of(3)->i_dev, DISK_DEV);
	ck_assert_str_eq(path_of(3), "/tmp/new");
	ck_assert_uint_eq(info_of("/tmp/new").mode, S_IFREG | 0644);
	ck_assert_uint_eq(info_of("/tmp/new").uid, 1000);
	ck_assert_uint_eq(info_of("/tmp/new").count, 1);
	ck_assert_int_ge(open_by(root.pid, "/tmp/his", O_CREAT | O_RDWR, 0777).ret, 3);
	ck_assert_uint_eq(info_of("/tmp/his").mode, S_IFREG | 0755);
	ck_assert_uint_eq(info_of("/tmp/his").uid, 0);
	ck_assert_uint_eq(info_of("/tmp/his").ino, 13);
}
END_TEST

START_TEST(modes_are_checked)
{
	ck_assert_int_eq(open_by(sp.pid, "/a", O_CREAT | O_RDWR, 0).ret, 3);
	ck_assert_int_eq(open_path("/a", O_RDONLY), -EACCES);
	ck_assert_int_eq(open_path("/a", O_PATH), 4);
	ck_assert_int_eq(open_by(sp.pid, "/r", O_CREAT | O_WRONLY, 0444).ret, 5);
	ck_assert_int_eq(open_path("/r", O_RDONLY), 6);
	ck_assert_int_eq(open_path("/r", O_WRONLY), -EACCES);
	ck_assert_int_eq(open_path("/r", O_RDONLY | O_TRUNC), -EACCES);
	ck_assert_int_ge(open_by(root.pid, "/a", O_RDWR, 0).ret, 3);
	ck_assert_int_ge(open_by(root.pid, "/tmp/his", O_CREAT | O_RDWR, 0600).ret, 3);
	ck_assert_int_eq(open_path("/tmp/his", O_RDONLY), -EACCES);
	ck_assert_int_eq(open_path("/dev", O_DIRECTORY), 7);
	/* another's file in a sticky directory */
	ck_assert_int_eq(unlink_by(sp.pid, "/tmp/his"), -EPERM);
	ck_assert_int_eq(unlink_by(sp.pid, "/dev/null"), -EACCES);
	ck_assert_int_eq(unlink_by(sp.pid, "/a"), 0);
	ck_assert_int_eq(unlink_by(root.pid, "/tmp/his"), 0);
	ck_assert_int_ge(open_by(root.pid, "/tmp/his", O_CREAT | O_RDWR, 0644).ret, 3);
	ck_assert_int_eq(open_path("/tmp/his", O_RDONLY | O_NOATIME), -EPERM);
	ck_assert_int_eq(open_path("/r", O_RDONLY | O_NOATIME), 8);
}
END_TEST

/* A directory that may not be searched. */
START_TEST(directories_have_modes_too)
{
	struct host_step hs;

	create_file("/d/f", 0, "x");
	host_step_init(&hs, sp.m, 0);
	disk_inode_mut(&hs.s, info_of("/d").ino)->i_mode = S_IFDIR | 0600;
	ck_assert_int_eq(open_path("/d/f", 0), -EACCES);
	ck_assert_int_eq(open_path("/d/f", O_PATH), -EACCES);
	ck_assert_int_eq(open_path("/d/.", 0), -EACCES);
	ck_assert_int_eq(open_path("/d", 0), 3);
	ck_assert_int_eq(unlink_by(sp.pid, "/d/f"), -EACCES);
	ck_assert_int_ge(open_by(root.pid, "/d/f", O_RDWR, 0).ret, 3);
	disk_inode_mut(&hs.s, info_of("/d").ino)->i_mode = S_IFDIR | 0500;
	refresh_inode(&hs.s, info_of("/d").ino);
	ck_assert_int_eq(open_path("/d/f", 0), 4);
	ck_assert_int_eq(open_path("/d/g", O_CREAT | O_RDWR), -EACCES);
	ck_assert_int_eq(open_path("/d", O_TMPFILE | O_RDWR), -EACCES);
	ck_assert_int_eq(unlink_by(sp.pid, "/d/f"), -EACCES);
	ck_assert_int_eq(unlink_by(sp.pid, "/d/nx"), -ENOENT);
}
END_TEST

START_TEST(what_unlink_says)
{
	create_file("/f", 0, "x");
	create_file("/d/in", 0, "x");
	ck_assert_int_eq(unlink_by(sp.pid, "d"), -EISDIR);
	ck_assert_int_eq(unlink_by(sp.pid, "d/"), -EISDIR);
	ck_assert_int_eq(unlink_by(sp.pid, "d/."), -EISDIR);
	ck_assert_int_eq(unlink_by(sp.pid, "f/"), -ENOTDIR);
	ck_assert_int_eq(unlink_by(sp.pid, "f/x"), -ENOTDIR);
	ck_assert_int_eq(unlink_by(sp.pid, "nx/"), -ENOENT);
	ck_assert_int_eq(unlink_by(sp.pid, "nx"), -ENOENT);
	ck_assert_int_eq(unlink_by(sp.pid, ""), -ENOENT);
	ck_assert_int_eq(unlink_by(sp.pid, "/"), -EISDIR);
	ck_assert_int_eq(unlink_by(sp.pid, ".."), -EISDIR);
	ck_assert_int_eq(unlink_by(sp.pid, "f"), 0);
	ck_assert_int_eq(unlink_by(sp.pid, "f"), -ENOENT);
	ck_assert_int_eq(unlink_by(sp.pid, "d/in"), 0);
	ck_assert(!exists("/d/in") && exists("/d"));
}
END_TEST

START_TEST(an_unlinked_file_lives_while_it_is_open)
{
	const uint64_t blocks = disk_super_at(sp.m)->s_free_blocks;
	uint64_t ino;

	ck_assert_int_eq(create_file("/tmp/f", 0, "hello"), 0);
	ino = info_of("/tmp/f").ino;
	ck_assert_int_eq(open_path("/tmp/f", O_RDWR), 3);
	ck_assert_int_eq(dup_of(3), 4);
	ck_assert_int_eq(unlink_by(sp.pid, "/tmp/f"), 0);
	ck_assert_str_eq(path_of(3), "/tmp/f (deleted)");
	ck_assert(!exists("/tmp/f"));
	ck_assert_uint_eq(disk_super_at(sp.m)->s_free_blocks, blocks - 2);
	host_check(sp.m);
	/* the name may be another file's meanwhile */
	ck_assert_int_eq(open_path("/tmp/f", O_RDWR | O_CREAT), 5);
	ck_assert_uint_ne(inode_of(5)->i_ino, ino);
	ck_assert_str_eq(path_of(5), "/tmp/f");
	close_fd(3);
	ck_assert(disk_ino_used(sp.m, ino));
	close_fd(4);
	ck_assert(!disk_ino_used(sp.m, ino));
	/* one block is the directory's */
	ck_assert_uint_eq(disk_super_at(sp.m)->s_free_blocks, blocks - 1);
}
END_TEST

START_TEST(a_file_without_a_name)
{
	ck_assert_int_eq(open_path("/tmp", O_TMPFILE | O_RDWR), 3);
	ck_assert_str_eq(path_of(3), "/tmp/#12 (deleted)");
	ck_assert_uint_eq(inode_of(3)->i_nlink, 0);
	host_check(sp.m);
	close_fd(3);
	ck_assert(!disk_ino_used(sp.m, 12));
}
END_TEST

/* O_CREAT and its kind are of the moment. */
START_TEST(a_file_remembers_how_it_was_opened)
{
	struct op op = { .code = OP_FCNTL, .pid = sp.pid,
			 .fcntl = { 3, 0, F_GETFL } };
	const uint64_t large = 0100000;

	ck_assert_int_eq(open_path("/f", O_CREAT | O_EXCL | O_TRUNC | O_RDWR |
				   O_CLOEXEC | O_APPEND), 3);
	ck_assert_int_eq(host_run(sp.m, &op).ret & ~(int64_t)large,
			 O_RDWR | O_APPEND);
	op.fcntl.cmd = F_GETFD;
	ck_assert_int_eq(host_run(sp.m, &op).ret, FD_CLOEXEC);
}
END_TEST

/* What memory knows of a directory that is open is what the disk knows. */
START_TEST(an_open_directory_follows_what_is_made_in_it)
{
	ck_assert_int_eq(create_file("/d/one", 0, ""), 0);
	ck_assert_int_eq(open_path("/d", O_DIRECTORY), 3);
	ck_assert_int_eq(create_file("/d/sub/two", 0, ""), 0);
	host_check(sp.m);
	ck_assert_uint_eq(inode_at(sp.m, find_inode(sp.m, (uint64_t)
		mm_file_find(sp.m, "/d", 2)))->i_nlink, 3);
}
END_TEST

START_TEST(what_o_path_is_good_for)
{
	struct op op = { .code = OP_PREAD, .pid = sp.pid };
	uint8_t byte;

	create_file("/f", 0, "x");
	ck_assert_int_eq(open_path("/f", O_PATH), 3);
	op.pread = (struct op_pread){ 3, 1, 0, NO_BUFFER };
	op.buf = &byte;
	ck_assert_int_eq(host_run(sp.m, &op).ret, -EBADF);
	op = (struct op){ .code = OP_LSEEK, .pid = sp.pid, .lseek = { 3, 0, 0 } };
	ck_assert_int_eq(host_run(sp.m, &op).ret, -EBADF);
	op = (struct op){ .code = OP_FSYNC, .pid = sp.pid, .fsync = { 3 } };
	ck_assert_int_eq(host_run(sp.m, &op).ret, -EBADF);
	op = (struct op){ .code = OP_FTRUNCATE, .pid = sp.pid,
			  .ftruncate = { 3, 0 } };
	ck_assert_int_eq(host_run(sp.m, &op).ret, -EBADF);
	op = (struct op){ .code = OP_MMAP, .pid = sp.pid };
	op.mmap = (struct op_mmap){ 0, 4096, PROT_READ, MAP_PRIVATE, 3, 0 };
	ck_assert_int_eq(host_run(sp.m, &op).ret, -EBADF);
	ck_assert_int_eq(dup_of(3), 4);
	ck_assert_str_eq(path_of(4), "/f");
	ck_assert_int_eq(close_fd(3), 0);
	ck_assert_int_eq(close_fd(4), 0);
}
END_TEST

/* ---- inodes come and go ---- */

START_TEST(nothing_stays_in_memory_behind_a_file)
{
	struct host_totals before, after;

	create_file("/a/b/c/d", 0, "x");
	before = host_totals(sp.m);
	ck_assert_int_eq(open_path("/a/b/c/d", 0), 3);
	ck_assert_int_eq(open_path("/a/b", 0), 4);
	ck_assert_str_eq(path_of(3), "/a/b/c/d");
	ck_assert_str_eq(path_of(4), "/a/b");
	ck_assert_uint_eq(info_of("/a/b").count, 2);
	ck_assert_uint_eq(info_of("/a").count, 1);
	close_fd(3);
	ck_assert_uint_eq(info_of("/a/b").count, 1);
	ck_assert_uint_eq(info_of("/a/b/c").count, 0);
	close_fd(4);
	after = host_totals(sp.m);
	ck_assert_mem_eq(&before, &after, sizeof(before));
}
END_TEST

START_TEST(without_ram_open_changes_nothing)
{
	struct mm_config config = mm_config_default();
	struct host_step hs;
	pfn_t held[2048];
	int nr = 0, opened = 0;

	space_close(&sp);
	config.ram = 4 << 20;
	space_open_with(&sp, &config, false);
	create_file("/a/b/c/d/e", 0, "x");
	host_totals(sp.m);
	host_step_init(&hs, sp.m, sp.pid);
	while ((held[nr] = alloc_page(&hs.s, GFP_ATOMIC)))
		nr++;
	/* one frame more each time, until all of them fit */
	while (!opened) {
		const struct host_totals before = host_totals(sp.m);
		int64_t fd = open_path("/a/b/c/d/e", 0);
		struct host_totals after;

		opened = fd == 3;
		if (opened)
			close_fd(fd);
		else
			ck_assert_int_eq(fd, -ENOMEM);
		after = host_totals(sp.m);
		ck_assert_mem_eq(&before, &after, sizeof(before));
		put_page(&hs.s, held[--nr]);
	}
	while (nr)
		put_page(&hs.s, held[--nr]);
}
END_TEST

/* ---- file.create ---- */

START_TEST(created_files_have_their_bytes_on_the_disk)
{
	const uint64_t free = disk_super_at(sp.m)->s_free_blocks;
	struct mm_file_info info;

	ck_assert_int_eq(create_file("/lib/x/libc.so", 1ULL << 40, "ELF"), 0);
	info = info_of("/lib/x/libc.so");
	ck_assert_uint_eq(info.size, 1ULL << 40);
	ck_assert_uint_eq(info.blocks, 1);
	ck_assert_uint_eq(info.cached, 0);
	ck_assert_uint_eq(info.count, 0);
	ck_assert_uint_eq(info.uid, 1000);
	ck_assert_uint_eq(info_of("/lib").nlink, 3);
	ck_assert_uint_eq(info_of("/lib/x").mode, S_IFDIR | 0755);
	/* two directories, one block of data */
	ck_assert_uint_eq(free - disk_super_at(sp.m)->s_free_blocks, 3);
	ck_assert_mem_eq(disk_at(sp.m, disk_bmap(sp.m, info.ino, 0)), "ELF\0", 4);
}
END_TEST

static const struct answer refusals[] = {
	{ "", 0, -ENOENT },
	{ "/", 0, -EISDIR },
	{ "/new/", 0, -EISDIR },
	{ "/f", 0, -EEXIST },
	{ "/f/x", 0, -ENOTDIR },
	{ "/f/", 0, -ENOTDIR },
	{ "/tmp", 0, -EEXIST },
	{ "/tmp/.", 0, -EEXIST },
	{ "/new/../x", 0, -ENOENT },
	{ "/new/.", 0, -ENOENT },
	{ "/dev/null/x", 0, -ENOTDIR },
	{ "/big", DISK_MAXBYTES + 1, -EFBIG },
	{ "/small", 3, -EINVAL },
};

START_TEST(what_file_create_refuses)
{
	ck_assert_int_eq(create_file("/f", 0, "hello"), 0);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const uint64_t digest = host_digest(sp.m);

		ck_assert_int_eq(create_file(refusals[i].path, refusals[i].flags,
					     "hello"), refusals[i].err);
		ck_assert_uint_eq(host_digest(sp.m), digest);
	}
	ck_assert_int_eq(create_file("/new//deep///file", 0, ""), 0);
	ck_assert(exists("/new/deep/file"));
	ck_assert_int_eq(create_file("/max", DISK_MAXBYTES, ""), 0);
}
END_TEST

START_TEST(a_disk_too_small_for_the_file)
{
	struct mm_config config = mm_config_default();
	static char data[2 << 20];
	uint64_t digest, free;

	space_close(&sp);
	config.disk = MM_DISK_MIN;
	space_open_with(&sp, &config, false);
	memset(data, 'x', sizeof(data) - 1);
	free = disk_super_at(sp.m)->s_free_blocks;
	digest = host_digest(sp.m);
	ck_assert_int_eq(create_file("/a/b/big", 0, data), -ENOSPC);
	ck_assert_uint_eq(host_digest(sp.m), digest);
	/* two directories, the data, one block of its map: not one block more */
	data[(free - 2) * PAGE_SIZE] = '\0';
	ck_assert_int_eq(create_file("/a/b/big", 0, data), -ENOSPC);
	ck_assert_uint_eq(host_digest(sp.m), digest);
	data[(free - 3) * PAGE_SIZE] = '\0';
	data[(free - 3) * PAGE_SIZE - 1] = 'x';
	ck_assert_int_eq(create_file("/a/b/big", 0, data), 0);
	ck_assert_uint_eq(disk_super_at(sp.m)->s_free_blocks, 0);
	digest = host_digest(sp.m);
	ck_assert_int_eq(open_path("/tmp/x", O_CREAT | O_RDWR), -ENOSPC);
	ck_assert_int_eq(open_path("/x", O_CREAT | O_RDWR), 3);
	ck_assert_int_eq(create_file("/y", 0, "1"), -ENOSPC);
	ck_assert_int_eq(create_file("/y", 0, ""), 0);
	ck_assert_int_eq(unlink_by(sp.pid, "/a/b/big"), 0);
	ck_assert_uint_eq(disk_super_at(sp.m)->s_free_blocks, free - 2);
}
END_TEST

START_TEST(a_disk_without_inodes)
{
	struct mm_config config = mm_config_default();
	char path[8];
	uint64_t i = 0;

	space_close(&sp);
	config.disk = MM_DISK_MIN;
	space_open_with(&sp, &config, false);
	while (disk_super_at(sp.m)->s_free_inodes > 1) {
		snprintf(path, sizeof(path), "/%d", (int)i++);
		ck_assert_int_eq(create_file(path, 0, ""), 0);
	}
	ck_assert_int_eq(create_file("/d/f", 0, ""), -ENOSPC);
	ck_assert_int_eq(create_file("/last", 0, ""), 0);
	ck_assert_int_eq(open_path("/x", O_CREAT | O_RDWR), -ENOSPC);
	ck_assert_int_eq(unlink_by(sp.pid, "/0"), 0);
	ck_assert_int_eq(open_path("/x", O_CREAT | O_RDWR), 3);
}
END_TEST

/* ---- what an open file of the disk answers ---- */

static struct op_result call(struct op op)
{
	op.pid = sp.pid;
	return host_run(sp.m, &op);
}

static int64_t seek(int64_t fd, int64_t offset, uint32_t whence)
{
	return call((struct op){ .code = OP_LSEEK,
		.lseek = { fd, (uint64_t)offset, whence } }).ret;
}

static int64_t truncate_fd(int64_t fd, uint64_t len)
{
	return call((struct op){ .code = OP_FTRUNCATE,
				 .ftruncate = { fd, len } }).ret;
}

static struct op_result put(int64_t fd, uint64_t offset, const char *data,
			    size_t len)
{
	return call((struct op){ .code = OP_PWRITE, .data_len = len,
		.data = (const uint8_t *)data,
		.pwrite = { fd, offset, NO_BUFFER, 0 } });
}

static int64_t get(int64_t fd, uint64_t offset, uint8_t *bytes, uint64_t len)
{
	return call((struct op){ .code = OP_PREAD, .buf = bytes,
		.pread = { fd, len, offset, NO_BUFFER } }).ret;
}

static int64_t map_fd(unsigned int page, uint64_t flags, int64_t fd,
		      uint64_t offset)
{
	struct op op = { .code = OP_MMAP };

	op.mmap = (struct op_mmap){ page_addr(page), 2 * PAGE_SIZE, RW,
				    flags | MAP_FIXED, fd, offset };
	return call(op).ret;
}

START_TEST(positions_reach_as_far_as_ext4s)
{
	const int64_t max = (int64_t)DISK_MAXBYTES;

	create_file("/f", 0, "hello");
	ck_assert_int_eq(open_path("/f", O_RDWR), 3);
	ck_assert_int_eq(seek(3, max, SEEK_SET), max);
	ck_assert_int_eq(seek(3, max + 1, SEEK_SET), -EINVAL);
	ck_assert_int_eq(put(3, (uint64_t)max, "a", 1).ret, -EFBIG);
	ck_assert_int_eq(put(3, (uint64_t)max - 1, "ab", 2).ret, 1);
	ck_assert_int_eq(put(3, INT64_MAX - 1, "a", 1).ret, -EFBIG);
	ck_assert_int_eq(put(3, INT64_MAX, "a", 1).ret, -EINVAL);
	ck_assert_int_eq(truncate_fd(3, (uint64_t)max), 0);
	ck_assert_int_eq(truncate_fd(3, (uint64_t)max + 1), -EFBIG);
	ck_assert_int_eq(seek(3, 0, SEEK_END), max);
	ck_assert_int_eq(seek(3, 1, SEEK_END), -EINVAL);
	/* one block at each end of it, and a map four levels high */
	ck_assert_int_eq(seek(3, 0, SEEK_HOLE), 4096);
	ck_assert_int_eq(seek(3, 4096, SEEK_DATA), max - 4096);
	ck_assert_int_eq(seek(3, max - 4096, SEEK_HOLE), max);
	ck_assert_int_eq(seek(3, max, SEEK_DATA), -ENXIO);
	ck_assert_uint_eq(info_of("/f").blocks, 2 + 4 + 3);
}
END_TEST

START_TEST(holes_are_what_has_no_block)
{
	uint8_t bytes[PAGE_SIZE];

	create_file("/f", 5 * PAGE_SIZE + 100, "x");
	ck_assert_int_eq(open_path("/f", O_RDWR), 3);
	ck_assert_int_eq(seek(3, 1, SEEK_DATA), 1);
	ck_assert_int_eq(seek(3, 1, SEEK_HOLE), 4096);
	ck_assert_int_eq(seek(3, 4096, SEEK_DATA), -ENXIO);
	/* what is read is in the cache, and still a hole */
	ck_assert_int_eq(get(3, 2 * PAGE_SIZE, bytes, sizeof(bytes)), 4096);
	ck_assert_int_eq(seek(3, 4096, SEEK_DATA), -ENXIO);
	ck_assert_int_eq(put(3, 3 * PAGE_SIZE + 7, "y", 1).ret, 1);
	ck_assert_int_eq(seek(3, 4096, SEEK_DATA), 3 * 4096);
	ck_assert_int_eq(seek(3, 3 * 4096, SEEK_HOLE), 4 * 4096);
	ck_assert_int_eq(seek(3, 5 * 4096, SEEK_HOLE), 5 * 4096);
}
END_TEST

START_TEST(a_directory_as_a_file)
{
	uint8_t byte;

	ck_assert_int_eq(open_path("/tmp", O_RDONLY), 3);
	ck_assert_int_eq(get(3, 0, &byte, 1), -EISDIR);
	ck_assert_int_eq(put(3, 0, "x", 1).ret, -EBADF);
	ck_assert_int_eq(seek(3, 0, SEEK_END), INT64_MAX);
	ck_assert_int_eq(seek(3, 5000, SEEK_DATA), 5000);
	ck_assert_int_eq(seek(3, 0, SEEK_HOLE), INT64_MAX);
	ck_assert_int_eq(truncate_fd(3, 0), -EINVAL);
	ck_assert_int_eq(map_fd(0, MAP_PRIVATE, 3, 0), -ENODEV);
	ck_assert_int_eq(call((struct op){ .code = OP_FSYNC,
					   .fsync = { 3 } }).ret, 0);
}
END_TEST

/* Linux 6.18: private it is anonymous memory with a name, shared an object. */
START_TEST(dev_zero)
{
	uint8_t bytes[3] = { 1, 2, 3 };
	char line[80], *maps;

	ck_assert_int_eq(open_path("/dev/zero", O_RDWR), 3);
	ck_assert_int_eq(get(3, 77, bytes, 3), 3);
	ck_assert_mem_eq(bytes, "\0\0\0", 3);
	ck_assert_int_eq(put(3, 0, "abc", 3).ret, 3);
	ck_assert_int_eq(seek(3, 5, SEEK_SET), 0);
	ck_assert_int_eq(truncate_fd(3, 5), -EINVAL);
	ck_assert_int_eq(map_fd(0, MAP_PRIVATE, 3, 0), (int64_t)page_addr(0));
	ck_assert_int_eq(map_fd(2, MAP_PRIVATE, 3, 2 * PAGE_SIZE),
			 (int64_t)page_addr(2));
	ck_assert_int_eq(map_fd(8, MAP_SHARED, 3, PAGE_SIZE),
			 (int64_t)page_addr(8));
	host_store(sp.m, sp.pid, page_addr(1), 'x');
	host_store(sp.m, sp.pid, page_addr(8), 'y');
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(1)), 'x');
	/* the object is as long as the mapping, which begins at its second page */
	ck_assert_int_eq(host_touch(sp.m, sp.pid, page_addr(9), 1,
				    ACCESS_READ).signo, SIGBUS);
	maps = host_proc(sp.m, "/proc/1/maps");
	/* two that follow each other are one */
	snprintf(line, sizeof(line), "%llx-%llx rw-p 00000000 00:06 4 ",
		 (unsigned long long)page_addr(0),
		 (unsigned long long)page_addr(4));
	ck_assert_ptr_nonnull(strstr(maps, line));
	ck_assert_ptr_nonnull(strstr(maps, " /dev/zero\n"));
	ck_assert_ptr_nonnull(strstr(maps, "rw-s 00001000 00:01 "));
	ck_assert_ptr_nonnull(strstr(maps, " /dev/zero (deleted)\n"));
	free(maps);
	ck_assert_int_ge(host_fork(sp.m, sp.pid, 0), 0);
	host_check(sp.m);
}
END_TEST

START_TEST(dev_null)
{
	uint8_t byte;

	ck_assert_int_eq(open_path("/dev/null", O_RDWR), 3);
	ck_assert_int_eq(get(3, 0, &byte, 1), 0);
	ck_assert_int_eq(put(3, 0, "abc", 3).ret, 3);
	ck_assert_int_eq(seek(3, 5, SEEK_SET), 0);
	ck_assert_int_eq(map_fd(0, MAP_PRIVATE, 3, 0), -ENODEV);
	ck_assert_str_eq(path_of(3), "/dev/null");
}
END_TEST

START_TEST(the_limit_of_a_files_size)
{
	struct op_result res;

	create_file("/f", 0, "hello");
	ck_assert_int_eq(open_path("/f", O_RDWR), 3);
	host_setrlimit(sp.m, sp.pid, RLIMIT_FSIZE, 10);
	ck_assert_int_eq(put(3, 8, "12345", 5).ret, 2);
	res = put(3, 10, "x", 1);
	ck_assert_int_eq(res.ret, -EFBIG);
	ck_assert_int_eq(res.signo, SIGXFSZ);
	ck_assert_int_eq(truncate_fd(3, 11), -EFBIG);
	ck_assert_int_eq(truncate_fd(3, 10), 0);
	ck_assert_uint_eq(info_of("/f").size, 10);
}
END_TEST

/* A write that meets the end of the disk has written what there was room for. */
/* The limit is of growth: a file that is longer may stay so, or shrink. */
START_TEST(a_file_above_the_limit_may_shrink)
{
	int64_t fd;

	ck_assert_int_eq(create_file("/f", 3 * PAGE_SIZE, ""), 0);
	fd = open_path("/f", O_RDWR);
	host_setrlimit(sp.m, sp.pid, RLIMIT_FSIZE, PAGE_SIZE);
	for (uint64_t size = 3; size >= 2; size--) {
		const struct op op = { .code = OP_FTRUNCATE, .pid = sp.pid,
			.ftruncate = { fd, size * PAGE_SIZE } };

		ck_assert_int_eq(host_run(sp.m, &op).ret, 0);
		ck_assert_uint_eq(info_of("/f").size, size * PAGE_SIZE);
	}
}
END_TEST

START_TEST(a_full_disk_takes_what_it_can)
{
	struct mm_config config = mm_config_default();
	static char data[64 * PAGE_SIZE];
	uint8_t bytes[PAGE_SIZE];
	uint64_t offset = 0;
	int64_t n;

	space_close(&sp);
	config.disk = MM_DISK_MIN;
	space_open_with(&sp, &config, false);
	memset(data, 'x', sizeof(data));
	ck_assert_int_eq(open_path("/f", O_RDWR | O_CREAT), 3);
	do {
		n = put(3, offset, data, sizeof(data)).ret;
		offset += n > 0 ? (uint64_t)n : 0;
	} while (n == (int64_t)sizeof(data));
	ck_assert_int_gt(n, 0);
	ck_assert_uint_eq(disk_super_at(sp.m)->s_free_blocks, 0);
	ck_assert_int_eq(put(3, offset, data, 1).ret, -ENOSPC);
	ck_assert_uint_eq(info_of("/f").size, offset);
	/* nothing is lost: what was said to be written can be written back */
	ck_assert_int_eq(call((struct op){ .code = OP_FSYNC,
					   .fsync = { 3 } }).ret, 0);
	ck_assert_int_eq(get(3, offset - PAGE_SIZE, bytes, PAGE_SIZE), 4096);
	ck_assert_mem_eq(bytes, data, PAGE_SIZE);
	/* over what is there one can write */
	ck_assert_int_eq(put(3, 5, data, PAGE_SIZE).ret, 4096);
	host_check(sp.m);
}
END_TEST

START_TEST(set_id_bits_go_with_the_first_write)
{
	ck_assert_int_eq(open_by(sp.pid, "/f", O_CREAT | O_RDWR, 07777).ret, 3);
	ck_assert_uint_eq(info_of("/f").mode, S_IFREG | 07755);
	ck_assert_int_eq(put(3, 0, "", 0).ret, 0);
	ck_assert_uint_eq(info_of("/f").mode, S_IFREG | 07755);
	ck_assert_int_eq(put(3, 0, "x", 1).ret, 1);
	ck_assert_uint_eq(info_of("/f").mode, S_IFREG | 01755);
	ck_assert_int_eq(open_by(sp.pid, "/g", O_CREAT | O_RDWR, 06744).ret, 4);
	ck_assert_int_eq(truncate_fd(4, 0), 0);
	ck_assert_uint_eq(info_of("/g").mode, S_IFREG | 02744);
	ck_assert_int_eq(open_by(root.pid, "/h", O_CREAT | O_RDWR, 06755).ret, 3);
	ck_assert_uint_eq(info_of("/h").mode, S_IFREG | 06755);
}
END_TEST

START_TEST(o_append_and_o_dsync)
{
	uint8_t bytes[8];

	create_file("/f", 0, "hello");
	ck_assert_int_eq(open_path("/f", O_RDWR | O_APPEND | O_DSYNC), 3);
	ck_assert_int_eq(put(3, 0, "12", 2).ret, 2);
	ck_assert_int_eq(get(3, 0, bytes, 8), 7);
	ck_assert_mem_eq(bytes, "hello12", 7);
	/* it is on the disk */
	ck_assert_mem_eq(disk_at(sp.m, disk_bmap(sp.m, info_of("/f").ino, 0)),
			 "hello12", 7);
}
END_TEST

Suite *suite_open(void);
Suite *suite_open(void)
{
	Suite *suite = suite_create("open");
	TCase *t = tcase_create("open");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_open_says);
	tcase_add_test(t, long_names);
	tcase_add_test(t, a_new_file_has_the_next_number_and_the_callers_owner);
	tcase_add_test(t, modes_are_checked);
	tcase_add_test(t, directories_have_modes_too);
	tcase_add_test(t, what_unlink_says);
	tcase_add_test(t, an_unlinked_file_lives_while_it_is_open);
	tcase_add_test(t, a_file_without_a_name);
	tcase_add_test(t, what_o_path_is_good_for);
	tcase_add_test(t, a_file_remembers_how_it_was_opened);
	tcase_add_test(t, an_open_directory_follows_what_is_made_in_it);
	tcase_add_test(t, a_file_above_the_limit_may_shrink);
	tcase_add_test(t, nothing_stays_in_memory_behind_a_file);
	tcase_add_test(t, without_ram_open_changes_nothing);
	tcase_add_test(t, created_files_have_their_bytes_on_the_disk);
	tcase_add_test(t, what_file_create_refuses);
	tcase_add_test(t, a_disk_too_small_for_the_file);
	tcase_add_test(t, a_disk_without_inodes);
	tcase_add_test(t, positions_reach_as_far_as_ext4s);
	tcase_add_test(t, holes_are_what_has_no_block);
	tcase_add_test(t, a_directory_as_a_file);
	tcase_add_test(t, dev_zero);
	tcase_add_test(t, dev_null);
	tcase_add_test(t, the_limit_of_a_files_size);
	tcase_add_test(t, a_full_disk_takes_what_it_can);
	tcase_add_test(t, set_id_bits_go_with_the_first_write);
	tcase_add_test(t, o_append_and_o_dsync);
	suite_add_tcase(suite, t);
	return suite;
}
