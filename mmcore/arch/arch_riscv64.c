/* SPDX-License-Identifier: MIT */
/*
 * RISC-V with Sv39: three levels (The RISC-V Instruction Set Manual, volume II,
 * "Sv39"). An entry whose R, W and X are all clear points to a table; there U, A
 * and D must be clear as well. Each kind of access has its bit, so memory may be
 * executable without being readable, and the CPU says which kind failed. W
 * without R is reserved: what may be written may be read.
 *
 * PROT_NONE is G with V clear (and R, which tells it from a pointer to a table).
 * Software has bits 8, "special", and 9, "exclusive".
 */
#include "mmcore/arch/arch.h"

#define SV39_V		(1ULL << 0)
#define SV39_R		(1ULL << 1)
#define SV39_W		(1ULL << 2)
#define SV39_X		(1ULL << 3)
#define SV39_U		(1ULL << 4)
#define SV39_G		(1ULL << 5)
#define SV39_A		(1ULL << 6)
#define SV39_D		(1ULL << 7)
#define SV39_SPECIAL	(1ULL << 8)
#define SV39_EXCLUSIVE	(1ULL << 9)

#define T		(1ULL << 38)

#define BASE	(SV39_V | SV39_U | SV39_A)
#define NONE	(SV39_G | SV39_R)
#define RO	(BASE | SV39_R)
#define RW	(RO | SV39_W)
#define XO	(BASE | SV39_X)
#define RX	(RO | SV39_X)
#define RWX	(RW | SV39_X)

#define GIB(n) ((uint64_t)(n) << 30 >> PAGE_SHIFT)

const struct arch arch_riscv64_sv39 = {
	.name = "riscv64-sv39",
	.nr_levels = 3,
	.entry_shift = 3,
	.level = {
		{ "pgd", 30, 9, SV39_V },
		{ "pmd", 21, 9, SV39_V },
		{ "pte", 12, 9, 0 },
	},
	.present = SV39_V,
	.protnone = SV39_G,
	.read = SV39_R,
	.write = SV39_W,
	.exec = SV39_X,
	.user = SV39_U,
	.accessed = SV39_A,
	.dirty = SV39_D,
	.special = SV39_SPECIAL,
	.exclusive = SV39_EXCLUSIVE,
	.pfn_mask = ((1ULL << 54) - 1) & ~((1ULL << 10) - 1),
	.pfn_shift = 10,
	.protection_map = {
		NONE, RO, RO, RO, XO, RX, RX, RX,
		NONE, RO, RW, RW, XO, RX, RWX, RWX,
	},
	.flag_names = {
		{ SV39_V, "V" }, { SV39_R, "R" }, { SV39_W, "W" },
		{ SV39_X, "X" }, { SV39_U, "U" }, { SV39_G, "G" },
		{ SV39_A, "A" }, { SV39_D, "D" },
	},
	.swp_type_shift = 7,
	.swp_offset_shift = 12,
	.swp_offset_bits = 52,
	/* The kernel maps 128 GiB of RAM directly, and can use no more. */
	.ram_max = 128ULL << 30,
	.zone_end = { 0, GIB(4), UINT64_MAX, UINT64_MAX },
	.kernel_zone = ZONE_NORMAL,
	.user_zone = ZONE_NORMAL,
	.ulong_max = UINT64_MAX,
	.task_size = T,
	.user_ptr_max = T,
	.canonical_max = UINT64_MAX,
	.map_window = T,
	.unmapped_base = PAGE_ALIGN((1ULL << 39) / 3),
	.stack_top = T,
	.dyn_base = T / 3 * 2,
	.platform = "",
	.elf_machine = 243,
	.exec_base = 0x10000,
	.max_lfs_filesize = INT64_MAX,
	.huge_size = { 2ULL << 20, 1ULL << 30 },
	.thp = true,
	.unlimited_bottomup = true,
	.vvar_pages = 4,
	.vdso_pages = 2,
	.vmalloc_kb = 67108863,
	.spec_store = "unknown",
	.spec_branch = "unknown",
};
