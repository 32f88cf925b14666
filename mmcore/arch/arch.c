/* SPDX-License-Identifier: MIT */
#include "mmcore/arch/arch.h"

uint64_t mm_ulong_max(const struct machine *m)
{
	return m->arch->ulong_max;
}

const struct arch *arch_find(uint32_t id)
{
	static const struct arch *const archs[NR_ARCHS] = {
		[ARCH_X86_64] = &arch_x86_64,
		[ARCH_X86_64_LA57] = &arch_x86_64_la57,
		[ARCH_I386] = &arch_i386,
		[ARCH_I386_PAE] = &arch_i386_pae,
		[ARCH_RISCV64_SV39] = &arch_riscv64_sv39,
	};

	return id < NR_ARCHS ? archs[id] : NULL;
}
