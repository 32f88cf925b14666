/* SPDX-License-Identifier: MIT */
/* Processes: found by pid in a red-black tree, related by children lists. */
#include <string.h>

#include "mmcore/arch/arch.h"
#include "mmcore/kernel/calls.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/slab.h"

static task_ref node_task(uint64_t node)
{
	if (!node)
		return task_make(0);
	return task_make(node - offsetof(struct task_struct, pid_node));
}

static uint64_t pid_node_pa(task_ref t)
{
	return t.pa + offsetof(struct task_struct, pid_node);
}

static uint64_t children_pa(task_ref t)
{
	return t.pa + offsetof(struct task_struct, children);
}

static uint64_t sibling_pa(task_ref t)
{
	return t.pa + offsetof(struct task_struct, sibling);
}

task_ref mm_find_task(const struct machine *m, uint32_t pid)
{
	uint64_t node = kernel_at(m)->tasks.rb_node;

	while (node) {
		const struct task_struct *t = task_at(m, node_task(node));

		mm_poll(m, 1);
		if ((uint32_t)t->pid == pid)
			return node_task(node);
		node = pid < (uint32_t)t->pid ? t->pid_node.rb_left
					      : t->pid_node.rb_right;
	}
	return task_make(0);
}

task_ref mm_first_task(const struct machine *m)
{
	return node_task(rb_first(m, KERNEL_MEMBER(tasks)));
}

task_ref mm_next_task(const struct machine *m, task_ref t)
{
	return node_task(rb_next(m, pid_node_pa(t)));
}

/* Pids only count up, so a new task is always the tree's last. */
static void link_task(struct step *s, task_ref t)
{
	const uint64_t root = KERNEL_MEMBER(tasks);
	uint64_t last = rb_last(s->m, root);

	rb_link_node(s, pid_node_pa(t), last,
		     last ? last + offsetof(struct rb_node, rb_right) : root);
	rb_insert_color(s, pid_node_pa(t), root, NULL);
}

task_ref alloc_task(struct step *s, const char comm[TASK_COMM_LEN])
{
	struct kernel *k = kernel_mut(s);
	struct task_struct *task;
	task_ref t;

	if (k->last_pid >= MAX_PID)
		return task_make(0);
	t = task_make(kmem_cache_alloc(s, CACHE_TASK));
	if (task_none(t))
		return t;
	task = task_mut(s, t);
	task->pid = (int32_t)++k->last_pid;
	task->start_time = k->jiffies;
	memcpy(task->comm, comm, TASK_COMM_LEN - 1);
	INIT_LIST_HEAD(s, children_pa(t));
	link_task(s, t);
	k->nr_tasks++;
	return t;
}

void set_parent_task(struct step *s, task_ref child, task_ref parent)
{
	struct task_struct *c = task_mut(s, child);

	if (c->sibling.next)
		list_del(s, sibling_pa(child));
	c->ppid = 0;
	if (task_none(parent))
		return;
	c->ppid = task_at(s->m, parent)->pid;
	list_add_tail(s, sibling_pa(child), children_pa(parent));
}

/* Orphans become pid 1's children, or nobody's where pid 1 is gone. */
static void forget_original_parent(struct step *s, task_ref t)
{
	task_ref heir = mm_find_task(s->m, 1);

	if (task_same(heir, t))
		heir = task_make(0);
	while (!list_empty(s->m, children_pa(t))) {
		uint64_t pa = list_next_pa(s->m, children_pa(t));

		set_parent_task(s, task_make(list_entry_pa(pa,
					struct task_struct, sibling)), heir);
	}
}

void free_task(struct step *s, task_ref t)
{
	forget_original_parent(s, t);
	set_parent_task(s, t, task_make(0));
	rb_erase(s, pid_node_pa(t), KERNEL_MEMBER(tasks), NULL);
	kernel_mut(s)->nr_tasks--;
	kmem_cache_free(s, CACHE_TASK, t.pa);
}

void undo_alloc_task(struct step *s, task_ref t)
{
	free_task(s, t);
	kernel_mut(s)->last_pid--;
}

void init_rlimits(struct rlimit rlim[RLIM_NLIMITS])
{
	static const struct {
		uint8_t resource;
		uint64_t cur, max;
	} login[] = {
		{ RLIMIT_STACK, 8ULL << 20, RLIM_INFINITY },
		{ RLIMIT_CORE, 0, RLIM_INFINITY },
		{ RLIMIT_NPROC, 96365, 96365 },
		{ RLIMIT_NOFILE, 1024, 1048576 },
		{ RLIMIT_MEMLOCK, 8ULL << 20, 8ULL << 20 },
		{ RLIMIT_SIGPENDING, 96365, 96365 },
		{ RLIMIT_MSGQUEUE, 819200, 819200 },
		{ RLIMIT_NICE, 0, 0 },
		{ RLIMIT_RTPRIO, 0, 0 },
	};

	for (int i = 0; i < RLIM_NLIMITS; i++)
		rlim[i] = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	for (size_t i = 0; i < sizeof(login) / sizeof(login[0]); i++)
		rlim[login[i].resource] =
			(struct rlimit){ login[i].cur, login[i].max };
}

/* On 32 bits the largest number is infinity (do_prlimit() of a rlimit64). */
static uint64_t limit_of(const struct machine *m, uint64_t value)
{
	return value >= m->arch->ulong_max ? RLIM_INFINITY : value;
}

struct rlimit rlimit_of(const struct machine *m, uint64_t soft, uint64_t hard)
{
	return (struct rlimit){ limit_of(m, soft), limit_of(m, hard) };
}

int64_t sys_setrlimit(struct step *s, const struct op_setrlimit *a)
{
	const struct rlimit new = rlimit_of(s->m, a->soft, a->hard);
	struct rlimit *limit;

	if (a->resource >= RLIM_NLIMITS)
		return refuse(s, EINVAL, "no such resource");
	if (new.rlim_cur > new.rlim_max)
		return refuse(s, EINVAL, "the soft limit exceeds the hard limit");
	limit = &task_mut(s, s->current)->rlim[a->resource];
	if (new.rlim_max > limit->rlim_max && !capable(s))
		return refuse(s, EPERM,
			      "only a privileged process may raise its hard limit");
	trace_event(s, setrlimit, a->resource, new.rlim_cur, new.rlim_max);
	*limit = new;
	return 0;
}
