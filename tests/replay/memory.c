/* SPDX-License-Identifier: MIT */
/* Something to record: one program, many of the calls that change its memory. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE	4096UL
#define RW	(PROT_READ | PROT_WRITE)
#define PRIVATE	(MAP_PRIVATE | MAP_ANONYMOUS)

static char *map(size_t pages, int flags, int fd)
{
	char *at = mmap(NULL, pages * PAGE, RW, flags, fd, 0);

	if (at == MAP_FAILED)
		exit(EXIT_FAILURE);
	return at;
}

/* Neighbours that were written before they met do not merge. */
static void neighbours(void)
{
	char *at = map(12, PRIVATE, -1);

	memset(at, 1, 12 * PAGE);
	munmap(at + 4 * PAGE, 4 * PAGE);
	mprotect(at, 2 * PAGE, PROT_READ);
	mprotect(at, 2 * PAGE, RW);
	mmap(at + 4 * PAGE, 4 * PAGE, RW, PRIVATE | MAP_FIXED, -1, 0);
	madvise(at + 8 * PAGE, 2 * PAGE, MADV_DONTNEED);
	at[9 * PAGE] = 1;
}

static void moves(void)
{
	char *at = map(8, PRIVATE, -1), *to;

	at[0] = 1;
	to = mremap(at, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
	if (to != MAP_FAILED)
		to[5 * PAGE] = 1;
	mremap(at + 6 * PAGE, 2 * PAGE, PAGE, 0);
	mremap(at + 1, PAGE, PAGE, 0);
}

static void file(const char *path)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	const int copy = dup2(fd, 20);
	char *at, *private;

	if (ftruncate(fd, 5 * PAGE + 100))
		exit(EXIT_FAILURE);
	at = map(6, MAP_SHARED, fd);
	private = map(6, MAP_PRIVATE, fd);
	memset(at, 2, 5 * PAGE);
	private[PAGE] = 3;
	msync(at, 6 * PAGE, MS_SYNC);
	if (pwrite(copy, at + PAGE, 2 * PAGE, 5 * (off_t)PAGE) < 0 ||
	    lseek(copy, 0, SEEK_END) != 7 * (off_t)PAGE)
		exit(EXIT_FAILURE);
	close(fd);
	unlink(path);
	mlock(private, 2 * PAGE);
}

static void stack(size_t pages)
{
	volatile char page[PAGE];

	page[0] = (char)pages;
	if (pages)
		stack(pages - 1);
	page[PAGE - 1] = page[0];
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return EXIT_FAILURE;
	neighbours();
	moves();
	file(argv[1]);
	stack(100);
	free(malloc(1 << 20));
	return EXIT_SUCCESS;
}
