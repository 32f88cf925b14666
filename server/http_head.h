/* SPDX-License-Identifier: MIT */
/*
 * The strict reading of one HTTP/1.1 request head: what its bytes say, and
 * whether we serve such a request at all. Pure: no sockets, no memory.
 */
#ifndef SERVER_HTTP_HEAD_H
#define SERVER_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX		8192		/* bytes of a head */
#define HTTP_HEADERS_MAX	100		/* lines in it */
#define HTTP_TARGET_MAX		256		/* bytes of path and query */
#define HTTP_BODY_MAX		(4U << 20)	/* bytes of a body */

/*
 * What can be wrong with a request, the status that says so, and the sentence.
 * After one of the first group nobody can tell where the next request begins,
 * so the connection ends. Those of the second group are well-formed.
 */
#define HTTP_BROKEN(X)							\
	X(BARE_LF, 400, "a line that does not end in CR LF")		\
	X(CONTROL, 400, "a control character in the head")		\
	X(FOLDED, 400, "a header continued on the next line")		\
	X(REQUEST_LINE, 400, "a malformed request line")		\
	X(TARGET, 400, "the target must be a plain path")		\
	X(VERSION, 505, "HTTP/1.1 or HTTP/1.0, please")			\
	X(HEADER, 400, "a malformed header line")			\
	X(NO_HOST, 400, "a Host is needed")				\
	X(TWO_HOSTS, 400, "more than one Host")				\
	X(TWICE, 400, "a header given twice that may stand once")	\
	X(LENGTH, 400, "Content-Length is not a number")		\
	X(LENGTH_AND_CHUNKED, 400,					\
	  "both Content-Length and Transfer-Encoding")			\
	X(TRANSFER, 400, "a Transfer-Encoding other than chunked")	\
	X(GET_BODY, 400, "a body where the method has none")		\
	X(CHUNK, 400, "a malformed chunk")				\
	X(EXPECT, 417, "Expect may only be 100-continue")		\
	X(LONG_HEAD, 431, "a head of more than 8192 bytes or 100 lines")	\
	X(LONG_TARGET, 414, "a target of more than 256 bytes")		\
	X(LONG_BODY, 413, "a body of more than 4194304 bytes")		\
	X(TIMEOUT, 408, "the request took too long to arrive")
#define HTTP_UNWANTED(X)						\
	X(FOREIGN_HOST, 403, "this Host is not served; see --allow-host")	\
	X(FOREIGN_ORIGIN, 403,						\
	  "this Origin is not served; see --allow-origin")		\
	X(CROSS_SITE, 403, "a request by another site's page")		\
	X(NO_TOKEN, 401, "a token is needed: Authorization: Bearer …")

enum http_fault {
	HTTP_FINE,
#define X(name, status, why) HTTP_##name,
	HTTP_BROKEN(X)
	HTTP_LAST_BROKEN,		/* no fault: divides the groups */
	HTTP_UNWANTED(X)
#undef X
};

int http_fault_status(enum http_fault fault);
const char *http_fault_why(enum http_fault fault);

static inline bool http_fault_closes(enum http_fault fault)
{
	return fault != HTTP_FINE && fault < HTTP_LAST_BROKEN;
}

enum http_method {
	HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OPTIONS,
	HTTP_OTHER,
};

/* Whom we serve. All strings are lower case and outlive every head. */
struct http_rules {
	char port[8];			/* our own, as ":8642" */
	const char *const *hosts;	/* "localhost", "[::1]", "a.b:443"; NULL ends */
	const char *const *origins;	/* "https://a.b"; NULL ends */
	const char *token;		/* NULL: none is asked for */
};

/* A piece of the head, from its first byte. */
struct http_piece {
	uint16_t at, len;
};

#define HTTP_NO_ORIGIN		(-1)	/* none, or our own */

struct http_head {
	enum http_fault fault;
	enum http_method method;
	struct http_piece target;	/* path and query */
	uint16_t path_len;
	bool minor;			/* HTTP/1.1 rather than 1.0 */
	bool chunked;
	bool json;			/* Content-Type says JSON, plain */
	bool coded;			/* Content-Encoding: something */
	bool expects;			/* 100-continue */
	bool ends;			/* the connection may, after this one */
	int16_t origin;			/* index into rules->origins */
	uint64_t length;		/* of the body; 0 where chunked */

	/* How far the scan has come. */
	uint16_t pos;			/* start of the first line not seen */
	uint16_t lines;
	uint16_t seen;			/* bit per header that may stand once */
	bool cross_site, token_good;
	struct http_piece host, origin_text;
};

enum http_progress { HTTP_MORE, HTTP_COMPLETE, HTTP_REFUSED };

/**
 * http_head_scan - read a head, or as much of it as there is
 * @head:  zeroed before the first call for a request
 * @text:  bytes from the head's first one on; moved between calls, never cut
 * @len:   how many there are
 * @rules: whom we serve
 *
 * Returns: HTTP_MORE until the empty line has been seen; HTTP_COMPLETE with
 *          head->pos behind it, and head->fault set if the request is unwanted;
 *          HTTP_REFUSED with a fault that closes.
 * Cost:    each complete line is looked at once.
 */
enum http_progress http_head_scan(struct http_head *head, const char *text,
				  size_t len, const struct http_rules *rules);

#endif
