/* SPDX-License-Identifier: MIT */
/* Sets of zones: where to cut, whom to ask, what comes back. */
#include <vmm/pmem_zones.h>

#include "support/test.h"

#define PAGE   VMM_PAGE_SIZE
#define ZONES  6
#define NODES  2
#define META   (64 * 1024)
#define MEMORY 8192

static struct vmm_mem_range ranges[64];
static struct vmm_memmap map;
static struct vmm_pmem_bank banks[ZONES];
static uint32_t banks_count;
static struct vmm_pmem pmem[ZONES];
static struct vmm_pmem_cache caches[ZONES];
static _Alignas(64) unsigned char metas[ZONES][META];
static _Alignas(64) unsigned char memory[ZONES][MEMORY];
static _Alignas(8) uint8_t marks[ZONES][META];
static struct vmm_pmem_zones set;
static struct vmm_pmem_zone zones[ZONES];
static uint32_t order[VMM_PMEM_ZONES_ORDER(ZONES, NODES)];

static void add_ram(vmm_pa_t base, uint64_t size)
{
	CHECK_EQ(vmm_memmap_add(&map, base, size), VMM_OK);
}

static int cut(const vmm_pa_t *cuts, uint32_t count, uint32_t max)
{
	return vmm_pmem_banks(&map, cuts, count, banks, max, &banks_count);
}

static void expect_bank(uint32_t i, vmm_pa_t base, uint64_t size)
{
	CHECK(i < banks_count);
	CHECK_EQ(banks[i].min, base);
	CHECK_EQ(banks[i].last, base + (size - 1));
}

TEST(unit_pmem_zones_banks)
{
	const vmm_pa_t cuts[] = {VMM_GIB(4), VMM_GIB(5)};
	const vmm_pa_t top = UINT64_MAX - VMM_MIB(4) + 1;

	vmm_memmap_init(&map, ranges, 64);
	CHECK_EQ(cut(NULL, 0, ZONES), VMM_ENOENT);
	/* One bank in spite of a hole of 15 MiB and of kinds; a hole later
	 * another one, across 4 GiB and up to 5 GiB; and the last memory. */
	add_ram(VMM_GIB(1) + 5, VMM_MIB(33));
	add_ram(VMM_GIB(1) + VMM_MIB(48), VMM_MIB(16));
	CHECK_EQ(vmm_memmap_reserve(
			 &map, VMM_GIB(1) + VMM_MIB(50), PAGE, VMM_MEM_LOADER),
		VMM_OK);
	add_ram(VMM_GIB(3), VMM_GIB(3));
	add_ram(top, VMM_MIB(4));
	CHECK_EQ(cut(cuts, 2, ZONES), VMM_OK);
	CHECK_EQ(banks_count, 5);
	expect_bank(0, VMM_GIB(1) + PAGE, VMM_MIB(64) - PAGE);
	expect_bank(1, VMM_GIB(3), VMM_GIB(1));
	expect_bank(2, VMM_GIB(4), VMM_GIB(1));
	expect_bank(3, VMM_GIB(5), VMM_GIB(1));
	expect_bank(4, top, VMM_MIB(4));
	CHECK_EQ(cut(cuts, 2, 4), VMM_ENOMEM);
	CHECK_EQ(cut(NULL, 0, ZONES), VMM_OK);
	CHECK_EQ(banks_count, 3);

	/* A cut in a hole that is no border otherwise. */
	vmm_memmap_init(&map, ranges, 64);
	add_ram(VMM_GIB(4) - VMM_MIB(4), VMM_MIB(2));
	add_ram(VMM_GIB(4) + VMM_MIB(2), VMM_MIB(2));
	CHECK_EQ(cut(cuts, 2, ZONES), VMM_OK);
	CHECK_EQ(banks_count, 2);
	expect_bank(1, VMM_GIB(4) + VMM_MIB(2), VMM_MIB(2));
}

/* A sparse map pays for its RAM, and nothing for a terabyte of holes. */
TEST(unit_pmem_zones_holes_cost_nothing)
{
	uint64_t sum = 0;

	vmm_memmap_init(&map, ranges, 64);
	for (unsigned i = 0; i < 4; i++)
		add_ram(VMM_TIB(i) / 4 + VMM_GIB(1), VMM_MIB(256));
	CHECK_EQ(cut(NULL, 0, ZONES), VMM_OK);
	CHECK_EQ(banks_count, 4);
	for (uint32_t i = 0; i < banks_count; i++) {
		const struct vmm_pmem_config config = {
			.min = banks[i].min, .last = banks[i].last};
		uint64_t size;

		CHECK_EQ(vmm_pmem_meta_size(&map, &config, &size), VMM_OK);
		sum += size;
	}
	CHECK(sum <= VMM_KIB(36));
}

static void init_zone(uint32_t i, vmm_pa_t base, uint64_t size)
{
	static const struct vmm_pmem_depth depths[] = {{0, 8}};
	const struct vmm_pmem_cache_config config = {
		.cpus = 2, .depths = depths, .depths_count = 1};
	const struct vmm_pmem_config window = {
		.min = base, .last = base + (size - 1)};
	uint64_t meta;

	add_ram(base, size);
	CHECK_EQ(vmm_pmem_meta_size(&map, &window, &meta), VMM_OK);
	CHECK(meta <= META);
	CHECK_EQ(
		vmm_pmem_init(&pmem[i], &map, &window, metas[i], META), VMM_OK);
	CHECK_EQ(vmm_pmem_cache_init(
			 &caches[i], &pmem[i], &config, memory[i], marks[i]),
		VMM_OK);
}

static int add(uint32_t i, uint32_t node)
{
	const struct vmm_pmem_zone zone = {.cache = &caches[i], .node = node};

	return vmm_pmem_zones_add(&set, &zone);
}

/* Node 0 below and above 4 GiB, node 1 at 64 GiB; added in any order. */
static void open(const struct vmm_pmem_distance *distance)
{
	vmm_memmap_init(&map, ranges, 64);
	init_zone(0, VMM_GIB(2), VMM_MIB(4));
	init_zone(1, VMM_GIB(5), VMM_MIB(4));
	init_zone(2, VMM_GIB(64), VMM_MIB(4));
	vmm_pmem_zones_init(&set, zones, ZONES, order, NODES, distance);
	CHECK_EQ(add(1, 0), VMM_OK);
	CHECK_EQ(add(2, 1), VMM_OK);
	CHECK_EQ(add(0, 0), VMM_OK);
	CHECK_EQ(vmm_pmem_zones_check(&set), VMM_OK);
}

static vmm_pa_t get(uint32_t node, unsigned n)
{
	vmm_pa_t pa = 1;

	CHECK_EQ(vmm_pmem_zones_alloc(&set, node, node, n, &pa), VMM_OK);
	return pa;
}

static void expect_used(uint64_t used)
{
	struct vmm_pmem_zones_stat stat;

	vmm_pmem_zones_stat(&set, &stat);
	CHECK_EQ(stat.used, used);
	CHECK_EQ(stat.managed, stat.free + stat.parked + stat.held + used);
}

/* The nearest node first, in it the highest first, the others when it is full;
 * and what comes back goes where it came from. */
TEST(unit_pmem_zones_fallback)
{
	static vmm_pa_t got[3 * 1024];
	vmm_pa_t pa = 1;
	size_t n = 0;

	open(NULL);
	CHECK(get(1, 9) >= VMM_GIB(64));
	CHECK(get(1, 9) >= VMM_GIB(64));
	CHECK_EQ(get(1, 9), VMM_GIB(5) + VMM_MIB(2));
	expect_used(3 * 512);
	CHECK_EQ(vmm_pmem_zones_free(&set, 0, VMM_GIB(64), 9), VMM_OK);
	CHECK_EQ(vmm_pmem_zones_free(&set, 0, VMM_GIB(64) + VMM_MIB(2), 9),
		VMM_OK);
	CHECK_EQ(vmm_pmem_zones_free_range(&set, VMM_GIB(5) + VMM_MIB(2), 512),
		VMM_OK);
	expect_used(0);
	while (vmm_pmem_zones_alloc(&set, (uint32_t)n % 2, 0, 0, &pa) ==
		VMM_OK) {
		CHECK(n < 3 * 1024);
		CHECK_EQ(pa >> 32, n < 1024 ? 1 : n < 2048 ? 0 : 16);
		got[n++] = pa;
	}
	CHECK_EQ(n, 3 * 1024);
	expect_used(n);
	for (size_t i = 0; i < n; i++) {
		CHECK_EQ(vmm_pmem_zones_free(&set, 1, got[i], 0), VMM_OK);
		CHECK_EQ(vmm_pmem_zones_free(&set, 0, got[i], 0), VMM_EEXIST);
	}
	expect_used(0);
	CHECK_EQ(vmm_pmem_zones_check(&set), VMM_OK);
}

/* A device with short addresses, on whichever node. */
TEST(unit_pmem_zones_xalloc)
{
	struct vmm_pmem_request request = {.count = 3, .last = VMM_GIB(4) - 1};
	vmm_pa_t pa = 1;
	uint64_t n = 0;

	open(NULL);
	CHECK_EQ(vmm_pmem_zones_xalloc(&set, 1, &request, &pa, NULL), VMM_OK);
	CHECK_EQ(pa, VMM_GIB(2));
	request.last = VMM_GIB(1);
	CHECK_EQ(vmm_pmem_zones_xalloc(&set, 1, &request, &pa, NULL),
		VMM_ENOMEM);
	request.count = 0;
	CHECK_EQ(vmm_pmem_zones_xalloc(&set, 1, &request, &pa, NULL),
		VMM_EINVAL);
	/* No run crosses zones; as long as there is one. */
	request = (struct vmm_pmem_request){.count = 4000, .count_least = 1};
	CHECK_EQ(vmm_pmem_zones_xalloc(&set, 1, &request, &pa, &n), VMM_OK);
	CHECK_EQ(pa, VMM_GIB(64));
	CHECK_EQ(n, 1024);
}

/* Distances of the kernel's: node 0 is far from everybody. */
static uint32_t far_from_0(void *ctx, uint32_t from, uint32_t to)
{
	CHECK(ctx == &set);
	return to == 0 ? 40 : from == to ? 10 : 20;
}

TEST(unit_pmem_zones_distance)
{
	const struct vmm_pmem_distance distance = {far_from_0, &set};

	open(&distance);
	CHECK(get(0, 9) >= VMM_GIB(64));
	CHECK(get(0, 9) >= VMM_GIB(64));
	CHECK_EQ(get(0, 9) >> 32, 1);
}

TEST(unit_pmem_zones_add_and_remove)
{
	vmm_pa_t pa;

	open(NULL);
	CHECK_EQ(add(1, 0), VMM_EEXIST);
	CHECK_EQ(add(1, NODES), VMM_EINVAL);
	pa = get(1, 0);
	CHECK_EQ(vmm_pmem_zones_remove(&set, &caches[2]), VMM_EBUSY);
	CHECK_EQ(vmm_pmem_zones_free(&set, 0, pa, 0), VMM_OK);
	CHECK_EQ(vmm_pmem_zones_remove(&set, &caches[2]), VMM_OK);
	CHECK_EQ(vmm_pmem_zones_remove(&set, &caches[2]), VMM_ENOENT);
	CHECK_EQ(vmm_pmem_zones_free(&set, 0, pa, 0), VMM_ERANGE);
	CHECK_EQ(vmm_pmem_zones_check(&set), VMM_OK);
	CHECK_EQ(get(1, 0) >> 32, 1);
	CHECK_EQ(add(2, 1), VMM_OK);
	CHECK(get(1, 0) >= VMM_GIB(64));
	/* Full, and between two others. */
	set.max = 3;
	init_zone(3, VMM_GIB(3), VMM_MIB(2));
	CHECK_EQ(add(3, 0), VMM_ENOMEM);
	set.max = ZONES;
	CHECK_EQ(vmm_pmem_zones_remove(&set, &caches[0]), VMM_OK);
	CHECK_EQ(add(3, 1), VMM_OK);
	CHECK(vmm_pmem_zones_find(&set, VMM_GIB(3) + 77)->cache == &caches[3]);
	CHECK(vmm_pmem_zones_find(&set, VMM_GIB(2)) == NULL);
	CHECK(vmm_pmem_zones_find(&set, UINT64_MAX) == NULL);
	CHECK_EQ(vmm_pmem_zones_check(&set), VMM_OK);
}

TEST(unit_pmem_zones_refuses)
{
	vmm_pa_t pa = 1;

	open(NULL);
	CHECK_EQ(vmm_pmem_zones_alloc(&set, 0, NODES, 0, &pa), VMM_EINVAL);
	CHECK_EQ(vmm_pmem_zones_alloc(&set, 0, 0, 28, &pa), VMM_EINVAL);
	CHECK_EQ(vmm_pmem_zones_alloc(&set, 0, 0, 12, &pa), VMM_ENOMEM);
	CHECK_EQ(vmm_pmem_zones_free(&set, 0, 0, 0), VMM_ERANGE);
	CHECK_EQ(vmm_pmem_zones_free(&set, 0, VMM_GIB(2) + 1, 0), VMM_EINVAL);
	CHECK_EQ(vmm_pmem_zones_free(&set, 0, VMM_GIB(2), 28), VMM_EINVAL);
	CHECK_EQ(vmm_pmem_zones_free(&set, 0, VMM_GIB(2), 0), VMM_EEXIST);
	CHECK_EQ(vmm_pmem_zones_free_range(&set, 0, 1), VMM_ERANGE);
	CHECK_EQ(vmm_pmem_zones_free_range(&set, VMM_GIB(2), 0), VMM_EINVAL);
	CHECK_EQ(
		vmm_pmem_zones_free_range(&set, VMM_GIB(2) + 1, 1), VMM_EINVAL);
	CHECK_EQ(pa, 1);
}

TEST(unit_pmem_zones_text)
{
	static char buffer[4096];
	struct test_text text;
	struct vmm_sink sink = test_text_sink(&text, buffer, sizeof(buffer));

	open(NULL);
	(void)get(1, 0);
	vmm_pmem_zones_line(&set, &sink);
	CHECK(test_text_has(&text,
		"frames: 3072 managed, 3068 free, 3 parked, 1 used; "
		"17% of the free not in blocks of 2M"));
	vmm_pmem_zones_dump(&set, &sink);
	CHECK(test_text_has(&text, "0 asks zones 1 0 2\n1 asks zones 2 1 0\n"));
	CHECK(test_text_has(&text, "zone 2 on node 1\n"));
	CHECK(test_text_has(&text, "3 frames parked; 1 refills"));
}

/*
 * A lock that, whenever it is let go, takes all of the zone away or gives it
 * back: as other CPUs might.
 */
static struct {
	bool held;
	bool taken; /* the whole of the zone, by others */
	uint64_t count;
} others;

static void others_acquire(void *ctx)
{
	CHECK(ctx == &others);
	CHECK(!others.held);
	others.held = true;
	others.count++;
}

static void others_release(void *ctx)
{
	struct vmm_pmem *zone = &pmem[0];
	const vmm_pa_t base = vmm_pfn_to_pa(zone->first);

	CHECK(ctx == &others);
	CHECK(others.held);
	others.held = false;
	if (others.taken)
		CHECK_EQ(vmm_pmem_free_range(zone, base, zone->count), VMM_OK);
	else
		CHECK_EQ(vmm_pmem_claim(zone, base, zone->count), VMM_OK);
	others.taken = !others.taken;
}

static void others_write(void *ctx, const char *text, size_t size)
{
	(void)ctx, (void)text, (void)size;
	CHECK(!others.held);
}

/*
 * A lock is held for at most sixteen blocks, and never while the sink is called;
 * and figures of different moments make no nonsense.
 */
TEST(unit_pmem_zones_lock_is_not_held_for_long)
{
	static const struct vmm_lock lock = {
		others_acquire, others_release, &others};
	const struct vmm_sink sink = {.write = others_write};
	struct vmm_pmem_zones_stat stat;

	vmm_memmap_init(&map, ranges, 64);
	init_zone(0, VMM_GIB(2), VMM_MIB(82));
	caches[0].lock = &lock;
	vmm_pmem_zones_init(&set, zones, ZONES, order, NODES, NULL);
	CHECK_EQ(add(0, 0), VMM_OK);
	others.count = 0;
	others.taken = false;
	vmm_pmem_zones_stat(&set, &stat);
	/* 16, 16 and 9 blocks, and the counts: at the first and the third step
	 * all was free, at the end nothing. */
	CHECK_EQ(others.count, 4);
	CHECK_EQ(stat.managed, 41 * 512);
	CHECK_EQ(stat.free, 0);
	CHECK_EQ(stat.whole, 0);
	CHECK_EQ(stat.used, 41 * 512);
	others.count = 0;
	vmm_pmem_zones_dump(&set, &sink);
	CHECK(others.count >= 4 + 4 + 2);
}

/* The check sees a broken order and zones out of order. */
TEST(corrupt_pmem_zones)
{
	struct vmm_pmem_zone zone;

	open(NULL);
	order[0] = 7;
	CHECK_EQ(vmm_pmem_zones_check(&set), VMM_ECORRUPT);
	order[0] = order[1];
	CHECK_EQ(vmm_pmem_zones_check(&set), VMM_ECORRUPT);
	open(NULL);
	zone = zones[0];
	zones[0] = zones[1];
	zones[1] = zone;
	CHECK_EQ(vmm_pmem_zones_check(&set), VMM_ECORRUPT);
	open(NULL);
	zones[1].node = NODES;
	CHECK_EQ(vmm_pmem_zones_check(&set), VMM_ECORRUPT);
	open(NULL);
	set.count = ZONES + 1;
	CHECK_EQ(vmm_pmem_zones_check(&set), VMM_ECORRUPT);
	open(NULL);
	pmem[2].free--;
	CHECK_EQ(vmm_pmem_zones_check(&set), VMM_ECORRUPT);
}
