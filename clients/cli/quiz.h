/* SPDX-License-Identifier: MIT */
/*
 * Questions about memory, made from a seed and answered by a machine: the same seed
 * always asks the same. A question of any kind is a row of operations that a new
 * machine runs, and then a look at what became of it.
 */
#ifndef CLIENTS_CLI_QUIZ_H
#define CLIENTS_CLI_QUIZ_H

#include <stdbool.h>

/**
 * quiz_command - mmapctl quiz translate|faults|cow|maps [--seed N] [-c]
 * @server: URL of the daemon; a machine is made there, and destroyed again
 * @args:   the words after "quiz", ended by NULL
 *
 * Prints the question to standard output, and with -c the answers too. Without
 * --seed the seed is made of the time and printed.
 * Returns: an exit status of mmapctl.
 */
int quiz_command(const char *server, char **args);

#endif
