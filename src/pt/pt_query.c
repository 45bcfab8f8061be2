/* SPDX-License-Identifier: MIT */
/* Looking up one address. */
#include "pt/pt_entry.h"

/* All that is not the common call, which so needs no stack. */
static VMM_RARE VMM_NOINLINE int translate(const struct vmm_pt *pt, vmm_va_t va,
	vmm_pa_t *pa_out, unsigned *prot_out)
{
	struct vmm_pt_look look;

	if (!vmm_pt_canonical(pt->format, va))
		return VMM_ERANGE;
	vmm_pt_look(&look, pt, va, 1);
	if (look.kind != VMM_PT_LEAF)
		return VMM_ENOENT;
	if (pa_out != NULL)
		*pa_out = look.pa;
	if (prot_out != NULL)
		*prot_out =
			vmm_pt_prot_decode(pt->format, look.value, look.level);
	return VMM_OK;
}

/* What @value at @level makes of @va: all but a page of 4 KiB. */
static VMM_RARE VMM_NOINLINE int translate_leaf(
	const struct vmm_pt_format *format, vmm_va_t va, vmm_pa_t *pa_out,
	uint64_t value, unsigned level)
{
	if (!vmm_pt_is_valid(format, value))
		return VMM_ENOENT;
	*pa_out = vmm_pt_leaf_pa(format, value, level, va);
	return VMM_OK;
}

/*
 * The walk is written out here once more: this is the call that is made most,
 * and it needs the entries' values and not their places.
 */
static VMM_ALWAYS_INLINE int translate_page(const struct vmm_pt *pt,
	vmm_va_t va, vmm_pa_t *pa_out, unsigned pa_shift)
{
	const struct vmm_pt_format *format = pt->format;
	const uint64_t valid = format->valid;
	const uint64_t mask = format->table_mask;
	unsigned level = format->levels - 1u;
	uint64_t indices = vmm_pt_indices(pt, va);
	uint64_t value;

	if (!vmm_pt_canonical(format, va))
		return VMM_ERANGE;
	value = vmm_pt_load(vmm_pt_root_entry(pt, va));
	/* No format has less than two levels. */
	do {
		if ((value & mask) != valid)
			return translate_leaf(format, va, pa_out, value, level);
		value = vmm_pt_load(vmm_pt_below(pt, value, indices, pa_shift));
		indices <<= VMM_PT_INDEX_BITS;
	} while (--level > 0);
	if (!vmm_pt_is_valid(format, value) || (value & format->napot) != 0)
		return translate_leaf(format, va, pa_out, value, 0);
	*pa_out = (value & format->pa_mask) << pa_shift |
		  (va & (VMM_PAGE_SIZE - 1));
	return VMM_OK;
}

int vmm_pt_translate(const struct vmm_pt *pt, vmm_va_t va, vmm_pa_t *pa_out,
	unsigned *prot_out)
{
	if (prot_out != NULL || pa_out == NULL)
		return translate(pt, va, pa_out, prot_out);
	return VMM_PT_BY_SHIFT(pt->format, translate_page, pt, va, pa_out);
}

VMM_RARE uint64_t vmm_pt_tag_get(const struct vmm_pt *pt, vmm_va_t va)
{
	struct vmm_pt_look look;

	if (!vmm_pt_canonical(pt->format, va))
		return 0;
	vmm_pt_look(&look, pt, va, 1);
	return look.kind == VMM_PT_TAG ? vmm_pt_tag_of(pt->format, look.value)
				       : 0;
}
