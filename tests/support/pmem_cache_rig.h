/* SPDX-License-Identifier: MIT */
/*
 * A zone with a cache in front of it, for tests. The lock counts, and fails the
 * test if it is taken twice or if the zone is left locked.
 */
#ifndef PMEM_CACHE_RIG_H
#define PMEM_CACHE_RIG_H

#include <vmm/pmem_cache.h>

#include "support/pmem_rig.h"

#define CPUS_MAX 4

static struct vmm_pmem_cache cache;
static _Alignas(64) unsigned char cache_memory[512 * 1024];
static _Alignas(8) uint8_t cache_marks[1024 * 1024];
static unsigned locked;
static uint64_t locks;

static inline void rig_acquire(void *ctx)
{
	CHECK(ctx == &locked);
	CHECK_EQ(locked, 0);
	locked = 1;
	locks++;
}

static inline void rig_release(void *ctx)
{
	CHECK(ctx == &locked);
	CHECK_EQ(locked, 1);
	locked = 0;
}

static const struct vmm_lock rig_lock = {rig_acquire, rig_release, &locked};

/* In front of the zone that is open, in memory that is anything but zero. */
static inline void cache_open(struct vmm_pmem_cache_config config, bool marks)
{
	struct vmm_pmem_cache_sizes sizes;

	config.lock = &rig_lock;
	CHECK_EQ(vmm_pmem_cache_size(&zone, &config, &sizes), VMM_OK);
	CHECK(sizes.memory <= sizeof(cache_memory));
	CHECK(sizes.marks <= sizeof(cache_marks));
	for (uint64_t i = 0; i < sizes.memory; i++)
		cache_memory[i] = 0xa5;
	for (uint64_t i = 0; i < sizes.marks; i++)
		cache_marks[i] = 0xa5;
	CHECK_EQ(vmm_pmem_cache_init(&cache, &zone, &config, cache_memory,
			 marks ? cache_marks : NULL),
		VMM_OK);
	CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
}

static inline struct vmm_pmem_cpu *cpu_of(uint32_t cpu)
{
	return vmm_pmem_cache_cpu(&cache, cpu);
}

static inline uint64_t parked(void)
{
	struct vmm_pmem_cache_stat s;

	vmm_pmem_cache_stat(&cache, &s);
	return s.parked;
}

/* The inline calls of an order that is a constant are others. */
static inline int cache_alloc(
	struct vmm_pmem_cpu *cpu, unsigned order, vmm_pa_t *pa_out)
{
	if (order == 0)
		return vmm_pmem_cache_alloc(cpu, 0, pa_out);
	return vmm_pmem_cache_alloc(cpu, order, pa_out);
}

static inline int cache_free(
	struct vmm_pmem_cpu *cpu, vmm_pa_t pa, unsigned order)
{
	if (order == 0)
		return vmm_pmem_cache_free(cpu, pa, 0);
	return vmm_pmem_cache_free(cpu, pa, order);
}

static inline vmm_pa_t get(uint32_t cpu, unsigned order)
{
	vmm_pa_t pa = 1;

	CHECK_EQ(cache_alloc(cpu_of(cpu), order, &pa), VMM_OK);
	CHECK_EQ(pa & ((PAGE << order) - 1), 0);
	CHECK_EQ(locked, 0);
	return pa;
}

static inline int put(uint32_t cpu, vmm_pa_t pa, unsigned order)
{
	return cache_free(cpu_of(cpu), pa, order);
}

/* All is home, and the zone is as if nothing had been. */
static inline void cache_close(void)
{
	CHECK_EQ(vmm_pmem_cache_drain_all(&cache), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
	CHECK_EQ(parked(), 0);
	CHECK_EQ(zone.free, zone.managed);
}

#endif /* PMEM_CACHE_RIG_H */
