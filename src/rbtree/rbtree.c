/* SPDX-License-Identifier: MIT */
/*
 * Red-black trees: theory of operation
 *
 * 1. A red-black tree is a binary search tree whose nodes are red or black
 *    under the rules I1-I3 of rbtree.h. Black nodes alone form a perfectly
 *    balanced skeleton; red ones, never two in a row, at most double a path.
 *
 * 2. An insertion hangs a red leaf on. That keeps every black count and can
 *    break one rule only: the leaf's parent may be red too. A removal ends in
 *    unlinking a node with at most one child. If that node was black, all
 *    paths through its place are one black short. Both faults are pushed
 *    towards the root by recolouring until a rotation absorbs them.
 *
 * 3. In the drawings an upper-case letter is a black node, a lower-case letter
 *    a red one, and (n) either. N is the node in question, P its parent, G its
 *    grandparent, U its uncle, S its sibling, C and D the sibling's close and
 *    distant children. All drawings show side == LEFT, the case of N or of its
 *    parent being a left child; the other case is the mirror image and runs
 *    through the same lines with the direction exchanged.
 *
 * 4. Summaries (vmm_rb_update_fn) are recomputed bottom up. A node that is
 *    hung on or unlinked changes them on its way to the root, as far as they
 *    change; this is done before any repair. A rotation then leaves the set of
 *    nodes below the place as it is, so only its two nodes are recomputed.
 *
 * 5. Parent links cost a word per node and are worth it: a step to the
 *    neighbour, an erase by node and an insertion beside a node need no
 *    descent and no stack.
 */
#include <vmm/rbtree.h>

#define RED ((uintptr_t)1)

static void set_red(struct vmm_rb_node *node)
{
	node->parent_color |= RED;
}

static void set_black(struct vmm_rb_node *node)
{
	node->parent_color &= ~RED;
}

/* Change the parent, keep the colour. */
static void set_parent(struct vmm_rb_node *node, struct vmm_rb_node *parent)
{
	node->parent_color = (uintptr_t)parent | (node->parent_color & RED);
}

/* The side of @parent that @node hangs on. */
static unsigned side_of(
	const struct vmm_rb_node *parent, const struct vmm_rb_node *node)
{
	return parent->child[VMM_RB_RIGHT] == node;
}

/* Let the link that leads down from @parent to @old lead to @node. */
static void relink(struct vmm_rb_tree *tree, struct vmm_rb_node *parent,
	const struct vmm_rb_node *old, struct vmm_rb_node *node)
{
	if (parent == NULL)
		tree->root = node;
	else
		parent->child[side_of(parent, old)] = node;
}

/*
 * Let @top sink to side @dir; its other child comes up. The two exchange their
 * colours, so that their places keep theirs: all repairs want it so.
 *
 *        top                up
 *       /   \              /  \
 *      x     up    -->   top   z         (dir == LEFT)
 *           /  \        /   \
 *          y    z      x     y
 */
static VMM_NOINLINE void rotate(struct vmm_rb_tree *tree,
	struct vmm_rb_node *top, unsigned dir, vmm_rb_update_fn *update)
{
	struct vmm_rb_node *up = top->child[!dir];
	struct vmm_rb_node *inner = up->child[dir];
	uintptr_t color = up->parent_color & RED;

	relink(tree, vmm_rb_parent(top), top, up);
	top->child[!dir] = inner;
	if (inner != NULL)
		set_parent(inner, top);
	up->child[dir] = top;
	up->parent_color = top->parent_color;
	top->parent_color = (uintptr_t)up | color;
	/* The subtree holds the same nodes, so nothing changes above it. */
	if (update != NULL) {
		update(top);
		update(up);
	}
}

void vmm_rb_propagate(struct vmm_rb_node *node, vmm_rb_update_fn *update)
{
	while (node != NULL && update(node))
		node = vmm_rb_parent(node);
}

/*
 * Bring summaries up to date from a node that is new in its place: whatever
 * its own summary was before says nothing about the nodes above.
 */
static void refresh(struct vmm_rb_node *node, vmm_rb_update_fn *update)
{
	update(node);
	vmm_rb_propagate(vmm_rb_parent(node), update);
}

/*
 * Repair "red node under red parent". Each turn of the loop either ends it or
 * moves the fault two levels up.
 */
static void insert_fixup(struct vmm_rb_tree *tree, struct vmm_rb_node *node,
	vmm_rb_update_fn *update)
{
	struct vmm_rb_node *parent = vmm_rb_parent(node);

	while (vmm_rb_is_red(parent)) {
		/* A red node is not the root: there is a grandparent. */
		struct vmm_rb_node *grand = vmm_rb_parent(parent);
		unsigned side = side_of(grand, parent);
		struct vmm_rb_node *uncle = grand->child[!side];

		/*
		 * Uncle red: recolour and go on with G.
		 *
		 *       G            g
		 *      / \          / \
		 *     p   u  -->   P   U
		 *    /            /
		 *   n            n
		 */
		if (vmm_rb_is_red(uncle)) {
			set_black(parent);
			set_black(uncle);
			set_red(grand);
			node = grand;
			parent = vmm_rb_parent(node);
			continue;
		}
		/*
		 * N is an inner grandchild: make it an outer one. The old
		 * parent is the lower of the two red nodes now.
		 *
		 *       G              G
		 *      / \            / \
		 *     p   U   -->    n   U
		 *      \            /
		 *       n          p
		 */
		if (side_of(parent, node) != side)
			rotate(tree, parent, side, update);
		/*
		 * N is an outer grandchild: one rotation, and all is well.
		 *
		 *       G             P
		 *      / \           / \
		 *     p   U   -->   n   g
		 *    /                   \
		 *   n                     U
		 */
		rotate(tree, grand, !side, update);
		break;
	}
	set_black(tree->root);
}

void vmm_rb_insert_at_with(struct vmm_rb_tree *tree, struct vmm_rb_node *node,
	struct vmm_rb_node *parent, unsigned dir, vmm_rb_update_fn *update)
{
	VMM_ASSERT(((uintptr_t)node & RED) == 0);
	VMM_ASSERT(dir <= VMM_RB_RIGHT);

	node->parent_color = (uintptr_t)parent | RED;
	node->child[VMM_RB_LEFT] = NULL;
	node->child[VMM_RB_RIGHT] = NULL;
	if (parent == NULL) {
		VMM_ASSERT(tree->root == NULL);
		tree->root = node;
	} else {
		VMM_ASSERT(parent->child[dir] == NULL);
		parent->child[dir] = node;
	}
	if (update != NULL)
		refresh(node, update);
	insert_fixup(tree, node, update);
}

void vmm_rb_insert_at(struct vmm_rb_tree *tree, struct vmm_rb_node *node,
	struct vmm_rb_node *parent, unsigned dir)
{
	vmm_rb_insert_at_with(tree, node, parent, dir, NULL);
}

void vmm_rb_insert_beside_with(struct vmm_rb_tree *tree,
	struct vmm_rb_node *node, struct vmm_rb_node *neighbour, unsigned dir,
	vmm_rb_update_fn *update)
{
	struct vmm_rb_node *parent = neighbour;

	/*
	 * If the near side of the neighbour is taken, the node beyond it is the
	 * outermost one in that subtree, so its own near side is free.
	 */
	if (neighbour->child[dir] != NULL) {
		parent = neighbour->child[dir];
		dir = !dir;
		while (parent->child[dir] != NULL)
			parent = parent->child[dir];
	}
	vmm_rb_insert_at_with(tree, node, parent, dir, update);
}

void vmm_rb_insert_beside(struct vmm_rb_tree *tree, struct vmm_rb_node *node,
	struct vmm_rb_node *neighbour, unsigned dir)
{
	vmm_rb_insert_beside_with(tree, node, neighbour, dir, NULL);
}

/*
 * The sibling of side @side of @parent, after rotations that make it black and
 * let a red nephew, if there is one, be the distant one or both.
 */
static struct vmm_rb_node *settle_sibling(struct vmm_rb_tree *tree,
	struct vmm_rb_node *parent, unsigned side, vmm_rb_update_fn *update)
{
	struct vmm_rb_node *sibling = parent->child[!side];

	/*
	 * Sibling red: rotate it up. N's new sibling is black.
	 *
	 *     P               S
	 *    / \             / \
	 *   N   s    -->    p   D
	 *      / \         / \
	 *     C   D       N   C
	 */
	if (vmm_rb_is_red(sibling)) {
		rotate(tree, parent, side, update);
		sibling = parent->child[!side];
	}
	/*
	 * Close nephew red, distant one black: rotate the close one up.
	 *
	 *    (p)             (p)
	 *    / \             / \
	 *   N   S    -->    N   C
	 *      / \               \
	 *     c   D               s
	 *                          \
	 *                           D
	 */
	if (!vmm_rb_is_red(sibling->child[!side]) &&
		vmm_rb_is_red(sibling->child[side])) {
		rotate(tree, sibling, !side, update);
		sibling = parent->child[!side];
	}
	return sibling;
}

/*
 * Repair a place whose paths are one black node short: side @side of @parent.
 * The node there is black or missing, so its sibling S is a real node. Each
 * turn of the loop ends it or moves the place one level up.
 */
static void erase_fixup(struct vmm_rb_tree *tree, struct vmm_rb_node *parent,
	unsigned side, vmm_rb_update_fn *update)
{
	while (parent != NULL) {
		struct vmm_rb_node *sibling =
			settle_sibling(tree, parent, side, update);
		struct vmm_rb_node *grand = vmm_rb_parent(parent);

		/*
		 * Distant nephew red: one rotation gives N's side a black node
		 * and takes none from the other. S inherits P's colour.
		 *
		 *    (p)             (s)
		 *    / \             / \
		 *   N   S    -->    P   D
		 *      / \         / \
		 *    (c)  d       N  (c)
		 */
		if (vmm_rb_is_red(sibling->child[!side])) {
			set_black(sibling->child[!side]);
			rotate(tree, parent, side, update);
			return;
		}
		/*
		 * Both nephews black: take a black node from S's side too. A
		 * red parent pays it back; under a black one the whole subtree
		 * is short now.
		 *
		 *    (p)              P
		 *    / \             / \
		 *   N   S    -->    N   s
		 *      / \             / \
		 *     C   D           C   D
		 */
		set_red(sibling);
		if (vmm_rb_is_red(parent)) {
			set_black(parent);
			return;
		}
		if (grand != NULL)
			side = side_of(grand, parent);
		parent = grand;
	}
}

/*
 * Unlink a node with at most one child. An only child is a red leaf, or the
 * black counts of the two sides would differ; so it can pay for a black node.
 */
static void unlink_simple(struct vmm_rb_tree *tree, struct vmm_rb_node *node,
	vmm_rb_update_fn *update)
{
	struct vmm_rb_node *parent = vmm_rb_parent(node);
	struct vmm_rb_node *child = node->child[VMM_RB_LEFT];
	unsigned side = VMM_RB_LEFT;

	if (child == NULL)
		child = node->child[VMM_RB_RIGHT];
	if (parent != NULL)
		side = side_of(parent, node);
	relink(tree, parent, node, child);
	if (update != NULL)
		vmm_rb_propagate(parent, update);
	if (child != NULL) {
		VMM_ASSERT(vmm_rb_is_red(child));
		child->parent_color = (uintptr_t)parent;
	} else if (!vmm_rb_is_red(node)) {
		erase_fixup(tree, parent, side, update);
	}
}

void vmm_rb_erase_with(struct vmm_rb_tree *tree, struct vmm_rb_node *node,
	vmm_rb_update_fn *update)
{
	struct vmm_rb_node *next;

	VMM_ASSERT(tree->root != NULL);

	if (node->child[VMM_RB_LEFT] == NULL ||
		node->child[VMM_RB_RIGHT] == NULL) {
		unlink_simple(tree, node, update);
		return;
	}
	/*
	 * Two children: the next node in order has no left child. Unlink that
	 * one, with all repairs, and then put it in the place of this one.
	 */
	next = vmm_rb_step(node, VMM_RB_RIGHT);
	unlink_simple(tree, next, update);
	vmm_rb_replace(tree, node, next);
	if (update != NULL)
		refresh(next, update);
}

void vmm_rb_erase(struct vmm_rb_tree *tree, struct vmm_rb_node *node)
{
	vmm_rb_erase_with(tree, node, NULL);
}

void vmm_rb_replace(struct vmm_rb_tree *tree, struct vmm_rb_node *old,
	struct vmm_rb_node *node)
{
	VMM_ASSERT(((uintptr_t)node & RED) == 0);
	VMM_ASSERT(old != node);

	*node = *old;
	relink(tree, vmm_rb_parent(old), old, node);
	for (unsigned dir = VMM_RB_LEFT; dir <= VMM_RB_RIGHT; dir++) {
		if (node->child[dir] != NULL)
			set_parent(node->child[dir], node);
	}
}

struct vmm_rb_node *vmm_rb_end(const struct vmm_rb_tree *tree, unsigned dir)
{
	struct vmm_rb_node *node = tree->root;

	while (node != NULL && node->child[dir] != NULL)
		node = node->child[dir];
	return node;
}

struct vmm_rb_node *vmm_rb_step(const struct vmm_rb_node *node, unsigned dir)
{
	struct vmm_rb_node *parent;

	/* Down: the nearest node of the subtree on that side. */
	if (node->child[dir] != NULL) {
		struct vmm_rb_node *next = node->child[dir];

		while (next->child[!dir] != NULL)
			next = next->child[!dir];
		return next;
	}
	/* Or up: the first ancestor that has this subtree on its other side. */
	parent = vmm_rb_parent(node);
	while (parent != NULL && node == parent->child[dir]) {
		node = parent;
		parent = vmm_rb_parent(node);
	}
	return parent;
}
