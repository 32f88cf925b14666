/* SPDX-License-Identifier: MIT */
/*
 * Page tables: a walk by hand over the bytes of the tables, with the shapes and
 * bit positions of the manuals (Intel SDM, volume 3, 4.3 to 4.5; RISC-V, volume
 * II, "Sv39"), says what mm_walk() says; tables come one by one and go when
 * nothing else needs their span.
 */
#include <check.h>
#include <string.h>

#include "mmcore/mm/page_alloc.h"
#include "tests/lib/space.h"

#define P	(1ULL << 0)
#define RW_BIT	(1ULL << 1)
#define US	(1ULL << 2)
#define A	(1ULL << 5)
#define D	(1ULL << 6)
#define NX	(1ULL << 63)
#define FRAME	0x000ffffffffff000ULL

#define V	(1ULL << 0)
#define R	(1ULL << 1)
#define W	(1ULL << 2)
#define X_BIT	(1ULL << 3)
#define U	(1ULL << 4)
#define A_RV	(1ULL << 6)
#define D_RV	(1ULL << 7)
#define LEAF	(R | W | X_BIT)

/* Each machine as its manual draws it. */
static const struct hand {
	int levels, bytes;	/* of an entry */
	int shift[5], bits[5];
	uint64_t frame;		/* the frame's bits in an entry */
	int frame_shift;
	const char *names[5];
} hands[NR_ARCHS] = {
	[ARCH_X86_64] = { 4, 8, { 39, 30, 21, 12 }, { 9, 9, 9, 9 }, FRAME, 12,
			  { "pgd", "pud", "pmd", "pte" } },
	[ARCH_X86_64_LA57] = { 5, 8, { 48, 39, 30, 21, 12 }, { 9, 9, 9, 9, 9 },
			       FRAME, 12, { "pgd", "p4d", "pud", "pmd", "pte" } },
	[ARCH_I386] = { 2, 4, { 22, 12 }, { 10, 10 }, 0xfffff000, 12,
			{ "pgd", "pte" } },
	[ARCH_I386_PAE] = { 3, 8, { 30, 21, 12 }, { 2, 9, 9 }, FRAME, 12,
			    { "pgd", "pmd", "pte" } },
	[ARCH_RISCV64_SV39] = { 3, 8, { 30, 21, 12 }, { 9, 9, 9 },
				0x003ffffffffffc00, 10, { "pgd", "pmd", "pte" } },
};

static struct space sp;

static const struct hand *hand(void)
{
	return &hands[host_arch];
}

static void setup(void)
{
	space_open(&sp);
}

static void teardown(void)
{
	space_close(&sp);
}

static uint64_t word(uint64_t pa)
{
	uint64_t value = 0;

	memcpy(&value, (const uint8_t *)ram_at(sp.m, pa),
	       (size_t)hand()->bytes);
	return value;
}

static uint64_t frame_of(uint64_t entry)
{
	return (entry & hand()->frame) >> hand()->frame_shift;
}

static uint32_t index_of(uint64_t addr, int level)
{
	return (uint32_t)(addr >> hand()->shift[level] &
			  ((1ULL << hand()->bits[level]) - 1));
}

/* As the CPU does it: the last entry, or the first that is not present. */
static uint64_t walk_by_hand(uint64_t addr, int *levels)
{
	uint64_t table = space_mm(&sp)->pgd, entry = 0;

	for (*levels = 0; *levels < hand()->levels; ) {
		entry = word(table + index_of(addr, *levels) *
					     (uint64_t)hand()->bytes);
		++*levels;
		if (!(entry & P))
			return entry;
		table = frame_of(entry) << 12;
	}
	return entry;
}

START_TEST(the_walk_is_that_of_the_cpu)
{
	const uint64_t addrs[] = {
		ARENA, ARENA + 4096, ARENA + (2 << 20), ARENA + (4 << 20),
		ARENA + (1 << 30), ARENA + (1ULL << 39), 0,
		space_mm(&sp)->start_stack & PAGE_MASK,
	};

	host_mmap(sp.m, sp.pid, ARENA, 2 << 20, RW, PRIVATE | MAP_FIXED);
	host_store(sp.m, sp.pid, ARENA, 1);
	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		struct mm_walk_level out[MM_WALK_LEVELS];
		pfn_t pfn;
		int levels;
		const uint64_t entry = walk_by_hand(addrs[i], &levels);
		const int n = mm_walk(sp.m, task_at(sp.m, space_task(&sp))->mm,
				      addrs[i], out, &pfn);

		ck_assert_int_eq(n, levels);
		ck_assert_uint_eq(out[n - 1].entry, entry);
		ck_assert_uint_eq(pfn, n == hand()->levels && entry & P
					       ? frame_of(entry) : 0);
		for (int l = 0; l < n; l++) {
			ck_assert_str_eq(out[l].level, hand()->names[l]);
			ck_assert_uint_eq(out[l].index, index_of(addrs[i], l));
			ck_assert_uint_eq(word(out[l].entry_at),
					  out[l].entry);
		}
	}
}
END_TEST

/* What an entry must have set and clear; NX where there is none: neither. */
static const struct {
	uint64_t prot;
	enum access_kind kind;
	uint64_t set, clear;		/* x86 */
	uint64_t rv_set, rv_clear;	/* Sv39 */
} bits[] = {
	{ RW, ACCESS_WRITE, P | RW_BIT | US | A | D | NX, 0,
	  V | R | W | U | A_RV | D_RV, X_BIT },
	{ RW, ACCESS_READ, P | US | A | NX, RW_BIT | D,
	  V | R | U | A_RV, W | X_BIT | D_RV },
	{ PROT_READ, ACCESS_READ, P | US | A | NX, RW_BIT | D,
	  V | R | U | A_RV, W | X_BIT | D_RV },
	{ PROT_WRITE, ACCESS_WRITE, P | RW_BIT | US | A | D | NX, 0,
	  V | R | W | U | A_RV | D_RV, X_BIT },
	{ RW | PROT_EXEC, ACCESS_WRITE, P | RW_BIT | US | A | D, NX,
	  V | R | W | X_BIT | U | A_RV | D_RV, 0 },
	{ PROT_READ | PROT_EXEC, ACCESS_EXEC, P | US | A, RW_BIT | NX | D,
	  V | R | X_BIT | U | A_RV, W | D_RV },
	{ PROT_EXEC, ACCESS_EXEC, P | US | A, RW_BIT | NX | D,
	  V | X_BIT | U | A_RV, R | W | D_RV },
};

START_TEST(entries_carry_the_bits_of_the_manual)
{
	const bool riscv = host_arch == ARCH_RISCV64_SV39;
	const uint64_t lacks = host_arch == ARCH_I386 ? NX : 0;
	const uint64_t set = (riscv ? bits[_i].rv_set : bits[_i].set) & ~lacks;
	const uint64_t clear = riscv ? bits[_i].rv_clear : bits[_i].clear;
	uint64_t entry;
	int levels;

	space_map(&sp, 0, 1, bits[_i].prot);
	host_touch(sp.m, sp.pid, page_addr(0), 1, bits[_i].kind);
	entry = walk_by_hand(page_addr(0), &levels);
	ck_assert_int_eq(levels, hand()->levels);
	ck_assert_uint_eq(entry & (set | clear), set);
}
END_TEST

/* Above the last level: what the CPU takes for a pointer to a table. */
START_TEST(pointers_to_tables_are_what_the_manual_says)
{
	struct mm_walk_level out[MM_WALK_LEVELS];
	pfn_t pfn;
	int levels;

	space_map(&sp, 0, 1, RW);
	space_write(&sp, 0);
	levels = mm_walk(sp.m, task_at(sp.m, space_task(&sp))->mm, ARENA, out,
			 &pfn);
	for (int l = 0; l < levels - 1; l++) {
		const uint64_t low = out[l].entry & ~hand()->frame;

		if (host_arch == ARCH_RISCV64_SV39)
			ck_assert_uint_eq(low, V);	/* R = W = X = 0 */
		else if (host_arch == ARCH_I386_PAE && l == 0)
			ck_assert_uint_eq(low, P);	/* 1, 2, 5-8: reserved */
		else
			ck_assert_uint_eq(low, 0x67);
	}
	ck_assert(host_arch != ARCH_RISCV64_SV39 ||
		  out[levels - 1].entry & LEAF);
}
END_TEST

START_TEST(a_page_without_access_is_not_present_to_the_cpu)
{
	uint64_t entry, was;
	int levels;

	space_map(&sp, 0, 1, RW);
	space_write(&sp, 0);
	was = walk_by_hand(page_addr(0), &levels);
	space_protect(&sp, 0, 1, PROT_NONE);
	entry = walk_by_hand(page_addr(0), &levels);
	ck_assert(entry != 0 && !(entry & P));
	ck_assert_uint_eq(frame_of(entry), frame_of(was));
	space_protect(&sp, 0, 1, RW);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(0)), 1);
}
END_TEST

/* Tables that @nr addresses need which no address space is born with. */
static uint64_t tables_for(const uint64_t *addrs, int nr)
{
	uint64_t tables = 0;

	for (int l = host_born_tables() ? 1 : 0; l < hand()->levels - 1; l++)
		for (int i = 0; i < nr; i++) {
			bool seen = false;

			for (int j = 0; j < i; j++)
				seen |= addrs[j] >> hand()->shift[l] ==
					addrs[i] >> hand()->shift[l];
			tables += !seen;
		}
	return tables;
}

START_TEST(tables_come_as_they_are_needed)
{
	static const uint64_t addrs[] = {
		ARENA, ARENA + (2 << 20), ARENA + (4 << 20), ARENA + (1 << 30),
	};
	const uint64_t tables = space_mm(&sp)->nr_tables;
	const uint64_t ptes = space_mm(&sp)->nr_ptes;
	const uint64_t len = 3ULL << 29;

	host_mmap(sp.m, sp.pid, ARENA, len, RW,
		  PRIVATE | MAP_FIXED | MAP_NORESERVE);
	ck_assert_uint_eq(space_mm(&sp)->nr_tables, tables);
	for (int nr = 1; nr <= 4; nr++) {
		host_store(sp.m, sp.pid, addrs[nr - 1], 1);
		ck_assert_uint_eq(space_mm(&sp)->nr_tables,
				  tables + tables_for(addrs, nr));
	}
	ck_assert_uint_eq(space_mm(&sp)->nr_ptes,
			  ptes + (host_arch == ARCH_I386 ? 3 : 4));
	host_munmap(sp.m, sp.pid, ARENA, len);
	ck_assert_uint_eq(space_mm(&sp)->nr_tables, host_kept_tables());
	ck_assert_uint_eq(space_mm(&sp)->nr_ptes, ptes);
}
END_TEST

START_TEST(a_table_stays_while_a_neighbour_lies_in_its_span)
{
	const uint64_t one = ARENA, tables = space_mm(&sp)->nr_tables;

	space_map(&sp, 0, 3, RW);
	for (unsigned int n = 0; n < 3; n++)
		space_write(&sp, n);
	space_unmap(&sp, 1, 1);
	ck_assert_uint_eq(space_mm(&sp)->nr_tables, tables + tables_for(&one, 1));
	space_unmap(&sp, 0, 1);
	ck_assert_uint_eq(space_mm(&sp)->nr_tables, tables + tables_for(&one, 1));
	space_unmap(&sp, 2, 1);
	ck_assert_uint_eq(space_mm(&sp)->nr_tables, host_kept_tables());
}
END_TEST

START_TEST(table_frames_are_accounted_and_given_back)
{
	const uint64_t one = ARENA;
	const uint64_t before = kernel_at(sp.m)->nr_page_table_pages;
	const int last = hand()->levels - 1;
	struct mm_walk_level out[MM_WALK_LEVELS];
	pfn_t pfn;

	space_map(&sp, 0, 1, RW);
	space_write(&sp, 0);
	ck_assert_uint_eq(kernel_at(sp.m)->nr_page_table_pages,
			  before + tables_for(&one, 1));
	mm_walk(sp.m, task_at(sp.m, space_task(&sp))->mm, page_addr(0), out,
		&pfn);
	ck_assert(page_has(sp.m, (pfn_t)(out[last].entry_at >> PAGE_SHIFT),
			   PG_pgtable));
	space_unmap(&sp, 0, 1);
	ck_assert_uint_eq(kernel_at(sp.m)->nr_page_table_pages,
			  1 + host_kept_tables());
	ck_assert(!page_has(sp.m, (pfn_t)(out[last].entry_at >> PAGE_SHIFT),
			    PG_pgtable));
}
END_TEST

Suite *suite_pgtable(void);
Suite *suite_pgtable(void)
{
	Suite *suite = suite_create("pgtable");
	TCase *tc = tcase_create("tables");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_walk_is_that_of_the_cpu);
	tcase_add_loop_test(tc, entries_carry_the_bits_of_the_manual, 0,
			    sizeof(bits) / sizeof(bits[0]));
	tcase_add_test(tc, pointers_to_tables_are_what_the_manual_says);
	tcase_add_test(tc, a_page_without_access_is_not_present_to_the_cpu);
	tcase_add_test(tc, tables_come_as_they_are_needed);
	tcase_add_test(tc, a_table_stays_while_a_neighbour_lies_in_its_span);
	tcase_add_test(tc, table_frames_are_accounted_and_given_back);
	suite_add_tcase(suite, tc);
	return suite;
}
