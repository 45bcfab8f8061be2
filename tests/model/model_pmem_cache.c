/* SPDX-License-Identifier: MIT */
/*
 * Magazines against a shadow map: what is free in the zone or parked anywhere is
 * free for the shadow. Random calls on random CPUs, right and wrong; after each
 * the answer, the counts and the cache's own check must agree. An allocation may
 * fail only if the shadow has no such run: so nothing is ever out of reach.
 */
#include "support/pmem_shadow.h"

#define CPUS	 3
#define LIVE_MAX 2048

static struct vmm_pmem zone;
static struct vmm_pmem_cache cache;
static _Alignas(64) unsigned char meta[64 * 1024];
static _Alignas(64) unsigned char memory[64 * 1024];
static _Alignas(8) uint8_t marks[64 * 1024];
static struct rng rng;
static uint64_t used_now;

static struct {
	vmm_pfn_t pfn;
	unsigned order;
} live[LIVE_MAX];
static size_t live_count;

struct shape {
	vmm_pfn_t first;
	uint64_t frames;
	unsigned steps;
	unsigned order_max;
	enum vmm_pmem_policy policy;
	bool marks;
	uint32_t depth; /* of single frames */
};

static void open(const struct shape *shape)
{
	const struct vmm_pmem_depth depths[] = {
		{1, 5}, {0, shape->depth}, {3, 4}, {9, 2}, {10, 2}};
	const struct vmm_pmem_cache_config config = {.cpus = CPUS,
		.depths = depths,
		.depths_count = 5,
		.policy = shape->policy};
	struct vmm_mem_range range[4];
	struct vmm_pmem_cache_sizes sizes;
	struct vmm_memmap map;
	uint64_t size;

	first = shape->first;
	frames = shape->frames;
	used_now = 0;
	live_count = 0;
	vmm_memmap_init(&map, range, 4);
	CHECK_EQ(vmm_memmap_add(&map, vmm_pfn_to_pa(first), frames * PAGE),
		VMM_OK);
	CHECK_EQ(vmm_pmem_meta_size(&map, NULL, &size), VMM_OK);
	CHECK(size <= sizeof(meta));
	CHECK_EQ(vmm_pmem_init(&zone, &map, NULL, meta, size), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_size(&zone, &config, &sizes), VMM_OK);
	CHECK(sizes.memory <= sizeof(memory));
	CHECK(sizes.marks <= sizeof(marks));
	CHECK_EQ(vmm_pmem_cache_init(&cache, &zone, &config, memory,
			 shape->marks ? marks : NULL),
		VMM_OK);
	shadow_set(first, frames, FREE);
	for (uint64_t i = 0; i < frames; i++)
		*shadow_held(first + i) = false;
}

static struct vmm_pmem_cpu *random_cpu(void)
{
	return vmm_pmem_cache_cpu(&cache, (uint32_t)rng_below(&rng, CPUS));
}

static unsigned random_order(unsigned max)
{
	return (unsigned)rng_below(&rng, 1 + rng_below(&rng, max + 1));
}

static void remember(vmm_pa_t pa, unsigned order)
{
	const vmm_pfn_t pfn = vmm_pa_to_pfn(pa);
	const uint64_t count = UINT64_C(1) << order;

	CHECK_EQ(pa & ((PAGE << order) - 1), 0);
	CHECK(pfn >= first && pfn - first < frames);
	CHECK(count <= frames - (pfn - first));
	CHECK(shadow_all(pfn, count, FREE));
	shadow_set(pfn, count, USED);
	used_now += count;
	if (live_count < LIVE_MAX) {
		live[live_count].pfn = pfn;
		live[live_count++].order = order;
	}
}

static void forget(vmm_pa_t pa, uint64_t count)
{
	shadow_free(vmm_pa_to_pfn(pa), count);
	used_now -= count;
}

static void do_alloc(const struct shape *shape)
{
	const unsigned order = random_order(shape->order_max);
	vmm_pa_t pa = 1;
	struct vmm_pmem_cpu *cpu = random_cpu();
	/* The inline calls of an order that is a constant are others. */
	int err = order == 0 ? vmm_pmem_cache_alloc(cpu, 0, &pa)
			     : vmm_pmem_cache_alloc(cpu, order, &pa);

	if (err == VMM_OK) {
		remember(pa, order);
		return;
	}
	CHECK_EQ(err, VMM_ENOMEM);
	CHECK_EQ(pa, 1);
	CHECK(!shadow_has(UINT64_C(1) << order, order));
}

/* Any aligned run, right or wrong; only right ones if there are no marks. */
static void free_run(const struct shape *shape, vmm_pa_t pa, unsigned order)
{
	int want = VMM_EINVAL;

	if (order <= VMM_PMEM_ORDER_MAX && pa % (PAGE << order) == 0)
		want = expected(pa, UINT64_C(1) << order, USED);
	if (!shape->marks && want != VMM_OK)
		return;
	if (order == 0)
		CHECK_EQ(vmm_pmem_cache_free(random_cpu(), pa, 0), want);
	else
		CHECK_EQ(vmm_pmem_cache_free(random_cpu(), pa, order), want);
	if (want == VMM_OK)
		forget(pa, UINT64_C(1) << order);
}

static void do_free(const struct shape *shape)
{
	size_t i;

	if (live_count == 0)
		return;
	i = rng_below(&rng, live_count);
	free_run(shape, vmm_pfn_to_pa(live[i].pfn), live[i].order);
	live[i] = live[--live_count];
}

static void do_free_part(const struct shape *shape)
{
	vmm_pfn_t pfn;
	unsigned order;
	size_t i;

	if (live_count == 0)
		return;
	i = rng_below(&rng, live_count);
	order = random_order(live[i].order);
	pfn = live[i].pfn + rng_below(&rng, UINT64_C(1) << live[i].order);
	free_run(shape,
		vmm_pfn_to_pa(vmm_align_down(pfn, UINT64_C(1) << order)),
		order);
}

static vmm_pa_t random_place(void)
{
	const vmm_pfn_t pfn = first - 2 + rng_below(&rng, frames + 4);

	return vmm_pfn_to_pa(pfn) + (rng_below(&rng, 32) == 0 ? 8 : 0);
}

static void do_free_anything(const struct shape *shape)
{
	const unsigned order = random_order(shape->order_max + 2);
	const vmm_pa_t pa = random_place();

	free_run(shape,
		rng_below(&rng, 8) == 0 ? pa
					: vmm_align_down(pa, PAGE << order),
		order);
}

static void do_free_range(const struct shape *shape)
{
	const vmm_pa_t pa = random_place();
	const uint64_t count = rng_below(&rng, 8);
	const int want = expected(pa, count, USED);

	if (!shape->marks && want != VMM_OK)
		return;
	CHECK_EQ(vmm_pmem_cache_free_range(&cache, pa, count), want);
	if (want == VMM_OK)
		forget(pa, count);
}

static void do_claim(void)
{
	const vmm_pa_t pa = random_place();
	const uint64_t count = rng_below(&rng, 8);
	const int want = expected(pa, count, FREE);

	CHECK_EQ(vmm_pmem_cache_claim(&cache, pa, count), want);
	if (want == VMM_OK) {
		shadow_set(vmm_pa_to_pfn(pa), count, USED);
		used_now += count;
	}
}

static void do_xalloc(void)
{
	const struct vmm_pmem_request request = {
		.count = 1 + rng_below(&rng, 20), .count_least = 1};
	vmm_pa_t pa = 1;
	uint64_t got = 0;

	if (vmm_pmem_cache_xalloc(&cache, &request, &pa, &got) != VMM_OK) {
		CHECK_EQ(count_of(FREE), 0);
		return;
	}
	CHECK(shadow_all(vmm_pa_to_pfn(pa), got, FREE));
	shadow_set(vmm_pa_to_pfn(pa), got, USED);
	used_now += got;
}

static void compare(void)
{
	struct vmm_pmem_cache_stat stat;

	CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
	vmm_pmem_cache_stat(&cache, &stat);
	CHECK_EQ(zone.managed - zone.free - stat.parked, used_now);
	CHECK_EQ(stat.refused, 0);
}

static void step(const struct shape *shape, bool filling)
{
	const uint64_t dice = rng_below(&rng, 100);

	if (dice < 75) {
		if ((dice < 50) == filling)
			do_alloc(shape);
		else
			do_free(shape);
	} else if (dice < 81) {
		do_free_part(shape);
	} else if (dice < 88) {
		do_free_anything(shape);
	} else if (dice < 91) {
		do_free_range(shape);
	} else if (dice < 94) {
		do_claim();
	} else if (dice < 97) {
		do_xalloc();
	} else if (dice < 99) {
		CHECK_EQ(vmm_pmem_cache_drain(random_cpu()), VMM_OK);
	} else {
		CHECK_EQ(vmm_pmem_cache_drain_all(&cache), VMM_OK);
		shadow_compare_bits(&zone);
	}
}

static void drain(void)
{
	for (uint64_t i = 0; i < frames; i++) {
		const vmm_pa_t pa = vmm_pfn_to_pa(first + i);

		if (shadow[i] != USED)
			continue;
		CHECK_EQ(vmm_pmem_cache_free(random_cpu(), pa, 0), VMM_OK);
		forget(pa, 1);
	}
	CHECK_EQ(vmm_pmem_cache_drain_all(&cache), VMM_OK);
	compare();
	CHECK_EQ(zone.free, zone.managed);
	shadow_compare_runs(&zone);
	shadow_compare_bits(&zone);
}

static void run(const struct shape *shape)
{
	rng.state = test_seed * 1000 + shape->frames;
	open(shape);
	for (unsigned i = 0; i < shape->steps * test_factor; i++) {
		step(shape, i / 256 % 2 == 0);
		if (frames < 200 || i % 8 == 0)
			compare();
		if (i % 4000 == 3999) {
			drain();
			open(shape);
		}
	}
	drain();
}

/* Fewer frames than the magazines have room for. */
TEST(model_pmem_cache_tiny)
{
	run(&(struct shape){0x80005, 7, 120000, 3, VMM_PMEM_LIFO, true, 8});
	run(&(struct shape){0x80005, 7, 120000, 3, VMM_PMEM_SPLIT, true, 8});
}

TEST(model_pmem_cache_part_of_a_block)
{
	run(&(struct shape){0x80025, 150, 120000, 6, VMM_PMEM_LIFO, true, 8});
	run(&(struct shape){0x80025, 150, 120000, 6, VMM_PMEM_SPLIT, true, 8});
}

/* Blocks and pairs of blocks are parked as well. */
TEST(model_pmem_cache_blocks)
{
	run(&(struct shape){
		0x80000 - 300, 5000, 30000, 11, VMM_PMEM_LIFO, true, 8});
	run(&(struct shape){
		0x80000 - 300, 5000, 30000, 11, VMM_PMEM_SPLIT, true, 8});
}

/* The first frames that have an address, and the last. */
TEST(model_pmem_cache_ends)
{
	run(&(struct shape){2, 1100, 20000, 10, VMM_PMEM_LIFO, true, 8});
	run(&(struct shape){(UINT64_C(1) << 52) - 1500, 1500, 20000, 10,
		VMM_PMEM_SPLIT, true, 8});
}

/* Batches of more than eight frames, whose marks are set a word at a time, if
 * the window begins where a word does. */
TEST(model_pmem_cache_batches)
{
	run(&(struct shape){0x80028, 400, 60000, 3, VMM_PMEM_LIFO, true, 40});
	run(&(struct shape){0x801f0, 400, 60000, 3, VMM_PMEM_SPLIT, true, 40});
	run(&(struct shape){0x801fd, 400, 60000, 3, VMM_PMEM_LIFO, true, 40});
}

TEST(model_pmem_cache_without_marks)
{
	run(&(struct shape){0x80025, 150, 60000, 6, VMM_PMEM_LIFO, false, 8});
	run(&(struct shape){
		0x80000 - 300, 5000, 20000, 11, VMM_PMEM_SPLIT, false, 8});
}
