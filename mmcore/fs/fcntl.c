/* SPDX-License-Identifier: MIT */
/* fcntl: what is asked of a descriptor, or changed about it (fs/fcntl.c, 6.18). */
#include "mmcore/fs/disk.h"
#include "mmcore/fs/namei.h"
#include "mmcore/fs/pipe.h"
#include "mmcore/kernel/task.h"

#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

static int64_t dup_from(struct step *s, file_ref file, uint64_t first,
			bool close_on_exec)
{
	int64_t fd;

	if (first >= rlimit(s, RLIMIT_NOFILE))
		return refuse(s, EINVAL, "arg is not below RLIMIT_NOFILE");
	fd = get_unused_fd_from(s, first);
	if (fd < 0)
		return fd;
	get_file(s, file);
	fd_install(s, fd, file);
	set_close_on_exec(s, fd, close_on_exec);
	return fd;
}

/* Only a pipe and what reads past the page cache can be told O_DIRECT. */
static int64_t setfl(struct step *s, file_ref ref, uint32_t arg)
{
	struct file *file;

	if (arg & O_NOATIME && !(file_at(s->m, ref)->f_flags & O_NOATIME) &&
	    !inode_owner_or_capable(s, ref))
		return refuse(s, EPERM, "O_NOATIME is for the file's owner");
	if (arg & O_DIRECT && !fops(s->m, ref)->direct)
		return refuse(s, EINVAL, "the file cannot do O_DIRECT");
	file = file_mut(s, ref);
	file->f_flags = (file->f_flags & ~(uint32_t)SETFL_MASK) |
			(arg & SETFL_MASK);
	if (fops(s->m, ref)->fasync)
		file->f_flags = (file->f_flags & ~(uint32_t)FASYNC) |
				(arg & FASYNC);
	return 0;
}

/* A pipe is no large file, nor is a mere path; others are opened as such. */
static int64_t getfl(const struct machine *m, file_ref ref)
{
	const struct file *file = file_at(m, ref);
	const bool large = file->f_op != FILE_OPS_PIPE &&
			   !(file->f_mode & FMODE_PATH);

	return file->f_flags | (large ? O_LARGEFILE : 0);
}

/* check_fcntl_cmd(): what O_PATH leaves. */
static bool works_on_a_path(uint32_t cmd)
{
	return cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC || cmd == F_GETFD ||
	       cmd == F_SETFD || cmd == F_GETFL;
}

int64_t sys_fcntl(struct step *s, const struct op_fcntl *a)
{
	const file_ref file = fget_raw(s, a->fd);

	if (file_none(file))
		return refuse(s, EBADF, "fd is not open");
	if (file_at(s->m, file)->f_mode & FMODE_PATH &&
	    !works_on_a_path(a->cmd))
		return refuse(s, EBADF, "fd is open with O_PATH alone");
	switch (a->cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return dup_from(s, file, (uint32_t)a->arg,
				a->cmd == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return close_on_exec(s->m, task_at(s->m, s->current)->files,
				     (uint32_t)a->fd);
	case F_SETFD:
		set_close_on_exec(s, a->fd, a->arg & FD_CLOEXEC);
		return 0;
	case F_GETFL:
		return getfl(s->m, file);
	case F_SETFL:
		return setfl(s, file, (uint32_t)a->arg);
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
		return pipe_fcntl(s, file, a->cmd, (uint32_t)a->arg);
	case F_ADD_SEALS:
		return memfd_add_seals(s, file, (uint32_t)a->arg);
	case F_GET_SEALS:
		return memfd_get_seals(s, file);
	default:	/* D-010: locks, owners, leases are not here */
		return refuse(s, EINVAL, "there is no such command, or not here");
	}
}
