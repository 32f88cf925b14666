/* SPDX-License-Identifier: MIT */
/* Exec images (docs/api.md, section 5): from JSON to what the core reads, and back. */
#ifndef SERVER_EXEC_IMAGE_H
#define SERVER_EXEC_IMAGE_H

#include "server/rpc.h"

/**
 * exec_image_decode - a program described in JSON, as op->data brings it
 * @image: {path, entry?, args?, env?, segments, interp?, pie?, phdr_offset?,
 *         phnum?, stack_exec?}
 * @out:   a struct exec_image and what belongs to it; free() its bytes
 *
 * Returns: false with -32602 of parameter "image", saying which member is wrong.
 */
bool exec_image_decode(const json_t *image, struct rpc_bytes *out,
		       struct rpc_error *error);

/* The same shape again, every default written out. @data: as decoded. */
void exec_image_view(struct json_writer *out, const uint8_t *data, size_t len);

#endif
