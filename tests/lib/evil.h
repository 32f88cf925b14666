/* SPDX-License-Identifier: MIT */
/*
 * Evil reclaim: at every n-th allocation that may wait, all that the rule over
 * alloc_pages() allows may be gone afterwards, as a seed says. Whoever uses what he
 * found before an allocation, without a reference and without looking again, meets
 * another page there, or none.
 *
 * The environment turns it on in every machine that a test makes: MMAPD_EVIL=N or
 * MMAPD_EVIL=N:SEED.
 *
 * What may differ from a run without it: how many faults an access takes and whether
 * the disk was asked, what is resident, cached, dirty or on which LRU list, which frame
 * is behind an address, how many frames are free, and the steps that were told. What
 * may not: bytes, return values, errnos, signals, addresses, VMAs, and every invariant.
 * A test of what may differ asks evil_is_on() and leaves that part out.
 */
#ifndef TESTS_LIB_EVIL_H
#define TESTS_LIB_EVIL_H

#include <stdbool.h>

#include "mmcore/mmcore.h"

/* Does the environment ask for it? */
bool evil_is_on(void);

/* Give a machine its evil, where the environment asks for it. */
void evil_attach(struct machine *m);
void evil_detach(struct machine *m);

#endif
