/* SPDX-License-Identifier: MIT */
/*
 * The areas of an address space: the sorted list and mm_rb, splitting and
 * merging, the search for a free range, and the accounting of what is mapped.
 */
#ifndef MMCORE_VMA_H
#define MMCORE_VMA_H

#include "mmcore/calls.h"
#include "mmcore/task.h"

/* As vma_lookup(), and remembers the answer in mmap_cache (2.6.17). */
vma_ref find_vma(struct step *s, mm_ref mm, uint64_t addr);

/* The first VMA that intersects [start, end), or none. Reads only. */
vma_ref find_vma_intersection(const struct machine *m, mm_ref mm,
			      uint64_t start, uint64_t end);

/*
 * Put a filled-in VMA into list and tree, its file's i_mmap and its anon_vma's
 * list; map_count++. vma_append() is for fork, which adds in order at the end.
 */
void vma_link(struct step *s, mm_ref mm, vma_ref vma);
void vma_append(struct step *s, mm_ref mm, vma_ref vma);

/* Take it out of list and tree; the object stays. map_count--. */
void vma_unlink(struct step *s, mm_ref mm, vma_ref vma);

/* Drop what a VMA refers to (file, anon_vma) and free it; already unlinked. */
void remove_vma(struct step *s, vma_ref vma);

/**
 * split_vma - cut a VMA in two
 * @addr: where, page aligned, strictly inside
 * Returns: 0, or -ENOMEM (no vm_area_struct), -EINVAL (special mapping).
 * After it the VMA given is the lower part. map_count is the caller's to check.
 */
int64_t split_vma(struct step *s, mm_ref mm, vma_ref vma, uint64_t addr);

/*
 * vma_modify_flags - give [start, end) of one VMA other flags: merge with the
 * neighbours if 6.18 would, else split off the front, then the tail.
 * Returns the VMA that now covers exactly or at least [start, end); none on
 * failure, with the errno in *err and the reason told.
 */
vma_ref vma_modify_flags(struct step *s, mm_ref mm, vma_ref vma,
			 uint64_t start, uint64_t end, uint64_t new_flags,
			 int64_t *err);

/*
 * vma_expand_down - the stack grows: vm_start and vm_pgoff go down to @addr.
 * Limits, guard gap, accounting as 6.18's expand_stack(). 0 or -ENOMEM.
 */
int64_t expand_stack(struct step *s, mm_ref mm, vma_ref vma, uint64_t addr);

/* total_vm and its classes change by @pages (negative: fewer). */
void vm_stat_account(struct step *s, mm_ref mm, uint64_t vm_flags,
		     file_ref file, int64_t pages);
/* RLIMIT_AS and RLIMIT_DATA leave room for @pages more with these flags? */
bool may_expand_vm(struct step *s, mm_ref mm, uint64_t vm_flags,
		   uint64_t pages);
/* Charge @pages against the overcommit policy: 0 or -ENOMEM, told. */
int64_t security_vm_enough_memory(struct step *s, mm_ref mm, uint64_t pages);
void vm_unacct_memory(struct step *s, uint64_t pages);

/* Where a mapping of @len bytes would go: an address, or -errno, told. */
int64_t get_unmapped_area(struct step *s, mm_ref mm, file_ref file,
			  uint64_t addr, uint64_t len, uint64_t pgoff,
			  uint64_t flags);

int64_t do_mmap_pgoff(struct step *s, file_ref file, uint64_t addr,
		      uint64_t len, uint64_t prot, uint64_t flags,
		      uint64_t pgoff);
int64_t do_munmap(struct step *s, mm_ref mm, uint64_t start, uint64_t len);
/* An anonymous rw private VMA (exec's bss, brk's growth): merged or new. */
int64_t do_brk(struct step *s, mm_ref mm, uint64_t addr, uint64_t len,
	       uint64_t vm_flags);

#endif
