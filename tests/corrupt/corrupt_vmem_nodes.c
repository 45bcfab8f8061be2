/* SPDX-License-Identifier: MIT */
/* The checker of arenas: broken counters, chunks and spare nodes. */
#include "support/vmem_corrupt.h"

static _Alignas(16) uint64_t more[VMM_VMEM_NODES_SIZE(4) / 8];

static void break_counter(size_t *count)
{
	static const size_t to[] = {0, SIZE_MAX};

	build();
	*count += 1;
	expect_corrupt();
	build();
	*count -= 1;
	expect_corrupt();
	for (unsigned i = 0; i < 2; i++) {
		build();
		if (*count == to[i])
			continue;
		*count = to[i];
		expect_corrupt();
	}
}

/* I1, I5, I7, I8: every counter and sum, one more and one less. */
TEST(corrupt_vmem_counters)
{
	size_t *const counts[] = {&arena.span_count, &arena.used_count,
		&arena.free_count, &arena.tree_count, &arena.run_count,
		&arena.node_count, &arena.spare_count, &arena.embedded_count,
		&arena.use_count[VMM_VMEM_COMMITTED],
		&arena.use_count[VMM_VMEM_MAPPED]};
	uint64_t *const sums[] = {&arena.size, &arena.used_size,
		&arena.use_size[VMM_VMEM_COMMITTED],
		&arena.use_size[VMM_VMEM_MAPPED]};

	EACH_CONFIG
	{
		for (unsigned i = 0; i < 10; i++)
			break_counter(counts[i]);
		for (unsigned i = 0; i < 8; i++) {
			build();
			*sums[i / 2] += i & 1 ? PAGE : -PAGE;
			expect_corrupt();
		}
	}
}

/* Counters that are wrong in pairs, so that their sum is right. */
TEST(corrupt_vmem_counters_in_pairs)
{
	config = 0;
	build();
	arena.used_count++;
	arena.free_count--;
	expect_corrupt();
	build();
	arena.used_count++;
	arena.spare_count--;
	expect_corrupt();
	build();
	arena.span_count++;
	arena.used_count--;
	expect_corrupt();
	build();
	arena.run_count++;
	arena.spare_count--;
	expect_corrupt();
	build();
	arena.embedded_count++;
	arena.node_count--;
	expect_corrupt();
	build();
	arena.use_size[VMM_VMEM_COMMITTED] -= PAGE;
	arena.use_size[VMM_VMEM_MAPPED] += PAGE;
	arena.use_count[VMM_VMEM_COMMITTED] -= 1;
	arena.use_count[VMM_VMEM_MAPPED] += 1;
	expect_corrupt();
}

TEST(corrupt_vmem_arena)
{
	config = 0;
	build();
	arena.quantum = 0;
	expect_corrupt();
	build();
	arena.quantum = 3 * PAGE;
	expect_corrupt();
	build();
	arena.quantum = 2 * PAGE; /* the regions are no multiples of it */
	expect_corrupt();
	build();
	arena.quantum = 2 * PAGE;
	arena.shift++;
	expect_corrupt();
	build();
	arena.shift++;
	expect_corrupt();
	build();
	arena.shift += 64;
	expect_corrupt();
	build();
	arena.head.state = VMM_VMEM_FREE;
	expect_corrupt();
	build();
	arena.chunks = NULL;
	expect_corrupt();
	build();
	arena.chunks->count--;
	expect_corrupt();
	build();
	arena.chunks->next = arena.chunks;
	expect_corrupt();
	build();
	arena.chunks = (void *)((char *)arena.chunks + 1);
	expect_corrupt();
	build();
	arena.spare = NULL;
	expect_corrupt();
	build();
	arena.spare = vmm_vmem_find(&arena, 2 * PAGE)->link[0]->link[1];
	expect_corrupt();
}

/* The spare list: a loop, an early end, a link to a region. */
TEST(corrupt_vmem_spare_links)
{
	config = 0;
	for (unsigned i = 0; i < NODES * (NODES + 1); i++) {
		struct vmm_vmem_region *region;
		struct vmm_vmem_region *target;

		build();
		region = node(i / (NODES + 1));
		target = i % (NODES + 1) < NODES ? node(i % (NODES + 1)) : NULL;
		if (region->state != VMM_VMEM_SPARE ||
			region->link[1] == target)
			continue;
		region->link[1] = target;
		expect_corrupt();
	}
}

/* A node that is neither spare nor in use: nothing is broken but the sum. */
TEST(corrupt_vmem_lost_node)
{
	config = 0;
	build();
	(void)vmm_vmem_node_get(&arena);
	expect_corrupt();
}

/*
 * I7: a header that tells another memory, size or count than it was given. The
 * memory is exactly as large as its nodes, so a byte less is a node less.
 */
TEST(corrupt_vmem_chunk)
{
	static const size_t steps[] = {1, 4, 8, sizeof(struct vmm_vmem_region),
		sizeof(struct vmm_vmem_chunk), 4096};
	static const size_t sizes[] = {0, 1, sizeof(struct vmm_vmem_chunk),
		VMM_VMEM_NODES_SIZE(1), VMM_VMEM_NODES_SIZE(NODES) - 1,
		VMM_VMEM_NODES_SIZE(NODES + 1), SIZE_MAX};

	config = 0;
	for (unsigned i = 0; i < 12; i++) {
		size_t step = i & 1 ? steps[i / 2] : -steps[i / 2];

		build();
		arena.chunks->memory =
			(void *)((uintptr_t)arena.chunks->memory + step);
		expect_corrupt();
	}
	build();
	arena.chunks->memory = NULL;
	expect_corrupt();
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		build();
		arena.chunks->size = sizes[i];
		expect_corrupt();
	}
	/* Counts that add up over two chunks, but not in each. */
	build();
	CHECK_EQ(vmm_vmem_donate(&arena, more, sizeof(more)), VMM_OK);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	arena.chunks->count--;
	arena.chunks->next->count++;
	expect_corrupt();
}

/* I7: the spare list begins later, elsewhere, or with what is not spare. */
TEST(corrupt_vmem_spare_head)
{
	config = 0;
	build();
	arena.spare = arena.spare->link[AFTER];
	expect_corrupt();
	build();
	arena.spare = (void *)((char *)arena.spare + 1);
	expect_corrupt();
	build();
	arena.spare = arena.head.link[AFTER];
	expect_corrupt();
	build();
	arena.spare->state = 0;
	expect_corrupt();
}

/* A ring of chunks without nodes must not hold the checker up. */
TEST(corrupt_vmem_empty_chunks)
{
	struct vmm_vmem_chunk ring = {
		.next = &ring, .memory = &ring, .size = sizeof(ring)};

	config = 0;
	build();
	arena.chunks->next = &ring;
	expect_corrupt();
}
