/* SPDX-License-Identifier: MIT */
/* The simulated side of pipes: the same work through mm_step(). */
#include <stdio.h>
#include <stdlib.h>

#include "mmcore/uapi.h"
#include "tests/bench/subject.h"
#include "tests/lib/host.h"

#define MEMORY	0x100000000000ULL

static struct machine *machine;
static struct op op = { .pid = 1 };
static int32_t from[2], to[2];
static int64_t file;
static uint8_t bytes[PIPE_BYTES];

static struct op_result run(int64_t wanted)
{
	struct op_result res;

	if (mm_step(machine, &op, &res, NULL) != MM_OK ||
	    res.outcome != OUT_OK || (wanted && res.ret != wanted)) {
		fprintf(stderr, "bench: operation %d: %s\n", op.code,
			res.why ? res.why : "another value");
		exit(1);
	}
	return res;
}

static void make_pipe(int32_t fds[2])
{
	struct op_result res;

	op.code = OP_PIPE;
	op.pipe.flags = 0;
	res = run(0);
	fds[0] = res.fds[0];
	fds[1] = res.fds[1];
}

static void put(int64_t fd, uint64_t len)
{
	op.code = OP_WRITE;
	op.write = (struct op_write){ fd, NO_BUFFER, 0 };
	op.data = bytes;
	op.data_len = len;
	run((int64_t)len);
}

static void splice(int64_t in, int64_t offset, int64_t out)
{
	op.code = OP_SPLICE;
	op.splice = (struct op_splice){ in, offset, out, NO_OFFSET, PIPE_BYTES,
					0 };
	run(PIPE_BYTES);
}

static void pipe_begin(uint64_t arg)
{
	struct mm_config config = mm_config_default();

	(void)arg;
	machine = host_machine_new(&config);
	host_spawn(machine);
	make_pipe(from);
	make_pipe(to);
	op.code = OP_MEMFD_CREATE;
	op.memfd_create = (struct op_memfd_create){ "file", 0 };
	file = run(0).ret;
	put(file, PIPE_BYTES);
	host_mmap(machine, 1, MEMORY, PIPE_BYTES, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED);
	host_touch(machine, 1, MEMORY, PIPE_BYTES, ACCESS_WRITE);
}

static void pipe_end(uint64_t arg)
{
	(void)arg;
	host_machine_free(machine);
}

static double splice_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		splice(file, 0, from[1]);
		splice(from[0], NO_OFFSET, 0);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject ours_splice = { pipe_begin, splice_sample, pipe_end };

static void tee_begin(uint64_t arg)
{
	pipe_begin(arg);
	put(from[1], PIPE_BYTES);
}

static double tee_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		op.code = OP_TEE;
		op.tee = (struct op_tee){ from[0], to[1], PIPE_BYTES, 0 };
		run(PIPE_BYTES);
		splice(to[0], NO_OFFSET, 0);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject ours_tee = { tee_begin, tee_sample, pipe_end };

static double vmsplice_sample(uint64_t arg)
{
	static const struct op_iovec vec = { MEMORY, PIPE_BYTES };
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		op.code = OP_VMSPLICE;
		op.vmsplice = (struct op_vmsplice){ from[1], 0 };
		op.iov = (struct op_iov){ &vec, 1 };
		run(PIPE_BYTES);
		splice(from[0], NO_OFFSET, 0);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject ours_vmsplice = { pipe_begin, vmsplice_sample, pipe_end };

static double pipe_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		put(from[1], PAGE_SIZE);
		op.code = OP_READ;
		op.read = (struct op_read){ from[0], PAGE_SIZE, NO_BUFFER };
		op.buf = bytes;
		run(PAGE_SIZE);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject ours_pipe = { pipe_begin, pipe_sample, pipe_end };
