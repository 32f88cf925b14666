/* SPDX-License-Identifier: MIT */
/* What the kernel reads of an ELF file, as an exec image of docs/api.md section 5. */
#ifndef CLIENTS_CLI_ELF_H
#define CLIENTS_CLI_ELF_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_WHY_MAX 160

/**
 * elf_image_of_bytes - one object, its interpreter not followed
 * @bytes, @len: the whole file; every offset in it is checked against @len
 * @path:        what the image's path will be
 * @interp:      PATH_MAX bytes: the interpreter's path, "" where there is none
 * @why:         ELF_WHY_MAX bytes: set where the answer is NULL
 *
 * Takes 64-bit and 32-bit little-endian ET_EXEC and ET_DYN, e_phnum program
 * headers of the size that the class has, PT_LOAD in ascending order.
 * Returns: a new {path, entry, pie, phdr_offset, phnum, stack_exec, segments},
 * or NULL.
 */
json_t *elf_image_of_bytes(const uint8_t *bytes, size_t len, const char *path,
			   char *interp, char *why);

/**
 * elf_image_of_file - a program and its interpreter
 * @path: the image's path is this one with every symbolic link followed
 *
 * Returns: a new image, or NULL with @why set.
 */
json_t *elf_image_of_file(const char *path, char *why);

#endif
