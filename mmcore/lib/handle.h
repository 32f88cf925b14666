/* SPDX-License-Identifier: MIT */
/*
 * Typed references. An object of the simulated kernel lives in the simulated
 * RAM and is named by its simulated physical address; each kind of object has
 * its own one-member struct, so the compiler refuses an address space where a
 * VMA is wanted. Address 0 lies in the reserved frame 0 and is never handed
 * out: zeroed bytes read as "none" everywhere.
 *
 * What is stored is a reference; what a function holds is a borrowed pointer
 * made by KIND_at() (to read) or KIND_mut() (to write). The RAM never moves
 * while an operation runs, so a borrowed pointer lives until the step ends.
 */
#ifndef MMCORE_HANDLE_H
#define MMCORE_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

#define DEFINE_HANDLE(kind)						\
	typedef struct {						\
		uint64_t pa;						\
	} kind##_ref;							\
	static inline kind##_ref kind##_make(uint64_t pa)		\
	{								\
		return (kind##_ref){ pa };				\
	}								\
	static inline bool kind##_none(kind##_ref r)			\
	{								\
		return r.pa == 0;					\
	}								\
	static inline bool kind##_same(kind##_ref a, kind##_ref b)	\
	{								\
		return a.pa == b.pa;					\
	}								\
	typedef kind##_ref kind##_handle_defined

DEFINE_HANDLE(vma);		/* struct vm_area_struct */
DEFINE_HANDLE(mm);		/* struct mm_struct */
DEFINE_HANDLE(anon_vma);	/* struct anon_vma */
DEFINE_HANDLE(task);		/* struct task_struct */
DEFINE_HANDLE(files);		/* struct files_struct */
DEFINE_HANDLE(file);		/* struct file */
DEFINE_HANDLE(inode);		/* struct inode */
DEFINE_HANDLE(mapping);		/* struct address_space */
DEFINE_HANDLE(pipe);		/* struct pipe_inode_info */

/* A page frame number; 32 bits wide, so at most 16 TiB of RAM. 0 is none. */
typedef uint32_t pfn_t;

#endif
