/* SPDX-License-Identifier: MIT */
/*
 * Deeds: what the oracle has both sides do. A deed is an operation of the core
 * plus what a plain struct op cannot hold in a text file: which bytes a write
 * writes. Deeds print as one line each and can be read back, so that a failure
 * is something that can be kept and replayed.
 *
 * Pids are the simulated machine's: the first process is 1, and each fork that
 * succeeds gives the next one. A puppet knows which host process plays which.
 */
#ifndef TESTS_ORACLE_DEED_H
#define TESTS_ORACLE_DEED_H

#include <stdio.h>

#include "mmcore/op.h"

#define DEED_RANGES 2	/* of a vector; calls with two vectors have them twice */

struct deed {
	struct op op;
	uint32_t phase;		/* OP_MEM_WRITE: byte i is pattern_byte(phase + i) */
	uint64_t vec;		/* where pointers of the call point to */
	/* OP_VMSPLICE: op.iov; OP_PROCESS_VM_*: that and op.remote_iov. */
	struct op_iovec iov[2 * DEED_RANGES];
	uint32_t path;		/* OP_OPEN, OP_UNLINK: index of oracle_paths */
};

/* How many of deed->iov an operation has. */
static inline int deed_ranges(enum op_code code)
{
	return code == OP_VMSPLICE ? DEED_RANGES
	     : code == OP_PROCESS_VM_READV || code == OP_PROCESS_VM_WRITEV
		? 2 * DEED_RANGES : 0;
}

/* The operation, with what of it lies beside it. */
static inline struct op deed_op(const struct deed *deed)
{
	struct op op = deed->op;

	if (deed_ranges(op.code))
		op.iov = (struct op_iov){ deed->iov, DEED_RANGES };
	if (deed_ranges(op.code) > DEED_RANGES)
		op.remote_iov = (struct op_iov){ deed->iov + DEED_RANGES,
						 DEED_RANGES };
	return op;
}

/*
 * What lies at deed->vec before the call: offsets, ranges, room for two
 * descriptors. Returns how many words that is.
 */
#define WORDS_MAX (4 * DEED_RANGES)
size_t deed_words(const struct deed *deed, uint64_t words[WORDS_MAX]);

struct deeds {
	struct deed *list;
	size_t count, room;
};

/*
 * Bytes that programs write here. All of them are one-byte instructions that
 * trap, so that an exec touch may land on written data without harm.
 */
#define PATTERN_BYTES 32
extern const uint8_t pattern[PATTERN_BYTES];

static inline uint8_t pattern_byte(uint64_t i)
{
	return pattern[i % PATTERN_BYTES];
}

/* What every memfd here is called. */
#define MEMFD_NAME "m"

/*
 * The paths that open and unlink deeds choose from, relative: the simulated root
 * is a folder of the host's, in which there are ORACLE_FILE and the folder "d"
 * to begin with. A deed's text has the index. Two devices are the host's own.
 */
#define NR_ORACLE_PATHS 19
#define ORACLE_PATH_LEN 32	/* but for the last one, which is too long */
/* From here on they are devices of the host's: opened, never unlinked. */
#define ORACLE_DEVICES 16
#define NR_ORACLE_DEVICES 2
extern const char *const oracle_paths[NR_ORACLE_PATHS];
#define ORACLE_FILE "f"
#define ORACLE_FILE_BYTES 10000	/* of pattern_byte() */
/* The first of them can be files; their sizes are part of every answer. */
#define NR_ORACLE_FILES 5

/*
 * The limits that setrlimit deeds choose from. The puppet has them in its own
 * memory from the start: asking for one changes nothing but the limit.
 */
struct limit_pair { uint64_t soft, hard; };
#define NR_LIMIT_PAIRS 32
extern const struct limit_pair limit_pairs[NR_LIMIT_PAIRS];
/* The index of a pair, or -1. */
int limit_pair_index(uint64_t soft, uint64_t hard);

/* What the two sides compare of bytes read, a byte at a time, from 0. */
static inline uint64_t hash_byte(uint64_t hash, uint8_t byte)
{
	return hash * 31 + byte;
}

/* The longest line deed_print() makes, with its NUL. */
#define DEED_LINE 256

static inline bool is_device_path(uint32_t path)
{
	return path - ORACLE_DEVICES < NR_ORACLE_DEVICES;
}

/* The deed is about oracle_paths[@path]. */
void deed_set_path(struct deed *deed, uint32_t path);

/* "mmap 1 0x0 0x2000 0x3 0x22 0x0" */
void deed_print(const struct deed *deed, char line[DEED_LINE]);
/* False: not a deed. */
bool deed_parse(struct deed *deed, const char *line);

void deeds_add(struct deeds *deeds, const struct deed *deed);
void deeds_free(struct deeds *deeds);

#endif
