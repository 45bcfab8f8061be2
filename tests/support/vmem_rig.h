/* SPDX-License-Identifier: MIT */
/*
 * What the tests of address regions share: an arena in each of the ways that
 * it can be set up, and the proof that a refused call left no trace. Each
 * program has its own copy.
 */
#ifndef VMEM_RIG_H
#define VMEM_RIG_H

#include <vmm/vmem.h>

#include "support/test.h"

#define PAGE VMM_PAGE_SIZE

/* How an arena is set up. The index has so many buckets. */
struct vmem_config {
	bool bins;
	bool by_address;
	size_t index;
};

/* In an index of two buckets most regions are far down in their lists. */
static const struct vmem_config vmem_configs[] = {
	{false, false, 0},
	{false, false, 2},
	{false, false, 32},
	{true, false, 0},
	{true, false, 32},
	{true, true, 0},
	{true, true, 2},
	{true, true, 32},
};
#define VMEM_CONFIGS 8

static struct vmm_vmem arena;
static struct vmm_vmem_bins arena_bins;
static struct vmm_vmem_region *arena_index[32];

/* An arena without nodes; its tables are anything but zero before. */
static inline void arena_init(
	const struct vmem_config *config, uint64_t quantum)
{
	unsigned char *raw = (unsigned char *)&arena_bins;

	for (size_t i = 0; i < sizeof(arena_bins); i++)
		raw[i] = 0xa5;
	for (size_t i = 0; i < sizeof(arena_index) / sizeof(arena_index[0]);
		i++)
		arena_index[i] = (void *)raw;
	vmm_vmem_init(&arena, quantum);
	if (config->bins)
		vmm_vmem_set_bins(&arena, &arena_bins, config->by_address);
	if (config->index != 0)
		vmm_vmem_set_index(&arena, arena_index,
			config->index * sizeof(arena_index[0]));
}

/* The arena, its tables and its nodes, byte by byte. */
static inline uint64_t arena_digest(const void *nodes, size_t size)
{
	uint64_t sum = test_digest(TEST_DIGEST_INIT, &arena, sizeof(arena));

	sum = test_digest(sum, &arena_bins, sizeof(arena_bins));
	sum = test_digest(sum, arena_index, sizeof(arena_index));
	return test_digest(sum, nodes, size);
}

#endif /* VMEM_RIG_H */
