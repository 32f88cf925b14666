/* SPDX-License-Identifier: MIT */
/*
 * Bytes as operations on a small machine: whatever they are, no assertion
 * fails, nothing is read or written out of place, and every invariant holds
 * after each. The first byte chooses the architecture, and whether each operation is
 * first left at one of its polls and undone; then two bytes choose an
 * operation and its process, the next few its addresses, lengths, descriptors,
 * paths and flags, small enough to collide often. A program to be executed is a
 * struct exec_image of such numbers, or just bytes.
 *
 * The invariants are most of the work, so there are never more than a few
 * processes at a time, and after an operation that wrote to no frame what held
 * before still holds.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/uapi.h"
#include "tests/lib/host.h"
#include "tests/lib/undo.h"

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

/* ---- files, pipes, programs ---- */

/* 0 to 2 are /dev/null to begin with. */
static int64_t descriptor(struct input *in)
{
	return (int64_t)(byte(in) % 16) - 1;
}

static uint64_t file_offset(struct input *in)
{
	const uint8_t kind = byte(in), n = byte(in);

	return kind < 8 ? (uint64_t)n << 56 | n
	     : (uint64_t)(n & 31) * PAGE_SIZE + (kind & 7);
}

static int64_t splice_offset(struct input *in)
{
	return byte(in) & 1 ? NO_OFFSET : (int64_t)file_offset(in);
}

static const char *const paths[] = {
	"/f", "/g", "/d/f", "/d", "/d/", "/dev/null", "/dev/zero", "/", "", ".",
	"f", "/d/../f", "/nx/f", "/f/x", "//d//.//g", "/bin/demo",
};

static void set_path(struct input *in, struct op *op)
{
	op->path = paths[byte(in) % (sizeof(paths) / sizeof(paths[0]))];
	op->path_len = strlen(op->path);
}

/* Two ranges, or as many as there are. */
static struct op_iov ranges(struct input *in, struct op_iovec vec[2])
{
	const uint64_t nr = byte(in) % 3;

	for (uint64_t i = 0; i < nr; i++)
		vec[i] = (struct op_iovec){ address(in), length(in) };
	return (struct op_iov){ vec, nr };
}

/*
 * Calls of files whose arguments are descriptors, offsets, lengths and flags in
 * the order of their structs. False: it is another.
 */
static bool fill_file_op(struct input *in, struct op *op)
{
	switch (op->code) {
	case OP_OPEN:
		set_path(in, op);
		op->open.flags = byte(in) | (uint64_t)byte(in) << 8 |
				 (uint64_t)(byte(in) & 0x7f) << 16;
		op->open.mode = byte(in) | (uint64_t)byte(in) << 8;
		return true;
	case OP_FILE_CREATE:
		set_path(in, op);
		op->data_len = byte(in) * 40U;
		op->file_create = (struct op_file_create){
			file_offset(in), byte(in), byte(in) & 1 };
		return true;
	case OP_UNLINK:
		set_path(in, op);
		return true;
	case OP_CLOSE:
	case OP_DUP:
	case OP_FSYNC:
		op->close.fd = descriptor(in);
		return true;
	case OP_FTRUNCATE:
		op->ftruncate = (struct op_ftruncate){ descriptor(in),
						       file_offset(in) };
		return true;
	case OP_LSEEK:
		op->lseek = (struct op_lseek){ descriptor(in), file_offset(in),
					       byte(in) % 6 };
		return true;
	case OP_MEMFD_CREATE:
		op->memfd_create = (struct op_memfd_create){ "m", byte(in) };
		return true;
	case OP_READ:
		op->read = (struct op_read){ descriptor(in), length(in) & 0xffff,
			byte(in) & 1 ? NO_BUFFER : address(in) };
		return true;
	case OP_WRITE:
		op->write = (struct op_write){ descriptor(in),
			byte(in) & 1 ? NO_BUFFER : address(in),
			length(in) & 0xffff };
		op->data_len = op->write.count;
		return true;
	case OP_PREAD:
		op->pread = (struct op_pread){ descriptor(in),
			length(in) & 0xffff, file_offset(in),
			byte(in) & 1 ? NO_BUFFER : address(in) };
		return true;
	case OP_PWRITE:
		op->pwrite = (struct op_pwrite){ descriptor(in), file_offset(in),
			byte(in) & 1 ? NO_BUFFER : address(in),
			length(in) & 0xffff };
		op->data_len = op->pwrite.count;
		return true;
	default:
		return false;
	}
}

static bool fill_pipe_op(struct input *in, struct op *op,
			 struct op_iovec vec[4])
{
	static const uint32_t cmds[] = {
		F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC,
		F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS,
	};

	switch (op->code) {
	case OP_PIPE:
		op->pipe.flags = byte(in) & 1 ? 0 : (uint64_t)byte(in) << 8;
		return true;
	case OP_FCNTL:
		op->fcntl = (struct op_fcntl){ descriptor(in), file_offset(in),
			byte(in) & 1 ? byte(in) : cmds[byte(in) % 10] };
		return true;
	case OP_SPLICE:
		op->splice = (struct op_splice){ descriptor(in),
			splice_offset(in), descriptor(in), splice_offset(in),
			length(in), byte(in) & 31 };
		return true;
	case OP_TEE:
		op->tee = (struct op_tee){ descriptor(in), descriptor(in),
					   length(in), byte(in) & 31 };
		return true;
	case OP_SENDFILE:
		op->sendfile = (struct op_sendfile){ descriptor(in),
			descriptor(in), splice_offset(in), length(in) };
		return true;
	case OP_VMSPLICE:
		op->vmsplice = (struct op_vmsplice){ descriptor(in),
						     byte(in) & 31 };
		op->iov = ranges(in, vec);
		return true;
	case OP_PROCESS_VM_READV:
	case OP_PROCESS_VM_WRITEV:
		op->process_vm_readv.remote_pid = byte(in) % (PROCESSES + 2);
		op->iov = ranges(in, vec);
		op->remote_iov = ranges(in, vec + 2);
		return true;
	default:
		return false;
	}
}

#define PROGRAM_SEGMENTS 3

struct program {
	struct exec_image image;
	struct exec_segment segments[2 * PROGRAM_SEGMENTS];
	char strings[64];
};

static struct exec_segment segment(struct input *in)
{
	return (struct exec_segment){
		.vaddr = byte(in) & 1 ? address(in)
				      : (uint64_t)byte(in) << 12 | byte(in),
		.offset = file_offset(in), .filesz = length(in),
		.memsz = length(in), .align = (uint64_t)byte(in) << 8,
		.prot = byte(in) & 7,
	};
}

/* A program and, now and then, an interpreter; some of the strings end too early. */
static void set_program(struct input *in, struct op *op, struct program *p)
{
	static const char strings[] = "/f\0/g\0a\0b\0";
	const uint32_t nr = byte(in) % (PROGRAM_SEGMENTS + 1);
	const uint32_t nr_interp = byte(in) & 1 ? 0 : byte(in) % PROGRAM_SEGMENTS;

	memset(p, 0, sizeof(*p));
	p->image = (struct exec_image){
		.program = { address(in), byte(in), byte(in), nr, byte(in) & 1 },
		.interp = { address(in), byte(in), 2, nr_interp, byte(in) & 1 },
		.argc = byte(in) % 3, .envc = byte(in) % 3,
		.stack_exec = byte(in) & 1,
		.strings_len = sizeof(strings) - byte(in) % 4,
	};
	for (uint32_t i = 0; i < nr + nr_interp; i++)
		p->segments[i] = segment(in);
	memcpy((char *)&p->segments[nr + nr_interp], strings, sizeof(strings));
	op->data = (const uint8_t *)p;
	op->data_len = (size_t)((char *)&p->segments[nr + nr_interp] -
				(char *)p) + p->image.strings_len;
}

/* What an operation refers to beside itself. */
struct beside {
	struct op_iovec vec[4];
	struct program program;
};

/* mmap and its kind. False: it is another. */
static bool fill_map_op(struct input *in, struct op *op)
{
	switch (op->code) {
	case OP_MMAP:
		op->mmap = (struct op_mmap){ address(in), length(in),
					     byte(in) & 7, map_flags(in),
					     descriptor(in),
					     byte(in) & 1 ? 0 : length(in) };
		return true;
	case OP_MMAP2:
		op->mmap2 = (struct op_mmap2){ address(in), length(in),
					       byte(in) & 7, map_flags(in),
					       descriptor(in),
					       byte(in) & 1 ? 0 : length(in) };
		return true;
	case OP_MPROTECT:
		op->mprotect = (struct op_mprotect){ address(in), length(in),
						     byte(in) & 15 };
		return true;
	case OP_MREMAP:
		op->mremap = (struct op_mremap){ address(in), length(in),
			length(in), byte(in) & 7, address(in) };
		return true;
	case OP_MADVISE:
		op->madvise = (struct op_madvise){ address(in), length(in),
						   byte(in) & 127 };
		return true;
	case OP_REMAP_FILE_PAGES:
		op->remap_file_pages = (struct op_remap_file_pages){
			address(in), length(in), byte(in) & 1, byte(in), 0 };
		return true;
	case OP_MLOCK2:
	case OP_MSYNC:
		op->mlock2 = (struct op_mlock2){ address(in), length(in),
						 byte(in) & 7 };
		return true;
	default:
		return false;
	}
}

static void fill_op(struct input *in, const struct machine *m, struct op *op,
		    struct beside *b)
{
	op->code = (enum op_code)(1 + byte(in) % (NR_OPS - 1));
	op->pid = process(m, byte(in));
	op->deliver = op->pid & 1;
	if (fill_file_op(in, op) || fill_pipe_op(in, op, b->vec) ||
	    fill_map_op(in, op))
		return;
	switch (op->code) {
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
	case OP_TICK:
		op->tick.jiffies = (uint64_t)byte(in) << (byte(in) & 31);
		break;
	case OP_SPAWN:
		op->spawn.image = byte(in) % 3;
		set_program(in, op, &b->program);
		break;
	case OP_EXEC:
		set_program(in, op, &b->program);
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
	if (op->code == OP_FILE_CREATE)
		return op->file_create.cached && op->file_create.size > 2 * RAM;
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

/* Left at a poll and undone, it has never been. */
static void cancel_first(struct machine *m, const struct op *op, uint64_t at)
{
	const uint64_t before = host_digest(m);
	struct op_result res;
	struct undo u;

	undo_open(&u, m);
	undo_cancel_at(m, op, &res, at);
	undo_back(&u);
	undo_close(&u);
	if (host_digest(m) != before)
		abort();
}

static void run_next(struct input *in, struct machine *m, bool cancels)
{
	static uint8_t buf[1 << 16];
	struct op op = { .code = OP_NONE, .data = buf, .buf = buf };
	struct op_result res;
	struct beside b;

	fill_op(in, m, &op, &b);
	if (op.code == OP_MEM_READ || op.code == OP_MINCORE)
		op.mem_read.len &= sizeof(buf) - 1;
	if (op.code == OP_MEM_WRITE)
		op.data_len = 100;
	if (!may_run(m, &op))
		return;
	if (cancels)
		cancel_first(m, &op, (uint64_t)(in->end - in->at) % 41);
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

/* What a machine shows, whatever has become of it: binary files, runs, mappings. */
static void look_inside(const struct machine *m)
{
	static const char *const files[] = {
		"/proc/kpageflags", "/proc/kpagecount", "/proc/1/pagemap",
	};
	static struct mm_mapping found[4 * RAM / PAGE_SIZE];
	static uint8_t bytes[64 << 10];
	enum frame_use use;

	for (int i = 0; i < 3; i++) {
		const uint64_t size = mm_proc_size(m, files[i]);
		const uint64_t at = i == 2 ? arena >> 9 : 0;

		mm_proc_pread(m, files[i], at, bytes,
			      size < sizeof(bytes) ? size : sizeof(bytes));
	}
	for (uint64_t pfn = 0; pfn < RAM / PAGE_SIZE;
	     pfn += mm_frame_run(m, pfn, RAM / PAGE_SIZE, &use))
		if (mm_rmap_room(m, (pfn_t)pfn) <= sizeof(found) / sizeof(found[0]))
			mm_rmap(m, (pfn_t)pfn, found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct mm_config config = mm_config_default();
	struct machine *m;
	uint8_t choice;

	config.ram = RAM;
	config.disk = RAM;
	choice = byte(&in);
	config.arch = choice % NR_ARCHS;
	m = host_machine_new(&config);
	look_around(m, host_spawn(m));
	for (int i = 0; i < OPERATIONS && in.at < in.end; i++)
		run_next(&in, m, choice >= 192);
	host_check(m);
	look_inside(m);
	host_machine_free(m);
	return 0;
}
