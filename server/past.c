/* SPDX-License-Identifier: MIT */
/*
 * The machine as it was after some operation of its past.
 *
 * The state after operation N is the state after N-1 with operation N run on
 * it; where N is a revert to M, it is the state after M. Following that
 * backwards ends at a state that is at hand: a point, the boot, or the fork
 * that began the machine. From there the operations passed on the way are run
 * again, last first. The history only goes down that way, so it ends.
 */
#include <stdlib.h>
#include <string.h>

#include "server/hosted.h"

/* What is known of the operations (first_seq … now), by their number. */
struct timeline {
	uint64_t first_seq;	/* of entry[0] */
	uint64_t nr;
	struct past_entry {
		bool is_revert;
		bool data_dropped;
		uint64_t to_seq;
	} *entry;
};

/* The operations to run again, in the order in which they are found. */
struct route {
	uint64_t *seq;
	uint64_t nr;
	uint64_t base_seq;
	uint32_t base_point;	/* NO_POINT: the boot */
};

static bool note_entry(const struct history_entry *e, void *ctx)
{
	struct timeline *line = ctx;

	line->entry[line->nr++] = (struct past_entry){
		.is_revert = !e->op,
		.data_dropped = e->data_dropped,
		.to_seq = e->to_seq,
	};
	return true;
}

static bool read_timeline(const struct hosted *h, uint64_t until,
			  struct timeline *line)
{
	*line = (struct timeline){ .first_seq = h->history.first_seq };
	line->entry = malloc((until - line->first_seq + 2) *
			     sizeof(*line->entry));
	if (!line->entry)
		return false;
	history_visit(&h->history, 0, until, UINT64_MAX, note_entry, line);
	return true;
}

static bool at_hand(const struct hosted *h, uint64_t seq, struct route *route)
{
	route->base_seq = seq;
	route->base_point = snapshots_at(&h->snapshots, seq);
	return route->base_point != NO_POINT || (!seq && !h->forked);
}

static bool dropped(struct rpc_error *error, uint64_t seq)
{
	return rpc_fail(error, RPC_NO_SUCH_THING, "seq",
			"operation %llu is needed for that, and the history "
			"no longer holds it", (unsigned long long)seq);
}

static bool find_route(const struct hosted *h, const struct timeline *line,
		       uint64_t seq, struct route *route,
		       struct rpc_error *error)
{
	while (!at_hand(h, seq, route)) {
		const struct past_entry *e;

		if (seq < line->first_seq || seq - line->first_seq >= line->nr)
			return dropped(error, seq);
		e = &line->entry[seq - line->first_seq];
		if (e->data_dropped)
			return dropped(error, seq);
		if (e->is_revert) {
			seq = e->to_seq;
			continue;
		}
		route->seq[route->nr++] = seq--;
	}
	return true;
}

/* ---- running again ---- */

struct replay {
	struct machine *m;
	uint8_t *buf;		/* for what operations bring out */
	uint64_t buf_len;
	bool same;		/* each result was what it had been */
	bool out_of_memory;
};

static bool room_to_read(struct replay *r, struct op *op)
{
	const uint64_t room = mm_op_room(r->m, op) + 1;

	if (room > r->buf_len) {
		free(r->buf);
		r->buf = malloc(room);
		r->buf_len = r->buf ? room : 0;
	}
	op->buf = r->buf;
	return r->buf;
}

static bool run_again(const struct history_entry *e, void *ctx)
{
	struct replay *r = ctx;
	struct op op = *e->op;
	struct op_result res;

	if (!room_to_read(r, &op)) {
		r->out_of_memory = true;
		return false;
	}
	r->same = mm_step(r->m, &op, &res, NULL) == MM_OK &&
		  res.outcome == e->res->outcome && res.ret == e->res->ret &&
		  res.done == e->res->done;
	hostmem_trim(r->m);
	return r->same;
}

/* The route was found going back; it is run in stretches of rising seqs. */
static bool run_route(const struct hosted *h, const struct route *route,
		      struct replay *r)
{
	uint64_t i = route->nr;

	while (i && r->same && !r->out_of_memory) {
		const uint64_t first = route->seq[i - 1];
		uint64_t last = first;

		while (--i && route->seq[i - 1] == last + 1)
			last++;
		history_visit(&h->history, first - 1, last, UINT64_MAX,
			      run_again, r);
	}
	return r->same && !r->out_of_memory;
}

static bool guarded_route(const struct hosted *h, const struct route *route,
			  struct replay *r)
{
	struct panic_guard guard;
	bool done;

	panic_guard_enter(&guard, false);
	if (_setjmp(guard.env)) {
		r->same = false;
		return false;
	}
	done = run_route(h, route, r);
	panic_guard_leave(&guard);
	return done;
}

static bool replay(struct hosted *h, const struct route *route,
		   struct machine *out, struct rpc_error *error)
{
	struct replay r = { .m = out, .same = true };
	const bool done = guarded_route(h, route, &r);

	free(r.buf);
	if (done)
		return true;
	if (r.out_of_memory)
		return rpc_fail(error, RPC_LIMIT, "",
				"the host is out of memory");
	return rpc_fail(error, RPC_INTERNAL_ERROR, "",
			"the history of %s did not run the same way again",
			h->name);
}

/* ---- ---- */

static bool begin_at(const struct hosted *h, const struct route *route,
		     struct machine *out, struct rpc_error *error)
{
	if (hostmem_reserve(out, h->m.ram_bytes, h->m.disk_bytes)) {
		if (route->base_point == NO_POINT) {
			mm_boot(out, &h->config);
			return true;
		}
		if (snapshots_copy(h, route->base_point, out))
			return true;
		hostmem_release(out);
	}
	return rpc_fail(error, RPC_LIMIT, "", "the host is out of memory");
}

static bool make_state(struct hosted *h, const struct route *route,
		       struct machine *out, struct rpc_error *error)
{
	if (!hosted_room(h, h->m.nr_written, error) ||
	    !begin_at(h, route, out, error))
		return false;
	if (replay(h, route, out, error))
		return true;
	hostmem_release(out);
	return false;
}

bool past_state(struct hosted *h, uint64_t seq, struct machine *out,
		struct rpc_error *error)
{
	struct route route = { 0 };
	struct timeline line;
	bool done = false;

	if (seq > h->seq)
		return rpc_fail(error, RPC_NO_SUCH_THING, "seq",
				"this machine has come to operation %llu",
				(unsigned long long)h->seq);
	if (!read_timeline(h, h->seq, &line))
		return rpc_fail(error, RPC_LIMIT, "",
				"the host is out of memory");
	route.seq = malloc((line.nr + 1) * sizeof(*route.seq));
	if (route.seq && find_route(h, &line, seq, &route, error))
		done = make_state(h, &route, out, error);
	else if (!route.seq)
		rpc_fail(error, RPC_LIMIT, "", "the host is out of memory");
	free(route.seq);
	free(line.entry);
	return done;
}
