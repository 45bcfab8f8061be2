/* SPDX-License-Identifier: MIT */
/* The small words everything else is written in. */
#include "core/bits.h"
#include "core/text.h"
#include "support/test.h"

/* Ranges may end at 2^64; their helpers must not overflow there. */
TEST(unit_range_ends_at_the_top)
{
	const uint64_t top = UINT64_MAX - 0xfff;

	CHECK(vmm_range_ok(top, 0x1000));
	CHECK(!vmm_range_ok(top, 0x1001));
	CHECK(!vmm_range_ok(top, 0));
	CHECK(!vmm_range_ok(0, 0));
	CHECK(vmm_range_ok(0, UINT64_MAX));
	CHECK_EQ(vmm_range_last(top, 0x1000), UINT64_MAX);
	CHECK(vmm_range_has(top, 0x1000, UINT64_MAX));
	CHECK(!vmm_range_has(top, 0x1000, 0));
	CHECK(!vmm_range_has(top, 0x1000, top - 1));
	CHECK(vmm_range_overlaps(top, 0x1000, UINT64_MAX, 1));
	CHECK(!vmm_range_overlaps(top, 0x1000, 0, 0x1000));
	CHECK(!vmm_range_overlaps(0, 0x1000, top, 0x1000));
	CHECK(vmm_range_overlaps(0, UINT64_MAX, 5, 1));
}

TEST(unit_alignment)
{
	CHECK_EQ(vmm_align_up(0x1001, 0x1000), 0x2000);
	CHECK_EQ(vmm_align_up(0x1000, 0x1000), 0x1000);
	CHECK_EQ(vmm_align_down(0x1fff, 0x1000), 0x1000);
	CHECK_EQ(vmm_align_up(UINT64_MAX, 0x1000), 0);
	for (unsigned shift = 0; shift < 64; shift++) {
		CHECK_EQ(vmm_shift_right(UINT64_MAX, shift),
			UINT64_MAX >> shift);
		CHECK_EQ(
			vmm_shift_left(UINT64_MAX, shift), UINT64_MAX << shift);
	}
	CHECK(vmm_is_pow2(1) && vmm_is_pow2(UINT64_C(1) << 63));
	CHECK(!vmm_is_pow2(0) && !vmm_is_pow2(3));
}

/* Every bit position, so that both the built-in and the own form are seen. */
TEST(unit_bits)
{
	for (unsigned i = 0; i < 64; i++) {
		uint64_t bit = UINT64_C(1) << i;

		CHECK_EQ(vmm_ctz(bit), i);
		CHECK_EQ(vmm_ctz(~(bit - 1)), i);
		CHECK_EQ(vmm_log2(bit), i);
		CHECK_EQ(vmm_log2(bit | (bit - 1)), i);
		CHECK_EQ(vmm_popcount(bit - 1), i);
	}
	CHECK_EQ(vmm_popcount(UINT64_MAX), 64);
}

TEST(unit_text)
{
	char buffer[256];
	struct test_text text;
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));

	vmm_text_range(&sink, 0xfffffffffffff000, 0x1000);
	CHECK(test_text_has(&text, "[0xfffffffffffff000-0xffffffffffffffff]"));
	vmm_text_size(&sink, VMM_GIB(5), 6);
	CHECK(test_text_has(&text, "]    5G"));
	vmm_text_size(&sink, 1025, 0);
	CHECK(test_text_has(&text, "5G1025"));
	vmm_text_dec(&sink, UINT64_MAX, 0);
	CHECK(test_text_has(&text, "18446744073709551615"));
	vmm_text_pad(&sink, "ab", 4);
	vmm_text_str(&sink, "|");
	CHECK(test_text_has(&text, "ab  |"));
}

/* Each code has its own name; hooks may return anything. */
TEST(unit_error_names)
{
	char buffer[64];
	struct test_text text;
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));

	vmm_text_str(&sink, vmm_err_name(VMM_ENOSPC));
	CHECK(test_text_has(&text, "VMM_ENOSPC"));
	vmm_text_str(&sink, vmm_err_name(-12345));
	CHECK(test_text_has(&text, "unknown error"));
}
