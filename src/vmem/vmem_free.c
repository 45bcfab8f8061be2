/* SPDX-License-Identifier: MIT */
/*
 * Freeing: the region merges with its free neighbours, which are one link away
 * in the chain. A marker or the head is never free, so nothing merges across
 * the border of a span.
 */
#include "vmem/vmem_runs.h"
#include "vmem/vmem_store.h"

VMM_RARE void vmm_vmem_retire_embedded(
	struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	region->state = VMM_VMEM_SPARE;
	arena->embedded_count--;
}

/* Let a node of the arena's stand for an embedded one, which goes away. */
static VMM_RARE struct vmm_vmem_region *replace_embedded(
	struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	struct vmm_vmem_region *node = vmm_vmem_node_get(arena);

	*node = (struct vmm_vmem_region){
		.flags = region->flags & VMM_VMEM_IS_HELD,
		.base = region->base,
		.size = region->size,
	};
	vmm_vmem_chain_add(region->link[BEFORE], node);
	vmm_vmem_chain_remove(region);
	vmm_vmem_retire(arena, region);
	return node;
}

/* Is a free region in the trees? */
static bool is_large(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	return region->flags == 0 && vmm_vmem_bin_of(arena, region->size) == 0;
}

/* A free neighbour in a bin becomes part of a region, and its node spare. */
static VMM_ALWAYS_INLINE void absorb(
	struct vmm_vmem *arena, struct vmm_vmem_region *near)
{
	vmm_vmem_bin_remove(
		arena->bins, near, vmm_shift_right(near->size, arena->shift));
	arena->free_count--;
	vmm_vmem_node_put(arena, near);
}

/* The same, wherever it stands. */
static inline void absorb_any(
	struct vmm_vmem *arena, struct vmm_vmem_region *near)
{
	vmm_vmem_store_remove(arena, near);
	vmm_vmem_node_put(arena, near);
}

/*
 * A used region that has left its run, in a node of the arena's, and its free
 * neighbours become one free region. That takes the node of the largest of them
 * that is in the trees, where it mostly keeps its place; if none is, its own.
 * Then all is done that freeing takes.
 *
 *   first [ f ][used][ g ] last   -->   first [      into      ] last
 */
static VMM_NOINLINE int merge(struct vmm_vmem *arena,
	struct vmm_vmem_region *region, struct vmm_vmem_run *run)
{
	struct vmm_vmem_region *first = region->link[BEFORE];
	struct vmm_vmem_region *last = region->link[AFTER];
	struct vmm_vmem_region *into = region;
	vmm_va_t base = region->base;
	uint64_t size = region->size;

	if (first->state == VMM_VMEM_FREE) {
		struct vmm_vmem_region *before = first;

		base = before->base;
		size += before->size;
		first = before->link[BEFORE];
		if (is_large(arena, before))
			into = before;
		else
			absorb_any(arena, before);
	}
	if (last->state == VMM_VMEM_FREE) {
		struct vmm_vmem_region *gone = last;

		size += last->size;
		last = gone->link[AFTER];
		if (is_large(arena, gone) &&
			(into == region || gone->size > into->size)) {
			struct vmm_vmem_region *larger = gone;

			gone = into;
			into = larger;
		}
		if (gone != region)
			absorb_any(arena, gone);
	}
	first->link[AFTER] = into;
	into->link[BEFORE] = first;
	into->link[AFTER] = last;
	last->link[BEFORE] = into;
	if (into != region) {
		vmm_vmem_node_put(arena, region);
		vmm_vmem_trees_resize(arena, into, base, size);
	} else {
		region->flags &= VMM_VMEM_IS_HELD;
		region->base = base;
		region->size = size;
		vmm_vmem_store_add(arena, region);
	}
	vmm_vmem_run_left(arena, run, first);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}

/* Free a used region, whatever it takes. */
static VMM_NOINLINE int release_any(
	struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	struct vmm_vmem_run *run = vmm_vmem_run_leave(arena, region);

	vmm_vmem_index_clear(arena, region);
	arena->used_count--;
	arena->used_size -= region->size;
	if (VMM_UNLIKELY(region->use != VMM_VMEM_RESERVED)) {
		arena->use_size[region->use] -= region->size;
		arena->use_count[region->use]--;
	}
	if (VMM_UNLIKELY(region->flags & VMM_VMEM_IS_EMBEDDED))
		region = replace_embedded(arena, region);
	return merge(arena, region, run);
}

/*
 * As most regions are freed, without a call that returns: the run has many
 * members, and what becomes one has a bin, or else merge() goes on. It takes the
 * same few steps whatever is free beside the region, whose node stays. All others
 * go to release_any() before anything has changed.
 *
 *   both              [ f ][used][ g ]   -->  [      used      ], free
 */
int vmm_vmem_release(struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	struct vmm_vmem_region *before = region->link[BEFORE];
	struct vmm_vmem_region *after = region->link[AFTER];
	struct vmm_vmem_run *run = region->as.used.run;
	bool low = before->state == VMM_VMEM_FREE;
	bool high = after->state == VMM_VMEM_FREE;
	uint64_t size = region->size;
	uint64_t bin;

	VMM_ASSERT(before->link[AFTER] == region);

	if (low)
		size += before->size;
	if (high)
		size += after->size;
	if (arena->by_address || (region->flags | region->use) != 0 ||
		!vmm_vmem_run_has_many(run))
		return release_any(arena, region);

	vmm_vmem_run_exit(run, region);
	vmm_vmem_index_clear(arena, region);
	arena->used_count--;
	arena->used_size -= region->size;
	bin = vmm_vmem_bin_of(arena, size);
	if (bin == 0)
		return merge(arena, region, run);
	if (low) {
		region->base = before->base;
		region->link[BEFORE] = before->link[BEFORE];
		before->link[BEFORE]->link[AFTER] = region;
		absorb(arena, before);
	}
	if (high) {
		region->link[AFTER] = after->link[AFTER];
		after->link[AFTER]->link[BEFORE] = region;
		absorb(arena, after);
	}
	region->size = size;
	region->state = VMM_VMEM_FREE;
	arena->free_count++;
	vmm_vmem_bin_add(arena->bins, region, bin);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}

int vmm_vmem_free_region(
	struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	struct vmm_vmem_region *open;

	VMM_ASSERT(arena->quantum != 0);

	open = vmm_vmem_open(arena, region);
	if (open == NULL)
		return VMM_ENOENT;
	return vmm_vmem_release(arena, open);
}

/* What was found is a used region of the arena; it may be parked. */
static int free_found(struct vmm_vmem *arena, struct vmm_vmem_region *found)
{
	if (found == NULL || (found->flags & VMM_VMEM_IS_PARKED) != 0)
		return VMM_ENOENT;
	return vmm_vmem_release(arena, found);
}

int vmm_vmem_free(struct vmm_vmem *arena, vmm_va_t base)
{
	VMM_ASSERT(arena->quantum != 0);

	return free_found(arena, vmm_vmem_find_place(arena, base));
}

/* vmm_vmem_region_size() of a region that is known to be used. */
static uint64_t used_size(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region)
{
	const uint32_t *guard = region->as.used.guard;

	return region->size -
	       (vmm_shift_left((uint64_t)guard[0] + guard[1], arena->shift));
}

int vmm_vmem_free_sized(struct vmm_vmem *arena, vmm_va_t base, uint64_t size)
{
	struct vmm_vmem_region *region;

	VMM_ASSERT(arena->quantum != 0);

	region = vmm_vmem_find_place(arena, base);
	if (region != NULL &&
		used_size(arena, region) != vmm_align_up(size, arena->quantum))
		return VMM_EINVAL;
	return free_found(arena, region);
}
