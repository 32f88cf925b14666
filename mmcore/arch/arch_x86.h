/* SPDX-License-Identifier: MIT */
/*
 * Entry bits of all x86 page tables (Intel SDM, volume 3, 4.3 to 4.5). Software
 * bits: 8 with P clear is PROTNONE (present to the kernel, not to the CPU), 9
 * is "special" (no struct page is counted), 10 is "exclusive" (this anonymous
 * page is mapped here and nowhere else; Linux keeps it in the struct page, which
 * fork would then have to touch for every page). They lie in 9-11, the only
 * ones that entries of four bytes have.
 */
#ifndef MMCORE_ARCH_X86_H
#define MMCORE_ARCH_X86_H

#include "mmcore/arch/arch.h"

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

#define X86_TABLE	(X86_P | X86_RW | X86_US | X86_A | X86_D)

/* Private: what may be written starts read-only (copy on write). */
#define X86_PROTECTION_MAP(nx) {					\
	X86_NONE, X86_RO(nx), X86_RO(nx), X86_RO(nx),			\
	X86_RO(0), X86_RO(0), X86_RO(0), X86_RO(0),			\
	X86_NONE, X86_RO(nx), X86_RO(nx) | X86_RW, X86_RO(nx) | X86_RW,	\
	X86_RO(0), X86_RO(0), X86_RO(0) | X86_RW, X86_RO(0) | X86_RW,	\
}
#define X86_NONE	(X86_G | X86_A)
#define X86_RO(nx)	(X86_P | X86_US | X86_A | (nx))

#define X86_FLAG_NAMES							\
	{ X86_P, "P" }, { X86_RW, "RW" }, { X86_US, "US" },		\
	{ X86_PWT, "PWT" }, { X86_PCD, "PCD" }, { X86_A, "A" },		\
	{ X86_D, "D" }, { X86_PS, "PS" }, { X86_G, "G" }

#define X86_BITS							\
	.present = X86_P,						\
	.protnone = X86_G,						\
	.write = X86_RW,						\
	.user = X86_US,							\
	.accessed = X86_A,						\
	.dirty = X86_D,							\
	.special = X86_SPECIAL,						\
	.exclusive = X86_EXCLUSIVE

/* Entries of eight bytes. */
#define X86_WIDE_BITS							\
	X86_BITS,							\
	.entry_shift = 3,						\
	.noexec = X86_NX,						\
	.pfn_mask = ((1ULL << 52) - 1) & PAGE_MASK,			\
	.pfn_shift = PAGE_SHIFT,					\
	.protection_map = X86_PROTECTION_MAP(X86_NX),			\
	.flag_names = { X86_FLAG_NAMES, { X86_NX, "NX" } },		\
	.swp_type_shift = 59,						\
	.swp_offset_shift = 9,						\
	.swp_offset_bits = 50,						\
	.swp_offset_inverted = true

#define X86_PROCESS							\
	.vvar_pages = 4,						\
	.vclock_pages = 2,						\
	.vdso_pages = 2,						\
	.spec_store = "vulnerable",					\
	.spec_branch = "always enabled"

#endif
