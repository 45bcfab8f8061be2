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

/* The region behind a handle, or NULL if it is not a used one of @arena. */
static VMM_NOINLINE struct vmm_vmem_region *open_used(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *handle)
{
	VMM_ASSERT(arena->quantum != 0);

	return vmm_vmem_open(arena, handle);
}

static uint64_t guard_bytes(const struct vmm_vmem_region *region, unsigned dir)
{
	return (uint64_t)region->as.used.guard[dir]
	       << region->as.used.arena->shift;
}

/* Bytes between the guards. */
static VMM_NOINLINE uint64_t body_of(const struct vmm_vmem_region *region)
{
	return region->size - guard_bytes(region, BEFORE) -
	       guard_bytes(region, AFTER);
}

static struct vmm_vmem_region *free_neighbour(
	const struct vmm_vmem_region *region, unsigned dir)
{
	struct vmm_vmem_region *near = region->link[dir];

	return near->state == VMM_VMEM_FREE ? near : NULL;
}

/* Bytes that the region can grow by at end @dir. */
static VMM_NOINLINE uint64_t free_beside(
	const struct vmm_vmem_region *region, unsigned dir)
{
	const struct vmm_vmem_region *near = free_neighbour(region, dir);

	return near != NULL ? near->size : 0;
}

/* Count more bytes and regions, or fewer, in the sums of a use. */
static VMM_NOINLINE void count_use(
	struct vmm_vmem *arena, unsigned use, uint64_t size, size_t count)
{
	if (use == VMM_VMEM_RESERVED)
		return;
	arena->use_size[use] += size;
	arena->use_count[use] += count;
}

static VMM_NOINLINE void drop(
	struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	vmm_vmem_chain_remove(region);
	vmm_vmem_retire(arena, region);
}

/* A new free region beside a used one. */
static struct vmm_vmem_region *free_new(
	struct vmm_vmem *arena, struct vmm_vmem_region *region, unsigned dir)
{
	struct vmm_vmem_region *node = vmm_vmem_node_get(arena);

	node->flags = region->flags & VMM_VMEM_IS_HELD;
	node->tagged = 0;
	vmm_vmem_chain_add(dir == AFTER ? region : region->link[BEFORE], node);
	return node;
}

/*
 * Move end @dir of a region inwards by @size bytes, and let the guard there be
 * @guard quanta. The free neighbour there, @near, has @near_size bytes then.
 *
 *   free behind it      [   used    ][ f ]  -->  [ used ][   f    ]
 *   something else      [   used    ] U     -->  [ used ][new f ] U
 *
 * Modulo 2^64, so that the end also moves outwards:
 *
 *   part of the free    [ used ][   f    ]  -->  [   used    ][ f ]
 *   all of it           [ used ][ f ] U     -->  [   used    ] U
 *
 * VMM_OK, or VMM_ENOMEM if there is no node for a new free region.
 */
static int move_end(struct vmm_vmem *arena, struct vmm_vmem_region *region,
	unsigned dir, uint64_t size, uint32_t guard)
{
	struct vmm_vmem_region *near = free_neighbour(region, dir);
	uint64_t near_size = size;
	vmm_va_t near_base;

	if (near != NULL)
		near_size += near->size;
	else if (!vmm_vmem_node_has(arena, 1, 0))
		return VMM_ENOMEM;
	if (dir == BEFORE)
		vmm_vmem_index_clear(arena, region);
	region->size -= size;
	region->as.used.guard[dir] = guard;
	near_base = region->base + region->size;
	if (dir == BEFORE) {
		region->base += size;
		near_base = region->base - near_size;
		(void)vmm_vmem_index_set(arena, region);
	}
	VMM_ASSERT(region->size != 0);

	if (near == NULL) {
		near = free_new(arena, region, dir);
		near->base = near_base;
		near->size = near_size;
		vmm_vmem_store_add(arena, near);
	} else if (near_size != 0) {
		vmm_vmem_store_resize(arena, near, near_base, near_size);
	} else {
		vmm_vmem_store_remove(arena, near);
		drop(arena, near);
	}
	arena->used_size -= size;
	count_use(arena, region->use, -size, 0);
	vmm_vmem_run_moved(region);
	if (arena->by_address)
		vmm_vmem_run_gaps(
			arena, vmm_vmem_member_before(region), region);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}

/* Move end @dir so that the part between the guards has @size bytes. */
static VMM_NOINLINE int resize(struct vmm_vmem *arena,
	const struct vmm_vmem_region *handle, uint64_t size, unsigned dir)
{
	struct vmm_vmem_region *region = open_used(arena, handle);
	uint64_t have;

	if (region == NULL)
		return VMM_ENOENT;
	if (size == 0)
		return VMM_EINVAL;
	have = body_of(region);
	size = vmm_align_up(size, arena->quantum);
	if (size == have)
		return VMM_OK;
	/* Rounding up to 2^64 gives 0. */
	if (size == 0 ||
		(size > have && free_beside(region, dir) < size - have))
		return VMM_ENOSPC;
	return move_end(
		arena, region, dir, have - size, region->as.used.guard[dir]);
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

static VMM_NOINLINE uint64_t room(
	const struct vmm_vmem_region *region, unsigned dir)
{
	VMM_ASSERT(region->state == VMM_VMEM_USED);

	return body_of(region) + free_beside(region, dir);
}

uint64_t vmm_vmem_room(const struct vmm_vmem_region *region)
{
	return room(region, AFTER);
}

uint64_t vmm_vmem_room_below(const struct vmm_vmem_region *region)
{
	return room(region, BEFORE);
}

/*
 * Cut a region at an address inside it. The node stays with the lower part.
 *
 *   [g   region    G]  -->  [g region ][ upper G]
 *
 * The upper part, or NULL if there are no nodes for it and @more.
 */
static struct vmm_vmem_region *cut_in_two(struct vmm_vmem *arena,
	struct vmm_vmem_region *region, vmm_va_t at, size_t more)
{
	struct vmm_vmem_region *upper;
	uint64_t size = at - region->base;

	VMM_ASSERT(size != 0 && size < region->size);

	if (!vmm_vmem_node_has(arena, 1 + vmm_vmem_run_need(region) + more, 0))
		return NULL;
	upper = vmm_vmem_node_get(arena);
	*upper = *region;
	upper->flags &= VMM_VMEM_IS_HELD;
	upper->base = at;
	upper->size -= size;
	upper->as.used.guard[0] = 0;
	region->size = size;
	region->as.used.guard[1] = 0;
	vmm_vmem_chain_add(region, upper);
	vmm_vmem_run_join(arena, region, upper);
	arena->used_count++;
	count_use(arena, upper->use, 0, 1);
	(void)vmm_vmem_index_set(arena, upper);
	return upper;
}

int vmm_vmem_split(struct vmm_vmem *arena, const struct vmm_vmem_region *handle,
	vmm_va_t at, const struct vmm_vmem_region **upper_out)
{
	struct vmm_vmem_region *region = open_used(arena, handle);
	const struct vmm_vmem_region *upper;
	uint64_t skip;

	if (region == NULL)
		return VMM_ENOENT;
	skip = at - region->base - guard_bytes(region, BEFORE);
	if (skip == 0 || skip >= body_of(region) ||
		!vmm_is_aligned(at, arena->quantum))
		return VMM_EINVAL;
	upper = cut_in_two(arena, region, at, 0);
	if (upper == NULL)
		return VMM_ENOMEM;
	*upper_out = upper;
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}

int vmm_vmem_join(struct vmm_vmem *arena, const struct vmm_vmem_region *handle)
{
	struct vmm_vmem_region *region = open_used(arena, handle);
	struct vmm_vmem_region *upper;
	struct vmm_vmem_run *run;

	if (region == NULL)
		return VMM_ENOENT;
	upper = region->link[AFTER];
	if (upper->state != VMM_VMEM_USED || upper->use != region->use ||
		(upper->flags & VMM_VMEM_IS_PARKED) != 0 ||
		region->as.used.guard[1] != 0 || upper->as.used.guard[0] != 0)
		return VMM_EINVAL;
	run = vmm_vmem_run_leave(arena, upper);
	vmm_vmem_index_clear(arena, upper);
	region->size += upper->size;
	region->as.used.guard[1] = upper->as.used.guard[1];
	drop(arena, upper);
	arena->used_count--;
	count_use(arena, region->use, 0, (size_t)-1);
	vmm_vmem_run_left(arena, run, region);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
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
	if (region == NULL || region->state != VMM_VMEM_USED ||
		(region->flags & VMM_VMEM_IS_PARKED) != 0)
		return VMM_ENOENT;
	body = body_of(region);
	skip = base - region->base - guard_bytes(region, BEFORE);
	if (skip >= body || size > body - skip)
		return VMM_ENOENT;
	if (size == body) {
		(void)vmm_vmem_release(arena, region);
		return VMM_OK;
	}
	dir = skip == 0 ? BEFORE : AFTER;
	/* In the midst, there is an upper region, and then a free one. */
	if (skip != 0 && size != body - skip &&
		cut_in_two(arena, region, base + size, 1) == NULL)
		return VMM_ENOMEM;
	/* The guard at that end goes too. */
	size += guard_bytes(region, dir);
	return move_end(arena, region, dir, size, 0);
}

void vmm_vmem_set_use(struct vmm_vmem *arena,
	const struct vmm_vmem_region *handle, enum vmm_vmem_use use)
{
	struct vmm_vmem_region *region = open_used(arena, handle);

	VMM_ASSERT(region != NULL);
	VMM_ASSERT(use < VMM_VMEM_USE_COUNT);

	count_use(arena, region->use, -region->size, (size_t)-1);
	region->use = (uint8_t)use;
	count_use(arena, use, region->size, 1);
}

void vmm_vmem_region_set_tags(struct vmm_vmem *arena,
	const struct vmm_vmem_region *handle, const struct vmm_vmem_tags *tags)
{
	struct vmm_vmem_region *region = open_used(arena, handle);

	VMM_ASSERT(region != NULL);

	region->as.used.tags = *tags;
	region->tagged = 1;
}
