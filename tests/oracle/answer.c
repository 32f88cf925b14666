/* SPDX-License-Identifier: MIT */
/* The text of an answer, made and compared. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/evil.h"
#include "tests/oracle/answer.h"

#define LINE 400

static void *must(void *p)
{
	if (!p) {
		perror("oracle");
		exit(99);
	}
	return p;
}

void answer_clear(struct answer *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->lines[i]);
	free(a->lines);
	*a = (struct answer){ .count = 0 };
}

/* Does a line tell what evil reclaim may change: what is resident, and faults? */
static bool may_differ(const char *line)
{
	static const char *const kinds[] = {
		"smaps ", "rollup ", "statm ", "pages ", "min_flt ", "VmRSS:", "VmHWM:",
		"RssAnon:", "RssFile:", "RssShmem:", "VmPTE:",
	};
	const char *kind = strchr(line, ' ');

	for (size_t i = 0; kind && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(kind + 1, kinds[i], strlen(kinds[i])))
			return evil_is_on();
	return false;
}

static void push(struct answer *a, const char *line)
{
	if (may_differ(line))
		return;
	if (a->count == a->room) {
		a->room = a->room ? 2 * a->room : 64;
		a->lines = must(realloc(a->lines,
					a->room * sizeof(*a->lines)));
	}
	a->lines[a->count++] = must(strdup(line));
}

void answer_copy(struct answer *to, const struct answer *from)
{
	answer_clear(to);
	memcpy(to->outcome, from->outcome, sizeof(to->outcome));
	for (size_t i = 0; i < from->count; i++)
		push(to, from->lines[i]);
}

void answer_line(struct answer *a, const char *format, ...)
{
	char line[LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	push(a, line);
}

/* Calls @each for every line of a text, without its newline. */
static void for_lines(const char *text,
		      void (*each)(void *ctx, const char *line), void *ctx)
{
	char line[LINE];

	while (*text) {
		size_t len = strcspn(text, "\n");
		size_t kept = len < LINE ? len : LINE - 1;

		memcpy(line, text, kept);
		line[kept] = '\0';
		each(ctx, line);
		text += len + (text[len] == '\n');
	}
}

static size_t inode_number(struct inode_list *inodes, uint64_t ino)
{
	for (size_t i = 0; i < inodes->count; i++)
		if (inodes->seen[i] == ino)
			return i + 1;
	if (inodes->count < NR_INODES)
		inodes->seen[inodes->count++] = ino;
	return inodes->count;
}

void inodes_begin(struct inodes *inodes)
{
	inodes->disk.count = 0;
}

struct lines_of {
	struct answer *a;
	struct inodes *inodes;
	uint32_t pid;
};

/*
 * A path of the disk, from the folder of files on. A file that never had a name
 * is called by its number.
 */
static const char *disk_path(const struct inodes *inodes, const char *path)
{
	const size_t len = strlen(inodes->root);

	if (strstr(path, "/#"))
		return "/#";
	return strncmp(path, inodes->root, len) ? path : path + len;
}

/*
 * A line of maps; with a file, the column where its name begins follows it.
 * [vsyscall] is no mapping of the process: whether it is shown is a matter of
 * the kernel's configuration.
 */
static void add_maps_line(void *ctx, const char *line)
{
	struct lines_of *of = ctx;
	char device[DISK_DEVICE];
	int dev_at, ino_at, ino_end, name_at;
	uint64_t ino;

	if (strstr(line, "[vsyscall]"))
		return;
	if (sscanf(line, "%*s %*s %*s %n%15s %n%" SCNu64 "%n %n", &dev_at, device,
		   &ino_at, &ino, &ino_end, &name_at) != 2 ||
	    (!ino && !line[name_at])) {
		answer_line(of->a, "%u maps %s|", of->pid, line);
		return;
	}
	if (!ino) {
		answer_line(of->a, "%u maps %s", of->pid, line);
		return;
	}
	if (!strncmp(line + name_at, "/dev/", 5) && !strchr(line + name_at, ' ')) {
		answer_line(of->a, "%u maps %.*s%s", of->pid, dev_at, line,
			    line + name_at);
		return;
	}
	if (!strcmp(device, of->inodes->device)) {
		answer_line(of->a, "%u maps %.*sdisk #%zu %s @%d", of->pid, dev_at,
			    line, inode_number(&of->inodes->disk, ino),
			    disk_path(of->inodes, line + name_at), name_at);
		return;
	}
	answer_line(of->a, "%u maps %.*s#%zu %s @%d", of->pid, ino_at, line,
		    inode_number(&of->inodes->memory, ino), line + name_at, name_at);
}

void answer_maps(struct answer *a, struct inodes *inodes, uint32_t pid,
		 const char *text)
{
	struct lines_of of = { a, inodes, pid };

	for_lines(text, add_maps_line, &of);
}

/*
 * The lines of status that are a function of the address space alone. (The
 * high-water marks remember the program before ours, and how exec_vm is shared
 * between VmExe and VmLib depends on where it had its text.)
 */
static void add_status_line(void *ctx, const char *line)
{
	static const char *const compared[] = {
		"VmSize:", "VmLck:", "VmPin:", "VmRSS:", "RssAnon:", "RssFile:",
		"RssShmem:", "VmData:", "VmStk:", "VmPTE:", "VmSwap:",
	};
	struct lines_of *of = ctx;

	for (size_t i = 0; i < sizeof(compared) / sizeof(compared[0]); i++)
		if (!strncmp(line, compared[i], strlen(compared[i])))
			answer_line(of->a, "%u %s", of->pid, line);
}

void answer_status(struct answer *a, uint32_t pid, const char *text)
{
	struct lines_of of = { a, NULL, pid };

	for_lines(text, add_status_line, &of);
}

/* What one area, or all of them, said so far. */
struct area {
	struct answer *a;
	uint32_t pid;
	char line[LINE];
	size_t len;
};

static void area_add(struct area *area, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void area_add(struct area *area, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(area->line + area->len, LINE - area->len, format, args);
	va_end(args);
	area->len = strlen(area->line);
}

static void area_end(struct area *area)
{
	if (area->len)
		answer_line(area->a, "%u %s", area->pid, area->line);
	area->len = 0;
}

static bool is_compared(const struct area *area, const char *label)
{
	return strcmp(label, "ProtectionKey") &&
	       strcmp(label, "KernelPageSize") &&
	       strcmp(label, "MMUPageSize") &&
	       (strcmp(label, "Referenced") || area->pid == 1);
}

static void add_area_line(void *ctx, const char *line)
{
	struct area *area = ctx;
	char label[32];
	uint64_t start, end, number;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2) {
		area_end(area);
		if (strstr(line, "[rollup]"))
			area_add(area, "rollup %" PRIx64 "-%" PRIx64, start, end);
		else if (!strstr(line, "[vsyscall]"))
			area_add(area, "smaps %" PRIx64, start);
	} else if (!area->len) {
		return;
	} else if (!strncmp(line, "VmFlags: ", 9)) {
		area_add(area, " %s|", line + 9);
	} else if (sscanf(line, "%31[^:]:%" SCNu64, label, &number) == 2 &&
		   number && is_compared(area, label)) {
		area_add(area, " %s %" PRIu64, label, number);
	}
}

void answer_smaps(struct answer *a, uint32_t pid, const char *text)
{
	struct area area = { .a = a, .pid = pid };

	for_lines(text, add_area_line, &area);
	area_end(&area);
}

void answer_rollup(struct answer *a, uint32_t pid, const char *text)
{
	answer_smaps(a, pid, text);
}

/* All but the text, which depends on where the program before ours had it. */
void answer_statm(struct answer *a, uint32_t pid, const char *text)
{
	uint64_t size, resident, shared, data;

	if (sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %*u 0 %" SCNu64
		   " 0", &size, &resident, &shared, &data) == 4)
		answer_line(a, "%u statm %" PRIu64 " %" PRIu64 " %" PRIu64
			    " %" PRIu64, pid, size, resident, shared, data);
}

void answer_min_flt(struct answer *a, uint32_t pid, uint64_t min_flt)
{
	answer_line(a, "%u min_flt %" PRIu64, pid, min_flt);
}

uint64_t stat_min_flt(const char *text)
{
	const char *after_name = strrchr(text, ')');
	uint64_t min_flt = 0;

	if (!after_name ||
	    sscanf(after_name + 1, " %*c %*d %*d %*d %*d %*d %*u %" SCNu64,
		   &min_flt) != 1) {
		fprintf(stderr, "oracle: /proc/PID/stat reads: %s\n", text);
		exit(99);
	}
	return min_flt;
}

void answer_page_flush(struct answer *a, uint32_t pid, struct page_run *run)
{
	if (run->pages)
		answer_line(a, "%u pages %" PRIx64 " %" PRIu64 "%s%s", pid,
			    run->start, run->pages,
			    run->zero ? " zero" : run->file ? " file" : " anon",
			    run->exclusive ? " exclusive" : "");
	run->pages = 0;
}

void answer_page(struct answer *a, uint32_t pid, struct page_run *run,
		 const struct page_run *page)
{
	if (run->pages && run->start + run->pages * 4096 == page->start &&
	    run->zero == page->zero && run->file == page->file &&
	    run->exclusive == page->exclusive) {
		run->pages++;
		return;
	}
	answer_page_flush(a, pid, run);
	*run = *page;
	run->pages = 1;
}

void outcome_return(struct answer *a, int64_t ret)
{
	if (ret < 0 && ret > -4096)
		snprintf(a->outcome, OUTCOME_LINE, "errno %" PRId64, -ret);
	else
		snprintf(a->outcome, OUTCOME_LINE, "ret 0x%" PRIx64,
			 (uint64_t)ret);
}

void outcome_words(struct answer *a, int64_t ret, uint64_t first,
		   uint64_t second)
{
	size_t len;

	outcome_return(a, ret);
	len = strlen(a->outcome);
	snprintf(a->outcome + len, OUTCOME_LINE - len, " left 0x%" PRIx64
		 " 0x%" PRIx64, first, second);
}

void outcome_sent(struct answer *a, int signo)
{
	const size_t len = strlen(a->outcome);

	if (signo)
		snprintf(a->outcome + len, OUTCOME_LINE - len, " sent %d", signo);
}

void outcome_access(struct answer *a, uint64_t done, uint64_t hash)
{
	snprintf(a->outcome, OUTCOME_LINE, "done %" PRIu64 " hash %" PRIx64,
		 done, hash);
}

void outcome_signal(struct answer *a, int signo, int code, uint64_t addr,
		    uint64_t done)
{
	snprintf(a->outcome, OUTCOME_LINE,
		 "signal %d code %d addr 0x%" PRIx64 " done %" PRIu64,
		 signo, code, addr, done);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void answer_finish(struct answer *a)
{
	qsort(a->lines, a->count, sizeof(*a->lines), by_text);
}

bool answers_equal(const struct answer *a, const struct answer *b)
{
	if (strcmp(a->outcome, b->outcome) || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->lines[i], b->lines[i]))
			return false;
	return true;
}

void answers_differ(const struct answer *a, const struct answer *b,
		    void (*tell)(void *ctx, char sign, const char *line),
		    void *ctx)
{
	size_t i = 0, j = 0;

	while (i < a->count || j < b->count) {
		int order = i == a->count ? 1 : j == b->count ? -1 :
			strcmp(a->lines[i], b->lines[j]);

		if (order < 0)
			tell(ctx, '-', a->lines[i++]);
		else if (order > 0)
			tell(ctx, '+', b->lines[j++]);
		else
			i++, j++;
	}
}

bool answer_drop(struct answer *a, const char *line)
{
	for (size_t i = 0; i < a->count; i++) {
		if (strcmp(a->lines[i], line))
			continue;
		free(a->lines[i]);
		a->lines[i] = a->lines[--a->count];
		return true;
	}
	return may_differ(line);
}
