/* SPDX-License-Identifier: MIT */
/*
 * Lists, trees, splits, merges and searches. What merges and what does not was
 * observed on Linux 6.18; see tests/lib/space.h for the drawings.
 */
#include <check.h>
#include <string.h>

#include "mmcore/mm/memory.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/space.h"

static struct space sp;

static void setup(void)
{
	space_open(&sp);
}

static void teardown(void)
{
	space_close(&sp);
}

/* ---- the eight cases, by mapping and by mprotect ---- */

START_TEST(a_mapping_after_another_extends_it)
{
	space_map(&sp, 0, 2, RW);
	space_map(&sp, 2, 2, RW);
	expect_space(&sp, "AAAA");
}
END_TEST

START_TEST(a_mapping_before_another_extends_it_downwards)
{
	space_map(&sp, 2, 2, RW);
	space_map(&sp, 0, 2, RW);
	expect_space(&sp, "AAAA");
	ck_assert_uint_eq(space_vma(&sp, 0)->vm_pgoff, ARENA >> PAGE_SHIFT);
}
END_TEST

START_TEST(a_mapping_fills_the_gap_between_two_neighbours)
{
	space_map(&sp, 0, 2, RW);
	space_map(&sp, 4, 2, RW);
	expect_space(&sp, "AA..BB");
	space_map(&sp, 2, 2, RW);
	expect_space(&sp, "AAAAAA");
}
END_TEST

START_TEST(a_tail_that_equals_what_follows_moves_to_it)
{
	space_map(&sp, 0, 4, RW);
	space_map(&sp, 4, 2, PROT_READ);
	space_protect(&sp, 2, 2, PROT_READ);
	expect_space(&sp, "AABBBB");
	ck_assert_uint_eq(space_vma(&sp, 2)->vm_pgoff,
			  (ARENA >> PAGE_SHIFT) + 2);
}
END_TEST

START_TEST(a_head_that_equals_what_precedes_moves_to_it)
{
	space_map(&sp, 0, 2, RW);
	space_map(&sp, 2, 4, PROT_READ);
	space_protect(&sp, 2, 2, RW);
	expect_space(&sp, "AAAABB");
	ck_assert_uint_eq(space_vma(&sp, 4)->vm_pgoff,
			  (ARENA >> PAGE_SHIFT) + 4);
}
END_TEST

START_TEST(a_whole_vma_joins_both_its_neighbours)
{
	space_map(&sp, 0, 6, RW);
	space_protect(&sp, 2, 2, PROT_READ);
	expect_space(&sp, "AABBCC");
	space_protect(&sp, 2, 2, RW);
	expect_space(&sp, "AAAAAA");
}
END_TEST

START_TEST(a_whole_vma_joins_the_one_before)
{
	space_map(&sp, 0, 2, RW);
	space_map(&sp, 2, 2, PROT_READ);
	space_map(&sp, 4, 2, PROT_NONE);
	space_protect(&sp, 2, 2, RW);
	expect_space(&sp, "AAAABB");
}
END_TEST

START_TEST(a_whole_vma_joins_the_one_after)
{
	space_map(&sp, 0, 2, PROT_NONE);
	space_map(&sp, 2, 2, PROT_READ);
	space_map(&sp, 4, 2, RW);
	space_protect(&sp, 2, 2, RW);
	expect_space(&sp, "AABBBB");
}
END_TEST

START_TEST(a_range_inside_a_vma_splits_it_in_three)
{
	space_map(&sp, 0, 6, RW);
	space_protect(&sp, 2, 2, PROT_READ);
	expect_space(&sp, "AABBCC");
	ck_assert_uint_eq(space_vma(&sp, 4)->vm_pgoff,
			  (ARENA >> PAGE_SHIFT) + 4);
}
END_TEST

/* ---- what keeps areas apart ---- */

static const struct {
	uint64_t prot, flags;
} unlike[] = {
	{ PROT_READ, PRIVATE },
	{ RW | PROT_EXEC, PRIVATE },
	{ RW, PRIVATE | MAP_NORESERVE },
	{ RW, PRIVATE | MAP_STACK },
	{ RW, PRIVATE | MAP_LOCKED },
	{ RW, PRIVATE | MAP_SYNC },
	{ RW, PRIVATE | MAP_GROWSDOWN },
	{ RW, SHARED },
	{ RW, MAP_DROPPABLE | MAP_ANONYMOUS },
};

START_TEST(other_flags_keep_neighbours_apart)
{
	space_map(&sp, 0, 2, RW);
	space_mmap(&sp, 2, 2, unlike[_i].prot, unlike[_i].flags | MAP_FIXED);
	expect_space(&sp, "AABB");
}
END_TEST

START_TEST(shared_anonymous_areas_never_join)
{
	space_mmap(&sp, 0, 2, RW, SHARED | MAP_FIXED);
	space_mmap(&sp, 2, 2, RW, SHARED | MAP_FIXED);
	expect_space(&sp, "AABB");
}
END_TEST

START_TEST(the_parts_of_one_shared_area_join_again)
{
	space_mmap(&sp, 0, 6, RW, SHARED | MAP_FIXED);
	space_protect(&sp, 2, 2, PROT_READ);
	expect_space(&sp, "AABBCC");
	ck_assert_int_eq(file_at(sp.m, space_vma(&sp, 0)->vm_file)->f_count, 3);
	space_protect(&sp, 2, 2, RW);
	expect_space(&sp, "AAAAAA");
	ck_assert_int_eq(file_at(sp.m, space_vma(&sp, 0)->vm_file)->f_count, 1);
	space_unmap(&sp, 2, 2);
	expect_space(&sp, "AA..BB");
	ck_assert_uint_eq(space_vma(&sp, 4)->vm_pgoff, 4);
}
END_TEST

START_TEST(two_areas_written_apart_are_never_joined_by_filling_the_gap)
{
	space_map(&sp, 0, 2, RW);
	space_map(&sp, 4, 2, RW);
	space_write(&sp, 0);
	space_write(&sp, 4);
	space_map(&sp, 2, 2, RW);
	expect_space(&sp, "AAAABB");
}
END_TEST

START_TEST(one_written_side_is_enough_to_join_three)
{
	space_map(&sp, 0, 2, RW);
	space_map(&sp, 4, 2, RW);
	space_write(&sp, _i ? 4 : 0);
	space_map(&sp, 2, 2, RW);
	expect_space(&sp, "AAAAAA");
	ck_assert(!anon_vma_none(space_vma(&sp, 0)->anon_vma));
}
END_TEST

START_TEST(a_hole_in_a_written_area_can_be_filled_again)
{
	space_map(&sp, 0, 6, RW);
	space_write(&sp, 0);
	space_write(&sp, 5);
	space_unmap(&sp, 2, 2);
	expect_space(&sp, "AA..BB");
	space_map(&sp, 2, 2, RW);
	expect_space(&sp, "AAAAAA");
}
END_TEST

/* A fault shares a neighbour's anon_vma if only R, W, X differ. */
START_TEST(a_split_area_written_on_both_sides_joins_again)
{
	space_map(&sp, 0, 4, RW);
	space_protect(&sp, 2, 2, RW | PROT_EXEC);
	space_write(&sp, 0);
	space_write(&sp, 2);
	space_protect(&sp, 2, 2, RW);
	expect_space(&sp, "AAAA");
}
END_TEST

START_TEST(parts_written_with_another_between_them_stay_apart)
{
	space_map(&sp, 0, 4, RW);
	space_protect(&sp, 2, 1, PROT_READ);
	space_write(&sp, 0);
	space_write(&sp, 3);
	space_protect(&sp, 2, 1, RW);
	expect_space(&sp, "AAAB");
}
END_TEST

START_TEST(an_untouched_area_that_lost_write_joins_read_only_ones)
{
	space_map(&sp, 0, 2, RW);
	space_protect(&sp, 0, 2, PROT_READ);
	space_map(&sp, 2, 2, PROT_READ);
	expect_space(&sp, "AAAA");
}
END_TEST

/* It keeps its promise (VM_ACCOUNT), which the new one never had. */
START_TEST(a_touched_area_that_lost_write_stays_apart_until_both_may_write)
{
	space_map(&sp, 0, 2, RW);
	space_write(&sp, 0);
	space_protect(&sp, 0, 2, PROT_READ);
	space_map(&sp, 2, 2, PROT_READ);
	expect_space(&sp, "AABB");
	space_protect(&sp, 0, 4, RW);
	expect_space(&sp, "AAAA");
}
END_TEST

/* ---- families ---- */

static void become_child(void)
{
	sp.pid = (uint32_t)host_fork(sp.m, sp.pid, 0);
}

START_TEST(a_child_cannot_extend_an_inherited_written_area)
{
	space_map(&sp, 0, 2, RW);
	space_write(&sp, 0);
	become_child();
	space_map(&sp, 2, 2, RW);
	expect_space(&sp, "AABB");
}
END_TEST

START_TEST(its_parent_can)
{
	space_map(&sp, 0, 2, RW);
	space_write(&sp, 0);
	host_fork(sp.m, sp.pid, 0);
	space_map(&sp, 2, 2, RW);
	expect_space(&sp, "AAAA");
}
END_TEST

START_TEST(a_child_extends_an_inherited_untouched_area)
{
	space_map(&sp, 0, 2, RW);
	become_child();
	space_map(&sp, 2, 2, RW);
	expect_space(&sp, "AAAA");
}
END_TEST

START_TEST(a_child_splits_an_inherited_area_and_joins_it_again)
{
	space_map(&sp, 0, 6, RW);
	space_write(&sp, 0);
	become_child();
	space_protect(&sp, 2, 2, PROT_READ);
	expect_space(&sp, "AABBCC");
	space_protect(&sp, 2, 2, RW);
	expect_space(&sp, "AAAAAA");
}
END_TEST

/* ---- looking up ---- */

START_TEST(find_vma_answers_with_the_first_that_ends_above)
{
	const mm_ref mm = task_at(sp.m, space_task(&sp))->mm;
	struct host_step hs;
	vma_ref vma;

	space_map(&sp, 2, 2, RW);
	space_map(&sp, 6, 2, RW);
	host_step_init(&hs, sp.m, sp.pid);
	vma = find_vma(&hs.s, mm, page_addr(0));
	ck_assert_uint_eq(vma_at(sp.m, vma)->vm_start, page_addr(2));
	ck_assert(vma_same(space_mm(&sp)->mmap_cache, vma));
	vma = find_vma(&hs.s, mm, page_addr(4) - 1);
	ck_assert_uint_eq(vma_at(sp.m, vma)->vm_start, page_addr(2));
	vma = find_vma(&hs.s, mm, page_addr(4));
	ck_assert_uint_eq(vma_at(sp.m, vma)->vm_start, page_addr(6));
	ck_assert(vma_none(find_vma_intersection(sp.m, mm, page_addr(4),
						 page_addr(6))));
	ck_assert(!vma_none(find_vma_intersection(sp.m, mm, page_addr(4),
						  page_addr(6) + 1)));
	ck_assert(vma_none(find_vma(&hs.s, mm, space_mm(&sp)->task_size)));
	space_unmap(&sp, 6, 1);
	ck_assert(vma_none(space_mm(&sp)->mmap_cache));
}
END_TEST

START_TEST(a_special_mapping_cannot_be_split)
{
	const mm_ref mm = task_at(sp.m, space_task(&sp))->mm;
	struct host_step hs;
	vma_ref vma;

	space_map(&sp, 0, 4, RW);
	host_step_init(&hs, sp.m, sp.pid);
	vma = find_vma(&hs.s, mm, page_addr(0));
	vma_mut(&hs.s, vma)->vm_ops = VM_OPS_SPECIAL;
	ck_assert_int_eq(space_unmap(&sp, 1, 1), -EINVAL);
	ck_assert_int_eq(space_protect(&sp, 1, 1, PROT_READ), -EINVAL);
	ck_assert_int_eq(space_map(&sp, 3, 2, RW), -EINVAL);
	expect_space(&sp, "AAAA");
	vma_mut(&hs.s, vma)->vm_ops = VM_OPS_NONE;
}
END_TEST

/* ---- the search, against a walk along the list ---- */

static uint64_t rng = 1;

static uint64_t draw(uint64_t below)
{
	rng = rng * 6364136223846793005ULL + 1442695040888963407ULL;
	return (rng >> 33) % below;
}

/* The end of the highest gap of @len below @high, page by page of VMAs. */
static uint64_t dumb_highest(uint64_t high, uint64_t len)
{
	const uint64_t low = mmap_lowest(sp.m);
	uint64_t best, end = low;
	const struct vm_area_struct *vma, *above;

again:
	best = 0;
	end = low;
	above = NULL;
	for (vma_ref r = space_mm(&sp)->mmap; !vma_none(r); r = vma->vm_next) {
		uint64_t stop;

		vma = vma_at(sp.m, r);
		stop = vma->vm_start < high ? vma->vm_start : high;
		if (stop > end && stop - end >= len) {
			best = stop;
			above = vma;
		}
		if (vma->vm_end > end)
			end = vma->vm_end;
	}
	if (high > end && high - end >= len)
		return high - len;
	if (!best)
		return 0;
	if (above && vm_start_gap(sp.m, above) < best) {
		high = vm_start_gap(sp.m, above);
		goto again;
	}
	return best - len;
}

static uint64_t dumb_lowest(uint64_t low, uint64_t high, uint64_t len)
{
	const struct vm_area_struct *vma;
	uint64_t end = low;

	for (vma_ref r = space_mm(&sp)->mmap; !vma_none(r); r = vma->vm_next) {
		vma = vma_at(sp.m, r);
		if (vma->vm_end <= low)
			continue;
		if (vm_start_gap(sp.m, vma) >= end + len && end + len <= high)
			return end;
		end = vma->vm_end;
	}
	return end + len <= high ? end : 0;
}

static void compare_searches(uint64_t low, uint64_t high, uint64_t len)
{
	const mm_ref mm = task_at(sp.m, space_task(&sp))->mm;
	struct vm_unmapped_area_info info = {
		.topdown = true, .length = len,
		.low_limit = PAGE_SIZE, .high_limit = high,
	};
	uint64_t expected = dumb_highest(high, len);
	vma_ref next;
	int64_t found = vm_unmapped_area(sp.m, mm, &info, &next);

	ck_assert_int_eq(found, expected ? (int64_t)expected : -ENOMEM);
	info.topdown = false;
	info.low_limit = low;
	expected = dumb_lowest(low, high, len);
	found = vm_unmapped_area(sp.m, mm, &info, &next);
	ck_assert_int_eq(found, expected ? (int64_t)expected : -ENOMEM);
}

START_TEST(the_search_finds_what_a_walk_along_the_list_finds)
{
	rng = (uint64_t)_i + 1;
	for (int i = 0; i < 400; i++) {
		unsigned int n = (unsigned int)draw(1200);
		uint64_t addr = 0x10000 + n * PAGE_SIZE;
		uint64_t len = (1 + draw(12)) * PAGE_SIZE;
		uint64_t flags = PRIVATE | MAP_FIXED;

		if (draw(8) == 0)
			flags |= MAP_GROWSDOWN;
		if (draw(3))
			host_mmap(sp.m, sp.pid, addr, len,
				  draw(2) ? RW : PROT_READ, flags);
		else
			host_munmap(sp.m, sp.pid, addr, len);
		space_verify(&sp);
		for (int k = 0; k < 4; k++) {
			uint64_t low = 0x10000 + draw(1300) * PAGE_SIZE;

			compare_searches(low, low + draw(600) * PAGE_SIZE,
					 (1 + draw(40)) * PAGE_SIZE);
		}
	}
}
END_TEST

/* ---- the stack ---- */

#define MAPERR(res) ((res).outcome == OUT_SIGNAL &&			\
		     (res).signo == SIGSEGV && (res).si_code == SEGV_MAPERR)

static struct op_result touch(uint64_t addr)
{
	return host_touch(sp.m, sp.pid, addr, 1, ACCESS_READ);
}

/* A stack of one page, with 4,096 free pages below it. */
#define STACK (ARENA + 4096 * PAGE_SIZE)

static void map_stack(uint64_t prot, uint64_t flags)
{
	ck_assert_int_eq(host_mmap(sp.m, sp.pid, STACK, PAGE_SIZE, prot,
				   PRIVATE | MAP_FIXED | MAP_GROWSDOWN | flags),
			 STACK);
}

START_TEST(a_stack_grows_to_the_page_touched_in_one_step)
{
	uint64_t committed;

	map_stack(RW, 0);
	committed = space_committed(&sp);
	ck_assert_int_eq(touch(STACK - 99 * PAGE_SIZE - 1).outcome, OUT_OK);
	ck_assert_uint_eq(space_committed(&sp), committed + 100);
	ck_assert(!vma_none(find_vma_intersection(
		sp.m, task_at(sp.m, space_task(&sp))->mm,
		STACK - 100 * PAGE_SIZE, STACK - 99 * PAGE_SIZE)));
	ck_assert(MAPERR(touch(STACK + PAGE_SIZE)));
	space_verify(&sp);
}
END_TEST

START_TEST(a_stack_of_rlimit_stack_is_allowed_and_a_page_more_is_not)
{
	map_stack(RW, 0);
	ck_assert(MAPERR(touch(STACK + PAGE_SIZE - 2049 * PAGE_SIZE)));
	ck_assert_int_eq(touch(STACK + PAGE_SIZE - 2048 * PAGE_SIZE).outcome,
			 OUT_OK);
	ck_assert(MAPERR(touch(STACK + PAGE_SIZE - 2049 * PAGE_SIZE)));
}
END_TEST

/* Room of _i pages above an accessible neighbour: 256 is enough. */
START_TEST(a_stack_keeps_256_pages_from_an_accessible_neighbour)
{
	uint64_t neighbour = STACK - 1000 * PAGE_SIZE;

	map_stack(RW, 0);
	host_mmap(sp.m, sp.pid, neighbour, PAGE_SIZE, PROT_READ,
		  PRIVATE | MAP_FIXED);
	ck_assert(MAPERR(touch(neighbour + 256 * PAGE_SIZE)));
	ck_assert_int_eq(touch(neighbour + 257 * PAGE_SIZE).outcome, OUT_OK);
}
END_TEST

START_TEST(a_stack_grows_right_down_to_an_inaccessible_neighbour)
{
	uint64_t neighbour = STACK - 1000 * PAGE_SIZE;

	map_stack(RW, 0);
	host_mmap(sp.m, sp.pid, neighbour, PAGE_SIZE, PROT_NONE,
		  PRIVATE | MAP_FIXED);
	ck_assert_int_eq(touch(neighbour + PAGE_SIZE).outcome, OUT_OK);
	space_verify(&sp);
}
END_TEST

/* A neighbour that may grow away itself needs no gap: expand_downwards(), 6.18. */
START_TEST(a_stack_grows_right_down_to_a_neighbour_that_grows)
{
	uint64_t neighbour = STACK - 1000 * PAGE_SIZE;

	map_stack(RW, 0);
	host_mmap(sp.m, sp.pid, neighbour, PAGE_SIZE, PROT_READ,
		  PRIVATE | MAP_FIXED | MAP_GROWSDOWN);
	ck_assert_int_eq(touch(neighbour + PAGE_SIZE).outcome, OUT_OK);
	space_verify(&sp);
}
END_TEST

/* It keeps its vm_pgoff of 0x12 where it moves to, since it has been written. */
START_TEST(a_stack_does_not_grow_beyond_the_start_of_its_object)
{
	const uint64_t low = 0x12000, first = STACK - 0x12 * PAGE_SIZE;
	struct op op = { .code = OP_MREMAP, .pid = sp.pid };

	host_mmap(sp.m, sp.pid, low, PAGE_SIZE, RW,
		  PRIVATE | MAP_FIXED | MAP_GROWSDOWN);
	ck_assert_int_eq(host_touch(sp.m, sp.pid, low, 1, ACCESS_WRITE).outcome,
			 OUT_OK);
	op.mremap = (struct op_mremap){ low, PAGE_SIZE, PAGE_SIZE,
					MREMAP_MAYMOVE | MREMAP_FIXED, STACK };
	ck_assert_int_eq(host_run(sp.m, &op).ret, STACK);
	ck_assert(MAPERR(touch(first - 1)));
	ck_assert_int_eq(touch(first).outcome, OUT_OK);
	ck_assert(MAPERR(touch(first - 1)));
	space_verify(&sp);
}
END_TEST

START_TEST(a_stack_does_not_grow_below_the_lowest_address)
{
	host_mmap(sp.m, sp.pid, 0x12000, PAGE_SIZE, RW,
		  PRIVATE | MAP_FIXED | MAP_GROWSDOWN);
	ck_assert(MAPERR(touch(0xf000)));
	ck_assert_int_eq(touch(0x10000).outcome, OUT_OK);
}
END_TEST

START_TEST(a_stack_obeys_the_limits_of_address_space_and_locked_memory)
{
	map_stack(RW, MAP_LOCKED);
	host_setrlimit(sp.m, sp.pid, RLIMIT_MEMLOCK, 10 * PAGE_SIZE);
	ck_assert(MAPERR(touch(STACK - 10 * PAGE_SIZE)));
	ck_assert_int_eq(touch(STACK - 9 * PAGE_SIZE).outcome, OUT_OK);
	ck_assert_uint_eq(space_mm(&sp)->locked_vm, 10);
	host_setrlimit(sp.m, sp.pid, RLIMIT_MEMLOCK, 1000 * PAGE_SIZE);
	host_setrlimit(sp.m, sp.pid, RLIMIT_AS,
		       space_mm(&sp)->total_vm * PAGE_SIZE);
	ck_assert(MAPERR(touch(STACK - 10 * PAGE_SIZE)));
}
END_TEST

/* D-003 */
START_TEST(an_unpromised_stack_grows_without_a_charge)
{
	uint64_t committed = space_committed(&sp);

	map_stack(RW, MAP_NORESERVE);
	ck_assert_int_eq(touch(STACK - 10 * PAGE_SIZE).outcome, OUT_OK);
	ck_assert_uint_eq(space_committed(&sp), committed);
}
END_TEST

/* ---- memory runs out ---- */

static void use_up_ram(void)
{
	struct host_step hs;

	host_step_init(&hs, sp.m, sp.pid);
	while (alloc_page(&hs.s, GFP_KERNEL))
		;
	while (kmem_cache_alloc(&hs.s, CACHE_VMA))
		;
}

START_TEST(without_memory_for_a_vma_nothing_changes)
{
	uint64_t committed;

	space_map(&sp, 0, 6, RW);
	space_map(&sp, 8, 2, PROT_READ);
	committed = space_committed(&sp);
	use_up_ram();
	ck_assert_int_eq(space_map(&sp, 20, 2, RW), -ENOMEM);
	ck_assert_int_eq(space_mmap(&sp, 20, 2, RW, SHARED | MAP_FIXED),
			 -ENOMEM);
	ck_assert_int_eq(space_protect(&sp, 2, 2, PROT_READ), -ENOMEM);
	ck_assert_int_eq(space_protect(&sp, 8, 1, RW), -ENOMEM);
	ck_assert_int_eq(space_unmap(&sp, 2, 2), -ENOMEM);
	ck_assert_int_eq(host_brk(sp.m, sp.pid, space_mm(&sp)->brk + 4096),
			 space_mm(&sp)->brk);
	expect_space(&sp, "AAAAAA..BB");
	ck_assert_uint_eq(space_committed(&sp), committed);
	ck_assert_int_eq(space_map(&sp, 6, 2, RW), page_addr(6));
	ck_assert_int_eq(space_unmap(&sp, 0, 8), 0);
	expect_space(&sp, "........AA");
	/* The freed object is there again. */
	ck_assert_int_eq(space_map(&sp, 20, 2, RW), page_addr(20));
	/* The machine's page counts are no longer anybody's: skip the laws. */
	space_verify(&sp);
	host_machine_free(sp.m);
	space_open(&sp);
}
END_TEST

static void add_merge_tests(Suite *suite)
{
	TCase *t = tcase_create("merge");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_mapping_after_another_extends_it);
	tcase_add_test(t, a_mapping_before_another_extends_it_downwards);
	tcase_add_test(t, a_mapping_fills_the_gap_between_two_neighbours);
	tcase_add_test(t, a_tail_that_equals_what_follows_moves_to_it);
	tcase_add_test(t, a_head_that_equals_what_precedes_moves_to_it);
	tcase_add_test(t, a_whole_vma_joins_both_its_neighbours);
	tcase_add_test(t, a_whole_vma_joins_the_one_before);
	tcase_add_test(t, a_whole_vma_joins_the_one_after);
	tcase_add_test(t, a_range_inside_a_vma_splits_it_in_three);
	tcase_add_loop_test(t, other_flags_keep_neighbours_apart, 0,
			    sizeof(unlike) / sizeof(unlike[0]));
	tcase_add_test(t, shared_anonymous_areas_never_join);
	tcase_add_test(t, the_parts_of_one_shared_area_join_again);
	tcase_add_test(t, two_areas_written_apart_are_never_joined_by_filling_the_gap);
	tcase_add_loop_test(t, one_written_side_is_enough_to_join_three, 0, 2);
	tcase_add_test(t, a_hole_in_a_written_area_can_be_filled_again);
	tcase_add_test(t, a_split_area_written_on_both_sides_joins_again);
	tcase_add_test(t, parts_written_with_another_between_them_stay_apart);
	tcase_add_test(t, an_untouched_area_that_lost_write_joins_read_only_ones);
	tcase_add_test(t, a_touched_area_that_lost_write_stays_apart_until_both_may_write);
	suite_add_tcase(suite, t);
}

static void add_family_tests(Suite *suite)
{
	TCase *t = tcase_create("family");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_child_cannot_extend_an_inherited_written_area);
	tcase_add_test(t, its_parent_can);
	tcase_add_test(t, a_child_extends_an_inherited_untouched_area);
	tcase_add_test(t, a_child_splits_an_inherited_area_and_joins_it_again);
	suite_add_tcase(suite, t);
}

static void add_stack_tests(Suite *suite)
{
	TCase *t = tcase_create("stack");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_stack_grows_to_the_page_touched_in_one_step);
	tcase_add_test(t, a_stack_of_rlimit_stack_is_allowed_and_a_page_more_is_not);
	tcase_add_test(t, a_stack_keeps_256_pages_from_an_accessible_neighbour);
	tcase_add_test(t, a_stack_grows_right_down_to_an_inaccessible_neighbour);
	tcase_add_test(t, a_stack_grows_right_down_to_a_neighbour_that_grows);
	tcase_add_test(t, a_stack_does_not_grow_beyond_the_start_of_its_object);
	tcase_add_test(t, a_stack_does_not_grow_below_the_lowest_address);
	tcase_add_test(t, a_stack_obeys_the_limits_of_address_space_and_locked_memory);
	tcase_add_test(t, an_unpromised_stack_grows_without_a_charge);
	suite_add_tcase(suite, t);
}

Suite *suite_vma(void);
Suite *suite_vma(void)
{
	Suite *suite = suite_create("vma");
	TCase *t = tcase_create("look up, search, fail");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, find_vma_answers_with_the_first_that_ends_above);
	tcase_add_test(t, a_special_mapping_cannot_be_split);
	tcase_add_loop_test(t, the_search_finds_what_a_walk_along_the_list_finds,
			    0, 8);
	tcase_add_test(t, without_memory_for_a_vma_nothing_changes);
	suite_add_tcase(suite, t);
	add_merge_tests(suite);
	add_family_tests(suite);
	add_stack_tests(suite);
	return suite;
}
