/* SPDX-License-Identifier: MIT */
/* The knobs of /proc/sys/vm and fs, and the passing of time. */
#include <string.h>

#include "mmcore/fs/pipe.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/slab.h"

static const struct {
	const char *name;
	uint32_t offset;	/* in struct kernel */
	uint64_t min, max;
	const char *why;
} sysctls[NR_SYSCTLS] = {
#define LIMIT(member, low, high, sentence)				\
	[SYSCTL_##member] = { NULL, offsetof(struct kernel, member),	\
			      low, high, sentence }
	LIMIT(overcommit_memory, 0, 2, "must be 0, 1 or 2"),
	LIMIT(overcommit_ratio, 0, INT32_MAX, "must be below 2^31"),
	LIMIT(overcommit_kbytes, 0, 1ULL << 50, "must be at most 2^50"),
	LIMIT(swappiness, 0, 200, "must be from 0 to 200"),
	LIMIT(max_map_count, 0, INT32_MAX, "must be below 2^31"),
	LIMIT(mmap_min_addr, 0, 1ULL << 46, "must lie in user space"),
	LIMIT(min_free_kbytes, 0, 262144, "must be at most 262144"),
	LIMIT(admin_reserve_kbytes, 0, 1ULL << 50, "must be at most 2^50"),
	LIMIT(user_reserve_kbytes, 0, 1ULL << 50, "must be at most 2^50"),
	LIMIT(dirty_ratio, 0, 100, "must be from 0 to 100"),
	LIMIT(dirty_background_ratio, 0, 100, "must be from 0 to 100"),
	LIMIT(dirty_expire_centisecs, 0, 1ULL << 32, "must be at most 2^32"),
	LIMIT(dirty_writeback_centisecs, 0, 1ULL << 32, "must be at most 2^32"),
	LIMIT(read_ahead_kb, 0, 1ULL << 20, "must be at most 2^20"),
	LIMIT(drop_caches, 1, 4, "must be from 1 to 4"),
	LIMIT(pipe_max_size, 0, 1ULL << 31, "must be at most 2^31"),
#undef LIMIT
};

static const char *const sysctl_names[NR_SYSCTLS] = {
#define X(member, name) name,
	SYSCTLS(X)
#undef X
};

/* strcmp(): the core has no C library but mem*(). */
static bool same_text(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

int mm_sysctl_id(const char *name)
{
	for (int i = 0; i < NR_SYSCTLS; i++)
		if (same_text(sysctl_names[i], name))
			return i;
	return -1;
}

const char *mm_sysctl_name(int id)
{
	return sysctl_names[id];
}

uint64_t mm_sysctl_read(const struct machine *m, int id)
{
	uint64_t value;

	memcpy(&value, (const char *)kernel_at(m) + sysctls[id].offset,
	       sizeof(value));
	return value;
}

const char *mm_sysctl_check(int id, uint64_t value)
{
	if (value < sysctls[id].min || value > sysctls[id].max)
		return sysctls[id].why;
	return NULL;
}

void sysctl_write(struct step *s, const struct op_sysctl *a)
{
	MM_ASSERT(a->id < NR_SYSCTLS);
	memcpy((char *)kernel_mut(s) + sysctls[a->id].offset, &a->value,
	       sizeof(a->value));
	switch (a->id) {
	case SYSCTL_min_free_kbytes:
		setup_per_zone_pages_min(s);
		break;
	case SYSCTL_drop_caches:
		if (a->value & 1)
			drop_pagecache(s);
		kmem_cache_shrink_all(s);
		break;
	case SYSCTL_pipe_max_size:
		kernel_mut(s)->pipe_max_size = round_pipe_size(a->value);
		break;
	case SYSCTL_overcommit_kbytes:
		kernel_mut(s)->overcommit_ratio = 0;
		break;
	case SYSCTL_overcommit_ratio:
		kernel_mut(s)->overcommit_kbytes = 0;
		break;
	}
}

/* What happens by itself: dirty data is written. */
void machine_tick(struct step *s, const struct op_tick *a)
{
	const uint64_t from = kernel_at(s->m)->jiffies;

	kernel_mut(s)->jiffies += a->jiffies;
	pdflush(s, from);
}
