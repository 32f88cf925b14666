/* SPDX-License-Identifier: MIT */
/*
 * The two sides: a simulated machine, and processes of the host's kernel that
 * are led by the hand ("puppets"). Both begin with one process whose address
 * space is a stack and one more page, the stub page at STUB_ADDR: the puppet's
 * only program text, an ordinary private anonymous page made by mmap, a store
 * and mprotect. The simulated process makes the same page the same way, so it
 * weighs the same in everything that is compared and nothing needs to be
 * filtered out or added back. Deeds keep away from it.
 */
#ifndef TESTS_ORACLE_SIDES_H
#define TESTS_ORACLE_SIDES_H

#include "tests/oracle/answer.h"
#include "tests/oracle/deed.h"

#define STUB_ADDR	0x10000ULL
#define STUB_LEN	0x1000ULL
#define STACK_START	0x7ffffffde000ULL
#define STACK_END	0x7ffffffff000ULL
#define START_BRK	0x555555559000ULL
/* RAM of the simulated machine, and what deeds may take of it at most. */
#define SIMULATED_RAM	(4ULL << 30)

#define MAX_PROCESSES 8		/* ever, in one run */

struct simulated;
/* Both as the host has them; READ_AHEAD_KB where nobody said so. */
#define READ_AHEAD_KB 128
struct simulated *simulated_start(uint64_t mmap_min_addr,
				  uint64_t read_ahead_kb);
/* Does a deed and answers; after a NULL deed only the state is filled in. */
void simulated_do(struct simulated *side, const struct deed *deed,
		  struct answer *a);
void simulated_stop(struct simulated *side);
struct machine *simulated_machine(struct simulated *side);

struct puppets;
/* Why this host cannot be asked, or NULL if it can. */
const char *puppets_unsupported(void);
/* The sysctl as this host has it. */
uint64_t puppets_mmap_min_addr(void);
struct puppets *puppets_start(void);
void puppets_do(struct puppets *side, const struct deed *deed,
		struct answer *a);
void puppets_stop(struct puppets *side);

#endif
