/* SPDX-License-Identifier: MIT */
/*
 * A story is a folder: `ops`, one operation a line, with remarks after `#`, and
 * `told`, what the kernel did and what is there at the end, in the notation of
 * docs/notation.md. Each
 * story is told three times: once to be compared, once more, and once with the
 * machine copied frame by frame into a fresh one between every two operations;
 * all three must end in the same digest. MMAPD_BLESS=1 rewrites `told`.
 *
 * A story whose first line is `machine arch=NAME` and perhaps `ram=BYTES` is of
 * that machine. Every other one is told of x86-64, and lived through on the
 * other architectures as far as their addresses go, where only the digests count.
 *
 *	run_stories FOLDER…
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/arch/arch.h"
#include "mmcore/fs/disk.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/pgtable.h"
#include "mmcore/uapi.h"
#include "tests/lib/evil.h"
#include "tests/lib/host.h"

#define EVENTS 4096

struct telling {
	struct machine *m;
	FILE *out;
	bool move;		/* into a fresh machine between operations */
};

/* ---- operations as text ---- */

static uint64_t number(const char *line, const char *key, uint64_t otherwise)
{
	char name[32];
	const char *at;

	snprintf(name, sizeof(name), " %s=", key);
	at = strstr(line, name);
	return at ? strtoull(at + strlen(name), NULL, 0) : otherwise;
}

static uint64_t prot_letters(const char *at)
{
	return (at[0] == 'r' ? PROT_READ : 0) | (at[1] == 'w' ? PROT_WRITE : 0) |
	       (at[2] == 'x' ? PROT_EXEC : 0);
}

static uint64_t prot(const char *line)
{
	const char *at = strstr(line, " prot=");

	return at ? prot_letters(at + 6) : PROT_READ | PROT_WRITE;
}

static uint64_t map_flags(const char *line)
{
	return (strstr(line, " fd=") ? 0 : MAP_ANONYMOUS) |
	       (strstr(line, " shared") ? MAP_SHARED : MAP_PRIVATE) |
	       (strstr(line, " fixed") ? MAP_FIXED : 0) |
	       (strstr(line, " noreplace") ? MAP_FIXED_NOREPLACE : 0) |
	       (strstr(line, " populate") ? MAP_POPULATE : 0) |
	       (strstr(line, " growsdown") ? MAP_GROWSDOWN : 0);
}

#define FILE_BYTES 65536	/* of one read or write */

/* What operations carry besides their numbers. */
static uint8_t bytes[FILE_BYTES];

/* The operation writes @len bytes that are all the same. */
static void put_bytes(const char *line, struct op *op, uint64_t len)
{
	memset(bytes, (int)number(line, "byte", 0), len);
	op->data = bytes;
	op->data_len = len;
}

/* The path after " path="; it ends where the word does. */
static void put_path(const char *line, struct op *op)
{
	const char *at = strstr(line, " path=");

	op->path = at ? at + 6 : "";
	op->path_len = strcspn(op->path, " \n");
}

#define PROGRAM_SEGMENTS 8

static struct {
	struct exec_image head;
	struct exec_segment segments[PROGRAM_SEGMENTS];
	char strings[512];
} program;

/* " seg=ADDRESS:OFFSET:BYTES:MEMORY:PROT", as often as there are segments. */
static void put_segments(const char *line)
{
	uint32_t nr = 0;

	for (; nr < PROGRAM_SEGMENTS && (line = strstr(line, " seg=")); nr++) {
		struct exec_segment *seg = &program.segments[nr];
		char *at;

		seg->vaddr = strtoull(line + 5, &at, 0);
		seg->offset = strtoull(at + 1, &at, 0);
		seg->filesz = strtoull(at + 1, &at, 0);
		seg->memsz = strtoull(at + 1, &at, 0);
		seg->align = PAGE_SIZE;
		seg->prot = prot_letters(at + 1);
		line = at;
	}
	program.head.program.nr_segments = nr;
	program.head.program.phnum = nr;
}

/* The program of that path, its path being all of its arguments. */
static void put_program(const char *line, struct op *op)
{
	char *strings = (char *)&program.segments;
	size_t len;

	memset(&program, 0, sizeof(program));
	put_path(line, op);
	put_segments(line);
	len = op->path_len + 1;
	program.head.program.entry = number(line, "entry", 0);
	program.head.program.phdr_offset = 64;
	program.head.program.pie = strstr(line, " pie") != NULL;
	program.head.argc = 1;
	program.head.strings_len = 2 * len + 1;
	strings += program.head.program.nr_segments * sizeof(struct exec_segment);
	memcpy(strings, op->path, len - 1);
	memcpy(strings + len + 1, op->path, len - 1);
	op->data = (const uint8_t *)&program;
	op->data_len = (size_t)(strings - (char *)&program) + 2 * len + 1;
}

/* Files of the disk, and what brings their pages there and away. */
static bool parse_disk(const char *line, struct op *op)
{
	const int64_t fd = (int64_t)number(line, "fd", 0);
	const uint64_t len = number(line, "len", 1), at = number(line, "at", 0);

	if (!strncmp(line, "create", 6) && len <= FILE_BYTES) {
		op->code = OP_FILE_CREATE;
		op->file_create = (struct op_file_create){
			number(line, "size", len), 0755, strstr(line, " cached") };
		put_path(line, op);
		put_bytes(line, op, len);
	} else if (!strncmp(line, "open", 4)) {
		op->code = OP_OPEN;
		op->open.flags = strstr(line, " ro") ? O_RDONLY : O_RDWR;
		put_path(line, op);
	} else if (!strncmp(line, "unlink", 6)) {
		op->code = OP_UNLINK;
		put_path(line, op);
	} else if (!strncmp(line, "pwrite", 6) && len <= FILE_BYTES) {
		op->code = OP_PWRITE;
		op->pwrite = (struct op_pwrite){ fd, at, NO_BUFFER, 0 };
		put_bytes(line, op, len);
	} else if (!strncmp(line, "pread", 5) && len <= FILE_BYTES) {
		op->code = OP_PREAD;
		op->pread = (struct op_pread){ fd, len, at, NO_BUFFER };
	} else if (!strncmp(line, "sendfile", 8)) {
		op->code = OP_SENDFILE;
		op->sendfile = (struct op_sendfile){
			(int64_t)number(line, "out", 0),
			(int64_t)number(line, "in", 0),
			(int64_t)number(line, "from", (uint64_t)NO_OFFSET), len };
	} else if (!strncmp(line, "fsync", 5)) {
		op->code = OP_FSYNC;
		op->fsync.fd = fd;
	} else if (!strncmp(line, "tick", 4)) {
		op->code = OP_TICK;
		op->tick.jiffies = number(line, "seconds", 1) * HZ;
	} else if (!strncmp(line, "drop", 4)) {
		op->code = OP_SYSCTL;
		op->sysctl = (struct op_sysctl){ SYSCTL_drop_caches, 1 };
	} else if (!strncmp(line, "execve", 6)) {
		op->code = OP_EXEC;
		put_program(line, op);
	}
	op->buf = bytes;
	return op->code != OP_NONE;
}

/* Descriptors: files that are memory, pipes, and what goes between them. */
static bool parse_file(const char *line, struct op *op)
{
	static struct op_iovec vec;
	const int64_t fd = (int64_t)number(line, "fd", 0);
	const int64_t in = (int64_t)number(line, "in", 0);
	const int64_t out = (int64_t)number(line, "out", 0);
	const uint64_t len = number(line, "len", 1);

	op->buf = bytes;
	if (!strncmp(line, "memfd", 5)) {
		op->code = OP_MEMFD_CREATE;
		memcpy(op->memfd_create.name, "file", 5);
	} else if (!strncmp(line, "pipe", 4)) {
		op->code = OP_PIPE;
	} else if (!strncmp(line, "close", 5)) {
		op->code = OP_CLOSE;
		op->close.fd = fd;
	} else if (!strncmp(line, "ftruncate", 9)) {
		op->code = OP_FTRUNCATE;
		op->ftruncate = (struct op_ftruncate){ fd, len };
	} else if (!strncmp(line, "fwrite", 6) && len <= FILE_BYTES) {
		op->code = OP_WRITE;
		op->write = (struct op_write){ fd, NO_BUFFER, 0 };
		put_bytes(line, op, len);
	} else if (!strncmp(line, "fread", 5) && len <= FILE_BYTES) {
		op->code = OP_READ;
		op->read = (struct op_read){ fd, len, NO_BUFFER };
	} else if (!strncmp(line, "splice", 6)) {
		op->code = OP_SPLICE;
		op->splice = (struct op_splice){ in,
			(int64_t)number(line, "from", (uint64_t)NO_OFFSET), out,
			(int64_t)number(line, "to", (uint64_t)NO_OFFSET), len,
			strstr(line, " move") ? SPLICE_F_MOVE : 0 };
	} else if (!strncmp(line, "tee", 3)) {
		op->code = OP_TEE;
		op->tee = (struct op_tee){ in, out, len, 0 };
	} else if (!strncmp(line, "vmsplice", 8)) {
		op->code = OP_VMSPLICE;
		vec = (struct op_iovec){ number(line, "addr", 0), len };
		op->vmsplice = (struct op_vmsplice){ fd,
			strstr(line, " gift") ? SPLICE_F_GIFT : 0 };
		op->iov = (struct op_iov){ &vec, 1 };
	}
	return op->code != OP_NONE;
}

/* What a program does to its memory. */
static bool parse_access(const char *line, struct op *op)
{
	const uint64_t addr = number(line, "addr", 0), len = number(line, "len", 1);

	if (!strncmp(line, "read", 4) || !strncmp(line, "write", 5) ||
	    !strncmp(line, "exec ", 5)) {
		op->code = OP_MEM_TOUCH;
		op->mem_touch = (struct op_mem_touch){ addr, len,
			*line == 'r' ? ACCESS_READ
			: *line == 'e' ? ACCESS_EXEC : ACCESS_WRITE };
	} else if (!strncmp(line, "store", 5)) {
		op->code = OP_MEM_WRITE;
		op->mem_write.addr = addr;
		put_bytes(line, op, 1);
	} else if (!strncmp(line, "load", 4) && len <= FILE_BYTES) {
		op->code = OP_MEM_READ;
		op->mem_read = (struct op_mem_read){ addr, len };
		op->buf = bytes;
	} else if (!strncmp(line, "msync", 5)) {
		op->code = OP_MSYNC;
		op->msync = (struct op_msync){ addr, len,
			strstr(line, " async") ? MS_ASYNC : MS_SYNC };
	} else if (!strncmp(line, "remap", 5)) {
		op->code = OP_REMAP_FILE_PAGES;
		op->remap_file_pages = (struct op_remap_file_pages){
			addr, len, 0, number(line, "pgoff", 0), 0 };
	}
	return op->code != OP_NONE;
}

static bool parse(const char *line, struct op *op)
{
	const uint64_t addr = number(line, "addr", 0), len = number(line, "len", 1);

	*op = (struct op){ .pid = (uint32_t)number(line, "pid", 1) };
	if (!strncmp(line, "spawn", 5)) {
		op->code = OP_SPAWN;
		op->spawn.image = strstr(line, "demo") ? IMAGE_DEMO : IMAGE_NONE;
		memcpy(op->spawn.name, "init", 5);
	} else if (!strncmp(line, "mmap", 4)) {
		op->code = OP_MMAP;
		op->mmap = (struct op_mmap){ addr, len, prot(line),
					     map_flags(line),
					     (int64_t)number(line, "fd", UINT64_MAX),
					     number(line, "off", 0) };
	} else if (!strncmp(line, "munmap", 6)) {
		op->code = OP_MUNMAP;
		op->munmap = (struct op_munmap){ addr, len };
	} else if (!strncmp(line, "mprotect", 8)) {
		op->code = OP_MPROTECT;
		op->mprotect = (struct op_mprotect){ addr, len, prot(line) };
	} else if (!strncmp(line, "madvise", 7)) {
		op->code = OP_MADVISE;
		op->madvise = (struct op_madvise){ addr, len,
			(uint32_t)number(line, "advice", 0) };
	} else if (!strncmp(line, "brk", 3)) {
		op->code = OP_BRK;
		op->brk.addr = addr;
	} else if (!strncmp(line, "fork", 4)) {
		op->code = OP_FORK;
		op->fork.flags = strstr(line, " vm") ? CLONE_VM : 0;
	} else if (!strncmp(line, "exit", 4)) {
		op->code = OP_EXIT;
	} else if (!strncmp(line, "sysctl", 6)) {
		op->code = OP_SYSCTL;
		op->sysctl.id = strstr(line, "overcommit")
			? SYSCTL_overcommit_memory : SYSCTL_max_map_count;
		op->sysctl.value = number(line, "value", 0);
	}
	return op->code != OP_NONE || parse_access(line, op) ||
	       parse_file(line, op) || parse_disk(line, op);
}

/* ---- telling ---- */

static void tell(const struct telling *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void tell(const struct telling *t, const char *format, ...)
{
	va_list ap;

	if (!t->out)
		return;
	va_start(ap, format);
	vfprintf(t->out, format, ap);
	va_end(ap);
}

static void tell_args(const struct telling *t, const char *spec,
		      const uint64_t *arg)
{
	while (*spec) {
		int len = (int)strcspn(spec, ":");

		tell(t, strchr("xv", spec[len + 1]) ? " %.*s=%#llx" : " %.*s=%lld",
		     len, spec, (unsigned long long)*arg++);
		spec += len + 2;
		spec += *spec == ' ';
	}
}

static void tell_trace(const struct telling *t, const struct trace *trace)
{
	for (uint64_t i = 0; i < trace->nr; i++) {
		const struct trace_event *e = &trace->events[i];
		const struct trace_kind *kind = &trace_kinds[e->id];

		tell(t, "    %s: %s", e->fn ? e->fn : kind->fn, kind->step);
		if (e->id == TRACE_refused)
			tell(t, " with %s (%s)", mm_errno_name((int)e->arg[0]),
			     e->note);
		else if (e->note)
			tell(t, " (skipped: %s)", e->note);
		else
			tell_args(t, kind->args, e->arg);
		tell(t, "\n");
	}
}

static void tell_result(const struct telling *t, const struct op_result *r)
{
	if (r->outcome == OUT_SIGNAL)
		tell(t, "    = %s %s at %#llx", mm_signal_name(r->signo),
		     mm_si_code_name(r->signo, r->si_code),
		     (unsigned long long)r->fault_addr);
	else if (r->outcome == OUT_ERRNO)
		tell(t, "    = %s", mm_errno_name(r->err));
	else
		tell(t, "    = %#llx", (unsigned long long)r->ret);
	if (r->minor)
		tell(t, " (%llu faults)", (unsigned long long)r->minor);
	if (r->major)
		tell(t, " (%llu faults that read the disk)",
		     (unsigned long long)r->major);
	tell(t, "%s%s\n", r->why ? ": " : "", r->why ? r->why : "");
}

#define RUNS 6	/* that are told; the rest is dots */

/* Bytes, by runs of equal ones. */
static void tell_bytes(const struct telling *t, const uint8_t *p, uint64_t nr)
{
	uint64_t runs = 0;

	while (nr && runs++ < RUNS) {
		uint64_t n = 1;

		while (n < nr && p[n] == p[0])
			n++;
		tell(t, " %02x*%llu", p[0], (unsigned long long)n);
		p += n;
		nr -= n;
	}
	tell(t, nr ? " ..." : "");
}

/* What came into the hands of whoever read. */
static void tell_read(const struct telling *t, const struct op *op,
		      const struct op_result *r)
{
	const bool load = op->code == OP_MEM_READ;

	if (r->outcome != OUT_OK || !op->buf ||
	    (!load && op->code != OP_READ && op->code != OP_PREAD))
		return;
	tell(t, "    bytes");
	tell_bytes(t, op->buf, load ? op->mem_read.len : (uint64_t)r->ret);
	tell(t, "\n");
}

static void tell_pages(const struct telling *t, mm_ref mm, vma_ref ref)
{
	const struct vm_area_struct *v = vma_at(t->m, ref);

	for (uint64_t addr = v->vm_start; addr < v->vm_end; addr += PAGE_SIZE) {
		const struct mm_pagemap e = mm_pagemap_entry(t->m, mm, addr);
		struct page page;

		if (e.guard)
			tell(t, "  PTE %llx -> GUARD\n",
			     (unsigned long long)addr);
		if (!e.present)
			continue;
		page = page_read(t->m, e.pfn);
		tell(t, "  PTE %llx -> FRAME %u %s%s%s count=%d mapcount=%d\n",
		     (unsigned long long)addr, e.pfn, e.writable ? "w" : "-",
		     e.accessed ? "a" : "-", e.dirty ? "d" : "-", page._count,
		     page._mapcount);
	}
}

/* The pipes that a process may read from, and what is in them. */
static void tell_pipes(const struct telling *t, task_ref task)
{
	for (int64_t fd = 0; fd < NR_OPEN_DEFAULT; fd++) {
		const pipe_ref pipe = mm_pipe(t->m, task, fd);
		const struct pipe_inode_info *p;

		if (pipe_none(pipe) ||
		    !(file_at(t->m, mm_fd_file(t->m, task_at(t->m, task)->files,
					       (uint32_t)fd))->f_mode &
		      FMODE_READ))
			continue;
		p = pipe_at(t->m, pipe);
		tell(t, " PIPE fd=%lld slots=%u readers=%u writers=%u\n",
		     (long long)fd, p->max_usage, p->readers, p->writers);
		for (uint32_t i = 0; i < p->nrbufs; i++) {
			const struct pipe_buffer *buf =
				mm_pipe_buffer(t->m, pipe, i);

			tell(t, "  BUF -> FRAME %llu offset=%u len=%u %s count=%d\n",
			     (unsigned long long)buf->page, buf->offset,
			     buf->len, mm_pipe_ops_name(buf->ops),
			     page_read(t->m, (pfn_t)buf->page)._count);
		}
	}
}

/* The name of a file in the root; "(unlinked)" where it has none. */
static void tell_file_name(const struct telling *t, uint64_t ino)
{
	struct mm_dir_entry entry;
	uint64_t pos = 0;

	while (mm_dir_next(t->m, MM_ROOT_INO, &pos, &entry))
		if (entry.ino == ino) {
			tell(t, "FILE /%.*s", (int)entry.len, entry.name);
			return;
		}
	tell(t, "FILE (unlinked)");
}

/* A page of a file: in memory, on the disk, or both. */
static void tell_file_page(const struct telling *t, uint64_t ino,
			   uint64_t index)
{
	const uint64_t block = disk_bmap(t->m, ino, index);
	uint64_t next = index;
	pfn_t pfn = 0;

	if (!mm_file_next_page(t->m, ino, &next, &pfn) || next != index)
		pfn = 0;
	if (!pfn && !block)
		return;
	tell(t, " PAGE %llu", (unsigned long long)index);
	if (pfn) {
		const struct page page = page_read(t->m, pfn);

		tell(t, " -> FRAME %u %s count=%d mapcount=%d bytes", pfn,
		     page.flags >> PG_dirty & 1 ? "d" : "-", page._count,
		     page._mapcount);
		tell_bytes(t, ram_at(t->m, pfn_to_pa(pfn)), PAGE_SIZE);
	}
	if (block) {
		tell(t, " DISK");
		tell_bytes(t, disk_at(t->m, block), PAGE_SIZE);
	}
	tell(t, "\n");
}

#define FILES 16	/* of a story, at most, and pages of one */
#define FILE_PAGES 64

/* The regular files of the disk: what memory and what the disk has of them. */
static void tell_files(const struct telling *t)
{
	for (uint64_t ino = DISK_FIRST_INO; ino < DISK_FIRST_INO + FILES; ino++) {
		struct mm_file_info info;

		if (!disk_ino_used(t->m, ino))
			continue;
		info = mm_file_info(t->m, ino);
		tell_file_name(t, ino);
		tell(t, " size=%llu nlink=%u cached=%llu\n",
		     (unsigned long long)info.size, info.nlink,
		     (unsigned long long)info.cached);
		for (uint64_t index = 0; index < FILE_PAGES; index++)
			tell_file_page(t, ino, index);
	}
}

static void tell_state(const struct telling *t)
{
	for (task_ref k = mm_first_task(t->m); !task_none(k);
	     k = mm_next_task(t->m, k)) {
		const mm_ref mm = task_at(t->m, k)->mm;
		const struct mm_struct *mms = mm_at(t->m, mm);

		tell(t, "MM pid=%d map_count=%d total_vm=%llu rss=%llu tables=%llu\n",
		     task_at(t->m, k)->pid, mms->map_count,
		     (unsigned long long)mms->total_vm, (unsigned long long)
		     (mms->_anon_rss + mms->_file_rss + mms->_shmem_rss),
		     (unsigned long long)mms->nr_tables);
		for (vma_ref v = mms->mmap; !vma_none(v);
		     v = vma_at(t->m, v)->vm_next) {
			const struct vm_area_struct *vma = vma_at(t->m, v);
			char path[MM_PATH_MAX];

			tell(t, " VMA %llx-%llx flags=%#llx %s\n",
			     (unsigned long long)vma->vm_start,
			     (unsigned long long)vma->vm_end,
			     (unsigned long long)vma->vm_flags,
			     mm_vma_name(t->m, v, path));
			tell_pages(t, mm, v);
		}
		tell_pipes(t, k);
	}
	tell_files(t);
}

static bool tell_op(struct telling *t, const char *line)
{
	static struct trace_event events[EVENTS];
	struct trace trace = { .events = events, .capacity = EVENTS };
	struct op_result res;
	struct op op;

	if (!parse(line, &op)) {
		fprintf(stderr, "not an operation: %s", line);
		return false;
	}
	if (mm_step(t->m, &op, &res, &trace) != MM_OK) {
		fprintf(stderr, "not accepted: %s", line);
		return false;
	}
	tell(t, "> %s", line);
	tell_trace(t, &trace);
	tell_result(t, &res);
	tell_read(t, &op, &res);
	host_check(t->m);
	if (t->move) {
		struct machine *fresh = host_machine_copy(t->m);

		host_machine_free(t->m);
		t->m = fresh;
	}
	return true;
}

/* The machine that a line asks for; NULL: it is about something else. */
static struct machine *machine_of(const char *line)
{
	struct mm_config config = mm_config_default();
	const char *arch = strstr(line, " arch=");

	if (strncmp(line, "machine", 7) || !arch)
		return NULL;
	arch += 6;
	while (config.arch < NR_ARCHS &&
	       (strncmp(arch_find(config.arch)->name, arch,
			strcspn(arch, " \n")) ||
		arch_find(config.arch)->name[strcspn(arch, " \n")]))
		config.arch++;
	config.ram = number(line, "ram", 64ULL << 20);
	return config.arch < NR_ARCHS ? host_machine_new(&config) : NULL;
}

static bool tell_line(struct telling *t, const char *line)
{
	struct machine *m = machine_of(line);

	if (*line == '#')	/* the teller's own words */
		tell(t, "%s", line);
	if (*line == '#' || *line == '\n')
		return true;
	if (!m)
		return tell_op(t, line);
	host_machine_free(t->m);
	t->m = m;
	return true;
}

/* Tells a whole story; the digest at its end, or 0 where it cannot be told. */
static uint64_t tell_story(const char *folder, FILE *out, bool move)
{
	struct telling t = { host_machine_small(), out, move };
	char path[512], line[256];
	uint64_t digest = 0;
	bool good = true;
	FILE *ops;

	snprintf(path, sizeof(path), "%s/ops", folder);
	ops = fopen(path, "r");
	if (!ops) {
		perror(path);
		return 0;
	}
	while (good && fgets(line, sizeof(line), ops))
		good = tell_line(&t, line);
	fclose(ops);
	if (good) {
		tell_state(&t);
		digest = host_digest(t.m);
	}
	host_machine_free(t.m);
	return digest;
}

/* ---- comparing ---- */

static char *slurp(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen(path, "r");

	if (f) {
		text[fread(text, 1, (1 << 20) - 1, f)] = 0;
		fclose(f);
	}
	return text;
}

static void show_difference(const char *told, const char *expected)
{
	size_t same = 0, line = 0;

	while (told[same] && told[same] == expected[same])
		if (told[same++] == '\n')
			line = same;
	fprintf(stderr, "  expected: %.*s\n  told:     %.*s\n",
		(int)strcspn(expected + line, "\n"), expected + line,
		(int)strcspn(told + line, "\n"), told + line);
}

/* What evil reclaim may not change: operations, results, bytes and VMAs. A result's
 * faults are cut off. */
static void keep_essentials(char *text)
{
	static const char *const kept[] = { "> ", "    = ", "    bytes", " VMA", " PIPE" };
	char *to = text;

	while (*text) {
		const size_t len = strcspn(text, "\n");
		size_t shown = len, i = 0;

		while (i < sizeof(kept) / sizeof(kept[0]) &&
		       strncmp(text, kept[i], strlen(kept[i])))
			i++;
		if (i == 1)
			shown = strcspn(text, "(\n");
		if (i < sizeof(kept) / sizeof(kept[0])) {
			while (shown && text[shown - 1] == ' ')
				shown--;
			memmove(to, text, shown);
			to += shown;
			*to++ = '\n';
		}
		text += len + (text[len] == '\n');
	}
	*to = '\0';
}

static bool compare(const char *folder, char *told)
{
	char path[512], *expected;
	bool same;

	snprintf(path, sizeof(path), "%s/told", folder);
	if (getenv("MMAPD_BLESS")) {
		FILE *f = fopen(path, "w");

		return f && fputs(told, f) >= 0 && !fclose(f);
	}
	expected = slurp(path);
	if (evil_is_on()) {
		keep_essentials(told);
		keep_essentials(expected);
	}
	same = !strcmp(told, expected);
	if (!same)
		show_difference(told, expected);
	free(expected);
	return same;
}

/* Told again the state is the same, to the last bit; but where evil reclaim is on. */
static bool same_again(const char *folder, bool move, uint64_t digest)
{
	const uint64_t again = tell_story(folder, NULL, move);

	return again && (again == digest || evil_is_on());
}

/* On the other architectures: twice, once moving from machine to machine. */
static bool live_elsewhere(const char *folder)
{
	bool good = true;

	for (host_arch = 1; good && host_arch < NR_ARCHS; host_arch++) {
		const uint64_t digest = tell_story(folder, NULL, false);

		good = digest && same_again(folder, true, digest);
	}
	host_arch = ARCH_X86_64;
	return good;
}

static bool run_story(const char *folder)
{
	char *told = NULL;
	size_t len;
	FILE *out = open_memstream(&told, &len);
	uint64_t digest = tell_story(folder, out, false);
	bool good;

	fclose(out);
	good = digest && compare(folder, told) &&
	       same_again(folder, false, digest) &&
	       same_again(folder, true, digest) && live_elsewhere(folder);
	printf("%s %s\n", good ? "ok" : "FAIL", folder);
	free(told);
	return good;
}

int main(int argc, char **argv)
{
	int failed = argc < 2;

	for (int i = 1; i < argc; i++)
		failed += !run_story(argv[i]);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
