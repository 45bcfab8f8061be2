/* SPDX-License-Identifier: MIT */
/*
 * Freeing: the region merges with its free neighbours, which are one link away
 * in the chain. A marker or the head is never free, so nothing merges across
 * the border of a span.
 */
#include "vmem/vmem_internal.h"

/*
 * The region behind a handle, or NULL if the handle is not that of a used
 * region of @arena. A spare or free node fails the first test; memory that
 * is no node fails it most likely. The neighbours must confirm the rest.
 */
static struct vmm_vmem_region *handle_open(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *handle)
{
	struct vmm_vmem_region *region;

	if (handle == NULL || handle->state != VMM_VMEM_USED ||
		handle->as.used.arena != arena)
		return NULL;
	region = handle->link[BEFORE]->link[AFTER];
	VMM_ASSERT(region == handle);
	VMM_ASSERT(region->link[AFTER]->link[BEFORE] == handle);
	return region;
}

/*
 * Turn a used region into free space.
 *
 *   neither neighbour free   U [used] U  -->  U [free] U
 *   the one before           [ f ][used] -->  [    f    ]
 *   the one after            [used][ g ] -->  [    g    ]
 *   both              [ f ][used][ g ]   -->  [       f       ]
 */
static void release(struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	struct vmm_vmem_region *before = region->link[BEFORE];
	struct vmm_vmem_region *after = region->link[AFTER];
	uint64_t size = region->size;

	vmm_vmem_used_erase(arena, region);
	if (before->state != VMM_VMEM_FREE && after->state != VMM_VMEM_FREE) {
		vmm_vmem_free_insert(arena, region);
		return;
	}
	vmm_vmem_chain_remove(region);
	if (before->state != VMM_VMEM_FREE) {
		vmm_vmem_free_rekey(
			arena, after, region->base, size + after->size);
		vmm_vmem_node_put(arena, region);
		return;
	}
	vmm_vmem_node_put(arena, region);
	if (after->state == VMM_VMEM_FREE) {
		size += after->size;
		vmm_vmem_free_erase(arena, after);
		vmm_vmem_chain_remove(after);
		vmm_vmem_node_put(arena, after);
	}
	vmm_vmem_free_rekey(arena, before, before->base, before->size + size);
}

int vmm_vmem_free_region(
	struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	struct vmm_vmem_region *open;

	VMM_ASSERT(arena->quantum != 0);

	open = handle_open(arena, region);
	if (open == NULL)
		return VMM_ENOENT;
	release(arena, open);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}

int vmm_vmem_free(struct vmm_vmem *arena, vmm_va_t base)
{
	VMM_ASSERT(arena->quantum != 0);

	return vmm_vmem_free_region(arena, vmm_vmem_find(arena, base));
}

void vmm_vmem_region_set_tags(struct vmm_vmem *arena,
	const struct vmm_vmem_region *region, const struct vmm_vmem_tags *tags)
{
	struct vmm_vmem_region *open = handle_open(arena, region);

	VMM_ASSERT(open != NULL);
	open->as.used.tags = *tags;
}
