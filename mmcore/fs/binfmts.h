/* SPDX-License-Identifier: MIT */
/*
 * Executing programs: the declarations that exec.c, binfmt_elf.c and demo.c share. An
 * error is "reported" as fs.h defines it. Linux: include/linux/binfmts.h.
 */
#ifndef MMCORE_BINFMTS_H
#define MMCORE_BINFMTS_H

#include "mmcore/fs/fs.h"

/* A program that is being loaded. Its pointers lead into op->data. */
struct linux_binprm {
	const struct exec_image *image;
	const struct exec_segment *segments, *interp_segments;
	const char *path, *interp_path;	/* NUL-terminated */
	const char *strings;	/* argc arguments, followed by envc variables */
	uint64_t args_len, envs_len;	/* bytes of either, NULs included */
	file_ref file, interp;	/* open for reading; none: there is no such file */
	uint64_t p;		/* the lowest string, later the stack pointer */
};

/**
 * exec_image_parse - check the bytes that describe a program
 * @data: bytes of an operation, aligned to 8
 * @len:  how many there are
 * @bprm: filled in with pointers into @data
 *
 * Returns: whether @data is a complete struct exec_image whose paths are absolute and
 * shorter than PATH_MAX. Cost: O(@len).
 */
bool exec_image_parse(const uint8_t *data, size_t len,
		      struct linux_binprm *bprm);

/**
 * setup_arg_pages - make the stack of a program and copy its strings there
 * @bprm: p becomes the address of the lowest string
 *
 * The stack's area in the current address space is as long as the strings and 128 KiB
 * more. Returns: 0, -E2BIG or -ENOMEM, reported. Linux: fs/exec.c copy_strings() and
 * setup_arg_pages(), 6.18.
 */
int64_t setup_arg_pages(struct step *s, struct linux_binprm *bprm);

/* Map [vvar], [vvar_vclock] and [vdso] where mmap would place them. Returns 0 or
 * -ENOMEM. */
int64_t arch_setup_additional_pages(struct step *s);

/**
 * load_elf_binary - map a program and its interpreter
 * @bprm: its stack exists; p becomes the stack pointer
 *
 * The current address space has nothing but the stack. The function also sets
 * saved_auxv and the bounds of code, data and heap in mm_struct. Returns: 0, or a
 * negative errno, reported. Linux: fs/binfmt_elf.c, 6.18, with ASLR off.
 */
int64_t load_elf_binary(struct step *s, struct linux_binprm *bprm);

/* ---- demo.c ---- */

#define DEMO_SEGMENTS 4

/* Room for the image of the demo program while it is loaded. */
struct demo_image {
	struct exec_image head;
	struct exec_segment segments[DEMO_SEGMENTS];
};

/* Describe the demo program in @image and @bprm, and make its file if there is none.
 * Returns 0, or a negative errno, reported. */
int64_t demo_program(struct step *s, struct demo_image *image,
		     struct linux_binprm *bprm);
/* Do what the first instructions of the demo program do, which begin its heap. Returns
 * 0, or a negative errno, reported. */
int64_t demo_start(struct step *s);

/* ---- exec.c ---- */

/* Open a file to execute it: *@file becomes the open file. It must be regular and have
 * an x bit. Returns 0, or a negative errno, reported. */
int64_t open_exec(struct step *s, const char *path, file_ref *file);

#endif
