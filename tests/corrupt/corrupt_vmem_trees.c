/* SPDX-License-Identifier: MIT */
/* The checker of arenas: broken trees of free regions and spans. */
#include "vmem/vmem_store.h"

#include "support/vmem_corrupt.h"

/* A tree's root pointing into another tree, or nowhere. */
TEST(corrupt_vmem_roots)
{
	struct vmm_rb_tree *const trees[] = {&arena.used, &arena.free_by_base,
		&arena.free_by_size, &arena.spans};

	config = 0;
	for (unsigned i = 0; i < 16; i++) {
		if (i / 4 == i % 4)
			continue;
		build();
		trees[i / 4]->root = trees[i % 4]->root;
		expect_corrupt();
		build();
		trees[i / 4]->root = NULL;
		expect_corrupt();
	}
	/* The two free trees exchanged: both are sound trees. */
	build();
	arena.free_by_base = arena.free_by_size;
	expect_corrupt();
}

/*
 * I4: each pair pointer set to nothing, to itself, and to the nodes of other
 * regions. Without bins every free region has two.
 */
TEST(corrupt_vmem_pairs)
{
	config = 0;
	for (unsigned i = 0; i < NODES * NODES; i++) {
		struct vmm_vmem_region *region = node_of_built(i / NODES);
		struct vmm_vmem_region *other = node(i % NODES);

		if (region->state != VMM_VMEM_FREE)
			continue;
		if (region == other)
			region->as.tree.by_base.pair = NULL;
		else
			region->as.tree.by_base.pair = &other->as.tree.by_size;
		expect_corrupt();
		build();
		if (region == other)
			region->as.tree.by_size.pair = &region->as.tree.by_size;
		else
			region->as.tree.by_size.pair = &other->as.tree.by_base;
		expect_corrupt();
	}
}

/* Two free regions whose pairs are exchanged both ways: symmetric, wrong. */
TEST(corrupt_vmem_pairs_crossed)
{
	struct vmm_vmem_region *a;
	struct vmm_vmem_region *b;

	config = 0;
	build();
	a = arena.head.link[1]->link[1];
	b = a->link[1]->link[1];
	CHECK(a->state == VMM_VMEM_FREE && b->state == VMM_VMEM_FREE);
	a->as.tree.by_base.pair = &b->as.tree.by_size;
	b->as.tree.by_size.pair = &a->as.tree.by_base;
	b->as.tree.by_base.pair = &a->as.tree.by_size;
	a->as.tree.by_size.pair = &b->as.tree.by_base;
	expect_corrupt();
}

/* I4: the summary of each free region in the tree by base. */
TEST(corrupt_vmem_largest)
{
	static const uint64_t to[] = {
		0, PAGE, 16 * PAGE, 4096 * PAGE, UINT64_MAX};

	config = 0;
	for (unsigned i = 0; i < NODES * 5; i++) {
		struct vmm_vmem_region *region = node_of_built(i / 5);

		if (region->state != VMM_VMEM_FREE ||
			region->as.tree.largest == to[i % 5])
			continue;
		region->as.tree.largest = to[i % 5];
		expect_corrupt();
	}
}

/* The tree nodes of a node: the first, or the second if it has two. */
static struct vmm_rb_node *rb_of(
	struct vmm_vmem_region *region, uint32_t state, bool second)
{
	if (state == VMM_VMEM_FREE)
		return second ? &region->as.tree.by_size.rb
			      : &region->as.tree.by_base.rb;
	if (second)
		return NULL;
	if (state == VMM_VMEM_SPAN)
		return &region->as.span.rb;
	return state == VMM_VMEM_RUN ? &run_of(region)->rb : NULL;
}

/* Each tree link of each node led to each node. */
TEST(corrupt_vmem_tree_links)
{
	config = 0;
	for (unsigned i = 0; i < NODES * (NODES + 1) * 4; i++) {
		struct vmm_vmem_region *region;
		struct vmm_rb_node *rb;
		struct vmm_rb_node *target = NULL;
		unsigned to = i / 4 % (NODES + 1);

		region = node_of_built(i / 4 / (NODES + 1));
		rb = rb_of(region, region->state, i & 1);
		if (rb == NULL)
			continue;
		if (to < NODES)
			target = rb_of(node(to), region->state, i & 1);
		if (rb->child[i / 2 % 2] == target)
			continue;
		rb->child[i / 2 % 2] = target;
		expect_corrupt();
	}
}

/*
 * The tree by size in the wrong order, though a perfect red-black tree: two
 * neighbours exchanged, with equal sizes and with different ones.
 */
TEST(corrupt_vmem_size_order)
{
	config = 0;
	for (unsigned i = 0; i < 5; i++) {
		struct vmm_rb_node *first;
		struct vmm_rb_node *second;
		struct vmm_rb_node stand_in;

		build();
		first = vmm_rb_first(&arena.free_by_size);
		for (unsigned k = 0; k < i; k++)
			first = vmm_rb_next(first);
		second = vmm_rb_next(first);
		vmm_rb_replace(&arena.free_by_size, first, &stand_in);
		vmm_rb_replace(&arena.free_by_size, second, first);
		vmm_rb_replace(&arena.free_by_size, &stand_in, second);
		expect_corrupt();
	}
}

/* I5: what is said to be the first by size. */
TEST(corrupt_vmem_least)
{
	for (unsigned i = 0; i < NODES; i++) {
		struct vmm_vmem_region *region;

		config = 0;
		region = node_of_built(i);
		if (region == arena.least)
			continue;
		arena.least = region;
		expect_corrupt();
	}
	build();
	arena.least = NULL;
	expect_corrupt();
}

/* A double of a region, its nodes each other's pair. */
static void make_double(
	struct vmm_vmem_region *twin, const struct vmm_vmem_region *region)
{
	*twin = *region;
	twin->as.tree.by_base.pair = &twin->as.tree.by_size;
	twin->as.tree.by_size.pair = &twin->as.tree.by_base;
}

/*
 * A double of a free region, not in the chain, takes its place in the tree by
 * size. All its fields are right.
 */
TEST(corrupt_vmem_ghost)
{
	struct vmm_vmem_region ghost;
	struct vmm_vmem_region *region;

	config = 0;
	build();
	region = arena.head.link[AFTER]->link[AFTER];
	CHECK(region->state == VMM_VMEM_FREE);
	make_double(&ghost, region);
	vmm_rb_replace(&arena.free_by_size, &region->as.tree.by_size.rb,
		&ghost.as.tree.by_size.rb);
	expect_corrupt();
}

/* The same for the first node of each tree by base. */
TEST(corrupt_vmem_ghosts_by_base)
{
	union vmm_vmem_slot ghost;
	struct vmm_vmem_region *region;
	struct vmm_vmem_run *run;

	config = 0;
	build();
	region = vmm_vmem_of_base(vmm_rb_first(&arena.free_by_base));
	ghost.region = *region;
	vmm_rb_replace(&arena.free_by_base, &region->as.tree.by_base.rb,
		&ghost.region.as.tree.by_base.rb);
	expect_corrupt();
	build();
	region = vmm_vmem_of_span(vmm_rb_first(&arena.spans));
	ghost.region = *region;
	vmm_rb_replace(
		&arena.spans, &region->as.span.rb, &ghost.region.as.span.rb);
	expect_corrupt();
	build();
	run = vmm_vmem_of_run(vmm_rb_first(&arena.used));
	ghost.run = *run;
	vmm_rb_replace(&arena.used, &run->rb, &ghost.run.rb);
	expect_corrupt();
}

/* Bins, and no requests by address: three free regions are too large for a
   bin, and in the tree by size only. The second one. */
static struct vmm_vmem_region *build_by_size(void)
{
	struct vmm_vmem_region *region;

	arena_init(&(struct vmem_config){.bins = true}, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 0, 8192 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, 2000 * PAGE, PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, 4500 * PAGE, PAGE), VMM_OK);
	CHECK_EQ(arena.tree_count, 3);
	CHECK(vmm_rb_is_empty(&arena.free_by_base));
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	region = vmm_vmem_of_size(vmm_rb_first(&arena.free_by_size));
	return vmm_vmem_trees_larger(region);
}

TEST(corrupt_vmem_by_size_only)
{
	struct vmm_vmem_region *region = build_by_size();

	arena.tree_count++;
	expect_corrupt();
	build_by_size();
	arena.tree_count--;
	expect_corrupt();
	/* Missing, and not counted. */
	region = build_by_size();
	vmm_rb_erase(&arena.free_by_size, &region->as.tree.by_size.rb);
	expect_corrupt();
	arena.tree_count--;
	expect_corrupt();
	/* In a tree by base after all. */
	region = build_by_size();
	vmm_rb_insert_at(
		&arena.free_by_base, &region->as.tree.by_base.rb, NULL, 0);
	expect_corrupt();
	region = build_by_size();
	region->as.tree.by_base.pair = NULL;
	expect_corrupt();
	region = build_by_size();
	region->as.tree.by_size.pair = &region->as.tree.by_size;
	expect_corrupt();
}

/* A double in a ring of its own instead of the chain. */
static void make_ghost(
	struct vmm_vmem_region *ghost, const struct vmm_vmem_region *region)
{
	make_double(ghost, region);
	ghost->link[BEFORE] = ghost;
	ghost->link[AFTER] = ghost;
}

/* One takes a region's place in the tree; then one is there in addition. */
TEST(corrupt_vmem_ghost_by_size_only)
{
	struct vmm_vmem_region ghost;
	struct vmm_vmem_region *region;

	for (unsigned i = 0; i < 3; i++) {
		region = build_by_size();
		if (i != 1)
			region = vmm_vmem_of_size(
				vmm_rb_step(&region->as.tree.by_size.rb,
					i == 0 ? VMM_RB_LEFT : VMM_RB_RIGHT));
		make_ghost(&ghost, region);
		vmm_rb_replace(&arena.free_by_size, &region->as.tree.by_size.rb,
			&ghost.as.tree.by_size.rb);
		if (arena.least == region)
			arena.least = &ghost;
		expect_corrupt();
	}
	region = build_by_size();
	make_ghost(&ghost, region);
	ghost.base += PAGE;
	vmm_rb_insert_beside(&arena.free_by_size, &ghost.as.tree.by_size.rb,
		&region->as.tree.by_size.rb, AFTER);
	arena.tree_count++;
	expect_corrupt();
}
