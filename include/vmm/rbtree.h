/* SPDX-License-Identifier: MIT */
/*
 * Intrusive red-black trees.
 *
 * A node lives inside a structure of yours, so a tree never allocates and no
 * operation can fail. The library knows nothing about your keys: there are no
 * comparison callbacks. You walk down with a few lines of your own, which the
 * compiler can specialise, and hand over the place you arrived at; or, when
 * you already hold the neighbour of the new node, you insert beside it and
 * walk nowhere.
 *
 * Mirror cases are one case with a direction, VMM_RB_LEFT or VMM_RB_RIGHT,
 * which indexes child[]. With LEFT and RIGHT exchanged every function does
 * the mirror image of what it says.
 *
 * To search, copy this (item_of() is VMM_CONTAINER_OF with your names):
 *
 *	struct item *floor_of(const struct vmm_rb_tree *tree, uint64_t key)
 *	{
 *		const struct vmm_rb_node *node = tree->root;
 *		struct item *best = NULL;
 *
 *		while (node != NULL) {
 *			struct item *item = item_of(node);
 *			unsigned dir = item->key <= key;
 *
 *			best = dir ? item : best;
 *			node = node->child[dir];
 *		}
 *		return best;
 *	}
 *
 * It finds the last item whose key is not above @key. With "item->key < key"
 * and "dir ? best : item" it finds the first whose key is not below. For an
 * exact match look at best->key afterwards: descending to the end without a
 * second branch is faster than leaving early.
 *
 * To insert, copy this:
 *
 *	void insert(struct vmm_rb_tree *tree, struct item *item)
 *	{
 *		struct vmm_rb_node *parent = NULL;
 *		struct vmm_rb_node *node = tree->root;
 *		unsigned dir = VMM_RB_LEFT;
 *
 *		while (node != NULL) {
 *			parent = node;
 *			dir = item_of(node)->key < item->key;
 *			node = node->child[dir];
 *		}
 *		vmm_rb_insert_at(tree, &item->node, parent, dir);
 *	}
 *
 * Equal keys are allowed: whichever side the comparison sends them to, they
 * are balanced like all others and the depth stays logarithmic.
 *
 * The caller serialises changes to a tree. Any number of readers may walk a
 * tree that nobody changes. No function recurses, takes a lock or allocates.
 */
#ifndef VMM_RBTREE_H
#define VMM_RBTREE_H

#include <vmm/config.h>
#include <vmm/error.h>
#include <vmm/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	VMM_RB_LEFT = 0, /* towards the first node */
	VMM_RB_RIGHT = 1 /* towards the last node */
};

/*
 * A node. Its content is the library's, undefined outside a tree, and needs
 * no initialisation. It must not move while it is in a tree.
 */
struct vmm_rb_node {
	/*
	 * The address of the parent, 0 in the root; bit 0 is set in a red
	 * node. A node is at least 4-aligned, so the bit is free.
	 */
	uintptr_t parent_color;
	struct vmm_rb_node *child[2];
};

/*
 * A tree; all zero is an empty one. Invariants, which vmm_rb_check() tests:
 *   I1  the root is black and has no parent
 *   I2  the two children of a red node are black; a missing child is black
 *   I3  every way from the root to a missing child meets the same number of
 *       black nodes
 *   I4  every child's parent link leads back to the node it hangs on, and no
 *       node is both children of another
 * I2 and I3 bound the depth by 2 * log2(n + 1).
 */
struct vmm_rb_tree {
	struct vmm_rb_node *root;
};

/**
 * vmm_rb_init() - Make an empty tree.
 */
static inline void vmm_rb_init(struct vmm_rb_tree *tree)
{
	tree->root = NULL;
}

static inline bool vmm_rb_is_empty(const struct vmm_rb_tree *tree)
{
	return tree->root == NULL;
}

/* The parent of a node that is in a tree; NULL for the root. */
static inline struct vmm_rb_node *vmm_rb_parent(const struct vmm_rb_node *node)
{
	return (struct vmm_rb_node *)(node->parent_color & ~(uintptr_t)1);
}

/* Is a node red? A missing one, NULL, counts as black. For checks and dumps. */
static inline bool vmm_rb_is_red(const struct vmm_rb_node *node)
{
	return node != NULL && (node->parent_color & 1) != 0;
}

/**
 * vmm_rb_insert_at() - Insert a node at the end of the caller's descent.
 * @tree:   The tree.
 * @node:   The new node, in no tree.
 * @parent: The last node of the descent, NULL if @tree is empty.
 * @dir:    The side of @parent to hang @node on; nothing hangs there.
 *          Ignored if @parent is NULL.
 *
 * Cost: O(log n) colour changes in the worst case, O(1) amortised; at most two
 *       rotations.
 */
void vmm_rb_insert_at(struct vmm_rb_tree *tree, struct vmm_rb_node *node,
	struct vmm_rb_node *parent, unsigned dir);

/**
 * vmm_rb_insert_beside() - Insert a node next to one that is in the tree.
 * @tree:      The tree.
 * @node:      The new node, in no tree.
 * @neighbour: A node of @tree.
 * @dir:       VMM_RB_LEFT: @node comes directly before @neighbour;
 *             VMM_RB_RIGHT: directly after it.
 *
 * No key is looked at: that the order is right is the caller's knowledge.
 *
 * Cost: as vmm_rb_insert_at(), plus at most one step from @neighbour.
 */
void vmm_rb_insert_beside(struct vmm_rb_tree *tree, struct vmm_rb_node *node,
	struct vmm_rb_node *neighbour, unsigned dir);

/**
 * vmm_rb_erase() - Take a node out.
 * @tree: The tree that @node is in.
 * @node: The node; its memory is the caller's again.
 *
 * All other nodes stay where they are in memory: only links change.
 *
 * Cost: O(log n) in the worst case; at most three rotations.
 */
void vmm_rb_erase(struct vmm_rb_tree *tree, struct vmm_rb_node *node);

/**
 * vmm_rb_replace() - Put a node in the exact place of another.
 * @tree: The tree that @old is in.
 * @old:  The node to take out; its memory is the caller's again.
 * @node: The node to put in, in no tree. Its key must fit the place.
 *
 * Cost: O(1).
 */
void vmm_rb_replace(struct vmm_rb_tree *tree, struct vmm_rb_node *old,
	struct vmm_rb_node *node);

/**
 * vmm_rb_end() - The outermost node on one side.
 * @tree: The tree.
 * @dir:  VMM_RB_LEFT: the first node; VMM_RB_RIGHT: the last one.
 *
 * Cost:   O(log n).
 * Return: The node, or NULL in an empty tree.
 */
struct vmm_rb_node *vmm_rb_end(const struct vmm_rb_tree *tree, unsigned dir);

/**
 * vmm_rb_step() - The neighbour of a node in key order.
 * @node: A node in a tree.
 * @dir:  VMM_RB_LEFT: the node before; VMM_RB_RIGHT: the node after.
 *
 * Cost:   O(log n); a walk over all nodes costs O(n).
 * Return: The node, or NULL at the end.
 */
struct vmm_rb_node *vmm_rb_step(const struct vmm_rb_node *node, unsigned dir);

static inline struct vmm_rb_node *vmm_rb_first(const struct vmm_rb_tree *tree)
{
	return vmm_rb_end(tree, VMM_RB_LEFT);
}

static inline struct vmm_rb_node *vmm_rb_last(const struct vmm_rb_tree *tree)
{
	return vmm_rb_end(tree, VMM_RB_RIGHT);
}

static inline struct vmm_rb_node *vmm_rb_next(const struct vmm_rb_node *node)
{
	return vmm_rb_step(node, VMM_RB_RIGHT);
}

static inline struct vmm_rb_node *vmm_rb_prev(const struct vmm_rb_node *node)
{
	return vmm_rb_step(node, VMM_RB_LEFT);
}

/*
 * Trees with summaries. A summary is a value of your structure that says
 * something of a whole subtree, such as the largest size in it: it is computed
 * from the node's own value and the summaries of its children. With it a
 * search can leave out subtrees, "the first node that is large enough".
 */

/*
 * Recompute the summary of @node, in a tree, from its own value and those of
 * its children, which are right. Returns whether it changed.
 */
typedef bool vmm_rb_update_fn(struct vmm_rb_node *node);

/**
 * vmm_rb_propagate() - Bring summaries up to date above a change.
 * @node:   The node whose own value changed; NULL is fine.
 * @update: The tree's update function.
 *
 * Goes up from @node until a summary stays as it was.
 *
 * Cost: O(log n) calls of @update.
 */
void vmm_rb_propagate(struct vmm_rb_node *node, vmm_rb_update_fn *update);

/**
 * vmm_rb_insert_at_with(), vmm_rb_insert_beside_with(), vmm_rb_erase_with() -
 *	As the functions without "_with", for a tree with summaries.
 * @update: The tree's update function; the same for every call on one tree.
 *          NULL: the tree has no summaries.
 *
 * vmm_rb_replace() leaves the summary to the caller: copy the one of @old, so
 * that a change is noticed, and call vmm_rb_propagate().
 *
 * Cost: as without, and O(log n) calls of @update.
 */
void vmm_rb_insert_at_with(struct vmm_rb_tree *tree, struct vmm_rb_node *node,
	struct vmm_rb_node *parent, unsigned dir, vmm_rb_update_fn *update);
void vmm_rb_insert_beside_with(struct vmm_rb_tree *tree,
	struct vmm_rb_node *node, struct vmm_rb_node *neighbour, unsigned dir,
	vmm_rb_update_fn *update);
void vmm_rb_erase_with(struct vmm_rb_tree *tree, struct vmm_rb_node *node,
	vmm_rb_update_fn *update);

/*
 * Does @node satisfy @want: the node itself (@subtree false), or, by its
 * summary, at least one node of its subtree (@subtree true)?
 */
typedef bool vmm_rb_match_fn(
	const struct vmm_rb_node *node, uint64_t want, bool subtree);

/**
 * vmm_rb_seek() - The nearest node beyond another that satisfies a condition.
 * @node:  A node in a tree with summaries. It is not looked at itself.
 * @dir:   VMM_RB_RIGHT: towards the last node; VMM_RB_LEFT: the first.
 * @match: The condition. Give a constant, so that it is inlined.
 * @want:  Handed to @match.
 *
 * Cost:   O(log n).
 * Return: The node, or NULL.
 */
static inline struct vmm_rb_node *vmm_rb_seek(const struct vmm_rb_node *node,
	unsigned dir, vmm_rb_match_fn *match, uint64_t want)
{
	const struct vmm_rb_node *next = node->child[dir];

	/* Up, until a whole subtree ahead has a match or an ancestor is one. */
	while (next == NULL || !match(next, want, true)) {
		next = vmm_rb_parent(node);
		while (next != NULL && next->child[dir] == node) {
			node = next;
			next = vmm_rb_parent(node);
		}
		if (next == NULL || match(next, want, false))
			return (struct vmm_rb_node *)next;
		node = next;
		next = node->child[dir];
	}
	/* Down to the nearest match in the subtree. */
	for (;;) {
		const struct vmm_rb_node *near = next->child[!dir];

		if (near != NULL && match(near, want, true))
			next = near;
		else if (match(next, want, false))
			return (struct vmm_rb_node *)next;
		else
			next = next->child[dir];
	}
}

/**
 * vmm_rb_check() - Test I1 to I4 and the number of nodes.
 * @tree:  The tree.
 * @count: How many nodes the caller believes it has.
 *
 * Ends after at most @count nodes whatever the links say, loops included. It
 * looks at a node only through an aligned link, but cannot know whether a link
 * leads to memory. The order of the keys is the caller's to check.
 *
 * Cost:   O(@count), no recursion, no memory.
 * Return: VMM_OK or VMM_ECORRUPT.
 */
VMM_NODISCARD int vmm_rb_check(const struct vmm_rb_tree *tree, size_t count);

#ifdef __cplusplus
}
#endif

#endif /* VMM_RBTREE_H */
