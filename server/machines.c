/* SPDX-License-Identifier: MIT */
/*
 * The registry: which machines there are, and who may touch one.
 *
 * Two kinds of lock. The registry's guards the table and is held for a few
 * instructions; nobody waits for a machine while holding it. A machine's is
 * held while it is used. A reference keeps the memory of a machine while
 * somebody waits for its lock: one who gets the lock of a machine that was
 * destroyed meanwhile finds it gone, and lets go again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/host_memory.h"
#include "server/hosted.h"

#define BUCKETS 1024

struct machines {
	pthread_mutex_t lock;
	struct machine_limits limits;
	const char *dump_dir;
	struct hosted *bucket[BUCKETS];
	uint32_t nr;
	uint32_t last_made_up;		/* "m1", "m2", … */
	_Atomic uint64_t frames;	/* of host memory, all machines */
	_Atomic bool stopping;		/* nothing long is begun or gone on with */
};

struct machine_limits machine_limits_default(void)
{
	const uint64_t half = (host_memory("") >> PAGE_SHIFT) / 2;

	return (struct machine_limits){
		.machines = 1024,
		.resident_frames = half < 262144 ? half : 262144,
		.total_resident_frames = half,
		.history_bytes = 4ULL << 20,
		.snapshots = 64,
		.snapshot_frames = 262144,
		.op_frames = 1048576,
		.walk_at_least = 1ULL << 26,
	};
}

struct machines *machines_new(const struct machine_limits *limits)
{
	struct machines *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	pthread_mutex_init(&all->lock, NULL);
	all->limits = *limits;
	return all;
}

const struct machine_limits *machines_limits(const struct machines *all)
{
	return &all->limits;
}

uint32_t machines_count(struct machines *all)
{
	uint32_t nr;

	pthread_mutex_lock(&all->lock);
	nr = all->nr;
	pthread_mutex_unlock(&all->lock);
	return nr;
}

uint64_t machines_frames(const struct machines *all)
{
	return all->frames;
}

void machines_charge(struct machines *all, int64_t frames)
{
	all->frames += (uint64_t)frames;
}

void machines_set_dump_dir(struct machines *all, const char *dir)
{
	all->dump_dir = dir;
}

const char *machines_dump_dir(const struct machines *all)
{
	return all->dump_dir;
}

/* ---- one machine's memory ---- */

static struct hosted *hosted_new(struct machines *all, const char *name,
				 const struct mm_config *config)
{
	struct hosted *h = calloc(1, sizeof(*h));
	pthread_mutexattr_t recursive;

	if (!h)
		return NULL;
	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&h->lock, &recursive);
	pthread_mutexattr_destroy(&recursive);
	h->all = all;
	h->config = *config;
	memcpy(h->name, name, strlen(name));
	history_init(&h->history, all->limits.history_bytes, 1);
	return h;
}

static void hosted_free(struct hosted *h)
{
	machines_charge(h->all, -(int64_t)h->charged);
	snapshots_free(h);
	history_free(&h->history);
	hostmem_release(&h->m);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static void unref(struct hosted *h)
{
	if (--h->refs == 0)
		hosted_free(h);
}

void machines_free(struct machines *all)
{
	for (unsigned int i = 0; i < BUCKETS; i++)
		while (all->bucket[i]) {
			struct hosted *h = all->bucket[i];

			all->bucket[i] = h->next;
			unref(h);
		}
	pthread_mutex_destroy(&all->lock);
	free(all);
}

/* ---- who holds what ---- */

/*
 * The machines whose locks this thread holds, the last one last. A method that panics
 * lets go of what it had taken, and the last one is the one it was looking at.
 */
#define HELD_MAX 8

static _Thread_local struct {
	struct hosted *h[HELD_MAX];
	uint32_t nr;
	bool look;		/* the method that runs changes nothing */
} held;

static void note_region(void)
{
	const struct machine *m = held.nr ? &held.h[held.nr - 1]->m : NULL;

	if (m && m->ram)
		panic_region(m->ram, m->ram_bytes + m->disk_bytes);
	else
		panic_region(NULL, 0);
}

static void note_locked(struct hosted *h)
{
	MM_ASSERT(held.nr < HELD_MAX);
	held.h[held.nr++] = h;
	note_region();
}

static void note_unlocked(const struct hosted *h)
{
	uint32_t at = held.nr;

	while (at && held.h[at - 1] != h)
		at--;
	MM_ASSERT(at);
	for (held.nr--; at <= held.nr; at++)
		held.h[at - 1] = held.h[at];
	note_region();
}

/* ---- the table; under the registry's lock ---- */

static struct hosted **bucket_of(struct machines *all, const char *name)
{
	uint32_t hash = 2166136261u;

	for (const char *c = name; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 16777619u;
	return &all->bucket[(hash ^ hash >> 16) % BUCKETS];
}

static struct hosted *table_find(struct machines *all, const char *name)
{
	struct hosted *h = *bucket_of(all, name);

	while (h && strcmp(h->name, name))
		h = h->next;
	return h;
}

static void table_remove(struct machines *all, struct hosted *h)
{
	struct hosted **link = bucket_of(all, h->name);

	while (*link != h)
		link = &(*link)->next;
	*link = h->next;
	all->nr--;
}

static void make_up_name(struct machines *all, char name[MACHINE_NAME_MAX + 1])
{
	do
		snprintf(name, MACHINE_NAME_MAX + 1, "m%u",
			 ++all->last_made_up);
	while (table_find(all, name));
}

static struct hosted *table_add(struct machines *all, const char *name,
				const struct mm_config *config,
				struct rpc_error *error)
{
	char made_up[MACHINE_NAME_MAX + 1];
	struct hosted *h;

	if (all->nr >= all->limits.machines) {
		rpc_fail(error, RPC_LIMIT, "",
			 "this daemon hosts at most %u machines",
			 all->limits.machines);
		return NULL;
	}
	if (table_find(all, name)) {
		rpc_fail(error, RPC_MACHINE_EXISTS, "name",
			 "there is a machine \"%s\" already", name);
		return NULL;
	}
	if (!*name) {
		make_up_name(all, made_up);
		name = made_up;
	}
	h = hosted_new(all, name, config);
	if (!h) {
		rpc_fail(error, RPC_LIMIT, "", "the host is out of memory");
		return NULL;
	}
	h->next = *bucket_of(all, name);
	*bucket_of(all, name) = h;
	all->nr++;
	return h;
}

/* ---- making and destroying ---- */

static bool valid_name(const char *name)
{
	const size_t len = strlen(name);

	return len <= MACHINE_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

struct hosted *machines_add(struct machines *all, const char *name,
			    const struct mm_config *config,
			    struct rpc_error *error)
{
	struct hosted *h;

	if (!valid_name(name)) {
		rpc_fail(error, RPC_INVALID_PARAMS, "name",
			 "must be 1 to 64 of a-z 0-9 - _");
		return NULL;
	}
	pthread_mutex_lock(&all->lock);
	h = table_add(all, name, config, error);
	if (h) {
		h->refs = 2;	/* the registry's and the caller's */
		pthread_mutex_lock(&h->lock);	/* nobody else knows it yet */
		note_locked(h);
	}
	pthread_mutex_unlock(&all->lock);
	return h;
}

struct hosted *machines_create(struct machines *all, const char *name,
			       const struct mm_config *config,
			       struct rpc_error *error)
{
	const char *param, *wrong = mm_config_check(config, &param);
	struct hosted *h;

	if (wrong) {
		rpc_fail(error, RPC_INVALID_PARAMS, param, "%s", wrong);
		return NULL;
	}
	h = machines_add(all, name, config, error);
	if (!h)
		return NULL;
	if (!hostmem_reserve(&h->m, config->ram, config->disk)) {
		rpc_fail(error, RPC_LIMIT, "ram",
			 "the host has no address space for %llu bytes",
			 (unsigned long long)config->ram);
		machines_destroy(h);
		machines_unlock(h);
		return NULL;
	}
	mm_boot(&h->m, config);
	hosted_charge(h);
	return h;
}

void machines_destroy(struct hosted *h)
{
	if (h->gone)
		return;
	h->gone = true;
	pthread_mutex_lock(&h->all->lock);
	table_remove(h->all, h);
	pthread_mutex_unlock(&h->all->lock);
	unref(h);
}

/* ---- locking ---- */

static void let_go_of_all_above(uint32_t nr, const struct panic_report *report,
				const char *what, struct rpc_error *error)
{
	if (report->later && rpc_may_wait())
		hosted_no_more(held.h[held.nr - 1], error);
	else if (report->later)
		rpc_defer(error);
	else if (held.nr > nr)
		hosted_panicked(held.h[held.nr - 1], report, what, error);
	else if (nr)
		hosted_panicked(held.h[nr - 1], report, what, error);
	else
		rpc_fail(error, RPC_INTERNAL_ERROR, "", "\"%s\" was not true (%s:%d)",
			 report->expr, report->file, report->line);
	while (held.nr > nr)
		machines_unlock(held.h[held.nr - 1]);
}

bool machines_guard(bool (*method)(void *ctx), void *ctx, const char *what,
		    bool look, struct rpc_error *error)
{
	const uint32_t nr = held.nr;
	const bool outer_look = held.look;
	struct panic_guard guard;
	bool done;

	panic_guard_enter(&guard, false);
	held.look = look;
	if (_setjmp(guard.env)) {
		let_go_of_all_above(nr, &guard.report, what, error);
		held.look = outer_look;
		return false;
	}
	done = method(ctx);
	held.look = outer_look;
	panic_guard_leave(&guard);
	return done;
}

static struct hosted *find_and_ref(struct machines *all, const char *name)
{
	struct hosted *h;

	pthread_mutex_lock(&all->lock);
	h = table_find(all, name);
	if (h)
		h->refs++;
	pthread_mutex_unlock(&all->lock);
	return h;
}

static struct hosted *no_such_machine(const char *name,
				      struct rpc_error *error)
{
	rpc_fail(error, RPC_NO_SUCH_MACHINE, "machine",
		 "there is no machine \"%s\"", name);
	return NULL;
}

/* Its lock was taken; but is it still there? */
static struct hosted *still_there(struct hosted *h, struct rpc_error *error)
{
	note_locked(h);
	if (held.look)
		hosted_watch_look(h);
	if (likely(!h->gone && !h->unwanted))
		return h;
	hosted_no_more(h, error);
	machines_unlock(h);
	return NULL;
}

struct hosted *machines_trylock(struct machines *all, const char *name,
				bool *busy, struct rpc_error *error)
{
	struct hosted *h = find_and_ref(all, name);

	*busy = false;
	if (!h)
		return no_such_machine(name, error);
	if (!pthread_mutex_trylock(&h->lock))
		return still_there(h, error);
	*busy = true;
	unref(h);
	return NULL;
}

struct hosted *machines_lock(struct machines *all, const char *name,
			     struct rpc_error *error)
{
	struct hosted *h;
	bool busy;

	if (!rpc_may_wait()) {
		h = machines_trylock(all, name, &busy, error);
		if (busy)
			rpc_defer(error);
		return h;
	}
	h = find_and_ref(all, name);
	if (!h)
		return no_such_machine(name, error);
	pthread_mutex_lock(&h->lock);
	return still_there(h, error);
}

void machines_unlock(struct hosted *h)
{
	note_unlocked(h);
	if (held.look)
		hosted_end_look(h);
	pthread_mutex_unlock(&h->lock);
	unref(h);
}

/* ---- leaving them ---- */

bool machines_destroy_named(struct machines *all, const char *name,
			    struct rpc_error *error)
{
	struct hosted *h = find_and_ref(all, name);
	bool there;

	if (!h)
		return no_such_machine(name, error) != NULL;
	h->unwanted = true;
	if (!rpc_may_wait() && pthread_mutex_trylock(&h->lock)) {
		unref(h);
		return rpc_defer(error);
	}
	if (rpc_may_wait())
		pthread_mutex_lock(&h->lock);
	note_locked(h);
	there = !h->gone;
	machines_destroy(h);
	machines_unlock(h);
	return there || no_such_machine(name, error) != NULL;
}

void machines_stop(struct machines *all)
{
	all->stopping = true;
}

bool machines_stopping(const struct machines *all)
{
	return all->stopping;
}

bool hosted_no_more(const struct hosted *h, struct rpc_error *error)
{
	if (h->all->stopping)
		return rpc_fail(error, RPC_BUSY, "", "stopping");
	return no_such_machine(h->name, error) != NULL;
}

bool hosted_go_on(struct hosted *h, struct rpc_error *error)
{
	if (likely(!h->unwanted && !h->all->stopping))
		return true;
	h->unwanted = true;
	return hosted_no_more(h, error);
}

/* ---- all of them ---- */

static int by_name(const void *a, const void *b)
{
	const struct hosted *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* References to all machines, by name; NULL: out of memory. */
static struct hosted **list_all(struct machines *all, uint32_t *nr)
{
	struct hosted **list;

	*nr = 0;
	pthread_mutex_lock(&all->lock);
	list = calloc(all->nr + 1, sizeof(*list));
	for (unsigned int i = 0; list && i < BUCKETS; i++)
		for (struct hosted *h = all->bucket[i]; h; h = h->next) {
			h->refs++;
			list[(*nr)++] = h;
		}
	pthread_mutex_unlock(&all->lock);
	if (list)
		qsort(list, *nr, sizeof(*list), by_name);
	return list;
}

/* Waits for the lock only where that is fine. */
static bool lock_listed(struct hosted *h)
{
	if (rpc_may_wait())
		return !pthread_mutex_lock(&h->lock);
	return !pthread_mutex_trylock(&h->lock);
}

bool machines_each(struct machines *all,
		   void (*visit)(struct hosted *h, void *ctx), void *ctx,
		   struct rpc_error *error)
{
	bool done = true;
	uint32_t nr;
	struct hosted **list = list_all(all, &nr);

	if (!list)
		return rpc_fail(error, RPC_LIMIT, "",
				"the host is out of memory");
	for (uint32_t i = 0; i < nr; i++) {
		if (done && lock_listed(list[i])) {
			note_locked(list[i]);
			if (!list[i]->gone && !list[i]->unwanted)
				visit(list[i], ctx);
			note_unlocked(list[i]);
			pthread_mutex_unlock(&list[i]->lock);
		} else {
			done = false;
		}
		unref(list[i]);
	}
	free(list);
	return done || rpc_defer(error);
}
