/* SPDX-License-Identifier: MIT */
/*
 * The free regions: bins for the sizes that have one, the two trees for the
 * others. See vmem_store.c. What the way of most requests does is inline here.
 */
#ifndef VMM_VMEM_STORE_H
#define VMM_VMEM_STORE_H

#include "core/bits.h"
#include "vmem/vmem_internal.h"

/* The size in quanta if that has a bin, else 0. */
static inline uint64_t vmm_vmem_bin_of(
	const struct vmm_vmem *arena, uint64_t size)
{
	uint64_t quanta = vmm_shift_right(size, arena->shift);

	return quanta <= arena->bin_count ? quanta : 0;
}

/*
 * Lists end in a region that belongs to none, so that adding and removing need
 * no branch: whether a list is empty is as good as random.
 */
static inline void vmm_vmem_bin_add(struct vmm_vmem_bins *bins,
	struct vmm_vmem_region *region, uint64_t quanta)
{
	uint64_t i = quanta - 1;
	struct vmm_vmem_region *head = bins->head[i];

	region->as.bin.next = head;
	region->as.bin.link = &bins->head[i];
	head->as.bin.link = &region->as.bin.next;
	bins->head[i] = region;
	bins->map[i / 64] |= UINT64_C(1) << i % 64;
	bins->summary |= UINT64_C(1) << i / 64;
}

static inline void vmm_vmem_bin_remove(struct vmm_vmem_bins *bins,
	struct vmm_vmem_region *region, uint64_t quanta)
{
	uint64_t i = quanta - 1;
	struct vmm_vmem_region *next = region->as.bin.next;
	uint64_t empty;

	VMM_ASSERT(*region->as.bin.link == region);

	*region->as.bin.link = next;
	next->as.bin.link = region->as.bin.link;
	empty = bins->head[i] == &bins->end;
	bins->map[i / 64] &= ~(empty << i % 64);
	empty = bins->map[i / 64] == 0;
	bins->summary &= ~(empty << i / 64);
}

/* The smallest size from @quanta on, in quanta, that is in a bin; 0: none. */
static inline uint64_t vmm_vmem_bin_from(
	const struct vmm_vmem_bins *bins, uint64_t quanta)
{
	uint64_t i = quanta - 1;
	uint64_t word = i / 64;
	uint64_t bits = bins->map[word] & UINT64_MAX << i % 64;

	if (bits == 0) {
		uint64_t words = bins->summary & UINT64_MAX << word << 1;

		if (words == 0)
			return 0;
		word = vmm_ctz(words);
		bits = bins->map[word];
	}
	return word * 64 + vmm_ctz(bits) + 1;
}

/* The trees, for regions without a bin. */

/* Is (size, base) of @region before (@size, @base)? */
static inline bool vmm_vmem_key_below(
	const struct vmm_vmem_region *region, uint64_t size, vmm_va_t base)
{
	/* As one number of 128 bits: in a descent, a branch is a guess. */
	return (region->size < size) |
	       ((region->size == size) & (region->base < base));
}

/* Are they in the tree by base as well? Nothing but requests by address, which
   are refused then, reads that. */
static inline bool vmm_vmem_has_by_base(const struct vmm_vmem *arena)
{
	return arena->bins == NULL || arena->by_address;
}

struct vmm_vmem_region *vmm_vmem_trees_find(
	const struct vmm_vmem *arena, uint64_t size);
/* Move an end of one. Its order by address must not change. */
void vmm_vmem_trees_resize(struct vmm_vmem *arena,
	struct vmm_vmem_region *region, vmm_va_t base, uint64_t size);

/* The smallest region of the trees of at least @size bytes; none: NULL. */
static inline struct vmm_vmem_region *vmm_vmem_trees_best(
	const struct vmm_vmem *arena, uint64_t size)
{
	struct vmm_vmem_region *least = arena->least;

	/* Rounding up to 2^64 gives 0: more than any span holds. */
	if (VMM_LIKELY(least == NULL || size - 1 < least->size))
		return least;
	return vmm_vmem_trees_find(arena, size);
}

/*
 * The least region of the trees is what most requests are cut from that find no
 * bin. As long as it stays the least, larger or smaller, its place in the trees
 * stays, and so do the sums above it: they are of regions at least as large.
 */
static inline void vmm_vmem_least_set(const struct vmm_vmem *arena,
	struct vmm_vmem_region *least, vmm_va_t base, uint64_t size)
{
	const struct vmm_rb_node *node = &least->as.tree.by_base.rb;

	VMM_ASSERT(least->as.tree.by_base.pair == &least->as.tree.by_size);

	least->base = base;
	least->size = size;
	if (vmm_vmem_has_by_base(arena) && node->child[VMM_RB_LEFT] == NULL &&
		node->child[VMM_RB_RIGHT] == NULL)
		least->as.tree.largest = size;
}

/*
 * Would it stay the least? The next one by size is near: the first of a tree has
 * no left child, and its right one is a leaf.
 */
static inline bool vmm_vmem_least_stays(
	const struct vmm_vmem_region *least, vmm_va_t base, uint64_t size)
{
	const struct vmm_rb_node *node = &least->as.tree.by_size.rb;
	const struct vmm_rb_node *next = node->child[VMM_RB_RIGHT];

	if (next == NULL)
		next = vmm_rb_parent(node);
	return next == NULL ||
	       !vmm_vmem_key_below(vmm_vmem_of_size(next), size, base);
}

/*
 * Make a chained node with base, size and flags a free region, and undo that.
 * The node's place in the chain stays.
 */
void vmm_vmem_store_add(struct vmm_vmem *arena, struct vmm_vmem_region *region);
void vmm_vmem_store_remove(
	struct vmm_vmem *arena, struct vmm_vmem_region *region);
/* Move an end of a free region. Its order by address must not change. */
void vmm_vmem_store_resize(struct vmm_vmem *arena,
	struct vmm_vmem_region *region, vmm_va_t base, uint64_t size);

/* The one that follows a region of the trees by (size, base), or NULL. */
struct vmm_vmem_region *vmm_vmem_trees_larger(
	const struct vmm_vmem_region *region);
uint64_t vmm_vmem_store_largest(const struct vmm_vmem *arena);
/*
 * In the tree by base, the nearest region of at least @size bytes whose base is
 * not below @addr (@dir AFTER) or not above it (BEFORE), or NULL.
 */
struct vmm_vmem_region *vmm_vmem_store_seek(const struct vmm_vmem *arena,
	vmm_va_t addr, unsigned dir, uint64_t size);
/* The next such one beyond a region of the tree. */
struct vmm_vmem_region *vmm_vmem_store_beyond(
	const struct vmm_vmem_region *region, unsigned dir, uint64_t size);

#endif /* VMM_VMEM_STORE_H */
