/* SPDX-License-Identifier: MIT */
/*
 * What a program's own instructions do: the simulated CPU. It walks the page
 * tables, sets accessed and dirty bits, and where an entry does not permit the
 * access it faults and tries again, one page at a time.
 */
#include <string.h>

#include "mmcore/kernel/task.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/uio.h"

int64_t sys_access_ok(struct step *s, const struct op_access_ok *a)
{
	const uint64_t max = s->m->arch->user_ptr_max;
	uint64_t end;

	trace_event(s, access_ok, a->addr, a->size, max);
	if (__builtin_add_overflow(a->addr, a->size, &end)) {
		s->res->why = "addr + size wraps around";
		return 0;
	}
	if (end > max) {
		s->res->why = "the range reaches above user space";
		return 0;
	}
	return 1;
}

/* Tells of a fatal fault at @addr; @done bytes had been accessed before. */
static void access_failed(struct step *s, const struct access_fault *fault,
			  uint64_t done)
{
	struct op_result *res = s->res;

	res->done = done;
	res->why = fault->why;
	if (fault->signo == SIGKILL) {
		res->outcome = OUT_ERRNO;
		res->err = ENOMEM;
		res->ret = -ENOMEM;
		return;
	}
	res->outcome = OUT_SIGNAL;
	res->signo = fault->signo;
	res->si_code = fault->si_code;
	res->fault_addr = fault->fault_addr;
}

/* The program's own access: a fatal fault is told; @done bytes came before. */
static pfn_t access_page(struct step *s, struct walker *w, uint64_t addr,
			 uint64_t done)
{
	struct access_fault fault;
	pfn_t pfn = user_page(s, w, addr, &fault);

	if (!pfn)
		access_failed(s, &fault, done);
	return pfn;
}

void mem_read(struct step *s, const struct op_mem_read *a, uint8_t *buf)
{
	struct walker w = walker_for(s->m->arch, ACCESS_READ);
	uint64_t done = 0, n;

	for (; done < a->len; done += n) {
		uint64_t addr = a->addr + done;
		pfn_t pfn = access_page(s, &w, addr, done);

		if (!pfn)
			return;
		n = piece(addr, a->len - done);
		memcpy(buf + done, (const uint8_t *)
		       ram_at(s->m, pfn_to_pa(pfn)) + (addr & ~PAGE_MASK), n);
	}
	s->res->done = done;
}

void mem_write(struct step *s, const struct op_mem_write *a,
	       const uint8_t *data, size_t len)
{
	struct walker w = walker_for(s->m->arch, ACCESS_WRITE);
	uint64_t done = 0, n;

	for (; done < len; done += n) {
		uint64_t addr = a->addr + done;
		pfn_t pfn = access_page(s, &w, addr, done);

		if (!pfn)
			return;
		n = piece(addr, len - done);
		memcpy((uint8_t *)ram_mut(s, pfn_to_pa(pfn)) +
		       (addr & ~PAGE_MASK), data + done, n);
	}
	s->res->done = done;
}

void mem_fill(struct step *s, const struct op_mem_fill *a)
{
	struct walker w = walker_for(s->m->arch, ACCESS_WRITE);
	uint64_t done = 0, n;

	for (; done < a->len; done += n) {
		uint64_t addr = a->addr + done;
		pfn_t pfn = access_page(s, &w, addr, done);

		if (!pfn)
			return;
		n = piece(addr, a->len - done);
		/* Zeros into a frame never written change nothing. */
		if (a->byte || !ram_frame_is_blank(s->m, pfn))
			memset((uint8_t *)ram_mut(s, pfn_to_pa(pfn)) +
			       (addr & ~PAGE_MASK), a->byte, n);
	}
	s->res->done = done;
}

void mem_touch(struct step *s, const struct op_mem_touch *a)
{
	struct walker w = walker_for(s->m->arch, (enum access_kind)a->access);
	uint64_t done = 0;

	for (; done < a->len; done += piece(a->addr + done, a->len - done))
		if (!access_page(s, &w, a->addr + done, done))
			return;
	s->res->done = done;
}
