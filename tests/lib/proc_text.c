/* SPDX-License-Identifier: MIT */
#include "tests/lib/proc_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *proc_text(const struct space *sp, const char *name)
{
	char path[64];
	char *text;

	if (*name == '.')
		snprintf(path, sizeof(path), "/proc/%u%s", sp->pid, name + 1);
	else
		snprintf(path, sizeof(path), "/proc/%s", name);
	text = host_proc(sp->m, path);
	ck_assert_ptr_nonnull(text);
	return text;
}

char *proc_host_text(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t cap = 1 << 20, len = 0;
	char *text = malloc(cap);

	ck_assert_ptr_nonnull(text);
	if (f) {
		len = fread(text, 1, cap - 1, f);
		fclose(f);
	}
	text[len] = 0;
	return text;
}

unsigned int each_line(char *text, void (*each)(const char *line))
{
	unsigned int nr = 0;
	char *end;

	for (char *line = text; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		each(line);
		nr++;
	}
	free(text);
	return nr;
}

uint64_t proc_number(const struct space *sp, const char *name,
		     const char *label)
{
	char *text = proc_text(sp, name), *at = strstr(text, label);
	uint64_t number;

	while (at && at != text && at[-1] != '\n')
		at = strstr(at + 1, label);
	ck_assert_msg(at != NULL, "no line %s", label);
	number = strtoull(at + strlen(label), NULL, 10);
	free(text);
	return number;
}
