/* SPDX-License-Identifier: MIT */
/*
 * Address spaces as drawings. A space is a machine with one process and an
 * arena in it, far from everything else; a drawing shows the arena page by
 * page: a dot where nothing is mapped, else a letter, another one for each VMA
 * in the order of addresses.
 *
 *	space_map(&sp, 0, 2, RW);
 *	space_map(&sp, 3, 1, PROT_READ);
 *	expect_space(&sp, "AA.B");
 */
#ifndef TESTS_LIB_SPACE_H
#define TESTS_LIB_SPACE_H

#include <check.h>

#include "mmcore/uapi.h"
#include "tests/lib/host.h"

/* test_archs is built with another, which lies in every user space. */
#ifndef ARENA
#define ARENA		0x100000000000ULL
#endif
#define ARENA_PAGES	64
#define RW		(PROT_READ | PROT_WRITE)
#define PRIVATE		(MAP_PRIVATE | MAP_ANONYMOUS)
#define SHARED		(MAP_SHARED | MAP_ANONYMOUS)

struct space {
	struct machine *m;
	uint32_t pid;
	char drawing[ARENA_PAGES + 1];
};

/* 64 MiB and the defaults; or as configured. */
void space_open(struct space *sp);
void space_open_with(struct space *sp, const struct mm_config *config,
		     bool privileged);
/* Checks the whole machine once more. */
void space_close(struct space *sp);

static inline uint64_t page_addr(unsigned int n)
{
	return ARENA + n * PAGE_SIZE;
}

/* Each gives the system call's value, or the negative errno. */
int64_t space_mmap(struct space *sp, unsigned int n, unsigned int pages,
		   uint64_t prot, uint64_t flags);
/* Anonymous, private, fixed. */
int64_t space_map(struct space *sp, unsigned int n, unsigned int pages,
		  uint64_t prot);
int64_t space_unmap(struct space *sp, unsigned int n, unsigned int pages);
int64_t space_protect(struct space *sp, unsigned int n, unsigned int pages,
		      uint64_t prot);
/* A store into page @n, which must succeed. */
void space_write(struct space *sp, unsigned int n);
void space_sysctl(struct space *sp, int id, uint64_t value);

task_ref space_task(const struct space *sp);
const struct mm_struct *space_mm(const struct space *sp);
/* The VMA that contains page @n; it must be mapped. */
const struct vm_area_struct *space_vma(const struct space *sp, unsigned int n);
/* What the page tables say of page @n. */
struct mm_pagemap space_page(const struct space *sp, unsigned int n);
/* The space of another process of the same machine: do not close it. */
struct space space_of(const struct space *sp, int64_t pid);
uint64_t space_committed(const struct space *sp);

/* The drawing, up to the last page mapped. */
const char *space_draw(struct space *sp);

/*
 * What list, tree, gaps and counters say of each other, recomputed the slow
 * way. Aborts with a sentence.
 */
void space_verify(const struct space *sp);

#define expect_space(sp, expected)					\
	do {								\
		space_verify(sp);					\
		ck_assert_str_eq(space_draw(sp), (expected));		\
	} while (0)

#endif
