/* SPDX-License-Identifier: MIT */
/*
 * The checker of arenas must notice every broken field, and must end: each
 * test builds a sound arena, breaks one thing, and expects VMM_ECORRUPT.
 */
#include "support/test.h"
#include "vmem/vmem_internal.h"

#define PAGE  VMM_PAGE_SIZE
#define NODES 24

static struct vmm_vmem arena;
static uint64_t memory[VMM_VMEM_NODES_SIZE(NODES) / 8];

static uint64_t more[VMM_VMEM_NODES_SIZE(4) / 8];

/* The nodes of the one chunk. */
static struct vmm_vmem_region *node(unsigned i)
{
	struct vmm_vmem_chunk *chunk = arena.chunks;

	return (struct vmm_vmem_region *)(void *)(chunk + 1) + i;
}

/*
 * Two spans; four used and four free regions, of three sizes; the nodes that
 * are left are spare.
 */
static void build(void)
{
	static const unsigned at[] = {2, 5, 19, 23};

	vmm_vmem_init(&arena, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 0, 16 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 16 * PAGE, 8 * PAGE), VMM_OK);
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(vmm_vmem_alloc_at(&arena, at[i] * PAGE, PAGE), VMM_OK);
	CHECK_EQ(arena.used_count, 4);
	CHECK_EQ(arena.free_count, 5);
	CHECK_EQ(arena.span_count, 2);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

static void expect_corrupt(void)
{
	CHECK_EQ(vmm_vmem_check(&arena), VMM_ECORRUPT);
}

/* I1, I6, I7: every counter, one more and one less. */
TEST(corrupt_vmem_counters)
{
	size_t *const counts[] = {&arena.span_count, &arena.used_count,
		&arena.free_count, &arena.node_count, &arena.spare_count};
	uint64_t *const sums[] = {&arena.size, &arena.used_size};

	for (unsigned i = 0; i < 10; i++) {
		build();
		*counts[i / 2] += i & 1 ? 1 : (size_t)-1;
		expect_corrupt();
		build();
		*counts[i / 2] = i & 1 ? 0 : SIZE_MAX;
		expect_corrupt();
	}
	for (unsigned i = 0; i < 4; i++) {
		build();
		*sums[i / 2] += i & 1 ? PAGE : -PAGE;
		expect_corrupt();
	}
}

/* Counters that are wrong in pairs, so that their sum is right. */
TEST(corrupt_vmem_counters_in_pairs)
{
	build();
	arena.used_count++;
	arena.free_count--;
	expect_corrupt();
	build();
	arena.used_count++;
	arena.spare_count--;
	expect_corrupt();
	build();
	arena.span_count++;
	arena.used_count--;
	expect_corrupt();
}

TEST(corrupt_vmem_arena)
{
	build();
	arena.quantum = 0;
	expect_corrupt();
	build();
	arena.quantum = 3 * PAGE;
	expect_corrupt();
	build();
	arena.quantum = 2 * PAGE; /* the regions are no multiples of it */
	expect_corrupt();
	build();
	arena.head.state = VMM_VMEM_FREE;
	expect_corrupt();
	build();
	arena.chunks = NULL;
	expect_corrupt();
	build();
	arena.chunks->count--;
	expect_corrupt();
	build();
	arena.chunks->next = arena.chunks;
	expect_corrupt();
	build();
	arena.spare = NULL;
	expect_corrupt();
	build();
	arena.spare = vmm_vmem_find(&arena, 2 * PAGE)->link[0]->link[1];
	expect_corrupt();
}

/* A tree's root pointing into another tree, or nowhere. */
TEST(corrupt_vmem_roots)
{
	struct vmm_rb_tree *const trees[] = {&arena.used, &arena.free_by_base,
		&arena.free_by_size, &arena.spans};

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

/* Every field of every node that is in the chain. */
TEST(corrupt_vmem_fields)
{
	for (unsigned i = 0; i < NODES; i++) {
		struct vmm_vmem_region *region;

		build();
		region = node(i);
		if (region->state == VMM_VMEM_SPARE) {
			region->state = VMM_VMEM_FREE;
			expect_corrupt();
			continue;
		}
		region->base += PAGE;
		expect_corrupt();
		build();
		region->base += 1;
		expect_corrupt();
		build();
		region->size += PAGE;
		expect_corrupt();
		build();
		region->size -= PAGE;
		expect_corrupt();
		build();
		region->size = 0;
		expect_corrupt();
		build();
		region->size = UINT64_MAX - PAGE + 1;
		expect_corrupt();
		build();
		region->zero = 1;
		expect_corrupt();
	}
}

/* Every node in every state but its own. */
TEST(corrupt_vmem_states)
{
	static const uint32_t states[] = {0, VMM_VMEM_SPARE, VMM_VMEM_FREE,
		VMM_VMEM_USED, VMM_VMEM_SPAN, VMM_VMEM_HEAD};

	for (unsigned i = 0; i < NODES * 6; i++) {
		struct vmm_vmem_region *region;

		build();
		region = node(i / 6);
		if (region->state == states[i % 6])
			continue;
		region->state = states[i % 6];
		expect_corrupt();
	}
}

/*
 * I4: each pair pointer set to nothing, to itself, and to the nodes of other
 * free regions. A used region and a marker have none.
 */
TEST(corrupt_vmem_pairs)
{
	for (unsigned i = 0; i < NODES * NODES; i++) {
		struct vmm_vmem_region *region;
		struct vmm_vmem_region *other;

		build();
		region = node(i / NODES);
		other = node(i % NODES);
		if (region->state == VMM_VMEM_SPARE)
			continue;
		if (region->state != VMM_VMEM_FREE) {
			region->by_base.pair = &other->as.by_size;
			expect_corrupt();
			continue;
		}
		if (region == other)
			region->by_base.pair = NULL;
		else
			region->by_base.pair = &other->as.by_size;
		expect_corrupt();
		build();
		if (region == other)
			region->as.by_size.pair = &region->as.by_size;
		else
			region->as.by_size.pair = &other->by_base;
		expect_corrupt();
	}
}

/* Two free regions whose pairs are exchanged both ways: symmetric, wrong. */
TEST(corrupt_vmem_pairs_crossed)
{
	struct vmm_vmem_region *a;
	struct vmm_vmem_region *b;

	build();
	a = arena.head.link[1]->link[1];
	b = a->link[1]->link[1];
	CHECK(a->state == VMM_VMEM_FREE && b->state == VMM_VMEM_FREE);
	a->by_base.pair = &b->as.by_size;
	b->as.by_size.pair = &a->by_base;
	b->by_base.pair = &a->as.by_size;
	a->as.by_size.pair = &b->by_base;
	expect_corrupt();
}

/*
 * Each link of the chain led to every node, to the head, to nothing and to an
 * address that is none: loops of every length are among them.
 */
TEST(corrupt_vmem_links)
{
	for (unsigned i = 0; i < (NODES + 1) * (NODES + 3) * 2; i++) {
		unsigned from = i / 2 % (NODES + 1);
		unsigned to = i / 2 / (NODES + 1);
		struct vmm_vmem_region *region;
		struct vmm_vmem_region *target = NULL;

		build();
		region = from < NODES ? node(from) : &arena.head;
		if (region->state == VMM_VMEM_SPARE)
			continue;
		if (to < NODES)
			target = node(to);
		else if (to == NODES)
			target = &arena.head;
		else if (to == NODES + 1)
			target = (void *)((char *)region + 4);
		if (region->link[i % 2] == target)
			continue;
		region->link[i % 2] = target;
		expect_corrupt();
	}
}

/* The spare list: a loop, an early end, a link to a region. */
TEST(corrupt_vmem_spare_links)
{
	for (unsigned i = 0; i < NODES * (NODES + 1); i++) {
		struct vmm_vmem_region *region;
		struct vmm_vmem_region *target;

		build();
		region = node(i / (NODES + 1));
		target = i % (NODES + 1) < NODES ? node(i % (NODES + 1)) : NULL;
		if (region->state != VMM_VMEM_SPARE ||
			region->link[1] == target)
			continue;
		region->link[1] = target;
		expect_corrupt();
	}
}

/* Each tree link of each node led to each node. */
TEST(corrupt_vmem_tree_links)
{
	for (unsigned i = 0; i < NODES * (NODES + 1) * 4; i++) {
		struct vmm_vmem_region *region;
		struct vmm_rb_node *rb;
		struct vmm_rb_node *target = NULL;
		unsigned to = i / 4 % (NODES + 1);
		bool by_size = i & 1;

		build();
		region = node(i / 4 / (NODES + 1));
		if (region->state == VMM_VMEM_SPARE ||
			(by_size && region->state != VMM_VMEM_FREE))
			continue;
		rb = by_size ? &region->as.by_size.rb : &region->by_base.rb;
		if (to < NODES)
			target = by_size ? &node(to)->as.by_size.rb
					 : &node(to)->by_base.rb;
		if (rb->child[i / 2 % 2] == target)
			continue;
		rb->child[i / 2 % 2] = target;
		expect_corrupt();
	}
}

/* A used region that believes it is another arena's. */
TEST(corrupt_vmem_owner_arena)
{
	build();
	arena.head.link[1]->link[1]->link[1]->as.used.arena = NULL;
	expect_corrupt();
}

/*
 * The tree by size in the wrong order, though a perfect red-black tree: two
 * neighbours exchanged, with equal sizes and with different ones.
 */
TEST(corrupt_vmem_size_order)
{
	for (unsigned i = 0; i < 4; i++) {
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

/*
 * A double of a free region, not in the chain, takes its place in the tree by
 * size. All its fields are right.
 */
TEST(corrupt_vmem_ghost)
{
	struct vmm_vmem_region ghost;
	struct vmm_vmem_region *region;

	build();
	region = arena.head.link[AFTER]->link[AFTER];
	CHECK(region->state == VMM_VMEM_FREE);
	ghost = *region;
	ghost.by_base.pair = &ghost.as.by_size;
	ghost.as.by_size.pair = &ghost.by_base;
	vmm_rb_replace(&arena.free_by_size, &region->as.by_size.rb,
		&ghost.as.by_size.rb);
	expect_corrupt();
}

/* The same for the first node of each tree by base. */
TEST(corrupt_vmem_ghosts_by_base)
{
	struct vmm_rb_tree *const trees[] = {
		&arena.used, &arena.free_by_base, &arena.spans};

	for (unsigned i = 0; i < 3; i++) {
		struct vmm_vmem_region ghost;
		struct vmm_vmem_region *region;

		build();
		region = vmm_vmem_of_base(vmm_rb_first(trees[i]));
		ghost = *region;
		vmm_rb_replace(
			trees[i], &region->by_base.rb, &ghost.by_base.rb);
		expect_corrupt();
	}
}

/* A node that is neither spare nor in use: nothing is broken but the sum. */
TEST(corrupt_vmem_lost_node)
{
	build();
	(void)vmm_vmem_node_get(&arena);
	expect_corrupt();
}

/*
 * I6: a header that tells another memory, size or count than it was given. The
 * memory is exactly as large as its nodes, so a byte less is a node less.
 */
TEST(corrupt_vmem_chunk)
{
	static const size_t steps[] = {1, 4, 8, sizeof(struct vmm_vmem_region),
		sizeof(struct vmm_vmem_chunk), 4096};
	static const size_t sizes[] = {0, 1, sizeof(struct vmm_vmem_chunk),
		VMM_VMEM_NODES_SIZE(1), VMM_VMEM_NODES_SIZE(NODES) - 1,
		VMM_VMEM_NODES_SIZE(NODES + 1), SIZE_MAX};

	for (unsigned i = 0; i < 12; i++) {
		size_t step = i & 1 ? steps[i / 2] : -steps[i / 2];

		build();
		arena.chunks->memory =
			(void *)((uintptr_t)arena.chunks->memory + step);
		expect_corrupt();
	}
	build();
	arena.chunks->memory = NULL;
	expect_corrupt();
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		build();
		arena.chunks->size = sizes[i];
		expect_corrupt();
	}
	/* Counts that add up over two chunks, but not in each. */
	build();
	CHECK_EQ(vmm_vmem_donate(&arena, more, sizeof(more)), VMM_OK);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	arena.chunks->count--;
	arena.chunks->next->count++;
	expect_corrupt();
}

/* I6: the spare list begins later, elsewhere, or with what is not spare. */
TEST(corrupt_vmem_spare_head)
{
	build();
	arena.spare = arena.spare->link[AFTER];
	expect_corrupt();
	build();
	arena.spare = (void *)((char *)arena.spare + 1);
	expect_corrupt();
	build();
	arena.spare = arena.head.link[AFTER];
	expect_corrupt();
	build();
	arena.spare->state = 0;
	expect_corrupt();
}

/* A ring of chunks without nodes must not hold the checker up. */
TEST(corrupt_vmem_empty_chunks)
{
	struct vmm_vmem_chunk ring = {
		.next = &ring, .memory = &ring, .size = sizeof(ring)};

	build();
	arena.chunks->next = &ring;
	expect_corrupt();
}
