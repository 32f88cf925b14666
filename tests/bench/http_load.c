/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/http_load.h"

#define MAX_CONNECTIONS 64
#define ANSWER_MAX 16384

struct connection {
	int fd;
	uint64_t turn;
	size_t got;
	char in[ANSWER_MAX];
};

double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int dial(uint16_t port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "connecting to port %u", port);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void send_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0)
			err(1, "sending a request");
		bytes += n;
		len -= (size_t)n;
	}
}

static size_t head_of(char *into, size_t room, size_t len)
{
	return (size_t)snprintf(into, room,
				"POST /rpc HTTP/1.1\r\nHost: localhost\r\n"
				"Content-Type: application/json\r\n"
				"Content-Length: %zu\r\n\r\n", len);
}

/* Bytes that the answer has in all; 0 while its head is not complete. */
static size_t answer_size(const char *in, const char **body)
{
	const char *end = strstr(in, "\r\n\r\n");
	const char *length = strcasestr(in, "\r\nContent-Length:");

	if (!end)
		return 0;
	if (strncmp(in, "HTTP/1.1 200 ", 13) || !length || length > end)
		errx(1, "not the answer of a server: %.200s", in);
	*body = end + 4;
	return (size_t)(*body - in) + strtoul(length + 17, NULL, 10);
}

struct answer http_post(uint16_t port, const char *body, size_t len)
{
	size_t got = 0, room = 4 << 20, size = 0;
	struct answer a = { malloc(room), NULL, 0 };
	char head[256];
	int fd = dial(port);

	if (!a.bytes)
		err(1, "an answer");
	send_all(fd, head, head_of(head, sizeof(head), len));
	send_all(fd, body, len);
	while (!size || got < size) {
		ssize_t n = recv(fd, a.bytes + got, room - 1 - got, 0);

		if (n <= 0)
			err(1, "reading an answer");
		got += (size_t)n;
		a.bytes[got] = '\0';
		size = answer_size(a.bytes, &a.body);
	}
	a.body_len = size - (size_t)(a.body - a.bytes);
	close(fd);
	return a;
}

static void ask(struct connection *c, const char *body)
{
	char request[4096];
	size_t len = strlen(body);
	size_t head = head_of(request, sizeof(request), len);

	if (head + len > sizeof(request))
		errx(1, "the body of a request is too long");
	memcpy(request + head, body, len);
	c->got = 0;
	c->turn++;
	send_all(c->fd, request, head + len);
}

/* What has come; true when it is a whole answer. */
static int take(struct connection *c)
{
	const char *body;
	ssize_t n = recv(c->fd, c->in + c->got, sizeof(c->in) - 1 - c->got, 0);
	size_t size;

	if (n <= 0)
		err(1, "reading an answer");
	c->got += (size_t)n;
	c->in[c->got] = '\0';
	size = answer_size(c->in, &body);
	if (size && c->got == size && strstr(body, "\"ok\":false"))
		errx(1, "refused: %s", body);
	return size && c->got == size;
}

double http_load(uint16_t port, unsigned int connections, uint64_t requests,
		 const char *(*body)(unsigned int connection, uint64_t turn))
{
	static struct connection all[MAX_CONNECTIONS];
	struct epoll_event events[MAX_CONNECTIONS];
	int epoll = epoll_create1(0);
	uint64_t asked = connections, answered = 0;
	double begun;

	for (unsigned int i = 0; i < connections; i++) {
		struct epoll_event e = { EPOLLIN, { .u32 = i } };

		all[i].fd = dial(port);
		all[i].turn = 0;
		epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &e);
	}
	begun = seconds_now();
	for (unsigned int i = 0; i < connections; i++)
		ask(&all[i], body(i, 0));
	while (answered < requests) {
		int n = epoll_wait(epoll, events, MAX_CONNECTIONS, -1);

		for (int e = 0; e < n; e++) {
			unsigned int i = events[e].data.u32;

			if (!take(&all[i]))
				continue;
			answered++;
			if (asked++ < requests)
				ask(&all[i], body(i, all[i].turn));
		}
	}
	begun = seconds_now() - begun;
	for (unsigned int i = 0; i < connections; i++)
		close(all[i].fd);
	close(epoll);
	return (double)answered / begun;
}
