/* SPDX-License-Identifier: MIT */
/*
 * The checker of arenas.
 *
 * First each tree is proven to be a tree of the right number of nodes, so that
 * stepping through it ends. Then one walk along the chain carries a cursor in
 * each tree by base: the next member of the chain must be the next one of its
 * run, the next free region without a bin the next one of the tree by base,
 * and so on. When all cursors arrive at the end together, chain and trees hold
 * the same regions in the same order, and since the chain tiles ascending
 * spans, the keys ascend. Where no tree by base is kept, each such free region
 * must hang in the tree by size, and there must be as many.
 */
#include "vmem/vmem_check.h"
#include "vmem/vmem_runs.h"
#include "vmem/vmem_store.h"

/* The walk along the chain. */
struct walk {
	const struct vmm_vmem *arena;
	const struct vmm_rb_node *run; /* cursors: what must come next */
	const struct vmm_rb_node *free;
	const struct vmm_rb_node *span;
	const struct vmm_vmem_region *marker; /* of the span we are in */
	uint64_t tiled;			      /* bytes of it, so far */
	bool after_free;
	/* The run we are in: members that are still to come, slots seen. */
	const struct vmm_vmem_run *in;
	unsigned left;
	unsigned markers_left;
	uint32_t taken;
	/* So far: */
	uint64_t size;
	uint64_t used_size;
	uint64_t use_size[VMM_VMEM_USE_COUNT];
	size_t use_count[VMM_VMEM_USE_COUNT];
	size_t used;
	size_t embedded;
	size_t binned;
	size_t large; /* free regions of the trees */
};

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
	if (walk->span != &marker->as.span.rb)
		return false;
	walk->span = vmm_rb_next(walk->span);
	walk->marker = marker;
	walk->tiled = 0;
	walk->after_free = false;
	walk->size += marker->size;
	return true;
}

/* I2 and I3: the next tile of the span. */
static bool check_tile(struct walk *walk, const struct vmm_vmem_region *region)
{
	const struct vmm_vmem_region *marker = walk->marker;

	if (marker == NULL || region->base - marker->base != walk->tiled)
		return false;
	if (region->size == 0 || region->size > marker->size - walk->tiled ||
		!vmm_is_aligned(region->size, walk->arena->quantum))
		return false;
	walk->tiled += region->size;
	return ((region->flags ^ marker->flags) & VMM_VMEM_IS_HELD) == 0;
}

/* I6: has the run that we are in come to its end? */
static VMM_NOINLINE bool check_run_end(const struct walk *walk)
{
	return walk->left == 0 && walk->markers_left == 0 &&
	       (walk->in == NULL || walk->in->taken == walk->taken);
}

/* I6: go to the run that follows. */
static bool enter_run(struct walk *walk)
{
	const struct vmm_vmem_run *run;

	if (!check_run_end(walk) || walk->run == NULL)
		return false;
	run = vmm_vmem_of_run(walk->run);
	walk->run = vmm_rb_next(walk->run);
	walk->in = run;
	walk->left = run->count;
	walk->markers_left = run->markers;
	walk->taken = 0;
	return run->state == VMM_VMEM_RUN && run->count != 0 &&
	       run->count <= VMM_VMEM_RUN_MAX && run->markers <= run->count;
}

/* I6: the size in quanta that a slot should give for what follows. */
static uint64_t gap_behind(
	const struct vmm_vmem *arena, const struct vmm_vmem_region *member)
{
	const struct vmm_vmem_region *next = member->link[AFTER];

	if (next->state != VMM_VMEM_FREE ||
		(next->flags & VMM_VMEM_IS_HELD) != 0)
		return 0;
	return vmm_vmem_bin_of(arena, next->size);
}

static bool check_slot(struct walk *walk, const struct vmm_vmem_region *member)
{
	uint32_t bit;

	if (!walk->arena->by_address)
		return true;
	if (member->slot >= VMM_VMEM_RUN_MAX)
		return false;
	bit = UINT32_C(1) << member->slot;
	if ((walk->taken & bit) != 0)
		return false;
	walk->taken |= bit;
	return walk->in->gap[member->slot] == gap_behind(walk->arena, member);
}

/* I6: @member, a marker or a used region, is the next of its run. */
static bool check_member(
	struct walk *walk, const struct vmm_vmem_region *member)
{
	bool marker = member->state == VMM_VMEM_SPAN;

	if (walk->left == 0) {
		if (!enter_run(walk))
			return false;
		if (walk->in->first != member || walk->in->base != member->base)
			return false;
	}
	if (member->as.used.run != walk->in ||
		(marker && walk->markers_left == 0))
		return false;
	walk->left--;
	walk->markers_left -= marker;
	return check_slot(walk, member);
}

static bool check_used(struct walk *walk, const struct vmm_vmem_region *region)
{
	uint64_t quanta = region->size >> walk->arena->shift;
	uint64_t guards =
		(uint64_t)region->as.used.guard[0] + region->as.used.guard[1];

	if (region->use >= VMM_VMEM_USE_COUNT || guards >= quanta)
		return false;
	walk->used++;
	walk->used_size += region->size;
	walk->use_size[region->use] += region->size;
	walk->use_count[region->use]++;
	walk->embedded += (region->flags & VMM_VMEM_IS_EMBEDDED) != 0;
	walk->after_free = false;
	return region->as.used.arena == walk->arena;
}

/* Does the node above it, or the tree, lead to a node? */
static bool hangs_in(
	const struct vmm_rb_tree *tree, const struct vmm_rb_node *node)
{
	const struct vmm_rb_node *parent = vmm_rb_parent(node);

	if (parent == NULL)
		return tree->root == node;
	/* Nobody has vouched for the link so far. */
	return (uintptr_t)parent % _Alignof(struct vmm_rb_node) == 0 &&
	       (parent->child[VMM_RB_LEFT] == node ||
		       parent->child[VMM_RB_RIGHT] == node);
}

/* I3 and I4. */
static bool check_free(struct walk *walk, const struct vmm_vmem_region *region)
{
	const struct vmm_vmem_node *by_base = &region->as.tree.by_base;

	if (walk->after_free ||
		(region->flags & ~(unsigned)VMM_VMEM_IS_HELD) != 0)
		return false;
	walk->after_free = true;
	if (region->flags & VMM_VMEM_IS_HELD)
		return true;
	if (vmm_vmem_bin_of(walk->arena, region->size) != 0) {
		walk->binned++;
		return true;
	}
	if (by_base->pair != &region->as.tree.by_size ||
		region->as.tree.by_size.pair != by_base)
		return false;
	walk->large++;
	if (!vmm_vmem_has_by_base(walk->arena))
		return hangs_in(&walk->arena->free_by_size,
			&region->as.tree.by_size.rb);
	if (walk->free != &by_base->rb)
		return false;
	walk->free = vmm_rb_next(walk->free);
	return true;
}

static bool check_link(struct walk *walk, const struct vmm_vmem_region *region)
{
	bool used = region->state == VMM_VMEM_USED;

	if (region->tagged > 1)
		return false;
	if (region->state == VMM_VMEM_SPAN)
		return check_marker(walk, region) && check_member(walk, region);
	if (!used && region->state != VMM_VMEM_FREE)
		return false;
	if (!check_tile(walk, region))
		return false;
	return used ? check_used(walk, region) && check_member(walk, region)
		    : check_free(walk, region);
}

/* I8, and that every cursor is at its end. */
static bool check_end(const struct walk *walk)
{
	const struct vmm_vmem *arena = walk->arena;

	if (walk->marker != NULL && walk->tiled != walk->marker->size)
		return false;
	for (unsigned use = VMM_VMEM_COMMITTED; use < VMM_VMEM_USE_COUNT; use++)
		if (walk->use_size[use] != arena->use_size[use] ||
			walk->use_count[use] != arena->use_count[use])
			return false;
	return check_run_end(walk) && walk->run == NULL && walk->free == NULL &&
	       walk->span == NULL && walk->used == arena->used_count &&
	       walk->large == arena->tree_count &&
	       walk->embedded == arena->embedded_count &&
	       walk->size == arena->size && walk->used_size == arena->used_size;
}

/* I1 to I6 as far as the chain tells, and I8. */
static bool check_chain(const struct vmm_vmem *arena)
{
	struct walk walk = {
		.arena = arena,
		.run = vmm_rb_first(&arena->used),
		.free = vmm_rb_first(&arena->free_by_base),
		.span = vmm_rb_first(&arena->spans),
	};
	const struct vmm_vmem_region *region = &arena->head;
	size_t left = arena->span_count + arena->used_count + arena->free_count;

	do {
		const struct vmm_vmem_region *next = region->link[AFTER];

		/* What follows may be looked at, too, when a region is. */
		if (!vmm_vmem_is_region(next) || next->link[BEFORE] != region)
			return false;
		if (region != &arena->head &&
			(left-- == 0 || !check_link(&walk, region)))
			return false;
		region = next;
	} while (region != &arena->head);
	return left == 0 && check_end(&walk) &&
	       vmm_vmem_check_bins(arena, walk.binned);
}

/*
 * I7: is the header where its memory says, with as many nodes as that holds?
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

/* I7. The sums are compared by subtraction, so that they cannot overflow. */
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
		if (!vmm_vmem_is_region(spare) ||
			spare->state != VMM_VMEM_SPARE || left-- == 0)
			return false;
	}
	return left == 0;
}

/* I7: spare nodes, runs and those in the chain are all there are. */
static bool check_counts(const struct vmm_vmem *arena)
{
	const size_t counts[] = {arena->span_count, arena->free_count,
		arena->run_count, arena->spare_count};
	size_t left = arena->node_count;

	/* What callers embedded is used, but not ours; each has a spare one. */
	if (arena->embedded_count > arena->used_count ||
		arena->embedded_count > arena->spare_count ||
		arena->used_count - arena->embedded_count > left)
		return false;
	left -= arena->used_count - arena->embedded_count;
	for (unsigned i = 0; i < 4; i++) {
		if (counts[i] > left)
			return false;
		left -= counts[i];
	}
	return left == 0;
}

static bool check_arena(const struct vmm_vmem *arena)
{
	return arena->head.state == VMM_VMEM_HEAD && arena->shift <= 63 &&
	       arena->quantum == UINT64_C(1) << arena->shift &&
	       check_counts(arena) && check_nodes(arena) &&
	       !vmm_rb_check(&arena->used, arena->run_count) &&
	       !vmm_rb_check(&arena->free_by_base,
		       vmm_vmem_has_by_base(arena) ? arena->tree_count : 0) &&
	       !vmm_rb_check(&arena->free_by_size, arena->tree_count) &&
	       !vmm_rb_check(&arena->spans, arena->span_count) &&
	       check_chain(arena) && vmm_vmem_check_trees(arena) &&
	       vmm_vmem_index_ok(arena);
}

int vmm_vmem_check(const struct vmm_vmem *arena)
{
	return check_arena(arena) ? VMM_OK : VMM_ECORRUPT;
}
