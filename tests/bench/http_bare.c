/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <err.h>
#include <jansson.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/http_bare.h"

/* A body on its way to jansson, of one connection. */
struct body {
	size_t len;
	char text[4096];
};

/* What all requests are answered with. */
static struct MHD_Response *response;

static enum MHD_Result answer(void *cls, struct MHD_Connection *c,
			      const char *url, const char *method,
			      const char *version, const char *upload,
			      size_t *upload_len, void **seen)
{
	(void)cls, (void)url, (void)method, (void)version, (void)upload;
	if (!*seen) {
		*seen = response;
		return MHD_YES;
	}
	if (*upload_len) {
		*upload_len = 0;
		return MHD_YES;
	}
	return MHD_queue_response(c, MHD_HTTP_OK, response);
}

static enum MHD_Result take(struct body *body, const char *upload,
			    size_t *upload_len)
{
	if (*upload_len > sizeof(body->text) - body->len)
		errx(1, "a body is too long");
	memcpy(body->text + body->len, upload, *upload_len);
	body->len += *upload_len;
	*upload_len = 0;
	return MHD_YES;
}

/* The same, with jansson in front of the answer. */
static enum MHD_Result parse(void *cls, struct MHD_Connection *c,
			     const char *url, const char *method,
			     const char *version, const char *upload,
			     size_t *upload_len, void **seen)
{
	struct body *body = *seen;
	json_t *tree;

	(void)cls, (void)url, (void)method, (void)version;
	if (!body) {
		*seen = body = malloc(sizeof(*body));
		if (body)
			body->len = 0;
		return body ? MHD_YES : MHD_NO;
	}
	if (*upload_len)
		return take(body, upload, upload_len);
	tree = json_loadb(body->text, body->len, JSON_REJECT_DUPLICATES, NULL);
	if (!tree)
		errx(1, "jansson does not read a body");
	json_decref(tree);
	return MHD_queue_response(c, MHD_HTTP_OK, response);
}

static void forget(void *cls, struct MHD_Connection *c, void **seen,
		   enum MHD_RequestTerminationCode why)
{
	(void)cls, (void)c, (void)why;
	free(*seen);
}

static int listening(uint16_t *port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) ||
	    listen(fd, 128) || getsockname(fd, (struct sockaddr *)&at, &len))
		err(1, "listening");
	*port = ntohs(at.sin_port);
	return fd;
}

static struct MHD_Daemon *start(int fd, bool parses)
{
	if (parses)
		return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, parse,
					NULL, MHD_OPTION_LISTEN_SOCKET, fd,
					MHD_OPTION_NOTIFY_COMPLETED, forget,
					NULL, MHD_OPTION_END);
	return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, NULL,
				MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_END);
}

static _Noreturn void serve(int fd, const char *constant, size_t len,
			    bool parses)
{
	struct MHD_Daemon *daemon;
	struct pollfd wait = { .events = POLLIN };

	response = MHD_create_response_from_buffer(
		len, (void *)(uintptr_t)constant, MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, "Content-Type", "application/json");
	daemon = start(fd, parses);
	if (!daemon)
		errx(1, "libmicrohttpd does not start");
	wait.fd = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	for (;;) {
		MHD_UNSIGNED_LONG_LONG ms;
		int timeout = MHD_get_timeout(daemon, &ms) == MHD_YES
				? (int)ms : -1;

		poll(&wait, 1, timeout);
		MHD_run(daemon);
	}
}

pid_t http_bare_start(const char *constant, size_t len, bool parses,
		      uint16_t *port)
{
	int fd = listening(port);
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd, constant, len, parses);
	}
	close(fd);
	return pid;
}
