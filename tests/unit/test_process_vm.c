/* SPDX-License-Identifier: MIT */
/*
 * process_vm_readv and process_vm_writev: what arrives, how far a copy comes,
 * whose faults count, and which check comes first. The numbers in braces are
 * the facts of Linux 6.18 that a test repeats.
 */
#include <check.h>
#include <string.h>

#include "mmcore/mm/memory.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/space.h"

static struct space sp, other;	/* a parent, and its child */

static void setup(void)
{
	space_open(&sp);
	space_map(&sp, 0, 8, RW);
	other = space_of(&sp, host_fork(sp.m, sp.pid, 0));
}

static void teardown(void)
{
	space_close(&sp);
}

#define RANGE(n, offset, length) { ARENA + (n) * 4096ULL + (offset), (length) }

static struct op_result copy(enum op_code code, uint32_t pid,
			     const struct op_iovec *local, uint64_t nr_local,
			     const struct op_iovec *remote, uint64_t nr_remote)
{
	struct op op = {
		.code = code, .pid = sp.pid, .iov = { local, nr_local },
		.remote_iov = { remote, nr_remote },
	};

	op.process_vm_readv.remote_pid = pid;
	return host_run(sp.m, &op);
}

#define NR(array) (sizeof(array) / sizeof((array)[0]))
#define read_from(local, remote)					\
	copy(OP_PROCESS_VM_READV, other.pid, local, NR(local), remote,	\
	     NR(remote))
#define write_to(local, remote)						\
	copy(OP_PROCESS_VM_WRITEV, other.pid, local, NR(local), remote,	\
	     NR(remote))

static void put(const struct space *in, uint64_t addr, const char *text)
{
	const struct op op = {
		.code = OP_MEM_WRITE, .pid = in->pid, .mem_write = { addr },
		.data = (const uint8_t *)text, .data_len = strlen(text),
	};

	host_run(in->m, &op);
}

static const char *get(const struct space *in, uint64_t addr, uint64_t len)
{
	static uint8_t text[64];
	const struct op op = {
		.code = OP_MEM_READ, .pid = in->pid, .buf = text,
		.mem_read = { addr, len },
	};

	memset(text, 0, sizeof(text));
	host_run(in->m, &op);
	return (const char *)text;
}

START_TEST(bytes_are_gathered_there_and_scattered_here)
{
	static const struct op_iovec local[] = {
		RANGE(0, 4090, 8), RANGE(5, 0, 0), RANGE(2, 1, 4),
	};
	static const struct op_iovec remote[] = {
		RANGE(4, 4092, 8), RANGE(7, 9, 2), RANGE(6, 0, 2),
	};

	put(&other, page_addr(4) + 4092, "abcdefgh");
	put(&other, page_addr(7) + 9, "ij");
	put(&other, page_addr(6), "kl");
	ck_assert_int_eq(read_from(local, remote).ret, 12);
	ck_assert_str_eq(get(&sp, page_addr(0) + 4090, 8), "abcdefgh");
	ck_assert_str_eq(get(&sp, page_addr(2) + 1, 4), "ijkl");
	/* and back, the other way round */
	put(&sp, page_addr(2) + 1, "IJKL");
	ck_assert_int_eq(write_to(local, remote).ret, 12);
	ck_assert_str_eq(get(&other, page_addr(7) + 9, 2), "IJ");
	ck_assert_str_eq(get(&other, page_addr(6), 2), "KL");
	ck_assert_str_eq(get(&other, page_addr(4) + 4092, 8), "abcdefgh");
}
END_TEST

START_TEST(the_shorter_side_ends_it)
{
	static const struct op_iovec few[] = { RANGE(0, 0, 5) };
	static const struct op_iovec many[] = { RANGE(1, 0, 3), RANGE(1, 3, 9) };

	put(&other, page_addr(1), "0123456789");
	ck_assert_int_eq(read_from(few, many).ret, 5);
	ck_assert_str_eq(get(&sp, page_addr(0), 10), "01234");
	put(&other, page_addr(0), "abcdef");
	ck_assert_int_eq(read_from(many, few).ret, 5);
	ck_assert_str_eq(get(&sp, page_addr(1), 10), "abcde");
}
END_TEST

START_TEST(the_other_side_counts_in_pages)
{
	static const struct op_iovec local[] = { RANGE(0, 0, 3 * 4096) };
	static const struct op_iovec to_end[] = { RANGE(7, 0, 2 * 4096) };
	static const struct op_iovec inside[] = { RANGE(7, 100, 2 * 4096) };
	static const struct op_iovec outside[] = { RANGE(8, 0, 8) };
	static const struct op_iovec later[] = { RANGE(1, 0, 8), RANGE(8, 0, 8) };
	static const struct op_iovec first[] = { RANGE(8, 0, 8), RANGE(1, 0, 8) };

	ck_assert_int_eq(read_from(local, to_end).ret, 4096);	/* {pvm.6} */
	ck_assert_int_eq(read_from(local, inside).ret, 3996);
	ck_assert_int_eq(read_from(local, outside).ret, -EFAULT);
	ck_assert_int_eq(read_from(local, later).ret, 8);
	ck_assert_int_eq(read_from(local, first).ret, -EFAULT);
	ck_assert_int_eq(write_to(local, inside).ret, 3996);
	ck_assert_int_eq(write_to(local, outside).ret, -EFAULT);
}
END_TEST

START_TEST(our_side_counts_in_bytes)
{
	static const struct op_iovec local[] = { RANGE(7, 4086, 100) };
	static const struct op_iovec bad[] = { RANGE(8, 0, 100) };
	static const struct op_iovec remote[] = { RANGE(0, 0, 100) };

	ck_assert_int_eq(read_from(local, remote).ret, 10);
	ck_assert_int_eq(write_to(local, remote).ret, 10);
	ck_assert_int_eq(read_from(bad, remote).ret, -EFAULT);
	ck_assert_int_eq(write_to(bad, remote).ret, -EFAULT);
}
END_TEST

START_TEST(permissions_of_the_mapping_hold)
{
	static const struct op_iovec here[] = { RANGE(0, 0, 8) };
	static const struct op_iovec there[] = { RANGE(4, 0, 8) };
	static const struct { uint64_t prot; int64_t read, write; } can[] = {
		{ PROT_NONE, -EFAULT, -EFAULT },
		{ PROT_READ, 8, -EFAULT },
		{ PROT_WRITE, -EFAULT, 8 },
		{ PROT_EXEC, -EFAULT, -EFAULT },
		{ RW, 8, 8 },
	};

	space_write(&other, 4);
	for (size_t i = 0; i < NR(can); i++) {
		space_protect(&other, 4, 1, can[i].prot);
		ck_assert_int_eq(read_from(here, there).ret, can[i].read);
		ck_assert_int_eq(write_to(here, there).ret, can[i].write);
	}
}
END_TEST

START_TEST(a_stack_grows_for_its_owner_alone)
{
	static const struct op_iovec below[] = { RANGE(9, 0, 8) };
	static const struct op_iovec page[] = { RANGE(0, 0, 8) };

	space_mmap(&sp, 10, 1, RW, PRIVATE | MAP_FIXED | MAP_GROWSDOWN);
	space_mmap(&other, 10, 1, RW, PRIVATE | MAP_FIXED | MAP_GROWSDOWN);
	ck_assert_int_eq(read_from(page, below).ret, -EFAULT);
	ck_assert_int_eq(write_to(page, below).ret, -EFAULT);
	expect_space(&other, "AAAAAAAA..B");
	space_unmap(&sp, 0, 8);
	space_map(&sp, 0, 1, PROT_NONE);	/* no guard gap for these */
	space_write(&other, 0);
	ck_assert_int_eq(read_from(below, page).ret, 8);
	expect_space(&sp, "A........BB");
}
END_TEST

START_TEST(faults_count_for_the_caller)
{
	static const struct op_iovec here[] = { RANGE(0, 0, 8192) };
	static const struct op_iovec there[] = { RANGE(4, 0, 8192) };
	const uint64_t theirs = task_at(sp.m, space_task(&other))->min_flt;
	const uint64_t ours = task_at(sp.m, space_task(&sp))->min_flt;
	struct op_result res = read_from(here, there);

	ck_assert_uint_eq(res.minor, 4);	/* two zero pages, two written */
	ck_assert_uint_eq(space_page(&other, 4).pfn,
			  kernel_at(sp.m)->zero_pfn);
	ck_assert_uint_eq(write_to(here, there).minor, 2);
	ck_assert_uint_eq(space_mm(&other)->_anon_rss, 2);
	ck_assert_uint_eq(task_at(sp.m, space_task(&sp))->min_flt, ours + 6);
	ck_assert_uint_eq(task_at(sp.m, space_task(&other))->min_flt, theirs);
}
END_TEST

/* A frame that is held must not be one that the owner's next store leaves. */
START_TEST(a_shared_page_that_is_read_becomes_its_own)
{
	static const struct op_iovec here[] = { RANGE(0, 0, 8) };
	static const struct op_iovec there[] = { RANGE(4, 0, 8) };
	struct space child;
	pfn_t shared;

	put(&other, page_addr(4), "written");
	child = space_of(&sp, host_fork(sp.m, other.pid, 0));
	shared = space_page(&other, 4).pfn;
	space_write(&sp, 0);
	ck_assert_uint_eq(read_from(here, there).minor, 1);
	ck_assert_uint_ne(space_page(&other, 4).pfn, shared);
	ck_assert(!space_page(&other, 4).writable);
	ck_assert(!space_page(&other, 4).dirty);
	ck_assert_uint_eq(space_page(&child, 4).pfn, shared);
	ck_assert_uint_eq(read_from(here, there).minor, 0);
	/* the last one left keeps its frame, and its next store is a fault */
	ck_assert_uint_eq(copy(OP_PROCESS_VM_READV, child.pid, here, 1, there,
			       1).minor, 1);
	ck_assert_uint_eq(space_page(&child, 4).pfn, shared);
	ck_assert(!space_page(&child, 4).writable);
	ck_assert_uint_eq(host_touch(sp.m, child.pid, page_addr(4), 1,
				     ACCESS_WRITE).minor, 1);
	ck_assert_uint_eq(space_page(&child, 4).pfn, shared);
	ck_assert_str_eq(get(&sp, page_addr(0), 8), "written");
}
END_TEST

START_TEST(a_written_page_is_dirty_and_held_no_longer)
{
	static const struct op_iovec here[] = { RANGE(0, 0, 8) };
	static const struct op_iovec there[] = { RANGE(4, 0, 8) };
	pfn_t pfn;

	ck_assert_int_eq(write_to(here, there).ret, 8);
	pfn = space_page(&other, 4).pfn;
	ck_assert(page_has(sp.m, pfn, PG_dirty));
	ck_assert_int_eq(page_counts_at(sp.m, pfn)->_count, 1);
	ck_assert_int_eq(page_counts_at(sp.m, pfn)->_mapcount, 0);
}
END_TEST

/* Frames are taken hold of before the first byte moves: {1,024 at a time}. */
START_TEST(up_to_1024_pages_are_brought_in_first)
{
	const struct op_iovec local = RANGE(8, 0, 8);
	const struct op_iovec remote = { page_addr(0) + (1ULL << 30),
					 1100 * 4096ULL };

	host_mmap(sp.m, other.pid, remote.base, remote.len, RW,
		  PRIVATE | MAP_FIXED);
	ck_assert_int_eq(copy(OP_PROCESS_VM_READV, other.pid, &local, 1,
			      &remote, 1).ret, -EFAULT);
	ck_assert(space_page(&other, (1 << 18) + 1023).present);
	ck_assert(!space_page(&other, (1 << 18) + 1024).present);
}
END_TEST

#define FAR_UP 0xffff800000000000ULL

static const struct check {
	struct op_iovec local[2], remote[2];
	uint64_t nr_local, nr_remote;
	uint32_t pid;
	int64_t ret;
} checks[] = {
	/* local: their number, their signs, where they lie */
	{ { RANGE(0, 0, 8) }, { RANGE(1, 0, 8) }, 1025, 1025, 99, -EINVAL },
	{ { { FAR_UP, -1 }, { 0 } }, { RANGE(1, 0, 8) }, 1, 1025, 99, -EINVAL },
	{ { { FAR_UP, 0 } }, { RANGE(1, 0, 8) }, 1, 1025, 99, -EFAULT },
	{ { RANGE(0, 0, 8), { FAR_UP, 0 } }, { { 0, -1 } }, 2, 1, 99, -EFAULT },
	{ { { 0x7fffffffe000, 8192 } }, { { 0, -1 } }, 1, 1, 99, -EFAULT },
	{ { { ARENA, 1ULL << 62 } }, { RANGE(1, 0, 8) }, 1, 1, 2, 8 },
	{ { { ARENA, 1ULL << 62 }, { 0 } }, { RANGE(1, 0, 8) }, 2, 1, 2, -EFAULT },
	/* nothing to do is told before remote is looked at, then before pid */
	{ { { 0 } }, { { 0, -1 } }, 0, 1025, 99, 0 },
	{ { { 0, 0 } }, { { 0, -1 } }, 1, 1, 99, 0 },
	{ { RANGE(0, 0, 8) }, { { 0 } }, 1, 1025, 99, -EINVAL },
	{ { RANGE(0, 0, 8) }, { { 0, 8 }, { 0, -1 } }, 1, 2, 99, -EINVAL },
	{ { RANGE(0, 0, 8) }, { { FAR_UP, 0 } }, 1, 1, 99, 0 },
	{ { RANGE(0, 0, 8) }, { { 0 } }, 1, 0, 99, 0 },
	{ { RANGE(0, 0, 8) }, { { FAR_UP, 8 } }, 1, 1, 99, -ESRCH },
	{ { RANGE(0, 0, 8) }, { { FAR_UP, 8 } }, 1, 1, 2, -EFAULT },
	{ { RANGE(0, 0, 8) }, { { ~0ULL, 8 } }, 1, 1, 2, -EFAULT },
	{ { RANGE(0, 0, 8) }, { RANGE(1, 0, 8) }, 1, 1, 1, 8 },
};

START_TEST(checks_come_in_the_order_of_linux)
{
	static struct op_iovec local[1025], remote[1025];
	const struct check *c = &checks[_i];
	struct op_result res;

	if (host_arch != ARCH_X86_64)
		return;		/* the ends of its user space */
	memset(local, 0, sizeof(local));
	memset(remote, 0, sizeof(remote));
	memcpy(local, c->local, sizeof(c->local));
	memcpy(remote, c->remote, sizeof(c->remote));
	res = copy(OP_PROCESS_VM_READV, c->pid, local, c->nr_local, remote,
		   c->nr_remote);
	ck_assert_msg(res.ret == c->ret, "%lld: %s", (long long)res.ret,
		      res.why);
	ck_assert((res.why != NULL) == (c->ret < 0));
}
END_TEST

START_TEST(who_has_no_capability_may_not_look_at_who_has)
{
	static const struct op_iovec here[] = { RANGE(0, 0, 8) };
	const uint32_t root = host_spawn_as(sp.m, "root", true);
	struct op op;

	ck_assert_int_eq(copy(OP_PROCESS_VM_READV, root, here, 1, here, 1).ret,
			 -EPERM);
	host_mmap(sp.m, root, page_addr(0), 4096, RW, PRIVATE | MAP_FIXED);
	op = (struct op){
		.code = OP_PROCESS_VM_WRITEV, .pid = root, .iov = { here, 1 },
		.remote_iov = { here, 1 },
		.process_vm_writev.remote_pid = sp.pid,
	};
	ck_assert_int_eq(host_run(sp.m, &op).ret, 8);
}
END_TEST

START_TEST(the_vdso_can_be_read_and_its_data_cannot)
{
	struct op op = { .code = OP_SPAWN, .spawn.image = IMAGE_DEMO };
	const uint32_t demo = (uint32_t)host_run(sp.m, &op).ret;
	const struct op_iovec here = RANGE(0, 0, 8);
	const mm_ref mm = task_at(sp.m, mm_find_task(sp.m, demo))->mm;
	const uint64_t vdso = mm_at(sp.m, mm)->vdso;
	const struct op_iovec there = { vdso, 8 }, vvar = { vdso - 4096, 8 };

	ck_assert_int_eq(copy(OP_PROCESS_VM_READV, demo, &here, 1, &there,
			      1).ret, 8);
	ck_assert_int_eq(copy(OP_PROCESS_VM_WRITEV, demo, &here, 1, &there,
			      1).ret, -EFAULT);
	ck_assert_int_eq(copy(OP_PROCESS_VM_READV, demo, &here, 1, &vvar,
			      1).ret, -EFAULT);
}
END_TEST

Suite *suite_process_vm(void);
Suite *suite_process_vm(void)
{
	Suite *suite = suite_create("process_vm");
	TCase *tc = tcase_create("calls");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, bytes_are_gathered_there_and_scattered_here);
	tcase_add_test(tc, the_shorter_side_ends_it);
	tcase_add_test(tc, the_other_side_counts_in_pages);
	tcase_add_test(tc, our_side_counts_in_bytes);
	tcase_add_test(tc, permissions_of_the_mapping_hold);
	tcase_add_test(tc, a_stack_grows_for_its_owner_alone);
	tcase_add_test(tc, faults_count_for_the_caller);
	tcase_add_test(tc, a_shared_page_that_is_read_becomes_its_own);
	tcase_add_test(tc, a_written_page_is_dirty_and_held_no_longer);
	tcase_add_test(tc, up_to_1024_pages_are_brought_in_first);
	tcase_add_loop_test(tc, checks_come_in_the_order_of_linux, 0,
			    NR(checks));
	tcase_add_test(tc, who_has_no_capability_may_not_look_at_who_has);
	tcase_add_test(tc, the_vdso_can_be_read_and_its_data_cannot);
	suite_add_tcase(suite, tc);
	return suite;
}
