/* SPDX-License-Identifier: MIT */
/*
 * Regions: finding them, telling what they are, cutting and joining them.
 *
 * A call may change what lies in its window only. A cut changes the region on
 * both sides of an end, but what another call sees of its side stays the same,
 * so long as it looks the region up again. A join does change what another
 * call sees, so it is left out where one is at work.
 */
#include "space/space_internal.h"

/* Nodes that one cut takes at most. */
#define CUT_NODES 2

int vmm_space_prot_check(const struct vmm_pt_format *format, unsigned prot)
{
	const unsigned flags = VMM_SPACE_ACCESS | VMM_PT_USER | VMM_PT_GLOBAL;
	unsigned type = (prot & VMM_PT_TYPE_MASK) >> VMM_PT_TYPE_SHIFT;

	if ((prot & ~(flags | VMM_PT_TYPE_MASK)) != 0 || type >= VMM_PT_TYPES)
		return VMM_EINVAL;
	if ((prot & VMM_SPACE_ACCESS) == 0 && (prot & flags) != 0)
		return VMM_EINVAL;
	if ((prot & flags & ~format->prot_allowed) != 0 ||
		(format->types_allowed >> type & 1) == 0)
		return VMM_ENOTSUP;
	if ((prot & VMM_SPACE_ACCESS) == VMM_PT_EXEC && format->exec_only == 0)
		return VMM_ENOTSUP;
	return VMM_OK;
}

const struct vmm_vmem_region *vmm_space_at(
	const struct vmm_space *space, vmm_va_t va)
{
	return vmm_vmem_find_containing(&space->arena, va);
}

const struct vmm_vmem_region *vmm_space_from(
	const struct vmm_space *space, vmm_va_t va)
{
	const struct vmm_vmem_region *region =
		vmm_vmem_floor(&space->arena, va);

	if (region == NULL)
		return vmm_vmem_ceiling(&space->arena, va);
	if (vmm_space_last(region) >= va)
		return region;
	return vmm_vmem_next(&space->arena, region);
}

void vmm_space_tell(const struct vmm_vmem_region *region,
	struct vmm_space_region *region_out)
{
	const struct vmm_vmem_tags *tags = vmm_vmem_region_tags(region);
	bool is_segment = vmm_space_has(region, VMM_SPACE_IS_SEGMENT);
	struct vmm_space_region out = {
		.base = vmm_vmem_region_base(region),
		.size = vmm_vmem_region_size(region),
		.kind = vmm_space_kind(region),
		.prot = vmm_space_prot(region),
		.flags = vmm_space_flags(region),
		.unloaded = vmm_space_has(region, VMM_SPACE_IS_UNLOADED),
		.object = vmm_space_object(region),
	};

	for (unsigned i = 0; i < 2; i++)
		out.guard[i] = vmm_vmem_region_guard(region, i != 0);
	if ((out.prot & VMM_SPACE_ACCESS) == 0)
		out.prot = 0;
	if (is_segment)
		out.segment = tags->user;
	if (is_segment)
		out.name = out.segment->name;
	else if (out.object != NULL)
		out.name = out.object->config->name;
	else
		out.name = tags->user;
	if (out.kind == VMM_SPACE_OBJECT)
		out.offset = tags->owner;
	if (vmm_space_has_leaves(region))
		out.pa = tags->owner;
	if (out.kind == VMM_SPACE_STACK)
		out.depth = (uint64_t)tags->count << VMM_PAGE_SHIFT;
	*region_out = out;
}

void vmm_space_mark(struct vmm_space *space,
	const struct vmm_vmem_region *region, uint32_t set, uint32_t clear)
{
	struct vmm_vmem_tags tags = *vmm_vmem_region_tags(region);

	tags.flags = (tags.flags & ~clear) | set;
	vmm_vmem_region_set_tags(&space->arena, region, &tags);
}

/* The region that an address is inside of, so that it would be cut there. */
static const struct vmm_vmem_region *cut_by(
	const struct vmm_space *space, vmm_va_t at)
{
	const struct vmm_vmem_region *region = vmm_space_at(space, at);

	if (region == NULL || at <= vmm_vmem_region_base(region) ||
		at > vmm_space_last(region))
		return NULL;
	return region;
}

int vmm_space_cut_need(
	struct vmm_space *space, vmm_va_t va, uint64_t size, uint64_t nodes)
{
	/* At 2^64 there is nothing to cut; nothing lies across address 0. */
	const vmm_va_t at[2] = {va, va + size};
	uint64_t tables = space->live->format->levels - 1u;
	uint64_t live = 0;
	uint64_t store = 0;

	for (unsigned i = 0; i < 2; i++) {
		const struct vmm_vmem_region *region = cut_by(space, at[i]);

		if (region == NULL)
			continue;
		nodes += CUT_NODES;
		if (!vmm_space_has_leaves(region))
			continue;
		if (vmm_space_is_stored(region))
			store += tables;
		else
			live += tables;
	}
	return vmm_space_need(space, nodes, live, store);
}

/* The tags of the two parts of a region, which both have the same now. */
static void cut_tags(struct vmm_space *space,
	const struct vmm_vmem_region *lower,
	const struct vmm_vmem_region *upper)
{
	struct vmm_vmem_tags tags[2] = {
		*vmm_vmem_region_tags(lower), *vmm_vmem_region_tags(upper)};
	uint64_t pages = vmm_vmem_region_size(upper) >> VMM_PAGE_SHIFT;
	struct vmm_object *object = vmm_space_object(lower);

	if (object != NULL)
		vmm_object_get(object);
	if (object != NULL || vmm_space_has_leaves(lower))
		tags[1].owner += vmm_vmem_region_size(lower);
	/* What a stack has grown to is at its top. */
	if (vmm_space_kind(lower) == VMM_SPACE_STACK) {
		if (tags[1].count > pages)
			tags[1].count = (uint32_t)pages;
		tags[0].count -= tags[1].count;
	}
	vmm_vmem_region_set_tags(&space->arena, lower, &tags[0]);
	vmm_vmem_region_set_tags(&space->arena, upper, &tags[1]);
}

void vmm_space_cut_leaves(struct vmm_space *space, struct vmm_space_op *op,
	const struct vmm_vmem_region *region, vmm_va_t va, uint64_t size)
{
	int err;

	if (!vmm_space_has_leaves(region))
		return;
	/* Changes nothing but that its ends are no longer inside of leaves. */
	err = vmm_pt_modify(vmm_space_table(space, region), va, size, 0, 0,
		vmm_space_is_stored(region) ? NULL : &op->gather);
	VMM_ASSERT(err == VMM_OK);
	(void)err;
}

static void cut(struct vmm_space *space, struct vmm_space_op *op, vmm_va_t at)
{
	const struct vmm_vmem_region *region = cut_by(space, at);
	const struct vmm_vmem_region *upper = NULL;
	int err;

	if (region == NULL)
		return;
	VMM_ASSERT(vmm_space_kind(region) != VMM_SPACE_RING);
	err = vmm_vmem_split(&space->arena, region, at, &upper);
	VMM_ASSERT(err == VMM_OK);
	(void)err;
	cut_tags(space, region, upper);
	vmm_space_cut_leaves(space, op, upper, at, vmm_vmem_region_size(upper));
}

void vmm_space_cut(struct vmm_space *space, struct vmm_space_op *op,
	vmm_va_t va, uint64_t size)
{
	cut(space, op, va);
	cut(space, op, va + size);
}

/* Is a call other than @mine at some of a region? */
static bool is_watched(const struct vmm_space *space,
	const struct vmm_space_op *mine, const struct vmm_vmem_region *region)
{
	const struct vmm_space_op *op;

	for (op = space->ops; op != NULL; op = op->next) {
		if (op != mine && op->first <= vmm_space_last(region) &&
			vmm_vmem_region_base(region) <= op->last)
			return true;
	}
	return false;
}

/*
 * Do two regions, of which the second begins where the first ends, say the same
 * as one would? *@count_out: how far a stack has grown then.
 */
static bool is_alike(const struct vmm_vmem_region *lower,
	const struct vmm_vmem_region *upper, uint32_t *count_out)
{
	const struct vmm_vmem_tags *a = vmm_vmem_region_tags(lower);
	const struct vmm_vmem_tags *b = vmm_vmem_region_tags(upper);
	enum vmm_space_kind kind = vmm_space_kind(lower);
	uint64_t step = 0;

	if (a->flags != b->flags || a->user != b->user)
		return false;
	/* One that is being made is taken back whole if that fails. */
	if (kind == VMM_SPACE_RING ||
		(vmm_space_flags(lower) & VMM_SPACE_EAGER) != 0 ||
		vmm_space_has(lower, VMM_SPACE_IS_GOING))
		return false;
	if (kind == VMM_SPACE_OBJECT || vmm_space_has_leaves(lower))
		step = vmm_vmem_region_size(lower);
	if (a->owner + step != b->owner)
		return false;
	/* A stack's count has to be able to say all of it. */
	if (kind == VMM_SPACE_STACK &&
		vmm_space_last(upper) - vmm_vmem_region_base(lower) >=
			(uint64_t)UINT32_MAX << VMM_PAGE_SHIFT)
		return false;
	*count_out = b->count + a->count;
	return a->count == 0 ||
	       b->count == vmm_vmem_region_size(upper) >> VMM_PAGE_SHIFT;
}

void vmm_space_join(
	struct vmm_space *space, const struct vmm_space_op *op, vmm_va_t va)
{
	const struct vmm_vmem_region *upper = vmm_vmem_find(&space->arena, va);
	const struct vmm_vmem_region *lower = NULL;
	struct vmm_vmem_tags tags;
	struct vmm_object *object;
	uint32_t count = 0;

	if (upper != NULL && va != 0)
		lower = vmm_space_at(space, va - 1);
	if (lower == NULL || lower == upper ||
		!is_alike(lower, upper, &count) ||
		is_watched(space, op, lower) || is_watched(space, op, upper))
		return;
	tags = *vmm_vmem_region_tags(lower);
	tags.count = count;
	object = vmm_space_object(upper);
	if (vmm_vmem_join(&space->arena, lower) != VMM_OK)
		return;
	vmm_vmem_region_set_tags(&space->arena, lower, &tags);
	/* Not the last user, which would call hooks: the lower one is there. */
	if (object != NULL)
		vmm_object_put(object);
}
