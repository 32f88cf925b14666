/* SPDX-License-Identifier: MIT */
/* Faults, and the page-table side of mapping, protecting, copying, unmapping. */
#ifndef MMCORE_MEMORY_H
#define MMCORE_MEMORY_H

#include "mmcore/fs/fs.h"
#include "mmcore/kernel/calls.h"
#include "mmcore/mm/pgtable.h"
#include "mmcore/mm/rmap.h"
#include "mmcore/mm/swap.h"

/* The outcome of a fault. Linux: enum vm_fault_reason, 6.18. */
enum vm_fault_reason {
	VM_FAULT_MINOR,		/* the page was in RAM */
	VM_FAULT_MAJOR,		/* the disk was asked for it */
	VM_FAULT_SIGBUS,	/* BUS_ADRERR */
	VM_FAULT_SIGSEGV,	/* a guard page: SEGV_MAPERR */
	VM_FAULT_OOM,		/* no frame could be had */
	/* The fault began anew without waiting for the disk. To a program it is minor;
	 * where the kernel copies for the program it is major, since the kernel gives the
	 * lock of one VMA up first. */
	VM_FAULT_RETRIED,
};
typedef enum vm_fault_reason vm_fault_t;

/* vmf->flags: 6.18's values, and one of ours. */
#define FAULT_FLAG_WRITE	(1u << 0)	/* a store */
#define FAULT_FLAG_TRIED	(1u << 5)	/* the fault has waited once already */
#define FAULT_FLAG_INSTRUCTION	(1u << 8)	/* an instruction fetch */
#define FAULT_FLAG_UNSHARE	(1u << 10)	/* an outsider wants the page, to read it */
#define FAULT_FLAG_KERNEL_COPY	(1u << 31)	/* the kernel copies for the program */

/*
 * One fault, from the access on to the entry that it fills. Linux: struct vm_fault,
 * 6.18 include/linux/mm.h.
 */
struct vm_fault {
	mm_ref mm;		/* the address space */
	vma_ref vma;		/* contains addr and permits the access */
	uint64_t addr;		/* page aligned, once the fault is being handled */
	uint64_t pte_pa;	/* physical address of its entry; 0: a table is missing */
	pte_t orig_pte;		/* the entry as the fault found it */
	unsigned int flags;	/* FAULT_FLAG_* */
	bool fresh_table;	/* this fault made the table that the entry is in */
};

/* How a kind of memory area handles faults. vma->vm_ops picks the entry. */
struct vm_operations_struct {
	const char *name;
	/* The entry is none: bring the page in and map it. NULL: the area is anonymous. */
	vm_fault_t (*fault)(struct step *s, const struct vm_fault *vmf);
	/* Only find the page, which will be copied, and set *@pfn to it, without a
	 * reference. NULL: the area has no private mappings. */
	vm_fault_t (*nopage)(struct step *s, const struct vm_fault *vmf, pfn_t *pfn);
	/* A shared mapping stores to page @pfn for the first time. Returns: false where the
	 * store ends in SIGBUS. NULL: new entries are writable from the start. */
	bool (*page_mkwrite)(struct step *s, const struct vm_fault *vmf, pfn_t pfn);
};

static inline bool vma_is_anonymous(const struct vm_area_struct *vma)
{
	return vma->vm_ops == VM_OPS_NONE;
}

extern const struct vm_operations_struct vm_operations[NR_VM_OPS];

/* The functions of the VMA, which must have a valid vm_ops. O(1). */
static inline const struct vm_operations_struct *
vma_ops(const struct vm_area_struct *vma)
{
	MM_ASSERT(vma->vm_ops < NR_VM_OPS);
	return &vm_operations[vma->vm_ops];
}

/* Map @nr pages of one folio of a file, from frame @pfn on, by the entries from @pte_pa on,
 * which are none and lie in one table. They get vm_page_prot and @bits. Takes a reference
 * for each, counts rmap and rss. O(pages). Linux: mm/memory.c set_pte_range(), 6.18. */
void map_file_pages(struct step *s, mm_ref mm, const struct vm_area_struct *vma,
		    uint64_t pte_pa, pfn_t pfn, uint32_t nr, uint64_t bits);

/* Functions for vm_operations[], defined in shmem.c and exec.c. filemap.h declares those
 * for files. */
vm_fault_t shmem_fault(struct step *s, const struct vm_fault *vmf);
vm_fault_t shmem_nopage(struct step *s, const struct vm_fault *vmf, pfn_t *pfn);
vm_fault_t special_mapping_fault(struct step *s, const struct vm_fault *vmf);

/**
 * handle_mm_fault - make an access possible
 * @vmf: mm, vma, addr (any byte of the page), flags, and pte_pa where the caller has
 *       walked the tables already; 0: it is made. The other members are filled in
 *
 * Makes tables, maps a page or copies one. With FAULT_FLAG_UNSHARE the anonymous page
 * of a present, read-only entry becomes this address space's alone, as it must before
 * somebody outside holds on to it; the entry stays read-only. Counts pgfault, also
 * where nothing can be done; does not count min_flt and maj_flt.
 *
 * Returns: what came of it. O(levels), and what the disk or a copy costs.
 * Linux: mm/memory.c, 6.18.
 */
vm_fault_t handle_mm_fault(struct step *s, struct vm_fault *vmf);

/* Count a fault that was repaired in min_flt or maj_flt of the current process, whoever's
 * memory it was in. @flags: the fault's; FAULT_FLAG_KERNEL_COPY matters. O(1). */
void count_fault(struct step *s, vm_fault_t fault, unsigned int flags);
/* Count a fault that waited for the disk, gave up its locks and found the page afterwards.
 * For the process it is minor. Linux: mm/memory.c mm_account_fault(), 6.18. */
void count_waited_fault(struct step *s, vm_fault_t fault);
/* Count a fault that was tried again with FAULT_FLAG_TRIED after a wait. For the process it
 * is major, even where it waited for readahead and not for the page. */
void count_tried_fault(struct step *s, vm_fault_t fault);

/* The end of an access of a program: it may go on, or there is a signal. */
struct access_fault {
	int signo;		/* 0: the access may go on */
	int si_code;
	uint64_t fault_addr;
	const char *why;
};

/**
 * do_page_fault - the whole decision tree for the current process
 * @addr:  byte address; any pattern
 * @flags: FAULT_FLAG_WRITE, FAULT_FLAG_INSTRUCTION, FAULT_FLAG_KERNEL_COPY
 *
 * Looks the VMA up, grows a stack, checks the permission, handles the fault and counts
 * it. Returns: signo 0 where the access may go on. Linux: arch/x86/mm/fault.c
 * do_user_addr_fault(), 6.18; arch/riscv/mm/fault.c.
 */
struct access_fault do_page_fault(struct step *s, uint64_t addr,
				  unsigned int flags);

/*
 * Fault in [@start, @end), page aligned, as mlock and MAP_POPULATE do: writable private
 * memory by write faults, other memory by read faults, inaccessible VMAs not at all. An
 * error in a VMA skips what is left of that VMA. O(pages). Linux: mm/gup.c
 * __mm_populate(), 6.18.
 */
void make_pages_present(struct step *s, mm_ref mm, uint64_t start,
			uint64_t end);
/* make_pages_present() of one VMA where the caller keeps the address space locked: a fault
 * that waits for the disk does not end the walk, and counts as major. */
void populate_vma_in_place(struct step *s, mm_ref mm, vma_ref vma,
			   uint64_t start, uint64_t end);
/* make_pages_present() that, without @ignore_errors, ends at the first error. Returns: 0;
 * -EFAULT (no access, or behind the end of the object) or -ENOMEM, without refuse(). */
int64_t __mm_populate(struct step *s, mm_ref mm, uint64_t start, uint64_t end,
		      bool ignore_errors);

/* Fault in [@start, @end), page aligned, for reading or for writing, up to the first page
 * that cannot be had, as MADV_POPULATE_READ and _WRITE do. Returns: 0; -ENOMEM (a hole, or
 * no frame), -EINVAL (no permission) or -EFAULT, without refuse(). O(pages). Linux:
 * mm/gup.c, 6.18. */
int64_t faultin_page_range(struct step *s, mm_ref mm, uint64_t start,
			   uint64_t end, bool write);

/**
 * pin_user_pages_remote - take references to pages of an address space
 * @mm:    the address space
 * @addr:  page aligned; any pattern
 * @nr:    pages wanted
 * @write: they will be written to
 * @pages: filled in with their frames
 *
 * Faults pages in as their VMAs permit; an anonymous page that is only read is
 * unshared first. A stack does not grow. Each frame gains a reference, which the caller
 * gives back by unpin_user_pages().
 *
 * Returns: how many pages in a row it could get, from the first on. O(pages).
 * Linux: mm/gup.c pin_user_pages_remote() without FOLL_FORCE, 6.18.
 */
uint64_t pin_user_pages_remote(struct step *s, mm_ref mm, uint64_t addr,
			       uint64_t nr, bool write, pfn_t *pages);
/* Give the references to @nr frames back; where they were @written to they become dirty.
 * O(pages). */
void unpin_user_pages(struct step *s, const pfn_t *pages, uint64_t nr,
		      bool written);

/**
 * folio_pte_batch - count consecutive entries that map one folio, page after page
 * @ptes: host's address of an entry of a table
 * @i:    number of the first entry to look at, counted from @ptes; it maps a page that is
 *        reference-counted
 * @end:  number of the entry at which to stop
 * @bits: set to the first entry, with the dirty, accessed and write bits that any of the
 *        counted ones has
 *
 * Linux: mm/internal.h, 6.18, FPB_MERGE_*. O(entries).
 */
uint32_t folio_pte_batch(const struct machine *m, const void *ptes, uint32_t i,
			 uint32_t end, pte_t *bits);

/* Unmap the pages of [@start, @end) of one VMA, page aligned: entries become none, rss falls,
 * references are dropped. @zap_flags: ZAP_*. Cannot fail. O(entries). Linux: mm/memory.c. */
void zap_page_range(struct step *s, vma_ref vma, uint64_t start, uint64_t end,
		    unsigned int zap_flags);

#define ZAP_DROP_MARKERS	1u	/* guard pages go, too */
#define ZAP_KEEP_COWS		2u	/* private copies of a file's pages stay */
#define ZAP_RECLAIM_TABLES	4u	/* a PTE table whose whole span lies in
					 * the range is freed if it is empty */

/* Give the present entries of [@start, @end) of one VMA the protection bits @newprot. Cannot
 * fail. O(entries). Linux: mm/mprotect.c, 2.6.17. */
void change_protection(struct step *s, vma_ref vma, uint64_t start,
		       uint64_t end, uint64_t newprot);

/* fork(): copy the entries of @vma, an area of @src, into @dst, and make both sides of what is
 * private read-only. May reclaim. Returns: 0 or -ENOMEM. O(entries). Linux: mm/memory.c. */
int64_t copy_page_range(struct step *s, mm_ref dst, mm_ref src, vma_ref vma);

/*
 * Unmap the pages [@begin, @end) (page numbers) of an object from every VMA that maps it;
 * with @even_cows their private copies as well. Guard pages stay. Cannot fail.
 * O(VMAs that cover them + entries). Linux: mm/memory.c, 6.18.
 */
void unmap_mapping_pages(struct step *s, mapping_ref mapping, uint64_t begin,
			 uint64_t end, bool even_cows);

/**
 * get_user_pages - take references to pages of the current process, to read them
 * @addr:  page aligned
 * @nr:    pages
 * @pages: set to their frames; each is the caller's to put_user_page()
 *
 * Unlike pin_user_pages_remote() it leaves shared pages shared, so that a later store by
 * the program goes to a copy. It does not grow a stack. Returns: how many pages it could
 * get; where there is none, -EFAULT or -ENOMEM, without refuse(). O(pages). Linux:
 * mm/gup.c with FOLL_GET, 6.18.
 */
int64_t get_user_pages(struct step *s, uint64_t addr, uint64_t nr,
		       pfn_t *pages);
/* Give back a reference that get_user_pages() took. */
void put_user_page(struct step *s, pfn_t page);

/* Make an empty address space with one user. Returns: none when no frame can be had. Linux:
 * kernel/fork.c, 2.6.17. */
mm_ref mm_alloc(struct step *s);
/* One user fewer; the last one unmaps all memory and frees the address space. Linux:
 * kernel/fork.c, 2.6.17. */
void mmput(struct step *s, mm_ref mm);

/* Drop a task's reference to its descriptors, if it has one; the last one closes them. Linux:
 * kernel/exit.c, 2.6.17. */
void exit_files(struct step *s, task_ref t);

#endif
