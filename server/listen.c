/* SPDX-License-Identifier: MIT */
#include "server/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/log.h"

#define BACKLOG 1024

struct address {
	struct sockaddr_storage sa;
	socklen_t len;
};

static bool resolve(const char *host, uint16_t port, struct address *to)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
	}, *found;
	char name[64], service[8];
	size_t len = strlen(host);
	int err;

	if (!strcmp(host, "localhost"))
		snprintf(name, sizeof(name), "127.0.0.1");
	else if (host[0] == '[' && host[len - 1] == ']')
		snprintf(name, sizeof(name), "%.*s", (int)len - 2, host + 1);
	else
		snprintf(name, sizeof(name), "%s", host);
	snprintf(service, sizeof(service), "%u", port);
	err = getaddrinfo(name, service, &hints, &found);
	if (err) {
		log_error("--listen: %s is not a numeric address", host);
		return false;
	}
	memcpy(&to->sa, found->ai_addr, found->ai_addrlen);
	to->len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &len))
		return 0;
	return ntohs(sa.ss_family == AF_INET6 ?
		     ((struct sockaddr_in6 *)&sa)->sin6_port :
		     ((struct sockaddr_in *)&sa)->sin_port);
}

static void set_option(int fd, int option)
{
	int one = 1;

	setsockopt(fd, SOL_SOCKET, option, &one, sizeof(one));
}

/* A bound socket, sharing its port with its like or with nobody; or -1. */
static int bind_one(const struct address *a, bool shared)
{
	int fd = socket(a->sa.ss_family,
			SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	set_option(fd, SO_REUSEADDR);
	if (shared)
		set_option(fd, SO_REUSEPORT);
	if (!bind(fd, (const struct sockaddr *)&a->sa, a->len))
		return fd;
	close(fd);
	return -1;
}

/*
 * A port that another daemon of ours shares with its own workers would be ours
 * too, half of the connections each. Binding it once without sharing tells.
 */
static bool port_is_free(const struct address *a)
{
	int fd = bind_one(a, false);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static bool open_all(const char *host, uint16_t *port, int *fds, uint32_t n)
{
	struct address a;

	for (uint32_t i = 0; i < n; i++) {
		if (!resolve(host, *port, &a))
			return false;
		errno = 0;
		if (i == 0 && *port && !port_is_free(&a))
			return false;
		fds[i] = bind_one(&a, true);
		if (fds[i] < 0 || listen(fds[i], BACKLOG))
			return false;
		*port = port_of(fds[i]);
	}
	return true;
}

bool listen_all(const char *host, uint16_t *port, int *fds, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		fds[i] = -1;
	if (open_all(host, port, fds, n))
		return true;
	if (errno)
		log_error("cannot listen on %s:%u: %s", host, *port,
			  strerror(errno));
	for (uint32_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return false;
}

static bool write_file(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t len = strlen(text);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, text, len) == (ssize_t)len;
	return !close(fd) && done;
}

/* Whoever waits for the file to appear finds it complete. */
bool listen_write_port(const char *file, uint16_t port)
{
	char next[4096], text[8];

	snprintf(text, sizeof(text), "%u\n", port);
	if ((size_t)snprintf(next, sizeof(next), "%s.%ld", file,
			     (long)getpid()) < sizeof(next) &&
	    write_file(next, text) && !rename(next, file))
		return true;
	log_error("--port-file: %s: %s", file, strerror(errno));
	unlink(next);
	return false;
}
