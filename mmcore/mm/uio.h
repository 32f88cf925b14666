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

struct walker walker_for(const struct arch *a, enum access_kind kind);

/**
 * user_page - one access of the current process
 * @w:     walker of this run of accesses
 * @addr:  byte address
 * @fault: filled in where the access is not to be
 *
 * Sets the accessed and dirty bits; faults, and tries again, where the entry does not
 * permit the access. Returns: the frame accessed, or 0.
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
 * A system call's way to the caller's memory, with its faults. Each gives the number of
 * bytes it could *not* reach; access_ok() has found the range to be in user space. What
 * they give must be looked at. Linux: lib/usercopy.c.
 */
uint64_t copy_to_user(struct step *s, uint64_t to, const void *from,
		      uint64_t n);
uint64_t copy_from_user(struct step *s, void *to, uint64_t from, uint64_t n);
/* As far as no access faults. Returns: what is left. */
uint64_t copy_from_user_atomic(struct step *s, void *to, uint64_t from,
			       uint64_t n);
/* Page by page, until one cannot be had. Returns: what is left (mm/gup.c, 6.18). */
uint64_t fault_in_readable(struct step *s, uint64_t from, uint64_t n);
/* How much of it copy_from_user() would reach, if RAM suffices; no faults. */
uint64_t user_readable(const struct step *s, uint64_t addr, uint64_t n);

/**
 * import_iovec - look an array of ranges of the caller's over
 * @iov: at most UIO_MAXIOV entries, or it is refused
 *
 * Returns: the bytes of all of them, at most MAX_RW_COUNT; -EINVAL or -EFAULT, told.
 * O(entries). Linux: lib/iov_iter.c, 6.18.
 */
int64_t import_iovec(struct step *s, const struct op_iov *iov);
/* What any array of ranges has to be, wherever its ranges lie: 0, or -EINVAL, told.
 * Linux: iovec_from_user(). */
int64_t check_iov(struct step *s, const struct op_iov *iov);

/* ---- buffers ---- */

/* The bytes of a call: in the caller's memory, or outside of the machine. */
struct user_buffer {
	uint64_t addr;		/* of the next byte, where bytes is NULL */
	uint8_t *bytes;
	uint64_t more;		/* bytes that the same write will bring afterwards */
};

/* Put @n bytes into the buffer, or take them. Returns: bytes it could not. */
uint64_t buffer_put(struct step *s, struct user_buffer *to, const void *from,
		    uint64_t n);
uint64_t buffer_get(struct step *s, struct user_buffer *from, void *to,
		    uint64_t n);
/* What of @n bytes can be read without a fault; how many were taken. */
uint64_t buffer_get_atomic(struct step *s, struct user_buffer *from, void *to,
			   uint64_t n);
/* Fault the next @n bytes in, as far as it goes. False: there are none. */
bool buffer_fault_in(struct step *s, const struct user_buffer *from, uint64_t n);
/* Bytes of a page go to a buffer, whose faults may not take the page away meanwhile.
 * Returns: bytes that could not go. */
uint64_t buffer_put_page(struct step *s, struct user_buffer *to, pfn_t pfn,
			 uint64_t offset, uint64_t n);

#endif
