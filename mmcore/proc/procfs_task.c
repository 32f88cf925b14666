/* SPDX-License-Identifier: MIT */
/*
 * /proc's files of a process, byte for byte as Linux 6.18 prints them. What has
 * no meaning here (credentials, signals, scheduling) has the value an ordinary
 * root process shows.
 */
#include "mmcore/mm/pgtable.h"
#include "mmcore/proc/procfs.h"
#include "mmcore/uapi.h"

#define KB(pages) ((uint64_t)(pages) << (PAGE_SHIFT - 10))

static const struct mm_struct *task_mm(const struct machine *m, task_ref task)
{
	return mm_at(m, task_at(m, task)->mm);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- maps ---- */

static char *put_flag(char *p, uint64_t flag, char letter)
{
	*p = flag ? letter : '-';
	return p + 1;
}

/* seq_file_path(): only what would break the line is escaped. */
static char *put_path(char *p, const char *path)
{
	for (; *path; path++) {
		if (*path == '\n')
			p = put_text(p, "\\012");
		else
			*p++ = *path;
	}
	return p;
}

char *put_map_prefix(char *line, const struct map_prefix *map, const char *name)
{
	char *p = put_hex(line, map->start, 8);

	*p++ = '-';
	p = put_hex(p, map->end, 8);
	*p++ = ' ';
	p = put_flag(p, map->vm_flags & VM_READ, 'r');
	p = put_flag(p, map->vm_flags & VM_WRITE, 'w');
	p = put_flag(p, map->vm_flags & VM_EXEC, 'x');
	*p++ = map->vm_flags & VM_MAYSHARE ? 's' : 'p';
	*p++ = ' ';
	p = put_hex(p, map->offset, 8);
	*p++ = ' ';
	p = put_hex(p, map->major, 2);
	*p++ = ':';
	p = put_hex(p, map->minor, 2);
	*p++ = ' ';
	p = put_dec(p, map->ino, 0);
	*p++ = ' ';
	if (*name) {
		while (p < line + map->column)
			*p++ = ' ';
		p = put_path(p, name);
	}
	*p++ = '\n';
	return p;
}

/* The offset of anonymous memory is 0, whatever vm_pgoff is. */
void show_map_vma(const struct machine *m, vma_ref ref, struct text *t)
{
	const struct vm_area_struct *vma = vma_at(m, ref);
	char path[MM_PATH_MAX];
	const char *name = mm_vma_name(m, ref, path);
	char *line = text_room(t, NAME_COLUMN_MAX + 64 +
				  text_length(name) * 4);
	struct map_prefix map = {
		.start = vma->vm_start,
		.end = vma->vm_end,
		.vm_flags = vma->vm_flags,
		.column = name_column(m),
	};

	if (!line)
		return;
	if (!file_none(vma->vm_file)) {
		mm_vma_backing(m, ref, &map.major, &map.minor, &map.ino);
		map.offset = vma->vm_pgoff << PAGE_SHIFT;
	}
	text_done(t, put_map_prefix(line, &map, name));
}

bool show_gate_vma(const struct machine *m, struct text *t)
{
	const struct map_prefix gate = {
		.start = 0xffffffffff600000ULL,
		.end = 0xffffffffff601000ULL,
		.vm_flags = VM_EXEC,
		.column = name_column(m),
	};
	char *line;

	if (!m->arch->vsyscall)
		return false;
	line = text_room(t, NAME_COLUMN_MAX + 64);
	if (line)
		text_done(t, put_map_prefix(line, &gate, "[vsyscall]"));
	return true;
}

static void show_maps(const struct machine *m, task_ref task, struct text *t)
{
	vma_ref v = task_mm(m, task)->mmap;

	for (; !vma_none(v); v = vma_next(m, v))
		show_map_vma(m, v, t);
	show_gate_vma(m, t);
}

/* ---- status ---- */

static void status_kb(struct text *t, const char *label, uint64_t pages)
{
	char *p = text_room(t, 64);

	if (!p)
		return;
	p = put_text(p, label);
	*p++ = '\t';
	p = put_dec(p, KB(pages), 8);
	text_done(t, put_text(p, " kB\n"));
}

static void status_number(struct text *t, const char *label, uint64_t number)
{
	char *p = text_room(t, 64);

	if (!p)
		return;
	p = put_text(p, label);
	*p++ = '\t';
	p = put_dec(p, number, 0);
	*p++ = '\n';
	text_done(t, p);
}

/* A name may hold anything: what would break a line is escaped in octal. */
static char *put_comm(char *p, const char *comm)
{
	for (; *comm; comm++) {
		if (*comm == '\n') {
			p = put_text(p, "\\n");
		} else if (*comm == '\\') {
			p = put_text(p, "\\\\");
		} else {
			*p++ = *comm;
		}
	}
	return p;
}

static void status_name(struct text *t, const struct task_struct *task)
{
	char *p = text_room(t, 64);

	if (!p)
		return;
	p = put_text(p, "Name:\t");
	p = put_comm(p, task->comm);
	*p++ = '\n';
	text_done(t, p);
}

static void status_ids(const struct machine *m, const struct task_struct *task,
		       struct text *t)
{
	const uint64_t pid = (uint64_t)task->pid;
	const bool root = task->flags & PF_PRIVILEGED;
	const char *id = root ? "0\t0\t0\t0\n" : "1000\t1000\t1000\t1000\n";

	status_name(t, task);
	text_put(t, "Umask:\t0022\nState:\tS (sleeping)\n");
	status_number(t, "Tgid:", pid);
	status_number(t, "Ngid:", 0);
	status_number(t, "Pid:", pid);
	status_number(t, "PPid:", (uint64_t)task->ppid);
	status_number(t, "TracerPid:", 0);
	text_put(t, "Uid:\t");
	text_put(t, id);
	text_put(t, "Gid:\t");
	text_put(t, id);
	status_number(t, "FDSize:", files_at(m, task->files)->max_fds);
	text_put(t, "Groups:\t \n");
	status_number(t, "NStgid:", pid);
	status_number(t, "NSpid:", pid);
	status_number(t, "NSpgid:", pid);
	status_number(t, "NSsid:", pid);
	status_number(t, "Kthread:", 0);
}

/* The program's own text, at most what is mapped executable (task_mem()). */
static uint64_t text_pages(const struct mm_struct *mm)
{
	uint64_t pages = (PAGE_ALIGN(mm->end_code) -
			  (mm->start_code & PAGE_MASK)) >> PAGE_SHIFT;

	return pages < mm->exec_vm ? pages : mm->exec_vm;
}

static void status_mem(const struct mm_struct *mm, struct text *t)
{
	status_kb(t, "VmPeak:", larger(mm->hiwater_vm, mm->total_vm));
	status_kb(t, "VmSize:", mm->total_vm);
	status_kb(t, "VmLck:", mm->locked_vm);
	status_kb(t, "VmPin:", mm->pinned_vm);
	status_kb(t, "VmHWM:", larger(mm->hiwater_rss, get_mm_rss(mm)));
	status_kb(t, "VmRSS:", get_mm_rss(mm));
	status_kb(t, "RssAnon:", mm->_anon_rss);
	status_kb(t, "RssFile:", mm->_file_rss);
	status_kb(t, "RssShmem:", mm->_shmem_rss);
	status_kb(t, "VmData:", mm->data_vm);
	status_kb(t, "VmStk:", mm->stack_vm);
	status_kb(t, "VmExe:", text_pages(mm));
	status_kb(t, "VmLib:", mm->exec_vm - text_pages(mm));
	status_kb(t, "VmPTE:", mm_pgtable_pages(mm));
	status_kb(t, "VmSwap:", mm->_swap_ents);
	status_kb(t, "HugetlbPages:", 0);
}

/* Of the architecture: huge pages need a PMD of their own. */
static void status_arch(const struct arch *a, struct text *t)
{
	char *p = text_room(t, 96);

	if (!p)
		return;
	p = put_text(p, "CoreDumping:\t0\nTHP_enabled:\t");
	*p++ = a->nr_levels > 2 ? '1' : '0';
	p = put_text(p, "\nuntag_mask:\t0x");
	p = put_hex(p, a->ulong_max, 1);
	text_done(t, put_text(p, "\nThreads:\t1\nSigQ:\t0/"));
}

static void status_signals(const struct arch *a, const struct task_struct *task,
			   struct text *t)
{
	const char *caps = task->flags & PF_PRIVILEGED
		? "000001ffffffffff\n" : "0000000000000000\n";
	static const char *const sets[] = {
		"CapInh:\t", "CapPrm:\t", "CapEff:\t", "CapBnd:\t", "CapAmb:\t",
	};
	char *p;

	status_arch(a, t);
	p = text_room(t, 24);
	if (p)
		text_done(t, put_dec(p, task->rlim[RLIMIT_SIGPENDING].rlim_cur, 0));
	text_put(t, "\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\n"
		    "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
		    "SigCgt:\t0000000000000000\n");
	for (int i = 0; i < 5; i++) {
		text_put(t, sets[i]);
		text_put(t, i == 0 || i == 4 ? "0000000000000000\n"
				  : i == 3 ? "000001ffffffffff\n" : caps);
	}
	text_put(t, "NoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n"
		    "Speculation_Store_Bypass:\t");
	text_put(t, a->spec_store);
	text_put(t, "\nSpeculationIndirectBranch:\t");
	text_put(t, a->spec_branch);
	text_put(t, "\n");
}

static void status_cpus(const struct machine *m, struct text *t)
{
	const uint32_t cpus = kernel_at(m)->cpus;
	const uint64_t mask = cpus == 64 ? ~0ULL : (1ULL << cpus) - 1;
	char *p = text_room(t, 160);

	if (!p)
		return;
	p = put_text(p, "Cpus_allowed:\t");
	p = put_hex(p, mask, 1);
	p = put_text(p, "\nCpus_allowed_list:\t0");
	if (cpus > 1) {
		*p++ = '-';
		p = put_dec(p, cpus - 1, 0);
	}
	p = put_text(p, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
	text_done(t, p);
	status_number(t, "voluntary_ctxt_switches:", 0);
	status_number(t, "nonvoluntary_ctxt_switches:", 0);
}

static void show_status(const struct machine *m, task_ref ref, struct text *t)
{
	const struct task_struct *task = task_at(m, ref);

	status_ids(m, task, t);
	status_mem(task_mm(m, ref), t);
	status_signals(m->arch, task, t);
	status_cpus(m, t);
}

/* ---- statm, stat ---- */

static char *put_fields(char *p, const uint64_t *field, int nr)
{
	for (int i = 0; i < nr; i++) {
		if (i)
			*p++ = ' ';
		p = put_dec(p, field[i], 0);
	}
	*p++ = '\n';
	return p;
}

static void show_statm(const struct machine *m, task_ref task, struct text *t)
{
	const struct mm_struct *mm = task_mm(m, task);
	const uint64_t text = (PAGE_ALIGN(mm->end_code) -
			       (mm->start_code & PAGE_MASK)) >> PAGE_SHIFT;
	const uint64_t field[] = {
		mm->total_vm, get_mm_rss(mm), mm->_file_rss + mm->_shmem_rss, text, 0,
		mm->data_vm + mm->stack_vm, 0,
	};
	char *p = text_room(t, 8 * 24);

	if (p)
		text_done(t, put_fields(p, field, 7));
}

static void show_stat(const struct machine *m, task_ref ref, struct text *t)
{
	const struct task_struct *task = task_at(m, ref);
	const struct mm_struct *mm = task_mm(m, ref);
	const uint64_t pid = (uint64_t)task->pid;
	/* Fields 4 … 52 of proc(5); 8, tpgid, is -1 and written apart. */
	const uint64_t head[] = { (uint64_t)task->ppid, pid, pid, 0 };
	const uint64_t tail[] = {
		0, task->min_flt, 0, task->maj_flt, 0, 0, 0, 0, 0, 20, 0, 1, 0,
		task->start_time * 100 / 250, mm->total_vm << PAGE_SHIFT,
		get_mm_rss(mm), ulong_of(m, task->rlim[RLIMIT_RSS].rlim_cur),
		mm->start_code,
		mm->end_code, mm->start_stack, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17, 0,
		0, 0, 0, 0, 0, mm->start_data, mm->end_data, mm->start_brk,
		mm->arg_start, mm->arg_end, mm->env_start, mm->env_end, 0,
	};
	char *p = text_room(t, 64 + 52 * 24);

	if (!p)
		return;
	p = put_dec(p, pid, 0);
	p = put_text(p, " (");
	p = put_text(p, task->comm);
	p = put_text(p, ") S ");
	p = put_fields(p, head, 4);
	p[-1] = ' ';
	p = put_text(p, "-1 ");
	text_done(t, put_fields(p, tail, sizeof(tail) / sizeof(tail[0])));
}

/* ---- the small ones ---- */

static void show_comm(const struct machine *m, task_ref task, struct text *t)
{
	text_put(t, task_at(m, task)->comm);
	text_put(t, "\n");
}

/*
 * access_remote_vm() with FOLL_ANON: a byte of anonymous memory that may be read;
 * what nobody touched yet is zero. NULL: it is no such memory.
 */
static const char *anon_byte(const struct machine *m, mm_ref mm, uint64_t addr)
{
	const vma_ref ref = vma_lookup(m, mm, addr);
	const struct vm_area_struct *vma;
	struct mm_walk_level levels[MM_WALK_LEVELS];
	pfn_t pfn;

	if (vma_none(ref))
		return NULL;
	vma = vma_at(m, ref);
	if (vma->vm_start > addr || !(vma->vm_flags & VM_READ) ||
	    vma->vm_ops != VM_OPS_NONE || !file_none(vma->vm_file))
		return NULL;
	mm_walk(m, mm, addr, levels, &pfn);
	if (!pfn)
		pfn = (pfn_t)kernel_at(m)->zero_pfn;
	return (const char *)ram_at(m, ((uint64_t)pfn << PAGE_SHIFT)) +
	       (addr & ~PAGE_MASK);
}

/*
 * get_mm_cmdline(): the arguments. A program that has written over the NUL at
 * their end means a title of its own, which goes on to the next NUL, into the
 * environment if that follows.
 */
static void show_cmdline(const struct machine *m, task_ref task,
			 struct text *t)
{
	const struct mm_struct *mm = task_mm(m, task);
	const mm_ref ref = task_at(m, task)->mm;
	uint64_t end = mm->arg_end;
	const char *last, *from;
	bool title;

	if (mm->arg_start >= end)
		return;
	last = anon_byte(m, ref, end - 1);
	title = last && *last;
	if (title && mm->env_start == end && mm->env_end > end)
		end = mm->env_end;
	if (title && end - mm->arg_start > PAGE_SIZE)
		end = mm->arg_start + PAGE_SIZE;
	for (uint64_t addr = mm->arg_start; addr < end; addr++) {
		char *p;

		from = anon_byte(m, ref, addr);
		p = from ? text_room(t, 1) : NULL;
		if (!p)
			return;
		*p = *from;
		text_done(t, p + 1);
		if (title && !*from)
			return;
	}
}

static char *put_limit(char *p, uint64_t value)
{
	char *end;

	if (value == RLIM_INFINITY)
		return put_padded(p, "unlimited", 20);
	end = put_dec(p, value, 0);
	while (end < p + 20)
		*end++ = ' ';
	return end;
}

static void show_limits(const struct machine *m, task_ref task, struct text *t)
{
	static const struct { const char *name, *unit; } limit[RLIM_NLIMITS] = {
		[RLIMIT_CPU] = { "Max cpu time", "seconds" },
		[RLIMIT_FSIZE] = { "Max file size", "bytes" },
		[RLIMIT_DATA] = { "Max data size", "bytes" },
		[RLIMIT_STACK] = { "Max stack size", "bytes" },
		[RLIMIT_CORE] = { "Max core file size", "bytes" },
		[RLIMIT_RSS] = { "Max resident set", "bytes" },
		[RLIMIT_NPROC] = { "Max processes", "processes" },
		[RLIMIT_NOFILE] = { "Max open files", "files" },
		[RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" },
		[RLIMIT_AS] = { "Max address space", "bytes" },
		[RLIMIT_LOCKS] = { "Max file locks", "locks" },
		[RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
		[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" },
		[RLIMIT_NICE] = { "Max nice priority", "" },
		[RLIMIT_RTPRIO] = { "Max realtime priority", "" },
		[RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
	};

	text_put(t, "Limit                     Soft Limit           "
		    "Hard Limit           Units     \n");
	for (int r = 0; r < RLIM_NLIMITS; r++) {
		const struct rlimit *rlim = &task_at(m, task)->rlim[r];
		char *p = text_room(t, 128);

		if (!p)
			return;
		p = put_padded(p, limit[r].name, 26);
		p = put_limit(p, rlim->rlim_cur);
		*p++ = ' ';
		p = put_limit(p, rlim->rlim_max);
		*p++ = ' ';
		if (*limit[r].unit)
			p = put_padded(p, limit[r].unit, 10);
		*p++ = '\n';
		text_done(t, p);
	}
}

const struct proc_pid_file proc_pid_files[] = {
	{ "cmdline", show_cmdline, LOOKS_AT_TASK, NULL },
	{ "comm", show_comm, LOOKS_AT_TASK, NULL },
	{ "limits", show_limits, LOOKS_AT_TASK, NULL },
	{ "maps", show_maps, LOOKS_AT_AREAS, NULL },
	{ "pagemap", NULL, LOOKS_AT_PAGES, &proc_pagemap },
	{ "smaps", show_smaps, LOOKS_AT_PAGES, NULL },
	{ "smaps_rollup", show_smaps_rollup, LOOKS_AT_PAGES, NULL },
	{ "stat", show_stat, LOOKS_AT_TASK, NULL },
	{ "statm", show_statm, LOOKS_AT_TASK, NULL },
	{ "status", show_status, LOOKS_AT_TASK, NULL },
	{ NULL, NULL, LOOKS_AT_TASK, NULL },
};
