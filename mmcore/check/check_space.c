/* SPDX-License-Identifier: MIT */
/* Laws A and C: address spaces, their VMAs, the anon_vmas. */
#include "mmcore/check/check.h"
#include "mmcore/mm/vma.h"
#include "mmcore/mm/vma_index.h"

static uint64_t node_of(vma_ref vma)
{
	return vma.pa + offsetof(struct vm_area_struct, vm_rb);
}

static vma_ref vma_of(uint64_t node)
{
	return vma_make(node - offsetof(struct vm_area_struct, vm_rb));
}

/* ---- the tree ---- */

#define MAX_DEPTH 64	/* of a red-black tree with at most 2^32 nodes */

struct subtree {
	int black_height;	/* -1: the laws are broken below */
	uint64_t nodes;
};

static struct subtree check_subtree(struct check *c, uint64_t node,
				    uint64_t parent, int depth)
{
	const struct subtree broken = { -1, 0 };
	const struct vm_area_struct *vma;
	struct subtree left, right, all;

	if (!node)
		return (struct subtree){ 1, 0 };
	if (depth > MAX_DEPTH || !check_object(c, vma_of(node).pa, CACHE_VMA))
		return broken;
	vma = vma_at(c->m, vma_of(node));
	if (rb_parent(&vma->vm_rb) != parent ||
	    (!rb_is_black(&vma->vm_rb) &&
	     (!parent || !rb_is_black(rb_at(c->m, parent)))))
		return broken;
	left = check_subtree(c, vma->vm_rb.rb_left, node, depth + 1);
	right = check_subtree(c, vma->vm_rb.rb_right, node, depth + 1);
	if (left.black_height < 0 || left.black_height != right.black_height)
		return broken;
	all.black_height = left.black_height + rb_is_black(&vma->vm_rb);
	all.nodes = left.nodes + right.nodes + 1;
	return all;
}

static bool check_tree(struct check *c, mm_ref mm)
{
	const struct mm_struct *mms = mm_at(c->m, mm);
	struct subtree top = check_subtree(c, mms->mm_rb.rb_node, 0, 0);
	uint64_t node;

	if (!check_law(c, LAW_vma_tree, top.black_height >= 0))
		return false;
	check_law(c, LAW_vma_count, top.nodes == (uint64_t)mms->map_count);
	node = rb_first(c->m, mm.pa + offsetof(struct mm_struct, mm_rb));
	for (vma_ref v = mms->mmap; !vma_none(v) || node;
	     v = vma_next(c->m, v), node = rb_next(c->m, node))
		if (!check_law(c, LAW_vma_tree, node && node_of(v) == node))
			return false;
	return true;
}

/* ---- the index ---- */

/* Can it be followed: are its nodes nodes, each one lower than its parent? */
static bool index_is_sound(struct check *c, uint64_t pa, uint32_t height)
{
	const struct vma_index_node *n = ram_at(c->m, pa);

	if (n->height != height || n->nr > VMA_INDEX_SLOTS)
		return false;
	for (uint32_t i = 0; height && i < n->nr; i++)
		if (!check_object(c, n->ref[i], CACHE_VMA_INDEX) ||
		    !index_is_sound(c, n->ref[i], height - 1))
			return false;
	return true;
}

static void check_index(struct check *c, mm_ref mm)
{
	const uint64_t root = mm_at(c->m, mm)->vma_index;
	const struct vma_index_node *n;

	if (root && !check_law(c, LAW_vma_index,
			       check_object(c, root, CACHE_VMA_INDEX)))
		return;
	n = root ? ram_at(c->m, root) : NULL;
	if (check_law(c, LAW_vma_index, !n || (n->height < MAX_DEPTH &&
				index_is_sound(c, root, n->height))))
		check_law(c, LAW_vma_index, !vma_index_check(c->m, mm));
}

/* ---- one VMA ---- */

static void check_vma(struct check *c, mm_ref mm, vma_ref ref)
{
	const struct vm_area_struct *vma = vma_at(c->m, ref);
	const uint64_t flags = vma->vm_flags;

	check_law(c, LAW_vma_range, !((vma->vm_start | vma->vm_end) & ~PAGE_MASK) &&
		  vma->vm_start < vma->vm_end &&
		  vma->vm_end <= c->m->arch->task_size);
	check_law(c, LAW_vma_owner, mm_same(vma->vm_mm, mm));
	check_law(c, LAW_vma_flags,
		  !(flags & VM_ACCESS_FLAGS & ~(flags >> 4)) &&
		  (!(flags & VM_SHARED) || flags & VM_MAYSHARE) &&
		  vma->vm_ops < NR_VM_OPS &&
		  vma->vm_page_prot == vma_page_prot(c->m, vma));
	check_law(c, LAW_vma_pgoff,
		  vma->vm_pgoff + vma_pages(vma) > vma->vm_pgoff);
	if (anon_vma_none(vma->anon_vma))
		check_law(c, LAW_anon_vma_list, !vma->anon_vma_ident &&
						!vma->chain_multi);
	else if (check_law(c, LAW_anon_vma_list,
			   check_object(c, vma->anon_vma.pa, CACHE_ANON_VMA)))
		check_law(c, LAW_anon_vma_list, vma->anon_vma_ident &&
			  vma->anon_vma_ident <=
			  anon_vma_at(c->m, vma->anon_vma)->next_ident);
	c->anon_vmas_linked += !anon_vma_none(vma->anon_vma);
}

struct totals {
	uint64_t total, exec, stack, data, shared, locked, count, end;
	bool cache_seen;
};

static void add_vma(struct check *c, const struct vm_area_struct *vma,
		    struct totals *t)
{
	const uint64_t pages = vma_pages(vma), flags = vma->vm_flags;

	t->count++;
	t->total += pages;
	t->end = vma->vm_end;
	if (is_exec_mapping(flags))
		t->exec += pages;
	else if (is_stack_mapping(flags))
		t->stack += pages;
	else if (is_data_mapping(flags))
		t->data += pages;
	if (!file_none(vma->vm_file))
		t->shared += pages;
	if (flags & VM_LOCKED)
		t->locked += pages;
	if (flags & VM_ACCOUNT)
		c->accounted += pages;
	c->file_refs -= !file_none(vma->vm_file);
}

/* The list: false where it cannot be followed. */
static bool check_list(struct check *c, mm_ref mm, struct totals *t)
{
	const struct mm_struct *mms = mm_at(c->m, mm);
	vma_ref prev = vma_make(0);

	for (vma_ref v = mms->mmap; !vma_none(v);
	     v = vma_next(c->m, v)) {
		if (!check_law(c, LAW_vma_count,
			       t->count < (uint64_t)mms->map_count &&
			       check_object(c, v.pa, CACHE_VMA)))
			return false;
		check_law(c, LAW_vma_order,
			  vma_same(vma_at(c->m, v)->vm_prev, prev) &&
			  t->end <= vma_at(c->m, v)->vm_start);
		check_vma(c, mm, v);
		add_vma(c, vma_at(c->m, v), t);
		t->cache_seen |= vma_same(v, mms->mmap_cache);
		prev = v;
	}
	return true;
}

static void check_totals(struct check *c, const struct mm_struct *mms,
			 const struct totals *t)
{
	check_law(c, LAW_vma_count, t->count == (uint64_t)mms->map_count);
	check_law(c, LAW_vma_index, t->end == mms->highest_vm_end);
	check_law(c, LAW_mm_cache, t->cache_seen || vma_none(mms->mmap_cache));
	check_law(c, LAW_mm_brk, mms->start_brk <= mms->brk);
	check_law(c, LAW_mm_totals,
		  t->total == mms->total_vm && t->exec == mms->exec_vm &&
		  t->stack == mms->stack_vm && t->data == mms->data_vm &&
		  t->shared == mms->shared_vm && t->locked == mms->locked_vm);
}

static void check_mm(struct check *c, mm_ref mm)
{
	const struct mm_struct *mms = mm_at(c->m, mm);
	struct totals t = { 0 };

	check_law(c, LAW_mm_users, mms->mm_users > 0 && mms->mm_count == 1);
	c->users_held += (uint64_t)mms->mm_users * check_mix(mm.pa);
	if (!check_list(c, mm, &t))
		return;
	c->vmas += t.count;
	check_totals(c, mms, &t);
	check_index(c, mm);
	if (check_tree(c, mm))
		check_tables(c, mm);
}

/* ---- anon_vmas ---- */

static void check_anon_vma(struct check *c, anon_vma_ref av)
{
	const struct anon_vma *a = anon_vma_at(c->m, av);
	const uint64_t head = av.pa + offsetof(struct anon_vma, head);
	uint64_t pos = list_next_pa(c->m, head), nr = 0;

	for (; pos != head && nr <= a->nr_vmas; nr++) {
		vma_ref v = vma_make(pos - offsetof(struct vm_area_struct,
						    anon_vma_node));

		if (!check_law(c, LAW_anon_vma_list,
			       check_object(c, v.pa, CACHE_VMA) &&
			       anon_vma_same(vma_at(c->m, v)->anon_vma, av)))
			return;
		pos = list_next_pa(c->m, pos);
	}
	check_law(c, LAW_anon_vma_list, nr == a->nr_vmas && nr > 0);
	c->anon_vmas_linked -= nr;
}

void check_spaces(struct check *c)
{
	const struct kernel *k = kernel_at(c->m);
	uint64_t pa;

	for (pa = kmem_cache_next(c->m, CACHE_MM, 0); pa;
	     pa = kmem_cache_next(c->m, CACHE_MM, pa))
		check_mm(c, mm_make(pa));
	check_law(c, LAW_slab_objects,
		  c->vmas == k->caches[CACHE_VMA].nr_active);
	check_law(c, LAW_i_mmap, c->file_refs == 0);
	for (pa = kmem_cache_next(c->m, CACHE_ANON_VMA, 0); pa;
	     pa = kmem_cache_next(c->m, CACHE_ANON_VMA, pa))
		check_anon_vma(c, anon_vma_make(pa));
	check_law(c, LAW_anon_vma_list, c->anon_vmas_linked == 0);
}
