/* SPDX-License-Identifier: MIT */
/* A process for the reference: it measures when it gets a byte. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/subject.h"

struct reference {
	pid_t pid;
	int socket;
};

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(1);
}

double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static _Noreturn void serve(const struct subject *subject, uint64_t arg,
			    int socket)
{
	char byte;

	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
		fail("prctl(PR_SET_THP_DISABLE)");
	if (subject->begin)
		subject->begin(arg);
	while (read(socket, &byte, 1) == 1) {
		double ns = subject->sample(arg);

		if (write(socket, &ns, sizeof(ns)) != sizeof(ns))
			break;
	}
	_exit(0);
}

struct reference *reference_start(const struct subject *subject, uint64_t arg)
{
	struct reference *r = malloc(sizeof(*r));
	int ends[2];

	if (!r || socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		fail("socketpair");
	fflush(stdout);
	r->pid = fork();
	if (r->pid < 0)
		fail("fork");
	if (!r->pid) {
		close(ends[0]);
		serve(subject, arg, ends[1]);
	}
	close(ends[1]);
	r->socket = ends[0];
	return r;
}

double reference_sample(struct reference *r)
{
	double ns;

	if (write(r->socket, "s", 1) != 1 ||
	    read(r->socket, &ns, sizeof(ns)) != sizeof(ns))
		fail("the reference process is gone");
	return ns;
}

void reference_stop(struct reference *r)
{
	close(r->socket);
	waitpid(r->pid, NULL, 0);
	free(r);
}
