/* SPDX-License-Identifier: MIT */
/* The folder of the host's that is a puppet's root as far as deeds know. */
#ifndef TESTS_ORACLE_SCRATCH_H
#define TESTS_ORACLE_SCRATCH_H

#include "tests/oracle/answer.h"

struct scratch {
	char path[64];
	int fd;
};

/* Made below the working directory, with what oracle_paths expects. */
bool scratch_make(struct scratch *scratch);
/* How maps shows its device, and what the paths in it begin with there. */
bool scratch_place(const struct scratch *scratch, char device[DISK_DEVICE],
		   char root[DISK_ROOT]);
void scratch_remove(struct scratch *scratch);
/* Which of the files exist, and how long they are: "0 file f 10000". */
void scratch_sizes(const struct scratch *scratch, struct answer *a);
/* How far its disk reads ahead; 128 where nobody says so. */
uint64_t scratch_read_ahead_kb(void);
/* Is the working directory on ext4, whose behaviour is compared? */
bool scratch_is_ext4(void);

#endif
