/* SPDX-License-Identifier: MIT */
/* A machine is made: what is refused, what it costs, what it then is. */
#include <check.h>
#include <string.h>

#include "mmcore/mm/page_alloc.h"
#include "mmcore/mm/vma.h"
#include "tests/lib/space.h"

/* One line a wrong parameter: what is set, and who is named. */
#define WRONG(X)							\
	X(ram, MM_RAM_MIN - 4096)					\
	X(ram, MM_RAM_MAX + 4096)					\
	X(ram, 0)							\
	X(ram, (64 << 20) + 1)						\
	X(arch, NR_ARCHS)						\
	X(arch, UINT32_MAX)						\
	X(cpus, 0)							\
	X(cpus, 65)							\
	X(overcommit_memory, 3)						\
	X(overcommit_ratio, 1ULL << 31)					\
	X(swappiness, 201)						\
	X(max_map_count, 1ULL << 31)					\
	X(mmap_min_addr, 0x7ffffffff000)				\
	X(min_free_kbytes, 65537)	/* of 256 MiB */		\
	X(swap, 4096)							\
	X(hugepages, 1)							\
	X(aslr, 1)

static struct mm_config configs[64];
static const char *names[64];
static int nr_configs;

static void collect(void)
{
	nr_configs = 0;
#define X(member, value)						\
	configs[nr_configs] = mm_config_default();			\
	configs[nr_configs].member = (value);				\
	names[nr_configs++] = #member;
	WRONG(X)
#undef X
}

START_TEST(a_wrong_parameter_is_named)
{
	const char *param;

	collect();
	for (int i = 0; i < nr_configs; i++) {
		const char *why = mm_config_check(&configs[i], &param);

		ck_assert_msg(why != NULL, "%s, number %d", names[i], i);
		ck_assert_str_eq(param, names[i]);
	}
}
END_TEST

START_TEST(the_bounds_themselves_are_allowed)
{
	struct mm_config c = mm_config_default();
	const char *param;

	ck_assert_ptr_null(mm_config_check(&c, &param));
	ck_assert_ptr_null(param);
	c.cpus = 64;
	c.overcommit_memory = 2;
	c.overcommit_ratio = INT32_MAX;
	c.swappiness = 200;
	c.max_map_count = INT32_MAX;
	c.mmap_min_addr = 0x7fffffffefff;
	c.min_free_kbytes = 65536;
	ck_assert_ptr_null(mm_config_check(&c, &param));
	c = mm_config_default();
	c.ram = MM_RAM_MIN;
	ck_assert_ptr_null(mm_config_check(&c, &param));
	c.ram = MM_RAM_MAX;
	ck_assert_ptr_null(mm_config_check(&c, &param));
}
END_TEST

START_TEST(the_smallest_machine_works)
{
	struct mm_config c = mm_config_default();
	struct space sp;

	c.ram = MM_RAM_MIN;
	space_open_with(&sp, &c, false);
	space_map(&sp, 0, 8, RW);
	space_write(&sp, 7);
	ck_assert_int_gt(host_fork(sp.m, sp.pid, 0), 0);
	space_close(&sp);
}
END_TEST

/* A few frames, and not more of them for more RAM. */
START_TEST(a_boot_writes_a_handful_of_frames)
{
	static const uint64_t sizes[] = {
		MM_RAM_MIN, 64ULL << 20, 3ULL << 30, 1ULL << 40,
	};
	struct mm_config c = mm_config_default();
	struct machine *m;

	c.ram = sizes[_i];
	m = host_machine_new(&c);
	ck_assert_uint_le(m->nr_resident, 16);
	host_check(m);
	ck_assert_uint_eq(nr_free_pages(m), kernel_at(m)->totalram_pages);
	host_machine_free(m);
}
END_TEST

START_TEST(the_same_configuration_gives_the_same_machine)
{
	struct mm_config c = mm_config_default();
	struct machine *a, *b, *other;

	c.seed = 7;
	a = host_machine_new(&c);
	b = host_machine_new(&c);
	c.seed = 8;
	other = host_machine_new(&c);
	ck_assert_uint_eq(host_digest(a), host_digest(b));
	ck_assert_uint_ne(host_digest(a), host_digest(other));
	host_machine_free(a);
	host_machine_free(b);
	host_machine_free(other);
}
END_TEST

START_TEST(what_was_asked_for_is_what_it_has)
{
	struct mm_config c = mm_config_default();
	struct machine *m;
	const struct kernel *k;

	c.cpus = 3;
	c.overcommit_memory = 1;
	c.overcommit_ratio = 77;
	c.swappiness = 5;
	c.max_map_count = 99;
	c.mmap_min_addr = 8192;
	c.min_free_kbytes = 2000;
	m = host_machine_new(&c);
	k = kernel_at(m);
	ck_assert_uint_eq(k->ram_frames, c.ram >> PAGE_SHIFT);
	ck_assert_uint_eq(k->cpus, 3);
	ck_assert_uint_eq(mm_sysctl_read(m, SYSCTL_overcommit_memory), 1);
	ck_assert_uint_eq(mm_sysctl_read(m, SYSCTL_overcommit_ratio), 77);
	ck_assert_uint_eq(mm_sysctl_read(m, SYSCTL_swappiness), 5);
	ck_assert_uint_eq(mm_sysctl_read(m, SYSCTL_max_map_count), 99);
	ck_assert_uint_eq(mm_sysctl_read(m, SYSCTL_mmap_min_addr), 8192);
	ck_assert_uint_eq(mm_sysctl_read(m, SYSCTL_min_free_kbytes), 2000);
	ck_assert_uint_eq(k->stack_guard_gap, 256);
	host_machine_free(m);
}
END_TEST

/* zone borders of x86-64: 16 MiB and 4 GiB */
START_TEST(zones_end_where_those_of_x86_64_end)
{
	struct mm_config c = mm_config_default();
	struct machine *m;
	const struct zone *z;

	c.ram = 6ULL << 30;
	m = host_machine_new(&c);
	z = kernel_at(m)->zones;
	ck_assert_uint_eq(z[ZONE_DMA].zone_start_pfn +
			  z[ZONE_DMA].spanned_pages, 4096);
	ck_assert_uint_eq(z[ZONE_DMA32].zone_start_pfn, 4096);
	ck_assert_uint_eq(z[ZONE_DMA32].spanned_pages, (1 << 20) - 4096);
	ck_assert_uint_eq(z[ZONE_NORMAL].zone_start_pfn, 1 << 20);
	ck_assert_uint_eq(z[ZONE_HIGHMEM].present_pages, 0);
	host_check(m);
	host_machine_free(m);
}
END_TEST

/* What is copied bytes for bytes goes on as the original would. */
START_TEST(a_copy_attached_goes_on_alike)
{
	struct space sp, copy;

	space_open(&sp);
	space_map(&sp, 0, 8, RW);
	space_write(&sp, 3);
	copy = sp;
	copy.m = host_machine_copy(sp.m);
	for (unsigned int n = 0; n < 8; n++) {
		space_write(&sp, n);
		space_write(&copy, n);
	}
	ck_assert_int_eq(host_fork(sp.m, sp.pid, 0),
			 host_fork(copy.m, copy.pid, 0));
	ck_assert_uint_eq(host_digest(sp.m), host_digest(copy.m));
	space_close(&copy);
	space_close(&sp);
}
END_TEST

Suite *suite_boot(void);
Suite *suite_boot(void)
{
	Suite *suite = suite_create("boot");
	TCase *t = tcase_create("boot");

	tcase_add_test(t, a_wrong_parameter_is_named);
	tcase_add_test(t, the_bounds_themselves_are_allowed);
	tcase_add_test(t, the_smallest_machine_works);
	tcase_add_loop_test(t, a_boot_writes_a_handful_of_frames, 0, 4);
	tcase_add_test(t, the_same_configuration_gives_the_same_machine);
	tcase_add_test(t, what_was_asked_for_is_what_it_has);
	tcase_add_test(t, zones_end_where_those_of_x86_64_end);
	tcase_add_test(t, a_copy_attached_goes_on_alike);
	suite_add_tcase(suite, t);
	return suite;
}
