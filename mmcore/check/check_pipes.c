/* SPDX-License-Identifier: MIT */
/* Law H of pipes: rings, their pages, their ends. */
#include "mmcore/check/check.h"
#include "mmcore/fs/pipe.h"

/* A slot in use: its piece lies in a page, which it holds. */
static void check_buffer(struct check *c, const struct pipe_buffer *buf)
{
	const struct kernel *k = kernel_at(c->m);

	if (!check_law(c, LAW_pipe_ring, buf->ops > PIPE_BUF_OPS_NONE &&
		       buf->ops < NR_PIPE_BUF_OPS && buf->len > 0 &&
		       buf->offset <= PAGE_SIZE &&
		       buf->len <= PAGE_SIZE - buf->offset &&
		       (buf->page == k->zero_pfn ||
			page_is_managed(c->m, buf->page))))
		return;
	check_law(c, LAW_pipe_ring, (buf->ops == PIPE_BUF_OPS_ZERO) <=
				    (buf->page == k->zero_pfn));
	if (buf->page != k->zero_pfn)
		c->refs_found += check_mix(check_folio(c->m, (pfn_t)buf->page));
}

/* One page, or one compound page: as large as it must be and no larger. */
static bool is_block_of(const struct machine *m, uint64_t pa, uint64_t bytes)
{
	const pfn_t pfn = (pfn_t)(pa >> PAGE_SHIFT);
	uint64_t size = PAGE_SIZE;

	if (page_has(m, pfn, PG_compound))
		size <<= compound_order(m, pfn);
	return size >= bytes && (size == PAGE_SIZE || size / 2 < bytes);
}

/* The frames of a ring that is larger than the first one. */
static bool check_ring_frames(struct check *c, const struct pipe_inode_info *p)
{
	const uint64_t bytes = p->max_usage * sizeof(struct pipe_buffer);

	if (!p->ring)
		return check_law(c, LAW_pipe_ring,
				 p->max_usage <= PIPE_BUFFERS);
	if (!check_law(c, LAW_pipe_ring, !(p->ring & ~PAGE_MASK) &&
		       p->max_usage > PIPE_BUFFERS &&
		       p->ring < c->m->ram_bytes &&
		       bytes <= c->m->ram_bytes - p->ring))
		return false;
	c->refs_found += check_mix(p->ring >> PAGE_SHIFT);
	return check_law(c, LAW_pipe_ring, is_block_of(c->m, p->ring, bytes));
}

static void check_pipe(struct check *c, pipe_ref pipe)
{
	const struct pipe_inode_info *p = pipe_at(c->m, pipe);
	const uint64_t nr = p->max_usage;

	c->pipe_readers += p->readers;
	c->pipe_writers += p->writers;
	c->pipe_bufs += p->nr_accounted;
	if (!check_law(c, LAW_pipe_ring, nr && !(nr & (nr - 1)) &&
		       p->nrbufs <= nr && p->curbuf < nr &&
		       p->nr_accounted == nr) ||
	    !check_ring_frames(c, p))
		return;
	check_law(c, LAW_pipe_ends, check_object(c, p->inode.pa, CACHE_INODE) &&
		  pipe_same(inode_at(c->m, p->inode)->i_pipe, pipe));
	if (p->tmp_page)
		c->refs_found += check_mix(p->tmp_page);
	for (uint32_t i = 0; i < p->nrbufs; i++)
		check_buffer(c, pipe_buf_at(c->m, pipe, i));
}

void check_pipes(struct check *c)
{
	uint64_t readers = 0, writers = 0;

	for (uint64_t pa = kmem_cache_next(c->m, CACHE_PIPE, 0); pa;
	     pa = kmem_cache_next(c->m, CACHE_PIPE, pa))
		check_pipe(c, pipe_make(pa));
	for (uint64_t pa = kmem_cache_next(c->m, CACHE_FILE, 0); pa;
	     pa = kmem_cache_next(c->m, CACHE_FILE, pa)) {
		const struct file *file = file_at(c->m, file_make(pa));

		if (file->f_op != FILE_OPS_PIPE)
			continue;
		readers += file->f_mode == FMODE_READ;
		writers += file->f_mode == FMODE_WRITE;
	}
	check_law(c, LAW_pipe_ends, readers == c->pipe_readers &&
				    writers == c->pipe_writers &&
				    c->pipe_bufs == kernel_at(c->m)->pipe_bufs);
}
