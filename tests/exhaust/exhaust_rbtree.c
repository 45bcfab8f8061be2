/* SPDX-License-Identifier: MIT */
/*
 * All insertion orders times all removal orders of up to six keys, which takes
 * every branch of the fix-ups in both directions. What travels more than two
 * levels up needs more nodes and is left to the random churn of the unit test.
 */
#include "support/test.h"

#include <vmm/rbtree.h>

#define KEYS_MAX 6

struct item {
	struct vmm_rb_node node;
	unsigned key;
};

static struct item items[KEYS_MAX];

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

/* Number @index of the permutations of @count numbers, in factorial base. */
static void permutation(unsigned index, unsigned count, unsigned *order)
{
	unsigned left[KEYS_MAX];

	for (unsigned i = 0; i < count; i++)
		left[i] = i;
	for (unsigned i = 0; i < count; i++) {
		unsigned pick = index % (count - i);

		index /= count - i;
		order[i] = left[pick];
		for (unsigned k = pick; k + 1 < count - i; k++)
			left[k] = left[k + 1];
	}
}

/* Exactly the keys in the set @present, ascending, in a sound tree. */
static void check_holds(
	const struct vmm_rb_tree *tree, unsigned present, size_t count)
{
	const struct vmm_rb_node *node = vmm_rb_first(tree);

	CHECK_EQ(vmm_rb_check(tree, count), VMM_OK);
	for (unsigned key = 0; key < KEYS_MAX; key++) {
		if ((present >> key & 1) == 0)
			continue;
		CHECK(node != NULL && item_of(node)->key == key);
		node = vmm_rb_next(node);
	}
	CHECK(node == NULL);
}

static void fill(
	struct vmm_rb_tree *tree, const unsigned *order, unsigned count)
{
	vmm_rb_init(tree);
	for (unsigned i = 0; i < count; i++) {
		items[i].key = i;
		insert(tree, &items[order[i]]);
	}
}

TEST(exhaust_rbtree_insert_orders)
{
	for (unsigned count = 1, orders = 1; count <= KEYS_MAX;
		orders *= ++count) {
		for (unsigned i = 0; i < orders; i++) {
			struct vmm_rb_tree tree;
			unsigned order[KEYS_MAX];
			unsigned present = 0;

			permutation(i, count, order);
			vmm_rb_init(&tree);
			for (unsigned k = 0; k < count; k++) {
				items[order[k]].key = order[k];
				insert(&tree, &items[order[k]]);
				present |= 1u << order[k];
				check_holds(&tree, present, k + 1);
			}
		}
	}
}

/* 720 x 720 pairs of orders for six keys; the checks are after each erase. */
TEST(exhaust_rbtree_erase_orders)
{
	for (unsigned count = 1, orders = 1; count <= KEYS_MAX;
		orders *= ++count) {
		for (unsigned i = 0; i < orders * orders; i++) {
			struct vmm_rb_tree tree;
			unsigned order[KEYS_MAX];
			unsigned present = (1u << count) - 1;

			permutation(i / orders, count, order);
			fill(&tree, order, count);
			permutation(i % orders, count, order);
			for (unsigned k = 0; k < count; k++) {
				vmm_rb_erase(&tree, &items[order[k]].node);
				present &= ~(1u << order[k]);
				check_holds(&tree, present, count - k - 1);
			}
		}
	}
}
