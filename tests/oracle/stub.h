/* SPDX-License-Identifier: MIT */
/*
 * The stub: the puppet's whole program, position independent, one gadget for
 * each thing that a program can do to its memory. A gadget is entered by
 * setting the registers and ends at an int3 (or where it faults).
 */
#ifndef TESTS_ORACLE_STUB_H
#define TESTS_ORACLE_STUB_H

#include <stdint.h>

/* In assembly text: the gadgets, and the tables from limits and pattern on. */
extern const uint8_t stub_begin[], stub_end[];
extern const uint8_t stub_syscall[];	/* rax, rdi, rsi, rdx, r10, r8, r9 */
extern const uint8_t stub_load[];	/* one byte a page: rdi; end rsi */
extern const uint8_t stub_store[];	/* likewise; keeps what is there */
extern const uint8_t stub_read[];	/* rdi, rcx bytes; hash in rax */
extern const uint8_t stub_put[];	/* rax, eight bytes, to rdi */
extern const uint8_t stub_write[];	/* rdi, rcx bytes; phase rax, table rsi */

/* Where the tables are put in the stub page. */
#define STUB_LIMITS	1024		/* struct limit_pair[NR_LIMIT_PAIRS] */
#define STUB_PATTERN	2048
#define STUB_NAME	3072		/* MEMFD_NAME */
#define STUB_PATHS	3136		/* oracle_paths, ORACLE_PATH_LEN each */

#endif
