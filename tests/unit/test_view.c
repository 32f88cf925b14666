/* SPDX-License-Identifier: MIT */
/*
 * Results as people see them: each outcome of docs/api.md section 3 byte for byte,
 * flags by name, bytes by encoding (RFC 4648's own examples).
 */
#include <check.h>
#include <string.h>

#include "mmcore/arch/arch.h"
#include "mmcore/mm/page_alloc.h"
#include "mmcore/uapi.h"
#include "server/view/view.h"

static struct json_writer out;

static void setup(void)
{
	json_writer_init(&out, 1 << 20);
}

static void teardown(void)
{
	json_writer_free(&out);
}

#define expect_text(expected)						\
	do {								\
		ck_assert_uint_eq(out.len, strlen(expected));		\
		ck_assert_mem_eq(out.buf, (expected), out.len);		\
		json_writer_reset(&out);				\
	} while (0)

static void show(enum op_code code, const struct op_result *res)
{
	const struct op op = { .code = code };

	json_object_begin(&out);
	view_outcome(&out, &op, res);
	json_object_close(&out);
}

START_TEST(yes_is_a_value_and_an_address_is_hex)
{
	show(OP_MUNMAP, &(struct op_result){ .ret = 0 });
	expect_text("{\"ok\":true,\"ret\":0}");
	show(OP_MMAP, &(struct op_result){ .ret = 0x7ffff7ff5000 });
	expect_text("{\"ok\":true,\"ret\":\"0x7ffff7ff5000\"}");
	show(OP_BRK, &(struct op_result){ .ret = 0 });
	expect_text("{\"ok\":true,\"ret\":\"0x0\"}");
	show(OP_SPAWN, &(struct op_result){ .ret = 7 });
	expect_text("{\"ok\":true,\"ret\":7,\"pid\":7}");
}
END_TEST

START_TEST(no_has_its_errno_and_says_why)
{
	show(OP_MMAP, &(struct op_result){ .outcome = OUT_ERRNO, .ret = -22,
					   .err = 22, .why = "len is 0" });
	expect_text("{\"ok\":false,\"ret\":-22,\"errno\":\"EINVAL\",\"why\":\"len is 0\"}");
	show(OP_WRITE, &(struct op_result){ .outcome = OUT_ERRNO, .ret = -27,
					    .err = 27, .signo = 25, .why = "x" });
	expect_text("{\"ok\":false,\"ret\":-27,\"errno\":\"EFBIG\","
		    "\"signal\":\"SIGXFSZ\",\"why\":\"x\"}");
}
END_TEST

START_TEST(a_signal_tells_code_and_address)
{
	show(OP_MEM_READ, &(struct op_result){
		.outcome = OUT_SIGNAL, .signo = 11, .si_code = 1,
		.fault_addr = 0x8, .done = 3, .minor = 1 });
	expect_text("{\"ok\":false,\"signal\":\"SIGSEGV\",\"code\":\"SEGV_MAPERR\","
		    "\"addr\":\"0x8\",\"done\":3,\"minor\":1,\"major\":0}");
	show(OP_MEM_TOUCH, &(struct op_result){
		.outcome = OUT_SIGNAL, .signo = 7, .si_code = 2,
		.fault_addr = 0x1000, .nr_killed = 2, .killed = { 4, 5 } });
	expect_text("{\"ok\":false,\"signal\":\"SIGBUS\",\"code\":\"BUS_ADRERR\","
		    "\"addr\":\"0x1000\",\"done\":0,\"minor\":0,\"major\":0,"
		    "\"killed\":[4,5]}");
}
END_TEST

START_TEST(what_would_block_says_so_once)
{
	show(OP_READ, &(struct op_result){ .outcome = OUT_BLOCKED,
					   .why = "pipe is empty" });
	ck_assert_ptr_nonnull(memmem(out.buf, out.len, "\"ok\":false", 10));
	ck_assert_ptr_nonnull(memmem(out.buf, out.len,
				     "\"blocked\":\"pipe is empty\"", 25));
	ck_assert_ptr_null(memmem(out.buf, out.len, "\"why\"", 5));
}
END_TEST

START_TEST(faults_are_told_where_there_were_some)
{
	show(OP_READ, &(struct op_result){ .ret = 5, .minor = 2, .major = 1 });
	expect_text("{\"ok\":true,\"ret\":5,\"minor\":2,\"major\":1}");
}
END_TEST

START_TEST(flags_are_names_and_the_rest_is_hex)
{
	view_flags(&out, 3, names_prot);
	expect_text("[\"PROT_READ\",\"PROT_WRITE\"]");
	view_flags(&out, 0, names_prot);
	expect_text("[]");
	view_flags(&out, 1 | 1ULL << 40, names_prot);
	expect_text("[\"PROT_READ\",\"0x10000000000\"]");
	view_flag_text(&out, 3, names_prot);
	expect_text("\"PROT_READ|PROT_WRITE\"");
}
END_TEST

START_TEST(bytes_come_out_as_asked)
{
	static const struct { const char *raw, *base64; } rfc4648[] = {
		{ "", "\"\"" }, { "f", "\"Zg==\"" }, { "fo", "\"Zm8=\"" },
		{ "foo", "\"Zm9v\"" }, { "foob", "\"Zm9vYg==\"" },
		{ "fooba", "\"Zm9vYmE=\"" }, { "foobar", "\"Zm9vYmFy\"" },
	};
	static const uint8_t bytes[] = { 0x00, 0x7f, 0xff, 'a' };

	for (size_t i = 0; i < sizeof(rfc4648) / sizeof(rfc4648[0]); i++) {
		view_bytes(&out, (const uint8_t *)rfc4648[i].raw,
			   strlen(rfc4648[i].raw), ENCODING_BASE64);
		expect_text(rfc4648[i].base64);
	}
	view_bytes(&out, bytes, sizeof(bytes), ENCODING_HEX);
	expect_text("\"007fff61\"");
	view_bytes(&out, bytes, sizeof(bytes), ENCODING_UTF8);
	expect_text("\"\\u0000\x7f\\ufffda\"");
}
END_TEST

START_TEST(a_step_has_names_for_its_numbers)
{
	struct trace_event events[] = {
		{ .id = TRACE_mmap_map_count, .arg = { 3, 65530 } },
		{ .id = TRACE_mmap_unmap_old, .note = "nothing is in the way" },
		{ .id = TRACE_madvise, .arg = { 0x1000, 0x2000, 4 } },
		{ .id = TRACE_table_alloc, .arg = { 3, 77, 0x5000 } },
		{ .id = TRACE_alloc_pages, .arg = { 77, 0, ZONE_DMA32 } },
		{ .id = TRACE_setrlimit, .arg = { RLIMIT_AS, 1, 2 } },
		{ .id = TRACE_refused, .note = "len is 0", .fn = "check_size",
		  .arg = { EINVAL } },
	};
	const struct trace trace = { .events = events, .nr = 7, .lost = 5 };
	const struct machine m = { .arch = arch_find(ARCH_X86_64) };

	json_object_begin(&out);
	view_steps(&out, &m, &trace);
	json_object_close(&out);
	expect_text("{\"steps\":[{\"fn\":\"do_mmap_pgoff\",\"step\":\"check map_count\","
		    "\"n\":4,\"detail\":{\"map_count\":3,\"max_map_count\":65530}},"
		    "{\"fn\":\"do_mmap_pgoff\",\"step\":\"unmap what is in the way\","
		    "\"n\":7,\"skipped\":\"nothing is in the way\",\"detail\":{}},"
		    "{\"fn\":\"madvise_vma_behavior\",\"step\":\"take advice about a range\","
		    "\"detail\":{\"start\":\"0x1000\",\"end\":\"0x2000\","
		    "\"advice\":\"MADV_DONTNEED\"}},"
		    "{\"fn\":\"pte_alloc_map\",\"step\":\"allocate a page table\","
		    "\"detail\":{\"level\":\"pte\",\"pfn\":77,\"addr\":\"0x5000\"}},"
		    "{\"fn\":\"__alloc_pages\",\"step\":\"take a block from the buddy lists\","
		    "\"detail\":{\"pfn\":77,\"order\":0,\"zone\":\"DMA32\"}},"
		    "{\"fn\":\"do_prlimit\",\"step\":\"set a limit\","
		    "\"detail\":{\"resource\":\"RLIMIT_AS\",\"soft\":\"0x1\",\"hard\":\"0x2\"}},"
		    "{\"fn\":\"check_size\",\"step\":\"refuse\",\"why\":\"len is 0\","
		    "\"detail\":{\"errno\":\"EINVAL\"}}],"
		    "\"steps_lost\":5}");
}
END_TEST

START_TEST(what_the_history_did_not_keep_is_a_count_of_bytes)
{
	struct op op = { .code = OP_VMSPLICE, .pid = 1, .vmsplice = { 4, 0 } };
	const struct op_result res = { .ret = 9 };
	struct history_entry e = {
		.seq = 3, .method = "sys.vmsplice", .op = &op, .res = &res,
		.data_dropped = 48,
	};
	const struct op_iovec page = { 0x1000, 9 };

	view_history_entry(&out, &e);
	expect_text("{\"seq\":3,\"method\":\"sys.vmsplice\",\"params\":"
		    "{\"pid\":1,\"fd\":4,\"flags\":\"0\",\"deliver\":false,"
		    "\"data_dropped\":48},"
		    "\"result\":{\"ok\":true,\"ret\":9}}");
	op.iov = (struct op_iov){ &page, 1 };
	e.data_dropped = 0;
	view_history_entry(&out, &e);
	expect_text("{\"seq\":3,\"method\":\"sys.vmsplice\",\"params\":"
		    "{\"pid\":1,\"fd\":4,"
		    "\"iov\":[{\"base\":\"0x1000\",\"len\":\"0x9\"}],"
		    "\"flags\":\"0\",\"deliver\":false},\"result\":{\"ok\":true,\"ret\":9}}");
}
END_TEST

Suite *suite_view(void);

Suite *suite_view(void)
{
	Suite *suite = suite_create("view");
	TCase *tc = tcase_create("results");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, yes_is_a_value_and_an_address_is_hex);
	tcase_add_test(tc, no_has_its_errno_and_says_why);
	tcase_add_test(tc, a_signal_tells_code_and_address);
	tcase_add_test(tc, what_would_block_says_so_once);
	tcase_add_test(tc, faults_are_told_where_there_were_some);
	tcase_add_test(tc, flags_are_names_and_the_rest_is_hex);
	tcase_add_test(tc, what_the_history_did_not_keep_is_a_count_of_bytes);
	tcase_add_test(tc, bytes_come_out_as_asked);
	tcase_add_test(tc, a_step_has_names_for_its_numbers);
	suite_add_tcase(suite, tc);
	return suite;
}
