/* SPDX-License-Identifier: MIT */
#include "clients/cli/fds.h"

#include <stdlib.h>
#include <string.h>

struct fds {
	int users;
	unsigned char kind[FDS_MAX];
};

struct fds *fds_new(void)
{
	struct fds *fds = calloc(1, sizeof(*fds));

	if (!fds)
		abort();
	fds->users = 1;
	return fds;
}

struct fds *fds_copy(const struct fds *from)
{
	struct fds *fds = fds_new();

	memcpy(fds->kind, from->kind, sizeof(fds->kind));
	return fds;
}

struct fds *fds_share(struct fds *fds)
{
	fds->users++;
	return fds;
}

void fds_put(struct fds *fds)
{
	if (fds && !--fds->users)
		free(fds);
}

enum fd_kind fds_get(const struct fds *fds, long fd)
{
	return fd < 0 || fd >= FDS_MAX ? FD_NONE : (enum fd_kind)fds->kind[fd];
}

void fds_set(struct fds *fds, long fd, enum fd_kind kind)
{
	if (fd >= 0 && fd < FDS_MAX)
		fds->kind[fd] = (unsigned char)kind;
}

long fds_next(const struct fds *fds, long fd)
{
	for (fd = fd < 0 ? 0 : fd; fd < FDS_MAX; fd++)
		if (fds->kind[fd])
			return fd;
	return -1;
}
