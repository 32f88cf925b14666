/* SPDX-License-Identifier: MIT */
/*
 * process_vm_readv, process_vm_writev: from one program's memory to another's,
 * without a stop in between. The two sides differ. The other process's pages are
 * faulted in by the kernel as their mappings permit and held, up to 1,024 at a
 * time; if one cannot be had, only those before it are used. The caller's own
 * memory is read or written as by any system call: its stack grows, and a copy
 * that fails ends at the very byte. All faults count for the caller.
 */
#include "mmcore/arch/arch.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/uio.h"

#define PAGES_AT_A_TIME 1024	/* two pages of pointers in Linux */

/* The caller's side, and how far it has come. */
struct local_iter {
	const struct op_iovec *vec;
	uint64_t offset;	/* in *vec */
	uint64_t count;		/* bytes left */
	bool to_remote;
};

static bool all_empty(const struct op_iov *iov)
{
	for (uint64_t i = 0; i < iov->nr; i++)
		if (iov->vec[i].len)
			return false;
	return true;
}

/* ptrace_may_access(): with a capability, or over whom has none either. */
static bool may_access(const struct step *s, task_ref task)
{
	return mm_same(task_at(s->m, task)->mm, current_mm(s)) || capable(s) ||
	       !(task_at(s->m, task)->flags & PF_PRIVILEGED);
}

/* Between a held frame and the caller's memory: bytes that were copied. */
static uint64_t copy_page(struct step *s, struct local_iter *it, pfn_t pfn,
			  uint64_t offset, uint64_t n)
{
	const uint64_t pa = pfn_to_pa(pfn) + offset;
	uint64_t done = 0;

	while (done < n && it->count) {
		const uint64_t base = it->vec->base + it->offset;
		const uint64_t room = it->vec->len - it->offset;
		uint64_t len = n - done < room ? n - done : room, left;

		if (len > it->count)
			len = it->count;
		left = it->to_remote
			? copy_from_user(s, ram_mut(s, pa + done), base, len)
			: copy_to_user(s, base, ram_at(s->m, pa + done), len);
		done += len - left;
		it->count -= len - left;
		it->offset += len - left;
		if (left)
			break;
		if (it->offset == it->vec->len) {
			it->vec++;
			it->offset = 0;
		}
	}
	return done;
}

/* process_vm_rw_pages(): false, the caller's side failed. */
static bool copy_pages(struct step *s, struct local_iter *it,
		       const pfn_t *pages, uint64_t offset, uint64_t len)
{
	while (len && it->count) {
		uint64_t n = PAGE_SIZE - offset, done;

		if (n > len)
			n = len;
		done = copy_page(s, it, *pages++, offset, n);
		len -= done;
		if (done < n && it->count)
			return false;
		offset = 0;
	}
	return true;
}

/* process_vm_rw_single_vec(): one range of the other process. */
static bool copy_range(struct step *s, struct local_iter *it, mm_ref mm,
		       const struct op_iovec *range)
{
	pfn_t pages[PAGES_AT_A_TIME];
	uint64_t addr = range->base, len = range->len;
	bool good = true;

	while (good && len && it->count) {
		const uint64_t offset = addr & ~PAGE_MASK;
		uint64_t nr = ((addr + len - 1) >> PAGE_SHIFT) -
			      (addr >> PAGE_SHIFT) + 1;
		uint64_t bytes;

		if (nr > PAGES_AT_A_TIME)
			nr = PAGES_AT_A_TIME;
		nr = pin_user_pages_remote(s, mm, addr & PAGE_MASK, nr,
					   it->to_remote, pages);
		if (!nr)
			return false;
		bytes = (nr << PAGE_SHIFT) - offset;
		if (bytes > len)
			bytes = len;
		good = copy_pages(s, it, pages, offset, bytes);
		unpin_user_pages(s, pages, nr, it->to_remote);
		addr += bytes;
		len -= bytes;
	}
	return good;
}

/* Order of checks: mm/process_vm_access.c process_vm_rw(), 6.18. */
static int64_t process_vm_rw(struct step *s, uint32_t pid,
			     const struct op_iov *local,
			     const struct op_iov *remote, bool write)
{
	struct local_iter it = { .vec = local->vec, .to_remote = write };
	const int64_t total = import_iovec(s, local);
	bool good = true;
	task_ref task;
	int64_t done;

	if (total <= 0)
		return total;
	done = check_iov(s, remote);
	if (done || all_empty(remote))
		return done;
	task = mm_find_task(s->m, pid);
	if (task_none(task))
		return refuse(s, ESRCH, "there is no process remote_pid");
	if (!may_access(s, task))
		return refuse(s, EPERM, "the other process has capabilities, the caller has none");
	it.count = (uint64_t)total;
	for (uint64_t i = 0; i < remote->nr && it.count && good; i++)
		good = copy_range(s, &it, task_at(s->m, task)->mm,
				  &remote->vec[i]);
	done = total - (int64_t)it.count;
	trace_event(s, process_vm_rw, pid, write, (uint64_t)done);
	s->res->why = NULL;
	return done || good ? done
			    : refuse(s, EFAULT, "the first page cannot be accessed");
}

int64_t sys_process_vm_readv(struct step *s, const struct op_process_vm_readv *a,
			     const struct op_iov *local,
			     const struct op_iov *remote)
{
	return process_vm_rw(s, a->remote_pid, local, remote, false);
}

int64_t sys_process_vm_writev(struct step *s, const struct op_process_vm_writev *a,
			      const struct op_iov *local,
			      const struct op_iov *remote)
{
	return process_vm_rw(s, a->remote_pid, local, remote, true);
}
