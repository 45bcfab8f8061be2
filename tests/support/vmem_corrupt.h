/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the checker of arenas share: a sound arena in which there
 * is one of everything, to break one thing in.
 */
#ifndef VMEM_CORRUPT_H
#define VMEM_CORRUPT_H

#include "vmem/vmem_runs.h"

#include "support/vmem_rig.h"

#define NODES 24

static _Alignas(16) uint64_t memory[VMM_VMEM_NODES_SIZE(NODES) / 8];

/* Each test runs in every configuration of these. */
static unsigned config;
#define EACH_CONFIG for (config = 0; config < VMEM_CONFIGS; config++)

/* The nodes of the one chunk. */
static inline struct vmm_vmem_region *node(unsigned i)
{
	struct vmm_vmem_chunk *chunk = arena.chunks;

	return (struct vmm_vmem_region *)(void *)(chunk + 1) + i;
}

static inline struct vmm_vmem_run *run_of(struct vmm_vmem_region *region)
{
	return &((union vmm_vmem_slot *)(void *)region)->run;
}

/*
 * Three spans; four used and six free regions, of four sizes, one of them too
 * large for a bin; a run; the nodes that are left are spare.
 */
static inline void build(void)
{
	static const unsigned at[] = {2, 5, 19, 23};

	CHECK(config < VMEM_CONFIGS);
	arena_init(&vmem_configs[config], PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 0, 16 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 16 * PAGE, 8 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 4096 * PAGE, 4096 * PAGE), VMM_OK);
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(vmm_vmem_alloc_at(&arena, at[i] * PAGE, PAGE), VMM_OK);
	vmm_vmem_set_use(
		&arena, vmm_vmem_find(&arena, 2 * PAGE), VMM_VMEM_COMMITTED);
	CHECK_EQ(arena.used_count, 4);
	CHECK_EQ(arena.free_count, 6);
	CHECK_EQ(arena.span_count, 3);
	CHECK_EQ(arena.run_count, 1);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

/* Node @i of a new arena. */
static inline struct vmm_vmem_region *node_of_built(unsigned i)
{
	build();
	return node(i);
}

static inline void expect_corrupt(void)
{
	CHECK_EQ(vmm_vmem_check(&arena), VMM_ECORRUPT);
}

#endif /* VMEM_CORRUPT_H */
