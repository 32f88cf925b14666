/* SPDX-License-Identifier: MIT */
/*
 * Bytes between a program's memory and somebody else: the simulated CPU's walk, a system
 * call's copies, and buffers that may also lie outside of the machine. Linux:
 * lib/usercopy.c, lib/iov_iter.c.
 */
#ifndef MMCORE_UIO_H
#define MMCORE_UIO_H

#include "mmcore/kernel/calls.h"
#include "mmcore/mm/memory.h"

/* ---- one access after the other ---- */

/* A run of accesses: what an entry must permit, and the entry that the last access
 * used, since the next page's is likely its neighbour. */
struct walker {
	unsigned int fault_flags;	/* FAULT_FLAG_* of a fault on the way */
	uint64_t need, none;	/* entry bits that must be set, must be clear */
	uint64_t mark;		/* bits that the CPU sets */
	uint64_t addr, pte_pa;	/* page aligned; 0: nowhere yet */
};

/* A walker for accesses of a kind by the program itself, which has made none yet. */
struct walker walker_for(const struct arch *a, enum access_kind kind);

/**
 * user_page - one access of the current process
 * @w:     walker of this run of accesses
 * @addr:  byte address
 * @fault: filled in where the access cannot be repaired
 *
 * Sets the accessed and dirty bits; faults, and tries again, where the entry does not
 * permit the access. Returns: the frame accessed, or 0. O(1) where the walker's last entry
 * was a neighbour, else O(levels).
 */
pfn_t user_page(struct step *s, struct walker *w, uint64_t addr,
		struct access_fault *fault);

/* Bytes from @addr to the end of its page, at most @left. */
static inline uint64_t piece(uint64_t addr, uint64_t left)
{
	const uint64_t room = PAGE_SIZE - (addr & ~PAGE_MASK);

	return room < left ? room : left;
}

/* ---- copies of a system call ---- */

/*
 * Copies between the kernel and the memory of the current process, with the faults that
 * they cause. The caller has checked that the range lies in user space. Returns: how many
 * of the @n bytes could not be copied, which callers must not ignore. O(bytes). Linux:
 * lib/usercopy.c, 6.18.
 */
uint64_t copy_to_user(struct step *s, uint64_t to, const void *from,
		      uint64_t n);
uint64_t copy_from_user(struct step *s, void *to, uint64_t from, uint64_t n);
/* copy_from_user() up to the first access that would fault. Returns: bytes left. */
uint64_t copy_from_user_atomic(struct step *s, void *to, uint64_t from,
			       uint64_t n);
/* Access each page of the range for reading, up to the first one that cannot be had.
 * Returns: bytes left. O(pages). Linux: mm/gup.c, 6.18. */
uint64_t fault_in_readable(struct step *s, uint64_t from, uint64_t n);
/* How many of the @n bytes from @addr on copy_from_user() could copy if there are enough free
 * frames. Changes nothing. O(VMAs, and entries, of the range). */
uint64_t user_readable(const struct step *s, uint64_t addr, uint64_t n);

/**
 * import_iovec - check an array of ranges of the caller's memory
 * @iov: the ranges; more than UIO_MAXIOV are refused
 *
 * Returns: how many bytes they have together, at most MAX_RW_COUNT; -EINVAL or -EFAULT by
 * refuse().
 * O(entries). Linux: lib/iov_iter.c, 6.18.
 */
int64_t import_iovec(struct step *s, const struct op_iov *iov);
/* Check what holds for an array of ranges in any address space: their number, and that no
 * length is negative. Returns: 0, or -EINVAL by refuse(). O(entries). Linux:
 * lib/iov_iter.c iovec_from_user(), 6.18. */
int64_t check_iov(struct step *s, const struct op_iov *iov);

/* ---- buffers ---- */

/* The bytes of a call: in the caller's memory, or outside of the machine. */
struct user_buffer {
	uint64_t addr;		/* of the next byte, where bytes is NULL */
	uint8_t *bytes;
	uint64_t more;		/* bytes that the same write will bring afterwards */
};

/* Copy @n bytes to, or from, the buffer and advance it. Returns: how many bytes could not be
 * copied. O(bytes). */
uint64_t buffer_put(struct step *s, struct user_buffer *to, const void *from,
		    uint64_t n);
uint64_t buffer_get(struct step *s, struct user_buffer *from, void *to,
		    uint64_t n);
/* Copy from the buffer up to the first access that would fault. Returns: how many of the @n
 * bytes were copied. */
uint64_t buffer_get_atomic(struct step *s, struct user_buffer *from, void *to,
			   uint64_t n);
/* Fault in the pages of the next @n bytes, up to the first that cannot be had. Returns:
 * false where not even the next byte could be reached. */
bool buffer_fault_in(struct step *s, const struct user_buffer *from, uint64_t n);
/* Copy @n bytes from @offset of page @pfn on to the buffer. Holds a reference to the page
 * meanwhile, since the buffer's faults may reclaim. Returns: how many bytes could not be
 * copied. */
uint64_t buffer_put_page(struct step *s, struct user_buffer *to, pfn_t pfn,
			 uint64_t offset, uint64_t n);

#endif
