/* SPDX-License-Identifier: MIT */
#include "mmcore/mm/util.h"

#include "mmcore/kernel/calls.h"
#include "mmcore/kernel/task.h"
#include "mmcore/trace.h"

uint64_t total_swap_pages(const struct machine *m)
{
	(void)m;
	return 0;
}

uint64_t vm_commit_limit(const struct machine *m)
{
	const struct kernel *k = kernel_at(m);
	uint64_t pages;

	if (k->overcommit_kbytes)
		pages = k->overcommit_kbytes >> (PAGE_SHIFT - 10);
	else
		pages = k->totalram_pages * k->overcommit_ratio / 100;
	return pages + total_swap_pages(m);
}

/* What this process may bring the promises up to, in pages; may be negative. */
static int64_t strict_limit(const struct step *s, mm_ref mm)
{
	const struct kernel *k = kernel_at(s->m);
	int64_t allowed = (int64_t)vm_commit_limit(s->m);
	uint64_t reserve = k->user_reserve_kbytes >> (PAGE_SHIFT - 10);
	uint64_t share = mm_at(s->m, mm)->total_vm / 32;

	if (!capable(s))
		allowed -= (int64_t)(k->admin_reserve_kbytes >>
				     (PAGE_SHIFT - 10));
	return allowed - (int64_t)(share < reserve ? share : reserve);
}

static bool enough_memory(const struct step *s, mm_ref mm, uint64_t pages)
{
	const struct kernel *k = kernel_at(s->m);

	switch (k->overcommit_memory) {
	case 0:
		return pages <= k->totalram_pages + total_swap_pages(s->m);
	case 1:
		return true;
	default:
		return (int64_t)(k->vm_committed_space + pages) <
		       strict_limit(s, mm);
	}
}

int64_t __vm_enough_memory(struct step *s, mm_ref mm, uint64_t pages,
			   const char **why)
{
	const struct kernel *k = kernel_at(s->m);

	trace_event(s, enough_memory, pages, k->vm_committed_space,
		    k->overcommit_memory);
	if (!enough_memory(s, mm, pages)) {
		*why = k->overcommit_memory
		       ? "the promises would exceed CommitLimit (vm.overcommit_memory is 2)"
		       : "more than all RAM and swap (vm.overcommit_memory is 0)";
		return -ENOMEM;
	}
	*why = NULL;
	kernel_mut(s)->vm_committed_space += pages;
	return 0;
}

int64_t security_vm_enough_memory(struct step *s, mm_ref mm, uint64_t pages)
{
	const char *why;

	return __vm_enough_memory(s, mm, pages, &why)
		       ? refuse(s, ENOMEM, why) : 0;
}

void vm_unacct_memory(struct step *s, uint64_t pages)
{
	MM_ASSERT(kernel_at(s->m)->vm_committed_space >= pages);
	kernel_mut(s)->vm_committed_space -= pages;
}
