/* SPDX-License-Identifier: MIT */
/* Bare tree: the macros of BSD's sys/tree.h, as libbsd brings them. */
#include "vmem/peers.h"

/* The header takes this from BSD's own <sys/cdefs.h>. */
#define __unused __attribute__((unused))
#include <bsd/sys/tree.h>

struct item {
	RB_ENTRY(item) node;
	uint64_t key;
};

RB_HEAD(items, item);

struct tree {
	struct items head;
	struct item items[];
};

static int compare(const struct item *a, const struct item *b)
{
	return (a->key > b->key) - (a->key < b->key);
}

RB_GENERATE_STATIC(items, item, node, compare)

static size_t memory(size_t nodes)
{
	return sizeof(struct tree) + nodes * sizeof(struct item);
}

static void open(void *at, size_t nodes)
{
	struct tree *tree = at;

	(void)nodes;
	RB_INIT(&tree->head);
}

static void insert(void *at, uint32_t node, uint64_t key)
{
	struct tree *tree = at;

	tree->items[node].key = key;
	RB_INSERT(items, &tree->head, &tree->items[node]);
}

static void erase(void *at, uint32_t node)
{
	struct tree *tree = at;

	RB_REMOVE(items, &tree->head, &tree->items[node]);
}

static bool find(void *at, uint64_t key)
{
	struct tree *tree = at;
	struct item wanted = {.key = key};

	return RB_FIND(items, &tree->head, &wanted) != NULL;
}

const struct tree_peer tree_bsd = {
	.name = "sys/tree.h",
	.memory = memory,
	.open = open,
	.insert = insert,
	.erase = erase,
	.find = find,
};
