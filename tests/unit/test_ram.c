/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <string.h>

#include "mmcore/mm/page_alloc.h"
#include "tests/lib/host.h"

START_TEST(a_frame_never_written_costs_nothing_and_reads_as_zero)
{
	struct machine *m = host_machine_small();
	uint64_t before = m->nr_resident;

	ck_assert(ram_frame_is_blank(m, 8000));
	ck_assert_int_eq(*(const uint8_t *)ram_at(m, 8000 * PAGE_SIZE), 0);
	ck_assert_uint_eq(m->nr_resident, before);
	host_machine_free(m);
}
END_TEST

START_TEST(copying_a_blank_frame_writes_nothing)
{
	struct machine *m = host_machine_small();
	struct host_step hs;
	uint64_t before = m->nr_resident;

	host_step_init(&hs, m, 0);
	ram_copy_frame(&hs.s, 9000, 8000);
	ck_assert_uint_eq(m->nr_resident, before);
	memset(ram_mut(&hs.s, 8000 * PAGE_SIZE), 7, PAGE_SIZE);
	ram_copy_frame(&hs.s, 9000, 8000);
	ck_assert_uint_eq(m->nr_resident, before + 2);
	ck_assert_int_eq(*(const uint8_t *)ram_at(m, 9000 * PAGE_SIZE + 4095), 7);
	host_machine_free(m);
}
END_TEST

START_TEST(the_walk_over_marked_frames_finds_just_those)
{
	struct mm_config config = host_config();
	static const uint64_t written[] = { 5000, 5001, 123456789, 200000000 };
	struct machine *m;
	struct host_step hs;
	uint64_t pfn;

	config.ram = 1ULL << 40;
	m = host_machine_new(&config);
	host_step_init(&hs, m, 0);
	ram_clear_dirty(m);
	for (int i = 0; i < 4; i++)
		*(char *)ram_mut(&hs.s, written[i] << PAGE_SHIFT) = 1;
	pfn = 0;
	for (int i = 0; i < 4; i++) {
		pfn = ram_next_frame(m, pfn, FRAME_DIRTY);
		ck_assert_uint_eq(pfn++, written[i]);
	}
	ck_assert_uint_eq(ram_next_frame(m, pfn, FRAME_DIRTY), UINT64_MAX);
	host_machine_free(m);
}
END_TEST

START_TEST(clearing_a_frame_marks_it_changed_but_not_written)
{
	struct machine *m = host_machine_small();
	struct host_step hs;

	host_step_init(&hs, m, 0);
	*(char *)ram_mut(&hs.s, 8000 * PAGE_SIZE + 9) = 1;
	ram_clear_dirty(m);
	ram_clear_frame(&hs.s, 8000);
	ck_assert_int_eq(*(const char *)ram_at(m, 8000 * PAGE_SIZE + 9), 0);
	ck_assert(ram_frame_is_blank(m, 8000));
	ck_assert_uint_eq(ram_next_frame(m, 0, FRAME_DIRTY), 8000);
	host_machine_free(m);
}
END_TEST

START_TEST(a_frame_that_changes_is_saved_once_unless_it_was_blank)
{
	struct machine *m = host_machine_small();
	static uint8_t bytes[2 * PAGE_SIZE];
	uint32_t pfns[2];
	struct ram_saved saved = { bytes, pfns, 0, 2 };
	struct host_step hs;

	host_step_init(&hs, m, 0);
	*(char *)ram_mut(&hs.s, 8000 * PAGE_SIZE) = 1;
	*(char *)ram_mut(&hs.s, 8001 * PAGE_SIZE) = 2;
	ram_clear_dirty(m);
	m->saved = &saved;
	*(char *)ram_mut(&hs.s, 7000 * PAGE_SIZE) = 9;
	ram_clear_frame(&hs.s, 8001);
	*(char *)ram_mut(&hs.s, 8001 * PAGE_SIZE) = 3;
	*(char *)ram_mut(&hs.s, 8000 * PAGE_SIZE) = 4;
	*(char *)ram_mut(&hs.s, 8000 * PAGE_SIZE) = 5;
	ck_assert_uint_eq(saved.nr, 2);
	ck_assert_uint_eq(pfns[0], 8001);
	ck_assert_uint_eq(pfns[1], 8000);
	ck_assert_int_eq(bytes[0], 2);
	ck_assert_int_eq(bytes[PAGE_SIZE], 1);
	host_machine_free(m);
}
END_TEST

START_TEST(freed_frames_are_released_in_runs_and_stay_changed)
{
	struct machine *m = host_machine_small();
	struct host_step hs;
	uint64_t resident, nr = 0;

	host_step_init(&hs, m, 0);
	resident = m->nr_resident;
	for (uint32_t pfn = 8000; pfn < 8010; pfn++)
		*(char *)ram_mut(&hs.s, (uint64_t)pfn * PAGE_SIZE) = 1;
	for (uint32_t pfn = 8000; pfn < 8009; pfn++)
		if (pfn != 8004)
			ram_clear_frame(&hs.s, pfn);
	ck_assert_uint_eq(m->nr_resident - m->nr_written, 8);
	ck_assert_uint_eq(ram_release_run(m, 0, &nr), 8000);
	ck_assert_uint_eq(nr, 4);
	ck_assert_uint_eq(ram_release_run(m, 8004, &nr), 8005);
	ck_assert_uint_eq(nr, 4);
	ck_assert_uint_eq(ram_release_run(m, 0, &nr), UINT64_MAX);
	ck_assert_uint_eq(m->nr_resident, resident + 2);
	ck_assert_uint_eq(ram_next_frame(m, 8000, FRAME_DIRTY), 8000);
	ck_assert_uint_eq(ram_next_frame(m, 8000, FRAME_RESIDENT), 8004);
	host_machine_free(m);
}
END_TEST

Suite *suite_ram(void);
Suite *suite_ram(void)
{
	Suite *suite = suite_create("ram");
	TCase *tc = tcase_create("frame map");

	tcase_add_test(tc, a_frame_never_written_costs_nothing_and_reads_as_zero);
	tcase_add_test(tc, copying_a_blank_frame_writes_nothing);
	tcase_add_test(tc, the_walk_over_marked_frames_finds_just_those);
	tcase_add_test(tc, clearing_a_frame_marks_it_changed_but_not_written);
	tcase_add_test(tc, a_frame_that_changes_is_saved_once_unless_it_was_blank);
	tcase_add_test(tc, freed_frames_are_released_in_runs_and_stay_changed);
	suite_add_tcase(suite, tc);
	return suite;
}
