/* SPDX-License-Identifier: MIT */
/*
 * The calls that mm_step() dispatches to. A system call returns its value or a
 * negative errno, having told why with refuse(); s->current is the caller.
 */
#ifndef MMCORE_CALLS_H
#define MMCORE_CALLS_H

#include "mmcore/mmcore.h"
#include "mmcore/uapi.h"

/* Refuse the call, as in "return refuse(s, EINVAL, "len is 0");": keeps the sentence @why for
 * the result, traces it, and gives the negative of the errno @err. */
#define refuse(s, err, why) refuse_in((s), (err), (why), __func__)
static inline int64_t refuse_in(struct step *s, int err, const char *why,
				const char *fn)
{
	s->res->why = why;
	if (unlikely(s->trace))
		trace_refusal(s->trace, err, why, fn);
	return -err;
}

/*
 * The call would sleep, so it does nothing instead. @room: how many bytes it could have
 * moved before it slept. Returns: the value that the call has to return.
 */
static inline int64_t would_block(struct step *s, const char *why,
				  uint64_t room)
{
	s->res->outcome = OUT_BLOCKED;
	s->res->room = room;
	return refuse(s, EAGAIN, why);
}

/*
 * The functions of op.def, each in the file that is named after its call or its family;
 * all of them change what s->res says of the outcome. What is particular:
 *  - sys_mincore() gives one byte a page, s->res->done of them, also before a refusal;
 *  - the calls that take a path take bytes without a NUL, not terminated;
 *  - file_create() comes from outside of the machine: it makes the file and the
 *    directories above it, or nothing;
 *  - process_vm: @iov lies in the caller's memory, @remote in the other's;
 *  - do_spawn() and do_execve() take a struct exec_image. What Linux finds out before it
 *    lets go of the old program is refused with an errno, what later is SIGSEGV; neither
 *    changes anything unless the signal is delivered;
 *  - sysctl_write() and machine_tick() cannot fail: mm_step() has looked.
 */
#define CALL(fn, arg)	int64_t fn(struct step *s, const struct op_##arg *a);
#define CALL_BUF(fn, arg) \
	int64_t fn(struct step *s, const struct op_##arg *a, uint8_t *buf);
#define CALL_DATA(fn, arg) \
	int64_t fn(struct step *s, const struct op_##arg *a, const uint8_t *data, \
		   size_t len);
#define CALL_PATH(fn, arg) \
	int64_t fn(struct step *s, const struct op_##arg *a, const char *path, \
		   size_t len);
#define CALL_PATH_DATA(fn, arg) \
	int64_t fn(struct step *s, const struct op_##arg *a, const char *path, \
		   size_t path_len, const uint8_t *data, size_t len);
#define CALL_IOV(fn, arg) \
	int64_t fn(struct step *s, const struct op_##arg *a, const struct op_iov *iov);
#define CALL_IOVS(fn, arg) \
	int64_t fn(struct step *s, const struct op_##arg *a, const struct op_iov *iov, \
		   const struct op_iov *remote);
#define FILL(fn, arg)	void fn(struct step *s, const struct op_##arg *a);
#define FILL_ALONE(fn, arg)	void fn(struct step *s);
#define FILL_BUF(fn, arg) \
	void fn(struct step *s, const struct op_##arg *a, uint8_t *buf);
#define FILL_DATA(fn, arg) \
	void fn(struct step *s, const struct op_##arg *a, const uint8_t *data, \
		size_t len);
#define OP(code, member, method, shape, function, flags) shape(function, member)
#include "mmcore/op.def"
#undef OP
#undef CALL
#undef CALL_BUF
#undef CALL_DATA
#undef CALL_PATH
#undef CALL_PATH_DATA
#undef CALL_IOV
#undef CALL_IOVS
#undef FILL
#undef FILL_ALONE
#undef FILL_BUF
#undef FILL_DATA

/* How many bytes, one a page, the mincore @a may fill in; 0 if it will be refused. O(1). */
uint64_t mincore_pages(const struct machine *m, const struct op_mincore *a);

#endif
