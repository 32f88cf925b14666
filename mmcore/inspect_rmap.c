/* SPDX-License-Identifier: MIT */
/*
 * Who maps a frame? The lists of its family or file name the areas in their own
 * order, and address spaces, not processes. So the places are written down as they
 * come, put in the order of address spaces, named by one walk over the processes, and
 * put in the order of those. Both orders are nearly always there already: children
 * come behind their parents in the lists, too.
 */
#include "mmcore/kernel/task.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/slab.h"

/* ---- order ---- */

typedef bool (*before_fn)(const struct mm_mapping *a, const struct mm_mapping *b);

static bool by_space(const struct mm_mapping *a, const struct mm_mapping *b)
{
	return a->mm_id != b->mm_id ? a->mm_id < b->mm_id : a->addr < b->addr;
}

static bool by_pid(const struct mm_mapping *a, const struct mm_mapping *b)
{
	return a->pid != b->pid ? a->pid < b->pid : a->addr < b->addr;
}

static void swap(struct mm_mapping *a, struct mm_mapping *b)
{
	const struct mm_mapping was = *a;

	*a = *b;
	*b = was;
}

/* How many of the first entries are in order. */
static uint64_t ordered(const struct mm_mapping *out, uint64_t nr, before_fn before)
{
	uint64_t i = 1;

	while (i < nr && !before(&out[i], &out[i - 1]))
		i++;
	return i;
}

/* The entry @i of a heap of @nr, the last one on top, finds its place. */
static void sift(struct mm_mapping *out, uint64_t i, uint64_t nr, before_fn before)
{
	uint64_t child;

	for (; (child = 2 * i + 1) < nr; i = child) {
		if (child + 1 < nr && before(&out[child], &out[child + 1]))
			child++;
		if (!before(&out[i], &out[child]))
			return;
		swap(&out[i], &out[child]);
	}
}

/* Areas of one process are made from the top down: their order is often reversed. */
static void reverse(struct mm_mapping *out, uint64_t nr)
{
	for (uint64_t i = 0; i < nr / 2; i++)
		swap(&out[i], &out[nr - 1 - i]);
}

static void sort(const struct machine *m, struct mm_mapping *out, uint64_t nr,
		 before_fn before)
{
	mm_poll(m, nr);
	if (ordered(out, nr, before) >= nr)
		return;
	reverse(out, nr);
	if (ordered(out, nr, before) >= nr)
		return;
	for (uint64_t i = nr / 2; i--;)
		sift(out, i, nr, before);
	for (uint64_t left = nr; left-- > 1;) {
		mm_poll(m, 1);
		swap(&out[0], &out[left]);
		sift(out, 0, left, before);
	}
}

/* ---- places ---- */

struct places {
	const struct machine *m;
	struct mm_mapping *out;
	uint64_t nr, room;
	pfn_t pfn;
	uint64_t index;
};

static void note_place(void *ctx, vma_ref ref)
{
	struct places *p = ctx;
	const struct vm_area_struct *vma = vma_at(p->m, ref);
	uint64_t addr;

	if (!page_mapped_in_vma(p->m, vma, p->pfn, p->index, &addr))
		return;
	MM_ASSERT(p->nr < p->room);
	p->out[p->nr++] = (struct mm_mapping){
		.addr = addr, .mm_id = mm_at(p->m, vma->vm_mm)->id };
}

/* A frame of the kernel's that programs see: [vdso] and its data. */
static void special_places(struct places *p)
{
	const struct machine *m = p->m;

	for (uint64_t pa = kmem_cache_next(m, CACHE_MM, 0); pa;
	     pa = kmem_cache_next(m, CACHE_MM, pa))
		for (vma_ref v = mm_at(m, mm_make(pa))->mmap; !vma_none(v);
		     v = vma_next(m, v)) {
			const struct vm_area_struct *vma = vma_at(m, v);
			const uint64_t nr = vma->vm_ops == VM_OPS_SPECIAL
						    ? vma_pages(vma) : 0;

			for (uint64_t i = 0; i < nr; i++) {
				p->index = vma->vm_pgoff + i;
				note_place(p, v);
			}
		}
}

/* Names the process of each entry of [first, …) that lies in @mm_id. Returns: where
 * the next address space begins. */
static uint64_t name_space(struct places *p, uint64_t first, uint64_t mm_id,
			   uint32_t pid)
{
	for (; first < p->nr && p->out[first].mm_id == mm_id; first++)
		p->out[first].pid = pid;
	return first;
}

/* The first entry of that address space, or of one behind it. */
static uint64_t find_space(const struct places *p, uint64_t mm_id)
{
	uint64_t low = 0, high = p->nr;

	while (low < high) {
		const uint64_t middle = low + (high - low) / 2;

		if (p->out[middle].mm_id < mm_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* By pid, so that the first one that shares an address space names it. */
static void name_places(struct places *p)
{
	const struct machine *m = p->m;
	uint64_t next = 0;

	for (task_ref t = mm_first_task(m); !task_none(t); t = mm_next_task(m, t)) {
		const struct task_struct *task = task_at(m, t);
		const uint64_t id = mm_at(m, task->mm)->id;

		if (next >= p->nr || p->out[next].mm_id != id)
			next = find_space(p, id);
		if (next < p->nr && p->out[next].mm_id == id && !p->out[next].pid)
			next = name_space(p, next, id, (uint32_t)task->pid);
	}
}

uint64_t mm_rmap_room(const struct machine *m, pfn_t pfn)
{
	const struct page page = page_read(m, pfn);

	if (page.flags >> PG_kernel & 1)
		return kernel_at(m)->caches[CACHE_MM].nr_active;
	return page._mapcount < 0 ? 0 : (uint64_t)page._mapcount + 1;
}

uint64_t mm_rmap(const struct machine *m, pfn_t pfn, struct mm_mapping *out)
{
	const struct page page = page_read(m, pfn);
	struct places p = { .m = m, .out = out, .room = mm_rmap_room(m, pfn),
			    .pfn = pfn, .index = page.index };

	if (page.flags >> PG_kernel & 1)
		special_places(&p);
	else if (p.room && page.mapping)
		rmap_walk(m, pfn, note_place, &p);
	if (!p.nr)
		return 0;
	sort(m, out, p.nr, by_space);
	name_places(&p);
	sort(m, out, p.nr, by_pid);
	return p.nr;
}
