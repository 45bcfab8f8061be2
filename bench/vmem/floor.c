/* SPDX-License-Identifier: MIT */
/*
 * The floor: an allocator that does nothing. What a workload costs with it is
 * the harness's own: calls through a pointer, the caller's books, and the cache
 * misses in them. It is part of everybody's figures and is never taken off.
 */
#include "vmem/peers.h"

static size_t memory(size_t regions)
{
	(void)regions;
	return sizeof(uint64_t);
}

static void open(void *arena, size_t memory_size)
{
	(void)memory_size;
	*(uint64_t *)arena = VMEM_BASE;
}

static uint64_t alloc(void *arena, uint64_t size)
{
	(void)size;
	return *(uint64_t *)arena;
}

static int free_region(void *arena, uint64_t token, uint64_t size)
{
	(void)arena, (void)token, (void)size;
	return 0;
}

static uint64_t alloc_aligned(void *arena, uint64_t size, uint64_t align)
{
	(void)size, (void)align;
	return *(uint64_t *)arena;
}

static uint64_t alloc_fixed(void *arena, uint64_t base, uint64_t size)
{
	(void)arena, (void)size;
	return base;
}

static uint64_t find(void *arena, uint64_t address)
{
	(void)arena;
	return address;
}

const struct vmem_peer vmem_floor = {
	.name = "floor",
	.memory = memory,
	.open = open,
	.alloc = alloc,
	.free = free_region,
	.alloc_aligned = alloc_aligned,
	.alloc_fixed = alloc_fixed,
	.find = find,
	.find_inside = find,
};
