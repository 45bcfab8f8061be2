/* SPDX-License-Identifier: MIT */
/*
 * Red-black trees with summaries: after every change each node's summary is the
 * largest value of its subtree, and a search that relies on it finds what a scan
 * of all nodes finds.
 */
#include "support/test.h"

#include <vmm/rbtree.h>

struct item {
	struct vmm_rb_node node;
	uint64_t key;
	uint64_t value;
	uint64_t largest; /* value in the subtree */
};

#define ITEMS 300

static struct item items[ITEMS];
static bool in[ITEMS];
static struct vmm_rb_tree tree;
static size_t count;
static uint64_t updates;
static struct rng rng;

static struct item *item_of(const struct vmm_rb_node *node)
{
	return VMM_CONTAINER_OF(node, struct item, node);
}

static uint64_t largest_of(const struct item *item)
{
	uint64_t largest = item->value;

	for (unsigned dir = 0; dir < 2; dir++) {
		const struct vmm_rb_node *child = item->node.child[dir];

		if (child != NULL && item_of(child)->largest > largest)
			largest = item_of(child)->largest;
	}
	return largest;
}

static bool update(struct vmm_rb_node *node)
{
	struct item *item = item_of(node);
	uint64_t before = item->largest;

	updates++;
	item->largest = largest_of(item);
	return item->largest != before;
}

static bool has_value(
	const struct vmm_rb_node *node, uint64_t want, bool subtree)
{
	const struct item *item = item_of(node);

	return (subtree ? item->largest : item->value) >= want;
}

static void insert(struct item *item)
{
	struct vmm_rb_node *parent = NULL;
	struct vmm_rb_node *node = tree.root;
	unsigned dir = VMM_RB_LEFT;

	while (node != NULL) {
		parent = node;
		dir = item_of(node)->key < item->key;
		node = node->child[dir];
	}
	/* What is left from an earlier life must not count. */
	item->largest = rng_next(&rng);
	vmm_rb_insert_at_with(&tree, &item->node, parent, dir, update);
}

/* Beside the member whose key is nearest, if there is one. */
static void insert_beside(struct item *item)
{
	struct item *near = NULL;
	unsigned dir;

	for (unsigned i = 0; i < ITEMS; i++) {
		if (in[i] && items[i].key < item->key &&
			(near == NULL || items[i].key > near->key))
			near = &items[i];
	}
	dir = VMM_RB_RIGHT;
	if (near == NULL && count != 0) {
		near = item_of(vmm_rb_first(&tree));
		dir = VMM_RB_LEFT;
	}
	if (near == NULL) {
		insert(item);
		return;
	}
	item->largest = rng_next(&rng);
	vmm_rb_insert_beside_with(&tree, &item->node, &near->node, dir, update);
}

static void check_all(void)
{
	const struct vmm_rb_node *node = vmm_rb_first(&tree);
	const struct item *before = NULL;

	CHECK_EQ(vmm_rb_check(&tree, count), VMM_OK);
	for (; node != NULL; node = vmm_rb_next(node)) {
		const struct item *item = item_of(node);

		CHECK(before == NULL || before->key < item->key);
		CHECK_EQ(item->largest, largest_of(item));
		before = item;
	}
}

static void start(uint64_t seed)
{
	rng.state = seed;
	vmm_rb_init(&tree);
	count = 0;
	for (unsigned i = 0; i < ITEMS; i++) {
		in[i] = false;
		items[i].key = i;
	}
}

static void toggle(unsigned i, uint64_t values)
{
	if (in[i]) {
		vmm_rb_erase_with(&tree, &items[i].node, update);
	} else {
		items[i].value = rng_below(&rng, values);
		if (rng_next(&rng) & 1)
			insert(&items[i]);
		else
			insert_beside(&items[i]);
	}
	in[i] = !in[i];
	count = in[i] ? count + 1 : count - 1;
}

/* Few values, so that many are equal, and many. */
TEST(unit_rbtree_summaries_after_every_change)
{
	for (unsigned round = 0; round < 4; round++) {
		start(test_seed + round);
		for (uint64_t step = 0; step < 4000 * test_factor; step++) {
			toggle((unsigned)rng_below(&rng, ITEMS),
				round & 1 ? 4 : 1000000);
			check_all();
		}
	}
}

/* Values that change in place, up and down, and nodes that are replaced. */
TEST(unit_rbtree_propagate)
{
	start(test_seed);
	for (unsigned i = 0; i < ITEMS; i++)
		toggle(i, 1000);
	for (uint64_t step = 0; step < 4000 * test_factor; step++) {
		struct item *item = &items[rng_below(&rng, ITEMS)];

		item->value = rng_below(&rng, 1000);
		vmm_rb_propagate(&item->node, update);
		check_all();
	}
	for (unsigned i = 0; i < ITEMS; i++) {
		struct item twin = {.key = i, .value = 5000 + i};

		vmm_rb_replace(&tree, &items[i].node, &twin.node);
		twin.largest = items[i].largest;
		vmm_rb_propagate(&twin.node, update);
		check_all();
		vmm_rb_replace(&tree, &twin.node, &items[i].node);
		items[i].largest = twin.largest;
		vmm_rb_propagate(&items[i].node, update);
		check_all();
	}
	vmm_rb_propagate(NULL, update);
}

/* It goes up no further than a summary changes, and never beyond the root. */
TEST(unit_rbtree_propagate_stops)
{
	start(test_seed);
	for (unsigned i = 0; i < ITEMS; i++)
		toggle(i, 1000);
	for (unsigned i = 0; i < ITEMS; i++) {
		updates = 0;
		vmm_rb_propagate(&items[i].node, update);
		CHECK_EQ(updates, 1);
		/* The depth is at most 2 log2(301). */
		items[i].value += 100000 * (i + 1);
		updates = 0;
		vmm_rb_propagate(&items[i].node, update);
		CHECK(updates >= 1 && updates <= 16);
		check_all();
	}
}

static const struct vmm_rb_node *scan(unsigned i, unsigned dir, uint64_t want)
{
	while (dir == VMM_RB_RIGHT ? ++i < ITEMS : i-- > 0) {
		if (in[i] && items[i].value >= want)
			return &items[i].node;
	}
	return NULL;
}

/* From every node, in both directions, for wants that are met and not. */
TEST(unit_rbtree_seek_against_a_scan)
{
	for (unsigned round = 0; round < 200; round++) {
		uint64_t values = round & 1 ? 8 : 1000;

		start(test_seed + round);
		for (unsigned i = 0; i < ITEMS; i++) {
			if (rng_below(&rng, 1 + round % 7) == 0)
				toggle(i, values);
		}
		for (unsigned i = 0; i < ITEMS * 2; i++) {
			uint64_t want = rng_below(&rng, values + 1);

			/* Mostly what few have. */
			if (rng_next(&rng) & 1)
				want = values - 1 - want / 16;
			if (!in[i / 2])
				continue;
			CHECK(vmm_rb_seek(&items[i / 2].node, i & 1, has_value,
				      want) == scan(i / 2, i & 1, want));
		}
	}
}

/* The node itself is not looked at, whatever it has. */
TEST(unit_rbtree_seek_beyond_the_node)
{
	start(test_seed);
	for (unsigned i = 0; i < 3; i++)
		toggle(i, 1);
	items[1].value = 10;
	vmm_rb_propagate(&items[1].node, update);
	CHECK(vmm_rb_seek(&items[1].node, VMM_RB_RIGHT, has_value, 10) == NULL);
	CHECK(vmm_rb_seek(&items[1].node, VMM_RB_LEFT, has_value, 10) == NULL);
	CHECK(vmm_rb_seek(&items[0].node, VMM_RB_RIGHT, has_value, 10) ==
		&items[1].node);
	CHECK(vmm_rb_seek(&items[2].node, VMM_RB_LEFT, has_value, 10) ==
		&items[1].node);
	CHECK(vmm_rb_seek(&items[1].node, VMM_RB_RIGHT, has_value, 0) ==
		&items[2].node);
}

/* Without an update function the same calls keep a plain tree. */
TEST(unit_rbtree_without_summaries)
{
	start(test_seed);
	vmm_rb_insert_at_with(&tree, &items[1].node, NULL, VMM_RB_LEFT, NULL);
	vmm_rb_insert_beside_with(
		&tree, &items[0].node, &items[1].node, VMM_RB_LEFT, NULL);
	vmm_rb_insert_beside_with(
		&tree, &items[2].node, &items[1].node, VMM_RB_RIGHT, NULL);
	CHECK_EQ(vmm_rb_check(&tree, 3), VMM_OK);
	CHECK(vmm_rb_next(&items[0].node) == &items[1].node);
	vmm_rb_erase_with(&tree, &items[1].node, NULL);
	CHECK_EQ(vmm_rb_check(&tree, 2), VMM_OK);
	CHECK(vmm_rb_next(&items[0].node) == &items[2].node);
}
