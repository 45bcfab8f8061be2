/* SPDX-License-Identifier: MIT */
/*
 * The checker of arenas.
 *
 * First each tree is proven to be a tree of the right number of nodes, so that
 * stepping through it ends. Then one walk along the chain carries a cursor in
 * each tree by base: the next used region of the chain must be the next one
 * of the used tree, and so on. When all cursors arrive at the end together,
 * chain and trees hold the same regions in the same order, and since the
 * chain tiles ascending spans, the keys ascend.
 */
#include "vmem/vmem_internal.h"

/* The walk along the chain. */
struct walk {
	const struct vmm_vmem *arena;
	const struct vmm_rb_node *used; /* cursors: what must come next */
	const struct vmm_rb_node *free;
	const struct vmm_rb_node *span;
	const struct vmm_vmem_region *marker; /* of the span we are in */
	uint64_t tiled;			      /* bytes of it, so far */
	bool after_free;
	uint64_t size; /* of all spans and used regions, so far */
	uint64_t used_size;
};

/* Can this be the address of a region? Only then may it be looked at. */
static bool is_region(const struct vmm_vmem_region *region)
{
	return region != NULL &&
	       (uintptr_t)region % _Alignof(struct vmm_vmem_region) == 0;
}

/* I5: is @region what the cursor stands at? Move it on. */
static bool is_next(
	const struct vmm_rb_node **cursor, const struct vmm_vmem_region *region)
{
	if (*cursor != &region->by_base.rb)
		return false;
	*cursor = vmm_rb_next(*cursor);
	return true;
}

/* I2: the span before must be full, and this one must begin beyond it. */
static bool check_marker(
	struct walk *walk, const struct vmm_vmem_region *marker)
{
	const struct vmm_vmem_region *before = walk->marker;
	uint64_t quantum = walk->arena->quantum;

	if (before != NULL && walk->tiled != before->size)
		return false;
	if (!vmm_range_ok(marker->base, marker->size) ||
		!vmm_is_aligned(marker->base | marker->size, quantum))
		return false;
	if (before != NULL && marker->base <= vmm_vmem_last(before))
		return false;
	walk->marker = marker;
	walk->tiled = 0;
	walk->after_free = false;
	walk->size += marker->size;
	return marker->by_base.pair == NULL && is_next(&walk->span, marker);
}

/* I2: the next tile of the span. */
static bool check_tile(struct walk *walk, const struct vmm_vmem_region *region)
{
	const struct vmm_vmem_region *marker = walk->marker;

	if (marker == NULL || region->base - marker->base != walk->tiled)
		return false;
	if (region->size == 0 || region->size > marker->size - walk->tiled ||
		!vmm_is_aligned(region->size, walk->arena->quantum))
		return false;
	walk->tiled += region->size;
	return true;
}

static bool check_used(struct walk *walk, const struct vmm_vmem_region *region)
{
	walk->used_size += region->size;
	walk->after_free = false;
	return region->by_base.pair == NULL &&
	       region->as.used.arena == walk->arena &&
	       is_next(&walk->used, region);
}

/* I3 and I4. */
static bool check_free(struct walk *walk, const struct vmm_vmem_region *region)
{
	if (walk->after_free)
		return false;
	walk->after_free = true;
	return region->by_base.pair == &region->as.by_size &&
	       region->as.by_size.pair == &region->by_base &&
	       is_next(&walk->free, region);
}

static bool check_link(struct walk *walk, const struct vmm_vmem_region *region)
{
	if (region->zero != 0)
		return false;
	switch (region->state) {
	case VMM_VMEM_SPAN:
		return check_marker(walk, region);
	case VMM_VMEM_USED:
		return check_tile(walk, region) && check_used(walk, region);
	case VMM_VMEM_FREE:
		return check_tile(walk, region) && check_free(walk, region);
	default:
		return false;
	}
}

/* I1 to I5 but for the tree by size, and I7. The trees are trees. */
static bool check_chain(const struct vmm_vmem *arena)
{
	struct walk walk = {
		.arena = arena,
		.used = vmm_rb_first(&arena->used),
		.free = vmm_rb_first(&arena->free_by_base),
		.span = vmm_rb_first(&arena->spans),
	};
	const struct vmm_vmem_region *region = &arena->head;
	size_t left = arena->span_count + arena->used_count + arena->free_count;

	for (;;) {
		const struct vmm_vmem_region *next = region->link[AFTER];

		if (!is_region(next) || next->link[BEFORE] != region)
			return false;
		region = next;
		if (region == &arena->head)
			break;
		if (left-- == 0 || !check_link(&walk, region))
			return false;
	}
	if (walk.marker != NULL && walk.tiled != walk.marker->size)
		return false;
	/*
	 * Each step moved one cursor, and there were as many steps as nodes in
	 * the three trees: so each cursor is at its end.
	 */
	return left == 0 && walk.size == arena->size &&
	       walk.used_size == arena->used_size;
}

/*
 * I5 for the tree by size. Its nodes are as many as there are free regions and
 * their keys differ. Each is a free region whose partner it is, and that
 * stands in the chain as far as its neighbours say: so each free region is
 * met once.
 */
static bool check_sizes(const struct vmm_vmem *arena)
{
	const struct vmm_rb_node *node = vmm_rb_first(&arena->free_by_size);
	const struct vmm_vmem_region *before = NULL;

	for (; node != NULL; node = vmm_rb_next(node)) {
		const struct vmm_vmem_region *region = vmm_vmem_of_size(node);

		if (region->state != VMM_VMEM_FREE ||
			region->as.by_size.pair != &region->by_base ||
			!is_region(region->link[BEFORE]) ||
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

/*
 * I6: is the header where its memory says, with as many nodes as that holds?
 * In numbers, not pointers: what is broken may point anywhere.
 */
static bool check_chunk(const struct vmm_vmem_chunk *chunk)
{
	size_t skip;

	if ((uintptr_t)chunk % _Alignof(struct vmm_vmem_chunk) != 0)
		return false;
	skip = vmm_vmem_chunk_skip(chunk->memory);
	return (uintptr_t)chunk - (uintptr_t)chunk->memory == skip &&
	       chunk->count != 0 &&
	       chunk->count == vmm_vmem_chunk_count(chunk->memory, chunk->size);
}

/* I6. The sums are compared by subtraction, so that they cannot overflow. */
static bool check_nodes(const struct vmm_vmem *arena)
{
	const struct vmm_vmem_chunk *chunk = arena->chunks;
	const struct vmm_vmem_region *spare = arena->spare;
	size_t left = arena->node_count;

	for (; chunk != NULL; chunk = chunk->next) {
		if (!check_chunk(chunk) || chunk->count > left)
			return false;
		left -= chunk->count;
	}
	if (left != 0 || arena->spare_count > arena->node_count)
		return false;
	left = arena->spare_count;
	for (; spare != NULL; spare = spare->link[AFTER]) {
		if (!is_region(spare) || spare->state != VMM_VMEM_SPARE ||
			left-- == 0)
			return false;
	}
	return left == 0;
}

/* I6: spare nodes and those in the chain are all there are. */
static bool check_counts(const struct vmm_vmem *arena)
{
	size_t left = arena->node_count;

	if (arena->span_count > left)
		return false;
	left -= arena->span_count;
	if (arena->used_count > left)
		return false;
	left -= arena->used_count;
	if (arena->free_count > left)
		return false;
	return left - arena->free_count == arena->spare_count;
}

int vmm_vmem_check(const struct vmm_vmem *arena)
{
	if (!vmm_is_pow2(arena->quantum) || arena->head.state != VMM_VMEM_HEAD)
		return VMM_ECORRUPT;
	if (!check_counts(arena) || !check_nodes(arena))
		return VMM_ECORRUPT;
	if (vmm_rb_check(&arena->used, arena->used_count) != VMM_OK ||
		vmm_rb_check(&arena->free_by_base, arena->free_count) !=
			VMM_OK ||
		vmm_rb_check(&arena->free_by_size, arena->free_count) !=
			VMM_OK ||
		vmm_rb_check(&arena->spans, arena->span_count) != VMM_OK)
		return VMM_ECORRUPT;
	if (!check_chain(arena) || !check_sizes(arena))
		return VMM_ECORRUPT;
	return VMM_OK;
}
