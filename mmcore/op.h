/* SPDX-License-Identifier: MIT */
/*
 * Operations and their results: all that goes into mm_step() and all that
 * comes out. Plain values; the only pointers are to the caller's bytes.
 * Members are named as the parameters of the JSON-RPC method.
 */
#ifndef MMCORE_OP_H
#define MMCORE_OP_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

enum op_code {
	OP_NONE,
#define OP(code, member, method, shape, function, flags) OP_##code,
#include "mmcore/op.def"
#undef OP
	NR_OPS,
};

enum spawn_image { IMAGE_DEMO, IMAGE_NONE, IMAGE_EXEC };

/*
 * A program to be executed, as an ELF file describes it. In op->data it is this
 * head, then program.nr_segments and interp.nr_segments segments, then
 * strings_len bytes of strings with their NULs: the program's path, the
 * interpreter's path ("" where there is none), argc arguments, envc variables.
 */
struct exec_segment {		/* PT_LOAD */
	uint64_t vaddr, offset, filesz, memsz, align;
	uint64_t prot;		/* PROT_* */
};

struct exec_object {
	uint64_t entry;
	uint64_t phdr_offset;	/* of the program headers, in the file */
	uint32_t phnum;
	uint32_t nr_segments;	/* 0: there is no such object */
	uint64_t pie;		/* ET_DYN: its addresses are relative */
};

struct exec_image {
	struct exec_object program, interp;
	uint32_t argc, envc;
	uint64_t stack_exec;	/* PT_GNU_STACK asks for an executable stack */
	uint64_t strings_len;
};

#define EXEC_SEGMENTS_MAX	64	/* of each object */
#define EXEC_IMAGE_MAX		(8ULL << 20)	/* bytes of all of it */

struct op_spawn {
	char name[16];			/* comm; NUL-terminated */
	uint32_t image;			/* enum spawn_image; EXEC: in op->data */
	uint32_t rlimit_set;		/* bit r: rlim[r] overrides the default */
	struct { uint64_t soft, hard; } rlim[16];
	bool privileged;		/* all capabilities */
};

struct op_fork { uint64_t flags; };	/* CLONE_VM, CLONE_VFORK, CLONE_FILES */
struct op_exec { uint8_t none; };	/* a struct exec_image in op->data */
struct op_exit { int32_t status; };
struct op_setrlimit { uint32_t resource; uint64_t soft, hard; };
struct op_mmap {
	uint64_t addr, len, prot, flags;
	int64_t fd;
	uint64_t offset;		/* bytes */
};
struct op_mmap2 {
	uint64_t addr, len, prot, flags;
	int64_t fd;
	uint64_t pgoff;			/* pages */
};
struct op_munmap { uint64_t addr, len; };
struct op_mprotect { uint64_t addr, len, prot; };
struct op_madvise { uint64_t addr, len; uint32_t advice; };	/* MADV_* */
struct op_brk { uint64_t addr; };
struct op_mremap {
	uint64_t addr, old_len, new_len, flags, new_addr;	/* MREMAP_* */
};
struct op_mlock { uint64_t addr, len; };
struct op_mlock2 { uint64_t addr, len, flags; };	/* MLOCK_ONFAULT */
struct op_munlock { uint64_t addr, len; };
struct op_mlockall { uint64_t flags; };			/* MCL_* */
struct op_munlockall { uint8_t none; };
struct op_mseal { uint64_t addr, len, flags; };
struct op_mincore { uint64_t addr, len; };	/* vec in op->buf */
struct op_msync { uint64_t addr, len, flags; };		/* MS_* */
struct op_remap_file_pages {
	uint64_t addr, size, prot, pgoff, flags;	/* pgoff in pages */
};
struct op_memfd_create { char name[256]; uint64_t flags; };	/* MFD_* */
struct op_open { uint64_t flags, mode; };	/* O_*; of op->path */
struct op_unlink { uint8_t none; };
struct op_file_create {
	uint64_t size;			/* bytes; at least those of op->data */
	uint64_t mode;			/* permission bits */
	bool cached;			/* the bytes are in the page cache, too */
};
struct op_close { int64_t fd; };
struct op_dup { int64_t fd; };
struct op_fcntl { int64_t fd; uint64_t arg; uint32_t cmd; };	/* F_* */
struct op_pipe { uint64_t flags; };		/* O_NONBLOCK, O_DIRECT, O_CLOEXEC */
#define NO_OFFSET INT64_MIN			/* a NULL pointer to an offset */
struct op_splice {
	int64_t fd_in, off_in, fd_out, off_out;
	uint64_t len, flags;			/* SPLICE_F_* */
};
struct op_tee { int64_t fd_in, fd_out; uint64_t len, flags; };
struct op_vmsplice { int64_t fd; uint64_t flags; };	/* ranges in op->iov */
struct op_sendfile { int64_t fd_out, fd_in, offset; uint64_t count; };
struct op_ftruncate { int64_t fd; uint64_t len; };
struct op_fsync { int64_t fd; };
struct op_lseek { int64_t fd; uint64_t offset; uint32_t whence; };
/*
 * The bytes go to or come from the program's memory at buf; with NO_BUFFER to
 * op->buf or from op->data, whose length is the count of a write.
 */
#define NO_BUFFER UINT64_MAX
struct op_read { int64_t fd; uint64_t count, buf; };
struct op_write { int64_t fd; uint64_t buf, count; };
struct op_pread { int64_t fd; uint64_t count, offset, buf; };
struct op_pwrite { int64_t fd; uint64_t offset, buf, count; };
/* Ours in op->iov, theirs in op->remote_iov. */
struct op_process_vm_readv { uint32_t remote_pid; };
struct op_process_vm_writev { uint32_t remote_pid; };
struct op_access_ok { uint64_t addr, size; uint32_t type; };	/* 0 read, 1 write */
struct op_mem_read { uint64_t addr, len; };
struct op_mem_write { uint64_t addr; };	/* bytes in op->data */
struct op_mem_fill { uint64_t addr, len; uint8_t byte; };
enum access_kind { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };
struct op_mem_touch { uint64_t addr, len; uint32_t access; };
struct op_tick { uint64_t jiffies; };

/* Names are dotted; one line adds a sysctl: X(member of struct kernel, name). */
#define SYSCTLS(X)						\
	X(overcommit_memory,	"vm.overcommit_memory")		\
	X(overcommit_ratio,	"vm.overcommit_ratio")		\
	X(overcommit_kbytes,	"vm.overcommit_kbytes")		\
	X(swappiness,		"vm.swappiness")		\
	X(max_map_count,	"vm.max_map_count")		\
	X(mmap_min_addr,	"vm.mmap_min_addr")		\
	X(min_free_kbytes,	"vm.min_free_kbytes")		\
	X(admin_reserve_kbytes,	"vm.admin_reserve_kbytes")	\
	X(user_reserve_kbytes,	"vm.user_reserve_kbytes")	\
	X(dirty_ratio,		"vm.dirty_ratio")		\
	X(dirty_background_ratio, "vm.dirty_background_ratio")	\
	X(dirty_expire_centisecs, "vm.dirty_expire_centisecs")	\
	X(dirty_writeback_centisecs, "vm.dirty_writeback_centisecs")	\
	X(read_ahead_kb,	"vm.read_ahead_kb")		\
	X(drop_caches,		"vm.drop_caches")		\
	X(pipe_max_size,	"fs.pipe-max-size")

enum sysctl_id {
#define X(member, name) SYSCTL_##member,
	SYSCTLS(X)
#undef X
	NR_SYSCTLS,
};

struct op_sysctl { uint32_t id; uint64_t value; };	/* a write */

/* One entry of an iov array (iovec(2)): a range in a program's memory. */
struct op_iovec { uint64_t base, len; };

/*
 * An iov array. It lies outside of the machine and is the caller's, who may
 * let go of it once the operation has run; the history keeps a copy.
 */
struct op_iov {
	const struct op_iovec *vec;	/* @nr entries; none: may be NULL */
	uint64_t nr;			/* as many as were given: none too many */
};

struct op {
	enum op_code code;
	uint32_t pid;		/* the calling process; 0 where there is none */
	bool deliver;		/* a fatal signal ends the process */
	union {
#define OP(code, member, method, shape, function, flags) struct op_##member member;
#include "mmcore/op.def"
#undef OP
	};
	const uint8_t *data;	/* MEM_WRITE, WRITE, PWRITE, FILE_CREATE: the bytes */
	size_t data_len;
	const char *path;	/* OPEN, UNLINK, FILE_CREATE: any bytes but NUL */
	size_t path_len;	/* at most OP_PATH_MAX; the kernel takes 4,095 */
	uint8_t *buf;		/* room for mm_op_room() bytes */
	struct op_iov iov;	/* PROCESS_VM_*: in the caller's memory */
	struct op_iov remote_iov;	/* PROCESS_VM_*: in the other process's */
};

#define OP_PATH_MAX 65536

/* What an operation is like, beside its arguments; the flags of op.def. */
#define OP_MACHINE	0x01u	/* the machine's own: it has no calling process */
#define OP_PATH		0x02u	/* takes a path, in op->path */
#define OP_DATA		0x04u	/* brings bytes, in op->data */
#define OP_DATA_OR_BUFFER 0x08u	/* brings bytes, unless they are in the program's memory */
#define OP_GIVES	0x10u	/* gives bytes, into op->buf: mm_op_room() of them */
#define OP_IOV		0x20u	/* takes arrays of ranges; where none, both are { NULL, 0 } */
#define OP_IMAGE	0x40u	/* brings a program, in op->data */

/* The flags of an operation's kind; 0 where there is none of that code. O(1). */
static inline unsigned int op_flags(enum op_code code)
{
	static const uint8_t kinds[NR_OPS] = {
#define OP(code, member, method, shape, function, flags) [OP_##code] = flags,
#include "mmcore/op.def"
#undef OP
	};

	return code < NR_OPS ? kinds[code] : 0;
}

/* Is there a path, in op->path? */
static inline bool op_has_path(const struct op *op)
{
	return op_flags(op->code) & OP_PATH;
}

/* Do the bytes come along, in op->data? */
static inline bool op_brings_data(const struct op *op)
{
	const unsigned int flags = op_flags(op->code);

	return flags & OP_DATA ||
	       (flags & OP_DATA_OR_BUFFER &&
		(op->code == OP_WRITE ? op->write.buf : op->pwrite.buf) == NO_BUFFER);
}

/* Do arrays of ranges come along? */
static inline bool op_brings_iov(const struct op *op)
{
	return op_flags(op->code) & OP_IOV;
}

/* Is op->data a struct exec_image? */
static inline bool op_brings_program(const struct op *op)
{
	return op_flags(op->code) & OP_IMAGE &&
	       (op->code != OP_SPAWN || op->spawn.image == IMAGE_EXEC);
}

enum outcome {
	OUT_OK,			/* ret is the system call's value */
	OUT_ERRNO,		/* refused: err, why; ret is -err */
	OUT_SIGNAL,		/* a fatal fault: signo, si_code, fault_addr */
	OUT_BLOCKED,		/* would block: why; nothing has changed */
};

#define OP_MAX_KILLED 4

struct op_result {
	enum outcome outcome;
	int64_t ret;
	int32_t err;		/* positive errno of OUT_ERRNO */
	int32_t signo;		/* OUT_SIGNAL; beside an errno: SIGXFSZ */
	int32_t si_code;	/* SEGV_MAPERR …; 0 for the OOM killer */
	uint64_t fault_addr;	/* siginfo's si_addr, byte exact */
	const char *why;	/* a constant sentence; NULL when all went well */
	uint64_t minor, major;	/* faults this operation took */
	union {
		uint64_t done;		/* mem.*: bytes accessed; MINCORE: entries */
		uint64_t room;		/* OUT_BLOCKED: bytes that could move */
		uint64_t offset;	/* SPLICE, SENDFILE: the one given, updated */
		int32_t fds[2];		/* PIPE: the end to read, to write */
	};
	uint32_t nr_killed;
	uint32_t killed[OP_MAX_KILLED];
};

#endif
