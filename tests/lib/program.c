/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "mmcore/uapi.h"
#include "tests/lib/program.h"

static void add_string(struct program *p, const char *text)
{
	const size_t len = strlen(text) + 1;

	/* Doubled: a sanitizer's realloc() moves every time. */
	if (p->strings_len + len > p->strings_room) {
		p->strings_room = 2 * (p->strings_len + len);
		p->strings = realloc(p->strings, p->strings_room);
		if (!p->strings)
			abort();
	}
	memcpy(p->strings + p->strings_len, text, len);
	p->strings_len += len;
}

void program_segment(struct program *p, const struct exec_segment *seg,
		     bool interp)
{
	if (p->nr_segments == PROGRAM_SEGMENTS)
		abort();
	p->segments[p->nr_segments++] = *seg;
	if (interp)
		p->head.interp.nr_segments++;
	else
		p->head.program.nr_segments++;
}

void program_begin(struct program *p, const char *path, const char *interp)
{
	static const struct exec_segment text = {
		.vaddr = 0x400000, .filesz = 0x1000, .memsz = 0x1000,
		.align = 0x1000, .prot = PROT_READ | PROT_EXEC,
	};

	memset(p, 0, sizeof(*p));
	p->head.program.entry = text.vaddr + 0x100;
	p->head.program.phdr_offset = 64;
	p->head.program.phnum = 1;
	program_segment(p, &text, false);
	add_string(p, path);
	add_string(p, interp);
}

void program_argument(struct program *p, const char *text)
{
	add_string(p, text);
	p->head.argc++;
}

void program_variable(struct program *p, const char *text)
{
	add_string(p, text);
	p->head.envc++;
}

struct op program_op(struct program *p, uint32_t pid)
{
	const size_t segments = p->nr_segments * sizeof(p->segments[0]);
	struct op op = { .code = OP_EXEC, .pid = pid };

	p->head.strings_len = p->strings_len;
	op.data_len = sizeof(p->head) + segments + p->strings_len;
	free(p->bytes);
	p->bytes = malloc(op.data_len);
	if (!p->bytes)
		abort();
	memcpy(p->bytes, &p->head, sizeof(p->head));
	memcpy(p->bytes + sizeof(p->head), p->segments, segments);
	memcpy(p->bytes + sizeof(p->head) + segments, p->strings,
	       p->strings_len);
	op.data = p->bytes;
	return op;
}

void program_end(struct program *p)
{
	free(p->strings);
	free(p->bytes);
	memset(p, 0, sizeof(*p));
}
