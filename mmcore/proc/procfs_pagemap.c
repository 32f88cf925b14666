/* SPDX-License-Identifier: MIT */
/*
 * The binary files of /proc: 64-bit numbers, one for each page of an address
 * space (pagemap) or for each frame (kpageflags, kpagecount). A pagemap is as
 * long as the address space is wide and nearly all zeros, so nothing here ever
 * makes a whole one: bytes are made where they are asked for, and a span
 * without a page table costs one look.
 */
#include <string.h>

#include "mmcore/mm/memory.h"
#include "mmcore/proc/procfs.h"

#define ENTRY sizeof(uint64_t)

/* ---- pagemap: Linux's fs/proc/task_mmu.c, 6.18 ---- */

#define PM_PRESENT		(1ULL << 63)
#define PM_SWAP			(1ULL << 62)
#define PM_FILE			(1ULL << 61)
#define PM_GUARD_REGION		(1ULL << 58)
#define PM_MMAP_EXCLUSIVE	(1ULL << 56)
#define PM_SOFT_DIRTY		(1ULL << 55)
#define PM_PFRAME_MASK		((1ULL << 55) - 1)

static uint64_t pagemap_bits(const struct mm_pagemap *e)
{
	uint64_t bits = (e->swapped ? e->swap : e->pfn) & PM_PFRAME_MASK;

	if (e->guard)	/* type and offset of the marker, as of a swap entry */
		bits |= PM_GUARD_REGION | PM_SWAP | SWP_PTE_MARKER |
			(uint64_t)PTE_MARKER_GUARD << SWP_TYPE_BITS;
	if (e->present)
		bits |= PM_PRESENT;
	if (e->swapped)
		bits |= PM_SWAP;
	if (e->file)
		bits |= PM_FILE;
	if (e->exclusive)
		bits |= PM_MMAP_EXCLUSIVE;
	if (e->soft_dirty)
		bits |= PM_SOFT_DIRTY;
	return bits;
}

static uint64_t pagemap_entries(const struct machine *m)
{
	return m->arch->task_size >> PAGE_SHIFT;
}

static void fill_pagemap(const struct machine *m, task_ref task,
			 uint64_t first, uint64_t nr, uint64_t *out)
{
	const struct mm_struct *mm = mm_at(m, task_at(m, task)->mm);
	const uint64_t end = (first + nr) << PAGE_SHIFT;
	uint64_t addr = first << PAGE_SHIFT;
	struct pte_run run;

	memset(out, 0, nr * ENTRY);
	while (next_pte_run(m, mm, &addr, end, &run)) {
		const void *ptes = ram_at(m, run.pte_pa);
		uint64_t *at = out + ((run.addr >> PAGE_SHIFT) - first);

		for (uint32_t i = 0; i < run.nr; i++) {
			const struct mm_pagemap e = pagemap_of(m,
				table_load(ptes, i, m->arch->entry_shift));

			at[i] = pagemap_bits(&e);
		}
	}
}

/* ---- kpageflags: include/uapi/linux/kernel-page-flags.h ---- */

#define KPF_BUDDY	10
#define KPF_MMAP	11
#define KPF_ANON	12
#define KPF_COMPOUND_HEAD 15
#define KPF_COMPOUND_TAIL 16
#define KPF_ZERO_PAGE	24
#define KPF_ACTIVE	6
#define KPF_UNEVICTABLE	18
#define KPF_MLOCKED	33
#define KPF_OWNER_2	34

/* Flags of a page that mean the same there under another number. */
static const struct { uint8_t page, kpf; } page_bits[] = {
	{ PG_locked, 0 },	{ PG_error, 1 },	{ PG_referenced, 2 },
	{ PG_uptodate, 3 },	{ PG_dirty, 4 },	{ PG_lru, 5 },
	{ PG_active, 6 },	{ PG_slab, 7 },		{ PG_writeback, 8 },
	{ PG_reclaim, 9 },	{ PG_readahead, 9 },
	{ PG_swapcache, 13 },	{ PG_swapbacked, 14 },
	{ PG_pgtable, 26 },	{ PG_reserved, 32 },	{ PG_mappedtodisk, 34 },
	{ PG_private, 35 },	{ PG_checked, 37 },	{ PG_arch_1, 38 },
};

/* stable_page_flags() */
static uint64_t page_kpf(const struct machine *m, pfn_t pfn)
{
	const struct page page = page_read(m, pfn);
	const bool compound = page.flags >> PG_compound & 1;
	const uint64_t flags = compound ? folio_at(m, pfn)->flags
					: page.flags;
	const bool slab = flags >> PG_slab & 1;
	uint64_t bits = 0;

	for (size_t i = 0; i < sizeof(page_bits) / sizeof(page_bits[0]); i++)
		bits |= (flags >> page_bits[i].page & 1)
			<< page_bits[i].kpf;
	if (compound)
		bits |= 1ULL << (page.private == pfn ? KPF_COMPOUND_HEAD
						     : KPF_COMPOUND_TAIL);
	else if (page.flags >> PG_buddy & 1 || page._count == 0)
		bits |= 1ULL << KPF_BUDDY;
	if (page._mapcount >= 0 && !slab)
		bits |= 1ULL << KPF_MMAP;
	if (page.mapping & PAGE_MAPPING_ANON && !slab)
		bits |= 1ULL << KPF_ANON;
	if (pfn == kernel_at(m)->zero_pfn)
		bits |= 1ULL << KPF_ZERO_PAGE;
	if (bits >> KPF_ANON & 1 && page_anon_exclusive(m, pfn))
		bits |= 1ULL << KPF_OWNER_2;
	if (flags >> PG_lru & 1 && !vma_none(first_locked_vma(m, pfn)))
		bits = (bits & ~(1ULL << KPF_ACTIVE)) |
		       1ULL << KPF_UNEVICTABLE | 1ULL << KPF_MLOCKED;
	return bits;
}

static uint64_t frame_entries(const struct machine *m)
{
	return kernel_at(m)->ram_frames;
}

static void fill_kpageflags(const struct machine *m, task_ref task,
			    uint64_t first, uint64_t nr, uint64_t *out)
{
	(void)task;
	mm_poll(m, nr);
	for (uint64_t i = 0; i < nr; i++)
		out[i] = page_kpf(m, (pfn_t)(first + i));
}

static void fill_kpagecount(const struct machine *m, task_ref task,
			    uint64_t first, uint64_t nr, uint64_t *out)
{
	(void)task;
	mm_poll(m, nr);
	for (uint64_t i = 0; i < nr; i++)
		out[i] = (uint64_t)(page_read(m, (pfn_t)(first + i))._mapcount +
				    1);
}

/* ---- reading ---- */

const struct proc_binary proc_pagemap = { pagemap_entries, fill_pagemap };
const struct proc_binary proc_kpageflags = { frame_entries, fill_kpageflags };
const struct proc_binary proc_kpagecount = { frame_entries, fill_kpagecount };

uint64_t mm_proc_size(const struct machine *m, const char *path)
{
	task_ref task;
	const struct proc_binary *file = find_proc_binary(m, path, &task);

	return file ? file->entries(m) * ENTRY : 0;
}

#define AT_ONCE 512	/* entries made at a time: those of one table */

bool mm_proc_pread(const struct machine *m, const char *path, uint64_t offset,
		   void *buf, size_t len)
{
	uint64_t entries[AT_ONCE], done = 0;
	task_ref task;
	const struct proc_binary *file = find_proc_binary(m, path, &task);

	if (!file || len > file->entries(m) * ENTRY ||
	    offset > file->entries(m) * ENTRY - len)
		return false;
	while (done < len) {
		const uint64_t first = (offset + done) / ENTRY;
		const uint64_t skip = (offset + done) % ENTRY;
		uint64_t nr = AT_ONCE - first % AT_ONCE, n;

		if (nr > file->entries(m) - first)
			nr = file->entries(m) - first;
		n = nr * ENTRY - skip;
		if (n > len - done) {
			n = len - done;
			nr = (skip + n + ENTRY - 1) / ENTRY;
		}
		file->fill(m, task, first, nr, entries);
		memcpy((char *)buf + done, (const char *)entries + skip, n);
		done += n;
	}
	return true;
}
