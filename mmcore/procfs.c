/* SPDX-License-Identifier: MIT */
/* /proc: from a path to what prints it. */
#include "mmcore/procfs.h"

char *put_dec(char *p, uint64_t value, unsigned int width)
{
	char digits[20];
	unsigned int nr = 0;

	do {
		digits[nr++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (width-- > nr)
		*p++ = ' ';
	while (nr)
		*p++ = digits[--nr];
	return p;
}

void text_put(struct text *t, const char *s)
{
	char *p = text_room(t, text_length(s));

	if (p)
		text_done(t, put_text(p, s));
}

/* Does @path begin with the whole component @name? Then it is skipped. */
static bool eat(const char **path, const char *name)
{
	const char *p = *path;

	while (*name && *p == *name) {
		p++;
		name++;
	}
	if (*name || (*p && *p != '/'))
		return false;
	while (*p == '/')
		p++;
	*path = p;
	return true;
}

/* A number without leading zeros, as a whole component. */
static bool eat_number(const char **path, uint32_t *number)
{
	const char *p = *path;
	uint64_t n = 0;

	if (*p < '1' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > UINT32_MAX)
			return false;
	}
	if (*p && *p != '/')
		return false;
	while (*p == '/')
		p++;
	*path = p;
	*number = (uint32_t)n;
	return true;
}

static void entry(struct text *t, const char *name)
{
	text_put(t, name);
	text_put(t, "\n");
}

static void number_entry(struct text *t, uint64_t number)
{
	char *p = text_room(t, 24);

	if (!p)
		return;
	p = put_dec(p, number, 0);
	*p++ = '\n';
	text_done(t, p);
}

static enum mm_proc_kind show_root(const struct machine *m, struct text *t)
{
	for (task_ref k = mm_first_task(m); !task_none(k);
	     k = mm_next_task(m, k))
		number_entry(t, (uint64_t)task_at(m, k)->pid);
	for (const struct proc_file *f = proc_files; f->name; f++)
		entry(t, f->name);
	entry(t, "sys");
	return MM_PROC_DIR;
}

static enum mm_proc_kind show_sysctl(const struct machine *m,
				     const char *path, struct text *t)
{
	if (!*path) {
		entry(t, "vm");
		return MM_PROC_DIR;
	}
	if (!eat(&path, "vm"))
		return MM_PROC_NONE;
	for (int id = 0; id < NR_SYSCTLS; id++) {
		const char *name = mm_sysctl_name(id) + 3;	/* after "vm." */
		const char *rest = path;

		if (!*path)
			entry(t, name);
		else if (eat(&rest, name) && !*rest) {
			number_entry(t, mm_sysctl_read(m, id));
			return MM_PROC_FILE;
		}
	}
	return *path ? MM_PROC_NONE : MM_PROC_DIR;
}

static enum mm_proc_kind show_fds(const struct machine *m, task_ref task,
				  struct text *t)
{
	const struct files_struct *files = files_at(m, task_at(m, task)->files);

	for (uint32_t fd = 0; fd < NR_OPEN; fd++)
		if (!file_none(files->fd[fd]))
			number_entry(t, fd);
	return MM_PROC_DIR;
}

static enum mm_proc_kind show_task(const struct machine *m, task_ref task,
				   const char *path, bool thread,
				   struct text *t)
{
	const uint32_t pid = (uint32_t)task_at(m, task)->pid;
	uint32_t tid;

	if (!*path) {
		for (const struct proc_pid_file *f = proc_pid_files; f->name; f++)
			entry(t, f->name);
		entry(t, "fd");
		if (!thread)
			entry(t, "task");
		return MM_PROC_DIR;
	}
	if (eat(&path, "fd"))
		return *path ? MM_PROC_NONE : show_fds(m, task, t);
	if (!thread && eat(&path, "task")) {
		if (!*path) {
			number_entry(t, pid);
			return MM_PROC_DIR;
		}
		if (!eat_number(&path, &tid) || tid != pid)
			return MM_PROC_NONE;
		return show_task(m, task, path, true, t);
	}
	for (const struct proc_pid_file *f = proc_pid_files; f->name; f++)
		if (eat(&path, f->name)) {
			if (*path)
				return MM_PROC_NONE;
			f->show(m, task, t);
			return MM_PROC_FILE;
		}
	return MM_PROC_NONE;
}

enum mm_proc_kind mm_proc_read(const struct machine *m, const char *path,
			       struct mm_sink *sink)
{
	struct text text = { sink };
	uint32_t pid;
	task_ref task;

	if (*path != '/')
		return MM_PROC_NONE;
	path++;
	if (!eat(&path, "proc"))
		return MM_PROC_NONE;
	if (!*path)
		return show_root(m, &text);
	if (eat_number(&path, &pid)) {
		task = mm_find_task(m, pid);
		return task_none(task) ? MM_PROC_NONE
				       : show_task(m, task, path, false, &text);
	}
	if (eat(&path, "sys"))
		return show_sysctl(m, path, &text);
	for (const struct proc_file *f = proc_files; f->name; f++)
		if (eat(&path, f->name)) {
			if (*path)
				return MM_PROC_NONE;
			f->show(m, &text);
			return MM_PROC_FILE;
		}
	return MM_PROC_NONE;
}
