/* SPDX-License-Identifier: MIT */
/*
 * Random operations on a machine and on something much dumber: a plain array of
 * pages a process, without areas, tables, frames or trees. Return values,
 * signals and every byte read must agree, and every invariant hold after each
 * operation. On a difference the operations are shrunk and printed. The runs take
 * the architectures by turns: the model knows of none.
 *
 *	test_model [SEED [RUNS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/arch/arch.h"
#include "mmcore/uapi.h"
#include "tests/lib/host.h"
#include "tests/model/deeds.h"

#define PAGES	96
#define SPACES	5
#define DEEDS	160

/* A private page has its own cell; a shared one's is everybody's. */
struct mpage {
	bool mapped, shared;
	uint8_t prot;
	int cell;
};

struct space {
	int users;
	struct mpage page[PAGES];
};

/*
 * What the model does know of its machine: how much RAM it has (enough for
 * HighMem where there is any), where the pages are, in two top-level spans, and
 * which of a page's rights let it be read.
 */
static const struct world {
	uint64_t ram, arena;
	uint8_t readable;
} worlds[NR_ARCHS] = {
	[ARCH_X86_64] = { 64ULL << 20, (127ULL << 40) - 48 * PAGE_SIZE, 7 },
	[ARCH_X86_64_LA57] = { 64ULL << 20, (1ULL << 50) - 48 * PAGE_SIZE, 7 },
	[ARCH_I386] = { 1ULL << 30, (1ULL << 31) - 48 * PAGE_SIZE, 7 },
	[ARCH_I386_PAE] = { 1ULL << 30, (1ULL << 31) - 48 * PAGE_SIZE, 7 },
	[ARCH_RISCV64_SV39] = { 64ULL << 20, (1ULL << 37) - 48 * PAGE_SIZE,
				PROT_READ | PROT_WRITE },
};

static const struct world *world = worlds;

struct model {
	struct space space[SPACES];
	int of_pid[64];			/* pid -> space; -1: no such process */
	uint32_t pids;
	uint8_t cell[1 << 16];		/* one byte stands for a page */
	int cells;
};

enum kind {
	MAP, UNMAP, PROTECT, DONTNEED, STORE, LOAD, FORK, CLONE, EXIT, NR_KINDS
};

struct deed {
	enum kind kind;
	uint32_t who;			/* picks among the living */
	uint32_t first, count;
	uint8_t prot, byte;
	bool shared;
};

/* ---- the dumb side ---- */

static int new_cell(struct model *d, uint8_t byte)
{
	if (d->cells == (int)sizeof(d->cell))
		abort();
	d->cell[d->cells] = byte;
	return d->cells++;
}

static int free_space(const struct model *d)
{
	for (int i = 0; i < SPACES; i++)
		if (!d->space[i].users)
			return i;
	return -1;
}

static uint32_t pick_pid(const struct model *d, uint32_t who)
{
	for (uint32_t i = 0; i < d->pids; i++) {
		uint32_t pid = 1 + (who + i) % d->pids;

		if (d->of_pid[pid] >= 0)
			return pid;
	}
	return 0;
}

static void dumb_map(struct model *d, struct space *s, const struct deed *a)
{
	for (uint32_t i = a->first; i < a->first + a->count; i++)
		s->page[i] = (struct mpage){ true, a->shared, a->prot,
					     new_cell(d, 0) };
}

static int64_t dumb_protect(struct space *s, const struct deed *a)
{
	for (uint32_t i = a->first; i < a->first + a->count; i++) {
		if (!s->page[i].mapped)
			return -ENOMEM;
		s->page[i].prot = a->prot;
	}
	return 0;
}

/* Private pages are zero again, whoever maps them; shared ones keep their bytes. */
static int64_t dumb_dontneed(struct model *d, struct space *s, const struct deed *a)
{
	int64_t ret = 0;

	for (uint32_t i = a->first; i < a->first + a->count; i++)
		if (!s->page[i].mapped)
			ret = -ENOMEM;
		else if (!s->page[i].shared)
			s->page[i].cell = new_cell(d, 0);
	return ret;
}

static void dumb_fork(struct model *d, uint32_t pid, uint32_t child)
{
	int to = free_space(d);

	d->space[to] = d->space[d->of_pid[pid]];
	d->space[to].users = 1;
	for (int i = 0; i < PAGES; i++)
		if (!d->space[to].page[i].shared)
			d->space[to].page[i].cell =
				new_cell(d, d->cell[d->space[to].page[i].cell]);
	d->of_pid[child] = to;
}

/* 0, or the SEGV_ code of a store or a load. */
static int dumb_access(const struct mpage *page, bool store)
{
	if (!page->mapped)
		return SEGV_MAPERR;
	if (!(page->prot & (store ? PROT_WRITE : world->readable)))
		return SEGV_ACCERR;
	return 0;
}

/* ---- both sides ---- */

static int64_t machine_dontneed(struct machine *m, uint32_t pid, uint64_t addr,
			     uint64_t len)
{
	struct op op = { .code = OP_MADVISE, .pid = pid };

	op.madvise = (struct op_madvise){ addr, len, MADV_DONTNEED };
	return host_run(m, &op).ret;
}

static struct op_result both_access(struct machine *m, uint32_t pid,
				    const struct deed *a, uint8_t *byte)
{
	struct op op = { .pid = pid };

	if (a->kind == STORE) {
		op.code = OP_MEM_WRITE;
		op.mem_write.addr = world->arena + a->first * PAGE_SIZE + 77;
		op.data = byte;
		op.data_len = 1;
	} else {
		op.code = OP_MEM_READ;
		op.mem_read.addr = world->arena + a->first * PAGE_SIZE + 77;
		op.mem_read.len = 1;
		op.buf = byte;
	}
	return host_run(m, &op);
}

static bool do_access(struct machine *m, struct model *d, uint32_t pid,
		      const struct deed *a)
{
	const struct mpage *page = &d->space[d->of_pid[pid]].page[a->first];
	uint8_t byte = a->byte;
	struct op_result res = both_access(m, pid, a, &byte);
	int code = dumb_access(page, a->kind == STORE);

	if (code)
		return res.outcome == OUT_SIGNAL && res.si_code == code;
	if (res.outcome != OUT_OK)
		return false;
	if (a->kind == STORE)
		d->cell[page->cell] = byte;
	return byte == d->cell[page->cell];
}

static bool do_mapping(struct machine *m, struct model *d, uint32_t pid,
		       const struct deed *a)
{
	struct space *s = &d->space[d->of_pid[pid]];
	const uint64_t addr = world->arena + a->first * PAGE_SIZE;
	const uint64_t len = a->count * PAGE_SIZE;

	switch (a->kind) {
	case MAP:
		dumb_map(d, s, a);
		return host_mmap(m, pid, addr, len, a->prot,
				 MAP_FIXED | MAP_ANONYMOUS |
				 (a->shared ? MAP_SHARED : MAP_PRIVATE)) ==
		       (int64_t)addr;
	case UNMAP:
		for (uint32_t i = a->first; i < a->first + a->count; i++)
			s->page[i] = (struct mpage){ 0 };
		return host_munmap(m, pid, addr, len) == 0;
	case DONTNEED:
		return machine_dontneed(m, pid, addr, len) == dumb_dontneed(d, s, a);
	default:
		return host_mprotect(m, pid, addr, len, a->prot) ==
		       dumb_protect(s, a);
	}
}

static bool do_process(struct machine *m, struct model *d, uint32_t pid,
		       const struct deed *a)
{
	if (a->kind == EXIT) {
		host_exit(m, pid);
		d->space[d->of_pid[pid]].users--;
		d->of_pid[pid] = -1;
		return true;
	}
	if (d->pids + 1 >= 64 || (a->kind == FORK && free_space(d) < 0))
		return true;
	d->pids++;
	if (a->kind == CLONE) {
		d->of_pid[d->pids] = d->of_pid[pid];
		d->space[d->of_pid[pid]].users++;
	} else {
		dumb_fork(d, pid, d->pids);
	}
	return host_fork(m, pid, a->kind == CLONE ? CLONE_VM : 0) ==
	       (int64_t)d->pids;
}

static bool do_deed(struct machine *m, struct model *d, const struct deed *a)
{
	uint32_t pid = pick_pid(d, a->who);

	if (!pid)
		return true;
	if (a->kind == STORE || a->kind == LOAD)
		return do_access(m, d, pid, a);
	if (a->kind >= FORK)
		return do_process(m, d, pid, a);
	return do_mapping(m, d, pid, a);
}

static struct machine *new_machine(void)
{
	struct mm_config config = mm_config_default();

	config.arch = (uint32_t)(world - worlds);
	config.ram = world->ram;
	return host_machine_new(&config);
}

/* Every deed on both sides; false at the first difference. */
static bool agree(const void *deeds, int nr)
{
	struct machine *m = new_machine();
	struct model *d = calloc(1, sizeof(*d));
	bool same = true;

	host_spawn(m);
	d->pids = 1;
	d->space[0].users = 1;
	d->cells = 1;
	for (int i = 0; same && i < nr; i++)
		same = do_deed(m, d, (const struct deed *)deeds + i) &&
		       !mm_check(m, NULL, NULL);
	free(d);
	host_machine_free(m);
	return same;
}

/* ---- random deeds ---- */

static struct deed random_deed(void)
{
	static const uint8_t odds[] = {
		MAP, MAP, MAP, UNMAP, UNMAP, PROTECT, PROTECT, DONTNEED,
		DONTNEED, STORE, STORE, STORE, STORE, LOAD, LOAD, LOAD, FORK, CLONE, EXIT,
	};
	struct deed a = { .kind = (enum kind)odds[pick(sizeof(odds))] };

	a.who = pick(1000);
	a.first = pick(PAGES);
	a.count = 1 + pick(PAGES - a.first < 20 ? PAGES - a.first : 20);
	a.prot = (uint8_t)pick(8);
	a.byte = (uint8_t)pick(256);
	a.shared = pick(4) == 0;
	return a;
}

static void print_deeds(const struct deed *deeds, int nr)
{
	static const char *const names[NR_KINDS] = {
		"map", "unmap", "protect", "dontneed", "store", "load", "fork", "clone",
		"exit",
	};

	for (int i = 0; i < nr; i++)
		printf("  %s who=%u page=%u count=%u prot=%u byte=%u%s\n",
		       names[deeds[i].kind], deeds[i].who, deeds[i].first,
		       deeds[i].count, deeds[i].prot, deeds[i].byte,
		       deeds[i].shared ? " shared" : "");
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t runs = argc > 2 ? strtoull(argv[2], NULL, 0) : 250;

	for (uint64_t run = 0; run < runs; run++) {
		struct deed deeds[DEEDS];
		int nr = DEEDS;

		pick_seed(seed + run);
		world = &worlds[run % NR_ARCHS];
		for (int i = 0; i < DEEDS; i++)
			deeds[i] = random_deed();
		if (agree(deeds, nr))
			continue;
		nr = shrink(deeds, nr, sizeof(deeds[0]), agree);
		printf("seed %llu, run %llu (%s): the machine and the model differ\n",
		       (unsigned long long)seed, (unsigned long long)run,
		       arch_find((uint32_t)(world - worlds))->name);
		print_deeds(deeds, nr);
		return EXIT_FAILURE;
	}
	printf("%llu runs of %d deeds from seed %llu: no difference\n",
	       (unsigned long long)runs, DEEDS, (unsigned long long)seed);
	return EXIT_SUCCESS;
}
