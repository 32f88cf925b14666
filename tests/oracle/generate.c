/* SPDX-License-Identifier: MIT */
/*
 * Chance with a purpose. Uniform addresses would hit nothing, so most are taken
 * from the edges of what is mapped, and the rest from the places where kernels
 * decide: the two ends of the mmap area, the heap, the stack with its guard
 * gap, the ends of the user half, and addresses that are none.
 */
#include <string.h>

#include "mmcore/mmcore.h"
#include "mmcore/uapi.h"
#include "tests/oracle/generate.h"
#include "tests/oracle/sides.h"

#define PAGES(n) ((uint64_t)(n) << PAGE_SHIFT)
#define TASK_SIZE 0x7ffffffff000ULL
#define MMAP_BASE 0x7ffff7fff000ULL
#define MAX_ALIVE 4
#define MAX_POPULATED PAGES(1024)

/* splitmix64 */
static uint64_t scramble(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

struct dice dice_new(uint64_t seed)
{
	return (struct dice){ .state = scramble(seed + 1),
			      .pipes = seed % 3 == 2, .maps_files = seed % 3 == 1,
			      .long_files = seed % 6 == 4,
			      .seals = seed % 7 == 3 };
}

uint64_t dice_below(struct dice *dice, uint64_t n)
{
	return scramble(dice->state += 0x9e3779b97f4a7c15ULL) % n;
}

static bool percent(struct dice *dice, uint64_t chance)
{
	return dice_below(dice, 100) < chance;
}

#define PICK(dice, list) \
	((list)[dice_below(dice, sizeof(list) / sizeof((list)[0]))])

/* ---- processes ---- */

static uint32_t nr_alive(const struct machine *m)
{
	uint32_t n = 0;

	for (task_ref t = mm_first_task(m); !task_none(t);
	     t = mm_next_task(m, t))
		n++;
	return n;
}

static task_ref any_task(struct dice *dice, const struct machine *m)
{
	uint64_t skip = dice_below(dice, nr_alive(m));
	task_ref t = mm_first_task(m);

	while (skip--)
		t = mm_next_task(m, t);
	return t;
}

/* ---- addresses ---- */

/* Any VMA of the process, by chance; none if there is none. */
static vma_ref any_vma(struct dice *dice, const struct machine *m, mm_ref mm)
{
	const struct mm_struct *space = mm_at(m, mm);
	uint64_t skip;
	vma_ref vma = space->mmap;

	if (!space->map_count)
		return vma;
	skip = dice_below(dice, (uint64_t)space->map_count);
	while (skip--)
		vma = vma_at(m, vma)->vm_next;
	return vma;
}

/* Somewhere inside what is mapped: mostly low in it. */
static uint64_t inside(struct dice *dice, const struct vm_area_struct *vma)
{
	uint64_t pages = vma_pages(vma);

	if (pages > 8 && percent(dice, 70))
		pages = 8;
	return vma->vm_start + PAGES(dice_below(dice, pages));
}

/* An address that has to do with a VMA: its edges, inside, just outside. */
static uint64_t about_vma(struct dice *dice, const struct machine *m,
			  mm_ref mm)
{
	vma_ref ref = any_vma(dice, m, mm);
	const struct vm_area_struct *vma;

	if (vma_none(ref))
		return MMAP_BASE - PAGES(8);
	vma = vma_at(m, ref);
	switch (dice_below(dice, 8)) {
	case 0:
		return vma->vm_start;
	case 1:
		return vma->vm_end;
	case 2:
		return vma->vm_end - PAGES(1 + dice_below(dice, 4));
	case 3:
		return vma->vm_start - PAGES(1 + dice_below(dice, 6));
	default:
		return inside(dice, vma);
	}
}

static uint64_t extreme(struct dice *dice)
{
	static const uint64_t list[] = {
		0, 1, 0x1000, 0xf000, 0x11000, 0x12000, 0x40000000,
		0x7ffff000, 0x80000000, 0x100000000ULL, TASK_SIZE,
		TASK_SIZE - PAGE_SIZE, TASK_SIZE - PAGES(34), 1ULL << 47,
		(1ULL << 47) - 1, (1ULL << 47) - PAGES(16), 1ULL << 56,
		1ULL << 62, 1ULL << 63, 0xffff800000000000ULL,
		0xffffffff81000000ULL, ~0ULL - PAGES(3),
		MMAP_BASE, MMAP_BASE - PAGES(2), 0x2aaaaaaaa000ULL,
	};

	return PICK(dice, list);
}

static uint64_t any_address(struct dice *dice, const struct machine *m,
			    mm_ref mm)
{
	uint64_t where = dice_below(dice, 100);

	if (where < 52)
		return about_vma(dice, m, mm);
	if (where < 64)		/* a small arena that fills up */
		return 0x10000000 + PAGES(dice_below(dice, 48));
	if (where < 70)		/* around a page table's end */
		return 0x40200000 - PAGES(8) + PAGES(dice_below(dice, 16));
	if (where < 78)
		return MMAP_BASE - PAGES(dice_below(dice, 48));
	if (where < 85)
		return START_BRK + PAGES(dice_below(dice, 40)) - PAGES(4);
	if (where < 91)
		return STACK_START - PAGES(dice_below(dice, 64));
	if (where < 94)		/* about where the guard gap ends */
		return STACK_START - PAGES(240 + dice_below(dice, 80));
	if (where < 96)		/* about where RLIMIT_STACK ends */
		return STACK_END - PAGES(2030 + dice_below(dice, 30));
	return extreme(dice);
}

/* Mostly page aligned. */
static uint64_t address(struct dice *dice, const struct machine *m, mm_ref mm)
{
	uint64_t addr = any_address(dice, m, mm);

	return percent(dice, 4) ? addr + dice_below(dice, 4096) : addr;
}

static uint64_t length(struct dice *dice)
{
	static const uint64_t odd[] = { 0, 1, 4095, 4097, 100, 12289 };
	static const uint64_t huge[] = {
		PAGES(512), PAGES(1024), PAGES(1536), PAGES(513), 1ULL << 30,
		(1ULL << 30) + PAGE_SIZE, 1ULL << 40, 1ULL << 46, 1ULL << 47,
		TASK_SIZE, 1ULL << 48, 1ULL << 63, ~0ULL, ~0ULL - 4095,
	};
	uint64_t kind = dice_below(dice, 100);

	if (kind < 84)
		return PAGES(1 + dice_below(dice, percent(dice, 80) ? 6 : 40));
	return kind < 91 ? PICK(dice, odd) : kind < 95 ?
		PAGES(512) * (1 + dice_below(dice, 3)) : PICK(dice, huge);
}

/* Does [addr, addr + len), widened to pages, have the stub page in it? */
static bool hits_stub(uint64_t addr, uint64_t len)
{
	uint64_t start = addr & PAGE_MASK;
	uint64_t end = len > ~0ULL - PAGES(2) - addr ? ~0ULL : addr + len;

	return start < STUB_ADDR + STUB_LEN && PAGE_ALIGN(end) > STUB_ADDR;
}

/* ---- operations ---- */

static uint64_t protection(struct dice *dice)
{
	static const uint8_t usual[] = {
		3, 3, 3, 3, 3, 3, 3, 1, 1, 1, 0, 0, 5, 7, 2, 4, 6,
	};

	return PICK(dice, usual);
}

static uint64_t map_flags(struct dice *dice)
{
	static const struct { uint8_t chance; uint32_t flag; } some[] = {
		{ 25, MAP_FIXED },	{ 6, MAP_FIXED_NOREPLACE },
		{ 10, MAP_NORESERVE },	{ 8, MAP_POPULATE },
		{ 2, MAP_NONBLOCK },	{ 5, MAP_LOCKED },
		{ 8, MAP_GROWSDOWN },	{ 4, MAP_STACK },
		{ 5, MAP_32BIT },	{ 2, MAP_ABOVE4G },
		{ 2, MAP_DENYWRITE },	{ 2, MAP_EXECUTABLE },
		{ 1, MAP_UNINITIALIZED }, { 1, MAP_SYNC },
		{ 1, 1 << 21 },		{ 1, 1 << 9 },
	};
	static const uint8_t odd_types[] = { 0, 3, 4, 8, 9, 10, 15 };
	uint64_t type = dice_below(dice, 100);
	uint64_t flags = type < 74 ? MAP_PRIVATE : type < 96 ? MAP_SHARED :
			 PICK(dice, odd_types);

	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		if (percent(dice, some[i].chance))
			flags |= some[i].flag;
	return percent(dice, 99) ? flags | MAP_ANONYMOUS : flags;
}

static bool is_disk_file(const struct machine *m, uint32_t pid, int64_t fd)
{
	const files_ref files = task_at(m, mm_find_task(m, pid))->files;
	const file_ref file = mm_fd_file(m, files, (uint32_t)fd);

	return !file_none(file) && file_at(m, file)->f_op == FILE_OPS_DISK;
}

/* Mostly none is open there, unless files are what this run is about. */
static int64_t mapped_descriptor(struct dice *dice, const struct machine *m,
				 uint32_t pid)
{
	int64_t fd = (int64_t)dice_below(dice, 6);

	for (int i = 0; dice->maps_files && i < 6 && !is_disk_file(m, pid, fd); i++)
		fd = (int64_t)dice_below(dice, 8);
	return fd;
}

/* Now and then around 2 MiB, where the alignment of mappings turns. */
static uint64_t file_page(struct dice *dice)
{
	if (dice->long_files && percent(dice, 40))
		return PAGES(dice_below(dice, 64));
	return dice->maps_files && percent(dice, 8)
		? PAGES(508 + dice_below(dice, 8)) : PAGES(dice_below(dice, 6));
}

static void make_mmap(struct dice *dice, const struct machine *m, mm_ref mm,
		      struct op *op)
{
	static const uint64_t offsets[] = {
		PAGE_SIZE, PAGES(7), 1, 4097, ~0ULL - 4095, 1ULL << 62,
	};
	struct op_mmap *a = &op->mmap;

	op->code = OP_MMAP;
	*a = (struct op_mmap){ .fd = -1, .prot = protection(dice),
			       .flags = map_flags(dice),
			       .len = length(dice) };
	if (a->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) || percent(dice, 40))
		a->addr = address(dice, m, mm);
	if (percent(dice, 3))
		a->offset = PICK(dice, offsets);
	if (percent(dice, 2))
		a->prot |= 1ULL << dice_below(dice, 32);
	if (percent(dice, dice->maps_files ? 70 : 30)) {
		a->flags &= ~(uint64_t)MAP_ANONYMOUS;
		a->fd = mapped_descriptor(dice, m, op->pid);
		a->offset = percent(dice, 90) ? file_page(dice)
					      : PICK(dice, offsets);
	}
	if (a->flags & (MAP_POPULATE | MAP_LOCKED) && a->len > MAX_POPULATED)
		a->len = MAX_POPULATED;
}

static void make_munmap(struct dice *dice, const struct machine *m, mm_ref mm,
			struct op *op)
{
	op->code = OP_MUNMAP;
	op->munmap.addr = address(dice, m, mm);
	op->munmap.len = length(dice);
}

static void make_mprotect(struct dice *dice, const struct machine *m,
			  mm_ref mm, struct op *op)
{
	op->code = OP_MPROTECT;
	op->mprotect.addr = address(dice, m, mm);
	op->mprotect.len = length(dice);
	op->mprotect.prot = protection(dice);
	if (percent(dice, 6))
		op->mprotect.prot |= PROT_GROWSDOWN;
	if (percent(dice, 2))
		op->mprotect.prot |= PROT_GROWSUP;
	if (percent(dice, 3))
		op->mprotect.prot |= PROT_SEM;
	if (percent(dice, 2))
		op->mprotect.prot |= 1ULL << dice_below(dice, 63);
}

static void make_brk(struct dice *dice, const struct machine *m, mm_ref mm,
		     struct op *op)
{
	uint64_t how = dice_below(dice, 100);

	op->code = OP_BRK;
	if (how < 70)
		op->brk.addr = START_BRK + PAGES(dice_below(dice, 32));
	else if (how < 85)
		op->brk.addr = START_BRK + dice_below(dice, PAGES(48));
	else if (how < 90)
		op->brk.addr = START_BRK + PAGES(1000 + dice_below(dice, 64));
	else if (how < 93)
		op->brk.addr = START_BRK - PAGES(dice_below(dice, 3));
	else
		op->brk.addr = address(dice, m, mm);
}

/* Bytes of an access that do not run over the end of all addresses. */
static uint64_t access_length(struct dice *dice, uint64_t addr, uint64_t max)
{
	uint64_t len = 1 + dice_below(dice, percent(dice, 70) ? 64 : max);

	return len > ~0ULL - addr ? 1 : len;
}

static uint64_t access_address(struct dice *dice, const struct machine *m,
			       mm_ref mm)
{
	vma_ref vma = any_vma(dice, m, mm);

	if (!vma_none(vma) && percent(dice, 75))
		return inside(dice, vma_at(m, vma)) + dice_below(dice, 4096);
	return any_address(dice, m, mm) +
		(percent(dice, 50) ? dice_below(dice, 4096) : 0);
}

static void make_touch(struct dice *dice, const struct machine *m, mm_ref mm,
		       struct op *op)
{
	static const uint8_t kinds[] = {
		ACCESS_READ, ACCESS_READ, ACCESS_WRITE, ACCESS_WRITE,
		ACCESS_WRITE, ACCESS_EXEC,
	};
	uint64_t addr = access_address(dice, m, mm);

	op->code = OP_MEM_TOUCH;
	op->mem_touch.access = PICK(dice, kinds);
	op->mem_touch.len = access_length(dice, addr, PAGES(24));
	/* One instruction, whole in its page, at an address that exists. */
	if (op->mem_touch.access == ACCESS_EXEC) {
		addr &= ((1ULL << 47) - 1) & ~0xfULL;
		op->mem_touch.len = 1;
	}
	op->mem_touch.addr = addr;
}

static void make_read(struct dice *dice, const struct machine *m, mm_ref mm,
		      struct op *op)
{
	op->code = OP_MEM_READ;
	op->mem_read.addr = access_address(dice, m, mm);
	op->mem_read.len = access_length(dice, op->mem_read.addr, PAGES(4));
}

static void make_write(struct dice *dice, const struct machine *m, mm_ref mm,
		       struct deed *deed)
{
	deed->op.code = OP_MEM_WRITE;
	deed->op.mem_write.addr = access_address(dice, m, mm);
	deed->op.data_len = access_length(dice, deed->op.mem_write.addr,
					  PAGES(4));
	deed->phase = (uint32_t)dice_below(dice, PATTERN_BYTES);
}

static void make_setrlimit(struct dice *dice, struct op *op)
{
	static const uint32_t resources[] = {
		RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_MEMLOCK,
		RLIMIT_FSIZE,
	};
	struct op_setrlimit *a = &op->setrlimit;
	const struct limit_pair *pair;

	op->code = OP_SETRLIMIT;
	a->resource = PICK(dice, resources);
	pair = &limit_pairs[dice_below(dice, NR_LIMIT_PAIRS)];
	/* A hard limit once lowered stays: rarely, but where it began low. */
	if (pair->hard != RLIM_INFINITY && a->resource != RLIMIT_MEMLOCK &&
	    percent(dice, 90))
		pair = &limit_pairs[0];
	if (pair->hard == RLIM_INFINITY && a->resource == RLIMIT_MEMLOCK &&
	    percent(dice, 90))
		pair = &limit_pairs[NR_LIMIT_PAIRS - 5];
	if (a->resource != RLIMIT_MEMLOCK && percent(dice, 45))
		pair = &limit_pairs[0];
	a->soft = pair->soft;
	a->hard = pair->hard;
}

static void make_fork(struct dice *dice, struct op *op)
{
	op->code = OP_FORK;
	op->fork.flags = percent(dice, 15) ? CLONE_VM : 0;
	if (percent(dice, 10))
		op->fork.flags |= CLONE_FILES;
}

static void make_mremap(struct dice *dice, const struct machine *m, mm_ref mm,
			struct op *op)
{
	struct op_mremap *a = &op->mremap;
	vma_ref ref = any_vma(dice, m, mm);

	op->code = OP_MREMAP;
	*a = (struct op_mremap){
		.addr = address(dice, m, mm), .old_len = length(dice),
		.new_len = length(dice), .new_addr = address(dice, m, mm),
		.flags = percent(dice, 20) ? 0 : percent(dice, 40) ? 1
			 : percent(dice, 70) ? 3 : dice_below(dice, 10),	/* MREMAP_* */
	};
	if (!vma_none(ref) && percent(dice, 60)) {	/* to its end */
		const struct vm_area_struct *vma = vma_at(m, ref);

		a->addr = percent(dice, 60) ? vma->vm_start
					    : inside(dice, vma) & PAGE_MASK;
		a->old_len = vma->vm_end - a->addr;
	}
	/* D-008: 6.18 forgets what it no longer locks. */
	if (mm_at(m, mm)->locked_vm)
		a->flags &= ~(uint64_t)MREMAP_DONTUNMAP;
	if (percent(dice, 35))
		a->new_len = a->old_len;
	if (percent(dice, 5))
		a->old_len = 0;
}

/* ---- locks, seals, and questions ---- */

static void make_lock(struct dice *dice, const struct machine *m, mm_ref mm,
		      struct op *op)
{
	uint64_t kind = dice_below(dice, 100);

	op->code = kind < 35 ? OP_MLOCK : kind < 50 ? OP_MLOCK2
		 : kind < 90 ? OP_MUNLOCK : kind < 96 ? OP_MLOCKALL
		 : OP_MUNLOCKALL;
	if (op->code == OP_MLOCKALL) {
		op->mlockall.flags = dice_below(dice, 9);
		return;
	}
	op->mlock2.addr = address(dice, m, mm);
	op->mlock2.len = length(dice);
	if (op->code != OP_MUNLOCK && op->mlock2.len > MAX_POPULATED &&
	    op->mlock2.len < TASK_SIZE)
		op->mlock2.len = MAX_POPULATED;
	op->mlock2.flags = dice_below(dice, percent(dice, 90) ? 2 : 4);
}

static void make_mincore(struct dice *dice, const struct machine *m,
			 mm_ref mm, struct deed *deed)
{
	struct op_mincore *a = &deed->op.mincore;

	deed->op.code = OP_MINCORE;
	a->addr = address(dice, m, mm);
	a->len = length(dice);
	if (a->len > PAGES(64) && a->len < TASK_SIZE)
		a->len = PAGES(64);
	/* The store of the answer must not change what is asked about. */
	do
		deed->vec = access_address(dice, m, mm);
	while (deed->vec + PAGES(2) > a->addr &&
	       deed->vec < a->addr + a->len + PAGES(2));
}

/* ---- files ---- */

static int64_t descriptor(struct dice *dice)
{
	uint64_t kind = dice_below(dice, 100);

	return kind < 90 ? 3 + (int64_t)dice_below(dice, 4)
	     : kind < 97 ? (int64_t)dice_below(dice, 3)
			 : (int64_t)dice_below(dice, 9) - 2;
}

/* Where folios of several pages begin, or not. */
static uint64_t long_file_place(struct dice *dice)
{
	const uint64_t page = dice_below(dice, 80);
	const uint64_t align = 1ULL << dice_below(dice, 6);

	return PAGES(page & ~(align - 1)) +
	       (percent(dice, 15) ? dice_below(dice, 4096) : 0);
}

static uint64_t file_place(struct dice *dice)
{
	static const uint64_t odd[] = {
		~0ULL, 1ULL << 63, (1ULL << 63) - 1, (1ULL << 63) - 4096,
		1ULL << 40,
	};
	uint64_t kind = dice_below(dice, 100);

	if (dice->long_files && percent(dice, 60))
		return long_file_place(dice);
	if (dice->maps_files && percent(dice, 5))
		return PAGES(512 * (1 + dice_below(dice, 3))) +
		       dice_below(dice, PAGES(3));
	return kind < 60 ? PAGES(dice_below(dice, 12))
	     : kind < 96 ? dice_below(dice, PAGES(12)) : PICK(dice, odd);
}

/* Several pages, which are mostly there. */
static void make_long(struct dice *dice, const struct machine *m, mm_ref mm,
		      uint64_t *buf, uint64_t *count)
{
	const vma_ref ref = any_vma(dice, m, mm);

	*count = percent(dice, 70) ? PAGES(1 + dice_below(dice, 32))
				   : 1 + dice_below(dice, PAGES(32));
	if (!vma_none(ref) && !hits_stub(vma_at(m, ref)->vm_start, *count))
		*buf = vma_at(m, ref)->vm_start;
	if (*count > ~0ULL - *buf)
		*count = 1;
}

static void make_transfer(struct dice *dice, const struct machine *m,
			  mm_ref mm, struct op *op)
{
	static const uint8_t codes[] = { OP_READ, OP_WRITE, OP_PREAD,
					 OP_PWRITE, OP_PWRITE };
	uint64_t buf = access_address(dice, m, mm);
	uint64_t count = access_length(dice, buf, PAGES(3));
	uint64_t offset = file_place(dice);

	if (dice->long_files && percent(dice, 50))
		make_long(dice, m, mm, &buf, &count);
	op->code = (enum op_code)PICK(dice, codes);
	/* A file that is terabytes long is one thing; writing there another. */
	if (offset == 1ULL << 40 && op->code == OP_PWRITE)
		offset = 0;
	if (percent(dice, 2))
		count = 0;
	if (op->code == OP_READ)
		op->read = (struct op_read){ descriptor(dice), count, buf };
	else if (op->code == OP_WRITE)
		op->write = (struct op_write){ descriptor(dice), buf, count };
	else if (op->code == OP_PREAD)
		op->pread = (struct op_pread){ descriptor(dice), count, offset,
					       buf };
	else
		op->pwrite = (struct op_pwrite){ descriptor(dice), offset, buf,
						 count };
}

static void make_open(struct dice *dice, struct deed *deed)
{
	static const uint32_t flags[] = {
		O_RDWR, O_RDWR, O_RDWR | O_CREAT, O_RDWR | O_CREAT,
		O_RDWR | O_CREAT, O_WRONLY | O_CREAT, O_RDONLY,
		O_RDONLY | O_CREAT, O_RDWR | O_CREAT | O_TRUNC,
		O_RDWR | O_TRUNC, O_RDWR | O_CREAT | O_EXCL, 3,
		O_RDWR | O_APPEND, O_WRONLY | O_CREAT | O_APPEND,
		O_RDONLY | O_TRUNC, O_RDONLY | O_DIRECTORY, O_PATH,
		O_PATH | O_DIRECTORY, O_RDWR | O_DIRECTORY | O_CREAT,
		O_RDWR | __O_TMPFILE | O_DIRECTORY, __O_TMPFILE | O_DIRECTORY,
		O_RDWR | __O_TMPFILE, O_RDWR | O_NOFOLLOW | O_NOATIME,
		O_RDWR | O_CLOEXEC | O_NONBLOCK | O_LARGEFILE | O_NOCTTY,
		O_RDWR | O_DSYNC, O_RDONLY | O_DIRECT | O_DIRECTORY,
	};
	static const uint16_t modes[] = { 0644, 0644, 0644, 0666, 0755, 0, 0444,
					  0222, 07777 };

	deed->op.code = OP_OPEN;
	deed->op.open = (struct op_open){ PICK(dice, flags), PICK(dice, modes) };
	deed_set_path(deed, (uint32_t)dice_below(dice, percent(dice, 70)
				? NR_ORACLE_FILES : NR_ORACLE_PATHS));
	if (percent(dice, 8))
		deed_set_path(deed, ORACLE_DEVICES +
			      (uint32_t)dice_below(dice, NR_ORACLE_DEVICES));
	/* A device of the host's may or may not be the puppet's. */
	if (is_device_path(deed->path))
		deed->op.open.flags &= ~(uint64_t)O_NOATIME;
}

static void make_unlink(struct dice *dice, struct deed *deed)
{
	deed->op.code = OP_UNLINK;
	do
		deed_set_path(deed, (uint32_t)dice_below(dice, NR_ORACLE_PATHS));
	while (is_device_path(deed->path));
}

/* What is not asked of a file of the disk: O_DIRECT, which is only accepted here. */
static bool spares_disk_file(const struct machine *m, const struct op *op)
{
	switch (op->code) {
	case OP_FCNTL:
		return op->fcntl.arg & O_DIRECT &&
		       is_disk_file(m, op->pid, op->fcntl.fd);
	default:
		return false;
	}
}

/* Half of those that are made take seals, and some get one. */
static void make_memfd(struct dice *dice, struct op *op)
{
	if (percent(dice, 30)) {
		op->code = OP_FCNTL;
		op->fcntl = (struct op_fcntl){ .fd = descriptor(dice),
			.cmd = percent(dice, 80) ? F_ADD_SEALS : F_GET_SEALS,
			.arg = percent(dice, 80) ? 1ULL << dice_below(dice, 6)
						 : dice_below(dice, 128) };
		return;
	}
	op->code = OP_MEMFD_CREATE;
	op->memfd_create = (struct op_memfd_create){ MEMFD_NAME,
		percent(dice, 40) ? 0 : percent(dice, 60) ? MFD_ALLOW_SEALING
			: dice_below(dice, 64) & ~4ULL };
}

static void make_file(struct dice *dice, const struct machine *m, mm_ref mm,
		      struct deed *deed)
{
	struct op *op = &deed->op;
	uint64_t kind = dice_below(dice, dice->disk ? 140 : 100);

	if (kind < 60) {
		make_transfer(dice, m, mm, op);
	} else if (kind < 75) {
		op->code = OP_FTRUNCATE;
		op->ftruncate = (struct op_ftruncate){ descriptor(dice),
						       file_place(dice) };
	} else if (kind < 85) {
		op->code = OP_LSEEK;
		op->lseek = (struct op_lseek){ descriptor(dice),
			file_place(dice), (uint32_t)dice_below(dice, 6) };
	} else if (kind < 93) {
		make_memfd(dice, op);
	} else if (kind >= 100) {
		if (kind < 130)
			make_open(dice, deed);
		else
			make_unlink(dice, deed);
	} else {
		op->code = dice->long_files && percent(dice, 70) ? OP_FSYNC
			 : kind < 95 ? OP_CLOSE : kind < 98 ? OP_DUP : OP_FSYNC;
		op->close.fd = descriptor(dice);
	}
}

/* ---- pipes: nothing that would sleep ---- */

static int64_t pipe_descriptor(struct dice *dice)
{
	return percent(dice, 85) ? 3 + (int64_t)dice_below(dice, 8)
				 : descriptor(dice);
}

static uint64_t splice_length(struct dice *dice)
{
	static const uint64_t odd[] = { 0, 1, 4095, 4096, 4097, 65536 };
	uint64_t kind = dice_below(dice, 100);

	return kind < 40 ? 1 + dice_below(dice, PAGES(4))
	     : kind < 70 ? PAGES(1 + dice_below(dice, 20))
	     : kind < 97 ? PICK(dice, odd) : 1ULL << 63;
}

static uint64_t splice_flags(struct dice *dice)
{
	return percent(dice, 70) ? dice_below(dice, 2)
	     : percent(dice, 90) ? dice_below(dice, 16)
				 : 1ULL << dice_below(dice, 40);
}

static int64_t splice_offset(struct dice *dice)
{
	return percent(dice, 60) ? NO_OFFSET : (int64_t)file_place(dice);
}

/* No file may grow by terabytes of pages, nor what is sent be that long. */
static int64_t near_offset(struct dice *dice)
{
	int64_t at = splice_offset(dice);

	return at >= 1LL << 40 && at < INT64_MAX - 8192 ? 0 : at;
}

static void make_fcntl(struct dice *dice, struct op *op)
{
	static const uint32_t cmds[] = {
		F_SETPIPE_SZ, F_SETPIPE_SZ, F_SETPIPE_SZ, F_GETPIPE_SZ,
		F_GETFL, F_SETFL, F_SETFL, F_DUPFD, F_GETFD, F_SETFD,
		F_DUPFD_CLOEXEC,
	};
	static const uint64_t sizes[] = {
		0, 1, 4096, 8192, 5000, 16384, 65536, 65536, 131072, 1 << 20,
		(1 << 20) + 1, 1ULL << 31, (1ULL << 31) + 1, 1ULL << 32,
	};
	struct op_fcntl *a = &op->fcntl;

	op->code = OP_FCNTL;
	*a = (struct op_fcntl){ .fd = pipe_descriptor(dice),
				.cmd = PICK(dice, cmds) };
	if (a->cmd == F_SETPIPE_SZ)
		a->arg = PICK(dice, sizes);
	else if (a->cmd == F_SETFL)
		a->arg = O_NONBLOCK | (percent(dice, 30) ? O_DIRECT : 0) |
			 (percent(dice, 10) ? O_APPEND : 0);
	else
		a->arg = dice_below(dice, 12);
}

static void make_splice(struct dice *dice, struct deed *deed)
{
	struct op *op = &deed->op;
	uint64_t kind = dice_below(dice, 100);

	if (kind < 60) {
		op->code = OP_SPLICE;
		op->splice = (struct op_splice){ pipe_descriptor(dice),
			splice_offset(dice), pipe_descriptor(dice),
			near_offset(dice), splice_length(dice),
			splice_flags(dice) };
	} else if (kind < 80) {
		op->code = OP_TEE;
		op->tee = (struct op_tee){ pipe_descriptor(dice),
			pipe_descriptor(dice), splice_length(dice),
			splice_flags(dice) };
	} else {
		op->code = OP_SENDFILE;
		op->sendfile = (struct op_sendfile){ pipe_descriptor(dice),
			pipe_descriptor(dice), splice_offset(dice),
			splice_length(dice) };
	}
}

static bool is_memfd(const struct machine *m, uint32_t pid, int64_t fd)
{
	const files_ref files = task_at(m, mm_find_task(m, pid))->files;
	const file_ref file = mm_fd_file(m, files, (uint32_t)fd);

	return !file_none(file) && file_at(m, file)->f_op == FILE_OPS_SHMEM;
}

/* Into a memfd, on both sides of its end: there a seal of its size is felt. */
static void aim_at_end(struct dice *dice, const struct machine *m, struct op *op)
{
	const files_ref files = task_at(m, mm_find_task(m, op->pid))->files;
	int64_t fd = 3 + (int64_t)dice_below(dice, 4);
	uint64_t size;

	while (fd < 12 && !is_memfd(m, op->pid, fd))
		fd++;
	if (op->code != OP_SPLICE || fd == 12)
		return;
	size = inode_at(m, file_at(m, mm_fd_file(m, files, (uint32_t)fd))->f_inode)
		       ->i_size;
	op->splice.fd_out = fd;
	if (size < 1ULL << 40)
		op->splice.off_out = (int64_t)(size - dice_below(dice,
			(size < 6000 ? size : 6000) + 1));
}

static void make_vmsplice(struct dice *dice, const struct machine *m,
			  mm_ref mm, struct deed *deed)
{
	deed->op.code = OP_VMSPLICE;
	deed->op.vmsplice = (struct op_vmsplice){ pipe_descriptor(dice),
		splice_flags(dice) | SPLICE_F_NONBLOCK };
	for (int i = 0; i < DEED_RANGES; i++) {
		struct op_iovec *range = &deed->iov[i];

		range->base = access_address(dice, m, mm);
		range->len = percent(dice, 20) ? 0
			: access_length(dice, range->base, PAGES(5));
	}
}

static void make_pipe(struct dice *dice, const struct machine *m, mm_ref mm,
		      struct deed *deed)
{
	uint64_t kind = dice_below(dice, 100);

	deed->vec = access_address(dice, m, mm) & ~31ULL;
	if (kind < 12) {
		deed->op.code = OP_PIPE;
		deed->op.pipe.flags = O_NONBLOCK |
			(percent(dice, 10) ? O_DIRECT : 0) |
			(percent(dice, 5) ? O_CLOEXEC : 0) |
			(percent(dice, 3) ? 1U << dice_below(dice, 22) : 0);
	} else if (kind < 22) {
		make_fcntl(dice, &deed->op);
	} else if (kind < 40) {
		make_vmsplice(dice, m, mm, deed);
	} else if (kind < 45 && dice->disk && percent(dice, 60)) {
		make_open(dice, deed);
	} else if (kind < 46) {
		deed->op.code = percent(dice, 60) ? OP_CLOSE : OP_DUP;
		deed->op.close.fd = pipe_descriptor(dice);
	} else if (kind < 70) {
		make_transfer(dice, m, mm, &deed->op);
		deed->op.read.fd = pipe_descriptor(dice);
	} else {
		make_splice(dice, deed);
	}
}

static void make_rare(struct dice *dice, const struct machine *m, mm_ref mm,
		      struct deed *deed)
{
	struct op *op = &deed->op;
	uint64_t kind = dice_below(dice, 100);

	if (kind < 40) {
		make_mincore(dice, m, mm, deed);
		return;
	}
	op->code = kind < 70 ? OP_MSYNC : kind < 78 ? OP_MSEAL
						    : OP_REMAP_FILE_PAGES;
	op->remap_file_pages.addr = address(dice, m, mm);
	op->remap_file_pages.size = length(dice);
	if (op->code == OP_MSYNC)
		op->msync.flags = dice_below(dice, 9);
	else if (op->code == OP_MSEAL)
		op->mseal.flags = percent(dice, 5);
	else
		op->remap_file_pages = (struct op_remap_file_pages){
			op->remap_file_pages.addr, length(dice),
			percent(dice, 5), dice_below(dice, 12),
			percent(dice, 5) ? MAP_NONBLOCK : 0 };
}

/* ---- advice, and other people's memory ---- */

static void make_madvise(struct dice *dice, const struct machine *m, mm_ref mm,
			 struct op *op)
{
	static const uint32_t usual[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
		MADV_DONTNEED, MADV_DONTNEED, MADV_DONTNEED, MADV_FREE,
		MADV_FREE, MADV_REMOVE, MADV_REMOVE, MADV_DONTFORK,
		MADV_DOFORK, MADV_WIPEONFORK, MADV_WIPEONFORK,
		MADV_KEEPONFORK, MADV_MERGEABLE, MADV_UNMERGEABLE,
		MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP,
		MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ,
		MADV_POPULATE_WRITE, MADV_DONTNEED_LOCKED, MADV_COLLAPSE,
		MADV_GUARD_INSTALL, MADV_GUARD_INSTALL, MADV_GUARD_REMOVE,
	};
	struct op_madvise *a = &op->madvise;
	const vma_ref ref = any_vma(dice, m, mm);

	op->code = OP_MADVISE;
	*a = (struct op_madvise){ address(dice, m, mm), length(dice),
				  PICK(dice, usual) };
	if (percent(dice, 3))
		a->advice = (uint32_t)dice_below(dice, 100);
	if (!vma_none(ref) && percent(dice, 65)) {	/* within it */
		const struct vm_area_struct *vma = vma_at(m, ref);

		a->addr = inside(dice, vma);
		a->len = PAGES(1 + dice_below(dice, 8));
		if (a->len > vma->vm_end - a->addr)
			a->len = vma->vm_end - a->addr;
	}
	if (a->len > MAX_POPULATED && a->len < TASK_SIZE)
		a->len = MAX_POPULATED;
}

/* Mostly of somebody who is there; the caller too. */
static void make_process_vm(struct dice *dice, const struct machine *m,
			    mm_ref mm, struct deed *deed)
{
	task_ref remote = any_task(dice, m);
	mm_ref there;

	/* Twice more, where it was the caller. */
	for (int i = 0; i < 2; i++)
		if ((uint32_t)task_at(m, remote)->pid == deed->op.pid)
			remote = any_task(dice, m);
	there = task_at(m, remote)->mm;
	deed->op.code = percent(dice, 50) ? OP_PROCESS_VM_READV
					  : OP_PROCESS_VM_WRITEV;
	deed->op.process_vm_readv.remote_pid = percent(dice, 95)
		? (uint32_t)task_at(m, remote)->pid
		: (uint32_t)dice_below(dice, 12);
	/* The stack is nearly always there to be written. */
	deed->vec = percent(dice, 85)
		? STACK_END - PAGES(1 + dice_below(dice, 30)) +
		  64 * dice_below(dice, 60)
		: access_address(dice, m, mm) & ~63ULL;
	for (int i = 0; i < 2 * DEED_RANGES; i++) {
		struct op_iovec *range = &deed->iov[i];

		range->base = access_address(dice, m, i < DEED_RANGES ? mm
							: there);
		range->len = percent(dice, 15) ? 0 : percent(dice, 2) ? ~0ULL
			: access_length(dice, range->base, PAGES(3));
	}
}

static struct deed any_deed(struct dice *dice, const struct machine *m)
{
	struct deed deed = { .phase = 0 };
	uint64_t kind = dice_below(dice, 100), alive = nr_alive(m);
	task_ref task = any_task(dice, m);
	mm_ref mm = task_at(m, task)->mm;

	deed.op.pid = (uint32_t)task_at(m, task)->pid;
	if (percent(dice, dice->pipes ? 50 : dice->long_files ? 12 : 3)) {
		make_pipe(dice, m, mm, &deed);
		if (dice->seals && percent(dice, 50))
			aim_at_end(dice, m, &deed.op);
		return deed;
	}
	if (dice->seals && percent(dice, 40)) {
		if (percent(dice, 35))
			make_memfd(dice, &deed.op);
		else
			make_file(dice, m, mm, &deed);
		return deed;
	}
	if (percent(dice, 10)) {
		make_madvise(dice, m, mm, &deed.op);
		return deed;
	}
	if (percent(dice, 3)) {
		make_process_vm(dice, m, mm, &deed);
		return deed;
	}
	if (dice->disk && percent(dice, dice->maps_files ? 30 : 20))
		make_file(dice, m, mm, &deed);
	else if (kind < 30)
		make_mmap(dice, m, mm, &deed.op);
	else if (kind < 39)
		make_munmap(dice, m, mm, &deed.op);
	else if (kind < 49)
		make_mprotect(dice, m, mm, &deed.op);
	else if (kind < 53)
		make_mremap(dice, m, mm, &deed.op);
	else if (kind < 55)
		make_brk(dice, m, mm, &deed.op);
	else if (kind < (dice->maps_files ? 56 : 57))
		make_lock(dice, m, mm, &deed.op);
	else if (kind < 58)
		make_rare(dice, m, mm, &deed);
	else if (kind < 60)
		make_setrlimit(dice, &deed.op);
	else if (kind < 63 && alive < MAX_ALIVE &&
		 kernel_at(m)->last_pid < MAX_PROCESSES)
		make_fork(dice, &deed.op);
	else if (kind < 64 && alive > 1)
		deed.op.code = OP_EXIT;
	else if (kind < 80)
		make_touch(dice, m, mm, &deed.op);
	else if (kind < 86)
		make_write(dice, m, mm, &deed);
	else if (kind < 92)
		make_file(dice, m, mm, &deed);
	else
		make_read(dice, m, mm, &deed.op);
	return deed;
}

/* Would it change or depend on the stub page? */
static bool about_stub(const struct deed *deed)
{
	const struct op *op = &deed->op;

	switch (op->code) {
	case OP_MMAP:
		return op->mmap.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) &&
		       hits_stub(op->mmap.addr, op->mmap.len);
	case OP_MUNMAP:
		return hits_stub(op->munmap.addr, op->munmap.len);
	case OP_MPROTECT:
		return hits_stub(op->mprotect.addr, op->mprotect.len);
	case OP_MREMAP:
		return hits_stub(op->mremap.addr, op->mremap.old_len) ||
		       hits_stub(op->mremap.addr, op->mremap.new_len) ||
		       hits_stub(op->mremap.new_addr, op->mremap.new_len);
	case OP_MLOCK:
	case OP_MLOCK2:
	case OP_MUNLOCK:
	case OP_MSEAL:
	case OP_MSYNC:
	case OP_REMAP_FILE_PAGES:
		return hits_stub(op->mlock.addr, op->mlock.len);
	case OP_MINCORE:
		return hits_stub(op->mincore.addr, op->mincore.len) ||
		       hits_stub(deed->vec, PAGES(1));
	case OP_READ:
		return hits_stub(op->read.buf, op->read.count);
	case OP_WRITE:
		return hits_stub(op->write.buf, op->write.count);
	case OP_PREAD:
		return hits_stub(op->pread.buf, op->pread.count);
	case OP_PWRITE:
		return hits_stub(op->pwrite.buf, op->pwrite.count);
	case OP_MADVISE:
		return hits_stub(op->madvise.addr, op->madvise.len);
	case OP_VMSPLICE:
	case OP_PROCESS_VM_READV:
	case OP_PROCESS_VM_WRITEV:
		for (int i = 0; i < deed_ranges(op->code); i++)
			if (hits_stub(deed->iov[i].base, deed->iov[i].len))
				return true;
		return hits_stub(deed->vec, PAGES(1));
	case OP_PIPE:
	case OP_SPLICE:
	case OP_SENDFILE:
		return hits_stub(deed->vec, PAGES(1));
	case OP_MEM_TOUCH:
		return hits_stub(op->mem_touch.addr, op->mem_touch.len);
	case OP_MEM_READ:
		return hits_stub(op->mem_read.addr, op->mem_read.len);
	case OP_MEM_WRITE:
		return hits_stub(op->mem_write.addr, op->data_len);
	default:
		return false;
	}
}

struct deed generate(struct dice *dice, const struct machine *m)
{
	struct deed deed;

	do
		deed = any_deed(dice, m);
	while (about_stub(&deed) || spares_disk_file(m, &deed.op));
	return deed;
}
