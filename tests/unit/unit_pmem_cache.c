/* SPDX-License-Identifier: MIT */
/* Magazines: every call and every error, on readable examples. */
#include "support/pmem_cache_rig.h"

static const struct vmm_pmem_depth depths[] = {{0, 8}, {3, 4}, {9, 2}};

static struct vmm_pmem_cache_config config_of(enum vmm_pmem_policy policy)
{
	return (struct vmm_pmem_cache_config){.cpus = 3,
		.depths = depths,
		.depths_count = 3,
		.policy = policy};
}

static void open(enum vmm_pmem_policy policy, bool marks)
{
	zone_of(BASE, VMM_MIB(16));
	cache_open(config_of(policy), marks);
}

/*
 * A batch of four from the zone, in ascending order; what was freed last comes
 * first; the lock is taken for batches only.
 */
TEST(unit_pmem_cache_lifo)
{
	vmm_pa_t pa[9];

	open(VMM_PMEM_LIFO, true);
	locks = 0;
	for (unsigned i = 0; i < 4; i++) {
		pa[i] = get(0, 0);
		CHECK_EQ(pa[i], BASE + i * PAGE);
	}
	CHECK_EQ(locks, 1);
	CHECK_EQ(parked(), 0);
	CHECK_EQ(put(0, pa[1], 0), VMM_OK);
	CHECK_EQ(put(0, pa[3], 0), VMM_OK);
	CHECK_EQ(parked(), 2);
	CHECK_EQ(get(0, 0), pa[3]);
	CHECK_EQ(get(0, 0), pa[1]);
	CHECK_EQ(locks, 1);
	for (unsigned i = 4; i < 9; i++)
		pa[i] = get(0, 0);
	CHECK_EQ(locks, 3);
	/* Three are parked; five more fill the magazine; the ninth flushes. */
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(put(0, pa[i], 0), VMM_OK);
	CHECK_EQ(locks, 3);
	CHECK_EQ(parked(), 8);
	CHECK_EQ(put(0, pa[5], 0), VMM_OK);
	CHECK_EQ(locks, 4);
	CHECK_EQ(parked(), 5);
	CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
	for (unsigned i = 6; i < 9; i++)
		CHECK_EQ(put(0, pa[i], 0), VMM_OK);
	cache_close();
}

/* What is freed is not what is allocated next, until it was home. */
TEST(unit_pmem_cache_split)
{
	vmm_pa_t pa[8];

	open(VMM_PMEM_SPLIT, true);
	for (unsigned i = 0; i < 8; i++)
		pa[i] = get(1, 0);
	CHECK_EQ(put(1, pa[0], 0), VMM_OK);
	CHECK_EQ(get(1, 0), BASE + 8 * PAGE);
	for (unsigned i = 1; i < 8; i++)
		CHECK_EQ(put(1, pa[i], 0), VMM_OK);
	CHECK_EQ(parked(), 11);
	/* The ninth: four go home. */
	CHECK_EQ(put(1, BASE + 8 * PAGE, 0), VMM_OK);
	CHECK_EQ(parked(), 8);
	CHECK(vmm_pmem_is_free(&zone, pa[3]));
	CHECK(!vmm_pmem_is_free(&zone, pa[4]));
	cache_close();
}

/* Orders without a magazine, and those with one, in one zone. */
TEST(unit_pmem_cache_orders)
{
	vmm_pa_t a;
	vmm_pa_t b;

	open(VMM_PMEM_LIFO, true);
	a = get(0, 9);
	CHECK_EQ(put(0, a, 9), VMM_OK);
	CHECK_EQ(parked(), 512);
	CHECK_EQ(get(0, 9), a);
	b = get(0, 5);
	CHECK_EQ(put(0, b, 5), VMM_OK);
	CHECK_EQ(put(0, a, 9), VMM_OK);
	a = get(2, 11);
	CHECK_EQ(put(1, a, 11), VMM_OK);
	CHECK_EQ(get(0, 3), BASE);
	CHECK_EQ(put(2, BASE, 3), VMM_OK);
	cache_close();
}

/* With marks every wrong free is refused, whoever parks the frame. */
TEST(unit_pmem_cache_wrong_frees)
{
	static const enum vmm_pmem_policy policies[] = {
		VMM_PMEM_LIFO, VMM_PMEM_SPLIT};

	for (unsigned p = 0; p < 2; p++) {
		vmm_pa_t page;
		vmm_pa_t run;
		vmm_pa_t block;

		open(policies[p], true);
		page = get(0, 0);
		run = get(0, 3);
		block = get(0, 9);
		CHECK_EQ(put(0, page, 0), VMM_OK);
		CHECK_EQ(put(0, page, 0), VMM_EEXIST);
		CHECK_EQ(put(1, page, 0), VMM_EEXIST);
		CHECK_EQ(put(0, run, 3), VMM_OK);
		CHECK_EQ(put(2, run, 3), VMM_EEXIST);
		/* A part of what is parked, and more than it. */
		CHECK_EQ(put(0, run + 3 * PAGE, 0), VMM_EEXIST);
		CHECK_EQ(put(0, run + 4 * PAGE, 2), VMM_EEXIST);
		CHECK_EQ(put(0, vmm_align_down(run, 16 * PAGE), 4), VMM_EEXIST);
		CHECK_EQ(vmm_pmem_cache_free_range(&cache, run + PAGE, 1),
			VMM_EEXIST);
		/* Its mark is that of all frames of the block. */
		CHECK_EQ(put(1, block + PAGE, 9), VMM_EINVAL);
		CHECK_EQ(put(1, block + 256 * PAGE, 9), VMM_EINVAL);
		CHECK_EQ(put(1, block, 9), VMM_OK);
		CHECK_EQ(put(0, block + 511 * PAGE, 0), VMM_EEXIST);
		CHECK_EQ(put(0, block, 9), VMM_EEXIST);
		/* Free in the zone, outside of it, malformed. */
		CHECK_EQ(put(0, BASE + VMM_MIB(4), 0), VMM_EEXIST);
		CHECK_EQ(put(0, BASE + VMM_MIB(4), 6), VMM_EEXIST);
		CHECK_EQ(put(0, BASE - PAGE, 0), VMM_ERANGE);
		CHECK_EQ(put(0, BASE + VMM_MIB(16), 0), VMM_ERANGE);
		CHECK_EQ(put(0, BASE + VMM_MIB(16), 10), VMM_ERANGE);
		CHECK_EQ(put(0, page + 1, 0), VMM_EINVAL);
		CHECK_EQ(put(0, BASE + PAGE, 1), VMM_EINVAL);
		CHECK_EQ(put(0, BASE, VMM_PMEM_ORDER_MAX + 1), VMM_EINVAL);
		CHECK_EQ(put(0, BASE, 77), VMM_EINVAL);
		CHECK_EQ(
			vmm_pmem_cache_free_range(&cache, BASE, 0), VMM_EINVAL);
		CHECK_EQ(vmm_pmem_cache_free_range(&cache, BASE, 5000),
			VMM_ERANGE);
		CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
		cache_close();
	}
}

/* A run that is freed in parts, and parts that are freed as one. */
TEST(unit_pmem_cache_partial_frees)
{
	vmm_pa_t run;

	open(VMM_PMEM_LIFO, true);
	run = get(0, 3);
	CHECK_EQ(put(0, run + 5 * PAGE, 0), VMM_OK);
	/* The whole is not the caller's any more. */
	CHECK_EQ(put(0, run, 3), VMM_EEXIST);
	CHECK_EQ(put(0, run, 2), VMM_OK);
	CHECK_EQ(put(0, run, 0), VMM_EEXIST);
	CHECK_EQ(put(0, run + 4 * PAGE, 0), VMM_OK);
	CHECK_EQ(put(0, run + 6 * PAGE, 1), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
	cache_close();

	/* Four pages, one after the other, in one call. */
	open(VMM_PMEM_LIFO, true);
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(get(0, 0), BASE + i * PAGE);
	CHECK_EQ(vmm_pmem_cache_free_range(&cache, BASE + PAGE, 2), VMM_OK);
	CHECK_EQ(put(0, BASE + PAGE, 0), VMM_EEXIST);
	CHECK_EQ(put(0, BASE, 2), VMM_EEXIST);
	CHECK_EQ(put(0, BASE, 0), VMM_OK);
	CHECK_EQ(put(0, BASE + 3 * PAGE, 0), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
	cache_close();
}

/* Without marks, what is free in the zone is refused when it gets there. */
TEST(unit_pmem_cache_without_marks)
{
	struct vmm_pmem_cache_stat counts;

	open(VMM_PMEM_LIFO, false);
	CHECK_EQ(put(0, BASE + VMM_MIB(4), 0), VMM_OK);
	CHECK_EQ(put(0, BASE + PAGE, 3), VMM_EINVAL);
	CHECK_EQ(put(0, BASE - PAGE, 0), VMM_ERANGE);
	CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_ECORRUPT);
	CHECK_EQ(vmm_pmem_cache_drain(cpu_of(0)), VMM_OK);
	vmm_pmem_cache_stat(&cache, &counts);
	CHECK_EQ(counts.refused, 1);
	CHECK_EQ(counts.parked, 0);
	cache_close();

	/* Right ones and wrong ones of one block, in one batch. */
	open(VMM_PMEM_LIFO, false);
	CHECK_EQ(vmm_pmem_claim(&zone, BASE, 20), VMM_OK);
	for (unsigned i = 18; i < 22; i++)
		CHECK_EQ(put(0, BASE + i * PAGE, 0), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_drain(cpu_of(0)), VMM_OK);
	vmm_pmem_cache_stat(&cache, &counts);
	CHECK_EQ(counts.refused, 2);
	CHECK_EQ(stat().used, 18);
	CHECK_EQ(vmm_pmem_free_range(&zone, BASE, 18), VMM_OK);
	cache_close();
}

/*
 * Every order to the last run, from each CPU in turn, through magazines that
 * others have filled: no frame is out of reach, and everything comes back.
 */
TEST(unit_pmem_cache_exhaustion_at_each_order)
{
	static vmm_pa_t got[4096];

	for (unsigned order = 0; order <= 12; order++) {
		const size_t all = 4096u >> order;
		struct vmm_pmem_runs runs;
		vmm_pa_t pa = 1;
		uint32_t cpu = 0;

		open(order % 2 == 0 ? VMM_PMEM_LIFO : VMM_PMEM_SPLIT, true);
		vmm_pmem_runs(&zone, &runs);
		/* Each CPU parks some of each order that has a magazine. */
		for (cpu = 0; cpu < 3; cpu++) {
			for (unsigned d = 0; d < 3; d++)
				CHECK_EQ(put(cpu, get(cpu, depths[d].order),
						 depths[d].order),
					VMM_OK);
		}
		CHECK(parked() > 0);
		for (size_t i = 0; i < all; i++)
			got[i] = get((uint32_t)i % 3, order);
		for (cpu = 0; cpu < 3; cpu++)
			CHECK_EQ(cache_alloc(cpu_of(cpu), order, &pa),
				VMM_ENOMEM);
		CHECK_EQ(pa, 1);
		CHECK_EQ(stat().free, 0);
		CHECK_EQ(parked(), 0);
		for (size_t i = 0; i < all; i++) {
			CHECK_EQ(put((uint32_t)i / 5 % 3, got[i], order),
				VMM_OK);
			CHECK_EQ(put(0, got[i], order), VMM_EEXIST);
		}
		cache_close();
		CHECK(same_runs(&runs));
	}
}

/* Somebody is at the magazines: the zone serves, nobody waits. */
TEST(unit_pmem_cache_taken)
{
	struct vmm_pmem_cache_stat stat;
	vmm_pa_t a;
	vmm_pa_t b;

	open(VMM_PMEM_LIFO, true);
	a = get(0, 0);
	cpu_of(0)->taken = 1;
	b = get(0, 0);
	CHECK(b != a);
	CHECK_EQ(put(0, a, 0), VMM_OK);
	CHECK(vmm_pmem_is_free(&zone, a));
	CHECK_EQ(put(0, a, 0), VMM_EEXIST);
	CHECK_EQ(put(0, b, 0), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_drain(cpu_of(0)), VMM_EBUSY);
	CHECK_EQ(vmm_pmem_cache_drain_all(&cache), VMM_EBUSY);
	cpu_of(0)->taken = 0;
	vmm_pmem_cache_stat(&cache, &stat);
	CHECK(stat.busy >= 3);
	CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
	cache_close();
}

/* Demands and names reach what is parked. */
TEST(unit_pmem_cache_xalloc_and_claim)
{
	const struct vmm_pmem_request all = {.count = 4096};
	vmm_pa_t pa = 1;

	open(VMM_PMEM_LIFO, true);
	CHECK_EQ(put(1, get(1, 0), 0), VMM_OK);
	CHECK_EQ(parked(), 4);
	CHECK_EQ(vmm_pmem_cache_claim(&cache, BASE + PAGE, 2), VMM_OK);
	CHECK_EQ(parked(), 0);
	CHECK_EQ(vmm_pmem_cache_claim(&cache, BASE + PAGE, 1), VMM_EBUSY);
	CHECK_EQ(vmm_pmem_cache_xalloc(&cache, &all, &pa, NULL), VMM_ENOMEM);
	CHECK_EQ(vmm_pmem_cache_free_range(&cache, BASE + PAGE, 2), VMM_OK);
	CHECK_EQ(put(2, get(2, 3), 3), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_xalloc(&cache, &all, &pa, NULL), VMM_OK);
	CHECK_EQ(pa, BASE);
	CHECK_EQ(vmm_pmem_cache_free_range(&cache, pa, 4096), VMM_OK);
	cache_close();
}

/* What is held back leaves the magazines and does not come in again. */
TEST(unit_pmem_cache_hold)
{
	vmm_pa_t out;

	open(VMM_PMEM_LIFO, true);
	out = get(0, 0);
	CHECK_EQ(put(1, get(1, 0), 0), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_hold(&cache, BASE, 512), VMM_OK);
	CHECK_EQ(parked(), 0);
	CHECK_EQ(stat().held, 511);
	CHECK(get(0, 0) >= BASE + VMM_MIB(2));
	CHECK_EQ(put(0, out, 0), VMM_OK);
	CHECK_EQ(stat().held, 512);
	CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_hold(&cache, BASE, 511), VMM_EINVAL);
	CHECK_EQ(vmm_pmem_offline(&zone, BASE, 512), VMM_OK);
	CHECK_EQ(put(0, out, 0), VMM_ENOENT);
}

/* Pinned: the same calls without the exchange; others' magazines are theirs. */
TEST(unit_pmem_cache_pinned)
{
	struct vmm_pmem_cache_config config = config_of(VMM_PMEM_LIFO);
	vmm_pa_t pa = 1;
	vmm_pa_t again = 1;

	config.pinned = true;
	zone_of(BASE, 8 * PAGE);
	cache_open(config, true);
	CHECK_EQ(vmm_pmem_cache_alloc_pinned(cpu_of(0), 0, &pa), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_free_pinned(cpu_of(0), pa, 0), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_free_pinned(cpu_of(0), pa, 0), VMM_EEXIST);
	CHECK_EQ(vmm_pmem_cache_free_pinned(cpu_of(0), pa + 1, 0), VMM_EINVAL);
	CHECK_EQ(vmm_pmem_cache_free_pinned(cpu_of(0), pa, 99), VMM_EINVAL);
	CHECK_EQ(vmm_pmem_cache_alloc_pinned(cpu_of(0), 99, &pa), VMM_EINVAL);
	CHECK_EQ(vmm_pmem_cache_alloc_pinned(cpu_of(0), 0, &again), VMM_OK);
	CHECK_EQ(pa, again);
	CHECK_EQ(vmm_pmem_cache_free_pinned(cpu_of(0), pa, 0), VMM_OK);
	CHECK_EQ(parked(), 4);
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(
			vmm_pmem_cache_alloc_pinned(cpu_of(1), 0, &pa), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_alloc_pinned(cpu_of(1), 0, &pa), VMM_ENOMEM);
	CHECK_EQ(vmm_pmem_cache_drain(cpu_of(0)), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_alloc_pinned(cpu_of(1), 0, &pa), VMM_OK);
}

TEST(unit_pmem_cache_refuses)
{
	static const struct vmm_pmem_depth bad[][2] = {{{0, 1}, {1, 2}},
		{{0, 4}, {0, 4}}, {{0, 65536}, {1, 2}},
		{{VMM_PMEM_ORDER_MAX + 1, 2}, {1, 2}}};
	struct vmm_pmem_cache_config config = config_of(VMM_PMEM_LIFO);
	struct vmm_pmem_cache_sizes sizes = {77, 77};
	struct vmm_pmem large = {.count = UINT64_C(1) << 32};

	zone_of(BASE, VMM_MIB(16));
	config.cpus = 0;
	CHECK_EQ(vmm_pmem_cache_size(&zone, &config, &sizes), VMM_EINVAL);
	config = config_of((enum vmm_pmem_policy)7);
	CHECK_EQ(vmm_pmem_cache_size(&zone, &config, &sizes), VMM_EINVAL);
	config = config_of(VMM_PMEM_LIFO);
	config.depths_count = 0;
	CHECK_EQ(vmm_pmem_cache_size(&zone, &config, &sizes), VMM_EINVAL);
	config.depths_count = VMM_PMEM_DEPTHS_MAX + 1;
	CHECK_EQ(vmm_pmem_cache_size(&zone, &config, &sizes), VMM_EINVAL);
	config.depths_count = 2;
	for (unsigned i = 0; i < 4; i++) {
		config.depths = bad[i];
		CHECK_EQ(vmm_pmem_cache_size(&zone, &config, &sizes),
			VMM_EINVAL);
	}
	config = config_of(VMM_PMEM_LIFO);
	CHECK_EQ(vmm_pmem_cache_size(&large, &config, &sizes), VMM_ENOTSUP);
	CHECK_EQ(sizes.memory, 77);
	CHECK_EQ(vmm_pmem_cache_init(&cache, &zone, &config, NULL, NULL),
		VMM_EINVAL);
	CHECK_EQ(vmm_pmem_cache_init(
			 &cache, &zone, &config, cache_memory + 8, NULL),
		VMM_EINVAL);
	CHECK_EQ(vmm_pmem_cache_init(
			 &cache, &zone, &config, cache_memory, cache_marks + 1),
		VMM_EINVAL);
	/* The library's own choice of depths. */
	config.depths = NULL;
	cache_open(config, true);
	CHECK_EQ(put(7, get(5, 9), 9), VMM_OK);
	cache_close();
}
