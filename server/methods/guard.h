/* SPDX-License-Identifier: MIT */
/* Every method runs guarded: a machine that is broken inside costs itself alone. */
#ifndef SERVER_METHODS_GUARD_H
#define SERVER_METHODS_GUARD_H

/* Take the faults of this process and guard all methods from now on. Once, before there
 * are threads. */
void methods_guard(void);

#endif
