/* SPDX-License-Identifier: MIT */
/*
 * A program as its ELF file describes it becomes an address space.
 *
 * Where things go. A program with fixed addresses (ET_EXEC) goes there. One
 * without (ET_DYN) goes to ELF_ET_DYN_BASE, two thirds up user space, if an
 * interpreter will relocate it, so that the interpreter's own mappings, which
 * come from the top down, stay clear of its heap. An ET_DYN program without an
 * interpreter (static-pie, or the interpreter run by hand) is placed as a mapping
 * would be, and its heap goes to ELF_ET_DYN_BASE instead. An ET_DYN object is
 * first mapped as long as all of it and then cut, so that no other mapping can
 * come to lie between its segments.
 *
 * What a file has fewer bytes of than its segment is memory: the rest of the last
 * page of the file is zeroed (a private copy), and the pages after it are an
 * anonymous area that grows out of nothing, as brk's does.
 */
#include <string.h>

#include "mmcore/arch/arch.h"
#include "mmcore/fs/binfmts.h"
#include "mmcore/kernel/task.h"
#include "mmcore/lib/cstring.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/uio.h"
#include "mmcore/mm/vma.h"

/* One object being loaded: the program, or its interpreter. */
struct elf_object {
	const struct exec_object *head;
	const struct exec_segment *segments;
	file_ref file;
	uint64_t bias;		/* added to each vaddr */
	uint64_t start_code, end_code, start_data, end_data, brk;
};

/* Bytes of user space from the first segment's page to the last one's end. */
static uint64_t total_mapping_size(const struct elf_object *o)
{
	uint64_t min = UINT64_MAX, max = 0;

	for (uint32_t i = 0; i < o->head->nr_segments; i++) {
		const struct exec_segment *seg = &o->segments[i];

		if (seg->vaddr < min)
			min = seg->vaddr;
		if (seg->vaddr + seg->memsz > max)
			max = seg->vaddr + seg->memsz;
	}
	return max - (min & PAGE_MASK);
}

/* The largest alignment that is one, at least a page. */
static uint64_t maximum_alignment(const struct elf_object *o)
{
	uint64_t alignment = PAGE_SIZE;

	for (uint32_t i = 0; i < o->head->nr_segments; i++) {
		const uint64_t align = o->segments[i].align;

		if (!(align & (align - 1)) && align > alignment)
			alignment = align;
	}
	return alignment;
}

/* A segment that user space has no room for, or whose sizes contradict. */
static bool segment_is_bad(const struct machine *m,
			   const struct exec_segment *seg, uint64_t at)
{
	const uint64_t top = m->arch->task_size;

	return at >= top || seg->filesz > seg->memsz || seg->memsz > top ||
	       top - seg->memsz < at;
}

/* elf_map(): the part of a segment that the file has. */
static int64_t elf_map(struct step *s, const struct elf_object *o,
		       const struct exec_segment *seg, uint64_t addr,
		       uint64_t flags, uint64_t total)
{
	const uint64_t in_page = seg->vaddr & ~PAGE_MASK;
	const uint64_t size = PAGE_ALIGN(seg->filesz + in_page);
	const uint64_t offset = seg->offset - in_page;
	int64_t at, err;

	if (offset & ~PAGE_MASK)
		return refuse(s, EINVAL, "a segment's address and offset differ within the page");
	at = do_mmap_pgoff(s, o->file, addr & PAGE_MASK,
			   total ? PAGE_ALIGN(total) : size, seg->prot, flags,
			   offset >> PAGE_SHIFT);
	if (at < 0 || !total || PAGE_ALIGN(total) <= size)
		return at;
	err = do_munmap(s, current_mm(s), (uint64_t)at + size,
			PAGE_ALIGN(total) - size);
	return err ? err : at;
}

/* What lies between the file's last byte and the end of its page. */
static void padzero(struct step *s, uint64_t from)
{
	static const uint8_t zeros[PAGE_SIZE];

	if (from & ~PAGE_MASK)
		copy_to_user(s, from, zeros, PAGE_SIZE - (from & ~PAGE_MASK));
}

/* elf_load(): where the segment's first page went, or a negative errno, told. */
static int64_t elf_load(struct step *s, const struct elf_object *o,
			const struct exec_segment *seg, uint64_t addr,
			uint64_t flags, uint64_t total)
{
	const uint64_t in_page = seg->vaddr & ~PAGE_MASK;
	int64_t at = (int64_t)(addr & PAGE_MASK), err = 0;
	uint64_t zero_start, zero_end;

	if (seg->filesz)
		at = elf_map(s, o, seg, addr, flags, total);
	trace_event(s, elf_load, (uint64_t)at, seg->filesz, seg->memsz, seg->prot);
	if (at < 0 || seg->memsz <= seg->filesz)
		return at;
	zero_start = (uint64_t)at + in_page + seg->filesz;
	zero_end = PAGE_ALIGN((uint64_t)at + in_page + seg->memsz);
	if (seg->filesz)
		padzero(s, zero_start);
	else
		zero_start = (uint64_t)at;
	zero_start = PAGE_ALIGN(zero_start);
	if (zero_end > zero_start)
		err = vm_brk_flags(s, zero_start, zero_end - zero_start,
				   seg->prot & PROT_EXEC ? VM_EXEC : 0);
	return err ? err : at;
}

static void note_bounds(struct elf_object *o, const struct exec_segment *seg)
{
	const uint64_t file_end = seg->vaddr + seg->filesz;
	const uint64_t end = seg->vaddr + seg->memsz;

	if (seg->prot & PROT_EXEC && seg->vaddr < o->start_code)
		o->start_code = seg->vaddr;
	if (seg->prot & PROT_EXEC && file_end > o->end_code)
		o->end_code = file_end;
	if (seg->vaddr > o->start_data)
		o->start_data = seg->vaddr;
	if (file_end > o->end_data)
		o->end_data = file_end;
	if (end > o->brk)
		o->brk = end;
}

/*
 * The base of a program whose addresses are relative: 0 leaves it to mmap. An
 * alignment above a page is had by mapping once to see where it would be.
 */
static int64_t choose_base(struct step *s, const struct elf_object *o,
			   bool has_interp)
{
	const uint64_t align = maximum_alignment(o);
	const uint64_t total = total_mapping_size(o);
	int64_t at, err;

	if (has_interp)
		return (int64_t)(s->m->arch->dyn_base & ~(align - 1));
	if (align == PAGE_SIZE)
		return 0;
	at = elf_load(s, o, &o->segments[0], 0, MAP_PRIVATE, total);
	if (at < 0)
		return at;
	err = do_munmap(s, current_mm(s), (uint64_t)at, PAGE_ALIGN(total));
	return err ? err : (int64_t)((uint64_t)at & ~(align - 1));
}

/*
 * All segments; the first decides where the others are. An interpreter of a
 * program with fixed addresses (@program_bias 0) is mapped where its first segment
 * would like to be, or near.
 */
static int64_t load_object(struct step *s, struct elf_object *o, bool has_interp,
			   bool is_interp, uint64_t program_bias)
{
	uint64_t flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE, total = 0;
	const uint64_t first = o->segments[0].vaddr;
	int64_t at = 0;

	if (o->head->pie) {
		if (!is_interp)
			at = choose_base(s, o, has_interp);
		if (at < 0)
			return at;
		if (!at)
			flags = MAP_PRIVATE;
		if (!is_interp || program_bias)
			o->bias = ((uint64_t)at - first) & PAGE_MASK;
	} else if (is_interp) {
		flags = MAP_PRIVATE | MAP_FIXED;
	}
	if (o->head->pie || is_interp)
		total = total_mapping_size(o);
	for (uint32_t i = 0; i < o->head->nr_segments; i++) {
		const struct exec_segment *seg = &o->segments[i];

		at = elf_load(s, o, seg, o->bias + seg->vaddr, flags, total);
		if (at < 0)
			return at;
		if (i == 0 && o->head->pie)
			o->bias += (uint64_t)at -
				   ((o->bias + seg->vaddr) & PAGE_MASK);
		if (segment_is_bad(s->m, seg, is_interp ? o->bias + seg->vaddr
							: seg->vaddr))
			return refuse(s, EINVAL, seg->filesz > seg->memsz
				      ? "filesz of a segment exceeds its memsz"
				      : "a segment does not fit into user space");
		note_bounds(o, seg);
		flags = MAP_PRIVATE | MAP_FIXED;
		total = 0;
	}
	return 0;
}

/* ---- the vectors on the stack ---- */

#define AT_NULL		0
#define AT_PHDR		3
#define AT_PHENT	4
#define AT_PHNUM	5
#define AT_PAGESZ	6
#define AT_BASE		7
#define AT_FLAGS	8
#define AT_ENTRY	9
#define AT_UID		11
#define AT_EUID		12
#define AT_GID		13
#define AT_EGID		14
#define AT_PLATFORM	15
#define AT_HWCAP	16
#define AT_CLKTCK	17
#define AT_SECURE	23
#define AT_RANDOM	25
#define AT_HWCAP2	26
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN	28
#define AT_EXECFN	31
#define AT_SYSINFO_EHDR	33
#define AT_MINSIGSTKSZ	51

#define USER_HZ		100
#define LOGIN_UID	1000

/* Where things on the stack are that the auxiliary vector points to. */
struct auxv_places {
	uint64_t platform, random, execfn;
};

/* Where the program headers are in memory; 0: in no segment. */
static uint64_t program_headers(const struct elf_object *o)
{
	const uint64_t at = o->head->phdr_offset;

	for (uint32_t i = 0; i < o->head->nr_segments; i++) {
		const struct exec_segment *seg = &o->segments[i];

		if (at >= seg->offset && at - seg->offset < seg->filesz)
			return o->bias + seg->vaddr + at - seg->offset;
	}
	return 0;
}

/* Fills saved_auxv; returns its words, the terminating pair included. */
static uint32_t fill_auxv(struct step *s, const struct linux_binprm *bprm,
			  const struct elf_object *o, uint64_t interp_base,
			  const struct auxv_places *at)
{
	struct mm_struct *mm = mm_mut(s, current_mm(s));
	const uint64_t uid = capable(s) ? 0 : LOGIN_UID;
	const uint64_t phdr = program_headers(o);
	const uint64_t auxv[][2] = {
		{ AT_SYSINFO_EHDR, mm->vdso },
		{ AT_MINSIGSTKSZ, 3376 },
		{ AT_HWCAP, 0x178bfbff },
		{ AT_PAGESZ, PAGE_SIZE },
		{ AT_CLKTCK, USER_HZ },
		{ AT_PHDR, phdr },
		{ AT_PHENT, arch_word(s->m->arch) == 8 ? 56 : 32 },
		{ AT_PHNUM, bprm->image->program.phnum },
		{ AT_BASE, interp_base },
		{ AT_FLAGS, 0 },
		{ AT_ENTRY, o->bias + o->head->entry },
		{ AT_UID, uid }, { AT_EUID, uid },
		{ AT_GID, uid }, { AT_EGID, uid },
		{ AT_SECURE, 0 },
		{ AT_RANDOM, at->random },
		{ AT_HWCAP2, 2 },
		{ AT_EXECFN, at->execfn },
		{ AT_PLATFORM, at->platform },
		{ AT_RSEQ_FEATURE_SIZE, 28 },
		{ AT_RSEQ_ALIGN, 32 },
		{ AT_NULL, 0 },
	};

	_Static_assert(sizeof(auxv) <= sizeof(mm->saved_auxv), "it fits");
	memcpy(mm->saved_auxv, auxv, sizeof(auxv));
	return sizeof(auxv) / sizeof(uint64_t);
}

/* Puts words of the machine's size on the stack; false: it cannot be written. */
struct stack_writer {
	uint64_t at;
	bool failed;
};

static void put_word(struct step *s, struct stack_writer *w, uint64_t word)
{
	const uint32_t bytes = arch_word(s->m->arch);

	w->failed |= copy_to_user(s, w->at, &word, bytes) != 0;
	w->at += bytes;
}

/* The addresses of @nr strings that lie one after another from @at on. */
static uint64_t put_pointers(struct step *s, struct stack_writer *w,
			     const char *strings, uint32_t nr, uint64_t at)
{
	const char *string = strings;

	for (uint32_t i = 0; i < nr; i++) {
		put_word(s, w, at + (uint64_t)(string - strings));
		string += string_length(string) + 1;
	}
	put_word(s, w, 0);
	return at + (uint64_t)(string - strings);
}

static uint64_t next_random(struct step *s)
{
	uint64_t x = kernel_mut(s)->rng_state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

/* create_elf_tables(): what a program finds on its stack when it starts. */
static int64_t create_elf_tables(struct step *s, struct linux_binprm *bprm,
				 const struct elf_object *o, uint64_t interp_base)
{
	const struct exec_image *image = bprm->image;
	const uint32_t word = arch_word(s->m->arch);
	const char *platform = s->m->arch->platform;
	const uint64_t random[2] = { next_random(s), next_random(s) };
	struct mm_struct *mm = mm_mut(s, current_mm(s));
	const uint64_t envp = bprm->p + bprm->args_len;
	struct auxv_places at;
	struct stack_writer w = { 0 };
	uint64_t items = image->argc + image->envc + 3;
	uint32_t words;

	at.platform = (bprm->p & ~15ULL) - (string_length(platform) + 1);
	at.random = at.platform - sizeof(random);
	at.execfn = envp + bprm->envs_len;
	words = fill_auxv(s, bprm, o, interp_base, &at);
	w.failed = copy_to_user(s, at.platform, platform, string_length(platform) + 1) ||
		   copy_to_user(s, at.random, random, sizeof(random));
	mm->arg_start = bprm->p;
	mm->arg_end = envp;
	mm->env_start = envp;
	mm->env_end = at.execfn;
	bprm->p = (at.random - words * word - items * word) & ~15ULL;
	w.at = bprm->p;
	put_word(s, &w, image->argc);
	put_pointers(s, &w, bprm->strings, image->argc, mm->arg_start);
	put_pointers(s, &w, bprm->strings + bprm->args_len, image->envc, envp);
	for (uint32_t i = 0; i < words; i++)
		put_word(s, &w, mm->saved_auxv[i]);
	return w.failed ? refuse(s, ENOMEM, "no memory for the program's stack")
			: 0;
}

static void set_bounds(struct step *s, const struct elf_object *o, bool moved)
{
	struct mm_struct *mm = mm_mut(s, current_mm(s));
	const uint64_t brk = moved ? s->m->arch->dyn_base : o->bias + o->brk;

	mm->start_code = o->bias + o->start_code;
	mm->end_code = o->bias + o->end_code;
	mm->start_data = o->bias + o->start_data;
	mm->end_data = o->bias + o->end_data;
	mm->start_brk = PAGE_ALIGN(brk);
	mm->brk = PAGE_ALIGN(brk);
}

int64_t load_elf_binary(struct step *s, struct linux_binprm *bprm)
{
	const bool has_interp = !file_none(bprm->interp);
	struct elf_object program = {
		.head = &bprm->image->program, .segments = bprm->segments,
		.file = bprm->file, .start_code = UINT64_MAX,
	};
	struct elf_object interp = {
		.head = &bprm->image->interp, .segments = bprm->interp_segments,
		.file = bprm->interp, .start_code = UINT64_MAX,
	};
	int64_t err = load_object(s, &program, has_interp, false, 0);

	if (!err && has_interp)
		err = load_object(s, &interp, false, true, program.bias);
	if (err)
		return err;
	err = arch_setup_additional_pages(s);
	if (err)
		return err;
	err = create_elf_tables(s, bprm, &program, has_interp ? interp.bias : 0);
	if (err)
		return err;
	set_bounds(s, &program, program.head->pie && !has_interp);
	mm_mut(s, current_mm(s))->start_stack = bprm->p;
	return 0;
}
