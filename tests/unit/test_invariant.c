/* SPDX-License-Identifier: MIT */
/*
 * A healthy machine breaks no law; each corruption planted by hand breaks the
 * law that speaks of it.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/check/check.h"
#include "mmcore/fs/disk.h"
#include "mmcore/fs/pipe.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/uapi.h"
#include "tests/lib/evil.h"
#include "tests/lib/host.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

/* Two processes that share and own pages, holes, a shared object, a stack, and
 * a file of the disk with a dirty page. */
struct scene {
	struct machine *m;
	struct host_step hs;
	mm_ref mm;
	vma_ref vma;		/* the largest of pid 1's: 4 MiB, written */
	vma_ref shared;
	uint64_t pte_pa;	/* its first page, exclusive to pid 1 */
	pfn_t pfn;
	uint64_t ino, dir;	/* the file's, which pid 1 has open, and above */
	inode_ref inode;
	pipe_ref pipe;		/* with two buffers */
	pfn_t ring;		/* of two frames */
	pfn_t dirty;		/* its page 2; its page 0 lies on the disk alone */
	pfn_t clean;		/* its page 3, of which 5 bytes are in the file */
	pfn_t folio;		/* of four pages, dirty, of another file */
};

static void write_page_of(struct scene *sc, uint64_t index)
{
	struct op op = { .code = OP_PWRITE, .pid = 1,
			 .pwrite = { 3, index * PAGE_SIZE, NO_BUFFER, 0 },
			 .data = (const uint8_t *)"there", .data_len = 5 };

	ck_assert_int_eq(host_run(sc->m, &op).ret, 5);
}

static void set_file(struct scene *sc)
{
	struct op op = { .code = OP_FILE_CREATE, .path = "/d/f", .path_len = 4 };

	op.data = (const uint8_t *)"hello";
	op.data_len = 5;
	op.file_create.mode = 0644;
	host_run(sc->m, &op);
	op = (struct op){ .code = OP_OPEN, .pid = 1, .path = "/d/f",
			  .path_len = 4, .open = { O_RDWR, 0 } };
	ck_assert_int_eq(host_run(sc->m, &op).ret, 3);
	write_page_of(sc, 3);
	op.code = OP_FSYNC;
	op.fsync.fd = 3;
	ck_assert_int_eq(host_run(sc->m, &op).ret, 0);
	write_page_of(sc, 2);
	sc->ino = (uint64_t)mm_file_find(sc->m, "/d/f", 4);
	sc->dir = (uint64_t)mm_file_find(sc->m, "/d", 2);
	sc->inode = find_inode(sc->m, sc->ino);
	sc->dirty = find_get_page(sc->m, inode_mapping(sc->inode), 2);
	sc->clean = find_get_page(sc->m, inode_mapping(sc->inode), 3);
}

static void set_folio(struct scene *sc)
{
	static const uint8_t bytes[4 * PAGE_SIZE];
	struct op op = { .code = OP_OPEN, .pid = 1, .path = "/g", .path_len = 2,
			 .open = { O_RDWR | O_CREAT, 0644 } };
	const int64_t fd = host_run(sc->m, &op).ret;

	op = (struct op){ .code = OP_PWRITE, .pid = 1,
			  .pwrite = { fd, 0, NO_BUFFER, 0 },
			  .data = bytes, .data_len = sizeof(bytes) };
	ck_assert_int_eq(host_run(sc->m, &op).ret, sizeof(bytes));
	sc->folio = find_get_page(sc->m, inode_mapping(find_inode(sc->m,
		(uint64_t)mm_file_find(sc->m, "/g", 2))), 0);
	ck_assert_uint_eq(folio_nr_pages(sc->m, sc->folio), 4);
}

static void fill_pipe(struct scene *sc)
{
	static const uint8_t bytes[5000];
	struct op op = { .code = OP_PIPE, .pid = 1 };
	struct op_result res = host_run(sc->m, &op);

	op = (struct op){ .code = OP_WRITE, .pid = 1,
			  .write = { res.fds[1], NO_BUFFER, 0 },
			  .data = bytes, .data_len = sizeof(bytes) };
	host_run(sc->m, &op);
	op = (struct op){ .code = OP_FCNTL, .pid = 1,
			  .fcntl = { res.fds[0], 256 * PAGE_SIZE,
				     F_SETPIPE_SZ } };
	ck_assert_int_eq(host_run(sc->m, &op).ret, 256 * PAGE_SIZE);
	sc->pipe = mm_pipe(sc->m, mm_find_task(sc->m, 1), res.fds[0]);
	sc->ring = (pfn_t)(pipe_at(sc->m, sc->pipe)->ring >> PAGE_SHIFT);
}

static void set_scene(struct scene *sc)
{
	uint64_t addr, shared;
	task_ref task;

	sc->m = host_machine_small();
	host_spawn(sc->m);
	addr = (uint64_t)host_mmap(sc->m, 1, 0, 4 << 20, RW, ANON);
	shared = (uint64_t)host_mmap(sc->m, 1, 0, 3 << 12, RW,
				     MAP_SHARED | MAP_ANONYMOUS);
	host_touch(sc->m, 1, addr, 64 << 12, ACCESS_WRITE);
	host_touch(sc->m, 1, shared, 3 << 12, ACCESS_READ);
	set_file(sc);
	set_folio(sc);
	fill_pipe(sc);
	host_fork(sc->m, 1, 0);
	host_store(sc->m, 1, addr, 1);
	host_touch(sc->m, 1, addr + (100 << 12), 1, ACCESS_READ);
	host_check(sc->m);
	task = mm_find_task(sc->m, 1);
	sc->mm = task_at(sc->m, task)->mm;
	sc->vma = vma_lookup(sc->m, sc->mm, addr);
	sc->shared = vma_lookup(sc->m, sc->mm, shared);
	sc->pte_pa = pte_lookup(sc->m, mm_at(sc->m, sc->mm), addr);
	sc->pfn = pte_pfn(sc->m, entry_read(sc->m, sc->pte_pa));
	host_step_init(&sc->hs, sc->m, 1);
}

static struct disk_super *super(struct step *s)
{
	return disk_super_mut(s);
}

static struct zone *zone_of(struct step *s, pfn_t pfn)
{
	return &kernel_mut(s)->zones[page_zone(s->m, pfn)];
}

/* The first entry of the directory that the file is in. */
static struct disk_dirent *entry_of(struct step *s, const struct scene *sc)
{
	return disk_mut(s, disk_bmap(s->m, sc->dir, 0));
}

/* The top of the file's block map. */
static uint32_t *map_of(struct step *s, const struct scene *sc)
{
	return disk_mut(s, disk_inode_at(s->m, sc->ino)->i_map);
}

/* The block of its last page. */
static uint8_t *tail_of(struct step *s, const struct scene *sc)
{
	return disk_mut(s, map_of(s, sc)[3]);
}

/* The only node of the file's tree of pages. */
static struct radix_tree_node *leaf_of(struct step *s, const struct scene *sc)
{
	return ram_mut(s, mapping_at(s->m, inode_mapping(sc->inode))->page_tree);
}

static file_ref file_of(struct step *s, const struct scene *sc)
{
	return vma_at(s->m, sc->shared)->vm_file;
}

static uint8_t *bitmap_of(struct step *s)
{
	return disk_mut(s, disk_super_at(s->m)->s_block_bitmap);
}

static struct rb_node *top_node(struct step *s, const struct scene *sc)
{
	return ram_mut(s, mm_at(s->m, sc->mm)->mm_rb.rb_node);
}

/* The entry that points to the PTE table of sc->vma. */
static uint64_t table_entry(struct step *s, const struct scene *sc)
{
	struct mm_walk_level walk[MM_WALK_LEVELS];
	pfn_t pfn;
	int levels = mm_walk(s->m, sc->mm, vma_at(s->m, sc->vma)->vm_start,
			     walk, &pfn);

	return walk[levels - 2].entry_at;
}

/* The zone of most of the RAM, and the first that there is. */
#define BULK(s)	((s)->m->arch->user_zone == ZONE_HIGHMEM ? ZONE_NORMAL : ZONE_DMA32)
#define FIRST(s) ((s)->m->arch->zone_end[ZONE_DMA] ? ZONE_DMA : ZONE_DMA32)

/* A free block of less than the largest orders. */
static pfn_t some_block(struct step *s)
{
	for (int type = 0; type < MAX_NR_ZONES; type++)
		for (int order = 0; order < 7; order++) {
			const struct free_area *area =
				&kernel_at(s->m)->zones[type].free_area[order];

			if (area->nr_free)
				return lru_to_pfn(s->m, area->free_list.next);
		}
	abort();
}

/* Its buddy looks free at the same order, too. */
static void free_twin(struct step *s)
{
	const pfn_t pfn = some_block(s);
	const uint64_t order = page_at(s->m, pfn)->private;
	struct page_rest *twin = page_mut(s, pfn ^ 1U << order);

	twin->flags = 1ULL << PG_buddy;
	twin->private = order;
}

/* In an entry that maps a page: PAT, reserved on Sv39. */
#define UNKNOWN_BIT(s) ((s)->m->arch->exec ? 1ULL << 60 : 1ULL << 7)
/* The PTE after the first. */
#define NEXT_PTE(s, sc) ((sc)->pte_pa + (1ULL << (s)->m->arch->entry_shift))

/* One line plants a corruption: PLANT(law, statement on s, sc). */
#define PLANTS(PLANT)							\
	PLANT(vma_range, vma_mut(s, sc->vma)->vm_end += 1)		\
	PLANT(vma_order, vma_mut(s, sc->vma)->vm_prev = sc->vma)	\
	PLANT(vma_count, mm_mut(s, sc->mm)->map_count++)		\
	PLANT(vma_tree, top_node(s, sc)->rb_left = top_node(s, sc)->rb_right) \
	PLANT(vma_index, ((struct vma_index_node *)ram_mut(s, mm_at(s->m, sc->mm)->vma_index))->start[0] ^= PAGE_SIZE) \
	PLANT(vma_index, mm_mut(s, sc->mm)->vma_index = sc->mm.pa) \
	PLANT(vma_index, mm_mut(s, sc->mm)->highest_vm_end += PAGE_SIZE) \
	PLANT(vma_flags, vma_mut(s, sc->vma)->vm_flags &= ~VM_MAYWRITE)	\
	PLANT(vma_pgoff, vma_mut(s, sc->vma)->vm_pgoff = ~0ULL)		\
	PLANT(vma_owner, vma_mut(s, sc->vma)->vm_mm.pa += 64)		\
	PLANT(mm_totals, mm_mut(s, sc->mm)->total_vm++)			\
	PLANT(mm_totals, mm_mut(s, sc->mm)->locked_vm++)		\
	PLANT(mm_brk, mm_mut(s, sc->mm)->start_brk = mm_at(s->m, sc->mm)->brk + 1) \
	PLANT(mm_cache, mm_mut(s, sc->mm)->mmap_cache = vma_make(sc->mm.pa)) \
	PLANT(mm_users, mm_mut(s, sc->mm)->mm_users++)			\
	PLANT(table_frame, page_mut(s, (pfn_t)(sc->pte_pa >> 12))->flags = 0) \
	PLANT(table_count, mm_mut(s, sc->mm)->nr_ptes++)		\
	PLANT(table_count, kernel_mut(s)->nr_page_table_pages--)	\
	PLANT(table_count, mm_mut(s, sc->mm)->nr_p4ds++)		\
	PLANT(table_entry, set_pte(s, table_entry(s, sc), entry_read(s->m, table_entry(s, sc)) ^ s->m->arch->accessed)) \
	PLANT(pte_bits, set_pte(s, sc->pte_pa, entry_read(s->m, sc->pte_pa) | UNKNOWN_BIT(s))) \
	PLANT(pte_marker, set_pte(s, sc->pte_pa, 0x12))			\
	PLANT(pte_marker, set_pte(s, sc->pte_pa, make_guard_pte(s->m)))	\
	PLANT(pte_vma, set_pte(s, sc->pte_pa, pfn_pte(s->m, kernel_at(s->m)->ram_frames, s->m->arch->protection_map[3])))	\
	PLANT(pte_write, vma_mut(s, sc->vma)->vm_flags &= ~VM_WRITE)	\
	PLANT(pte_write, set_pte(s, sc->pte_pa, entry_read(s->m, sc->pte_pa) & ~s->m->arch->exclusive)) \
	PLANT(pte_exclusive, set_pte(s, NEXT_PTE(s, sc), entry_read(s->m, NEXT_PTE(s, sc)) | s->m->arch->exclusive)) \
	PLANT(pte_special, set_pte(s, sc->pte_pa, entry_read(s->m, sc->pte_pa) | s->m->arch->special)) \
	PLANT(zero_page, *(char *)ram_mut(s, pfn_to_pa((pfn_t)kernel_at(s->m)->zero_pfn)) = 1) \
	PLANT(rss, mm_mut(s, sc->mm)->_anon_rss++)			\
	PLANT(rss, mm_mut(s, sc->mm)->_shmem_rss--)			\
	PLANT(mapcount, page_counts_mut(s, sc->pfn)->_mapcount++)	\
	PLANT(refcount, page_counts_mut(s, sc->pfn)->_count++)		\
	PLANT(anon_rmap, page_mut(s, sc->pfn)->index++)			\
	PLANT(anon_rmap, page_mut(s, sc->pfn)->mapping += 64)		\
	PLANT(anon_vma_list, anon_vma_mut(s, vma_at(s->m, sc->vma)->anon_vma)->nr_vmas--) \
	PLANT(anon_vma_list, vma_mut(s, sc->vma)->anon_vma_ident = 77)	\
	PLANT(file_rmap, vma_mut(s, sc->shared)->vm_pgoff++)		\
	PLANT(i_mmap_tree, vma_mut(s, sc->shared)->shared.linear.rb_subtree_last++) \
	PLANT(i_mmap, mapping_mut(s, file_at(s->m, vma_at(s->m, sc->shared)->vm_file)->f_mapping)->i_mmap_writable--) \
	PLANT(sealed, inode_mut(s, file_at(s->m, vma_at(s->m, sc->shared)->vm_file)->f_inode)->i_seals |= F_SEAL_WRITE) \
	PLANT(frame_state, page_counts_mut(s, sc->pfn)->_count = 0)	\
	PLANT(frame_free, *(char *)ram_mut(s, (kernel_at(s->m)->zones[BULK(s)].frontier_end - 7) << 12) = 1) \
	PLANT(frame_free, page_mut(s, (pfn_t)kernel_at(s->m)->zones[BULK(s)].frontier_end - 7)->index = 1) \
	PLANT(zone_pages, kernel_mut(s)->totalram_pages--)		\
	PLANT(zone_free, kernel_mut(s)->zones[BULK(s)].free_pages++)		\
	PLANT(zone_free, kernel_mut(s)->zones[FIRST(s)].free_area[3].nr_free++) \
	PLANT(buddy_block, page_mut(s, some_block(s))->private = 7)		\
	PLANT(buddy_coalesced, free_twin(s))				\
	PLANT(watermarks, kernel_mut(s)->zones[FIRST(s)].pages_min = 1 << 20)	\
	PLANT(slab_lists, kernel_mut(s)->caches[CACHE_VMA].nr_active++)	\
	PLANT(slab_free, ((struct slab *)ram_mut(s, sc->vma.pa & PAGE_MASK))->free = BUFCTL_END) \
	PLANT(slab_objects, kmem_cache_alloc(s, CACHE_VMA))		\
	PLANT(lru_lists, page_mut(s, sc->pfn)->flags &= ~(1ULL << PG_active)) \
	PLANT(lru_lists, kernel_mut(s)->zones[BULK(s)].nr_active--)		\
	PLANT(lru_lists, kernel_mut(s)->zones[BULK(s)].nr_active_file++)	\
	PLANT(page_tree, mapping_mut(s, file_at(s->m, vma_at(s->m, sc->shared)->vm_file)->f_mapping)->nrpages++) \
	PLANT(file_count, file_mut(s, vma_at(s->m, sc->shared)->vm_file)->f_count++) \
	PLANT(file_count, inode_mut(s, sc->inode)->i_count++)		\
	PLANT(file_count, inode_mut(s, inode_at(s->m, sc->inode)->i_parent)->i_count--) \
	PLANT(fd_table, files_mut(s, task_at(s->m, mm_find_task(s->m, 1))->files)->max_fds = 96) \
	PLANT(fd_table, files_mut(s, task_at(s->m, mm_find_task(s->m, 1))->files)->next_fd++) \
	PLANT(fd_table, files_mut(s, task_at(s->m, mm_find_task(s->m, 1))->files)->fdt[0] = sc->pfn) \
	PLANT(disk_counts, super(s)->s_magic++)				\
	PLANT(disk_counts, super(s)->s_free_blocks--)			\
	PLANT(disk_counts, super(s)->s_free_inodes++)			\
	PLANT(disk_counts, super(s)->s_inode_table = 0)			\
	PLANT(disk_counts, bitmap_of(s)[100] = 1)			\
	PLANT(disk_blocks, bitmap_of(s)[100] = 1)			\
	PLANT(disk_blocks, map_of(s, sc)[1] = map_of(s, sc)[0])		\
	PLANT(disk_free, *(char *)disk_mut(s, super(s)->s_blocks - 1) = 1) \
	PLANT(disk_map, map_of(s, sc)[1] = 1)				\
	PLANT(disk_map, map_of(s, sc)[1] = ~0u)				\
	PLANT(disk_map, disk_inode_mut(s, sc->ino)->i_blocks++)		\
	PLANT(disk_map, disk_inode_mut(s, sc->ino)->i_height = 9)	\
	PLANT(disk_map, (map_of(s, sc)[0] = 0, map_of(s, sc)[2] = 0))	\
	PLANT(disk_names, entry_of(s, sc)->name[0] = '/')		\
	PLANT(disk_names, entry_of(s, sc)->rec_len = 0)			\
	PLANT(disk_names, entry_of(s, sc)->ino = 4000)			\
	PLANT(disk_names, disk_inode_mut(s, sc->ino)->i_dir = 2)	\
	PLANT(disk_names, disk_inode_mut(s, sc->dir)->i_size = 7)	\
	PLANT(disk_nlink, disk_inode_mut(s, sc->ino)->i_nlink = 2)	\
	PLANT(disk_nlink, disk_inode_mut(s, sc->dir)->i_nlink++)	\
	PLANT(disk_nlink, entry_of(s, sc)->ino = (uint32_t)sc->dir)	\
	PLANT(inode_disk, inode_mut(s, sc->inode)->i_size++)		\
	PLANT(inode_disk, inode_mut(s, sc->inode)->i_blocks++)		\
	PLANT(inode_disk, inode_mut(s, sc->inode)->i_ino = sc->dir)	\
	PLANT(inode_disk, inode_mut(s, sc->inode)->i_ino = 4000)	\
	PLANT(inode_disk, inode_mut(s, sc->inode)->i_parent = sc->inode) \
	PLANT(inode_disk, kernel_mut(s)->inodes.rb_node = 0)		\
	PLANT(dirty_block, map_of(s, sc)[2] = 0)			\
	PLANT(file_count, file_mut(s, file_of(s, sc))->f_count = 0)	\
	PLANT(slab_objects, kmem_cache_alloc(s, CACHE_RADIX))		\
	PLANT(page_tree, leaf_of(s, sc)->count++)			\
	PLANT(page_tree, mapping_mut(s, inode_mapping(sc->inode))->page_tree += 8) \
	PLANT(page_tree, mapping_mut(s, inode_mapping(sc->inode))->height = 0) \
	PLANT(page_tags, leaf_of(s, sc)->tags[PAGECACHE_TAG_DIRTY] = 0)	\
	PLANT(page_tags, leaf_of(s, sc)->tags[PAGECACHE_TAG_WRITEBACK] = 4) \
	PLANT(page_tags, leaf_of(s, sc)->tags[PAGECACHE_TAG_DIRTY] |= 2) \
	PLANT(page_tags, page_mut(s, sc->dirty)->flags &= ~(1ULL << PG_dirty)) \
	PLANT(page_tags, page_mut(s, sc->dirty)->flags |= 1ULL << PG_writeback) \
	PLANT(counters, kernel_mut(s)->nr_dirty--)			\
	PLANT(counters, kernel_mut(s)->nr_writeback++)			\
	PLANT(page_clean, *(char *)ram_mut(s, pfn_to_pa(sc->clean)) ^= 1) \
	PLANT(page_clean, *(char *)disk_mut(s, map_of(s, sc)[3]) ^= 1)	\
	PLANT(page_clean, map_of(s, sc)[3] = 0)				\
	PLANT(page_tail, tail_of(s, sc)[PAGE_SIZE - 1] = 1)		\
	PLANT(page_end, (page_counts_mut(s, sc->dirty)->_mapcount = 0, inode_mut(s, sc->inode)->i_size = 2 * PAGE_SIZE)) \
	PLANT(dirty_inodes, inode_mut(s, sc->inode)->i_state = 0)	\
	PLANT(dirty_inodes, inode_mut(s, sc->inode)->dirtied_when = ~0ULL) \
	PLANT(dirty_inodes, list_del(s, sc->inode.pa + offsetof(struct inode, i_list))) \
	PLANT(pipe_ring, pipe_mut(s, sc->pipe)->nrbufs = 257)		\
	PLANT(pipe_ring, pipe_mut(s, sc->pipe)->ring += PAGE_SIZE)	\
	PLANT(compound, page_mut(s, sc->ring + 1)->flags = 0)		\
	PLANT(compound, page_mut(s, sc->ring + 1)->lru.next = 0)	\
	PLANT(compound, page_mut(s, sc->ring + 1)->lru.prev = 11)	\
	PLANT(compound, page_mut(s, sc->ring + 1)->private++)		\
	PLANT(compound, page_counts_mut(s, sc->ring + 1)->_count = 1)	\
	PLANT(compound, page_mut(s, sc->folio + 2)->index++)		\
	PLANT(compound, page_mut(s, sc->folio + 2)->mapping = 0)	\
	PLANT(compound, page_mut(s, sc->folio + 2)->lru.next += 64)	\
	PLANT(compound, page_mut(s, sc->folio + 2)->private = ~7ULL)	\
	PLANT(compound, page_mut(s, sc->folio + 1)->lru.prev = ~7ULL)	\
	PLANT(compound, page_mut(s, sc->folio)->flags &= ~(1ULL << PG_dirty)) \
	PLANT(page_tags, page_mut(s, sc->folio)->flags &= ~(1ULL << PG_dirty)) \
	PLANT(refcount, page_counts_mut(s, sc->folio)->_count--)	\
	PLANT(mapcount, page_counts_mut(s, sc->folio + 3)->_mapcount++)	\
	PLANT(page_tree, page_mut(s, sc->folio + 3)->index++)		\
	PLANT(lru_lists, zone_of(s, sc->folio)->nr_inactive_file -= 3)	\
	PLANT(pipe_ring, pipe_buf_mut(s, sc->pipe, 0)->len = 5000)	\
	PLANT(pipe_page, page_mut(s, (pfn_t)pipe_buf_at(s->m, sc->pipe, 0)->page)->mapping = 64) \
	PLANT(pipe_ends, pipe_mut(s, sc->pipe)->readers++)		\
	PLANT(pipe_ends, kernel_mut(s)->pipe_bufs--)			\
	PLANT(refcount, pipe_buf_mut(s, sc->pipe, 0)->page++)		\
	PLANT(committed, kernel_mut(s)->vm_committed_space++)		\
	PLANT(counters, kernel_mut(s)->nr_anon_pages++)			\
	PLANT(tasks, kernel_mut(s)->nr_tasks++)				\
	PLANT(tasks, task_mut(s, mm_find_task(s->m, 2))->ppid = 9)	\
	PLANT(vma_count, vma_mut(s, sc->vma)->vm_next = sc->vma)	\
	PLANT(vma_count, mm_mut(s, sc->mm)->mmap.pa = ~7ULL)

#define PLANT(law, statement) #law,
static const char *const plant_laws[] = { PLANTS(PLANT) };
#undef PLANT

#define NR_PLANTS (sizeof(plant_laws) / sizeof(plant_laws[0]))

static void spoil(unsigned int which, struct step *s, struct scene *sc)
{
	unsigned int i = 0;

#define PLANT(law, statement)	\
	if (i++ == which) {	\
		statement;	\
		return;		\
	}
	PLANTS(PLANT)
#undef PLANT
}

struct heard {
	const char *law;
	int times;
};

static void listen(void *ctx, const char *law, const char *what)
{
	struct heard *heard = ctx;

	ck_assert_ptr_nonnull(what);
	heard->times += !strcmp(law, heard->law);
}

START_TEST(each_corruption_breaks_the_law_that_speaks_of_it)
{
	struct heard heard = { plant_laws[_i], 0 };
	struct scene sc;

	if (evil_is_on())	/* what is planted would be taken away */
		return;
	set_scene(&sc);
	spoil((unsigned int)_i, &sc.hs.s, &sc);
	ck_assert_msg(mm_check(sc.m, listen, &heard) > 0,
		      "plant %d: %s: nothing was reported", _i, heard.law);
	ck_assert_msg(heard.times > 0, "plant %d: %s was not reported", _i,
		      heard.law);
	host_machine_free(sc.m);
}
END_TEST

/* When all is over, all frames are free again. */
START_TEST(a_machine_whose_processes_are_gone_is_as_it_booted)
{
	struct machine *m = host_machine_small();
	struct kernel boot = *kernel_at(m);
	struct op op = { .code = OP_SYSCTL };

	for (int i = 0; i < 3; i++) {
		uint32_t pid = host_spawn(m);
		uint64_t addr = (uint64_t)host_mmap(m, pid, 0, 8 << 20, RW, ANON);
		uint32_t child;

		host_touch(m, pid, addr, 8 << 20, ACCESS_WRITE);
		host_store(m, pid, addr + 5, 5);
		child = (uint32_t)host_fork(m, pid, 0);
		host_touch(m, child, addr, 4 << 20, ACCESS_WRITE);
		host_exit(m, pid);
		host_exit(m, child);
	}
	op.sysctl = (struct op_sysctl){ SYSCTL_drop_caches, 2 };
	host_run(m, &op);
	host_check(m);
	ck_assert_uint_eq(kernel_at(m)->vm_committed_space, 0);
	ck_assert_uint_eq(kernel_at(m)->nr_page_table_pages, 0);
	for (int type = 0; type < MAX_NR_ZONES; type++)
		ck_assert_uint_ge(kernel_at(m)->zones[type].free_pages + 1,
				  boot.zones[type].free_pages);
	host_machine_free(m);
}
END_TEST

Suite *suite_invariant(void);
Suite *suite_invariant(void)
{
	Suite *suite = suite_create("invariant");
	TCase *tc = tcase_create("laws");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, each_corruption_breaks_the_law_that_speaks_of_it,
			    0, (int)NR_PLANTS);
	tcase_add_test(tc, a_machine_whose_processes_are_gone_is_as_it_booted);
	suite_add_tcase(suite, tc);
	return suite;
}
