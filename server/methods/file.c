/* SPDX-License-Identifier: MIT */
/* file.*: the simulated disk from outside. file.create is an operation. */
#include <string.h>

#include "schema/generated/args.h"
#include "server/machines.h"
#include "server/server.h"
#include "server/view/view.h"

/* ---- one file ---- */

static const char *type_name(uint32_t mode)
{
	switch (mode >> 12) {
	case 4:
		return "directory";
	case 2:
		return "device";
	default:
		return "file";
	}
}

static void view_file(struct json_writer *out, const struct machine *m,
		      uint64_t ino, const char *path, size_t len)
{
	const struct mm_file_info info = mm_file_info(m, ino);

	json_object_begin(out);
	json_key(out, "path");
	json_put_stringn(out, path, len);
	json_pair_uint(out, "inode", info.ino);
	json_pair_string(out, "type", type_name(info.mode));
	json_pair_uint(out, "mode", info.mode & 07777);
	json_pair_uint(out, "uid", info.uid);
	json_pair_uint(out, "nlink", info.nlink);
	json_pair_uint(out, "size", info.size);
	json_pair_uint(out, "blocks", info.blocks);
	if (info.rdev) {
		json_pair_uint(out, "major", info.rdev >> 20);
		json_pair_uint(out, "minor", info.rdev & 0xfffff);
	}
	json_pair_uint(out, "cached", info.cached);
	json_pair_uint(out, "count", info.count);
	json_object_close(out);
}

/*
 * A path as the file's own: without "//", "." and "..". Nothing on the disk is a
 * symbolic link, so the words tell, once the whole path has been found.
 */
static size_t plain_path(const struct rpc_bytes *path, char plain[MM_PATH_MAX])
{
	const char *at = (const char *)path->bytes, *end = at + path->len;
	size_t len = 0;

	while (at < end) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		const size_t word = (size_t)((slash ? slash : end) - at);

		if (word == 2 && !memcmp(at, "..", 2)) {
			while (len && plain[--len] != '/')
				;
		} else if (word && !(word == 1 && *at == '.')) {
			plain[len++] = '/';
			memcpy(plain + len, at, word);
			len += word;
		}
		at += word + 1;
	}
	if (!len)
		plain[len++] = '/';
	return len;
}

/* A machine locked, and what the path names there. */
static struct hosted *lock_file(struct rpc_call *call, const char *machine,
				const struct rpc_bytes *path, uint64_t *ino)
{
	struct server *server = call->server;
	struct hosted *h = machines_lock(server->machines, machine,
					 &call->error);
	int64_t found;

	if (!h)
		return NULL;
	found = mm_file_find(hosted_machine(h), (const char *)path->bytes,
			     path->len);
	if (found >= 0) {
		*ino = (uint64_t)found;
		return h;
	}
	machines_unlock(h);
	rpc_fail(&call->error, RPC_NO_SUCH_THING, "path",
		 "machine %s has no such file (%s)", machine,
		 mm_errno_name((int)-found));
	return NULL;
}

bool exec_file_info(struct rpc_call *call)
{
	const struct args_file_info *a = call->args;
	uint64_t ino = 0;
	struct hosted *h = lock_file(call, a->machine, &a->path, &ino);
	char path[MM_PATH_MAX];

	if (!h)
		return false;
	view_file(call->out, hosted_machine(h), ino, path,
		  plain_path(&a->path, path));
	machines_unlock(h);
	return true;
}

bool exec_file_pages(struct rpc_call *call)
{
	const struct args_file_pages *a = call->args;
	struct json_writer *out = call->out;
	uint64_t ino = 0, index = 0;
	struct hosted *h = lock_file(call, a->machine, &a->path, &ino);
	pfn_t pfn;

	if (!h)
		return false;
	json_object_begin(out);
	json_key(out, "pages");
	json_array_begin(out);
	for (; mm_file_next_page(hosted_machine(h), ino, &index, &pfn); index++) {
		const struct page page = page_read(hosted_machine(h), pfn);

		mm_poll(hosted_machine(h), VIEW_ENTRY_WORK);
		json_object_begin(out);
		json_pair_uint(out, "index", index);
		json_pair_uint(out, "pfn", pfn);
		json_key(out, "flags");
		view_page_flags(out, page.flags);
		json_pair_int(out, "mappers", page._mapcount + 1);
		json_object_close(out);
	}
	json_array_close(out);
	json_object_close(out);
	machines_unlock(h);
	return true;
}

/* ---- all of them ---- */

struct listing {
	struct json_writer *out;
	const struct machine *m;
	char path[MM_PATH_MAX];
};

/* What is in a directory whose path, without a slash behind it, is @len long. */
static void list_directory(struct listing *list, uint64_t dir, size_t len)
{
	struct mm_dir_entry entry;
	uint64_t pos = 0;

	while (mm_dir_next(list->m, dir, &pos, &entry)) {
		const size_t end = len + 1 + entry.len;

		mm_poll(list->m, VIEW_ENTRY_WORK);
		if (end > sizeof(list->path) || list->out->failed)
			return;
		list->path[len] = '/';
		memcpy(list->path + len + 1, entry.name, entry.len);
		view_file(list->out, list->m, entry.ino, list->path, end);
		if (mm_file_info(list->m, entry.ino).mode >> 12 == 4)
			list_directory(list, entry.ino, end);
	}
}

bool exec_file_list(struct rpc_call *call)
{
	const struct args_file_list *a = call->args;
	struct server *server = call->server;
	struct hosted *h = machines_lock(server->machines, a->machine,
					 &call->error);
	struct listing list = { .out = call->out };

	if (!h)
		return false;
	list.m = hosted_machine(h);
	json_object_begin(call->out);
	json_key(call->out, "files");
	json_array_begin(call->out);
	view_file(call->out, list.m, MM_ROOT_INO, "/", 1);
	list_directory(&list, MM_ROOT_INO, 0);
	json_array_close(call->out);
	json_object_close(call->out);
	machines_unlock(h);
	return true;
}
