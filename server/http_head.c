/* SPDX-License-Identifier: MIT */
/*
 * One line at a time: a line is found, its bytes are checked, and it is read
 * as the request line, a header or the end. Where RFC 9112 lets a server
 * choose between repairing and refusing, we refuse.
 */
#include "server/http_head.h"

#include <string.h>
#include <strings.h>

/* Headers that we read. Each but Connection may stand once. */
enum header {
	HEADER_HOST, HEADER_ORIGIN, HEADER_EXPECT, HEADER_LENGTH, HEADER_TYPE,
	HEADER_TRANSFER, HEADER_SITE, HEADER_AUTHORIZATION, HEADER_CODING,
	HEADER_RANGE, HEADER_IF_RANGE, HEADER_CONNECTION,
	NR_HEADERS,
};

static const struct {
	const char *name;
	uint8_t len;
} header_names[NR_HEADERS] = {
	[HEADER_HOST] = { "host", 4 },
	[HEADER_ORIGIN] = { "origin", 6 },
	[HEADER_EXPECT] = { "expect", 6 },
	[HEADER_LENGTH] = { "content-length", 14 },
	[HEADER_TYPE] = { "content-type", 12 },
	[HEADER_TRANSFER] = { "transfer-encoding", 17 },
	[HEADER_SITE] = { "sec-fetch-site", 14 },
	[HEADER_AUTHORIZATION] = { "authorization", 13 },
	[HEADER_CODING] = { "content-encoding", 16 },
	[HEADER_RANGE] = { "range", 5 },
	[HEADER_IF_RANGE] = { "if-range", 8 },
	[HEADER_CONNECTION] = { "connection", 10 },
};

static const struct {
	int status;
	const char *why;
} faults[] = {
	[HTTP_FINE] = { 200, "fine" },
#define X(name, status, why) [HTTP_##name] = { status, why },
	HTTP_BROKEN(X)
	HTTP_UNWANTED(X)
#undef X
};

int http_fault_status(enum http_fault fault)
{
	return faults[fault].status;
}

const char *http_fault_why(enum http_fault fault)
{
	return faults[fault].why;
}

/* ---- bytes ---- */

#define IS_TOKEN	1	/* may stand in a method or a header's name */
#define IS_PATH		2
#define IS_QUERY	4

#define ALNUM(flags)							\
	['0' ... '9'] = flags, ['A' ... 'Z'] = flags, ['a' ... 'z'] = flags

static const uint8_t kinds[256] = {
	ALNUM(IS_TOKEN | IS_PATH | IS_QUERY),
	['-'] = 7, ['.'] = 7, ['_'] = 7, ['~'] = 7,
	['!'] = 5, ['$'] = 5, ['&'] = 5, ['\''] = 5, ['*'] = 5, ['+'] = 5,
	['%'] = 5, ['#'] = 1, ['^'] = 1, ['`'] = 1, ['|'] = 1,
	['/'] = IS_PATH | IS_QUERY, ['='] = 4, [','] = 4, [':'] = 4,
	[';'] = 4, ['@'] = 4, ['('] = 4, [')'] = 4, ['?'] = 4,
};

static bool all_are(const char *s, size_t len, uint8_t kind)
{
	uint8_t all = 0xff;

	for (size_t i = 0; i < len; i++)
		all &= kinds[(unsigned char)s[i]];
	return all & kind;
}

static bool is_control(unsigned char c)
{
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

#define ONES	0x0101010101010101ULL
#define HIGHS	0x8080808080808080ULL

/* Has the word a byte below 0x20 or equal to 0x7f? A tab counts. */
static inline uint64_t suspicious(uint64_t x)
{
	uint64_t del = x ^ ONES * 0x7f;

	return (((x - ONES * 0x20) & ~x) | ((del - ONES) & ~del)) & HIGHS;
}

/* Control characters: a zero byte, a CR in mid-line, … */
static bool has_control(const char *s, size_t len)
{
	size_t i = 0;
	uint64_t x;

	for (; len - i >= 8; i += 8) {
		memcpy(&x, s + i, 8);
		if (!suspicious(x))
			continue;
		for (size_t k = 0; k < 8; k++)
			if (is_control((unsigned char)s[i + k]))
				return true;
	}
	for (; i < len; i++)
		if (is_control((unsigned char)s[i]))
			return true;
	return false;
}

static bool same_text(const char *s, size_t len, const char *lower)
{
	return strlen(lower) == len && !strncasecmp(s, lower, len);
}

/* ---- the request line ---- */

static enum http_method method_named(const char *s, size_t len)
{
	static const char *const names[] = {
		[HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD",
		[HTTP_POST] = "POST", [HTTP_PUT] = "PUT",
		[HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
	};
	unsigned int m = 0;

	while (m < HTTP_OTHER &&
	       (strlen(names[m]) != len || memcmp(s, names[m], len)))
		m++;
	return m;
}

/* A segment "." or "..": nothing of ours is below or above such a thing. */
static bool has_dot_segment(const char *path, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++) {
		size_t end = i + 1;

		if (path[i] != '/' || path[end] != '.')
			continue;
		end += 1 + (end + 1 < len && path[end + 1] == '.');
		if (end == len || path[end] == '/')
			return true;
	}
	return false;
}

static enum http_fault read_target(struct http_head *head, const char *target,
				   size_t len)
{
	const char *query = memchr(target, '?', len);
	size_t path_len = query ? (size_t)(query - target) : len;

	if (len > HTTP_TARGET_MAX)
		return HTTP_LONG_TARGET;
	if (!len || target[0] != '/' || !all_are(target, path_len, IS_PATH) ||
	    !all_are(target + path_len, len - path_len, IS_QUERY) ||
	    has_dot_segment(target, path_len))
		return HTTP_TARGET;
	head->target.len = (uint16_t)len;
	head->path_len = (uint16_t)path_len;
	return HTTP_FINE;
}

static enum http_fault read_version(struct http_head *head, const char *s,
				    size_t len)
{
	if (len != 8 || memcmp(s, "HTTP/", 5) || s[6] != '.' ||
	    s[5] < '0' || s[5] > '9' || s[7] < '0' || s[7] > '9')
		return HTTP_REQUEST_LINE;
	if (s[5] != '1' || s[7] > '1')
		return HTTP_VERSION;
	head->minor = s[7] == '1';
	return HTTP_FINE;
}

static enum http_fault read_request_line(struct http_head *head,
					 const char *line, size_t len)
{
	const char *target = memchr(line, ' ', len), *version;
	size_t method_len = target ? (size_t)(target - line) : 0;
	enum http_fault fault;

	if (!method_len || !all_are(line, method_len, IS_TOKEN))
		return HTTP_REQUEST_LINE;
	target++;
	version = memchr(target, ' ', len - method_len - 1);
	if (!version)
		return HTTP_REQUEST_LINE;
	head->method = method_named(line, method_len);
	head->target.at = (uint16_t)(head->pos + method_len + 1);
	fault = read_target(head, target, (size_t)(version - target));
	if (fault)
		return fault;
	version++;
	return read_version(head, version, len - (size_t)(version - line));
}

/* ---- headers ---- */

static enum header header_named(const char *s, size_t len)
{
	unsigned int h = 0;

	while (h < NR_HEADERS && (header_names[h].len != len ||
				  strncasecmp(s, header_names[h].name, len)))
		h++;
	return h;
}

static enum http_fault read_length(struct http_head *head, const char *s,
				   size_t len)
{
	uint64_t value = 0;

	if (!len)
		return HTTP_LENGTH;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return HTTP_LENGTH;
		if (value <= HTTP_BODY_MAX)	/* more stays more */
			value = value * 10 + (uint64_t)(s[i] - '0');
	}
	head->length = value;
	return value > HTTP_BODY_MAX ? HTTP_LONG_BODY : HTTP_FINE;
}

static bool is_json_type(const char *s, size_t len)
{
	const char *parameters = memchr(s, ';', len);

	if (parameters)
		len = (size_t)(parameters - s);
	while (len && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	return same_text(s, len, "application/json") ||
	       same_text(s, len, "application/json-rpc") ||
	       same_text(s, len, "application/jsonrequest");
}

/* Compares in a time that tells nothing of where the first difference is. */
static bool is_token(const char *s, size_t len, const char *token)
{
	static const char scheme[] = "bearer ";
	size_t skip = sizeof(scheme) - 1, n = token ? strlen(token) : 0;
	unsigned int different;

	if (!n || len <= skip || strncasecmp(s, scheme, skip))
		return false;
	s += skip;
	len -= skip;
	different = len != n;
	for (size_t i = 0; i < len; i++)
		different |= (unsigned char)(s[i] ^ token[i % n]);
	return !different;
}

static enum http_fault read_known(struct http_head *head, enum header h,
				  const char *value, struct http_piece piece,
				  const struct http_rules *rules)
{
	switch (h) {
	case HEADER_HOST:
		head->host = piece;
		return HTTP_FINE;
	case HEADER_ORIGIN:
		head->origin_text = piece;
		return HTTP_FINE;
	case HEADER_EXPECT:
		head->expects = true;
		return same_text(value, piece.len, "100-continue") ?
		       HTTP_FINE : HTTP_EXPECT;
	case HEADER_LENGTH:
		return read_length(head, value, piece.len);
	case HEADER_TYPE:
		head->json = is_json_type(value, piece.len);
		return HTTP_FINE;
	case HEADER_TRANSFER:
		head->chunked = true;
		return same_text(value, piece.len, "chunked") && head->minor ?
		       HTTP_FINE : HTTP_TRANSFER;
	case HEADER_CODING:
		head->coded = !same_text(value, piece.len, "identity");
		return HTTP_FINE;
	case HEADER_SITE:
		head->cross_site = same_text(value, piece.len, "cross-site");
		return HTTP_FINE;
	case HEADER_AUTHORIZATION:
		head->token_good = is_token(value, piece.len, rules->token);
		return HTTP_FINE;
	case HEADER_CONNECTION:
		if (!same_text(value, piece.len, "keep-alive"))
			head->ends = true;
		return HTTP_FINE;
	default:
		return HTTP_FINE;
	}
}

static enum http_fault read_header(struct http_head *head, const char *text,
				   size_t len, const struct http_rules *rules)
{
	const char *line = text + head->pos, *end = line + len, *value;
	const char *colon = memchr(line, ':', len);
	struct http_piece piece;
	enum header h;

	if (*line == ' ' || *line == '\t')
		return HTTP_FOLDED;
	if (!colon || colon == line ||
	    !all_are(line, (size_t)(colon - line), IS_TOKEN))
		return HTTP_HEADER;
	if (++head->lines > HTTP_HEADERS_MAX)
		return HTTP_LONG_HEAD;
	h = header_named(line, (size_t)(colon - line));
	if (h == NR_HEADERS)
		return HTTP_FINE;
	if (head->seen & 1U << h && h != HEADER_CONNECTION)
		return h == HEADER_HOST ? HTTP_TWO_HOSTS : HTTP_TWICE;
	head->seen |= (uint16_t)(1U << h);
	value = colon + 1;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	piece.at = (uint16_t)(value - text);
	piece.len = (uint16_t)(end - value);
	return read_known(head, h, value, piece, rules);
}

/* ---- whom we serve ---- */

static bool has(const struct http_head *head, enum header h)
{
	return head->seen & 1U << h;
}

/* The length of a Host without ":PORT" where that is our own port. */
static size_t without_port(const char *host, size_t len,
			   const struct http_rules *rules)
{
	size_t n = strlen(rules->port);

	if (len > n && !memcmp(host + len - n, rules->port, n))
		return len - n;
	return len;
}

static bool is_listed(const char *text, size_t len, const char *const *list)
{
	for (; list && *list; list++)
		if (same_text(text, len, *list))
			return true;
	return false;
}

static bool host_allowed(const char *host, size_t len,
			 const struct http_rules *rules)
{
	return is_listed(host, without_port(host, len, rules), rules->hosts) ||
	       is_listed(host, len, rules->hosts);
}

/* A page of our own: its origin is "http://" and the Host it asked. */
static bool is_own_origin(const struct http_head *head, const char *text)
{
	static const char scheme[] = "http://";
	size_t skip = sizeof(scheme) - 1;

	return head->origin_text.len == skip + head->host.len &&
	       !strncasecmp(text + head->origin_text.at, scheme, skip) &&
	       !strncasecmp(text + head->origin_text.at + skip,
			    text + head->host.at, head->host.len);
}

static bool origin_allowed(struct http_head *head, const char *text,
			   const struct http_rules *rules)
{
	const struct http_piece *o = &head->origin_text;

	head->origin = HTTP_NO_ORIGIN;
	if (!has(head, HEADER_ORIGIN) || is_own_origin(head, text))
		return true;
	for (int16_t i = 0; rules->origins && rules->origins[i]; i++)
		if (same_text(text + o->at, o->len, rules->origins[i])) {
			head->origin = i;
			return true;
		}
	return false;
}

static enum http_fault unwanted(struct http_head *head, const char *text,
				const struct http_rules *rules)
{
	if (!host_allowed(text + head->host.at, head->host.len, rules))
		return HTTP_FOREIGN_HOST;
	if (!origin_allowed(head, text, rules))
		return HTTP_FOREIGN_ORIGIN;
	if (head->cross_site && head->origin == HTTP_NO_ORIGIN)
		return HTTP_CROSS_SITE;
	if (rules->token && !head->token_good)
		return HTTP_NO_TOKEN;
	return HTTP_FINE;
}

/* ---- the whole ---- */

static enum http_fault check_framing(const struct http_head *head)
{
	bool body = head->chunked || head->length;

	if (!has(head, HEADER_HOST))
		return HTTP_NO_HOST;
	if (head->chunked && has(head, HEADER_LENGTH))
		return HTTP_LENGTH_AND_CHUNKED;
	if (body && (head->method == HTTP_GET || head->method == HTTP_HEAD))
		return HTTP_GET_BODY;
	return HTTP_FINE;
}

static enum http_progress refused(struct http_head *head,
				  enum http_fault fault)
{
	head->fault = fault;
	return HTTP_REFUSED;
}

static enum http_progress finish(struct http_head *head, const char *text,
				 const struct http_rules *rules)
{
	enum http_fault fault = check_framing(head);

	if (fault)
		return refused(head, fault);
	head->pos += 2;
	head->json = head->json && !head->coded;
	head->ends = head->ends || !head->minor;
	head->fault = unwanted(head, text, rules);
	return HTTP_COMPLETE;
}

static bool in_request_line(const struct http_head *head)
{
	return head->target.at == 0;
}

static enum http_progress too_long(struct http_head *head)
{
	return refused(head, in_request_line(head) ? HTTP_LONG_TARGET :
		       HTTP_LONG_HEAD);
}

/* Of the line that the scan has come to: is it, with @len bytes of the head in front of
 * its end, longer than any that is served? The same whether that end is here or not. */
static bool is_too_long(const struct http_head *head, size_t len)
{
	return len > HTTP_HEAD_MAX ||
	       (in_request_line(head) && len > HTTP_TARGET_MAX + 64);
}

static enum http_fault read_line(struct http_head *head, const char *text,
				 size_t len, const struct http_rules *rules)
{
	const char *line = text + head->pos;

	if (has_control(line, len))
		return HTTP_CONTROL;
	if (in_request_line(head))
		return read_request_line(head, line, len);
	return read_header(head, text, len, rules);
}

enum http_progress http_head_scan(struct http_head *head, const char *text,
				  size_t len, const struct http_rules *rules)
{
	for (;;) {
		const char *line = text + head->pos;
		const char *lf = memchr(line, '\n', len - head->pos);
		enum http_fault fault;
		size_t n;

		if (!lf)
			return is_too_long(head, len) ? too_long(head) : HTTP_MORE;
		n = (size_t)(lf - line);
		if (head->pos + n + 1 > HTTP_HEAD_MAX ||
		    is_too_long(head, head->pos + n))
			return too_long(head);
		if (!n || lf[-1] != '\r')
			return refused(head, HTTP_BARE_LF);
		if (n == 1 && !in_request_line(head))
			return finish(head, text, rules);
		fault = read_line(head, text, n - 1, rules);
		if (fault)
			return refused(head, fault);
		head->pos += (uint16_t)(n + 1);
	}
}
