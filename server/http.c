/* SPDX-License-Identifier: MIT */
/*
 * A request's way: the guard has read its head (http_guard.c); on_request() is
 * called when the head is there, for each piece of the body, and when all of it
 * is. Only then does anything run. Most answers are written on the spot; what
 * must not run on a loop suspends the connection, runs in the thread pool, and
 * is answered when the connection has been resumed. Answers that are bytes of a
 * machine (its RAM, a pagemap) are sent piece by piece, in constant memory; a
 * piece whose machine is busy takes the same way through the pool.
 */
#include "server/http.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/http_guard.h"
#include "server/http_range.h"
#include "server/http_shelf.h"
#include "server/log.h"
#include "server/machine_bytes.h"
#include "server/proc_file.h"
#include "server/rpc.h"
#include "server/version.h"

/*
 * The library's memory a connection. It clears one and a half times as much
 * after each request, so less is faster; but half of it is where it reads to,
 * which must hold the longest head (HTTP_HEAD_MAX) and what tells of its lines.
 */
#define POOL_BYTES	18432
#define KEPT_BYTES	(256U << 10)	/* of a buffer, between requests */
#define SPARE_MAX	64		/* requests kept for the next */

#define TEXT_PLAIN	"text/plain; charset=utf-8"
#define BYTES		"application/octet-stream"

#define PROC_ANSWER_MAX	(64U << 20)	/* of text: smaps of 65,530 areas */
#define BYTES_ANSWER_MAX (1ULL << 30)	/* of a machine's bytes */
#define PIECE_BYTES	65536

static const char usual_type[] = "application/json";

enum route {
	ROUTE_NONE, ROUTE_RPC, ROUTE_OPENRPC, ROUTE_MACHINES, ROUTE_PROC,
	ROUTE_RAM,
	ROUTE_HEALTHZ, ROUTE_READYZ,
};

struct http {
	struct MHD_Daemon *daemon;
	struct server *server;
	const struct http_rules *rules;
	struct loop *loop;
	struct guard_list guards;
	struct http_shelf shelf;
	struct request *spare;
	uint32_t nr_spare;
	uint32_t suspended;
	bool draining;
	uint32_t connections, most;	/* now, and at most */
	bool full, look_again;		/* as many as may be; one of them has gone */
};

/* One request, from its head to the end of its answer. */
struct request {
	struct http *http;
	struct MHD_Connection *connection;
	struct guard *guard;
	const struct guard_request *head;
	enum route route;
	const char *path;		/* below the route; the library's */
	char machine[65];
	const char *wanted;		/* the Range; NULL: all. The library's */

	char *body;
	size_t body_len, body_room;
	struct json_writer out;		/* the answer's bytes */
	struct http_kept *kept;		/* what sends them; NULL: a response
					 * of this answer's own */
	struct rpc_progress progress;
	struct loop_job job;
	struct request *next;		/* spare */

	unsigned int status;		/* 0: not known yet */
	const char *type;		/* Content-Type */
	const char *allow;		/* 405: what is allowed */
	bool closes;

	/* An answer that is sent piece by piece. */
	bool pieces;
	bool ranges;			/* Range means something here */
	char file[HTTP_TARGET_MAX + 1];	/* what it is of: "/ram" */
	struct http_range range;
	char content_range[CONTENT_RANGE_MAX];	/* "": none is told */
	uint64_t piece_at;		/* the piece in out, from the pool … */
	bool piece_ready, piece_failed;	/* … or why there is none */
};

const char *http_library_version(void)
{
	return MHD_get_version();
}

/* ---- requests ---- */

static struct request *request_new(struct http *h)
{
	struct request *r = h->spare;

	if (r) {
		h->spare = r->next;
		h->nr_spare--;
		return r;
	}
	r = calloc(1, sizeof(*r));
	if (r)
		r->http = h;
	return r;
}

static void request_free(struct request *r)
{
	json_writer_free(&r->out);
	free(r->body);
	free(r);
}

static void request_release(struct request *r)
{
	struct http *h = r->http;

	if (h->nr_spare == SPARE_MAX) {
		request_free(r);
		return;
	}
	if (r->out.cap > KEPT_BYTES)
		json_writer_free(&r->out);
	if (r->body_room > KEPT_BYTES) {
		free(r->body);
		r->body = NULL;
		r->body_room = 0;
	}
	r->next = h->spare;
	h->spare = r;
	h->nr_spare++;
}

static void request_reset(struct request *r, struct MHD_Connection *c,
			  struct guard *g, const struct guard_request *head)
{
	r->connection = c;
	r->guard = g;
	r->head = head;
	r->route = ROUTE_NONE;
	r->kept = NULL;
	r->body_len = 0;
	json_writer_reset(&r->out);
	r->out.limit = RPC_ANSWER_MAX;
	r->progress = (struct rpc_progress){ 0 };
	r->status = 0;
	r->type = usual_type;
	r->allow = NULL;
	r->closes = false;
	r->wanted = NULL;
	r->pieces = r->ranges = false;
	r->content_range[0] = '\0';
	r->piece_ready = r->piece_failed = false;
}

static bool take_body(struct request *r, const char *data, size_t len)
{
	if (r->status)			/* refused: nobody reads it */
		return true;
	if (r->body_room - r->body_len < len) {
		size_t room = (r->body_len + len) * 2;
		char *body = realloc(r->body, room);

		if (!body)
			return false;
		r->body = body;
		r->body_room = room;
	}
	memcpy(r->body + r->body_len, data, len);
	r->body_len += len;
	return true;
}

/* ---- answers ---- */

/* The answer is an error of HTTP's: {"error": "…"}. */
static void answer_error(struct request *r, unsigned int status,
			 const char *why)
{
	r->status = status;
	r->type = usual_type;
	json_writer_reset(&r->out);
	json_object_begin(&r->out);
	json_pair_string(&r->out, "error", why);
	json_object_close(&r->out);
}

static void answer_fault(struct request *r, enum http_fault fault)
{
	answer_error(r, (unsigned int)http_fault_status(fault),
		     http_fault_why(fault));
	r->closes = http_fault_closes(fault);
}

static void add_headers(struct MHD_Response *response,
			const struct request *r)
{
	static const char *const always[][2] = {
		{ "X-Content-Type-Options", "nosniff" },
		{ "Cache-Control", "no-store" },
		{ "Content-Security-Policy",
		  "default-src 'none'; frame-ancestors 'none'" },
		{ "Cross-Origin-Resource-Policy", "same-origin" },
	};

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		MHD_add_response_header(response, always[i][0], always[i][1]);
	if (r->status != MHD_HTTP_NO_CONTENT)
		MHD_add_response_header(response, "Content-Type", r->type);
	if (r->allow)
		MHD_add_response_header(response, "Allow", r->allow);
	if (r->status == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, "WWW-Authenticate",
					"Bearer");
	if (r->ranges)
		MHD_add_response_header(response, "Accept-Ranges", "bytes");
	if (r->content_range[0])
		MHD_add_response_header(response, "Content-Range",
					r->content_range);
	if (r->closes)
		MHD_add_response_header(response, "Connection", "close");
}

/* Only pages that --allow-origin lists may read answers or ask beforehand. */
static void add_cors(struct MHD_Response *response, const struct request *r)
{
	if (r->head->origin == HTTP_NO_ORIGIN)
		return;
	MHD_add_response_header(response, "Access-Control-Allow-Origin",
				r->http->rules->origins[r->head->origin]);
	MHD_add_response_header(response, "Vary", "Origin");
	MHD_add_response_header(response, "Access-Control-Expose-Headers",
				"Accept-Ranges, Content-Range");
	if (r->head->method != HTTP_OPTIONS)
		return;
	MHD_add_response_header(response, "Access-Control-Allow-Methods",
				"GET, HEAD, POST");
	MHD_add_response_header(response, "Access-Control-Allow-Headers",
				"Content-Type, Authorization, Range");
	MHD_add_response_header(response, "Access-Control-Max-Age", "600");
}

static ssize_t send_piece(void *cls, uint64_t pos, char *buf, size_t max);

/* A short answer that says nothing but what nearly all of them say. */
static bool is_usual(const struct request *r)
{
	return r->out.len <= SHELF_LONGEST && r->status == MHD_HTTP_OK &&
	       r->type == usual_type && r->head->origin == HTTP_NO_ORIGIN &&
	       !r->pieces && !r->ranges && !r->closes;
}

static enum MHD_Result send_usual(struct request *r)
{
	bool fresh;

	r->kept = http_shelf_take(&r->http->shelf, r->out.buf, r->out.len,
				  &fresh);
	if (!r->kept)
		return MHD_NO;
	if (fresh)
		add_headers(r->kept->response, r);
	return MHD_queue_response(r->connection, r->status, r->kept->response);
}

/* The buffer stays the request's until the answer has been sent. */
static struct MHD_Response *response_of(struct request *r)
{
	if (r->pieces)
		return MHD_create_response_from_callback(r->range.length,
							 PIECE_BYTES,
							 send_piece, r, NULL);
	return MHD_create_response_from_buffer(r->out.len, r->out.buf,
					       MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result send_unusual(struct request *r)
{
	struct MHD_Response *response = response_of(r);
	enum MHD_Result queued;

	if (!response)
		return MHD_NO;
	add_headers(response, r);
	add_cors(response, r);
	queued = MHD_queue_response(r->connection, r->status, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result send_answer(struct request *r)
{
	if (r->out.failed)
		return MHD_NO;
	if (r->http->draining)
		r->closes = true;
	guard_answering(r->guard, is_usual(r));
	return is_usual(r) ? send_usual(r) : send_unusual(r);
}

/* ---- routes ---- */

struct fixed_route {
	const char *path;
	enum route route;		/* ROUTE_NONE: not yet */
	const char *allow;		/* methods; or why there is nothing */
};

static const struct fixed_route fixed_routes[] = {
	{ "/rpc", ROUTE_RPC, "POST" },
	{ "/openrpc.json", ROUTE_OPENRPC, "GET, HEAD" },
	{ "/machines", ROUTE_MACHINES, "GET, HEAD" },
	{ "/healthz", ROUTE_HEALTHZ, "GET, HEAD" },
	{ "/readyz", ROUTE_READYZ, "GET, HEAD" },
	{ "/metrics", ROUTE_NONE, "metrics come with a later version" },
	{ "/", ROUTE_NONE, "the visualiser comes with a later version; "
			   "methods are called with POST /rpc and described "
			   "at /openrpc.json" },
};

static const struct fixed_route machine_routes[] = {
	{ "/proc", ROUTE_PROC, "GET, HEAD" },
	{ "/events", ROUTE_NONE, "events come with a later version" },
	{ "/ram", ROUTE_RAM, "GET, HEAD" },
	{ "/image", ROUTE_NONE, "images come with a later version" },
};

static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return !strncmp(path, folder, len) &&
	       (!path[len] || path[len] == '/');
}

/* "/machines/NAME/…": r->machine and r->path, which keeps its "/proc". */
static const struct fixed_route *machine_route(struct request *r,
					       const char *url)
{
	size_t n = sizeof(machine_routes) / sizeof(machine_routes[0]);
	size_t len;

	if (strncmp(url, "/machines/", 10))
		return NULL;
	url += 10;
	len = strcspn(url, "/");
	if (!len || len >= sizeof(r->machine))
		return NULL;
	memcpy(r->machine, url, len);
	r->machine[len] = '\0';
	r->path = url + len;
	for (size_t i = 0; i < n; i++)
		if (is_below(r->path, machine_routes[i].path))
			return &machine_routes[i];
	return NULL;
}

static const struct fixed_route *route_of(struct request *r, const char *url)
{
	size_t n = sizeof(fixed_routes) / sizeof(fixed_routes[0]);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(url, fixed_routes[i].path))
			return &fixed_routes[i];
	return machine_route(r, url);
}

static bool method_fits(const struct request *r)
{
	if (r->route == ROUTE_RPC)
		return r->head->method == HTTP_POST;
	return r->head->method == HTTP_GET || r->head->method == HTTP_HEAD;
}

/* What can be said from the head alone; r->status is 0 if the request runs. */
static void judge(struct request *r, const char *url)
{
	const struct fixed_route *route = route_of(r, url);
	enum http_fault fault = guard_fault(r->guard);

	r->route = route ? route->route : ROUTE_NONE;
	if (fault == HTTP_NO_TOKEN &&
	    (r->route == ROUTE_HEALTHZ || r->route == ROUTE_READYZ))
		fault = HTTP_FINE;
	if (fault) {
		answer_fault(r, fault);
	} else if (r->http->draining && r->route != ROUTE_READYZ) {
		answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "shutting down");
	} else if (!route) {
		answer_error(r, MHD_HTTP_NOT_FOUND,
			     "there is nothing at this path");
	} else if (r->route == ROUTE_NONE) {
		answer_error(r, MHD_HTTP_NOT_FOUND, route->allow);
	} else if (r->head->method == HTTP_OPTIONS &&
		   r->head->origin != HTTP_NO_ORIGIN) {
		r->status = MHD_HTTP_NO_CONTENT;
	} else if (!method_fits(r)) {
		answer_error(r, MHD_HTTP_METHOD_NOT_ALLOWED,
			     "this path does not take that method");
		r->allow = route->allow;
	} else if (r->route == ROUTE_RPC && r->head->coded) {
		answer_error(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
			     "the body must come as it is, without a "
			     "Content-Encoding");
	} else if (r->route == ROUTE_RPC && !r->head->json) {
		answer_error(r, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
			     "the body must be application/json: "
			     "use curl --json");
	}
}

/* ---- what runs ---- */

static void run_rpc(struct request *r, bool may_wait)
{
	switch (rpc_handle(r->http->server, r->body, r->body_len, &r->out,
			   &r->progress, may_wait)) {
	case RPC_ANSWER:
		r->status = MHD_HTTP_OK;
		break;
	case RPC_SILENCE:
		r->status = MHD_HTTP_NO_CONTENT;
		json_writer_reset(&r->out);
		break;
	case RPC_LATER:
		break;
	}
}

static unsigned int status_of(const struct rpc_error *error)
{
	switch (error->code) {
	case RPC_NO_SUCH_MACHINE:
	case RPC_NO_SUCH_PROCESS:
	case RPC_NO_SUCH_THING:
	case RPC_INVALID_PARAMS:
		return MHD_HTTP_NOT_FOUND;
	case RPC_LIMIT:
	case RPC_BUSY:
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	default:
		return MHD_HTTP_INTERNAL_SERVER_ERROR;
	}
}

/* "/proc/1/maps/" is asked for as "/proc/1/maps". */
static void name_file(struct request *r)
{
	size_t len = strlen(r->path);

	while (len > 1 && r->path[len - 1] == '/')
		len--;
	memcpy(r->file, r->path, len);
	r->file[len] = '\0';
}

static bool read_text(struct request *r, struct rpc_error *error)
{
	r->type = TEXT_PLAIN;
	r->out.limit = PROC_ANSWER_MAX;
	if (!proc_file_text(r->http->server, r->machine, r->file, &r->out,
			    error))
		return false;
	r->status = MHD_HTTP_OK;
	return true;
}

static void refuse_range(struct request *r, uint64_t size, bool too_much)
{
	char why[128];

	snprintf(why, sizeof(why), too_much ?
		 "these are %llu bytes, and an answer has at most %llu: ask "
		 "for a Range of them" :
		 "these are %llu bytes, and none of them is in the range",
		 (unsigned long long)size,
		 (unsigned long long)BYTES_ANSWER_MAX);
	answer_error(r, MHD_HTTP_RANGE_NOT_SATISFIABLE, why);
	http_content_range(r->content_range, RANGE_UNSATISFIABLE, &r->range,
			   size);
}

/*
 * A range may be answered with less than it asks for (RFC 9110, 15.3.7): with
 * its beginning, where it is too long. The whole cannot.
 */
static void begin_bytes(struct request *r, uint64_t size)
{
	const bool head = r->head->method == HTTP_HEAD;
	const enum http_selection selection =
		http_range_select(head ? NULL : r->wanted, size, &r->range);
	const bool too_much = selection == RANGE_WHOLE && !head &&
			      size > BYTES_ANSWER_MAX;

	r->ranges = true;
	if (selection == RANGE_UNSATISFIABLE || too_much) {
		refuse_range(r, size, too_much);
		return;
	}
	r->status = MHD_HTTP_OK;
	r->type = BYTES;
	r->pieces = true;
	if (selection == RANGE_WHOLE)
		return;
	if (r->range.length > BYTES_ANSWER_MAX)
		r->range.length = BYTES_ANSWER_MAX;
	r->status = MHD_HTTP_PARTIAL_CONTENT;
	http_content_range(r->content_range, selection, &r->range, size);
}

/* A file of a machine: bytes, or a text. */
static bool read_file(struct request *r, struct rpc_error *error)
{
	uint64_t size;

	name_file(r);
	if (machine_bytes_size(r->http->server, r->machine, r->file, &size,
			       error)) {
		begin_bytes(r, size);
		return true;
	}
	if (error->code != RPC_NO_SUCH_THING || r->route == ROUTE_RAM)
		return false;
	error->code = 0;
	return read_text(r, error);
}

static bool list_machines(struct request *r, struct rpc_error *error)
{
	if (!rpc_call_method(r->http->server, "machine.list", NULL, &r->out,
			     error))
		return false;
	r->status = MHD_HTTP_OK;
	return true;
}

/* Routes that ask a machine something; false: not on a loop. */
static bool run_query(void *ctx)
{
	struct request *r = ctx;
	struct rpc_error error = { .code = 0 };
	bool done;

	done = r->route == ROUTE_MACHINES ? list_machines(r, &error)
					  : read_file(r, &error);
	if (done)
		return true;
	if (error.code == RPC_DEFERRED)
		return false;
	answer_error(r, status_of(&error), error.why);
	return true;
}

static void answer_health(struct request *r)
{
	bool ready = r->route == ROUTE_HEALTHZ || !r->http->draining;

	r->status = ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
	json_object_begin(&r->out);
	json_pair_string(&r->out, "status", ready ? "ok" : "shutting down");
	json_pair_string(&r->out, "version", MMAPD_VERSION);
	json_pair_string(&r->out, "libmicrohttpd", http_library_version());
	json_object_close(&r->out);
}

/* Leaves r->status 0 where the request must not run here. */
static void run(struct request *r, bool may_wait)
{
	switch (r->route) {
	case ROUTE_RPC:
		run_rpc(r, may_wait);
		break;
	case ROUTE_OPENRPC:
		r->status = MHD_HTTP_OK;
		json_put_raw(&r->out, openrpc_document, openrpc_document_len);
		break;
	case ROUTE_MACHINES:
	case ROUTE_PROC:
	case ROUTE_RAM:
		rpc_run(may_wait, run_query, r);
		break;
	default:
		answer_health(r);
	}
}

/* ---- the thread pool ---- */

static struct request *request_of(struct loop_job *job)
{
	return (struct request *)((char *)job - offsetof(struct request, job));
}

static void job_work(struct loop_job *job)
{
	run(request_of(job), true);
}

static void job_after(struct loop_job *job)
{
	struct request *r = request_of(job);

	r->http->suspended--;
	MHD_resume_connection(r->connection);
}

static enum MHD_Result run_elsewhere(struct request *r)
{
	r->job.work = job_work;
	r->job.after = job_after;
	MHD_suspend_connection(r->connection);
	r->http->suspended++;
	if (loop_submit(r->http->loop, &r->job))
		return MHD_YES;
	r->http->suspended--;
	MHD_resume_connection(r->connection);
	loop_want_run(r->http->loop);
	answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "no thread for this");
	return MHD_YES;
}

/* ---- answers in pieces ---- */

struct piece {
	struct request *r;
	uint64_t pos;			/* in the answer */
	char *buf;
	size_t len;
	struct rpc_error error;
};

static bool read_piece(void *ctx)
{
	struct piece *p = ctx;
	struct request *r = p->r;

	return machine_bytes_read(r->http->server, r->machine, r->file,
				  r->range.first + p->pos, p->buf, p->len,
				  &p->error);
}

/* In the pool: into the request's own buffer, from where it is sent. */
static void piece_work(struct loop_job *job)
{
	struct request *r = request_of(job);
	struct piece p = { .r = r, .pos = r->piece_at, .len = PIECE_BYTES };

	if (p.len > r->range.length - p.pos)
		p.len = r->range.length - p.pos;
	json_writer_reset(&r->out);
	r->piece_ready = json_writer_room(&r->out, p.len);
	p.buf = r->out.buf;
	if (r->piece_ready)
		r->piece_ready = rpc_run(true, read_piece, &p);
	r->piece_failed = !r->piece_ready;
	r->out.len = r->piece_ready ? p.len : 0;
}

static ssize_t piece_elsewhere(struct request *r, uint64_t pos)
{
	r->piece_at = pos;
	r->job.work = piece_work;
	r->job.after = job_after;
	MHD_suspend_connection(r->connection);
	r->http->suspended++;
	if (loop_submit(r->http->loop, &r->job))
		return 0;
	r->http->suspended--;
	MHD_resume_connection(r->connection);
	loop_want_run(r->http->loop);
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t send_piece(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct request *r = cls;
	struct piece p = { .r = r, .pos = pos, .buf = buf, .len = max };

	if (r->piece_failed)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (p.len > r->range.length - pos)
		p.len = r->range.length - pos;
	if (r->piece_ready && r->piece_at == pos) {
		if (p.len > r->out.len)
			p.len = r->out.len;
		memcpy(buf, r->out.buf, p.len);
		r->piece_ready = false;
		return (ssize_t)p.len;
	}
	if (rpc_run(false, read_piece, &p))
		return (ssize_t)p.len;
	return p.error.code == RPC_DEFERRED ? piece_elsewhere(r, pos)
					    : MHD_CONTENT_READER_END_WITH_ERROR;
}

/* ---- the library's callbacks ---- */

static struct guard *guard_of_connection(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/* Did the library read the request that the guard let through? */
static bool agrees(const struct guard_request *head, const char *url)
{
	return http_fault_closes(head->fault) ||
	       strlen(url) == head->path_len;
}

/* There are no validators: what If-Range asks for is never the same. */
static const char *range_of(struct MHD_Connection *c)
{
	if (MHD_lookup_connection_value(c, MHD_HEADER_KIND, "If-Range"))
		return NULL;
	return MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Range");
}

static enum MHD_Result begin(struct http *h, struct MHD_Connection *c,
			     const char *url, void **context)
{
	struct guard *g = guard_of_connection(c);
	const struct guard_request *head = g ? guard_begin(g) : NULL;
	struct request *r;

	if (!head || !agrees(head, url)) {
		log_error("a request went past the guard: refused");
		return MHD_NO;
	}
	r = request_new(h);
	if (!r)
		return MHD_NO;
	request_reset(r, c, g, head);
	*context = r;
	judge(r, url);
	if (r->route == ROUTE_PROC || r->route == ROUTE_RAM)
		r->wanted = range_of(c);
	/* Refused, and the client waits for our word before it sends more. */
	if (r->status && (r->closes || head->expects))
		return send_answer(r);
	return MHD_YES;
}

static enum MHD_Result finish(struct request *r)
{
	enum http_fault fault = guard_fault(r->guard);

	if (http_fault_closes(fault))
		answer_fault(r, fault);
	if (!r->status)
		run(r, false);
	if (!r->status)
		return run_elsewhere(r);
	return send_answer(r);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c,
				  const char *url, const char *method,
				  const char *version, const char *data,
				  size_t *data_len, void **context)
{
	struct request *r = *context;

	(void)method;
	(void)version;
	if (!r)
		return begin(cls, c, url, context);
	if (*data_len) {
		if (!take_body(r, data, *data_len))
			return MHD_NO;
		*data_len = 0;
		return MHD_YES;
	}
	return finish(r);
}

static void on_completed(void *cls, struct MHD_Connection *c, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct request *r = *context;

	(void)cls;
	(void)c;
	(void)code;
	if (!r)
		return;
	*context = NULL;
	guard_done(r->guard);
	if (r->kept)
		http_shelf_put(&r->http->shelf, r->kept);
	request_release(r);
}

static void on_connection(void *cls, struct MHD_Connection *c,
			  void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http *h = cls;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(c,
					MHD_CONNECTION_INFO_CONNECTION_FD);

		*socket_context = info ? guard_open(&h->guards,
						    info->connect_fd) : NULL;
		if (info && !*socket_context)	/* nobody would end it */
			shutdown(info->connect_fd, SHUT_RDWR);
		h->full |= ++h->connections >= h->most;
		return;
	}
	h->connections--;
	h->look_again |= h->full;
	if (*socket_context)
		guard_close(*socket_context);
	*socket_context = NULL;
}

/* No decoding: a path is what its bytes are, and the guard takes no '%'. */
static size_t leave_as_it_is(void *cls, struct MHD_Connection *c, char *text)
{
	(void)cls;
	(void)c;
	return strlen(text);
}

/* ---- in the loop ---- */

static void take_turn(struct http *h)
{
	guard_turn_begin(&h->guards);
	MHD_run(h->daemon);
	guard_turn_end(&h->guards);
}

/*
 * A daemon that has as many connections as it may have takes its listening socket out
 * of its epoll set, and puts it back at the beginning of a run after one has gone. In
 * external mode nobody would call that run: no descriptor shows that there is anything
 * to do (libmicrohttpd 0.9.75).
 */
static void accept_again(struct http *h)
{
	if (!h->look_again)
		return;
	h->look_again = false;
	h->full = h->connections >= h->most;
	take_turn(h);
}

static void on_run(void *ctx, uint64_t now_ms)
{
	struct http *h = ctx;

	h->guards.now_ms = now_ms;
	take_turn(h);
	accept_again(h);
}

static int64_t on_timeout(void *ctx)
{
	struct http *h = ctx;
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(h->daemon, &ms) != MHD_YES)
		return -1;
	return ms > INT32_MAX ? INT32_MAX : (int64_t)ms;
}

static bool on_sweep(void *ctx, uint64_t now_ms)
{
	struct http *h = ctx;

	h->guards.now_ms = now_ms;
	return guard_sweep(&h->guards);
}

/* The first call closes the door; those inside may finish. */
static bool on_drain(void *ctx)
{
	struct http *h = ctx;

	if (!h->draining) {
		take_turn(h);		/* who already knocked comes in */
		close(MHD_quiesce_daemon(h->daemon));
		h->draining = true;
	}
	guard_end_idle(&h->guards);
	take_turn(h);
	return !h->guards.count;
}

static struct MHD_Daemon *start_daemon(struct http *h,
				       const struct http_setup *setup)
{
	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
		on_request, h,
		MHD_OPTION_LISTEN_SOCKET, (MHD_socket)setup->listen_fd,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_as_it_is, NULL,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)setup->connections,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
		MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
		MHD_OPTION_END);
}

static bool fill_in_client(struct http *h, struct loop_client *client)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	if (!info)
		return false;
	*client = (struct loop_client){
		.ctx = h,
		.fd = info->epoll_fd,
		.run = on_run,
		.timeout = on_timeout,
		.sweep = on_sweep,
		.drained = on_drain,
	};
	return true;
}

struct http *http_new(const struct http_setup *setup,
		      struct loop_client *client)
{
	struct http *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->server = setup->server;
	h->rules = h->guards.rules = setup->rules;
	h->loop = setup->loop;
	h->most = setup->connections;
	h->daemon = start_daemon(h, setup);
	if (h->daemon && fill_in_client(h, client))
		return h;
	http_free(h);
	return NULL;
}

void http_free(struct http *h)
{
	/* The library must not be stopped under a suspended connection. */
	if (h->daemon && !h->suspended)
		MHD_stop_daemon(h->daemon);
	while (h->spare) {
		struct request *r = h->spare;

		h->spare = r->next;
		request_free(r);
	}
	http_shelf_free(&h->shelf);
	free(h);
}
