/* SPDX-License-Identifier: MIT */
/*
 * Pipes: rings of pieces of pages. See pipe.c for what they are, splice.c for
 * the calls that put other people's pages into them.
 */
#ifndef MMCORE_PIPE_H
#define MMCORE_PIPE_H

#include "mmcore/fs/fs.h"
#include "mmcore/mm/page_alloc.h"

/* pipe_buffer->flags (6.18). */
#define PIPE_BUF_FLAG_LRU	0x01	/* the page was on an LRU list (steal) */
#define PIPE_BUF_FLAG_ATOMIC	0x02	/* unused: it was mapped atomically */
#define PIPE_BUF_FLAG_GIFT	0x04	/* the program gave the page away */
#define PIPE_BUF_FLAG_PACKET	0x08	/* read as a whole, what is left is lost */
#define PIPE_BUF_FLAG_CAN_MERGE	0x10	/* the next write may append to it */

/*
 * What kinds of pages in a ring do differently; by buf->ops. Linux:
 * include/linux/pipe_fs_i.h, 2.6.17 (map, unmap, pin, steal) and 6.18. Its get
 * does the same for every kind: pipe_buf_get().
 */
struct pipe_buf_operations {
	const char *name;
	/* Are its bytes valid? 0, -ENODATA (truncated meanwhile) or -EIO. */
	int (*pin)(const struct machine *m, const struct pipe_buffer *buf);
	/* The bytes of the piece, until unmap. */
	const uint8_t *(*map)(const struct machine *m,
			      const struct pipe_buffer *buf);
	void (*unmap)(const struct machine *m, const struct pipe_buffer *buf);
	/* The buffer lets go of its page. */
	void (*release)(struct step *s, pipe_ref pipe, struct pipe_buffer *buf);
	/* May its page be taken over? Then the buffer's is the only reference
	 * and no list has it. Else why says why not. */
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

/* The ring of an open file; none: it is no pipe. Linux: get_pipe_info(). */
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

/* Free slots. */
static inline uint64_t pipe_room(const struct machine *m, pipe_ref pipe)
{
	const struct pipe_inode_info *p = pipe_at(m, pipe);

	return p->nrbufs < p->max_usage ? p->max_usage - p->nrbufs : 0;
}

/* The slot of buffer @i, 0 being the oldest. Sizes are powers of two. */
static inline uint32_t pipe_slot(const struct pipe_inode_info *p, uint32_t i)
{
	return (p->curbuf + i) & (p->max_usage - 1);
}

/* Where that slot lies. */
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
 * Queue a buffer, whose reference the pipe takes over; there is a free slot.
 * Member by member, which keeps a buffer that the caller has just made in
 * registers: made in memory, it would be read back wider than it was written, and
 * the processor waits for that.
 */
static inline void pipe_push(struct step *s, pipe_ref pipe,
			     const struct pipe_buffer *buf)
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

/* Forget the oldest buffer, which is @buf: its reference went elsewhere. */
static inline void pipe_pop(struct step *s, pipe_ref pipe,
			    struct pipe_buffer *buf)
{
	struct pipe_inode_info *p = pipe_mut(s, pipe);

	MM_ASSERT(p->nrbufs > 0);
	*buf = (struct pipe_buffer){ 0 };
	p->curbuf = pipe_slot(p, 1);
	p->nrbufs--;
}

/* @n bytes of the oldest buffer are used up; it goes with its last one. */
void pipe_consume(struct step *s, pipe_ref pipe, uint32_t n);
/* At most @len bytes are forgotten; returns how many. */
uint64_t pipe_drop(struct step *s, pipe_ref pipe, uint64_t len);

/* One more reference, for a second buffer. The zero page is nobody's to count. */
static inline void pipe_buf_get(struct step *s, const struct pipe_buffer *buf)
{
	if (buf->page != kernel_at(s->m)->zero_pfn)
		get_page(s, (pfn_t)buf->page);
}

/* Queue a second buffer with the first @len bytes of @buf, another pipe's: what
 * a copy may not inherit is off. There is a free slot. */
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

/* A ring of @slots (16, or 2 for who has too many), without ends; none: no RAM. */
pipe_ref alloc_pipe_info(struct step *s);
/* It and everything in it. */
void free_pipe_info(struct step *s, pipe_ref pipe);

/* -EPIPE, told, with SIGPIPE: nobody will read. */
int64_t broken_pipe(struct step *s);

/*
 * May something be put in? 0; -EPIPE; -EAGAIN or "blocked" where it is full,
 * as @nonblock says. Linux: fs/splice.c wait_for_space().
 */
int64_t wait_for_space(struct step *s, pipe_ref pipe, bool nonblock);
/* Is there something to take? 1; 0: nobody will write; -EAGAIN; "blocked". */
int64_t wait_for_data(struct step *s, pipe_ref pipe, bool nonblock);

/* What F_SETPIPE_SZ makes of a size in bytes; 0: it is too large. */
uint64_t round_pipe_size(uint64_t size);
/* F_SETPIPE_SZ, F_GETPIPE_SZ: the size in bytes, or a negative errno, told. */
int64_t pipe_fcntl(struct step *s, file_ref file, uint64_t cmd, uint32_t arg);

#endif
