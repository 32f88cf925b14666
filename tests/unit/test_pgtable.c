/* SPDX-License-Identifier: MIT */
/*
 * Page tables of x86-64: a walk by hand over the bytes of the tables, with the
 * bit positions of Intel's manual (volume 3, 4.5), says what mm_walk() says;
 * tables come one by one and go when nothing else needs their span.
 */
#include <check.h>
#include <string.h>

#include "mmcore/page_alloc.h"
#include "tests/lib/space.h"

#define P	(1ULL << 0)
#define RW_BIT	(1ULL << 1)
#define US	(1ULL << 2)
#define A	(1ULL << 5)
#define D	(1ULL << 6)
#define NX	(1ULL << 63)
#define FRAME	0x000ffffffffff000ULL

static struct space sp;

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
	uint64_t value;

	memcpy(&value, (const uint8_t *)ram_at(sp.m, pa), sizeof(value));
	return value;
}

/* As the CPU does it: the last entry, or the first that is not present. */
static uint64_t walk_by_hand(uint64_t addr, int *levels)
{
	uint64_t table = space_mm(&sp)->pgd, entry = 0;

	for (*levels = 0; *levels < 4; ) {
		const int shift = 39 - 9 * *levels;

		entry = word(table + (addr >> shift & 511) * 8);
		++*levels;
		if (!(entry & P))
			return entry;
		table = entry & FRAME;
	}
	return entry;
}

START_TEST(the_walk_is_that_of_the_cpu)
{
	static const uint64_t addrs[] = {
		ARENA, ARENA + 4096, ARENA + (2 << 20), ARENA + (1 << 30),
		ARENA + (1ULL << 39), 0, 0x7fffffffe000,
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
		ck_assert_uint_eq(pfn, n == 4 && entry & P
					       ? (entry & FRAME) >> 12 : 0);
		for (int l = 0; l < n; l++) {
			ck_assert_uint_eq(out[l].index,
					  addrs[i] >> (39 - 9 * l) & 511);
			ck_assert_uint_eq(word(out[l].entry_at),
					  out[l].entry);
		}
	}
}
END_TEST

static const struct {
	uint64_t prot;
	enum access_kind kind;
	uint64_t set, clear;
} bits[] = {
	{ RW, ACCESS_WRITE, P | RW_BIT | US | A | D | NX, 0 },
	{ RW, ACCESS_READ, P | US | A | NX, RW_BIT | D },
	{ PROT_READ, ACCESS_READ, P | US | A | NX, RW_BIT | D },
	{ RW | PROT_EXEC, ACCESS_WRITE, P | RW_BIT | US | A | D, NX },
	{ PROT_READ | PROT_EXEC, ACCESS_EXEC, P | US | A, RW_BIT | NX | D },
};

START_TEST(entries_carry_the_bits_of_the_manual)
{
	uint64_t entry;
	int levels;

	space_map(&sp, 0, 1, bits[_i].prot);
	host_touch(sp.m, sp.pid, page_addr(0), 1, bits[_i].kind);
	entry = walk_by_hand(page_addr(0), &levels);
	ck_assert_int_eq(levels, 4);
	ck_assert_uint_eq(entry & (bits[_i].set | bits[_i].clear),
			  bits[_i].set);
}
END_TEST

START_TEST(a_page_without_access_is_not_present_to_the_cpu)
{
	uint64_t entry;
	int levels;

	space_map(&sp, 0, 1, RW);
	space_write(&sp, 0);
	space_protect(&sp, 0, 1, PROT_NONE);
	entry = walk_by_hand(page_addr(0), &levels);
	ck_assert(entry != 0 && !(entry & P));
	space_protect(&sp, 0, 1, RW);
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(0)), 1);
}
END_TEST

START_TEST(tables_come_as_they_are_needed)
{
	const uint64_t tables = space_mm(&sp)->nr_tables;
	const uint64_t ptes = space_mm(&sp)->nr_ptes;

	host_mmap(sp.m, sp.pid, ARENA, 4ULL << 30, RW,
		  PRIVATE | MAP_FIXED | MAP_NORESERVE);
	ck_assert_uint_eq(space_mm(&sp)->nr_tables, tables);
	host_store(sp.m, sp.pid, ARENA, 1);		/* PUD, PMD, PTE */
	ck_assert_uint_eq(space_mm(&sp)->nr_tables, tables + 3);
	host_store(sp.m, sp.pid, ARENA + (2 << 20), 1);	/* PTE */
	ck_assert_uint_eq(space_mm(&sp)->nr_tables, tables + 4);
	host_store(sp.m, sp.pid, ARENA + (1 << 30), 1);	/* PMD, PTE */
	ck_assert_uint_eq(space_mm(&sp)->nr_tables, tables + 6);
	ck_assert_uint_eq(space_mm(&sp)->nr_ptes, ptes + 3);
	host_munmap(sp.m, sp.pid, ARENA, 4ULL << 30);
	ck_assert_uint_eq(space_mm(&sp)->nr_tables, tables);
	ck_assert_uint_eq(space_mm(&sp)->nr_ptes, ptes);
}
END_TEST

START_TEST(a_table_stays_while_a_neighbour_lies_in_its_span)
{
	const uint64_t tables = space_mm(&sp)->nr_tables;

	space_map(&sp, 0, 3, RW);
	for (unsigned int n = 0; n < 3; n++)
		space_write(&sp, n);
	space_unmap(&sp, 1, 1);
	ck_assert_uint_eq(space_mm(&sp)->nr_tables, tables + 3);
	space_unmap(&sp, 0, 1);
	ck_assert_uint_eq(space_mm(&sp)->nr_tables, tables + 3);
	space_unmap(&sp, 2, 1);
	ck_assert_uint_eq(space_mm(&sp)->nr_tables, tables);
}
END_TEST

START_TEST(table_frames_are_accounted_and_given_back)
{
	const uint64_t before = kernel_at(sp.m)->nr_page_table_pages;
	struct mm_walk_level out[MM_WALK_LEVELS];
	pfn_t pfn;

	space_map(&sp, 0, 1, RW);
	space_write(&sp, 0);
	ck_assert_uint_eq(kernel_at(sp.m)->nr_page_table_pages, before + 3);
	mm_walk(sp.m, task_at(sp.m, space_task(&sp))->mm, page_addr(0), out,
		&pfn);
	ck_assert(page_has(sp.m, (pfn_t)(out[3].entry_at >> PAGE_SHIFT),
			   PG_pgtable));
	space_unmap(&sp, 0, 1);
	ck_assert_uint_eq(kernel_at(sp.m)->nr_page_table_pages, before);
	ck_assert(!page_has(sp.m, (pfn_t)(out[3].entry_at >> PAGE_SHIFT),
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
	tcase_add_test(tc, a_page_without_access_is_not_present_to_the_cpu);
	tcase_add_test(tc, tables_come_as_they_are_needed);
	tcase_add_test(tc, a_table_stays_while_a_neighbour_lies_in_its_span);
	tcase_add_test(tc, table_frames_are_accounted_and_given_back);
	suite_add_tcase(suite, tc);
	return suite;
}
