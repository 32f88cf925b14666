/* SPDX-License-Identifier: MIT */
/*
 * One machine in use: quotas in front of an operation, a guard against our own
 * mistakes around it, the history behind it; snapshots and atomic runs as
 * operations see them.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "server/hosted.h"
#include "server/log.h"

static const char *const op_methods[NR_OPS] = {
#define OP(code, member, method, shape, function, flags) [OP_##code] = method,
#include "mmcore/op.def"
#undef OP
};

const char *op_method(enum op_code code)
{
	return op_methods[code];
}

const char *hosted_name(const struct hosted *h)
{
	return h->name;
}

const struct machine *hosted_machine(const struct hosted *h)
{
	return &h->m;
}

uint64_t hosted_seq(const struct hosted *h)
{
	return h->seq;
}

const char *hosted_read_only(const struct hosted *h)
{
	return h->read_only[0] ? h->read_only : NULL;
}

const struct mm_config *hosted_config(const struct hosted *h)
{
	return &h->config;
}

uint64_t hosted_frames(const struct hosted *h)
{
	return h->m.nr_resident + snapshots_frames(&h->snapshots);
}

uint64_t hosted_bytes(const struct hosted *h)
{
	return ((hosted_frames(h) + hostmem_map_frames(&h->m)) << PAGE_SHIFT) +
	       h->history.bytes + sizeof(*h);
}

void hosted_charge(struct hosted *h)
{
	const uint64_t frames = hosted_frames(h);

	if (frames == h->charged)
		return;
	machines_charge(h->all, (int64_t)(frames - h->charged));
	h->charged = frames;
}

/* ---- what stops an operation before it runs ---- */

bool hosted_writable(const struct hosted *h, struct rpc_error *error)
{
	if (likely(!h->read_only[0]))
		return true;
	return rpc_fail(error, RPC_READ_ONLY, "machine",
			"this machine is read-only: %s", h->read_only);
}

bool hosted_room(const struct hosted *h, uint64_t frames,
		 struct rpc_error *error)
{
	const uint64_t max = machines_limits(h->all)->total_resident_frames;
	const uint64_t now = machines_frames(h->all);

	if (likely(now + frames <= max))
		return true;
	return rpc_fail(error, RPC_LIMIT, "",
			"all machines hold %llu frames of host memory, this "
			"may need %llu more, and the limit is %llu",
			(unsigned long long)now, (unsigned long long)frames,
			(unsigned long long)max);
}

/* Does it put bytes where there may be none yet? */
static bool fills_memory(enum op_code code)
{
	return code == OP_MEM_WRITE || code == OP_MEM_FILL ||
	       code == OP_READ || code == OP_PREAD ||
	       code == OP_WRITE || code == OP_PWRITE || code == OP_FILE_CREATE;
}

/*
 * Host memory an operation may need. What brings no bytes of its own can only
 * copy what is there, besides tables and struct pages: a touch of a terabyte
 * that was never written stays cheap.
 */
static uint64_t growth(const struct hosted *h, const struct op *op,
		       uint64_t bound)
{
	const uint64_t room = machine_frames(&h->m) - h->m.nr_resident;
	const uint64_t copies = h->m.nr_written + bound / 32 + 64;

	if (!fills_memory(op->code) && bound > copies)
		bound = copies;
	return bound < room ? bound : room;
}

static bool within_quotas(const struct hosted *h, const struct op *op,
			  uint64_t bound, struct rpc_error *error)
{
	const struct machine_limits *max = machines_limits(h->all);
	const uint64_t more = growth(h, op, bound);

	if (unlikely(bound > max->op_frames))
		return rpc_fail(error, RPC_LIMIT, "",
				"this operation may touch %llu frames, and "
				"the limit of one operation is %llu",
				(unsigned long long)bound,
				(unsigned long long)max->op_frames);
	if (unlikely(h->m.nr_resident + more > max->resident_frames))
		return rpc_fail(error, RPC_LIMIT, "",
				"this machine holds %llu frames of host "
				"memory, the operation may need %llu more, "
				"and the limit is %llu",
				(unsigned long long)h->m.nr_resident,
				(unsigned long long)more,
				(unsigned long long)max->resident_frames);
	return hosted_room(h, more, error);
}

/* ---- our own mistakes ---- */

void hosted_quarantine(struct hosted *h, const char *format, ...)
{
	va_list ap;

	if (h->read_only[0])
		return;
	va_start(ap, format);
	vsnprintf(h->read_only, sizeof(h->read_only), format, ap);
	va_end(ap);
	log_error("machine %s is read-only from seq %llu on: %s", h->name,
		  (unsigned long long)h->seq, h->read_only);
	if (machines_dump_dir(h->all))
		dump_machine(h, machines_dump_dir(h->all));
}

static bool panicked(struct hosted *h, const struct panic_report *report,
		     const char *what, struct rpc_error *error)
{
	/* Left in the middle: what is there now is no state of the machine. */
	if (report->later) {
		h->unwanted = true;
		return hosted_no_more(h, error);
	}
	hosted_quarantine(h, "in %s, \"%s\" was not true (%s:%d)", what,
			  report->expr, report->file, report->line);
	return rpc_fail(error, RPC_INTERNAL_ERROR, "", "%s", h->read_only);
}

/*
 * The core counts its work, and every walk in it is linear in what there is: so many
 * entries, links and pages. Where it has done many times as much as the machine has
 * memory for, a list or a tree leads back into itself, and the walk would never end.
 */
#define WORK_PER_FRAME	(512LL * 64)	/* its entries, each met so often */

/* Work between two looks at whether anybody still wants it: about a millisecond's. */
#define ASK_EVERY	65536

static void still_wanted(struct mm_poll *poll)
{
	struct hosted *h = (void *)((char *)poll - offsetof(struct hosted, work));

	if (h->unwanted || machines_stopping(h->all))
		panic_later();
	h->allowed -= ASK_EVERY - poll->left;
	if (h->allowed <= 0)
		mm_panic("a walk comes to its end", __FILE__, __LINE__);
	poll->left = ASK_EVERY;
}

/* @frames: those that the operation may bring in. */
static void allow_work(struct hosted *h, uint64_t frames)
{
	h->allowed = (int64_t)(machines_limits(h->all)->walk_at_least +
			       64 * machine_frames(&h->m)) +
		     (int64_t)(h->m.nr_written + frames) * WORK_PER_FRAME;
	h->work = (struct mm_poll){ .left = ASK_EVERY, .due = still_wanted };
	h->m.poll = &h->work;
	panic_region(h->m.ram, h->m.ram_bytes + h->m.disk_bytes);
}

static void end_work(struct hosted *h)
{
	h->m.poll = NULL;
}

/*
 * A look needs no estimate of what it will cost: the core counts while it looks. On a
 * loop, which others wait for, it is left where it has looked at so much, about a
 * millisecond's worth, and begins again in the thread pool. What it wrote of its answer
 * is taken back.
 */
#define LOOP_LOOK_MAX	4096

static void takes_long(struct mm_poll *poll)
{
	(void)poll;
	panic_later();
}

void hosted_watch_look(struct hosted *h)
{
	allow_work(h, 0);
	if (rpc_may_wait())
		return;
	h->work.left = LOOP_LOOK_MAX;
	h->work.due = takes_long;
}

void hosted_end_look(struct hosted *h)
{
	end_work(h);
}

/* False: it panicked, see @report. */
static bool guarded_step(struct hosted *h, const struct op *op, uint64_t bound,
			 struct op_result *res, struct trace *trace,
			 enum mm_status *status, struct panic_report *report)
{
	struct panic_guard guard;

	allow_work(h, bound);
	panic_guard_enter(&guard, true);
	if (_setjmp(guard.env)) {
		end_work(h);
		*report = guard.report;
		return false;
	}
	*status = mm_step(&h->m, op, res, trace);
	panic_guard_leave(&guard);
	end_work(h);
	return true;
}

static bool guarded_look(struct hosted *h, bool (*look)(void *ctx), void *ctx,
			 bool *answer, struct panic_report *report)
{
	struct panic_guard guard;

	allow_work(h, 0);
	panic_guard_enter(&guard, false);
	if (_setjmp(guard.env)) {
		end_work(h);
		*report = guard.report;
		return false;
	}
	*answer = look(ctx);
	panic_guard_leave(&guard);
	end_work(h);
	return true;
}

bool hosted_read(struct hosted *h, bool (*look)(void *ctx), void *ctx,
		 struct rpc_error *error)
{
	struct panic_report report;
	bool answer;

	if (!guarded_look(h, look, ctx, &answer, &report))
		return panicked(h, &report, "looking inside", error);
	return answer;
}

void hosted_panicked(struct hosted *h, const struct panic_report *report,
		     const char *what, struct rpc_error *error)
{
	end_work(h);
	panicked(h, report, what, error);
}

/* ---- operations ---- */

/* The host will not stand still on a loop for a long operation. */
static bool too_long_here(const struct hosted *h, const struct op *op)
{
	return !rpc_may_wait() && mm_op_work(&h->m, op) > LOOP_WORK_MAX;
}

static bool out_of_memory(struct rpc_error *error)
{
	return rpc_fail(error, RPC_LIMIT, "", "the host is out of memory");
}

static bool not_run(enum mm_status status, const struct op *op,
		    struct rpc_error *error)
{
	if (status == MM_NO_SUCH_PROCESS)
		return rpc_fail(error, RPC_NO_SUCH_PROCESS, "pid",
				"there is no process %u", op->pid);
	return rpc_fail(error, RPC_INVALID_PARAMS, "",
			"this is not an operation that can be run");
}

/* After each operation, whatever it was. @lost: it cannot be run again. */
static void operation_done(struct hosted *h, bool lost)
{
	h->seq++;
	keyframes_tend(h, lost);
	hostmem_trim(&h->m);
	hosted_charge(h);
}

/* What an operation may need is found by looking inside, which is guarded, too. */
struct quota_look {
	const struct hosted *h;
	const struct op *op;
	struct rpc_error *error;
	uint64_t bound;		/* frames that it may touch */
};

static bool look_at_quotas(void *ctx)
{
	struct quota_look *q = ctx;

	if (too_long_here(q->h, q->op))
		return rpc_defer(q->error);
	q->bound = mm_op_bound(&q->h->m, q->op);
	return within_quotas(q->h, q->op, q->bound, q->error);
}

bool hosted_apply(struct hosted *h, const struct op *op,
		  struct op_result *res, struct trace *trace,
		  struct rpc_error *error)
{
	enum mm_status status = MM_OK;
	struct quota_look quota = { .h = h, .op = op, .error = error };
	struct panic_report report;

	if (!hosted_writable(h, error) ||
	    !hosted_read(h, look_at_quotas, &quota, error))
		return false;
	if (!history_reserve(&h->history, op))
		return out_of_memory(error);
	if (unlikely(!guarded_step(h, op, quota.bound, res, trace, &status, &report))) {
		hosted_charge(h);
		return panicked(h, &report, op_method(op->code), error);
	}
	if (unlikely(status != MM_OK))
		return not_run(status, op, error);
	operation_done(h, history_append(&h->history, op, res));
	return true;
}

struct visitor {
	const struct machine *m;
	void (*visit)(const struct history_entry *e, void *ctx);
	void *ctx;
};

#define ENTRY_WORK	32	/* to unpack and show an operation, in mm_poll()'s units */

static bool visit_all(const struct history_entry *e, void *ctx)
{
	const struct visitor *v = ctx;

	mm_poll(v->m, ENTRY_WORK);
	v->visit(e, v->ctx);
	return true;
}

uint64_t hosted_history(const struct hosted *h, uint64_t since,
			uint64_t limit,
			void (*visit)(const struct history_entry *e, void *ctx),
			void *ctx)
{
	struct visitor v = { &h->m, visit, ctx };

	history_visit(&h->history, since, UINT64_MAX, limit, visit_all, &v);
	return h->history.first_seq;
}

/* ---- snapshots ---- */

static uint32_t count_named(const struct snapshots *snaps)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < snaps->nr; i++)
		nr += snaps->point[i].kind == POINT_NAMED &&
		      !snaps->point[i].shadowed;
	return nr;
}

/* The name means the newest point now; the one that had it is let go, or in a
 * run that may yet be taken back, kept out of sight. */
static void move_name(struct hosted *h, const char *name)
{
	const uint32_t old = snapshots_find(&h->snapshots, name);

	if (old + 1 == h->snapshots.nr)
		return;
	if (h->in_run)
		h->snapshots.point[old].shadowed = true;
	else
		keyframes_point_goes(h, old);
}

bool hosted_snapshot(struct hosted *h, const char *name,
		     struct rpc_error *error)
{
	const uint32_t max = machines_limits(h->all)->snapshots;

	if (!hosted_writable(h, error))
		return false;
	if (count_named(&h->snapshots) >= max &&
	    snapshots_find(&h->snapshots, name) == NO_POINT)
		return rpc_fail(error, RPC_LIMIT, "",
				"a machine has at most %u snapshots", max);
	if (!snapshots_open(h, POINT_NAMED, name, error))
		return false;
	move_name(h, name);
	hosted_charge(h);
	return true;
}

void hosted_snapshots(const struct hosted *h,
		      void (*visit)(const char *name, uint64_t seq, void *ctx),
		      void *ctx)
{
	for (uint32_t i = 0; i < h->snapshots.nr; i++) {
		const struct point *p = &h->snapshots.point[i];

		if (p->kind == POINT_NAMED && !p->shadowed)
			visit(p->name, p->seq, ctx);
	}
}

bool hosted_snapshot_seq(const struct hosted *h, const char *name,
			 uint64_t *seq)
{
	const uint32_t index = snapshots_find(&h->snapshots, name);

	if (index == NO_POINT)
		return false;
	*seq = h->snapshots.point[index].seq;
	return true;
}

/* The machine becomes what it was at @seq, which no point holds. */
static bool restore_past(struct hosted *h, uint64_t seq,
			 struct rpc_error *error)
{
	struct machine past;

	if (seq == h->seq)
		return true;
	if (!past_state(h, seq, &past, error))
		return false;
	hostmem_become(&h->m, &past);
	hostmem_release(&past);
	return true;
}

bool hosted_revert(struct hosted *h, const char *name, uint64_t seq,
		   struct rpc_error *error)
{
	uint32_t index;

	if (!hosted_writable(h, error))
		return false;
	index = *name ? snapshots_find(&h->snapshots, name)
		      : snapshots_at(&h->snapshots, seq);
	if (*name && index == NO_POINT)
		return rpc_fail(error, RPC_NO_SUCH_THING, "snapshot",
				"this machine has no snapshot \"%s\"", name);
	if (*name)
		seq = h->snapshots.point[index].seq;
	if (!history_reserve_revert(&h->history, name))
		return out_of_memory(error);
	if (index == NO_POINT ? !restore_past(h, seq, error)
			      : !snapshots_restore(h, index, error))
		return false;
	history_append_revert(&h->history, name, seq);
	operation_done(h, false);
	keyframes_reverted(h, seq);
	return true;
}

/* ---- forking a machine ---- */

static bool fork_state(struct hosted *h, struct hosted *fork, bool at_seq,
		       uint64_t seq, struct rpc_error *error)
{
	if (!hosted_room(h, h->m.nr_written, error))
		return false;
	if (at_seq && (seq != h->seq || h->read_only[0]))
		return past_state(h, seq, &fork->m, error);
	if (!hosted_writable(h, error))
		return false;
	if (!hostmem_reserve(&fork->m, h->m.ram_bytes, h->m.disk_bytes))
		return out_of_memory(error);
	hostmem_copy(&fork->m, &h->m);
	return true;
}

struct hosted *hosted_fork(struct hosted *h, const char *name, bool at_seq,
			   uint64_t seq, struct rpc_error *error)
{
	struct hosted *fork = machines_add(h->all, name, &h->config, error);
	struct rpc_error no_matter;

	if (!fork)
		return NULL;
	if (!fork_state(h, fork, at_seq, seq, error)) {
		machines_destroy(fork);
		machines_unlock(fork);
		return NULL;
	}
	fork->seq = at_seq ? seq : h->seq;
	fork->born_seq = fork->seq;
	fork->forked = true;
	history_init(&fork->history, h->history.limit, fork->seq + 1);
	/* Without its origin it just cannot go back by seq so far. */
	snapshots_open(fork, POINT_ORIGIN, "", &no_matter);
	hosted_charge(fork);
	return fork;
}

/* ---- atomic runs ---- */

bool hosted_begin(struct hosted *h, struct rpc_error *error)
{
	if (!hosted_writable(h, error))
		return false;
	if (h->in_run)
		return rpc_fail(error, RPC_INVALID_PARAMS, "atomic",
				"an atomic run is under way");
	if (!snapshots_open(h, POINT_ATOMIC, "", error))
		return false;
	h->run_mark = history_mark(&h->history);
	h->in_run = true;
	return true;
}

static uint32_t run_point(const struct hosted *h)
{
	uint32_t i = 0;

	while (h->snapshots.point[i].kind != POINT_ATOMIC)
		i++;
	return i;
}

static uint32_t first_shadowed(const struct snapshots *snaps)
{
	for (uint32_t i = 0; i < snaps->nr; i++)
		if (snaps->point[i].shadowed)
			return i;
	return NO_POINT;
}

void hosted_commit(struct hosted *h)
{
	uint32_t i;

	keyframes_point_goes(h, run_point(h));
	while ((i = first_shadowed(&h->snapshots)) != NO_POINT)
		keyframes_point_goes(h, i);
	history_unhold(&h->history);
	h->in_run = false;
	keyframes_tend(h, false);
	hosted_charge(h);
}

/* Points taken in the run go; names that moved in it come back. */
static void forget_run_points(struct hosted *h, uint32_t begin)
{
	struct snapshots *snaps = &h->snapshots;

	for (uint32_t i = 0; i < snaps->nr; i++) {
		snaps->point[i].shadowed = false;
		if (i > begin)
			snaps->point[i].kind = POINT_DEAD;
	}
	snapshots_kill(h, begin);
}

void hosted_rollback(struct hosted *h)
{
	const uint32_t begin = run_point(h);
	const uint64_t seq = h->snapshots.point[begin].seq;
	struct rpc_error error;

	if (!snapshots_restore(h, begin, &error)) {
		hosted_quarantine(h, "an atomic run could not be taken back: "
				  "%s", error.why);
		hosted_commit(h);
		return;
	}
	forget_run_points(h, begin);
	history_truncate(&h->history, &h->run_mark);
	h->seq = seq;
	h->in_run = false;
	hosted_charge(h);
}
