/* SPDX-License-Identifier: MIT */
/*
 * A segment grows and shrinks at its upper end. A guard there moves along: it
 * belongs to the last part, so that part is resized, and what is new is split
 * off, or what goes has been joined to it first.
 */
#include "space/segment_internal.h"

/* Nodes that a split takes at most. */
#define SPLIT_NODES 2

/* The end moves up, and a plain part fills what is new. */
static int extend(struct vmm_segment *segment, const struct vmm_space_op *op,
	uint64_t size)
{
	struct vmm_space *space = segment->space;
	struct vmm_vmem *arena = &space->arena;
	vmm_va_t end = segment->base + segment->size;
	const struct vmm_vmem_region *last = vmm_space_at(space, end - 1);
	const struct vmm_vmem_region *upper = NULL;
	struct vmm_vmem_tags tags =
		vmm_segment_tags(segment, end, segment->prot);
	int err;

	err = vmm_vmem_resize(arena, last,
		vmm_vmem_region_size(last) + (size - segment->size));
	if (err)
		return err;
	err = vmm_vmem_split(arena, last, end, &upper);
	VMM_ASSERT(err == VMM_OK);
	vmm_vmem_region_set_tags(arena, upper, &tags);
	if (segment->object != NULL)
		vmm_object_get(segment->object);
	segment->size = size;
	vmm_space_join(space, op, end);
	return VMM_OK;
}

/* What the segment takes of the arena from its base on, if it has @size bytes. */
static uint64_t with_guard(const struct vmm_segment *segment, uint64_t size)
{
	struct vmm_space *space = segment->space;
	uint64_t guard;

	vmm_space_lock(space);
	guard = vmm_vmem_region_guard(
		vmm_space_at(space, vmm_segment_last(segment)), true);
	vmm_space_unlock(space);
	return vmm_range_ok(segment->base, size + guard) ? size + guard : size;
}

static int grow(struct vmm_segment *segment, uint64_t size)
{
	struct vmm_space *space = segment->space;
	const struct vmm_object *object = segment->object;
	struct vmm_space_op op;
	int err;

	if (size > segment->limit ||
		(object != NULL && size > object->size - segment->offset))
		return VMM_ERANGE;
	err = vmm_segment_ranges_need(segment);
	if (err)
		return err;
	/* Whoever is about to leave the new addresses does so first. */
	vmm_space_begin(space, &op, segment->base, with_guard(segment, size));
	err = segment->loaded ? vmm_space_need(space, SPLIT_NODES, 0, 0)
			      : VMM_EBUSY;
	if (err == VMM_OK)
		err = extend(segment, &op, size);
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &op));
	vmm_space_end(space, &op);
	if (err == VMM_OK)
		vmm_segment_ranges_set_end(segment);
	return err;
}

/*
 * Join the parts from @end on, which have no pages, to the one before, and cut
 * it there. A join gives a node back, the cut may take one.
 */
static uint64_t cut_off(struct vmm_segment *segment, vmm_va_t end)
{
	struct vmm_vmem *arena = &segment->space->arena;
	const vmm_va_t last = vmm_segment_last(segment);
	const struct vmm_vmem_region *keep =
		vmm_space_at(segment->space, end - 1);
	uint64_t users = 0;
	int err = VMM_OK;

	while (err == VMM_OK && vmm_space_last(keep) != last) {
		if (vmm_space_object(vmm_vmem_next(arena, keep)) != NULL)
			users++;
		err = vmm_vmem_join(arena, keep);
	}
	if (err == VMM_OK)
		err = vmm_vmem_resize(
			arena, keep, end - vmm_vmem_region_base(keep));
	VMM_ASSERT(err == VMM_OK);
	return users;
}

static int shrink(struct vmm_segment *segment, uint64_t size)
{
	struct vmm_space *space = segment->space;
	const vmm_va_t end = segment->base + size;
	const uint64_t rest = segment->size - size;
	const struct vmm_vmem_region *region;
	struct vmm_space_op op;
	uint64_t users = 0;
	int err;

	err = vmm_segment_ranges_room(segment, size);
	if (err == VMM_OK)
		err = vmm_segment_ranges_need(segment);
	if (err)
		return err;
	vmm_space_begin(space, &op, end, rest);
	err = segment->loaded ? vmm_space_cut_need(space, end, rest, 0)
			      : VMM_EBUSY;
	if (err == VMM_OK) {
		vmm_space_cut(space, &op, end, rest);
		for (region = vmm_vmem_find(&space->arena, end);
			region != NULL &&
			vmm_vmem_region_base(region) - end < rest;
			region = vmm_vmem_next(&space->arena, region))
			vmm_space_mark(space, region, VMM_SPACE_IS_GOING, 0);
		vmm_segment_empty(segment, &op, end, rest);
		users = cut_off(segment, end);
		segment->size = size;
	}
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &op));
	vmm_space_end(space, &op);
	if (err)
		return err;
	vmm_segment_put_object(segment, users);
	vmm_segment_ranges_set_end(segment);
	return VMM_OK;
}

int vmm_segment_resize(struct vmm_segment *segment, uint64_t size)
{
	int err = VMM_OK;

	VMM_ASSERT(segment->space != NULL);

	if (size == 0 || !vmm_is_aligned(size, VMM_PAGE_SIZE))
		return VMM_EINVAL;
	if (size > segment->size)
		err = grow(segment, size);
	else if (size < segment->size)
		err = shrink(segment, size);
	VMM_ASSERT_SLOW(vmm_segment_check(segment) == VMM_OK);
	return err;
}
