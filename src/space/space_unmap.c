/* SPDX-License-Identifier: MIT */
/*
 * Taking things out of a space. Regions are cut to the range and marked as
 * going, in one step that cannot fail; then their pages go, region by region,
 * with a flush for each; then the region does. Until that, the addresses are
 * nobody else's, and what the region was is still known.
 */
#include "space/space_internal.h"

/* Nodes that a region's new place, the old one without a guard, may take. */
#define GUARD_NODES 3

static bool overlaps(
	const struct vmm_vmem_region *region, vmm_va_t first, vmm_va_t last)
{
	return vmm_vmem_region_base(region) <= last &&
	       first <= vmm_space_last(region);
}

/* The first region that has some of a range, be it a guard only. */
static const struct vmm_vmem_region *first_in(
	const struct vmm_space *space, vmm_va_t va)
{
	const struct vmm_vmem_region *region = vmm_space_at(space, va);

	return region != NULL ? region : vmm_vmem_ceiling(&space->arena, va);
}

/* May everything in the range go? */
static bool may_go(const struct vmm_space *space, vmm_va_t va, vmm_va_t last)
{
	const struct vmm_vmem_region *region = first_in(space, va);

	for (; region != NULL && region->base <= last;
		region = vmm_vmem_next(&space->arena, region)) {
		if (vmm_space_has(region, VMM_SPACE_IS_SEGMENT))
			return false;
		if (vmm_space_kind(region) == VMM_SPACE_RING &&
			overlaps(region, va, last) &&
			(vmm_vmem_region_base(region) < va ||
				vmm_space_last(region) > last))
			return false;
	}
	return true;
}

/* The region whose guard has an address; 0: the guard below, 1: above. */
static const struct vmm_vmem_region *guard_at(
	const struct vmm_space *space, vmm_va_t va, unsigned *which_out)
{
	const struct vmm_vmem_region *region = vmm_space_at(space, va);

	if (region == NULL || vmm_range_has(vmm_vmem_region_base(region),
				      vmm_vmem_region_size(region), va))
		return NULL;
	*which_out = va > vmm_space_last(region) ? 1 : 0;
	return region;
}

/*
 * Free a guard at one end of the range, of a region that is not in it. Whatever
 * other call works on that region: its guards are none of its business.
 */
static void drop_guard(
	struct vmm_space *space, vmm_va_t va, vmm_va_t last, vmm_va_t at)
{
	unsigned which = 0;
	const struct vmm_vmem_region *region = guard_at(space, at, &which);
	struct vmm_vmem_request request = {.flags = VMM_VMEM_FIXED};
	int err;

	if (region == NULL || overlaps(region, va, last))
		return;
	request.where = vmm_vmem_region_base(region);
	request.size = vmm_vmem_region_size(region);
	request.tags = *vmm_vmem_region_tags(region);
	for (unsigned i = 0; i < 2; i++)
		request.guard[i] = vmm_vmem_region_guard(region, i != 0);
	request.guard[which] = 0;
	err = vmm_vmem_free_region(&space->arena, region);
	VMM_ASSERT(err == VMM_OK);
	err = vmm_vmem_xalloc(&space->arena, &request, &region);
	VMM_ASSERT(err == VMM_OK);
	(void)err;
}

int vmm_space_take_need(
	struct vmm_space *space, vmm_va_t va, uint64_t size, uint64_t nodes)
{
	vmm_va_t last = vmm_range_last(va, size);
	unsigned which;

	if (!may_go(space, va, last))
		return VMM_EBUSY;
	if (guard_at(space, va, &which) != NULL)
		nodes += GUARD_NODES;
	if (guard_at(space, last, &which) != NULL)
		nodes += GUARD_NODES;
	return vmm_space_cut_need(space, va, size, nodes);
}

void vmm_space_take(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size)
{
	vmm_va_t last = vmm_range_last(va, size);
	const struct vmm_vmem_region *region;

	vmm_space_cut(space, op, va, size);
	drop_guard(space, va, last, va);
	drop_guard(space, va, last, last);
	for (region = vmm_space_from(space, va);
		region != NULL && vmm_vmem_region_base(region) <= last;
		region = vmm_vmem_next(&space->arena, region))
		vmm_space_mark(space, region, VMM_SPACE_IS_GOING, 0);
}

void vmm_space_empty(struct vmm_space *space, struct vmm_space_op *op,
	const struct vmm_vmem_region *region, vmm_va_t va, uint64_t size)
{
	struct vmm_pt *pt = vmm_space_table(space, region);
	bool put = vmm_space_has_frames(region);

	if (vmm_space_kind(region) == VMM_SPACE_RESERVED ||
		(pt == &space->store && !space->has_store))
		return;
	if (put && size > VMM_SPACE_FRAMES * VMM_PAGE_SIZE)
		vmm_space_more_frames(space, op);
	vmm_space_evict(space, op, pt, va, size, put);
}

/* A region that is going, whose pages went: free it, and leave its object. */
static void drop_region(struct vmm_space *space, vmm_va_t va)
{
	const struct vmm_vmem_region *region = vmm_vmem_find(&space->arena, va);
	struct vmm_object *object = vmm_space_object(region);
	struct vmm_segment *segment = NULL;
	int err;

	if (vmm_space_has(region, VMM_SPACE_IS_SEGMENT))
		segment = vmm_vmem_region_tags(region)->user;
	err = vmm_vmem_free_region(&space->arena, region);
	VMM_ASSERT(err == VMM_OK);
	(void)err;
	if (object == NULL && segment == NULL)
		return;
	vmm_space_unlock(space);
	if (object != NULL)
		vmm_object_put(object);
	if (segment != NULL)
		vmm_segment_forget(segment);
	vmm_space_lock(space);
}

void vmm_space_drop(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size)
{
	const vmm_va_t last = vmm_range_last(va, size);
	const struct vmm_vmem_region *region;

	while ((region = vmm_space_from(space, va)) != NULL &&
		(va = vmm_vmem_region_base(region)) <= last) {
		vmm_va_t end = vmm_space_last(region);

		VMM_ASSERT(vmm_space_has(region, VMM_SPACE_IS_GOING));
		vmm_space_empty(space, op, region, va, end - va + 1);
		drop_region(space, va);
		if (end >= last)
			return;
		va = end + 1;
	}
}

static int check_range(vmm_va_t va, uint64_t size)
{
	if (size == 0 || !vmm_is_aligned(va | size, VMM_PAGE_SIZE))
		return VMM_EINVAL;
	return vmm_range_ok(va, size) ? VMM_OK : VMM_ERANGE;
}

int vmm_space_unmap(struct vmm_space *space, vmm_va_t va, uint64_t size)
{
	struct vmm_space_op op;
	int err = check_range(va, size);

	if (err)
		return err;
	vmm_space_begin(space, &op, va, size);
	err = vmm_space_take_need(space, va, size, 0);
	if (err == VMM_OK) {
		vmm_space_take(space, &op, va, size);
		vmm_space_drop(space, &op, va, size);
	}
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &op));
	vmm_space_end(space, &op);
	return err;
}

/*
 * The window of a discard: a ring's pages are there twice, and go together. So
 * where the range ends in a ring, the window has all of that.
 */
static void hull(const struct vmm_space *space, vmm_va_t *first, vmm_va_t *last)
{
	const vmm_va_t end[2] = {*first, *last};

	for (unsigned i = 0; i < 2; i++) {
		const struct vmm_vmem_region *region =
			vmm_space_at(space, end[i]);

		if (region == NULL || vmm_space_kind(region) != VMM_SPACE_RING)
			continue;
		if (vmm_vmem_region_base(region) < *first)
			*first = vmm_vmem_region_base(region);
		if (vmm_space_last(region) > *last)
			*last = vmm_space_last(region);
	}
}

static void begin_hull(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size)
{
	vmm_va_t first = va;
	vmm_va_t last = vmm_range_last(va, size);

	for (;;) {
		vmm_va_t wanted[2] = {va, vmm_range_last(va, size)};

		vmm_space_begin(space, op, first, last - first + 1);
		hull(space, &wanted[0], &wanted[1]);
		if (wanted[0] >= first && wanted[1] <= last)
			return;
		/* It is a larger one than it seemed. */
		vmm_space_end(space, op);
		first = wanted[0];
		last = wanted[1];
	}
}

/* Empty a part of a ring, in both halves. */
static void empty_ring(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size)
{
	const struct vmm_vmem_region *region = vmm_space_at(space, va);
	vmm_va_t base = vmm_vmem_region_base(region);
	uint64_t half = vmm_vmem_region_size(region) / 2;
	uint64_t skip = (va - base) % half;
	/* The part in one half, and what goes on at the start of it. */
	uint64_t part[2] = {size, 0};

	if (size >= half) {
		skip = 0;
		part[0] = half;
	} else if (size > half - skip) {
		part[0] = half - skip;
		part[1] = size - part[0];
	}
	for (unsigned i = 0; i < 4; i++) {
		uint64_t in = i < 2 ? skip : 0;

		/* Handles do not last, since the lock is dropped. */
		if (part[i / 2] != 0)
			vmm_space_empty(space, op, vmm_space_at(space, va),
				base + i % 2 * half + in, part[i / 2]);
	}
}

int vmm_space_discard(struct vmm_space *space, vmm_va_t va, uint64_t size)
{
	const vmm_va_t last = vmm_range_last(va, size);
	const struct vmm_vmem_region *region;
	struct vmm_space_op op;
	int err = check_range(va, size);

	if (err)
		return err;
	begin_hull(space, &op, va, size);
	while ((region = vmm_space_from(space, va)) != NULL &&
		vmm_vmem_region_base(region) <= last) {
		vmm_va_t end = vmm_space_last(region);

		if (vmm_vmem_region_base(region) > va)
			va = vmm_vmem_region_base(region);
		size = (end < last ? end : last) - va + 1;
		if (vmm_space_kind(region) == VMM_SPACE_RING)
			empty_ring(space, &op, va, size);
		else if (!vmm_space_has_leaves(region))
			vmm_space_empty(space, &op, region, va, size);
		if (end >= last)
			break;
		va = end + 1;
	}
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &op));
	vmm_space_end(space, &op);
	return VMM_OK;
}

/* Unmap all regions, or those without a flag. */
static void unmap_all(struct vmm_space *space, unsigned keep)
{
	const struct vmm_vmem_region *region;
	struct vmm_space_op op;
	vmm_va_t va = 0;

	vmm_space_begin_all(space, &op);
	while ((region = vmm_space_from(space, va)) != NULL) {
		vmm_va_t base = vmm_vmem_region_base(region);
		vmm_va_t end = vmm_space_last(region);

		if ((vmm_space_flags(region) & keep) == 0) {
			vmm_space_mark(space, region, VMM_SPACE_IS_GOING, 0);
			vmm_space_empty(
				space, &op, region, base, end - base + 1);
			drop_region(space, base);
		}
		if (end == UINT64_MAX)
			break;
		va = end + 1;
	}
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &op));
	vmm_space_end(space, &op);
}

void vmm_space_clear(struct vmm_space *space)
{
	unmap_all(space, VMM_SPACE_KEEP);
}

void vmm_space_purge(struct vmm_space *space)
{
	unmap_all(space, 0);
}
