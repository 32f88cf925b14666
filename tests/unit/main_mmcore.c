/* SPDX-License-Identifier: MIT */
/* Runs the unit suites of mmcore: one suite a source file. */
#include <check.h>
#include <stdlib.h>

/* One line adds a suite. */
#define SUITES(X)	\
	X(arch)		\
	X(invariant)	\
	X(ram)		\
	X(poll)		\
	X(rbtree)	\
	X(page_alloc)	\
	X(slab)		\
	X(task)		\
	X(pgtable)	\
	X(vma_index)	\
	X(vma)		\
	X(rmap)		\
	X(memory)	\
	X(shmem)	\
	X(disk)		\
	X(fdtable)	\
	X(radix)	\
	X(interval_tree)	\
	X(filemap)	\
	X(folio)	\
	X(memfd)	\
	X(readahead)	\
	X(writeback)	\
	X(inode)	\
	X(namei)	\
	X(open)		\
	X(file)		\
	X(pipe)		\
	X(splice)	\
	X(access)	\
	X(mmap)		\
	X(mprotect)	\
	X(mremap)	\
	X(madvise)	\
	X(mlock)	\
	X(msync)	\
	X(boot)		\
	X(inspect)	\
	X(step)		\
	X(sysctl)	\
	X(process_vm)	\
	X(procfs)	\
	X(procfs_lru)	\
	X(procfs_pagemap)	\
	X(procfs_smaps)	\
	X(procfs_vmstat)	\
	X(exec)		\
	X(exit)		\
	X(fork)		\
	X(brk)

#define X(name) Suite *suite_##name(void);
SUITES(X)
#undef X

int main(void)
{
	SRunner *runner = srunner_create(NULL);
	int failed;

#define X(name) srunner_add_suite(runner, suite_##name());
	SUITES(X)
#undef X
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
