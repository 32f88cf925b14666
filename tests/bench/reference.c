/* SPDX-License-Identifier: MIT */
/* The references: the host's kernel doing the work, by raw system calls. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/subject.h"

#define PAGE 4096UL
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static void check(long ret, const char *what)
{
	if (ret != -1)
		return;
	perror(what);
	exit(1);
}

static volatile char *map(uint64_t addr, uint64_t len, int prot, int flags)
{
	long ret = syscall(SYS_mmap, addr, len, prot, flags, -1, 0L);

	check(ret, "mmap");
	return (volatile char *)ret;
}

static void unmap(volatile char *p, uint64_t len)
{
	check(syscall(SYS_munmap, p, len), "munmap");
}

/*
 * What is mapped next goes below this: then no neighbour has the same flags
 * and every mapping is one of its own, as it is on the simulated side.
 */
static void separate(uint64_t arg)
{
	(void)arg;
	map(0, 2 * PAGE, PROT_NONE, ANON);
}

static double getppid_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < 10 * PAIRS; i++)
		syscall(SYS_getppid);
	return (now_ns() - start) / (10 * PAIRS);
}

const struct subject reference_getppid = { NULL, getppid_sample, NULL };

static double mmap_munmap_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++)
		unmap(map(0, PAGE, RW, ANON), PAGE);
	return (now_ns() - start) / PAIRS;
}

const struct subject reference_mmap_munmap = {
	separate, mmap_munmap_sample, NULL
};

static double mmap_touch_munmap_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		volatile char *p = map(0, PAGE, RW, ANON);

		*p = 1;
		unmap(p, PAGE);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject reference_mmap_touch_munmap = {
	separate, mmap_touch_munmap_sample, NULL
};
const struct subject reference_mmap_write_munmap = {
	separate, mmap_touch_munmap_sample, NULL
};

/* ---- faults ---- */

static double store_all(volatile char *p)
{
	double start = now_ns();

	for (uint64_t i = 0; i < REGION_PAGES; i++)
		p[i * PAGE] = 1;
	return (now_ns() - start) / REGION_PAGES;
}

static double load_all(volatile char *p)
{
	double start = now_ns();

	for (uint64_t i = 0; i < REGION_PAGES; i++)
		(void)p[i * PAGE];
	return (now_ns() - start) / REGION_PAGES;
}

static double touch_sample(uint64_t arg)
{
	volatile char *p = map(0, REGION_PAGES * PAGE, RW, ANON);
	double ns = store_all(p);

	(void)arg;
	unmap(p, REGION_PAGES * PAGE);
	return ns;
}

const struct subject reference_touch = { separate, touch_sample, NULL };
const struct subject reference_write = { separate, touch_sample, NULL };

static double zero_read_sample(uint64_t arg)
{
	volatile char *p = map(0, REGION_PAGES * PAGE, RW, ANON);
	double ns = load_all(p);

	(void)arg;
	unmap(p, REGION_PAGES * PAGE);
	return ns;
}

const struct subject reference_zero_read = { separate, zero_read_sample, NULL };

static double cow_zero_sample(uint64_t arg)
{
	volatile char *p = map(0, REGION_PAGES * PAGE, RW, ANON);
	double ns;

	(void)arg;
	load_all(p);
	ns = store_all(p);
	unmap(p, REGION_PAGES * PAGE);
	return ns;
}

const struct subject reference_cow_zero = { separate, cow_zero_sample, NULL };

static volatile char *shared_region;

static void cow_content_begin(uint64_t arg)
{
	(void)arg;
	shared_region = map(0, REGION_PAGES * PAGE, RW, ANON);
	memset((void *)shared_region, 0x5a, REGION_PAGES * PAGE);
}

static double cow_content_sample(uint64_t arg)
{
	long child = syscall(SYS_clone, SIGCHLD, 0L, 0L, 0L, 0L);
	double ns;

	(void)arg;
	check(child, "clone");
	if (!child)
		for (;;)
			pause();
	ns = store_all(shared_region);
	kill((pid_t)child, SIGKILL);
	check(syscall(SYS_wait4, child, 0L, 0L, 0L), "wait4");
	return ns;
}

const struct subject reference_cow_content = {
	cow_content_begin, cow_content_sample, NULL
};
const struct subject reference_cow_fresh = {
	cow_content_begin, cow_content_sample, NULL
};

/* ---- fork ---- */

static double fork_exit(void)
{
	double start = now_ns();
	long child = syscall(SYS_clone, SIGCHLD, 0L, 0L, 0L, 0L);

	check(child, "clone");
	if (!child)
		syscall(SYS_exit_group, 0);
	check(syscall(SYS_wait4, child, 0L, 0L, 0L), "wait4");
	return now_ns() - start;
}

static void fork_exit_begin(uint64_t mib)
{
	volatile char *p = map(0, mib << 20, RW, ANON);

	for (uint64_t at = 0; at < mib << 20; at += PAGE)
		p[at] = 1;
}

static double fork_exit_sample(uint64_t arg)
{
	(void)arg;
	return fork_exit();
}

const struct subject reference_fork_exit = {
	fork_exit_begin, fork_exit_sample, NULL
};

/* ---- mprotect, brk ---- */

static volatile char *three_pages;

static void mprotect_begin(uint64_t arg)
{
	separate(arg);
	three_pages = map(0, 3 * PAGE, RW, ANON);
	for (int i = 0; i < 3; i++)
		three_pages[(uint64_t)i * PAGE] = 1;
}

static void protect(volatile char *p, int prot)
{
	check(syscall(SYS_mprotect, p, PAGE, prot), "mprotect");
}

static double mprotect_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		protect(three_pages + PAGE, PROT_READ);
		protect(three_pages + PAGE, RW);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject reference_mprotect = {
	mprotect_begin, mprotect_sample, NULL
};

#define MOVED 16	/* pages */

static volatile char *moved;

static void moved_begin(uint64_t arg)
{
	separate(arg);
	moved = map(COMB_START, MOVED * PAGE, RW, ANON | MAP_FIXED);
	for (int i = 0; i < MOVED; i++)
		moved[(uint64_t)i * PAGE] = 1;
}

static void move(uint64_t from, uint64_t to)
{
	check(syscall(SYS_mremap, from, MOVED * PAGE, MOVED * PAGE,
		      MREMAP_MAYMOVE | MREMAP_FIXED, to) == -1 ? -1 : 0,
	      "mremap");
}

static double mremap_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS / 2; i++) {
		move(COMB_START, COMB_START + 64 * PAGE);
		move(COMB_START + 64 * PAGE, COMB_START);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject reference_mremap = { moved_begin, mremap_sample, NULL };

static double mlock_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		check(syscall(SYS_mlock, moved, MOVED * PAGE), "mlock");
		check(syscall(SYS_munlock, moved, MOVED * PAGE), "munlock");
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject reference_mlock = { moved_begin, mlock_sample, NULL };

static double brk_sample(uint64_t arg)
{
	unsigned long end = (unsigned long)syscall(SYS_brk, 0L), up;
	double start;

	(void)arg;
	up = (end + PAGE - 1) / PAGE * PAGE + PAGE;
	start = now_ns();
	for (int i = 0; i < PAIRS; i++) {
		if ((unsigned long)syscall(SYS_brk, up) != up)
			check(-1, "brk");
		syscall(SYS_brk, end);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject reference_brk = { NULL, brk_sample, NULL };

/* ---- many VMAs ---- */

static void comb_begin(uint64_t nr_vmas)
{
	for (uint64_t i = 0; i < nr_vmas; i++)
		*map(COMB_START + i * 2 * PAGE, PAGE, RW,
		     ANON | MAP_FIXED) = 1;
	separate(0);
}

const struct subject reference_mmap_munmap_comb = {
	comb_begin, mmap_munmap_sample, NULL
};

static uint64_t chance = 88172645463325252ULL;

static double flip_sample(uint64_t nr_vmas)
{
	double start = now_ns();

	for (int i = 0; i < FLIPS; i++)
		protect((volatile char *)comb_page(&chance, nr_vmas),
			i & 1 ? RW : PROT_READ);
	return (now_ns() - start) / FLIPS;
}

const struct subject reference_flip = { comb_begin, flip_sample, NULL };

static double read_sample(const char *path)
{
	static char buffer[1 << 20];
	double start = now_ns();
	int fd = open(path, O_RDONLY);
	ssize_t n;

	check(fd, path);
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		;
	check(n, "read");
	close(fd);
	return now_ns() - start;
}

static double maps_sample(uint64_t arg)
{
	(void)arg;
	return read_sample("/proc/self/maps");
}

static double smaps_sample(uint64_t arg)
{
	(void)arg;
	return read_sample("/proc/self/smaps");
}

const struct subject reference_maps = { comb_begin, maps_sample, NULL };
const struct subject reference_smaps = { comb_begin, smaps_sample, NULL };
const struct subject reference_fork_exit_comb = {
	comb_begin, fork_exit_sample, NULL
};
