/* SPDX-License-Identifier: MIT */
/* The invariants of a segment. */
#include "space/segment_internal.h"

/* G2: is a region what the segment says, and where it says? */
static bool is_part(
	const struct vmm_segment *segment, const struct vmm_vmem_region *region)
{
	const struct vmm_vmem_tags *tags = vmm_vmem_region_tags(region);
	const uint64_t at = vmm_vmem_region_base(region) - segment->base;
	unsigned flags = segment->flags;

	if (!vmm_space_has(region, VMM_SPACE_IS_SEGMENT) ||
		vmm_space_has(region, VMM_SPACE_IS_GOING) ||
		tags->user != segment ||
		vmm_space_has(region, VMM_SPACE_IS_UNLOADED) == segment->loaded)
		return false;
	if (vmm_segment_is_phys(region))
		flags &= ~VMM_SPACE_SHARED;
	else if (vmm_space_kind(region) != segment->kind)
		return false;
	if (vmm_space_flags(region) != flags)
		return false;
	return vmm_space_kind(region) != VMM_SPACE_OBJECT ||
	       tags->owner == segment->offset + at;
}

/* Does a neighbour belong to it, too? */
static bool is_stray(
	const struct vmm_segment *segment, const struct vmm_vmem_region *region)
{
	return region != NULL && vmm_space_has(region, VMM_SPACE_IS_SEGMENT) &&
	       vmm_vmem_region_tags(region)->user == segment;
}

/* G1 and G2. */
static bool are_parts_ok(const struct vmm_segment *segment)
{
	const struct vmm_vmem *arena = &segment->space->arena;
	const struct vmm_vmem_region *region =
		vmm_vmem_find(arena, segment->base);
	uint64_t left = segment->size;

	if (region == NULL || is_stray(segment, vmm_vmem_prev(arena, region)))
		return false;
	for (;;) {
		uint64_t size = vmm_vmem_region_size(region);
		vmm_va_t va = vmm_vmem_region_base(region) + size;

		if (size > left || !is_part(segment, region))
			return false;
		left -= size;
		region = vmm_vmem_next(arena, region);
		if (left == 0)
			return !is_stray(segment, region);
		if (region == NULL || vmm_vmem_region_base(region) != va)
			return false;
	}
}

/* What the fields say alone: G3, and the request that they come from. */
static bool are_fields_ok(const struct vmm_segment *segment)
{
	const struct vmm_pt_format *format = segment->space->live->format;
	const struct vmm_object *object = segment->object;

	if (!vmm_is_aligned(segment->base | segment->size | segment->limit |
				    segment->offset,
		    VMM_PAGE_SIZE) ||
		!vmm_range_ok(segment->base, segment->size) ||
		!vmm_range_ok(segment->base, segment->limit) ||
		segment->size > segment->limit)
		return false;
	if (vmm_space_prot_check(format, segment->prot) != VMM_OK ||
		(segment->flags & (~VMM_SPACE_FLAGS | VMM_SPACE_EAGER)) != 0)
		return false;
	if (segment->kind != VMM_SPACE_OBJECT)
		return object == NULL && segment->offset == 0;
	return object != NULL && segment->offset <= object->size &&
	       segment->size <= object->size - segment->offset &&
	       segment->name == object->config->name;
}

/* G4. */
static bool are_ranges_ok(const struct vmm_segment *segment)
{
	const struct vmm_vmem *ranges = segment->ranges;
	const struct vmm_vmem_region *beyond = segment->beyond;
	const struct vmm_vmem_region *region;
	const uint64_t rest = segment->limit - segment->size;
	struct vmm_vmem_stat stat;

	if (ranges == NULL)
		return beyond == NULL;
	if (vmm_vmem_check(ranges) != VMM_OK)
		return false;
	vmm_vmem_stat(ranges, &stat);
	region = vmm_vmem_region_find(ranges, segment->base);
	if (stat.span_count != 1 || stat.size != segment->limit ||
		region == NULL || region->base != segment->base)
		return false;
	if (rest == 0)
		return beyond == NULL;
	region = vmm_vmem_find(ranges, segment->base + segment->size);
	return region != NULL && region == beyond &&
	       vmm_vmem_region_size(region) == rest;
}

int vmm_segment_check(struct vmm_segment *segment)
{
	struct vmm_space *space = segment->space;
	bool ok;

	if (space == NULL)
		return VMM_ECORRUPT;
	vmm_space_lock(space);
	ok = are_fields_ok(segment) && are_parts_ok(segment);
	vmm_space_unlock(space);
	return ok && are_ranges_ok(segment) ? VMM_OK : VMM_ECORRUPT;
}
