/* SPDX-License-Identifier: MIT */
/*
 * Where a tree of a thousand calls goes
 * -------------------------------------
 *
 * jansson makes some thirty small blocks a call, which all go at the same time.
 * malloc() is a bad home for them: it finds a place for each one, takes a lock
 * for each one, is asked to take each one back, and then returns the pages to
 * the kernel, which has to zero them for the next request. In a thread of the
 * pool that costs as much as the parsing.
 *
 * So blocks are cut off larger pieces, one behind the other, and nothing is
 * given back before the end. First comes the thread's own piece: a call that is
 * not in a batch never leaves it. Then come chunks of a reservation that all
 * threads share, whose free ones are the bits of one word: a thread takes one
 * with a compare-and-swap, the lowest first, so that the same few chunks, which
 * are warm and have their pages, serve one batch after the other. A thread
 * knows its own by a word of the same kind, and giving all of them back is one
 * atomic OR. The host pays for the chunks that were ever in use at one time,
 * 8 MiB at most.
 *
 * What does not fit comes from malloc(), so that a large body costs no more
 * than it would without this. Whose a block is, its address says. Where an
 * allocator watches its blocks (--enable-sanitize), all of them are left to it.
 */
#include "server/json_memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ALLOCATOR_WATCHES 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ALLOCATOR_WATCHES 1
#endif

#define ALIGNMENT	16UL
#define NR_CHUNKS	64		/* bits of a word */
#define CHUNK_BYTES	(128UL << 10)
#define SHARED_BYTES	(NR_CHUNKS * CHUNK_BYTES)

static _Thread_local struct {
	_Alignas(ALIGNMENT) char own[JSON_MEMORY_BYTES];
	char *next;		/* free bytes of the piece in use */
	size_t left;
	uint64_t chunks;	/* taken since the beginning, by number */
	bool open;
	bool spilled;		/* some block came from malloc() */
} memory;

static char *shared;		/* the chunks; NULL: there are none */
static _Atomic uint64_t free_chunks;	/* by number */
static bool installed;

static bool take_chunk(void)
{
	uint64_t found = atomic_load_explicit(&free_chunks,
					      memory_order_relaxed);
	uint64_t lowest;

	do {
		if (!found)
			return false;
		lowest = found & -found;
	} while (!atomic_compare_exchange_weak_explicit(
			 &free_chunks, &found, found & ~lowest,
			 memory_order_acquire, memory_order_relaxed));
	memory.chunks |= lowest;
	memory.next = shared + (size_t)__builtin_ctzll(lowest) * CHUNK_BYTES;
	memory.left = CHUNK_BYTES;
	return true;
}

static void return_chunks(void)
{
	if (memory.chunks)
		atomic_fetch_or_explicit(&free_chunks, memory.chunks,
					 memory_order_release);
	memory.chunks = 0;
}

static bool is_within(const void *block, const char *piece, size_t size)
{
	return piece && (uintptr_t)block - (uintptr_t)piece < size;
}

static void *allocate(size_t size)
{
	const size_t whole = (size + ALIGNMENT - 1) & -ALIGNMENT;
	void *block;

	if (!memory.open || size > CHUNK_BYTES ||
	    (whole > memory.left && !take_chunk())) {
		memory.spilled = true;
		return malloc(size);
	}
	block = memory.next;
	memory.next += whole;
	memory.left -= whole;
	return block;
}

static void let_go(void *block)
{
	if (!is_within(block, memory.own, sizeof(memory.own)) &&
	    !is_within(block, shared, SHARED_BYTES))
		free(block);
}

void json_memory_install(void)
{
#ifndef ALLOCATOR_WATCHES
	void *at = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at != MAP_FAILED) {
		shared = at;
		atomic_store(&free_chunks, UINT64_MAX);
	}
#endif
	json_set_alloc_funcs(allocate, let_go);
	installed = true;
}

void json_memory_begin(void)
{
	memory.next = memory.own;
#ifndef ALLOCATOR_WATCHES
	memory.left = sizeof(memory.own);
#endif
	memory.open = true;
	memory.spilled = false;
}

/* Chunks go back last: others may write to them from then on. */
void json_memory_end(json_t *tree)
{
	memory.open = false;
	if (!installed || memory.spilled)
		json_decref(tree);
	return_chunks();
}
