/* SPDX-License-Identifier: MIT */
/* Firmware memory maps of UEFI, E820 and Limine: whole machines, and size. */
#include "support/firmware_maps.h"
#include "support/test.h"

#define ENTRIES_MAX FW_ENTER_MAX
#define RANGES_MAX  (2 * ENTRIES_MAX + 1)
#define TOP	    (UINT64_MAX - 0xfff) /* the last page's first byte */

static unsigned char bytes[4096];
static struct fw_entry entries[ENTRIES_MAX];
static struct vmm_mem_range ranges[RANGES_MAX];
static struct vmm_memmap map;

static void open_map(size_t max)
{
	vmm_memmap_init(&map, ranges, max);
}

static const struct vmm_mem_range pc_expected[] = {
	{0x0, 0x9d800, VMM_MEM_FREE, 1},
	{0x9d800, 0x2800, VMM_MEM_NOMAP, 0},
	{0xe0000, 0x20000, VMM_MEM_NOMAP, 0},
	{0x100000, 0xba97b000, VMM_MEM_FREE, 1},
	{0xbaa7b000, 0x7000, VMM_MEM_PERMANENT, 1},
	{0xbaa82000, 0x46e000, VMM_MEM_FREE, 1},
	{0xbaef0000, 0x3d6000, VMM_MEM_NOMAP, 0},
	{0xbb2c6000, 0x1c3b2000, VMM_MEM_FREE, 1},
	{0xd7678000, 0x18c000, VMM_MEM_NOMAP, 0},
	{0xd7804000, 0x7d000, VMM_MEM_ACPI, 1},
	{0xd7881000, 0x2ee000, VMM_MEM_PERMANENT, 1},
	{0xd7b6f000, 0x1490000, VMM_MEM_NOMAP, 0},
	{0xd8fff000, 0x1000, VMM_MEM_FREE, 1},
	{0xdb000000, 0x4a00000, VMM_MEM_NOMAP, 0},
	{0xf8000000, 0x4000000, VMM_MEM_NOMAP, 0},
	{0xfec00000, 0x1000, VMM_MEM_NOMAP, 0},
	{0xfed00000, 0x4000, VMM_MEM_NOMAP, 0},
	{0xfee00000, 0x1000, VMM_MEM_NOMAP, 0},
	{0xff000000, 0x1000000, VMM_MEM_NOMAP, 0},
	{0x100000000, 0x31f600000, VMM_MEM_FREE, 1},
};

/* Loader's ranges that touch have merged, and so have runtime services. */
static const struct vmm_mem_range q35_expected[] = {
	{0x0, 0x1000, VMM_MEM_LOADER, 1},
	{0x1000, 0x9f000, VMM_MEM_FREE, 1},
	{0x100000, 0x700000, VMM_MEM_FREE, 1},
	{0x800000, 0x8000, VMM_MEM_PERMANENT, 1},
	{0x808000, 0x3000, VMM_MEM_FREE, 1},
	{0x80b000, 0x1000, VMM_MEM_PERMANENT, 1},
	{0x80c000, 0x4000, VMM_MEM_FREE, 1},
	{0x810000, 0xf0000, VMM_MEM_PERMANENT, 1},
	{0x900000, 0xc00000, VMM_MEM_LOADER, 1},
	{0x1500000, 0x7a000000, VMM_MEM_FREE, 1},
	{0x7b500000, 0x2100000, VMM_MEM_LOADER, 1},
	{0x7d600000, 0x200000, VMM_MEM_PERMANENT, 1},
	{0x7d800000, 0x80000, VMM_MEM_NOMAP, 0},
	{0x7d880000, 0x12000, VMM_MEM_ACPI, 1},
	{0x7d892000, 0x6e000, VMM_MEM_PERMANENT, 1},
	{0x7d900000, 0x2500000, VMM_MEM_FREE, 1},
	{0x7fe00000, 0x200000, VMM_MEM_PERMANENT, 1},
	{0xb0000000, 0x10000000, VMM_MEM_NOMAP, 0},
	{0xffc00000, 0x400000, VMM_MEM_MMIO, 0},
	{0x100000000, 0x80000000, VMM_MEM_FREE, 1},
};

static const struct vmm_mem_range limine_expected[] = {
	{0x1000, 0x9f000, VMM_MEM_FREE, 1},
	{0x100000, 0x700000, VMM_MEM_FREE, 1},
	{0x800000, 0x8000, VMM_MEM_PERMANENT, 1},
	{0x808000, 0x3000, VMM_MEM_FREE, 1},
	{0x80b000, 0x1000, VMM_MEM_PERMANENT, 1},
	{0x80c000, 0x4000, VMM_MEM_FREE, 1},
	{0x810000, 0xf0000, VMM_MEM_PERMANENT, 1},
	{0x900000, 0x77f00000, VMM_MEM_FREE, 1},
	{0x78800000, 0x40d000, VMM_MEM_PERMANENT, 1},
	{0x78c0d000, 0x13000, VMM_MEM_LOADER, 1},
	{0x78c20000, 0x5c0000, VMM_MEM_PERMANENT, 1},
	{0x791e0000, 0x4000000, VMM_MEM_FREE, 1},
	{0x7d1e0000, 0x320000, VMM_MEM_LOADER, 1},
	{0x7d500000, 0x10000, VMM_MEM_ACPI, 1},
	{0x7d510000, 0x270000, VMM_MEM_PERMANENT, 1},
	{0x7d780000, 0x80000, VMM_MEM_NOMAP, 0},
	{0x7d800000, 0x2600000, VMM_MEM_FREE, 1},
	{0x7fe00000, 0x1000, VMM_MEM_NOMAP, 0},
	{0xb0000000, 0x10000000, VMM_MEM_NOMAP, 0},
	{0xc0000000, 0x3e8000, VMM_MEM_MMIO, 0},
};

/* A PC, in entries of both sizes. */
TEST(unit_firmware_e820_of_a_pc)
{
	for (size_t size = 20; size <= 24; size += 4) {
		open_map(2 * fw_pc_count + 1);
		CHECK_EQ(fw_enter_e820(&map, fw_pc, fw_pc_count, size), VMM_OK);
		fw_expect(&map, pc_expected, FW_ENTRIES(pc_expected));
	}
	CHECK_EQ(vmm_memmap_ram(&map, VMM_MEM_FREE), 0x3f6839800);
}

/* OVMF, with descriptors of the least size, of today's, and of tomorrow's. */
TEST(unit_firmware_uefi_of_q35)
{
	for (size_t size = 40; size <= 64; size += 8) {
		open_map(2 * fw_q35_count + 1);
		CHECK_EQ(fw_enter_uefi(&map, fw_q35, fw_q35_count, size),
			VMM_OK);
		fw_expect(&map, q35_expected, FW_ENTRIES(q35_expected));
	}
}

/* The same from an odd address. */
TEST(unit_firmware_uefi_unaligned)
{
	struct vmm_uefi_map uefi = {bytes + 1, 0, 48, 1};

	uefi.size = fw_put_uefi(bytes + 1, fw_q35, fw_q35_count, 48);
	open_map(2 * fw_q35_count + 1);
	CHECK_EQ(vmm_uefi_memmap(&uefi, &map), VMM_OK);
	fw_expect(&map, q35_expected, FW_ENTRIES(q35_expected));
}

TEST(unit_firmware_limine_map)
{
	open_map(2 * fw_limine_count + 1);
	CHECK_EQ(fw_enter_limine(&map, fw_limine, fw_limine_count), VMM_OK);
	fw_expect(&map, limine_expected, FW_ENTRIES(limine_expected));
}

/* Unaligned ranges that overlap: the stronger kind, in bytes. */
TEST(unit_firmware_overlaps)
{
	static const struct fw_entry list[] = {
		{0x1001, 0x2fff, 1, 0},
		{0x1800, 0x10, 3, 0},
		{0x1808, 0x10, 4, 0},
		{0x3fff, 0x101, 2, 0},
		{0x2000, 0, 2, 0}, /* nothing */
		{0x2000, 0x1000, 1, 0},
	};
	static const struct vmm_mem_range expected[] = {
		{0x1001, 0x7ff, VMM_MEM_FREE, 1},
		{0x1800, 0x8, VMM_MEM_ACPI, 1},
		{0x1808, 0x10, VMM_MEM_PERMANENT, 1},
		{0x1818, 0x27e7, VMM_MEM_FREE, 1},
		{0x3fff, 0x1, VMM_MEM_NOMAP, 1},
		{0x4000, 0x100, VMM_MEM_NOMAP, 0},
	};

	open_map(11); /* five ranges */
	CHECK_EQ(fw_enter_e820(&map, list, 6, 20), VMM_OK);
	fw_expect(&map, expected, 6);
}

/* Ranges that end at 2^64 are ranges, and nothing longer is. */
TEST(unit_firmware_top_of_the_address_space)
{
	struct fw_entry list[] = {
		{TOP, 0x1000, VMM_UEFI_CONVENTIONAL, 8},
		{0x1000, 0x1000, VMM_UEFI_CONVENTIONAL, 8},
	};
	const struct vmm_mem_range expected[] = {
		{0x1000, 0x1000, VMM_MEM_FREE, 1},
		{TOP, 0x1000, VMM_MEM_FREE, 1},
	};
	struct vmm_uefi_map uefi = {bytes, 96, 48, 1};

	open_map(5);
	CHECK_EQ(fw_enter_uefi(&map, list, 2, 48), VMM_OK);
	fw_expect(&map, expected, 2);

	open_map(5);
	list[0].size = 0x2000;
	CHECK_EQ(fw_enter_uefi(&map, list, 2, 48), VMM_EINVAL);
	/* 2^52 pages have 2^64 bytes; one more would be 4 KiB after a wrap. */
	for (uint64_t more = 0; more < 2; more++) {
		fw_put_uefi(bytes, list, 2, 48);
		fw_put64(bytes + 8, 0);
		fw_put64(bytes + 24, (UINT64_C(1) << 52) + more);
		CHECK_EQ(vmm_uefi_memmap(&uefi, &map), VMM_EINVAL);
	}
	/* All but the last page can be said. */
	fw_put64(bytes + 24, (UINT64_C(1) << 52) - 1);
	CHECK_EQ(vmm_uefi_memmap(&uefi, &map), VMM_OK);
	CHECK_EQ(map.count, 1);

	open_map(5);
	list[0] = (struct fw_entry){UINT64_MAX, 1, 1, 1};
	CHECK_EQ(fw_enter_e820(&map, list, 1, 20), VMM_OK);
	list[0].size = 2;
	CHECK_EQ(fw_enter_e820(&map, list, 1, 20), VMM_EINVAL);
	list[0].type = 0;
	CHECK_EQ(fw_enter_limine(&map, list, 1), VMM_EINVAL);
	list[0].size = 1;
	CHECK_EQ(fw_enter_limine(&map, list, 1), VMM_OK);
	CHECK_EQ(map.count, 1);
}

/* The cursor shows what the map forgets: here, where runtime services are. */
TEST(unit_firmware_uefi_cursor)
{
	struct vmm_uefi_map uefi = {bytes, 0, 48, 1};
	struct vmm_uefi_range range = {0};
	struct vmm_uefi_range before;
	uint64_t runtime = 0;
	size_t count = 0;

	uefi.size = fw_put_uefi(bytes, fw_q35, fw_q35_count, 48);
	while (vmm_uefi_range_next(&uefi, &range) == VMM_OK) {
		CHECK_EQ(range.base, fw_q35[count].base);
		CHECK_EQ(range.size, fw_q35[count].size);
		CHECK_EQ(range.type, fw_q35[count].type);
		CHECK_EQ(range.attributes, fw_q35[count].attributes);
		if ((range.attributes & VMM_UEFI_RUNTIME) != 0)
			runtime += range.size;
		count++;
	}
	CHECK_EQ(count, fw_q35_count);
	CHECK_EQ(runtime, 0x800000);
	/* The end stays the end, and an error leaves the cursor alone. */
	before = range;
	CHECK_EQ(vmm_uefi_range_next(&uefi, &range), VMM_ENOENT);
	uefi.size += 47;
	CHECK_EQ(vmm_uefi_range_next(&uefi, &range), VMM_EINVAL);
	CHECK_EQ(range.base, before.base);
	CHECK_EQ(range.next, before.next);
	range.next = 0;
	uefi.size = 48;
	fw_put64(bytes + 24, 0); /* no pages */
	CHECK_EQ(vmm_uefi_range_next(&uefi, &range), VMM_ENOENT);
}

/* Exactly the room that the header states, and one entry less. */
TEST(unit_firmware_room)
{
	open_map(2 * fw_pc_count);
	CHECK_EQ(fw_enter_e820(&map, fw_pc, fw_pc_count, 20), VMM_ENOMEM);
	CHECK_EQ(fw_enter_uefi(&map, fw_q35, fw_pc_count, 48), VMM_ENOMEM);
	CHECK_EQ(fw_enter_limine(&map, fw_limine, fw_pc_count), VMM_ENOMEM);
	CHECK_EQ(map.count, 0);
	map.max++;
	CHECK_EQ(fw_enter_e820(&map, fw_pc, fw_pc_count, 20), VMM_OK);
}

/* Every order of the entries makes the same map, byte for byte. */
TEST(unit_firmware_order_does_not_matter)
{
	struct rng rng = {test_seed};

	for (unsigned round = 0; round < 300 * test_factor; round++) {
		const struct fw_entry *list = round % 3 == 0   ? fw_pc
					      : round % 3 == 1 ? fw_q35
							       : fw_limine;
		const size_t count = round % 3 == 0   ? fw_pc_count
				     : round % 3 == 1 ? fw_q35_count
						      : fw_limine_count;

		for (size_t i = 0; i < count; i++) {
			size_t j = rng_below(&rng, i + 1);

			entries[i] = entries[j];
			entries[j] = list[i];
		}
		open_map(2 * count + 1);
		if (round % 3 == 0) {
			CHECK_EQ(fw_enter_e820(&map, entries, count, 24),
				VMM_OK);
			fw_expect(&map, pc_expected, FW_ENTRIES(pc_expected));
		} else if (round % 3 == 1) {
			CHECK_EQ(fw_enter_uefi(&map, entries, count, 48),
				VMM_OK);
			fw_expect(&map, q35_expected, FW_ENTRIES(q35_expected));
		} else {
			CHECK_EQ(fw_enter_limine(&map, entries, count), VMM_OK);
			fw_expect(&map, limine_expected,
				FW_ENTRIES(limine_expected));
		}
	}
}

/* 1,500 entries from high to low, RAM and reservation in turns. */
TEST(unit_firmware_many_entries)
{
	const uint64_t half = ENTRIES_MAX / 2;

	for (unsigned i = 0; i < ENTRIES_MAX; i++)
		entries[i] = (struct fw_entry){
			(uint64_t)(ENTRIES_MAX - i) * 0x2000, 0x2000,
			i % 2 == 0 ? VMM_UEFI_CONVENTIONAL : VMM_UEFI_ACPI_NVS,
			8};
	open_map(RANGES_MAX);
	CHECK_EQ(fw_enter_uefi(&map, entries, ENTRIES_MAX, 48), VMM_OK);
	CHECK_EQ(map.count, ENTRIES_MAX);
	CHECK_EQ(vmm_memmap_ram(&map, VMM_MEM_FREE), half * 0x2000);
	CHECK_EQ(vmm_memmap_ram(&map, VMM_MEM_PERMANENT), half * 0x2000);

	for (unsigned i = 0; i < ENTRIES_MAX; i++)
		entries[i].type = i % 2 == 0 ? 1 : 4;
	open_map(RANGES_MAX);
	CHECK_EQ(fw_enter_e820(&map, entries, ENTRIES_MAX, 20), VMM_OK);
	CHECK_EQ(map.count, ENTRIES_MAX);
	CHECK_EQ(vmm_memmap_ram(&map, VMM_MEM_FREE), half * 0x2000);

	for (unsigned i = 0; i < ENTRIES_MAX; i++)
		entries[i].type = i % 2 == 0 ? 0 : 5;
	open_map(RANGES_MAX);
	CHECK_EQ(fw_enter_limine(&map, entries, ENTRIES_MAX), VMM_OK);
	CHECK_EQ(map.count, ENTRIES_MAX);
	CHECK_EQ(vmm_memmap_ram(&map, VMM_MEM_LOADER), half * 0x2000);
}
