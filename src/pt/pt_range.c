/* SPDX-License-Identifier: MIT */
/* Which virtual addresses a format can translate, and a table may change. */
#include "pt/pt_entry.h"

bool vmm_pt_canonical(const struct vmm_pt_format *format, vmm_va_t va)
{
	/* The bits that have to agree, moved to the bottom. */
	uint64_t upper = va >> (format->va_bits - format->sign_extended);
	uint64_t ones = UINT64_MAX >> (format->va_bits - format->sign_extended);

	return upper == 0 || (format->sign_extended != 0 && upper == ones);
}

int vmm_pt_range_check(
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

int vmm_pt_change_check(const struct vmm_pt *pt, vmm_va_t va, uint64_t size)
{
	unsigned level = vmm_pt_root_level(pt);
	const uint64_t *root = vmm_pt_table(pt, pt->root);
	unsigned at = vmm_pt_index(pt, va, level);
	int err = vmm_pt_range_check(pt, va, size, VMM_PAGE_SIZE);
	unsigned end;

	if (err != VMM_OK)
		return err;
	end = vmm_pt_index(pt, vmm_range_last(va, size), level);
	for (; at <= end; at++) {
		uint64_t entry = vmm_pt_load(&root[at]);

		if (vmm_pt_is_borrowed(pt->format, entry) ||
			(vmm_pt_is_lent(pt->format, entry) &&
				!vmm_pt_is_table(pt->format, entry, level)))
			return VMM_EBUSY;
	}
	return VMM_OK;
}

void vmm_pt_note_lent(const struct vmm_pt *pt, vmm_va_t va, uint64_t size,
	struct vmm_tlb_gather *gather)
{
	unsigned level = vmm_pt_root_level(pt);
	const uint64_t *root = vmm_pt_table(pt, pt->root);
	unsigned at = vmm_pt_index(pt, va, level);
	unsigned end = vmm_pt_index(pt, vmm_range_last(va, size), level);

	if (gather == NULL || gather->flags == 0)
		return;
	for (; at <= end; at++) {
		if (vmm_pt_is_lent(pt->format, vmm_pt_load(&root[at])))
			gather->flags |= VMM_TLB_GLOBAL;
	}
}
