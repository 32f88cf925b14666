/* SPDX-License-Identifier: MIT */
/*
 * What is left of a quarantined machine, for us: NAME-SEQ.ram, its RAM as a
 * sparse file, and NAME-SEQ.txt: why, how it was made, and the operations that
 * the history holds, each as its number, method, pid, arguments and data in
 * hex. Failing to write it changes nothing but the log.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/hosted.h"
#include "server/log.h"

static void put_hex(FILE *f, const void *what, size_t bytes)
{
	const uint8_t *byte = what;

	fputc(' ', f);
	for (size_t i = 0; i < bytes; i++)
		fprintf(f, "%02x", byte[i]);
}

static void put_iov(FILE *f, const struct op_iov *iov)
{
	put_hex(f, iov->vec, iov->nr * sizeof(*iov->vec));
}

static bool put_entry(const struct history_entry *e, void *ctx)
{
	static const size_t args[NR_OPS] = {
#define OP(code, member, method, shape, function, flags) [OP_##code] = sizeof(struct op_##member),
#include "mmcore/op.def"
#undef OP
	};
	FILE *f = ctx;

	fprintf(f, "%llu %s", (unsigned long long)e->seq, e->method);
	if (e->op) {
		fprintf(f, " %u", e->op->pid);
		put_hex(f, &e->op->spawn, args[e->op->code]);
		if (op_has_path(e->op))
			put_hex(f, e->op->path, e->op->path_len);
		put_hex(f, e->op->data, e->op->data_len);
		if (op_brings_iov(e->op)) {
			put_iov(f, &e->op->iov);
			put_iov(f, &e->op->remote_iov);
		}
	} else {
		fprintf(f, " %llu", (unsigned long long)e->to_seq);
	}
	fputc('\n', f);
	return true;
}

static bool write_text(const struct hosted *h, const char *path)
{
	FILE *f = fopen(path, "wx");

	if (!f)
		return false;
	fprintf(f, "machine %s\nseq %llu\nwhy %s\nconfig", h->name,
		(unsigned long long)h->seq, h->read_only);
	put_hex(f, &h->config, sizeof(h->config));
	fputs("\nhistory\n", f);
	history_visit(&h->history, 0, UINT64_MAX, UINT64_MAX, put_entry, f);
	return !fclose(f);
}

static bool write_frames(const struct machine *m, int fd)
{
	uint64_t pfn = ram_next_frame(m, 0, FRAME_WRITTEN);

	if (ftruncate(fd, (off_t)(machine_frames(m) << PAGE_SHIFT)))
		return false;
	for (; pfn != UINT64_MAX;
	     pfn = ram_next_frame(m, pfn + 1, FRAME_WRITTEN)) {
		if (pwrite(fd, frame_at(m, pfn), PAGE_SIZE,
			   (off_t)(pfn << PAGE_SHIFT)) != (ssize_t)PAGE_SIZE)
			return false;
	}
	return true;
}

static bool write_ram(const struct hosted *h, const char *path)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
				      O_CLOEXEC, 0600);
	bool done;

	if (fd < 0)
		return false;
	done = write_frames(&h->m, fd);
	return !close(fd) && done;
}

#define DUMPS_MAX 16	/* .txt files; more help nobody, and fill the disk */

/* The folder, made with those above it where it is missing. False: it cannot be. */
static bool make_folder(const char *dir)
{
	char path[512];
	const size_t len = strlen(dir);

	if (len >= sizeof(path))
		return false;
	memcpy(path, dir, len + 1);
	for (char *at = path + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(path, 0700);
		*at = '/';
	}
	return !mkdir(path, 0700) || errno == EEXIST;
}

static bool has_room(const char *dir)
{
	DIR *folder = opendir(dir);
	struct dirent *entry;
	int nr = 0;

	while (folder && (entry = readdir(folder))) {
		const char *dot = strrchr(entry->d_name, '.');

		nr += dot && !strcmp(dot, ".txt");
	}
	if (folder)
		closedir(folder);
	return folder && nr < DUMPS_MAX;
}

void dump_machine(const struct hosted *h, const char *dir)
{
	char base[512], path[520];
	bool text, ram;

	if (!make_folder(dir) || !has_room(dir)) {
		log_warning("machine %s was not dumped: %s cannot be made, or has %d "
			    "dumps already", h->name, dir, DUMPS_MAX);
		return;
	}

	snprintf(base, sizeof(base), "%s/%s-%llu", dir, h->name,
		 (unsigned long long)h->seq);
	snprintf(path, sizeof(path), "%s.txt", base);
	text = write_text(h, path);
	snprintf(path, sizeof(path), "%s.ram", base);
	ram = write_ram(h, path);
	if (text && ram)
		log_line("machine %s was dumped to %s.txt and .ram", h->name,
			 base);
	else
		log_warning("machine %s could not be dumped to %s", h->name,
			    base);
}
