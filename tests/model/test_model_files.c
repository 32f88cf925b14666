/* SPDX-License-Identifier: MIT */
/*
 * Random operations on the files of a machine, by programs that map, read, write
 * and cut them, and on arrays of bytes (dumb_files.h). Return values, signals and
 * bytes must agree. To look changes what is cached: so after every deed all bytes are
 * read in a copy of the machine, every file's by calls and every page's by loads; and
 * now and then every invariant is checked. On a difference the operations are
 * shrunk and printed. The runs take the architectures by turns.
 *
 *	test_model_files [SEED [RUNS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/arch/arch.h"
#include "tests/lib/host.h"
#include "tests/model/deeds.h"
#include "tests/model/dumb_files.h"

#define DEEDS	100
#define RUNS	100
#define MOST	(64ULL << 10)	/* bytes of one read or write */
#define CHECK_EVERY	8	/* deeds */
#define PLACE	0x60000000ULL	/* in every user space */
#define FIRST_FD 3		/* behind standard input, output, error */

/* X(what it is called, how often of all). */
#define KINDS(X)							\
	X(map_anon, 3) X(map_file, 10) X(unmap, 2) X(protect, 2)	\
	X(dontneed, 4) X(remove, 4) X(pageout, 3) X(cold, 3) X(willneed, 2) \
	X(msync, 2) X(store, 12) X(store_behind, 6) X(load, 6)		\
	X(write, 4) X(read, 3) X(seek, 1) X(pwrite, 14) X(pread, 8)	\
	X(write_from, 3) X(read_into, 3) X(truncate, 8) X(fsync, 2)	\
	X(unlink, 1) X(reopen, 2) X(drop_caches, 2) X(tick, 3)		\
	X(fork, 2) X(exit, 1)

enum kind {
#define X(name, odds) DO_##name,
	KINDS(X)
#undef X
	NR_KINDS,
};

static const char *const names[NR_KINDS] = {
#define X(name, odds) #name,
	KINDS(X)
#undef X
};

struct deed {
	enum kind kind;
	uint32_t who, file;		/* pick among programs and descriptors */
	uint32_t first, count;		/* pages of the arena */
	uint32_t index;			/* page of the file */
	uint64_t at, len;		/* bytes: of the file, or of the arena */
	uint8_t prot, byte;
	bool shared, near;		/* near: @at is counted from the file's end */
};

/* What a run begins with. */
static struct mm_config config;
static uint64_t read_ahead_kb, dirty_ratio, dirty_background_ratio;

struct both {
	struct machine *m;
	struct dumb *d;
	struct dumb_space *sp;		/* of the program whose deed it is */
	int named[DUMB_FILES];		/* the object of each name; -1: none */
};

static const char *const paths[DUMB_FILES] = { NULL, "/first", "/second" };

static uint8_t buf[MOST];
static int16_t expected[MOST];
static const char *difference;	/* of the last run that did not agree */

/* ---- the machine's side ---- */

static struct op_result run(const struct both *b, struct op op)
{
	op.pid = b->sp->pid;
	return host_run(b->m, &op);
}

static uint64_t place(uint64_t at)
{
	return PLACE + at;
}

static bool same_bytes(const uint8_t *got, const int16_t *want, uint64_t len)
{
	bool differ = false;

	for (uint64_t i = 0; i < len; i++)
		differ |= (want[i] != ANY) & (got[i] != want[i]);
	return !differ;
}

static bool same_access(const struct op_result *res, const struct dumb_access *a,
			uint64_t at)
{
	if (res->done != a->done)
		return false;
	if (!a->signo)
		return res->outcome == OUT_OK;
	return res->outcome == OUT_SIGNAL && res->signo == a->signo &&
	       res->si_code == a->code && res->fault_addr == place(at + a->done);
}

/* Different in all places, so that none is taken for another. */
static void make_bytes(const struct deed *a)
{
	for (uint64_t i = 0; i < a->len; i++) {
		buf[i] = (uint8_t)(a->byte + i * 5 + (i >> 8) * 3);
		expected[i] = buf[i];
	}
}

/* ---- looking ---- */

static bool do_load(struct both *b, uint64_t at, uint64_t len)
{
	const struct dumb_access want = dumb_load(b->d, b->sp, at, expected, len);
	const struct op_result res = run(b, (struct op){ .code = OP_MEM_READ,
		.buf = buf, .mem_read = { place(at), len } });

	return same_access(&res, &want, at) && same_bytes(buf, expected, want.done);
}

static bool do_pread(struct both *b, const struct dumb_file *f, uint64_t at,
		     uint64_t len)
{
	const uint64_t want = dumb_pread(b->d, f->object, at, expected, len);

	return run(b, (struct op){ .code = OP_PREAD, .buf = buf,
		.pread = { f->fd, len, at, NO_BUFFER } }).ret == (int64_t)want &&
	       same_bytes(buf, expected, want);
}

/* Files that another program has open, too, are looked at once: @seen. */
static bool look_at_space(struct both *b, uint32_t *seen)
{
	for (int i = 0; i < DUMB_FILES; i++) {
		const struct dumb_file *f = &b->sp->file[i];

		for (uint64_t at = 0; at < OBJECT_BYTES; at += MOST)
			if (!(*seen >> f->object & 1) && !do_pread(b, f, at, MOST))
				return false;
		*seen |= 1U << f->object;
	}
	for (uint64_t i = 0; i < DUMB_PAGES; i++)
		if (b->sp->page[i].mapped &&
		    !do_load(b, i * PAGE_SIZE, PAGE_SIZE))
			return false;
	return true;
}

/* Every byte there is. The machine itself does not notice. */
static bool look(const struct both *b)
{
	struct both copy = { .m = host_machine_copy(b->m), .d = b->d };
	uint32_t seen = 0;
	bool same = true;

	for (int i = 0; same && i < DUMB_SPACES; i++) {
		copy.sp = &b->d->space[i];
		same = !copy.sp->pid || look_at_space(&copy, &seen);
	}
	host_machine_free(copy.m);
	return same;
}

/* ---- memory ---- */

static bool do_map(struct both *b, const struct deed *a)
{
	const bool anon = a->kind == DO_map_anon;
	const struct dumb_file *f = &b->sp->file[a->file];
	struct dumb_page like = { .mapped = true, .shared = a->shared,
				  .prot = a->prot, .object = -1 };
	const uint64_t flags = (a->shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED |
			       (anon ? MAP_ANONYMOUS : 0);

	if (!anon) {
		like.object = f->object;
		like.index = a->index;
	} else if (a->shared) {
		like.object = dumb_object(b->d, OBJECT_ANON, a->count * PAGE_SIZE);
		if (like.object < 0)
			return true;
	}
	dumb_map(b->sp, a->first, a->count, like);
	return run(b, (struct op){ .code = OP_MMAP, .mmap = {
		place(a->first * PAGE_SIZE), a->count * PAGE_SIZE, a->prot, flags,
		anon ? -1 : f->fd, like.index * PAGE_SIZE } }).ret ==
	       (int64_t)place(a->first * PAGE_SIZE);
}

static bool do_advise(struct both *b, const struct deed *a)
{
	static const uint32_t advice[NR_KINDS] = {
		[DO_dontneed] = MADV_DONTNEED, [DO_remove] = MADV_REMOVE,
		[DO_pageout] = MADV_PAGEOUT, [DO_cold] = MADV_COLD,
		[DO_willneed] = MADV_WILLNEED,
	};

	return run(b, (struct op){ .code = OP_MADVISE, .madvise = {
		place(a->first * PAGE_SIZE), a->count * PAGE_SIZE,
		advice[a->kind] } }).ret ==
	       dumb_advise(b->d, b->sp, a->first, a->count, advice[a->kind]);
}

static bool do_range(struct both *b, const struct deed *a)
{
	const uint64_t addr = place(a->first * PAGE_SIZE);
	const uint64_t len = a->count * PAGE_SIZE;

	switch (a->kind) {
	case DO_unmap:
		dumb_unmap(b->sp, a->first, a->count);
		return host_munmap(b->m, b->sp->pid, addr, len) == 0;
	case DO_protect:
		return host_mprotect(b->m, b->sp->pid, addr, len, a->prot) ==
		       dumb_protect(b->sp, a->first, a->count, a->prot);
	case DO_msync:
		return run(b, (struct op){ .code = OP_MSYNC, .msync = {
			addr, len, MS_SYNC } }).ret ==
		       dumb_msync(b->sp, a->first, a->count);
	default:
		return do_advise(b, a);
	}
}

static bool do_store(struct both *b, const struct deed *a)
{
	struct dumb_access want;
	struct op_result res;

	make_bytes(a);
	res = run(b, (struct op){ .code = OP_MEM_WRITE, .data = buf,
		.data_len = a->len, .mem_write = { place(a->at) } });
	want = dumb_store(b->d, b->sp, a->at, expected, a->len);
	return same_access(&res, &want, a->at);
}

/* What lies behind the end of a file, in its last page, which is mapped somewhere:
 * a place of the arena; -1: there is none. */
static int64_t place_behind(const struct both *b, const struct deed *a)
{
	for (int64_t i = 0; i < DUMB_PAGES; i++) {
		const struct dumb_page *page =
			&b->sp->page[(a->first + i) % DUMB_PAGES];
		const struct object *o =
			&b->d->object[page->shared ? page->object : 0];

		if (page->mapped && page->shared && o->kind != OBJECT_ANON &&
		    o->size / PAGE_SIZE == page->index && o->size % PAGE_SIZE)
			return (a->first + i) % DUMB_PAGES * (int64_t)PAGE_SIZE +
			       (int64_t)(o->size % PAGE_SIZE);
	}
	return -1;
}

static bool do_store_behind(struct both *b, struct deed a)
{
	const int64_t at = place_behind(b, &a);
	uint64_t room;

	if (at < 0)
		return true;
	room = PAGE_SIZE - (uint64_t)at % PAGE_SIZE;
	a.at = (uint64_t)at + a.at % room;
	a.len = 1 + a.len % (PAGE_SIZE - a.at % PAGE_SIZE);
	return do_store(b, &a);
}

/* ---- files ---- */

static bool do_write(struct both *b, const struct deed *a, bool here)
{
	const struct dumb_file *f = &b->sp->file[a->file];
	uint64_t *position = &b->d->position[f->position];
	const uint64_t at = here ? *position : a->at;
	struct op op = { .code = here ? OP_WRITE : OP_PWRITE, .data = buf,
			 .data_len = a->len };

	if (at + a->len > OBJECT_BYTES)
		return true;
	if (here)
		op.write = (struct op_write){ f->fd, NO_BUFFER, 0 };
	else
		op.pwrite = (struct op_pwrite){ f->fd, at, NO_BUFFER, 0 };
	make_bytes(a);
	dumb_pwrite(b->d, f->object, at, expected, a->len);
	if (here)
		*position += a->len;
	return run(b, op).ret == (int64_t)a->len;
}

static bool do_read(struct both *b, const struct deed *a)
{
	const struct dumb_file *f = &b->sp->file[a->file];
	uint64_t *position = &b->d->position[f->position];
	const uint64_t want = dumb_pread(b->d, f->object, *position, expected, a->len);

	*position += want;
	return run(b, (struct op){ .code = OP_READ, .buf = buf,
		.read = { f->fd, a->len, NO_BUFFER } }).ret == (int64_t)want &&
	       same_bytes(buf, expected, want);
}

/* From memory that is no object's; and, below, into such. */
static bool do_write_from(struct both *b, const struct deed *a)
{
	const struct dumb_file *f = &b->sp->file[a->file];
	const uint64_t from = a->first * PAGE_SIZE + a->byte;
	const uint64_t room = DUMB_PAGES * PAGE_SIZE - from;
	const uint64_t len = a->len < room ? a->len : room;

	if (a->at + len > OBJECT_BYTES ||
	    !dumb_is_plain(b->sp, from, len, PROT_READ))
		return true;
	dumb_load(b->d, b->sp, from, expected, len);
	dumb_pwrite(b->d, f->object, a->at, expected, len);
	return run(b, (struct op){ .code = OP_PWRITE, .pwrite = {
		f->fd, a->at, place(from), len } }).ret == (int64_t)len;
}

static bool do_read_into(struct both *b, const struct deed *a)
{
	const struct dumb_file *f = &b->sp->file[a->file];
	const uint64_t to = a->first * PAGE_SIZE + a->byte;
	const uint64_t room = DUMB_PAGES * PAGE_SIZE - to;
	const uint64_t len = a->len < room ? a->len : room;
	uint64_t got;

	if (!dumb_is_plain(b->sp, to, len, PROT_WRITE))
		return true;
	got = dumb_pread(b->d, f->object, a->at, expected, len);
	if (run(b, (struct op){ .code = OP_PREAD, .pread = {
		f->fd, len, a->at, place(to) } }).ret != (int64_t)got)
		return false;
	return dumb_store(b->d, b->sp, to, expected, got).done == got;
}

static bool do_size(struct both *b, const struct deed *a)
{
	const struct dumb_file *f = &b->sp->file[a->file];

	switch (a->kind) {
	case DO_seek:
		b->d->position[f->position] = a->at;
		return run(b, (struct op){ .code = OP_LSEEK, .lseek = {
			f->fd, a->at, SEEK_SET } }).ret == (int64_t)a->at;
	case DO_truncate:
		dumb_truncate(b->d, f->object, a->at);
		return run(b, (struct op){ .code = OP_FTRUNCATE, .ftruncate = {
			f->fd, a->at } }).ret == 0;
	default:
		return run(b, (struct op){ .code = OP_FSYNC, .fsync = {
			f->fd } }).ret == 0;
	}
}

/* A memfd is a new one each time, a file is the one of that name. */
static bool open_file(struct both *b, int file, int64_t fd)
{
	struct op op = { .code = OP_MEMFD_CREATE, .memfd_create = { "m", 0 } };
	const int position = dumb_position(b->d);
	int object = b->named[file];

	if (object < 0)
		object = dumb_object(b->d, file ? OBJECT_DISK : OBJECT_MEMFD, 0);
	if (object < 0 || position < 0)
		abort();
	if (file) {
		op = (struct op){ .code = OP_OPEN, .path = paths[file],
				  .path_len = strlen(paths[file]),
				  .open = { O_RDWR | O_CREAT, 0644 } };
		b->named[file] = object;
	}
	b->sp->file[file] = (struct dumb_file){ fd, object, position };
	return run(b, op).ret == fd;
}

static bool do_reopen(struct both *b, const struct deed *a)
{
	const int64_t fd = b->sp->file[a->file].fd;

	if (b->d->objects == DUMB_OBJECTS || b->d->positions == DUMB_POSITIONS)
		return true;
	return run(b, (struct op){ .code = OP_CLOSE, .close = { fd } }).ret == 0 &&
	       open_file(b, (int)a->file, fd);
}

static bool do_unlink(struct both *b, const struct deed *a)
{
	const char *path = paths[a->file];
	const int64_t want = b->named[a->file] < 0 ? -ENOENT : 0;

	if (!path)
		return true;
	b->named[a->file] = -1;
	return run(b, (struct op){ .code = OP_UNLINK, .path = path,
				   .path_len = strlen(path) }).ret == want;
}

/* ---- the machine and its programs ---- */

static struct dumb_space *free_space(struct dumb *d)
{
	for (int i = 0; i < DUMB_SPACES; i++)
		if (!d->space[i].pid)
			return &d->space[i];
	return NULL;
}

/* One of those that live; at least one does. */
static struct dumb_space *pick_space(struct dumb *d, uint32_t who)
{
	while (!d->space[who % DUMB_SPACES].pid)
		who++;
	return &d->space[who % DUMB_SPACES];
}

static bool do_fork(struct both *b)
{
	struct dumb_space *child = free_space(b->d);
	int64_t pid;

	if (!child)
		return true;
	pid = host_fork(b->m, b->sp->pid, 0);
	if (pid <= 0)
		return false;
	dumb_fork(b->sp, child, (uint32_t)pid);
	return true;
}

static bool do_exit(struct both *b)
{
	int living = 0;

	for (int i = 0; i < DUMB_SPACES; i++)
		living += b->d->space[i].pid != 0;
	if (living == 1)
		return true;
	host_exit(b->m, b->sp->pid);
	dumb_exit(b->sp);
	return true;
}

static void set(struct machine *m, uint32_t id, uint64_t value)
{
	host_run(m, &(struct op){ .code = OP_SYSCTL, .sysctl = { id, value } });
}

/* @at, where it is counted from the end of the file: that end, or within two pages
 * of it. */
static struct deed resolve(const struct both *b, struct deed a)
{
	const int64_t around = 2 * (int64_t)PAGE_SIZE, most = OBJECT_BYTES - 1;
	int64_t at = (int64_t)b->d->object[b->sp->file[a.file].object].size;

	if (!a.near)
		return a;
	if (a.at % 3)
		at += (int64_t)a.at % (2 * around) - around;
	at = at < 0 ? 0 : at < most ? at : most;
	a.at = (uint64_t)at;
	if (a.at + a.len > OBJECT_BYTES)
		a.len = OBJECT_BYTES - a.at;
	return a;
}

static bool do_call(struct both *b, const struct deed *a)
{
	switch (a->kind) {
	case DO_map_anon:
	case DO_map_file:
		return do_map(b, a);
	case DO_store:
		return do_store(b, a);
	case DO_store_behind:
		return do_store_behind(b, *a);
	case DO_load:
		return do_load(b, a->at, a->len);
	case DO_write:
	case DO_pwrite:
		return do_write(b, a, a->kind == DO_write);
	case DO_read:
		return do_read(b, a);
	case DO_pread:
		return do_pread(b, &b->sp->file[a->file], a->at, a->len);
	case DO_write_from:
		return do_write_from(b, a);
	case DO_read_into:
		return do_read_into(b, a);
	case DO_seek:
	case DO_truncate:
	case DO_fsync:
		return do_size(b, a);
	case DO_unlink:
		return do_unlink(b, a);
	case DO_reopen:
		return do_reopen(b, a);
	case DO_fork:
		return do_fork(b);
	case DO_exit:
		return do_exit(b);
	case DO_drop_caches:
		set(b->m, SYSCTL_drop_caches, 3);
		return true;
	case DO_tick:
		host_run(b->m, &(struct op){ .code = OP_TICK, .tick = { a->at } });
		return true;
	default:
		return do_range(b, a);
	}
}

static bool do_deed(struct both *b, const struct deed *deed)
{
	struct deed a;

	b->sp = pick_space(b->d, deed->who);
	a = resolve(b, *deed);
	return do_call(b, &a);
}

/* A machine with one program, which has a memfd and two files, all empty. */
static bool begin(struct both *b)
{
	bool same = true;

	*b = (struct both){ .m = host_machine_new(&config), .d = dumb_new(),
			    .named = { -1, -1, -1 } };
	set(b->m, SYSCTL_read_ahead_kb, read_ahead_kb);
	set(b->m, SYSCTL_dirty_ratio, dirty_ratio);
	set(b->m, SYSCTL_dirty_background_ratio, dirty_background_ratio);
	b->sp = &b->d->space[0];
	b->sp->pid = host_spawn(b->m);
	for (int i = 0; i < DUMB_FILES; i++)
		same &= open_file(b, i, FIRST_FD + i);
	return same;
}

/* Every deed on both sides; false at the first difference. */
static bool agree(const void *deeds, int nr)
{
	struct both b;
	const bool same = begin(&b);

	difference = same ? NULL : "what it begins with";
	for (int i = 0; !difference && i < nr; i++) {
		if (!do_deed(&b, (const struct deed *)deeds + i))
			difference = "what the last one gives";
		else if (!look(&b))
			difference = "the bytes after the last one";
		else if ((i % CHECK_EVERY == 0 || i == nr - 1) &&
			 mm_check(b.m, NULL, NULL))
			difference = "a law after the last one";
	}
	host_machine_free(b.m);
	dumb_free(b.d);
	return !difference;
}

/* ---- chance ---- */

static enum kind random_kind(void)
{
	static const uint8_t odds[NR_KINDS] = {
#define X(name, odds) odds,
		KINDS(X)
#undef X
	};
	uint32_t sum = 0, at;
	int kind = 0;

	for (int i = 0; i < NR_KINDS; i++)
		sum += odds[i];
	for (at = pick(sum); at >= odds[kind]; at -= odds[kind++])
		;
	return (enum kind)kind;
}

/* Below @end: anywhere, a border of pages, or beside one. */
static uint64_t random_offset(uint64_t end)
{
	const uint64_t border = pick((uint32_t)(end / PAGE_SIZE)) * PAGE_SIZE;

	switch (pick(4)) {
	case 0:
		return border;
	case 1:
		return border + pick(16);
	case 2:
		return border ? border - 1 - pick(16) : border;
	default:
		return pick((uint32_t)end);
	}
}

/* Few bytes, a page or so, or as many as there may be; or whole pages. */
static uint64_t random_length(void)
{
	switch (pick(4)) {
	case 0:
		return 1 + pick(40);
	case 1:
		return 1 + pick(2 * PAGE_SIZE);
	case 2:
		return 1 + pick(MOST);
	default:
		return (1 + pick(MOST / PAGE_SIZE)) * PAGE_SIZE;
	}
}

static struct deed random_deed(void)
{
	static const uint8_t prots[] = { PROT_READ, PROT_NONE, PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE };
	struct deed a = { .kind = random_kind() };

	a.who = pick(1000);
	a.file = pick(DUMB_FILES);
	a.first = pick(DUMB_PAGES);
	a.count = 1 + pick(DUMB_PAGES - a.first < 24 ? DUMB_PAGES - a.first : 24);
	a.index = pick(OBJECT_PAGES - a.count);
	a.prot = prots[pick(sizeof(prots))];
	a.byte = (uint8_t)pick(256);
	a.shared = pick(5) < 3;
	if (a.kind == DO_tick) {
		a.at = 1 + pick(40 * HZ);
	} else if (a.kind == DO_store || a.kind == DO_load) {
		a.at = random_offset(DUMB_PAGES * PAGE_SIZE);
		a.len = 1 + pick(pick(2) ? 40 : 3 * PAGE_SIZE);
		if (a.at + a.len > DUMB_PAGES * PAGE_SIZE)
			a.len = DUMB_PAGES * PAGE_SIZE - a.at;
	} else {
		a.at = random_offset(OBJECT_BYTES);
		a.len = random_length();
		a.near = pick(4) == 0;
		if (a.kind != DO_write && a.at + a.len > OBJECT_BYTES)
			a.len = OBJECT_BYTES - a.at;
	}
	return a;
}

/* Small disks, files that are read ahead or not, and dirty pages that may wait or
 * may not. */
static void random_world(uint32_t run)
{
	static const uint16_t ahead[] = { 128, 0, 16, 1024 };

	config = mm_config_default();
	config.arch = run % NR_ARCHS;
	config.ram = 64ULL << 20;
	config.disk = 32ULL << 20;
	read_ahead_kb = ahead[pick(4)];
	dirty_ratio = pick(2) ? 20 : pick(2);
	dirty_background_ratio = pick(2) ? 10 : 0;
}

static void print_deeds(const struct deed *deeds, int nr)
{
	printf("  read_ahead_kb=%u dirty_ratio=%u dirty_background_ratio=%u\n",
	       (unsigned int)read_ahead_kb, (unsigned int)dirty_ratio,
	       (unsigned int)dirty_background_ratio);
	for (int i = 0; i < nr; i++)
		printf("  %s who=%u file=%u page=%u count=%u index=%u at=%llu len=%llu "
		       "prot=%u byte=%u%s%s\n",
		       names[deeds[i].kind], deeds[i].who, deeds[i].file,
		       deeds[i].first, deeds[i].count, deeds[i].index,
		       (unsigned long long)deeds[i].at,
		       (unsigned long long)deeds[i].len, deeds[i].prot,
		       deeds[i].byte, deeds[i].shared ? " shared" : "",
		       deeds[i].near ? " near" : "");
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t runs = argc > 2 ? strtoull(argv[2], NULL, 0) : RUNS;

	for (uint64_t i = 0; i < runs; i++) {
		struct deed deeds[DEEDS];
		int nr;

		pick_seed(seed + i);
		random_world((uint32_t)(seed + i));
		for (nr = 0; nr < DEEDS; nr++)
			deeds[nr] = random_deed();
		if (agree(deeds, nr))
			continue;
		nr = shrink(deeds, nr, sizeof(deeds[0]), agree);
		agree(deeds, nr);
		printf("seed %llu (%s): the machine and the model differ in %s\n",
		       (unsigned long long)(seed + i),
		       arch_find(config.arch)->name, difference);
		print_deeds(deeds, nr);
		return EXIT_FAILURE;
	}
	printf("%llu runs of %d deeds from seed %llu: no difference\n",
	       (unsigned long long)runs, DEEDS, (unsigned long long)seed);
	return EXIT_SUCCESS;
}
