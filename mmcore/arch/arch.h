/* SPDX-License-Identifier: MIT */
/*
 * What differs between architectures: the shape of the page tables, the meaning
 * of an entry's bits, the zones of the RAM, and where things lie in an address
 * space. The mm code is the same for all; it asks the constant table of the
 * machine's architecture (m->arch). docs/linux.md has the five side by side.
 *
 * Levels that Linux folds on an architecture (i386: pud and pmd) are not there
 * at all: level[0] is the top table, the last one is "pte".
 */
#ifndef MMCORE_ARCH_H
#define MMCORE_ARCH_H

#include "mmcore/mmcore.h"

typedef uint64_t pte_t;		/* an entry of any level, zero-extended */

struct arch_level {
	const char *name;	/* "pgd", "p4d", "pud", "pmd", "pte" */
	uint8_t shift;		/* lowest address bit of the index */
	uint8_t bits;		/* width of the index */
	uint64_t table;		/* bits of an entry that points to a table */
};

/* How many levels of tables VmPTE counts: PTE, PMD and PUD, not P4D or PGD. */
#define COUNTED_LEVELS 3

struct arch {
	const char *name;	/* "x86_64" */
	const char *platform;	/* AT_PLATFORM */
	uint16_t elf_machine;	/* e_machine of its programs */

	/* tables */
	uint8_t nr_levels;	/* level[0] is the top, the last is "pte" */
	uint8_t entry_shift;	/* log2 of an entry's bytes */
	bool top_is_full;	/* the top table is born with every table below
				 * it, and keeps them while it lives (PAE) */
	struct arch_level level[MM_WALK_LEVELS];

	/* entry bits; a bit the architecture lacks is 0 */
	uint64_t present;	/* the CPU may use the entry */
	uint64_t protnone;	/* present to the kernel, not to the CPU */
	uint64_t read, write, exec, noexec, user, accessed, dirty;
	uint64_t special;	/* software: no struct page is counted (zero page) */
	uint64_t exclusive;	/* software: this anonymous page is ours alone */
	uint64_t pfn_mask;
	uint8_t pfn_shift;	/* (entry & pfn_mask) >> pfn_shift = pfn */
	/* protection_map[vm_flags & (READ|WRITE|EXEC|SHARED)] (2.6.17) */
	uint64_t protection_map[16];
	struct { uint64_t bit; const char *name; } flag_names[12];

	/* what an entry holds that is not present (6.18) */
	uint8_t swp_type_shift;		/* 5 bits */
	uint8_t swp_offset_shift;
	uint8_t swp_offset_bits;
	bool swp_offset_inverted;

	/* RAM */
	uint64_t ram_max;	/* bytes */
	uint64_t zone_end[MAX_NR_ZONES];	/* pfn; as the one before: empty */
	enum zone_type kernel_zone;	/* highest that is directly mapped */
	enum zone_type user_zone;	/* highest of all */

	/* the address space, ASLR off */
	uint64_t ulong_max;	/* largest unsigned long */
	uint64_t task_size;	/* first address above user space */
	uint64_t user_ptr_max;	/* access_ok()'s limit */
	uint64_t canonical_max;	/* above it, and below its mirror, addresses
				 * are no addresses (#GP) */
	uint64_t map_window;	/* mmap stays below it unless the hint does not */
	uint64_t unmapped_base;	/* TASK_UNMAPPED_BASE: the bottom-up search */
	uint64_t stack_top;	/* end of the first stack */
	uint64_t dyn_base;	/* ELF_ET_DYN_BASE: a PIE goes to its page */
	uint64_t exec_base;	/* where a linker puts a static program */
	uint64_t max_lfs_filesize;	/* bytes of the largest file */
	uint64_t huge_size[2];	/* of huge pages: the default, another; 0: none */
	bool x86_64_search;	/* x86-64's own get_unmapped_area: MAP_32BIT */
	bool thp;		/* mappings are aligned for huge pages */
	bool unlimited_bottomup;	/* no limit to the stack: mmap upwards */
	uint8_t vvar_pages, vclock_pages, vdso_pages;

	/* /proc */
	bool vsyscall;		/* the gate area at the end of maps */
	uint64_t vmalloc_kb;	/* VmallocTotal */
	const char *direct_map[3];	/* labels of meminfo's last lines */
	const char *spec_store, *spec_branch;	/* status: speculation */
};

extern const struct arch arch_x86_64, arch_x86_64_la57, arch_i386,
			 arch_i386_pae, arch_riscv64_sv39;

/* The table of an arch_id; NULL if there is none. */
const struct arch *arch_find(uint32_t id);

/* Bytes of an unsigned long. */
static inline uint32_t arch_word(const struct arch *a)
{
	return a->ulong_max == UINT64_MAX ? 8 : 4;
}

/* A sum as the machine's kernel computes it, in its unsigned long. */
static inline uint64_t ulong_of(const struct machine *m, uint64_t sum)
{
	return sum & m->arch->ulong_max;
}

#endif
