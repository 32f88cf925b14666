/* SPDX-License-Identifier: MIT */
#include "server/error.h"

#include <stdarg.h>
#include <stdio.h>

bool rpc_fail(struct rpc_error *error, int code, const char *param,
	      const char *format, ...)
{
	va_list ap;

	error->code = code;
	snprintf(error->param, sizeof(error->param), "%s", param);
	va_start(ap, format);
	vsnprintf(error->why, sizeof(error->why), format, ap);
	va_end(ap);
	return false;
}
