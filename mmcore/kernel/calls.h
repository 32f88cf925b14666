/* SPDX-License-Identifier: MIT */
/*
 * The calls that mm_step() dispatches to. A system call returns its value or a
 * negative errno, having told why with refuse(); s->current is the caller.
 */
#ifndef MMCORE_CALLS_H
#define MMCORE_CALLS_H

#include "mmcore/mmcore.h"
#include "mmcore/uapi.h"

/* "return refuse(s, EINVAL, "len is 0");": the simulated kernel says no. */
#define refuse(s, err, why) refuse_in((s), (err), (why), __func__)
static inline int64_t refuse_in(struct step *s, int err, const char *why,
				const char *fn)
{
	s->res->why = why;
	if (unlikely(s->trace))
		trace_refusal(s->trace, err, why, fn);
	return -err;
}

/*
 * The call would sleep, and does nothing instead; @room bytes it could have
 * moved before. Returns what the call has to return.
 */
static inline int64_t would_block(struct step *s, const char *why,
				  uint64_t room)
{
	s->res->outcome = OUT_BLOCKED;
	s->res->room = room;
	return refuse(s, EAGAIN, why);
}

/* mmap.c, brk.c, mprotect.c */
int64_t sys_mmap(struct step *s, const struct op_mmap *a);
int64_t sys_mmap2(struct step *s, const struct op_mmap2 *a);
int64_t sys_munmap(struct step *s, const struct op_munmap *a);
int64_t sys_mprotect(struct step *s, const struct op_mprotect *a);
int64_t sys_brk(struct step *s, const struct op_brk *a);

int64_t sys_madvise(struct step *s, const struct op_madvise *a); /* madvise.c */
int64_t sys_mremap(struct step *s, const struct op_mremap *a);	/* mremap.c */

/* mlock.c, mseal.c, mincore.c, msync.c, fremap.c */
int64_t sys_mlock(struct step *s, const struct op_mlock *a);
int64_t sys_mlock2(struct step *s, const struct op_mlock2 *a);
int64_t sys_munlock(struct step *s, const struct op_munlock *a);
int64_t sys_mlockall(struct step *s, const struct op_mlockall *a);
int64_t sys_munlockall(struct step *s, const struct op_munlockall *a);
int64_t sys_mseal(struct step *s, const struct op_mseal *a);
/* One byte a page into @vec, s->res->done of them; also before a refusal. */
int64_t sys_mincore(struct step *s, const struct op_mincore *a, uint8_t *vec);
/* Entries that a mincore may fill in; 0 if it will be refused. */
uint64_t mincore_pages(const struct machine *m, const struct op_mincore *a);
int64_t sys_msync(struct step *s, const struct op_msync *a);
int64_t sys_remap_file_pages(struct step *s,
			     const struct op_remap_file_pages *a);

/* process_vm.c: @local in the caller's memory, @remote in the other's. */
int64_t sys_process_vm_readv(struct step *s, uint32_t remote_pid,
			     const struct op_iov *local,
			     const struct op_iov *remote);
int64_t sys_process_vm_writev(struct step *s, uint32_t remote_pid,
			      const struct op_iov *local,
			      const struct op_iov *remote);

/* access.c: what a program's own instructions do; these fill s->res. */
int64_t sys_access_ok(struct step *s, const struct op_access_ok *a);
void mem_read(struct step *s, const struct op_mem_read *a, uint8_t *buf);
void mem_write(struct step *s, const struct op_mem_write *a,
	       const uint8_t *data, size_t len);
void mem_fill(struct step *s, const struct op_mem_fill *a);
void mem_touch(struct step *s, const struct op_mem_touch *a);

/* open.c: paths are bytes without a NUL, not terminated. */
int64_t sys_open(struct step *s, const struct op_open *a, const char *path,
		 size_t len);
int64_t sys_unlink(struct step *s, const char *path, size_t len);
/* From outside of the machine: the file and the directories above it, or nothing. */
int64_t file_create(struct step *s, const struct op_file_create *a,
		    const char *path, size_t path_len, const uint8_t *data,
		    size_t len);

/* file.c, read_write.c */
int64_t sys_memfd_create(struct step *s, const struct op_memfd_create *a);
int64_t sys_close(struct step *s, const struct op_close *a);
int64_t sys_dup(struct step *s, const struct op_dup *a);
int64_t sys_fcntl(struct step *s, const struct op_fcntl *a);	/* fcntl.c */
int64_t sys_pipe(struct step *s, const struct op_pipe *a);	/* pipe.c */
/* splice.c */
int64_t sys_splice(struct step *s, const struct op_splice *a);
int64_t sys_tee(struct step *s, const struct op_tee *a);
int64_t sys_vmsplice(struct step *s, const struct op_vmsplice *a,
		     const struct op_iov *iov);
int64_t sys_sendfile(struct step *s, const struct op_sendfile *a);
int64_t sys_ftruncate(struct step *s, const struct op_ftruncate *a);
int64_t sys_fsync(struct step *s, const struct op_fsync *a);
int64_t sys_lseek(struct step *s, const struct op_lseek *a);
int64_t sys_read(struct step *s, const struct op_read *a, uint8_t *buf);
int64_t sys_pread(struct step *s, const struct op_pread *a, uint8_t *buf);
int64_t sys_write(struct step *s, const struct op_write *a,
		  const uint8_t *data, size_t len);
int64_t sys_pwrite(struct step *s, const struct op_pwrite *a,
		   const uint8_t *data, size_t len);

/* fork.c, exit.c, exec.c, task.c */
/* @data: a struct exec_image where a->image says so. */
int64_t do_spawn(struct step *s, const struct op_spawn *a, const uint8_t *data,
		 size_t len);
/*
 * Another program for the current process; fills s->res. What Linux finds out
 * before it lets go of the old one is refused with an errno, what later is
 * SIGSEGV; neither changes anything unless the signal is delivered.
 */
void do_execve(struct step *s, const uint8_t *data, size_t len);
int64_t do_fork(struct step *s, const struct op_fork *a);
void do_exit(struct step *s);
int64_t sys_setrlimit(struct step *s, const struct op_setrlimit *a);

/* sysctl.c: the machine's own; neither can fail (mm_step() looked). */
void sysctl_write(struct step *s, const struct op_sysctl *a);
void machine_tick(struct step *s, const struct op_tick *a);

#endif
