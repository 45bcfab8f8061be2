/* SPDX-License-Identifier: MIT */
/* How deep a red-black tree is. */
#ifndef RB_DEPTH_H
#define RB_DEPTH_H

#include <vmm/rbtree.h>

/* Levels from the root down to the deepest node; 0 for an empty tree. */
static inline unsigned depth_of(const struct vmm_rb_tree *tree)
{
	const struct vmm_rb_node *node = vmm_rb_first(tree);
	unsigned max = 0;

	for (; node != NULL; node = vmm_rb_next(node)) {
		const struct vmm_rb_node *up = node;
		unsigned depth = 0;

		for (; up != NULL; up = vmm_rb_parent(up))
			depth++;
		max = depth > max ? depth : max;
	}
	return max;
}

#endif /* RB_DEPTH_H */
