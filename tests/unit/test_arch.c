/* SPDX-License-Identifier: MIT */
/*
 * What the architectures do not have in common: where things lie, where a
 * mapping goes, what the kernel's words can hold, which RAM is for whom. Each
 * fact is written down here once more, from Linux's own headers.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/arch/arch.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/pgtable.h"
#include "mmcore/mm/slab.h"
#include "tests/lib/space.h"

#define MIB	(1ULL << 20)
#define GIB	(1ULL << 30)
#define W47	0x7ffffffff000ULL	/* 2^47 - 4096 */
#define T56	0xfffffffffff000ULL	/* 2^56 - 4096 */
#define T32	0xc0000000ULL
#define T38	(1ULL << 38)

static struct space sp;

static void setup(void)
{
	space_open(&sp);
}

static void teardown(void)
{
	space_close(&sp);
}

static bool is_32bit(void)
{
	return host_arch == ARCH_I386 || host_arch == ARCH_I386_PAE;
}

static bool is_x86_64(void)
{
	return host_arch == ARCH_X86_64 || host_arch == ARCH_X86_64_LA57;
}

static int64_t map(uint64_t addr, uint64_t len, uint64_t flags)
{
	return host_mmap(sp.m, sp.pid, addr, len, RW, flags | MAP_NORESERVE);
}

static uint32_t spawn(struct machine *m, uint32_t image, uint64_t stack)
{
	struct op op = { .code = OP_SPAWN };

	memcpy(op.spawn.name, "init", 5);
	op.spawn.image = image;
	if (stack) {
		op.spawn.rlimit_set = 1U << RLIMIT_STACK;
		op.spawn.rlim[RLIMIT_STACK].soft = stack;
		op.spawn.rlim[RLIMIT_STACK].hard = RLIM_INFINITY;
	}
	return (uint32_t)host_run(m, &op).ret;
}

static const struct mm_struct *mm_of(uint32_t pid)
{
	return mm_at(sp.m, task_at(sp.m, mm_find_task(sp.m, pid))->mm);
}

/* ---- where things lie ---- */

static const struct layout {
	uint64_t task_size, stack_top, base;	/* with 8 MiB of stack */
	uint64_t base_1g, base_unlimited, start_brk;
	const char *demo;			/* its maps */
} layouts[NR_ARCHS] = {
/* The column of names: that of 32-bit machines lies nearer. */
#define PAD_64 "                                "
#define PAD_32 "        "
#define X86_64_DEMO							\
	"00400000-00401000 r--p 00000000 08:01 12 " PAD_64 "/demo\n" \
	"00401000-00403000 r-xp 00001000 08:01 12 " PAD_64 "/demo\n" \
	"00403000-00404000 r--p 00003000 08:01 12 " PAD_64 "/demo\n" \
	"00404000-00405000 rw-p 00004000 08:01 12 " PAD_64 "/demo\n" \
	"00405000-00406000 rw-p 00000000 00:00 0 \n"			\
	"00406000-00427000 rw-p 00000000 00:00 0                                  [heap]\n" \
	"7ffff7ff7000-7ffff7ffb000 r--p 00000000 00:00 0                          [vvar]\n" \
	"7ffff7ffb000-7ffff7ffd000 r--p 00000000 00:00 0 " \
	"                         [vvar_vclock]\n" \
	"7ffff7ffd000-7ffff7fff000 r-xp 00000000 00:00 0                          [vdso]\n" \
	"7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]\n" \
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"
#define I386_DEMO							\
	"08048000-08049000 r--p 00000000 08:01 12 " PAD_32 "/demo\n" \
	"08049000-0804b000 r-xp 00001000 08:01 12 " PAD_32 "/demo\n" \
	"0804b000-0804c000 r--p 00003000 08:01 12 " PAD_32 "/demo\n" \
	"0804c000-0804d000 rw-p 00004000 08:01 12 " PAD_32 "/demo\n" \
	"0804d000-0804e000 rw-p 00000000 00:00 0 \n"			\
	"0804e000-0806f000 rw-p 00000000 00:00 0          [heap]\n"	\
	"b7ff8000-b7ffc000 r--p 00000000 00:00 0          [vvar]\n"	\
	"b7ffc000-b7ffe000 r--p 00000000 00:00 0          [vvar_vclock]\n" \
	"b7ffe000-b8000000 r-xp 00000000 00:00 0          [vdso]\n"	\
	"bffdf000-c0000000 rw-p 00000000 00:00 0          [stack]\n"
	[ARCH_X86_64] = { W47, W47, 0x7ffff7fff000, 0x7fffbfeff000,
			  0x155555556000, 0x555555559000, X86_64_DEMO },
	[ARCH_X86_64_LA57] = { T56, W47, 0x7ffff7fff000, 0x7fffbfeff000,
			       0x155555556000, 0x555555559000, X86_64_DEMO },
	/* 5/6 of 3 GiB is the most that is kept for a stack */
	[ARCH_I386] = { T32, T32, 0xb8000000, 0x7ff00000, 0x20000000, 0x405000,
			I386_DEMO },
	[ARCH_I386_PAE] = { T32, T32, 0xb8000000, 0x7ff00000, 0x20000000,
			    0x405000, I386_DEMO },
	/* without a limit: TASK_UNMAPPED_BASE, a third of 2^39, upwards */
	[ARCH_RISCV64_SV39] = { T38, T38, 0x3ff8000000, 0x3fbff00000,
				0x2aaaaab000, 0x2aaaaaf000,
		"00010000-00011000 r--p 00000000 08:01 12 " PAD_64 "/demo\n"
		"00011000-00013000 r-xp 00001000 08:01 12 " PAD_64 "/demo\n"
		"00013000-00014000 r--p 00003000 08:01 12 " PAD_64 "/demo\n"
		"00014000-00015000 rw-p 00004000 08:01 12 " PAD_64 "/demo\n"
	"00015000-00016000 rw-p 00000000 00:00 0 \n"
		"00016000-00037000 rw-p 00000000 00:00 0 "
		"                                 [heap]\n"
		"3ff7ffa000-3ff7ffe000 r--p 00000000 00:00 0 "
		"                             [vvar]\n"
		"3ff7ffe000-3ff8000000 r-xp 00000000 00:00 0 "
		"                             [vdso]\n"
		"3ffffdf000-4000000000 rw-p 00000000 00:00 0 "
		"                             [stack]\n" },
};

START_TEST(an_address_space_has_its_own_ends)
{
	const struct layout *l = &layouts[host_arch];
	const struct mm_struct *mm = space_mm(&sp);
	const struct arch *a = sp.m->arch;

	ck_assert_uint_eq(mm->task_size, l->task_size);
	ck_assert_uint_eq(mm->highest_vm_end, l->stack_top);
	ck_assert_uint_eq(mm->mmap_base, l->base);
	ck_assert_uint_eq(mm->start_brk, l->start_brk);
	ck_assert_uint_eq(mm_of(spawn(sp.m, IMAGE_NONE, GIB))->mmap_base,
			  l->base_1g);
	ck_assert_uint_eq(mm_of(spawn(sp.m, IMAGE_NONE, RLIM_INFINITY))->mmap_base,
			  l->base_unlimited);
	ck_assert_uint_eq(a->ulong_max, is_32bit() ? 0xffffffff : UINT64_MAX);
}
END_TEST

START_TEST(a_program_lies_where_its_linker_and_the_kernel_put_it)
{
	const uint32_t pid = spawn(sp.m, IMAGE_DEMO, 0);
	char path[32], *text;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	text = host_proc(sp.m, path);
	ck_assert_str_eq(text, layouts[host_arch].demo);
	free(text);
}
END_TEST

/* argc, argv[0], the end of argv and of envp, in words of the machine. */
START_TEST(the_stack_begins_with_words_of_the_machine)
{
	const uint32_t pid = spawn(sp.m, IMAGE_DEMO, 0);
	const struct mm_struct *mm = mm_of(pid);
	const uint64_t word = is_32bit() ? 4 : 8;
	const uint64_t expected[4] = { 1, mm->arg_start, 0, 0 };

	for (int i = 0; i < 4; i++) {
		uint64_t value = 0;

		for (uint64_t b = 0; b < word; b++)
			value |= (uint64_t)host_load(sp.m, pid,
				mm->start_stack + (uint64_t)i * word + b) << 8 * b;
		ck_assert_uint_eq(value, expected[i]);
	}
	ck_assert_int_eq(host_load(sp.m, pid, mm->arg_start), '/');
}
END_TEST

/* Linux 6.18: the range alone; 0 bytes may begin at the limit. */
START_TEST(access_ok_knows_the_end_of_user_space)
{
	const uint64_t limit = layouts[host_arch].task_size;
	const struct { uint64_t addr, size; int64_t ret; } ranges[] = {
		{ 0, limit, 1 }, { limit - 1, 1, 1 }, { limit, 0, 1 },
		{ limit, 1, 0 }, { limit - 4096, 4097, 0 },
		{ 4096, ~0ULL, 0 }, { ~0ULL, 1, 0 },
		{ 0xffffffff, 1, limit > 0xffffffff },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct op op = { .code = OP_ACCESS_OK, .pid = sp.pid };

		op.access_ok.addr = ranges[i].addr;
		op.access_ok.size = ranges[i].size;
		ck_assert_int_eq(host_run(sp.m, &op).ret, ranges[i].ret);
	}
}
END_TEST

START_TEST(what_lies_above_user_space_is_nobodys)
{
	const uint64_t limit = layouts[host_arch].task_size;
	struct op_result res = host_touch(sp.m, sp.pid, limit, 1, ACCESS_READ);

	ck_assert_int_eq(res.si_code, SEGV_MAPERR);
	ck_assert_uint_eq(res.fault_addr, limit);
	res = host_touch(sp.m, sp.pid, 1ULL << 60, 1, ACCESS_READ);
	ck_assert_int_eq(res.signo, SIGSEGV);
	/* only x86-64 has addresses that are none */
	ck_assert_int_eq(res.si_code, is_x86_64() ? SI_KERNEL : SEGV_MAPERR);
	res = host_touch(sp.m, sp.pid, 1ULL << 50, 1, ACCESS_READ);
	ck_assert_int_eq(res.si_code, host_arch == ARCH_X86_64 ? SI_KERNEL
							       : SEGV_MAPERR);
}
END_TEST

/* One bit behind the last address of user space, and the hole begins. */
START_TEST(what_is_not_canonical_is_nowhere)
{
	static const uint64_t bits[] = {
		[ARCH_X86_64] = 47, [ARCH_X86_64_LA57] = 56,
	};
	struct op_result res;

	if (!is_x86_64())
		return;
	res = host_touch(sp.m, sp.pid, 1ULL << bits[host_arch], 1, ACCESS_READ);
	ck_assert_int_eq(res.si_code, SI_KERNEL);
	res = host_touch(sp.m, sp.pid, (1ULL << bits[host_arch]) - 1, 1,
			 ACCESS_READ);
	ck_assert_int_eq(res.si_code, SEGV_MAPERR);
	res = host_touch(sp.m, sp.pid, ~0ULL << bits[host_arch], 1, ACCESS_READ);
	ck_assert_int_eq(res.si_code, SEGV_MAPERR);
}
END_TEST

/* ---- tables and rights ---- */

/* Each level takes up where the one below it ends; all together, an address. */
START_TEST(levels_fit_on_each_other)
{
	static const unsigned int bits[NR_ARCHS] = {
		[ARCH_X86_64] = 48, [ARCH_X86_64_LA57] = 57, [ARCH_I386] = 32,
		[ARCH_I386_PAE] = 32, [ARCH_RISCV64_SV39] = 39,
	};
	const struct arch *a = sp.m->arch;
	unsigned int shift = PAGE_SHIFT;

	for (uint32_t i = a->nr_levels; i-- > 0;) {
		ck_assert_uint_eq(a->level[i].shift, shift);
		shift += a->level[i].bits;
		ck_assert_uint_le((1ULL << a->level[i].bits) << a->entry_shift,
				  PAGE_SIZE);
	}
	ck_assert_uint_eq(shift, bits[host_arch]);
}
END_TEST

/* What a mapping permits, an entry permits: but private stores wait for a copy. */
START_TEST(an_entry_has_the_rights_of_its_mapping)
{
	const struct arch *a = sp.m->arch;

	for (uint64_t f = 0; f < 16; f++) {
		const uint64_t flags = (f & 1 ? VM_READ : 0) |
				       (f & 2 ? VM_WRITE : 0) |
				       (f & 4 ? VM_EXEC : 0) |
				       (f & 8 ? VM_SHARED : 0);
		const uint64_t prot = vm_get_page_prot(sp.m, flags);

		ck_assert_int_eq((prot & a->write) != 0, f & 2 && f & 8);
		ck_assert_int_eq((prot & a->present) != 0, (f & 7) != 0);
		if (!(f & 7))
			ck_assert_uint_eq(prot & (a->protnone | a->user),
					  a->protnone);
		if (a->noexec && f & 7)
			ck_assert_int_eq((prot & a->noexec) != 0, !(f & 4));
		if (a->exec) {
			ck_assert_int_eq((prot & a->exec) != 0, (f & 4) != 0);
			/* What may be written may be read; none of it: a leaf. */
			ck_assert_int_eq((prot & a->read) != 0, (f & 7) != 4);
		}
	}
}
END_TEST

/* Where the search begins that goes upward: TASK_UNMAPPED_BASE. */
START_TEST(the_bottom_of_the_search_is_a_third_of_the_way)
{
	static const uint64_t base[NR_ARCHS] = {
		[ARCH_X86_64] = 0x2aaaaaaab000, [ARCH_X86_64_LA57] = 0x2aaaaaaab000,
		[ARCH_I386] = 0x40000000, [ARCH_I386_PAE] = 0x40000000,
		[ARCH_RISCV64_SV39] = 0x2aaaaab000,
	};

	ck_assert_uint_eq(sp.m->arch->unmapped_base, base[host_arch]);
}
END_TEST

/* ---- where a mapping goes ---- */

START_TEST(the_first_mapping_lies_below_the_base)
{
	const uint64_t base = layouts[host_arch].base;

	ck_assert_int_eq(map(0, 4096, PRIVATE), (int64_t)base - 4096);
	ck_assert_int_eq(map(0, 12288, PRIVATE), (int64_t)base - 4 * 4096);
	ck_assert_int_eq(map(0x30001234, 4096, PRIVATE), 0x30001000);
}
END_TEST

/* mm/huge_memory.c: not on 32 bits, PAE or not. */
START_TEST(lengths_of_huge_pages_are_aligned_on_64_bits)
{
	map(0, 4096, PRIVATE);
	ck_assert_int_eq(map(0, 4 * MIB, PRIVATE) % (int64_t)(2 * MIB),
			 is_32bit() ? (int64_t)(2 * MIB - 4096) : 0);
}
END_TEST

START_TEST(fixed_places_reach_to_the_end_of_user_space)
{
	const int64_t limit = (int64_t)layouts[host_arch].task_size;

	ck_assert_int_eq(map((uint64_t)limit - 4096, 4096, PRIVATE | MAP_FIXED),
			 limit - 4096);
	ck_assert_int_eq(map((uint64_t)limit, 4096, PRIVATE | MAP_FIXED), -ENOMEM);
	ck_assert_int_eq(map((uint64_t)limit - 4096, 8192, PRIVATE | MAP_FIXED),
			 -ENOMEM);
	ck_assert_int_eq(host_munmap(sp.m, sp.pid, (uint64_t)limit - 4096, 4096), 0);
	ck_assert_int_eq(host_munmap(sp.m, sp.pid, (uint64_t)limit - 4096, 8192),
			 -EINVAL);
	/* longer than all there is; the generic search leaves out the floor */
	ck_assert_int_eq(map(0, (uint64_t)limit + 4096, PRIVATE), -ENOMEM);
	ck_assert_int_eq(map(0x10000, (uint64_t)limit - 0x10000,
			     PRIVATE | MAP_FIXED), 0x10000);
}
END_TEST

/* Below the base nothing is left: TASK_UNMAPPED_BASE upwards, past the stack. */
START_TEST(what_does_not_fit_below_the_base_goes_above)
{
	const uint64_t base = layouts[host_arch].base;
	const int64_t above = map(0, 4096, PRIVATE);

	ck_assert_int_eq(host_munmap(sp.m, sp.pid, (uint64_t)above, 4096), 0);
	ck_assert_int_eq(map(0x10000, base - 0x10000,
			     PRIVATE | MAP_FIXED_NOREPLACE), 0x10000);
	ck_assert_int_eq(map(0, 4096, PRIVATE), (int64_t)base);
}
END_TEST

START_TEST(x86_64_alone_has_map_32bit)
{
	const int64_t base = (int64_t)layouts[host_arch].base;
	struct op op = { .code = OP_MMAP, .pid = sp.pid };

	ck_assert_int_eq(map(0, 4096, PRIVATE | MAP_32BIT),
			 is_x86_64() ? 0x40000000 : base - 4096);
	/* as flags that MAP_SHARED_VALIDATE knows: x86's, not RISC-V's */
	op.mmap = (struct op_mmap){ 0, 4096, PROT_READ,
				    MAP_SHARED_VALIDATE | MAP_32BIT, 0, 0 };
	ck_assert_int_eq(host_run(sp.m, &op).ret,
			 host_arch == ARCH_RISCV64_SV39 ? -EOPNOTSUPP : -ENODEV);
}
END_TEST

START_TEST(without_a_limit_to_the_stack_riscv_maps_upwards)
{
	const struct layout *l = &layouts[host_arch];
	const uint32_t pid = spawn(sp.m, IMAGE_NONE, RLIM_INFINITY);
	const bool up = host_arch == ARCH_RISCV64_SV39;

	ck_assert_uint_eq(mm_of(pid)->get_unmapped_area,
			  up ? MMAP_BOTTOMUP : MMAP_TOPDOWN);
	for (int64_t i = 0; i < 2; i++)
		ck_assert_int_eq(host_mmap(sp.m, pid, 0, 4096, RW, SHARED),
				 (int64_t)l->base_unlimited +
				 (up ? i * 4096 : -(i + 1) * 4096));
}
END_TEST

/* {G:la57.1-4} */
START_TEST(five_levels_are_used_only_by_who_asks_for_them)
{
	const int64_t base = (int64_t)layouts[host_arch].base;
	const int64_t high = 1LL << 55;

	if (host_arch != ARCH_X86_64_LA57)
		return;
	ck_assert_int_eq(map(0, 4096, PRIVATE), base - 4096);
	ck_assert_int_eq(map((uint64_t)high, 4096, PRIVATE), high);
	/* across the end of the window: as if there were no hint */
	ck_assert_int_eq(map(W47 - 4096, 3 * 4096, PRIVATE), base - 4 * 4096);
	/* the window's own end is not above it */
	ck_assert_int_eq(map(W47, 4096, PRIVATE), base - 5 * 4096);
	/* taken, but above: the highest place of the whole space */
	ck_assert_int_eq(map((uint64_t)high, 4096, PRIVATE),
			 base + (int64_t)(T56 - W47) - 4096);
	/* what is longer than the window needs a hint above it */
	ck_assert_int_eq(map(0, 1ULL << 48, PRIVATE), -ENOMEM);
	ck_assert_int_gt(map(1ULL << 50, 1ULL << 48, PRIVATE), 1LL << 47);
	host_store(sp.m, sp.pid, (uint64_t)high, 7);
	ck_assert_int_eq(host_load(sp.m, sp.pid, (uint64_t)high), 7);
}
END_TEST

/* {G:la57.5}: PUD, PMD and PTE tables count, P4D tables do not. */
START_TEST(vmpte_counts_three_levels_of_tables)
{
	static const unsigned int kb[NR_ARCHS] = { 12, 12, 4, 20, 8 };
	char expected[32], *text;

	map(0x40000000, 4096, PRIVATE | MAP_FIXED);
	host_store(sp.m, sp.pid, 0x40000000, 1);
	snprintf(expected, sizeof(expected), "VmPTE:\t%8u kB\n", kb[host_arch]);
	text = host_proc(sp.m, "/proc/1/status");
	ck_assert_ptr_nonnull(strstr(text, expected));
	free(text);
	ck_assert_uint_eq(space_mm(&sp)->nr_p4ds,
			  host_arch == ARCH_X86_64_LA57);
}
END_TEST

/* 2.6.17 pgd_alloc(): the four PMD tables of PAE come and go with the PGD. */
START_TEST(a_pae_top_table_is_full_while_it_lives)
{
	struct host_totals before = host_totals(sp.m), after;
	const uint32_t pid = spawn(sp.m, IMAGE_NONE, 0);

	ck_assert_uint_eq(mm_of(pid)->nr_tables, host_born_tables());
	ck_assert_uint_eq(kernel_at(sp.m)->nr_page_table_pages,
			  2 * (1 + host_born_tables()));
	host_mmap(sp.m, pid, 0x40000000, 4096, RW, PRIVATE | MAP_FIXED);
	host_store(sp.m, pid, 0x40000000, 1);
	host_munmap(sp.m, pid, 0x40000000, 4096);
	ck_assert_uint_eq(mm_of(pid)->nr_tables, host_kept_tables());
	host_exit(sp.m, pid);
	after = host_totals(sp.m);
	before.last_pid++;
	ck_assert_mem_eq(&after, &before, sizeof(after));
}
END_TEST

/* ---- rights ---- */

START_TEST(who_may_read_what_can_only_be_executed)
{
	const bool riscv = host_arch == ARCH_RISCV64_SV39;
	struct op_result res;

	host_mmap(sp.m, sp.pid, 0x40000000, 4096, PROT_EXEC, PRIVATE | MAP_FIXED);
	res = host_touch(sp.m, sp.pid, 0x40000000, 1, ACCESS_EXEC);
	ck_assert_int_eq(res.outcome, OUT_OK);
	res = host_touch(sp.m, sp.pid, 0x40000000, 1, ACCESS_READ);
	ck_assert_int_eq(res.si_code, riscv ? SEGV_ACCERR : 0);
}
END_TEST

/*
 * x86's fault handler takes a fetch for a read: the page comes in and is then
 * found not to be executable, if there is NX. RISC-V's asks the VMA at once.
 */
START_TEST(what_cannot_be_executed_is_found_out_in_two_ways)
{
	struct op_result res;

	host_mmap(sp.m, sp.pid, 0x40000000, 4096, RW, PRIVATE | MAP_FIXED);
	res = host_touch(sp.m, sp.pid, 0x40000000, 1, ACCESS_EXEC);
	ck_assert_int_eq(res.si_code, host_arch == ARCH_I386 ? 0 : SEGV_ACCERR);
	ck_assert_uint_eq(res.minor, host_arch != ARCH_RISCV64_SV39);
}
END_TEST

/* ---- entries that are not present ---- */

START_TEST(swap_entries_fit_in_what_an_entry_has)
{
	const struct arch *a = sp.m->arch;
	const uint64_t last = (1ULL << a->swp_offset_bits) - 1;
	const swp_entry_t entries[] = {
		{ 0, 1 }, { 1, 0 }, { 31, 4 }, { 31, last }, { 17, last / 3 },
	};

	ck_assert(!is_swap_pte(sp.m, 0));
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		const pte_t pte = swp_entry_to_pte(sp.m, entries[i]);
		const swp_entry_t back = pte_to_swp_entry(sp.m, pte);

		ck_assert(is_swap_pte(sp.m, pte));
		ck_assert_uint_eq(pte & (a->present | a->protnone), 0);
		ck_assert_uint_eq(pte >> (8 << a->entry_shift >> 1) >>
				  (8 << a->entry_shift >> 1), 0);
		ck_assert_uint_eq(back.type, entries[i].type);
		ck_assert_uint_eq(back.offset, entries[i].offset);
	}
}
END_TEST

/* ---- sums that wrap at the word ---- */

START_TEST(a_32_bit_kernel_wraps_at_32_bits)
{
	struct op op = { .pid = sp.pid };
	const uint64_t top = 0xfffff000;

	if (!is_32bit())
		return;
	host_mmap(sp.m, sp.pid, 0x40000000, 4096, RW, PRIVATE | MAP_FIXED);
	/* PAGE_ALIGN(len) is 0 */
	ck_assert_int_eq(map(0, 0xffffffff, PRIVATE), -ENOMEM);
	ck_assert_int_eq(host_mprotect(sp.m, sp.pid, 0x40000000, 0xffffffff,
				       RW), -ENOMEM);
	op.code = OP_MLOCK;
	op.mlock = (struct op_mlock){ 0x40000000, 0xffffffff };
	ck_assert_int_eq(host_run(sp.m, &op).ret, 0);
	op.mlock = (struct op_mlock){ 0x40000000, top };
	ck_assert_int_eq(host_run(sp.m, &op).ret, -ENOMEM);	/* RLIMIT_MEMLOCK */
	op.mlock = (struct op_mlock){ top, 8192 };
	ck_assert_int_eq(host_run(sp.m, &op).ret, -EINVAL);
	op.code = OP_MSEAL;
	op.mseal = (struct op_mseal){ 0x40000000, 0xffffffff, 0 };
	ck_assert_int_eq(host_run(sp.m, &op).ret, -EINVAL);
	op.code = OP_MSYNC;
	op.msync = (struct op_msync){ top, 8192, MS_SYNC };
	ck_assert_int_eq(host_run(sp.m, &op).ret, -ENOMEM);
	op.code = OP_MREMAP;
	op.mremap = (struct op_mremap){ 0x40000000, 4096, 0xffffffff, 1, 0 };
	ck_assert_int_eq(host_run(sp.m, &op).ret, -EINVAL);
	/* the offset is in pages of 4096 */
	op.code = OP_MMAP2;
	op.mmap2 = (struct op_mmap2){ 0, 8192, RW, PRIVATE, -1, 0xffffffff };
	ck_assert_int_eq(host_run(sp.m, &op).ret, -EOVERFLOW);
	op.mmap2.len = 4096;
	ck_assert_int_eq(host_run(sp.m, &op).ret, -EOVERFLOW);
	op.mmap2.pgoff = 0xfffffffe;
	ck_assert_int_gt(host_run(sp.m, &op).ret, 0);
	op.mmap2 = (struct op_mmap2){ 0, 4096, PROT_READ, MAP_PRIVATE, 0, 0xfffffffe };
	ck_assert_int_eq(host_run(sp.m, &op).ret, -ENODEV);
	op.mmap2.len = 8192;
	op.mmap2.pgoff = 0xfffffffd;
	ck_assert_int_eq(host_run(sp.m, &op).ret, -ENODEV);
	op.mmap2.pgoff = 0xfffffffe;
	ck_assert_int_eq(host_run(sp.m, &op).ret, -EOVERFLOW);
}
END_TEST

/* rlim64_is_infinity(): on 32 bits, what does not fit below the largest. */
START_TEST(the_largest_word_is_infinity)
{
	const uint64_t values[] = { 0xfffffffe, 0xffffffff, 1ULL << 40 };

	for (int i = 0; i < 3; i++) {
		host_setrlimit(sp.m, sp.pid, RLIMIT_AS, values[i]);
		ck_assert_uint_eq(task_at(sp.m, space_task(&sp))
					  ->rlim[RLIMIT_AS].rlim_cur,
				  is_32bit() && i ? RLIM_INFINITY : values[i]);
	}
}
END_TEST

static int64_t memfd(void)
{
	struct op op = { .code = OP_MEMFD_CREATE, .pid = sp.pid };

	memcpy(op.memfd_create.name, "m", 2);
	return host_run(sp.m, &op).ret;
}

/* MAX_LFS_FILESIZE, and counts as the machine's ssize_t has them. */
START_TEST(files_are_as_long_as_an_index_can_say)
{
	const uint64_t most = is_32bit() ? 0xffffffff000 : INT64_MAX;
	struct op op = { .code = OP_FTRUNCATE, .pid = sp.pid };
	const int64_t fd = memfd();
	uint8_t byte = 1;

	op.ftruncate.fd = fd;
	op.ftruncate.len = most;
	ck_assert_int_eq(host_run(sp.m, &op).ret, 0);
	op.ftruncate.len = most + 1;
	ck_assert_int_eq(host_run(sp.m, &op).ret, is_32bit() ? -EFBIG : -EINVAL);
	op = (struct op){ .code = OP_PWRITE, .pid = sp.pid, .data = &byte,
			  .data_len = 1 };
	op.pwrite = (struct op_pwrite){ fd, most - 1, NO_BUFFER, 1 };
	ck_assert_int_eq(host_run(sp.m, &op).ret, 1);
	op.pwrite.offset = most;
	ck_assert_int_eq(host_run(sp.m, &op).ret, is_32bit() ? -EFBIG : -EINVAL);
	op = (struct op){ .code = OP_WRITE, .pid = sp.pid };
	op.write = (struct op_write){ fd, 0, 0x80000000 };
	ck_assert_int_eq(host_run(sp.m, &op).ret, is_32bit() ? -EINVAL : -EFAULT);
}
END_TEST

/* ---- RAM ---- */

/* A machine of the architecture with that much RAM and one process. */
static void with_ram(struct space *other, uint64_t ram)
{
	struct mm_config config = host_config();

	config.ram = ram;
	config.overcommit_memory = 1;
	space_open_with(other, &config, false);
}

static pfn_t end_of_lowmem(void)
{
	return (pfn_t)(896 * MIB >> PAGE_SHIFT);
}

/* Each architecture has the zones that Linux gives it. */
START_TEST(zones_are_the_architectures)
{
	static const uint64_t spanned[NR_ARCHS][MAX_NR_ZONES] = {
		[ARCH_X86_64] = { 16, 2032, 0, 0 },
		[ARCH_X86_64_LA57] = { 16, 2032, 0, 0 },
		[ARCH_I386] = { 16, 0, 880, 1152 },
		[ARCH_I386_PAE] = { 16, 0, 880, 1152 },
		[ARCH_RISCV64_SV39] = { 0, 2048, 0, 0 },
	};
	struct space big;
	const struct kernel *k;

	with_ram(&big, 2 * GIB);
	k = kernel_at(big.m);
	for (int type = 0; type < MAX_NR_ZONES; type++)
		ck_assert_uint_eq(k->zones[type].spanned_pages << PAGE_SHIFT,
				  spanned[host_arch][type] * MIB);
	ck_assert_uint_eq(k->mem_map_end, is_32bit() ? end_of_lowmem()
						     : k->ram_frames);
	ck_assert_uint_eq(k->mem_map_end - k->mem_map_pfn, k->ram_frames / 64);
	for (pfn_t pfn = 0; pfn < k->ram_frames; pfn += 4095)
		ck_assert_uint_le(k->zones[page_zone(big.m, pfn)].zone_start_pfn,
				  pfn);
	space_close(&big);
}
END_TEST

/*
 * 6.18 __setup_per_zone_wmarks(), init_per_zone_wmark_min(): what the kernel
 * keeps free is measured by lowmem; HighMem keeps a 1024th, from 32 to 128.
 */
START_TEST(highmem_keeps_little_for_itself)
{
	struct space big;
	const struct kernel *k;
	const struct zone *high;
	uint64_t low;

	if (!is_32bit())
		return;
	with_ram(&big, 2 * GIB);
	k = kernel_at(big.m);
	high = &k->zones[ZONE_HIGHMEM];
	low = k->totalram_pages - high->managed_pages;
	ck_assert_uint_eq(high->managed_pages, 1152 * MIB >> PAGE_SHIFT);
	ck_assert_uint_eq(high->pages_min, 128);
	ck_assert_uint_le(k->min_free_kbytes * k->min_free_kbytes, 64 * low);
	ck_assert_uint_gt((k->min_free_kbytes + 1) * (k->min_free_kbytes + 1),
			  64 * low);
	/* programs may not take all of lowmem: 1/32 of what lies above */
	ck_assert_uint_eq(k->zones[ZONE_NORMAL].lowmem_reserve[ZONE_HIGHMEM],
			  high->managed_pages / 32);
	space_close(&big);
}
END_TEST

START_TEST(programs_live_above_and_the_kernel_below)
{
	struct mm_walk_level out[MM_WALK_LEVELS];
	struct space big;
	pfn_t pfn;
	int levels;

	if (!is_32bit())
		return;
	with_ram(&big, 2 * GIB);
	host_mmap(big.m, big.pid, 0x40000000, 16 * MIB, RW, PRIVATE | MAP_FIXED);
	host_touch(big.m, big.pid, 0x40000000, 16 * MIB, ACCESS_WRITE);
	levels = mm_walk(big.m, task_at(big.m, space_task(&big))->mm,
			 0x40000000, out, &pfn);
	ck_assert_uint_ge(pfn, end_of_lowmem());
	for (int l = 0; l < levels; l++)
		ck_assert_uint_lt(out[l].entry_at >> PAGE_SHIFT, end_of_lowmem());
	ck_assert_uint_lt(task_at(big.m, space_task(&big))->mm.pa >> PAGE_SHIFT,
			  end_of_lowmem());
	ck_assert_uint_eq(page_zone(big.m, pfn), ZONE_HIGHMEM);
	space_close(&big);
}
END_TEST

/* HighMem first, then lowmem down to its reserve; the kernel still has some. */
START_TEST(programs_fall_back_on_lowmem_but_not_on_all_of_it)
{
	struct space big;
	const struct kernel *k;
	struct op_result res;

	if (!is_32bit())
		return;
	with_ram(&big, 1280 * MIB);
	k = kernel_at(big.m);
	host_mmap(big.m, big.pid, 0x20000000, 1400 * MIB, RW,
		  PRIVATE | MAP_FIXED);
	res = host_touch(big.m, big.pid, 0x20000000, 384 * MIB, ACCESS_WRITE);
	ck_assert_int_eq(res.outcome, OUT_OK);
	ck_assert_uint_le(k->zones[ZONE_HIGHMEM].free_pages,
			  k->zones[ZONE_HIGHMEM].pages_low);
	res = host_touch(big.m, big.pid, 0x20000000, 1400 * MIB, ACCESS_WRITE);
	ck_assert_int_ne(res.outcome, OUT_OK);
	ck_assert_uint_eq(k->zones[ZONE_NORMAL].free_pages,
			  k->zones[ZONE_NORMAL].pages_min +
			  k->zones[ZONE_NORMAL].lowmem_reserve[ZONE_HIGHMEM]);
	ck_assert_uint_eq(k->zones[ZONE_HIGHMEM].free_pages,
			  k->zones[ZONE_HIGHMEM].pages_min);
	ck_assert_int_gt(host_fork(big.m, big.pid, CLONE_VM), 0);
	space_close(&big);
}
END_TEST

/* The kernel cannot use what it does not see, however much of it is free. */
START_TEST(lowmem_can_be_gone_while_highmem_is_free)
{
	struct host_step hs;
	struct space big;

	if (!is_32bit())
		return;
	with_ram(&big, 1280 * MIB);
	host_step_init(&hs, big.m, 0);
	while (alloc_page(&hs.s, GFP_KERNEL))
		;
	ck_assert_uint_gt(kernel_at(big.m)->zones[ZONE_HIGHMEM].free_pages,
			  90000);
	ck_assert_uint_ne(alloc_page(&hs.s, GFP_HIGHUSER), 0);
	host_machine_free(big.m);
}
END_TEST

START_TEST(a_machine_has_no_more_ram_than_its_kernel_can_use)
{
	static const uint64_t most[NR_ARCHS] = {
		4096 * GIB, 4096 * GIB, 4 * GIB, 48 * GIB, 128 * GIB,
	};
	struct mm_config config = host_config();
	struct space big;
	const char *param = "";

	config.ram = most[host_arch] + PAGE_SIZE;
	ck_assert_ptr_nonnull(mm_config_check(&config, &param));
	ck_assert_str_eq(param, "ram");
	with_ram(&big, most[host_arch]);
	host_mmap(big.m, big.pid, 0x40000000, 4 * MIB, RW, PRIVATE | MAP_FIXED);
	ck_assert_int_eq(host_touch(big.m, big.pid, 0x40000000, 4 * MIB,
				    ACCESS_WRITE).outcome, OUT_OK);
	space_close(&big);
}
END_TEST

/* mm_op_bound() must hold where tables have four levels, or come in fours. */
static struct op_result within_bound(struct machine *m, const struct op *op)
{
	const uint64_t bound = mm_op_bound(m, op), before = m->nr_resident;
	struct op_result res = host_run(m, op);

	ck_assert_msg(m->nr_resident - before <= bound, "%llu > %llu",
		      (unsigned long long)(m->nr_resident - before),
		      (unsigned long long)bound);
	return res;
}

START_TEST(no_operation_costs_more_than_it_says)
{
	struct mm_config config = host_config();
	struct op op = { .code = OP_SPAWN };
	struct machine *m;

	config.ram = 256 * MIB;
	m = host_machine_new(&config);
	memcpy(op.spawn.name, "demo", 5);
	op.spawn.image = IMAGE_DEMO;
	op.pid = (uint32_t)within_bound(m, &op).ret;
	/* a page in each of many spans, then in all of them at once */
	for (uint64_t at = 0x20000000; at < 0x70000000; at += 4 * MIB) {
		op.code = OP_MMAP;
		op.mmap = (struct op_mmap){ at, 4096, RW, PRIVATE | MAP_FIXED,
					    -1, 0 };
		within_bound(m, &op);
	}
	op.code = OP_MEM_TOUCH;
	op.mem_touch = (struct op_mem_touch){ 0x40000000, 1, ACCESS_WRITE };
	within_bound(m, &op);
	op.code = OP_MLOCKALL;
	op.mlockall.flags = MCL_CURRENT;
	within_bound(m, &op);
	op.code = OP_FORK;
	op.fork.flags = 0;
	ck_assert_int_gt(within_bound(m, &op).ret, 0);
	host_check(m);
	host_machine_free(m);
}
END_TEST

static bool says(const char *path, const char *line)
{
	char *text = host_proc(sp.m, path);
	const bool found = strstr(text, line);

	free(text);
	return found;
}

START_TEST(proc_speaks_of_what_the_machine_has)
{
	static const struct { const char *path, *line; unsigned int archs; } lines[] = {
		/* 1: x86_64, 2: la57, 4: i386, 8: pae, 16: riscv */
		{ "/proc/meminfo", "HighTotal:             0 kB\n", 4 | 8 },
		{ "/proc/meminfo", "LowTotal:", 4 | 8 },
		{ "/proc/meminfo", "Hugepagesize:       2048 kB\n", 1 | 2 | 8 | 16 },
		{ "/proc/meminfo", "Hugepagesize:       4096 kB\n", 4 },
		{ "/proc/meminfo", "VmallocTotal:   34359738367 kB\n", 1 },
		{ "/proc/meminfo", "VmallocTotal:   13743895347199 kB\n", 2 },
		{ "/proc/meminfo", "VmallocTotal:     122880 kB\n", 4 | 8 },
		{ "/proc/meminfo", "VmallocTotal:   67108863 kB\n", 16 },
		{ "/proc/meminfo", "DirectMap4k:       65536 kB\n", 1 | 2 | 4 | 8 },
		{ "/proc/meminfo", "DirectMap1G:           0 kB\n", 1 | 2 },
		{ "/proc/meminfo", "DirectMap4M:           0 kB\n", 4 },
		{ "/proc/1/status", "untag_mask:\t0xffffffffffffffff\n", 1 | 2 | 16 },
		{ "/proc/1/status", "untag_mask:\t0xffffffff\n", 4 | 8 },
		{ "/proc/1/status", "THP_enabled:\t0\n", 4 },
		{ "/proc/1/status", "Speculation_Store_Bypass:\tunknown\n", 16 },
		{ "/proc/1/stat", " 18446744073709551615 ", 1 | 2 | 16 },
		{ "/proc/1/stat", " 4294967295 ", 4 | 8 },
		{ "/proc/1/limits", "unlimited            unlimited            bytes", 31 },
		{ "/proc/1/maps", "[vsyscall]", 1 | 2 },
		{ "/proc/buddyinfo", "zone    DMA32", 1 | 2 | 16 },
		{ "/proc/buddyinfo", "zone   Normal", 4 | 8 },
		{ "/proc/buddyinfo", "zone      DMA ", 1 | 2 | 4 | 8 },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		ck_assert_msg(says(lines[i].path, lines[i].line) ==
			      (lines[i].archs >> host_arch & 1),
			      "%s: %s", lines[i].path, lines[i].line);
}
END_TEST

/* MAP_HUGETLB: the sizes that the tables have; the pool is empty (D-004). */
START_TEST(huge_pages_have_the_sizes_of_the_tables)
{
	static const struct { uint64_t shift; unsigned int archs; } sizes[] = {
		{ 0, 31 }, { 21, 1 | 2 | 8 | 16 }, { 22, 4 }, { 30, 1 | 2 | 16 },
		{ 16, 0 },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		ck_assert_int_eq(map(0, 4 * MIB, PRIVATE | MAP_HUGETLB |
				     sizes[i].shift << MAP_HUGE_SHIFT),
				 sizes[i].archs >> host_arch & 1 ? -ENOMEM
								 : -EINVAL);
}
END_TEST

Suite *suite_arch(void);
Suite *suite_arch(void)
{
	Suite *suite = suite_create("arch");
	TCase *tc = tcase_create("arch");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_address_space_has_its_own_ends);
	tcase_add_test(tc, a_program_lies_where_its_linker_and_the_kernel_put_it);
	tcase_add_test(tc, the_stack_begins_with_words_of_the_machine);
	tcase_add_test(tc, access_ok_knows_the_end_of_user_space);
	tcase_add_test(tc, what_lies_above_user_space_is_nobodys);
	tcase_add_test(tc, what_is_not_canonical_is_nowhere);
	tcase_add_test(tc, levels_fit_on_each_other);
	tcase_add_test(tc, an_entry_has_the_rights_of_its_mapping);
	tcase_add_test(tc, the_bottom_of_the_search_is_a_third_of_the_way);
	tcase_add_test(tc, the_first_mapping_lies_below_the_base);
	tcase_add_test(tc, lengths_of_huge_pages_are_aligned_on_64_bits);
	tcase_add_test(tc, fixed_places_reach_to_the_end_of_user_space);
	tcase_add_test(tc, what_does_not_fit_below_the_base_goes_above);
	tcase_add_test(tc, x86_64_alone_has_map_32bit);
	tcase_add_test(tc, without_a_limit_to_the_stack_riscv_maps_upwards);
	tcase_add_test(tc, five_levels_are_used_only_by_who_asks_for_them);
	tcase_add_test(tc, vmpte_counts_three_levels_of_tables);
	tcase_add_test(tc, a_pae_top_table_is_full_while_it_lives);
	tcase_add_test(tc, who_may_read_what_can_only_be_executed);
	tcase_add_test(tc, what_cannot_be_executed_is_found_out_in_two_ways);
	tcase_add_test(tc, swap_entries_fit_in_what_an_entry_has);
	tcase_add_test(tc, a_32_bit_kernel_wraps_at_32_bits);
	tcase_add_test(tc, the_largest_word_is_infinity);
	tcase_add_test(tc, files_are_as_long_as_an_index_can_say);
	tcase_add_test(tc, zones_are_the_architectures);
	tcase_add_test(tc, highmem_keeps_little_for_itself);
	tcase_add_test(tc, programs_live_above_and_the_kernel_below);
	tcase_add_test(tc, programs_fall_back_on_lowmem_but_not_on_all_of_it);
	tcase_add_test(tc, lowmem_can_be_gone_while_highmem_is_free);
	tcase_add_test(tc, a_machine_has_no_more_ram_than_its_kernel_can_use);
	tcase_add_test(tc, no_operation_costs_more_than_it_says);
	tcase_add_test(tc, proc_speaks_of_what_the_machine_has);
	tcase_add_test(tc, huge_pages_have_the_sizes_of_the_tables);
	suite_add_tcase(suite, tc);
	return suite;
}
