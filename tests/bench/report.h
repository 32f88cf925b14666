/* SPDX-License-Identifier: MIT */
/* What "make bench" prints: one JSON object a line, and a table at the end. */
#ifndef TESTS_BENCH_REPORT_H
#define TESTS_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>

enum bar_kind {
	BAR_NONE,		/* just reported */
	BAR_AT_MOST,		/* met when the ratio is at most the bar */
	BAR_AT_LEAST,
};

struct line {
	const char *name;	/* "core/mmap_munmap" */
	const char *unit;	/* of ours and reference: "ns" */
	double ours, reference;
	enum bar_kind kind;
	double bar;
};

/* Prints the JSON object and keeps the line for the table. */
void report_line(const struct line *line);

/* Prints the table of all lines so far. */
void report_table(void);

/* The middle one; sorts the samples in place. */
double median(double *samples, size_t count);

/* What a program of "make bench" was asked for. */
struct bench_options {
	bool quick;		/* fewer samples */
	const char *only;	/* a part of the names wanted; NULL: all */
};

/* Parses "[--quick] [--only NAME]"; prints usage and exits on anything else. */
struct bench_options bench_options(int argc, char **argv);
bool bench_wanted(const struct bench_options *o, const char *name);

#endif
