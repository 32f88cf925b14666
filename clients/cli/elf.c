/* SPDX-License-Identifier: MIT */
#include "clients/cli/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PHNUM_MAX	(65536 / sizeof(Elf64_Phdr))	/* as the kernel has it */

/* The members of either class's header that matter, as one shape. */
struct header {
	unsigned int type, phnum;
	uint64_t entry, phoff;
	size_t phentsize;
	bool wide;		/* 64-bit */
};

static bool wrong(char *why, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool wrong(char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, ELF_WHY_MAX, format, args);
	va_end(args);
	return false;
}

/* Whether @count bytes from @offset lie inside @len. */
static bool inside(uint64_t offset, uint64_t count, size_t len)
{
	return offset <= len && count <= len - offset;
}

/* ---- headers ---- */

static bool read_header(const uint8_t *bytes, size_t len, struct header *h)
{
	Elf64_Ehdr wide;
	Elf32_Ehdr narrow;

	h->wide = bytes[EI_CLASS] == ELFCLASS64;
	if (len < (h->wide ? sizeof(wide) : sizeof(narrow)))
		return false;
	if (h->wide) {
		memcpy(&wide, bytes, sizeof(wide));
		*h = (struct header){ wide.e_type, wide.e_phnum, wide.e_entry,
				      wide.e_phoff, wide.e_phentsize, true };
		return true;
	}
	memcpy(&narrow, bytes, sizeof(narrow));
	*h = (struct header){ narrow.e_type, narrow.e_phnum, narrow.e_entry,
			      narrow.e_phoff, narrow.e_phentsize, false };
	return true;
}

/* The @nr-th program header, widened; it lies inside the file. */
static Elf64_Phdr program_header(const uint8_t *bytes, const struct header *h,
				 unsigned int nr)
{
	Elf64_Phdr wide;
	Elf32_Phdr narrow;

	bytes += h->phoff + (uint64_t)nr * h->phentsize;
	if (h->wide) {
		memcpy(&wide, bytes, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, bytes, sizeof(narrow));
	return (Elf64_Phdr){
		.p_type = narrow.p_type, .p_flags = narrow.p_flags,
		.p_offset = narrow.p_offset, .p_vaddr = narrow.p_vaddr,
		.p_filesz = narrow.p_filesz, .p_memsz = narrow.p_memsz,
		.p_align = narrow.p_align,
	};
}

static bool check_header(const uint8_t *bytes, size_t len, struct header *h,
			 char *why)
{
	if (len < EI_NIDENT || memcmp(bytes, ELFMAG, SELFMAG))
		return wrong(why, "it is no ELF file");
	if (bytes[EI_CLASS] != ELFCLASS64 && bytes[EI_CLASS] != ELFCLASS32)
		return wrong(why, "ELF class %u is neither 32-bit nor 64-bit",
			     bytes[EI_CLASS]);
	if (bytes[EI_DATA] != ELFDATA2LSB)
		return wrong(why, "only little-endian ELF files are read");
	if (!read_header(bytes, len, h))
		return wrong(why, "the file ends inside its ELF header");
	if (h->type != ET_EXEC && h->type != ET_DYN)
		return wrong(why, "ELF type %u is no program (ET_EXEC, ET_DYN)",
			     h->type);
	if (h->phentsize != (h->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return wrong(why, "e_phentsize is %zu", h->phentsize);
	if (!h->phnum || h->phnum > PHNUM_MAX)
		return wrong(why, "e_phnum is %u, not 1 to %zu", h->phnum,
			     PHNUM_MAX);
	if (!inside(h->phoff, (uint64_t)h->phnum * h->phentsize, len))
		return wrong(why, "the program headers lie past the file's end");
	return true;
}

/* ---- segments ---- */

static json_t *hex(uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	return json_string(text);
}

static bool check_segment(const Elf64_Phdr *p, uint64_t least, size_t len,
			  char *why)
{
	const unsigned long long at = p->p_vaddr;

	if (p->p_filesz > p->p_memsz)
		return wrong(why, "segment 0x%llx: p_filesz exceeds p_memsz", at);
	if (!inside(p->p_offset, p->p_filesz, len))
		return wrong(why, "segment 0x%llx lies past the file's end", at);
	if (p->p_vaddr + p->p_memsz < p->p_vaddr)
		return wrong(why, "segment 0x%llx wraps around", at);
	if (p->p_vaddr < least)
		return wrong(why, "segment 0x%llx is not above the one before it",
			     at);
	if ((p->p_vaddr ^ p->p_offset) & 4095)
		return wrong(why, "segment 0x%llx: p_vaddr and p_offset differ "
				  "within a page", at);
	if (p->p_align & (p->p_align - 1))
		return wrong(why, "segment 0x%llx: p_align is no power of two",
			     at);
	return true;
}

static json_t *segment(const Elf64_Phdr *p)
{
	const int prot = (p->p_flags & PF_R ? PROT_READ : 0) |
			 (p->p_flags & PF_W ? PROT_WRITE : 0) |
			 (p->p_flags & PF_X ? PROT_EXEC : 0);

	return json_pack("{s:o, s:o, s:o, s:o, s:i, s:o}",
			 "vaddr", hex(p->p_vaddr), "offset", hex(p->p_offset),
			 "filesz", hex(p->p_filesz), "memsz", hex(p->p_memsz),
			 "prot", prot, "align", hex(p->p_align));
}

static bool take_interp(const uint8_t *bytes, size_t len, const Elf64_Phdr *p,
			char *interp, char *why)
{
	if (!inside(p->p_offset, p->p_filesz, len))
		return wrong(why, "PT_INTERP lies past the file's end");
	if (p->p_filesz < 2 || p->p_filesz > PATH_MAX ||
	    memchr(bytes + p->p_offset, 0, p->p_filesz) !=
		    bytes + p->p_offset + p->p_filesz - 1)
		return wrong(why, "PT_INTERP is no path");
	memcpy(interp, bytes + p->p_offset, p->p_filesz);
	return true;
}

/* All program headers, into @segments. */
static bool take_headers(const uint8_t *bytes, size_t len,
			 const struct header *h, json_t *segments, char *interp,
			 bool *stack_exec, char *why)
{
	uint64_t least = 0;

	for (unsigned int i = 0; i < h->phnum; i++) {
		const Elf64_Phdr p = program_header(bytes, h, i);

		if (p.p_type == PT_GNU_STACK)
			*stack_exec = p.p_flags & PF_X;
		if (p.p_type == PT_INTERP && !*interp &&
		    !take_interp(bytes, len, &p, interp, why))
			return false;
		if (p.p_type != PT_LOAD || !p.p_memsz)
			continue;
		if (!check_segment(&p, least, len, why))
			return false;
		least = p.p_vaddr + p.p_memsz;
		json_array_append_new(segments, segment(&p));
	}
	if (!json_array_size(segments))
		return wrong(why, "it has no PT_LOAD segment");
	return true;
}

json_t *elf_image_of_bytes(const uint8_t *bytes, size_t len, const char *path,
			   char *interp, char *why)
{
	json_t *segments, *name;
	bool stack_exec = false;
	struct header h = { .type = 0 };

	*interp = '\0';
	if (!check_header(bytes, len, &h, why))
		return NULL;
	name = json_string(path);
	if (!name) {
		wrong(why, "its path is not valid UTF-8");
		return NULL;
	}
	segments = json_array();
	if (!take_headers(bytes, len, &h, segments, interp, &stack_exec, why)) {
		json_decref(segments);
		json_decref(name);
		return NULL;
	}
	return json_pack("{s:o, s:o, s:b, s:o, s:i, s:b, s:o}", "path", name,
			 "entry", hex(h.entry), "pie", h.type == ET_DYN,
			 "phdr_offset", hex(h.phoff), "phnum", (int)h.phnum,
			 "stack_exec", stack_exec, "segments", segments);
}

/* ---- files ---- */

static json_t *image_of_descriptor(int fd, const char *path, char *interp,
				   char *why)
{
	struct stat st;
	void *bytes;
	json_t *image;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size) {
		wrong(why, "it is no ELF file");
		return NULL;
	}
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED) {
		wrong(why, "%s", strerror(errno));
		return NULL;
	}
	image = elf_image_of_bytes(bytes, (size_t)st.st_size, path, interp, why);
	munmap(bytes, (size_t)st.st_size);
	return image;
}

/* One object of the disk; its path has no symbolic link any more. */
static json_t *image_of_path(const char *path, char *interp, char *why)
{
	char *real = realpath(path, NULL);
	int fd = real ? open(real, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	json_t *image;

	if (fd < 0) {
		wrong(why, "%.96s: %s", path, strerror(errno));
		free(real);
		return NULL;
	}
	image = image_of_descriptor(fd, real, interp, why);
	close(fd);
	free(real);
	return image;
}

json_t *elf_image_of_file(const char *path, char *why)
{
	char interp[PATH_MAX + 1], none[PATH_MAX + 1];
	json_t *image = image_of_path(path, interp, why), *loader;

	if (!image || !*interp)
		return image;
	loader = image_of_path(interp, none, why);
	if (!loader) {
		json_decref(image);
		return NULL;
	}
	json_object_del(loader, "stack_exec");
	json_object_set_new(image, "interp", loader);
	return image;
}
