/* SPDX-License-Identifier: MIT */
/* The library, in the variants that are compared: ways to free. */
#include "vmem/peers.h"

#include <vmm/vmem.h>

struct ours {
	struct vmm_vmem arena;
	size_t memory; /* after this, for nodes */
	_Alignas(64) char nodes[];
};

/* Used, free, the span, and a header. */
static size_t memory(size_t regions)
{
	return sizeof(struct ours) + VMM_VMEM_NODES_SIZE(2 * regions + 3);
}

static void open(void *at, size_t memory_size)
{
	struct ours *ours = at;
	int err;

	ours->memory = memory_size - sizeof(*ours);
	vmm_vmem_init(&ours->arena, PAGE_SIZE);
	err = vmm_vmem_donate(&ours->arena, ours->nodes, ours->memory);
	err |= vmm_vmem_add(&ours->arena, VMEM_BASE, VMEM_SPAN);
	VMM_ASSERT(err == VMM_OK);
}

static uint64_t handle_of(const struct vmm_vmem_region *region)
{
	return (uint64_t)(uintptr_t)region;
}

static uint64_t alloc_handle(void *at, uint64_t size)
{
	struct ours *ours = at;
	const struct vmm_vmem_request request = {.size = size};
	const struct vmm_vmem_region *region;

	if (vmm_vmem_xalloc(&ours->arena, &request, &region) != VMM_OK)
		return 0;
	return handle_of(region);
}

static int free_handle(void *at, uint64_t token, uint64_t size)
{
	struct ours *ours = at;

	(void)size;
	return vmm_vmem_free_region(
		&ours->arena, (const struct vmm_vmem_region *)(uintptr_t)token);
}

static uint64_t base_of_handle(void *at, uint64_t token)
{
	(void)at;
	return vmm_vmem_region_base(
		(const struct vmm_vmem_region *)(uintptr_t)token);
}

static uint64_t alloc_handle_aligned(void *at, uint64_t size, uint64_t align)
{
	struct ours *ours = at;
	const struct vmm_vmem_request request = {.size = size, .align = align};
	const struct vmm_vmem_region *region;

	if (vmm_vmem_xalloc(&ours->arena, &request, &region) != VMM_OK)
		return 0;
	return handle_of(region);
}

static uint64_t alloc_handle_fixed(void *at, uint64_t base, uint64_t size)
{
	struct ours *ours = at;
	const struct vmm_vmem_request request = {
		.size = size, .where = base, .flags = VMM_VMEM_FIXED};
	const struct vmm_vmem_region *region;

	if (vmm_vmem_xalloc(&ours->arena, &request, &region) != VMM_OK)
		return 0;
	return handle_of(region);
}

static uint64_t alloc_address(void *at, uint64_t size)
{
	struct ours *ours = at;
	vmm_va_t base;

	if (vmm_vmem_alloc(&ours->arena, size, &base) != VMM_OK)
		return 0;
	return base;
}

static int free_address(void *at, uint64_t token, uint64_t size)
{
	struct ours *ours = at;

	(void)size;
	return vmm_vmem_free(&ours->arena, token);
}

static uint64_t base_of_address(void *at, uint64_t token)
{
	(void)at;
	return token;
}

static uint64_t alloc_address_aligned(void *at, uint64_t size, uint64_t align)
{
	uint64_t handle = alloc_handle_aligned(at, size, align);

	return handle == 0 ? 0 : base_of_handle(at, handle);
}

static uint64_t alloc_address_fixed(void *at, uint64_t base, uint64_t size)
{
	struct ours *ours = at;

	if (vmm_vmem_alloc_at(&ours->arena, base, size) != VMM_OK)
		return 0;
	return base;
}

static uint64_t find(void *at, uint64_t base)
{
	struct ours *ours = at;
	const struct vmm_vmem_region *region =
		vmm_vmem_find(&ours->arena, base);

	return region == NULL ? 0 : vmm_vmem_region_base(region);
}

static uint64_t find_inside(void *at, uint64_t address)
{
	struct ours *ours = at;
	const struct vmm_vmem_region *region =
		vmm_vmem_find_containing(&ours->arena, address);

	return region == NULL ? 0 : vmm_vmem_region_base(region);
}

static void footprint(void *at, struct vmem_footprint *footprint_out)
{
	struct ours *ours = at;
	struct vmm_vmem_stat stat;

	vmm_vmem_stat(&ours->arena, &stat);
	*footprint_out = (struct vmem_footprint){
		.regions = stat.used_count + stat.free_count,
		.nodes = (stat.node_count - stat.spare_count) *
			 sizeof(struct vmm_vmem_region),
		.fixed = sizeof(ours->arena),
	};
}

const struct vmem_peer vmem_ours_handle = {
	.name = "ours/handle",
	.best_fit = true,
	.memory = memory,
	.open = open,
	.alloc = alloc_handle,
	.free = free_handle,
	.base = base_of_handle,
	.footprint = footprint,
	.alloc_aligned = alloc_handle_aligned,
	.alloc_fixed = alloc_handle_fixed,
	.find = find,
	.find_inside = find_inside,
};

const struct vmem_peer vmem_ours_address = {
	.name = "ours/address",
	.best_fit = true,
	.memory = memory,
	.open = open,
	.alloc = alloc_address,
	.free = free_address,
	.base = base_of_address,
	.footprint = footprint,
	.alloc_aligned = alloc_address_aligned,
	.alloc_fixed = alloc_address_fixed,
	.find = find,
	.find_inside = find_inside,
};
