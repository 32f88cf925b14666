/* SPDX-License-Identifier: MIT */
/* Images of programs for process.exec, put together piece by piece. */
#ifndef TESTS_LIB_PROGRAM_H
#define TESTS_LIB_PROGRAM_H

#include "mmcore/mmcore.h"

#define PROGRAM_SEGMENTS 8

struct program {
	struct exec_image head;
	struct exec_segment segments[PROGRAM_SEGMENTS];
	uint32_t nr_segments;
	char *strings;		/* as they follow the segments */
	uint64_t strings_len, strings_room;
	uint8_t *bytes;		/* made by program_op() */
};

/*
 * One fixed segment, read and executed, at 0x400000; the path of its file, and
 * that of its interpreter, or "".
 */
void program_begin(struct program *p, const char *path, const char *interp);
/* One more segment of the program, or of its interpreter where it has one. */
void program_segment(struct program *p, const struct exec_segment *seg,
		     bool interp);
/* All arguments come before the first variable. */
void program_argument(struct program *p, const char *text);
void program_variable(struct program *p, const char *text);
/* process.exec by @pid; the bytes are @p's. */
struct op program_op(struct program *p, uint32_t pid);
void program_end(struct program *p);

#endif
