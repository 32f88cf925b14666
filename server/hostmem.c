/* SPDX-License-Identifier: MIT */
/*
 * The host's memory of a machine: one sparse range that holds the RAM, the
 * disk, the frame map, then the chunk map. Nothing is provided before it is
 * written, and huge pages are kept out, so a machine costs what it uses whatever
 * the size of its RAM. All lie in one range because mem_map is at the RAM's top,
 * what a file system needs first at the disk's beginning, and the maps are small:
 * a small machine then gets by with few host page tables.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/hosted.h"

/* Freed frames that are kept for the next operations to use. */
#define TRIM_KEEP	4096

static uint64_t range_bytes(uint64_t machine)
{
	return machine + mm_frame_map_bytes(machine) +
	       PAGE_ALIGN(mm_chunk_map_bytes(machine));
}

void *hostmem_map(uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

void hostmem_unmap(void *p, uint64_t bytes)
{
	if (p)
		munmap(p, bytes);
}

void hostmem_discard(void *p, uint64_t bytes)
{
	madvise(p, bytes, MADV_DONTNEED);
}

bool hostmem_reserve(struct machine *m, uint64_t ram, uint64_t disk)
{
	const uint64_t bytes = ram + disk;
	uint8_t *base = hostmem_map(range_bytes(bytes));

	if (!base)
		return false;
	*m = (struct machine){
		.ram = base,
		.frame_map = base + bytes,
		.chunk_map = base + bytes + mm_frame_map_bytes(bytes),
		.ram_bytes = ram,
		.disk_bytes = disk,
	};
	return true;
}

void hostmem_release(struct machine *m)
{
	hostmem_unmap(m->ram, range_bytes(machine_frames(m) << PAGE_SHIFT));
	m->ram = NULL;
}

/* Pages of the host may be larger than frames: inner ones only. */
static void discard_frames(struct machine *m, uint64_t first, uint64_t nr)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t)m->ram + (first << PAGE_SHIFT);
	uintptr_t end = start + (nr << PAGE_SHIFT);

	start = (start + page - 1) & ~(page - 1);
	end &= ~(page - 1);
	if (start < end)
		hostmem_discard((void *)start, end - start);
}

void hostmem_trim(struct machine *m)
{
	const uint64_t idle = m->nr_resident - m->nr_written;
	uint64_t first, nr;

	/* The walk passes every resident frame: worth it for a share of them. */
	if (likely(idle <= TRIM_KEEP || idle <= m->nr_written / 8))
		return;
	for (first = ram_release_run(m, 0, &nr); first != UINT64_MAX;
	     first = ram_release_run(m, first + nr, &nr))
		discard_frames(m, first, nr);
}

static void copy_frame(struct step *s, const struct machine *from, uint64_t pfn)
{
	memcpy(frame_mut(s, pfn), frame_at(from, pfn), PAGE_SIZE);
}

void hostmem_copy(struct machine *to, const struct machine *from)
{
	struct step s = { .m = to };
	uint64_t pfn = ram_next_frame(from, 0, FRAME_WRITTEN);

	for (; pfn != UINT64_MAX;
	     pfn = ram_next_frame(from, pfn + 1, FRAME_WRITTEN))
		copy_frame(&s, from, pfn);
	mm_attach(to);
}

void hostmem_become(struct machine *m, const struct machine *from)
{
	struct step s = { .m = m };
	uint64_t mine = ram_next_frame(m, 0, FRAME_WRITTEN);
	uint64_t theirs = ram_next_frame(from, 0, FRAME_WRITTEN);

	while (mine != UINT64_MAX || theirs != UINT64_MAX) {
		const uint64_t pfn = mine < theirs ? mine : theirs;

		if (theirs != pfn)
			ram_clear_frame(&s, (pfn_t)pfn);
		else if (memcmp(frame_at(m, pfn), frame_at(from, pfn),
				PAGE_SIZE))
			copy_frame(&s, from, pfn);
		if (mine == pfn)
			mine = ram_next_frame(m, pfn + 1, FRAME_WRITTEN);
		if (theirs == pfn)
			theirs = ram_next_frame(from, pfn + 1, FRAME_WRITTEN);
	}
}

uint64_t hostmem_map_frames(const struct machine *m)
{
	const uint64_t chunks = mm_chunk_map_bytes(machine_frames(m) <<
						   PAGE_SHIFT);
	uint64_t used = 1;

	for (uint64_t i = 0; i < chunks; i++)
		used += m->chunk_map[i] != 0;
	return used;
}
