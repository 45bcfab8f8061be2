/* SPDX-License-Identifier: MIT */
/*
 * Peer: the dual red-black tree as it is in the textbook, with none of the
 * library's speed-ups. Free regions are in two trees, by base and by (size,
 * base), as two nodes of one structure; used ones are in a third, by base. A
 * region is freed by its address: the used tree is searched for it, and the
 * tree of free regions by base for the neighbours to merge with. No links
 * between neighbours, no bins, no handles, no index.
 *
 * The trees are the library's own, the fastest of the bare trees measured here:
 * what this peer is slower by is the algorithm's, not the tree's. The search
 * for both neighbours is one descent, which also finds the place to insert at;
 * a free region that only shrinks or grows stays where it is in the tree by
 * base.
 */
#include "vmem/peers.h"

#include <vmm/port.h>
#include <vmm/rbtree.h>

struct region {
	struct vmm_rb_node by_base; /* in free_by_base, or in used */
	struct vmm_rb_node by_size;
	uint64_t base;
	uint64_t size;
};

struct plain {
	struct vmm_rb_tree used;
	struct vmm_rb_tree free_by_base;
	struct vmm_rb_tree free_by_size;
	struct region *spare; /* through by_base.child[0] */
	size_t region_count;
	_Alignas(64) struct region regions[];
};

/* Where a descent ended, to insert there. */
struct place {
	struct vmm_rb_node *parent;
	unsigned dir;
};

static struct region *of_base(const struct vmm_rb_node *node)
{
	return VMM_CONTAINER_OF(node, struct region, by_base);
}

static struct region *of_size(const struct vmm_rb_node *node)
{
	return VMM_CONTAINER_OF(node, struct region, by_size);
}

static struct region *node_take(struct plain *plain)
{
	struct region *region = plain->spare;

	if (region != NULL) {
		plain->spare = (struct region *)region->by_base.child[0];
		plain->region_count++;
	}
	return region;
}

static void node_give(struct plain *plain, struct region *region)
{
	region->by_base.child[0] = (struct vmm_rb_node *)plain->spare;
	plain->spare = region;
	plain->region_count--;
}

static void insert_by_size(struct plain *plain, struct region *region)
{
	struct place at = {NULL, VMM_RB_LEFT};
	struct vmm_rb_node *node = plain->free_by_size.root;

	while (node != NULL) {
		const struct region *other = of_size(node);

		at.parent = node;
		at.dir = other->size != region->size
				 ? other->size < region->size
				 : other->base < region->base;
		node = node->child[at.dir];
	}
	vmm_rb_insert_at(
		&plain->free_by_size, &region->by_size, at.parent, at.dir);
}

static void insert_by_base(struct vmm_rb_tree *tree, struct region *region)
{
	struct place at = {NULL, VMM_RB_LEFT};
	struct vmm_rb_node *node = tree->root;

	while (node != NULL) {
		at.parent = node;
		at.dir = of_base(node)->base < region->base;
		node = node->child[at.dir];
	}
	vmm_rb_insert_at(tree, &region->by_base, at.parent, at.dir);
}

/* The last region that starts at or below @base. */
static struct region *floor_of(const struct vmm_rb_tree *tree, uint64_t base)
{
	const struct vmm_rb_node *node = tree->root;
	struct region *best = NULL;

	while (node != NULL) {
		struct region *region = of_base(node);
		unsigned dir = region->base <= base;

		best = dir ? region : best;
		node = node->child[dir];
	}
	return best;
}

static struct region *best_fit(const struct plain *plain, uint64_t size)
{
	const struct vmm_rb_node *node = plain->free_by_size.root;
	struct region *best = NULL;

	while (node != NULL) {
		struct region *region = of_size(node);
		unsigned dir = region->size < size;

		best = dir ? best : region;
		node = node->child[dir];
	}
	return best;
}

/* A free region changes its extent, but not its place among the others. */
static void rekey(struct plain *plain, struct region *region, uint64_t base,
	uint64_t size)
{
	vmm_rb_erase(&plain->free_by_size, &region->by_size);
	region->base = base;
	region->size = size;
	insert_by_size(plain, region);
}

/*
 *	| free                 |      one to three regions; the used one is new
 *	| front | used | back  |      unless it takes the whole free region
 */
static uint64_t cut(
	struct plain *plain, struct region *from, uint64_t base, uint64_t size)
{
	uint64_t front = base - from->base;
	uint64_t back = from->size - front - size;
	struct region *used = from;

	if (front == 0 && back == 0) {
		vmm_rb_erase(&plain->free_by_size, &from->by_size);
		vmm_rb_erase(&plain->free_by_base, &from->by_base);
	} else {
		used = node_take(plain);
		if (used == NULL)
			return 0;
	}
	if (front != 0 && back != 0) {
		struct region *after = node_take(plain);

		if (after == NULL) {
			node_give(plain, used);
			return 0;
		}
		after->base = base + size;
		after->size = back;
		insert_by_size(plain, after);
		insert_by_base(&plain->free_by_base, after);
		rekey(plain, from, from->base, front);
	} else if (front != 0) {
		rekey(plain, from, from->base, front);
	} else if (back != 0) {
		rekey(plain, from, base + size, back);
	}
	used->base = base;
	used->size = size;
	insert_by_base(&plain->used, used);
	return base;
}

static uint64_t alloc(void *arena, uint64_t size)
{
	struct region *from = best_fit(arena, size);

	return from == NULL ? 0 : cut(arena, from, from->base, size);
}

static uint64_t alloc_aligned(void *arena, uint64_t size, uint64_t align)
{
	struct region *from = best_fit(arena, size + align - PAGE_SIZE);

	if (from == NULL)
		return 0;
	return cut(arena, from, (from->base + align - 1) & -align, size);
}

static uint64_t alloc_fixed(void *arena, uint64_t base, uint64_t size)
{
	struct plain *plain = arena;
	struct region *from = floor_of(&plain->free_by_base, base);

	if (from == NULL || base - from->base >= from->size ||
		from->size - (base - from->base) < size)
		return 0;
	return cut(plain, from, base, size);
}

/* The free neighbours of a region, and the place between them. */
static void neighbours(const struct plain *plain, uint64_t base,
	struct region *around[2], struct place *at)
{
	struct vmm_rb_node *node = plain->free_by_base.root;

	around[0] = NULL;
	around[1] = NULL;
	*at = (struct place){NULL, VMM_RB_LEFT};
	while (node != NULL) {
		at->parent = node;
		at->dir = of_base(node)->base < base;
		around[!at->dir] = of_base(node);
		node = node->child[at->dir];
	}
}

static int free_region(void *arena, uint64_t token, uint64_t size)
{
	struct plain *plain = arena;
	struct region *region = floor_of(&plain->used, token);
	struct region *around[2];
	struct place at;
	bool before, after;

	(void)size;
	if (region == NULL || region->base != token)
		return -1;
	vmm_rb_erase(&plain->used, &region->by_base);
	neighbours(plain, token, around, &at);
	before = around[0] != NULL &&
		 around[0]->base + around[0]->size == region->base;
	after = around[1] != NULL &&
		region->base + region->size == around[1]->base;
	if (before && after) {
		uint64_t all = around[0]->size + region->size + around[1]->size;

		vmm_rb_erase(&plain->free_by_size, &around[1]->by_size);
		vmm_rb_erase(&plain->free_by_base, &around[1]->by_base);
		node_give(plain, around[1]);
		rekey(plain, around[0], around[0]->base, all);
	} else if (before) {
		rekey(plain, around[0], around[0]->base,
			around[0]->size + region->size);
	} else if (after) {
		rekey(plain, around[1], region->base,
			region->size + around[1]->size);
	} else {
		vmm_rb_insert_at(&plain->free_by_base, &region->by_base,
			at.parent, at.dir);
		insert_by_size(plain, region);
		return 0;
	}
	node_give(plain, region);
	return 0;
}

static uint64_t base_of(void *arena, uint64_t token)
{
	(void)arena;
	return token;
}

static uint64_t find(void *arena, uint64_t base)
{
	struct plain *plain = arena;
	struct region *region = floor_of(&plain->used, base);

	return region != NULL && region->base == base ? base : 0;
}

static uint64_t find_inside(void *arena, uint64_t address)
{
	struct plain *plain = arena;
	struct region *region = floor_of(&plain->used, address);

	if (region == NULL || address - region->base >= region->size)
		return 0;
	return region->base;
}

static size_t memory(size_t regions)
{
	return sizeof(struct plain) + (2 * regions + 1) * sizeof(struct region);
}

static void open(void *arena, size_t memory_size)
{
	struct plain *plain = arena;
	size_t count = (memory_size - sizeof(*plain)) / sizeof(struct region);
	struct region *all;

	*plain = (struct plain){.region_count = count};
	while (count-- > 0)
		node_give(plain, &plain->regions[count]);
	all = node_take(plain);
	all->base = VMEM_BASE;
	all->size = VMEM_SPAN;
	insert_by_base(&plain->free_by_base, all);
	insert_by_size(plain, all);
}

static void footprint(void *arena, struct vmem_footprint *footprint_out)
{
	struct plain *plain = arena;

	*footprint_out = (struct vmem_footprint){
		.regions = plain->region_count,
		.nodes = plain->region_count * sizeof(struct region),
		.fixed = sizeof(*plain),
	};
}

const struct vmem_peer vmem_plain = {
	.name = "plain/address",
	.best_fit = true,
	.memory = memory,
	.open = open,
	.alloc = alloc,
	.free = free_region,
	.base = base_of,
	.footprint = footprint,
	.alloc_aligned = alloc_aligned,
	.alloc_fixed = alloc_fixed,
	.find = find,
	.find_inside = find_inside,
};
