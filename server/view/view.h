/* SPDX-License-Identifier: MIT */
/*
 * From the core's structures to JSON, by the rules of docs/api.md section 2:
 * addresses and bit patterns as hex strings, counts as integers, flags as
 * arrays of names. Views only read, and only write to the streaming writer.
 */
#ifndef SERVER_VIEW_VIEW_H
#define SERVER_VIEW_VIEW_H

#include "mmcore/mmcore.h"
#include "server/machines.h"
#include "server/rpc.h"

/* What an entry of an answer costs to write, in the units of mm_poll(). */
#define VIEW_ENTRY_WORK	16

/* ---- view_result.c ---- */

/* Members of an operation's result: ok, ret, errno, signal, faults … */
void view_outcome(struct json_writer *out, const struct op *op,
		  const struct op_result *res);
/* "steps": what the kernel did; "steps_lost" where it did more than fits. */
void view_steps(struct json_writer *out, const struct machine *m,
		const struct trace *trace);
/* "vec": an array of small numbers. */
void view_vec(struct json_writer *out, const uint8_t *vec, uint64_t len);
/* Bytes as text; bytes that are no UTF-8 become U+FFFD there. */
void view_bytes(struct json_writer *out, const uint8_t *bytes, size_t len,
		enum rpc_encoding encoding);
/* One entry of machine.history: {seq, method, params, result}. */
void view_history_entry(struct json_writer *out,
			const struct history_entry *e);

/* ---- view_names.c ---- */

/* An array of the names of the bits set; what has no name as one hex string. */
void view_flags(struct json_writer *out, uint64_t value,
		const struct param_name *names);
void view_vm_flags(struct json_writer *out, uint64_t vm_flags);
void view_page_flags(struct json_writer *out, uint64_t flags);
void view_pipe_buf_flags(struct json_writer *out, uint64_t flags);
/* A|B|0x40: as a parameter may be written. */
void view_flag_text(struct json_writer *out, uint64_t value,
		    const struct param_name *names);

/* Generated from schema/types.json. */
extern const struct param_name names_prot[], names_map[], names_rlimit[],
	names_rlim[], names_clone[], names_arch[], names_advice[];

/* ---- view_space.c: each writes one object ---- */
void view_mm(struct json_writer *out, const struct machine *m, mm_ref mm);
void view_vma(struct json_writer *out, const struct machine *m, vma_ref vma);
void view_map_line(struct json_writer *out, const struct machine *m,
		   vma_ref vma);
void view_walk(struct json_writer *out, const struct machine *m, mm_ref mm,
	       uint64_t addr);
void view_pagemap(struct json_writer *out, const struct machine *m, mm_ref mm,
		  uint64_t addr);

/* ---- view_ram.c ---- */
void view_page(struct json_writer *out, const struct machine *m, pfn_t pfn);
/* The ring of a pipe. */
void view_pipe(struct json_writer *out, const struct machine *m, pipe_ref pipe);
/* What mm_rmap() found. */
void view_rmap(struct json_writer *out, const struct mm_mapping *found, uint64_t nr);
void view_zone(struct json_writer *out, const struct zone *z,
	       enum zone_type type);
void view_buddy(struct json_writer *out, const struct machine *m,
		enum zone_type type);
void view_cache(struct json_writer *out, const struct machine *m,
		enum kmem_cache_id id);
/* [first, end) as runs, or as base64 of one byte a frame. */
void view_runs(struct json_writer *out, const struct machine *m,
	       uint64_t first, uint64_t end);
void view_run_bytes(struct json_writer *out, const struct machine *m,
		    uint64_t first, uint64_t end);

/* ---- view_task.c ---- */
void view_task_line(struct json_writer *out, const struct machine *m,
		    task_ref task);
void view_task(struct json_writer *out, const struct machine *m,
	       task_ref task);

#endif
