/* SPDX-License-Identifier: MIT */
/*
 * Why there is a guard, and how it works
 * --------------------------------------
 *
 * A request that two programs read in two ways is how requests are smuggled:
 * the one in front sees one request, the one behind sees two. The library we
 * stand on repairs a good deal silently. 0.9.75 takes bare line feeds and
 * folded headers, cuts lines at zero bytes, takes the first of two lengths, and
 * prefers a length or a transfer coding as it finds them; its callbacks run
 * after all that, so a check in a callback cannot see it. Later versions repair
 * less, but not nothing.
 *
 * So we look at the bytes themselves, where the library gets them: it calls
 * recv(), and the program's own definition of a function comes before the C
 * library's. Ours serves descriptors that were announced with guard_open() and
 * passes all others on. If it should ever not be called (a library bound in
 * some other way), no request has been seen when a handler asks guard_begin()
 * for it, and every request is refused: the guard fails closed.
 *
 *	socket --recvfrom()--> [ held | new bytes ] --scan--> the library
 *
 * The scan works in the library's own buffer, in place. It follows the framing
 * of requests (head, then nothing, a counted body or chunks) and lets through
 * whole units only: a head when its empty line is there and all of it is well-
 * formed, a chunk's size when its line is. An unfinished unit is held back and
 * put in front of the bytes that come next. That is rare: nearly always a
 * request arrives whole, and the scan costs 0.2 microseconds.
 *
 * A unit that is refused must still get an answer, in its turn behind those of
 * the requests before it. Since the library has not seen a byte of it, another
 * can take its place: a small well-formed request ("GET /", close) stands in
 * for a head, a last chunk for a chunk. It runs the usual way through the
 * library to our handler, which asks guard_fault() and answers what was wrong.
 * Everything the client sends after that is thrown away.
 *
 * One trap: the library's sockets are edge-triggered, and it takes a recv()
 * that returned less than it asked for as "nothing more is there". Where we
 * hold something back of a buffer that was full, the kernel may well have more,
 * and no edge will come; rearm() makes one.
 *
 * The deadlines are here since only here it is known when a request's first
 * byte came. They are absolute: a byte a second keeps the library's own
 * timeouts quiet for as long as somebody likes. There is one for each thing
 * that a connection can be waiting for, so the library's are not used at all.
 */
#include "server/http_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHUNK_LINE_MAX	18		/* 16 digits and CR LF */
#define FDS_MAX		(1 << 20)
#define DRAIN_BYTES	(8 << 20)

/* What the next bytes belong to. */
enum phase {
	PHASE_HEAD,
	PHASE_BODY,		/* counted: left bytes of it */
	PHASE_CHUNK_SIZE,
	PHASE_CHUNK,		/* left bytes of its data */
	PHASE_CHUNK_END,	/* CR LF behind the data */
	PHASE_LAST,		/* CR LF behind the last chunk */
	PHASE_DEAD,		/* refused: the rest is thrown away */
};

struct guard {
	int fd;
	enum phase phase;
	struct guard_list *list;
	struct guard *next, **link;	/* in list */

	struct http_head head;		/* the one being read */
	uint64_t left;
	uint64_t body;			/* bytes of chunks so far */
	char *held;			/* an unfinished unit */
	size_t held_len;

	enum http_fault fault;		/* why PHASE_DEAD */
	bool stand_in;			/* is yet to be delivered */
	enum phase refused_in;
	uint32_t refused;		/* number of the request refused */

	/* Requests let through whose handler has not been called yet. */
	struct guard_request *queue;
	uint32_t room;			/* of queue; a power of two */
	uint32_t seen, begun, done;	/* requests, ever */
	struct guard_request current;

	uint64_t arrive_ms;		/* first byte of the one arriving */
	uint64_t answer_ms;		/* 0: no answer on its way */
	uint64_t idle_ms;		/* since when there was nothing to do */
	bool peeked;			/* for the client's end, since then */

	bool may_wait;			/* the answer being sent */
	struct letter *letter;		/* an answer that has not been sent */
	bool starved;			/* it kept the library from reading */
};

static const char stand_in_head[] =
	"GET / HTTP/1.1\r\nHost: -\r\nConnection: close\r\n\r\n";

/* ---- the table of guarded descriptors ---- */

/*
 * Slots are written by the thread that owns the descriptor, and between its
 * accept() and its close() no other thread has one of that number.
 */
static struct guard *guards[FDS_MAX];

static struct guard *guard_of(int fd)
{
	return fd >= 0 && fd < FDS_MAX ? guards[fd] : NULL;
}

struct guard *guard_open(struct guard_list *list, int fd)
{
	struct guard *g;

	if (fd < 0 || fd >= FDS_MAX)
		return NULL;
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->fd = fd;
	g->list = list;
	g->idle_ms = list->now_ms;
	g->next = list->first;
	g->link = &list->first;
	if (g->next)
		g->next->link = &g->next;
	list->first = g;
	list->count++;
	guards[fd] = g;
	return g;
}

/* Throws away what a client still says; false once it has nothing more. */
static bool drain(int fd)
{
	char waste[16384];
	ssize_t n;

	for (size_t got = 0; got < DRAIN_BYTES; got += (size_t)n) {
		n = recvfrom(fd, waste, sizeof(waste), MSG_DONTWAIT, NULL,
			     NULL);
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
	}
	return true;
}

/*
 * A connection that is closed with bytes unread is reset, and the reset may
 * overtake our last answer: a client that is busy sending the body we refused
 * would never read why. So a copy of the descriptor stays for a while, and
 * guard_sweep() throws away what arrives on it.
 */
static void linger(struct guard_list *list, int fd)
{
	struct guard_lingering *slot = list->lingering;

	while (slot < list->lingering + GUARD_LINGERING && slot->until_ms)
		slot++;
	if (slot == list->lingering + GUARD_LINGERING || !drain(fd))
		return;
	slot->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (slot->fd >= 0)
		slot->until_ms = list->now_ms + GUARD_LINGER_MS;
}

static bool sweep_lingering(struct guard_list *list)
{
	bool any = false;

	for (int i = 0; i < GUARD_LINGERING; i++) {
		struct guard_lingering *slot = &list->lingering[i];

		if (!slot->until_ms)
			continue;
		any = true;
		if (slot->until_ms > list->now_ms && drain(slot->fd))
			continue;
		close(slot->fd);
		slot->until_ms = 0;
	}
	return any;
}

void guard_close(struct guard *g)
{
	guards[g->fd] = NULL;
	if (g->letter)			/* it can wait no longer */
		outbox_drop(&g->list->outbox, g->letter, g->fd);
	if (g->phase != PHASE_HEAD)
		linger(g->list, g->fd);
	*g->link = g->next;
	if (g->next)
		g->next->link = g->link;
	g->list->count--;
	free(g->held);
	free(g->queue);
	free(g);
}

/* ---- requests, from the scan to the handlers ---- */

static bool queue_grow(struct guard *g)
{
	uint32_t room = g->room ? 2 * g->room : 4;
	struct guard_request *queue = malloc(room * sizeof(*queue));

	if (!queue)
		return false;
	for (uint32_t i = g->begun; i != g->seen; i++)
		queue[i & (room - 1)] = g->queue[i & (g->room - 1)];
	free(g->queue);
	g->queue = queue;
	g->room = room;
	return true;
}

static bool enqueue(struct guard *g, const struct http_head *head)
{
	if (g->seen - g->begun == g->room && !queue_grow(g))
		return false;
	g->queue[g->seen++ & (g->room - 1)] = (struct guard_request){
		.fault = head->fault,
		.method = head->method,
		.path_len = head->path_len,
		/* Who was refused may not read why from another's page. */
		.origin = head->fault == HTTP_FINE ? head->origin
						   : HTTP_NO_ORIGIN,
		.json = head->json,
		.coded = head->coded,
		.expects = head->expects,
		.ends = head->ends,
	};
	return true;
}

const struct guard_request *guard_begin(struct guard *g)
{
	if (g->begun == g->seen)
		return NULL;
	g->current = g->queue[g->begun++ & (g->room - 1)];
	return &g->current;
}

enum http_fault guard_fault(const struct guard *g)
{
	if (g->phase == PHASE_DEAD && g->refused == g->begun)
		return g->fault;
	return g->current.fault;
}

void guard_answering(struct guard *g, bool usual)
{
	g->answer_ms = g->list->now_ms;
	g->may_wait = usual && !g->current.ends;
}

void guard_done(struct guard *g)
{
	g->done = g->begun;
	g->answer_ms = 0;
	g->may_wait = false;
	g->idle_ms = g->list->now_ms;
	g->peeked = false;
}

/* ---- refusing ---- */

/* What takes the place of the unit that was refused. */
static const char *stand_in_for(enum phase phase)
{
	switch (phase) {
	case PHASE_HEAD:
		return stand_in_head;
	case PHASE_CHUNK_SIZE:
		return "0\r\n\r\n";
	case PHASE_CHUNK_END:
		return "\r\n0\r\n\r\n";
	case PHASE_LAST:
		return "\r\n";
	default:
		return "";
	}
}

static void refuse(struct guard *g, enum http_fault fault)
{
	struct http_head head = { .fault = fault, .path_len = 1, .ends = true };

	g->fault = fault;
	g->refused_in = g->phase;
	g->stand_in = true;
	if (g->phase == PHASE_HEAD && !enqueue(g, &head))
		shutdown(g->fd, SHUT_RDWR);	/* no memory: no answer */
	g->refused = g->seen;
	g->phase = PHASE_DEAD;
}

/* ---- the scan ---- */

/* The length of the unit at @text, 0 if it is unfinished or refused. */
static size_t scan_head(struct guard *g, const char *text, size_t len)
{
	const struct http_head *head = &g->head;
	size_t n;

	if (!head->pos && !g->held_len) {
		memset(&g->head, 0, sizeof(g->head));
		g->arrive_ms = g->list->now_ms;
	}
	switch (http_head_scan(&g->head, text, len, g->list->rules)) {
	case HTTP_MORE:
		return 0;
	case HTTP_REFUSED:
		refuse(g, head->fault);
		return 0;
	default:
		break;
	}
	if (!enqueue(g, head)) {
		refuse(g, HTTP_LONG_HEAD);
		return 0;
	}
	g->body = 0;
	g->left = head->length;
	if (head->chunked)
		g->phase = PHASE_CHUNK_SIZE;
	else if (head->length)
		g->phase = PHASE_BODY;
	n = head->pos;
	g->head.pos = 0;
	return n;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits, CR LF; no extensions, no blanks. */
static size_t scan_chunk_size(struct guard *g, const char *text, size_t len)
{
	uint64_t size = 0;
	size_t n = 0;

	while (n < len && n < CHUNK_LINE_MAX - 2 && hex_value(text[n]) >= 0)
		size = size << 4 | (uint64_t)hex_value(text[n++]);
	if (n == len || (n && n + 1 == len && text[n] == '\r'))
		return 0;
	if (!n || text[n] != '\r' || text[n + 1] != '\n') {
		refuse(g, HTTP_CHUNK);
		return 0;
	}
	if (size > HTTP_BODY_MAX - g->body) {
		refuse(g, HTTP_LONG_BODY);
		return 0;
	}
	g->body += size;
	g->left = size;
	g->phase = size ? PHASE_CHUNK : PHASE_LAST;
	return n + 2;
}

/* CR LF and nothing else: trailers are not taken. */
static size_t scan_line_end(struct guard *g, const char *text, size_t len)
{
	if (text[0] != '\r' || (len > 1 && text[1] != '\n')) {
		refuse(g, HTTP_CHUNK);
		return 0;
	}
	if (len < 2)
		return 0;
	g->phase = g->phase == PHASE_LAST ? PHASE_HEAD : PHASE_CHUNK_SIZE;
	return 2;
}

static size_t scan_data(struct guard *g, size_t len)
{
	size_t n = len < g->left ? len : (size_t)g->left;

	g->left -= n;
	if (!g->left)
		g->phase = g->phase == PHASE_BODY ? PHASE_HEAD :
						    PHASE_CHUNK_END;
	return n;
}

static size_t scan_unit(struct guard *g, const char *text, size_t len)
{
	switch (g->phase) {
	case PHASE_HEAD:
		return scan_head(g, text, len);
	case PHASE_CHUNK_SIZE:
		return scan_chunk_size(g, text, len);
	case PHASE_CHUNK_END:
	case PHASE_LAST:
		return scan_line_end(g, text, len);
	case PHASE_BODY:
	case PHASE_CHUNK:
		return scan_data(g, len);
	default:
		return 0;
	}
}

/* Bytes at the front of @text that the library may have. */
static size_t scan(struct guard *g, const char *text, size_t len)
{
	size_t good = 0, n;

	do {
		n = good < len ? scan_unit(g, text + good, len - good) : 0;
		good += n;
		if (n)
			g->held_len = 0;	/* it was the first unit */
	} while (n);
	return good;
}

/* ---- sendmsg() ---- */

static ssize_t nothing_now(void)
{
	errno = EAGAIN;
	return -1;
}

/* Bytes are left in the kernel and the library thinks otherwise. Setting the
 * low-water mark makes the kernel look again and raise a new edge. */
static void rearm(const struct guard *g)
{
	int one = 1;

	setsockopt(g->fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
}

/* Sends the answer that waits, if there is one; false: it still does. */
static bool post(struct guard *g)
{
	if (!g->letter)
		return true;
	if (!outbox_post(&g->list->outbox, g->letter, g->fd))
		return false;
	g->letter = NULL;
	if (g->starved)
		rearm(g);
	g->starved = false;
	return true;
}

static void post_all(struct guard_list *list)
{
	for (uint32_t used = list->outbox.used; used; used &= used - 1)
		post(list->outbox.letters[__builtin_ctz(used)].from);
}

void guard_turn_begin(struct guard_list *list)
{
	list->in_turn = true;
}

void guard_turn_end(struct guard_list *list)
{
	list->in_turn = false;
	post_all(list);
}

/* The whole message, as a letter; 0: it cannot wait. */
static size_t write_letter(struct guard *g, const struct msghdr *message)
{
	struct guard_list *list = g->list;

	if (list->outbox.used == UINT32_MAX)
		post_all(list);
	g->letter = outbox_write(&list->outbox, g, message);
	return g->letter ? g->letter->len : 0;
}

ssize_t guard_send(struct guard *g, const struct msghdr *message, int flags)
{
	size_t waits;

	if (!post(g))
		return nothing_now();
	if (g->may_wait && g->list->in_turn && !(flags & MSG_MORE)) {
		waits = write_letter(g, message);
		if (waits)
			return (ssize_t)waits;
	}
	return syscall(SYS_sendmsg, g->fd, message, flags);
}

/* The program's own, as recv() is. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct guard *g = guard_of(fd);

	if (g)
		return guard_send(g, message, flags);
	return syscall(SYS_sendmsg, fd, message, flags);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	struct guard *g = guard_of(fd);

	if (g && !post(g))
		return nothing_now();
	return sendto(fd, bytes, len, flags, NULL, 0);
}

/* ---- recv() ---- */

static bool hold(struct guard *g, const char *text, size_t len)
{
	if (!g->held) {
		g->held = malloc(HTTP_HEAD_MAX + 1);
		if (!g->held)
			return false;
	}
	memmove(g->held, text, len);
	g->held_len = len;
	return true;
}

/* Puts the stand-in at @buf; returns its length, 0 if there is no room. */
static size_t put_stand_in(struct guard *g, char *buf, size_t room)
{
	const char *text = stand_in_for(g->refused_in);
	size_t n = strlen(text);

	if (!g->stand_in || n > room)
		return 0;
	memcpy(buf, text, n);
	g->stand_in = false;
	return n;
}

/* The rest of what a refused client says. */
static ssize_t recv_dead(struct guard *g, char *buf, size_t len)
{
	size_t n = put_stand_in(g, buf, len);

	if (n)
		return (ssize_t)n;
	drain(g->fd);
	return nothing_now();
}

/* @good bytes are the library's; what follows up to @total is not, yet. */
static ssize_t deliver(struct guard *g, char *buf, size_t len, size_t good,
		       size_t total)
{
	if (g->phase == PHASE_DEAD) {
		g->held_len = 0;
		good += put_stand_in(g, buf + good, len - good);
		if (g->stand_in)	/* no room: have us called again */
			shutdown(g->fd, SHUT_RD);
	} else if (good < total) {
		if (!hold(g, buf + good, total - good))
			return -1;	/* errno is ENOMEM */
		if (total == len)
			rearm(g);
	}
	return good ? (ssize_t)good : nothing_now();
}

ssize_t guard_recv(struct guard *g, void *buf, size_t len)
{
	size_t held = g->held_len;
	ssize_t n;

	if (!post(g)) {
		g->starved = true;
		return nothing_now();
	}
	if (g->phase == PHASE_DEAD)
		return recv_dead(g, buf, len);
	if (held >= len)
		return nothing_now();
	if (held)
		memcpy(buf, g->held, held);
	n = recvfrom(g->fd, (char *)buf + held, len - held, 0, NULL, NULL);
	if (n <= 0)
		return n;
	return deliver(g, buf, len, scan(g, buf, held + (size_t)n),
		       held + (size_t)n);
}

/* The program's own; see the essay above. */
ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	struct guard *g = guard_of(fd);

	if (g && !flags)
		return guard_recv(g, buf, len);
	return recvfrom(fd, buf, len, flags, NULL, NULL);
}

/* ---- deadlines ---- */

static bool arriving(const struct guard *g)
{
	return g->held_len ||
	       (g->phase != PHASE_HEAD && g->phase != PHASE_DEAD);
}

bool guard_idle(const struct guard *g)
{
	return !arriving(g) && g->begun == g->seen && g->done == g->begun &&
	       !g->letter;
}

/* Where an answer can still be placed it says why; else just the end. */
static void expire(struct guard *g)
{
	bool placed = *stand_in_for(g->phase) != '\0';

	if (placed)
		refuse(g, HTTP_TIMEOUT);
	g->held_len = 0;
	shutdown(g->fd, placed ? SHUT_RD : SHUT_RDWR);
}

/* A client's end that came together with its last request made one edge with
 * it, and the library has not seen it. One look for each idle time tells. */
static bool has_hung_up(struct guard *g)
{
	char byte;

	if (g->peeked)
		return false;
	g->peeked = true;
	return !recvfrom(g->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT, NULL, NULL);
}

static void check_deadlines(struct guard *g, uint64_t now)
{
	if (arriving(g)) {
		if (now - g->arrive_ms > GUARD_ARRIVE_MS)
			expire(g);
	} else if (g->answer_ms) {
		if (now - g->answer_ms > GUARD_ANSWER_MS)
			shutdown(g->fd, SHUT_RDWR);
	} else if (g->letter) {
		if (now - g->idle_ms > GUARD_ANSWER_MS)
			shutdown(g->fd, SHUT_RDWR);
	} else if (guard_idle(g)) {
		if (now - g->idle_ms > GUARD_IDLE_MS || has_hung_up(g))
			shutdown(g->fd, SHUT_RDWR);
	} else if (g->done == g->begun) {	/* let through, not begun */
		if (now - g->arrive_ms > GUARD_BEGIN_MS)
			shutdown(g->fd, SHUT_RDWR);
	}
}

bool guard_sweep(struct guard_list *list)
{
	post_all(list);
	for (struct guard *g = list->first; g; g = g->next)
		check_deadlines(g, list->now_ms);
	return sweep_lingering(list) || list->first;
}

void guard_end_idle(struct guard_list *list)
{
	for (struct guard *g = list->first; g; g = g->next)
		if (guard_idle(g))
			shutdown(g->fd, SHUT_RDWR);
}
