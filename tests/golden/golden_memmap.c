/* SPDX-License-Identifier: MIT */
/* The text of a PC's memory map, before and after the kernel took its part. */
#include "support/firmware_maps.h"
#include "support/test.h"

static char text[4096];
static struct vmm_mem_range ranges[64];
static struct vmm_memmap map;

static void expect_dump(const char *expected)
{
	struct test_text into;
	struct vmm_sink sink = test_text_sink(&into, text, sizeof(text));
	size_t n = 0;

	vmm_memmap_dump(&map, &sink);
	while (expected[n] != '\0' && expected[n] == text[n])
		n++;
	if (expected[n] != text[n])
		test_puts(text);
	CHECK(expected[n] == text[n]);
}

TEST(golden_memmap_of_a_pc)
{
	static const struct fw_entry list[] = {
		{0x0, 0x9fc00, 1, 1},
		{0x9fc00, 0x400, 2, 1},
		{0xf0000, 0x10000, 2, 1},
		{0x100000, 0x7fed0000, 1, 1},
		{0x7ffd0000, 0x10000, 3, 1},
		{0x7ffe0000, 0x20000, 4, 1},
		{0xfeffc000, 0x4000, 2, 1},
		{0x100000000, 0x80000000, 1, 1},
	};
	const uint64_t kernel = VMM_MIB(1);

	vmm_memmap_init(&map, ranges, 64);
	CHECK_EQ(fw_enter_e820(&map, list, FW_ENTRIES(list), 24), VMM_OK);
	expect_dump("[0x0000000000000000-0x000000000009fbff]       639K"
		    "  free      ram\n"
		    "[0x000000000009fc00-0x000000000009ffff]         1K"
		    "  no-map    not ram\n"
		    "[0x00000000000f0000-0x00000000000fffff]        64K"
		    "  no-map    not ram\n"
		    "[0x0000000000100000-0x000000007ffcffff]   2095936K"
		    "  free      ram\n"
		    "[0x000000007ffd0000-0x000000007ffdffff]        64K"
		    "  acpi      ram\n"
		    "[0x000000007ffe0000-0x000000007fffffff]       128K"
		    "  permanent ram\n"
		    "[0x00000000feffc000-0x00000000feffffff]        16K"
		    "  no-map    not ram\n"
		    "[0x0000000100000000-0x000000017fffffff]         2G"
		    "  free      ram\n"
		    "sum                                       4193727K"
		    "  free      ram\n"
		    "sum                                            64K"
		    "  acpi      ram\n"
		    "sum                                           128K"
		    "  permanent ram\n"
		    "sum                                       4193919K"
		    "  all       ram\n");

	CHECK_EQ(
		vmm_memmap_reserve(&map, kernel, VMM_MIB(2), VMM_MEM_PERMANENT),
		VMM_OK);
	CHECK_EQ(
		vmm_memmap_reserve(&map, VMM_MIB(16), 0x123456, VMM_MEM_LOADER),
		VMM_OK);
	CHECK_EQ(vmm_memmap_reserve(&map, 0, VMM_PAGE_SIZE, VMM_MEM_PERMANENT),
		VMM_OK);
	expect_dump("[0x0000000000000000-0x0000000000000fff]         4K"
		    "  permanent ram\n"
		    "[0x0000000000001000-0x000000000009fbff]       635K"
		    "  free      ram\n"
		    "[0x000000000009fc00-0x000000000009ffff]         1K"
		    "  no-map    not ram\n"
		    "[0x00000000000f0000-0x00000000000fffff]        64K"
		    "  no-map    not ram\n"
		    "[0x0000000000100000-0x00000000002fffff]         2M"
		    "  permanent ram\n"
		    "[0x0000000000300000-0x0000000000ffffff]        13M"
		    "  free      ram\n"
		    "[0x0000000001000000-0x0000000001123455]    1193046"
		    "  loader    ram\n"
		    "[0x0000000001123456-0x000000007ffcffff] 2129316778"
		    "  free      ram\n"
		    "[0x000000007ffd0000-0x000000007ffdffff]        64K"
		    "  acpi      ram\n"
		    "[0x000000007ffe0000-0x000000007fffffff]       128K"
		    "  permanent ram\n"
		    "[0x00000000feffc000-0x00000000feffffff]        16K"
		    "  no-map    not ram\n"
		    "[0x0000000100000000-0x000000017fffffff]         2G"
		    "  free      ram\n"
		    "sum                                     4291082154"
		    "  free      ram\n"
		    "sum                                        1193046"
		    "  loader    ram\n"
		    "sum                                            64K"
		    "  acpi      ram\n"
		    "sum                                          2180K"
		    "  permanent ram\n"
		    "sum                                       4193919K"
		    "  all       ram\n");
}
