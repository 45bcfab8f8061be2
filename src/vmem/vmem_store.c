/* SPDX-License-Identifier: MIT */
/*
 * The free regions. Those whose size has a bin hang in the list of their size;
 * finding the smallest sufficient one is two looks at a bitmap. The others
 * stand in the two free trees:
 *
 *        by base                        by (size, base)
 *        +-----------+  pair            +-----------+
 *        | by_base   | <--------------> | by_size   |
 *        +-----------+                  +-----------+
 *
 * The tree by base knows for each subtree the largest size in it, so that the
 * nearest sufficient region above or below an address is found without looking
 * at those between. For binned regions the runs know the same (vmem_runs.c).
 *
 * Without bins all free regions are in the trees. With bins, and without
 * requests by address, there is no tree by base: such requests are all it is
 * for, and it would cost as much as the other. Held regions, those of spans for
 * fixed requests, are in none of these: only their address leads to them.
 */
#include "vmem/vmem_store.h"

VMM_RARE void vmm_vmem_set_bins(
	struct vmm_vmem *arena, struct vmm_vmem_bins *bins, bool by_address)
{
	VMM_ASSERT(arena->quantum != 0);
	VMM_ASSERT(arena->span_count == 0);

	arena->bins = bins;
	arena->bin_count = bins != NULL ? VMM_VMEM_BINS : 0;
	arena->by_address = bins != NULL && by_address;
	if (bins == NULL)
		return;
	bins->summary = 0;
	for (unsigned i = 0; i < VMM_VMEM_BINS / 64; i++)
		bins->map[i] = 0;
	for (unsigned i = 0; i < VMM_VMEM_BINS; i++)
		bins->head[i] = &bins->end;
}

/* The trees. */

static uint64_t subtree_largest(const struct vmm_rb_node *node)
{
	return node != NULL ? vmm_vmem_of_base(node)->as.tree.largest : 0;
}

static bool update_largest(struct vmm_rb_node *node)
{
	struct vmm_vmem_region *region = vmm_vmem_of_base(node);
	uint64_t before = region->as.tree.largest;
	uint64_t largest = region->size;

	for (unsigned dir = VMM_RB_LEFT; dir <= VMM_RB_RIGHT; dir++) {
		uint64_t below = subtree_largest(node->child[dir]);

		largest = below > largest ? below : largest;
	}
	region->as.tree.largest = largest;
	return largest != before;
}

static bool has_size(
	const struct vmm_rb_node *node, uint64_t size, bool subtree)
{
	const struct vmm_vmem_region *region = vmm_vmem_of_base(node);

	return (subtree ? region->as.tree.largest : region->size) >= size;
}

/* From the tree by base to the tree by size, along the pair. */
static struct vmm_rb_node *partner(struct vmm_vmem_region *region)
{
	struct vmm_vmem_node *pair = region->as.tree.by_base.pair;

	VMM_ASSERT(pair != NULL && pair->pair == &region->as.tree.by_base);

	return &pair->rb;
}

static void size_insert(struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	struct vmm_rb_node *parent = NULL;
	struct vmm_rb_node *node = arena->free_by_size.root;
	unsigned dir = VMM_RB_LEFT;

	while (node != NULL) {
		parent = node;
		dir = vmm_vmem_key_below(
			vmm_vmem_of_size(node), region->size, region->base);
		node = node->child[dir];
	}
	vmm_rb_insert_at(
		&arena->free_by_size, &region->as.tree.by_size.rb, parent, dir);
	if (arena->least == NULL ||
		vmm_vmem_key_below(
			region, arena->least->size, arena->least->base))
		arena->least = region;
}

static void size_erase(struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	if (arena->least == region)
		arena->least = vmm_vmem_trees_larger(region);
	vmm_rb_erase(&arena->free_by_size, partner(region));
}

static void base_insert(struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	struct vmm_rb_node *parent = NULL;
	struct vmm_rb_node *node = arena->free_by_base.root;
	unsigned dir = VMM_RB_LEFT;

	while (node != NULL) {
		parent = node;
		dir = vmm_vmem_of_base(node)->base < region->base;
		node = node->child[dir];
	}
	vmm_rb_insert_at_with(&arena->free_by_base, &region->as.tree.by_base.rb,
		parent, dir, update_largest);
}

static void trees_add(struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	region->as.tree.by_base.pair = &region->as.tree.by_size;
	region->as.tree.by_size.pair = &region->as.tree.by_base;
	if (vmm_vmem_has_by_base(arena))
		base_insert(arena, region);
	size_insert(arena, region);
	arena->tree_count++;
}

static void trees_remove(struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	size_erase(arena, region);
	if (vmm_vmem_has_by_base(arena))
		vmm_rb_erase_with(&arena->free_by_base,
			&region->as.tree.by_base.rb, update_largest);
	arena->tree_count--;
}

/*
 * Is there, in the tree by size, a region between the old key and the new one?
 * Then it has to be moved there.
 */
static bool passes(
	const struct vmm_vmem_region *region, vmm_va_t base, uint64_t size)
{
	bool up = vmm_vmem_key_below(region, size, base);
	const struct vmm_rb_node *next = vmm_rb_step(
		&region->as.tree.by_size.rb, up ? VMM_RB_RIGHT : VMM_RB_LEFT);

	return next != NULL &&
	       vmm_vmem_key_below(vmm_vmem_of_size(next), size, base) == up;
}

static VMM_NOINLINE void trees_move(struct vmm_vmem *arena,
	struct vmm_vmem_region *region, vmm_va_t base, uint64_t size)
{
	bool moves = passes(region, base, size);

	if (moves)
		size_erase(arena, region);
	region->base = base;
	region->size = size;
	if (moves)
		size_insert(arena, region);
	if (vmm_vmem_has_by_base(arena))
		vmm_rb_propagate(&region->as.tree.by_base.rb, update_largest);
}

void vmm_vmem_trees_resize(struct vmm_vmem *arena,
	struct vmm_vmem_region *region, vmm_va_t base, uint64_t size)
{
	if (region == arena->least && vmm_vmem_least_stays(region, base, size))
		vmm_vmem_least_set(arena, region, base, size);
	else
		trees_move(arena, region, base, size);
}

/* Both. */

void vmm_vmem_store_add(struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	uint64_t bin = vmm_vmem_bin_of(arena, region->size);

	region->state = VMM_VMEM_FREE;
	arena->free_count++;
	if (VMM_UNLIKELY(region->flags & VMM_VMEM_IS_HELD))
		return;
	if (VMM_LIKELY(bin != 0))
		vmm_vmem_bin_add(arena->bins, region, bin);
	else
		trees_add(arena, region);
}

void vmm_vmem_store_remove(
	struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	uint64_t bin = vmm_vmem_bin_of(arena, region->size);

	VMM_ASSERT(region->state == VMM_VMEM_FREE);

	arena->free_count--;
	if (VMM_UNLIKELY(region->flags & VMM_VMEM_IS_HELD))
		return;
	if (VMM_LIKELY(bin != 0))
		vmm_vmem_bin_remove(arena->bins, region, bin);
	else
		trees_remove(arena, region);
}

void vmm_vmem_store_resize(struct vmm_vmem *arena,
	struct vmm_vmem_region *region, vmm_va_t base, uint64_t size)
{
	uint64_t old = vmm_vmem_bin_of(arena, region->size);
	uint64_t new = vmm_vmem_bin_of(arena, size);

	VMM_ASSERT(region->state == VMM_VMEM_FREE);

	if (VMM_LIKELY(old != 0 && new != 0 && region->flags == 0)) {
		vmm_vmem_bin_remove(arena->bins, region, old);
		region->base = base;
		region->size = size;
		vmm_vmem_bin_add(arena->bins, region, new);
		return;
	}
	if ((old | new) == 0 && region->flags == 0) {
		vmm_vmem_trees_resize(arena, region, base, size);
		return;
	}
	vmm_vmem_store_remove(arena, region);
	region->base = base;
	region->size = size;
	vmm_vmem_store_add(arena, region);
}

struct vmm_vmem_region *vmm_vmem_trees_find(
	const struct vmm_vmem *arena, uint64_t size)
{
	const struct vmm_rb_node *node = arena->free_by_size.root;
	struct vmm_vmem_region *best = NULL;

	if (size == 0)
		return NULL;
	while (node != NULL) {
		struct vmm_vmem_region *region = vmm_vmem_of_size(node);
		unsigned dir = region->size < size;

		best = dir ? best : region;
		node = node->child[dir];
	}
	return best;
}

struct vmm_vmem_region *vmm_vmem_trees_larger(
	const struct vmm_vmem_region *region)
{
	const struct vmm_rb_node *next =
		vmm_rb_next(&region->as.tree.by_size.rb);

	return next != NULL ? vmm_vmem_of_size(next) : NULL;
}

VMM_RARE uint64_t vmm_vmem_store_largest(const struct vmm_vmem *arena)
{
	const struct vmm_rb_node *last = vmm_rb_last(&arena->free_by_size);
	const struct vmm_vmem_bins *bins = arena->bins;
	unsigned word;

	if (last != NULL)
		return vmm_vmem_of_size(last)->size;
	if (bins == NULL || bins->summary == 0)
		return 0;
	word = vmm_log2(bins->summary);
	return (word * UINT64_C(64) + vmm_log2(bins->map[word]) + 1)
	       << arena->shift;
}

struct vmm_vmem_region *vmm_vmem_store_beyond(
	const struct vmm_vmem_region *region, unsigned dir, uint64_t size)
{
	const struct vmm_rb_node *near =
		vmm_rb_seek(&region->as.tree.by_base.rb, dir, has_size, size);

	return near != NULL ? vmm_vmem_of_base(near) : NULL;
}

struct vmm_vmem_region *vmm_vmem_store_seek(const struct vmm_vmem *arena,
	vmm_va_t addr, unsigned dir, uint64_t size)
{
	const struct vmm_rb_node *node = arena->free_by_base.root;
	const struct vmm_rb_node *near = NULL;

	/* The nearest in direction @dir, whatever its size. */
	while (node != NULL) {
		vmm_va_t base = vmm_vmem_of_base(node)->base;
		bool ahead = dir == AFTER ? base >= addr : base <= addr;

		near = ahead ? node : near;
		node = node->child[ahead ? !dir : dir];
	}
	if (near == NULL)
		return NULL;
	if (vmm_vmem_of_base(near)->size >= size)
		return vmm_vmem_of_base(near);
	return vmm_vmem_store_beyond(vmm_vmem_of_base(near), dir, size);
}
