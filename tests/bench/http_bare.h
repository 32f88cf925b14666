/* SPDX-License-Identifier: MIT */
/* The reference: libmicrohttpd and nothing else, under external epoll. */
#ifndef TESTS_BENCH_HTTP_BARE_H
#define TESTS_BENCH_HTTP_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A process with one worker that takes a whole body and answers @len bytes.
 * Where it @parses, jansson reads each body first, and its values are let go.
 * Sets *port. Returns: its pid, to be killed.
 */
pid_t http_bare_start(const char *constant, size_t len, bool parses,
		      uint16_t *port);

#endif
