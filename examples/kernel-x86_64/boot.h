/* SPDX-License-Identifier: MIT */
#ifndef KERNEL_BOOT_H
#define KERNEL_BOOT_H

#include <vmm/types.h>

/*
 * On the first tables: read the memory map that the boot loader left at
 * @start_info, build boot tables, and turn them on.
 */
void boot_enter(vmm_pa_t start_info);

#endif /* KERNEL_BOOT_H */
