/* SPDX-License-Identifier: MIT */
/*
 * mmap and munmap: a new mapping in eleven steps, and the end of old ones.
 *
 * The eleven steps are those of do_mmap_pgoff() in Linux 2.6.17; what happens when, and
 * which errno wins, is 6.18's. Two things moved since: the file's own checks
 * (step 1) come with the flags (step 6), and a range that is in the way goes
 * (step 7) only after every limit has been asked, so that a refused MAP_FIXED
 * leaves what was there. Both kernels agree that what fails later, in step 8
 * or 10, has already made the hole.
 */
#include "mmcore/arch/arch.h"
#include "mmcore/mm/memory.h"
#include "mmcore/mm/slab.h"
#include "mmcore/mm/vma.h"

/* ---- taking a range away ---- */

/* What lies in a range, from munmap_gather() to munmap_complete(). */
struct munmap {
	mm_ref mm;
	uint64_t start, end;	/* the range asked for */
	vma_ref first;		/* lowest VMA in it; none: nothing is */
	vma_ref prev, next;	/* the VMAs that stay around it */
	uint64_t nr_vmas;
	uint64_t nr_pages, nr_accounted;
};

static uint64_t map_count(const struct machine *m, mm_ref mm)
{
	return (uint64_t)mm_at(m, mm)->map_count;
}

/* Cut the VMA that the range begins in; it then begins with the upper part. */
static int64_t split_front(struct step *s, struct munmap *u)
{
	const struct vm_area_struct *vma = vma_at(s->m, u->first);
	int64_t err;

	/*
	 * map_count may exceed its limit for a moment while something goes;
	 * only a hole in the middle of one VMA would leave one VMA more.
	 */
	if (u->end < vma->vm_end &&
	    map_count(s->m, u->mm) >= kernel_at(s->m)->max_map_count)
		return refuse(s, ENOMEM,
			      "a hole in a VMA makes two: map_count has reached vm.max_map_count");
	if (vma->vm_flags & VM_SEALED)
		return refuse(s, EPERM, "a mapping in the range is sealed");
	err = split_vma(s, u->mm, u->first, u->start);
	if (err)
		return err;
	u->prev = u->first;
	u->first = vma_at(s->m, u->first)->vm_next;
	return 0;
}

/*
 * Find the VMAs of [start, end), cut those that stand out of it, and sum up.
 * Nothing is unmapped yet, and nothing has to be undone when this or a later
 * check refuses: a cut made by then stays, as in 6.18.
 */
static int64_t munmap_gather(struct step *s, struct munmap *u)
{
	vma_ref ref = find_vma_prev(s->m, u->mm, u->start, &u->prev);
	const struct vm_area_struct *vma;
	int64_t err;

	u->next = ref;
	if (vma_none(ref) || vma_at(s->m, ref)->vm_start >= u->end)
		return 0;
	u->first = ref;
	if (vma_at(s->m, ref)->vm_start < u->start) {
		err = split_front(s, u);
		if (err)
			return err;
	}
	for (ref = u->first; !vma_none(ref); ref = vma_next(s->m, ref)) {
		vma = vma_at(s->m, ref);
		if (vma->vm_start >= u->end)
			break;
		if (vma->vm_flags & VM_SEALED)
			return refuse(s, EPERM,
				      "a mapping in the range is sealed");
		if (vma->vm_end > u->end) {
			err = split_vma(s, u->mm, ref, u->end);
			if (err)
				return err;
		}
		u->nr_vmas++;
		u->nr_pages += vma_pages(vma);
		if (vma->vm_flags & VM_ACCOUNT)
			u->nr_accounted += vma_pages(vma);
	}
	u->next = ref;
	return 0;
}

/*
 * 2.6.17's search began below the last area found, free_area_cache. Ours does
 * not, but remembers it and lets munmap raise it as 2.6.17 does.
 */
static void arch_unmap_area(struct step *s, mm_ref mm, vma_ref next)
{
	struct mm_struct *mms = mm_mut(s, mm);
	uint64_t addr = vma_none(next) ? mms->mmap_base
				       : vma_at(s->m, next)->vm_start;

	if (addr > mms->free_area_cache)
		mms->free_area_cache = addr;
	if (mms->free_area_cache > mms->mmap_base)
		mms->free_area_cache = mms->mmap_base;
}

static void update_hiwater(struct step *s, mm_ref mm)
{
	struct mm_struct *mms = mm_mut(s, mm);
	uint64_t rss = get_mm_rss(mms);

	if (mms->hiwater_rss < rss)
		mms->hiwater_rss = rss;
	if (mms->hiwater_vm < mms->total_vm)
		mms->hiwater_vm = mms->total_vm;
}

/* The pages of what was gathered, and the tables that only it used. */
static void unmap_region(struct step *s, const struct munmap *u)
{
	const struct vm_area_struct *vma = NULL;
	uint64_t start = vma_at(s->m, u->first)->vm_start;
	uint64_t floor, ceiling;

	if (!mm_at(s->m, u->mm)->nr_tables)
		return;
	for (vma_ref ref = u->first; !vma_same(ref, u->next);
	     ref = vma_next(s->m, ref)) {
		vma = vma_at(s->m, ref);
		zap_page_range(s, ref, vma->vm_start, vma->vm_end,
			       ZAP_DROP_MARKERS);
	}
	floor = vma_none(u->prev) ? 0 : vma_at(s->m, u->prev)->vm_end;
	ceiling = vma_none(u->next) ? 0 : vma_at(s->m, u->next)->vm_start;
	free_pgtables(s, u->mm, start, vma->vm_end, floor, ceiling);
}

/* Unmap what was gathered. Cannot fail. @u then describes a free range. */
static void munmap_complete(struct step *s, struct munmap *u)
{
	if (vma_none(u->first))
		return;
	update_hiwater(s, u->mm);
	unmap_region(s, u);
	mm_mut(s, u->mm)->mmap_cache = vma_make(0);
	while (!vma_same(u->first, u->next)) {
		const struct vm_area_struct *vma = vma_at(s->m, u->first);
		const vma_ref next = vma_next(s->m, u->first);

		if (vma->vm_flags & VM_LOCKED)
			mm_mut(s, u->mm)->locked_vm -= vma_pages(vma);
		vm_stat_account(s, u->mm, vma->vm_flags, vma->vm_file,
				-(int64_t)vma_pages(vma));
		vma_unlink(s, u->mm, u->first);
		remove_vma(s, u->first);
		u->first = next;
	}
	arch_unmap_area(s, u->mm, u->next);
	u->first = vma_make(0);
}

/**
 * do_munmap - unmap a range
 * @mm:    the current process's address space
 * @start: page aligned
 * @len:   bytes, rounded up to pages
 *
 * Returns: 0, also where nothing was mapped; -EINVAL, -EPERM (sealed) or
 * -ENOMEM (map_count, or no memory for a split), told. All or nothing but for
 * the split of a VMA at either end. O(log n) and what is unmapped.
 * Linux: mm/vma.c do_vmi_munmap(), 6.18.
 */
int64_t do_munmap(struct step *s, mm_ref mm, uint64_t start, uint64_t len)
{
	const uint64_t task_size = mm_at(s->m, mm)->task_size;
	struct munmap u = { .mm = mm, .start = start };
	int64_t err;

	if (start & ~PAGE_MASK)
		return refuse(s, EINVAL, "addr is not a multiple of the page size");
	if (start > task_size || len > task_size - start)
		return refuse(s, EINVAL, "the range is not in user space");
	if (!PAGE_ALIGN(len))
		return refuse(s, EINVAL, "len is 0");
	u.end = start + PAGE_ALIGN(len);
	err = munmap_gather(s, &u);
	if (err)
		return err;
	trace_event(s, do_munmap, start, u.end, u.nr_vmas, u.nr_pages);
	munmap_complete(s, &u);
	if (u.nr_accounted)
		vm_unacct_memory(s, u.nr_accounted);
	return 0;
}

int64_t sys_munmap(struct step *s, const struct op_munmap *a)
{
	return do_munmap(s, current_mm(s), a->addr, a->len);
}

/* ---- choosing an address ---- */

/* Where a search looks, and what comes after the place that it finds. */
struct search {
	mm_ref mm;
	uint64_t hint, len;	/* bytes, page aligned; hint 0: none */
	uint64_t flags;		/* MAP_* */
	vma_ref next;		/* found: the first VMA above the place */
};

/* Does the hint lie above the window that mappings stay in? (Five levels) */
static bool beyond_window(const struct machine *m, const struct search *se)
{
	return se->hint > m->arch->map_window;
}

/*
 * Is the hint usable: in user space, not across the end of the window, and
 * free with its guard gap?
 */
static bool hint_is_free(const struct machine *m, struct search *se,
			 uint64_t limit)
{
	if (!se->hint || limit < se->len || limit - se->len < se->hint)
		return false;
	if (beyond_window(m, se) !=
	    (se->hint + se->len > m->arch->map_window))
		return false;
	se->next = vma_lookup(m, se->mm, se->hint);
	return vma_none(se->next) ||
	       se->hint + se->len <= vm_start_gap(m, vma_at(m, se->next));
}

/* MAP_32BIT and MAP_ABOVE4G are x86-64's alone; elsewhere they mean nothing. */
static uint64_t search_flags(const struct machine *m, const struct search *se)
{
	return m->arch->x86_64_search ? se->flags : 0;
}

/*
 * Upwards: for MAP_32BIT, when nothing is left below mmap_base, and where the
 * layout says so.
 */
static int64_t area_bottomup(const struct machine *m, struct search *se)
{
	struct vm_unmapped_area_info info = { .length = se->len };

	if (search_flags(m, se) & MAP_32BIT) {
		info.low_limit = 0x40000000;
		info.high_limit = 0x80000000;
	} else {
		info.low_limit = m->arch->unmapped_base;
		info.high_limit = beyond_window(m, se) ? m->arch->task_size
						       : m->arch->map_window;
	}
	if (hint_is_free(m, se, info.high_limit))
		return (int64_t)se->hint;
	return vm_unmapped_area(m, se->mm, &info, &se->next);
}

static int64_t area_topdown(const struct machine *m, struct search *se)
{
	const struct mm_struct *mms = mm_at(m, se->mm);
	struct vm_unmapped_area_info info = {
		.topdown = true, .length = se->len,
		.low_limit = search_flags(m, se) & MAP_ABOVE4G ? 1ULL << 32
							       : PAGE_SIZE,
		.high_limit = mms->mmap_base,
	};
	int64_t ret;

	if (search_flags(m, se) & MAP_32BIT ||
	    mms->get_unmapped_area == MMAP_BOTTOMUP)
		return area_bottomup(m, se);
	if (beyond_window(m, se))
		info.high_limit += m->arch->task_size - m->arch->map_window;
	if (hint_is_free(m, se, mms->task_size))
		return (int64_t)se->hint;
	ret = vm_unmapped_area(m, se->mm, &info, &se->next);
	return ret < 0 ? area_bottomup(m, se) : ret;
}

/* A search's own place in the file, past the aligned one below @at. */
static int64_t past_aligned(const struct machine *m, const struct search *se,
			    uint64_t at, uint64_t off)
{
	const uint64_t huge = m->arch->huge_size[0];
	const uint64_t rest = (off - at) & (huge - 1);

	if (!rest && mm_at(m, se->mm)->get_unmapped_area == MMAP_TOPDOWN)
		return (int64_t)(at + huge);
	return (int64_t)(at + rest);
}

/*
 * Memory that could be huge pages is aligned for them, huge pages or not, but
 * never on 32 bits: the search asks for 2 MiB more than needed and takes the
 * part of what it gets where addresses and offsets (@off, bytes) are aligned
 * alike. A gap that would just do is therefore passed by, and a gap found from
 * its aligned lower end gives the next aligned address.
 */
static int64_t area_aligned(const struct machine *m, struct search *se,
			    uint64_t off)
{
	const uint64_t huge = m->arch->huge_size[0], len = se->len;
	const uint64_t first = (off + huge - 1) & ~(huge - 1);
	int64_t ret = -ENOMEM;

	if (off + len > first && off + len - first >= huge &&
	    len + huge <= mm_at(m, se->mm)->task_size && off + len + huge > off) {
		se->len = len + huge;
		ret = area_topdown(m, se);
		se->len = len;
	}
	if (ret < 0)
		return area_topdown(m, se);
	return (uint64_t)ret == se->hint ? ret
		: past_aligned(m, se, (uint64_t)ret, off);
}

/* Whether its get_unmapped_area is thp_get_unmapped_area: ext4's, /dev/zero's. */
static bool aligns(const struct machine *m, const struct search *se,
		   file_ref file)
{
	const uint64_t ops = file_at(m, file)->f_op;

	return ops == FILE_OPS_DISK ||
	       (ops == FILE_OPS_ZERO && !(se->flags & MAP_SHARED));
}

static int64_t choose_area(const struct machine *m, struct search *se,
			   file_ref file, uint64_t pgoff)
{
	if (se->flags & MAP_FIXED)
		return (int64_t)se->hint;
	if (m->arch->thp && !file_none(file) && aligns(m, se, file))
		return area_aligned(m, se, pgoff << PAGE_SHIFT);
	if (m->arch->thp && file_none(file) && !(se->flags & MAP_SHARED) &&
	    !se->hint && !(se->len & (m->arch->huge_size[0] - 1)))
		return area_aligned(m, se, 0);
	return area_topdown(m, se);
}

/* The generic search leaves out what lies below the lowest address. */
static uint64_t longest_mapping(const struct machine *m, mm_ref mm)
{
	const uint64_t task_size = mm_at(m, mm)->task_size;

	return m->arch->x86_64_search ? task_size : task_size - mmap_lowest(m);
}

/* get_unmapped_area(); a place that was searched is known to be free. */
static int64_t find_place(struct step *s, struct search *se, file_ref file,
			  uint64_t pgoff)
{
	const uint64_t last = mm_at(s->m, se->mm)->task_size - se->len;
	int64_t ret;

	if (se->len > longest_mapping(s->m, se->mm))
		return refuse(s, ENOMEM, "the length exceeds the address space");
	/* A fixed place may be any 64-bit number, so it is no return value. */
	if (se->flags & MAP_FIXED && se->hint > last)
		return refuse(s, ENOMEM, "the range is not in user space");
	ret = choose_area(s->m, se, file, pgoff);
	if (ret < 0)
		return refuse(s, ENOMEM, "no free range is long enough");
	if ((uint64_t)ret > last)
		return refuse(s, ENOMEM, "the range is not in user space");
	if (ret & ~PAGE_MASK)
		return refuse(s, EINVAL,
			      "addr of a fixed mapping is not a multiple of the page size");
	if ((uint64_t)ret < kernel_at(s->m)->mmap_min_addr && !capable(s))
		return refuse(s, EPERM, "addr is below vm.mmap_min_addr");
	trace_event(s, mmap_area, se->hint, (uint64_t)ret, se->len);
	return ret;
}

/**
 * get_unmapped_area - where a mapping goes
 * @file:  of the mapping, or none
 * @addr:  MAP_FIXED: the place; else a hint, or 0
 * @len:   bytes, page aligned, not 0
 * @pgoff: of the mapping; files with large folios are aligned by it
 *
 * Returns: an address, or -ENOMEM, -EINVAL, -EPERM, told. O(log n).
 * Linux: mm/mmap.c __get_unmapped_area(), generic_get_unmapped_area(),
 * arch/x86/kernel/sys_x86_64.c, mm/huge_memory.c
 * thp_get_unmapped_area_vmflags(), 6.18.
 */
int64_t get_unmapped_area(struct step *s, mm_ref mm, file_ref file,
			  uint64_t addr, uint64_t len, uint64_t pgoff,
			  uint64_t flags)
{
	struct search se = { .mm = mm, .hint = addr, .len = len,
			     .flags = flags };

	return find_place(s, &se, file, pgoff);
}

/* ---- mmap ---- */

/* A mapping on its way through the eleven steps. */
struct mmap_state {
	mm_ref mm;
	file_ref file;		/* none if anonymous */
	int64_t fd;		/* that names it; -1: it has none */
	uint64_t huge;		/* bytes of a huge page; 0: ordinary pages.
				 * Linux maps a nameless file for them */
	uint64_t addr, len;	/* bytes; len page aligned */
	uint64_t prot, flags, pgoff;
	uint64_t vm_flags;
	vma_ref next;		/* unless MAP_FIXED: the first VMA above */
};

/* Flags that a file's MAP_SHARED_VALIDATE knows. */
#define LEGACY_MAP_MASK							\
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS |		\
	 MAP_DENYWRITE | MAP_EXECUTABLE | MAP_GROWSDOWN | MAP_LOCKED |	\
	 MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK |	\
	 MAP_HUGETLB | MAP_32BIT | MAP_ABOVE4G | 0x1fULL << MAP_HUGE_SHIFT)

/* Only x86 has a number for MAP_32BIT and MAP_ABOVE4G. */
static uint64_t legacy_map_mask(const struct machine *m)
{
	return m->arch->exec ? LEGACY_MAP_MASK & ~(MAP_32BIT | MAP_ABOVE4G)
			     : LEGACY_MAP_MASK;
}

static uint64_t min_hint(const struct machine *m, uint64_t hint)
{
	hint &= PAGE_MASK;
	if (hint && hint < mmap_lowest(m))
		return PAGE_ALIGN(mmap_lowest(m));
	return hint;
}

/* Steps 2 to 4. */
static int64_t check_size(struct step *s, struct mmap_state *st)
{
	const uint64_t limit = kernel_at(s->m)->max_map_count;
	uint64_t asked = st->len;

	st->len = ulong_of(s->m, PAGE_ALIGN(st->len));
	trace_event(s, mmap_len, asked, st->len,
		    mm_at(s->m, st->mm)->task_size);
	if (!asked)
		return refuse(s, EINVAL, "len is 0");
	if (!st->len)
		return refuse(s, ENOMEM, "len exceeds the address space");
	trace_event(s, mmap_pgoff, st->pgoff, st->len >> PAGE_SHIFT);
	if (ulong_of(s->m, st->pgoff + (st->len >> PAGE_SHIFT)) < st->pgoff)
		return refuse(s, EOVERFLOW, "offset + len overflows");
	trace_event(s, mmap_map_count, map_count(s->m, st->mm), limit);
	if (map_count(s->m, st->mm) > limit)
		return refuse(s, ENOMEM, "map_count exceeds vm.max_map_count");
	return 0;
}

/* Step 5: an address, and for MAP_FIXED_NOREPLACE a free one. */
static int64_t check_area(struct step *s, struct mmap_state *st)
{
	struct search se = { .mm = st->mm, .hint = st->addr, .len = st->len,
			     .flags = st->flags };
	int64_t area;

	if (st->huge && st->flags & MAP_FIXED && st->addr & (st->huge - 1) &&
	    st->len <= mm_at(s->m, st->mm)->task_size)
		return refuse(s, EINVAL, "addr is not a multiple of the huge page size");
	area = find_place(s, &se, st->file, st->pgoff);
	if (area < 0)
		return area;
	st->addr = (uint64_t)area;
	st->next = se.next;
	if (st->flags & MAP_FIXED_NOREPLACE &&
	    !vma_none(find_vma_intersection(s->m, st->mm, st->addr,
					    st->addr + st->len)))
		return refuse(s, EEXIST, "MAP_FIXED_NOREPLACE: something is mapped there");
	return 0;
}

static uint64_t when(bool condition, uint64_t vm_flag)
{
	return condition ? vm_flag : 0;
}

static uint64_t calc_vm_flags(const struct machine *m,
			      const struct mmap_state *st)
{
	return when(st->prot & PROT_READ, VM_READ) |
	       when(st->prot & PROT_WRITE, VM_WRITE) |
	       when(st->prot & PROT_EXEC, VM_EXEC) |
	       when(st->flags & MAP_GROWSDOWN, VM_GROWSDOWN) |
	       when(st->flags & MAP_LOCKED, VM_LOCKED) |
	       when(st->flags & MAP_SYNC, VM_SYNC) |
	       when(st->flags & MAP_STACK, VM_NOHUGEPAGE) |
	       mm_at(m, st->mm)->def_flags |
	       VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
}

static int64_t check_mlock(struct step *s, const struct mmap_state *st)
{
	if (st->flags & MAP_LOCKED && !rlimit(s, RLIMIT_MEMLOCK) && !capable(s))
		return refuse(s, EPERM, "MAP_LOCKED: RLIMIT_MEMLOCK is 0");
	if (!mlock_future_ok(s, st->mm, st->vm_flags, st->len))
		return refuse(s, EAGAIN, "locked memory would exceed RLIMIT_MEMLOCK");
	return 0;
}

/* MAP_SHARED of a file, before what it has in common with MAP_PRIVATE. */
static int64_t check_shared_file(struct step *s, struct mmap_state *st,
				 uint64_t f_mode)
{
	if ((st->flags & MAP_TYPE) == MAP_SHARED_VALIDATE &&
	    st->flags & ~legacy_map_mask(s->m))
		return refuse(s, EOPNOTSUPP, "MAP_SHARED_VALIDATE: a flag the file does not know");
	if (st->prot & PROT_WRITE && !(f_mode & FMODE_WRITE))
		return refuse(s, EACCES,
			      "a shared writable mapping of a file not open for writing");
	st->vm_flags |= VM_SHARED | VM_MAYSHARE;
	if (!(f_mode & FMODE_WRITE))
		st->vm_flags &= ~(VM_MAYWRITE | VM_SHARED);
	return 0;
}

/* Bytes of a file that can be mapped (file_mmap_size_max(), 6.18). @file: none
 * for huge pages, which are a regular file's. */
static uint64_t max_mapped(const struct machine *m, file_ref file)
{
	if (file_none(file) || file_type(m, file) == S_IFREG)
		return m->arch->max_lfs_filesize;
	return file_maxbytes(m, file);
}

/* Steps 1 and 6 for a file, and for huge pages, which are a file's inside. */
static int64_t check_file(struct step *s, struct mmap_state *st)
{
	const struct file *file =
		st->huge ? NULL : file_at(s->m, st->file);
	uint64_t f_mode = file ? file->f_mode : FMODE_READ | FMODE_WRITE;
	int64_t err;

	if (st->pgoff > (max_mapped(s->m, st->file) - st->len) >> PAGE_SHIFT)
		return refuse(s, EOVERFLOW, "the file cannot be that long");
	switch (st->flags & MAP_TYPE) {
	case MAP_SHARED:
	case MAP_SHARED_VALIDATE:
		err = check_shared_file(s, st, f_mode);
		if (err)
			return err;
		break;
	case MAP_PRIVATE:
		break;
	default:
		return refuse(s, EINVAL, "flags name neither MAP_SHARED nor MAP_PRIVATE");
	}
	if (!(f_mode & FMODE_READ))
		return refuse(s, EACCES, "the file is not open for reading");
	/* path_noexec(): pipefs is mounted so. */
	if (file && file->f_op == FILE_OPS_PIPE && st->prot & PROT_EXEC)
		return refuse(s, EPERM, "what is in a pipe cannot be executed");
	trace_event(s, mmap_file_ops, (uint64_t)st->fd);
	if (file && !file_operations[file->f_op].mmap)
		return refuse(s, ENODEV, "the file has no mmap operation");
	if (st->vm_flags & VM_GROWSDOWN)
		return refuse(s, EINVAL, "a mapping of a file cannot grow down");
	return file ? memfd_check_seals_mmap(s, st->file, &st->vm_flags) : 0;
}

static int64_t check_droppable(struct step *s, struct mmap_state *st)
{
	if (st->flags & (MAP_LOCKED | MAP_HUGETLB | MAP_GROWSDOWN))
		return refuse(s, EINVAL,
			      "MAP_DROPPABLE with MAP_LOCKED, MAP_HUGETLB or MAP_GROWSDOWN");
	st->vm_flags |= VM_DROPPABLE | VM_NORESERVE | VM_WIPEONFORK |
			VM_DONTDUMP;
	return 0;
}

static int64_t check_anonymous(struct step *s, struct mmap_state *st)
{
	trace_skip(s, mmap_file_ops, "anonymous memory has no file");
	switch (st->flags & MAP_TYPE) {
	case MAP_SHARED:
		if (st->vm_flags & VM_GROWSDOWN)
			return refuse(s, EINVAL, "shared memory cannot grow down");
		st->pgoff = 0;
		st->vm_flags |= VM_SHARED | VM_MAYSHARE;
		return 0;
	case MAP_PRIVATE:
		st->pgoff = st->addr >> PAGE_SHIFT;
		return 0;
	case MAP_DROPPABLE:
		st->pgoff = st->addr >> PAGE_SHIFT;
		return check_droppable(s, st);
	default:
		return refuse(s, EINVAL,
			      "neither MAP_SHARED nor MAP_PRIVATE (anonymous memory)");
	}
}

/* Step 6, and step 1 in it. */
static int64_t check_flags(struct step *s, struct mmap_state *st)
{
	int64_t err;

	st->vm_flags = calc_vm_flags(s->m, st);
	err = check_mlock(s, st);
	if (err)
		return err;
	if (st->huge || !file_none(st->file))
		err = check_file(s, st);
	else
		err = check_anonymous(s, st);
	if (err)
		return err;
	if (st->flags & MAP_NORESERVE &&
	    kernel_at(s->m)->overcommit_memory != 2)
		st->vm_flags |= VM_NORESERVE;
	trace_event(s, mmap_flags, st->vm_flags);
	return 0;
}

static bool accountable(const struct mmap_state *st)
{
	return !st->huge && (st->vm_flags & (VM_NORESERVE | VM_SHARED |
					     VM_WRITE)) == VM_WRITE;
}

/* The limits of address space and of promises, net of what goes. */
static int64_t charge(struct step *s, struct mmap_state *st,
		      struct munmap *old)
{
	uint64_t pages = st->len >> PAGE_SHIFT;
	int64_t err = 0;

	if (!may_expand_vm(s, st->mm, st->vm_flags, pages - old->nr_pages))
		return refuse(s, ENOMEM, exceeded_limit(s, st->mm, pages -
							       old->nr_pages));
	if (!accountable(st))
		return 0;
	if (pages > old->nr_accounted)
		err = security_vm_enough_memory(s, st->mm,
						pages - old->nr_accounted);
	if (err)
		return err;
	/* The promise of what goes is taken over. */
	old->nr_accounted = 0;
	st->vm_flags |= VM_ACCOUNT;
	return 0;
}

/* Step 7. @old then describes a free range and its neighbours. */
static int64_t unmap_old(struct step *s, struct mmap_state *st,
			 struct munmap *old)
{
	int64_t err = 0;

	if (st->flags & MAP_FIXED || vma_none(st->next)) {
		err = munmap_gather(s, old);
	} else {
		old->next = st->next;
		old->prev = vma_at(s->m, st->next)->vm_prev;
	}
	if (err)
		return err;
	err = charge(s, st, old);
	if (err)
		return err;
	if (vma_none(old->first)) {
		trace_skip(s, mmap_unmap_old, "nothing is in the way");
		return 0;
	}
	trace_event(s, mmap_unmap_old, old->start, old->end);
	munmap_complete(s, old);
	if (old->nr_accounted)
		vm_unacct_memory(s, old->nr_accounted);
	return 0;
}

static bool touches(const struct machine *m, const struct munmap *range)
{
	return (!vma_none(range->prev) &&
		vma_at(m, range->prev)->vm_end == range->start) ||
	       (!vma_none(range->next) &&
		vma_at(m, range->next)->vm_start == range->end);
}

static bool merge_with_neighbour(struct step *s, const struct mmap_state *st,
				 const struct munmap *range)
{
	static const char why[] = "a neighbour has grown over the range";
	struct vma_merge mg;

	if (!touches(s->m, range))
		return false;
	mg = (struct vma_merge){
		.mm = st->mm, .prev = range->prev, .next = range->next,
		.start = range->start, .end = range->end,
		.pgoff = st->pgoff, .vm_flags = st->vm_flags,
		.file = st->file,
	};
	if (vma_none(vma_merge_new_range(s, &mg)))
		return false;
	trace_skip(s, mmap_alloc_vma, why);
	trace_skip(s, mmap_file_mmap, why);
	trace_skip(s, mmap_link, why);
	return true;
}

/* The object behind shared memory is promised as a whole, up front. */
static int64_t shmem_zero_setup(struct step *s, struct mmap_state *st)
{
	const uint64_t pages = st->len >> PAGE_SHIFT;
	const bool accounted = !(st->vm_flags & VM_NORESERVE);
	int64_t err = 0;

	if (accounted)
		err = security_vm_enough_memory(s, st->mm, pages);
	if (err)
		return err;
	st->file = shmem_file_setup(s, st->len, accounted);
	if (!file_none(st->file))
		return 0;
	if (accounted)
		vm_unacct_memory(s, pages);
	return refuse(s, ENOMEM, "no memory for a shared memory object");
}

static bool is_dev_zero(const struct machine *m, file_ref file)
{
	return !file_none(file) && file_at(m, file)->f_op == FILE_OPS_ZERO;
}

/* Step 10: what stands behind the memory. Shared, /dev/zero is another name of
 * anonymous memory. */
static int64_t set_backing(struct step *s, struct mmap_state *st,
			   struct vm_area_struct *vma)
{
	int64_t err = 0;

	if (is_dev_zero(s->m, st->file) && st->vm_flags & VM_SHARED)
		st->file = file_make(0);
	if (!file_none(st->file)) {
		get_file(s, st->file);
	} else if (st->vm_flags & VM_SHARED) {
		err = shmem_zero_setup(s, st);
	} else {
		trace_skip(s, mmap_file_mmap, "anonymous memory has no file");
		return 0;
	}
	if (err)
		return err;
	vma->vm_file = st->file;
	err = fops(s->m, st->file)->mmap(s, st->file, vma);
	if (err) {
		fput(s, st->file);
		return err;
	}
	vma->vm_page_prot = vma_page_prot(s->m, vma);
	trace_event(s, mmap_file_mmap,
		    inode_at(s->m, file_at(s->m, st->file)->f_inode)->i_ino);
	return 0;
}

/* Steps 8 to 10. */
static int64_t new_vma(struct step *s, struct mmap_state *st,
		       const struct munmap *range)
{
	vma_ref ref = vm_area_alloc(s, st->mm, range->start);
	struct vm_area_struct *vma;
	int64_t err;

	if (vma_none(ref))
		return refuse(s, ENOMEM, "no memory for a vm_area_struct");
	vma = vma_mut(s, ref);
	vma->vm_mm = st->mm;
	vma->vm_start = range->start;
	vma->vm_end = range->end;
	vma->vm_flags = st->vm_flags;
	vma->vm_page_prot = vm_get_page_prot(s->m, st->vm_flags);
	vma->vm_pgoff = st->pgoff;
	trace_event(s, mmap_alloc_vma, ref.pa, vma->vm_start, vma->vm_end);
	err = set_backing(s, st, vma);
	if (err) {
		kmem_cache_free(s, CACHE_VMA, ref.pa);
		return err;
	}
	vma_link_between(s, st->mm, ref, range->prev, range->next);
	trace_event(s, mmap_link, ref.pa, map_count(s->m, st->mm));
	return 0;
}

/* ext4_file_mmap_prepare() of a device without DAX. */
static bool cannot_sync(const struct machine *m, const struct mmap_state *st)
{
	return st->vm_flags & VM_SYNC && !file_none(st->file) &&
	       file_at(m, st->file)->f_op == FILE_OPS_DISK;
}

/* Steps 7 to 10. */
static int64_t mmap_region(struct step *s, struct mmap_state *st)
{
	struct munmap range = { .mm = st->mm, .start = st->addr,
				.end = st->addr + st->len };
	int64_t err = unmap_old(s, st, &range);

	if (err)
		return err;
	/*
	 * D-004: the pool of huge pages is empty and stays so; Linux grants a
	 * MAP_NORESERVE mapping without it, and kills whoever touches that.
	 */
	if (st->huge)
		return refuse(s, ENOMEM, "the pool of huge pages is empty");
	if (cannot_sync(s->m, st)) {
		if (st->vm_flags & VM_ACCOUNT)
			vm_unacct_memory(s, st->len >> PAGE_SHIFT);
		return refuse(s, EOPNOTSUPP, "MAP_SYNC: the disk is not memory");
	}
	if (merge_with_neighbour(s, st, &range))
		return 0;
	err = new_vma(s, st, &range);
	if (err && st->vm_flags & VM_ACCOUNT)
		vm_unacct_memory(s, st->len >> PAGE_SHIFT);
	return err;
}

/*
 * mlockall(MCL_FUTURE) locks what is mapped, and brings it in. Memory that may
 * be dropped is not locked in the end, but it did not merge as if it were not
 * and is brought in all the same (6.18 __mmap_complete()).
 */
static void account_lock(struct step *s, const struct mmap_state *st)
{
	struct vm_area_struct *vma;

	if (!(st->vm_flags & VM_DROPPABLE)) {
		mm_mut(s, st->mm)->locked_vm += st->len >> PAGE_SHIFT;
		return;
	}
	vma = vma_mut(s, vma_lookup(s->m, st->mm, st->addr));
	vma->vm_flags &= ~VM_LOCKED_MASK;
}

/* Step 11. */
static void account_mapping(struct step *s, const struct mmap_state *st)
{
	uint64_t pages = st->len >> PAGE_SHIFT;

	vm_stat_account(s, st->mm, st->vm_flags, st->file, (int64_t)pages);
	if (st->vm_flags & VM_LOCKED)
		account_lock(s, st);
	if (!(st->flags & MAP_FIXED))
		mm_mut(s, st->mm)->free_area_cache = st->addr;
	trace_event(s, mmap_stats, mm_at(s->m, st->mm)->total_vm, st->addr);
	if (st->vm_flags & VM_LOCKED ||
	    (st->flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE)
		make_pages_present(s, st->mm, st->addr, st->addr + st->len);
}

static int64_t do_mmap(struct step *s, struct mmap_state *st)
{
	int64_t err;

	if (st->flags & MAP_FIXED_NOREPLACE)
		st->flags |= MAP_FIXED;
	if (!(st->flags & MAP_FIXED))
		st->addr = min_hint(s->m, st->addr);
	err = check_size(s, st);
	if (err)
		return err;
	err = check_area(s, st);
	if (err)
		return err;
	err = check_flags(s, st);
	if (err)
		return err;
	err = mmap_region(s, st);
	if (err)
		return err;
	account_mapping(s, st);
	return (int64_t)st->addr;
}

/**
 * do_mmap_pgoff - map memory into the current process
 * @file:  what to map; none: anonymous memory
 * @addr:  a hint, or with MAP_FIXED the place
 * @len:   bytes, rounded up to pages
 * @prot:  PROT_*; other bits are ignored
 * @flags: MAP_*
 * @pgoff: offset in pages; anonymous memory checks its range and drops it
 *
 * Returns: the address, or a negative errno, told. A refusal has changed
 * nothing but, as in 6.18: a VMA that MAP_FIXED would have cut is cut; and
 * where memory ran out for the new VMA itself, the range is empty. O(log n)
 * and what is unmapped or populated.
 * Linux: mm/mmap.c do_mmap(), mm/vma.c __mmap_region(), 6.18.
 */
int64_t do_mmap_pgoff(struct step *s, file_ref file, uint64_t addr,
		      uint64_t len, uint64_t prot, uint64_t flags,
		      uint64_t pgoff)
{
	struct mmap_state st = {
		.mm = current_mm(s), .file = file, .fd = -1,
		.addr = addr, .len = len,
		.prot = prot, .flags = flags, .pgoff = pgoff,
	};

	return do_mmap(s, &st);
}

/* MAP_ANONYMOUS | MAP_HUGETLB: the size is coded in the flags, 0 is the usual one. */
static int64_t mmap_huge(struct step *s, struct mmap_state *st)
{
	const uint64_t *sizes = s->m->arch->huge_size;
	uint64_t code = st->flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;
	uint64_t size = code ? 1ULL << code : sizes[0];

	if (size != sizes[0] && size != sizes[1])
		return refuse(s, EINVAL, "there are no huge pages of that size");
	st->huge = size;
	st->len = (st->len + size - 1) & ~(size - 1);
	return do_mmap(s, st);
}

static int64_t mmap_pgoff(struct step *s, struct mmap_state *st, int64_t fd)
{
	st->mm = current_mm(s);
	st->fd = fd;
	if (st->flags & MAP_ANONYMOUS)
		return st->flags & MAP_HUGETLB ? mmap_huge(s, st)
					       : do_mmap(s, st);
	st->file = fget(s, fd);
	if (file_none(st->file))
		return refuse(s, EBADF, "fd is not open");
	if (st->flags & MAP_HUGETLB)
		return refuse(s, EINVAL, "MAP_HUGETLB: the file is not one of huge pages");
	return do_mmap(s, st);
}

int64_t sys_mmap(struct step *s, const struct op_mmap *a)
{
	struct mmap_state st = {
		.addr = a->addr, .len = a->len, .prot = a->prot,
		.flags = a->flags, .pgoff = a->offset >> PAGE_SHIFT,
	};

	if (a->offset & ~PAGE_MASK)
		return refuse(s, EINVAL, "offset is not a multiple of the page size");
	return mmap_pgoff(s, &st, a->fd);
}

int64_t sys_mmap2(struct step *s, const struct op_mmap2 *a)
{
	struct mmap_state st = {
		.addr = a->addr, .len = a->len, .prot = a->prot,
		.flags = a->flags, .pgoff = a->pgoff,
	};

	return mmap_pgoff(s, &st, a->fd);
}
