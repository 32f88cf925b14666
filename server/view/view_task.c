/* SPDX-License-Identifier: MIT */
/* Processes. */
#include "mmcore/uapi.h"
#include "server/view/view.h"

static void task_members(struct json_writer *out, const struct machine *m,
			 const struct task_struct *task)
{
	const struct mm_struct *mm = mm_at(m, task->mm);

	json_pair_int(out, "pid", task->pid);
	json_pair_int(out, "ppid", task->ppid);
	json_pair_string(out, "name", task->comm);
	json_pair_uint(out, "mm", mm->id);
	json_pair_uint(out, "vmas", (uint64_t)mm->map_count);
	json_pair_uint(out, "total_vm", mm->total_vm);
	json_pair_uint(out, "rss", get_mm_rss(mm));
	json_pair_uint(out, "min_flt", task->min_flt);
	json_pair_uint(out, "maj_flt", task->maj_flt);
}

void view_task_line(struct json_writer *out, const struct machine *m,
		    task_ref task)
{
	mm_poll(m, VIEW_ENTRY_WORK);
	json_object_begin(out);
	task_members(out, m, task_at(m, task));
	json_object_close(out);
}

static void view_limit(struct json_writer *out, const char *key, uint64_t value)
{
	json_key(out, key);
	if (value == ~0ULL)
		json_put_string(out, "RLIM_INFINITY");
	else
		json_put_uint(out, value);
}

static void view_limits(struct json_writer *out,
			const struct task_struct *task)
{
	json_key(out, "rlimits");
	json_object_begin(out);
	for (const struct param_name *r = names_rlimit; r->name; r++) {
		json_key(out, r->name);
		json_object_begin(out);
		view_limit(out, "soft", task->rlim[r->value].rlim_cur);
		view_limit(out, "hard", task->rlim[r->value].rlim_max);
		json_object_close(out);
	}
	json_object_close(out);
}

#define F(name) { #name, name }
static const struct param_name seal_names[] = {
	F(F_SEAL_SEAL), F(F_SEAL_SHRINK), F(F_SEAL_GROW), F(F_SEAL_WRITE),
	F(F_SEAL_FUTURE_WRITE), F(F_SEAL_EXEC), { NULL, 0 },
};
#undef F

static void view_seals(struct json_writer *out, const struct machine *m,
		       file_ref file)
{
	const int64_t seals = mm_file_seals(m, file);

	if (seals < 0)
		return;
	json_key(out, "seals");
	view_flags(out, (uint64_t)seals, seal_names);
}

static void view_fds(struct json_writer *out, const struct machine *m,
		     const struct task_struct *task)
{
	uint32_t fd = mm_next_fd(m, task->files, 0);
	char path[MM_PATH_MAX];

	json_key(out, "fds");
	json_array_begin(out);
	for (; fd != UINT32_MAX; fd = mm_next_fd(m, task->files, fd + 1)) {
		json_object_begin(out);
		json_pair_uint(out, "fd", fd);
		mm_file_path(m, mm_fd_file(m, task->files, fd), path);
		json_pair_string(out, "path", path);
		view_seals(out, m, mm_fd_file(m, task->files, fd));
		json_object_close(out);
	}
	json_array_close(out);
}

void view_task(struct json_writer *out, const struct machine *m, task_ref ref)
{
	const struct task_struct *task = task_at(m, ref);

	json_object_begin(out);
	task_members(out, m, task);
	json_pair_bool(out, "privileged", task->flags & PF_PRIVILEGED);
	json_pair_uint(out, "start_time", task->start_time);
	view_limits(out, task);
	view_fds(out, m, task);
	json_key(out, "children");
	json_array_begin(out);
	for (task_ref t = mm_first_task(m); !task_none(t);
	     t = mm_next_task(m, t))
		if (task_at(m, t)->ppid == task->pid)
			json_put_int(out, task_at(m, t)->pid);
	json_array_close(out);
	json_object_close(out);
}
