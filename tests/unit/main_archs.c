/* SPDX-License-Identifier: MIT */
/*
 * Runs those unit suites of mmcore that hold on every architecture, on the one
 * that is named. What speaks of x86-64 alone in them is left out.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/arch/arch.h"
#include "tests/lib/host.h"

/* One line adds a suite. */
#define SUITES(X)	\
	X(arch)		\
	X(invariant)	\
	X(page_alloc)	\
	X(slab)		\
	X(task)		\
	X(pgtable)	\
	X(vma_index)	\
	X(vma)		\
	X(rmap)		\
	X(memory)	\
	X(shmem)	\
	X(radix)	\
	X(interval_tree)	\
	X(filemap)	\
	X(folio)	\
	X(memfd)	\
	X(readahead)	\
	X(writeback)	\
	X(inode)	\
	X(open)		\
	X(file)		\
	X(pipe)		\
	X(splice)	\
	X(access)	\
	X(mprotect)	\
	X(mremap)	\
	X(mlock)	\
	X(msync)	\
	X(process_vm)	\
	X(exit)		\
	X(fork)

#define X(name) Suite *suite_##name(void);
SUITES(X)
#undef X

static uint32_t arch_of(const char *name)
{
	for (uint32_t id = 0; id < NR_ARCHS; id++)
		if (!strcmp(arch_find(id)->name, name))
			return id;
	fprintf(stderr, "no such architecture: %s\n", name);
	exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	SRunner *runner = srunner_create(NULL);
	int failed;

	if (argc > 1)
		host_arch = arch_of(argv[1]);
#define X(name) srunner_add_suite(runner, suite_##name());
	SUITES(X)
#undef X
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
