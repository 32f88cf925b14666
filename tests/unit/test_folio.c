/* SPDX-License-Identifier: MIT */
/*
 * Folios of several pages. What is expected is what /proc/kpageflags, pagemap, mincore()
 * and smaps say after the same calls on Linux 6.18 and ext4.
 */
#include <check.h>
#include <string.h>

#include "mmcore/arch/arch.h"
#include "mmcore/fs/disk.h"
#include "mmcore/fs/pipe.h"
#include "mmcore/mm/filemap.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/proc/procfs.h"
#include "tests/lib/files.h"

static struct space sp;
static uint64_t ino;
static int64_t fd;

static void setup(void)
{
	space_open(&sp);
	ino = fs_make(&sp, "/f", 0, 0, 0);
	fd = fs_open(&sp, "/f", O_RDWR);
	ck_assert_int_ge(fd, 0);
}

static void teardown(void)
{
	host_check(sp.m);
	space_close(&sp);
}

static void write_pages(uint64_t index, uint64_t nr)
{
	ck_assert_int_eq(fs_write(&sp, fd, index * PAGE_SIZE, nr * PAGE_SIZE, 1),
			 (int64_t)(nr * PAGE_SIZE));
}

/* A letter for each page: where it is not there, alone, the head, or a tail. */
static const char *draw_folios(uint64_t nr)
{
	static char text[128];

	for (uint64_t i = 0; i < nr; i++) {
		const pfn_t pfn = fs_page(&sp, ino, i);

		text[i] = !pfn ? '.' : !page_has(sp.m, pfn, PG_compound) ? '1'
			: page_folio(sp.m, pfn) == pfn ? 'H' : 't';
	}
	text[nr] = 0;
	return text;
}

/* And where it is mapped: not, to be read, to be written. */
static const char *draw_mapped(unsigned int from, unsigned int nr)
{
	static char text[128];

	for (unsigned int i = 0; i < nr; i++) {
		const struct mm_pagemap page = space_page(&sp, from + i);

		text[i] = !page.present ? '.' : page.dirty ? 'D' : 'r';
	}
	text[nr] = 0;
	return text;
}

static struct op_result touch(unsigned int n, enum access_kind kind)
{
	return fs_op(&sp, (struct op){ .code = OP_MEM_TOUCH,
					.mem_touch = { page_addr(n), 1, kind } });
}

static int64_t advise(unsigned int n, unsigned int pages, uint32_t advice)
{
	return fs_op(&sp, (struct op){ .code = OP_MADVISE,
		.madvise = { page_addr(n), pages * PAGE_SIZE, advice } }).ret;
}

static pfn_t folio_of(uint64_t index)
{
	return page_folio(sp.m, fs_page(&sp, ino, index));
}

/* ---- where they come from ---- */

START_TEST(a_write_brings_in_folios_as_large_as_it_is)
{
	write_pages(0, 5);
	ck_assert_str_eq(draw_folios(6), "Httt1.");
	ck_assert_int_eq(fs_truncate(&sp, fd, 0), 0);
	write_pages(1, 4);
	ck_assert_str_eq(draw_folios(6), ".1Ht1.");
	ck_assert_int_eq(fs_truncate(&sp, fd, 0), 0);
	write_pages(3, 13);
	ck_assert_str_eq(draw_folios(17), "...1HtttHttttttt.");
	/* Its length counts, not the pages it touches. */
	ck_assert_int_eq(fs_truncate(&sp, fd, 0), 0);
	fs_write(&sp, fd, 0x800, 0x2800, 1);
	ck_assert_str_eq(draw_folios(4), "Ht1.");
	ck_assert_int_eq(fs_truncate(&sp, fd, 0), 0);
	fs_write(&sp, fd, 0x800, 0x1fff, 1);
	ck_assert_str_eq(draw_folios(4), "111.");
}
END_TEST

/* However many buffers: what is spliced is one write. */
START_TEST(a_splice_brings_in_folios_as_one_write)
{
	static const uint8_t bytes[15 * PAGE_SIZE];
	const struct op_result pipe = fs_op(&sp, (struct op){ .code = OP_PIPE });

	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_WRITE, .data = bytes,
		.data_len = sizeof(bytes), .write = { pipe.fds[1], NO_BUFFER, 0 } })
		.ret, sizeof(bytes));
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_SPLICE,
		.splice = { pipe.fds[0], NO_OFFSET, fd, PAGE_SIZE, sizeof(bytes),
			    0 } }).ret, sizeof(bytes));
	ck_assert_str_eq(draw_folios(17), ".1HtHtttHttttttt.");
	ck_assert(page_has(sp.m, folio_of(9), PG_uptodate));
	ck_assert_uint_eq(fs_nr_dirty(&sp), 15);
}
END_TEST

/* Nor is it anything else to who wants what is written on the disk at once. */
START_TEST(a_splice_to_a_synchronous_file_is_on_the_disk)
{
	const struct op_result pipe = fs_op(&sp, (struct op){ .code = OP_PIPE });
	const int64_t sync = fs_open(&sp, "/f", O_RDWR | O_DSYNC);

	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_WRITE,
		.data = (const uint8_t *)"there", .data_len = 5,
		.write = { pipe.fds[1], NO_BUFFER, 0 } }).ret, 5);
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_SPLICE,
		.splice = { pipe.fds[0], NO_OFFSET, sync, 0, 5, 0 } }).ret, 5);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 0);
	ck_assert_uint_eq(fs_disk_byte(&sp, ino, 4), 'e');
}
END_TEST

START_TEST(no_folio_takes_the_place_of_a_page_that_is_there)
{
	static uint8_t bytes[1024 * PAGE_SIZE];
	struct op_result res;

	write_pages(2, 1);
	write_pages(0, 8);
	ck_assert_str_eq(draw_folios(9), "Ht11Httt.");
	/* Nor is one larger than a huge page. */
	ck_assert_int_eq(fs_truncate(&sp, fd, 0), 0);
	res = fs_op(&sp, (struct op){ .code = OP_PWRITE, .data = bytes,
		.data_len = sizeof(bytes),
		.pwrite = { fd, 512 * PAGE_SIZE, NO_BUFFER, sizeof(bytes) } });
	ck_assert_int_eq(res.ret, (int64_t)sizeof(bytes));
	ck_assert_uint_eq(folio_nr_pages(sp.m, folio_of(600)), 512);
	ck_assert_uint_eq(page_at(sp.m, folio_of(1100))->index, 1024);
}
END_TEST

START_TEST(a_frame_of_it_knows_its_place_and_the_head_is_counted)
{
	pfn_t head;

	write_pages(0, 4);
	head = folio_of(3);
	ck_assert_uint_eq(head & 3, 0);
	ck_assert_uint_eq(fs_page(&sp, ino, 3), head + 3);
	ck_assert_uint_eq(page_at(sp.m, head + 3)->index, 3);
	ck_assert_int_eq(page_read(sp.m, head)._count, 4);
	ck_assert_int_eq(page_read(sp.m, head + 3)._count, 0);
	ck_assert_int_eq(page_read(sp.m, head + 3)._mapcount, -1);
	ck_assert(page_has(sp.m, head, PG_lru) && page_has(sp.m, head, PG_dirty));
	ck_assert(!page_has(sp.m, head + 3, PG_lru));
	fs_map(&sp, 0, 4, RW, MAP_SHARED, fd, 0);
	touch(1, ACCESS_READ);
	ck_assert_int_eq(page_read(sp.m, head)._count, 8);
	ck_assert_int_eq(page_read(sp.m, head + 3)._mapcount, 0);
}
END_TEST

/* ---- faults ---- */

START_TEST(a_fault_maps_all_of_it)
{
	write_pages(0, 16);
	fs_sync(&sp, fd);
	fs_map(&sp, 0, 16, RW, MAP_SHARED, fd, 0);
	touch(5, ACCESS_READ);
	ck_assert_str_eq(draw_mapped(0, 16), "rrrrrrrrrrrrrrrr");
	ck_assert_uint_eq(space_mm(&sp)->_file_rss, 16);
	/* By a store: all can be written to, and all of them are dirty. */
	advise(0, 16, MADV_DONTNEED);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 0);
	touch(5, ACCESS_WRITE);
	ck_assert_str_eq(draw_mapped(0, 16), "DDDDDDDDDDDDDDDD");
	ck_assert_uint_eq(fs_nr_dirty(&sp), 16);
}
END_TEST

START_TEST(a_store_to_a_page_that_is_mapped_makes_all_dirty_and_one_writable)
{
	write_pages(0, 4);
	fs_sync(&sp, fd);
	fs_map(&sp, 0, 4, RW, MAP_SHARED, fd, 0);
	touch(0, ACCESS_READ);
	touch(2, ACCESS_WRITE);
	ck_assert_str_eq(draw_mapped(0, 4), "rrDr");
	ck_assert_uint_eq(fs_nr_dirty(&sp), 4);
	fs_sync(&sp, fd);
	ck_assert_str_eq(draw_mapped(0, 4), "rrrr");
	ck_assert_uint_eq(fs_nr_dirty(&sp), 0);
}
END_TEST

START_TEST(a_fault_maps_one_page_where_not_all_of_it_fits)
{
	const struct arch *a = sp.m->arch;
	const unsigned int entries = 1u << a->level[a->nr_levels - 1].bits;
	const unsigned int edge = entries -
		(unsigned int)(page_addr(0) >> PAGE_SHIFT & (entries - 1));

	write_pages(0, 16);
	/* Behind the end of the mapping; by reading, those of them that lie near. */
	fs_map(&sp, 0, 12, RW, MAP_SHARED, fd, 0);
	touch(5, ACCESS_WRITE);
	ck_assert_str_eq(draw_mapped(0, 12), ".....D......");
	touch(6, ACCESS_READ);
	ck_assert_str_eq(draw_mapped(0, 12), "rrrrrDrrrrrr");
	/* Over the edge of a table. */
	fs_map(&sp, edge - 4, 16, RW, MAP_SHARED, fd, 0);
	touch(edge - 2, ACCESS_WRITE);
	ck_assert_str_eq(draw_mapped(edge - 4, 16), "..D.............");
	/* Something is there already. */
	fs_map(&sp, 100, 16, RW, MAP_SHARED, fd, 0);
	touch(103, ACCESS_WRITE);
	advise(104, 12, MADV_DONTNEED);
	touch(110, ACCESS_WRITE);
	ck_assert_str_eq(draw_mapped(100, 16), "DDDD......D.....");
}
END_TEST

/* A private store copies the page, and no other. */
START_TEST(a_private_store_copies_one_page)
{
	write_pages(0, 8);
	fs_map(&sp, 0, 8, RW, MAP_PRIVATE, fd, 0);
	touch(3, ACCESS_WRITE);
	ck_assert_str_eq(draw_mapped(0, 8), "...D....");
	ck_assert_uint_eq(space_mm(&sp)->_anon_rss, 1);
	touch(0, ACCESS_READ);
	ck_assert_uint_eq(space_mm(&sp)->_file_rss, 7);
}
END_TEST

START_TEST(the_first_store_has_blocks_for_all_of_it)
{
	const uint64_t before = disk_super_at(sp.m)->s_free_blocks;

	/* Read over a hole: the second window has folios of four pages. */
	ck_assert_int_eq(fs_truncate(&sp, fd, 20 * PAGE_SIZE), 0);
	fs_read(&sp, fd, 0, 1);
	fs_read(&sp, fd, PAGE_SIZE, 1);
	ck_assert_str_eq(draw_folios(20), "1111HtttHttt........");
	fs_map(&sp, 0, 20, RW, MAP_SHARED, fd, 0);
	touch(9, ACCESS_WRITE);
	/* And one for the map of the file. */
	ck_assert_uint_eq(disk_super_at(sp.m)->s_free_blocks, before - 5);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 4);
}
END_TEST

START_TEST(a_window_for_huge_pages_has_folios_as_large_as_the_file)
{
	ck_assert_int_eq(fs_truncate(&sp, fd, 11 * PAGE_SIZE), 0);
	fs_map(&sp, 0, 11, PROT_READ, MAP_PRIVATE, fd, 0);
	ck_assert_int_eq(advise(0, 11, MADV_HUGEPAGE), 0);
	touch(4, ACCESS_READ);
	ck_assert_str_eq(draw_folios(12), "HtttttttHt1.");
}
END_TEST

/* ---- who uses it ---- */

START_TEST(a_page_used_is_a_folio_used_once_per_read)
{
	write_pages(0, 8);
	fs_read(&sp, fd, 0, 8 * PAGE_SIZE);
	ck_assert(page_has(sp.m, folio_of(7), PG_referenced));
	ck_assert(!page_has(sp.m, folio_of(7), PG_active));
	/* It goes on where the last one ended: that is still the same use. */
	fs_read(&sp, fd, 7 * PAGE_SIZE, PAGE_SIZE);
	ck_assert(!page_has(sp.m, folio_of(7), PG_active));
	fs_map(&sp, 0, 8, PROT_READ, MAP_SHARED, fd, 0);
	touch(0, ACCESS_READ);
	advise(0, 8, MADV_DONTNEED);
	ck_assert(page_has(sp.m, folio_of(7), PG_active));
	ck_assert(!page_has(sp.m, folio_of(7), PG_referenced));
}
END_TEST

START_TEST(one_page_that_is_used_keeps_all)
{
	write_pages(0, 8);
	fs_sync(&sp, fd);
	fs_map(&sp, 0, 1, PROT_READ, MAP_SHARED, fd, 2);
	touch(0, ACCESS_READ);
	fs_drop_caches(&sp);
	ck_assert_str_eq(draw_folios(9), "Httttttt.");
	space_unmap(&sp, 0, 1);
	fs_drop_caches(&sp);
	ck_assert_str_eq(draw_folios(9), ".........");
}
END_TEST

/* kpageflags: of each page what the folio has, but for what it is itself. */
START_TEST(kpageflags_shows_the_folio)
{
	uint64_t bits[4];
	pfn_t head;

	write_pages(0, 4);
	head = folio_of(0);
	ck_assert(mm_proc_pread(sp.m, "/proc/kpageflags", head * sizeof(bits[0]),
				bits, sizeof(bits)));
	for (int i = 0; i < 4; i++) {
		ck_assert_uint_eq(bits[i] >> 4 & 1, 1);		/* dirty */
		ck_assert_uint_eq(bits[i] >> 5 & 1, 1);		/* lru */
		ck_assert_uint_eq(bits[i] >> 10 & 1, 0);	/* buddy */
		ck_assert_uint_eq(bits[i] >> 15 & 1, i == 0);	/* head */
		ck_assert_uint_eq(bits[i] >> 16 & 1, i != 0);	/* tail */
	}
}
END_TEST

/* ---- its way to the disk ---- */

START_TEST(only_the_blocks_that_differ_are_written)
{
	const struct kernel *k = kernel_at(sp.m);
	uint64_t out;

	write_pages(0, 8);
	fs_sync(&sp, fd);
	out = k->pgpgout;
	fs_write(&sp, fd, 3 * PAGE_SIZE, 10, 2);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 8);
	ck_assert(block_is_dirty(sp.m, fs_page(&sp, ino, 3)));
	ck_assert(!block_is_dirty(sp.m, fs_page(&sp, ino, 4)));
	fs_sync(&sp, fd);
	ck_assert_uint_eq(k->pgpgout - out, PAGE_SIZE >> 10);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 0);
	ck_assert_uint_eq(fs_disk_byte(&sp, ino, 3 * PAGE_SIZE), 2);
	ck_assert_uint_eq(fs_disk_byte(&sp, ino, 4 * PAGE_SIZE), 1);
}
END_TEST

/* Over a hole they are zeros, and will be written. */
START_TEST(a_write_from_nowhere_over_a_hole_is_zeros)
{
	const struct op_result res = fs_op(&sp, (struct op){ .code = OP_PWRITE,
		.pwrite = { fd, 0, page_addr(200), 4 * PAGE_SIZE } });

	ck_assert_int_eq(res.ret, -EFAULT);
	ck_assert_str_eq(draw_folios(5), "Httt.");
	ck_assert(page_has(sp.m, folio_of(0), PG_uptodate));
	for (uint64_t i = 0; i < 4; i++)
		ck_assert(block_is_dirty(sp.m, fs_page(&sp, ino, i)));
}
END_TEST

/* The bytes of a write that could not be read are the disk's, as before. */
START_TEST(a_write_from_nowhere_keeps_what_the_disk_has)
{
	struct op_result res;

	write_pages(0, 8);
	fs_sync(&sp, fd);
	fs_drop_caches(&sp);
	res = fs_op(&sp, (struct op){ .code = OP_PWRITE,
		.pwrite = { fd, 0, page_addr(200), 4 * PAGE_SIZE } });
	ck_assert_int_eq(res.ret, -EFAULT);
	ck_assert_str_eq(draw_folios(5), "Httt.");
	ck_assert(!page_has(sp.m, folio_of(0), PG_uptodate));
	host_check(sp.m);
	ck_assert_uint_eq(fs_byte(&sp, fd, 2 * PAGE_SIZE), 1);
	ck_assert(page_has(sp.m, folio_of(0), PG_uptodate));
	/* Half of it could be read: that is new, and the rest is old. */
	fs_drop_caches(&sp);
	space_map(&sp, 0, 2, RW);
	host_store(sp.m, sp.pid, page_addr(0), 7);
	host_store(sp.m, sp.pid, page_addr(1), 8);
	res = fs_op(&sp, (struct op){ .code = OP_PWRITE,
		.pwrite = { fd, 0, page_addr(0), 4 * PAGE_SIZE } });
	ck_assert_int_eq(res.ret, 2 * PAGE_SIZE);
	ck_assert_uint_eq(fs_byte(&sp, fd, 0), 7);
	ck_assert_uint_eq(fs_byte(&sp, fd, PAGE_SIZE), 8);
	ck_assert_uint_eq(fs_byte(&sp, fd, 2 * PAGE_SIZE), 1);
	ck_assert_uint_eq(fs_byte(&sp, fd, 3 * PAGE_SIZE), 1);
}
END_TEST

/* ---- cut ---- */

START_TEST(a_clean_one_is_split_where_the_file_ends)
{
	write_pages(0, 16);
	fs_sync(&sp, fd);
	fs_map(&sp, 0, 16, RW, MAP_SHARED, fd, 0);
	touch(5, ACCESS_READ);
	ck_assert_int_eq(fs_truncate(&sp, fd, 0x6800), 0);
	ck_assert_str_eq(draw_folios(16), "HtttHt1.........");
	ck_assert_str_eq(draw_mapped(0, 16), "................");
	ck_assert_uint_eq(space_mm(&sp)->_file_rss, 0);
	ck_assert_uint_eq(fs_nr_dirty(&sp), 1);
	ck_assert_uint_eq(fs_byte(&sp, fd, 0x67ff), 1);
	ck_assert_int_eq(fs_truncate(&sp, fd, 0x10000), 0);
	ck_assert_uint_eq(fs_byte(&sp, fd, 0x6800), 0);
}
END_TEST

START_TEST(a_dirty_one_stays_whole_behind_the_end)
{
	write_pages(0, 16);
	fs_map(&sp, 0, 16, RW, MAP_SHARED, fd, 0);
	touch(5, ACCESS_WRITE);
	ck_assert_int_eq(fs_truncate(&sp, fd, 0x6800), 0);
	ck_assert_str_eq(draw_folios(17), "Httttttttttttttt.");
	ck_assert_str_eq(draw_mapped(0, 16), "................");
	ck_assert_uint_eq(fs_nr_dirty(&sp), 16);
	host_check(sp.m);
	/* No access behind the end, by whatever fault. */
	ck_assert_int_eq(touch(7, ACCESS_WRITE).signo, SIGBUS);
	touch(1, ACCESS_WRITE);
	ck_assert_str_eq(draw_mapped(0, 16), ".D..............");
	touch(2, ACCESS_READ);
	ck_assert_str_eq(draw_mapped(0, 16), "rDrrrrr.........");
	/* Grown again it is there, and zero. */
	ck_assert_int_eq(fs_truncate(&sp, fd, 0x10000), 0);
	ck_assert_uint_eq(fs_byte(&sp, fd, 0x67ff), 1);
	ck_assert_uint_eq(fs_byte(&sp, fd, 0x6800), 0);
	ck_assert_uint_eq(fs_byte(&sp, fd, 0xf000), 0);
	fs_sync(&sp, fd);
	ck_assert_uint_eq(fs_disk_byte(&sp, ino, 0x5000), 1);
	ck_assert_uint_eq(fs_disk_byte(&sp, ino, 0x9000), 0);
}
END_TEST

/* Once it is written, who splits it drops what lies behind the end. */
START_TEST(what_lies_behind_the_end_goes_with_a_split)
{
	write_pages(0, 16);
	ck_assert_int_eq(fs_truncate(&sp, fd, 0x6800), 0);
	fs_sync(&sp, fd);
	ck_assert_str_eq(draw_folios(16), "Httttttttttttttt");
	fs_map(&sp, 0, 16, RW, MAP_SHARED, fd, 0);
	touch(1, ACCESS_READ);
	ck_assert_str_eq(draw_mapped(0, 16), ".r..............");
	touch(3, ACCESS_READ);
	ck_assert_str_eq(draw_mapped(0, 16), "rrrrrrr.........");
	ck_assert_int_eq(advise(2, 1, MADV_COLD), 0);
	ck_assert_str_eq(draw_folios(16), "1111111.........");
}
END_TEST

START_TEST(the_parts_are_as_used_as_the_whole_was)
{
	write_pages(0, 8);
	fs_sync(&sp, fd);
	fs_read(&sp, fd, 0, 1);
	ck_assert_int_eq(fs_truncate(&sp, fd, 5 * PAGE_SIZE), 0);
	ck_assert_str_eq(draw_folios(8), "Httt1...");
	ck_assert(page_has(sp.m, folio_of(0), PG_referenced));
	ck_assert(page_has(sp.m, folio_of(4), PG_referenced));
}
END_TEST

/* What was dirty of it lay behind the cut: nothing keeps it from being split. */
START_TEST(a_cut_that_takes_all_that_is_dirty_splits)
{
	write_pages(0, 16);
	fs_sync(&sp, fd);
	fs_write(&sp, fd, 7 * PAGE_SIZE, PAGE_SIZE, 2);
	ck_assert_int_eq(fs_truncate(&sp, fd, 6 * PAGE_SIZE), 0);
	ck_assert_str_eq(draw_folios(8), "HtttHt..");
	ck_assert_uint_eq(fs_nr_dirty(&sp), 0);
}
END_TEST

START_TEST(a_hole_splits_it_at_both_edges)
{
	write_pages(0, 16);
	fs_sync(&sp, fd);
	fs_map(&sp, 0, 16, RW, MAP_SHARED, fd, 0);
	touch(0, ACCESS_READ);
	ck_assert_int_eq(advise(5, 1, MADV_REMOVE), 0);
	ck_assert_str_eq(draw_folios(16), "Httt1.11Httttttt");
	ck_assert_str_eq(draw_mapped(0, 16), "................");
	/* A dirty one keeps the page, which is zero and will not be written. */
	touch(8, ACCESS_WRITE);
	ck_assert_int_eq(advise(9, 2, MADV_REMOVE), 0);
	ck_assert_str_eq(draw_folios(16), "Httt1.11Httttttt");
	ck_assert_uint_eq(fs_byte(&sp, fd, 9 * PAGE_SIZE), 0);
	ck_assert_uint_eq(fs_byte(&sp, fd, 11 * PAGE_SIZE), 1);
	ck_assert(!block_is_dirty(sp.m, fs_page(&sp, ino, 9)));
	host_check(sp.m);
	fs_sync(&sp, fd);
	ck_assert_uint_eq(fs_disk_byte(&sp, ino, 9 * PAGE_SIZE), 0);
}
END_TEST

START_TEST(a_pipe_that_holds_a_page_keeps_it_from_being_split)
{
	struct op_result pipe = fs_op(&sp, (struct op){ .code = OP_PIPE });
	pfn_t head;

	write_pages(0, 8);
	fs_sync(&sp, fd);
	head = folio_of(0);
	ck_assert_int_eq(fs_op(&sp, (struct op){ .code = OP_SPLICE,
		.splice = { fd, 2 * PAGE_SIZE, pipe.fds[1], NO_OFFSET,
			    PAGE_SIZE, 0 } }).ret, PAGE_SIZE);
	ck_assert_int_eq(page_read(sp.m, head)._count, 9);
	/* So all of it goes, and what the pipe has stays. */
	ck_assert_int_eq(fs_truncate(&sp, fd, 4 * PAGE_SIZE), 0);
	ck_assert_str_eq(draw_folios(8), "........");
	ck_assert(page_has(sp.m, head, PG_pipe) && page_has(sp.m, head, PG_compound));
	host_check(sp.m);
	ck_assert_uint_eq(((const uint8_t *)ram_at(sp.m,
				pfn_to_pa(head + 2)))[0], 1);
	fs_op(&sp, (struct op){ .code = OP_CLOSE, .close = { pipe.fds[0] } });
	fs_op(&sp, (struct op){ .code = OP_CLOSE, .close = { pipe.fds[1] } });
	ck_assert(!page_has(sp.m, head, PG_compound));
	ck_assert_uint_eq(fs_byte(&sp, fd, 3 * PAGE_SIZE), 1);
}
END_TEST

/* ---- advice ---- */

START_TEST(advice_for_a_part_splits_a_clean_one)
{
	write_pages(0, 8);
	fs_sync(&sp, fd);
	fs_map(&sp, 0, 8, RW, MAP_SHARED, fd, 0);
	touch(0, ACCESS_READ);
	ck_assert_int_eq(advise(2, 1, MADV_COLD), 0);
	ck_assert_str_eq(draw_folios(8), "11111111");
	ck_assert_str_eq(draw_mapped(0, 8), "........");
}
END_TEST

START_TEST(advice_for_a_part_leaves_a_dirty_or_a_shared_one)
{
	int64_t child;

	write_pages(0, 8);
	fs_map(&sp, 0, 8, RW, MAP_SHARED, fd, 0);
	touch(0, ACCESS_READ);
	ck_assert_int_eq(advise(2, 1, MADV_PAGEOUT), 0);
	ck_assert_str_eq(draw_folios(8), "Httttttt");
	ck_assert_str_eq(draw_mapped(0, 8), "rrrrrrrr");
	fs_sync(&sp, fd);
	child = fs_op(&sp, (struct op){ .code = OP_FORK }).ret;
	host_touch(sp.m, (uint32_t)child, page_addr(7), 1, ACCESS_READ);
	ck_assert_int_eq(advise(2, 1, MADV_PAGEOUT), 0);
	ck_assert_str_eq(draw_folios(8), "Httttttt");
	ck_assert_str_eq(draw_mapped(0, 8), "rrrrrrrr");
	/* Then it is ours alone. */
	host_run(sp.m, &(struct op){ .code = OP_EXIT, .pid = (uint32_t)child });
	ck_assert_int_eq(advise(2, 1, MADV_PAGEOUT), 0);
	ck_assert_str_eq(draw_folios(8), "11111111");
}
END_TEST

START_TEST(advice_for_all_of_it_takes_it_whole)
{
	write_pages(0, 8);
	fs_sync(&sp, fd);
	fs_map(&sp, 0, 8, RW, MAP_SHARED, fd, 0);
	touch(0, ACCESS_READ);
	ck_assert_int_eq(advise(0, 8, MADV_COLD), 0);
	ck_assert_str_eq(draw_folios(8), "Httttttt");
	ck_assert_str_eq(draw_mapped(0, 8), "rrrrrrrr");
	ck_assert_int_eq(advise(0, 8, MADV_PAGEOUT), 0);
	ck_assert_str_eq(draw_folios(8), "........");
	ck_assert_uint_eq(space_mm(&sp)->_file_rss, 0);
	/* A dirty one is unmapped, and to go once it is written; until then it stands in
	 * the way of faults as a mark does. */
	write_pages(0, 8);
	touch(0, ACCESS_WRITE);
	ck_assert_int_eq(advise(0, 8, MADV_PAGEOUT), 0);
	ck_assert_str_eq(draw_folios(8), "Httttttt");
	ck_assert_str_eq(draw_mapped(0, 8), "........");
	ck_assert(page_has(sp.m, folio_of(0), PG_readahead));
	ck_assert(page_has(sp.m, folio_of(0), PG_active));
	fs_sync(&sp, fd);
	ck_assert(!page_has(sp.m, folio_of(0), PG_readahead));
}
END_TEST

Suite *suite_folio(void);
Suite *suite_folio(void)
{
	Suite *suite = suite_create("folio");
	TCase *tc = tcase_create("folios");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_write_brings_in_folios_as_large_as_it_is);
	tcase_add_test(tc, a_splice_brings_in_folios_as_one_write);
	tcase_add_test(tc, a_splice_to_a_synchronous_file_is_on_the_disk);
	tcase_add_test(tc, no_folio_takes_the_place_of_a_page_that_is_there);
	tcase_add_test(tc, a_frame_of_it_knows_its_place_and_the_head_is_counted);
	tcase_add_test(tc, a_fault_maps_all_of_it);
	tcase_add_test(tc, a_store_to_a_page_that_is_mapped_makes_all_dirty_and_one_writable);
	tcase_add_test(tc, a_fault_maps_one_page_where_not_all_of_it_fits);
	tcase_add_test(tc, a_private_store_copies_one_page);
	tcase_add_test(tc, the_first_store_has_blocks_for_all_of_it);
	tcase_add_test(tc, a_window_for_huge_pages_has_folios_as_large_as_the_file);
	tcase_add_test(tc, a_page_used_is_a_folio_used_once_per_read);
	tcase_add_test(tc, one_page_that_is_used_keeps_all);
	tcase_add_test(tc, kpageflags_shows_the_folio);
	tcase_add_test(tc, only_the_blocks_that_differ_are_written);
	tcase_add_test(tc, a_write_from_nowhere_over_a_hole_is_zeros);
	tcase_add_test(tc, a_write_from_nowhere_keeps_what_the_disk_has);
	tcase_add_test(tc, a_clean_one_is_split_where_the_file_ends);
	tcase_add_test(tc, a_dirty_one_stays_whole_behind_the_end);
	tcase_add_test(tc, what_lies_behind_the_end_goes_with_a_split);
	tcase_add_test(tc, the_parts_are_as_used_as_the_whole_was);
	tcase_add_test(tc, a_cut_that_takes_all_that_is_dirty_splits);
	tcase_add_test(tc, a_hole_splits_it_at_both_edges);
	tcase_add_test(tc, a_pipe_that_holds_a_page_keeps_it_from_being_split);
	tcase_add_test(tc, advice_for_a_part_splits_a_clean_one);
	tcase_add_test(tc, advice_for_a_part_leaves_a_dirty_or_a_shared_one);
	tcase_add_test(tc, advice_for_all_of_it_takes_it_whole);
	suite_add_tcase(suite, tc);
	return suite;
}
