/* SPDX-License-Identifier: MIT */
/*
 * Page faults on purpose. Each probe makes one access on this hart and says
 * whether the hardware refused it, and with which cause; any trap outside a
 * probe ends the kernel.
 */
#ifndef KERNEL_TRAP_H
#define KERNEL_TRAP_H

#include <vmm/types.h>

/*
 * scause of the page faults (RISC-V Privileged 1.13, table of causes); what
 * other machines say is put into these words.
 */
#define CAUSE_FETCH_PAGE_FAULT 12
#define CAUSE_LOAD_PAGE_FAULT  13
#define CAUSE_STORE_PAGE_FAULT 15
/* No trap happened. */
#define CAUSE_NONE	       UINT64_MAX

uint64_t probe_load(vmm_va_t va);
uint64_t probe_store(vmm_va_t va);
/* Calls the address: put instruction_ret there, in case the fetch works. */
uint64_t probe_fetch(vmm_va_t va);

/* One instruction, which returns. */
extern const uint32_t instruction_ret;

#endif /* KERNEL_TRAP_H */
