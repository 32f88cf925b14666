/* SPDX-License-Identifier: MIT */
/*
 * The VMAs of an address space: a list sorted by address, mm_rb, a red-black
 * tree keyed by vm_start, the index (vma_index.c), which answers what is where
 * and where nothing is, and their number, map_count. All four change together,
 * in the first section below and nowhere else.
 *
 * Merging. Linux has eight cases; they are three questions. Does the range
 * join the VMA before it, does it join the one after it, and does it leave
 * something of the VMA it was part of? Whoever grows keeps its identity; the
 * left one grows where both could. What makes two ranges joinable is in
 * can_merge_left() and can_merge_right(), and the hard part of it is the
 * anon_vma: see anon_vma_compatible().
 */
#include "mmcore/lib/interval_tree.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/vma.h"
#include "mmcore/mm/vma_index.h"

/* ---- list and tree ---- */

static uint64_t vma_node(vma_ref vma)
{
	return vma.pa + offsetof(struct vm_area_struct, vm_rb);
}

static uint64_t mm_rb_pa(mm_ref mm)
{
	return mm.pa + offsetof(struct mm_struct, mm_rb);
}

static uint64_t vma_end(const struct machine *m, vma_ref vma)
{
	return vma_none(vma) ? 0 : vma_at(m, vma)->vm_end;
}

static bool contains(const struct machine *m, vma_ref vma, uint64_t addr)
{
	return !vma_none(vma) && vma_at(m, vma)->vm_start <= addr &&
	       addr < vma_at(m, vma)->vm_end;
}

vma_ref find_vma_prev(const struct machine *m, mm_ref mm, uint64_t addr,
		      vma_ref *prev)
{
	return vma_index_find(m, mm, addr, prev);
}

vma_ref vma_lookup(const struct machine *m, mm_ref mm, uint64_t addr)
{
	vma_ref cached = mm_at(m, mm)->mmap_cache, prev;

	if (contains(m, cached, addr))
		return cached;
	return find_vma_prev(m, mm, addr, &prev);
}

vma_ref find_vma(struct step *s, mm_ref mm, uint64_t addr)
{
	vma_ref vma = vma_lookup(s->m, mm, addr);

	if (!vma_none(vma) && !vma_same(vma, mm_at(s->m, mm)->mmap_cache))
		mm_mut(s, mm)->mmap_cache = vma;
	return vma;
}

vma_ref find_vma_intersection(const struct machine *m, mm_ref mm,
			      uint64_t start, uint64_t end)
{
	vma_ref vma = vma_lookup(m, mm, start);

	if (!vma_none(vma) && vma_at(m, vma)->vm_start >= end)
		return vma_make(0);
	return vma;
}

/* Two neighbours in order have one free link between them: hang it there. */
static void rb_insert(struct step *s, mm_ref mm, vma_ref vma, vma_ref prev,
		      vma_ref next)
{
	uint64_t parent = 0, link = mm_rb_pa(mm);

	if (!vma_none(prev) && !vma_at(s->m, prev)->vm_rb.rb_right) {
		parent = vma_node(prev);
		link = parent + offsetof(struct rb_node, rb_right);
	} else if (!vma_none(next)) {
		parent = vma_node(next);
		link = parent + offsetof(struct rb_node, rb_left);
	}
	rb_link_node(s, vma_node(vma), parent, link);
	rb_insert_color(s, vma_node(vma), mm_rb_pa(mm), NULL);
}

uint64_t vma_page_prot(const struct machine *m,
		       const struct vm_area_struct *vma)
{
	const uint64_t shared_write = VM_SHARED | VM_WRITE;
	const uint64_t flags = vma->vm_flags;

	if ((flags & shared_write) == shared_write &&
	    vma_ops(vma)->page_mkwrite)
		return vm_get_page_prot(m, flags & ~VM_SHARED);
	return vm_get_page_prot(m, flags);
}

static bool shared_maywrite(uint64_t vm_flags)
{
	return (~vm_flags & (VM_SHARED | VM_MAYWRITE)) == 0;
}

/* Two structures refer back to a VMA: its file's i_mmap, its anon_vma's list. */
static void link_backing(struct step *s, vma_ref ref)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	mapping_ref mapping;

	if (!anon_vma_none(vma->anon_vma))
		anon_vma_link(s, ref);
	if (file_none(vma->vm_file))
		return;
	mapping = file_at(s->m, vma->vm_file)->f_mapping;
	vma_interval_tree_insert(s, ref, mapping);
	if (shared_maywrite(vma->vm_flags))
		mapping_mut(s, mapping)->i_mmap_writable++;
}

static void unlink_file(struct step *s, vma_ref ref)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	mapping_ref mapping = file_at(s->m, vma->vm_file)->f_mapping;

	vma_interval_tree_remove(s, ref, mapping);
	if (shared_maywrite(vma->vm_flags))
		mapping_mut(s, mapping)->i_mmap_writable--;
}

vma_ref vm_area_alloc(struct step *s, mm_ref mm, uint64_t addr)
{
	vma_ref vma = vma_make(kmem_cache_alloc(s, CACHE_VMA));

	if (vma_none(vma) || vma_index_prealloc(s, mm, addr))
		return vma;
	kmem_cache_free(s, CACHE_VMA, vma.pa);
	return vma_make(0);
}

/* Everything but the index. */
static void link_lists(struct step *s, mm_ref mm, vma_ref ref, vma_ref prev,
		       vma_ref next)
{
	struct vm_area_struct *vma = vma_mut(s, ref);
	struct mm_struct *mms = mm_mut(s, mm);

	vma->vm_prev = prev;
	vma->vm_next = next;
	if (vma_none(prev))
		mms->mmap = ref;
	else
		vma_mut(s, prev)->vm_next = ref;
	if (vma_none(next))
		mms->highest_vm_end = vma->vm_end;
	else
		vma_mut(s, next)->vm_prev = ref;
	rb_insert(s, mm, ref, prev, next);
	mms->map_count++;
	link_backing(s, ref);
}

void vma_link_between(struct step *s, mm_ref mm, vma_ref vma, vma_ref prev,
		      vma_ref next)
{
	link_lists(s, mm, vma, prev, next);
	vma_index_insert(s, mm, vma);
}

void vma_link(struct step *s, mm_ref mm, vma_ref vma)
{
	vma_ref prev, next;

	next = find_vma_prev(s->m, mm, vma_at(s->m, vma)->vm_start, &prev);
	MM_ASSERT(vma_none(next) ||
		  vma_at(s->m, vma)->vm_end <= vma_at(s->m, next)->vm_start);
	vma_link_between(s, mm, vma, prev, next);
}

void vma_append(struct step *s, mm_ref mm, vma_ref vma)
{
	vma_ref prev;

	MM_ASSERT(mm_at(s->m, mm)->highest_vm_end <=
		  vma_at(s->m, vma)->vm_start);
	find_vma_prev(s->m, mm, vma_at(s->m, vma)->vm_start, &prev);
	vma_link_between(s, mm, vma, prev, vma_make(0));
}

void vma_unlink(struct step *s, mm_ref mm, vma_ref ref)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	struct mm_struct *mms = mm_mut(s, mm);
	vma_ref prev = vma->vm_prev, next = vma->vm_next;

	MM_ASSERT(mm_same(vma->vm_mm, mm) && mms->map_count > 0);
	if (vma_none(prev))
		mms->mmap = next;
	else
		vma_mut(s, prev)->vm_next = next;
	if (vma_none(next))
		mms->highest_vm_end = vma_end(s->m, prev);
	else
		vma_mut(s, next)->vm_prev = prev;
	rb_erase(s, vma_node(ref), mm_rb_pa(mm), NULL);
	vma_index_erase(s, mm, vma->vm_end);
	mms->map_count--;
	if (vma_same(mms->mmap_cache, ref))
		mms->mmap_cache = prev;
}

void remove_vma(struct step *s, vma_ref ref)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);

	if (!file_none(vma->vm_file)) {
		unlink_file(s, ref);
		fput(s, vma->vm_file);
	}
	if (!anon_vma_none(vma->anon_vma))
		anon_vma_unlink(s, ref);
	kmem_cache_free(s, CACHE_VMA, ref.pa);
}

static void hide_from_file(struct step *s, vma_ref ref)
{
	const file_ref file = vma_at(s->m, ref)->vm_file;

	if (!file_none(file))
		vma_interval_tree_remove(s, ref, file_at(s->m, file)->f_mapping);
}

static void show_to_file(struct step *s, vma_ref ref)
{
	const file_ref file = vma_at(s->m, ref)->vm_file;

	if (!file_none(file))
		vma_interval_tree_insert(s, ref, file_at(s->m, file)->f_mapping);
}

/* Its ends move, without passing a neighbour, and vm_pgoff with the first. */
static void set_range(struct step *s, mm_ref mm, vma_ref ref, uint64_t start,
		      uint64_t end)
{
	struct vm_area_struct *vma = vma_mut(s, ref);

	hide_from_file(s, ref);
	vma_index_move(s, mm, vma->vm_end, start, end);
	vma->vm_pgoff += (uint64_t)((int64_t)(start - vma->vm_start) >>
				    PAGE_SHIFT);
	vma->vm_start = start;
	vma->vm_end = end;
	show_to_file(s, ref);
	if (vma_none(vma->vm_next))
		mm_mut(s, mm)->highest_vm_end = end;
}

/* ---- splitting ---- */

int64_t split_vma(struct step *s, mm_ref mm, vma_ref ref, uint64_t addr)
{
	struct vm_area_struct *vma = vma_mut(s, ref), *upper;
	vma_ref new;

	MM_ASSERT(vma->vm_start < addr && addr < vma->vm_end);
	MM_ASSERT(!(addr & ~PAGE_MASK));
	if (vma->vm_ops == VM_OPS_SPECIAL)
		return refuse(s, EINVAL, "a special mapping cannot be split");
	new = vm_area_alloc(s, mm, vma->vm_start);
	if (vma_none(new))
		return refuse(s, ENOMEM, "no memory for a vm_area_struct");
	trace_event(s, split_vma, vma->vm_start, addr, vma->vm_end);
	upper = vma_mut(s, new);
	*upper = *vma;
	upper->vm_start = addr;
	upper->vm_pgoff += (addr - vma->vm_start) >> PAGE_SHIFT;
	upper->anon_vma_node = (struct list_head){ 0 };
	hide_from_file(s, ref);
	if (!file_none(upper->vm_file))
		get_file(s, upper->vm_file);
	vma_index_split(s, mm, ref, new, addr);
	vma->vm_end = addr;
	show_to_file(s, ref);
	link_lists(s, mm, new, ref, upper->vm_next);
	return 0;
}

/* Splits by a change of flags, unlike those of munmap, are all counted. */
static int64_t split_counted(struct step *s, mm_ref mm, vma_ref vma,
			     uint64_t addr)
{
	if ((uint64_t)mm_at(s->m, mm)->map_count >=
	    kernel_at(s->m)->max_map_count)
		return refuse(s, ENOMEM,
			      "splitting a VMA: map_count has reached vm.max_map_count");
	return split_vma(s, mm, vma, addr);
}

/* ---- merging ---- */

/*
 * Pages find their VMAs through the anon_vma. Today's Linux gives each process
 * of a family an anon_vma of its own and chains a forked VMA to its ancestors'
 * as well; two VMAs may become one only if that loses no chain. So: both have
 * the same anon_vma, or neither has one, or only one has and is chained to no
 * ancestor (the other then takes it over). In 2.6.17, with one anon_vma a
 * family and no chains, the last case needed no condition.
 */
static bool anon_vma_compatible(const struct vm_area_struct *vma,
				const struct vma_merge *mg)
{
	bool has = !anon_vma_none(vma->anon_vma);
	bool wants = !anon_vma_none(mg->anon_vma);

	if (has != wants)
		return has ? !vma->chain_multi : !mg->chain_multi;
	return anon_vma_same(vma->anon_vma, mg->anon_vma) &&
	       vma->anon_vma_ident == mg->anon_vma_ident;
}

static bool same_kind(const struct vm_area_struct *vma,
		      const struct vma_merge *mg)
{
	return !((vma->vm_flags ^ mg->vm_flags) & ~VM_STICKY) &&
	       file_same(vma->vm_file, mg->file) &&
	       anon_vma_compatible(vma, mg);
}

static bool can_merge_left(const struct machine *m, const struct vma_merge *mg)
{
	const struct vm_area_struct *prev;

	if (vma_none(mg->prev) || mg->vm_flags & VM_SPECIAL)
		return false;
	prev = vma_at(m, mg->prev);
	return prev->vm_end == mg->start &&
	       prev->vm_pgoff + vma_pages(prev) == mg->pgoff &&
	       same_kind(prev, mg);
}

/* @left: the range joins its left side too, so both sides must agree. */
static bool can_merge_right(const struct machine *m, const struct vma_merge *mg,
			    bool left)
{
	const struct vm_area_struct *prev, *next;

	if (vma_none(mg->next) || mg->vm_flags & VM_SPECIAL)
		return false;
	next = vma_at(m, mg->next);
	if (mg->end != next->vm_start || !same_kind(next, mg) ||
	    mg->pgoff + ((mg->end - mg->start) >> PAGE_SHIFT) != next->vm_pgoff)
		return false;
	if (!left)
		return true;
	prev = vma_at(m, mg->prev);
	return anon_vma_none(prev->anon_vma) || anon_vma_none(next->anon_vma) ||
	       (anon_vma_same(prev->anon_vma, next->anon_vma) &&
		prev->anon_vma_ident == next->anon_vma_ident);
}

/* The survivor @to takes the anon_vma over from what it absorbs. */
static void dup_anon_vma(struct step *s, vma_ref to, vma_ref from)
{
	const struct vm_area_struct *src = vma_at(s->m, from);
	struct vm_area_struct *dst = vma_mut(s, to);

	if (anon_vma_none(src->anon_vma) || !anon_vma_none(dst->anon_vma))
		return;
	dst->anon_vma = src->anon_vma;
	dst->anon_vma_ident = src->anon_vma_ident;
	dst->chain_multi = src->chain_multi;
	anon_vma_link(s, to);
}

static void absorb(struct step *s, mm_ref mm, vma_ref vma)
{
	vma_unlink(s, mm, vma);
	remove_vma(s, vma);
}

static void move_end(struct step *s, mm_ref mm, vma_ref vma, uint64_t end)
{
	set_range(s, mm, vma, vma_at(s->m, vma)->vm_start, end);
}

static void move_start(struct step *s, mm_ref mm, vma_ref vma, uint64_t start)
{
	set_range(s, mm, vma, start, vma_at(s->m, vma)->vm_end);
}

/* Two VMAs touch; the border between them moves. */
static void move_border(struct step *s, mm_ref mm, vma_ref lower,
			vma_ref upper, uint64_t addr)
{
	if (addr < vma_at(s->m, upper)->vm_start) {
		move_end(s, mm, lower, addr);
		move_start(s, mm, upper, addr);
	} else {
		move_start(s, mm, upper, addr);
		move_end(s, mm, lower, addr);
	}
}

/* The VMA that grows takes over the flags of VM_STICKY. */
static uint64_t sticky_flags(const struct machine *m,
			     const struct vma_merge *mg, bool left, bool right)
{
	uint64_t flags = mg->vm_flags;

	if (left)
		flags |= vma_at(m, mg->prev)->vm_flags;
	if (right)
		flags |= vma_at(m, mg->next)->vm_flags;
	return flags & VM_STICKY;
}

vma_ref vma_merge_new_range(struct step *s, const struct vma_merge *mg)
{
	bool left = can_merge_left(s->m, mg);
	bool right = can_merge_right(s->m, mg, left);
	uint64_t end = mg->end;

	if (!left && !right)
		return vma_make(0);
	trace_event(s, vma_merge, mg->start, mg->end, left, right);
	vma_mut(s, left ? mg->prev : mg->next)->vm_flags |=
		sticky_flags(s->m, mg, left, right);
	if (!left) {
		move_start(s, mg->mm, mg->next, mg->start);
		return mg->next;
	}
	if (right) {
		end = vma_at(s->m, mg->next)->vm_end;
		dup_anon_vma(s, mg->prev, mg->next);
		absorb(s, mg->mm, mg->next);
	}
	move_end(s, mg->mm, mg->prev, end);
	return mg->prev;
}

/* The range joins its left side, and if @right its right side as well. */
static vma_ref merge_into_prev(struct step *s, const struct vma_merge *mg,
			       vma_ref middle, bool right)
{
	uint64_t end = mg->end;

	if (mg->end < vma_at(s->m, middle)->vm_end) {
		dup_anon_vma(s, mg->prev, middle);
		move_border(s, mg->mm, mg->prev, middle, mg->end);
		return mg->prev;
	}
	if (right) {
		end = vma_at(s->m, mg->next)->vm_end;
		dup_anon_vma(s, mg->prev, mg->next);
		absorb(s, mg->mm, mg->next);
	}
	dup_anon_vma(s, mg->prev, middle);
	absorb(s, mg->mm, middle);
	move_end(s, mg->mm, mg->prev, end);
	return mg->prev;
}

static vma_ref merge_into_next(struct step *s, const struct vma_merge *mg,
			       vma_ref middle)
{
	dup_anon_vma(s, mg->next, middle);
	if (mg->start > vma_at(s->m, middle)->vm_start) {
		move_border(s, mg->mm, middle, mg->next, mg->start);
		return mg->next;
	}
	absorb(s, mg->mm, middle);
	move_start(s, mg->mm, mg->next, mg->start);
	return mg->next;
}

/* Part or all of the VMA @middle gets other flags: whom does it join? */
static vma_ref vma_merge_existing_range(struct step *s,
					const struct vma_merge *mg,
					vma_ref middle)
{
	const struct vm_area_struct *vma = vma_at(s->m, middle);
	bool left, right;

	left = mg->start == vma->vm_start && can_merge_left(s->m, mg);
	right = mg->end == vma->vm_end && can_merge_right(s->m, mg, left);
	if (!left && !right)
		return vma_make(0);
	trace_event(s, vma_merge, mg->start, mg->end, left, right);
	vma_mut(s, left ? mg->prev : mg->next)->vm_flags |=
		sticky_flags(s->m, mg, left, right);
	if (left)
		return merge_into_prev(s, mg, middle, right);
	return merge_into_next(s, mg, middle);
}

vma_ref vma_modify_flags(struct step *s, mm_ref mm, vma_ref ref,
			 uint64_t start, uint64_t end, uint64_t new_flags,
			 int64_t *err)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	const struct vma_merge mg = {
		.mm = mm, .prev = vma->vm_prev, .next = vma->vm_next,
		.start = start, .end = end, .vm_flags = new_flags,
		.pgoff = vma->vm_pgoff + ((start - vma->vm_start) >> PAGE_SHIFT),
		.file = vma->vm_file, .anon_vma = vma->anon_vma,
		.anon_vma_ident = vma->anon_vma_ident,
		.chain_multi = vma->chain_multi,
	};
	vma_ref merged;

	MM_ASSERT(vma->vm_start <= start && start < end && end <= vma->vm_end);
	merged = vma_merge_existing_range(s, &mg, ref);
	if (!vma_none(merged))
		return merged;
	if (vma->vm_start < start) {
		*err = split_counted(s, mm, ref, start);
		if (*err)
			return vma_make(0);
		ref = vma_at(s->m, ref)->vm_next;
	}
	if (vma_at(s->m, ref)->vm_end > end) {
		*err = split_counted(s, mm, ref, end);
		if (*err)
			return vma_make(0);
	}
	return ref;
}

/* ---- room ---- */

/*
 * A gap that only fits by using a stack's guard gap does not count. Linux then
 * searches again from the guard's lower end, even where that lies below the
 * VMA that the stack would have run into; so do we.
 */
static int64_t unmapped_area_topdown(const struct machine *m, mm_ref mm,
				     uint64_t low, uint64_t high, uint64_t len,
				     vma_ref *next)
{
	for (;;) {
		uint64_t end = vma_index_highest_gap(m, mm, low, high, len,
						     next);

		if (!end)
			return -ENOMEM;
		if (vma_none(*next) || vm_start_gap(m, vma_at(m, *next)) >= end)
			return (int64_t)(end - len);
		high = vm_start_gap(m, vma_at(m, *next));
	}
}

static int64_t unmapped_area(const struct machine *m, mm_ref mm, uint64_t low,
			     uint64_t high, uint64_t len, vma_ref *next)
{
	for (;;) {
		uint64_t start = vma_index_lowest_gap(m, mm, low, high, len,
						      next);

		if (!start)
			return -ENOMEM;
		if (vma_none(*next) ||
		    start + len <= vm_start_gap(m, vma_at(m, *next)))
			return (int64_t)start;
		low = vma_at(m, *next)->vm_end;
	}
}

int64_t vm_unmapped_area(const struct machine *m, mm_ref mm,
			 const struct vm_unmapped_area_info *info,
			 vma_ref *next)
{
	uint64_t low = info->low_limit;

	if (low < mmap_lowest(m))
		low = mmap_lowest(m);
	MM_ASSERT(info->length && !(info->length & ~PAGE_MASK));
	if (info->topdown)
		return unmapped_area_topdown(m, mm, low, info->high_limit,
					     info->length, next);
	return unmapped_area(m, mm, low, info->high_limit, info->length, next);
}

/* ---- the stack ---- */

/* Would the stack, grown down to @addr, be too near to what lies below? */
static bool hits_guard_gap(const struct machine *m,
			   const struct vm_area_struct *vma, uint64_t addr)
{
	const struct vm_area_struct *prev;

	if (vma_none(vma->vm_prev))
		return false;
	prev = vma_at(m, vma->vm_prev);
	if (prev->vm_flags & VM_GROWSDOWN ||
	    !(prev->vm_flags & VM_ACCESS_FLAGS))
		return false;
	return addr - prev->vm_end <
	       kernel_at(m)->stack_guard_gap << PAGE_SHIFT;
}

/*
 * Charge a growth by @pages. D-003: Linux charges this growth always, but uncharges at
 * munmap only what is VM_ACCOUNT, so an unwritable or MAP_NORESERVE stack leaks a
 * promise for ever. Here it is asked for, and given back at once where nothing would
 * give it back later.
 */
static int64_t charge_stack_growth(struct step *s, mm_ref mm,
				   const struct vm_area_struct *vma,
				   uint64_t pages, const char **why)
{
	const int64_t err = __vm_enough_memory(s, mm, pages, why);

	if (!err && !(vma->vm_flags & VM_ACCOUNT))
		vm_unacct_memory(s, pages);
	return err;
}

/* Why a stack must not grow by @pages down to @addr; NULL: it may. */
static const char *stack_limit(struct step *s, mm_ref mm,
			       const struct vm_area_struct *vma, uint64_t addr,
			       uint64_t pages)
{
	if (!may_expand_vm(s, mm, vma->vm_flags, pages))
		return "stack growth exceeds RLIMIT_AS";
	if (vma->vm_end - addr > rlimit(s, RLIMIT_STACK))
		return "stack growth exceeds RLIMIT_STACK";
	if (!mlock_future_ok(s, mm, vma->vm_flags, pages << PAGE_SHIFT))
		return "stack growth exceeds RLIMIT_MEMLOCK";
	return NULL;
}

int64_t expand_stack(struct step *s, mm_ref mm, vma_ref ref, uint64_t addr,
		     const char **why)
{
	const struct vm_area_struct *vma = vma_at(s->m, ref);
	const uint64_t pages = (vma->vm_start - addr) >> PAGE_SHIFT;

	MM_ASSERT(vma->vm_flags & VM_GROWSDOWN && addr < vma->vm_start);
	MM_ASSERT(!(addr & ~PAGE_MASK));
	*why = "the stack would grow below vm.mmap_min_addr";
	if (addr < mmap_lowest(s->m))
		return -EPERM;
	*why = "the stack would grow into its guard gap";
	if (hits_guard_gap(s->m, vma, addr))
		return -ENOMEM;
	*why = "no memory for an anon_vma";
	if (anon_vma_prepare(s, ref))
		return -ENOMEM;
	*why = "vm_pgoff of the stack would become negative";
	if (pages > vma->vm_pgoff)
		return -ENOMEM;
	*why = stack_limit(s, mm, vma, addr, pages);
	if (*why)
		return -ENOMEM;
	if (charge_stack_growth(s, mm, vma, pages, why))
		return -ENOMEM;
	trace_event(s, expand_stack, vma->vm_start, addr, pages);
	if (vma->vm_flags & VM_LOCKED)
		mm_mut(s, mm)->locked_vm += pages;
	vm_stat_account(s, mm, vma->vm_flags, vma->vm_file, (int64_t)pages);
	move_start(s, mm, ref, addr);
	return 0;
}

/* ---- accounting ---- */

static void add(uint64_t *counter, int64_t pages)
{
	*counter += (uint64_t)pages;
}

void vm_stat_account(struct step *s, mm_ref mm, uint64_t vm_flags,
		     file_ref file, int64_t pages)
{
	struct mm_struct *mms = mm_mut(s, mm);

	add(&mms->total_vm, pages);
	if (is_exec_mapping(vm_flags))
		add(&mms->exec_vm, pages);
	else if (is_stack_mapping(vm_flags))
		add(&mms->stack_vm, pages);
	else if (is_data_mapping(vm_flags))
		add(&mms->data_vm, pages);
	if (!file_none(file))
		add(&mms->shared_vm, pages);
	if (vm_flags & (VM_RESERVED | VM_IO))
		add(&mms->reserved_vm, pages);
}

/* A soft limit of 0 under a hard one that suffices: valgrind's habit. */
static bool data_limit_ok(const struct step *s, uint64_t pages)
{
	const struct rlimit *rlim =
		&task_at(s->m, s->current)->rlim[RLIMIT_DATA];

	if (pages <= rlim->rlim_cur >> PAGE_SHIFT)
		return true;
	return !rlim->rlim_cur && pages <= rlim->rlim_max >> PAGE_SHIFT;
}

bool may_expand_vm(struct step *s, mm_ref mm, uint64_t vm_flags, uint64_t pages)
{
	const struct mm_struct *mms = mm_at(s->m, mm);

	trace_event(s, may_expand_vm, mms->total_vm, mms->data_vm, pages);
	if (mms->total_vm + pages > rlimit(s, RLIMIT_AS) >> PAGE_SHIFT)
		return false;
	return !is_data_mapping(vm_flags) ||
	       data_limit_ok(s, mms->data_vm + pages);
}

const char *exceeded_limit(const struct step *s, mm_ref mm, uint64_t pages)
{
	if (mm_at(s->m, mm)->total_vm + pages >
	    rlimit(s, RLIMIT_AS) >> PAGE_SHIFT)
		return "the address space would exceed RLIMIT_AS";
	return "private writable memory would exceed RLIMIT_DATA";
}

bool mlock_future_ok(const struct step *s, mm_ref mm, uint64_t vm_flags,
		     uint64_t bytes)
{
	uint64_t pages;

	if (!(vm_flags & VM_LOCKED) || capable(s))
		return true;
	pages = mm_at(s->m, mm)->locked_vm + (bytes >> PAGE_SHIFT);
	return pages <= rlimit(s, RLIMIT_MEMLOCK) >> PAGE_SHIFT;
}

/* CONFIG_LSM_MMAP_MIN_ADDR, as distributions have it. */
#define LSM_MMAP_MIN_ADDR 65536

uint64_t mmap_lowest(const struct machine *m)
{
	uint64_t lowest = kernel_at(m)->mmap_min_addr;

	return lowest > LSM_MMAP_MIN_ADDR ? lowest : LSM_MMAP_MIN_ADDR;
}
