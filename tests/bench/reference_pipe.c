/* SPDX-License-Identifier: MIT */
/* The references of pipes: the host's kernel, by system calls. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/bench/subject.h"

static int from[2], to[2], file, null;
static char bytes[PIPE_BYTES] __attribute__((aligned(4096)));

static void want(long ret, long wanted, const char *what)
{
	if (ret == wanted)
		return;
	perror(what);
	exit(1);
}

static void pipe_begin(uint64_t arg)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	null = open("/dev/null", O_RDWR);
	file = (int)syscall(SYS_memfd_create, "file", 0);
	want(null < 0 || file < 0 || pipe(from) || pipe(to), 0, "pipe");
	want(write(file, bytes, PIPE_BYTES), PIPE_BYTES, "write");
}

static void move(int in, long *offset, int out)
{
	want(syscall(SYS_splice, in, offset, out, NULL, PIPE_BYTES, 0),
	     PIPE_BYTES, "splice");
}

static double splice_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		long offset = 0;

		move(file, &offset, from[1]);
		move(from[0], NULL, null);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject reference_splice = { pipe_begin, splice_sample, NULL };

static void tee_begin(uint64_t arg)
{
	pipe_begin(arg);
	want(write(from[1], bytes, PIPE_BYTES), PIPE_BYTES, "write");
}

static double tee_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		want(syscall(SYS_tee, from[0], to[1], PIPE_BYTES, 0),
		     PIPE_BYTES, "tee");
		move(to[0], NULL, null);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject reference_tee = { tee_begin, tee_sample, NULL };

static double vmsplice_sample(uint64_t arg)
{
	const struct iovec vec = { bytes, PIPE_BYTES };
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		want(syscall(SYS_vmsplice, from[1], &vec, 1UL, 0), PIPE_BYTES,
		     "vmsplice");
		move(from[0], NULL, null);
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject reference_vmsplice = {
	pipe_begin, vmsplice_sample, NULL
};

static double pipe_sample(uint64_t arg)
{
	double start = now_ns();

	(void)arg;
	for (int i = 0; i < PAIRS; i++) {
		want(write(from[1], bytes, 4096), 4096, "write");
		want(read(from[0], bytes, 4096), 4096, "read");
	}
	return (now_ns() - start) / PAIRS;
}

const struct subject reference_pipe = { pipe_begin, pipe_sample, NULL };
