/* SPDX-License-Identifier: MIT */
#include "clients/cli/calls.h"

#include <string.h>
#include <sys/syscall.h>

/* By number: not every kernel header knows the newest calls. */
#define NR_MSEAL	462

const struct call calls[] = {
	{ "mmap", SYS_mmap, CALL_MMAP, "sys.mmap", "xxffdx",
	  { "addr", "len", "prot", "flags", "fd", "offset" }, false },
	{ "munmap", SYS_munmap, CALL_PLAIN, "sys.munmap", "xx",
	  { "addr", "len" }, false },
	{ "mremap", SYS_mremap, CALL_PLAIN, "sys.mremap", "xxxfx",
	  { "addr", "old_len", "new_len", "flags", "new_addr" }, false },
	{ "mprotect", SYS_mprotect, CALL_PLAIN, "sys.mprotect", "xxf",
	  { "addr", "len", "prot" }, false },
	{ "madvise", SYS_madvise, CALL_PLAIN, "sys.madvise", "xxf",
	  { "addr", "len", "advice" }, false },
	{ "brk", SYS_brk, CALL_PLAIN, "sys.brk", "x", { "addr" }, false },
	{ "mlock", SYS_mlock, CALL_PLAIN, "sys.mlock", "xx",
	  { "addr", "len" }, false },
	{ "mlock2", SYS_mlock2, CALL_PLAIN, "sys.mlock2", "xxf",
	  { "addr", "len", "flags" }, false },
	{ "munlock", SYS_munlock, CALL_PLAIN, "sys.munlock", "xx",
	  { "addr", "len" }, false },
	{ "mlockall", SYS_mlockall, CALL_PLAIN, "sys.mlockall", "f",
	  { "flags" }, false },
	{ "munlockall", SYS_munlockall, CALL_PLAIN, "sys.munlockall", "",
	  { "" }, false },
	{ "mincore", SYS_mincore, CALL_PLAIN, "sys.mincore", "xx-",
	  { "addr", "len", "" }, false },
	{ "msync", SYS_msync, CALL_PLAIN, "sys.msync", "xxf",
	  { "addr", "len", "flags" }, false },
	{ "mseal", NR_MSEAL, CALL_PLAIN, "sys.mseal", "xxx",
	  { "addr", "len", "flags" }, false },
	{ "remap_file_pages", SYS_remap_file_pages, CALL_PLAIN,
	  "sys.remap_file_pages", "xxfxf",
	  { "addr", "size", "prot", "pgoff", "flags" }, false },
	{ "open", SYS_open, CALL_OPEN, "sys.open", "pfx",
	  { "path", "flags", "mode" }, true },
	{ "openat", SYS_openat, CALL_OPEN, "sys.open", "dpfx",
	  { "", "path", "flags", "mode" }, true },
	{ "creat", SYS_creat, CALL_OPEN, "sys.open", "px",
	  { "path", "mode" }, true },
	{ "close", SYS_close, CALL_CLOSE, "sys.close", "d", { "fd" }, false },
	{ "close_range", SYS_close_range, CALL_CLOSE_RANGE, "sys.close", "ddx",
	  { "", "", "" }, false },
	{ "dup", SYS_dup, CALL_DUP, "sys.dup", "d", { "fd" }, false },
	{ "dup2", SYS_dup2, CALL_DUP2, "sys.fcntl", "dd", { "", "" }, false },
	{ "dup3", SYS_dup3, CALL_DUP2, "sys.fcntl", "ddf", { "", "", "" },
	  false },
	{ "fcntl", SYS_fcntl, CALL_FCNTL, "sys.fcntl", "dfx",
	  { "fd", "cmd", "arg" }, true },
	{ "pipe", SYS_pipe, CALL_PIPE, "sys.pipe", "2", { "" }, false },
	{ "pipe2", SYS_pipe2, CALL_PIPE, "sys.pipe", "2f", { "", "flags" },
	  false },
	{ "lseek", SYS_lseek, CALL_FD, "sys.lseek", "dlf",
	  { "fd", "offset", "whence" }, false },
	{ "read", SYS_read, CALL_FD, "sys.read", "dxx",
	  { "fd", "buf", "count" }, true },
	{ "write", SYS_write, CALL_FD, "sys.write", "dxx",
	  { "fd", "buf", "count" }, true },
	{ "pread64", SYS_pread64, CALL_FD, "sys.pread", "dxxl",
	  { "fd", "buf", "count", "offset" }, true },
	{ "pwrite64", SYS_pwrite64, CALL_FD, "sys.pwrite", "dxxl",
	  { "fd", "buf", "count", "offset" }, true },
	{ "readv", SYS_readv, CALL_VECTOR, "sys.read", "dvx",
	  { "fd", "", "" }, true },
	{ "writev", SYS_writev, CALL_VECTOR, "sys.write", "dvx",
	  { "fd", "", "" }, true },
	{ "preadv", SYS_preadv, CALL_VECTOR, "sys.pread", "dvxl",
	  { "fd", "", "", "offset" }, true },
	{ "pwritev", SYS_pwritev, CALL_VECTOR, "sys.pwrite", "dvxl",
	  { "fd", "", "", "offset" }, true },
	{ "ftruncate", SYS_ftruncate, CALL_FD, "sys.ftruncate", "dl",
	  { "fd", "len" }, false },
	{ "fsync", SYS_fsync, CALL_FD, "sys.fsync", "d", { "fd" }, false },
	{ "fdatasync", SYS_fdatasync, CALL_FD, "sys.fsync", "d", { "fd" },
	  false },
	{ "unlink", SYS_unlink, CALL_PLAIN, "sys.unlink", "p", { "path" },
	  false },
	{ "unlinkat", SYS_unlinkat, CALL_PLAIN, "sys.unlink", "dpf",
	  { "", "path", "" }, false },
	{ "memfd_create", SYS_memfd_create, CALL_DUP, "sys.memfd_create", "nf",
	  { "name", "flags" }, false },
	{ "sendfile", SYS_sendfile, CALL_TWO_FDS, "sys.sendfile", "ddox",
	  { "fd_out", "fd_in", "offset", "count" }, true },
	{ "copy_file_range", SYS_copy_file_range, CALL_TWO_FDS, "sys.sendfile",
	  "dod-xf", { "fd_in", "offset", "fd_out", "", "count", "" }, true },
	{ "splice", SYS_splice, CALL_TWO_FDS, "sys.splice", "dodoxf",
	  { "fd_in", "off_in", "fd_out", "off_out", "len", "flags" }, true },
	{ "tee", SYS_tee, CALL_TWO_FDS, "sys.tee", "ddxf",
	  { "fd_in", "fd_out", "len", "flags" }, true },
	{ "vmsplice", SYS_vmsplice, CALL_FD, "sys.vmsplice", "dvxf",
	  { "fd", "iov", "", "flags" }, true },
	{ "prlimit64", SYS_prlimit64, CALL_LIMIT, "sys.setrlimit", "dfr-",
	  { "", "resource", "", "" }, false },
	{ "setrlimit", SYS_setrlimit, CALL_LIMIT, "sys.setrlimit", "fr",
	  { "resource", "" }, false },
	{ "fork", SYS_fork, CALL_FORK, "process.fork", "", { "" }, false },
	{ "vfork", SYS_vfork, CALL_FORK, "process.fork", "", { "" }, false },
	{ "clone", SYS_clone, CALL_FORK, "process.fork", "f", { "flags" },
	  false },
	{ "clone3", SYS_clone3, CALL_FORK, "process.fork", "f", { "flags" },
	  false },
	{ "exit", SYS_exit, CALL_EXIT, "process.exit", "d", { "status" }, true },
	{ "exit_group", SYS_exit_group, CALL_EXIT, "process.exit", "d",
	  { "status" }, true },
	{ "socket", SYS_socket, CALL_NEW_FD, NULL, "", { "" }, false },
	{ "accept", SYS_accept, CALL_NEW_FD, NULL, "", { "" }, true },
	{ "accept4", SYS_accept4, CALL_NEW_FD, NULL, "", { "" }, true },
	{ "socketpair", SYS_socketpair, CALL_NEW_PAIR, NULL, "---2",
	  { "" }, false },
	{ "epoll_create", SYS_epoll_create, CALL_NEW_FD, NULL, "", { "" },
	  false },
	{ "epoll_create1", SYS_epoll_create1, CALL_NEW_FD, NULL, "", { "" },
	  false },
	{ "eventfd", SYS_eventfd, CALL_NEW_FD, NULL, "", { "" }, false },
	{ "eventfd2", SYS_eventfd2, CALL_NEW_FD, NULL, "", { "" }, false },
	{ "signalfd", SYS_signalfd, CALL_NEW_FD, NULL, "", { "" }, false },
	{ "signalfd4", SYS_signalfd4, CALL_NEW_FD, NULL, "", { "" }, false },
	{ "timerfd_create", SYS_timerfd_create, CALL_NEW_FD, NULL, "", { "" },
	  false },
	{ "inotify_init", SYS_inotify_init, CALL_NEW_FD, NULL, "", { "" },
	  false },
	{ "inotify_init1", SYS_inotify_init1, CALL_NEW_FD, NULL, "", { "" },
	  false },
	{ "perf_event_open", SYS_perf_event_open, CALL_NEW_FD, NULL, "",
	  { "" }, false },
	{ "userfaultfd", SYS_userfaultfd, CALL_NEW_FD, NULL, "", { "" },
	  false },
	{ "pidfd_open", SYS_pidfd_open, CALL_NEW_FD, NULL, "", { "" }, false },
	{ "openat2", SYS_openat2, CALL_NEW_FD, NULL, "", { "" }, true },
	{ "io_uring_setup", SYS_io_uring_setup, CALL_NEW_FD, NULL, "", { "" },
	  false },
};

const size_t nr_calls = sizeof(calls) / sizeof(calls[0]);

const struct call *call_by_name(const char *name, size_t len)
{
	for (size_t i = 0; i < nr_calls; i++)
		if (strlen(calls[i].name) == len &&
		    !strncmp(calls[i].name, name, len))
			return &calls[i];
	return NULL;
}

const struct call *call_by_nr(long nr)
{
	for (size_t i = 0; i < nr_calls; i++)
		if (calls[i].nr == nr)
			return &calls[i];
	return NULL;
}

const char *errno_name(int number)
{
	const char *name = number > 0 ? strerrorname_np(number) : NULL;

	return name ? name : "";
}
