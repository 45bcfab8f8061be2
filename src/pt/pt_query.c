/* SPDX-License-Identifier: MIT */
/* Looking up one address. */
#include "pt/pt_entry.h"

/* Out of line, so that the common call needs no stack. */
static VMM_RARE VMM_NOINLINE int translate_prot(const struct vmm_pt *pt,
	vmm_va_t va, vmm_pa_t *pa_out, unsigned *prot_out)
{
	struct vmm_pt_look look;

	vmm_pt_look(pt, va, 1, 0, &look);
	if (look.kind != VMM_PT_LEAF)
		return VMM_ENOENT;
	if (pa_out != NULL)
		*pa_out = look.pa;
	*prot_out = vmm_pt_prot_decode(pt->format, look.value, look.level);
	return VMM_OK;
}

/*
 * The walk is written out here once more: this is the call that is made most,
 * and it needs the entries' values and not their places.
 */
int vmm_pt_translate(const struct vmm_pt *pt, vmm_va_t va, vmm_pa_t *pa_out,
	unsigned *prot_out)
{
	const struct vmm_pt_format *format = pt->format;
	const uint64_t valid = format->valid;
	const uint64_t mask = valid | format->leaf_mask;
	unsigned level = format->levels - 1u;
	uint64_t indices;
	uint64_t value;

	if (!vmm_pt_canonical(format, va))
		return VMM_ERANGE;
	if (prot_out != NULL)
		return translate_prot(pt, va, pa_out, prot_out);
	value = vmm_pt_load(vmm_pt_root_entry(pt, va));
	indices = va << (64 - format->root_shift);
	/* No format has less than two levels. */
	while ((value & mask) == valid) {
		value = vmm_pt_load(
			vmm_pt_table(pt, vmm_pt_entry_pa(format, value)) +
			(indices >> (64 - VMM_PT_INDEX_BITS)));
		indices <<= VMM_PT_INDEX_BITS;
		if (--level == 0)
			break;
	}
	if (!vmm_pt_is_valid(format, value))
		return VMM_ENOENT;
	if (pa_out == NULL)
		return VMM_OK;
	if (VMM_LIKELY(level == 0 && (value & format->napot) == 0))
		*pa_out = vmm_pt_entry_pa(format, value) |
			  (va & (VMM_PAGE_SIZE - 1));
	else
		*pa_out = vmm_pt_leaf_pa(format, value, level, va);
	return VMM_OK;
}

VMM_RARE uint64_t vmm_pt_tag_get(const struct vmm_pt *pt, vmm_va_t va)
{
	uint64_t entry;

	if (!vmm_pt_canonical(pt->format, va))
		return 0;
	entry = vmm_pt_load(vmm_pt_walk(pt, va, 0).entry);
	return vmm_pt_is_valid(pt->format, entry)
		       ? 0
		       : vmm_pt_tag_of(pt->format, entry);
}
