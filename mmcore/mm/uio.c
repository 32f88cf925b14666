/* SPDX-License-Identifier: MIT */
#include "mmcore/mm/uio.h"

#include <string.h>

#include "mmcore/kernel/task.h"

/* ---- one access after the other ---- */

struct walker walker_for(const struct arch *a, enum access_kind kind)
{
	struct walker w = {
		.need = a->present | a->user,
		.mark = a->accessed,
	};

	if (kind == ACCESS_READ) {
		w.need |= a->read;
	} else if (kind == ACCESS_WRITE) {
		w.need |= a->write;
		w.mark |= a->dirty;
		w.fault_flags = FAULT_FLAG_WRITE;
	} else if (kind == ACCESS_EXEC) {
		w.need |= a->exec;
		w.none = a->noexec;
		w.fault_flags = FAULT_FLAG_INSTRUCTION;
	}
	return w;
}

/* A walker for the kernel, which copies for the program. */
static struct walker copier_for(const struct arch *a, enum access_kind kind)
{
	struct walker w = walker_for(a, kind);

	w.fault_flags |= FAULT_FLAG_KERNEL_COPY;
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

pfn_t user_page(struct step *s, struct walker *w, uint64_t addr,
		struct access_fault *fault)
{
	mm_poll(s->m, 1);
	for (;;) {
		const pfn_t pfn = mapped_page(s, w, addr);

		if (pfn)
			return pfn;
		*fault = do_page_fault(s, addr, w->fault_flags);
		if (fault->signo)
			return 0;
	}
}

/* ---- copies of a system call ---- */

/*
 * What a system call reads and what it writes may be the same page: a file is written
 * from its own mapping, or from a pipe that holds its page. The CPU then copies byte by
 * byte, upwards, and what it wrote may be what it reads next: "rep movsb" on x86 with
 * FSRM, as Linux 6.18 was seen to do for read, write and splice.
 */
static void copy_upwards(uint8_t *to, const uint8_t *from, uint64_t n)
{
	const uint64_t apart = (uintptr_t)to - (uintptr_t)from;

	for (; apart && apart < n; n -= apart, to += apart, from += apart)
		memcpy(to, from, apart);
	if (apart)
		memmove(to, from, n);
}

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

		mm_poll(s->m, 1);
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
	struct walker w = copier_for(s->m->arch, ACCESS_WRITE);
	const uint8_t *bytes = from;
	struct access_fault fault;
	uint64_t done = 0, len;

	for (; done < n; done += len) {
		pfn_t pfn = user_page(s, &w, to + done, &fault);

		if (!pfn)
			break;
		len = piece(to + done, n - done);
		copy_upwards((uint8_t *)ram_mut(s, pfn_to_pa(pfn)) +
			((to + done) & ~PAGE_MASK), bytes + done, len);
	}
	return n - done;
}

uint64_t copy_from_user(struct step *s, void *to, uint64_t from, uint64_t n)
{
	struct walker w = copier_for(s->m->arch, ACCESS_READ);
	uint8_t *bytes = to;
	struct access_fault fault;
	uint64_t done = 0, len;

	for (; done < n; done += len) {
		pfn_t pfn = user_page(s, &w, from + done, &fault);

		if (!pfn)
			break;
		len = piece(from + done, n - done);
		copy_upwards(bytes + done, (const uint8_t *)
			ram_at(s->m, pfn_to_pa(pfn)) +
			((from + done) & ~PAGE_MASK), len);
	}
	return n - done;
}

uint64_t copy_from_user_atomic(struct step *s, void *to, uint64_t from,
			       uint64_t n)
{
	struct walker w = copier_for(s->m->arch, ACCESS_READ);
	uint8_t *bytes = to;
	uint64_t done = 0, len;

	for (; done < n; done += len) {
		const pfn_t pfn = mapped_page(s, &w, from + done);

		if (!pfn)
			break;
		len = piece(from + done, n - done);
		copy_upwards(bytes + done, (const uint8_t *)
			ram_at(s->m, pfn_to_pa(pfn)) +
			((from + done) & ~PAGE_MASK), len);
	}
	return n - done;
}

uint64_t fault_in_readable(struct step *s, uint64_t from, uint64_t n)
{
	struct walker w = copier_for(s->m->arch, ACCESS_READ);
	struct access_fault fault;
	uint64_t done = 0;

	while (done < n && user_page(s, &w, from + done, &fault))
		done += piece(from + done, n - done);
	return n - done;
}

/* ---- arrays of ranges ---- */

/* Is a range of the caller's in user space? */
static bool range_ok(const struct machine *m, uint64_t base, uint64_t len)
{
	const uint64_t max = m->arch->user_ptr_max;

	return base <= max && len <= max - base;
}

int64_t check_iov(struct step *s, const struct op_iov *iov)
{
	if (iov->nr > UIO_MAXIOV)
		return refuse(s, EINVAL, "an iov array has more than 1024 entries");
	for (uint64_t i = 0; i < iov->nr; i++)
		if (iov->vec[i].len > s->m->arch->ulong_max / 2)
			return refuse(s, EINVAL, "the length of an iov entry is negative");
	return 0;
}

int64_t import_iovec(struct step *s, const struct op_iov *iov)
{
	uint64_t total = 0;
	int64_t err = check_iov(s, iov);

	if (err)
		return err;
	for (uint64_t i = 0; i < iov->nr; i++) {
		uint64_t len = iov->vec[i].len;

		/* One range alone is cut before it is looked at. */
		if (iov->nr == 1 && len > MAX_RW_COUNT)
			len = MAX_RW_COUNT;
		if (!range_ok(s->m, iov->vec[i].base, len))
			return refuse(s, EFAULT, "a range of the iov array is not in user space");
		total += len < MAX_RW_COUNT - total ? len : MAX_RW_COUNT - total;
	}
	return (int64_t)total;
}

/* ---- buffers ---- */

uint64_t buffer_put(struct step *s, struct user_buffer *to, const void *from,
		    uint64_t n)
{
	uint64_t left = 0;

	if (to->bytes) {
		copy_upwards(to->bytes, from, n);
		to->bytes += n;
	} else {
		left = copy_to_user(s, to->addr, from, n);
		to->addr += n - left;
	}
	return left;
}

uint64_t buffer_get(struct step *s, struct user_buffer *from, void *to,
		    uint64_t n)
{
	uint64_t left = 0;

	if (from->bytes) {
		copy_upwards(to, from->bytes, n);
		from->bytes += n;
	} else {
		left = copy_from_user(s, to, from->addr, n);
		from->addr += n - left;
	}
	return left;
}

uint64_t buffer_get_atomic(struct step *s, struct user_buffer *from, void *to,
			   uint64_t n)
{
	uint64_t left;

	if (from->bytes)
		return n - buffer_get(s, from, to, n);
	left = copy_from_user_atomic(s, to, from->addr, n);
	from->addr += n - left;
	return n - left;
}

bool buffer_fault_in(struct step *s, const struct user_buffer *from, uint64_t n)
{
	return !from->bytes && fault_in_readable(s, from->addr, n) < n;
}

uint64_t buffer_put_page(struct step *s, struct user_buffer *to, pfn_t pfn,
			 uint64_t offset, uint64_t n)
{
	const void *from = (const uint8_t *)ram_at(s->m, pfn_to_pa(pfn)) + offset;
	uint64_t left;

	if (to->bytes || pfn == kernel_at(s->m)->zero_pfn)
		return buffer_put(s, to, from, n);
	get_page(s, pfn);
	left = buffer_put(s, to, from, n);
	put_page(s, pfn);
	return left;
}
