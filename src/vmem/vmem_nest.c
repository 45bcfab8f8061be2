/* SPDX-License-Identifier: MIT */
/*
 * Nested arenas: a span of one arena is a used region of another. The region
 * in the parent is found again by its address; its tags name the child.
 */
#include <vmm/vmem_nest.h>
#include "vmem/vmem_internal.h"

VMM_RARE int vmm_vmem_import(struct vmm_vmem *arena, struct vmm_vmem *parent,
	const struct vmm_vmem_request *request, vmm_va_t *base_out)
{
	struct vmm_vmem_request named = *request;
	const struct vmm_vmem_region *region;
	struct vmm_vmem_region *marker;
	vmm_va_t base;
	uint64_t size;
	int err;

	VMM_ASSERT(arena->quantum != 0 && parent->quantum != 0);
	VMM_ASSERT(arena != parent);
	VMM_ASSERT(parent->quantum >= arena->quantum);

	/* A marker, a region and perhaps a run. */
	if (!vmm_vmem_node_has(arena, 3, request->flags))
		return VMM_ENOMEM;
	if (request->tags.owner == 0 && request->tags.user == NULL &&
		(request->tags.flags | request->tags.count) == 0)
		named.tags.user = arena;
	err = vmm_vmem_xalloc(parent, &named, &region);
	if (err)
		return err;
	base = vmm_vmem_region_base(region);
	size = vmm_vmem_region_size(region);
	/* Only a span that was added by hand can be in the way. */
	err = vmm_vmem_span_test(arena, base, size, 0);
	if (err) {
		int undone = vmm_vmem_free_region(parent, region);

		VMM_ASSERT(undone == VMM_OK);
		(void)undone;
		return err;
	}
	marker = vmm_vmem_span_new(arena, base, size, 0);
	marker->as.span.source = parent;
	*base_out = base;
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}

/* Give an imported span back, if all of it is free. */
static VMM_RARE int give_back(
	struct vmm_vmem *arena, struct vmm_vmem_region *marker)
{
	const struct vmm_vmem_region *region = marker->link[AFTER];
	struct vmm_vmem *parent = marker->as.span.source;
	vmm_va_t base = marker->base;
	int err;

	if (parent == NULL)
		return VMM_ENOENT;
	if (region->state != VMM_VMEM_FREE || region->size != marker->size)
		return VMM_EBUSY;
	vmm_vmem_span_delete(arena, marker);
	err = vmm_vmem_free(parent, base);
	VMM_ASSERT(err == VMM_OK);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return err;
}

VMM_RARE int vmm_vmem_give_back(struct vmm_vmem *arena, vmm_va_t base)
{
	struct vmm_vmem_region *marker = vmm_vmem_span_floor(arena, base);

	VMM_ASSERT(arena->quantum != 0);

	if (marker == NULL || marker->base != base)
		return VMM_ENOENT;
	return give_back(arena, marker);
}

VMM_RARE int vmm_vmem_alloc_import(struct vmm_vmem *arena,
	struct vmm_vmem *parent, uint64_t import_size,
	const struct vmm_vmem_request *request,
	const struct vmm_vmem_region **region_out)
{
	struct vmm_vmem_request import = {
		.flags = request->flags & VMM_VMEM_USE_RESERVE};
	int err = vmm_vmem_xalloc(arena, request, region_out);
	vmm_va_t base;

	if (err != VMM_ENOSPC)
		return err;
	/* Room for the request wherever the import begins, or more. */
	err = vmm_vmem_request_room(arena, request, &import.size);
	if (err)
		return err;
	if (import.size < import_size)
		import.size = import_size;
	import.min = request->min;
	import.max = request->max;
	err = vmm_vmem_import(arena, parent, &import, &base);
	if (err)
		return err;
	err = vmm_vmem_xalloc(arena, request, region_out);
	if (err) {
		int undone = vmm_vmem_give_back(arena, base);

		VMM_ASSERT(undone == VMM_OK);
		(void)undone;
	}
	return err;
}

VMM_RARE int vmm_vmem_free_release(
	struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	struct vmm_vmem_region *open = vmm_vmem_open(arena, region);
	vmm_va_t base;

	VMM_ASSERT(arena->quantum != 0);

	if (open == NULL)
		return VMM_ENOENT;
	base = open->base;
	(void)vmm_vmem_release(arena, open);
	/* Still in use or not imported: then there is nothing to give back. */
	(void)give_back(arena, vmm_vmem_span_floor(arena, base));
	return VMM_OK;
}
