/* SPDX-License-Identifier: MIT */
/*
 * x86-64 with four levels, and with five (CR4.LA57). With five, user space is
 * 2^56 bytes, but everything stays where it was: the stack, mmap_base and the
 * search, which goes above the old end only for a hint that lies there.
 */
#include "mmcore/arch/arch_x86.h"

#define T47 ((1ULL << 47) - PAGE_SIZE)
#define T56 ((1ULL << 56) - PAGE_SIZE)

#define MIB(n) ((uint64_t)(n) << 20 >> PAGE_SHIFT)

#define COMMON								\
	X86_WIDE_BITS,							\
	X86_PROCESS,							\
	.ram_max = MM_RAM_MAX,						\
	.zone_end = { MIB(16), MIB(4096), UINT64_MAX, UINT64_MAX },	\
	.kernel_zone = ZONE_NORMAL,					\
	.user_zone = ZONE_NORMAL,					\
	.ulong_max = UINT64_MAX,					\
	.map_window = T47,						\
	.unmapped_base = PAGE_ALIGN(T47 / 3),				\
	.stack_top = T47,						\
	.dyn_base = T47 / 3 * 2,					\
	.platform = "x86_64",						\
	.elf_machine = 62,						\
	.exec_base = 0x400000,						\
	.max_lfs_filesize = INT64_MAX,					\
	.huge_size = { 2ULL << 20, 1ULL << 30 },			\
	.x86_64_search = true,						\
	.thp = true,							\
	.vsyscall = true,						\
	.direct_map = { "DirectMap4k:", "DirectMap2M:", "DirectMap1G:" }

const struct arch arch_x86_64 = {
	COMMON,
	.name = "x86_64",
	.nr_levels = 4,
	.level = {
		{ "pgd", 39, 9, X86_TABLE },
		{ "pud", 30, 9, X86_TABLE },
		{ "pmd", 21, 9, X86_TABLE },
		{ "pte", 12, 9, 0 },
	},
	.task_size = T47,
	.user_ptr_max = T47,
	.canonical_max = (1ULL << 47) - 1,
	.vmalloc_kb = 34359738367,
};

const struct arch arch_x86_64_la57 = {
	COMMON,
	.name = "x86_64-la57",
	.nr_levels = 5,
	.level = {
		{ "pgd", 48, 9, X86_TABLE },
		{ "p4d", 39, 9, X86_TABLE },
		{ "pud", 30, 9, X86_TABLE },
		{ "pmd", 21, 9, X86_TABLE },
		{ "pte", 12, 9, 0 },
	},
	.task_size = T56,
	.user_ptr_max = T56,
	.canonical_max = (1ULL << 56) - 1,
	.vmalloc_kb = 13743895347199,
};
