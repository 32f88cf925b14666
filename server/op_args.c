/* SPDX-License-Identifier: MIT */
#include "server/op_args.h"

#include <stddef.h>

/* Both are pairs of words: see struct rpc_ranges and struct op_iovec. */
_Static_assert(sizeof(struct op_iovec) == 2 * sizeof(uint64_t) &&
	       offsetof(struct op_iovec, len) == sizeof(uint64_t),
	       "an iovec is two words");

void op_args_attach(struct op_args *args)
{
	args->op.path = (const char *)args->path.bytes;
	args->op.path_len = args->path.len;
	args->op.iov = (struct op_iov){
		(const struct op_iovec *)args->iov.words, args->iov.nr,
	};
	args->op.remote_iov = (struct op_iov){
		(const struct op_iovec *)args->remote_iov.words,
		args->remote_iov.nr,
	};
}

void op_args_show(struct op_args *args)
{
	args->path = (struct rpc_bytes){
		(const uint8_t *)args->op.path, args->op.path_len,
	};
	args->iov = (struct rpc_ranges){
		(const uint64_t *)args->op.iov.vec, args->op.iov.nr,
	};
	args->remote_iov = (struct rpc_ranges){
		(const uint64_t *)args->op.remote_iov.vec,
		args->op.remote_iov.nr,
	};
}
