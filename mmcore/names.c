/* SPDX-License-Identifier: MIT */
/* The names of numbers: errno(3), signal(7), the uses of a frame. */
#include "mmcore/mmcore.h"
#include "mmcore/uapi.h"

const char *mm_errno_name(int err)
{
	static const char *const names[] = {
#define N(e) [e] = #e
		N(EPERM), N(ENOENT), N(ESRCH), N(EINTR), N(EIO), N(ENXIO),
		N(E2BIG), N(ENOEXEC), N(EBADF), N(ECHILD), N(EAGAIN),
		N(ENOMEM), N(EACCES), N(EFAULT), N(ENOTBLK), N(EBUSY),
		N(EEXIST), N(EXDEV), N(ENODEV), N(ENOTDIR), N(EISDIR),
		N(EINVAL), N(ENFILE), N(EMFILE), N(ENOTTY), N(ETXTBSY),
		N(EFBIG), N(ENOSPC), N(ESPIPE), N(EROFS), N(EMLINK), N(EPIPE),
		N(ENAMETOOLONG), N(ENOSYS), N(ELOOP), N(EOVERFLOW),
		N(ENODATA), N(ENOPKG), N(EOPNOTSUPP),
#undef N
	};

	if (err < 0 || (unsigned int)err >= sizeof(names) / sizeof(names[0]))
		return NULL;
	return names[err];
}

const char *mm_signal_name(int signo)
{
	switch (signo) {
	case SIGSEGV:
		return "SIGSEGV";
	case SIGBUS:
		return "SIGBUS";
	case SIGKILL:
		return "SIGKILL";
	case SIGPIPE:
		return "SIGPIPE";
	case SIGXFSZ:
		return "SIGXFSZ";
	default:
		return NULL;
	}
}

const char *mm_si_code_name(int signo, int code)
{
	if (signo == SIGKILL)
		return "OOM";
	if (code == SI_KERNEL)
		return "SI_KERNEL";
	if (signo == SIGBUS)
		return code == BUS_ADRERR ? "BUS_ADRERR" : NULL;
	if (signo != SIGSEGV)
		return NULL;
	return code == SEGV_MAPERR ? "SEGV_MAPERR"
				   : code == SEGV_ACCERR ? "SEGV_ACCERR" : NULL;
}

const char *mm_frame_use_name(enum frame_use use)
{
	static const char *const names[NR_FRAME_USES] = {
		[FRAME_FREE] = "free", [FRAME_ANON] = "anon",
		[FRAME_FILE] = "file", [FRAME_SLAB] = "slab",
		[FRAME_PGTABLE] = "pgtable", [FRAME_PIPE] = "pipe",
		[FRAME_RESERVED] = "reserved", [FRAME_SWAPCACHE] = "swapcache",
		[FRAME_HUGE] = "huge", [FRAME_KERNEL] = "kernel",
	};

	return names[use];
}
