/* SPDX-License-Identifier: MIT */
/* The simulated side of mapped files and of advice: through mm_step(). */
#include <stdio.h>
#include <stdlib.h>

#include "mmcore/uapi.h"
#include "tests/bench/subject.h"
#include "tests/lib/host.h"

#define RW (PROT_READ | PROT_WRITE)

static struct machine *machine;
static struct op op = { .pid = 1 };
static int64_t file;

static int64_t run(void)
{
	struct op_result res;

	if (mm_step(machine, &op, &res, NULL) != MM_OK ||
	    res.outcome != OUT_OK) {
		fprintf(stderr, "bench: operation %d: %s\n", op.code,
			res.why ? res.why : "not accepted");
		exit(1);
	}
	return res.ret;
}

static void touch(uint64_t addr, uint32_t access)
{
	op.code = OP_MEM_TOUCH;
	op.mem_touch = (struct op_mem_touch){ addr, 1, access };
	run();
}

static void store(uint64_t addr)
{
	static const uint8_t byte = 1;

	op.code = OP_MEM_WRITE;
	op.mem_write.addr = addr;
	op.data = &byte;
	op.data_len = 1;
	run();
}

static void map_file(uint64_t pages)
{
	op.code = OP_MMAP;
	op.mmap = (struct op_mmap){ MAPPED, pages * PAGE_SIZE, RW,
				    MAP_SHARED | MAP_FIXED, file, 0 };
	run();
}

static void unmap(uint64_t pages)
{
	op.code = OP_MUNMAP;
	op.munmap = (struct op_munmap){ MAPPED, pages * PAGE_SIZE };
	run();
}

static void machine_begin(void)
{
	struct mm_config config = mm_config_default();

	config.ram = 1ULL << 30;
	machine = host_machine_new(&config);
	host_spawn(machine);
}

static void end(uint64_t arg)
{
	(void)arg;
	host_machine_free(machine);
}

static uint8_t bytes[REGION_PAGES * PAGE_SIZE];

/* A file of the disk, all of it in the page cache. */
static int64_t disk_file(void)
{
	op.code = OP_FILE_CREATE;
	op.path = "/file";
	op.path_len = 5;
	op.data = bytes;
	op.data_len = sizeof(bytes);
	op.file_create = (struct op_file_create){ sizeof(bytes), 0644, true };
	run();
	op.code = OP_OPEN;
	op.open = (struct op_open){ O_RDWR, 0 };
	return run();
}

static int64_t memory_file(void)
{
	int64_t fd;

	op.code = OP_MEMFD_CREATE;
	op.memfd_create = (struct op_memfd_create){ "file", 0 };
	fd = run();
	op.code = OP_WRITE;
	op.write = (struct op_write){ fd, NO_BUFFER, 0 };
	op.data = bytes;
	op.data_len = sizeof(bytes);
	run();
	return fd;
}

static void file_begin(uint64_t memory)
{
	machine_begin();
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	file = memory ? memory_file() : disk_file();
}

static double file_fault_sample(uint64_t arg)
{
	double start, ns;

	(void)arg;
	map_file(REGION_PAGES);
	start = now_ns();
	for (uint64_t i = 0; i < REGION_PAGES; i += FAULT_AROUND)
		touch(MAPPED + i * PAGE_SIZE, ACCESS_READ);
	ns = (now_ns() - start) / (REGION_PAGES / FAULT_AROUND);
	unmap(REGION_PAGES);
	return ns;
}

const struct subject ours_file_fault = { file_begin, file_fault_sample, end };

static void msync_begin(uint64_t memory)
{
	file_begin(memory);
	map_file(ADVISED);
}

static void sync_mapped(void)
{
	op.code = OP_MSYNC;
	op.msync = (struct op_msync){ MAPPED, ADVISED * PAGE_SIZE, MS_SYNC };
	run();
}

static double msync_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < SYNCS; i++) {
		store(MAPPED);
		sync_mapped();
	}
	return (now_ns() - start) / SYNCS;
}

const struct subject ours_msync = { msync_begin, msync_sample, end };

static void refault_begin(uint64_t arg)
{
	(void)arg;
	machine_begin();
	host_mmap(machine, 1, MAPPED, ADVISED * PAGE_SIZE, RW,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED);
}

static double refault_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		for (uint64_t page = 0; page < ADVISED; page++)
			touch(MAPPED + page * PAGE_SIZE, ACCESS_WRITE);
		op.code = OP_MADVISE;
		op.madvise = (struct op_madvise){
			MAPPED, ADVISED * PAGE_SIZE, MADV_DONTNEED };
		run();
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject ours_refault = { refault_begin, refault_sample, end };
