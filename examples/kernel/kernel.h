/* SPDX-License-Identifier: MIT */
/*
 * What the kernel knows about its memory: all of libvmm's objects, once. The
 * kernel for x86-64 uses this header, too, and the files that include no other
 * than this, console.h, harts.h, setup.h and trap.h.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <vmm/layouts.h>
#include <vmm/memmap.h>
#include <vmm/pmem.h>
#include <vmm/pt.h>
#include <vmm/types.h>

/* __va() and __pa() look here. */
#define VMM_DMAP (&kernel.dmap)
#include <vmm/dmap.h>

#define MAP_ENTRIES 128

struct kernel {
	vmm_pa_t load_pa; /* of the image */
	unsigned va_bits; /* of the running page table: 39, 48 or 57 */
	const struct vmm_pt_format *format; /* the same, after the jump */
	struct vmm_mem_range map_entries[MAP_ENTRIES];
	struct vmm_memmap map;
	bool hold; /* stay on after the last line */
	struct vmm_pt pt;
	struct vmm_pages pages; /* frames for tables */
	struct vmm_pmem pmem;
	struct vmm_dmap dmap;
	vmm_va_t dmap_base; /* where physical address 0 would be */
};

#define SYMBOL __attribute__((visibility("hidden")))

extern SYMBOL struct kernel kernel;

/*
 * The format for a number of address bits. Called anew after the jump to the
 * higher half: a pointer made before it is a physical address.
 */
const struct vmm_pt_format *kernel_format(unsigned va_bits);

/* An area of the layout that goes with the running page table. */
static inline const struct vmm_layout_area *kernel_area(enum vmm_layout_row row)
{
	return &vmm_layout_standard(kernel.va_bits).areas[row];
}

/* From the linker script; physical addresses before the jump, virtual after. */
extern SYMBOL char __image_start[], __rodata_start[], __data_start[];
extern SYMBOL char __image_end[], __scratch_start[], __scratch_end[];

/* Where the image was linked, as a number: true before the jump as well. */
extern SYMBOL const uint64_t link_address;

/* Everything that the kernel does once it runs; work.c. */
void kernel_work(void);

#endif /* KERNEL_H */
