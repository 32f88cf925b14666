/* SPDX-License-Identifier: MIT */
#include "clients/cli/tracee.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

bool tracee_read(pid_t pid, uint64_t addr, void *to, size_t len)
{
	struct iovec local = { to, len };
	struct iovec remote = { (void *)(uintptr_t)addr, len };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

bool tracee_string(pid_t pid, uint64_t addr, char *to)
{
	for (size_t done = 0; done < PATH_MAX;) {
		size_t part = 4096 - (addr + done) % 4096;

		if (part > PATH_MAX - done)
			part = PATH_MAX - done;
		if (!tracee_read(pid, addr + done, to + done, part))
			break;
		if (memchr(to + done, 0, part))
			return true;
		done += part;
	}
	*to = '\0';
	return false;
}

json_t *json_text(const char *text, size_t len)
{
	json_t *string = json_stringn(text, len);
	char *plain;

	if (string)
		return string;
	plain = strndup(text, len);
	for (char *c = plain; c && *c; c++)
		if (*c & 0x80)
			*c = '?';
	string = plain ? json_string(plain) : NULL;
	free(plain);
	return string;
}

char *tracee_file(pid_t pid, const char *name, size_t *len)
{
	char path[64], *bytes = NULL;
	size_t room = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	file = fopen(path, "re");
	*len = 0;
	if (!file)
		return NULL;
	for (;;) {
		if (room - *len < 2) {
			char *more = realloc(bytes, room = room ? 2 * room : 8192);

			if (!more)
				break;
			bytes = more;
		}
		size_t got = fread(bytes + *len, 1, room - *len - 1, file);

		*len += got;
		if (!got)
			break;
	}
	fclose(file);
	if (bytes)
		bytes[*len] = '\0';
	return bytes;
}

/* What @name holds, cut at each @end. */
static json_t *pieces(pid_t pid, const char *name, char end)
{
	json_t *array = json_array();
	size_t len;
	char *text = tracee_file(pid, name, &len);

	for (char *at = text; at && at < text + len;) {
		char *stop = memchr(at, end, (size_t)(text + len - at));

		if (!stop)
			stop = text + len;
		json_array_append_new(array, json_text(at, (size_t)(stop - at)));
		at = stop + 1;
	}
	free(text);
	return array;
}

json_t *tracee_strings(pid_t pid, const char *name)
{
	return pieces(pid, name, '\0');
}

json_t *tracee_maps(pid_t pid)
{
	return pieces(pid, "maps", '\n');
}

char tracee_state(pid_t pid)
{
	char path[64], text[512];
	const char *name;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = '\0';
	name = strrchr(text, ')');
	return name && name[1] && name[2] ? name[2] : 'X';
}

void tracee_link(pid_t pid, const char *name, char *to)
{
	char path[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	len = readlink(path, to, PATH_MAX - 1);
	to[len > 0 ? len : 0] = '\0';
}

void tracee_path(pid_t pid, int dirfd, const char *path, char *to)
{
	char name[32], dir[PATH_MAX];

	if (*path == '/') {
		snprintf(to, PATH_MAX, "%s", path);
		return;
	}
	snprintf(name, sizeof(name), "fd/%d", dirfd);
	tracee_link(pid, dirfd == AT_FDCWD ? "cwd" : name, dir);
	if (snprintf(to, PATH_MAX, "%s/%s", dir, path) >= PATH_MAX)
		*to = '\0';
}

/* ---- pages ---- */

/* PAGEMAP_SCAN, as Documentation/admin-guide/mm/pagemap.rst has it. */
struct pm_scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask;
	uint64_t return_mask;
};

struct page_region {
	uint64_t start, end, categories;
};

#define PAGEMAP_SCAN		_IOWR('f', 16, struct pm_scan_arg)
#define PAGE_IS_FILE		(1 << 2)
#define PAGE_IS_PRESENT		(1 << 3)
#define PAGE_IS_SWAPPED		(1 << 4)
#define PAGE_IS_PFNZERO		(1 << 5)
#define REGIONS			512
#define USER_END		0x7ffffffff000ULL

static bool append_regions(struct page_set *set, const struct page_region *r,
			   size_t nr)
{
	struct page_run *runs =
		realloc(set->runs, (set->nr + nr + 1) * sizeof(*runs));

	if (!runs)
		return false;
	set->runs = runs;
	for (size_t i = 0; i < nr; i++) {
		if (set->nr && runs[set->nr - 1].end == r[i].start)
			runs[set->nr - 1].end = r[i].end;
		else
			runs[set->nr++] = (struct page_run){ r[i].start, r[i].end };
	}
	return true;
}

static bool scan(int fd, struct page_set *set)
{
	static struct page_region regions[REGIONS];
	struct pm_scan_arg arg = {
		.size = sizeof(arg), .end = USER_END,
		.vec = (uintptr_t)regions, .vec_len = REGIONS,
		.category_inverted = PAGE_IS_FILE | PAGE_IS_PFNZERO,
		.category_mask = PAGE_IS_FILE | PAGE_IS_PFNZERO,
		.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
		.return_mask = PAGE_IS_PRESENT,
	};

	while (arg.start < USER_END) {
		const int nr = ioctl(fd, PAGEMAP_SCAN, &arg);

		if (nr < 0 || !append_regions(set, regions, (size_t)nr))
			return false;
		arg.start = arg.walk_end;
		arg.walk_end = 0;
	}
	return true;
}

bool tracee_anon_pages(pid_t pid, struct page_set *set)
{
	char path[64];
	bool done;
	int fd;

	set->nr = 0;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = scan(fd, set);
	close(fd);
	if (!done)
		set->nr = 0;
	return done;
}

static json_t *append_run(json_t *array, uint64_t start, uint64_t end)
{
	char text[24];

	if (!array)
		array = json_array();
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)start);
	json_array_append_new(array, json_pack("[s, I]", text,
					       (json_int_t)(end - start)));
	return array;
}

json_t *pages_gained(const struct page_set *then, const struct page_set *now)
{
	json_t *array = NULL;
	size_t old = 0;

	for (size_t i = 0; i < now->nr; i++) {
		uint64_t at = now->runs[i].start, end = now->runs[i].end;

		while (at < end) {
			while (old < then->nr && then->runs[old].end <= at)
				old++;
			if (old < then->nr && then->runs[old].start <= at) {
				at = then->runs[old].end;
				continue;
			}
			uint64_t stop = old < then->nr && then->runs[old].start < end
						? then->runs[old].start : end;

			array = append_run(array, at, stop);
			at = stop;
		}
	}
	return array;
}
