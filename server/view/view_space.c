/* SPDX-License-Identifier: MIT */
/* Address spaces: mm_struct and vm_area_struct member by member, walks. */
#include <stdio.h>

#include "server/view/view.h"

#define UINT(member) json_pair_uint(out, #member, (uint64_t)mms->member)
#define HEX(member)  json_pair_hex(out, #member, mms->member)

static const char *layout_name(uint64_t layout)
{
	return layout == MMAP_TOPDOWN ? "arch_get_unmapped_area_topdown"
				      : "arch_get_unmapped_area";
}

static void view_list(struct json_writer *out, const char *key,
		      const struct list_head *list)
{
	json_key(out, key);
	json_object_begin(out);
	json_pair_hex(out, "next", list->next);
	json_pair_hex(out, "prev", list->prev);
	json_object_close(out);
}

static void view_layout(struct json_writer *out, const struct mm_struct *mms)
{
	json_pair_hex(out, "mmap", mms->mmap.pa);
	json_pair_hex(out, "mm_rb", mms->mm_rb.rb_node);
	json_pair_hex(out, "mmap_cache", mms->mmap_cache.pa);
	json_pair_string(out, "get_unmapped_area",
			 layout_name(mms->get_unmapped_area));
	json_pair_string(out, "unmap_area", mms->unmap_area == MMAP_TOPDOWN
			 ? "arch_unmap_area_topdown" : "arch_unmap_area");
	HEX(mmap_base);
	HEX(task_size);
	HEX(cached_hole_size);
	HEX(free_area_cache);
	HEX(pgd);
	json_pair_int(out, "mm_users", mms->mm_users);
	json_pair_int(out, "mm_count", mms->mm_count);
	json_pair_int(out, "map_count", mms->map_count);
	json_pair_int(out, "mmap_sem", mms->mmap_sem);
	json_pair_int(out, "page_table_lock", mms->page_table_lock);
	view_list(out, "mmlist", &mms->mmlist);
}

/* get_mm_hiwater_rss(), get_mm_hiwater_vm(): the marks are raised only before what
 * they are marks of is lowered. */
static void view_hiwater(struct json_writer *out, const struct mm_struct *mms)
{
	const uint64_t rss = get_mm_rss(mms);

	json_pair_uint(out, "hiwater_rss",
		       mms->hiwater_rss > rss ? mms->hiwater_rss : rss);
	json_pair_uint(out, "hiwater_vm", mms->hiwater_vm > mms->total_vm
					  ? mms->hiwater_vm : mms->total_vm);
}

static void view_counters(struct json_writer *out, const struct mm_struct *mms)
{
	UINT(_file_rss);
	UINT(_anon_rss);
	view_hiwater(out, mms);
	UINT(total_vm);
	UINT(locked_vm);
	UINT(shared_vm);
	UINT(exec_vm);
	UINT(stack_vm);
	UINT(reserved_vm);
	json_key(out, "def_flags");
	view_vm_flags(out, mms->def_flags);
	UINT(nr_ptes);
}

static void view_bounds(struct json_writer *out, const struct mm_struct *mms)
{
	HEX(start_code);
	HEX(end_code);
	HEX(start_data);
	HEX(end_data);
	HEX(start_brk);
	HEX(brk);
	HEX(start_stack);
	HEX(arg_start);
	HEX(arg_end);
	HEX(env_start);
	HEX(env_end);
}

static void view_rest(struct json_writer *out, const struct mm_struct *mms)
{
	json_key(out, "saved_auxv");
	json_array_begin(out);
	for (int i = 0; i < AT_VECTOR_SIZE; i++)
		json_put_hex(out, mms->saved_auxv[i]);
	json_array_close(out);
	UINT(dumpable);
	HEX(cpu_vm_mask);
	HEX(context);
	UINT(swap_token_time);
	UINT(recent_pagein);
	json_pair_int(out, "core_waiters", mms->core_waiters);
	UINT(core_startup_done);
	UINT(core_done);
	UINT(ioctx_list_lock);
	HEX(ioctx_list);
	UINT(_shmem_rss);
	UINT(_swap_ents);
	UINT(data_vm);
	UINT(nr_tables);
	HEX(highest_vm_end);
	HEX(vdso);
	UINT(id);
	UINT(pinned_vm);
}

void view_mm(struct json_writer *out, const struct machine *m, mm_ref mm)
{
	const struct mm_struct *mms = mm_at(m, mm);

	json_object_begin(out);
	json_pair_hex(out, "at", mm.pa);
	view_layout(out, mms);
	view_counters(out, mms);
	view_bounds(out, mms);
	view_rest(out, mms);
	json_object_close(out);
}

static const char *vm_ops_name(uint64_t ops)
{
	switch (ops) {
	case VM_OPS_FILE:
		return "generic_file_vm_ops";
	case VM_OPS_SHMEM:
		return "shmem_vm_ops";
	case VM_OPS_SPECIAL:
		return "special_mapping_vmops";
	default:
		return NULL;
	}
}

static void pair_name(struct json_writer *out, const char *key,
		      const char *name)
{
	json_key(out, key);
	if (name)
		json_put_string(out, name);
	else
		json_put_null(out);
}

static void view_rb_node(struct json_writer *out, const char *key,
			 const struct rb_node *node)
{
	json_key(out, key);
	json_object_begin(out);
	json_pair_hex(out, "rb_parent", rb_parent(node));
	json_pair_string(out, "rb_color", rb_is_black(node) ? "black" : "red");
	json_pair_hex(out, "rb_right", node->rb_right);
	json_pair_hex(out, "rb_left", node->rb_left);
	json_object_close(out);
}

/* The union's other members, which lie over linear's words (mm_types.h). */
static void view_shared_as_seed(struct json_writer *out,
				const struct vm_area_struct *v)
{
	json_key(out, "vm_set");
	json_object_begin(out);
	view_list(out, "list", &v->shared.vm_set.list);
	json_pair_hex(out, "parent", v->shared.vm_set.parent);
	json_pair_hex(out, "head", v->shared.vm_set.head.pa);
	json_object_close(out);
	json_key(out, "prio_tree_node");
	json_object_begin(out);
	json_pair_hex(out, "left", v->shared.prio_tree_node.left);
	json_pair_hex(out, "right", v->shared.prio_tree_node.right);
	json_pair_hex(out, "parent", v->shared.prio_tree_node.parent);
	json_object_close(out);
}

static void view_links(struct json_writer *out, const struct vm_area_struct *v)
{
	view_rb_node(out, "vm_rb", &v->vm_rb);
	json_key(out, "shared");
	json_object_begin(out);
	json_key(out, "linear");
	json_object_begin(out);
	view_rb_node(out, "rb", &v->shared.linear.rb);
	json_pair_uint(out, "rb_subtree_last", v->shared.linear.rb_subtree_last);
	json_object_close(out);
	view_shared_as_seed(out, v);
	json_object_close(out);
	view_list(out, "anon_vma_node", &v->anon_vma_node);
}

void view_vma(struct json_writer *out, const struct machine *m, vma_ref ref)
{
	const struct vm_area_struct *v = vma_at(m, ref);

	json_object_begin(out);
	json_pair_hex(out, "at", ref.pa);
	json_pair_hex(out, "vm_mm", v->vm_mm.pa);
	json_pair_hex(out, "vm_start", v->vm_start);
	json_pair_hex(out, "vm_end", v->vm_end);
	json_pair_hex(out, "vm_next", v->vm_next.pa);
	json_pair_hex(out, "vm_page_prot", v->vm_page_prot);
	json_key(out, "vm_flags");
	view_vm_flags(out, v->vm_flags);
	view_links(out, v);
	json_pair_hex(out, "anon_vma", v->anon_vma.pa);
	pair_name(out, "vm_ops", vm_ops_name(v->vm_ops));
	json_pair_uint(out, "vm_pgoff", v->vm_pgoff);
	json_pair_hex(out, "vm_file", v->vm_file.pa);
	json_pair_hex(out, "vm_private_data", v->vm_private_data);
	json_pair_uint(out, "vm_truncate_count", v->vm_truncate_count);
	json_pair_hex(out, "vm_prev", v->vm_prev.pa);
	json_pair_uint(out, "anon_vma_ident", v->anon_vma_ident);
	json_pair_bool(out, "chain_multi", v->chain_multi);
	json_object_close(out);
}

void view_map_line(struct json_writer *out, const struct machine *m,
		   vma_ref ref)
{
	const struct vm_area_struct *v = vma_at(m, ref);
	const char perms[5] = {
		v->vm_flags & VM_READ ? 'r' : '-',
		v->vm_flags & VM_WRITE ? 'w' : '-',
		v->vm_flags & VM_EXEC ? 'x' : '-',
		v->vm_flags & VM_MAYSHARE ? 's' : 'p', 0,
	};
	struct mem_size_stats mss = { 0 };
	uint32_t major, minor;
	uint64_t ino;
	char dev[24], path[MM_PATH_MAX];

	mm_poll(m, VIEW_ENTRY_WORK);
	smap_gather_stats(m, ref, &mss);
	mm_vma_backing(m, ref, &major, &minor, &ino);
	snprintf(dev, sizeof(dev), "%02x:%02x", major, minor);
	json_object_begin(out);
	json_pair_hex(out, "start", v->vm_start);
	json_pair_hex(out, "end", v->vm_end);
	json_pair_string(out, "perms", perms);
	json_pair_hex(out, "offset", file_none(v->vm_file)
		      ? 0 : v->vm_pgoff << PAGE_SHIFT);
	json_pair_string(out, "dev", dev);
	json_pair_uint(out, "inode", ino);
	json_pair_string(out, "path", mm_vma_name(m, ref, path));
	json_key(out, "flags");
	view_vm_flags(out, v->vm_flags);
	json_pair_uint(out, "pages", vma_pages(v));
	json_pair_uint(out, "pgoff", v->vm_pgoff);
	json_pair_hex(out, "anon_vma", v->anon_vma.pa);
	json_pair_uint(out, "rss", mss.resident >> PAGE_SHIFT);
	json_pair_uint(out, "swap", mss.swap >> PAGE_SHIFT);
	json_pair_uint(out, "pss", mss.pss >> PSS_SHIFT);
	json_pair_uint(out, "dirty",
		       (mss.shared_dirty + mss.private_dirty) >> PAGE_SHIFT);
	json_pair_uint(out, "referenced", mss.referenced >> PAGE_SHIFT);
	json_pair_uint(out, "anonymous", mss.anonymous >> PAGE_SHIFT);
	json_object_close(out);
}

static void view_level(struct json_writer *out, const struct machine *m,
		       const struct mm_walk_level *level)
{
	const char *names[16];

	mm_entry_flags(m, level->entry, names);
	json_object_begin(out);
	json_pair_string(out, "level", level->level);
	json_pair_uint(out, "index", level->index);
	json_pair_hex(out, "entry_at", level->entry_at);
	json_pair_hex(out, "entry", level->entry);
	json_key(out, "flags");
	json_array_begin(out);
	for (int i = 0; names[i]; i++)
		json_put_string(out, names[i]);
	json_array_close(out);
	json_object_close(out);
}

void view_walk(struct json_writer *out, const struct machine *m, mm_ref mm,
	       uint64_t addr)
{
	struct mm_walk_level levels[MM_WALK_LEVELS];
	pfn_t pfn;
	int nr = mm_walk(m, mm, addr, levels, &pfn);

	json_object_begin(out);
	json_pair_hex(out, "addr", addr);
	json_key(out, "levels");
	json_array_begin(out);
	for (int i = 0; i < nr; i++)
		view_level(out, m, &levels[i]);
	json_array_close(out);
	if (pfn)
		json_pair_uint(out, "pfn", pfn);
	json_object_close(out);
}

void view_pagemap(struct json_writer *out, const struct machine *m, mm_ref mm,
		  uint64_t addr)
{
	const struct mm_pagemap e = mm_pagemap_entry(m, mm, addr);

	mm_poll(m, VIEW_ENTRY_WORK);
	json_object_begin(out);
	json_pair_hex(out, "addr", addr);
	json_pair_bool(out, "present", e.present);
	json_pair_uint(out, "pfn", e.pfn);
	json_pair_bool(out, "swapped", e.swapped);
	json_pair_uint(out, "swap", e.swap);
	json_pair_bool(out, "dirty", e.dirty);
	json_pair_bool(out, "accessed", e.accessed);
	json_pair_bool(out, "writable", e.writable);
	json_pair_bool(out, "file", e.file);
	json_pair_bool(out, "exclusive", e.exclusive);
	json_pair_bool(out, "soft_dirty", e.soft_dirty);
	json_pair_bool(out, "guard", e.guard);
	json_object_close(out);
}
