/* SPDX-License-Identifier: MIT */
/* Making a machine: its configuration checked, its kernel's first state. */
#include <string.h>

#include "mmcore/arch/arch.h"
#include "mmcore/fs/disk.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/slab.h"

#define STACK_GUARD_GAP_PAGES 256

struct mm_config mm_config_default(void)
{
	return (struct mm_config){
		.ram = 256ULL << 20,
		.disk = 1ULL << 30,
		.arch = ARCH_X86_64,
		.cpus = 1,
		.overcommit_ratio = 50,
		.swappiness = 60,
		.max_map_count = 65530,
		.mmap_min_addr = 65536,
	};
}

const char *mm_config_check(const struct mm_config *c, const char **param)
{
	const struct arch *a = arch_find(c->arch);

	*param = "arch";
	if (!a)
		return "is no architecture";
	*param = "ram";
	if (c->ram < MM_RAM_MIN || c->ram > MM_RAM_MAX)
		return "must be from 4M to 4T";
	if (c->ram > a->ram_max)
		return "is more than the architecture can use";
	if (c->ram & ~PAGE_MASK)
		return "must be a multiple of 4096";
	*param = "disk";
	if (c->disk < MM_DISK_MIN || c->disk > MM_DISK_MAX)
		return "must be from 1M to 4T";
	if (c->disk & ~PAGE_MASK)
		return "must be a multiple of 4096";
	*param = "cpus";
	if (c->cpus < 1 || c->cpus > NR_CPUS_MAX)
		return "must be from 1 to 64";
	*param = "overcommit_memory";
	if (c->overcommit_memory > 2)
		return "must be 0, 1 or 2";
	*param = "overcommit_ratio";
	if (c->overcommit_ratio > INT32_MAX)
		return "must be below 2^31";
	*param = "swappiness";
	if (c->swappiness > 200)
		return "must be from 0 to 200";
	*param = "max_map_count";
	if (c->max_map_count > INT32_MAX)
		return "must be below 2^31";
	*param = "mmap_min_addr";
	if (c->mmap_min_addr >= a->task_size)
		return "must lie in user space";
	*param = "min_free_kbytes";
	if (c->min_free_kbytes > c->ram >> 12)
		return "must be at most a quarter of the RAM";
	*param = "swap";
	if (c->swap)
		return "is not available in this version";
	*param = "hugepages";
	if (c->hugepages)
		return "is not available in this version";
	*param = "aslr";
	if (c->aslr)
		return "is not available in this version";
	*param = NULL;
	return NULL;
}

uint64_t mm_frame_map_bytes(uint64_t bytes)
{
	/* Whole chunks, so that a scan may read eight marks at a time. */
	return ((bytes >> PAGE_SHIFT) + FRAMES_PER_CHUNK - 1) &
	       ~(FRAMES_PER_CHUNK - 1);
}

uint64_t mm_chunk_map_bytes(uint64_t bytes)
{
	return mm_frame_map_bytes(bytes) >> FRAMES_PER_CHUNK_SHIFT;
}

void mm_attach(struct machine *m)
{
	m->arch = arch_find(kernel_at(m)->arch);
	MM_ASSERT(m->arch);
}

/* The reserves of strict overcommit: a share of what is free, capped. */
static void set_reserves(struct kernel *k, uint64_t free_pages)
{
	const uint64_t share_kb = free_pages / 32 << (PAGE_SHIFT - 10);

	k->admin_reserve_kbytes = share_kb < 8192 ? share_kb : 8192;
	k->user_reserve_kbytes = share_kb < 131072 ? share_kb : 131072;
}

void mm_boot(struct machine *m, const struct mm_config *c)
{
	struct op_result res = { 0 };
	struct step step = { .m = m, .res = &res }, *s = &step;
	struct kernel *k = kernel_mut(s);

	MM_ASSERT(c->ram == m->ram_bytes && c->disk == m->disk_bytes);
	k->magic = KERNEL_MAGIC;
	k->ram_frames = c->ram >> PAGE_SHIFT;
	k->swap_bytes = c->swap;
	k->disk_bytes = c->disk;
	k->seed = c->seed;
	k->rng_state = c->seed;
	k->arch = c->arch;
	k->cpus = c->cpus;
	k->aslr = c->aslr;
	k->overcommit_memory = c->overcommit_memory;
	k->overcommit_ratio = c->overcommit_ratio;
	k->swappiness = c->swappiness;
	k->max_map_count = c->max_map_count;
	k->pipe_max_size = 1 << 20;
	k->mmap_min_addr = c->mmap_min_addr;
	k->min_free_kbytes = c->min_free_kbytes;
	k->stack_guard_gap = STACK_GUARD_GAP_PAGES;
	mm_attach(m);
	k->dirty_ratio = 20;
	k->dirty_background_ratio = 10;
	k->dirty_expire_centisecs = 3000;
	k->dirty_writeback_centisecs = 500;
	k->read_ahead_kb = 128;
	INIT_LIST_HEAD(s, KERNEL_MEMBER(dirty_inodes));
	mem_init(s);
	set_reserves(k, nr_free_pages(m));
	kmem_cache_init(s);
	disk_format(s);
}
