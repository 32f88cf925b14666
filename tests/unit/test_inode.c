/* SPDX-License-Identifier: MIT */
/*
 * Inodes in memory: brought in by number with the directories above them, the
 * same as on the disk, let go when nobody needs them; and what the page cache
 * asks of them.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/fs/disk.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/page_alloc.h"
#include "tests/lib/space.h"

static struct space sp;
static struct host_step hs;
static struct step *s;

static void setup(void)
{
	space_open(&sp);
	host_step_init(&hs, sp.m, sp.pid);
	s = &hs.s;
}

static void teardown(void)
{
	space_close(&sp);
}

static uint64_t create(const char *path, uint64_t size, const char *data,
		       bool cached)
{
	struct op op = { .code = OP_FILE_CREATE, .path = path,
			 .data = (const uint8_t *)data };

	op.path_len = strlen(path);
	op.data_len = strlen(data);
	op.file_create = (struct op_file_create){ size, 0644, cached };
	ck_assert_int_eq(host_run(sp.m, &op).ret, 0);
	return (uint64_t)mm_file_find(sp.m, path, strlen(path));
}

static int64_t unlink_path(const char *path)
{
	struct op op = { .code = OP_UNLINK, .pid = sp.pid, .path = path };

	op.path_len = strlen(path);
	return host_run(sp.m, &op).ret;
}

static int64_t open_path(const char *path)
{
	struct op op = { .code = OP_OPEN, .pid = sp.pid, .path = path };

	op.path_len = strlen(path);
	op.open.flags = O_RDWR;
	return host_run(sp.m, &op).ret;
}

static int64_t write_fd(int64_t fd, uint64_t offset, const char *data)
{
	struct op op = { .code = OP_PWRITE, .pid = sp.pid,
			 .data = (const uint8_t *)data };

	op.data_len = strlen(data);
	op.pwrite = (struct op_pwrite){ fd, offset, NO_BUFFER, 0 };
	return host_run(sp.m, &op).ret;
}

static int64_t call_fd(enum op_code code, int64_t fd, uint64_t len)
{
	struct op op = { .code = code, .pid = sp.pid };

	if (code == OP_FTRUNCATE)
		op.ftruncate = (struct op_ftruncate){ fd, len };
	else
		op.close.fd = fd;
	return host_run(sp.m, &op).ret;
}

static uint64_t free_blocks(void)
{
	return disk_super_at(sp.m)->s_free_blocks;
}

START_TEST(an_inode_comes_with_its_directories)
{
	const uint64_t ino = create("/a/b/c", 9000, "hello", false);
	const inode_ref inode = iget(s, ino);
	const struct inode *i = inode_at(sp.m, inode);

	ck_assert_uint_eq(i->i_ino, ino);
	ck_assert_uint_eq(i->i_size, 9000);
	ck_assert_uint_eq(i->i_blocks, 1);
	ck_assert_uint_eq(i->i_mode, S_IFREG | 0644);
	ck_assert_uint_eq(i->i_dev, 8 << 20 | 1);
	ck_assert_int_eq(i->i_count, 1);
	ck_assert_str_eq(ram_at(sp.m, i->i_name), "c");
	ck_assert_str_eq(ram_at(sp.m, inode_at(sp.m, i->i_parent)->i_name), "b");
	i = inode_at(sp.m, inode_at(sp.m, i->i_parent)->i_parent);
	ck_assert_uint_eq(inode_at(sp.m, i->i_parent)->i_ino, DISK_ROOT_INO);
	ck_assert_uint_eq(inode_at(sp.m, i->i_parent)->i_name, 0);
	/* the same one again */
	ck_assert(inode_same(iget(s, ino), inode));
	ck_assert(inode_same(find_inode(sp.m, ino), inode));
	iput(s, inode);
	ck_assert(!inode_none(find_inode(sp.m, ino)));
	iput(s, inode);
	ck_assert(inode_none(find_inode(sp.m, ino)));
	ck_assert(inode_none(find_inode(sp.m, DISK_ROOT_INO)));
}
END_TEST

START_TEST(a_device_is_of_the_devices_file_system)
{
	const inode_ref inode = iget(s, DISK_ZERO_INO);

	ck_assert_uint_eq(inode_at(sp.m, inode)->i_dev, 6);
	ck_assert_uint_eq(inode_at(sp.m, inode)->i_rdev, 1 << 20 | 5);
	iput(s, inode);
}
END_TEST

/* Many at once, in an order that makes the tree work. */
START_TEST(inodes_are_found_among_many)
{
	uint64_t ino[200];
	char path[16] = "/tmp/f000";

	for (unsigned int i = 0; i < 200; i++) {
		path[6] = (char)('0' + i / 100);
		path[7] = (char)('0' + i / 10 % 10);
		path[8] = (char)('0' + i % 10);
		ino[i] = create(path, 0, "", false);
	}
	for (unsigned int i = 0; i < 200; i++)
		iget(s, ino[i * 77 % 200]);
	for (unsigned int i = 0; i < 200; i++) {
		const inode_ref inode = find_inode(sp.m, ino[i * 31 % 200]);

		ck_assert_uint_eq(inode_at(sp.m, inode)->i_ino, ino[i * 31 % 200]);
		iput(s, inode);
		ck_assert(inode_none(find_inode(sp.m, ino[i * 31 % 200])));
	}
}
END_TEST

START_TEST(an_inode_stays_while_it_has_pages)
{
	const uint64_t ino = create("/d/f", 3 * PAGE_SIZE, "hello", true);
	struct op op = { .code = OP_SYSCTL };

	ck_assert_uint_eq(mm_file_info(sp.m, ino).cached, 3);
	ck_assert_uint_eq(mm_file_info(sp.m, ino).count, 0);
	ck_assert(!inode_none(find_inode(sp.m, ino)));
	host_check(sp.m);
	op.sysctl = (struct op_sysctl){ SYSCTL_drop_caches, 1 };
	host_run(sp.m, &op);
	ck_assert(inode_none(find_inode(sp.m, ino)));
	ck_assert(inode_none(find_inode(sp.m, DISK_ROOT_INO)));
}
END_TEST

START_TEST(a_cached_file_that_is_unlinked_goes_at_once)
{
	const uint64_t before = free_blocks();
	const uint64_t ino = create("/f", 3 * PAGE_SIZE, "hello", true);

	ck_assert_int_eq(unlink_path("/f"), 0);
	ck_assert(!disk_ino_used(sp.m, ino));
	ck_assert(inode_none(find_inode(sp.m, ino)));
	ck_assert_uint_eq(free_blocks(), before);
	ck_assert_uint_eq(kernel_at(sp.m)->nr_file_pages, 0);
}
END_TEST

START_TEST(an_unlinked_mapping_keeps_its_file)
{
	const uint64_t before = free_blocks();
	struct op op = { .code = OP_MMAP, .pid = sp.pid };
	char *maps;

	create("/tmp/m", 2 * PAGE_SIZE, "hello", false);
	ck_assert_int_eq(open_path("/tmp/m"), 3);
	op.mmap = (struct op_mmap){ ARENA, 2 * PAGE_SIZE, RW,
				    MAP_SHARED | MAP_FIXED, 3, 0 };
	ck_assert_int_eq(host_run(sp.m, &op).ret, (int64_t)ARENA);
	call_fd(OP_CLOSE, 3, 0);
	ck_assert_int_eq(unlink_path("/tmp/m"), 0);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, ARENA), 'h');
	host_store(sp.m, sp.pid, page_addr(1), 'x');
	maps = host_proc(sp.m, "/proc/1/maps");
	ck_assert_ptr_nonnull(strstr(maps, "rw-s 00000000 08:01 12 "));
	ck_assert_ptr_nonnull(strstr(maps, " /tmp/m (deleted)\n"));
	free(maps);
	host_check(sp.m);
	/* the block the store took is the file's as well; one is the directory's */
	ck_assert_uint_lt(free_blocks(), before - 2);
	ck_assert_int_eq(host_munmap(sp.m, sp.pid, ARENA, 2 * PAGE_SIZE), 0);
	ck_assert_uint_eq(free_blocks(), before - 1);
	ck_assert(!disk_ino_used(sp.m, 12));
}
END_TEST

START_TEST(what_changes_in_memory_changes_on_the_disk)
{
	const uint64_t ino = create("/f", 0, "hello", false);

	ck_assert_int_eq(open_path("/f"), 3);
	ck_assert_int_eq(write_fd(3, 5 * PAGE_SIZE, "there"), 5);
	ck_assert_uint_eq(disk_inode_at(sp.m, ino)->i_size, 5 * PAGE_SIZE + 5);
	/* two blocks and the node above them */
	ck_assert_uint_eq(disk_inode_at(sp.m, ino)->i_blocks, 3);
	ck_assert_uint_eq(mm_file_info(sp.m, ino).blocks, 3);
	ck_assert_int_eq(call_fd(OP_FTRUNCATE, 3, 2), 0);
	ck_assert_uint_eq(disk_inode_at(sp.m, ino)->i_size, 2);
	ck_assert_uint_eq(disk_inode_at(sp.m, ino)->i_blocks, 2);
	ck_assert_int_eq(call_fd(OP_FTRUNCATE, 3, 0), 0);
	ck_assert_uint_eq(disk_inode_at(sp.m, ino)->i_blocks, 0);
	ck_assert_uint_eq(disk_inode_at(sp.m, ino)->i_map, 0);
}
END_TEST

/* A byte behind the end does not come back when the file grows over it. */
START_TEST(bytes_cut_off_stay_away)
{
	const uint64_t ino = create("/f", 0, "abcdefgh", false);
	const uint8_t *block;

	ck_assert_int_eq(open_path("/f"), 3);
	ck_assert_int_eq(call_fd(OP_FTRUNCATE, 3, 3), 0);
	ck_assert_int_eq(call_fd(OP_FTRUNCATE, 3, 100), 0);
	ck_assert_int_eq(call_fd(OP_FSYNC, 3, 0), 0);
	block = disk_at(sp.m, disk_bmap(sp.m, ino, 0));
	ck_assert_mem_eq(block, "abc\0\0\0\0\0", 8);
}
END_TEST

START_TEST(a_page_is_read_from_the_disk_and_written_to_it)
{
	const uint64_t ino = create("/f", 3 * PAGE_SIZE, "hello", false);
	const inode_ref inode = iget(s, ino);
	const mapping_ref mapping = inode_mapping(inode);
	pfn_t first, hole;

	ck_assert_int_eq(read_cache_page(s, mapping, 0, &first), 0);
	ck_assert_int_eq(read_cache_page(s, mapping, 2, &hole), 0);
	ck_assert_mem_eq(ram_at(sp.m, pfn_to_pa(first)), "hello\0", 6);
	ck_assert(page_has(sp.m, first, PG_mappedtodisk));
	ck_assert(page_has(sp.m, hole, PG_uptodate));
	ck_assert(!page_has(sp.m, hole, PG_mappedtodisk));
	ck_assert(ram_frame_is_blank(sp.m, hole));
	/* a hole gets its block before it is dirty */
	ck_assert_int_eq(disk_page_block(s, mapping, 2), 0);
	ck_assert_uint_eq(inode_at(sp.m, inode)->i_blocks, 3);
	memset(ram_mut(s, pfn_to_pa(hole)), 'x', PAGE_SIZE);
	i_size_write(s, inode, 2 * PAGE_SIZE + 10);
	ck_assert_int_eq(disk_writepage(s, mapping, hole), 0);
	/* what lies behind the end is not the file's */
	ck_assert_mem_eq(disk_at(sp.m, disk_bmap(sp.m, ino, 2)), "xxxxxxxxxx\0\0",
			 12);
	ck_assert_uint_eq(((const uint8_t *)ram_at(sp.m, pfn_to_pa(hole)))[10], 0);
	iput(s, inode);
}
END_TEST

Suite *suite_inode(void);
Suite *suite_inode(void)
{
	Suite *suite = suite_create("inode");
	TCase *t = tcase_create("inode");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_inode_comes_with_its_directories);
	tcase_add_test(t, a_device_is_of_the_devices_file_system);
	tcase_add_test(t, inodes_are_found_among_many);
	tcase_add_test(t, an_inode_stays_while_it_has_pages);
	tcase_add_test(t, a_cached_file_that_is_unlinked_goes_at_once);
	tcase_add_test(t, an_unlinked_mapping_keeps_its_file);
	tcase_add_test(t, what_changes_in_memory_changes_on_the_disk);
	tcase_add_test(t, bytes_cut_off_stay_away);
	tcase_add_test(t, a_page_is_read_from_the_disk_and_written_to_it);
	suite_add_tcase(suite, t);
	return suite;
}
