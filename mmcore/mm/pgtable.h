/* SPDX-License-Identifier: MIT */
/* Page tables: entries, walks, table frames. */
#ifndef MMCORE_PGTABLE_H
#define MMCORE_PGTABLE_H

#include "mmcore/arch/arch.h"
#include "mmcore/mm/page_alloc.h"

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

/* What such an entry says; the architecture packs it its own way. */
typedef struct {
	uint32_t type;		/* 0 … 31; the last ones are no swap areas */
	uint64_t offset;	/* below 1 << swp_offset_bits */
} swp_entry_t;

/* Never none, but for type 0 with offset 0 (inverted: the last one). */
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
 * A guard page's entry (MADV_GUARD_INSTALL): a marker, neither none nor
 * present, that no frame stands behind. Linux: PTE_MARKER_GUARD, 6.18.
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

/* Entry @i of a table or run whose first entry is at @first, borrowed. */
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

/* PTE bits of a fresh mapping with these vm_flags (2.6.17 protection_map). */
uint64_t vm_get_page_prot(const struct machine *m, uint64_t vm_flags);

/* The top-level table of an mm, and on PAE all tables below it. False: no RAM. */
bool pgd_alloc(struct step *s, mm_ref mm);
/* The reverse; all other tables are gone. */
void pgd_free(struct step *s, mm_ref mm);

/* What VmPTE counts, in pages: P4D tables are not in it. */
static inline uint64_t mm_pgtable_pages(const struct mm_struct *mm)
{
	return mm->nr_tables - mm->nr_p4ds;
}

/**
 * pte_lookup - where the PTE of an address is
 * Returns: the physical address of the entry, or 0 if a table on the way is
 * missing. Reads only. O(levels).
 */
uint64_t pte_lookup(const struct machine *m, const struct mm_struct *mm,
		    uint64_t addr);

/* The entry will be needed: let the host's processor fetch it while the VMA is
 * looked for. Changes nothing. */
static inline void pte_prefetch(const struct machine *m,
				const struct mm_struct *mm, uint64_t addr)
{
	const uint64_t pte_pa = addr < mm->task_size ? pte_lookup(m, mm, addr)
						     : 0;

	if (pte_pa)
		__builtin_prefetch(ram_at(m, pte_pa));
}

/**
 * pte_alloc_map - the same, making the tables on the way
 * Counts them in nr_ptes, nr_tables. Returns 0 when RAM is gone.
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
 * The same, but tells of the spans without a PTE table, too (nr 0): how many
 * of the tables on the way to it are there is in run->depth.
 */
bool next_table_span(const struct machine *m, const struct mm_struct *mm,
		     uint64_t *addr, uint64_t end, struct pte_run *run);

/* Make the @depth tables below the top one for an address. False: no RAM. */
bool upper_tables_alloc(struct step *s, mm_ref mm, uint64_t addr, int depth);

/**
 * free_pgtables - free the tables of an unmapped range
 * @floor, @ceiling: ends of the surviving neighbours (0 as ceiling: the top).
 * A table goes when the whole span it covers lies in [floor, ceiling) and
 * belongs to [start, end) (2.6.17 mm/memory.c free_pgd_range()).
 */
void free_pgtables(struct step *s, mm_ref mm, uint64_t start, uint64_t end,
		   uint64_t floor, uint64_t ceiling);

#endif
