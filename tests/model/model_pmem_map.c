/* SPDX-License-Identifier: MIT */
/*
 * From a firmware's map to the last frame and back. A map of a thousand
 * entries, made by unaligned and overlapping calls, becomes a zone; all its
 * frames are allocated, freed, and the zone is as it was. What each frame is
 * follows from a model of the calls: two facts for each unit of 64 bytes.
 */
#include <vmm/pmem.h>

#include "support/test.h"

#define PAGE	  VMM_PAGE_SIZE
#define BASE	  UINT64_C(0x80003000)
#define FRAMES	  4096
#define UNIT	  64
#define PER_FRAME (VMM_PAGE_SIZE / UNIT)
#define UNITS	  (FRAMES * PER_FRAME)
#define ENTRIES	  1000

static uint8_t kinds[UNITS];
static uint8_t ram[UNITS];
static uint8_t frame_kind[FRAMES]; /* VMM_MEM_KIND_COUNT: no RAM */
static uint8_t taken[FRAMES];	   /* 0, or the order it was taken with, + 1 */
static struct vmm_mem_range ranges[8192];
static struct vmm_memmap map;
static struct vmm_pmem zone;
static _Alignas(64) unsigned char meta[128 * 1024];
static struct rng rng;

/* One call, in units; the model first. */
static void call(uint64_t at, uint64_t n, unsigned kind)
{
	const vmm_pa_t base = BASE + at * UNIT;
	int err = kind == 0 ? vmm_memmap_add(&map, base, n * UNIT)
			    : vmm_memmap_reserve(&map, base, n * UNIT,
				      (enum vmm_mem_kind)kind);

	CHECK_EQ(err, VMM_OK);
	for (uint64_t i = at; i < at + n; i++) {
		if (kind == 0)
			ram[i] = 1;
		else if (kind > kinds[i])
			kinds[i] = (uint8_t)kind;
	}
}

/* Banks that overlap, then small pieces until the table is long enough. */
static void make_map(void)
{
	vmm_memmap_init(&map, ranges, sizeof(ranges) / sizeof(ranges[0]));
	for (uint64_t i = 0; i < UNITS; i++)
		kinds[i] = ram[i] = 0;
	for (unsigned i = 0; i < 12; i++) {
		const uint64_t n = UNITS / 16 + rng_below(&rng, UNITS / 16);

		call(rng_below(&rng, UNITS - n), n, 0);
	}
	while (map.count < ENTRIES) {
		const uint64_t n = 1 + rng_below(&rng, 3 * PER_FRAME);
		const unsigned kind = (unsigned)rng_below(&rng, 16);

		call(rng_below(&rng, UNITS - n), n,
			kind < VMM_MEM_KIND_COUNT ? kind : VMM_MEM_LOADER);
	}
	CHECK_EQ(vmm_memmap_check(&map), VMM_OK);
}

/* Every frame that is RAM as a whole and in the window, by its bytes. */
static void find_frames(vmm_pa_t min, vmm_pa_t last)
{
	for (uint64_t f = 0; f < FRAMES; f++) {
		const vmm_pa_t pa = BASE + f * PAGE;
		uint8_t kind = 0;

		for (uint64_t i = f * PER_FRAME; i < (f + 1) * PER_FRAME; i++) {
			if (ram[i] == 0)
				kind = VMM_MEM_KIND_COUNT;
			kind = kinds[i] > kind ? kinds[i] : kind;
		}
		if (pa < min || pa + (PAGE - 1) > last)
			kind = VMM_MEM_KIND_COUNT;
		frame_kind[f] = kind;
		taken[f] = 0;
	}
}

static uint64_t count_of(enum vmm_mem_kind kind)
{
	uint64_t count = 0;

	for (uint64_t f = 0; f < FRAMES; f++)
		count += frame_kind[f] == kind;
	return count;
}

static void compare_free(void)
{
	for (uint64_t f = 0; f < FRAMES; f++)
		CHECK_EQ(vmm_pmem_is_free(&zone, BASE + f * PAGE + f % PAGE),
			frame_kind[f] == VMM_MEM_FREE && taken[f] == 0);
}

/* One run of a random order, or of the next lower one that there is. */
static bool alloc_one(void)
{
	unsigned order = (unsigned)rng_below(&rng, 11);
	vmm_pa_t pa;
	uint64_t f;

	while (vmm_pmem_alloc(&zone, order, &pa) != VMM_OK) {
		if (order == 0)
			return false;
		order--;
	}
	f = (pa - BASE) / PAGE;
	CHECK(pa >= BASE && f + (UINT64_C(1) << order) <= FRAMES);
	for (uint64_t i = 0; i < UINT64_C(1) << order; i++) {
		CHECK_EQ(frame_kind[f + i], VMM_MEM_FREE);
		CHECK_EQ(taken[f + i], 0);
		taken[f + i] = (uint8_t)(order + 1);
	}
	return true;
}

static void alloc_all(void)
{
	while (alloc_one())
		;
	CHECK_EQ(zone.free, 0);
}

/* In address order, each as it was taken. */
static void free_all(void)
{
	for (uint64_t f = 0; f < FRAMES; f++) {
		unsigned order;

		if (taken[f] == 0)
			continue;
		order = taken[f] - 1u;
		CHECK_EQ(vmm_pmem_free(&zone, BASE + f * PAGE, order), VMM_OK);
		for (uint64_t i = 0; i < UINT64_C(1) << order; i++)
			taken[f + i] = 0;
	}
}

/* All frames out and in again: stat and runs are what they were. */
static void turn(uint64_t frames)
{
	struct vmm_pmem_stat before;
	struct vmm_pmem_stat after;
	struct vmm_pmem_runs runs_before;
	struct vmm_pmem_runs runs_after;

	vmm_pmem_stat(&zone, &before);
	vmm_pmem_runs(&zone, &runs_before);
	CHECK_EQ(before.managed, frames);
	CHECK_EQ(before.free, frames);
	CHECK_EQ(before.used, 0);
	compare_free();
	alloc_all();
	compare_free();
	CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);
	free_all();
	compare_free();
	CHECK_EQ(vmm_pmem_check(&zone), VMM_OK);
	vmm_pmem_stat(&zone, &after);
	vmm_pmem_runs(&zone, &runs_after);
	CHECK_EQ(after.base, before.base);
	CHECK_EQ(after.count, before.count);
	CHECK_EQ(after.managed, before.managed);
	CHECK_EQ(after.free, before.free);
	CHECK_EQ(after.used, 0);
	CHECK_EQ(after.used_peak, frames);
	for (unsigned i = 0; i <= VMM_PMEM_BLOCK_ORDER; i++)
		CHECK_EQ(runs_after.runs[i], runs_before.runs[i]);
}

/* Release kind after kind; each turn has more frames than the one before. */
static void live(const struct vmm_pmem_config *config)
{
	static const enum vmm_mem_kind later[] = {
		VMM_MEM_LOADER, VMM_MEM_ACPI, VMM_MEM_NVRAM};
	uint64_t managed;
	uint64_t size;

	CHECK_EQ(vmm_pmem_meta_size(&map, config, &size), VMM_OK);
	CHECK(size <= sizeof(meta));
	CHECK_EQ(vmm_pmem_init(&zone, &map, config, meta, size), VMM_OK);
	managed = count_of(VMM_MEM_FREE);
	turn(managed);
	for (unsigned i = 0; i < 3; i++) {
		const uint64_t more = count_of(later[i]);
		uint64_t released;

		CHECK_EQ(vmm_pmem_release(&zone, later[i], &released), VMM_OK);
		CHECK_EQ(released, more);
		for (uint64_t f = 0; f < FRAMES; f++) {
			if (frame_kind[f] == (uint8_t)later[i])
				frame_kind[f] = VMM_MEM_FREE;
		}
		managed += more;
		turn(managed);
	}
}

TEST(model_pmem_map_all_of_it)
{
	rng.state = test_seed;
	for (unsigned round = 0; round < 4 * test_factor; round++) {
		make_map();
		find_frames(0, UINT64_MAX);
		live(NULL);
	}
}

/* Two zones whose border is anywhere: each has its own whole frames. */
TEST(model_pmem_map_cut_in_two)
{
	rng.state = test_seed + 1;
	for (unsigned round = 0; round < 4 * test_factor; round++) {
		struct vmm_pmem_config low = {.ranges_spare = 1};
		struct vmm_pmem_config high = {0};

		make_map();
		low.last = BASE + FRAMES / 4 * PAGE +
			   rng_below(&rng, FRAMES / 2 * PAGE);
		high.min = low.last + 1;
		find_frames(0, low.last);
		live(&low);
		find_frames(high.min, UINT64_MAX);
		live(&high);
	}
}
