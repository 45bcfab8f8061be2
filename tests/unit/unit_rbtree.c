/* SPDX-License-Identifier: MIT */
/* Red-black trees by example: the recipes of the header, and their edges. */
#include "support/rb_depth.h"
#include "support/test.h"

#include <vmm/rbtree.h>

struct item {
	struct vmm_rb_node node;
	uint64_t key;
};

#define ITEMS_MAX 4096
static struct item items[ITEMS_MAX];

static struct item *item_of(const struct vmm_rb_node *node)
{
	return VMM_CONTAINER_OF(node, struct item, node);
}

static void insert(struct vmm_rb_tree *tree, struct item *item)
{
	struct vmm_rb_node *parent = NULL;
	struct vmm_rb_node *node = tree->root;
	unsigned dir = VMM_RB_LEFT;

	while (node != NULL) {
		parent = node;
		dir = item_of(node)->key < item->key;
		node = node->child[dir];
	}
	vmm_rb_insert_at(tree, &item->node, parent, dir);
}

static struct item *floor_of(const struct vmm_rb_tree *tree, uint64_t key)
{
	const struct vmm_rb_node *node = tree->root;
	struct item *best = NULL;

	while (node != NULL) {
		struct item *item = item_of(node);
		unsigned dir = item->key <= key;

		best = dir ? item : best;
		node = node->child[dir];
	}
	return best;
}

static unsigned log2_of(uint64_t n)
{
	unsigned log = 0;

	while (n >>= 1)
		log++;
	return log;
}

TEST(unit_rbtree_empty)
{
	struct vmm_rb_tree tree;

	vmm_rb_init(&tree);
	CHECK(vmm_rb_is_empty(&tree));
	CHECK(vmm_rb_first(&tree) == NULL);
	CHECK(vmm_rb_last(&tree) == NULL);
	CHECK(floor_of(&tree, 5) == NULL);
	CHECK_EQ(vmm_rb_check(&tree, 0), VMM_OK);
	CHECK_EQ(vmm_rb_check(&tree, 1), VMM_ECORRUPT);
}

/*
 * Keys 10, 20, ..., put in by descent; floor finds a key, the gap above it,
 * and nothing below the first. Steps in both directions meet all in order.
 */
TEST(unit_rbtree_recipes)
{
	struct vmm_rb_tree tree;
	const struct vmm_rb_node *node;
	uint64_t expect = 0;

	vmm_rb_init(&tree);
	for (unsigned i = 0; i < 64; i++) {
		/* 37 is odd: i * 37 mod 64 is a permutation. */
		items[i].key = 10 * (1 + i * 37 % 64);
		insert(&tree, &items[i]);
		CHECK_EQ(vmm_rb_check(&tree, i + 1), VMM_OK);
	}
	for (node = vmm_rb_first(&tree); node; node = vmm_rb_next(node)) {
		expect += 10;
		CHECK_EQ(item_of(node)->key, expect);
	}
	CHECK_EQ(expect, 640);
	for (node = vmm_rb_last(&tree); node; node = vmm_rb_prev(node)) {
		CHECK_EQ(item_of(node)->key, expect);
		expect -= 10;
	}
	CHECK_EQ(expect, 0);
	CHECK(floor_of(&tree, 9) == NULL);
	CHECK_EQ(floor_of(&tree, 10)->key, 10);
	CHECK_EQ(floor_of(&tree, 19)->key, 10);
	CHECK_EQ(floor_of(&tree, UINT64_MAX)->key, 640);
}

/*
 * Finger insertion: every node is born beside a random member, on a random
 * side. An array kept by shifting says what the order must be.
 */
TEST(unit_rbtree_insert_beside)
{
	static struct item *order[256];
	struct vmm_rb_tree tree;
	struct rng rng = {test_seed};
	const struct vmm_rb_node *node;
	size_t at = 0;

	vmm_rb_init(&tree);
	vmm_rb_insert_at(&tree, &items[0].node, NULL, VMM_RB_LEFT);
	order[0] = &items[0];
	for (size_t n = 1; n < 256; n++) {
		size_t beside = rng_below(&rng, n);
		unsigned dir = rng_next(&rng) & 1;

		vmm_rb_insert_beside(
			&tree, &items[n].node, &order[beside]->node, dir);
		for (size_t i = n; i > beside + dir; i--)
			order[i] = order[i - 1];
		order[beside + dir] = &items[n];
		CHECK_EQ(vmm_rb_check(&tree, n + 1), VMM_OK);
	}
	for (node = vmm_rb_first(&tree); node; node = vmm_rb_next(node))
		CHECK(item_of(node) == order[at++]);
	CHECK_EQ(at, 256);
}

/* Rising, falling and equal keys: the depth never passes 2 log2(n + 1). */
TEST(unit_rbtree_depth_is_logarithmic)
{
	for (unsigned kind = 0; kind < 3; kind++) {
		struct vmm_rb_tree tree;

		vmm_rb_init(&tree);
		for (unsigned i = 0; i < ITEMS_MAX; i++) {
			static const int slope[] = {1, -1, 0};

			items[i].key = (uint64_t)(5000 + slope[kind] * (int)i);
			insert(&tree, &items[i]);
		}
		CHECK_EQ(vmm_rb_check(&tree, ITEMS_MAX), VMM_OK);
		CHECK(depth_of(&tree) <= 2 * log2_of(ITEMS_MAX + 1));
		/* Take half of them out again, from one side. */
		for (unsigned i = 0; i < ITEMS_MAX / 2; i++)
			vmm_rb_erase(&tree, vmm_rb_first(&tree));
		CHECK_EQ(vmm_rb_check(&tree, ITEMS_MAX / 2), VMM_OK);
		CHECK(depth_of(&tree) <= 2 * log2_of(ITEMS_MAX / 2 + 1));
	}
}

/* The new node is where the old one was: root, inner node and leaf. */
TEST(unit_rbtree_replace)
{
	struct vmm_rb_tree tree;

	vmm_rb_init(&tree);
	for (unsigned i = 0; i < 32; i++) {
		items[i].key = i;
		insert(&tree, &items[i]);
	}
	for (unsigned i = 0; i < 32; i++) {
		struct item *twin = &items[32 + i];

		twin->key = i;
		vmm_rb_replace(&tree, &items[i].node, &twin->node);
		CHECK_EQ(vmm_rb_check(&tree, 32), VMM_OK);
		CHECK(floor_of(&tree, i) == twin);
		if (i > 0) {
			CHECK(vmm_rb_prev(&twin->node) == &twin[-1].node);
		}
	}
}

/* Random insertions and removals, all properties after each. */
TEST(unit_rbtree_random_churn)
{
	static bool in[512];
	struct vmm_rb_tree tree;
	struct rng rng = {test_seed};
	size_t count = 0;

	vmm_rb_init(&tree);
	for (unsigned i = 0; i < 512; i++) {
		in[i] = false;
		items[i].key = i / 2; /* every key twice */
	}
	for (uint64_t step = 0; step < 4000 * test_factor; step++) {
		size_t i = rng_below(&rng, 512);

		if (in[i])
			vmm_rb_erase(&tree, &items[i].node);
		else
			insert(&tree, &items[i]);
		in[i] = !in[i];
		count = in[i] ? count + 1 : count - 1;
		CHECK_EQ(vmm_rb_check(&tree, count), VMM_OK);
	}
}
