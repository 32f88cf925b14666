/* SPDX-License-Identifier: MIT */
/*
 * Why something could not be done, in the codes of JSON-RPC. The whole server
 * reports errors this way, so this file lies below everything and knows no JSON.
 */
#ifndef SERVER_ERROR_H
#define SERVER_ERROR_H

#include <stdbool.h>

#define RPC_PARSE_ERROR		(-32700)
#define RPC_INVALID_REQUEST	(-32600)
#define RPC_METHOD_NOT_FOUND	(-32601)
#define RPC_INVALID_PARAMS	(-32602)
#define RPC_INTERNAL_ERROR	(-32603)
#define RPC_NO_SUCH_MACHINE	(-32001)
#define RPC_NO_SUCH_PROCESS	(-32002)
#define RPC_MACHINE_EXISTS	(-32003)
#define RPC_LIMIT		(-32004)
#define RPC_READ_ONLY		(-32005)
#define RPC_NO_SUCH_THING	(-32006)
#define RPC_NOT_ALLOWED		(-32007)
#define RPC_BUSY		(-32008)

/* A JSON-RPC error: where one is filled in, nothing has changed. */
struct rpc_error {
	int code;		/* 0: none */
	char param[64];		/* the parameter at fault, or "" */
	char why[192];		/* a sentence */
};

/* Fill in an error; returns false, so that "return rpc_fail(…)" reads well. */
bool rpc_fail(struct rpc_error *error, int code, const char *param,
	      const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
