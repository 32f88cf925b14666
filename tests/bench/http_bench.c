/* SPDX-License-Identifier: MIT */
/*
 * What a call costs on the wire. The daemon and a bare libmicrohttpd have one
 * worker each and are asked in turn by the same load; beside them a bare one
 * with jansson shows the part of the parser. A batch of 1,000
 * operations is compared with what jansson needs to parse its bytes.
 * MMAPD names the daemon; server/mmapd in the build folder else.
 */
#include <err.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/http_bare.h"
#include "tests/bench/http_load.h"
#include "tests/bench/report.h"

#define CONNECTIONS	16
#define MAX_SAMPLES	15
#define BATCH		1000

static char bodies[CONNECTIONS][2][512];

static const char *body(unsigned int connection, uint64_t turn)
{
	return bodies[connection][turn & 1];
}

/* A page of its own for each connection: mapped, unmapped, mapped … */
static void write_bodies(void)
{
	static const char call[] =
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":"
		"{\"machine\":\"bench\",\"pid\":1,\"addr\":\"0x%x\",\"len\":4096%s}}";

	for (unsigned int i = 0; i < CONNECTIONS; i++) {
		unsigned int addr = 0x10000000 + i * 0x10000;

		snprintf(bodies[i][0], sizeof(bodies[i][0]), call, "sys.mmap",
			 addr, ",\"prot\":\"PROT_READ|PROT_WRITE\",\"flags\":"
			 "\"MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED\"");
		snprintf(bodies[i][1], sizeof(bodies[i][1]), call, "sys.munmap",
			 addr, "");
	}
}

/* The port that the daemon writes to its file when it serves. */
static uint16_t read_port(const char *path)
{
	unsigned int port = 0;

	for (int i = 0; i < 1000 && !port; i++) {
		FILE *f = fopen(path, "r");

		if (f && fscanf(f, "%u", &port) != 1)
			port = 0;
		if (f)
			fclose(f);
		usleep(10000);
	}
	if (!port)
		errx(1, "the daemon does not start");
	return (uint16_t)port;
}

static pid_t start_daemon(uint16_t *port)
{
	const char *program = getenv("MMAPD") ? getenv("MMAPD")
					      : "server/mmapd";
	char folder[] = "/tmp/mmapd-bench-XXXXXX", path[64];
	pid_t pid;

	if (!mkdtemp(folder))
		err(1, "%s", folder);
	snprintf(path, sizeof(path), "%s/port", folder);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(program, program, "--ephemeral", "--listen",
		      "127.0.0.1:0", "--workers", "1", "--port-file", path,
		      (char *)NULL);
		err(1, "%s", program);
	}
	*port = read_port(path);
	unlink(path);
	rmdir(folder);
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

/* Say it once, and insist that it worked. */
static struct answer post(uint16_t port, const char *text)
{
	struct answer a = http_post(port, text, strlen(text));

	if (strstr(a.body, "\"error\"") || strstr(a.body, "\"ok\":false"))
		errx(1, "%s: %s", text, a.body);
	return a;
}

static void prepare(uint16_t port)
{
	static const char *const calls[] = {
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"machine.create\","
		"\"params\":{\"name\":\"bench\"}}",
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"process.spawn\","
		"\"params\":{\"machine\":\"bench\"}}",
	};

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		free(post(port, calls[i]).bytes);
}

struct rates {
	double ours[MAX_SAMPLES], bare[MAX_SAMPLES], parsing[MAX_SAMPLES];
};

/* In turn: the daemon, a bare library, and one whose bodies jansson reads. */
static void measure_calls(uint16_t port, const struct answer *model,
			  size_t samples, uint64_t requests, struct rates *r)
{
	uint16_t bare_port, parsing_port;
	pid_t bare = http_bare_start(model->body, model->body_len, false,
				     &bare_port);
	pid_t parsing = http_bare_start(model->body, model->body_len, true,
					&parsing_port);

	for (size_t i = 0; i < samples; i++) {
		r->ours[i] = http_load(port, CONNECTIONS, requests, body);
		r->bare[i] = http_load(bare_port, CONNECTIONS, requests, body);
		r->parsing[i] = http_load(parsing_port, CONNECTIONS, requests,
					  body);
	}
	kill(bare, SIGKILL);
	kill(parsing, SIGKILL);
	waitpid(bare, NULL, 0);
	waitpid(parsing, NULL, 0);
}

static void report_calls(struct rates *r, size_t samples)
{
	const double bare = median(r->bare, samples);

	report_line(&(struct line){
		.name = "http/mmap_munmap", .unit = "/s",
		.ours = median(r->ours, samples), .reference = bare,
		.kind = BAR_AT_LEAST, .bar = 0.6,
	});
	/* Nothing of ours: what the parser alone takes from the library. */
	report_line(&(struct line){
		.name = "http/floor_jansson", .unit = "/s",
		.ours = median(r->parsing, samples), .reference = bare,
		.kind = BAR_NONE,
	});
}

static void bench_calls(uint16_t port, const struct bench_options *o)
{
	const size_t samples = o->quick ? 5 : MAX_SAMPLES;
	struct answer model = post(port, bodies[0][0]);
	struct rates r;

	free(post(port, bodies[0][1]).bytes);
	measure_calls(port, &model, samples, o->quick ? 4000 : 20000, &r);
	free(model.bytes);
	report_calls(&r, samples);
}

static char *write_batch(void)
{
	char *batch = malloc(BATCH * sizeof(bodies[0][0]) + 3), *p = batch;

	if (!batch)
		err(1, "a batch");
	for (unsigned int i = 0; i < BATCH; i++)
		p += sprintf(p, "%c%s", i ? ',' : '[', bodies[0][i & 1]);
	strcpy(p, "]");
	return batch;
}

static double parse_ns(const char *batch)
{
	double begun = seconds_now();
	json_t *tree = json_loadb(batch, strlen(batch), 0, NULL);

	if (!tree)
		errx(1, "jansson does not read the batch");
	json_decref(tree);
	return (seconds_now() - begun) * 1e9 / BATCH;
}

static double batch_ns(uint16_t port, const char *batch)
{
	double begun = seconds_now();
	struct answer a = http_post(port, batch, strlen(batch));

	begun = seconds_now() - begun;
	if (strstr(a.body, "\"error\"") || strstr(a.body, "\"ok\":false"))
		errx(1, "the batch was refused: %.300s", a.body);
	free(a.bytes);
	return begun * 1e9 / BATCH;
}

static void bench_batch(uint16_t port, const struct bench_options *o)
{
	const size_t samples = o->quick ? 5 : MAX_SAMPLES;
	double ours[MAX_SAMPLES], reference[MAX_SAMPLES];
	char *batch = write_batch();

	for (size_t i = 0; i < samples; i++) {
		ours[i] = batch_ns(port, batch);
		reference[i] = parse_ns(batch);
	}
	free(batch);
	report_line(&(struct line){
		.name = "http/batch_op", .unit = "ns",
		.ours = median(ours, samples),
		.reference = median(reference, samples),
		.kind = BAR_AT_MOST, .bar = 2.5,
	});
}

int main(int argc, char **argv)
{
	struct bench_options o = bench_options(argc, argv);
	bool calls = bench_wanted(&o, "http/mmap_munmap") ||
		     bench_wanted(&o, "http/floor_jansson");
	bool batch = bench_wanted(&o, "http/batch_op");
	uint16_t port;
	pid_t daemon;

	if (!calls && !batch)
		return 0;
	write_bodies();
	daemon = start_daemon(&port);
	prepare(port);
	if (calls)
		bench_calls(port, &o);
	if (batch)
		bench_batch(port, &o);
	stop(daemon);
	report_table();
	return 0;
}
