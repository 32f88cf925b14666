/* SPDX-License-Identifier: MIT */
/*
 * mmap and munmap: who refuses first, where a mapping goes, what is charged.
 * Every expectation was observed on Linux 6.18.
 */
#include <check.h>
#include <string.h>

#include "mmcore/mm/pgtable.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/space.h"

#define BASE	0x7ffff7fff000ULL	/* mmap_base with a stack of 8 MiB */
#define TASK_SIZE 0x7ffffffff000ULL
#define MIB	(1ULL << 20)

static struct space sp;

static void setup(void)
{
	space_open(&sp);
}

static void teardown(void)
{
	space_close(&sp);
}

static int64_t map(uint64_t addr, uint64_t len, uint64_t prot, uint64_t flags)
{
	return host_mmap(sp.m, sp.pid, addr, len, prot, flags);
}

/* ---- who refuses, and in which order ---- */

static const struct {
	uint64_t addr, len, prot, flags;
	int64_t fd;
	uint64_t offset;
	int64_t ret;		/* 0: any address */
} answers[] = {
	/* the byte offset comes before all else, also where it is unused */
	{ 0, 4096, RW, PRIVATE, -1, 7, -EINVAL },
	{ 0, 0, RW, MAP_PRIVATE, 99, 7, -EINVAL },
	/* then the descriptor, before len */
	{ 0, 0, RW, MAP_PRIVATE, -1, 0, -EBADF },
	{ 0, 0, RW, MAP_PRIVATE, 64, 0, -EBADF },
	{ 0, 0, RW, MAP_PRIVATE, 3, 0, -EBADF },
	{ 0, 0, RW, MAP_PRIVATE | MAP_HUGETLB, 0, 0, -EINVAL },
	{ 0, 0, RW, MAP_PRIVATE, 0, 0, -EINVAL },
	{ 0, 0, RW, PRIVATE, -1, 0, -EINVAL },
	/* the length */
	{ 0, UINT64_MAX, RW, PRIVATE, -1, 0, -ENOMEM },
	{ 0, UINT64_MAX - 4094, RW, PRIVATE, -1, 0, -ENOMEM },
	{ 0, TASK_SIZE + 1, RW, PRIVATE, -1, 0, -ENOMEM },
	{ 0, TASK_SIZE, RW, PRIVATE, -1, 0, -ENOMEM },
	/* the place */
	{ TASK_SIZE, 4096, RW, PRIVATE | MAP_FIXED, -1, 0, -ENOMEM },
	{ TASK_SIZE + 1, 4096, RW, PRIVATE | MAP_FIXED, -1, 0, -ENOMEM },
	{ UINT64_MAX, 4096, RW, PRIVATE | MAP_FIXED, -1, 0, -ENOMEM },
	{ ARENA + 1, 4096, RW, PRIVATE | MAP_FIXED, -1, 0, -EINVAL },
	{ 1, 4096, RW, PRIVATE | MAP_FIXED, -1, 0, -EINVAL },
	{ 0, 4096, RW, PRIVATE | MAP_FIXED, -1, 0, -EPERM },
	{ 0xf000, 4096, RW, PRIVATE | MAP_FIXED, -1, 0, -EPERM },
	{ 0x10000, 4096, RW, PRIVATE | MAP_FIXED, -1, 0, 0x10000 },
	{ 0xf000, 4096, RW, PRIVATE | MAP_FIXED_NOREPLACE, -1, 0, -EPERM },
	/* the type of anonymous memory */
	{ 0, 4096, RW, MAP_ANONYMOUS, -1, 0, -EINVAL },
	{ 0, 4096, RW, MAP_ANONYMOUS | MAP_SHARED_VALIDATE, -1, 0, -EINVAL },
	{ 0, 4096, RW, MAP_ANONYMOUS | 4, -1, 0, -EINVAL },
	{ 0, 4096, RW, SHARED | MAP_GROWSDOWN, -1, 0, -EINVAL },
	{ 0, 4096, RW, MAP_ANONYMOUS | MAP_DROPPABLE | MAP_LOCKED, -1, 0, -EINVAL },
	{ 0, 4096, RW, MAP_ANONYMOUS | MAP_DROPPABLE | MAP_GROWSDOWN, -1, 0, -EINVAL },
	{ 0, 4096, RW, MAP_ANONYMOUS | MAP_DROPPABLE, -1, 0, 0 },
	/* what is ignored: fd, other prot bits, two old flags */
	{ 0, 4096, RW, PRIVATE, 99, 0, 0 },
	{ 0, 4096, RW | 0x7ffffff0, PRIVATE, -1, 0, 0 },
	{ 0, 4096, RW, PRIVATE | MAP_DENYWRITE | MAP_EXECUTABLE, -1, 0, 0 },
	{ 0, 4096, PROT_NONE, PRIVATE, -1, 0, 0 },
	/* a shared page of an unused offset; a length that is rounded up */
	{ 0, 1, RW, SHARED, -1, 4096, 0 },
	/* /dev/null has no mmap operation, known only after its type */
	{ 0, 4096, RW, MAP_PRIVATE, 0, 0, -ENODEV },
	{ 0, 4096, RW, MAP_SHARED, 1, 0, -ENODEV },
	{ 0, 4096, RW, MAP_PRIVATE | MAP_GROWSDOWN, 0, 0, -ENODEV },
	{ 0, 4096, RW, 0, 2, 0, -EINVAL },
	{ 0, 4096, RW, MAP_DROPPABLE, 2, 0, -EINVAL },
	{ 0, 4096, RW, MAP_SHARED_VALIDATE | MAP_FIXED_NOREPLACE, 0, 0, -EPERM },
	{ ARENA, 4096, RW, MAP_SHARED_VALIDATE | MAP_FIXED_NOREPLACE, 0, 0, -EOPNOTSUPP },
	{ ARENA, 4096, RW, MAP_SHARED_VALIDATE | MAP_SYNC, 0, 0, -EOPNOTSUPP },
	{ ARENA, 4096, RW, MAP_SHARED_VALIDATE, 0, 0, -ENODEV },
	/* huge pages: an unknown size, a misplaced one, an empty pool */
	{ 0, 4096, RW, PRIVATE | MAP_HUGETLB | 22 << MAP_HUGE_SHIFT, -1, 0, -EINVAL },
	{ 0, 0, RW, PRIVATE | MAP_HUGETLB, -1, 0, -EINVAL },
	{ ARENA + 4096, 4096, RW, PRIVATE | MAP_HUGETLB | MAP_FIXED, -1, 0, -EINVAL },
	{ 0, 4096, RW, PRIVATE | MAP_HUGETLB | MAP_GROWSDOWN, -1, 0, -EINVAL },
	{ 0, 4096, RW, MAP_ANONYMOUS | MAP_DROPPABLE | MAP_HUGETLB, -1, 0, -EINVAL },
	{ 0, 4096, RW, MAP_ANONYMOUS | MAP_HUGETLB | MAP_SHARED_VALIDATE |
	  MAP_SYNC, -1, 0, -EOPNOTSUPP },
	{ 0, 4096, RW, MAP_ANONYMOUS | MAP_HUGETLB | MAP_SHARED_VALIDATE, -1, 0, -ENOMEM },
	{ 0, 4096, RW, SHARED | MAP_HUGETLB | MAP_SYNC, -1, 0, -ENOMEM },
	{ 0, 4096, RW, PRIVATE | MAP_HUGETLB, -1, 0, -ENOMEM },
	{ 0, 4096, RW, PRIVATE | MAP_HUGETLB | 30 << MAP_HUGE_SHIFT, -1, 0, -ENOMEM },
};

START_TEST(the_first_check_that_fails_gives_the_errno)
{
	struct op op = { .code = OP_MMAP, .pid = sp.pid };
	uint64_t digest = host_digest(sp.m);
	struct op_result res;

	op.mmap = (struct op_mmap){
		answers[_i].addr, answers[_i].len, answers[_i].prot,
		answers[_i].flags, answers[_i].fd, answers[_i].offset };
	res = host_run(sp.m, &op);
	if (!answers[_i].ret) {
		ck_assert_int_eq(res.ret, BASE - 4096);
	} else {
		ck_assert_int_eq(res.ret, answers[_i].ret);
	}
	if (res.ret < 0) {
		ck_assert_int_eq(res.outcome, OUT_ERRNO);
		ck_assert_ptr_nonnull(res.why);
		ck_assert_uint_eq(host_digest(sp.m), digest);
	} else {
		ck_assert_ptr_null(res.why);
	}
	space_verify(&sp);
}
END_TEST

static int64_t mmap2(uint64_t len, uint64_t flags, int64_t fd, uint64_t pgoff)
{
	struct op op = { .code = OP_MMAP2, .pid = sp.pid };

	op.mmap2 = (struct op_mmap2){ 0, len, RW, flags, fd, pgoff };
	return host_run(sp.m, &op).ret;
}

START_TEST(an_offset_that_overflows_is_refused)
{
	ck_assert_int_eq(mmap2(4096, PRIVATE, -1, UINT64_MAX), -EOVERFLOW);
	ck_assert_int_eq(mmap2(4096, PRIVATE, -1, UINT64_MAX - 1), BASE - 4096);
	ck_assert_int_eq(mmap2(4096, MAP_PRIVATE, 0, 1ULL << 52), -EOVERFLOW);
	ck_assert_int_eq(mmap2(4096, MAP_PRIVATE, 0, (1ULL << 52) - 2), -ENODEV);
}
END_TEST

START_TEST(noreplace_wins_over_fixed_and_any_overlap_refuses)
{
	space_map(&sp, 2, 2, RW);
	ck_assert_int_eq(space_mmap(&sp, 0, 3, RW, PRIVATE | MAP_FIXED_NOREPLACE |
				    MAP_FIXED), -EEXIST);
	ck_assert_int_eq(space_mmap(&sp, 3, 9, RW, PRIVATE | MAP_FIXED_NOREPLACE),
			 -EEXIST);
	expect_space(&sp, "..AA");
	ck_assert_int_eq(space_mmap(&sp, 0, 2, PROT_READ,
				    PRIVATE | MAP_FIXED_NOREPLACE), ARENA);
	expect_space(&sp, "AABB");
}
END_TEST

START_TEST(a_privileged_process_maps_page_0)
{
	struct mm_config config = host_config();
	struct space root;

	space_open_with(&root, &config, true);
	ck_assert_int_eq(host_mmap(root.m, root.pid, 0, 4096, RW,
				   PRIVATE | MAP_FIXED), 0);
	space_verify(&root);
	ck_assert_int_eq(host_munmap(root.m, root.pid, 0, 4096), 0);
	space_close(&root);
}
END_TEST

START_TEST(the_last_page_of_user_space_can_be_mapped)
{
	ck_assert_int_eq(map(TASK_SIZE - 4096, 4096, PROT_READ,
			     PRIVATE | MAP_FIXED), TASK_SIZE - 4096);
	space_verify(&sp);
}
END_TEST

/* ---- the flags of a VMA ---- */

#define MAY (VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC)

static const struct {
	uint64_t prot, flags, vm_flags;
} kinds[] = {
	{ RW, PRIVATE, VM_READ | VM_WRITE | MAY | VM_ACCOUNT },
	{ PROT_READ, PRIVATE, VM_READ | MAY },
	{ RW | PROT_EXEC, PRIVATE, VM_READ | VM_WRITE | VM_EXEC | MAY | VM_ACCOUNT },
	{ RW, SHARED, VM_READ | VM_WRITE | VM_SHARED | VM_MAYSHARE | MAY },
	{ RW, PRIVATE | MAP_NORESERVE, VM_READ | VM_WRITE | MAY | VM_NORESERVE },
	{ RW, PRIVATE | MAP_STACK, VM_READ | VM_WRITE | MAY | VM_ACCOUNT | VM_NOHUGEPAGE },
	{ RW, PRIVATE | MAP_GROWSDOWN, VM_READ | VM_WRITE | MAY | VM_ACCOUNT | VM_GROWSDOWN },
	{ RW, MAP_DROPPABLE | MAP_ANONYMOUS, VM_READ | VM_WRITE | MAY | VM_DROPPABLE |
	  VM_NORESERVE | VM_WIPEONFORK | VM_DONTDUMP },
};

START_TEST(the_flags_of_an_area_follow_from_prot_and_flags)
{
	space_mmap(&sp, 0, 1, kinds[_i].prot, kinds[_i].flags | MAP_FIXED);
	ck_assert_uint_eq(space_vma(&sp, 0)->vm_flags, kinds[_i].vm_flags);
	ck_assert_uint_eq(space_vma(&sp, 0)->vm_page_prot,
			  vm_get_page_prot(sp.m, kinds[_i].vm_flags));
	ck_assert_uint_eq(space_vma(&sp, 0)->vm_pgoff,
			  kinds[_i].flags & MAP_SHARED ? 0 : ARENA >> 12);
}
END_TEST

/* ---- where a mapping goes ---- */

START_TEST(mappings_go_below_each_other_from_mmap_base)
{
	ck_assert_int_eq(map(0, 4096, RW, PRIVATE), BASE - 0x1000);
	ck_assert_int_eq(map(0, 8192, PROT_READ, PRIVATE), BASE - 0x3000);
	ck_assert_int_eq(map(0, 4096, RW, SHARED), BASE - 0x4000);
}
END_TEST

START_TEST(the_highest_gap_that_fits_is_used_at_its_top_end)
{
	map(BASE - 20 * 4096, 20 * 4096, PROT_READ, PRIVATE | MAP_FIXED);
	host_munmap(sp.m, sp.pid, BASE - 4 * 4096, 2 * 4096);
	host_munmap(sp.m, sp.pid, BASE - 12 * 4096, 5 * 4096);
	ck_assert_int_eq(map(0, 2 * 4096, RW, PRIVATE), BASE - 4 * 4096);
	ck_assert_int_eq(map(0, 4 * 4096, RW, PRIVATE), BASE - 11 * 4096);
	ck_assert_int_eq(map(0, 2 * 4096, RW, PRIVATE), BASE - 22 * 4096);
	ck_assert_int_eq(map(0, 4096, RW, PRIVATE), BASE - 12 * 4096);
}
END_TEST

START_TEST(hints_are_rounded_down_and_raised_to_the_lowest_address)
{
	ck_assert_int_eq(map(ARENA + 4095, 4096, RW, PRIVATE), ARENA);
	ck_assert_int_eq(map(0x1000, 4096, RW, PRIVATE), 0x10000);
	ck_assert_int_eq(map(0xfff, 4096, RW, PRIVATE), BASE - 0x1000);
	/* taken: as if there were none */
	ck_assert_int_eq(map(ARENA, 4096, PROT_READ, PRIVATE), BASE - 0x2000);
	ck_assert_int_eq(map(ARENA - 4096, 8192, PROT_READ, PRIVATE),
			 BASE - 0x4000);
	ck_assert_int_eq(map(TASK_SIZE - 4096, 8192, PROT_NONE, PRIVATE),
			 BASE - 0x6000);
	ck_assert_int_eq(map(UINT64_MAX, 4096, RW, PRIVATE), BASE - 0x7000);
}
END_TEST

START_TEST(a_multiple_of_2_mib_without_a_hint_is_aligned)
{
	ck_assert_int_eq(map(0, 2 * MIB, RW, SHARED), BASE - 2 * MIB);
	ck_assert_int_eq(map(0, 4 * MIB, RW, PRIVATE) % (2 * MIB), 0);
	ck_assert_int_ne(map(0, 4 * MIB + 4096, RW, PRIVATE) % (2 * MIB), 0);
	ck_assert_int_eq(map(0, 2 * MIB, PROT_NONE, PRIVATE | MAP_STACK) %
			 (2 * MIB), 0);
	space_verify(&sp);
}
END_TEST

START_TEST(an_aligned_hole_that_just_fits_is_used_only_with_a_hint)
{
	uint64_t start = (uint64_t)map(0, 6 * MIB, RW, PRIVATE);
	int64_t got;

	host_munmap(sp.m, sp.pid, start + 2 * MIB, 2 * MIB);
	got = map(0, 2 * MIB, RW, PRIVATE);
	ck_assert_int_ne(got, (int64_t)(start + 2 * MIB));
	ck_assert_int_eq(got % (int64_t)(2 * MIB), 0);
	ck_assert_int_eq(map(start + 2 * MIB, 2 * MIB, RW, PRIVATE),
			 start + 2 * MIB);
}
END_TEST

/* A descriptor of a file, made if need be. */
static int64_t open_file(const char *path, uint64_t size)
{
	struct op create = { .code = OP_FILE_CREATE, .path = path };
	struct op open = { .code = OP_OPEN, .pid = sp.pid, .path = path };

	create.path_len = open.path_len = strlen(path);
	create.file_create = (struct op_file_create){ .size = size, .mode = 0644 };
	if (size)
		host_run(sp.m, &create);
	return host_run(sp.m, &open).ret;
}

static int64_t map_file(int64_t fd, uint64_t addr, uint64_t len, uint64_t flags,
			uint64_t offset)
{
	struct op op = { .code = OP_MMAP, .pid = sp.pid };

	op.mmap = (struct op_mmap){ .addr = addr, .len = len,
				    .prot = PROT_READ, .flags = flags,
				    .fd = fd, .offset = offset };
	return host_run(sp.m, &op).ret;
}

/* Observed with files of ext4, and with /dev/zero. */
START_TEST(files_of_2_mib_are_aligned_as_their_offsets)
{
	const int64_t fd = open_file("/big", 8 * MIB);
	const int64_t zero = open_file("/dev/zero", 0);
	int64_t at = map_file(fd, 0, 0x201000, MAP_PRIVATE, 0);

	ck_assert_int_eq(at, 0x7ffff7c00000);
	at -= 0x201000;
	ck_assert_int_eq(map_file(fd, 0, 0x201000, MAP_SHARED, 0x1000), at);
	at -= 0x1ff000;
	ck_assert_int_eq(map_file(fd, 0, 0x1ff000, MAP_PRIVATE, 0), at);
	at = map_file(fd, 0, 4 * MIB, MAP_SHARED, 0x101000);
	ck_assert_int_eq(at % (int64_t)(2 * MIB), 0x101000);
	at = map_file(zero, 0, 0x201000, MAP_PRIVATE, 0);
	ck_assert_int_eq(at % (int64_t)(2 * MIB), 0);
	ck_assert_int_eq(map_file(zero, 0, 0x201000, MAP_SHARED, 0),
			 at - 0x201000);
	space_verify(&sp);
}
END_TEST

START_TEST(a_file_s_hint_comes_before_its_alignment)
{
	const int64_t fd = open_file("/big", 8 * MIB);

	ck_assert_int_eq(map_file(fd, ARENA + 0x3000, 0x201000, MAP_PRIVATE, 0),
			 ARENA + 0x3000);
	ck_assert_int_eq(map_file(fd, ARENA + 0x3000, 0x201000, MAP_PRIVATE, 0),
			 0x7ffff7c00000);
	ck_assert_int_eq(map_file(fd, ARENA + 0x1000, 0x201000,
				  MAP_PRIVATE | MAP_FIXED, 0), ARENA + 0x1000);
	space_verify(&sp);
}
END_TEST

/* Observed: from an aligned lower end the next aligned address is taken. */
START_TEST(map_32bit_searches_upwards_from_1_gib_to_2_gib)
{
	ck_assert_int_eq(map(0, 2 * MIB, RW, PRIVATE | MAP_32BIT), 0x40200000);
	ck_assert_int_eq(map(0, 2 * MIB, RW, PRIVATE | MAP_32BIT), 0x40600000);
	ck_assert_int_eq(map(0, 4096, RW, PRIVATE | MAP_32BIT), 0x40000000);
	ck_assert_int_eq(map(0x50000123, 4096, RW, PRIVATE | MAP_32BIT),
			 0x50000000);
	ck_assert_int_eq(map(0x7ffff000, 8192, RW, PRIVATE | MAP_32BIT),
			 0x40001000);
	ck_assert_int_eq(map(0x10000, 4096, RW, PRIVATE | MAP_32BIT), 0x10000);
	ck_assert_int_eq(map(0, 4 * MIB, RW, PRIVATE | MAP_32BIT), 0x40a00000);
	ck_assert_int_eq(map(0, 1024 * MIB, RW, PRIVATE | MAP_32BIT), -ENOMEM);
	space_verify(&sp);
}
END_TEST

START_TEST(with_nothing_left_below_mmap_base_the_search_goes_up)
{
	map(0x10000, BASE - 0x10000, PROT_NONE,
	    PRIVATE | MAP_FIXED | MAP_NORESERVE);
	ck_assert_int_eq(map(0, 4096, PROT_READ, PRIVATE), BASE);
	ck_assert_int_eq(map(0, 4096, RW, PRIVATE), BASE + 4096);
	ck_assert_int_eq(map(0, 64 * MIB, RW, PRIVATE), -ENOMEM);
	space_verify(&sp);
}
END_TEST

START_TEST(a_stacks_guard_gap_refuses_hints_but_not_map_fixed)
{
	uint64_t stack = ARENA + 4096 * 4096ULL;

	map(stack, 4096, RW, PRIVATE | MAP_FIXED | MAP_GROWSDOWN);
	ck_assert_int_eq(map(stack - 257 * 4096, 4096, RW, PRIVATE),
			 stack - 257 * 4096);
	ck_assert_int_eq(map(stack - 256 * 4096, 4096, RW, PRIVATE),
			 BASE - 4096);
	ck_assert_int_eq(map(stack - 4096, 4096, PROT_NONE, PRIVATE | MAP_FIXED),
			 stack - 4096);
}
END_TEST

START_TEST(a_search_stays_below_a_stacks_guard_gap)
{
	map(BASE - 4096, 4096, RW, PRIVATE | MAP_FIXED | MAP_GROWSDOWN);
	ck_assert_int_eq(map(0, 4096, RW, PRIVATE), BASE - 258 * 4096);
}
END_TEST

/*
 * As in Linux: when a gap is passed by for the stack above it, the search goes
 * on below the guard gap, though there was room nearer, below a neighbour.
 */
START_TEST(a_guard_gap_hides_what_lies_in_it)
{
	map(BASE - 4096, 4096, RW, PRIVATE | MAP_FIXED | MAP_GROWSDOWN);
	map(BASE - 12 * 4096, 4096, PROT_NONE, PRIVATE | MAP_FIXED);
	ck_assert_int_eq(map(0, 4096, RW, PRIVATE), BASE - 258 * 4096);
	ck_assert_int_eq(map(0, 20 * 4096, RW, PRIVATE), BASE - 32 * 4096);
}
END_TEST

START_TEST(above_4g_is_above_4g)
{
	ck_assert_int_eq(map(0, 4096, RW, PRIVATE | MAP_ABOVE4G), BASE - 4096);
}
END_TEST

/* ---- limits ---- */

START_TEST(a_process_reaches_one_vma_more_than_max_map_count)
{
	uint64_t limit = (uint64_t)space_mm(&sp)->map_count + 4;

	space_sysctl(&sp, SYSCTL_max_map_count, limit);
	for (unsigned int n = 0; n <= 8; n += 2)
		ck_assert_int_eq(space_map(&sp, n, 1, RW), page_addr(n));
	ck_assert_int_eq(space_mm(&sp)->map_count, (int32_t)limit + 1);
	ck_assert_int_eq(space_map(&sp, 20, 1, RW), -ENOMEM);
	/* also where it would merge */
	ck_assert_int_eq(space_map(&sp, 1, 1, RW), -ENOMEM);
	expect_space(&sp, "A.B.C.D.E");
}
END_TEST

START_TEST(at_the_limit_a_hole_is_refused_and_a_trim_is_not)
{
	space_map(&sp, 0, 8, RW);
	space_map(&sp, 10, 2, RW);
	space_sysctl(&sp, SYSCTL_max_map_count,
		     (uint64_t)space_mm(&sp)->map_count);
	ck_assert_int_eq(space_unmap(&sp, 3, 1), -ENOMEM);
	ck_assert_int_eq(space_protect(&sp, 3, 1, PROT_READ), -ENOMEM);
	ck_assert_int_eq(space_unmap(&sp, 0, 1), 0);
	ck_assert_int_eq(space_unmap(&sp, 7, 1), 0);
	expect_space(&sp, ".AAAAAA...BB");
	ck_assert_int_eq(space_unmap(&sp, 5, 6), 0);
	expect_space(&sp, ".AAAA......B");
}
END_TEST

START_TEST(rlimit_as_counts_what_is_new)
{
	space_map(&sp, 0, 4, RW);
	space_write(&sp, 0);
	host_setrlimit(sp.m, sp.pid, RLIMIT_AS,
		       (space_mm(&sp)->total_vm + 2) * PAGE_SIZE);
	ck_assert_int_eq(space_map(&sp, 10, 3, RW), -ENOMEM);
	ck_assert_int_eq(space_map(&sp, 0, 8, RW), -ENOMEM);
	expect_space(&sp, "AAAA");
	ck_assert_int_eq(space_map(&sp, 0, 6, RW), ARENA);
	expect_space(&sp, "AAAAAA");
}
END_TEST

/* Observed: the cut that a refused MAP_FIXED made by then stays. */
START_TEST(a_refused_replacement_leaves_everything_but_a_cut)
{
	space_map(&sp, 0, 4, RW);
	space_map(&sp, 6, 2, RW);
	host_setrlimit(sp.m, sp.pid, RLIMIT_AS,
		       (space_mm(&sp)->total_vm + 2) * PAGE_SIZE);
	ck_assert_int_eq(space_map(&sp, 2, 20, RW), -ENOMEM);
	expect_space(&sp, "AABB..CC");
}
END_TEST

START_TEST(rlimit_data_counts_private_writable_memory_alone)
{
	host_setrlimit(sp.m, sp.pid, RLIMIT_DATA,
		       (space_mm(&sp)->data_vm + 2) * PAGE_SIZE);
	ck_assert_int_eq(space_map(&sp, 0, 3, RW), -ENOMEM);
	ck_assert_int_eq(space_map(&sp, 0, 3, RW | PROT_EXEC), -ENOMEM);
	ck_assert_int_eq(space_map(&sp, 0, 3, PROT_READ), ARENA);
	ck_assert_int_eq(space_mmap(&sp, 4, 3, RW, SHARED | MAP_FIXED),
			 page_addr(4));
	ck_assert_int_eq(space_mmap(&sp, 8, 3, RW, PRIVATE | MAP_FIXED |
				    MAP_GROWSDOWN), page_addr(8));
	ck_assert_int_eq(space_protect(&sp, 0, 3, RW), -ENOMEM);
	ck_assert_int_eq(space_protect(&sp, 0, 2, RW), 0);
	ck_assert_int_eq(space_map(&sp, 12, 1, RW), -ENOMEM);
	expect_space(&sp, "AAB.CCC.DDD");
}
END_TEST

/* What valgrind relies on. */
START_TEST(a_soft_data_limit_of_0_defers_to_the_hard_one)
{
	host_setrlimit(sp.m, sp.pid, RLIMIT_DATA, 0);
	ck_assert_int_eq(space_map(&sp, 0, 3, RW), ARENA);
}
END_TEST

START_TEST(locked_memory_has_a_limit_of_its_own)
{
	host_setrlimit(sp.m, sp.pid, RLIMIT_MEMLOCK, 4 * PAGE_SIZE);
	ck_assert_int_eq(space_mmap(&sp, 0, 5, RW, PRIVATE | MAP_FIXED |
				    MAP_LOCKED), -EAGAIN);
	ck_assert_int_eq(space_mmap(&sp, 0, 3, RW, PRIVATE | MAP_FIXED |
				    MAP_LOCKED), ARENA);
	ck_assert_int_eq(space_mmap(&sp, 4, 2, RW, PRIVATE | MAP_FIXED |
				    MAP_LOCKED), -EAGAIN);
	ck_assert_uint_eq(space_mm(&sp)->locked_vm, 3);
	host_setrlimit(sp.m, sp.pid, RLIMIT_MEMLOCK, 0);
	ck_assert_int_eq(space_mmap(&sp, 4, 1, RW, PRIVATE | MAP_FIXED |
				    MAP_LOCKED), -EPERM);
	expect_space(&sp, "AAA");
	space_unmap(&sp, 1, 1);
	ck_assert_uint_eq(space_mm(&sp)->locked_vm, 2);
}
END_TEST

/* ---- promises ---- */

START_TEST(private_writable_memory_is_a_promise_until_it_is_unmapped)
{
	uint64_t before = space_committed(&sp);

	space_map(&sp, 0, 8, RW);
	ck_assert_uint_eq(space_committed(&sp), before + 8);
	space_map(&sp, 10, 8, PROT_READ);
	space_mmap(&sp, 20, 8, RW, PRIVATE | MAP_NORESERVE | MAP_FIXED);
	ck_assert_uint_eq(space_committed(&sp), before + 8);
	space_mmap(&sp, 30, 8, RW, SHARED | MAP_FIXED);
	ck_assert_uint_eq(space_committed(&sp), before + 16);
	space_map(&sp, 4, 4, PROT_READ);
	ck_assert_uint_eq(space_committed(&sp), before + 12);
	space_map(&sp, 2, 8, RW);
	ck_assert_uint_eq(space_committed(&sp), before + 18);
	space_unmap(&sp, 0, ARENA_PAGES);
	ck_assert_uint_eq(space_committed(&sp), before);
}
END_TEST

static uint64_t ram_bytes(void)
{
	return kernel_at(sp.m)->totalram_pages * PAGE_SIZE;
}

START_TEST(mode_0_refuses_only_what_exceeds_all_ram)
{
	ck_assert_int_eq(map(0, ram_bytes() + 4096, RW, PRIVATE), -ENOMEM);
	ck_assert_int_gt(map(0, ram_bytes(), RW, PRIVATE), 0);
	ck_assert_int_gt(map(0, ram_bytes(), RW, PRIVATE), 0);
	ck_assert_int_gt(map(0, ram_bytes() + 4096, RW, PRIVATE | MAP_NORESERVE),
			 0);
	ck_assert_int_gt(map(0, ram_bytes() + 4096, PROT_READ, PRIVATE), 0);
	ck_assert_int_eq(map(0, ram_bytes() + 4096, RW, SHARED), -ENOMEM);
	ck_assert_int_gt(map(0, ram_bytes() + 4096, RW, SHARED | MAP_NORESERVE),
			 0);
}
END_TEST

START_TEST(mode_1_refuses_nothing)
{
	space_sysctl(&sp, SYSCTL_overcommit_memory, 1);
	ck_assert_int_gt(map(0, 64 * ram_bytes(), RW, PRIVATE), 0);
	space_verify(&sp);
}
END_TEST

/* limit - admin reserve - min(total_vm / 32, user reserve), to the page. */
START_TEST(mode_2_promises_no_more_than_the_commit_limit)
{
	const struct kernel *k = kernel_at(sp.m);
	uint64_t allowed, reserve, pages, total = space_mm(&sp)->total_vm;

	space_sysctl(&sp, SYSCTL_overcommit_memory, 2);
	reserve = k->user_reserve_kbytes / 4;
	if (reserve > total / 32)
		reserve = total / 32;
	allowed = k->totalram_pages * 50 / 100 - k->admin_reserve_kbytes / 4 -
		  reserve;
	pages = allowed - space_committed(&sp) - 1;
	ck_assert_int_eq(map(0, (pages + 1) * PAGE_SIZE, RW, PRIVATE), -ENOMEM);
	ck_assert_int_eq(map(0, (pages + 1) * PAGE_SIZE, RW,
			     PRIVATE | MAP_NORESERVE), -ENOMEM);
	ck_assert_int_gt(map(0, pages * PAGE_SIZE, RW, PRIVATE | MAP_NORESERVE),
			 0);
	ck_assert_int_eq(map(0, PAGE_SIZE, RW, PRIVATE), -ENOMEM);
	ck_assert_int_eq(map(0, PAGE_SIZE, RW, SHARED), -ENOMEM);
	ck_assert_int_gt(map(0, PAGE_SIZE, PROT_READ, PRIVATE), 0);
	space_verify(&sp);
}
END_TEST

START_TEST(overcommit_kbytes_takes_the_place_of_the_ratio)
{
	space_sysctl(&sp, SYSCTL_overcommit_kbytes, 4096);
	ck_assert_uint_eq(vm_commit_limit(sp.m), 1024);
}
END_TEST

/* ---- what a refusal leaves ---- */

START_TEST(a_refused_promise_leaves_the_old_mapping)
{
	uint64_t committed;

	space_map(&sp, 0, 4, RW);
	committed = space_committed(&sp);
	ck_assert_int_eq(map(ARENA, ram_bytes() + 64 * PAGE_SIZE, RW,
			     PRIVATE | MAP_FIXED), -ENOMEM);
	expect_space(&sp, "AAAA");
	ck_assert_uint_eq(space_committed(&sp), committed);
}
END_TEST

/* The pool, and the object of shared memory, are asked after step 7. */
START_TEST(a_refused_pool_or_shared_object_leaves_a_hole)
{
	uint64_t before = space_committed(&sp);

	space_map(&sp, 0, 4, RW);
	ck_assert_int_eq(map(ARENA, 2 * MIB, RW, PRIVATE | MAP_FIXED |
			     MAP_HUGETLB), -ENOMEM);
	expect_space(&sp, "");
	space_map(&sp, 0, 4, RW);
	ck_assert_int_eq(map(ARENA, ram_bytes() + 4096, RW,
			     SHARED | MAP_FIXED), -ENOMEM);
	expect_space(&sp, "");
	ck_assert_uint_eq(space_committed(&sp), before);
}
END_TEST

/* ---- munmap ---- */

static const struct { uint64_t addr, len; int64_t ret; } unmaps[] = {
	{ ARENA + 1, 4096, -EINVAL },
	{ ARENA, 0, -EINVAL },
	{ ARENA, UINT64_MAX, -EINVAL },
	{ TASK_SIZE + 4096, 4096, -EINVAL },
	{ TASK_SIZE, 4096, -EINVAL },
	{ TASK_SIZE, 0, -EINVAL },
	{ TASK_SIZE - 4096, 8192, -EINVAL },
	{ ARENA, 4096, 0 },
	{ ARENA + 60 * 4096, 1 << 30, 0 },
};

START_TEST(munmap_refuses_bad_ranges_and_unmaps_nothing_happily)
{
	space_map(&sp, 4, 1, RW);
	ck_assert_int_eq(host_munmap(sp.m, sp.pid, unmaps[_i].addr,
				     unmaps[_i].len), unmaps[_i].ret);
	expect_space(&sp, "....A");
}
END_TEST

START_TEST(munmap_rounds_up_and_crosses_areas_and_holes)
{
	space_map(&sp, 0, 4, RW);
	space_map(&sp, 6, 2, PROT_READ);
	space_map(&sp, 10, 4, RW);
	ck_assert_int_eq(host_munmap(sp.m, sp.pid, page_addr(3), 7 * 4096 + 1),
			 0);
	expect_space(&sp, "AAA........BBB");
	ck_assert_uint_eq(space_vma(&sp, 11)->vm_pgoff, (ARENA >> 12) + 11);
	ck_assert_int_eq(host_munmap(sp.m, sp.pid, ARENA, TASK_SIZE - ARENA -
				     0x100000000), 0);
	expect_space(&sp, "");
}
END_TEST

START_TEST(a_sealed_area_in_the_range_refuses_all_of_it)
{
	struct host_step hs;
	vma_ref vma;

	space_map(&sp, 0, 2, PROT_READ);
	space_map(&sp, 2, 2, RW);
	space_map(&sp, 4, 2, PROT_READ);
	host_step_init(&hs, sp.m, sp.pid);
	vma = find_vma(&hs.s, task_at(sp.m, space_task(&sp))->mm, page_addr(2));
	vma_mut(&hs.s, vma)->vm_flags |= VM_SEALED;
	ck_assert_int_eq(space_unmap(&sp, 0, 6), -EPERM);
	ck_assert_int_eq(space_unmap(&sp, 3, 1), -EPERM);
	ck_assert_int_eq(space_map(&sp, 0, 6, RW), -EPERM);
	ck_assert_int_eq(space_protect(&sp, 0, 4, PROT_NONE), -EPERM);
	expect_space(&sp, "AABBCC");
	ck_assert_uint_eq(space_vma(&sp, 0)->vm_flags & VM_READ, 0);
}
END_TEST

START_TEST(the_peak_of_total_vm_is_kept)
{
	space_map(&sp, 0, 50, RW);
	space_unmap(&sp, 0, 50);
	ck_assert_uint_eq(space_mm(&sp)->hiwater_vm,
			  space_mm(&sp)->total_vm + 50);
}
END_TEST

/* ---- populate ---- */

static bool is_present(unsigned int n)
{
	uint64_t pte_pa = pte_lookup(sp.m, space_mm(&sp), page_addr(n));

	return pte_pa && pte_present(sp.m, entry_read(sp.m, pte_pa));
}

START_TEST(populate_brings_pages_in)
{
	space_mmap(&sp, 0, 4, RW, PRIVATE | MAP_FIXED | MAP_POPULATE);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 4);
	space_mmap(&sp, 8, 4, PROT_READ, PRIVATE | MAP_FIXED | MAP_POPULATE);
	ck_assert_int_eq(space_mmap(&sp, 16, 4, PROT_NONE, PRIVATE | MAP_FIXED |
				    MAP_POPULATE), page_addr(16));
	space_mmap(&sp, 24, 4, RW, PRIVATE | MAP_FIXED | MAP_POPULATE |
		   MAP_NONBLOCK);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 4);
	ck_assert(is_present(8));
	ck_assert(!is_present(16));
	ck_assert(!is_present(24));
	space_mmap(&sp, 32, 4, RW, PRIVATE | MAP_FIXED | MAP_LOCKED);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 8);
}
END_TEST

START_TEST(unmapping_gives_pages_and_tables_back)
{
	space_mmap(&sp, 0, 8, RW, PRIVATE | MAP_FIXED | MAP_POPULATE);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 8);
	ck_assert_uint_gt(space_mm(&sp)->nr_ptes, 0);
	space_unmap(&sp, 2, 4);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 4);
	space_unmap(&sp, 0, 8);
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 0);
	ck_assert_uint_eq(space_mm(&sp)->nr_ptes, 0);
	ck_assert_uint_eq(space_mm(&sp)->hiwater_rss, 8);
}
END_TEST

START_TEST(map_fixed_replaces_pages_with_zeros)
{
	space_map(&sp, 0, 4, RW);
	space_write(&sp, 1);
	space_map(&sp, 1, 1, RW);
	expect_space(&sp, "AAAA");
	ck_assert_uint_eq(host_load(sp.m, sp.pid, page_addr(1)), 0);
}
END_TEST

/* ---- the eleven steps ---- */

static struct trace_event events[64];

static struct trace traced(uint64_t addr, uint64_t flags)
{
	struct trace trace = { .events = events, .capacity = 64 };
	struct op op = { .code = OP_MMAP, .pid = sp.pid };
	struct op_result res;

	op.mmap = (struct op_mmap){ addr, 8192, RW, flags, -1, 0 };
	ck_assert_int_eq(mm_step(sp.m, &op, &res, &trace), MM_OK);
	return trace;
}

/* Which of the steps were told, and which of them with a reason not to. */
static void steps_of(const struct trace *trace, bool told[12], bool skipped[12])
{
	memset(told, 0, 12 * sizeof(bool));
	memset(skipped, 0, 12 * sizeof(bool));
	for (uint64_t i = 0; i < trace->nr; i++) {
		int n = trace_kinds[trace->events[i].id].n;

		ck_assert(!n || !told[n]);
		told[n] = true;
		skipped[n] |= trace->events[i].note != NULL;
	}
}

static const struct {
	uint64_t addr, flags;
	const char *skipped;	/* by step: 1 … 11 */
} stories[] = {
	/* 1234567891011 */
	{ 0, PRIVATE,			"y.....y..y." },
	{ ARENA, PRIVATE | MAP_FIXED,	"y........y." },	/* in the way */
	{ ARENA + 8192, PRIVATE | MAP_FIXED, "y.....yyyy." },	/* merges */
	{ 0, SHARED,			"y.....y...." },
};

START_TEST(every_one_of_the_eleven_steps_is_told)
{
	bool told[12], skipped[12];
	struct trace trace;

	space_map(&sp, 0, 2, _i == 1 ? PROT_READ : RW);
	trace = traced(stories[_i].addr, stories[_i].flags);
	steps_of(&trace, told, skipped);
	for (int n = 1; n <= 11; n++) {
		ck_assert_msg(told[n], "step %d is missing", n);
		ck_assert_msg(skipped[n] == (stories[_i].skipped[n - 1] == 'y'),
			      "step %d", n);
	}
}
END_TEST

START_TEST(a_refusal_ends_the_story)
{
	bool told[12], skipped[12];
	struct trace trace;

	space_sysctl(&sp, SYSCTL_max_map_count, 0);
	trace = traced(0, PRIVATE);
	steps_of(&trace, told, skipped);
	ck_assert(told[2] && told[3] && told[4]);
	ck_assert(!told[5] && !told[8] && !told[11]);
}
END_TEST

static void add_place_tests(Suite *suite)
{
	TCase *t = tcase_create("place");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, mappings_go_below_each_other_from_mmap_base);
	tcase_add_test(t, the_highest_gap_that_fits_is_used_at_its_top_end);
	tcase_add_test(t, hints_are_rounded_down_and_raised_to_the_lowest_address);
	tcase_add_test(t, a_multiple_of_2_mib_without_a_hint_is_aligned);
	tcase_add_test(t, files_of_2_mib_are_aligned_as_their_offsets);
	tcase_add_test(t, a_file_s_hint_comes_before_its_alignment);
	tcase_add_test(t, an_aligned_hole_that_just_fits_is_used_only_with_a_hint);
	tcase_add_test(t, map_32bit_searches_upwards_from_1_gib_to_2_gib);
	tcase_add_test(t, with_nothing_left_below_mmap_base_the_search_goes_up);
	tcase_add_test(t, a_stacks_guard_gap_refuses_hints_but_not_map_fixed);
	tcase_add_test(t, a_search_stays_below_a_stacks_guard_gap);
	tcase_add_test(t, a_guard_gap_hides_what_lies_in_it);
	tcase_add_test(t, above_4g_is_above_4g);
	suite_add_tcase(suite, t);
}

static void add_limit_tests(Suite *suite)
{
	TCase *t = tcase_create("limits");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_process_reaches_one_vma_more_than_max_map_count);
	tcase_add_test(t, at_the_limit_a_hole_is_refused_and_a_trim_is_not);
	tcase_add_test(t, rlimit_as_counts_what_is_new);
	tcase_add_test(t, a_refused_replacement_leaves_everything_but_a_cut);
	tcase_add_test(t, rlimit_data_counts_private_writable_memory_alone);
	tcase_add_test(t, a_soft_data_limit_of_0_defers_to_the_hard_one);
	tcase_add_test(t, locked_memory_has_a_limit_of_its_own);
	tcase_add_test(t, private_writable_memory_is_a_promise_until_it_is_unmapped);
	tcase_add_test(t, mode_0_refuses_only_what_exceeds_all_ram);
	tcase_add_test(t, mode_1_refuses_nothing);
	tcase_add_test(t, mode_2_promises_no_more_than_the_commit_limit);
	tcase_add_test(t, overcommit_kbytes_takes_the_place_of_the_ratio);
	tcase_add_test(t, a_refused_promise_leaves_the_old_mapping);
	tcase_add_test(t, a_refused_pool_or_shared_object_leaves_a_hole);
	suite_add_tcase(suite, t);
}

static void add_munmap_tests(Suite *suite)
{
	TCase *t = tcase_create("munmap");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, munmap_refuses_bad_ranges_and_unmaps_nothing_happily,
			    0, sizeof(unmaps) / sizeof(unmaps[0]));
	tcase_add_test(t, munmap_rounds_up_and_crosses_areas_and_holes);
	tcase_add_test(t, a_sealed_area_in_the_range_refuses_all_of_it);
	tcase_add_test(t, the_peak_of_total_vm_is_kept);
	tcase_add_test(t, populate_brings_pages_in);
	tcase_add_test(t, unmapping_gives_pages_and_tables_back);
	tcase_add_test(t, map_fixed_replaces_pages_with_zeros);
	suite_add_tcase(suite, t);
}

Suite *suite_mmap(void);
Suite *suite_mmap(void)
{
	Suite *suite = suite_create("mmap");
	TCase *t = tcase_create("answers");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, the_first_check_that_fails_gives_the_errno, 0,
			    sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(t, an_offset_that_overflows_is_refused);
	tcase_add_test(t, noreplace_wins_over_fixed_and_any_overlap_refuses);
	tcase_add_test(t, a_privileged_process_maps_page_0);
	tcase_add_test(t, the_last_page_of_user_space_can_be_mapped);
	tcase_add_loop_test(t, the_flags_of_an_area_follow_from_prot_and_flags,
			    0, sizeof(kinds) / sizeof(kinds[0]));
	tcase_add_loop_test(t, every_one_of_the_eleven_steps_is_told, 0,
			    sizeof(stories) / sizeof(stories[0]));
	tcase_add_test(t, a_refusal_ends_the_story);
	suite_add_tcase(suite, t);
	add_place_tests(suite);
	add_limit_tests(suite);
	add_munmap_tests(suite);
	return suite;
}
