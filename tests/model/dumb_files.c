/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "tests/model/dumb_files.h"

static const int16_t zeros[PAGE_SIZE];

static void *some(size_t bytes)
{
	void *p = calloc(1, bytes);

	if (!p)
		abort();
	return p;
}

struct dumb *dumb_new(void)
{
	return some(sizeof(struct dumb));
}

void dumb_free(struct dumb *d)
{
	for (int i = 0; i < DUMB_SPACES; i++)
		dumb_exit(&d->space[i]);
	for (int i = 0; i < d->objects; i++)
		free(d->object[i].byte);
	free(d);
}

int dumb_object(struct dumb *d, enum object_kind kind, uint64_t size)
{
	if (d->objects == DUMB_OBJECTS)
		return -1;
	d->object[d->objects] = (struct object){
		kind, size, some(OBJECT_BYTES * sizeof(int16_t))};
	return d->objects++;
}

int dumb_position(struct dumb *d)
{
	return d->positions < DUMB_POSITIONS ? d->positions++ : -1;
}

/* ---- pages ---- */

/* What a load finds: its own bytes, the object's, or zeros. */
static const int16_t *bytes_of(const struct dumb *d,
			       const struct dumb_page *page)
{
	if (page->own)
		return page->own;
	if (page->object < 0)
		return zeros;
	return d->object[page->object].byte + page->index * PAGE_SIZE;
}

static void forget(struct dumb_page *page)
{
	free(page->own);
	page->own = NULL;
}

void dumb_map(struct dumb_space *sp, uint32_t first, uint32_t count,
	      struct dumb_page like)
{
	dumb_unmap(sp, first, count);
	for (uint32_t i = 0; i < count; i++) {
		sp->page[first + i] = like;
		sp->page[first + i].index += i;
	}
}

void dumb_unmap(struct dumb_space *sp, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		forget(&sp->page[i]);
		sp->page[i] = (struct dumb_page){ 0 };
	}
}

int64_t dumb_protect(struct dumb_space *sp, uint32_t first, uint32_t count,
		     uint8_t prot)
{
	for (uint32_t i = first; i < first + count; i++) {
		if (!sp->page[i].mapped)
			return -ENOMEM;
		sp->page[i].prot = prot;
	}
	return 0;
}

/* Zeros of one page; what nobody promises, nobody promises now. */
static void punch(struct dumb *d, const struct dumb_page *page)
{
	const struct object *o = &d->object[page->object];

	for (uint64_t i = page->index * PAGE_SIZE, n = PAGE_SIZE; n--; i++)
		if (o->byte[i] != ANY)
			o->byte[i] = 0;
}

int64_t dumb_advise(struct dumb *d, struct dumb_space *sp, uint32_t first,
		    uint32_t count, uint32_t advice)
{
	int64_t ret = 0;

	for (uint32_t i = first; i < first + count; i++) {
		struct dumb_page *page = &sp->page[i];

		if (!page->mapped) {
			ret = -ENOMEM;
		} else if (advice == MADV_DONTNEED) {
			forget(page);
		} else if (advice == MADV_REMOVE) {
			if (!page->shared)
				return page->object < 0 ? -EINVAL : -EACCES;
			punch(d, page);
		}
	}
	return ret;
}

int64_t dumb_msync(const struct dumb_space *sp, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++)
		if (!sp->page[i].mapped)
			return -ENOMEM;
	return 0;
}

/* ---- accesses ---- */

/* 0, or the signal; *code is si_code. */
static int fault(const struct dumb *d, const struct dumb_page *page,
		 uint8_t prot, int *code)
{
	*code = page->mapped ? SEGV_ACCERR : SEGV_MAPERR;
	if (!page->mapped || !(page->prot & prot))
		return SIGSEGV;
	*code = BUS_ADRERR;
	if (page->object >= 0 && !page->own &&
	    page->index * PAGE_SIZE >= d->object[page->object].size)
		return SIGBUS;
	*code = 0;
	return 0;
}

static void store_byte(struct dumb *d, struct dumb_page *page, uint64_t at,
		       int16_t byte)
{
	const uint64_t pos = page->index * PAGE_SIZE + at;

	if (page->shared) {
		const struct object *o = &d->object[page->object];

		o->byte[pos] =
			o->kind == OBJECT_DISK && pos >= o->size ? ANY : byte;
		return;
	}
	if (!page->own) {
		int16_t *own = some(sizeof(zeros));

		memcpy(own, bytes_of(d, page), sizeof(zeros));
		page->own = own;
	}
	page->own[at] = byte;
}

struct dumb_access dumb_store(struct dumb *d, struct dumb_space *sp,
			      uint64_t at, const int16_t *bytes, uint64_t len)
{
	struct dumb_access a = { 0 };

	for (; a.done < len; a.done++, at++) {
		struct dumb_page *page = &sp->page[at / PAGE_SIZE];

		a.signo = fault(d, page, PROT_WRITE, &a.code);
		if (a.signo)
			break;
		store_byte(d, page, at % PAGE_SIZE, bytes[a.done]);
	}
	return a;
}

struct dumb_access dumb_load(const struct dumb *d, const struct dumb_space *sp,
			     uint64_t at, int16_t *bytes, uint64_t len)
{
	struct dumb_access a = { 0 };
	uint64_t n;

	for (; a.done < len; a.done += n, at += n) {
		const struct dumb_page *page = &sp->page[at / PAGE_SIZE];

		n = PAGE_SIZE - at % PAGE_SIZE;
		if (n > len - a.done)
			n = len - a.done;
		a.signo = fault(d, page, PROT_READ, &a.code);
		if (a.signo)
			break;
		memcpy(bytes + a.done, bytes_of(d, page) + at % PAGE_SIZE,
		       n * sizeof(*bytes));
	}
	return a;
}

bool dumb_is_plain(const struct dumb_space *sp, uint64_t at, uint64_t len,
		   uint8_t prot)
{
	for (uint64_t i = at / PAGE_SIZE; i <= (at + len - 1) / PAGE_SIZE;
	     i++) {
		const struct dumb_page *page = &sp->page[i];

		if (!page->mapped || !(page->prot & prot) ||
		    (page->object >= 0 && !page->own))
			return false;
	}
	return true;
}

/* ---- objects ---- */

/*
 * Behind a file of the disk lie zeros, whatever was stored there. A memfd has
 * no disk: what was stored is there when it grows.
 */
static void extend(struct object *o, uint64_t size)
{
	for (uint64_t i = o->size; o->kind == OBJECT_DISK && i < size; i++)
		o->byte[i] = 0;
	if (o->size < size)
		o->size = size;
}

void dumb_pwrite(struct dumb *d, int object, uint64_t at, const int16_t *bytes,
		 uint64_t len)
{
	struct object *o = &d->object[object];

	if (!len)
		return;
	extend(o, at);
	memcpy(o->byte + at, bytes, len * sizeof(*bytes));
	if (o->size < at + len)
		o->size = at + len;
}

uint64_t dumb_pread(const struct dumb *d, int object, uint64_t at,
		    int16_t *bytes, uint64_t len)
{
	const struct object *o = &d->object[object];

	if (at >= o->size)
		return 0;
	if (len > o->size - at)
		len = o->size - at;
	memcpy(bytes, o->byte + at, len * sizeof(*bytes));
	return len;
}

/* Private copies of what the file no longer has are gone, too. */
static void forget_behind(struct dumb *d, int object, uint64_t size)
{
	for (int i = 0; i < DUMB_SPACES * DUMB_PAGES; i++) {
		struct dumb_page *page =
			&d->space[i / DUMB_PAGES].page[i % DUMB_PAGES];

		if (page->mapped && page->object == object &&
		    page->index * PAGE_SIZE >= size)
			forget(page);
	}
}

/* To the size it has is no less a cut: what was stored behind the end goes. */
void dumb_truncate(struct dumb *d, int object, uint64_t size)
{
	struct object *o = &d->object[object];

	if (o->size < size) {
		extend(o, size);
		return;
	}
	o->size = size;
	memset(o->byte + size, 0, (OBJECT_BYTES - size) * sizeof(*o->byte));
	forget_behind(d, object, size);
}

/* ---- programs ---- */

void dumb_fork(const struct dumb_space *sp, struct dumb_space *child,
	       uint32_t pid)
{
	*child = *sp;
	child->pid = pid;
	for (int i = 0; i < DUMB_PAGES; i++) {
		struct dumb_page *page = &child->page[i];

		if (!page->own)
			continue;
		page->own = some(sizeof(zeros));
		memcpy(page->own, sp->page[i].own, sizeof(zeros));
	}
}

void dumb_exit(struct dumb_space *sp)
{
	dumb_unmap(sp, 0, DUMB_PAGES);
	sp->pid = 0;
}
