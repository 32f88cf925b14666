/* SPDX-License-Identifier: MIT */
/*
 * Answers: what one side says after a deed, as text. The outcome is one line;
 * the state is a set of lines, each naming the process it is about:
 *
 *	1 maps 7ffff7ffd000-7ffff7fff000 rw-p 00000000 00:00 0
 *	1 pages 7ffff7ffd000 1 anon exclusive
 *	1 VmRSS 8 kB
 *	1 min_flt 2
 *
 * Both sides make it with the same code from the text of their /proc, so two
 * answers are equal exactly when all that is compared is equal. What cannot be
 * equal is put in a form that is: inode numbers become #1, #2 … in the order
 * in which they are first seen (a file system gives numbers of deleted files
 * again, so there the order is that of one answer), the device of the disk
 * becomes "disk", and its paths begin at the folder of files.
 */
#ifndef TESTS_ORACLE_ANSWER_H
#define TESTS_ORACLE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTCOME_LINE 128
#define NR_INODES 4096

struct answer {
	char outcome[OUTCOME_LINE];
	char **lines;		/* the state; sorted after answer_finish() */
	size_t count, room;
};

/* Inode numbers that one side has shown, in that order. */
struct inode_list {
	uint64_t seen[NR_INODES];
	size_t count;
};

#define DISK_DEVICE 16
#define DISK_ROOT 128

struct inodes {
	struct inode_list memory;	/* of all answers so far */
	struct inode_list disk;		/* of this answer */
	char device[DISK_DEVICE];	/* of the disk, as maps shows it */
	char root[DISK_ROOT];		/* what its paths begin with there; or "" */
};

/* What a process's pages have in common; runs of equal pages are one line. */
struct page_run {
	uint64_t start, pages;
	bool zero, file, exclusive;
};

/* Empty it, outcome and all; what it held is freed. */
void answer_clear(struct answer *a);
void answer_copy(struct answer *to, const struct answer *from);

/* One more line of the state. */
void answer_line(struct answer *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* An answer begins: nothing of the disk has been seen in it. */
void inodes_begin(struct inodes *inodes);

/* The text of a process's maps, status and stat. */
void answer_maps(struct answer *a, struct inodes *inodes, uint32_t pid,
		 const char *text);
void answer_status(struct answer *a, uint32_t pid, const char *text);
void answer_min_flt(struct answer *a, uint32_t pid, uint64_t min_flt);
/*
 * smaps, area by area: what is not zero, and the flags. (Whether a page was
 * referenced is compared in process 1 alone. A child's entries begin old, and
 * then the page's own mark decides, which moves on as the kernel drains its
 * per-CPU LRU batches.)
 */
void answer_smaps(struct answer *a, uint32_t pid, const char *text);
/* smaps_rollup in the same way, and the sizes in statm. */
void answer_rollup(struct answer *a, uint32_t pid, const char *text);
void answer_statm(struct answer *a, uint32_t pid, const char *text);
/* Field 10 of /proc/PID/stat. */
uint64_t stat_min_flt(const char *text);

/*
 * Pages come one by one, in order of their addresses; a run that a page does
 * not continue is written out. Flush after the last one.
 */
void answer_page(struct answer *a, uint32_t pid, struct page_run *run,
		 const struct page_run *page);
void answer_page_flush(struct answer *a, uint32_t pid, struct page_run *run);

/* Outcomes of system calls and of accesses; the words are the same for both. */
void outcome_return(struct answer *a, int64_t ret);
/* The same, and two words that the call has left in memory. */
void outcome_words(struct answer *a, int64_t ret, uint64_t first,
		   uint64_t second);
/* Beside what it returned, the call has sent its caller a signal; 0: none. */
void outcome_sent(struct answer *a, int signo);
void outcome_access(struct answer *a, uint64_t done, uint64_t hash);
void outcome_signal(struct answer *a, int signo, int code, uint64_t addr,
		    uint64_t done);

/* All lines are there: sort them. */
void answer_finish(struct answer *a);
bool answers_equal(const struct answer *a, const struct answer *b);

/* Calls @tell for every line that only one of them has: '-' @a's, '+' @b's. */
void answers_differ(const struct answer *a, const struct answer *b,
		    void (*tell)(void *ctx, char sign, const char *line),
		    void *ctx);

/* Drop or add a line of a finished answer; false: it is not, or is, there. */
bool answer_drop(struct answer *a, const char *line);

#endif
