/* SPDX-License-Identifier: MIT */
/* /proc: from a path to what prints it. */
#include "mmcore/proc/procfs.h"

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
	/* Where nothing was written yet there may be no buffer. */
	char *p = *s ? text_room(t, text_length(s)) : NULL;

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

/* ---- from a path to a node ---- */

enum place {
	PLACE_ROOT,		/* /proc */
	PLACE_FILE,		/* a file of the machine */
	PLACE_SYS,		/* /proc/sys */
	PLACE_SYS_DIR,		/* /proc/sys/vm, /proc/sys/fs */
	PLACE_SYSCTL,
	PLACE_TASK, PLACE_THREAD,	/* /proc/PID, /proc/PID/task/TID */
	PLACE_TASKS,		/* /proc/PID/task */
	PLACE_FDS, PLACE_FD,	/* …/fd, …/fd/N */
	PLACE_PID_FILE,		/* a file of a process */
};

struct node {
	enum place place;
	enum mm_proc_kind kind;
	task_ref task;
	const struct proc_file *file;
	const struct proc_pid_file *pid_file;
	int sysctl;
	const char *dir;	/* of sysctls: one of sysctl_dirs */
	file_ref open;		/* of a descriptor */
};

/* A folder, where nothing follows its name. */
static bool folder(struct node *n, enum place place, const char *rest)
{
	n->place = place;
	n->kind = MM_PROC_DIR;
	return !*rest;
}

/* Each is two letters long; a sysctl is called "vm.NAME". */
static const char *const sysctl_dirs[] = { "fs", "vm" };

#define NR_SYSCTL_DIRS (sizeof(sysctl_dirs) / sizeof(sysctl_dirs[0]))

/* Its name in a folder; NULL: it is in the other one. */
static const char *sysctl_in(int id, const char *dir)
{
	const char *name = mm_sysctl_name(id);

	return name[0] == dir[0] ? name + 3 : NULL;
}

static bool find_sysctl(const char *path, struct node *n)
{
	if (!*path)
		return folder(n, PLACE_SYS, path);
	for (size_t i = 0; i < NR_SYSCTL_DIRS && !n->dir; i++)
		if (eat(&path, sysctl_dirs[i]))
			n->dir = sysctl_dirs[i];
	if (!n->dir)
		return false;
	if (!*path)
		return folder(n, PLACE_SYS_DIR, path);
	n->place = PLACE_SYSCTL;
	n->kind = MM_PROC_FILE;
	for (n->sysctl = 0; n->sysctl < NR_SYSCTLS; n->sysctl++) {
		const char *rest = path, *name = sysctl_in(n->sysctl, n->dir);

		if (name && eat(&rest, name))
			return !*rest;
	}
	return false;
}

/* A descriptor's number; 0 is one, too. */
static bool find_fd(const struct machine *m, const char *path, struct node *n)
{
	const files_ref files = task_at(m, n->task)->files;
	uint32_t fd = 0;

	if (!*path)
		return folder(n, PLACE_FDS, path);
	if (!eat(&path, "0") && !eat_number(&path, &fd))
		return false;
	if (*path || file_none(mm_fd_file(m, files, fd)))
		return false;
	n->place = PLACE_FD;
	n->kind = MM_PROC_FILE;
	n->open = mm_fd_file(m, files, fd);
	return true;
}

static bool find_pid_file(const struct machine *m, const char *path,
			  struct node *n)
{
	if (eat(&path, "fd"))
		return find_fd(m, path, n);
	n->place = PLACE_PID_FILE;
	for (n->pid_file = proc_pid_files; n->pid_file->name; n->pid_file++)
		if (eat(&path, n->pid_file->name)) {
			n->kind = n->pid_file->show ? MM_PROC_FILE
						    : MM_PROC_BINARY;
			return !*path;
		}
	return false;
}

/* A process is a thread group of one: task/ has itself, and not task/ again. */
static bool find_in_task(const struct machine *m, const char *path,
			 struct node *n)
{
	uint32_t tid;

	if (!*path)
		return folder(n, PLACE_TASK, path);
	if (!eat(&path, "task"))
		return find_pid_file(m, path, n);
	if (!*path)
		return folder(n, PLACE_TASKS, path);
	if (!eat_number(&path, &tid) ||
	    tid != (uint32_t)task_at(m, n->task)->pid)
		return false;
	return *path ? find_pid_file(m, path, n)
		     : folder(n, PLACE_THREAD, path);
}

static bool find_node(const struct machine *m, const char *path,
		      struct node *n)
{
	uint32_t pid;

	*n = (struct node){ .kind = MM_PROC_NONE };
	if (*path++ != '/' || !eat(&path, "proc"))
		return false;
	if (!*path)
		return folder(n, PLACE_ROOT, path);
	if (eat_number(&path, &pid)) {
		n->task = mm_find_task(m, pid);
		return !task_none(n->task) && find_in_task(m, path, n);
	}
	if (eat(&path, "sys"))
		return find_sysctl(path, n);
	n->place = PLACE_FILE;
	for (n->file = proc_files; n->file->name; n->file++)
		if (eat(&path, n->file->name)) {
			n->kind = n->file->show ? MM_PROC_FILE
						: MM_PROC_BINARY;
			return !*path;
		}
	return false;
}

const struct proc_binary *find_proc_binary(const struct machine *m,
					   const char *path, task_ref *task)
{
	struct node n;

	if (!find_node(m, path, &n) || n.kind != MM_PROC_BINARY)
		return NULL;
	*task = n.task;
	return n.place == PLACE_PID_FILE ? n.pid_file->binary
					 : n.file->binary;
}

/* Pages of locked areas, and tasks. */
static uint64_t locked_pages(const struct machine *m)
{
	uint64_t pages = kernel_at(m)->nr_tasks;

	for (task_ref k = mm_first_task(m); !task_none(k);
	     k = mm_next_task(m, k))
		pages += mm_at(m, task_at(m, k)->mm)->locked_vm;
	return pages;
}

uint64_t mm_proc_work(const struct machine *m, const char *path)
{
	const struct mm_struct *mm;
	struct node n;

	if (!find_node(m, path, &n))
		return 0;
	if (n.place == PLACE_ROOT)
		return kernel_at(m)->nr_tasks;
	if (n.place == PLACE_FILE && n.file->looks_at == LOOKS_AT_LOCKED)
		return locked_pages(m);
	if (n.place != PLACE_PID_FILE || n.pid_file->looks_at == LOOKS_AT_TASK)
		return 1;
	mm = mm_at(m, task_at(m, n.task)->mm);
	if (n.pid_file->looks_at == LOOKS_AT_AREAS)
		return (uint64_t)mm->map_count;
	return (uint64_t)mm->map_count + mm->nr_ptes + get_mm_rss(mm);
}

/* ---- what a folder lists, and what a file says ---- */

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

static void show_root(const struct machine *m, struct text *t)
{
	for (task_ref k = mm_first_task(m); !task_none(k);
	     k = mm_next_task(m, k))
		number_entry(t, (uint64_t)task_at(m, k)->pid);
	for (const struct proc_file *f = proc_files; f->name; f++)
		entry(t, f->name);
	entry(t, "sys");
}

static void show_sysctls(struct text *t, const char *dir)
{
	for (int id = 0; id < NR_SYSCTLS; id++)
		if (sysctl_in(id, dir))
			entry(t, sysctl_in(id, dir));
}

static void show_task(struct text *t, bool thread)
{
	for (const struct proc_pid_file *f = proc_pid_files; f->name; f++)
		entry(t, f->name);
	entry(t, "fd");
	if (!thread)
		entry(t, "task");
}

static void show_fds(const struct machine *m, task_ref task, struct text *t)
{
	const files_ref files = task_at(m, task)->files;
	uint32_t fd = mm_next_fd(m, files, 0);

	for (; fd != UINT32_MAX; fd = mm_next_fd(m, files, fd + 1))
		number_entry(t, fd);
}

/* A symbolic link there: where it leads. */
static void show_fd(const struct machine *m, file_ref file, struct text *t)
{
	char path[MM_PATH_MAX];

	mm_file_path(m, file, path);
	entry(t, path);
}

static void show_node(const struct machine *m, const struct node *n,
		      struct text *t)
{
	switch (n->place) {
	case PLACE_ROOT:
		show_root(m, t);
		break;
	case PLACE_FILE:
		n->file->show(m, t);
		break;
	case PLACE_SYS:
		for (size_t i = 0; i < NR_SYSCTL_DIRS; i++)
			entry(t, sysctl_dirs[i]);
		break;
	case PLACE_SYS_DIR:
		show_sysctls(t, n->dir);
		break;
	case PLACE_SYSCTL:
		number_entry(t, mm_sysctl_read(m, n->sysctl));
		break;
	case PLACE_TASK:
	case PLACE_THREAD:
		show_task(t, n->place == PLACE_THREAD);
		break;
	case PLACE_TASKS:
		number_entry(t, (uint64_t)task_at(m, n->task)->pid);
		break;
	case PLACE_FDS:
		show_fds(m, n->task, t);
		break;
	case PLACE_FD:
		show_fd(m, n->open, t);
		break;
	case PLACE_PID_FILE:
		n->pid_file->show(m, n->task, t);
		break;
	}
}

enum mm_proc_kind mm_proc_read(const struct machine *m, const char *path,
			       struct mm_sink *sink)
{
	struct text text = { sink };
	struct node n;

	if (!find_node(m, path, &n))
		return MM_PROC_NONE;
	if (sink && n.kind != MM_PROC_BINARY)
		show_node(m, &n, &text);
	return n.kind;
}
