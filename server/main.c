/* SPDX-License-Identifier: MIT */
/*
 * mmapd: settings, machines, workers, and then the main thread waits for the
 * signal that ends it all.
 */
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "server/config.h"
#include "server/json_memory.h"
#include "server/listen.h"
#include "server/log.h"
#include "server/machines.h"
#include "server/methods/guard.h"
#include "server/worker.h"

#define STOP_SECONDS 10		/* from the signal to the end, at most */

static uint64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

/* Threads inherit this: signals wait for the main thread to take them. */
static void hold_signals(sigset_t *stop)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(stop);
	sigaddset(stop, SIGTERM);
	sigaddset(stop, SIGINT);
	sigaddset(stop, SIGHUP);
	pthread_sigmask(SIG_BLOCK, stop, NULL);
}

static bool announce(const struct server *server)
{
	const struct server_config *c = &server->config;

	if (c->port_file && !listen_write_port(c->port_file, server->port))
		return false;
	log_line("listening on http://%s:%u", c->listen_host, server->port);
	return true;
}

static void give_up(int signo)
{
	(void)signo;
	_exit(EXIT_SUCCESS);
}

static void wait_for_signal(const sigset_t *stop)
{
	int signo;

	while (sigwait(stop, &signo))
		;
	log_line("stopping");
	/* Nothing that lasts is lost if a client or a job takes longer. */
	signal(SIGALRM, give_up);
	alarm(STOP_SECONDS);
}

static int serve(struct server *server, const sigset_t *stop)
{
	struct workers *workers = workers_start(server);
	bool announced;

	if (!workers)
		return EX_OSERR;
	announced = announce(server);
	if (announced)
		wait_for_signal(stop);
	machines_stop(server->machines);
	workers_stop(workers);
	return announced ? EXIT_SUCCESS : EX_CANTCREAT;
}

static void limit_memory(struct machine_limits *limits, uint64_t bytes)
{
	limits->total_resident_frames = bytes >> PAGE_SHIFT;
	if (limits->resident_frames > limits->total_resident_frames)
		limits->resident_frames = limits->total_resident_frames;
}

int main(int argc, char **argv)
{
	struct machine_limits limits = machine_limits_default();
	struct server server = { .started_ns = monotonic_ns() };
	int status = EX_OSERR;
	sigset_t stop;

	config_read(&server.config, argc, argv);
	if (server.config.memory)
		limit_memory(&limits, server.config.memory);
	hold_signals(&stop);
	json_memory_install();	/* before there are threads */
	methods_guard();
	json_object_seed(0);
	server.machines = machines_new(&limits);
	if (server.machines) {
		machines_set_dump_dir(server.machines, server.config.dump_dir);
		status = serve(&server, &stop);
		machines_free(server.machines);
	}
	config_free(&server.config);
	return status;
}
