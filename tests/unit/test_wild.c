/* SPDX-License-Identifier: MIT */
/*
 * Wild pointers: each word of an object of each kind that lies in simulated RAM is made
 * wild in turn, and then everything is tried on that machine. It may be quarantined, or
 * serve on where the word was a counter; the daemon goes on, and its neighbour has felt
 * nothing.
 */
#include <check.h>
#include <string.h>
#include <sys/mman.h>

#include "mmcore/mm/mm.h"
#include "server/hosted.h"
#include "server/methods/guard.h"
#include "server/rpc.h"

#define AT	0x10000000ULL
#define RW	3u
#define PRIVATE_ANON 0x22u

static struct machines *all;
static struct rpc_error error;

static int64_t run(struct hosted *h, struct op op)
{
	static uint8_t bytes[PAGE_SIZE];
	struct op_result res;

	op.buf = bytes;
	return hosted_apply(h, &op, &res, NULL, &error) ? res.ret : -1000;
}

static int64_t map(struct hosted *h, uint64_t addr, int64_t fd, uint64_t flags)
{
	return run(h, (struct op){ .code = OP_MMAP, .pid = 1, .mmap = {
		addr, 8 * PAGE_SIZE, RW, flags, fd, 0 } });
}

static void fill(struct hosted *h, uint32_t pid, uint64_t addr)
{
	run(h, (struct op){ .code = OP_MEM_FILL, .pid = pid,
			    .mem_fill = { addr, 8 * PAGE_SIZE, 7 } });
}

/* Two processes, private and shared memory, a file, a memfd, a pipe with pages in it. */
static void furnish(struct hosted *h)
{
	static const uint8_t hello[5000] = "hello";

	run(h, (struct op){ .code = OP_FILE_CREATE, .path = "/d/f", .path_len = 4,
			    .data = hello, .data_len = sizeof(hello),
			    .file_create = { .size = 5 * PAGE_SIZE, .mode = 0644 } });
	run(h, (struct op){ .code = OP_SPAWN, .spawn = { .name = "init",
							 .image = IMAGE_DEMO } });
	run(h, (struct op){ .code = OP_OPEN, .pid = 1, .path = "/d/f", .path_len = 4,
			    .open = { 2, 0 } });
	run(h, (struct op){ .code = OP_MEMFD_CREATE, .pid = 1 });
	run(h, (struct op){ .code = OP_FTRUNCATE, .pid = 1,
			    .ftruncate = { 4, 8 * PAGE_SIZE } });
	run(h, (struct op){ .code = OP_PIPE, .pid = 1 });
	map(h, AT, -1, 0x10 | PRIVATE_ANON);
	map(h, AT + 0x100000, 3, 0x12);
	map(h, AT + 0x200000, 4, 0x11);
	fill(h, 1, AT);
	run(h, (struct op){ .code = OP_MEM_TOUCH, .pid = 1,
			    .mem_touch = { AT + 0x100000, 4 * PAGE_SIZE, 0 } });
	fill(h, 1, AT + 0x200000);
	run(h, (struct op){ .code = OP_SPLICE, .pid = 1,
			    .splice = { 3, 0, 6, NO_OFFSET, 2 * PAGE_SIZE, 0 } });
	run(h, (struct op){ .code = OP_FORK, .pid = 1 });
	fill(h, 2, AT);
}

static bool look(void *ctx)
{
	const struct machine *m = hosted_machine(ctx);
	char room[1 << 16];
	static const char *const paths[] = {
		"/proc/meminfo", "/proc/slabinfo", "/proc/buddyinfo", "/proc/1/maps",
		"/proc/1/smaps", "/proc/2/status", "/proc/2/stat", "/proc/1/fd",
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct mm_sink sink = { .buf = room, .cap = sizeof(room) };

		mm_proc_read(m, paths[i], &sink);
	}
	mm_check(m, NULL, NULL);
	return true;
}

static void use(struct hosted *h)
{
	hosted_read(h, look, h, &error);
	map(h, 0, -1, PRIVATE_ANON);
	fill(h, 1, AT);
	run(h, (struct op){ .code = OP_MEM_TOUCH, .pid = 2,
			    .mem_touch = { AT + 0x200000, 8 * PAGE_SIZE, 1 } });
	run(h, (struct op){ .code = OP_MPROTECT, .pid = 1,
			    .mprotect = { AT + PAGE_SIZE, PAGE_SIZE, 1 } });
	run(h, (struct op){ .code = OP_SPLICE, .pid = 1,
			    .splice = { 5, NO_OFFSET, 4, 0, 3 * PAGE_SIZE, 0 } });
	run(h, (struct op){ .code = OP_PREAD, .pid = 1,
			    .pread = { 3, PAGE_SIZE, 0, NO_BUFFER } });
	run(h, (struct op){ .code = OP_FSYNC, .pid = 1, .fsync = { 3 } });
	run(h, (struct op){ .code = OP_FTRUNCATE, .pid = 2, .ftruncate = { 3, 100 } });
	run(h, (struct op){ .code = OP_FORK, .pid = 2 });
	run(h, (struct op){ .code = OP_MREMAP, .pid = 2, .mremap = {
		AT, 8 * PAGE_SIZE, 16 * PAGE_SIZE, 1, 0 } });
	run(h, (struct op){ .code = OP_MUNMAP, .pid = 1,
			    .munmap = { AT, 0x300000 } });
	run(h, (struct op){ .code = OP_CLOSE, .pid = 1, .close = { 5 } });
	run(h, (struct op){ .code = OP_EXIT, .pid = 1 });
	run(h, (struct op){ .code = OP_EXIT, .pid = 2 });
	hosted_read(h, look, h, &error);
}

/* ---- the objects ---- */

enum kind { VMA, MM, ANON_VMA, TASK, FILES, FILE_, INODE, PIPE, KERNEL, PAGE_, NR_KINDS };

struct object {
	uint64_t pa, bytes;
};

static struct object find(const struct machine *m, enum kind kind)
{
	const task_ref t = mm_find_task(m, 1);
	const struct task_struct *task = task_at(m, t);
	const vma_ref vma = vma_lookup(m, task->mm, AT);
	const file_ref file = mm_fd_file(m, task->files, 3);

	switch (kind) {
	case VMA:
		return (struct object){ vma.pa, sizeof(struct vm_area_struct) };
	case MM:
		return (struct object){ task->mm.pa, sizeof(struct mm_struct) };
	case ANON_VMA:
		return (struct object){ vma_at(m, vma)->anon_vma.pa,
					sizeof(struct anon_vma) };
	case TASK:
		return (struct object){ t.pa, sizeof(struct task_struct) };
	case FILES:
		return (struct object){ task->files.pa, sizeof(struct files_struct) };
	case FILE_:
		return (struct object){ file.pa, sizeof(struct file) };
	case INODE:
		return (struct object){ file_at(m, file)->f_inode.pa,
					sizeof(struct inode) };
	case PIPE:
		return (struct object){ mm_pipe(m, t, 5).pa,
					sizeof(struct pipe_inode_info) };
	case KERNEL:
		return (struct object){ KERNEL_PA, sizeof(struct kernel) };
	default:	/* the page that is mapped at AT */
		return (struct object){ page_rest_pa(m, mm_pagemap_entry(m, task->mm,
					AT).pfn), sizeof(struct page_rest) };
	}
}

/* What a word may turn into. @self: its own address. */
static uint64_t wild(int nr, uint64_t self, const struct machine *m)
{
	switch (nr) {
	case 0:
		return 0;
	case 1:
		return self;			/* a ring of one */
	case 2:
		return ~0ULL;
	case 3:
		return m->ram_bytes - 8;	/* an object that ends behind RAM */
	case 4:
		return self & ~0xfffULL;	/* the head of a slab */
	case 5:
		return 20ULL << 32 | 20;	/* two small numbers, heights or counts */
	default:
		return KERNEL_PA + 13;		/* another kind of object, and crooked */
	}
}

#define NR_WILD 7

static void neighbour_is_served(struct hosted *other)
{
	ck_assert_int_eq(run(other, (struct op){ .code = OP_BRK, .pid = 1 }) > 0, 1);
	ck_assert(hosted_read(other, look, other, &error));
	ck_assert_ptr_null(hosted_read_only(other));
}

START_TEST(a_wild_word_costs_one_machine)
{
	struct machine_limits limits = machine_limits_default();
	struct mm_config config = mm_config_default();
	struct hosted *base, *other;
	int quarantined = 0, planted = 0;

	methods_guard();
	config.ram = 8ULL << 20;
	config.disk = 8ULL << 20;
	limits.walk_at_least = 1 << 16;
	all = machines_new(&limits);
	base = machines_create(all, "base", &config, &error);
	other = machines_create(all, "other", &config, &error);
	furnish(base);
	furnish(other);
	ck_assert(hosted_read(base, look, base, &error));
	for (uint64_t at = 0; at < find(&base->m, (enum kind)_i).bytes; at += 8) {
		for (int nr = 0; nr < NR_WILD; nr++) {
			struct hosted *h = hosted_fork(base, "h", false, 0, &error);
			struct object o;
			struct step s;

			ck_assert_msg(h, "%s", error.why);
			o = find(&h->m, (enum kind)_i);
			s = (struct step){ .m = &h->m };
			*(uint64_t *)ram_mut(&s, o.pa + at) =
				wild(nr, o.pa + at, &h->m);
			use(h);
			planted++;
			quarantined += hosted_read_only(h) != NULL;
			machines_destroy(h);
			machines_unlock(h);
		}
	}
	neighbour_is_served(other);
	ck_assert_int_gt(planted, 0);
	ck_assert_int_gt(quarantined, 0);
	machines_unlock(base);
	machines_unlock(other);
	machines_free(all);
}
END_TEST

static bool panics_with_lock(void *ctx)
{
	struct hosted *h = machines_lock(all, ctx, &error);

	ck_assert_ptr_nonnull(h);
	MM_ASSERT(!"planted");
	return true;
}

static bool looks_long(void *ctx)
{
	struct hosted *h = machines_lock(all, ctx, &error);

	ck_assert_ptr_nonnull(h);
	for (int i = 0; i < 100000; i++)
		mm_poll(hosted_machine(h), 1);
	machines_unlock(h);
	return true;
}

static bool look_guarded(void *ctx)
{
	return machines_guard(looks_long, ctx, "mm.maps", true, &error);
}

START_TEST(a_long_look_leaves_the_loop_and_comes_to_its_end_elsewhere)
{
	struct machine_limits limits = machine_limits_default();
	struct mm_config config = mm_config_default();
	struct hosted *h;

	config.ram = 32ULL << 20;
	all = machines_new(&limits);
	machines_unlock(machines_create(all, "a", &config, &error));
	ck_assert(!rpc_run(false, look_guarded, (void *)"a"));
	ck_assert_int_eq(error.code, RPC_DEFERRED);
	h = machines_lock(all, "a", &error);
	ck_assert_ptr_null(hosted_read_only(h));
	ck_assert_ptr_null(h->m.poll);
	machines_unlock(h);
	ck_assert(rpc_run(true, look_guarded, (void *)"a"));
	machines_free(all);
}
END_TEST

static bool runs_away(void *ctx)
{
	volatile const uint8_t *memory = hosted_machine(ctx)->ram;

	return memory[-(8L << 20)];	/* near a machine's memory, and nobody's */
}

START_TEST(a_method_that_panics_lets_go_of_its_machine)
{
	struct machine_limits limits = machine_limits_default();
	struct mm_config config = mm_config_default();
	struct hosted *h;

	methods_guard();
	config.ram = 32ULL << 20;
	all = machines_new(&limits);
	machines_unlock(machines_create(all, "a", &config, &error));
	machines_unlock(machines_create(all, "b", &config, &error));
	ck_assert(!machines_guard(panics_with_lock, (void *)"a", "mm.maps", true, &error));
	ck_assert_int_eq(error.code, RPC_INTERNAL_ERROR);
	ck_assert_ptr_nonnull(strstr(error.why, "mm.maps"));
	h = machines_lock(all, "a", &error);
	ck_assert_ptr_nonnull(h);
	ck_assert_ptr_nonnull(hosted_read_only(h));
	machines_unlock(h);
	h = machines_lock(all, "b", &error);
	ck_assert_ptr_null(hosted_read_only(h));
	machines_unlock(h);
	machines_free(all);
}
END_TEST

START_TEST(a_fault_near_a_machine_is_its_own)
{
	struct machine_limits limits = machine_limits_default();
	struct mm_config config = mm_config_default();
	struct hosted *h;
	uint8_t *hole;

	methods_guard();
	config.ram = 32ULL << 20;
	all = machines_new(&limits);
	h = machines_create(all, "a", &config, &error);
	hole = h->m.ram - (8L << 20);
	if (mmap(hole, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		 -1, 0) != hole)
		hole = NULL;	/* something is there, and may be read */
	if (hole) {
		ck_assert(!hosted_read(h, runs_away, h, &error));
		ck_assert_int_eq(error.code, RPC_INTERNAL_ERROR);
		ck_assert_ptr_nonnull(strstr(error.why, "can be accessed"));
		munmap(hole, 4096);
	}
	machines_unlock(h);
	machines_free(all);
}
END_TEST

Suite *suite_wild(void);
Suite *suite_wild(void)
{
	Suite *suite = suite_create("wild");
	TCase *tc = tcase_create("words");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, a_wild_word_costs_one_machine, 0, NR_KINDS);
	tcase_add_test(tc, a_method_that_panics_lets_go_of_its_machine);
	tcase_add_test(tc, a_fault_near_a_machine_is_its_own);
	tcase_add_test(tc, a_long_look_leaves_the_loop_and_comes_to_its_end_elsewhere);
	suite_add_tcase(suite, tc);
	return suite;
}
