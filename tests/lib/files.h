/* SPDX-License-Identifier: MIT */
/* Files of the disk in a space's machine, and what memory and the disk have of them. */
#ifndef TESTS_LIB_FILES_H
#define TESTS_LIB_FILES_H

#include "tests/lib/space.h"

/* Any operation, by the space's process. */
struct op_result fs_op(struct space *sp, struct op op);

/* A file of @size bytes, of which the first @len are @byte; its inode's number. */
uint64_t fs_make(struct space *sp, const char *path, uint64_t size,
		   uint64_t len, uint8_t byte);
/* The descriptor, or the negative errno. */
int64_t fs_open(struct space *sp, const char *path, uint64_t flags);
/* Each gives the system call's value, or the negative errno. */
int64_t fs_write(struct space *sp, int64_t fd, uint64_t at, uint64_t len,
		   uint8_t byte);
int64_t fs_read(struct space *sp, int64_t fd, uint64_t at, uint64_t len);
int64_t fs_truncate(struct space *sp, int64_t fd, uint64_t len);
int64_t fs_sync(struct space *sp, int64_t fd);
/* @pages of the arena from page @n on are those of the file from @pgoff on. */
void fs_map(struct space *sp, unsigned int n, unsigned int pages,
	      uint64_t prot, uint64_t flags, int64_t fd, uint64_t pgoff);

/* The byte at @at as the file has it, read by a call; it has one. */
uint8_t fs_byte(struct space *sp, int64_t fd, uint64_t at);
/* The byte as the disk has it; 0 in a hole. */
uint8_t fs_disk_byte(const struct space *sp, uint64_t ino, uint64_t at);
/* The frame in the page cache; 0: none. */
pfn_t fs_page(const struct space *sp, uint64_t ino, uint64_t index);
uint64_t fs_nr_dirty(const struct space *sp);
/* Clean pages that nobody uses leave the page cache. */
void fs_drop_caches(struct space *sp);
void fs_tick(struct space *sp, uint64_t jiffies);

#endif
