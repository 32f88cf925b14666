/* SPDX-License-Identifier: MIT */
/* The simulated side: deeds through mm_step(), answers from its /proc. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/uapi.h"
#include "tests/lib/host.h"
#include "tests/oracle/sides.h"

#define USER_MAX 0x7ffffffff000ULL
#define MAX_ACCESS (1 << 16)	/* bytes of one read or write */

struct simulated {
	struct machine *machine;
	struct inodes inodes;
	uint64_t base_min_flt;	/* of pid 1, when the stage was set */
	bool names;		/* there were deeds about names */
	uint8_t bytes[MAX_ACCESS];
};

/* The stub page, made as the puppet makes its own. */
static void make_stub(struct machine *m)
{
	host_mmap(m, 1, STUB_ADDR, STUB_LEN, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED);
	host_touch(m, 1, STUB_ADDR, 1, ACCESS_WRITE);
	host_mprotect(m, 1, STUB_ADDR, STUB_LEN, PROT_READ | PROT_EXEC);
}

static void set_read_ahead(struct machine *m, uint64_t kb)
{
	struct op op = { .code = OP_SYSCTL };

	op.sysctl = (struct op_sysctl){ SYSCTL_read_ahead_kb, kb };
	host_run(m, &op);
}

static void create(struct machine *m, const char *path, size_t len)
{
	struct op op = { .code = OP_FILE_CREATE, .path = path,
			 .path_len = strlen(path) };
	uint8_t bytes[ORACLE_FILE_BYTES];

	for (uint64_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = pattern_byte(i);
	op.data = bytes;
	op.data_len = len;
	op.file_create.mode = 0644;
	host_run(m, &op);
}

/* All of ORACLE_FILE comes into the page cache; the stub page keeps the tables. */
static void cache_file(struct machine *m)
{
	struct op op = { .code = OP_OPEN, .pid = 1, .path = ORACLE_FILE,
			 .path_len = strlen(ORACLE_FILE) };
	const int64_t fd = host_run(m, &op).ret;
	const uint64_t addr = STUB_ADDR + STUB_LEN;

	op = (struct op){ .code = OP_MMAP, .pid = 1 };
	op.mmap = (struct op_mmap){ addr, ORACLE_FILE_BYTES, PROT_READ,
				    MAP_SHARED | MAP_POPULATE | MAP_FIXED, fd, 0 };
	host_run(m, &op);
	op = (struct op){ .code = OP_MUNMAP, .pid = 1 };
	op.munmap = (struct op_munmap){ addr, ORACLE_FILE_BYTES };
	host_run(m, &op);
	op = (struct op){ .code = OP_CLOSE, .pid = 1 };
	op.close.fd = fd;
	host_run(m, &op);
}

/* What scratch_make() makes; an empty folder is what is left of a file in it. */
static void make_files(struct machine *m)
{
	struct op op = { .code = OP_UNLINK, .pid = 1, .path = "d/f",
			 .path_len = 3 };

	create(m, ORACLE_FILE, ORACLE_FILE_BYTES);
	cache_file(m);
	create(m, "d/f", 0);
	host_run(m, &op);
}

static void tell_sizes(const struct machine *m, struct answer *a)
{
	for (int i = 0; i < NR_ORACLE_FILES; i++) {
		const char *path = oracle_paths[i];
		const int64_t ino = mm_file_find(m, path, strlen(path));
		struct mm_file_info info;

		if (ino < 0)
			continue;
		info = mm_file_info(m, (uint64_t)ino);
		answer_line(a, "0 file %s %lld %o", path, (long long)info.size,
			    info.mode);
	}
}

struct simulated *simulated_start(uint64_t mmap_min_addr,
				  uint64_t read_ahead_kb)
{
	struct simulated *side = calloc(1, sizeof(*side));
	struct mm_config config = mm_config_default();

	if (!side)
		abort();
	strcpy(side->inodes.device, "08:01");
	config.ram = SIMULATED_RAM;
	config.mmap_min_addr = mmap_min_addr;
	side->machine = host_machine_new(&config);
	if (host_spawn(side->machine) != 1)
		abort();
	set_read_ahead(side->machine, read_ahead_kb);
	make_stub(side->machine);
	make_files(side->machine);
	side->base_min_flt = task_at(side->machine,
				     mm_find_task(side->machine, 1))->min_flt;
	return side;
}

struct machine *simulated_machine(struct simulated *side)
{
	return side->machine;
}

void simulated_stop(struct simulated *side)
{
	host_machine_free(side->machine);
	free(side);
}

static uint64_t hash_bytes(const uint8_t *bytes, uint64_t len)
{
	uint64_t hash = 0;

	for (uint64_t i = 0; i < len; i++)
		hash = hash_byte(hash, bytes[i]);
	return hash;
}

static void tell_return(const struct op_result *res, struct answer *a)
{
	outcome_return(a, res->ret);
	outcome_sent(a, res->signo);
}

static void tell_outcome(struct simulated *side, const struct op *op,
			 const struct op_result *res, struct answer *a)
{
	bool access = op->code == OP_MEM_READ || op->code == OP_MEM_WRITE ||
		      op->code == OP_MEM_TOUCH;

	if (res->outcome == OUT_SIGNAL)
		outcome_signal(a, res->signo, res->si_code, res->fault_addr,
			       res->done);
	else if (access)
		outcome_access(a, res->done, op->code != OP_MEM_READ ? 0 :
			       hash_bytes(side->bytes, res->done));
	else
		tell_return(res, a);
}

/* mincore(2) stores its answer itself, as the program would. */
static void run_mincore(struct simulated *side, const struct deed *deed,
			struct answer *a)
{
	struct op op = deed->op, store = { .code = OP_MEM_WRITE };
	const uint64_t room = mm_op_room(side->machine, &op);
	struct op_result res;

	op.buf = side->bytes;
	if (room && (deed->vec > USER_MAX || room > USER_MAX - deed->vec)) {
		outcome_return(a, -EFAULT);
		return;
	}
	res = host_run(side->machine, &op);
	if (!res.ret && deed->vec > USER_MAX)	/* also of no bytes at all */
		res.ret = -EFAULT;
	store.pid = op.pid;
	store.mem_write.addr = deed->vec;
	store.data = side->bytes;
	store.data_len = res.done;
	if (res.done &&
	    host_run(side->machine, &store).outcome == OUT_SIGNAL)
		res.ret = -EFAULT;
	outcome_return(a, res.ret);
}

/* One store of words; false: told the signal that came of it. */
static bool put_words(struct simulated *side, const struct deed *deed,
		      const uint64_t *words, size_t nr, struct answer *a)
{
	struct op store = { .code = OP_MEM_WRITE, .pid = deed->op.pid };
	struct op_result res;

	store.mem_write.addr = deed->vec;
	store.data = (const uint8_t *)words;
	store.data_len = nr * sizeof(*words);
	res = host_run(side->machine, &store);
	if (res.outcome == OUT_SIGNAL && a)
		outcome_signal(a, res.signo, res.si_code, res.fault_addr,
			       res.done);
	return res.outcome != OUT_SIGNAL;
}

/* What the kernel left at deed->vec. */
static void left_words(const struct op *op, const struct op_result *res,
		       uint64_t words[2])
{
	if (res->outcome != OUT_OK)
		return;
	if (op->code == OP_PIPE)
		words[0] = (uint64_t)(uint32_t)res->fds[1] << 32 |
			   (uint32_t)res->fds[0];
	if (op->code == OP_SENDFILE && op->sendfile.offset != NO_OFFSET)
		words[0] = res->offset;
	if (op->code != OP_SPLICE || !op->splice.len)
		return;
	if (op->splice.off_in != NO_OFFSET)
		words[0] = res->offset;
	else if (op->splice.off_out != NO_OFFSET)
		words[1] = res->offset;
}

/* Calls that find something in memory, or leave it there. */
static void run_call_at(struct simulated *side, const struct deed *deed,
			struct answer *a)
{
	const struct op op = deed_op(deed);
	uint64_t words[WORDS_MAX];
	const size_t nr = deed_words(deed, words);
	struct op_result res;
	struct op load = { .code = OP_MEM_READ, .pid = op.pid,
			   .mem_read = { deed->vec, 16 }, .buf = side->bytes };

	if (!put_words(side, deed, words, nr, a))
		return;
	res = host_run(side->machine, &op);
	if (!deed_ranges(op.code)) {
		left_words(&op, &res, words);
		put_words(side, deed, words, 2, NULL);
	}
	host_run(side->machine, &load);
	memcpy(words, side->bytes, 16);
	outcome_words(a, res.ret, words[0], words[1]);
	outcome_sent(a, res.signo);
}

static void run(struct simulated *side, const struct deed *deed,
		struct answer *a)
{
	struct op op = deed_op(deed);
	struct op_result res;

	if (op.code == OP_MEM_WRITE) {
		for (uint64_t i = 0; i < op.data_len && i < MAX_ACCESS; i++)
			side->bytes[i] = pattern_byte(deed->phase + i);
		op.data = side->bytes;
	}
	if (op.code == OP_MINCORE) {
		run_mincore(side, deed, a);
		return;
	}
	if (op.code == OP_PIPE || op.code == OP_SPLICE ||
	    op.code == OP_SENDFILE || deed_ranges(op.code)) {
		run_call_at(side, deed, a);
		return;
	}
	if (op.code == OP_MEM_READ)
		op.buf = side->bytes;
	res = host_run(side->machine, &op);
	tell_outcome(side, &op, &res, a);
}

/* The next page at or after @addr that is present, or task_size. */
static uint64_t next_present(const struct machine *m, mm_ref mm, uint64_t addr,
			     uint64_t end)
{
	struct mm_walk_level levels[MM_WALK_LEVELS];

	while (addr < end) {
		pfn_t pfn;
		int n = mm_walk(m, mm, addr, levels, &pfn);
		/* The span of the entry where the walk ended. */
		int shift = PAGE_SHIFT + 9 * (4 - n);

		if (mm_pagemap_entry(m, mm, addr).present)
			return addr;
		addr = ((addr >> shift) + 1) << shift;
	}
	return end;
}

static void tell_pages(const struct machine *m, uint32_t pid, mm_ref mm,
		       struct answer *a)
{
	uint64_t end = mm_at(m, mm)->task_size;
	struct page_run run = { .pages = 0 };

	for (uint64_t addr = next_present(m, mm, 0, end); addr < end;
	     addr = next_present(m, mm, addr + PAGE_SIZE, end)) {
		struct mm_pagemap entry = mm_pagemap_entry(m, mm, addr);
		struct page_run page = {
			.start = addr,
			.zero = entry.pfn == kernel_at(m)->zero_pfn,
			.file = entry.file,
			.exclusive = entry.exclusive,
		};

		answer_page(a, pid, &run, &page);
	}
	answer_page_flush(a, pid, &run);
}

static void tell_file(const struct machine *m, uint32_t pid, const char *name,
		      void (*add)(struct answer *a, uint32_t pid,
				  const char *text), struct answer *a)
{
	char path[64], *text;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	text = host_proc(m, path);
	if (!text) {
		fprintf(stderr, "oracle: no %s\n", path);
		exit(99);
	}
	add(a, pid, text);
	free(text);
}

static void tell_process(struct simulated *side, uint32_t pid, mm_ref mm,
			 struct answer *a)
{
	const struct machine *m = side->machine;
	char path[32], *text;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	text = host_proc(m, path);
	answer_maps(a, &side->inodes, pid, text);
	free(text);
	tell_file(m, pid, "smaps", answer_smaps, a);
	tell_file(m, pid, "smaps_rollup", answer_rollup, a);
	tell_file(m, pid, "status", answer_status, a);
	tell_file(m, pid, "statm", answer_statm, a);
	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	text = host_proc(m, path);
	answer_min_flt(a, pid, stat_min_flt(text) -
		       (pid == 1 ? side->base_min_flt : 0));
	free(text);
	tell_pages(m, pid, mm, a);
}

void simulated_do(struct simulated *side, const struct deed *deed,
		  struct answer *a)
{
	const struct machine *m = side->machine;

	answer_clear(a);
	inodes_begin(&side->inodes);
	if (deed)
		run(side, deed, a);
	if (deed && op_has_path(&deed->op))
		side->names = true;
	for (task_ref t = mm_first_task(m); !task_none(t);
	     t = mm_next_task(m, t))
		tell_process(side, (uint32_t)task_at(m, t)->pid,
			     task_at(m, t)->mm, a);
	if (side->names)
		tell_sizes(m, a);
	answer_finish(a);
}
