/* SPDX-License-Identifier: MIT */
/*
 * read, write and their kind. Which file answers how is its f_op's business;
 * here is what all files have in common: the order of checks of 6.18's
 * fs/read_write.c, the position, the limits.
 */
#include <string.h>

#include "mmcore/arch/arch.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/uio.h"

/* One read or write, from its arguments on. */
struct transfer {
	int64_t fd;
	file_ref file;
	uint64_t count;
	struct user_buffer buffer;
	uint64_t pos;		/* where it happens */
	bool moves;		/* the file's own position */
};

static bool buffer_ok(const struct machine *m, const struct transfer *t)
{
	const uint64_t max = m->arch->user_ptr_max;

	return t->buffer.bytes ||
	       (t->buffer.addr <= max && t->count <= max - t->buffer.addr);
}

/* What comes before the file is asked; 0, or a negative errno, told. */
static int64_t check_transfer(struct step *s, struct transfer *t,
			      uint64_t f_mode)
{
	const struct file *file;

	if (!t->moves && (int64_t)t->pos < 0)
		return refuse(s, EINVAL, "offset is negative");
	t->file = fget(s, t->fd);
	if (file_none(t->file))
		return refuse(s, EBADF, "fd is not open");
	file = file_at(s->m, t->file);
	if (t->moves)
		t->pos = file->f_pos;
	else if (!fops(s->m, t->file)->seeks)
		return refuse(s, ESPIPE, "the file has no positions");
	if (!(file->f_mode & f_mode))
		return refuse(s, EBADF, f_mode == FMODE_READ
			      ? "the file is not open for reading"
			      : "the file is not open for writing");
	if (!buffer_ok(s->m, t))
		return refuse(s, EFAULT, "the buffer is not in user space");
	if (t->count > s->m->arch->ulong_max / 2)
		return refuse(s, EINVAL, "count is negative");
	if (t->count > (uint64_t)INT64_MAX - t->pos)
		return refuse(s, EINVAL, "offset + count overflows");
	if (t->count > MAX_RW_COUNT)
		t->count = MAX_RW_COUNT;
	return 0;
}

int64_t null_read(struct step *s, file_ref file, struct user_buffer *to,
		  uint64_t *pos, uint64_t count)
{
	(void)s, (void)file, (void)to, (void)pos, (void)count;
	return 0;
}

int64_t null_write(struct step *s, file_ref file, struct user_buffer *from,
		   uint64_t *pos, uint64_t count)
{
	(void)s, (void)file, (void)from, (void)pos;
	return (int64_t)count;
}

int64_t zero_read(struct step *s, file_ref file, struct user_buffer *to,
		  uint64_t *pos, uint64_t count)
{
	const void *zeros = ram_at(s->m, kernel_at(s->m)->zero_pfn << PAGE_SHIFT);
	uint64_t done = 0, left = 0;

	(void)file, (void)pos;
	while (done < count && !left) {
		const uint64_t n = in_page(to->addr, count - done);

		left = buffer_put(s, to, zeros, n);	/* D-012: no more */
		done += n - left;
	}
	return left && !done ? refuse(s, EFAULT, "the buffer cannot be written")
			     : (int64_t)done;
}

int64_t zero_mmap(struct step *s, file_ref file, struct vm_area_struct *vma)
{
	(void)s, (void)file;
	vma->vm_ops = VM_OPS_NONE;
	return 0;
}

/* Where the next one begins, after a transfer at the file's own position. */
static int64_t finish_transfer(struct step *s, const struct transfer *t,
			       int64_t done)
{
	if (done > 0 && t->moves)
		file_mut(s, t->file)->f_pos = t->pos;
	return done;
}

static int64_t vfs_read(struct step *s, struct transfer *t)
{
	int64_t done = check_transfer(s, t, FMODE_READ);

	if (done)
		return done;
	trace_event(s, file_read, t->pos, t->count);
	done = fops(s->m, t->file)->read(s, t->file, &t->buffer, &t->pos,
					 t->count);
	return finish_transfer(s, t, done);
}

int64_t generic_write_sync(struct step *s, file_ref file, uint64_t end,
			   int64_t done)
{
	int64_t err;

	/* O_SYNC is O_DSYNC and another bit. */
	if (done <= 0 || !(file_at(s->m, file)->f_flags & O_DSYNC) ||
	    !fops(s->m, file)->fsync)
		return done;
	err = vfs_fsync_range(s, file, (end - (uint64_t)done) >> PAGE_SHIFT,
			      size_pages(end));
	return err ? err : done;
}

static int64_t vfs_write(struct step *s, struct transfer *t)
{
	int64_t done = check_transfer(s, t, FMODE_WRITE);

	if (done)
		return done;
	trace_event(s, file_write, t->pos, t->count);
	done = fops(s->m, t->file)->write(s, t->file, &t->buffer, &t->pos,
					  t->count);
	done = generic_write_sync(s, t->file, t->pos, done);
	return finish_transfer(s, t, done);
}

/* No buffer of the program's: the bytes leave or enter the machine. */
static struct user_buffer buffer_of(uint64_t buf, const uint8_t *outside)
{
	static const uint8_t nothing[1];
	struct user_buffer buffer = { .addr = buf };

	if (buf == NO_BUFFER)
		buffer.bytes = (uint8_t *)(outside ? outside : nothing);
	return buffer;
}

int64_t sys_read(struct step *s, const struct op_read *a, uint8_t *buf)
{
	struct transfer t = {
		.fd = a->fd, .count = a->count, .moves = true,
		.buffer = buffer_of(a->buf, buf),
	};

	return vfs_read(s, &t);
}

int64_t sys_pread(struct step *s, const struct op_pread *a, uint8_t *buf)
{
	struct transfer t = {
		.fd = a->fd, .count = a->count, .pos = a->offset,
		.buffer = buffer_of(a->buf, buf),
	};

	return vfs_read(s, &t);
}

int64_t sys_write(struct step *s, const struct op_write *a,
		  const uint8_t *data, size_t len)
{
	struct transfer t = {
		.fd = a->fd, .moves = true, .buffer = buffer_of(a->buf, data),
		.count = a->buf == NO_BUFFER ? len : a->count,
	};

	return vfs_write(s, &t);
}

int64_t sys_pwrite(struct step *s, const struct op_pwrite *a,
		   const uint8_t *data, size_t len)
{
	struct transfer t = {
		.fd = a->fd, .pos = a->offset,
		.buffer = buffer_of(a->buf, data),
		.count = a->buf == NO_BUFFER ? len : a->count,
	};

	return vfs_write(s, &t);
}

static int64_t seek_data_or_hole(struct step *s, file_ref file, uint64_t at,
				 bool data)
{
	const uint64_t size = file_size(s->m, file);

	if ((int64_t)at < 0 || at >= size)
		return refuse(s, ENXIO, "offset lies beyond the end of the file");
	at = fops(s->m, file)->seek_data(s->m, file, at, data);
	if (data && at >= size)
		return refuse(s, ENXIO, "there is no data after offset");
	return (int64_t)(at < size ? at : size);
}

/* Order of checks: fs/read_write.c generic_file_llseek_size(), 6.18. */
static int64_t new_position(struct step *s, file_ref file,
			    const struct op_lseek *a)
{
	uint64_t at = a->offset;

	switch (a->whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		at += file_at(s->m, file)->f_pos;
		break;
	case SEEK_END:
		at += file_size(s->m, file);
		break;
	default:
		return seek_data_or_hole(s, file, at, a->whence == SEEK_DATA);
	}
	if ((int64_t)at < 0)
		return refuse(s, EINVAL, "the position would be negative");
	if (at > file_maxbytes(s->m, file))
		return refuse(s, EINVAL, "no file can be that long");
	return (int64_t)at;
}

int64_t sys_lseek(struct step *s, const struct op_lseek *a)
{
	const file_ref ref = fget(s, a->fd);
	int64_t at = 0;

	if (file_none(ref))
		return refuse(s, EBADF, "fd is not open");
	if (a->whence > SEEK_HOLE)
		return refuse(s, EINVAL, "there is no such whence");
	if (!fops(s->m, ref)->seeks)
		return refuse(s, ESPIPE, "the file has no positions");
	if (!fops(s->m, ref)->rewinds)
		at = new_position(s, ref, a);
	if (at < 0)
		return at;
	trace_event(s, llseek, file_at(s->m, ref)->f_pos, (uint64_t)at);
	file_mut(s, ref)->f_pos = (uint64_t)at;
	return at;
}

/* Order of checks: fs/open.c do_ftruncate(), fs/attr.c inode_newsize_ok(). */
int64_t sys_ftruncate(struct step *s, const struct op_ftruncate *a)
{
	const uint64_t limit = rlimit(s, RLIMIT_FSIZE);
	const struct file *file;
	file_ref ref;

	if ((int64_t)a->len < 0)
		return refuse(s, EINVAL, "len is negative");
	ref = fget(s, a->fd);
	if (file_none(ref))
		return refuse(s, EBADF, "fd is not open");
	file = file_at(s->m, ref);
	if (!fops(s->m, ref)->truncate || !(file->f_mode & FMODE_WRITE))
		return refuse(s, EINVAL, "the file is no regular one, or not open for writing");
	if (a->len > inode_at(s->m, file->f_inode)->i_size && a->len > limit) {
		s->res->signo = SIGXFSZ;
		return refuse(s, EFBIG, "the file would exceed RLIMIT_FSIZE");
	}
	if (a->len > file_maxbytes(s->m, ref))
		return refuse(s, EFBIG, "no file can be that long");
	return fops(s->m, ref)->truncate(s, ref, a->len);
}

int64_t vfs_fsync_range(struct step *s, file_ref file, uint64_t first,
			uint64_t end)
{
	if (!fops(s->m, file)->fsync)
		return refuse(s, EINVAL, "the file has nothing to be written back to");
	return fops(s->m, file)->fsync(s, file, first, end);
}

int64_t sys_fsync(struct step *s, const struct op_fsync *a)
{
	const file_ref file = fget(s, a->fd);

	if (file_none(file))
		return refuse(s, EBADF, "fd is not open");
	return vfs_fsync_range(s, file, 0, UINT64_MAX);
}
