/* SPDX-License-Identifier: MIT */
/*
 * Assertions guard against our own mistakes only, and stay on in release
 * builds: a simulator that lies is worse than one that stops. What a caller
 * or a simulated program can get wrong is never an assertion.
 */
#ifndef MMCORE_ASSERT_H
#define MMCORE_ASSERT_H

/**
 * mm_panic - an invariant of ours broke
 * @expr: the text of the condition that was false
 * @file: source file
 * @line: line in it
 *
 * Defined by the host, never by mmcore. It does not return into the core: a
 * test aborts, mmapd leaves mm_step() and quarantines the machine.
 */
_Noreturn void mm_panic(const char *expr, const char *file, int line);

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#define MM_ASSERT(cond)							\
	do {								\
		if (unlikely(!(cond)))					\
			mm_panic(#cond, __FILE__, __LINE__);		\
	} while (0)

/* Costly checks: on in sanitized and fuzzing builds (-DMM_CHECKS). */
#ifdef MM_CHECKS
#define MM_CHECK(cond)	MM_ASSERT(cond)
#else
#define MM_CHECK(cond)	do { } while (0)
#endif

#endif
