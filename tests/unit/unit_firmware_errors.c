/* SPDX-License-Identifier: MIT */
/* Malformed firmware memory maps: the right error, and the map unchanged. */
#include "support/firmware_maps.h"
#include "support/test.h"

#define TOP (UINT64_MAX - 0xfff) /* the last page's first byte */

static unsigned char bytes[4096];
static struct vmm_limine_entry limine[32];
static const struct vmm_limine_entry *pointers[32];
static struct vmm_mem_range ranges[64];
static struct vmm_memmap map;

static void open_map(size_t max)
{
	vmm_memmap_init(&map, ranges, max);
}

static uint64_t digest(void)
{
	return test_digest(test_digest(TEST_DIGEST_INIT, &map, sizeof(map)),
		ranges, sizeof(ranges));
}

/* A map with something in it, which must come out of an error unchanged. */
#define REFUSES(call, error)                                      \
	do {                                                      \
		uint64_t before;                                  \
		open_map(64);                                     \
		CHECK_EQ(vmm_memmap_add(&map, 0x123, 9), VMM_OK); \
		before = digest();                                \
		CHECK_EQ(call, error);                            \
		CHECK_EQ(digest(), before);                       \
	} while (0)

TEST(unit_firmware_uefi_errors)
{
	struct vmm_uefi_map uefi = {bytes, 0, 48, 1};
	const size_t size = fw_put_uefi(bytes, fw_q35, fw_q35_count, 48);

	REFUSES(vmm_uefi_memmap(&uefi, &map), VMM_ENOENT);
	uefi.size = size - 1;
	REFUSES(vmm_uefi_memmap(&uefi, &map), VMM_EINVAL);
	uefi.size = size;
	uefi.desc_version = 0;
	REFUSES(vmm_uefi_memmap(&uefi, &map), VMM_ENOTSUP);
	uefi.desc_version = 2;
	REFUSES(vmm_uefi_memmap(&uefi, &map), VMM_ENOTSUP);
	uefi.desc_version = 1;
	uefi.desc_size = SIZE_MAX & ~(size_t)7;
	REFUSES(vmm_uefi_memmap(&uefi, &map), VMM_EINVAL);
	uefi.desc_size = size + 8;
	REFUSES(vmm_uefi_memmap(&uefi, &map), VMM_EINVAL);
	/* The usual mistake: the size of the struct for that of firmware. */
	uefi.desc_size = 40;
	REFUSES(vmm_uefi_memmap(&uefi, &map), VMM_EINVAL);
	/* The last descriptor is wrong, long after the first was right. */
	uefi.desc_size = 48;
	fw_put64(bytes + size - 48 + 8, TOP);
	REFUSES(vmm_uefi_memmap(&uefi, &map), VMM_EINVAL);
}

/*
 * Sizes of descriptors that are none. The map is all zeros and one descriptor
 * long, so that nothing else about it is wrong.
 */
TEST(unit_firmware_uefi_descriptor_sizes)
{
	struct vmm_uefi_map uefi = {bytes, 0, 0, 1};

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = 0;
	for (size_t i = 0; i < 100; i++) {
		const bool good = i >= 40 && i % 8 == 0;

		uefi.size = i;
		uefi.desc_size = i;
		REFUSES(vmm_uefi_memmap(&uefi, &map),
			good ? VMM_ENOENT : VMM_EINVAL);
	}
}

TEST(unit_firmware_e820_errors)
{
	struct vmm_e820_map e820 = {bytes, 0, fw_pc_count, 24};
	const size_t size = fw_put_e820(bytes, fw_pc, fw_pc_count, 24);

	for (size_t i = 0; i < size; i++) {
		e820.size = i;
		REFUSES(vmm_e820_memmap(&e820, &map), VMM_ERANGE);
	}
	e820.size = size;
	e820.count = SIZE_MAX;
	REFUSES(vmm_e820_memmap(&e820, &map), VMM_ERANGE);
	/* Times 24 this is 8, and times 20 it is 4. */
	e820.count = SIZE_MAX / 24 + 1;
	REFUSES(vmm_e820_memmap(&e820, &map), VMM_ERANGE);
	e820.entry_size = 20;
	e820.count = SIZE_MAX / 20 + 1;
	REFUSES(vmm_e820_memmap(&e820, &map), VMM_ERANGE);
	e820.count = 0;
	REFUSES(vmm_e820_memmap(&e820, &map), VMM_ENOENT);
	e820.count = fw_pc_count;
	for (size_t i = 0; i < 64; i++) {
		e820.entry_size = i;
		if (i != 20 && i != 24)
			REFUSES(vmm_e820_memmap(&e820, &map), VMM_EINVAL);
	}
	e820.entry_size = 24;
	fw_put64(bytes + size - 16, UINT64_MAX);
	REFUSES(vmm_e820_memmap(&e820, &map), VMM_EINVAL);
}

TEST(unit_firmware_limine_errors)
{
	const void *odd = (const unsigned char *)pointers + 1;

	for (size_t i = 0; i < fw_limine_count; i++) {
		limine[i] = (struct vmm_limine_entry){fw_limine[i].base,
			fw_limine[i].size, fw_limine[i].type};
		pointers[i] = &limine[i];
	}
	open_map(64);
	CHECK_EQ(vmm_limine_memmap(pointers, fw_limine_count, &map), VMM_OK);
	REFUSES(vmm_limine_memmap(pointers, 0, &map), VMM_ENOENT);
	REFUSES(vmm_limine_memmap(NULL, 3, &map), VMM_EINVAL);
	REFUSES(vmm_limine_memmap(odd, 3, &map), VMM_EINVAL);
	/* Counts that lie; the second is 0 when it is multiplied by 8. */
	REFUSES(vmm_limine_memmap(pointers, UINT64_MAX, &map), VMM_ENOMEM);
	REFUSES(vmm_limine_memmap(pointers, UINT64_C(1) << 61, &map),
		VMM_ENOMEM);
	limine[fw_limine_count - 1].length = UINT64_MAX;
	REFUSES(vmm_limine_memmap(pointers, fw_limine_count, &map), VMM_EINVAL);
	pointers[fw_limine_count - 1] = NULL;
	REFUSES(vmm_limine_memmap(pointers, fw_limine_count, &map), VMM_EINVAL);
}
