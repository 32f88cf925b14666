/* SPDX-License-Identifier: MIT */
/* Faults, and the page-table side of mapping, protecting, copying, unmapping. */
#ifndef MMCORE_MEMORY_H
#define MMCORE_MEMORY_H

#include "mmcore/fs/fs.h"
#include "mmcore/kernel/calls.h"
#include "mmcore/mm/pgtable.h"
#include "mmcore/mm/rmap.h"
#include "mmcore/mm/swap.h"

/* What came of a fault. Linux: enum vm_fault_reason, 6.18. */
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

/* What a kind of memory area does about a fault; by vma->vm_ops. */
struct vm_operations_struct {
	const char *name;
	/* Bring the page of a none entry in and map it. NULL: the area is anonymous. */
	vm_fault_t (*fault)(struct step *s, const struct vm_fault *vmf);
	/* Only find the page, which will be copied. It comes without a reference. NULL:
	 * nobody ever asks. */
	vm_fault_t (*nopage)(struct step *s, const struct vm_fault *vmf, pfn_t *pfn);
	/* A shared mapping stores to a page for the first time. False: SIGBUS. NULL: the
	 * mapping is writable from the start. */
	bool (*page_mkwrite)(struct step *s, const struct vm_fault *vmf, pfn_t pfn);
};

static inline bool vma_is_anonymous(const struct vm_area_struct *vma)
{
	return vma->vm_ops == VM_OPS_NONE;
}

extern const struct vm_operations_struct vm_operations[NR_VM_OPS];

static inline const struct vm_operations_struct *
vma_ops(const struct vm_area_struct *vma)
{
	MM_ASSERT(vma->vm_ops < NR_VM_OPS);
	return &vm_operations[vma->vm_ops];
}

/* One more PTE for each of @nr pages of one folio of a file, from the entry @pte_pa
 * on: counted, with vm_page_prot and @bits. set_pte_range(), 6.18. */
void map_file_pages(struct step *s, mm_ref mm, const struct vm_area_struct *vma,
		    uint64_t pte_pa, pfn_t pfn, uint32_t nr, uint64_t bits);

/* The fault methods of vm_operations[] (shmem.c, exec.c; those of files: filemap.h). */
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

/* Count a fault that was repaired for the current process, whoever's memory it was
 * in. @flags: those of the fault (FAULT_FLAG_KERNEL_COPY counts). */
void count_fault(struct step *s, vm_fault_t fault, unsigned int flags);
/* Count one that waited for the disk, gave up its locks and found the page afterwards:
 * to the process it is minor, as mm_account_fault() has it. */
void count_waited_fault(struct step *s, vm_fault_t fault);
/* Count one that was tried again with FAULT_FLAG_TRIED after a wait: to the process it is
 * major, even where it waited for a window and not for the page. */
void count_tried_fault(struct step *s, vm_fault_t fault);

/* What a user-mode access led to. */
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
 * gup.c. Fault in [start, end) as mlock and MAP_POPULATE do: writable private memory
 * by write faults, the rest by reads, inaccessible VMAs not at all. Errors end
 * it quietly. Linux: mm/gup.c __mm_populate().
 */
void make_pages_present(struct step *s, mm_ref mm, uint64_t start,
			uint64_t end);
/* The same of one VMA, by who holds the address space locked and waits so. */
void populate_vma_in_place(struct step *s, mm_ref mm, vma_ref vma,
			   uint64_t start, uint64_t end);
/* The same; unless @ignore_errors the first error ends it: -EFAULT (no access,
 * or beyond the object's end) or -ENOMEM, not told. Else 0. */
int64_t __mm_populate(struct step *s, mm_ref mm, uint64_t start, uint64_t end,
		      bool ignore_errors);

/* As MADV_POPULATE_READ and _WRITE do, up to the first page that cannot be had:
 * -ENOMEM (a hole, or no RAM), -EINVAL (no permission) or -EFAULT, not told. */
int64_t faultin_page_range(struct step *s, mm_ref mm, uint64_t start,
			   uint64_t end, bool write);

/**
 * pin_user_pages_remote - hold on to pages of an address space
 * @addr:  page aligned; any pattern
 * @nr:    pages wanted
 * @write: they will be written to
 * @pages: filled in with their frames
 *
 * Faults pages in as their VMAs permit; an anonymous page that is only read is
 * unshared first. A stack does not grow. Each frame gains a reference, which
 * unpin_user_pages() takes back; then what was @written is dirty.
 *
 * Returns: how many it could get in a row; 0: not even the first.
 * Linux: mm/gup.c pin_user_pages_remote() without FOLL_FORCE, 6.18.
 */
uint64_t pin_user_pages_remote(struct step *s, mm_ref mm, uint64_t addr,
			       uint64_t nr, bool write, pfn_t *pages);
void unpin_user_pages(struct step *s, const pfn_t *pages, uint64_t nr,
		      bool written);

/**
 * folio_pte_batch - how many entries of a table map one folio, page by page
 * @ptes: the table, or what of it begins at an address
 * @i:    an entry that maps a counted page
 * @end:  the entry at which to stop
 * @bits: set to the first one, with what any of them has of dirty, accessed, write
 * Linux: mm/internal.h, 6.18, FPB_MERGE_*. O(entries).
 */
uint32_t folio_pte_batch(const struct machine *m, const void *ptes, uint32_t i,
			 uint32_t end, pte_t *bits);

/* Take the pages of [start, end) of one VMA away: PTEs none, rss down. */
void zap_page_range(struct step *s, vma_ref vma, uint64_t start, uint64_t end,
		    unsigned int zap_flags);

#define ZAP_DROP_MARKERS	1u	/* guard pages go, too */
#define ZAP_KEEP_COWS		2u	/* private copies of a file's pages stay */
#define ZAP_RECLAIM_TABLES	4u	/* a PTE table whose whole span lies in
					 * the range is freed if it is empty */

/* New protection for the present PTEs of [start, end) of one VMA. */
void change_protection(struct step *s, vma_ref vma, uint64_t start,
		       uint64_t end, uint64_t newprot);

/* fork: copy the PTEs of @src's VMA into @dst. 0 or -ENOMEM. */
int64_t copy_page_range(struct step *s, mm_ref dst, mm_ref src, vma_ref vma);

/*
 * Take the pages of [@begin, @end) of an object, in pages, out of every mapping
 * of it, with @even_cows private copies as well; guard pages stay. Linux:
 * mm/memory.c, 6.18.
 */
void unmap_mapping_pages(struct step *s, mapping_ref mapping, uint64_t begin,
			 uint64_t end, bool even_cows);

/**
 * get_user_pages - take hold of pages of the current process, to be read
 * @addr:  page aligned
 * @nr:    pages
 * @pages: set to their frames; each is the caller's to put_user_page()
 * Unlike a pin it leaves shared pages shared: a later store by the program goes to
 * a copy then. Does not grow the stack. Returns: how many of them it could get,
 * or if none -EFAULT or -ENOMEM, not told. Linux: mm/gup.c, FOLL_GET.
 */
int64_t get_user_pages(struct step *s, uint64_t addr, uint64_t nr,
		       pfn_t *pages);
void put_user_page(struct step *s, pfn_t page);

/* fork.c, exit.c: address spaces. */
mm_ref mm_alloc(struct step *s);
void mmput(struct step *s, mm_ref mm);	/* the last user unmaps everything */

/* Let go of a task's descriptors (none is fine). */
void exit_files(struct step *s, task_ref t);

#endif
