/* SPDX-License-Identifier: MIT */
/* From the jump to a running kernel. */
#include "boot.h"
#include "console.h"
#include "harts.h"
#include "setup.h"

#include <vmm/riscv.h>

_Noreturn void kernel_main(uint64_t hart);

/* The initrd is nobody's to take until boot memory is released. */
static void check_initrd(void)
{
	struct vmm_fdt_mem memory = {0};

	while (vmm_fdt_mem_next(&boot.fdt, &memory) == VMM_OK) {
		vmm_pa_t last = vmm_range_last(memory.base, memory.size);

		if (memory.source != VMM_FDT_MEM_INITRD)
			continue;
		print("initrd: %u bytes at %x, kept\n", memory.size,
			memory.base);
		for (size_t i = 0; i < kernel.map.count; i++) {
			const struct vmm_mem_range *range =
				&kernel.map.ranges[i];

			if (vmm_range_overlaps(range->base, range->size,
				    memory.base, memory.size))
				expect(range->kind >= VMM_MEM_LOADER,
					"the initrd is free in the map");
		}
		expect(!vmm_pmem_is_free(&kernel.pmem, memory.base) &&
				!vmm_pmem_is_free(&kernel.pmem, last),
			"the initrd's frames are free");
	}
}

/* On the boot hart's own root and stack. */
static void kernel_run(void)
{
	setup_check();
	harts_start();
	check_initrd();
	setup_release();
	kernel_work();
	succeed(kernel.format->name, kernel.hold);
}

void kernel_main(uint64_t hart)
{
	struct vmm_sink sink = console();
	unsigned offered = 0;

	/* Pointers made before the jump hold physical addresses: anew. */
	kernel.format = kernel_format(kernel.va_bits);
	vmm_memmap_moved(&kernel.map, kernel.map_entries);
	setup_dmap();
	vmm_fdt_moved(&boot.fdt, __va(boot.fdt_pa));
	/* Firmware disables harts whose nodes name no mode: then none is left. */
	(void)!vmm_fdt_mmu_type(&boot.fdt, &offered, &boot.harts);
	print("\nlibvmm kernel: hart %u, loaded at %x, running in %s; "
	      "the devicetree names %u harts and %u bits\n\n",
		hart, kernel.load_pa, kernel.format->name, (uint64_t)boot.harts,
		(uint64_t)offered);
	setup_frames();
	setup_layout();
	setup_table();
	vmm_riscv_satp_write(vmm_riscv_satp(&kernel.pt, 0));
	print("\npage table\n");
	vmm_pt_dump(&kernel.pt, &sink);
	print("\n");
	harts_init(hart, kernel_run);
}
