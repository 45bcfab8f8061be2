/* SPDX-License-Identifier: MIT */
/* Protection and memory type to entry bits and back, by the format's row. */
#include "pt/pt_entry.h"

VMM_RARE int vmm_pt_prot_encode(const struct vmm_pt_format *format,
	unsigned prot, struct vmm_pt_leaf_bits *bits_out)
{
	unsigned type = (prot & VMM_PT_TYPE_MASK) >> VMM_PT_TYPE_SHIFT;
	uint64_t bits = 0;

	if ((prot & (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC)) == 0 ||
		(prot & ~VMM_PT_ALL) != 0 || type >= VMM_PT_TYPES)
		return VMM_EINVAL;
	if ((prot & ~(format->prot_allowed | VMM_PT_TYPE_MASK)) != 0 ||
		(format->types_allowed >> type & 1) == 0 ||
		((prot & (VMM_PT_READ | VMM_PT_WRITE)) == 0 &&
			format->exec_only == 0))
		return VMM_ENOTSUP;
	for (unsigned i = 0; i < VMM_PT_PROT_COUNT; i++)
		bits |= (prot >> i & 1) != 0 ? format->prot[i].set
					     : format->prot[i].unset;
	for (unsigned i = 0; i < 2; i++)
		bits_out->at[i] =
			bits | format->leaf_bits[i] | format->type[i][type];
	return VMM_OK;
}

VMM_RARE unsigned vmm_pt_prot_decode(
	const struct vmm_pt_format *format, uint64_t entry, unsigned level)
{
	unsigned above = level > 0 ? 1 : 0;
	uint64_t type = entry & format->type_mask[above];
	unsigned prot = 0;

	for (unsigned i = 0; i < VMM_PT_PROT_COUNT; i++) {
		const struct vmm_pt_prot_bits *bits = &format->prot[i];

		if ((entry & bits->set) == bits->set &&
			(entry & bits->unset) == 0)
			prot |= 1u << i;
	}
	prot &= format->prot_allowed;
	/* The first that matches: without types in entries, all are NORMAL. */
	for (unsigned i = 0; i < VMM_PT_TYPES; i++) {
		if (type == format->type[above][i])
			return prot | i << VMM_PT_TYPE_SHIFT;
	}
	return prot;
}
