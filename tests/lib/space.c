/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/mm/vma.h"
#include "mmcore/mm/vma_index.h"
#include "tests/lib/space.h"

void space_open_with(struct space *sp, const struct mm_config *config,
		     bool privileged)
{
	memset(sp, 0, sizeof(*sp));
	sp->m = host_machine_new(config);
	sp->pid = host_spawn_as(sp->m, "init", privileged);
}

void space_open(struct space *sp)
{
	struct mm_config config = host_config();

	config.ram = 64ULL << 20;
	space_open_with(sp, &config, false);
}

void space_close(struct space *sp)
{
	space_verify(sp);
	host_check(sp->m);
	host_machine_free(sp->m);
}

int64_t space_mmap(struct space *sp, unsigned int n, unsigned int pages,
		   uint64_t prot, uint64_t flags)
{
	return host_mmap(sp->m, sp->pid, page_addr(n), pages * PAGE_SIZE, prot,
			 flags);
}

int64_t space_map(struct space *sp, unsigned int n, unsigned int pages,
		  uint64_t prot)
{
	return space_mmap(sp, n, pages, prot, PRIVATE | MAP_FIXED);
}

int64_t space_unmap(struct space *sp, unsigned int n, unsigned int pages)
{
	return host_munmap(sp->m, sp->pid, page_addr(n), pages * PAGE_SIZE);
}

int64_t space_protect(struct space *sp, unsigned int n, unsigned int pages,
		      uint64_t prot)
{
	return host_mprotect(sp->m, sp->pid, page_addr(n), pages * PAGE_SIZE,
			     prot);
}

void space_write(struct space *sp, unsigned int n)
{
	host_store(sp->m, sp->pid, page_addr(n), 1);
}

void space_sysctl(struct space *sp, int id, uint64_t value)
{
	struct op op = { .code = OP_SYSCTL };

	op.sysctl = (struct op_sysctl){ (uint32_t)id, value };
	host_run(sp->m, &op);
}

task_ref space_task(const struct space *sp)
{
	return mm_find_task(sp->m, sp->pid);
}

static mm_ref mm_of(const struct space *sp)
{
	return task_at(sp->m, space_task(sp))->mm;
}

const struct mm_struct *space_mm(const struct space *sp)
{
	return mm_at(sp->m, mm_of(sp));
}

const struct vm_area_struct *space_vma(const struct space *sp, unsigned int n)
{
	const vma_ref ref = vma_lookup(sp->m, mm_of(sp), page_addr(n));

	if (vma_none(ref) || vma_at(sp->m, ref)->vm_start > page_addr(n)) {
		fprintf(stderr, "page %u is not mapped\n", n);
		abort();
	}
	return vma_at(sp->m, ref);
}

struct mm_pagemap space_page(const struct space *sp, unsigned int n)
{
	return mm_pagemap_entry(sp->m, mm_of(sp), page_addr(n));
}

struct space space_of(const struct space *sp, int64_t pid)
{
	struct space other = *sp;

	other.pid = (uint32_t)pid;
	return other;
}

uint64_t space_committed(const struct space *sp)
{
	return kernel_at(sp->m)->vm_committed_space;
}

const char *space_draw(struct space *sp)
{
	const struct vm_area_struct *vma;
	unsigned int nr = 0, end = 0;

	memset(sp->drawing, '.', ARENA_PAGES);
	for (vma_ref r = space_mm(sp)->mmap; !vma_none(r); r = vma->vm_next) {
		vma = vma_at(sp->m, r);
		if (vma->vm_end <= ARENA ||
		    vma->vm_start >= page_addr(ARENA_PAGES))
			continue;
		for (unsigned int n = 0; n < ARENA_PAGES; n++)
			if (vma->vm_start <= page_addr(n) &&
			    page_addr(n) < vma->vm_end) {
				sp->drawing[n] = (char)('A' + nr % 26);
				end = n + 1;
			}
		nr++;
	}
	sp->drawing[end] = 0;
	return sp->drawing;
}

/* ---- verification ---- */

static void must(bool truth, const char *sentence)
{
	if (truth)
		return;
	fprintf(stderr, "not true: %s\n", sentence);
	abort();
}

static vma_ref of_node(uint64_t node)
{
	return vma_make(node - offsetof(struct vm_area_struct, vm_rb));
}

/* Counts the nodes; returns the black height. */
static unsigned int verify_tree(const struct machine *m, uint64_t node,
				uint64_t *nodes)
{
	unsigned int height;

	if (!node)
		return 1;
	height = verify_tree(m, rb_at(m, node)->rb_left, nodes);
	must(height == verify_tree(m, rb_at(m, node)->rb_right, nodes),
	     "the tree is balanced");
	++*nodes;
	return height + rb_is_black(rb_at(m, node));
}

struct sums {
	uint64_t vmas, total, data, exec, stack, file, locked;
	uint64_t end;
};

static void add_vma(struct sums *sum, const struct vm_area_struct *vma)
{
	const uint64_t pages = vma_pages(vma);

	sum->vmas++;
	sum->total += pages;
	if (is_exec_mapping(vma->vm_flags))
		sum->exec += pages;
	else if (is_stack_mapping(vma->vm_flags))
		sum->stack += pages;
	else if (is_data_mapping(vma->vm_flags))
		sum->data += pages;
	if (!file_none(vma->vm_file))
		sum->file += pages;
	if (vma->vm_flags & VM_LOCKED)
		sum->locked += pages;
	sum->end = vma->vm_end;
}

static struct sums verify_list(const struct machine *m,
			       const struct mm_struct *mm)
{
	struct sums sum = { 0 };
	vma_ref prev = vma_make(0);

	for (vma_ref r = mm->mmap; !vma_none(r); r = vma_at(m, r)->vm_next) {
		const struct vm_area_struct *vma = vma_at(m, r);

		must(vma->vm_start < vma->vm_end, "a VMA is not empty");
		must(!((vma->vm_start | vma->vm_end) & ~PAGE_MASK),
		     "a VMA is page aligned");
		must(vma->vm_start >= sum.end, "VMAs are sorted and disjoint");
		must(vma_same(vma->vm_prev, prev), "the list runs backwards too");
		must(anon_vma_none(vma->anon_vma) == !vma->anon_vma_ident,
		     "an identity goes with an anon_vma");
		add_vma(&sum, vma);
		prev = r;
	}
	return sum;
}

static void verify_order(const struct space *sp)
{
	const uint64_t root = mm_of(sp).pa + offsetof(struct mm_struct, mm_rb);
	uint64_t node = rb_first(sp->m, root);

	for (vma_ref r = space_mm(sp)->mmap; !vma_none(r);
	     r = vma_at(sp->m, r)->vm_next) {
		must(node && vma_same(of_node(node), r),
		     "tree and list have the same order");
		node = rb_next(sp->m, node);
	}
}

void space_verify(const struct space *sp)
{
	const struct mm_struct *mm = space_mm(sp);
	const struct sums sum = verify_list(sp->m, mm);
	const char *wrong = vma_index_check(sp->m, mm_of(sp));
	uint64_t nodes = 0;

	verify_order(sp);
	must(!wrong, wrong);
	verify_tree(sp->m, mm->mm_rb.rb_node, &nodes);
	must(nodes == sum.vmas, "tree and list have the same length");
	must((uint64_t)mm->map_count == sum.vmas, "map_count counts the VMAs");
	must(mm->highest_vm_end == sum.end, "highest_vm_end is the last end");
	must(mm->total_vm == sum.total, "total_vm is the sum of all pages");
	must(mm->data_vm == sum.data, "data_vm");
	must(mm->exec_vm == sum.exec, "exec_vm");
	must(mm->stack_vm == sum.stack, "stack_vm");
	must(mm->shared_vm == sum.file, "shared_vm");
	must(mm->locked_vm == sum.locked, "locked_vm");
}
