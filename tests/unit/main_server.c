/* SPDX-License-Identifier: MIT */
/* Runs the unit suites of the server: one suite a source file. */
#include <check.h>
#include <stdlib.h>

/* One line adds a suite. */
#define SUITES(X)	\
	X(http_head)	\
	X(http_guard)	\
	X(http_range)	\
	X(json_memory)	\
	X(json_scan)	\
	X(json_text)	\
	X(json_writer)	\
	X(config)	\
	X(decode)	\
	X(exec_image)	\
	X(rpc)		\
	X(view)		\
	X(host_memory)	\
	X(wild)		\
	X(machines)

#define X(name) Suite *suite_##name(void);
SUITES(X)
#undef X

int main(void)
{
	SRunner *runner = srunner_create(NULL);
	int failed;

#define X(name) srunner_add_suite(runner, suite_##name());
	SUITES(X)
#undef X
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
