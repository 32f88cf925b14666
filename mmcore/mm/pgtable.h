/* SPDX-License-Identifier: MIT */
/* Page tables: entries, walks, table frames. */
#ifndef MMCORE_PGTABLE_H
#define MMCORE_PGTABLE_H

#include "mmcore/arch/arch.h"
#include "mmcore/mm/page_alloc.h"

/* The entry of a table at the physical address @entry_pa: 8 bytes or 4, as the architecture
 * has them. set_pte() writes one. O(1). */
static inline pte_t entry_read(const struct machine *m, uint64_t entry_pa)
{
	return m->arch->entry_shift == 3 ? *(const uint64_t *)ram_at(m, entry_pa)
					 : *(const uint32_t *)ram_at(m, entry_pa);
}

static inline void set_pte(struct step *s, uint64_t entry_pa, pte_t pte)
{
	if (s->m->arch->entry_shift == 3)
		*(uint64_t *)ram_mut(s, entry_pa) = pte;
	else
		*(uint32_t *)ram_mut(s, entry_pa) = (uint32_t)pte;
}

static inline bool pte_none(pte_t pte)
{
	return pte == 0;
}

/* Present to the kernel: the frame is there, though the CPU may not use it. */
static inline bool pte_present(const struct machine *m, pte_t pte)
{
	return pte & (m->arch->present | m->arch->protnone);
}

/*
 * Neither none nor present: a swap entry, or a marker in the form of one
 * (include/linux/swapops.h, 6.18). The CPU faults, the kernel reads it.
 */
static inline bool is_swap_pte(const struct machine *m, pte_t pte)
{
	return !pte_none(pte) && !pte_present(m, pte);
}

#define SWP_TYPE_BITS	5

/* The type and the offset in a swap entry. Each architecture packs them in its own way. */
typedef struct {
	uint32_t type;		/* 0 … 31; the last ones are no swap areas */
	uint64_t offset;	/* below 1 << swp_offset_bits */
} swp_entry_t;

/* The entry is never none, but for type 0 with offset 0 (with the last offset, where the
 * architecture inverts offsets). */
static inline pte_t swp_entry_to_pte(const struct machine *m, swp_entry_t entry)
{
	const struct arch *a = m->arch;
	const uint64_t mask = (1ULL << a->swp_offset_bits) - 1;
	const uint64_t offset = a->swp_offset_inverted ? ~entry.offset
						       : entry.offset;

	return (uint64_t)entry.type << a->swp_type_shift |
	       (offset & mask) << a->swp_offset_shift;
}

/*
 * The entry of a guard page (MADV_GUARD_INSTALL) is a marker: it is neither none nor
 * present, and it names no frame. Linux: PTE_MARKER_GUARD, 6.18.
 */
#define SWP_PTE_MARKER	  ((1u << SWP_TYPE_BITS) - 1)
#define PTE_MARKER_GUARD  4

static inline pte_t make_guard_pte(const struct machine *m)
{
	return swp_entry_to_pte(m, (swp_entry_t){ SWP_PTE_MARKER,
						  PTE_MARKER_GUARD });
}

static inline swp_entry_t pte_to_swp_entry(const struct machine *m, pte_t pte)
{
	const struct arch *a = m->arch;
	const uint64_t mask = (1ULL << a->swp_offset_bits) - 1;
	const uint64_t offset = pte >> a->swp_offset_shift;

	return (swp_entry_t){
		(uint32_t)(pte >> a->swp_type_shift) & ((1u << SWP_TYPE_BITS) - 1),
		(a->swp_offset_inverted ? ~offset : offset) & mask,
	};
}

static inline bool is_guard_pte(const struct machine *m, pte_t pte)
{
	return unlikely(pte && !pte_present(m, pte)) &&
	       pte == make_guard_pte(m);
}

static inline bool pte_write(const struct machine *m, pte_t pte)
{
	return pte & m->arch->write;
}

static inline pfn_t pte_pfn(const struct machine *m, pte_t pte)
{
	return (pfn_t)((pte & m->arch->pfn_mask) >> m->arch->pfn_shift);
}

static inline pte_t pfn_pte(const struct machine *m, pfn_t pfn, uint64_t prot)
{
	return (uint64_t)pfn << m->arch->pfn_shift | prot;
}

static inline bool pte_special(const struct machine *m, pte_t pte)
{
	return pte & m->arch->special;
}

/* Read, or write, entry @i of a table whose first entry is at the host's address @first. An
 * entry has 1 << @shift bytes. */
static inline pte_t table_load(const void *first, uint32_t i, uint8_t shift)
{
	return shift == 3 ? ((const uint64_t *)first)[i]
			  : ((const uint32_t *)first)[i];
}

static inline void table_store(void *first, uint32_t i, uint8_t shift,
			       pte_t pte)
{
	if (shift == 3)
		((uint64_t *)first)[i] = pte;
	else
		((uint32_t *)first)[i] = (uint32_t)pte;
}

/* The bits of a new PTE in a mapping with these vm_flags. O(1). Linux: protection_map[],
 * 2.6.17. */
uint64_t vm_get_page_prot(const struct machine *m, uint64_t vm_flags);

/* Give an address space its top-level table, and on PAE the tables below it. May reclaim.
 * Returns: false when no frame can be had; then it has no table. */
bool pgd_alloc(struct step *s, mm_ref mm);
/* Free what pgd_alloc() made; no other table is left. */
void pgd_free(struct step *s, mm_ref mm);

/* The tables that VmPTE counts, in pages: all but P4D tables. */
static inline uint64_t mm_pgtable_pages(const struct mm_struct *mm)
{
	return mm->nr_tables - mm->nr_p4ds;
}

/**
 * pte_lookup - find the PTE of an address
 * @mm:   the address space
 * @addr: below mm->task_size
 *
 * Returns: the physical address of the entry, or 0 where a table on the way is missing.
 * O(levels).
 */
uint64_t pte_lookup(const struct machine *m, const struct mm_struct *mm,
		    uint64_t addr);

/* Let the host's processor fetch the PTE of @addr, which will be needed soon. Changes
 * nothing. */
static inline void pte_prefetch(const struct machine *m,
				const struct mm_struct *mm, uint64_t addr)
{
	const uint64_t pte_pa = addr < mm->task_size ? pte_lookup(m, mm, addr)
						     : 0;

	if (pte_pa)
		__builtin_prefetch(ram_at(m, pte_pa));
}

/**
 * pte_alloc_map - find the PTE of an address, and make missing tables
 * @mm:   the address space, whose nr_ptes and nr_tables count the new tables
 * @addr: below mm->task_size
 *
 * May reclaim where it makes a table. Returns: the physical address of the entry, or 0
 * when no frame can be had. O(levels). Linux: include/linux/mm.h, 2.6.17.
 */
uint64_t pte_alloc_map(struct step *s, mm_ref mm, uint64_t addr);

/* Consecutive entries of one PTE table. */
struct pte_run {
	uint64_t addr;		/* of the first entry's page */
	uint64_t pte_pa;	/* the first entry */
	uint32_t nr;		/* entries; 0: there is no table */
	int depth;		/* tables on the way below the top one */
};

/**
 * next_pte_run - walk the PTE tables that exist in a range
 * @mm:   the address space
 * @addr: where to look; moved past the run found
 * @end:  page aligned
 * @run:  the next run of entries within [*addr, end)
 *
 * Returns: false when no table is left. Missing tables are skipped a whole
 * span at a time. Reads only.
 */
bool next_pte_run(const struct machine *m, const struct mm_struct *mm,
		  uint64_t *addr, uint64_t end, struct pte_run *run);

/*
 * next_pte_run() that also reports each span without a PTE table: run->nr is 0, and
 * run->depth says how many of the tables on the way to it exist.
 */
bool next_table_span(const struct machine *m, const struct mm_struct *mm,
		     uint64_t *addr, uint64_t end, struct pte_run *run);

/* Make those of the first @depth tables below the top one that @addr lacks. May reclaim.
 * Returns: false when no frame can be had. O(levels). */
bool upper_tables_alloc(struct step *s, mm_ref mm, uint64_t addr, int depth);

/**
 * free_pgtables - free the tables of an unmapped range
 * @mm:      the address space
 * @start:   first address of the range, page aligned
 * @end:     first address behind it
 * @floor:   end of the VMA below that stays, or 0
 * @ceiling: start of the VMA above that stays; 0: the top of the address space
 *
 * Frees each table that covers a part of [@start, @end) and whose whole span lies in
 * [@floor, @ceiling). Its entries are none. O(tables). Linux: mm/memory.c
 * free_pgd_range(), 2.6.17.
 */
void free_pgtables(struct step *s, mm_ref mm, uint64_t start, uint64_t end,
		   uint64_t floor, uint64_t ceiling);

#endif
