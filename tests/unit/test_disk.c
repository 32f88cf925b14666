/* SPDX-License-Identifier: MIT */
/* The disk's format: block maps, inodes and directories against plain models. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mmcore/fs/disk.h"
#include "mmcore/uapi.h"
#include "tests/lib/host.h"

static struct machine *m;
static struct host_step hs;
static struct step *s;

static void open_machine(uint64_t disk)
{
	struct mm_config config = host_config();

	config.ram = 16ULL << 20;
	config.disk = disk;
	m = host_machine_new(&config);
	host_step_init(&hs, m, 0);
	s = &hs.s;
}

static void setup(void)
{
	open_machine(4ULL << 20);
}

static void teardown(void)
{
	host_machine_free(m);
}

static const struct disk_super *super(void)
{
	return disk_super_at(m);
}

static uint64_t new_file(void)
{
	return disk_new_inode(s, S_IFREG | 0644, DISK_USER);
}

/* xorshift: the same numbers on every host. */
static uint64_t chance(uint64_t *state, uint64_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % below;
}

static uint64_t disk_frames_written(void)
{
	uint64_t frame = m->ram_bytes >> PAGE_SHIFT, nr = 0;

	for (; (frame = ram_next_frame(m, frame, FRAME_WRITTEN)) != UINT64_MAX;
	     frame++)
		nr++;
	return nr;
}

START_TEST(formatting_writes_a_handful_of_blocks)
{
	uint64_t written;

	/* super, inode bitmap, inode table, two directories */
	ck_assert_uint_le(disk_frames_written(), 6);
	teardown();
	open_machine(MM_DISK_MAX);
	written = disk_frames_written();
	ck_assert_uint_le(written, 6);
	ck_assert_uint_eq(super()->s_blocks, MM_DISK_MAX >> PAGE_SHIFT);
	ck_assert_uint_eq(super()->s_inodes, MM_DISK_MAX >> 14);
	teardown();
	open_machine(MM_DISK_MIN);
	ck_assert_uint_le(disk_frames_written(), 6);
}
END_TEST

START_TEST(a_new_disk_has_dev_and_tmp)
{
	const uint64_t dev = disk_lookup(m, DISK_ROOT_INO, "dev", 3);

	ck_assert_uint_eq(disk_inode_at(m, dev)->i_mode, S_IFDIR | 0755);
	ck_assert_uint_eq(disk_inode_at(m, DISK_ROOT_INO)->i_nlink, 4);
	ck_assert_uint_eq(disk_inode_at(m, disk_lookup(m, dev, "null", 4))->i_rdev,
			  1 << 20 | 3);
	ck_assert_uint_eq(disk_inode_at(m, disk_lookup(m, dev, "zero", 4))->i_rdev,
			  1 << 20 | 5);
	ck_assert_uint_eq(disk_lookup(m, DISK_ROOT_INO, "tmp", 3), DISK_TMP_INO);
	ck_assert_uint_eq(disk_lookup(m, DISK_ROOT_INO, "tm", 2), 0);
	ck_assert_uint_eq(disk_inode_at(m, DISK_TMP_INO)->i_mode, S_IFDIR | 01777);
}
END_TEST

/* The first free number is ext4's; a number that comes back is used again. */
START_TEST(inode_numbers)
{
	ck_assert_uint_eq(new_file(), 12);
	ck_assert_uint_eq(new_file(), 13);
	ck_assert_uint_eq(new_file(), 14);
	disk_free_inode(s, 13);
	disk_free_inode(s, 12);
	ck_assert(!disk_ino_used(m, 12) && disk_ino_used(m, 14));
	ck_assert_uint_eq(new_file(), 12);
	ck_assert_uint_eq(new_file(), 13);
	ck_assert_uint_eq(new_file(), 15);
	while (super()->s_free_inodes)
		ck_assert_uint_ne(new_file(), 0);
	ck_assert(disk_ino_used(m, super()->s_inodes));
	ck_assert_uint_eq(new_file(), 0);
	disk_free_inode(s, 77);
	ck_assert_uint_eq(new_file(), 77);
}
END_TEST

START_TEST(blocks_of_a_file_that_grows_lie_in_a_row)
{
	const uint64_t ino = new_file();
	uint64_t first;

	ck_assert_int_eq(disk_get_block(s, ino, 0), 0);
	first = disk_bmap(m, ino, 0);
	ck_assert_uint_ge(first, super()->s_first_data);
	ck_assert_uint_eq(disk_inode_at(m, ino)->i_height, 0);
	ck_assert_int_eq(disk_get_block(s, ino, 1), 0);
	ck_assert_uint_eq(disk_inode_at(m, ino)->i_height, 1);
	for (uint64_t i = 2; i < 20; i++) {
		ck_assert_int_eq(disk_get_block(s, ino, i), 0);
		ck_assert_uint_eq(disk_bmap(m, ino, i),
				  disk_bmap(m, ino, i - 1) + 1);
	}
	ck_assert_uint_eq(disk_bmap(m, ino, 0), first);
	ck_assert_uint_eq(disk_inode_at(m, ino)->i_blocks, 21);
}
END_TEST

/* What a file of any shape may have at most, and one block beyond it. */
START_TEST(the_last_index_of_ext4_has_a_place)
{
	const uint64_t last = (DISK_MAXBYTES >> PAGE_SHIFT) - 1;
	const uint64_t ino = new_file(), free = super()->s_free_blocks;

	ck_assert_int_eq(disk_get_block(s, ino, last), 0);
	ck_assert_uint_eq(disk_inode_at(m, ino)->i_blocks, 5);
	ck_assert_uint_eq(disk_next(m, ino, 0, true), last);
	ck_assert_uint_eq(disk_next(m, ino, last, false), last + 1);
	disk_free_range(s, ino, last, last + 1);
	ck_assert_uint_eq(super()->s_free_blocks, free);
	ck_assert_uint_eq(disk_inode_at(m, ino)->i_map, 0);
}
END_TEST

/* Indexes that meet every edge of a map three levels high. */
static const uint64_t places[] = {
	0, 1, 2, 511, 1022, 1023, 1024, 1025, 2047, 2048, 4095, 5000,
	1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 3 * 1024 * 1024 + 7,
	1024ULL * 1024 * 1024, 1024ULL * 1024 * 1024 + 1024,
};

#define NR_PLACES (sizeof(places) / sizeof(places[0]))

static uint64_t place_at_or_after(const bool has[NR_PLACES], uint64_t index)
{
	for (size_t i = 0; i < NR_PLACES; i++)
		if (has[i] && places[i] >= index)
			return places[i];
	return UINT64_MAX;
}

static void expect_places(uint64_t ino, const bool has[NR_PLACES])
{
	uint64_t nr = 0;

	for (size_t i = 0; i < NR_PLACES; i++) {
		const uint64_t block = disk_bmap(m, ino, places[i]);

		ck_assert_int_eq(block != 0, has[i]);
		nr += has[i];
		ck_assert_uint_eq(disk_next(m, ino, places[i], true),
				  place_at_or_after(has, places[i]));
		/* written with its own number: no block is anybody else's */
		if (block)
			ck_assert_uint_eq(*(const uint64_t *)disk_at(m, block),
					  places[i] + 1);
	}
	ck_assert_uint_ge(disk_inode_at(m, ino)->i_blocks, nr);
}

START_TEST(a_map_holds_what_was_put_into_it)
{
	const uint64_t ino = new_file(), free = super()->s_free_blocks;
	bool has[NR_PLACES] = { false };
	uint64_t seed = 99;

	for (int round = 0; round < 4000; round++) {
		const size_t i = chance(&seed, NR_PLACES);

		if (chance(&seed, 3)) {
			ck_assert_int_eq(disk_get_block(s, ino, places[i]), 0);
			*(uint64_t *)disk_mut(s, disk_bmap(m, ino, places[i])) =
				places[i] + 1;
			has[i] = true;
		} else {
			const size_t j = i + chance(&seed, NR_PLACES - i);

			disk_free_range(s, ino, places[i], places[j] + 1);
			for (size_t at = i; at <= j; at++)
				has[at] = false;
		}
		expect_places(ino, has);
		ck_assert_uint_eq(disk_inode_at(m, ino)->i_blocks,
				  free - super()->s_free_blocks);
	}
	disk_free_range(s, ino, 0, UINT64_MAX);
	ck_assert_uint_eq(super()->s_free_blocks, free);
	ck_assert_uint_eq(disk_inode_at(m, ino)->i_blocks, 0);
}
END_TEST

START_TEST(freed_blocks_are_blank)
{
	const uint64_t ino = new_file();
	uint64_t block;

	ck_assert_int_eq(disk_get_block(s, ino, 3), 0);
	block = disk_bmap(m, ino, 3);
	memset(disk_mut(s, block), 7, PAGE_SIZE);
	disk_free_range(s, ino, 0, UINT64_MAX);
	ck_assert(ram_frame_is_blank(m, disk_frame(m, block)));
}
END_TEST

START_TEST(a_full_disk_says_so_and_changes_nothing)
{
	const uint64_t ino = new_file(), other = new_file();
	uint64_t index = 0, digest;

	while (super()->s_free_blocks > 2)
		ck_assert_int_eq(disk_get_block(s, ino, index++), 0);
	digest = host_digest(m);
	/* two blocks of a map and one of data */
	ck_assert_int_eq(disk_get_block(s, other, 1024), -ENOSPC);
	ck_assert_uint_eq(host_digest(m), digest);
	ck_assert_int_eq(disk_get_block(s, other, 1023), 0);
	ck_assert_uint_eq(super()->s_free_blocks, 0);
	ck_assert_int_eq(disk_get_block(s, ino, index), -ENOSPC);
	ck_assert_int_eq(disk_get_block(s, other, 1023), 0);
	/* what one file gives back the other can have */
	disk_free_range(s, ino, 5, 6);
	ck_assert_int_eq(disk_get_block(s, other, 0), 0);
	ck_assert_uint_eq(disk_next(m, ino, 0, false), 5);
	ck_assert_uint_eq(super()->s_free_blocks, 0);
}
END_TEST

#define NAMES 300

/* Names of all lengths, one of them as long as names may be. */
static size_t name_of(unsigned int i, char name[DISK_NAME_MAX])
{
	size_t len = i == 0 ? DISK_NAME_MAX : 1 + i * 7 % 60;

	memset(name, 'a' + (int)(i % 26), len);
	name[len - 1] = (char)('0' + i / 26);
	return len;
}

START_TEST(a_directory_holds_what_was_put_into_it)
{
	bool has[NAMES] = { false };
	char name[DISK_NAME_MAX];
	uint64_t seed = 7, pos;

	for (int round = 0; round < 6000; round++) {
		const unsigned int i = (unsigned int)chance(&seed, NAMES);
		const size_t len = name_of(i, name);

		ck_assert_uint_eq(disk_lookup(m, DISK_TMP_INO, name, len),
				  has[i] ? 1000 + i : 0);
		if (has[i])
			disk_remove_entry(s, DISK_TMP_INO, name, len);
		else
			ck_assert_int_eq(disk_add_entry(s, DISK_TMP_INO, name,
							len, 1000 + i), 0);
		has[i] = !has[i];
	}
	for (pos = 0;;) {
		const struct disk_dirent *e = disk_next_entry(m, DISK_TMP_INO,
							      &pos);

		if (!e)
			break;
		ck_assert(has[e->ino - 1000]);
		has[e->ino - 1000] = false;
	}
	for (int i = 0; i < NAMES; i++)
		ck_assert(!has[i]);
}
END_TEST

/* Names that leave let the directory stay as small as it was. */
START_TEST(a_directory_does_not_grow_by_coming_and_going)
{
	char name[8];

	for (int i = 0; i < 2000; i++) {
		const size_t len = (size_t)snprintf(name, sizeof(name), "f%d", i);

		ck_assert_int_eq(disk_add_entry(s, DISK_TMP_INO, name, len, 50), 0);
		disk_remove_entry(s, DISK_TMP_INO, name, len);
	}
	ck_assert_uint_eq(disk_inode_at(m, DISK_TMP_INO)->i_size, PAGE_SIZE);
}
END_TEST

/* The room that short names leave side by side is one room. */
START_TEST(a_long_name_fits_where_short_ones_were)
{
	char name[DISK_NAME_MAX];

	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(disk_add_entry(s, DISK_TMP_INO, name, (size_t)
			snprintf(name, sizeof(name), "f%d", i), 50), 0);
	ck_assert_uint_eq(disk_inode_at(m, DISK_TMP_INO)->i_size, PAGE_SIZE);
	for (int i = 0; i < 200; i++)
		disk_remove_entry(s, DISK_TMP_INO, name, (size_t)
			snprintf(name, sizeof(name), "f%d", i * 77 % 200));
	memset(name, 'x', sizeof(name));
	for (int i = 0; i < 10; i++) {
		name[0] = (char)('0' + i);
		ck_assert_int_eq(disk_add_entry(s, DISK_TMP_INO, name,
						sizeof(name), 50), 0);
	}
	ck_assert_uint_eq(disk_inode_at(m, DISK_TMP_INO)->i_size, PAGE_SIZE);
}
END_TEST

START_TEST(a_directory_on_a_full_disk)
{
	const uint64_t ino = new_file();
	uint64_t index = 0, digest;

	while (super()->s_free_blocks)
		ck_assert_int_eq(disk_get_block(s, ino, index++), 0);
	digest = host_digest(m);
	ck_assert_int_eq(disk_add_entry(s, DISK_TMP_INO, "f", 1, ino), -ENOSPC);
	ck_assert_uint_eq(host_digest(m), digest);
	/* the root has a block with room */
	ck_assert_int_eq(disk_add_entry(s, DISK_ROOT_INO, "f", 1, ino), 0);
}
END_TEST

Suite *suite_disk(void);
Suite *suite_disk(void)
{
	Suite *suite = suite_create("disk");
	TCase *t = tcase_create("disk");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, formatting_writes_a_handful_of_blocks);
	tcase_add_test(t, a_new_disk_has_dev_and_tmp);
	tcase_add_test(t, inode_numbers);
	tcase_add_test(t, blocks_of_a_file_that_grows_lie_in_a_row);
	tcase_add_test(t, the_last_index_of_ext4_has_a_place);
	tcase_add_test(t, a_map_holds_what_was_put_into_it);
	tcase_add_test(t, freed_blocks_are_blank);
	tcase_add_test(t, a_full_disk_says_so_and_changes_nothing);
	tcase_add_test(t, a_directory_holds_what_was_put_into_it);
	tcase_add_test(t, a_directory_does_not_grow_by_coming_and_going);
	tcase_add_test(t, a_long_name_fits_where_short_ones_were);
	tcase_add_test(t, a_directory_on_a_full_disk);
	suite_add_tcase(suite, t);
	return suite;
}
