/* SPDX-License-Identifier: MIT */
/*
 * The areas of an address space: the sorted list and mm_rb, splitting and
 * merging, the search for a free range, and the accounting of what is mapped.
 */
#ifndef MMCORE_VMA_H
#define MMCORE_VMA_H

#include "mmcore/kernel/calls.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/util.h"

/* ---- reading ---- */

/* The lowest address that a VMA keeps others from: a stack keeps stack_guard_gap free below
 * its start. Linux: include/linux/mm.h vm_start_gap(), 6.18. */
static inline uint64_t vm_start_gap(const struct machine *m,
				    const struct vm_area_struct *vma)
{
	uint64_t gap = kernel_at(m)->stack_guard_gap << PAGE_SHIFT;

	if (!(vma->vm_flags & VM_GROWSDOWN))
		return vma->vm_start;
	return vma->vm_start > gap ? vma->vm_start - gap : 0;
}

/* To which class of mm's statistics (exec_vm, stack_vm, data_vm) do the flags belong? At
 * most one of the three is true. Linux: mm/vma.h, 6.18. */
static inline bool is_exec_mapping(uint64_t vm_flags)
{
	return (vm_flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) == VM_EXEC;
}

static inline bool is_stack_mapping(uint64_t vm_flags)
{
	return vm_flags & VM_GROWSDOWN;
}

static inline bool is_data_mapping(uint64_t vm_flags)
{
	return (vm_flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) == VM_WRITE;
}

/* The first VMA that ends above @addr, or none. Sets *@prev to the VMA before it, or to the
 * last one where there is none. O(log VMAs). Linux: mm/mmap.c, 2.6.17. */
vma_ref find_vma_prev(const struct machine *m, mm_ref mm, uint64_t addr,
		      vma_ref *prev);

/* The first VMA that intersects [@start, @end), or none. O(log VMAs). */
vma_ref find_vma_intersection(const struct machine *m, mm_ref mm,
			      uint64_t start, uint64_t end);

/* The lowest address at which a search or a hint may place a mapping, and to which a stack
 * may grow: vm.mmap_min_addr, but at least the floor that security modules set. O(1). */
uint64_t mmap_lowest(const struct machine *m);

/* ---- list and tree ---- */

/* The first VMA that ends above @addr, or none; keeps the answer in mm->mmap_cache.
 * O(log VMAs), or O(1) where the cache has it. Linux: mm/mmap.c, 2.6.17. */
vma_ref find_vma(struct step *s, mm_ref mm, uint64_t addr);

/**
 * vm_area_alloc - allocate a VMA, and reserve its place in the index
 * @mm:   the address space that it is for
 * @addr: where it will start
 *
 * May reclaim. Returns: a zeroed vm_area_struct, or none when no frame can be had.
 * Linking it into @mm cannot fail if it is the next change to @mm's list. O(log VMAs).
 */
vma_ref vm_area_alloc(struct step *s, mm_ref mm, uint64_t addr);

/*
 * Link a VMA whose members are filled in: into the list, the tree and the index, into its
 * file's i_mmap and its anon_vma's list; map_count++. Its range is free. vma_append() is
 * for fork, which adds VMAs in order at the end. Cannot fail. O(log VMAs).
 */
void vma_link(struct step *s, mm_ref mm, vma_ref vma);
void vma_append(struct step *s, mm_ref mm, vma_ref vma);
/* vma_link() between two neighbours that the caller knows; none stands for an end of the
 * list. */
void vma_link_between(struct step *s, mm_ref mm, vma_ref vma, vma_ref prev,
		      vma_ref next);

/* Take the VMA out of the list, the tree and the index; map_count--. The object, and what it
 * refers to, stay. O(log VMAs). */
void vma_unlink(struct step *s, mm_ref mm, vma_ref vma);

/* Drop an unlinked VMA's references to its file and its anon_vma, and free it. The file may
 * be closed by that. */
void remove_vma(struct step *s, vma_ref vma);

/* ---- splitting and merging ---- */

/**
 * split_vma - cut a VMA in two
 * @mm:   its address space
 * @vma:  the VMA, which becomes the lower part
 * @addr: where the upper part begins; page aligned, strictly inside
 *
 * The caller has compared map_count with the limit. Returns: 0; -ENOMEM (no memory for a
 * vm_area_struct) or -EINVAL (special mapping), and nothing has changed. O(log VMAs).
 * Linux: mm/mmap.c, 2.6.17.
 */
int64_t split_vma(struct step *s, mm_ref mm, vma_ref vma, uint64_t addr);

/*
 * A range about to be mapped, and the neighbours it might join; nothing is
 * mapped in it (any more).
 *
 *	   prev       new       next
 *	|--------|***********|--------|
 *	       start        end
 */
struct vma_merge {
	mm_ref mm;
	vma_ref prev, next;	/* touching or not; none at an edge */
	uint64_t start, end;	/* bytes, page aligned */
	uint64_t pgoff;		/* pages */
	uint64_t vm_flags;
	file_ref file;		/* none if anonymous */
	/* Of the VMA whose range this is now; none and 0 for a new mapping. */
	anon_vma_ref anon_vma;
	uint32_t anon_vma_ident;
	uint32_t chain_multi;
};

/**
 * vma_merge_new_range - let a neighbour take a new range over
 *
 * Returns: the VMA that has grown over [start, end), or none: then nothing has
 * changed and the range needs a VMA of its own. Cannot fail. O(log n).
 * Linux: mm/vma.c vma_merge_new_range(), 6.18 (vma_merge() in 2.6.17).
 */
vma_ref vma_merge_new_range(struct step *s, const struct vma_merge *mg);

/**
 * vma_modify_flags - make [start, end) of one VMA ready for other flags
 * @new_flags: the flags it is going to have
 * @err:       set to the negative errno on failure, which is told
 *
 * Merges with the neighbours if 6.18 would, else splits off the front, then
 * the tail. A front that was split off stays so when the tail cannot be.
 *
 * Returns: the VMA that now covers at least [start, end), or none. Its
 * vm_flags are the caller's to write, by vm_flags_reset(). O(log n).
 * Linux: mm/vma.c vma_modify_flags(), 6.18.
 */
vma_ref vma_modify_flags(struct step *s, mm_ref mm, vma_ref vma,
			 uint64_t start, uint64_t end, uint64_t new_flags,
			 int64_t *err);

/* Set the flags of a VMA; flags of VM_STICKY that it has stay set. */
static inline void vm_flags_reset(struct vm_area_struct *vma, uint64_t vm_flags)
{
	vma->vm_flags = vm_flags | (vma->vm_flags & VM_STICKY);
}

/* ---- room ---- */

struct vm_unmapped_area_info {
	bool topdown;
	uint64_t length;	/* bytes, page aligned */
	uint64_t low_limit, high_limit;	/* the search stays in [low, high) */
};

/**
 * vm_unmapped_area - find a free range
 * @next: set to the first VMA above it, or none
 *
 * Returns: the address of the highest (topdown: at the top end of the highest
 * gap) or the lowest range of that length that keeps clear of the guard gap of
 * a stack above it; or -ENOMEM, not told. O(log n) for each stack in the way.
 * Linux: mm/vma.c unmapped_area(), unmapped_area_topdown(), 6.18.
 */
int64_t vm_unmapped_area(const struct machine *m, mm_ref mm,
			 const struct vm_unmapped_area_info *info,
			 vma_ref *next);

/**
 * expand_stack - let a stack grow down to an address
 * @vma:  has VM_GROWSDOWN and begins above @addr
 * @addr: page aligned
 * @why:  set to a sentence where the stack may not grow, else to NULL
 *
 * Limits, guard gap and accounting are those of 6.18's expand_downwards().
 * Returns: 0, or -ENOMEM or -EPERM, not told. O(log VMAs).
 */
int64_t expand_stack(struct step *s, mm_ref mm, vma_ref vma, uint64_t addr,
		     const char **why);

/*
 * The bits of a new PTE in the VMA. A shared writable mapping of a file begins read-only,
 * so that the first store to each page is noticed. Linux: vma_set_page_prot(), 6.18.
 */
uint64_t vma_page_prot(const struct machine *m,
		       const struct vm_area_struct *vma);

/* ---- accounting ---- */

/* Add @pages, which may be negative, to total_vm and to the class of @vm_flags. O(1).
 * Linux: mm/mmap.c, 6.18. */
void vm_stat_account(struct step *s, mm_ref mm, uint64_t vm_flags,
		     file_ref file, int64_t pages);
/* Do RLIMIT_AS and RLIMIT_DATA permit @pages more with these flags? O(1). Linux:
 * mm/mmap.c, 6.18. */
bool may_expand_vm(struct step *s, mm_ref mm, uint64_t vm_flags,
		   uint64_t pages);
/* Where may_expand_vm() has said no: a sentence that names the limit. */
const char *exceeded_limit(const struct step *s, mm_ref mm, uint64_t pages);
/* Does RLIMIT_MEMLOCK permit @bytes more with these flags? Without VM_LOCKED among them:
 * always. O(1). Linux: mm/mmap.c, 6.18. */
bool mlock_future_ok(const struct step *s, mm_ref mm, uint64_t vm_flags,
		     uint64_t bytes);

/* ---- calls ---- */

/* Where a mapping of @len bytes would go: an address, or -errno, told. */
int64_t get_unmapped_area(struct step *s, mm_ref mm, file_ref file,
			  uint64_t addr, uint64_t len, uint64_t pgoff,
			  uint64_t flags);

int64_t do_mmap_pgoff(struct step *s, file_ref file, uint64_t addr,
		      uint64_t len, uint64_t prot, uint64_t flags,
		      uint64_t pgoff);
int64_t do_munmap(struct step *s, mm_ref mm, uint64_t start, uint64_t len);
/*
 * An anonymous rw private VMA (exec's bss, brk's growth) in a free range: the
 * VMA that ends at @addr grows over it if it may, else a new one. 0 or -ENOMEM.
 */
int64_t do_brk(struct step *s, mm_ref mm, uint64_t addr, uint64_t len,
	       uint64_t vm_flags);
/*
 * The same for exec, in the current address space: what is in the range goes.
 * @vm_flags: VM_EXEC or 0. 0 or a negative errno, told. Linux: mm/mmap.c, 6.18.
 */
int64_t vm_brk_flags(struct step *s, uint64_t addr, uint64_t len,
		     uint64_t vm_flags);

#endif
