/* SPDX-License-Identifier: MIT */
/* Quantum caches by example: every call, every error, every edge. */
#include "support/vmem_rig.h"

#include <vmm/vmem_cache.h>

#define BASE UINT64_C(0xffffffc000000000)

static _Alignas(
	16) uint64_t memory[VMM_VMEM_NODES_SIZE(VMM_VMEM_NODES_FOR(3000)) / 8];
static struct vmm_vmem_cache cache;
static struct vmm_vmem_cache other;

/* A lock that counts, and notices what must not be. */
static bool held;
static unsigned acquired;

static void acquire(void *ctx)
{
	CHECK(ctx == &held);
	CHECK(!held);
	held = true;
	acquired++;
}

static void release(void *ctx)
{
	CHECK(ctx == &held);
	CHECK(held);
	held = false;
}

static const struct vmm_lock lock = {acquire, release, &held};

static const struct vmem_config plain;
static const struct vmem_config binned = {true, false, 32};

static void open_cache(unsigned flags, uint64_t pages)
{
	arena_init(flags ? &plain : &binned, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, sizeof(memory)), VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, BASE, pages * PAGE), VMM_OK);
	vmm_vmem_cache_init(&cache, &arena, &lock, flags);
	vmm_vmem_cache_init(&other, &arena, &lock, flags);
	CHECK(!held);
	acquired = 0;
}

static vmm_va_t alloc(uint64_t size)
{
	vmm_va_t base = 1;

	CHECK_EQ(vmm_vmem_cache_alloc(&cache, size, &base), VMM_OK);
	CHECK(!held);
	return base;
}

static void free_to(struct vmm_vmem_cache *to, vmm_va_t base, uint64_t size)
{
	CHECK_EQ(vmm_vmem_cache_free(to, base, size), VMM_OK);
	CHECK(!held);
}

/*
 * Let @count regions of a size come and go until a cache has places for as
 * many. All of these are empty then.
 */
static void warm(struct vmm_vmem_cache *to, uint64_t quanta, unsigned count)
{
	vmm_va_t at[VMM_VMEM_CACHE_DEPTH(1)];

	for (unsigned round = 0; round < 12; round++) {
		for (unsigned i = 0; i < count; i++)
			CHECK_EQ(
				vmm_vmem_cache_alloc(to, quanta * PAGE, &at[i]),
				VMM_OK);
		for (unsigned i = 0; i < count; i++)
			free_to(to, at[i], quanta * PAGE);
	}
	while (vmm_vmem_cache_parked(to) != 0) {
		CHECK_EQ(vmm_vmem_cache_alloc(to, quanta * PAGE, &at[0]),
			VMM_OK);
		CHECK_EQ(vmm_vmem_free(&arena, at[0]), VMM_OK);
	}
}

/* All is back in the arena, in one piece. */
static void close_cache(void)
{
	CHECK_EQ(vmm_vmem_cache_drain(&cache), VMM_OK);
	CHECK_EQ(vmm_vmem_cache_drain(&other), VMM_OK);
	CHECK_EQ(vmm_vmem_cache_parked(&cache), 0);
	CHECK_EQ(arena.used_count, 0);
	CHECK_EQ(arena.free_count, 1);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	CHECK(!held);
}

/*
 * The region that was freed last comes back first, without the lock, once the
 * size has a place in the cache.
 */
TEST(unit_vmem_cache_parks_what_is_freed)
{
	for (unsigned flags = 0; flags < 2; flags++) {
		vmm_va_t a, b;

		open_cache(flags, 4096);
		warm(&cache, 1, 2);
		a = alloc(PAGE);
		b = alloc(PAGE);
		CHECK(a != b);
		free_to(&cache, a, PAGE);
		CHECK_EQ(vmm_vmem_cache_parked(&cache) % PAGE, 0);
		CHECK(vmm_vmem_cache_parked(&cache) >= PAGE);
		free_to(&cache, b, 1); /* rounded up, as for alloc */
		acquired = 0;
		CHECK_EQ(alloc(PAGE - 1), b);
		CHECK_EQ(alloc(PAGE), a);
		/* By handle, an address is looked up under the lock. */
		CHECK_EQ(acquired, 0);
		CHECK(vmm_vmem_find(&arena, a) != NULL);
		free_to(&other, a, PAGE); /* another CPU may free it */
		free_to(&other, b, PAGE);
		close_cache();
	}
}

/*
 * A size that only comes, and then only goes, is not parked: not in a program
 * that starts and ends. One that comes and goes in turns is.
 */
TEST(unit_vmem_cache_parks_what_is_asked_for_again)
{
	static vmm_va_t at[100];

	for (unsigned flags = 0; flags < 2; flags++) {
		open_cache(flags, 4096);
		for (unsigned i = 0; i < 100; i++)
			at[i] = alloc(2 * PAGE);
		for (unsigned i = 0; i < 100; i++)
			free_to(&cache, at[i], 2 * PAGE);
		CHECK_EQ(vmm_vmem_cache_parked(&cache), 0);
		for (unsigned i = 0; i < 4; i++)
			free_to(&cache, alloc(2 * PAGE), 2 * PAGE);
		CHECK_EQ(vmm_vmem_cache_parked(&cache), 2 * PAGE);
		close_cache();
	}
}

/* For the arena, parked regions are in use; their tags are of the last life. */
TEST(unit_vmem_cache_parked_is_used)
{
	const struct vmm_vmem_tags tags = {.owner = 7, .count = 3};
	const struct vmm_vmem_region *region = NULL;
	const struct vmm_vmem_region *again = NULL;
	struct vmm_vmem_stat stat;

	open_cache(VMM_VMEM_CACHE_HANDLES, 4096);
	warm(&cache, 2, 1);
	CHECK_EQ(
		vmm_vmem_cache_alloc_region(&cache, 2 * PAGE, &region), VMM_OK);
	CHECK_EQ(vmm_vmem_region_size(region), 2 * PAGE);
	vmm_vmem_region_set_tags(&arena, region, &tags);
	CHECK_EQ(vmm_vmem_cache_free_region(&cache, region), VMM_OK);
	vmm_vmem_stat(&arena, &stat);
	CHECK_EQ(stat.used_size, vmm_vmem_cache_parked(&cache));
	CHECK_EQ(vmm_vmem_region_tags(region)->owner, 7);
	CHECK(vmm_vmem_find(&arena, vmm_vmem_region_base(region)) == region);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	/* A new life starts without. */
	CHECK_EQ(vmm_vmem_cache_alloc_region(&cache, 2 * PAGE, &again), VMM_OK);
	CHECK(again == region);
	CHECK_EQ(vmm_vmem_region_tags(again)->owner, 0);
	CHECK_EQ(vmm_vmem_region_tags(again)->count, 0);
	CHECK_EQ(vmm_vmem_cache_free_region(&cache, again), VMM_OK);
	close_cache();
}

TEST(unit_vmem_cache_alloc_errors)
{
	const struct vmm_vmem_region *region = NULL;
	vmm_va_t base = 1;

	for (unsigned flags = 0; flags < 2; flags++) {
		open_cache(flags, 16);
		CHECK_EQ(vmm_vmem_cache_alloc(&cache, 0, &base), VMM_EINVAL);
		CHECK_EQ(vmm_vmem_cache_alloc_region(&cache, 0, &region),
			VMM_EINVAL);
		CHECK_EQ(vmm_vmem_cache_alloc(&cache, 17 * PAGE, &base),
			VMM_ENOSPC);
		CHECK_EQ(vmm_vmem_cache_alloc(&cache, UINT64_MAX, &base),
			VMM_ENOSPC);
		CHECK_EQ(vmm_vmem_cache_alloc_region(
				 &cache, UINT64_MAX, &region),
			VMM_ENOSPC);
		CHECK(base == 1 && region == NULL);
		CHECK(!held);
		close_cache();
	}
}

/* Sizes above those that are parked go through, whatever is asked for. */
TEST(unit_vmem_cache_large_sizes)
{
	static const uint64_t pages[] = {VMM_VMEM_CACHE_SIZES,
		VMM_VMEM_CACHE_SIZES + 1, 1024, 1025, 100000};

	for (unsigned i = 0; i < 2 * 5; i++) {
		uint64_t size = pages[i / 2] * PAGE;
		vmm_va_t base;
		vmm_va_t most;

		open_cache(i % 2, VMM_GIB(1) / PAGE);
		/* So much is in use that there is room for all sizes. */
		CHECK_EQ(vmm_vmem_alloc(&arena, VMM_MIB(256), &most), VMM_OK);
		warm(&cache, pages[i / 2], 1);
		base = alloc(size);
		CHECK_EQ(vmm_vmem_region_size(vmm_vmem_find(&arena, base)),
			size);
		free_to(&cache, base, size);
		CHECK_EQ(vmm_vmem_cache_parked(&cache) != 0,
			pages[i / 2] <= VMM_VMEM_CACHE_SIZES);
		CHECK_EQ(vmm_vmem_free(&arena, most), VMM_OK);
		close_cache();
	}
}

/* What a cache of handles can see at once, it refuses at once. */
TEST(unit_vmem_cache_bad_frees_of_handles)
{
	const struct vmm_vmem_region *region = NULL;
	vmm_va_t base;

	open_cache(VMM_VMEM_CACHE_HANDLES, 4096);
	warm(&cache, 1, 1);
	CHECK_EQ(vmm_vmem_cache_free_region(&cache, NULL), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_cache_free_region(
			 &cache, vmm_vmem_region_first(&arena)),
		VMM_ENOENT);
	base = alloc(PAGE);
	region = vmm_vmem_find(&arena, base);
	CHECK_EQ(vmm_vmem_cache_free(&cache, base, 0), VMM_EINVAL);
	CHECK_EQ(vmm_vmem_cache_free(&cache, base, 2 * PAGE), VMM_EINVAL);
	CHECK_EQ(vmm_vmem_cache_free(&cache, base + 1, PAGE), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_cache_free(&cache, base - PAGE, PAGE), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_cache_free_base(&cache, base + 1), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_cache_free_base(&cache, base), VMM_OK);
	/* Twice, in every way, to every cache, and to the arena. */
	CHECK_EQ(vmm_vmem_cache_free_base(&cache, base), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_cache_free(&other, base, PAGE), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_cache_free_region(&cache, region), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_cache_free_region(&other, region), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_free_region(&arena, region), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_free(&arena, base), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_free_sized(&arena, base, PAGE), VMM_ENOENT);
	CHECK_EQ(vmm_vmem_free_part(&arena, base, PAGE), VMM_ENOENT);
	CHECK_EQ(cache.bad_count, 0);
	CHECK(!held);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	close_cache();
}

/* What is parked by its handle does not become part of the region below. */
TEST(unit_vmem_cache_parked_is_not_joined)
{
	const struct vmm_vmem_region *below = NULL;
	const struct vmm_vmem_region *region = NULL;

	open_cache(VMM_VMEM_CACHE_HANDLES, 4096);
	warm(&cache, 1, 1);
	CHECK_EQ(vmm_vmem_alloc_region(&arena, PAGE, &below), VMM_OK);
	CHECK_EQ(vmm_vmem_cache_alloc_region(&cache, PAGE, &region), VMM_OK);
	CHECK_EQ(vmm_vmem_region_base(region),
		vmm_vmem_region_base(below) + PAGE);
	CHECK_EQ(vmm_vmem_cache_free_region(&cache, region), VMM_OK);
	CHECK_EQ(vmm_vmem_cache_parked(&cache), PAGE);
	CHECK_EQ(vmm_vmem_join(&arena, below), VMM_EINVAL);
	CHECK_EQ(vmm_vmem_cache_alloc_region(&cache, PAGE, &region), VMM_OK);
	CHECK_EQ(vmm_vmem_join(&arena, below), VMM_OK);
	CHECK_EQ(vmm_vmem_region_size(below), 2 * PAGE);
	CHECK_EQ(vmm_vmem_free_region(&arena, below), VMM_OK);
	close_cache();
}

/*
 * A cache of addresses believes what it is told. When it comes to the arena,
 * what was wrong is reported, counted and dropped, and all else is freed.
 */
TEST(unit_vmem_cache_bad_frees_of_addresses)
{
	vmm_va_t a, b;

	open_cache(0, 4096);
	CHECK_EQ(vmm_vmem_cache_free(&cache, BASE, 0), VMM_EINVAL);
	warm(&cache, 1, 4);
	a = alloc(PAGE);
	b = alloc(2 * PAGE);
	free_to(&cache, a, PAGE);
	free_to(&cache, a, PAGE);	     /* twice */
	free_to(&cache, b, PAGE);	     /* not its size */
	free_to(&cache, a + PAGE / 2, PAGE); /* none at all */
	CHECK_EQ(vmm_vmem_cache_drain(&cache) != VMM_OK, true);
	CHECK(!held);
	CHECK_EQ(cache.bad_count, 3);
	CHECK_EQ(vmm_vmem_cache_parked(&cache), 0);
	CHECK_EQ(vmm_vmem_check(&arena), VMM_OK);
	CHECK_EQ(vmm_vmem_find(&arena, a) == NULL, true);
	CHECK_EQ(vmm_vmem_free_sized(&arena, b, 2 * PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_cache_drain(&cache), VMM_OK);
	CHECK_EQ(cache.bad_count, 3);
	close_cache();
	/* What has no place in the cache is refused by the arena. */
	CHECK_EQ(vmm_vmem_cache_free(
			 &cache, BASE, (VMM_VMEM_CACHE_SIZES + 1) * PAGE),
		VMM_ENOENT);
	CHECK_EQ(cache.bad_count, 4);
	b = alloc((VMM_VMEM_CACHE_SIZES + 2) * PAGE);
	CHECK_EQ(vmm_vmem_cache_free(
			 &cache, b, (VMM_VMEM_CACHE_SIZES + 1) * PAGE),
		VMM_EINVAL);
	free_to(&cache, b, (VMM_VMEM_CACHE_SIZES + 2) * PAGE);
	close_cache();
}

/* "Guarded, embedded, or not VMM_VMEM_RESERVED goes to the arena at once." */
TEST(unit_vmem_cache_special_regions)
{
	static struct vmm_vmem_region embedded;
	const struct vmm_vmem_request requests[] = {
		{.size = PAGE, .guard = {PAGE, 0}},
		{.size = PAGE, .guard = {0, PAGE}},
		{.size = PAGE, .embed = &embedded},
		{.size = PAGE},
	};

	for (unsigned i = 0; i < 2 * 4; i++) {
		const struct vmm_vmem_region *region = NULL;

		open_cache(i % 2, 4096);
		warm(&cache, 1, 1);
		CHECK_EQ(vmm_vmem_xalloc(&arena, &requests[i / 2], &region),
			VMM_OK);
		if (i / 2 == 3)
			vmm_vmem_set_use(&arena, region, VMM_VMEM_MAPPED);
		CHECK_EQ(vmm_vmem_cache_free_base(
				 &cache, vmm_vmem_region_base(region)),
			VMM_OK);
		CHECK_EQ(vmm_vmem_cache_parked(&cache), 0);
		CHECK_EQ(arena.used_count, 0);
		close_cache();
	}
}

/* Each size is parked to its depth, and in all no more than the limit. */
TEST(unit_vmem_cache_limits)
{
	static vmm_va_t at[1000];

	for (unsigned i = 0; i < 2 * 2; i++) {
		uint64_t quanta = i / 2 ? 100 : 1;
		unsigned count = i / 2 ? 100 : 1000;
		uint64_t most = VMM_VMEM_CACHE_DEPTH(quanta) * quanta;

		open_cache(i % 2, VMM_GIB(1) / PAGE);
		warm(&cache, quanta, VMM_VMEM_CACHE_DEPTH(quanta));
		for (unsigned k = 0; k < count; k++)
			at[k] = alloc(quanta * PAGE);
		for (unsigned k = 0; k < count; k++) {
			free_to(&cache, at[k], quanta * PAGE);
			CHECK(vmm_vmem_cache_parked(&cache) <= most * PAGE);
			CHECK(vmm_vmem_cache_parked(&cache) > 0);
		}
		CHECK_EQ(arena.used_size, vmm_vmem_cache_parked(&cache));
		close_cache();
	}
}

/* Eight each of many sizes, again and again. */
static void churn(unsigned first, unsigned sizes)
{
	static vmm_va_t at[256 * 8];

	for (unsigned round = 0; round < 12; round++) {
		for (unsigned k = 0; k < sizes * 8; k++)
			at[k] = alloc((first + k / 8) * PAGE);
		for (unsigned k = 0; k < sizes * 8; k++)
			free_to(&cache, at[k], (first + k / 8) * PAGE);
	}
}

/* The share that a cache has by default, a smaller one, and a larger one. */
TEST(unit_vmem_cache_set_limit)
{
	const uint64_t used = 1000000;
	uint64_t parked[3];

	for (unsigned i = 0; i < 3; i++) {
		open_cache(0, VMM_GIB(16) / PAGE);
		if (i != 1)
			vmm_vmem_cache_set_limit(&cache, i == 0 ? 63 : 0);
		CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE, used * PAGE), VMM_OK);
		churn(VMM_VMEM_CACHE_SIZES - 127, 128);
		parked[i] = vmm_vmem_cache_parked(&cache) / PAGE;
		CHECK_EQ(vmm_vmem_free(&arena, BASE), VMM_OK);
		close_cache();
	}
	CHECK(parked[0] <= VMM_VMEM_CACHE_LEAST);
	CHECK(parked[1] > (used + parked[1]) >> 5);
	CHECK(parked[1] <= (used + parked[1]) >> 4);
	CHECK(parked[2] > parked[1]);
}

/* Where little is in use: 1/64 of a small arena, and VMM_VMEM_CACHE_LEAST. */
TEST(unit_vmem_cache_least)
{
	for (unsigned i = 0; i < 2 * 4; i++) {
		uint64_t pages = UINT64_C(4096) << i / 2 * 4;
		uint64_t most = pages / 64 < VMM_VMEM_CACHE_LEAST
					? pages / 64
					: VMM_VMEM_CACHE_LEAST;
		unsigned sizes = most < 256 ? 8 : 64;
		uint64_t parked;

		open_cache(i % 2, pages);
		churn(1, sizes);
		parked = vmm_vmem_cache_parked(&cache) / PAGE;
		CHECK(parked <= most);
		CHECK(parked > most / 10);
		close_cache();
	}
}

/*
 * The arena has shrunk, or less of it is in use: what is parked beyond the limit
 * is given up by and by, whatever is freed, and nothing takes its place.
 */
TEST(unit_vmem_cache_gives_up)
{
	const vmm_va_t far = BASE + VMM_GIB(64);

	for (unsigned i = 0; i < 2 * 2; i++) {
		uint64_t most = i / 2 ? VMM_VMEM_CACHE_LEAST : 65536 / 64;
		vmm_va_t base;

		open_cache(i % 2, i / 2 ? VMM_GIB(16) / PAGE : 65536);
		CHECK_EQ(vmm_vmem_add(&arena, far, VMM_GIB(4)), VMM_OK);
		CHECK_EQ(vmm_vmem_alloc_at(&arena, far, VMM_GIB(4)), VMM_OK);
		churn(1, 80);
		CHECK(vmm_vmem_cache_parked(&cache) / PAGE > 2 * most);
		CHECK_EQ(vmm_vmem_free(&arena, far), VMM_OK);
		CHECK_EQ(vmm_vmem_remove(&arena, far), VMM_OK);
		/* Not what has been parked, and never proven. */
		for (unsigned k = 0; k < 400; k++) {
			CHECK_EQ(vmm_vmem_alloc(&arena, 200 * PAGE, &base),
				VMM_OK);
			free_to(&cache, base, 200 * PAGE);
		}
		CHECK(vmm_vmem_cache_parked(&cache) / PAGE <= most);
		churn(150, 40);
		CHECK(vmm_vmem_cache_parked(&cache) / PAGE <= most);
		close_cache();
	}
}

/* How deep each stack of the cache may be. */
static void depths(unsigned *out)
{
	for (unsigned i = 0; i < VMM_VMEM_CACHE_SIZES; i++)
		out[i] = (unsigned)cache.stack[i].limit - cache.stack[i].first;
}

/* Free a size that was never asked for. The one stack whose depth changes, to
   half of what it was. */
static unsigned halve_one(void)
{
	unsigned before[VMM_VMEM_CACHE_SIZES];
	unsigned now[VMM_VMEM_CACHE_SIZES];
	unsigned changed = VMM_VMEM_CACHE_SIZES;
	vmm_va_t base;

	depths(before);
	CHECK_EQ(vmm_vmem_alloc(&arena, 200 * PAGE, &base), VMM_OK);
	free_to(&cache, base, 200 * PAGE);
	depths(now);
	for (unsigned i = 0; i < VMM_VMEM_CACHE_SIZES; i++) {
		if (now[i] == before[i])
			continue;
		CHECK_EQ(changed, VMM_VMEM_CACHE_SIZES);
		CHECK_EQ(now[i], before[i] / 2);
		changed = i;
	}
	CHECK(changed < VMM_VMEM_CACHE_SIZES);
	return changed;
}

/*
 * What gives way is the next stack with any depth, in a ring: no size gives way
 * twice while others do not.
 */
TEST(unit_vmem_cache_gives_up_in_turn)
{
	const vmm_va_t far = BASE + VMM_GIB(8);

	/* In all words of the map of deep stacks, and in one. */
	for (unsigned i = 0; i < 2; i++) {
		unsigned depth[VMM_VMEM_CACHE_SIZES];
		unsigned rounds = 0;
		unsigned last;

		open_cache(0, VMM_GIB(16) / PAGE);
		CHECK_EQ(vmm_vmem_alloc_at(&arena, far, VMM_GIB(4)), VMM_OK);
		churn(129, 40);
		if (i == 0) {
			churn(1, 20);
			churn(61, 20);
		}
		CHECK_EQ(vmm_vmem_free(&arena, far), VMM_OK);
		last = halve_one();
		while (cache.allotted > VMM_VMEM_CACHE_LEAST) {
			unsigned next = last;

			depths(depth);
			do
				next = (next + 1) % VMM_VMEM_CACHE_SIZES;
			while (depth[next] == 0);
			CHECK_EQ(halve_one(), next);
			rounds += next < last;
			last = next;
		}
		CHECK(rounds >= 2);
		close_cache();
	}
}

/* The same when all that is parked was allowed whatever was in use. */
TEST(unit_vmem_cache_gives_up_the_least)
{
	const vmm_va_t far = BASE + VMM_GIB(64);
	const uint64_t most = 65536 / 64;

	for (unsigned flags = 0; flags < 2; flags++) {
		open_cache(flags, 65536);
		CHECK_EQ(vmm_vmem_add(&arena, far, VMM_GIB(4)), VMM_OK);
		churn(1, 24);
		CHECK(vmm_vmem_cache_parked(&cache) / PAGE > 2 * most);
		CHECK_EQ(vmm_vmem_remove(&arena, far), VMM_OK);
		churn(150, 40);
		CHECK(vmm_vmem_cache_parked(&cache) / PAGE <= most);
		close_cache();
	}
}

/* Large regions that come and go are enough for it; of either kind. */
TEST(unit_vmem_cache_gives_up_by_large_ones)
{
	const vmm_va_t far = BASE + VMM_GIB(64);

	for (unsigned i = 0; i < 2 * 2; i++) {
		uint64_t most = i / 2 ? 4096 / 64 : VMM_VMEM_CACHE_LEAST;

		open_cache(i % 2, i / 2 ? 4096 : VMM_GIB(16) / PAGE);
		CHECK_EQ(vmm_vmem_add(&arena, far, VMM_GIB(4)), VMM_OK);
		if (i / 2 == 0)
			CHECK_EQ(vmm_vmem_alloc_at(&arena, far, VMM_GIB(4)),
				VMM_OK);
		churn(1, i / 2 ? 20 : 80);
		CHECK(vmm_vmem_cache_parked(&cache) / PAGE > 2 * most);
		if (i / 2 == 0)
			CHECK_EQ(vmm_vmem_free(&arena, far), VMM_OK);
		CHECK_EQ(vmm_vmem_remove(&arena, far), VMM_OK);
		for (unsigned k = 0; k < 400; k++) {
			vmm_va_t base = alloc(1000 * PAGE);

			free_to(&cache, base, 1000 * PAGE);
		}
		CHECK(vmm_vmem_cache_parked(&cache) / PAGE <= most);
		close_cache();
	}
}

/* An arena of all addresses is not one of none. */
TEST(unit_vmem_cache_of_all_addresses)
{
	for (unsigned flags = 0; flags < 2; flags++) {
		vmm_va_t base;

		open_cache(flags, 1);
		CHECK_EQ(vmm_vmem_remove(&arena, BASE), VMM_OK);
		CHECK_EQ(vmm_vmem_add(&arena, 0, UINT64_C(1) << 63), VMM_OK);
		CHECK_EQ(vmm_vmem_add(
				 &arena, UINT64_C(1) << 63, UINT64_C(1) << 63),
			VMM_OK);
		warm(&cache, 3, 4);
		base = alloc(3 * PAGE);
		free_to(&cache, base, 3 * PAGE);
		CHECK_EQ(vmm_vmem_cache_parked(&cache), 3 * PAGE);
		CHECK_EQ(vmm_vmem_cache_drain(&cache), VMM_OK);
		CHECK_EQ(arena.used_count, 0);
		CHECK_EQ(vmm_vmem_fini(&arena), VMM_OK);
	}
}

/* In a small arena: a size that never has room does not take that of others. */
TEST(unit_vmem_cache_leaves_others_alone)
{
	for (unsigned i = 0; i < 2 * 2; i++) {
		uint64_t quanta = i / 2 ? 3 : 20;
		vmm_va_t at[8];
		vmm_va_t mates[4];

		open_cache(i % 2, 4096);
		for (unsigned round = 0; round < 1000; round++) {
			if (round == 100)
				acquired = 0;
			for (unsigned k = 0; k < 8; k++)
				at[k] = alloc(PAGE);
			for (unsigned k = 0; k < 4; k++)
				mates[k] = alloc(quanta * PAGE);
			for (unsigned k = 0; k < 8; k++)
				CHECK_EQ(i % 2 ? vmm_vmem_cache_free_region(
							 &cache,
							 vmm_vmem_find(
								 &arena, at[k]))
					       : vmm_vmem_cache_free(
							 &cache, at[k], PAGE),
					VMM_OK);
			for (unsigned k = 0; k < 4; k++)
				free_to(&cache, mates[k], quanta * PAGE);
		}
		/* Those of 20, both ways; and all four to be looked up. */
		CHECK(acquired <=
			(i / 2 ? 0u : 900u * 2 * 4) + (i % 2 ? 900u * 4 : 0u));
		close_cache();
	}
}

/* What is only allocated, or only freed, proves nothing. */
TEST(unit_vmem_cache_one_way_only)
{
	static vmm_va_t at[64];

	for (unsigned flags = 0; flags < 2; flags++) {
		open_cache(flags, 65536);
		for (unsigned k = 0; k < 64; k++)
			at[k] = alloc(PAGE);
		free_to(&cache, at[0], PAGE);
		at[0] = alloc(PAGE);
		for (unsigned k = 0; k < 32; k++)
			(void)alloc(PAGE);
		for (unsigned k = 0; k < 64; k++)
			free_to(&cache, at[k], PAGE);
		CHECK_EQ(vmm_vmem_cache_parked(&cache), 0);
		vmm_vmem_free_all(&arena);
		close_cache();
	}
}

/*
 * What is asked for is more than the cache may park: that is given back first,
 * and the hole that it lies in is found. The stacks stay as deep as they were.
 */
TEST(unit_vmem_cache_makes_way)
{
	for (unsigned i = 0; i < 2 * 2; i++) {
		unsigned flags = i % 2;
		uint64_t most = i / 2 ? 65536 / 64 : VMM_VMEM_CACHE_LEAST;
		vmm_va_t base;

		open_cache(flags, i / 2 ? 65536 : VMM_GIB(4) / PAGE);
		warm(&cache, 3, 4);
		base = alloc(3 * PAGE);
		CHECK_EQ(vmm_vmem_alloc_at(&arena, BASE + 10000 * PAGE, PAGE),
			VMM_OK);
		free_to(&cache, base, 3 * PAGE);
		/* It may park as many: what is parked is not looked for. */
		CHECK(alloc(most * PAGE) != BASE);
		CHECK(vmm_vmem_cache_parked(&cache) >= 3 * PAGE);
		CHECK_EQ(vmm_vmem_cache_alloc(&cache, 0, &base), VMM_EINVAL);
		CHECK_EQ(vmm_vmem_cache_parked(&cache), 3 * PAGE);
		(void)alloc(most * PAGE + 1);
		CHECK_EQ(vmm_vmem_cache_parked(&cache), 0);
		base = alloc(3 * PAGE);
		free_to(&cache, base, 3 * PAGE);
		CHECK_EQ(vmm_vmem_cache_parked(&cache), 3 * PAGE);
		free_to(&cache, base = alloc(10000 * PAGE), 10000 * PAGE);
		CHECK_EQ(vmm_vmem_cache_parked(&cache), 0);
		base = alloc(3 * PAGE);
		acquired = 0;
		free_to(&cache, base, 3 * PAGE);
		/* With handles, to look it up. */
		CHECK_EQ(acquired, flags);
		CHECK_EQ(vmm_vmem_cache_drain(&cache), VMM_OK);
		vmm_vmem_free_all(&arena);
		close_cache();
	}
}

/*
 * When the arena has nothing left, what the cache has parked of other sizes is
 * given back and taken; what another cache has is for the caller to drain.
 */
TEST(unit_vmem_cache_exhaustion_drains)
{
	static vmm_va_t at[64];

	for (unsigned flags = 0; flags < 2; flags++) {
		vmm_va_t base = 1;

		open_cache(flags, 4096);
		CHECK_EQ(vmm_vmem_alloc_at(
				 &arena, BASE + 64 * PAGE, 4032 * PAGE),
			VMM_OK);
		warm(&cache, 1, 8);
		warm(&other, 1, 8);
		for (unsigned i = 0; i < 64; i++)
			at[i] = alloc(PAGE);
		for (unsigned i = 0; i < 16; i++)
			free_to(&cache, at[i], PAGE);
		CHECK(vmm_vmem_cache_parked(&cache) > 0);
		/* 16 pages in a row, of which some are parked. */
		base = alloc(16 * PAGE);
		CHECK_EQ(vmm_vmem_cache_parked(&cache), 0);
		for (unsigned i = 16; i < 32; i++)
			free_to(&other, at[i], PAGE);
		CHECK_EQ(vmm_vmem_cache_alloc(&cache, 16 * PAGE, &base),
			VMM_ENOSPC);
		CHECK_EQ(vmm_vmem_cache_drain(&other), VMM_OK);
		(void)alloc(16 * PAGE);
		CHECK(!held);
		vmm_vmem_free_all(&arena);
		close_cache();
	}
}

/* Without nodes it is the same: those of parked regions are given back. */
TEST(unit_vmem_cache_exhaustion_of_nodes)
{
	static vmm_va_t at[64];
	unsigned count = 0;
	vmm_va_t base;

	arena_init(&plain, PAGE);
	CHECK_EQ(vmm_vmem_donate(&arena, memory, VMM_VMEM_NODES_SIZE(20)),
		VMM_OK);
	CHECK_EQ(vmm_vmem_add(&arena, BASE, 4096 * PAGE), VMM_OK);
	vmm_vmem_cache_init(&cache, &arena, NULL, 0);
	vmm_vmem_cache_init(&other, &arena, NULL, 0);
	warm(&cache, 1, 8);
	while (vmm_vmem_cache_alloc(&cache, PAGE, &base) == VMM_OK)
		at[count++] = base;
	CHECK_EQ(count, 17);
	CHECK_EQ(vmm_vmem_cache_alloc(&cache, 2 * PAGE, &base), VMM_ENOMEM);
	for (unsigned i = 8; i < count; i++)
		CHECK_EQ(vmm_vmem_cache_free(&cache, at[i], PAGE), VMM_OK);
	CHECK_EQ(vmm_vmem_cache_alloc(&cache, 2 * PAGE, &base), VMM_OK);
	vmm_vmem_free_all(&arena);
	close_cache();
}

/* Addresses from a cache of handles, and handles from one of addresses. */
TEST(unit_vmem_cache_the_other_kind)
{
	for (unsigned flags = 0; flags < 2; flags++) {
		const struct vmm_vmem_region *region = NULL;
		vmm_va_t base;

		open_cache(flags, 65536);
		warm(&cache, 3, 1);
		base = alloc(3 * PAGE);
		region = vmm_vmem_find(&arena, base);
		CHECK_EQ(vmm_vmem_cache_free_region(&cache, region), VMM_OK);
		CHECK_EQ(alloc(3 * PAGE), base);
		free_to(&cache, base, 3 * PAGE);
		acquired = 0;
		CHECK_EQ(vmm_vmem_cache_alloc_region(&cache, 3 * PAGE, &region),
			VMM_OK);
		CHECK_EQ(acquired, flags ? 0 : 1);
		CHECK_EQ(vmm_vmem_region_base(region), base);
		acquired = 0;
		CHECK_EQ(vmm_vmem_cache_free_base(&cache, base), VMM_OK);
		CHECK_EQ(acquired, 1);
		close_cache();
	}
}
