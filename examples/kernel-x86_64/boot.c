/* SPDX-License-Identifier: MIT */
/*
 * On the tables of entry.S, which reach 1 GiB: find out what memory there is
 * and build boot tables with a direct map of all of it.
 */
#include "boot.h"

#include "console.h"
#include "kernel.h"
#include "pvh.h"
#include "x86.h"

#include <vmm/boot.h>
#include <vmm/firmware.h>
#include <vmm/x86.h>

/*
 * Pages for boot tables: a root, and at most four each for the image and for
 * the start of the direct map, four for every ragged end of RAM; and one per
 * GiB of RAM where there are no pages of 1 GiB.
 */
#define SCRATCH_PAGES 64

#define RW (VMM_PT_READ | VMM_PT_WRITE)

/* An entry of the E820 map as BIOSes write it. */
#define E820_ENTRY   20
#define E820_ENTRIES MAP_ENTRIES

/* CPUID: the highest extended leaf is in EAX, but 1 is there with 64 bits. */
#define CPUID_EXTENDED	 0x80000001
#define CPUID_PAGES_1GIB (1u << 26)

struct kernel kernel;

static struct vmm_pt_format format;

__attribute__((section(".scratch"),
	aligned(4096))) static char scratch[SCRATCH_PAGES][4096];

/* From link to load addresses, as linked: identity-mapped by entry.S. */
static vmm_pa_t image_pa(const char *at)
{
	return (uintptr_t)at - kernel_area(VMM_ROW_IMAGE)->base;
}

/* The format that the processor runs in, with the pages that it can. */
const struct vmm_pt_format *kernel_format(unsigned va_bits)
{
	const unsigned features =
		(x86_cpuid_edx(CPUID_EXTENDED) & CPUID_PAGES_1GIB) == 0
			? VMM_PT_NO_GIGA
			: 0;
	const int err = vmm_pt_format_init(&format,
		va_bits == 57 ? &vmm_pt_la57 : &vmm_pt_x86_64, features);

	expect(err == VMM_OK, "format: %s", vmm_err_name(err));
	return &format;
}

/* PVH has E820's entries in another shape. */
static void read_entries(const struct pvh_start_info *info)
{
	static unsigned char packed[E820_ENTRIES * E820_ENTRY];
	const struct pvh_memory *entry =
		(const struct pvh_memory *)(uintptr_t)info->memory_map;
	struct vmm_e820_map e820 = {
		packed, sizeof(packed), info->memory_map_count, E820_ENTRY};
	int err;

	expect(e820.count <= E820_ENTRIES, "%u entries in the memory map",
		(uint64_t)e820.count);
	for (size_t i = 0; i < e820.count; i++)
		__builtin_memcpy(
			packed + i * E820_ENTRY, &entry[i], E820_ENTRY);
	err = vmm_e820_memmap(&e820, &kernel.map);
	expect(err == VMM_OK, "E820: %s", vmm_err_name(err));
}

static void read_memory_map(vmm_pa_t start_info)
{
	const struct pvh_start_info *info =
		(const struct pvh_start_info *)(uintptr_t)start_info;
	int err;

	expect(info->magic == PVH_MAGIC, "no PVH boot loader");
	expect(info->version >= 1, "a boot loader without a memory map");
	vmm_memmap_init(&kernel.map, kernel.map_entries, MAP_ENTRIES);
	read_entries(info);
	/* E820 calls the first page RAM; firmware has its data there. */
	err = vmm_memmap_reserve(
		&kernel.map, 0, VMM_PAGE_SIZE, VMM_MEM_PERMANENT);
	if (err == VMM_OK)
		err = vmm_memmap_reserve(&kernel.map, image_pa(__image_start),
			(uint64_t)(__image_end - __image_start),
			VMM_MEM_PERMANENT);
	if (err == VMM_OK)
		err = vmm_memmap_reserve(&kernel.map, image_pa(__scratch_start),
			(uint64_t)(__scratch_end - __scratch_start),
			VMM_MEM_LOADER);
	expect(err == VMM_OK, "memory map: %s", vmm_err_name(err));
}

static struct vmm_boot_map section(
	const char *first, const char *end, unsigned prot)
{
	return (struct vmm_boot_map){(uintptr_t)first, image_pa(first),
		(uint64_t)(end - first), prot, VMM_BOOT_EXACT};
}

/* The image and all other RAM; nothing where it is in memory. */
static void build_tables(struct vmm_pt *pt)
{
	const struct vmm_boot_carve carve = {image_pa(__image_start),
		(uint64_t)(__image_end - __image_start), 0};
	const struct vmm_boot_map maps[] = {
		section(__image_start, __rodata_start,
			VMM_PT_READ | VMM_PT_EXEC),
		section(__rodata_start, __data_start, VMM_PT_READ),
		section(__data_start, __image_end, RW)};
	int err;

	err = vmm_boot_tables(pt, kernel.format, image_pa(scratch[0]),
		SCRATCH_PAGES, maps, sizeof(maps) / sizeof(maps[0]));
	if (err == VMM_OK)
		err = vmm_boot_map_ram(pt, &kernel.map,
			kernel_area(VMM_ROW_DIRECT)->base, RW, &carve, 1);
	expect(err == VMM_OK, "boot tables: %s", vmm_err_name(err));
}

void boot_enter(vmm_pa_t start_info)
{
	struct vmm_pt pt;

	kernel.va_bits = (x86_read_cr4() & X86_CR4_LA57) != 0 ? 57 : 48;
	kernel.format = kernel_format(kernel.va_bits);
	kernel.load_pa = image_pa(__image_start);
	read_memory_map(start_info);
	build_tables(&pt);
	vmm_x86_cr3_write(vmm_x86_cr3(&pt, 0));
}
