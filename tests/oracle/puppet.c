/* SPDX-License-Identifier: MIT */
/*
 * The host's side: processes led by the hand with ptrace(2).
 *
 * A puppet starts from an ELF image of one page that this file makes up. After
 * exec its address space is swept: the program's page, [vdso], [vvar] and the
 * first stack go, a fresh stack and the stub page come, and start_brk is put
 * where a position-independent program would have it. From then on everything
 * is done by its own instructions in the stub page: registers are set, it runs
 * to the int3, the registers are read. Faults stop it with the exact siginfo
 * and are not delivered, so it needs no handler and no stack of its own; what
 * its memory looks like is read from /proc.
 *
 * It runs without capabilities, without THP and without ASLR.
 */
#include "tests/oracle/scratch.h"
#include "tests/oracle/sides.h"

#if defined(__linux__) && defined(__x86_64__)

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/elf.h>
#include <linux/prctl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/oracle/stub.h"

/* PAGEMAP_SCAN (Linux 6.7): older headers do not have it. */
struct scan_region { uint64_t start, end, categories; };
struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t inverted, mask, anyof_mask, return_mask;
};
#define SCAN_IOCTL	_IOWR('f', 16, struct scan_arg)
#define SCAN_PRESENT	(1ULL << 3)
#define SCAN_PFNZERO	(1ULL << 5)
#define SCAN_REGIONS	512

#define NR_MSEAL 462		/* Linux 6.10: likewise */
#define NR_PKEYS 16		/* x86: protection keys of an address space */

#define PAGEMAP_EXCLUSIVE	(1ULL << 56)
#define PAGEMAP_FILE		(1ULL << 61)

#define ELF_ADDR	0x200000ULL
#define TEXT_MAX	(2 << 20)	/* bytes of a process's smaps */

struct puppet {
	pid_t host;			/* 0: not alive */
	int maps, smaps, rollup, status, stat, statm, pagemap;
};

struct puppets {
	struct puppet all[MAX_PROCESSES + 1];	/* by simulated pid */
	uint32_t last_pid;
	uint64_t base_min_flt;
	struct scratch scratch;
	bool names;		/* there were deeds about names */
	struct inodes inodes;
	char text[TEXT_MAX];
};

#define EFLAGS_TF 0x100		/* trap after one instruction */

/* Above every address, and still so when two are added: see exec_touch(). */
#define NOWHERE 0x4000000000000000ULL

__asm__(
"	.pushsection .rodata\n"
"	.globl stub_begin, stub_end, stub_syscall, stub_load, stub_store\n"
"	.globl stub_read, stub_write, stub_put\n"
"stub_begin:\n"
"stub_syscall:\n"
"	syscall\n"
"	int3\n"
"stub_load:\n"
"	movb (%rdi), %al\n"
"	orq $4095, %rdi\n"
"	incq %rdi\n"
"	cmpq %rsi, %rdi\n"
"	jb stub_load\n"
"	int3\n"
"stub_store:\n"
"	lock orb $0, (%rdi)\n"
"	orq $4095, %rdi\n"
"	incq %rdi\n"
"	cmpq %rsi, %rdi\n"
"	jb stub_store\n"
"	int3\n"
"stub_read:\n"
"	movzbl (%rdi), %edx\n"
"	imulq $31, %rax, %rax\n"
"	addq %rdx, %rax\n"
"	incq %rdi\n"
"	decq %rcx\n"
"	jnz stub_read\n"
"	int3\n"
"stub_write:\n"
"	andl $31, %eax\n"
"	movb (%rsi,%rax), %dl\n"
"	movb %dl, (%rdi)\n"
"	incq %rdi\n"
"	incl %eax\n"
"	decq %rcx\n"
"	jnz stub_write\n"
"	int3\n"
"stub_put:\n"
"	movq %rax, (%rdi)\n"
"	int3\n"
"stub_end:\n"
"	.popsection\n");

_Static_assert(PATTERN_BYTES == 32, "stub_write counts modulo 32");
_Static_assert(sizeof(struct rlimit) == sizeof(struct limit_pair) &&
	       STUB_LIMITS + sizeof(limit_pairs) <= STUB_PATTERN,
	       "the tables fit the stub page");

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "oracle: %s: %s\n", what, strerror(errno));
	exit(99);
}

static uint64_t stub_offset(const uint8_t *gadget)
{
	return (uint64_t)(gadget - stub_begin);
}

/* ---- leading a puppet ---- */

/* Waits for it to stop: the stop signal, or 0 when it is gone. */
static int wait_stop(pid_t pid, int *status)
{
	while (waitpid(pid, status, __WALL) < 0)
		if (errno != EINTR)
			fail("waitpid");
	return WIFSTOPPED(*status) ? WSTOPSIG(*status) : 0;
}

static int resume(pid_t pid, int request, int *status)
{
	if (ptrace(request, pid, NULL, NULL))
		fail("ptrace: resume");
	return wait_stop(pid, status);
}

static struct user_regs_struct blank_regs(uint64_t rip)
{
	return (struct user_regs_struct){
		.rip = rip, .orig_rax = ~0ULL, .eflags = 0x202,
		.cs = 0x33, .ss = 0x2b,
	};
}

static void set_regs(pid_t pid, struct user_regs_struct *regs)
{
	if (ptrace(PTRACE_SETREGS, pid, NULL, regs))
		fail("ptrace: set registers");
}

static struct user_regs_struct get_regs(pid_t pid)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs))
		fail("ptrace: get registers");
	return regs;
}

static struct user_regs_struct call_regs(uint64_t gadget, long nr,
					 const uint64_t arg[6])
{
	struct user_regs_struct regs = blank_regs(gadget);

	regs.rax = (uint64_t)nr;
	regs.rdi = arg[0], regs.rsi = arg[1], regs.rdx = arg[2];
	regs.r10 = arg[3], regs.r8 = arg[4], regs.r9 = arg[5];
	return regs;
}

/* What calls have sent their caller since call_signal was last 0. */
static int call_signal;

/* A system call from the gadget at @gadget. */
static int64_t call_at(pid_t pid, uint64_t gadget, long nr,
		       const uint64_t arg[6])
{
	struct user_regs_struct regs = call_regs(gadget, nr, arg);
	int status, stop;

	set_regs(pid, &regs);
	/* What the call sends its caller is told and not delivered. */
	while ((stop = resume(pid, PTRACE_CONT, &status)) == SIGPIPE ||
	       stop == SIGXFSZ)
		call_signal = stop;
	if (stop != SIGTRAP)
		fail("a puppet's system call did not come back");
	return (int64_t)get_regs(pid).rax;
}

#define CALL_AT(pid, gadget, nr, ...) \
	call_at(pid, gadget, nr, (const uint64_t[6]){ __VA_ARGS__ })
#define CALL(pid, nr, ...) \
	CALL_AT(pid, STUB_ADDR + stub_offset(stub_syscall), nr, __VA_ARGS__)

static void must_be(int64_t ret, int64_t wanted, const char *what)
{
	if (ret == wanted)
		return;
	errno = ret < 0 && ret > -4096 ? (int)-ret : 0;
	fail(what);
}

/* ---- setting the stage ---- */

/* The bytes of an ELF program: one page, the gadgets after its headers. */
struct elf_image {
	Elf64_Ehdr header;
	Elf64_Phdr load, stack;
	uint8_t text[512];
};

static int make_elf(void)
{
	struct elf_image elf = {
		.header = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
				     ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC, .e_machine = EM_X86_64,
			.e_version = EV_CURRENT,
			.e_entry = ELF_ADDR + offsetof(struct elf_image, text),
			.e_phoff = offsetof(struct elf_image, load),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
		},
		.load = {
			.p_type = PT_LOAD, .p_flags = PF_R | PF_X,
			.p_vaddr = ELF_ADDR, .p_filesz = sizeof(elf),
			.p_memsz = sizeof(elf), .p_align = 4096,
		},
		.stack = { .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W },
	};
	int fd = memfd_create("puppet", MFD_CLOEXEC);

	memcpy(elf.text, stub_begin, (size_t)(stub_end - stub_begin));
	if (fd < 0 || write(fd, &elf, sizeof(elf)) != sizeof(elf))
		fail("memfd_create");
	return fd;
}

/* A Debian login's, as a simulated process has them. */
static bool set_limits(void)
{
	static const struct { int resource; uint64_t soft, hard; } limits[] = {
		{ RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_STACK, 8 << 20, RLIM_INFINITY },
		{ RLIMIT_MEMLOCK, 8 << 20, 8 << 20 },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit r = { limits[i].soft, limits[i].hard };

		if (setrlimit(limits[i].resource, &r))
			return false;
	}
	return true;
}

/* On this CPU, and those that come of it. */
static bool stay_here(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	return !sched_setaffinity(0, sizeof(one), &one);
}

/* No capability now, and none to come back with exec. */
static bool drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { { 0, 0, 0 } };

	if (geteuid() == 0 && prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0))
		return false;
	return !syscall(SYS_capset, &header, none);
}

/* Descriptors 0, 1 and 2 are /dev/null, and no other survives the exec. */
static void hold_null_alone(void)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < 3; fd++)
		if (dup2(null, fd) < 0)
			_exit(1);
	for (int fd = 3; fd < 1024; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static _Noreturn void become_puppet(int elf, int dir)
{
	static char name[] = "puppet";
	static char *argv[] = { name, NULL }, *envp[] = { NULL };

	if (personality(ADDR_NO_RANDOMIZE) < 0 || !stay_here() || !set_limits() ||
	    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) || !drop_capabilities() ||
	    (dir >= 0 && fchdir(dir)) ||
	    ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(77);
	umask(022);
	hold_null_alone();
	fexecve(elf, argv, envp);
	_exit(77);
}

/* The puppet, in that folder, stopped at its first instruction; 0: this host
 * forbids it. */
static pid_t exec_puppet(int dir)
{
	int elf = make_elf(), status;
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (!pid)
		become_puppet(elf, dir);
	close(elf);
	if (wait_stop(pid, &status) != SIGTRAP)
		return 0;
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL,
		   PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK |
		   PTRACE_O_TRACECLONE | PTRACE_O_TRACEVFORK))
		fail("ptrace: options");
	return pid;
}

/* Puts bytes into a puppet's memory, whatever its protection. */
static void poke(pid_t pid, uint64_t addr, const void *from, size_t len)
{
	for (size_t at = 0; at < len; at += sizeof(long)) {
		long word = 0;
		size_t part = len - at < sizeof(word) ? len - at : sizeof(word);

		memcpy(&word, (const char *)from + at, part);
		if (ptrace(PTRACE_POKEDATA, pid, addr + at, word))
			fail("ptrace: poke");
	}
}

static uint64_t path_addr(uint32_t path)
{
	return STUB_ADDR + STUB_PATHS + path * ORACLE_PATH_LEN;
}

/* The stub page: private anonymous memory, written, then r-x. */
static void make_stub_page(pid_t pid, uint64_t gadget)
{
	must_be(CALL_AT(pid, gadget, SYS_mmap, STUB_ADDR, STUB_LEN,
			PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, ~0ULL, 0),
		STUB_ADDR, "the stub page");
	poke(pid, STUB_ADDR, stub_begin, (size_t)(stub_end - stub_begin));
	poke(pid, STUB_ADDR + STUB_LIMITS, limit_pairs, sizeof(limit_pairs));
	poke(pid, STUB_ADDR + STUB_PATTERN, pattern, sizeof(pattern));
	poke(pid, STUB_ADDR + STUB_NAME, MEMFD_NAME, sizeof(MEMFD_NAME));
	for (int i = 0; i < NR_ORACLE_PATHS; i++)
		poke(pid, path_addr((uint32_t)i), oracle_paths[i],
		     strlen(oracle_paths[i]) + 1);
	must_be(CALL_AT(pid, gadget, SYS_mprotect, STUB_ADDR, STUB_LEN,
			PROT_READ | PROT_EXEC), 0, "the stub page");
}

/*
 * The bounds that mm_struct remembers: an empty program with its heap where a
 * position-independent one would have it. The argument lies in the ELF page,
 * which goes next.
 */
static void set_bounds(pid_t pid, uint64_t scratch)
{
	struct prctl_mm_map map = {
		.start_code = STUB_ADDR, .end_code = STUB_ADDR + STUB_LEN,
		.start_data = STUB_ADDR, .end_data = STUB_ADDR,
		.start_brk = START_BRK, .brk = START_BRK,
		.start_stack = STACK_END - 16,
		.arg_start = STACK_END - 16, .arg_end = STACK_END - 16,
		.env_start = STACK_END - 16, .env_end = STACK_END - 16,
		.exe_fd = ~0U,
	};

	poke(pid, scratch, &map, sizeof(map));
	must_be(CALL(pid, SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, scratch,
		     sizeof(map), 0), 0, "prctl(PR_SET_MM_MAP)");
}

/*
 * Where the CPU has protection keys, Linux makes PROT_EXEC alone "execute only"
 * with a key of its own. The simulated CPU has none, so none may be left.
 */
static void take_all_keys(pid_t pid)
{
	for (int key = 1; key < NR_PKEYS; key++)
		if (CALL(pid, SYS_pkey_alloc, 0, 0) < 0)
			return;
}

/* Unmaps a line of maps unless it is the stub page. */
static void sweep_line(pid_t pid, const char *line)
{
	uint64_t start, end;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2 || start == STUB_ADDR ||
	    start > STACK_END)
		return;
	must_be(CALL(pid, SYS_munmap, start, end - start), 0, "munmap");
}

static int open_proc(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail(path);
	return fd;
}

/* The whole text of a file of /proc, from its beginning. */
static const char *read_text(struct puppets *side, int fd)
{
	size_t len = 0;
	ssize_t n;

	while ((n = pread(fd, side->text + len, TEXT_MAX - 1 - len,
			  (off_t)len)) > 0)
		len += (size_t)n;
	if (n < 0 || len == TEXT_MAX - 1)
		fail("reading /proc");
	side->text[len] = '\0';
	return side->text;
}

static void adopt(struct puppets *side, uint32_t pid, pid_t host)
{
	side->all[pid] = (struct puppet){
		.host = host,
		.maps = open_proc(host, "maps"),
		.smaps = open_proc(host, "smaps"),
		.rollup = open_proc(host, "smaps_rollup"),
		.status = open_proc(host, "status"),
		.stat = open_proc(host, "stat"),
		.statm = open_proc(host, "statm"),
		.pagemap = open_proc(host, "pagemap"),
	};
}

static void set_stage(struct puppets *side, pid_t pid)
{
	uint64_t elf_text = ELF_ADDR + offsetof(struct elf_image, text);
	const char *line;

	make_stub_page(pid, elf_text);
	set_bounds(pid, ELF_ADDR + 1024);
	take_all_keys(pid);
	line = read_text(side, side->all[1].maps);
	for (; *line; line += strcspn(line, "\n") + 1)
		sweep_line(pid, line);
	must_be(CALL(pid, SYS_mmap, STACK_START, STACK_END - STACK_START,
		     PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
		     MAP_FIXED | MAP_GROWSDOWN, ~0ULL, 0),
		STACK_START, "the stack");
	side->base_min_flt = stat_min_flt(read_text(side, side->all[1].stat));
}

struct puppets *puppets_start(void)
{
	struct puppets *side = calloc(1, sizeof(*side));
	pid_t host;

	if (!side || !scratch_make(&side->scratch))
		fail("making a folder for files");
	if (!scratch_place(&side->scratch, side->inodes.device, side->inodes.root))
		fail("the folder for files");
	host = exec_puppet(side->scratch.fd);
	if (!host)
		fail("starting a puppet");
	adopt(side, 1, host);
	side->last_pid = 1;
	set_stage(side, host);
	return side;
}

/* ---- deeds ---- */

static struct puppet *puppet_of(struct puppets *side, uint32_t pid)
{
	if (pid > side->last_pid || !side->all[pid].host) {
		errno = ESRCH;
		fail("a deed of a process that is not there");
	}
	return &side->all[pid];
}

static void drop(struct puppet *p)
{
	close(p->maps);
	close(p->status);
	close(p->stat);
	close(p->smaps);
	close(p->rollup);
	close(p->statm);
	close(p->pagemap);
	p->host = 0;
}

static int64_t do_fork(struct puppets *side, pid_t parent, uint64_t flags)
{
	struct user_regs_struct regs = call_regs(
		STUB_ADDR + stub_offset(stub_syscall), SYS_clone,
		(const uint64_t[6]){ flags });
	unsigned long child;
	int status;

	set_regs(parent, &regs);
	if (resume(parent, PTRACE_CONT, &status) != SIGTRAP)
		fail("clone");
	if (!(status >> 16))	/* no event: it failed */
		return (int64_t)get_regs(parent).rax;
	if (ptrace(PTRACE_GETEVENTMSG, parent, NULL, &child))
		fail("ptrace: event");
	wait_stop((pid_t)child, &status);
	if (resume(parent, PTRACE_CONT, &status) != SIGTRAP)
		fail("clone");
	if (side->last_pid == MAX_PROCESSES)
		fail("too many processes");
	adopt(side, ++side->last_pid, (pid_t)child);
	return side->last_pid;
}

static int64_t do_exit(struct puppet *p)
{
	struct user_regs_struct regs = call_regs(
		STUB_ADDR + stub_offset(stub_syscall), SYS_exit_group,
		(const uint64_t[6]){ 0 });
	int status;

	set_regs(p->host, &regs);
	if (resume(p->host, PTRACE_CONT, &status))
		fail("exit_group");
	drop(p);
	return 0;
}

/* Descriptors: false, it is no such call. */
static bool do_file_call(pid_t pid, const struct op *op, int64_t *ret)
{
	const uint64_t *n = (const uint64_t *)&op->read;

	switch (op->code) {
	case OP_MEMFD_CREATE:
		*ret = CALL(pid, SYS_memfd_create, STUB_ADDR + STUB_NAME,
			    op->memfd_create.flags);
		return true;
	case OP_CLOSE:
		*ret = CALL(pid, SYS_close, n[0]);
		return true;
	case OP_DUP:
		*ret = CALL(pid, SYS_dup, n[0]);
		return true;
	case OP_FTRUNCATE:
		*ret = CALL(pid, SYS_ftruncate, n[0], n[1]);
		return true;
	case OP_FSYNC:
		*ret = CALL(pid, SYS_fsync, n[0]);
		return true;
	case OP_LSEEK:
		*ret = CALL(pid, SYS_lseek, n[0], n[1], op->lseek.whence);
		return true;
	case OP_READ:
		*ret = CALL(pid, SYS_read, n[0], op->read.buf, op->read.count);
		return true;
	case OP_WRITE:
		*ret = CALL(pid, SYS_write, n[0], op->write.buf,
			    op->write.count);
		return true;
	case OP_FCNTL:
		*ret = CALL(pid, SYS_fcntl, n[0], op->fcntl.cmd, op->fcntl.arg);
		return true;
	case OP_TEE:
		*ret = CALL(pid, SYS_tee, n[0], n[1], n[2], n[3]);
		return true;
	case OP_PREAD:
		*ret = CALL(pid, SYS_pread64, n[0], op->pread.buf,
			    op->pread.count, op->pread.offset);
		return true;
	case OP_PWRITE:
		*ret = CALL(pid, SYS_pwrite64, n[0], op->pwrite.buf,
			    op->pwrite.count, op->pwrite.offset);
		return true;
	default:
		return false;
	}
}

static int64_t do_call(struct puppets *side, const struct op *op)
{
	struct puppet *p = puppet_of(side, op->pid);
	int64_t ret;
	int pair;

	if (do_file_call(p->host, op, &ret))
		return ret;
	switch (op->code) {
	case OP_MMAP:
		return CALL(p->host, SYS_mmap, op->mmap.addr, op->mmap.len,
			    op->mmap.prot, op->mmap.flags,
			    (uint64_t)op->mmap.fd, op->mmap.offset);
	case OP_MUNMAP:
		return CALL(p->host, SYS_munmap, op->munmap.addr,
			    op->munmap.len);
	case OP_MPROTECT:
		return CALL(p->host, SYS_mprotect, op->mprotect.addr,
			    op->mprotect.len, op->mprotect.prot);
	case OP_MREMAP:
		return CALL(p->host, SYS_mremap, op->mremap.addr,
			    op->mremap.old_len, op->mremap.new_len,
			    op->mremap.flags, op->mremap.new_addr);
	case OP_MLOCK:
		return CALL(p->host, SYS_mlock, op->mlock.addr, op->mlock.len);
	case OP_MLOCK2:
		return CALL(p->host, SYS_mlock2, op->mlock2.addr,
			    op->mlock2.len, op->mlock2.flags);
	case OP_MUNLOCK:
		return CALL(p->host, SYS_munlock, op->munlock.addr,
			    op->munlock.len);
	case OP_MLOCKALL:
		return CALL(p->host, SYS_mlockall, op->mlockall.flags);
	case OP_MUNLOCKALL:
		return CALL(p->host, SYS_munlockall, 0);
	case OP_MSEAL:
		return CALL(p->host, NR_MSEAL, op->mseal.addr, op->mseal.len,
			    op->mseal.flags);
	case OP_MSYNC:
		return CALL(p->host, SYS_msync, op->msync.addr, op->msync.len,
			    op->msync.flags);
	case OP_REMAP_FILE_PAGES:
		return CALL(p->host, SYS_remap_file_pages,
			    op->remap_file_pages.addr,
			    op->remap_file_pages.size,
			    op->remap_file_pages.prot,
			    op->remap_file_pages.pgoff,
			    op->remap_file_pages.flags);
	case OP_BRK:
		return CALL(p->host, SYS_brk, op->brk.addr);
	case OP_SETRLIMIT:
		pair = limit_pair_index(op->setrlimit.soft,
					op->setrlimit.hard);
		return CALL(p->host, SYS_setrlimit, op->setrlimit.resource,
			    STUB_ADDR + STUB_LIMITS +
			    (uint64_t)pair * sizeof(struct limit_pair));
	case OP_FORK:
		return do_fork(side, p->host, op->fork.flags);
	case OP_EXIT:
		return do_exit(p);
	default:
		fail("not a deed");
	}
}

/* It stopped where it should not: tell the signal as the program had it. */
static void tell_signal(pid_t pid, uint64_t done, struct answer *a)
{
	siginfo_t si;

	if (ptrace(PTRACE_GETSIGINFO, pid, NULL, &si))
		fail("ptrace: siginfo");
	outcome_signal(a, si.si_signo, si.si_code, (uint64_t)si.si_addr, done);
}

/*
 * Jump there for one instruction. What is there is zeros or traps, and with
 * these registers no operand is a valid address: so it was fetched unless the
 * signal is a page fault at the address itself. (PTRACE_SINGLESTEP would not
 * do: it looks at the instruction, so the tracer takes the fault.)
 */
static void exec_touch(pid_t pid, uint64_t addr, struct answer *a)
{
	struct user_regs_struct regs = blank_regs(addr);
	siginfo_t si;
	int status;

	regs.rax = regs.rbx = regs.rcx = regs.rdx = NOWHERE;
	regs.rsi = regs.rdi = regs.rbp = regs.rsp = NOWHERE;
	regs.eflags |= EFLAGS_TF;
	set_regs(pid, &regs);
	if (!resume(pid, PTRACE_CONT, &status))
		fail("exec touch");
	if (ptrace(PTRACE_GETSIGINFO, pid, NULL, &si))
		fail("ptrace: siginfo");
	if ((si.si_signo == SIGSEGV || si.si_signo == SIGBUS) &&
	    (uint64_t)si.si_addr == addr)
		outcome_signal(a, si.si_signo, si.si_code, addr, 0);
	else
		outcome_access(a, 1, 0);
}

/* Run a gadget that goes from @addr on for @len bytes. */
static void do_access(pid_t pid, struct user_regs_struct *regs, uint64_t addr,
		      uint64_t len, bool hashed, struct answer *a)
{
	int status;

	regs->rdi = addr;
	set_regs(pid, regs);
	if (!resume(pid, PTRACE_CONT, &status))
		fail("access");
	*regs = get_regs(pid);
	if (WSTOPSIG(status) == SIGTRAP)
		outcome_access(a, len, hashed ? regs->rax : 0);
	else
		tell_signal(pid, regs->rdi - addr, a);
}

static void do_touch(pid_t pid, const struct op_mem_touch *t, struct answer *a)
{
	struct user_regs_struct regs = blank_regs(STUB_ADDR +
		stub_offset(t->access == ACCESS_WRITE ? stub_store : stub_load));

	if (t->access == ACCESS_EXEC) {
		exec_touch(pid, t->addr, a);
		return;
	}
	regs.rsi = t->addr + t->len;
	do_access(pid, &regs, t->addr, t->len, false, a);
}

static void do_read(pid_t pid, const struct op_mem_read *r, struct answer *a)
{
	struct user_regs_struct regs =
		blank_regs(STUB_ADDR + stub_offset(stub_read));

	regs.rcx = r->len;
	do_access(pid, &regs, r->addr, r->len, true, a);
}

static void do_write(pid_t pid, const struct deed *deed, struct answer *a)
{
	struct user_regs_struct regs =
		blank_regs(STUB_ADDR + stub_offset(stub_write));

	regs.rcx = deed->op.data_len;
	regs.rax = deed->phase;
	regs.rsi = STUB_ADDR + STUB_PATTERN;
	do_access(pid, &regs, deed->op.mem_write.addr, deed->op.data_len,
		  false, a);
}

/* ---- calls with something in memory ---- */

/* Stores of the program's own; false: told the signal that came of it. */
static bool put_words(pid_t pid, uint64_t addr, const uint64_t *words,
		      size_t nr, struct answer *a)
{
	for (size_t i = 0; i < nr; i++) {
		struct user_regs_struct regs =
			blank_regs(STUB_ADDR + stub_offset(stub_put));
		int status;

		regs.rdi = addr + i * sizeof(*words);
		regs.rax = words[i];
		set_regs(pid, &regs);
		if (resume(pid, PTRACE_CONT, &status) != SIGTRAP) {
			tell_signal(pid, i * sizeof(*words), a);
			return false;
		}
	}
	return true;
}

static uint64_t peek(pid_t pid, uint64_t addr)
{
	errno = 0;
	return (uint64_t)ptrace(PTRACE_PEEKDATA, pid, addr, NULL);
}

/*
 * What becomes of a page on its LRU list waits in a batch of the CPU, which holds
 * a reference to it. All puppets run on one CPU, and MADV_WILLNEED of anonymous
 * memory empties its batches.
 */
static void drain_batches(pid_t pid)
{
	must_be(CALL(pid, SYS_madvise, STUB_ADDR, STUB_LEN, MADV_WILLNEED), 0,
		"madvise(MADV_WILLNEED)");
}

/* The host's number of a process; one that nobody has, where it is not there. */
static uint64_t host_pid(const struct puppets *side, uint32_t pid)
{
	return pid <= side->last_pid && side->all[pid].host
		? (uint64_t)side->all[pid].host : INT32_MAX;
}

/* What the call needs lies at deed->vec; what it gives back, too. */
static void do_call_at(const struct puppets *side, pid_t pid,
		       const struct deed *deed, struct answer *a)
{
	const uint64_t at = deed->vec, *n = (const uint64_t *)&deed->op.read;
	uint64_t words[WORDS_MAX];
	int64_t ret;

	if (!put_words(pid, at, words, deed_words(deed, words), a))
		return;
	switch (deed->op.code) {
	case OP_PIPE:
		ret = CALL(pid, SYS_pipe2, at, n[0]);
		break;
	case OP_SPLICE:
		ret = CALL(pid, SYS_splice, n[0],
			   deed->op.splice.off_in == NO_OFFSET ? 0 : at, n[2],
			   deed->op.splice.off_out == NO_OFFSET ? 0 : at + 8,
			   n[4], n[5]);
		break;
	case OP_VMSPLICE:
		ret = CALL(pid, SYS_vmsplice, n[0], at, DEED_RANGES, n[1]);
		break;
	case OP_PROCESS_VM_READV:
	case OP_PROCESS_VM_WRITEV:
		drain_batches(pid);
		ret = CALL(pid, deed->op.code == OP_PROCESS_VM_READV
			   ? SYS_process_vm_readv : SYS_process_vm_writev,
			   host_pid(side, deed->op.process_vm_readv.remote_pid),
			   at, DEED_RANGES,
			   at + DEED_RANGES * sizeof(struct op_iovec),
			   DEED_RANGES, 0);
		break;
	default:
		ret = CALL(pid, SYS_sendfile, n[0], n[1],
			   deed->op.sendfile.offset == NO_OFFSET ? 0 : at, n[3]);
		break;
	}
	outcome_words(a, ret, peek(pid, at), peek(pid, at + 8));
}

static void do_advise(pid_t pid, const struct op_madvise *m, struct answer *a)
{
	outcome_return(a, CALL(pid, SYS_madvise, m->addr, m->len, m->advice));
	drain_batches(pid);
}

static void do_deed(struct puppets *side, const struct deed *deed,
		    struct answer *a)
{
	const struct op *op = &deed->op;
	pid_t pid = puppet_of(side, op->pid)->host;

	call_signal = 0;
	switch (op->code) {
	case OP_MEM_TOUCH:
		do_touch(pid, &op->mem_touch, a);
		break;
	case OP_MEM_READ:
		do_read(pid, &op->mem_read, a);
		break;
	case OP_MEM_WRITE:
		do_write(pid, deed, a);
		break;
	case OP_PIPE:
	case OP_SPLICE:
	case OP_VMSPLICE:
	case OP_SENDFILE:
	case OP_PROCESS_VM_READV:
	case OP_PROCESS_VM_WRITEV:
		do_call_at(side, pid, deed, a);
		break;
	case OP_MADVISE:
		do_advise(pid, &op->madvise, a);
		break;
	case OP_OPEN:
		side->names = true;
		outcome_return(a, CALL(pid, SYS_open, path_addr(deed->path),
				       op->open.flags, op->open.mode));
		break;
	case OP_UNLINK:
		if (is_device_path(deed->path))
			fail("a deed that unlinks a device");
		side->names = true;
		outcome_return(a, CALL(pid, SYS_unlink, path_addr(deed->path)));
		break;
	case OP_MINCORE:
		outcome_return(a, CALL(pid, SYS_mincore, op->mincore.addr,
				       op->mincore.len, deed->vec));
		break;
	default:
		outcome_return(a, do_call(side, op));
		break;
	}
	outcome_sent(a, call_signal);
}

/* ---- answers ---- */

static void tell_region(const struct puppet *p, uint32_t pid,
			const struct scan_region *region, struct page_run *run,
			struct answer *a)
{
	uint64_t entries[512];

	for (uint64_t addr = region->start; addr < region->end;) {
		uint64_t n = (region->end - addr) / 4096;

		if (n > 512)
			n = 512;
		if (pread(p->pagemap, entries, n * 8,
			  (off_t)(addr / 4096 * 8)) != (ssize_t)(n * 8))
			fail("reading pagemap");
		for (uint64_t i = 0; i < n; i++, addr += 4096) {
			struct page_run page = {
				.start = addr,
				.zero = region->categories & SCAN_PFNZERO,
				.file = entries[i] & PAGEMAP_FILE,
				.exclusive = entries[i] & PAGEMAP_EXCLUSIVE,
			};

			answer_page(a, pid, run, &page);
		}
	}
}

static void tell_pages(const struct puppet *p, uint32_t pid, struct answer *a)
{
	struct scan_region regions[SCAN_REGIONS];
	struct page_run run = { .pages = 0 };
	uint64_t from = 0;

	while (from < STACK_END) {
		struct scan_arg arg = {
			.size = sizeof(arg), .start = from, .end = STACK_END,
			.vec = (uint64_t)regions, .vec_len = SCAN_REGIONS,
			.mask = SCAN_PRESENT,
			.return_mask = SCAN_PRESENT | SCAN_PFNZERO,
		};
		int n = ioctl(p->pagemap, SCAN_IOCTL, &arg);

		if (n < 0)
			fail("PAGEMAP_SCAN");
		for (int i = 0; i < n; i++)
			tell_region(p, pid, &regions[i], &run, a);
		from = arg.walk_end;
	}
	answer_page_flush(a, pid, &run);
}

static void tell_process(struct puppets *side, uint32_t pid, struct answer *a)
{
	const struct puppet *p = &side->all[pid];

	answer_maps(a, &side->inodes, pid, read_text(side, p->maps));
	answer_smaps(a, pid, read_text(side, p->smaps));
	answer_rollup(a, pid, read_text(side, p->rollup));
	answer_status(a, pid, read_text(side, p->status));
	answer_statm(a, pid, read_text(side, p->statm));
	answer_min_flt(a, pid, stat_min_flt(read_text(side, p->stat)) -
		       (pid == 1 ? side->base_min_flt : 0));
	tell_pages(p, pid, a);
}

void puppets_do(struct puppets *side, const struct deed *deed,
		struct answer *a)
{
	answer_clear(a);
	inodes_begin(&side->inodes);
	if (deed)
		do_deed(side, deed, a);
	for (uint32_t pid = 1; pid <= side->last_pid; pid++)
		if (side->all[pid].host)
			tell_process(side, pid, a);
	if (side->names)
		scratch_sizes(&side->scratch, a);
	answer_finish(a);
}

void puppets_stop(struct puppets *side)
{
	int status;

	for (uint32_t pid = side->last_pid; pid; pid--) {
		struct puppet *p = &side->all[pid];

		if (!p->host)
			continue;
		kill(p->host, SIGKILL);
		while (wait_stop(p->host, &status))
			;
		drop(p);
	}
	scratch_remove(&side->scratch);
	free(side);
}

/* ---- can this host be asked? ---- */

uint64_t puppets_mmap_min_addr(void)
{
	FILE *f = fopen("/proc/sys/vm/mmap_min_addr", "r");
	uint64_t value = 65536;

	if (!f)
		return value;
	if (fscanf(f, "%" SCNu64, &value) != 1)
		value = 65536;
	fclose(f);
	return value;
}

static bool can_scan(pid_t pid)
{
	struct scan_arg arg = {
		.size = sizeof(arg), .end = STACK_END, .max_pages = 1,
		.mask = SCAN_PRESENT, .return_mask = SCAN_PRESENT,
	};
	struct scan_region region;
	int fd = open_proc(pid, "pagemap"), n;

	arg.vec = (uint64_t)&region;
	arg.vec_len = 1;
	n = ioctl(fd, SCAN_IOCTL, &arg);
	close(fd);
	return n >= 0;
}

static const char *try_puppet(void)
{
	pid_t pid = exec_puppet(AT_FDCWD);
	uint64_t elf_text = ELF_ADDR + offsetof(struct elf_image, text);
	const char *why = NULL;
	int status;

	if (!pid)
		return "ptrace, limits or personality are not permitted";
	if (CALL_AT(pid, elf_text, SYS_prctl, PR_SET_MM, PR_SET_MM_MAP_SIZE,
		    ELF_ADDR + 1024, 0, 0) != -EFAULT)
		why = "prctl(PR_SET_MM_MAP) is not configured";
	else if (!can_scan(pid))
		why = "PAGEMAP_SCAN is not there";
	kill(pid, SIGKILL);
	while (wait_stop(pid, &status))
		;
	return why;
}

const char *puppets_unsupported(void)
{
	struct utsname host;

	if (uname(&host) || strcmp(host.machine, "x86_64") ||
	    strncmp(host.release, "6.18.", 5))
		return "the host's kernel is not Linux 6.18 on x86-64";
	return try_puppet();
}

#else

const char *puppets_unsupported(void)
{
	return "the host is not Linux on x86-64";
}

uint64_t puppets_mmap_min_addr(void)
{
	return 65536;
}

struct puppets *puppets_start(void)
{
	return 0;
}

void puppets_do(struct puppets *side, const struct deed *deed,
		struct answer *a)
{
	(void)side, (void)deed, (void)a;
}

void puppets_stop(struct puppets *side)
{
	(void)side;
}

#endif
