/* SPDX-License-Identifier: MIT */
/*
 * The numbers of Linux's user-space interface on x86-64, as the manual pages
 * and <asm-generic/...> give them. They are Linux's whatever the host is.
 * Internal to mmcore: other code passes plain numbers and asks
 * mm_errno_name() for names.
 */
#ifndef MMCORE_UAPI_H
#define MMCORE_UAPI_H

/* mmap(2), mprotect(2) */
#define PROT_READ	0x1
#define PROT_WRITE	0x2
#define PROT_EXEC	0x4
#define PROT_SEM	0x8
#define PROT_NONE	0x0
#define PROT_GROWSDOWN	0x01000000
#define PROT_GROWSUP	0x02000000

#define MAP_SHARED	0x01
#define MAP_PRIVATE	0x02
#define MAP_SHARED_VALIDATE 0x03
#define MAP_DROPPABLE	0x08
#define MAP_TYPE	0x0f
#define MAP_FIXED	0x10
#define MAP_ANONYMOUS	0x20
#define MAP_32BIT	0x40
#define MAP_ABOVE4G	0x80
#define MAP_GROWSDOWN	0x00100
#define MAP_DENYWRITE	0x00800
#define MAP_EXECUTABLE	0x01000
#define MAP_LOCKED	0x02000
#define MAP_NORESERVE	0x04000
#define MAP_POPULATE	0x08000
#define MAP_NONBLOCK	0x10000
#define MAP_STACK	0x20000
#define MAP_HUGETLB	0x40000
#define MAP_SYNC	0x80000
#define MAP_FIXED_NOREPLACE 0x100000
#define MAP_UNINITIALIZED 0x4000000
#define MAP_HUGE_SHIFT	26
#define MAP_HUGE_MASK	0x3f

/* mremap(2) */
#define MREMAP_MAYMOVE	1
#define MREMAP_FIXED	2
#define MREMAP_DONTUNMAP 4

/* mlock(2), msync(2) */
#define MLOCK_ONFAULT	1
#define MCL_CURRENT	1
#define MCL_FUTURE	2
#define MCL_ONFAULT	4
#define MS_ASYNC	1
#define MS_INVALIDATE	2
#define MS_SYNC		4

/* madvise(2) */
#define MADV_NORMAL	 0
#define MADV_RANDOM	 1
#define MADV_SEQUENTIAL	 2
#define MADV_WILLNEED	 3
#define MADV_DONTNEED	 4
#define MADV_FREE	 8
#define MADV_REMOVE	 9
#define MADV_DONTFORK	10
#define MADV_DOFORK	11
#define MADV_MERGEABLE	12
#define MADV_UNMERGEABLE 13
#define MADV_HUGEPAGE	14
#define MADV_NOHUGEPAGE	15
#define MADV_DONTDUMP	16
#define MADV_DODUMP	17
#define MADV_WIPEONFORK	18
#define MADV_KEEPONFORK	19
#define MADV_COLD	20
#define MADV_PAGEOUT	21
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#define MADV_DONTNEED_LOCKED 24
#define MADV_COLLAPSE	25
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103

/* readv(2), process_vm_readv(2): entries of one iov array */
#define UIO_MAXIOV	1024
/* read(2): no call moves more bytes */
#define MAX_RW_COUNT	0x7ffff000ULL

/* memfd_create(2), open(2), lseek(2) */
#define MFD_CLOEXEC	0x1
#define MFD_ALLOW_SEALING 0x2
#define MFD_HUGETLB	0x4
#define MFD_NOEXEC_SEAL	0x8
#define MFD_EXEC	0x10
/* MFD_HUGETLB stays out: D-004. */
#define MFD_ALL_FLAGS	0x1b
#define MFD_NAME_MAX	249
#define O_RDONLY	0
#define O_WRONLY	1
#define O_RDWR		2
#define O_ACCMODE	3
#define O_CREAT		0100
#define O_EXCL		0200
#define O_NOTIFICATION_PIPE O_EXCL
#define O_NOCTTY	0400
#define O_TRUNC		01000
#define O_APPEND	02000
#define O_NONBLOCK	04000
#define O_DSYNC		010000
#define FASYNC		020000		/* O_ASYNC */
#define O_DIRECT	040000
#define O_LARGEFILE	0100000
#define O_DIRECTORY	0200000
#define O_NOFOLLOW	0400000
#define O_NOATIME	01000000
#define O_CLOEXEC	02000000
#define __O_SYNC	04000000
#define O_PATH		010000000
#define __O_TMPFILE	020000000
#define PATH_MAX	4096
#define NAME_MAX	255
/* fcntl(2) */
#define F_DUPFD		0
#define F_GETFD		1
#define F_SETFD		2
#define F_GETFL		3
#define F_SETFL		4
#define F_DUPFD_CLOEXEC	1030
#define F_SETPIPE_SZ	1031
#define F_GETPIPE_SZ	1032
#define F_ADD_SEALS	1033
#define F_GET_SEALS	1034
#define FD_CLOEXEC	1
#define F_SEAL_SEAL	0x1
#define F_SEAL_SHRINK	0x2
#define F_SEAL_GROW	0x4
#define F_SEAL_WRITE	0x8
#define F_SEAL_FUTURE_WRITE 0x10
#define F_SEAL_EXEC	0x20
#define F_ALL_SEALS	0x3f
/* splice(2) */
#define SPLICE_F_MOVE	1
#define SPLICE_F_NONBLOCK 2
#define SPLICE_F_MORE	4
#define SPLICE_F_GIFT	8
#define SPLICE_F_ALL	15
/* inode(7) */
#define S_IFMT		0170000
#define S_IFIFO		0010000
#define S_IFCHR		0020000
#define S_IFDIR		0040000
#define S_IFREG		0100000
#define S_ISUID		04000
#define S_ISGID		02000
#define S_ISVTX		01000
#define S_IXGRP		00010
#define S_IALLUGO	07777
#define SEEK_SET	0
#define SEEK_CUR	1
#define SEEK_END	2
#define SEEK_DATA	3
#define SEEK_HOLE	4

#define PATH_MAX	4096

/* getrlimit(2) */
#define RLIMIT_CPU	0
#define RLIMIT_FSIZE	1
#define RLIMIT_DATA	2
#define RLIMIT_STACK	3
#define RLIMIT_CORE	4
#define RLIMIT_RSS	5
#define RLIMIT_NPROC	6
#define RLIMIT_NOFILE	7
#define RLIMIT_MEMLOCK	8
#define RLIMIT_AS	9
#define RLIMIT_LOCKS	10
#define RLIMIT_SIGPENDING 11
#define RLIMIT_MSGQUEUE	12
#define RLIMIT_NICE	13
#define RLIMIT_RTPRIO	14
#define RLIMIT_RTTIME	15
#define RLIM_NLIMITS	16
#define RLIM_INFINITY	(~0ULL)

/* clone(2) */
#define CLONE_VM	0x00000100
#define CLONE_FS	0x00000200
#define CLONE_FILES	0x00000400
#define CLONE_VFORK	0x00004000

/* errno(3) */
#define EPERM		 1
#define ENOENT		 2
#define ESRCH		 3
#define EINTR		 4
#define EIO		 5
#define ENXIO		 6
#define E2BIG		 7
#define ENOEXEC		 8
#define EBADF		 9
#define ECHILD		10
#define EAGAIN		11
#define ENOMEM		12
#define EACCES		13
#define EFAULT		14
#define ENOTBLK		15
#define EBUSY		16
#define EEXIST		17
#define EXDEV		18
#define ENODEV		19
#define ENOTDIR		20
#define EISDIR		21
#define EINVAL		22
#define ENFILE		23
#define EMFILE		24
#define ENOTTY		25
#define ETXTBSY		26
#define EFBIG		27
#define ENOSPC		28
#define ESPIPE		29
#define EROFS		30
#define EMLINK		31
#define EPIPE		32
#define ENAMETOOLONG	36
#define ENOSYS		38
#define ELOOP		40
#define ENODATA		61
#define ENOPKG		65
#define EOVERFLOW	75
#define EOPNOTSUPP	95

#define SIGABRT		 6
#define SIGKILL		 9
#define SIGBUS		 7
#define SIGSEGV		11
#define SIGPIPE		13
#define SIGXFSZ		25

#define SEGV_MAPERR	1
#define SEGV_ACCERR	2
#define BUS_ADRERR	2
#define SI_KERNEL	0x80

#endif
