/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "mmcore/fs/disk.h"
#include "tests/lib/files.h"

#define MOST (64 * PAGE_SIZE)	/* bytes of one read or write */

static uint8_t bytes[MOST];

struct op_result fs_op(struct space *sp, struct op op)
{
	op.pid = sp->pid;
	return host_run(sp->m, &op);
}

uint64_t fs_make(struct space *sp, const char *path, uint64_t size,
		   uint64_t len, uint8_t byte)
{
	ck_assert_uint_le(len, MOST);
	memset(bytes, byte, len);
	ck_assert_int_eq(fs_op(sp, (struct op){ .code = OP_FILE_CREATE,
		.path = path, .path_len = strlen(path), .data = bytes,
		.data_len = len, .file_create = { size, 0644, false } }).ret, 0);
	return (uint64_t)mm_file_find(sp->m, path, strlen(path));
}

int64_t fs_open(struct space *sp, const char *path, uint64_t flags)
{
	return fs_op(sp, (struct op){ .code = OP_OPEN, .path = path,
		.path_len = strlen(path), .open = { flags, 0644 } }).ret;
}

int64_t fs_write(struct space *sp, int64_t fd, uint64_t at, uint64_t len,
		   uint8_t byte)
{
	ck_assert_uint_le(len, MOST);
	memset(bytes, byte, len);
	return fs_op(sp, (struct op){ .code = OP_PWRITE, .data = bytes,
		.data_len = len, .pwrite = { fd, at, NO_BUFFER, 0 } }).ret;
}

int64_t fs_read(struct space *sp, int64_t fd, uint64_t at, uint64_t len)
{
	ck_assert_uint_le(len, MOST);
	return fs_op(sp, (struct op){ .code = OP_PREAD, .buf = bytes,
		.pread = { fd, len, at, NO_BUFFER } }).ret;
}

int64_t fs_truncate(struct space *sp, int64_t fd, uint64_t len)
{
	return fs_op(sp, (struct op){ .code = OP_FTRUNCATE,
		.ftruncate = { fd, len } }).ret;
}

int64_t fs_sync(struct space *sp, int64_t fd)
{
	return fs_op(sp, (struct op){ .code = OP_FSYNC, .fsync = { fd } }).ret;
}

void fs_map(struct space *sp, unsigned int n, unsigned int pages,
	      uint64_t prot, uint64_t flags, int64_t fd, uint64_t pgoff)
{
	ck_assert_int_eq(fs_op(sp, (struct op){ .code = OP_MMAP,
		.mmap = { page_addr(n), pages * PAGE_SIZE, prot,
			  flags | MAP_FIXED, fd, pgoff * PAGE_SIZE } }).ret,
			 (int64_t)page_addr(n));
}

uint8_t fs_byte(struct space *sp, int64_t fd, uint64_t at)
{
	ck_assert_int_eq(fs_read(sp, fd, at, 1), 1);
	return bytes[0];
}

uint8_t fs_disk_byte(const struct space *sp, uint64_t ino, uint64_t at)
{
	const uint64_t block = disk_bmap(sp->m, ino, at >> PAGE_SHIFT);

	return block ? ((const uint8_t *)disk_at(sp->m, block))[at & ~PAGE_MASK]
		     : 0;
}

pfn_t fs_page(const struct space *sp, uint64_t ino, uint64_t index)
{
	uint64_t next = index;
	pfn_t pfn = 0;

	return mm_file_next_page(sp->m, ino, &next, &pfn) && next == index ? pfn
									   : 0;
}

uint64_t fs_nr_dirty(const struct space *sp)
{
	return kernel_at(sp->m)->nr_dirty;
}

void fs_drop_caches(struct space *sp)
{
	space_sysctl(sp, SYSCTL_drop_caches, 1);
}

void fs_tick(struct space *sp, uint64_t jiffies)
{
	fs_op(sp, (struct op){ .code = OP_TICK, .tick = { jiffies } });
}
