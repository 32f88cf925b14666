/* SPDX-License-Identifier: MIT */
/* mm_check(): all laws of the model, one after the other. */
#include "mmcore/check/check.h"

/* What only the whole can tell: sums over frames against sums over users. */
static void compare_counts(struct check *c)
{
	const struct kernel *k = kernel_at(c->m);

	check_law(c, LAW_mapcount, c->maps_found == c->maps_held);
	check_law(c, LAW_mm_users, c->users_found == c->users_held);
	check_law(c, LAW_refcount, c->refs_found == c->refs_held);
	check_law(c, LAW_table_count, c->tables == k->nr_page_table_pages);
	check_law(c, LAW_lru_lists, c->lru_flagged == c->lru_listed);
	check_law(c, LAW_slab_lists, c->slab_flagged == c->slab_frames);
	check_law(c, LAW_committed, c->accounted == k->vm_committed_space);
	check_law(c, LAW_counters,
		  c->anon_mapped == k->nr_anon_pages &&
		  c->file_mapped == k->nr_file_mapped &&
		  c->shmem == k->nr_shmem &&
		  c->file_pages == k->nr_file_pages &&
		  c->kernel_pages == k->nr_kernel_pages);
}

uint64_t mm_check(const struct machine *m,
		  void (*report)(void *ctx, const char *law, const char *what),
		  void *ctx)
{
	struct check c = {
		.m = m,
		.report = report,
		.ctx = ctx,
		.limit = kernel_at(m)->ram_frames * 128,
	};

	check_frames(&c);
	check_lru(&c);
	check_slabs(&c);
	check_tasks(&c);
	check_objects(&c);
	check_disk(&c);
	check_pipes(&c);
	check_spaces(&c);
	compare_counts(&c);
	return c.violations;
}
