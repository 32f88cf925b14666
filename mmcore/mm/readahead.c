/* SPDX-License-Identifier: MIT */
/*
 * Readahead (6.18 mm/readahead.c).
 *
 * Whoever reads one page after another will want the next ones. A file remembers a
 * window, [start, start + size), of which the last async_size pages are ahead of
 * what was asked for; the first of these carries PG_readahead. Meeting that mark
 * means that the guess was right: the next window is read before it is needed, and
 * is larger. Mappings have no such order; a fault that finds nothing reads a window
 * around it, and a file whose faults mostly miss is read page by page.
 *
 * A window that nobody could expect has single pages; each one that a mark brings has
 * folios four times as large as the one before (folio.c), and the mark is a whole
 * folio's.
 */
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/page_alloc.h"

#define MMAP_LOTSAMISS 100

/*
 * do_page_cache_ra(): bring in what is missing of [@first, @first + @count), not
 * past the end of the file; the page @ahead before the end gets the mark.
 */
static void do_page_cache_ra(struct step *s, file_ref file, uint64_t first,
			     uint64_t count, uint64_t ahead)
{
	const mapping_ref mapping = file_at(s->m, file)->f_mapping;
	const inode_ref inode = mapping_at(s->m, mapping)->host;
	const uint64_t pages = size_pages(inode_at(s->m, inode)->i_size);
	uint64_t read = 0;

	if (first >= pages)
		return;
	count = least(count, pages - first);
	for (uint64_t i = 0; i < count; i++) {
		pfn_t pfn;

		mm_poll(s->m, 1);
		if (find_get_page(s->m, mapping, first + i))
			continue;
		if (read_cache_page(s, mapping, first + i, &pfn))
			break;
		read++;
		if (ahead && i == count - ahead)
			page_mut(s, pfn)->flags |= 1ULL << PG_readahead;
	}
	if (read)
		trace_event(s, readahead, inode_at(s->m, inode)->i_ino, first,
			    count, read);
}

/* ra_alloc_folio(): 0, -ENOMEM, or -EEXIST where a page of it is there already. The
 * mark lies in the folio that holds it. */
static int64_t read_marked_folio(struct step *s, mapping_ref mapping,
				 uint64_t index, uint64_t mark, unsigned int order)
{
	uint64_t next = index;
	int64_t err;
	pfn_t pfn;

	if (radix_tree_next(s->m, mapping, &next, &pfn) &&
	    next < index + (1ULL << order))
		return -EEXIST;
	err = read_cache_folio(s, mapping, index, order, &pfn);
	if (!err && index == (mark & ~((1ULL << order) - 1)))
		folio_set(s, pfn, PG_readahead);
	return err;
}

/* The largest order, up to @order, of a folio that begins at @index and does not
 * reach behind @end. */
static unsigned int order_that_fits(uint64_t index, uint64_t end,
				    unsigned int order)
{
	while (order && (index & ((1ULL << order) - 1) ||
			 index + (1ULL << order) > end))
		order--;
	return order;
}

static unsigned int ilog2(uint64_t n)
{
	return 63 - (unsigned int)__builtin_clzll(n);
}

/*
 * page_cache_ra_order(): the file's window, as if it began at @start, in folios of
 * ra->order where they fit. Its mark lies where the window has it, which may be past
 * the end of the file; but from the first page on that is there already, the rest is
 * one range of single pages that ends with the file, with a mark of its own.
 */
static void read_window(struct step *s, file_ref file, uint64_t start)
{
	struct file_ra_state *ra = &file_mut(s, file)->f_ra;
	const mapping_ref mapping = file_at(s->m, file)->f_mapping;
	const inode_ref inode = mapping_at(s->m, mapping)->host;
	const uint64_t pages = size_pages(inode_at(s->m, inode)->i_size);
	const uint64_t end = least(pages, start + ra->size);
	const uint64_t mark = start + ra->size - ra->async_size;
	uint64_t index = start;

	ra->order = (uint32_t)least(ra->order, least(MAX_PAGECACHE_ORDER,
							     ilog2(ra->size)));
	while (index < end) {
		const unsigned int order = order_that_fits(index, end, ra->order);

		mm_poll(s->m, 1ULL << order);
		if (read_marked_folio(s, mapping, index, mark, order))
			break;
		index += 1ULL << order;
	}
	if (index > start)
		trace_event(s, readahead, inode_at(s->m, inode)->i_ino, start,
			    end - start, index - start);
	if (index < end)
		do_page_cache_ra(s, file, index, start + ra->size - index,
				 ra->async_size);
}

void force_page_cache_readahead(struct step *s, file_ref file, uint64_t first,
				uint64_t count)
{
	do_page_cache_ra(s, file, first, count, 0);
}

static uint64_t roundup_pow_of_two(uint64_t n)
{
	return n <= 1 ? 1 : 1ULL << (64 - __builtin_clzll(n - 1));
}

static uint64_t get_init_ra_size(uint64_t count, uint64_t max)
{
	const uint64_t size = roundup_pow_of_two(count);

	if (size <= max / 32)
		return size * 4;
	return size <= max / 4 ? size * 2 : max;
}

static uint64_t get_next_ra_size(uint64_t size, uint64_t max)
{
	if (size < max / 16)
		return size * 4;
	return size <= max / 2 ? size * 2 : max;
}

/* Order 0 is for a window that nobody could expect. */
static void set_window(struct step *s, file_ref file, uint64_t start,
		       uint64_t size, uint64_t async_size, uint64_t order)
{
	struct file_ra_state *ra = &file_mut(s, file)->f_ra;

	ra->start = start;
	ra->size = (uint32_t)size;
	ra->async_size = (uint32_t)async_size;
	ra->order = (uint32_t)order;
	read_window(s, file, ra->start);
}

/* One that a mark brought: of larger folios than the one before, with which it ends
 * if it can; all of it is ahead. */
static void push_window(struct step *s, file_ref file, uint64_t start,
			uint64_t size, uint64_t max)
{
	const uint64_t order = file_at(s->m, file)->f_ra.order + 2;
	const uint64_t align = 1ULL << least(order, (uint64_t)__builtin_ctzll(max));
	const uint64_t end = (start + size) & ~(align - 1);

	if (end > start)
		size = end - start;
	set_window(s, file, start, size, size, order);
}

/*
 * How far a run of cached pages goes, as 6.18 counts it. Its cursor into the tree of
 * pages finds a page of a large folio at the folio's first slot; from there it goes
 * slot by slot, with a number that was the page's. So the number of the miss is wrong
 * by as much as the page was not the first of its folio, until a step into another
 * node of the tree, of 64 slots, sets the slot by the number. (Folios of 64 pages and
 * more have slots of another level; here the number is right with them.)
 */
struct cursor {
	uint64_t index;		/* what it says */
	uint64_t slot;		/* where it is */
};

#define XA_CHUNK_MASK 63

/* xas_load() */
static struct cursor cursor_at(const struct machine *m, mapping_ref mapping,
			       uint64_t index)
{
	const pfn_t pfn = find_get_page(m, mapping, index);
	const bool several = pfn && folio_nr_pages(m, pfn) > 1 &&
			     folio_nr_pages(m, pfn) <= XA_CHUNK_MASK;

	return (struct cursor){ index, several
		? folio_index(m, pfn) : index };
}

/* xas_prev(). False: before the first slot. */
static bool cursor_prev(struct cursor *c)
{
	c->index--;
	if (c->slot & XA_CHUNK_MASK) {
		c->slot--;
	} else if (c->index & XA_CHUNK_MASK) {
		if (!(c->slot >> 6))
			return false;
		c->slot = (c->slot - 64) | (c->index & XA_CHUNK_MASK);
	}
	return true;
}

/* xas_next() */
static void cursor_next(struct cursor *c)
{
	c->index++;
	if ((c->slot & XA_CHUNK_MASK) != XA_CHUNK_MASK)
		c->slot++;
	else if ((c->index & XA_CHUNK_MASK) != XA_CHUNK_MASK)
		c->slot = (c->slot + 1) | (c->index & XA_CHUNK_MASK);
}

/* page_cache_prev_miss(): how many pages right before @index are there. */
static uint64_t cached_before(const struct machine *m, mapping_ref mapping,
			      uint64_t index, uint64_t max)
{
	struct cursor c = cursor_at(m, mapping, index - 1);

	for (; max && find_get_page(m, mapping, c.slot); max--)
		if (!cursor_prev(&c))
			break;
	return index - c.index - 1;
}

void page_cache_sync_ra(struct step *s, file_ref file, uint64_t index,
			uint64_t count)
{
	const struct file_ra_state *ra = &file_at(s->m, file)->f_ra;
	const mapping_ref mapping = file_at(s->m, file)->f_mapping;
	const uint64_t max = ra->ra_pages;
	const uint64_t prev = (uint64_t)(ra->prev_pos >> PAGE_SHIFT);
	uint64_t size, before;

	if (!max) {
		do_page_cache_ra(s, file, index, 1, 0);
		return;
	}
	/* The beginning, more than a window, or a step further than last time. */
	if (!index || count > max || index - prev <= 1) {
		size = get_init_ra_size(count, max);
		set_window(s, file, index, size,
			   size > count ? size - count : size >> 1, 0);
		return;
	}
	before = cached_before(s->m, mapping, index, max);
	if (before <= count) {
		do_page_cache_ra(s, file, index, count, 0);
		return;
	}
	/* Cached from the beginning: somebody reads all of it. */
	if (before == index)
		before *= 2;
	set_window(s, file, index, least(before + count, max), 1, 0);
}

/* page_cache_next_miss(): the first page from @index on that is not there. */
static uint64_t next_miss(const struct machine *m, mapping_ref mapping,
			  uint64_t index, uint64_t max)
{
	struct cursor c = cursor_at(m, mapping, index);

	for (; max && find_get_page(m, mapping, c.slot); max--)
		cursor_next(&c);
	return c.index;
}

void page_cache_async_ra(struct step *s, file_ref file, pfn_t pfn, uint64_t index,
			 uint64_t count)
{
	const struct file_ra_state *ra = &file_at(s->m, file)->f_ra;
	const uint64_t max = ra->ra_pages, nr = folio_nr_pages(s->m, pfn);
	const uint64_t expected = ra->start + ra->size - ra->async_size;
	uint64_t start;

	if (!max)
		return;
	folio_clear(s, pfn, PG_readahead);
	if (index == (expected & ~(nr - 1))) {
		push_window(s, file, ra->start + ra->size,
			    get_next_ra_size(ra->size, max), max);
		return;
	}
	/* The mark of another stream: what lies ahead was its window. */
	start = next_miss(s->m, file_at(s->m, file)->f_mapping, index + 1, max);
	if (start - index > max)
		return;
	push_window(s, file, start,
		    get_next_ra_size(start - index + count, max), max);
}

/* ---- faults ---- */

/* The window around a fault; code is read forward, within its mapping. */
static void mmap_read_around(struct step *s, const struct vm_area_struct *vma,
			     uint64_t index)
{
	const uint64_t max = file_at(s->m, vma->vm_file)->f_ra.ra_pages;
	const uint64_t end = vma->vm_pgoff + vma_pages(vma);

	if (vma->vm_flags & VM_EXEC)
		set_window(s, vma->vm_file, index, least(max, end - index), 0, 0);
	else
		set_window(s, vma->vm_file, index > max / 2 ? index - max / 2 : 0,
			   max, max / 4, 0);
}

/* MADV_HUGEPAGE: two pieces as large as a huge page, whatever was read before. The
 * window's start stays where it was, as in 6.18. */
static void mmap_read_huge(struct step *s, const struct vm_area_struct *vma,
			   uint64_t index)
{
	struct file_ra_state *ra = &file_mut(s, vma->vm_file)->f_ra;
	const uint64_t nr = 1ULL << MAX_PAGECACHE_ORDER;

	ra->size = (uint32_t)(vma->vm_flags & VM_RAND_READ ? nr : 2 * nr);
	ra->async_size = (uint32_t)nr;
	ra->order = MAX_PAGECACHE_ORDER;
	read_window(s, vma->vm_file, index & ~(nr - 1));
}

void do_sync_mmap_readahead(struct step *s, const struct vm_area_struct *vma,
			    uint64_t index)
{
	struct file_ra_state *ra = &file_mut(s, vma->vm_file)->f_ra;

	if (vma->vm_flags & VM_HUGEPAGE) {
		mmap_read_huge(s, vma, index);
		return;
	}
	if ((vma->vm_flags & (VM_RAND_READ | VM_EXEC)) == VM_RAND_READ ||
	    !ra->ra_pages)
		return;
	if (vma->vm_flags & VM_SEQ_READ) {
		page_cache_sync_ra(s, vma->vm_file, index, ra->ra_pages);
		return;
	}
	if (ra->mmap_miss < MMAP_LOTSAMISS * 10)
		ra->mmap_miss++;
	if (ra->mmap_miss <= MMAP_LOTSAMISS)
		mmap_read_around(s, vma, index);
}

bool do_async_mmap_readahead(struct step *s, const struct vm_area_struct *vma,
			     pfn_t page, uint64_t index)
{
	struct file_ra_state *ra = &file_mut(s, vma->vm_file)->f_ra;

	if (vma->vm_flags & VM_RAND_READ || !ra->ra_pages)
		return false;
	if (ra->mmap_miss)
		ra->mmap_miss--;
	if (!folio_has(s->m, page, PG_readahead))
		return false;
	page_cache_async_ra(s, vma->vm_file, page, index, ra->ra_pages);
	return true;
}
