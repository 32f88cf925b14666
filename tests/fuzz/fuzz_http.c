/* SPDX-License-Identifier: MIT */
/*
 * Bytes as what a client sends: the reading of a head, and the guard on a real socket.
 * However the bytes are cut into pieces, the verdict is one and what comes through is
 * the same. The first byte chooses the rules, the second one the size of the pieces.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/http_guard.h"
#include "server/http_range.h"

#define MOST 16384	/* bytes of an input: two heads of the largest size */

static const char *const hosts[] = { "localhost", "[::1]", NULL };
static const char *const origins[] = { "https://a.b", NULL };
static const struct http_rules rules[] = {
	{ ":8642", hosts, origins, NULL },
	{ ":8642", hosts, origins, "0123456789abcdef" },
};

/* ---- heads ---- */

static void read_head(const char *text, size_t len, size_t step,
		      const struct http_rules *r)
{
	struct http_head whole, pieces;
	enum http_progress how, last = HTTP_MORE;

	memset(&whole, 0, sizeof(whole));
	memset(&pieces, 0, sizeof(pieces));
	how = http_head_scan(&whole, text, len, r);
	for (size_t at = step; last == HTTP_MORE && at < len; at += step)
		last = http_head_scan(&pieces, text, at, r);
	if (last == HTTP_MORE)
		last = http_head_scan(&pieces, text, len, r);
	if (last != how || pieces.fault != whole.fault ||
	    (how == HTTP_COMPLETE && memcmp(&pieces, &whole, sizeof(whole))))
		abort();
	if (whole.fault && (http_fault_status(whole.fault) < 400 ||
			    !http_fault_why(whole.fault)))
		abort();
}

/* ---- the guard ---- */

struct wire {
	struct guard_list list;
	struct guard *g;
	int client, served;
};

static void wire_open(struct wire *w, const struct http_rules *r)
{
	int pair[2];

	memset(w, 0, sizeof(*w));
	w->list.rules = r;
	w->list.now_ms = 1000;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
		abort();
	w->client = pair[0];
	w->served = pair[1];
	w->g = guard_open(&w->list, w->served);
	if (!w->g)
		abort();
}

static void wire_close(struct wire *w)
{
	guard_end_idle(&w->list);
	guard_close(w->g);
	for (int i = 0; i < 3; i++) {
		w->list.now_ms += GUARD_LINGER_MS;
		guard_sweep(&w->list);
	}
	close(w->client);
	close(w->served);
}

/* As the library would: asks what was seen, and answers. */
static void serve(struct wire *w)
{
	static char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	struct iovec piece = { answer, sizeof(answer) - 1 };
	const struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };

	if (!guard_begin(w->g))
		return;
	guard_fault(w->g);
	guard_answering(w->g, true);
	guard_send(w->g, &message, MSG_NOSIGNAL);
	guard_done(w->g);
}

static size_t take(struct wire *w, char *out, size_t len, size_t room, bool served)
{
	ssize_t n;

	guard_turn_begin(&w->list);
	while (len < room && (n = guard_recv(w->g, out + len, room - len)) > 0) {
		len += (size_t)n;
		if (served)
			serve(w);
	}
	guard_turn_end(&w->list);
	w->list.now_ms += 1;
	guard_sweep(&w->list);
	guard_idle(w->g);
	return len;
}

static size_t pass(const char *text, size_t len, size_t step,
		   const struct http_rules *r, bool served, char *out)
{
	struct wire w;
	size_t got = 0;

	wire_open(&w, r);
	for (size_t at = 0; at < len; at += step) {
		const size_t n = step < len - at ? step : len - at;

		if (send(w.client, text + at, n, MSG_NOSIGNAL) < 0)
			break;
		got = take(&w, out, got, 2 * MOST, served);
	}
	wire_close(&w);
	return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char whole[2 * MOST], pieces[2 * MOST], served[2 * MOST];
	const struct http_rules *r;
	const char *text;
	size_t len, step, a, b;

	if (size < 3 || size > MOST)
		return 0;
	r = &rules[data[0] & 1];
	step = 1 + data[1] % 64;
	text = (const char *)data + 2;
	len = size - 2;
	read_head(text, len, step, r);
	a = pass(text, len, len, r, false, whole);
	b = pass(text, len, step, r, false, pieces);
	if (a != b || memcmp(whole, pieces, a))
		abort();
	pass(text, len, step, r, true, served);
	return 0;
}
