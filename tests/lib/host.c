/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xxhash.h>

#include "tests/lib/evil.h"
#include "tests/lib/host.h"

_Noreturn void mm_panic(const char *expr, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expr);
	abort();
}

static void *reserve(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		abort();
	}
	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

struct machine *host_machine_blank(uint64_t ram_bytes, uint64_t disk_bytes)
{
	const uint64_t bytes = ram_bytes + disk_bytes;
	struct machine *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	m->ram_bytes = ram_bytes;
	m->disk_bytes = disk_bytes;
	m->ram = reserve(bytes);
	m->frame_map = reserve(mm_frame_map_bytes(bytes));
	m->chunk_map = reserve(mm_chunk_map_bytes(bytes));
	evil_attach(m);
	return m;
}

struct machine *host_machine_new(const struct mm_config *config)
{
	struct machine *m = host_machine_blank(config->ram, config->disk);

	mm_boot(m, config);
	return m;
}

uint32_t host_arch;

struct mm_config host_config(void)
{
	struct mm_config config = mm_config_default();

	config.arch = host_arch;
	return config;
}

uint64_t host_born_tables(void)
{
	return host_arch == ARCH_I386_PAE ? 4 : 0;
}

uint64_t host_kept_tables(void)
{
	return host_arch == ARCH_X86_64_LA57 ? 1 : host_born_tables();
}

struct machine *host_machine_small(void)
{
	struct mm_config config = host_config();

	config.ram = 64ULL << 20;
	return host_machine_new(&config);
}

void host_machine_free(struct machine *m)
{
	evil_detach(m);
	const uint64_t bytes = machine_frames(m) << PAGE_SHIFT;

	munmap(m->ram, bytes);
	munmap(m->frame_map, mm_frame_map_bytes(bytes));
	munmap(m->chunk_map, mm_chunk_map_bytes(bytes));
	free(m);
}

static bool is_zero(const uint8_t *frame)
{
	return frame[0] == 0 && !memcmp(frame, frame + 1, PAGE_SIZE - 1);
}

struct machine *host_machine_copy(const struct machine *m)
{
	struct machine *to = host_machine_blank(m->ram_bytes, m->disk_bytes);

	for (uint64_t pfn = ram_next_frame(m, 0, FRAME_WRITTEN);
	     pfn != UINT64_MAX;
	     pfn = ram_next_frame(m, pfn + 1, FRAME_WRITTEN)) {
		const uint8_t *frame = m->ram + (pfn << PAGE_SHIFT);

		if (is_zero(frame))
			continue;
		ram_note_write(to, pfn);
		memcpy(to->ram + (pfn << PAGE_SHIFT), frame, PAGE_SIZE);
	}
	mm_attach(to);
	return to;
}

uint64_t host_digest(const struct machine *m)
{
	XXH3_state_t *state = XXH3_createState();
	uint64_t digest;

	XXH3_64bits_reset(state);
	for (uint64_t pfn = ram_next_frame(m, 0, FRAME_WRITTEN);
	     pfn != UINT64_MAX;
	     pfn = ram_next_frame(m, pfn + 1, FRAME_WRITTEN)) {
		const uint8_t *frame = m->ram + (pfn << PAGE_SHIFT);

		if (is_zero(frame))
			continue;
		XXH3_64bits_update(state, &pfn, sizeof(pfn));
		XXH3_64bits_update(state, frame, PAGE_SIZE);
	}
	digest = XXH3_64bits_digest(state);
	XXH3_freeState(state);
	return digest;
}

void host_step_init(struct host_step *hs, struct machine *m, uint32_t pid)
{
	memset(hs, 0, sizeof(*hs));
	hs->s = (struct step){ .m = m, .res = &hs->res };
	if (pid)
		hs->s.current = mm_find_task(m, pid);
}

struct op_result host_run(struct machine *m, const struct op *op)
{
	struct op_result res;

	if (mm_step(m, op, &res, NULL) != MM_OK) {
		fprintf(stderr, "operation %d of pid %u was not accepted\n",
			op->code, op->pid);
		abort();
	}
	return res;
}

uint32_t host_spawn_as(struct machine *m, const char *name, bool privileged)
{
	struct op op = { .code = OP_SPAWN, .spawn.image = IMAGE_NONE,
			 .spawn.privileged = privileged };

	memcpy(op.spawn.name, name, strlen(name) + 1);
	return (uint32_t)host_run(m, &op).ret;
}

uint32_t host_spawn(struct machine *m)
{
	return host_spawn_as(m, "init", false);
}

int64_t host_mmap(struct machine *m, uint32_t pid, uint64_t addr, uint64_t len,
		  uint64_t prot, uint64_t flags)
{
	struct op op = { .code = OP_MMAP, .pid = pid };

	op.mmap = (struct op_mmap){ addr, len, prot, flags, -1, 0 };
	return host_run(m, &op).ret;
}

int64_t host_munmap(struct machine *m, uint32_t pid, uint64_t addr,
		    uint64_t len)
{
	struct op op = { .code = OP_MUNMAP, .pid = pid };

	op.munmap = (struct op_munmap){ addr, len };
	return host_run(m, &op).ret;
}

int64_t host_mprotect(struct machine *m, uint32_t pid, uint64_t addr,
		      uint64_t len, uint64_t prot)
{
	struct op op = { .code = OP_MPROTECT, .pid = pid };

	op.mprotect = (struct op_mprotect){ addr, len, prot };
	return host_run(m, &op).ret;
}

int64_t host_brk(struct machine *m, uint32_t pid, uint64_t addr)
{
	struct op op = { .code = OP_BRK, .pid = pid };

	op.brk = (struct op_brk){ addr };
	return host_run(m, &op).ret;
}

int64_t host_fork(struct machine *m, uint32_t pid, uint64_t flags)
{
	struct op op = { .code = OP_FORK, .pid = pid };

	op.fork = (struct op_fork){ flags };
	return host_run(m, &op).ret;
}

void host_exit(struct machine *m, uint32_t pid)
{
	struct op op = { .code = OP_EXIT, .pid = pid };

	host_run(m, &op);
}

int64_t host_setrlimit(struct machine *m, uint32_t pid, uint32_t resource,
		       uint64_t value)
{
	struct op op = { .code = OP_SETRLIMIT, .pid = pid };
	task_ref t = mm_find_task(m, pid);

	op.setrlimit = (struct op_setrlimit){
		resource, value, task_at(m, t)->rlim[resource].rlim_max };
	return host_run(m, &op).ret;
}

struct op_result host_touch(struct machine *m, uint32_t pid, uint64_t addr,
			    uint64_t len, enum access_kind access)
{
	struct op op = { .code = OP_MEM_TOUCH, .pid = pid };

	op.mem_touch = (struct op_mem_touch){ addr, len, access };
	return host_run(m, &op);
}

static void must_be_done(const struct op_result *res)
{
	if (res->outcome != OUT_OK) {
		fprintf(stderr, "an access failed: %s\n", res->why);
		abort();
	}
}

void host_store(struct machine *m, uint32_t pid, uint64_t addr, uint8_t byte)
{
	struct op op = { .code = OP_MEM_WRITE, .pid = pid };
	struct op_result res;

	op.mem_write.addr = addr;
	op.data = &byte;
	op.data_len = 1;
	res = host_run(m, &op);
	must_be_done(&res);
}

uint8_t host_load(struct machine *m, uint32_t pid, uint64_t addr)
{
	struct op op = { .code = OP_MEM_READ, .pid = pid };
	struct op_result res;
	uint8_t byte = 0;

	op.mem_read = (struct op_mem_read){ addr, 1 };
	op.buf = &byte;
	res = host_run(m, &op);
	must_be_done(&res);
	return byte;
}

struct host_totals host_totals(struct machine *m)
{
	const struct kernel *k = kernel_at(m);
	struct op op = { .code = OP_SYSCTL };
	struct host_totals t;

	op.sysctl = (struct op_sysctl){ SYSCTL_drop_caches, 2 };
	host_run(m, &op);
	memset(&t, 0, sizeof(t));
	for (int type = 0; type < MAX_NR_ZONES; type++)
		t.free_pages += k->zones[type].free_pages;
	t.committed = k->vm_committed_space;
	t.tables = k->nr_page_table_pages;
	t.tasks = k->nr_tasks;
	t.last_pid = k->last_pid;
	t.anon = k->nr_anon_pages;
	t.file_mapped = k->nr_file_mapped;
	t.shmem = k->nr_shmem;
	t.file_pages = k->nr_file_pages;
	for (int i = 0; i < NR_KMEM_CACHES; i++)
		t.objects[i] = k->caches[i].nr_active;
	return t;
}

static bool grow(struct mm_sink *sink, size_t need)
{
	size_t cap = (sink->cap + need) * 2;
	char *buf = realloc(sink->buf, cap);

	if (!buf)
		abort();
	sink->buf = buf;
	sink->cap = cap;
	return true;
}

char *host_proc(const struct machine *m, const char *path)
{
	struct mm_sink sink = { .more = grow };

	grow(&sink, 256);
	if (mm_proc_read(m, path, &sink) == MM_PROC_NONE) {
		free(sink.buf);
		return NULL;
	}
	if (sink.len == sink.cap)
		grow(&sink, 1);
	sink.buf[sink.len] = 0;
	return sink.buf;
}

static void print_violation(void *ctx, const char *law, const char *what)
{
	(void)ctx;
	fprintf(stderr, "violated: %s: %s\n", law, what);
}

void host_check(const struct machine *m)
{
	if (mm_check(m, print_violation, NULL))
		abort();
}
