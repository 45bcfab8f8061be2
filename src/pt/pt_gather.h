/* SPDX-License-Identifier: MIT */
/*
 * Writing a gather. Private to src/pt. Every function takes NULL for a gather
 * that the caller does not want.
 */
#ifndef VMM_PT_GATHER_H
#define VMM_PT_GATHER_H

#include <vmm/tlb.h>

/* Leaves of size 1 << @shift in the range changed. */
void vmm_tlb_note(struct vmm_tlb_gather *gather, vmm_va_t va, uint64_t size,
	unsigned shift, uint32_t flags);

/*
 * Report frames that lose their mapping: false if the array is full. They join
 * the last run where they continue it.
 */
VMM_NODISCARD bool vmm_tlb_frames_add(
	struct vmm_tlb_gather *gather, vmm_pa_t pa, uint64_t size);

/* Both, for a page. */
VMM_NODISCARD bool vmm_tlb_drop_page(struct vmm_tlb_gather *gather, vmm_va_t va,
	vmm_pa_t pa, uint32_t flags);

#endif /* VMM_PT_GATHER_H */
