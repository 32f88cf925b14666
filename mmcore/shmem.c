/* SPDX-License-Identifier: MIT */
/*
 * Shared anonymous memory: an object of tmpfs that nothing names. Its pages
 * lie in the object, not in any process; a fork shares them by mapping the same
 * object, and each process faults them in for itself.
 */
#include "mmcore/memory.h"
#include "mmcore/radix.h"
#include "mmcore/slab.h"
#include "mmcore/vma.h"

#define SHMEM_DEV 1	/* 00:01 */

file_ref shmem_file_setup(struct step *s, uint64_t bytes, bool accounted)
{
	const uint64_t i = kmem_cache_alloc(s, CACHE_INODE);
	const uint64_t f = i ? kmem_cache_alloc(s, CACHE_FILE) : 0;
	const mapping_ref mapping =
		mapping_make(i + offsetof(struct inode, i_data));
	struct inode *inode;

	if (!f) {
		if (i)
			kmem_cache_free(s, CACHE_INODE, i);
		return file_make(0);
	}
	inode = inode_mut(s, inode_make(i));
	inode->i_ino = ++kernel_mut(s)->last_ino;
	inode->i_size = bytes;
	inode->i_count = 1;
	inode->i_dev = SHMEM_DEV;
	inode->i_accounted = accounted ? PAGE_ALIGN(bytes) >> PAGE_SHIFT : 0;
	inode->i_data.host = inode_make(i);
	INIT_LIST_HEAD(s, mapping.pa + offsetof(struct address_space, i_mmap));
	*file_mut(s, file_make(f)) = (struct file){
		.f_op = FILE_OPS_SHMEM,
		.f_count = 1,
		.f_mode = FMODE_READ | FMODE_WRITE,
		.f_mapping = mapping,
		.f_inode = inode_make(i),
	};
	return file_make(f);
}

void get_file(struct step *s, file_ref file)
{
	file_mut(s, file)->f_count++;
}

/* The object is gone from every mapping: its pages go, then its charge. */
static void shmem_evict_inode(struct step *s, inode_ref ref)
{
	const mapping_ref mapping =
		mapping_make(ref.pa + offsetof(struct inode, i_data));
	uint64_t index = 0;
	pfn_t pfn;

	while (radix_tree_next(s->m, mapping, &index, &pfn)) {
		radix_tree_delete(s, mapping, index);
		page_mut(s, pfn)->mapping = 0;
		mapping_mut(s, mapping)->nrpages--;
		kernel_mut(s)->nr_shmem--;
		kernel_mut(s)->nr_file_pages--;
		put_page(s, pfn);
	}
	vm_unacct_memory(s, inode_at(s->m, ref)->i_accounted);
	kmem_cache_free(s, CACHE_INODE, ref.pa);
}

void fput(struct step *s, file_ref ref)
{
	struct file *file = file_mut(s, ref);

	MM_ASSERT(file->f_count > 0);
	if (--file->f_count)
		return;
	if (!inode_none(file->f_inode) &&
	    --inode_mut(s, file->f_inode)->i_count == 0)
		shmem_evict_inode(s, file->f_inode);
	kmem_cache_free(s, CACHE_FILE, ref.pa);
}

/* A fresh page of the object, referenced by it; 0: no RAM. */
static pfn_t shmem_new_page(struct step *s, mapping_ref mapping,
			    uint64_t index)
{
	pfn_t pfn = alloc_page(s, GFP_HIGHUSER);
	struct page_rest *page;

	if (!pfn)
		return 0;
	if (radix_tree_insert(s, mapping, index, pfn)) {
		put_page(s, pfn);
		return 0;
	}
	page = page_mut(s, pfn);
	page->flags |= 1ULL << PG_swapbacked | 1ULL << PG_uptodate;
	page->mapping = mapping.pa;
	page->index = index;
	mapping_mut(s, mapping)->nrpages++;
	kernel_mut(s)->nr_shmem++;
	kernel_mut(s)->nr_file_pages++;
	lru_cache_add(s, pfn);
	return pfn;
}

/* One more PTE for a page of the object. */
static void map_page(struct step *s, mm_ref mm,
		     const struct vm_area_struct *vma, uint64_t pte_pa,
		     pfn_t pfn, uint64_t extra)
{
	get_page(s, pfn);
	page_add_file_rmap(s, pfn);
	mm_mut(s, mm)->_shmem_rss++;
	set_pte(s, pte_pa, pfn_pte(s->m, pfn, vma->vm_page_prot |
					      s->m->arch->accessed | extra));
}

#define FAULT_AROUND_PAGES 16	/* fault_around_bytes, 64 KiB */

/*
 * do_fault_around(): a read fault also maps the pages near it that are already
 * there. The window begins at a multiple of 16 entries of the PTE table, or at
 * the VMA's first; it is clipped by the table, the VMA and the object.
 */
static void fault_around(struct step *s, mm_ref mm,
			 const struct vm_area_struct *vma, uint64_t addr,
			 uint64_t pte_pa)
{
	const struct arch *a = s->m->arch;
	const struct arch_level *last = &a->level[a->nr_levels - 1];
	const struct file *file = file_at(s->m, vma->vm_file);
	const uint64_t at = addr >> PAGE_SHIFT & ((1ULL << last->bits) - 1);
	const uint64_t in_vma = (addr - vma->vm_start) >> PAGE_SHIFT;
	const uint64_t size = PAGE_ALIGN(inode_at(s->m, file->f_inode)->i_size)
			      >> PAGE_SHIFT;
	uint64_t from = at & ~(uint64_t)(FAULT_AROUND_PAGES - 1), to;

	if (at - from > in_vma)
		from = at - in_vma;
	to = from + FAULT_AROUND_PAGES;
	if (to > 1ULL << last->bits)
		to = 1ULL << last->bits;
	if (to - at > vma_pages(vma) - in_vma)
		to = at + vma_pages(vma) - in_vma;
	for (uint64_t i = from; i < to; i++) {
		uint64_t entry = pte_pa + ((i - at) << a->entry_shift);
		uint64_t index = vma->vm_pgoff + in_vma + i - at;
		pfn_t pfn;

		if (index >= size || !pte_none(entry_read(s->m, entry)))
			continue;
		pfn = radix_tree_lookup(s->m, file->f_mapping, index);
		if (!pfn)
			continue;
		map_page(s, mm, vma, entry, pfn, 0);
		trace_event(s, fault_around, addr + ((i - at) << PAGE_SHIFT),
			    index, pfn);
	}
}

enum vm_fault shmem_fault(struct step *s, mm_ref mm, vma_ref ref,
			  uint64_t addr, uint64_t pte_pa, bool write)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	const struct file *file = file_at(s->m, vma->vm_file);
	const uint64_t index = vma->vm_pgoff +
			       ((addr - vma->vm_start) >> PAGE_SHIFT);
	const struct arch *a = s->m->arch;
	pfn_t pfn;
	bool fresh;

	/* Also where the object has ended: its last pages may be near. */
	if (!write)
		fault_around(s, mm, vma, addr, pte_pa);
	if (index >= PAGE_ALIGN(inode_at(s->m, file->f_inode)->i_size) >>
		     PAGE_SHIFT)
		return VM_FAULT_SIGBUS;
	if (!pte_none(entry_read(s->m, pte_pa)))
		return VM_FAULT_MINOR;
	pfn = radix_tree_lookup(s->m, file->f_mapping, index);
	fresh = !pfn;
	if (fresh)
		pfn = shmem_new_page(s, file->f_mapping, index);
	if (!pfn)
		return VM_FAULT_OOM;
	map_page(s, mm, vma, pte_pa, pfn, write ? a->dirty : 0);
	trace_event(s, shmem_fault, addr, index, pfn, fresh);
	return VM_FAULT_MINOR;
}
