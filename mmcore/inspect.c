/* SPDX-License-Identifier: MIT */
/* Looking inside a machine: walks, pages and names. Nothing here changes it. */
#include <string.h>

#include "mmcore/fs/pipe.h"
#include "mmcore/lib/text.h"
#include "mmcore/mm/pgtable.h"
#include "mmcore/mm/slab.h"
#include "mmcore/proc/procfs.h"

void mm_entry_flags(const struct machine *m, uint64_t entry,
		    const char *names[16])
{
	const struct arch *a = m->arch;
	int nr = 0;

	for (size_t i = 0;
	     i < sizeof(a->flag_names) / sizeof(a->flag_names[0]); i++)
		if (entry & a->flag_names[i].bit)
			names[nr++] = a->flag_names[i].name;
	names[nr] = NULL;
}

struct mm_pagemap pagemap_of(const struct machine *m, pte_t pte)
{
	const struct arch *a = m->arch;
	struct mm_pagemap entry = { 0 };
	const struct page_rest *page;

	entry.guard = is_guard_pte(m, pte);
	if (!pte_present(m, pte))
		return entry;
	entry.present = true;
	entry.pfn = pte_pfn(m, pte);
	entry.dirty = pte & a->dirty;
	entry.accessed = pte & a->accessed;
	entry.writable = pte_write(m, pte);
	if (pte_special(m, pte))
		return entry;
	page = page_at(m, entry.pfn);
	entry.file = !(page->mapping & 1);
	entry.exclusive = page_counts_at(m, entry.pfn)->_mapcount == 0;
	return entry;
}

struct mm_pagemap mm_pagemap_entry(const struct machine *m, mm_ref mm,
				   uint64_t addr)
{
	uint64_t pte_pa = 0;

	if (addr < m->arch->task_size)
		pte_pa = pte_lookup(m, mm_at(m, mm), addr);
	return pagemap_of(m, pte_pa ? entry_read(m, pte_pa) : 0);
}

static const char *special_name(uint64_t kind)
{
	switch (kind) {
	case SPECIAL_VVAR:
		return "[vvar]";
	case SPECIAL_VVAR_VCLOCK:
		return "[vvar_vclock]";
	default:
		return "[vdso]";
	}
}

/* Components from the last one up, written backwards before @end. */
static char *path_before(const struct machine *m, inode_ref inode, char *end)
{
	while (inode_at(m, inode)->i_name) {
		const char *name = ram_at(m, inode_at(m, inode)->i_name);
		const size_t len = text_length(name);

		mm_poll(m, 1);
		end -= len;
		memcpy(end, name, len);
		*--end = '/';
		inode = inode_at(m, inode)->i_parent;
	}
	return end;
}

/* Of a file that no directory has: its name stands for its path. */
static const char *whole_name(const struct machine *m, inode_ref inode)
{
	if (inode_none(inode))
		return "/dev/null";
	return inode_at(m, inode)->i_name ? ram_at(m, inode_at(m, inode)->i_name)
					  : "/dev/zero (deleted)";
}

/* pipefs_dname(): "pipe:[INO]". */
static size_t pipe_path(const struct machine *m, inode_ref inode, char *buf)
{
	char *end = put_text(buf, "pipe:[");

	end = put_dec(end, inode_at(m, inode)->i_ino, 0);
	*end++ = ']';
	*end = '\0';
	return (size_t)(end - buf);
}

size_t mm_file_path(const struct machine *m, file_ref ref,
		    char buf[MM_PATH_MAX])
{
	static const char deleted[] = " (deleted)";
	const inode_ref inode = file_at(m, ref)->f_inode;
	char *end = buf + MM_PATH_MAX - 1, *start = end;

	if (!inode_none(inode) && inode_at(m, inode)->i_sb == SUPER_PIPEFS)
		return pipe_path(m, inode, buf);
	if (inode_none(inode) || inode_at(m, inode)->i_sb != SUPER_DISK) {
		end = put_text(buf, whole_name(m, inode));
		*end = '\0';
		return (size_t)(end - buf);
	}
	if (!inode_at(m, inode)->i_nlink) {
		start -= sizeof(deleted) - 1;
		memcpy(start, deleted, sizeof(deleted) - 1);
	}
	start = path_before(m, inode, start);
	if (start == end)
		*--start = '/';
	memmove(buf, start, (size_t)(end - start));
	buf[end - start] = '\0';
	return (size_t)(end - start);
}

const char *mm_vma_name(const struct machine *m, vma_ref ref,
			char buf[MM_PATH_MAX])
{
	const struct vm_area_struct *vma = vma_at(m, ref);
	const struct mm_struct *mm = mm_at(m, vma->vm_mm);

	if (!file_none(vma->vm_file)) {
		mm_file_path(m, vma->vm_file, buf);
		return buf;
	}
	if (vma->vm_ops == VM_OPS_SPECIAL)
		return special_name(vma->vm_private_data);
	if (vma->vm_start < mm->brk && vma->vm_end > mm->start_brk)
		return "[heap]";
	if (vma->vm_start <= mm->start_stack && mm->start_stack <= vma->vm_end)
		return "[stack]";
	return "";
}

void mm_vma_backing(const struct machine *m, vma_ref ref, uint32_t *major,
		    uint32_t *minor, uint64_t *ino)
{
	const file_ref file = vma_at(m, ref)->vm_file;
	const struct inode *inode;

	*major = 0;
	*minor = 0;
	*ino = 0;
	if (file_none(file))
		return;
	inode = inode_at(m, file_at(m, file)->f_inode);
	*major = inode->i_dev >> 20;
	*minor = inode->i_dev & 0xfffff;
	*ino = inode->i_ino;
}

/* ---- pipes ---- */

pipe_ref mm_pipe(const struct machine *m, task_ref task, int64_t fd)
{
	const file_ref file = mm_fd_file(m, task_at(m, task)->files,
					 (uint32_t)fd);

	return file_none(file) ? pipe_make(0) : get_pipe_info(m, file);
}

const struct pipe_buffer *mm_pipe_buffer(const struct machine *m,
					 pipe_ref pipe, uint32_t i)
{
	return pipe_buf_at(m, pipe, i);
}

const char *mm_pipe_ops_name(uint32_t ops)
{
	return pipe_buf_operations[ops].name;
}

uint64_t mm_pipe_buffers(const struct machine *m, pfn_t pfn)
{
	uint64_t nr = 0;

	for (uint64_t pa = kmem_cache_next(m, CACHE_PIPE, 0); pa;
	     pa = kmem_cache_next(m, CACHE_PIPE, pa)) {
		const pipe_ref pipe = pipe_make(pa);

		for (uint32_t i = 0; i < pipe_at(m, pipe)->nrbufs; i++)
			nr += pipe_buf_at(m, pipe, i)->page == pfn;
	}
	return nr;
}

/* ---- the picture of RAM ---- */

/* What a frame that is neither reserved nor on the frontier is used for. */
static enum frame_use page_use(const struct machine *m, pfn_t pfn)
{
	const struct page_rest *page = folio_at(m, pfn);

	if (folio_ref_count(m, pfn) == 0)
		return FRAME_FREE;
	if (page->flags >> PG_slab & 1)
		return FRAME_SLAB;
	if (page->flags >> PG_pgtable & 1)
		return FRAME_PGTABLE;
	if (page->flags >> PG_pipe & 1)
		return FRAME_PIPE;
	if (page->mapping & PAGE_MAPPING_ANON)
		return FRAME_ANON;
	return page->mapping ? FRAME_FILE : FRAME_KERNEL;
}

/* The use of @pfn and, in *len, how many frames are known to share it. */
static enum frame_use frame_span(const struct machine *m, uint64_t pfn,
				 uint64_t *len)
{
	const struct kernel *k = kernel_at(m);
	const struct zone *z = &k->zones[page_zone(m, (pfn_t)pfn)];
	const struct page_rest *page;

	mm_poll(m, 1);
	*len = 1;
	if (page_is_boot_reserved(m, pfn)) {
		if (pfn >= k->mem_map_pfn)
			*len = k->mem_map_end - pfn;
		return FRAME_RESERVED;
	}
	if (pfn >= z->frontier_start && pfn < z->frontier_end) {
		*len = z->frontier_end - pfn;
		return FRAME_FREE;
	}
	page = page_at(m, (pfn_t)pfn);
	if (page->flags >> PG_buddy & 1) {
		*len = 1ULL << page->private;
		return FRAME_FREE;
	}
	return page_use(m, (pfn_t)pfn);
}

uint64_t mm_frame_run(const struct machine *m, uint64_t first, uint64_t end,
		      enum frame_use *use)
{
	uint64_t pfn = first, len;

	*use = frame_span(m, pfn, &len);
	for (pfn += len; pfn < end; pfn += len)
		if (frame_span(m, pfn, &len) != *use)
			break;
	return (pfn < end ? pfn : end) - first;
}
