/* SPDX-License-Identifier: MIT */
/*
 * Law I: the disk. Each part is read once, so that the whole costs what is on the
 * disk. That every block in use is owned once is told by two sums, as counts of
 * references are (check.h): of what the maps reach, and of what the bitmap says.
 */
#include "mmcore/check/check.h"
#include "mmcore/fs/disk.h"
#include "mmcore/mm/filemap.h"

#define BITS_PER_BLOCK	(PAGE_SIZE * 8)
#define MAP_SLOTS	(PAGE_SIZE / sizeof(uint32_t))

/* What the whole disk adds up to. */
struct disk_check {
	struct check *c;
	const struct disk_super *super;
	uint64_t used, reached;		/* sums of mix(block) */
	uint64_t nr_reached;
	bool lost;		/* a map leads astray: none is followed again */
	uint64_t named, names;		/* sums of mix(inode): linked, listed */
	uint64_t orphans;		/* inodes in use without a name */
};

static bool layout_is_sound(const struct machine *m,
			    const struct disk_super *s)
{
	return s->s_magic == DISK_MAGIC &&
	       s->s_blocks == m->disk_bytes >> PAGE_SHIFT &&
	       s->s_inodes == s->s_blocks / 4 && s->s_block_bitmap == 1 &&
	       s->s_inode_bitmap > s->s_block_bitmap &&
	       s->s_inode_table > s->s_inode_bitmap &&
	       s->s_first_data > s->s_inode_table &&
	       s->s_first_data < s->s_blocks &&
	       s->s_goal >= s->s_first_data && s->s_goal < s->s_blocks;
}

/* The set bits of a bitmap of @nr bits: how many, and what @each makes of them. */
static uint64_t walk_bits(struct disk_check *d, uint64_t start, uint64_t nr,
			  void (*each)(struct disk_check *d, uint64_t bit))
{
	uint64_t set = 0;

	for (uint64_t bit = 0; bit < nr; bit += BITS_PER_BLOCK) {
		const uint64_t block = start + bit / BITS_PER_BLOCK;
		const uint64_t *words = disk_at(d->c->m, block);

		mm_poll(d->c->m, 64);
		if (ram_frame_is_blank(d->c->m, disk_frame(d->c->m, block)))
			continue;
		for (uint64_t i = 0; i < BITS_PER_BLOCK / 64; i++)
			for (uint64_t w = words[i]; w; w &= w - 1, set++)
				each(d, bit + i * 64 +
				     (unsigned int)__builtin_ctzll(w));
	}
	return set;
}

static void used_block(struct disk_check *d, uint64_t bit)
{
	d->used += check_mix(bit + d->super->s_first_data);
}

/* ---- block maps ---- */

static bool is_data_block(const struct disk_check *d, uint64_t block)
{
	return block >= d->super->s_first_data && block < d->super->s_blocks;
}

/* The blocks of a subtree; 0 where it is none. */
static uint64_t walk_map(struct disk_check *d, uint64_t block, uint32_t height)
{
	const uint32_t *slots;
	uint64_t nr = 1, below = 0;

	if (!check_law(d->c, LAW_disk_map, is_data_block(d, block) &&
		       d->nr_reached++ <= d->super->s_blocks)) {
		d->lost = true;
		return 0;
	}
	d->reached += check_mix(block);
	if (!height)
		return 1;
	slots = disk_at(d->c->m, block);
	for (uint64_t i = 0; i < MAP_SLOTS; i++)
		if (slots[i])
			below += walk_map(d, slots[i], height - 1);
	check_law(d->c, LAW_disk_map, below > 0);
	return nr + below;
}

static void check_map(struct disk_check *d, const struct disk_inode *inode)
{
	uint64_t nr = 0;

	if (!check_law(d->c, LAW_disk_map, inode->i_height <= DISK_HEIGHT_MAX)) {
		d->lost = true;
		return;
	}
	if (inode->i_map)
		nr = walk_map(d, inode->i_map, inode->i_height);
	check_law(d->c, LAW_disk_map, nr == inode->i_blocks);
}

/* ---- directories ---- */

static bool entry_fits(const struct disk_dirent *e, uint64_t offset)
{
	return e->rec_len >= 8 && !(e->rec_len & 7) &&
	       offset + e->rec_len <= PAGE_SIZE &&
	       e->name_len + sizeof(*e) <= e->rec_len &&
	       !e->name_len == !e->ino;
}

static bool name_is_sound(const struct disk_dirent *e)
{
	for (uint32_t i = 0; i < e->name_len; i++)
		if (!e->name[i] || e->name[i] == '/')
			return false;
	return e->name_len <= DISK_NAME_MAX;
}

/* One name. Returns: is it a directory's? */
static bool check_entry(struct disk_check *d, uint64_t dir,
			const struct disk_dirent *e)
{
	const struct disk_inode *inode;

	if (!check_law(d->c, LAW_disk_names, name_is_sound(e) &&
		       disk_ino_used(d->c->m, e->ino)))
		return false;
	inode = disk_inode_at(d->c->m, e->ino);
	check_law(d->c, LAW_disk_names, inode->i_dir == dir);
	d->names += check_mix(e->ino);
	return (inode->i_mode & S_IFMT) == S_IFDIR;
}

/* A block of a directory. Returns: directories named in it. */
static uint64_t check_entries(struct disk_check *d, uint64_t dir,
			      const uint8_t *block)
{
	uint64_t offset = 0, directories = 0;

	while (offset < PAGE_SIZE) {
		const struct disk_dirent *e =
			(const struct disk_dirent *)(block + offset);

		if (!check_law(d->c, LAW_disk_names, entry_fits(e, offset)))
			break;
		directories += e->ino && check_entry(d, dir, e);
		offset += e->rec_len;
	}
	return directories;
}

static void check_directory(struct disk_check *d, uint64_t ino,
			    const struct disk_inode *inode)
{
	uint64_t directories = 0;

	if (!check_law(d->c, LAW_disk_names, !(inode->i_size & ~PAGE_MASK) &&
		       inode->i_size >> PAGE_SHIFT <= inode->i_blocks))
		return;
	for (uint64_t i = 0; i < inode->i_size >> PAGE_SHIFT; i++) {
		const uint64_t block = disk_bmap(d->c->m, ino, i);

		if (check_law(d->c, LAW_disk_names, is_data_block(d, block)))
			directories += check_entries(d, ino,
						     disk_at(d->c->m, block));
	}
	check_law(d->c, LAW_disk_nlink, inode->i_nlink == 2 + directories);
}

/* ---- inodes ---- */

static void used_inode(struct disk_check *d, uint64_t bit)
{
	const uint64_t ino = bit + 1;
	const struct disk_inode *inode = disk_inode_at(d->c->m, ino);
	const bool directory = (inode->i_mode & S_IFMT) == S_IFDIR;
	const bool reserved = ino < DISK_FIRST_INO && !inode->i_mode;

	check_law(d->c, LAW_disk_counts, reserved || inode->i_mode);
	if (reserved)
		return;
	check_map(d, inode);
	check_law(d->c, LAW_disk_nlink, directory || inode->i_nlink <= 1);
	if (!inode->i_nlink)
		d->orphans++;
	else if (ino != DISK_ROOT_INO)
		d->named += check_mix(ino);
	if (directory && !d->lost)
		check_directory(d, ino, inode);
}

/* ---- inodes in memory ---- */

static bool same_as_on_disk(const struct inode *inode,
			    const struct disk_inode *on_disk)
{
	return inode->i_size == on_disk->i_size &&
	       inode->i_mode == on_disk->i_mode &&
	       inode->i_nlink == on_disk->i_nlink &&
	       inode->i_blocks == on_disk->i_blocks &&
	       inode->i_rdev == on_disk->i_rdev;
}

/* Found by its number, needed by somebody, in the directory it says. */
static bool has_its_place(const struct machine *m, inode_ref ref)
{
	const struct inode *inode = inode_at(m, ref);
	const uint64_t dir = disk_inode_at(m, inode->i_ino)->i_dir;

	return inode_same(find_inode(m, inode->i_ino), ref) &&
	       (inode->i_count > 0 ||
		(inode->i_nlink && inode->i_data.nrpages)) &&
	       inode_same(inode->i_parent, inode->i_ino == DISK_ROOT_INO
			  ? inode_make(0) : find_inode(m, dir));
}

static void check_inodes_in_memory(struct disk_check *d)
{
	struct check *c = d->c;
	uint64_t nr = 0, orphans = 0, listed = 0;

	for (uint64_t pa = kmem_cache_next(c->m, CACHE_INODE, 0); pa;
	     pa = kmem_cache_next(c->m, CACHE_INODE, pa)) {
		const inode_ref ref = inode_make(pa);
		const struct inode *inode = inode_at(c->m, ref);

		if (inode->i_sb != SUPER_DISK)
			continue;
		nr++;
		if (!check_law(c, LAW_inode_disk,
			       disk_ino_used(c->m, inode->i_ino)))
			continue;
		orphans += !inode->i_nlink;
		check_law(c, LAW_inode_disk, same_as_on_disk(inode,
			  disk_inode_at(c->m, inode->i_ino)) &&
			  has_its_place(c->m, ref));
		if (!d->lost)
			check_file_pages(c, ref);
	}
	for (uint64_t node = rb_first(c->m, KERNEL_MEMBER(inodes)); node &&
	     listed <= nr; node = rb_next(c->m, node))
		listed++;
	check_law(c, LAW_inode_disk, listed == nr && orphans == d->orphans);
}

/* A block that is free reads as zeros. */
static void check_free_blocks(struct disk_check *d)
{
	const struct machine *m = d->c->m;
	const uint64_t first = d->super->s_first_data;
	uint64_t frame = disk_frame(m, first);

	for (; (frame = ram_next_frame(m, frame, FRAME_WRITTEN)) != UINT64_MAX;
	     frame++) {
		const uint64_t bit = frame - disk_frame(m, first);
		const uint64_t *words = disk_at(m, d->super->s_block_bitmap +
						   bit / BITS_PER_BLOCK);

		check_law(d->c, LAW_disk_free,
			  words[bit % BITS_PER_BLOCK / 64] >> bit % 64 & 1);
	}
}

void check_disk(struct check *c)
{
	const struct disk_super *super = disk_super_at(c->m);
	struct disk_check d = { .c = c, .super = super };
	const uint64_t blocks = super->s_blocks - super->s_first_data;
	uint64_t used;

	if (!check_law(c, LAW_disk_counts, layout_is_sound(c->m, super)))
		return;
	used = walk_bits(&d, super->s_block_bitmap, blocks, used_block);
	check_law(c, LAW_disk_counts, used + super->s_free_blocks == blocks);
	used = walk_bits(&d, super->s_inode_bitmap, super->s_inodes, used_inode);
	check_law(c, LAW_disk_counts,
		  used + super->s_free_inodes == super->s_inodes);
	check_law(c, LAW_disk_blocks, d.used == d.reached);
	check_law(c, LAW_disk_nlink, d.named == d.names);
	check_free_blocks(&d);
	check_inodes_in_memory(&d);
}
