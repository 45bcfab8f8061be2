/* SPDX-License-Identifier: MIT */
/*
 * The invariants of a space. Each table is walked once, run by run, beside the
 * regions; a run is cut where a region ends.
 */
#include "space/space_internal.h"

/* Protection that an entry may have only if its region does. */
#define RIGHTS (VMM_SPACE_ACCESS | VMM_PT_USER | VMM_PT_GLOBAL)

/* S4: what the tags of a kind look like. */
static bool is_kind_ok(const struct vmm_vmem_region *region)
{
	const struct vmm_vmem_tags *tags = vmm_vmem_region_tags(region);
	const struct vmm_object *object = vmm_space_object(region);
	uint64_t size = vmm_vmem_region_size(region);
	uint64_t pages = size >> VMM_PAGE_SHIFT;
	enum vmm_space_kind kind = vmm_space_kind(region);

	if (!vmm_is_aligned(tags->owner, VMM_PAGE_SIZE) ||
		(kind != VMM_SPACE_STACK && tags->count != 0))
		return false;
	if (kind == VMM_SPACE_RING && pages % 2 != 0)
		return false;
	if (kind == VMM_SPACE_STACK && tags->count > pages)
		return false;
	if (kind == VMM_SPACE_OBJECT)
		return object != NULL && object->users != 0 &&
		       tags->owner <= object->size &&
		       size <= object->size - tags->owner;
	if (vmm_space_has_leaves(region))
		return vmm_range_ok(tags->owner, size);
	return tags->owner == 0;
}

static bool are_tags_ok(const struct vmm_space *space,
	const struct vmm_vmem_region *region, bool idle)
{
	const uint32_t known = VMM_PT_ALL | 15u << VMM_SPACE_KIND_SHIFT |
			       (uint32_t)VMM_SPACE_FLAGS
				       << VMM_SPACE_FLAGS_SHIFT |
			       VMM_SPACE_IS_SEGMENT | VMM_SPACE_IS_UNLOADED |
			       VMM_SPACE_IS_GOING;
	const struct vmm_vmem_tags *tags = vmm_vmem_region_tags(region);

	if ((tags->flags & ~known) != 0 ||
		vmm_space_kind(region) >= VMM_SPACE_KINDS ||
		vmm_space_prot_check(
			space->live->format, vmm_space_prot(region)) != VMM_OK)
		return false;
	if (idle && vmm_space_has(region, VMM_SPACE_IS_GOING))
		return false;
	if (vmm_space_has(region, VMM_SPACE_IS_SEGMENT) && tags->user == NULL)
		return false;
	if ((vmm_space_flags(region) & VMM_SPACE_SHARED) != 0 &&
		vmm_space_kind(region) != VMM_SPACE_OBJECT)
		return false;
	return is_kind_ok(region);
}

/* S3: does each page of a ring's half show what its twin in the other does? */
static bool is_ring_ok(
	const struct vmm_pt *pt, const struct vmm_vmem_region *region)
{
	const vmm_va_t base = vmm_vmem_region_base(region);
	const uint64_t half = vmm_vmem_region_size(region) / 2;
	struct vmm_pt_cursor cursor =
		vmm_pt_cursor_range(base, vmm_space_last(region));
	struct vmm_pt_run run;

	while (vmm_pt_next(pt, &cursor, &run)) {
		for (uint64_t at = 0; at < run.size; at += VMM_PAGE_SIZE) {
			const vmm_va_t va = run.va + at;
			vmm_pa_t pa;

			if (vmm_pt_translate(pt,
				    va - base < half ? va + half : va - half,
				    &pa, NULL) != VMM_OK ||
				pa != run.pa + at)
				return false;
		}
	}
	return true;
}

/* S2, S3, S4: a run in one region, in the table where its pages belong. */
static bool is_run_ok(
	const struct vmm_vmem_region *region, const struct vmm_pt_run *run)
{
	const struct vmm_vmem_tags *tags = vmm_vmem_region_tags(region);
	unsigned prot = vmm_space_prot(region);
	unsigned type = run->prot & VMM_PT_TYPE_MASK;

	/* In the store, they have what they had. */
	if (!vmm_space_is_stored(region) &&
		((run->prot & RIGHTS & ~prot) != 0 ||
			(type != 0 && type != (prot & VMM_PT_TYPE_MASK))))
		return false;
	if (vmm_space_has_leaves(region))
		return run->pa - tags->owner ==
		       run->va - vmm_vmem_region_base(region);
	if (vmm_space_kind(region) == VMM_SPACE_STACK)
		return vmm_space_last(region) - run->va <
		       (uint64_t)tags->count << VMM_PAGE_SHIFT;
	return vmm_space_kind(region) != VMM_SPACE_RESERVED;
}

/* Everything that a table maps within one region. */
static bool is_region_ok(struct vmm_space *space, struct vmm_pt *pt,
	const struct vmm_vmem_region *region)
{
	vmm_va_t base = vmm_vmem_region_base(region);
	struct vmm_pt_cursor cursor =
		vmm_pt_cursor_range(base, vmm_space_last(region));
	bool is_home = pt == vmm_space_table(space, region);
	struct vmm_pt_run run;
	uint64_t size = 0;

	while (vmm_pt_next(pt, &cursor, &run)) {
		/* A table for all shows another space's here. */
		if (!is_home && pt == space->live && space->is_shared)
			continue;
		if (!is_home || !is_run_ok(region, &run))
			return false;
		size += run.size;
	}
	if (!is_home)
		return true;
	if (vmm_space_kind(region) == VMM_SPACE_RING && !is_ring_ok(pt, region))
		return false;
	return !vmm_space_has_leaves(region) ||
	       size == vmm_vmem_region_size(region);
}

static bool is_empty(const struct vmm_pt *pt, vmm_va_t va, vmm_va_t last)
{
	struct vmm_pt_cursor cursor = vmm_pt_cursor_range(va, last);
	struct vmm_pt_run run;

	return va > last || !vmm_pt_next(pt, &cursor, &run);
}

/* S2: nothing but between the guards of used regions. */
static bool are_gaps_ok(const struct vmm_space *space, const struct vmm_pt *pt)
{
	const struct vmm_vmem_region *region =
		vmm_vmem_region_first(&space->arena);

	for (; region != NULL;
		region = vmm_vmem_region_next(&space->arena, region)) {
		vmm_va_t last = vmm_range_last(region->base, region->size);
		vmm_va_t base = vmm_vmem_region_base(region);

		if (!vmm_vmem_region_is_used(region)) {
			if (!is_empty(pt, base, last))
				return false;
			continue;
		}
		if (base != region->base &&
			!is_empty(pt, region->base, base - 1))
			return false;
		if (vmm_space_last(region) != last &&
			!is_empty(pt, vmm_space_last(region) + 1, last))
			return false;
	}
	return true;
}

static bool is_ok(struct vmm_space *space, bool idle)
{
	const struct vmm_vmem_region *region;
	bool ok = vmm_vmem_check(&space->arena) == VMM_OK &&
		  vmm_pt_check(space->live) == VMM_OK;

	if (ok && space->has_store)
		ok = vmm_pt_check(&space->store) == VMM_OK &&
		     are_gaps_ok(space, &space->store);
	if (ok && !space->is_shared)
		ok = are_gaps_ok(space, space->live);
	if (!ok)
		return false;
	region = vmm_vmem_ceiling(&space->arena, 0);
	for (; ok && region != NULL;
		region = vmm_vmem_next(&space->arena, region)) {
		ok = are_tags_ok(space, region, idle) &&
		     (!vmm_space_has_leaves(region) ||
			     !vmm_space_is_stored(region) || space->has_store);
		if (ok && !vmm_space_has(region, VMM_SPACE_IS_GOING))
			ok = is_region_ok(space, space->live, region) &&
			     (!space->has_store ||
				     is_region_ok(
					     space, &space->store, region));
	}
	return ok;
}

bool vmm_space_is_sound(struct vmm_space *space, const struct vmm_space_op *op)
{
	/* What others are at may be in between; and so may the tables. */
	if (space->ops != op || op->next != NULL)
		return true;
	return is_ok(space, false);
}

int vmm_space_check(struct vmm_space *space)
{
	bool ok;

	vmm_space_lock(space);
	ok = space->ops == NULL && space->end == &space->ops &&
	     is_ok(space, true);
	vmm_space_unlock(space);
	return ok ? VMM_OK : VMM_ECORRUPT;
}
