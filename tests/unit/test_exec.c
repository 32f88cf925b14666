/* SPDX-License-Identifier: MIT */
/*
 * A process as spawn leaves it: where its areas lie, what its mm says of them,
 * what is on its stack. The addresses are those that Linux 6.18 gives without
 * address randomisation (setarch -R cat /proc/self/maps).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/kernel/task.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/files.h"
#include "tests/lib/program.h"
#include "tests/lib/space.h"

#define STACK_TOP 0x7ffffffff000ULL

static struct space sp;

static void setup(void)
{
	space_open(&sp);
}

static void teardown(void)
{
	space_close(&sp);
}

static struct op spawn_op(uint32_t image)
{
	struct op op = { .code = OP_SPAWN };

	memcpy(op.spawn.name, "prog", 5);
	op.spawn.image = image;
	return op;
}

/* The new process as a space of its own. */
static struct space spawn(const struct op *op)
{
	const int64_t pid = host_run(sp.m, op).ret;

	ck_assert_int_gt(pid, 0);
	return space_of(&sp, pid);
}

static struct space demo(void)
{
	const struct op op = spawn_op(IMAGE_DEMO);

	return spawn(&op);
}

static void expect_maps(const struct space *who, const char *expected)
{
	char path[32], *text;

	snprintf(path, sizeof(path), "/proc/%u/maps", who->pid);
	text = host_proc(sp.m, path);
	ck_assert_str_eq(text, expected);
	free(text);
}

#define NAMED(columns, name) columns "                          " name "\n"
#define VSYSCALL "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 " \
		 "                 [vsyscall]\n"

START_TEST(an_empty_image_is_a_stack_of_132_kib)
{
	expect_maps(&sp,
		NAMED("7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0", "[stack]")
		VSYSCALL);
	ck_assert_uint_eq(space_mm(&sp)->stack_vm, 33);
	ck_assert_uint_eq(space_mm(&sp)->total_vm, 33);
	ck_assert_uint_eq(space_committed(&sp), 33);
	ck_assert_uint_eq(space_mm(&sp)->start_brk, space_mm(&sp)->brk);
}
END_TEST

START_TEST(the_demo_is_a_small_static_program)
{
	const struct space who = demo();

	expect_maps(&who,
		"00400000-00401000 r--p 00000000 08:01 12 "
		"                                /demo\n"
		"00401000-00403000 r-xp 00001000 08:01 12 "
		"                                /demo\n"
		"00403000-00404000 r--p 00003000 08:01 12 "
		"                                /demo\n"
		"00404000-00405000 rw-p 00004000 08:01 12 "
		"                                /demo\n"
		"00405000-00406000 rw-p 00000000 00:00 0 \n"
		"00406000-00427000 rw-p 00000000 00:00 0 "
		"                                 [heap]\n"
		NAMED("7ffff7ff7000-7ffff7ffb000 r--p 00000000 00:00 0", "[vvar]")
		NAMED("7ffff7ffb000-7ffff7ffd000 r--p 00000000 00:00 0", "[vvar_vclock]")
		NAMED("7ffff7ffd000-7ffff7fff000 r-xp 00000000 00:00 0", "[vdso]")
		NAMED("7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0", "[stack]")
		VSYSCALL);
	ck_assert_int_eq(space_mm(&who)->map_count, 10);
}
END_TEST

START_TEST(code_data_and_heap_are_where_the_mm_says)
{
	const struct space who = demo();
	const struct mm_struct *mm = space_mm(&who);

	ck_assert_uint_eq(mm->start_code, 0x401000);
	ck_assert_uint_gt(mm->end_code, mm->start_code);
	ck_assert_uint_le(mm->end_code, 0x403000);
	ck_assert_uint_eq(mm->start_data, 0x404000);
	ck_assert_uint_gt(mm->end_data, mm->start_data);
	ck_assert_uint_le(mm->end_data, mm->start_brk);
	ck_assert_uint_eq(mm->start_brk, 0x406000);
	ck_assert_uint_eq(mm->brk, 0x427000);
	ck_assert_uint_eq(mm->vdso, 0x7ffff7ffd000);
	ck_assert_uint_eq(mm->task_size, STACK_TOP);
	/* the classes of the areas above */
	ck_assert_uint_eq(mm->exec_vm, 2 + 2);
	ck_assert_uint_eq(mm->data_vm, 2 + 33);
	ck_assert_uint_eq(mm->stack_vm, 33);
	ck_assert_uint_eq(mm->total_vm, 1 + 2 + 1 + 2 + 33 + 8 + 33);
	/* private and writable */
	ck_assert_uint_eq(space_committed(&sp), 33 + 2 + 33 + 33);
}
END_TEST

static void read_bytes(const struct space *who, uint64_t at, void *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)to)[i] = host_load(who->m, who->pid, at + i);
}

/* As the psABI has it: argc, argv, NULL, envp; the strings at the top. */
START_TEST(the_stack_begins_with_argc_and_argv)
{
	const struct space who = demo();
	const struct mm_struct *mm = space_mm(&who);
	char name[16] = { 0 };
	uint64_t words[4];

	ck_assert_uint_eq(mm->start_stack % 16, 0);
	ck_assert_uint_le(mm->start_stack + sizeof(words), mm->arg_start);
	ck_assert_uint_lt(mm->arg_start, mm->arg_end);
	ck_assert_uint_le(mm->arg_end, mm->env_start);
	ck_assert_uint_eq(mm->env_start, mm->env_end);
	ck_assert_uint_lt(mm->env_end, STACK_TOP);
	read_bytes(&who, mm->start_stack, words, sizeof(words));
	ck_assert_uint_eq(words[0], 1);
	ck_assert_uint_eq(words[1], mm->arg_start);
	ck_assert_uint_eq(words[2], 0);
	ck_assert_uint_eq(words[3], 0);
	read_bytes(&who, words[1], name, mm->arg_end - mm->arg_start);
	ck_assert_uint_eq(strlen(name) + 1, mm->arg_end - mm->arg_start);
	ck_assert_str_eq(name, "/demo");
	/* binfmt_elf: the last 8 bytes are zero, the file name is below */
	read_bytes(&who, STACK_TOP - 8, words, 8);
	ck_assert_uint_eq(words[0], 0);
	read_bytes(&who, STACK_TOP - 8 - 6, name, 6);
	ck_assert_str_eq(name, "/demo");
}
END_TEST

/*
 * The search begins the stack's limit and its guard gap of 1 MiB below the top,
 * at least 128 MiB, at most 5/6 of all. {setarch -R with ulimit -s}: the highest
 * area of cat ended at 7ffff7fff000 for 8 and 64 MiB, 7fffbfeff000 for 1 GiB,
 * 155555556000 without a limit, where mmap_base is.
 */
static const struct {
	uint64_t soft, base;
} stack_limits[] = {
	{ 8ULL << 20, 0x7ffff7fff000 },
	{ 64ULL << 20, 0x7ffff7fff000 },
	{ 127ULL << 20, 0x7ffff7fff000 },
	{ 128ULL << 20, 0x7ffff7eff000 },
	{ 1ULL << 30, 0x7fffbfeff000 },
	{ RLIM_INFINITY, 0x155555556000 },
};

START_TEST(the_stacks_limit_moves_the_base_of_the_mappings)
{
	struct op op = spawn_op(IMAGE_NONE);
	struct space who;

	op.spawn.rlimit_set = 1u << RLIMIT_STACK;
	op.spawn.rlim[RLIMIT_STACK].soft = stack_limits[_i].soft;
	op.spawn.rlim[RLIMIT_STACK].hard = RLIM_INFINITY;
	who = spawn(&op);
	ck_assert_uint_eq(space_mm(&who)->mmap_base, stack_limits[_i].base);
	ck_assert_int_eq(host_mmap(sp.m, who.pid, 0, PAGE_SIZE, RW, PRIVATE),
			 (int64_t)(stack_limits[_i].base - PAGE_SIZE));
}
END_TEST

START_TEST(limits_are_a_logins_but_for_those_given)
{
	struct op op = spawn_op(IMAGE_NONE);
	const struct task_struct *task;
	struct space who;

	op.spawn.rlimit_set = 1u << RLIMIT_AS | 1u << RLIMIT_MEMLOCK;
	op.spawn.rlim[RLIMIT_AS].soft = 1 << 20;
	op.spawn.rlim[RLIMIT_AS].hard = 2 << 20;
	op.spawn.rlim[RLIMIT_DATA].soft = 1;	/* not said to be set */
	who = spawn(&op);
	task = task_at(sp.m, space_task(&who));
	ck_assert_uint_eq(task->rlim[RLIMIT_AS].rlim_cur, 1 << 20);
	ck_assert_uint_eq(task->rlim[RLIMIT_AS].rlim_max, 2 << 20);
	ck_assert_uint_eq(task->rlim[RLIMIT_MEMLOCK].rlim_cur, 0);
	ck_assert_uint_eq(task->rlim[RLIMIT_DATA].rlim_cur, RLIM_INFINITY);
	ck_assert_uint_eq(task->rlim[RLIMIT_STACK].rlim_cur, 8 << 20);
	ck_assert_int_eq(host_mmap(sp.m, who.pid, 0, 1 << 20, RW, PRIVATE),
			 -ENOMEM);
}
END_TEST

START_TEST(a_process_has_three_descriptors_and_nobody_for_a_parent)
{
	const struct space who = demo();
	const struct task_struct *task = task_at(sp.m, space_task(&who));
	const files_ref files = task->files;

	ck_assert_str_eq(task->comm, "prog");
	ck_assert_int_eq(task->ppid, 0);
	ck_assert_uint_eq(task->flags, 0);
	ck_assert_int_eq(files_at(sp.m, files)->count, 1);
	for (int fd = 0; fd < 3; fd++)
		ck_assert_uint_eq(file_at(sp.m, mm_fd_file(sp.m, files,
				  (uint32_t)fd))->f_op, FILE_OPS_NULL);
	ck_assert(file_none(mm_fd_file(sp.m, files, 3)));
}
END_TEST

/* ---- the kernel's own pages ---- */

static pfn_t touched(const struct space *who, uint64_t addr,
		     enum access_kind kind)
{
	const mm_ref mm = task_at(sp.m, space_task(who))->mm;

	ck_assert_int_eq(host_touch(sp.m, who->pid, addr, 1, kind).outcome,
			 OUT_OK);
	return mm_pagemap_entry(sp.m, mm, addr).pfn;
}

START_TEST(all_processes_map_the_same_vdso)
{
	const struct space a = demo(), b = demo();
	const uint64_t vdso = space_mm(&a)->vdso;

	for (uint64_t addr = vdso - 6 * PAGE_SIZE; addr < vdso + 2 * PAGE_SIZE;
	     addr += PAGE_SIZE)
		ck_assert_uint_eq(touched(&a, addr, ACCESS_READ),
				  touched(&b, addr, ACCESS_READ));
	ck_assert_uint_ne(touched(&a, vdso, ACCESS_EXEC),
			  touched(&a, vdso + PAGE_SIZE, ACCESS_EXEC));
	/* the code counts as pages of a file, the data not at all */
	ck_assert_uint_eq(space_mm(&a)->_file_rss, 2);
	/* the stack's page, and that with the end of the data */
	ck_assert_uint_eq(space_mm(&a)->_anon_rss, 2);
}
END_TEST

START_TEST(the_vdso_is_not_written_and_not_cut)
{
	const struct space who = demo();
	const uint64_t vdso = space_mm(&who)->vdso;
	struct op_result res;

	res = host_touch(sp.m, who.pid, vdso, 1, ACCESS_WRITE);
	ck_assert_int_eq(res.si_code, SEGV_ACCERR);
	res = host_touch(sp.m, who.pid, vdso - PAGE_SIZE, 1, ACCESS_EXEC);
	ck_assert_int_eq(res.si_code, SEGV_ACCERR);
	/* {mremap.63} */
	ck_assert_int_eq(host_munmap(sp.m, who.pid, vdso, PAGE_SIZE), -EINVAL);
	ck_assert_int_eq(host_munmap(sp.m, who.pid, vdso, 2 * PAGE_SIZE), 0);
}
END_TEST

/* ---- refusals ---- */

START_TEST(without_ram_for_all_of_it_there_is_no_process)
{
	const struct op op = spawn_op(IMAGE_DEMO);
	struct host_totals before, after;
	uint64_t refused = 0;
	int64_t pid = -ENOMEM;

	/* The other process has taken all frames and gives them back singly. */
	space_sysctl(&sp, SYSCTL_overcommit_memory, 1);
	host_mmap(sp.m, sp.pid, ARENA, 128 << 20, RW, PRIVATE | MAP_FIXED);
	ck_assert_int_ne(host_touch(sp.m, sp.pid, ARENA, 128 << 20,
				    ACCESS_WRITE).outcome, OUT_OK);
	for (unsigned int n = 0; pid < 0; n++) {
		ck_assert_uint_lt(n, 40);
		before = host_totals(sp.m);
		pid = host_run(sp.m, &op).ret;
		if (pid > 0)
			break;
		refused++;
		ck_assert_int_eq(pid, -ENOMEM);
		after = host_totals(sp.m);
		after.free_pages += before.objects[CACHE_FILE] !=
				    after.objects[CACHE_FILE];
		before.objects[CACHE_FILE] = after.objects[CACHE_FILE];
		ck_assert_mem_eq(&after, &before, sizeof(after));
		host_check(sp.m);
		space_unmap(&sp, n, 1);
	}
	ck_assert_uint_ge(refused, 3);
	ck_assert_int_eq(pid, sp.pid + 1);
}
END_TEST

START_TEST(strict_overcommit_refuses_a_process_too_many)
{
	const struct op op = spawn_op(IMAGE_DEMO);
	struct host_totals before, after;
	struct op_result res;

	space_sysctl(&sp, SYSCTL_overcommit_kbytes, 4);
	space_sysctl(&sp, SYSCTL_overcommit_memory, 2);
	before = host_totals(sp.m);
	res = host_run(sp.m, &op);
	ck_assert_int_eq(res.ret, -ENOMEM);
	ck_assert_ptr_nonnull(strstr(res.why, "CommitLimit"));
	after = host_totals(sp.m);
	ck_assert_mem_eq(&after, &before, sizeof(after));
}
END_TEST

START_TEST(a_spawn_that_makes_no_sense_is_not_run)
{
	struct op op = spawn_op(IMAGE_DEMO);
	const uint64_t digest = host_digest(sp.m);
	struct op_result res;

	op.spawn.image = IMAGE_NONE + 1;
	ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL), MM_BAD_OPERATION);
	op = spawn_op(IMAGE_DEMO);
	memset(op.spawn.name, 'x', sizeof(op.spawn.name));
	ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL), MM_BAD_OPERATION);
	ck_assert_uint_eq(host_digest(sp.m), digest);
	op.spawn.name[sizeof(op.spawn.name) - 1] = 0;
	ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL), MM_OK);
}
END_TEST

START_TEST(after_the_last_pid_nobody_is_spawned)
{
	const struct op op = spawn_op(IMAGE_NONE);
	struct host_step hs;
	uint64_t digest;

	host_step_init(&hs, sp.m, 0);
	kernel_mut(&hs.s)->last_pid = MAX_PID;
	digest = host_digest(sp.m);
	ck_assert_int_eq(host_run(sp.m, &op).ret, -EAGAIN);
	ck_assert_uint_eq(host_digest(sp.m), digest);
}
END_TEST

/* ---- another program in the same process ---- */

static struct op_result exec(struct space *who, struct program *p)
{
	const struct op op = program_op(p, who->pid);

	return host_run(sp.m, &op);
}

static void make_executable(const char *path, uint64_t mode)
{
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_FILE_CREATE,
		.path = path, .path_len = strlen(path),
		.file_create = { 0x4000, mode, false } }).ret, 0);
}

START_TEST(exec_is_another_program_in_the_same_process)
{
	struct space who = demo();
	const uint32_t pid = who.pid;
	struct program p;
	int64_t fd;

	make_executable("/a-program-with-a-long-name", 0755);
	fd = fs_open(&who, "/dev/zero", O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(fs_open(&who, "/dev/zero", O_RDWR), fd + 1);
	program_begin(&p, "/a-program-with-a-long-name", "");
	program_argument(&p, "name");
	ck_assert_int_eq(exec(&who, &p).ret, 0);
	ck_assert_uint_eq(who.pid, pid);
	ck_assert_str_eq(task_at(sp.m, space_task(&who))->comm,
			 "a-program-with-");
	ck_assert_int_eq(fs_op(&who, (struct op){ .code = OP_CLOSE,
						  .close = { fd } }).ret, -EBADF);
	ck_assert_int_eq(fs_op(&who, (struct op){ .code = OP_CLOSE,
						  .close = { fd + 1 } }).ret, 0);
	/* The demo is nobody's any more, and the tables of its space are free. */
	host_check(sp.m);
	ck_assert_uint_eq(mm_file_info(sp.m, (uint64_t)
		mm_file_find(sp.m, "/demo", 5)).count, 0);
	ck_assert_uint_eq(space_mm(&who)->start_code, 0x400000);
	program_end(&p);
}
END_TEST

START_TEST(a_childs_exec_gives_the_parent_its_space_back)
{
	struct program p;
	struct space child;

	make_executable("/p", 0755);
	child = space_of(&sp, host_fork(sp.m, sp.pid, CLONE_VM | CLONE_VFORK));
	ck_assert(task_at(sp.m, space_task(&child))->flags & PF_VFORK);
	program_begin(&p, "/p", "");
	program_argument(&p, "p");
	ck_assert_int_eq(exec(&child, &p).ret, 0);
	ck_assert(!(task_at(sp.m, space_task(&child))->flags & PF_VFORK));
	ck_assert_int_eq(space_mm(&sp)->mm_users, 1);
	ck_assert_int_eq(space_mm(&child)->mm_users, 1);
	program_end(&p);
}
END_TEST

/* do_open_execat() */
static const struct {
	const char *path, *interp;
	int64_t err;
} refused_files[] = {
	{ "/no", "", -ENOENT },
	{ "/plain", "", -EACCES },
	{ "/tmp", "", -EACCES },
	{ "/dev/null", "", -EACCES },
	{ "/p", "/no", -ENOENT },
	{ "/p", "/plain", -EACCES },
};

START_TEST(a_file_that_cannot_be_executed_leaves_the_old_program)
{
	const struct exec_segment seg = { .filesz = 0x1000, .memsz = 0x1000,
					  .align = 0x1000, .prot = PROT_READ };
	struct space who = demo();
	struct program p;

	make_executable("/p", 0755);
	make_executable("/plain", 0644);
	for (size_t i = 0; i < sizeof(refused_files) / sizeof(refused_files[0]);
	     i++) {
		const uint64_t digest = host_digest(sp.m);

		program_begin(&p, refused_files[i].path, refused_files[i].interp);
		if (*refused_files[i].interp)
			program_segment(&p, &seg, true);
		program_argument(&p, "p");
		ck_assert_int_eq(exec(&who, &p).ret, refused_files[i].err);
		ck_assert_uint_eq(host_digest(sp.m), digest);
		program_end(&p);
	}
	ck_assert_uint_eq(space_mm(&who)->start_code, 0x401000);
}
END_TEST

/* Behind the program's first segment, and not to be mapped. */
static const struct exec_segment bad_segments[] = {
	{ 0x7fffffffe000, 0, 0x1000, 0x3000, 0x1000, PROT_READ },	/* too far */
	{ 0x402010, 0x2000, 0x1000, 0x1000, 0x1000, PROT_READ },	/* askew */
	{ 0x402000, 0x2000, 0x1000, 0x0800, 0x1000, PROT_READ },	/* cut */
};

/* Too late for an errno: Linux kills; here the old program could go on. */
START_TEST(a_program_that_cannot_be_mapped_is_killed)
{
	struct space who = demo();
	struct host_totals before, after;
	struct op_result res;
	struct program p;

	make_executable("/p", 0755);
	program_begin(&p, "/p", "");
	program_segment(&p, &bad_segments[_i], false);
	program_argument(&p, "p");
	before = host_totals(sp.m);
	res = exec(&who, &p);
	ck_assert_int_eq(res.outcome, OUT_SIGNAL);
	ck_assert_int_eq(res.signo, SIGSEGV);
	ck_assert_uint_eq(space_mm(&who)->start_code, 0x401000);
	ck_assert_str_eq(task_at(sp.m, space_task(&who))->comm, "prog");
	after = host_totals(sp.m);
	/* What was read of the file stays, as after any read. */
	after.free_pages = before.free_pages;
	after.file_pages = before.file_pages;
	for (int cache = 0; cache < NR_KMEM_CACHES; cache++)
		if (cache == CACHE_INODE || cache == CACHE_NAME ||
		    cache == CACHE_RADIX)
			after.objects[cache] = before.objects[cache];
	ck_assert_mem_eq(&after, &before, sizeof(after));
	program_end(&p);
}
END_TEST

/* The break follows the highest segment, though the file has nothing of it. */
START_TEST(the_heap_begins_behind_memory_without_a_file)
{
	const struct exec_segment bss = { 0x401000, 0x1000, 0, 0x3000, 0x1000,
					  RW };
	struct space who = demo();
	struct program p;

	make_executable("/p", 0755);
	program_begin(&p, "/p", "");
	program_segment(&p, &bss, false);
	program_argument(&p, "p");
	ck_assert_int_eq(exec(&who, &p).ret, 0);
	ck_assert_uint_eq(space_mm(&who)->start_brk, 0x404000);
	ck_assert_uint_eq(host_load(sp.m, who.pid, 0x403fff), 0);
	program_end(&p);
}
END_TEST

/* execve() of /bin/true with an empty environment, Linux 6.18. */
static const struct {
	uint64_t stack;		/* RLIMIT_STACK, KiB */
	unsigned int nr, len;	/* arguments behind argv[0], bytes of each */
	int64_t err;
} arguments[] = {
	{ 64, 1, 10, 0 },
	{ 64, 1, 40000, 0 },
	{ 64, 1, 100000, -E2BIG },
	{ 64, 2, 65000, -E2BIG },
	{ 256, 1, 100000, 0 },
	{ 256, 1, 131071, -E2BIG },
	{ 256, 2, 65000, 0 },
	{ 256, 1000, 120, 0 },
	{ 256, 3, 100000, -E2BIG },
	{ 1024, 1, 131071, 0 },
	{ 1024, 1, 131072, -E2BIG },
	{ 1024, 3, 100000, -E2BIG },
	{ 1024, 60000, 20, -E2BIG },
	{ 8192, 1, 131071, 0 },
	{ 8192, 1, 131072, -E2BIG },
	{ 8192, 60000, 20, 0 },
	{ 8192, 20, 100000, 0 },
	{ 8192, 30, 100000, -E2BIG },
	{ 8192, 209000, 1, 0 },		/* their pointers count as well */
	{ 8192, 212000, 1, -E2BIG },
	{ 65536, 30, 100000, 0 },
	{ 65536, 62, 100000, 0 },
	{ 65536, 63, 100000, -E2BIG },
};

START_TEST(arguments_may_take_a_quarter_of_the_stack)
{
	struct op op = spawn_op(IMAGE_NONE);
	struct space who;
	struct program p;
	char *text = malloc(arguments[_i].len + 1);

	make_executable("/bin/true", 0755);
	op.spawn.rlimit_set = 1u << RLIMIT_STACK;
	op.spawn.rlim[RLIMIT_STACK].soft = arguments[_i].stack << 10;
	op.spawn.rlim[RLIMIT_STACK].hard = arguments[_i].stack << 10;
	who = spawn(&op);
	memset(text, 'a', arguments[_i].len);
	text[arguments[_i].len] = '\0';
	program_begin(&p, "/bin/true", "");
	program_argument(&p, "t");
	for (unsigned int i = 0; i < arguments[_i].nr; i++)
		program_argument(&p, text);
	ck_assert_int_eq(exec(&who, &p).ret, arguments[_i].err);
	program_end(&p);
	free(text);
}
END_TEST

/* An operation whose bytes are no image is not run at all. */
START_TEST(an_image_says_what_it_holds)
{
	struct op_result res;
	struct program p;
	struct op op;

	make_executable("/p", 0755);
	program_begin(&p, "/p", "");
	program_argument(&p, "p");
	program_variable(&p, "A=1");
	op = program_op(&p, sp.pid);
	op.data_len--;
	ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL), MM_BAD_OPERATION);
	p.head.envc = 0;	/* a string that nobody counts */
	op = program_op(&p, sp.pid);
	ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL), MM_BAD_OPERATION);
	p.head.envc = 2;
	op = program_op(&p, sp.pid);
	ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL), MM_BAD_OPERATION);
	p.head.envc = 1;
	program_variable(&p, "B=2");
	p.head.envc = 1;
	op = program_op(&p, sp.pid);
	ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL), MM_BAD_OPERATION);
	p.head.envc = 2;
	op = program_op(&p, sp.pid);
	ck_assert_int_eq(mm_step(sp.m, &op, &res, NULL), MM_OK);
	program_end(&p);
}
END_TEST

/* ---- what the program finds on its stack ---- */

static uint64_t auxv(const struct space *who, uint64_t type)
{
	const uint64_t *pair = space_mm(who)->saved_auxv;

	while (pair[0] != type && pair[0])
		pair += 2;
	ck_assert_uint_eq(pair[0], type);
	return pair[1];
}

static void expect_string(const struct space *who, uint64_t at, const char *text)
{
	char read[64];

	ck_assert_uint_lt(strlen(text), sizeof(read));
	read_bytes(who, at, read, strlen(text) + 1);
	ck_assert_str_eq(read, text);
}

#define AT_PHDR		3
#define AT_BASE		7
#define AT_ENTRY	9
#define AT_UID		11
#define AT_EXECFN	31

START_TEST(the_vectors_lead_to_arguments_headers_and_interpreter)
{
	const struct exec_segment seg = { 0, 0, 0x1000, 0x1000, 0x1000,
					  PROT_READ | PROT_EXEC };
	struct space who = demo();
	struct program p;
	uint64_t words[8];

	make_executable("/p", 0755);
	make_executable("/ld", 0755);
	program_begin(&p, "/p", "/ld");
	program_segment(&p, &seg, true);
	p.head.interp.pie = 1;
	program_argument(&p, "first");
	program_argument(&p, "second one");
	program_variable(&p, "A=1");
	program_variable(&p, "B=22");
	ck_assert_int_eq(exec(&who, &p).ret, 0);
	read_bytes(&who, space_mm(&who)->start_stack, words, sizeof(words));
	ck_assert_uint_eq(space_mm(&who)->start_stack % 16, 0);
	ck_assert_uint_eq(words[0], 2);
	expect_string(&who, words[1], "first");
	expect_string(&who, words[2], "second one");
	ck_assert_uint_eq(words[3], 0);
	expect_string(&who, words[4], "A=1");
	expect_string(&who, words[5], "B=22");
	ck_assert_uint_eq(words[6], 0);
	ck_assert_uint_eq(words[7], 33);	/* AT_SYSINFO_EHDR */
	expect_string(&who, auxv(&who, AT_EXECFN), "/p");
	ck_assert_uint_eq(auxv(&who, AT_PHDR), 0x400040);
	ck_assert_uint_eq(auxv(&who, AT_ENTRY), 0x400100);
	ck_assert_uint_eq(auxv(&who, AT_UID), 1000);
	/* Fixed addresses: no heap in the way, so the interpreter is on top. */
	ck_assert_uint_eq(auxv(&who, AT_BASE), 0x7ffff7ffe000);
	program_end(&p);
}
END_TEST

/* Headers that lie in a later segment are where that one is. */
START_TEST(the_headers_are_where_their_segment_is)
{
	const struct exec_segment seg = { 0x402000, 0x2000, 0x1000, 0x1000,
					  0x1000, PROT_READ };
	struct space who = demo();
	struct program p;

	make_executable("/p", 0755);
	program_begin(&p, "/p", "");
	program_segment(&p, &seg, false);
	p.head.program.phdr_offset = 0x2040;
	program_argument(&p, "p");
	ck_assert_int_eq(exec(&who, &p).ret, 0);
	ck_assert_uint_eq(auxv(&who, AT_PHDR), 0x402040);
	program_end(&p);
}
END_TEST

START_TEST(a_capable_process_is_root)
{
	struct op op = spawn_op(IMAGE_DEMO);
	struct space who;

	op.spawn.privileged = true;
	who = spawn(&op);
	ck_assert_uint_eq(auxv(&who, AT_UID), 0);
}
END_TEST

Suite *suite_exec(void);
Suite *suite_exec(void)
{
	Suite *suite = suite_create("exec");
	TCase *t = tcase_create("exec");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_empty_image_is_a_stack_of_132_kib);
	tcase_add_test(t, the_demo_is_a_small_static_program);
	tcase_add_test(t, code_data_and_heap_are_where_the_mm_says);
	tcase_add_test(t, the_stack_begins_with_argc_and_argv);
	tcase_add_loop_test(t, the_stacks_limit_moves_the_base_of_the_mappings, 0,
			    sizeof(stack_limits) / sizeof(stack_limits[0]));
	tcase_add_test(t, limits_are_a_logins_but_for_those_given);
	tcase_add_test(t, a_process_has_three_descriptors_and_nobody_for_a_parent);
	tcase_add_test(t, all_processes_map_the_same_vdso);
	tcase_add_test(t, the_vdso_is_not_written_and_not_cut);
	tcase_add_test(t, without_ram_for_all_of_it_there_is_no_process);
	tcase_add_test(t, strict_overcommit_refuses_a_process_too_many);
	tcase_add_test(t, a_spawn_that_makes_no_sense_is_not_run);
	tcase_add_test(t, after_the_last_pid_nobody_is_spawned);
	tcase_add_test(t, exec_is_another_program_in_the_same_process);
	tcase_add_test(t, a_childs_exec_gives_the_parent_its_space_back);
	tcase_add_test(t, a_file_that_cannot_be_executed_leaves_the_old_program);
	tcase_add_loop_test(t, a_program_that_cannot_be_mapped_is_killed, 0,
			    sizeof(bad_segments) / sizeof(bad_segments[0]));
	tcase_add_test(t, the_heap_begins_behind_memory_without_a_file);
	tcase_add_loop_test(t, arguments_may_take_a_quarter_of_the_stack, 0,
			    sizeof(arguments) / sizeof(arguments[0]));
	tcase_add_test(t, an_image_says_what_it_holds);
	tcase_add_test(t, the_vectors_lead_to_arguments_headers_and_interpreter);
	tcase_add_test(t, the_headers_are_where_their_segment_is);
	tcase_add_test(t, a_capable_process_is_root);
	suite_add_tcase(suite, t);
	return suite;
}
