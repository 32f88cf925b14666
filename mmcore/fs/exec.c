/* SPDX-License-Identifier: MIT */
/*
 * A new process, or a new program in an old one: limits, descriptors, the layout
 * of its address space. What a program's own file says is binfmt_elf.c's.
 *
 * Linux lets go of the old program before it maps the new one, and kills who
 * cannot be given either. Here the new address space is made beside the old one
 * and takes its place at the end: a signal that is only reported (no "deliver")
 * must leave a process that can go on.
 */
#include <string.h>

#include "mmcore/fs/binfmts.h"
#include "mmcore/fs/namei.h"
#include "mmcore/kernel/task.h"
#include "mmcore/lib/cstring.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/uio.h"
#include "mmcore/mm/vma.h"

#define STACK_EXPAND_PAGES	32	/* 128 KiB more than the strings need */
#define ARG_MAX			(128ULL << 10)
#define ARG_SHARE_MAX		(6ULL << 20)	/* three quarters of 8 MiB */
#define MAX_ARG_STRLEN		(128ULL << 10)
#define STACK_FLAGS (VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | \
		     VM_MAYEXEC | VM_GROWSDOWN | VM_ACCOUNT)
#define MAY_FLAGS (VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC)
#define MIN_GAP (128ULL << 20)

/* ---- layout ---- */

/* mmap_base(): the top of the search, a stack's worth below user space. */
static uint64_t mmap_base(const struct step *s)
{
	const uint64_t top = s->m->arch->map_window;
	const uint64_t pad = kernel_at(s->m)->stack_guard_gap << PAGE_SHIFT;
	const uint64_t max = top / 6 * 5;
	uint64_t gap = rlimit(s, RLIMIT_STACK);

	if (gap + pad > gap)
		gap += pad;
	if (gap < MIN_GAP)
		gap = MIN_GAP;
	if (gap > max)
		gap = max;
	return PAGE_ALIGN(top - gap);
}

/* mmap_is_legacy(): a stack without limit needs all of the space below it. */
static bool mmap_is_legacy(const struct step *s)
{
	return s->m->arch->unlimited_bottomup &&
	       rlimit(s, RLIMIT_STACK) == RLIM_INFINITY;
}

static void arch_pick_mmap_layout(struct step *s, mm_ref mm)
{
	struct mm_struct *mms = mm_mut(s, mm);
	const bool legacy = mmap_is_legacy(s);

	mms->get_unmapped_area = legacy ? MMAP_BOTTOMUP : MMAP_TOPDOWN;
	mms->unmap_area = mms->get_unmapped_area;
	mms->mmap_base = legacy ? s->m->arch->unmapped_base : mmap_base(s);
	mms->free_area_cache = mms->mmap_base;
	mms->cached_hole_size = ~0ULL;
}

/* An area of the image; false: no memory, told. */
static bool map_area(struct step *s, mm_ref mm, uint64_t start, uint64_t end,
		     uint64_t vm_flags, enum vm_ops_id ops, uint64_t private)
{
	const uint64_t pages = (end - start) >> PAGE_SHIFT;
	struct vm_area_struct *vma;
	vma_ref ref;

	if (vm_flags & VM_ACCOUNT && security_vm_enough_memory(s, mm, pages))
		return false;
	ref = vm_area_alloc(s, mm, start);
	if (vma_none(ref)) {
		if (vm_flags & VM_ACCOUNT)
			vm_unacct_memory(s, pages);
		refuse(s, ENOMEM, "no memory for a vm_area_struct");
		return false;
	}
	vma = vma_mut(s, ref);
	vma->vm_mm = mm;
	vma->vm_start = start;
	vma->vm_end = end;
	vma->vm_flags = vm_flags;
	vma->vm_page_prot = vm_get_page_prot(s->m, vm_flags);
	vma->vm_ops = ops;
	vma->vm_pgoff = ops == VM_OPS_SPECIAL ? 0 : start >> PAGE_SHIFT;
	vma->vm_private_data = private;
	vma_link(s, mm, ref);
	vm_stat_account(s, mm, vm_flags, file_make(0), (int64_t)pages);
	return true;
}

/* The strings of a program, from the top of the stack down. */
static uint64_t strings_bytes(const struct linux_binprm *bprm)
{
	return string_length(bprm->path) + 1 + bprm->args_len + bprm->envs_len;
}

/* bprm_stack_limits(): what argv and envp may take, their pointers included. */
static int64_t check_argument_limits(struct step *s,
				     const struct linux_binprm *bprm)
{
	const uint64_t nr = (uint64_t)bprm->image->argc + bprm->image->envc;
	const uint64_t share = rlimit(s, RLIMIT_STACK) / 4;
	const uint64_t strings = PAGE_ALIGN(arch_word(s->m->arch) +
					    strings_bytes(bprm));
	uint64_t limit = share < ARG_SHARE_MAX ? share : ARG_SHARE_MAX;
	const char *string = bprm->strings;

	if (limit < ARG_MAX)
		limit = ARG_MAX;
	/* get_arg_page(): the stack grows with them, but for its first page. */
	if (strings > PAGE_SIZE && strings > rlimit(s, RLIMIT_STACK))
		return refuse(s, E2BIG, "the stack may not be as long as the arguments");
	if (strings_bytes(bprm) + nr * arch_word(s->m->arch) > limit)
		return refuse(s, E2BIG, "arguments and environment are too long for the stack");
	for (uint64_t i = 0; i < nr; i++) {
		const size_t len = string_length(string) + 1;

		if (len > MAX_ARG_STRLEN)
			return refuse(s, E2BIG, "an argument is longer than 128 KiB");
		string += len;
	}
	return 0;
}

/* The area of the stack, at least @pages long. */
static bool map_stack(struct step *s, mm_ref mm, uint64_t pages, bool exec)
{
	const uint64_t top = s->m->arch->stack_top;
	const uint64_t limit = rlimit(s, RLIMIT_STACK) >> PAGE_SHIFT;
	uint64_t size = pages + STACK_EXPAND_PAGES;

	if (size > limit)
		size = limit > pages ? limit : pages;
	mm_mut(s, mm)->start_stack = top - 16;
	return map_area(s, mm, top - (size << PAGE_SHIFT), top,
			STACK_FLAGS | (exec ? VM_EXEC : 0), VM_OPS_NONE, 0);
}

int64_t setup_arg_pages(struct step *s, struct linux_binprm *bprm)
{
	const uint64_t top = s->m->arch->stack_top;
	const uint64_t path_len = string_length(bprm->path) + 1;
	const uint64_t path = top - arch_word(s->m->arch) - path_len;
	int64_t err = check_argument_limits(s, bprm);

	if (err)
		return err;
	bprm->p = path - bprm->args_len - bprm->envs_len;
	if (!map_stack(s, current_mm(s),
		       (top - (bprm->p & PAGE_MASK)) >> PAGE_SHIFT,
		       bprm->image->stack_exec))
		return -ENOMEM;
	if (copy_to_user(s, path, bprm->path, path_len) ||
	    copy_to_user(s, bprm->p, bprm->strings,
			 bprm->args_len + bprm->envs_len))
		return refuse(s, ENOMEM, "no memory for the program's arguments");
	return 0;
}

/* ---- [vdso] and its data ---- */

#define VVAR_FLAGS (VM_READ | VM_MAYREAD | VM_IO | VM_DONTEXPAND | \
		    VM_DONTDUMP | VM_PFNMAP)
#define VDSO_FLAGS (VM_READ | VM_EXEC | MAY_FLAGS | VM_DONTEXPAND)

/* map_vdso(): where a mapping of all three would go, one after another. */
int64_t arch_setup_additional_pages(struct step *s)
{
	const mm_ref mm = current_mm(s);
	const struct arch *a = s->m->arch;
	const uint64_t len = (a->vvar_pages + a->vclock_pages +
			      a->vdso_pages) * PAGE_SIZE;
	int64_t at = get_unmapped_area(s, mm, file_make(0), 0, len, 0, 0);
	uint64_t vclock, vdso;

	if (at < 0)
		return at;
	vclock = (uint64_t)at + a->vvar_pages * PAGE_SIZE;
	vdso = vclock + a->vclock_pages * PAGE_SIZE;
	mm_mut(s, mm)->vdso = vdso;
	return map_area(s, mm, (uint64_t)at, vclock, VVAR_FLAGS,
			VM_OPS_SPECIAL, SPECIAL_VVAR) &&
	       (!a->vclock_pages ||
		map_area(s, mm, vclock, vdso, VVAR_FLAGS, VM_OPS_SPECIAL,
			 SPECIAL_VVAR_VCLOCK)) &&
	       map_area(s, mm, vdso, (uint64_t)at + len, VDSO_FLAGS,
			VM_OPS_SPECIAL, SPECIAL_VDSO) ? 0 : -ENOMEM;
}

/* The machine's frame behind page @index of a special mapping; 0: no RAM. */
static pfn_t special_frame(struct step *s, uint64_t kind, uint64_t index)
{
	uint64_t *frame = &kernel_mut(s)->special_pfn[kind - 1][index];

	if (*frame)
		return (pfn_t)*frame;
	*frame = alloc_page(s, GFP_KERNEL);
	if (*frame) {
		page_mut(s, (pfn_t)*frame)->flags |= 1ULL << PG_kernel;
		page_mut(s, (pfn_t)*frame)->index = index;
		kernel_mut(s)->nr_kernel_pages++;
	}
	return (pfn_t)*frame;
}

/*
 * The data pages are mapped by number alone, uncounted; the code pages as the
 * pages of a file are.
 */
vm_fault_t special_mapping_fault(struct step *s, const struct vm_fault *vmf)
{
	const struct vm_area_struct *vma = vma_at(s->m, vmf->vma);
	const struct arch *a = s->m->arch;
	const bool counted = !(vma->vm_flags & VM_PFNMAP);
	pfn_t pfn = special_frame(s, vma->vm_private_data,
				  linear_page_index(vma, vmf->addr));

	/* A store copies the page in the fault that follows. */
	if (!pfn)
		return VM_FAULT_OOM;
	if (counted) {
		get_page(s, pfn);
		page_add_file_rmap(s, pfn);
		mm_mut(s, vmf->mm)->_file_rss++;
	}
	set_pte(s, vmf->pte_pa,
		pfn_pte(s->m, pfn, vma->vm_page_prot | a->accessed) |
			(counted ? 0 : a->special));
	trace_event(s, special_fault, vmf->addr, pfn);
	return VM_FAULT_MINOR;
}

/* ---- images ---- */

/* The bytes at *@at that end with NUL before @end; NULL: there is no NUL. */
static const char *take_string(const char **at, const char *end)
{
	const char *text = *at;

	while (*at < end && **at)
		++*at;
	if (*at == end)
		return NULL;
	++*at;
	return text;
}

static bool take_strings(const char **at, const char *end, uint32_t nr,
			 uint64_t *len)
{
	const char *begin = *at;

	for (uint32_t i = 0; i < nr; i++)
		if (!take_string(at, end))
			return false;
	*len = (uint64_t)(*at - begin);
	return true;
}

static bool path_ok(const char *path)
{
	return path && path[0] == '/' && string_length(path) < PATH_MAX;
}

bool exec_image_parse(const uint8_t *data, size_t len,
		      struct linux_binprm *bprm)
{
	const struct exec_image *image = (const struct exec_image *)data;
	size_t segments;
	const char *at, *end;

	*bprm = (struct linux_binprm){ .image = image };
	if (!data || len < sizeof(*image) || len > EXEC_IMAGE_MAX ||
	    (uintptr_t)data & (sizeof(uint64_t) - 1) ||
	    !image->program.nr_segments ||
	    image->program.nr_segments > EXEC_SEGMENTS_MAX ||
	    image->interp.nr_segments > EXEC_SEGMENTS_MAX)
		return false;
	segments = sizeof(struct exec_segment) *
		   (image->program.nr_segments + image->interp.nr_segments);
	if (image->strings_len > len ||
	    len != sizeof(*image) + segments + image->strings_len)
		return false;
	bprm->segments = (const struct exec_segment *)(image + 1);
	bprm->interp_segments = bprm->segments + image->program.nr_segments;
	at = (const char *)data + sizeof(*image) + segments;
	end = at + image->strings_len;
	bprm->path = take_string(&at, end);
	bprm->interp_path = take_string(&at, end);
	if (!path_ok(bprm->path) || !bprm->interp_path ||
	    (image->interp.nr_segments && !path_ok(bprm->interp_path)))
		return false;
	bprm->strings = at;
	return image->argc &&
	       take_strings(&at, end, image->argc, &bprm->args_len) &&
	       take_strings(&at, end, image->envc, &bprm->envs_len) && at == end;
}

/* ---- descriptors ---- */

static file_ref null_file(struct step *s)
{
	file_ref null = kernel_at(s->m)->null_file;

	if (!file_none(null))
		return null;
	null = alloc_file(s, inode_make(0), FILE_OPS_NULL, O_RDWR);
	kernel_mut(s)->null_file = null;
	return null;
}

/* Descriptors 0, 1 and 2 on /dev/null. */
static bool open_files(struct step *s, task_ref t)
{
	const file_ref null = null_file(s);
	files_ref files;

	if (file_none(null))
		return false;
	files = alloc_files(s, null);
	task_mut(s, t)->files = files;
	return !files_none(files);
}

/* ---- spawn ---- */

static void set_limits(const struct machine *m, struct task_struct *task,
		       const struct op_spawn *a)
{
	init_rlimits(task->rlim);
	for (int r = 0; r < RLIM_NLIMITS; r++)
		if (a->rlimit_set >> r & 1)
			task->rlim[r] = rlimit_of(m, a->rlim[r].soft,
						  a->rlim[r].hard);
}

/* ---- a program into an address space ---- */

static int64_t load_program(struct step *s, struct linux_binprm *bprm)
{
	int64_t err = setup_arg_pages(s, bprm);

	return err ? err : load_elf_binary(s, bprm);
}

/* A stack and nothing else, with a heap that has not begun. */
static int64_t load_none(struct step *s, mm_ref mm)
{
	/* Where the heap of a small PIE begins. */
	const uint64_t brk = (s->m->arch->dyn_base & PAGE_MASK) + 5 * PAGE_SIZE;
	struct mm_struct *mms = mm_mut(s, mm);

	if (!map_stack(s, mm, 1, false))
		return -ENOMEM;
	mms->start_data = brk;
	mms->end_data = brk;
	mms->start_brk = brk;
	mms->brk = brk;
	return 0;
}

/* Order of checks: fs/exec.c do_open_execat(), 6.18. */
int64_t open_exec(struct step *s, const char *path, file_ref *file)
{
	const uint32_t uid = capable(s) ? 0 : DISK_USER;
	const int64_t ino = path_lookup(s->m, uid, path, string_length(path));
	inode_ref inode;

	if (ino < 0)
		return refuse(s, (int)-ino, path_why(ino));
	if (!ino_is(s->m, (uint64_t)ino, S_IFREG) ||
	    !inode_permission(s->m, (uint64_t)ino, uid, MAY_EXEC))
		return refuse(s, EACCES,
			      "the file is no regular one, or has no x bit for its user");
	inode = iget(s, (uint64_t)ino);
	*file = inode_none(inode) ? file_make(0)
		: alloc_file(s, inode, FILE_OPS_DISK, O_RDONLY);
	if (!file_none(*file))
		return 0;
	if (!inode_none(inode))
		iput(s, inode);
	return refuse(s, ENOMEM, "no memory for an open file");
}

/* The files of an image, open; 0, or a negative errno, told. */
static int64_t open_program(struct step *s, struct linux_binprm *bprm)
{
	int64_t err = open_exec(s, bprm->path, &bprm->file);

	if (err || !bprm->image->interp.nr_segments)
		return err;
	err = open_exec(s, bprm->interp_path, &bprm->interp);
	if (err)
		fput(s, bprm->file);
	return err;
}

static void close_program(struct step *s, const struct linux_binprm *bprm)
{
	fput(s, bprm->file);
	if (!file_none(bprm->interp))
		fput(s, bprm->interp);
}

/* ---- spawn ---- */

static int64_t load_image(struct step *s, const struct op_spawn *a,
			  const uint8_t *data, size_t len)
{
	struct linux_binprm bprm;
	struct demo_image demo;
	int64_t err;

	arch_pick_mmap_layout(s, current_mm(s));
	if (a->image == IMAGE_NONE)
		return load_none(s, current_mm(s));
	if (a->image == IMAGE_DEMO)
		err = demo_program(s, &demo, &bprm);
	else
		err = exec_image_parse(data, len, &bprm)
			      ? open_program(s, &bprm) : -ENOEXEC;
	if (err)
		return err;
	err = load_program(s, &bprm);
	close_program(s, &bprm);
	return err || a->image != IMAGE_DEMO ? err : demo_start(s);
}

static int64_t start_task(struct step *s, task_ref t, const struct op_spawn *a,
			  const uint8_t *data, size_t len)
{
	struct task_struct *task = task_mut(s, t);

	set_limits(s->m, task, a);
	if (a->privileged)
		task->flags |= PF_PRIVILEGED;
	s->current = t;
	task->mm = mm_alloc(s);
	if (mm_none(task->mm) || !open_files(s, t))
		return refuse(s, ENOMEM, "no memory for a process");
	return load_image(s, a, data, len);
}

int64_t do_spawn(struct step *s, const struct op_spawn *a, const uint8_t *data,
		 size_t len)
{
	int64_t err;
	task_ref t;

	if (kernel_at(s->m)->last_pid >= MAX_PID)
		return refuse(s, EAGAIN, "all pids have been used");
	t = alloc_task(s, a->name);
	if (task_none(t))
		return refuse(s, ENOMEM, "no memory for a task_struct");
	err = start_task(s, t, a, data, len);
	if (err) {
		if (!mm_none(task_at(s->m, t)->mm))
			mmput(s, task_at(s->m, t)->mm);
		exit_files(s, t);
		undo_alloc_task(s, t);
		s->current = task_make(0);
		return err;
	}
	return task_at(s->m, t)->pid;
}

/* ---- exec ---- */

/* __set_task_comm(): the path's last component, cut. */
static void set_comm(struct step *s, const char *path)
{
	struct task_struct *task = task_mut(s, s->current);
	const char *name = path;
	size_t len;

	for (const char *c = path; *c; c++)
		if (*c == '/')
			name = c + 1;
	len = string_length(name);
	memset(task->comm, 0, sizeof(task->comm));
	memcpy(task->comm, name, len < TASK_COMM_LEN ? len : TASK_COMM_LEN - 1);
}

/* exec_mmap() and begin_new_exec(): the old program is gone. */
static void begin_new_exec(struct step *s, const struct linux_binprm *bprm,
			   mm_ref old)
{
	mmput(s, old);
	do_close_on_exec(s);
	set_comm(s, bprm->path);
	task_mut(s, s->current)->flags &= ~(uint64_t)PF_VFORK;
	trace_event(s, exec, mm_at(s->m, current_mm(s))->start_code,
		    mm_at(s->m, current_mm(s))->start_brk,
		    mm_at(s->m, current_mm(s))->start_stack);
}

static void exec_refused(struct step *s, int64_t err)
{
	s->res->outcome = OUT_ERRNO;
	s->res->err = (int32_t)-err;
	s->res->ret = err;
}

/* After the point of no return Linux has no program to give an errno to. */
static void exec_killed(struct step *s)
{
	s->res->outcome = OUT_SIGNAL;
	s->res->signo = SIGSEGV;
	s->res->si_code = SI_KERNEL;
}

void do_execve(struct step *s, const struct op_exec *a, const uint8_t *data,
	       size_t len)
{
	struct task_struct *task = task_mut(s, s->current);
	const mm_ref old = task->mm;
	struct linux_binprm bprm;
	int64_t err = exec_image_parse(data, len, &bprm) ? 0 : -ENOEXEC;

	(void)a;	/* the program is all of it */
	if (!err)
		err = open_program(s, &bprm);
	if (err) {
		exec_refused(s, err);
		return;
	}
	task->mm = mm_alloc(s);
	if (mm_none(task->mm)) {
		err = refuse(s, ENOMEM, "no memory for an mm_struct");
	} else {
		arch_pick_mmap_layout(s, task->mm);
		err = setup_arg_pages(s, &bprm);
	}
	if (err) {
		exec_refused(s, err);
	} else {
		err = load_elf_binary(s, &bprm);
		if (err)
			exec_killed(s);
	}
	if (!err) {
		begin_new_exec(s, &bprm, old);
	} else {
		if (!mm_none(task->mm))
			mmput(s, task->mm);
		task->mm = old;
	}
	close_program(s, &bprm);
}
