/* SPDX-License-Identifier: MIT */
/*
 * The workers: one thread, one loop, one HTTP daemon each, all on one port. Any
 * of them serves any machine.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include <stdbool.h>

#include "server/server.h"

struct workers;

/**
 * workers_start - open the sockets and serve
 * @server: configured; its port is set to the one in use
 *
 * Returns: NULL with the reason logged.
 */
struct workers *workers_start(struct server *server);

/* Takes no new connections, lets requests finish, ends the threads. */
void workers_stop(struct workers *all);

#endif
