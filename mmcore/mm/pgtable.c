/* SPDX-License-Identifier: MIT */
/*
 * Page tables of any geometry: tables are frames, entries are real. A table of
 * level L covers, with each of its entries, 1 << level[L].shift bytes; a table
 * as a whole covers the span of the one entry of level L-1 that points to it.
 */
#include "mmcore/mm/pgtable.h"
#include "mmcore/trace.h"

uint64_t vm_get_page_prot(const struct machine *m, uint64_t vm_flags)
{
	return m->arch->protection_map[vm_flags & (VM_READ | VM_WRITE | VM_EXEC |
						   VM_SHARED)];
}

static pfn_t table_alloc(struct step *s)
{
	pfn_t pfn = alloc_page(s, GFP_KERNEL);

	if (!pfn)
		return 0;
	page_mut(s, pfn)->flags |= 1ULL << PG_pgtable;
	kernel_mut(s)->nr_page_table_pages++;
	return pfn;
}

/* The table is empty: all of its entries are none. */
static void table_free(struct step *s, pfn_t pfn)
{
	MM_ASSERT(page_has(s->m, pfn, PG_pgtable));
	page_mut(s, pfn)->flags &= ~(1ULL << PG_pgtable);
	kernel_mut(s)->nr_page_table_pages--;
	free_zeroed_page(s, pfn);
}

static uint64_t entry_pa(const struct arch *a, int level, uint64_t table,
			 uint64_t addr)
{
	const struct arch_level *l = &a->level[level];
	uint64_t index = addr >> l->shift & ((1ULL << l->bits) - 1);

	return table + (index << a->entry_shift);
}

static uint64_t entry_table(const struct machine *m, pte_t entry)
{
	return pfn_to_pa(pte_pfn(m, entry));
}

uint64_t pte_lookup(const struct machine *m, const struct mm_struct *mm,
		    uint64_t addr)
{
	const struct arch *a = m->arch;
	uint64_t table = mm->pgd;

	for (int level = 0; level < a->nr_levels - 1; level++) {
		pte_t entry = entry_read(m, entry_pa(a, level, table, addr));

		if (!entry)
			return 0;
		table = entry_table(m, entry);
	}
	return entry_pa(a, a->nr_levels - 1, table, addr);
}

/* @by tables more (or fewer) that entries of @level point to. */
static void count_tables(struct step *s, mm_ref mm, int level, int64_t by)
{
	const int above_pte = s->m->arch->nr_levels - 2 - level;
	struct mm_struct *mms = mm_mut(s, mm);

	mms->nr_tables += (uint64_t)by;
	if (above_pte == 0)
		mms->nr_ptes += (uint64_t)by;
	else if (above_pte >= COUNTED_LEVELS)
		mms->nr_p4ds += (uint64_t)by;
}

/* Put a fresh table below an entry of @level. The entry, or 0: no RAM. */
static pte_t table_hang(struct step *s, mm_ref mm, int level, uint64_t at,
			uint64_t addr)
{
	const pfn_t pfn = table_alloc(s);
	pte_t entry;

	if (!pfn)
		return 0;
	entry = pfn_pte(s->m, pfn, s->m->arch->level[level].table);
	set_pte(s, at, entry);
	count_tables(s, mm, level, 1);
	trace_event(s, table_alloc, (uint64_t)level + 1, pfn, addr);
	return entry;
}

/* The table @depth levels below the top; those on the way are made. 0: no RAM. */
static uint64_t table_alloc_down(struct step *s, mm_ref mm, uint64_t addr,
				 int depth)
{
	const struct machine *m = s->m;
	const struct arch *a = m->arch;
	uint64_t table = mm_at(m, mm)->pgd;

	for (int level = 0; level < depth; level++) {
		uint64_t at = entry_pa(a, level, table, addr);
		pte_t entry = entry_read(m, at);

		if (!entry)
			entry = table_hang(s, mm, level, at, addr);
		if (!entry)
			return 0;
		table = entry_table(m, entry);
	}
	return table;
}

uint64_t pte_alloc_map(struct step *s, mm_ref mm, uint64_t addr)
{
	const struct arch *a = s->m->arch;
	const int last = a->nr_levels - 1;
	uint64_t table = table_alloc_down(s, mm, addr, last);

	return table ? entry_pa(a, last, table, addr) : 0;
}

bool upper_tables_alloc(struct step *s, mm_ref mm, uint64_t addr, int depth)
{
	return table_alloc_down(s, mm, addr, depth);
}

bool next_table_span(const struct machine *m, const struct mm_struct *mm,
		     uint64_t *addr, uint64_t end, struct pte_run *run)
{
	const struct arch *a = m->arch;
	const int last = a->nr_levels - 1;
	uint64_t table = mm->pgd, span, stop;
	int level;

	if (*addr >= end)
		return false;
	for (level = 0; level < last; level++) {
		pte_t entry = entry_read(m, entry_pa(a, level, table, *addr));

		if (!entry)
			break;
		table = entry_table(m, entry);
	}
	span = 1ULL << a->level[level < last ? level : last - 1].shift;
	stop = (*addr & ~(span - 1)) + span;
	if (stop > end || stop < *addr)
		stop = end;
	run->addr = *addr;
	run->depth = level;
	run->pte_pa = level == last ? entry_pa(a, last, table, *addr) : 0;
	run->nr = level == last ? (uint32_t)((stop - *addr) >> PAGE_SHIFT) : 0;
	mm_poll(m, 1 + run->nr);
	*addr = stop;
	return true;
}

bool next_pte_run(const struct machine *m, const struct mm_struct *mm,
		  uint64_t *addr, uint64_t end, struct pte_run *run)
{
	while (next_table_span(m, mm, addr, end, run))
		if (run->nr)
			return true;
	return false;
}

struct freeing {
	mm_ref mm;
	uint64_t floor, ceiling;	/* ceiling 0: the top */
};

/* May the table that covers [start, start + span) go? */
static bool span_is_free(const struct freeing *f, uint64_t start, uint64_t span)
{
	return start >= f->floor &&
	       (f->ceiling == 0 || start + span - 1 <= f->ceiling - 1);
}

/* The tables below @table whose spans meet [start, end), deepest first. */
static void free_tables_below(struct step *s, const struct freeing *f,
			      int level, uint64_t table, uint64_t start,
			      uint64_t end)
{
	const struct arch *a = s->m->arch;
	const uint64_t span = 1ULL << a->level[level].shift;

	if (level == a->nr_levels - 2)
		mm_poll(s->m, 1 + (end - start) / span);
	for (uint64_t at = start; at < end; at = (at & ~(span - 1)) + span) {
		uint64_t entry_at = entry_pa(a, level, table, at);
		pte_t entry = entry_read(s->m, entry_at);
		uint64_t below, stop = (at & ~(span - 1)) + span;

		if (!entry)
			continue;
		below = entry_table(s->m, entry);
		if (level < a->nr_levels - 2)
			free_tables_below(s, f, level + 1, below, at,
					  stop < end ? stop : end);
		if (!span_is_free(f, stop - span, span) ||
		    (level == 0 && a->top_is_full))
			continue;
		set_pte(s, entry_at, 0);
		count_tables(s, f->mm, level, -1);
		trace_event(s, table_free, (uint64_t)level + 1,
			    below >> PAGE_SHIFT, stop - span);
		table_free(s, (pfn_t)(below >> PAGE_SHIFT));
	}
}

/*
 * Where a neighbour that stays shares the span of the only PTE table concerned,
 * that table stays, and with it all above it: their spans are larger.
 */
static bool neighbour_keeps_tables(const struct arch *a,
				   const struct freeing *f, uint64_t start,
				   uint64_t end)
{
	const uint64_t span = 1ULL << a->level[a->nr_levels - 2].shift;
	const uint64_t first = start & ~(span - 1);

	return end - first <= span && !span_is_free(f, first, span);
}

void free_pgtables(struct step *s, mm_ref mm, uint64_t start, uint64_t end,
		   uint64_t floor, uint64_t ceiling)
{
	const struct freeing f = { mm, floor, ceiling };

	MM_ASSERT(start <= end && end <= s->m->arch->task_size);
	if (neighbour_keeps_tables(s->m->arch, &f, start, end))
		return;
	free_tables_below(s, &f, 0, mm_at(s->m, mm)->pgd, start, end);
}

/* ---- the top ---- */

static uint64_t top_entries(const struct arch *a)
{
	return a->top_is_full ? 1ULL << a->level[0].bits : 0;
}

static bool fill_top(struct step *s, mm_ref mm)
{
	const struct arch *a = s->m->arch;

	for (uint64_t i = 0; i < top_entries(a); i++)
		if (!table_hang(s, mm, 0, mm_at(s->m, mm)->pgd +
					  (i << a->entry_shift),
				i << a->level[0].shift))
			return false;
	return true;
}

bool pgd_alloc(struct step *s, mm_ref mm)
{
	const pfn_t pfn = table_alloc(s);

	if (!pfn)
		return false;
	mm_mut(s, mm)->pgd = pfn_to_pa(pfn);
	if (fill_top(s, mm))
		return true;
	pgd_free(s, mm);
	return false;
}

void pgd_free(struct step *s, mm_ref mm)
{
	const struct arch *a = s->m->arch;
	const uint64_t pgd = mm_at(s->m, mm)->pgd;

	for (uint64_t i = 0; i < top_entries(a); i++) {
		const uint64_t at = pgd + (i << a->entry_shift);
		const pte_t entry = entry_read(s->m, at);

		if (!entry)
			continue;
		set_pte(s, at, 0);
		count_tables(s, mm, 0, -1);
		table_free(s, pte_pfn(s->m, entry));
	}
	MM_ASSERT(!mm_at(s->m, mm)->nr_tables);
	table_free(s, (pfn_t)(pgd >> PAGE_SHIFT));
}

int mm_walk(const struct machine *m, mm_ref mm, uint64_t addr,
	    struct mm_walk_level out[MM_WALK_LEVELS], pfn_t *pfn)
{
	const struct arch *a = m->arch;
	uint64_t table = mm_at(m, mm)->pgd;
	int level;

	*pfn = 0;
	for (level = 0; level < a->nr_levels; level++) {
		const struct arch_level *l = &a->level[level];
		struct mm_walk_level *step = &out[level];

		step->level = l->name;
		step->index = (uint32_t)(addr >> l->shift &
					 ((1ULL << l->bits) - 1));
		step->entry_at = table + ((uint64_t)step->index << a->entry_shift);
		step->entry = entry_read(m, step->entry_at);
		if (!pte_present(m, step->entry))
			return level + 1;
		if (level == a->nr_levels - 1)
			*pfn = pte_pfn(m, step->entry);
		table = pfn_to_pa(pte_pfn(m, step->entry));
	}
	return level;
}
