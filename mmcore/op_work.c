/* SPDX-License-Identifier: MIT */
/*
 * What an operation may cost, said before it runs: how many frames it may take at most
 * (mm_op_bound(), for the host's quotas), how many it may visit (mm_op_work(), to decide
 * where it runs), and how many bytes it brings out (mm_op_room()). All of it is guessed
 * from the arguments and from what the address space has; a test compares the guess with
 * what each operation then took.
 */
#include "mmcore/fs/binfmts.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/page_alloc.h"

static uint64_t pages_spanned(uint64_t addr, uint64_t len)
{
	uint64_t end;

	if (!len)
		return 0;
	if (__builtin_add_overflow(addr, len - 1, &end))
		end = UINT64_MAX;
	return (end >> PAGE_SHIFT) - (addr >> PAGE_SHIFT) + 1;
}

/* Struct pages, tables and nodes of the page cache for @pages more, loosely. */
static uint64_t mapping_frames(uint64_t pages)
{
	return pages / 64 + pages / 256 + 24;
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

static mm_ref mm_of_pid(const struct machine *m, uint32_t pid)
{
	const task_ref t = mm_find_task(m, pid);

	return task_none(t) ? mm_make(0) : task_at(m, t)->mm;
}

static const struct mm_struct *op_mm(const struct machine *m,
				     const struct op *op)
{
	const mm_ref mm = mm_of_pid(m, op->pid);

	return mm_none(mm) ? NULL : mm_at(m, mm);
}

/* The most that a read of this descriptor can bring: its size, or a pipe's slots. */
static uint64_t bytes_behind(const struct machine *m, const struct op *op, int64_t fd)
{
	const task_ref task = mm_find_task(m, op->pid);
	const file_ref ref = task_none(task) ? file_make(0)
		: mm_fd_file(m, task_at(m, task)->files, (uint32_t)fd);
	pipe_ref pipe;

	if (file_none(ref))
		return 0;
	switch (file_at(m, ref)->f_op) {
	case FILE_OPS_SHMEM:
	case FILE_OPS_DISK:
		return inode_at(m, file_at(m, ref)->f_inode)->i_size;
	case FILE_OPS_PIPE:
		pipe = mm_pipe(m, task, fd);
		return (uint64_t)pipe_at(m, pipe)->max_usage << PAGE_SHIFT;
	case FILE_OPS_ZERO:
		return UINT64_MAX;
	default:
		return 0;
	}
}

/* Bytes of a read or write, as far as there are so many. */
static uint64_t bytes_moved(const struct machine *m, const struct op *op)
{
	switch (op->code) {
	case OP_READ:
		return least(op->read.count, bytes_behind(m, op, op->read.fd));
	case OP_PREAD:
		return least(op->pread.count, bytes_behind(m, op, op->pread.fd));
	case OP_WRITE:
		return op->write.buf == NO_BUFFER ? op->data_len : op->write.count;
	default:
		return op->pwrite.buf == NO_BUFFER ? op->data_len : op->pwrite.count;
	}
}

/* The buffer of a read or write in the program's memory; NO_BUFFER: it has none. */
static uint64_t buffer_of(const struct op *op)
{
	return op->code == OP_READ ? op->read.buf
	     : op->code == OP_PREAD ? op->pread.buf
	     : op->code == OP_WRITE ? op->write.buf : op->pwrite.buf;
}

/* Of the file and, beside it, of the program's memory. */
static uint64_t pages_moved(const struct machine *m, const struct op *op)
{
	const uint64_t pages = bytes_moved(m, op) >> PAGE_SHIFT;

	return buffer_of(op) == NO_BUFFER ? pages + 2 : 2 * pages + 4;
}

static bool locks_what_comes(const struct mm_struct *mm)
{
	return mm && mm->def_flags & VM_LOCKED;
}

/* Pages of the areas in [addr, addr + len) that are locked. O(those areas). */
static uint64_t pages_locked(const struct machine *m, mm_ref mm, uint64_t addr,
			     uint64_t len)
{
	const uint64_t end = len > UINT64_MAX - addr ? UINT64_MAX : addr + len;
	uint64_t pages = 0;

	if (mm_none(mm) || !mm_at(m, mm)->locked_vm)
		return 0;
	for (vma_ref v = vma_lookup(m, mm, addr);
	     !vma_none(v) && vma_at(m, v)->vm_start < end; v = vma_next(m, v)) {
		const struct vm_area_struct *vma = vma_at(m, v);

		if (vma->vm_flags & VM_LOCKED)
			pages += (least(vma->vm_end, end) -
				  (vma->vm_start > addr ? vma->vm_start : addr))
				 >> PAGE_SHIFT;
	}
	return pages;
}

/* The pages that a call may bring in because they are, or will be, locked. */
static uint64_t pages_locked_in(const struct machine *m, mm_ref ref,
				const struct op *op)
{
	const struct mm_struct *mm = mm_none(ref) ? NULL : mm_at(m, ref);

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
		return pages_locked(m, ref, op->mprotect.addr, op->mprotect.len);
	case OP_MREMAP:
		return pages_locked(m, ref, op->mremap.addr, 1)
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

/* The ring, the table of descriptors; other commands take nothing for arg. */
static uint64_t pages_of_fcntl(const struct op_fcntl *a)
{
	if (a->cmd == F_SETPIPE_SZ)
		return (uint32_t)a->arg >> (2 * PAGE_SHIFT - 6);
	if (a->cmd == F_DUPFD || a->cmd == F_DUPFD_CLOEXEC)
		return least((uint32_t)a->arg, NR_OPEN) / 512;
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
		return least(op->splice.len >> PAGE_SHIFT,
			      in > out ? in : out) * 2 + ahead;
	case OP_SENDFILE:
		out = slots_behind(m, op, op->sendfile.fd_out);
		in = op->sendfile.count >> PAGE_SHIFT;
		return (out ? least(in, out) : in) * 2 + ahead;
	case OP_VMSPLICE:
		in = slots_behind(m, op, op->vmsplice.fd);
		return least(pages_of_iov(&op->iov), in + 16 + 3 * op->iov.nr);
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
		/* Tables of three levels for each area, and of long ones. */
		return mm ? (pages >> 8) + 3 * least(pages, (uint64_t)mm->map_count)
			  : 0;
	default:
		return 0;
	}
}

/* Pages that may be read of a file at a time, in front of its page or around it. */
static uint64_t window(const struct machine *m)
{
	return kernel_at(m)->read_ahead_kb >> (PAGE_SHIFT - 10);
}

/*
 * What faults in [addr, addr + len), on @most pages at most, may bring of files into the
 * page cache: the pages that areas of files have there, and a window for each of those
 * areas. O(areas there).
 */
static uint64_t pages_cached_in(const struct machine *m, mm_ref mm, uint64_t addr,
				uint64_t len, uint64_t most)
{
	const uint64_t end = len > UINT64_MAX - addr ? UINT64_MAX : addr + len;
	uint64_t pages = 0;

	if (mm_none(mm))
		return 0;
	for (vma_ref v = vma_lookup(m, mm, addr); most && !vma_none(v) &&
	     vma_at(m, v)->vm_start < end; v = vma_next(m, v)) {
		const struct vm_area_struct *vma = vma_at(m, v);
		const uint64_t here = least(most, (least(vma->vm_end, end) -
			(vma->vm_start > addr ? vma->vm_start : addr) + PAGE_SIZE - 1)
			>> PAGE_SHIFT);

		if (file_none(vma->vm_file))
			continue;
		pages += here + window(m);
		most -= here;
	}
	return pages;
}

/* The same of an iov array's ranges. */
static uint64_t pages_cached_of_iov(const struct machine *m, mm_ref mm,
				    const struct op_iov *iov, uint64_t most)
{
	uint64_t nr = 0;

	for (uint64_t i = 0; i < iov->nr && i < UIO_MAXIOV; i++)
		nr += pages_cached_in(m, mm, iov->vec[i].base, iov->vec[i].len, most);
	return nr;
}

/* Pages that come into the page cache besides, because @pages pages are accessed. */
static uint64_t pages_cached(const struct machine *m, const struct op *op,
			     uint64_t pages)
{
	const mm_ref mm = mm_of_pid(m, op->pid);

	/* For so few it is not worth to look. */
	if (pages <= 8)
		return (window(m) + 1) * pages;
	switch (op->code) {
	case OP_MEM_READ:
	case OP_MEM_FILL:
	case OP_MEM_TOUCH:
	case OP_MLOCK:
	case OP_MLOCK2:
	case OP_MPROTECT:
	case OP_MADVISE:
		/* An address and a length come first in all of them. */
		return pages_cached_in(m, mm, op->munmap.addr, op->munmap.len, pages);
	case OP_MREMAP:
		return pages_cached_in(m, mm, op->mremap.addr, 1, 1) + pages;
	case OP_MLOCKALL:
		return pages_cached_in(m, mm, 0, UINT64_MAX, pages);
	case OP_MEM_WRITE:
		return pages_cached_in(m, mm, op->mem_write.addr, op->data_len, pages);
	case OP_READ:
	case OP_PREAD:
	case OP_WRITE:
	case OP_PWRITE:
		return window(m) + (buffer_of(op) == NO_BUFFER ? 0 :
			pages_cached_in(m, mm, buffer_of(op), bytes_moved(m, op), pages));
	case OP_VMSPLICE:
		return pages_cached_of_iov(m, mm, &op->iov, pages);
	case OP_PROCESS_VM_READV:
	case OP_PROCESS_VM_WRITEV:
		return pages_cached_of_iov(m, mm, &op->iov, pages) +
		       pages_cached_of_iov(m, mm_of_pid(m, op->process_vm_readv.remote_pid),
					   &op->remote_iov, pages);
	case OP_MMAP:
	case OP_MMAP2:
		return op->mmap.flags & MAP_ANONYMOUS ? 0 : pages + window(m);
	case OP_SPAWN:
	case OP_EXEC:
		return pages + window(m) * least(pages, EXEC_SEGMENTS_MAX);
	default:
		return 0;
	}
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
		pages = pages_moved(m, op);
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
		pages = pages_locked_in(m, mm_of_pid(m, op->pid), op);
		break;
	}
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

static uint64_t pages_of_fd(const struct machine *m, const struct op *op, int64_t fd)
{
	return (bytes_behind(m, op, fd) >> PAGE_SHIFT) + 1;
}

/*
 * Dirty pages that may reach the disk, whose blocks are frames, too: because they are
 * asked for, or because with @pages more there are too many.
 */
static uint64_t pages_written_back(const struct machine *m, const struct op *op,
				   uint64_t pages)
{
	const struct kernel *k = kernel_at(m);

	switch (op->code) {
	case OP_FSYNC:
		return least(k->nr_dirty, pages_of_fd(m, op, op->fsync.fd));
	case OP_MSYNC:
		return least(k->nr_dirty, pages_spanned(op->msync.addr, op->msync.len));
	case OP_TICK:
		return k->nr_dirty;
	default:
		return k->nr_dirty + pages > global_dirty_limit(m, k->dirty_ratio)
			? k->nr_dirty + pages : 0;
	}
}

/* Pages of files that it may make dirty. */
static uint64_t pages_dirtied(const struct op *op, uint64_t pages, uint64_t cached)
{
	switch (op->code) {
	case OP_WRITE:
	case OP_PWRITE:
	case OP_SPLICE:
	case OP_SENDFILE:
		return pages;
	case OP_READ:
	case OP_PREAD:
	case OP_MEM_WRITE:
	case OP_MEM_FILL:
	case OP_MEM_TOUCH:
	case OP_MADVISE:
	case OP_PROCESS_VM_READV:
	case OP_PROCESS_VM_WRITEV:
	case OP_VMSPLICE:
		return cached;
	default:
		return 0;
	}
}

uint64_t mm_op_bound(const struct machine *m, const struct op *op)
{
	const uint64_t pages = pages_named(m, op);
	const uint64_t cached = pages_cached(m, op, pages);
	const struct mm_struct *mm = op_mm(m, op);
	uint64_t others = 0;

	if (op->code == OP_FORK && mm && !(op->fork.flags & CLONE_VM))
		others = frames_of_a_child(mm);
	else if (op->code == OP_MREMAP && mm)
		others = tables_moved(mm, &op->mremap);
	others += pages_written_back(m, op, pages_dirtied(op, pages, cached));
	return least((takes_frames(op) ? pages : 0) + cached + others,
		      machine_frames(m)) +
	       mapping_frames(pages + cached + others);
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
	const uint64_t pages = pages_named(m, op);

	return pages + pages_cached(m, op, pages) + pages_passed(m, op);
}
