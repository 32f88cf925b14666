/* SPDX-License-Identifier: MIT */
/*
 * tmpfs objects: what stands behind shared anonymous memory and memfds. The
 * pages lie in the object, not in any process; a fork shares them by mapping the
 * same object, and each process faults them in for itself. There is no disk
 * below: a page is made when somebody first needs it, and a hole reads as zeros.
 */
#include <string.h>

#include "mmcore/mm/filemap.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/uio.h"
#include "mmcore/mm/vma.h"

#define SHMEM_DEV 1	/* 00:01 */

file_ref shmem_file_setup(struct step *s, uint64_t bytes, bool accounted)
{
	const uint64_t i = kmem_cache_alloc(s, CACHE_INODE);
	struct inode *inode;
	file_ref file;

	if (!i)
		return file_make(0);
	file = alloc_file(s, inode_make(i), FILE_OPS_SHMEM, O_RDWR);
	if (file_none(file)) {
		kmem_cache_free(s, CACHE_INODE, i);
		return file;
	}
	inode = inode_mut(s, inode_make(i));
	inode->i_ino = ++kernel_mut(s)->last_ino;
	inode->i_size = bytes;
	inode->i_count = 1;
	inode->i_dev = SHMEM_DEV;
	inode->i_accounted = accounted ? PAGE_ALIGN(bytes) >> PAGE_SHIFT : 0;
	inode->i_flags = accounted ? 0 : S_NORESERVE;
	inode->i_sb = SUPER_TMPFS;
	inode->i_mode = S_IFREG | 0777;
	inode->i_seals = F_SEAL_SEAL;
	inode->i_data.host = inode_make(i);
	inode->i_data.a_ops = A_OPS_SHMEM;
	INIT_LIST_HEAD(s, inode_mapping(inode_make(i)).pa +
			  offsetof(struct address_space, i_mmap_nonlinear));
	return file;
}

/* The page at @index leaves the object, which holds the last reference. */
static void shmem_drop_page(struct step *s, inode_ref ref, uint64_t index)
{
	struct inode *inode = inode_mut(s, ref);

	remove_from_page_cache(s, find_get_page(s->m, inode_mapping(ref), index));
	kernel_mut(s)->nr_shmem--;
	if (!(inode->i_flags & S_NORESERVE))
		return;
	inode->i_accounted--;
	vm_unacct_memory(s, 1);
}

void shmem_release_page(struct step *s, pfn_t pfn)
{
	const struct page_rest *page = page_at(s->m, pfn);

	shmem_drop_page(s, mapping_at(s->m, mapping_make(page->mapping))->host,
			page->index);
}

/* Remove the pages [@index, @end) (page numbers) of the object. */
static void shmem_drop_pages(struct step *s, inode_ref ref, uint64_t index,
			     uint64_t end)
{
	const mapping_ref mapping = inode_mapping(ref);
	pfn_t pfn;

	while (radix_tree_next(s->m, mapping, &index, &pfn) && index < end)
		shmem_drop_page(s, ref, index);
}

static bool is_sealed(const struct machine *m, inode_ref inode, uint32_t seals)
{
	return inode_at(m, inode)->i_seals & seals;
}

/* shmem_write_begin(): may @n bytes at @pos be written? 0, or -EPERM, told. */
static int64_t check_write_seals(struct step *s, inode_ref inode, uint64_t pos,
				 uint64_t n)
{
	if (is_sealed(s->m, inode, F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return refuse(s, EPERM, "the memfd is sealed against writing");
	if (is_sealed(s->m, inode, F_SEAL_GROW) &&
	    pos + n > inode_at(s->m, inode)->i_size)
		return refuse(s, EPERM, "the memfd is sealed against growing");
	return 0;
}

int64_t shmem_punch_hole(struct step *s, file_ref file, uint64_t first,
			 uint64_t end)
{
	const inode_ref inode = file_at(s->m, file)->f_inode;
	/* Zeros are written, and the file does not grow. */
	const int64_t err = check_write_seals(s, inode, 0, 0);

	if (err)
		return err;
	unmap_mapping_pages(s, inode_mapping(inode), first, end, false);
	shmem_drop_pages(s, inode, first, end);
	return 0;
}

/* The object is gone from every mapping: its pages go, then its charge. */
void shmem_drop_inode(struct step *s, inode_ref ref)
{
	shmem_drop_pages(s, ref, 0, UINT64_MAX);
	vm_unacct_memory(s, inode_at(s->m, ref)->i_accounted);
	if (inode_at(s->m, ref)->i_name)
		kmem_cache_free(s, CACHE_NAME, inode_at(s->m, ref)->i_name);
	kmem_cache_free(s, CACHE_INODE, ref.pa);
}

/* mmap of a memfd, or of anonymous memory that is shared. */
int64_t shmem_mmap(struct step *s, file_ref file, struct vm_area_struct *vma)
{
	(void)s;
	(void)file;
	vma->vm_ops = VM_OPS_SHMEM;
	return 0;
}

/* A fresh page of the object, referenced by it. 0, -ENOSPC or -ENOMEM. */
static int64_t shmem_new_page(struct step *s, mapping_ref mapping,
			      uint64_t index, pfn_t *page)
{
	struct inode *inode = inode_mut(s, mapping_at(s->m, mapping)->host);
	const bool charged = inode->i_flags & S_NORESERVE;
	pfn_t pfn;

	if (charged && security_vm_enough_memory(s, current_mm(s), 1))
		return -ENOSPC;
	pfn = alloc_page(s, GFP_HIGHUSER);
	if (pfn)	/* before the page goes to its list */
		page_mut(s, pfn)->flags |= 1ULL << PG_swapbacked |
					   1ULL << PG_uptodate;
	if (!pfn || add_to_page_cache(s, mapping, index, pfn)) {
		if (pfn)
			put_page(s, pfn);
		if (charged)
			vm_unacct_memory(s, 1);
		return -ENOMEM;
	}
	inode->i_accounted += charged;
	kernel_mut(s)->nr_shmem++;
	*page = pfn;
	return 0;
}

/* shmem_getpage(): the page at @index, made if need be. */
static int64_t shmem_getpage(struct step *s, mapping_ref mapping,
			     uint64_t index, pfn_t *page, bool *fresh)
{
	*page = find_get_page(s->m, mapping, index);
	*fresh = !*page;
	return *page ? 0 : shmem_new_page(s, mapping, index, page);
}

/* The page behind an address; no fault-around. */
static vm_fault_t shmem_page(struct step *s, const struct vm_fault *vmf,
			     pfn_t *pfn, bool *fresh)
{
	const struct vm_area_struct *vma = vma_at(s->m, vmf->vma);
	const struct file *file = file_at(s->m, vma->vm_file);
	const uint64_t index = linear_page_index(vma, vmf->addr);
	int64_t err;

	if (index >= size_pages(inode_at(s->m, file->f_inode)->i_size))
		return VM_FAULT_SIGBUS;
	err = shmem_getpage(s, file->f_mapping, index, pfn, fresh);
	if (err)
		return err == -ENOSPC ? VM_FAULT_SIGBUS : VM_FAULT_OOM;
	return VM_FAULT_MINOR;
}

vm_fault_t shmem_nopage(struct step *s, const struct vm_fault *vmf, pfn_t *pfn)
{
	bool fresh;

	return shmem_page(s, vmf, pfn, &fresh);
}

vm_fault_t shmem_fault(struct step *s, const struct vm_fault *vmf)
{
	const struct vm_area_struct *vma = vma_at(s->m, vmf->vma);
	const bool write = vmf->flags & FAULT_FLAG_WRITE;
	vm_fault_t fault;
	bool fresh;
	pfn_t pfn;

	/* Also where the object has ended: its last pages may be near. */
	if (!write)
		filemap_map_pages(s, vmf);
	if (!pte_none(entry_read(s->m, vmf->pte_pa)))
		return VM_FAULT_MINOR;
	fault = shmem_page(s, vmf, &pfn, &fresh);
	if (fault == VM_FAULT_SIGBUS || fault == VM_FAULT_OOM)
		return fault;
	if (write)	/* Linux: fault_dirty_shared_page() */
		set_page_dirty(s, pfn);
	map_file_pages(s, vmf->mm, vma, vmf->pte_pa, pfn, 1,
		       write ? s->m->arch->dirty : 0);
	trace_event(s, shmem_fault, vmf->addr, page_at(s->m, pfn)->index, pfn,
		    fresh);
	return VM_FAULT_MINOR;
}

/* ---- read, write, truncate ---- */

int64_t shmem_file_read(struct step *s, file_ref ref, struct user_buffer *to,
			uint64_t *at, uint64_t count)
{
	const struct file *file = file_at(s->m, ref);
	const uint64_t size = inode_at(s->m, file->f_inode)->i_size;
	const uint64_t pos = *at;
	uint64_t done = 0, n, left = 0;

	if (pos >= size)
		return 0;
	if (count > size - pos)
		count = size - pos;
	for (; done < count && !left; done += n - left) {
		pfn_t pfn = radix_tree_lookup(s->m, file->f_mapping,
					      (pos + done) >> PAGE_SHIFT);

		mm_poll(s->m, 1);
		/* Linux: only where a read begins a page */
		if (pfn && !((pos + done) & ~PAGE_MASK))
			mark_page_accessed(s, pfn);
		if (!pfn)
			pfn = (pfn_t)kernel_at(s->m)->zero_pfn;
		n = in_page(pos + done, count - done);
		left = buffer_put_page(s, to, pfn, (pos + done) & ~PAGE_MASK, n);
	}
	*at += done;
	return left && !done ? refuse(s, EFAULT, "the buffer cannot be written")
			     : (int64_t)done;
}

/* Page by page a write goes on; one in which it would grow is not begun. */
uint64_t shmem_write_room(const struct machine *m, file_ref file, uint64_t pos,
			  uint64_t count)
{
	const inode_ref inode = file_at(m, file)->f_inode;
	const uint64_t size = inode_at(m, inode)->i_size;

	if (!is_sealed(m, inode, F_SEAL_GROW) || pos + count <= size)
		return count;
	return pos < (size & PAGE_MASK) ? (size & PAGE_MASK) - pos : 0;
}

/*
 * What the page takes of @n bytes: what can be read without a fault. Where that is
 * nothing they are faulted in, after the write has told of its progress, which a
 * buffer that is a mapping of the same file can see; and the page is begun once more,
 * which is one more access. 0: the buffer cannot be read. Linux:
 * generic_perform_write(), 6.18.
 */
static uint64_t fill_page(struct step *s, pfn_t pfn, struct user_buffer *from,
			  uint64_t offset, uint64_t n)
{
	uint8_t *to = (uint8_t *)ram_mut(s, pfn_to_pa(pfn)) + offset;
	uint64_t got = buffer_get_atomic(s, from, to, n);

	while (!got && buffer_fault_in(s, from, n)) {
		mark_page_accessed(s, pfn);
		got = buffer_get_atomic(s, from, to, n);
	}
	return got;
}

/*
 * One page's worth: bytes written, or a negative errno, told. As in 6.18's
 * generic_perform_write() the page comes first, and the file has grown to @pos
 * before the buffer is faulted in: it may be a mapping of this very file.
 */
static int64_t write_page(struct step *s, inode_ref ref,
			  struct user_buffer *from, uint64_t pos, uint64_t n)
{
	struct inode *inode = inode_mut(s, ref);
	uint64_t got;
	bool fresh;
	pfn_t pfn;
	int64_t err = check_write_seals(s, ref, pos, n);

	if (err)
		return err;
	err = shmem_getpage(s, inode_mapping(ref), pos >> PAGE_SHIFT, &pfn, &fresh);
	if (err)
		return refuse(s, (int)-err, "no memory for a page of the file");
	if (pos > inode->i_size)
		inode->i_size = pos;
	if (fresh)	/* shmem_get_folio_gfp(), SGP_WRITE */
		page_mut(s, pfn)->flags |= 1ULL << PG_referenced;
	else
		mark_page_accessed(s, pfn);
	get_page(s, pfn);
	got = fill_page(s, pfn, from, pos & ~PAGE_MASK, n);
	set_page_dirty(s, pfn);
	put_page(s, pfn);
	if (!got)
		return refuse(s, EFAULT, "the buffer cannot be read");
	if (pos + got > inode->i_size)
		inode->i_size = pos + got;
	return (int64_t)got;
}

int64_t shmem_file_write(struct step *s, file_ref ref,
			 struct user_buffer *from, uint64_t *pos, uint64_t count)
{
	const inode_ref inode = file_at(s->m, ref)->f_inode;
	uint64_t done = 0;
	int64_t err = generic_write_checks(s, ref, pos, &count);

	if (err)
		return err;
	while (done < count) {
		int64_t n;

		mm_poll(s->m, 1);
		n = write_page(s, inode, from, *pos,
			       in_page(*pos, count - done));

		if (n < 0 && !done)
			return n;
		if (n < 0)
			break;
		done += (uint64_t)n;
		*pos += (uint64_t)n;
	}
	s->res->why = NULL;
	return (int64_t)done;
}

/* mapping_seek_hole_data(): data is what has a page. */
uint64_t shmem_seek_data(const struct machine *m, file_ref ref, uint64_t at,
			 bool data)
{
	const mapping_ref mapping = file_at(m, ref)->f_mapping;
	uint64_t index = at >> PAGE_SHIFT;
	pfn_t pfn;

	if (data && !radix_tree_next(m, mapping, &index, &pfn))
		return UINT64_MAX;
	/* Linux finds no data in a page that ends at 2^63: its end is negative. The hole
	 * behind it begins at the end of the file: D-011. */
	if (data && index + 1 > (uint64_t)INT64_MAX >> PAGE_SHIFT)
		return UINT64_MAX;
	for (; !data && radix_tree_lookup(m, mapping, index); index++)
		mm_poll(m, 1);
	return index << PAGE_SHIFT > at ? index << PAGE_SHIFT : at;
}

int64_t shmem_adopt_page(struct step *s, file_ref file, uint64_t index,
			 pfn_t pfn)
{
	const inode_ref ref = file_at(s->m, file)->f_inode;
	struct inode *inode = inode_mut(s, ref);
	const bool charged = inode->i_flags & S_NORESERVE;
	const uint64_t end = (index + 1) << PAGE_SHIFT;

	if (check_write_seals(s, ref, index << PAGE_SHIFT, PAGE_SIZE))
		return -EPERM;
	if (charged && security_vm_enough_memory(s, current_mm(s), 1))
		return -ENOSPC;
	page_mut(s, pfn)->flags = 1ULL << PG_swapbacked | 1ULL << PG_uptodate;
	if (add_to_page_cache(s, inode_mapping(ref), index, pfn)) {
		page_mut(s, pfn)->flags = 1ULL << PG_uptodate | 1ULL << PG_pipe;
		if (charged)
			vm_unacct_memory(s, 1);
		return -ENOMEM;
	}
	set_page_dirty(s, pfn);
	inode->i_accounted += charged;
	kernel_mut(s)->nr_shmem++;
	if (end > inode->i_size)
		inode->i_size = end;
	return 0;
}

/* Tmpfs has nothing but its pages. */
int64_t noop_fsync(struct step *s, file_ref file, uint64_t first, uint64_t end)
{
	(void)s;
	(void)file;
	(void)first;
	(void)end;
	return 0;
}

int64_t shmem_truncate(struct step *s, file_ref file, uint64_t size)
{
	const inode_ref ref = file_at(s->m, file)->f_inode;
	struct inode *inode = inode_mut(s, ref);
	const mapping_ref mapping = inode_mapping(ref);
	const uint64_t old = inode->i_size;
	const uint64_t first = PAGE_ALIGN(size) >> PAGE_SHIFT;
	pfn_t pfn;

	if (size < old && is_sealed(s->m, ref, F_SEAL_SHRINK))
		return refuse(s, EPERM, "the memfd is sealed against shrinking");
	if (size > old && is_sealed(s->m, ref, F_SEAL_GROW))
		return refuse(s, EPERM, "the memfd is sealed against growing");
	trace_event(s, truncate, old, size);
	inode->i_size = size;
	if (size > old)
		return 0;
	if (old > first << PAGE_SHIFT)
		unmap_mapping_pages(s, mapping, first, UINT64_MAX, true);
	shmem_drop_pages(s, ref, first, UINT64_MAX);
	pfn = radix_tree_lookup(s->m, mapping, size >> PAGE_SHIFT);
	if (!(size & ~PAGE_MASK) || !pfn)
		return 0;
	page_mut(s, pfn)->flags |= 1ULL << PG_dirty;
	if (!ram_frame_is_blank(s->m, pfn))
		memset((uint8_t *)ram_mut(s, pfn_to_pa(pfn)) +
		       (size & ~PAGE_MASK), 0, PAGE_SIZE - (size & ~PAGE_MASK));
	return 0;
}
