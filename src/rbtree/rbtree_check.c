/* SPDX-License-Identifier: MIT */
/*
 * The checker of the red-black trees.
 *
 * It tours the tree along its links, down and up again, and never goes down a
 * link before the parent link of the node below is known to lead back. So the
 * tour can always return the way it came, and no loop can be entered: the
 * first node of a loop that the tour meets would need two parents, the one it
 * was reached from and one in the loop.
 */
#include <vmm/rbtree.h>

struct tour {
	size_t left;   /* nodes that may still come */
	size_t black;  /* black nodes from the root to here */
	size_t height; /* black nodes on a whole path; 0: none was seen yet */
};

/* Can this be a node's address? Only then may it be looked at. */
static bool is_node(const struct vmm_rb_node *node)
{
	return (uintptr_t)node % _Alignof(struct vmm_rb_node) == 0;
}

/* I2 and I4 at one link down. */
static bool child_ok(
	const struct vmm_rb_node *node, const struct vmm_rb_node *child)
{
	if (child == NULL)
		return true;
	return is_node(child) && vmm_rb_parent(child) == node &&
	       !(vmm_rb_is_red(node) && vmm_rb_is_red(child));
}

/* Everything about one node, at the tour's first visit. */
static bool enter(struct tour *tour, const struct vmm_rb_node *node)
{
	const struct vmm_rb_node *left = node->child[VMM_RB_LEFT];
	const struct vmm_rb_node *right = node->child[VMM_RB_RIGHT];

	if (tour->left == 0)
		return false;
	tour->left--;
	if (!child_ok(node, left) || !child_ok(node, right))
		return false;
	tour->black += !vmm_rb_is_red(node);
	if (left != NULL && right != NULL)
		return left != right;
	/* I3: here ends a path. */
	if (tour->height == 0)
		tour->height = tour->black;
	return tour->height == tour->black;
}

int vmm_rb_check(const struct vmm_rb_tree *tree, size_t count)
{
	struct tour tour = {.left = count};
	const struct vmm_rb_node *from = NULL;
	const struct vmm_rb_node *node = tree->root;

	/* I1. A parent link of 0 is both: no parent and black. */
	if (node != NULL && (!is_node(node) || node->parent_color != 0))
		return VMM_ECORRUPT;
	while (node != NULL) {
		const struct vmm_rb_node *parent = vmm_rb_parent(node);
		const struct vmm_rb_node *to = parent;

		if (from == parent) {
			if (!enter(&tour, node))
				return VMM_ECORRUPT;
			if (node->child[VMM_RB_RIGHT] != NULL)
				to = node->child[VMM_RB_RIGHT];
			if (node->child[VMM_RB_LEFT] != NULL)
				to = node->child[VMM_RB_LEFT];
		} else if (from == node->child[VMM_RB_LEFT] &&
			   node->child[VMM_RB_RIGHT] != NULL) {
			to = node->child[VMM_RB_RIGHT];
		}
		if (to == parent)
			tour.black -= !vmm_rb_is_red(node);
		from = node;
		node = to;
	}
	return tour.left == 0 ? VMM_OK : VMM_ECORRUPT;
}
