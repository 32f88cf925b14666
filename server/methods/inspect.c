/* SPDX-License-Identifier: MIT */
/* mm.*, page.*, ram.*: looking inside. Nothing here changes a machine. */
#include <stdlib.h>

#include "schema/generated/args.h"
#include "server/machines.h"
#include "server/server.h"
#include "server/view/view.h"

#define PAGEMAP_PAGES_MAX 65536
#define RMAP_ON_A_LOOP 512	/* mappings; it owns memory, so it cannot be left */
#define RAM_BYTES_FRAMES_MAX (16u << 20)

static struct hosted *lock_machine(struct rpc_call *call, const char *name)
{
	struct server *server = call->server;

	return machines_lock(server->machines, name, &call->error);
}

/* ---- of a process ---- */

/* A process to look at: its machine locked, itself found. */
struct subject {
	struct hosted *h;
	const struct machine *m;
	task_ref task;
	mm_ref mm;
};

static bool find_subject(struct rpc_call *call, const char *machine,
			 uint32_t pid, struct subject *s)
{
	s->h = lock_machine(call, machine);
	if (!s->h)
		return false;
	s->m = hosted_machine(s->h);
	if (!rpc_fit_words(call->method, call->args, mm_ulong_max(s->m),
			   &call->error)) {
		machines_unlock(s->h);
		return false;
	}
	s->task = mm_find_task(s->m, pid);
	if (task_none(s->task)) {
		machines_unlock(s->h);
		return rpc_fail(&call->error, RPC_NO_SUCH_PROCESS, "pid",
				"machine %s has no process %u", machine, pid);
	}
	s->mm = task_at(s->m, s->task)->mm;
	return true;
}

bool exec_process_info(struct rpc_call *call)
{
	const struct args_process_info *a = call->args;
	struct subject s;

	if (!find_subject(call, a->machine, a->pid, &s))
		return false;
	view_task(call->out, s.m, s.task);
	machines_unlock(s.h);
	return true;
}

bool exec_mm_info(struct rpc_call *call)
{
	const struct args_mm_info *a = call->args;
	struct subject s;

	if (!find_subject(call, a->machine, a->pid, &s))
		return false;
	view_mm(call->out, s.m, s.mm);
	machines_unlock(s.h);
	return true;
}

bool exec_mm_maps(struct rpc_call *call)
{
	const struct args_mm_maps *a = call->args;
	struct subject s;

	if (!find_subject(call, a->machine, a->pid, &s))
		return false;
	json_object_begin(call->out);
	json_key(call->out, "vmas");
	json_array_begin(call->out);
	for (vma_ref v = mm_at(s.m, s.mm)->mmap; !vma_none(v);
	     v = vma_at(s.m, v)->vm_next)
		view_map_line(call->out, s.m, v);
	json_array_close(call->out);
	json_object_close(call->out);
	machines_unlock(s.h);
	return true;
}

bool exec_mm_vma(struct rpc_call *call)
{
	const struct args_mm_vma *a = call->args;
	struct subject s;
	vma_ref vma;

	if (!find_subject(call, a->machine, a->pid, &s))
		return false;
	vma = vma_lookup(s.m, s.mm, a->addr);
	if (!vma_none(vma))
		view_vma(call->out, s.m, vma);
	machines_unlock(s.h);
	return !vma_none(vma) ||
	       rpc_fail(&call->error, RPC_NO_SUCH_THING, "addr",
			"no VMA ends above this address");
}

bool exec_mm_walk(struct rpc_call *call)
{
	const struct args_mm_walk *a = call->args;
	struct subject s;

	if (!find_subject(call, a->machine, a->pid, &s))
		return false;
	view_walk(call->out, s.m, s.mm, a->addr);
	machines_unlock(s.h);
	return true;
}

bool exec_pipe_info(struct rpc_call *call)
{
	const struct args_pipe_info *a = call->args;
	struct subject s;
	pipe_ref pipe;

	if (!find_subject(call, a->machine, a->pid, &s))
		return false;
	pipe = mm_pipe(s.m, s.task, a->fd);
	if (!pipe_none(pipe))
		view_pipe(call->out, s.m, pipe);
	machines_unlock(s.h);
	return !pipe_none(pipe) ||
	       rpc_fail(&call->error, RPC_NO_SUCH_THING, "fd",
			"process %u has no pipe open there", a->pid);
}

static bool pagemap_range(const struct args_mm_pagemap *a, uint64_t *first,
			  uint64_t *pages, struct rpc_error *error)
{
	uint64_t last;

	*first = a->addr & PAGE_MASK;
	*pages = 0;
	if (!a->len)
		return true;
	if (__builtin_add_overflow(a->addr, a->len - 1, &last))
		return rpc_fail(error, RPC_INVALID_PARAMS, "len",
				"addr + len wraps around");
	*pages = ((last & PAGE_MASK) - *first) / PAGE_SIZE + 1;
	return *pages <= PAGEMAP_PAGES_MAX ||
	       rpc_fail(error, RPC_LIMIT, "len",
			"more than %u pages in one answer", PAGEMAP_PAGES_MAX);
}

bool exec_mm_pagemap(struct rpc_call *call)
{
	const struct args_mm_pagemap *a = call->args;
	uint64_t first, pages;
	struct subject s;

	if (!pagemap_range(a, &first, &pages, &call->error) ||
	    !find_subject(call, a->machine, a->pid, &s))
		return false;
	json_object_begin(call->out);
	json_key(call->out, "pages");
	json_array_begin(call->out);
	for (uint64_t i = 0; i < pages; i++)
		view_pagemap(call->out, s.m, s.mm, first + i * PAGE_SIZE);
	json_array_close(call->out);
	json_object_close(call->out);
	machines_unlock(s.h);
	return true;
}

/* ---- of the machine ---- */

static struct hosted *lock_frame(struct rpc_call *call, const char *machine,
				 uint64_t pfn)
{
	struct hosted *h = lock_machine(call, machine);

	if (!h || pfn < kernel_at(hosted_machine(h))->ram_frames)
		return h;
	rpc_fail(&call->error, RPC_NO_SUCH_THING, "pfn",
		 "the machine has %llu frames", (unsigned long long)
		 kernel_at(hosted_machine(h))->ram_frames);
	machines_unlock(h);
	return NULL;
}

bool exec_page_info(struct rpc_call *call)
{
	const struct args_page_info *a = call->args;
	struct hosted *h = lock_frame(call, a->machine, a->pfn);

	if (!h)
		return false;
	view_page(call->out, hosted_machine(h), (pfn_t)a->pfn);
	machines_unlock(h);
	return true;
}

struct rmap_look {
	const struct machine *m;
	pfn_t pfn;
	struct mm_mapping *found;
	uint64_t nr;
};

static bool look_rmap(void *ctx)
{
	struct rmap_look *look = ctx;

	look->nr = mm_rmap(look->m, look->pfn, look->found);
	return true;
}

static uint64_t rmap_bytes(const struct hosted *h, pfn_t pfn)
{
	return (mm_rmap_room(hosted_machine(h), pfn) + 1) * sizeof(struct mm_mapping);
}

bool exec_page_rmap(struct rpc_call *call)
{
	const struct args_page_rmap *a = call->args;
	struct hosted *h = lock_frame(call, a->machine, a->pfn);
	struct rmap_look look;
	bool done;

	if (!h)
		return false;
	if (!rpc_may_wait() &&
	    mm_rmap_room(hosted_machine(h), (pfn_t)a->pfn) > RMAP_ON_A_LOOP) {
		machines_unlock(h);
		return rpc_defer(&call->error);
	}
	look = (struct rmap_look){ hosted_machine(h), (pfn_t)a->pfn,
				   malloc(rmap_bytes(h, (pfn_t)a->pfn)), 0 };
	done = look.found ? hosted_read(h, look_rmap, &look, &call->error)
			  : rpc_fail(&call->error, RPC_LIMIT, "",
				     "the host has no memory for so many mappings");
	machines_unlock(h);
	if (done)
		view_rmap(call->out, look.found, look.nr);
	free(look.found);
	return done;
}

bool exec_ram_map(struct rpc_call *call)
{
	const struct args_ram_map *a = call->args;
	struct hosted *h = lock_machine(call, a->machine);
	const bool bytes = a->format == 1;
	uint64_t frames, end;
	bool done = true;

	if (!h)
		return false;
	frames = kernel_at(hosted_machine(h))->ram_frames;
	end = a->given & 1u << 2 ? a->first + a->count : frames;
	if (a->first >= frames || end > frames)
		done = rpc_fail(&call->error, RPC_NO_SUCH_THING,
				a->first >= frames ? "first" : "count",
				"the machine has %llu frames",
				(unsigned long long)frames);
	else if (bytes && end - a->first > RAM_BYTES_FRAMES_MAX)
		done = rpc_fail(&call->error, RPC_LIMIT, "count",
				"more than %u frames as bytes in one answer",
				RAM_BYTES_FRAMES_MAX);
	if (done) {
		json_object_begin(call->out);
		if (bytes)
			view_run_bytes(call->out, hosted_machine(h), a->first,
				       end);
		else
			view_runs(call->out, hosted_machine(h), a->first, end);
		json_object_close(call->out);
	}
	machines_unlock(h);
	return done;
}

bool exec_ram_zones(struct rpc_call *call)
{
	const struct args_ram_zones *a = call->args;
	struct hosted *h = lock_machine(call, a->machine);
	const struct kernel *k;

	if (!h)
		return false;
	k = kernel_at(hosted_machine(h));
	json_object_begin(call->out);
	json_key(call->out, "zones");
	json_array_begin(call->out);
	for (int type = 0; type < MAX_NR_ZONES; type++)
		if (k->zones[type].present_pages)
			view_zone(call->out, &k->zones[type],
				  (enum zone_type)type);
	json_array_close(call->out);
	json_object_close(call->out);
	machines_unlock(h);
	return true;
}

bool exec_ram_buddy(struct rpc_call *call)
{
	const struct args_ram_buddy *a = call->args;
	struct hosted *h = lock_machine(call, a->machine);

	if (!h)
		return false;
	json_object_begin(call->out);
	json_key(call->out, "zones");
	json_array_begin(call->out);
	for (int type = 0; type < MAX_NR_ZONES; type++)
		if (kernel_at(hosted_machine(h))->zones[type].present_pages)
			view_buddy(call->out, hosted_machine(h),
				   (enum zone_type)type);
	json_array_close(call->out);
	json_object_close(call->out);
	machines_unlock(h);
	return true;
}

bool exec_ram_slab(struct rpc_call *call)
{
	const struct args_ram_slab *a = call->args;
	struct hosted *h = lock_machine(call, a->machine);

	if (!h)
		return false;
	json_object_begin(call->out);
	json_key(call->out, "caches");
	json_array_begin(call->out);
	for (int id = 0; id < NR_KMEM_CACHES; id++)
		view_cache(call->out, hosted_machine(h),
			   (enum kmem_cache_id)id);
	json_array_close(call->out);
	json_object_close(call->out);
	machines_unlock(h);
	return true;
}
