/* SPDX-License-Identifier: MIT */
/* The drawings of layouts, clean and faulty ones. */
#include <vmm/layouts.h>

#include "support/layouts.h"
#include "support/test.h"

static char text[4096];

static void expect_map(const struct vmm_layout *layout, const char *expected)
{
	struct test_text into;
	struct vmm_sink sink = test_text_sink(&into, text, sizeof(text));
	size_t n = 0;

	vmm_layout_map_dump(layout, &sink);
	while (expected[n] != '\0' && expected[n] == text[n])
		n++;
	if (expected[n] != text[n])
		test_puts(text);
	CHECK(expected[n] == text[n]);
}

/* A layout as it should be, with areas of 64 KiB beside some of 128 GiB. */
TEST(golden_layout_map_of_a_standard_layout)
{
	const struct vmm_layout layout = vmm_layout_standard(39);

	expect_map(&layout,
		"0xffffffffffffffff +------------------+\n"
		"                   |   error guard    | 2 MiB\n"
		"0xffffffffffe00000 +------------------+\n"
		"                   |     modules      | 1022 MiB\n"
		"                   |                  |\n"
		"0xffffffffc0000000 +------------------+\n"
		"                   |      image       | 1 GiB\n"
		"                   |                  |\n"
		"0xffffffff80000000 +------------------+\n"
		"                   :                  : 13 GiB free\n"
		"0xfffffffc40000000 +------------------+\n"
		"                   |       cpu        | 1 GiB\n"
		"                   |                  |\n"
		"0xfffffffc00000000 +------------------+\n"
		"                   |      stacks      | 16 GiB\n"
		"                   |                  |\n"
		"0xfffffff800000000 +------------------+\n"
		"                   |                  |\n"
		"                   |       heap       | 64 GiB\n"
		"                   |                  |\n"
		"0xffffffe800000000 +------------------+\n"
		"                   |        io        | 16 GiB\n"
		"                   |                  |\n"
		"0xffffffe400000000 +------------------+\n"
		"                   :                  : 14 GiB free\n"
		"0xffffffe080000000 +------------------+\n"
		"                   |      frames      | 2 GiB\n"
		"                   |                  |\n"
		"0xffffffe000000000 +------------------+\n"
		"                   |                  |\n"
		"                   |    direct map    | 128 GiB -> pa "
		"0x0000000000000000\n"
		"                   |                  |\n"
		"0xffffffc000000000 +------------------+\n"
		"                   :   no addresses   :\n"
		"0x0000004000000000 +------------------+\n"
		"                   |    user guard    | 1 GiB\n"
		"                   |                  |\n"
		"0x0000003fc0000000 +------------------+\n"
		"                   |                  |\n"
		"                   |       user       | ~255 GiB\n"
		"                   |                  |\n"
		"0x0000000000010000 +------------------+\n"
		"                   |    null guard    | 64 KiB\n"
		"0x0000000000000000 +------------------+\n");
}

/* A table that wraps ends at 2^64 here as well. */
TEST(golden_layout_map_of_a_faulty_table)
{
	const struct vmm_layout layout =
		vmm_layout_make(sv39_table, LEN(sv39_table), 39);

	expect_map(&layout,
		"0xffffffffffffffff +------------------+\n"
		"                   |                  |\n"
		"                   |    userspace     | 242 GiB\n"
		"                   |                  |\n"
		"0xffffffc380000000 +------------------+\n"
		"                   |  direct mapping  | 4 GiB -> pa "
		"0x0000000000000000\n"
		"                   |                  |\n"
		"0xffffffc280000000 +------------------+\n"
		"                   |     vmemmap      | 8 GiB\n"
		"                   |                  |\n"
		"0xffffffc080000000 +------------------+\n"
		"                   |    kernel io     | 1 GiB\n"
		"                   |                  |\n"
		"0xffffffc040000000 +------------------+\n"
		"                   |      kernel      | 1 GiB\n"
		"                   |                  |\n"
		"0xffffffc000000000 +------------------+\n"
		"                   :   no addresses   :\n"
		"0x0000004000000000 +------------------+\n"
		"                   :                  : 256 GiB free\n"
		"0x0000000000000000 +------------------+\n");
}

/* What is inside another area hides nothing and leaves no gap. */
TEST(golden_layout_map_of_nested_areas)
{
	static const struct vmm_layout_area rows[] = {
		{"inner", -VMM_GIB(2), VMM_GIB(1), 0, 0, 0, 0},
		{"outer", -VMM_GIB(256), VMM_GIB(256), 0, 0, 0, 0},
		{"a name of 16 !!!", 0, VMM_GIB(256) - 4096, 0, 0, 0, 0},
	};
	const struct vmm_layout layout = vmm_layout_make(rows, LEN(rows), 39);

	expect_map(&layout,
		"0xffffffffffffffff +------------------+\n"
		"                   |                  |\n"
		"                   |      outer       | 256 GiB\n"
		"                   |                  |\n"
		"0xffffffc000000000 +------------------+\n"
		"                   |      inner       | 1 GiB\n"
		"                   |                  |\n"
		"0xffffffff80000000 +------------------+\n"
		"                   :   no addresses   :\n"
		"0x0000004000000000 +------------------+\n"
		"                   :                  : 4 KiB free\n"
		"0x0000003ffffff000 +------------------+\n"
		"                   |                  |\n"
		"                   | a name of 16 !!! | ~256 GiB\n"
		"                   |                  |\n"
		"0x0000000000000000 +------------------+\n");
}

/* Two areas with one base, and one that is empty. */
TEST(golden_layout_map_of_twins)
{
	static const struct vmm_layout_area rows[] = {
		{"b", 0x1000, 0x3000, 0, 0, 0, 0},
		{"a", 0x1000, 0x1000, 0, 0, 0, 0},
		{"none", 0x8000, 0, 0, 0, 0, 0},
	};
	const struct vmm_layout layout = vmm_layout_make(rows, LEN(rows), 39);

	expect_map(&layout,
		"0xffffffffffffffff +------------------+\n"
		"                   :                  : 256 GiB free\n"
		"0xffffffc000000000 +------------------+\n"
		"                   :   no addresses   :\n"
		"0x0000004000000000 +------------------+\n"
		"                   :                  : ~256 GiB free\n"
		"0x0000000000004000 +------------------+\n"
		"                   |        b         | 12 KiB\n"
		"0x0000000000001000 +------------------+\n"
		"                   |        a         | 4 KiB\n"
		"0x0000000000001000 +------------------+\n"
		"                   :                  : 4 KiB free\n"
		"0x0000000000000000 +------------------+\n");
}

/* No areas at all, with a hole and without one. */
TEST(golden_layout_map_of_nothing)
{
	struct vmm_layout layout = vmm_layout_make(NULL, 0, 64);

	expect_map(&layout,
		"0xffffffffffffffff +------------------+\n"
		"                   :                  : 8 EiB free\n"
		"0x8000000000000000 +------------------+\n"
		"                   :                  : 8 EiB free\n"
		"0x0000000000000000 +------------------+\n");
	layout.va_bits = 39;
	expect_map(&layout,
		"0xffffffffffffffff +------------------+\n"
		"                   :                  : 256 GiB free\n"
		"0xffffffc000000000 +------------------+\n"
		"                   :   no addresses   :\n"
		"0x0000004000000000 +------------------+\n"
		"                   :                  : 256 GiB free\n"
		"0x0000000000000000 +------------------+\n");
}

/* Sizes that no unit expresses in four digits are rounded. */
TEST(golden_layout_map_rounds_sizes)
{
	static const struct vmm_layout_area rows[] = {
		{"all but a page", 0, UINT64_MAX - 4095, 0, 0, 0, 0},
	};
	struct vmm_layout layout = vmm_layout_standard(57);
	struct test_text into;
	struct vmm_sink sink = test_text_sink(&into, text, sizeof(text));

	vmm_layout_map_dump(&layout, &sink);
	CHECK(test_text_has(&into, "|       user       | ~63.7 PiB\n"));
	CHECK(test_text_has(&into, ":                  : ~3.7 PiB free\n"));
	CHECK(test_text_has(&into, ":                  : 3584 TiB free\n"));
	layout = vmm_layout_make(rows, LEN(rows), 64);
	sink = test_text_sink(&into, text, sizeof(text));
	vmm_layout_map_dump(&layout, &sink);
	CHECK(test_text_has(&into, "|  all but a page  | ~16 EiB\n"));
}
