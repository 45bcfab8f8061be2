/* SPDX-License-Identifier: MIT */
/* The checker of red-black trees must notice every broken field, and end. */
#include "support/test.h"

#include <vmm/rbtree.h>

#define COUNT 20

static struct vmm_rb_node nodes[COUNT];
static struct vmm_rb_tree tree;

/* Nodes 0 to 19 in this order. */
static void build(void)
{
	vmm_rb_init(&tree);
	vmm_rb_insert_at(&tree, &nodes[0], NULL, VMM_RB_LEFT);
	for (unsigned i = 1; i < COUNT; i++) {
		vmm_rb_insert_beside(
			&tree, &nodes[i], &nodes[i - 1], VMM_RB_RIGHT);
	}
	CHECK_EQ(vmm_rb_check(&tree, COUNT), VMM_OK);
}

TEST(corrupt_rbtree_count)
{
	build();
	CHECK_EQ(vmm_rb_check(&tree, COUNT - 1), VMM_ECORRUPT);
	CHECK_EQ(vmm_rb_check(&tree, COUNT + 1), VMM_ECORRUPT);
	CHECK_EQ(vmm_rb_check(&tree, 0), VMM_ECORRUPT);
}

/* A red root, and a root with a parent. */
TEST(corrupt_rbtree_root)
{
	build();
	tree.root->parent_color |= 1;
	CHECK_EQ(vmm_rb_check(&tree, COUNT), VMM_ECORRUPT);
	build();
	tree.root->parent_color = (uintptr_t)&nodes[0];
	CHECK_EQ(vmm_rb_check(&tree, COUNT), VMM_ECORRUPT);
	build();
	tree.root = vmm_rb_first(&tree);
	CHECK_EQ(vmm_rb_check(&tree, COUNT), VMM_ECORRUPT);
	build();
	tree.root = NULL;
	CHECK_EQ(vmm_rb_check(&tree, COUNT), VMM_ECORRUPT);
}

/*
 * A tree of more than one node never stands one flip of a colour: either the
 * black counts differ or two reds meet.
 */
TEST(corrupt_rbtree_each_colour)
{
	for (unsigned i = 0; i < COUNT; i++) {
		build();
		nodes[i].parent_color ^= 1;
		CHECK_EQ(vmm_rb_check(&tree, COUNT), VMM_ECORRUPT);
	}
}

/*
 * Red below red below a black root: all paths have one black node, so only the
 * rule about colours is broken.
 */
TEST(corrupt_rbtree_red_below_red)
{
	vmm_rb_init(&tree);
	vmm_rb_insert_at(&tree, &nodes[0], NULL, VMM_RB_LEFT);
	vmm_rb_insert_at(&tree, &nodes[1], &nodes[0], VMM_RB_RIGHT);
	nodes[2] =
		(struct vmm_rb_node){.parent_color = (uintptr_t)&nodes[1] | 1};
	nodes[1].child[VMM_RB_RIGHT] = &nodes[2];
	CHECK_EQ(vmm_rb_check(&tree, 3), VMM_ECORRUPT);
	nodes[2].parent_color &= ~(uintptr_t)1;
	CHECK_EQ(vmm_rb_check(&tree, 3), VMM_ECORRUPT);
}

/*
 * Every link of every node set to every node, to nothing, and to addresses
 * that are none: loops of every length among them. The checker must end, and
 * must notice all that changed anything.
 */
TEST(corrupt_rbtree_each_link)
{
	for (unsigned i = 0; i < COUNT * (COUNT + 3) * 3; i++) {
		struct vmm_rb_node *node = &nodes[i % COUNT];
		unsigned field = i / COUNT % 3;
		unsigned to = i / COUNT / 3;
		uintptr_t value = to < COUNT ? (uintptr_t)&nodes[to] : 0;
		uintptr_t old;

		if (to > COUNT)
			value = (uintptr_t)&nodes[to % COUNT] + 2;
		build();
		if (field == 2) {
			old = node->parent_color;
			value |= old & 1;
			node->parent_color = value;
		} else {
			old = (uintptr_t)node->child[field];
			node->child[field] = (struct vmm_rb_node *)value;
		}
		CHECK_EQ(vmm_rb_check(&tree, COUNT),
			value == old ? VMM_OK : VMM_ECORRUPT);
	}
}

/*
 * One node as both children of another, its parent link in order: each path
 * alone looks right, and a tour would meet the subtree twice.
 */
TEST(corrupt_rbtree_twin_children)
{
	build();
	tree.root->child[VMM_RB_LEFT] = tree.root->child[VMM_RB_RIGHT];
	CHECK_EQ(vmm_rb_check(&tree, COUNT), VMM_ECORRUPT);
}
