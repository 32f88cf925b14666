/* SPDX-License-Identifier: MIT */
/*
 * smaps and smaps_rollup: what the pages of an area are. One walk over the page
 * tables, smap_gather_stats(), says it; whoever wants to know how much of an
 * area is resident asks it too.
 *
 * Each page is counted once in each of three ways: shared or private (mapped by
 * more than one PTE of the whole machine), dirty or clean (the PTE or the page
 * says so), and anonymous, of shared memory or of a file. Pss gives each of the
 * PTEs that map a page an equal share of it; it is kept with PSS_SHIFT more bits
 * so that the shares of a page add up to it.
 */
#include <string.h>

#include "mmcore/mm/pgtable.h"
#include "mmcore/proc/procfs.h"

/* ---- the walk ---- */

/* What a present PTE and its page say. */
struct mapped_page {
	bool anon, shmem, dirty, young, lazy;
	uint32_t mapcount;
};

static struct mapped_page mapped_page(const struct machine *m, pte_t pte)
{
	const pfn_t pfn = pte_pfn(m, pte);
	const struct page_rest *page = folio_at(m, pfn);
	const bool backed = page->flags >> PG_swapbacked & 1;
	const bool dirty = pte & m->arch->dirty || page->flags >> PG_dirty & 1;
	const bool anon = page->mapping & PAGE_MAPPING_ANON;

	return (struct mapped_page){
		.anon = anon,
		.shmem = !anon && backed,
		.dirty = dirty,
		.young = pte & m->arch->accessed ||
			 page->flags >> PG_referenced & 1,
		.lazy = anon && !backed && !dirty,
		.mapcount = (uint32_t)page_counts_at(m, pfn)->_mapcount + 1,
	};
}

/* smaps_account(): one page of one area. */
static void smaps_account(struct mem_size_stats *mss,
			  const struct mapped_page *page, bool locked)
{
	const uint64_t whole = (uint64_t)PAGE_SIZE << PSS_SHIFT;
	const bool shared = page->mapcount >= 2;
	const uint64_t pss = shared ? whole / page->mapcount : whole;

	mss->resident += PAGE_SIZE;
	mss->pss += pss;
	if (page->anon) {
		mss->anonymous += PAGE_SIZE;
		mss->pss_anon += pss;
	} else if (page->shmem) {
		mss->pss_shmem += pss;
	} else {
		mss->pss_file += pss;
	}
	if (page->lazy)
		mss->lazyfree += PAGE_SIZE;
	if (page->young)
		mss->referenced += PAGE_SIZE;
	if (locked)
		mss->pss_locked += pss;
	if (page->dirty) {
		mss->pss_dirty += pss;
		*(shared ? &mss->shared_dirty : &mss->private_dirty) +=
			PAGE_SIZE;
	} else {
		*(shared ? &mss->shared_clean : &mss->private_clean) +=
			PAGE_SIZE;
	}
}

void smap_gather_stats(const struct machine *m, vma_ref ref,
		       struct mem_size_stats *mss)
{
	const struct vm_area_struct *vma = vma_at(m, ref);
	const struct mm_struct *mm = mm_at(m, vma->vm_mm);
	const bool locked = vma->vm_flags & VM_LOCKED;
	uint64_t addr = vma->vm_start;
	struct pte_run run;

	if (vma->vm_flags & VM_PFNMAP)
		return;
	while (next_pte_run(m, mm, &addr, vma->vm_end, &run)) {
		const void *ptes = ram_at(m, run.pte_pa);

		for (uint32_t i = 0; i < run.nr; i++) {
			pte_t pte = table_load(ptes, i, m->arch->entry_shift);
			struct mapped_page page;

			if (!pte_present(m, pte) || pte_special(m, pte))
				continue;
			page = mapped_page(m, pte);
			smaps_account(mss, &page, locked);
		}
	}
}

/* ---- lines ---- */

#define LINE	28	/* bytes of a line whose number has at most 8 digits */
#define NUMBER	16	/* where the number's 8 columns begin */

/*
 * A line of kilobytes. Most of them are zeros, and a line is as long as the
 * next: so it is copied whole, and the digits are put over the zero.
 */
static inline char *put_kb(char *p, const char line[LINE + 1], uint64_t bytes)
{
	uint64_t kb = bytes >> 10;
	char *at = p + NUMBER + 8;

	memcpy(p, line, LINE);
	if (unlikely(kb > 99999999)) {
		p = put_dec(p + NUMBER, kb, 8);
		return put_text(p, " kB\n");
	}
	for (; kb; kb /= 10)
		*--at = (char)('0' + kb % 10);
	return p + LINE;
}

#define KB_LINE(label) label "       0 kB\n"

/* The lines that smaps and the rollup share, in two parts. */
static char *put_resident(char *p, const struct mem_size_stats *mss)
{
	p = put_kb(p, KB_LINE("Rss:            "), mss->resident);
	p = put_kb(p, KB_LINE("Pss:            "), mss->pss >> PSS_SHIFT);
	return put_kb(p, KB_LINE("Pss_Dirty:      "),
		      mss->pss_dirty >> PSS_SHIFT);
}

static char *put_kinds(char *p, const struct mem_size_stats *mss)
{
	p = put_kb(p, KB_LINE("Shared_Clean:   "), mss->shared_clean);
	p = put_kb(p, KB_LINE("Shared_Dirty:   "), mss->shared_dirty);
	p = put_kb(p, KB_LINE("Private_Clean:  "), mss->private_clean);
	p = put_kb(p, KB_LINE("Private_Dirty:  "), mss->private_dirty);
	p = put_kb(p, KB_LINE("Referenced:     "), mss->referenced);
	p = put_kb(p, KB_LINE("Anonymous:      "), mss->anonymous);
	p = put_kb(p, KB_LINE("KSM:            "), 0);
	p = put_kb(p, KB_LINE("LazyFree:       "), mss->lazyfree);
	p = put_kb(p, KB_LINE("AnonHugePages:  "), 0);
	p = put_kb(p, KB_LINE("ShmemPmdMapped: "), 0);
	p = put_kb(p, KB_LINE("FilePmdMapped:  "), 0);
	p = put_kb(p, KB_LINE("Shared_Hugetlb: "), 0);
	p = put_kb(p, "Private_Hugetlb:       0 kB\n", 0);
	p = put_kb(p, KB_LINE("Swap:           "), mss->swap);
	p = put_kb(p, KB_LINE("SwapPss:        "), mss->swap_pss >> PSS_SHIFT);
	return put_kb(p, KB_LINE("Locked:         "),
		      mss->pss_locked >> PSS_SHIFT);
}

/* show_smap_vma_flags(): two letters each, in the order of 6.18's bits. */
static const struct {
	uint64_t flag;
	char letters[4];
} vma_letters[] = {
	{ VM_READ, "rd " },	{ VM_WRITE, "wr " },	{ VM_EXEC, "ex " },
	{ VM_SHARED, "sh " },	{ VM_MAYREAD, "mr " },	{ VM_MAYWRITE, "mw " },
	{ VM_MAYEXEC, "me " },	{ VM_MAYSHARE, "ms " },	{ VM_GROWSDOWN, "gd " },
	{ VM_PFNMAP, "pf " },	{ VM_MAYBE_GUARD, "gu " },
	{ VM_LOCKED, "lo " },	{ VM_IO, "io " },
	{ VM_SEQ_READ, "sr " },	{ VM_RAND_READ, "rr " }, { VM_DONTCOPY, "dc " },
	{ VM_DONTEXPAND, "de " }, { VM_LOCKONFAULT, "lf " },
	{ VM_ACCOUNT, "ac " },	{ VM_NORESERVE, "nr " }, { VM_HUGETLB, "ht " },
	{ VM_SYNC, "sf " },	{ VM_WIPEONFORK, "wf " }, { VM_DONTDUMP, "dd " },
	{ VM_HUGEPAGE, "hg " },	{ VM_NOHUGEPAGE, "nh " }, { VM_MERGEABLE, "mg " },
	{ VM_DROPPABLE, "dp " }, { VM_SEALED, "sl " },
};

#define NR_LETTERS (sizeof(vma_letters) / sizeof(vma_letters[0]))
/* An area's lines after its first; no number has more than 20 digits. */
#define AREA_ROOM (23 * (LINE + 12) + 9 + NR_LETTERS * 3 + 1)

static char *put_vma_flags(char *p, uint64_t vm_flags)
{
	p = put_text(p, "VmFlags: ");
	for (size_t i = 0; i < NR_LETTERS; i++)
		if (vm_flags & vma_letters[i].flag) {
			memcpy(p, vma_letters[i].letters, 3);
			p += 3;
		}
	*p++ = '\n';
	return p;
}

static void show_area(struct text *t, uint64_t bytes, uint64_t vm_flags,
		      const struct mem_size_stats *mss)
{
	char *p = text_room(t, AREA_ROOM);

	if (!p)
		return;
	p = put_kb(p, KB_LINE("Size:           "), bytes);
	p = put_kb(p, KB_LINE("KernelPageSize: "), PAGE_SIZE);
	p = put_kb(p, KB_LINE("MMUPageSize:    "), PAGE_SIZE);
	p = put_resident(p, mss);
	p = put_kinds(p, mss);
	p = put_text(p, "THPeligible:           0\n");
	text_done(t, put_vma_flags(p, vm_flags));
}

void show_smaps(const struct machine *m, task_ref task, struct text *t)
{
	const struct mem_size_stats nothing = { 0 };
	vma_ref v = mm_at(m, task_at(m, task)->mm)->mmap;

	for (; !vma_none(v); v = vma_next(m, v)) {
		const struct vm_area_struct *vma = vma_at(m, v);
		struct mem_size_stats mss = { 0 };

		smap_gather_stats(m, v, &mss);
		show_map_vma(m, v, t);
		show_area(t, vma->vm_end - vma->vm_start, vma->vm_flags, &mss);
	}
	if (show_gate_vma(m, t))
		show_area(t, PAGE_SIZE, VM_EXEC, &nothing);
}

void show_smaps_rollup(const struct machine *m, task_ref task, struct text *t)
{
	const struct mm_struct *mm = mm_at(m, task_at(m, task)->mm);
	struct mem_size_stats mss = { 0 };
	char *p;

	for (vma_ref v = mm->mmap; !vma_none(v); v = vma_next(m, v))
		smap_gather_stats(m, v, &mss);
	p = text_room(t, 128 + 22 * (LINE + 12));
	if (!p)
		return;
	p = put_map_prefix(p, &(struct map_prefix){
		.start = vma_none(mm->mmap) ? 0 : vma_at(m, mm->mmap)->vm_start,
		.end = mm->highest_vm_end,
		.column = name_column(m),
	}, "[rollup]");
	p = put_resident(p, &mss);
	p = put_kb(p, KB_LINE("Pss_Anon:       "), mss.pss_anon >> PSS_SHIFT);
	p = put_kb(p, KB_LINE("Pss_File:       "), mss.pss_file >> PSS_SHIFT);
	p = put_kb(p, KB_LINE("Pss_Shmem:      "), mss.pss_shmem >> PSS_SHIFT);
	text_done(t, put_kinds(p, &mss));
}
