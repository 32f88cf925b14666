/* SPDX-License-Identifier: MIT */
/* mm_step(): the one door. Finds the caller, runs the call, fills the result. */
#include <string.h>

#include "mmcore/fs/binfmts.h"
#include "mmcore/kernel/task.h"
#include "mmcore/mm/page_alloc.h"

/* ---- what comes in ---- */

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

/* Is all there that an operation of its kind brings, or has room for? */
static bool brings_all(const struct machine *m, const struct op *op)
{
	const unsigned int flags = op_flags(op->code);

	return (!(flags & OP_PATH) || path_is_good(op)) &&
	       (!(flags & OP_DATA) || op->data || !op->data_len) &&
	       (!(flags & OP_IOV) ||
		(is_there(&op->iov) && is_there(&op->remote_iov))) &&
	       (!(flags & OP_GIVES) || op->buf || !mm_op_room(m, op)) &&
	       (!op_brings_program(op) || brings_image(op));
}

/* Arguments that are numbers of a list, or strings, are what their type says. */
static bool has_good_args(const struct op *op)
{
	switch (op->code) {
	case OP_SPAWN:
		return op->spawn.image <= IMAGE_EXEC &&
		       !op->spawn.name[sizeof(op->spawn.name) - 1];
	case OP_MEMFD_CREATE:
		return !op->memfd_create.name[sizeof(op->memfd_create.name) - 1];
	case OP_MEM_TOUCH:
		return op->mem_touch.access <= ACCESS_EXEC;
	case OP_SYSCTL:
		return op->sysctl.id < NR_SYSCTLS &&
		       !mm_sysctl_check((int)op->sysctl.id, op->sysctl.value);
	default:
		return op->code > OP_NONE && op->code < NR_OPS;
	}
}

/* ---- what goes out ---- */

/* An address is no error, however large: brk and mmap return below 2^63. */
static void set_outcome(struct op_result *res, int64_t ret)
{
	res->ret = ret;
	if (ret >= 0 || res->outcome == OUT_BLOCKED)
		return;
	res->outcome = OUT_ERRNO;
	res->err = (int32_t)-ret;
}

/* ---- between ---- */

/* The shapes of op.def: what a function takes beside the step and its arguments. */
#define CALL(fn, a)		set_outcome(s->res, fn(s, a))
#define CALL_BUF(fn, a)		set_outcome(s->res, fn(s, a, op->buf))
#define CALL_DATA(fn, a)	set_outcome(s->res, fn(s, a, op->data, op->data_len))
#define CALL_PATH(fn, a)	set_outcome(s->res, fn(s, a, op->path, op->path_len))
#define CALL_PATH_DATA(fn, a)	set_outcome(s->res, fn(s, a, op->path, op->path_len, \
						      op->data, op->data_len))
#define CALL_IOV(fn, a)		set_outcome(s->res, fn(s, a, &op->iov))
#define CALL_IOVS(fn, a)	set_outcome(s->res, fn(s, a, &op->iov, &op->remote_iov))
#define FILL(fn, a)		fn(s, a)
#define FILL_ALONE(fn, a)	fn(s)
#define FILL_BUF(fn, a)		fn(s, a, op->buf)
#define FILL_DATA(fn, a)	fn(s, a, op->data, op->data_len)

static void run(struct step *s, const struct op *op)
{
	switch (op->code) {
#define OP(code, member, method, shape, function, flags) \
	case OP_##code:					 \
		shape(function, &op->member);		 \
		break;
#include "mmcore/op.def"
#undef OP
	default:
		MM_ASSERT(!"an operation of no kind");
	}
}

enum mm_status mm_step(struct machine *m, const struct op *op,
		       struct op_result *res, struct trace *trace)
{
	static const struct op_result nothing_yet;
	struct step s = { .m = m, .trace = trace, .res = res };

	*res = nothing_yet;
	if (!has_good_args(op) || !brings_all(m, op))
		return MM_BAD_OPERATION;
	if (!(op_flags(op->code) & OP_MACHINE)) {
		s.current = mm_find_task(m, op->pid);
		if (task_none(s.current))
			return MM_NO_SUCH_PROCESS;
	}
	run(&s, op);
	if (res->signo && op->deliver)
		do_exit(&s);
	return MM_OK;
}
