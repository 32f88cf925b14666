/* SPDX-License-Identifier: MIT */
/* Laws F, H and part of J: slabs, tasks, open files, objects in memory. */
#include "mmcore/check/check.h"
#include "mmcore/lib/interval_tree.h"
#include "mmcore/uapi.h"

/* The free list of a slab visits each free object once. */
static void check_slab_free(struct check *c, const struct slab *slab,
			    const struct kmem_cache *cache)
{
	const uint32_t *ctl = (const uint32_t *)(slab + 1);
	uint32_t i = slab->free, listed = 0, active = 0;

	while (i < cache->num && listed <= cache->num) {
		listed++;
		i = ctl[i];
	}
	for (i = 0; i < cache->num; i++)
		active += ctl[i] == BUFCTL_ACTIVE;
	check_law(c, LAW_slab_free, listed + slab->inuse == cache->num &&
				    active == slab->inuse);
}

/* Which of a cache's lists a slab with this fill belongs on: 0, 1, 2. */
static int list_for(const struct slab *slab, const struct kmem_cache *cache)
{
	return slab->inuse == cache->num ? 0 : slab->inuse ? 1 : 2;
}

static void check_cache(struct check *c, enum kmem_cache_id id)
{
	const struct kmem_cache *cache = &kernel_at(c->m)->caches[id];
	uint64_t slabs = 0, active = 0, empty = 0;

	for (int which = 0; which < 3; which++) {
		const uint64_t head = KERNEL_MEMBER(caches) +
				      (uint64_t)id * sizeof(*cache) +
				      (uint64_t)which * sizeof(struct list_head);
		uint64_t pos = list_next_pa(c->m, head);

		for (; pos != head && slabs <= cache->nr_slabs; slabs++) {
			const struct slab *slab;

			if (!check_law(c, LAW_slab_lists, !(pos & ~PAGE_MASK) &&
				       check_has(c, pos, sizeof(*slab))))
				return;
			slab = ram_at(c->m, pos);
			check_law(c, LAW_slab_lists,
				  slab->cache == (uint32_t)id &&
				  page_has(c->m, (pfn_t)(pos >> PAGE_SHIFT),
					   PG_slab) &&
				  page_zone(c->m, (pfn_t)(pos >> PAGE_SHIFT)) <=
					  c->m->arch->kernel_zone &&
				  list_for(slab, cache) == which);
			check_slab_free(c, slab, cache);
			c->refs_found += check_mix(pos >> PAGE_SHIFT);
			active += slab->inuse;
			empty += slab->inuse == 0;
			pos = slab->list.next;
		}
	}
	c->slab_frames += slabs;
	check_law(c, LAW_slab_lists, slabs == cache->nr_slabs &&
				     active == cache->nr_active &&
				     empty == cache->nr_free_slabs);
}

void check_slabs(struct check *c)
{
	for (int id = 0; id < NR_KMEM_CACHES; id++)
		check_cache(c, (enum kmem_cache_id)id);
}

/* ---- tasks ---- */

static void check_children(struct check *c, task_ref t)
{
	const uint64_t head = t.pa + offsetof(struct task_struct, children);
	uint64_t pos = list_next_pa(c->m, head), nr = 0;

	for (; pos != head && nr <= kernel_at(c->m)->nr_tasks; nr++) {
		task_ref child = task_make(pos - offsetof(struct task_struct,
							  sibling));

		if (!check_law(c, LAW_tasks, check_object(c, child.pa,
							  CACHE_TASK)))
			return;
		check_law(c, LAW_tasks, task_at(c->m, child)->ppid ==
					task_at(c->m, t)->pid);
		pos = list_next_pa(c->m, pos);
	}
	check_law(c, LAW_tasks, pos == head);
}

void check_tasks(struct check *c)
{
	const struct kernel *k = kernel_at(c->m);
	uint64_t nr = 0;
	int32_t before = 0;

	for (task_ref t = mm_first_task(c->m); !task_none(t) &&
	     nr <= k->nr_tasks; t = mm_next_task(c->m, t), nr++) {
		const struct task_struct *task;

		if (!check_law(c, LAW_tasks, check_object(c, t.pa, CACHE_TASK)))
			return;
		task = task_at(c->m, t);
		c->users_found += check_mix(task->mm.pa);
		check_law(c, LAW_tasks, task->pid > before &&
			  (uint64_t)task->pid <= k->last_pid &&
			  check_object(c, task->mm.pa, CACHE_MM) &&
			  check_object(c, task->files.pa, CACHE_FILES));
		before = task->pid;
		check_children(c, t);
	}
	check_law(c, LAW_tasks, nr == k->nr_tasks);
	check_law(c, LAW_slab_objects, nr == k->caches[CACHE_TASK].nr_active);
}

/* ---- open files and their objects ---- */

/* A frame of a table of descriptors: the kernel's, with one reference. */
static bool check_table_frame(struct check *c, pfn_t pfn)
{
	if (!check_law(c, LAW_fd_table, pfn < kernel_at(c->m)->mem_map_pfn &&
		       page_has(c->m, pfn, PG_kernel)))
		return false;
	c->refs_found += check_mix(pfn);
	return true;
}

/* May the table be walked? */
static bool check_fd_table(struct check *c, const struct files_struct *files)
{
	const uint32_t slots = PAGE_SIZE / sizeof(uint64_t);
	const uint32_t leaves = files->max_fds > NR_OPEN_DEFAULT
		? (files->max_fds + slots - 1) / slots : 0;
	const uint32_t per_top = PAGE_SIZE / sizeof(pfn_t);

	if (!check_law(c, LAW_fd_table, files->max_fds >= NR_OPEN_DEFAULT &&
		       files->max_fds <= NR_OPEN &&
		       !(files->max_fds & (files->max_fds - 1))))
		return false;
	for (uint32_t top = 0; top < 2; top++)
		if (leaves > top * per_top
			    ? !check_table_frame(c, files->fdt[top])
			    : !check_law(c, LAW_fd_table, !files->fdt[top]))
			return false;
	for (uint32_t leaf = 0; leaf < leaves; leaf++) {
		const pfn_t *top = ram_at(c->m, pfn_to_pa(files->fdt[leaf / per_top]));

		if (!check_table_frame(c, top[leaf % per_top]))
			return false;
	}
	return true;
}

static void check_fds(struct check *c, files_ref files)
{
	const uint32_t next = files_at(c->m, files)->next_fd;
	uint32_t fd = 0, below = 0;

	while ((fd = mm_next_fd(c->m, files, fd)) != UINT32_MAX) {
		c->fd_refs++;
		check_law(c, LAW_file_count, check_object(c,
			  mm_fd_file(c->m, files, fd).pa, CACHE_FILE));
		below += fd < next;
		fd++;
	}
	check_law(c, LAW_fd_table, below == next);
}

static void check_files(struct check *c)
{
	for (uint64_t pa = kmem_cache_next(c->m, CACHE_FILES, 0); pa;
	     pa = kmem_cache_next(c->m, CACHE_FILES, pa)) {
		const files_ref files = files_make(pa);

		if (check_fd_table(c, files_at(c->m, files)))
			check_fds(c, files);
	}
}

/* One VMA of an object's tree; false: it cannot be trusted further. */
static bool check_mapping_vma(struct check *c, mapping_ref mapping, vma_ref ref)
{
	const struct vm_area_struct *vma;

	if (!check_law(c, LAW_i_mmap, check_object(c, ref.pa, CACHE_VMA)))
		return false;
	vma = vma_at(c->m, ref);
	if (!check_law(c, LAW_i_mmap, check_object(c, vma->vm_file.pa, CACHE_FILE)))
		return false;
	check_law(c, LAW_i_mmap, mapping_same(mapping,
		  file_at(c->m, vma->vm_file)->f_mapping));
	return check_law(c, LAW_i_mmap_tree,
			 vma->shared.linear.rb_subtree_last ==
			 vma_compute_subtree_last(c->m, ref));
}

/* The VMAs that map an object, by vm_pgoff. Returns how many. */
static uint64_t check_i_mmap(struct check *c, mapping_ref mapping)
{
	const uint64_t root = mapping.pa + offsetof(struct address_space, i_mmap);
	uint64_t node = rb_first(c->m, root), nr = 0, writable = 0, before = 0;

	for (; node && nr <= c->limit; nr++, node = rb_next(c->m, node)) {
		const vma_ref ref = vma_make(node - offsetof(struct vm_area_struct,
							     shared.linear.rb));
		const struct vm_area_struct *vma;

		if (!check_mapping_vma(c, mapping, ref))
			return nr;
		vma = vma_at(c->m, ref);
		check_law(c, LAW_i_mmap_tree, vma->vm_pgoff >= before);
		before = vma->vm_pgoff;
		writable += !(~vma->vm_flags & (VM_SHARED | VM_MAYWRITE));
	}
	check_law(c, LAW_sealed, !writable || !(F_SEAL_WRITE &
		  inode_at(c->m, mapping_at(c->m, mapping)->host)->i_seals));
	check_law(c, LAW_i_mmap,
		  writable == mapping_at(c->m, mapping)->i_mmap_writable);
	return nr;
}

void check_objects(struct check *c)
{
	const struct kernel *k = kernel_at(c->m);
	uint64_t files = 0, inodes = 0, named = 0, counted = 0, mapped = 0;

	check_files(c);
	for (uint64_t pa = kmem_cache_next(c->m, CACHE_FILE, 0); pa;
	     pa = kmem_cache_next(c->m, CACHE_FILE, pa)) {
		const struct file *file = file_at(c->m, file_make(pa));

		files += (uint64_t)file->f_count;
		check_law(c, LAW_file_count, file->f_count > 0);
		if (!inode_none(file->f_inode))
			named += check_mix(file->f_inode.pa);
	}
	for (uint64_t pa = kmem_cache_next(c->m, CACHE_INODE, 0); pa;
	     pa = kmem_cache_next(c->m, CACHE_INODE, pa)) {
		const mapping_ref mapping =
			mapping_make(pa + offsetof(struct inode, i_data));
		const struct inode *inode = inode_at(c->m, inode_make(pa));

		inodes += (uint64_t)inode->i_count * check_mix(pa);
		if (!inode_none(inode->i_parent))
			named += check_mix(inode->i_parent.pa);
		counted += inode->i_accounted;
		mapped += check_i_mmap(c, mapping);
		check_page_cache(c, mapping);
	}
	check_writeback(c);
	c->accounted += counted;
	c->file_refs = mapped;
	check_law(c, LAW_file_count, inodes == named &&
		  files == c->fd_refs + mapped + !file_none(k->null_file));
	for (int kind = 0; kind < 3; kind++)
		for (int i = 0; i < 4; i++)
			if (k->special_pfn[kind][i])
				c->refs_found += check_mix(k->special_pfn[kind][i]);
}
