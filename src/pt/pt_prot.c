/* SPDX-License-Identifier: MIT */
/* Protection flags to entry bits and back, by the format's table. */
#include "pt/pt_entry.h"

int vmm_pt_prot_encode(
	const struct vmm_pt_format *format, unsigned prot, uint64_t *bits_out)
{
	uint64_t bits = 0;

	if ((prot & (VMM_PT_READ | VMM_PT_WRITE | VMM_PT_EXEC)) == 0 ||
		prot >> VMM_PT_PROT_COUNT != 0)
		return VMM_EINVAL;
	if ((prot & ~format->prot_allowed) != 0 ||
		((prot & (VMM_PT_READ | VMM_PT_WRITE)) == 0 &&
			format->exec_only == 0))
		return VMM_ENOTSUP;
	for (unsigned i = 0; i < VMM_PT_PROT_COUNT; i++) {
		if ((prot & (1u << i)) != 0)
			bits |= format->prot[i].set;
		else
			bits |= format->prot[i].unset;
	}
	*bits_out = bits;
	return VMM_OK;
}

unsigned vmm_pt_prot_decode(const struct vmm_pt_format *format, uint64_t entry)
{
	unsigned prot = 0;

	for (unsigned i = 0; i < VMM_PT_PROT_COUNT; i++) {
		const struct vmm_pt_prot_bits *bits = &format->prot[i];

		if ((entry & bits->set) == bits->set &&
			(entry & bits->unset) == 0)
			prot |= 1u << i;
	}
	return prot & format->prot_allowed;
}

uint64_t vmm_pt_prot_mask(const struct vmm_pt_format *format)
{
	uint64_t mask = 0;

	for (unsigned i = 0; i < VMM_PT_PROT_COUNT; i++)
		mask |= format->prot[i].set | format->prot[i].unset;
	return mask;
}
