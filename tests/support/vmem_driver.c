/* SPDX-License-Identifier: MIT */
/* Random changes of what is there: freeing, shapes, notes, spans. */
#include "support/vmem_driver.h"

uint64_t driver_addr(struct driver *d)
{
	const struct model_span *span =
		&d->model.spans[rng_below(&d->rng, MODEL_SPANS)];
	uint64_t q = d->model.quantum;
	uint64_t addr = span->base - q + rng_below(&d->rng, span->size + 2 * q);

	/* Mostly in quanta. */
	return driver_chance(d, 8) ? addr : addr - addr % q;
}

size_t driver_used(struct driver *d)
{
	for (unsigned i = 0; i < 8 && d->model.count != 0; i++) {
		size_t at = rng_below(&d->rng, d->model.count);

		if (d->model.segs[at].used)
			return at;
	}
	return NO_SEG;
}

size_t driver_nodes(const struct driver *d, unsigned flags)
{
	size_t keep = flags & VMM_VMEM_USE_RESERVE ? 0 : d->arena->reserve;
	size_t spare = vmm_vmem_spare(d->arena);

	for (size_t i = 0; i < DRIVER_OBJECTS; i++)
		keep += d->objects[i].taken;
	return spare > keep ? spare - keep : 0;
}

/*
 * What is left in the node is the worst that could be there: a used region of
 * the arena, where it was at first.
 */
void driver_object_back(struct driver *d, const struct vmm_vmem_region *node)
{
	for (size_t i = 0; i < DRIVER_OBJECTS; i++) {
		struct driver_object *object = &d->objects[i];

		if (node != &object->node)
			continue;
		CHECK(object->taken);
		CHECK_EQ(object->node.state, VMM_VMEM_SPARE);
		object->taken = false;
		object->node.state = VMM_VMEM_USED;
		object->node.base = object->born;
		object->node.as.used.arena = d->arena;
		object->node.as.used.guard[0] = 0;
	}
}

/* Freeing. */

void driver_free(struct driver *d)
{
	size_t at = driver_used(d);
	uint64_t base = at != NO_SEG && !driver_chance(d, 10)
				? seg_place(&d->model.segs[at])
				: driver_addr(d);
	const struct vmm_vmem_region *region = vmm_vmem_find(d->arena, base);
	uint64_t size;
	int err;

	at = model_place_of(&d->model, base);
	err = at == NO_SEG ? VMM_ENOENT : VMM_OK;
	CHECK_EQ(region != NULL, err == VMM_OK);
	size = at == NO_SEG ? d->model.quantum : seg_body(&d->model.segs[at]);
	if (region != NULL)
		CHECK_EQ(vmm_vmem_free_sized(d->arena, base, size + 1),
			VMM_EINVAL);
	if (region != NULL && driver_chance(d, 3))
		CHECK_EQ(vmm_vmem_free_region(d->arena, region), err);
	else if (driver_chance(d, 2))
		CHECK_EQ(vmm_vmem_free_sized(d->arena, base,
				 size - rng_below(&d->rng, d->model.quantum)),
			err);
	else
		CHECK_EQ(vmm_vmem_free(d->arena, base), err);
	if (err == VMM_OK) {
		driver_object_back(d, region);
		model_release(&d->model, at);
	}
	CHECK_EQ(vmm_vmem_free(d->arena, base), VMM_ENOENT);
}

void driver_free_handle(struct driver *d, const struct vmm_vmem_region *region)
{
	size_t at = model_seg_of(&d->model, region->base);

	CHECK(d->model.segs[at].handle == region);
	CHECK_EQ(vmm_vmem_free_region(d->arena, region), VMM_OK);
	driver_object_back(d, region);
	model_release(&d->model, at);
}

/* Nodes for a free region at an end of a segment. */
static size_t end_need(struct driver *d, size_t at, bool above)
{
	return model_free_beside(&d->model, at, above) == NO_SEG;
}

/* Whether @need nodes can be had, and, with @more, perhaps one more. */
static void check_nodes(int err, size_t need, bool more, size_t nodes)
{
	if (err == VMM_OK)
		CHECK(need <= nodes);
	else
		CHECK(err == VMM_ENOMEM && need + more > nodes);
}

/* Free the lower or upper @size bytes, guard included, of segment @at. */
static void give(struct driver *d, size_t at, bool above, uint64_t size)
{
	struct seg *seg = &d->model.segs[at];
	const struct seg whole = *seg;

	if (above) {
		model_split(&d->model, at, seg->base + (seg->size - size));
		model_release(&d->model, at + 1);
		return;
	}
	model_split(&d->model, at, seg->base + size);
	seg[1].handle = whole.handle;
	seg[1].embedded = whole.embedded;
	model_release(&d->model, at);
}

void driver_free_part(struct driver *d)
{
	const uint64_t q = d->model.quantum;
	size_t at = driver_used(d);
	uint64_t base = at != NO_SEG && !driver_chance(d, 20)
				? seg_place(&d->model.segs[at]) +
					  rng_below(&d->rng, 4) * d->unit
				: driver_addr(d);
	uint64_t size = rng_below(&d->rng, 4) * d->unit +
			(driver_chance(d, 30) ? 1 : 0);
	size_t nodes = driver_nodes(d, 0);
	int err = vmm_vmem_free_part(d->arena, base, size);
	uint64_t skip;
	struct seg *seg;

	at = model_seg_of(&d->model, base);
	if (size == 0 || size % q != 0 || base % q != 0) {
		CHECK_EQ(err, VMM_EINVAL);
		return;
	}
	seg = &d->model.segs[at == NO_SEG ? 0 : at];
	skip = at == NO_SEG ? 0 : base - seg_place(seg);
	if (at == NO_SEG || !seg->used || skip >= seg_body(seg) ||
		size > seg_body(seg) - skip) {
		CHECK_EQ(err, VMM_ENOENT);
	} else if (size == seg_body(seg)) {
		CHECK_EQ(err, VMM_OK);
		driver_object_back(d, seg->handle);
		model_release(&d->model, at);
	} else if (skip == 0 || skip + size == seg_body(seg)) {
		check_nodes(err, end_need(d, at, skip != 0), false, nodes);
		if (err == VMM_OK)
			give(d, at, skip != 0, size + seg->guard[skip != 0]);
	} else {
		check_nodes(err, 2, true, nodes);
		if (err != VMM_OK)
			return;
		model_split(&d->model, at, base + size);
		seg[1].handle = vmm_vmem_find(d->arena, base + size);
		give(d, at, true, size);
	}
}

/* Shapes. */

/* Move the end @above of segment @at so that its body has @size bytes. */
static void model_resize(struct driver *d, size_t at, bool above, uint64_t size)
{
	struct seg *seg = &d->model.segs[at];
	uint64_t guard = seg->guard[above];
	uint64_t have = seg_body(seg);
	uint64_t more = size - have;
	size_t near = model_free_beside(&d->model, at, above);

	if (size < have) {
		seg->guard[above] = 0;
		give(d, at, above, have - size);
		/* What was given up below may have joined a free segment. */
		at = model_seg_of(&d->model, above ? seg->base : seg_last(seg));
		while (!d->model.segs[at].used)
			at++;
		d->model.segs[at].guard[above] = guard;
		return;
	}
	CHECK(near != NO_SEG && d->model.segs[near].size >= more);
	seg->size += more;
	if (!above)
		seg->base -= more;
	d->model.segs[near].size -= more;
	if (above)
		d->model.segs[near].base += more;
	if (d->model.segs[near].size == 0)
		model_erase(&d->model, near);
}

void driver_resize(struct driver *d)
{
	bool above = driver_chance(d, 2);
	size_t at = driver_used(d);
	uint64_t size = driver_chance(d, 50) ? -rng_below(&d->rng, 4)
					     : rng_below(&d->rng, 6 * d->unit);
	const uint64_t q = d->model.quantum;
	size_t nodes = driver_nodes(d, 0);
	const struct vmm_vmem_region *region;
	uint64_t room;
	size_t near;
	int err;

	if (at == NO_SEG)
		return;
	region = d->model.segs[at].handle;
	near = model_free_beside(&d->model, at, above);
	room = seg_body(&d->model.segs[at]) +
	       (near == NO_SEG ? 0 : d->model.segs[near].size);
	CHECK_EQ(above ? vmm_vmem_room(region) : vmm_vmem_room_below(region),
		room);
	if (driver_chance(d, 8))
		size = room + (driver_chance(d, 2) ? 1 : 0);
	err = above ? vmm_vmem_resize(d->arena, region, size)
		    : vmm_vmem_resize_below(d->arena, region, size);
	if (size == 0) {
		CHECK_EQ(err, VMM_EINVAL);
	} else if (size > room) {
		CHECK_EQ(err, VMM_ENOSPC);
	} else {
		size = (size + q - 1) / q * q;
		check_nodes(err,
			size < seg_body(&d->model.segs[at]) &&
				end_need(d, at, above),
			false, nodes);
		if (err == VMM_OK && size != seg_body(&d->model.segs[at]))
			model_resize(d, at, above, size);
	}
}

void driver_split(struct driver *d)
{
	size_t at = driver_used(d);
	const struct vmm_vmem_region *upper = NULL;
	size_t nodes = driver_nodes(d, 0);
	struct seg *seg;
	uint64_t skip;
	uint64_t where;
	int err;

	if (at == NO_SEG)
		return;
	seg = &d->model.segs[at];
	where = driver_chance(d, 4)
			? driver_addr(d)
			: seg->base + d->model.quantum * rng_below(&d->rng, 5);
	skip = where - seg_place(seg);
	err = vmm_vmem_split(d->arena, seg->handle, where, &upper);
	CHECK_EQ(upper != NULL, err == VMM_OK);
	if (skip == 0 || skip >= seg_body(seg) ||
		where % d->model.quantum != 0) {
		CHECK_EQ(err, VMM_EINVAL);
		return;
	}
	check_nodes(err, 1, true, nodes);
	if (err != VMM_OK)
		return;
	model_split(&d->model, at, where);
	seg[1].handle = upper;
}

void driver_join(struct driver *d)
{
	size_t at = driver_used(d);
	struct seg *seg;
	int err;

	if (at == NO_SEG)
		return;
	seg = &d->model.segs[at];
	err = vmm_vmem_join(d->arena, seg->handle);
	if (at + 1 == d->model.count || !seg[1].used ||
		model_span_of(&d->model, seg[1].base) !=
			model_span_of(&d->model, seg->base) ||
		seg->use != seg[1].use || seg->guard[1] != 0 ||
		seg[1].guard[0] != 0) {
		CHECK_EQ(err, VMM_EINVAL);
		return;
	}
	CHECK_EQ(err, VMM_OK);
	driver_object_back(d, seg[1].handle);
	model_join(&d->model, at);
}

/* Uses and tags; and handles that are none. */
void driver_note(struct driver *d)
{
	size_t at = driver_used(d);
	const struct vmm_vmem_region *first = vmm_vmem_region_first(d->arena);
	struct vmm_vmem_tags tags = {.owner = rng_next(&d->rng)};
	struct seg *seg;

	if (first != NULL && !vmm_vmem_region_is_used(first)) {
		CHECK_EQ(vmm_vmem_free_region(d->arena, first), VMM_ENOENT);
		CHECK_EQ(vmm_vmem_resize(d->arena, first, 1), VMM_ENOENT);
		CHECK_EQ(vmm_vmem_resize_below(d->arena, first, 1), VMM_ENOENT);
		CHECK_EQ(vmm_vmem_join(d->arena, first), VMM_ENOENT);
		CHECK_EQ(
			vmm_vmem_split(d->arena, first, 1, &first), VMM_ENOENT);
	}
	if (at == NO_SEG)
		return;
	seg = &d->model.segs[at];
	seg->use = (unsigned)rng_below(&d->rng, VMM_VMEM_USE_COUNT);
	vmm_vmem_set_use(d->arena, seg->handle, (enum vmm_vmem_use)seg->use);
	seg->owner = tags.owner;
	vmm_vmem_region_set_tags(d->arena, seg->handle, &tags);
}

/* Add a span that is out, or remove one that is in. */
void driver_span(struct driver *d)
{
	size_t i = rng_below(&d->rng, MODEL_SPANS);
	struct model_span *span = &d->model.spans[i];
	unsigned flags = span->held ? VMM_VMEM_FIXED_ONLY : 0;
	size_t nodes = driver_nodes(d, 0);
	size_t at = model_seg_of(&d->model, span->base);
	int err;

	err = vmm_vmem_add_flags(d->arena, span->base, span->size, flags);
	if (span->in) {
		CHECK_EQ(err, VMM_EEXIST);
		CHECK_EQ(vmm_vmem_remove(
				 d->arena, span->base + d->model.quantum),
			VMM_ENOENT);
		err = vmm_vmem_remove(d->arena, span->base);
		if (d->model.segs[at].used ||
			d->model.segs[at].size != span->size) {
			CHECK_EQ(err, VMM_EBUSY);
		} else {
			CHECK_EQ(err, VMM_OK);
			model_remove(&d->model, i);
		}
		return;
	}
	check_nodes(err, 2, true, nodes);
	if (err == VMM_OK)
		model_add(&d->model, i);
	else
		CHECK_EQ(vmm_vmem_remove(d->arena, span->base), VMM_ENOENT);
}
