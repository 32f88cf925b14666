/* SPDX-License-Identifier: MIT */
/*
 * What a program's own instructions do: the simulated CPU. It walks the page
 * tables, sets accessed and dirty bits, and where an entry does not permit the
 * access it faults and tries again, one page at a time.
 */
#include <string.h>

#include "mmcore/kernel/task.h"
#include "mmcore/mm/memory.h"

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

/* The PTE the last access used: the next page's is likely its neighbour. */
struct walker {
	enum access_kind kind;
	uint64_t need, none;	/* entry bits that must be set, must be clear */
	uint64_t mark;		/* bits the CPU sets */
	uint64_t addr, pte_pa;	/* page aligned; 0: nowhere yet */
};

static struct walker walker_for(const struct arch *a, enum access_kind kind)
{
	struct walker w = {
		.kind = kind,
		.need = a->present | a->user,
		.mark = a->accessed,
	};

	if (kind == ACCESS_READ) {
		w.need |= a->read;
	} else if (kind == ACCESS_WRITE) {
		w.need |= a->write;
		w.mark |= a->dirty;
	} else if (kind == ACCESS_EXEC) {
		w.need |= a->exec;
		w.none = a->noexec;
	}
	return w;
}

static uint64_t walker_pte(const struct machine *m, const struct mm_struct *mm,
			   struct walker *w, uint64_t addr)
{
	const struct arch_level *last = &m->arch->level[m->arch->nr_levels - 1];

	/* A table that was there may have been filled; it is never freed. */
	if (w->pte_pa && addr == w->addr + PAGE_SIZE &&
	    addr >> last->shift & ((1ULL << last->bits) - 1))
		w->pte_pa += 1ULL << m->arch->entry_shift;
	else if (!w->pte_pa || addr != w->addr)
		w->pte_pa = addr < m->arch->task_size
				    ? pte_lookup(m, mm, addr) : 0;
	w->addr = addr;
	return w->pte_pa;
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

/* The frame that the current process accesses, or 0: it would fault. */
static inline pfn_t mapped_page(struct step *s, struct walker *w, uint64_t addr)
{
	const mm_ref mm = current_mm(s);
	const uint64_t pte_pa = walker_pte(s->m, mm_at(s->m, mm), w,
					   addr & PAGE_MASK);
	const pte_t pte = pte_pa ? entry_read(s->m, pte_pa) : 0;

	if ((pte & w->need) != w->need || pte & w->none)
		return 0;
	if ((pte & w->mark) != w->mark)
		set_pte(s, pte_pa, pte | w->mark);
	return pte_pfn(s->m, pte);
}

/**
 * user_page - one access of the current process
 * @w:     walker of this run of accesses
 * @addr:  byte address
 * @fault: filled in where the access is not to be
 *
 * Returns: the frame accessed, or 0.
 */
static pfn_t user_page(struct step *s, struct walker *w, uint64_t addr,
		       struct access_fault *fault)
{
	for (;;) {
		const pfn_t pfn = mapped_page(s, w, addr);

		if (pfn)
			return pfn;
		*fault = do_page_fault(s, addr, w->kind);
		if (fault->signo)
			return 0;
	}
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

/* Bytes from @addr to the end of its page, at most @left. */
static uint64_t piece(uint64_t addr, uint64_t left)
{
	uint64_t room = PAGE_SIZE - (addr & ~PAGE_MASK);

	return room < left ? room : left;
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

/* ---- what the kernel does to a program's memory for it ---- */

/* Bytes from @addr to the end of what the VMA, or its object, has of it. */
static uint64_t readable_in(const struct machine *m,
			    const struct vm_area_struct *vma, uint64_t addr)
{
	uint64_t end = vma->vm_end;

	if (!(vma->vm_flags & VM_ACCESS_FLAGS))
		return 0;
	if (!file_none(vma->vm_file)) {
		const uint64_t size = PAGE_ALIGN(inode_at(m, file_at(m,
				vma->vm_file)->f_inode)->i_size);
		const uint64_t from = vma->vm_pgoff << PAGE_SHIFT;
		const uint64_t last = vma->vm_start +
				      (size > from ? size - from : 0);

		end = last < end ? last : end;
	}
	return end > addr ? end - addr : 0;
}

/* Will the stack grow to @addr? acct_stack_growth() */
static bool stack_reaches(const struct step *s,
			  const struct vm_area_struct *vma, uint64_t addr)
{
	return vma->vm_flags & VM_GROWSDOWN &&
	       vma->vm_end - (addr & PAGE_MASK) <= rlimit(s, RLIMIT_STACK);
}

uint64_t user_readable(const struct step *s, uint64_t addr, uint64_t n)
{
	uint64_t done = 0;

	while (done < n) {
		vma_ref ref = vma_lookup(s->m, current_mm(s), addr + done);
		const struct vm_area_struct *vma;
		uint64_t len = 0;

		if (vma_none(ref))
			break;
		vma = vma_at(s->m, ref);
		if (vma->vm_start <= addr + done)
			len = readable_in(s->m, vma, addr + done);
		else if (stack_reaches(s, vma, addr + done))
			len = vma->vm_start - addr - done;
		if (!len)
			break;
		done += len;
	}
	return done < n ? done : n;
}

uint64_t copy_to_user(struct step *s, uint64_t to, const void *from, uint64_t n)
{
	struct walker w = walker_for(s->m->arch, ACCESS_WRITE);
	const uint8_t *bytes = from;
	struct access_fault fault;
	uint64_t done = 0, len;

	s->copying = true;
	for (; done < n; done += len) {
		pfn_t pfn = user_page(s, &w, to + done, &fault);

		if (!pfn)
			break;
		len = piece(to + done, n - done);
		memmove((uint8_t *)ram_mut(s, pfn_to_pa(pfn)) +
			((to + done) & ~PAGE_MASK), bytes + done, len);
	}
	s->copying = false;
	return n - done;
}

uint64_t copy_from_user(struct step *s, void *to, uint64_t from, uint64_t n)
{
	struct walker w = walker_for(s->m->arch, ACCESS_READ);
	uint8_t *bytes = to;
	struct access_fault fault;
	uint64_t done = 0, len;

	s->copying = true;
	for (; done < n; done += len) {
		pfn_t pfn = user_page(s, &w, from + done, &fault);

		if (!pfn)
			break;
		len = piece(from + done, n - done);
		memmove(bytes + done, (const uint8_t *)
			ram_at(s->m, pfn_to_pa(pfn)) +
			((from + done) & ~PAGE_MASK), len);
	}
	s->copying = false;
	return n - done;
}

uint64_t copy_from_user_atomic(struct step *s, void *to, uint64_t from,
			       uint64_t n)
{
	struct walker w = walker_for(s->m->arch, ACCESS_READ);
	uint8_t *bytes = to;
	uint64_t done = 0, len;

	for (; done < n; done += len) {
		const pfn_t pfn = mapped_page(s, &w, from + done);

		if (!pfn)
			break;
		len = piece(from + done, n - done);
		memmove(bytes + done, (const uint8_t *)
			ram_at(s->m, pfn_to_pa(pfn)) +
			((from + done) & ~PAGE_MASK), len);
	}
	return n - done;
}

uint64_t fault_in_readable(struct step *s, uint64_t from, uint64_t n)
{
	struct walker w = walker_for(s->m->arch, ACCESS_READ);
	struct access_fault fault;
	uint64_t done = 0;

	s->copying = true;
	while (done < n && user_page(s, &w, from + done, &fault))
		done += piece(from + done, n - done);
	s->copying = false;
	return n - done;
}
