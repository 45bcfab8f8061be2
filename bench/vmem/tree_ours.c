/* SPDX-License-Identifier: MIT */
/* Bare tree: the library's own, searched as vmm/rbtree.h says. */
#include "vmem/peers.h"

#include <vmm/port.h>
#include <vmm/rbtree.h>

struct item {
	struct vmm_rb_node node;
	uint64_t key;
};

struct tree {
	struct vmm_rb_tree tree;
	struct item items[];
};

static struct item *item_of(const struct vmm_rb_node *node)
{
	return VMM_CONTAINER_OF(node, struct item, node);
}

static size_t memory(size_t nodes)
{
	return sizeof(struct tree) + nodes * sizeof(struct item);
}

static void open(void *at, size_t nodes)
{
	struct tree *tree = at;

	(void)nodes;
	vmm_rb_init(&tree->tree);
}

static void insert(void *at, uint32_t node, uint64_t key)
{
	struct tree *tree = at;
	struct vmm_rb_node *parent = NULL;
	struct vmm_rb_node *child = tree->tree.root;
	unsigned dir = VMM_RB_LEFT;

	tree->items[node].key = key;
	while (child != NULL) {
		parent = child;
		dir = item_of(child)->key < key;
		child = child->child[dir];
	}
	vmm_rb_insert_at(&tree->tree, &tree->items[node].node, parent, dir);
}

static void erase(void *at, uint32_t node)
{
	struct tree *tree = at;

	vmm_rb_erase(&tree->tree, &tree->items[node].node);
}

static bool find(void *at, uint64_t key)
{
	struct tree *tree = at;
	const struct vmm_rb_node *node = tree->tree.root;
	const struct item *best = NULL;

	while (node != NULL) {
		const struct item *item = item_of(node);
		unsigned dir = item->key <= key;

		best = dir ? item : best;
		node = node->child[dir];
	}
	return best != NULL && best->key == key;
}

const struct tree_peer tree_ours = {
	.name = "vmm_rb",
	.memory = memory,
	.open = open,
	.insert = insert,
	.erase = erase,
	.find = find,
};
