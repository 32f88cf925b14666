/* SPDX-License-Identifier: MIT */
/*
 * The strict reading of a request head: RFC 9112 and 9110 by their own rules,
 * and the same verdict however the bytes arrive.
 */
#include <check.h>
#include <string.h>

#include "server/http_head.h"

static const char *const hosts[] = { "localhost", "127.0.0.1", "[::1]", NULL };
static const char *const origins[] = { "https://teach.example", NULL };
static const struct http_rules rules = { ":8642", hosts, origins, NULL };
static const struct http_rules guarded = {
	":8642", hosts, origins, "0123456789abcdef"
};

#define HOST "Host: localhost:8642\r\n"
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST /rpc HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"

static struct http_head read_head(const char *text, size_t len,
				  const struct http_rules *r,
				  enum http_progress *how)
{
	struct http_head head = { 0 };

	*how = http_head_scan(&head, text, len, r);
	return head;
}

static const struct {
	const char *text;
	enum http_fault fault;
} verdicts[] = {
	{ GET HOST "\r\n", HTTP_FINE },
	{ GET "host:localhost\r\n\r\n", HTTP_FINE },
	{ GET "HOST: \t LOCALHOST:8642 \r\n\r\n", HTTP_FINE },
	{ "GET /a/b?since=3 HTTP/1.0\r\n" HOST "\r\n", HTTP_FINE },
	{ POST "Content-Length: 2\r\n\r\n", HTTP_FINE },
	{ POST "Transfer-Encoding: chunked\r\n\r\n", HTTP_FINE },
	{ POST "Transfer-Encoding: Chunked\r\n\r\n", HTTP_FINE },
	/* RFC 9112, 2.2: a recipient may not take a bare CR or LF */
	{ "GET / HTTP/1.1\nHost: localhost\r\n\r\n", HTTP_BARE_LF },
	{ GET "Host: localhost\n\r\n", HTTP_BARE_LF },
	{ GET "Host: local\rhost\r\n\r\n", HTTP_CONTROL },
	{ GET HOST "X: a\x01z\r\n\r\n", HTTP_CONTROL },
	/* 5.2: obsolete line folding */
	{ GET HOST "X: a\r\n b\r\n\r\n", HTTP_FOLDED },
	{ GET HOST "\tX: a\r\n\r\n", HTTP_FOLDED },
	/* 3: request line */
	{ "GET  / HTTP/1.1\r\n" HOST "\r\n", HTTP_TARGET },
	{ "GET /\r\n" HOST "\r\n", HTTP_REQUEST_LINE },
	{ "G@T / HTTP/1.1\r\n" HOST "\r\n", HTTP_REQUEST_LINE },
	{ "GET http://a/ HTTP/1.1\r\n" HOST "\r\n", HTTP_TARGET },
	{ "GET / HTTP/1.2\r\n" HOST "\r\n", HTTP_VERSION },
	{ "GET / HTTP/2.0\r\n" HOST "\r\n", HTTP_VERSION },
	/* 5.1: no blank between name and colon */
	{ GET "Host : localhost\r\n\r\n", HTTP_HEADER },
	{ GET HOST "No colon\r\n\r\n", HTTP_HEADER },
	{ GET HOST ": empty\r\n\r\n", HTTP_HEADER },
	/* 3.2: Host */
	{ GET "\r\n", HTTP_NO_HOST },
	{ GET HOST HOST "\r\n", HTTP_TWO_HOSTS },
	{ GET HOST "Host: evil.example\r\n\r\n", HTTP_TWO_HOSTS },
	/* 6.3: length */
	{ POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n", HTTP_TWICE },
	{ POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
	  HTTP_LENGTH_AND_CHUNKED },
	{ POST "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
	  HTTP_LENGTH_AND_CHUNKED },
	{ POST "Content-Length: +2\r\n\r\n", HTTP_LENGTH },
	{ POST "Content-Length: -1\r\n\r\n", HTTP_LENGTH },
	{ POST "Content-Length: 0x2\r\n\r\n", HTTP_LENGTH },
	{ POST "Content-Length: 2, 2\r\n\r\n", HTTP_LENGTH },
	{ POST "Content-Length: 1 2\r\n\r\n", HTTP_LENGTH },
	{ POST "Content-Length:\r\n\r\n", HTTP_LENGTH },
	{ POST "Content-Length: 99999999999999999999\r\n\r\n", HTTP_LONG_BODY },
	{ POST "Content-Length: 4194305\r\n\r\n", HTTP_LONG_BODY },
	{ POST "Transfer-Encoding: gzip, chunked\r\n\r\n", HTTP_TRANSFER },
	{ POST "Transfer-Encoding: identity\r\n\r\n", HTTP_TRANSFER },
	{ POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	  HTTP_TWICE },
	{ GET HOST "Content-Length: 5\r\n\r\n", HTTP_GET_BODY },
	{ GET HOST "Transfer-Encoding: chunked\r\n\r\n", HTTP_GET_BODY },
	{ POST "Expect: 200-ok\r\nContent-Length: 2\r\n\r\n", HTTP_EXPECT },
	/* Whom we serve: names that resolve to us do not count. */
	{ GET "Host: evil.example\r\n\r\n", HTTP_FOREIGN_HOST },
	{ GET "Host: localhost:80\r\n\r\n", HTTP_FOREIGN_HOST },
	{ GET "Host: localhost.evil.example\r\n\r\n", HTTP_FOREIGN_HOST },
	{ GET HOST "Origin: https://evil.example\r\n\r\n",
	  HTTP_FOREIGN_ORIGIN },
	{ GET HOST "Origin: null\r\n\r\n", HTTP_FOREIGN_ORIGIN },
	{ GET HOST "Origin: https://teach.example\r\n\r\n", HTTP_FINE },
	{ GET HOST "Sec-Fetch-Site: cross-site\r\n\r\n", HTTP_CROSS_SITE },
};

static enum http_fault verdict(const struct http_head *head,
			       enum http_progress how)
{
	ck_assert_int_ne(how, HTTP_MORE);
	ck_assert_int_eq(how == HTTP_REFUSED, http_fault_closes(head->fault));
	return head->fault;
}

START_TEST(each_head_has_its_verdict)
{
	const char *text = verdicts[_i].text;
	enum http_progress how;
	struct http_head head = read_head(text, strlen(text), &rules, &how);

	ck_assert_msg(verdict(&head, how) == verdicts[_i].fault,
		      "%s instead of %s, for\n%s", http_fault_why(head.fault),
		      http_fault_why(verdicts[_i].fault), text);
}
END_TEST

START_TEST(the_verdict_does_not_depend_on_how_the_bytes_arrive)
{
	const char *text = verdicts[_i].text;
	const size_t len = strlen(text);

	for (size_t step = 1; step <= 7; step++) {
		struct http_head head = { 0 };
		enum http_progress how = HTTP_MORE;

		for (size_t have = step; how == HTTP_MORE; have += step) {
			ck_assert_uint_lt(have, len + step);
			how = http_head_scan(&head, text,
					     have < len ? have : len, &rules);
		}
		ck_assert_int_eq(verdict(&head, how), verdicts[_i].fault);
	}
}
END_TEST

START_TEST(a_head_that_is_not_whole_is_not_judged)
{
	static const char text[] = POST "Content-Length: 12\r\n\r\n{}";
	const size_t whole = sizeof(text) - 1 - 2;
	enum http_progress how;
	struct http_head head;

	for (size_t len = 0; len < whole; len++) {
		head = read_head(text, len, &rules, &how);
		ck_assert_int_eq(how, HTTP_MORE);
	}
	head = read_head(text, whole + 2, &rules, &how);
	ck_assert_int_eq(how, HTTP_COMPLETE);
	ck_assert_uint_eq(head.pos, whole);
	ck_assert_uint_eq(head.length, 12);
	ck_assert(head.json && head.minor && !head.chunked);
	ck_assert_int_eq(head.method, HTTP_POST);
	ck_assert_uint_eq(head.path_len, 4);
}
END_TEST

static const struct {
	const char *type;
	bool json;
} types[] = {
	{ "application/json", true },
	{ "Application/JSON; charset=utf-8", true },
	{ "application/json-rpc", true },
	{ "application/jsonrequest", true },
	{ "application/jsonx", false },
	{ "text/plain", false },
	{ "application/x-www-form-urlencoded", false },
	{ "multipart/form-data; boundary=application/json", false },
};

START_TEST(only_json_is_json)
{
	char text[256];
	enum http_progress how;
	struct http_head head;

	strcpy(text, "POST /rpc HTTP/1.1\r\n" HOST "Content-Type: ");
	strcat(text, types[_i].type);
	strcat(text, "\r\nContent-Length: 2\r\n\r\n");
	head = read_head(text, strlen(text), &rules, &how);
	ck_assert_int_eq(how, HTTP_COMPLETE);
	ck_assert_int_eq(head.json, types[_i].json);
}
END_TEST

START_TEST(a_token_must_be_the_whole_token)
{
	static const struct {
		const char *line;
		enum http_fault fault;
	} tries[] = {
		{ "", HTTP_NO_TOKEN },
		{ "Authorization: Bearer 0123456789abcdef\r\n", HTTP_FINE },
		{ "authorization: bearer 0123456789abcdef\r\n", HTTP_FINE },
		{ "Authorization: Bearer 0123456789abcde\r\n", HTTP_NO_TOKEN },
		{ "Authorization: Bearer 0123456789abcdef0\r\n", HTTP_NO_TOKEN },
		{ "Authorization: Basic 0123456789abcdef\r\n", HTTP_NO_TOKEN },
	};

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		char text[256] = GET HOST;
		enum http_progress how;
		struct http_head head;

		strcat(text, tries[i].line);
		strcat(text, "\r\n");
		head = read_head(text, strlen(text), &guarded, &how);
		ck_assert_int_eq(verdict(&head, how), tries[i].fault);
	}
}
END_TEST

/* A head of @lines lines besides the first two, each @len bytes. */
static enum http_fault long_head(size_t lines, size_t len)
{
	static char text[65536];
	char *at = stpcpy(text, GET HOST);
	enum http_progress how;
	struct http_head head;

	for (size_t i = 0; i < lines; i++) {
		*at++ = 'X';
		*at++ = ':';
		memset(at, 'a', len - 4);
		at = stpcpy(at + len - 4, "\r\n");
	}
	strcpy(at, "\r\n");
	head = read_head(text, strlen(text), &rules, &how);
	ck_assert_int_ne(how, HTTP_MORE);
	return head.fault;
}

START_TEST(heads_are_bounded)
{
	char target[400];
	enum http_progress how;
	struct http_head head;

	ck_assert_int_eq(long_head(8, 900), HTTP_FINE);
	ck_assert_int_eq(long_head(10, 900), HTTP_LONG_HEAD);
	ck_assert_int_eq(long_head(90, 8), HTTP_FINE);
	ck_assert_int_eq(long_head(120, 8), HTTP_LONG_HEAD);
	strcpy(target, "GET /");
	memset(target + 5, 'a', 300);
	strcpy(target + 305, " HTTP/1.1\r\n" HOST "\r\n");
	head = read_head(target, strlen(target), &rules, &how);
	ck_assert_int_eq(head.fault, HTTP_LONG_TARGET);
}
END_TEST

/* Whatever else is wrong with it: in pieces nobody would have read so far. */
START_TEST(a_long_line_is_too_long_wherever_it_ends)
{
	char text[400] = "G@T /";
	enum http_progress how;
	struct http_head head;

	memset(text + 5, 'a', 380);
	text[385] = '\n';
	for (size_t len = 321; len <= 386; len++) {
		head = read_head(text, len, &rules, &how);
		ck_assert_int_eq(how, HTTP_REFUSED);
		ck_assert_int_eq(head.fault, HTTP_LONG_TARGET);
	}
	text[320] = '\n';
	head = read_head(text, 321, &rules, &how);
	ck_assert_int_eq(head.fault, HTTP_BARE_LF);
}
END_TEST

START_TEST(every_fault_has_a_status_and_a_sentence)
{
	for (int fault = HTTP_FINE + 1; fault <= HTTP_NO_TOKEN; fault++) {
		if (fault == HTTP_LAST_BROKEN)
			continue;
		ck_assert_int_ge(http_fault_status((enum http_fault)fault),
				 400);
		ck_assert_int_lt(http_fault_status((enum http_fault)fault),
				 600);
		ck_assert_str_ne(http_fault_why((enum http_fault)fault), "");
	}
}
END_TEST

Suite *suite_http_head(void);
Suite *suite_http_head(void)
{
	Suite *suite = suite_create("http_head");
	TCase *tc = tcase_create("head");
	const int nr = sizeof(verdicts) / sizeof(verdicts[0]);

	tcase_add_loop_test(tc, each_head_has_its_verdict, 0, nr);
	tcase_add_loop_test(tc, the_verdict_does_not_depend_on_how_the_bytes_arrive,
			    0, nr);
	tcase_add_test(tc, a_head_that_is_not_whole_is_not_judged);
	tcase_add_loop_test(tc, only_json_is_json, 0,
			    sizeof(types) / sizeof(types[0]));
	tcase_add_test(tc, a_token_must_be_the_whole_token);
	tcase_add_test(tc, heads_are_bounded);
	tcase_add_test(tc, a_long_line_is_too_long_wherever_it_ends);
	tcase_add_test(tc, every_fault_has_a_status_and_a_sentence);
	suite_add_tcase(suite, tc);
	return suite;
}
