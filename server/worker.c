/* SPDX-License-Identifier: MIT */
#include "server/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "server/config.h"
#include "server/http.h"
#include "server/listen.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/pool.h"

#define CONNECTIONS	2048		/* of all workers together, at most */
#define OWN_DESCRIPTORS	24		/* of the daemon itself, and 6 of each worker */

struct worker {
	pthread_t thread;
	struct loop loop;
	struct http *http;
};

struct workers {
	struct server *server;
	struct http_rules rules;
	const char **hosts;
	char *token;
	uint32_t started;
	struct worker worker[];
};

/* The fixed names of this machine, then those of --allow-host. */
static bool list_hosts(struct workers *all)
{
	static const char *const own[] = { "127.0.0.1", "localhost", "[::1]" };
	const size_t nr_own = sizeof(own) / sizeof(own[0]);
	char **extra = all->server->config.allow_host;
	size_t n = 0;

	while (extra && extra[n])
		n++;
	all->hosts = calloc(nr_own + n + 1, sizeof(*all->hosts));
	if (!all->hosts)
		return false;
	memcpy(all->hosts, own, sizeof(own));
	for (size_t i = 0; i < n; i++)
		all->hosts[nr_own + i] = extra[i];
	return true;
}

static bool make_rules(struct workers *all)
{
	const struct server_config *c = &all->server->config;

	if (!list_hosts(all))
		return false;
	all->rules.hosts = all->hosts;
	all->rules.origins = (const char *const *)c->allow_origin;
	if (!c->token_file)
		return true;
	all->token = config_token(c->token_file);
	all->rules.token = all->token;
	return all->token != NULL;
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * Connections of each of @workers. A worker that has as many as it may have leaves the
 * others in the queue of its socket; one that runs out of descriptors could not even
 * accept them, so there must be one for each.
 */
static uint32_t connections_each(uint32_t workers)
{
	struct rlimit limit;
	uint64_t most = CONNECTIONS, own = OWN_DESCRIPTORS + 6 * (uint64_t)workers;

	if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < most + own)
		most = limit.rlim_cur > own + workers ? limit.rlim_cur - own : workers;
	return (uint32_t)((most + workers - 1) / workers);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;

	loop_run(&w->loop);
	return NULL;
}

static bool start_one(struct workers *all, struct worker *w, int fd)
{
	uint32_t n = all->server->config.workers;
	struct http_setup setup = {
		.server = all->server, .rules = &all->rules, .loop = &w->loop,
		.listen_fd = fd, .connections = connections_each(n),
	};
	struct loop_client client;

	w->http = http_new(&setup, &client);
	if (!w->http || loop_init(&w->loop, &client))
		return false;
	return !pthread_create(&w->thread, NULL, worker_main, w);
}

static bool start_all(struct workers *all)
{
	struct server *server = all->server;
	uint32_t n = server->config.workers;
	int *fds = calloc(n, sizeof(*fds));
	bool good;

	server->port = server->config.listen_port;
	good = fds && listen_all(server->config.listen_host, &server->port,
				 fds, n);
	snprintf(all->rules.port, sizeof(all->rules.port), ":%u",
		 server->port);
	while (good && all->started < n) {
		good = start_one(all, &all->worker[all->started],
				 fds[all->started]);
		all->started += good;
		if (!good)
			log_error("cannot start worker %u", all->started);
	}
	free(fds);
	return good;
}

struct workers *workers_start(struct server *server)
{
	uint32_t n = server->config.workers;
	struct workers *all = calloc(1, sizeof(*all) +
				     n * sizeof(struct worker));

	if (!all) {
		log_error("out of memory");
		return NULL;
	}
	all->server = server;
	raise_descriptor_limit();
	if (pool_start() && make_rules(all) && start_all(all))
		return all;
	workers_stop(all);
	return NULL;
}

void workers_stop(struct workers *all)
{
	for (uint32_t i = 0; i < all->started; i++)
		loop_stop(&all->worker[i].loop);
	for (uint32_t i = 0; i < all->started; i++) {
		struct worker *w = &all->worker[i];

		pthread_join(w->thread, NULL);
		loop_free(&w->loop);
		http_free(w->http);
	}
	free(all->hosts);
	free(all->token);
	free(all);
}
