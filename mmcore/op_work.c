/* SPDX-License-Identifier: MIT */
/*
 * What an operation may cost, said before it runs: how many frames it may take at most
 * (mm_op_bound(), for the host's quotas), how many it may visit (mm_op_work(), to decide
 * where it runs), and how many bytes it brings out (mm_op_room()). All of it is guessed
 * from the arguments and from what the address space has; a test compares the guess with
 * what each operation then took.
 */
#include "mmcore/fs/binfmts.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/kernel/task.h"

static uint64_t pages_spanned(uint64_t addr, uint64_t len)
{
	uint64_t end;

	if (!len)
		return 0;
	if (__builtin_add_overflow(addr, len - 1, &end))
		end = UINT64_MAX;
	return (end >> PAGE_SHIFT) - (addr >> PAGE_SHIFT) + 1;
}

/* Tables and struct pages of @pages frames newly mapped, loosely. */
static uint64_t mapping_frames(uint64_t pages)
{
	return pages / 64 + pages / 512 + 24;
}

uint64_t mm_op_room(const struct machine *m, const struct op *op)
{
	switch (op->code) {
	case OP_MEM_READ:
		return op->mem_read.len;
	case OP_MINCORE:
		return mincore_pages(m, &op->mincore);
	case OP_READ:
		return op->read.buf == NO_BUFFER ? op->read.count : 0;
	case OP_PREAD:
		return op->pread.buf == NO_BUFFER ? op->pread.count : 0;
	default:
		return 0;
	}
}

static const struct mm_struct *op_mm(const struct machine *m,
				     const struct op *op)
{
	task_ref t = mm_find_task(m, op->pid);

	return task_none(t) ? NULL : mm_at(m, task_at(m, t)->mm);
}

/* Of the file and of the program's memory. */
static uint64_t pages_moved(const struct op *op)
{
	const uint64_t count = op->code == OP_READ ? op->read.count
			     : op->code == OP_PREAD ? op->pread.count
			     : op->code == OP_WRITE ? op->write.count
			     : op->pwrite.count;
	const uint64_t bytes = count > op->data_len ? count : op->data_len;

	return bytes >> PAGE_SHIFT << 1 | 2;
}

static bool locks_what_comes(const struct mm_struct *mm)
{
	return mm && mm->def_flags & VM_LOCKED;
}

/* The pages that a call may bring in because they are, or will be, locked. */
static uint64_t pages_locked_in(const struct mm_struct *mm,
				const struct op *op)
{
	switch (op->code) {
	case OP_MLOCK:
		return pages_spanned(op->mlock.addr, op->mlock.len);
	case OP_MLOCK2:
		return op->mlock2.flags & MLOCK_ONFAULT
			? 0 : pages_spanned(op->mlock2.addr, op->mlock2.len);
	case OP_MLOCKALL:
		/* Areas far apart need tables of three levels each. */
		return mm && op->mlockall.flags & MCL_CURRENT
			? mm->total_vm + 3 * (uint64_t)mm->map_count : 0;
	case OP_MPROTECT:
		return mm && mm->locked_vm
			? pages_spanned(op->mprotect.addr, op->mprotect.len) : 0;
	case OP_MREMAP:
		return mm && mm->locked_vm
			? pages_spanned(0, op->mremap.new_len) : 0;
	case OP_BRK:
		return locks_what_comes(mm) && op->brk.addr > mm->brk
			? pages_spanned(mm->brk, op->brk.addr - mm->brk) : 0;
	case OP_MMAP:
	case OP_MMAP2:
		return op->mmap.flags & (MAP_POPULATE | MAP_LOCKED) ||
		       locks_what_comes(mm)
			? pages_spanned(0, op->mmap.len) : 0;
	default:
		return 0;
	}
}

/* Those of an iov array, and tables for ranges far apart. */
static uint64_t pages_of_iov(const struct op_iov *iov)
{
	uint64_t pages = 0;

	for (uint64_t i = 0; i < iov->nr && i < UIO_MAXIOV; i++)
		pages += pages_spanned(iov->vec[i].base, iov->vec[i].len) + 3;
	return pages;
}

/* Slots of the pipe behind a descriptor; 0: it is none. */
static uint64_t slots_behind(const struct machine *m, const struct op *op,
			     int64_t fd)
{
	const task_ref task = mm_find_task(m, op->pid);
	const pipe_ref pipe = task_none(task) ? pipe_make(0)
					      : mm_pipe(m, task, fd);

	return pipe_none(pipe) ? 0 : pipe_at(m, pipe)->max_usage;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The ring, the table of descriptors; other commands take nothing for arg. */
static uint64_t pages_of_fcntl(const struct op_fcntl *a)
{
	if (a->cmd == F_SETPIPE_SZ)
		return (uint32_t)a->arg >> (2 * PAGE_SHIFT - 6);
	if (a->cmd == F_DUPFD || a->cmd == F_DUPFD_CLOEXEC)
		return lesser((uint32_t)a->arg, NR_OPEN) / 512;
	return 0;
}

/* Of the page cache and of pipes; where a pipe takes part it has so many slots. */
static uint64_t pages_spliced(const struct machine *m, const struct op *op)
{
	const uint64_t ahead = kernel_at(m)->read_ahead_kb / 2 + 2;
	uint64_t in, out;

	switch (op->code) {
	case OP_SPLICE:
		in = slots_behind(m, op, op->splice.fd_in);
		out = slots_behind(m, op, op->splice.fd_out);
		return lesser(op->splice.len >> PAGE_SHIFT,
			      in > out ? in : out) * 2 + ahead;
	case OP_SENDFILE:
		out = slots_behind(m, op, op->sendfile.fd_out);
		in = op->sendfile.count >> PAGE_SHIFT;
		return (out ? lesser(in, out) : in) * 2 + ahead;
	case OP_VMSPLICE:
		in = slots_behind(m, op, op->vmsplice.fd);
		return lesser(pages_of_iov(&op->iov), in + 16 + 3 * op->iov.nr);
	default:
		return pages_of_fcntl(&op->fcntl);
	}
}

/* Pages that advice brings in, or tables; and tables of areas far apart. */
static uint64_t pages_advised_in(const struct mm_struct *mm,
				 const struct op_madvise *a)
{
	const uint64_t pages = pages_spanned(a->addr, a->len);

	switch (a->advice) {
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
	case MADV_WILLNEED:
		return pages + 3;
	case MADV_GUARD_INSTALL:
		return mm ? (pages >> 8) + 3 * (uint64_t)mm->map_count : 0;
	default:
		return mm ? (uint64_t)mm->map_count / 4 : 0;
	}
}

/*
 * What a fault on @pages pages may read of files besides: a window ahead of, or
 * around, a page in each area that they lie in.
 */
static uint64_t pages_ahead(const struct machine *m, const struct op *op,
			    uint64_t pages)
{
	const struct mm_struct *mm = op_mm(m, op);
	const uint64_t window = kernel_at(m)->read_ahead_kb >> (PAGE_SHIFT - 10);
	const uint64_t areas = mm ? (uint64_t)mm->map_count : EXEC_SEGMENTS_MAX;

	return window * (pages < areas ? pages : areas);
}

/* The strings, the stack, and the end of each segment, which becomes zero. */
static uint64_t pages_of_program(const struct op *op)
{
	const struct exec_image *image = (const struct exec_image *)op->data;
	uint64_t segments = DEMO_SEGMENTS;

	if (op_brings_program(op))
		segments = image->program.nr_segments + image->interp.nr_segments;
	return 2 * (op->data_len >> PAGE_SHIFT) + 2 * segments + 4;
}

/* The pages an operation may bring in, capped by what could exist. */
static uint64_t pages_named(const struct machine *m, const struct op *op)
{
	const uint64_t all = kernel_at(m)->ram_frames;
	uint64_t pages;

	switch (op->code) {
	case OP_MEM_READ:
		pages = pages_spanned(op->mem_read.addr, op->mem_read.len);
		break;
	case OP_MEM_WRITE:
		pages = pages_spanned(op->mem_write.addr, op->data_len);
		break;
	case OP_MEM_FILL:
		pages = pages_spanned(op->mem_fill.addr, op->mem_fill.len);
		break;
	case OP_READ:
	case OP_PREAD:
	case OP_WRITE:
	case OP_PWRITE:
		pages = pages_moved(op);
		break;
	case OP_FILE_CREATE:
		/* the blocks, and a directory for every two bytes of the path */
		pages = (op->data_len >> PAGE_SHIFT) + op->path_len / 2 + 4;
		if (op->file_create.cached)
			pages += (op->file_create.size >> PAGE_SHIFT) +
				 (op->data_len >> PAGE_SHIFT);
		break;
	case OP_MEM_TOUCH:
		pages = pages_spanned(op->mem_touch.addr, op->mem_touch.len);
		break;
	case OP_SPLICE:
	case OP_SENDFILE:
	case OP_VMSPLICE:
	case OP_FCNTL:
		pages = pages_spliced(m, op);
		break;
	case OP_MADVISE:
		pages = pages_advised_in(op_mm(m, op), &op->madvise);
		break;
	case OP_PROCESS_VM_READV:
	case OP_PROCESS_VM_WRITEV:
		pages = pages_of_iov(&op->iov) + pages_of_iov(&op->remote_iov);
		break;
	case OP_SPAWN:
	case OP_EXEC:
		pages = pages_of_program(op);
		break;
	default:
		pages = pages_locked_in(op_mm(m, op), op);
		break;
	}
	pages += pages_ahead(m, op, pages);
	return pages < all ? pages : all;
}

/* May a page come in as a frame of its own? Reading maps what is there. */
static bool takes_frames(const struct op *op)
{
	return op->code != OP_MEM_READ;
}

/* Of a fork: the child's tables, and its areas with the index of them. */
static uint64_t frames_of_a_child(const struct mm_struct *mm)
{
	return mm->nr_tables + (uint64_t)mm->map_count / 16;
}

/* Of an mremap: tables for where it moves to. */
static uint64_t tables_moved(const struct mm_struct *mm,
			     const struct op_mremap *a)
{
	const uint64_t spans = pages_spanned(0, a->old_len) / 512 + 8;

	return spans < mm->nr_tables ? spans : mm->nr_tables;
}

uint64_t mm_op_bound(const struct machine *m, const struct op *op)
{
	uint64_t pages = pages_named(m, op);
	const struct mm_struct *mm = op_mm(m, op);

	if (op->code == OP_FORK && mm && !(op->fork.flags & CLONE_VM))
		pages = frames_of_a_child(mm);
	else if (op->code == OP_MREMAP && mm)
		pages += tables_moved(mm, &op->mremap);
	return (takes_frames(op) ? pages : 0) + mapping_frames(pages);
}

/* Entries that are there already and have to be looked at. */
static uint64_t pages_passed(const struct machine *m, const struct op *op)
{
	const struct mm_struct *mm = op_mm(m, op);
	uint64_t most = mm ? get_mm_rss(mm) + (uint64_t)mm->map_count : 0;
	uint64_t pages;

	switch (op->code) {
	case OP_FORK:
	case OP_EXIT:
		return most;
	case OP_MUNMAP:
		pages = pages_spanned(op->munmap.addr, op->munmap.len);
		break;
	case OP_MPROTECT:
		pages = pages_spanned(op->mprotect.addr, op->mprotect.len);
		break;
	case OP_MREMAP:
		pages = pages_spanned(op->mremap.addr, op->mremap.old_len);
		break;
	case OP_MADVISE:
		pages = pages_spanned(op->madvise.addr, op->madvise.len);
		break;
	default:
		return 0;
	}
	return pages < most ? pages : most;
}

uint64_t mm_op_work(const struct machine *m, const struct op *op)
{
	return pages_named(m, op) + pages_passed(m, op);
}
