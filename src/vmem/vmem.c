/* SPDX-License-Identifier: MIT */
/*
 * Address arenas: theory of operation
 *
 * 1. Words. An arena hands out addresses it never touches. It owns spans,
 *    given by vmm_vmem_add(). Regions tile each span; each is free or used,
 *    and no two free ones of a span touch: they have been merged (I2, I3). A
 *    node is the memory that describes a region. Nodes come from donated
 *    chunks and wait on the spare list (vmem_nodes.c).
 *
 * 2. The chain. Regions of both kinds are linked in address order, in a ring
 *    through the arena's head. A marker, a node that is no region, stands
 *    before each span's regions (vmem_span.c):
 *
 *      head - marker - used - free - used - marker - free - (head)
 *             |  first span               |  second span
 *
 *    So both neighbours of a region are one link away, and merging needs no
 *    look-up. Since neither a marker nor the head is free, merging stops at
 *    the borders of a span without asking where they are.
 *
 * 3. The free trees (vmem_store.c). A free region is in two trees at once,
 *    through two nodes that point at each other: by base, for requests by
 *    address, and by (size, base), for best fit. Whoever comes from one tree
 *    reaches the other through the pair, and a pair that does not lead back is
 *    the first sign of corruption (I4). Base is part of the size key, so keys
 *    are unique: a million equal sizes are as well balanced as any others, and
 *    the lowest comes first. Where the arena was given bins, free regions of
 *    small sizes stand in the list of their size instead, which is as good a
 *    best fit, and reached through two words of a bitmap; and where it was told
 *    that nothing is requested by address, nothing is in the tree by base.
 *
 * 4. The used tree (vmem_runs.c) finds the region at any address, used or free.
 *    It is unrolled: a node of it holds a run of up to 24 regions, so that it
 *    rarely changes when one of them comes or goes. A new region needs no
 *    descent: it joins the run of the region before it in the chain. Where an
 *    index was given (vmem_index.c), it mostly answers for the tree.
 *
 * 5. Allocation chooses a cut (vmem_search.c, vmem_place.c), sees that there
 *    are nodes for it, and makes it (vmem_alloc.c). What is left of the free
 *    region keeps its node. The used one gets a new node, unless nothing is
 *    left. A cut in the middle leaves two free regions; with a run that is full
 *    it takes three nodes, and no operation ever takes more.
 *
 * 6. Freeing (vmem_free.c) makes one free region of the used one and its free
 *    neighbours, and returns the nodes of all but one. It takes none, so it
 *    cannot fail. (A node of the caller's cannot become a free region; one of
 *    the arena's has been set aside for it.)
 *
 * 7. Cost. A tree descent or step is O(log n) in the worst case, a run has at
 *    most 24 members, and every operation does a bounded number of either.
 *    Tree depth is at most 2 * log2(n + 1).
 *
 * 8. Rejected. A used tree of single regions: with all else as it is, its
 *    rebalancing is most of the cost of a call. A hash from base to region as
 *    the authority for free(): it cannot answer floor and containing, and must
 *    grow. One tree by base with the largest free size as its only index: it
 *    finds a fit but not the best one. Summaries of binned regions in every
 *    arena: only requests by address ask for them, and keeping them takes as
 *    long as all the rest of a call.
 */
#include "vmem/vmem_runs.h"
#include "vmem/vmem_store.h"

VMM_RARE void vmm_vmem_init(struct vmm_vmem *arena, uint64_t quantum)
{
	VMM_ASSERT(arena != NULL);
	VMM_ASSERT(vmm_is_pow2(quantum));

	*arena = (struct vmm_vmem){.quantum = quantum};
	while (quantum >> arena->shift > 1)
		arena->shift++;
	arena->head.state = VMM_VMEM_HEAD;
	arena->head.link[BEFORE] = &arena->head;
	arena->head.link[AFTER] = &arena->head;
}

VMM_RARE void vmm_vmem_free_all(struct vmm_vmem *arena)
{
	while (arena->used_count != 0) {
		int err =
			vmm_vmem_free_region(arena, vmm_vmem_ceiling(arena, 0));

		VMM_ASSERT(err == VMM_OK);
		(void)err;
	}
}

VMM_RARE int vmm_vmem_fini(struct vmm_vmem *arena)
{
	const struct vmm_rb_node *node;

	VMM_ASSERT(arena->quantum != 0);

	if (arena->used_count != 0)
		return VMM_EBUSY;
	for (node = vmm_rb_first(&arena->spans); node != NULL;
		node = vmm_rb_next(node)) {
		if (vmm_vmem_of_span(node)->as.span.source != NULL)
			return VMM_EBUSY;
	}
	while (!vmm_rb_is_empty(&arena->spans))
		vmm_vmem_span_delete(
			arena, vmm_vmem_of_span(arena->spans.root));

	VMM_ASSERT(arena->spare_count == arena->node_count);
	VMM_ASSERT(arena->head.link[AFTER] == &arena->head);
	arena->spare = NULL;
	arena->spare_count = 0;
	arena->node_count = 0;
	arena->quantum = 0;
	return VMM_OK;
}

/* 2^64, which a sum over the whole address space may reach, is stored as 0: one
   less stands for it. */
static uint64_t sum(uint64_t value, size_t terms)
{
	return value - (value == 0 && terms != 0);
}

VMM_RARE void vmm_vmem_stat(
	const struct vmm_vmem *arena, struct vmm_vmem_stat *stat_out)
{
	uint64_t rest;
	size_t count;

	*stat_out = (struct vmm_vmem_stat){
		.size = sum(arena->size, arena->span_count),
		.used_size = sum(arena->used_size, arena->used_count),
		.free_size =
			sum(arena->size - arena->used_size, arena->free_count),
		.largest_free = vmm_vmem_store_largest(arena),
		.span_count = arena->span_count,
		.used_count = arena->used_count,
		.free_count = arena->free_count,
		.run_count = arena->run_count,
		.node_count = arena->node_count,
		.spare_count = arena->spare_count,
		.reserve = arena->reserve,
	};
	rest = arena->used_size;
	count = arena->used_count;
	for (unsigned use = VMM_VMEM_COMMITTED; use < VMM_VMEM_USE_COUNT;
		use++) {
		stat_out->use_size[use] =
			sum(arena->use_size[use], arena->use_count[use]);
		rest -= arena->use_size[use];
		count -= arena->use_count[use];
	}
	stat_out->use_size[VMM_VMEM_RESERVED] = sum(rest, count);
}
