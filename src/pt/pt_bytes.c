/* SPDX-License-Identifier: MIT */
/*
 * Bytes of other address spaces, page by page: all pages of both places are
 * looked up before the first byte moves.
 */
#include <vmm/pt_bytes.h>

#include "pt/pt_entry.h"

/* Bytes from @offset on to the end of the page there; ours have none. */
static uint64_t page_rest(
	const struct vmm_pt_place *place, uint64_t offset, uint64_t size)
{
	uint64_t rest = vmm_pt_rest(place->va + offset, 0);

	return place->pt != NULL && rest < size ? rest : size;
}

static int check_place(const struct vmm_pt_place *place, uint64_t size)
{
	uint64_t offset = 0;

	if (!vmm_range_ok(place->va, size))
		return VMM_ERANGE;
	while (place->pt != NULL && offset < size) {
		unsigned prot;
		int err = vmm_pt_translate(
			place->pt, place->va + offset, NULL, &prot);

		if (err != VMM_OK)
			return err;
		if ((prot & place->prot) != place->prot)
			return VMM_EACCES;
		offset += page_rest(place, offset, size - offset);
	}
	return VMM_OK;
}

/* Where this code can reach @size bytes of one page. */
static void *reach(
	const struct vmm_pt_place *place, uint64_t offset, uint64_t size)
{
	vmm_va_t va = place->va + offset;
	vmm_pa_t pa = 0;
	int err;

	if (place->pt == NULL)
		return (void *)(uintptr_t)va;
	err = vmm_pt_translate(place->pt, va, &pa, NULL);
	VMM_ASSERT(err == VMM_OK);
	if (place->frames != NULL)
		return place->frames->access(place->frames->ctx, pa, size);
	return (void *)(uintptr_t)(pa + place->pt->offset);
}

VMM_RARE int vmm_pt_bytes_copy(const struct vmm_pt_place *to,
	const struct vmm_pt_place *from, uint64_t size)
{
	uint64_t offset = 0;
	int err = VMM_OK;

	if (size == 0)
		return VMM_OK;
	err = check_place(to, size);
	if (err == VMM_OK)
		err = check_place(from, size);
	while (err == VMM_OK && offset < size) {
		uint64_t part = page_rest(to, offset, size - offset);

		part = page_rest(from, offset, part);
		__builtin_memcpy(reach(to, offset, part),
			reach(from, offset, part), (size_t)part);
		offset += part;
	}
	return err;
}
