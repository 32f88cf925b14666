/* SPDX-License-Identifier: MIT */
/* Files to replay, whatever wrote them, as events of docs/recording.md. */
#ifndef CLIENTS_CLI_RECORDING_H
#define CLIENTS_CLI_RECORDING_H

#include <jansson.h>

#define RECORDING_WHY_MAX 256

/**
 * recording_load - the events of a file
 * @path: a recording, a log of strace or a trace of valgrind's lackey
 * @why:  RECORDING_WHY_MAX bytes, set where the answer is NULL
 *
 * What it is is told from its first lines. Every event has a member "line",
 * the number of its line in the file. Returns: a new array, the head first.
 */
json_t *recording_load(const char *path, char *why);

/* Likewise from text that ends in a NUL; jansson and strace parse lines. */
json_t *recording_parse(const char *text, char *why);

/* ---- strace.c ---- */

/* The events of a log of strace -f, or of strace; NULL: a line is none. */
json_t *strace_parse(const char *text, char *why);

/* ---- lackey.c ---- */

/**
 * lackey_parse - accesses of a trace of lackey
 *
 * Accesses of the same kind to the same page, one after the other, are one
 * event {"p": 1, "access": "read", "addr": "0x…", "times": n}; what maps the
 * pages comes before them. Lines that tell of no access are passed over.
 */
json_t *lackey_parse(const char *text, char *why);

#endif
