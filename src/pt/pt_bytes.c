/* SPDX-License-Identifier: MIT */
/*
 * Bytes of other address spaces, page by page: all pages of both places are
 * looked up before the first byte moves.
 */
#include <vmm/pt_bytes.h>

#include "pt/pt_entry.h"

/*
 * The physical address of the byte at @offset of a place, for a place of this
 * code's the pointer; *@part is no more than what lies in the same page.
 */
static VMM_RARE VMM_NOINLINE int locate(const struct vmm_pt_place *place,
	uint64_t offset, uint64_t *part, vmm_pa_t *pa_out)
{
	vmm_va_t va = place->va + offset;
	uint64_t rest = vmm_pt_span_left(va, 0);
	unsigned prot;
	int err;

	*pa_out = va;
	if (place->pt == NULL)
		return VMM_OK;
	err = vmm_pt_translate(place->pt, va, pa_out, &prot);
	if (err == VMM_OK && (prot & place->prot) != place->prot)
		err = VMM_EACCES;
	*part = rest < *part ? rest : *part;
	return err;
}

/* Where this code can reach it. */
static VMM_RARE VMM_NOINLINE void *reach(
	const struct vmm_pt_place *place, vmm_pa_t pa, uint64_t size)
{
	if (place->pt != NULL && place->frames != NULL)
		return place->frames->access(place->frames->ctx, pa, size);
	if (place->pt != NULL)
		pa += place->pt->offset;
	return (void *)(uintptr_t)pa;
}

VMM_RARE int vmm_pt_bytes_copy(const struct vmm_pt_place *to,
	const struct vmm_pt_place *from, uint64_t size)
{
	/* To look everything up, and once more to copy. */
	uint64_t part;

	if (size > 0 &&
		(!vmm_range_ok(to->va, size) || !vmm_range_ok(from->va, size)))
		return VMM_ERANGE;
	for (uint64_t pass = 0; pass < 2; pass++) {
		for (uint64_t offset = 0; offset < size; offset += part) {
			vmm_pa_t to_pa;
			vmm_pa_t from_pa;
			int err;

			part = size - offset;
			err = locate(to, offset, &part, &to_pa);
			if (err == VMM_OK)
				err = locate(from, offset, &part, &from_pa);
			if (err != VMM_OK)
				return err;
			if (pass > 0)
				__builtin_memcpy(reach(to, to_pa, part),
					reach(from, from_pa, part),
					(size_t)part);
		}
	}
	return VMM_OK;
}
