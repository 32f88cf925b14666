/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/report.h"

#define MAX_LINES 128

static struct line kept[MAX_LINES];
static size_t nr_kept;

static double ratio(const struct line *line)
{
	return line->ours / line->reference;
}

void report_line(const struct line *line)
{
	printf("{\"name\": \"%s\", \"ours\": %.4g, \"reference\": %.4g, "
	       "\"unit\": \"%s\", \"ratio\": %.4g}\n", line->name, line->ours,
	       line->reference, line->unit, ratio(line));
	fflush(stdout);
	if (nr_kept < MAX_LINES)
		kept[nr_kept++] = *line;
}

static const char *met(const struct line *line)
{
	if (line->kind == BAR_NONE)
		return "-";
	if (line->kind == BAR_AT_MOST)
		return ratio(line) <= line->bar ? "yes" : "NO";
	return ratio(line) >= line->bar ? "yes" : "NO";
}

static void print_bar(const struct line *line)
{
	if (line->kind == BAR_NONE)
		printf("%9s", "reported");
	else
		printf(" %s %5.2f", line->kind == BAR_AT_MOST ? "<=" : ">=",
		       line->bar);
}

void report_table(void)
{
	printf("\n%-32s %12s %12s %4s %8s %9s  %s\n", "name", "ours",
	       "reference", "unit", "ratio", "bar", "met");
	for (size_t i = 0; i < nr_kept; i++) {
		const struct line *line = &kept[i];

		printf("%-32s %12.1f %12.1f %4s %8.3f ", line->name,
		       line->ours, line->reference, line->unit, ratio(line));
		print_bar(line);
		printf("  %s\n", met(line));
	}
	fflush(stdout);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *samples, size_t count)
{
	qsort(samples, count, sizeof(*samples), ascending);
	return count % 2 ? samples[count / 2] :
		(samples[count / 2 - 1] + samples[count / 2]) / 2;
}

struct bench_options bench_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "only", required_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	struct bench_options o = { .quick = false };
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (option == 'q')
			o.quick = true;
		else if (option == 'o')
			o.only = optarg;
		else
			exit(2);
	}
	if (optind == argc)
		return o;
	fprintf(stderr, "usage: %s [--quick] [--only NAME]\n", argv[0]);
	exit(2);
}

bool bench_wanted(const struct bench_options *o, const char *name)
{
	return !o->only || strstr(name, o->only);
}
