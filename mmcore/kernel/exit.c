/* SPDX-License-Identifier: MIT */
/* The end of a process, and of an address space with its last user. */
#include "mmcore/kernel/task.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/vma.h"
#include "mmcore/mm/vma_index.h"

/* exit_mmap(): pages, then tables, then the VMAs themselves. */
static void exit_mmap(struct step *s, mm_ref mm)
{
	const struct machine *m = s->m;
	const uint64_t end = mm_at(m, mm)->highest_vm_end;
	uint64_t vmas = 0, pages = 0;
	vma_ref v, next;

	for (v = mm_at(m, mm)->mmap; !vma_none(v); v = vma_next(m, v))
		zap_page_range(s, v, vma_at(m, v)->vm_start,
			       vma_at(m, v)->vm_end, ZAP_DROP_MARKERS);
	free_pgtables(s, mm, 0, end, 0, 0);
	for (v = mm_at(m, mm)->mmap; !vma_none(v); v = next) {
		next = vma_next(m, v);
		if (vma_at(m, v)->vm_flags & VM_ACCOUNT)
			vm_unacct_memory(s, vma_pages(vma_at(m, v)));
		vmas++;
		pages += vma_pages(vma_at(m, v));
		remove_vma(s, v);
	}
	vma_index_free(s, mm);
	trace_event(s, exit_mmap, vmas, pages);
}

/* mmdrop(): the last reference to the structure itself. */
static void mmdrop(struct step *s, mm_ref mm)
{
	const struct mm_struct *mms = mm_at(s->m, mm);

	MM_ASSERT(mms->mm_count > 0);
	if (--mm_mut(s, mm)->mm_count)
		return;
	MM_ASSERT(mms->nr_ptes == 0);
	MM_ASSERT(!mms->_anon_rss && !mms->_file_rss && !mms->_shmem_rss);
	pgd_free(s, mm);
	kmem_cache_free(s, CACHE_MM, mm.pa);
}

void mmput(struct step *s, mm_ref mm)
{
	MM_ASSERT(mm_at(s->m, mm)->mm_users > 0);
	if (--mm_mut(s, mm)->mm_users)
		return;
	exit_mmap(s, mm);
	mmdrop(s, mm);
}

void exit_files(struct step *s, task_ref t)
{
	const files_ref files = task_at(s->m, t)->files;

	if (files_none(files))
		return;
	task_mut(s, t)->files = files_make(0);
	put_files_struct(s, files);
}

void do_exit(struct step *s)
{
	const mm_ref mm = current_mm(s);

	trace_event(s, exit_mm, (uint64_t)mm_at(s->m, mm)->mm_users - 1);
	mmput(s, mm);
	exit_files(s, s->current);
	free_task(s, s->current);
	s->current = task_make(0);
}
