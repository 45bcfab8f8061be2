/* SPDX-License-Identifier: MIT */
/* What each type of firmware's memory becomes, and each attribute. */
#include "support/firmware_maps.h"
#include "support/test.h"

static struct fw_entry entry;
static struct vmm_mem_range ranges[16];
static struct vmm_memmap map;

static void open_map(size_t max)
{
	vmm_memmap_init(&map, ranges, max);
}

struct rule {
	uint64_t attributes;
	uint32_t type;
	uint32_t kind;
	uint32_t ram;
};

/* Each rule by a map of one entry, of a page from 0x5000. */
static void follow(int (*read)(const struct rule *rule),
	const struct rule *rules, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct vmm_mem_range expected = {
			0x5000, 0x1000, rules[i].kind, rules[i].ram};

		open_map(3);
		entry = (struct fw_entry){
			0x5000, 0x1000, rules[i].type, rules[i].attributes};
		CHECK_EQ(read(&rules[i]), VMM_OK);
		fw_expect(&map, &expected, 1);
	}
}

static int one_uefi(const struct rule *rule)
{
	(void)rule;
	return fw_enter_uefi(&map, &entry, 1, 48);
}

static int one_e820(const struct rule *rule)
{
	return fw_enter_e820(&map, &entry, 1, rule->attributes != 0 ? 24 : 20);
}

static int one_limine(const struct rule *rule)
{
	(void)rule;
	return fw_enter_limine(&map, &entry, 1);
}

/* All types, what lies between and beyond them, and attributes. */
TEST(unit_firmware_uefi_types)
{
	static const struct rule rules[] = {
		{8, VMM_UEFI_RESERVED, VMM_MEM_NOMAP, 0},
		{8, VMM_UEFI_LOADER_CODE, VMM_MEM_LOADER, 1},
		{8, VMM_UEFI_LOADER_DATA, VMM_MEM_LOADER, 1},
		{8, VMM_UEFI_BOOT_CODE, VMM_MEM_LOADER, 1},
		{8, VMM_UEFI_BOOT_DATA, VMM_MEM_LOADER, 1},
		{8, VMM_UEFI_RUNTIME_CODE, VMM_MEM_PERMANENT, 1},
		{8, VMM_UEFI_RUNTIME_DATA, VMM_MEM_PERMANENT, 1},
		{8, VMM_UEFI_CONVENTIONAL, VMM_MEM_FREE, 1},
		{8, VMM_UEFI_UNUSABLE, VMM_MEM_NOMAP, 0},
		{8, VMM_UEFI_ACPI_RECLAIM, VMM_MEM_ACPI, 1},
		{8, VMM_UEFI_ACPI_NVS, VMM_MEM_PERMANENT, 1},
		{8, VMM_UEFI_MMIO, VMM_MEM_MMIO, 0},
		{8, VMM_UEFI_MMIO_PORTS, VMM_MEM_MMIO, 0},
		{8, VMM_UEFI_PAL_CODE, VMM_MEM_PERMANENT, 1},
		{8, VMM_UEFI_PERSISTENT, VMM_MEM_NVRAM, 1},
		{8, VMM_UEFI_UNACCEPTED, VMM_MEM_NOMAP, 0},
		{8, 16, VMM_MEM_NOMAP, 0},
		{8, 0x6fffffff, VMM_MEM_NOMAP, 0},
		{8, 0x70000000, VMM_MEM_PERMANENT, 1},
		{8, 0x80000000, VMM_MEM_PERMANENT, 1},
		{8, 0xffffffff, VMM_MEM_PERMANENT, 1},
		/* No write-back: no RAM. */
		{7, VMM_UEFI_CONVENTIONAL, VMM_MEM_NOMAP, 0},
		{7, VMM_UEFI_BOOT_DATA, VMM_MEM_LOADER, 0},
		{7, VMM_UEFI_ACPI_RECLAIM, VMM_MEM_ACPI, 0},
		{0, VMM_UEFI_RUNTIME_DATA, VMM_MEM_PERMANENT, 0},
		{1, VMM_UEFI_MMIO, VMM_MEM_MMIO, 0},
		/* Specific purpose. */
		{0x40008, VMM_UEFI_CONVENTIONAL, VMM_MEM_PERMANENT, 1},
		{0x40008, VMM_UEFI_LOADER_DATA, VMM_MEM_PERMANENT, 1},
		{0x40008, VMM_UEFI_PERSISTENT, VMM_MEM_NVRAM, 1},
		{0x40008, VMM_UEFI_UNACCEPTED, VMM_MEM_NOMAP, 0},
		{0x40000, VMM_UEFI_CONVENTIONAL, VMM_MEM_PERMANENT, 0},
		/* Keeps its content. */
		{0x8008, VMM_UEFI_CONVENTIONAL, VMM_MEM_NVRAM, 1},
		{0x8008, VMM_UEFI_ACPI_RECLAIM, VMM_MEM_NVRAM, 1},
		{0x8008, VMM_UEFI_ACPI_NVS, VMM_MEM_PERMANENT, 1},
		/* Runtime. */
		{VMM_UEFI_RUNTIME | 8, VMM_UEFI_CONVENTIONAL, VMM_MEM_PERMANENT,
			1},
		{VMM_UEFI_RUNTIME | 8, VMM_UEFI_PERSISTENT, VMM_MEM_PERMANENT,
			1},
		{VMM_UEFI_RUNTIME | 1, VMM_UEFI_MMIO, VMM_MEM_MMIO, 0},
		{VMM_UEFI_RUNTIME | 8, VMM_UEFI_RESERVED, VMM_MEM_NOMAP, 0},
	};

	follow(one_uefi, rules, FW_ENTRIES(rules));
}

TEST(unit_firmware_e820_types)
{
	static const struct rule rules[] = {
		{0, 0, VMM_MEM_NOMAP, 0},
		{0, 1, VMM_MEM_FREE, 1},
		{0, 2, VMM_MEM_NOMAP, 0},
		{0, 3, VMM_MEM_ACPI, 1},
		{0, 4, VMM_MEM_PERMANENT, 1},
		{0, 5, VMM_MEM_NOMAP, 0},
		{0, 6, VMM_MEM_NOMAP, 0},
		{0, 7, VMM_MEM_NVRAM, 1},
		{0, 8, VMM_MEM_NOMAP, 0},
		{0, 11, VMM_MEM_NOMAP, 0},
		{0, 12, VMM_MEM_NVRAM, 1},
		{0, 13, VMM_MEM_NOMAP, 0},
		{0, 0xefffffff, VMM_MEM_NOMAP, 0},
		{0, 0xffffffff, VMM_MEM_NOMAP, 0},
		/* Not volatile, slow, an error log. */
		{3, 1, VMM_MEM_NVRAM, 1},
		{5, 1, VMM_MEM_FREE, 1},
		{9, 1, VMM_MEM_PERMANENT, 1},
		{11, 3, VMM_MEM_PERMANENT, 1},
		{11, 2, VMM_MEM_NOMAP, 0},
		{0xfffffff1, 1, VMM_MEM_FREE, 1},
	};

	follow(one_e820, rules, FW_ENTRIES(rules));
}

TEST(unit_firmware_limine_types)
{
	static const struct rule rules[] = {
		{0, 0, VMM_MEM_FREE, 1},
		{0, 1, VMM_MEM_NOMAP, 0},
		{0, 2, VMM_MEM_ACPI, 1},
		{0, 3, VMM_MEM_PERMANENT, 1},
		{0, 4, VMM_MEM_NOMAP, 0},
		{0, 5, VMM_MEM_LOADER, 1},
		{0, 6, VMM_MEM_PERMANENT, 1},
		{0, 7, VMM_MEM_MMIO, 0},
		{0, 8, VMM_MEM_PERMANENT, 1},
		{0, 9, VMM_MEM_NOMAP, 0},
		{0, 0xffffffff, VMM_MEM_NOMAP, 0},
	};
	const struct vmm_limine_entry high = {0x1000, 1, UINT64_C(1) << 32};
	const struct vmm_limine_entry *const pointer = &high;
	const struct vmm_mem_range reserved = {0x1000, 1, VMM_MEM_NOMAP, 0};

	follow(one_limine, rules, FW_ENTRIES(rules));
	/* The type has 64 bits: this one is not 0. */
	open_map(3);
	CHECK_EQ(vmm_limine_memmap(&pointer, 1, &map), VMM_OK);
	fw_expect(&map, &reserved, 1);
}

/* An entry that is not enabled counts for nothing, whatever it says. */
TEST(unit_firmware_e820_disabled_entries)
{
	static const struct fw_entry list[] = {
		{0x0, 0x10000, 1, 1},
		{0x4000, 0x1000, 2, 0},
		{0x20000, 0x1000, 1, 2},
		{UINT64_MAX, UINT64_MAX, 1, 0xfffffffe},
	};
	const struct vmm_mem_range expected = {0, 0x10000, VMM_MEM_FREE, 1};

	open_map(3);
	CHECK_EQ(fw_enter_e820(&map, list, 4, 24), VMM_OK);
	fw_expect(&map, &expected, 1);
	open_map(3);
	CHECK_EQ(fw_enter_e820(&map, list + 1, 3, 24), VMM_ENOENT);
}
