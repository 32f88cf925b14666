/* SPDX-License-Identifier: MIT */
/*
 * What differs between architectures: the shape of the page tables and the
 * meaning of an entry's bits. The mm code is the same for all; it asks the
 * constant table of the machine's architecture (m->arch).
 */
#ifndef MMCORE_ARCH_H
#define MMCORE_ARCH_H

#include "mmcore/mmcore.h"

typedef uint64_t pte_t;		/* an entry of any level, zero-extended */

struct arch_level {
	const char *name;	/* "pgd", "pud", "pmd", "pte" */
	uint8_t shift;		/* lowest address bit of the index */
	uint8_t bits;		/* width of the index */
};

struct arch {
	const char *name;	/* "x86_64" */
	uint8_t nr_levels;	/* level[0] is the top, the last is "pte" */
	uint8_t entry_shift;	/* log2 of an entry's bytes */
	struct arch_level level[MM_WALK_LEVELS];
	uint64_t task_size;	/* first address above user space */
	uint64_t user_ptr_max;	/* access_ok()'s limit */
	uint64_t stack_top;	/* end of the first stack, ASLR off */
	/* entry bits; a bit the architecture lacks is 0 */
	uint64_t present;	/* the CPU may use the entry */
	uint64_t protnone;	/* present to the kernel, not to the CPU */
	uint64_t write, user, accessed, dirty, noexec, exec;
	uint64_t special;	/* software: no struct page is counted (zero page) */
	uint64_t exclusive;	/* software: this anonymous page is ours alone */
	uint64_t table;		/* bits of an entry that points to a table */
	uint64_t pfn_mask;
	uint8_t pfn_shift;	/* (entry & pfn_mask) >> pfn_shift = pfn */
	/* protection_map[vm_flags & (READ|WRITE|EXEC|SHARED)] (2.6.17) */
	uint64_t protection_map[16];
	struct { uint64_t bit; const char *name; } flag_names[12];
};

extern const struct arch arch_x86_64;

/* The table of an arch_id; NULL if there is none. */
const struct arch *arch_find(uint32_t id);

#endif
