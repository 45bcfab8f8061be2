/* SPDX-License-Identifier: MIT */
/*
 * Look-ups. "Floor" is the last region that starts at or below an address,
 * which need not reach it; "containing" is the floor if it does.
 */
#include "vmem/vmem_internal.h"

static const struct vmm_vmem_region *containing(
	const struct vmm_rb_tree *tree, vmm_va_t addr)
{
	const struct vmm_vmem_region *region = vmm_vmem_tree_floor(tree, addr);

	if (region == NULL || !vmm_range_has(region->base, region->size, addr))
		return NULL;
	return region;
}

const struct vmm_vmem_region *vmm_vmem_find(
	const struct vmm_vmem *arena, vmm_va_t base)
{
	const struct vmm_vmem_region *region =
		vmm_vmem_tree_floor(&arena->used, base);

	return region != NULL && region->base == base ? region : NULL;
}

const struct vmm_vmem_region *vmm_vmem_find_containing(
	const struct vmm_vmem *arena, vmm_va_t addr)
{
	return containing(&arena->used, addr);
}

const struct vmm_vmem_region *vmm_vmem_floor(
	const struct vmm_vmem *arena, vmm_va_t addr)
{
	return vmm_vmem_tree_floor(&arena->used, addr);
}

const struct vmm_vmem_region *vmm_vmem_ceiling(
	const struct vmm_vmem *arena, vmm_va_t addr)
{
	return vmm_vmem_tree_ceiling(&arena->used, addr);
}

static const struct vmm_vmem_region *step(
	const struct vmm_vmem_region *region, unsigned dir)
{
	const struct vmm_rb_node *node;

	VMM_ASSERT(region->state == VMM_VMEM_USED);

	node = vmm_rb_step(&region->by_base.rb, dir);
	return node != NULL ? vmm_vmem_of_base(node) : NULL;
}

const struct vmm_vmem_region *vmm_vmem_next(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	VMM_ASSERT(region->as.used.arena == arena);

	return step(region, VMM_RB_RIGHT);
}

const struct vmm_vmem_region *vmm_vmem_prev(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	VMM_ASSERT(region->as.used.arena == arena);

	return step(region, VMM_RB_LEFT);
}

const struct vmm_vmem_region *vmm_vmem_region_find(
	const struct vmm_vmem *arena, vmm_va_t addr)
{
	const struct vmm_vmem_region *region = containing(&arena->used, addr);

	return region != NULL ? region : containing(&arena->free_by_base, addr);
}

const struct vmm_vmem_region *vmm_vmem_region_first(
	const struct vmm_vmem *arena)
{
	return vmm_vmem_region_next(arena, &arena->head);
}

const struct vmm_vmem_region *vmm_vmem_region_next(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	const struct vmm_vmem_region *next = region->link[AFTER];

	VMM_ASSERT(next->link[BEFORE] == region);

	/* A marker is followed by the first region of its span. */
	if (next->state == VMM_VMEM_SPAN)
		next = next->link[AFTER];
	return next != &arena->head ? next : NULL;
}
