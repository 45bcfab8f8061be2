/* SPDX-License-Identifier: MIT */
/*
 * Threads at one zone: magazines, the try-lock, the kernel's lock, and notes.
 * Built with ThreadSanitizer where there is one, which sees every access that
 * nothing orders. The tests see for themselves that no frame is had twice and
 * that all come back.
 */
#include <vmm/pmem_frames.h>

#include "support/test.h"
#include "support/threads.h"

#define PAGE	VMM_PAGE_SIZE
#define BASE	UINT64_C(0x80000000)
#define FRAMES	3000
#define THREADS 4
#define CPUS	2
#define SLOTS	64
#define STEPS	30000

static struct vmm_mem_range ranges[4];
static struct vmm_pmem pmem;
static struct vmm_pmem_cache cache;
static _Alignas(64) unsigned char meta[8192];
static _Alignas(64) unsigned char memory[32768];
static _Alignas(8) uint8_t marks[8192];
static uint32_t mutex;

/* 1: somebody has the frame. */
static uint32_t had[FRAMES];
/* Runs on their way from one thread to another: pa | order, or 0. */
static uint64_t slots[SLOTS];

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

static void open(enum vmm_pmem_policy policy)
{
	static const struct vmm_pmem_depth depths[] = {{0, 16}, {2, 6}, {9, 2}};
	const struct vmm_pmem_cache_config config = {.cpus = CPUS,
		.depths = depths,
		.depths_count = 3,
		.policy = policy,
		.lock = &lock};
	struct vmm_memmap map;

	vmm_memmap_init(&map, ranges, 4);
	CHECK_EQ(vmm_memmap_add(&map, BASE, FRAMES * PAGE), VMM_OK);
	CHECK_EQ(vmm_pmem_init(&pmem, &map, NULL, meta, sizeof(meta)), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_init(&cache, &pmem, &config, memory, marks),
		VMM_OK);
}

static void close(void)
{
	CHECK_EQ(vmm_pmem_cache_drain_all(&cache), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_check(&cache), VMM_OK);
	CHECK_EQ(pmem.free, pmem.managed);
}

static void have(vmm_pa_t pa, unsigned order, uint32_t now)
{
	for (uint64_t i = 0; i < UINT64_C(1) << order; i++)
		CHECK_EQ(__atomic_exchange_n(&had[(pa - BASE) / PAGE + i], now,
				 __ATOMIC_RELAXED),
			1 - now);
}

/* The inline calls of an order that is a constant are others. */
static int get(struct vmm_pmem_cpu *cpu, unsigned order, vmm_pa_t *pa_out)
{
	return order == 0 ? vmm_pmem_cache_alloc(cpu, 0, pa_out)
			  : vmm_pmem_cache_alloc(cpu, order, pa_out);
}

static int put(struct vmm_pmem_cpu *cpu, vmm_pa_t pa, unsigned order)
{
	return order == 0 ? vmm_pmem_cache_free(cpu, pa, 0)
			  : vmm_pmem_cache_free(cpu, pa, order);
}

/* The counts may be read at any time; each stack is within its depth then. */
static void read_counts(void)
{
	struct vmm_pmem_cache_stat stat;

	vmm_pmem_cache_stat(&cache, &stat);
	CHECK(stat.parked <= CPUS * 2 * (16 + (6 << 2) + (2 << 9)));
	CHECK_EQ(stat.refused, 0);
}

/* A run comes out of a slot, another goes in: one of its own, or none. */
static void pass(struct rng *rng, struct vmm_pmem_cpu *cpu, bool refill)
{
	static const unsigned orders[] = {0, 0, 0, 0, 1, 2, 4, 9};
	const unsigned order = orders[rng_below(rng, 8)];
	uint64_t mine = 0;
	vmm_pa_t pa;

	if (refill && get(cpu, order, &pa) == VMM_OK) {
		have(pa, order, 1);
		mine = pa | order;
	}
	mine = __atomic_exchange_n(
		&slots[rng_below(rng, SLOTS)], mine, __ATOMIC_ACQ_REL);
	if (mine == 0)
		return;
	pa = mine & ~(PAGE - 1);
	have(pa, mine & (PAGE - 1), 0);
	CHECK_EQ(put(cpu, pa, mine & (PAGE - 1)), VMM_OK);
}

static void churn(unsigned number)
{
	struct rng rng = {test_seed * 100 + number};

	for (unsigned i = 0; i < STEPS * test_factor; i++) {
		/* The CPU is a hint: any of them will do. */
		struct vmm_pmem_cpu *cpu = vmm_pmem_cache_cpu(
			&cache, (uint32_t)rng_below(&rng, CPUS));
		const struct vmm_pmem_request request = {
			.count = 3, .align_order = 1};
		vmm_pa_t pa;

		pass(&rng, cpu, rng_below(&rng, 16) != 0);
		if (i % 64 == 0)
			(void)!vmm_pmem_cache_drain(cpu);
		if (i % 64 == 1)
			read_counts();
		if (i % 100 == 0 && vmm_pmem_cache_xalloc(&cache, &request, &pa,
					    NULL) == VMM_OK) {
			have(pa, 0, 1);
			have(pa, 0, 0);
			CHECK_EQ(vmm_pmem_cache_free_range(&cache, pa, 3),
				VMM_OK);
		}
	}
}

static void empty_slots(void)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		const vmm_pa_t pa = slots[i] & ~(PAGE - 1);
		const unsigned order = (unsigned)(slots[i] & (PAGE - 1));

		if (slots[i] == 0)
			continue;
		have(pa, order, 0);
		CHECK_EQ(vmm_pmem_cache_free(
				 vmm_pmem_cache_cpu(&cache, i), pa, order),
			VMM_OK);
		slots[i] = 0;
	}
}

TEST(race_pmem_two_threads_lifo)
{
	open(VMM_PMEM_LIFO);
	test_threads(2, churn);
	empty_slots();
	close();
}

TEST(race_pmem_two_threads_split)
{
	open(VMM_PMEM_SPLIT);
	test_threads(2, churn);
	empty_slots();
	close();
}

/* More threads than CPUs, so that magazines are found taken. */
TEST(race_pmem_more_threads_than_cpus)
{
	struct vmm_pmem_cache_stat stat;

	open(VMM_PMEM_LIFO);
	test_threads(THREADS, churn);
	vmm_pmem_cache_stat(&cache, &stat);
	CHECK(stat.busy > 0);
	empty_slots();
	close();
}

/*
 * Two threads free the same frame at the same moment, over and over: one of
 * them is refused, each time, and it does not matter which.
 */
static struct vmm_pmem_zones set;
static struct vmm_pmem_zone zones[1];
static uint32_t zone_order[1];
static uint32_t owners[FRAMES];
static uint32_t shares[FRAMES];
static struct vmm_pmem_frames frames;
static vmm_pa_t target;
static unsigned rounds;	 /* started */
static unsigned arrived; /* frees of all rounds */
static unsigned refused;

#define ROUNDS 3000

static void free_target(uint32_t cpu)
{
	for (unsigned i = 1; i <= ROUNDS; i++) {
		int err;

		while (__atomic_load_n(&rounds, __ATOMIC_ACQUIRE) != i)
			test_yield();
		err = vmm_pmem_frames_free(&frames, cpu, target, 0);
		if (err != VMM_OK) {
			CHECK_EQ(err, VMM_EEXIST);
			__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
		}
		__atomic_fetch_add(&arrived, 1, __ATOMIC_ACQ_REL);
	}
}

static void alloc_target(void)
{
	const struct vmm_pmem_want want = {.owner = 1};

	for (unsigned i = 1; i <= ROUNDS; i++) {
		CHECK_EQ(
			vmm_pmem_frames_alloc(&frames, &want, &target), VMM_OK);
		__atomic_store_n(&rounds, i, __ATOMIC_RELEASE);
		while (__atomic_load_n(&arrived, __ATOMIC_ACQUIRE) != 2 * i)
			test_yield();
		CHECK_EQ(refused, i);
	}
}

static void free_twice(unsigned number)
{
	if (number == 0)
		alloc_target();
	else
		free_target(number - 1);
}

static void open_frames(void)
{
	const struct vmm_pmem_zone zone = {
		.cache = &cache, .owners = owners, .shares = shares};

	open(VMM_PMEM_LIFO);
	vmm_pmem_zones_init(&set, zones, 1, zone_order, 1, NULL);
	CHECK_EQ(vmm_pmem_zones_add(&set, &zone), VMM_OK);
	vmm_pmem_frames_init(&frames, &set, NULL);
}

TEST(race_pmem_double_free_at_the_same_moment)
{
	open_frames();
	test_threads(3, free_twice);
	close();
}

/* Holders come and go on all threads; the last one frees the frame, once. */
static unsigned freed;

static void share_target(unsigned cpu)
{
	for (unsigned i = 0; i < STEPS; i++) {
		bool last = true;

		CHECK_EQ(vmm_pmem_frames_get(&frames, target), VMM_OK);
		CHECK_EQ(vmm_pmem_frames_put(&frames, cpu, target, 0, &last),
			VMM_OK);
		CHECK(!last);
	}
	for (unsigned i = 0; i < 2; i++) {
		bool last = false;

		CHECK_EQ(vmm_pmem_frames_put(&frames, cpu, target, 0, &last),
			VMM_OK);
		if (last)
			__atomic_fetch_add(&freed, 1, __ATOMIC_RELAXED);
	}
}

TEST(race_pmem_shares)
{
	const struct vmm_pmem_want want = {.owner = 1};

	open_frames();
	CHECK_EQ(vmm_pmem_frames_alloc(&frames, &want, &target), VMM_OK);
	/* Two holders for each thread. */
	for (unsigned i = 1; i < 2 * THREADS; i++)
		CHECK_EQ(vmm_pmem_frames_get(&frames, target), VMM_OK);
	test_threads(THREADS, share_target);
	CHECK_EQ(freed, 1);
	close();
}
