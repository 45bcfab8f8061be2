/* SPDX-License-Identifier: MIT */
/* Boot information of Multiboot2: GRUB's, and its parts one by one. */
#include "support/firmware_maps.h"
#include "support/test.h"

#define INFO_PA	   0x10fe80
#define RANGES_MAX 128

static struct fw_info info;
static struct vmm_multiboot2 mb;
static struct vmm_mem_range ranges[RANGES_MAX];
static struct vmm_memmap map;

static void open_map(void)
{
	vmm_memmap_init(&map, ranges, RANGES_MAX);
}

/* Close what was written and enter it into an empty map. */
static int enter(void)
{
	const size_t size = fw_finish(&info);

	CHECK_EQ(vmm_multiboot2_init(&mb, info.data, size), VMM_OK);
	open_map();
	return vmm_multiboot2_memmap(&mb, INFO_PA, &map);
}

/* The same, where an error must leave what was in the map. */
static void refused(int err)
{
	const size_t size = fw_finish(&info);
	uint64_t digest;

	CHECK_EQ(vmm_multiboot2_init(&mb, info.data, size), VMM_OK);
	open_map();
	CHECK_EQ(vmm_memmap_add(&map, 0x123, 9), VMM_OK);
	digest = test_digest(TEST_DIGEST_INIT, ranges, sizeof(ranges));
	CHECK_EQ(vmm_multiboot2_memmap(&mb, INFO_PA, &map), err);
	CHECK_EQ(map.count, 1);
	CHECK_EQ(test_digest(TEST_DIGEST_INIT, ranges, sizeof(ranges)), digest);
	fw_start(&info);
}

/* GRUB on a PC with a BIOS. */
TEST(unit_multiboot2_of_grub)
{
	const size_t size = fw_grub(&info, false);
	const struct vmm_mem_range expected[] = {
		{0x0, 0x9d800, VMM_MEM_FREE, 1},
		{0x9d800, 0x2800, VMM_MEM_NOMAP, 0},
		{0xe0000, 0x20000, VMM_MEM_NOMAP, 0},
		{0x100000, 0xfe80, VMM_MEM_FREE, 1},
		{0x10fe80, size, VMM_MEM_LOADER, 1},
		{0x10fe80 + size, 0xef0180 - size, VMM_MEM_FREE, 1},
		{0x1000000, 0xc3a123, VMM_MEM_LOADER, 1},
		{0x1c3a123, 0x1edd, VMM_MEM_FREE, 1},
		{0x1c3c000, 0x21800, VMM_MEM_LOADER, 1},
		{0x1c5d800, 0xb8e1d800, VMM_MEM_FREE, 1},
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
		{0xe0000000, 0x7e9000, VMM_MEM_MMIO, 0},
		{0xf8000000, 0x4000000, VMM_MEM_NOMAP, 0},
		{0xfec00000, 0x1000, VMM_MEM_NOMAP, 0},
		{0xfed00000, 0x4000, VMM_MEM_NOMAP, 0},
		{0xfee00000, 0x1000, VMM_MEM_NOMAP, 0},
		{0xff000000, 0x1000000, VMM_MEM_NOMAP, 0},
		{0x100000000, 0x31f600000, VMM_MEM_FREE, 1},
	};

	CHECK_EQ(
		vmm_multiboot2_init(&mb, info.data, sizeof(info.data)), VMM_OK);
	CHECK_EQ(mb.size, size);
	open_map();
	CHECK_EQ(vmm_multiboot2_memmap(&mb, INFO_PA, &map), VMM_OK);
	fw_expect(&map, expected, FW_ENTRIES(expected));
	/* Without the map: what is reserved, and no RAM. */
	open_map();
	CHECK_EQ(vmm_multiboot2_reserve(&mb, INFO_PA, &map), VMM_OK);
	CHECK_EQ(map.count, 4);
	for (size_t i = 0; i < map.count; i++)
		CHECK_EQ(ranges[i].ram, 0);
	CHECK_EQ(ranges[0].base, INFO_PA);
	CHECK_EQ(ranges[0].size, size);
	CHECK_EQ(ranges[3].kind, VMM_MEM_MMIO);
}

/* On UEFI there are both maps: UEFI's counts, and nothing else is RAM. */
TEST(unit_multiboot2_prefers_uefi)
{
	struct vmm_uefi_map uefi;
	static unsigned char bytes[4096];
	static struct vmm_mem_range others[RANGES_MAX];
	struct vmm_memmap other;
	size_t size = fw_grub(&info, true);

	CHECK_EQ(vmm_multiboot2_init(&mb, info.data, size), VMM_OK);
	open_map();
	CHECK_EQ(vmm_multiboot2_memmap(&mb, INFO_PA, &map), VMM_OK);

	/* The two steps of a kernel that ends boot services itself. */
	uefi = (struct vmm_uefi_map){bytes, 0, 40, 1};
	uefi.size = fw_put_uefi(bytes, fw_q35, fw_q35_count, 40);
	vmm_memmap_init(&other, others, RANGES_MAX);
	CHECK_EQ(vmm_uefi_memmap(&uefi, &other), VMM_OK);
	CHECK_EQ(vmm_multiboot2_reserve(&mb, INFO_PA, &other), VMM_OK);
	CHECK_EQ(other.count, map.count);
	CHECK_EQ(test_digest(TEST_DIGEST_INIT, ranges,
			 map.count * sizeof(ranges[0])),
		test_digest(TEST_DIGEST_INIT, others,
			map.count * sizeof(ranges[0])));
}

/* With the two sizes alone, RAM is below 640 KiB and from 1 MiB on. */
TEST(unit_multiboot2_basic_sizes)
{
	struct vmm_mem_range expected[] = {
		{0x0, 0x9fc00, VMM_MEM_FREE, 1},
		{0x100000, 0xfe80, VMM_MEM_FREE, 1},
		{INFO_PA, 40, VMM_MEM_LOADER, 1},
		{INFO_PA + 40, 0x7000000 - 0xfe80 - 40, VMM_MEM_FREE, 1},
	};

	fw_start(&info);
	fw_tag_basic(&info, 639, 112 * 1024);
	CHECK_EQ(enter(), VMM_OK);
	expected[2].size = mb.size;
	expected[3].base = INFO_PA + mb.size;
	expected[3].size = 0x7000000 - 0xfe80 - mb.size;
	fw_expect(&map, expected, 4);

	/* More than 640 KiB is not there; 4 TiB are the most that can be. */
	fw_start(&info);
	fw_tag_basic(&info, 1024, UINT32_MAX);
	CHECK_EQ(enter(), VMM_OK);
	CHECK_EQ(ranges[0].size, VMM_KIB(640));
	CHECK_EQ(ranges[3].base + ranges[3].size,
		VMM_TIB(4) + VMM_MIB(1) - VMM_KIB(1));

	/* No RAM at all is no map, and the tag that counts is not passed over. */
	fw_start(&info);
	fw_tag_basic(&info, 0, 0);
	CHECK_EQ(enter(), VMM_ENOENT);
	fw_start(&info);
	fw_tag_basic(&info, 639, 112 * 1024);
	fw_tag_memory(&info, NULL, 0, 24);
	CHECK_EQ(enter(), VMM_ENOENT);
	CHECK_EQ(map.count, 0);
}

/* A map makes the sizes void, and later versions may have longer entries. */
TEST(unit_multiboot2_memory_map)
{
	static const struct fw_entry list[] = {
		{0x0, 0x1000, 1, 0},
		{0x1000, 0x1000, 3, 0},
		{0x2000, 0x1000, 4, 0},
		{0x3000, 0x1000, 5, 0},
		{0x4000, 0x1000, 0, 0},
		{0x5000, 0x1000, 2, 0},
		{0x6000, 0, 1, 0},
		{0x7000, 0x1000, 7, 0},
		{UINT64_MAX, 1, 1, 0},
	};
	static const struct vmm_mem_range expected[] = {
		{0x0, 0x1000, VMM_MEM_FREE, 1},
		{0x1000, 0x1000, VMM_MEM_ACPI, 1},
		{0x2000, 0x1000, VMM_MEM_PERMANENT, 1},
		{0x3000, 0x3000, VMM_MEM_NOMAP, 0},
		{0x7000, 0x1000, VMM_MEM_NOMAP, 0},
		{UINT64_MAX, 1, VMM_MEM_FREE, 1},
	};

	for (size_t size = 24; size <= 40; size += 8) {
		fw_start(&info);
		fw_tag_basic(&info, 640, 0x100000);
		fw_tag_memory(&info, list, FW_ENTRIES(list), size);
		fw_put32(info.data + info.tag + 12, 1); /* entry version */
		CHECK_EQ(enter(), VMM_OK);
		CHECK_EQ(ranges[5].base, INFO_PA);
		CHECK_EQ(ranges[5].ram, 0);
		/* The rest, as if the information were not there. */
		ranges[5] = ranges[6];
		map.count--;
		fw_expect(&map, expected, FW_ENTRIES(expected));
	}
	/* Two tags add up, in any order. */
	fw_start(&info);
	fw_tag_memory(&info, list + 5, 4, 24);
	fw_tag_memory(&info, list, 5, 24);
	CHECK_EQ(enter(), VMM_OK);
	ranges[5] = ranges[6];
	map.count--;
	fw_expect(&map, expected, FW_ENTRIES(expected));
}

/* Boot services that still run: the maps are stale, the modules are not. */
TEST(unit_multiboot2_uefi_active)
{
	fw_start(&info);
	fw_tag_memory(&info, fw_pc, fw_pc_count, 24);
	fw_tag_uefi(&info, fw_q35, fw_q35_count, 48);
	fw_tag_module(&info, 0x1000, 0x2000, "m");
	fw_tag(&info, VMM_MULTIBOOT2_UEFI_ACTIVE, 0);
	CHECK_EQ(enter(), VMM_EBUSY);
	CHECK_EQ(map.count, 0);
	CHECK_EQ(vmm_multiboot2_reserve(&mb, INFO_PA, &map), VMM_OK);
	CHECK_EQ(map.count, 2);
	CHECK_EQ(ranges[0].base, 0x1000);
	CHECK_EQ(ranges[0].kind, VMM_MEM_LOADER);
	/* Alone, it is still what the kernel has to know first. */
	fw_start(&info);
	fw_tag(&info, VMM_MULTIBOOT2_UEFI_ACTIVE, 0);
	refused(VMM_EBUSY);
}

/* Each tag that is used, malformed in each way. */
TEST(unit_multiboot2_errors)
{
	static const struct fw_entry wrap = {UINT64_MAX, 2, 1, 0};

	fw_start(&info);
	refused(VMM_ENOENT);
	fw_tag_module(&info, 0x1000, 0x2000, "m");
	refused(VMM_ENOENT);
	/* Tags too short for what they are. */
	fw_tag(&info, VMM_MULTIBOOT2_BASIC, 7);
	refused(VMM_EINVAL);
	fw_tag(&info, VMM_MULTIBOOT2_MEMORY, 7);
	refused(VMM_EINVAL);
	fw_tag(&info, VMM_MULTIBOOT2_UEFI, 7);
	refused(VMM_EINVAL);
	fw_tag_basic(&info, 1, 1);
	fw_tag(&info, VMM_MULTIBOOT2_MODULE, 7);
	refused(VMM_EINVAL);
	fw_tag_basic(&info, 1, 1);
	fw_tag(&info, VMM_MULTIBOOT2_FRAMEBUFFER, 22);
	refused(VMM_EINVAL);
	/* Modules that end before they start. */
	fw_tag_basic(&info, 1, 1);
	fw_tag_module(&info, 0x2000, 0x1fff, "m");
	refused(VMM_EINVAL);
	/* Ranges that wrap, 2^32 - 1 times 2^32 - 1 among them. */
	fw_tag_memory(&info, &wrap, 1, 24);
	refused(VMM_EINVAL);
	fw_tag_basic(&info, 1, 1);
	fw_tag_framebuffer(&info, UINT64_C(1) << 63, UINT32_MAX, UINT32_MAX);
	refused(VMM_EINVAL);
	/* Sizes of entries: none, too small, odd, larger than the tag. */
	for (uint32_t size = 0; size < 64; size++) {
		fw_tag_memory(&info, fw_pc, 1, 24);
		fw_put32(info.data + info.tag + 8, size);
		if (size != 24)
			refused(VMM_EINVAL);
		else
			fw_start(&info);
	}
	fw_tag_memory(&info, fw_pc, 2, 28); /* no multiple of 8 */
	refused(VMM_EINVAL);
	fw_tag_memory(&info, fw_pc, 1, 24);
	fw_put32(info.data + info.tag + 8, UINT32_MAX - 7);
	refused(VMM_EINVAL);
	fw_tag_memory(&info, fw_pc, 1, 24);
	info.used -= 8; /* the last entry is cut off */
	fw_put32(info.data + info.tag + 4, 32);
	refused(VMM_EINVAL);
	fw_tag_uefi(&info, fw_q35, 1, 48);
	fw_put32(info.data + info.tag + 8, 0);
	refused(VMM_EINVAL);
	fw_tag_uefi(&info, fw_q35, 1, 48);
	fw_put32(info.data + info.tag + 12, 2);
	refused(VMM_ENOTSUP);
}

/* A map that does not count may be malformed; its neighbours still count. */
TEST(unit_multiboot2_ignores_unused_tags)
{
	fw_start(&info);
	fw_tag(&info, VMM_MULTIBOOT2_BASIC, 3);
	fw_tag(&info, VMM_MULTIBOOT2_MEMORY, 3);
	fw_tag(&info, 0xffffffff, 13);
	fw_tag_uefi(&info, fw_q35, 1, 48);
	fw_tag_uefi(&info, fw_q35 + 1, 1, 48);
	CHECK_EQ(enter(), VMM_OK);
	CHECK_EQ(map.count, 3);
	CHECK_EQ(vmm_memmap_ram(&map, VMM_MEM_LOADER), 0x1000);
	CHECK_EQ(vmm_memmap_ram(&map, VMM_MEM_FREE), 0x9f000);
}

/* The information must fit where it is said to be, and the map have room. */
TEST(unit_multiboot2_place_and_room)
{
	fw_start(&info);
	fw_tag_basic(&info, 640, 0x100000);
	CHECK_EQ(enter(), VMM_OK);
	open_map();
	CHECK_EQ(vmm_multiboot2_memmap(&mb, UINT64_MAX - mb.size + 2, &map),
		VMM_EINVAL);
	CHECK_EQ(vmm_multiboot2_reserve(&mb, UINT64_MAX - mb.size + 2, &map),
		VMM_EINVAL);
	CHECK_EQ(map.count, 0);
	CHECK_EQ(vmm_multiboot2_memmap(&mb, UINT64_MAX - mb.size + 1, &map),
		VMM_OK);
	CHECK_EQ(ranges[2].base, UINT64_MAX - mb.size + 1);
	/* Three ranges. */
	vmm_memmap_init(&map, ranges, 6);
	CHECK_EQ(vmm_multiboot2_memmap(&mb, INFO_PA, &map), VMM_ENOMEM);
	CHECK_EQ(map.count, 0);
	CHECK_EQ(vmm_multiboot2_reserve(&mb, INFO_PA, &map), VMM_OK);
	vmm_memmap_init(&map, ranges, 7);
	CHECK_EQ(vmm_multiboot2_memmap(&mb, INFO_PA, &map), VMM_OK);
}

/* The structure: no size, too large, tags that run over, no end. */
TEST(unit_multiboot2_init_errors)
{
	const size_t size = fw_grub(&info, true);
	size_t found = 77;

	mb.size = 77;
	for (size_t i = 0; i < size; i++) {
		CHECK_EQ(vmm_multiboot2_size(info.data, i, &found), VMM_ERANGE);
		CHECK_EQ(vmm_multiboot2_init(&mb, info.data, i), VMM_ERANGE);
	}
	CHECK_EQ(found, 77);
	CHECK_EQ(vmm_multiboot2_size(info.data, size, &found), VMM_OK);
	CHECK_EQ(found, size);

	/* Each total that cuts off the end is noticed, if not by itself. */
	for (uint32_t i = 0; i < size; i++) {
		fw_put32(info.data, i);
		CHECK_EQ(vmm_multiboot2_init(&mb, info.data, size), VMM_EINVAL);
	}
	fw_put32(info.data, UINT32_MAX);
	CHECK_EQ(vmm_multiboot2_init(&mb, info.data, size), VMM_ERANGE);
	/* Bytes behind the end tag are nobody's. */
	fw_put32(info.data, (uint32_t)size + 3);
	CHECK_EQ(vmm_multiboot2_init(&mb, info.data, size + 3), VMM_OK);
	mb.size = 77;
	fw_put32(info.data, (uint32_t)size);
	/* The last tag: of a size that is not its own. */
	fw_put32(info.data + size - 4, 7);
	CHECK_EQ(vmm_multiboot2_init(&mb, info.data, size), VMM_EINVAL);
	fw_put32(info.data + size - 4, 9);
	CHECK_EQ(vmm_multiboot2_init(&mb, info.data, size), VMM_EINVAL);
	fw_put32(info.data, (uint32_t)size + 8);
	CHECK_EQ(vmm_multiboot2_init(&mb, info.data, size + 8), VMM_EINVAL);
	fw_put32(info.data, (uint32_t)size);
	fw_put32(info.data + size - 4, 8);
	/* The first tag: of no size, and of sizes that wrap when rounded. */
	for (uint32_t i = 0; i < 8; i++) {
		fw_put32(info.data + 12, i);
		CHECK_EQ(vmm_multiboot2_init(&mb, info.data, size), VMM_EINVAL);
		fw_put32(info.data + 12, UINT32_MAX - i);
		CHECK_EQ(vmm_multiboot2_init(&mb, info.data, size), VMM_EINVAL);
	}
	CHECK_EQ(mb.size, 77);
}

/* The cursor, for what has nothing to do with memory; also after a move. */
TEST(unit_multiboot2_tags)
{
	static const uint32_t types[] = {
		1, 2, 10, 3, 3, 3, 4, 6, 17, 8, 9, 14, 21};
	static unsigned char moved[FW_INFO_MAX + 1];
	const size_t size = fw_grub(&info, true);
	struct vmm_multiboot2_tag tag = {0};

	CHECK_EQ(vmm_multiboot2_init(&mb, info.data, size), VMM_OK);
	for (size_t i = 0; i < size; i++) {
		moved[i + 1] = info.data[i];
		info.data[i] = 0xa5;
	}
	vmm_multiboot2_moved(&mb, moved + 1);
	for (size_t i = 0; i < FW_ENTRIES(types); i++) {
		CHECK(vmm_multiboot2_tag_next(&mb, &tag));
		CHECK_EQ(tag.type, types[i]);
		CHECK_EQ((size_t)(tag.data - moved) % 8, 1);
		if (i == 0)
			CHECK(tag.size == 37 && tag.data[8] == 'r' &&
				tag.data[36] == '\0');
	}
	CHECK(!vmm_multiboot2_tag_next(&mb, &tag));
	CHECK_EQ(tag.type, 21);
	CHECK(!vmm_multiboot2_tag_next(&mb, &tag));
	/* And the map reads the same from there, at an odd address. */
	open_map();
	CHECK_EQ(vmm_multiboot2_memmap(&mb, INFO_PA, &map), VMM_OK);
	CHECK_EQ(vmm_memmap_ram(&map, VMM_MEM_ACPI), 0x12000);
}
