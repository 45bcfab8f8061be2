/* SPDX-License-Identifier: MIT */
#include "support/firmware_maps.h"
#include "support/test.h"

#define CACHED	0xf /* UC, WC, WT, WB */
#define RUNTIME (VMM_UEFI_RUNTIME | CACHED)

/*
 * The holes every PC has: from 640 KiB to 1 MiB, below 4 GiB where devices are;
 * and those that this one has, because the BIOS took 10 KiB for its extended
 * data area and put its tables in the middle of the RAM.
 */
const struct fw_entry fw_pc[] = {
	{0x0, 0x9d800, 1, 1},
	{0x9d800, 0x2800, 2, 1},
	{0xe0000, 0x20000, 2, 1},
	{0x100000, 0xbaa7b000 - 0x100000, 1, 1},
	{0xbaa7b000, 0x7000, 4, 1},
	{0xbaa82000, 0x46e000, 1, 1},
	{0xbaef0000, 0x3d6000, 2, 1},
	{0xbb2c6000, 0x1c3b2000, 1, 1},
	{0xd7678000, 0x18c000, 2, 1},
	{0xd7804000, 0x7d000, 3, 1},
	{0xd7881000, 0x2ee000, 4, 1},
	{0xd7b6f000, 0x1490000, 2, 1},
	{0xd8fff000, 0x1000, 1, 1},
	{0xdb000000, 0x4a00000, 2, 1},
	{0xf8000000, 0x4000000, 2, 1},
	{0xfec00000, 0x1000, 2, 1},
	{0xfed00000, 0x4000, 2, 1},
	{0xfee00000, 0x1000, 2, 1},
	{0xff000000, 0x1000000, 2, 1},
	{0x100000000, 0x31f600000, 1, 1},
};
const size_t fw_pc_count = FW_ENTRIES(fw_pc);

const struct fw_entry fw_q35[] = {
	{0x0, 0x1000, VMM_UEFI_BOOT_CODE, CACHED},
	{0x1000, 0x9f000, VMM_UEFI_CONVENTIONAL, CACHED},
	{0x100000, 0x700000, VMM_UEFI_CONVENTIONAL, CACHED},
	{0x800000, 0x8000, VMM_UEFI_ACPI_NVS, CACHED},
	{0x808000, 0x3000, VMM_UEFI_CONVENTIONAL, CACHED},
	{0x80b000, 0x1000, VMM_UEFI_ACPI_NVS, CACHED},
	{0x80c000, 0x4000, VMM_UEFI_CONVENTIONAL, CACHED},
	{0x810000, 0xf0000, VMM_UEFI_ACPI_NVS, CACHED},
	{0x900000, 0xc00000, VMM_UEFI_BOOT_DATA, CACHED},
	{0x1500000, 0x7a000000, VMM_UEFI_CONVENTIONAL, CACHED},
	{0x7b500000, 0x20000, VMM_UEFI_LOADER_CODE, CACHED},
	{0x7b520000, 0x2e0000, VMM_UEFI_LOADER_DATA, CACHED},
	{0x7b800000, 0x1800000, VMM_UEFI_BOOT_DATA, CACHED},
	{0x7d000000, 0x600000, VMM_UEFI_BOOT_CODE, CACHED},
	{0x7d600000, 0x100000, VMM_UEFI_RUNTIME_DATA, RUNTIME},
	{0x7d700000, 0x100000, VMM_UEFI_RUNTIME_CODE, RUNTIME},
	{0x7d800000, 0x80000, VMM_UEFI_RESERVED, CACHED},
	{0x7d880000, 0x12000, VMM_UEFI_ACPI_RECLAIM, CACHED},
	{0x7d892000, 0x6e000, VMM_UEFI_ACPI_NVS, CACHED},
	{0x7d900000, 0x2500000, VMM_UEFI_CONVENTIONAL, CACHED},
	{0x7fe00000, 0x200000, VMM_UEFI_RUNTIME_DATA, RUNTIME},
	{0xb0000000, 0x10000000, VMM_UEFI_RESERVED, 0},
	{0xffc00000, 0x400000, VMM_UEFI_MMIO, VMM_UEFI_RUNTIME | 1},
	{0x100000000, 0x80000000, VMM_UEFI_CONVENTIONAL, CACHED},
};
const size_t fw_q35_count = FW_ENTRIES(fw_q35);

/* Sorted by the base, as Limine has it; the framebuffer comes last. */
const struct fw_entry fw_limine[] = {
	{0x1000, 0x9f000, 0, 0},
	{0x100000, 0x700000, 0, 0},
	{0x800000, 0x8000, 3, 0},
	{0x808000, 0x3000, 0, 0},
	{0x80b000, 0x1000, 3, 0},
	{0x80c000, 0x4000, 0, 0},
	{0x810000, 0xf0000, 3, 0},
	{0x900000, 0x77f00000, 0, 0},
	{0x78800000, 0x40d000, 6, 0},
	{0x78c0d000, 0x13000, 5, 0},
	{0x78c20000, 0x5c0000, 6, 0},
	{0x791e0000, 0x4000000, 0, 0},
	{0x7d1e0000, 0x320000, 5, 0},
	{0x7d500000, 0x10000, 2, 0},
	{0x7d510000, 0x70000, 3, 0},
	{0x7d580000, 0x200000, 8, 0},
	{0x7d780000, 0x80000, 1, 0},
	{0x7d800000, 0x2600000, 0, 0},
	{0x7fe00000, 0x1000, 4, 0},
	{0xb0000000, 0x10000000, 1, 0},
	{0xc0000000, 0x3e8000, 7, 0},
};
const size_t fw_limine_count = FW_ENTRIES(fw_limine);

static unsigned char bytes[FW_ENTER_MAX * 64];
static struct vmm_limine_entry limine[FW_ENTER_MAX];
static const struct vmm_limine_entry *pointers[FW_ENTER_MAX];

void fw_put32(unsigned char *to, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (unsigned char)(value >> 8 * i);
}

void fw_put64(unsigned char *to, uint64_t value)
{
	fw_put32(to, (uint32_t)value);
	fw_put32(to + 4, (uint32_t)(value >> 32));
}

static void fill(unsigned char *to, size_t size, unsigned char byte)
{
	for (size_t i = 0; i < size; i++)
		to[i] = byte;
}

size_t fw_put_uefi(unsigned char *to, const struct fw_entry *entries,
	size_t count, size_t size)
{
	fill(to, count * size, 0xa5);
	for (size_t i = 0; i < count; i++, to += size) {
		fw_put32(to, entries[i].type);
		fw_put64(to + 8, entries[i].base);
		fw_put64(to + 24, entries[i].size >> 12);
		fw_put64(to + 32, entries[i].attributes);
	}
	return count * size;
}

size_t fw_put_memory(unsigned char *to, const struct fw_entry *entries,
	size_t count, size_t size)
{
	fill(to, count * size, 0xa4);
	for (size_t i = 0; i < count; i++, to += size) {
		fw_put64(to, entries[i].base);
		fw_put64(to + 8, entries[i].size);
		fw_put32(to + 16, entries[i].type);
	}
	return count * size;
}

size_t fw_put_e820(unsigned char *to, const struct fw_entry *entries,
	size_t count, size_t size)
{
	fw_put_memory(to, entries, count, size);
	for (size_t i = 0; size == 24 && i < count; i++)
		fw_put32(to + i * size + 20, (uint32_t)entries[i].attributes);
	return count * size;
}

int fw_enter_uefi(struct vmm_memmap *map, const struct fw_entry *entries,
	size_t count, size_t size)
{
	struct vmm_uefi_map uefi = {bytes, 0, size, 1};

	CHECK(count * size <= sizeof(bytes));
	uefi.size = fw_put_uefi(bytes, entries, count, size);
	return vmm_uefi_memmap(&uefi, map);
}

int fw_enter_e820(struct vmm_memmap *map, const struct fw_entry *entries,
	size_t count, size_t size)
{
	struct vmm_e820_map e820 = {bytes, 0, count, size};

	CHECK(count * size <= sizeof(bytes));
	e820.size = fw_put_e820(bytes, entries, count, size);
	return vmm_e820_memmap(&e820, map);
}

int fw_enter_limine(
	struct vmm_memmap *map, const struct fw_entry *entries, size_t count)
{
	CHECK(count <= FW_ENTER_MAX);
	for (size_t i = 0; i < count; i++) {
		limine[i] = (struct vmm_limine_entry){
			entries[i].base, entries[i].size, entries[i].type};
		pointers[i] = &limine[i];
	}
	return vmm_limine_memmap(pointers, count, map);
}

void fw_expect(const struct vmm_memmap *map,
	const struct vmm_mem_range *expected, size_t count)
{
	CHECK_EQ(vmm_memmap_check(map), VMM_OK);
	for (size_t i = 0; i < count && i < map->count; i++) {
		CHECK_EQ(map->ranges[i].base, expected[i].base);
		CHECK_EQ(map->ranges[i].size, expected[i].size);
		CHECK_EQ(map->ranges[i].kind, expected[i].kind);
		CHECK_EQ(map->ranges[i].ram, expected[i].ram);
	}
	CHECK_EQ(map->count, count);
}

void fw_start(struct fw_info *info)
{
	fill(info->data, sizeof(info->data), 0xa5);
	info->used = 8;
}

unsigned char *fw_tag(struct fw_info *info, uint32_t type, size_t size)
{
	unsigned char *tag;

	info->used = (info->used + 7) & ~(size_t)7;
	CHECK(info->used + 8 + size <= sizeof(info->data));
	info->tag = info->used;
	tag = info->data + info->used;
	fw_put32(tag, type);
	fw_put32(tag + 4, (uint32_t)(8 + size));
	fill(tag + 8, size, 0);
	info->used += 8 + size;
	return tag + 8;
}

size_t fw_finish(struct fw_info *info)
{
	fw_tag(info, VMM_MULTIBOOT2_END, 0);
	fw_put32(info->data, (uint32_t)info->used);
	return info->used;
}

static size_t length(const char *text)
{
	size_t n = 0;

	while (text[n] != '\0')
		n++;
	return n;
}

static void put_text(unsigned char *to, const char *text)
{
	for (size_t i = 0; i < length(text); i++)
		to[i] = (unsigned char)text[i];
}

void fw_tag_text(struct fw_info *info, uint32_t type, const char *text)
{
	put_text(fw_tag(info, type, length(text) + 1), text);
}

void fw_tag_module(
	struct fw_info *info, uint32_t start, uint32_t end, const char *text)
{
	unsigned char *data =
		fw_tag(info, VMM_MULTIBOOT2_MODULE, 8 + length(text) + 1);

	fw_put32(data, start);
	fw_put32(data + 4, end);
	put_text(data + 8, text);
}

void fw_tag_basic(struct fw_info *info, uint32_t lower, uint32_t upper)
{
	unsigned char *data = fw_tag(info, VMM_MULTIBOOT2_BASIC, 8);

	fw_put32(data, lower);
	fw_put32(data + 4, upper);
}

void fw_tag_memory(struct fw_info *info, const struct fw_entry *entries,
	size_t count, size_t entry_size)
{
	unsigned char *data =
		fw_tag(info, VMM_MULTIBOOT2_MEMORY, 8 + count * entry_size);

	fw_put32(data, (uint32_t)entry_size);
	fw_put_memory(data + 8, entries, count, entry_size);
}

void fw_tag_framebuffer(
	struct fw_info *info, uint64_t base, uint32_t pitch, uint32_t height)
{
	unsigned char *data = fw_tag(info, VMM_MULTIBOOT2_FRAMEBUFFER, 30);

	fw_put64(data, base);
	fw_put32(data + 8, pitch);
	fw_put32(data + 12, pitch / 4);
	fw_put32(data + 16, height);
	data[20] = 32;
	data[21] = 1;
}

void fw_tag_uefi(struct fw_info *info, const struct fw_entry *entries,
	size_t count, size_t desc_size)
{
	unsigned char *data =
		fw_tag(info, VMM_MULTIBOOT2_UEFI, 8 + count * desc_size);

	fw_put32(data, (uint32_t)desc_size);
	fw_put32(data + 4, 1);
	fw_put_uefi(data + 8, entries, count, desc_size);
}

size_t fw_grub(struct fw_info *info, bool uefi)
{
	fw_start(info);
	fw_tag_text(info, 1, "root=/dev/vda1 console=ttyS0"); /* command line */
	fw_tag_text(info, 2, "GRUB 2.06");
	fw_tag(info, 10, 20); /* APM */
	fw_tag_module(info, 0x1000000, 0x1c3a123, "initrd.img");
	fw_tag_module(info, 0x1c3b000, 0x1c3b000, "empty");
	fw_tag_module(info, 0x1c3c000, 0x1c5d800, "microcode.bin");
	fw_tag_basic(info, 630, 0x2ea5ec);
	fw_tag_memory(info, fw_pc, fw_pc_count, 24);
	if (uefi)
		fw_tag_uefi(info, fw_q35, fw_q35_count, 48);
	fw_tag_framebuffer(info, 0xe0000000, 7680, 1080);
	fw_tag(info, 9, 12 + 5 * 64); /* ELF sections */
	fw_tag(info, 14, 20);	      /* RSDP */
	fw_tag(info, 21, 4);	      /* load address */
	return fw_finish(info);
}
