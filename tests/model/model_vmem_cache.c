/* SPDX-License-Identifier: MIT */
/*
 * Random work through three caches of one arena, and beside them, against a
 * byte per page. No page is handed out twice; what the arena has in use is what
 * the users have and the caches have parked; the caches keep to their bounds;
 * a request fails only when its cache is empty and the arena cannot serve it.
 */
#include "support/vmem_rig.h"

#include <vmm/vmem_cache.h>

#define PAGES  20000
#define LIVE   1500
#define CACHES 3

#if VMM_ASSERT_LEVEL >= 2
#define STEPS 20000
#define EVERY 64
#elif defined(__riscv)
#define STEPS 30000
#define EVERY 64
#else
#define STEPS 250000
#define EVERY 16
#endif

struct live {
	vmm_va_t base;
	uint64_t size;
};

static _Alignas(
	16) uint64_t memory[VMM_VMEM_NODES_SIZE(VMM_VMEM_NODES_FOR(PAGES)) / 8];
static struct vmm_vmem_cache caches[CACHES];
static unsigned char had[PAGES];
static struct live lives[LIVE];
static size_t live_count;
static uint64_t live_size;
static uint64_t used_max;
static uint64_t quantum;
static unsigned flags;
static unsigned shift_min;
static struct rng rng;

static bool held;
static unsigned acquired;

static void acquire(void *ctx)
{
	(void)ctx;
	CHECK(!held);
	held = true;
	acquired++;
}

static void release(void *ctx)
{
	(void)ctx;
	CHECK(held);
	held = false;
}

static const struct vmm_lock lock = {acquire, release, NULL};

static uint64_t parked_in_all(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < CACHES; i++)
		sum += vmm_vmem_cache_parked(&caches[i]);
	return sum;
}

static void have(vmm_va_t base, uint64_t size, unsigned char now)
{
	for (uint64_t i = 0; i < size / quantum; i++) {
		CHECK(base / quantum + i < PAGES);
		CHECK(had[base / quantum + i] != now);
		had[base / quantum + i] = now;
	}
}

static void born(vmm_va_t base, uint64_t size)
{
	size = (size + quantum - 1) / quantum * quantum;
	have(base, size, 1);
	lives[live_count++] = (struct live){base, size};
	live_size += size;
}

static struct live dead(void)
{
	size_t i = rng_below(&rng, live_count);
	struct live live = lives[i];

	lives[i] = lives[--live_count];
	have(live.base, live.size, 0);
	live_size -= live.size;
	return live;
}

/* Log-uniform up to 512 quanta, and mostly one of few. */
static uint64_t any_size(void)
{
	uint64_t top = UINT64_C(1) << rng_below(&rng, 10);

	if (rng_next(&rng) & 1)
		return quantum << rng_below(&rng, 3);
	return rng_below(&rng, top * quantum) + 1;
}

/* It failed: nothing is parked there, and nothing else would serve it. */
static void expect_exhausted(
	const struct vmm_vmem_cache *cache, uint64_t size, int err)
{
	struct vmm_vmem_stat stat;

	CHECK_EQ(vmm_vmem_cache_parked(cache), 0);
	vmm_vmem_stat(&arena, &stat);
	if (err == VMM_ENOSPC)
		CHECK(stat.largest_free < size);
	else
		CHECK(err == VMM_ENOMEM && stat.spare_count < 2);
}

static void do_alloc(struct vmm_vmem_cache *cache)
{
	const struct vmm_vmem_region *region = NULL;
	uint64_t size = any_size();
	vmm_va_t base = 0;
	int err;

	if (live_count == LIVE)
		return;
	acquired = 0;
	if (rng_next(&rng) & 1) {
		err = vmm_vmem_cache_alloc(cache, size, &base);
	} else {
		err = vmm_vmem_cache_alloc_region(cache, size, &region);
		if (err == VMM_OK) {
			base = vmm_vmem_region_base(region);
			CHECK_EQ(vmm_vmem_region_tags(region)->owner, 0);
		}
	}
	CHECK(!held && acquired <= 2);
	if (err != VMM_OK) {
		expect_exhausted(cache, size, err);
		return;
	}
	region = vmm_vmem_find(&arena, base);
	CHECK(region != NULL);
	CHECK_EQ(vmm_vmem_region_size(region),
		(size + quantum - 1) / quantum * quantum);
	vmm_vmem_region_set_tags(
		&arena, region, &(struct vmm_vmem_tags){.owner = base + 1});
	born(base, size);
}

static void do_free(struct vmm_vmem_cache *cache)
{
	const struct vmm_vmem_region *region;
	struct live live;

	if (live_count == 0)
		return;
	live = dead();
	region = vmm_vmem_find(&arena, live.base);
	CHECK_EQ(vmm_vmem_region_tags(region)->owner, live.base + 1);
	acquired = 0;
	switch (rng_below(&rng, 4)) {
	case 0:
		CHECK_EQ(vmm_vmem_cache_free_base(cache, live.base), VMM_OK);
		break;
	case 1:
		CHECK_EQ(vmm_vmem_cache_free_region(cache, region), VMM_OK);
		break;
	case 2:
		CHECK_EQ(vmm_vmem_free(&arena, live.base), VMM_OK);
		return;
	default:
		CHECK_EQ(vmm_vmem_cache_free(cache, live.base,
				 live.size - rng_below(&rng, quantum)),
			VMM_OK);
	}
	CHECK(!held && acquired <= 2);
	if (flags & VMM_VMEM_CACHE_HANDLES)
		CHECK_EQ(vmm_vmem_cache_free_base(
				 &caches[rng_below(&rng, CACHES)], live.base),
			VMM_ENOENT);
}

/* Directly from the arena, under its lock as the header wants it. */
static void do_direct(void)
{
	const struct vmm_vmem_request request = {.size = any_size(),
		.align = quantum << rng_below(&rng, 4),
		.tags = {.owner = 1}};
	const struct vmm_vmem_region *region = NULL;

	if (live_count == LIVE ||
		vmm_vmem_xalloc(&arena, &request, &region) != VMM_OK)
		return;
	born(vmm_vmem_region_base(region), vmm_vmem_region_size(region));
	vmm_vmem_region_set_tags(&arena, region,
		&(struct vmm_vmem_tags){
			.owner = vmm_vmem_region_base(region) + 1});
}

static void do_rare(struct vmm_vmem_cache *cache)
{
	unsigned shift = (unsigned)rng_below(&rng, 8);

	if (rng_next(&rng) & 1) {
		CHECK_EQ(vmm_vmem_cache_drain(cache), VMM_OK);
		CHECK_EQ(vmm_vmem_cache_parked(cache), 0);
		return;
	}
	vmm_vmem_cache_set_limit(cache, shift);
	shift_min = shift < shift_min ? shift : shift_min;
}

static void compare(void)
{
	const uint64_t least = (PAGES + 63) / 64 < VMM_VMEM_CACHE_LEAST
				       ? (PAGES + 63) / 64
				       : VMM_VMEM_CACHE_LEAST;
	uint64_t most;

	CHECK_EQ(arena.used_size, live_size + parked_in_all());
	used_max = arena.used_size > used_max ? arena.used_size : used_max;
	most = used_max / quantum >> shift_min;
	if (most < least)
		most = least;
	for (unsigned i = 0; i < CACHES; i++)
		CHECK(vmm_vmem_cache_parked(&caches[i]) / quantum <= most);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
}

static void run(unsigned config, size_t nodes)
{
	arena_init(&vmem_configs[config], quantum);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, VMM_VMEM_NODES_SIZE(nodes)),
		VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, 0, PAGES * quantum), VMM_OK);
	for (unsigned i = 0; i < CACHES; i++)
		vmm_vmem_cache_init(&caches[i], &arena, &lock, flags);
	live_count = 0;
	live_size = 0;
	used_max = 0;
	shift_min = VMM_VMEM_CACHE_SHIFT;
	for (uint64_t i = 0; i < STEPS * test_factor; i++) {
		struct vmm_vmem_cache *cache = &caches[rng_below(&rng, CACHES)];
		/* The share of frees comes and goes. */
		unsigned frees = 40 + (unsigned)(i / 1024 % 3) * 10;
		unsigned what = (unsigned)rng_below(&rng, 1000);

		if (what < 5)
			do_rare(cache);
		else if (what < 20)
			do_direct();
		else if (what < frees * 10)
			do_free(cache);
		else
			do_alloc(cache);
		if (i % EVERY == 0)
			compare();
	}
	while (live_count > 0)
		do_free(&caches[0]);
	for (unsigned i = 0; i < CACHES; i++) {
		CHECK_EQ(vmm_vmem_cache_drain(&caches[i]), VMM_OK);
		CHECK_EQ(caches[i].bad_count, 0);
	}
	CHECK_EQ(arena.used_count, 0);
	CHECK_EQ(arena.free_count, 1);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	CHECK_EQ(vmm_vmem_fini(&arena), VMM_OK);
}

/* Addresses, then handles; with nodes enough, and with too few. */
TEST(model_vmem_cache_random)
{
	rng.state = test_seed;
	for (unsigned i = 0; i < 8; i++) {
		static const unsigned configs[] = {0, 4, 7, 2};

		flags = i / 4;
		quantum = i & 1 ? PAGE : 1;
		run(configs[i % 4], i % 4 == 3 ? 300 : 4000);
	}
}
