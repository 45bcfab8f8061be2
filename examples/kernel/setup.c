/* SPDX-License-Identifier: MIT */
#include "setup.h"

#include "console.h"
#include "frames.h"
#include "kernel.h"
#include "trap.h"

#include <vmm/boot.h>
#include <vmm/pt_share.h>

#define RWG (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_GLOBAL)

static void check(int err, const char *what)
{
	expect(err == VMM_OK, "%s: %s", what, vmm_err_name(err));
}

/* The image's window comes first: most pointers of a kernel lie there. */
void setup_dmap(void)
{
	const struct vmm_layout_area *area = kernel_area(VMM_ROW_DIRECT);
	const struct vmm_memmap *map = &kernel.map;
	const vmm_va_t start = (uintptr_t)__image_start;

	kernel.dmap_base = area->base;
	vmm_dmap_init(&kernel.dmap, NULL, NULL);
	check(vmm_dmap_add(&kernel.dmap, kernel.load_pa,
		      (uintptr_t)__image_end - start, start),
		"image window");
	/* A window for each bank: runs of RAM of whatever kind. */
	for (size_t i = 0; i < map->count; i++) {
		vmm_pa_t base = map->ranges[i].base;
		uint64_t size = map->ranges[i].size;

		if (map->ranges[i].ram == 0)
			continue;
		while (i + 1 < map->count && map->ranges[i + 1].ram != 0 &&
			map->ranges[i + 1].base - base == size)
			size += map->ranges[++i].size;
		expect(vmm_range_last(base, size) < area->size,
			"RAM at %x does not fit into the direct map", base);
		check(vmm_dmap_add(&kernel.dmap, base, size,
			      kernel.dmap_base + base),
			"direct-map window");
	}
}

/* Frames for page tables. */
static int table_alloc(void *ctx, vmm_pa_t *pa_out)
{
	(void)ctx;
	return frame_alloc(0, pa_out);
}

static void table_free(void *ctx, vmm_pa_t pa)
{
	(void)ctx;
	check(frame_free(pa, 0), "page table's frame");
}

void setup_frames(void)
{
	frames_init();
	kernel.pages = (struct vmm_pages){table_alloc, table_free, NULL};
}

void setup_layout(void)
{
	const struct vmm_layout layout = vmm_layout_standard(kernel.va_bits);
	struct vmm_sink sink = console();
	size_t faults;

	check(vmm_layout_check(&layout, NULL, 0, &faults), "layout");
	print("\nlayout\n");
	vmm_layout_dump(&layout, &sink);
}

static void map_section(const char *first, const char *end, unsigned prot)
{
	check(vmm_pt_map(&kernel.pt, (uintptr_t)first, __pa(first),
		      (uint64_t)(end - first), prot | VMM_PT_GLOBAL, NULL),
		"image section");
}

/*
 * Image with no page both writable and executable, all RAM at the direct map.
 * The image is carved out of it: its text has no writable alias.
 */
void setup_table(void)
{
	const struct vmm_boot_carve image = {__pa(__image_start),
		(uint64_t)(__image_end - __image_start), 0};
	vmm_pa_t root;

	check(frame_alloc(0, &root), "root table");
	vmm_pt_init(&kernel.pt, kernel.format, &kernel.pages, kernel.dmap_base,
		root);
	map_section(__image_start, __rodata_start, VMM_PT_READ | VMM_PT_EXEC);
	map_section(__rodata_start, __data_start, VMM_PT_READ);
	map_section(__data_start, __image_end, VMM_PT_READ | VMM_PT_WRITE);
	check(vmm_boot_map_ram(&kernel.pt, &kernel.map, kernel.dmap_base, RWG,
		      &image, 1),
		"direct map");
	check(vmm_pt_check(&kernel.pt), "page table check");
}

/*
 * Entries that are absent now stay so: the kernel maps nothing new except in
 * its arena, and those entries have been filled.
 */
void setup_borrow(struct vmm_pt *pt)
{
	const uint64_t span = vmm_pt_root_span(pt->format);
	vmm_va_t va = UINT64_MAX << (pt->format->va_bits - 1);

	for (; va != 0; va += span) {
		int err;

		if (va == kernel_area(VMM_ROW_CPU)->base)
			continue;
		err = vmm_pt_share(pt, &kernel.pt, va, span);
		if (err != VMM_ENOENT)
			check(err, "share the kernel's entries");
	}
}

/* Boot tables, devicetree and initrd are not needed any more. */
void setup_release(void)
{
	struct vmm_pmem_stat before;
	struct vmm_pmem_stat after;
	uint64_t frames;

	vmm_pmem_stat(&kernel.pmem, &before);
	check(vmm_pmem_release(&kernel.pmem, VMM_MEM_LOADER, &frames),
		"release");
	vmm_pmem_stat(&kernel.pmem, &after);
	print("boot memory released: %u frames, now %u of %u free\n", frames,
		after.free, after.managed);
	expect(after.free == before.free + frames && frames > 0,
		"released frames are not free");
}

/* No page of a read-only section takes a store, here or in the direct map. */
static void check_read_only(const char *first, const char *end)
{
	for (; first < end; first += VMM_PAGE_SIZE) {
		expect(probe_store((uintptr_t)first) == CAUSE_STORE_PAGE_FAULT,
			"kernel text is writable at %x",
			(uint64_t)(uintptr_t)first);
		expect(probe_store(kernel.dmap_base + __pa(first)) ==
				CAUSE_STORE_PAGE_FAULT,
			"kernel text has a writable alias at %x",
			kernel.dmap_base + __pa(first));
	}
}

/* The first address behind all RAM. */
static vmm_pa_t after_ram(void)
{
	vmm_pa_t end = 0;

	for (size_t i = 0; i < kernel.map.count; i++) {
		const struct vmm_mem_range *range = &kernel.map.ranges[i];

		if (range->ram != 0)
			end = range->base + range->size;
	}
	return end;
}

void setup_check(void)
{
	static uint32_t code;
	const vmm_pa_t text_pa = __pa(__image_start);

	code = instruction_ret;
	expect(probe_load(text_pa) == CAUSE_LOAD_PAGE_FAULT,
		"the identity map is still there");
	check_read_only(__image_start, __data_start);
	expect(probe_fetch((uintptr_t)&code) == CAUSE_FETCH_PAGE_FAULT,
		"data is executable");
	expect(__va(after_ram()) == NULL,
		"the direct map knows an address behind RAM");
	print("protection: identity map gone, text and constants read-only, "
	      "no writable alias, data not executable\n");
}
