/* SPDX-License-Identifier: MIT */
/* Files of /proc in tests: the simulated ones and the host's, line by line. */
#ifndef TESTS_LIB_PROC_TEXT_H
#define TESTS_LIB_PROC_TEXT_H

#include "tests/lib/space.h"

/* A file below the simulated /proc, of process sp->pid where it begins with
 * '.': "./maps". It must be there; the caller frees it. */
char *proc_text(const struct space *sp, const char *name);
/* A file of the host's; empty where it may not be read. The caller frees it. */
char *proc_host_text(const char *path);
/* Calls @each for every line, without its end, and frees the text; returns how
 * many there are. */
unsigned int each_line(char *text, void (*each)(const char *line));
/* The number behind "label" in a file of lines "label number …". */
uint64_t proc_number(const struct space *sp, const char *name,
		     const char *label);

#endif
