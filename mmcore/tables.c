/* SPDX-License-Identifier: MIT */
/*
 * What kinds of things do. An object in simulated RAM holds no function pointer; it
 * holds a small id, and the id picks a row of one of the five tables below. They stand
 * here, above everything they name, so that the files below need not know each other:
 * a fault asks vma_ops(), a read asks fops(), and only this file knows who answers.
 * The accessors refuse an id that is no row's.
 */
#include "mmcore/fs/pipe.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/memory.h"

/* ---- kinds of memory areas, by vma->vm_ops ---- */

const struct vm_operations_struct vm_operations[NR_VM_OPS] = {
	[VM_OPS_NONE] = { .name = "anonymous" },
	[VM_OPS_SHMEM] = {
		.name = "shmem", .fault = shmem_fault, .nopage = shmem_nopage,
	},
	[VM_OPS_FILE] = {
		.name = "file", .fault = filemap_fault,
		.nopage = filemap_nopage, .page_mkwrite = filemap_page_mkwrite,
	},
	[VM_OPS_SPECIAL] = {
		.name = "special_mapping", .fault = special_mapping_fault,
	},
};

/* ---- kinds of open files, by file->f_op; of file systems, by inode->i_sb ---- */

const struct file_operations file_operations[NR_FILE_OPS] = {
	[FILE_OPS_NULL] = {
		.name = "null",
		.seeks = true,
		.rewinds = true,
		.read = null_read,
		.write = null_write,
		.splice_write = splice_write_null,
	},
	[FILE_OPS_ZERO] = {
		.name = "zero",
		.seeks = true,
		.rewinds = true,
		.read = zero_read,
		.write = null_write,
		.mmap = zero_mmap,
		.splice_read = copy_splice_read,
		.splice_write = splice_write_null,
	},
	[FILE_OPS_DISK] = {
		.name = "disk",
		.seeks = true,
		.direct = true,
		.read = generic_file_read,
		.write = generic_file_write,
		.mmap = generic_file_mmap,
		.fsync = generic_file_fsync,
		.truncate = disk_file_truncate,
		.seek_data = disk_seek_data,
		.splice_read = generic_file_splice_read,
		.splice_write = generic_file_splice_write,
		.adopt_page = generic_adopt_page,
		.release = generic_file_release,
		.punch_hole = disk_punch_hole,
	},
	[FILE_OPS_DIR] = {
		.name = "directory",
		.seeks = true,
		.read = generic_read_dir,
		.seek_data = dir_seek_data,
		.fsync = noop_fsync,
	},
	[FILE_OPS_SHMEM] = {
		.name = "shmem",
		.seeks = true,
		.read = shmem_file_read,
		.write = shmem_file_write,
		.mmap = shmem_mmap,
		.fsync = noop_fsync,
		.truncate = shmem_truncate,
		.seek_data = shmem_seek_data,
		.splice_read = shmem_splice_read,
		.splice_write = generic_file_splice_write,
		.adopt_page = shmem_adopt_page,
		.write_room = shmem_write_room,
		.punch_hole = shmem_punch_hole,
	},
	[FILE_OPS_PIPE] = {
		.name = "pipe",
		.direct = true,
		.fasync = true,
		.read = pipe_read,
		.write = pipe_write,
		.release = pipe_release,
	},
};

const struct super_operations super_operations[NR_SUPERS] = {
	[SUPER_TMPFS] = { "tmpfs", shmem_drop_inode },
	[SUPER_DISK] = { "disk", disk_drop_inode },
	[SUPER_PIPEFS] = { "pipefs", pipe_drop_inode },
};

/* ---- kinds of page caches, by mapping->a_ops ---- */

const struct address_space_operations address_space_operations[NR_A_OPS] = {
	[A_OPS_SHMEM] = { .name = "shmem" },
	[A_OPS_DISK] = {
		.name = "disk",
		.readpage = disk_readpage,
		.writepage = disk_writepage,
		.get_block = disk_page_block,
		.has_block = disk_has_block,
	},
};

/* ---- kinds of pages in a pipe, by pipe_buffer->ops ---- */

const struct pipe_buf_operations pipe_buf_operations[NR_PIPE_BUF_OPS] = {
	[PIPE_BUF_OPS_ANON] = {
		.name = "anon_pipe_buf_ops",
		.pin = always_valid_pipe_buf_pin,
		.map = generic_pipe_buf_map,
		.unmap = generic_pipe_buf_unmap,
		.release = anon_pipe_buf_release,
		.steal = generic_pipe_buf_steal,
	},
	[PIPE_BUF_OPS_PACKET] = {
		.name = "packet_pipe_buf_ops",
		.pin = always_valid_pipe_buf_pin,
		.map = generic_pipe_buf_map,
		.unmap = generic_pipe_buf_unmap,
		.release = anon_pipe_buf_release,
		.steal = generic_pipe_buf_steal,
	},
	[PIPE_BUF_OPS_PAGE_CACHE] = {
		.name = "page_cache_pipe_buf_ops",
		.pin = page_cache_pipe_buf_pin,
		.map = generic_pipe_buf_map,
		.unmap = generic_pipe_buf_unmap,
		.release = generic_pipe_buf_release,
		.steal = page_cache_pipe_buf_steal,
	},
	[PIPE_BUF_OPS_USER] = {
		.name = "user_page_pipe_buf_ops",
		.pin = always_valid_pipe_buf_pin,
		.map = generic_pipe_buf_map,
		.unmap = generic_pipe_buf_unmap,
		.release = user_page_pipe_buf_release,
		.steal = user_page_pipe_buf_steal,
	},
	[PIPE_BUF_OPS_ZERO] = {
		.name = "zero_pipe_buf_ops",
		.pin = always_valid_pipe_buf_pin,
		.map = generic_pipe_buf_map,
		.unmap = generic_pipe_buf_unmap,
		.release = zero_pipe_buf_release,
		.steal = zero_pipe_buf_steal,
	},
	[PIPE_BUF_OPS_DEFAULT] = {
		.name = "default_pipe_buf_ops",
		.pin = always_valid_pipe_buf_pin,
		.map = generic_pipe_buf_map,
		.unmap = generic_pipe_buf_unmap,
		.release = generic_pipe_buf_release,
		.steal = generic_pipe_buf_steal,
	},
};
