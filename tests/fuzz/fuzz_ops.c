/* SPDX-License-Identifier: MIT */
/*
 * Bytes as operations on a small machine: whatever they are, no assertion
 * fails, nothing is read or written out of place, and every invariant holds
 * after each. The first byte chooses the architecture; then two bytes choose an
 * operation and its process, the next few its addresses, lengths and flags, small
 * enough to collide often.
 *
 * The invariants are most of the work, so there are never more than a few
 * processes at a time, and after an operation that wrote to no frame what held
 * before still holds.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "mmcore/uapi.h"
#include "tests/lib/host.h"

#define PROCESSES 4	/* alive at a time */
#define OPERATIONS 64
#define RAM (8ULL << 20)

struct input {
	const uint8_t *at, *end;
};

/* Near where the kernel puts what is mapped without a hint. */
static uint64_t arena, stack, heap;

static uint8_t byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

/* Mostly near the arena; now and then any pattern at all. */
static uint64_t address(struct input *in)
{
	uint8_t kind = byte(in), page = byte(in);

	switch (kind >> 5) {
	case 0:
		return (uint64_t)page << 56 | (uint64_t)kind << 44 | page;
	case 1:
		return stack - PAGE_SIZE - (uint64_t)page * 0x8000;
	case 2:
		return heap + (uint64_t)page * 512;
	default:
		return arena + (uint64_t)page * PAGE_SIZE + (kind & 1);
	}
}

static uint64_t length(struct input *in)
{
	uint8_t kind = byte(in), n = byte(in);

	switch (kind >> 5) {
	case 0:
		return (uint64_t)n << (kind & 63);
	case 1:
		return (uint64_t)n << 21;
	default:
		return (uint64_t)(n & 15) * PAGE_SIZE + (kind & 1);
	}
}

static uint64_t map_flags(struct input *in)
{
	uint64_t flags = byte(in);

	flags |= (uint64_t)byte(in) << 8 | (uint64_t)(byte(in) & 0x1f) << 16;
	return flags & 1 ? flags : (flags & ~3ULL) | 0x22;
}

/* One of the living; or, now and then, somebody who is not there. */
static uint32_t process(const struct machine *m, uint8_t choice)
{
	task_ref t = mm_first_task(m);

	for (int i = choice % (PROCESSES + 1); i && !task_none(t); i--)
		t = mm_next_task(m, t);
	return task_none(t) ? choice : (uint32_t)task_at(m, t)->pid;
}

static void fill_op(struct input *in, const struct machine *m, struct op *op)
{
	op->code = (enum op_code)(1 + byte(in) % (NR_OPS - 1));
	op->pid = process(m, byte(in));
	op->deliver = op->pid & 1;
	switch (op->code) {
	case OP_MMAP:
		op->mmap = (struct op_mmap){ address(in), length(in),
					     byte(in) & 7, map_flags(in), -1,
					     byte(in) & 1 ? 0 : length(in) };
		break;
	case OP_MMAP2:
		op->mmap2 = (struct op_mmap2){ address(in), length(in),
					       byte(in) & 7, map_flags(in), -1,
					       byte(in) & 1 ? 0 : length(in) };
		break;
	case OP_MPROTECT:
		op->mprotect = (struct op_mprotect){ address(in), length(in),
						     byte(in) & 15 };
		break;
	case OP_MREMAP:
		op->mremap = (struct op_mremap){ address(in), length(in),
			length(in), byte(in) & 7, address(in) };
		break;
	case OP_MADVISE:
		op->madvise = (struct op_madvise){ address(in), length(in),
						   byte(in) & 127 };
		break;
	case OP_BRK:
		op->brk.addr = address(in);
		break;
	case OP_MEM_TOUCH:
		op->mem_touch = (struct op_mem_touch){ address(in),
			length(in) & 0xfffff, byte(in) % 3 };
		break;
	case OP_MEM_FILL:
		op->mem_fill = (struct op_mem_fill){ address(in),
			length(in) & 0xffff, byte(in) };
		break;
	case OP_FORK:
		op->fork.flags = byte(in) & 1 ? 0 : (uint64_t)byte(in) << 8;
		break;
	case OP_SETRLIMIT:
		op->setrlimit = (struct op_setrlimit){ byte(in) & 15,
			(uint64_t)byte(in) << 16, ~0ULL };
		break;
	case OP_SYSCTL:
		op->sysctl = (struct op_sysctl){ byte(in) % NR_SYSCTLS,
						 byte(in) };
		break;
	case OP_SPAWN:
		op->spawn.image = byte(in) & 1;
		break;
	default:	/* munmap, access_ok, reads: an address and a length */
		op->munmap = (struct op_munmap){ address(in), length(in) };
		break;
	}
}

/* The zero page is mapped for ever: twice the RAM is enough of it. */
static bool populates_much(const struct op *op)
{
	if (op->code == OP_MADVISE)
		return op->madvise.len > 2 * RAM &&
		       op->madvise.advice >= MADV_POPULATE_READ;
	return (op->code == OP_MMAP || op->code == OP_MMAP2) &&
	       op->mmap.flags & (MAP_POPULATE | MAP_LOCKED) &&
	       op->mmap.len > 2 * RAM;
}

static bool may_run(const struct machine *m, const struct op *op)
{
	if ((op->code == OP_SPAWN || op->code == OP_FORK) &&
	    kernel_at(m)->nr_tasks >= PROCESSES)
		return false;
	return !populates_much(op);
}

/* No write goes past the frame map. */
static void check_what_changed(struct machine *m)
{
	if (ram_next_frame(m, 0, FRAME_DIRTY) == UINT64_MAX)
		return;
	host_check(m);
	ram_clear_dirty(m);
}

static void run_next(struct input *in, struct machine *m)
{
	static uint8_t buf[1 << 16];
	struct op op = { .code = OP_NONE };
	struct op_result res;

	fill_op(in, m, &op);
	if (op.code == OP_MEM_READ)
		op.mem_read.len &= sizeof(buf) - 1;
	op.buf = buf;
	op.data = buf;
	op.data_len = op.code == OP_MEM_WRITE ? 100 : 0;
	if (!may_run(m, &op))
		return;
	mm_step(m, &op, &res, NULL);
	check_what_changed(m);
}

static void look_around(const struct machine *m, uint32_t pid)
{
	const struct mm_struct *mm = mm_at(m, task_at(m, mm_find_task(m, pid))->mm);

	arena = (mm->mmap_base - (16ULL << 20)) & ~0xffffffULL;
	stack = mm->highest_vm_end;
	heap = mm->start_brk;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct mm_config config = mm_config_default();
	struct machine *m;

	config.ram = RAM;
	config.arch = byte(&in) % NR_ARCHS;
	m = host_machine_new(&config);
	look_around(m, host_spawn(m));
	for (int i = 0; i < OPERATIONS && in.at < in.end; i++)
		run_next(&in, m);
	host_check(m);
	host_machine_free(m);
	return 0;
}
