/* SPDX-License-Identifier: MIT */
/*
 * The allocator of a segment: an arena over [base, base + limit), the end of
 * which, past the size, is in use.
 */
#include "space/segment_internal.h"

/* A page of nodes for the arena. */
static int get_nodes(struct vmm_space *space, struct vmm_vmem *ranges)
{
	const struct vmm_pages *pages = space->hooks->pages;
	vmm_pa_t pa = 0;
	int err = pages->alloc(pages->ctx, &pa);

	if (err)
		return err;
	err = vmm_vmem_donate(ranges,
		(void *)(uintptr_t)(pa + space->live->offset), VMM_PAGE_SIZE);
	VMM_ASSERT(err == VMM_OK);
	return VMM_OK;
}

int vmm_segment_ranges_init(struct vmm_space *space, struct vmm_vmem *ranges)
{
	vmm_vmem_init(ranges, VMM_PAGE_SIZE);
	return get_nodes(space, ranges);
}

void vmm_segment_ranges_fini(struct vmm_space *space, struct vmm_vmem *ranges)
{
	const struct vmm_pages *pages = space->hooks->pages;
	void *memory;
	size_t size;
	int err;

	vmm_vmem_free_all(ranges);
	err = vmm_vmem_fini(ranges);
	VMM_ASSERT(err == VMM_OK);
	(void)err;
	while (vmm_vmem_take_back(ranges, &memory, &size) == VMM_OK)
		pages->free(pages->ctx,
			(uint64_t)(uintptr_t)memory - space->live->offset);
}

int vmm_segment_ranges_need(struct vmm_segment *segment)
{
	int err = VMM_OK;

	if (segment->ranges != NULL &&
		vmm_vmem_spare(segment->ranges) < VMM_SEGMENT_NODES)
		err = get_nodes(segment->space, segment->ranges);
	return err;
}

int vmm_segment_ranges_room(const struct vmm_segment *segment, uint64_t size)
{
	const struct vmm_vmem_region *region;
	const vmm_va_t end = segment->base + size;
	bool fits;

	if (segment->ranges == NULL)
		return VMM_OK;
	/* The end of the free range that touches the end of the segment. */
	if (segment->beyond != NULL) {
		fits = vmm_vmem_room_below(segment->beyond) >=
		       segment->limit - size;
	} else {
		region = vmm_vmem_region_find(segment->ranges, end);
		fits = !vmm_vmem_region_is_used(region) &&
		       vmm_range_last(region->base, region->size) ==
			       vmm_segment_last(segment);
	}
	return fits ? VMM_OK : VMM_EBUSY;
}

void vmm_segment_ranges_set_end(struct vmm_segment *segment)
{
	struct vmm_vmem *ranges = segment->ranges;
	const uint64_t rest = segment->limit - segment->size;
	const struct vmm_vmem_request request = {.size = rest,
		.where = segment->base + segment->size,
		.flags = VMM_VMEM_FIXED};
	int err = VMM_OK;

	if (ranges == NULL)
		return;
	if (segment->beyond == NULL && rest != 0) {
		err = vmm_vmem_xalloc(ranges, &request, &segment->beyond);
	} else if (segment->beyond != NULL && rest == 0) {
		err = vmm_vmem_free_region(ranges, segment->beyond);
		segment->beyond = NULL;
	} else if (segment->beyond != NULL) {
		err = vmm_vmem_resize_below(ranges, segment->beyond, rest);
	}
	VMM_ASSERT(err == VMM_OK);
	(void)err;
}

/* A range of addresses, with nothing done to it yet. */
static int allocate(struct vmm_segment *segment, uint64_t size,
	const struct vmm_vmem_region **region_out)
{
	int err;

	VMM_ASSERT(segment->space != NULL);

	if (size == 0)
		return VMM_EINVAL;
	if (segment->ranges == NULL)
		return VMM_ENOTSUP;
	if (!segment->loaded)
		return VMM_EBUSY;
	err = vmm_vmem_alloc_region(segment->ranges, size, region_out);
	if (err != VMM_ENOMEM)
		return err;
	err = get_nodes(segment->space, segment->ranges);
	if (err)
		return err;
	return vmm_vmem_alloc_region(segment->ranges, size, region_out);
}

static void give_back(
	struct vmm_segment *segment, const struct vmm_vmem_region *region)
{
	int err = vmm_vmem_free_region(segment->ranges, region);

	VMM_ASSERT(err == VMM_OK);
	(void)err;
}

int vmm_segment_alloc(struct vmm_segment *segment, uint64_t size, bool touch,
	vmm_va_t *va_out)
{
	const struct vmm_vmem_region *region = NULL;
	unsigned access = vmm_segment_access(segment);
	vmm_va_t va;
	int err;

	err = allocate(segment, size, &region);
	if (err)
		return err;
	va = vmm_vmem_region_base(region);
	size = vmm_vmem_region_size(region);
	if (touch && (access & VMM_SPACE_ACCESS) != 0)
		err = vmm_space_touch(segment->space, va, size, access);
	if (err) {
		int undone = vmm_space_discard(segment->space, va, size);

		VMM_ASSERT(undone == VMM_OK);
		(void)undone;
		give_back(segment, region);
		return err;
	}
	*va_out = va;
	return VMM_OK;
}

int vmm_segment_alloc_phys(struct vmm_segment *segment, vmm_pa_t pa,
	uint64_t size, unsigned prot, vmm_va_t *va_out)
{
	const struct vmm_vmem_region *region = NULL;
	int err;

	if (!vmm_is_aligned(size, VMM_PAGE_SIZE))
		return VMM_EINVAL;
	err = allocate(segment, size, &region);
	if (err)
		return err;
	err = vmm_segment_map_phys(
		segment, vmm_vmem_region_base(region), pa, size, prot);
	if (err)
		give_back(segment, region);
	else
		*va_out = vmm_vmem_region_base(region);
	return err;
}

int vmm_segment_free(struct vmm_segment *segment, vmm_va_t va)
{
	const struct vmm_vmem_region *region;
	int err;

	VMM_ASSERT(segment->space != NULL);

	if (segment->ranges == NULL)
		return VMM_ENOTSUP;
	region = vmm_vmem_find(segment->ranges, va);
	if (region == NULL || region == segment->beyond)
		return VMM_ENOENT;
	err = vmm_segment_reset(
		segment, va, vmm_vmem_region_size(region), segment->prot);
	if (err == VMM_OK)
		give_back(segment, region);
	return err;
}
