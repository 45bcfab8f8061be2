/* SPDX-License-Identifier: MIT */
/* What the part before the jump leaves to the parts after it. */
#ifndef KERNEL_BOOT_H
#define KERNEL_BOOT_H

#include "kernel.h"

#include <vmm/fdt.h>

struct boot {
	struct vmm_fdt fdt;
	vmm_pa_t fdt_pa;
	uint32_t harts; /* that the devicetree names */
	uint64_t satp;	/* turns the boot tables on, for other harts */
};

extern SYMBOL struct boot boot;

#endif /* KERNEL_BOOT_H */
