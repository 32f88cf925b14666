/* SPDX-License-Identifier: MIT */
/*
 * The guard: what goes in on a real socket, in pieces of every size, and what
 * the library would be given. Smuggled requests are the point: no byte behind
 * what is refused may come out.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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
	tcase_add_test(tc, what_the_handler_is_told_is_what_was_sent);
	tcase_add_test(tc, a_request_has_an_absolute_deadline);
	tcase_add_test(tc, idle_connections_are_ended);
	tcase_add_test(tc, a_request_that_nobody_begins_is_ended);
	tcase_add_test(tc, recv_on_any_other_socket_is_not_touched);
	suite_add_tcase(suite, tc);
	return suite;
}
