/* SPDX-License-Identifier: MIT */
/*
 * A new process, as execve(2) would leave it: limits, descriptors, the layout
 * of its address space and the areas of its image.
 *
 *	"none"	a stack and nothing else
 *	"demo"	a small static program, where the architecture's linker puts one:
 *
 *	+0000 r--	ELF header		+4000 rw-	data and bss
 *	+1000 r-x	text			+6000 rw-	[heap]
 *	+3000 r--	read-only data		mmap_base	[vdso], [vvar]
 *
 * The program's segments are anonymous memory until there are files (D-006).
 */
#include <string.h>

#include "mmcore/memory.h"
#include "mmcore/slab.h"
#include "mmcore/task.h"
#include "mmcore/vma.h"

#define STACK_INITIAL_BYTES	(33 * PAGE_SIZE)
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

static bool map_stack(struct step *s, mm_ref mm)
{
	const uint64_t top = s->m->arch->stack_top;

	mm_mut(s, mm)->start_stack = top - 16;
	return map_area(s, mm, top - STACK_INITIAL_BYTES, top, STACK_FLAGS,
			VM_OPS_NONE, 0);
}

/* ---- [vdso] and its data ---- */

#define VVAR_FLAGS (VM_READ | VM_MAYREAD | VM_IO | VM_DONTEXPAND | \
		    VM_DONTDUMP | VM_PFNMAP)
#define VDSO_FLAGS (VM_READ | VM_EXEC | MAY_FLAGS | VM_DONTEXPAND)

/* map_vdso(): where a mapping of all three would go, one after another. */
static bool map_vdso(struct step *s, mm_ref mm)
{
	const struct arch *a = s->m->arch;
	const uint64_t len = (a->vvar_pages + a->vclock_pages +
			      a->vdso_pages) * PAGE_SIZE;
	int64_t at = get_unmapped_area(s, mm, file_make(0), 0, len, 0, 0);
	uint64_t vclock, vdso;

	if (at < 0)
		return false;
	vclock = (uint64_t)at + a->vvar_pages * PAGE_SIZE;
	vdso = vclock + a->vclock_pages * PAGE_SIZE;
	mm_mut(s, mm)->vdso = vdso;
	return map_area(s, mm, (uint64_t)at, vclock, VVAR_FLAGS,
			VM_OPS_SPECIAL, SPECIAL_VVAR) &&
	       (!a->vclock_pages ||
		map_area(s, mm, vclock, vdso, VVAR_FLAGS, VM_OPS_SPECIAL,
			 SPECIAL_VVAR_VCLOCK)) &&
	       map_area(s, mm, vdso, (uint64_t)at + len, VDSO_FLAGS,
			VM_OPS_SPECIAL, SPECIAL_VDSO);
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
enum vm_fault special_mapping_fault(struct step *s, mm_ref mm, vma_ref ref,
				    uint64_t addr, uint64_t pte_pa, bool write)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	const struct arch *a = s->m->arch;
	const bool counted = !(vma->vm_flags & VM_PFNMAP);
	pfn_t pfn = special_frame(s, vma->vm_private_data, vma->vm_pgoff +
				  ((addr - vma->vm_start) >> PAGE_SHIFT));

	(void)write;	/* a private page is copied by the fault that follows */
	if (!pfn)
		return VM_FAULT_OOM;
	if (counted) {
		get_page(s, pfn);
		page_add_file_rmap(s, pfn);
		mm_mut(s, mm)->_file_rss++;
	}
	set_pte(s, pte_pa, pfn_pte(s->m, pfn, vma->vm_page_prot | a->accessed) |
			   (counted ? 0 : a->special));
	trace_event(s, special_fault, addr, pfn);
	return VM_FAULT_MINOR;
}

/* ---- images ---- */

static void set_code(struct mm_struct *mms, uint64_t start, uint64_t end)
{
	mms->start_code = start;
	mms->end_code = end;
}

static void set_data(struct mm_struct *mms, uint64_t start, uint64_t end,
		     uint64_t start_brk, uint64_t brk)
{
	mms->start_data = start;
	mms->end_data = end;
	mms->start_brk = start_brk;
	mms->brk = brk;
}

/* @value as the machine's words are: the bytes of a program's vectors. */
static void put_word(const struct machine *m, uint8_t *to, uint64_t index,
		     uint64_t value)
{
	const uint64_t bytes = arch_word(m->arch);

	for (uint64_t i = 0; i < bytes; i++)
		to[index * bytes + i] = (uint8_t)(value >> 8 * i);
}

/*
 * The strings at the top of the stack, as execve(2) leaves them: the program's
 * name, no environment, argv[0], and below it argc and the vectors.
 */
static bool put_arguments(struct step *s, mm_ref mm)
{
	static const char argv0[] = "/demo";
	const uint64_t top = s->m->arch->stack_top;
	const uint64_t file = top - 8 - sizeof(argv0);
	const uint64_t arg = file - sizeof(argv0);
	const uint64_t vectors = (arg - 64) & ~15ULL;
	struct mm_struct *mms = mm_mut(s, mm);
	uint8_t *page;
	uint64_t pte_pa;

	if (handle_mm_fault(s, mm, vma_lookup(s->m, mm, arg), arg, true) ==
	    VM_FAULT_OOM) {
		refuse(s, ENOMEM, "no free frame for the stack");
		return false;
	}
	pte_pa = pte_lookup(s->m, mms, arg);
	page = ram_mut(s, pfn_to_pa(pte_pfn(s->m, entry_read(s->m, pte_pa))));
	memcpy(page + (file & ~PAGE_MASK), argv0, sizeof(argv0));
	memcpy(page + (arg & ~PAGE_MASK), argv0, sizeof(argv0));
	put_word(s->m, page + (vectors & ~PAGE_MASK), 0, 1);	/* argc */
	put_word(s->m, page + (vectors & ~PAGE_MASK), 1, arg);
	mms->start_stack = vectors;
	mms->arg_start = arg;
	mms->arg_end = file;
	mms->env_start = file;
	mms->env_end = file;
	return true;
}

static bool load_demo(struct step *s, mm_ref mm)
{
	static const struct {
		uint64_t start, end, flags;
	} area[] = {
		{ 0x0, 0x1000, VM_READ },
		{ 0x1000, 0x3000, VM_READ | VM_EXEC },
		{ 0x3000, 0x4000, VM_READ },
		{ 0x4000, 0x6000, VM_READ | VM_WRITE | VM_ACCOUNT },
		{ 0x6000, 0x27000, VM_READ | VM_WRITE | VM_ACCOUNT },
	};
	const uint64_t base = s->m->arch->exec_base;

	for (size_t i = 0; i < sizeof(area) / sizeof(area[0]); i++)
		if (!map_area(s, mm, base + area[i].start, base + area[i].end,
			      area[i].flags | MAY_FLAGS, VM_OPS_NONE, 0))
			return false;
	set_code(mm_mut(s, mm), base + 0x1000, base + 0x2f00);
	set_data(mm_mut(s, mm), base + 0x4000, base + 0x4800, base + 0x6000,
		 base + 0x27000);
	return map_vdso(s, mm) && put_arguments(s, mm);
}

static bool load_image(struct step *s, mm_ref mm, uint32_t image)
{
	uint64_t brk;

	arch_pick_mmap_layout(s, mm);
	if (!map_stack(s, mm))
		return false;
	if (image == IMAGE_DEMO)
		return load_demo(s, mm);
	/* Where the heap of a small PIE begins. */
	brk = s->m->arch->dyn_base + 5 * PAGE_SIZE;
	set_data(mm_mut(s, mm), brk, brk, brk, brk);
	return true;
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

static bool start_task(struct step *s, task_ref t, const struct op_spawn *a)
{
	struct task_struct *task = task_mut(s, t);

	set_limits(s->m, task, a);
	if (a->privileged)
		task->flags |= PF_PRIVILEGED;
	s->current = t;
	task->mm = mm_alloc(s);
	if (mm_none(task->mm) || !open_files(s, t)) {
		refuse(s, ENOMEM, "no memory for a process");
		return false;
	}
	return load_image(s, task->mm, a->image);
}

int64_t do_spawn(struct step *s, const struct op_spawn *a)
{
	task_ref t;

	if (kernel_at(s->m)->last_pid >= MAX_PID)
		return refuse(s, EAGAIN, "all pids have been used");
	t = alloc_task(s, a->name);
	if (task_none(t))
		return refuse(s, ENOMEM, "no memory for a task_struct");
	if (!start_task(s, t, a)) {
		if (!mm_none(task_at(s->m, t)->mm))
			mmput(s, task_at(s->m, t)->mm);
		exit_files(s, t);
		undo_alloc_task(s, t);
		s->current = task_make(0);
		return -ENOMEM;
	}
	return task_at(s->m, t)->pid;
}
