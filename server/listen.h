/* SPDX-License-Identifier: MIT */
/* Listening sockets: one a worker, all on the same port. */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

/**
 * listen_all - open the sockets of all workers
 * @host: numeric address, "[…]" around IPv6, or "localhost"
 * @port: to listen on; 0 is replaced by a free one
 * @fds:  filled in
 * @n:    how many
 *
 * The kernel spreads connections over sockets that share a port, but a port
 * that some other program has is refused.
 *
 * Returns: false with the reason logged; then nothing is open.
 */
bool listen_all(const char *host, uint16_t *port, int *fds, uint32_t n);

/* Writes "PORT\n" to @file, in one piece or not at all. */
bool listen_write_port(const char *file, uint16_t port);

#endif
