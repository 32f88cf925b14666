/* SPDX-License-Identifier: MIT */
/* Deeds as text, and the tables that they draw from. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/oracle/deed.h"

#define INF UINT64_MAX
#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)

const uint8_t pattern[PATTERN_BYTES] = {
	0xf4, 0xcc, 0xfa, 0xec, 0x6c, 0x06, 0x0e, 0x16,
	0xfb, 0xed, 0x6d, 0x07, 0x17, 0x1e, 0x27, 0x60,
	0xee, 0x6e, 0xcc, 0x1f, 0x2f, 0x37, 0x61, 0xf4,
	0xef, 0x6f, 0x3f, 0xfa, 0x0e, 0xfb, 0x06, 0xec,
};

const struct limit_pair limit_pairs[NR_LIMIT_PAIRS] = {
	{ INF, INF },		{ 0, INF },		{ KIB(4), INF },
	{ 4095, INF },		{ 4097, INF },		{ KIB(8), INF },
	{ KIB(64), INF },	{ KIB(100), INF },	{ KIB(136), INF },
	{ KIB(144), INF },	{ KIB(200), INF },	{ KIB(256), INF },
	{ KIB(512), INF },	{ MIB(1), INF },	{ MIB(2), INF },
	{ MIB(4), INF },	{ MIB(8), INF },	{ MIB(16), INF },
	{ MIB(64), INF },	{ MIB(1024), INF },	{ INF - 1, INF },
	{ 0, MIB(8) },		{ KIB(4), MIB(8) },	{ KIB(64), MIB(8) },
	{ KIB(100), MIB(8) },	{ MIB(1), MIB(8) },	{ MIB(2), MIB(8) },
	{ MIB(8), MIB(8) },	{ MIB(4), MIB(4) },	{ MIB(9), MIB(8) },
	{ MIB(8), MIB(16) },	{ MIB(64), MIB(64) },
};

#define LONG_NAME						\
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

const char *const oracle_paths[NR_ORACLE_PATHS] = {
	ORACLE_FILE, "g", "h", "d/f", "d/g", "d", "d/", ".", "", "f/", "f/x",
	"d/../g", "./d//g", "nx/f", "d/nx/../g", "h/", "/dev/zero", "/dev/null",
	LONG_NAME,
};

void deed_set_path(struct deed *deed, uint32_t path)
{
	deed->path = path;
	deed->op.path = oracle_paths[path];
	deed->op.path_len = strlen(oracle_paths[path]);
}

int limit_pair_index(uint64_t soft, uint64_t hard)
{
	for (int i = 0; i < NR_LIMIT_PAIRS; i++)
		if (limit_pairs[i].soft == soft && limit_pairs[i].hard == hard)
			return i;
	return -1;
}

/* Every kind of deed: its word, and where its numbers are. */
#define MAX_NUMBERS 10

static const char *const words[NR_OPS] = {
	[OP_MMAP] = "mmap",		[OP_MUNMAP] = "munmap",
	[OP_MPROTECT] = "mprotect",	[OP_BRK] = "brk",
	[OP_FORK] = "fork",		[OP_EXIT] = "exit",
	[OP_SETRLIMIT] = "setrlimit",	[OP_MEM_READ] = "read",
	[OP_MEM_WRITE] = "write",	[OP_MEM_TOUCH] = "touch",
	[OP_MLOCK] = "mlock",		[OP_MLOCK2] = "mlock2",
	[OP_MUNLOCK] = "munlock",	[OP_MLOCKALL] = "mlockall",
	[OP_MUNLOCKALL] = "munlockall",	[OP_MSEAL] = "mseal",
	[OP_MINCORE] = "mincore",	[OP_MSYNC] = "msync",
	[OP_REMAP_FILE_PAGES] = "remap_file_pages",
	[OP_MREMAP] = "mremap",
	[OP_OPEN] = "open",		[OP_UNLINK] = "unlink",
	[OP_MEMFD_CREATE] = "memfd_create", [OP_CLOSE] = "close",
	[OP_DUP] = "dup",		[OP_FTRUNCATE] = "ftruncate",
	[OP_FSYNC] = "fsync",		[OP_LSEEK] = "lseek",
	[OP_READ] = "file_read",	[OP_WRITE] = "file_write",
	[OP_PREAD] = "pread",		[OP_PWRITE] = "pwrite",
	[OP_PIPE] = "pipe",		[OP_FCNTL] = "fcntl",
	[OP_SPLICE] = "splice",		[OP_TEE] = "tee",
	[OP_VMSPLICE] = "vmsplice",	[OP_SENDFILE] = "sendfile",
	[OP_MADVISE] = "madvise",
	[OP_PROCESS_VM_READV] = "process_vm_readv",
	[OP_PROCESS_VM_WRITEV] = "process_vm_writev",
};

static const int nr_numbers[NR_OPS] = {
	[OP_MMAP] = 6,		[OP_MUNMAP] = 2,	[OP_MPROTECT] = 3,
	[OP_BRK] = 1,		[OP_FORK] = 1,		[OP_EXIT] = 0,
	[OP_SETRLIMIT] = 3,	[OP_MEM_READ] = 2,	[OP_MEM_WRITE] = 3,
	[OP_MEM_TOUCH] = 3,	[OP_MLOCK] = 2,		[OP_MLOCK2] = 3,
	[OP_MUNLOCK] = 2,	[OP_MLOCKALL] = 1,	[OP_MUNLOCKALL] = 0,
	[OP_MSEAL] = 3,		[OP_MINCORE] = 3,	[OP_MSYNC] = 3,
	[OP_REMAP_FILE_PAGES] = 5,
	[OP_MREMAP] = 5,
	[OP_OPEN] = 3,		[OP_UNLINK] = 1,
	[OP_MEMFD_CREATE] = 1,	[OP_CLOSE] = 1,		[OP_DUP] = 1,
	[OP_FTRUNCATE] = 2,	[OP_FSYNC] = 1,		[OP_LSEEK] = 3,
	[OP_READ] = 3,		[OP_WRITE] = 3,		[OP_PREAD] = 4,
	[OP_PWRITE] = 4,
	[OP_PIPE] = 2,		[OP_FCNTL] = 3,		[OP_SPLICE] = 7,
	[OP_TEE] = 4,		[OP_VMSPLICE] = 7,	[OP_SENDFILE] = 5,
	[OP_MADVISE] = 3,
	[OP_PROCESS_VM_READV] = 10, [OP_PROCESS_VM_WRITEV] = 10,
};

/* Operations whose arguments are 64-bit words and nothing else, in order. */
static const bool is_plain[NR_OPS] = {
	[OP_MUNMAP] = true, [OP_TEE] = true,
	[OP_MREMAP] = true, [OP_CLOSE] = true, [OP_DUP] = true,
	[OP_FTRUNCATE] = true, [OP_FSYNC] = true, [OP_READ] = true,
	[OP_WRITE] = true, [OP_PREAD] = true, [OP_PWRITE] = true,
	[OP_MLOCK] = true, [OP_MLOCK2] = true, [OP_MUNLOCK] = true,
	[OP_MLOCKALL] = true, [OP_MSEAL] = true, [OP_MSYNC] = true,
	[OP_REMAP_FILE_PAGES] = true,
};

static const uint64_t *plain_words(const struct op *op)
{
	return &op->mlock.addr;
}

static size_t plain_size(enum op_code code)
{
	return (size_t)nr_numbers[code] * sizeof(uint64_t);
}

/* Those whose last number is where something lies in memory. */
static bool has_vec(enum op_code code)
{
	return code == OP_MINCORE || code == OP_PIPE || code == OP_SPLICE ||
	       code == OP_SENDFILE || deed_ranges(code);
}

/* The words of the operation itself, of ranges beside it, and the place. */
static void numbers_with_vec(const struct deed *d, uint64_t n[MAX_NUMBERS])
{
	const size_t nr = (size_t)nr_numbers[d->op.code] - 1;
	const size_t beside = 2 * (size_t)deed_ranges(d->op.code);

	memcpy(n, plain_words(&d->op), (nr - beside) * sizeof(*n));
	memcpy(n + nr - beside, d->iov, beside * sizeof(*n));
	n[nr] = d->vec;
}

static void set_with_vec(struct deed *d, const uint64_t n[MAX_NUMBERS])
{
	const size_t nr = (size_t)nr_numbers[d->op.code] - 1;
	const size_t beside = 2 * (size_t)deed_ranges(d->op.code);

	memcpy((void *)plain_words(&d->op), n, (nr - beside) * sizeof(*n));
	memcpy(d->iov, n + nr - beside, beside * sizeof(*n));
	d->vec = n[nr];
}

/* Deeds with a path: its index comes first. False: it is none. */
static bool path_numbers(const struct deed *d, uint64_t n[MAX_NUMBERS])
{
	if (!op_has_path(&d->op))
		return false;
	n[0] = d->path;
	if (d->op.code == OP_OPEN)
		n[1] = d->op.open.flags, n[2] = d->op.open.mode;
	return true;
}

static bool set_path_numbers(struct deed *d, const uint64_t n[MAX_NUMBERS])
{
	if (!op_has_path(&d->op))
		return false;
	deed_set_path(d, (uint32_t)n[0] % NR_ORACLE_PATHS);
	if (d->op.code == OP_OPEN)
		d->op.open = (struct op_open){ n[1], n[2] };
	return true;
}

static void numbers_of(const struct deed *d, uint64_t n[MAX_NUMBERS])
{
	const struct op *op = &d->op;

	if (path_numbers(d, n))
		return;
	switch (op->code) {
	case OP_MMAP:
		n[0] = op->mmap.addr, n[1] = op->mmap.len;
		n[2] = op->mmap.prot, n[3] = op->mmap.flags;
		n[4] = (uint64_t)op->mmap.fd, n[5] = op->mmap.offset;
		break;
	case OP_MPROTECT:
		n[0] = op->mprotect.addr, n[1] = op->mprotect.len;
		n[2] = op->mprotect.prot;
		break;
	case OP_MADVISE:
		n[0] = op->madvise.addr, n[1] = op->madvise.len;
		n[2] = op->madvise.advice;
		break;
	case OP_BRK:
		n[0] = op->brk.addr;
		break;
	case OP_FORK:
		n[0] = op->fork.flags;
		break;
	case OP_SETRLIMIT:
		n[0] = op->setrlimit.resource;
		n[1] = op->setrlimit.soft, n[2] = op->setrlimit.hard;
		break;
	case OP_MEM_READ:
		n[0] = op->mem_read.addr, n[1] = op->mem_read.len;
		break;
	case OP_MEM_WRITE:
		n[0] = op->mem_write.addr, n[1] = op->data_len, n[2] = d->phase;
		break;
	case OP_MEM_TOUCH:
		n[0] = op->mem_touch.addr, n[1] = op->mem_touch.len;
		n[2] = op->mem_touch.access;
		break;
	case OP_MEMFD_CREATE:
		n[0] = op->memfd_create.flags;
		break;
	case OP_LSEEK:
		n[0] = (uint64_t)op->lseek.fd, n[1] = op->lseek.offset;
		n[2] = op->lseek.whence;
		break;
	case OP_FCNTL:
		n[0] = (uint64_t)op->fcntl.fd, n[1] = op->fcntl.cmd;
		n[2] = op->fcntl.arg;
		break;
	default:
		if (is_plain[op->code])
			memcpy(n, plain_words(op),
			       plain_size(op->code));
		if (has_vec(op->code))
			numbers_with_vec(d, n);
		break;
	}
}

static void set_numbers(struct deed *d, const uint64_t n[MAX_NUMBERS])
{
	struct op *op = &d->op;

	if (set_path_numbers(d, n))
		return;
	switch (op->code) {
	case OP_MMAP:
		op->mmap = (struct op_mmap){ n[0], n[1], n[2], n[3],
					     (int64_t)n[4], n[5] };
		break;
	case OP_MPROTECT:
		op->mprotect = (struct op_mprotect){ n[0], n[1], n[2] };
		break;
	case OP_MADVISE:
		op->madvise = (struct op_madvise){ n[0], n[1],
						   (uint32_t)n[2] };
		break;
	case OP_BRK:
		op->brk.addr = n[0];
		break;
	case OP_FORK:
		op->fork.flags = n[0];
		break;
	case OP_SETRLIMIT:
		op->setrlimit = (struct op_setrlimit){ (uint32_t)n[0], n[1],
						       n[2] };
		break;
	case OP_MEM_READ:
		op->mem_read = (struct op_mem_read){ n[0], n[1] };
		break;
	case OP_MEM_WRITE:
		op->mem_write.addr = n[0];
		op->data_len = n[1];
		d->phase = (uint32_t)n[2];
		break;
	case OP_MEM_TOUCH:
		op->mem_touch = (struct op_mem_touch){ n[0], n[1],
						       (uint32_t)n[2] };
		break;
	case OP_MEMFD_CREATE:
		op->memfd_create.flags = n[0];
		memcpy(op->memfd_create.name, MEMFD_NAME, sizeof(MEMFD_NAME));
		break;
	case OP_LSEEK:
		op->lseek = (struct op_lseek){ (int64_t)n[0], n[1],
					       (uint32_t)n[2] };
		break;
	case OP_FCNTL:
		op->fcntl = (struct op_fcntl){ (int64_t)n[0], n[2],
					       (uint32_t)n[1] };
		break;
	default:
		if (is_plain[op->code])
			memcpy((void *)plain_words(op), n,
			       plain_size(op->code));
		if (has_vec(op->code))
			set_with_vec(d, n);
		break;
	}
}

size_t deed_words(const struct deed *deed, uint64_t at[WORDS_MAX])
{
	const struct op *op = &deed->op;

	memset(at, 0, WORDS_MAX * sizeof(*at));
	switch (op->code) {
	case OP_SPLICE:
		at[0] = (uint64_t)op->splice.off_in;
		at[1] = (uint64_t)op->splice.off_out;
		return 2;
	case OP_SENDFILE:
		at[0] = (uint64_t)op->sendfile.offset;
		return 2;
	default:
		memcpy(at, deed->iov, 2 * sizeof(*at) *
		       (size_t)deed_ranges(op->code));
		return deed_ranges(op->code) ? 2 * (size_t)deed_ranges(op->code)
					     : 2;
	}
}

void deed_print(const struct deed *deed, char line[DEED_LINE])
{
	uint64_t n[MAX_NUMBERS] = { 0 };
	enum op_code code = deed->op.code;
	int at;

	numbers_of(deed, n);
	at = snprintf(line, DEED_LINE, "%s %u", words[code], deed->op.pid);
	for (int i = 0; i < nr_numbers[code]; i++)
		at += snprintf(line + at, (size_t)(DEED_LINE - at),
			       " 0x%" PRIx64, n[i]);
}

bool deed_parse(struct deed *deed, const char *line)
{
	uint64_t n[MAX_NUMBERS];
	char word[24], *end;
	int skip;

	memset(deed, 0, sizeof(*deed));
	if (sscanf(line, "%23s %u%n", word, &deed->op.pid, &skip) != 2)
		return false;
	for (int code = 0; code < NR_OPS; code++)
		if (words[code] && !strcmp(words[code], word))
			deed->op.code = (enum op_code)code;
	if (deed->op.code == OP_NONE)
		return false;
	line += skip;
	for (int i = 0; i < nr_numbers[deed->op.code]; i++, line = end) {
		n[i] = strtoull(line, &end, 0);
		if (end == line)
			return false;
	}
	set_numbers(deed, n);
	return *line == '\0' || *line == '\n';
}

void deeds_add(struct deeds *deeds, const struct deed *deed)
{
	if (deeds->count == deeds->room) {
		deeds->room = deeds->room ? 2 * deeds->room : 64;
		deeds->list = realloc(deeds->list,
				      deeds->room * sizeof(*deeds->list));
		if (!deeds->list)
			abort();
	}
	deeds->list[deeds->count++] = *deed;
}

void deeds_free(struct deeds *deeds)
{
	free(deeds->list);
	*deeds = (struct deeds){ 0 };
}
