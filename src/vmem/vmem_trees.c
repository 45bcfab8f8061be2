/* SPDX-License-Identifier: MIT */
/*
 * The chain and the four trees: keeping each in order, one at a time.
 */
#include "vmem/vmem_internal.h"

void vmm_vmem_chain_add(
	struct vmm_vmem_region *at, struct vmm_vmem_region *region)
{
	struct vmm_vmem_region *after = at->link[AFTER];

	VMM_ASSERT(after->link[BEFORE] == at);

	region->link[BEFORE] = at;
	region->link[AFTER] = after;
	at->link[AFTER] = region;
	after->link[BEFORE] = region;
}

void vmm_vmem_chain_remove(struct vmm_vmem_region *region)
{
	struct vmm_vmem_region *before = region->link[BEFORE];
	struct vmm_vmem_region *after = region->link[AFTER];

	VMM_ASSERT(before->link[AFTER] == region);
	VMM_ASSERT(after->link[BEFORE] == region);

	before->link[AFTER] = after;
	after->link[BEFORE] = before;
}

struct vmm_vmem_region *vmm_vmem_tree_floor(
	const struct vmm_rb_tree *tree, vmm_va_t addr)
{
	const struct vmm_rb_node *node = tree->root;
	struct vmm_vmem_region *best = NULL;

	while (node != NULL) {
		struct vmm_vmem_region *region = vmm_vmem_of_base(node);
		unsigned dir = region->base <= addr;

		best = dir ? region : best;
		node = node->child[dir];
	}
	return best;
}

struct vmm_vmem_region *vmm_vmem_tree_ceiling(
	const struct vmm_rb_tree *tree, vmm_va_t addr)
{
	const struct vmm_rb_node *node = tree->root;
	struct vmm_vmem_region *best = NULL;

	while (node != NULL) {
		struct vmm_vmem_region *region = vmm_vmem_of_base(node);
		unsigned dir = region->base < addr;

		best = dir ? best : region;
		node = node->child[dir];
	}
	return best;
}

struct vmm_vmem_region *vmm_vmem_best(
	const struct vmm_vmem *arena, uint64_t size)
{
	const struct vmm_rb_node *node = arena->free_by_size.root;
	struct vmm_vmem_region *best = NULL;

	while (node != NULL) {
		struct vmm_vmem_region *region = vmm_vmem_of_size(node);
		unsigned dir = region->size < size;

		best = dir ? best : region;
		node = node->child[dir];
	}
	return best;
}

struct vmm_vmem_region *vmm_vmem_next_larger(
	const struct vmm_vmem_region *region)
{
	const struct vmm_rb_node *next = vmm_rb_next(&region->as.by_size.rb);

	return next != NULL ? vmm_vmem_of_size(next) : NULL;
}

static void base_descend(
	struct vmm_rb_tree *tree, struct vmm_vmem_region *region)
{
	struct vmm_rb_node *parent = NULL;
	struct vmm_rb_node *node = tree->root;
	unsigned dir = VMM_RB_LEFT;

	while (node != NULL) {
		parent = node;
		dir = vmm_vmem_of_base(node)->base < region->base;
		node = node->child[dir];
	}
	vmm_rb_insert_at(tree, &region->by_base.rb, parent, dir);
}

/*
 * Insert a chained region into the tree by base that holds the regions of its
 * state. In the chain, the tree's nearest member is often one link away or
 * two: free regions never touch, so what follows a free one is a used one or
 * a marker. Then it is also the neighbour in the tree. From a region, two
 * links do not lead round the ring to another one: it has a marker of its own
 * span before it, and behind the head comes the first marker.
 */
static void base_insert(
	struct vmm_rb_tree *tree, struct vmm_vmem_region *region)
{
	for (unsigned dir = BEFORE; dir <= AFTER; dir++) {
		struct vmm_vmem_region *near = region->link[dir];

		if (near->state != region->state)
			near = near->link[dir];
		if (near->state == region->state) {
			vmm_rb_insert_beside(tree, &region->by_base.rb,
				&near->by_base.rb, !dir);
			return;
		}
	}
	base_descend(tree, region);
}

/* Is (size, base) of @region before (@size, @base)? */
static bool key_below(
	const struct vmm_vmem_region *region, uint64_t size, vmm_va_t base)
{
	return region->size < size ||
	       (region->size == size && region->base < base);
}

static void size_insert(struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	struct vmm_rb_node *parent = NULL;
	struct vmm_rb_node *node = arena->free_by_size.root;
	unsigned dir = VMM_RB_LEFT;

	while (node != NULL) {
		parent = node;
		dir = key_below(
			vmm_vmem_of_size(node), region->size, region->base);
		node = node->child[dir];
	}
	vmm_rb_insert_at(
		&arena->free_by_size, &region->as.by_size.rb, parent, dir);
}

void vmm_vmem_used_insert(
	struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	region->state = VMM_VMEM_USED;
	region->by_base.pair = NULL;
	region->as.used.tags = (struct vmm_vmem_tags){0};
	region->as.used.arena = arena;
	base_insert(&arena->used, region);
	arena->used_count++;
	arena->used_size += region->size;
}

void vmm_vmem_used_erase(struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	VMM_ASSERT(region->state == VMM_VMEM_USED);
	VMM_ASSERT(region->as.used.arena == arena);

	vmm_rb_erase(&arena->used, &region->by_base.rb);
	arena->used_count--;
	arena->used_size -= region->size;
}

void vmm_vmem_free_insert(
	struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	region->state = VMM_VMEM_FREE;
	region->by_base.pair = &region->as.by_size;
	region->as.by_size.pair = &region->by_base;
	base_insert(&arena->free_by_base, region);
	size_insert(arena, region);
	arena->free_count++;
}

/* From the tree by base to the tree by size, along the pair. */
static struct vmm_rb_node *partner(struct vmm_vmem_region *region)
{
	struct vmm_vmem_node *pair = region->by_base.pair;

	VMM_ASSERT(region->state == VMM_VMEM_FREE);
	VMM_ASSERT(pair != NULL && pair->pair == &region->by_base);

	return &pair->rb;
}

void vmm_vmem_free_erase(struct vmm_vmem *arena, struct vmm_vmem_region *region)
{
	vmm_rb_erase(&arena->free_by_size, partner(region));
	vmm_rb_erase(&arena->free_by_base, &region->by_base.rb);
	arena->free_count--;
}

void vmm_vmem_free_rekey(struct vmm_vmem *arena, struct vmm_vmem_region *region,
	vmm_va_t base, uint64_t size)
{
	struct vmm_rb_node *node = partner(region);
	bool up = key_below(region, size, base);
	const struct vmm_rb_node *next =
		vmm_rb_step(node, up ? VMM_RB_RIGHT : VMM_RB_LEFT);

	VMM_ASSERT(size != 0);

	/* A key that rises can only pass the next one, and so on. */
	if (next == NULL ||
		key_below(vmm_vmem_of_size(next), size, base) != up) {
		region->base = base;
		region->size = size;
		return;
	}
	vmm_rb_erase(&arena->free_by_size, node);
	region->base = base;
	region->size = size;
	size_insert(arena, region);
}

void vmm_vmem_span_insert(
	struct vmm_vmem *arena, struct vmm_vmem_region *marker)
{
	marker->state = VMM_VMEM_SPAN;
	marker->by_base.pair = NULL;
	base_descend(&arena->spans, marker);
	arena->span_count++;
	arena->size += marker->size;
}

void vmm_vmem_span_erase(struct vmm_vmem *arena, struct vmm_vmem_region *marker)
{
	VMM_ASSERT(marker->state == VMM_VMEM_SPAN);

	vmm_rb_erase(&arena->spans, &marker->by_base.rb);
	arena->span_count--;
	arena->size -= marker->size;
}
