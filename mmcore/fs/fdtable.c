/* SPDX-License-Identifier: MIT */
/*
 * Tables of descriptors (2.6.17 fs/file.c; sizes as in 6.18). The first 64 slots
 * lie in the files_struct itself. A larger table has frames beside it: one or two
 * whose 1,024 entries are the frame numbers of leaves, and leaves of 512 slots
 * each; descriptor fd is slot fd % 512 of leaf fd / 512 (the first 64 slots of
 * leaf 0 are not used). It grows by doubling and never shrinks.
 *
 * A slot is the address of an open file, whose lowest bit says that the
 * descriptor is closed on exec.
 */
#include "mmcore/fs/fs.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/swap.h"

#define LEAF_SLOTS	(PAGE_SIZE / sizeof(uint64_t))
#define TOP_LEAVES	(PAGE_SIZE / sizeof(pfn_t))
#define CLOSE_ON_EXEC	1ULL

static files_ref current_files(const struct step *s)
{
	return task_at(s->m, s->current)->files;
}

/* The address of the entry of a top frame that names a leaf; its top is there. */
static uint64_t leaf_entry(const struct files_struct *files, uint32_t leaf)
{
	return pfn_to_pa(files->fdt[leaf / TOP_LEAVES]) +
	       leaf % TOP_LEAVES * sizeof(pfn_t);
}

/* Where the slot of @fd is, which is below max_fds. */
static uint64_t slot_pa(const struct machine *m, files_ref ref, uint32_t fd)
{
	const struct files_struct *files = files_at(m, ref);
	const pfn_t *leaf;

	MM_ASSERT(fd < files->max_fds);
	if (fd < NR_OPEN_DEFAULT)
		return ref.pa + offsetof(struct files_struct, fd_array) +
		       fd * sizeof(uint64_t);
	leaf = ram_at(m, leaf_entry(files, fd / LEAF_SLOTS));
	return pfn_to_pa(*leaf) + fd % LEAF_SLOTS * sizeof(uint64_t);
}

static uint64_t slot_of(const struct machine *m, files_ref files, uint32_t fd)
{
	return *(const uint64_t *)ram_at(m, slot_pa(m, files, fd));
}

static void set_slot(struct step *s, files_ref files, uint32_t fd,
		     uint64_t value)
{
	*(uint64_t *)ram_mut(s, slot_pa(s->m, files, fd)) = value;
}

file_ref mm_fd_file(const struct machine *m, files_ref files, uint32_t fd)
{
	if (fd >= files_at(m, files)->max_fds)
		return file_make(0);
	return file_make(slot_of(m, files, fd) & ~CLOSE_ON_EXEC);
}

uint32_t mm_next_fd(const struct machine *m, files_ref files, uint32_t fd)
{
	const uint32_t end = files_at(m, files)->max_fds;

	for (; fd < end; fd++) {
		mm_poll(m, 1);
		if (slot_of(m, files, fd))
			return fd;
	}
	return UINT32_MAX;
}

file_ref fget_raw(const struct step *s, int64_t fd)
{
	return mm_fd_file(s->m, current_files(s), (uint32_t)fd);
}

file_ref fget(const struct step *s, int64_t fd)
{
	const file_ref file = fget_raw(s, fd);

	if (!file_none(file) && file_at(s->m, file)->f_mode & FMODE_PATH)
		return file_make(0);
	return file;
}

/* ---- growth ---- */

static pfn_t table_frame(struct step *s)
{
	const pfn_t pfn = alloc_page(s, GFP_KERNEL);

	if (!pfn)
		return 0;
	page_mut(s, pfn)->flags |= 1ULL << PG_kernel;
	kernel_mut(s)->nr_kernel_pages++;
	return pfn;
}

static void free_table_frame(struct step *s, pfn_t pfn)
{
	kernel_mut(s)->nr_kernel_pages--;
	put_page(s, pfn);
}

static uint32_t leaves_for(uint32_t max_fds)
{
	if (max_fds <= NR_OPEN_DEFAULT)
		return 0;
	return (uint32_t)((max_fds + LEAF_SLOTS - 1) / LEAF_SLOTS);
}

/* One more leaf; false: no RAM. */
static bool add_leaf(struct step *s, files_ref ref, uint32_t leaf)
{
	struct files_struct *files = files_mut(s, ref);
	pfn_t *top = &files->fdt[leaf / TOP_LEAVES], pfn;

	if (!*top)
		*top = table_frame(s);
	pfn = *top ? table_frame(s) : 0;
	if (!pfn)
		return false;
	*(pfn_t *)ram_mut(s, leaf_entry(files, leaf)) = pfn;
	return true;
}

/* Leaves from the last one down to @keep go, and tops that have none. */
static void drop_leaves(struct step *s, files_ref ref, uint32_t nr,
			uint32_t keep)
{
	struct files_struct *files = files_mut(s, ref);

	while (nr-- > keep) {
		pfn_t *leaf = ram_mut(s, leaf_entry(files, nr));

		free_table_frame(s, *leaf);
		*leaf = 0;
	}
	for (uint32_t top = 0; top < 2; top++)
		if (files->fdt[top] && keep <= top * TOP_LEAVES) {
			free_table_frame(s, files->fdt[top]);
			files->fdt[top] = 0;
		}
}

/* alloc_fdtable(): a power of two. */
static uint32_t table_size(uint32_t slots)
{
	uint32_t size = NR_OPEN_DEFAULT;

	while (size < slots)
		size *= 2;
	return size;
}

/* expand_files(): room for @slots descriptors. False: no RAM, nothing changed. */
static bool expand_files(struct step *s, files_ref ref, uint32_t slots)
{
	const uint32_t old = files_at(s->m, ref)->max_fds;
	const uint32_t size = table_size(slots);

	if (size <= old)
		return true;
	for (uint32_t leaf = leaves_for(old); leaf < leaves_for(size); leaf++)
		if (!add_leaf(s, ref, leaf)) {
			drop_leaves(s, ref, leaf, leaves_for(old));
			return false;
		}
	files_mut(s, ref)->max_fds = size;
	return true;
}

/* ---- descriptors ---- */

int64_t get_unused_fd_from(struct step *s, uint64_t first)
{
	const uint64_t limit = rlimit(s, RLIMIT_NOFILE);
	const files_ref ref = current_files(s);
	const struct files_struct *files = files_at(s->m, ref);
	uint64_t fd = first > files->next_fd ? first : files->next_fd;

	for (; fd < files->max_fds && slot_of(s->m, ref, (uint32_t)fd); fd++)
		mm_poll(s->m, 1);
	if (fd >= limit || fd >= NR_OPEN)
		return refuse(s, EMFILE, "no descriptor below RLIMIT_NOFILE is free");
	if (!expand_files(s, ref, (uint32_t)fd + 1))
		return refuse(s, ENOMEM, "no memory for a larger table of descriptors");
	return (int64_t)fd;
}

int64_t get_unused_fd(struct step *s)
{
	return get_unused_fd_from(s, 0);
}

void fd_install(struct step *s, int64_t fd, file_ref file)
{
	const files_ref ref = current_files(s);
	struct files_struct *files = files_mut(s, ref);

	set_slot(s, ref, (uint32_t)fd, file.pa);
	while (files->next_fd < files->max_fds &&
	       slot_of(s->m, ref, files->next_fd)) {
		mm_poll(s->m, 1);
		files->next_fd++;
	}
	trace_event(s, fd_install, (uint64_t)fd);
}

void set_close_on_exec(struct step *s, int64_t fd, bool on)
{
	const files_ref files = current_files(s);
	const uint64_t slot = slot_of(s->m, files, (uint32_t)fd);

	set_slot(s, files, (uint32_t)fd,
		 (slot & ~CLOSE_ON_EXEC) | (on ? CLOSE_ON_EXEC : 0));
}

bool close_on_exec(const struct machine *m, files_ref files, uint32_t fd)
{
	return slot_of(m, files, fd) & CLOSE_ON_EXEC;
}

file_ref fd_remove(struct step *s, int64_t fd)
{
	const files_ref ref = current_files(s);
	const file_ref file = fget_raw(s, fd);

	if (file_none(file))
		return file;
	set_slot(s, ref, (uint32_t)fd, 0);
	if ((uint32_t)fd < files_at(s->m, ref)->next_fd)
		files_mut(s, ref)->next_fd = (uint32_t)fd;
	return file;
}

void do_close_on_exec(struct step *s)
{
	const files_ref files = current_files(s);
	uint32_t fd = mm_next_fd(s->m, files, 0);

	for (; fd != UINT32_MAX; fd = mm_next_fd(s->m, files, fd + 1))
		if (close_on_exec(s->m, files, fd))
			fput(s, fd_remove(s, fd));
}

/* ---- whole tables ---- */

files_ref alloc_files(struct step *s, file_ref standard)
{
	const files_ref files = files_make(kmem_cache_alloc(s, CACHE_FILES));

	if (files_none(files))
		return files;
	files_mut(s, files)->count = 1;
	files_mut(s, files)->max_fds = NR_OPEN_DEFAULT;
	for (uint32_t fd = 0; fd < 3 && !file_none(standard); fd++) {
		get_file(s, standard);
		set_slot(s, files, fd, standard.pa);
	}
	return files;
}

static uint32_t last_open_fd(const struct machine *m, files_ref files)
{
	uint32_t fd = files_at(m, files)->max_fds;

	for (; fd && !slot_of(m, files, fd - 1); fd--)
		mm_poll(m, 1);
	return fd;
}

files_ref dup_fd(struct step *s, files_ref from)
{
	const files_ref to = alloc_files(s, file_make(0));
	const uint32_t end = last_open_fd(s->m, from);

	if (files_none(to))
		return to;
	if (!expand_files(s, to, end)) {
		kmem_cache_free(s, CACHE_FILES, to.pa);
		return files_make(0);
	}
	for (uint32_t fd = 0; fd < end; fd++) {
		const uint64_t slot = slot_of(s->m, from, fd);

		mm_poll(s->m, 1);
		if (!slot)
			continue;
		get_file(s, file_make(slot & ~CLOSE_ON_EXEC));
		set_slot(s, to, fd, slot);
	}
	files_mut(s, to)->next_fd = files_at(s->m, from)->next_fd;
	return to;
}

void put_files_struct(struct step *s, files_ref files)
{
	uint32_t fd = 0;

	if (--files_mut(s, files)->count)
		return;
	while ((fd = mm_next_fd(s->m, files, fd)) != UINT32_MAX) {
		fput(s, mm_fd_file(s->m, files, fd));
		fd++;
	}
	drop_leaves(s, files, leaves_for(files_at(s->m, files)->max_fds), 0);
	kmem_cache_free(s, CACHE_FILES, files.pa);
}
