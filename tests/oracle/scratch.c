/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/oracle/deed.h"
#include "tests/oracle/scratch.h"

#define EXT4_MAGIC 0xef53
#define PIECE 4096	/* bytes: a page */

bool scratch_is_ext4(void)
{
	struct statfs fs;

	return !statfs(".", &fs) && fs.f_type == EXT4_MAGIC;
}

uint64_t scratch_read_ahead_kb(void)
{
	unsigned long long kb = 128;
	struct stat st;
	char path[64];
	FILE *file;

	if (stat(".", &st))
		return kb;
	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb",
		 major(st.st_dev), minor(st.st_dev));
	file = fopen(path, "r");
	if (!file)
		return kb;
	if (fscanf(file, "%llu", &kb) != 1)
		kb = 128;
	fclose(file);
	return kb;
}

static bool make_file(int dir)
{
	uint8_t bytes[ORACLE_FILE_BYTES];
	int fd = openat(dir, ORACLE_FILE, O_CREAT | O_WRONLY, 0644);
	bool done;

	for (uint64_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern_byte(i);
	/* Cached by single pages, and clean: so nothing ever waits for the disk. */
	done = fd >= 0;
	for (size_t at = 0; done && at < sizeof(bytes); at += PIECE) {
		const size_t len = at + PIECE < sizeof(bytes)
			? PIECE : sizeof(bytes) - at;

		done = write(fd, bytes + at, len) == (ssize_t)len;
	}
	done = done && !fsync(fd);
	close(fd);
	return done;
}

bool scratch_make(struct scratch *scratch)
{
	strcpy(scratch->path, "oracle-scratch-XXXXXX");
	if (!mkdtemp(scratch->path))
		return false;
	scratch->fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return scratch->fd >= 0 && !fchmod(scratch->fd, 0755) &&
	       !mkdirat(scratch->fd, "d", 0755) && make_file(scratch->fd);
}

bool scratch_place(const struct scratch *scratch, char device[DISK_DEVICE],
		   char root[DISK_ROOT])
{
	char *path = realpath(scratch->path, NULL);
	struct stat st;
	bool placed = path && strlen(path) < DISK_ROOT && !fstat(scratch->fd, &st);

	if (placed) {
		strcpy(root, path);
		snprintf(device, DISK_DEVICE, "%02x:%02x", major(st.st_dev),
			 minor(st.st_dev));
	}
	free(path);
	return placed;
}

void scratch_remove(struct scratch *scratch)
{
	for (int i = 0; i < NR_ORACLE_FILES; i++)
		unlinkat(scratch->fd, oracle_paths[i], 0);
	unlinkat(scratch->fd, "d", AT_REMOVEDIR);
	close(scratch->fd);
	rmdir(scratch->path);
}

void scratch_sizes(const struct scratch *scratch, struct answer *a)
{
	struct stat st;

	for (int i = 0; i < NR_ORACLE_FILES; i++)
		if (!fstatat(scratch->fd, oracle_paths[i], &st, 0))
			answer_line(a, "0 file %s %lld %o", oracle_paths[i],
				    (long long)st.st_size, st.st_mode);
}
