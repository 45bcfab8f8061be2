/* SPDX-License-Identifier: MIT */
#include "extents.h"

#include "support/test.h"

/* The part that two ranges share; false if there is none. */
static bool common(const struct extent *extent, vmm_va_t va, uint64_t size,
	struct extent *part_out)
{
	const vmm_va_t last = vmm_range_last(va, size);
	const vmm_va_t extent_last = vmm_range_last(extent->va, extent->size);
	const vmm_va_t from = va > extent->va ? va : extent->va;
	const vmm_va_t to = last < extent_last ? last : extent_last;

	if (from > to)
		return false;
	*part_out = (struct extent){from, to - from + 1,
		extent->pa + (from - extent->va), extent->prot};
	return true;
}

const struct extent *extents_find(const struct extents *extents, vmm_va_t va)
{
	struct extent part;

	for (size_t i = 0; i < extents->count; i++) {
		if (common(&extents->list[i], va, 1, &part))
			return &extents->list[i];
	}
	return NULL;
}

uint64_t extents_mapped(
	const struct extents *extents, vmm_va_t va, uint64_t size)
{
	struct extent part;
	uint64_t sum = 0;

	for (size_t i = 0; i < extents->count; i++) {
		if (common(&extents->list[i], va, size, &part))
			sum += part.size;
	}
	return sum;
}

void extents_add(struct extents *extents, struct extent extent)
{
	CHECK(extents->count < EXTENTS_MAX);
	extents->list[extents->count++] = extent;
}

void extents_change(
	struct extents *extents, vmm_va_t va, uint64_t size, unsigned prot)
{
	/* What is added while we look is outside the range or changed. */
	for (size_t left = extents->count; left-- > 0;) {
		const struct extent old = extents->list[left];
		struct extent part;
		uint64_t before;

		if (!common(&old, va, size, &part))
			continue;
		extents->list[left] = extents->list[--extents->count];
		before = part.va - old.va;
		if (before != 0)
			extents_add(extents, (struct extent){old.va, before,
						     old.pa, old.prot});
		if (before + part.size != old.size)
			extents_add(extents,
				(struct extent){part.va + part.size,
					old.size - before - part.size,
					part.pa + part.size, old.prot});
		part.prot = prot;
		if (prot != 0)
			extents_add(extents, part);
	}
}
