/* SPDX-License-Identifier: MIT */
/*
 * The references of mapped files and of advice: the host's kernel, by system
 * calls, with a file without a name in TMPDIR or /var/tmp. What msync costs there
 * is that folder's file system and disk.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/bench/subject.h"

#define PAGE 4096UL
#define RW (PROT_READ | PROT_WRITE)

static int file;
static volatile char *const mapped = (volatile char *)MAPPED;

static void check(long ret, const char *what)
{
	if (ret != -1)
		return;
	perror(what);
	exit(1);
}

static void map(uint64_t pages, int flags, int fd)
{
	check(syscall(SYS_mmap, MAPPED, pages * PAGE, RW, flags | MAP_FIXED, fd,
		      0L), "mmap");
}

/* All of it is in the page cache and on the disk. */
static void file_begin(uint64_t memory)
{
	static char bytes[PAGE];
	const char *folder = getenv("TMPDIR");

	file = memory ? (int)syscall(SYS_memfd_create, "file", 0) :
	       open(folder ? folder : "/var/tmp", O_RDWR | O_TMPFILE, 0600);
	check(file, "open of a temporary file");
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	for (int i = 0; i < REGION_PAGES; i++)
		check(write(file, bytes, sizeof(bytes)), "write");
	check(fsync(file), "fsync");
}

static double file_fault_sample(uint64_t arg)
{
	double start, ns;

	(void)arg;
	map(REGION_PAGES, MAP_SHARED, file);
	start = now_ns();
	for (uint64_t i = 0; i < REGION_PAGES; i += FAULT_AROUND)
		(void)mapped[i * PAGE];
	ns = (now_ns() - start) / (REGION_PAGES / FAULT_AROUND);
	check(syscall(SYS_munmap, MAPPED, REGION_PAGES * PAGE), "munmap");
	return ns;
}

const struct subject reference_file_fault = {
	file_begin, file_fault_sample, NULL
};

static void msync_begin(uint64_t memory)
{
	file_begin(memory);
	map(ADVISED, MAP_SHARED, file);
}

static void sync_mapped(void)
{
	check(syscall(SYS_msync, MAPPED, ADVISED * PAGE, MS_SYNC), "msync");
}

static double msync_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < SYNCS; i++) {
		*mapped = (char)i;
		sync_mapped();
	}
	return (now_ns() - start) / SYNCS;
}

const struct subject reference_msync = { msync_begin, msync_sample, NULL };

static void refault_begin(uint64_t arg)
{
	(void)arg;
	map(ADVISED, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

static double refault_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		for (int page = 0; page < ADVISED; page++)
			mapped[(uint64_t)page * PAGE] = 1;
		check(syscall(SYS_madvise, MAPPED, ADVISED * PAGE,
			      MADV_DONTNEED), "madvise");
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject reference_refault = {
	refault_begin, refault_sample, NULL
};
