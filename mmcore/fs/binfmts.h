/* SPDX-License-Identifier: MIT */
/* Executing programs: what exec.c and binfmt_elf.c share (include/linux/binfmts.h). */
#ifndef MMCORE_BINFMTS_H
#define MMCORE_BINFMTS_H

#include "mmcore/fs/fs.h"

/* A program on its way into an address space, read from op->data. */
struct linux_binprm {
	const struct exec_image *image;
	const struct exec_segment *segments, *interp_segments;
	const char *path, *interp_path;	/* NUL-terminated */
	const char *strings;	/* argc arguments, then envc variables */
	uint64_t args_len, envs_len;	/* bytes of either, NULs included */
	file_ref file, interp;	/* open for reading; none: not there */
	uint64_t p;		/* the lowest string, later the stack pointer */
};

/**
 * exec_image_parse - look at the bytes of an operation
 * @bprm: filled in with pointers into @data
 *
 * Returns: whether @data is a struct exec_image with all that belongs to it,
 * every path absolute and shorter than PATH_MAX. Bounded by @len.
 */
bool exec_image_parse(const uint8_t *data, size_t len,
		      struct linux_binprm *bprm);

/**
 * setup_arg_pages - the stack with its strings, in the current address space
 * @bprm: p is set to the lowest string
 * Linux: fs/exec.c copy_strings(), setup_arg_pages(), 6.18: the stack's area is
 * as long as the strings and 128 KiB more. 0, -E2BIG or -ENOMEM, told.
 */
int64_t setup_arg_pages(struct step *s, struct linux_binprm *bprm);

/* [vvar], [vvar_vclock] and [vdso], where a mapping would go. 0/-ENOMEM. */
int64_t arch_setup_additional_pages(struct step *s);

/**
 * load_elf_binary - map a program and its interpreter, and set the stage
 * @bprm: its stack is there; p becomes the stack pointer
 *
 * Into the current address space, which is empty but for the stack. Sets the
 * bounds that mm_struct remembers and saved_auxv. 0, or a negative errno, told.
 * Linux: fs/binfmt_elf.c, 6.18, with ASLR off.
 */
int64_t load_elf_binary(struct step *s, struct linux_binprm *bprm);

/* ---- demo.c ---- */

#define DEMO_SEGMENTS 4

/* Where the image of the demo program is kept while it is loaded. */
struct demo_image {
	struct exec_image head;
	struct exec_segment segments[DEMO_SEGMENTS];
};

/* The demo program, its file made if it is not there. 0 or -errno, told. */
int64_t demo_program(struct step *s, struct demo_image *image,
		     struct linux_binprm *bprm);
/* What its first instructions do: the heap begins. 0 or -errno, told. */
int64_t demo_start(struct step *s);

/* ---- exec.c ---- */

/* A file open for being executed: regular, with an x bit. 0 or -errno, told. */
int64_t open_exec(struct step *s, const char *path, file_ref *file);

#endif
