/* SPDX-License-Identifier: MIT */
#include "server/machine_bytes.h"

#include <string.h>

#include "mmcore/mmcore.h"
#include "server/machines.h"

struct piece {
	const struct machine *m;
	const char *path;
	uint64_t offset, size;
	void *buf;
	size_t len;
};

static bool is_ram(const char *path)
{
	return !strcmp(path, "/ram");
}

/* A frame that was never written is not even looked at. */
static void read_ram(const struct piece *p)
{
	for (size_t done = 0, n; done < p->len; done += n) {
		const uint64_t at = p->offset + done;
		char *to = (char *)p->buf + done;

		n = PAGE_SIZE - (at & ~PAGE_MASK);
		if (n > p->len - done)
			n = p->len - done;
		if (ram_frame_is_blank(p->m, (pfn_t)(at >> PAGE_SHIFT)))
			memset(to, 0, n);
		else
			memcpy(to, ram_at(p->m, at), n);
	}
}

static bool look_at_size(void *ctx)
{
	struct piece *p = ctx;

	p->size = is_ram(p->path) ? p->m->ram_bytes
				  : mm_proc_size(p->m, p->path);
	return p->size;
}

static bool look_at_bytes(void *ctx)
{
	struct piece *p = ctx;

	if (!is_ram(p->path))
		return mm_proc_pread(p->m, p->path, p->offset, p->buf, p->len);
	if (p->len > p->m->ram_bytes || p->offset > p->m->ram_bytes - p->len)
		return false;
	read_ram(p);
	return true;
}

static bool look(struct server *server, const char *machine,
		 bool (*how)(void *ctx), struct piece *p,
		 struct rpc_error *error)
{
	struct hosted *h = machines_lock(server->machines, machine, error);
	bool done;

	if (!h)
		return false;
	p->m = hosted_machine(h);
	done = hosted_read(h, how, p, error);
	machines_unlock(h);
	if (done)
		return true;
	return error->code ? false :
	       rpc_fail(error, RPC_NO_SUCH_THING, "path",
			"there are no such bytes of %s", p->path);
}

bool machine_bytes_size(struct server *server, const char *machine,
			const char *path, uint64_t *size,
			struct rpc_error *error)
{
	struct piece p = { .path = path };
	bool done = look(server, machine, look_at_size, &p, error);

	*size = p.size;
	return done;
}

bool machine_bytes_read(struct server *server, const char *machine,
			const char *path, uint64_t offset, void *buf,
			size_t len, struct rpc_error *error)
{
	struct piece p = {
		.path = path, .offset = offset, .buf = buf, .len = len,
	};

	return look(server, machine, look_at_bytes, &p, error);
}
