/* SPDX-License-Identifier: MIT */
/* Runs the unit suites of mmapctl: one suite a source file. */
#include <check.h>
#include <stdlib.h>

/* One line adds a suite. */
#define SUITES(X)	\
	X(elf)		\
	X(recording)

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
