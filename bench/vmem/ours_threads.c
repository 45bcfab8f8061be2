/* SPDX-License-Identifier: MIT */
/* The library with a cache for each of two threads. */
#include "vmem/peers.h"

#include <vmm/vmem.h>
#include <vmm/vmem_cache.h>

#define CPUS 2

/* Bytes: 6 for each region in use, as vmem.h advises, of 10000. */
#define INDEX_SIZE ((size_t)64 << 10)

struct ours {
	struct vmm_vmem arena;
	struct vmm_vmem_bins bins;
	struct vmm_lock lock;
	_Alignas(64) struct vmm_vmem_cache caches[CPUS];
	_Alignas(64) char rest[]; /* index, if there is one, and nodes */
};

static size_t nodes_size(size_t regions)
{
	return VMM_VMEM_NODES_SIZE(VMM_VMEM_NODES_FOR(2 * regions + 3));
}

static size_t memory(size_t regions)
{
	return sizeof(struct ours) + INDEX_SIZE + nodes_size(regions);
}

static void open_with(struct ours *ours, size_t memory_size,
	const struct vmm_lock *lock, unsigned flags)
{
	size_t rest = memory_size - sizeof(*ours);
	size_t index = 0;
	int err;

	/* By handle there is nothing to look up. */
	if (flags == 0)
		index = INDEX_SIZE;
	ours->lock = *lock;
	vmm_vmem_init(&ours->arena, PAGE_SIZE);
	vmm_vmem_set_bins(&ours->arena, &ours->bins, false);
	vmm_vmem_set_index(&ours->arena, ours->rest, index);
	err = vmm_vmem_donate(&ours->arena, ours->rest + index, rest - index);
	VMM_ASSERT(err == VMM_OK);
	err = vmm_vmem_add(&ours->arena, VMEM_BASE, VMEM_SPAN);
	VMM_ASSERT(err == VMM_OK);
	(void)err;
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		vmm_vmem_cache_init(
			&ours->caches[cpu], &ours->arena, &ours->lock, flags);
}

static void open_handle(void *at, size_t memory_size, void *ctx,
	void (*acquire)(void *ctx), void (*release)(void *ctx))
{
	const struct vmm_lock lock = {acquire, release, ctx};

	open_with(at, memory_size, &lock, VMM_VMEM_CACHE_HANDLES);
}

static void open_sized(void *at, size_t memory_size, void *ctx,
	void (*acquire)(void *ctx), void (*release)(void *ctx))
{
	const struct vmm_lock lock = {acquire, release, ctx};

	open_with(at, memory_size, &lock, 0);
}

static uint64_t alloc_handle(void *at, unsigned cpu, uint64_t size)
{
	struct ours *ours = at;
	const struct vmm_vmem_region *region;

	if (vmm_vmem_cache_alloc_region(&ours->caches[cpu], size, &region) !=
		VMM_OK)
		return 0;
	return (uint64_t)(uintptr_t)region;
}

static int free_handle(void *at, unsigned cpu, uint64_t token, uint64_t size)
{
	struct ours *ours = at;

	(void)size;
	return vmm_vmem_cache_free_region(&ours->caches[cpu],
		(const struct vmm_vmem_region *)(uintptr_t)token);
}

static uint64_t alloc_sized(void *at, unsigned cpu, uint64_t size)
{
	struct ours *ours = at;
	vmm_va_t base;

	if (vmm_vmem_cache_alloc(&ours->caches[cpu], size, &base) != VMM_OK)
		return 0;
	return base;
}

static int free_sized(void *at, unsigned cpu, uint64_t token, uint64_t size)
{
	struct ours *ours = at;

	return vmm_vmem_cache_free(&ours->caches[cpu], token, size);
}

const struct vmem_threads_peer vmem_threads_handle = {
	.memory = memory,
	.open = open_handle,
	.alloc = alloc_handle,
	.free = free_handle,
};

const struct vmem_threads_peer vmem_threads_sized = {
	.memory = memory,
	.open = open_sized,
	.alloc = alloc_sized,
	.free = free_sized,
};
