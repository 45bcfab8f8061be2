/* SPDX-License-Identifier: MIT */
/*
 * Writing a gather. Private to src/pt. Every function takes NULL for a gather
 * that the caller does not want.
 */
#ifndef VMM_PT_GATHER_H
#define VMM_PT_GATHER_H

#include <vmm/tlb.h>

/* Leaves of size 1 << @shift in the range changed. */
static inline void vmm_tlb_note(struct vmm_tlb_gather *gather, vmm_va_t va,
	uint64_t size, unsigned shift, uint32_t flags)
{
	vmm_va_t last = vmm_range_last(va, size);

	if (gather == NULL)
		return;
	if ((gather->flags & VMM_TLB_CHANGED) == 0) {
		gather->first = va;
		gather->last = last;
		gather->shift = shift;
	} else {
		gather->first = va < gather->first ? va : gather->first;
		gather->last = last > gather->last ? last : gather->last;
		gather->shift = shift < gather->shift ? shift : gather->shift;
	}
	gather->flags |= VMM_TLB_CHANGED | flags;
}

/*
 * Would a run of frames continue the last one? Decides both how many entries
 * of the frame array an unmap needs and how they are written.
 */
static inline bool vmm_tlb_frames_join(
	vmm_pa_t pa, uint64_t size, vmm_pa_t next_pa)
{
	return size != 0 && pa + size == next_pa;
}

/* Report frames; the caller has made sure that there is room. */
static inline void vmm_tlb_frames_add(
	struct vmm_tlb_gather *gather, vmm_pa_t pa, uint64_t size)
{
	struct vmm_tlb_frames *run;

	if (gather->frames == NULL)
		return;
	if (gather->frames_count != 0) {
		run = &gather->frames[gather->frames_count - 1];
		if (vmm_tlb_frames_join(run->pa, run->size, pa)) {
			run->size += size;
			return;
		}
	}
	run = &gather->frames[gather->frames_count++];
	run->pa = pa;
	run->size = size;
}

#endif /* VMM_PT_GATHER_H */
