/* SPDX-License-Identifier: MIT */
/* Overcommit: how much memory may be promised (2.6.17 and 6.18 mm/util.c). */
#ifndef MMCORE_UTIL_H
#define MMCORE_UTIL_H

#include "mmcore/mm/mm.h"

/* How many pages all swap devices have: 0, since there is none yet. */
uint64_t total_swap_pages(const struct machine *m);

/* CommitLimit in pages: how much may be promised where vm.overcommit_memory is 2. O(1).
 * Linux: mm/util.c, 6.18. */
uint64_t vm_commit_limit(const struct machine *m);

/**
 * __vm_enough_memory - promise memory to an address space
 * @mm:    the address space
 * @pages: how many pages it may come to need
 * @why:   set to a sentence where the answer is no, else to NULL
 *
 * Mode 0 refuses what is more than all RAM and swap, mode 1 nothing, mode 2 what would
 * exceed CommitLimit less the reserves (vm.overcommit_memory).
 * Returns: 0, and the pages are charged; or -ENOMEM without refuse(). O(1).
 * Linux: mm/util.c, 6.18.
 */
int64_t __vm_enough_memory(struct step *s, mm_ref mm, uint64_t pages,
			   const char **why);
/* __vm_enough_memory() whose -ENOMEM is the call's answer, by refuse(). */
int64_t security_vm_enough_memory(struct step *s, mm_ref mm, uint64_t pages);

/* Take back a promise of @pages, which were charged before. O(1). */
void vm_unacct_memory(struct step *s, uint64_t pages);

#endif
