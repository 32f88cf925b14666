/* SPDX-License-Identifier: MIT */
/* Writing recorded answers, and comparing the simulation with them. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/evil.h"
#include "tests/oracle/record.h"
#include "tests/oracle/sides.h"

#define LINE 512

static void write_line(void *file, char sign, const char *line)
{
	fprintf(file, "%c %s\n", sign, line);
}

void record_begin(struct recorder *r, FILE *file, uint64_t mmap_min_addr,
		  uint64_t read_ahead_kb,
		  const struct answer *start)
{
	*r = (struct recorder){ .file = file };
	fprintf(file, "mmap_min_addr %" PRIu64 " read_ahead_kb %" PRIu64 "\n",
		mmap_min_addr, read_ahead_kb);
	answers_differ(&r->last, start, write_line, file);
	answer_copy(&r->last, start);
}

void record_deed(struct recorder *r, const struct deed *deed,
		 const struct answer *a)
{
	char line[DEED_LINE];

	deed_print(deed, line);
	fprintf(r->file, "> %s\n= %s\n", line, a->outcome);
	answers_differ(&r->last, a, write_line, r->file);
	answer_copy(&r->last, a);
}

void record_end(struct recorder *r)
{
	answer_clear(&r->last);
}

/* ---- replay ---- */

struct replayer {
	const char *path;
	unsigned int line_nr;
	struct simulated *ours;
	struct answer wanted, got;	/* the recorded one, and ours */
	char deed[LINE];		/* the last one read; "" at the start */
	uint64_t nr;
};

static void print_difference(void *ctx, char sign, const char *line)
{
	(void)ctx;
	fprintf(stderr, "  %s %s\n", sign == '-' ? "Linux:" : "ours: ", line);
}

/* The lines of an answer have all been read: compare with ours. */
static bool settle(struct replayer *r)
{
	if (!r->ours)
		return true;
	if (!r->deed[0]) {	/* the start: a state without an outcome */
		simulated_do(r->ours, NULL, &r->got);
		r->got.outcome[0] = '\0';
	}
	answer_finish(&r->wanted);
	/* What is resident is all that mincore tells. */
	if (evil_is_on() && !strncmp(r->deed, "mincore ", 8))
		memcpy(r->got.outcome, r->wanted.outcome, OUTCOME_LINE);
	if (answers_equal(&r->wanted, &r->got))
		return true;
	fprintf(stderr, "%s, before line %u: %s\n"
		"  Linux: %s\n  ours:  %s\n", r->path, r->line_nr, r->deed,
		r->wanted.outcome, r->got.outcome);
	answers_differ(&r->wanted, &r->got, print_difference, NULL);
	return false;
}

static bool begin_deed(struct replayer *r, const char *text)
{
	struct deed deed;

	if (!settle(r))
		return false;
	if (!r->ours || !deed_parse(&deed, text)) {
		fprintf(stderr, "%s:%u: not a deed\n", r->path, r->line_nr);
		return false;
	}
	snprintf(r->deed, sizeof(r->deed), "%s", text);
	simulated_do(r->ours, &deed, &r->got);
	r->nr++;
	return true;
}

static bool take_line(struct replayer *r, char *line)
{
	uint64_t min_addr, ahead_kb = READ_AHEAD_KB;

	line[strcspn(line, "\n")] = '\0';
	switch (line[0]) {
	case '#':
		return true;
	case '>':
		return begin_deed(r, line + 2);
	case '=':
		snprintf(r->wanted.outcome, OUTCOME_LINE, "%.100s", line + 2);
		return true;
	case '+':
		answer_line(&r->wanted, "%s", line + 2);
		return true;
	case '-':
		return answer_drop(&r->wanted, line + 2);
	default:
		if (sscanf(line, "mmap_min_addr %" SCNu64 " read_ahead_kb %" SCNu64,
			   &min_addr, &ahead_kb) < 1 ||
		    r->ours)
			return false;
		r->ours = simulated_start(min_addr, ahead_kb);
		return true;
	}
}

int replay(const char *path, uint64_t *nr)
{
	struct replayer r = { .path = path };
	FILE *file = fopen(path, "r");
	char line[LINE];
	bool good = true;

	if (!file) {
		perror(path);
		return 99;
	}
	while (good && fgets(line, sizeof(line), file)) {
		r.line_nr++;
		good = take_line(&r, line);
	}
	good = good && settle(&r) && r.nr;
	if (!good)
		fprintf(stderr, "%s:%u: stopped here\n", path, r.line_nr);
	fclose(file);
	if (r.ours)
		simulated_stop(r.ours);
	answer_clear(&r.wanted);
	answer_clear(&r.got);
	*nr += r.nr;
	return good ? 0 : 1;
}
