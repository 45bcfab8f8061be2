/* SPDX-License-Identifier: MIT */
/*
 * The standard layouts keep what their header promises, each promise by
 * itself: a table that looks right in one width is easily wrong in another.
 */
#include <vmm/layouts.h>

#include "support/layouts.h"
#include "support/test.h"

static const unsigned widths[] = {39, 48, 57};

/* Not a fault in any of them, nor a remark. */
TEST(unit_layouts_are_clean)
{
	for (size_t i = 0; i < LEN(widths); i++) {
		struct vmm_layout layout = vmm_layout_standard(widths[i]);
		struct vmm_layout_fault fault;
		size_t count = 9;

		CHECK_EQ(layout.va_bits, widths[i]);
		CHECK_EQ(layout.count, VMM_ROW_COUNT);
		CHECK(vmm_layout_check(&layout, &fault, 1, &count) == VMM_OK);
		CHECK_EQ(count, 0);
	}
}

/* Sign extension of either end of every area changes nothing. */
TEST(unit_layouts_are_canonical)
{
	for (size_t i = 0; i < LEN(widths); i++) {
		struct vmm_layout layout = vmm_layout_standard(widths[i]);
		unsigned shift = 64 - widths[i];

		for (size_t row = 0; row < layout.count; row++) {
			const struct vmm_layout_area *a = &layout.areas[row];
			int64_t first = (int64_t)(a->base << shift);
			int64_t last =
				(int64_t)(vmm_range_last(a->base, a->size)
					  << shift);

			CHECK_EQ(first >> shift, a->base);
			CHECK_EQ(last >> shift,
				vmm_range_last(a->base, a->size));
		}
	}
}

/* The rows are what the enum calls them, and stand in order. */
TEST(unit_layouts_rows_match_their_names)
{
	static const uint32_t kinds[VMM_ROW_COUNT] = {VMM_AREA_GUARD,
		VMM_AREA_USER, VMM_AREA_GUARD, VMM_AREA_DIRECT, VMM_AREA_META,
		VMM_AREA_IO, VMM_AREA_HEAP, VMM_AREA_STACK, VMM_AREA_CPU,
		VMM_AREA_IMAGE, VMM_AREA_MODULES, VMM_AREA_GUARD};

	for (size_t i = 0; i < LEN(widths); i++) {
		struct vmm_layout layout = vmm_layout_standard(widths[i]);

		for (size_t row = 0; row < layout.count; row++) {
			const struct vmm_layout_area *a = &layout.areas[row];

			CHECK_EQ(a->kind, kinds[row]);
			CHECK_EQ(a->flags,
				row == VMM_ROW_DIRECT ? VMM_AREA_LINEAR : 0);
			CHECK_EQ(a->pa, 0);
			CHECK(row == 0 || a->base > a[-1].base);
			CHECK(a->name[0] != '\0');
			CHECK(a->name[VMM_LAYOUT_NAME_SIZE - 1] == '\0');
		}
	}
}

/*
 * What is linked or loaded as code is at the same addresses everywhere, in the
 * last 2 GiB, and nothing but it and the error guard is there.
 */
TEST(unit_layouts_image_is_the_same_in_all)
{
	const struct vmm_layout_area *first = vmm_layout_sv39;

	CHECK_EQ(first[VMM_ROW_IMAGE].base, UINT64_C(0xffffffff80000000));
	for (size_t i = 0; i < LEN(widths); i++) {
		struct vmm_layout layout = vmm_layout_standard(widths[i]);
		uint64_t sum = 0;

		for (size_t row = VMM_ROW_IMAGE; row < layout.count; row++) {
			const struct vmm_layout_area *a = &layout.areas[row];

			CHECK_EQ(a->base, first[row].base);
			CHECK_EQ(a->size, first[row].size);
			CHECK_EQ(a->base, (uint64_t)(int64_t)(int32_t)a->base);
			sum += a->size;
		}
		CHECK_EQ(sum, VMM_GIB(2));
		CHECK(vmm_range_last(layout.areas[VMM_ROW_CPU].base,
			      layout.areas[VMM_ROW_CPU].size) <
			first[VMM_ROW_IMAGE].base);
	}
}

/*
 * Root entries can be shared area by area: no two areas of the upper half,
 * apart from the last 2 GiB, meet in a root slot. So the cpu area, which each
 * hart maps for itself, takes nothing else along.
 */
TEST(unit_layouts_fill_root_slots)
{
	for (size_t i = 0; i < LEN(widths); i++) {
		struct vmm_layout layout = vmm_layout_standard(widths[i]);
		const uint64_t slot = UINT64_C(1) << (widths[i] - 9);

		for (size_t row = VMM_ROW_USER_GUARD; row < VMM_ROW_IMAGE;
			row++) {
			const struct vmm_layout_area *a = &layout.areas[row];

			CHECK(vmm_is_aligned(a->base, slot));
			CHECK(vmm_is_aligned(a->size, slot));
			CHECK(a->align >= slot);
		}
		CHECK_EQ(layout.areas[VMM_ROW_CPU].size, slot);
		CHECK(vmm_align_down(layout.areas[VMM_ROW_IMAGE].base, slot) >
			layout.areas[VMM_ROW_CPU].base);
	}
}

/* The lower half: a guard at either end and no byte unclaimed. */
TEST(unit_layouts_guard_the_user)
{
	for (size_t i = 0; i < LEN(widths); i++) {
		struct vmm_layout layout = vmm_layout_standard(widths[i]);
		const struct vmm_layout_area *a = layout.areas;
		vmm_va_t va;

		CHECK_EQ(a[VMM_ROW_NULL_GUARD].base, 0);
		CHECK_EQ(a[VMM_ROW_NULL_GUARD].size, a[VMM_ROW_USER].base);
		CHECK_EQ(a[VMM_ROW_USER].base + a[VMM_ROW_USER].size,
			a[VMM_ROW_USER_GUARD].base);
		CHECK_EQ(
			a[VMM_ROW_USER_GUARD].base + a[VMM_ROW_USER_GUARD].size,
			UINT64_C(1) << (widths[i] - 1));
		CHECK(vmm_layout_find_room(&layout, 1, 1, 0,
			      (UINT64_C(1) << (widths[i] - 1)) - 1,
			      &va) == VMM_ENOSPC);
	}
}

/*
 * The direct map begins the upper half, is a quarter of all, and suits the
 * largest leaves; 64 bytes for each of its frames fill the frames area.
 */
TEST(unit_layouts_direct_map_and_frames)
{
	static const uint64_t sizes[] = {
		VMM_GIB(128), VMM_TIB(64), VMM_TIB(32768)};

	for (size_t i = 0; i < LEN(widths); i++) {
		const struct vmm_layout_area *a =
			vmm_layout_standard(widths[i]).areas;
		vmm_pa_t pa;
		struct vmm_layout layout = vmm_layout_standard(widths[i]);

		CHECK_EQ(a[VMM_ROW_DIRECT].base,
			~((UINT64_C(1) << (widths[i] - 1)) - 1));
		CHECK_EQ(a[VMM_ROW_DIRECT].size, sizes[i]);
		CHECK_EQ(a[VMM_ROW_FRAMES].size, sizes[i] / VMM_PAGE_SIZE * 64);
		CHECK(vmm_layout_pa(&layout,
			      a[VMM_ROW_DIRECT].base + 0x80001234,
			      &pa) == VMM_OK);
		CHECK_EQ(pa, 0x80001234);
	}
}

/* The digits that the header promises. */
TEST(unit_layouts_have_round_addresses)
{
	static const struct {
		uint32_t row;
		vmm_va_t base[3];
	} rows[] = {
		{VMM_ROW_DIRECT, {UINT64_C(0xffffffc000000000),
					 UINT64_C(0xffff800000000000),
					 UINT64_C(0xff00000000000000)}},
		{VMM_ROW_FRAMES, {UINT64_C(0xffffffe000000000),
					 UINT64_C(0xffffc00000000000),
					 UINT64_C(0xff80000000000000)}},
		{VMM_ROW_IO, {UINT64_C(0xffffffe400000000),
				     UINT64_C(0xffffc80000000000),
				     UINT64_C(0xff90000000000000)}},
		{VMM_ROW_HEAP, {UINT64_C(0xffffffe800000000),
				       UINT64_C(0xffffd00000000000),
				       UINT64_C(0xffa0000000000000)}},
		{VMM_ROW_STACKS, {UINT64_C(0xfffffff800000000),
					 UINT64_C(0xfffff00000000000),
					 UINT64_C(0xffe0000000000000)}},
		{VMM_ROW_CPU, {UINT64_C(0xfffffffc00000000),
				      UINT64_C(0xfffff80000000000),
				      UINT64_C(0xfff0000000000000)}},
	};

	for (size_t i = 0; i < LEN(rows); i++) {
		for (size_t k = 0; k < LEN(widths); k++) {
			struct vmm_layout layout =
				vmm_layout_standard(widths[k]);

			CHECK_EQ(layout.areas[rows[i].row].base,
				rows[i].base[k]);
		}
	}
}

static char text[256];

static void expect_words(
	const struct vmm_layout *layout, vmm_va_t va, const char *words)
{
	struct test_text into;
	struct vmm_sink sink = test_text_sink(&into, text, sizeof(text));
	size_t n = 0;

	vmm_layout_describe(layout, va, &sink);
	while (words[n] != '\0')
		n++;
	if (into.used != n || !test_text_has(&into, words))
		test_puts(text);
	CHECK(into.used == n && test_text_has(&into, words));
}

/* Pointers as they turn up in fault messages, good and wild ones. */
TEST(unit_layouts_describe_pointers)
{
	struct vmm_layout layout = vmm_layout_standard(39);

	expect_words(&layout, UINT64_C(0xffffffc080001234),
		"direct map + 0x80001234 = pa 0x80001234");
	expect_words(&layout, -VMM_GIB(256), "direct map + 0x0 = pa 0x0");
	expect_words(&layout, 0x10, "null guard + 0x10");
	expect_words(&layout, 0x10000, "user + 0x0");
	expect_words(&layout, UINT64_C(0x3fc0000000), "user guard + 0x0");
	expect_words(&layout, UINT64_C(0xffffffff80200000), "image + 0x200000");
	expect_words(&layout, (uint64_t)VMM_ENOMEM & UINT64_MAX,
		"error guard + 0x1ffff4");
	expect_words(&layout, UINT64_MAX, "error guard + 0x1fffff");
	expect_words(&layout, UINT64_C(0xffffffe080000008),
		"nothing, 0x8 behind frames");
	expect_words(&layout, UINT64_C(0x4000000000), "no 39-bit address");
	expect_words(
		&layout, UINT64_C(0xffffffbfffffffff), "no 39-bit address");
	layout = vmm_layout_standard(57);
	expect_words(&layout, UINT64_C(0xff00000080001234),
		"direct map + 0x80001234 = pa 0x80001234");
	expect_words(
		&layout, UINT64_C(0xdeadbeefdeadbeef), "no 57-bit address");
}

/*
 * Odd layouts: nothing at all, nothing below, what is below is in the other
 * half, and a name that fills its array.
 */
TEST(unit_layouts_describe_in_odd_layouts)
{
	static const struct vmm_layout_area rows[] = {
		{"empty", 0x1000, 0, 0, 0, 0, 0},
		{"0123456789abcdef", 0x2000, 0x2000, 0, 0, 0, 0},
		{"inner", 0x3000, 0x1000, 0, 0x7000, 0, VMM_AREA_LINEAR},
	};
	struct vmm_layout layout = vmm_layout_make(NULL, 0, 64);

	expect_words(&layout, UINT64_C(1) << 63, "nothing");
	layout = vmm_layout_make(rows, LEN(rows), 39);
	expect_words(&layout, 0x1000, "nothing");
	expect_words(&layout, 0x3fff, "0123456789abcdef + 0x1fff");
	expect_words(&layout, 0x4001, "nothing, 0x1 behind 0123456789abcdef");
	expect_words(&layout, UINT64_MAX, "nothing");
	layout = vmm_layout_make(sv39_table, LEN(sv39_table), 39);
	expect_words(&layout, UINT64_MAX, "userspace + 0x3c7fffffff");
	expect_words(&layout, 0, "nothing");
}
