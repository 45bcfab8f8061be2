/* SPDX-License-Identifier: MIT */
/*
 * The checker of arenas against lies that agree with each other: fields and
 * sums are changed together, so that one invariant alone is broken.
 */
#include "support/test.h"
#include "vmem/vmem_runs.h"
#include "vmem/vmem_store.h"

#define PAGE  VMM_PAGE_SIZE
#define NODES 24

static struct vmm_vmem arena;
static _Alignas(16) uint64_t memory[VMM_VMEM_NODES_SIZE(NODES) / 8];

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
	vmm_vmem_store_resize(&arena, marker->link[AFTER],
		marker->link[AFTER]->base, marker->link[AFTER]->size + more);
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
	vmm_vmem_run_moved(arena.head.link[AFTER]);
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
	vmm_vmem_store_resize(&arena, used->link[AFTER], 0, 8 * PAGE);
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
	vmm_vmem_store_resize(&arena, used->link[AFTER], -PAGE, 9 * PAGE);
	arena.used_size = -PAGE;
	expect_corrupt();
}

/* I1: a whole span left out of the chain, of its run and of the sum. */
TEST(corrupt_vmem_lie_span_off_the_chain)
{
	build(0, 8 * PAGE);
	CHECK_EQ(vmm_vmem_add(&arena, 8 * PAGE, 16 * PAGE), VMM_OK);
	vmm_vmem_chain_remove(arena.head.link[BEFORE]);
	arena.head.link[BEFORE]->as.span.run->count--;
	vmm_vmem_chain_remove(arena.head.link[BEFORE]);
	arena.size -= 16 * PAGE;
	expect_corrupt();
}

/* I3: one region of a span for fixed requests that anyone could take. */
TEST(corrupt_vmem_lie_held_in_part)
{
	vmm_vmem_init(&arena, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add_flags(&arena, 0, 8 * PAGE, VMM_VMEM_FIXED_ONLY),
		VMM_OK);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	vmm_vmem_store_remove(&arena, arena.head.link[BEFORE]);
	arena.head.link[BEFORE]->flags = 0;
	vmm_vmem_store_add(&arena, arena.head.link[BEFORE]);
	expect_corrupt();
	/* If the span says so too, it is sound. */
	arena.head.link[AFTER]->flags = 0;
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

/* I6: two runs whose members are in order, but not one after the other. */
TEST(corrupt_vmem_lie_runs_out_of_order)
{
	static _Alignas(16) uint64_t many[VMM_VMEM_NODES_SIZE(200) / 8];
	struct vmm_rb_node *first;
	struct vmm_rb_node *second;
	struct vmm_rb_node stand_in;

	build(0, 128 * PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, many, sizeof(many)), VMM_OK);
	for (unsigned i = 0; i < 100; i++)
		CHECK_EQ(vmm_vmem_alloc_at(&arena, i * PAGE, PAGE), VMM_OK);
	first = vmm_rb_first(&arena.used);
	second = vmm_rb_next(first);
	vmm_rb_replace(&arena.used, first, &stand_in);
	vmm_rb_replace(&arena.used, second, first);
	vmm_rb_replace(&arena.used, &stand_in, second);
	expect_corrupt();
}

/* I7: the spare list as long as it should be, but one node in it twice. */
TEST(corrupt_vmem_lie_spare_twice)
{
	build(0, 8 * PAGE);
	arena.spare->link[AFTER]->link[AFTER] = arena.spare;
	expect_corrupt();
}

/* I8: the uses of two regions exchanged, which differ in size. */
TEST(corrupt_vmem_lie_uses_exchanged)
{
	struct vmm_vmem_region *low;

	build(0, 8 * PAGE);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, 0, PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_alloc_at(&arena, PAGE, 2 * PAGE), VMM_OK);
	low = arena.head.link[AFTER]->link[AFTER];
	vmm_vmem_set_use(&arena, low, VMM_VMEM_COMMITTED);
	vmm_vmem_set_use(&arena, low->link[AFTER], VMM_VMEM_MAPPED);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	low->use = VMM_VMEM_MAPPED;
	low->link[AFTER]->use = VMM_VMEM_COMMITTED;
	expect_corrupt();
}

/* I3: two free neighbours that were not merged, all else in order. */
TEST(corrupt_vmem_lie_free_neighbours)
{
	struct vmm_vmem_region *low;
	struct vmm_vmem_region *high;

	build(0, 8 * PAGE);
	low = arena.head.link[BEFORE];
	vmm_vmem_store_resize(&arena, low, 0, 4 * PAGE);
	high = vmm_vmem_node_get(&arena);
	high->flags = 0;
	high->tagged = 0;
	high->base = 4 * PAGE;
	high->size = 4 * PAGE;
	vmm_vmem_chain_add(low, high);
	vmm_vmem_store_add(&arena, high);
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
	arena.quantum = 2 * PAGE; /* the shift says something else */
	expect_corrupt();
}
