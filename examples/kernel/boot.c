/* SPDX-License-Identifier: MIT */
/*
 * What runs before paging is on, at the load address: read the devicetree,
 * build boot tables, turn them on. The code is reached relative to pc and uses
 * no constant that holds a pointer.
 */
#include "console.h"
#include "kernel.h"

#include <vmm/boot.h>
#include <vmm/riscv.h>

uint64_t boot_enter(vmm_pa_t fdt_pa, vmm_pa_t load_pa);

/* A devicetree larger than this is no devicetree. */
#define FDT_SIZE_MAX VMM_MIB(2)

/* Pages for boot tables; at most one direct-map row for each bank of RAM. */
#define SCRATCH_PAGES 16
#define BOOT_MAPS     16
#define RWX	      (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC)

struct kernel kernel;

__attribute__((section(".scratch"),
	aligned(4096))) static char scratch[SCRATCH_PAGES][4096];

static bool is_mode(const char *arguments, const char *mode)
{
	/* The first "mode=" of the command line counts. */
	for (; *arguments != '\0'; arguments++) {
		const char *a = arguments;
		const char *m = "mode=";

		while (*m != '\0' && *a == *m) {
			a++;
			m++;
		}
		if (*m != '\0')
			continue;
		while (*mode != '\0' && *a == *mode) {
			a++;
			mode++;
		}
		return *mode == '\0' && (*a == '\0' || *a == ' ');
	}
	return *mode == '\0';
}

/*
 * The paging mode that the command line asks for, or the widest one that the
 * devicetree names; @asked tells which.
 */
static unsigned wanted_bits(bool *asked)
{
	const char *arguments;
	unsigned bits;
	uint32_t harts;

	*asked = true;
	if (vmm_fdt_find_text(&kernel.fdt, "/chosen", "bootargs", &arguments) ==
		VMM_OK) {
		if (is_mode(arguments, "sv39"))
			return 39;
		if (is_mode(arguments, "sv48"))
			return 48;
		if (is_mode(arguments, "sv57"))
			return 57;
		if (!is_mode(arguments, ""))
			fail("unknown mode in \"%s\"", arguments);
	}
	*asked = false;
	if (vmm_fdt_mmu_type(&kernel.fdt, &bits, &harts) != VMM_OK || bits == 0)
		return 57;
	return bits;
}

const struct vmm_pt_format *kernel_format(unsigned va_bits)
{
	if (va_bits == 39)
		return &vmm_pt_sv39;
	return va_bits == 48 ? &vmm_pt_sv48 : &vmm_pt_sv57;
}

/* What the devicetree says, and where the kernel itself is. */
static void read_memory_map(vmm_pa_t fdt_pa)
{
	const vmm_pa_t image = (uintptr_t)__image_start;
	const vmm_pa_t boot_pages = (uintptr_t)__scratch_start;
	size_t size;
	int err;

	err = vmm_fdt_size(
		(const void *)(uintptr_t)fdt_pa, FDT_SIZE_MAX, &size);
	if (err == VMM_OK)
		err = vmm_fdt_init(
			&kernel.fdt, (const void *)(uintptr_t)fdt_pa, size);
	expect(err == VMM_OK, "devicetree: %s", vmm_err_name(err));
	vmm_memmap_init(&kernel.map, kernel.map_entries, MAP_ENTRIES);
	err = vmm_fdt_memmap(&kernel.fdt, fdt_pa, &kernel.map);
	if (err == VMM_OK)
		err = vmm_memmap_reserve(&kernel.map, image,
			(uintptr_t)__image_end - image, VMM_MEM_PERMANENT);
	if (err == VMM_OK)
		err = vmm_memmap_reserve(&kernel.map, boot_pages,
			(uintptr_t)__scratch_end - boot_pages, VMM_MEM_LOADER);
	expect(err == VMM_OK, "memory map: %s", vmm_err_name(err));
	kernel.fdt_pa = fdt_pa;
}

/* Where the image runs: its area, at the same place in the gigapage. */
static vmm_va_t image_va(vmm_pa_t load_pa)
{
	return kernel_area(kernel.va_bits, AREA_IMAGE)->base +
	       (load_pa & (VMM_GIB(1) - 1));
}

/* Identity, image, and a first direct map of all RAM. */
static size_t boot_maps(struct vmm_boot_map *maps, vmm_pa_t load_pa)
{
	const vmm_va_t dmap = kernel_area(kernel.va_bits, AREA_DMAP)->base;
	const uint64_t size = (uintptr_t)__scratch_end - load_pa;
	size_t count = 2;

	maps[0] = (struct vmm_boot_map){load_pa, load_pa, size, RWX, 0};
	maps[1] =
		(struct vmm_boot_map){image_va(load_pa), load_pa, size, RWX, 0};
	for (size_t i = 0; i < kernel.map.count && count < BOOT_MAPS; i++) {
		const struct vmm_mem_range *range = &kernel.map.ranges[i];

		if (range->ram != 0)
			maps[count++] = (struct vmm_boot_map){
				dmap + range->base, range->base, range->size,
				VMM_PT_READ | VMM_PT_WRITE, 0};
	}
	return count;
}

/* Turn paging on in one mode; false if the hart does not have it. */
static bool try_mode(unsigned va_bits, vmm_pa_t load_pa)
{
	struct vmm_boot_map maps[BOOT_MAPS];
	size_t count;
	uint64_t satp;
	int err;

	kernel.va_bits = va_bits;
	count = boot_maps(maps, load_pa);
	err = vmm_boot_tables(&kernel.boot_pt, kernel_format(va_bits),
		(uintptr_t)scratch, SCRATCH_PAGES, maps, count);
	expect(err == VMM_OK, "boot tables: %s", vmm_err_name(err));
	satp = vmm_riscv_satp(&kernel.boot_pt, 0);
	vmm_riscv_satp_write(satp);
	/* A mode that the hart lacks leaves satp as it was (12.1.11). */
	return vmm_riscv_satp_read() == satp;
}

/* Returns the distance from the load address to the link address. */
uint64_t boot_enter(vmm_pa_t fdt_pa, vmm_pa_t load_pa)
{
	bool asked;
	unsigned bits;
	bool on;

	kernel.load_pa = load_pa;
	read_memory_map(fdt_pa);
	bits = wanted_bits(&asked);
	/* Asked for one mode: that or none. Else down to the narrowest. */
	on = try_mode(bits, load_pa);
	while (!on && !asked && bits > 39) {
		bits -= 9;
		on = try_mode(bits, load_pa);
	}
	if (!on)
		fail("this hart has no sv%u", (uint64_t)bits);
	return image_va(load_pa) - load_pa;
}
