/* SPDX-License-Identifier: MIT */
/*
 * Changing a used region: its ends move, it is split in two, joined with the
 * one behind it, or a part of it is freed. What an end leaves behind goes to
 * the free neighbour there, or becomes a free region; what it moves over is
 * taken from that neighbour. Only new regions take nodes, and there may be
 * none: that is found out first.
 */
#include "vmem/vmem_runs.h"
#include "vmem/vmem_store.h"

static uint64_t guard_bytes(const struct vmm_vmem_region *region, unsigned dir)
{
	return (uint64_t)region->as.used.guard[dir]
	       << region->as.used.arena->shift;
}

static struct vmm_vmem_region *free_neighbour(
	const struct vmm_vmem_region *region, unsigned dir)
{
	struct vmm_vmem_region *near = region->link[dir];

	return near->state == VMM_VMEM_FREE ? near : NULL;
}

static void move_base(
	struct vmm_vmem *arena, struct vmm_vmem_region *region, vmm_va_t base)
{
	vmm_vmem_index_clear(arena, region);
	region->base = base;
	vmm_vmem_index_set(arena, region);
}

/* Sums and summaries, after a used region's ends have moved. */
static void region_moved(struct vmm_vmem *arena, struct vmm_vmem_region *region,
	uint64_t old_size)
{
	uint64_t more = region->size - old_size;

	arena->used_size += more;
	if (region->use != VMM_VMEM_RESERVED)
		arena->use_size[region->use] += more;
	vmm_vmem_run_moved(region);
	if (arena->by_address)
		vmm_vmem_run_gaps(
			arena, vmm_vmem_member_before(region), region);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
}

/* Nodes that giving up addresses at end @dir takes: 0 or 1. */
static size_t give_need(const struct vmm_vmem_region *region, unsigned dir)
{
	return free_neighbour(region, dir) == NULL;
}

/*
 * Give @size bytes at end @dir up. Not all: the region stays.
 *
 *   free behind it      [   used    ][ f ]  -->  [ used ][   f    ]
 *   something else      [   used    ] U     -->  [ used ][new f ] U
 */
static void give(struct vmm_vmem *arena, struct vmm_vmem_region *region,
	unsigned dir, uint64_t size)
{
	struct vmm_vmem_region *near = free_neighbour(region, dir);
	uint64_t old = region->size;
	vmm_va_t at = region->base;

	VMM_ASSERT(size != 0 && size < region->size);

	region->size -= size;
	if (dir == AFTER)
		at += region->size;
	else
		move_base(arena, region, region->base + size);
	if (near == NULL) {
		near = vmm_vmem_node_get(arena);
		near->base = at;
		near->size = size;
		near->flags = region->flags & VMM_VMEM_IS_HELD;
		near->tagged = 0;
		vmm_vmem_chain_add(
			dir == AFTER ? region : region->link[BEFORE], near);
		vmm_vmem_store_add(arena, near);
	} else {
		vmm_vmem_store_resize(arena, near,
			dir == AFTER ? at : near->base, near->size + size);
	}
	region_moved(arena, region, old);
}

/* Take @size bytes from the free neighbour at end @dir, which has them. */
static void grab(struct vmm_vmem *arena, struct vmm_vmem_region *region,
	unsigned dir, uint64_t size)
{
	struct vmm_vmem_region *near = free_neighbour(region, dir);
	uint64_t old = region->size;

	VMM_ASSERT(near != NULL && near->size >= size);

	if (near->size == size) {
		vmm_vmem_store_remove(arena, near);
		vmm_vmem_chain_remove(near);
		vmm_vmem_node_put(arena, near);
	} else {
		vmm_vmem_store_resize(arena, near,
			dir == AFTER ? near->base + size : near->base,
			near->size - size);
	}
	region->size += size;
	if (dir == BEFORE)
		move_base(arena, region, region->base - size);
	region_moved(arena, region, old);
}

/* Move end @dir so that the part between the guards has @size bytes. */
static int resize(struct vmm_vmem *arena, const struct vmm_vmem_region *handle,
	uint64_t size, unsigned dir)
{
	struct vmm_vmem_region *region = vmm_vmem_open(arena, handle);
	struct vmm_vmem_region *near;
	uint64_t have;

	VMM_ASSERT(arena->quantum != 0);

	if (region == NULL)
		return VMM_ENOENT;
	if (size == 0)
		return VMM_EINVAL;
	have = vmm_vmem_region_size(region);
	size = vmm_align_up(size, arena->quantum);
	if (size == have)
		return VMM_OK;
	/* Rounding up to 2^64 gives 0. */
	if (size != 0 && size < have) {
		if (!vmm_vmem_node_has(arena, give_need(region, dir), 0))
			return VMM_ENOMEM;
		give(arena, region, dir, have - size);
		return VMM_OK;
	}
	near = free_neighbour(region, dir);
	if (size == 0 || near == NULL || near->size < size - have)
		return VMM_ENOSPC;
	grab(arena, region, dir, size - have);
	return VMM_OK;
}

int vmm_vmem_resize(struct vmm_vmem *arena,
	const struct vmm_vmem_region *region, uint64_t size)
{
	return resize(arena, region, size, AFTER);
}

int vmm_vmem_resize_below(struct vmm_vmem *arena,
	const struct vmm_vmem_region *region, uint64_t size)
{
	return resize(arena, region, size, BEFORE);
}

uint64_t vmm_vmem_room(const struct vmm_vmem_region *region)
{
	const struct vmm_vmem_region *near = free_neighbour(region, AFTER);

	VMM_ASSERT(region->state == VMM_VMEM_USED);

	return vmm_vmem_region_size(region) + (near != NULL ? near->size : 0);
}

uint64_t vmm_vmem_room_below(const struct vmm_vmem_region *region)
{
	const struct vmm_vmem_region *near = free_neighbour(region, BEFORE);

	VMM_ASSERT(region->state == VMM_VMEM_USED);

	return vmm_vmem_region_size(region) + (near != NULL ? near->size : 0);
}

/*
 * Cut a region at an address inside it. The node stays with the lower part.
 *
 *   [g   region    G]  -->  [g region ][ upper G]
 */
static struct vmm_vmem_region *cut_in_two(
	struct vmm_vmem *arena, struct vmm_vmem_region *region, vmm_va_t at)
{
	struct vmm_vmem_region *upper = vmm_vmem_node_get(arena);

	VMM_ASSERT(at > region->base && at - region->base < region->size);

	*upper = *region;
	upper->flags = region->flags & VMM_VMEM_IS_HELD;
	upper->base = at;
	upper->size = region->size - (at - region->base);
	upper->as.used.guard[0] = 0;
	region->size = at - region->base;
	region->as.used.guard[1] = 0;
	vmm_vmem_chain_add(region, upper);
	vmm_vmem_run_join(arena, region, upper);
	arena->used_count++;
	if (upper->use != VMM_VMEM_RESERVED)
		arena->use_count[upper->use]++;
	vmm_vmem_index_set(arena, upper);
	return upper;
}

int vmm_vmem_split(struct vmm_vmem *arena, const struct vmm_vmem_region *handle,
	vmm_va_t at, const struct vmm_vmem_region **upper_out)
{
	struct vmm_vmem_region *region = vmm_vmem_open(arena, handle);
	uint64_t skip;

	VMM_ASSERT(arena->quantum != 0);

	if (region == NULL)
		return VMM_ENOENT;
	skip = at - vmm_vmem_region_base(region);
	if (skip == 0 || skip >= vmm_vmem_region_size(region) ||
		!vmm_is_aligned(at, arena->quantum))
		return VMM_EINVAL;
	if (!vmm_vmem_node_has(arena, 1 + vmm_vmem_run_need(region), 0))
		return VMM_ENOMEM;
	*upper_out = cut_in_two(arena, region, at);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}

int vmm_vmem_join(struct vmm_vmem *arena, const struct vmm_vmem_region *handle)
{
	struct vmm_vmem_region *region = vmm_vmem_open(arena, handle);
	struct vmm_vmem_region *upper;
	struct vmm_vmem_run *run;

	VMM_ASSERT(arena->quantum != 0);

	if (region == NULL)
		return VMM_ENOENT;
	upper = region->link[AFTER];
	if (upper->state != VMM_VMEM_USED || upper->use != region->use ||
		region->as.used.guard[1] != 0 || upper->as.used.guard[0] != 0)
		return VMM_EINVAL;
	run = vmm_vmem_run_leave(arena, upper);
	vmm_vmem_index_clear(arena, upper);
	region->size += upper->size;
	region->as.used.guard[1] = upper->as.used.guard[1];
	vmm_vmem_chain_remove(upper);
	vmm_vmem_retire(arena, upper);
	arena->used_count--;
	if (region->use != VMM_VMEM_RESERVED)
		arena->use_count[region->use]--;
	vmm_vmem_run_left(arena, run, region);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}

/* Free [base, base + size) in the midst of a region. */
static int free_middle(struct vmm_vmem *arena, struct vmm_vmem_region *region,
	vmm_va_t base, uint64_t size)
{
	/* An upper region, a free one, and perhaps a run. */
	if (!vmm_vmem_node_has(arena, 2 + vmm_vmem_run_need(region), 0))
		return VMM_ENOMEM;
	cut_in_two(arena, region, base + size);
	give(arena, region, AFTER, size);
	return VMM_OK;
}

int vmm_vmem_free_part(struct vmm_vmem *arena, vmm_va_t base, uint64_t size)
{
	struct vmm_vmem_region *region = vmm_vmem_member_floor(arena, base);
	uint64_t body;
	uint64_t skip;
	unsigned dir;

	VMM_ASSERT(arena->quantum != 0);

	if (size == 0 || !vmm_is_aligned(base | size, arena->quantum))
		return VMM_EINVAL;
	if (region == NULL || region->state != VMM_VMEM_USED)
		return VMM_ENOENT;
	body = vmm_vmem_region_size(region);
	skip = base - vmm_vmem_region_base(region);
	if (skip >= body || size > body - skip)
		return VMM_ENOENT;
	if (size == body) {
		vmm_vmem_release(arena, region);
		return VMM_OK;
	}
	if (skip != 0 && size != body - skip)
		return free_middle(arena, region, base, size);
	dir = skip == 0 ? BEFORE : AFTER;
	if (!vmm_vmem_node_has(arena, give_need(region, dir), 0))
		return VMM_ENOMEM;
	/* The guard at that end goes too. */
	size += guard_bytes(region, dir);
	vmm_vmem_index_clear(arena, region);
	region->as.used.guard[dir] = 0;
	vmm_vmem_index_set(arena, region);
	give(arena, region, dir, size);
	return VMM_OK;
}

void vmm_vmem_set_use(struct vmm_vmem *arena,
	const struct vmm_vmem_region *handle, enum vmm_vmem_use use)
{
	struct vmm_vmem_region *region = vmm_vmem_open(arena, handle);

	VMM_ASSERT(region != NULL);
	VMM_ASSERT(use < VMM_VMEM_USE_COUNT);

	if (region->use != VMM_VMEM_RESERVED) {
		arena->use_size[region->use] -= region->size;
		arena->use_count[region->use]--;
	}
	region->use = (uint8_t)use;
	if (region->use != VMM_VMEM_RESERVED) {
		arena->use_size[region->use] += region->size;
		arena->use_count[region->use]++;
	}
}

void vmm_vmem_region_set_tags(struct vmm_vmem *arena,
	const struct vmm_vmem_region *handle, const struct vmm_vmem_tags *tags)
{
	struct vmm_vmem_region *region = vmm_vmem_open(arena, handle);

	VMM_ASSERT(region != NULL);

	region->as.used.tags = *tags;
	region->tagged = 1;
}
