/* SPDX-License-Identifier: MIT */
/*
 * The checker of arenas against lies that agree with each other: fields and
 * sums are changed together, so that one invariant alone is broken.
 */
#include "support/test.h"
#include "vmem/vmem_internal.h"

#define PAGE  VMM_PAGE_SIZE
#define NODES 24

static struct vmm_vmem arena;
static uint64_t memory[VMM_VMEM_NODES_SIZE(NODES) / 8];

static void expect_corrupt(void)
{
	CHECK_EQ(vmm_vmem_check(&arena), VMM_ECORRUPT);
}

/* One span with one free region. */
static void build(vmm_va_t base, uint64_t size)
{
	vmm_vmem_init(&arena, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, base, size), VMM_OK);
}

/* Grow the first span and its only region by @more. */
static void stretch(uint64_t more)
{
	struct vmm_vmem_region *marker = arena.head.link[AFTER];

	marker->size += more;
	marker->link[AFTER]->size += more;
	arena.size += more;
}

/* I2: past 2^64, off the quantum, over the next span, not to the end. */
TEST(corrupt_vmem_lie_span_borders)
{
	build(-(8 * PAGE), 8 * PAGE);
	stretch(PAGE);
	expect_corrupt();

	build(0, 8 * PAGE);
	arena.head.link[AFTER]->base += 1;
	arena.head.link[BEFORE]->base += 1;
	expect_corrupt();

	build(0, 8 * PAGE);
	CHECK_EQ(vmm_vmem_add(&arena, 8 * PAGE, 16 * PAGE), VMM_OK);
	stretch(PAGE);
	expect_corrupt();

	build(0, 8 * PAGE);
	arena.head.link[BEFORE]->size -= PAGE;
	expect_corrupt();
}

/* I2: an empty region between two others takes no room at all. */
TEST(corrupt_vmem_lie_empty_region)
{
	struct vmm_vmem_region *used;

	build(0, 8 * PAGE);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, 0, PAGE), VMM_OK);
	used = arena.head.link[AFTER]->link[AFTER];
	used->size = 0;
	used->link[AFTER]->base = 0;
	used->link[AFTER]->size = 8 * PAGE;
	arena.used_size = 0;
	expect_corrupt();
}

/* I2: two regions that tile the span only after a turn round 2^64. */
TEST(corrupt_vmem_lie_tiles_beyond_the_span)
{
	struct vmm_vmem_region *used;

	build(0, 8 * PAGE);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, 0, PAGE), VMM_OK);
	used = arena.head.link[AFTER]->link[AFTER];
	used->size = -PAGE;
	used->link[AFTER]->base = -PAGE;
	used->link[AFTER]->size = 9 * PAGE;
	arena.used_size = -PAGE;
	expect_corrupt();
}

/* I1: a whole span left out of the chain, and of the sum. */
TEST(corrupt_vmem_lie_span_off_the_chain)
{
	build(0, 8 * PAGE);
	CHECK_EQ(vmm_vmem_add(&arena, 8 * PAGE, 16 * PAGE), VMM_OK);
	vmm_vmem_chain_remove(arena.head.link[BEFORE]);
	vmm_vmem_chain_remove(arena.head.link[BEFORE]);
	arena.size -= 16 * PAGE;
	expect_corrupt();
}

/* I3: two free neighbours that were not merged, all else in order. */
TEST(corrupt_vmem_lie_free_neighbours)
{
	struct vmm_vmem_region *low;
	struct vmm_vmem_region *high;

	build(0, 8 * PAGE);
	low = arena.head.link[BEFORE];
	vmm_vmem_free_rekey(&arena, low, 0, 4 * PAGE);
	high = vmm_vmem_node_get(&arena);
	high->base = 4 * PAGE;
	high->size = 4 * PAGE;
	vmm_vmem_chain_add(low, high);
	vmm_vmem_free_insert(&arena, high);
	expect_corrupt();
}

/* A quantum that is none, where no region can tell. */
TEST(corrupt_vmem_lie_quantum_of_an_empty_arena)
{
	vmm_vmem_init(&arena, PAGE);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	arena.quantum = 0;
	expect_corrupt();
	arena.quantum = 3 * PAGE;
	expect_corrupt();
}
