/* SPDX-License-Identifier: MIT */
/*
 * Readahead (6.18 mm/readahead.c, with folios of one page: D-009).
 *
 * Whoever reads one page after another will want the next ones. A file remembers a
 * window, [start, start + size), of which the last async_size pages are ahead of
 * what was asked for; the first of these carries PG_readahead. Meeting that mark
 * means that the guess was right: the next window is read before it is needed, and
 * is larger. Mappings have no such order; a fault that finds nothing reads a window
 * around it, and a file whose faults mostly miss is read page by page.
 */
#include "mmcore/filemap.h"
#include "mmcore/page_alloc.h"

#define MMAP_LOTSAMISS 100

static uint64_t min_pages(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

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
	count = min_pages(count, pages - first);
	for (uint64_t i = 0; i < count; i++) {
		pfn_t pfn;

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

/*
 * page_cache_ra_order(): the file's window. Its mark lies where the window has it,
 * which may be past the end of the file; but from the first page on that is there
 * already, the rest is one range that ends with the file, with a mark of its own.
 * Windows that a mark brings are of large folios in Linux; single pages come closest
 * to those as one such range (D-009).
 */
static void read_window(struct step *s, file_ref file)
{
	const struct file_ra_state *ra = &file_at(s->m, file)->f_ra;
	const mapping_ref mapping = file_at(s->m, file)->f_mapping;
	const inode_ref inode = mapping_at(s->m, mapping)->host;
	const uint64_t pages = size_pages(inode_at(s->m, inode)->i_size);
	const uint64_t end = min_pages(pages, ra->start + ra->size);
	uint64_t index = ra->start;
	pfn_t pfn;

	for (; index < end && ra->async_size < ra->size &&
	       !find_get_page(s->m, mapping, index); index++) {
		if (read_cache_page(s, mapping, index, &pfn))
			break;
		if (index == ra->start + ra->size - ra->async_size)
			page_mut(s, pfn)->flags |= 1ULL << PG_readahead;
	}
	if (index > ra->start)
		trace_event(s, readahead, inode_at(s->m, inode)->i_ino, ra->start,
			    end - ra->start, index - ra->start);
	if (index < end)
		do_page_cache_ra(s, file, index, ra->start + ra->size - index,
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

static void set_window(struct step *s, file_ref file, uint64_t start,
		       uint64_t size, uint64_t async_size)
{
	struct file_ra_state *ra = &file_mut(s, file)->f_ra;

	ra->start = start;
	ra->size = (uint32_t)size;
	ra->async_size = (uint32_t)async_size;
	read_window(s, file);
}

/* page_cache_prev_miss(): how many pages right before @index are there. */
static uint64_t cached_before(const struct machine *m, mapping_ref mapping,
			      uint64_t index, uint64_t max)
{
	uint64_t nr = 0;

	while (nr < max && nr < index &&
	       find_get_page(m, mapping, index - 1 - nr))
		nr++;
	return nr;
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
			   size > count ? size - count : size >> 1);
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
	set_window(s, file, index, min_pages(before + count, max), 1);
}

/* page_cache_next_miss(): the first page after @index that is not there. */
static uint64_t next_miss(const struct machine *m, mapping_ref mapping,
			  uint64_t index, uint64_t max)
{
	uint64_t nr = 0;

	while (nr < max && find_get_page(m, mapping, index + nr))
		nr++;
	return index + nr;
}

void page_cache_async_ra(struct step *s, file_ref file, pfn_t page,
			 uint64_t count)
{
	const struct file_ra_state *ra = &file_at(s->m, file)->f_ra;
	const uint64_t index = page_at(s->m, page)->index;
	const uint64_t max = ra->ra_pages;
	uint64_t start, size;

	if (!max)
		return;
	page_mut(s, page)->flags &= ~(1ULL << PG_readahead);
	if (index == ra->start + ra->size - ra->async_size) {
		size = get_next_ra_size(ra->size, max);
		set_window(s, file, ra->start + ra->size, size, size);
		return;
	}
	/* The mark of another stream: what lies ahead was its window. */
	start = next_miss(s->m, file_at(s->m, file)->f_mapping, index + 1, max);
	if (start - index > max)
		return;
	size = get_next_ra_size(start - index + count, max);
	set_window(s, file, start, size, size);
}

/* ---- faults ---- */

/* The window around a fault; code is read forward, within its mapping. */
static void mmap_read_around(struct step *s, const struct vm_area_struct *vma,
			     uint64_t index)
{
	const uint64_t max = file_at(s->m, vma->vm_file)->f_ra.ra_pages;
	const uint64_t end = vma->vm_pgoff + vma_pages(vma);

	if (vma->vm_flags & VM_EXEC)
		set_window(s, vma->vm_file, index, min_pages(max, end - index), 0);
	else
		set_window(s, vma->vm_file, index > max / 2 ? index - max / 2 : 0,
			   max, max / 4);
}

void do_sync_mmap_readahead(struct step *s, const struct vm_area_struct *vma,
			    uint64_t index)
{
	struct file_ra_state *ra = &file_mut(s, vma->vm_file)->f_ra;

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
			     pfn_t page)
{
	struct file_ra_state *ra = &file_mut(s, vma->vm_file)->f_ra;

	if (vma->vm_flags & VM_RAND_READ || !ra->ra_pages)
		return false;
	if (ra->mmap_miss)
		ra->mmap_miss--;
	if (!page_has(s->m, page, PG_readahead))
		return false;
	page_cache_async_ra(s, vma->vm_file, page, ra->ra_pages);
	return true;
}
