/* SPDX-License-Identifier: MIT */
/* Bits by name: flags of system calls, of VMAs, of pages. */
#include <stdio.h>
#include <string.h>

#include "server/view/view.h"

/* Names are listed with single bits and their combinations: bits count. */
static bool single_bit(uint64_t value)
{
	return value && !(value & (value - 1));
}

void view_flags(struct json_writer *out, uint64_t value,
		const struct param_name *names)
{
	json_array_begin(out);
	for (; names->name; names++) {
		if (!single_bit(names->value) || !(value & names->value))
			continue;
		json_put_string(out, names->name);
		value &= ~names->value;
	}
	if (value)
		json_put_hex(out, value);
	json_array_close(out);
}

void view_flag_text(struct json_writer *out, uint64_t value,
		    const struct param_name *names)
{
	char text[512] = "", rest[24];
	size_t len = 0;

	for (; names && names->name; names++) {
		size_t n = strlen(names->name);

		if (names->value == value && !single_bit(value) && value) {
			json_put_string(out, names->name);
			return;
		}
		if (!single_bit(names->value) || !(value & names->value) ||
		    len + n + 2 > sizeof(text) - sizeof(rest))
			continue;
		len += (size_t)sprintf(text + len, "%s%s", len ? "|" : "",
				       names->name);
		value &= ~names->value;
	}
	if (value || !len) {
		sprintf(rest, "%s%#llx", len ? "|" : "",
			(unsigned long long)value);
		strcat(text, value ? rest : "0");
	}
	json_put_string(out, text);
}

#define F(name) { #name, VM_##name }
static const struct param_name vm_flag_names[] = {
	F(READ), F(WRITE), F(EXEC), F(SHARED), F(MAYREAD), F(MAYWRITE),
	F(MAYEXEC), F(MAYSHARE), F(GROWSDOWN), F(GROWSUP), F(PFNMAP),
	F(DENYWRITE), F(EXECUTABLE), F(LOCKED), F(IO), F(SEQ_READ),
	F(RAND_READ), F(DONTCOPY), F(DONTEXPAND), F(RESERVED), F(ACCOUNT),
	F(NORESERVE), F(HUGETLB), F(NONLINEAR), F(MAPPED_COPY), F(INSERTPAGE),
	F(LOCKONFAULT), F(WIPEONFORK), F(DONTDUMP), F(HUGEPAGE),
	F(NOHUGEPAGE), F(MERGEABLE), F(DROPPABLE), F(SEALED), F(SYNC),
	F(MAYBE_GUARD),
	{ NULL, 0 },
};
#undef F

/* Names as the kernel writes them: VM_READ … */
void view_vm_flags(struct json_writer *out, uint64_t vm_flags)
{
	char name[32];

	json_array_begin(out);
	for (const struct param_name *n = vm_flag_names; n->name; n++) {
		if (!(vm_flags & n->value))
			continue;
		snprintf(name, sizeof(name), "VM_%s", n->name);
		json_put_string(out, name);
	}
	json_array_close(out);
}

#define F(name) { "PG_" #name, 1ULL << PG_##name }
static const struct param_name page_flag_names[] = {
	F(locked), F(error), F(referenced), F(uptodate), F(dirty), F(lru),
	F(active), F(slab), F(checked), F(arch_1), F(reserved), F(private),
	F(writeback), F(nosave), F(compound), F(swapcache), F(mappedtodisk),
	F(reclaim), F(nosave_free), F(buddy), F(pgtable), F(swapbacked),
	F(kernel), F(readahead), F(pipe), { NULL, 0 },
};
#undef F

static const struct param_name pipe_buf_flag_names[] = {
	{ "PIPE_BUF_FLAG_LRU", 1 }, { "PIPE_BUF_FLAG_ATOMIC", 2 },
	{ "PIPE_BUF_FLAG_GIFT", 4 }, { "PIPE_BUF_FLAG_PACKET", 8 },
	{ "PIPE_BUF_FLAG_CAN_MERGE", 16 }, { NULL, 0 },
};

void view_pipe_buf_flags(struct json_writer *out, uint64_t flags)
{
	view_flags(out, flags, pipe_buf_flag_names);
}

void view_page_flags(struct json_writer *out, uint64_t flags)
{
	view_flags(out, flags, page_flag_names);
}
