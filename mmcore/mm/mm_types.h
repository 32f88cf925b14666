/* SPDX-License-Identifier: MIT */
/*
 * The structures of the simulated kernel, as they lie in the simulated RAM.
 * Members carry the names of Linux 2.6.17; those the project adds come last in
 * each structure and say so. A kernel pointer is a typed reference, a function
 * pointer a small id into a constant table, a lock the state it would have
 * between two operations. All of them are kept true but those marked "unused":
 * these have no meaning in a simulation and stay 0.
 */
#ifndef MMCORE_MM_TYPES_H
#define MMCORE_MM_TYPES_H

#include "mmcore/lib/handle.h"
#include "mmcore/lib/list.h"
#include "mmcore/lib/rbtree.h"
#include "mmcore/mm/page.h"
#include "mmcore/ram.h"

/* vma->vm_flags. Values of 2.6.17 where it has them. */
#define VM_READ		0x00000001ULL
#define VM_WRITE	0x00000002ULL
#define VM_EXEC		0x00000004ULL
#define VM_SHARED	0x00000008ULL
#define VM_MAYREAD	0x00000010ULL
#define VM_MAYWRITE	0x00000020ULL
#define VM_MAYEXEC	0x00000040ULL
#define VM_MAYSHARE	0x00000080ULL
#define VM_GROWSDOWN	0x00000100ULL
#define VM_GROWSUP	0x00000200ULL
#define VM_PFNMAP	0x00000400ULL
#define VM_DENYWRITE	0x00000800ULL
#define VM_EXECUTABLE	0x00001000ULL
#define VM_LOCKED	0x00002000ULL
#define VM_IO		0x00004000ULL
#define VM_SEQ_READ	0x00008000ULL
#define VM_RAND_READ	0x00010000ULL
#define VM_DONTCOPY	0x00020000ULL
#define VM_DONTEXPAND	0x00040000ULL
#define VM_RESERVED	0x00080000ULL
#define VM_ACCOUNT	0x00100000ULL
#define VM_NORESERVE	0x00200000ULL	/* today's Linux */
#define VM_HUGETLB	0x00400000ULL
#define VM_NONLINEAR	0x00800000ULL
#define VM_MAPPED_COPY	0x01000000ULL
#define VM_INSERTPAGE	0x02000000ULL
/* Today's Linux; the values are ours. */
#define VM_LOCKONFAULT	0x0000000100000000ULL
#define VM_WIPEONFORK	0x0000000200000000ULL
#define VM_DONTDUMP	0x0000000400000000ULL
#define VM_HUGEPAGE	0x0000000800000000ULL
#define VM_NOHUGEPAGE	0x0000001000000000ULL
#define VM_MERGEABLE	0x0000002000000000ULL
#define VM_DROPPABLE	0x0000004000000000ULL
#define VM_SEALED	0x0000008000000000ULL
#define VM_SYNC		0x0000010000000000ULL
#define VM_MAYBE_GUARD	0x0000020000000000ULL	/* it had guard pages once */

#define VM_ACCESS_FLAGS	(VM_READ | VM_WRITE | VM_EXEC)
#define VM_LOCKED_MASK	(VM_LOCKED | VM_LOCKONFAULT)
/* Never merged, never populated by mlock (today's VM_SPECIAL). */
#define VM_SPECIAL	(VM_IO | VM_DONTEXPAND | VM_PFNMAP)

/* No hindrance to a merge: the result has it if one of those merged had. */
#define VM_STICKY	VM_MAYBE_GUARD
/* Fork copies the page tables, though faults could bring the pages back. */
#define VM_COPY_ON_FORK	(VM_PFNMAP | VM_MAYBE_GUARD)

/* vma->vm_ops: ids into the constant table vm_operations[] (tables.c). */
enum vm_ops_id {
	VM_OPS_NONE,		/* anonymous private */
	VM_OPS_SHMEM,		/* shared anonymous memory, tmpfs */
	VM_OPS_FILE,		/* files of the disk */
	VM_OPS_SPECIAL,		/* [vdso], [vvar], [vvar_vclock] */
	NR_VM_OPS,
};

/* vm_private_data of a VM_OPS_SPECIAL VMA. */
enum special_mapping { SPECIAL_VVAR = 1, SPECIAL_VVAR_VCLOCK, SPECIAL_VDSO };

struct vm_area_struct {
	mm_ref vm_mm;		/* the address space we belong to */
	uint64_t vm_start;	/* first byte, page aligned */
	uint64_t vm_end;	/* first byte after us, page aligned */
	vma_ref vm_next;	/* list sorted by address */
	uint64_t vm_page_prot;	/* PTE bits of a fresh mapping */
	uint64_t vm_flags;	/* VM_* */
	struct rb_node vm_rb;	/* in mm->mm_rb, keyed by vm_start */
	/*
	 * A VMA with backing store is linked into its address_space: here by
	 * linear.rb, in i_mmap, whose first three words stand where a prio tree's
	 * node had its own (2.6.17); vm_set is unused.
	 */
	union {
		struct {
			struct list_head list;
			uint64_t parent;	/* unused */
			vma_ref head;		/* unused */
		} vm_set;
		struct {
			uint64_t left, right, parent;	/* linear.rb, 2.6.17 */
		} prio_tree_node;
		struct {
			struct rb_node rb;
			uint64_t rb_subtree_last;	/* interval_tree.h */
		} linear;
	} shared;
	struct list_head anon_vma_node;	/* in anon_vma->head */
	anon_vma_ref anon_vma;	/* none until the first anonymous page */
	uint64_t vm_ops;	/* enum vm_ops_id */
	uint64_t vm_pgoff;	/* offset in vm_file in pages; anonymous:
				 * vm_start >> 12 at creation */
	file_ref vm_file;	/* none if anonymous private */
	uint64_t vm_private_data;
	/*
	 * The truncate_count of the mapping when pages of this VMA were last
	 * unmapped. It is written and never read: an operation truncates as a
	 * whole, so that nobody has to notice and begin again.
	 */
	uint64_t vm_truncate_count;
	/* ours */
	vma_ref vm_prev;	/* the list, backwards */
	uint64_t reserved0;
	/*
	 * Which of today's per-process anon_vmas it would be, within the
	 * family's: two VMAs of one mm have "the same anon_vma" for merging
	 * when both anon_vma and this are equal. 0 while anon_vma is none.
	 */
	uint32_t anon_vma_ident;
	/* Inherited by fork while it had an anon_vma: its chain is multi. */
	uint32_t chain_multi;
};

_Static_assert(sizeof(struct vm_area_struct) == 192, "three cache lines");

/*
 * Reverse mapping of anonymous pages (2.6.17): one per VMA family. Fork links
 * the child's VMA to the parent's anon_vma, a split links both halves; it is
 * freed when the list empties. page->mapping is its address | 1.
 */
struct anon_vma {
	uint64_t lock;		/* unused: held only inside an operation */
	struct list_head head;	/* vm_area_structs by anon_vma_node */
	/* ours */
	uint32_t next_ident;	/* last anon_vma_ident given out */
	uint32_t nr_vmas;	/* length of head */
};

#define AT_VECTOR_SIZE 48
#define NR_CPUS_MAX 64

struct mm_struct {
	vma_ref mmap;		/* list of VMAs, by address */
	struct rb_root mm_rb;
	vma_ref mmap_cache;	/* last find_vma result */
	uint64_t get_unmapped_area;	/* enum mmap_layout */
	uint64_t unmap_area;	/* enum mmap_layout */
	uint64_t mmap_base;	/* top of the top-down search */
	uint64_t task_size;	/* first address above user space */
	uint64_t cached_hole_size;	/* kept as 2.6.17 does; 6.18's search has no cache */
	uint64_t free_area_cache;	/* likewise */
	uint64_t pgd;		/* physical address of the top table */
	int32_t mm_users;	/* tasks with this address space */
	int32_t mm_count;	/* references to this structure */
	int32_t map_count;	/* number of VMAs */
	int32_t mmap_sem;	/* unused: free between operations */
	int32_t page_table_lock;	/* unused */
	uint32_t reserved0;
	struct list_head mmlist;	/* mms that own swap entries; else unlinked */
	uint64_t _file_rss;	/* pages: present PTEs of file pages */
	uint64_t _anon_rss;	/* pages: present PTEs of anonymous pages */
	uint64_t hiwater_rss;	/* raised just before rss is lowered */
	uint64_t hiwater_vm;
	uint64_t total_vm, locked_vm, shared_vm, exec_vm;	/* pages */
	uint64_t stack_vm, reserved_vm, def_flags, nr_ptes;
	uint64_t start_code, end_code, start_data, end_data;
	uint64_t start_brk, brk, start_stack;
	uint64_t arg_start, arg_end, env_start, env_end;
	uint64_t saved_auxv[AT_VECTOR_SIZE];	/* 0 without a program */
	uint32_t dumpable;	/* 2 bits in Linux; 1 */
	uint32_t reserved1;
	uint64_t cpu_vm_mask;	/* CPUs that ran it: bit 0 */
	uint64_t context;	/* unused: no descriptor table, no ASID */
	uint64_t swap_token_time;	/* unused: there is no swap, and no token */
	uint32_t recent_pagein;	/* unused: likewise */
	int32_t core_waiters;	/* unused: no core dumps */
	uint64_t core_startup_done, core_done;	/* unused */
	uint64_t ioctx_list_lock;	/* unused: no aio */
	uint64_t ioctx_list;	/* unused */
	/* ours */
	uint64_t _shmem_rss;	/* pages: present PTEs of shared memory */
	uint64_t _swap_ents;	/* swap PTEs */
	uint64_t data_vm;	/* today's VmData class, pages */
	uint64_t nr_tables;	/* all but the top one */
	uint64_t highest_vm_end;	/* end of the last VMA */
	uint64_t vdso;		/* address of [vdso], 0 if none */
	uint64_t id;		/* small number of this mm, from 1 */
	uint64_t pinned_vm;	/* VmPin: pages; 0 */
	uint64_t vma_index;	/* root node of the index; see vma_index.c */
	uint64_t nr_p4ds;	/* of nr_tables: VmPTE leaves them out */
};

/* Pages that the address space maps (get_mm_rss(), 6.18 include/linux/mm.h). */
static inline uint64_t get_mm_rss(const struct mm_struct *mm)
{
	return mm->_file_rss + mm->_anon_rss + mm->_shmem_rss;
}

#define VMA_INDEX_SLOTS 31

/* A node of the index of VMAs: five to a frame. */
struct vma_index_node {
	uint32_t nr;			/* slots in use */
	uint32_t height;		/* 0: a leaf */
	uint64_t end[VMA_INDEX_SLOTS];	/* vm_end; above: the last one below */
	uint64_t start[VMA_INDEX_SLOTS];	/* vm_start; above: largest gap */
	uint64_t ref[VMA_INDEX_SLOTS];	/* the VMA; above: a node */
};

enum mmap_layout { MMAP_BOTTOMUP, MMAP_TOPDOWN };

/* Descriptors of a task (or of several: CLONE_FILES). */
#define NR_OPEN_DEFAULT 64
#define NR_OPEN		(1024 * 1024)	/* fs.nr_open: more is never allowed */

struct files_struct {
	int32_t count;		/* tasks that share it */
	uint32_t max_fds;	/* FDSize: 64 and its doubles */
	uint32_t next_fd;	/* no lower number is free */
	pfn_t fdt[2];		/* of a larger table; see fdtable.c */
	uint32_t reserved;
	uint64_t fd_array[NR_OPEN_DEFAULT];	/* file | close on exec */
};

/* file->f_op: ids into the constant table file_operations[] (tables.c). */
enum file_ops_id {
	FILE_OPS_NONE,
	FILE_OPS_NULL,		/* /dev/null */
	FILE_OPS_ZERO,		/* /dev/zero */
	FILE_OPS_SHMEM,		/* shared anonymous memory, memfds */
	FILE_OPS_DISK,		/* a regular file of the disk */
	FILE_OPS_DIR,		/* a directory of the disk */
	FILE_OPS_PIPE,		/* one end of a pipe */
	NR_FILE_OPS,
};

#define FMODE_READ	1
#define FMODE_WRITE	2
#define FMODE_PATH	4	/* O_PATH: it can be closed and duplicated */

/* What was read ahead, in pages (today's include/linux/fs.h). */
struct file_ra_state {
	uint64_t start;		/* where the window begins */
	uint32_t size;		/* its pages */
	uint32_t async_size;	/* the next one is read when these are left */
	uint32_t ra_pages;	/* the largest window */
	uint32_t mmap_miss;	/* faults that found no page, less those that did */
	uint32_t order;		/* of the folios of the last window */
	uint32_t pad;
	int64_t prev_pos;	/* where the last read ended, bytes; -1: none */
};

struct file {
	uint64_t f_op;		/* enum file_ops_id */
	int32_t f_count;	/* descriptors and VMAs that refer to it */
	uint32_t f_flags;	/* O_* */
	uint64_t f_mode;	/* FMODE_* */
	uint64_t f_pos;		/* bytes */
	mapping_ref f_mapping;	/* the inode's pages; none where there are none */
	inode_ref f_inode;	/* none for the /dev/null of a new process */
	struct file_ra_state f_ra;
};

/* inode->i_sb: ids into the constant table super_operations[] (tables.c). */
enum super_id {
	SUPER_NONE,
	SUPER_TMPFS,		/* shared memory, memfds */
	SUPER_DISK,		/* the disk's file system */
	SUPER_PIPEFS,
	NR_SUPERS,
};

/* mapping->a_ops: ids into address_space_operations[] (tables.c). */
enum a_ops_id {
	A_OPS_NONE,
	A_OPS_SHMEM,
	A_OPS_DISK,
	NR_A_OPS,
};

/* A file's pages in memory: what the page cache is, per object. */
struct address_space {
	inode_ref host;
	uint64_t page_tree;	/* radix tree of pfns: see radix.h */
	uint32_t height;	/* levels of page_tree; 0: empty */
	uint32_t i_mmap_writable;	/* VM_SHARED | VM_MAYWRITE mappings */
	struct rb_root i_mmap;	/* VMAs by shared.linear.rb: interval_tree.h */
	struct list_head i_mmap_nonlinear;	/* none since 4.0: always empty */
	uint64_t truncate_count;
	uint64_t nrpages;
	uint64_t writeback_index;
	uint64_t a_ops;		/* enum a_ops_id */
};

struct inode {
	uint64_t i_ino;
	uint64_t i_size;	/* bytes */
	int32_t i_count;	/* open files that refer to it */
	uint32_t i_dev;		/* major << 20 | minor */
	uint64_t i_accounted;	/* pages charged (shared memory) */
	uint64_t i_name;	/* its struct file_name; 0: it has none */
	uint32_t i_flags;	/* S_* */
	uint32_t i_sb;		/* enum super_id */
	uint32_t i_mode;	/* S_IF* and permission bits */
	uint32_t i_nlink;	/* names; 0: unlinked */
	uint32_t i_rdev;	/* of a device: major << 20 | minor */
	uint32_t i_state;	/* I_* */
	uint32_t i_seals;	/* F_SEAL_*, of shared memory (shmem_inode_info) */
	uint32_t i_pad;
	uint64_t i_blocks;	/* blocks of the disk that it owns */
	inode_ref i_parent;	/* the directory it is in: a reference */
	pipe_ref i_pipe;	/* of a pipe: its ring */
	struct rb_node i_hash;	/* in kernel->inodes, keyed by i_ino: the disk's */
	struct list_head i_list;	/* in kernel->dirty_inodes */
	uint64_t dirtied_when;	/* jiffies */
	struct address_space i_data;
};


/* inode->i_state */
#define I_DIRTY_PAGES	1	/* on kernel->dirty_inodes */
#define I_DA_ALLOC_CLOSE 2	/* ext4's: truncated to nothing, closing writes back */

/* Pages are charged one by one as they come, not all of them up front. */
#define S_NORESERVE	1

/* What maps and fd/ show; NUL-terminated. */
#define FILE_NAME_LEN	272

struct file_name {
	char text[FILE_NAME_LEN];
};

/* pipe_buffer->ops: ids into pipe_buf_operations[] (tables.c). */
enum pipe_buf_ops_id {
	PIPE_BUF_OPS_NONE,
	PIPE_BUF_OPS_ANON,	/* a page that the pipe took to copy bytes into */
	PIPE_BUF_OPS_PACKET,	/* the same, one write of O_DIRECT */
	PIPE_BUF_OPS_PAGE_CACHE,	/* a page of a file */
	PIPE_BUF_OPS_USER,	/* a page of a program's memory */
	PIPE_BUF_OPS_ZERO,	/* the zero page: a hole of a file */
	PIPE_BUF_OPS_DEFAULT,	/* a page filled by a device */
	NR_PIPE_BUF_OPS,
};

/* A piece of a page, in a pipe: it holds one reference to it. */
struct pipe_buffer {
	uint64_t page;		/* its pfn */
	uint32_t offset, len;	/* bytes */
	uint32_t ops;		/* enum pipe_buf_ops_id */
	uint32_t flags;		/* PIPE_BUF_FLAG_* */
	uint64_t private;	/* unused: no kind of page needs it */
};

#define PIPE_BUFFERS	16	/* slots of a new pipe */

struct pipe_inode_info {
	uint32_t nrbufs;	/* slots in use */
	uint32_t curbuf;	/* the oldest of them */
	struct pipe_buffer bufs[PIPE_BUFFERS];	/* the ring, unless it is larger */
	uint64_t tmp_page;	/* pfn of an empty page kept for the next write */
	uint32_t readers, writers;	/* open ends */
	uint32_t waiting_writers;	/* unused: nobody sleeps */
	uint32_t r_counter, w_counter;	/* unused: no named pipes */
	uint32_t reserved0;
	inode_ref inode;	/* whose i_pipe it is; none: sendfile's own */
	/* ours: today's rings have a size */
	uint32_t max_usage;	/* slots */
	uint32_t nr_accounted;	/* slots in kernel->pipe_bufs */
	uint64_t ring;		/* where the ring lies, if not in bufs */
};

#define TASK_COMM_LEN 16

struct rlimit {
	uint64_t rlim_cur, rlim_max;
};

struct task_struct {
	int32_t pid;
	int32_t ppid;		/* 0: nobody */
	struct rb_node pid_node;	/* in kernel->tasks, keyed by pid */
	mm_ref mm;
	files_ref files;
	uint64_t min_flt, maj_flt;
	uint64_t start_time;	/* jiffies */
	uint64_t flags;		/* PF_* */
	struct rlimit rlim[16];
	char comm[TASK_COMM_LEN];
	struct list_head children;	/* tasks whose ppid we are */
	struct list_head sibling;	/* in our parent's children; or unlinked */
};

#define PF_PRIVILEGED	1	/* all capabilities */
#define PF_VFORK	2	/* shares its parent's mm until exec or exit */

DEFINE_OBJECT(vma, struct vm_area_struct);

/* The VMA behind this one, or none: a step of a walk. */
static inline vma_ref vma_next(const struct machine *m, vma_ref vma)
{
	mm_poll(m, 1);
	return vma_at(m, vma)->vm_next;
}

DEFINE_OBJECT(mm, struct mm_struct);
DEFINE_OBJECT(anon_vma, struct anon_vma);
DEFINE_OBJECT(task, struct task_struct);
DEFINE_OBJECT(files, struct files_struct);
DEFINE_OBJECT(file, struct file);
DEFINE_OBJECT(inode, struct inode);
DEFINE_OBJECT(mapping, struct address_space);
DEFINE_OBJECT(pipe, struct pipe_inode_info);

static inline uint64_t vma_pages(const struct vm_area_struct *vma)
{
	return (vma->vm_end - vma->vm_start) >> PAGE_SHIFT;
}

/* Where the page of @addr lies in the object behind its VMA; @addr may also be
 * the VMA's end. Linux: include/linux/pagemap.h, 2.6.17. */
static inline uint64_t linear_page_index(const struct vm_area_struct *vma,
					 uint64_t addr)
{
	return vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
}

#endif
