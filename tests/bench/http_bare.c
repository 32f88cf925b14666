/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <err.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/http_bare.h"

static enum MHD_Result answer(void *response, struct MHD_Connection *c,
			      const char *url, const char *method,
			      const char *version, const char *upload,
			      size_t *upload_len, void **seen)
{
	(void)url, (void)method, (void)version, (void)upload;
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

static _Noreturn void serve(int fd, const char *constant, size_t len)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		len, (void *)(uintptr_t)constant, MHD_RESPMEM_PERSISTENT);
	struct MHD_Daemon *daemon;
	struct pollfd wait = { .events = POLLIN };

	MHD_add_response_header(response, "Content-Type", "application/json");
	daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer,
				  response, MHD_OPTION_LISTEN_SOCKET, fd,
				  MHD_OPTION_END);
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

pid_t http_bare_start(const char *constant, size_t len, uint16_t *port)
{
	int fd = listening(port);
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd, constant, len);
	}
	close(fd);
	return pid;
}
