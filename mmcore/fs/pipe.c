/* SPDX-License-Identifier: MIT */
/*
 * Pipes.
 *
 * A pipe is a ring of slots, and a slot is a piece of a page: which page, from
 * where, how long. So its capacity is counted in slots, not in bytes: 16 splices
 * of one byte each fill it. Only write() copies, into pages of the pipe's own;
 * it appends to the last one where that was made by a write and has room for all
 * that does not fill whole pages. Everything else hands references around. What
 * a slot refers to may at the same time be a page of a file's cache, be mapped
 * into programs, lie in another pipe: each holds one reference, and the page
 * lives until the last lets go. Nobody copies it for the pipe's sake, so a store
 * into a page that was vmspliced, or a write to a file that was spliced, is seen
 * by the reader; and nothing takes it back, neither munmap nor truncate. A page
 * that pipes alone hold any more has PG_pipe and is on no LRU list.
 *
 * What kinds of pages there are, and what each does when it is let go, taken
 * over or shared, is the table pipe_buf_operations[]. (2.6.17 and 6.18
 * fs/pipe.c.)
 */
#include <string.h>

#include "mmcore/fs/pipe.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/uio.h"

#define PIPE_USER_PAGES_SOFT	16384	/* of all of a user's rings */
#define PIPE_MIN_DEF_BUFFERS	2	/* slots for who has more than that */
/* The largest ring that Linux can allocate: 4 MiB of 40 bytes each. */
#define PIPE_MAX_SLOTS		((4ULL << 20) / 40)

pipe_ref get_pipe_info(const struct machine *m, file_ref file)
{
	if (file_at(m, file)->f_op != FILE_OPS_PIPE)
		return pipe_make(0);
	return inode_at(m, file_at(m, file)->f_inode)->i_pipe;
}

/* ---- kinds of pages ---- */

int always_valid_pipe_buf_pin(const struct machine *m, const struct pipe_buffer *buf)
{
	(void)m;
	(void)buf;
	return 0;
}

/* page_cache_pipe_buf_confirm() */
int page_cache_pipe_buf_pin(const struct machine *m,
			  const struct pipe_buffer *buf)
{
	const struct page_rest *page = folio_at(m, (pfn_t)buf->page);

	if (page->flags >> PG_uptodate & 1)
		return 0;
	return page->mapping ? -EIO : -ENODATA;
}

/* All memory is mapped already: no window has to be opened, or shut. */
const uint8_t *generic_pipe_buf_map(const struct machine *m,
				  const struct pipe_buffer *buf)
{
	return (const uint8_t *)ram_at(m, pfn_to_pa((pfn_t)buf->page)) +
	       buf->offset;
}

void generic_pipe_buf_unmap(const struct machine *m,
			  const struct pipe_buffer *buf)
{
	(void)m;
	(void)buf;
}

void generic_pipe_buf_release(struct step *s, pipe_ref pipe,
			    struct pipe_buffer *buf)
{
	(void)pipe;
	put_page(s, (pfn_t)buf->page);
}

/* The zero page is nobody's: it is not counted. */
void zero_pipe_buf_release(struct step *s, pipe_ref pipe,
			 struct pipe_buffer *buf)
{
	(void)s;
	(void)pipe;
	(void)buf;
}

/* A page of a program's may be the zero page, too. */
void user_page_pipe_buf_release(struct step *s, pipe_ref pipe,
			      struct pipe_buffer *buf)
{
	(void)pipe;
	put_user_page(s, (pfn_t)buf->page);
}

/* A page that was ours alone is kept for the next write. */
void anon_pipe_buf_release(struct step *s, pipe_ref pipe,
				  struct pipe_buffer *buf)
{
	struct pipe_inode_info *p = pipe_mut(s, pipe);
	const pfn_t pfn = (pfn_t)buf->page;

	if (!p->tmp_page && page_counts_at(s->m, pfn)->_count == 1)
		p->tmp_page = pfn;
	else
		put_page(s, pfn);
}

bool generic_pipe_buf_steal(struct step *s, struct pipe_buffer *buf,
			  const char **why)
{
	if (page_has(s->m, (pfn_t)buf->page, PG_compound)) {
		*why = "the page is a part of a larger folio";
		return false;
	}
	if (page_counts_at(s->m, (pfn_t)buf->page)->_count == 1)
		return true;
	*why = "somebody else has the page, too";
	return false;
}

/*
 * 2.6.17 takes a page out of the cache of the file it is of. Today's kernel does
 * no such thing, and a program would notice; so only what was truncated goes.
 */
bool page_cache_pipe_buf_steal(struct step *s, struct pipe_buffer *buf,
			     const char **why)
{
	if (!page_at(s->m, (pfn_t)buf->page)->mapping)
		return generic_pipe_buf_steal(s, buf, why);
	*why = "the page is in the cache of its file";
	return false;
}

bool user_page_pipe_buf_steal(struct step *s, struct pipe_buffer *buf,
			    const char **why)
{
	if (buf->flags & PIPE_BUF_FLAG_GIFT)
		return generic_pipe_buf_steal(s, buf, why);
	*why = "the program did not give the page away";
	return false;
}

bool zero_pipe_buf_steal(struct step *s, struct pipe_buffer *buf,
			const char **why)
{
	(void)s;
	(void)buf;
	*why = "the zero page is nobody's to give";
	return false;
}

/* ---- the ring ---- */

/* A page that others hold, too, only loses a reference, whatever its kind. */
static inline void pipe_buf_release(struct step *s, pipe_ref pipe,
				    struct pipe_buffer *buf)
{
	const uint64_t pfn = buf->page;

	if (pfn == kernel_at(s->m)->zero_pfn || !put_shared_page(s, (pfn_t)pfn))
		pipe_buf_ops(buf)->release(s, pipe, buf);
	trace_event(s, pipe_buf_release, pipe_at(s->m, pipe)->curbuf, pfn,
		    (uint64_t)folio_ref_count(s->m, (pfn_t)pfn));
	pipe_pop(s, pipe, buf);
}

void pipe_consume(struct step *s, pipe_ref pipe, uint32_t n)
{
	struct pipe_buffer *buf = pipe_buf_mut(s, pipe, 0);

	if (n == buf->len) {
		pipe_buf_release(s, pipe, buf);
		return;
	}
	buf->offset += n;
	buf->len -= n;
}

uint64_t pipe_drop(struct step *s, pipe_ref pipe, uint64_t len)
{
	const struct pipe_inode_info *p = pipe_at(s->m, pipe);
	uint64_t done = 0;

	while (done < len && p->nrbufs) {
		struct pipe_buffer *buf =
			ram_mut(s, pipe_buf_pa(p, pipe, 0));
		const uint32_t n = len - done < buf->len
			? (uint32_t)(len - done) : buf->len;

		trace_event(s, splice_null, buf->page, buf->offset, n, 0);
		done += n;
		if (n == buf->len) {
			pipe_buf_release(s, pipe, buf);
			continue;
		}
		buf->offset += n;
		buf->len -= n;
	}
	return done;
}

/* ---- waiting ---- */

int64_t broken_pipe(struct step *s)
{
	s->res->signo = SIGPIPE;
	return refuse(s, EPIPE, "nobody has the pipe open for reading");
}

int64_t wait_for_space(struct step *s, pipe_ref pipe, bool nonblock)
{
	if (!pipe_at(s->m, pipe)->readers)
		return broken_pipe(s);
	if (!pipe_full(s->m, pipe))
		return 0;
	if (nonblock)
		return refuse(s, EAGAIN, "the pipe is full");
	return would_block(s, "pipe is full", 0);
}

int64_t wait_for_data(struct step *s, pipe_ref pipe, bool nonblock)
{
	if (!pipe_empty(s->m, pipe))
		return 1;
	if (!pipe_at(s->m, pipe)->writers)
		return 0;
	if (nonblock)
		return refuse(s, EAGAIN, "the pipe is empty");
	return would_block(s, "pipe is empty", 0);
}

/* ---- read ---- */

/* From the oldest buffer: bytes, or a negative errno, told. */
static int64_t read_buffer(struct step *s, pipe_ref pipe,
			   struct user_buffer *to, uint64_t count)
{
	const struct pipe_buffer *buf = pipe_buf_at(s->m, pipe, 0);
	const struct pipe_buf_operations *ops = pipe_buf_ops(buf);
	const uint32_t n = count < buf->len ? (uint32_t)count : buf->len;
	const bool packet = buf->flags & PIPE_BUF_FLAG_PACKET;
	const int err = ops->pin(s->m, buf);
	uint64_t left;

	if (err)
		return refuse(s, -err, "the page of a buffer was never filled");
	left = buffer_put(s, to, ops->map(s->m, buf), n);
	ops->unmap(s->m, buf);
	if (left)
		return refuse(s, EFAULT, "the buffer cannot be written");
	trace_event(s, pipe_read, buf->page, buf->offset, buf->len, n);
	pipe_consume(s, pipe, packet ? buf->len : n);
	return n;
}

int64_t pipe_read(struct step *s, file_ref file, struct user_buffer *to,
		  uint64_t *pos, uint64_t count)
{
	const pipe_ref pipe = get_pipe_info(s->m, file);
	uint64_t done = 0;
	bool packet = false;
	int64_t n;

	(void)pos;
	if (!count)
		return 0;
	n = wait_for_data(s, pipe, file_at(s->m, file)->f_flags & O_NONBLOCK);
	if (n <= 0)
		return n;
	while (done < count && !packet && !pipe_empty(s->m, pipe)) {
		packet = pipe_buf_at(s->m, pipe, 0)->flags &
			 PIPE_BUF_FLAG_PACKET;
		n = read_buffer(s, pipe, to, count - done);
		if (n < 0 && !done)
			return n;
		if (n < 0)
			break;
		done += (uint64_t)n;
	}
	s->res->why = NULL;
	return (int64_t)done;
}

/* ---- write ---- */

/* The bytes that go behind those of the last buffer, before all others. */
static uint64_t merge_bytes(const struct machine *m, pipe_ref pipe,
			    uint64_t count)
{
	const uint64_t chars = count & (PAGE_SIZE - 1);
	const struct pipe_buffer *last;

	if (!chars || pipe_empty(m, pipe))
		return 0;
	last = pipe_buf_at(m, pipe, pipe_at(m, pipe)->nrbufs - 1);
	return last->flags & PIPE_BUF_FLAG_CAN_MERGE &&
	       last->offset + last->len + chars <= PAGE_SIZE ? chars : 0;
}

/* 0, or -EFAULT, told. */
static int64_t merge(struct step *s, pipe_ref pipe, struct user_buffer *from,
		     uint64_t n)
{
	struct pipe_buffer *last =
		pipe_buf_mut(s, pipe, pipe_at(s->m, pipe)->nrbufs - 1);
	const uint64_t pa = pfn_to_pa((pfn_t)last->page) + last->offset +
			    last->len;

	if (buffer_get(s, from, ram_mut(s, pa), n))
		return refuse(s, EFAULT, "the buffer cannot be read");
	last->len += (uint32_t)n;
	trace_event(s, pipe_merge, last->page, last->offset, last->len, n);
	return 0;
}

static pfn_t anon_pipe_get_page(struct step *s, pipe_ref pipe)
{
	struct pipe_inode_info *p = pipe_mut(s, pipe);
	pfn_t pfn = (pfn_t)p->tmp_page;

	p->tmp_page = 0;
	if (pfn)
		return pfn;
	pfn = alloc_page(s, GFP_HIGHUSER);
	if (pfn)
		page_mut(s, pfn)->flags |= 1ULL << PG_pipe |
					   1ULL << PG_uptodate;
	return pfn;
}

static void anon_pipe_put_page(struct step *s, pipe_ref pipe, pfn_t pfn)
{
	if (pipe_at(s->m, pipe)->tmp_page)
		put_page(s, pfn);
	else
		pipe_mut(s, pipe)->tmp_page = pfn;
}

/* A slot with @n bytes, at most a page of them. 0, or a negative errno, told. */
static int64_t fill_slot(struct step *s, pipe_ref pipe,
			 struct user_buffer *from, uint64_t n, bool packet)
{
	const pfn_t pfn = anon_pipe_get_page(s, pipe);

	if (!pfn)
		return refuse(s, ENOMEM, "no memory for a page of the pipe");
	if (buffer_get(s, from, ram_mut(s, pfn_to_pa(pfn)), n)) {
		anon_pipe_put_page(s, pipe, pfn);
		return refuse(s, EFAULT, "the buffer cannot be read");
	}
	pipe_push(s, pipe, &(struct pipe_buffer){
		.page = pfn,
		.len = (uint32_t)n,
		.ops = packet ? PIPE_BUF_OPS_PACKET : PIPE_BUF_OPS_ANON,
		.flags = packet ? PIPE_BUF_FLAG_PACKET
				: PIPE_BUF_FLAG_CAN_MERGE,
	});
	trace_event(s, pipe_write,
		    pipe_slot(pipe_at(s->m, pipe),
			      pipe_at(s->m, pipe)->nrbufs - 1),
		    pfn, n, n);
	return 0;
}

/* Would the writer sleep before all of it is in? Not where it fails first. */
static bool write_blocks(const struct step *s, pipe_ref pipe,
			 const struct user_buffer *from, uint64_t count,
			 uint64_t *room)
{
	*room = merge_bytes(s->m, pipe, count) +
		(pipe_room(s->m, pipe) << PAGE_SHIFT);
	return count > *room &&
	       (from->bytes ||
		user_readable(s, from->addr, *room) == *room);
}

/* Linux: fs/pipe.c anon_pipe_write(), 6.18. */
int64_t pipe_write(struct step *s, file_ref file, struct user_buffer *from,
		   uint64_t *pos, uint64_t count)
{
	const pipe_ref pipe = get_pipe_info(s->m, file);
	const uint32_t flags = file_at(s->m, file)->f_flags;
	uint64_t done, room;
	int64_t err = 0;

	(void)pos;
	if (!count)
		return 0;
	if (!pipe_at(s->m, pipe)->readers)
		return broken_pipe(s);
	if (!(flags & O_NONBLOCK) && write_blocks(s, pipe, from, count, &room))
		return would_block(s, "pipe is full", room);
	done = merge_bytes(s->m, pipe, count);
	if (done)
		err = merge(s, pipe, from, done);
	if (err)
		return err;
	while (!err && done < count && !pipe_full(s->m, pipe)) {
		const uint64_t n = count - done < PAGE_SIZE ? count - done
							    : PAGE_SIZE;

		mm_poll(s->m, 1);
		err = fill_slot(s, pipe, from, n, flags & O_DIRECT);
		if (!err)
			done += n;
	}
	if (!done)
		return err ? err : refuse(s, EAGAIN, "the pipe is full");
	s->res->why = NULL;
	return (int64_t)done;
}

/* ---- making one, and its end ---- */

/* pipe_is_unprivileged_user(), with more than its share? */
static bool too_many_pipe_buffers(const struct step *s, uint64_t bufs)
{
	return bufs > PIPE_USER_PAGES_SOFT && !capable(s);
}

static uint32_t first_slots(const struct step *s)
{
	const struct kernel *k = kernel_at(s->m);
	uint64_t slots = PIPE_BUFFERS;

	if (slots << PAGE_SHIFT > k->pipe_max_size && !capable(s))
		slots = k->pipe_max_size >> PAGE_SHIFT;
	if (too_many_pipe_buffers(s, k->pipe_bufs + slots))
		slots = PIPE_MIN_DEF_BUFFERS;
	return (uint32_t)slots;
}

pipe_ref alloc_pipe_info(struct step *s)
{
	const pipe_ref pipe = pipe_make(kmem_cache_alloc(s, CACHE_PIPE));
	struct pipe_inode_info *p;

	if (pipe_none(pipe))
		return pipe;
	p = pipe_mut(s, pipe);
	p->max_usage = first_slots(s);
	p->nr_accounted = p->max_usage;
	kernel_mut(s)->pipe_bufs += p->nr_accounted;
	return pipe;
}

/* A ring larger than the first one has frames of its own, one compound page, as what
 * kmalloc() gives from 8 KiB on (6.18). */
static unsigned int ring_order(uint64_t slots)
{
	unsigned int order = 0;

	while ((PAGE_SIZE << order) < slots * sizeof(struct pipe_buffer))
		order++;
	return order;
}

static void free_ring(struct step *s, uint64_t ring, uint64_t slots)
{
	const unsigned int order = ring_order(slots);

	__free_pages(s, (pfn_t)(ring >> PAGE_SHIFT), order);
	kernel_mut(s)->nr_kernel_pages -= 1ULL << order;
}

/* Zeroed; 0: no RAM. */
static uint64_t alloc_ring(struct step *s, uint64_t slots)
{
	const unsigned int order = ring_order(slots);
	const pfn_t first = alloc_pages(s, GFP_KERNEL | __GFP_COMP, order);

	if (!first)
		return 0;
	for (pfn_t pfn = first; pfn < first + (1u << order); pfn++)
		page_mut(s, pfn)->flags |= 1ULL << PG_kernel;
	kernel_mut(s)->nr_kernel_pages += 1ULL << order;
	return pfn_to_pa(first);
}

void free_pipe_info(struct step *s, pipe_ref pipe)
{
	const struct pipe_inode_info *p = pipe_at(s->m, pipe);

	while (p->nrbufs) {
		mm_poll(s->m, 1);
		pipe_buf_release(s, pipe, pipe_buf_mut(s, pipe, 0));
	}
	if (p->tmp_page)
		put_page(s, (pfn_t)p->tmp_page);
	if (p->ring)
		free_ring(s, p->ring, p->max_usage);
	kernel_mut(s)->pipe_bufs -= p->nr_accounted;
	kmem_cache_free(s, CACHE_PIPE, pipe.pa);
}

void pipe_release(struct step *s, file_ref file)
{
	struct pipe_inode_info *p = pipe_mut(s, get_pipe_info(s->m, file));
	const uint64_t mode = file_at(s->m, file)->f_mode;

	p->readers -= (mode & FMODE_READ) != 0;
	p->writers -= (mode & FMODE_WRITE) != 0;
	trace_event(s, pipe_release, p->readers, p->writers, p->nrbufs);
}

/* No end is open any more. */
void pipe_drop_inode(struct step *s, inode_ref inode)
{
	free_pipe_info(s, inode_at(s->m, inode)->i_pipe);
	kmem_cache_free(s, CACHE_INODE, inode.pa);
}

/* An inode with a ring and without a reference; none: no RAM. */
static inode_ref get_pipe_inode(struct step *s)
{
	const inode_ref ref = inode_make(kmem_cache_alloc(s, CACHE_INODE));
	const pipe_ref pipe = inode_none(ref) ? pipe_make(0)
					      : alloc_pipe_info(s);
	struct inode *inode;

	if (inode_none(ref) || pipe_none(pipe)) {
		if (!inode_none(ref))
			kmem_cache_free(s, CACHE_INODE, ref.pa);
		return inode_make(0);
	}
	pipe_mut(s, pipe)->inode = ref;
	pipe_mut(s, pipe)->readers = 1;
	pipe_mut(s, pipe)->writers = 1;
	inode = inode_mut(s, ref);
	inode->i_ino = ++kernel_mut(s)->last_ino;
	inode->i_dev = PIPE_DEV;
	inode->i_sb = SUPER_PIPEFS;
	inode->i_mode = S_IFIFO | 0600;
	inode->i_pipe = pipe;
	inode->i_data.host = ref;
	INIT_LIST_HEAD(s, inode_mapping(ref).pa +
			  offsetof(struct address_space, i_mmap_nonlinear));
	return ref;
}

/* create_pipe_files(): both ends, or false: no RAM. */
static bool create_pipe_files(struct step *s, uint32_t flags, file_ref end[2])
{
	const inode_ref inode = get_pipe_inode(s);

	if (inode_none(inode))
		return false;
	end[0] = alloc_file(s, inode, FILE_OPS_PIPE,
			    O_RDONLY | (flags & O_NONBLOCK));
	end[1] = file_none(end[0]) ? end[0]
		: alloc_file(s, inode, FILE_OPS_PIPE,
			     O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)));
	if (!file_none(end[1])) {
		inode_mut(s, inode)->i_count = 2;
		trace_event(s, create_pipe_files,
			    inode_at(s->m, inode)->i_ino,
			    pipe_at(s->m, inode_at(s->m, inode)->i_pipe)
				    ->max_usage);
		return true;
	}
	if (!file_none(end[0]))
		kmem_cache_free(s, CACHE_FILE, end[0].pa);
	pipe_drop_inode(s, inode);
	return false;
}

/* Order of checks: fs/pipe.c do_pipe2(), 6.18. */
int64_t sys_pipe(struct step *s, const struct op_pipe *a)
{
	const uint32_t flags = (uint32_t)a->flags;
	file_ref end[2];
	int64_t fd[2];

	if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK | O_DIRECT |
				O_NOTIFICATION_PIPE))
		return refuse(s, EINVAL, "flags has an unknown bit");
	if (flags & O_NOTIFICATION_PIPE)
		return refuse(s, ENOPKG, "the kernel has no watch queues");
	fd[0] = get_unused_fd(s);
	fd[1] = fd[0] < 0 ? fd[0] : get_unused_fd_from(s, (uint64_t)fd[0] + 1);
	if (fd[1] < 0)
		return fd[1];
	if (!create_pipe_files(s, flags, end))
		return refuse(s, ENFILE, "no memory for a pipe");
	for (int i = 0; i < 2; i++) {
		fd_install(s, fd[i], end[i]);
		set_close_on_exec(s, fd[i], flags & O_CLOEXEC);
		s->res->fds[i] = (int32_t)fd[i];
	}
	return 0;
}

/* ---- sizes ---- */

uint64_t round_pipe_size(uint64_t size)
{
	uint64_t rounded = PAGE_SIZE;

	if (size > 1ULL << 31)
		return 0;
	while (rounded < size)
		rounded <<= 1;
	return rounded;
}

/* pipe_resize_ring(): what is in it moves to the front of the new one. */
static int64_t pipe_resize_ring(struct step *s, pipe_ref pipe, uint32_t slots)
{
	struct pipe_inode_info *p = pipe_mut(s, pipe);
	struct pipe_buffer kept[PIPE_BUFFERS];
	uint64_t ring = 0;

	if (slots < p->nrbufs)
		return refuse(s, EBUSY, "more slots than that are in use");
	if (slots > PIPE_BUFFERS)
		ring = slots > PIPE_MAX_SLOTS ? 0 : alloc_ring(s, slots);
	if (slots > PIPE_BUFFERS && !ring)
		return refuse(s, ENOMEM, "no memory for a ring of that size");
	for (uint32_t i = 0; i < p->nrbufs; i++) {
		const struct pipe_buffer *buf = pipe_buf_at(s->m, pipe, i);

		if (ring)
			*(struct pipe_buffer *)ram_mut(s, ring + i *
				sizeof(*buf)) = *buf;
		else
			kept[i] = *buf;
	}
	if (p->ring)
		free_ring(s, p->ring, p->max_usage);
	memset(p->bufs, 0, sizeof(p->bufs));
	if (!ring)
		memcpy(p->bufs, kept, p->nrbufs * sizeof(kept[0]));
	trace_event(s, pipe_set_size, p->max_usage, slots, p->nrbufs);
	p->ring = ring;
	p->curbuf = 0;
	p->max_usage = slots;
	return 0;
}

/* Order of checks: fs/pipe.c pipe_set_size(), 6.18. */
static int64_t pipe_set_size(struct step *s, pipe_ref pipe, uint32_t arg)
{
	const struct pipe_inode_info *p = pipe_at(s->m, pipe);
	const uint64_t size = round_pipe_size(arg);
	const uint32_t slots = (uint32_t)(size >> PAGE_SHIFT);
	const uint64_t others = kernel_at(s->m)->pipe_bufs - p->nr_accounted;
	int64_t err;

	if (!slots)
		return refuse(s, EINVAL, "the size is above 2^31");
	if (slots > p->max_usage && !capable(s) &&
	    size > kernel_at(s->m)->pipe_max_size)
		return refuse(s, EPERM, "the size is above fs.pipe-max-size");
	if (slots > p->max_usage && too_many_pipe_buffers(s, others + slots))
		return refuse(s, EPERM, "all pipes together would have more than 16384 slots");
	err = pipe_resize_ring(s, pipe, slots);
	if (err)
		return err;
	pipe_mut(s, pipe)->nr_accounted = slots;
	kernel_mut(s)->pipe_bufs = others + slots;
	return (int64_t)size;
}

int64_t pipe_fcntl(struct step *s, file_ref file, uint64_t cmd, uint32_t arg)
{
	const pipe_ref pipe = get_pipe_info(s->m, file);

	if (pipe_none(pipe))
		return refuse(s, EBADF, "the file is no pipe");
	if (cmd == F_SETPIPE_SZ)
		return pipe_set_size(s, pipe, arg);
	return (int64_t)pipe_at(s->m, pipe)->max_usage << PAGE_SHIFT;
}
