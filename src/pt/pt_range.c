/* SPDX-License-Identifier: MIT */
/* Which virtual addresses a format can translate. */
#include "pt/pt_entry.h"

VMM_RARE int vmm_pt_range_check(
	const struct vmm_pt *pt, vmm_va_t va, uint64_t size, uint64_t align)
{
	vmm_va_t last;

	if (size == 0 || !vmm_is_aligned(va | size, align))
		return VMM_EINVAL;
	if (!vmm_range_ok(va, size))
		return VMM_ERANGE;
	last = vmm_range_last(va, size);
	/* Both ends are canonical, and no hole lies between them. */
	if (!vmm_pt_canonical(pt->format, va) ||
		!vmm_pt_canonical(pt->format, last) || va >> 63 != last >> 63)
		return VMM_ERANGE;
	return VMM_OK;
}
