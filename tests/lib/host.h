/* SPDX-License-Identifier: MIT */
/* The smallest host: a machine on mmap'ed memory, and one-line operations. */
#ifndef TESTS_LIB_HOST_H
#define TESTS_LIB_HOST_H

#include "mmcore/mmcore.h"

/* The architecture of machines that nobody says more about. */
extern uint32_t host_arch;
/* mm_config_default() of that architecture. */
struct mm_config host_config(void);

/* Tables below the top one that an address space is born with. */
uint64_t host_born_tables(void);
/* And those that the stack keeps when all below it has gone: la57's P4D. */
uint64_t host_kept_tables(void);

/* Reserve, boot. Aborts when the host refuses. */
struct machine *host_machine_new(const struct mm_config *config);
/* The same, not booted: for loading frames into. */
struct machine *host_machine_blank(uint64_t ram_bytes, uint64_t disk_bytes);
void host_machine_free(struct machine *m);

/* 64 MiB and otherwise the defaults. */
struct machine *host_machine_small(void);

/* Everything frames hold, copied into a blank machine of the same size. */
struct machine *host_machine_copy(const struct machine *m);

/* Equal for equal simulated states: over the frames that are not all zero. */
uint64_t host_digest(const struct machine *m);

/* A step of its own, for tests that call below mm_step(). */
struct host_step {
	struct op_result res;
	struct step s;
};

void host_step_init(struct host_step *hs, struct machine *m, uint32_t pid);

/* Runs an operation; aborts unless mm_step() answers MM_OK. */
struct op_result host_run(struct machine *m, const struct op *op);

/* The usual operations; each gives ret, or the negative errno. */
uint32_t host_spawn(struct machine *m);	/* image "none"; its pid */
/* The same of that name. */
uint32_t host_spawn_as(struct machine *m, const char *name, bool privileged);
int64_t host_mmap(struct machine *m, uint32_t pid, uint64_t addr, uint64_t len,
		  uint64_t prot, uint64_t flags);
int64_t host_munmap(struct machine *m, uint32_t pid, uint64_t addr,
		    uint64_t len);
int64_t host_mprotect(struct machine *m, uint32_t pid, uint64_t addr,
		      uint64_t len, uint64_t prot);
int64_t host_brk(struct machine *m, uint32_t pid, uint64_t addr);
int64_t host_fork(struct machine *m, uint32_t pid, uint64_t flags);
void host_exit(struct machine *m, uint32_t pid);
int64_t host_setrlimit(struct machine *m, uint32_t pid, uint32_t resource,
		       uint64_t value);
struct op_result host_touch(struct machine *m, uint32_t pid, uint64_t addr,
			    uint64_t len, enum access_kind access);
/* One byte; aborts on a fault that is not repaired. */
void host_store(struct machine *m, uint32_t pid, uint64_t addr, uint8_t byte);
uint8_t host_load(struct machine *m, uint32_t pid, uint64_t addr);

/*
 * What a machine has given out, after every cache gave its spare frames back:
 * equal (memcmp) before and after whatever leaves nothing behind.
 */
struct host_totals {
	uint64_t free_pages, committed, tables, tasks, last_pid;
	uint64_t anon, file_mapped, shmem, file_pages;
	uint64_t objects[NR_KMEM_CACHES];
};

struct host_totals host_totals(struct machine *m);

/* A file of /proc as text; the caller frees it. NULL: no such file. */
char *host_proc(const struct machine *m, const char *path);

/* mm_check(): prints each violation and aborts if there is one. */
void host_check(const struct machine *m);

#endif
