/* SPDX-License-Identifier: MIT */
/*
 * /proc's files of the machine, byte for byte as Linux 6.18 prints them (slabinfo:
 * the format is 2.6.17's too). What the simulation does not have is 0.
 */
#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/vma.h"
#include "mmcore/proc/procfs.h"

#define KB(pages) ((uint64_t)(pages) << (PAGE_SHIFT - 10))

/* ---- meminfo ---- */

uint64_t slab_pages(const struct kernel *k, bool reclaimable)
{
	uint64_t pages = 0;

	for (int i = 0; i < NR_KMEM_CACHES; i++)
		if ((i == CACHE_INODE || i == CACHE_RADIX) == reclaimable)
			pages += k->caches[i].nr_slabs;
	return pages;
}

/* si_mem_available() */
static uint64_t available_pages(const struct machine *m,
				const struct lru_counts *lru)
{
	const struct kernel *k = kernel_at(m);
	uint64_t low = 0, cache, slabs = slab_pages(k, true);
	uint64_t free = nr_free_pages(m), reserve = totalreserve_pages(m);

	for (int type = 0; type < MAX_NR_ZONES; type++)
		low += k->zones[type].pages_low;
	cache = lru_pages(lru, true, true) + lru_pages(lru, false, true);
	free += cache - (cache / 2 < low ? cache / 2 : low);
	free += slabs - (slabs / 2 < low ? slabs / 2 : low);
	return free > reserve ? free - reserve : 0;
}

static void kb_line(struct text *t, const char *label, uint64_t kb)
{
	char *p = text_room(t, 64);

	if (!p)
		return;
	p = put_padded(p, label, 16);
	p = put_dec(p, kb, 8);
	text_done(t, put_text(p, " kB\n"));
}

static void count_line(struct text *t, const char *label, uint64_t count)
{
	char *p = text_room(t, 64);

	if (!p)
		return;
	p = put_padded(p, label, 16);
	p = put_dec(p, count, 8);
	*p++ = '\n';
	text_done(t, p);
}

static void zero_lines(struct text *t, const char *const *labels)
{
	for (; *labels; labels++)
		kb_line(t, *labels, 0);
}

/* A kernel that does not see all of the RAM tells the two parts apart. */
static void meminfo_high(const struct machine *m, struct text *t)
{
	const struct kernel *k = kernel_at(m);
	const struct zone *high = &k->zones[ZONE_HIGHMEM];

	if (m->arch->user_zone != ZONE_HIGHMEM)
		return;
	kb_line(t, "HighTotal:", KB(high->managed_pages));
	kb_line(t, "HighFree:", KB(high->free_pages));
	kb_line(t, "LowTotal:", KB(k->totalram_pages - high->managed_pages));
	kb_line(t, "LowFree:", KB(nr_free_pages(m) - high->free_pages));
}

static void meminfo_lru(const struct machine *m, const struct lru_counts *lru,
			struct text *t)
{
	static const char *const none[] = {
		"SwapTotal:", "SwapFree:", "Zswap:", "Zswapped:", NULL,
	};
	const uint64_t active[] = { KB(lru_pages(lru, true, false)),
				    KB(lru_pages(lru, true, true)) };
	const uint64_t inactive[] = { KB(lru_pages(lru, false, false)),
				      KB(lru_pages(lru, false, true)) };

	kb_line(t, "Active:", active[0] + active[1]);
	kb_line(t, "Inactive:", inactive[0] + inactive[1]);
	kb_line(t, "Active(anon):", active[0]);
	kb_line(t, "Inactive(anon):", inactive[0]);
	kb_line(t, "Active(file):", active[1]);
	kb_line(t, "Inactive(file):", inactive[1]);
	kb_line(t, "Unevictable:", KB(mlocked_pages(lru)));
	kb_line(t, "Mlocked:", KB(mlocked_pages(lru)));
	meminfo_high(m, t);
	zero_lines(t, none);
	kb_line(t, "Dirty:", KB(kernel_at(m)->nr_dirty));
	kb_line(t, "Writeback:", KB(kernel_at(m)->nr_writeback));
}

static void meminfo_kernel(const struct machine *m, struct text *t)
{
	static const char *const none[] = {
		"SecPageTables:", "NFS_Unstable:", "Bounce:", "WritebackTmp:",
		NULL,
	};

	const struct kernel *k = kernel_at(m);

	kb_line(t, "AnonPages:", KB(k->nr_anon_pages));
	kb_line(t, "Mapped:", KB(k->nr_file_mapped));
	kb_line(t, "Shmem:", KB(k->nr_shmem));
	kb_line(t, "KReclaimable:", KB(slab_pages(k, true)));
	kb_line(t, "Slab:", KB(slab_pages(k, true) + slab_pages(k, false)));
	kb_line(t, "SReclaimable:", KB(slab_pages(k, true)));
	kb_line(t, "SUnreclaim:", KB(slab_pages(k, false)));
	kb_line(t, "KernelStack:", 0);
	kb_line(t, "PageTables:", KB(k->nr_page_table_pages));
	zero_lines(t, none);
	kb_line(t, "CommitLimit:", KB(vm_commit_limit(m)));
	kb_line(t, "Committed_AS:", KB(k->vm_committed_space));
}

static void show_meminfo(const struct machine *m, struct text *t)
{
	static const char *const none[] = {
		"VmallocUsed:", "VmallocChunk:", "Percpu:", "AnonHugePages:",
		"ShmemHugePages:", "ShmemPmdMapped:", "FileHugePages:",
		"FilePmdMapped:", "Balloon:", NULL,
	};
	const struct kernel *k = kernel_at(m);
	struct lru_counts lru;

	get_lru_counts(m, &lru);
	kb_line(t, "MemTotal:", KB(k->totalram_pages));
	kb_line(t, "MemFree:", KB(nr_free_pages(m)));
	kb_line(t, "MemAvailable:", KB(available_pages(m, &lru)));
	kb_line(t, "Buffers:", 0);
	kb_line(t, "Cached:", KB(k->nr_file_pages));
	kb_line(t, "SwapCached:", 0);
	meminfo_lru(m, &lru, t);
	meminfo_kernel(m, t);
	kb_line(t, "VmallocTotal:", m->arch->vmalloc_kb);
	zero_lines(t, none);
	count_line(t, "HugePages_Total:", k->nr_hugepages);
	count_line(t, "HugePages_Free:", k->nr_hugepages);
	count_line(t, "HugePages_Rsvd:", 0);
	count_line(t, "HugePages_Surp:", 0);
	kb_line(t, "Hugepagesize:", m->arch->huge_size[0] >> 10);
	kb_line(t, "Hugetlb:", k->nr_hugepages * (m->arch->huge_size[0] >> 10));
	for (int i = 0; i < 3 && m->arch->direct_map[i]; i++)
		kb_line(t, m->arch->direct_map[i], i ? 0 : KB(k->mem_map_end));
}

/* ---- zones and slabs ---- */

static void show_buddyinfo(const struct machine *m, struct text *t)
{
	const struct kernel *k = kernel_at(m);

	for (int type = 0; type < MAX_NR_ZONES; type++) {
		const struct zone *z = &k->zones[type];
		const char *name = zone_name((enum zone_type)type);
		char *p = z->present_pages ? text_room(t, 320) : NULL;

		if (!p)
			continue;
		p = put_text(p, "Node 0, zone ");
		p = put_spaces(p, 8 - text_length(name));
		p = put_text(p, name);
		*p++ = ' ';
		for (int order = 0; order < MAX_ORDER; order++) {
			p = put_dec(p, z->free_area[order].nr_free, 6);
			*p++ = ' ';
		}
		*p++ = '\n';
		text_done(t, p);
	}
}

static void slabinfo_line(struct text *t, const char *name,
			  const struct kmem_cache *c)
{
	char *p = text_room(t, 256);

	if (!p)
		return;
	p = put_padded(p, name, 17);
	*p++ = ' ';
	p = put_dec(p, c->nr_active, 6);
	*p++ = ' ';
	p = put_dec(p, c->nr_slabs * c->num, 6);
	*p++ = ' ';
	p = put_dec(p, c->objsize, 6);
	*p++ = ' ';
	p = put_dec(p, c->num, 4);
	*p++ = ' ';
	p = put_dec(p, 1, 4);
	p = put_text(p, " : tunables    0    0    0 : slabdata ");
	p = put_dec(p, c->nr_slabs - c->nr_free_slabs, 6);
	*p++ = ' ';
	p = put_dec(p, c->nr_slabs, 6);
	*p++ = ' ';
	p = put_dec(p, 0, 6);
	*p++ = '\n';
	text_done(t, p);
}

static void show_slabinfo(const struct machine *m, struct text *t)
{
	text_put(t, "slabinfo - version: 2.1\n"
		    "# name            <active_objs> <num_objs> <objsize>"
		    " <objperslab> <pagesperslab>"
		    " : tunables <limit> <batchcount> <sharedfactor>"
		    " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (int i = 0; i < NR_KMEM_CACHES; i++)
		slabinfo_line(t, kmem_cache_name((enum kmem_cache_id)i),
			      &kernel_at(m)->caches[i]);
}

/* ---- the small ones ---- */

static void show_swaps(const struct machine *m, struct text *t)
{
	(void)m;
	text_put(t, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
}

static void show_loadavg(const struct machine *m, struct text *t)
{
	const struct kernel *k = kernel_at(m);
	char *p = text_room(t, 96);

	if (!p)
		return;
	p = put_text(p, "0.00 0.00 0.00 1/");
	p = put_dec(p, k->nr_tasks, 0);
	*p++ = ' ';
	p = put_dec(p, k->last_pid, 0);
	*p++ = '\n';
	text_done(t, p);
}

#define USER_HZ 100	/* what /proc counts time in */

static void show_uptime(const struct machine *m, struct text *t)
{
	const uint64_t jiffies = kernel_at(m)->jiffies;
	char *p = text_room(t, 96);

	if (!p)
		return;
	for (int i = 0; i < 2; i++) {	/* since boot; idle: all of it */
		const uint64_t cents = jiffies % HZ * 100 / HZ;

		p = put_dec(p, jiffies / HZ, 0);
		*p++ = '.';
		*p++ = (char)('0' + cents / 10);
		*p++ = (char)('0' + cents % 10);
		*p++ = i ? '\n' : ' ';
	}
	text_done(t, p);
}

static char *put_cpu(char *p, uint64_t idle)
{
	p = put_text(p, " 0 0 0 ");	/* user, nice, system */
	p = put_dec(p, idle, 0);
	return put_text(p, " 0 0 0 0 0 0\n");
}

/* Time passes and nobody uses it: the CPUs are idle. */
static void show_stat(const struct machine *m, struct text *t)
{
	const struct kernel *k = kernel_at(m);
	const uint64_t idle = k->jiffies * USER_HZ / HZ;
	char *p = text_room(t, 512 + (size_t)k->cpus * 64);

	if (!p)
		return;
	p = put_cpu(put_text(p, "cpu "), idle * k->cpus);
	for (uint32_t cpu = 0; cpu < k->cpus; cpu++)
		p = put_cpu(put_dec(put_text(p, "cpu"), cpu, 0), idle);
	p = put_text(p, "intr 0\nctxt 0\nbtime 0\nprocesses ");
	p = put_dec(p, k->last_pid, 0);
	p = put_text(p, "\nprocs_running 1\nprocs_blocked 0\n"
			"softirq 0 0 0 0 0 0 0 0 0 0 0\n");
	text_done(t, p);
}

static char *put_field(char *p, const char *label, uint64_t value)
{
	p = put_dec(put_text(p, label), value, 0);
	*p++ = '\n';
	return p;
}

/* What programs look for: how many CPUs there are, and how wide an address is. */
static void show_cpuinfo(const struct machine *m, struct text *t)
{
	const struct arch_level *top = &m->arch->level[0];
	const uint32_t cpus = kernel_at(m)->cpus;

	for (uint32_t cpu = 0; cpu < cpus; cpu++) {
		char *p = text_room(t, 400);

		if (!p)
			return;
		p = put_field(p, "processor\t: ", cpu);
		p = put_text(p, "vendor_id\t: mmapd\nmodel name\t: simulated ");
		p = put_text(p, m->arch->name);
		p = put_text(p, "\nphysical id\t: 0\n");
		p = put_field(p, "siblings\t: ", cpus);
		p = put_field(p, "core id\t\t: ", cpu);
		p = put_field(p, "cpu cores\t: ", cpus);
		p = put_text(p, "address sizes\t: 44 bits physical, ");
		p = put_dec(p, (uint64_t)top->shift + top->bits, 0);
		text_done(t, put_text(p, " bits virtual\n\n"));
	}
}

static void show_version(const struct machine *m, struct text *t)
{
	(void)m;
	text_put(t, "Linux version 6.18.0 (mmapd) (simulated) #1\n");
}

static void show_filesystems(const struct machine *m, struct text *t)
{
	(void)m;
	text_put(t, "nodev\tproc\nnodev\ttmpfs\n\text4\n");
}

const struct proc_file proc_files[] = {
	{ "buddyinfo", show_buddyinfo, LOOKS_AT_ONCE, NULL },
	{ "cpuinfo", show_cpuinfo, LOOKS_AT_ONCE, NULL },
	{ "filesystems", show_filesystems, LOOKS_AT_ONCE, NULL },
	{ "kpagecount", NULL, LOOKS_AT_ONCE, &proc_kpagecount },
	{ "kpageflags", NULL, LOOKS_AT_ONCE, &proc_kpageflags },
	{ "loadavg", show_loadavg, LOOKS_AT_ONCE, NULL },
	{ "meminfo", show_meminfo, LOOKS_AT_LOCKED, NULL },
	{ "pagetypeinfo", show_pagetypeinfo, LOOKS_AT_ONCE, NULL },
	{ "slabinfo", show_slabinfo, LOOKS_AT_ONCE, NULL },
	{ "stat", show_stat, LOOKS_AT_ONCE, NULL },
	{ "swaps", show_swaps, LOOKS_AT_ONCE, NULL },
	{ "uptime", show_uptime, LOOKS_AT_ONCE, NULL },
	{ "version", show_version, LOOKS_AT_ONCE, NULL },
	{ "vmstat", show_vmstat, LOOKS_AT_LOCKED, NULL },
	{ "zoneinfo", show_zoneinfo, LOOKS_AT_LOCKED, NULL },
	{ NULL, NULL, LOOKS_AT_ONCE, NULL },
};
