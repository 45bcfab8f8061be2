/* SPDX-License-Identifier: MIT */
/* Superpages that are split and merged while the kernel lives on them. */
#ifndef KERNEL_SUPERPAGE_H
#define KERNEL_SUPERPAGE_H

#include <vmm/types.h>

/*
 * Split the superpage around @va by making its page read-only, see that all
 * harts go on, and merge it again.
 */
void superpage_round(vmm_va_t va);

/*
 * The same with a superpage of the direct map, through which the kernel reaches
 * its page tables while they change.
 */
void superpage_direct_map(void);

#endif /* KERNEL_SUPERPAGE_H */
