/* SPDX-License-Identifier: MIT */
/*
 * The checker of arenas, second half: what does not follow from the chain. The
 * summaries, the order of the tree by size, the bins.
 */
#include "vmem/vmem_check.h"
#include "vmem/vmem_runs.h"
#include "vmem/vmem_store.h"

/* Is a summary what its node and children say? Then, from the leaves up, all
   are right. */
static bool check_largest(const struct vmm_rb_tree *tree)
{
	const struct vmm_rb_node *node = vmm_rb_first(tree);

	for (; node != NULL; node = vmm_rb_next(node)) {
		const struct vmm_vmem_region *region = vmm_vmem_of_base(node);
		uint64_t largest = region->size;

		for (unsigned dir = VMM_RB_LEFT; dir <= VMM_RB_RIGHT; dir++) {
			const struct vmm_rb_node *child = node->child[dir];
			uint64_t below = child == NULL
						 ? 0
						 : vmm_vmem_of_base(child)
							   ->as.tree.largest;

			largest = below > largest ? below : largest;
		}
		if (region->as.tree.largest != largest)
			return false;
	}
	return true;
}

/* The gaps of slots that are not taken are 0: the checker of the chain, which
   has compared the others, relies on it here. */
static bool check_run(const struct vmm_vmem_run *run)
{
	uint16_t gap = 0;
	uint16_t own;

	for (unsigned slot = 0; slot < VMM_VMEM_RUN_MAX; slot++) {
		if ((run->taken >> slot & 1) == 0 && run->gap[slot] != 0)
			return false;
		gap = run->gap[slot] > gap ? run->gap[slot] : gap;
	}
	own = run->count != run->markers ? (uint16_t)(gap | VMM_VMEM_ANY_USED)
					 : gap;
	return run->own == own;
}

static bool check_runs(const struct vmm_rb_tree *tree)
{
	const struct vmm_rb_node *node = vmm_rb_first(tree);

	for (; node != NULL; node = vmm_rb_next(node)) {
		const struct vmm_vmem_run *run = vmm_vmem_of_run(node);
		unsigned gap = run->own & VMM_VMEM_GAP_MASK;
		unsigned any = run->own & VMM_VMEM_ANY_USED;

		for (unsigned dir = VMM_RB_LEFT; dir <= VMM_RB_RIGHT; dir++) {
			unsigned below;

			if (node->child[dir] == NULL)
				continue;
			below = vmm_vmem_of_run(node->child[dir])->subtree;
			any |= below & VMM_VMEM_ANY_USED;
			below &= VMM_VMEM_GAP_MASK;
			gap = below > gap ? below : gap;
		}
		if (!check_run(run) || run->subtree != (gap | any))
			return false;
	}
	return true;
}

/*
 * I5 for the tree by size: strictly ascending keys, so no region twice; each
 * a free region of the chain, as its neighbours confirm.
 */
static bool check_sizes(const struct vmm_vmem *arena)
{
	const struct vmm_rb_node *node = vmm_rb_first(&arena->free_by_size);
	const struct vmm_vmem_region *before = NULL;

	if (arena->least != (node != NULL ? vmm_vmem_of_size(node) : NULL))
		return false;
	for (; node != NULL; node = vmm_rb_next(node)) {
		const struct vmm_vmem_region *region = vmm_vmem_of_size(node);

		if (region->state != VMM_VMEM_FREE ||
			!vmm_vmem_is_region(region->link[BEFORE]) ||
			region->link[BEFORE]->link[AFTER] != region)
			return false;
		if (before != NULL &&
			(before->size > region->size ||
				(before->size == region->size &&
					before->base >= region->base)))
			return false;
		before = region;
	}
	return true;
}

bool vmm_vmem_check_trees(const struct vmm_vmem *arena)
{
	return check_largest(&arena->free_by_base) &&
	       check_runs(&arena->used) && check_sizes(arena);
}

/*
 * One list. Each region's link leads back to where it was reached from, so
 * none is met twice and no list leads into another.
 */
static bool check_bin(
	const struct vmm_vmem *arena, uint64_t quanta, size_t *left)
{
	struct vmm_vmem_region *const *link = &arena->bins->head[quanta - 1];

	while (*link != &arena->bins->end) {
		const struct vmm_vmem_region *region = *link;

		if (!vmm_vmem_is_region(region) || (*left)-- == 0 ||
			region->state != VMM_VMEM_FREE ||
			(region->flags & VMM_VMEM_IS_HELD) != 0 ||
			region->size != quanta << arena->shift ||
			region->as.bin.link != link)
			return false;
		link = &region->as.bin.next;
	}
	return true;
}

bool vmm_vmem_check_bins(const struct vmm_vmem *arena, size_t count)
{
	const struct vmm_vmem_bins *bins = arena->bins;
	uint64_t summary = 0;

	if (bins == NULL)
		return count == 0 && arena->bin_count == 0;
	if (arena->bin_count != VMM_VMEM_BINS)
		return false;
	for (unsigned i = 0; i < VMM_VMEM_BINS; i++) {
		bool bit = bins->map[i / 64] >> i % 64 & 1;

		if (bit != (bins->head[i] != &bins->end) ||
			!check_bin(arena, i + 1u, &count))
			return false;
		if (bit)
			summary |= UINT64_C(1) << i / 64;
	}
	return count == 0 && summary == bins->summary;
}
