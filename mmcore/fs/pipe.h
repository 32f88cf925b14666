/* SPDX-License-Identifier: MIT */
/*
 * Pipes. A pipe is a ring of pieces of pages. pipe.c describes the ring; the calls of
 * splice.c put pages of files and of programs into it. An error is "reported" as fs.h
 * defines it.
 */
#ifndef MMCORE_PIPE_H
#define MMCORE_PIPE_H

#include "mmcore/fs/fs.h"
#include "mmcore/mm/page_alloc.h"

/* pipe_buffer->flags (6.18). */
#define PIPE_BUF_FLAG_LRU	0x01	/* the page was on an LRU list (steal) */
#define PIPE_BUF_FLAG_ATOMIC	0x02	/* unused: it was mapped atomically */
#define PIPE_BUF_FLAG_GIFT	0x04	/* the program gave the page away */
#define PIPE_BUF_FLAG_PACKET	0x08	/* a read takes it as a whole and loses the rest */
#define PIPE_BUF_FLAG_CAN_MERGE	0x10	/* the next write may append to it */

/*
 * The methods of a piece, by buf->ops: they depend on where its page came from. Linux:
 * include/linux/pipe_fs_i.h, 2.6.17 (map, unmap, pin, steal) and 6.18. Linux' method
 * "get" would do the same for every kind here and is pipe_buf_get().
 */
struct pipe_buf_operations {
	const char *name;
	/* Returns 0 if the bytes of the piece are valid, -ENODATA if the file was
	 * truncated meanwhile, or -EIO. */
	int (*pin)(const struct machine *m, const struct pipe_buffer *buf);
	/* Returns the bytes of the piece; they stay valid until unmap. */
	const uint8_t *(*map)(const struct machine *m,
			      const struct pipe_buffer *buf);
	void (*unmap)(const struct machine *m, const struct pipe_buffer *buf);
	/* The buffer lets go of its page. */
	void (*release)(struct step *s, pipe_ref pipe, struct pipe_buffer *buf);
	/* Returns whether the caller may take the page over. If so the buffer holds
	 * its only reference and the page is on no list; if not *@why is the reason. */
	bool (*steal)(struct step *s, struct pipe_buffer *buf,
		      const char **why);
};

extern const struct pipe_buf_operations pipe_buf_operations[NR_PIPE_BUF_OPS];

static inline const struct pipe_buf_operations *
pipe_buf_ops(const struct pipe_buffer *buf)
{
	MM_ASSERT(buf->ops > PIPE_BUF_OPS_NONE && buf->ops < NR_PIPE_BUF_OPS);
	return &pipe_buf_operations[buf->ops];
}

/* The methods of pipe_buf_operations[] (pipe.c). */
int always_valid_pipe_buf_pin(const struct machine *m, const struct pipe_buffer *buf);
int page_cache_pipe_buf_pin(const struct machine *m,
			  const struct pipe_buffer *buf);
const uint8_t *generic_pipe_buf_map(const struct machine *m,
				  const struct pipe_buffer *buf);
void generic_pipe_buf_unmap(const struct machine *m,
			  const struct pipe_buffer *buf);
void generic_pipe_buf_release(struct step *s, pipe_ref pipe,
			    struct pipe_buffer *buf);
void zero_pipe_buf_release(struct step *s, pipe_ref pipe,
			 struct pipe_buffer *buf);
void user_page_pipe_buf_release(struct step *s, pipe_ref pipe,
			      struct pipe_buffer *buf);
void anon_pipe_buf_release(struct step *s, pipe_ref pipe,
				  struct pipe_buffer *buf);
bool generic_pipe_buf_steal(struct step *s, struct pipe_buffer *buf,
			  const char **why);
bool page_cache_pipe_buf_steal(struct step *s, struct pipe_buffer *buf,
			     const char **why);
bool user_page_pipe_buf_steal(struct step *s, struct pipe_buffer *buf,
			    const char **why);
bool zero_pipe_buf_steal(struct step *s, struct pipe_buffer *buf,
			const char **why);

/* Return the ring of an open file; none if the file is no pipe. Linux: fs/pipe.c. */
pipe_ref get_pipe_info(const struct machine *m, file_ref file);

static inline bool pipe_empty(const struct machine *m, pipe_ref pipe)
{
	return pipe_at(m, pipe)->nrbufs == 0;
}

static inline bool pipe_full(const struct machine *m, pipe_ref pipe)
{
	const struct pipe_inode_info *p = pipe_at(m, pipe);

	return p->nrbufs >= p->max_usage;
}

/* Return the number of free slots. */
static inline uint64_t pipe_room(const struct machine *m, pipe_ref pipe)
{
	const struct pipe_inode_info *p = pipe_at(m, pipe);

	return p->nrbufs < p->max_usage ? p->max_usage - p->nrbufs : 0;
}

/* Return the slot of buffer @i, where 0 is the oldest. Rings have a power of two of
 * slots. */
static inline uint32_t pipe_slot(const struct pipe_inode_info *p, uint32_t i)
{
	return (p->curbuf + i) & (p->max_usage - 1);
}

/* Return the physical address of that slot. */
static inline uint64_t pipe_buf_pa(const struct pipe_inode_info *p,
				   pipe_ref pipe, uint32_t i)
{
	const uint64_t ring = p->ring ? p->ring
		: pipe.pa + offsetof(struct pipe_inode_info, bufs);

	return ring + pipe_slot(p, i) * sizeof(struct pipe_buffer);
}

static inline const struct pipe_buffer *pipe_buf_at(const struct machine *m,
						    pipe_ref pipe, uint32_t i)
{
	mm_poll(m, 1);
	return ram_at(m, pipe_buf_pa(pipe_at(m, pipe), pipe, i));
}

static inline struct pipe_buffer *pipe_buf_mut(struct step *s, pipe_ref pipe,
					       uint32_t i)
{
	return ram_mut(s, pipe_buf_pa(pipe_at(s->m, pipe), pipe, i));
}

/*
 * Queue a buffer; the pipe has a free slot and takes over the reference to the page.
 * The members are copied one by one, which keeps a buffer that the caller has just made
 * in registers. In memory the processor would read it back wider than it was written
 * and would have to wait; so it is never a call.
 */
static inline __attribute__((always_inline)) void
pipe_push(struct step *s, pipe_ref pipe, const struct pipe_buffer *buf)
{
	struct pipe_inode_info *p = pipe_mut(s, pipe);
	struct pipe_buffer *slot = ram_mut(s, pipe_buf_pa(p, pipe, p->nrbufs));

	MM_ASSERT(p->nrbufs < p->max_usage && !(p->max_usage & (p->max_usage - 1)));
	slot->page = buf->page;
	slot->offset = buf->offset;
	slot->len = buf->len;
	slot->ops = buf->ops;
	slot->flags = buf->flags;
	slot->private = buf->private;
	p->nrbufs++;
}

/* Remove the oldest buffer, which is @buf. The caller has the reference to its page. */
static inline void pipe_pop(struct step *s, pipe_ref pipe,
			    struct pipe_buffer *buf)
{
	struct pipe_inode_info *p = pipe_mut(s, pipe);

	MM_ASSERT(p->nrbufs > 0);
	*buf = (struct pipe_buffer){ 0 };
	p->curbuf = pipe_slot(p, 1);
	p->nrbufs--;
}

/* Remove the first @n bytes of the oldest buffer, and with its last byte the buffer. */
void pipe_consume(struct step *s, pipe_ref pipe, uint32_t n);
/* Throw at most @len bytes away. Returns how many there were. */
uint64_t pipe_drop(struct step *s, pipe_ref pipe, uint64_t len);

/* Take a reference to the page for a second buffer. The zero page is not counted. */
static inline void pipe_buf_get(struct step *s, const struct pipe_buffer *buf)
{
	if (buf->page != kernel_at(s->m)->zero_pfn)
		get_page(s, (pfn_t)buf->page);
}

/* Queue a second buffer with the first @len bytes of @buf, which belongs to another
 * pipe. @pipe has a free slot. The copy is neither a gift nor may a write append to it. */
static inline void pipe_share(struct step *s, pipe_ref pipe,
			      const struct pipe_buffer *buf, uint32_t len)
{
	const uint32_t lost = PIPE_BUF_FLAG_GIFT | PIPE_BUF_FLAG_CAN_MERGE;
	struct pipe_inode_info *p = pipe_mut(s, pipe);
	struct pipe_buffer *copy = ram_mut(s, pipe_buf_pa(p, pipe, p->nrbufs));

	MM_ASSERT(p->nrbufs < p->max_usage);
	pipe_buf_get(s, buf);
	*copy = *buf;
	copy->len = len;
	copy->flags = buf->flags & ~lost;
	p->nrbufs++;
}

/* Make a ring without readers and writers. It has 16 slots, fewer
 * where fs.pipe-max-size is smaller, or 2 where the user has too many pipe buffers
 * already (fs.pipe-user-pages-soft). Returns none where there is no RAM. */
pipe_ref alloc_pipe_info(struct step *s);
/* Free the ring and release every buffer in it. */
void free_pipe_info(struct step *s, pipe_ref pipe);

/* Send SIGPIPE and return -EPIPE, reported: the pipe has no readers. */
int64_t broken_pipe(struct step *s);

/*
 * Check that the pipe has room. Returns 0, or -EPIPE without readers. Where the pipe is
 * full it returns -EAGAIN if @nonblock; else the call is blocked, as would_block()
 * describes. Errors are reported. Linux: fs/splice.c.
 */
int64_t wait_for_space(struct step *s, pipe_ref pipe, bool nonblock);
/* Check that the pipe has bytes. Returns 1; 0 where it is empty and has no writers; else
 * -EAGAIN, reported, if @nonblock, or the call is blocked. */
int64_t wait_for_data(struct step *s, pipe_ref pipe, bool nonblock);

/* Round a size in bytes as F_SETPIPE_SZ does, to pages and a power of two. Returns 0
 * where it is above 2 GiB. */
uint64_t round_pipe_size(uint64_t size);
/* fcntl(F_SETPIPE_SZ) and fcntl(F_GETPIPE_SZ). Return the size in bytes, or a negative
 * errno, reported. */
int64_t pipe_fcntl(struct step *s, file_ref file, uint64_t cmd, uint32_t arg);

#endif
