/* SPDX-License-Identifier: MIT */
/* mm_step(): the one door. Finds the caller, runs the call, fills the result. */
#include <string.h>

#include "mmcore/fs/binfmts.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/page_alloc.h"

/* Operations of the machine itself; all others have a calling process. */
static bool needs_process(enum op_code code)
{
	return code != OP_SPAWN && code != OP_TICK && code != OP_SYSCTL &&
	       code != OP_FILE_CREATE;
}

static bool is_there(const struct op_iov *iov)
{
	return iov->vec || !iov->nr;
}

static bool brings_image(const struct op *op)
{
	struct linux_binprm bprm;

	return exec_image_parse(op->data, op->data_len, &bprm);
}

static bool path_is_good(const struct op *op)
{
	if (!op->path || op->path_len > OP_PATH_MAX)
		return false;
	for (size_t i = 0; i < op->path_len; i++)
		if (!op->path[i])
			return false;
	return true;
}

static bool well_formed(const struct op *op)
{
	if (op_has_path(op) && !path_is_good(op))
		return false;
	switch (op->code) {
	case OP_SPAWN:
		return op->spawn.image <= IMAGE_EXEC &&
		       !op->spawn.name[sizeof(op->spawn.name) - 1] &&
		       (op->spawn.image != IMAGE_EXEC || brings_image(op));
	case OP_EXEC:
		return brings_image(op);
	case OP_MEM_READ:
		return op->buf || !op->mem_read.len;
	case OP_MINCORE:
		return op->buf || !op->mincore.len;
	case OP_READ:
		return op->buf || !op->read.count || op->read.buf != NO_BUFFER;
	case OP_PREAD:
		return op->buf || !op->pread.count || op->pread.buf != NO_BUFFER;
	case OP_MEMFD_CREATE:
		return !op->memfd_create.name[sizeof(op->memfd_create.name) - 1];
	case OP_MEM_WRITE:
	case OP_FILE_CREATE:
		return op->data || !op->data_len;
	case OP_MEM_TOUCH:
		return op->mem_touch.access <= ACCESS_EXEC;
	case OP_VMSPLICE:
	case OP_PROCESS_VM_READV:
	case OP_PROCESS_VM_WRITEV:
		return is_there(&op->iov) && is_there(&op->remote_iov);
	case OP_SYSCTL:
		return op->sysctl.id < NR_SYSCTLS &&
		       !mm_sysctl_check((int)op->sysctl.id, op->sysctl.value);
	default:
		return op->code > OP_NONE && op->code < NR_OPS;
	}
}

/* A call about descriptors; false: it is none. */
static bool run_file_call(struct step *s, const struct op *op, int64_t *ret)
{
	switch (op->code) {
	case OP_OPEN:
		*ret = sys_open(s, &op->open, op->path, op->path_len);
		return true;
	case OP_UNLINK:
		*ret = sys_unlink(s, op->path, op->path_len);
		return true;
	case OP_FILE_CREATE:
		*ret = file_create(s, &op->file_create, op->path, op->path_len,
				   op->data, op->data_len);
		return true;
	case OP_MEMFD_CREATE:
		*ret = sys_memfd_create(s, &op->memfd_create);
		return true;
	case OP_CLOSE:
		*ret = sys_close(s, &op->close);
		return true;
	case OP_DUP:
		*ret = sys_dup(s, &op->dup);
		return true;
	case OP_FCNTL:
		*ret = sys_fcntl(s, &op->fcntl);
		return true;
	case OP_PIPE:
		*ret = sys_pipe(s, &op->pipe);
		return true;
	case OP_SPLICE:
		*ret = sys_splice(s, &op->splice);
		return true;
	case OP_TEE:
		*ret = sys_tee(s, &op->tee);
		return true;
	case OP_VMSPLICE:
		*ret = sys_vmsplice(s, &op->vmsplice, &op->iov);
		return true;
	case OP_SENDFILE:
		*ret = sys_sendfile(s, &op->sendfile);
		return true;
	case OP_FTRUNCATE:
		*ret = sys_ftruncate(s, &op->ftruncate);
		return true;
	case OP_FSYNC:
		*ret = sys_fsync(s, &op->fsync);
		return true;
	case OP_LSEEK:
		*ret = sys_lseek(s, &op->lseek);
		return true;
	case OP_READ:
		*ret = sys_read(s, &op->read, op->buf);
		return true;
	case OP_PREAD:
		*ret = sys_pread(s, &op->pread, op->buf);
		return true;
	case OP_WRITE:
		*ret = sys_write(s, &op->write, op->data, op->data_len);
		return true;
	case OP_PWRITE:
		*ret = sys_pwrite(s, &op->pwrite, op->data, op->data_len);
		return true;
	default:
		return false;
	}
}

/* A system call: its value, or a negative errno. */
static int64_t run_call(struct step *s, const struct op *op)
{
	int64_t ret;

	switch (op->code) {
	case OP_SPAWN:
		return do_spawn(s, &op->spawn, op->data, op->data_len);
	case OP_FORK:
		return do_fork(s, &op->fork);
	case OP_SETRLIMIT:
		return sys_setrlimit(s, &op->setrlimit);
	case OP_MMAP:
		return sys_mmap(s, &op->mmap);
	case OP_MMAP2:
		return sys_mmap2(s, &op->mmap2);
	case OP_MUNMAP:
		return sys_munmap(s, &op->munmap);
	case OP_MPROTECT:
		return sys_mprotect(s, &op->mprotect);
	case OP_MADVISE:
		return sys_madvise(s, &op->madvise);
	case OP_MREMAP:
		return sys_mremap(s, &op->mremap);
	case OP_MLOCK:
		return sys_mlock(s, &op->mlock);
	case OP_MLOCK2:
		return sys_mlock2(s, &op->mlock2);
	case OP_MUNLOCK:
		return sys_munlock(s, &op->munlock);
	case OP_MLOCKALL:
		return sys_mlockall(s, &op->mlockall);
	case OP_MUNLOCKALL:
		return sys_munlockall(s, &op->munlockall);
	case OP_MSEAL:
		return sys_mseal(s, &op->mseal);
	case OP_MINCORE:
		return sys_mincore(s, &op->mincore, op->buf);
	case OP_MSYNC:
		return sys_msync(s, &op->msync);
	case OP_REMAP_FILE_PAGES:
		return sys_remap_file_pages(s, &op->remap_file_pages);
	case OP_PROCESS_VM_READV:
		return sys_process_vm_readv(s, op->process_vm_readv.remote_pid,
					    &op->iov, &op->remote_iov);
	case OP_PROCESS_VM_WRITEV:
		return sys_process_vm_writev(s, op->process_vm_writev.remote_pid,
					     &op->iov, &op->remote_iov);
	case OP_BRK:
		return sys_brk(s, &op->brk);
	case OP_ACCESS_OK:
		return sys_access_ok(s, &op->access_ok);
	default:
		if (run_file_call(s, op, &ret))
			return ret;
		MM_ASSERT(!"an operation without a call");
		return 0;
	}
}

/* What is no system call fills in the result itself, or cannot fail. */
static bool run_other(struct step *s, const struct op *op)
{
	switch (op->code) {
	case OP_EXEC:
		do_execve(s, op->data, op->data_len);
		return true;
	case OP_EXIT:
		do_exit(s);
		return true;
	case OP_MEM_READ:
		mem_read(s, &op->mem_read, op->buf);
		return true;
	case OP_MEM_WRITE:
		mem_write(s, &op->mem_write, op->data, op->data_len);
		return true;
	case OP_MEM_FILL:
		mem_fill(s, &op->mem_fill);
		return true;
	case OP_MEM_TOUCH:
		mem_touch(s, &op->mem_touch);
		return true;
	case OP_TICK:
		machine_tick(s, &op->tick);
		return true;
	case OP_SYSCTL:
		sysctl_write(s, &op->sysctl);
		return true;
	default:
		return false;
	}
}

/* An address is no error, however large: brk and mmap return below 2^63. */
static void set_outcome(struct op_result *res, int64_t ret)
{
	res->ret = ret;
	if (ret >= 0 || res->outcome == OUT_BLOCKED)
		return;
	res->outcome = OUT_ERRNO;
	res->err = (int32_t)-ret;
}

enum mm_status mm_step(struct machine *m, const struct op *op,
		       struct op_result *res, struct trace *trace)
{
	static const struct op_result nothing_yet;
	struct step s = { .m = m, .trace = trace, .res = res };

	*res = nothing_yet;
	if (!well_formed(op))
		return MM_BAD_OPERATION;
	if (needs_process(op->code)) {
		s.current = mm_find_task(m, op->pid);
		if (task_none(s.current))
			return MM_NO_SUCH_PROCESS;
	}
	if (!run_other(&s, op))
		set_outcome(res, run_call(&s, op));
	if (res->signo && op->deliver)
		do_exit(&s);
	return MM_OK;
}
