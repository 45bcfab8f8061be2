/* SPDX-License-Identifier: MIT */
/*
 * Writing a gather. Private to src/pt. Every function takes NULL for a gather
 * that the caller does not want.
 */
#ifndef VMM_PT_GATHER_H
#define VMM_PT_GATHER_H

#include <vmm/error.h>
#include <vmm/tlb.h>

/*
 * Leaves of size 1 << @shift in the range changed. Returns VMM_OK, for callers
 * that have nothing else to do.
 */
int vmm_tlb_note(struct vmm_tlb_gather *gather, vmm_va_t va, uint64_t size,
	unsigned shift, uint32_t flags);

/* The same for a page, and a gather that is there; no leaf is smaller. */
static inline void vmm_tlb_note_page(
	struct vmm_tlb_gather *gather, vmm_va_t va, uint32_t flags)
{
	vmm_va_t last = va | (VMM_PAGE_SIZE - 1);
	uint32_t before = gather->flags;

	gather->flags = before | VMM_TLB_CHANGED | flags;
	gather->shift = VMM_PAGE_SHIFT;
	if ((before & VMM_TLB_CHANGED) == 0 || va < gather->first)
		gather->first = va;
	if ((before & VMM_TLB_CHANGED) == 0 || last > gather->last)
		gather->last = last;
}

/*
 * Report frames that lose their mapping: false if the array is full. They join
 * the last run where they continue it.
 */
VMM_NODISCARD static inline bool vmm_tlb_frames_add(
	struct vmm_tlb_gather *gather, vmm_pa_t pa, uint64_t size)
{
	struct vmm_tlb_frames *run = gather->frames;
	size_t count = gather->frames_count;

	if (run == NULL)
		return true;
	run += count;
	if (count != 0 && run[-1].pa + run[-1].size == pa) {
		run[-1].size += size;
		return true;
	}
	if (count == gather->frames_max)
		return false;
	gather->frames_count = count + 1;
	run->pa = pa;
	run->size = size;
	run->dirty = false;
	return true;
}

#endif /* VMM_PT_GATHER_H */
