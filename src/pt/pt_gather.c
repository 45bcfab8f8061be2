/* SPDX-License-Identifier: MIT */
/* Writing a gather: what became stale, and what must wait. */
#include "pt/pt_gather.h"

void vmm_tlb_note(struct vmm_tlb_gather *gather, vmm_va_t va, uint64_t size,
	unsigned shift, uint32_t flags)
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

bool vmm_tlb_frames_add(
	struct vmm_tlb_gather *gather, vmm_pa_t pa, uint64_t size)
{
	struct vmm_tlb_frames *run;

	if (gather->frames == NULL)
		return true;
	if (gather->frames_count != 0) {
		run = &gather->frames[gather->frames_count - 1];
		if (run->pa + run->size == pa) {
			run->size += size;
			return true;
		}
	}
	if (gather->frames_count == gather->frames_max)
		return false;
	run = &gather->frames[gather->frames_count++];
	run->pa = pa;
	run->size = size;
	run->dirty = false;
	return true;
}

bool vmm_tlb_drop_page(
	struct vmm_tlb_gather *gather, vmm_va_t va, vmm_pa_t pa, uint32_t flags)
{
	if (!vmm_tlb_frames_add(gather, pa, VMM_PAGE_SIZE))
		return false;
	vmm_tlb_note(gather, va, VMM_PAGE_SIZE, VMM_PAGE_SHIFT, flags);
	return true;
}
