/* SPDX-License-Identifier: MIT */
/* What the descriptors of a replayed process are. */
#ifndef CLIENTS_CLI_FDS_H
#define CLIENTS_CLI_FDS_H

enum fd_kind {
	FD_NONE,		/* not open */
	FD_FILE,		/* the machine has it */
	FD_PIPE,		/* likewise; reading and writing may have to wait */
	FD_OTHER,		/* of a kind that no machine has: a placeholder */
};

#define FDS_MAX 65536

struct fds;

struct fds *fds_new(void);
struct fds *fds_copy(const struct fds *from);
struct fds *fds_share(struct fds *fds);
void fds_put(struct fds *fds);

/* A number out of range is FD_NONE, and stays so. */
enum fd_kind fds_get(const struct fds *fds, long fd);
void fds_set(struct fds *fds, long fd, enum fd_kind kind);

/* The next descriptor that is open at or after @fd; -1: none. */
long fds_next(const struct fds *fds, long fd);

#endif
