/* SPDX-License-Identifier: MIT */
/*
 * Address arenas: theory of operation
 *
 * 1. Words. An arena hands out addresses it never touches. It owns spans,
 *    given by vmm_vmem_add(). Regions tile each span; each is free or used,
 *    and no two free ones of a span touch: they have been merged (I2, I3). A
 *    node is the memory that describes a region. Nodes come from donated
 *    chunks and wait on the spare list.
 *
 * 2. The chain. Regions of both kinds are linked in address order, in a ring
 *    through the arena's head. A marker, a node that is no region, stands
 *    before each span's regions:
 *
 *      head - marker - used - free - used - marker - free - (head)
 *             |  first span               |  second span
 *
 *    So both neighbours of a region are one link away, and merging needs no
 *    look-up. Since neither a marker nor the head is free, merging stops at
 *    the borders of a span without asking where they are.
 *
 * 3. The trees. A used region is in the used tree, by base. A free one is in
 *    two trees at once, through two nodes that point at each other:
 *
 *        by base                        by (size, base)
 *        +-----------+  pair            +-----------+
 *        | by_base   | <--------------> | by_size   |
 *        +-----------+                  +-----------+
 *
 *    By base answers "is this address free?"; by size answers "what fits
 *    best?". Whoever comes from one tree reaches the other through the pair,
 *    and a pair that does not lead back is the first sign of corruption (I4).
 *    Base is part of the size key, so keys are unique: a million equal sizes
 *    are as well balanced as any others, and the lowest comes first.
 *
 * 4. Allocation finds a free region and cuts the range out of it. What is left
 *    keeps its node and its place in the tree by base; in the tree by size
 *    it is moved only if its new key has passed a neighbour's. The used region
 *    gets a new node, unless nothing is left. Its neighbours in the used tree
 *    are mostly one or two links away in the chain; then it is inserted
 *    beside them and no tree is searched. A cut in the middle leaves two free
 *    regions, and takes two nodes: no operation ever takes more.
 *
 * 5. Freeing turns the node into a free region, or grows a free neighbour over
 *    it and returns the node. It takes no node, so it cannot fail.
 *
 * 6. Cost. A tree descent or step is O(log n) in the worst case; every
 *    operation does a constant number of them. Tree depth is at most
 *    2 * log2(n + 1).
 *
 * 7. Rejected. Walking from the best fit upwards until an aligned place is
 *    found: linear against an adversary. A hash from base to region for free():
 *    it cannot answer floor and containing, and must grow. One tree by base
 *    augmented with the largest free size: finds a fit but not the best one.
 */
#include "vmem/vmem_internal.h"

void vmm_vmem_init(struct vmm_vmem *arena, uint64_t quantum)
{
	VMM_ASSERT(arena != NULL);
	VMM_ASSERT(vmm_is_pow2(quantum));

	*arena = (struct vmm_vmem){.quantum = quantum};
	arena->head.state = VMM_VMEM_HEAD;
	arena->head.link[BEFORE] = &arena->head;
	arena->head.link[AFTER] = &arena->head;
}

/* Does a span share an address with (base, size)? */
static bool spans_overlap(
	const struct vmm_vmem *arena, vmm_va_t base, uint64_t size)
{
	/* Only the last span that starts below the range's end can. */
	const struct vmm_vmem_region *below =
		vmm_vmem_tree_floor(&arena->spans, vmm_range_last(base, size));

	return below != NULL && base <= vmm_vmem_last(below);
}

int vmm_vmem_add(struct vmm_vmem *arena, vmm_va_t base, uint64_t size)
{
	struct vmm_vmem_region *marker;
	struct vmm_vmem_region *region;
	struct vmm_vmem_region *above;

	VMM_ASSERT(arena->quantum != 0);

	if (size == 0 || !vmm_is_aligned(base | size, arena->quantum))
		return VMM_EINVAL;
	if (!vmm_range_ok(base, size))
		return VMM_ERANGE;
	if (spans_overlap(arena, base, size))
		return VMM_EEXIST;
	if (!vmm_vmem_node_has(arena, 2, 0))
		return VMM_ENOMEM;

	/* The chain goes on behind the last region of the span below. */
	above = vmm_vmem_tree_ceiling(&arena->spans, base);
	if (above == NULL)
		above = &arena->head;
	marker = vmm_vmem_node_get(arena);
	marker->base = base;
	marker->size = size;
	vmm_vmem_chain_add(above->link[BEFORE], marker);
	vmm_vmem_span_insert(arena, marker);

	region = vmm_vmem_node_get(arena);
	region->base = base;
	region->size = size;
	vmm_vmem_chain_add(marker, region);
	vmm_vmem_free_insert(arena, region);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}

/* Take out a span whose only region is free. */
static void remove_span(struct vmm_vmem *arena, struct vmm_vmem_region *marker)
{
	struct vmm_vmem_region *region = marker->link[AFTER];

	VMM_ASSERT(region->state == VMM_VMEM_FREE);
	VMM_ASSERT(region->size == marker->size);

	vmm_vmem_free_erase(arena, region);
	vmm_vmem_chain_remove(region);
	vmm_vmem_node_put(arena, region);
	vmm_vmem_span_erase(arena, marker);
	vmm_vmem_chain_remove(marker);
	vmm_vmem_node_put(arena, marker);
}

int vmm_vmem_remove(struct vmm_vmem *arena, vmm_va_t base)
{
	struct vmm_vmem_region *marker;
	const struct vmm_vmem_region *region;

	VMM_ASSERT(arena->quantum != 0);

	marker = vmm_vmem_tree_floor(&arena->spans, base);
	if (marker == NULL || marker->base != base)
		return VMM_ENOENT;
	region = marker->link[AFTER];
	if (region->state != VMM_VMEM_FREE || region->size != marker->size)
		return VMM_EBUSY;
	remove_span(arena, marker);
	VMM_ASSERT_SLOW(vmm_vmem_check(arena) == VMM_OK);
	return VMM_OK;
}

void vmm_vmem_free_all(struct vmm_vmem *arena)
{
	while (!vmm_rb_is_empty(&arena->used)) {
		int err = vmm_vmem_free_region(
			arena, vmm_vmem_of_base(arena->used.root));

		VMM_ASSERT(err == VMM_OK);
		(void)err;
	}
}

int vmm_vmem_fini(struct vmm_vmem *arena)
{
	VMM_ASSERT(arena->quantum != 0);

	if (arena->used_count != 0)
		return VMM_EBUSY;
	while (!vmm_rb_is_empty(&arena->spans))
		remove_span(arena, vmm_vmem_of_base(arena->spans.root));

	VMM_ASSERT(arena->spare_count == arena->node_count);
	VMM_ASSERT(arena->head.link[AFTER] == &arena->head);
	arena->spare = NULL;
	arena->spare_count = 0;
	arena->node_count = 0;
	arena->quantum = 0;
	return VMM_OK;
}

/* 2^64, which a sum over the whole address space may reach, is stored as 0. */
static uint64_t sum(uint64_t value, size_t terms)
{
	return value == 0 && terms != 0 ? UINT64_MAX : value;
}

void vmm_vmem_stat(const struct vmm_vmem *arena, struct vmm_vmem_stat *stat_out)
{
	const struct vmm_rb_node *largest = vmm_rb_last(&arena->free_by_size);

	*stat_out = (struct vmm_vmem_stat){
		.size = sum(arena->size, arena->span_count),
		.used_size = sum(arena->used_size, arena->used_count),
		.free_size =
			sum(arena->size - arena->used_size, arena->free_count),
		.span_count = arena->span_count,
		.used_count = arena->used_count,
		.free_count = arena->free_count,
		.node_count = arena->node_count,
		.spare_count = arena->spare_count,
		.reserve = arena->reserve,
	};
	if (largest != NULL)
		stat_out->largest_free = vmm_vmem_of_size(largest)->size;
}
