/* SPDX-License-Identifier: MIT */
/*
 * Look-ups. "Floor" is the last region that starts at or below an address,
 * which need not reach it; "containing" is the floor if it does.
 */
#include "vmem/vmem_runs.h"

/* The used region, guards included, that is the floor of an address. */
static struct vmm_vmem_region *used_floor(
	const struct vmm_vmem *arena, vmm_va_t addr)
{
	struct vmm_vmem_region *member = vmm_vmem_member_floor(arena, addr);

	return member != NULL ? vmm_vmem_used_seek(member, BEFORE) : NULL;
}

struct vmm_vmem_region *vmm_vmem_find_in_runs(
	const struct vmm_vmem *arena, vmm_va_t base)
{
	struct vmm_vmem_region *region = vmm_vmem_member_floor(arena, base);

	if (region == NULL || region->state != VMM_VMEM_USED ||
		vmm_vmem_region_base(region) != base)
		return NULL;
	return region;
}

const struct vmm_vmem_region *vmm_vmem_find(
	const struct vmm_vmem *arena, vmm_va_t base)
{
	return vmm_vmem_find_place(arena, base);
}

const struct vmm_vmem_region *vmm_vmem_find_containing(
	const struct vmm_vmem *arena, vmm_va_t addr)
{
	const struct vmm_vmem_region *region =
		vmm_vmem_member_floor(arena, addr);

	if (region == NULL || region->state != VMM_VMEM_USED ||
		!vmm_range_has(region->base, region->size, addr))
		return NULL;
	return region;
}

const struct vmm_vmem_region *vmm_vmem_floor(
	const struct vmm_vmem *arena, vmm_va_t addr)
{
	return used_floor(arena, addr);
}

const struct vmm_vmem_region *vmm_vmem_ceiling(
	const struct vmm_vmem *arena, vmm_va_t addr)
{
	struct vmm_vmem_region *member = vmm_vmem_member_floor(arena, addr);

	if (member == NULL)
		member = arena->head.link[AFTER];
	else if (member->state != VMM_VMEM_USED || member->base != addr)
		member = vmm_vmem_member_after(member);
	return vmm_vmem_used_seek(member, AFTER);
}

const struct vmm_vmem_region *vmm_vmem_next(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	VMM_ASSERT(region->state == VMM_VMEM_USED);
	VMM_ASSERT(region->as.used.arena == arena);
	(void)arena;

	return vmm_vmem_used_seek(vmm_vmem_member_after(region), AFTER);
}

const struct vmm_vmem_region *vmm_vmem_prev(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	VMM_ASSERT(region->state == VMM_VMEM_USED);
	VMM_ASSERT(region->as.used.arena == arena);
	(void)arena;

	return vmm_vmem_used_seek(vmm_vmem_member_before(region), BEFORE);
}

const struct vmm_vmem_region *vmm_vmem_region_find(
	const struct vmm_vmem *arena, vmm_va_t addr)
{
	return vmm_vmem_at(arena, addr);
}

const struct vmm_vmem_region *vmm_vmem_region_first(
	const struct vmm_vmem *arena)
{
	return vmm_vmem_region_next(arena, &arena->head);
}

VMM_NOINLINE const struct vmm_vmem_region *vmm_vmem_region_next(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	const struct vmm_vmem_region *next = region->link[AFTER];

	VMM_ASSERT(next->link[BEFORE] == region);

	/* A marker is followed by the first region of its span. */
	if (next->state == VMM_VMEM_SPAN)
		next = next->link[AFTER];
	return next != &arena->head ? next : NULL;
}
