/* SPDX-License-Identifier: MIT */
/*
 * mremap: a mapping gets another size or another place. A move takes the page
 * table entries along, present, of the zero page or whatever they are, so no
 * page is touched and no fault follows; where both places are aligned to what a
 * table covers, the table itself changes its owner.
 *
 * Order of checks, what moves and what merges: mm/mremap.c, 6.18.
 */
#include "mmcore/mm/memory.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/vma.h"

/* One call on its way (struct vma_remap_struct). Bytes, page aligned. */
struct remap {
	mm_ref mm;
	vma_ref vma;
	uint64_t addr, old_len;
	uint64_t new_addr, new_len;
	uint64_t flags;		/* MREMAP_* */
	bool populate;		/* locked memory has grown */
};

static bool implies_new_addr(const struct remap *r)
{
	return r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
}

/* ---- page tables ---- */

/* From one place to another in the same address space. */
struct table_move {
	mm_ref mm;
	uint64_t from, to, end;	/* end: of the source */
};

/* How far both places run inside one span of @size bytes. */
static uint64_t extent(const struct table_move *t, uint64_t size)
{
	uint64_t left = size - (t->from & (size - 1));

	if (left > size - (t->to & (size - 1)))
		left = size - (t->to & (size - 1));
	return left < t->end - t->from ? left : t->end - t->from;
}

/* The entry at @level that covers @addr; its table must exist. */
static uint64_t upper_entry(const struct machine *m, mm_ref mm, uint64_t addr,
			    int level)
{
	struct mm_walk_level walk[MM_WALK_LEVELS];
	pfn_t pfn;

	mm_walk(m, mm, addr, walk, &pfn);
	return walk[level].entry_at;
}

/* The table below an entry at @level goes over whole. False: it may not. */
static bool move_table(struct step *s, const struct table_move *t, int level)
{
	const uint64_t size = 1ULL << s->m->arch->level[level].shift;
	uint64_t from, to;

	if (extent(t, size) != size ||
	    !upper_tables_alloc(s, t->mm, t->to, level))
		return false;
	from = upper_entry(s->m, t->mm, t->from, level);
	to = upper_entry(s->m, t->mm, t->to, level);
	if (!pte_none(entry_read(s->m, to)))
		return false;
	set_pte(s, to, entry_read(s->m, from));
	set_pte(s, from, 0);
	return true;
}

/* move_ptes(): the entries of one table, @len bytes worth. False: no RAM. */
static bool move_ptes(struct step *s, const struct table_move *t, uint64_t len)
{
	const uint8_t shift = s->m->arch->entry_shift;
	uint64_t from = pte_lookup(s->m, mm_at(s->m, t->mm), t->from);
	uint64_t to = pte_alloc_map(s, t->mm, t->to);

	if (!to)
		return false;
	for (uint64_t i = 0; i < len >> PAGE_SHIFT; i++) {
		pte_t pte = entry_read(s->m, from + (i << shift));

		if (pte_none(pte))
			continue;
		set_pte(s, to + (i << shift), pte);
		set_pte(s, from + (i << shift), 0);
	}
	return true;
}

/* What lies between @t->from and the next border. 0: no RAM. */
static uint64_t move_span(struct step *s, const struct table_move *t)
{
	const struct arch *a = s->m->arch;
	const int pmd = a->nr_levels - 2;	/* entries above PTE tables */
	const uint64_t pmd_size = 1ULL << a->level[pmd].shift;
	uint64_t at = t->from;
	struct pte_run run;

	next_table_span(s->m, mm_at(s->m, t->mm), &at, t->end, &run);
	if (run.depth < pmd)
		return at - t->from;
	if (pmd > 0 && move_table(s, t, pmd - 1))
		return 1ULL << a->level[pmd - 1].shift;
	if (!upper_tables_alloc(s, t->mm, t->to, pmd - (run.depth == pmd)))
		return 0;
	if (run.depth == pmd)
		return extent(t, pmd_size);
	if (move_table(s, t, pmd))
		return pmd_size;
	return move_ptes(s, t, extent(t, pmd_size)) ? extent(t, pmd_size) : 0;
}

/* How many bytes were moved; fewer than @len: RAM ran out. */
static uint64_t move_page_tables(struct step *s, mm_ref mm, uint64_t from,
				 uint64_t to, uint64_t len)
{
	struct table_move t = { mm, from, to, from + len };
	uint64_t n = 1;

	for (; t.from < t.end && n; t.from += n, t.to += n)
		n = move_span(s, &t);
	return t.from - from;
}

/* ---- moving ---- */

/* copy_vma(): the same mapping at another place. None: no RAM. */
static vma_ref copy_vma(struct step *s, const struct remap *r)
{
	const struct vm_area_struct *vma = vma_at(s->m, r->vma);
	struct vma_merge mg = {
		.mm = r->mm, .start = r->new_addr,
		.end = r->new_addr + r->new_len,
		.pgoff = linear_page_index(vma, r->addr),
		.vm_flags = vma->vm_flags, .file = vma->vm_file,
		.anon_vma = vma->anon_vma,
		.anon_vma_ident = vma->anon_vma_ident,
		.chain_multi = vma->chain_multi,
	};
	struct vm_area_struct *copy;
	vma_ref new;

	/* Memory nobody has seen is numbered anew: so it merges more often. */
	if (vma->vm_ops == VM_OPS_NONE && anon_vma_none(vma->anon_vma))
		mg.pgoff = r->new_addr >> PAGE_SHIFT;
	mg.next = find_vma_prev(s->m, r->mm, r->new_addr, &mg.prev);
	new = vma_merge_new_range(s, &mg);
	if (!vma_none(new))
		return new;
	new = vm_area_alloc(s, r->mm, mg.start);
	if (vma_none(new))
		return new;
	copy = vma_mut(s, new);
	*copy = *vma;
	copy->vm_start = mg.start;
	copy->vm_end = mg.end;
	copy->vm_pgoff = mg.pgoff;
	copy->anon_vma_node = (struct list_head){ 0 };
	if (!file_none(copy->vm_file))
		get_file(s, copy->vm_file);
	vma_link_between(s, r->mm, new, mg.prev, mg.next);
	return new;
}

/* The pages that will be promised on top; 0, or -ENOMEM, told. */
static int64_t charge_remap(struct step *s, const struct remap *r,
			    uint64_t *pages)
{
	*pages = 0;
	if (!(vma_at(s->m, r->vma)->vm_flags & VM_ACCOUNT))
		return 0;
	if (r->flags & MREMAP_DONTUNMAP)
		*pages = r->new_len >> PAGE_SHIFT;
	else if (r->new_len > r->old_len)
		*pages = (r->new_len - r->old_len) >> PAGE_SHIFT;
	return *pages ? security_vm_enough_memory(s, r->mm, *pages) : 0;
}

static void account_remap(struct step *s, const struct remap *r,
			  uint64_t vm_flags, uint64_t bytes)
{
	const uint64_t pages = bytes >> PAGE_SHIFT;

	vm_stat_account(s, r->mm, vm_flags, vma_at(s->m, r->vma)->vm_file,
			(int64_t)pages);
	if (vm_flags & VM_LOCKED)
		mm_mut(s, r->mm)->locked_vm += pages;
}

/*
 * The source goes. Its promise has moved with it: while it is unmapped the VMA
 * promises nothing, and what stays of it does so again afterwards.
 */
static void unmap_source(struct step *s, const struct remap *r)
{
	const uint64_t end = r->addr + r->old_len;
	struct vm_area_struct *vma = vma_mut(s, r->vma);
	const uint64_t vm_start = vma->vm_start, vm_end = vma->vm_end;
	const bool accounted = vma->vm_flags & VM_ACCOUNT;
	const char *why = s->res->why;
	int64_t err = 0;

	if (!r->old_len)
		return;
	if (accounted)
		vma->vm_flags &= ~VM_ACCOUNT;
	err = do_munmap(s, r->mm, r->addr, r->old_len);
	if (err && accounted) {
		/* It stays mapped where it was: promised twice. */
		kernel_mut(s)->vm_committed_space += r->old_len >> PAGE_SHIFT;
	}
	s->res->why = why;
	if (!accounted)
		return;
	if (vm_start < r->addr)
		vma_mut(s, vma_lookup(s->m, r->mm, r->addr - 1))->vm_flags |=
			VM_ACCOUNT;
	if (vm_end > end || err)
		vma_mut(s, vma_lookup(s->m, r->mm, err ? r->addr : end))
			->vm_flags |= VM_ACCOUNT;
}

/*
 * MREMAP_DONTUNMAP: the source stays, empty and unlocked. D-008: Linux 6.18
 * clears the flag and goes on counting the pages in locked_vm.
 */
static void leave_source(struct step *s, const struct remap *r, vma_ref new)
{
	struct vm_area_struct *vma = vma_mut(s, r->vma);

	if (vma->vm_flags & VM_LOCKED)
		mm_mut(s, r->mm)->locked_vm -= vma_pages(vma);
	vma->vm_flags &= ~VM_LOCKED_MASK;
	if (!vma_same(new, r->vma) && r->addr == vma->vm_start &&
	    r->addr + r->old_len == vma->vm_end && !anon_vma_none(vma->anon_vma))
		anon_vma_unlink(s, r->vma);
}

/* prep_move_vma(): some room in map_count, and nothing that cannot be cut. */
static int64_t check_move(struct step *s, const struct remap *r)
{
	const struct vm_area_struct *vma = vma_at(s->m, r->vma);

	if ((uint64_t)mm_at(s->m, r->mm)->map_count + 3 >=
	    kernel_at(s->m)->max_map_count)
		return refuse(s, ENOMEM, "map_count is within three of vm.max_map_count");
	if (vma->vm_ops == VM_OPS_SPECIAL &&
	    (vma->vm_start != r->addr || vma->vm_end != r->addr + r->old_len))
		return refuse(s, EINVAL, "a special mapping cannot be split");
	return 0;
}

/* The copy could not be filled: everything back, and the copy goes. */
static int64_t undo_move(struct step *s, const struct remap *r, uint64_t moved)
{
	struct remap back = *r;

	move_page_tables(s, r->mm, r->new_addr, r->addr, moved);
	back.addr = r->new_addr;
	back.old_len = r->new_len;
	back.vma = vma_lookup(s->m, r->mm, r->new_addr);
	unmap_source(s, &back);
	return refuse(s, ENOMEM, "no memory for the page tables of the new place");
}

static int64_t move_vma(struct step *s, struct remap *r)
{
	const uint64_t vm_flags = vma_at(s->m, r->vma)->vm_flags;
	const uint64_t hiwater_vm = mm_at(s->m, r->mm)->hiwater_vm;
	uint64_t charged, moved;
	int64_t err = check_move(s, r);
	vma_ref new;

	if (!err)
		err = charge_remap(s, r, &charged);
	if (err)
		return err;
	new = copy_vma(s, r);
	if (vma_none(new)) {
		vm_unacct_memory(s, charged);
		return refuse(s, ENOMEM, "no memory for a vm_area_struct");
	}
	/* The source may have become one with the copy. */
	r->vma = vma_lookup(s->m, r->mm, r->addr);
	account_remap(s, r, vm_flags, r->new_len);
	moved = move_page_tables(s, r->mm, r->addr, r->new_addr, r->old_len);
	trace_event(s, move_vma, r->addr, r->new_addr, r->new_len);
	if (moved < r->old_len) {
		err = undo_move(s, r, moved);
		vm_unacct_memory(s, charged);
	} else if (r->flags & MREMAP_DONTUNMAP) {
		leave_source(s, r, new);
	} else {
		unmap_source(s, r);
	}
	mm_mut(s, r->mm)->hiwater_vm = hiwater_vm;
	return err ? err : (int64_t)r->new_addr;
}

/* vrm_set_new_addr(): where the copy goes; 0, or a negative errno, told. */
static int64_t choose_place(struct step *s, struct remap *r)
{
	const struct vm_area_struct *vma = vma_at(s->m, r->vma);
	const uint64_t pgoff = linear_page_index(vma, r->addr);
	const uint64_t flags = (r->flags & MREMAP_FIXED ? MAP_FIXED : 0) |
			       (vma->vm_flags & VM_MAYSHARE ? MAP_SHARED : 0);
	int64_t place = get_unmapped_area(s, r->mm, vma->vm_file,
					  implies_new_addr(r) ? r->new_addr : 0,
					  r->new_len, pgoff, flags);

	if (place < 0)
		return place;
	r->new_addr = (uint64_t)place;
	return 0;
}

/* ---- growing and shrinking ---- */

static int64_t shrink(struct step *s, const struct remap *r)
{
	return do_munmap(s, r->mm, r->addr + r->new_len,
			 r->old_len - r->new_len);
}

/* vma_expandable(): is what follows the VMA free, and user space? */
static bool expandable(struct step *s, const struct remap *r)
{
	const struct vm_area_struct *vma = vma_at(s->m, r->vma);
	const uint64_t end = vma->vm_end + (r->new_len - r->old_len);
	bool ok;

	if (vma->vm_end - r->addr != r->old_len || end < vma->vm_end ||
	    !vma_none(find_vma_intersection(s->m, r->mm, vma->vm_end, end)))
		return false;
	ok = get_unmapped_area(s, r->mm, file_make(0), vma->vm_start,
			       end - vma->vm_start, 0, MAP_FIXED) >= 0;
	s->res->why = NULL;
	return ok;
}

/* vma_merge_extend(): the VMA grows, and takes what it then touches along. */
static int64_t expand_in_place(struct step *s, const struct remap *r)
{
	const struct vm_area_struct *vma = vma_at(s->m, r->vma);
	const uint64_t delta = r->new_len - r->old_len;
	const struct vma_merge mg = {
		.mm = r->mm, .prev = r->vma, .next = vma->vm_next,
		.start = vma->vm_end, .end = vma->vm_end + delta,
		.pgoff = vma->vm_pgoff + vma_pages(vma),
		.vm_flags = vma->vm_flags, .file = vma->vm_file,
		.anon_vma = vma->anon_vma,
		.anon_vma_ident = vma->anon_vma_ident,
		/* No chain_multi: 6.18 asks nobody here whether it was forked. */
	};
	uint64_t charged;
	int64_t err = charge_remap(s, r, &charged);

	if (err)
		return err;
	if (vma_none(vma_merge_new_range(s, &mg))) {
		vm_unacct_memory(s, charged);
		return refuse(s, ENOMEM, "the mapping may not grow");
	}
	account_remap(s, r, mg.vm_flags, delta);
	return (int64_t)r->addr;
}

static int64_t expand(struct step *s, struct remap *r)
{
	int64_t err;

	if (expandable(s, r))
		return expand_in_place(s, r);
	if (!(r->flags & MREMAP_MAYMOVE))
		return refuse(s, ENOMEM,
			      "what follows is not free, and MREMAP_MAYMOVE is not given");
	err = choose_place(s, r);
	return err ? err : move_vma(s, r);
}

/* ---- the call ---- */

/* check_mremap_params() */
static int64_t check_params(struct step *s, const struct remap *r)
{
	const uint64_t task_size = mm_at(s->m, r->mm)->task_size;

	if (r->flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED |
				   MREMAP_DONTUNMAP))
		return refuse(s, EINVAL, "flags has an unknown bit");
	if (r->addr & ~PAGE_MASK)
		return refuse(s, EINVAL, "addr is not a multiple of the page size");
	if (!r->new_len)
		return refuse(s, EINVAL, "new_len is 0");
	if (r->new_len > task_size)
		return refuse(s, EINVAL, "new_len exceeds the address space");
	if (!implies_new_addr(r))
		return 0;
	if (r->new_addr > task_size - r->new_len)
		return refuse(s, EINVAL, "the new range is not in user space");
	if (r->new_addr & ~PAGE_MASK)
		return refuse(s, EINVAL, "new_addr is not a multiple of the page size");
	if (!(r->flags & MREMAP_MAYMOVE))
		return refuse(s, EINVAL, "a new address needs MREMAP_MAYMOVE");
	if (r->flags & MREMAP_DONTUNMAP && r->old_len != r->new_len)
		return refuse(s, EINVAL, "MREMAP_DONTUNMAP keeps the length");
	if (r->addr + r->old_len > r->new_addr &&
	    r->new_addr + r->new_len > r->addr)
		return refuse(s, EINVAL, "the old and the new range overlap");
	if ((uint64_t)mm_at(s->m, r->mm)->map_count + 2 >=
	    kernel_at(s->m)->max_map_count - 3)
		return refuse(s, ENOMEM, "map_count is too near vm.max_map_count");
	return 0;
}

/* What growing asks for on top. */
static int64_t check_growth(struct step *s, struct remap *r,
			    const struct vm_area_struct *vma)
{
	const uint64_t pgoff = linear_page_index(vma, r->addr);
	const uint64_t delta = r->new_len - r->old_len;

	r->populate = vma->vm_flags & VM_LOCKED;
	if (ulong_of(s->m, pgoff + (r->new_len >> PAGE_SHIFT)) < pgoff)
		return refuse(s, EINVAL, "the offset in the file overflows");
	if (vma->vm_flags & (VM_DONTEXPAND | VM_PFNMAP))
		return refuse(s, EFAULT, "the mapping may not grow");
	if (!mlock_future_ok(s, r->mm, vma->vm_flags, delta))
		return refuse(s, EAGAIN, "locked memory would exceed RLIMIT_MEMLOCK");
	if (!may_expand_vm(s, r->mm, vma->vm_flags, delta >> PAGE_SHIFT))
		return refuse(s, ENOMEM, exceeded_limit(s, r->mm,
							delta >> PAGE_SHIFT));
	return 0;
}

/* check_prep_vma(): what the VMA at addr says to it. */
static int64_t check_vma(struct step *s, struct remap *r)
{
	const bool grows = r->new_len > r->old_len;
	const uint64_t len = grows ? r->old_len : r->new_len;
	const struct vm_area_struct *vma;

	if (vma_none(r->vma) || vma_at(s->m, r->vma)->vm_start > r->addr)
		return refuse(s, EFAULT, "nothing is mapped at addr");
	vma = vma_at(s->m, r->vma);
	if (vma->vm_flags & VM_SEALED)
		return refuse(s, EPERM, "the mapping is sealed");
	if (!implies_new_addr(r))
		r->new_addr = r->addr;
	if (!grows && !implies_new_addr(r))
		return 0;
	if (!r->old_len && !(vma->vm_flags & (VM_SHARED | VM_MAYSHARE)))
		return refuse(s, EINVAL, "old_len is 0: a private mapping cannot be had twice");
	if (r->flags & MREMAP_DONTUNMAP &&
	    vma->vm_flags & (VM_DONTEXPAND | VM_PFNMAP))
		return refuse(s, EINVAL, "MREMAP_DONTUNMAP: the mapping may not grow");
	if (len > vma->vm_end - r->addr)
		return refuse(s, EFAULT, "the old range is not of one mapping");
	return grows ? check_growth(s, r, vma) : 0;
}

/* mremap_to(): MREMAP_FIXED, MREMAP_DONTUNMAP. */
static int64_t mremap_to(struct step *s, struct remap *r)
{
	int64_t err;

	if (r->flags & MREMAP_FIXED) {
		err = do_munmap(s, r->mm, r->new_addr, r->new_len);
		if (err)
			return err;
		r->vma = vma_lookup(s->m, r->mm, r->addr);
		if (vma_none(r->vma) ||
		    vma_at(s->m, r->vma)->vm_start > r->addr)
			return refuse(s, EFAULT, "nothing is mapped at addr any more");
	}
	if (r->new_len < r->old_len) {
		err = shrink(s, r);
		if (err)
			return err;
		r->old_len = r->new_len;
		r->vma = vma_lookup(s->m, r->mm, r->addr);
	}
	if (r->flags & MREMAP_DONTUNMAP &&
	    !may_expand_vm(s, r->mm, vma_at(s->m, r->vma)->vm_flags,
			   r->old_len >> PAGE_SHIFT))
		return refuse(s, ENOMEM, exceeded_limit(s, r->mm, r->old_len >>
								  PAGE_SHIFT));
	err = choose_place(s, r);
	return err ? err : move_vma(s, r);
}

/* remap_move(): all VMAs of the range, which keep their distances. */
static int64_t move_range(struct step *s, const struct remap *whole)
{
	const uint64_t end = whole->addr + whole->old_len;
	uint64_t at = whole->addr, target = whole->new_addr;
	int64_t first = -1;

	while (at < end) {
		struct remap r = *whole;
		const struct vm_area_struct *vma;
		int64_t ret;

		mm_poll(s->m, 1);
		r.vma = vma_lookup(s->m, r.mm, at);
		vma = vma_none(r.vma) ? NULL : vma_at(s->m, r.vma);
		if (!vma || vma->vm_start >= end)
			break;
		if (first < 0 && vma->vm_start > at)
			return refuse(s, EFAULT, "nothing is mapped at addr");
		r.addr = vma->vm_start > at ? vma->vm_start : at;
		r.new_addr = target + (r.addr - at);
		r.old_len = (vma->vm_end < end ? vma->vm_end : end) - r.addr;
		r.new_len = r.old_len;
		at = r.addr + r.old_len;
		ret = check_vma(s, &r);
		if (!ret)
			ret = mremap_to(s, &r);
		if (ret < 0)
			return ret;
		first = first < 0 ? ret : first;
		target = (uint64_t)ret + r.new_len;
	}
	return first < 0 ? refuse(s, EFAULT, "nothing is mapped in the range")
			 : first;
}

static int64_t do_mremap(struct step *s, struct remap *r)
{
	int64_t err = check_params(s, r);

	if (err)
		return err;
	if (r->flags & MREMAP_FIXED && r->old_len == r->new_len)
		return move_range(s, r);
	r->vma = vma_lookup(s->m, r->mm, r->addr);
	err = check_vma(s, r);
	if (err)
		return err;
	if (implies_new_addr(r))
		return mremap_to(s, r);
	if (r->new_len > r->old_len)
		return expand(s, r);
	err = r->new_len < r->old_len ? shrink(s, r) : 0;
	return err ? err : (int64_t)r->addr;
}

int64_t sys_mremap(struct step *s, const struct op_mremap *a)
{
	struct remap r = {
		.mm = current_mm(s), .addr = a->addr,
		.old_len = ulong_of(s->m, PAGE_ALIGN(a->old_len)),
		.new_addr = a->new_addr,
		.new_len = ulong_of(s->m, PAGE_ALIGN(a->new_len)),
		.flags = a->flags,
	};
	const uint64_t old_len = r.old_len;
	int64_t ret = do_mremap(s, &r);

	if (ret >= 0 && r.populate)
		make_pages_present(s, r.mm, (uint64_t)ret + old_len,
				   (uint64_t)ret + r.new_len);
	return ret;
}
