/* SPDX-License-Identifier: MIT */
/*
 * The page cache (2.6.17 mm/filemap.c, mm/truncate.c; results as 6.18's).
 *
 * One page stands for 4 KiB of a file, whoever looks: read and write copy from and
 * to it, shared mappings map it, private ones map it until the first store. So all
 * of them see the same bytes at once, and the disk learns of them later.
 *
 * Writes and windows of readahead bring in folios of several pages where they can:
 * see folio.c. How the end of a file moves is in truncate.c.
 */
#include <string.h>

#include "mmcore/mm/filemap.h"
#include "mmcore/fs/disk.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/pgtable.h"
#include "mmcore/mm/uio.h"
#include "mmcore/mm/vma.h"

/* ---- pages come and go ---- */

/* The tree has all pages of a folio, or none. */
static int64_t insert_folio(struct step *s, mapping_ref mapping, uint64_t index,
			    pfn_t pfn)
{
	for (uint32_t i = 0; i < folio_nr_pages(s->m, pfn); i++) {
		if (!radix_tree_insert(s, mapping, index + i, pfn + i))
			continue;
		while (i--)
			radix_tree_delete(s, mapping, index + i);
		return -ENOMEM;
	}
	return 0;
}

int64_t add_to_page_cache(struct step *s, mapping_ref mapping, uint64_t index,
			  pfn_t pfn)
{
	const uint32_t nr = folio_nr_pages(s->m, pfn);
	const int64_t err = insert_folio(s, mapping, index, pfn);

	if (err)
		return err;
	for (uint32_t i = 0; i < nr; i++) {
		struct page_rest *page = page_mut(s, pfn + i);

		page->mapping = mapping.pa;
		page->index = index + i;
	}
	page_counts_mut(s, pfn)->_count += (int32_t)(nr - 1);
	mapping_mut(s, mapping)->nrpages += nr;
	kernel_mut(s)->nr_file_pages += nr;
	lru_cache_add(s, pfn);
	return 0;
}

void remove_from_page_cache(struct step *s, pfn_t pfn)
{
	const pfn_t folio = page_folio(s->m, pfn);
	const uint32_t nr = folio_nr_pages(s->m, folio);
	const mapping_ref mapping = mapping_make(page_at(s->m, folio)->mapping);
	const inode_ref inode = mapping_at(s->m, mapping)->host;

	MM_ASSERT(mapping_at(s->m, mapping)->nrpages >= nr);
	clear_page_dirty(s, folio);
	for (uint32_t i = 0; i < nr; i++) {
		struct page_rest *page = page_mut(s, folio + i);

		MM_ASSERT(page_counts_at(s->m, folio + i)->_mapcount < 0);
		radix_tree_delete(s, mapping, page->index);
		page->mapping = 0;
	}
	mapping_mut(s, mapping)->nrpages -= nr;
	kernel_mut(s)->nr_file_pages -= nr;
	page_counts_mut(s, folio)->_count -= (int32_t)(nr - 1);
	put_page(s, folio);
	if (!mapping_at(s->m, mapping)->nrpages &&
	    !inode_at(s->m, inode)->i_count &&
	    inode_at(s->m, inode)->i_sb == SUPER_DISK)
		disk_drop_inode(s, inode);
}

int64_t read_folio(struct step *s, pfn_t pfn)
{
	const pfn_t folio = page_folio(s->m, pfn);
	const mapping_ref mapping = mapping_make(page_at(s->m, folio)->mapping);
	int64_t err = 0;

	for (uint32_t i = 0; !err && i < folio_nr_pages(s->m, folio); i++)
		if (!block_is_dirty(s->m, folio + i))
			err = aops(s->m, mapping)->readpage(s, mapping, folio + i);
	if (!err)
		folio_set(s, folio, PG_uptodate);
	return err;
}

int64_t read_cache_folio(struct step *s, mapping_ref mapping, uint64_t index,
			 unsigned int order, pfn_t *pfn)
{
	int64_t err;

	*pfn = alloc_pages(s, GFP_HIGHUSER | __GFP_COMP, order);
	if (!*pfn)
		return -ENOMEM;
	err = add_to_page_cache(s, mapping, index, *pfn);
	if (err) {
		put_page(s, *pfn);
		return err;
	}
	return read_folio(s, *pfn);
}

int64_t read_cache_page(struct step *s, mapping_ref mapping, uint64_t index,
			pfn_t *pfn)
{
	*pfn = find_get_page(s->m, mapping, index);
	return *pfn ? 0 : read_cache_folio(s, mapping, index, 0, pfn);
}

/* ---- read ---- */

/* Its bytes are wanted. Was the folio not PG_uptodate until now? */
static bool bring_up(struct step *s, pfn_t pfn)
{
	return !folio_has(s->m, pfn, PG_uptodate) && !read_folio(s, pfn);
}

/* filemap_readahead(): the rest of what is wanted begins with the folio. */
static void meet_mark(struct step *s, file_ref file, pfn_t pfn, uint64_t last)
{
	const pfn_t folio = page_folio(s->m, pfn);
	const uint64_t index = folio_index(s->m, folio);

	if (page_has(s->m, folio, PG_readahead))
		page_cache_async_ra(s, file, folio, index, last - index);
}

#define PAGEVEC_SIZE 31	/* folios */

/* filemap_get_read_batch(): *end is set behind the last folio; it, or 0. What has to
 * be read first is a batch of its own. */
static pfn_t read_batch(const struct machine *m, mapping_ref mapping,
			uint64_t index, uint64_t last, uint64_t *end)
{
	pfn_t folio = 0;

	*end = index;
	for (int nr = 0; nr < PAGEVEC_SIZE && *end < last; nr++) {
		const pfn_t pfn = find_get_page(m, mapping, *end);

		if (!pfn || (nr && !folio_has(m, pfn, PG_uptodate)))
			break;
		folio = page_folio(m, pfn);
		*end = folio_next_index(m, folio);
		if (!page_has(m, folio, PG_uptodate) ||
		    page_has(m, folio, PG_readahead))
			break;
	}
	return folio;
}

static int64_t filemap_get_pages(struct step *s, file_ref file, uint64_t index,
			  uint64_t last, uint64_t *end)
{
	const mapping_ref mapping = file_at(s->m, file)->f_mapping;
	pfn_t folio = read_batch(s->m, mapping, index, last, end);
	int64_t err = 0;

	if (!folio) {
		page_cache_sync_ra(s, file, index, last - index);
		folio = read_batch(s->m, mapping, index, last, end);
	}
	if (!folio) {
		*end = index + 1;
		return read_cache_page(s, mapping, index, &folio);
	}
	get_page(s, folio);
	meet_mark(s, file, folio, last);
	if (!page_has(s->m, folio, PG_uptodate))
		err = read_folio(s, folio);
	put_page(s, folio);
	return err;
}

/* The page at @index, where its bytes are there; else 0. */
static pfn_t uptodate_page(const struct machine *m, mapping_ref mapping,
			   uint64_t index)
{
	const pfn_t pfn = find_get_page(m, mapping, index);

	return pfn && folio_has(m, pfn, PG_uptodate) ? pfn : 0;
}

int64_t filemap_read_page(struct step *s, file_ref file, uint64_t index,
			  uint64_t last, uint64_t *end, pfn_t *pfn)
{
	const mapping_ref mapping = file_at(s->m, file)->f_mapping;
	int64_t err = 0;

	*pfn = index < *end ? uptodate_page(s->m, mapping, index) : 0;
	/* A page of a batch may go while another one comes, or is copied. */
	while (!*pfn && !err) {
		err = filemap_get_pages(s, file, index, last, end);
		*pfn = uptodate_page(s->m, mapping, index);
	}
	return err;
}

/* pos_same_folio(): does the byte at @pos lie in the folio that holds @index? */
static bool in_same_folio(const struct machine *m, pfn_t pfn, uint64_t index,
			  uint64_t pos)
{
	const unsigned int order = folio_order(m, pfn);

	return pos >> PAGE_SHIFT >> order == index >> order;
}

int64_t generic_file_read(struct step *s, file_ref ref, struct user_buffer *to,
			  uint64_t *pos, uint64_t count)
{
	const struct file *file = file_at(s->m, ref);
	const uint64_t size = inode_at(s->m, file->f_inode)->i_size;
	const uint64_t last = size_pages(*pos + count);
	int64_t last_pos = file->f_ra.prev_pos, err = 0;
	uint64_t done = 0, left = 0, end = 0, n;

	if (*pos >= size || !count)
		return 0;
	if (count > size - *pos)
		count = size - *pos;
	while (done < count && !left) {
		const uint64_t index = *pos >> PAGE_SHIFT;
		pfn_t pfn;

		mm_poll(s->m, 1);
		err = filemap_read_page(s, ref, index, last, &end, &pfn);
		if (err)
			break;
		/* Its last byte, not the first one behind it. */
		if (!in_same_folio(s->m, pfn, index, (uint64_t)(last_pos - 1)))
			mark_page_accessed(s, pfn);
		n = in_page(*pos, count - done);
		left = buffer_put_page(s, to, pfn, *pos & ~PAGE_MASK, n);
		done += n - left;
		*pos += n - left;
		last_pos = (int64_t)*pos;
	}
	/* Only now: this read's windows go by where the one before ended. */
	file_mut(s, ref)->f_ra.prev_pos = last_pos;
	if (done)
		return (int64_t)done;
	return err ? refuse(s, (int)-err, "no memory for a page of the file")
		   : refuse(s, EFAULT, "the buffer cannot be written");
}

/* ---- write ---- */

int64_t generic_write_checks(struct step *s, file_ref file, uint64_t *pos,
			     uint64_t *count)
{
	const uint64_t limit = rlimit(s, RLIMIT_FSIZE);
	const uint64_t most = file_maxbytes(s->m, file);

	if (!*count)
		return 0;
	if (file_at(s->m, file)->f_flags & O_APPEND)
		*pos = inode_at(s->m, file_at(s->m, file)->f_inode)->i_size;
	/* loff_t: a limit of 2^63 and more, but infinity, is a negative one. */
	if (limit != RLIM_INFINITY && (int64_t)*pos >= (int64_t)limit) {
		s->res->signo = SIGXFSZ;
		return refuse(s, EFBIG, "the file would exceed RLIMIT_FSIZE");
	}
	if (*pos >= most)
		return refuse(s, EFBIG, "no file can be that long");
	if (*count > limit - *pos)
		*count = limit - *pos;
	if (*count > most - *pos)
		*count = most - *pos;
	if (!inode_none(file_at(s->m, file)->f_inode))
		file_remove_privs(s, file_at(s->m, file)->f_inode);
	return 0;
}

/* A folio for a write of @bytes that begins in the page @index, where nothing is
 * cached. Nothing is read. 0, or -ENOMEM. */
static int64_t new_folio_to_write(struct step *s, mapping_ref mapping,
				  uint64_t index, uint64_t bytes, pfn_t *pfn)
{
	unsigned int order = filemap_folio_order(s->m, mapping, index,
						 bytes >> PAGE_SHIFT);
	int64_t err;

	do
		*pfn = alloc_pages(s, GFP_HIGHUSER | __GFP_COMP, order);
	while (!*pfn && order--);
	if (!*pfn)
		return -ENOMEM;
	err = add_to_page_cache(s, mapping, index, *pfn);
	if (err)
		put_page(s, *pfn);
	return err;
}

/* The file has a block at @index; *made: it had none. As get_block() of aops(). */
static int64_t get_block(struct step *s, mapping_ref mapping, uint64_t index,
			 bool *made)
{
	const struct inode *inode =
		inode_at(s->m, mapping_at(s->m, mapping)->host);
	const uint64_t blocks = inode->i_blocks;
	const int64_t err = aops(s->m, mapping)->get_block(s, mapping, index);

	*made = inode->i_blocks != blocks;
	return err;
}

/*
 * __block_write_begin(): blocks for what will be written of a folio, and the bytes
 * around it in its first and last block. A block that is new is zeros, and will be
 * written whatever comes. Returns: how many of the @n bytes have blocks, or -ENOSPC.
 */
static int64_t prepare_blocks(struct step *s, mapping_ref mapping, uint64_t pos,
			      uint64_t n)
{
	uint64_t at = pos;

	while (at < pos + n) {
		const uint64_t index = at >> PAGE_SHIFT;
		const uint64_t here = in_page(at, pos + n - at);
		const pfn_t pfn = find_get_page(s->m, mapping, index);
		bool made;
		const int64_t err = get_block(s, mapping, index, &made);

		if (err)
			return at > pos ? (int64_t)(at - pos) : err;
		if (made)
			mark_block_dirty(s, pfn);
		else if (here < PAGE_SIZE && !block_is_dirty(s->m, pfn) &&
			 !folio_has(s->m, pfn, PG_uptodate))
			disk_readpage(s, mapping, pfn);
		at += here;
	}
	return (int64_t)n;
}

/* ext4_da_write_begin(): the same with the folio, which may be as large as for @bytes.
 * *@pfn is the page of @pos. */
static int64_t write_begin(struct step *s, mapping_ref mapping, uint64_t pos,
			   uint64_t n, uint64_t bytes, pfn_t *pfn)
{
	const uint64_t index = pos >> PAGE_SHIFT;
	bool made;
	int64_t err = get_block(s, mapping, index, &made);

	*pfn = err ? 0 : find_get_page(s->m, mapping, index);
	if (!err && !*pfn)
		err = new_folio_to_write(s, mapping, index, bytes, pfn);
	if (err)
		return err;
	if (made)
		mark_block_dirty(s, *pfn);
	n = least(n, (folio_next_index(s->m, *pfn) << PAGE_SHIFT) - pos);
	return prepare_blocks(s, mapping, pos, n);
}

/* The bytes of one page, its block being there. How many are there to be read. */
static uint64_t write_one_page(struct step *s, inode_ref inode, pfn_t pfn,
			       struct user_buffer *from, uint64_t pos, uint64_t n)
{
	const uint64_t got = buffer_get_atomic(s, from, (uint8_t *)
					       ram_mut(s, pfn_to_pa(pfn)) +
					       (pos & ~PAGE_MASK), n);

	/* block_commit_write(): where a block is begun in its middle it is written. */
	if (got || pos & ~PAGE_MASK)
		mark_block_dirty(s, pfn);
	if (got && pos + got > inode_at(s->m, inode)->i_size)
		i_size_write(s, inode, pos + got);
	return got;
}

/* As many of the bytes that go into one folio as are there to be read. */
static uint64_t write_pages(struct step *s, inode_ref inode, pfn_t pfn,
			    struct user_buffer *from, uint64_t pos, uint64_t n)
{
	uint64_t done = 0, got, want;

	do {
		want = in_page(pos + done, n - done);
		got = write_one_page(s, inode, pfn++, from, pos + done, want);
		done += got;
	} while (got == want && done < n);
	return done;
}

/* All of its blocks are new, or were written: nothing of the disk's is wanted. */
static void note_filled(struct step *s, pfn_t pfn)
{
	const pfn_t folio = page_folio(s->m, pfn);

	for (uint32_t i = 0; i < folio_nr_pages(s->m, folio); i++)
		if (!block_is_dirty(s->m, folio + i))
			return;
	folio_set(s, folio, PG_uptodate);
}

/* A write on its way: where, and how much at a time. */
struct writing {
	inode_ref inode;
	struct user_buffer *from;
	uint64_t pos;
	uint64_t chunk;		/* halved when bytes were not there to be read */
};

/*
 * One round of generic_perform_write(): what is there to be read of the bytes that go
 * into one folio. Where that is nothing, they are faulted in, for the next round.
 * Bytes written, or a negative errno, told.
 */
static int64_t write_to_folio(struct step *s, struct writing *w, uint64_t n)
{
	const uint64_t room = w->chunk - (w->pos & (w->chunk - 1));
	const uint64_t bytes = least(n + w->from->more, room);
	int64_t have;
	uint64_t got;
	pfn_t pfn;
	bool whole;

	n = least(n, room);
	have = write_begin(s, inode_mapping(w->inode), w->pos, n, bytes, &pfn);
	if (have < 0)
		return refuse(s, (int)-have, have == -ENOSPC
			      ? "the disk is full"
			      : "no memory for a page of the file");
	n = (uint64_t)have;
	get_page(s, pfn);
	/* As in shmem.c: the file has grown to @pos before the buffer is read. */
	if (w->pos > inode_at(s->m, w->inode)->i_size)
		extend_file(s, w->inode, w->pos, w->pos);
	whole = folio_has(s->m, pfn, PG_uptodate);
	got = write_pages(s, w->inode, pfn, w->from, w->pos, n);
	note_filled(s, pfn);
	put_page(s, pfn);
	if (got < n && (!got || !whole) && w->chunk > PAGE_SIZE)
		w->chunk /= 2;
	if (!got && !buffer_fault_in(s, w->from, n))
		return refuse(s, EFAULT, "the buffer cannot be read");
	w->pos += got;
	return (int64_t)got;
}

int64_t generic_file_write(struct step *s, file_ref ref,
			   struct user_buffer *from, uint64_t *pos,
			   uint64_t count)
{
	struct writing w = { file_at(s->m, ref)->f_inode, from, 0,
			     PAGE_SIZE << MAX_PAGECACHE_ORDER };
	uint64_t done = 0;
	int64_t n = generic_write_checks(s, ref, pos, &count);

	if (n)
		return n;
	w.pos = *pos;
	while (done < count) {
		n = write_to_folio(s, &w, count - done);
		if (n < 0)
			break;
		mm_poll(s->m, 1 + ((uint64_t)n >> PAGE_SHIFT));
		done += (uint64_t)n;
	}
	*pos += done;
	balance_dirty_pages(s);
	if (n < 0 && !done)
		return n;
	s->res->why = NULL;
	return (int64_t)done;
}

int64_t generic_adopt_page(struct step *s, file_ref file, uint64_t index,
			   pfn_t pfn)
{
	const inode_ref inode = file_at(s->m, file)->f_inode;
	const mapping_ref mapping = inode_mapping(inode);
	const uint64_t end = (index + 1) << PAGE_SHIFT;
	int64_t err = aops(s->m, mapping)->get_block(s, mapping, index);

	page_mut(s, pfn)->flags = 1ULL << PG_uptodate;
	if (!err)
		err = add_to_page_cache(s, mapping, index, pfn);
	if (err) {
		page_mut(s, pfn)->flags |= 1ULL << PG_pipe;
		return err;
	}
	set_page_dirty(s, pfn);
	if (end > inode_at(s->m, inode)->i_size)
		extend_file(s, inode, index << PAGE_SHIFT, end);
	mark_page_accessed(s, pfn);
	return 0;
}

int64_t generic_file_fsync(struct step *s, file_ref file, uint64_t first,
			   uint64_t end)
{
	return filemap_fdatawrite_range(s, file_at(s->m, file)->f_mapping, first,
					end);
}

void generic_file_release(struct step *s, file_ref file)
{
	const inode_ref inode = file_at(s->m, file)->f_inode;

	if (!(inode_at(s->m, inode)->i_state & I_DA_ALLOC_CLOSE))
		return;
	inode_mut(s, inode)->i_state &= ~(uint32_t)I_DA_ALLOC_CLOSE;
	filemap_fdatawrite_range(s, inode_mapping(inode), 0, UINT64_MAX);
}

/* ---- mappings ---- */

int64_t generic_file_mmap(struct step *s, file_ref file,
			  struct vm_area_struct *vma)
{
	(void)s;
	(void)file;
	vma->vm_ops = VM_OPS_FILE;
	return 0;
}

static bool beyond_end(const struct machine *m,
		       const struct vm_area_struct *vma, uint64_t index)
{
	const struct file *file = file_at(m, vma->vm_file);

	return index >= size_pages(inode_at(m, file->f_inode)->i_size);
}

#define FAULT_AROUND_PAGES 16	/* fault_around_bytes, 64 KiB */

/* The entries [*from, *to) of the PTE table around entry @at. */
static void around_window(const struct machine *m,
			  const struct vm_area_struct *vma, uint64_t addr,
			  uint64_t *from, uint64_t *to)
{
	const struct arch_level *last = &m->arch->level[m->arch->nr_levels - 1];
	const uint64_t at = addr >> PAGE_SHIFT & ((1ULL << last->bits) - 1);
	const uint64_t in_vma = (addr - vma->vm_start) >> PAGE_SHIFT;

	*from = at & ~(uint64_t)(FAULT_AROUND_PAGES - 1);
	if (at - *from > in_vma)
		*from = at - in_vma;
	*to = *from + FAULT_AROUND_PAGES;
	if (*to > 1ULL << last->bits)
		*to = 1ULL << last->bits;
	if (*to - at > vma_pages(vma) - in_vma)
		*to = at + vma_pages(vma) - in_vma;
	*from -= at;
	*to -= at;
}

/* Pages that were there when they were wanted speak for reading ahead. */
static void note_hits(struct step *s, file_ref file, uint32_t hits)
{
	struct file_ra_state *ra = &file_mut(s, file)->f_ra;

	ra->mmap_miss = ra->mmap_miss > hits ? ra->mmap_miss - hits : 0;
}

/* Does all of a folio lie in the VMA, and in the one table that has @addr? */
static bool folio_fits(const struct machine *m, const struct vm_area_struct *vma,
		       uint64_t addr, pfn_t folio)
{
	const struct arch_level *last = &m->arch->level[m->arch->nr_levels - 1];
	const uint64_t span = last->shift + last->bits;
	const uint64_t base = folio_index(m, folio);
	const uint64_t nr = folio_nr_pages(m, folio);
	const uint64_t first = addr - ((linear_page_index(vma, addr) - base)
				       << PAGE_SHIFT);

	return base >= vma->vm_pgoff &&
	       base + nr <= vma->vm_pgoff + vma_pages(vma) &&
	       first >> span == addr >> span &&
	       (first + (nr << PAGE_SHIFT) - 1) >> span == addr >> span;
}

/*
 * Where there was no PTE table, Linux makes one on the way to a huge entry, which
 * it does not try with a folio that has the file's last page. @next: the index behind
 * the folio.
 */
static bool has_no_table(const struct machine *m, const struct vm_fault *vmf,
			 const struct vm_area_struct *vma, uint64_t next)
{
	return vmf->fresh_table && vma->vm_ops == VM_OPS_FILE &&
	       beyond_end(m, vma, next);
}

/* A fault, and where it lies in the file. */
struct around {
	const struct vm_fault *vmf;
	const struct vm_area_struct *vma;
	uint64_t index;
};

/* Map pages @from to @to of a folio that begins at @pfn, by the entries from @pte_pa on. */
static void map_run(struct step *s, const struct around *a, uint64_t pte_pa,
		    pfn_t pfn, uint32_t from, uint32_t to)
{
	if (from < to)
		map_file_pages(s, a->vmf->mm, a->vma, pte_pa + ((uint64_t)from <<
			       s->m->arch->entry_shift), pfn + from, to - from, 0);
}

/* filemap_map_order0_folio() */
static uint32_t map_one_around(struct step *s, const struct around *a, pfn_t pfn,
			       uint64_t index)
{
	const uint64_t off = index - a->index;
	const uint64_t entry = a->vmf->pte_pa + (off << s->m->arch->entry_shift);

	if (pte_none(entry_read(s->m, entry))) {
		map_file_pages(s, a->vmf->mm, a->vma, entry, pfn, 1, 0);
		trace_event(s, fault_around, a->vmf->addr + (off << PAGE_SHIFT), index,
			    pfn);
	}
	return 1;
}

/* filemap_map_folio_range(): the pages [@first, @end) of a folio, where no entry is
 * in the way. */
static void map_around(struct step *s, const struct around *a, pfn_t folio,
		       uint64_t first, uint64_t end)
{
	const uint8_t shift = s->m->arch->entry_shift;
	const uint64_t off = first - a->index, pte_pa = a->vmf->pte_pa + (off << shift);
	const pfn_t pfn = folio + (pfn_t)(first - folio_index(s->m, folio));
	uint32_t from = 0;

	for (uint32_t i = 0; i < end - first; i++) {
		if (!pte_none(entry_read(s->m, pte_pa + ((uint64_t)i << shift)))) {
			map_run(s, a, pte_pa, pfn, from, i);
			from = i + 1;
			continue;
		}
		trace_event(s, fault_around, a->vmf->addr + ((off + i) << PAGE_SHIFT),
			    first + i, pfn + i);
	}
	map_run(s, a, pte_pa, pfn, from, (uint32_t)(end - first));
}

/* All that can be mapped of a folio of several pages, of which the page @index lies in
 * a window that ends at @to. How many pages. */
static uint32_t map_folio_around(struct step *s, const struct around *a, pfn_t folio,
				 uint64_t index, uint64_t to)
{
	const uint64_t first = folio_index(s->m, folio);
	uint64_t end = folio_next_index(s->m, folio);

	if (!beyond_end(s->m, a->vma, end) && folio_fits(s->m, a->vma, a->vmf->addr, folio))
		index = first;
	else
		end = least(end, to);
	map_around(s, a, folio, index, end);
	return (uint32_t)(end - index);
}

void filemap_map_pages(struct step *s, const struct vm_fault *vmf)
{
	const uint64_t ready = 1ULL << PG_uptodate, marked = 1ULL << PG_readahead;
	const struct vm_area_struct *vma = vma_at(s->m, vmf->vma);
	const struct file *file = file_at(s->m, vma->vm_file);
	const struct around a = { vmf, vma, linear_page_index(vma, vmf->addr) };
	uint64_t from, to, next;
	uint32_t hits = 0;

	around_window(s->m, vma, vmf->addr, &from, &to);
	to = least(to + a.index, size_pages(inode_at(s->m, file->f_inode)->i_size));
	for (uint64_t index = a.index + from; index < to; index = next) {
		const pfn_t pfn = find_get_page(s->m, file->f_mapping, index);
		const struct page_rest *folio = pfn ? folio_at(s->m, pfn) : NULL;
		const bool alone = !folio || !(folio->flags >> PG_compound & 1);

		next = alone ? index + 1
			     : folio->index + folio_nr_pages(s->m, pfn);
		/* next_uptodate_folio() */
		if (!folio || (folio->flags & (ready | marked)) != ready)
			continue;
		if (!hits && has_no_table(s->m, vmf, vma, next))
			break;
		if (!alone)
			hits += map_folio_around(s, &a, page_folio(s->m, pfn), index,
						 to);
		else
			hits += map_one_around(s, &a, pfn, index);
	}
	if (hits && mapping_can_writeback(s->m, file->f_mapping))
		note_hits(s, vma->vm_file, hits);
}

/* ---- faults ---- */

/* The page at @index, and whether the disk was asked. */
static vm_fault_t find_page(struct step *s, const struct vm_area_struct *vma,
			       uint64_t index, pfn_t *pfn)
{
	const mapping_ref mapping = file_at(s->m, vma->vm_file)->f_mapping;

	if (beyond_end(s->m, vma, index))
		return VM_FAULT_SIGBUS;
	*pfn = find_get_page(s->m, mapping, index);
	if (*pfn) {
		bool waited;

		get_page(s, *pfn);
		waited = do_async_mmap_readahead(s, vma, *pfn, index);
		waited |= bring_up(s, *pfn);
		put_page(s, *pfn);
		return waited ? VM_FAULT_RETRIED : VM_FAULT_MINOR;
	}
	do_sync_mmap_readahead(s, vma, index);
	switch (read_cache_page(s, mapping, index, pfn)) {
	case 0:
		return VM_FAULT_MAJOR;
	case -ENOMEM:
		return VM_FAULT_OOM;
	default:
		return VM_FAULT_SIGBUS;
	}
}

vm_fault_t filemap_nopage(struct step *s, const struct vm_fault *vmf, pfn_t *pfn)
{
	const struct vm_area_struct *vma = vma_at(s->m, vmf->vma);

	return find_page(s, vma, linear_page_index(vma, vmf->addr), pfn);
}

bool filemap_page_mkwrite(struct step *s, const struct vm_fault *vmf, pfn_t pfn)
{
	const struct vm_area_struct *vma = vma_at(s->m, vmf->vma);
	const mapping_ref mapping = file_at(s->m, vma->vm_file)->f_mapping;
	const pfn_t folio = page_folio(s->m, pfn);
	const uint64_t first = folio_index(s->m, folio);

	for (uint64_t i = 0; i < folio_nr_pages(s->m, folio) &&
	     !beyond_end(s->m, vma, first + i); i++)
		if (aops(s->m, mapping)->get_block(s, mapping, first + i))
			return false;
	set_page_dirty(s, pfn);
	trace_event(s, page_mkwrite, page_at(s->m, pfn)->index, pfn);
	return true;
}

/* Are the entries of all pages of a folio none? @pte_pa is that of @pfn. */
static bool folio_is_unmapped_here(const struct machine *m, pfn_t folio, pfn_t pfn,
				   uint64_t pte_pa)
{
	const uint8_t shift = m->arch->entry_shift;
	const uint64_t first = pte_pa - ((uint64_t)(pfn - folio) << shift);

	for (uint64_t i = 0; i < folio_nr_pages(m, folio); i++)
		if (!pte_none(entry_read(m, first + (i << shift))))
			return false;
	return true;
}

/*
 * finish_fault(): all pages of the folio, where it lies in the file, the VMA and the
 * table, and none of them is mapped there yet; else the one page.
 */
static void finish_fault(struct step *s, const struct around *a, pfn_t pfn,
			 uint64_t bits)
{
	const uint8_t shift = s->m->arch->entry_shift;
	const pfn_t folio = page_folio(s->m, pfn);
	uint32_t nr = folio_nr_pages(s->m, folio), before = pfn - folio;

	if (nr == 1 || beyond_end(s->m, a->vma, a->index - before + nr - 1) ||
	    !folio_fits(s->m, a->vma, a->vmf->addr, folio) ||
	    !folio_is_unmapped_here(s->m, folio, pfn, a->vmf->pte_pa)) {
		nr = 1;
		before = 0;
	}
	map_file_pages(s, a->vmf->mm, a->vma, a->vmf->pte_pa - ((uint64_t)before << shift),
		       pfn - before, nr, bits);
	if (nr > 1)
		trace_event(s, finish_fault,
			    a->vmf->addr - ((uint64_t)before << PAGE_SHIFT),
			    a->index - before, folio, nr);
}

vm_fault_t filemap_fault(struct step *s, const struct vm_fault *vmf)
{
	const struct vm_area_struct *vma = vma_at(s->m, vmf->vma);
	const struct around a = { vmf, vma, linear_page_index(vma, vmf->addr) };
	const bool write = vmf->flags & FAULT_FLAG_WRITE;
	vm_fault_t fault;
	pfn_t pfn;

	if (!write)
		filemap_map_pages(s, vmf);
	if (!pte_none(entry_read(s->m, vmf->pte_pa)))
		return VM_FAULT_MINOR;
	fault = find_page(s, vma, a.index, &pfn);
	if (fault == VM_FAULT_SIGBUS || fault == VM_FAULT_OOM)
		return fault;
	/* After a wait for the disk the fault begins anew, its neighbours first. */
	if (!write && fault != VM_FAULT_MINOR) {
		trace_event(s, filemap_retry, vmf->addr, a.index);
		filemap_map_pages(s, vmf);
	}
	trace_event(s, filemap_fault, vmf->addr, a.index, pfn,
		    fault == VM_FAULT_MAJOR);
	if (!pte_none(entry_read(s->m, vmf->pte_pa)))
		return fault;
	if (write && !filemap_page_mkwrite(s, vmf, pfn))
		return VM_FAULT_SIGBUS;
	finish_fault(s, &a, pfn, write ? s->m->arch->dirty | s->m->arch->write : 0);
	return fault;
}
