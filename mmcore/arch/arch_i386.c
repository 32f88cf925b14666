/* SPDX-License-Identifier: MIT */
/*
 * i386: two levels of four-byte entries, without NX: what may be read may be
 * executed. And PAE: three levels of eight-byte entries, the top one with four
 * entries of which each can only be present or not. Linux fills these four when
 * it makes the table (2.6.17 pgd_alloc()), and here they stay full.
 *
 * The kernel has the last GiB of each address space. It sees the first 896 MiB
 * of RAM there (the rest is for vmalloc), so what it needs to see must lie
 * below: its objects, page tables, mem_map. The RAM above is HighMem.
 */
#include "mmcore/arch/arch_x86.h"

#define T		0xc0000000ULL
#define ULONG_MAX_32	0xffffffffULL

#define MIB(n) ((uint64_t)(n) << 20 >> PAGE_SHIFT)

#define COMMON								\
	X86_PROCESS,							\
	.zone_end = { MIB(16), MIB(16), MIB(896), UINT64_MAX },		\
	.kernel_zone = ZONE_NORMAL,					\
	.user_zone = ZONE_HIGHMEM,					\
	.ulong_max = ULONG_MAX_32,					\
	.task_size = T,							\
	.user_ptr_max = T,						\
	.canonical_max = UINT64_MAX,					\
	.map_window = T,						\
	.unmapped_base = T / 3,						\
	.stack_top = T,							\
	.dyn_base = 0x400000,						\
	.platform = "i686",						\
	.elf_machine = 3,						\
	.exec_base = 0x8048000,						\
	.max_lfs_filesize = ULONG_MAX_32 << PAGE_SHIFT,			\
	.vmalloc_kb = 122880

const struct arch arch_i386 = {
	COMMON,
	X86_BITS,
	.name = "i386",
	.nr_levels = 2,
	.entry_shift = 2,
	.level = {
		{ "pgd", 22, 10, X86_TABLE },
		{ "pte", 12, 10, 0 },
	},
	.pfn_mask = ULONG_MAX_32 & PAGE_MASK,
	.pfn_shift = PAGE_SHIFT,
	.protection_map = X86_PROTECTION_MAP(0),
	.flag_names = { X86_FLAG_NAMES },
	.swp_type_shift = 1,
	.swp_offset_shift = 9,
	.swp_offset_bits = 23,
	.ram_max = 4ULL << 30,
	.huge_size = { 4ULL << 20 },
	.direct_map = { "DirectMap4k:", "DirectMap4M:" },
};

/*
 * 36 address bits are 64 GiB, but mem_map takes a 64th of the RAM and must lie
 * below 896 MiB: with 48 GiB it takes 768 MiB, and that is as far as it goes.
 */
const struct arch arch_i386_pae = {
	COMMON,
	X86_WIDE_BITS,
	.name = "i386-pae",
	.nr_levels = 3,
	.top_is_full = true,
	.level = {
		{ "pgd", 30, 2, X86_P },
		{ "pmd", 21, 9, X86_TABLE },
		{ "pte", 12, 9, 0 },
	},
	.ram_max = 48ULL << 30,
	.huge_size = { 2ULL << 20 },
	.direct_map = { "DirectMap4k:", "DirectMap2M:" },
};
