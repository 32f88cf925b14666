/* SPDX-License-Identifier: MIT */
/* Faults, and the page-table side of mapping, protecting, copying, unmapping. */
#ifndef MMCORE_MEMORY_H
#define MMCORE_MEMORY_H

#include "mmcore/fs/fs.h"
#include "mmcore/kernel/calls.h"
#include "mmcore/mm/pgtable.h"

enum vm_fault {
	VM_FAULT_MINOR,
	VM_FAULT_MAJOR,
	VM_FAULT_SIGBUS,	/* BUS_ADRERR */
	VM_FAULT_SIGSEGV,	/* a guard page: SEGV_MAPERR */
	VM_FAULT_OOM,
	/* Began anew without waiting for the disk: minor to a program, major where
	 * the kernel copies for it (it gives the lock of one VMA up first). */
	VM_FAULT_RETRIED,
};

/* Per kind of VMA; indexed by vma->vm_ops (enum vm_ops_id). */
struct vm_operations_struct {
	const char *name;
	/* Bring the page of a none PTE in and map it. NULL: anonymous. */
	enum vm_fault (*fault)(struct step *s, mm_ref mm, vma_ref vma,
			       uint64_t addr, uint64_t pte_pa, bool write);
	/* Only the page, to be copied; no reference is taken. NULL: never
	 * asked for. */
	enum vm_fault (*nopage)(struct step *s, vma_ref vma, uint64_t addr,
				pfn_t *pfn);
	/* The first store to a page of a shared mapping; false: SIGBUS. NULL: the
	 * mapping is writable from the start. */
	bool (*page_mkwrite)(struct step *s, vma_ref vma, pfn_t pfn);
};

static inline bool vma_is_anonymous(const struct vm_area_struct *vma)
{
	return vma->vm_ops == VM_OPS_NONE;
}

extern const struct vm_operations_struct vm_operations[NR_VM_OPS];

/* One more PTE for each of @nr pages of one folio of a file, from the entry @pte_pa
 * on: counted, with vm_page_prot and @bits. set_pte_range(), 6.18. */
void map_file_pages(struct step *s, mm_ref mm, const struct vm_area_struct *vma,
		    uint64_t pte_pa, pfn_t pfn, uint32_t nr, uint64_t bits);

/* shmem.c, exec.c: the fault methods of vm_operations[]. */
enum vm_fault shmem_fault(struct step *s, mm_ref mm, vma_ref vma,
			  uint64_t addr, uint64_t pte_pa, bool write);
enum vm_fault shmem_nopage(struct step *s, vma_ref vma, uint64_t addr,
			   pfn_t *pfn);
enum vm_fault special_mapping_fault(struct step *s, mm_ref mm, vma_ref vma,
				    uint64_t addr, uint64_t pte_pa, bool write);

/**
 * handle_mm_fault - make an access possible
 * @vma:   contains @addr and permits the access (the caller looked)
 * @addr:  byte address
 * @write: a store
 * Makes tables, maps a page or copies one. Counts pgfault, also if it cannot be
 * done; does not count min_flt/maj_flt.
 */
enum vm_fault handle_mm_fault(struct step *s, mm_ref mm, vma_ref vma,
			      uint64_t addr, bool write);

/* The same for a caller that has walked the tables: @pte_pa is 0 where one of
 * them is missing. */
enum vm_fault handle_fault_at(struct step *s, mm_ref mm, vma_ref vma,
			      uint64_t addr, uint64_t pte_pa, bool write);

/*
 * do_unshare_page - the anonymous page of a present PTE becomes this address
 * space's alone, as it must before somebody outside holds on to it; the PTE
 * stays read-only. Linux: mm/memory.c do_wp_page() with FAULT_FLAG_UNSHARE.
 */
enum vm_fault do_unshare_page(struct step *s, mm_ref mm, vma_ref vma,
			      uint64_t addr, uint64_t pte_pa);

/* A fault that was repaired counts for the caller, whoever's memory it was in. */
void count_fault(struct step *s, enum vm_fault fault);
/* One that waited for the disk, gave up its locks and found the page afterwards:
 * to the process it is minor, as mm_account_fault() has it. */
void count_waited_fault(struct step *s, enum vm_fault fault);
/* One that was tried again with FAULT_FLAG_TRIED after a wait: to the process major,
 * even where it waited for a window and not for the page. */
void count_tried_fault(struct step *s, enum vm_fault fault);

/* The counter that a page of an address space is counted in, by its kind. */
uint64_t *rss_counter(struct step *s, mm_ref mm, pfn_t pfn);
/* To be called before a counter of it is lowered. */
void update_hiwater_rss(struct step *s, mm_ref mm);

/* What a user-mode access led to. */
struct access_fault {
	int signo;		/* 0: the access may go on */
	int si_code;
	uint64_t fault_addr;
	const char *why;
};

/**
 * do_page_fault - the whole decision tree for the current process
 * VMA lookup, stack growth, permission, handle_mm_fault(); counts the fault.
 */
struct access_fault do_page_fault(struct step *s, uint64_t addr,
				  enum access_kind kind);

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

/* rmap.c */
/* The VMA gets an anon_vma, its neighbour's if 6.18 would share. 0/-ENOMEM. */
int64_t anon_vma_prepare(struct step *s, vma_ref vma);
void anon_vma_link(struct step *s, vma_ref vma);	/* vma->anon_vma is set */
void anon_vma_unlink(struct step *s, vma_ref vma);	/* last one frees it */
/* Fork: a new identity for the child's VMA, chain_multi set. */
void anon_vma_fork(struct step *s, vma_ref child, vma_ref parent);
/* A page just made is mapped for the first time: rmap, LRU, counters. */
void page_add_new_anon_rmap(struct step *s, pfn_t pfn, vma_ref vma,
			    uint64_t addr);
/* One more PTE maps a page of a file (or of the kernel's). */
void page_add_file_rmap(struct step *s, pfn_t pfn);
/*
 * Is an anonymous page marked as its only PTE's own (Linux: PageAnonExclusive)?
 * O(VMAs of its family).
 */
bool page_anon_exclusive(const struct machine *m, pfn_t pfn);
/* The first VMA of those that map the page and are locked, or none: then the
 * page may be evicted. O(VMAs of its family or file). */
vma_ref first_locked_vma(const struct machine *m, pfn_t pfn);
/* Is it the task with the lowest pid of those that share its address space? */
bool first_user(const struct machine *m, task_ref t);
/* Does the VMA map the page? O(tables). */
bool vma_maps_page(const struct machine *m, const struct vm_area_struct *vma,
		   pfn_t pfn);
/* No PTE maps any page of the folio of a file that @pfn lies in any more, locked or
 * not; what was stored through them is dirty. Linux: mm/rmap.c, 6.18. */
void try_to_unmap(struct step *s, pfn_t pfn);
/* Take the permission to write, and the dirty bit, from every shared mapping of a
 * file's page. Linux: mm/rmap.c, 2.6.18. O(mappings of that page). */
void page_mkclean(struct step *s, pfn_t pfn);
/* One PTE fewer maps the page; the reference is the caller's to drop. */
void page_remove_rmap(struct step *s, pfn_t pfn);

#endif
