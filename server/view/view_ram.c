/* SPDX-License-Identifier: MIT */
/* Frames, zones, slabs: the picture of RAM. */
#include <stdlib.h>
#include <string.h>

#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/slab.h"
#include "server/view/view.h"

/* What it is a part of; null. */
static void view_compound(struct json_writer *out, const struct machine *m,
			  pfn_t pfn, uint64_t flags)
{
	json_key(out, "compound");
	if (!(flags >> PG_compound & 1)) {
		json_put_null(out);
		return;
	}
	json_object_begin(out);
	json_pair_uint(out, "head", compound_head(m, pfn));
	json_pair_uint(out, "order", compound_order(m, pfn));
	json_object_close(out);
}

void view_page(struct json_writer *out, const struct machine *m, pfn_t pfn)
{
	const struct page page = page_read(m, pfn);
	enum frame_use use;

	mm_frame_run(m, pfn, (uint64_t)pfn + 1, &use);
	json_object_begin(out);
	json_pair_uint(out, "pfn", pfn);
	json_key(out, "flags");
	view_page_flags(out, page.flags);
	json_pair_int(out, "_count", page._count);
	json_pair_int(out, "_mapcount", page._mapcount);
	json_pair_int(out, "mappers", page._mapcount + 1);
	json_pair_hex(out, "private", page.private);
	json_pair_hex(out, "mapping", page.mapping);
	json_pair_uint(out, "index", page.index);
	json_key(out, "lru");
	json_object_begin(out);
	json_pair_hex(out, "next", page.lru.next);
	json_pair_hex(out, "prev", page.lru.prev);
	json_object_close(out);
	json_pair_string(out, "use", mm_frame_use_name(use));
	json_pair_uint(out, "pipe_buffers", mm_pipe_buffers(m, pfn));
	json_pair_string(out, "zone", zone_name(page_zone(m, pfn)));
	if (page.flags >> PG_buddy & 1)
		json_pair_uint(out, "order", page.private);
	view_compound(out, m, pfn, page.flags);
	json_object_close(out);
}

/* Returns its bytes. */
static uint64_t view_pipe_buffer(struct json_writer *out,
				 const struct pipe_buffer *buf)
{
	json_object_begin(out);
	json_pair_uint(out, "pfn", buf->page);
	json_pair_uint(out, "offset", buf->offset);
	json_pair_uint(out, "len", buf->len);
	json_key(out, "flags");
	view_pipe_buf_flags(out, buf->flags);
	json_pair_string(out, "ops", mm_pipe_ops_name(buf->ops));
	json_object_close(out);
	return buf->len;
}

void view_pipe(struct json_writer *out, const struct machine *m, pipe_ref pipe)
{
	const struct pipe_inode_info *p = pipe_at(m, pipe);
	uint64_t bytes = 0;

	json_object_begin(out);
	json_pair_uint(out, "slots", p->max_usage);
	json_key(out, "bufs");
	json_array_begin(out);
	for (uint32_t i = 0; i < p->nrbufs; i++)
		bytes += view_pipe_buffer(out, mm_pipe_buffer(m, pipe, i));
	json_array_close(out);
	json_pair_uint(out, "bytes", bytes);
	json_pair_uint(out, "readers", p->readers);
	json_pair_uint(out, "writers", p->writers);
	json_pair_uint(out, "curbuf", p->curbuf);
	json_pair_uint(out, "tmp_page", p->tmp_page);
	json_pair_hex(out, "ring", p->ring ? p->ring
		      : pipe.pa + offsetof(struct pipe_inode_info, bufs));
	json_object_close(out);
}

void view_rmap(struct json_writer *out, const struct mm_mapping *found, uint64_t nr)
{
	json_object_begin(out);
	json_key(out, "mappings");
	json_array_begin(out);
	for (uint64_t i = 0; i < nr; i++) {
		json_object_begin(out);
		json_pair_uint(out, "pid", found[i].pid);
		json_pair_hex(out, "addr", found[i].addr);
		json_object_close(out);
	}
	json_array_close(out);
	json_object_close(out);
}

void view_zone(struct json_writer *out, const struct zone *z,
	       enum zone_type type)
{
	json_object_begin(out);
	json_pair_string(out, "name", zone_name(type));
	json_pair_uint(out, "start_pfn", z->zone_start_pfn);
	json_pair_uint(out, "spanned", z->spanned_pages);
	json_pair_uint(out, "present", z->present_pages);
	json_pair_uint(out, "managed", z->managed_pages);
	json_pair_uint(out, "free", z->free_pages);
	json_pair_uint(out, "min", z->pages_min);
	json_pair_uint(out, "low", z->pages_low);
	json_pair_uint(out, "high", z->pages_high);
	json_key(out, "lowmem_reserve");
	json_array_begin(out);
	for (int i = 0; i < MAX_NR_ZONES; i++)
		json_put_uint(out, z->lowmem_reserve[i]);
	json_array_close(out);
	json_pair_uint(out, "nr_active", z->nr_active);
	json_pair_uint(out, "nr_inactive", z->nr_inactive);
	json_key(out, "frontier");
	json_array_begin(out);
	json_put_uint(out, z->frontier_start);
	json_put_uint(out, z->frontier_end);
	json_array_close(out);
	json_object_close(out);
}

void view_buddy(struct json_writer *out, const struct machine *m,
		enum zone_type type)
{
	const struct zone *z = &kernel_at(m)->zones[type];

	json_object_begin(out);
	json_pair_string(out, "name", zone_name(type));
	json_key(out, "free");
	json_array_begin(out);
	for (int order = 0; order < MAX_ORDER; order++)
		json_put_uint(out, z->free_area[order].nr_free);
	json_array_close(out);
	json_object_close(out);
}

void view_cache(struct json_writer *out, const struct machine *m,
		enum kmem_cache_id id)
{
	const struct kmem_cache *c = &kernel_at(m)->caches[id];
	const uint64_t heads = KERNEL_MEMBER(caches) + id * sizeof(*c);

	json_object_begin(out);
	json_pair_string(out, "name", kmem_cache_name(id));
	json_pair_uint(out, "object_size", c->objsize);
	json_pair_uint(out, "objects_per_slab", c->num);
	json_pair_uint(out, "active_objects", c->nr_active);
	json_pair_uint(out, "total_objects", c->nr_slabs * c->num);
	json_key(out, "slabs");
	json_array_begin(out);
	for (uint64_t list = 0; list < 3; list++) {
		const uint64_t head = heads + list * sizeof(struct list_head);
		uint64_t pos;

		list_for_each_pa(m, pos, head)
			json_put_uint(out, pos >> PAGE_SHIFT);
	}
	json_array_close(out);
	json_object_close(out);
}

void view_runs(struct json_writer *out, const struct machine *m,
	       uint64_t first, uint64_t end)
{
	json_key(out, "runs");
	json_array_begin(out);
	for (uint64_t pfn = first, len; pfn < end; pfn += len) {
		enum frame_use use;

		len = mm_frame_run(m, pfn, end, &use);
		json_array_begin(out);
		json_put_uint(out, len);
		json_put_string(out, mm_frame_use_name(use));
		json_array_close(out);
	}
	json_array_close(out);
}

void view_run_bytes(struct json_writer *out, const struct machine *m,
		    uint64_t first, uint64_t end)
{
	uint8_t *bytes = malloc(end - first + 1);

	if (!bytes) {
		out->failed = true;
		return;
	}
	for (uint64_t pfn = first, len; pfn < end; pfn += len) {
		enum frame_use use;

		len = mm_frame_run(m, pfn, end, &use);
		memset(bytes + (pfn - first), use, len);
	}
	json_key(out, "bytes");
	view_bytes(out, bytes, end - first, ENCODING_BASE64);
	json_key(out, "uses");
	json_array_begin(out);
	for (int use = 0; use < NR_FRAME_USES; use++)
		json_put_string(out, mm_frame_use_name((enum frame_use)use));
	json_array_close(out);
	free(bytes);
}
