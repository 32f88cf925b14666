/* SPDX-License-Identifier: MIT */
/*
 * The guard: what goes in on a real socket, in pieces of every size, and what
 * the library would be given. Smuggled requests are the point: no byte behind
 * what is refused may come out.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/http_guard.h"

static const char *const hosts[] = { "localhost", NULL };
static const char *const origins[] = { NULL };
static const struct http_rules rules = { ":8642", hosts, origins, NULL };
static struct guard_list list;
static struct guard *g;
static int client, served;

static void setup(void)
{
	int pair[2];

	memset(&list, 0, sizeof(list));
	list.rules = &rules;
	list.now_ms = 1000;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				    pair), 0);
	client = pair[0];
	served = pair[1];
	g = guard_open(&list, served);
	ck_assert_ptr_nonnull(g);
}

static void teardown(void)
{
	guard_close(g);
	close(client);
	close(served);
	ck_assert_uint_eq(list.count, 0);
}

/* Everything that comes through now, behind what @out holds already. */
static size_t take_all(char *out, size_t len, size_t room)
{
	ssize_t n;

	while ((n = guard_recv(g, out + len, room - len)) > 0)
		len += (size_t)n;
	ck_assert(n == 0 || errno == EAGAIN);
	out[len] = '\0';
	return len;
}

/* Sent in pieces of @step bytes; what came through. */
static size_t pass(const char *text, size_t step, char *out, size_t room)
{
	const size_t all = strlen(text);
	size_t len = 0;

	for (size_t at = 0; at < all; at += step) {
		size_t n = step < all - at ? step : all - at;

		ck_assert_int_eq(send(client, text + at, n, MSG_NOSIGNAL),
				 (ssize_t)n);
		len = take_all(out, len, room);
	}
	return len;
}

#define HOST "Host: localhost:8642\r\n"
#define POST "POST /rpc HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
#define GET "GET /machines HTTP/1.1\r\n" HOST "\r\n"

static const char *const sound[] = {
	GET,
	GET GET GET,
	POST "Content-Length: 5\r\n\r\n[1,2]" GET,
	POST "Content-Length: 0\r\n\r\n" GET,
	POST "Transfer-Encoding: chunked\r\n\r\n5\r\n[1,2]\r\n0\r\n\r\n" GET,
	POST "Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n" GET,
	/* what looks like a request, in a body */
	POST "Content-Length: 48\r\n\r\n" GET,
};

START_TEST(sound_requests_come_through_as_they_are)
{
	const char *text = sound[_i];
	char out[2048];

	for (size_t step = 1; step <= strlen(text); step += step < 8 ? 1 : 13) {
		ck_assert_uint_eq(pass(text, step, out, sizeof(out)),
				  strlen(text));
		ck_assert_str_eq(out, text);
		teardown();
		setup();
	}
}
END_TEST

/* A sound request, then one that is refused, then what must never come out. */
#define SMUGGLED "DELETE /smuggled HTTP/1.1\r\n" HOST "\r\n"

static const struct {
	const char *bad;
	enum http_fault fault;
} refused[] = {
	{ POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	  HTTP_LENGTH_AND_CHUNKED },
	{ POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", HTTP_TWICE },
	{ POST "Content-Length: +4\r\n\r\n", HTTP_LENGTH },
	{ POST "Transfer-Encoding: xchunked\r\n\r\n", HTTP_TRANSFER },
	{ POST "Transfer-Encoding:\x0b" "chunked\r\n\r\n", HTTP_CONTROL },
	{ "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", HTTP_FOLDED },
	{ "GET / HTTP/1.1\nHost: localhost\n\n", HTTP_BARE_LF },
	{ "GET / HTTP/1.1\r\n" HOST HOST "\r\n", HTTP_TWO_HOSTS },
	{ "GET / HTTP/1.1\r\n\r\n", HTTP_NO_HOST },
	{ "GET / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc",
	  HTTP_GET_BODY },
};

START_TEST(nothing_behind_a_refused_head_comes_out)
{
	char text[2048], out[4096];

	strcpy(text, GET);
	strcat(text, refused[_i].bad);
	strcat(text, SMUGGLED);
	for (size_t step = 1; step <= strlen(text); step += step < 8 ? 1 : 17) {
		const struct guard_request *r;

		pass(text, step, out, sizeof(out));
		ck_assert_ptr_null(strstr(out, "smuggled"));
		ck_assert_int_eq(strncmp(out, GET, strlen(GET)), 0);
		r = guard_begin(g);
		ck_assert_ptr_nonnull(r);
		ck_assert_int_eq(guard_fault(g), HTTP_FINE);
		guard_done(g);
		ck_assert_ptr_nonnull(guard_begin(g));
		ck_assert_int_eq(guard_fault(g), refused[_i].fault);
		guard_done(g);
		ck_assert_ptr_null(guard_begin(g));
		teardown();
		setup();
	}
}
END_TEST

static const char *const bad_chunks[] = {
	"g\r\n", "-1\r\n", "0x5\r\n", "5 \r\n", " 5\r\n", "5\n[1,2]\r\n",
	"1\r\n[]\r\n", "fffffffffffffffff\r\n", "5\r[1,2]\r\n", "\r\n",
	"10000000000000005\r\n[1,2]\r\n", "5\rX[1,2]\r\n", "1\r\n[\rX",
	"400001\r\n", "0\r\n\rX",
};

START_TEST(a_malformed_chunk_ends_the_request)
{
	char text[1024], out[4096];

	strcpy(text, POST "Transfer-Encoding: chunked\r\n\r\n");
	strcat(text, bad_chunks[_i]);
	strcat(text, "0\r\n\r\n" SMUGGLED);
	pass(text, (size_t)(_i % 3) + 1, out, sizeof(out));
	ck_assert_ptr_null(strstr(out, "smuggled"));
	ck_assert_ptr_nonnull(guard_begin(g));
	ck_assert_int_ne(guard_fault(g), HTTP_FINE);
}
END_TEST

/* What takes a chunk's place ends the body, wherever that was. */
START_TEST(the_library_is_given_a_body_that_ends)
{
	static const char head[] = POST "Transfer-Encoding: chunked\r\n\r\n";
	static const struct { const char *sent, *given; } bodies[] = {
		{ "x\r\n", "0\r\n\r\n" },
		{ "1\r\n[]\r\n", "1\r\n[\r\n0\r\n\r\n" },
		{ "1\r\n[\r\nx\r\n", "1\r\n[\r\n0\r\n\r\n" },
		{ "1\r\n[\r\n0\r\nX: trailer\r\n", "1\r\n[\r\n0\r\n\r\n" },
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		char text[1024], out[1024];

		strcpy(text, head);
		strcat(text, bodies[i].sent);
		for (size_t step = 1; step < 64; step += 7) {
			pass(text, step, out, sizeof(out));
			take_all(out, strlen(out), sizeof(out));
			ck_assert_int_eq(strncmp(out, head, sizeof(head) - 1), 0);
			ck_assert_str_eq(out + sizeof(head) - 1, bodies[i].given);
			teardown();
			setup();
		}
	}
}
END_TEST

static void send_all(const char *text, size_t len, char *out, size_t room)
{
	while (len) {
		ssize_t n = send(client, text, len < 4096 ? len : 4096,
				 MSG_NOSIGNAL);

		ck_assert_int_gt(n, 0);
		text += n;
		len -= (size_t)n;
		take_all(out, 0, room);
	}
}

/* Each chunk is small enough, and all together are one byte too many. */
START_TEST(chunks_are_counted_together)
{
	static char chunk[1 << 20], out[1 << 16];
	const unsigned int nr = HTTP_BODY_MAX / sizeof(chunk);

	memset(chunk, ' ', sizeof(chunk));
	pass(POST "Transfer-Encoding: chunked\r\n\r\n", 4096, out, sizeof(out));
	for (unsigned int i = 0; i < nr; i++) {
		pass("100000\r\n", 64, out, sizeof(out));
		send_all(chunk, sizeof(chunk), out, sizeof(out));
		pass("\r\n", 64, out, sizeof(out));
	}
	ck_assert_ptr_nonnull(guard_begin(g));
	ck_assert_int_eq(guard_fault(g), HTTP_FINE);
	pass("1\r\n", 64, out, sizeof(out));
	ck_assert_int_eq(guard_fault(g), HTTP_LONG_BODY);
}
END_TEST

/* More requests than there is room for come while earlier ones are answered. */
START_TEST(requests_keep_their_order_while_they_pile_up)
{
	char text[256], out[4096];
	unsigned int sent = 0, begun = 0;

	for (unsigned int round = 0; round < 6; round++) {
		for (unsigned int i = 0; i < 3 + round; i++) {
			strcpy(text, "GET /");
			for (unsigned int k = 0; k < sent % 29; k++)
				strcat(text, "a");
			strcat(text, " HTTP/1.1\r\n" HOST "\r\n");
			pass(text, sizeof(text), out, sizeof(out));
			sent++;
		}
		for (unsigned int i = 0; i < 2; i++) {
			const struct guard_request *r = guard_begin(g);

			ck_assert_ptr_nonnull(r);
			ck_assert_uint_eq(r->path_len, 1 + begun++ % 29);
			guard_done(g);
		}
	}
	for (; begun < sent; begun++) {
		ck_assert(!guard_idle(g));
		ck_assert_uint_eq(guard_begin(g)->path_len, 1 + begun % 29);
		guard_done(g);
	}
	ck_assert(guard_idle(g));
}
END_TEST

static void tcp_pair(int pair[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(at);
	int listening = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(listening, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&at, &len), 0);
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(pair[0], (struct sockaddr *)&at, len), 0);
	pair[1] = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
	ck_assert_int_ge(pair[1], 0);
	close(listening);
}

/*
 * The library's sockets are edge-triggered. A head longer than its buffer is
 * held back while the kernel has the rest, of which no edge would tell.
 */
START_TEST(what_is_left_in_the_kernel_makes_a_new_edge)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	char out[512];
	int pair[2], epoll = epoll_create1(0);
	struct guard *tcp;

	tcp_pair(pair);
	tcp = guard_open(&list, pair[1]);
	ck_assert_int_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, pair[1], &event), 0);
	ck_assert_int_eq(send(pair[0], GET, sizeof(GET) - 1, MSG_NOSIGNAL),
			 sizeof(GET) - 1);
	ck_assert_int_eq(epoll_wait(epoll, &event, 1, 10000), 1);
	ck_assert_int_lt(guard_recv(tcp, out, 32), 0);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(epoll_wait(epoll, &event, 1, 10000), 1);
	ck_assert_int_eq(guard_recv(tcp, out, sizeof(out)), sizeof(GET) - 1);
	ck_assert_mem_eq(out, GET, sizeof(GET) - 1);
	/* Nothing is left: no edge. */
	ck_assert_int_eq(epoll_wait(epoll, &event, 1, 0), 0);
	guard_close(tcp);
	close(pair[0]);
	close(pair[1]);
	close(epoll);
}
END_TEST

/* It may send what it had begun to, so that the answer is not overtaken by a reset. */
START_TEST(a_refused_client_may_finish)
{
	static const char more[1000];
	char out[512];
	int pair[2];
	struct guard *tcp;

	tcp_pair(pair);
	tcp = guard_open(&list, pair[1]);
	ck_assert_int_eq(send(pair[0], "BAD\n\n", 5, MSG_NOSIGNAL), 5);
	ck_assert_int_gt(guard_recv(tcp, out, sizeof(out)), 0);
	ck_assert_ptr_nonnull(guard_begin(tcp));
	ck_assert_int_ne(guard_fault(tcp), HTTP_FINE);
	ck_assert_int_eq(send(pair[1], "why", 3, MSG_NOSIGNAL), 3);
	guard_close(tcp);
	close(pair[1]);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(send(pair[0], more, sizeof(more), MSG_NOSIGNAL),
				 sizeof(more));
		guard_sweep(&list);
	}
	ck_assert_int_eq(recv(pair[0], out, sizeof(out), MSG_DONTWAIT), 3);
	/* But not for ever. */
	list.now_ms += GUARD_LINGER_MS;
	guard_sweep(&list);
	ck_assert_int_eq(recv(pair[0], out, sizeof(out), 0), 0);
	close(pair[0]);
}
END_TEST

START_TEST(what_the_handler_is_told_is_what_was_sent)
{
	const struct guard_request *r;
	char out[1024];

	pass(POST "Content-Length: 2\r\n\r\n{}" GET, 7, out, sizeof(out));
	r = guard_begin(g);
	ck_assert(r && r->method == HTTP_POST && r->json && r->path_len == 4);
	guard_done(g);
	r = guard_begin(g);
	ck_assert(r && r->method == HTTP_GET && !r->json && r->path_len == 9);
	guard_done(g);
	ck_assert(guard_idle(g));
	/* a request that nobody saw cannot be trusted */
	ck_assert_ptr_null(guard_begin(g));
}
END_TEST

START_TEST(a_request_has_an_absolute_deadline)
{
	char out[1024];

	/* a byte now and then does not make it longer */
	for (int i = 0; i < 12; i++) {
		send(client, &GET[i], 1, MSG_NOSIGNAL);
		take_all(out, 0, sizeof(out));
		list.now_ms += GUARD_ARRIVE_MS / 10;
		guard_sweep(&list);
	}
	/* refused in its turn: the stand-in comes out, and says why */
	take_all(out, 0, sizeof(out));
	if (guard_begin(g))
		ck_assert_int_eq(guard_fault(g), HTTP_TIMEOUT);
	else
		ck_assert_int_eq(recv(client, out, 1, MSG_PEEK), 0);
}
END_TEST

START_TEST(idle_connections_are_ended)
{
	char byte;

	ck_assert(guard_sweep(&list));
	ck_assert_int_lt(recv(client, &byte, 1, 0), 0);
	list.now_ms += GUARD_IDLE_MS + 1;
	guard_sweep(&list);
	ck_assert_int_eq(recv(client, &byte, 1, 0), 0);
}
END_TEST

/* A library that has a request and never asks for it keeps nobody waiting. */
START_TEST(a_request_that_nobody_begins_is_ended)
{
	char out[256], byte;

	pass(GET, sizeof(GET) - 1, out, sizeof(out));
	list.now_ms += GUARD_BEGIN_MS;
	guard_sweep(&list);
	ck_assert_int_lt(recv(client, &byte, 1, 0), 0);
	list.now_ms++;
	guard_sweep(&list);
	ck_assert_int_eq(recv(client, &byte, 1, 0), 0);
}
END_TEST

START_TEST(recv_on_any_other_socket_is_not_touched)
{
	char out[64];
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(write(pair[0], "not http\n", 9), 9);
	ck_assert_int_eq(recv(pair[1], out, sizeof(out), 0), 9);
	ck_assert_mem_eq(out, "not http\n", 9);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

/* ---- answers ---- */

#define ANSWER "HTTP/1.1 200 OK\r\n\r\nan answer"

/* What sendmsg() says of @text, in two pieces as the library sends it. */
static ssize_t say(int fd, const char *text, size_t len, int flags)
{
	struct iovec parts[] = {
		{ (char *)(uintptr_t)text, len / 2 },
		{ (char *)(uintptr_t)text + len / 2, len - len / 2 },
	};
	const struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	return sendmsg(fd, &message, flags | MSG_NOSIGNAL);
}

/* A request comes, is begun, and is about to be answered. */
static void ask(const char *text, bool usual)
{
	char out[512];

	pass(text, strlen(text), out, sizeof(out));
	ck_assert_ptr_nonnull(guard_begin(g));
	guard_answering(g, usual);
}

/* Everything that the client has got. */
static size_t hear(int fd, char *out, size_t room)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, out + len, room - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	return len;
}

START_TEST(a_usual_answer_waits_for_the_end_of_the_turn)
{
	char heard[256];

	ask(GET, true);
	guard_turn_begin(&list);
	ck_assert_int_eq(say(served, ANSWER, sizeof(ANSWER) - 1, 0),
			 sizeof(ANSWER) - 1);
	guard_done(g);
	ck_assert(!guard_idle(g));
	ck_assert_uint_eq(hear(client, heard, sizeof(heard)), 0);
	guard_turn_end(&list);
	ck_assert(guard_idle(g));
	hear(client, heard, sizeof(heard));
	ck_assert_str_eq(heard, ANSWER);
}
END_TEST

static const char long_answer[OUTBOX_BYTES + 1] = "long";

static const struct {
	const char *request, *answer;
	size_t len;
	bool usual, turn;
	int flags;
} impatient[] = {
	{ GET, ANSWER, 9, false, true, 0 },
	{ GET, ANSWER, 9, true, false, 0 },
	{ GET, ANSWER, 9, true, true, MSG_MORE },
	{ GET, long_answer, sizeof(long_answer), true, true, 0 },
	{ "GET / HTTP/1.0\r\n" HOST "\r\n", ANSWER, 9, true, true, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", ANSWER, 9,
	  true, true, 0 },
	{ "GET / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\n"
	  "Connection: close\r\n\r\n", ANSWER, 9, true, true, 0 },
};

START_TEST(whatever_may_not_wait_is_sent_at_once)
{
	char heard[2 * OUTBOX_BYTES];

	ask(impatient[_i].request, impatient[_i].usual);
	if (impatient[_i].turn)
		guard_turn_begin(&list);
	say(served, impatient[_i].answer, impatient[_i].len,
	    impatient[_i].flags);
	ck_assert_uint_eq(hear(client, heard, sizeof(heard)),
			  impatient[_i].len);
}
END_TEST

START_TEST(what_is_sent_later_arrives_later)
{
	char heard[256];

	ask(GET GET GET, true);
	guard_turn_begin(&list);
	say(served, "first ", 6, 0);
	guard_done(g);
	guard_begin(g);
	ck_assert_int_eq(send(served, "second ", 7, MSG_NOSIGNAL), 7);
	guard_answering(g, true);
	say(served, "third ", 6, 0);
	guard_done(g);
	guard_begin(g);
	guard_answering(g, false);
	say(served, "fourth", 6, 0);
	hear(client, heard, sizeof(heard));
	ck_assert_str_eq(heard, "first second third fourth");
}
END_TEST

/* The client's socket takes no byte more; returns how many it has taken. */
static size_t stuff(void)
{
	static const char byte[1];
	const int least = 1;
	size_t all = 0;

	setsockopt(served, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
	while (write(served, byte, 1) == 1)
		all++;
	return all;
}

START_TEST(a_client_that_takes_nothing_finds_its_answer_when_it_does)
{
	static char heard[1 << 20];
	size_t stuffed;
	char out[256];

	ask(GET, true);
	stuffed = stuff();
	guard_turn_begin(&list);
	ck_assert_int_eq(say(served, ANSWER, sizeof(ANSWER) - 1, 0),
			 sizeof(ANSWER) - 1);
	guard_done(g);
	guard_turn_end(&list);
	/* nothing overtakes it, and the library sees nothing of what comes */
	send(client, GET, sizeof(GET) - 1, MSG_NOSIGNAL);
	ck_assert_uint_eq(take_all(out, 0, sizeof(out)), 0);
	ck_assert_int_eq(say(served, "x", 1, 0), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(send(served, "x", 1, MSG_NOSIGNAL), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_eq(hear(client, heard, sizeof(heard)), stuffed);
	guard_sweep(&list);
	hear(client, heard, sizeof(heard));
	ck_assert_str_eq(heard, ANSWER);
	ck_assert_uint_eq(take_all(out, 0, sizeof(out)), sizeof(GET) - 1);
}
END_TEST

START_TEST(a_client_that_never_takes_its_answer_is_ended)
{
	static char heard[1 << 20];
	size_t stuffed;

	ask(GET, true);
	stuffed = stuff();
	guard_turn_begin(&list);
	say(served, ANSWER, sizeof(ANSWER) - 1, 0);
	guard_done(g);
	guard_turn_end(&list);
	list.now_ms += GUARD_ANSWER_MS;
	guard_sweep(&list);
	ck_assert_int_eq(recv(served, heard, 1, MSG_PEEK), -1);
	list.now_ms++;
	guard_sweep(&list);
	ck_assert_uint_eq(hear(client, heard, sizeof(heard)), stuffed);
	ck_assert_int_eq(read(client, heard, 1), 0);
}
END_TEST

#define CROWD (OUTBOX_LETTERS + 8)

START_TEST(a_full_box_is_posted_in_mid_turn)
{
	int clients[CROWD], servers[CROWD], pair[2];
	struct guard *crowd[CROWD];
	uint32_t early = 0;
	char heard[64];

	guard_turn_begin(&list);
	for (int i = 0; i < CROWD; i++) {
		ck_assert_int_eq(socketpair(AF_UNIX,
					    SOCK_STREAM | SOCK_NONBLOCK, 0,
					    pair), 0);
		clients[i] = pair[0];
		servers[i] = pair[1];
		crowd[i] = guard_open(&list, servers[i]);
		guard_answering(crowd[i], true);
		ck_assert_int_eq(say(servers[i], (char *)&i, sizeof(i), 0),
				 sizeof(i));
	}
	for (int i = 0; i < CROWD; i++)
		early += recv(clients[i], heard, 1, MSG_PEEK) == 1;
	ck_assert_uint_eq(early, OUTBOX_LETTERS);
	guard_turn_end(&list);
	for (int i = 0; i < CROWD; i++) {
		ck_assert_uint_eq(hear(clients[i], heard, sizeof(heard)),
				  sizeof(i));
		ck_assert_mem_eq(heard, &i, sizeof(i));
		guard_close(crowd[i]);
		close(clients[i]);
		close(servers[i]);
	}
}
END_TEST

START_TEST(a_connection_that_is_closed_sends_what_it_has)
{
	char heard[256];

	ask(GET, true);
	guard_turn_begin(&list);
	say(served, ANSWER, sizeof(ANSWER) - 1, 0);
	guard_close(g);
	hear(client, heard, sizeof(heard));
	ck_assert_str_eq(heard, ANSWER);
	ck_assert_uint_eq(list.outbox.used, 0);
	g = guard_open(&list, served);
	guard_turn_end(&list);
}
END_TEST

Suite *suite_http_guard(void);
Suite *suite_http_guard(void)
{
	Suite *suite = suite_create("http_guard");
	TCase *tc = tcase_create("guard");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, sound_requests_come_through_as_they_are, 0,
			    sizeof(sound) / sizeof(sound[0]));
	tcase_add_loop_test(tc, nothing_behind_a_refused_head_comes_out, 0,
			    sizeof(refused) / sizeof(refused[0]));
	tcase_add_loop_test(tc, a_malformed_chunk_ends_the_request, 0,
			    sizeof(bad_chunks) / sizeof(bad_chunks[0]));
	tcase_add_test(tc, the_library_is_given_a_body_that_ends);
	tcase_add_test(tc, chunks_are_counted_together);
	tcase_add_test(tc, requests_keep_their_order_while_they_pile_up);
	tcase_add_test(tc, what_is_left_in_the_kernel_makes_a_new_edge);
	tcase_add_test(tc, a_refused_client_may_finish);
	tcase_add_test(tc, what_the_handler_is_told_is_what_was_sent);
	tcase_add_test(tc, a_request_has_an_absolute_deadline);
	tcase_add_test(tc, idle_connections_are_ended);
	tcase_add_test(tc, a_request_that_nobody_begins_is_ended);
	tcase_add_test(tc, recv_on_any_other_socket_is_not_touched);
	tcase_add_test(tc, a_usual_answer_waits_for_the_end_of_the_turn);
	tcase_add_loop_test(tc, whatever_may_not_wait_is_sent_at_once, 0,
			    sizeof(impatient) / sizeof(impatient[0]));
	tcase_add_test(tc, what_is_sent_later_arrives_later);
	tcase_add_test(tc, a_client_that_takes_nothing_finds_its_answer_when_it_does);
	tcase_add_test(tc, a_client_that_never_takes_its_answer_is_ended);
	tcase_add_test(tc, a_full_box_is_posted_in_mid_turn);
	tcase_add_test(tc, a_connection_that_is_closed_sends_what_it_has);
	suite_add_tcase(suite, tc);
	return suite;
}
