/* SPDX-License-Identifier: MIT */
/*
 * struct kernel: what a real kernel keeps in its data section. It begins in
 * frame 1 of the simulated RAM and is the root from which all else is found.
 *
 *	frame 0		reserved, never used: address 0 means "none"
 *	frame 1 …	struct kernel (KERNEL_FRAMES frames)
 *	then		the zero page: never written, always reads as zero
 *	…		free memory, in zones
 *	top		mem_map, at the end of what the kernel sees of the RAM
 *	…		HighMem, where there is any
 */
#ifndef MMCORE_KERNEL_H
#define MMCORE_KERNEL_H

#include <stdbool.h>

#include "mmcore/mm/mm_types.h"

#define HZ	250	/* jiffies a second */
#define MAX_ORDER	11	/* orders 0 … 10; blocks up to 4 MiB */
#define MAX_BLOCK	(1ULL << (MAX_ORDER - 1))	/* frames of the largest block */

enum zone_type { ZONE_DMA, ZONE_DMA32, ZONE_NORMAL, ZONE_HIGHMEM, MAX_NR_ZONES };

struct free_area {
	struct list_head free_list;	/* first pages of the blocks, by their lru */
	uint64_t nr_free;	/* blocks on the list and in the frontier */
};

/*
 * A zone of frames. The frontier is the part of the order-10 list that was
 * never touched since boot: it forms that list's tail and is taken from its
 * top downwards, so it needs no entries, only its two ends.
 */
struct zone {
	uint64_t free_pages;
	uint64_t pages_min, pages_low, pages_high;
	uint64_t lowmem_reserve[MAX_NR_ZONES];
	struct free_area free_area[MAX_ORDER];
	struct list_head active_list, inactive_list;
	uint64_t nr_scan_active, nr_scan_inactive;
	uint64_t nr_active, nr_inactive;
	uint64_t pages_scanned;
	uint64_t all_unreclaimable;
	uint64_t temp_priority, prev_priority;
	uint64_t zone_start_pfn;
	uint64_t spanned_pages, present_pages;
	/* ours */
	uint64_t managed_pages;		/* present less reserved at boot */
	uint64_t frontier_start;	/* pfn, multiple of 1024 */
	uint64_t frontier_end;		/* pfn, multiple of 1024; == start: used up */
	uint64_t nr_active_file, nr_inactive_file;	/* the part of nr_active and of
							 * nr_inactive that is without
							 * PG_swapbacked */
};

/* The kernel's object caches; one line adds one. */
#define KMEM_CACHES(X)						\
	X(VMA,		"vm_area_struct", struct vm_area_struct)	\
	X(MM,		"mm_struct",	struct mm_struct)		\
	X(ANON_VMA,	"anon_vma",	struct anon_vma)		\
	X(TASK,		"task_struct",	struct task_struct)		\
	X(FILES,	"files_cache",	struct files_struct)		\
	X(FILE,		"filp",		struct file)			\
	X(INODE,	"inode_cache",	struct inode)			\
	X(RADIX,	"radix_tree_node", struct radix_tree_node)	\
	X(VMA_INDEX,	"vma_index",	struct vma_index_node)		\
	X(NAME,		"names_cache",	struct file_name)		\
	X(PIPE,		"pipe_inode_info", struct pipe_inode_info)

enum kmem_cache_id {
#define X(id, name, type) CACHE_##id,
	KMEM_CACHES(X)
#undef X
	NR_KMEM_CACHES,
};

#define RADIX_TREE_MAP_SHIFT 6
#define RADIX_TREE_MAP_SIZE (1 << RADIX_TREE_MAP_SHIFT)

struct radix_tree_node {
	uint32_t count;			/* slots in use */
	uint32_t reserved;
	uint64_t tags[2];		/* one bit a slot: DIRTY, WRITEBACK */
	uint64_t slots[RADIX_TREE_MAP_SIZE];	/* node address, or pfn in a leaf */
};

struct kmem_cache {
	struct list_head slabs_full, slabs_partial, slabs_free;
	uint32_t objsize;		/* bytes, rounded up to the alignment */
	uint32_t num;			/* objects a slab */
	uint64_t nr_slabs, nr_free_slabs;
	uint64_t nr_active;		/* objects handed out */
};

struct kernel {
	uint64_t magic;			/* KERNEL_MAGIC once booted */
	/* the machine as created */
	uint64_t ram_frames;
	uint64_t swap_bytes, disk_bytes;
	uint64_t seed;
	uint32_t arch;			/* enum arch_id */
	uint32_t cpus;
	uint32_t aslr;
	uint32_t reserved0;
	/* sysctls */
	uint64_t overcommit_memory, overcommit_ratio, overcommit_kbytes;
	uint64_t swappiness, max_map_count, mmap_min_addr;
	uint64_t nr_hugepages, min_free_kbytes;
	uint64_t admin_reserve_kbytes, user_reserve_kbytes;
	uint64_t stack_guard_gap;	/* pages: 256 */
	uint64_t drop_caches;		/* last value written */
	uint64_t pipe_max_size;		/* bytes: 1 MiB */
	/* time and chance */
	uint64_t jiffies;
	uint64_t rng_state;
	/* memory */
	uint64_t mem_map_pfn;		/* first frame of mem_map */
	uint64_t mem_map_end;		/* the frame after it */
	uint64_t zero_pfn;		/* empty_zero_page */
	uint64_t totalram_pages;
	uint64_t vm_committed_space;	/* pages promised */
	uint64_t nr_page_table_pages;	/* all levels */
	uint64_t nr_anon_pages, nr_file_mapped, nr_shmem, nr_file_pages;
	uint64_t nr_kernel_pages;	/* PG_kernel frames */
	uint64_t pgfault, pgmajfault, pgfree, pgreuse;	/* events */
	uint64_t pgalloc[MAX_NR_ZONES];
	uint64_t pgpgin, pgpgout;	/* events: KiB from and to the disk */
	uint64_t nr_dirtied, nr_written;	/* events: pages of files */
	uint64_t pipe_bufs;		/* slots of all pipes */
	uint64_t special_pfn[3][4];	/* frames of [vvar], [vvar_vclock], [vdso] */
	/* processes */
	struct rb_root tasks;		/* task_structs by pid */
	uint64_t nr_tasks;
	uint64_t last_pid;
	uint64_t last_mm_id;
	uint64_t last_ino;		/* tmpfs inode numbers */
	file_ref null_file;		/* the open /dev/null all tasks share */
	struct list_head dirty_inodes;	/* with dirty pages, the oldest first */
	uint64_t nr_dirty, nr_writeback;	/* pages of files */
	uint64_t dirty_ratio, dirty_background_ratio;	/* percent */
	uint64_t dirty_expire_centisecs, dirty_writeback_centisecs;
	uint64_t read_ahead_kb;		/* the window of files opened from now on */
	struct rb_root inodes;		/* the disk's inodes in memory, by i_ino */
	struct zone zones[MAX_NR_ZONES];
	struct kmem_cache caches[NR_KMEM_CACHES];
};

#define KERNEL_MAGIC	0x64706d616d6dULL
#define KERNEL_PA	PAGE_SIZE
#define KERNEL_FRAMES	((sizeof(struct kernel) + PAGE_SIZE - 1) / PAGE_SIZE)

_Static_assert(KERNEL_FRAMES == 1, "kernel_mut() marks one frame");

static inline const struct kernel *kernel_at(const struct machine *m)
{
	return ram_at(m, KERNEL_PA);
}

static inline struct kernel *kernel_mut(struct step *s)
{
	return ram_mut(s, KERNEL_PA);
}

/* The address of a member of struct kernel, for list heads and tree roots. */
#define KERNEL_MEMBER(member) (KERNEL_PA + offsetof(struct kernel, member))

static inline struct zone *zone_mut(struct step *s, enum zone_type type)
{
	MM_ASSERT(type < MAX_NR_ZONES);
	return &kernel_mut(s)->zones[type];
}

/* The physical address of the head of a zone's active or inactive list. O(1). */
static inline uint64_t lru_list_pa(enum zone_type type, bool active)
{
	return KERNEL_MEMBER(zones) + type * sizeof(struct zone) +
	       (active ? offsetof(struct zone, active_list)
		       : offsetof(struct zone, inactive_list));
}

#endif
