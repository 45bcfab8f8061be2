/* SPDX-License-Identifier: MIT */
/*
 * Threads at one arena, each through a cache of its own, with regions that pass
 * from thread to thread. Built with ThreadSanitizer where there is one, which
 * sees every access that nothing orders. The test sees for itself that no page
 * is had twice and that all come back.
 */
#include "support/vmem_rig.h"

#include <vmm/vmem_cache.h>

#include "support/threads.h"

#define PAGES	3000
#define THREADS 3
#define SLOTS	64
#define STEPS	200000

static _Alignas(
	16) uint64_t memory[VMM_VMEM_NODES_SIZE(VMM_VMEM_NODES_FOR(PAGES)) / 8];
static struct vmm_vmem_cache caches[THREADS];
static uint32_t mutex;

/* 1: somebody has the page. */
static uint32_t had[PAGES]; /* a word each: RISC-V exchanges no bytes */
/* Regions on their way: by address and size in pages, or by handle. */
static uint64_t slots[SLOTS];
static bool by_handle;

static void acquire(void *ctx)
{
	uint32_t *taken = ctx;

	while (__atomic_exchange_n(taken, 1, __ATOMIC_ACQUIRE) != 0)
		test_yield();
}

static void release(void *ctx)
{
	uint32_t *taken = ctx;

	__atomic_store_n(taken, 0, __ATOMIC_RELEASE);
}

static const struct vmm_lock lock = {acquire, release, &mutex};

static void have(vmm_va_t base, uint64_t pages, uint32_t now)
{
	for (uint64_t i = 0; i < pages; i++)
		CHECK_EQ(__atomic_exchange_n(
				 &had[base / PAGE + i], now, __ATOMIC_RELAXED),
			1 - now);
}

static uint64_t take(struct vmm_vmem_cache *cache, struct rng *rng)
{
	const struct vmm_vmem_region *region;
	const uint64_t pages = 1 + rng_below(rng, 1 + rng_below(rng, 24));
	vmm_va_t base;

	if (by_handle) {
		if (vmm_vmem_cache_alloc_region(cache, pages * PAGE, &region) !=
			VMM_OK)
			return 0;
		CHECK_EQ(vmm_vmem_region_size(region), pages * PAGE);
		have(vmm_vmem_region_base(region), pages, 1);
		return (uintptr_t)region;
	}
	if (vmm_vmem_cache_alloc(cache, pages * PAGE, &base) != VMM_OK)
		return 0;
	have(base, pages, 1);
	return base | pages;
}

static void give(struct vmm_vmem_cache *cache, uint64_t what)
{
	const struct vmm_vmem_region *region = (void *)(uintptr_t)what;
	const vmm_va_t base = what & ~(PAGE - 1);
	const uint64_t pages = what & (PAGE - 1);

	if (by_handle) {
		have(vmm_vmem_region_base(region),
			vmm_vmem_region_size(region) / PAGE, 0);
		CHECK_EQ(vmm_vmem_cache_free_region(cache, region), VMM_OK);
		return;
	}
	have(base, pages, 0);
	CHECK_EQ(vmm_vmem_cache_free(cache, base, pages * PAGE), VMM_OK);
}

/* Something under the arena's lock that looks at regions of others. */
static void look(struct rng *rng)
{
	const struct vmm_vmem_region *region;

	acquire(&mutex);
	region = vmm_vmem_find_containing(&arena, rng_below(rng, PAGES) * PAGE);
	if (region != NULL)
		region = vmm_vmem_next(&arena, region);
	release(&mutex);
	(void)region;
}

static void churn(unsigned number)
{
	struct rng rng = {test_seed * 100 + number};
	struct vmm_vmem_cache *cache = &caches[number];

	for (unsigned i = 0; i < STEPS * test_factor; i++) {
		uint64_t mine = 0;

		if (rng_below(&rng, 16) != 0)
			mine = take(cache, &rng);
		mine = __atomic_exchange_n(
			&slots[rng_below(&rng, SLOTS)], mine, __ATOMIC_ACQ_REL);
		if (mine != 0)
			give(cache, mine);
		if (i % 64 == 0)
			look(&rng);
		if (i % 1000 == 0)
			CHECK_EQ(vmm_vmem_cache_drain(cache), VMM_OK);
	}
}

static void race(unsigned config, unsigned flags)
{
	arena_init(&vmem_configs[config], PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 0, PAGES * PAGE), VMM_OK);
	/* A small arena would have small caches; nothing is allocated here. */
	CHECK_EQ(vmm_vmem_add_flags(
			 &arena, VMM_GIB(64), VMM_GIB(1), VMM_VMEM_FIXED_ONLY),
		VMM_OK);
	by_handle = (flags & VMM_VMEM_CACHE_HANDLES) != 0;
	for (unsigned i = 0; i < THREADS; i++)
		vmm_vmem_cache_init(&caches[i], &arena, &lock, flags);
	/* Page 0 is nobody's: an address of 0 means no region here. */
	CHECK_EQ(vmm_vmem_alloc_at(&arena, 0, PAGE), VMM_OK);
	test_threads(THREADS, churn);
	for (unsigned i = 0; i < SLOTS; i++) {
		if (slots[i] != 0)
			give(&caches[0], slots[i]);
		slots[i] = 0;
	}
	for (unsigned i = 0; i < THREADS; i++) {
		CHECK_EQ(vmm_vmem_cache_drain(&caches[i]), VMM_OK);
		CHECK_EQ(caches[i].bad_count, 0);
	}
	CHECK_EQ(arena.used_count, 1);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

TEST(race_vmem_cache_of_addresses)
{
	race(7, 0);
}

TEST(race_vmem_cache_of_handles)
{
	race(4, VMM_VMEM_CACHE_HANDLES);
}
