/* SPDX-License-Identifier: MIT */
/* Every method, as mmapctl's help tells it. Generated from schema/. */
#ifndef CLIENTS_CLI_TABLE_H
#define CLIENTS_CLI_TABLE_H

#include <stdbool.h>

struct cli_param {
	const char *name;
	bool required;
	bool text;		/* what is typed is the string itself, "7" too */
	const char *fallback;	/* the default as text; "" where there is none */
	const char *about;
	const char *names;	/* those that a value may have, space separated; "" */
};

struct cli_method {
	const char *name, *summary;
	const struct cli_param *params;	/* ends with a NULL name */
};

extern const struct cli_method cli_methods[];	/* ends with a NULL name */

#endif
