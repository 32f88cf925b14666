/* SPDX-License-Identifier: MIT */
/*
 * Files and the memory of programs as something much dumber than a kernel has
 * them: arrays of bytes. An object (a file, a memfd, shared anonymous memory)
 * is one array; a page of a program is a page of an object, or has bytes of its
 * own once it was written privately. There is no cache, no disk, no table.
 */
#ifndef TESTS_MODEL_DUMB_FILES_H
#define TESTS_MODEL_DUMB_FILES_H

#include "mmcore/mmcore.h"
#include "mmcore/uapi.h"

#define DUMB_PAGES	48	/* of a program's arena */
#define DUMB_SPACES	3
#define DUMB_FILES	3	/* descriptors of each program */
#define DUMB_OBJECTS	24
#define DUMB_POSITIONS	256
#define OBJECT_PAGES	80
#define OBJECT_BYTES	(OBJECT_PAGES * PAGE_SIZE)

/*
 * A byte that nobody promises: a program stored it behind the end of a file of
 * the disk, where it stays until the page is written or leaves the cache.
 */
#define ANY		(-1)

enum object_kind { OBJECT_ANON, OBJECT_MEMFD, OBJECT_DISK };

struct object {
	enum object_kind kind;
	uint64_t size;		/* bytes; pages behind it cannot be accessed */
	int16_t *byte;		/* OBJECT_BYTES of them: 0 … 255, or ANY */
};

struct dumb_page {
	bool mapped, shared;
	uint8_t prot;
	int object;		/* -1: private anonymous memory */
	uint32_t index;		/* page of the object */
	int16_t *own;		/* written privately; else NULL */
};

struct dumb_file {
	int64_t fd;
	int object;
	int position;		/* programs that forked share it */
};

struct dumb_space {
	uint32_t pid;		/* 0: free */
	struct dumb_page page[DUMB_PAGES];
	struct dumb_file file[DUMB_FILES];
};

struct dumb {
	struct dumb_space space[DUMB_SPACES];
	struct object object[DUMB_OBJECTS];
	uint64_t position[DUMB_POSITIONS];	/* bytes */
	int objects, positions;
};

/* How an access of @done bytes ended; signo 0: as it should. */
struct dumb_access {
	uint64_t done;
	int signo, code;
};

struct dumb *dumb_new(void);
void dumb_free(struct dumb *d);

/* All bytes zero. -1: there is no room for one more. */
int dumb_object(struct dumb *d, enum object_kind kind, uint64_t size);
/* At 0. -1: there is no room for one more. */
int dumb_position(struct dumb *d);

/*
 * Memory. Ranges are pages [@first, @first + @count) of the arena, @at is a byte
 * of it; each call gives the system call's value.
 */
void dumb_map(struct dumb_space *sp, uint32_t first, uint32_t count,
	      struct dumb_page like);
void dumb_unmap(struct dumb_space *sp, uint32_t first, uint32_t count);
int64_t dumb_protect(struct dumb_space *sp, uint32_t first, uint32_t count,
		     uint8_t prot);
int64_t dumb_advise(struct dumb *d, struct dumb_space *sp, uint32_t first,
		    uint32_t count, uint32_t advice);
int64_t dumb_msync(const struct dumb_space *sp, uint32_t first, uint32_t count);
struct dumb_access dumb_store(struct dumb *d, struct dumb_space *sp, uint64_t at,
			      const int16_t *bytes, uint64_t len);
struct dumb_access dumb_load(const struct dumb *d, const struct dumb_space *sp,
			     uint64_t at, int16_t *bytes, uint64_t len);
/* May all of the range be accessed, and is none of it an object's? */
bool dumb_is_plain(const struct dumb_space *sp, uint64_t at, uint64_t len,
		   uint8_t prot);

/* Objects. Sizes and offsets in bytes, none above OBJECT_BYTES. */
void dumb_pwrite(struct dumb *d, int object, uint64_t at, const int16_t *bytes,
		 uint64_t len);
uint64_t dumb_pread(const struct dumb *d, int object, uint64_t at, int16_t *bytes,
		    uint64_t len);
void dumb_truncate(struct dumb *d, int object, uint64_t size);

/* @child is a free space. */
void dumb_fork(const struct dumb_space *sp, struct dumb_space *child, uint32_t pid);
void dumb_exit(struct dumb_space *sp);

#endif
