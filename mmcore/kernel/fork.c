/* SPDX-License-Identifier: MIT */
/* fork, vfork, clone: a new process, its address space copied or shared. */
#include <string.h>

#include "mmcore/kernel/task.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/vma.h"

mm_ref mm_alloc(struct step *s)
{
	mm_ref mm = mm_make(kmem_cache_alloc(s, CACHE_MM));
	struct mm_struct *mms;

	if (mm_none(mm))
		return mm;
	mms = mm_mut(s, mm);
	if (!pgd_alloc(s, mm)) {
		kmem_cache_free(s, CACHE_MM, mm.pa);
		return mm_make(0);
	}
	mms->mm_users = 1;
	mms->mm_count = 1;
	mms->task_size = s->m->arch->task_size;
	mms->dumpable = 1;
	mms->cpu_vm_mask = 1;
	mms->id = ++kernel_mut(s)->last_mm_id;
	return mm;
}

/* What a child's mm takes over as it is; the rest starts afresh. */
static void copy_layout(struct step *s, mm_ref dst, mm_ref src)
{
	const struct mm_struct *from = mm_at(s->m, src);
	struct mm_struct *to = mm_mut(s, dst);

	to->get_unmapped_area = from->get_unmapped_area;
	to->unmap_area = from->unmap_area;
	to->mmap_base = from->mmap_base;
	to->free_area_cache = from->mmap_base;
	to->cached_hole_size = ~0ULL;
	to->start_code = from->start_code;
	to->end_code = from->end_code;
	to->start_data = from->start_data;
	to->end_data = from->end_data;
	to->start_brk = from->start_brk;
	to->brk = from->brk;
	to->start_stack = from->start_stack;
	to->arg_start = from->arg_start;
	to->arg_end = from->arg_end;
	to->env_start = from->env_start;
	to->env_end = from->env_end;
	memcpy(to->saved_auxv, from->saved_auxv, sizeof(to->saved_auxv));
	to->def_flags = from->def_flags & ~VM_LOCKED_MASK;
	to->dumpable = from->dumpable;
	to->vdso = from->vdso;
}

/* The child's copy of one VMA, charged and linked. */
static int64_t dup_vma(struct step *s, mm_ref dst, mm_ref src, vma_ref parent)
{
	const struct vm_area_struct *from = vma_at(s->m, parent);
	struct vm_area_struct *vma;
	int64_t err;
	vma_ref child;

	if (from->vm_flags & VM_ACCOUNT) {
		err = security_vm_enough_memory(s, src, vma_pages(from));
		if (err)
			return err;
	}
	child = vm_area_alloc(s, dst, from->vm_start);
	if (vma_none(child)) {
		if (from->vm_flags & VM_ACCOUNT)
			vm_unacct_memory(s, vma_pages(from));
		return refuse(s, ENOMEM, "no memory for a vm_area_struct");
	}
	vma = vma_mut(s, child);
	*vma = *from;
	vma->vm_mm = dst;
	vma->vm_flags &= ~VM_LOCKED_MASK;
	vma->anon_vma = anon_vma_make(0);
	vma->anon_vma_ident = 0;
	vma->chain_multi = 0;
	vma->anon_vma_node = (struct list_head){ 0 };
	if (!file_none(vma->vm_file))
		get_file(s, vma->vm_file);
	if (!(vma->vm_flags & VM_WIPEONFORK))	/* it starts with a clean slate */
		anon_vma_fork(s, child, parent);
	vma_append(s, dst, child);
	vm_stat_account(s, dst, vma->vm_flags, vma->vm_file,
			(int64_t)vma_pages(vma));
	return 0;
}

/* dup_mmap(): every VMA but those that say no; then their pages. */
static int64_t dup_mmap(struct step *s, mm_ref dst, mm_ref src)
{
	int64_t err;

	for (vma_ref v = mm_at(s->m, src)->mmap; !vma_none(v);
	     v = vma_next(s->m, v)) {
		if (vma_at(s->m, v)->vm_flags & VM_DONTCOPY) {
			trace_skip(s, dup_mmap, "the VMA stays with the parent");
			continue;
		}
		err = dup_vma(s, dst, src, v);
		if (!err && vma_at(s->m, v)->vm_flags & VM_WIPEONFORK)
			trace_skip(s, dup_mmap, "the VMA is wiped in the child");
		else if (!err)
			err = copy_page_range(s, dst, src, v);
		if (err)
			return err;
	}
	return 0;
}

/* copy_mm(): the child's address space, or none with the errno in *err. */
static mm_ref copy_mm(struct step *s, uint64_t flags, int64_t *err)
{
	const mm_ref src = current_mm(s);
	mm_ref dst;
	struct mm_struct *mms;

	if (flags & CLONE_VM) {
		mm_mut(s, src)->mm_users++;
		trace_event(s, copy_mm, 1, (uint64_t)mm_at(s->m, src)->mm_users);
		return src;
	}
	dst = mm_alloc(s);
	if (mm_none(dst)) {
		*err = refuse(s, ENOMEM, "no memory for an mm_struct");
		return dst;
	}
	trace_event(s, copy_mm, 0, 1);
	copy_layout(s, dst, src);
	*err = dup_mmap(s, dst, src);
	if (*err) {
		mmput(s, dst);
		return mm_make(0);
	}
	mms = mm_mut(s, dst);
	mms->hiwater_rss = get_mm_rss(mms);
	mms->hiwater_vm = mms->total_vm;
	return dst;
}

/* copy_files(): shared, or a table of its own with the same open files. */
static files_ref copy_files(struct step *s, uint64_t flags)
{
	const files_ref src = task_at(s->m, s->current)->files;

	if (!(flags & CLONE_FILES))
		return dup_fd(s, src);
	files_mut(s, src)->count++;
	return src;
}

int64_t do_fork(struct step *s, const struct op_fork *a)
{
	const struct task_struct *parent = task_at(s->m, s->current);
	struct task_struct *child;
	int64_t err = 0;
	task_ref t;

	if (a->flags & ~(uint64_t)(CLONE_VM | CLONE_VFORK | CLONE_FILES))
		return refuse(s, EINVAL,
			      "flags other than CLONE_VM, CLONE_VFORK, CLONE_FILES");
	if (kernel_at(s->m)->last_pid >= MAX_PID)
		return refuse(s, EAGAIN, "all pids have been used");
	t = alloc_task(s, parent->comm);
	if (task_none(t))
		return refuse(s, ENOMEM, "no memory for a task_struct");
	child = task_mut(s, t);
	memcpy(child->rlim, parent->rlim, sizeof(child->rlim));
	child->flags = parent->flags & PF_PRIVILEGED;
	if (a->flags & CLONE_VFORK && a->flags & CLONE_VM)
		child->flags |= PF_VFORK;
	child->files = copy_files(s, a->flags);
	if (files_none(child->files))
		err = refuse(s, ENOMEM, "no memory for a files_struct");
	else
		child->mm = copy_mm(s, a->flags, &err);
	if (err) {
		exit_files(s, t);
		undo_alloc_task(s, t);
		return err;
	}
	set_parent_task(s, t, s->current);
	return child->pid;
}
