/* SPDX-License-Identifier: MIT */
/* Segments: made, adopted, deleted, grown and shrunk. */
#include "space/segment_internal.h"

struct vmm_vmem_tags vmm_segment_tags(
	const struct vmm_segment *segment, vmm_va_t va, unsigned prot)
{
	struct vmm_vmem_tags tags = {.user = (void *)(uintptr_t)segment};

	if ((prot & VMM_PT_WRITE) != 0)
		prot |= VMM_PT_READ;
	tags.flags = prot | (uint32_t)segment->kind << VMM_SPACE_KIND_SHIFT |
		     segment->flags << VMM_SPACE_FLAGS_SHIFT |
		     VMM_SPACE_IS_SEGMENT;
	if (!segment->loaded)
		tags.flags |= VMM_SPACE_IS_UNLOADED;
	if (segment->kind == VMM_SPACE_OBJECT)
		tags.owner = segment->offset + (va - segment->base);
	return tags;
}

int vmm_segment_has(
	const struct vmm_segment *segment, vmm_va_t va, uint64_t size)
{
	if (size == 0 || !vmm_is_aligned(va | size, VMM_PAGE_SIZE))
		return VMM_EINVAL;
	if (va - segment->base >= segment->size ||
		size > segment->size - (va - segment->base))
		return VMM_ERANGE;
	return VMM_OK;
}

static bool is_kind(enum vmm_space_kind kind)
{
	return kind == VMM_SPACE_ZERO || kind == VMM_SPACE_OBJECT ||
	       kind == VMM_SPACE_RESERVED;
}

/* Does [@base, @base + @limit) lie in one half of the addresses? */
static bool is_address_range(
	const struct vmm_space *space, vmm_va_t base, uint64_t limit)
{
	const struct vmm_pt_format *format = space->live->format;

	return vmm_range_ok(base, limit) && vmm_pt_canonical(format, base) &&
	       vmm_pt_canonical(format, vmm_range_last(base, limit)) &&
	       (format->sign_extended == 0 ||
		       base >> 63 == vmm_range_last(base, limit) >> 63);
}

static int check_limit(uint64_t size, uint64_t limit)
{
	return !vmm_is_aligned(limit, VMM_PAGE_SIZE) || limit < size
		       ? VMM_EINVAL
		       : VMM_OK;
}

static int check_new(const struct vmm_space *space,
	const struct vmm_space_request *request, uint64_t limit)
{
	const struct vmm_vmem_request *place = &request->place;

	if (!is_kind(request->kind) || place->size == 0 ||
		check_limit(place->size, limit) != VMM_OK)
		return VMM_EINVAL;
	/* With replace, there would be no way back. */
	if (request->replace && (request->flags & VMM_SPACE_EAGER) != 0)
		return VMM_EINVAL;
	if ((place->flags & VMM_VMEM_FIXED) != 0 &&
		vmm_is_aligned(place->where, VMM_PAGE_SIZE) &&
		!is_address_range(space, place->where, limit))
		return VMM_ERANGE;
	return VMM_OK;
}

/* The regions are there, and are the segment's. */
static void set_up(struct vmm_segment *segment, struct vmm_vmem *ranges)
{
	segment->ranges = ranges;
	segment->beyond = NULL;
	if (ranges != NULL) {
		int err = vmm_vmem_add(ranges, segment->base, segment->limit);

		VMM_ASSERT(err == VMM_OK);
		(void)err;
		vmm_segment_ranges_set_end(segment);
	}
	VMM_ASSERT_SLOW(vmm_segment_check(segment) == VMM_OK);
}

/* Unmap all parts. */
static void drop_parts(struct vmm_space *space, vmm_va_t base, uint64_t size)
{
	const struct vmm_vmem_region *region;
	struct vmm_space_op op;

	vmm_space_begin(space, &op, base, size);
	for (region = vmm_vmem_find(&space->arena, base);
		region != NULL && vmm_vmem_region_base(region) - base < size;
		region = vmm_vmem_next(&space->arena, region))
		vmm_space_mark(space, region, VMM_SPACE_IS_GOING, 0);
	vmm_space_drop(space, &op, base, size);
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &op));
	vmm_space_end(space, &op);
}

void vmm_segment_forget(struct vmm_segment *segment)
{
	struct vmm_space *space = segment->space;
	struct vmm_vmem *ranges = segment->ranges;

	if (space == NULL)
		return;
	segment->space = NULL;
	segment->ranges = NULL;
	segment->beyond = NULL;
	if (ranges != NULL)
		vmm_segment_ranges_fini(space, ranges);
	/* Parts that are still to go are users themselves. */
	vmm_segment_put_object(segment, segment->object != NULL ? 1 : 0);
}

void vmm_segment_put_object(struct vmm_segment *segment, uint64_t count)
{
	for (; count > 0; count--)
		vmm_object_put(segment->object);
}

void vmm_segment_delete(struct vmm_segment *segment)
{
	VMM_ASSERT(segment->space != NULL);
	drop_parts(segment->space, segment->base, segment->size);
	vmm_segment_forget(segment);
}

/* Have all pages of a new segment in place. */
static int touch(const struct vmm_segment *segment)
{
	unsigned access = vmm_segment_access(segment);

	if ((access & VMM_SPACE_ACCESS) == 0)
		return VMM_OK;
	return vmm_space_touch(
		segment->space, segment->base, segment->size, access);
}

/* Map what was asked for; the segment is filled in but for the base. */
static int map_new(
	struct vmm_segment *segment, const struct vmm_space_request *request)
{
	struct vmm_space_request plain = *request;
	int err;

	plain.flags &= ~VMM_SPACE_EAGER;
	err = vmm_space_map_for(
		segment->space, &plain, segment, &segment->base);
	if (err)
		return err;
	if (!is_address_range(segment->space, segment->base, segment->limit))
		err = VMM_ERANGE;
	else if ((request->flags & VMM_SPACE_EAGER) != 0)
		err = touch(segment);
	if (err)
		drop_parts(segment->space, segment->base, segment->size);
	return err;
}

int vmm_segment_new(struct vmm_segment *segment, struct vmm_space *space,
	const struct vmm_space_request *request, uint64_t limit,
	struct vmm_vmem *ranges)
{
	int err;

	if (limit == 0)
		limit = request->place.size;
	err = check_new(space, request, limit);
	if (err == VMM_OK && ranges != NULL)
		err = vmm_segment_ranges_init(space, ranges);
	if (err)
		return err;
	*segment = (struct vmm_segment){.space = space,
		.size = request->place.size,
		.limit = limit,
		.name = request->name,
		.object = request->object,
		.offset = request->offset,
		.kind = request->kind,
		.prot = request->prot,
		.flags = request->flags & ~VMM_SPACE_EAGER,
		.loaded = true,
		.ranges = ranges};
	if (request->object != NULL) {
		segment->name = request->object->config->name;
		vmm_object_get(request->object);
	}
	err = map_new(segment, request);
	if (err)
		vmm_segment_forget(segment);
	else
		set_up(segment, ranges);
	return err;
}

/* What a segment is made of regions by: what they have in common. */
struct adopting {
	struct vmm_segment *segment;
	unsigned flags; /* but those that not every part can have */
	bool has_plain;
	bool first;
};

/* A part that shows a physical range has these neither. */
#define NOT_OF_ALL (VMM_SPACE_EAGER | VMM_SPACE_SHARED)

/* May a region, which begins at @va, be the next part? */
static int look_at(
	struct adopting *a, const struct vmm_vmem_region *region, vmm_va_t va)
{
	struct vmm_segment *segment = a->segment;
	struct vmm_space_region told;

	if (region == NULL)
		return VMM_ENOENT;
	if (vmm_space_has(region, VMM_SPACE_IS_SEGMENT))
		return VMM_EBUSY;
	vmm_space_tell(region, &told);
	if (a->first) {
		segment->name = told.name;
		segment->loaded = !told.unloaded;
		a->flags = told.flags & ~NOT_OF_ALL;
		a->first = false;
	}
	if (vmm_space_has(region, VMM_SPACE_IS_GOING) ||
		told.name != segment->name ||
		told.unloaded == segment->loaded ||
		(told.flags & ~NOT_OF_ALL) != a->flags)
		return VMM_ENOENT;
	if (told.kind == VMM_SPACE_PHYS)
		return VMM_OK;
	if (!is_kind(told.kind))
		return VMM_EINVAL;
	if (!a->has_plain) {
		segment->kind = told.kind;
		segment->prot = told.prot;
		segment->flags = told.flags & ~VMM_SPACE_EAGER;
		segment->object = told.object;
		segment->offset = told.offset - (va - segment->base);
		a->has_plain = true;
	}
	if (told.kind != segment->kind || told.object != segment->object ||
		((told.flags ^ segment->flags) & VMM_SPACE_SHARED) != 0)
		return VMM_ENOENT;
	if (told.kind == VMM_SPACE_OBJECT &&
		told.offset - segment->offset != va - segment->base)
		return VMM_ENOENT;
	return VMM_OK;
}

/* Find out whether the regions tile the segment, and what it is then. */
static int look_at_all(struct vmm_segment *segment)
{
	struct adopting a = {.segment = segment, .first = true};
	const struct vmm_vmem *arena = &segment->space->arena;
	vmm_va_t va = segment->base;
	uint64_t left = segment->size;

	while (left > 0) {
		const struct vmm_vmem_region *region = vmm_vmem_find(arena, va);
		int err = look_at(&a, region, va);

		if (err)
			return err;
		if (vmm_vmem_region_size(region) > left)
			return VMM_ENOENT;
		left -= vmm_vmem_region_size(region);
		va += vmm_vmem_region_size(region);
	}
	if (!a.has_plain)
		return VMM_EINVAL;
	/* Where it shows a physical range, it might show the object some day. */
	if (segment->object != NULL &&
		(segment->offset > segment->object->size ||
			segment->size >
				segment->object->size - segment->offset))
		return VMM_ERANGE;
	return VMM_OK;
}

/* All regions of the range become parts. */
static void take_over(struct vmm_segment *segment)
{
	struct vmm_vmem *arena = &segment->space->arena;
	const struct vmm_vmem_region *region =
		vmm_vmem_find(arena, segment->base);

	for (; region != NULL &&
		vmm_vmem_region_base(region) - segment->base < segment->size;
		region = vmm_vmem_next(arena, region)) {
		struct vmm_vmem_tags tags = *vmm_vmem_region_tags(region);

		tags.flags |= VMM_SPACE_IS_SEGMENT;
		tags.flags &= ~(VMM_SPACE_EAGER << VMM_SPACE_FLAGS_SHIFT);
		tags.user = segment;
		vmm_vmem_region_set_tags(arena, region, &tags);
	}
	if (segment->object != NULL)
		vmm_object_get(segment->object);
}

int vmm_segment_adopt(struct vmm_segment *segment, struct vmm_space *space,
	vmm_va_t va, uint64_t size, uint64_t limit, struct vmm_vmem *ranges)
{
	struct vmm_segment made = {.space = space, .base = va, .size = size};
	struct vmm_space_op op;
	int err;

	made.limit = limit != 0 ? limit : size;
	if (size == 0 || !vmm_is_aligned(va | size, VMM_PAGE_SIZE) ||
		check_limit(size, made.limit) != VMM_OK)
		return VMM_EINVAL;
	if (!is_address_range(space, va, made.limit))
		return VMM_ERANGE;
	if (ranges != NULL) {
		err = vmm_segment_ranges_init(space, ranges);
		if (err)
			return err;
	}
	vmm_space_begin(space, &op, va, size);
	err = look_at_all(&made);
	if (err == VMM_OK) {
		*segment = made;
		take_over(segment);
	}
	VMM_ASSERT_SLOW(vmm_space_is_sound(space, &op));
	vmm_space_end(space, &op);
	if (err == VMM_OK)
		set_up(segment, ranges);
	else if (ranges != NULL)
		vmm_segment_ranges_fini(space, ranges);
	return err;
}
