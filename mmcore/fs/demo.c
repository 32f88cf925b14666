/* SPDX-License-Identifier: MIT */
/*
 * The demo program: a small static one, where the architecture's linker puts one.
 * Its ELF file is made here and put on the disk as /demo when it is first
 * wanted. It is a real file: its header, its program headers and, on x86, its
 * instructions.
 *
 *	+0000 r--	ELF header		+4000 rw-	data and bss
 *	+1000 r-x	text			+6000 rw-	[heap]
 *	+3000 r--	read-only data		mmap_base	[vdso], [vvar]
 */
#include <string.h>

#include "mmcore/arch/arch.h"
#include "mmcore/fs/binfmts.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/vma.h"

#define DEMO_PATH	"/demo"
#define DEMO_FILE_SIZE	0x4800
#define DEMO_TEXT	0x1000
#define DEMO_RODATA	0x3000
#define DEMO_HEAP	(33 * PAGE_SIZE)

#define PT_LOAD	1
#define PF_X	1
#define PF_W	2
#define PF_R	4

/* Addresses are relative to arch->exec_base. */
static const struct exec_segment demo_segments[DEMO_SEGMENTS] = {
	{ 0x0000, 0x0000, 0x0120, 0x0120, PAGE_SIZE, PROT_READ },
	{ 0x1000, 0x1000, 0x1f00, 0x1f00, PAGE_SIZE, PROT_READ | PROT_EXEC },
	{ 0x3000, 0x3000, 0x0600, 0x0600, PAGE_SIZE, PROT_READ },
	{ 0x4000, 0x4000, 0x0800, 0x2000, PAGE_SIZE, PROT_READ | PROT_WRITE },
};

static const char demo_argv[] = DEMO_PATH;

/* Also what x86 programs of 32 bits would do: pause; jmp back. */
static const uint8_t demo_text[] = { 0xf3, 0x90, 0xeb, 0xfc };
static const char demo_rodata[] = "a simulated machine\n";

/* Puts words one after another, little-endian as all our machines are. */
struct elf_writer {
	uint8_t *at;
	uint32_t word;		/* bytes of an address */
};

static void put(struct elf_writer *w, uint64_t value, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		*w->at++ = (uint8_t)(value >> 8 * i);
}

static void put_phdr(struct elf_writer *w, const struct exec_segment *seg)
{
	const uint64_t flags = (seg->prot & PROT_READ ? PF_R : 0) |
			       (seg->prot & PROT_WRITE ? PF_W : 0) |
			       (seg->prot & PROT_EXEC ? PF_X : 0);

	put(w, PT_LOAD, 4);
	if (w->word == 8)
		put(w, flags, 4);
	put(w, seg->offset, w->word);
	put(w, seg->vaddr, w->word);
	put(w, seg->vaddr, w->word);
	put(w, seg->filesz, w->word);
	put(w, seg->memsz, w->word);
	if (w->word == 4)
		put(w, flags, 4);
	put(w, seg->align, w->word);
}

/* The file's first bytes: gABI, "ELF Header" and "Program Header". */
static void put_headers(const struct arch *a, const struct demo_image *image,
			uint8_t *bytes)
{
	static const uint8_t ident[16] = { 0x7f, 'E', 'L', 'F', 0, 1, 1 };
	struct elf_writer w = { bytes, arch_word(a) };
	const uint32_t ehsize = (uint32_t)image->head.program.phdr_offset;

	memcpy(bytes, ident, sizeof(ident));
	bytes[4] = w.word == 8 ? 2 : 1;		/* ELFCLASS64, ELFCLASS32 */
	w.at += sizeof(ident);
	put(&w, 2, 2);				/* ET_EXEC */
	put(&w, a->elf_machine, 2);
	put(&w, 1, 4);
	put(&w, image->head.program.entry, w.word);
	put(&w, ehsize, w.word);		/* e_phoff */
	put(&w, 0, w.word);			/* no sections */
	put(&w, 0, 4);
	put(&w, ehsize, 2);
	put(&w, w.word == 8 ? 56 : 32, 2);
	put(&w, DEMO_SEGMENTS, 2);
	put(&w, 0, 6);
	for (uint32_t i = 0; i < DEMO_SEGMENTS; i++)
		put_phdr(&w, &image->segments[i]);
}

static void describe(const struct arch *a, struct demo_image *image)
{
	image->head = (struct exec_image){
		.program = {
			.entry = a->exec_base + DEMO_TEXT,
			.phdr_offset = arch_word(a) == 8 ? 64 : 52,
			.phnum = DEMO_SEGMENTS,
			.nr_segments = DEMO_SEGMENTS,
		},
		.argc = 1,
	};
	memcpy(image->segments, demo_segments, sizeof(demo_segments));
	for (uint32_t i = 0; i < DEMO_SEGMENTS; i++)
		image->segments[i].vaddr += a->exec_base;
}

static int64_t make_file(struct step *s, const struct demo_image *image)
{
	const struct op_file_create a = { .size = DEMO_FILE_SIZE, .mode = 0755 };
	uint8_t bytes[DEMO_RODATA + sizeof(demo_rodata)] = { 0 };

	put_headers(s->m->arch, image, bytes);
	memcpy(bytes + DEMO_TEXT, demo_text, sizeof(demo_text));
	memcpy(bytes + DEMO_RODATA, demo_rodata, sizeof(demo_rodata));
	return file_create(s, &a, DEMO_PATH, sizeof(DEMO_PATH) - 1, bytes,
			   sizeof(bytes));
}

int64_t demo_program(struct step *s, struct demo_image *image,
		     struct linux_binprm *bprm)
{
	int64_t err;

	describe(s->m->arch, image);
	*bprm = (struct linux_binprm){
		.image = &image->head,
		.segments = image->segments,
		.path = DEMO_PATH,
		.interp_path = "",
		.strings = demo_argv,
		.args_len = sizeof(demo_argv),
	};
	err = open_exec(s, DEMO_PATH, &bprm->file);
	if (err != -ENOENT)
		return err;
	s->res->why = NULL;
	err = make_file(s, image);
	return err ? err : open_exec(s, DEMO_PATH, &bprm->file);
}

int64_t demo_start(struct step *s)
{
	const mm_ref mm = current_mm(s);
	const uint64_t brk = mm_at(s->m, mm)->brk;
	int64_t err = vm_brk_flags(s, brk, DEMO_HEAP, 0);

	if (!err)
		mm_mut(s, mm)->brk = brk + DEMO_HEAP;
	return err;
}
