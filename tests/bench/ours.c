/* SPDX-License-Identifier: MIT */
/* The simulated side: the same work through mm_step(). */
#include <stdio.h>
#include <stdlib.h>

#include "mmcore/arch/arch.h"
#include "mmcore/mm/pgtable.h"
#include "mmcore/mm/vma.h"
#include "mmcore/uapi.h"
#include "tests/bench/subject.h"
#include "tests/lib/host.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static struct machine *machine;

/*
 * One operation, reused: a client fills in what it needs, it does not clear a
 * struct op for each call.
 */
static struct op op = { .pid = 1 };

static struct op_result run(void)
{
	struct op_result res;

	if (mm_step(machine, &op, &res, NULL) != MM_OK ||
	    res.outcome != OUT_OK) {
		fprintf(stderr, "bench: operation %d: %s\n", op.code,
			res.why ? res.why : "not accepted");
		exit(1);
	}
	return res;
}

static uint64_t map(uint64_t addr, uint64_t len, uint64_t prot, uint64_t flags)
{
	op.code = OP_MMAP;
	op.mmap = (struct op_mmap){ addr, len, prot, flags, -1, 0 };
	return (uint64_t)run().ret;
}

static void unmap(uint64_t addr, uint64_t len)
{
	op.code = OP_MUNMAP;
	op.munmap = (struct op_munmap){ addr, len };
	run();
}

static void touch(uint64_t addr, uint64_t len, uint32_t access)
{
	op.code = OP_MEM_TOUCH;
	op.mem_touch = (struct op_mem_touch){ addr, len, access };
	run();
}

static void store(uint64_t addr)
{
	static const uint8_t bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	op.code = OP_MEM_WRITE;
	op.mem_write.addr = addr;
	op.data = bytes;
	op.data_len = sizeof(bytes);
	run();
}

static void protect(uint64_t addr, uint64_t prot)
{
	op.code = OP_MPROTECT;
	op.mprotect = (struct op_mprotect){ addr, PAGE_SIZE, prot };
	run();
}

static uint32_t fork_process(void)
{
	op.code = OP_FORK;
	op.fork.flags = 0;
	return (uint32_t)run().ret;
}

static void exit_process(uint32_t pid)
{
	op.code = OP_EXIT;
	op.exit.status = 0;
	op.pid = pid;
	run();
	op.pid = 1;
}

static void begin(uint64_t arg)
{
	struct mm_config config = mm_config_default();

	(void)arg;
	config.ram = 4ULL << 30;
	machine = host_machine_new(&config);
	host_spawn(machine);
	map(0, 2 * PAGE_SIZE, PROT_NONE, ANON);
}

static void end(uint64_t arg)
{
	(void)arg;
	host_machine_free(machine);
}

static double mmap_munmap_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++)
		unmap(map(0, PAGE_SIZE, RW, ANON), PAGE_SIZE);
	return (now_ns() - start) / PAIRS;
}

const struct subject ours_mmap_munmap = { begin, mmap_munmap_sample, end };

static double mmap_touch_munmap_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		uint64_t addr = map(0, PAGE_SIZE, RW, ANON);

		touch(addr, 1, ACCESS_WRITE);
		unmap(addr, PAGE_SIZE);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject ours_mmap_touch_munmap = {
	begin, mmap_touch_munmap_sample, end
};

static double mmap_write_munmap_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		uint64_t addr = map(0, PAGE_SIZE, RW, ANON);

		store(addr);
		unmap(addr, PAGE_SIZE);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject ours_mmap_write_munmap = {
	begin, mmap_write_munmap_sample, end
};

/* ---- faults: an operation a page, as each is a fault of its own ---- */

static double store_all(uint64_t addr)
{
	double start = now_ns();

	for (uint64_t i = 0; i < REGION_PAGES; i++)
		store(addr + i * PAGE_SIZE);
	return (now_ns() - start) / REGION_PAGES;
}

static double touch_all(uint64_t addr, uint32_t access)
{
	double start = now_ns();

	for (uint64_t i = 0; i < REGION_PAGES; i++)
		touch(addr + i * PAGE_SIZE, 1, access);
	return (now_ns() - start) / REGION_PAGES;
}

static double touch_sample(uint64_t arg)
{
	uint64_t addr = map(0, REGION_PAGES * PAGE_SIZE, RW, ANON);
	double ns = touch_all(addr, ACCESS_WRITE);

	(void)arg;
	unmap(addr, REGION_PAGES * PAGE_SIZE);
	return ns;
}

const struct subject ours_touch = { begin, touch_sample, end };

static double write_sample(uint64_t arg)
{
	uint64_t addr = map(0, REGION_PAGES * PAGE_SIZE, RW, ANON);
	double ns = store_all(addr);

	(void)arg;
	unmap(addr, REGION_PAGES * PAGE_SIZE);
	return ns;
}

/* Once before the first sample: the frames are recycled ones, as they are in
 * a kernel that has been running for a while. */
static void write_begin(uint64_t arg)
{
	begin(arg);
	write_sample(arg);
}

const struct subject ours_write = { write_begin, write_sample, end };

static double zero_read_sample(uint64_t arg)
{
	uint64_t addr = map(0, REGION_PAGES * PAGE_SIZE, RW, ANON);
	double ns = touch_all(addr, ACCESS_READ);

	(void)arg;
	unmap(addr, REGION_PAGES * PAGE_SIZE);
	return ns;
}

const struct subject ours_zero_read = { begin, zero_read_sample, end };

static double cow_zero_sample(uint64_t arg)
{
	uint64_t addr = map(0, REGION_PAGES * PAGE_SIZE, RW, ANON);
	double ns;

	(void)arg;
	touch(addr, REGION_PAGES * PAGE_SIZE, ACCESS_READ);
	ns = touch_all(addr, ACCESS_WRITE);
	unmap(addr, REGION_PAGES * PAGE_SIZE);
	return ns;
}

const struct subject ours_cow_zero = { begin, cow_zero_sample, end };

static uint64_t shared_region;

static void fill(uint64_t addr, uint64_t len)
{
	op.code = OP_MEM_FILL;
	op.mem_fill = (struct op_mem_fill){ addr, len, 0x5a };
	run();
}

static void shared_begin(uint64_t arg)
{
	begin(arg);
	shared_region = map(0, REGION_PAGES * PAGE_SIZE, RW, ANON);
	fill(shared_region, REGION_PAGES * PAGE_SIZE);
}

static double cow_content_sample(uint64_t arg)
{
	uint32_t child;
	double ns;

	(void)arg;
	child = fork_process();
	ns = store_all(shared_region);
	exit_process(child);
	return ns;
}

/* The frames copied to are recycled ones from the second time on. */
static void cow_content_begin(uint64_t arg)
{
	shared_begin(arg);
	cow_content_sample(arg);
}

const struct subject ours_cow_content = {
	cow_content_begin, cow_content_sample, end
};

/* A machine of its own for each sample: no frame was ever used. */
static double cow_fresh_sample(uint64_t arg)
{
	double ns;

	shared_begin(arg);
	ns = cow_content_sample(arg);
	end(arg);
	return ns;
}

const struct subject ours_cow_fresh = { NULL, cow_fresh_sample, NULL };

/* ---- fork ---- */

static void fork_exit_begin(uint64_t mib)
{
	begin(mib);
	touch(map(0, mib << 20, RW, ANON), mib << 20, ACCESS_WRITE);
}

static double fork_exit_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	exit_process(fork_process());
	return now_ns() - start;
}

const struct subject ours_fork_exit = {
	fork_exit_begin, fork_exit_sample, end
};

/* ---- mprotect, brk ---- */

static uint64_t three_pages;

static void mprotect_begin(uint64_t arg)
{
	begin(arg);
	three_pages = map(0, 3 * PAGE_SIZE, RW, ANON);
	touch(three_pages, 3 * PAGE_SIZE, ACCESS_WRITE);
}

static double mprotect_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		protect(three_pages + PAGE_SIZE, PROT_READ);
		protect(three_pages + PAGE_SIZE, RW);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject ours_mprotect = { mprotect_begin, mprotect_sample, end };

#define MOVED 16	/* pages */

static uint64_t moved;

static void moved_begin(uint64_t arg)
{
	begin(arg);
	map(0, PAGE_SIZE, PROT_NONE, ANON);
	moved = map(COMB_START, MOVED * PAGE_SIZE, RW, ANON | MAP_FIXED);
	touch(moved, MOVED * PAGE_SIZE, ACCESS_WRITE);
}

static void move(uint64_t from, uint64_t to)
{
	op.code = OP_MREMAP;
	op.mremap = (struct op_mremap){
		from, MOVED * PAGE_SIZE, MOVED * PAGE_SIZE,
		MREMAP_MAYMOVE | MREMAP_FIXED, to };
	run();
}

static double mremap_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS / 2; i++) {
		move(moved, moved + 64 * PAGE_SIZE);
		move(moved + 64 * PAGE_SIZE, moved);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject ours_mremap = { moved_begin, mremap_sample, end };

static double mlock_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		op.code = OP_MLOCK;
		op.mlock = (struct op_mlock){ moved, MOVED * PAGE_SIZE };
		run();
		op.code = OP_MUNLOCK;
		op.munlock = (struct op_munlock){ moved, MOVED * PAGE_SIZE };
		run();
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject ours_mlock = { moved_begin, mlock_sample, end };

static uint64_t set_brk(uint64_t addr)
{
	op.code = OP_BRK;
	op.brk.addr = addr;
	return (uint64_t)run().ret;
}

static double brk_sample(uint64_t arg)
{
	uint64_t low = set_brk(0);
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		if (set_brk(low + PAGE_SIZE) != low + PAGE_SIZE)
			exit(1);
		set_brk(low);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject ours_brk = { begin, brk_sample, end };

/* ---- many VMAs ---- */

static void comb_begin(uint64_t nr_vmas)
{
	begin(nr_vmas);
	for (uint64_t i = 0; i < nr_vmas; i++)
		touch(map(COMB_START + i * 2 * PAGE_SIZE, PAGE_SIZE, RW,
			  ANON | MAP_FIXED), 1, ACCESS_WRITE);
}

const struct subject ours_mmap_munmap_comb = {
	comb_begin, mmap_munmap_sample, end
};

static uint64_t chance = 88172645463325252ULL;

static double flip_sample(uint64_t nr_vmas)
{
	double start = now_ns();

	for (int i = 0; i < FLIPS; i++)
		protect(comb_page(&chance, nr_vmas), i & 1 ? RW : PROT_READ);
	return (now_ns() - start) / FLIPS;
}

const struct subject ours_flip = { comb_begin, flip_sample, end };

/*
 * What is left of a flip if nothing had to be decided or told, and the search were
 * one look into a table: there, then at the VMA, whose flags change, and at the PTE,
 * which does. Any mprotect of a random one of so many waits for as much memory,
 * and the next one begins when this one has ended.
 */
static struct { uint64_t vma, pte; } *places;

static void flip_floor_begin(uint64_t nr_vmas)
{
	mm_ref mm;

	comb_begin(nr_vmas);
	mm = task_at(machine, mm_find_task(machine, 1))->mm;
	places = calloc(nr_vmas, sizeof(*places));
	if (!places)
		exit(1);
	for (uint64_t i = 0; i < nr_vmas; i++) {
		const uint64_t addr = COMB_START + i * 2 * PAGE_SIZE;

		places[i].vma = vma_lookup(machine, mm, addr).pa;
		places[i].pte = pte_lookup(machine, mm_at(machine, mm), addr);
	}
}

static double flip_floor_sample(uint64_t nr_vmas)
{
	struct step s = { .m = machine };
	double start = now_ns();

	for (int i = 0; i < FLIPS; i++) {
		const uint64_t at = (comb_page(&chance, nr_vmas) - COMB_START) /
				    (2 * PAGE_SIZE);

		struct vm_area_struct *vma =
			vma_mut(&s, vma_make(places[at].vma));

		*(pte_t *)ram_mut(&s, places[at].pte) ^= machine->arch->write;
		vma->vm_flags ^= VM_WRITE;
		chance ^= vma->vm_flags >> 63;	/* nothing, once it is known */
	}
	return (now_ns() - start) / FLIPS;
}

static void flip_floor_end(uint64_t nr_vmas)
{
	free(places);
	end(nr_vmas);
}

const struct subject ours_flip_floor = {
	flip_floor_begin, flip_floor_sample, flip_floor_end
};

static bool no_more(struct mm_sink *sink, size_t need)
{
	return sink->cap - sink->len >= need;
}

/* A file of /proc, which is at least @least bytes long. */
static double read_sample(const char *path, uint64_t least)
{
	static char buffer[64 << 20];
	struct mm_sink sink = {
		.buf = buffer, .cap = sizeof(buffer), .more = no_more,
	};
	double start = now_ns(), ns;

	if (mm_proc_read(machine, path, &sink) != MM_PROC_FILE)
		exit(1);
	ns = now_ns() - start;
	if (sink.len < least) {
		fprintf(stderr, "bench: %s is too short\n", path);
		exit(1);
	}
	return ns;
}

static double maps_sample(uint64_t nr_vmas)
{
	return read_sample("/proc/1/maps", nr_vmas * 48);
}

static double smaps_sample(uint64_t nr_vmas)
{
	return read_sample("/proc/1/smaps", nr_vmas * 700);
}

const struct subject ours_maps = { comb_begin, maps_sample, end };
const struct subject ours_smaps = { comb_begin, smaps_sample, end };
const struct subject ours_fork_exit_comb = {
	comb_begin, fork_exit_sample, end
};
