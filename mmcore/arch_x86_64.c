/* SPDX-License-Identifier: MIT */
/*
 * x86-64 with four levels. Entry bits as in the Intel SDM, volume 3, 4.5; the
 * software bits: 8 with P clear is PROTNONE (present to the kernel, not to the
 * CPU), 9 is "special" (no struct page is counted), 10 is "exclusive" (this
 * anonymous page is mapped here and nowhere else; Linux keeps it in the struct
 * page, which fork would then have to touch for every page).
 */
#include "mmcore/arch.h"

#define X86_P		(1ULL << 0)
#define X86_RW		(1ULL << 1)
#define X86_US		(1ULL << 2)
#define X86_PWT		(1ULL << 3)
#define X86_PCD		(1ULL << 4)
#define X86_A		(1ULL << 5)
#define X86_D		(1ULL << 6)
#define X86_PS		(1ULL << 7)
#define X86_G		(1ULL << 8)
#define X86_SPECIAL	(1ULL << 9)
#define X86_EXCLUSIVE	(1ULL << 10)
#define X86_NX		(1ULL << 63)

#define T47 ((1ULL << 47) - PAGE_SIZE)

#define NONE	(X86_G | X86_A)
#define RO	(X86_P | X86_US | X86_A | X86_NX)
#define RX	(X86_P | X86_US | X86_A)
#define RW	(RO | X86_RW)
#define RWX	(RX | X86_RW)

const struct arch arch_x86_64 = {
	.name = "x86_64",
	.nr_levels = 4,
	.entry_shift = 3,
	.level = {
		{ "pgd", 39, 9 },
		{ "pud", 30, 9 },
		{ "pmd", 21, 9 },
		{ "pte", 12, 9 },
	},
	.task_size = T47,
	.user_ptr_max = T47,
	.stack_top = T47,
	.present = X86_P,
	.protnone = X86_G,
	.write = X86_RW,
	.user = X86_US,
	.accessed = X86_A,
	.dirty = X86_D,
	.noexec = X86_NX,
	.special = X86_SPECIAL,
	.exclusive = X86_EXCLUSIVE,
	.table = X86_P | X86_RW | X86_US | X86_A | X86_D,
	.pfn_mask = ((1ULL << 52) - 1) & PAGE_MASK,
	.pfn_shift = PAGE_SHIFT,
	/* private: a writable one starts read-only (COW) */
	.protection_map = {
		NONE, RO, RO, RO, RX, RX, RX, RX,
		NONE, RO, RW, RW, RX, RX, RWX, RWX,
	},
	.flag_names = {
		{ X86_P, "P" }, { X86_RW, "RW" }, { X86_US, "US" },
		{ X86_PWT, "PWT" }, { X86_PCD, "PCD" }, { X86_A, "A" },
		{ X86_D, "D" }, { X86_PS, "PS" }, { X86_G, "G" },
		{ X86_NX, "NX" },
	},
};

const struct arch *arch_find(uint32_t id)
{
	return id == ARCH_X86_64 ? &arch_x86_64 : NULL;
}
