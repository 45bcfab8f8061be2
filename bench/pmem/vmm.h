/* SPDX-License-Identifier: MIT */
/* The library as a contender, in its variants. */
#ifndef BENCH_PMEM_VMM_H
#define BENCH_PMEM_VMM_H

#include <vmm/pmem_cache.h>

#include "peers.h"

struct arena {
	struct vmm_pmem zone;
	struct vmm_pmem_cache cache;
	struct vmm_pmem_cpu *cpu[CPUS];
	struct spin lock;
	struct vmm_lock hook;
};

static inline void arena_acquire(void *ctx)
{
	spin_acquire(ctx);
}

static inline void arena_release(void *ctx)
{
	spin_release(ctx);
}

/* A zone over @frames frames from @first on, and a cache in front of it. */
static inline void arena_open(struct arena *a, uint64_t first, uint32_t frames,
	struct vmm_pmem_cache_config config, bool marks)
{
	/* A CPU parks 47 MiB at most, but for the runs of 1 GiB. */
	static const struct vmm_pmem_depth depths[] = {{0, 256}, {1, 128},
		{2, 64}, {3, 32}, {4, 16}, {5, 16}, {6, 8}, {7, 8}, {8, 4},
		{9, 8}, {10, 4}, {18, 2}};
	struct vmm_mem_range range;
	struct vmm_memmap map;
	struct vmm_pmem_cache_sizes sizes;
	uint64_t size;
	void *meta;

	vmm_memmap_init(&map, &range, 1);
	BENCH_MUST(vmm_memmap_add(&map, vmm_pfn_to_pa(first),
			   vmm_pfn_to_pa(frames)) == VMM_OK);
	BENCH_MUST(vmm_pmem_meta_size(&map, NULL, &size) == VMM_OK);
	meta = job_memory(size);
	BENCH_MUST(vmm_pmem_init(&a->zone, &map, NULL, meta, size) == VMM_OK);
	a->lock.taken = 0;
	a->hook = (struct vmm_lock){arena_acquire, arena_release, &a->lock};
	config.cpus = CPUS;
	config.depths = depths;
	config.depths_count = sizeof(depths) / sizeof(depths[0]);
	config.lock = &a->hook;
	BENCH_MUST(vmm_pmem_cache_size(&a->zone, &config, &sizes) == VMM_OK);
	meta = job_memory(sizes.memory);
	BENCH_MUST(vmm_pmem_cache_init(&a->cache, &a->zone, &config, meta,
			   marks ? job_memory(sizes.marks) : NULL) == VMM_OK);
	for (unsigned c = 0; c < CPUS; c++)
		a->cpu[c] = vmm_pmem_cache_cpu(&a->cache, c);
}

ALWAYS uint32_t arena_get(struct arena *a, unsigned cpu, unsigned order)
{
	vmm_pa_t pa;

	if (vmm_pmem_cache_alloc(a->cpu[cpu], order, &pa) != VMM_OK)
		return NONE;
	return (uint32_t)vmm_pa_to_pfn(pa);
}

ALWAYS void arena_put(
	struct arena *a, unsigned cpu, uint32_t frame, unsigned order)
{
	if (vmm_pmem_cache_free(a->cpu[cpu], vmm_pfn_to_pa(frame), order) !=
		VMM_OK)
		bench_fail("frame %u of order %u is refused", frame, order);
}

ALWAYS uint32_t arena_get_pinned(struct arena *a, unsigned cpu, unsigned order)
{
	vmm_pa_t pa;

	if (vmm_pmem_cache_alloc_pinned(a->cpu[cpu], order, &pa) != VMM_OK)
		return NONE;
	return (uint32_t)vmm_pa_to_pfn(pa);
}

ALWAYS void arena_put_pinned(
	struct arena *a, unsigned cpu, uint32_t frame, unsigned order)
{
	if (vmm_pmem_cache_free_pinned(
		    a->cpu[cpu], vmm_pfn_to_pa(frame), order) != VMM_OK)
		bench_fail("frame %u of order %u is refused", frame, order);
}

static inline void arena_settle(struct arena *a)
{
	BENCH_MUST(vmm_pmem_cache_drain_all(&a->cache) == VMM_OK);
}

#endif /* BENCH_PMEM_VMM_H */
