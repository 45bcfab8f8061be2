/* SPDX-License-Identifier: MIT */
/*
 * Regions of an arena (vmem.h): look them up, walk them, read them, change
 * their shape.
 *
 * A handle is the address of a region's node. That of a used region is valid
 * until the region is freed, or joined to the one before it; that of a free one
 * until the next change of the arena.
 *
 * A region with guards (struct vmm_vmem_request) covers them: looking for an
 * address in a guard finds the region, and vmm_vmem_region_guard() tells. What
 * is called its place, and is the address to free, is the first one between
 * the guards; its size is the size between them.
 *
 * Context: as in vmem.h. What is free of errors is O(1) or O(log n) and takes
 * no node unless it says so.
 */
#ifndef VMM_VMEM_REGION_H
#define VMM_VMEM_REGION_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/types.h>
#include <vmm/vmem_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Look up used regions. */

/**
 * vmm_vmem_find() - The used region whose place is an address exactly.
 * @arena: The arena.
 * @base:  Any address.
 *
 * Cost:   O(log n).
 * Return: The region, or NULL: there is none.
 */
const struct vmm_vmem_region *vmm_vmem_find(
	const struct vmm_vmem *arena, vmm_va_t base);

/**
 * vmm_vmem_find_containing() - The used region that an address lies in.
 * @arena: The arena.
 * @addr:  Any address.
 *
 * Cost:   O(log n).
 * Return: The region, or NULL: there is none.
 */
const struct vmm_vmem_region *vmm_vmem_find_containing(
	const struct vmm_vmem *arena, vmm_va_t addr);

/**
 * vmm_vmem_floor() - The last used region that starts at or below an address.
 * @arena: The arena.
 * @addr:  Any address; with UINT64_MAX, the last used region of all.
 *
 * It may end before @addr: to ask what is at an address, use
 * vmm_vmem_find_containing(). A region starts with its lower guard.
 *
 * Cost:   O(log n).
 * Return: The region, or NULL: there is none.
 */
const struct vmm_vmem_region *vmm_vmem_floor(
	const struct vmm_vmem *arena, vmm_va_t addr);

/**
 * vmm_vmem_ceiling() - The first used region that starts at or above an address.
 * @arena: The arena.
 * @addr:  Any address; with 0, the first used region of all.
 *
 * Cost:   O(log n).
 * Return: The region, or NULL: there is none.
 */
const struct vmm_vmem_region *vmm_vmem_ceiling(
	const struct vmm_vmem *arena, vmm_va_t addr);

/**
 * vmm_vmem_next(), vmm_vmem_prev() - The used region after, and before, another.
 * @arena:  The arena.
 * @region: A used region of it.
 *
 * Cost:   O(log n); a walk over all is O(n).
 * Return: The region, or NULL: @region is the last, or the first.
 */
const struct vmm_vmem_region *vmm_vmem_next(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region);
const struct vmm_vmem_region *vmm_vmem_prev(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region);

/* Look up and walk all regions, used and free. */

/**
 * vmm_vmem_region_find() - The region, used or free, that an address lies in.
 * @arena: The arena.
 * @addr:  Any address.
 *
 * Cost:   O(log n).
 * Return: The region, or NULL: the address is in no span.
 */
const struct vmm_vmem_region *vmm_vmem_region_find(
	const struct vmm_vmem *arena, vmm_va_t addr);

/**
 * vmm_vmem_region_first(), vmm_vmem_region_next() - Walk all regions by address.
 * @arena:  The arena.
 * @region: A region of it, used or free.
 *
 * A gap between two regions is a gap between two spans.
 *
 * Cost:   O(1).
 * Return: The region, or NULL: there is none, or no more.
 */
const struct vmm_vmem_region *vmm_vmem_region_first(
	const struct vmm_vmem *arena);
const struct vmm_vmem_region *vmm_vmem_region_next(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *region);

/* Read a region. O(1), all of them. */

static inline bool vmm_vmem_region_is_used(const struct vmm_vmem_region *region)
{
	return region->state == VMM_VMEM_USED;
}

/* Bytes of the guard below (@above false) or above a used region; 0: none. */
static inline uint64_t vmm_vmem_region_guard(
	const struct vmm_vmem_region *region, bool above)
{
	VMM_ASSERT(region->state == VMM_VMEM_USED);
	return vmm_shift_left(
		region->as.used.guard[above], region->as.used.arena->shift);
}

/* A used region's place, behind the guard; a free region's first address. */
static inline vmm_va_t vmm_vmem_region_base(
	const struct vmm_vmem_region *region)
{
	return vmm_vmem_region_is_used(region)
		       ? region->base + vmm_vmem_region_guard(region, false)
		       : region->base;
}

/* A used region's size between the guards; a free region's size. Bytes. */
static inline uint64_t vmm_vmem_region_size(
	const struct vmm_vmem_region *region)
{
	return vmm_vmem_region_is_used(region)
		       ? region->size - vmm_vmem_region_guard(region, false) -
				 vmm_vmem_region_guard(region, true)
		       : region->size;
}

/*
 * The tags of a used region; zero after an allocation without tags. To be read
 * until the next call that sets tags, and until the region is freed.
 */
static inline const struct vmm_vmem_tags *vmm_vmem_region_tags(
	const struct vmm_vmem_region *region)
{
	static const struct vmm_vmem_tags none = {0, NULL, 0, 0};

	VMM_ASSERT(region->state == VMM_VMEM_USED);
	return region->tagged ? &region->as.used.tags : &none;
}

/* What its owner has done with a used region. */
static inline enum vmm_vmem_use vmm_vmem_region_use(
	const struct vmm_vmem_region *region)
{
	VMM_ASSERT(region->state == VMM_VMEM_USED);
	return (enum vmm_vmem_use)region->use;
}

/**
 * vmm_vmem_region_set_tags(), vmm_vmem_set_use() - Note something down in a
 *	used region.
 * @arena:  The arena that the region is of.
 * @region: The region.
 * @tags:   Copied.
 * @use:    What has become of the addresses; vmm_vmem_stat() has the sums.
 *
 * Cost: O(1).
 */
void vmm_vmem_region_set_tags(struct vmm_vmem *arena,
	const struct vmm_vmem_region *region, const struct vmm_vmem_tags *tags);
void vmm_vmem_set_use(struct vmm_vmem *arena,
	const struct vmm_vmem_region *region, enum vmm_vmem_use use);

/* Change the shape of a used region. To free a part: vmm_vmem_free_part(). */

/**
 * vmm_vmem_room(), vmm_vmem_room_below() - How far could a region grow?
 * @region: A used region.
 *
 * Cost:   O(1).
 * Return: The largest size that vmm_vmem_resize(), or vmm_vmem_resize_below(),
 *         could give it now; bytes.
 */
uint64_t vmm_vmem_room(const struct vmm_vmem_region *region);
uint64_t vmm_vmem_room_below(const struct vmm_vmem_region *region);

/**
 * vmm_vmem_resize() - Move the upper end of a region.
 * vmm_vmem_resize_below() - Move the lower end, and so its place.
 * @arena:  The arena.
 * @region: The handle, which stays. A guard at that end moves along.
 * @size:   The new size, not 0; rounded up to the quantum.
 *
 * Cost:   O(log n).
 * Return: VMM_OK, or
 *         VMM_ENOENT  no handle of a used region of this arena
 *         VMM_EINVAL  @size is 0
 *         VMM_ENOSPC  the neighbour there is not free, or too small
 *         VMM_ENOMEM  shrinking, and the neighbour there is not free: that
 *                     takes a node, and none is spare above the reserve
 */
VMM_NODISCARD int vmm_vmem_resize(struct vmm_vmem *arena,
	const struct vmm_vmem_region *region, uint64_t size);
VMM_NODISCARD int vmm_vmem_resize_below(struct vmm_vmem *arena,
	const struct vmm_vmem_region *region, uint64_t size);

/**
 * vmm_vmem_split() - Make two used regions of one.
 * @arena:     The arena.
 * @region:    The handle, which stays with the lower part.
 * @at:        The first address of the upper part: between the guards, not the
 *             place itself, a multiple of the quantum.
 * @upper_out: Receives the upper part: a region with the same tags and use,
 *             in a node of the arena's.
 *
 * To give a part of a region other tags. Guards stay at the outer ends.
 *
 * Cost:   O(log n).
 * Return: VMM_OK, or
 *         VMM_ENOENT  no handle of a used region of this arena
 *         VMM_EINVAL  @at is no such address
 *         VMM_ENOMEM  too few spare nodes above the reserve; 1 or 2 are needed
 */
VMM_NODISCARD int vmm_vmem_split(struct vmm_vmem *arena,
	const struct vmm_vmem_region *region, vmm_va_t at,
	const struct vmm_vmem_region **upper_out);

/**
 * vmm_vmem_join() - Make one used region of two: undo a split.
 * @arena:  The arena.
 * @region: The lower one, whose handle and tags stay. The upper one begins
 *          where it ends, and its handle becomes invalid.
 *
 * Cost:   O(log n).
 * Return: VMM_OK, or
 *         VMM_ENOENT  no handle of a used region of this arena
 *         VMM_EINVAL  what follows is not a used region, or was freed to a
 *                     cache by its handle; it has another use; or a guard is
 *                     between them
 */
VMM_NODISCARD int vmm_vmem_join(
	struct vmm_vmem *arena, const struct vmm_vmem_region *region);

#ifdef __cplusplus
}
#endif

#endif /* VMM_VMEM_REGION_H */
