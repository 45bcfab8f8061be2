/* SPDX-License-Identifier: MIT */
/* The text of layouts, clean and faulty ones. */
#include <vmm/layout.h>

#include "support/layouts.h"
#include "support/test.h"

static char text[4096];

static void expect_dump(const struct vmm_layout *layout, const char *expected)
{
	struct test_text into;
	struct vmm_sink sink = test_text_sink(&into, text, sizeof(text));
	size_t n = 0;

	vmm_layout_dump(layout, &sink);
	while (expected[n] != '\0' && expected[n] == text[n])
		n++;
	if (expected[n] != text[n])
		test_puts(text);
	CHECK(expected[n] == text[n]);
}

/* The text of a clean layout with gaps. */
TEST(golden_layout_dump_of_a_clean_table)
{
	const struct vmm_layout layout =
		vmm_layout_make(hypervisor, LEN(hypervisor), 39);

	expect_dump(&layout,
		"39-bit addresses, 4 areas\n"
		"[0x0000000000000000-0x0000003fffffffff] 256 GiB   devices"
		" -> 0x0000000000000000\n"
		"[0x0000004000000000-0xffffffbfffffffff]           (no"
		" address)\n"
		"[0xffffffc000000000-0xffffffc03fffffff] 1 GiB     kernel"
		" image -> 0x0000000080000000\n"
		"[0xffffffc040000000-0xffffffc07fffffff] 1 GiB     cpu"
		" struct\n"
		"[0xffffffc080000000-0xffffffdfffffffff] 126 GiB   (free)\n"
		"[0xffffffe000000000-0xffffffffffffffff] 128 GiB   linear"
		" mapping -> 0x0000000080000000\n");
}

/* The text of a faulty one: out of order, wrapping, nothing below. */
TEST(golden_layout_dump_of_a_faulty_table)
{
	const struct vmm_layout layout =
		vmm_layout_make(sv39_table, LEN(sv39_table), 39);

	expect_dump(&layout,
		"39-bit addresses, 5 areas\n"
		"[0x0000000000000000-0x0000003fffffffff] 256 GiB   (free)\n"
		"[0x0000004000000000-0xffffffbfffffffff]           (no"
		" address)\n"
		"[0xffffffc000000000-0xffffffc03fffffff] 1 GiB     kernel\n"
		"[0xffffffc040000000-0xffffffc07fffffff] 1 GiB     kernel"
		" io\n"
		"[0xffffffc080000000-0xffffffc27fffffff] 8 GiB    "
		" vmemmap\n"
		"[0xffffffc280000000-0xffffffc37fffffff] 4 GiB     direct"
		" mapping -> 0x0000000000000000\n"
		"[0xffffffc380000000-0xffffffffffffffff] 242 GiB  "
		" userspace (runs past 2^64)\n");
}

/* An area inside one that reaches the top: no gap is left to speak of. */
TEST(golden_layout_dump_of_nested_areas_at_the_top)
{
	static const struct vmm_layout_area rows[] = {
		{"inner", -VMM_GIB(2), VMM_GIB(1), 0, 0, 0, 0},
		{"outer", -VMM_GIB(256), VMM_GIB(256), 0, 0, 0, 0},
		{"low", 0, VMM_GIB(256), 0, 0, 0, 0},
	};
	const struct vmm_layout layout = vmm_layout_make(rows, LEN(rows), 39);

	expect_dump(&layout,
		"39-bit addresses, 3 areas\n"
		"[0x0000000000000000-0x0000003fffffffff] 256 GiB   low\n"
		"[0x0000004000000000-0xffffffbfffffffff]           (no"
		" address)\n"
		"[0xffffffc000000000-0xffffffffffffffff] 256 GiB   outer\n"
		"[0xffffffff80000000-0xffffffffbfffffff] 1 GiB     inner\n");
}

/* No areas at all, and overlapping ones with the same base. */
TEST(golden_layout_dump_of_odd_tables)
{
	static const struct vmm_layout_area twins[] = {
		{"b", 0x1000, 0x3000, 0, 0, 0, 0},
		{"a", 0x1000, 0x1000, 0, 0, 0, 0},
		{"none", 0x8000, 0, 0, 0, 0, 0},
	};
	struct vmm_layout layout = vmm_layout_make(NULL, 0, 64);

	expect_dump(&layout,
		"64-bit addresses, 0 areas\n"
		"[0x0000000000000000-0xffffffffffffffff] 16 EiB    (free)\n");
	layout = vmm_layout_make(twins, LEN(twins), 64);
	expect_dump(&layout,
		"64-bit addresses, 3 areas\n"
		"[0x0000000000000000-0x0000000000000fff] 4 KiB     (free)\n"
		"[0x0000000000001000-0x0000000000003fff] 12 KiB    b\n"
		"[0x0000000000001000-0x0000000000001fff] 4 KiB     a\n"
		"[0x0000000000004000-0xffffffffffffffff] ~16 EiB   (free)\n");
	layout = vmm_layout_make(twins, LEN(twins), 39);
	expect_dump(&layout,
		"39-bit addresses, 3 areas\n"
		"[0x0000000000000000-0x0000000000000fff] 4 KiB     (free)\n"
		"[0x0000000000001000-0x0000000000003fff] 12 KiB    b\n"
		"[0x0000000000001000-0x0000000000001fff] 4 KiB     a\n"
		"[0x0000000000004000-0x0000003fffffffff] ~256 GiB  (free)\n"
		"[0x0000004000000000-0xffffffbfffffffff]           (no"
		" address)\n"
		"[0xffffffc000000000-0xffffffffffffffff] 256 GiB  "
		" (free)\n");
}
