/* SPDX-License-Identifier: MIT */
/*
 * splice, tee, vmsplice, sendfile: pages that go from one place to another
 * without being copied.
 *
 * Into a pipe: a page of a file's cache, or of a program's memory, gets a buffer
 * and one more reference. From pipe to pipe: the buffer itself moves, or where
 * only a part of it is wanted, or it is to stay (tee), a second buffer shares its
 * page. Out of a pipe: into nothing (/dev/null), into the program's memory by
 * copying, or into a file. There the bytes are copied through the file's own
 * write; with SPLICE_F_MOVE a whole page that nobody else holds becomes the
 * file's page instead. What was done, and why a page could not be moved, is told
 * by the events, each with the number of bytes it copied.
 *
 * The order of checks and what a short count means are those of 6.18's
 * fs/splice.c.
 */
#include <string.h>

#include "mmcore/fs/pipe.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/uio.h"

#define GUP_BATCH	16	/* pages of a program's taken hold of at a time */

/* rw_verify_area(): 0, or -EINVAL, told. */
static int64_t verify_area(struct step *s, int64_t pos, uint64_t count)
{
	if ((int64_t)count < 0)
		return refuse(s, EINVAL, "the length is negative");
	if (pos < 0)
		return refuse(s, EINVAL, "the offset is negative");
	if (count > (uint64_t)INT64_MAX - (uint64_t)pos)
		return refuse(s, EINVAL, "offset + length overflows");
	return 0;
}

/* ---- into a pipe ---- */

static uint64_t last_slot(const struct machine *m, pipe_ref pipe)
{
	const struct pipe_inode_info *p = pipe_at(m, pipe);

	return pipe_slot(p, p->nrbufs - 1);
}

/* splice_folio_into_pipe(): @n bytes at @pos, which lie in one page. */
static void push_file_page(struct step *s, pipe_ref pipe, pfn_t pfn,
			   uint64_t pos, uint64_t n)
{
	const bool hole = pfn == kernel_at(s->m)->zero_pfn;
	const struct pipe_buffer buf = {
		.page = pfn,
		.offset = (uint32_t)(pos & ~PAGE_MASK),
		.len = (uint32_t)n,
		.ops = hole ? PIPE_BUF_OPS_ZERO : PIPE_BUF_OPS_PAGE_CACHE,
	};

	if (!hole)
		get_page(s, pfn);
	pipe_push(s, pipe, &buf);
	trace_event(s, splice_page, last_slot(s->m, pipe), pfn,
		    pos >> PAGE_SHIFT, buf.offset, n, 0);
}

/* Of @n bytes at @pos, those that lie in one page, and in a file of @size bytes. */
static uint64_t in_file_page(uint64_t pos, uint64_t n, uint64_t size)
{
	return least(in_page(pos, n), size - pos);
}

int64_t shmem_splice_read(struct step *s, file_ref in, uint64_t *pos,
			  pipe_ref pipe, uint64_t len)
{
	const struct file *file = file_at(s->m, in);
	const uint64_t size = inode_at(s->m, file->f_inode)->i_size;
	uint64_t done = 0, n;

	for (; done < len && *pos < size && pipe_room(s->m, pipe); done += n) {
		pfn_t pfn = find_get_page(s->m, file->f_mapping,
					  *pos >> PAGE_SHIFT);

		mm_poll(s->m, 1);
		n = in_file_page(*pos, len - done, size);
		if (pfn)
			mark_page_accessed(s, pfn);
		else
			pfn = (pfn_t)kernel_at(s->m)->zero_pfn;
		push_file_page(s, pipe, pfn, *pos, n);
		*pos += n;
	}
	return (int64_t)done;
}

/* filemap_splice_read() */
int64_t generic_file_splice_read(struct step *s, file_ref in, uint64_t *pos,
				 pipe_ref pipe, uint64_t len)
{
	const struct file *file = file_at(s->m, in);
	const uint64_t size = inode_at(s->m, file->f_inode)->i_size;
	uint64_t done = 0, end = 0, n;
	pfn_t seen = 0;
	int64_t err = 0;

	for (; done < len && *pos < size && pipe_room(s->m, pipe); done += n) {
		const uint64_t index = *pos >> PAGE_SHIFT;
		pfn_t pfn;

		mm_poll(s->m, 1);
		err = filemap_read_page(s, in, index, size_pages(*pos + len - done),
					&end, &pfn);
		if (err)
			break;
		if (page_folio(s->m, pfn) != seen)
			mark_page_accessed(s, pfn);
		seen = page_folio(s->m, pfn);
		n = in_file_page(*pos, len - done, size);
		push_file_page(s, pipe, pfn, *pos, n);
		*pos += n;
		file_mut(s, in)->f_ra.prev_pos = (int64_t)*pos;
	}
	return done || !err ? (int64_t)done
		: refuse(s, (int)-err, "no memory for a page of the file");
}

/* What has no page cache, or is told not to use it, fills pages of its own. */
int64_t copy_splice_read(struct step *s, file_ref in, uint64_t *pos,
			 pipe_ref pipe, uint64_t len)
{
	uint64_t done = 0;
	int64_t n = 1;

	while (done < len && n > 0 && pipe_room(s->m, pipe)) {
		const uint64_t want = len - done < PAGE_SIZE ? len - done
							     : PAGE_SIZE;
		const pfn_t pfn = alloc_page(s, GFP_HIGHUSER);
		struct user_buffer to;

		mm_poll(s->m, 1);
		if (!pfn) {
			n = refuse(s, ENOMEM, "no memory for a page of the pipe");
			break;
		}
		page_mut(s, pfn)->flags |= 1ULL << PG_pipe |
					   1ULL << PG_uptodate;
		to = (struct user_buffer){
			.bytes = ram_mut(s, pfn_to_pa(pfn)),
		};
		n = fops(s->m, in)->read(s, in, &to, pos, want);
		if (n <= 0) {
			put_page(s, pfn);
			break;
		}
		pipe_push(s, pipe, &(struct pipe_buffer){
			.page = pfn, .len = (uint32_t)n,
			.ops = PIPE_BUF_OPS_DEFAULT });
		trace_event(s, splice_fill, last_slot(s->m, pipe), pfn,
			    (uint64_t)n, (uint64_t)n);
		done += (uint64_t)n;
		if ((uint64_t)n < want)
			break;
	}
	return done ? (int64_t)done : n < 0 ? n : 0;
}

/* do_splice_read(): no more than there are slots for. */
static int64_t splice_read(struct step *s, file_ref in, uint64_t *pos,
			   pipe_ref pipe, uint64_t len)
{
	const uint64_t room = pipe_room(s->m, pipe) << PAGE_SHIFT;

	if (!len)
		return 0;
	if (len > room)
		len = room;
	if (len > MAX_RW_COUNT)
		len = MAX_RW_COUNT;
	if (!fops(s->m, in)->splice_read)
		return refuse(s, EINVAL, "fd_in is of a kind that cannot be spliced from");
	if (file_at(s->m, in)->f_flags & O_DIRECT)
		return copy_splice_read(s, in, pos, pipe, len);
	return fops(s->m, in)->splice_read(s, in, pos, pipe, len);
}

static int64_t splice_file_to_pipe(struct step *s, file_ref in, pipe_ref pipe,
				   uint64_t *pos, uint64_t len, bool nonblock)
{
	const int64_t err = wait_for_space(s, pipe, nonblock);

	return err ? err : splice_read(s, in, pos, pipe, len);
}

/* ---- out of a pipe into a file ---- */

/* Why the oldest buffer's page cannot become the file's page at @pos; NULL: it
 * can, and nobody else has it any more. */
static const char *cannot_move(struct step *s, pipe_ref pipe, file_ref out,
			       uint64_t pos, uint64_t n)
{
	struct pipe_buffer *buf = pipe_buf_mut(s, pipe, 0);
	const char *why = NULL;

	if (n < PAGE_SIZE || buf->offset)
		return "it is less than a whole page";
	if (pos & ~PAGE_MASK)
		return "it would not begin a page of the file";
	if (!fops(s->m, out)->adopt_page)
		return "the file cannot take pages over";
	if (find_get_page(s->m, file_at(s->m, out)->f_mapping,
			  pos >> PAGE_SHIFT))
		return "the file has a page there already";
	if (!pipe_buf_ops(buf)->steal(s, buf, &why))
		return why;
	return NULL;
}

/* The oldest buffer's page becomes the file's. False: it has to be copied. */
static bool move_page(struct step *s, pipe_ref pipe, file_ref out,
		      uint64_t *pos, uint64_t n)
{
	const pfn_t pfn = (pfn_t)pipe_buf_at(s->m, pipe, 0)->page;
	const char *why = cannot_move(s, pipe, out, *pos, n);
	uint64_t count = n;

	if (!why && (generic_write_checks(s, out, pos, &count) || count < n))
		why = "the limit of file sizes is near";
	if (!why && fops(s->m, out)->adopt_page(s, out, *pos >> PAGE_SHIFT, pfn))
		why = "the file has no room for it, or is sealed";
	s->res->signo = 0;
	s->res->why = NULL;
	if (why) {
		trace_skip(s, splice_move, why);
		return false;
	}
	pipe_pop(s, pipe, pipe_buf_mut(s, pipe, 0));
	trace_event(s, splice_move, pfn, *pos >> PAGE_SHIFT, n, 0);
	*pos += n;
	return true;
}

/* A buffer's bytes, copied by the file's own write, which goes on for @more bytes. */
static int64_t copy_buffer(struct step *s, pipe_ref pipe, file_ref out,
			   uint64_t *pos, uint64_t n, uint64_t more)
{
	const struct pipe_buffer *buf = pipe_buf_at(s->m, pipe, 0);
	const struct pipe_buf_operations *ops = pipe_buf_ops(buf);
	struct user_buffer from = { .bytes = (uint8_t *)ops->map(s->m, buf),
				    .more = more };
	const uint64_t pfn = buf->page, at = *pos;
	int64_t done = fops(s->m, out)->write(s, out, &from, pos, n);

	ops->unmap(s->m, buf);
	if (done <= 0)
		return done;
	trace_event(s, splice_write, pfn, at, (uint64_t)done, (uint64_t)done);
	pipe_consume(s, pipe, (uint32_t)done);
	return done;
}

/*
 * What goes to the file is one write, of however many buffers (vfs_iter_write()): its
 * length says how large folios it brings in, and a seal of the size judges the whole.
 * Returns: how many bytes of it, at least 1; or a negative errno, told.
 */
static int64_t begin_write(struct step *s, pipe_ref pipe, file_ref out,
			   uint64_t pos, uint64_t len)
{
	const struct pipe_inode_info *p = pipe_at(s->m, pipe);
	uint64_t total = 0, room;
	int64_t err;

	for (uint32_t i = 0; i < p->nrbufs && total < len; i++)
		total += pipe_buf_at(s->m, pipe, i)->len;
	total = least(total, len);
	if (!fops(s->m, out)->write_room)
		return (int64_t)total;
	err = generic_write_checks(s, out, &pos, &total);
	if (err)
		return err;
	room = fops(s->m, out)->write_room(s->m, out, pos, total);
	return room ? (int64_t)room
		    : refuse(s, EPERM, "the file is sealed against growing");
}

/* iter_file_splice_write() */
int64_t generic_file_splice_write(struct step *s, pipe_ref pipe, file_ref out,
				  uint64_t *pos, uint64_t len,
				  uint64_t flags)
{
	uint64_t done = 0, want;
	uint64_t room = 0;	/* what is left of the write that has begun */
	int64_t n = wait_for_data(s, pipe, flags & SPLICE_F_NONBLOCK);

	while (n > 0 && done < len && !pipe_empty(s->m, pipe)) {
		const struct pipe_buffer *buf = pipe_buf_at(s->m, pipe, 0);
		const int err = pipe_buf_ops(buf)->pin(s->m, buf);

		if (err) {
			n = err == -ENODATA ? 0
				: refuse(s, -err, "the page of a buffer was never filled");
			break;
		}
		if (!room) {
			n = begin_write(s, pipe, out, *pos, len - done);
			if (n < 0)
				break;
			room = (uint64_t)n;
		}
		want = least(buf->len, least(len - done, room));
		if (flags & SPLICE_F_MOVE && move_page(s, pipe, out, pos, want))
			n = (int64_t)want;
		else
			n = copy_buffer(s, pipe, out, pos, want, room - want);
		if (n > 0) {
			done += (uint64_t)n;
			room -= (uint64_t)n;
		}
	}
	if (!done)
		return n;
	s->res->why = NULL;
	return generic_write_sync(s, out, *pos, (int64_t)done);
}

/* splice_write_null(): the bytes are taken and forgotten, whoever's they are. */
int64_t splice_write_null(struct step *s, pipe_ref pipe, file_ref out,
			  uint64_t *pos, uint64_t len, uint64_t flags)
{
	const int64_t n = wait_for_data(s, pipe, flags & SPLICE_F_NONBLOCK);

	(void)out;
	(void)pos;
	return n <= 0 ? n : (int64_t)pipe_drop(s, pipe, len);
}

/* do_splice_from() */
static int64_t splice_write(struct step *s, pipe_ref pipe, file_ref out,
			    uint64_t *pos, uint64_t len, uint64_t flags)
{
	if (!fops(s->m, out)->splice_write)
		return refuse(s, EINVAL, "fd_out is of a kind that cannot be spliced to");
	return fops(s->m, out)->splice_write(s, pipe, out, pos, len, flags);
}

/* ---- from pipe to pipe ---- */

/* ipipe_prep(), opipe_prep(): 0, or why nothing can go over now. */
static int64_t prepare_pipes(struct step *s, pipe_ref in, pipe_ref out,
			     bool nonblock)
{
	int64_t err = wait_for_data(s, in, nonblock);

	if (err < 0)
		return err;
	if (pipe_full(s->m, out) || !pipe_at(s->m, out)->readers)
		return wait_for_space(s, out, nonblock);
	return 0;
}

/* The oldest buffer goes over whole, flags and all, or @len bytes of it do. */
static uint64_t move_buffer(struct step *s, pipe_ref in, pipe_ref out,
			    uint64_t len)
{
	struct pipe_buffer *from = pipe_buf_mut(s, in, 0);
	const bool whole = len >= from->len;

	if (whole)
		len = from->len;
	trace_event(s, splice_pipe, from->page, from->offset, len, whole, 0);
	if (whole) {
		pipe_push(s, out, from);
		pipe_pop(s, in, from);
	} else {
		pipe_share(s, out, from, (uint32_t)len);
		from->offset += (uint32_t)len;
		from->len -= (uint32_t)len;
	}
	return len;
}

static int64_t splice_pipe_to_pipe(struct step *s, pipe_ref in, pipe_ref out,
				   uint64_t len, bool nonblock)
{
	int64_t err = prepare_pipes(s, in, out, nonblock);
	uint64_t done = 0;

	if (err)
		return err;
	while (done < len && !pipe_empty(s->m, in) && !pipe_full(s->m, out))
		done += move_buffer(s, in, out, len - done);
	return (int64_t)done;
}

/* link_pipe(): what is in one pipe is in the other one, too. */
static int64_t link_pipe(struct step *s, pipe_ref in, pipe_ref out,
			 uint64_t len)
{
	const struct pipe_inode_info *from = pipe_at(s->m, in);
	const uint64_t room = pipe_room(s->m, out);
	uint64_t done = 0;

	for (uint32_t i = 0; done < len && i < from->nrbufs && i < room; i++) {
		const struct pipe_buffer *buf =
			ram_at(s->m, pipe_buf_pa(from, in, i));
		const uint64_t n = len - done < buf->len ? len - done
							 : buf->len;

		pipe_share(s, out, buf, (uint32_t)n);
		trace_event(s, tee, buf->page, buf->offset, n,
			    (uint64_t)folio_ref_count(s->m, (pfn_t)buf->page), 0);
		done += n;
	}
	return (int64_t)done;
}

int64_t sys_tee(struct step *s, const struct op_tee *a)
{
	bool nonblock = a->flags & SPLICE_F_NONBLOCK;
	file_ref in, out;
	pipe_ref from, to;
	int64_t err;

	if ((uint32_t)a->flags & ~(uint32_t)SPLICE_F_ALL)
		return refuse(s, EINVAL, "flags has an unknown bit");
	if (!a->len)
		return 0;
	in = fget(s, a->fd_in);
	out = fget(s, a->fd_out);
	if (file_none(in) || file_none(out))
		return refuse(s, EBADF, "fd_in or fd_out is not open");
	if (!(file_at(s->m, in)->f_mode & FMODE_READ) ||
	    !(file_at(s->m, out)->f_mode & FMODE_WRITE))
		return refuse(s, EBADF, "fd_in is not open for reading, or fd_out not for writing");
	from = get_pipe_info(s->m, in);
	to = get_pipe_info(s->m, out);
	if (pipe_none(from) || pipe_none(to) || pipe_same(from, to))
		return refuse(s, EINVAL, "fd_in and fd_out are not two pipes");
	nonblock |= (file_at(s->m, in)->f_flags |
		     file_at(s->m, out)->f_flags) & O_NONBLOCK;
	err = prepare_pipes(s, from, to, nonblock);
	return err ? err : link_pipe(s, from, to, a->len);
}

/* ---- splice ---- */

struct splice {
	file_ref in, out;
	pipe_ref from, to;	/* their rings; none */
	const struct op_splice *a;
	bool nonblock;		/* asked for */
};

static bool is_nonblock(const struct machine *m, file_ref file)
{
	return file_at(m, file)->f_flags & O_NONBLOCK;
}

/* Where the side that is a file begins; the position, or a negative errno. */
static int64_t begin_at(struct step *s, file_ref file, int64_t offset)
{
	if (offset == NO_OFFSET)
		return (int64_t)file_at(s->m, file)->f_pos;
	if (!fops(s->m, file)->seeks)
		return refuse(s, EINVAL, "an offset, but the file has no positions");
	return offset;
}

/* And how far it came: the offset given, or the file's position. */
static void end_at(struct step *s, file_ref file, int64_t offset, uint64_t pos)
{
	if (offset == NO_OFFSET)
		file_mut(s, file)->f_pos = pos;
	else
		s->res->offset = pos;
}

static int64_t splice_to_file(struct step *s, const struct splice *sp)
{
	const struct op_splice *a = sp->a;
	uint64_t flags = a->flags, pos;
	int64_t at = a->off_out, ret;

	if (at == NO_OFFSET || !fops(s->m, sp->out)->seeks) {
		at = begin_at(s, sp->out, a->off_out);
		if (at < 0)
			return at;
	}
	if (file_at(s->m, sp->out)->f_flags & O_APPEND)
		return refuse(s, EINVAL, "fd_out is open with O_APPEND");
	ret = verify_area(s, at, a->len);
	if (ret)
		return ret;
	if (sp->nonblock || is_nonblock(s->m, sp->in))
		flags |= SPLICE_F_NONBLOCK;
	pos = (uint64_t)at;
	ret = splice_write(s, sp->from, sp->out, &pos, a->len, flags);
	if (ret >= 0)
		end_at(s, sp->out, a->off_out, pos);
	return ret;
}

static int64_t splice_from_file(struct step *s, const struct splice *sp)
{
	const struct op_splice *a = sp->a;
	int64_t at = a->off_in, ret;
	uint64_t pos;

	if (at == NO_OFFSET || !fops(s->m, sp->in)->seeks) {
		at = begin_at(s, sp->in, a->off_in);
		if (at < 0)
			return at;
	}
	ret = verify_area(s, at, a->len);
	if (ret)
		return ret;
	pos = (uint64_t)at;
	ret = splice_file_to_pipe(s, sp->in, sp->to, &pos, a->len,
				  sp->nonblock || is_nonblock(s->m, sp->out));
	if (ret >= 0)
		end_at(s, sp->in, a->off_in, pos);
	return ret;
}

/* What comes before it is known who is a pipe. 0, or -EBADF or -ESPIPE, told. */
static int64_t find_ends(struct step *s, struct splice *sp)
{
	const struct op_splice *a = sp->a;

	sp->in = fget(s, a->fd_in);
	sp->out = fget(s, a->fd_out);
	if (file_none(sp->in) || file_none(sp->out))
		return refuse(s, EBADF, "fd_in or fd_out is not open");
	sp->from = get_pipe_info(s->m, sp->in);
	sp->to = get_pipe_info(s->m, sp->out);
	if ((!pipe_none(sp->from) && a->off_in != NO_OFFSET) ||
	    (!pipe_none(sp->to) && a->off_out != NO_OFFSET))
		return refuse(s, ESPIPE, "a pipe has no offsets");
	if (!(file_at(s->m, sp->in)->f_mode & FMODE_READ) ||
	    !(file_at(s->m, sp->out)->f_mode & FMODE_WRITE))
		return refuse(s, EBADF, "fd_in is not open for reading, or fd_out not for writing");
	return 0;
}

int64_t sys_splice(struct step *s, const struct op_splice *a)
{
	struct splice sp = { .a = a, .nonblock = a->flags & SPLICE_F_NONBLOCK };
	int64_t err;

	if (!a->len)
		return 0;
	if ((uint32_t)a->flags & ~(uint32_t)SPLICE_F_ALL)
		return refuse(s, EINVAL, "flags has an unknown bit");
	err = find_ends(s, &sp);
	if (err)
		return err;
	if (pipe_none(sp.from) && pipe_none(sp.to))
		return refuse(s, EINVAL, "neither fd_in nor fd_out is a pipe");
	if (pipe_none(sp.to))
		return splice_to_file(s, &sp);
	if (pipe_none(sp.from))
		return splice_from_file(s, &sp);
	if (pipe_same(sp.from, sp.to))
		return refuse(s, EINVAL, "both are ends of the same pipe");
	return splice_pipe_to_pipe(s, sp.from, sp.to, a->len, sp.nonblock ||
				   is_nonblock(s->m, sp.in) ||
				   is_nonblock(s->m, sp.out));
}

/* ---- vmsplice ---- */

/*
 * iter_to_pipe(), one batch: bytes queued, or a negative errno, told. The pages
 * are brought in before it is seen that there is no slot for them.
 */
static int64_t push_user_pages(struct step *s, pipe_ref pipe, uint64_t addr,
			       uint64_t len, uint32_t flags, bool *full)
{
	const uint64_t nr = (((addr & ~PAGE_MASK) + len - 1) >> PAGE_SHIFT) + 1;
	pfn_t pages[GUP_BATCH];
	const int64_t got = get_user_pages(s, addr & PAGE_MASK,
					   nr < GUP_BATCH ? nr : GUP_BATCH,
					   pages);
	uint64_t done = 0;

	if (got < 0)
		return refuse(s, (int)-got, "a page of the program cannot be read");
	for (int64_t i = 0; i < got; i++) {
		const uint64_t n = in_page(addr + done, len - done);

		if (pipe_full(s->m, pipe)) {
			put_user_page(s, pages[i]);
			*full = true;
			continue;
		}
		pipe_push(s, pipe, &(struct pipe_buffer){
			.page = pages[i],
			.offset = (uint32_t)((addr + done) & ~PAGE_MASK),
			.len = (uint32_t)n,
			.ops = PIPE_BUF_OPS_USER,
			.flags = flags,
		});
		trace_event(s, vmsplice, last_slot(s->m, pipe), pages[i],
			    (addr + done) & ~PAGE_MASK, n,
			    (flags & PIPE_BUF_FLAG_GIFT) != 0, 0);
		done += n;
	}
	return (int64_t)done;
}

static int64_t vmsplice_to_pipe(struct step *s, pipe_ref pipe,
				const struct op_iov *iov, uint64_t total,
				uint64_t flags)
{
	const uint32_t gift = flags & SPLICE_F_GIFT ? PIPE_BUF_FLAG_GIFT : 0;
	int64_t n = wait_for_space(s, pipe, flags & SPLICE_F_NONBLOCK);
	uint64_t done = 0;
	bool full = false;

	for (uint64_t i = 0; n >= 0 && !full && done < total && i < iov->nr;
	     i++) {
		uint64_t addr = iov->vec[i].base, left = iov->vec[i].len;

		if (left > total - done)
			left = total - done;
		while (n >= 0 && left && !full) {
			n = push_user_pages(s, pipe, addr, left, gift, &full);
			if (n < 0)
				break;
			addr += (uint64_t)n;
			left -= (uint64_t)n;
			done += (uint64_t)n;
		}
	}
	if (!done)
		return n;
	s->res->why = NULL;
	return (int64_t)done;
}

/* Where in an iov array the next byte goes. */
struct iov_place {
	const struct op_iovec *vec;
	uint64_t offset;
};

/* copy_page_to_iter(): false, not all of it could be written. */
static bool put_to_user(struct step *s, struct iov_place *at,
			const uint8_t *bytes, uint64_t n)
{
	while (n) {
		const uint64_t room = at->vec->len - at->offset;
		const uint64_t len = n < room ? n : room;

		if (copy_to_user(s, at->vec->base + at->offset, bytes, len))
			return false;
		bytes += len;
		n -= len;
		at->offset += len;
		if (at->offset == at->vec->len && n) {
			at->vec++;
			at->offset = 0;
		}
	}
	return true;
}

/* vmsplice_to_user(), pipe_to_user() */
static int64_t vmsplice_to_user(struct step *s, pipe_ref pipe,
				const struct op_iov *iov, uint64_t total,
				uint64_t flags)
{
	struct iov_place at = { .vec = iov->vec };
	int64_t err = wait_for_data(s, pipe, flags & SPLICE_F_NONBLOCK);
	uint64_t done = 0;

	if (err <= 0)
		return err;
	while (done < total && !pipe_empty(s->m, pipe)) {
		const struct pipe_buffer *buf = pipe_buf_at(s->m, pipe, 0);
		const struct pipe_buf_operations *ops = pipe_buf_ops(buf);
		const uint32_t n = total - done < buf->len
			? (uint32_t)(total - done) : buf->len;
		bool good = !ops->pin(s->m, buf) &&
			    put_to_user(s, &at, ops->map(s->m, buf), n);

		ops->unmap(s->m, buf);
		if (!good && !done)
			return refuse(s, EFAULT, "the program's memory cannot be written");
		if (!good)
			break;
		trace_event(s, pipe_to_user, buf->page, buf->offset, n, n);
		pipe_consume(s, pipe, n);
		done += n;
	}
	return (int64_t)done;
}

int64_t sys_vmsplice(struct step *s, const struct op_vmsplice *a,
		     const struct op_iov *iov)
{
	file_ref file;
	pipe_ref pipe;
	int64_t total;
	bool write;

	if ((uint32_t)a->flags & ~(uint32_t)SPLICE_F_ALL)
		return refuse(s, EINVAL, "flags has an unknown bit");
	file = fget(s, a->fd);
	if (file_none(file))
		return refuse(s, EBADF, "fd is not open");
	if (!(file_at(s->m, file)->f_mode & (FMODE_READ | FMODE_WRITE)))
		return refuse(s, EBADF, "fd is open neither for reading nor for writing");
	total = import_iovec(s, iov);
	if (total <= 0)
		return total;
	pipe = get_pipe_info(s->m, file);
	if (pipe_none(pipe))
		return refuse(s, EBADF, "fd is no pipe");
	write = file_at(s->m, file)->f_mode & FMODE_WRITE;
	return write ? vmsplice_to_pipe(s, pipe, iov, (uint64_t)total, a->flags)
		     : vmsplice_to_user(s, pipe, iov, (uint64_t)total,
					a->flags);
}

/* ---- sendfile ---- */

/* splice_direct_to_actor(): through a pipe that only this call knows. */
static int64_t splice_direct(struct step *s, file_ref in, uint64_t *pos,
			     file_ref out, uint64_t *out_pos, uint64_t len)
{
	const pipe_ref pipe = len ? alloc_pipe_info(s) : pipe_make(0);
	uint64_t done = 0;
	int64_t n = 1;

	if (!len)
		return 0;
	if (pipe_none(pipe))
		return refuse(s, ENOMEM, "no memory for a pipe");
	pipe_mut(s, pipe)->readers = 1;
	pipe_mut(s, pipe)->writers = 1;
	while (done < len && n > 0) {
		uint64_t next = *pos;
		int64_t got = splice_read(s, in, &next, pipe, len - done);

		n = got;
		if (got > 0)
			n = splice_write(s, pipe, out, out_pos, (uint64_t)got,
					 0);
		if (n <= 0)
			break;
		done += (uint64_t)n;
		*pos = n < got ? *pos + (uint64_t)n : next;
		if (n < got)
			break;
	}
	free_pipe_info(s, pipe);
	if (!done)
		return n;
	s->res->why = NULL;
	return (int64_t)done;
}

/* Neither side is a pipe, or the one to send to is. */
static int64_t send(struct step *s, file_ref in, uint64_t *pos, file_ref out,
		    uint64_t count)
{
	const pipe_ref pipe = get_pipe_info(s->m, out);
	uint64_t out_pos = file_at(s->m, out)->f_pos;
	int64_t ret;

	if (!pipe_none(pipe))
		return splice_file_to_pipe(s, in, pipe, pos, count,
					   is_nonblock(s->m, out));
	ret = verify_area(s, (int64_t)out_pos, count);
	if (ret)
		return ret;
	if (file_at(s->m, out)->f_flags & O_APPEND)
		return refuse(s, EINVAL, "fd_out is open with O_APPEND");
	if (!fops(s->m, in)->seeks)
		return refuse(s, EINVAL, "fd_in has no positions");
	ret = splice_direct(s, in, pos, out, &out_pos, count);
	if (ret > 0)
		file_mut(s, out)->f_pos = out_pos;
	return ret;
}

/* Order of checks: fs/read_write.c do_sendfile(), 6.18. */
int64_t sys_sendfile(struct step *s, const struct op_sendfile *a)
{
	const file_ref in = fget(s, a->fd_in);
	const bool given = a->offset != NO_OFFSET;
	uint64_t count = a->count, pos;
	file_ref out;
	int64_t ret;

	if (file_none(in) || !(file_at(s->m, in)->f_mode & FMODE_READ))
		return refuse(s, EBADF, "fd_in is not open for reading");
	if (given && !fops(s->m, in)->seeks)
		return refuse(s, ESPIPE, "an offset, but fd_in has no positions");
	pos = given ? (uint64_t)a->offset : file_at(s->m, in)->f_pos;
	ret = verify_area(s, (int64_t)pos, count);
	if (ret)
		return ret;
	if (count > MAX_RW_COUNT)
		count = MAX_RW_COUNT;
	out = fget(s, a->fd_out);
	if (file_none(out) || !(file_at(s->m, out)->f_mode & FMODE_WRITE))
		return refuse(s, EBADF, "fd_out is not open for writing");
	ret = send(s, in, &pos, out, count);
	if (ret < 0)
		return ret;
	if (given)
		s->res->offset = pos;
	else if (ret > 0)
		file_mut(s, in)->f_pos = pos;
	return ret;
}
