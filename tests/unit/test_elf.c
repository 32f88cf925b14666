/* SPDX-License-Identifier: MIT */
/* ELF files as exec images, and files that are none. */
#include <check.h>
#include <elf.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/elf.h"

#define FILE_LEN 0x3000

static const char interp_path[] = "/lib/ld.so";

/* A small program of 64 bits, as it would be on disk. */
static struct program {
	Elf64_Ehdr head;
	Elf64_Phdr ph[4];
	char interp[sizeof(interp_path)];
	uint8_t rest[FILE_LEN - sizeof(Elf64_Ehdr) - 4 * sizeof(Elf64_Phdr) -
		     sizeof(interp_path)];
} program;

static char interp[PATH_MAX + 1], why[ELF_WHY_MAX];

static void setup(void)
{
	memset(&program, 0, sizeof(program));
	memcpy(program.head.e_ident, ELFMAG, SELFMAG);
	program.head.e_ident[EI_CLASS] = ELFCLASS64;
	program.head.e_ident[EI_DATA] = ELFDATA2LSB;
	program.head.e_type = ET_DYN;
	program.head.e_entry = 0x1040;
	program.head.e_phoff = offsetof(struct program, ph);
	program.head.e_phentsize = sizeof(Elf64_Phdr);
	program.head.e_phnum = 4;
	program.ph[0] = (Elf64_Phdr){
		.p_type = PT_INTERP, .p_offset = offsetof(struct program, interp),
		.p_filesz = sizeof(interp_path),
	};
	program.ph[1] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = 0x1800,
		.p_memsz = 0x1800, .p_align = 0x1000,
	};
	program.ph[2] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 0x2000,
		.p_vaddr = 0x3000, .p_filesz = 0x800, .p_memsz = 0x2800,
		.p_align = 0x1000,
	};
	program.ph[3] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_X };
	memcpy(program.interp, interp_path, sizeof(interp_path));
}

static json_t *read_as(size_t len)
{
	*why = '\0';
	return elf_image_of_bytes((const uint8_t *)&program, len, "/bin/prog",
				  interp, why);
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "none";
}

static void expect_refused(const char *part)
{
	json_t *image = read_as(FILE_LEN);

	ck_assert_msg(!image, "taken, but: %s", part);
	ck_assert_msg(strstr(why, part) != NULL, "\"%s\" lacks \"%s\"", why, part);
	setup();
}

START_TEST(a_program_becomes_an_image)
{
	json_t *image = read_as(FILE_LEN), *segments, *data;

	ck_assert_msg(image != NULL, "%s", why);
	segments = json_object_get(image, "segments");
	data = json_array_get(segments, 1);
	ck_assert_str_eq(interp, interp_path);
	ck_assert_str_eq(text(image, "path"), "/bin/prog");
	ck_assert_str_eq(text(image, "entry"), "0x1040");
	ck_assert_str_eq(text(image, "phdr_offset"), "0x40");
	ck_assert(json_is_true(json_object_get(image, "pie")));
	ck_assert(json_is_true(json_object_get(image, "stack_exec")));
	ck_assert_int_eq(json_integer_value(json_object_get(image, "phnum")), 4);
	ck_assert_uint_eq(json_array_size(segments), 2);
	ck_assert_str_eq(text(data, "vaddr"), "0x3000");
	ck_assert_str_eq(text(data, "offset"), "0x2000");
	ck_assert_str_eq(text(data, "filesz"), "0x800");
	ck_assert_str_eq(text(data, "memsz"), "0x2800");
	ck_assert_int_eq(json_integer_value(json_object_get(data, "prot")), 3);
	json_decref(image);
}
END_TEST

START_TEST(a_program_of_32_bits_as_well)
{
	static uint8_t bytes[0x1000];
	Elf32_Ehdr head = { .e_type = ET_EXEC, .e_entry = 0x8048010,
			    .e_phoff = sizeof(head), .e_phnum = 1,
			    .e_phentsize = sizeof(Elf32_Phdr) };
	const Elf32_Phdr load = { .p_type = PT_LOAD, .p_flags = PF_R,
				  .p_vaddr = 0x8048000, .p_filesz = 0x100,
				  .p_memsz = 0x200, .p_align = 0x1000 };
	json_t *image;

	memcpy(head.e_ident, ELFMAG, SELFMAG);
	head.e_ident[EI_CLASS] = ELFCLASS32;
	head.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), &load, sizeof(load));
	image = elf_image_of_bytes(bytes, sizeof(bytes), "/p", interp, why);
	ck_assert_msg(image != NULL, "%s", why);
	ck_assert_str_eq(interp, "");
	ck_assert(json_is_false(json_object_get(image, "pie")));
	ck_assert_str_eq(text(json_array_get(json_object_get(image, "segments"),
					     0), "vaddr"), "0x8048000");
	json_decref(image);
}
END_TEST

START_TEST(what_is_no_program_is_refused)
{
	program.head.e_ident[0] = 'E';
	expect_refused("no ELF file");
	program.head.e_ident[EI_CLASS] = 3;
	expect_refused("ELF class");
	program.head.e_ident[EI_DATA] = ELFDATA2MSB;
	expect_refused("little-endian");
	program.head.e_type = ET_CORE;
	expect_refused("ELF type");
	program.head.e_phentsize = 55;
	expect_refused("e_phentsize");
	program.head.e_phnum = 0;
	expect_refused("e_phnum");
	program.head.e_phoff = UINT64_MAX - 8;
	expect_refused("past the file's end");
	program.ph[0].p_offset = FILE_LEN - 1;
	expect_refused("PT_INTERP");
	program.interp[3] = '\0';
	expect_refused("PT_INTERP is no path");
	program.ph[1].p_filesz = 0x1801;
	expect_refused("exceeds p_memsz");
	program.ph[2].p_offset = 0x2fff000;
	expect_refused("past the file's end");
	program.ph[2].p_memsz = UINT64_MAX - 0x1000;
	expect_refused("wraps");
	program.ph[2].p_vaddr = 0x1000;
	expect_refused("not above");
	program.ph[2].p_offset = 0x2010;
	expect_refused("differ within a page");
	program.ph[2].p_align = 0x3000;
	expect_refused("power of two");
	program.ph[1].p_type = program.ph[2].p_type = PT_NOTE;
	expect_refused("no PT_LOAD");
}
END_TEST

/* Bytes behind the end are never looked at: each length has its own copy. */
START_TEST(a_file_that_ends_early_is_refused)
{
	for (size_t len = 0; len < 0x2800; len += len < 400 ? 1 : 97) {
		uint8_t *bytes = malloc(len ? len : 1);
		json_t *image;

		ck_assert(bytes != NULL);
		memcpy(bytes, &program, len);
		image = elf_image_of_bytes(bytes, len, "/p", interp, why);
		ck_assert_msg(!image, "%zu bytes are taken", len);
		free(bytes);
	}
}
END_TEST

/* Any byte may be any other: an answer or a reason, and nothing outside. */
START_TEST(mutated_files_are_answered)
{
	const size_t head = sizeof(program.head) + sizeof(program.ph) +
			    sizeof(program.interp);
	uint8_t *bytes = malloc(FILE_LEN);

	ck_assert(bytes != NULL);
	for (size_t i = 0; i < head; i++)
		for (unsigned int value = 0; value < 256; value += 17) {
			json_t *image;

			memcpy(bytes, &program, FILE_LEN);
			bytes[i] ^= (uint8_t)(value + 1);
			*why = '\0';
			image = elf_image_of_bytes(bytes, FILE_LEN, "/p", interp,
						   why);
			ck_assert(image || *why);
			ck_assert_uint_lt(strlen(interp), PATH_MAX);
			json_decref(image);
		}
	free(bytes);
}
END_TEST

Suite *suite_elf(void);

Suite *suite_elf(void)
{
	Suite *s = suite_create("elf");
	TCase *t = tcase_create("elf");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, a_program_becomes_an_image);
	tcase_add_test(t, a_program_of_32_bits_as_well);
	tcase_add_test(t, what_is_no_program_is_refused);
	tcase_add_test(t, a_file_that_ends_early_is_refused);
	tcase_add_test(t, mutated_files_are_answered);
	suite_add_tcase(s, t);
	return s;
}
