/* SPDX-License-Identifier: MIT */
/*
 * Parts of a segment that show a physical range, and parts that do so no more.
 *
 * What was there goes first: in the window, and with the regions as they were,
 * so that it is known where the pages are and whom they belong to. Then one
 * region is made of all, with other tags. The tables for what is mapped then
 * are kept by the call meanwhile, since others may take spare pages.
 */
#include "space/segment_internal.h"

void vmm_segment_empty(struct vmm_segment *segment, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size)
{
	struct vmm_space *space = segment->space;
	const vmm_va_t last = vmm_range_last(va, size);

	for (;;) {
		const struct vmm_vmem_region *region = vmm_space_at(space, va);
		vmm_va_t end = vmm_space_last(region);

		if (end > last)
			end = last;
		vmm_space_empty(space, op, region, va, end - va + 1);
		if (end == last)
			return;
		va = end + 1;
	}
}

/*
 * Make one region with these tags of [@va, @va + @size), which regions begin
 * and end with. How many of them had the object?
 */
static uint64_t retag(struct vmm_segment *segment, vmm_va_t va, uint64_t size,
	const struct vmm_vmem_tags *tags)
{
	struct vmm_vmem *arena = &segment->space->arena;
	const struct vmm_vmem_region *region = vmm_vmem_find(arena, va);
	const vmm_va_t last = vmm_range_last(va, size);
	uint64_t users = vmm_space_object(region) != NULL ? 1 : 0;
	int err = VMM_OK;

	while (err == VMM_OK && vmm_space_last(region) != last) {
		if (vmm_space_object(vmm_vmem_next(arena, region)) != NULL)
			users++;
		err = vmm_vmem_join(arena, region);
	}
	VMM_ASSERT(err == VMM_OK);
	vmm_vmem_region_set_tags(arena, region, tags);
	if (vmm_space_object(region) != NULL)
		vmm_object_get(segment->object);
	return users;
}

/* Do all regions of the range have these flags, and begin with its tags? */
static bool is_uniform(const struct vmm_segment *segment, vmm_va_t va,
	uint64_t size, uint32_t flags)
{
	const struct vmm_vmem *arena = &segment->space->arena;
	const struct vmm_vmem_region *region = vmm_space_at(segment->space, va);
	const vmm_va_t last = vmm_range_last(va, size);

	while (vmm_vmem_region_tags(region)->flags == flags) {
		if (vmm_space_last(region) >= last)
			return true;
		region = vmm_vmem_next(arena, region);
	}
	return false;
}

/* How many regions of the range show a physical range; and all of them? */
static uint64_t count_phys(const struct vmm_segment *segment, vmm_va_t va,
	uint64_t size, uint64_t *regions_out)
{
	const struct vmm_vmem *arena = &segment->space->arena;
	const struct vmm_vmem_region *region = vmm_space_at(segment->space, va);
	const vmm_va_t last = vmm_range_last(va, size);
	uint64_t count = 0;

	for (*regions_out = 1;; ++*regions_out) {
		if (vmm_segment_is_phys(region))
			count++;
		if (vmm_space_last(region) >= last)
			return count;
		region = vmm_vmem_next(arena, region);
	}
}

int vmm_segment_reset(
	struct vmm_segment *segment, vmm_va_t va, uint64_t size, unsigned prot)
{
	struct vmm_space *space = segment->space;
	const struct vmm_vmem_tags tags = vmm_segment_tags(segment, va, prot);
	struct vmm_space_op op;
	uint64_t users = 0;
	int err = VMM_OK;

	vmm_space_begin(space, &op, va, size);
	if (!segment->loaded) {
		err = VMM_EBUSY;
	} else if (is_uniform(segment, va, size, tags.flags)) {
		vmm_segment_empty(segment, &op, va, size);
	} else {
		err = vmm_space_cut_need(space, va, size, 0);
		if (err == VMM_OK) {
			vmm_space_cut(space, &op, va, size);
			vmm_segment_empty(segment, &op, va, size);
			users = retag(segment, va, size, &tags);
			vmm_space_join(space, &op, va);
			vmm_space_join(space, &op, va + size);
		}
	}
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &op));
	vmm_space_end(space, &op);
	vmm_segment_put_object(segment, users);
	return err;
}

static int check_map(const struct vmm_segment *segment, vmm_va_t va,
	vmm_pa_t pa, uint64_t size, unsigned prot)
{
	const struct vmm_pt_format *format = segment->space->live->format;
	int err = vmm_segment_has(segment, va, size);

	if (err == VMM_EINVAL || !vmm_is_aligned(pa, VMM_PAGE_SIZE) ||
		(prot & VMM_SPACE_ACCESS) == 0)
		return VMM_EINVAL;
	if (err == VMM_OK &&
		(!vmm_range_ok(pa, size) ||
			vmm_range_last(pa, size) >> format->pa_bits != 0))
		err = VMM_ERANGE;
	if (err == VMM_OK)
		err = vmm_space_prot_check(format, prot);
	return err;
}

/* The tags of a part that shows a physical range. */
static struct vmm_vmem_tags phys_tags(
	const struct vmm_segment *segment, vmm_pa_t pa, unsigned prot)
{
	struct vmm_vmem_tags tags = vmm_segment_tags(segment, 0, prot);

	tags.flags &= ~(UINT32_C(15) << VMM_SPACE_KIND_SHIFT |
			(uint32_t)VMM_SPACE_SHARED << VMM_SPACE_FLAGS_SHIFT);
	tags.flags |= (uint32_t)VMM_SPACE_PHYS << VMM_SPACE_KIND_SHIFT;
	tags.owner = pa;
	return tags;
}

/* Everything is prepared: drop what is there, and map. */
static uint64_t exchange(struct vmm_segment *segment, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size, const struct vmm_vmem_tags *tags,
	struct vmm_space_hoard *hoard)
{
	struct vmm_space *space = segment->space;
	unsigned prot = tags->flags & VMM_PT_ALL;
	uint64_t users;
	int err;

	vmm_space_cut(space, op, va, size);
	vmm_segment_empty(segment, op, va, size);
	users = retag(segment, va, size, tags);
	vmm_space_hoard_give(hoard);
	if (space->live->format->tracked != 0)
		prot |= VMM_PT_ACCESSED |
			((prot & VMM_PT_WRITE) != 0 ? VMM_PT_DIRTY : 0);
	err = vmm_pt_map(space->live, va, tags->owner, size, prot, &op->gather);
	VMM_ASSERT(err == VMM_OK);
	(void)err;
	return users;
}

int vmm_segment_map_phys(struct vmm_segment *segment, vmm_va_t va, vmm_pa_t pa,
	uint64_t size, unsigned prot)
{
	struct vmm_space *space = segment->space;
	struct vmm_space_hoard hoard = {.pt = space->live};
	const struct vmm_vmem_tags tags = phys_tags(segment, pa, prot);
	struct vmm_space_op op;
	uint64_t regions = 0;
	uint64_t users = 0;
	int err;

	err = check_map(segment, va, pa, size, prot);
	if (err)
		return err;
	vmm_space_begin(space, &op, va, size);
	if (!segment->loaded)
		err = VMM_EBUSY;
	else if (count_phys(segment, va, size, &regions) != 0)
		err = VMM_EEXIST;
	if (err == VMM_OK)
		err = vmm_space_hoard(space, &hoard,
			vmm_space_tables_for(
				space->live->format, va, pa, size));
	if (err == VMM_OK)
		err = vmm_space_cut_need(space, va, size, 0);
	if (err == VMM_OK)
		users = exchange(segment, &op, va, size, &tags, &hoard);
	vmm_space_hoard_give(&hoard);
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &op));
	vmm_space_end(space, &op);
	vmm_segment_put_object(segment, users);
	return err;
}

int vmm_segment_unmap(
	struct vmm_segment *segment, vmm_va_t va, uint64_t size, unsigned prot)
{
	struct vmm_space *space = segment->space;
	uint64_t regions = 0;
	uint64_t phys;
	int err;

	err = vmm_space_prot_check(space->live->format, prot);
	if (err)
		return err;
	if (vmm_segment_has(segment, va, size) != VMM_OK)
		return VMM_ENOENT;
	/* Nobody else changes which of its parts show what. */
	vmm_space_lock(space);
	phys = count_phys(segment, va, size, &regions);
	vmm_space_unlock(space);
	if (phys != regions)
		return VMM_ENOENT;
	return vmm_segment_reset(segment, va, size, prot);
}
