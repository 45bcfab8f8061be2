/* SPDX-License-Identifier: MIT */
/* Writing a gather: what became stale, and what must wait. */
#include "pt/pt_gather.h"

int vmm_tlb_note(struct vmm_tlb_gather *gather, vmm_va_t va, uint64_t size,
	unsigned shift, uint32_t flags)
{
	vmm_va_t last = vmm_range_last(va, size);

	if (gather == NULL)
		return VMM_OK;
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
	return VMM_OK;
}
